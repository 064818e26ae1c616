"""What the tests of all units share: the labels of a lesson's equations, each to be computed, and what a notebook printed."""

from pathlib import Path

from byhand.teaching.course import Unit
from byhand.teaching.notebooks import read_source
from byhand.teaching.plain import equation_numbers

ROOT = Path(__file__).resolve().parents[2]


def labels(unit: str) -> list[str]:
    """The labels `eq-...` of the unit's lesson, in order."""
    return list(equation_numbers(read_source(Unit(ROOT, unit).lesson).notebook, unit))


def printed(notebook) -> str:
    """All that the cells of an executed notebook wrote to stdout."""
    return "".join(
        o.text for c in notebook.cells if c.cell_type == "code" for o in c.outputs if o.get("name") == "stdout"
    )
