"""A warm parent that forks one process for each submission: `python -m byhand.grading.server FD`.

It has imported what students import and knows nothing else: no answer, no other student. Each request comes with three
descriptors: the request itself (pickled, in memory), the line between grader and student, and a line to the keeper, the
process that stays outside of the sandbox, waits for the student's to end, and kills it where it must.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pickle
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from byhand.grading import sandbox, student

# What a notebook with a plot or an error loads, but for pyplot itself, which looks at the IPython it is imported in.
USUAL = (
    "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.registry", "matplotlib.font_manager",
    "matplotlib.projections", "matplotlib.image", "matplotlib.style", "stack_data", "executing", "asttokens", "pure_eval",
    "pygments.formatters.terminal256", "pygments.lexers.python", "IPython.core.pylabtools", "PIL.PngImagePlugin", "cloudpickle",
)  # fmt: skip
CHANNEL_FD = 3
WATCH_EVERY = 0.1  # seconds between two looks at the memory


@dataclass(frozen=True)
class Request:
    """`files` lie in `folder`, where the notebook runs; `exercises` are the names of what the unit asks."""

    files: dict[str, bytes]
    folder: str
    exercises: tuple[str, ...]
    limits: sandbox.Limits
    sandboxed: bool = True
    torch: bool = False
    hidden: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


def main(control_fd: int, imports: list[str]) -> None:
    for name in (*USUAL, *imports):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    shell = student.prepare()
    sandbox.leave_keys_behind()
    taken = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this process
    control = socket.socket(fileno=control_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a module that was imported has started a thread; it cannot be forked")
    while True:
        word, fds, _, _ = socket.recv_fds(control, 1, 3)
        if not word:
            return
        parent = os.getpid()
        if os.fork() == 0:
            control.close()
            try:
                if hasattr(os, "sched_setaffinity"):
                    sandbox.one_processor(taken.fileno())
                keep(shell, parent, *fds)
            finally:
                os._exit(1)
        for fd in fds:
            os.close(fd)


def keep(shell: student.Shell, parent: int, request_fd: int, channel_fd: int, keeper_fd: int) -> None:
    """Fork the student's process and stay with it. Tells at the end how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sandbox.die_with_parent()
    if os.getppid() != parent:  # it has died before this one could be told so
        os._exit(0)
    with os.fdopen(request_fd, "rb") as file:
        request: Request = pickle.load(file)
    line = socket.socket(fileno=keeper_fd)
    sight = OfTheTree("/proc") if sys.platform == "linux" else None
    scratch = None
    os.setsid()
    try:
        if request.sandboxed:
            hidden = (*request.hidden, *([] if request.torch else _where("torch")))
            user = sandbox.enclose(sandbox.what_python_needs(), hidden, request.limits.disk)
            sight = OfTheNamespace("/tmp")
        else:
            user, scratch = None, tempfile.mkdtemp(prefix="byhand-")
        pid = os.fork()
        if pid == 0:
            become_student(shell, request, user, scratch, channel_fd)
    except OSError as error:
        line.send(json.dumps({"trouble": str(error)}).encode())
        os._exit(0)
    os.close(channel_fd)
    end = watch(pid, line, sight, request.limits.memory)
    if scratch:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(scratch, ignore_errors=True)
    with contextlib.suppress(OSError):
        line.send(json.dumps(end).encode())
    os._exit(0)


def become_student(shell, request: Request, user, scratch: str | None, channel_fd: int) -> None:
    os.dup2(channel_fd, CHANNEL_FD)
    student.CHANNEL.open(CHANNEL_FD)
    try:
        if user:
            layers = sandbox.enter(user, request.files, request.folder, request.limits)
            home, tmp = str(sandbox.HOME), "/tmp"
        else:
            layers, home, tmp = [], scratch, scratch
            sandbox.write_files(request.files, Path(scratch, request.folder))
            os.chdir(Path(scratch, request.folder))
            os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.closerange(CHANNEL_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if user:
            os.environ.clear()
            os.environ.update(
                PATH=f"{sys.prefix}/bin:/usr/bin:/bin", HOME=home, TMPDIR=tmp, LANG="C.UTF-8", USER="student"
            )
        os.environ.update(request.env)
        sandbox.limit_memory(request.limits)
        student.serve(shell, request.exercises, request.torch, layers)
    except BaseException as error:
        student.CHANNEL.send(kind="broken", why=f"{type(error).__name__}: {error}")
    finally:
        os._exit(70)


def watch(pid: int, line: socket.socket, sight: Sight | None, memory: int) -> dict[str, Any]:
    """Wait for the student's process to end; interrupt or kill it when told, or when it takes too much memory."""
    ended = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    killed_for = None
    while True:
        ready, _, _ = select.select([line] + ([ended] if ended else []), [], [], WATCH_EVERY)
        if line in ready:
            word = line.recv(1)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if word == b"i" else signal.SIGKILL)
            if not word:
                os.waitpid(pid, 0)
                return {}
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return {"exit": os.waitstatus_to_exitcode(status), "killed_for": killed_for}
        if sight is not None and killed_for is None and sight.memory(pid) > memory:
            killed_for = "memory"
            os.kill(pid, signal.SIGKILL)


class Sight:
    """What a keeper sees of the processes that it keeps."""

    def __init__(self, path: str) -> None:
        self._at = os.open(path, os.O_PATH)

    def processes(self, pid: int) -> Iterable[str]:
        """Where each of them is described, relative to the path."""
        raise NotImplementedError

    def memory(self, pid: int) -> int:
        """Bytes that they take together, tables of pages included; what several share counts once."""
        total = 0
        for one in self.processes(pid):
            with contextlib.suppress(OSError, ValueError):  # it has just ended
                status = self._fields(f"{one}/status")
                total += status.get("VmPTE", 0)
                try:
                    total += self._fields(f"{one}/smaps_rollup")["Pss"]
                except (OSError, KeyError):
                    total += status.get("RssAnon", 0) + status.get("RssShmem", 0)
        return total

    def _fields(self, name: str) -> dict[str, int]:
        """The sizes in a file of /proc, in bytes."""
        pairs = (line.split(":", 1) for line in self.read(name).splitlines() if line.endswith(" kB"))
        return {key: 1024 * int(value.split()[0]) for key, value in pairs}

    def read(self, name: str) -> str:
        fd = os.open(name, os.O_RDONLY, dir_fd=self._at)
        try:
            return os.read(fd, 1 << 16).decode(errors="replace")
        finally:
            os.close(fd)


class OfTheNamespace(Sight):
    """All processes of a sandbox, through its own /proc: nothing gets away. `path` is its root."""

    def processes(self, pid: int) -> Iterable[str]:
        with contextlib.suppress(OSError):
            fd = os.open("proc", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._at)
            try:
                return [f"proc/{name}" for name in os.listdir(fd) if name.isdecimal()]
            finally:
                os.close(fd)
        return []


class OfTheTree(Sight):
    """Where there is no sandbox: a process and what it and its threads have started. What has left the tree is not seen."""

    def processes(self, pid: int) -> Iterable[str]:
        todo = [pid]
        while todo:
            yield str(one := todo.pop())
            with contextlib.suppress(OSError):
                fd = os.open(f"{one}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._at)
                try:
                    threads = os.listdir(fd)
                finally:
                    os.close(fd)
                for thread in threads:
                    todo += map(int, self.read(f"{one}/task/{thread}/children").split())


def _where(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    return list(spec.submodule_search_locations) if spec and spec.submodule_search_locations else []


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
