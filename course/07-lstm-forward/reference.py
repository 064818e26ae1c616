"""Unit 07: the right answers to the problems of `checks.py`: torch's, and plain loops for the cells that are built by hand.

A step is compared with `torch.nn.LSTMCell` and, where torch has no peepholes, with a step written in torch.
"""

import numpy as np
import torch
from checks import GATES, KEYS, NAMES
from torch.nn.functional import linear

from byhand.checking.terms import Terms, logit
from byhand.in_torch import numbers


def tensor(array):
    return torch.tensor(np.asarray(array, dtype=float), dtype=torch.float64)


def sigmoid(a):
    return numbers(s=torch.sigmoid(tensor(a)))


def lstm_step(x, y_prev, c_prev, params):
    """torch.nn.LSTMCell, and the gates that it does not return."""
    H, D = params["Wz"].shape
    cell = torch.nn.LSTMCell(D, H, dtype=torch.float64)
    stacked = {m: tensor(np.concatenate([params[m + k] for k in "ifzo"])) for m in "WRb"}
    cell.load_state_dict(
        {"weight_ih": stacked["W"], "weight_hh": stacked["R"], "bias_ih": stacked["b"], "bias_hh": 0 * stacked["b"]}
    )
    y, c = cell(tensor(x), (tensor(y_prev), tensor(c_prev)))
    i, f, g, o = (linear(tensor(x), cell.weight_ih, cell.bias_ih) + linear(tensor(y_prev), cell.weight_hh)).chunk(
        4, dim=1
    )
    return numbers(z=g.tanh(), i=i.sigmoid(), f=f.sigmoid(), o=o.sigmoid(), c=c, y=y)


def from_torch(weight_ih, weight_hh, bias_ih, bias_hh):
    whole = {"W": tensor(weight_ih), "R": tensor(weight_hh), "b": tensor(bias_ih) + tensor(bias_hh)}
    blocks = {m: dict(zip("ifzo", value.chunk(4), strict=True)) for m, value in whole.items()}
    return numbers(**{key: blocks[key[0]][key[1]] for key in KEYS})


def one_step(x, y_prev, c_prev, p):
    """A step with peepholes on tensors."""
    parts = {k: linear(x, p["W" + k], p["b" + k]) + linear(y_prev, p["R" + k]) for k in GATES}
    z, i, f = parts["z"].tanh(), (parts["i"] + p["pi"] * c_prev).sigmoid(), (parts["f"] + p["pf"] * c_prev).sigmoid()
    c = torch.addcmul(z.mul(i), c_prev, f)
    o = (parts["o"] + p["po"] * c).sigmoid()
    return dict(z=z, i=i, f=f, o=o, c=c, y=c.tanh().mul(o))


def peephole_step(x, y_prev, c_prev, params):
    return numbers(**one_step(tensor(x), tensor(y_prev), tensor(c_prev), {k: tensor(v) for k, v in params.items()}))


def lstm_forward(x, y0, c0, params):
    p = {k: tensor(v) for k, v in params.items()}
    y, c, steps = tensor(y0), tensor(c0), []
    for x_t in tensor(x):
        steps.append(one_step(x_t, y, c, p))
        y, c = steps[-1]["y"], steps[-1]["c"]
    return numbers(**{name: torch.stack([s[name] for s in steps]) for name in NAMES})


def count_parameters(D, H):
    """Counted, not computed: torch's module, and the shapes of the dict `params`."""
    lstm = torch.nn.LSTM(D, H, device="meta")
    shapes = [(H, D), (H, H), (H,)] * 4 + [(H,)] * 3
    ours = [torch.empty(shape, device="meta") for shape in shapes]
    return {
        "torch": np.array(sum(p.numel() for p in lstm.parameters())),
        "peephole": np.array(sum(p.numel() for p in ours)),
    }


def latch(n, x):
    """The bit that was written last, held and shown, and a half."""
    read, held = [], np.zeros(x.shape[1])
    for x_t in x:
        held = np.where(x_t[:, 1] == 1, x_t[:, 0], held)
        read.append(held)
    return dict(held=np.array(read), read=np.array(read), kept=np.array(0.5))


def counter(n, x):
    """Pulses counted in whole numbers; a full count is gone before the next step."""
    strikes, counts = [], []
    held = np.zeros(x.shape[1])
    for x_t in x:
        held = np.where(held == n, 0, held) + x_t[:, 0]
        strikes.append(held == n)
        counts.append(held)
    return dict(read=np.array(strikes, dtype=float), count=np.array(counts, dtype=float))


# The terms of the sums ---------------------------------------------------------------------------


def terms_of_step(x, y_prev, c_prev, params):
    """The four sums and the two products of the cell; `params` with peepholes or without."""
    right = (peephole_step if "pi" in params else lstm_step)(x, y_prev, c_prev, params)
    found = {}
    for k in GATES:
        parts = {
            f"W{k} x": x @ params["W" + k].T, f"R{k} y": y_prev @ params["R" + k].T,
            f"b{k}": np.broadcast_to(params["b" + k], c_prev.shape),
        }  # fmt: skip
        foreign = {f"R{k} times the old cell": c_prev @ params["R" + k].T, f"R{k} y with R not transposed": y_prev @ params["R" + k]}
        if "pi" in params:
            old, new = c_prev, right["c"]
            seen = {"i": old, "f": old, "o": new}
            if k in seen:
                parts[f"p{k} c"] = params["p" + k] * seen[k]
                foreign[f"p{k} times the {'old' if k == 'o' else 'new'} cell"] = params["p" + k] * (old if k == "o" else new)
                foreign[f"p{k} times the old output"] = params["p" + k] * y_prev
            for other in "ifo":
                if other != k:
                    foreign[f"p{other} c, the peephole of another gate,"] = params["p" + other] * seen.get(k, old)
        found[k] = Terms(parts, np.arctanh if k == "z" else logit, foreign)
    found["c"] = Terms(
        {"z i, what is written": right["z"] * right["i"], "c f, what is kept of the old cell": c_prev * right["f"]},
        foreign={
            "z f": right["z"] * right["f"], "the old cell times i": c_prev * right["i"],
            "the old output times f": y_prev * right["f"], "z without the input gate": right["z"],
            "the old cell without the forget gate": c_prev,
        },
    )  # fmt: skip
    return found


REFERENCES = {
    "sigmoid": sigmoid, "lstm_step": lstm_step, "from_torch": from_torch, "peephole_step": peephole_step,
    "lstm_forward": lstm_forward, "count_parameters": count_parameters, "latch": latch, "counter": counter,
}  # fmt: skip
TERMS = {"lstm_step": terms_of_step, "peephole_step": terms_of_step}
