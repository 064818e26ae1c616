"""Every check says without torch what it says with it: the answers to the public problems are kept with the unit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from byhand.checking import visible_report
from byhand.checking.exercise import AGAIN, load_checks
from byhand.checking.stored import FILE, answers_bytes, same_answers
from byhand.course import Unit, find_units
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source

ROOT = Path(__file__).parents[1]
UNITS = find_units(ROOT)

NO_TORCH = """
import importlib.abc, json, sys

class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NotInstalled())
sys.path.insert(0, sys.argv[1])
from test_without_torch import told
print(json.dumps(told(sys.argv[2])))
assert "torch" not in sys.modules
"""


def told(name):
    """What each check of a unit says to the solution, and to the first misconceptions, as text."""
    unit = Unit(ROOT, name)
    checks, variants = load_checks(unit.course), load_variants(unit)
    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    says = {}
    for exercise in checks.exercises:
        for variant in (None, *variants.of(exercise).misconceptions[:4]):
            report = visible_report(exercise, checks, solved.function(exercise, variant))
            says[f"{exercise}/{variant.id if variant else 'solution'}"] = but_for_rounding(repr(report))
    return says


def but_for_rounding(text):
    """An error of the last digits is another one on another processor, and of entries that are equally wrong another one is shown."""
    text = re.sub(r"error (\d\S*)", lambda match: match[0] if float(match[1]) > 1e-9 else "error of rounding", text)
    return re.sub(r"at index \[.*?\]: yours \S+, torch \S+", "at some index", text)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_check_says_the_same_without_torch(unit):
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, Path(__file__).parent, unit.name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    without, with_torch = json.loads(done.stdout.splitlines()[-1]), told(unit.name)
    assert without == with_torch
    assert all(": right." in says for key, says in without.items() if key.endswith("/solution"))
    assert all("Hint: " in says for key, says in without.items() if not key.endswith("/solution"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_stored_answers_are_those_that_the_reference_gives(unit):
    checks = load_checks(unit.course)
    solved = {name: [s for s in checks.solved(name) if s.problem.edge is not AGAIN] for name in checks.exercises}
    assert same_answers((unit.course / FILE).read_bytes(), answers_bytes(solved))


def test_other_answers_are_not_the_same():
    checks = load_checks(UNITS[0].course)
    name = next(iter(checks.exercises))
    solved = [s for s in checks.solved(name) if s.problem.edge is not AGAIN]
    right = answers_bytes({name: solved})
    for array in solved[0].answer.values():
        array *= 1 + 1e-4
    assert not same_answers(right, answers_bytes({name: solved}))
