"""The LSTM with peepholes of units 07 and 08, forward and backward, ready to use. You may put your own in its place.

Parameters come in one dict `p`: Wz, Wi, Wf, Wo (H, D); Rz, Ri, Rf, Ro (H, H); bz, bi, bf, bo, pi, pf, po (H,). Other
entries of the dict are not looked at. Sequences are time-major, (T, N, D).
"""

import numpy as np

GATES = "zifo"


def sigmoid(a):
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def stacked(p, kind):
    """The four arrays of one kind, W, R or b, one below the other."""
    return np.concatenate([p[kind + gate] for gate in GATES])


def before(first, later):
    """What each step finds: `first` at the first step, afterwards what the step before left behind."""
    return np.concatenate([first[None], later[:-1]])


def lstm_forward(x, y0, c0, p):
    """Returns a dict with z, i, f, o, c and y of all steps, each (T, N, H); the way back needs them."""
    R, sums = stacked(p, "R"), x @ stacked(p, "W").T + stacked(p, "b")
    run = {name: np.empty((len(x), *y0.shape)) for name in "zifocy"}
    y, c = y0, c0
    for t in range(len(x)):
        z, i, f, o = np.split(sums[t] + y @ R.T, 4, axis=1)
        z, i, f = np.tanh(z), sigmoid(i + p["pi"] * c), sigmoid(f + p["pf"] * c)
        c = z * i + c * f
        o = sigmoid(o + p["po"] * c)
        y = np.tanh(c) * o
        for name, value in zip("zifocy", (z, i, f, o, c, y), strict=True):
            run[name][t] = value
    return run


def lstm_backward(Delta, x, y0, c0, run, p):
    """The gradients of J; Delta (T, N, H) is the gradient at y of each step from the loss of that step alone.

    Returns a dict: dx (T, N, D), dy0 and dc0 (N, H), and "d" + name for each parameter of the LSTM.
    """
    W, R = stacked(p, "W"), stacked(p, "R")
    y_prev, c_prev = before(y0, run["y"]), before(c0, run["c"])
    bars = np.empty((*Delta.shape[:2], len(W)))  # the gradients at the four sums of each step, side by side
    dy_ahead, dc_ahead = np.zeros_like(y0), np.zeros_like(c0)
    for t in reversed(range(len(x))):
        z, i, f, o, tanh_c = *(run[name][t] for name in "zifo"), np.tanh(run["c"][t])
        dy = Delta[t] + dy_ahead
        do = dy * tanh_c * o * (1 - o)
        dc = dy * o * (1 - tanh_c**2) + p["po"] * do + dc_ahead
        df = dc * c_prev[t] * f * (1 - f)
        di = dc * z * i * (1 - i)
        dz = dc * i * (1 - z**2)
        bars[t] = np.concatenate([dz, di, df, do], axis=1)
        dy_ahead = bars[t] @ R
        dc_ahead = dc * f + p["pi"] * di + p["pf"] * df

    over_time_and_batch = ([0, 1], [0, 1])
    whole = {
        "W": np.tensordot(bars, x, over_time_and_batch),
        "R": np.tensordot(bars, y_prev, over_time_and_batch),
        "b": bars.sum(axis=(0, 1)),
    }
    grads = {"dx": bars @ W, "dy0": dy_ahead, "dc0": dc_ahead}
    for kind, gradient in whole.items():
        grads |= {"d" + kind + gate: part for gate, part in zip(GATES, np.split(gradient, 4), strict=True)}
    _, di, df, do = np.split(bars, 4, axis=2)
    for gate, seen, bar in (("i", c_prev, di), ("f", c_prev, df), ("o", run["c"], do)):
        grads["dp" + gate] = (seen * bar).sum(axis=(0, 1))
    return grads
