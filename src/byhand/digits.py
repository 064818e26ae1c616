"""The handwritten digits that all generative models of the course learn from, in one split, so that their likelihoods compare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byhand.datasets import handwritten_digits

SIDE = 8


class Digits(NamedTuple):
    """Black and white images as arrays of 0.0 and 1.0, each of shape (images, 8, 8), and the digit that each image shows."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    valid_labels: np.ndarray
    test_labels: np.ndarray


def binary_digits() -> Digits:
    """scikit-learn's 1,797 digits, a pixel 1 where its grey value (0 to 16) is at least 8: 1,000 to train, 297, 500 to test.

    Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998), as packed with scikit-learn.
    """
    images, labels = handwritten_digits()
    order = np.random.RandomState(0).permutation(len(images))
    images = (images[order] >= 8).astype(float).reshape(-1, SIDE, SIDE)
    return Digits(*np.split(images, [1000, 1297]), *np.split(labels[order], [1000, 1297]))
