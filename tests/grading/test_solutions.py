"""`byhand solutions`: what students are given after the deadline, and not before."""

import datetime
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from classes import EXERCISES, ROOT, UNIT, copy_course
from nbgrader.api import Gradebook

from byhand.checking import _loaded
from byhand.course import Unit, find_units
from byhand.grading import model_answers_page
from byhand.grading.model_answers import Model, model_answers
from byhand.stepper import mathml
from byhand.teaching.misconceptions import load_variants


@pytest.fixture
def root(tmp_path):
    return copy_course(tmp_path / "course")


@pytest.fixture(autouse=True)
def alembic(monkeypatch):
    """nbgrader calls it by name."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def due(root, date):
    (root / "classroom").mkdir()
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        book.add_assignment(UNIT, duedate=date)


def test_the_page_has_solution_styles_and_each_mistake_with_its_reason(root, byhand):
    code, said, _ = byhand(root, "solutions", UNIT)
    assert code == 0 and f"classroom/solutions/{UNIT}.html" in said and "no due date" in said
    html = (root / f"classroom/solutions/{UNIT}.html").read_text()
    notebook = (root / f"classroom/solutions/{UNIT}.ipynb").read_text()
    variants = load_variants(Unit(root, UNIT))
    assert html.count("<li><h4>") == len(variants.misconceptions)
    for words in (
        "return np.tanh(b + h_prev @ W.T + x @ U.T)",
        "Columns as in the article",
        "No bias",
        "Count the terms of a in the equation.",
    ):
        assert words in html and words in notebook
    assert "Copies. Imagine a copy" in html and "<math" in html
    assert "<script" not in html and "HIDDEN" not in notebook and "BEGIN SOLUTION" not in notebook + html


def test_nothing_is_left_out(root):
    variants, answers = load_variants(Unit(root, UNIT)), model_answers(Unit(root, UNIT))
    models = [e for e in answers.exercises if isinstance(e, Model)]
    assert [m.name for m in models] == list(EXERCISES)
    assert sum(len(m.mistakes) for m in models) == len(variants.misconceptions)
    assert sum(len(m.styles) for m in models) == len(variants.alternatives)
    assert sum(e.points for e in answers.exercises) == 50


def test_the_notebook_runs_beside_the_checks_and_every_check_finds_it_right(root, byhand, monkeypatch, capsys):
    byhand(root, "solutions", UNIT)
    notebook = nbformat.read(root / f"classroom/solutions/{UNIT}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any("nbgrader" in cell.metadata for cell in notebook.cells), "it must not be taken for work to hand in"
    monkeypatch.chdir(root / "course" / UNIT)
    _loaded.clear()
    space = {}
    capsys.readouterr()
    for cell in notebook.cells:
        if (
            cell.cell_type == "code"
            and "skip-execution" not in cell.metadata.get("tags", [])
            and "plt" not in cell.source
        ):
            exec(cell.source, space)
    said = capsys.readouterr().out
    assert [name for name in EXERCISES if f"{name}: right." not in said] == []


def test_before_the_deadline_nothing_is_written(root, byhand):
    due(root, datetime.datetime(2999, 1, 1))
    code, _, says = byhand(root, "solutions", UNIT)
    assert code == 2 and "is due on 2999-01-01" in says and not (root / "classroom/solutions").exists()


def test_after_the_deadline_it_is_written(root, byhand):
    due(root, datetime.datetime(2001, 1, 1))
    code, said, _ = byhand(root, "solutions", UNIT)
    assert code == 0 and "due date" not in said


@pytest.mark.slow
@pytest.mark.parametrize("unit", find_units(ROOT), ids=lambda unit: unit.name)
def test_every_unit_has_a_page_on_which_each_formula_is_shown(unit, monkeypatch):
    unknown = []

    def shown(latex, display):
        try:
            return mathml(latex, display)
        except ValueError as error:
            unknown.append(str(error))
            raise

    monkeypatch.setattr(model_answers_page, "mathml", shown)
    html = model_answers_page.page(model_answers(unit))
    assert unknown == [] and html.count("<section>") == len(model_answers(unit).exercises) and "{eq}" not in html


def test_the_hand_out_has_none_of_it(root, byhand):
    byhand(root, "solutions", UNIT)
    for command in (["init", "-q"], ["add", "-f", "."]):  # even where somebody has put it into git
        subprocess.run(["git", *command], cwd=root, check=True)
    code, *_ = byhand(root, "handout", str(root / "out.zip"))
    with zipfile.ZipFile(root / "out.zip") as packed:
        texts = [packed.read(name).decode(errors="replace") for name in packed.namelist()]
    assert code == 0 and not any(
        "Imagine a copy" in text or "Right as well, in another style" in text for text in texts
    )
