"""Call functions in a process of their own, with a limit of time and of memory: what a student wrote can be slow to read.

The process is kept from call to call, and a new one takes its place where it had to be killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

from byhand.grading.limits import PATIENCE
from byhand.grading.sandbox import die_with_parent

SIZE = struct.Struct("Q")
LONG, PLENTY = 24 * 3600, 1 << 40  # for what needs no limit

_of_this_thread = threading.local()


class TooMuch(Exception):
    """The function took more time or memory than it may."""


def bounded(function: Callable, *args: Any, seconds: int, memory: int) -> Any:
    """What the function returns or raises. Raises TooMuch after `seconds` of processor time, or with `memory` bytes more."""
    helper = getattr(_of_this_thread, "helper", None)
    if helper is None or not helper.is_there():
        helper = _of_this_thread.helper = Helper()
    try:
        failed, result = helper.call((function, args, seconds, memory), time.monotonic() + PATIENCE * seconds)
    except (OSError, EOFError, pickle.UnpicklingError):
        helper.kill()
        del _of_this_thread.helper
        raise TooMuch(f"more than {seconds} s or {memory >> 20} MB") from None
    if failed:
        raise result
    return result


@contextlib.contextmanager
def apart() -> Iterator[Callable]:
    """A process that is forked now, in which one function can be called; what it imports goes when that returns.

    The call raises what the function raises, and BrokenExecutor where the process was killed.
    """
    helper = Helper()

    def call(function: Callable, *args: Any) -> Any:
        try:
            failed, result = helper.call((function, args, LONG, PLENTY), time.monotonic() + LONG)
        except (OSError, EOFError):
            raise BrokenExecutor("the process was killed") from None
        finally:
            helper.kill()
        if failed:
            raise result
        return result

    try:
        yield call
    finally:
        helper.kill()


class Helper:
    """The process, and the line to it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._line, its = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _close_all_but(its)
                _serve(its)
            finally:
                os._exit(1)
        its.close()

    def is_there(self) -> bool:
        """Whether it is this process's own, and lives."""
        return self.owner == os.getpid() and os.waitpid(self._pid, os.WNOHANG) == (0, 0)

    def call(self, request: tuple, end: float) -> tuple[bool, Any]:
        self._line.settimeout(max(end - time.monotonic(), 0.1))
        data = pickle.dumps(request)
        self._line.sendall(SIZE.pack(len(data)) + data)
        return pickle.loads(_receive(self._line, end))

    def kill(self) -> None:
        if self._line.fileno() < 0:
            return  # it has been, and its number may be another process's by now
        self._line.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _close_all_but(line: socket.socket) -> None:
    """Whoever waits for the end of a pipe that this process's parent had open must not wait for this process too."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(3, line.fileno())
    os.closerange(line.fileno() + 1, most if most != resource.RLIM_INFINITY else 1 << 20)


def _serve(line: socket.socket) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line.setblocking(True)
    while True:
        try:
            function, args, seconds, memory = pickle.loads(_receive(line, float("inf")))
        except EOFError:
            os._exit(0)
        _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + seconds)
        _limit(resource.RLIMIT_DATA, _data_now() + memory)
        try:
            result = (False, function(*args))
        except MemoryError:
            os._exit(1)
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))  # a traceback itself cannot be carried over
            result = (True, error)
        try:
            data = pickle.dumps(result)
        except Exception:
            data = pickle.dumps((True, RuntimeError(f"{type(result[1]).__name__} cannot be carried over")))
        line.sendall(SIZE.pack(len(data)) + data)


def _limit(what: int, value: int) -> None:
    """The soft limit alone, so that the next call can have another one."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


def _receive(line: socket.socket, end: float) -> bytes:
    size = SIZE.unpack(_read(line, SIZE.size, end))[0]
    return _read(line, size, end)


def _read(line: socket.socket, size: int, end: float) -> bytes:
    found = bytearray()
    while len(found) < size:
        left = None if end == float("inf") else max(0.0, end - time.monotonic())
        if not select.select([line], [], [], left)[0]:
            raise EOFError
        piece = line.recv(min(size - len(found), 1 << 20))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)


def _data_now() -> int:
    """Bytes of data that this process has already."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmData:"))
