"""Text that students have written, made harmless: once where it comes in, and again for where it is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_COLOUR = rf"(?:[34]8;5;{_BYTE}|[34]8;2;{_BYTE};{_BYTE};{_BYTE}|(?![34]8)(?:10[0-7]|[1-9]?\d))"
_COLOURS = re.compile(rf"\x1b\[(?:{_COLOUR}(?:;{_COLOUR})*)?m")
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # colours and movements of a terminal
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # all other control characters but tab and line feed
    r"|[\u202a-\u202e\u2066-\u2069]"  # what turns the direction of writing
)
CUT = "… (cut)"


def taken_in(text: object, most: int, *, colours: bool = False) -> str:
    """Text that came from a student, as all that follows can take it: Unicode, no control characters, `most` characters.

    What is longer ends with `CUT`. With `colours`, those of a terminal stay where they are whole.
    """
    text = str(text)
    cut = len(text) > most
    text = text[:most].encode("utf-8", "replace").decode()
    text = _CONTROL.sub(lambda found: found[0] if colours and _COLOURS.fullmatch(found[0]) else "", text)
    return text + CUT if cut else text


def without_control(text: str) -> str:
    """For a terminal or a page: nothing that colours, clears, or turns the direction of writing."""
    return _CONTROL.sub("", text)


def without_names(text: str, students: Iterable[str]) -> str:
    """For readers who may not know who wrote what: messages can hold a student's id, in a path for example."""
    for student in students:
        text = re.sub(rf"(?<!\w){re.escape(student)}(?!\w)", "…", text)
    return text


def for_spreadsheet(text: str) -> str:
    """For a spreadsheet: what it would take for a formula begins with an apostrophe."""
    text = without_control(text)
    start = next((place for place, sign in enumerate(text) if not _is_unseen(sign)), len(text))
    return f"'{text}" if text[start : start + 1] in tuple("=+-@＝＋－＠") or text[:1] in ("\t", "\n") else text


def _is_unseen(sign: str) -> bool:
    """Blanks, marks that join or turn, and the few letters that show nothing: programs leave them out where they read a formula."""
    return unicodedata.category(sign)[0] in "CZM" or sign in "\u115f\u1160\u2800\u3164\uffa0"
