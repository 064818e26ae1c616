"""Unit 18: the problems that the exercises are checked on. torch's answers to them stand in `reference.py`.

Saved values of a forward pass are made up: normalised values with mean 0 where batch statistics made them, and some 1/σ. No
forward pass gives just these, and a backward pass needs no more than these.
"""

import math

import numpy as np

from byhand.checking import EdgeCase, Exercise

EVAL = EdgeCase(dict(train=False), "in eval mode")
ONE_PIXEL = EdgeCase(dict(N=4, H=1, W=1), "with images of one pixel")
ONE_IMAGE = EdgeCase(dict(N=1), "with one image in the batch")
MANY = EdgeCase(dict(N=8, C=6, H=20, W=21), "with many pixels")


def pick(sizes, *names):
    return {name: sizes[name] for name in names}


def scales(rng, C):
    """gamma and beta, one for each channel: neither 1 nor 0, and one of them negative."""
    gamma = rng.uniform(0.6, 1.8, size=C)
    gamma[-1] *= -1
    return gamma, rng.normal(size=C)


def normalised(rng, shape, axes, train):
    """Saved x̂: with mean 0 over `axes`, and a mean square below 1, where batch statistics made it; any numbers elsewhere."""
    xhat = rng.normal(size=shape)
    if train:
        xhat -= xhat.mean(axis=axes, keepdims=True)
        square = np.mean(xhat**2, axis=axes, keepdims=True)
        wanted = rng.uniform(0.3, 0.9, size=square.shape)
        xhat *= np.sqrt(wanted / np.where(square > 0, square, 1))
    return xhat


# Batch norm ------------------------------------------------------------------------------------------------------------

NORM = dict(N=6, C=3, H=4, W=5, train=True)
CHANNEL = (0, 2, 3)


def make_batch_norm(rng, N, C, H, W, train, size=1.0, constant=False, flat=False):
    gamma, beta = scales(rng, C)
    x = size * (rng.normal(size=(N, C, H, W)) * rng.uniform(0.5, 2, size=(C, 1, 1)) + 3 * rng.normal(size=(C, 1, 1)))
    if constant:
        x[:, 0] = 3.75
    if flat:
        gamma[0] = 0.0
    return dict(x=x, gamma=gamma, beta=beta, mean=size * rng.normal(size=C), var=size**2 * rng.uniform(0.5, 3, size=C), train=train)


def make_batch_norm_backward(rng, N, C, H, W, train, constant=False, flat=False):
    gamma, _ = scales(rng, C)
    xhat, r = normalised(rng, (N, C, H, W), CHANNEL, train), rng.uniform(0.4, 2.5, size=C)
    if constant:
        xhat[:, 0], r[0] = 0.0, 316.2
    if flat:
        gamma[0] = 0.0
    dy = rng.normal(size=(N, C, H, W)) + 0.7
    dy[-1, 0, 0, 0] = 0.0
    return dict(dy=dy, gamma=gamma, xhat=xhat, r=r, train=train)


GROUPED = dict(N=5, C=12, H=6, W=7, G=3)


def make_group_norm_backward(rng, N, C, H, W, G):
    gamma, _ = scales(rng, C)
    xhat = normalised(rng, (N, G, C // G, H, W), (2, 3, 4), True).reshape(N, C, H, W)
    dy = rng.normal(size=(N, C, H, W)) + 0.7
    dy[-1, 0, 0, 0] = 0.0
    return dict(dy=dy, gamma=gamma, xhat=xhat, r=rng.uniform(0.4, 2.5, size=(N, G)), G=G)


# The residual block ----------------------------------------------------------------------------------------------------

# None is 3, the width of a kernel, and H and W differ from all others after the stride too.
BLOCK = dict(N=6, C=10, O=8, H=7, W=9, stride=2, train=True)
SHAPE = dict(H=4, W=5, stride=1)  # what is left of the images is as large as above
SAME = EdgeCase(dict(C=8, **SHAPE), "where the shape stays and the shortcut is the identity")
SAME_EVAL = EdgeCase(dict(C=8, **SHAPE, train=False), "where the shortcut is the identity, in eval mode")
WIDER = EdgeCase(SHAPE, "where the number of channels changes and the size does not")
OFF = EdgeCase(dict(off=True), "with a channel whose scale and shift are 0")
FULL, PROJECTED = "12", "12s"  # which batch norms a block has, without and with a convolution in its shortcut


def norms(p):
    return PROJECTED if "ws" in p else FULL


def block(rng, C, O, stride, off=False):
    p = {"w1": rng.normal(size=(O, C, 3, 3)) / 3, "w2": rng.normal(size=(O, O, 3, 3)) / 4}
    if C != O or stride > 1:
        p["ws"] = rng.normal(size=(O, C, 1, 1))
    for k in norms(p):
        p[f"gamma{k}"], p[f"beta{k}"] = scales(rng, O)
    if off:
        p["gamma1"][0] = p["beta1"][0] = 0.0
    return p


def make_block(rng, N, C, O, H, W, stride, train, off=False):
    p = block(rng, C, O, stride, off)
    run = {}
    for k in norms(p):
        run[f"mean{k}"], run[f"var{k}"] = rng.normal(size=O), rng.uniform(0.5, 3, size=O)
    x = rng.normal(size=(N, C, H, W)) + rng.normal(size=(C, 1, 1))
    return dict(x=x, p=p, run=run, stride=stride, train=train)


def make_block_backward(rng, N, C, O, H, W, stride, train, off=False):
    p = block(rng, C, O, stride, off)
    x, shape = rng.normal(size=(N, C, H, W)), (N, O, math.ceil(H / stride), math.ceil(W / stride))
    kept, u = {}, {}
    for k in norms(p):
        kept[f"xhat{k}"], kept[f"r{k}"] = normalised(rng, shape, CHANNEL, train), rng.uniform(0.4, 2.5, size=O)
        if k == "1":  # one entry is exactly 0: nothing goes back through it
            p["beta1"][0] = -p["gamma1"][0] * kept["xhat1"][0, 0, 0, 0]
        u[k] = p[f"gamma{k}"][:, None, None] * kept[f"xhat{k}"] + p[f"beta{k}"][:, None, None]
    if "s" not in u:
        x[0, 0, 0, 0] = -u["2"][0, 0, 0, 0]  # likewise
    z = u["2"] + u.get("s", x)
    kept |= dict(u1=u["1"], z=z, y=np.maximum(z, 0))
    return dict(dy=rng.normal(size=shape) + 0.4, x=x, kept=kept, p=p, stride=stride, train=train)


SHORTCUT = ("xhats", "rs", "means", "vars", "dws", "dgammas", "dbetas")


def with_shortcut(parameters):
    """A call that fills in zeros for what only a block with a convolution in its shortcut returns; `parameters` says which argument is p."""

    def call(answer, *args):
        returned = answer(*args)
        if isinstance(returned, dict) and "ws" not in args[parameters]:
            return dict.fromkeys(SHORTCUT, 0.0) | returned
        return returned

    return call


# The loss --------------------------------------------------------------------------------------------------------------


def make_loss(rng, N, K, huge=False, without=False, absent=False, light=1e-6):
    y = rng.randint(K, size=N)
    y[[0, 1, -1]] = 0, K - 1, K - 1
    w = rng.uniform(0.5, 3, size=K)
    w[0] = light  # a class that hardly counts: its rows are judged entry by entry
    if absent:
        y[y == 1] = 0
    if without:
        w[0] = 0.0
    o = 2 * rng.normal(size=(N, K))
    o[-1, 0] = o[-1].max() - 18  # a probability near 1e-8, of a class that is not the right one
    if huge:
        o = 1000.0 * (np.argsort(rng.uniform(size=(N, K)), axis=1) + 3 * (np.arange(N)[:, None] % 3) - K)
    return dict(o=o, y=y, w=w)


# Fine-tuning -----------------------------------------------------------------------------------------------------------

LAYERS = (1, 2, 3)
NET = [f"{name}{k}" for k in LAYERS for name in ("W", "gamma", "beta", "mean", "var")] + ["V", "c"]
TUNE = dict(N=9, D=4, H=6, K=8, frozen=(2,), decay=0.1)


def make_tune(rng, N, D, H, K, frozen, decay):
    net, widths = {}, [D, H, H + 1, H - 1]
    for k in LAYERS:
        d, h = widths[k - 1], widths[k]
        net[f"W{k}"] = rng.normal(size=(h, d)) / np.sqrt(d)
        net[f"gamma{k}"], net[f"beta{k}"] = rng.uniform(0.6, 1.8, size=h), rng.normal(size=h)
        net[f"mean{k}"], net[f"var{k}"] = 0.5 * rng.normal(size=h), rng.uniform(0.5, 3, size=h)
    net["V"], net["c"] = rng.normal(size=(K, widths[-1])), rng.normal(size=K)
    y = rng.randint(K, size=N)
    y[:2] = 0, K - 1
    return dict(x=rng.normal(size=(N, D)), y=y, net=net, rates=(0.3, 0.7), decay=decay, frozen=frozen)


# The pipeline ----------------------------------------------------------------------------------------------------------


def make_shuffled(rng, n, buffer):
    u = rng.uniform(size=n)
    u[0], u[1], u[-1] = 0.999, 0.0, 0.999
    if n > 4:
        u[-3] = 0.52  # of three files that are left the middle one, whatever the buffer had room for
    return dict(n=n, buffer=buffer, u=u)


def make_prepare(rng, n, groups, batch, p=0.7, alone=False):
    group = rng.permutation(np.arange(n) % groups)
    test_groups = [1, groups - 1]
    if alone:
        group[np.flatnonzero(group == 1)[1:]] = 0
    x = rng.uniform(size=(n, 5, 9)) + (3.0 * np.isin(group, test_groups))[:, None, None]
    left = int((~np.isin(group, test_groups)).sum())
    u = rng.uniform(size=left)
    u[0], u[1] = 0.71, 0.69
    return dict(x=x, group=group, test_groups=test_groups, order=rng.permutation(left), u=u, p=p, batch=batch)


def one_after_the_other(answer, *args):
    """The batches laid one after the other, how many images each has, and the test images."""
    returned = answer(*args)
    if not (isinstance(returned, (tuple, list)) and len(returned) == 2):
        return returned
    batches, test = returned
    try:
        parts = [np.asarray(batch, dtype=float) for batch in batches]
        return np.concatenate(parts), np.array([len(part) for part in parts]), test
    except (TypeError, ValueError):
        return batches, batches, test


BLOCK_GRADIENTS = [f"d{name}{k}" for k in PROJECTED for name in ("w", "gamma", "beta")]

EXERCISES = {
    "batch_norm": Exercise(
        make=make_batch_norm, results=["y", "mean", "var", "xhat", "r"], sizes=NORM,
        edges=[
            EVAL, ONE_PIXEL, ONE_IMAGE, EdgeCase(dict(size=1e-3), "with numbers a thousand times smaller"),
            EdgeCase(dict(constant=True), "with a channel that is the same everywhere"), EdgeCase(dict(flat=True), "with a scale of 0"),
            EdgeCase(dict(N=1, H=1, W=1, train=False), "in eval mode, with one image of one pixel"),
        ],
        groups=[["mean", "var"], ["xhat", "r"]],
    ),
    "batch_norm_backward": Exercise(
        make=make_batch_norm_backward, results=["dx", "dgamma", "dbeta"], sizes=NORM,
        edges=[
            EVAL, ONE_PIXEL, ONE_IMAGE, EdgeCase(dict(constant=True), "with a channel that is the same everywhere"),
            EdgeCase(dict(flat=True), "with a scale of 0"), EdgeCase(dict(N=1, train=False), "in eval mode, with one image"), MANY,
        ],
        groups=[["dgamma", "dbeta"]],
    ),
    "group_norm_backward": Exercise(
        make=make_group_norm_backward, results=["dx", "dgamma", "dbeta"], sizes=GROUPED,
        edges=[
            EdgeCase(dict(G=1), "with one group, which is layer norm"), EdgeCase(dict(G=12), "with a group for each channel"),
            EdgeCase(dict(H=1, W=1), "with images of one pixel"), ONE_IMAGE,
            EdgeCase(dict(N=6, H=20, W=11), "with many pixels"),
        ],
        groups=[["dgamma", "dbeta"]],
    ),
    "residual_block": Exercise(
        make=make_block,
        results=["y", "z", "u1", "xhat1", "r1", "xhat2", "r2", "xhats", "rs", *(f"{s}{k}" for k in PROJECTED for s in ("mean", "var"))],
        sizes=BLOCK,
        edges=[SAME, EVAL, SAME_EVAL, WIDER, ONE_IMAGE, EdgeCase(dict(H=1, W=1, N=4), "with images of one pixel")],
        as_dict=True, call=with_shortcut(1),
        groups=[
            ["y", "z"], ["u1", "xhat1", "r1"], ["xhat2", "r2"], ["xhats", "rs"],
            [f"{s}{k}" for k in PROJECTED for s in ("mean", "var")],
        ],
    ),
    "residual_block_backward": Exercise(
        make=make_block_backward, results=["dx", *BLOCK_GRADIENTS], sizes=BLOCK,
        edges=[
            SAME, EVAL, SAME_EVAL, WIDER, ONE_IMAGE, OFF, EdgeCase(dict(H=1, W=1, N=4), "with images of one pixel"),
            EdgeCase(dict(N=4, C=6, O=6, H=16, W=15, stride=1), "with larger images"),
        ],
        as_dict=True, call=with_shortcut(3),
        groups=[[f"d{name}{k}" for name in ("w", "gamma", "beta")] for k in PROJECTED],
    ),
    "weighted_loss": Exercise(
        make=make_loss, results=["J", "do"], sizes=dict(N=7, K=4), elementwise=("do",),
        edges=[
            EdgeCase(dict(huge=True), "with scores in the thousands"), EdgeCase(dict(without=True), "with a weight of 0"),
            EdgeCase(dict(absent=True), "with a class that the batch does not have"), EdgeCase(dict(N=3, K=2), "with two classes"),
            EdgeCase(dict(N=300, K=30), "with a large batch"),
            EdgeCase(dict(light=1e-13), "with a class whose weight is next to nothing", "What an image of this class changes of J is less than the last "
                     "digits of J, so differences of two losses tell nothing of its gradient. The chain rule has no such trouble.", needed=True),
        ],
    ),
    "fine_tune_step": Exercise(
        make=make_tune, results=["J", *NET], sizes=TUNE,
        edges=[
            EdgeCase(dict(frozen=()), "with nothing frozen"), EdgeCase(dict(frozen=(1, 2)), "with the first two layers frozen"),
            EdgeCase(dict(frozen=LAYERS), "with the whole base frozen"), EdgeCase(dict(decay=0.0), "without weight decay"),
            EdgeCase(dict(N=100, D=30, H=40), "with a large batch"),
        ],
        as_dict=True,
        groups=[
            ["J", "V", "c"], [f"{name}{k}" for k in LAYERS for name in ("W", "gamma", "beta")],
            [f"{name}{k}" for k in LAYERS for name in ("mean", "var")],
        ],
    ),
    "shuffled": Exercise(
        make=make_shuffled, results=["order"], sizes=dict(n=12, buffer=4), judge="the reference",
        edges=[
            EdgeCase(dict(buffer=1), "with a buffer of one, which changes nothing"), EdgeCase(dict(buffer=12), "with room for all in the buffer"),
            EdgeCase(dict(buffer=30), "with a buffer larger than the file"), EdgeCase(dict(n=3, buffer=2), "with three files"),
        ],
    ),
    "prepare": Exercise(
        make=make_prepare, results=["images", "sizes", "test"], sizes=dict(n=20, groups=6, batch=4), call=one_after_the_other,
        judge="the reference",
        edges=[
            EdgeCase(dict(alone=True), "with a group of one image among the test groups"), EdgeCase(dict(p=0.0), "where no image is mirrored"),
            EdgeCase(dict(p=1.0), "where every image is mirrored"), EdgeCase(dict(batch=1), "with batches of one"),
            EdgeCase(dict(batch=50), "with a batch larger than the data"),
        ],
    ),
}  # fmt: skip
