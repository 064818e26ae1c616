"""How tests of units compare numbers."""

import numpy as np


def assert_close(mine, theirs, rtol=1e-10, atol=1e-14):
    """Both have the same shape and the same numbers, up to rounding in double precision."""
    assert np.shape(mine) == np.shape(theirs)
    np.testing.assert_allclose(np.asarray(mine, dtype=float), np.asarray(theirs, dtype=float), rtol=rtol, atol=atol)
