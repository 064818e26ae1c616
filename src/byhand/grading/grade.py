"""`byhand grade`: a class, from the submitted folders to the gradebook. Interrupted, it goes on where it was."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, InvalidEntry
from sqlalchemy.exc import OperationalError
from tqdm import tqdm

from byhand.checking.seed import Seed
from byhand.course import CourseError, Unit
from byhand.grading import feedback, record, verdicts, work
from byhand.grading.assignment import AssignmentSpec, read_assignment, seed_of, with_problems
from byhand.grading.bounded import apart
from byhand.grading.restore import released
from byhand.grading.sandbox import SandboxError
from byhand.grading.submission import LEFT_OUT, UNWRITTEN, Submission, good_id, read_submission, twins
from byhand.grading.told import said_of
from byhand.grading.verdicts import SubmissionVerdict
from byhand.grading.work import Conditions, Graded

AHEAD = 3  # tasks for each worker that are under way or wait; the rest of the class stays on disk
ATTEMPTS = 3  # when a worker process dies, for example because the machine has no memory left
GO_ON = "What was graded is recorded; the same command goes on from there."

# errors, and no student's
EVERYBODYS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True)
class Job:
    """What is to be computed; what is to be done with the result; and what stands for it where the computing fails."""

    task: tuple
    then: Callable[[Any], Job | None]
    instead: Callable[[Exception], Any]


@dataclass
class Grading:
    """A class being graded. `verdicts` are those of this run."""

    unit: Unit
    conditions: Conditions
    workers: int
    executors: Callable[[], contextlib.AbstractContextManager[Executor]]
    with_feedback: bool = True
    verdicts: list[SubmissionVerdict] = field(default_factory=list)
    # What it is graded with, from when it is called.
    book: Gradebook = field(init=False, repr=False)
    assignment: AssignmentSpec = field(init=False, repr=False)
    seed: Seed = field(init=False, repr=False)
    blanks: int = field(init=False, repr=False)
    twins: Mapping[str, str] = field(init=False, repr=False)

    def __call__(self, students: Sequence[str] = (), again: bool = False) -> list[SubmissionVerdict]:
        """Grade what has changed since it was graded, or all `again`; `students` alone, where they are named.

        Raises CourseError, before anything is changed, where something is wrong with the course; what a student has
        handed in never stops it.
        """
        root = self.unit.root
        folders = find_submissions(self.unit, students)
        self.twins = twins(find_submissions(self.unit))
        with alone(root), record.open_gradebook(root) as self.book:
            self.seed = seed_of(root / "classroom")
            self.assignment = read_assignment(self.unit, record.release_cells(self.book, self.unit), self.seed)
            self.blanks = sum(UNWRITTEN.decode() in c.source for c in self.assignment.cells if c.solution)
            todo = [student for student, folder in folders.items() if again or not self._is_done(student, folder)]
            marked = [s for s in folders if s not in todo and self.with_feedback and self._marked_since(s)]
            attempt = 1
            while True:
                try:
                    if todo or marked:
                        self._run(folders, todo, marked)
                    return self.verdicts
                except BrokenExecutor:
                    if attempt == ATTEMPTS:
                        raise CourseError(
                            f"Worker processes are killed again and again: try fewer --workers. {GO_ON}"
                        ) from None
                    attempt += 1
                except SandboxError as error:
                    raise CourseError(
                        f"There can be no sandbox here ({error}), so nothing is graded. It needs Linux with user "
                        "namespaces; --no-sandbox runs the students' code with all your rights."
                    ) from None
                except (OperationalError, InvalidEntry) as error:  # nbgrader wraps some of them
                    says = str(getattr(error, "orig", error)).rpartition("OperationalError) ")[2]
                    raise CourseError(f"The gradebook cannot be written ({says}). {GO_ON}") from None
                except OSError as error:
                    raise CourseError(f"The results cannot be written ({error}). {GO_ON}") from None

    def _run(self, folders: dict[str, Path], todo: list[str], marked: list[str]) -> None:
        """Do all jobs. What has been done leaves `todo` and `marked`."""
        work.server(self.assignment)  # starts while the problems are made
        total, silent = len(todo) + len(marked), not sys.stderr.isatty()
        with (
            apart() as in_a_process,  # the problems are made there, with torch, which takes 200 MB
            self.executors() as executor,
            tqdm(total=total, desc=self.unit.name, unit="submission", disable=silent) as bar,
        ):
            tried = executor.submit(work.try_out, self.assignment, self.conditions)
            if todo:
                self.assignment = in_a_process(with_problems, self.assignment, self.unit, self.seed)
            if layers := tried.result():
                bar.write(f"Sandbox: {', '.join(layers)}.")
            jobs = self._jobs(folders, list(todo), list(marked))
            pending: dict[Future, Job] = {}
            while True:
                while len(pending) < AHEAD * self.workers and (job := next(jobs, None)):
                    pending[executor.submit(*job.task)] = job
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    job = pending.pop(future)
                    try:
                        result = future.result()
                    except (BrokenExecutor, SandboxError):
                        raise
                    except Exception as error:
                        result = job.instead(error)
                    if more := job.then(result):
                        pending[executor.submit(*more.task)] = more
                    else:
                        student = self.verdicts[-1]["student"]
                        (todo if student in todo else marked).remove(student)
                        bar.update()

    def _jobs(self, folders: dict[str, Path], todo: list[str], marked: list[str]) -> Iterator[Job]:
        for student in todo:
            submission = self._read(student, folders[student])
            yield Job(
                (work.grade, self.assignment, submission, self.conditions),
                lambda graded, s=submission: self._record(s, graded),
                lambda error, s=submission: work.failed(self.assignment, s, error),
            )
        for student in marked:
            verdict = verdicts.read_verdict(self.unit.root, self.unit.name, student)
            assert verdict  # or it would have to be graded
            if self._late(student) != verdict.get("late"):
                record.punish(self.unit.root, self.book, self.unit.name, student)
                verdict["late"] = self._late(student)
            path = record.autograded_path(self.unit.root, self.unit.name, student)
            try:
                notebook = nbformat.read(path, as_version=4)
            except Exception:  # whatever has become of it
                notebook = released(self.assignment.cells, "The notebook that was graded is not there any more.")
            yield self._feedback(verdict, notebook)

    def _read(self, student: str, folder: Path) -> Submission:
        return read_submission(folder, student, self.assignment.digest, self.blanks, self.twins.get(student, ""))

    def _is_done(self, student: str, folder: Path) -> bool:
        """Whether this very submission has been graded, and all that came of it is still there."""
        verdict = verdicts.read_verdict(self.unit.root, self.unit.name, student)
        if not verdict or verdict["status"] == "failed":
            return False
        if verdict["digest"] != self._read(student, folder).digest:
            return False
        return not good_id(student) or (
            record.find_notebook(self.book, self.unit.name, student) is not None
            and record.autograded_path(self.unit.root, self.unit.name, student).exists()
        )

    def _marked_since(self, student: str) -> bool:
        """Whether a human has given other points or time since the feedback was written, or it is not all there."""
        verdict = verdicts.read_verdict(self.unit.root, self.unit.name, student)
        return (
            bool(verdict)
            and good_id(student)
            and (
                verdict.get("feedback") != _digest(self._scores(student))
                or verdict.get("late", 0) != self._late(student)
                or not record.feedback_is_there(self.unit.root, self.unit.name, student)
            )
        )

    def _late(self, student: str) -> float:
        return record.seconds_late(record.find_notebook(self.book, self.unit.name, student))

    def _scores(self, student: str) -> dict[str, Any]:
        return record.scores(record.find_notebook(self.book, self.unit.name, student))

    def _record(self, submission: Submission, graded: Graded) -> Job | None:
        """Write down one result; then its feedback is due. The verdict comes last: where there is one, all is there."""
        began = time.monotonic()
        written = good_id(submission.student)
        try:
            if written:
                self._write(submission, graded)
        except Exception as error:
            if _is_everybodys(error):
                raise
            self.book.db.rollback()
            graded = work.failed(self.assignment, submission, error)
            try:
                self._write(replace(submission, files={}), graded)
            except Exception as again:
                if _is_everybodys(again):
                    raise
                self.book.db.rollback()
                written = False
        graded.verdict["seconds"]["record"] = time.monotonic() - began
        if self.with_feedback and written:
            return self._feedback(graded.verdict, graded.notebook)
        self._finish(graded.verdict)
        return None

    def _write(self, submission: Submission, graded: Graded) -> None:
        record.write_autograded(self.unit.root, self.assignment, submission, graded)
        record.write_grades(self.unit.root, self.book, self.assignment, submission, graded)

    def _feedback(self, verdict: SubmissionVerdict, notebook: nbformat.NotebookNode) -> Job:
        student = verdict["student"]
        scores = self._scores(student)

        def then(result: tuple[str, float]) -> None:
            html, verdict["seconds"]["feedback"] = result
            try:
                record.write_feedback(self.unit.root, self.unit.name, student, html)
                verdict["feedback"] = _digest(scores)
            except Exception as error:
                if _is_everybodys(error):
                    raise
                says = getattr(error, "strerror", None) or type(error).__name__
                verdict["notes"].append(f"The feedback could not be written ({says}).")
            self._finish(verdict)

        said = said_of(verdict)
        task = (feedback.page, notebook, self.unit.name, student, scores, said)
        return Job(task, then, lambda error: (feedback.plain(*task[1:5], type(error).__name__, said), 0.0))

    def _finish(self, verdict: SubmissionVerdict) -> None:
        seconds = verdict["seconds"]
        seconds["total"] = sum(s for name, s in seconds.items() if name != "total")
        verdict["seconds"] = {name: round(s, 4) for name, s in seconds.items()}
        verdicts.write_verdict(self.unit.root, verdict)
        self.verdicts.append(verdict)


def _is_everybodys(error: Exception) -> bool:
    """Whether an error is none of the submission's over which it came up: a full disk, a gradebook that is locked."""
    if isinstance(error, OperationalError):
        return True
    if isinstance(error, InvalidEntry):  # nbgrader wraps some of them
        return "OperationalError" in str(error)
    return isinstance(error, OSError) and error.errno in EVERYBODYS


def _digest(scores: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(scores, sort_keys=True).encode()).hexdigest()[:16]


def find_submissions(unit: Unit, students: Iterable[str] = ()) -> dict[str, Path]:
    """Student -> folder, or what lies in its place. Raises CourseError where there are none."""
    submitted = unit.root / "classroom" / "submitted"
    found = {}
    for folder in sorted(submitted.iterdir()) if submitted.is_dir() else []:
        path = folder / unit.name
        if folder.is_dir() and not folder.name.startswith(".") and os.path.lexists(path):
            found[folder.name] = path
    if not found:
        raise CourseError(f"There are no submissions for {unit.name}: none is in {submitted}/STUDENT/{unit.name}/.")
    if missing := sorted(set(students) - set(found)):
        raise CourseError(f"There is no submission of {', '.join(missing)} for {unit.name}.")
    return {student: found[student] for student in students or found}


def no_folders(unit: Unit) -> list[str]:
    """What lies among the students' folders and is none: an archive that nobody has unpacked, a link to nowhere."""
    submitted = unit.root / "classroom" / "submitted"
    others = [p.name for p in submitted.iterdir() if not p.is_dir()] if submitted.is_dir() else []
    return sorted(name for name in others if not (name.startswith(".") or LEFT_OUT.fullmatch(name)))


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """No two graders at once. The lock goes with the process, however that ends."""
    try:
        lock = open(root / "classroom" / ".grading", "a+")  # noqa: SIM115 - closed below
    except OSError as error:
        raise CourseError(f"The results cannot be written ({error}).") from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CourseError(f"This class is being graded already, by process {file.read().strip()}.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
