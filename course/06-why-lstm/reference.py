"""Unit 06: the right answers to the problems of checks.py, most of them torch's. No grading process that runs your code has them."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, one_hot
from torch.nn.functional import cross_entropy as torch_cross_entropy


def tensors(*arrays):
    return [torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True) for a in arrays]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def in_torch(values, **gradients):
    """Values and gradients of leaves, as arrays; the gradient of `W` is called `dW`."""
    return numbers(**values, **{f"d{name}": leaf.grad for name, leaf in gradients.items()})


def descend(x, y, w, b):
    """One step of gradient descent, rate 1, on the perceptron's loss max(0, -y a); at a = 0 the slope of a mistake counts."""
    w, b = tensors(w, b)
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
    w, b = tensors(np.zeros(X.shape[1]), 0.0)
    counts = []
    while len(counts) < max_epochs and (not counts or counts[-1]):
        counts.append(0)
        for x_n, y_n in zip(X, y, strict=True):
            w, b, wrong = descend(x_n, y_n, w.detach().numpy(), b.detach().numpy())
            counts[-1] += wrong
    return dict(**numbers(w=w, b=b), mistakes=np.array(counts))


def deep(x, y, W, b, V, c):
    x, W, b, V, c = tensors(x, W, b, V, c)
    h = x
    for weight, bias in zip(W, b, strict=True):
        h = torch.sigmoid(torch.nn.functional.linear(h, weight, bias))
    J = torch_cross_entropy(torch.nn.functional.linear(h, V, c), torch.tensor(y))
    J.backward()
    return in_torch(dict(J=J, norms=torch.linalg.matrix_norm(W.grad)), W=W, b=b, V=V, c=c)


def init(z):
    """torch draws standard normal numbers and weights from the same generator; their ratio is the size it gives to weights."""

    def drawn(fill, **kind):
        return fill(torch.empty(z.shape, dtype=torch.float64), generator=torch.Generator().manual_seed(0), **kind)

    plain = drawn(torch.nn.init.normal_)
    glorot = drawn(torch.nn.init.xavier_normal_)
    he = drawn(torch.nn.init.kaiming_normal_, nonlinearity="relu")
    return dict(glorot=z * (glorot / plain).mean().item(), he=z * (he / plain).mean().item())


def encode_decode(x, W, b, V, c):
    """The loss of an autoencoder, in torch."""
    h = torch.sigmoid(torch.nn.functional.linear(x, W, b))
    o = torch.nn.functional.linear(h, V, c)
    return binary_cross_entropy_with_logits(o, x, reduction="sum") / len(x)


def autoencoder(x, W, b, V, c):
    x = torch.tensor(x)
    W, b, V, c = tensors(W, b, V, c)
    J = encode_decode(x, W, b, V, c)
    J.backward()
    return in_torch(dict(J=J), W=W, b=b, V=V, c=c)


def pretrain(x, W, b, V, c, batches, rate):
    h, encoders, losses = torch.tensor(x), [], []
    for first in zip(W, b, V, c, strict=True):
        layer = tensors(*first)
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
    H, D = U.shape
    rnn = torch.nn.RNN(D, H, dtype=torch.float64)
    linear = torch.nn.Linear(H, 1, dtype=torch.float64)
    values = {"weight_ih_l0": U, "weight_hh_l0": W, "bias_ih_l0": b, "bias_hh_l0": np.zeros(H)}
    rnn.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    linear.load_state_dict({"weight": torch.tensor(V), "bias": torch.tensor(c)})
    states, _ = rnn(torch.tensor(x))
    y_hat = linear(states[-1])[:, 0]
    J = mse_loss(y_hat, torch.tensor(y))
    J.backward()
    where = dict(U=rnn.weight_ih_l0, W=rnn.weight_hh_l0, V=linear.weight, b=rnn.bias_ih_l0, c=linear.bias)
    return in_torch(dict(J=J, y_hat=y_hat), **where)


REFERENCES = {
    "perceptron_step": step,
    "perceptron": perceptron,
    "deep_gradients": deep,
    "init_weights": init,
    "autoencoder": autoencoder,
    "pretrain": pretrain,
    "adding_problem": adding,
    "rnn_last": rnn_last,
}
