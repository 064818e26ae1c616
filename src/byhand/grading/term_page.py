"""The term as a page and as a table for a spreadsheet, with the names of students or without."""

from __future__ import annotations

import csv
import hashlib
import io
import statistics
from collections.abc import Sequence
from pathlib import Path

from byhand.course import Unit
from byhand.grading.clean import for_spreadsheet, without_control
from byhand.grading.insight import count
from byhand.grading.pages import render
from byhand.grading.term import STEADY, Line, Mark, Term, called, number
from byhand.grading.verdicts import write_whole

SHADES = (0.25, 0.5, 0.7, 0.85)  # of a share of points, from pale to full
ARROWS = {"rising": "\u2197", "steady": "\u2192", "falling": "\u2198"}
COLUMNS = ("handed in", "late", "not handed in", "wait for a mark", "not graded in the ordinary way", "median")


class Names:
    """What each student is called: by name, or by a number that tells nothing."""

    def __init__(self, lines: Sequence[Line], named: bool):
        hidden = sorted(lines, key=lambda line: hashlib.sha256(repr((called(line), line.students)).encode()).digest())
        width, self.named = len(str(len(hidden))), named
        self.lines = list(lines) if named else hidden
        self._called = {
            id(line): called(line) if named else f"Student {n:0{width}}" for n, line in enumerate(hidden, 1)
        }

    def __call__(self, line: Line) -> str:
        return without_control(self._called[id(line)])


def write_term(term: Term, root: Path, named: bool = True) -> list[Path]:
    """The page and the table; those without names lie beside those with."""
    folder = root / "classroom" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    stem = "term" if named else "term-no-names"
    page, rows = folder / f"{stem}.html", folder / f"{stem}.csv"
    write_whole(page, term_page(term, named))
    with rows.open("w", encoding="utf-8", newline="") as file:
        file.write(term_table(term, named))
    return [page, rows]


def term_page(term: Term, named: bool = True) -> str:
    names = Names(term.lines, named)
    helped = [(line, signs) for line in names.lines if (signs := term.signs(line))]
    return render(
        "term.html",
        term=term,
        names=names,
        helped=sorted(helped, key=lambda pair: -len(pair[1])),
        kinds=[(kind, units, stayed) for kind, units, stayed in term.kinds() if len(units) > 1],
        columns=COLUMNS,
        numbers=lambda unit: _numbers(term, unit),
        has_report=lambda unit: (unit.root / "classroom" / "reports" / f"{unit.name}.html").is_file(),
        shade=lambda mark: sum(mark.share >= least for least in SHADES),
        flags=_flags,
        arrows=ARROWS,
        steady=STEADY,
        number=number,
        count=count,
        without_control=without_control,
    )


def _numbers(term: Term, unit: Unit) -> list[tuple[str, object]]:
    """What the table of units says of one: each column and the number in it."""
    marks = term.of_unit(unit.name)
    missing = "not due yet" if unit.name in term.open else len(term.lines) - len(marks)
    shares = [mark.share for mark in marks if mark.counts]
    numbers = (
        len(marks), sum(m.late > 0 for m in marks), missing, sum(m.waiting for m in marks),
        sum(m.status != "graded" for m in marks), f"{statistics.median(shares):.0%}" if shares else "",
    )  # fmt: skip
    return list(zip(COLUMNS, numbers, strict=True))


def _flags(mark: Mark) -> list[tuple[str, str]]:
    found = [("L", f"late by {hours(mark.late)}")] if mark.late > 0 else []
    found += [("w", "waits for a mark")] if mark.waiting else []
    return found + ([("!", mark.status)] if mark.status != "graded" else [])


def hours(seconds: float) -> str:
    """A time of being late, in words."""
    if seconds < 3600:
        return count(max(1, round(seconds / 60)), "minute")
    if seconds < 48 * 3600:
        return count(round(seconds / 3600), "hour")
    return count(round(seconds / 86400), "day")


def term_table(term: Term, named: bool = True) -> str:
    """One row for each student: points and state of each unit, sum, trend, signs. CSV, without formulas."""
    file, names = io.StringIO(), Names(term.lines, named)
    writer = csv.writer(file)
    who = ["student", "name", "email", "section"] if named else ["student"]
    units = [column for unit in term.units for column in (unit.name, f"{unit.name} state")]
    writer.writerow([*who, *units, "points", "of", "share", "trend", "may need help"])
    for line in names.lines:
        person = line.person
        first = [", ".join(line.students), names(line), person.email, person.section] if named else [names(line)]
        cells = []
        for unit in term.units:
            mark = line.marks.get(unit.name)
            cells += [f"{mark.points:g}" if mark and mark.counts else "", state(term, line, unit.name)]
        points, most = term.total(line)
        row = [
            *first,
            *cells,
            f"{points:g}",
            f"{most:g}",
            f"{points / most:.3f}" if most else "",
            term.trend(line),
            "; ".join(term.signs(line)),
        ]
        writer.writerow([for_spreadsheet(cell) for cell in row])
    return file.getvalue()


def state(term: Term, line: Line, unit: str) -> str:
    mark = line.marks.get(unit)
    if mark is None:
        return "not due yet" if unit in term.open else "not handed in"
    return (
        ", ".join([mark.status] * (mark.status != "graded") + [words for sign, words in _flags(mark) if sign != "!"])
        or "graded"
    )


def print_term(term: Term) -> None:
    """The first lines of the page, for who stays in the terminal."""
    helped = [line for line in term.lines if term.signs(line)]
    waiting = sum(mark.waiting for line in term.lines for mark in line.marks.values())
    print(
        f"{count(len(term.lines), 'student')}, {count(len(term.units), 'unit')}; {len(helped)} may need help; {count(waiting, 'submission')} still without a mark by hand."
    )
