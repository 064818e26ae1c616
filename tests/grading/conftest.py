import shutil

import pytest
from classes import UNIT, fresh, run


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
    root = fresh(tmp_path_factory.mktemp("class-of-ours") / "course", graded_class)
    run(root, "byhand", "grade", UNIT)
    return root
