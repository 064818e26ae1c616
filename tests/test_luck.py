"""No mark depends on a seed: every known mistake and every alternative earns the same on twenty of them."""

import pytest
from test_build import ROOT, UNITS

from byhand.checking import collect_all, judge_all, share
from byhand.checking.exercise import PUBLIC_SEED, load_checks
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
        exercise, function = checks[variant.exercise], solved.function(variant.exercise, variant)
        seen = verdicts(checks, variant.exercise, function, PUBLIC_SEED)
        if share(exercise, seen, seen) == 0:
            continue  # what is wrong with the public numbers earns nothing with any others
        earned = {
            round(share(exercise, seen, verdicts(checks, variant.exercise, function, seed)), 4) for seed in SEEDS
        }
        if len(earned) > 1:
            lucky[f"{variant.exercise}/{variant.id}"] = sorted(earned)
    assert lucky == {}


def verdicts(checks, name, function, seed):
    solved = checks.solved(name, seed)
    return judge_all(checks[name], solved, collect_all(checks[name], [s.problem for s in solved], function))
