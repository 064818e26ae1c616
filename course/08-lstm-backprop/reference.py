"""Unit 08: torch's answers to the problems of `checks.py`, one function for each exercise, by its name.

Each writes the variables of the cell as the forward pass does and lets autograd go back. The saved values that a problem
hands out are made up, so autograd is made to run at these values: `at` gives a sum the value that belongs to its saved
activation, and leaves its derivatives alone.
"""

import numpy as np
import torch
from checks import PARAMETERS

from byhand.checking.terms import Terms
from byhand.in_torch import numbers


def leaf(array):
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


def fixed(array):
    return torch.tensor(np.asarray(array), dtype=torch.float64)


def at(total, saved, inverse):
    """`total` with the value at which the activation gives `saved`."""
    return total + (inverse(fixed(saved)) - total).detach()


def cell(x, y_prev, c_prev, p, s):
    """y and c of one step, at the saved values `s`."""

    def total(k, seen=None):
        a = x @ p["W" + k].T + y_prev @ p["R" + k].T + p["b" + k]
        return a if seen is None else a + p["p" + k] * seen

    z = torch.tanh(at(total("z"), s["z"], torch.atanh))
    i = torch.sigmoid(at(total("i", c_prev), s["i"], torch.logit))
    f = torch.sigmoid(at(total("f", c_prev), s["f"], torch.logit))
    c = z * i + c_prev * f
    o = torch.sigmoid(at(total("o", c), s["o"], torch.logit))
    return torch.tanh(c) * o, c


# On paper: the first cell of the lesson's example at t = 2, its values with four decimals, and made-up arrivals.
PAPER = dict(c=1.2091, o=0.2216, z=0.0442, i=0.5991, f_next=0.8189, po=-0.9, pi=0.5, pf=0.7)
ARRIVE = dict(y=2.0, c_next=1.0, i_bar_next=0.6, f_bar_next=-0.8)


def on_paper():
    v = {name: fixed(value) for name, value in PAPER.items()}
    c, z_bar = leaf(PAPER["c"]), leaf(np.arctanh(PAPER["z"]))
    o = torch.sigmoid(torch.logit(v["o"]) + v["po"] * (c - v["c"]))
    o_bar = leaf(np.log(PAPER["o"] / (1 - PAPER["o"])))
    [do_bar] = torch.autograd.grad(ARRIVE["y"] * torch.tanh(v["c"]) * torch.sigmoid(o_bar), o_bar)
    J = ARRIVE["y"] * torch.tanh(c) * o + ARRIVE["c_next"] * c * v["f_next"]
    J = J + ARRIVE["i_bar_next"] * v["pi"] * c + ARRIVE["f_bar_next"] * v["pf"] * c
    [dc] = torch.autograd.grad(J, c)
    [dz_bar] = torch.autograd.grad(dc * torch.tanh(z_bar) * v["i"], z_bar)
    return {name: np.round(value, 2) for name, value in numbers(do_bar=do_bar, dc=dc, dz_bar=dz_bar).items()}


def delta_c(dy, do_bar, c, o, dc_next, di_bar_next, df_bar_next, f, f_next, p):
    c, p = leaf(c), {name: fixed(value) for name, value in p.items()}
    heads = [
        (dy, torch.tanh(c) * fixed(o)), (do_bar, p["po"] * c), (dc_next, c * fixed(f_next)),
        (di_bar_next, p["pi"] * c), (df_bar_next, p["pf"] * c),
    ]  # fmt: skip
    sum((fixed(arrives) * head).sum() for arrives, head in heads).backward()
    return numbers(dc=c.grad)


def delta_gates(dc, c_prev, c, z, i, f):
    z_bar, i_bar, f_bar = leaf(np.arctanh(z)), leaf(torch.logit(fixed(i))), leaf(torch.logit(fixed(f)))
    new = torch.tanh(z_bar) * torch.sigmoid(i_bar) + fixed(c_prev) * torch.sigmoid(f_bar)
    new.backward(fixed(dc))
    return numbers(df_bar=f_bar.grad, di_bar=i_bar.grad, dz_bar=z_bar.grad)


def delta_y(Delta_prev, dz_bar, di_bar, df_bar, do_bar, p):
    y = leaf(np.zeros_like(Delta_prev))
    J = (fixed(Delta_prev) * y).sum()
    for k, bar in (("z", dz_bar), ("i", di_bar), ("f", df_bar), ("o", do_bar)):
        J = J + (fixed(bar) * torch.nn.functional.linear(y, fixed(p["R" + k]))).sum()
    J.backward()
    return numbers(dy_prev=y.grad)


def lstm_step_backward(dy, dc_ahead, x, y_prev, c_prev, s, p):
    x, y_prev, c_prev = leaf(x), leaf(y_prev), leaf(c_prev)
    p = {name: leaf(value) for name, value in p.items()}
    y, c = cell(x, y_prev, c_prev, p, s)
    ((fixed(dy) * y).sum() + (fixed(dc_ahead) * c).sum()).backward()
    return numbers(
        dx=x.grad, dy_prev=y_prev.grad, dc_prev=c_prev.grad, **{f"d{name}": p[name].grad for name in PARAMETERS}
    )


def lstm_backward(Delta, x, y0, c0, run, p):
    x, y0, c0 = leaf(x), leaf(y0), leaf(c0)
    p = {name: leaf(value) for name, value in p.items()}
    y, c, J = y0, c0, 0.0
    for t in range(len(x)):
        y, c = cell(x[t], y, c, p, {name: values[t] for name, values in run.items()})
        J = J + (fixed(Delta[t]) * y).sum()
    J.backward()
    return numbers(dx=x.grad, dy0=y0.grad, dc0=c0.grad, **{f"d{name}": p[name].grad for name in PARAMETERS})


def coupled_backward(dc, c_prev, z, i, p_i):
    """The forget gate is 1 - i. The input gate's sum without its peephole is what the saved gate leaves for it."""
    old, z_bar = leaf(c_prev), leaf(np.arctanh(z))
    heard = leaf(torch.logit(fixed(i)) - fixed(p_i) * fixed(c_prev))
    i = torch.sigmoid(heard + fixed(p_i) * old)
    (torch.tanh(z_bar) * i + old * (1 - i)).backward(fixed(dc))
    return numbers(dz_bar=z_bar.grad, di_bar=heard.grad, dc_prev=old.grad)


def adding_loss(y, target, v, d):
    y, v, d = leaf(y), leaf(v), leaf(d)
    J = torch.nn.functional.mse_loss(y[-1] @ v + d, fixed(target))
    J.backward()
    return numbers(J=J, Delta=y.grad, dv=v.grad, dd=d.grad)


# The terms of the sums -------------------------------------------------------------------------------------------------


def terms_of_c(dy, do_bar, c, o, dc_next, di_bar_next, df_bar_next, f, f_next, p):
    slope = 1 - np.tanh(c) ** 2
    parts = {
        "that comes from y through the tanh": dy * o * slope,
        "that comes from the output gate through its peephole": p["po"] * do_bar,
        "that comes from the next cell along the highway": dc_next * f_next,
        "that comes from the next input gate through its peephole": p["pi"] * di_bar_next,
        "that comes from the next forget gate through its peephole": p["pf"] * df_bar_next,
    }
    foreign = {
        "with the forget gate of this step on the highway": dc_next * f,
        "with the next cell's gradient and no gate": dc_next,
        "with the input gate's peephole beside the forget gate's gradient": p["pi"] * df_bar_next,
        "with the forget gate's peephole beside the input gate's gradient": p["pf"] * di_bar_next,
        "with the gradient at y, the output gate and no slope": dy * o,
        "with the gradient at y, the slope of the tanh and no output gate": dy * slope,
    }
    return {"dc": Terms(parts, foreign=foreign)}


def terms_of_y(Delta_prev, dz_bar, di_bar, df_bar, do_bar, p):
    through_R = ways_back({"z": dz_bar, "i": di_bar, "f": df_bar, "o": do_bar}, "R", p)
    return {"dy_prev": Terms({"from the loss of its own step": Delta_prev, **through_R.parts}, foreign=through_R.foreign)}


SUMS = {"z": "block input", "i": "input gate", "f": "forget gate", "o": "output gate"}


def ways_back(bars, kind, p):
    """What comes back from the gradients at the four sums through all W, or through all R."""
    parts = {f"that comes back from the {SUMS[k]}'s sum": bars[k] @ p[kind + k] for k in bars}
    foreign = {f"with R of the {SUMS[k]} not transposed as the way back asks": bars[k] @ p["R" + k].T for k in bars}
    return Terms(parts, foreign=foreign if kind == "R" else {})


def to_old_cell(dc, bars, s, p):
    return Terms(
        {
            "along the highway": dc * s["f"], "through the input gate's peephole": p["pi"] * bars["i"],
            "through the forget gate's peephole": p["pf"] * bars["f"],
        },
        foreign={
            "along the highway without its gate": dc, "through the output gate's peephole": p["po"] * bars["o"],
            "with the forget gate's peephole beside the input gate's gradient": p["pf"] * bars["i"],
            "with the input gate's peephole beside the forget gate's gradient": p["pi"] * bars["f"],
        },
    )  # fmt: skip


def gradients_at(dy, dc_ahead, c_prev, s, p):
    """Those at the cell and at the four sums of one step."""
    do = dy * s["tanh_c"] * s["o"] * (1 - s["o"])
    dc = dy * s["o"] * (1 - s["tanh_c"] ** 2) + p["po"] * do + dc_ahead
    return dc, {
        "z": dc * s["i"] * (1 - s["z"] ** 2), "i": dc * s["z"] * s["i"] * (1 - s["i"]), "f": dc * c_prev * s["f"] * (1 - s["f"]), "o": do,
    }  # fmt: skip


def terms_of_step(dy, dc_ahead, x, y_prev, c_prev, s, p):
    dc, bars = gradients_at(dy, dc_ahead, c_prev, s, p)
    return {"dx": ways_back(bars, "W", p), "dy_prev": ways_back(bars, "R", p), "dc_prev": to_old_cell(dc, bars, s, p)}


def terms_of_backward(Delta, x, y0, c0, run, p):
    """What goes back at every step, and what the steps pay into the gradients of the parameters."""
    c_prev, steps = np.concatenate([c0[None], run["c"][:-1]]), []
    dy_ahead = dc_ahead = 0.0
    for t in reversed(range(len(x))):
        s = {name: values[t] for name, values in run.items()}
        dc, bars = gradients_at(Delta[t] + dy_ahead, dc_ahead, c_prev[t], s, p)
        back, old = ways_back(bars, "R", p), to_old_cell(dc, bars, s, p)
        dy_ahead, dc_ahead = sum(back.parts.values()), sum(old.parts.values())
        steps.insert(0, bars)
    all_bars = {k: np.stack([bars[k] for bars in steps]) for k in "zifo"}
    found = {"dx": ways_back(all_bars, "W", p), "dy0": back, "dc0": old}
    heard = {"W": x, "R": np.concatenate([y0[None], run["y"][:-1]])}
    seen = {"i": c_prev, "f": c_prev, "o": run["c"]}
    for k, bar in all_bars.items():
        paid = {"d" + m + k: np.einsum("tni,tnj->tij", bar, heard[m]) for m in "WR"} | {"db" + k: bar.sum(axis=1)}
        if k in seen:
            paid["dp" + k] = (seen[k] * bar).sum(axis=1)
        for name, by_step in paid.items():
            found[name] = Terms({"that step 1 pays in": by_step[0], "that the later steps pay in": by_step[1:].sum(axis=0)})
    return found


def terms_of_coupled(dc, c_prev, z, i, p_i):
    slope = i * (1 - i)
    di_bar = dc * (z - c_prev) * slope
    return {
        "di_bar": Terms({"where i is multiplied by z": dc * z * slope, "where 1 - i is multiplied by the old cell": -dc * c_prev * slope}),
        "dc_prev": Terms({"along the highway": dc * (1 - i), "through the peephole": p_i * di_bar}, foreign={"with i on the highway": dc * i}),
    }  # fmt: skip


REFERENCES = {
    "on_paper": on_paper, "delta_c": delta_c, "delta_gates": delta_gates, "delta_y": delta_y,
    "lstm_step_backward": lstm_step_backward, "lstm_backward": lstm_backward, "coupled_backward": coupled_backward,
    "adding_loss": adding_loss,
}  # fmt: skip
TERMS = {
    "delta_c": terms_of_c, "delta_y": terms_of_y, "lstm_step_backward": terms_of_step, "lstm_backward": terms_of_backward,
    "coupled_backward": terms_of_coupled,
}  # fmt: skip
