"""A stranger adds a unit: what `byhand new` writes builds, verifies, passes its own test and stands in the book's contents."""

import shutil
import subprocess
import sys

import pytest
from test_build import ROOT, copy  # noqa: F401 - copy is a fixture

from byhand.checking.exercise import load_checks
from byhand.cli import main
from byhand.course import Unit, find_units
from byhand.teaching.build import build, out_of_step
from byhand.teaching.known import find_mistakes
from byhand.teaching.overview import overviews

NAME = "42-a-new-thing"


@pytest.fixture
def root(copy, monkeypatch):  # noqa: F811
    for name in ("_toc.yml", "notation.md"):
        shutil.copy(ROOT / "book" / name, copy.root / "book")
    (copy.root / "tests" / "units").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "units" / "equations.py", copy.root / "tests" / "units")
    monkeypatch.chdir(copy.root)
    return copy.root


def test_a_new_unit_builds_verifies_and_passes_its_own_test(root, capsys):
    assert main(["new", NAME]) == 0
    assert f"byhand build {NAME}" in capsys.readouterr().out
    unit = Unit(root, NAME)
    build([unit], root)
    assert out_of_step([unit], root) == []
    assert find_units(root)[-1] == unit and "line_loss" in load_checks(unit.course).exercises
    assert find_mistakes(unit)["line_loss"].listed
    own = root / "tests" / "units" / "test_42_a_new_thing.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", own], capture_output=True, text=True
    )
    assert "1 passed" in done.stdout, done.stdout


def test_the_book_knows_a_new_unit(root):
    assert main(["new", NAME]) == 0
    [new] = [overview for overview in overviews(root) if overview.name == NAME]
    assert (new.number, new.title, new.needs) == ("42", "A new thing", ("01",))
    assert new.part.startswith("Part ")
    assert f"(symbols-{NAME})=" in (root / "book" / "notation.md").read_text()


@pytest.mark.parametrize("name", ["new", "5-x", "20-Big", "20-", "20-a--b", "../20-x", "05-another-five"])
def test_a_name_that_is_none_or_taken_changes_nothing(root, name, capsys):
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert main(["new", name]) == 1
    assert name.rpartition("/")[2][:2] in capsys.readouterr().err
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before
