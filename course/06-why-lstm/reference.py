"""Unit 06: the right answers to the problems of checks.py, most of them torch's. No grading process that runs your code has them."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, one_hot
from torch.nn.functional import cross_entropy as torch_cross_entropy

from byhand.in_torch import leaves, numbers


def in_torch(values, **gradients):
    """Values and gradients of leaves, as arrays; the gradient of `W` is called `dW`."""
    return numbers(**values, **{f"d{name}": leaf.grad for name, leaf in gradients.items()})


def descend(x, y, w, b):
    """One step of gradient descent, rate 1, on the perceptron's loss max(0, -y a); at a = 0 the slope of a mistake counts."""
    w, b = leaves(w, b)
    a = torch.dot(w, torch.tensor(x, dtype=torch.float64)) + b
    wrong = bool(y * a <= 0)
    if wrong:
        (-float(y) * a).backward()
        with torch.no_grad():
            torch.optim.SGD([w, b], lr=1.0).step()
    return w, b, wrong


def step(x, y, w, b):
    pairs = [descend(*case)[:2] for case in zip(x, y, w, b, strict=True)]
    return numbers(w=torch.stack([w for w, _ in pairs]), b=torch.stack([b for _, b in pairs]))


def perceptron(X, y, max_epochs):
    w, b = leaves(np.zeros(X.shape[1]), 0.0)
    counts = []
    while len(counts) < max_epochs and (not counts or counts[-1]):
        counts.append(0)
        for x_n, y_n in zip(X, y, strict=True):
            w, b, wrong = descend(x_n, y_n, w.detach().numpy(), b.detach().numpy())
            counts[-1] += wrong
    return dict(**numbers(w=w, b=b), mistakes=np.array(counts))


def deep(x, y, W, b, V, c):
    x, W, b, V, c = leaves(x, W, b, V, c)
    h = x
    for weight, bias in zip(W, b, strict=True):
        h = torch.sigmoid(torch.nn.functional.linear(h, weight, bias))
    J = torch_cross_entropy(torch.nn.functional.linear(h, V, c), torch.tensor(y))
    J.backward()
    return in_torch(dict(J=J, norms=torch.linalg.matrix_norm(W.grad)), W=W, b=b, V=V, c=c)


def encode_decode(x, W, b, V, c):
    """The loss of an autoencoder, in torch."""
    h = torch.sigmoid(torch.nn.functional.linear(x, W, b))
    o = torch.nn.functional.linear(h, V, c)
    return binary_cross_entropy_with_logits(o, x, reduction="sum") / len(x)


def autoencoder(x, W, b, V, c):
    x = torch.tensor(x)
    W, b, V, c = leaves(W, b, V, c)
    J = encode_decode(x, W, b, V, c)
    J.backward()
    return in_torch(dict(J=J), W=W, b=b, V=V, c=c)


def pretrain(x, W, b, V, c, batches, rate):
    h, encoders, losses = torch.tensor(x), [], []
    for first in zip(W, b, V, c, strict=True):
        layer = leaves(*first)
        optimiser = torch.optim.SGD(layer, lr=rate)
        for batch in batches:
            optimiser.zero_grad()
            J = encode_decode(h[torch.tensor(batch)], *layer)
            J.backward()
            optimiser.step()
            losses.append(J)
        h = torch.sigmoid(torch.nn.functional.linear(h, *layer[:2])).detach()
        encoders.append(layer[:2])
    return numbers(
        W=torch.stack([e[0] for e in encoders]),
        b=torch.stack([e[1] for e in encoders]),
        J=torch.stack(losses).reshape(len(W), len(batches)),
    )


def adding(values, first, second):
    T, N = values.shape
    places = [[f, [t for t in range(T) if t != f][s]] for f, s in zip(first, second, strict=True)]
    markers = one_hot(torch.tensor(places), T).sum(dim=1).double().T
    values = torch.tensor(values)
    y = 0.5 + torch.einsum("tn,tn->n", values, markers) / 4
    return numbers(x=torch.stack([values, markers], dim=2), y=y)


def rnn_last(x, y, U, W, V, b, c):
    x, y = torch.tensor(x), torch.tensor(y)
    U, W, V, b, c = leaves(U, W, V, b, c)
    states = [torch.zeros(len(y), len(W), dtype=torch.float64)]
    for x_t in x:
        states.append(torch.tanh(b + states[-1] @ W.T + x_t @ U.T))
        states[-1].retain_grad()
    y_hat = torch.nn.functional.linear(states[-1], V, c)[:, 0]
    J = mse_loss(y_hat, y)
    J.backward()
    norms = torch.stack([torch.linalg.norm(state.grad) for state in states[1:]])
    return in_torch(dict(J=J, y_hat=y_hat, norms=norms), U=U, W=W, V=V, b=b, c=c)


def carousel(x, y, f, v, c):
    x, y = torch.tensor(x), torch.tensor(y)
    f, v, c = leaves(f, v, c)
    states = [torch.zeros_like(y)]
    for value, marker in zip(x[..., 0], x[..., 1], strict=True):
        states.append(f * states[-1] + marker * value)
        states[-1].retain_grad()
    y_hat = v * states[-1] + c
    J = mse_loss(y_hat, y)
    J.backward()
    ds = torch.stack([state.grad for state in states[1:]])
    return in_torch(dict(J=J, y_hat=y_hat, ds=ds), f=f, v=v, c=c)


REFERENCES = {
    "perceptron_step": step,
    "perceptron": perceptron,
    "deep_gradients": deep,
    "autoencoder": autoencoder,
    "pretrain": pretrain,
    "adding_problem": adding,
    "rnn_last": rnn_last,
    "carousel": carousel,
}
