"""Unit 03: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.nn.Linear`, torch's activation functions and `torch.nn.functional.cross_entropy`,
and your gradients with what torch's autograd gives for them. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise

KINDS = ("sigmoid", "tanh", "relu", "linear")
TORCH = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "linear": lambda a: a}

# D, H1, H2 and O differ and N is none of them, so that a wrong transpose, layer or mean cannot hide.
SIZES = dict(N=3, D=4, H=6)
NETWORK = dict(N=7, D=4, H1=6, H2=5, O=3)


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def weights(rng, *widths, scale=1.0):
    """W1, b1, W2, b2, ... of a network with these widths; no bias is zero."""
    params = {}
    for layer, (D, H) in enumerate(zip(widths, widths[1:], strict=False), 1):
        params[f"W{layer}"] = scale * rng.normal(size=(H, D)) * 1.5 / np.sqrt(D)
        params[f"b{layer}"] = scale * rng.normal(size=H) / 2
    return params


def linear_with(W, b):
    layer = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(W)), layer.bias.copy_(torch.tensor(b))
    return layer


# activate, activate_backward ---------------------------------------------------------------------


def make_activate(rng, N, H, scale=1.0):
    a = 2 * scale * rng.normal(size=(N, H))
    if H > 1 and scale:
        a[0, 0], a[-1, -1] = 800.0, -800.0  # exp(800) overflows; none of the activations does
    return dict(a=a)


def activate(a):
    return numbers(**{kind: TORCH[kind](torch.tensor(a)) for kind in KINDS})


def each_kind(function, a):
    return tuple(function(a, kind) for kind in KINDS)


def make_activate_backward(rng, N, H, scale=1.0):
    a = 2 * scale * rng.normal(size=(N, H))
    h = activate(a)
    return dict(dh=rng.normal(size=(N, H)), **{f"h_{kind}": h[kind] for kind in KINDS}, a=a)


def each_kind_backward(function, dh, *outputs):
    return tuple(function(dh, h, kind) for h, kind in zip(outputs, KINDS, strict=True))


# dense_forward, dense_backward -------------------------------------------------------------------


def make_dense(rng, N, D, H, kind, scale=1.0):
    p = weights(rng, D, H, scale=scale)
    return dict(x=rng.normal(size=(N, D)), W=p["W1"], b=p["b1"], kind=kind)


def dense(x, W, b, kind):
    return numbers(h=TORCH[kind](linear_with(W, b)(torch.tensor(x))))


def make_dense_backward(rng, N, D, H, kind, scale=1.0):
    args = make_dense(rng, N, D, H, kind, scale)
    return dict(dh=rng.normal(size=(N, H)), x=args["x"], h=dense(**args)["h"], W=args["W"], kind=kind, b=args["b"])


# softmax_cross_entropy ---------------------------------------------------------------------------


def make_loss(rng, N, O, shift=0.0):
    o = 2 * rng.normal(size=(N, O))
    o[0] += 1000.0  # exp(1000) overflows; the softmax of these scores does not
    o[-1] -= 1000.0
    return dict(o=o + shift, y=rng.randint(O, size=N))


# network -----------------------------------------------------------------------------------------

GRADIENTS = [f"d{letter}{layer}" for layer in (1, 2, 3) for letter in "Wb"]


def make_network(rng, N, D, H1, H2, O, kind, scale=1.0):
    params = weights(rng, D, H1, H2, O, scale=scale)
    return dict(x=rng.normal(size=(N, D)), y=rng.randint(O, size=N), params=params, kind=kind)


# dropout -----------------------------------------------------------------------------------------


def make_dropout(rng, N, H, p, scale=1.0):
    return dict(h=scale * np.tanh(rng.normal(size=(N, H))), r=rng.uniform(size=(N, H)), p=p)


def both_modes(function, h, r, p):
    results = []
    for training in (True, False):
        returned = function(h, r, p, training)
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise TypeError("dropout should return two arrays, the output and the mask")
        results += returned
    return tuple(results)


# train_step --------------------------------------------------------------------------------------

PARAMETERS = [f"{letter}{layer}" for layer in (1, 2, 3) for letter in "Wb"]


def make_train_step(rng, N, D, H1, H2, O, kind, p, rate, scale=1.0):
    args = make_network(rng, N, D, H1, H2, O, kind, scale)
    return dict(**args, r1=rng.uniform(size=(N, H1)), r2=rng.uniform(size=(N, H2)), p=p, rate=rate)


def loss_and_parameters(function, *args):
    returned = function(*args)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2 or not isinstance(returned[1], dict):
        raise TypeError("train_step should return J and a dict of the new parameters")
    return {"J": returned[0], **returned[1]}


EDGES = [dict(N=1), dict(H=1), dict(D=1), dict(N=2, D=9, H=3), dict(scale=0.0), dict(scale=6.0)]
DEEP_EDGES = [dict(N=1), dict(H1=1), dict(H2=1), dict(D=1), dict(O=7), dict(scale=0.0), dict(scale=6.0)]

EXERCISES = {
    "activate": Exercise(
        make_activate, KINDS, dict(N=3, H=6), [dict(N=1), dict(H=1), dict(scale=0.0)], call=each_kind,
    ),
    "activate_backward": Exercise(
        make_activate_backward, KINDS, dict(N=3, H=6),
        [dict(N=1), dict(H=1), dict(scale=0.0), dict(scale=6.0)], withheld=["a"], call=each_kind_backward,
    ),
    "dense_forward": Exercise(
        make_dense, ["h"], dict(SIZES, kind="tanh"), [*EDGES, *(dict(kind=kind) for kind in KINDS)],
    ),
    "dense_backward": Exercise(
        make_dense_backward, ["dx", "dW", "db"], dict(SIZES, kind="tanh"),
        [*EDGES, *(dict(kind=kind) for kind in KINDS)], withheld=["b"],
    ),
    "softmax_cross_entropy": Exercise(
        make_loss, ["J", "do"], dict(N=5, O=3), [dict(N=1), dict(O=1), dict(O=7), dict(shift=-5000.0)],
    ),
    "network": Exercise(
        make_network, ["o", "J", *GRADIENTS], dict(NETWORK, kind="tanh"),
        [dict(kind="sigmoid"), dict(kind="relu"), *DEEP_EDGES], as_dict=True,
    ),
    "dropout": Exercise(
        make_dropout, ["out_train", "mask_train", "out_eval", "mask_eval"], dict(N=4, H=6, p=0.3),
        [dict(N=1), dict(H=1), dict(p=0.0), dict(p=0.8), dict(scale=0.0)], call=both_modes,
    ),
    "train_step": Exercise(
        make_train_step, ["J", *PARAMETERS], dict(NETWORK, kind="tanh", p=0.3, rate=0.5),
        [dict(kind="sigmoid"), dict(kind="relu"), dict(p=0.0), dict(p=0.7), *DEEP_EDGES],
        call=loss_and_parameters, as_dict=True,
    ),
}  # fmt: skip
