"""Which section of the lesson explains what an exercise asks, as far as their equations and headings tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from byhand.course import Unit
from byhand.teaching.notebooks import read_source

_SHORTEST = 12  # an equation with fewer signs than this says nothing about where it belongs


@dataclass(frozen=True)
class Place:
    """The title of an exercise, and the lesson's section with the same equation or the same heading, where there is one."""

    title: str
    section: str = ""

    @property
    def anchor(self) -> str:
        """The section's address on the lesson's page in the book."""
        return re.sub(r"[^a-z0-9]+", "-", self.section.lower()).strip("-")


def lesson_sections(unit: Unit) -> dict[str, Place]:
    """Exercise -> its place."""
    lesson = [(h, text) for h, text, _ in _sections(unit.lesson) if h]
    places: dict[str, Place] = {}
    for heading, text, names in _sections(unit.exercises):
        title = re.sub(r"^Exercise \d+: | \([\d.]+ points\)$", "", heading)
        asked = set(_equations(text))
        found = [h for h, t in lesson if asked & set(_equations(t))] or [
            h for h, _ in lesson if h.lower() == title.lower()
        ]
        places |= {name: Place(title, found[0] if found else "") for name in names}
    return places


def _sections(path) -> Iterator[tuple[str, str, list[str]]]:
    """Each heading, the text below it, and the grade ids of the answers that follow before the next heading."""
    heading, text, names = "", "", []
    for cell in read_source(path).notebook.cells:
        if cell.cell_type == "code":
            meta = cell.metadata.get("nbgrader", {})
            names += [meta["grade_id"]] if meta.get("solution") else []
            continue
        for block in re.split(r"^(?=#{1,3} )", cell.source, flags=re.M):
            if found := re.match(r"#{1,3} (.*)\n?", block):
                yield heading, text, names
                heading, text, names = found[1], "", []
            text += block
    yield heading, text, names


def _equations(text: str) -> Iterator[str]:
    """The display equations, without what only sets them."""
    for display in re.findall(r"\$\$(.*?)\$\$", text, re.S):
        for equation in re.split(r"\\\\|\\qquad", display):
            bare = re.sub(
                r"\\(boldsymbol|[bB]ig|left|right|quad|begin\{\w+\}|end\{\w+\}|[,;!])|[\s{}&]", "", equation
            ).rstrip(".,")
            if len(bare) > _SHORTEST:
                yield bare
