"""Unit 03: the problems that the exercises are checked on.

The right answers are those of `torch.nn.Linear`, torch's activation functions and `torch.nn.functional.cross_entropy`, and your
gradients are compared with what torch's autograd gives for them (in reference.py). Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

KINDS = ("sigmoid", "tanh", "relu", "linear")

# The sizes of a problem differ from each other, so that a wrong transpose, layer or mean cannot hide.
SIZES = dict(N=3, D=4, H=6)
NETWORK = dict(N=7, D=4, H1=6, H2=5, O=3)

ONE, UNIT = EdgeCase(dict(N=1), "with a single example"), EdgeCase(dict(H=1), "with a single unit")
INPUT, ZERO = EdgeCase(dict(D=1), "with a single input"), EdgeCase(dict(scale=0.0), "where all weights are 0")
LARGE = EdgeCase(dict(scale=6.0), "with large weights")
OTHER_KINDS = [EdgeCase(dict(kind=kind), f"with the activation {kind}") for kind in ("sigmoid", "relu", "linear")]
EDGES = [*OTHER_KINDS, ONE, UNIT, INPUT, dict(N=2, D=9, H=3), ZERO, LARGE]
FAR = EdgeCase(
    dict(far=1e12), "where the loss is huge and its gradient is not",
    "Here J is so large that the difference of two values of J has no digits left: a gradient that is measured by moving the "
    "parameters a little is lost. Work it out with the chain rule.",
    needed=True,
)  # fmt: skip
DEEP_EDGES = [
    *OTHER_KINDS[:2], ONE, EdgeCase(dict(H1=1, kind="sigmoid"), "with one unit in the first layer"),
    EdgeCase(dict(H2=1, kind="sigmoid"), "with one unit in the second layer"), EdgeCase(dict(D=1, kind="relu"), "with a single input"),
    EdgeCase(dict(O=8, kind="relu"), "with eight classes"), ZERO, LARGE,
]  # fmt: skip


def weights(rng, *widths, scale=1.0):
    """W1, b1, W2, b2, ... of a network with these widths; no bias is zero."""
    params = {}
    for layer, (D, H) in enumerate(zip(widths, widths[1:], strict=False), 1):
        params[f"W{layer}"] = scale * rng.normal(size=(H, D)) * 1.5 / np.sqrt(D)
        params[f"b{layer}"] = scale * rng.normal(size=H) / 2
    return params


def classes(rng, N, O):
    """Right classes; the last class never occurs, so that nobody can count the classes by their largest number."""
    return rng.randint(max(O - 1, 1), size=N)


def outputs(rng, kind, shape):
    """What a layer with this activation might have put out. Made up: it belongs to no input."""
    if kind == "sigmoid":
        return rng.uniform(0.02, 0.98, size=shape)
    if kind == "tanh":
        return rng.uniform(-0.98, 0.98, size=shape)
    h = 2 * rng.normal(size=shape)
    if kind == "relu":
        h = np.abs(h) * (rng.uniform(size=shape) < 0.6)
        h.flat[0] = 0.0  # at least one unit is shut, and (where there are more) one is open
        h.flat[-1] = 0.8
    return h


# activate, activate_backward ---------------------------------------------------------------------

SPECIAL = [800.0, 0.0, -800.0, 7.0, -9.0, 15.0, -15.0, 40.0, -40.0]


def make_activate(rng, shape, scale=1.0):
    a = 2 * scale * rng.normal(size=shape)
    if scale:
        special = SPECIAL[: a.size - 2] if a.size > 2 else []
        a.flat[: len(special)] = special
    return dict(a=a)


def each_kind(function, a):
    """Each kind gets a copy of its own, so that one which is changed does not spoil the next.

    Afterwards the caller changes the array; who has returned it, and not a new one, will see.
    """
    given, results = a.copy(), []
    for kind in KINDS:
        copy = given.copy()
        results.append(function(copy, kind))
        if np.array_equal(copy, given):
            copy += 1.0
        else:
            a[...] = copy  # where the check looks for arguments that have changed
    return tuple(results)


def make_activate_backward(rng, shape):
    return dict(dh=rng.normal(size=shape), **{f"h_{kind}": outputs(rng, kind, shape) for kind in KINDS})


def each_kind_backward(function, dh, *outputs):
    given, results = dh.copy(), []
    for h, kind in zip(outputs, KINDS, strict=True):
        copy = given.copy()
        results.append(function(copy, h, kind))
        if not np.array_equal(copy, given):
            dh[...] = copy
    return tuple(results)


SHAPES = [
    EdgeCase(dict(shape=(1, 6)), "with a single example"), EdgeCase(dict(shape=(5,)), "with an array of one axis", "The array may have any number of axes."),
    EdgeCase(dict(shape=(2, 3, 4)), "with an array of three axes", "The array may have any number of axes."),
]  # fmt: skip


# dense_backward ----------------------------------------------------------------------------------


def make_dense_backward(rng, N, D, H, kind, scale=1.0):
    """The saved output h is made up."""
    p = weights(rng, D, H, scale=scale)
    return dict(
        dh=rng.normal(size=(N, H)), x=rng.normal(size=(N, D)), h=outputs(rng, kind, (N, H)), W=p["W1"], kind=kind, b=p["b1"]
    )


# skip_backward -----------------------------------------------------------------------------------


def make_skip(rng, N, D, H, kind, scale=1.0):
    """The saved values h are made up."""
    p = weights(rng, D, H, D, scale=scale)
    h = outputs(rng, kind, (N, H))
    return dict(dy=rng.normal(size=(N, D)), x=rng.normal(size=(N, D)), h=h, W1=p["W1"], W2=p["W2"], kind=kind)


# softmax_cross_entropy ---------------------------------------------------------------------------


def make_loss(rng, N, O, smoothing, shift=0.0, far=0.0):
    """Scores near 1000 and near -1000, a right class far below the others, equal scores; and scores as usual."""
    o, y = 2 * rng.normal(size=(N, O)), classes(rng, N, O)
    o[0] += 1000.0  # exp(1000) overflows; the softmax of these scores does not
    o[-1] -= 1000.0
    if N > 2 and O > 1:
        o[1, y[1]] -= 800.0  # its probability is 0 in a float
        o[2] = 0.7
    if far:
        o[:, 0] += far
        y[:] = 1 % O
    return dict(o=o + shift, y=y, smoothing=smoothing)


def call_loss(answer, o, y, smoothing):
    return answer(o, y, smoothing) if smoothing else answer(o, y)


# network -----------------------------------------------------------------------------------------

GRADIENTS = [f"d{letter}{layer}" for layer in (1, 2, 3) for letter in "Wb"]


def make_network(rng, N, D, H1, H2, O, kind, scale=1.0, far=0.0):
    params = weights(rng, D, H1, H2, O, scale=scale)
    params["b3"][0] += far
    return dict(x=rng.normal(size=(N, D)), y=1 + classes(rng, N, O - 1) if far else classes(rng, N, O), params=params, kind=kind)


# dropout -----------------------------------------------------------------------------------------


def make_dropout(rng, N, H, p, scale=1.0):
    """One random number is p itself, another one is 0."""
    r = rng.uniform(size=(N, H))
    r.flat[0], r.flat[-1] = p, 0.0
    if r.size > 3:
        r.flat[1], r.flat[2] = 0.5 * p, 0.5 + 0.5 * p
    return dict(h=scale * np.tanh(rng.normal(size=(N, H))), r=r, p=p)


def both_modes(function, h, r, p):
    given, results = h.copy(), []
    for training in (True, False):
        copy = given.copy()
        returned = function(copy, r, p, training)
        if not np.array_equal(copy, given):
            h[...] = copy
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise TypeError("dropout should return two arrays, the output and the mask")
        results += returned
    return tuple(results)


# train_step --------------------------------------------------------------------------------------

PARAMETERS = [f"{letter}{layer}" for layer in (1, 2, 3) for letter in "Wb"]


def make_train_step(rng, N, D, H1, H2, O, kind, p, rate, scale=1.0):
    args = make_network(rng, N, D, H1, H2, O, kind, scale)
    r1, r2 = rng.uniform(size=(N, H1)), rng.uniform(size=(N, H2))
    for r in (r1, r2):  # in each layer some unit is dropped and some is not
        r.flat[0], r.flat[-1] = 0.0, 0.999
    return dict(**args, r1=r1, r2=r2, p=p, rate=rate)


def loss_and_parameters(function, *args):
    returned = function(*args)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2 or not isinstance(returned[1], dict):
        raise TypeError("train_step should return J and a dict of the new parameters")
    return {"J": returned[0], **returned[1]}


EXERCISES = {
    "activate": Exercise(
        make_activate, KINDS, dict(shape=(3, 5)), [*SHAPES, EdgeCase(dict(scale=0.0), "where all entries are 0")], call=each_kind,
    ),
    "activate_backward": Exercise(
        make_activate_backward, KINDS, dict(shape=(3, 5)), SHAPES, call=each_kind_backward,
    ),
    "dense_backward": Exercise(
        make_dense_backward, ["dx", "dW", "db"], dict(SIZES, kind="tanh"), EDGES, withheld=["b"],
    ),
    "softmax_cross_entropy": Exercise(
        make_loss, ["J", "do"], dict(N=5, O=3, smoothing=0.0),
        [
            EdgeCase(
                dict(smoothing=0.1), "with smoothing",
                "Without smoothing you are right. Compare your t with the statement: what stands at the right class, what at the others, and do they "
                "add up to 1? If t is right, write the loss with it in place of the right class, and differentiate again.",
            ),
            EdgeCase(dict(smoothing=1.0), "where the smoothing is complete"), ONE, EdgeCase(dict(O=1), "with a single class"),
            EdgeCase(dict(O=7), "with seven classes"), EdgeCase(dict(O=4, smoothing=0.3), "with four classes, and smoothing"),
            EdgeCase(dict(N=1, smoothing=0.5), "with a single example, and smoothing"),
            EdgeCase(dict(shift=-5000.0, smoothing=0.2), "with all scores near -5000, and smoothing"), FAR,
        ],
        call=call_loss,
    ),
    "network": Exercise(
        make_network, ["o", "J", *GRADIENTS], dict(NETWORK, kind="tanh"), [*DEEP_EDGES, FAR], as_dict=True,
        groups=[["o", "J"], ["dW3", "db3"], ["dW2", "db2"], ["dW1", "db1"]],
    ),
    "skip_backward": Exercise(
        make_skip, ["dx", "dW1", "db1", "dW2", "db2"], dict(SIZES, kind="tanh"), [*OTHER_KINDS, ONE, UNIT, INPUT, ZERO, LARGE],
        groups=[["dW1", "db1"], ["dW2", "db2"]],
    ),
    "dropout": Exercise(
        make_dropout, ["out_train", "mask_train", "out_eval", "mask_eval"], dict(N=4, H=6, p=0.3),
        [
            ONE, UNIT, EdgeCase(dict(p=0.0), "where nothing is dropped, p = 0"), EdgeCase(dict(p=0.8), "with p = 0.8"),
            EdgeCase(dict(scale=0.0), "where all of h is 0"),
        ],
        call=both_modes, groups=[["out_train", "mask_train"], ["out_eval", "mask_eval"]],
    ),
    "train_step": Exercise(
        make_train_step, ["J", *PARAMETERS], dict(NETWORK, kind="tanh", p=0.3, rate=0.5),
        [EdgeCase(dict(p=0.0), "where nothing is dropped, p = 0"), EdgeCase(dict(p=0.7), "with p = 0.7"), EdgeCase(dict(rate=0.0), "with a learning rate of 0"), *DEEP_EDGES],
        call=loss_and_parameters, as_dict=True, groups=[["W3", "b3"], ["W2", "b2"], ["W1", "b1"]],
    ),
}  # fmt: skip
