"""The LSTM cell of unit 08 without peepholes, one step, and the way back through it; a row for each sequence.

The four blocks of W, R and b stand one above the other, in torch's order: input gate, forget gate, candidate, output gate.
"""

import numpy as np


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def lstm_step(x, h, c, p):
    """One step: x (N, D), h and c (N, H) -> the new h and c, and what the way back needs.

    p  dict with W (4 H, D), R (4 H, H), b (4 H,)
    """
    a = x @ p["W"].T + h @ p["R"].T + p["b"]
    i, f, z, o = np.split(a, 4, axis=1)
    i, f, z, o = sigmoid(i), sigmoid(f), np.tanh(z), sigmoid(o)
    c_new = f * c + i * z
    s = np.tanh(c_new)
    return o * s, c_new, (x, h, c, i, f, z, o, s)


def lstm_step_backward(dh, dc, kept, p):
    """The way back through one step.

    dh, dc  (N, H)  what reaches the new h and the new c from later steps
    kept    what lstm_step has handed out

    Returns dx (N, D), the gradients at the old h and c, and a dict with dW, dR, db of this step.
    """
    x, h, c, i, f, z, o, s = kept
    dc = dc + dh * o * (1 - s**2)
    da = np.concatenate([dc * z * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - z**2), dh * s * o * (1 - o)], axis=1)
    return da @ p["W"], da @ p["R"], dc * f, dict(dW=da.T @ x, dR=da.T @ h, db=da.sum(axis=0))
