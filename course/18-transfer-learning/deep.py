"""Deep dense networks for handwritten digits, plain and residual, with and without batch norm, trained by hand-written gradients.

Between a first layer (64 to 32) and a last one (32 to 10) lie `depth` layers with a weight matrix of 32 by 32.
Plain: h ← relu(W h + b). Residual, two matrices at a time: h ← h + W₂ relu(W₁ h + b₁) + b₂. Batch norm, where there is one,
stands behind every product.
"""

import numpy as np

from byhand.datasets import handwritten_digits

WIDTH, BATCH, EPOCHS, RATE = 32, 64, 30, 1e-3


def digits():
    """scikit-learn's 1,797 digits in grey, from 0 to 1, as rows of 64: 1,297 to learn from and 500 to test; images, then labels."""
    images, labels = handwritten_digits()
    order = np.random.RandomState(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    return images[:1297], labels[:1297], images[1297:], labels[1297:]


def initial(depth, residual, normed, seed):
    """He's initialisation. In a residual net the second matrix of each block is smaller, so that the sum does not grow with the depth."""
    rng = np.random.RandomState(seed)
    p = {"W0": rng.normal(size=(WIDTH, 64)) * np.sqrt(2 / 64), "b0": np.zeros(WIDTH)}
    for k in range(1, depth + 1):
        small = np.sqrt(2 / depth) if residual and k % 2 == 0 else 1.0
        p[f"W{k}"], p[f"b{k}"] = small * rng.normal(size=(WIDTH, WIDTH)) * np.sqrt(2 / WIDTH), np.zeros(WIDTH)
        if normed:
            p[f"gamma{k}"] = np.ones(WIDTH)
    p["V"], p["c"] = rng.normal(size=(10, WIDTH)) * np.sqrt(1 / WIDTH), np.zeros(10)
    return p


def statistics(depth):
    return {k: (np.zeros(WIDTH), np.ones(WIDTH)) for k in range(1, depth + 1)}


def forward(x, p, run, depth, residual, norm, train):
    """The logits, and what the way back needs. With batch norm, b is its shift; `run` is brought up to date in training."""
    kept, h, start = {}, np.maximum(x @ p["W0"].T + p["b0"], 0), None
    kept[0] = (x, h)
    for k in range(1, depth + 1):
        if residual and k % 2 == 1:
            start = h
        a = h @ p[f"W{k}"].T
        if norm:
            u, mean, var, xhat, r = norm[0](a[:, :, None, None], p[f"gamma{k}"], p[f"b{k}"], *run[k], train)
            u, saved = u[:, :, 0, 0], (xhat, r)
            if train:
                run[k] = mean, var
        else:
            u, saved = a + p[f"b{k}"], None
        kept[k] = (h, u, saved)
        h = start + u if residual and k % 2 == 0 else np.maximum(u, 0)
    return h @ p["V"].T + p["c"], kept | {"top": h}


def backward(do, kept, p, depth, residual, norm, train=True):
    """The gradients, and the norm of the gradient at what goes into each layer, from the first to the last."""
    grads, dh, around, norms = {"V": do.T @ kept["top"], "c": do.sum(axis=0)}, do @ p["V"], None, []
    for k in range(depth, 0, -1):
        norms.append(float(np.linalg.norm(dh)))
        h, u, saved = kept[k]
        if residual and k % 2 == 0:
            around, du = dh, dh
        else:
            du = dh * (u > 0)
        if norm:
            da, grads[f"gamma{k}"], grads[f"b{k}"] = norm[1](du[:, :, None, None], p[f"gamma{k}"], *saved, train)
            da = da[:, :, 0, 0]
        else:
            da, grads[f"b{k}"] = du, du.sum(axis=0)
        grads[f"W{k}"], dh = da.T @ h, da @ p[f"W{k}"]
        if residual and k % 2 == 1:
            dh = dh + around
    norms.append(float(np.linalg.norm(dh)))
    x, h = kept[0]
    da = dh * (h > 0)
    grads["W0"], grads["b0"] = da.T @ x, da.sum(axis=0)
    return grads, norms[::-1]


def cross_entropy(o, y):
    """The mean over the batch, and its gradient at the logits."""
    shifted = o - o.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    do = np.exp(log_p)
    do[np.arange(len(y)), y] -= 1
    return -log_p[np.arange(len(y)), y].mean(), do / len(y)


def train(depth, residual, norm=None, seed=0, epochs=EPOCHS, bar=iter):
    """Train with Adam, the rate falling to 0.

    norm  None, or the pair (batch_norm, batch_norm_backward) of the exercises
    bar   what goes around the epochs, for example tqdm

    Returns a dict: `loss`, the training loss after each epoch; `train` and `test`, accuracies at the end; `gradient`, before
    training, the norm of the gradient at what goes into each layer and into the last.
    """
    x, y, x_test, y_test = digits()
    p, run, rng = initial(depth, residual, bool(norm), seed), statistics(depth), np.random.RandomState(seed + 100)
    m, v = ({name: np.zeros_like(value) for name, value in p.items()} for _ in range(2))
    found, steps, step = {"loss": []}, epochs * (len(x) // BATCH), 0

    def judged(images, labels):
        o, _ = forward(images, p, run, depth, residual, norm, train=False)
        return float(cross_entropy(o, labels)[0]), float((o.argmax(axis=1) == labels).mean())

    for _ in bar(range(epochs)):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            o, kept = forward(x[batch], p, run, depth, residual, norm, train=True)
            _, do = cross_entropy(o, y[batch])
            grads, norms = backward(do, kept, p, depth, residual, norm)
            found.setdefault("gradient", norms)
            step += 1
            for name, g in grads.items():
                m[name] += 0.1 * (g - m[name])
                v[name] += 0.01 * (g * g - v[name])
                rate = RATE * (1 - (step - 1) / steps)
                p[name] = p[name] - rate * (m[name] / (1 - 0.9**step)) / (np.sqrt(v[name] / (1 - 0.99**step)) + 1e-8)
        found["loss"].append(judged(x, y)[0])
    found["train"], found["test"] = judged(x, y)[1], judged(x_test, y_test)[1]
    return found
