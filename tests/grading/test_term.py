"""`byhand term`, `byhand roster`, `byhand export`: the class over the term, and its marks in the school's system."""

import csv
import datetime
import io
import os
import re
import sys
from pathlib import Path

import pytest
from book_visit import LOOKS, violations
from classes import UNIT, copy_course
from markupsafe import escape
from nbgrader.api import Gradebook
from terms import made_up_term

from byhand.course import CourseError, Unit
from byhand.grading.export import canvas, moodle, plain
from byhand.grading.families import family
from byhand.grading.roster import Person, Roster, add_files, read_roster
from byhand.grading.term import Line, Mark, Term
from byhand.grading.term_page import term_page, term_table
from byhand.grading.verdicts import write_verdict

OTHER = "06-why-lstm"


def a_term(**marks):
    """A term of units 01 to 06 from rows of shares: None is not handed in."""
    units = tuple(Unit(Path("/nowhere"), f"0{n}-unit") for n in range(1, 7))
    lines = []
    for student, shares in marks.items():
        line = Line(Person(student.title(), ids={student}), [student])
        for unit, share in zip(units, shares, strict=False):
            if share is not None:
                line.marks[unit.name] = share if isinstance(share, Mark) else Mark(50 * share, 50.0, student=student)
        lines.append(line)
    return Term(units, tuple(lines), frozenset({"06-unit"}), {u.name: 50.0 for u in units}, Roster())


def signs(*shares):
    term = a_term(ada=shares)
    return term.signs(term.lines[0])


def test_who_may_need_help_is_said_with_the_reason():
    assert signs(0.9, 0.8, 0.9, 0.8, 0.9) == []
    assert signs(0.9, 0.8, 0.9) == ["has handed in nothing since unit 03"]
    assert signs() == ["has handed in nothing"]
    assert signs(0.9, None, None, 0.9, None) == ["has not handed in 3 of 5 units"]
    assert signs(0.9, 0.9, 0.9, 0.6, 0.6) == ["the last two units lie 30 points in a hundred below those before"]
    assert "has less than half of the points in the last two units handed in" in signs(0.4, 0.4, 0.4, 0.4, 0.4)
    damaged = Mark(0.0, 50.0, "damaged")
    assert signs(0.9, 0.9, 0.9, 0.9, damaged) == ["the file of unit 05 could not be graded (damaged): ask for it again"]
    kinds = [Mark(40.0, 50.0, kinds=frozenset({"a transpose"})) for _ in range(3)]
    assert signs(*kinds, 0.8, 0.8) == ["a transpose: in units 01, 02, 03"]


def test_what_is_not_due_is_not_missing_and_what_is_missing_counts_in_the_sum():
    term = a_term(ada=(1, 1, None, 1, 1))
    [line] = term.lines
    assert term.missing(line) == ["03-unit"] and term.total(line) == (200.0, 250.0)


def test_mistakes_of_one_kind_are_told_by_their_names():
    assert (
        family("w-not-transposed")
        == family("derived-1", "Somewhere the product is the transpose of what belongs there.")
        == "a transpose"
    )
    assert family("gradient-of-the-sum") == family("mean-over-the-batch") != family("sign-of-the-loss") == "a sign"
    assert family("recurrence-outside-the-activation") == ""


@pytest.mark.parametrize("students", [30, 200])
def test_the_page_has_everybody_and_without_names_nobody(students):
    term = made_up_term(students)
    html, bare = term_page(term), term_page(term, named=False)
    rows = lambda page: page.split('<h2 id="all">')[1].count('<th scope="row">')  # noqa: E731
    assert rows(html) == rows(bare) == students
    for line in term.lines:
        assert escape(line.person.name) in html
        assert line.person.name.split()[-1] not in bare and line.person.number not in bare
    table = list(csv.DictReader(io.StringIO(term_table(term))))
    assert len(table) == students and {row["name"] for row in table} == {line.person.name for line in term.lines}
    assert not {line.person.email for line in term.lines} & set(re.findall(r"\S+@\S+", term_table(term, named=False)))


def test_names_are_shown_and_never_run():
    evil = Person("<script>alert(1)</script>\u202e", ids={"x"})
    term = Term(
        a_term().units,
        (Line(evil, ["x"], {"01-unit": Mark(1, 50.0)}),),
        frozenset(),
        {u.name: 50.0 for u in a_term().units},
        Roster(),
    )
    assert "<script" not in term_page(term) and "&lt;script&gt;" in term_page(term) and "\u202e" not in term_page(term)
    formula = Person('=HYPERLINK("x")', ids={"x"})
    term = Term(term.units, (Line(formula, ["x"]),), frozenset(), term.max_points, Roster())
    assert all(
        not cell.startswith("=")
        for text in (term_table(term), plain(term).files["marks.csv"])
        for row in csv.reader(io.StringIO(text))
        for cell in row
    )


# From files as the systems export them, with the columns that their importers read.
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,The simple RNN (7712),Current Score
,,,,,Manual Posting,
    Points Possible,,,,,50.00,(read only)
"李, 小龙",4711,U1,bruce,101,,
"الزهراء, فاطمة",4712,U2,fatima,101,,
"Müller, Zoë",4713,U3,zoe,102,12.00,
"Student, Test",9999,,abcdef,,,
"""
WORKSHEET = """Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 1234567","李 小龙",bruce@example.org,"Submitted for grading",,50.00,Yes,"Friday, 30 October 2026, 3:00 PM",-,
"Participant 1234568","Zoë Müller",zoe@example.org,"Submitted for grading",,50.00,Yes,"Friday, 30 October 2026, 3:00 PM",-,"Well, done"
"Participant 1234569","Ọlá Adébáyọ̀",ola@example.org,"No submission",,50.00,Yes,-,-,
"""
PARTICIPANTS = "First name;Last name;ID number;Email address;Groups\nZoë;Müller;U3;zoe@example.org;B\nỌlá;Adébáyọ̀;U4;ola@example.org;B\n"


@pytest.fixture
def root(tmp_path):
    return tmp_path


def listed(root, **texts):
    for name, text in texts.items():
        (root / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    add_files(root, [root / f"{name}.csv" for name in texts])
    return read_roster(root)


def test_one_person_is_one_person_in_all_lists(root):
    roster = listed(root, canvas=CANVAS, sheet=WORKSHEET, participants=PARTICIPANTS.encode("utf-8-sig"))
    for ids in (("4713", "U3", "zoe", "1234568", "zoe@example.org"), ("U4", "1234569", "ola"), ("4711", "U1")):
        assert len({id(roster.find(one)) for one in ids}) == 1 and roster.find(ids[0])
    assert roster.find("abcdef") is None and roster.find("points possible") is None
    assert roster.find("zoe").name == "Müller, Zoë" and roster.find("zoe").number == "U3"


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Full name\nAda\n", "\x00\x01", "Email address\na@b\n"])
def test_a_file_that_is_no_list_is_said_and_not_taken(root, text):
    (root / "bad.csv").write_text(text)
    with pytest.raises(CourseError, match=r"no list of students|no CSV"):
        add_files(root, [root / "bad.csv"])
    assert not (root / "classroom").exists()


def test_a_file_of_excel_is_read_in_its_encoding(root):
    roster = listed(
        root, old="Name;ID number\nZoë Müller;1\n".encode("cp1252"), new="Name,ID number\nOlá,2\n".encode("utf-16")
    )
    assert {person.name for person in roster.people} == {"Zoë Müller", "Olá"}


def with_marks(root, roster, unit=UNIT, **points):
    """A term of one unit: student -> points."""
    lines = {}
    for person in roster.people:
        lines[id(person)] = Line(person)
    for student, mark in points.items():
        student = student.lstrip("_")
        person = roster.find(student) or Person("", ids={student})
        line = lines.setdefault(id(person), Line(person))
        line.students.append(student)
        line.marks[unit] = mark if isinstance(mark, Mark) else Mark(mark, 50.0, student=student)
    course = Unit(Path(__file__).parents[2], unit)
    return Term((course,), tuple(lines.values()), frozenset(), {unit: 50.0}, roster)


def canvas_reads(text):
    """What Canvas's importer takes from a file: its rules for the header, and rows by ID. Returns ID -> column -> grade."""
    rows = list(csv.reader(io.StringIO(text)))
    head = rows[0]
    assert (
        "Student" in head[0]
        and "ID" in head[1]
        and re.search(r"SIS\s+User\s+ID", head[2])
        and re.search(r"SIS\s+Login\s+ID", head[3])
    )
    before = 5 + ("Integration ID" in head)
    assert "Section" in head[before - 1], "the last column about the student is the section"
    assert "Points Possible" in rows[1][0]
    return {row[1]: dict(zip(head[before:], row[before:], strict=True)) for row in rows[2:]}


def test_canvas_gets_its_own_columns_back_and_no_zero_for_what_is_missing(root):
    term = with_marks(
        root, listed(root, canvas=CANVAS), bruce=44.5, zoe=Mark(0.0, 50.0, "damaged", student="zoe"), stranger=3
    )
    export = canvas(term)
    grades = canvas_reads(export.files["canvas.csv"])
    assert grades == {
        "4711": {"The simple RNN (7712)": "44.5"},
        "4712": {"The simple RNN (7712)": ""},
        "4713": {"The simple RNN (7712)": ""},
    }
    assert any("stranger" in says for says in export.says)


def test_canvas_gets_a_new_column_where_it_has_none_and_a_word_where_its_points_differ(root):
    roster = listed(root, canvas=CANVAS.replace("The simple RNN (7712)", "Essay (1)"))
    grades = canvas_reads(canvas(with_marks(root, roster, bruce=44.5)).files["canvas.csv"])
    assert grades["4711"] == {UNIT: "44.5"}
    roster = listed(root, canvas=CANVAS.replace("50.00", "100.00"))
    assert any("100.00 in Canvas" in says for says in canvas(with_marks(root, roster, bruce=1)).says)


def moodle_reads(text):
    """What Moodle's importer of grading worksheets takes: grades by the number behind `Participant `."""
    rows = csv.DictReader(io.StringIO(text))
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(rows.fieldnames)
    return {
        row["Identifier"][len("Participant ") :]: float(row["Grade"]) for row in rows if row["Grade"] not in ("", "-")
    }


def test_moodles_worksheet_comes_back_filled_in_and_otherwise_unchanged(root):
    term = with_marks(root, listed(root, sheet=WORKSHEET), _1234567=44.5, _1234568=31)
    filled = moodle(term).files[f"moodle-{UNIT}.csv"]
    assert moodle_reads(filled) == {"1234567": 44.5, "1234568": 31.0}
    before, after = (list(csv.DictReader(io.StringIO(text))) for text in (WORKSHEET, filled))
    assert [row | {"Grade": ""} for row in after] == before


def test_moodles_gradebook_gets_a_column_by_which_it_finds_students(root):
    term = with_marks(root, listed(root, participants=PARTICIPANTS), zoe=31)
    rows = list(csv.DictReader(io.StringIO(moodle(term).files["moodle.csv"])))
    assert {row["Email address"]: row[UNIT] for row in rows} == {"zoe@example.org": "31", "ola@example.org": ""}
    assert {row["ID number"] for row in rows} == {"U3", "U4"}


def test_what_a_system_needs_and_the_lists_lack_is_said(root):
    term = with_marks(root, Roster(), ada=3)
    for form, word in ((canvas, "SIS Login ID"), (moodle, "grading worksheet")):
        with pytest.raises(CourseError, match=word):
            form(term)
    first, *_ = csv.DictReader(io.StringIO(plain(term).files["marks.csv"]))
    assert first[UNIT] == "3"


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """Two units in the gradebook: one late and marked by hand, one that waits, one damaged, one who has handed in one unit alone."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    root = copy_course(tmp_path / "course")
    copy_course(root, OTHER)
    (root / "classroom").mkdir()
    right = dict(points=4.0, max_points=4.0, right=True, mistake=None, hint=None, failure=None, fingerprint=None)
    wrong = right | dict(points=0.0, right=False, mistake="w-not-transposed", hint="Transpose.", failure="h: off")
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        for unit in (UNIT, OTHER):
            book.add_assignment(unit, duedate=datetime.datetime(2026, 10, 30, 12))
            book.add_notebook("exercises", unit)
            book.add_grade_cell("a-check", "exercises", unit, max_score=40, cell_type="code")
            book.add_grade_cell("written", "exercises", unit, max_score=10, cell_type="markdown")
            for student in ("ada", "bob", "cem") if unit == UNIT else ("ada", "bob"):
                book.update_or_create_student(student)
                when = datetime.datetime(2026, 10, 30, 14 if student == "ada" else 11)
                book.add_submission(unit, student, timestamp=when)
                notebook = book.find_submission_notebook("exercises", unit, student)
                damaged = student == "cem"
                for grade in notebook.grades:
                    grade.auto_score = 0.0 if damaged else 30.0 if grade.name == "a-check" else None
                    grade.manual_score = 7.0 if grade.name == "written" and student == "ada" else None
                    grade.needs_manual_grade = grade.name == "written" and student == "bob"
                notebook.late_submission_penalty = 5.0 if student == "ada" else None
                write_verdict(root, dict(
                    student=student, unit=unit, digest="", status="damaged" if damaged else "graded", message="", score=30.0, max_score=50.0,
                    exercises={"a": wrong if student == "bob" else right}, seconds=dict(own_cells=1.0, total=1.0), notes=[],
                ))  # fmt: skip
        book.db.commit()
    return root


def test_the_way_of_an_instructor_from_the_roster_to_the_school_s_system(graded, byhand):
    (graded / "names.csv").write_text(
        "Full name,Email address,Username\nAda Lovelace,ada@example.org,ada\n李 小龙,bruce@example.org,bruce\n"
    )
    code, said, _ = byhand(graded, "roster", "names.csv")
    assert code == 0 and "2 students on 1 list" in said
    code, said, _ = byhand(graded, "term")
    assert code == 0 and "4 students, 2 units" in said and "2 submissions still without a mark" in said
    with (graded / "classroom/reports/term.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert rows["Ada Lovelace"][UNIT] == "32" and rows["Ada Lovelace"][f"{UNIT} state"] == "late by 2 hours"
    assert rows["bob"][f"{UNIT} state"] == "waits for a mark" and rows["bob"]["points"] == "60"
    assert (
        rows["cem"][UNIT] == ""
        and rows["cem"][f"{UNIT} state"] == "damaged"
        and rows["cem"][f"{OTHER} state"] == "not handed in"
    )
    assert rows["李 小龙"]["may need help"] == "has handed in nothing"
    html = (graded / "classroom/reports/term.html").read_text()
    assert "Mistakes that come back" in html and "a transpose" in html
    code, *_ = byhand(graded, "term", "--no-names")
    assert "Lovelace" not in (graded / "classroom/reports/term-no-names.html").read_text()
    code, said, _ = byhand(graded, "export", "csv")
    assert code == 0 and "left empty, since the file could not be graded: cem" in said and "by hand" in said
    code, said, _ = byhand(graded, "export", "moodle", UNIT)
    assert (
        code == 0
        and (graded / "classroom/exports/moodle.csv").read_text().splitlines()[0]
        == f"Full name,Email address,Username,{UNIT}"
    )
    code, _, says = byhand(graded, "export", "canvas")
    assert code == 2 and "byhand roster FILE.csv" in says


def test_a_term_without_any_grade_says_so(graded, byhand):
    with Gradebook(f"sqlite:///{graded}/classroom/gradebook.db") as book:
        for student in ("ada", "bob", "cem"):
            book.remove_student(student)
    for path in (graded / "classroom/verdicts").rglob("*.json"):
        path.unlink()
    code, _, says = byhand(graded, "term")
    assert code == 2 and "Nothing has been graded yet" in says


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1200])
def test_in_a_browser_the_page_fits_and_is_accessible(tmp_path, browser, scheme, width):
    path = tmp_path / "term.html"
    path.write_text(term_page(made_up_term(30)))
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    tab, problems = context.new_page(), []
    tab.on("console", lambda message: problems.append(message.text))
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width and problems == []
    assert violations(tab, *LOOKS[scheme]) == []
    context.close()
