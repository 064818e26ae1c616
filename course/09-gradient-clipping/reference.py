"""Unit 09: torch's answers to the problems of `checks.py`, one function for each exercise, by its name.

Jacobians are those of `torch.autograd.functional.jacobian` over a forward step written in torch, spectra are `torch.linalg`'s,
clipping is `torch.nn.utils`'. The saved values of a problem are made up: what a sum holds beside its recurrent part is what
the saved activation leaves for it.
"""

import numpy as np
import torch
from torch.autograd.functional import jacobian

from byhand.checking.terms import Terms
from byhand.in_torch import tensors


def on_paper():
    """One step back through the lesson's W, then both kinds of clipping with threshold 0.5."""
    W, old, dh = tensors([[0.9, 0.8], [-0.6, 1.1]], [0.0, 0.0], [1.0, -0.5])
    rest = torch.atanh(torch.tensor([0.6, -0.8], dtype=torch.float64))
    back = jacobian(lambda h: dh @ torch.tanh(rest + W @ h), old)
    clipped = {"back": back}
    for name, clip in (("by_norm", torch.nn.utils.clip_grad_norm_), ("by_value", torch.nn.utils.clip_grad_value_)):
        leaf = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        leaf.grad = back.clone()
        clip([leaf], 0.5)
        clipped[name] = leaf.grad
    return {name: np.round(value.numpy(), 2) for name, value in clipped.items()}


# The simple RNN ----------------------------------------------------------------------------------


def jacobian_product(h, W):
    h, W = tensors(h, W)
    T, N, H = h.shape
    rest = torch.atanh(h[1:]) - h[:-1] @ W.T
    P = torch.empty(T, N, H, H, dtype=torch.float64)
    for t in range(T):
        for n in range(N):

            def to_the_end(s, t=t, n=n):
                for later in rest[t:, n]:
                    s = torch.tanh(later + W @ s)
                return 1.0 * s

            P[t, n] = jacobian(to_the_end, h[t, n])
    return dict(P=P.numpy())


def gradient_by_distance(Delta, h, h0, W):
    """Each step has a copy of W; the loss of step t is asked for its gradient at the copies up to t."""
    Delta, h, h0 = tensors(Delta, h, h0)
    T = len(h)
    copies = [torch.tensor(W, dtype=torch.float64, requires_grad=True) for _ in range(T)]
    state, G = h0, torch.zeros(T, *np.shape(W), dtype=torch.float64)
    for t in range(T):
        a = state @ copies[t].T
        state = torch.tanh(a + (torch.atanh(h[t]) - a).detach())
        paid = torch.autograd.grad((Delta[t] * state).sum(), copies[: t + 1], retain_graph=True)
        for k in range(t + 1):
            G[t - k] += paid[k]
    return dict(G=G.numpy())


def growth(W, gamma, T):
    [W] = tensors(W)
    sigma = torch.linalg.matrix_norm(W, 2)
    powers = [torch.linalg.matrix_norm(torch.linalg.matrix_power(W, d), 2) for d in range(T + 1)]
    return dict(
        rho=torch.linalg.eigvals(W).abs().max().numpy(),
        sigma=sigma.numpy(),
        norms=torch.stack(powers).numpy(),
        bound=torch.cumprod(torch.cat([torch.ones(1), (gamma * sigma).expand(T)]).double(), 0).numpy(),
    )


# The LSTM ----------------------------------------------------------------------------------------


def step_in_slots(p, rest, c_direct, c_peep, y):
    """c(t), with the old cell given twice: to the path that the forget gate multiplies, and to the peepholes."""
    z = torch.tanh(rest["z"] + p["Rz"] @ y)
    i = torch.sigmoid(rest["i"] + p["Ri"] @ y + p["pi"] * c_peep)
    f = torch.sigmoid(rest["f"] + p["Rf"] @ y + p["pf"] * c_peep)
    return z * i + c_direct * f


def each_sequence(before, now, p):
    """For each sequence: the parameters, what the sums hold beside R y and p c, and c, y of step t - 1, with o's own rest."""
    p = {k: torch.tensor(v) for k, v in p.items()}
    for n in range(len(before["c"])):
        c, y, o_before, c_now = tensors(before["c"][n], before["y"][n], before["o"][n], now["c"][n])
        z, i, f, o = tensors(*(now[k][n] for k in "zifo"))
        rest = {
            "z": torch.atanh(z) - p["Rz"] @ y,
            "i": torch.logit(i) - p["Ri"] @ y - p["pi"] * c,
            "f": torch.logit(f) - p["Rf"] @ y - p["pf"] * c,
            "o": torch.logit(o) - p["Ro"] @ y - p["po"] * c_now,
        }
        yield p, rest, c, y, torch.logit(o_before) - p["po"] * c


def cell_jacobian(**args):
    found = []
    for p, rest, c, y, o_rest in each_sequence(**args):

        def total(s, p=p, rest=rest, o_rest=o_rest):
            return step_in_slots(p, rest, s, s, torch.tanh(s) * torch.sigmoid(o_rest + p["po"] * s))

        slots = jacobian(lambda a, b, y, p=p, rest=rest: step_in_slots(p, rest, a, b, y), (c, c, y))
        found.append([*slots, jacobian(total, c)])
    names = ("direct", "peepholes", "from_y", "total")
    return {k: torch.stack(v).numpy() for k, v in zip(names, zip(*found, strict=True), strict=True)}


def state_jacobian(**args):
    found = []
    for p, rest, c, y, _ in each_sequence(**args):
        H = len(c)

        def step(s, p=p, rest=rest, H=H):
            new = step_in_slots(p, rest, s[:H], s[:H], s[H:])
            o = torch.sigmoid(rest["o"] + p["Ro"] @ s[H:] + p["po"] * new)
            return torch.cat([new, torch.tanh(new) * o])

        found.append(jacobian(step, torch.cat([c, y])))
    J = torch.stack(found).numpy()
    H = J.shape[1] // 2
    return {
        "c by c": J[:, :H, :H], "c by y": J[:, :H, H:], "y by c": J[:, H:, :H], "y by y": J[:, H:, H:],
    }  # fmt: skip


# Clipping ----------------------------------------------------------------------------------------


def with_grads(grads):
    leaves = {name: torch.zeros(np.shape(g), dtype=torch.float64, requires_grad=True) for name, g in grads.items()}
    for name, leaf in leaves.items():
        leaf.grad = torch.tensor(grads[name])
    return leaves


def clip_by_value(grads, limit):
    leaves = with_grads(grads)
    torch.nn.utils.clip_grad_value_(leaves.values(), limit)
    return {name: leaf.grad.numpy() for name, leaf in leaves.items()}


def clip_by_norm(grads, small, zeros, max_norm):
    results = {}
    for label, given in (("", grads), ("small ", small), ("zero ", zeros)):
        leaves = with_grads(given)
        norm = torch.nn.utils.clip_grad_norm_(leaves.values(), max_norm)
        results |= {f"{label}{name}": leaf.grad.numpy() for name, leaf in leaves.items()}
        results[f"{label}norm"] = norm.numpy()
    return results


# The terms of the sums ---------------------------------------------------------------------------


def rows(v):
    """Vectors (N, H) as factors of the rows of matrices (N, H, H)."""
    return v[:, :, None]


def terms_of_cell(before, now, p):
    z, i, f, c, o = now["z"], now["i"], now["f"], before["c"], before["o"]
    eye = np.eye(c.shape[1])
    way = {"f": c * f * (1 - f), "i": z * i * (1 - i), "z": i * (1 - z * z)}  # from each sum to the new cell
    says = {"f": "forget gate", "i": "input gate", "z": "block input"}
    y_by_c = {"the tanh": o * (1 - np.tanh(c) ** 2), "the output gate's peephole": np.tanh(c) * o * (1 - o) * p["po"]}
    from_y = {f"with R of the {says[k]}": rows(way[k]) * p["R" + k] for k in "fiz"}
    through_y = sum(from_y.values())
    peepholes = {f"of the {says[k]}'s peephole": rows(way[k] * p["p" + k]) * eye for k in "fi"}
    return {
        "peepholes": Terms(peepholes),
        "from_y": Terms(from_y, foreign={f"with R of the {says[k]} transposed": rows(way[k]) * p["R" + k].T for k in "fiz"}),
        "total": Terms(
            {
                "of the direct path": rows(f) * eye, "of the peepholes": sum(peepholes.values()),
                **{f"through y and {how}": through_y * v[:, None, :] for how, v in y_by_c.items()},
            },
            foreign={"from_y as it stands": through_y},
        ),
    }  # fmt: skip


def terms_of_state(before, now, p):
    o, tanh_c = now["o"], np.tanh(now["c"])
    upper = state_jacobian(before=before, now=now, p=p)
    through = {"the tanh": rows(o * (1 - tanh_c**2)), "the output gate's peephole": rows(tanh_c * o * (1 - o) * p["po"])}

    def through_c(block):
        return {f"through the new cell and {how}": v * block for how, v in through.items()}

    return {
        "y by c": Terms(through_c(upper["c by c"])),
        "y by y": Terms({**through_c(upper["c by y"]), "with R of the output gate": rows(tanh_c * o * (1 - o)) * p["Ro"]}),
    }


REFERENCES = {
    "on_paper": on_paper, "jacobian_product": jacobian_product, "growth": growth,
    "gradient_by_distance": gradient_by_distance, "cell_jacobian": cell_jacobian, "state_jacobian": state_jacobian,
    "clip_by_value": clip_by_value, "clip_by_norm": clip_by_norm,
}  # fmt: skip
TERMS = {"cell_jacobian": terms_of_cell, "state_jacobian": terms_of_state}
