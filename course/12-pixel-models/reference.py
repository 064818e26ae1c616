"""Unit 12: the right answers: `torch.nn.functional.conv2d`, autograd, and masks that are read off the triangle of unit 11."""

import numpy as np
import torch
import torch.nn.functional as F
from checks import about_the_world, tiny_world

from byhand.in_torch import leaves, numbers


def same(x, w, b=None):
    """torch's convolution, padded so that the image keeps its size."""
    return F.conv2d(x, w, b, padding=w.shape[-1] // 2)


def torch_mask(k, kind):
    """The middle row of the triangular mask of unit 11, for the k * k pixels under the kernel, folded into a square."""
    who_sees_whom = torch.ones(k * k, k * k, dtype=torch.float64).tril(-1 if kind == "A" else 0)
    return who_sees_whom[k * k // 2].view(k, k)


def conv(x, w, b):
    return numbers(a=same(*leaves(x, w, b)))


def conv_backward(da, x, w):
    x, w, b = leaves(x, w, np.zeros(len(w)))
    same(x, w, b).backward(torch.tensor(da))
    return dict(dx=x.grad.numpy(), dw=w.grad.numpy(), db=b.grad.numpy())


def both_masks(k):
    return numbers(A=torch_mask(k, "A"), B=torch_mask(k, "B"))


def colour_masks(k, C):
    """Read off the triangle of unit 11 for all k * k * C values under the kernel, colours counted fastest."""
    found = {}
    for kind in "AB":
        values = k * k * C
        order = torch.ones(values, values, dtype=torch.float64).tril(-1 if kind == "A" else 0)
        centre = (k * k // 2) * C
        found[kind] = torch.stack([order[centre + o].view(k, k, C).permute(2, 0, 1) for o in range(C)])
    return numbers(**found)


def masked_backward(da, x, w, m):
    x, w, b = leaves(x, w, np.zeros(len(w)))
    same(x, w * torch.tensor(m), b).backward(torch.tensor(da))
    return dict(dx=x.grad.numpy(), dw=w.grad.numpy(), db=b.grad.numpy())


def field_of(kinds, k, H, W, i, j):
    [x] = leaves(np.zeros((1, 1, H, W)))
    a = x
    for kind in kinds:
        a = same(a, torch_mask(k, kind)[None, None])
    a[0, 0, i, j].backward()
    return dict(field=(x.grad[0, 0] > 0).double().numpy())


def field_of_two(layers, k, H, W, i, j):
    [x] = leaves(np.zeros((1, 1, H, W)))
    ones, r = torch.ones(1, 1, k, k, dtype=torch.float64), k // 2
    rows_up_to_here = ones.clone()
    rows_up_to_here[:, :, r + 1 :] = 0
    v = h = x
    for layer in range(layers):
        left = torch.zeros_like(ones)
        left[:, :, r, : r + (layer > 0)] = 1
        v = same(v, rows_up_to_here)
        h = same(h, left) + F.pad(v, (0, 0, 1, 0))[:, :, :-1]
    h[0, 0, i, j].backward()
    return dict(field=(x.grad[0, 0] > 0).double().numpy())


def with_the_world(model):
    """The torch reference of a model: logits, loss, gradients, and what its logits say about the tiny world."""

    def reference(x, p, p_tiny):
        t = dict(zip(p, leaves(*p.values()), strict=True))
        images = torch.tensor(x)
        logits = model(images, t)
        J = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(x)
        J.backward()
        world = tiny_world()
        tiny = dict(zip(p_tiny, leaves(*p_tiny.values()), strict=True))
        of_the_world = model(torch.tensor(world), tiny).detach().numpy()
        grads = {f"d{name}": value.grad.numpy() for name, value in t.items()}
        return numbers(logits=logits, J=J) | grads | about_the_world(of_the_world, world)

    return reference


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


def completed(u, x, rows, L, b):
    H, W = x.shape[1:]
    u, L, b = torch.tensor(u).flatten(1), torch.tensor(L), torch.tensor(b)
    pixels = torch.tensor(x).flatten(1)
    for place in range(rows * W, H * W):
        p = torch.sigmoid(pixels[:, :place] @ L[place, :place] + b[place])
        pixels[:, place] = (u[:, place] < p).double()
    return dict(image=pixels.view(x.shape).numpy())


REFERENCES = {
    "conv2d": conv,
    "conv2d_backward": conv_backward,
    "pixel_mask": both_masks,
    "colour_mask": colour_masks,
    "masked_conv_backward": masked_backward,
    "receptive_field": field_of,
    "two_stacks_field": field_of_two,
    "pixelcnn": with_the_world(cnn_logits),
    "row_lstm": with_the_world(row_logits),
    "complete": completed,
}
