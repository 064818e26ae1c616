"""Whether a mark depends on chance: every known mistake and every alternative, graded with twenty seeds, and with the numbers
of the visible problems moved by a last digit, as another processor rounds them.

`python benchmarks/luck.py [UNIT …]` prints, for each unit, those whose marks are not the same with all of them, and the kinds of
problem on which they differ.
"""

import dataclasses
import os
import sys
from functools import cache, partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from byhand.checking import collect_all, judge_all, share
from byhand.checking.exercise import PUBLIC_SEED, load_checks
from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source

SEEDS = range(100, 120)
MOVES = range(5)


def lucky(unit):
    """exercise/id -> the shares of the points that it earns, and where they differ; where there are several."""
    checks, variants = load_checks(unit.course), load_variants(unit)
    solved = Answers(read_source(unit.exercises).notebook, unit.course)

    @cache
    def firm(name):
        """For each kind of problem, whether the solution is right on it when moved. Where a tie is asked for, nothing is."""
        return [
            all(v.right for v in kind) for kind in zip(*moves(checks, name, lambda: solved.function(name)), strict=True)
        ]

    found = {}
    for variant in (*variants.misconceptions, *variants.alternatives):
        exercise, made = checks[variant.exercise], partial(solved.function, variant.exercise, variant)
        seen = verdicts(checks, variant.exercise, made(), PUBLIC_SEED)
        pairs = [(seen, seen)]  # of what is seen and what is graded
        for moved in moves(checks, variant.exercise, made):
            pairs.append(
                2 * ([n if safe else o for o, n, safe in zip(seen, moved, firm(variant.exercise), strict=True)],)
            )
        if share(exercise, seen, seen) > 0:  # what is wrong with the public numbers earns nothing with any others
            pairs += [(seen, verdicts(checks, variant.exercise, made(), seed)) for seed in SEEDS]
        earned = {round(share(exercise, *pair), 4) for pair in pairs}
        if len(earned) > 1:
            found[f"{variant.exercise}/{variant.id}"] = sorted(earned), sorted(set(_kinds_that_differ(pairs)))
    return found


def moves(checks, name, made):
    """With a function made anew each time: some mistakes remember earlier calls."""
    return [verdicts(checks, name, made(), PUBLIC_SEED, np.random.default_rng(number)) for number in MOVES]


def _kinds_that_differ(pairs):
    for kind, verdict in enumerate(pairs[0][0]):
        for row in verdict.rows:
            if len({all(_right(v[kind], row.name) for v in pair) for pair in pairs}) > 1:
                yield f"{row.name} {verdict.problem.kind}"


def _right(verdict, name):
    return any(row.right for row in verdict.rows if row.name == name)


def verdicts(checks, name, function, seed, rng=None):
    """With a generator `rng`, the numbers that the function is given are moved by a last digit; what is right stays."""
    solved = checks.solved(name, seed)
    problems = [s.problem for s in solved]
    if rng is not None:
        problems = [dataclasses.replace(problem, args=_moved(problem.args, rng)) for problem in problems]
    return judge_all(checks[name], solved, collect_all(checks[name], problems, function))


def _moved(value, rng):
    """Floats to one of their neighbours, or left; whole numbers stay, since a count may be asked for equality."""
    if isinstance(value, tuple | list):
        items = [_moved(item, rng) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _moved(item, rng) for key, item in value.items()}
    if isinstance(value, float | np.floating | np.ndarray) and np.issubdtype(np.asarray(value).dtype, np.floating):
        array = np.asarray(value)
        towards = rng.choice([-np.inf, np.nan, np.inf], array.shape).astype(array.dtype)
        moved = np.where(np.isnan(towards) | (array == np.round(array)), array, np.nextafter(array, towards))
        return moved if isinstance(value, np.ndarray) else type(value)(moved)
    return value


if __name__ == "__main__":
    for unit in find_units(find_root(), sys.argv[1:]):
        found = lucky(unit)
        print(f"{unit.name}: {len(found)} whose marks depend on the seed", flush=True)
        for name, (earned, kinds) in found.items():
            print(f"  {name}: {earned}, {'; '.join(kinds)}", flush=True)
