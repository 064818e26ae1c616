"""`nbgrader validate`, and JupyterLab's button Validate, which asks the same validator: they tell the truth."""

import shutil

import nbformat
import pytest
from classes import ESSAY, EXERCISES, UNIT, Answers, copy_course
from nbgrader.validator import Validator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return Answers(copy_course(tmp_path_factory.mktemp("validate")))


def failed(answers, tmp_path, notebook):
    """The cells that fail, and what is said of each."""
    folder = tmp_path / UNIT
    shutil.copytree(answers.released.parent, folder)
    nbformat.write(notebook, folder / "exercises.ipynb")
    found = Validator().validate(str(folder / "exercises.ipynb"))
    assert found.keys() <= {"failed"}
    return {cell["source"]: cell["error"] for cell in found.get("failed", [])}


def test_a_solved_notebook_passes(answers, tmp_path):
    assert failed(answers, tmp_path, answers.solved(written=ESSAY)) == {}


def test_a_blank_notebook_fails_in_every_exercise(answers, tmp_path):
    found = failed(answers, tmp_path, answers.notebook({"written": ESSAY}))
    assert found.keys() == {f'check("{name}", {name})' for name in EXERCISES}
    assert all("Not written yet" in says and "Traceback" not in says for says in found.values())


def test_a_wrong_answer_fails_with_what_the_check_says(answers, tmp_path):
    found = failed(answers, tmp_path, answers.solved("cross_entropy/gradient-of-the-sum", written=ESSAY))
    says = found['check("cross_entropy", cross_entropy)']
    assert "cross_entropy: not right yet. Look at do." in says and "Hint:" in says and "NotRight" not in says
