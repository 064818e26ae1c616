"""When something was handed in, from what a learning platform writes beside it. Nothing is guessed.

nbgrader's own reading takes 12.11.2026 for a day of December, +0200 for seconds, and passes over PM and over zones that it does
not know: an answer in time would be late, or a late one in time.
"""

from __future__ import annotations

import datetime
import re

from dateutil import parser, tz

WRITE = "write it as 2026-11-12 10:00 UTC"

_YEAR_FIRST = re.compile(r"(?<!\d)\d{4}(?:[-/.]\d\d?[-/.]\d|\d{4}(?:\d{4}|\d{6})?(?!\d))")
_NUMBERS = re.compile(r"(?<![\d:./-])(\d\d?)(\s*[./-]\s*|\s+)(\d\d?)(?:\s*[./-]\s*|\s+)(\d{4}|\d\d)(?![\d:])")
_MONTH = re.compile(r"(?i)(?<![a-z])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")
_REGION = re.compile(r"\s([A-Za-z_]+(?:/[A-Za-z_+-]+)+)$")
# Hours from UTC where the clock is forward, as nbgrader writes them; the system knows these zones by their places alone.
_SUMMER = {"WEST": 1, "CEST": 2, "EEST": 3, "EDT": -4, "CDT": -5, "MDT": -6, "PDT": -7}


class _UnknownZone(ValueError):
    """Nobody's guess: the same letters stand for zones of several countries."""


def read_stamp(text: str) -> datetime.datetime:
    """The time in UTC, without a zone, as the gradebook keeps it. Raises ValueError, whose message says why not."""
    # UTC+2 is two hours ahead of UTC; dateutil takes it for two hours behind, as POSIX does.
    text, zone = re.sub(r"\b(?:UTC|GMT)\s*(?=[+-]\d)", "", _date_in_order(text)), None
    if region := _REGION.search(text):
        zone, text = _zone(region[1], None), text[: region.start()]
    try:
        time = parser.parse(text, tzinfos=_zone)
    except _UnknownZone:
        raise
    except Exception:  # whatever dateutil makes of it
        raise ValueError("it holds no whole date in a form that is known") from None
    if zone:
        time = time.replace(tzinfo=zone)
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _date_in_order(text: str) -> str:
    """The text with a date that cannot be read in two ways."""
    if _YEAR_FIRST.search(text) or _MONTH.search(text):
        return text
    numbers = _NUMBERS.search(text)
    if not numbers:
        raise ValueError("it holds no whole date in a form that is known")
    day, month, year = int(numbers[1]), int(numbers[3]), numbers[4]
    if (day != month and day <= 12 and month <= 12) or len(year) == 2:
        raise ValueError("day and month cannot be told apart")
    if month > 12:
        day, month = month, day
    return f"{text[: numbers.start()]}{year}-{month:02}-{day:02}{text[numbers.end() :]}"


def _zone(name: str | None, offset: int | None) -> datetime.tzinfo | None:
    if offset is not None:
        return tz.tzoffset(name, offset)
    if name is None:
        return None
    if name in _SUMMER:
        return tz.tzoffset(name, 3600 * _SUMMER[name])
    if zone := tz.gettz(name):
        return zone
    raise _UnknownZone(f"the time zone {name} is not known, or there are several")
