"""A network that says a letter or a blank for every second column of a strip: forward, first weights, and Adam.

Windows of 9 columns, one every second column, go through a dense layer; five neighbouring windows together go through another.
Time comes first: one step for each window.
"""

import numpy as np

STRIDE = 2  # columns from one window to the next
MEAN, SPREAD = 0.14, 0.25  # of the pixels of clean strips


def ready(images):
    """Strips as the network takes them: with mean 0 and a variance of 1, more or less."""
    return (images - MEAN) / SPREAD


def first_weights(seed, height=20, width=9, hidden=64, context=5, wide=96, K=21):
    """W1 (hidden, height * width), W2 (wide, context * hidden), W3 (K, wide), and b1, b2, b3: He's initialisation."""
    rng = np.random.RandomState(seed)
    sizes = [(hidden, height * width), (wide, context * hidden), (K, wide)]
    p = {f"W{k}": rng.normal(size=s) * np.sqrt(2 / s[1]) for k, s in enumerate(sizes, 1)}
    return p | {f"b{k}": np.zeros(s[0]) for k, s in enumerate(sizes, 1)}


def windows_of(x, width):
    """x (N, H, W) -> (T, N, H * width): a window around each second column, with zeros beyond the edges."""
    half = width // 2
    padded = np.pad(x, ((0, 0), (0, 0), (half, half)))
    cut = np.lib.stride_tricks.sliding_window_view(padded, width, axis=2)[:, :, ::STRIDE]
    return np.moveaxis(cut, 2, 0).reshape(cut.shape[2], len(x), -1)


def side_by_side(h, context):
    """h (T, N, hidden) -> (T, N, context * hidden): each step with its neighbours, from the left one to the right one."""
    half = context // 2
    padded = np.pad(h, ((half, half), (0, 0), (0, 0)))
    return np.concatenate([padded[j : j + len(h)] for j in range(context)], axis=2)


def forward(x, p):
    """Logits (T, N, K), and what a backward pass needs: windows, h1, wide1 (h1 with its neighbours), h2."""
    windows = windows_of(x, p["W1"].shape[1] // x.shape[1])
    h1 = np.maximum(windows @ p["W1"].T + p["b1"], 0)
    wide1 = side_by_side(h1, p["W2"].shape[1] // h1.shape[2])
    h2 = np.maximum(wide1 @ p["W2"].T + p["b2"], 0)
    return h2 @ p["W3"].T + p["b3"], dict(windows=windows, h1=h1, wide1=wide1, h2=h2)


def log_softmax(o):
    o = o - o.max(axis=-1, keepdims=True)
    return o - np.log(np.exp(o).sum(axis=-1, keepdims=True))


class Adam:
    """Adam (unit 05) for a dict of parameters, in place, with clipping of the whole gradient's norm (unit 09)."""

    def __init__(self, p, rate, clip=5.0, beta1=0.9, beta2=0.99):
        self.p, self.rate, self.clip, self.beta1, self.beta2, self.t = p, rate, clip, beta1, beta2, 0
        self.m = {name: np.zeros_like(v) for name, v in p.items()}
        self.v = {name: np.zeros_like(v) for name, v in p.items()}

    def step(self, grads, factor=1.0):
        """`factor` multiplies the rate, to let it fall."""
        self.t += 1
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        shrink = min(1.0, self.clip / (norm + 1e-12))
        for name, value in self.p.items():
            g = grads["d" + name] * shrink
            self.m[name] += (1 - self.beta1) * (g - self.m[name])
            self.v[name] += (1 - self.beta2) * (g**2 - self.v[name])
            m, v = self.m[name] / (1 - self.beta1**self.t), self.v[name] / (1 - self.beta2**self.t)
            value -= self.rate * factor * m / (np.sqrt(v) + 1e-8)


def train(p, data, loss, backward, steps, seed=0, rate=4e-3, batch=32, bar=iter, prepare=ready):
    """Train p in place on strips, with your loss and your backward pass; returns the mean loss of each step's batch.

    loss      ctc_loss(logits, labels, lengths) -> J, dlogits
    backward  reader_backward(dlogits, kept, p, H, W) -> dict with dx and the gradients
    bar       what goes around the steps, for example tqdm
    prepare   what is done to the images first
    """
    images = prepare(data.images)
    rng, adam, losses = np.random.RandomState(seed), Adam(p, rate), []
    for s in bar(range(steps)):
        part = rng.randint(len(images), size=batch)
        logits, kept = forward(images[part], p)
        J, d = loss(logits, data.labels[part], data.lengths[part])
        grads = backward(d / batch, kept, p, *images.shape[1:])
        grads.pop("dx")
        adam.step(grads, 1 - 0.9 * s / steps)
        losses.append(J / batch)
    return losses


def greedy(logits):
    """The best path of each strip, collapsed (unit 04): a list of labels. logits (T, N, K), blank 0."""
    path = logits.argmax(axis=2).T
    new = np.pad(path[:, 1:] != path[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    return [row[keep] for row, keep in zip(path, new & (path > 0), strict=True)]


def edit_distance(a, b):
    """The smallest number of letters to put in, take out or exchange that makes a of b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


def score(found, data):
    """The share of strips that are read right as a whole, and of letters: 1 - edit distance / length, 0 at least."""
    truth = [list(row[:length]) for row, length in zip(data.labels, data.lengths, strict=True)]
    found = [list(label) for label in found]
    whole = np.mean([a == b for a, b in zip(found, truth, strict=True)])
    letters = np.mean([max(0.0, 1 - edit_distance(a, b) / len(b)) for a, b in zip(found, truth, strict=True)])
    return float(whole), float(letters)
