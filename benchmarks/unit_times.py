"""How long a student waits: each check, each lesson and each solution. Run from the project's root.

Goals: a check at most 0.3 s in the median (after the imports), a lesson and a solution at most 60 s each on one core.
"""

import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported, here and in the notebooks

import statistics
import time

from tqdm import tqdm

from byhand.checking import visible_report
from byhand.checking.exercise import load_checks
from byhand.course import find_root, find_units
from byhand.teaching.build import build
from byhand.teaching.execute import run
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

REPEATS = 21


def seconds_of_checks(unit):
    """Exercise -> seconds of each repeat of its visible check, for the solution."""
    checks, solved = load_checks(unit.course), Answers(read_source(unit.exercises).notebook, unit.course)
    times = {}
    for name in checks.exercises:
        function, times[name] = solved.function(name), []
        for _ in range(REPEATS):
            start = time.perf_counter()
            visible_report(name, checks, function)._repr_html_()
            times[name].append(time.perf_counter() - start)
    return times


def main(names):
    root = find_root()
    units = find_units(root, names)
    build(units, root)
    print(f"\n{'unit':<28}{'check (ms)':<28}{'median':>8}{'worst':>8}")
    for unit in units:
        for name, times in seconds_of_checks(unit).items():
            print(f"{unit.name:<28}{name:<28}{1e3 * statistics.median(times):8.1f}{1e3 * max(times):8.1f}")
    print(f"\n{'unit':<28}{'lesson (s)':>12}{'solution (s)':>14}")
    for unit in tqdm(units, desc="running notebooks", disable=not sys.stderr.isatty()):
        notebooks = (unit.course / "lesson.ipynb", root / "classroom" / "source" / unit.name / "exercises.ipynb")
        lesson, solution = (run(path).metadata["byhand"]["seconds"] for path in notebooks)
        print(f"{unit.name:<28}{lesson:12.1f}{solution:14.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
