"""Text in, notebooks out: read a MyST source, complete and lint its nbgrader metadata, write deterministic files."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from jupytext.myst import myst_to_notebook
from nbformat import NotebookNode

from byhand.course import CourseError
from byhand.delimiters import BEGIN, BEGIN_HIDDEN, END, END_HIDDEN

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_NBGRADER_KEYS = {
    "grade_id",
    "grade",
    "solution",
    "locked",
    "task",
    "points",
    "schema_version",
    "cell_type",
    "checksum",
}


@dataclass(frozen=True)
class Source:
    """A notebook as its text describes it, and the line at which each of its cells begins."""

    path: Path
    notebook: NotebookNode
    lines: tuple[int, ...]

    def error(self, cell: int, says: str) -> CourseError:
        return CourseError(f"{self.path}:{self.lines[cell]}: {says}")


def read_source(path: Path) -> Source:
    """Read a MyST notebook. Raises CourseError with file and line where its metadata cannot be read."""
    text = path.read_text(encoding="utf-8")
    _check_metadata(path, text)
    notebook = myst_to_notebook(text, add_source_map=True)
    lines = tuple(notebook.metadata.pop("source_map"))
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    source = Source(path, notebook, lines)
    for number, cell in enumerate(notebook.cells):
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"] = _complete(source, number, cell)
            if _is_test(cell):
                cell.source = _test(source, number, cell)
    _set_ids(notebook)
    return source


def _check_metadata(path: Path, text: str) -> None:
    """jupytext passes over metadata that it cannot decode, and a test cell without metadata is silently ungraded."""
    if not re.match(r"---\njupytext:\n(.*\n)*?kernelspec:\n(.*\n)*?---\n", text):
        raise CourseError(f"{path}:1: the header must name jupytext and kernelspec, or no cell would run.")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("+++") and line.strip("+ "):
            try:
                json.loads(line.lstrip("+"))
            except json.JSONDecodeError as error:
                raise CourseError(f"{path}:{number}: this cell's metadata is not JSON: {error.msg}.") from None
        if re.match(r"`{3,}\{code-cell\}", line):
            _check_options(path, lines, number)


def _check_options(path: Path, lines: list[str], fence: int) -> None:
    options = []
    for line in lines[fence:]:
        if not line.startswith(":"):
            break
        options.append(line[1:])
    try:
        yaml.safe_load("\n".join(options))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = fence + 1 + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise CourseError(f"{path}:{at}: this cell's metadata cannot be read: {problem}.") from None


def _complete(source: Source, number: int, cell: NotebookNode) -> NotebookNode:
    """The short form that a source uses, with all that nbgrader's schema 3 asks for."""
    given = dict(cell.metadata["nbgrader"])
    if unknown := set(given) - _NBGRADER_KEYS:
        raise source.error(number, f"unknown nbgrader metadata: {', '.join(sorted(unknown))}.")
    if not given.get("grade_id"):
        raise source.error(number, "an nbgrader cell without a grade_id.")
    grade, solution = bool(given.get("grade")), bool(given.get("solution"))
    full = {
        "grade": grade,
        "grade_id": given["grade_id"],
        "locked": bool(given.get("locked", not solution)),
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if given.get("schema_version", 3) != 3:
        raise source.error(number, f"nbgrader schema version {given['schema_version']}; this course uses 3.")
    if grade:
        points = given.get("points")
        if not isinstance(points, (int, float)) or isinstance(points, bool) or points <= 0:
            raise source.error(number, f"the graded cell {given['grade_id']!r} has no points.")
        full["points"] = points
    elif "points" in given:
        raise source.error(number, f"the cell {given['grade_id']!r} has points but is not graded.")
    elif not (solution or full["locked"]):  # nbgrader would not keep it, and it could not be put back
        raise source.error(number, f"the cell {given['grade_id']!r} is neither locked nor a solution.")
    return NotebookNode(full)


def _is_test(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade", False)


def _test(source: Source, number: int, cell: NotebookNode) -> str:
    """What a test cell runs: the visible check, and the graded one, which students do not have."""
    if cell.source.strip():
        raise source.error(number, "a test cell is left empty: the build writes the check into it.")
    name, points = cell.metadata["nbgrader"]["grade_id"].removesuffix("-check"), cell.metadata["nbgrader"]["points"]
    return f'check("{name}", {name})\n{BEGIN_HIDDEN}\ncheck("{name}", {name}, points={points})\n{END_HIDDEN}'


def lint_exercises(source: Source, exercises: list[str]) -> None:
    """What must hold of an exercises source before nbgrader sees it; `exercises` are the names in checks.py."""
    seen: dict[str, int] = {}
    for number, cell in enumerate(source.notebook.cells):
        meta = cell.metadata.get("nbgrader", {})
        if meta:
            if meta["grade_id"] in seen:
                first = source.lines[seen[meta["grade_id"]]]
                raise source.error(
                    number, f"the grade id {meta['grade_id']!r} is already taken by the cell at line {first}."
                )
            seen[meta["grade_id"]] = number
        _lint_marks(source, number, cell, BEGIN, END, wanted=bool(meta.get("solution")), kind="solution")
        _lint_marks(source, number, cell, BEGIN_HIDDEN, END_HIDDEN, wanted=_is_test(cell), kind="hidden test")
        if _is_test(cell) and meta["grade_id"].removesuffix("-check") not in exercises:
            raise source.error(
                number, f"{meta['grade_id']!r} tests no exercise of checks.py; it has {', '.join(exercises)}."
            )
    for name in exercises:
        for grade_id in (name, f"{name}-check"):
            if grade_id not in seen:
                raise CourseError(
                    f"{source.path}: checks.py declares {name!r}, but no cell has the grade id {grade_id!r}."
                )
    _lint_points(source)


def _lint_marks(source: Source, number: int, cell: NotebookNode, begin: str, end: str, wanted: bool, kind: str) -> None:
    lines = [line.strip() for line in cell.source.splitlines()]
    marks = [line for line in lines if line in (begin, end)]
    if not marks and not wanted:
        return
    if marks != [begin, end]:
        raise source.error(
            number, f"a {kind} needs one line {begin!r} and after it one line {end!r}; found {marks or 'none'}."
        )
    if not wanted:
        raise source.error(number, f"{begin!r} in a cell whose nbgrader metadata does not make it a {kind} cell.")
    if not any(lines[lines.index(begin) + 1 : lines.index(end)]):
        raise source.error(number, f"nothing between {begin!r} and {end!r}.")


def _lint_points(source: Source) -> None:
    """The points that the text announces are the points that nbgrader counts."""
    total, heading = 0, ("", 0)
    for number, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                heading = (line, number) if line.startswith("## ") else heading
        if points := cell.metadata.get("nbgrader", {}).get("points"):
            total += points
            if f"({points} points)" not in heading[0]:
                raise source.error(heading[1], f"the heading {heading[0]!r} should say ({points} points).")
    if total % 10:
        raise CourseError(f"{source.path}: the points add up to {total}, which is no round number.")
    if f"**{total} points**" not in source.notebook.cells[0].source:
        raise source.error(0, f"the first cell should say **{total} points**.")


def solution_regions(notebook: NotebookNode) -> dict[str, str]:
    """What stands between the solution marks, dedented, by grade id."""
    regions = {}
    for cell in notebook.cells:
        match = re.search(rf"^([ ]*){BEGIN}\n(.*?)^[ ]*{END}", cell.source, re.S | re.M)
        if match and "nbgrader" in cell.metadata:
            indent = len(match[1])
            lines = [line[indent:] if line.strip() else "" for line in match[2].splitlines()]
            regions[cell.metadata["nbgrader"]["grade_id"]] = "\n".join(lines)
    return regions


def with_solution(source: str, region: str) -> str:
    """A cell's source with another text between its solution marks."""

    def put(match: re.Match) -> str:
        lines = [match[2] + line if line else "" for line in region.splitlines()]
        return match[1] + "\n".join(lines) + "\n" + match[3]

    return re.sub(rf"(^([ ]*){BEGIN}\n).*?(^[ ]*{END})", put, source, flags=re.S | re.M)


def _set_ids(notebook: NotebookNode) -> None:
    """Ids that depend on the content alone, so that a rebuild changes nothing."""
    taken: set[str] = set()
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        stem = grade_id or hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        cell["id"], copy = stem, 1
        while cell["id"] in taken:
            copy += 1
            cell["id"] = f"{stem}-{copy}"
        taken.add(cell["id"])


def notebook_bytes(notebook: NotebookNode) -> bytes:
    """The notebook as a file: no outputs, keys in order, nothing that depends on the time or the machine."""
    clean = copy.deepcopy(notebook)
    clean.update(nbformat=4, nbformat_minor=5)
    for cell in clean.cells:
        if cell.cell_type == "code":
            cell["outputs"], cell["execution_count"] = [], None
    nbformat.validate(clean)
    return (json.dumps(clean, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
