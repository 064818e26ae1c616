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


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def same(x, w, b=None):
    """torch's convolution, padded so that the image keeps its size."""
    return F.conv2d(x, w, b, padding=w.shape[-1] // 2)


# conv2d and conv2d_backward ----------------------------------------------------------------------


def make_conv(rng, N, C, O, H, W, k, scale=1.0):
    return dict(x=scale * rng.normal(size=(N, C, H, W)), w=rng.normal(size=(O, C, k, k)) / k, b=rng.normal(size=O))


def conv(x, w, b):
    return numbers(a=same(*tensors(x, w, b)))


def make_conv_backward(rng, N, C, O, H, W, k, scale=1.0):
    args = make_conv(rng, N, C, O, H, W, k, scale)
    return dict(da=rng.normal(size=(N, O, H, W)), x=args["x"], w=args["w"])


def conv_backward(da, x, w):
    x, w, b = tensors(x, w, np.zeros(len(w)))
    same(x, w, b).backward(torch.tensor(da))
    return dict(dx=x.grad.numpy(), dw=w.grad.numpy(), db=b.grad.numpy())


# pixel_mask and masked_conv_backward -------------------------------------------------------------


def torch_mask(k, kind):
    """The middle row of the triangular mask of unit 11, for the k * k pixels under the kernel, folded into a square."""
    who_sees_whom = torch.ones(k * k, k * k, dtype=torch.float64).tril(-1 if kind == "A" else 0)
    return who_sees_whom[k * k // 2].view(k, k)


def make_mask(rng, k):
    return dict(k=k)


def both_masks(k):
    return numbers(A=torch_mask(k, "A"), B=torch_mask(k, "B"))


def use_mask(answer, k):
    """True and False are as good as 1 and 0 here."""
    return [1.0 * m if isinstance(m, np.ndarray) else m for m in (answer(k, "A"), answer(k, "B"))]


def make_masked(rng, N, C, O, H, W, k, kind, scale=1.0):
    return dict(**make_conv_backward(rng, N, C, O, H, W, k, scale), m=torch_mask(k, kind).numpy())


def masked_backward(da, x, w, m):
    x, w, b = tensors(x, w, np.zeros(len(w)))
    same(x, w * torch.tensor(m), b).backward(torch.tensor(da))
    return dict(dx=x.grad.numpy(), dw=w.grad.numpy(), db=b.grad.numpy())


# receptive_field ---------------------------------------------------------------------------------


def make_field(rng, kinds, k, H, W, i, j):
    return dict(kinds=kinds, k=k, H=H, W=W, i=i, j=j)


def field_of(kinds, k, H, W, i, j):
    [x] = tensors(np.zeros((1, 1, H, W)))
    a = x
    for kind in kinds:
        a = same(a, torch_mask(k, kind)[None, None])
    a[0, 0, i, j].backward()
    return dict(field=(x.grad[0, 0] > 0).double().numpy())


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


def with_the_world(model):
    """The torch reference of a model: logits, loss, gradients, and what its logits say about the tiny world."""

    def reference(x, p, p_tiny):
        t = dict(zip(p, tensors(*p.values()), strict=True))
        images = torch.tensor(x)
        logits = model(images, t)
        J = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(x)
        J.backward()
        world = tiny_world()
        tiny = dict(zip(p_tiny, tensors(*p_tiny.values()), strict=True))
        of_the_world = model(torch.tensor(world), tiny).detach().numpy()
        grads = {f"d{name}": value.grad.numpy() for name, value in t.items()}
        return numbers(logits=logits, J=J) | grads | about_the_world(of_the_world, world)

    return reference


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


def cnn_logits(x, p):
    row, column = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=x.dtype) for n in x.shape[1:]), indexing="ij")
    place = torch.stack([torch.ones_like(row), row, column])
    a = torch.cat([x[:, None], place.expand(len(x), -1, -1, -1)], dim=1)
    for layer in (1, 2, 3):
        w = p[f"w{layer}"]
        a = same(
            a if layer == 1 else torch.relu(a), w * torch_mask(w.shape[-1], "A" if layer == 1 else "B"), p[f"b{layer}"]
        )
    return a[:, 0]


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


def row_logits(x, p):
    """An LSTM with peepholes over the rows; L lets a pixel see those to its left."""
    W, R, b = (torch.cat([p[kind + g] for g in "zifo"]) for kind in "WRb")
    y = c = torch.zeros(len(x), len(p["bz"]), dtype=x.dtype)
    rows, row_above = [], torch.zeros_like(x[:, 0])
    for row in x.unbind(dim=1):
        z, i, f, o = (F.linear(row_above, W, b) + F.linear(y, R)).chunk(4, dim=1)
        i, f = torch.sigmoid(i + p["pi"] * c), torch.sigmoid(f + p["pf"] * c)
        c = torch.tanh(z) * i + c * f
        y = torch.tanh(c) * torch.sigmoid(o + p["po"] * c)
        rows.append(F.linear(y, p["V"], p["d"]) + F.linear(row, torch.tril(p["L"], -1)))
        row_above = row
    return torch.stack(rows, dim=1)


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


def completed(u, x, rows, L, b):
    H, W = x.shape[1:]
    u, L, b = torch.tensor(u).flatten(1), torch.tensor(L), torch.tensor(b)
    pixels = torch.tensor(x).flatten(1)
    for place in range(rows * W, H * W):
        p = torch.sigmoid(pixels[:, :place] @ L[place, :place] + b[place])
        pixels[:, place] = (u[:, place] < p).double()
    return dict(image=pixels.view(x.shape).numpy())


LSTM = [
    f"d{kind}{gate}" for kind, gates in (("W", "zifo"), ("R", "zifo"), ("b", "zifo"), ("p", "ifo")) for gate in gates
]

EXERCISES = {
    "conv2d": Exercise(make_conv, conv, ["a"], SIZES, EDGES),
    "conv2d_backward": Exercise(make_conv_backward, conv_backward, ["dx", "dw", "db"], SIZES, EDGES),
    "pixel_mask": Exercise(make_mask, both_masks, ["A", "B"], dict(k=5), [dict(k=1), dict(k=3), dict(k=7)], call=use_mask),
    "masked_conv_backward": Exercise(
        make_masked, masked_backward, ["dx", "dw", "db"], dict(SIZES, kind="A"), [dict(kind="B"), dict(k=1), *EDGES[:3], dict(k=5)],
    ),
    "receptive_field": Exercise(
        make_field, field_of, ["field"], dict(kinds="ABB", k=3, H=7, W=9, i=5, j=3),
        [
            dict(kinds="A"), dict(kinds="B"), dict(i=0, j=0), dict(k=5), dict(k=1), dict(kinds="ABBBBBBB"), dict(j=8),
            dict(kinds="AB", H=1, i=0), dict(kinds="AAB"), dict(kinds="BBB", i=3, j=4),
        ],
        call=use_field,
    ),
    "pixelcnn": Exercise(
        make_cnn, with_the_world(cnn_logits),
        ["logits", "J", "dw1", "db1", "dw2", "db2", "dw3", "db3", "total", "sees"],
        dict(N=4, H=5, W=6, K=3, k=5), [dict(N=1), dict(K=1), dict(H=1, W=1), dict(k=3), dict(k=7, H=4), dict(scale=0.0), dict(scale=8.0)],
        call=use_model, as_dict=True,
    ),
    "row_lstm": Exercise(
        make_row, with_the_world(row_logits), ["logits", "J", "dV", "dd", "dL", *LSTM, "total", "sees"],
        dict(N=3, H=4, W=5, K=6), [dict(N=1), dict(K=1), dict(H=1), dict(W=1), dict(scale=0.0), dict(scale=8.0)],
        call=use_model, as_dict=True,
    ),
    "complete": Exercise(
        make_complete, completed, ["image"], dict(N=5, H=4, W=6, rows=2),
        [dict(rows=0), dict(rows=4), dict(N=1), dict(W=1), dict(scale=30.0), dict(scale=0.0)], call=use_complete,
    ),
}  # fmt: skip
