"""Call a function in a process of its own, with a limit of time and of memory: what a student wrote can be slow to read."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from byhand.grading.sandbox import die_with_parent

PATIENCE = 10  # times the processor time, which a busy machine may take


class TooMuch(Exception):
    """The function took more time or memory than it may."""


def bounded(function: Callable, *args: Any, seconds: int, memory: int) -> Any:
    """What the function returns or raises. Raises TooMuch after `seconds` of processor time, or with `memory` bytes more."""
    end = time.monotonic() + seconds * PATIENCE
    mine, its = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(mine)
            _answer(its, function, args, seconds, memory)
        finally:
            os._exit(1)
    os.close(its)
    try:
        size = struct.unpack("Q", _read(mine, 8, end))[0]
        failed, result = pickle.loads(_read(mine, size, end))
    except (EOFError, pickle.UnpicklingError):
        raise TooMuch(f"more than {seconds} s or {memory >> 20} MB") from None
    finally:
        os.close(mine)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if failed:
        raise result
    return result


def _answer(pipe: int, function: Callable, args: tuple, seconds: int, memory: int) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError, ValueError):
        limit = _data_now() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        result = (False, function(*args))
    except MemoryError:
        os._exit(1)
    except Exception as error:
        result = (True, error)
    try:
        data = pickle.dumps(result)
    except Exception:
        data = pickle.dumps((True, RuntimeError(f"{type(result[1]).__name__} cannot be carried over")))
    with os.fdopen(pipe, "wb") as file:
        file.write(struct.pack("Q", len(data)) + data)
    os._exit(0)


def _read(fd: int, size: int, end: float) -> bytes:
    found = bytearray()
    while len(found) < size:
        if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
            raise EOFError
        piece = os.read(fd, min(size - len(found), 1 << 20))
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
