"""Take a notebook through a student's process, cell by cell, and lose nothing that works, whatever the rest does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from byhand.checking.collect import Failure
from byhand.grading import marking
from byhand.grading.assignment import SKIP, AssignmentSpec
from byhand.grading.clean import taken_in
from byhand.grading.kernel import Ended, Kernel
from byhand.grading.leavings import Budget
from byhand.grading.limits import LONGEST_MESSAGE, MOST_CAUSES, MOST_ENDS, MOST_ERRORS, MOST_MESSAGES, Limits
from byhand.grading.outputs import Outputs
from byhand.grading.wire import WireError, decode_outcome

MISSING = re.compile(r"NameError: name '(\w+)' is not defined")


@dataclass
class NotebookRun:
    """A notebook being run. `status` is that of the first thing that went wrong with the process."""

    notebook: NotebookNode
    assignment: AssignmentSpec
    limits: Limits
    start: Callable[[], Kernel]
    marks: marking.Marks = field(init=False)
    status: str = "graded"
    messages: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {"setup": 0.0, "own_cells": 0.0, "checks": 0.0})

    def __post_init__(self) -> None:
        self.marks = marking.Marks(self.assignment)
        self._tests = {f"{name}-check": name for name in self.assignment.exercises}
        self._kernel: Kernel | None = None
        self._left = self.limits.total
        self._ends = 0  # by cells of the student's own
        self._count = 0
        self.budget = Budget()
        self.errors: dict[str, str] = {}  # source -> the first error of each cell that is no test

    def __call__(self) -> None:
        """Run all cells. Outputs go into the notebook, points into `marks`."""
        before: list[NotebookNode] = []  # cells of the student's own that ended well enough to be run again
        try:
            for cell in self.notebook.cells:
                if cell.cell_type != "code" or not cell.source.strip() or SKIP in cell.metadata.get("tags", []):
                    continue
                test = self._tests.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
                named = "nbgrader" in cell.metadata
                if not named and self._ends == MOST_ENDS:
                    self.note(
                        "What the student added was not run any more after its cells had ended Python three times."
                    )
                elif kernel := self._ready(before, named):
                    began = time.monotonic()
                    alive = self._cell(kernel, cell, test)
                    self._spend(time.monotonic() - began, "checks" if test else "own_cells")
                    if alive and not test:
                        before.append(cell)
                    self._ends += not (alive or named)
                if test and cell.metadata["nbgrader"]["grade"]:
                    cell.outputs.append(marking.points_output(self.marks.exercises[test]["points"]))
        finally:
            if self._kernel:
                self._kernel.close()

    def _ready(self, before: list[NotebookNode], named: bool) -> Kernel | None:
        """A process that has run what came before; a new one where the last one ended.

        When the notebook's time is used up, what the student has added is left out, and the cells of the release have some
        seconds more.
        """
        if self._left <= 0:
            before[:] = [cell for cell in before if "nbgrader" in cell.metadata]
        while self._kernel is None and self._rest(named) > 0:
            began = time.monotonic()
            kernel = self._kernel = self.start()
            self._spend(time.monotonic() - began, "setup", counts=False)
            began = time.monotonic()
            for cell in list(before):
                again = NotebookNode({**cell, "outputs": []})
                if self._kernel and not self._cell(kernel, again, None):
                    before.remove(cell)
            self._spend(time.monotonic() - began, "own_cells")
        return self._kernel if self._rest(named) > 0 else None

    def _rest(self, named: bool) -> float:
        return self._left + (2 * self.limits.cell if named else 0)

    def _spend(self, seconds: float, on: str, counts: bool = True) -> None:
        self.seconds[on] += seconds
        if counts:
            self._left -= seconds
            if self._left <= 0:
                self.trouble(
                    "timed out",
                    f"The notebook took more than {self.limits.total:g} s in all; what was added to it did not run any more.",
                )

    def _cell(self, kernel: Kernel, cell: NotebookNode, test: str | None) -> bool:
        """Run one cell. False where the process ended over it."""
        show = Outputs(cell, self.limits.output, self.budget)
        checks = CheckMessages(self, kernel, show, test)
        self._count += 1
        cell["execution_count"] = self._count
        try:
            for message in kernel.run(
                cell.source, min(self.limits.cell, max(self._rest("nbgrader" in cell.metadata), 0.1)), check=bool(test)
            ):
                if message.get("kind") == "interrupted" and show.full:
                    self.trouble("died", f"{self._where(cell)} sent more than a cell can show, and was stopped.")
                    checks.missing = stopped("it sent more than a cell can show")
                elif message.get("kind") == "interrupted":
                    self.trouble(
                        "timed out", f"{self._where(cell)} took more than {self.limits.cell:g} s and was stopped."
                    )
                    checks.missing = stopped(f"no answer within {self.limits.cell:g} s")
                elif not checks.take(message) and show.take(message, bool(test), checks.secret):
                    kernel.interrupt_now()
                if message.get("kind") == "error" and message.get("ename") == "MemoryError":
                    self.trouble("out of memory", f"{self._where(cell)} asked for more memory than there is.")
        except Ended as end:
            kernel.close()
            self._kernel = None
            status, says = self._how(end)
            self.trouble(status, f"{self._where(cell)} {says}.")
            show.error("Stopped", says)
            checks.missing = stopped(f"your code {says}")
        checks.finish()
        if show.first_error and not test and len(self.errors) < MOST_ERRORS:
            self.errors.setdefault(cell.source, show.first_error)
        return self._kernel is not None

    def _how(self, end: Ended) -> tuple[str, str]:
        match end.how:
            case {"killed_for": "time"}:
                return "timed out", f"took more than {self.limits.cell:g} s, could not be interrupted, and was killed"
            case {"killed_for": "memory"}:
                return "out of memory", f"took more than {self.limits.memory >> 20} MB of memory and was killed"
            case {"killed_for": str(reason)}:
                return "died", f"sent {reason}, and was killed"
            case {"exit": int(code)} if code < 0:
                return "died", f"ended Python with signal {-code}" + (" (a segmentation fault)" if code == -11 else "")
            case {"exit": int(code)}:
                return "died", f"ended Python with exit code {code}"
        return "died", "ended Python"

    def trouble(self, status: str, message: str) -> None:
        if self.status == "graded":
            self.status = status
        if message not in self.messages and len(self.messages) < MOST_MESSAGES:
            self.messages.append(message)

    def note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def cause(self, failure: str) -> str | None:
        """What went wrong before: where a name is missing, the error of the cell that should have defined it."""
        first, seen = None, set()
        while (missing := MISSING.search(first or failure)) and missing[1] not in seen and len(seen) < MOST_CAUSES:
            seen.add(missing[1])
            name = re.compile(rf"\b{re.escape(missing[1])}\b")
            error = next((error for source, error in self.errors.items() if name.search(source)), None)
            if not error or error == first:
                break
            first = error
        return first

    def _where(self, cell: NotebookNode) -> str:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name:
            return f"The cell {name}"
        line = next((t.strip() for t in cell.source.splitlines() if t.strip()), "")
        return f"The cell that begins with {taken_in(line, 60)!r}"


def stopped(why: str) -> Failure:
    """What stands for the answers that did not come, in words of the grader's own."""
    return Failure("Stopped", why, "", told=True)


class CheckMessages:
    """What `check` sends while one cell runs. Only the test cell of an exercise counts for it."""

    def __init__(self, run: NotebookRun, kernel: Kernel, show: Outputs, test: str | None) -> None:
        self.run, self.kernel, self.show, self.test = run, kernel, show, test
        self.missing = stopped("the cell ended before there was an answer")
        self.open: dict[str, Any] | None = None
        self.reported: set[bool] = set()

    def take(self, message: dict[str, Any]) -> bool:
        """Whether the message belongs to a check. Raises Ended where it is none that a check sends."""
        match message:
            case {"kind": "check", "name": str(name), "graded": bool(graded), "uses": list(uses), "ask": int(ask)}:
                asked = self.run.assignment.exercises.get(name)
                if asked is None:
                    return True
                uses = [n for n in uses if isinstance(n, str)]
                self.open = {"name": name, "graded": graded, "uses": uses, "outcomes": {}}
                # Only the test itself is told the graded problems.
                self.kernel.answer(problems=asked.given[graded and name == self.test], ask=ask)
                return True
            case {"kind": "outcome", "number": int(number), "outcome": sent, **more}:
                if self.open is not None:
                    asked = self.run.assignment.exercises[self.open["name"]]
                    before = asked.before[self.open["graded"] and self.open["name"] == self.test]
                    try:
                        outcome = decode_outcome(
                            sent, before[number] if 0 <= number < len(before) else {}, more.get("after")
                        )
                    except Exception as error:
                        says = taken_in(
                            error if isinstance(error, WireError) else type(error).__name__, LONGEST_MESSAGE
                        )
                        raise self.kernel.kill(f"a result that cannot be read ({says})") from None
                    if 0 <= number < len(self.run.assignment.exercises[self.open["name"]].solved[self.open["graded"]]):
                        self.open["outcomes"].setdefault(number, outcome)
                    if outcome.failure and outcome.failure.kind == "MemoryError":
                        says = f"{self.open['name']} asked for more memory than there is."
                        self.run.trouble("out of memory", says)
                return True
            case {"kind": "checked"}:
                self.close()
                return True
            case {"kind": "stream" | "display" | "result"}:
                # What an answer prints of the graded problems is not for those who may hand in again.
                return self.open is not None and self.open["graded"]
        return False

    @property
    def secret(self) -> bool:
        """Whether a graded problem is being answered. What is printed then is not kept: it might tell the problem."""
        return bool(self.open and self.open["graded"])

    def close(self) -> None:
        """Judge what has come, also where it is not all."""
        if self.open is None:
            return
        name, graded, uses, outcomes = (self.open[k] for k in ("name", "graded", "uses", "outcomes"))
        self.open = None
        counts = name == self.test
        if graded and (not counts or True in self.reported):
            return
        if counts:
            self.reported.add(graded)
        marks = self.run.marks
        try:
            if graded:
                report = marks.graded(name, outcomes, self.missing)
            else:
                report = marks.visible(name, outcomes, uses, self.missing, counts)
            self.show.append(marking.report_output(report))
        except Exception as error:  # the fault is the grader's, over this one result
            self._trip(name, counts, error)

    def _trip(self, name: str, counts: bool, error: Exception) -> None:
        says = (
            f"The grader itself failed over what {name} returned; please report this: {type(error).__name__}: {error}"
        )
        self.run.note(taken_in(says, LONGEST_MESSAGE))
        if counts:
            entry = self.run.marks.exercises[name]
            entry |= {
                "right": False,
                "failure": taken_in(says, LONGEST_MESSAGE),
                "unwritten": False,
            }

    def finish(self) -> None:
        """At the end of the cell. An exercise whose check was not reached has earned nothing."""
        self.close()
        if not self.test:
            return
        entry = self.run.marks.exercises[self.test]
        if False not in self.reported:
            entry["failure"] = self.show.first_error or f"The check stopped: {self.missing.message}"
        if entry["max_points"] and True not in self.reported:
            entry["right"] = False
            entry["failure"] = entry["failure"] or f"The check stopped: {self.missing.message}"
        if entry["failure"] and (cause := self.run.cause(entry["failure"])):
            entry |= {
                "failure": f"{cause} (in a cell before its check)",
                "fingerprint": None,
                "unwritten": False,
                "cause": True,
            }
