"""Make a notebook of what a student handed in: well formed, and with every cell that is not the student's as it was released."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from byhand.delimiters import BEGIN_HIDDEN, END_HIDDEN
from byhand.grading.additions import additions
from byhand.grading.assignment import SKIP, ReleaseCell, headings
from byhand.grading.clean import taken_in
from byhand.grading.limits import LARGEST_PICTURES, LONGEST_TEXT
from byhand.grading.markdown import as_text, harmless
from byhand.grading.notebook_file import read_json

KINDS = ("code", "markdown", "raw")
PICTURES = ("image/png", "image/jpeg", "image/gif")  # that may be pasted into a text
# A picture in Markdown whose address is a file's, and what each ending says of it.
SHOWN = re.compile(r"(!\[[^\[\]\n]*\]\()([^():\s]+)(?=[)\s])")
ENDINGS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
FEW = 20  # letters and digits, with which a text may be an answer


@dataclass(frozen=True)
class Restored:
    """The notebook as it is to be run, without outputs, and what had to be repaired. `texts` says whether text of the
    student's stands where no question asks for it."""

    notebook: NotebookNode
    notes: list[str]
    texts: bool


def restored(
    data: bytes,
    cells: Sequence[ReleaseCell],
    skipped: Collection[str] = (),
    given: Collection[str] = (),
    plain: bool = False,
    beside: Mapping[str, bytes] = MappingProxyType({}),
    name: str = "The notebook",
    elsewhere: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> Restored:
    """What a student handed in, as a notebook. Raises Damaged.

    `skipped` are the sources of cells that are not to be run, whatever became of their tag; `given` the texts of the release.
    `plain`: text is shown letter by letter, since to lay it out takes too long. `beside` are the files beside the notebook, for
    the pictures among them. `name` is what the file is called. `elsewhere` are the course's other notebooks and what tells each.
    """
    parsed, notes = read_json(data, name)
    notebook = _well_formed(parsed, beside)
    another = _another(notebook, cells, elsewhere)
    _name_cells(notebook, cells, notes)
    repairs: list[str] = []
    _overwrite(notebook, cells, repairs)
    _add_missing(notebook, cells, repairs)
    notes += [another] if another else repairs  # of another notebook every cell would be said to be missing
    texts = _has_texts(notebook, cells, given)
    _disarm(notebook, cells, given, plain, notes)
    bare = set(map(_bare, skipped))
    for cell in notebook.cells:
        if _bare(cell.source) in bare:
            cell.metadata["tags"] = [SKIP]
    return Restored(_with_ids(notebook), notes, texts)


def released(cells: Sequence[ReleaseCell], notice: str) -> NotebookNode:
    """What stands for a submission that cannot be read: a notice, and the cells of the release, so that it can be marked."""
    notebook = _new([make_cell("markdown", notice, {})])
    notebook.cells += [_cell(cell) for cell in cells]
    return _with_ids(notebook)


def make_cell(kind: str, source: str, metadata: dict[str, Any]) -> NotebookNode:
    """A cell, without nbformat's check of each, which takes longer than all the rest. `_with_ids` completes it."""
    more = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return _node({"id": "", "cell_type": kind, "source": source, "metadata": metadata, **more})


def _with_ids(notebook: NotebookNode) -> NotebookNode:
    for number, cell in enumerate(notebook.cells):
        cell["id"] = cell.metadata.get("nbgrader", {}).get("grade_id", f"cell-{number}")
    return notebook


def _new(cells: list[NotebookNode]) -> NotebookNode:
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    metadata = {**kernel, "language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return _node({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


def _node(content: dict[str, Any]) -> NotebookNode:
    return cast(NotebookNode, nbformat.from_dict(content))  # of a list it would make a list


def _well_formed(parsed: dict[str, Any], beside: Mapping[str, bytes]) -> NotebookNode:
    """Only what grading needs, each in its proper kind: sources, tags, grade ids. Whatever else there is cannot do harm."""
    cells, room = [], LARGEST_PICTURES
    for cell in parsed["cells"]:
        if not isinstance(cell, dict) or cell.get("cell_type") not in KINDS:
            continue
        source, meta = cell.get("source", ""), cell.get("metadata")
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        source = re.sub(r"\r\n?", "\n", source)  # Python reads them alike, and all that follows compares
        meta = meta if isinstance(meta, dict) else {}
        tags, marks = meta.get("tags"), meta.get("nbgrader")
        kept: dict[str, Any] = {}
        if isinstance(tags, list) and SKIP in tags:
            kept["tags"] = [SKIP]
        names = [marks.get("grade_id") if isinstance(marks, dict) else None, cell.get("id")]
        kept["byhand"] = [_text(name) for name in names if isinstance(name, str)]
        cells.append(make_cell(cell["cell_type"], _text(source), kept))
        if cell["cell_type"] == "markdown":
            pasted = _pasted(cell.get("attachments"), room)
            room -= _size(pasted)
            cells[-1].source, fetched = _fetched(cells[-1].source, beside, room)
            room -= _size(fetched)
            if pasted or fetched:
                cells[-1]["attachments"] = pasted | fetched
    return _new(cells)


def _size(pictures: Mapping[str, Mapping[str, str]]) -> int:
    return sum(len(data) for one in pictures.values() for data in one.values())


def _fetched(source: str, beside: Mapping[str, bytes], room: int) -> tuple[str, dict[str, dict[str, str]]]:
    """A text with the pictures beside the notebook that it shows, as if they had been pasted into it: so whoever marks it sees
    them, and so does the student on the page that comes back."""
    kept: dict[str, dict[str, str]] = {}

    def paste(found: re.Match[str]) -> str:
        name = unquote(found[2])
        path = posixpath.normpath(name)
        mime = ENDINGS.get(posixpath.splitext(path)[1].lower())
        if mime is None or path not in beside:
            return found[0]
        if name not in kept:
            data = base64.b64encode(beside[path]).decode()
            if len(data) > room - _size(kept):
                return found[0]
            kept[name] = {mime: data}
        return f"{found[1]}attachment:{found[2]}"

    return SHOWN.sub(paste, source), kept


def _pasted(attachments: Any, room: int) -> dict[str, dict[str, str]]:
    """The pictures that were pasted into a text, as far as they are pictures and there is `room` for them."""
    kept: dict[str, dict[str, str]] = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        for mime in PICTURES if isinstance(bundle, dict) else ():
            data = bundle.get(mime)
            data = "".join(map(str, data)) if isinstance(data, list) else data
            if isinstance(data, str) and len(data) <= room and re.fullmatch(r"[A-Za-z0-9+/=\s]+", data):
                kept[_text(name)] = {mime: "".join(data.split())}
                room -= len(data)
                break
    return kept


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _another(notebook: NotebookNode, cells: Sequence[ReleaseCell], elsewhere: Mapping[str, frozenset[str]]) -> str:
    """A note where this is another notebook of the course: most of the unit's own cells are missing, and most of what tells the
    other one is there."""
    here = {name for cell in notebook.cells for name in cell.metadata["byhand"]}
    if 2 * sum(cell.name in here for cell in cells) >= len(cells):
        return ""
    here |= {line for cell in notebook.cells if cell.cell_type == "markdown" for line in headings(cell.source)}
    alike = {what: len(here & marks) / len(marks) for what, marks in elsewhere.items() if marks}
    what = max(alike, key=alike.__getitem__, default="")
    if not what or alike[what] <= 0.5:
        return ""
    return f"This looks like {what}: the exercises of this unit are not in it. Hand in the notebook with this unit's exercises."


def _name_cells(notebook: NotebookNode, cells: Sequence[ReleaseCell], notes: list[str]) -> None:
    """Find the release's cells again: by grade id, and where that was lost by the cell's own id or the name it defines.

    Of two with the same id the later one counts, as with nbgrader, unless its check stands above it and has run by then; of two
    texts the later one that was written.
    """
    known, found = {cell.name: cell for cell in cells}, {}
    asked = _above_their_checks(notebook, known)
    for cell in notebook.cells:
        names = cell.metadata["byhand"]
        release = next((known[name] for name in names if name in known), None)
        if release and release.solution and release.cell_type != "code" and _same(cell.source, release):
            twins = [c for c in notebook.cells if c is not cell and release.name in c.metadata["byhand"]]
            if any(not _same(twin.source, release) for twin in twins):
                cell.metadata["byhand"] = []
    for rank in (0, 1):  # the grade id first, then the cell's own
        for cell in reversed(notebook.cells):
            names = cell.metadata["byhand"]
            name = names[rank] if len(names) > rank else None
            if name in known and "nbgrader" not in cell.metadata:
                if name not in found and (name not in asked or cell is asked[name]):
                    found[name] = cell
                    cell.metadata["nbgrader"] = {"grade_id": name}
                elif rank == 0:
                    which = "the last one above its check" if name in asked else "the last one"
                    notes.append(f"There was more than one cell {name}; {which} counts.")
                    cell.metadata["byhand"] = []
    for name, release in known.items():
        if name not in found and release.solution and release.cell_type == "code":
            pattern = re.compile(rf"^(?:def|class)\s+{re.escape(name)}\b", re.M)
            for cell in reversed(notebook.cells):
                if cell.cell_type == "code" and "nbgrader" not in cell.metadata and pattern.search(cell.source):
                    cell.metadata["nbgrader"] = {"grade_id": name}
                    break
    for cell in notebook.cells:
        del cell.metadata["byhand"]


def _above_their_checks(notebook: NotebookNode, known: Mapping[str, ReleaseCell]) -> dict[str, NotebookNode]:
    """Of answers with the same grade id the last one above the check, where another stands below it: the check asks what it has
    defined, and never sees the other."""
    at: dict[str, list[int]] = {}
    for number, cell in enumerate(notebook.cells):
        names = cell.metadata["byhand"]
        if names and names[0] in known:
            at.setdefault(names[0], []).append(number)
    asked = {}
    for name, places in at.items():
        check = at.get(f"{name}-check", [-1])[-1]
        above = [place for place in places if place < check]
        if known[name].solution and above and above != places:
            asked[name] = notebook.cells[above[-1]]
    return asked


def _overwrite(notebook: NotebookNode, cells: Sequence[ReleaseCell], notes: list[str]) -> None:
    """Put the given cells back. What was typed into one, as an import into the first, stays in a cell of its own: below it,
    where it can use what is given, and above a test, which may need it."""
    known = {cell.name: cell for cell in cells}
    everything, notebook.cells = notebook.cells, []
    for cell in everything:
        if "nbgrader" not in cell.metadata:
            notebook.cells.append(cell)
            continue
        release = known[cell.metadata["nbgrader"]["grade_id"]]
        fixed, kept = _cell(release), []
        if release.solution:
            fixed.source = cell.source
            if "attachments" in cell and release.cell_type == "markdown":
                fixed["attachments"] = cell.attachments
        elif not _same(cell.source, release) or cell.cell_type != release.cell_type:
            more = additions(cell.source, release.source) if cell.cell_type == release.cell_type == "code" else ""
            kept = [make_cell("code", more, {})] if more else []
            stays = " What was added to it stands in a cell of its own." if more else ""
            notes.append(f"The given cell {release.name} had been changed; it was put back.{stays}")
        if release.solution and cell.cell_type != release.cell_type:
            notes.append(
                f"The cell {release.name} had become a {cell.cell_type} cell; it was made {release.cell_type} again."
            )
        notebook.cells += [*kept, fixed] if release.grade else [fixed, *kept]


def _same(source: str, release: ReleaseCell) -> bool:
    """Whether a student left a given cell as it was; hidden tests are not in what they got."""
    visible = re.sub(rf"{BEGIN_HIDDEN}\n.*?{END_HIDDEN}\n?", "", release.source, flags=re.S)
    return _bare(source) == _bare(visible)


def _bare(source: str) -> str:
    """Without blanks around it and at the ends of its lines, which editors take away and bring."""
    return "\n".join(line.rstrip() for line in source.split("\n")).strip()


def _add_missing(notebook: NotebookNode, cells: Sequence[ReleaseCell], notes: list[str]) -> None:
    """Put a missing cell after the one that it follows in the release; a test whose answer has no cell goes to the end."""
    at = {c.metadata["nbgrader"]["grade_id"]: c for c in notebook.cells if "nbgrader" in c.metadata}
    for number, release in enumerate(cells):
        if release.name in at:
            continue
        if release.solution and not release.grade:
            continue  # a deleted answer is no answer
        cell = at[release.name] = _cell(release)
        notes.append(f"The cell {release.name} was missing; it was put back.")
        answer = release.name.removesuffix("-check")
        if release.grade and (release.solution or answer not in at):
            notebook.cells.append(cell)
            continue
        before = (
            answer
            if release.grade
            else next((c.name for c in cells[number - 1 :: -1] if c.name in at), None)
            if number
            else None
        )
        place = next((i + 1 for i, c in enumerate(notebook.cells) if before and c is at[before]), 0)
        notebook.cells.insert(place, cell)


def _has_texts(notebook: NotebookNode, cells: Sequence[ReleaseCell], given: Collection[str]) -> bool:
    """Whether the student wrote text that is in no answer: an essay in a cell of its own, or below its question."""
    known = {line.strip() for text in (*given, *(cell.source for cell in cells)) for line in text.splitlines()}
    for cell in notebook.cells:
        if cell.cell_type != "code" and "nbgrader" not in cell.metadata:
            new = [line for line in cell.source.splitlines() if line.strip() not in known]
            if cell.get("attachments") or sum(map(str.isalnum, "".join(new))) >= FEW:
                return True
    return False


def _disarm(
    notebook: NotebookNode, cells: Sequence[ReleaseCell], given: Collection[str], plain: bool, notes: list[str]
) -> None:
    """Nothing in what a student wrote as text acts: the formgrader would let it act in the instructor's name."""
    known = {*given, *(cell.source for cell in cells)}
    for cell in notebook.cells:
        if cell.cell_type != "code" and cell.source not in known:
            text = taken_in(cell.source, LONGEST_TEXT)
            cell.source = as_text(text) if plain else harmless(text, cell.get("attachments", {}))
    if plain:
        notes.append("The texts take too long to be laid out; they are shown letter by letter.")


def _cell(release: ReleaseCell) -> NotebookNode:
    return make_cell(release.cell_type, release.source, {"nbgrader": release.metadata()})
