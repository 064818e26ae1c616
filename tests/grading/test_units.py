"""Units of other kinds through the engine: classes as answers, checks that need torch, functions among the arguments, an
optional exercise."""

import shutil

import pytest
from classes import ROOT, UNIT, copy_course, run

from byhand.grading import record, stock, work
from byhand.grading.paper import read_paper, seed_of, with_problems
from byhand.grading.submission import Submission
from byhand.grading.work import Conditions
from byhand.teaching.course import Unit

pytestmark = pytest.mark.slow
OTHERS = ("02-chain-rule-graphs", "04-sequence-data", "14-deep-q-learning")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = copy_course(tmp_path_factory.mktemp("units"))
    for side in ("course", "solutions"):
        shutil.rmtree(root / side / UNIT)
        for unit in OTHERS:
            shutil.copytree(ROOT / side / unit, root / side / unit, ignore=shutil.ignore_patterns("__pycache__"))
    run(root, "byhand", "build")
    return root


@pytest.mark.parametrize("name", OTHERS)
def test_the_solution_earns_all_and_the_blank_stub_nothing_as_with_stock(course, name):
    unit, conditions, seed = Unit(course, name), Conditions(), seed_of(course / "classroom")
    with record.open_gradebook(course) as book:
        paper = with_problems(read_paper(unit, record.release_cells(book, unit), seed), unit, seed)
    for kind, share in (("source", 1), ("release", 0)):
        notebook = (course / "classroom" / kind / name / "exercises.ipynb").read_bytes()
        submission = Submission("someone", "", notebook)
        verdict = work.grade(paper, submission, conditions).verdict
        points = {exercise: found["points"] for exercise, found in verdict["exercises"].items()}
        assert verdict["status"] == "graded" and not verdict["message"]
        assert points == {exercise: share * asked.points for exercise, asked in paper.exercises.items()}
        stocks = stock.stock_scores(unit, paper, submission, conditions, seed)
        # An optional exercise has no points, and is none of nbgrader's.
        assert {exercise: stocks.get(f"{exercise}-check", 0) for exercise in points} == points
        assert all(found["right"] == bool(share) for found in verdict["exercises"].values())
