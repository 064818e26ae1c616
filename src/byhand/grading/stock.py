"""`byhand grade --verify K`: grade a few submissions with stock nbgrader too, each in a sandbox of its own, and compare."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from byhand.checking.seed import Seed
from byhand.course import CourseError, Unit
from byhand.grading import sandbox
from byhand.grading.assignment import NOTEBOOK, AssignmentSpec
from byhand.grading.grade import find_submissions
from byhand.grading.limits import Limits
from byhand.grading.submission import Submission, laid_over, read_submission
from byhand.grading.verdicts import read_verdict
from byhand.grading.work import Conditions

CONFIG = """c = get_config()
c.CourseDirectory.course_id = "byhand"
c.CourseDirectory.root = {root!r}
c.Execute.timeout = {seconds!r}
"""
SCORES = """SELECT base_cell.name, grade.auto_score FROM grade JOIN base_cell ON base_cell.id = grade.cell_id"""


def differences(
    unit: Unit, assignment: AssignmentSpec, conditions: Conditions, count: int, seed: Seed
) -> Iterator[tuple[str, list[str]]]:
    """For `count` submissions that were graded without trouble: the student, and a line for each score that differs."""
    folders = find_submissions(unit)
    verdicts = {student: read_verdict(unit.root, unit.name, student) for student in folders}
    graded = {student: verdict for student, verdict in verdicts.items() if verdict and verdict["status"] == "graded"}
    for student in random.sample(sorted(graded), min(count, len(graded))):
        submission = read_submission(folders[student], student, assignment.digest)
        stock = stock_scores(unit, assignment, submission, conditions, seed)
        exercises = graded[student]["exercises"].items()
        ours = {f"{name}-check": e["points"] for name, e in exercises if e["max_points"]}
        yield (
            student,
            [f"{name}: stock {stock.get(name)}, ours {ours[name]}" for name in ours if stock.get(name) != ours[name]],
        )


def stock_scores(
    unit: Unit, assignment: AssignmentSpec, submission: Submission, conditions: Conditions, seed: Seed
) -> dict[str, float | None]:
    """The scores that stock nbgrader gives. Raises CourseError where it fails."""
    handed_in = laid_over(
        laid_over(assignment.files, submission.files), {f"{NOTEBOOK}.ipynb": submission.notebook or b""}
    )
    files = {f"classroom/source/{unit.name}/{name}": content for name, content in assignment.files.items()}
    files |= {f"classroom/submitted/student/{unit.name}/{name}": content for name, content in handed_in.items()}
    files["classroom/gradebook.db"] = _empty_gradebook(unit.root)
    files["classroom/seed"] = (seed.hex() if isinstance(seed, bytes) else str(seed)).encode()
    request = (files, unit.name, conditions)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "byhand.grading.stock"], input=pickle.dumps(request), capture_output=True
    )
    if done.returncode:
        raise CourseError(f"Stock nbgrader could not grade {submission.student}:\n{done.stderr.decode()[-2000:]}")
    return json.loads(done.stdout)


def _empty_gradebook(root: Path) -> bytes:
    """The gradebook without its students: a submission has no business with them."""
    with tempfile.TemporaryDirectory() as scratch:
        path = shutil.copy(root / "classroom" / "gradebook.db", scratch)
        with closing(sqlite3.connect(path)) as db:
            for table in ("grade", "comment", "submitted_notebook", "submitted_assignment", "student"):
                db.execute(f"DELETE FROM {table}")
            db.commit()
            db.execute("VACUUM")
        return Path(path).read_bytes()


def main() -> None:
    """In a process of its own: build the sandbox, grade in it, and print the scores."""
    files, unit, conditions = pickle.load(sys.stdin.buffer)
    # torch wants more than a student's numpy does.
    limits = replace(conditions.limits, memory=2 * conditions.limits.memory, processes=256)
    if not conditions.sandboxed:
        with tempfile.TemporaryDirectory() as scratch:
            sandbox.write_files(files, Path(scratch))
            _grade(Path(scratch), unit, limits)
        return
    user = sandbox.enclose(sandbox.what_python_needs(), conditions.hidden, limits.disk)
    sandbox.talk_to_oneself()  # stock kernels do
    child = os.fork()
    if child == 0:
        try:
            sandbox.enter(user, files, "course", limits, filtered=False)
            _grade(sandbox.HOME / "course", unit, limits)
            sys.stdout.flush()
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _grade(root: Path, unit: str, limits: Limits) -> None:
    config = CONFIG.format(root=str(root / "classroom"), seconds=int(limits.cell))
    (root / "nbgrader_config.py").write_text(config)
    programs = Path(sys.executable).parent
    env = dict(
        PATH=f"{programs}:/usr/bin:/bin", HOME=str(root), TMPDIR="/tmp", LANG="C.UTF-8", OMP_NUM_THREADS="1",
        PYTHONPATH=str(Path(__file__).resolve().parents[2]),
    )  # fmt: skip
    command = [programs / "nbgrader", "autograde", unit]
    done = subprocess.run(command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout)
    with closing(sqlite3.connect(root / "classroom" / "gradebook.db")) as db:
        print(json.dumps(dict(db.execute(SCORES).fetchall())))


if __name__ == "__main__":
    main()
