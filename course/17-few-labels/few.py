"""Digits of which few are labelled: views of them, and training with what you have written.

`mine` is a dict, or the notebook's `globals()`, with `joint_loss`, `nt_xent`, `unit_backward` and `pseudo_loss` of the exercises.
"""

import numpy as np
from nets import Adam, backward, cross_entropy, forward, unit

from byhand.datasets import handwritten_digits

SIDE, HIDDEN, PROJECTED = 8, 128, 32
STEPS, RATE, BATCH, TAU = 600, 3e-3, 128, 0.5


def digits():
    """1,297 grey digits to learn from and 500 to test, rows of 64 numbers from 0 to 1, and which digits they are."""
    images, labels = handwritten_digits()
    order = np.random.RandomState(0).permutation(len(images))
    images, labels = images[order].reshape(-1, SIDE**2) / 16, labels[order]
    return images[:1297], labels[:1297], images[1297:], labels[1297:]


def labelled(y, each, seed):
    """The places of `each` images of each class, drawn at random."""
    rng = np.random.RandomState(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == k))[:each] for k in range(10)])


def views(x, rng):
    """A random view of each image: turned by up to 15 degrees, larger or smaller by up to 12 %, shifted by up to .9 pixel, noisy,
    with a square of 2 by 2 pixels erased."""
    n = len(x)

    def each(size):
        return rng.uniform(-size, size, size=(n, 1, 1))

    r, c = (axis[None] - 3.5 for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"))
    turn, size = each(np.pi / 12), 1 + each(0.12)
    rows = (np.cos(turn) * r - np.sin(turn) * c) / size + 3.5 + each(0.9)
    columns = (np.sin(turn) * r + np.cos(turn) * c) / size + 3.5 + each(0.9)
    # Bilinear, with a border of zeros all around.
    padded = np.pad(x.reshape(n, SIDE, SIDE), ((0, 0), (2, 2), (2, 2)))
    rows, columns = (np.clip(axis + 2, 0, SIDE + 2.999) for axis in (rows, columns))
    r0, c0 = rows.astype(int), columns.astype(int)
    fr, fc, i = rows - r0, columns - c0, np.arange(n)[:, None, None]
    seen = (1 - fr) * ((1 - fc) * padded[i, r0, c0] + fc * padded[i, r0, c0 + 1])
    seen += fr * ((1 - fc) * padded[i, r0 + 1, c0] + fc * padded[i, r0 + 1, c0 + 1])
    top, left = rng.randint(0, SIDE - 1, size=(2, n, 1, 1))
    hole = (np.abs(r + 3.5 - top - 0.5) < 1) & (np.abs(c + 3.5 - left - 0.5) < 1)
    seen = np.where(hole, 0, seen) + 0.05 * rng.normal(size=seen.shape)
    return np.clip(seen, 0, 1).reshape(n, -1)


def first(seed):
    """The net of `joint_loss`: encoder W, b, classifier V, c, projection P."""
    rng = np.random.RandomState(seed)
    return {
        "W": rng.normal(size=(HIDDEN, SIDE**2)) * np.sqrt(2 / SIDE**2), "b": np.zeros(HIDDEN),
        "V": 0.01 * rng.normal(size=(10, HIDDEN)), "c": np.zeros(10),
        "P": rng.normal(size=(PROJECTED, HIDDEN)) / np.sqrt(HIDDEN),
    }  # fmt: skip


def features(x, p):
    return np.maximum(x @ p["W"].T + p["b"], 0)


def predict(x, p):
    return (features(x, p) @ p["V"].T + p["c"]).argmax(axis=1)


def supervised(x, y, seed, augmented=False, steps=STEPS, bar=iter):
    """Only the labelled images, as they are or in views."""
    rng, p = np.random.RandomState(seed + 100), first(seed)
    p = {"W1": p["W"], "b1": p["b"], "W2": p["V"], "b2": p["c"]}
    adam = Adam(p, RATE, steps)
    for _ in bar(range(steps)):
        part = rng.randint(len(x), size=min(BATCH, 10 * len(x)))
        o, kept = forward(views(x[part], rng) if augmented else x[part], p)
        adam.step(backward(cross_entropy(o, y[part])[1], kept, p)[0])
    return {"W": p["W1"], "b": p["b1"], "V": p["W2"], "c": p["b2"]}


def contrastive(mine, x, seed, steps=STEPS, bar=iter):
    """No labels at all: two views of each image, and `nt_xent`. Returns the net, and the loss of each step."""
    rng, p, losses = np.random.RandomState(seed + 200), first(seed), []
    adam = Adam(p, RATE, steps)
    for _ in bar(range(steps)):
        part = rng.randint(len(x), size=BATCH)
        seen = np.concatenate([views(x[part], rng), views(x[part], rng)])
        h = features(seen, p)
        U, n = unit(h @ p["P"].T)
        J, dU = mine["nt_xent"](U, TAU)
        dZ = mine["unit_backward"](dU, U, n)
        da = dZ @ p["P"] * (h > 0)
        adam.step({"P": dZ.T @ h, "W": da.T @ seen, "b": da.sum(axis=0)})
        losses.append(float(J))
    return p, losses


def joint(mine, x, y, unlabelled, seed, lam=1.0, steps=STEPS, bar=iter):
    """`joint_loss`: views of the labelled images, and two views of images without labels."""
    rng, p = np.random.RandomState(seed + 300), first(seed)
    adam = Adam(p, RATE, steps)
    for _ in bar(range(steps)):
        few, many = rng.randint(len(x), size=64), rng.randint(len(unlabelled), size=BATCH)
        pairs = np.concatenate([views(unlabelled[many], rng), views(unlabelled[many], rng)])
        found = mine["joint_loss"](views(x[few], rng), y[few], pairs, p, TAU, lam)
        adam.step({name: found["d" + name] for name in p})
    return p


def pseudo(mine, x, y, unlabelled, seed, threshold=0.95, steps=STEPS, bar=iter):
    """`pseudo_loss`: the net's own answers to images without labels, where it is sure, are labels for views of them."""
    rng, p = np.random.RandomState(seed + 400), first(seed)
    p = {"W1": p["W"], "b1": p["b"], "W2": p["V"], "b2": p["c"]}
    adam = Adam(p, RATE, steps)
    for _ in bar(range(steps)):
        few, many = rng.randint(len(x), size=64), rng.randint(len(unlabelled), size=BATCH)
        weak, _ = forward(unlabelled[many], p)
        o, kept = forward(np.concatenate([views(x[few], rng), views(unlabelled[many], rng)]), p)
        _, do = cross_entropy(o[:64], y[few])
        _, dstrong = mine["pseudo_loss"](weak, o[64:], threshold)
        adam.step(backward(np.concatenate([do, dstrong]), kept, p)[0])
    return {"W": p["W1"], "b": p["b1"], "V": p["W2"], "c": p["b2"]}
