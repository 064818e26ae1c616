"""A made-up class: what it holds, that it can be made again, and that it never touches what real students handed in."""

import json

import pytest
from classes import UNIT, copy_course

from byhand.checking import visible_report
from byhand.checking.exercise import load_checks
from byhand.cli import main
from byhand.course import CourseError, Unit
from byhand.grading.made_up import BAD, MadeUpClass, make_class


@pytest.fixture
def unit(tmp_path):
    return Unit(copy_course(tmp_path), UNIT)


def submissions(unit):
    return {p.parts[-3]: p.read_bytes() for p in (unit.root / "classroom/submitted").glob(f"*/{UNIT}/exercises.ipynb")}


def answers(content):
    """Grade id -> source, as far as the notebook can be read."""
    cells = json.loads(content)["cells"]
    return {c["metadata"]["nbgrader"]["grade_id"]: "".join(c["source"]) for c in cells if "nbgrader" in c["metadata"]}


def test_twenty_students_hand_in_something_of_every_kind(unit):
    counts = make_class(unit, 20)
    assert len(submissions(unit)) == 20 and sum(counts.values()) == 20
    assert counts["right"] == 3 and counts["blank"] == 1
    assert sum(n for says, n in counts.items() if says in BAD) == 2
    assert sum(n for says, n in counts.items() if says.startswith("first ")) == 3
    assert sum(n for says, n in counts.items() if "/" in says) == 10
    assert sum(n for says, n in counts.items() if says.startswith("slip in ")) == 1


def test_a_larger_class_holds_every_damaged_and_hostile_submission(unit):
    assert {says for _, says, _ in MadeUpClass(unit, 200)} >= set(BAD)


def test_the_same_seed_makes_the_same_class_and_another_one_another(unit):
    def made(seed):
        return list(MadeUpClass(unit, 20, seed))

    assert made(1) == made(1) != made(2)


def test_a_misconception_stands_in_the_notebook_as_it_is_listed(unit):
    made = MadeUpClass(unit, 60)
    listed = {f"{v.exercise}/{v.id}": v for vs in made.sheet.wrong.values() for v in vs}
    found = 0
    for _, says, content in made:
        for name in says.split(", ") if "/" in says else []:
            found += 1
            lines = [line.strip() for line in listed[name].region.splitlines()]
            cell = [line.strip() for line in answers(content)[listed[name].exercise].splitlines()]
            assert cell[-len(lines) :] == lines, name
    assert found >= 30


def test_a_slip_is_wrong_in_a_way_that_no_hint_knows(unit):
    checks, slips = load_checks(unit.course), MadeUpClass(unit, 1)._common_slips
    assert len(slips) == 2
    from byhand.teaching.misconceptions import Answers
    from byhand.teaching.notebooks import read_source

    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    for slip in slips:
        report = visible_report(slip.exercise, checks, solved.function(slip.exercise, slip))
        assert not report.right and not report.hints


def test_each_has_the_files_of_the_unit_beside_the_notebook(unit):
    make_class(unit, 2)
    beside = {p.name for p in (unit.root / "classroom/submitted/made-up-001" / UNIT).iterdir()}
    assert beside == {"exercises.ipynb", *(p.name for p in unit.materials)}


def test_an_earlier_made_up_class_is_replaced(unit):
    make_class(unit, 5)
    make_class(unit, 3, seed=1)
    assert sorted(submissions(unit)) == ["made-up-001", "made-up-002", "made-up-003"]


def test_real_submissions_are_never_touched(unit, monkeypatch, capsys):
    real = unit.root / "classroom/submitted/anna" / UNIT
    real.mkdir(parents=True)
    (real / "exercises.ipynb").write_text("what anna wrote")
    monkeypatch.chdir(unit.root)
    assert main(["class", UNIT]) == 2
    assert "holds 05-simple-rnn of 1 real student (anna)" in capsys.readouterr().err
    assert submissions(unit) == {"anna": b"what anna wrote"}


def test_a_class_of_nobody_and_an_unknown_unit_are_refused(unit, monkeypatch, capsys):
    monkeypatch.chdir(unit.root)
    with pytest.raises(CourseError, match="at least one student, not 0"):
        make_class(unit, 0)
    assert main(["class", "77-nothing"]) == 2
    assert "There is no unit '77-nothing'" in capsys.readouterr().err
    assert not (unit.root / "classroom").exists()
