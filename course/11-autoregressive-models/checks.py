"""Unit 11: the problems that the exercises are checked on. The right answers, most of them torch's, stand in reference.py.

Whether a network with your masks leaks is found by flipping every pixel in every image; how the work of NADE grows is
counted. Hidden layers that a backward pass is given are made up. Reading this file is allowed; it holds no
answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise


def pixels(rng, N, D):
    return rng.randint(2, size=(N, D)).astype(float)


# bernoulli_nll -----------------------------------------------------------------------------------


def make_nll(rng, N, D, largest=1000.0):
    o, x = 2 * rng.normal(size=(N, D)), pixels(rng, N, D)
    o[0, 0], o[-1, -1] = largest, -largest  # exp(1000) overflows; the loss of these scores does not
    x[0, 0] = x[-1, -1] = 1.0
    return dict(o=o, x=x)


# fvsbn -------------------------------------------------------------------------------------------


def make_fvsbn(rng, N, D, scale=1.0):
    """W is full, so that a mask that is missing or not strict shows."""
    return dict(x=pixels(rng, N, D), W=scale * rng.normal(size=(D, D)), b=scale * rng.normal(size=D))


# total_probability -------------------------------------------------------------------------------


def make_total(rng, D, scale=1.0):
    """Two models as functions from images to scores: one that is autoregressive, and one that looks at its own pixel."""
    W, b = scale * rng.normal(size=(D, D)), scale * rng.normal(size=D)
    order = rng.permutation(D)
    W = np.tril(W, -1)[order][:, order]
    leaky = W + np.diag(scale * (1 + rng.uniform(size=D)))
    return dict(scores=model(W, b), leaky=model(leaky, b), D=D, W=W, W_leaky=leaky, b=b)


def model(W, b):
    return lambda x: np.asarray(x, float) @ W.T + b


def every_image(D):
    return np.indices((2,) * D).reshape(D, -1).T.astype(float)


def in_order(answer, scores, leaky, D):
    """The answer for both models, its images put in one order, since any order is right."""
    results = {}
    for mark, function in (("", scores), ("leaky ", leaky)):
        returned = answer(function, D)
        if returned is None:
            return None
        if not isinstance(returned, (tuple, list)) or len(returned) != 3:
            raise TypeError("total_probability should return three things: images, p, total")
        images, p, total = returned
        if np.shape(images) == (2**D, D) and np.shape(p) == (2**D,):
            images = np.asarray(images, float)  # True and False are as good as 1 and 0
            order = np.lexsort(images.T[::-1])
            images, p = images[order], np.asarray(p)[order]
            if (different := len(np.unique(images, axis=0))) < 2**D:
                raise ValueError(f"of the {2**D} images in the list only {different} are different")
        results |= {f"{mark}p": p, f"{mark}total": total}
        results.setdefault("images", images)
    return results


# nade_forward, nade_backward ---------------------------------------------------------------------

NADE = dict(N=3, D=5, H=4)


def make_nade(rng, N, D, H, scale=1.0):
    return dict(
        x=pixels(rng, N, D), W=scale * rng.normal(size=(H, D)), V=scale * rng.normal(size=(D, H)),
        b=scale * rng.normal(size=D), c=scale * rng.normal(size=H),
    )  # fmt: skip


def make_nade_backward(rng, N, D, H, scale=1.0):
    """The hidden layers are made up: no parameters give them."""
    return dict(
        do=rng.normal(size=(N, D)), x=pixels(rng, N, D), h=rng.uniform(0.02, 0.98, size=(D, N, H)), V=scale * rng.normal(size=(D, H)),
    )  # fmt: skip


class Counted(np.ndarray):
    """An array that counts the arithmetic done with it, and with what is made from it. It computes as any other does."""

    work = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            options["out"] = tuple(plain(o) for o in out)
        result = getattr(ufunc, method)(*map(plain, inputs), **options)
        if ufunc is np.matmul:
            Counted.work += np.size(result) * np.shape(inputs[0])[-1]
        else:
            Counted.work += max(np.size(v) for v in (*inputs, result))
        return out[0] if out is not None else counted(result)

    def __array_function__(self, function, types, args, options):
        args, options = plain(args), plain(options)
        result = function(*args, **options)
        Counted.work += work_of(function, args, result)
        return counted(result)

    def dot(self, other):
        return np.dot(self, other)

    def view(self, *args, **options):
        return counted(np.ndarray.view(plain(self), *args, **options))


def plain(value):
    if isinstance(value, Counted):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def counted(value):
    if isinstance(value, (tuple, list)):
        return type(value)(map(counted, value))
    return value.view(Counted) if isinstance(value, np.ndarray) and value.ndim else value


def work_of(function, args, result):
    """Multiplications of the functions that sum over products; of all others the number of results."""
    sizes = [np.size(a) for a in args if isinstance(a, np.ndarray)]
    if function is np.einsum and isinstance(args[0], str) and "." not in args[0]:
        letters = args[0].replace(" ", "").split("->")[0].split(",")
        lengths = {k: n for t, a in zip(letters, args[1:], strict=False) for k, n in zip(t, np.shape(a), strict=False)}
        return int(np.prod(list(lengths.values())))
    if function in (np.dot, np.inner, np.tensordot, np.outer) and len(sizes) > 1:
        return int(np.sqrt(float(sizes[0]) * sizes[1] * max(np.size(result), 1)))  # (mk · kn · mn)^½ = mkn
    return max([np.size(result), *sizes], default=0)


# What makes arrays: while the work is counted, all of them make arrays that count.
MAKERS = ("array", "asarray", "ascontiguousarray", "copy", "empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like", "tril", "triu", "tile")
FEW, MANY = 40, 80  # pixels


def growth(run):
    """1 where the arithmetic of `run(D)` grows like D, 2 where it grows like D².

    Twice as many pixels make twice the work, or nearly four times.
    """

    def work(D):
        Counted.work = 0
        run(D)
        return Counted.work

    makers = {name: getattr(np, name) for name in MAKERS}
    try:
        for name, make in makers.items():
            setattr(np, name, lambda *args, _make=make, **options: counted(_make(*plain(args), **plain(options))))
        return 1.0 if work(MANY) < 2.6 * work(FEW) else 2.0
    except Exception:  # what an answer does that a counting array cannot do is not held against it
        return 1.0
    finally:
        for name, make in makers.items():
            setattr(np, name, make)


def forward_and_cost(answer, x, W, V, b, c):
    returned = answer(x, W, V, b, c)
    if returned is None:
        return None
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise TypeError("nade_forward should return two things: o, h")
    big = {D: map(counted, make_nade(np.random.RandomState(1), N=2, D=D, H=3).values()) for D in (FEW, MANY)}
    return dict(o=returned[0], h=returned[1], cost=once(x.shape, W, lambda: growth(lambda D: answer(*big[D]))))


def backward_and_cost(answer, do, x, h, V):
    returned = answer(do, x, h, V)
    if not isinstance(returned, dict):
        return returned
    big = {D: map(counted, make_nade_backward(np.random.RandomState(1), N=2, D=D, H=3).values()) for D in (FEW, MANY)}
    return dict(returned, cost=once(x.shape, V.T, lambda: growth(lambda D: answer(*big[D]))))


def once(shape, W, measure):
    """Measured on the ordinary problem alone; no special kind has its sizes."""
    return measure() if (*shape, len(W)) == tuple(NADE.values()) else 1.0


# made_masks --------------------------------------------------------------------------------------


def make_degrees(rng, D, H1, H2):
    """The pixels in a random order, and hidden units whose degrees are random too."""
    m0 = 1 + rng.permutation(D)
    if D > 2 and (m0 == 1 + np.argsort(m0)).all():
        m0 = np.roll(np.arange(1, D + 1), 1)  # so that places and pixels are never the same list
    m1, m2 = (1 + rng.randint(max(D - 1, 1), size=H) for H in (H1, H2))
    if 2 < D <= min(H1, H2) + 1:  # every degree occurs in both layers, and in another order
        m1[: D - 1], m2[: D - 1] = np.arange(1, D), np.arange(D - 1, 0, -1)
    return dict(m0=m0, m1=m1, m2=m2)


def consequences(masks, D, H1, H2):
    """Of a network with these masks and random weights: which output moves with which pixel, and the sum over all images."""
    rng = np.random.RandomState(3)
    shapes = dict(W1=(H1, D), W2=(H2, H1), V=(D, H2), A=(D, D))
    p = {k: rng.normal(size=shape) * np.array(masks[k], float) for k, shape in shapes.items()}
    b = [rng.normal(size=n) for n in (H1, H2, D)]
    images = every_image(D)

    def scores(x):
        h = np.tanh(np.tanh(x @ p["W1"].T + b[0]) @ p["W2"].T + b[1])
        return h @ p["V"].T + b[2] + x @ p["A"].T

    o, sees = scores(images), np.zeros((D, D))
    for pixel in range(D):
        flipped = images.copy()
        flipped[:, pixel] = 1 - flipped[:, pixel]
        sees[:, pixel] = np.abs(scores(flipped) - o).max(axis=0) > 1e-12
    seen = 1 / (1 + np.exp(np.where(images == 1, -o, o)))  # the probability of each pixel as it is
    return dict(sees=sees, total=seen.prod(axis=1).sum())


def with_consequences(answer, m0, m1, m2):
    """The masks, and what a network with them does. A leak is named."""
    returned = answer(m0, m1, m2)
    if not isinstance(returned, dict) or not set(returned) >= set("VA") | {"W1", "W2"}:
        return returned
    D, H1, H2 = map(len, (m0, m1, m2))
    for name, shape in dict(W1=(H1, D), W2=(H2, H1), V=(D, H2), A=(D, D)).items():
        if np.shape(returned[name]) != shape:
            raise ValueError(f"the mask {name} has shape {np.shape(returned[name])}, its weight {shape}")
    found = consequences(returned, D, H1, H2)
    tell(leaks(found["sees"], m0))
    return {**returned, **found}


def leaks(sees, m0):
    """A sentence for each output that depends on a pixel that does not come before it; pixels count from 1."""
    return [f"output {d + 1} depends on pixel {e + 1}" for d, e in np.argwhere(sees) if m0[e] >= m0[d]]


def tell(sentences):
    """Say in the notebook what the table's numbers cannot."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if sentences and get_ipython() is not None:
        print("A leak: " + ", ".join(sentences[:6]) + (", and more." if len(sentences) > 6 else "."))


# made_forward, made_backward ---------------------------------------------------------------------


def make_made(rng, N, D, H1, H2, scale=1.0):
    """The masks are made up: any array of 0 and 1 will do."""

    def normal(*shape):
        return scale * rng.normal(size=shape)

    params = dict(
        W1=normal(H1, D), b1=normal(H1), W2=normal(H2, H1) / np.sqrt(H1), b2=normal(H2), V=normal(D, H2), A=normal(D, D), c=normal(D),
    )  # fmt: skip
    masks = {k: rng.randint(2, size=params[k].shape).astype(float) for k in ("W1", "W2", "V", "A")}
    for mask in masks.values():
        mask.flat[0], mask.flat[-1] = 0.0, 1.0
    return dict(x=pixels(rng, N, D), params=params, masks=masks)


def make_made_backward(rng, N, D, H1, H2, scale=1.0):
    """The hidden layers are made up: no parameters give them."""
    args = make_made(rng, N, D, H1, H2, scale)
    h1, h2 = (rng.uniform(-0.98, 0.98, size=(N, H)) for H in (H1, H2))
    return dict(do=rng.normal(size=(N, D)), x=args["x"], h1=h1, h2=h2, params=args["params"], masks=args["masks"])


# draw --------------------------------------------------------------------------------------------


def make_draw(rng, N, D, share=0.3, scale=3.0):
    """A model in a random order, images to begin with, and which of their pixels are known."""
    order = rng.permutation(D)
    if D > 2 and (order == np.argsort(order)).all():
        order = np.roll(np.arange(D), 1)  # so that pixels and places are never the same list
    W, b = scale * rng.normal(size=(D, D)), scale * rng.normal(size=D)
    place = np.argsort(order)
    W = np.tril(W, -1)[place][:, place]
    r, known = rng.uniform(size=(N, D)), rng.uniform(size=D) < share
    if D > 2 and 0 < share < 1:
        known[order[0]], known[order[1]], known[order[-1]] = True, False, False
    if not scale:
        r[0] = 0.5  # and so is every probability
    return dict(scores=model(W, b), order=order, r=r, x=pixels(rng, N, D), known=known, W=W, b=b)


SIZES = dict(N=3, D=5)
MADE = dict(N=3, D=6, H1=7, H2=5)
ONE, FIRST = EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(D=1), "with one pixel")
EDGES = [ONE, FIRST, dict(D=2), dict(N=5, D=9), dict(scale=0.0), dict(scale=6.0)]
# No edge has the sizes on which the work is measured.
OF_NADE = [ONE, FIRST, dict(D=2), dict(N=5, D=9), dict(N=4, scale=0.0), dict(N=4, scale=6.0), EdgeCase(dict(H=1), "with one hidden unit"), dict(H=9)]
OF_MADE = [*EDGES, EdgeCase(dict(H1=1), "with one unit in the first hidden layer"), EdgeCase(dict(H2=1), "with one unit in the second hidden layer"), dict(H1=12, H2=10)]
# So large that a sweep is quick and a forward pass for each parameter is not.
LARGE = dict(N=4, D=70, H1=60, H2=50)
GRADIENTS = ["dW1", "db1", "dW2", "db2", "dV", "dA", "dc"]

EXERCISES = {
    "bernoulli_nll": Exercise(
        make_nll, ["J", "do"], SIZES, [ONE, FIRST, dict(N=7, D=2), dict(largest=0.0), EdgeCase(dict(largest=1e15), needed=True)],
    ),
    "fvsbn": Exercise(
        make_fvsbn, ["o", "J", "dW", "db"], SIZES, [*EDGES, EdgeCase(dict(N=2, D=120), "with 120 pixels", needed=True)], as_dict=True,
        groups=[("o", "J")],  # exercise 1 delivers J
    ),
    "total_probability": Exercise(
        make_total, ["images", "p", "total", "leaky p", "leaky total"], dict(D=4),
        [FIRST, dict(D=2), dict(D=10), dict(scale=0.0), dict(scale=5.0)],
        withheld=["W", "W_leaky", "b"], call=in_order, as_dict=True, groups=[("images", "p", "total"), ("leaky p", "leaky total")],
    ),
    "nade_forward": Exercise(
        make_nade, ["o", "h", "cost"], NADE, OF_NADE, forward=["h"], call=forward_and_cost, as_dict=True,
        groups=[("o", "cost")], judge="the reference",
    ),
    "nade_backward": Exercise(
        make_nade_backward, ["dW", "dV", "db", "dc", "cost"], NADE, OF_NADE, call=backward_and_cost, as_dict=True,
        groups=[("dW", "dc", "cost"), ("dV", "db")], judge="the reference",
    ),
    "made_masks": Exercise(
        make_degrees, ["W1", "W2", "V", "A", "sees", "total"], dict(D=6, H1=7, H2=5),
        [FIRST, dict(D=2), dict(D=8, H1=10, H2=12), *OF_MADE[6:8]],
        call=with_consequences, as_dict=True, groups=[("sees", "total")], judge="the reference",
    ),
    "made_forward": Exercise(make_made, ["o", "h1", "h2"], MADE, OF_MADE),
    "made_backward": Exercise(
        make_made_backward, GRADIENTS, MADE, [*OF_MADE, LARGE], as_dict=True,
        groups=[("dV", "dA", "dc"), ("dW2", "db2"), ("dW1", "db1")],
    ),
    "draw": Exercise(
        make_draw, ["x"], dict(N=60, D=9),
        [
            ONE, FIRST, EdgeCase(dict(share=0.0), "where nothing is known"), EdgeCase(dict(share=1.0), "where everything is known"),
            EdgeCase(dict(scale=0.0), "where every probability is one half, and some r too"), dict(scale=20.0),
        ],
        withheld=["W", "b"],
    ),
}  # fmt: skip
