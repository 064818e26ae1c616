import shutil

import pytest
from classes import UNIT
from nbgrader.api import Gradebook


def fresh(root, graded_class):
    """A copy of the class, as it was handed in and before anybody graded it."""
    shutil.copytree(graded_class, root, ignore=shutil.ignore_patterns("autograded", "feedback", ".jupyter"))
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        for student in [s.id for s in book.students]:
            book.remove_student(student)
    return root


@pytest.fixture
def course(tmp_path, graded_class):
    """A course with a class of three to be graded."""
    root = fresh(tmp_path / "course", graded_class)
    for folder in (root / "classroom/submitted").iterdir():
        if folder.name not in {"solution", "essay", "no-bias"}:
            shutil.rmtree(folder)
    return root


@pytest.fixture(scope="session")
def class_of_ours(tmp_path_factory, graded_class):
    """The whole class, graded by `byhand grade`."""
    from classes import run

    root = fresh(tmp_path_factory.mktemp("class-of-ours") / "course", graded_class)
    run(root, "byhand", "grade", UNIT)
    return root
