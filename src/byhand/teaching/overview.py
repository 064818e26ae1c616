"""What the units say of themselves: title, part, what they are about, what they build on, how long they take.

Nothing of this is written twice. The parts are those of `book/_toc.yml`; the rest stands at the top of each lesson: in the
header `about:`, and in its opening admonition, "**You need:** … (unit 02) … **Time:** about …, and … for the exercises."
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from byhand.course import CourseError, Unit, find_units

_WORDS = {word: number for number, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_WORDS |= {"a": 1, "an": 1}


@dataclass(frozen=True)
class Overview:
    """One unit: `number` as text ("05"), `needs` the numbers of the units that it builds on, times in hours."""

    unit: Unit
    number: str
    title: str
    part: str
    about: str
    needs: tuple[str, ...]
    lesson_hours: tuple[float, float]
    exercise_hours: tuple[float, float]

    @property
    def name(self) -> str:
        """The folder of the unit."""
        return self.unit.name


def overviews(root: Path) -> list[Overview]:
    """All units in order. Raises CourseError where a lesson does not say what is asked for here."""
    parts = _parts(root)
    return [_overview(unit, parts) for unit in find_units(root)]


def _parts(root: Path) -> dict[str, str]:
    """The caption of the part in which each unit stands."""
    parts = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8")).get("parts", [])
    return {
        chapter["file"].split("/")[1]: part["caption"]
        for part in parts
        for chapter in part["chapters"]
        if chapter["file"].startswith("units/")
    }


def _overview(unit: Unit, parts: dict[str, str]) -> Overview:
    text = unit.lesson.read_text(encoding="utf-8")
    about = yaml.safe_load(text.split("---\n")[1]).get("about")
    title = re.search(r"^# (\d\d) (.+)$", text, re.M)
    opening = re.search(
        r"\*\*You need:\*\*(.*?)\*\*Time:\*\* (?:about )?(.*?),? and (.*?) for\s+the\s+exercises\.", text, re.S
    )
    if not about or not title or not opening:
        raise CourseError(
            f"{unit.lesson}: a lesson has a header with `about:`, a title `# NN …`, and says **You need:** … (unit NN) … "
            "**Time:** about …, and … for the exercises."
        )
    if unit.name not in parts:
        raise CourseError(f"book/_toc.yml has no part with {unit.name}.")
    needs = {
        n for group in re.findall(r"units?\s+(\d\d(?:(?:,|\s+and|\s+to)\s+\d\d)*)", opening[1]) for n in _numbers(group)
    }
    return Overview(
        unit, title[1], title[2], parts[unit.name], about, tuple(sorted(needs)), _hours(unit, opening[2]), _hours(unit, opening[3])
    )  # fmt: skip


def _numbers(group: str) -> list[str]:
    numbers = re.findall(r"\d\d", group)
    if re.search(r"\bto\b", group):
        return [f"{n:02}" for n in range(int(numbers[0]), int(numbers[-1]) + 1)]
    return numbers


def _hours(unit: Unit, text: str) -> tuple[float, float]:
    """ "90 minutes", "two hours" or "three to four hours" as a span of hours."""
    found = re.fullmatch(r"(?:about\s+)?(\w+)(?:\s+to\s+(\w+))?\s+(hours?|minutes)(\s+and\s+a\s+half)?", text.strip())
    if not found:
        raise CourseError(f"{unit.lesson}: how long is {text.strip()!r}? Write minutes, or hours from one to ten.")
    first, last, scale, half = found.groups()
    span = [int(word) if word.isdigit() else _WORDS.get(word, 0) for word in (first, last or first)]
    low, high = (number / 60 if scale == "minutes" else number + (0.5 if half else 0) for number in span)
    return low, high


def hours(span: tuple[float, float]) -> str:
    """A span of hours for people: "1½", "3–4"."""
    low, high = (_quarters(number) for number in span)
    return low if low == high else f"{low}–{high}"


def _quarters(number: float) -> str:
    whole, quarter = divmod(round(4 * number), 4)
    return f"{whole or ''}{('', '¼', '½', '¾')[quarter]}"
