"""Every unit the whole way: built, a made-up class graded by `byhand grade` and by stock nbgrader, report, feedback, export.

Building verifies: each mistake is met with its own hint, each right answer passes, the blank stub earns 0.
"""

import csv
import json

import nbformat
import pytest
from classes import PATIENT, ROOT, copy_course, fresh, run
from nbgrader.api import Gradebook

from byhand.course import Unit, find_units

pytestmark = pytest.mark.slow
UNITS = [unit.name for unit in find_units(ROOT)]
STUDENTS = 3
SEED = 22  # of the made-up class: one right, one with mistakes, one unfinished; nobody in it harms stock nbgrader


def gradebook(root, unit):
    """Student -> graded cell -> (score, whether it waits for a human)."""
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        return {
            submission.student.id: {
                g.name: (g.auto_score, g.needs_manual_grade) for g in submission.notebooks[0].grades
            }
            for submission in book.assignment_submissions(unit)
        }


def changed_files(folder, committed):
    """The files whose content the build has changed: what is committed was not in step with its source."""
    built = [
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    return [str(path) for path in built if (folder / path).read_bytes() != (committed / path).read_bytes()]


@pytest.mark.parametrize("unit", UNITS)
def test_a_made_up_class_from_the_build_to_the_exported_marks(unit, tmp_path):
    ours = copy_course(tmp_path / "ours", unit)
    run(ours, "byhand", "build")
    assert changed_files(ours / "course" / unit, ROOT / "course" / unit) == []
    run(ours, "byhand", "class", unit, f"--students={STUDENTS}", f"--seed={SEED}")
    stock = fresh(tmp_path / "stock", ours)

    said = run(ours, "byhand", "grade", unit)
    assert f"{STUDENTS} graded." in said
    found = gradebook(ours, unit)
    verdicts = {p.stem: json.loads(p.read_text()) for p in (ours / "classroom/verdicts" / unit).glob("*.json")}
    assert found.keys() == verdicts.keys() and len(found) == STUDENTS

    run(stock, "nbgrader", "autograde", unit, *PATIENT)
    assert found == gradebook(stock, unit)

    run(ours, "byhand", "report", unit)
    assert f"{STUDENTS} submissions" in (ours / f"classroom/reports/{unit}.html").read_text()
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    run(ours, "nbgrader", "release_feedback", unit, f"--Exchange.root={exchange}")
    assert len(list((exchange / "byhand/feedback").iterdir())) == STUDENTS
    run(ours, "nbgrader", "export")
    with (ours / "grades.csv").open() as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == pytest.approx({student: verdict["score"] for student, verdict in verdicts.items()})
    run(ours, "nbgrader", "generate_feedback", unit, "--force")


@pytest.mark.parametrize("unit", UNITS)
def test_every_cell_of_a_released_unit_is_one_that_nbgrader_keeps(unit):
    """Without it the release could not be put back, and nobody could be graded."""
    released = nbformat.read(Unit(ROOT, unit).course / "exercises.ipynb", as_version=4)
    for cell in released.cells:
        if meta := cell.metadata.get("nbgrader"):
            assert meta["grade"] or meta["solution"] or meta["locked"], meta["grade_id"]
