"""Beside the student's code: a small IPython that runs cells and, where a check asks, calls the student's function.

It compares nothing and knows no answer. What it sends can be forged by the student's code, which gains nothing: only numbers
that agree with torch's on problems that come from outside are worth points.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import copy
import getpass
import io
import json
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

import byhand
from byhand.grading import wire
from byhand.grading.limits import LARGEST_OUTPUT, LONGEST_QUOTE, MOST_LINES
from byhand.grading.no_torch import stand_in

collecting = sys.modules["byhand.checking.collect"]  # `byhand.checking.collect` is its function


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


def _bundle(data: dict) -> dict:
    """A mime bundle as text; pictures as base64. What is too large for a notebook is cut or left out."""
    found = {str(mime): value for mime, value in data.items() if isinstance(value, (bytes, str))}
    kept = {
        mime: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for mime, value in found.items()
        if len(value) <= LARGEST_OUTPUT
    }
    return kept if len(kept) == len(found) else {"text/plain": "(an output that is too large for a notebook)"}


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_):
        flush()
        if not update:
            CHANNEL.send(kind="display", data=_bundle(data))

    def clear_output(self, wait=False):
        flush()
        CHANNEL.send(kind="clear", wait=bool(wait))


class Hook(DisplayHook):
    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        flush()
        CHANNEL.send(kind="result", data=_bundle(format_dict))


class Shell(InteractiveShell):
    """IPython as a notebook knows it, without a terminal, a history or a question to anyone."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    kernel: types.SimpleNamespace  # which ipykernel's shell has

    def _showtraceback(self, etype, evalue, stb):
        flush()
        lines = [str(line)[:LONGEST_QUOTE] for line in stb[-MOST_LINES:]]
        CHANNEL.send(kind="error", ename=etype.__name__, evalue=str(evalue)[:LONGEST_QUOTE], traceback=lines)

    def enable_gui(self, gui=None):
        pass

    def ask_exit(self):
        pass

    def system(self, cmd):
        """`!command`"""
        done = subprocess.run(
            self.var_expand(cmd, depth=1), shell=True, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
        )  # fmt: skip
        print(done.stdout, end="")
        self.user_ns["_exit_code"] = done.returncode

    system_piped = system_raw = system


# What a notebook's kernel has besides, and nobody needs while a notebook is graded: they do nothing.
# Nothing can be installed either.
SILENT = "autosave bookmark clear cls conda connect_info less man mamba more notebook pager pip qtconsole rehashx store uv".split()


def as_in_a_notebook(shell: Shell) -> None:
    """The magics and the object `kernel` that ipykernel adds, so that a cell that begins with one goes on."""
    shell.db = {}  # where %cd and %bookmark look
    shell.kernel = types.SimpleNamespace(shell=shell, implementation="ipython", banner="")
    for name in SILENT:
        shell.magics_manager.register_function(lambda line: None, "line", name)


def nobody_there(prompt=""):
    raise RuntimeError("input() has nobody to ask while a notebook is graded.")


class Collector:
    """`check`, as the student's process has it: it asks for problems, calls the function, sends what comes back.

    It has no `checks.py` and no answer. How a function is called comes with the problems, and what became of their arguments
    is sent as it is, for the judge to see whether they were changed.
    """

    exercises: tuple[str, ...] = ()
    asked = 0  # checks so far

    def check(self, name: str, function: Callable, points: float | None = None) -> None:
        """Compare `function` with torch; the points come from outside."""
        if not callable(function):
            raise TypeError(
                f"check needs your function itself: check({name!r}, {name}), without brackets after the name."
            )
        if name not in self.exercises:
            raise ValueError(f"There is no exercise {name!r} in this unit; it has {', '.join(self.exercises)}.")
        graded = points is not None
        flush()
        self.asked += 1
        CHANNEL.send(kind="check", name=name, graded=graded, uses=self._used(function), ask=self.asked)
        while (answer := CHANNEL.receive()).get("ask") != self.asked:
            pass  # what a check that was interrupted has not read
        call, torch, problems = pickle.loads(base64.b64decode(answer["problems"]))
        for number, args in enumerate(problems):
            given: list[Any] = []

            def calling(answer, *values, given=given):
                given[:] = values
                return call(answer, *values) if call else answer(*values)

            outcome = collecting.collect(function, args, calling, torch)
            flush()
            after = wire.encode_arguments(dict(zip(args, given, strict=False)))
            CHANNEL.send(kind="outcome", number=number, outcome=wire.encode_outcome(outcome), after=after)
        CHANNEL.send(kind="checked", name=name, graded=graded)

    def _used(self, function: Callable) -> list[str]:
        """The other exercises whose answers this function calls by name."""
        code, space = getattr(function, "__code__", None), getattr(function, "__globals__", {})
        names = code.co_names if code else ()
        return [n for n in self.exercises if n in names and space.get(n) is not function]


class Snapshot:
    """What a student's code may have replaced, so that the next cell and the next check find it as it was."""

    def __init__(self) -> None:
        modules = (
            builtins,
            np,
            np.linalg,
            json,
            base64,
            pickle,
            copy,
            io,
            traceback,
            warnings,
            contextlib,
            collecting,
            wire,
        )
        self._kept = [(module, dict(vars(module))) for module in modules]

    def put_back(self) -> None:
        sys.settrace(None)
        sys.setprofile(None)
        for name, stream in zip(("stdout", "stderr"), STREAMS, strict=True):
            if getattr(getattr(sys, name), "closed", True):  # also where it is None
                setattr(sys, name, stream)
        for module, kept in self._kept:
            vars(module).update(kept)


COLLECTOR = Collector()


def prepare() -> Shell:
    """In the parent that is forked for each student: everything that costs time and is the same for all."""
    byhand.check = COLLECTOR.check
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "linux"
    config.InteractiveShell.cache_size = 0
    shell = Shell.instance(config=config)
    shell.autoindent = False
    as_in_a_notebook(shell)
    try:
        raise NotImplementedError  # formatting the first traceback loads much
    except NotImplementedError as error:
        shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    return shell


def run_check(shell: Shell, source: str) -> None:
    """Run a test cell past all that a student may have hung into IPython, and with the name `check` as it was given."""
    shell.user_ns["check"] = byhand.check = COLLECTOR.check
    try:
        with contextlib.redirect_stdout(STREAMS[0]), contextlib.redirect_stderr(STREAMS[1]):
            exec(compile(source, "<check>", "exec"), shell.user_ns)
    except BaseException:
        shell.showtraceback()


def serve(shell: Shell, exercises: tuple[str, ...], torch: bool, layers: list[str]) -> None:
    """In the forked child, in its folder: run what is asked until the grader hangs up. Never returns."""
    random.seed()
    np.random.seed()
    sys.path.insert(0, "")
    if not torch:
        stand_in()
    COLLECTOR.exercises = exercises
    sys.stdout, sys.stderr = STREAMS
    builtins.input = getpass.getpass = nobody_there
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    snapshot = Snapshot()
    CHANNEL.send(kind="ready", layers=layers)
    while True:
        message = CHANNEL.receive()
        if "source" not in message:
            continue  # what a check that was interrupted has not read
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            snapshot.put_back()
            if message["check"]:
                run_check(shell, message["source"])
            else:
                shell.run_cell(message["source"], store_history=True)
        except KeyboardInterrupt:
            pass
        except Exception as error:  # of IPython itself, over what the student's code has left of it
            CHANNEL.send(kind="error", ename=type(error).__name__, evalue=str(error)[:LONGEST_QUOTE], traceback=[])
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        flush()
        CHANNEL.send(kind="done")
