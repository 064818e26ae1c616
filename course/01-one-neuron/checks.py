"""Unit 01: the problems that the exercises are checked on.

The right answers to them are torch's: `torch.nn.Linear`, torch's loss functions and its autograd; they stand in
reference.py. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# D differs from N, and both are larger than 1, so that a sum along the wrong axis cannot hide.
SIZES = dict(N=6, D=3)
ONE, FEATURE = EdgeCase(dict(N=1), "with a single example"), EdgeCase(dict(D=1), "with a single feature")
EDGES = [
    ONE, FEATURE, EdgeCase(dict(N=3, D=3), "with as many examples as features"), EdgeCase(dict(N=9, D=5), "with 9 examples and 5 features"),
    EdgeCase(dict(scale=0.0), "where all inputs are 0"), EdgeCase(dict(scale=50.0), "with large inputs"),
]  # fmt: skip
FAR = EdgeCase(
    dict(far=1e12),
    "where the loss is huge and its gradient is not",
    "Here J is so large that the difference of two values of J has no digits left: a gradient that is measured by moving the "
    "parameters a little is lost. Work it out with the chain rule.",
    needed=True,
)


def data(rng, N, D, scale):
    """Inputs whose features have different means, and targets that a line can only partly explain."""
    x = scale * (rng.normal(size=(N, D)) + rng.normal(size=D))
    return dict(x=x, y=x @ rng.normal(size=D) + 1.0 + rng.normal(size=N))


def parameters(rng, D):
    return dict(w=rng.normal(size=D), b=float(rng.normal()))


# predict -----------------------------------------------------------------------------------------


def make_predict(rng, N, D, scale=1.0):
    return dict(x=data(rng, N, D, scale)["x"], **parameters(rng, D))


def use_predict(answer, x, w, b):
    """A tuple of N numbers is as good as a list of them, also where N is 1: there it looks like `return y_hat,`."""
    y_hat = answer(x, w, b)
    return list(y_hat) if isinstance(y_hat, tuple) and not any(map(np.ndim, y_hat)) else y_hat


# mse_gradient ------------------------------------------------------------------------------------


def make_gradient(rng, N, D, scale=1.0, far=0.0):
    """With `far`, all targets lie that far away."""
    given = dict(**data(rng, N, D, scale), **parameters(rng, D))
    given["y"] += far
    return given


# update ------------------------------------------------------------------------------------------


def make_update(rng, D, eta):
    """One weight whose gradient is 0, and one that is 0 itself: neither is a special case."""
    given = dict(**parameters(rng, D), dw=rng.normal(size=D), db=float(rng.normal()), eta=eta)
    if D > 2:
        given["dw"][0], given["w"][1] = 0.0, 0.0
    return given


# LinearNeuron ------------------------------------------------------------------------------------


def make_training(rng, N, D, eta, epochs, scale=1.0, before=0):
    """Inputs of such a size that the limit of the learning rate lies between 0.4 and 1, whatever is drawn."""
    given = data(rng, N, D, scale)
    if scale:
        design = np.column_stack([given["x"], np.ones(N)])
        given["x"] *= np.sqrt(3 / np.linalg.eigvalsh(2 / N * design.T @ design)[-1])
    return dict(**given, eta=eta, epochs=epochs, before=before)


def use_neuron(answer, x, y, eta, epochs, before):
    """Train the student's class, `before` times on other data and then on these, and look at what it has become."""
    neuron = answer(eta, epochs)
    for _ in range(before):
        neuron.fit(0.5 * x[1:], 3.0 - y[1:])
    neuron.fit(x, y)
    losses = neuron.losses
    return neuron.w, neuron.b, np.array(losses) if isinstance(losses, list) else losses


# standardise -------------------------------------------------------------------------------------


def make_features(rng, N, M, D, spread=3.0, constant=True, rounded=False, smallest=0.002):
    """Train and test set; the test set comes from elsewhere, and the last train features may be constant.

    One is 4.0, the other -2.5 or, where `rounded`, 0.1, whose mean over several copies is not 0.1 to the last digit. One feature has
    a spread far below 1, another one far above.
    """
    scales, shift = np.exp(spread * rng.uniform(-1, 1, size=D)), rng.normal(size=D)
    scales = np.maximum(scales, 0.02)
    scales[0] = smallest
    scales[1:2] = 40.0
    x_train = scales * (rng.normal(size=(N, D)) + shift)
    x_test = scales * (2 * rng.normal(size=(M, D)) + shift + 0.5)
    if constant:
        for column, value in ((-2, 4.0), (-1, 0.1 if rounded else -2.5))[-D:]:
            x_train[:, column] = value
            x_test[:, column] = value + rng.randint(3, size=M)
            x_test[0, column] = value + 1  # a value that training has never seen
    return dict(x_train=x_train, x_test=x_test)


# minibatch_epoch ---------------------------------------------------------------------------------


def make_epoch(rng, N, D, eta, batch_size, loss="logarithm of cosh", scale=1.0):
    given = make_gradient(rng, N, D, scale)
    return dict(**given, eta=eta, batch_size=batch_size, order=rng.permutation(N), loss=loss)


# What a loss makes of the errors: its values, and their slopes.
LOSSES = {
    "squared error": (lambda e: e**2, lambda e: 2 * e),
    "logarithm of cosh": (lambda e: np.logaddexp(e, -e) - np.log(2), np.tanh),
}


def gradient_of(loss):
    """A gradient to hand to the student's function."""
    value, slope = LOSSES[loss]

    def gradient(x, y, w, b):
        if len(y) == 0:
            says = "gradient was called with a batch that holds no example"
            raise ValueError(says)
        errors = x @ np.asarray(w) + b - y
        return float(np.mean(value(errors))), slope(errors) @ x / len(y), float(np.mean(slope(errors)))

    return gradient


def use_epoch(answer, x, y, w, b, eta, batch_size, order, loss):
    return answer(gradient_of(loss), x, y, w, b, eta, batch_size, order)


# sigmoid_neuron ----------------------------------------------------------------------------------

# Sums for which the two classes cost next to nothing or very much, each with the class of its example.
SUMS = [(1000.0, 1), (40.0, 0), (-15.0, 1), (0.0, 0), (-40.0, 0), (15.0, 1), (-1000.0, 1)]


def make_classes(rng, N, D, large=True, scale=1.0, far=0.0, outlier=0.0):
    """With `large`, the first sums (and the last one) are those of SUMS; with `far`, all are that large, with `outlier` the first."""
    w, b = scale * rng.normal(size=D), scale * float(rng.normal())
    x, y = rng.normal(size=(N, D)), rng.randint(2, size=N)
    y[N // 2], y[0], y[-1] = 0, 1, 1
    if far:
        b = far
    elif outlier:
        x[0], y[0] = outlier * w / (w @ w), 0
    elif scale and large:
        special = SUMS[-1:] if N == 1 else [*SUMS[: N - 1], SUMS[-1]]
        for i, (a, right) in zip([*range(len(special) - 1), N - 1], special, strict=True):
            x[i] += (a - b - x[i] @ w) / (w @ w) * w
            y[i] = right
    if N > 2 and 2 * y.sum() == N:  # so that the probability of the other class gives more than another sign
        y[-2] = 1 - y[-2]
    return dict(x=x, y=y, w=w, b=b)


# ridge -------------------------------------------------------------------------------------------


def make_ridge(rng, N, D, alpha, scale=1.0, far=0.0):
    return dict(**make_gradient(rng, N, D, scale, far), alpha=alpha)


EXERCISES = {
    "predict": Exercise(make_predict, ["y_hat"], SIZES, EDGES, call=use_predict),
    "mse_gradient": Exercise(make_gradient, ["J", "dw", "db"], SIZES, [*EDGES, FAR]),
    "update": Exercise(
        make_update, ["w", "b"], dict(D=3, eta=0.3),
        [FEATURE, EdgeCase(dict(eta=0.0), "with a learning rate of 0"), EdgeCase(dict(eta=20.0), "with a large learning rate"), dict(D=8)],
    ),
    "LinearNeuron": Exercise(
        make_training, ["w", "b", "losses"], dict(SIZES, eta=0.05, epochs=8),
        [
            EdgeCase(
                dict(before=1), "when fit is called again, with other examples",
                "The first call of fit is right. A later one should start from zeros again, with an empty list of losses: what of the "
                "first call is still there?",
            ),
            EdgeCase(dict(epochs=1, before=2), "with a single epoch"), ONE, EdgeCase(dict(D=1, before=1), "with a single feature"),
            EdgeCase(dict(N=20, D=5, epochs=30, before=1), "with 20 examples and 5 features"),
            EdgeCase(
                dict(eta=0.0, before=1), "with a learning rate of 0",
                "With a learning rate of 0 the weights stay where they are. Each epoch notes its loss all the same.",
            ),
            EdgeCase(
                dict(eta=2.0), "where the loss grows",
                "With this learning rate every step makes the loss larger. The plain method takes all its steps all the same, and keeps "
                "the last weights.",
            ),
            EdgeCase(
                dict(D=1, eta=0.3, epochs=150), "with many epochs after the loss has come to rest",
                "The plain method takes as many steps as there are epochs, also when the loss hardly changes any more.",
            ),
            EdgeCase(
                dict(N=1, epochs=120), "with a loss that comes near 0",
                "The plain method takes as many steps as there are epochs, also when the loss is next to nothing.",
            ),
            EdgeCase(dict(scale=0.0), "where all inputs are 0"),
        ],
        call=use_neuron, forward=["losses"],
    ),
    "standardise": Exercise(
        make_features, ["z_train", "z_test"], dict(N=6, M=3, D=5),
        [
            EdgeCase(dict(constant=False), "where no feature is constant"), EdgeCase(dict(N=1), "with one training example"),
            EdgeCase(dict(M=1), "with one test example"), EdgeCase(dict(D=1), "with one feature, a constant one"),
            EdgeCase(dict(D=1, constant=False), "with one feature"), dict(N=20, D=6, constant=False),
            EdgeCase(dict(N=11, spread=5.0), "with very different spreads"), EdgeCase(dict(rounded=True), "with a feature that is 0.1 everywhere"),
            EdgeCase(
                dict(smallest=1e-9), "with a feature that varies by billionths",
                "A feature may vary by very little and still vary. When it is constant, the statement says.",
            ),
        ],
    ),
    "minibatch_epoch": Exercise(
        make_epoch, ["w", "b"], dict(N=10, D=4, eta=0.1, batch_size=3),
        [
            EdgeCase(dict(loss="squared error"), "with the mean squared error for a loss"),
            EdgeCase(dict(batch_size=1), "with batches of one example"),
            EdgeCase(
                dict(N=8, batch_size=4), "where the batches divide the examples evenly",
                "Here N is a multiple of batch_size. The last batch is a full one, and none comes after it.",
            ),
            EdgeCase(dict(batch_size=10), "with one batch that holds all examples"),
            EdgeCase(dict(batch_size=50), "with a batch size larger than N"), ONE, FEATURE, dict(N=25, D=5, eta=0.02),
            EdgeCase(dict(eta=0.0), "with a learning rate of 0"),
        ],
        call=use_epoch,
    ),
    "sigmoid_neuron": Exercise(
        make_classes, ["J", "dw", "db"], dict(N=10, D=3),
        [
            EdgeCase(dict(large=False), "with sums of ordinary size"), ONE, FEATURE, EdgeCase(dict(scale=0.0), "where w and b are 0"),
            dict(N=40, D=5), EdgeCase(dict(N=2), "with two examples"), FAR,
            EdgeCase(dict(outlier=1e12), "with one example that is far away", FAR.hint, needed=True),
        ],
    ),
    "ridge": Exercise(
        make_ridge, ["J", "dw", "db", "eta_max"], dict(SIZES, alpha=0.7),
        [
            EdgeCase(
                dict(alpha=0.0), "without a penalty, alpha = 0",
                "With alpha = 0 everything is as in exercise 2: which term of yours is still there?",
            ),
            EdgeCase(dict(alpha=30.0), "with a large penalty"), *EDGES, EdgeCase(dict(N=2, D=4), "with more weights than examples"), FAR,
        ],
        groups=[["dw", "db"]],
    ),
}  # fmt: skip
