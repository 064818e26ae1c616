"""The data sets that come with the course are scikit-learn's, to the last bit."""

import numpy as np
import pytest
import sklearn.datasets

from byhand.datasets import breast_cancer, handwritten_digits


@pytest.mark.parametrize("ours, theirs", [(handwritten_digits, "load_digits"), (breast_cancer, "load_breast_cancer")])
def test_a_data_set_is_scikit_learns(ours, theirs):
    for mine, right in zip(ours(), getattr(sklearn.datasets, theirs)(return_X_y=True), strict=True):
        assert mine.dtype == right.dtype and np.array_equal(mine, right)
