"""A made-up class: right, wrong in known and unknown ways, unfinished, blank, damaged and hostile submissions."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from byhand.checking.exercise import load_checks
from byhand.checking.mistakes import Known, load_mistakes, recognise
from byhand.course import CourseError, Unit
from byhand.grading.answer_sheet import AnswerSheet
from byhand.grading.insight import count, shortened
from byhand.teaching.known import tried
from byhand.teaching.misconceptions import Answers, Variant
from byhand.teaching.notebooks import read_source

# Every twenty students are these, in an order of chance.
KINDS = ["right"] * 3 + ["mistakes"] * 10 + ["slip"] + ["unfinished"] * 3 + ["blank"] + ["bad"] * 2
ESSAY = "Made up: an answer in prose, which waits for a human."

# What a slip of the pen does to a solution. Whether it does harm, and which, is found out by running it.
SLIPS = [
    (" + ", " - "),
    (" - ", " + "),
    (" * ", " / "),
    ("axis=0", "axis=-1"),
    ("axis=-1", "axis=0"),
    ("1 - ", "2 - "),
    (".T", ""),
]

# One cell each, added to a notebook whose exercises are all solved. None does harm where it runs without a sandbox.
HOSTILE = {
    "endless loop": "while True:\n    pass",
    "kills its kernel": "import os\n\nos._exit(0)",
    "replaces check": 'def check(name, function, points=0):\n    print(f"{name}: right.")\n    return points',
    "looks for the seed": 'print(open("../../../seed").read())',
    "prints without end": 'for _ in range(20_000):\n    print("what is going on in here? " * 8)',
}
BAD = [*HOSTILE, "half a file"]


class MadeUpClass:
    """`students` submissions of a unit; the same `seed` makes the same class."""

    def __init__(self, unit: Unit, students: int, seed: int = 0):
        self.sheet = AnswerSheet(unit)
        self._chance = random.Random(seed)
        width = max(3, len(str(students)))
        self.students = [f"made-up-{number:0{width}}" for number in range(1, students + 1)]

    def __iter__(self) -> Iterator[tuple[str, str, bytes]]:
        """Each student, what they handed in in words, and their notebook as a file."""
        kinds: list[str] = []
        bad = self._chance.sample(BAD, len(BAD))
        for student in self.students:
            kinds = kinds or self._chance.sample(KINDS, len(KINDS))
            kind = kinds.pop()
            if kind == "bad":
                bad = [*bad[1:], bad[0]]
                trick = bad[0]
                yield student, trick, self._bad(trick)
            else:
                says, notebook = getattr(self, f"_{kind}")()
                yield student, says, nbformat.writes(notebook).encode()

    def _right(self) -> tuple[str, NotebookNode]:
        """Each exercise by the solution or by another right answer."""
        return "right", self.sheet.filled(self._answers() | self._essay())

    def _answers(self) -> dict[str, str]:
        # Single precision is right by itself and too rough for what builds on it.
        styles = {n: [v.region for v in vs if v.id != "single-precision"] for n, vs in self.sheet.right.items()}
        return {n: self._chance.choice([region, *styles[n]]) for n, region in self.sheet.solution.items()}

    def _essay(self) -> dict[str, str]:
        return {name: ESSAY for name in self.sheet.essays if self._chance.random() < 0.7}

    def _mistakes(self) -> tuple[str, NotebookNode]:
        """One to three misconceptions. Those that are listed first are the frequent ones."""
        names = self._chance.sample(
            self.sheet.exercises, min(len(self.sheet.exercises), self._chance.choice([1, 1, 2, 3]))
        )
        made = []
        for name in names:
            known = self.sheet.wrong[name]
            made += self._chance.choices(known, [1 / (1 + place) ** 2 for place in range(len(known))])
        regions = {v.exercise: v.region for v in made}
        says = ", ".join(sorted(f"{v.exercise}/{v.id}" for v in made))
        return says, self.sheet.filled(self._answers() | regions | self._essay())

    def _slip(self) -> tuple[str, NotebookNode]:
        """A wrong answer that nobody has listed. Slips repeat: there are two that many of a class make."""
        slip = self._chance.choice(self._common_slips) if self._common_slips else None
        if slip is None:
            return self._right()
        return f"slip in {slip.exercise}", self.sheet.filled(
            self._answers() | {slip.exercise: slip.region} | self._essay()
        )

    def _unfinished(self) -> tuple[str, NotebookNode]:
        done = self._chance.randrange(1, max(2, len(self.sheet.exercises)))
        answers = self._answers()
        return f"first {done}", self.sheet.filled({n: answers[n] for n in self.sheet.exercises[:done]})

    def _blank(self) -> tuple[str, NotebookNode]:
        return "blank", self.sheet.filled({})

    def _bad(self, trick: str) -> bytes:
        notebook = self.sheet.solved()
        if trick in HOSTILE:
            # Behind the second exercise, so that there is something to lose and something to save.
            tests = [i for i, c in enumerate(notebook.cells) if c.metadata.get("nbgrader", {}).get("grade")]
            notebook.cells.insert(tests[min(1, len(tests) - 1)] + 1, new_code_cell(HOSTILE[trick], id="added"))
        content = nbformat.writes(notebook).encode()
        return content if trick in HOSTILE else content[: len(content) // 2]

    @cached_property
    def _common_slips(self) -> list[Variant]:
        """Two wrong answers, to two exercises where there are as many, that the checks reject and nobody has listed."""
        unit = self.sheet.unit
        checks, mistakes = load_checks(unit.course), load_mistakes(unit.course)
        solved = Answers(read_source(unit.exercises).notebook, unit.course)
        found: list[Variant] = []
        for name in self._chance.sample(self.sheet.exercises, len(self.sheet.exercises)):
            for slip in _slips(name, self.sheet.solution[name]):
                try:
                    case, wrong, verdict = tried(checks, name, solved.function(name, slip))
                except SyntaxError:
                    continue
                known = mistakes.get(name, Known())
                if (
                    case is not None
                    and verdict
                    and not verdict.trouble
                    and not recognise(checks[name], known, case, wrong)
                ):
                    found.append(slip)
                    break
            if len(found) == 2:
                break
        return found


def _slips(exercise: str, solution: str) -> Iterator[Variant]:
    if "while " in solution:
        return  # a slip could make it endless
    for old, new in SLIPS:
        for match in re.finditer(re.escape(old), solution):
            region = solution[: match.start()] + new + solution[match.end() :]
            yield Variant(exercise, f"{old.strip()} at {match.start()}", region)


def make_class(unit: Unit, students: int, seed: int = 0) -> Counter[str]:
    """Write a made-up class into `classroom/submitted/`. Returns how many handed in what.

    An earlier made-up class of the unit is replaced. Raises CourseError, and writes nothing, where real students have
    handed in this unit.
    """
    if students < 1:
        raise CourseError(f"A class has at least one student, not {students}.")
    submitted = unit.root / "classroom" / "submitted"
    there = sorted(folder.parent.name for folder in submitted.glob(f"*/{unit.name}"))
    if real := [student for student in there if not _is_made_up(student)]:
        raise CourseError(
            f"{submitted} holds {unit.name} of {count(len(real), 'real student')} ({shortened(real, 3)}): a made-up class "
            "would be graded with them. Make it in another copy of the course."
        )
    counts: Counter[str] = Counter()
    submitted.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=submitted.parent) as scratch:  # all or nothing
        for student, says, notebook in MadeUpClass(unit, students, seed):
            folder = Path(scratch) / student / unit.name
            for path in unit.materials:
                target = folder / path.relative_to(unit.course)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
            (folder / "exercises.ipynb").write_bytes(notebook)
            counts[says] += 1
        for student in there:
            shutil.rmtree(submitted / student / unit.name)
        for folder in sorted(Path(scratch).iterdir()):
            (submitted / folder.name).mkdir(exist_ok=True)
            (folder / unit.name).rename(submitted / folder.name / unit.name)
    return counts


def _is_made_up(student: str) -> bool:
    return re.fullmatch(r"made-up-\d+", student) is not None
