"""Set the course up and start it, with nothing but Python: on Linux, macOS and Windows, with make and without.

    python setup_course.py lab            what a student needs, then JupyterLab on the start page
    python setup_course.py light          the same without torch: for the exercises, whose checks need none
    python setup_course.py test           everything, then the tests
    python setup_course.py install LOCK   what requirements/LOCK.txt names: student, hub or all (where it is left out: student)

What comes after `lab`, `light` and `test` goes to JupyterLab and to pytest. Everything is installed into `.venv`, in versions that
were tested together, each file compared with the hash in the lock; it is done again where a lock has changed. With --here
`install` takes the environment of the Python that runs it instead, for example conda's.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
INSTALLED = VENV / "installed"  # the lock that was installed, and a digest of what it came from
LOCKS = ("student", "hub", "all")  # each holds the one before
# torch is not in the locks: which build of it is the right one is a matter of the machine, and each has hashes and
# libraries of its own. It comes after them, when all else that it needs is there.
TORCH = ROOT / "requirements" / "torch.txt"


def main(arguments):
    command, options = arguments[:1], arguments[1:]
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version}")
    if command in (["lab"], ["light"]):
        install("student", torch=command == ["lab"])
        run("byhand.start")
        run("jupyter", "lab", "--LabApp.default_url=/lab/tree/course/start.ipynb", "--LabApp.news_url=None", *options)
    elif command == ["test"]:
        if not (ROOT / "tests").is_dir():
            sys.exit("This copy of the course has no tests; they are in its repository.")
        install("all")
        run("pytest", "-n", "2", "--dist", "loadgroup", *options)
    elif command == ["install"] and {*options} <= {*LOCKS, "--here"}:
        lock = next((name for name in LOCKS[::-1] if name in options), "student")
        pip_install(lock, sys.executable) if "--here" in options else install(lock)
    else:
        sys.exit(__doc__)


def install(lock, torch=True):
    """Make `.venv` hold what the lock names, and torch, if it does not yet."""
    held, _, digest = INSTALLED.read_text().partition(" ") if INSTALLED.exists() else ("", "", "")
    if held in LOCKS[LOCKS.index(lock) :] and digest == digest_of(held):
        return
    name = lock if torch else f"{lock}-without-torch"
    if (held, digest) == (name, digest_of(lock)):
        return
    print(f"Installing requirements/{lock}.txt into .venv; the first time this takes a few minutes.", flush=True)
    if not Path(python()).exists():
        venv.create(VENV, with_pip=True, symlinks=sys.platform != "win32")
    pip_install(lock, python(), torch)
    INSTALLED.write_text(f"{name} {digest_of(lock)}")


def pip_install(lock, interpreter, torch=True):
    def pip(*arguments):
        done = subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *map(str, arguments)], cwd=ROOT)
        if done.returncode:
            sys.exit(done.returncode)

    pip("--require-hashes", "--requirement", ROOT / "requirements" / f"{lock}.txt")
    if torch:
        pip("--requirement", TORCH)
    # On a class's server everybody can read the environment, and nobody but instructors this folder.
    pip("--no-deps", "--no-build-isolation", *(["."] if lock == "hub" else ["--editable", "."]))
    environment = Path(sys.prefix) if interpreter == sys.executable else VENV
    put_aside(environment)
    ask_for_no_news(environment)


def put_aside(environment):
    """Take JupyterLite's kernel, which the book's build uses, from where JupyterLab would load it too, and log an error."""
    share = environment / "share" / "jupyter"
    there, aside = (share / part / "labextensions" / "@jupyterlite" for part in ("", "jupyterlite"))
    if there.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(there, aside)


def ask_for_no_news(environment):
    """JupyterLab would ask everyone at the first start whether to fetch its news, and look on another host for a newer version."""
    overrides = environment / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if not overrides.exists():  # who has some has answered
        overrides.parent.mkdir(parents=True, exist_ok=True)
        no = {"fetchNews": "false", "checkForUpdates": False}
        overrides.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": no}))


def digest_of(lock):
    files = (ROOT / "requirements" / f"{lock}.txt", TORCH, ROOT / "pyproject.toml")
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def python():
    return str(BIN / ("python.exe" if sys.platform == "win32" else "python"))


def run(module, *arguments):
    """Run a module of the environment, and end as it ends where it fails."""
    try:
        done = subprocess.run([python(), "-m", module, *arguments], cwd=ROOT)
    except KeyboardInterrupt:  # the program has had it too
        sys.exit(130)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
