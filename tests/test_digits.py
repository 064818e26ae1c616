"""One split of the digits for all generative models."""

import numpy as np

from byhand.digits import binary_digits


def test_the_split_is_fixed_and_holds_every_image_once():
    digits = binary_digits()
    assert [len(part) for part in digits] == [1000, 297, 500] * 2
    assert digits.train.shape[1:] == (8, 8) and digits.train.dtype == np.float64
    assert set(np.unique(digits.train)) == {0.0, 1.0}
    assert sum(int(part.sum()) for part in digits[:3]) == int((np.asarray(_all()) >= 8).sum())
    assert np.array_equal(binary_digits().test, digits.test)


def test_every_digit_stands_in_every_part():
    for labels in binary_digits()[3:]:
        assert set(labels) == set(range(10))


def _all():
    from sklearn.datasets import load_digits

    return load_digits().data
