"""Dense ReLU nets with their way back, the losses and the optimiser that earlier units have written, for the training runs of this one."""

import numpy as np


def first_net(widths, seed):
    """Weights after He, biases 0: W1 (H1, D), b1, W2, b2, ..."""
    rng, p = np.random.RandomState(seed), {}
    for k, (d, h) in enumerate(zip(widths, widths[1:], strict=False), 1):
        p |= {f"W{k}": rng.normal(size=(h, d)) * np.sqrt(2 / d), f"b{k}": np.zeros(h)}
    return p


def layers(p):
    return sum(name.startswith("W") for name in p)


def forward(x, p):
    """What the net makes of the rows of x, without a ReLU behind the last layer, and what went into each layer."""
    kept = []
    for k in range(1, layers(p) + 1):
        kept.append(x)
        x = x @ p[f"W{k}"].T + p[f"b{k}"]
        if k < layers(p):
            x = np.maximum(x, 0)
    return x, kept


def backward(dout, kept, p):
    """The gradients of the net's parameters, and that of what went in."""
    grads = {}
    for k in range(layers(p), 0, -1):
        grads |= {f"W{k}": dout.T @ kept[k - 1], f"b{k}": dout.sum(axis=0)}
        dout = dout @ p[f"W{k}"]
        if k > 1:
            dout = dout * (kept[k - 1] > 0)
    return grads, dout


def unit(Z):
    """The rows of Z (N, E), each divided by its length: U (N, E), and the lengths (N,)."""
    n = np.maximum(np.sqrt((Z**2).sum(axis=1)), 1e-12)
    return Z / n[:, None], n


def cross_entropy(o, y):
    """Softmax cross-entropy of logits (N, K), the mean over the rows, and its gradient at the logits."""
    e = o - o.max(axis=1, keepdims=True)
    logp = e - np.log(np.exp(e).sum(axis=1, keepdims=True))
    d = np.exp(logp)
    d[np.arange(len(y)), y] -= 1
    return -logp[np.arange(len(y)), y].mean(), d / len(y)


class Adam:
    """The optimiser of unit 05, for a dict of parameters, in place; the rate falls to 0 over the steps."""

    def __init__(self, p, rate, steps):
        self.p, self.rate, self.steps, self.t = p, rate, steps, 0
        self.m, self.v = ({name: np.zeros(np.shape(value)) for name, value in p.items()} for _ in range(2))

    def step(self, grads):
        rate, self.t = self.rate * (1 - self.t / self.steps), self.t + 1
        for name, g in grads.items():
            self.m[name] = 0.9 * self.m[name] + 0.1 * g
            self.v[name] = 0.99 * self.v[name] + 0.01 * g * g
            up = self.m[name] / (1 - 0.9**self.t)
            self.p[name] = self.p[name] - rate * up / (np.sqrt(self.v[name] / (1 - 0.99**self.t)) + 1e-8)
