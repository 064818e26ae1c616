"""A warm parent that forks one process for each submission: `python -m byhand.grading.server FD`.

It has imported what students import and knows nothing else: no answer, no other student. Each request comes with three
descriptors: the request itself (pickled, in memory), the line between grader and student, and a line to the keeper, the
process that stays outside of the sandbox, waits for the student's to end, and kills it where it must.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import math
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

from byhand.grading import cgroup, sandbox, student
from byhand.grading.limits import Limits
from byhand.grading.student.channel import CHANNEL
from byhand.grading.student.shell import Shell

# What a notebook with a plot or an error loads, but for pyplot itself, which looks at the IPython it is imported in.
USUAL = (
    "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.registry", "matplotlib.font_manager",
    "matplotlib.projections", "matplotlib.image", "matplotlib.style", "stack_data", "executing", "asttokens", "pure_eval",
    "pygments.formatters.terminal256", "pygments.lexers.python", "IPython.core.pylabtools", "PIL.PngImagePlugin", "cloudpickle",
)  # fmt: skip
CHANNEL_FD = 3
INTERRUPTED = b"interrupted"  # a keeper says so when it has sent the signal
WATCH_EVERY = 0.1  # seconds between two looks at memory and processes
A_FEW = 8  # processes and threads that nobody minds


@dataclass(frozen=True)
class Request:
    """`files` lie in `folder`, where the notebook runs; `exercises` are the names of what the unit asks."""

    files: dict[str, bytes]
    folder: str
    exercises: tuple[str, ...]
    limits: Limits
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
    sandbox.what_python_needs()  # found once, for all
    control = socket.socket(fileno=control_fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a module that was imported has started a thread; it cannot be forked")
    groups = cgroup.take_over() if sys.platform == "linux" else None
    while True:
        word, fds, _, _ = socket.recv_fds(control, 1, 3)
        if not word:
            return
        parent = os.getpid()
        if os.fork() == 0:
            control.close()
            try:
                keep(shell, parent, groups, *fds)
            finally:
                os._exit(1)
        for fd in fds:
            os.close(fd)


def keep(shell: Shell, parent: int, groups: Path | None, request_fd: int, channel_fd: int, keeper_fd: int) -> None:
    """Fork the student's process and stay with it. Tells at the end how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sandbox.die_with_parent()
    if os.getppid() != parent:  # it has died before this one could be told so
        os._exit(0)
    with os.fdopen(request_fd, "rb") as file:
        request: Request = pickle.load(file)
    line = socket.socket(fileno=keeper_fd)
    sight = Sight() if sys.platform == "linux" else None
    scratch = None
    os.setsid()
    group = _group(groups, request.limits)
    try:
        if request.sandboxed:
            hidden = (*request.hidden, *([] if request.torch else _where("torch")))
            user = sandbox.enclose(sandbox.what_python_needs(), hidden, request.limits.disk)
        else:
            user, scratch = None, tempfile.mkdtemp(prefix="byhand-")
        pid = os.fork()
        if pid == 0:
            become_student(shell, request, user, scratch, group, channel_fd)
    except OSError as error:
        if group:
            group.close()
        line.send(json.dumps({"trouble": str(error)}).encode())
        os._exit(0)
    os.close(channel_fd)
    end = watch(pid, line, sight, request.limits.memory)
    if group:
        if end.get("exit") == -signal.SIGKILL and group.ran_out_of_memory():
            end["killed_for"] = "memory"
        group.close()
    if scratch:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(scratch, ignore_errors=True)
    with contextlib.suppress(OSError):
        line.send(json.dumps(end).encode())
    os._exit(0)


def _group(groups: Path | None, limits: Limits) -> cgroup.Group | None:
    """The control group of a submission, where there are some. What lies on its disk lies in memory."""
    try:
        return cgroup.Group(groups, limits.memory + limits.disk, limits.processes) if groups else None
    except OSError:  # the keeper's eye is there in any case
        return None


def become_student(
    shell: Shell,
    request: Request,
    user: tuple[int, int] | None,
    scratch: str | None,
    group: cgroup.Group | None,
    channel_fd: int,
) -> None:
    """In a sandbox as `user`, or without one in the folder `scratch`."""
    os.setsid()  # not in the keeper's group, which it could kill where both are an ordinary user
    os.dup2(channel_fd, CHANNEL_FD)
    CHANNEL.open(CHANNEL_FD)
    layers: list[str] = []
    try:
        if group:
            group.enter()
        if user:
            layers = sandbox.enter(user, request.files, request.folder, request.limits)
        elif scratch:
            sandbox.write_files(request.files, Path(scratch, request.folder))
            os.chdir(Path(scratch, request.folder))
        layers += ["control group"] * bool(group)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.closerange(CHANNEL_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if user:
            os.environ.clear()
            os.environ.update(
                PATH=f"{sys.prefix}/bin:/usr/bin:/bin",
                HOME=str(sandbox.HOME),
                TMPDIR="/tmp",
                LANG="C.UTF-8",
                USER="student",
            )
        os.environ.update(request.env)
        sandbox.limit_memory(request.limits)
        student.serve(shell, request.exercises, request.torch, layers, request.limits.output)
    except BaseException as error:
        CHANNEL.send(kind="broken", why=f"{type(error).__name__}: {error}")
    finally:
        os._exit(70)


def watch(pid: int, line: socket.socket, sight: Sight | None, memory: int) -> dict[str, Any]:
    """Wait for the student's process to end; interrupt or kill it when told, or when it takes too much memory. However many
    processes it starts, they share one's time with the rest of the machine."""
    ended = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    killed_for = None
    while True:
        ready, _, _ = select.select([line] + ([ended] if ended else []), [], [], WATCH_EVERY)
        if line in ready:
            word = line.recv(1)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if word == b"i" else signal.SIGKILL)
            if word == b"i":  # now it has been sent, and will not come later, when another cell runs
                with contextlib.suppress(OSError):
                    line.send(INTERRUPTED)
            if not word:
                os.waitpid(pid, 0)
                return {}
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return {"exit": os.waitstatus_to_exitcode(status), "killed_for": killed_for}
        if sight is not None and killed_for is None:
            processes = list(sight.processes(pid))
            sight.share_fairly(processes)
            if sight.memory(processes) > memory:
                killed_for = "memory"
                os.kill(pid, signal.SIGKILL)


class Sight:
    """What a keeper sees of a process and of all that it and its threads have started.

    In a sandbox these are all processes of its pid namespace: what loses its parent becomes a child of the first one.
    """

    def __init__(self) -> None:
        self._proc = os.open("/proc", os.O_PATH)  # the keeper's own, before the new root covers it
        self._usual = self._nice = os.getpriority(os.PRIO_PROCESS, 0)

    def processes(self, pid: int) -> Iterable[tuple[int, list[int]]]:
        """Each process, with its threads."""
        todo = [pid]
        while todo:
            one = todo.pop()
            with contextlib.suppress(OSError):  # it has just ended
                threads = self._numbers(f"{one}/task")
                yield one, threads
                for thread in threads:
                    todo += map(int, self._read(f"{one}/task/{thread}/children").split())

    def memory(self, processes: Iterable[tuple[int, list[int]]]) -> int:
        """Bytes that they take together, tables of pages included; what several share counts once."""
        total = 0
        for one, _ in processes:
            with contextlib.suppress(OSError, ValueError):
                status = self._sizes(f"{one}/status")
                total += status.get("VmPTE", 0)
                try:
                    total += self._sizes(f"{one}/smaps_rollup")["Pss"]
                except (OSError, KeyError):
                    total += status.get("RssAnon", 0) + status.get("RssShmem", 0)
        return total

    def share_fairly(self, processes: Iterable[tuple[int, list[int]]]) -> None:
        """Many processes and threads together weigh as much as one: each step of niceness is a factor of 1.25."""
        threads = [thread for _, several in processes for thread in several]
        more = round(math.log(len(threads), 1.25)) if len(threads) > A_FEW else 0
        nice = min(19, self._usual + more)
        if nice != self._usual or nice != self._nice:
            for thread in threads:
                with contextlib.suppress(OSError):  # it has ended; or an ordinary user would give priority back
                    os.setpriority(os.PRIO_PROCESS, thread, nice)
        self._nice = nice

    def _numbers(self, name: str) -> list[int]:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
        try:
            return [int(entry) for entry in os.listdir(fd)]
        finally:
            os.close(fd)

    def _sizes(self, name: str) -> dict[str, int]:
        pairs = (line.split(":", 1) for line in self._read(name).splitlines() if line.endswith(" kB"))
        return {key: 1024 * int(value.split()[0]) for key, value in pairs}

    def _read(self, name: str) -> str:
        fd = os.open(name, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(fd, 1 << 16).decode(errors="replace")
        finally:
            os.close(fd)


def _where(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    return list(spec.submodule_search_locations) if spec and spec.submodule_search_locations else []


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
