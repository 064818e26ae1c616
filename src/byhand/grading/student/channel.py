"""The line from the student's process to the grader, and the streams that write to it."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from byhand.grading import wire


class Channel:
    """The line to the grader. Threads may write; what a forked child of the student's writes goes nowhere."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.lock = threading.Lock()
        self.pid = 0

    def open(self, fd: int) -> None:
        self.socket, self.pid = socket.socket(fileno=fd), os.getpid()
        self.reader = self.socket.makefile("rb")

    def send(self, **message: Any) -> None:
        if self.socket is not None and os.getpid() == self.pid:
            with self.lock:
                self.socket.sendall(wire.line(message))

    def receive(self) -> dict:
        text = self.reader.readline()
        if not text:
            os._exit(0)  # the grader is gone
        return json.loads(text)


CHANNEL = Channel()


class Stream:
    """sys.stdout and sys.stderr: text goes to the grader, in pieces."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self, name: str) -> None:
        self.name, self.kept, self.size = name, [], 0

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.kept.append(text)
        self.size += len(text)
        if self.size > 8192:
            self.flush()
        return len(text)

    def writelines(self, lines) -> None:
        for text in lines:
            self.write(text)

    def flush(self) -> None:
        kept, self.kept, self.size = self.kept, [], 0
        if text := "".join(kept):
            CHANNEL.send(kind="stream", name=self.name, text=text.encode(errors="replace").decode())

    def close(self) -> None:
        """Whoever closes it has no use for it; others may."""
        self.flush()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    seekable = readable

    def fileno(self) -> int:
        return 1 if self.name == "stdout" else 2


STREAMS = Stream("stdout"), Stream("stderr")


def flush() -> None:
    """Send what was printed, also where the student's code has put something else in place of the streams."""
    for stream in STREAMS:
        stream.flush()
