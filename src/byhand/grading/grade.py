"""`byhand grade`: a class, from the submitted folders to the gradebook. Interrupted, it goes on where it was."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import sqlalchemy
from nbgrader.api import InvalidEntry
from tqdm import tqdm

from byhand.grading import feedback, record, work
from byhand.grading.paper import NOTEBOOK, read_paper, seed_of, with_problems
from byhand.grading.sandbox import SandboxError
from byhand.grading.submission import Submission, good_id, read_submission
from byhand.grading.work import Conditions, Graded
from byhand.teaching.course import CourseError, Unit

AHEAD = 3  # tasks for each worker that are under way or wait; the rest of the class stays on disk
ATTEMPTS = 3  # when a worker process dies, for example because the machine has no memory left
GO_ON = "What was graded is recorded; the same command goes on from there."

Job = tuple[tuple, Callable[[Any], "Job | None"]]  # what is to be computed, and what is to be done with the result


@dataclass
class Grading:
    """A class being graded. `verdicts` are those of this run."""

    unit: Unit
    conditions: Conditions
    workers: int
    executors: Callable[[], contextlib.AbstractContextManager[Executor]]
    with_feedback: bool = True
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, students: Sequence[str] = (), again: bool = False) -> list[dict[str, Any]]:
        """Grade what has changed since it was graded, or all `again`; `students` alone, where they are named.

        Raises CourseError, before anything is changed, where something is wrong with the course; what a student has
        handed in never stops it.
        """
        root = self.unit.root
        folders = find_submissions(self.unit, students)
        with alone(root), record.open_gradebook(root) as self.book:
            self.seed = seed_of(root / "classroom")
            self.paper = read_paper(self.unit, record.release_cells(self.book, self.unit), self.seed)
            todo = [student for student, folder in folders.items() if again or not self._is_done(student, folder)]
            marked = [s for s in folders if s not in todo and self.with_feedback and self._marked_since(s)]
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    if todo or marked:
                        self._run(folders, todo, marked)
                    return self.verdicts
                except BrokenExecutor:
                    if attempt == ATTEMPTS:
                        raise CourseError(
                            f"Worker processes are killed again and again: try fewer --workers. {GO_ON}"
                        ) from None
                except SandboxError as error:
                    raise CourseError(
                        f"There can be no sandbox here ({error}), so nothing is graded. It needs Linux with user "
                        "namespaces; --no-sandbox runs the students' code with all your rights."
                    ) from None
                except (sqlalchemy.exc.OperationalError, InvalidEntry) as error:  # nbgrader wraps some of them
                    says = str(getattr(error, "orig", error)).rpartition("OperationalError) ")[2]
                    raise CourseError(f"The gradebook cannot be written ({says}). {GO_ON}") from None
                except OSError as error:
                    raise CourseError(f"The results cannot be written ({error}). {GO_ON}") from None

    def _run(self, folders: dict[str, Path], todo: list[str], marked: list[str]) -> None:
        """Do all jobs. What has been done leaves `todo` and `marked`."""
        work.server(self.paper)  # starts while the problems are made
        label = dict(desc=self.unit.name, unit="submission", disable=not sys.stderr.isatty())
        with self.executors() as executor, tqdm(total=len(todo) + len(marked), **label) as bar:
            tried = executor.submit(work.try_out, self.paper, self.conditions)
            if todo:
                self.paper = with_problems(self.paper, self.unit, self.seed)
            if layers := tried.result():
                bar.write(f"Sandbox: {', '.join(layers)}.")
            jobs = self._jobs(folders, list(todo), list(marked))
            pending: dict[Future, Callable[[Any], Job | None]] = {}
            while True:
                while len(pending) < AHEAD * self.workers and (job := next(jobs, None)):
                    pending[executor.submit(*job[0])] = job[1]
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    then = pending.pop(future)(future.result())
                    if then:
                        pending[executor.submit(*then[0])] = then[1]
                    else:
                        student = self.verdicts[-1]["student"]
                        (todo if student in todo else marked).remove(student)
                        bar.update()

    def _jobs(self, folders: dict[str, Path], todo: list[str], marked: list[str]) -> Iterator[Job]:
        for student in todo:
            submission = read_submission(folders[student], student, self.paper.digest)
            yield (work.grade, self.paper, submission, self.conditions), lambda g, s=submission: self._record(s, g)
        for student in marked:
            path = record.autograded_path(self.unit.root, self.unit.name, student)
            verdict = record.read_verdict(self.unit.root, self.unit.name, student)
            yield self._feedback(verdict, nbformat.read(path, as_version=4))

    def _is_done(self, student: str, folder: Path) -> bool:
        """Whether this very submission has been graded, and all that came of it is still there."""
        verdict = record.read_verdict(self.unit.root, self.unit.name, student)
        if not verdict or verdict["status"] == "failed":
            return False
        if verdict["digest"] != read_submission(folder, student, self.paper.digest).digest:
            return False
        return not good_id(student) or (
            record.find_notebook(self.book, self.unit.name, student) is not None
            and record.autograded_path(self.unit.root, self.unit.name, student).exists()
        )

    def _marked_since(self, student: str) -> bool:
        """Whether a human has given other points since the feedback was written, or it is not all there."""
        verdict = record.read_verdict(self.unit.root, self.unit.name, student)
        return good_id(student) and (
            verdict.get("feedback") != _digest(self._scores(student))
            or not record.feedback_is_there(self.unit.root, self.unit.name, student)
        )

    def _scores(self, student: str) -> dict[str, Any]:
        return record.scores(record.find_notebook(self.book, self.unit.name, student))

    def _record(self, submission: Submission, graded: Graded) -> Job | None:
        """Write down one result; then its feedback is due. The verdict comes last: where there is one, all is there."""
        began = time.monotonic()
        if good_id(submission.student):
            record.write_autograded(self.unit.root, self.paper, submission, graded)
            record.write_grades(self.unit.root, self.book, self.paper, submission, graded)
        graded.verdict["seconds"]["record"] = time.monotonic() - began
        if self.with_feedback and good_id(submission.student):
            return self._feedback(graded.verdict, graded.notebook)
        self._finish(graded.verdict)
        return None

    def _feedback(self, verdict: dict[str, Any], notebook: nbformat.NotebookNode) -> Job:
        scores = self._scores(verdict["student"])

        def then(result: tuple[str, float]) -> None:
            html, verdict["seconds"]["feedback"] = result
            record.write_feedback(self.unit.root, self.unit.name, verdict["student"], html)
            verdict["feedback"] = _digest(scores)
            self._finish(verdict)

        return (feedback.page, notebook, self.unit.name, verdict["student"], scores), then

    def _finish(self, verdict: dict[str, Any]) -> None:
        seconds = verdict["seconds"]
        seconds["total"] = sum(s for name, s in seconds.items() if name != "total")
        verdict["seconds"] = {name: round(s, 4) for name, s in seconds.items()}
        record.write_verdict(self.unit.root, verdict)
        self.verdicts.append(verdict)


def _digest(scores: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(scores, sort_keys=True).encode()).hexdigest()[:16]


def find_submissions(unit: Unit, students: Iterable[str] = ()) -> dict[str, Path]:
    """Student -> folder. Raises CourseError where there are none, or one is no folder."""
    submitted = unit.root / "classroom" / "submitted"
    found = {}
    for folder in sorted(submitted.iterdir()) if submitted.is_dir() else []:
        if folder.name.startswith("."):
            continue
        path = folder / unit.name
        wrong = folder if not folder.is_dir() else path if os.path.lexists(path) and not path.is_dir() else None
        if wrong:
            raise CourseError(
                f"{wrong} is no folder. A submission is {submitted.name}/STUDENT/{unit.name}/{NOTEBOOK}.ipynb."
            )
        if path.is_dir():
            found[folder.name] = path
    if not found:
        raise CourseError(f"There are no submissions for {unit.name}: none is in {submitted}/STUDENT/{unit.name}/.")
    if missing := sorted(set(students) - set(found)):
        raise CourseError(f"There is no submission of {', '.join(missing)} for {unit.name}.")
    return {student: found[student] for student in students or found}


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
