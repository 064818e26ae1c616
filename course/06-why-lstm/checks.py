"""Unit 06: the problems that the exercises are checked on, and torch's answers to them.

The perceptron is compared with gradient descent on its loss max(0, -y a), networks with what torch's autograd gives for them, initial
weights with `torch.nn.init`. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, one_hot
from torch.nn.functional import cross_entropy as torch_cross_entropy

from byhand.checking import Exercise


def tensors(*arrays):
    return [torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True) for a in arrays]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def in_torch(values, **gradients):
    """Values and gradients of leaves, as arrays; the gradient of `W` is called `dW`."""
    return numbers(**values, **{f"d{name}": leaf.grad for name, leaf in gradients.items()})


# perceptron_step ---------------------------------------------------------------------------------


def make_step(rng, cases, D):
    """Cases on the line, on the wrong side and on the right side, of both labels."""
    x, w, b = rng.normal(size=(cases, D)), rng.normal(size=(cases, D)), 2 * rng.normal(size=cases)
    y = np.where(np.arange(cases) % 2 == 0, 1, -1)
    w[:2], b[:2] = 0, 0
    for n in range(2, cases):
        side = np.sign(x[n] @ w[n] + b[n])
        y[n] = side if n % 3 == 2 else -side
    return dict(x=x, y=y, w=w, b=b)


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


def call_step(answer, x, y, w, b):
    """The answer on one case after the other."""
    returned = [answer(x[n], int(y[n]), w[n], float(b[n])) for n in range(len(x))]
    for one in returned:
        if not isinstance(one, (tuple, list)) or len(one) != 2:
            return one
    return np.array([w for w, _ in returned]), np.array([b for _, b in returned], dtype=float)


# perceptron --------------------------------------------------------------------------------------


def make_perceptron(rng, N, D, max_epochs, noise=0.0, xor=False):
    if xor:
        return dict(X=np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), y=np.array([-1, 1, 1, -1]), max_epochs=max_epochs)
    w = rng.normal(size=D) + 0.5
    X = rng.normal(size=(N, D))
    a = X @ w + 0.8
    X += 0.1 * np.sign(a)[:, None] * w / np.sum(w * w)  # a margin, so that a few epochs are enough
    y = np.where(a > 0, 1, -1)
    return dict(X=X, y=np.where(rng.uniform(size=N) < noise, -y, y), max_epochs=max_epochs)


def perceptron(X, y, max_epochs):
    w, b = tensors(np.zeros(X.shape[1]), 0.0)
    counts = []
    while len(counts) < max_epochs and (not counts or counts[-1]):
        counts.append(0)
        for x_n, y_n in zip(X, y, strict=True):
            w, b, wrong = descend(x_n, y_n, w.detach().numpy(), b.detach().numpy())
            counts[-1] += wrong
    return dict(**numbers(w=w, b=b), mistakes=np.array(counts))


# deep_gradients ----------------------------------------------------------------------------------


def make_deep(rng, L, N, H, O, scale=1.0, shift=0.0):
    c = rng.normal(size=O) + shift
    c[0] += 1000.0  # exp(1000) overflows; the softmax of such scores does not
    c[-1] += 1000.0
    return dict(
        x=rng.uniform(size=(N, H)),
        y=rng.randint(O, size=N) if O < 3 else rng.choice([0, O - 1], size=N),
        W=2 * scale * rng.normal(size=(L, H, H)) / np.sqrt(H),
        b=scale * rng.normal(size=(L, H)),
        V=scale * rng.normal(size=(O, H)),
        c=c,
    )


def deep(x, y, W, b, V, c):
    x, W, b, V, c = tensors(x, W, b, V, c)
    h = x
    for weight, bias in zip(W, b, strict=True):
        h = torch.sigmoid(torch.nn.functional.linear(h, weight, bias))
    J = torch_cross_entropy(torch.nn.functional.linear(h, V, c), torch.tensor(y))
    J.backward()
    return in_torch(dict(J=J, norms=torch.linalg.matrix_norm(W.grad)), W=W, b=b, V=V, c=c)


# init_weights ------------------------------------------------------------------------------------


def make_init(rng, n_out, n_in):
    return dict(z=rng.normal(size=(n_out, n_in)))


def init(z):
    """torch draws standard normal numbers and weights from the same generator; their ratio is the size it gives to weights."""

    def drawn(fill, **kind):
        return fill(torch.empty(z.shape, dtype=torch.float64), generator=torch.Generator().manual_seed(0), **kind)

    plain = drawn(torch.nn.init.normal_)
    glorot = drawn(torch.nn.init.xavier_normal_)
    he = drawn(torch.nn.init.kaiming_normal_, nonlinearity="relu")
    return dict(glorot=z * (glorot / plain).mean().item(), he=z * (he / plain).mean().item())


def call_init(answer, z):
    return answer(z, "glorot"), answer(z, "he")


# autoencoder -------------------------------------------------------------------------------------


def make_autoencoder(rng, N, D, H, scale=1.0):
    c = scale * rng.normal(size=D)
    c[0] += 900.0  # exp(900) overflows, and sigmoid(900) is 1 to the last digit; the loss is harmless
    return dict(
        x=rng.uniform(size=(N, D)),
        W=scale * rng.normal(size=(H, D)),
        b=scale * rng.normal(size=H),
        V=scale * rng.normal(size=(D, H)),
        c=c,
    )


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


# pretrain ----------------------------------------------------------------------------------------


def make_pretrain(rng, M, L, H, K, N, rate=0.5):
    shape = (L, H, H)
    return dict(
        x=rng.uniform(size=(M, H)),
        W=rng.normal(size=shape) / np.sqrt(H),
        b=0.1 * rng.normal(size=(L, H)),
        V=rng.normal(size=shape) / np.sqrt(H),
        c=0.1 * rng.normal(size=(L, H)),
        batches=rng.randint(M, size=(K, N)),
        rate=rate,
    )


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


# adding_problem ----------------------------------------------------------------------------------


def make_adding(rng, T, N):
    first, second = rng.randint(min(10, T), size=N), rng.randint(max(1, T // 2 - 1), size=N)
    if N > 2:
        first[:3] = 3  # the second mark just before, at, and just after the first one
        second[:3] = (2, 3, 4)
    return dict(values=rng.uniform(-1, 1, size=(T, N)), first=first, second=second)


def adding(values, first, second):
    T, N = values.shape
    places = [[f, [t for t in range(T) if t != f][s]] for f, s in zip(first, second, strict=True)]
    markers = one_hot(torch.tensor(places), T).sum(dim=1).double().T
    values = torch.tensor(values)
    y = 0.5 + torch.einsum("tn,tn->n", values, markers) / 4
    return numbers(x=torch.stack([values, markers], dim=2), y=y)


# rnn_last ----------------------------------------------------------------------------------------


def make_rnn(rng, T, N, D, H, scale=1.0):
    return dict(
        x=rng.normal(size=(T, N, D)),
        y=rng.normal(size=N),
        U=scale * rng.normal(size=(H, D)) / np.sqrt(D),
        W=scale * rng.normal(size=(H, H)) / np.sqrt(H),
        V=scale * rng.normal(size=(1, H)),
        b=scale * rng.normal(size=H) / 2,
        c=scale * rng.normal(size=1),
    )


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


EXERCISES = {
    "perceptron_step": Exercise(
        make_step, step, ["w", "b"], dict(cases=12, D=3), [dict(D=1), dict(cases=30, D=6)], call=call_step,
    ),
    "perceptron": Exercise(
        make_perceptron, perceptron, ["w", "b", "mistakes"], dict(N=20, D=4, max_epochs=100),
        [dict(N=1), dict(D=1), dict(noise=0.4, max_epochs=6), dict(max_epochs=1), dict(xor=True, max_epochs=9)],
    ),
    "deep_gradients": Exercise(
        make_deep, deep, ["J", "dW", "db", "dV", "dc", "norms"], dict(L=4, N=5, H=6, O=3),
        [dict(L=1), dict(N=1), dict(H=1), dict(O=1), dict(L=9, N=2, H=3, O=5), dict(scale=0.0), dict(scale=6.0),
         dict(shift=-3000.0)], as_dict=True,
    ),
    "init_weights": Exercise(
        make_init, init, ["glorot", "he"], dict(n_out=4, n_in=7),
        [dict(n_out=1), dict(n_in=1), dict(n_out=50, n_in=3)], call=call_init,
    ),
    "autoencoder": Exercise(
        make_autoencoder, autoencoder, ["J", "dW", "db", "dV", "dc"], dict(N=4, D=6, H=3),
        [dict(N=1), dict(D=1), dict(H=1), dict(D=3, H=8), dict(scale=0.0), dict(scale=5.0)], as_dict=True,
    ),
    "pretrain": Exercise(
        make_pretrain, pretrain, ["W", "b", "J"], dict(M=9, L=3, H=4, K=5, N=3),
        [dict(L=1), dict(K=1), dict(H=1), dict(N=1), dict(M=1), dict(rate=0.0)],
    ),
    "adding_problem": Exercise(
        make_adding, adding, ["x", "y"], dict(T=24, N=6), [dict(N=1), dict(T=10), dict(T=100, N=50)],
    ),
    "rnn_last": Exercise(
        make_rnn, rnn_last, ["J", "y_hat", "dU", "dW", "dV", "db", "dc"], dict(T=5, N=3, D=2, H=4),
        [dict(T=1), dict(N=1), dict(H=1), dict(D=1), dict(T=30, N=2), dict(scale=0.0), dict(scale=6.0)], as_dict=True,
    ),
}  # fmt: skip
