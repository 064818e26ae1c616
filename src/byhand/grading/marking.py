"""Judge what a student's process sent, and put the verdict into the notebook. Runs no student code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode, from_dict

from byhand.checking import first_wrong, judge_all, marked, recognised, told, wrong_marks
from byhand.checking.collect import Failure, Outcome
from byhand.checking.judge import Verdict
from byhand.checking.report import Report
from byhand.grading.clean import taken_in
from byhand.grading.paper import Paper


@dataclass
class Marks:
    """What is known of a notebook's exercises so far: name -> what the report needs of it."""

    paper: Paper
    exercises: dict[str, dict[str, Any]] = field(default_factory=dict)
    _seen: dict[str, list[Verdict]] = field(default_factory=dict)  # on the public problems, by exercise

    def __post_init__(self) -> None:
        for name, asked in self.paper.exercises.items():
            self.exercises[name] = {
                "points": 0.0, "max_points": asked.points, "right": False, "mistake": None, "hint": None,
                "failure": "Its check did not run.", "fingerprint": None,
            }  # fmt: skip

    def visible(
        self, name: str, outcomes: Mapping[int, Outcome], uses: list[str], missing: Failure, counts: bool
    ) -> Report:
        """The report on the public problems; where it `counts`, it decides which known mistake it is."""
        asked, entry = self.paper.exercises[name], self.exercises[name]
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
        if hits := recognised(asked.exercise, verdicts, listed, asked.known):
            entry["mistake"], entry["hint"] = hits[0].id, hits[0].text
        if case is not None:
            unwritten = listed[case].failure and listed[case].failure.unwritten
            entry["fingerprint"] = None if unwritten else wrong_marks(asked.exercise, listed[case], verdicts[case])
        return report

    def graded(self, name: str, outcomes: Mapping[int, Outcome], missing: Failure) -> Report:
        """The report on the graded problems, with the points."""
        asked, entry = self.paper.exercises[name], self.exercises[name]
        solved = asked.solved[True]
        listed = [outcomes.get(number, Outcome(failure=missing)) for number in range(len(solved))]
        nothing = [Outcome(failure=missing)] * len(solved)
        seen = self._seen.get(name) or judge_all(asked.exercise, asked.solved[False], nothing)
        report = marked(name, asked.exercise, seen, judge_all(asked.exercise, solved, listed), listed, asked.points)
        entry["points"] = report.points[0]
        if not report.right and entry["right"]:
            entry["failure"] = _one_line(f"With {report.verdict.problem.label}: {_trouble(report.verdict)}")
        entry["right"] = entry["right"] and report.right
        return report


def _of_kind(verdict: Verdict) -> str:
    """The first thing that is wrong, after what is special about the problem."""
    kind = verdict.problem.kind
    return f"{kind[0].upper()}{kind[1:]}: {_trouble(verdict)}" if kind else _trouble(verdict)


def _trouble(verdict: Verdict) -> str:
    """The first thing that is wrong, in words."""
    return verdict.trouble or next(f"{row.name} {row.told}" for row in verdict.rows if not row.right)


def _one_line(text: str) -> str:
    return taken_in(" ".join(text.split()), 300)


def report_output(report: Report) -> NotebookNode:
    """The report as the cell shows it."""
    return output("display_data", data={"text/plain": repr(report), "text/html": report._repr_html_()}, metadata={})


def points_output(points: float) -> NotebookNode:
    """What nbgrader reads as the score of a cell."""
    return output("execute_result", data={"text/plain": repr(float(points))}, metadata={}, execution_count=None)


def output(kind: str, **content: Any) -> NotebookNode:
    """An output, without nbformat's check of each."""
    return from_dict({"output_type": kind, **content})
