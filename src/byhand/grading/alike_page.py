"""Pairs of submissions that are alike as a page, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from byhand.grading.alike import LEAST, OWN, K, Likeness, Pair, Passage
from byhand.grading.clean import without_control, without_names
from byhand.grading.insight import count, shortened
from byhand.grading.lesson_sections import lesson_sections
from byhand.grading.pages import render

Pieces = list[tuple[str, bool]]  # a text cut up, each piece with whether both have it


def alike_page(likeness: Likeness, named: bool = True) -> str:
    """The page of one unit; `named`: whether students are named."""
    students = dict.fromkeys(student for pair in likeness.pairs for student in pair.students)
    called = {student: student if named else f"Student {n}" for n, student in enumerate(students, 1)}

    def shown(text: str) -> str:
        text = without_control(text)
        return text if named else without_names(text, likeness.students)

    def sides(pair: Pair, passage: Passage) -> Iterator[tuple[str, Pieces]]:
        for student, text, slices in zip(pair.students, passage.texts, passage.slices, strict=True):
            yield student, [(shown(piece), shared) for piece, shared in _pieces(text, slices)]

    return render(
        "alike.html",
        likeness=likeness,
        named=named,
        places=lesson_sections(likeness.unit),
        name=lambda student: without_control(called[student]),
        sides=sides,
        least=LEAST,
        runs=K,
        own=OWN,
        shortened=shortened,
        count=count,
    )


def _pieces(text: str, slices: tuple[tuple[int, int], ...]) -> Pieces:
    pieces, at = [], 0
    for start, end in slices:
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [*pieces, (text[at:], False)]
