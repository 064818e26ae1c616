"""What stands in torch's place where a unit's answers are written in numpy: it can be imported, and does nothing.

So a first line `import torch`, which an editor may have put there, costs nobody anything; who asks it to compute is told what
the check in the notebook says.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
import types
from typing import Any

from byhand.checking.by_hand import SAYS, NotByHand

NAME = "torch"


class _Anything(type):
    """A class with every attribute: it can be named, inherited from, asked for with isinstance, and not called."""

    def __getattr__(cls, name: str) -> Any:
        return _thing(name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotByHand(SAYS)


def _thing(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything(name, (), {"__module__": NAME})


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds torch, and whatever is in it, as modules in which every name is a thing that cannot be called."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != NAME:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return types.ModuleType(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__getattr__ = _thing
        if module.__name__ == NAME:  # what the check asks for while an answer runs; here there is nothing to refuse
            dispatch = types.ModuleType(f"{NAME}.utils._python_dispatch")
            vars(dispatch)["TorchDispatchMode"] = contextlib.nullcontext
            sys.modules[dispatch.__name__] = dispatch


def stand_in() -> None:
    """From now on, in this process. Where torch itself has been imported, that stays."""
    sys.meta_path.insert(0, StandIn())
