"""While an answer runs, torch is the judge and not a tool: it refuses to compute, and so do its relatives."""

from __future__ import annotations

import contextlib
import importlib.abc
import sys
from collections.abc import Iterator

OTHERS = {"torch", "jax", "jaxlib", "tensorflow", "autograd", "mxnet", "theano", "pytensor", "sympy", "numdifftools"}
SAYS = "torch is the judge here, not a tool: this exercise is written in numpy."


class NotByHand(ImportError):
    """An answer asked torch, or another library that differentiates, for what it should work out itself.

    An ImportError, so that a library which only looks whether torch is there goes on without.
    """


class _Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in OTHERS:
            raise NotByHand(SAYS if root == "torch" else f"{root} does the work that this exercise asks of you.")
        return None


@contextlib.contextmanager
def by_hand() -> Iterator[None]:
    """Every operation on a tensor, and the import of a library that differentiates, raises NotByHand."""
    refusing = _Refusing()
    sys.meta_path.insert(0, refusing)
    try:
        with _no_operation():
            yield
    finally:
        sys.meta_path.remove(refusing)


def _no_operation() -> contextlib.AbstractContextManager:
    if "torch" not in sys.modules:
        return contextlib.nullcontext()
    from torch.utils._python_dispatch import TorchDispatchMode

    class Refuse(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            raise NotByHand(SAYS)

    return Refuse()
