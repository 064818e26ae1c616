"""Two data sets that scikit-learn brings, with the course, so that an exercise needs numpy alone."""

from __future__ import annotations

from importlib.resources import files

import numpy as np


def handwritten_digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 handwritten digits: images (1797, 64) with grey values from 0 to 16, and the digit that each shows (1797).

    Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998), as packed with scikit-learn.
    """
    return _read("digits.npz")


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """569 tumours: 30 measurements of each (569, 30), and whether it is benign, 1, or malignant, 0 (569).

    Source: UCI "Breast Cancer Wisconsin (Diagnostic)" (Wolberg, Mangasarian, Street and Street 1993), as packed with scikit-learn.
    """
    return _read("breast_cancer.npz")


def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    with (files("byhand") / "data" / name).open("rb") as file, np.load(file, allow_pickle=False) as data:
        return data["x"].astype(np.float64), data["y"].astype(np.int64)
