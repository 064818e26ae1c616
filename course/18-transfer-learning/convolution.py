"""The convolution of unit 12 with a stride, forward and backward, ready to use. It has no bias: batch norm would take it away.

With stride s the kernel is laid over every s-th row and column, so that the result has ceil(H / s) rows and ceil(W / s) columns.
"""

import numpy as np


def conv2d(x, w, stride=1):
    """x (N, C, H, W), w (O, C, k, k) with k odd. Returns a (N, O, ceil(H / stride), ceil(W / stride))."""
    padded, taps = _taps(x, w, stride)
    return sum(np.tensordot(w[:, :, u, v], padded[here], axes=(1, 1)) for u, v, here in taps).transpose(1, 0, 2, 3)


def conv2d_backward(da, x, w, stride=1):
    """da (N, O, ...) is the gradient of J at conv2d(x, w, stride). Returns dx and dw."""
    padded, taps = _taps(x, w, stride)
    dpadded, dw = np.zeros_like(padded), np.zeros(w.shape)
    for u, v, here in taps:
        dw[:, :, u, v] = np.tensordot(da, padded[here], axes=([0, 2, 3], [0, 2, 3]))
        dpadded[here] += np.tensordot(w[:, :, u, v], da, axes=(0, 1)).transpose(1, 0, 2, 3)
    r = w.shape[-1] // 2
    return dpadded[:, :, r : r + x.shape[2], r : r + x.shape[3]], dw


def _taps(x, w, stride):
    """The padded images, and for each tap (u, v) the slice of them that it meets."""
    (H, W), k = x.shape[2:], w.shape[-1]
    r = k // 2
    padded = np.pad(np.asarray(x, dtype=float), ((0, 0), (0, 0), (r, r), (r, r)))
    every = (slice(None), slice(None))
    return padded, [(u, v, (*every, slice(u, u + H, stride), slice(v, v + W, stride))) for u in range(k) for v in range(k)]
