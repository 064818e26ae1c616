"""A function in a process of its own: what it must not keep of the process that it came from."""

import os
import select
import time

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
