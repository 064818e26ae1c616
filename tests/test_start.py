"""The start page and one's own progress."""

import json
import subprocess
import sys

import nbformat
import pytest
from classes import EXERCISES, ROOT, UNIT, Answers, copy_course

from byhand import progress, start
from byhand.teaching.execute import run as run_notebook


@pytest.fixture
def course(tmp_path):
    """A course of two units without answers."""
    for number, name in (("01", "one"), ("02", "two")):
        folder = tmp_path / "course" / f"{number}-{name}"
        folder.mkdir(parents=True)
        lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {number} Unit {name}\n\nText.")])
        checks = [
            nbformat.v4.new_code_cell(
                "check", metadata={"nbgrader": {"grade_id": f"{name}_{part}-check", "grade": part != "d"}}
            )
            for part in "abcd"  # d is optional
        ]
        nbformat.write(lesson, folder / "lesson.ipynb")
        nbformat.write(nbformat.v4.new_notebook(cells=checks), folder / "exercises.ipynb")
    (tmp_path / "course" / "start.md").write_text("# Course\n\n%UNITS%\n\n%NOW%\nMore.\n")
    return tmp_path / "course"


def go_on(course):
    return start.where_to_go_on(progress.units(course))


def test_it_leads_from_the_first_lesson_to_the_last_exercise(course):
    assert go_on(course) == "**Begin with** [01 Unit one](01-one/lesson.ipynb)."
    progress.record(course / "01-one", "one_a", True)
    assert go_on(course) == "**Go on with** [01 Unit one](01-one/exercises.ipynb), exercise `one_b`."
    progress.record(course / "01-one", "one_c", True)
    assert "exercise `one_b`" in go_on(course)
    progress.record(course / "01-one", "one_b", True)
    assert go_on(course) == "**Go on with** [02 Unit two](02-two/lesson.ipynb)."
    for part in "abc":
        progress.record(course / "02-two", f"two_{part}", True)
    assert go_on(course) == "**All checks of the course are right.**"


def test_who_begins_in_the_middle_is_led_on_from_there(course):
    progress.record(course / "02-two", "two_a", True)
    assert "exercise `two_b`" in go_on(course)


def test_a_check_that_is_no_longer_right_counts_no_longer(course):
    progress.record(course / "01-one", "one_a", True)
    progress.record(course / "01-one", "one_a", False)
    assert progress.read(course) == {"01-one": []}


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"01-one": 3}', "\0"])
def test_a_damaged_file_costs_the_memory_and_not_the_check(course, damage):
    (course / progress.FILE).write_text(damage)
    assert progress.read(course) == {}
    progress.record(course / "01-one", "one_a", True)
    assert progress.read(course) == {"01-one": ["one_a"]}


def test_outside_of_the_course_nothing_is_written(tmp_path):
    progress.record(tmp_path / "01-one", "one_a", True)
    assert list(tmp_path.iterdir()) == []


def test_a_unit_that_cannot_be_read_does_not_stop_the_start_page(course):
    (course / "01-one" / "lesson.ipynb").write_text("no notebook")
    page = nbformat.read(start.write_start_page(course.parent), as_version=4)
    nbformat.validate(page)
    assert "[lesson 02](02-two/lesson.ipynb)" in page.cells[0].source
    assert "%" not in page.cells[0].source


def test_every_unit_of_this_course_is_listed_with_its_checks():
    listed = progress.units(ROOT / "course")
    assert [unit.name for unit in listed] == sorted(p.name for p in (ROOT / "course").glob("[0-9][0-9]-*"))
    for unit in listed:
        assert unit.title[:2] == unit.name[:2] and len(unit.exercises) >= 4
    text = start.overview(listed)
    labels = [part.split("]")[0] for part in text.split("[")[1:]]
    assert len(labels) == len(set(labels)) or text.count(f"[{listed[0].title}]") == 1, (
        "links that go elsewhere read differently"
    )


def test_elsewhere_than_in_a_course_it_says_so(tmp_path):
    done = subprocess.run([sys.executable, "-m", "byhand.start"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "is not the root of the course" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_checks_that_are_run_in_the_notebook_show_on_the_start_page(tmp_path):
    root = copy_course(tmp_path)
    notebook = Answers(root).solved("rnn_backward/paired-with-the-same-step")
    for cell in notebook.cells:
        if "skip-execution" in cell.metadata.get("tags", []):
            cell.source = "pass"
    path = root / "course" / UNIT / "exercises.ipynb"
    nbformat.write(notebook, path)
    run_notebook(path)
    [unit] = progress.units(root / "course")
    assert set(unit.exercises) - unit.right == {"rnn_backward", "truncated_bptt"}  # the second uses the first
    page = run_notebook(start.write_start_page(root))
    right = f"{len(EXERCISES) - 2} of {len(EXERCISES)} right"
    assert "exercise `rnn_backward`" in page.cells[0].source and right in page.cells[0].source
    assert right in json.dumps(page.cells[1].outputs)
