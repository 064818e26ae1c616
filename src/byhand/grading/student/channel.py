"""The line from the student's process to the grader, and the streams that write to it."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from byhand.grading import wire
from byhand.grading.limits import EACH

PIECE = 1 << 16  # characters, six times as many bytes at most on the line


class Channel:
    """The line to the grader. Threads may write; what a forked child of the student's writes goes nowhere."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.lock = threading.Lock()
        self.pid = 0
        self.room = 0  # characters that the cell may still show
        self._sender: int | None = None
        self._interrupted = False

    def open(self, fd: int) -> None:
        self.socket, self.pid = socket.socket(fileno=fd), os.getpid()
        self.reader = self.socket.makefile("rb")

    def send(self, **message: Any) -> None:
        if self.socket is not None and os.getpid() == self.pid:
            with self.lock:
                self._sender = threading.get_ident()
                try:
                    self.socket.sendall(wire.line(message))
                finally:
                    self._sender = None
            if self._interrupted:
                self._interrupted = False
                raise KeyboardInterrupt

    def interrupt(self, *_: Any) -> None:
        """What SIGINT does: it ends the cell, but in the middle of a line it waits, since the rest could not be read."""
        if self._sender == threading.get_ident():
            self._interrupted = True
        else:
            raise KeyboardInterrupt

    def show(self, size: int, **message: Any) -> None:
        """Send what a cell shows, while there is room for it. Nobody looks at more, and to print much is no mistake."""
        if size <= self.room:
            self.room -= size + EACH
            self.send(**message)

    def receive(self) -> dict:
        text = self.reader.readline() if os.getpid() == self.pid else b""
        if not text:
            os._exit(0)  # the grader is gone; or a child, whose parent is the one that is spoken to
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
        text = "".join(kept)[: max(CHANNEL.room, 0)]
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE].encode(errors="replace").decode()
            CHANNEL.show(len(piece), kind="stream", name=self.name, text=piece)

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
