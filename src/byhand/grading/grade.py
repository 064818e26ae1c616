"""`byhand grade`: a class, from the submitted folders to the gradebook. Interrupted, it goes on where it was."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from byhand.grading import record, work
from byhand.grading.paper import Paper, seed_of, write_paper
from byhand.grading.sandbox import SandboxError
from byhand.grading.submission import Submission, good_id, read_submission
from byhand.grading.work import Conditions
from byhand.teaching.course import CourseError, Unit


def grade_unit(
    unit: Unit, conditions: Conditions, *, students: Sequence[str] = (), again: bool = False, workers: int | None = None
) -> Counter:
    """Grade the submissions of a unit that have changed since they were graded, or those of `students`.

    Returns how many have which status. Raises CourseError, before anything is changed, where something is wrong with the
    course; what a student has handed in never stops it.
    """
    folders = find_submissions(unit, students)
    with alone(unit.root), record.open_gradebook(unit.root) as book:
        cells = record.release_cells(book, unit)
        with pool(workers or os.cpu_count() or 1) as executor:
            paper = write_paper(unit, cells, seed_of(unit.root / "classroom"))
            todo = [
                submission
                for student, folder in folders.items()
                for submission in [read_submission(folder, student, paper.digest)]
                if again or not _is_done(unit, submission)
            ]
            try:
                return _grade_all(unit.root, book, executor, paper, todo, conditions)
            except SandboxError as error:
                raise CourseError(
                    f"There can be no sandbox here ({error}), so nothing was graded. It needs Linux with user namespaces; "
                    "--no-sandbox runs the students' code with all your rights."
                ) from None


def _grade_all(
    root: Path, book, executor: Executor, paper: Paper, todo: list[Submission], conditions: Conditions
) -> Counter:
    statuses: Counter = Counter()
    pending: dict[Future, Submission] = {}
    waiting = iter(todo)
    with tqdm(total=len(todo), desc=paper.unit, unit="submission", disable=not sys.stderr.isatty()) as bar:
        while True:
            # A few more than there are workers, so that none waits and memory does not grow with the class.
            for submission in _take(waiting, 8 - len(pending)):
                pending[executor.submit(work.grade, paper, submission, conditions)] = submission
            if not pending:
                return statuses
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                submission = pending.pop(future)
                graded = future.result()
                began = time.monotonic()
                if good_id(submission.student):
                    record.write_autograded(root, paper, submission, graded)
                    record.write_grades(book, paper, submission, graded)
                graded.verdict["seconds"]["record"] = time.monotonic() - began
                record.write_verdict(root, graded.verdict)
                statuses[graded.verdict["status"]] += 1
                bar.update()


def _take(items: Iterator, count: int) -> Iterator:
    for _, item in zip(range(count), items, strict=False):
        yield item


def find_submissions(unit: Unit, students: Sequence[str]) -> dict[str, Path]:
    """Student -> folder. Raises CourseError where there are none, or one is no folder."""
    submitted = unit.root / "classroom" / "submitted"
    found = {}
    for folder in sorted(submitted.iterdir()) if submitted.is_dir() else []:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        path = folder / unit.name
        if os.path.lexists(path):
            if not path.is_dir():
                raise CourseError(f"{path} is no folder: a submission is a folder with {record.NOTEBOOK}.ipynb in it.")
            found[folder.name] = path
    if not found:
        raise CourseError(
            f"There are no submissions: {submitted}/STUDENT/{unit.name}/{record.NOTEBOOK}.ipynb is not there."
        )
    if missing := sorted(set(students) - set(found)):
        raise CourseError(f"There is no submission of {', '.join(missing)} for {unit.name}.")
    return {student: found[student] for student in students} if students else found


def _is_done(unit: Unit, submission: Submission) -> bool:
    verdict = record.read_verdict(unit.root, unit.name, submission.student)
    return bool(verdict) and verdict.get("digest") == submission.digest and verdict.get("status") != "failed"


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """No two graders at once. The lock goes with the process, however that ends."""
    with open(root / "classroom" / ".grading", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CourseError(f"This class is being graded already (by process {file.read().strip()}).") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def pool(workers: int) -> Iterator[Executor]:
    """Processes on this machine, forked now, while there is little to copy."""
    executor = ProcessPoolExecutor(workers, mp_context=get_context("fork"))
    try:
        executor.submit(int).result()
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
