"""The other way to read: cut a strip into pieces, and let a small net classify each. `segments` is yours, of exercise 1."""

import numpy as np
from captchas import LETTERS
from reader import Adam, log_softmax

PAPER = 0.3  # pixels with less ink count as paper; the noise of a clean strip stays below it
THRESHOLD = 0.3  # of a column's sum
SIDE = 20  # pixels; a piece that is wider is cut off


def inked(image):
    """The strip with what is fainter than PAPER taken away."""
    return np.where(image > PAPER, image, 0.0)


def pieces_of(image, segments):
    """The pieces of a strip, each in the middle of a square: (n, SIDE * SIDE)."""
    squares = []
    for left, right in segments(inked(image), THRESHOLD):
        if right - left < 2:
            continue  # a speck
        part = image[:, left : min(right, left + SIDE)]
        square, start = np.zeros((SIDE, SIDE)), (SIDE - part.shape[1]) // 2
        square[:, start : start + part.shape[1]] = part
        squares.append(square.ravel())
    return np.array(squares).reshape(-1, SIDE * SIDE)


def train(data, segments, seed, steps=1500, hidden=96):
    """A net with one hidden layer, trained on the pieces of those strips that fall into as many pieces as they have letters."""
    cut = [pieces_of(image, segments) for image in data.images]
    right = [n for n, part in enumerate(cut) if len(part) == data.lengths[n]]
    x = np.concatenate([cut[n] for n in right])
    y = np.concatenate([data.labels[n, : data.lengths[n]] for n in right]) - 1
    rng = np.random.RandomState(seed)
    p = {"W": rng.normal(size=(hidden, x.shape[1])) * np.sqrt(2 / x.shape[1]), "b": np.zeros(hidden)}
    p |= {"V": 0.1 * rng.normal(size=(len(LETTERS), hidden)), "c": np.zeros(len(LETTERS))}
    adam = Adam(p, 3e-3)
    for s in range(steps):
        part = rng.randint(len(x), size=64)
        h = np.maximum(x[part] @ p["W"].T + p["b"], 0)
        do = np.exp(log_softmax(h @ p["V"].T + p["c"]))
        do[np.arange(64), y[part]] -= 1
        do /= 64
        da = (do @ p["V"]) * (h > 0)
        adam.step(dict(dW=da.T @ x[part], db=da.sum(axis=0), dV=do.T @ h, dc=do.sum(axis=0)), 1 - s / steps)
    return p


def read(data, p, segments):
    """The label that is read from each strip, a list of arrays."""
    found = []
    for image in data.images:
        x = pieces_of(image, segments)
        found.append((np.maximum(x @ p["W"].T + p["b"], 0) @ p["V"].T + p["c"]).argmax(axis=1) + 1)
    return found


def counted(data, segments):
    """The share of strips that fall into as many pieces as they have letters."""
    return float(np.mean([len(pieces_of(image, segments)) == n for image, n in zip(data.images, data.lengths, strict=True)]))
