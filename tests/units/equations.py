"""What the tests of all units share: the labels of a lesson's equations, each to be computed, the modules beside it,
and what a notebook printed."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from byhand.course import Unit
from byhand.teaching.notebooks import read_source
from byhand.teaching.plain import equation_numbers

ROOT = Path(__file__).resolve().parents[2]


def module(unit: str, name: str) -> ModuleType:
    """A module that lies beside the unit's lesson, under a name of its own: many units have a `pictures`."""
    folder = ROOT / "course" / unit
    spec = importlib.util.spec_from_file_location(f"{name}_of_{unit[:2]}", folder / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))  # it may import its neighbours, whose names other units have too
    sys.modules.pop("checks", None)
    try:
        spec.loader.exec_module(found)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("checks", None)
    return found


def labels(unit: str) -> list[str]:
    """The labels `eq-...` of the unit's lesson, in order."""
    return list(equation_numbers(read_source(Unit(ROOT, unit).lesson).notebook, unit))


def printed(notebook) -> str:
    """All that the cells of an executed notebook wrote to stdout."""
    return "".join(
        o.text for c in notebook.cells if c.cell_type == "code" for o in c.outputs if o.get("name") == "stdout"
    )
