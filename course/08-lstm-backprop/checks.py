"""Unit 08: the problems that the exercises are checked on, and torch's answers to them.

Your gradients are compared with what torch's autograd gives for the same cell. With peepholes the forward pass is
written out in torch, line by line, since torch's own LSTM has none; where all peepholes are zero, `torch.nn.LSTM` itself
is asked. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise

# D and H differ, T is at least 3, N at least 2, peepholes and first states are not zero, and every step has a loss: each
# of these, left out, would hide mistakes.
SIZES = dict(T=4, N=3, D=2, H=5)
EDGES = [
    dict(T=1), dict(N=1), dict(H=1), dict(D=1), dict(T=9, N=2, D=6, H=3), dict(peephole=0.0), dict(scale=0.0), dict(scale=6.0),
]  # fmt: skip
SHAPES = {"W": ("H", "D"), "R": ("H", "H"), "p": ("H",), "b": ("H",)}
PARAMETERS = [kind + k for kind in "WRpb" for k in "zifo" if kind + k != "pz"]
KEPT = ["z", "i", "f", "o", "c", "tanh_c", "y"]


def parameters(rng, D, H, scale, peephole):
    size, spread = dict(D=D, H=H), dict(W=scale / np.sqrt(D), R=scale / np.sqrt(H), p=peephole, b=scale / 2)
    return {
        name: spread[name[0]] * rng.normal(size=[size[letter] for letter in SHAPES[name[0]]]) for name in PARAMETERS
    }


def leaf(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def numbers(**results):
    return {name: value.detach().numpy().copy() for name, value in results.items()}


def cell(x, y_prev, c_prev, p):
    """One step of the cell with peepholes; every variable of it by name."""

    def total(k, seen=None):
        a = x @ p["W" + k].T + y_prev @ p["R" + k].T + p["b" + k]
        return a if seen is None else a + p["p" + k] * seen

    s = dict(z_bar=total("z"), i_bar=total("i", c_prev), f_bar=total("f", c_prev))
    s |= dict(z=torch.tanh(s["z_bar"]), i=torch.sigmoid(s["i_bar"]), f=torch.sigmoid(s["f_bar"]))
    s["c"] = s["z"] * s["i"] + c_prev * s["f"]
    s["o_bar"] = total("o", s["c"])
    s["o"], s["tanh_c"] = torch.sigmoid(s["o_bar"]), torch.tanh(s["c"])
    s["y"] = s["tanh_c"] * s["o"]
    return s


def unroll(x, y0, c0, p):
    """The cell over a sequence: a list of steps, each with all its variables, which keep their gradients."""
    steps, y, c = [], y0, c0
    for x_t in x:
        steps.append(cell(x_t, y, c, p))
        for value in steps[-1].values():
            value.retain_grad()
        y, c = steps[-1]["y"], steps[-1]["c"]
    return steps


def make_run(rng, T, N, D, H, scale, peephole):
    """Inputs, first states, parameters, and the gradient at y of each step's own loss."""
    x = rng.normal(size=(T, N, D))
    y0, c0 = np.tanh(rng.normal(size=(N, H))), rng.normal(size=(N, H))
    p = parameters(rng, D, H, scale, peephole)
    return x, y0, c0, p, rng.normal(size=(T, N, H))


def middle(rng, N, D, H, scale, peephole):
    """All variables and all gradients around step 2 of 3: (steps, parameters as numbers, gradient of each step's loss)."""
    x, y0, c0, p, Delta = make_run(rng, 3, N, D, H, scale, peephole)
    steps = unroll(leaf(x), leaf(y0), leaf(c0), {name: leaf(value) for name, value in p.items()})
    sum((torch.tensor(Delta[t]) * steps[t]["y"]).sum() for t in range(3)).backward()
    values = [numbers(**s) | numbers(**{f"d{name}": v.grad for name, v in s.items()}) for s in steps]
    return values, p, Delta


# The deltas ------------------------------------------------------------------------------------------------------------


def make_o(rng, N, H, D=2, scale=1.0, peephole=0.8):
    (_, s, _), _, _ = middle(rng, N, D, H, scale, peephole)
    return dict(dy=s["dy"], c=s["c"], o=s["o"], truth=dict(do_bar=s["do_bar"]))


def make_c(rng, N, H, D=2, scale=1.0, peephole=0.8):
    (_, s, after), p, _ = middle(rng, N, D, H, scale, peephole)
    return dict(
        dy=s["dy"], do_bar=s["do_bar"], c=s["c"], o=s["o"], dc_next=after["dc"], di_bar_next=after["di_bar"],
        df_bar_next=after["df_bar"], f=s["f"], f_next=after["f"], p=p, truth=dict(dc=s["dc"]),
    )  # fmt: skip


def make_gates(rng, N, H, D=2, scale=1.0, peephole=0.8):
    (before, s, _), _, _ = middle(rng, N, D, H, scale, peephole)
    names = ("df_bar", "di_bar", "dz_bar")
    return dict(dc=s["dc"], c_prev=before["c"], c=s["c"], z=s["z"], i=s["i"], f=s["f"], truth={n: s[n] for n in names})


def make_y(rng, N, H, D=2, scale=1.0, peephole=0.8):
    (before, s, _), p, Delta = middle(rng, N, D, H, scale, peephole)
    bars = {name: s[name] for name in ("dz_bar", "di_bar", "df_bar", "do_bar")}
    return dict(Delta_prev=Delta[0], **bars, p=p, truth=dict(dy_prev=before["dy"]))


# One step back ---------------------------------------------------------------------------------------------------------


def make_step(rng, N, D, H, scale=1.0, peephole=0.8):
    x, y_prev, c_prev, p, dy = make_run(rng, 1, N, D, H, scale, peephole)
    tensors = (torch.tensor(v) for v in (x[0], y_prev, c_prev))
    s = numbers(**cell(*tensors, {name: torch.tensor(value) for name, value in p.items()}))
    return dict(
        dy=dy[0], dc_ahead=rng.normal(size=(N, H)), x=x[0], y_prev=y_prev, c_prev=c_prev,
        s={name: s[name] for name in KEPT}, p=p,
    )  # fmt: skip


# The whole way back ----------------------------------------------------------------------------------------------------


def make_backward(rng, T, N, D, H, scale=1.0, peephole=0.8):
    x, y0, c0, p, Delta = make_run(rng, T, N, D, H, scale, peephole)
    steps = unroll(leaf(x), leaf(y0), leaf(c0), {name: leaf(value) for name, value in p.items()})
    run = {name: np.stack([s[name].detach().numpy() for s in steps]) for name in KEPT}
    return dict(Delta=Delta, x=x, y0=y0, c0=c0, run=run, p=p)


# The adding problem's loss ---------------------------------------------------------------------------------------------


def make_loss(rng, T, N, H, scale=1.0):
    y = np.tanh(rng.normal(size=(T, N, H)))
    return dict(y=y, target=rng.uniform(size=N), v=scale * rng.normal(size=H), d=scale * rng.normal())


def pick(*names):
    return {name: SIZES[name] for name in names}


def edges(*names):
    return [e for e in EDGES if set(e) <= {*names, "scale", "peephole"}]


GRADIENTS = [f"d{name}" for name in PARAMETERS]
DELTA = dict(sizes=pick("N", "H"), edges=edges("N", "H"), withheld=["truth"])
EXERCISES = {
    "delta_o": Exercise(make_o, ["do_bar"], **DELTA),
    "delta_c": Exercise(make_c, ["dc"], **DELTA),
    "delta_gates": Exercise(make_gates, ["df_bar", "di_bar", "dz_bar"], **DELTA),
    "delta_y": Exercise(make_y, ["dy_prev"], **DELTA),
    "lstm_step_backward": Exercise(
        make_step, ["dx", "dy_prev", "dc_prev", *GRADIENTS],
        pick("N", "D", "H"), edges("N", "D", "H"), as_dict=True,
    ),
    "lstm_backward": Exercise(
        make_backward, ["dx", "dy0", "dc0", *GRADIENTS], SIZES, EDGES, as_dict=True, backward=["dx"],
    ),
    "adding_loss": Exercise(
        make_loss, ["J", "Delta", "dv", "dd"], pick("T", "N", "H"),
        [dict(T=1), dict(N=1), dict(H=1), dict(scale=0.0), dict(scale=100.0)],
    ),
}  # fmt: skip
