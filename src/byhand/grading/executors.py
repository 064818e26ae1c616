"""Where submissions are graded: processes on this machine, or a cluster."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context

from byhand.course import CourseError
from byhand.grading import feedback
from byhand.grading.sandbox import die_with_parent

REACH = 10  # seconds to look for a scheduler


@contextlib.contextmanager
def here(workers: int) -> Iterator[Executor]:
    """Processes on this machine, forked at once, before there is more to copy."""
    executor = ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_initialise)
    try:
        executor.submit(int)
        yield executor
    except BaseException:
        # Nobody waits for what is still running, least of all whoever pressed Ctrl-C.
        for process in list((executor._processes or {}).values()):
            process.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _initialise() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    feedback.warm()


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a dask scheduler. A task whose worker is lost goes to another one."""
    try:
        from distributed import Client
    except ImportError:
        raise CourseError("--scheduler needs dask.distributed: pip install 'byhand[cluster]'.") from None
    try:
        client = Client(address, timeout=REACH, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise CourseError(f"There is no dask scheduler at {address} ({type(error).__name__}).") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise CourseError(f"The scheduler at {address} has no workers.")
        yield client.get_executor(pure=False)
