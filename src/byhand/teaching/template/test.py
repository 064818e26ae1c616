"""Unit NUMBER: every equation of the lesson, computed in numpy as it stands there and compared with torch."""

import numpy as np
import pytest
import torch
from equations import labels

UNIT = "NAME"


def loss():
    rng = np.random.default_rng(0)
    x, y, a, b = rng.normal(size=5), rng.normal(size=5), 0.7, -0.2
    theirs = torch.nn.functional.mse_loss(torch.tensor(a * x + b), torch.tensor(y))
    assert np.mean((a * x + b - y) ** 2) == pytest.approx(theirs.item(), rel=1e-12)


EQUATIONS = {"eq-SHORT-loss": loss}


@pytest.mark.parametrize("label", labels(UNIT))
def test_each_equation_of_the_lesson_is_what_torch_computes(label):
    EQUATIONS[label]()
