"""No mark depends on a seed: every known mistake and every alternative earns the same on twenty of them."""

import pytest
from test_build import ROOT, UNITS

from byhand.checking import graded_report
from byhand.checking.exercise import load_checks
from byhand.teaching.course import Unit
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source

SEEDS = range(100, 120)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNITS)
def test_marks_are_the_same_on_twenty_seeds(name):
    unit = Unit(ROOT, name)
    checks, variants = load_checks(unit.course), load_variants(unit)
    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    lucky = {}
    for variant in (*variants.misconceptions, *variants.alternatives):
        function = solved.function(variant.exercise, variant)
        earned = {graded_report(variant.exercise, checks, function, 1.0, seed).points[0] for seed in SEEDS}
        if len(earned) > 1:
            lucky[f"{variant.exercise}/{variant.id}"] = sorted(earned)
    assert lucky == {}
