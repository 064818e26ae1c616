"""Who is in the class: what the school's system knows of each student, from its own CSV files in `classroom/roster/`.

One person may stand under several ids: the number of the school, a login, and in Moodle's assignments another number each
time. All files are read together, and their rows are put together by number, e-mail address or login, else by the name.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from byhand.course import CourseError
from byhand.grading.clean import taken_in

# What a column is, by the names that it has in files of Moodle, Canvas, nbgrader and others; in small letters.
COLUMNS = {
    "name": ("full name", "name", "student name", "display name"),
    "first": ("first name", "firstname", "first_name", "given name"),
    "last": ("last name", "lastname", "last_name", "surname", "family name"),
    "email": ("email address", "email", "e-mail", "mail", "e-mail address"),
    "number": (
        "id number",
        "sis user id",
        "student id",
        "student_id",
        "student number",
        "idnumber",
        "matriculation number",
    ),
    "login": ("sis login id", "username", "login", "user name", "login id"),
    "section": ("section", "group", "groups"),
    "participant": ("identifier",),
}
# and Integration ID, Root Account, where a school has them
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
NOBODY = {"student, test", "test student"}  # Canvas's own
LONGEST = 200


@dataclass
class Person:
    """One student. `ids` is all that may stand for them; `rows` is each file's own row, by the file's name."""

    name: str = ""
    email: str = ""
    number: str = ""
    login: str = ""
    section: str = ""
    ids: set[str] = field(default_factory=set)
    rows: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def keys(self) -> list[tuple[str, str]]:
        return [(what, getattr(self, what).casefold()) for what in ("number", "email", "login") if getattr(self, what)]


@dataclass(frozen=True)
class File:
    """One file of the school's: its columns, and all of its rows, those that are no person's too."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    @property
    def is_canvas(self) -> bool:
        return {"Student", "ID", "Section"} <= set(self.columns)

    @property
    def is_worksheet(self) -> bool:
        """Whether it is the grading worksheet of one assignment in Moodle."""
        return {"Identifier", "Grade"} <= set(self.columns)


@dataclass(frozen=True)
class Roster:
    people: tuple[Person, ...] = ()
    files: tuple[File, ...] = ()

    @cached_property
    def _of(self) -> dict[str, Person]:
        counts = Counter(one for person in self.people for one in person.ids)
        return {one: person for person in self.people for one in person.ids if counts[one] == 1}

    def find(self, student: str) -> Person | None:
        """Whom the folder `classroom/submitted/STUDENT` belongs to; None where nobody, or more than one, has this id."""
        return self._of.get(student.casefold())


def folder(root: Path) -> Path:
    return root / "classroom" / "roster"


def read_roster(root: Path) -> Roster:
    """Raises CourseError for a file that cannot be read as a list of students."""
    files = [read_file(path) for path in sorted(folder(root).glob("*.csv"))]
    people: list[Person] = []
    for file in files:
        _put(people, file)
    return Roster(tuple(people), tuple(files))


def add_files(root: Path, paths: Iterable[Path]) -> None:
    """Copy files of the school's into the roster; one with the same name is replaced. All of them, or none."""
    paths = list(paths)
    for path in paths:
        read_file(path)
    folder(root).mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = folder(root) / f"{path.stem}.csv"
        if path.resolve() != target.resolve():
            shutil.copy(path, target)


def read_file(path: Path) -> File:
    """Raises CourseError where it is no table, or none of people."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from None
    text = _text(data)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # Excel writes semicolons where the comma is in numbers
    try:
        lines = [
            [taken_in(cell.strip(), LONGEST) for cell in row]
            for row in csv.reader(io.StringIO(text), delimiter=delimiter)
            if any(row)
        ]
    except csv.Error as error:
        raise CourseError(f"{path} is no CSV file: {error}.") from None
    columns = tuple(lines[0]) if lines else ()
    rows = tuple(dict(zip(columns, [*line, *[""] * len(columns)], strict=False)) for line in lines[1:])
    file = File(path.name, columns, rows)
    kinds = {_kind(file, column) for column in columns}
    if not kinds & {"name", "first", "last"} or not kinds & {"email", "number", "login", "participant", "canvas", "id"}:
        known = "Full name, Email address, ID number, Username, or Student, ID, SIS Login ID, Section"
        shown = ", ".join(columns[:8]) or "nothing"
        raise CourseError(
            f"{path} is no list of students: it needs a name and an id in columns such as {known}; it has {shown}."
        )
    return file


def _text(data: bytes) -> str:
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            pass
    return data.decode("cp1252", "replace")


def _kind(file: File, column: str) -> str:
    if file.is_canvas and column in ("Student", "ID"):
        return {"Student": "name", "ID": "canvas"}[column]
    if column.lower() in ("id", "student"):
        return "id"
    return next((kind for kind, names in COLUMNS.items() if column.lower() in names), "")


def _put(people: list[Person], file: File) -> None:
    known = {key: person for person in people for key in person.keys}
    names = Counter(person.name.casefold() for person in people)
    here = Counter(_person(file, row).name.casefold() for row in file.rows)
    for row in file.rows:
        one = _person(file, row)
        if not one.ids or one.name.casefold() in NOBODY or "points possible" in one.name.casefold():
            continue
        there = next((known[key] for key in one.keys if key in known), None)
        if there is None and names[one.name.casefold()] == 1 == here[one.name.casefold()]:
            there = next(p for p in people if p.name.casefold() == one.name.casefold())
        if there is None:
            people.append(one)
        else:
            for what in ("name", "email", "number", "login", "section"):
                setattr(there, what, getattr(there, what) or getattr(one, what))
            there.ids |= one.ids
            there.rows |= one.rows


def _person(file: File, row: Mapping[str, str]) -> Person:
    found: dict[str, str] = {}
    for column, cell in row.items():
        if (kind := _kind(file, column)) and cell:
            found.setdefault(kind, cell)
    name = found.get("name") or " ".join(filter(None, (found.get("first"), found.get("last"))))
    person = Person(
        name, found.get("email", ""), found.get("number", ""), found.get("login", ""), found.get("section", "")
    )
    numbers = [found[kind] for kind in ("number", "email", "login", "canvas", "id") if kind in found]
    numbers += [person.email.partition("@")[0]] if person.email else []
    # "Participant 1234567", in any language
    numbers += [found["participant"].split()[-1]] if "participant" in found else []
    person.ids = {one.casefold() for one in numbers}
    person.rows[file.name] = row
    return person


def without(roster: Roster, students: Sequence[str]) -> tuple[list[str], list[Person]]:
    """The students that are on no list, and the people on the list who are none of these students."""
    found = {student: roster.find(student) for student in students}
    here = [id(person) for person in found.values() if person]
    return [s for s, person in found.items() if person is None], [p for p in roster.people if id(p) not in here]
