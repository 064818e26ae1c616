"""Every labelled equation of a lesson is computed and compared: the labels of a unit, for its tests to go through."""

from pathlib import Path

from byhand.teaching.course import Unit
from byhand.teaching.notebooks import read_source
from byhand.teaching.plain import equation_numbers

ROOT = Path(__file__).resolve().parents[2]


def labels(unit: str) -> list[str]:
    """The labels `eq-...` of the unit's lesson, in order."""
    return list(equation_numbers(read_source(Unit(ROOT, unit).lesson).notebook, unit))
