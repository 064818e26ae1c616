"""Unit 11: the right answers: `torch.distributions.Bernoulli`, torch layers whose weights are masked, and autograd's gradients."""

from itertools import pairwise

import numpy as np
import torch
from checks import consequences, every_image
from torch.nn.functional import binary_cross_entropy_with_logits as torch_loss
from torch.nn.functional import linear

from byhand.in_torch import leaves, numbers


def nll(o, x):
    [o] = leaves(o)
    J = torch_loss(o, torch.tensor(x), reduction="sum") / len(x)
    J.backward()
    return numbers(J=J, do=o.grad)


def fvsbn(x, W, b):
    W, b = leaves(W, b)
    x = torch.tensor(x)
    o = linear(x, W.tril(-1), b)
    J = torch_loss(o, x, reduction="sum") / len(x)
    J.backward()
    return numbers(o=o, J=J, dW=W.grad, db=b.grad)


def total(scores, leaky, D, W, W_leaky, b):
    x, results = torch.tensor(every_image(D)), {}
    for mark, weight in (("", W), ("leaky ", W_leaky)):
        p = torch.distributions.Bernoulli(logits=linear(x, *map(torch.tensor, (weight, b)))).log_prob(x).sum(1).exp()
        results |= {f"{mark}p": p, f"{mark}total": p.sum()}
    return numbers(images=x, **results)


def nade_scores(x, W, V, b, c):
    """One hidden layer for each pixel, each fed with the pixels before it alone."""
    D = len(b)
    x, W, V, b, c = leaves(x, W, V, b, c)
    before = torch.ones(D, D, dtype=torch.float64).tril(-1)  # row d: the pixels that pixel d may see
    h = torch.stack([torch.sigmoid(linear(x * before[d], W, c)) for d in range(D)])
    o = torch.stack([linear(h[d], V[d][None], b[d][None])[:, 0] for d in range(D)], dim=1)
    return numbers(o=o, h=h) | {"cost": np.array(1.0)}


def nade_gradients(do, x, h, V):
    """Autograd at the hidden layers that are given: what W, b and c are does not matter."""
    D, _, H = h.shape
    V, W, b, c = leaves(V, np.zeros((H, D)), np.zeros(D), np.zeros(H))
    x, given = torch.tensor(x), torch.tensor(h).logit()
    before = torch.ones(D, D, dtype=torch.float64).tril(-1)
    scores = []
    for d in range(D):
        a = linear(x * before[d], W, c)
        scores.append(torch.sigmoid(a + (given[d] - a).detach()) @ V[d] + b[d])
    torch.stack(scores, dim=1).backward(torch.tensor(do))
    return numbers(dW=W.grad, dV=V.grad, db=b.grad, dc=c.grad) | {"cost": np.array(1.0)}


def masks(m0, m1, m2):
    pixel, first, second = (torch.tensor(m) for m in (m0, m1, m2))
    hidden = [
        torch.ge(*torch.meshgrid(after, before, indexing="ij")).double()
        for before, after in pairwise((pixel, first, second))
    ]
    output = [torch.gt(*torch.meshgrid(pixel, before, indexing="ij")).double() for before in (second, pixel)]
    found = numbers(W1=hidden[0], W2=hidden[1], V=output[0], A=output[1])
    return found | consequences(found, *map(len, (m0, m1, m2)))


def made(x, params, masks, given=None):
    """MADE's scores, hidden layers and parameters; with `given` hidden layers autograd works at those."""
    p = dict(zip(params, leaves(*params.values()), strict=True))
    weight = {k: p[k] * torch.tensor(m) for k, m in masks.items()}
    x, hidden = torch.tensor(x), []
    h = x
    for n in (1, 2):
        a = linear(h, weight[f"W{n}"], p[f"b{n}"])
        h = torch.tanh(a + (torch.tensor(given[n - 1]).atanh() - a).detach() if given else a)
        hidden.append(h)
    return linear(h, weight["V"], p["c"]) + linear(x, weight["A"]), *hidden, p


def made_scores(x, params, masks):
    o, h1, h2, _ = made(x, params, masks)
    return numbers(o=o, h1=h1, h2=h2)


def made_gradients(do, x, h1, h2, params, masks):
    o, _, _, p = made(x, params, masks, given=(h1, h2))
    o.backward(torch.tensor(do))
    return numbers(**{f"d{k}": v.grad for k, v in p.items()})


def drawn(scores, order, r, x, known, W, b):
    W, b, r, x = (torch.tensor(v) for v in (W, b, r, x))
    for d in order:
        if not known[d]:
            p = torch.sigmoid(linear(x, W, b))[:, d]
            x[:, d] = (r[:, d] < p).double()
    return numbers(x=x)


REFERENCES = {
    "bernoulli_nll": nll,
    "fvsbn": fvsbn,
    "total_probability": total,
    "nade_forward": nade_scores,
    "nade_backward": nade_gradients,
    "made_masks": masks,
    "made_forward": made_scores,
    "made_backward": made_gradients,
    "draw": drawn,
}
