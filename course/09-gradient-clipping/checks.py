"""Unit 09: the problems that the exercises are checked on. torch's answers to them stand in `reference.py`.

States and gates are made up: a Jacobian needs the values at which it is taken, and not the inputs that led to them.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise
from byhand.on_paper import two_decimals

# All sizes differ, N is at least 2, no weight is symmetric and no peephole is 0, so that nothing wrong can hide.
ONE_SEQUENCE = EdgeCase(dict(N=1), "with one sequence in the batch")
ONE_UNIT = EdgeCase(dict(H=1), "with one unit")
ONE_STEP = EdgeCase(dict(T=1), "with one time step")
NO_WEIGHTS = EdgeCase(dict(scale=0.0), "with all weights zero")
LARGE = EdgeCase(dict(scale=5.0), "with large weights")
SATURATED = EdgeCase(dict(saturated=True), "with saturated units")
NEARLY = 2.0**-20  # how far a saturated value is from its limit; exact in floating point, and so is its slope


def gate(rng, shape, saturated):
    """Values between 0 and 1: unit 0 next to one of the two, the others anywhere; or all next to one of the two.

    The slopes of such a unit are small and exact, and its results are judged entry by entry: a derivative gets them right,
    a difference of two forward passes has too few digits left.
    """
    anywhere = rng.uniform(0.05, 0.95, shape)
    beside = np.where(anywhere < 0.5, NEARLY, 1 - NEARLY)
    return beside if saturated else np.concatenate([beside[..., :1], anywhere[..., 1:]], axis=-1)


# On paper ----------------------------------------------------------------------------------------


def make_on_paper(rng):
    return {}


# jacobian_product, gradient_by_distance ----------------------------------------------------------


def make_states(rng, T, N, H, scale=1.0, saturated=False):
    return dict(
        h=2 * gate(rng, (T, N, H), saturated) - 1, W=scale * 1.2 * rng.normal(size=(H, H)) / np.sqrt(H)
    )


def make_losses(rng, T, N, H, scale=1.0, saturated=False):
    made = make_states(rng, T, N, H, scale, saturated)
    return dict(Delta=rng.normal(size=(T, N, H)), h=made["h"], h0=np.tanh(rng.normal(size=(N, H))), W=made["W"])


# growth ------------------------------------------------------------------------------------------


def make_matrix(rng, H, T, gamma, scale=1.0, leading=None):
    """A matrix that is not symmetric. `leading` is a block in its corner that is larger than the rest.

    The ordinary one has a leading pair of complex eigenvalues, -0.5 + 1.1 i and -0.5 - 1.1 i.
    """
    W = scale * 0.3 * rng.normal(size=(H, H)) / np.sqrt(H)
    block = np.array([[-0.5, -1.6], [0.75, -0.5]] if leading is None else leading)
    if H >= 2:
        W[:2, 2:] = W[2:, :2] = 0.0  # so the block's eigenvalues are the matrix's
        W[:2, :2] = scale * block
        turn = np.linalg.qr(np.random.RandomState(1).normal(size=(H, H)))[0]
        W = turn @ W @ turn.T
    return dict(W=W, gamma=gamma, T=T)


# cell_jacobian, state_jacobian -------------------------------------------------------------------


def make_cell(rng, N, H, scale=1.0, saturated=False):
    """Saved values around two steps of a peephole LSTM: gates at random, cell and output as they follow from them."""
    p = {f"R{k}": scale * 1.5 * rng.normal(size=(H, H)) / np.sqrt(H) for k in "zifo"}
    p |= {f"p{k}": scale * rng.normal(size=H) for k in "ifo"}
    c, steps = rng.normal(size=(N, H)), []
    for _ in (0, 1):
        z = 2 * gate(rng, (N, H), saturated) - 1
        i, f, o = (gate(rng, (N, H), saturated) for _ in range(3))
        c = z * i + c * f
        steps.append(dict(z=z, i=i, f=f, o=o, c=c, y=np.tanh(c) * o))
    return dict(before=steps[0], now=steps[1], p=p)


def in_blocks(answer, before, now, p):
    """The answer, cut into its four blocks, so that the check can say which of them is off."""
    J = answer(before, now, p)
    if J is None:
        return None
    N, H = before["c"].shape
    if np.shape(J) != (N, 2 * H, 2 * H):
        raise ValueError(
            f"state_jacobian returned the shape {np.shape(J)}; S should be (N, 2H, 2H), here {(N, 2 * H, 2 * H)}"
        )
    J = np.asarray(J)
    return {
        "c by c": J[:, :H, :H], "c by y": J[:, :H, H:], "y by c": J[:, H:, :H], "y by y": J[:, H:, H:],
    }  # fmt: skip


# clip_by_value, clip_by_norm ---------------------------------------------------------------------

# The names are not those of one network, and one array has no axis, one has three.
SHAPES = {"dK": (2, 3, 4), "dW": (5, 5), "db": (5,), "ds": ()}


def make_grads(rng, scale=1.0):
    return {name: np.asarray(scale * rng.normal(size=shape)) for name, shape in SHAPES.items()}


def make_value(rng, limit, scale=1.0):
    """Among the entries are some at the limit, beyond it on both sides, and an exact 0."""
    grads = make_grads(rng, scale)
    grads["dW"][0] = [3 * limit, -3 * limit, limit, -limit, 0.0]
    grads["db"][0] = -7 * limit
    grads["dK"][0, 0, 0] = limit / 3
    return dict(grads=grads, limit=limit)


def norm_of(grads):
    return np.sqrt(sum((g * g).sum() for g in grads.values()))


def make_norm(rng, share, scale=1.0):
    """A gradient whose norm is 1/share times the limit; one whose norm is below it; and one of zeros."""
    grads, small = make_grads(rng, scale), make_grads(rng, scale)
    max_norm = share * norm_of(grads) if scale else 1.0
    factor = 0.4 * max_norm / norm_of(small) if scale else 1.0
    return dict(
        grads=grads, small={k: factor * g for k, g in small.items()}, zeros={k: 0.0 * g for k, g in small.items()},
        max_norm=max_norm,
    )  # fmt: skip


def clip_three(answer, grads, small, zeros, max_norm):
    """The answer on a gradient that is too long, on one that is not, and on one of zeros."""
    results = {}
    for label, given in (("", grads), ("small ", small), ("zero ", zeros)):
        returned = answer(given, max_norm)
        if returned is None:
            return None
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise TypeError("clip_by_norm should return two things: a dict of clipped gradients, and the norm")
        clipped, norm = returned
        if not isinstance(clipped, dict) and isinstance(norm, dict):
            raise TypeError("the norm comes second in what clip_by_norm returns: first the dict of clipped gradients")
        if not isinstance(clipped, dict):
            raise TypeError("the first thing that clip_by_norm returns should be a dict of clipped gradients")
        results |= {f"{label}{name}": g for name, g in clipped.items()}
        results[f"{label}norm"] = norm
    return results


def clipped_names():
    kinds = ("", "small ", "zero ")
    return [f"{kind}{name}" for kind in kinds for name in (*SHAPES, "norm")]


# One quantity each: a long gradient, clipped; its norm; a short gradient and one of zeros, as they were.
CLIPPED = [[*SHAPES], ["norm"], [f"{kind} {name}" for kind in ("small", "zero") for name in (*SHAPES, "norm")]]

EXERCISES = {
    "on_paper": Exercise(
        make=make_on_paper, results=["back", "by_norm", "by_value"], sizes={}, call=two_decimals,
    ),
    "jacobian_product": Exercise(
        make=make_states, results=["P"], sizes=dict(T=5, N=2, H=3),
        edges=[
            ONE_STEP, EdgeCase(dict(T=2), "with two time steps"), ONE_SEQUENCE, ONE_UNIT, SATURATED, NO_WEIGHTS,
            EdgeCase(dict(T=9, N=3, H=6), "with more steps and units"),
        ],
        backward=["P"], elementwise=("P",),
    ),
    "growth": Exercise(
        make=make_matrix, results=["rho", "sigma", "norms", "bound"], sizes=dict(H=5, T=6, gamma=0.25),
        edges=[
            EdgeCase(dict(gamma=1.0), "with slope 1"),
            EdgeCase(dict(leading=[[-1.3, 0.4], [0.0, 0.2]]), "with a negative leading eigenvalue"),
            EdgeCase(dict(leading=[[0.5, 2.0], [0.0, 0.5]]), "with a matrix that shears"),
            EdgeCase(dict(T=1), "with distance 1"), ONE_UNIT, NO_WEIGHTS, EdgeCase(dict(H=9, T=15), "with more units"),
        ],
    ),
    "gradient_by_distance": Exercise(
        make=make_losses, results=["G"], sizes=dict(T=5, N=2, H=3),
        edges=[ONE_STEP, ONE_SEQUENCE, ONE_UNIT, SATURATED, NO_WEIGHTS, EdgeCase(dict(T=9, N=3, H=6), "with more steps and units")],
        elementwise=("G",),
    ),
    "cell_jacobian": Exercise(
        make=make_cell, results=["direct", "peepholes", "from_y", "total"], sizes=dict(N=3, H=4),
        edges=[ONE_SEQUENCE, ONE_UNIT, SATURATED, NO_WEIGHTS, LARGE], elementwise=("direct", "peepholes", "from_y", "total"),
        groups=[["direct", "peepholes"]],
    ),
    "state_jacobian": Exercise(
        make=make_cell, results=["c by c", "c by y", "y by c", "y by y"], sizes=dict(N=3, H=4),
        edges=[ONE_SEQUENCE, ONE_UNIT, SATURATED, NO_WEIGHTS, LARGE], call=in_blocks, as_dict=True,
        groups=[["c by c", "c by y"], ["y by c", "y by y"]],  # cell_jacobian delivers the upper row
        elementwise=("c by c", "c by y", "y by c", "y by y"),
    ),
    "clip_by_value": Exercise(
        make=make_value, results=[*SHAPES], sizes=dict(limit=0.8),
        edges=[
            EdgeCase(dict(limit=100.0), "with a large limit"), EdgeCase(dict(limit=1e-3), "with a small limit"),
            EdgeCase(dict(scale=1e6), "with large gradients"),
        ],
        as_dict=True, groups=[[*SHAPES]],
    ),
    "clip_by_norm": Exercise(
        make=make_norm, results=clipped_names(), sizes=dict(share=0.3, scale=0.05),  # small enough for the 1e-6 to count
        edges=[
            EdgeCase(dict(scale=1e-4), "with a tiny gradient"), EdgeCase(dict(scale=1e6), "with a huge gradient"),
            EdgeCase(dict(share=0.9), "with a norm close to the limit"), EdgeCase(dict(scale=0.0), "with zeros alone"),
        ],
        call=clip_three, as_dict=True, groups=CLIPPED,
    ),
}  # fmt: skip
