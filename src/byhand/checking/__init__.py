"""Checking an answer against torch: make problems, collect, judge, in three layers that can be used alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from byhand import progress
from byhand.checking.collect import Outcome, collect
from byhand.checking.exercise import Checks, EdgeCase, Exercise, Problem, Solved, load_checks
from byhand.checking.judge import TOLERANCE, Verdict, about_overflow, judge
from byhand.checking.mistakes import Hint, Known, fingerprint, load_mistakes, recognise
from byhand.checking.report import CheckReport
from byhand.checking.seed import Seed, fresh, of_unit, read_seed
from byhand.checking.terms import Terms

__all__ = ["TOLERANCE", "EdgeCase", "Exercise", "Terms", "check"]


def check(name: str, function: Callable, points: float | None = None) -> float | None:
    """Compare `function` with torch and show, quantity by quantity, what is right.

    name      the exercise, as `checks.py` beside the notebook calls it.
    function  your function.
    points    only in grading: the problems come from a fresh seed, and the points earned are returned, so that nbgrader
              gives partial credit. Without it nothing is returned.

    Raises ValueError where the folder has no `checks.py` or no such exercise, TypeError where `function` is none, and while
    nbgrader validates the notebook NotRight where it is wrong.
    """
    if not callable(function):
        raise TypeError(f"check needs your function itself: check({name!r}, {name}), without brackets after the name.")
    checks, folder = _checks(), Path.cwd()
    if points is None:
        report = visible_report(name, checks, function)
        progress.record(folder, name, report.right)
    else:
        report = graded_report(name, checks, function, points, of_unit(_seed(), folder.name))
    _show(report)
    if points is None and not report.right and os.environ.get("NBGRADER_EXECUTION") == "validate":
        raise NotRight(report)
    return None if points is None else report.earned


class NotRight(Exception):
    """What `nbgrader validate`, and the button of that name in JupyterLab, count: they take a cell without an error for
    right. Whoever runs the check sees the table alone."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of a traceback."""
        return repr(self.args[0]).splitlines()


def collect_all(exercise: Exercise, problems: Sequence[Problem], function: Callable) -> list[Outcome]:
    """What the function gives on each problem."""
    return [collect(function, problem.args, exercise.call, exercise.torch) for problem in problems]


def visible_report(name: str, checks: Checks, function: Callable) -> CheckReport:
    """The check that a student sees: a problem of each kind, from the public seed, with the hints of known mistakes."""
    exercise, solved = checks[name], checks.solved(name)
    outcomes = collect_all(exercise, [s.problem for s in solved[:1]], function)
    verdicts = [judge(exercise, solved[0], outcomes[0])]
    if verdicts[0].right:  # the special kinds say something only then
        outcomes += collect_all(exercise, [s.problem for s in solved[1:]], function)
        verdicts += [judge(exercise, s, o) for s, o in zip(solved[1:], outcomes[1:], strict=True)]
    known = load_mistakes(checks.folder).get(name, Known())
    right = all(v.right for v in verdicts)
    wrong_before = (n for n in _used(function, checks) if not visible_report(n, checks, function.__globals__[n]).right)
    return told(name, exercise, verdicts, outcomes, known, None if right else next(wrong_before, None))


def first_wrong(verdicts: Sequence[Verdict]) -> int | None:
    """The number of the first kind of problem that an answer gets wrong."""
    return next((number for number, verdict in enumerate(verdicts) if not verdict.right), None)


def wrong_marks(exercise: Exercise, outcome: Outcome, verdict: Verdict) -> dict:
    """The fingerprint of what is wrong, by quantity: equal ones are equal answers."""
    right = {row.name for row in verdict.rows if row.right}
    return {name: mark for name, mark in fingerprint(exercise, outcome).items() if name not in right}


def recognised(
    exercise: Exercise, verdicts: Sequence[Verdict], outcomes: Sequence[Outcome], known: Known
) -> list[Hint]:
    """The hints for a wrong answer, from the first kind of problem that it gets wrong."""
    case = first_wrong(verdicts)
    if case is None:
        return []
    verdict = verdicts[case]
    hints = recognise(exercise, known, case, wrong_marks(exercise, outcomes[case], verdict))
    if not hints and verdict.terms:
        hints = [Hint("terms", verdict.terms)]
    if not hints and (overflow := about_overflow(verdict, outcomes[case])):
        hints = [Hint("overflow", overflow)]
    if not hints and verdict.problem.edge and verdict.problem.edge.hint:
        hints = [Hint(f"edge-{case}", verdict.problem.edge.hint)]
    return hints


def told(
    name: str,
    exercise: Exercise,
    verdicts: Sequence[Verdict],
    outcomes: Sequence[Outcome],
    known: Known,
    earlier: str | None,
) -> CheckReport:
    """What a student is told; `earlier` is an exercise that this one builds on and that is wrong itself.

    The ordinary problem is shown; a special kind appears only where it is the first that is wrong.
    """
    case = first_wrong(verdicts)
    hints = recognised(exercise, verdicts, outcomes, known)
    notes = _notes([outcomes[case or 0]])
    if case is None and len(verdicts) > 1:
        notes.append(f"Right on {len(verdicts)} kinds of problem, all that grading has.")
    elif case and (others := [v.problem.kind for v in verdicts[case + 1 :] if not v.right]):
        notes.append(f"Nor is it right {'; '.join(others)}.")
    if earlier:
        notes.append(f"It uses your {earlier}, which is not right yet: begin there.")
    return CheckReport(name, verdicts[case or 0], [h.text for h in hints], notes, judge=exercise.judge)


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


def graded_report(name: str, checks: Checks, function: Callable, points: float, seed: Seed) -> CheckReport:
    """The check that gives marks: a problem of each kind from the unit's `seed`, and the public ones once more."""
    exercise, public, fresh = checks[name], checks.solved(name), checks.solved(name, seed)
    seen = judge_all(exercise, public, collect_all(exercise, [s.problem for s in public], function))
    outcomes = collect_all(exercise, [s.problem for s in fresh], function)
    return marked(name, exercise, seen, judge_all(exercise, fresh, outcomes), outcomes, points)


def judge_all(exercise: Exercise, solved: Sequence[Solved], outcomes: Sequence[Outcome]) -> list[Verdict]:
    return [judge(exercise, s, o) for s, o in zip(solved, outcomes, strict=True)]


def marked(
    name: str,
    exercise: Exercise,
    seen: Sequence[Verdict],
    verdicts: Sequence[Verdict],
    outcomes: Sequence[Outcome],
    points: float,
) -> CheckReport:
    """The report on all graded problems, with the points that they earn; `seen` are the verdicts on the public ones."""
    earned = round(points * share(exercise, seen, verdicts), 2)
    wrong = [v for v in verdicts if not v.right]
    notes = _notes(outcomes)
    if len(wrong) > 1:
        notes.append(f"Not right on {len(wrong)} of {len(verdicts)} problems; the first of them is shown.")
    notes.append(f"Graded on {len(verdicts)} problems with fresh numbers.")  # the seed stays with the instructor
    shown = [*wrong, *(v for v in seen if not v.right), *verdicts][0]
    return CheckReport(name, shown, (), notes, (earned, points), exercise.judge)


def share(exercise: Exercise, seen: Sequence[Verdict], fresh: Sequence[Verdict]) -> float:
    """The share of the points that is earned.

    Each quantity counts the same; a group of results is one quantity, right where all of it is. It is right on a kind of
    problem where it is right with the public numbers, which the student has seen, and with fresh ones: so a wrong answer
    earns nothing by what a seed happens to draw. One that is wrong on the ordinary problem, or on another that is needed,
    earns nothing; otherwise it earns the share of the kinds on which it is right. An argument that was changed counts as one
    more quantity that is wrong.
    """
    quantities = exercise.quantities
    if any(row.name == "arguments" for v in (*seen, *fresh) for row in v.rows):
        quantities = [*quantities, ("arguments",)]
    right = [[{row.name: row.right for row in v.rows} for v in pair] for pair in zip(seen, fresh, strict=True)]
    needed = [v.problem.edge is None or v.problem.edge.needed for v in seen]
    earned = 0.0
    for names in quantities:
        whole = [all(r.get(name, False) for r in pair for name in names) for pair in right]
        earned += sum(whole) / len(whole) if all(w for w, must in zip(whole, needed, strict=True) if must) else 0.0
    return earned / len(quantities)


def _notes(outcomes: Sequence[Outcome]) -> list[str]:
    warned = dict.fromkeys(w for o in outcomes for w in o.warned)
    return [f"numpy warned: {w}." for w in warned]


_loaded: dict[Path, Checks] = {}


def _checks() -> Checks:
    folder = Path.cwd()
    if folder not in _loaded:
        _loaded[folder] = load_checks(folder)
    return _loaded[folder]


def _seed() -> Seed:
    """The class's own seed where nbgrader grades, so that everyone is graded on the same problems. It is read from its file,
    `classroom/seed` above `classroom/autograded/STUDENT/UNIT`, and is never in an environment, which every process inherits."""
    above = Path.cwd().parents
    try:
        return read_seed(above[2] / "seed") if above[1].name == "autograded" else fresh()
    except (IndexError, FileNotFoundError):
        return fresh()


def _show(report: CheckReport) -> None:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(repr(report))
        return
    if get_ipython() is None:
        print(repr(report))
    else:
        display(report)
