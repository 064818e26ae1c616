"""How good the checks' word is: answers whose writers have not seen the hints, each through the visible check and graded.

`python benchmarks/recognition.py [UNIT …]` prints, a unit and in all, how many wrong answers are met by a hint, how many
earn full marks, how many are told "right" and then lose points, and how many right ones are rejected. `--show` prints each
wrong answer with what is wrong with it and what it is told, to be read by a person; `--brief` names only answers that end
on the wrong side, without hints.

The answers lie in `tests/unseen/UNIT.yml`. Once those who write hints have read what these were told (`--show`), they are blind no
more: others are written in their place, and they move to `tests/unseen/read`, which `--read` measures. The form is the same:

    name of the exercise:
      wrong:
        - id: short-name
          is: one sentence that says what is wrong with it
          code: the whole text of the solution cell, with `def`
      right:
        - id: short-name
          code: the same, for a right answer in another style
"""

from __future__ import annotations

import argparse
import contextlib
import io
import linecache
import os
from collections import Counter
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import yaml

from byhand.checking import graded_report, visible_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit, find_root, find_units
from byhand.teaching.notebooks import read_source

SEEDS = (11, 12, 13)


@dataclass(frozen=True)
class Answer:
    exercise: str
    id: str
    code: str
    wrong: str  # what is wrong with it; "" where it is right


def load_answers(unit: Unit, read: bool = False) -> list[Answer]:
    path = unit.root / "tests" / "unseen" / ("read" if read else "") / f"{unit.name}.yml"
    if not path.exists():
        return []
    listed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return [
        Answer(exercise, entry["id"], entry["code"], entry.get("is", "") if kind == "wrong" else "")
        for exercise, kinds in listed.items()
        for kind in ("wrong", "right")
        for entry in kinds.get(kind) or []
    ]


def spaces(unit: Unit):
    """A function that defines an answer in the notebook's namespace, the exercises before it solved."""
    notebook = read_source(unit.exercises).notebook

    def define(answer: Answer) -> dict:
        space = {"__name__": "__main__"}
        with contextlib.chdir(unit.course), contextlib.redirect_stdout(io.StringIO()):
            for cell in notebook.cells:
                meta = cell.metadata.get("nbgrader", {})
                test = meta.get("grade_id", "").endswith("-check")
                if cell.cell_type != "code" or not (meta.get("solution") or (meta.get("locked") and not test)):
                    continue
                text = answer.code if meta.get("grade_id") == answer.exercise else cell.source
                name = f"<{meta['grade_id']}>"
                linecache.cache[name] = (len(text), None, text.splitlines(True), name)
                exec(compile(text, name, "exec"), space)
        return space

    return define


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("units", nargs="*", metavar="UNIT")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--read", action="store_true")
    args = parser.parse_args()
    in_all: Counter = Counter()
    for unit in find_units(find_root(), args.units):
        counts = measure(unit, args.show, args.brief, args.read)
        if counts:
            print(line(unit.name, counts), flush=True)
            in_all += counts
    print(line("in all", in_all))


def line(name: str, c: Counter) -> str:
    return (
        f"{name}: {c['wrong']} wrong, {c['hinted']} with a hint ({c['hinted'] / max(c['wrong'], 1):.0%}), {c['named']} with it or a named "
        f"mistake in the table ({c['named'] / max(c['wrong'], 1):.0%}), "
        f"{c['full']} with full marks, {c['docked']} told right and then docked; {c['right']} right, {c['rejected']} rejected"
    )


def measure(unit: Unit, show: bool, brief: bool, read: bool) -> Counter:
    checks, define, counts = load_checks(unit.course), spaces(unit), Counter()
    for answer in load_answers(unit, read):
        if answer.exercise not in checks.exercises:
            print(f"  {answer.exercise}/{answer.id} answers an exercise that the unit no longer has")
            continue
        counts["wrong" if answer.wrong else "right"] += 1
        try:
            function = define(answer)[answer.exercise]
        except Exception as error:
            print(f"  {answer.exercise}/{answer.id} cannot be defined: {type(error).__name__}: {error}")
            continue
        with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(unit.course):
            report = visible_report(answer.exercise, checks, function)
            shares = [graded_report(answer.exercise, checks, function, 1.0, s).points[0] for s in SEEDS]
        label = f"  {answer.exercise}/{answer.id}"
        if answer.wrong:
            hinted, named = bool(report.hints), report.verdict.named
            counts["hinted"] += hinted
            counts["named"] += hinted or named
            counts["full"] += min(shares) == 1.0
            counts["docked"] += report.right and min(shares) < 1.0
            if brief and report.right:
                print(f"{label} is meant to be wrong and passes the visible check; graded {shares}")
            if show:
                print(
                    f"{label} [{'hint' if hinted else 'named' if named else 'nothing'}]: {answer.wrong}\n    graded {shares}"
                )
                print("\n".join("    " + text for text in repr(report).splitlines()))
        elif not report.right or min(shares) < 1.0:
            counts["rejected"] += 1
            if brief or show:
                print(f"{label} is meant to be right and is rejected; graded {shares}")
                print("\n".join("    " + text for text in repr(report).splitlines() if "Hint:" not in text))
    return counts


if __name__ == "__main__":
    main()
