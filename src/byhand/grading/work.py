"""The work on one submission that can be done anywhere: restore, run, judge. No gradebook, no file of the course."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode

from byhand.grading.assignment import AssignmentSpec
from byhand.grading.bounded import TooMuch, bounded
from byhand.grading.clean import taken_in
from byhand.grading.kernel import Ended, Kernel, Server
from byhand.grading.leavings import trimmed
from byhand.grading.limits import LONGEST_REMARK, MOST_REMARKS, Limits
from byhand.grading.markdown import harmless
from byhand.grading.marking import Marks, points_output
from byhand.grading.notebook_file import Damaged
from byhand.grading.restore import ENDINGS, Restored, released, restored
from byhand.grading.run import NotebookRun
from byhand.grading.sandbox import SandboxError
from byhand.grading.server import Request
from byhand.grading.submission import Submission, laid_over
from byhand.grading.verdicts import SubmissionVerdict

READING = dict(seconds=5, memory=1 << 30)  # for making a notebook of what was handed in


@dataclass(frozen=True)
class Conditions:
    """Under which a class is graded. `hidden` are folders that no student's process may see."""

    limits: Limits = field(default_factory=Limits)
    sandboxed: bool = True
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graded:
    """A submission with everything that is known of it. `verdict` is the record, but for the times that come later.
    `texts`: there is text of the student's that answers no question by its place."""

    notebook: NotebookNode
    verdict: SubmissionVerdict
    texts: bool = False


_servers: dict[tuple[str, ...], Server] = {}


def server(assignment: AssignmentSpec) -> Server:
    """The warm parent of students' processes, one on each machine; workers that are forked later share it."""
    if assignment.imports not in _servers:
        _servers[assignment.imports] = Server(assignment.imports)
    return _servers[assignment.imports]


def _start(assignment: AssignmentSpec, submission: Submission, conditions: Conditions) -> Kernel:
    files, names = assignment.beside(laid_over(submission.files, assignment.files)), tuple(assignment.exercises)
    request = Request(
        files, assignment.unit, names, conditions.limits, conditions.sandboxed, assignment.torch, conditions.hidden
    )
    return server(assignment).start(request)


def try_out(assignment: AssignmentSpec, conditions: Conditions) -> list[str]:
    """Start a process and end it. Returns the layers of its sandbox. Raises SandboxError where there can be none."""
    try:
        with _start(assignment, Submission("nobody", ""), conditions) as kernel:
            return kernel.layers
    except Ended as end:
        raise SandboxError(end.how.get("why") or "a process in it does not start") from None


def grade(assignment: AssignmentSpec, submission: Submission, conditions: Conditions) -> Graded:
    """Grade one submission, whatever it is. Raises SandboxError alone: without its sandbox nothing is graded."""
    began = time.monotonic()
    try:
        graded = _grade(assignment, submission, conditions)
    except SandboxError:
        raise
    except Exception as error:  # a fault of the grader's must not cost the rest of the class anything
        graded = failed(assignment, submission, error)
    graded.verdict["seconds"]["total"] = time.monotonic() - began
    return graded


def failed(assignment: AssignmentSpec, submission: Submission, error: BaseException) -> Graded:
    """What stands for a submission over which the grader itself fails."""
    at = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in at)
    message = f"The grader itself failed; please report this: {type(error).__name__}: {error}{where}"
    return _not_run(assignment, submission, "failed", message)


def _read(assignment: AssignmentSpec, submission: Submission) -> Restored:
    """The notebook, in a process of its own. Raises Damaged."""
    pictures = {name: c for name, c in submission.files.items() if PurePosixPath(name).suffix.lower() in ENDINGS}
    known = submission.notebook, assignment.cells, assignment.skipped, assignment.given
    name = submission.name or "The notebook"
    for plain in (False, True):
        try:
            return bounded(restored, *known, plain, pictures, name, assignment.elsewhere, **READING)
        except TooMuch as error:
            trouble = f"{name} cannot be read: that takes {error}."
    raise Damaged(trouble)


def _grade(assignment: AssignmentSpec, submission: Submission, conditions: Conditions) -> Graded:
    if submission.trouble:
        return _not_run(assignment, submission, *submission.trouble)
    began = time.monotonic()
    try:
        read = _read(assignment, submission)
    except Damaged as damage:
        return _not_run(assignment, submission, "damaged", str(damage))
    run = NotebookRun(read.notebook, assignment, conditions.limits, lambda: _start(assignment, submission, conditions))
    run.seconds["setup"] += time.monotonic() - began
    run()
    notebook, cut = trimmed(read.notebook)
    notes = [*submission.notes, *read.notes, *run.notes, *cut]
    verdict = _verdict(assignment, submission, run.status, " ".join(run.messages), run.marks, notes)
    verdict["seconds"] |= run.seconds
    return Graded(notebook, verdict, read.texts)


def _not_run(assignment: AssignmentSpec, submission: Submission, status: str, message: str) -> Graded:
    message = taken_in(message, LONGEST_REMARK)
    notice = f"**Not graded by machine.** {harmless(message)} Every exercise has 0 points for now."
    notebook = released(assignment.cells, notice)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.outputs = [points_output(0)]
    return Graded(notebook, _verdict(assignment, submission, status, message, Marks(assignment), submission.notes))


def _verdict(
    assignment: AssignmentSpec, submission: Submission, status: str, message: str, marks: Marks, notes
) -> SubmissionVerdict:
    return {
        "student": submission.student,
        "unit": assignment.unit,
        "digest": submission.digest,
        "status": status,
        "message": taken_in(message, LONGEST_REMARK),
        "score": round(sum(e["points"] for e in marks.exercises.values()), 2),
        "max_score": assignment.points,
        "exercises": marks.exercises,
        "seconds": dict.fromkeys(("setup", "own_cells", "checks", "record", "feedback", "total"), 0.0),
        "notes": [taken_in(note, LONGEST_REMARK) for note in dict.fromkeys(notes)][:MOST_REMARKS],
    }
