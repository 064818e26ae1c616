"""A control group for each submission, where one can be had: the kernel itself counts what all its processes take together.

It sees what no look from outside does: memory of files and sockets, tables of pages, processes that come and go between two
looks; and it shares processor time between submissions. Version 2 of the interface, as the kernel documents it
(Documentation/admin-guide/cgroup-v2.rst). A group may be divided by whoever owns it, which a shell's is not on most machines:
`systemd-run --user --scope -p Delegate=yes byhand grade UNIT` gives one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

GRADER = "grader"  # the group of the grader's own processes: one that is divided holds none
SUBMISSION = "submission-"
NEEDED, USEFUL = {"memory", "pids"}, {"cpu"}
PROC = Path("/proc")
DYING = 5  # seconds that processes may take to go once they are killed


def take_over() -> Path | None:
    """The group in which this process is, ready to be divided; None where it cannot be.

    Its processes, all of them this grader's, move into a group below it. Where others live in it too, it is left alone.
    """
    try:
        own = find(PROC / "self")
        if own is None:
            return None
        if own.name == GRADER and NEEDED <= _words(own.parent / "cgroup.subtree_control"):
            return own.parent  # by an earlier parent of students' processes
        there = NEEDED | USEFUL & _words(own / "cgroup.controllers")
        if not there <= _words(own / "cgroup.controllers") or not _numbers(own / "cgroup.procs") <= set(family()):
            return None
        (own / GRADER).mkdir(exist_ok=True)
        while numbers := _numbers(own / "cgroup.procs"):
            for number in numbers:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    (own / GRADER / "cgroup.procs").write_text(str(number))
        (own / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(there)))
        return own
    except (OSError, ValueError):
        return None


def find(proc: Path) -> Path | None:
    """The folder of the group in which a process is, by its folder in /proc; None where there is no hierarchy of version 2."""
    group = next((line[3:] for line in (proc / "cgroup").read_text().splitlines() if line.startswith("0::")), None)
    for line in (proc / "mountinfo").read_text().splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 ") and group is not None:
            top, at = (_unescaped(text) for text in place.split()[3:5])
            if group == top or group.startswith(top.rstrip("/") + "/"):
                return Path(at, group[len(top.rstrip("/")) :].lstrip("/"))
    return None


def family() -> Iterator[int]:
    """The process that has started this one, and all that it and those have started."""
    todo = [os.getppid()]
    while todo:
        yield (one := todo.pop())
        with contextlib.suppress(OSError):
            for thread in os.listdir(PROC / f"{one}/task"):
                todo += _numbers(PROC / f"{one}/task/{thread}/children")


class Group:
    """The group of one submission, below one that `take_over` has found. Raises OSError where it cannot be made.

    It is opened at once: a sandbox covers the hierarchy.
    """

    def __init__(self, above: Path, memory: int, processes: int) -> None:
        self._name = f"{SUBMISSION}{os.getpid()}"
        self._above = os.open(above, os.O_PATH | os.O_DIRECTORY)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self._name, dir_fd=self._above)  # of a keeper that was killed, and had the same number
        os.mkdir(self._name, dir_fd=self._above)
        self._folder = os.open(self._name, os.O_PATH | os.O_DIRECTORY, dir_fd=self._above)
        for name, value in (("memory.max", memory), ("memory.oom.group", 1), ("pids.max", processes)):
            self._write(name, value)
        with contextlib.suppress(FileNotFoundError):  # a kernel without swap
            self._write("memory.swap.max", 0)
        self._entry = os.open("cgroup.procs", os.O_WRONLY, dir_fd=self._folder)

    def enter(self) -> None:
        """Move this process into the group, and with it all that it will start."""
        os.write(self._entry, b"0")

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed something in the group because it took too much."""
        with os.fdopen(os.open("memory.events", os.O_RDONLY, dir_fd=self._folder)) as file:
            return dict(line.split() for line in file).get("oom_kill", "0") != "0"

    def close(self) -> None:
        """End what is left in the group, and take it away, as soon as what was killed is gone."""
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", 1)  # from Linux 5.14
        end = time.monotonic() + DYING
        while time.monotonic() < end:
            try:
                os.rmdir(self._name, dir_fd=self._above)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    time.sleep(0.01)
                    continue
            return

    def _write(self, name: str, value: int) -> None:
        with os.fdopen(os.open(name, os.O_WRONLY, dir_fd=self._folder), "w") as file:
            file.write(str(value))


def _words(path: Path) -> set[str]:
    return set(path.read_text().split())


def _numbers(path: Path) -> set[int]:
    return set(map(int, path.read_text().split()))


def _unescaped(text: str) -> str:
    """A path as mountinfo writes it: a space is a backslash and 040."""
    return text.encode().decode("unicode_escape").encode("latin-1").decode()
