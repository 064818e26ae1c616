"""Unit 01: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.nn.Linear`, `torch.optim.SGD` and torch's loss functions, and your gradients with
what torch's autograd gives for them. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from byhand.checking import Exercise

NEEDS_TORCH = True  # minibatch_epoch is handed a gradient that torch computes

# D differs from N, and both are larger than 1, so that a sum along the wrong axis cannot hide.
SIZES = dict(N=6, D=3)
EDGES = [dict(N=1), dict(D=1), dict(N=3, D=3), dict(N=9, D=5), dict(scale=0.0), dict(scale=50.0)]


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


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


def forward(x, w, b):
    return numbers(y_hat=neuron_with(w, b)(torch.tensor(x))[:, 0])


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


def one_step(w, b, dw, db, eta):
    w, b = tensors(w, b)
    w.grad, b.grad = torch.tensor(dw), torch.tensor(db, dtype=torch.float64)
    torch.optim.SGD([w, b], lr=eta).step()
    return numbers(w=w, b=b)


# LinearNeuron ------------------------------------------------------------------------------------


def make_training(rng, N, D, eta, epochs, scale=1.0):
    return dict(**data(rng, N, D, scale), eta=eta, epochs=epochs)


def use_neuron(answer, x, y, eta, epochs):
    """Train the student's class and look at what it has become."""
    neuron = answer(eta, epochs)
    neuron.fit(x, y)
    losses = neuron.losses
    return neuron.w, neuron.b, np.array(losses) if isinstance(losses, list) else losses


def training(x, y, eta, epochs):
    linear = neuron_with(np.zeros(x.shape[1]), 0.0)
    optimiser = torch.optim.SGD(linear.parameters(), lr=eta)
    losses = []
    for _ in range(epochs):
        optimiser.zero_grad()
        J = mse_loss(linear(torch.tensor(x))[:, 0], torch.tensor(y))
        J.backward()
        optimiser.step()
        losses.append(J.item())
    return dict(numbers(w=linear.weight[0], b=linear.bias[0]), losses=np.array(losses))


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


def standardised(x_train, x_test):
    x_train, x_test = torch.tensor(x_train), torch.tensor(x_test)
    spread, mean = torch.std_mean(x_train, dim=0, correction=0)
    spread[spread == 0] = 1.0
    return numbers(z_train=(x_train - mean) / spread, z_test=(x_test - mean) / spread)


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


def epoch(x, y, w, b, eta, batch_size, order):
    linear = neuron_with(w, b)
    optimiser = torch.optim.SGD(linear.parameters(), lr=eta)
    rows = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    for xs, ys in torch.utils.data.DataLoader(rows, batch_size=batch_size, sampler=order.tolist()):
        optimiser.zero_grad()
        mse_loss(linear(xs)[:, 0], ys).backward()
        optimiser.step()
    return numbers(w=linear.weight[0], b=linear.bias[0])


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


def cross_entropy(x, y, w, b):
    return loss_and_gradient(binary_cross_entropy_with_logits, x, y, w, b)


EXERCISES = {
    "predict": Exercise(make_predict, forward, ["y_hat"], SIZES, EDGES),
    "mse_gradient": Exercise(make_gradient, mse, ["J", "dw", "db"], SIZES, EDGES),
    "update": Exercise(
        make_update, one_step, ["w", "b"], dict(D=3, eta=0.3), [dict(D=1), dict(eta=0.0), dict(eta=20.0), dict(D=8)],
    ),
    "LinearNeuron": Exercise(
        make_training, training, ["w", "b", "losses"], dict(SIZES, eta=0.05, epochs=8),
        [dict(epochs=1), dict(N=1), dict(D=1), dict(N=20, D=5, epochs=30), dict(eta=0.0), dict(eta=2.0), dict(scale=0.0)],
        call=use_neuron, forward=["losses"],
    ),
    "standardise": Exercise(
        make_features, standardised, ["z_train", "z_test"], dict(N=7, M=4, D=3),
        [dict(N=1), dict(M=1), dict(D=1), dict(D=1, constant=False), dict(N=20, D=6, constant=False), dict(spread=5.0)],
    ),
    "minibatch_epoch": Exercise(
        make_epoch, epoch, ["w", "b"], dict(N=8, D=3, eta=0.1, batch_size=3),
        [dict(batch_size=1), dict(batch_size=4), dict(batch_size=8), dict(batch_size=50), dict(N=1), dict(D=1),
         dict(N=25, D=5, eta=0.02), dict(eta=0.0)],
        call=use_epoch,
    ),
    "sigmoid_neuron": Exercise(
        make_classes, cross_entropy, ["J", "dw", "db"], SIZES,
        [dict(N=1), dict(D=1), dict(large=0.0), dict(scale=0.0), dict(N=40, D=5, large=1e5), dict(N=2)],
    ),
}  # fmt: skip
