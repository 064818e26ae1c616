"""The known wrong answers of a unit and the right ones in another style, as edits of its solution."""

from __future__ import annotations

import contextlib
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import yaml
from nbformat import NotebookNode

from byhand.course import CourseError, Unit
from byhand.teaching.notebooks import read_source, solution_regions, with_solution


@dataclass(frozen=True)
class Variant:
    """Another answer to one exercise: the text that stands between its solution marks."""

    exercise: str
    id: str
    region: str
    hint: str = ""  # empty for an alternative, which is right
    edit: tuple[str, str] | None = None  # what it replaces in the solution, and by what


@dataclass(frozen=True)
class Variants:
    """`names`: by exercise, variables of its solution and what to call them in a derived hint."""

    misconceptions: tuple[Variant, ...]
    alternatives: tuple[Variant, ...]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, exercise: str) -> Variants:
        return Variants(
            tuple(v for v in self.misconceptions if v.exercise == exercise),
            tuple(v for v in self.alternatives if v.exercise == exercise),
            {exercise: self.names.get(exercise, {})},
        )


def load_variants(unit: Unit) -> Variants:
    """Read `misconceptions.yml`. Raises CourseError where an edit does not fit the solution exactly once."""
    path = unit.misconceptions
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise CourseError(f"{path}:{line}: not YAML: {getattr(error, 'problem', error)}.") from None
    regions = solution_regions(read_source(unit.exercises).notebook)
    wrong, right, names = [], [], {}
    for exercise, kinds in listed.items():
        if exercise not in regions:
            raise CourseError(f"{path}: {exercise!r} is no solution cell of {unit.exercises.name}.")
        if unknown := set(kinds) - {"misconceptions", "alternatives", "names"}:
            raise CourseError(
                f"{path}: {exercise} may have misconceptions, alternatives and names, not {unknown.pop()}."
            )
        names[exercise] = kinds.get("names", {})
        for entry in kinds.get("misconceptions", []):
            if not entry.get("hint"):
                raise CourseError(f"{path}: {exercise}/{entry.get('id')} has no hint.")
            wrong.append(_variant(path, exercise, entry, regions[exercise]))
        right += [_variant(path, exercise, entry, regions[exercise]) for entry in kinds.get("alternatives", [])]
    return Variants(tuple(wrong), tuple(right), names)


def _variant(path: Path, exercise: str, entry: Mapping[str, str], region: str) -> Variant:
    label = f"{path}: {exercise}/{entry.get('id')}"
    if set(entry) - {"id", "hint", "replace", "by", "solution"} or "id" not in entry:
        raise CourseError(f"{label} may have an id, a hint, and either a solution or replace and by.")
    if "solution" in entry:
        return Variant(exercise, entry["id"], entry["solution"].rstrip(), entry.get("hint", ""))
    old, new = entry.get("replace"), entry.get("by")
    if old is None or new is None:
        raise CourseError(f"{label} needs either a solution, or replace and by.")
    if region.count(old) != 1:
        raise CourseError(f"{label}: the text to replace occurs {region.count(old)} times in the solution, not once.")
    return Variant(exercise, entry["id"], region.replace(old, new), entry.get("hint", ""), (old, new))


@dataclass(frozen=True)
class Answers:
    """The functions that a notebook's solution cells define; `folder` is where the notebook would run."""

    notebook: NotebookNode
    folder: Path

    def function(self, exercise: str, variant: Variant | None = None) -> Callable:
        """The answer to `exercise`, with `variant` put between its solution marks.

        Runs the cells that define things: the solution cells and the given ones (locked, no test). Tests and training
        are left out.
        """
        space: dict[str, Any] = {"__name__": "__main__"}
        with contextlib.chdir(self.folder):
            for cell in self.notebook.cells:
                meta = cell.metadata.get("nbgrader", {})
                test = meta.get("grade_id", "").endswith("-check")
                if cell.cell_type == "code" and (meta.get("solution") or (meta.get("locked") and not test)):
                    text = cell.source
                    if variant and meta["grade_id"] == variant.exercise:
                        text = with_solution(text, variant.region)
                    name = f"<{meta['grade_id']}>"
                    linecache.cache[name] = (len(text), None, text.splitlines(True), name)  # tracebacks show the line
                    exec(_compiled(text, name), space)
        return space[exercise]


@lru_cache(maxsize=1000)
def _compiled(text: str, name: str) -> CodeType:
    """Most cells are the same for every variant, and to compile them takes longer than to run them."""
    return compile(text, name, "exec")
