"""Python's search for garbage, made seldom where checks run by the thousand."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

SELDOM = (50_000, 20, 50)  # (700, 10, 10) is what Python 3.11 has


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Meanwhile garbage is looked for seldom.

    A search goes through objects of all that was imported, torch among it, and a graph of thousands of nodes, made anew for each call of
    an answer, starts one search after the other. Nearly all that a call leaves behind goes by its reference counts, without any search.
    """
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
