"""Python's search for garbage, made seldom where checks run by the thousand."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

SELDOM = (50_000, 20, 50)  # instead of (700, 10, 10)


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Meanwhile garbage is looked for seldom.

    Each search goes through whatever there is, all of torch included, and graphs of thousands of small objects, made anew for
    each call of an answer, start one after the other. What they leave behind is taken away at once, without any search.
    """
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
