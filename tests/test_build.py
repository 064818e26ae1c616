"""Building: what is generated follows from the sources alone, and a wrong source is met with its file and line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from classes import UNIT, copy_course

from byhand.checking.mistakes import load_mistakes
from byhand.cli import main
from byhand.course import CourseError, Unit, find_units
from byhand.teaching.build import build, generate
from byhand.teaching.known import mistakes_bytes

ROOT = Path(__file__).resolve().parents[1]
UNITS = [unit.name for unit in find_units(ROOT)]


@pytest.fixture
def copy(tmp_path):
    """A course with one unit, to break."""
    return Unit(copy_course(tmp_path, UNIT), UNIT)


@pytest.fixture
def built(built_course, tmp_path):
    """A course with one unit that has been built."""
    return Unit(shutil.copytree(built_course, tmp_path / "course-of-one"), UNIT)


def edit(path: Path, old: str, new: str) -> int:
    """Replace text in a file, once; returns the line at which it stood."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize("unit", UNITS)
def test_a_released_notebook_is_whole_and_shows_its_points(unit):
    released = nbformat.read(ROOT / "course" / unit / "exercises.ipynb", as_version=4)
    nbformat.validate(released)
    text = "\n".join(cell.source for cell in released.cells)
    assert "BEGIN" not in text and "END SOLUTION" not in text and "HIDDEN" not in text
    points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in released.cells)
    assert points % 10 == 0 and f"**{points} points**" in released.cells[0].source
    assert len({cell.id for cell in released.cells}) == len(released.cells)


def test_a_second_build_changes_no_byte(built):
    def everything():
        return {
            p: p.read_bytes() for p in sorted(built.course.rglob("*")) if p.is_file() and "__pycache__" not in p.parts
        }

    first = everything()
    build([built], built.root)
    assert everything() == first


def test_numbers_that_another_processor_rounds_otherwise_stay_and_are_those_that_are_released(built, monkeypatch):
    """What is committed was made elsewhere, where a number's last digit may be another one."""
    monkeypatch.chdir(built.root)

    def rounded_otherwise(value):
        if isinstance(value, dict):
            return {key: rounded_otherwise(one) for key, one in value.items()}
        if isinstance(value, list):
            return [rounded_otherwise(one) for one in value]
        return value * (1 + 1e-9) if isinstance(value, float) else value

    file, answers = built.course / "mistakes.json", built.course / "answers.npz"
    mistakes = load_mistakes(built.course)
    for known in mistakes.values():
        known.listed[:] = [replace(m, wrong=rounded_otherwise(m.wrong)) for m in known.listed]
    file.write_bytes(mistakes_bytes(mistakes))
    with np.load(answers) as there:
        numbers = {k: there[k] * (1 + 1e-9) if there[k].dtype == np.float64 else there[k] for k in there}
    np.savez_compressed(answers, **numbers)
    moved = {file: file.read_bytes(), answers: answers.read_bytes()}
    assert main(["build", "--check"]) == 0
    build([built], built.root)
    for path, content in moved.items():
        assert path.read_bytes() == content != (ROOT / "course" / UNIT / path.name).read_bytes()
    assert main(["class", UNIT, "--students=1"]) == main(["grade", UNIT]) == 0


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: whole[: len(whole) // 2], lambda whole: b"[]", lambda whole: whole.replace(b'"packed": "eN', b'"packed": "AA')])  # fmt: skip
def test_generated_numbers_that_are_damaged_are_made_anew_or_named(built, damage):
    answers, mistakes = built.course / "answers.npz", built.course / "mistakes.json"
    answers.write_bytes(damage(answers.read_bytes()))
    build([built], built.root)
    assert np.load(answers).files
    mistakes.write_bytes(damage(mistakes.read_bytes()))
    assert f"{mistakes} is damaged: delete it, and run byhand build {UNIT}" in broken(built)


def test_check_changes_nothing_and_names_what_is_out_of_step(built, monkeypatch, capsys):
    monkeypatch.chdir(built.root)
    assert main(["build", "--check"]) == 0
    edit(built.lesson, "## Summary", "## In short")
    before = (built.course / "lesson.ipynb").read_bytes()
    assert main(["build", "--check"]) == 1
    assert f"run byhand build: course/{UNIT}/lesson.ipynb" in capsys.readouterr().err
    assert (built.course / "lesson.ipynb").read_bytes() == before


def test_the_classroom_holds_what_nbgrader_needs_and_no_text_source(built):
    source = built.root / "classroom" / "source" / UNIT
    assert {p.name for p in source.iterdir()} >= {"exercises.ipynb", "checks.py", "mistakes.json", "tale.txt"}
    assert not list((built.root / "classroom").rglob("*.md")) and not list((built.root / "classroom").rglob("*.yml"))
    assert (source / "mistakes.json").read_bytes() == (built.course / "mistakes.json").read_bytes()


def broken(unit: Unit) -> str:
    with pytest.raises(CourseError) as error:
        generate(unit, unit.root / "classroom")
    return str(error.value)


def test_metadata_with_a_trailing_comma_is_found(copy):
    line = edit(copy.exercises, '"points": 4}}', '"points": 4,}}')
    assert f"{copy.exercises}:{line}: this cell's metadata is not JSON" in broken(copy)


def test_metadata_of_a_code_cell_that_is_not_yaml_is_found(copy):
    line = edit(copy.exercises, "{grade_id: rnn_step, solution: true}", "{grade_id: rnn_step, solution: true")
    assert f"{copy.exercises}:{line}: this cell's metadata cannot be read" in broken(copy)


def test_a_grade_id_that_is_taken_is_found_with_both_lines(copy):
    edit(copy.exercises, "grade_id: rnn_forward, solution", "grade_id: rnn_step, solution")
    says = broken(copy)
    assert "the grade id 'rnn_step' is already taken by the cell at line" in says and f"{copy.exercises}:" in says


def test_a_missing_solution_mark_is_found(copy):
    text = copy.exercises.read_text()
    copy.exercises.write_text(text.replace("    ### END SOLUTION\n", "", 1))
    says = broken(copy)
    assert f"{copy.exercises}:" in says and "a solution needs one line '### BEGIN SOLUTION'" in says


BREAKS = {
    "an unknown key": ("{grade_id: rnn_step, solution: true}", "{grade_id: rnn_step, solutoin: true}", "unknown nbgrader metadata: solutoin"),
    "no points": ("{grade_id: rnn_step-check, grade: true, points: 4}", "{grade_id: rnn_step-check, grade: true}", "has no points"),
    "a given cell that is not locked": ("{grade_id: setup, locked: true}", "{grade_id: setup, locked: false}", "is neither locked nor a solution"),
    "points that are not announced": ("## Exercise 1: one step (4 points)", "## Exercise 1: one step (5 points)", "should say (4 points)"),
    "a test written by hand": ("{grade_id: rnn_step-check, grade: true, points: 4}\n", "{grade_id: rnn_step-check, grade: true, points: 4}\n\ncheck(rnn_step)\n", "a test cell is left empty"),
    "a test of nothing": ("{grade_id: rnn_step-check, grade: true", "{grade_id: rnn_stop-check, grade: true", "'rnn_stop-check' tests no exercise of checks.py"),
    "no header": ("jupytext:\n", "jupytxt:\n", "the header must name jupytext and kernelspec"),
    "an unknown citation": ("## Exercise 1: one step", "{cite:p}`nobody`\n\n## Exercise 1: one step", "no reference 'nobody'"),
    "an unknown equation": ("## Exercise 1: one step", "{eq}`eq-none`\n\n## Exercise 1: one step", "no equation 'eq-none'"),
    "a directive without a plain form": ("## Exercise 1: one step", ":::{margin}\nx\n\n## Exercise 1: one step", "has no plain form"),
}  # fmt: skip


@pytest.mark.parametrize("old, new, says", BREAKS.values(), ids=BREAKS.keys())
def test_a_wrong_source_is_met_with_file_and_line(copy, old, new, says):
    edit(copy.exercises, old, new)
    message = broken(copy)
    assert says in message
    assert message.startswith(f"{copy.exercises}:") and message.split(":")[1].isdigit()


def test_a_unit_without_checks_is_named(copy):
    (copy.course / "checks.py").unlink()
    with pytest.raises(CourseError, match=f"Unit {UNIT} is incomplete: course/{UNIT}/checks.py is missing"):
        find_units(copy.root)


def test_an_unknown_unit_is_named(copy, monkeypatch, capsys):
    monkeypatch.chdir(copy.root)
    assert main(["build", "06-nothing"]) == 1
    assert "There is no unit '06-nothing'; the units are 05-simple-rnn." in capsys.readouterr().err


def test_outside_a_course_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["build"]) == 1
    assert "is not inside a course" in capsys.readouterr().err


def test_an_answer_that_lies_in_the_students_folder_stops_the_build(copy):
    (copy.course / "notes.json").write_text(
        json.dumps("    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))")
    )
    assert "holds a line of an answer" in broken(copy)


def test_an_answer_that_comes_in_with_this_build_stops_it(copy):
    line = "log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))"
    edit(copy.misconceptions, "Which function turns a into h?", f"Write {line}")
    assert line not in (copy.course / "mistakes.json").read_text()
    assert "mistakes.json: holds a line of an answer" in broken(copy)


def test_a_bibliography_that_cannot_be_read_is_named(copy):
    path = copy.root / "book" / "references.bib"
    path.write_text(path.read_text().rstrip().removesuffix("}"))
    assert str(path) in broken(copy)


@pytest.mark.parametrize("notebook", sorted(ROOT.glob("course/*/*.ipynb")), ids=lambda path: "/".join(path.parts[-2:]))
def test_code_is_no_wider_than_a_cell_shows(notebook):
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    assert [line for cell in cells for line in cell.source.splitlines() if len(line) > 92] == []
