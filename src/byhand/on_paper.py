"""Exercises on paper: what a reader has found with a calculator and typed in."""

import numpy as np


def two_decimals(answer):
    """What `answer()` returns, each number or vector rounded to two decimals: so far as a calculator with four gets them right.

    What is not several of these comes back as it is.
    """
    returned = answer()
    try:
        return tuple(np.round(np.asarray(numbers, dtype=float), 2) for numbers in returned)
    except (TypeError, ValueError):
        return returned
