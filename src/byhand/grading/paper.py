"""What a unit asks and how it is marked, in one object that goes to every worker; none of it goes to a student's process
but the arguments of the problems."""

from __future__ import annotations

import ast
import base64
import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import nbformat

from byhand.checking.exercise import PUBLIC_SEED, Checks, Exercise, Solved, load_checks
from byhand.checking.mistakes import Known, load_mistakes
from byhand.checking.seed import Seed, ensure_seed, of_unit
from byhand.teaching.course import CourseError, Unit

NOTEBOOK = "exercises"
SKIP = "skip-execution"


@dataclass(frozen=True)
class ReleaseCell:
    """A cell of the release that nbgrader knows. `source` has the hidden tests."""

    name: str
    cell_type: str
    source: str
    checksum: str
    grade: bool
    solution: bool
    locked: bool
    points: float

    def metadata(self) -> dict[str, Any]:
        meta = {
            "grade": self.grade, "grade_id": self.name, "locked": self.locked, "schema_version": 3,
            "solution": self.solution, "task": False, "cell_type": self.cell_type, "checksum": self.checksum,
        }  # fmt: skip
        return meta | ({"points": self.points} if self.grade else {})


@dataclass(frozen=True)
class Asked:
    """One exercise as the judge needs it. `given` is what the student's process gets, by `graded`, as it travels.
    An optional exercise has 0 points, and a visible check alone."""

    exercise: Exercise  # without its functions
    solved: Mapping[bool, Sequence[Solved]]  # without their arguments
    given: Mapping[bool, str]
    known: Known
    points: float


@dataclass(frozen=True)
class Paper:
    """`files` lie beside the notebook; `imports` are the modules that the unit's own cells use; `torch` says that torch is
    one of them: `NEEDS_TORCH = True` in checks.py. `skipped` are the sources of the cells that are not run in grading.
    `digest` tells two papers apart."""

    unit: str
    cells: tuple[ReleaseCell, ...]
    files: Mapping[str, bytes]
    imports: tuple[str, ...]
    torch: bool
    skipped: frozenset[str]
    digest: str
    exercises: Mapping[str, Asked] = dataclasses.field(default_factory=dict)

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.cells if cell.grade)


def read_paper(unit: Unit, cells: Sequence[ReleaseCell], seed: Seed) -> Paper:
    """The paper of a unit, as it was released, without its problems. Raises CourseError where it has changed since."""
    release = unit.root / "classroom" / "release" / unit.name
    files = {
        str(path.relative_to(release)): path.read_bytes()
        for path in sorted(release.rglob("*"))
        if path.is_file() and path.suffix not in {".ipynb", ".pyc"}
    }
    for path in unit.materials:
        name = str(path.relative_to(unit.course))
        if path.suffix in {".py", ".json"} and files.get(name) != path.read_bytes():
            raise CourseError(f"{unit.name} has changed since it was released ({name}): run byhand build {unit.name}.")
    notebook = nbformat.read(release / f"{NOTEBOOK}.ipynb", as_version=4)
    imports = _imports(notebook)
    skipped = frozenset(c.source for c in notebook.cells if SKIP in c.metadata.get("tags", []))
    torch = bool(re.search(rb"^NEEDS_TORCH = True\b", files["checks.py"], re.M))
    imports = [name for name in imports if name.split(".")[0] != "torch"] + ["torch"] * torch
    digest = hashlib.sha256(repr((cells, sorted(files.items()), seed)).encode()).hexdigest()
    return Paper(unit.name, tuple(cells), files, tuple(imports), torch, skipped, digest)


def with_problems(paper: Paper, unit: Unit, seed: Seed) -> Paper:
    """The paper with the public problems and those of the class's seed, and torch's answers. Imports torch."""
    checks, mistakes = load_checks(unit.course), load_mistakes(unit.course)
    points = {cell.name.removesuffix("-check"): cell.points for cell in paper.cells if cell.grade}
    exercises = {
        name: _asked(name, checks, of_unit(seed, unit.name), mistakes.get(name, Known()), points.get(name, 0.0))
        for name in checks.exercises
    }
    return dataclasses.replace(paper, exercises=exercises)


def _asked(name: str, checks: Checks, seed: Seed, known: Known, points: float) -> Asked:
    solved, given = {}, {}
    for graded in (False, True):
        made = checks.solved(name, seed if graded else PUBLIC_SEED)
        given[graded] = base64.b64encode(cloudpickle.dumps([dict(s.problem.args) for s in made])).decode()
        solved[graded] = [dataclasses.replace(s, problem=dataclasses.replace(s.problem, args={}, extra={})) for s in made]
    bare = dataclasses.replace(checks[name], make=None, call=None, scales=None)
    return Asked(bare, solved, given, known, points)


def _imports(released: nbformat.NotebookNode) -> tuple[str, ...]:
    """What the unit's own cells import, so that it is imported once and not by each student's process."""
    found = []
    for cell in released.cells:
        if cell.cell_type == "code" and SKIP not in cell.metadata.get("tags", []) and "nbgrader" in cell.metadata:
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.Import):
                    found += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    found.append(node.module)
    own = {"matplotlib.pyplot", "byhand"}  # pyplot looks at the IPython that imports it
    return tuple(name for name in dict.fromkeys(found) if name not in own)


def seed_of(classroom: Path) -> Seed:
    """The class's own seed; made where there is none yet. Raises CourseError where it cannot be had."""
    try:
        return ensure_seed(classroom / "seed")
    except (OSError, ValueError):
        raise CourseError(
            f"{classroom / 'seed'} cannot be read as a secret: bring the old one back, or delete it and get other problems."
        ) from None
