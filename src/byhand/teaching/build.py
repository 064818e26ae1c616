"""Build what is generated: notebooks from text, the student's version by nbgrader, the numbers of known mistakes."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zlib
from pathlib import Path
from zipfile import BadZipFile

import nbformat
from traitlets.config.loader import Config, PyFileConfigLoader

from byhand.checking.exercise import AGAIN, Solved, load_checks
from byhand.checking.mistakes import load_mistakes
from byhand.checking.seed import ensure_seed
from byhand.checking.stored import FILE, answers_bytes, same_answers
from byhand.course import CourseError, Unit
from byhand.teaching.garbage import seldom_collected
from byhand.teaching.known import find_mistakes, mistakes_bytes, same_mistakes
from byhand.teaching.notebooks import lint_exercises, notebook_bytes, read_source
from byhand.teaching.plain import equation_numbers, load_references, to_plain
from byhand.teaching.verify import verify


def build(units: list[Unit], root: Path) -> None:
    """Build the units: fill `classroom/source`, generate the release, publish to `course/`.

    Raises CourseError, before anything is published, where a source is wrong or a gate does not hold.
    """
    classroom = root / "classroom"
    classroom.mkdir(exist_ok=True)
    # stock nbgrader, which would make none, then grades everyone on the same problems too
    ensure_seed(classroom / "seed")
    for unit in units:
        _write(generate(unit, classroom))
        print(f"{unit.name}: built.")


def _write(files: dict[Path, bytes]) -> None:
    for path in _differing(files):
        path.write_bytes(files[path])


def _differing(files: dict[Path, bytes]) -> list[Path]:
    return [path for path, content in files.items() if not path.exists() or path.read_bytes() != content]


def _kept(path: Path, content: bytes) -> bytes:
    """What is there already, where it says the same: so that the release holds the very file that the course does."""
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError, KeyError, BadZipFile):
        there = path.read_bytes()
        if _ROUNDED[path.name](there, content):
            return there
    return content


_ROUNDED = {"mistakes.json": same_mistakes, FILE: same_answers}  # files of numbers, the last digits of which may differ


def out_of_step(units: list[Unit], root: Path) -> list[Path]:
    """The generated files that differ from what their sources give. Changes nothing."""
    files = {}
    with tempfile.TemporaryDirectory() as scratch:
        for unit in units:
            files |= generate(unit, Path(scratch))
    return _differing(files)


@seldom_collected()
def generate(unit: Unit, classroom: Path) -> dict[Path, bytes]:
    """All generated files of a unit: where each belongs, and its content. Writes in `classroom` alone."""
    lesson, exercises = read_source(unit.lesson), read_source(unit.exercises)
    lint_exercises(exercises, list(load_checks(unit.course).exercises))
    numbers, references = equation_numbers(lesson.notebook, unit.name), load_references(unit.root)
    for source in (lesson, exercises):
        for number, cell in enumerate(source.notebook.cells):
            if cell.cell_type == "markdown":
                try:
                    cell.source = to_plain(cell.source, numbers, references)
                except CourseError as error:
                    raise source.error(number, str(error)) from None
    _require_whole_mistakes(unit)
    mistakes, checks = find_mistakes(unit), load_checks(unit.course)
    generated = {unit.course / "lesson.ipynb": notebook_bytes(lesson.notebook)}
    answers = {name: _without_repetition(checks.solved(name)) for name in checks.exercises}
    for name, content in {"mistakes.json": mistakes_bytes(mistakes), FILE: answers_bytes(answers)}.items():
        generated[unit.course / name] = _kept(unit.course / name, content)
    source = _fill_source(unit, classroom, notebook_bytes(exercises.notebook), generated)
    released = _release(unit, classroom, source)
    generated[unit.course / "exercises.ipynb"] = notebook_bytes(released)
    if broken := list(verify(unit, released, mistakes, generated)):
        raise CourseError("\n".join([f"{unit.name} is not published:", *broken]))
    return generated


def _require_whole_mistakes(unit: Unit) -> None:
    """What is there of the mistakes is used again, and two branches that both derived them leave a file that is neither."""
    try:
        load_mistakes(unit.course)
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        raise CourseError(
            f"{unit.course / 'mistakes.json'} is damaged: delete it, and run byhand build {unit.name}, which writes it anew."
        ) from None


def _without_repetition(solved: list[Solved]) -> list[Solved]:
    return [one for one in solved if one.problem.edge is not AGAIN]


def _fill_source(unit: Unit, classroom: Path, exercises: bytes, generated: dict[Path, bytes]) -> Path:
    """nbgrader's source folder: the notebook with solutions, and what lies beside it in a student's folder.

    The text sources stay out: nbgrader copies everything that lies here to the students.
    """
    folder = classroom / "source" / unit.name
    if folder.exists():
        shutil.rmtree(folder)
    for path in unit.materials:
        target = folder / path.relative_to(unit.course)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(generated.get(path, path.read_bytes()))
    folder.mkdir(parents=True, exist_ok=True)
    for name in _ROUNDED:  # at the first build they are no materials yet
        (folder / name).write_bytes(generated[unit.course / name])
    (folder / "exercises.ipynb").write_bytes(exercises)
    return folder


def _release(unit: Unit, classroom: Path, source: Path) -> nbformat.NotebookNode:
    """The student's version, made by nbgrader's own `generate_assignment`."""
    from nbgrader.apps import NbGraderAPI  # takes seconds to import

    config = Config(PyFileConfigLoader("nbgrader_config.py", str(unit.root)).load_config())
    config.CourseDirectory.root = str(classroom)
    result = NbGraderAPI(config=config).generate_assignment(unit.name, force=True, create=True)
    if not result["success"]:
        raise CourseError(f"nbgrader could not generate {unit.name}:\n{result.get('log')}\n{result.get('error')}")
    released = nbformat.read(classroom / "release" / unit.name / "exercises.ipynb", as_version=4)
    ids = [cell["id"] for cell in nbformat.read(source / "exercises.ipynb", as_version=4).cells]
    for cell, cell_id in zip(released.cells, ids, strict=True):
        cell["id"] = cell_id
    return released
