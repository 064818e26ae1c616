"""Executed notebooks are kept by the content of what they depend on, and nobody runs what somebody else is running."""

import threading
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from byhand.teaching import execute


@pytest.fixture
def lesson(tmp_path):
    """The path of a notebook in a course that has all that a result can depend on."""
    for name in ("course/01-one", "solutions", "requirements", "src/byhand/teaching"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("requirements/student.txt", "requirements/torch.txt", "src/byhand/a.py", "src/byhand/teaching/b.py"):
        (tmp_path / name).write_text(name)
    (tmp_path / "course/01-one/pictures.py").write_text("")
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / "course/01-one/lesson.ipynb")
    return tmp_path / "course/01-one/lesson.ipynb"


@pytest.fixture
def runs(monkeypatch):
    """The notebooks that were run, in place of running them."""
    runs = []

    def run(path):
        runs.append(path)
        return nbformat.read(path, as_version=4)

    monkeypatch.setattr(execute, "run", run)
    return runs


def test_what_was_run_is_not_run_again_until_something_changes(lesson, runs):
    root = lesson.parents[2]
    execute.executed(lesson)
    execute.executed(lesson)
    assert len(runs) == 1
    for number, name in enumerate(
        ("src/byhand/a.py", "requirements/student.txt", "course/01-one/pictures.py"), start=2
    ):
        (root / name).write_text("changed")
        execute.executed(lesson)
        assert len(runs) == number, name
    (root / "src/byhand/teaching/b.py").write_text("what no notebook imports")
    execute.executed(lesson)
    assert len(runs) == 4


def test_two_who_want_the_same_notebook_run_it_once(lesson, runs, monkeypatch):
    both, slow = threading.Barrier(2), execute.run

    def run(path):
        waiting.wait(0.5)  # so that the other one comes by in the meantime, if it is let
        return slow(path)

    def executed(_):
        both.wait()
        return execute.executed(lesson)

    waiting = threading.Event()
    monkeypatch.setattr(execute, "run", run)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(executed, range(2))
    assert len(runs) == 1 and first == second


def test_a_notebook_that_fails_leaves_nothing_behind_that_counts(lesson, runs, monkeypatch):
    def fails(path):
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(execute, "run", fails)
        with pytest.raises(RuntimeError):
            execute.executed(lesson)
    execute.executed(lesson)
    assert len(runs) == 1
