"""Unit NUMBER: the right answers to the problems of `checks.py`, by torch."""

import torch


def line_loss(x, y, a, b):
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (a, b))
    J = torch.nn.functional.mse_loss(a * torch.tensor(x) + b, torch.tensor(y))
    J.backward()
    return dict(J=J.detach().numpy(), da=a.grad.numpy(), db=b.grad.numpy())


REFERENCES = {"line_loss": line_loss}
