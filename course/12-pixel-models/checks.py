"""Unit 12: the problems that the exercises are checked on, and torch's answers to them.

Your convolutions are compared with `torch.nn.functional.conv2d`, and your gradients with what torch's autograd gives. Of
each pixel model the check also runs all 512 black and white images of 3 by 3 pixels: do their probabilities add up to 1,
and which logit changes when which pixel does? Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch
import torch.nn.functional as F

from byhand.checking import Exercise

# N, C, O, H and W all differ, and the kernel has a neighbour on every side of its centre.
SIZES = dict(N=2, C=3, O=4, H=5, W=6, k=3)
EDGES = [
    dict(N=1), dict(C=1), dict(O=1), dict(k=1), dict(k=5), dict(H=1), dict(H=2, W=2, k=7), dict(scale=0.0), dict(scale=1e3),
]  # fmt: skip
TINY = 3  # the side of the images of which all are tried


# conv2d and conv2d_backward ----------------------------------------------------------------------


def make_conv(rng, N, C, O, H, W, k, scale=1.0):
    return dict(x=scale * rng.normal(size=(N, C, H, W)), w=rng.normal(size=(O, C, k, k)) / k, b=rng.normal(size=O))


def make_conv_backward(rng, N, C, O, H, W, k, scale=1.0):
    args = make_conv(rng, N, C, O, H, W, k, scale)
    return dict(da=rng.normal(size=(N, O, H, W)), x=args["x"], w=args["w"])


# pixel_mask and masked_conv_backward -------------------------------------------------------------


def torch_mask(k, kind):
    """The middle row of the triangular mask of unit 11, for the k * k pixels under the kernel, folded into a square."""
    who_sees_whom = torch.ones(k * k, k * k, dtype=torch.float64).tril(-1 if kind == "A" else 0)
    return who_sees_whom[k * k // 2].view(k, k)


def make_mask(rng, k):
    return dict(k=k)


def use_mask(answer, k):
    """True and False are as good as 1 and 0 here."""
    return [1.0 * m if isinstance(m, np.ndarray) else m for m in (answer(k, "A"), answer(k, "B"))]


def make_masked(rng, N, C, O, H, W, k, kind, scale=1.0):
    return dict(**make_conv_backward(rng, N, C, O, H, W, k, scale), m=torch_mask(k, kind).numpy())


# receptive_field ---------------------------------------------------------------------------------


def make_field(rng, kinds, k, H, W, i, j):
    return dict(kinds=kinds, k=k, H=H, W=W, i=i, j=j)


def use_field(answer, *args):
    returned = answer(*args)
    return 1.0 * returned if isinstance(returned, np.ndarray) else returned


# The pixel models, and the world of all tiny images ----------------------------------------------


def tiny_world():
    """All images of 3 by 3 pixels, (512, 3, 3); image n holds the binary digits of n, pixel after pixel."""
    n = np.arange(2 ** (TINY * TINY))
    return (n[:, None] >> np.arange(TINY * TINY) & 1).astype(float).reshape(-1, TINY, TINY)


def about_the_world(logits, world):
    """The sum of all probabilities, and sees[i, j, i', j']: 1 where the logit of (i, j) changes when pixel (i', j') does."""
    log_p = -F.binary_cross_entropy_with_logits(torch.tensor(logits), torch.tensor(world), reduction="none")
    sees = np.zeros((TINY * TINY, TINY * TINY))
    flat, n = logits.reshape(len(world), -1), np.arange(len(world))
    for pixel in range(TINY * TINY):
        change = np.abs(flat - flat[n ^ (1 << pixel)]).max(axis=0)
        sees[:, pixel] = change > 1e-9 * max(1.0, np.abs(flat).max())
    return dict(total=np.float64(log_p.sum((1, 2)).exp().sum()), sees=sees.reshape(4 * (TINY,)))


def use_model(answer, x, p, p_tiny):
    """The student's model on the given images, and its logits on the tiny world."""
    returned = answer(x, p)
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


def cnn_parameters(rng, K, k, scale):
    p = {}
    for layer, (fan_in, fan_out, side) in enumerate([(4, K, k), (K, K, 3), (K, 1, 1)], 1):
        p[f"w{layer}"] = scale * rng.normal(size=(fan_out, fan_in, side, side)) / np.sqrt(fan_in * side)
        p[f"b{layer}"] = scale * rng.normal(size=fan_out) / 2
    return p


def make_cnn(rng, N, H, W, K, k, scale=1.0):
    return dict(
        x=some_images(rng, N, H, W), p=cnn_parameters(rng, K, k, scale), p_tiny=cnn_parameters(rng, 3, 3, scale)
    )


# row_lstm ----------------------------------------------------------------------------------------


def row_parameters(rng, W, K, scale):
    p = {f"W{g}": scale * rng.normal(size=(K, W)) / np.sqrt(W) for g in "zifo"}
    p |= {f"R{g}": scale * rng.normal(size=(K, K)) / np.sqrt(K) for g in "zifo"}
    p |= {f"b{g}": scale * rng.normal(size=K) / 2 for g in "zifo"}
    p |= {f"p{g}": scale * rng.normal(size=K) / 2 for g in "ifo"}
    p |= {"V": scale * rng.normal(size=(W, K)) / np.sqrt(K), "d": scale * rng.normal(size=W) / 2}
    return p | {"L": scale * rng.normal(size=(W, W)) / 2}


def make_row(rng, N, H, W, K, scale=1.0):
    p, p_tiny = row_parameters(rng, W, K, scale), row_parameters(rng, TINY, 4, scale)
    return dict(x=some_images(rng, N, H, W), p=p, p_tiny=p_tiny)


# complete ----------------------------------------------------------------------------------------


def make_complete(rng, N, H, W, rows, scale=2.0):
    """A model in which each logit hangs on all pixels before it: a triangular matrix over the pixels in their order."""
    before = np.tril(np.ones((H * W, H * W)), -1)
    return dict(
        u=rng.uniform(size=(N, H, W)), x=some_images(rng, N, H, W), rows=rows,
        L=scale * before * rng.normal(size=(H * W, H * W)) / np.sqrt(H * W) * 2, b=scale * rng.normal(size=H * W) / 2,
    )  # fmt: skip


def use_complete(answer, u, x, rows, L, b):
    def logits_of(images):
        images = np.asarray(images, dtype=float)
        return (images.reshape(len(images), -1) @ L.T + b).reshape(images.shape)

    return answer(logits_of, u, x, rows)


LSTM = [
    f"d{kind}{gate}" for kind, gates in (("W", "zifo"), ("R", "zifo"), ("b", "zifo"), ("p", "ifo")) for gate in gates
]

EXERCISES = {
    "conv2d": Exercise(make_conv, ["a"], SIZES, EDGES),
    "conv2d_backward": Exercise(make_conv_backward, ["dx", "dw", "db"], SIZES, EDGES),
    "pixel_mask": Exercise(make_mask, ["A", "B"], dict(k=5), [dict(k=1), dict(k=3), dict(k=7)], call=use_mask),
    "masked_conv_backward": Exercise(
        make_masked, ["dx", "dw", "db"], dict(SIZES, kind="A"), [dict(kind="B"), dict(k=1), *EDGES[:3], dict(k=5)],
    ),
    "receptive_field": Exercise(
        make_field, ["field"], dict(kinds="ABB", k=3, H=7, W=9, i=5, j=3),
        [
            dict(kinds="A"), dict(kinds="B"), dict(i=0, j=0), dict(k=5), dict(k=1), dict(kinds="ABBBBBBB"), dict(j=8),
            dict(kinds="AB", H=1, i=0), dict(kinds="AAB"), dict(kinds="BBB", i=3, j=4),
        ],
        call=use_field,
    ),
    "pixelcnn": Exercise(
        make_cnn,         ["logits", "J", "dw1", "db1", "dw2", "db2", "dw3", "db3", "total", "sees"],
        dict(N=4, H=5, W=6, K=3, k=5), [dict(N=1), dict(K=1), dict(H=1, W=1), dict(k=3), dict(k=7, H=4), dict(scale=0.0), dict(scale=8.0)],
        call=use_model, as_dict=True, torch=True,
    ),
    "row_lstm": Exercise(
        make_row, ["logits", "J", "dV", "dd", "dL", *LSTM, "total", "sees"],
        dict(N=3, H=4, W=5, K=6), [dict(N=1), dict(K=1), dict(H=1), dict(W=1), dict(scale=0.0), dict(scale=8.0)],
        call=use_model, as_dict=True, torch=True,
    ),
    "complete": Exercise(
        make_complete, ["image"], dict(N=5, H=4, W=6, rows=2),
        [dict(rows=0), dict(rows=4), dict(N=1), dict(W=1), dict(scale=30.0), dict(scale=0.0)], call=use_complete,
    ),
}  # fmt: skip
