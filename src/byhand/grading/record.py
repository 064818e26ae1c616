"""Write down what a submission is worth: nbgrader's gradebook and folders, and the verdict. One process alone does this."""

from __future__ import annotations

import contextlib
import datetime
import logging
import secrets
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import nbformat
import sqlalchemy.exc
from nbconvert.exporters.exporter import ResourcesDict
from nbgrader import utils
from nbgrader.api import Assignment, Base, BaseCell, Gradebook, MissingEntry, Notebook, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.orm import with_polymorphic
from traitlets.config.loader import Config, PyFileConfigLoader

from byhand.course import CourseError, Unit
from byhand.grading.assignment import NOTEBOOK, AssignmentSpec, ReleaseCell
from byhand.grading.clean import taken_in
from byhand.grading.stamps import WRITE, read_stamp
from byhand.grading.submission import Submission, laid_over
from byhand.grading.verdicts import write_whole
from byhand.grading.work import Graded

STAMP, SECRET = "timestamp.txt", "submission_secret.txt"  # what nbgrader's exchange puts beside a notebook
PATIENCE = 60  # seconds to wait for another program that is writing into the gradebook
ASSIGNMENT_NAME = Assignment.__table__.c.name  # the column: nbgrader's class has a value of that name, for its objects


@contextlib.contextmanager
def open_gradebook(root: Path) -> Iterator[Gradebook]:
    """The course's gradebook. Raises CourseError where there is none, or one that this nbgrader cannot read."""
    config = Config(PyFileConfigLoader("nbgrader_config.py", str(root)).load_config())
    path = root / "classroom" / "gradebook.db"
    if not path.exists():
        raise CourseError("There is no gradebook yet: run byhand build, which releases the units.")
    try:
        engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        inspector = sqlalchemy.inspect(engine)
        for table in Base.metadata.sorted_tables:
            here = {c["name"] for c in inspector.get_columns(table.name)} if inspector.has_table(table.name) else set()
            if missing := {c.name for c in table.columns} - here:
                raise CourseError(
                    f"{path} is of another version of nbgrader (the table {table.name} has no {sorted(missing)[0]}): "
                    "make a copy of it, then run nbgrader db upgrade."
                )
        engine.dispose()
        book = Gradebook(f"sqlite:///{path}?timeout={PATIENCE}", config.CourseDirectory.get("course_id", ""))
    except sqlalchemy.exc.DatabaseError as error:
        raise CourseError(f"{path} cannot be read as a gradebook: {error.orig}.") from None
    # nbgrader logs a traceback of what it raises; the sentence that `byhand grade` makes of it is enough.
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL)
    book.db().expire_on_commit = False  # see `_cells_at_once`
    with book:
        yield book


def release_cells(book: Gradebook, unit: Unit) -> list[ReleaseCell]:
    """The cells of the unit's release as nbgrader keeps them, in their order. Raises CourseError where there is none."""
    try:
        notebook = book.find_notebook(NOTEBOOK, unit.name)
    except MissingEntry:
        raise CourseError(f"{unit.name} has not been released: run byhand build {unit.name}.") from None
    release = unit.root / "classroom" / "release" / unit.name / f"{NOTEBOOK}.ipynb"
    if not release.exists():
        raise CourseError(f"{unit.name} has not been released: run byhand build {unit.name}.")
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    known = {cell.name: cell for cell in notebook.source_cells}
    order = [c.metadata["nbgrader"]["grade_id"] for c in nbformat.read(release, 4).cells if "nbgrader" in c.metadata]
    if set(order) != set(known):
        raise CourseError(f"The gradebook and the release of {unit.name} differ: run byhand build {unit.name}.")
    return [
        ReleaseCell(
            name, known[name].cell_type, known[name].source, known[name].checksum, name in points, name in solutions,
            known[name].locked, points.get(name, 0.0),
        )
        for name in order
    ]  # fmt: skip


def autograded_path(root: Path, unit: str, student: str) -> Path:
    return root / "classroom" / "autograded" / student / unit / f"{NOTEBOOK}.ipynb"


def find_notebook(book: Gradebook, unit: str, student: str) -> SubmittedNotebook | None:
    """What the gradebook has of a student's notebook."""
    try:
        return book.find_submission_notebook(NOTEBOOK, unit, student)
    except MissingEntry:
        return None


def write_autograded(root: Path, assignment: AssignmentSpec, submission: Submission, graded: Graded) -> None:
    """nbgrader's folder `autograded`: the notebook that ran, and what lay beside it. Complete, or as it was."""
    target = autograded_path(root, assignment.unit, submission.student).parent
    partial = target.with_name(f".{assignment.unit}.part")
    shutil.rmtree(partial, ignore_errors=True)
    notebook = nbformat.writes(graded.notebook).encode()
    contents = laid_over(submission.files, {**assignment.files, f"{NOTEBOOK}.ipynb": notebook})
    for name, content in contents.items():
        path = partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o444)
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)


def write_grades(
    root: Path, book: Gradebook, assignment: AssignmentSpec, submission: Submission, graded: Graded
) -> SubmittedNotebook:
    """The scores of all graded cells, in one transaction. What a human has given stays, and is marked for another look."""
    held = _cells_at_once(book, assignment.unit)  # noqa: F841 - as long as this function runs
    book.update_or_create_student(submission.student)
    stamp, more = taken_in(submission.files.get(STAMP, b"").decode(errors="replace").strip(), 100), {}
    if stamp:
        try:
            more["timestamp"] = read_stamp(stamp)
        except ValueError as error:
            more["timestamp"] = None  # one that was read from it before is no better
            graded.verdict["notes"].append(
                f"{STAMP} cannot be read as a time ({stamp}): {error}; {WRITE}. Whether it came late is not known."
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)  # of how nbgrader builds a submission
        entry = book.update_or_create_submission(assignment.unit, submission.student, **more)
    [notebook] = [n for n in entry.notebooks if n.name == NOTEBOOK]
    cells = {c.metadata["nbgrader"]["grade_id"]: c for c in graded.notebook.cells if "nbgrader" in c.metadata}
    points = {f"{name}-check": e["points"] for name, e in graded.verdict["exercises"].items()}
    for grade in notebook.grades:
        # The written answers: none without change earns nothing, any other waits for a human.
        written = utils.determine_grade(cells[grade.name])[0] if grade.name not in points else None
        if written == 0 and graded.texts:
            written = None
            graded.verdict["notes"].append(
                f"{grade.name} is as it was released, and there is text elsewhere, which whoever marks it will read."
            )
        grade.auto_score = points.get(grade.name, written)
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
    for comment in notebook.comments:
        cell = cells.get(comment.name)
        untouched = cell is not None and cell.metadata["nbgrader"]["checksum"] == utils.compute_checksum(cell)
        comment.auto_comment = "No response." if cell is None or untouched else None
    book.db.commit()
    graded.verdict["late"] = seconds_late(notebook)
    if graded.verdict["late"] or notebook.late_submission_penalty:
        punish(root, book, assignment.unit, submission.student)
    return notebook


def _cells_at_once(book: Gradebook, unit: str) -> list[BaseCell]:
    """The unit's cells, read with one query. nbgrader asks for each of them by itself, and again after each commit, unless
    they are there. What is known of all else is forgotten: other programs write into the gradebook too."""
    book.db.expire_all()
    cells = with_polymorphic(BaseCell, "*")
    return book.db.query(cells).join(cells.notebook).join(Notebook.assignment).filter(ASSIGNMENT_NAME == unit).all()


def seconds_late(notebook: SubmittedNotebook) -> float:
    return float(notebook.assignment.total_seconds_late)


def due(assignment: Assignment) -> datetime.datetime | None:
    """When it is to be handed in; None where it has no date."""
    date = cast("datetime.datetime | None", assignment.duedate)
    return date and date.replace(tzinfo=datetime.UTC)


def punish(root: Path, book: Gradebook, unit: str, student: str) -> None:
    """nbgrader's own penalty for what came late, as the course has set it up: by default none. It also takes back one that is
    no longer due."""
    config = Config(PyFileConfigLoader("nbgrader_config.py", str(root)).load_config())
    url = str(book.engine.url)
    of_nbgrader = {"notebook": NOTEBOOK, "assignment": unit, "student": student, "db_url": url}
    AssignLatePenalties(config=config).preprocess(nbformat.v4.new_notebook(), ResourcesDict(nbgrader=of_nbgrader))
    book.db.expire_all()


def scores(notebook: SubmittedNotebook) -> dict[str, Any]:
    """What the feedback shows: scores and comments, those of humans too."""
    # To a type checker nbgrader's columns are columns, and not what a row has there.
    score, penalty = cast(float, notebook.score), cast("float | None", notebook.late_submission_penalty) or 0
    return {
        "grades": {grade.name: (grade.score, grade.max_score) for grade in notebook.grades},
        "comments": {comment.name: comment.comment for comment in notebook.comments},
        "score": score - penalty,
        "max_score": notebook.max_score,
        "late_penalty": penalty,
    }


def feedback_is_there(root: Path, unit: str, student: str) -> bool:
    folder = root / "classroom" / "feedback" / student / unit
    return all((folder / name).is_file() for name in (f"{NOTEBOOK}.html", STAMP, SECRET))


def write_feedback(root: Path, unit: str, student: str, html: str) -> None:
    """The page, and what `nbgrader release_feedback` reads beside it, whether or not the exchange was used.

    nbgrader gives a page to whoever knows the secret of the submission; where it has none, nobody does.
    """
    folder, graded = root / "classroom" / "feedback" / student / unit, autograded_path(root, unit, student).parent
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / STAMP, _text_of(graded / STAMP))
    if secret := _text_of(graded / SECRET):
        write_whole(folder / SECRET, secret)
    elif not (folder / SECRET).is_file():
        write_whole(folder / SECRET, secrets.token_hex(32))
    write_whole(folder / f"{NOTEBOOK}.html", html)


def _text_of(path: Path) -> str:
    return path.read_bytes()[:1000].decode(errors="replace") if path.is_file() else ""
