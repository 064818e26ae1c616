"""Judge what a student's process sent, and put the verdict into the notebook. Runs no student code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode, from_dict

from byhand.checking import marked, recognised, told
from byhand.checking.collect import Failure, Outcome
from byhand.checking.judge import Verdict, judge
from byhand.checking.mistakes import fingerprint
from byhand.checking.report import Report
from byhand.grading.clean import taken_in
from byhand.grading.paper import Asked, Paper


@dataclass
class Marks:
    """What is known of a notebook's exercises so far: name -> what the report needs of it."""

    paper: Paper
    exercises: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, asked in self.paper.exercises.items():
            self.exercises[name] = {
                "points": 0.0, "max_points": asked.points, "right": False, "mistake": None, "hint": None,
                "failure": "Its check did not run.", "fingerprint": None,
            }  # fmt: skip

    def visible(
        self, name: str, outcomes: Mapping[int, Outcome], uses: list[str], missing: Failure, counts: bool
    ) -> Report:
        """The report on the public problem; where it `counts`, it decides which known mistake it is."""
        asked, entry = self.paper.exercises[name], self.exercises[name]
        [(problem, answer)] = asked.problems[False]
        outcome = outcomes.get(0, Outcome(failure=missing))
        verdict = judge(asked.exercise, problem, outcome, answer)
        hits = recognised(asked.exercise, verdict, outcome, asked.mistakes)
        earlier = next((n for n in uses if n in self.exercises and not self.exercises[n]["right"]), None)
        report = told(name, verdict, outcome, hits, None if verdict.right else earlier)
        if not counts:
            return report
        entry["right"] = verdict.right
        entry["failure"] = None if verdict.right else _one_line(_trouble(verdict))
        if hits:
            entry["mistake"], entry["hint"] = hits[0].id, hits[0].hint
        unwritten = outcome.failure and outcome.failure.unwritten
        entry["fingerprint"] = None if verdict.right or unwritten else _wrong_marks(asked, outcome, verdict)
        return report

    def graded(self, name: str, outcomes: Mapping[int, Outcome], missing: Failure) -> Report:
        """The report on the graded problems, with the points."""
        asked, entry = self.paper.exercises[name], self.exercises[name]
        problems = asked.problems[True]
        listed = [outcomes.get(number, Outcome(failure=missing)) for number in range(len(problems))]
        report = marked(name, asked.exercise, problems, listed, asked.points)
        entry["points"] = report.points[0]
        if not report.right and entry["right"]:
            worst = report.verdicts[0]
            entry["failure"] = _one_line(f"With {worst.problem.label}: {_trouble(worst)}")
        entry["right"] = entry["right"] and report.right
        return report


def _wrong_marks(asked: Asked, outcome: Outcome, verdict: Verdict) -> dict[str, Any]:
    """The fingerprint of what is wrong, by quantity: equal ones are equal answers."""
    right = {row.name for row in verdict.rows if row.right}
    return {name: mark for name, mark in fingerprint(asked.exercise, outcome).items() if name not in right}


def _trouble(verdict: Verdict) -> str:
    """The first thing that is wrong, in words."""
    return verdict.trouble or next(f"{row.name} {row.says}" for row in verdict.rows if not row.right)


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
