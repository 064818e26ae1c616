"""The term at a glance: all units and all students, from the gradebook, the verdicts and the roster."""

from __future__ import annotations

import datetime
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nbgrader.api import Assignment, Grade, Gradebook, GradeCell, Student, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import func

from byhand.course import CourseError, Unit
from byhand.grading import record
from byhand.grading.families import family
from byhand.grading.insight import UNREAD
from byhand.grading.roster import Person, Roster, read_roster
from byhand.grading.verdicts import SubmissionVerdict, verdict_in

STEADY = 0.15  # a change of the share of points that is none yet
FALLS = 0.2  # and one that is worth a word
LITTLE = 0.5
STAYS = 3  # units in which a kind of mistake was made, before it is named as one that stays


@dataclass(frozen=True)
class Mark:
    """What a student has of one unit. `late` in seconds; `waiting`: a written answer has no mark yet; `kinds` of mistakes;
    `student`: the id under which it was handed in."""

    points: float
    max_points: float
    status: str = "graded"
    late: float = 0.0
    waiting: bool = False
    kinds: frozenset[str] = frozenset()
    student: str = ""

    @property
    def share(self) -> float:
        return self.points / self.max_points if self.max_points else 0.0

    @property
    def counts(self) -> bool:
        """Whether the points say something: where the file could not be read, 0 is no mark."""
        return self.status not in UNREAD or self.points > 0


@dataclass
class Line:
    """One student and the marks by unit. `students` are the ids under which the work lies."""

    person: Person
    students: list[str] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True)
class Term:
    """`units` are those that somebody has handed in; `open` are those of them that are not due yet."""

    units: tuple[Unit, ...]
    lines: tuple[Line, ...]
    open: frozenset[str]
    max_points: Mapping[str, float]
    roster: Roster

    def missing(self, line: Line) -> list[str]:
        """The units that are due and that the student has not handed in."""
        return [u.name for u in self.units if u.name not in line.marks and u.name not in self.open]

    def shares(self, line: Line) -> list[float]:
        """The shares of the points, in the order of the units, where there are points."""
        return [m.share for u in self.units if (m := line.marks.get(u.name)) and m.counts]

    def total(self, line: Line) -> tuple[float, float]:
        """The points, and those that there were in all units that are due or handed in."""
        due = [u.name for u in self.units if u.name in line.marks or u.name not in self.open]
        return sum(mark.points for mark in line.marks.values()), sum(self.max_points[name] for name in due)

    def change(self, line: Line) -> float | None:
        """How much the last two units lie above those before, as a share of the points; None with fewer than four."""
        shares = self.shares(line)
        return statistics.mean(shares[-2:]) - statistics.mean(shares[:-2]) if len(shares) >= 4 else None

    def trend(self, line: Line) -> str:
        change = self.change(line)
        return "" if change is None else "steady" if abs(change) < STEADY else "rising" if change > 0 else "falling"

    def staying(self, line: Line, least: int = STAYS) -> dict[str, list[str]]:
        """The kinds of mistakes that the student has made in `least` units or more, and in which."""
        found: dict[str, list[str]] = {}
        for unit in self.units:
            for kind in line.marks[unit.name].kinds if unit.name in line.marks else ():
                found.setdefault(kind, []).append(unit.name)
        return {kind: units for kind, units in found.items() if len(units) >= least}

    def signs(self, line: Line) -> list[str]:
        """Why somebody may need help, in words; none where nothing says so."""
        said, missing = [], self.missing(line)
        closed = [u.name for u in self.units if u.name not in self.open]
        last = next((n for n, name in enumerate(reversed(closed)) if name not in missing), len(closed))
        if closed and last == len(closed):
            said.append("has handed in nothing")
        elif last >= 2:
            said.append(f"has handed in nothing since unit {number(closed[-last - 1])}")
        elif len(missing) >= 3:
            said.append(f"has not handed in {len(missing)} of {len(closed)} units")
        shares = self.shares(line)
        if len(shares) >= 2 and max(shares[-2:]) < LITTLE:
            said.append("has less than half of the points in the last two units handed in")
        if (change := self.change(line)) is not None and change <= -FALLS:
            said.append(f"the last two units lie {-100 * change:.0f} points in a hundred below those before")
        for kind, units in self.staying(line).items():
            said.append(f"{kind}: in units {', '.join(map(number, units))}")
        for unit in self.units:
            mark = line.marks.get(unit.name)
            if mark and not mark.counts:
                said.append(
                    f"the file of unit {number(unit.name)} could not be graded ({mark.status}): ask for it again"
                )
        return said

    def of_unit(self, unit: str) -> list[Mark]:
        return [line.marks[unit] for line in self.lines if unit in line.marks]

    def kinds(self) -> list[tuple[str, Counter[str], int]]:
        """Each kind of mistake: how many students made it by unit, and how many made it in two units or more."""
        by: dict[str, Counter[str]] = {}
        for line in self.lines:
            for unit, mark in line.marks.items():
                for kind in mark.kinds:
                    by.setdefault(kind, Counter())[unit] += 1
        stayed = Counter(kind for line in self.lines for kind in self.staying(line, 2))
        return sorted(
            ((kind, units, stayed[kind]) for kind, units in by.items()),
            key=lambda row: (-row[2], -sum(row[1].values()), row[0]),
        )


def number(unit: str) -> str:
    return unit[:2]


def read_term(units: list[Unit], now: datetime.datetime) -> Term:
    """Raises CourseError where nothing has been graded."""
    root, lines, owners = units[0].root, {}, {}
    roster = read_roster(root)
    found, opened, most = [], set(), {}
    with record.open_gradebook(root) as book:
        people = book.db.query(Student.id, Student.first_name, Student.last_name)
        names = {student: " ".join(filter(None, parts)) for student, *parts in people}
        released = {assignment.name: assignment for assignment in book.assignments}
        for unit in units:
            verdicts = {
                path.stem: verdict_in(path) for path in (root / "classroom" / "verdicts" / unit.name).glob("*.json")
            }
            marks = _marks(book, unit.name) if unit.name in released else {}
            for student in dict.fromkeys([*marks, *(s for s, v in verdicts.items() if v)]):
                person = (
                    owners.get(student)
                    or roster.find(student)
                    or Person(names.get(student) or "", ids={student.casefold()})
                )
                owners[student] = person
                line = lines.setdefault(id(person), Line(person))
                line.students += [student] * (student not in line.students)
                mark = replace(_with_verdict(marks.get(student), verdicts.get(student)), student=student)
                there = line.marks.get(unit.name)  # somebody who has handed in under two ids
                line.marks[unit.name] = max(filter(None, (there, mark)), key=lambda one: one.points)
                most[unit.name] = max(most.get(unit.name, 0.0), mark.max_points)
            if unit.name in most:
                found.append(unit)
                due = record.due(released[unit.name]) if unit.name in released else None
                if due and due > now:
                    opened.add(unit.name)
    if not found:
        raise CourseError("Nothing has been graded yet: run byhand grade UNIT first.")
    for person in roster.people:
        lines.setdefault(id(person), Line(person))
    order = sorted(lines.values(), key=lambda line: (called(line).casefold(), line.students))
    return Term(tuple(found), tuple(order), frozenset(opened), most, roster)


def called(line: Line) -> str:
    """The name, or the id where no list has a name."""
    return line.person.name or next(iter(line.students), "") or line.person.email or line.person.number


def _marks(book: Gradebook, unit: str) -> dict[str, Mark]:
    """Each student's points as the gradebook has them, with marks by hand and what was taken off for being late.

    One query for a unit, over its one notebook; nbgrader's own goes through all assignments for each.
    """
    summed = func.sum(Grade.score), func.sum(GradeCell.max_score), func.max(Grade.needs_manual_grade)
    asked = (
        book.db.query(
            SubmittedAssignment,
            SubmittedAssignment.student_id,
            *summed,
            func.max(func.coalesce(SubmittedNotebook.late_submission_penalty, 0.0)),
        )
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .join(GradeCell, Grade.cell_id == GradeCell.id)
        .filter(record.ASSIGNMENT_NAME == unit)
        .group_by(SubmittedAssignment.id)
    )
    return {
        student: Mark(max(0.0, round(points - off, 2)), most, late=float(one.total_seconds_late), waiting=bool(waits))
        for one, student, points, most, waits, off in asked
    }


def _with_verdict(mark: Mark | None, verdict: SubmissionVerdict | None) -> Mark:
    """What is known of what somebody handed in, from one of them or both."""
    if verdict is None:
        assert mark  # nothing else says that there is anything
        return mark
    if mark is None:  # handed in under an id that the gradebook cannot take
        return Mark(verdict["score"], verdict["max_score"], verdict["status"])
    kinds = set()
    for entry in verdict["exercises"].values():
        derived = entry["mistake"] and entry["mistake"].startswith("derived-")
        if entry["mistake"] and not entry["right"] and not (derived and entry.get("begin")):
            kinds.add(family(entry["mistake"], entry["hint"] or ""))
    waiting = mark.waiting and verdict["status"] not in UNREAD
    return Mark(mark.points, mark.max_points, verdict["status"], mark.late, waiting, frozenset(kinds - {""}))
