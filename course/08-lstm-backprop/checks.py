"""Unit 08: the problems that the exercises are checked on. torch's answers to them stand in `reference.py`.

Saved values of a forward pass are made up here: gates between 0 and 1, block inputs between -1 and 1, and the cell and the
output that belong to them. A backward pass works with any such values, so it needs no forward pass of its own.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise
from byhand.on_paper import two_decimals

# All sizes differ, T is more than a handful, N at least 2, peepholes and first states are not zero, and every step has a
# loss: each of these, left out, would hide mistakes.
SIZES = dict(T=6, N=3, D=2, H=5)
ONE_SEQUENCE = EdgeCase(dict(N=1), "with one sequence in the batch")
ONE_CELL = EdgeCase(dict(H=1), "with one cell")
ONE_INPUT = EdgeCase(dict(D=1), "with one input")
ONE_STEP = EdgeCase(dict(T=1), "with one time step")
SHUT = EdgeCase(dict(saturated=True), "with gates nearly open and nearly shut")
NO_PEEPHOLES = EdgeCase(dict(peephole=0.0), "with all peepholes zero")
NO_WEIGHTS = EdgeCase(dict(scale=0.0), "with all weights zero")

SHAPES = {"W": ("H", "D"), "R": ("H", "H"), "p": ("H",), "b": ("H",)}
PARAMETERS = [kind + k for kind in "WRpb" for k in "zifo" if kind + k != "pz"]
GRADIENTS = [f"d{name}" for name in PARAMETERS]
NEARLY = 2.0**-20  # how far a saturated value is from its limit; exact in floating point, and so is its slope
# One output hardly moves, since its gate is nearly open and its cell is large, and it weighs much in the loss. Its part of
# the gradient is as large as the others', but a difference of two losses has no digits left.
FULL, WEIGHT = 40.0, 2.0**20


def parameters(rng, D, H, scale=1.0, peephole=0.8):
    size, spread = dict(D=D, H=H), dict(W=scale / np.sqrt(D), R=scale / np.sqrt(H), p=peephole, b=scale / 2)
    return {
        name: spread[name[0]] * rng.normal(size=[size[letter] for letter in SHAPES[name[0]]]) for name in PARAMETERS
    }


def gate(rng, shape, saturated):
    """Values between 0 and 1: anywhere, or all next to one of the two."""
    return np.where(rng.uniform(size=shape) < 0.5, NEARLY, 1 - NEARLY) if saturated else rng.uniform(0.05, 0.95, shape)


def made_up(rng, T, c0, saturated=False):
    """Saved values of T steps, each (T, N, H): z, i, f, o at random, and c, tanh_c and y as they follow from them and c0."""
    shape = (T, *c0.shape)
    z = 2 * gate(rng, shape, saturated) - 1
    i, f, o = (gate(rng, shape, saturated) for _ in range(3))
    z[-1, -1, -1] = 0.0  # a block input of exactly 0
    f[:, 0, 0] = o[:, 0, 0] = 1 - NEARLY
    c, before = np.empty(shape), c0
    for t in range(T):
        c[t] = before = z[t] * i[t] + before * f[t]
    return dict(z=z, i=i, f=f, o=o, c=c, tanh_c=np.tanh(c), y=np.tanh(c) * o)


# On paper --------------------------------------------------------------------------------------------------------------


def make_on_paper(rng):
    return {}


# The deltas ------------------------------------------------------------------------------------------------------------


def make_c(rng, N, H, saturated=False, peephole=0.8):
    """Any numbers do: gradients that arrive, and the values beside which they arrive."""
    dy, do_bar, dc_next, di_bar_next, df_bar_next, c = rng.normal(size=(6, N, H))
    o, f, f_next = (gate(rng, (N, H), saturated) for _ in range(3))
    c[0, 0] = 0.0
    p = {"p" + k: peephole * rng.normal(size=H) for k in "ifo"}
    return dict(
        dy=dy, do_bar=do_bar, c=c, o=o, dc_next=dc_next, di_bar_next=di_bar_next, df_bar_next=df_bar_next,
        f=f, f_next=f_next, p=p,
    )  # fmt: skip


def make_gates(rng, N, H, saturated=False):
    c_prev = rng.normal(size=(N, H))
    c_prev[-1, 0] = 0.0
    z, i, f = (values[0] for values in (made_up(rng, 1, c_prev, saturated)[name] for name in "zif"))
    z[0, 0], i[0, 0] = 2 * NEARLY - 1, NEARLY  # small slopes, judged entry by entry
    return dict(dc=rng.normal(size=(N, H)), c_prev=c_prev, c=z * i + c_prev * f, z=z, i=i, f=f)


def make_y(rng, N, H, scale=1.0):
    bars = dict(zip(("dz_bar", "di_bar", "df_bar", "do_bar"), rng.normal(size=(4, N, H)), strict=True))
    return dict(Delta_prev=rng.normal(size=(N, H)), **bars, p=parameters(rng, 2, H, scale))


def make_coupled(rng, N, H, saturated=False, peephole=0.8):
    dc, c_prev = rng.normal(size=(2, N, H))
    i, z = gate(rng, (N, H), saturated), 2 * gate(rng, (N, H), saturated) - 1
    z[-1, -1] = 0.0
    z[0, 0], i[0, 0] = 2 * NEARLY - 1, NEARLY  # small slopes, judged entry by entry
    return dict(dc=dc, c_prev=c_prev, z=z, i=i, p_i=peephole * rng.normal(size=H))


# One step back, and the whole way --------------------------------------------------------------------------------------


def make_step(rng, N, D, H, scale=1.0, peephole=0.8, saturated=False):
    dy, dc_ahead, c_prev = rng.normal(size=(3, N, H))
    dy[0, 0], c_prev[0, 0] = WEIGHT, FULL
    saved = {name: values[0] for name, values in made_up(rng, 1, c_prev, saturated).items()}
    return dict(
        dy=dy, dc_ahead=dc_ahead, x=rng.normal(size=(N, D)), y_prev=np.tanh(rng.normal(size=(N, H))), c_prev=c_prev,
        s=saved, p=parameters(rng, D, H, scale, peephole),
    )  # fmt: skip


def make_backward(rng, T, N, D, H, scale=1.0, peephole=0.8, saturated=False):
    y0, c0 = np.tanh(rng.normal(size=(N, H))), rng.normal(size=(N, H))
    Delta = rng.normal(size=(T, N, H))
    Delta[-1, 0, 0], c0[0, 0] = WEIGHT, FULL
    return dict(
        Delta=Delta, x=rng.normal(size=(T, N, D)), y0=y0, c0=c0, run=made_up(rng, T, c0, saturated),
        p=parameters(rng, D, H, scale, peephole),
    )  # fmt: skip


# The adding problem's loss ---------------------------------------------------------------------------------------------


def make_loss(rng, T, N, H, scale=1.0, far=0.0):
    y = np.tanh(rng.normal(size=(T, N, H)))
    return dict(y=y, target=rng.uniform(size=N) + far, v=scale * rng.normal(size=H), d=scale * rng.normal())


def pick(*names):
    return {name: SIZES[name] for name in names}


def by_kind():
    """What counts as one quantity: the gradients of all W, of all R, of the peepholes, of the biases."""
    return [[name for name in GRADIENTS if name[1] == kind] for kind in "WRpb"]


EXERCISES = {
    "on_paper": Exercise(make=make_on_paper, results=["do_bar", "dc", "dz_bar"], sizes={}, call=two_decimals),
    "delta_c": Exercise(
        make=make_c, results=["dc"], sizes=pick("N", "H"), edges=[ONE_SEQUENCE, ONE_CELL, SHUT, NO_PEEPHOLES],
    ),
    "delta_gates": Exercise(
        make=make_gates, results=["df_bar", "di_bar", "dz_bar"], sizes=pick("N", "H"), edges=[ONE_SEQUENCE, ONE_CELL, SHUT],
        elementwise=("df_bar", "di_bar", "dz_bar"),
    ),
    "delta_y": Exercise(
        make=make_y, results=["dy_prev"], sizes=pick("N", "H"), edges=[ONE_SEQUENCE, ONE_CELL, NO_WEIGHTS],
    ),
    "lstm_step_backward": Exercise(
        make=make_step, results=["dx", "dy_prev", "dc_prev", *GRADIENTS], sizes=pick("N", "D", "H"),
        edges=[ONE_SEQUENCE, ONE_CELL, ONE_INPUT, SHUT, NO_PEEPHOLES, NO_WEIGHTS], as_dict=True, groups=by_kind(),
    ),
    "lstm_backward": Exercise(
        make=make_backward, results=["dx", "dy0", "dc0", *GRADIENTS], sizes=SIZES,
        edges=[
            ONE_STEP, ONE_SEQUENCE, ONE_CELL, ONE_INPUT, SHUT, NO_PEEPHOLES, NO_WEIGHTS,
            EdgeCase(dict(T=40, N=2, D=3, H=4), "with 40 time steps"),
        ],
        as_dict=True, backward=["dx"], groups=by_kind(),
    ),
    "coupled_backward": Exercise(
        make=make_coupled, results=["dz_bar", "di_bar", "dc_prev"], sizes=pick("N", "H"),
        edges=[ONE_SEQUENCE, ONE_CELL, SHUT, NO_PEEPHOLES], elementwise=("dz_bar", "di_bar", "dc_prev"),
    ),
    "adding_loss": Exercise(
        make=make_loss, results=["J", "Delta", "dv", "dd"], sizes=pick("T", "N", "H"),
        edges=[
            ONE_STEP, ONE_SEQUENCE, ONE_CELL, EdgeCase(dict(scale=0.0), "with v = 0 and d = 0"),
            EdgeCase(dict(scale=100.0), "with a large v and d"), EdgeCase(dict(T=120, N=40, H=50), "with long sequences in a large batch"),
            EdgeCase(dict(far=1e9), "where the targets are a billion away", "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True),
        ],
        groups=[["J", "dd"]],
    ),
}  # fmt: skip
