import os
import shutil

import pytest
from classes import UNIT, fresh, run

from byhand.cli import main


@pytest.fixture
def byhand(monkeypatch, capsys):
    """The command `byhand` in this process, which need not start: its exit code, and what it wrote to stdout and stderr."""

    def byhand(root, *arguments):
        monkeypatch.chdir(root)
        monkeypatch.delenv("BYHAND_SEED", raising=False)  # nbgrader_config.py sets it to the seed of its classroom
        monkeypatch.setenv("PATH", os.environ["PATH"])  # and adds to this one
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as left:  # what argparse does not accept
            code = left.code
        return code, *capsys.readouterr()

    return byhand


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
