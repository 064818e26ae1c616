"""A hub for tests, with a class made for it: accounts, folders, an environment that they can read. Afterwards nothing is left."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import waiting
from classes import ROOT

ROLES = ("prof", "ada", "bob")
PYTHONS = (sys.base_prefix, "/usr", "/usr/local")


@dataclass
class Hub:
    """`names` are the accounts by what they are called in the test; `folder` has what `byhand hub` wrote."""

    url: str
    folder: Path
    data: Path
    environment: Path
    names: dict = field(default_factory=dict)
    passwords: dict = field(default_factory=dict)

    def home(self, who):
        return Path(pwd.getpwnam(self.names[who]).pw_dir)

    def may(self, who, *command):
        """Whether a command succeeds under somebody's account."""
        account = pwd.getpwnam(self.names[who])
        rights = dict(user=account.pw_uid, group=account.pw_gid, extra_groups=[])
        return (
            subprocess.run(command, cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, **rights).returncode
            == 0
        )


def why_not():
    """Why there can be no hub here, or None."""
    if sys.platform != "linux" or os.geteuid():
        return "a hub makes accounts, and only root on Linux can"
    for tool in ("useradd", "userdel", "chpasswd", "unshare", "git", "node"):
        if not shutil.which(tool):
            return f"a hub needs {tool}"
    if not find_proxy():
        return "a hub needs configurable-http-proxy, which .ci/run installs with npm"
    if not find_python():
        return f"there is no Python {sysconfig.get_python_version()} here that other accounts can start"
    if not everybody_enters(Path(tempfile.gettempdir())):
        return f"other accounts cannot read {tempfile.gettempdir()}"
    nobody = dict(user=65534, group=65534, extra_groups=[], capture_output=True)
    if subprocess.run(["unshare", "--user", "--map-root-user", "true"], **nobody).returncode:
        return "other accounts than root may not make namespaces here, of which the sandbox of byhand grade is made"
    return None


def find_proxy():
    here = ROOT / ".cache" / "node" / "node_modules" / ".bin" / "configurable-http-proxy"
    return shutil.which("configurable-http-proxy") or (str(here) if here.exists() else None)


def everybody_enters(path):
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def find_python():
    """A Python of this version that every account can start: not the one of root's own home."""
    for prefix in PYTHONS:
        python = Path(prefix) / "bin" / f"python{sysconfig.get_python_version()}"
        if python.exists() and everybody_enters(python.resolve().parent):
            return python
    return None


def copy_environment(target):
    """This environment at another place, for a Python that everybody can start; the course in it is no link to this folder."""
    source, python = Path(sys.prefix), find_python()

    def link(here, there):
        try:
            os.link(here, there)
        except OSError:
            shutil.copy2(here, there)

    # With what is compiled: nobody but root could keep it.
    shutil.copytree(source, target, symlinks=True, copy_function=link)
    for path in (target / "bin").iterdir():
        if path.name.startswith("python"):
            path.unlink()
        elif path.is_file() and (text := path.read_bytes()).startswith(b"#!" + bytes(source)):
            path.unlink()  # it is one file with the original's
            path.write_bytes(text.replace(bytes(source), bytes(target)))
            path.chmod(0o755)
    for name in ("python", "python3", python.name):
        (target / "bin" / name).symlink_to(python)
    (target / "pyvenv.cfg").unlink()
    (target / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    packages = target / "lib" / python.name / "site-packages"
    for path in packages.glob("__editable__*byhand*"):
        path.unlink()
    shutil.copytree(ROOT / "src" / "byhand", packages / "byhand")


def free_ports(count):
    """The first of some ports in a row that nobody listens at."""
    for first in range(20000 + secrets.randbelow(20000), 60000, count):
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + count):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError("no ports are free")


def commit_of_now(target):
    """A clone of the course as it lies here, with what is not committed."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, target], check=True)
    changed = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    new = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if changed:
        subprocess.run(["git", "apply"], input=changed, cwd=target, check=True)
    for name in filter(None, new.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", "add", "--all"], cwd=target, check=True)
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "-m", "as it is"], cwd=target, check=True)


def in_the_background():
    """As a shell that runs a script begins what ends in "&": interrupts are ignored, by all that it starts in turn."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def running_hub():
    """A hub with an instructor, prof, and two students, ada and bob. When it is left, hub, accounts and folders are gone."""
    mark = secrets.token_hex(3)
    names = {role: f"byhand-test-{role}-{mark}" for role in ROLES}
    account = f"byhand-test-class-{mark}"
    scratch = Path(tempfile.mkdtemp(prefix="byhand-hub-"))
    scratch.chmod(0o755)
    process = None
    try:
        environment, course, folder, data = (scratch / name for name in ("env", "course", "hub", "srv"))
        copy_environment(environment)
        commit_of_now(course)
        course.chmod(0o700)
        port = free_ports(4)
        clean = {"PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "HOME": str(scratch)}
        subprocess.run(
            [environment / "bin/byhand", "hub", folder], cwd=course, env=clean, check=True, stdout=subprocess.DEVNULL
        )
        settings = (folder / "hub.toml").read_text()
        for name, value in {"data": str(data), "account": account, "port": port, "proxy": find_proxy()}.items():
            value = f'"{value}"' if isinstance(value, str) else value
            settings = re.sub(rf"^{name} = \S+", f"{name} = {value}", settings, flags=re.M)
        (folder / "hub.toml").write_text(settings)
        lines = [f"{name},{'instructor' if role == 'prof' else 'student'},{role}" for role, name in names.items()]
        with (folder / "people.csv").open("a") as people:
            people.write("\n".join(lines) + "\n")
        done = subprocess.run([folder / "set_up"], env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        table = [line.split(",") for line in (folder / "passwords.csv").read_text().splitlines()[1:]]
        passwords = {role: password for _, role, password in table}
        log = (data / "hub" / "log").open("w+")
        command = [environment / "bin/jupyterhub", "--config", folder / "jupyterhub_config.py"]
        process = subprocess.Popen(
            command, cwd=folder, env=clean, stdout=log, stderr=subprocess.STDOUT, preexec_fn=in_the_background
        )

        def runs():
            said = Path(log.name).read_text()
            assert process.poll() is None, said
            return "JupyterHub is now running" in said

        waiting.until(runs, "the hub to run")
        hub = Hub(f"http://127.0.0.1:{port}", folder, data, environment, {**names, "class": account}, passwords)
        yield hub
    finally:
        if process:
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.send_signal(signal.SIGTERM)  # it ends the servers and the proxy that it started
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(waiting.LONG)
            process.kill()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        for name in (*names.values(), account):
            with contextlib.suppress(KeyError):
                number = pwd.getpwnam(name).pw_uid
                for other in psutil.process_iter(["uids"]):
                    if other.info["uids"] and other.info["uids"].real == number:
                        with contextlib.suppress(psutil.NoSuchProcess):
                            other.kill()
            subprocess.run(["userdel", "--force", "--remove", name], capture_output=True)
        shutil.rmtree(scratch, ignore_errors=True)
