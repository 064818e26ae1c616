"""Unit NUMBER: the right answers to the problems of `checks.py`, by torch."""

import torch

from byhand.in_torch import leaves, numbers, tensors


def line_loss(x, y, a, b):
    (x, y), (a, b) = tensors(x, y), leaves(a, b)
    J = torch.nn.functional.mse_loss(a * x + b, y)
    J.backward()
    return numbers(J=J, da=a.grad, db=b.grad)


REFERENCES = {"line_loss": line_loss}
