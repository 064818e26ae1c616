"""How far you are: which checks have said "right", kept in `course/progress.json` on your own machine. Nothing is sent anywhere."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

FILE = "progress.json"


@dataclass(frozen=True)
class UnitProgress:
    """One unit: its folder, its title, its exercises in order, and those whose last check said "right"."""

    name: str
    title: str
    exercises: tuple[str, ...]
    right: frozenset[str]

    @property
    def done(self) -> bool:
        return set(self.exercises) <= self.right

    @property
    def next_exercise(self) -> str | None:
        return next((name for name in self.exercises if name not in self.right), None)


def record(unit: Path, exercise: str, right: bool) -> None:
    """Note what the check of an exercise said. Only in the course's own folder, and never at the price of the check."""
    if not (unit.parent / "start.md").is_file():
        return  # a copy somewhere else, to be graded for example
    with contextlib.suppress(OSError):
        seen = read(unit.parent)
        if right == (exercise in seen.get(unit.name, ())):
            return
        names = set(seen.get(unit.name, ())) - {exercise} | ({exercise} if right else set())
        partial = unit.parent / f".{FILE}.{os.getpid()}"
        partial.write_text(json.dumps(seen | {unit.name: sorted(names)}, indent=1) + "\n", encoding="utf-8")
        partial.replace(unit.parent / FILE)


def read(course: Path) -> dict[str, list[str]]:
    """The names of the exercises that are right, by unit. Empty where the file is missing or cannot be read."""
    try:
        seen = json.loads((course / FILE).read_text(encoding="utf-8"))
        return {str(unit): [str(name) for name in names] for unit, names in seen.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def units(course: Path) -> list[UnitProgress]:
    """All units of the course in order, with what is done of them."""
    seen, found = read(course), []
    for folder in sorted(course.glob("[0-9][0-9]-*")):
        lesson, exercises = (_cells(folder / name) for name in ("lesson.ipynb", "exercises.ipynb"))
        title = next(
            (line[2:].strip() for cell in lesson for line in _lines(cell) if line.startswith("# ")), folder.name
        )
        cells = [cell.get("metadata", {}).get("nbgrader", {}) for cell in exercises]
        ids = [cell.get("grade_id", "") for cell in cells if cell.get("grade")]  # an optional exercise is not graded
        names = tuple(dict.fromkeys(i.removesuffix("-check") for i in ids if i.endswith("-check")))
        found.append(UnitProgress(folder.name, title, names, frozenset(seen.get(folder.name, ())) & set(names)))
    return found


def _cells(notebook: Path) -> list[dict]:
    """The cells of a notebook, none of one that cannot be read: a start page must not fail because of it."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _lines(cell: dict) -> list[str]:
    return "".join(cell.get("source", "")).splitlines() if cell.get("cell_type") == "markdown" else []
