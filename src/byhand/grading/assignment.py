"""What a unit asks and how it is marked, in one object that goes to every worker; none of it goes to a student's process
but the arguments of the problems and how an answer is called."""

from __future__ import annotations

import ast
import base64
import dataclasses
import hashlib
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import nbformat

from byhand.checking.exercise import PUBLIC_SEED, Checks, Exercise, Solved, load_checks, module_name
from byhand.checking.mistakes import Known, load_mistakes
from byhand.checking.seed import Seed, ensure_seed, of_unit
from byhand.course import CourseError, Unit
from byhand.grading import wire

NOTEBOOK = "exercises"
SKIP = "skip-execution"
# What a student's folder has for the check, and what no process that runs a student's code is given, whoever brings it.
WITHHELD = frozenset({"checks.py", "reference.py", "answers.npz", "mistakes.json"})


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
class ExerciseSpec:
    """One exercise as the judge needs it. `given` is what the student's process gets, by `graded`, as it travels: `call`,
    whether the answer works with torch, and the arguments of each problem. `before` are these arguments as they would come
    back if nothing changed them. An optional exercise has 0 points, and a visible check alone."""

    exercise: Exercise  # without its functions
    solved: Mapping[bool, Sequence[Solved]]  # without their arguments
    given: Mapping[bool, str]
    before: Mapping[bool, Sequence[Mapping[str, Any]]]
    known: Known
    points: float


@dataclass(frozen=True)
class AssignmentSpec:
    """`files` were released beside the notebook; `imports` are the modules that the unit's own cells use; `torch` says that torch is
    one of them: an exercise says so. `skipped` are the sources of the cells that are not run in grading, `given` those of all
    cells of text. `digest` tells two assignments apart. `elsewhere` are the other notebooks of the course: what each is, and grade ids
    or headings that tell it."""

    unit: str
    cells: tuple[ReleaseCell, ...]
    files: Mapping[str, bytes]
    imports: tuple[str, ...]
    torch: bool
    skipped: frozenset[str]
    given: frozenset[str]
    digest: str
    exercises: Mapping[str, ExerciseSpec] = dataclasses.field(default_factory=dict)
    elsewhere: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)

    def beside(self, own: Mapping[str, bytes]) -> dict[str, bytes]:
        """What lies beside a student's notebook while it runs: the student's `own` files and those of the release."""
        return {name: content for name, content in {**own, **self.files}.items() if name not in WITHHELD}

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.cells if cell.grade)


def read_assignment(unit: Unit, cells: Sequence[ReleaseCell], seed: Seed) -> AssignmentSpec:
    """The assignment of a unit, as it was released, without its problems. Raises CourseError where it has changed since."""
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
    given = frozenset(c.source for c in notebook.cells if c.cell_type != "code")
    torch = any(exercise.torch for exercise in load_checks(unit.course).exercises.values())
    imports = [name for name in imports if name.split(".")[0] != "torch"] + ["torch"] * torch
    digest = hashlib.sha256(repr((cells, sorted(files.items()), seed)).encode()).hexdigest()
    elsewhere = _elsewhere(unit, {cell.name for cell in cells})
    return AssignmentSpec(
        unit.name, tuple(cells), files, tuple(imports), torch, skipped, given, digest, elsewhere=elsewhere
    )


def _elsewhere(unit: Unit, own: Set[str]) -> dict[str, frozenset[str]]:
    """What a student may hand in by mistake: the exercises of another unit, or a lesson."""
    found = {}
    for path in sorted(unit.course.parent.glob(f"*/{NOTEBOOK}.ipynb")):
        if ids := {c.metadata.get("nbgrader", {}).get("grade_id") for c in _cells(path)} - own - {None}:
            found[f"the exercises of {path.parent.name}"] = frozenset(ids)
    for path in sorted(unit.course.parent.glob("*/lesson.ipynb")):
        texts = (c.source for c in _cells(path) if c.cell_type == "markdown")
        found[f"the lesson of {path.parent.name}"] = frozenset(line for text in texts for line in headings(text))
    return found


def _cells(path: Path) -> list[nbformat.NotebookNode]:
    """None of one that cannot be read: it is not this unit's."""
    try:
        return nbformat.read(path, as_version=4).cells
    except (OSError, ValueError):
        return []


def headings(text: str) -> list[str]:
    """The headings of a text in Markdown; in what a student has it tells one notebook from another."""
    return [line.strip() for line in text.splitlines() if line.startswith("#")]


def with_problems(assignment: AssignmentSpec, unit: Unit, seed: Seed) -> AssignmentSpec:
    """The assignment with the public problems and those of the class's seed, and torch's answers. Imports torch."""
    checks, mistakes = load_checks(unit.course), load_mistakes(unit.course)
    # Its functions travel as what they are, each with what it uses and nothing else of the module.
    cloudpickle.register_pickle_by_value(sys.modules[module_name(unit.course)])
    points = {cell.name.removesuffix("-check"): cell.points for cell in assignment.cells if cell.grade}
    exercises = {
        name: _exercise_spec(name, checks, of_unit(seed, unit.name), mistakes.get(name, Known()), points.get(name, 0.0))
        for name in checks.exercises
    }
    return dataclasses.replace(assignment, exercises=exercises)


def _exercise_spec(name: str, checks: Checks, seed: Seed, known: Known, points: float) -> ExerciseSpec:
    exercise, solved, given, before = checks[name], {}, {}, {}
    for graded in (False, True):
        made = checks.solved(name, seed if graded else PUBLIC_SEED)
        arguments = [dict(s.problem.args) for s in made]
        given[graded] = base64.b64encode(cloudpickle.dumps((exercise.call, exercise.torch, arguments))).decode()
        before[graded] = [wire.comparable(wire.encode_arguments(args)) for args in arguments]
        solved[graded] = [
            dataclasses.replace(s, problem=dataclasses.replace(s.problem, args={}, extra={})) for s in made
        ]
    bare = dataclasses.replace(exercise, make=None, call=None, scales=None)
    return ExerciseSpec(bare, solved, given, before, known, points)


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
