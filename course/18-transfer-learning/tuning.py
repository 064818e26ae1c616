"""Pretraining, fine-tuning and measuring, around a step of fine-tuning that is yours: `fine_tune_step` of exercise 7."""

import numpy as np

EPS = 1e-5


def first_net(widths, classes, seed):
    """An untrained net of three layers with batch norm, widths (D, H1, H2, H3), and its head."""
    rng, net = np.random.RandomState(seed), {}
    for k, (d, h) in enumerate(zip(widths, widths[1:], strict=False), 1):
        net[f"W{k}"] = rng.normal(size=(h, d)) * np.sqrt(2 / d)
        net |= {f"gamma{k}": np.ones(h), f"beta{k}": np.zeros(h), f"mean{k}": np.zeros(h), f"var{k}": np.ones(h)}
    return with_new_head(net, classes, seed)


def with_new_head(net, classes, seed):
    """The same base with a head for other classes, which knows nothing yet."""
    width = len(net["gamma3"])
    return {**net, "V": 0.01 * np.random.RandomState(seed + 1000).normal(size=(classes, width)), "c": np.zeros(classes)}


def features(x, net):
    """What the base makes of images, (N, H3), in eval mode."""
    h = x
    for k in (1, 2, 3):
        a = h @ net[f"W{k}"].T
        h = np.maximum(net[f"gamma{k}"] * (a - net[f"mean{k}"]) / np.sqrt(net[f"var{k}"] + EPS) + net[f"beta{k}"], 0)
    return h


def accuracy(x, y, net):
    return float(((features(x, net) @ net["V"].T + net["c"]).argmax(axis=1) == y).mean())


def train(step, x, y, net, rates, steps, frozen=(), seed=0, batch=64, decay=0.0, bar=iter):
    """`steps` steps with batches drawn at random, the rates falling to 0. Returns the net; the one that came in stays as it is.

    step  fine_tune_step(x, y, net, rates, decay, frozen)
    bar   what goes around the steps, for example tqdm
    """
    rng, net = np.random.RandomState(seed), dict(net)
    for s in bar(range(steps)):
        part = rng.randint(len(x), size=batch) if len(x) > batch else np.arange(len(x))
        falling = [rate * (1 - s / steps) for rate in rates]
        net = step(x[part], y[part], net, falling, decay, frozen)
        net.pop("J")
    return net
