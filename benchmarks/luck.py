"""Whether a mark depends on the seed: every known mistake and every alternative, graded with twenty seeds.

`python benchmarks/luck.py [UNIT …]` prints, for each unit, those whose marks are not the same with all of them, and the kinds of
problem on which they differ.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from byhand.checking import collect_all, judge_all, share
from byhand.checking.exercise import PUBLIC_SEED, load_checks
from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source

SEEDS = range(100, 120)


def lucky(unit):
    """exercise/id -> the shares of the points that it earns, where there are several."""
    checks, variants = load_checks(unit.course), load_variants(unit)
    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    found = {}
    for variant in (*variants.misconceptions, *variants.alternatives):
        exercise, function = checks[variant.exercise], solved.function(variant.exercise, variant)
        seen = verdicts(checks, variant.exercise, function, PUBLIC_SEED)
        if share(exercise, seen, seen) == 0:
            continue  # what is wrong with the public numbers earns nothing with any others
        fresh = [verdicts(checks, variant.exercise, function, seed) for seed in SEEDS]
        earned = {round(share(exercise, seen, verdict), 4) for verdict in fresh}
        if len(earned) > 1:
            found[f"{variant.exercise}/{variant.id}"] = sorted(earned), sorted(_kinds_that_differ(seen, fresh))
    return found


def _kinds_that_differ(seen, fresh):
    for kind, public in enumerate(seen):
        for place, row in enumerate(public.rows):
            results = {verdict[kind].rows[place].right for verdict in fresh if place < len(verdict[kind].rows)}
            if row.right and len(results) > 1:
                yield f"{row.name} {public.problem.kind}"


def verdicts(checks, name, function, seed):
    solved = checks.solved(name, seed)
    return judge_all(checks[name], solved, collect_all(checks[name], [s.problem for s in solved], function))


if __name__ == "__main__":
    for unit in find_units(find_root(), sys.argv[1:]):
        found = lucky(unit)
        print(f"{unit.name}: {len(found)} whose marks depend on the seed", flush=True)
        for name, (earned, kinds) in found.items():
            print(f"  {name}: {earned}, {'; '.join(kinds)}", flush=True)
