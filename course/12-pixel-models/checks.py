"""Unit 12: the problems that the exercises are checked on. The right answers, torch's, stand in reference.py.

Of each pixel model the check also runs all 512 black and white images of 3 by 3 pixels: do their probabilities add up to
1, and which logit changes when which pixel does? Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# N, C, O, H and W all differ, and the kernel has a neighbour on every side of its centre.
SIZES = dict(N=2, C=3, O=4, H=5, W=6, k=3)
EDGES = [
    EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(C=1), "with one input channel"), EdgeCase(dict(O=1), "with one output channel"),
    EdgeCase(dict(k=1), "with a kernel of one tap"), dict(k=5), EdgeCase(dict(H=1), "where the image is one row"),
    EdgeCase(dict(H=2, W=2, k=7), "where the kernel is larger than the image"), dict(scale=0.0), dict(scale=1e3),
]  # fmt: skip
# So large that a sweep over the taps is quick and a forward pass for each entry is not.
LARGE = EdgeCase(dict(N=4, C=4, O=5, H=20, W=24, k=7), "on larger images, with k = 7")
TINY = 3  # the side of the images of which all are tried


# conv2d and conv2d_backward ----------------------------------------------------------------------


def make_conv(rng, N, C, O, H, W, k, scale=1.0):
    return dict(x=scale * rng.normal(size=(N, C, H, W)), w=rng.normal(size=(O, C, k, k)) / k, b=rng.normal(size=O))


def make_conv_backward(rng, N, C, O, H, W, k, scale=1.0):
    args = make_conv(rng, N, C, O, H, W, k, scale)
    return dict(da=rng.normal(size=(N, O, H, W)), x=args["x"], w=args["w"])


# pixel_mask and masked_conv_backward -------------------------------------------------------------


def make_mask(rng, k):
    return dict(k=k)


def both_kinds(answer, k):
    return [answer(k, "A"), answer(k, "B")]


def make_colour(rng, k, C):
    return dict(k=k, C=C)


def both_colour_kinds(answer, k, C):
    return [answer(k, "A", C), answer(k, "B", C)]


def make_masked(rng, N, C, O, H, W, k, scale=1.0):
    """The mask is made up: it is not the same when it is turned or transposed, and it is neither A nor B."""
    m = rng.randint(2, size=(k, k)).astype(float)
    if k > 1:
        m[0, 0], m[-1, -1], m[0, -1], m[-1, 0] = 1.0, 0.0, 0.0, 1.0
        m[0, 1], m[1, 0] = 1.0, 0.0
    return dict(**make_conv_backward(rng, N, C, O, H, W, k, scale), m=m)


# receptive_field ---------------------------------------------------------------------------------


def make_field(rng, kinds, k, H, W, i, j):
    return dict(kinds=kinds, k=k, H=H, W=W, i=i, j=j)


def make_two_stacks(rng, layers, k, H, W, i, j):
    return dict(layers=layers, k=k, H=H, W=W, i=i, j=j)


# The pixel models, and the world of all tiny images ----------------------------------------------


def tiny_world():
    """All images of 3 by 3 pixels, (512, 3, 3); image n holds the binary digits of n, pixel after pixel."""
    n = np.arange(2 ** (TINY * TINY))
    return (n[:, None] >> np.arange(TINY * TINY) & 1).astype(float).reshape(-1, TINY, TINY)


def about_the_world(logits, world):
    """The sum of all probabilities, and sees[i, j, i', j']: 1 where the logit of (i, j) changes when pixel (i', j') does."""
    with np.errstate(over="ignore"):
        p = 1 / (1 + np.exp(np.where(world == 1, -logits, logits)))  # of each pixel as it is
    sees = np.zeros((TINY * TINY, TINY * TINY))
    flat, n = logits.reshape(len(world), -1), np.arange(len(world))
    for pixel in range(TINY * TINY):
        change = np.abs(flat - flat[n ^ (1 << pixel)]).max(axis=0)
        sees[:, pixel] = change > 1e-9 * max(1.0, np.abs(flat).max())
    return dict(total=p.prod(axis=(1, 2)).sum(), sees=sees.reshape(4 * (TINY,)))


def use_model(answer, x, p, p_tiny):
    """The student's model on the given images, and its logits on the tiny world."""
    returned = answer(x, p)
    if returned is None:
        return None
    if not isinstance(returned, dict) or "logits" not in returned:
        kind = f"a dict with {', '.join(map(str, returned))}" if isinstance(returned, dict) else type(returned).__name__
        raise TypeError(
            f"your function returned {kind}; it should return a dict with logits, J, and d + name for each parameter"
        )
    world = tiny_world()
    logits = np.asarray(answer(world, p_tiny)["logits"], dtype=float)
    if logits.shape != world.shape:
        raise ValueError(
            f"for images of shape {world.shape} your logits have shape {logits.shape}; they should have the same"
        )
    return {**returned, **about_the_world(logits, world)}


def some_images(rng, N, H, W):
    x = rng.randint(2, size=(N, H, W)).astype(float)
    x[:, 0, 0] = 1.0  # not all zero, however few pixels there are
    return x


# pixelcnn ----------------------------------------------------------------------------------------


def cnn_parameters(rng, K, sides, scale):
    p = {}
    for layer, (fan_in, fan_out, side) in enumerate(zip((4, K, K), (K, K, 1), sides, strict=True), 1):
        p[f"w{layer}"] = scale * rng.normal(size=(fan_out, fan_in, side, side)) / np.sqrt(fan_in * side)
        p[f"b{layer}"] = scale * rng.normal(size=fan_out) / 2
    return p


def make_cnn(rng, N, H, W, K, k, k2=3, k3=3, scale=1.0, bias=0.0):
    p, p_tiny = cnn_parameters(rng, K, (k, k2, k3), scale), cnn_parameters(rng, 3, (3, 3, 3), scale)
    p["b3"] += bias
    return dict(x=some_images(rng, N, H, W), p=p, p_tiny=p_tiny)


# row_lstm ----------------------------------------------------------------------------------------


def row_parameters(rng, W, K, scale):
    p = {f"W{g}": scale * rng.normal(size=(K, W)) / np.sqrt(W) for g in "zifo"}
    p |= {f"R{g}": scale * rng.normal(size=(K, K)) / np.sqrt(K) for g in "zifo"}
    p |= {f"b{g}": scale * rng.normal(size=K) / 2 for g in "zifo"}
    p |= {f"p{g}": scale * rng.normal(size=K) / 2 for g in "ifo"}
    p |= {"V": scale * rng.normal(size=(W, K)) / np.sqrt(K), "d": scale * rng.normal(size=W) / 2}
    return p | {"L": scale * rng.normal(size=(W, W)) / 2}


def make_row(rng, N, H, W, K, scale=1.0, bias=0.0, first=0.0):
    p, p_tiny = row_parameters(rng, W, K, scale), row_parameters(rng, TINY, 4, scale)
    p["d"] += bias
    p["d"].flat[0] += first
    return dict(x=some_images(rng, N, H, W), p=p, p_tiny=p_tiny)


# complete ----------------------------------------------------------------------------------------


def make_complete(rng, N, H, W, rows, scale=2.0):
    """A model in which each logit hangs on all pixels before it: a triangular matrix over the pixels in their order."""
    before = np.tril(np.ones((H * W, H * W)), -1)
    u = rng.uniform(size=(N, H, W))
    u[0, -1, -1] = 0.5  # where scale is 0, so is the logit, and u lies exactly at its probability
    return dict(
        u=u, x=some_images(rng, N, H, W), rows=rows,
        L=scale * before * rng.normal(size=(H * W, H * W)) / np.sqrt(H * W) * 2, b=scale * rng.normal(size=H * W) / 2,
    )  # fmt: skip


def use_complete(answer, u, x, rows, L, b):
    def logits_of(images):
        images = np.asarray(images, dtype=float)
        return (images.reshape(len(images), -1) @ L.T + b).reshape(images.shape)

    return answer(logits_of, u, x, rows)


OVERFLOW = (
    "A logit of 1000 is too much for exp, and the probability of such a pixel is rounded to 1: the logarithm of what is left is infinite or, where "
    "the probability is cut off, the same for all such logits. The statement names a function that needs neither."
)
FAR = EdgeCase(
    dict(bias=1e15), "where the logits are near a million billions",
    "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.",
    needed=True,
)  # fmt: skip
LSTM = [
    f"d{kind}{gate}" for kind, gates in (("W", "zifo"), ("R", "zifo"), ("b", "zifo"), ("p", "ifo")) for gate in gates
]

EXERCISES = {
    "conv2d": Exercise(make_conv, ["a"], SIZES, EDGES),
    "conv2d_backward": Exercise(make_conv_backward, ["dx", "dw", "db"], SIZES, [*EDGES, LARGE]),
    "pixel_mask": Exercise(
        make_mask, ["A", "B"], dict(k=5), [EdgeCase(dict(k=1), "with a kernel of one tap"), dict(k=3), dict(k=7)],
        call=both_kinds, judge="the reference",
    ),
    "colour_mask": Exercise(
        make_colour, ["A", "B"], dict(k=5, C=3),
        [EdgeCase(dict(C=1), "with one colour"), EdgeCase(dict(k=1), "with a kernel of one tap"), dict(k=3, C=4), dict(k=3, C=2)],
        call=both_colour_kinds, judge="the reference",
    ),
    "masked_conv_backward": Exercise(make_masked, ["dx", "dw", "db"], SIZES, [*EDGES[:3], dict(k=1), dict(k=5), LARGE]),
    "receptive_field": Exercise(
        make_field, ["field"], dict(kinds="ABB", k=3, H=7, W=9, i=5, j=3),
        [
            EdgeCase(dict(kinds="A"), "with one layer, of mask A"), EdgeCase(dict(kinds="B"), "with one layer, of mask B"),
            EdgeCase(dict(i=0, j=0), "at the first pixel"), dict(k=5), dict(k=1), dict(kinds="ABBBBBBB"),
            EdgeCase(dict(j=8), "at the right border"), dict(kinds="AB", H=1, i=0), dict(kinds="AAB"), dict(kinds="BBB", i=3, j=4),
            dict(kinds="BBBBB", k=5),  # 5376 routes to one of the pixels, a multiple of 256: a count in 8 bits wraps to 0
        ],
    ),
    "two_stacks_field": Exercise(
        make_two_stacks, ["field"], dict(layers=2, k=3, H=7, W=9, i=5, j=3),
        [
            EdgeCase(dict(layers=1), "with one layer"), dict(layers=4), EdgeCase(dict(i=0, j=0), "at the first pixel"), dict(k=5), dict(k=1),
            EdgeCase(dict(j=8), "at the right border"), EdgeCase(dict(H=1, i=0), "where the image is one row"), dict(layers=5, k=5, W=12, j=6),
        ],
    ),
    "pixelcnn": Exercise(
        make_cnn, ["logits", "J", "dw1", "db1", "dw2", "db2", "dw3", "db3", "total", "sees"], dict(N=4, H=7, W=6, K=3, k=5, k2=3, k3=3),
        [
            EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(K=1), "with one hidden channel"), EdgeCase(dict(H=1, W=1), "on images of one pixel"),
            EdgeCase(dict(k=3, k2=5, k3=1), "where the kernels' sides are 3, 5 and 1"), EdgeCase(dict(k=7, H=4), "where k = 7 and H = 4"),
            dict(scale=0.0), dict(scale=1.5),
            EdgeCase(dict(bias=1000.0), "where the logits are near 1000", OVERFLOW), EdgeCase(dict(bias=-1000.0), "where the logits are near -1000", OVERFLOW),
            EdgeCase(dict(N=2, H=12, W=11, K=24, k=7, k2=5, k3=1), "with 24 channels"), FAR,
        ],
        call=use_model, as_dict=True, groups=[("logits", "total", "sees"), *((f"dw{n}", f"db{n}") for n in (1, 2, 3))],
    ),
    "row_lstm": Exercise(
        make_row, ["logits", "J", "dV", "dd", "dL", *LSTM, "total", "sees"], dict(N=7, H=4, W=5, K=6),
        [
            EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(K=1), "with one cell"), EdgeCase(dict(H=1), "with one row"), EdgeCase(dict(W=1), "with one column"),
            dict(scale=0.0), dict(scale=2.0),
            EdgeCase(dict(bias=1000.0), "where the logits are near 1000", OVERFLOW), EdgeCase(dict(bias=-1000.0), "where the logits are near -1000", OVERFLOW),
            EdgeCase(dict(N=2, H=5, W=20, K=100), "with 100 cells"),
            EdgeCase(dict(first=1e15), "where a column's logits are near a million billions", FAR.hint, needed=True),
        ],
        call=use_model, as_dict=True, groups=[("logits", "total", "sees"), LSTM],  # what lstm_backward delivers is one quantity
    ),
    "complete": Exercise(
        make_complete, ["image"], dict(N=40, H=4, W=6, rows=2),
        [
            EdgeCase(dict(rows=0), "where nothing is given"), EdgeCase(dict(rows=4), "where all is given"), EdgeCase(dict(N=1), "with one image"),
            EdgeCase(dict(W=1), "with one column"), dict(scale=30.0), EdgeCase(dict(scale=0.0), "where every probability is one half, and one u too"),
        ],
        call=use_complete, judge="the reference",
    ),
}  # fmt: skip
