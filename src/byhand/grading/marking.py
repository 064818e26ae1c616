"""Judge what a student's process sent, and put the verdict into the notebook. Runs no student code."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from nbformat import NotebookNode, from_dict

from byhand.checking import first_wrong, judge_all, marked, recognised, told, wrong_marks
from byhand.checking.collect import Failure, Outcome
from byhand.checking.exercise import Exercise
from byhand.checking.judge import Verdict
from byhand.checking.mistakes import Known
from byhand.checking.report import CheckReport
from byhand.grading.assignment import AssignmentSpec
from byhand.grading.clean import taken_in
from byhand.grading.limits import LONGEST_HINT
from byhand.grading.verdicts import ExerciseVerdict, Told

EXCEPTIONS = {
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
}
EXCEPTIONS |= {"LinAlgError", "AxisError", "NotByHand"}
WARNING = re.compile(r"(?:divide by zero|overflow|underflow|invalid value) encountered in (?:scalar )?(\w+)")


@dataclass
class Marks:
    """What is known of a notebook's exercises so far: name -> what the report needs of it."""

    assignment: AssignmentSpec
    exercises: dict[str, ExerciseVerdict] = field(default_factory=dict)
    _seen: dict[str, list[Verdict]] = field(default_factory=dict)  # on the public problems, by exercise

    def __post_init__(self) -> None:
        for name, asked in self.assignment.exercises.items():
            self.exercises[name] = {
                "points": 0.0, "max_points": asked.points, "right": False, "mistake": None, "hint": None,
                "failure": "Its check did not run.", "fingerprint": None, "told": [], "begin": None, "unwritten": False,
            }  # fmt: skip

    def visible(
        self, name: str, outcomes: Mapping[int, Outcome], uses: list[str], missing: Failure, counts: bool
    ) -> CheckReport:
        """The report on the public problems; where it `counts`, it decides which known mistake it is."""
        asked, entry = self.assignment.exercises[name], self.exercises[name]
        solved = asked.solved[False]
        listed = [outcomes.get(number, Outcome(failure=missing)) for number in range(len(solved))]
        verdicts = judge_all(asked.exercise, solved, listed)
        case = first_wrong(verdicts)
        earlier = next((n for n in uses if n in self.exercises and not self.exercises[n]["right"]), None)
        report = told(name, asked.exercise, verdicts, listed, asked.known, None if case is None else earlier)
        if not counts:
            return report
        self._seen[name] = verdicts
        entry["right"] = case is None
        entry["failure"] = None if case is None else _one_line(_of_kind(verdicts[case]))
        entry["begin"] = None if case is None else earlier
        entry["told"] = wrong_kinds(asked.exercise, verdicts, listed, asked.known, follows=bool(entry["begin"]))
        if hits := recognised(asked.exercise, verdicts, listed, asked.known):
            entry["mistake"], entry["hint"] = hits[0].id, hits[0].text
        if case is not None:
            failure = listed[case].failure
            unwritten = failure is not None and failure.unwritten
            entry["unwritten"] = unwritten and not verdicts[case].problem.kind
            entry["fingerprint"] = None if unwritten else wrong_marks(asked.exercise, listed[case], verdicts[case])
        return report

    def graded(self, name: str, outcomes: Mapping[int, Outcome], missing: Failure) -> CheckReport:
        """The report on the graded problems, with the points."""
        asked, entry = self.assignment.exercises[name], self.exercises[name]
        solved = asked.solved[True]
        listed = [
            _without_its_words(outcomes[number]) if number in outcomes else Outcome(failure=missing)
            for number in range(len(solved))
        ]
        nothing = [Outcome(failure=missing)] * len(solved)
        seen = self._seen.get(name) or judge_all(asked.exercise, asked.solved[False], nothing)
        verdicts = judge_all(asked.exercise, solved, listed)
        report = marked(name, asked.exercise, seen, verdicts, listed, asked.points)
        entry["points"] = report.earned
        if not report.right and entry["right"]:
            entry["failure"] = _one_line(f"With {report.verdict.problem.label}: {_trouble(report.verdict)}")
        entry["right"] = entry["right"] and report.right
        if all(verdict.right for verdict in seen):
            entry["told"] = wrong_kinds(asked.exercise, verdicts, listed, asked.known, fresh=True)
        return report


def _without_its_words(outcome: Outcome) -> Outcome:
    """What an answer says by itself about a graded problem may be the problem: its exceptions, warnings and types are named
    where they are Python's or numpy's own, and not quoted."""
    failure, returned = outcome.failure, outcome.returned
    if failure is not None:
        kind = failure.kind if failure.kind in EXCEPTIONS else "an exception of its own"
        failure = Failure(kind, "what it says is left out, since it may tell the problem", "")
    warned = tuple(text for text in outcome.warned if (m := WARNING.fullmatch(text)) and hasattr(np, m[1]))
    if isinstance(returned, (tuple, list)):
        returned = type(returned)(map(_without_its_name, returned))
    elif isinstance(returned, dict):
        returned = {key: _without_its_name(value) for key, value in returned.items()}
    return Outcome(_without_its_name(returned), failure, outcome.mutated, warned)


def _without_its_name(value: Any) -> Any:
    plain = isinstance(value, (np.ndarray, np.generic)) or type(value).__name__ in vars(builtins)
    return value if plain or value is None else object()


def wrong_kinds(
    exercise: Exercise,
    verdicts: Sequence[Verdict],
    outcomes: Sequence[Outcome],
    known: Known,
    follows: bool = False,
    fresh: bool = False,
) -> list[Told]:
    """Each kind of problem on which an answer is wrong: what is special about it, what is wrong, and the hints that the check
    has for it.

    The check shows the first one alone, and the next when that is mended. What is wrong on the ordinary problem is wrong on
    most others too, for the same reason: then it is all that is said. `follows`: it uses an answer that is wrong itself, so
    that a listed mistake alone is named. `fresh`: with the numbers of grading, not of the check.
    """
    wrong = [number for number, verdict in enumerate(verdicts) if not verdict.right]
    listed = {mistake.id for mistake in known.listed}
    claims = {mistake.id for mistake in known.listed if mistake.claims}
    told: list[Told] = []
    stopped = None
    for case in wrong[:1] if wrong[:1] == [0] else wrong:
        if stopped is not None and outcomes[case].failure is stopped:
            continue  # the cell had ended before: nobody knows what its answer would have been
        stopped = outcomes[case].failure
        # With those before it right, so that it is asked what the check would say next.
        mended = [Verdict(verdict.problem, ()) for verdict in verdicts[:case]]
        hints = recognised(exercise, [*mended, *verdicts[case:]], outcomes, known)
        if case != wrong[0]:  # a hint that speaks of other results was written for answers that are right until here
            hints = [hint for hint in hints if hint.id not in claims]
        if follows:
            hints = [hint for hint in hints if hint.id in listed]
        told.append({
            "kind": verdicts[case].problem.kind, "wrong": _one_line(_troubles(verdicts[case])),
            "hints": [taken_in(hint.text, LONGEST_HINT) for hint in hints], "fresh": fresh,
        })  # fmt: skip
    return told


def _of_kind(verdict: Verdict) -> str:
    """The first thing that is wrong, after what is special about the problem."""
    kind = verdict.problem.kind
    return f"{kind[0].upper()}{kind[1:]}: {_trouble(verdict)}" if kind else _trouble(verdict)


def _trouble(verdict: Verdict) -> str:
    """The first thing that is wrong, in words."""
    return verdict.trouble or next(f"{row.name} {row.told}" for row in verdict.rows if not row.right)


def _troubles(verdict: Verdict) -> str:
    """The first thing that is wrong, and the names of all others."""
    wrong = [row for row in verdict.rows if not row.right]
    if verdict.trouble or not wrong:
        return verdict.trouble
    first, *others = wrong
    said = first.told.rstrip(".") or "missing"
    more = f". Not right either: {', '.join(row.name for row in others)}" if others else ""
    return f"{first.name}: {said}{more}."


def _one_line(text: str) -> str:
    return taken_in(" ".join(text.split()), 300)


def report_output(report: CheckReport) -> NotebookNode:
    """The report as the cell shows it."""
    return output("display_data", data={"text/plain": repr(report), "text/html": report._repr_html_()}, metadata={})


def points_output(points: float) -> NotebookNode:
    """What nbgrader reads as the score of a cell."""
    return output("execute_result", data={"text/plain": repr(float(points))}, metadata={}, execution_count=None)


def output(kind: str, **content: Any) -> NotebookNode:
    """An output, without nbformat's check of each."""
    return cast(NotebookNode, from_dict({"output_type": kind, **content}))  # of a dict it makes a node
