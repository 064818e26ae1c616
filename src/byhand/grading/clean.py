"""Text that students have written, made harmless for where it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # colours and movements of a terminal
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # all other control characters but tab and line feed
    r"|[\u202a-\u202e\u2066-\u2069]"  # what turns the direction of writing
)


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
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@＝＋－＠") or text[:1] in ("\t", "\n") else text
