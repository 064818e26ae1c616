"""Unit 06: the problems that the exercises are checked on, and torch's answers to them.

The perceptron is compared with gradient descent on its loss max(0, -y a), networks with what torch's autograd gives for them, initial
weights with `torch.nn.init`. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np

from byhand.checking import Exercise


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


# init_weights ------------------------------------------------------------------------------------


def make_init(rng, n_out, n_in):
    return dict(z=rng.normal(size=(n_out, n_in)))


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


# adding_problem ----------------------------------------------------------------------------------


def make_adding(rng, T, N):
    first, second = rng.randint(min(10, T), size=N), rng.randint(max(1, T // 2 - 1), size=N)
    if N > 2:
        first[:3] = 3  # the second mark just before, at, and just after the first one
        second[:3] = (2, 3, 4)
    return dict(values=rng.uniform(-1, 1, size=(T, N)), first=first, second=second)


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


EXERCISES = {
    "perceptron_step": Exercise(
        make_step, ["w", "b"], dict(cases=12, D=3), [dict(D=1), dict(cases=30, D=6)], call=call_step,
    ),
    "perceptron": Exercise(
        make_perceptron, ["w", "b", "mistakes"], dict(N=20, D=4, max_epochs=100),
        [dict(N=1), dict(D=1), dict(noise=0.4, max_epochs=6), dict(max_epochs=1), dict(xor=True, max_epochs=9)],
    ),
    "deep_gradients": Exercise(
        make_deep, ["J", "dW", "db", "dV", "dc", "norms"], dict(L=4, N=5, H=6, O=3),
        [dict(L=1), dict(N=1), dict(H=1), dict(O=1), dict(L=9, N=2, H=3, O=5), dict(scale=0.0), dict(scale=6.0),
         dict(shift=-3000.0)], as_dict=True,
    ),
    "init_weights": Exercise(
        make_init, ["glorot", "he"], dict(n_out=4, n_in=7),
        [dict(n_out=1), dict(n_in=1), dict(n_out=50, n_in=3)], call=call_init,
    ),
    "autoencoder": Exercise(
        make_autoencoder, ["J", "dW", "db", "dV", "dc"], dict(N=4, D=6, H=3),
        [dict(N=1), dict(D=1), dict(H=1), dict(D=3, H=8), dict(scale=0.0), dict(scale=5.0)], as_dict=True,
    ),
    "pretrain": Exercise(
        make_pretrain, ["W", "b", "J"], dict(M=9, L=3, H=4, K=5, N=3),
        [dict(L=1), dict(K=1), dict(H=1), dict(N=1), dict(M=1), dict(rate=0.0)],
    ),
    "adding_problem": Exercise(
        make_adding, ["x", "y"], dict(T=24, N=6), [dict(N=1), dict(T=10), dict(T=100, N=50)],
    ),
    "rnn_last": Exercise(
        make_rnn, ["J", "y_hat", "dU", "dW", "dV", "db", "dc"], dict(T=5, N=3, D=2, H=4),
        [dict(T=1), dict(N=1), dict(H=1), dict(D=1), dict(T=30, N=2), dict(scale=0.0), dict(scale=6.0)], as_dict=True,
    ),
}  # fmt: skip
