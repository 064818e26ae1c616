"""Unit 09: the problems that the exercises are checked on, and torch's answers to them.

Jacobians are compared with `torch.autograd.functional.jacobian` over a forward pass written in torch, spectra with
`torch.linalg`, clipping with `torch.nn.utils`. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np

from byhand.checking import Exercise

# T is at least 3 and N at least 2, no weight is symmetric and no peephole is 0, so that nothing wrong can hide.
EDGES = [dict(N=1), dict(H=1), dict(N=4, H=6), dict(scale=0.0), dict(scale=5.0)]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# rnn_jacobian, jacobian_product ------------------------------------------------------------------


def make_states(rng, T, N, H, scale=1.0):
    """States of a simple RNN; `rest` is all that its sums hold beside W h: inputs and bias."""
    W = scale * 1.2 * rng.normal(size=(H, H)) / np.sqrt(H)
    rest = 0.6 * rng.normal(size=(T, N, H))
    h0 = np.tanh(rng.normal(size=(N, H)))
    h, state = np.empty((T, N, H)), h0
    for t in range(T):
        h[t] = state = np.tanh(rest[t] + state @ W.T)
    return dict(h=h, W=W, h0=h0, rest=rest)


def make_jacobian(rng, N, H, scale=1.0):
    made = make_states(rng, 1, N, H, scale)
    return dict(h=made["h"][0], W=made["W"], h_prev=made["h0"], rest=made["rest"][0])


# growth ------------------------------------------------------------------------------------------


def make_matrix(rng, H, T, gamma, scale=1.0):
    # The shift to negative values gives the largest eigenvalues a sign or an imaginary part that a wrong reading shows.
    W = scale * rng.normal(size=(H, H)) / np.sqrt(H)
    return dict(W=W - 0.9 * scale * np.eye(H), gamma=gamma, T=T)


# norms_by_distance -------------------------------------------------------------------------------


def make_chain(rng, T, N, H, scale=1.0):
    return dict(g=rng.normal(size=(N, H)), jacobians=scale * rng.normal(size=(T, N, H, H)) / np.sqrt(H))


# cell_jacobian, state_jacobian -------------------------------------------------------------------


def make_cell(rng, N, H, scale=1.0):
    """Two steps of a peephole LSTM. The `rest` is what the sums hold beside R y and p c: inputs and biases."""
    p = {f"R{k}": scale * 1.5 * rng.normal(size=(H, H)) / np.sqrt(H) for k in "zifo"}
    p |= {f"p{k}": scale * rng.normal(size=H) for k in "ifo"}
    rest = {k: 0.7 * rng.normal(size=(2, N, H)) for k in "zifo"}
    y, c, steps = np.tanh(rng.normal(size=(N, H))), rng.normal(size=(N, H)), []
    o_before = rest["o"][0] + y @ p["Ro"].T  # the output gate's sum at step t - 1, without its peephole
    for t in (0, 1):
        a = {k: rest[k][t] + y @ p[f"R{k}"].T for k in "zifo"}
        z, i, f = np.tanh(a["z"]), sigmoid(a["i"] + p["pi"] * c), sigmoid(a["f"] + p["pf"] * c)
        c = z * i + c * f
        o = sigmoid(a["o"] + p["po"] * c)
        y = np.tanh(c) * o
        steps.append(dict(z=z, i=i, f=f, o=o, c=c, y=y))
    return dict(before=steps[0], now=steps[1], p=p, o_before=o_before, rest={k: rest[k][1] for k in "zifo"})


def blocks_of(J, H):
    return {
        "c by c": J[:, :H, :H], "c by y": J[:, :H, H:], "y by c": J[:, H:, :H], "y by y": J[:, H:, H:],
    }  # fmt: skip


def in_blocks(answer, before, now, p):
    """The answer, cut into its four blocks, so that the check can say which of them is off."""
    J = answer(before, now, p)
    if J is None:
        return None
    N, H = before["c"].shape
    if np.shape(J) != (N, 2 * H, 2 * H):
        raise ValueError(
            f"state_jacobian returned the shape {np.shape(J)}; J should be (N, 2H, 2H), here {(N, 2 * H, 2 * H)}"
        )
    return blocks_of(np.asarray(J), H)


# clip_by_value, clip_by_norm ---------------------------------------------------------------------


def make_grads(rng, H, D, scale=1.0):
    return {
        "dU": scale * rng.normal(size=(H, D)),
        "dW": 3 * scale * rng.normal(size=(H, H)),
        "db": scale * rng.normal(size=H),
    }


def make_value(rng, H, D, limit, scale=1.0):
    return dict(grads=make_grads(rng, H, D, scale), limit=limit)


def make_norm(rng, H, D, share, scale=1.0):
    """A gradient whose norm is 1/share times the limit, and a small one whose norm is below it."""
    grads, small = make_grads(rng, H, D, scale), make_grads(rng, H, D, scale)
    norm, small_norm = (np.sqrt(sum((g * g).sum() for g in d.values())) for d in (grads, small))
    max_norm = share * norm if norm else 1.0
    factor = 0.4 * max_norm / small_norm if small_norm else 1.0
    return dict(grads=grads, small={k: factor * g for k, g in small.items()}, max_norm=max_norm)


def clip_twice(answer, grads, small, max_norm):
    """The answer on a gradient that is too long and on one that is not."""
    results = {}
    for label, given in (("", grads), ("small ", small)):
        returned = answer(given, max_norm)
        if returned is None:
            return None
        if not (isinstance(returned, (tuple, list)) and len(returned) == 2 and isinstance(returned[0], dict)):
            raise TypeError("clip_by_norm should return two things: a dict of clipped gradients, and the norm")
        results |= {f"{label}{name}": g for name, g in returned[0].items()}
        results[f"{label}norm"] = returned[1]
    return results


GRADS = ["dU", "dW", "db"]

EXERCISES = {
    "rnn_jacobian": Exercise(make_jacobian, ["J"], dict(N=3, H=4), EDGES, withheld=["h_prev", "rest"]),
    "jacobian_product": Exercise(
        make_states, ["P"], dict(T=5, N=2, H=3), [dict(T=1), dict(T=2), dict(T=8), *EDGES[:4]],
        withheld=["h0", "rest"],
    ),
    "growth": Exercise(
        make_matrix, ["rho", "sigma", "norms", "bound"], dict(H=5, T=6, gamma=0.25),
        [dict(gamma=1.0), dict(T=1), dict(H=1), dict(scale=0.0), dict(H=9, T=15)],
    ),
    "norms_by_distance": Exercise(
        make_chain, ["norms"], dict(T=4, N=3, H=5), [dict(T=1), dict(N=1), dict(H=1), dict(scale=0.0), dict(T=12)],
    ),
    "cell_jacobian": Exercise(
        make_cell, ["direct", "peepholes", "from_y", "total"], dict(N=3, H=4), EDGES,
        withheld=["o_before", "rest"],
    ),
    "state_jacobian": Exercise(
        make_cell, ["c by c", "c by y", "y by c", "y by y"], dict(N=3, H=4), EDGES,
        withheld=["o_before", "rest"], call=in_blocks, as_dict=True,
    ),
    "clip_by_value": Exercise(
        make_value, GRADS, dict(H=4, D=3, limit=0.8),
        [dict(H=1), dict(D=1), dict(scale=0.0), dict(limit=100.0), dict(limit=1e-3), dict(scale=1e6)], as_dict=True,
    ),
    "clip_by_norm": Exercise(
        make_norm, [*GRADS, "norm", *(f"small {k}" for k in GRADS), "small norm"], dict(H=4, D=3, share=0.3, scale=0.05),  # small enough for the 1e-6 to count
        [dict(H=1), dict(D=1), dict(scale=0.0), dict(scale=1e-4), dict(scale=1e6), dict(share=0.9)],
        call=clip_twice, as_dict=True,
    ),
}  # fmt: skip
