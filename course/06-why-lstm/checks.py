"""Unit 06: the problems that the exercises are checked on.

The perceptron is compared with gradient descent on its loss max(0, -y a), networks with what torch's autograd gives for them.
Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# perceptron_step ---------------------------------------------------------------------------------


def make_step(rng, cases, D):
    """Cases on the line, on the wrong side and on the right side, of both labels."""
    x, w, b = rng.normal(size=(cases, D)), rng.normal(size=(cases, D)), 2 * rng.normal(size=cases)
    y = np.where(np.arange(cases) % 2 == 0, 1, -1)
    for n in range(4, cases):
        side = np.sign(x[n] @ w[n] + b[n])
        y[n] = side if n % 3 == 2 else -side
    b[5] += 0.5 * y[5] - (x[5] @ w[5] + b[5])  # on its right side, near the line
    b[6] -= 100 * y[6] + x[6] @ w[6] + b[6]  # so far on its wrong side that one step is not enough
    w[:2], b[:2] = 0, 0  # on the line: all weights zero, and a sum that cancels
    x[2:4], w[2:4] = 0, 1
    x[2:4, 0], b[2:4] = 2, -2
    return dict(x=x, y=y, w=w, b=b)


def call_step(answer, x, y, w, b):
    """The answer on one case after the other."""
    returned = [answer(x[n], int(y[n]), w[n], float(b[n])) for n in range(len(x))]
    for one in returned:
        if not isinstance(one, (tuple, list)) or len(one) != 2:
            return one
    return np.array([w for w, _ in returned]), np.array([b for _, b in returned], dtype=float)


# perceptron --------------------------------------------------------------------------------------


NOISE = 8  # of the data that no line separates


def make_perceptron(rng, N, D, max_epochs, noise=0.0, xor=False):
    if xor:
        return dict(X=np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), y=np.array([-1, 1, 1, -1]), max_epochs=max_epochs)
    mirror = np.where(rng.uniform(size=D) < 0.5, -1, 1)
    if noise:
        rng = np.random.RandomState(NOISE)  # so that the last epoch is neither the best nor the worst; mirrored, it stays so
    w = rng.normal(size=D) + 0.5
    X = rng.normal(size=(N, D))
    a = X @ w + 0.8
    X += 0.1 * np.sign(a)[:, None] * w / np.sum(w * w)  # a margin, so that a few epochs are enough
    y = np.where(a > 0, 1, -1)
    if N > 1 and D > 1 and not noise:  # at its first turn each of these lies exactly on the line
        X[:2], y[:2] = 0.0, (1, -1)
        X[:2, 0] = np.sign(w[0]) * y[:2]
        X[1, 1:] = -w[1:] / np.sum(w[1:] ** 2)
    return dict(X=mirror * X, y=np.where(rng.uniform(size=N) < noise, -y, y), max_epochs=max_epochs)


# deep_gradients ----------------------------------------------------------------------------------


def make_deep(rng, L, N, H, O, scale=1.0, shift=0.0):
    c = rng.normal(size=O) + shift
    c[0] += 1000.0  # exp(1000) overflows; the softmax of such scores does not
    c[-1] += 1000.0
    y = rng.randint(O, size=N) if O < 3 else rng.choice([0, O - 1], size=N)
    y[0] = O // 2  # with three classes: its score lies 1000 below the best, its probability is 0 as a float
    return dict(
        x=rng.uniform(size=(N, H)),
        y=y,
        W=2 * scale * rng.normal(size=(L, H, H)) / np.sqrt(H),
        b=scale * rng.normal(size=(L, H)),
        V=scale * rng.normal(size=(O, H)),
        c=c,
    )


# autoencoder -------------------------------------------------------------------------------------


def make_autoencoder(rng, N, D, H, scale=1.0, far=900.0):
    x, c = rng.uniform(size=(N, D)), scale * rng.normal(size=D)
    x[0, 0], x[-1, -1] = 0.0, 1.0
    c[0] += far  # exp(900) overflows, and sigmoid(900) is 1 to the last digit; the loss is harmless
    return dict(
        x=x,
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


def make_rnn(rng, T, N, D, H, scale=1.0, far=0.0):
    return dict(
        x=rng.normal(size=(T, N, D)),
        y=rng.normal(size=N) + far,
        U=scale * rng.normal(size=(H, D)) / np.sqrt(D),
        W=scale * rng.normal(size=(H, H)) / np.sqrt(H),
        V=scale * rng.normal(size=(1, H)),
        b=scale * rng.normal(size=H) / 2,
        c=scale * rng.normal(size=1),
    )


# carousel ----------------------------------------------------------------------------------------


def make_carousel(rng, T, N, f, far=0.0):
    """Values and markers, some of which lie between 0 and 1, as a gate's do."""
    values, markers = rng.normal(size=(T, N)), (rng.uniform(size=(T, N)) < 0.5).astype(float)
    markers[T // 2] = rng.uniform(size=N)
    return dict(
        x=np.stack([values, markers], axis=2), y=rng.normal(size=N) + far, f=f, v=rng.normal(), c=rng.normal(),
    )  # fmt: skip


EXERCISES = {
    "perceptron_step": Exercise(
        make_step, ["w", "b"], dict(cases=12, D=3),
        [EdgeCase(dict(D=1), "with one input"), EdgeCase(dict(cases=30, D=6), "on thirty other cases")], call=call_step,
    ),
    "perceptron": Exercise(
        make_perceptron, ["w", "b", "mistakes"], dict(N=30, D=5, max_epochs=100),
        [
            EdgeCase(dict(N=1), "with one example"), EdgeCase(dict(D=1), "with one input"),
            EdgeCase(dict(noise=0.4, max_epochs=6), "where no line separates the classes",
                 "Without a line that separates the classes there is no epoch without a mistake: your loop has to stop after max_epochs, with the weights of that moment."),
            EdgeCase(dict(noise=0.4, max_epochs=1), "where one epoch is allowed"),
            EdgeCase(dict(xor=True, max_epochs=9), "on XOR",
                 "On XOR no epoch is without a mistake. Before max_epochs nothing else ends the training, whatever the counts do."),
        ],
        groups=[["w", "b"]],
    ),
    "deep_gradients": Exercise(
        make_deep, ["J", "dW", "db", "dV", "dc", "norms"], dict(L=4, N=5, H=6, O=3),
        [
            EdgeCase(dict(L=1), "with one layer"), EdgeCase(dict(N=1), "with one example"), EdgeCase(dict(H=1), "with layers of one unit"),
            EdgeCase(dict(O=1), "with one class alone"), EdgeCase(dict(L=9, N=2, H=3, O=5), "with nine layers"),
            EdgeCase(dict(scale=0.0), "where all weights are zero"), EdgeCase(dict(scale=6.0), "where the weights are large"),
            EdgeCase(dict(shift=-3000.0), "where all scores lie near -3000"),
            EdgeCase(dict(shift=3e5), "where all scores lie near 300000",
                 "If you compute gradients from differences of the loss: of so large scores the differences have no digits left.", needed=True),
        ], as_dict=True,
    ),
    "autoencoder": Exercise(
        make_autoencoder, ["J", "dW", "db", "dV", "dc"], dict(N=4, D=6, H=3),
        [
            EdgeCase(dict(N=1), "with one example"), EdgeCase(dict(D=1), "with one entry"), EdgeCase(dict(H=1), "with a code of one unit"),
            EdgeCase(dict(D=3, H=8), "where the code is wider than the input"), EdgeCase(dict(scale=0.0), "where all weights are zero"),
            EdgeCase(dict(scale=5.0), "where the weights are large"),
            EdgeCase(dict(far=3e5), "with a score near 300000",
                 "If you compute gradients from differences of the loss: of so large a loss the differences have no digits left.", needed=True),
        ], as_dict=True,
    ),
    "pretrain": Exercise(
        make_pretrain, ["W", "b", "J"], dict(M=9, L=3, H=4, K=5, N=3),
        [
            EdgeCase(dict(L=1), "with one layer"), EdgeCase(dict(K=1), "with one mini-batch"), EdgeCase(dict(H=1), "with layers of one unit"),
            EdgeCase(dict(N=1), "with mini-batches of one example"), EdgeCase(dict(M=1), "with one example"),
            EdgeCase(dict(rate=0.0), "with the learning rate 0"),
        ],
    ),
    "adding_problem": Exercise(
        make_adding, ["x", "y"], dict(T=24, N=6),
        [EdgeCase(dict(N=1), "with one sequence"), EdgeCase(dict(T=10), "with sequences of ten steps"), EdgeCase(dict(T=100, N=50), "with fifty long sequences")],
    ),
    "rnn_last": Exercise(
        make_rnn, ["J", "y_hat", "dU", "dW", "dV", "db", "dc", "norms"], dict(T=5, N=3, D=2, H=4),
        [
            EdgeCase(dict(T=1), "with sequences of one step"), EdgeCase(dict(N=1), "with one sequence"), EdgeCase(dict(H=1), "with one hidden unit"),
            EdgeCase(dict(D=1), "with one input"), EdgeCase(dict(T=30, N=2), "with thirty steps"), EdgeCase(dict(scale=0.0), "where all parameters are zero"),
            EdgeCase(dict(scale=6.0), "where the parameters are large"),
            EdgeCase(dict(far=1e7), "where the targets are ten million away",
                 "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True),
        ], as_dict=True, backward=["norms"],
    ),
    "carousel": Exercise(
        make_carousel, ["J", "y_hat", "df", "dv", "dc", "ds"], dict(T=6, N=4, f=0.9),
        [
            EdgeCase(dict(f=1.0), "where f is 1"), EdgeCase(dict(f=0.0), "where f is 0", "With f = 0 only the last step is left: is something divided by f, or by a power of it?"),
            EdgeCase(dict(f=-1.2), "where f is negative"), EdgeCase(dict(T=1), "with sequences of one step"), EdgeCase(dict(N=1), "with one sequence"),
            EdgeCase(dict(T=1000, f=1.0), "with a thousand steps"),
            EdgeCase(dict(far=1e7), "where the targets are ten million away",
                 "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True),
        ], as_dict=True, backward=["ds"],
    ),
}  # fmt: skip
