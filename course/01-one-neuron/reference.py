"""Unit 01: the right answers to the problems of checks.py, most of them torch's. No grading process that runs your code has them."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from checks import loss_and_gradient, mse, neuron_with, numbers


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


def forward(x, w, b):
    return numbers(y_hat=neuron_with(w, b)(torch.tensor(x))[:, 0])


def one_step(w, b, dw, db, eta):
    w, b = tensors(w, b)
    w.grad, b.grad = torch.tensor(dw), torch.tensor(db, dtype=torch.float64)
    torch.optim.SGD([w, b], lr=eta).step()
    return numbers(w=w, b=b)


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


def standardised(x_train, x_test):
    x_train, x_test = torch.tensor(x_train), torch.tensor(x_test)
    spread, mean = torch.std_mean(x_train, dim=0, correction=0)
    spread[spread == 0] = 1.0
    return numbers(z_train=(x_train - mean) / spread, z_test=(x_test - mean) / spread)


def epoch(x, y, w, b, eta, batch_size, order):
    linear = neuron_with(w, b)
    optimiser = torch.optim.SGD(linear.parameters(), lr=eta)
    rows = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    for xs, ys in torch.utils.data.DataLoader(rows, batch_size=batch_size, sampler=order.tolist()):
        optimiser.zero_grad()
        mse_loss(linear(xs)[:, 0], ys).backward()
        optimiser.step()
    return numbers(w=linear.weight[0], b=linear.bias[0])


def cross_entropy(x, y, w, b):
    return loss_and_gradient(binary_cross_entropy_with_logits, x, y, w, b)


REFERENCES = {
    "predict": forward,
    "mse_gradient": mse,
    "update": one_step,
    "LinearNeuron": training,
    "standardise": standardised,
    "minibatch_epoch": epoch,
    "sigmoid_neuron": cross_entropy,
}
