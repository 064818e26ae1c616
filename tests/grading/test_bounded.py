"""A function in a process of its own: what it must not keep of the process that it came from."""

import os
import select
import signal
import sys
import time
from concurrent.futures import BrokenExecutor

import pytest

from byhand.grading import bounded


def test_the_process_holds_no_end_of_a_pipe_that_its_parent_had_open():
    """Otherwise whoever reads from the pipe waits for ever, such as a program that ends when its input does."""
    reading, writing = os.pipe()
    helper = bounded.Helper()
    try:
        assert helper.call((sum, ([1, 2],), 5, 1 << 30), time.monotonic() + 60) == (False, 3)
        os.close(writing)
        assert select.select([reading], [], [], 10)[0] and os.read(reading, 1) == b""
    finally:
        helper.kill()
        os.close(reading)


def _imports_something():
    import imaplib  # noqa: F401

    return "imaplib" in sys.modules, os.getpid()


def test_what_a_call_apart_imports_is_gone_with_its_process():
    with bounded.apart() as call:
        imported, process = call(_imports_something)
    assert imported and "imaplib" not in sys.modules
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [(int, ("x",), ValueError), (signal.raise_signal, (signal.SIGKILL,), BrokenExecutor)],
)
def test_a_call_apart_raises_what_was_raised_or_that_nobody_is_there_any_more(function, arguments, error):
    with bounded.apart() as call, pytest.raises(error):
        call(function, *arguments)


def _fails():
    raise ValueError("no such problem")


def test_what_a_call_apart_raises_says_where_it_came_from():
    with bounded.apart() as call, pytest.raises(ValueError, match="no such problem") as raised:
        call(_fails)
    assert 'raise ValueError("no such problem")' in "".join(raised.value.__notes__)
