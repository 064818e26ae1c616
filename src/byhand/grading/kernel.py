"""The grader's end of a student's process: start it, run a cell, interrupt it, learn how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from byhand.grading.limits import GRACE, LARGEST_MESSAGE, START
from byhand.grading.sandbox import SandboxError
from byhand.grading.server import INTERRUPTED, Request
from byhand.grading.wire import line

# Of the grader's environment, what the warm parent gets: no token, no seed.
NEEDED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "MPLCONFIGDIR")
# One thread: a fork takes no others along.
SET: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SET["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"


class Ended(Exception):
    """The student's process is no more; `how` is what its keeper says."""

    def __init__(self, how: dict[str, Any]) -> None:
        super().__init__(str(how))
        self.how = how


class Server:
    """The warm parent, a process of its own; `imports` are the modules that it loads beforehand.

    It starts with the few variables of NEEDED: the block that a process begins with stays in its memory, and in that of
    whatever is forked from it. Where it is gone, as when the machine has no memory left, another one is started.
    """

    def __init__(self, imports: tuple[str, ...] = ()) -> None:
        self._imports = imports
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._control, other = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "byhand.grading.server", str(other.fileno()), *self._imports],
            pass_fds=[other.fileno()], stdin=subprocess.DEVNULL,
            env={name: os.environ[name] for name in NEEDED if name in os.environ} | SET,
        )  # fmt: skip
        other.close()

    def start(self, request: Request) -> Kernel:
        """A new process. Raises SandboxError where it would have no sandbox."""
        with self._lock:
            try:
                channel, keeper = self._ask_for(request)
            except OSError:
                self._control.close()
                self._begin()
                channel, keeper = self._ask_for(request)
        return Kernel(channel, keeper)

    def _ask_for(self, request: Request) -> tuple[socket.socket, socket.socket]:
        with tempfile.TemporaryFile() as file:
            pickle.dump(request, file)
            file.flush()
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            mine, channel = socket.socketpair()
            keeper, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            socket.send_fds(self._control, [b"+"], [file.fileno(), channel.fileno(), its.fileno()])
            channel.close()
            its.close()
        return mine, keeper

    def close(self) -> None:
        self._control.close()
        self._process.wait()


class Kernel:
    """One student's process."""

    def __init__(self, channel: socket.socket, keeper: socket.socket) -> None:
        self._channel, self._keeper, self._buffer = channel, keeper, bytearray()
        self._channel.setblocking(False)
        self._deadline = time.monotonic() + START
        match self._receive(self._deadline):
            case {"kind": "ready", "layers": list(layers)}:
                self.layers = layers  # of its sandbox; nothing of a student's has run yet
                return
            case {"kind": "broken", "why": str(why)}:
                raise Ended({"exit": None, "why": why[:500]})
        raise Ended({"exit": None})

    def run(self, source: str, seconds: float, *, check: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the messages of a cell; the last one is `done`, or `interrupted` where it ran out of time.

        Raises Ended where the process is gone, by itself or because it could not be interrupted.
        """
        self._deadline, interrupted = time.monotonic() + seconds, False
        self._send(source=source, check=check)
        while True:
            message = self._receive(self._deadline)
            if message and message.get("kind") == "done":
                if interrupted:
                    self._wait_for_the_signal()
                yield {"kind": "interrupted" if interrupted else "done"}
                return
            if time.monotonic() > self._deadline and not interrupted:
                with contextlib.suppress(OSError):
                    self._keeper.send(b"i")
                self._deadline, interrupted = time.monotonic() + GRACE, True
            elif time.monotonic() > self._deadline:
                raise self.kill("time")
            if message is not None:
                yield message

    def answer(self, **message: Any) -> None:
        self._send(**message)

    def interrupt_now(self) -> None:
        """End the cell as if its time were over."""
        self._deadline = 0.0

    def kill(self, reason: str | None = None) -> Ended:
        """End the process. Returns what is to be raised."""
        with contextlib.suppress(OSError):
            self._keeper.send(b"k")
        how = self._how_it_ended()
        return Ended({**how, "killed_for": reason or how.get("killed_for")})

    def close(self) -> None:
        self._channel.close()
        self._keeper.close()  # the keeper kills what is left

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, **message: Any) -> None:
        """Send what the process may take its time to read, but no more than until the deadline."""
        rest = memoryview(line(message))
        while rest:
            if not select.select([], [self._channel], [], max(0.0, self._deadline - time.monotonic()))[1]:
                raise self.kill("time")
            try:
                rest = rest[self._channel.send(rest) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Ended(self._how_it_ended()) from None

    def _receive(self, deadline: float) -> dict[str, Any] | None:
        """The next message; None at the deadline."""
        while (end := self._buffer.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._channel], [], [], left)[0]:
                return None
            try:
                data = self._channel.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                raise Ended(self._how_it_ended())
            self._buffer += data
            if len(self._buffer) > LARGEST_MESSAGE:
                raise self.kill("a message of its own, larger than any that it should send")
        text = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise self.kill("a message of its own, which is none that it should send")
        return message

    def _wait_for_the_signal(self) -> None:
        """The keeper sends it when it comes to it, and the cell may be done by then: it must not end the next one."""
        self._keeper.settimeout(START)
        with contextlib.suppress(OSError):
            said = self._keeper.recv(1 << 16)
            if said != INTERRUPTED:
                raise Ended(self._read_end(said))

    def _how_it_ended(self) -> dict[str, Any]:
        self._keeper.settimeout(10)
        said = b""
        with contextlib.suppress(OSError):
            while (said := self._keeper.recv(1 << 16)) == INTERRUPTED:
                pass
        return self._read_end(said)

    @staticmethod
    def _read_end(said: bytes) -> dict[str, Any]:
        try:
            how = json.loads(said or b"{}")
        except ValueError:
            how = {}
        if "trouble" in how:
            raise SandboxError(how["trouble"])
        return how
