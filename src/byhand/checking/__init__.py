"""Checking an answer against torch: make problems, collect, judge, in three layers that can be used alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from byhand import progress
from byhand.checking.collect import Outcome, collect
from byhand.checking.exercise import Checks, Exercise, Problem, load_checks, prepared
from byhand.checking.judge import TOLERANCE, Verdict, judge
from byhand.checking.mistakes import Mistake, fingerprint, load_mistakes, recognise
from byhand.checking.report import Report

__all__ = ["Exercise", "TOLERANCE", "check"]


def check(name: str, function: Callable, points: float | None = None) -> float | None:
    """Compare `function` with torch and show, quantity by quantity, what is right.

    name      the exercise, as `checks.py` beside the notebook calls it.
    function  your function.
    points    only in grading: the problems come from a fresh seed, edge cases are added, and the points earned are
              returned, so that nbgrader gives partial credit. Without it nothing is returned.

    Raises ValueError where the folder has no `checks.py` or no such exercise, TypeError where `function` is none, and while
    nbgrader validates the notebook NotRight where it is wrong.
    """
    if not callable(function):
        raise TypeError(f"check needs your function itself: check({name!r}, {name}), without brackets after the name.")
    checks = _checks()
    if points is None:
        report = visible_report(name, checks, function)
        progress.record(checks.folder, name, report.right)
    else:
        report = graded_report(name, checks[name], function, points, _seed())
    _show(report)
    if points is None and not report.right and os.environ.get("NBGRADER_EXECUTION") == "validate":
        raise NotRight(report)
    return None if points is None else report.points[0]


class NotRight(Exception):
    """What `nbgrader validate`, and the button of that name in JupyterLab, count: they take a cell without an error for
    right. Whoever runs the check sees the table alone."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of a traceback."""
        return repr(self.args[0]).splitlines()


def visible_report(name: str, checks: Checks, function: Callable) -> Report:
    """The check that a student sees: one problem, from the public seed, with the hints of known mistakes."""
    exercise = checks[name]
    [(problem, reference)] = prepared(name, exercise)
    outcome = collect(function, problem.args, exercise.call)
    verdict = judge(exercise, problem, outcome, reference)
    known = load_mistakes(checks.folder).get(name, [])
    wrong_before = (n for n in _used(function, checks) if not visible_report(n, checks, function.__globals__[n]).right)
    earlier = None if verdict.right else next(wrong_before, None)
    return told(name, verdict, outcome, recognised(exercise, verdict, outcome, known), earlier)


def recognised(exercise: Exercise, verdict: Verdict, outcome: Outcome, known: Sequence[Mistake]) -> list[Mistake]:
    """The known mistakes that a wrong result on the public problem is."""
    return [] if verdict.right else recognise(known, fingerprint(exercise, outcome))


def told(name: str, verdict: Verdict, outcome: Outcome, hits: Sequence[Mistake], earlier: str | None) -> Report:
    """What a student is told; `earlier` is an exercise that this one builds on and that is wrong itself."""
    notes = _notes([outcome])
    if earlier:
        notes.append(f"It uses your {earlier}, which is not right yet: begin there.")
    return Report(name, [verdict], [m.hint for m in hits], notes)


def _used(function: Callable, checks: Checks) -> list[str]:
    """The other exercises whose answers this function calls by name."""
    code, space = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    if code is None:
        return []
    return [
        name
        for name in checks.exercises
        if name in code.co_names and callable(space.get(name)) and space[name] is not function
    ]


def graded_report(name: str, exercise: Exercise, function: Callable, points: float, seed: int) -> Report:
    """The check that gives marks: problems from `seed`, and the edge cases."""
    problems = prepared(name, exercise, seed, hidden=True)
    outcomes = [collect(function, problem.args, exercise.call) for problem, _ in problems]
    return marked(name, exercise, problems, outcomes, points)


def marked(
    name: str, exercise: Exercise, problems: Sequence[tuple[Problem, dict]], outcomes: Sequence[Outcome], points: float
) -> Report:
    """The report on all graded problems, with the points that they earn."""
    verdicts = [judge(exercise, p, o, answer) for (p, answer), o in zip(problems, outcomes, strict=True)]
    earned = round(points * share(exercise, verdicts), 2)
    wrong = [v for v in verdicts if not v.right]
    notes = _notes(outcomes)
    if len(wrong) > 1:
        notes.append(f"Not right on {len(wrong)} of {len(problems)} problems; the first of them is shown.")
    notes.append(f"Graded on {len(problems)} problems with fresh numbers.")  # the seed stays with the instructor
    return Report(name, (wrong or verdicts)[:1], (), notes, (earned, points))


def share(exercise: Exercise, verdicts: list[Verdict]) -> float:
    """The share of the points that is earned.

    Each quantity counts the same. One that is wrong on the ordinary problem earns nothing; otherwise it earns the
    share of problems, edge cases included, on which it is right. An argument that was changed counts as one more
    quantity that is wrong.
    """
    names = list(exercise.results)
    if any(row.name == "arguments" for v in verdicts for row in v.rows):
        names.append("arguments")
    right = [{row.name: row.right for row in v.rows} for v in verdicts]
    earned = sum(sum(r.get(n, False) for r in right) / len(right) for n in names if right[0].get(n, False))
    return earned / len(names)


def _notes(outcomes: list[Outcome]) -> list[str]:
    warned = dict.fromkeys(w for o in outcomes for w in o.warned)
    return [f"numpy warned: {w}." for w in warned]


_loaded: dict[Path, Checks] = {}


def _checks() -> Checks:
    folder = Path.cwd()
    if folder not in _loaded:  # torch takes seconds to import, once
        _loaded[folder] = load_checks(folder)
    return _loaded[folder]


def _seed() -> int:
    """The class's own seed where the instructor set one, so that everyone is graded on the same problems."""
    return int(os.environ.get("BYHAND_SEED") or secrets.randbelow(2**31))


def _show(report: Report) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython and get_ipython() is not None:
        display(report)
    else:
        print(repr(report))
