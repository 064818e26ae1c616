"""Check the checks: every misconception rejected with its own hint, every alternative right, the blank stub worth 0."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from nbformat import NotebookNode

from byhand.checking import collect_all, graded_report, judge_all, share
from byhand.checking.exercise import Checks, Exercise, Solved, load_checks
from byhand.checking.judge import Verdict
from byhand.checking.mistakes import Known, recognise
from byhand.course import Unit
from byhand.teaching.known import tried
from byhand.teaching.misconceptions import Answers, Variant, Variants, load_variants
from byhand.teaching.notebooks import read_source, solution_regions, with_solution

_SHOWN = {".ipynb", ".json"}  # files in which a line of an answer could stand unseen
SEEDS = (1, 2, 3)  # of graded checks: every right answer passes with all, and every wrong one earns the same


def verify(
    unit: Unit,
    released: NotebookNode,
    mistakes: dict[str, Known],
    generated: Mapping[Path, bytes] = MappingProxyType({}),
) -> Iterator[str]:
    """Yield a sentence for each thing that does not hold; nothing where all is well.

    `generated` are files of the unit that are about to be written; for the rest, those that are there count.
    """
    checks, variants = load_checks(unit.course), load_variants(unit)
    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    for name in checks.exercises:
        own = variants.of(name)
        if not own.misconceptions:
            yield f"{unit.name}/{name} has no misconceptions."
        yield from _verify_right(checks, solved, name, None)
        for alternative in own.alternatives:
            yield from _verify_right(checks, solved, name, alternative)
        for misconception in own.misconceptions:
            yield from _verify_wrong(checks, solved, name, misconception, mistakes[name])
        if points := next(_earned(checks, Answers(released, unit.course), name, None)):
            yield f"{unit.name}/{name}: the blank stub earns {points:g} points."
    there = {path: path.read_bytes() for path in unit.course.rglob("*") if path.is_file() and path.suffix in _SHOWN}
    yield from _leaks({**there, **generated}, solved.notebook, variants)


def _earned(checks: Checks, answers: Answers, name: str, variant: Variant | None) -> Iterator[float]:
    """The share of the points that is earned with one of the seeds after another, as the graded check gives it."""
    exercise, function = checks[name], answers.function(name, variant)
    public = checks.solved(name)
    seen = _judged(exercise, public[:1], function)
    if not share(exercise, seen, seen):  # what no other problem can change, and most of what is wrong
        yield from (0.0 for _ in SEEDS)
        return
    seen += _judged(exercise, public[1:], function)
    for seed in SEEDS:
        yield round(share(exercise, seen, _judged(exercise, checks.solved(name, seed), function)), 2)


def _judged(exercise: Exercise, solved: Sequence[Solved], function: Callable) -> list[Verdict]:
    return judge_all(exercise, solved, collect_all(exercise, [s.problem for s in solved], function))


def _verify_right(checks: Checks, answers: Answers, name: str, variant: Variant | None) -> Iterator[str]:
    label = f"{name}/{variant.id}" if variant else f"{name}, the solution"
    for seed, earned in zip(SEEDS, _earned(checks, answers, name, variant), strict=True):
        if earned != 1.0:
            report = graded_report(name, checks, answers.function(name, variant), 1.0, seed)
            yield f"{label} is right but does not pass with seed {seed}:\n{report!r}"
            return


def _verify_wrong(checks: Checks, answers: Answers, name: str, variant: Variant, known: Known) -> Iterator[str]:
    case, wrong, verdict = tried(checks, name, answers.function(name, variant))
    if case is None or verdict is None:
        yield f"{name}/{variant.id} is wrong but passes the visible check."
        return
    if verdict.trouble.startswith("Not written yet"):
        yield f"{name}/{variant.id} raises NotImplementedError, as the blank stub does."
    hints = [hint.id for hint in recognise(checks[name], known, case, wrong)]
    if hints != [variant.id]:
        yield f"{name}/{variant.id} is met with {', '.join(hints) or 'no hint'} instead of its own hint."
    shares = _earned(checks, answers, name, variant)
    earned = next(shares)
    if earned == 1.0:
        yield f"{name}/{variant.id} is wrong but earns full marks on fresh problems."
    if earned:
        others = list(shares)
        if set(others) != {earned}:
            listed = ", ".join(f"{one:.3f}" for one in (earned, *others))
            yield (
                f"{name}/{variant.id}: what it earns depends on the seed ({listed} of the points). Write what a check must see "
                "over what is drawn; `python benchmarks/luck.py` names the kinds of problem on which it differs."
            )


def _leaks(files: Mapping[Path, bytes], notebook: NotebookNode, variants: Variants) -> Iterator[str]:
    """No line of a solution, and none of a wrong or another right one, may be in the student's folder."""
    statements = {
        line.strip()
        for cell in notebook.cells
        for line in with_solution(cell.source, "").splitlines()
    }  # fmt: skip
    secret = set()
    for region in [
        *solution_regions(notebook).values(),
        *(v.region for v in (*variants.misconceptions, *variants.alternatives)),
    ]:
        secret |= {line.strip() for line in region.splitlines() if len(line.strip()) > 20}
    for path, content in sorted(files.items()):
        if path.name != "lesson.ipynb" and path.suffix in _SHOWN:
            text = content.decode()
            for line in sorted(secret - statements):
                if line in text or json.dumps(line)[1:-1] in text:
                    yield f"{path}: holds a line of an answer: {line}"


def report_lines(unit: Unit, mistakes: dict[str, Known]) -> str:
    variants = load_variants(unit)
    return (
        f"{unit.name}: {len(mistakes)} exercises, {len(variants.misconceptions)} misconceptions rejected each with its own "
        f"hint, {len(variants.alternatives)} alternatives right, the blank stub worth 0."
    )
