"""Unit 01: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.nn.Linear`, `torch.optim.SGD` and torch's loss functions, and your gradients with
what torch's autograd gives for them. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch
from torch.nn.functional import mse_loss

from byhand.checking import Exercise

NEEDS_TORCH = True  # minibatch_epoch is handed a gradient that torch computes

# D differs from N, and both are larger than 1, so that a sum along the wrong axis cannot hide.
SIZES = dict(N=6, D=3)
EDGES = [dict(N=1), dict(D=1), dict(N=3, D=3), dict(N=9, D=5), dict(scale=0.0), dict(scale=50.0)]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def neuron_with(w, b):
    """torch's own neuron: a linear layer with one output."""
    linear = torch.nn.Linear(len(w), 1, dtype=torch.float64)
    linear.load_state_dict({"weight": torch.tensor(w)[None], "bias": torch.tensor([b], dtype=torch.float64)})
    return linear


def data(rng, N, D, scale):
    """Inputs whose features have different means, and targets that a line can only partly explain."""
    x = scale * (rng.normal(size=(N, D)) + rng.normal(size=D))
    return dict(x=x, y=x @ rng.normal(size=D) + 1.0 + rng.normal(size=N))


def parameters(rng, D):
    return dict(w=rng.normal(size=D), b=float(rng.normal()))


# predict -----------------------------------------------------------------------------------------


def make_predict(rng, N, D, scale=1.0):
    return dict(x=data(rng, N, D, scale)["x"], **parameters(rng, D))


# mse_gradient ------------------------------------------------------------------------------------


def make_gradient(rng, N, D, scale=1.0):
    return dict(**data(rng, N, D, scale), **parameters(rng, D))


def loss_and_gradient(loss, x, y, w, b):
    linear = neuron_with(w, b)
    J = loss(linear(torch.tensor(x))[:, 0], torch.tensor(y, dtype=torch.float64))
    J.backward()
    return numbers(J=J, dw=linear.weight.grad[0], db=linear.bias.grad[0])


def mse(x, y, w, b):
    return loss_and_gradient(mse_loss, x, y, w, b)


# update ------------------------------------------------------------------------------------------


def make_update(rng, D, eta):
    return dict(**parameters(rng, D), dw=rng.normal(size=D), db=float(rng.normal()), eta=eta)


# LinearNeuron ------------------------------------------------------------------------------------


def make_training(rng, N, D, eta, epochs, scale=1.0):
    return dict(**data(rng, N, D, scale), eta=eta, epochs=epochs)


def use_neuron(answer, x, y, eta, epochs):
    """Train the student's class and look at what it has become."""
    neuron = answer(eta, epochs)
    neuron.fit(x, y)
    losses = neuron.losses
    return neuron.w, neuron.b, np.array(losses) if isinstance(losses, list) else losses


# standardise -------------------------------------------------------------------------------------


def make_features(rng, N, M, D, spread=3.0, constant=True):
    """Train and test set; the test set comes from elsewhere, and the last train feature may be constant."""
    scales, shift = np.exp(spread * rng.uniform(-1, 1, size=D)), rng.normal(size=D)
    x_train = scales * (rng.normal(size=(N, D)) + shift)
    x_test = scales * (2 * rng.normal(size=(M, D)) + shift + 0.5)
    if constant:
        x_train[:, -1] = 4.0
        x_test[:, -1] = 4.0 + rng.randint(3, size=M)  # a value that training has never seen
        x_test[0, -1] = 7.0
    return dict(x_train=x_train, x_test=x_test)


# minibatch_epoch ---------------------------------------------------------------------------------


def make_epoch(rng, N, D, eta, batch_size, scale=1.0):
    given = make_gradient(rng, N, D, scale)
    return dict(**given, eta=eta, batch_size=batch_size, order=rng.permutation(N))


def torch_gradient(x, y, w, b):
    """A gradient to hand to the student's function: that of the mean squared error, by autograd."""
    found = mse(np.asarray(x), np.asarray(y), np.asarray(w), float(b))
    return float(found["J"]), found["dw"], float(found["db"])


def use_epoch(answer, x, y, w, b, eta, batch_size, order):
    return answer(torch_gradient, x, y, w, b, eta, batch_size, order)


# sigmoid_neuron ----------------------------------------------------------------------------------


def make_classes(rng, N, D, large=1000.0, scale=1.0):
    w, b = scale * rng.normal(size=D), scale * float(rng.normal())
    x, y = rng.normal(size=(N, D)), rng.randint(2, size=N)
    y[N // 2], y[0], y[-1] = 0, 1, 1
    if scale and large:  # sums of about +large and -large, where exp overflows; the first is right, the last is wrong
        x[-1] *= -large / (x[-1] @ w)
        if N > 1:
            x[0] *= large / (x[0] @ w)
    return dict(x=x, y=y, w=w, b=b)


EXERCISES = {
    "predict": Exercise(make_predict, ["y_hat"], SIZES, EDGES),
    "mse_gradient": Exercise(make_gradient, ["J", "dw", "db"], SIZES, EDGES),
    "update": Exercise(
        make_update, ["w", "b"], dict(D=3, eta=0.3), [dict(D=1), dict(eta=0.0), dict(eta=20.0), dict(D=8)],
    ),
    "LinearNeuron": Exercise(
        make_training, ["w", "b", "losses"], dict(SIZES, eta=0.05, epochs=8),
        [dict(epochs=1), dict(N=1), dict(D=1), dict(N=20, D=5, epochs=30), dict(eta=0.0), dict(eta=2.0), dict(scale=0.0)],
        call=use_neuron, forward=["losses"],
    ),
    "standardise": Exercise(
        make_features, ["z_train", "z_test"], dict(N=7, M=4, D=3),
        [dict(N=1), dict(M=1), dict(D=1), dict(D=1, constant=False), dict(N=20, D=6, constant=False), dict(spread=5.0)],
    ),
    "minibatch_epoch": Exercise(
        make_epoch, ["w", "b"], dict(N=8, D=3, eta=0.1, batch_size=3),
        [dict(batch_size=1), dict(batch_size=4), dict(batch_size=8), dict(batch_size=50), dict(N=1), dict(D=1),
         dict(N=25, D=5, eta=0.02), dict(eta=0.0)],
        call=use_epoch, torch=True,
    ),
    "sigmoid_neuron": Exercise(
        make_classes, ["J", "dw", "db"], SIZES,
        [dict(N=1), dict(D=1), dict(large=0.0), dict(scale=0.0), dict(N=40, D=5, large=1e5), dict(N=2)],
    ),
}  # fmt: skip
