"""Which submissions of a unit are alike: shared passages of code and prose, without what the course gave and what many wrote.

The comparing is copydetect's, after Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document Fingerprinting"
(SIGMOD 2003): code becomes tokens without names, comments and spaces, and every run of `K` characters of that a number. All
numbers are kept, with a window of 1: answers are short, and which ones winnowing would keep depends on Python's hash, which
is another one in each process.
"""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import nbformat
import numpy as np
from copydetect import CodeFingerprint, compare_files

from byhand.course import CourseError, Unit
from byhand.grading.answer_sheet import AnswerSheet
from byhand.grading.assignment import NOTEBOOK
from byhand.grading.bounded import bounded
from byhand.grading.clean import taken_in
from byhand.grading.insight import UNREAD, Insight

K = {"code": 25, "prose": 60}  # characters that two must share: of code without names and spaces, of prose as it is
# A passage that more than this share of the class has is common; within these numbers of students.
SHARE, FEWEST, MANIEST = 0.1, 5, 20
LEAST = 60  # characters that a pair shares, to be shown
MOST = 20  # pairs
LONGEST = 20_000  # characters of an answer that are compared
READING = dict(seconds=10, memory=1 << 30)
OWN = "cells of their own"

Prints = Mapping[str, CodeFingerprint]  # by part: the exercise, the written question, OWN


@dataclass(frozen=True)
class Passage:
    """A part of two submissions with the places that both have: for each, the text and the slices of it."""

    part: str
    shared: int
    texts: tuple[str, str]
    slices: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]

    @cached_property
    def same(self) -> bool:
        """Whether both are the same letter by letter, names and comments too."""
        return " ".join(self.texts[0].split()) == " ".join(self.texts[1].split())


@dataclass(frozen=True)
class Pair:
    """Two students, what they share, and the exercises that both have wrong with equal numbers which no list has."""

    students: tuple[str, str]
    passages: tuple[Passage, ...]
    wrong: tuple[str, ...] = ()

    @property
    def shared(self) -> int:
        return sum(passage.shared for passage in self.passages)


@dataclass(frozen=True)
class Likeness:
    """`pairs` in order, the most alike first; `more` were left out. `common`: how many students make a passage common."""

    unit: Unit
    students: tuple[str, ...]
    pairs: tuple[Pair, ...]
    more: int
    common: int
    unread: tuple[str, ...]


def find_alike(insight: Insight) -> Likeness:
    """Compare all graded submissions. Raises CourseError where there are not two that can be read."""
    unit = insight.unit
    given, prints, unread = _given(unit), {}, []
    for verdict in insight.verdicts:
        student = verdict["student"]
        if verdict["status"] in UNREAD:
            continue
        try:
            prints[student] = bounded(_prints_of, unit, student, **READING)
        except Exception:  # it takes too much, or the notebook is not there any more, or is none
            unread.append(student)
    if len(prints) < 2:
        raise CourseError(
            f"There are not two submissions for {unit.name} that can be compared: run byhand grade {unit.name} first."
        )
    common = min(max(FEWEST, int(SHARE * len(prints))), MANIEST)
    _leave_out(prints.values(), given, common)
    found = [_pair(a, b, prints, insight) for a, b in _candidates(prints)]
    pairs = sorted((p for p in found if p.shared >= LEAST), key=lambda p: (-p.shared, p.students))
    return Likeness(unit, tuple(prints), tuple(pairs[:MOST]), max(0, len(pairs) - MOST), common, tuple(unread))


def fingerprint(text: str, kind: str) -> CodeFingerprint:
    return CodeFingerprint("answer.py", K[kind], 1, filter=kind == "code", language="python", fp=io.StringIO(text))


def _prints_of(unit: Unit, student: str) -> Prints:
    """What a student has written, part by part, as fingerprints."""
    path = unit.root / "classroom" / "autograded" / student / unit.name / f"{NOTEBOOK}.ipynb"
    parts = parts_of(nbformat.read(path, as_version=4), nbformat.read(unit.course / "exercises.ipynb", as_version=4))
    return {name: fingerprint(text, kind) for name, (kind, text) in parts.items()}


def parts_of(notebook: nbformat.NotebookNode, released: nbformat.NotebookNode) -> dict[str, tuple[str, str]]:
    """Part -> code or prose, and the text of the student's own."""
    sources = {c.metadata["nbgrader"]["grade_id"]: c.source for c in released.cells if "nbgrader" in c.metadata}
    known = {cell.source for cell in released.cells}
    parts: dict[str, tuple[str, str]] = {}
    own: list[str] = []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("solution") and cell.source != sources.get(meta["grade_id"]):
            head = re.split(r"^ *# YOUR CODE HERE$", sources.get(meta["grade_id"], ""), maxsplit=1, flags=re.M)[0]
            text = cell.source.removeprefix(head) if cell.cell_type == "code" else cell.source
            parts[meta["grade_id"]] = ("code" if cell.cell_type == "code" else "prose", _whole(text))
        elif not meta and cell.cell_type == "code" and cell.source not in known:
            own.append(cell.source)
    if own:
        parts[OWN] = ("code", _whole("\n\n".join(own)))
    return parts


def _whole(text: str) -> str:
    """As copydetect's tokens count it: no other ends of lines, no empty ones at the ends."""
    return taken_in(text.replace("\r\n", "\n"), LONGEST).strip("\n")


def _given(unit: Unit) -> set[int]:
    """The numbers of all that the course gave, its notebooks and the modules beside them, and of the model solution: to its
    lines right answers come by themselves."""
    cells = [
        c for name in ("exercises.ipynb", "lesson.ipynb") for c in nbformat.read(unit.course / name, as_version=4).cells
    ]
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    code += [path.read_text(encoding="utf-8") for path in unit.materials if path.suffix == ".py"]
    code += AnswerSheet(unit).solution.values()
    prose = [cell.source for cell in cells if cell.cell_type != "code"]
    texts = [(kind, _whole(text)) for kind, listed in (("code", code), ("prose", prose)) for text in listed]
    return set().union(*(fingerprint(text, kind).hashes for kind, text in texts if text))


def _leave_out(prints: Iterable[Prints], given: set[int], common: int) -> None:
    """Take out what the course gave, and what more than `common` students have in the same part."""
    prints = list(prints)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for one in prints:
        for part, mark in one.items():
            counts[part].update(mark.hashes)
    for one in prints:
        for part, mark in one.items():
            mark.hashes = {n for n in mark.hashes if n not in given and counts[part][n] <= common}
            mark.hash_idx = {n: places for n, places in mark.hash_idx.items() if n in mark.hashes}


def _candidates(prints: Mapping[str, Prints]) -> list[tuple[str, str]]:
    """The pairs that have anything in common."""
    having: dict[tuple[str, int], list[str]] = defaultdict(list)
    for student, parts in prints.items():
        for part, mark in parts.items():
            for n in mark.hashes:
                having[part, n].append(student)
    return list(dict.fromkeys(pair for students in having.values() for pair in combinations(students, 2)))


def _pair(a: str, b: str, prints: Mapping[str, Prints], insight: Insight) -> Pair:
    passages = []
    for part in (p for p in prints[a] if p in prints[b]):
        one, other = prints[a][part], prints[b][part]
        if not one.hashes & other.hashes:
            continue
        # The share that copydetect gives is of what is left after the leaving out, and of a short rest it is always much.
        for mark in (one, other):
            mark.token_coverage = np.maximum(1, mark.token_coverage)
        shared, _, slices = compare_files(one, other)
        passages.append(
            Passage(part, int(shared), (one.raw_code, other.raw_code), (_slices(slices[0]), _slices(slices[1])))
        )
    wrong = tuple(way.exercise for way in insight.unlisted if {a, b} <= set(way.students) and not way.cause)
    return Pair((a, b), tuple(sorted(passages, key=lambda p: -p.shared)), wrong)


def _slices(found: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Where the passages lie, in order, those that touch put together."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((int(s), int(e)) for s, e in zip(*found, strict=True)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def write_alike(likeness: Likeness, named: bool = True) -> Path:
    from byhand.grading.alike_page import alike_page

    folder = likeness.unit.root / "classroom" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{likeness.unit.name}-alike{'' if named else '-no-names'}.html"
    path.write_text(alike_page(likeness, named), encoding="utf-8")
    return path
