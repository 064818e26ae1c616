"""Marking the written question: its rubric, the answers of a class, the marks of one marker or several, how far they agree.

A marker gives each line of the rubric its points. What the markers gave is kept in `classroom/marks/`, and nbgrader's gradebook
has the score that comes of it, where the formgrader, the feedback and the exports find it.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry, SubmittedNotebook

from byhand.course import CourseError, Unit
from byhand.delimiters import BEGIN, END
from byhand.grading.assignment import NOTEBOOK
from byhand.grading.record import autograded_path, open_gradebook
from byhand.grading.submission import good_id
from byhand.grading.verdicts import read_verdict, write_whole
from byhand.teaching.notebooks import read_source

STEPS = (0.0, 0.5, 1.0)  # what a line of the rubric can be given, of its point

_writing = threading.Lock()
_read: dict[Path, tuple] = {}  # a notebook -> its version, the answer's text, its attachments


@dataclass(frozen=True)
class Question:
    """A written question: the statement and the rubric, line by line, in Markdown. A line is worth one point; together they
    say what a full answer says."""

    grade_id: str
    statement: str
    intro: str
    lines: tuple[str, ...]

    @property
    def points(self) -> float:
        return float(len(self.lines))


@dataclass(frozen=True)
class Mark:
    """What one marker gave one answer, by line; `answer` is the digest of the text that was read."""

    points: tuple[float, ...]
    comment: str
    answer: str

    @property
    def score(self) -> float:
        return sum(self.points)


@dataclass
class Answer:
    """A student's answer. `key` names it to markers: it says nothing of the student. `marks` are by marker, of this text."""

    key: str
    student: str
    source: str
    attachments: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]  # what grading noticed about where text stands
    entered: float | None  # the score that the gradebook has
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.source.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def score(self) -> float | None:
        """The mean of what its markers gave."""
        return sum(mark.score for mark in self.marks.values()) / len(self.marks) if self.marks else None


def read_question(unit: Unit) -> Question:
    """The unit's written question. Raises CourseError where it has none, or a rubric whose lines are not its points."""
    cells = read_source(unit.exercises).notebook.cells
    for before, cell in pairwise(cells):
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and meta.get("grade") and meta.get("solution"):
            text = cell.source.partition(BEGIN)[2].partition(END)[0].strip()
            intro, *lines = re.split(r"^- ", text, flags=re.M)
            if len(lines) != meta["points"]:
                raise CourseError(
                    f"{unit.exercises}: the rubric has {len(lines)} lines (- …) for {meta['points']:g} points; a line is one point."
                )
            statement = re.split(r"^(?=## )", before.source, flags=re.M)[-1]
            return Question(meta["grade_id"], statement, intro.strip(), tuple(line.strip() for line in lines))
    raise CourseError(f"{unit.name} has no written question.")


def read_answers(unit: Unit, question: Question, key: str | None = None) -> list[Answer]:
    """The answers that wait for a mark or have one, or the one with this `key`, in an order that says nothing of the
    students. Raises CourseError."""
    found = []
    with open_gradebook(unit.root) as book:
        try:
            submissions = (
                [book.find_submission_notebook_by_id(key)] if key else book.notebook_submissions(NOTEBOOK, unit.name)
            )
        except MissingEntry:
            submissions = []
        for submitted in submissions:
            grade = _grade(submitted, question)
            student = submitted.student.id
            if grade is None or not good_id(student):
                continue
            kept = read_marks(unit, student)
            if not (grade.needs_manual_grade or grade.manual_score is not None or kept):
                continue  # left as it was released
            source, attachments = _written(unit, student, question)
            answer = Answer(
                str(submitted.id), student, source, attachments, _notes(unit, student, question), grade.manual_score
            )
            answer.marks = {marker: mark for marker, mark in kept.items() if mark.answer == answer.digest}
            found.append(answer)
    return sorted(found, key=lambda answer: hashlib.sha256(answer.key.encode()).digest())


def _grade(submitted: SubmittedNotebook, question: Question) -> Any:
    return next((grade for grade in submitted.grades if grade.name == question.grade_id), None)


def _written(unit: Unit, student: str, question: Question) -> tuple[str, Mapping]:
    """What `byhand grade` wrote down of the answer, which is read once for each version of the notebook."""
    path = autograded_path(unit.root, unit.name, student)
    try:
        state = path.stat()
        version = (state.st_mtime_ns, state.st_size, state.st_ino)
        if _read.get(path, (None,))[0] != version:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            cell = next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == question.grade_id)
            _read[path] = version, "".join(cell["source"]), cell.get("attachments", {})
        return _read[path][1:]
    except Exception:  # whatever has become of it
        return "", {}


def _notes(unit: Unit, student: str, question: Question) -> tuple[str, ...]:
    verdict = read_verdict(unit.root, unit.name, student) or {"notes": []}
    return tuple(note for note in verdict["notes"] if question.grade_id in note)


def marks_path(unit: Unit, student: str) -> Path:
    return unit.root / "classroom" / "marks" / unit.name / f"{student}.json"


def read_marks(unit: Unit, student: str) -> dict[str, Mark]:
    """Marker -> mark. Raises CourseError where the file is no longer what was written: marks are not to be lost in silence."""
    path = marks_path(unit, student)
    if not path.exists():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {
            who: Mark(tuple(map(float, m["points"])), str(m["comment"]), str(m["answer"])) for who, m in kept.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CourseError(
            f"{path} cannot be read as marks: bring it back from a backup, or delete it and mark again."
        ) from None


def save_mark(
    unit: Unit, question: Question, answer: Answer, marker: str, points: Sequence[float], comment: str
) -> None:
    """Keep a mark, and put the score and the comments of all markers into the gradebook. Raises CourseError for a mark that
    does not fit the rubric, or where the gradebook cannot be written."""
    if len(points) != len(question.lines) or not set(points) <= set(STEPS):
        raise CourseError(f"A mark gives each of the {len(question.lines)} lines 0, half a point or one.")
    with _writing:
        kept = read_marks(unit, answer.student)
        kept[marker] = Mark(tuple(points), comment.strip(), answer.digest)
        path = marks_path(unit, answer.student)
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = {who: {"points": m.points, "comment": m.comment, "answer": m.answer} for who, m in kept.items()}
        write_whole(path, json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        answer.marks = {who: mark for who, mark in kept.items() if mark.answer == answer.digest}
        with open_gradebook(unit.root) as book:
            submitted = book.find_submission_notebook_by_id(answer.key)
            grade = _grade(submitted, question)
            grade.manual_score, grade.needs_manual_grade = answer.score, False
            said = [mark.comment for mark in answer.marks.values() if mark.comment]
            for entry in submitted.comments:
                if entry.name == question.grade_id:
                    entry.manual_comment = "\n\n".join(said) or None
            book.db.commit()
        answer.entered = answer.score


def next_answer(
    answers: Sequence[Answer], marker: str, after: str | None, everyone: bool, taken: Iterable[str] = ()
) -> str | None:
    """The key of the answer that `marker` reads next: behind `after`, then from the beginning.

    It is one that nobody has marked; with `everyone`, one that `marker` has not marked, for a second opinion. What another
    marker is reading now (`taken`) is passed over.
    """
    keys = [answer.key for answer in answers]
    start = keys.index(after) + 1 if after in keys else 0
    for answer in (*answers[start:], *answers[:start]):
        open_ = marker not in answer.marks if everyone else not answer.marks
        if open_ and answer.key != after and answer.key not in taken:
            return answer.key
    return None


@dataclass(frozen=True)
class Agreement:
    """Of the answers that two have marked, pair by pair of markers.

    pairs       pairs of marks on one answer; `equal` of them have the same score; `apart` is their mean distance.
    lines       pairs of marks on one line of the rubric; `same` of them give the same.
    kappa       Cohen's kappa of the lines: agreement beyond chance, 1 where all are the same; None where both markers gave one
                and the same to every line, so that chance alone would agree.
    differing   the keys of the answers whose scores lie a point or more apart.
    """

    pairs: int = 0
    equal: int = 0
    apart: float = 0.0
    lines: int = 0
    same: int = 0
    kappa: float | None = None
    differing: tuple[str, ...] = ()


def agreement(answers: Iterable[Answer]) -> Agreement:
    both = [(a.key, *pair) for a in answers for pair in combinations([a.marks[who] for who in sorted(a.marks)], 2)]
    if not both:
        return Agreement()
    lines = [pair for _, one, two in both for pair in zip(one.points, two.points, strict=True)]
    distances = [abs(one.score - two.score) for _, one, two in both]
    same, first, second = sum(a == b for a, b in lines), Counter(a for a, _ in lines), Counter(b for _, b in lines)
    chance = sum(first[step] * second[step] for step in STEPS) / len(lines) ** 2
    return Agreement(
        pairs=len(both),
        equal=sum(distance == 0 for distance in distances),
        apart=sum(distances) / len(both),
        lines=len(lines),
        same=same,
        kappa=None if chance == 1 else (same / len(lines) - chance) / (1 - chance),
        differing=tuple(
            dict.fromkeys(key for (key, _, _), distance in zip(both, distances, strict=True) if distance >= 1)
        ),
    )
