"""A JupyterLab server for tests: a free port, nobody's settings, and nothing left running afterwards."""

import contextlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
from classes import clean_environment
from waiting import LONG

SECONDS_TO_START = 2 * LONG


@dataclass(frozen=True)
class Lab:
    url: str
    token: str

    def address(self, path):
        """Where a page of the server is, `lab/tree/course/start.ipynb` for example; "" is where a browser begins."""
        return f"{self.url}{path}?token={self.token}"

    def end_kernels(self):
        """End every kernel that earlier pages have left running: a page that was closed while its kernel started can
        leave it so that the next page waits for it without end."""
        for session in json.loads(self._ask("GET", "api/sessions")):
            self._ask("DELETE", f"api/sessions/{session['id']}")

    def _ask(self, method, path):
        with urllib.request.urlopen(urllib.request.Request(self.address(path), method=method), timeout=60) as answer:
            return answer.read()


@contextlib.contextmanager
def running_lab(root, *options, theme="JupyterLab Light"):
    """JupyterLab in the folder `root`. When it is left, the server and all its kernels have ended."""
    token = secrets.token_hex(16)
    env = clean_environment(root)
    _write_settings(Path(env["JUPYTER_CONFIG_DIR"]), theme)
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--IdentityProvider.token={token}", *options]
    with (root / ".jupyter" / "lab.log").open("w+") as log:
        server = subprocess.Popen(command, cwd=root, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield Lab(_url(server, Path(env["JUPYTER_RUNTIME_DIR"]), log), token)
        finally:
            _stop(server)


def _write_settings(config, theme):
    """As if a student had already answered whether to be told of JupyterLab's news."""
    settings = {"notification": {"fetchNews": "false", "checkForUpdates": False}, "themes": {"theme": theme}}
    folder = config / "lab/user-settings/@jupyterlab/apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in settings.items():
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values))


def _url(server, runtime, log):
    """The address that the server writes into its runtime folder once it listens."""
    info = runtime / f"jpserver-{server.pid}.json"
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):  # not there yet, or half written
            return json.loads(info.read_text())["url"]
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read()}")


def _stop(server):
    # Kernels are in process groups of their own; a server that is asked to end ends them, one that hangs does not.
    family = [server]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=15)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()
