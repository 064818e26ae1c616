"""The released notebook as a student has it, to be filled in with answers."""

from __future__ import annotations

from collections.abc import Mapping

import nbformat
from nbformat import NotebookNode

from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.delimiters import BEGIN, END
from byhand.teaching.misconceptions import Variant, load_variants
from byhand.teaching.notebooks import read_source, solution_regions, with_solution


class AnswerSheet:
    """What can be written into a unit's exercises.

    sources       grade id -> the cell as the source has it, solution and all.
    exercises     the names of the exercises, in order.
    solution      exercise -> the text between its solution marks.
    wrong, right  exercise -> its misconceptions, and the right answers in another style.
    essays        the grade ids of the written questions.
    """

    def __init__(self, unit: Unit):
        source, variants = read_source(unit.exercises).notebook, load_variants(unit)
        self.unit = unit
        self.exercises = tuple(load_checks(unit.course).exercises)
        self.sources = {c.metadata["nbgrader"]["grade_id"]: c.source for c in source.cells if "nbgrader" in c.metadata}
        regions = solution_regions(source)
        self.solution = {name: regions[name] for name in self.exercises}
        self.wrong: dict[str, tuple[Variant, ...]] = {n: variants.of(n).misconceptions for n in self.exercises}
        self.right: dict[str, tuple[Variant, ...]] = {n: variants.of(n).alternatives for n in self.exercises}
        self.essays = tuple(
            c.metadata["nbgrader"]["grade_id"]
            for c in source.cells
            if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("solution")
        )

    def filled(self, regions: Mapping[str, str]) -> NotebookNode:
        """The released notebook with these texts as answers; what is not named stays as it was released."""
        notebook = nbformat.read(self.unit.course / "exercises.ipynb", as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in regions:
                filled = with_solution(self.sources[name], regions[name])
                cell.source = "\n".join(line for line in filled.splitlines() if line.strip() not in (BEGIN, END))
        return notebook

    def solved(self, **regions: str) -> NotebookNode:
        """All exercises solved, but for those that are named."""
        return self.filled(self.solution | regions)
