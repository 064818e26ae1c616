"""Exercises on paper: what a reader has found with a calculator and typed in."""

import numpy as np


def two_decimals(answer):
    """What `answer()` returns, each number rounded to two decimals: so far as a calculator with four gets them right.

    What is not several numbers comes back as it is.
    """
    returned = answer()
    try:
        return tuple(np.round(float(number), 2) for number in returned)
    except (TypeError, ValueError):
        return returned
