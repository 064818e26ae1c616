"""Run notebooks, and keep what came out for as long as nothing that it depends on changes."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import nbformat
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from byhand.course import CourseError, Unit, find_root
from byhand.teaching.notebooks import notebook_bytes, read_source

TIMEOUT = 300  # seconds a cell may take
NOT_STUDENTS = {
    "teaching",
    "grading",
    "hub",
    "cli.py",
    "course.py",
    "delimiters.py",
}  # of the package: nothing that a notebook imports


def executed(path: Path) -> NotebookNode:
    """The notebook with its outputs, run in its own folder; cached by content in `.cache/executed`.

    All cells run, those too that grading skips. Seconds of the run are in `metadata.byhand.seconds`.
    Raises CourseError where a cell fails.
    """
    root = find_root(path.parent)
    cached = root / ".cache" / "executed" / f"{_key(path, root)}.ipynb"
    cached.parent.mkdir(parents=True, exist_ok=True)
    # who else wants the same notebook waits for it, and does not run it too
    with FileLock(cached.with_suffix(".lock")):
        if not cached.exists():
            partial = cached.with_suffix(".part")
            nbformat.write(run(path), partial)
            partial.replace(cached)
    return nbformat.read(cached, as_version=4)


def executed_solution(unit: Unit) -> NotebookNode:
    """The exercises with their solutions, run beside the unit's materials; cached as `executed` does."""
    folder = unit.root / ".cache" / "solved" / unit.name
    for path in unit.materials:
        copy = folder / path.relative_to(unit.course)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    notebook = folder / "exercises.ipynb"
    notebook.write_bytes(notebook_bytes(read_source(unit.exercises).notebook))
    return executed(notebook)


def run(path: Path) -> NotebookNode:
    """Run all cells of the notebook in its own folder, now. Raises CourseError where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        skip_cells_with_tag="",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of kernels that talk over TCP
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    try:
        client.execute()
    except CellExecutionError as error:
        raise CourseError(f"{path} does not run through:\n{error}") from None
    notebook.metadata.pop("widgets", None)  # their state needs a kernel, and is large
    notebook.metadata["byhand"] = {"seconds": round(time.perf_counter() - start, 1)}
    return notebook


def _key(path: Path, root: Path) -> str:
    """Everything that the outputs depend on: the notebook, its unit's files, the package, the pinned versions."""
    beside = [p for p in path.parent.rglob("*") if p.suffix in {".py", ".json", ".txt", ".csv"}]
    package = [p for p in (root / "src/byhand").rglob("*") if p.is_file() and not NOT_STUDENTS & set(p.parts)]
    locks = [root / "requirements" / name for name in ("student.txt", "torch.txt")]
    digest = hashlib.sha256(sys.version.encode())
    for file in [path, *locks, *sorted(beside), *sorted(package)]:
        if "__pycache__" not in file.parts:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{path.parent.name}-{path.stem}-{digest.hexdigest()[:16]}"
