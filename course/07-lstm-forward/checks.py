"""Unit 07: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.nn.LSTMCell`, `torch.nn.LSTM` and, where torch has no peepholes, with a step written in
torch. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch
from torch.nn.functional import linear

from byhand.checking import Exercise

NEEDS_TORCH = True  # latch is played in torch

# D and H differ, T is at least 3 and N at least 2, states and peepholes are not zero: nothing wrong can hide.
SIZES = dict(T=5, N=3, D=4, H=6)
EDGES = [
    dict(T=1), dict(N=1), dict(H=1), dict(D=1), dict(T=9, N=2, D=3, H=8), dict(scale=0.0), dict(scale=200.0), dict(peep=0.0),
]  # fmt: skip
GATES = "zifo"
NAMES = ["z", "i", "f", "o", "c", "y"]


def parameters(rng, D, H, scale=1.0, peep=1.0, peepholes=True):
    """The parameters as a dict, with `peepholes` those of three gates too."""
    p = {f"W{k}": scale * rng.normal(size=(H, D)) / np.sqrt(D) for k in GATES}
    p |= {f"R{k}": scale * rng.normal(size=(H, H)) / np.sqrt(H) for k in GATES}
    p |= {f"b{k}": scale * rng.normal(size=H) / 2 for k in GATES}
    return p | ({f"p{k}": peep * scale * rng.normal(size=H) for k in "ifo"} if peepholes else {})


def tensor(array):
    return torch.tensor(np.asarray(array, dtype=float), dtype=torch.float64)


# sigmoid -----------------------------------------------------------------------------------------


def make_sigmoid(rng, N, H, shift=0.0):
    a = 3 * rng.normal(size=(N, H)) + shift
    a[0, 0], a[-1, -1] = 1000.0, -1000.0  # no float holds e^1000
    return dict(a=a)


# lstm_step ---------------------------------------------------------------------------------------


def make_step(rng, N, D, H, scale=1.0, peep=1.0, peepholes=False):
    p = parameters(rng, D, H, scale, peep, peepholes)
    return dict(
        x=rng.normal(size=(N, D)), y_prev=np.tanh(rng.normal(size=(N, H))), c_prev=rng.normal(size=(N, H)), params=p
    )


# from_torch and to_torch -------------------------------------------------------------------------

TORCH = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
KEYS = [f"{m}{k}" for m in "WRb" for k in GATES]


def make_from_torch(rng, D, H):
    shapes = ((4 * H, D), (4 * H, H), (4 * H,), (4 * H,))
    return {name: rng.normal(size=shape) for name, shape in zip(TORCH, shapes, strict=True)}


def make_to_torch(rng, D, H):
    return dict(params=parameters(rng, D, H, peepholes=False))


# peephole_step and lstm_forward ------------------------------------------------------------------


def make_peephole_step(rng, N, D, H, scale=1.0, peep=1.0):
    return make_step(rng, N, D, H, scale, peep, peepholes=True)


def one_step(x, y_prev, c_prev, p):
    """A step with peepholes on tensors."""
    parts = {k: linear(x, p["W" + k], p["b" + k]) + linear(y_prev, p["R" + k]) for k in GATES}
    z, i, f = parts["z"].tanh(), (parts["i"] + p["pi"] * c_prev).sigmoid(), (parts["f"] + p["pf"] * c_prev).sigmoid()
    c = torch.addcmul(z.mul(i), c_prev, f)
    o = (parts["o"] + p["po"] * c).sigmoid()
    return dict(z=z, i=i, f=f, o=o, c=c, y=c.tanh().mul(o))


def make_forward(rng, T, N, D, H, scale=1.0, peep=1.0):
    return dict(
        x=rng.normal(size=(T, N, D)), y0=np.tanh(rng.normal(size=(N, H))), c0=rng.normal(size=(N, H)),
        params=parameters(rng, D, H, scale, peep),
    )  # fmt: skip


# count_parameters --------------------------------------------------------------------------------


def make_count(rng, D, H):
    return dict(D=D, H=H)


# latch -------------------------------------------------------------------------------------------

THRESHOLD = 0.4  # an output above it is read as +1, one below minus it as -1, one between as nothing


def make_latch(rng, n, T, N):
    """Feature 0: the bit, or noise when nothing is to be written. Feature 1: 1 when the bit is to be written, else 0."""
    x = rng.uniform(-1, 1, size=(T, N, 2))
    x[..., 1] = rng.uniform(size=(T, N)) < 0.12
    x[2 % T :: max(1, n // 2), :, 1] = 1  # at least once in half a half-life
    bits = 2.0 * rng.randint(2, size=(T, N)) - 1
    x[..., 0] = np.where(x[..., 1] == 1, bits, x[..., 0])
    return dict(n=n, x=x)


def play(latch, n, x):
    """What can be read from the outputs of a cell with these parameters, and what is left of c = 1 after n silent steps."""
    params = latch(n)
    shapes = {f"W{k}": (1, 2) for k in GATES} | {f"R{k}": (1, 1) for k in GATES} | {f"b{k}": (1,) for k in GATES}
    shapes |= {f"p{k}": (1,) for k in "ifo"}
    for name, shape in shapes.items():
        if not isinstance(params, dict) or name not in params:
            raise ValueError(f"latch should return a dict with {', '.join(shapes)}; {name} is missing")
        if np.shape(params[name]) != shape:
            raise ValueError(
                f"{name} has shape {np.shape(params[name])}, expected {shape}: there are D = 2 inputs and H = 1 cell"
            )
    p = {name: tensor(params[name]) for name in shapes}
    start = torch.zeros(x.shape[1], 1, dtype=torch.float64)
    y, c, outputs = start, start, []
    for x_t in tensor(x):
        s = one_step(x_t, y, c, p)
        y, c = s["y"], s["c"]
        outputs.append(y[:, 0])
    y = torch.stack(outputs)
    y0, c = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    for _ in range(n):
        s = one_step(torch.zeros(1, 2, dtype=torch.float64), y0, c, p)
        y0, c = s["y"], s["c"]
    return ((y > THRESHOLD).double() - (y < -THRESHOLD).double()).numpy(), c[0, 0].numpy()


def pick(*names):
    return {name: SIZES[name] for name in names}


def edges(*names):
    return [e for e in EDGES if set(e) <= set(names)]


EXERCISES = {
    "sigmoid": Exercise(
        make_sigmoid, ["s"], pick("N", "H"), [dict(N=1), dict(H=1), dict(shift=-30.0), dict(shift=700.0)],
    ),
    "lstm_step": Exercise(
        make_step, NAMES, pick("N", "D", "H"), edges("N", "D", "H", "scale"), as_dict=True,
    ),
    "from_torch": Exercise(
        make_from_torch, KEYS, pick("D", "H"), [dict(H=1), dict(D=1), dict(D=4, H=4), dict(D=9, H=2)], as_dict=True,
    ),
    "to_torch": Exercise(
        make_to_torch, TORCH, pick("D", "H"), [dict(H=1), dict(D=1), dict(D=4, H=4), dict(D=9, H=2)], as_dict=True,
    ),
    "peephole_step": Exercise(
        make_peephole_step, NAMES, pick("N", "D", "H"), edges("N", "D", "H", "scale", "peep"), as_dict=True,
    ),
    "lstm_forward": Exercise(make_forward, NAMES, SIZES, EDGES, as_dict=True, forward=NAMES),
    "count_parameters": Exercise(
        make_count, ["torch", "peephole"], pick("D", "H"), [dict(D=1, H=1), dict(D=28, H=128), dict(D=300, H=7)],
        as_dict=True,
    ),
    "latch": Exercise(
        make_latch, ["read", "kept"], dict(n=100, T=60, N=4),
        [dict(n=1000), dict(n=12), dict(n=3000, T=40), dict(N=1), dict(T=120)], call=play, forward=["read"], torch=True,
    ),
}  # fmt: skip
