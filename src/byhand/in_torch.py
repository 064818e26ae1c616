"""What the units' reference.py share: numpy's arrays into torch, and torch's numbers back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike


def tensors(*arrays: ArrayLike) -> list[torch.Tensor]:
    """Copies of the arrays as tensors in double precision."""
    return [torch.tensor(np.asarray(a), dtype=torch.float64) for a in arrays]


def leaves(*arrays: ArrayLike) -> list[torch.Tensor]:
    """The same as leaves of torch's graph: after `backward()` the gradient is in their `.grad`."""
    return [tensor.requires_grad_() for tensor in tensors(*arrays)]


def numbers(**results: torch.Tensor) -> dict[str, np.ndarray]:
    """Tensors as arrays of their own, under the names they were given."""
    return {name: value.detach().numpy().copy() for name, value in results.items()}
