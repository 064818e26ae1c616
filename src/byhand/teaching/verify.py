"""Check the checks: every misconception rejected with its own hint, every alternative right, the blank stub worth 0."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from nbformat import NotebookNode

from byhand.checking import graded_report
from byhand.checking.collect import collect
from byhand.checking.exercise import Checks, load_checks, prepared
from byhand.checking.judge import judge
from byhand.checking.mistakes import Mistake, fingerprint, recognise, same_mark
from byhand.teaching.course import CourseError, Unit
from byhand.teaching.misconceptions import Answers, Variant, Variants, load_variants
from byhand.teaching.notebooks import read_source, solution_regions, with_solution

_SHOWN = {".ipynb", ".json"}  # files in which a line of an answer could stand unseen
SEEDS = (1, 2, 3)  # of graded checks that every right answer must pass


def find_mistakes(unit: Unit) -> dict[str, list[Mistake]]:
    """What `mistakes.json` holds: for each exercise its misconceptions, by what they get wrong on the visible problem.

    Raises CourseError where a misconception would not be rejected, or could not be told from another one.
    """
    checks, variants = load_checks(unit.course), load_variants(unit)
    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    found: dict[str, list[Mistake]] = {}
    for name, exercise in checks.exercises.items():
        [(problem, _)] = prepared(name, exercise)
        right = fingerprint(exercise, collect(solved.function(name), problem.args, exercise.call))
        found[name] = []
        for variant in variants.of(name).misconceptions:
            marks = fingerprint(exercise, collect(solved.function(name, variant), problem.args, exercise.call))
            wrong = {k: m for k, m in marks.items() if k not in right or not same_mark(m, right[k])}
            if not wrong:
                raise CourseError(f"{unit.misconceptions}: {name}/{variant.id} passes the visible check.")
            for other in found[name]:
                if set(other.wrong) == set(wrong) and all(same_mark(wrong[k], other.wrong[k]) for k in wrong):
                    raise CourseError(
                        f"{unit.misconceptions}: {name}/{variant.id} and {name}/{other.id} give the same numbers, "
                        "so their hints cannot be told apart."
                    )
            found[name].append(Mistake(variant.id, variant.hint.strip(), wrong))
    return found


def mistakes_bytes(mistakes: dict[str, list[Mistake]]) -> bytes:
    listed = {name: [asdict(m) for m in ms] for name, ms in mistakes.items()}
    return (json.dumps(listed, indent=1, ensure_ascii=False) + "\n").encode()


def verify(
    unit: Unit,
    released: NotebookNode,
    mistakes: dict[str, list[Mistake]],
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
        if points := _earned(checks, Answers(released, unit.course), name, None, seed=SEEDS[0]):
            yield f"{unit.name}/{name}: the blank stub earns {points:g} points."
    there = {path: path.read_bytes() for path in unit.course.rglob("*") if path.is_file() and path.suffix in _SHOWN}
    yield from _leaks({**there, **generated}, solved.notebook, variants)


def _earned(checks: Checks, answers: Answers, name: str, variant: Variant | None, seed: int) -> float:
    report = graded_report(name, checks[name], answers.function(name, variant), 1.0, seed)
    return report.points[0]


def _verify_right(checks: Checks, answers: Answers, name: str, variant: Variant | None) -> Iterator[str]:
    label = f"{name}/{variant.id}" if variant else f"{name}, the solution"
    for seed in SEEDS:
        report = graded_report(name, checks[name], answers.function(name, variant), 1.0, seed)
        if report.points[0] != 1.0:
            yield f"{label} is right but does not pass with seed {seed}:\n{report!r}"
            return


def _verify_wrong(
    checks: Checks, answers: Answers, name: str, variant: Variant, mistakes: list[Mistake]
) -> Iterator[str]:
    exercise = checks[name]
    [(problem, reference)] = prepared(name, exercise)
    outcome = collect(answers.function(name, variant), problem.args, exercise.call)
    verdict = judge(exercise, problem, outcome, reference)
    if verdict.right:
        yield f"{name}/{variant.id} is wrong but passes the visible check."
    if outcome.failure and outcome.failure.unwritten:
        yield f"{name}/{variant.id} raises NotImplementedError, as the blank stub does."
    hints = [m.id for m in recognise(mistakes, fingerprint(exercise, outcome))]
    if hints != [variant.id]:
        yield f"{name}/{variant.id} is met with {', '.join(hints) or 'no hint'} instead of its own hint."
    if _earned(checks, answers, name, variant, seed=SEEDS[0]) == 1.0:
        yield f"{name}/{variant.id} is wrong but earns full marks on fresh problems."


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
        if path.name != "lesson.ipynb":
            text = content.decode()
            for line in sorted(secret - statements):
                if line in text or json.dumps(line)[1:-1] in text:
                    yield f"{path}: holds a line of an answer: {line}"


def report_lines(unit: Unit, mistakes: dict[str, list[Mistake]]) -> str:
    variants = load_variants(unit)
    return (
        f"{unit.name}: {len(mistakes)} exercises, {len(variants.misconceptions)} misconceptions rejected each with its own "
        f"hint, {len(variants.alternatives)} alternatives right, the blank stub worth 0."
    )
