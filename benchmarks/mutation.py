"""How many changes of the solutions the checks notice, where the changes are made by somebody else's rules: those of Cosmic Ray.

    uv run --no-project --python .venv/bin/python --with cosmic-ray==8.7.0 python benchmarks/mutation.py [--show] [UNIT ...]

takes, for each exercise, MOST of all mutants of its solution cell, drawn with a fixed seed, and puts them through the visible check
and through grading. It prints, a unit and in all: how many cannot run, how many are rejected, how many earn full marks. `--show`
prints those that earn full marks as a difference, to be read by a person: most are equivalent to the solution.

Cosmic Ray is not installed with the course: it is needed for this alone, and brings much along.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import random
import signal
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from recognition import Answer, spaces

from byhand.checking import graded_report, visible_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit, find_root, find_units
from byhand.teaching.notebooks import read_source

MOST = 25  # mutants an exercise
SECONDS = 30  # for one mutant; who takes longer is rejected
# Operators that need arguments, or that change what no student's answer has.
WITHOUT = ("VariableReplacer", "VariableInserter", "RemoveDecorator", "ExceptionReplacer")


class TooLong(BaseException):
    """Raised by the alarm; no `except Exception` of an answer holds it up."""


def mutants(code: str):
    """All mutants of a cell, each once."""
    seen = {code}
    for name in operator_names():
        if name.split("/")[-1].startswith(WITHOUT):
            continue
        operator = get_operator(name)()
        for occurrence in range(10_000):
            changed = mutate_code(code, operator, occurrence)
            if changed is None:
                break
            if changed not in seen:
                seen.add(changed)
                yield changed


def measure(unit: Unit, show: bool) -> Counter:
    checks, define, counts = load_checks(unit.course), spaces(unit), Counter()
    for cell in read_source(unit.exercises).notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name not in checks.exercises:
            continue
        found = list(mutants(cell.source))
        for code in random.Random(name).sample(found, min(MOST, len(found))):
            counts["mutants"] += 1
            end = fate(unit, checks, define, name, code)
            counts[end] += 1
            if show and end in ("full", "docked"):
                print(f"  {name}: {end}")
                lines = difflib.unified_diff(cell.source.splitlines(), code.splitlines(), n=0, lineterm="")
                print(
                    "\n".join("    " + text for text in lines if text[:1] in "+-" and text[:3] not in ("+++", "---")),
                    flush=True,
                )
    return counts


def fate(unit, checks, define, name, code):
    """How a mutant ends: "broken", "rejected", "full", or "docked": told right, and then not given all points."""
    signal.alarm(SECONDS)
    try:
        function = define(Answer(name, "mutant", code, "mutated"))[name]
    except Exception:
        return "broken"
    except TooLong:
        return "rejected"
    finally:
        signal.alarm(0)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(unit.course):
            right = visible_report(name, checks, function).right
            share = graded_report(name, checks, function, 1.0, 11).points[0]
    except TooLong:
        return "rejected"
    finally:
        signal.alarm(0)
    return "rejected" if not right and share < 1 else "full" if share == 1 else "docked"


def line(name: str, c: Counter) -> str:
    run = c["mutants"] - c["broken"]
    return (
        f"{name}: {c['mutants']} mutants, {c['broken']} cannot be defined; of {run} {c['rejected']} rejected ({c['rejected'] / max(run, 1):.1%}), "
        f"{c['full']} with full marks, {c['docked']} told right and then docked"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("units", nargs="*", metavar="UNIT")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()

    def alarm(number, frame):
        raise TooLong

    signal.signal(signal.SIGALRM, alarm)
    in_all: Counter = Counter()
    for unit in find_units(find_root(), args.units):
        counts = measure(unit, args.show)
        print(line(unit.name, counts), flush=True)
        in_all += counts
    print(line("in all", in_all))


if __name__ == "__main__":
    main()
