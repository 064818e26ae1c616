"""Marks in the forms that a school's system imports: Moodle, Canvas, and a plain table.

Nobody's missing work becomes a 0 here: where nothing was handed in, or the file could not be read, the cell is empty, and the
school decides. The columns are those of Moodle's importers (grade/import/csv and mod/assign/feedback/offline) and of Canvas's
gradebook importer.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from byhand.course import CourseError, Unit
from byhand.grading.clean import for_spreadsheet
from byhand.grading.insight import count, shortened
from byhand.grading.roster import File, Person
from byhand.grading.term import Line, Term, called
from byhand.grading.verdicts import write_whole
from byhand.teaching.notebooks import read_source

# The columns of Canvas that stand before the assignments, in its order.
OF_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section")
POINTS_POSSIBLE = "    Points Possible"
WRITTEN = re.compile(r"\b(name|student)\b", re.I)  # columns that people fill in; all others stay as they are


@dataclass
class Export:
    """Files to be written, by name, and what is to be said of them."""

    files: dict[str, str] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)


def write_export(kind: str, term: Term, root: Path) -> tuple[list[Path], list[str]]:
    """Write `classroom/exports/`. Raises CourseError where the roster lacks what the system needs."""
    export = FORMS[kind](term)
    for unit in term.units:
        marks = term.of_unit(unit.name)
        if waiting := sum(mark.waiting for mark in marks):
            export.says.append(
                f"{unit.name}: points lack the mark by hand that is still to come, of {count(waiting, 'student')}."
            )
        if unread := [m.student for m in marks if not m.counts]:
            export.says.append(f"{unit.name}: left empty, since the file could not be graded: {shortened(unread)}.")
    folder = root / "classroom" / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in export.files]
    for path, text in zip(paths, export.files.values(), strict=True):
        write_whole(path, text)
    return paths, export.says


def _points(line: Line | None, unit: str) -> str:
    mark = line.marks.get(unit) if line else None
    return f"{mark.points:g}" if mark and mark.counts else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(
        [for_spreadsheet(cell) if WRITTEN.search(column) else cell for column, cell in zip(columns, row, strict=True)]
        for row in rows
    )
    return file.getvalue()


def plain(term: Term) -> Export:
    """One row for each student with all ids, one column for each unit."""
    columns = ["student id", "name", "email", "id number", "login", "section", *(unit.name for unit in term.units)]
    rows = []
    for line in term.lines:
        person = line.person
        ids = ", ".join(line.students)
        rows.append(
            [
                ids,
                called(line),
                person.email,
                person.number,
                person.login,
                person.section,
                *(_points(line, u.name) for u in term.units),
            ]
        )
    return Export({"marks.csv": _table(columns, rows)})


def canvas(term: Term) -> Export:
    """Canvas's own gradebook file with the units' columns: those that it has already, or new ones."""
    file = next((f for f in reversed(term.roster.files) if f.is_canvas), None)
    if file is None:
        raise CourseError(
            "Canvas finds students by its own columns (Student, ID, SIS User ID, SIS Login ID, Section): export the gradebook there "
            "and say byhand roster FILE.csv, then again byhand export canvas."
        )
    export, known = Export(), [column for column in file.columns if column in OF_CANVAS]
    owners = _owners(term)
    heads = [_canvas_column(file, unit) for unit in term.units]
    possible = next((row for row in file.rows if "Points Possible" in row["Student"]), {})
    for unit, head in zip(term.units, heads, strict=True):
        there, ours = possible.get(head, ""), term.max_points[unit.name]
        if there and _number(there) not in (None, ours):
            export.says.append(
                f"{unit.name} has {ours:g} points here and {there} in Canvas: change it there first, or the marks mean something else."
            )
    rows = [[POINTS_POSSIBLE, *[""] * (len(known) - 1), *(f"{term.max_points[u.name]:g}" for u in term.units)]]
    there = [(row, owners.get(id(p))) for row, p in _people(term, file)]
    rows += [[*(row[column] for column in known), *(_points(line, u.name) for u in term.units)] for row, line in there]
    export.files["canvas.csv"] = _table([*known, *heads], rows)
    return _with_left_out(export, term, [line for _, line in there], file.name)


def _canvas_column(file: File, unit: Unit) -> str:
    """The column of an assignment with the unit's name or title, which Canvas writes with its number behind; else a new one's."""
    wanted = {unit.name.lower(), _title(unit).lower()}
    for column in file.columns:
        if column not in OF_CANVAS and re.sub(r" \(\d+\)$", "", column).strip().lower() in wanted:
            return column
    return unit.name


def moodle(term: Term) -> Export:
    """A file for Moodle's gradebook, and each grading worksheet of an assignment that is on the roster, filled in."""
    keys = {"ID number": "number", "Email address": "email", "Username": "login"}
    used = [column for column, what in keys.items() if any(getattr(line.person, what) for line in term.lines)]
    sheets = [file for file in term.roster.files if file.is_worksheet]
    if not used and not sheets:
        raise CourseError(
            "Moodle finds students by their ID number, e-mail address or user name: download the participants, or an assignment's "
            "grading worksheet, and say byhand roster FILE.csv, then again byhand export moodle."
        )
    export = Export()
    if used:
        lines = [line for line in term.lines if any(getattr(line.person, keys[column]) for column in used)]
        rows = [
            [called(line), *(getattr(line.person, keys[c]) for c in used), *(_points(line, u.name) for u in term.units)]
            for line in lines
        ]
        export.files["moodle.csv"] = _table(["Full name", *used, *(unit.name for unit in term.units)], rows)
        _with_left_out(export, term, lines, "the roster with one of these columns")
    for sheet in sheets:
        _worksheet(export, term, sheet)
    return export


def _worksheet(export: Export, term: Term, sheet: File) -> None:
    people = _people(term, sheet)
    unit = _unit_of(term, sheet, people)
    if unit is None:
        export.says.append(
            f"{sheet.name} is a worksheet of no unit that can be told: rename it so that it has the unit's name, for example 05-simple-rnn.csv."
        )
        return
    owners, rows = _owners(term), []
    lines = {id(row): owners.get(id(person)) for row, person in people}
    for row in sheet.rows:
        points = _points(lines.get(id(row)), unit.name)
        rows.append([points if column == "Grade" and points else row[column] for column in sheet.columns])
    most = {number for row in sheet.rows if (number := _number(row.get("Maximum Grade", ""))) is not None}
    if most - {term.max_points[unit.name]}:
        export.says.append(
            f"{unit.name} has {term.max_points[unit.name]:g} points here and {max(most):g} in Moodle ({sheet.name}): change the maximum there first; "
            "Moodle passes over a grade that is larger than its maximum."
        )
    export.files[f"moodle-{unit.name}.csv"] = _table(sheet.columns, rows)


def _unit_of(term: Term, sheet: File, people: Sequence[tuple[Mapping[str, str], Person]]) -> Unit | None:
    """The unit whose submissions have this worksheet's numbers; Moodle gives new ones for each assignment. Else by the file's name."""
    numbers = {row["Identifier"].split()[-1] for row, _ in people if row["Identifier"].strip()}
    fits = {unit: sum(mark.student in numbers for mark in term.of_unit(unit.name)) for unit in term.units}
    best = max(term.units, key=fits.__getitem__)
    if fits[best]:
        return best
    name = re.sub(r"[\W_]+", " ", sheet.name.lower())
    return next(
        (u for u in term.units if any(re.sub(r"[\W_]+", " ", n.lower()) in name for n in (u.name, _title(u)))), None
    )


def _people(term: Term, file: File) -> list[tuple[Mapping[str, str], Person]]:
    """The rows of a file that are somebody's, in its order."""
    owner = {id(person.rows[file.name]): person for person in term.roster.people if file.name in person.rows}
    return [(row, owner[id(row)]) for row in file.rows if id(row) in owner]


def _owners(term: Term) -> dict[int, Line]:
    return {id(line.person): line for line in term.lines}


def _with_left_out(export: Export, term: Term, lines: Sequence[Line | None], where: str) -> Export:
    here = {id(line) for line in lines}
    if left := [called(line) for line in term.lines if line.marks and id(line) not in here]:
        export.says.append(f"Left out, since they are not on {where}: {shortened(left)}.")
    return export


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _title(unit: Unit) -> str:
    """The lesson's title without its number."""
    heading = read_source(unit.lesson).notebook.cells[0].source.partition("\n")[0]
    return re.sub(r"^#\s*(\d+\s*[:.]?\s*)?", "", heading).strip()


FORMS: dict[str, Callable[[Term], Export]] = {"moodle": moodle, "canvas": canvas, "csv": plain}
