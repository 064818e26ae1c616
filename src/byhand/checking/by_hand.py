"""While an answer runs, torch is the judge and not a tool: it refuses to compute, and so do its relatives."""

from __future__ import annotations

import contextlib
import importlib.abc
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

OTHERS = {"torch", "jax", "jaxlib", "tensorflow", "autograd", "mxnet", "theano", "pytensor", "sympy", "numdifftools"}
SAYS = "torch is the judge here, not a tool: this exercise is written in numpy."


COMPLEX = {"complex", "complex64", "complex128", "csingle", "cdouble", "clongdouble"}  # what makes such a number
SAYS_COMPLEX = "no exercise of this course needs complex numbers: a derivative is to be worked out, not measured with a complex step."


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


def uses_complex_numbers(answer: Any) -> bool:
    """Whether an answer, or a function or class of the student's that it names, is written with complex numbers."""
    looked_at: set[int] = set()

    def of(thing: Any, space: dict) -> bool:
        if id(thing) in looked_at:
            return False
        looked_at.add(id(thing))
        if isinstance(thing, type):
            return any(of(part, space) for part in vars(thing).values())
        if isinstance(thing, (staticmethod, classmethod)):
            return of(thing.__func__, space)
        if isinstance(thing, property):
            return any(of(part, space) for part in (thing.fget, thing.fset))
        if isinstance(thing, FunctionType):
            return of(thing.__code__, space)
        if isinstance(thing, CodeType):
            if COMPLEX & {*thing.co_names, *(c for c in thing.co_consts if isinstance(c, str))}:
                return True
            if any(isinstance(c, complex) or (isinstance(c, CodeType) and of(c, space)) for c in thing.co_consts):
                return True
            named = [space.get(name) for name in thing.co_names]
            return any(of(one, space) for one in named if isinstance(one, (FunctionType, type)) and _is_own(one, space))
        return False

    space = getattr(answer, "__globals__", None) or vars(sys.modules.get(getattr(answer, "__module__", ""), sys)).copy()
    return of(answer, space)


def _is_own(thing: Callable, space: dict) -> bool:
    """Whether a function or class was written where the answer was, and is not imported."""
    return getattr(thing, "__module__", None) == space.get("__name__")
