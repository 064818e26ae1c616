"""Unit 05: the problems that the exercises are checked on.

Your answers are compared with `torch.nn.RNN`, `torch.nn.Linear` and `torch.nn.functional.cross_entropy`, and your
gradients with what torch's autograd gives for them. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise
from byhand.on_paper import two_decimals

# T, N, D, H and O differ, so that a wrong transpose, time step or mean cannot hide.
SIZES = dict(T=5, N=3, D=4, H=6, O=7)
DIFFERENCES = (
    "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has "
    "no such trouble."
)
EDGES = [
    EdgeCase(dict(T=1), "with a sequence of one step"),
    EdgeCase(dict(N=1), "with one sequence in the batch"),
    EdgeCase(dict(H=1), "with one hidden unit"),
    EdgeCase(dict(D=1), "with one input"),
    EdgeCase(dict(T=9, N=2, D=3, H=8, O=5), "with nine steps and other sizes"),
    EdgeCase(dict(scale=0.0), "where all parameters are zero"),
    EdgeCase(dict(scale=6.0), "where the parameters are large"),
]  # fmt: skip


def parameters(rng, D, H, O, scale):
    return dict(
        U=scale * rng.normal(size=(H, D)) / np.sqrt(D),
        W=scale * rng.normal(size=(H, H)) / np.sqrt(H),
        V=scale * rng.normal(size=(O, H)) / np.sqrt(H),
        b=scale * rng.normal(size=H) / 2,
        c=scale * rng.normal(size=O) / 2,
    )


def made_up(rng, *shape):
    """Values of a tanh that no forward pass has given; one of them is 0 and one is nearly 1."""
    h = np.tanh(rng.normal(size=shape))
    h.flat[0], h.flat[-1] = 0.0, 0.999
    return h


# The way forward ---------------------------------------------------------------------------------


def make_step(rng, N, D, H, scale=1.0):
    p = parameters(rng, D, H, 1, scale)
    return dict(x=rng.normal(size=(N, D)), h_prev=np.tanh(rng.normal(size=(N, H))), U=p["U"], W=p["W"], b=p["b"])


def make_forward(rng, T, N, D, H, O, scale=1.0):
    p = parameters(rng, D, H, O, scale)
    return dict(x=rng.normal(size=(T, N, D)), h0=np.tanh(rng.normal(size=(N, H))), **p)


def make_loss(rng, T, N, O, shift=0.0, last=True, far=0.0):
    o, y = 2 * rng.normal(size=(T, N, O)), rng.randint(max(O - 1, 1), size=(T, N))
    if last:
        y[-1, 0] = O - 1  # otherwise the last class never occurs
    o[T // 2, N // 2] += 800.0  # the right class lies 800 below the others: its probability is 0 as a float
    if O > 1:
        o[T // 2, N // 2, y[T // 2, N // 2]] -= 800.0
    o[0, 0] += 1000.0  # exp(1000) overflows; the softmax of these scores does not
    o[-1, -1] -= 1000.0
    o[-1, 0, y[-1, 0]] -= far
    return dict(o=o + shift, y=y)


# The way back ------------------------------------------------------------------------------------


def nothing(rng):
    return {}


def make_step_backward(rng, N, D, H, scale=1.0):
    p = parameters(rng, D, H, 1, scale)
    return dict(
        dh=rng.normal(size=(N, H)), x=rng.normal(size=(N, D)), h_prev=made_up(rng, N, H), h=made_up(rng, N, H),
        U=p["U"], W=p["W"],
    )  # fmt: skip


def make_backward(rng, T, N, D, H, O, scale=1.0):
    p = parameters(rng, D, H, O, scale)
    return dict(
        do=rng.normal(size=(T, N, O)), x=rng.normal(size=(T, N, D)), h0=made_up(rng, N, H), h=made_up(rng, T, N, H),
        U=p["U"], W=p["W"], V=p["V"],
    )  # fmt: skip


def make_truncated(rng, T, N, D, H, O, k, scale=1.0, far=0.0):
    """With `far`, the score of a class that is right somewhere lies that far below the others."""
    args, y = make_forward(rng, T, N, D, H, O, scale), rng.randint(O, size=(T, N))
    if far:
        y[0, 0], args["c"][0] = 0, -far
    return dict(x=args.pop("x"), y=y, h0=args.pop("h0"), **args, k=k)


def make_leaky(rng, T, N, D, H, alpha, scale=1.0):
    p, g = parameters(rng, D, H, 1, scale), made_up(rng, T, N, H)
    h0 = made_up(rng, N, H)
    h, before = np.empty_like(g), h0
    for t in range(T):
        h[t] = before = (1 - alpha) * before + alpha * g[t]
    return dict(dh=rng.normal(size=(N, H)), x=rng.normal(size=(T, N, D)), h0=h0, h=h, g=g, U=p["U"], W=p["W"], alpha=alpha)


# sample ------------------------------------------------------------------------------------------


def make_sample(rng, n, D, H, temperature, scale=2.0, shift=0.0, never=0):
    p, r = parameters(rng, D, H, D, scale), rng.uniform(size=n)
    p["c"] = p["c"] + shift
    p["c"][:never] -= 20000.0  # the probability 0 in any precision, however the softmax is written; so is the sum of the first ones
    if scale == 0:  # the others are equally likely; between 0 and 1 no sum is hit, since sums differ by their rounding
        r[: min(n, 5)] = (0.33, 0.0, 0.57, np.nextafter(1, 0), 0.87)[: min(n, 5)]
    return dict(first=int(rng.randint(D)), r=r, temperature=temperature, **p)


def call_sample(answer, *args):
    """The characters drawn are used as indices, which floats cannot be."""
    drawn = answer(*args)
    if drawn is not None and np.asarray(drawn).dtype.kind == "f":
        raise TypeError("the indices that you return are floats; an array takes integers as indices")
    return drawn


def pick(*names):
    return {name: SIZES[name] for name in names}


def edges(*names):
    return [e for e in EDGES if set(e.sizes) <= {*names, "scale"}]


EXERCISES = {
    "rnn_step": Exercise(make_step, ["h"], pick("N", "D", "H"), edges("N", "D", "H")),
    "rnn_forward": Exercise(make_forward, ["h", "o"], SIZES, EDGES, forward=["h", "o"]),
    "cross_entropy": Exercise(
        make_loss, ["J", "do"], pick("T", "N") | dict(O=8),  # not 7, the number that stands for nan when mistakes are recognised
        [
            EdgeCase(dict(T=1), "with one time step"), EdgeCase(dict(N=1), "with one sequence in the batch"),
            EdgeCase(dict(O=1), "with one class alone"), EdgeCase(dict(O=2), "with two classes"),
            EdgeCase(dict(last=False), "where the last class never is the right one",
                 "How many classes there are, the scores say. The right classes of a batch need not hold the last one."),
            EdgeCase(dict(shift=-5000.0), "where all scores lie near -5000"),
            EdgeCase(dict(far=1e15), "where a right class has a score of minus a million billions", DIFFERENCES, needed=True),
        ],
    ),
    "on_paper": Exercise(nothing, ["da2", "dh1", "dW"], {}, call=two_decimals),
    "rnn_step_backward": Exercise(
        make_step_backward, ["dx", "dh_prev", "dU", "dW", "db"], pick("N", "D", "H"), edges("N", "D", "H"),
    ),
    "rnn_backward": Exercise(make_backward, ["dU", "dW", "dV", "db", "dc", "dh0"], SIZES, EDGES, as_dict=True),
    "truncated_bptt": Exercise(
        make_truncated, ["J", "dU", "dW", "dV", "db", "dc"], dict(SIZES, T=8, k=3),
        [
            EdgeCase(dict(k=1), "with chunks of one step"), EdgeCase(dict(k=8), "with one chunk that is the whole sequence"),
            EdgeCase(dict(k=50), "with a chunk longer than the sequence"), EdgeCase(dict(T=6), "where T is a multiple of k"), *EDGES,
            EdgeCase(dict(far=1e15), "where a right class has a score of minus a million billions", DIFFERENCES, needed=True),
        ], as_dict=True,
    ),
    "sample": Exercise(
        make_sample, ["indices"], dict(n=40, D=7, H=5, temperature=0.7),
        [
            EdgeCase(dict(n=1), "with one character to draw"), EdgeCase(dict(temperature=2.0), "at temperature 2"),
            EdgeCase(dict(temperature=0.002), "at temperature 0.002"), EdgeCase(dict(shift=900.0), "where all scores are large"),
            EdgeCase(dict(D=1), "with an alphabet of one character"),
            EdgeCase(dict(scale=0.0, D=8, never=3), "where r is exactly a sum of probabilities",
                 "The first index whose sum is *above* r is meant: with p = (0.5, 0.5) and r = 0.5 that is index 1."),
            EdgeCase(dict(scale=0.0, D=10), "where rounding leaves the sum of all probabilities below r",
                 "Ten times 0.1 adds up to a hair less than 1, and r can lie above it. Then the last index is meant."),
        ], forward=["indices"], call=call_sample,
    ),
    "leaky_backward": Exercise(
        make_leaky, ["dU", "dW", "db", "dh0", "sizes"], dict(T=5, N=3, D=4, H=6, alpha=0.3),
        [EdgeCase(dict(alpha=1.0), "where α is 1, the simple RNN itself"), EdgeCase(dict(alpha=0.01), "where α is small"), *edges("T", "N", "D", "H")],
        as_dict=True, backward=["sizes"],
    ),
}  # fmt: skip
