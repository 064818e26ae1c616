"""Unit 18: torch's answers to the problems of `checks.py`, one function for each exercise, by its name; plain loops for the pipeline.

The saved values that a problem hands out are made up, so autograd is made to run at these values: `normalise` has an ε for each
channel, such that the saved 1/σ comes out, and `at` gives what a layer computes the value that was saved.
"""

import numpy as np
import torch
import torch.nn.functional as F
from checks import LAYERS, NET, SHORTCUT

from byhand.in_torch import numbers

EPS, MOMENTUM = 1e-5, 0.1


def leaf(array):
    return torch.tensor(np.asarray(array, dtype=float), requires_grad=True)


def fixed(array):
    return torch.tensor(np.asarray(array, dtype=float))


def channels(v):
    return v[:, None, None]


def at(computed, saved):
    """What was computed, with the value that was saved."""
    return computed + (saved - computed).detach()


# Batch norm


def norm(x, gamma, beta, mean, var, train):
    mean, var = mean.clone(), var.clone()
    y = F.batch_norm(x, mean, var, gamma, beta, train, MOMENTUM, EPS)
    one, zero = torch.ones_like(gamma), torch.zeros_like(beta)
    xhat = F.batch_norm(x, mean.clone() if train else mean, var.clone() if train else var, one, zero, train, MOMENTUM, EPS)
    used = x.var(dim=(0, 2, 3), unbiased=False) if train else var
    return y, mean, var, xhat, 1 / torch.sqrt(used + EPS)


def batch_norm(x, gamma, beta, mean, var, train):
    found = norm(*map(fixed, (x, gamma, beta, mean, var)), train)
    return numbers(**dict(zip(("y", "mean", "var", "xhat", "r"), found, strict=True)))


def normalise(x, xhat, r, axes):
    """x normalised over `axes`, where x has the value that belongs to the saved x̂ and 1/σ; without axes by fixed numbers."""
    if not axes:
        return at(x * r, xhat)
    x = at(x, xhat / r)
    mean, var = x.mean(dim=axes, keepdim=True), x.var(dim=axes, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(var + (1 / r**2 - var).detach())


def batch_norm_backward(dy, gamma, xhat, r, train):
    x, gamma, beta = leaf(np.zeros(np.shape(xhat))), leaf(gamma), leaf(np.zeros(np.shape(gamma)))
    y = channels(gamma) * normalise(x, fixed(xhat), channels(fixed(r)), (0, 2, 3) if train else ()) + channels(beta)
    y.backward(fixed(dy))
    return numbers(dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad)


def group_norm_backward(dy, gamma, xhat, r, G):
    N, C, H, W = np.shape(xhat)
    x, gamma, beta = leaf(np.zeros((N, C, H, W))), leaf(gamma), leaf(np.zeros(C))
    grouped = (N, G, C // G, H, W)
    found = normalise(x.reshape(grouped), fixed(xhat).reshape(grouped), fixed(r)[:, :, None, None, None], (2, 3, 4))
    (channels(gamma) * found.reshape(N, C, H, W) + channels(beta)).backward(fixed(dy))
    return numbers(dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad)


# The residual block


def conv(x, w, stride=1):
    return F.conv2d(x, w, stride=stride, padding=w.shape[-1] // 2)


def residual_block(x, p, run, stride, train):
    x, p, run = fixed(x), {k: fixed(v) for k, v in p.items()}, {k: fixed(v) for k, v in run.items()}
    found = {}

    def normed(a, k):
        u, found[f"mean{k}"], found[f"var{k}"], found[f"xhat{k}"], found[f"r{k}"] = norm(
            a, p[f"gamma{k}"], p[f"beta{k}"], run[f"mean{k}"], run[f"var{k}"], train
        )
        return u

    found["u1"] = normed(conv(x, p["w1"], stride), "1")
    u2 = normed(conv(torch.relu(found["u1"]), p["w2"]), "2")
    found["z"] = u2 + (normed(conv(x, p["ws"], stride), "s") if "ws" in p else x)
    found["y"] = torch.relu(found["z"])
    return dict.fromkeys(SHORTCUT, np.array(0.0)) | numbers(**found)


def residual_block_backward(dy, x, kept, p, stride, train):
    x, p, kept = leaf(x), {k: leaf(v) for k, v in p.items()}, {k: fixed(v) for k, v in kept.items()}

    def normed(a, k):
        xhat = normalise(a, kept[f"xhat{k}"], channels(kept[f"r{k}"]), (0, 2, 3) if train else ())
        return channels(p[f"gamma{k}"]) * xhat + channels(p[f"beta{k}"])

    def at(value, saved):
        """The value as it was saved, to the last digit where that is 0, with the derivatives of the computed one."""
        return value + (saved - value).detach()

    u1 = at(normed(conv(x, p["w1"], stride), "1"), kept["u1"])
    u2 = normed(conv(torch.relu(u1), p["w2"]), "2")
    z = at(u2 + (normed(conv(x, p["ws"], stride), "s") if "ws" in p else x), kept["z"])
    torch.relu(z).backward(fixed(dy))
    grads = {f"d{name}": value.grad for name, value in p.items()}
    return dict.fromkeys(SHORTCUT, np.array(0.0)) | numbers(dx=x.grad, **grads)


# The loss, and a step of fine-tuning


def weighted_loss(o, y, w):
    o = leaf(o)
    J = F.cross_entropy(o, torch.tensor(y), weight=fixed(w))
    J.backward()
    return numbers(J=J, do=o.grad)


def fine_tune_step(x, y, net, rates, decay, frozen):
    p = {name: leaf(value) for name, value in net.items()}
    h, statistics = fixed(x), {}
    for k in LAYERS:
        mean, var = (fixed(net[f"{name}{k}"]) for name in ("mean", "var"))
        a = F.linear(h, p[f"W{k}"])
        h = torch.relu(F.batch_norm(a, mean, var, p[f"gamma{k}"], p[f"beta{k}"], k not in frozen, MOMENTUM, EPS))
        statistics |= {f"mean{k}": mean, f"var{k}": var}
    base = [p[f"{name}{k}"] for k in LAYERS if k not in frozen for name in ("W", "gamma", "beta")]
    groups = [dict(params=parameters, lr=rate) for parameters, rate in zip((base, [p["V"], p["c"]]), rates, strict=True)]
    optimiser = torch.optim.SGD([group for group in groups if group["params"]], weight_decay=decay)
    J = F.cross_entropy(F.linear(h, p["V"], p["c"]), torch.tensor(y))
    J.backward()
    optimiser.step()
    return numbers(J=J, **{name: statistics.get(name, p[name]) for name in NET})


# The pipeline


def shuffled(n, buffer, u):
    waiting, coming, order = [], list(range(n)), []
    for draw in u:
        while coming and len(waiting) < buffer:
            waiting.append(coming.pop(0))
        place = int(draw * len(waiting))
        order.append(waiting[place])
        if coming:
            waiting[place] = coming.pop(0)
        else:
            waiting = waiting[:place] + waiting[place + 1 :]
    return dict(order=np.array(order))


def prepare(x, group, test_groups, order, u, p, batch):
    train = [image for image, g in zip(x, group, strict=True) if g not in test_groups]
    test = [image for image, g in zip(x, group, strict=True) if g in test_groups]
    mean = sum(train) / len(train)
    images = []
    for place, draw in zip(order, u, strict=True):
        image = train[place]
        images.append((np.array([row[::-1] for row in image]) if draw < p else image) - mean)
    sizes = [min(batch, len(images) - start) for start in range(0, len(images), batch)]
    return dict(images=np.array(images), sizes=np.array(sizes), test=np.array([image - mean for image in test]))


REFERENCES = {
    "batch_norm": batch_norm,
    "batch_norm_backward": batch_norm_backward,
    "group_norm_backward": group_norm_backward,
    "residual_block": residual_block,
    "residual_block_backward": residual_block_backward,
    "weighted_loss": weighted_loss,
    "fine_tune_step": fine_tune_step,
    "shuffled": shuffled,
    "prepare": prepare,
}
