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
import pickle
import random
import signal
import sys
import traceback
import warnings
from types import FunctionType

import numpy as np
from traitlets.config import Config

import byhand
from byhand.checking import by_hand
from byhand.grading import wire
from byhand.grading.limits import LONGEST_QUOTE
from byhand.grading.no_torch import stand_in
from byhand.grading.student.channel import CHANNEL, STREAMS, flush
from byhand.grading.student.collector import Collector, collecting
from byhand.grading.student.shell import Shell, as_in_a_notebook, nobody_there


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
            by_hand,
            wire,
        )
        self._kept = [(module, dict(vars(module))) for module in modules]
        ours = (thing for module in modules for thing in vars(module).values() if isinstance(thing, FunctionType))
        self._codes = [
            (one, one.__code__, one.__defaults__, one.__kwdefaults__)
            for one in ours
            if one.__module__.startswith("byhand")
        ]

    def put_back(self) -> None:
        sys.settrace(None)
        sys.setprofile(None)
        for name, stream in zip(("stdout", "stderr"), STREAMS, strict=True):
            if getattr(getattr(sys, name), "closed", True):  # also where it is None
                setattr(sys, name, stream)
        for module, kept in self._kept:
            vars(module).update(kept)
        for one, code, defaults, kwdefaults in self._codes:
            one.__code__, one.__defaults__, one.__kwdefaults__ = code, defaults, kwdefaults


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


def serve(shell: Shell, exercises: tuple[str, ...], torch: bool, layers: list[str], room: int) -> None:
    """In the forked child, in its folder: run what is asked until the grader hangs up. Never returns.

    A cell can show about `room` characters.
    """
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
        CHANNEL.room, todo = room, True
        # The one interrupt of a cell can come anywhere until it is ignored, also when the cell has just ended.
        while True:
            try:
                if todo:
                    todo = False
                    run(shell, snapshot, message)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                break
            except KeyboardInterrupt:
                continue
        flush()
        CHANNEL.send(kind="done")


def run(shell: Shell, snapshot: Snapshot, message: dict) -> None:
    """One cell. Raises KeyboardInterrupt alone."""
    signal.signal(signal.SIGINT, CHANNEL.interrupt)
    try:
        snapshot.put_back()
        if message["check"]:
            run_check(shell, message["source"])
        else:
            shell.run_cell(message["source"], store_history=True)
    except Exception as error:  # of IPython itself, over what the student's code has left of it
        CHANNEL.send(kind="error", ename=type(error).__name__, evalue=str(error)[:LONGEST_QUOTE], traceback=[])
