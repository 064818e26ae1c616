"""A new unit that builds, verifies and appears in the book, with one exercise to be replaced."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from byhand.course import CourseError, Unit

_LAST_PART = "  - caption: Look it up\n"  # of the table of contents; units come before it
_TARGETS = {
    "lesson.md": "course/{name}/lesson.md",
    "checks.py": "course/{name}/checks.py",
    "reference.py": "course/{name}/reference.py",
    "exercises.md": "solutions/{name}/exercises.md",
    "misconceptions.yml": "solutions/{name}/misconceptions.yml",
    "test.py": "tests/units/test_{module}.py",
}


def new_unit(root: Path, name: str) -> list[Path]:
    """Write the sources of the unit `name`, "20-some-words", from the template; returns what was written or changed.

    Raises CourseError, before anything is written, where the name is none, is taken, or the book's files are not as expected.
    """
    if not re.fullmatch(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*", name):
        raise CourseError(
            f"{name!r} is no name of a unit: two digits, and words of small letters with hyphens, 20-some-words."
        )
    number, _, slug = name.partition("-")
    unit = Unit(root, name)
    taken = [p.name for side in ("course", "solutions") for p in (root / side).glob(f"{number}-*")]
    if taken:
        raise CourseError(f"There is a unit {number} already: {taken[0]}.")
    contents, notation = root / "book" / "_toc.yml", root / "book" / "notation.md"
    toc = contents.read_text(encoding="utf-8")
    if toc.count(_LAST_PART) != 1:
        raise CourseError(f"{contents} has no part {_LAST_PART.strip()!r}, before which a unit would be put.")
    title = slug.replace("-", " ").capitalize()
    words = {"NUMBER": number, "TITLE": title, "SHORT": slug.partition("-")[0], "NAME": name}
    texts = {}
    for source, target in _TARGETS.items():
        text = (files("byhand.teaching") / "template" / source).read_text(encoding="utf-8")
        for word, value in words.items():
            text = re.sub(rf"\b{word}\b", value, text)
        texts[root / target.format(name=name, module=name.replace("-", "_"))] = text
    chapter = f"      - file: units/{name}/lesson\n        sections:\n          - file: units/{name}/exercises\n"
    texts[contents] = toc.replace(_LAST_PART, chapter + _LAST_PART)
    symbols = f"\n(symbols-{name})=\n## {title}\n\n| Symbol | Code | Shape | torch |\n|:--|:--|:--|:--|\n| $a$, $b$ | `a`, `b` | `()` | none |\n"
    texts[notation] = notation.read_text(encoding="utf-8").rstrip("\n") + "\n" + symbols
    for folder in (unit.course, unit.solutions):
        folder.mkdir(parents=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)
