"""A loader for candle files of an exchange, for unit 15: one CSV file for each asset, all on one grid of times.

The columns are those that exchanges give: open time, open, high, low, close, volume, close time, quote volume, number of
trades, taker buy base volume, taker buy quote volume. With a header, columns are found by name, in any order, and others
are passed over. Without one they must stand in the order of COLUMNS; a twelfth column is passed over.

A time is a whole number of milliseconds (or microseconds) since 1970, or text such as 2021-01-01 or 2021-01-01T10:05.

What is done with imperfect files, and it is done the same way for all:

- *late listing*: before its first candle an asset is nan. Never 0, which would be a price;
- *gap*: a missing candle is filled with what was known when it should have come: open, high, low and close are the last
  close, volumes and trades are 0. `filled` says where;
- *duplicate*: a row that repeats the one before it, number for number, is dropped. Two different rows of the same time are an error;
- *different ends*: the table ends with the last candle that all files have;
- anything else that cannot be right is a CandleError with file and line. Nothing is guessed.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from market import FIELDS, Table

COLUMNS = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades", "taker_base",
    "taker_quote",
)  # fmt: skip
ALSO = {  # other names in use for the same columns
    "quote_asset_volume": "quote_volume", "number_of_trades": "trades", "count": "trades",
    "taker_buy_base_asset_volume": "taker_base", "taker_buy_base_volume": "taker_base", "taker_buy_volume": "taker_base",
    "taker_buy_base": "taker_base", "taker_buy_quote_asset_volume": "taker_quote", "taker_buy_quote_volume": "taker_quote",
    "taker_buy_quote": "taker_quote", "opentime": "open_time", "closetime": "close_time",
}  # fmt: skip


class CandleError(ValueError):
    """A file that cannot be right; the message says which, where, and what is wrong."""


def read_candles(files):
    """Read one file for each asset.

    files  dict from an asset's name to its path

    Returns a Table with times (T,) in milliseconds and values (T, m, 9) in the order of FIELDS; and filled (T, m), True where
    a gap was filled. Raises CandleError as the module's documentation says, and FileNotFoundError for a file that is not there.
    """
    if not files:
        raise CandleError("no files were given")
    rows = {name: _read(Path(path)) for name, path in files.items()}
    times = {name: sorted(found) for name, found in rows.items()}
    steps = {b - a for listed in times.values() for a, b in zip(listed, listed[1:], strict=False)}
    if not steps:
        raise CandleError("no file has two candles, so the time between candles is unknown")
    step, first = min(steps), min(listed[0] for listed in times.values())
    for name, listed in times.items():
        for t in listed:
            if (t - first) % step:
                raise CandleError(
                    f"{files[name]}: the candle of {_when(t)} is off the grid of {_span(step)} that begins {_when(first)}"
                )
    begin = max(times, key=lambda name: times[name][0])
    end = min(times, key=lambda name: times[name][-1])
    if times[begin][0] > times[end][-1]:
        raise CandleError(
            f"the files do not overlap: {files[begin]} begins {_when(times[begin][0])}, after {files[end]} has ended "
            f"{_when(times[end][-1])}"
        )
    grid = range(first, times[end][-1] + 1, step)
    values, filled = np.full((len(grid), len(files), len(FIELDS)), np.nan), np.zeros((len(grid), len(files)), bool)
    for i, found in enumerate(rows.values()):
        last = None
        for k, t in enumerate(grid):
            if t in found:
                last = found[t]
                values[k, i] = last
            elif last is not None:
                values[k, i] = [last[3]] * 4 + [0.0] * 5
                filled[k, i] = True
    return Table(np.array(list(grid), dtype="datetime64[ms]"), values, tuple(files)), filled


def _read(path):
    """Opening time in milliseconds -> the nine numbers of FIELDS, for one file."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(cell.strip() for cell in row)]
    if not lines:
        raise CandleError(f"{path}: the file is empty")
    place, lines = _places(path, lines)
    found, before = {}, None
    for number, row in lines:
        where = f"{path}:{number}"
        if len(row) <= max(place.values()):
            raise CandleError(f"{where}: {len(row)} columns, too few")
        opened, closed = (_time(row[place[c]], where, c) for c in ("open_time", "close_time"))
        numbers = tuple(_number(row[place[c]], where, c) for c in FIELDS)
        _examine(numbers, opened, closed, where)
        if before is not None and opened < before:
            raise CandleError(f"{where}: time goes backwards, from {_when(before)} to {_when(opened)}")
        if opened == before and found[opened] != numbers:
            raise CandleError(f"{where}: a second and different candle for {_when(opened)}")
        found[opened], before = numbers, opened
    if not found:
        raise CandleError(f"{path}: a header and no candles")
    return found


def _places(path, lines):
    """Column name -> its place in a row; and the rows without the header."""
    number, head = lines[0]
    if head[0].strip()[:1].isdigit():  # a time, so there is no header
        if len(head) not in (len(COLUMNS), len(COLUMNS) + 1):
            raise CandleError(
                f"{path}:{number}: {len(head)} columns and no header; without one there are 11, or 12 with the last ignored"
            )
        return {c: k for k, c in enumerate(COLUMNS)}, lines
    names = [cell.strip().lower().replace(" ", "_") for cell in head]
    names = [ALSO.get(name, name) for name in names]
    missing = [c for c in COLUMNS if c not in names]
    if missing:
        raise CandleError(f"{path}: the header lacks {', '.join(missing)}; it has {', '.join(names)}")
    twice = [c for c in COLUMNS if names.count(c) > 1]
    if twice:
        raise CandleError(f"{path}: the header has {', '.join(twice)} more than once")
    return {c: names.index(c) for c in COLUMNS}, lines[1:]


def _number(text, where, column):
    try:
        value = float(text)
    except ValueError:
        raise CandleError(f"{where}: {text.strip()!r} in column {column} is not a number") from None
    if not np.isfinite(value):
        raise CandleError(f"{where}: {text.strip()!r} in column {column} is not a finite number")
    return value


def _time(text, where, column):
    """Milliseconds since 1970."""
    text = text.strip()
    if text.isdigit():
        value = int(text)
        return value // 1000 if value >= 10**14 else value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CandleError(f"{where}: {text!r} in column {column} is no time") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1000)


def _examine(numbers, opened, closed, where):
    """What no candle can be."""
    at = dict(zip(FIELDS, numbers, strict=True))
    if min(numbers[:4]) <= 0:
        raise CandleError(f"{where}: a price is not positive")
    if not at["low"] <= min(at["open"], at["close"]) <= max(at["open"], at["close"]) <= at["high"]:
        raise CandleError(f"{where}: open and close must lie between low {at['low']:g} and high {at['high']:g}")
    if min(numbers[4:]) < 0:
        raise CandleError(f"{where}: a volume or the number of trades is negative")
    if closed <= opened:
        raise CandleError(f"{where}: the candle closes before it opens")


def _when(milliseconds):
    return str(np.datetime64(milliseconds, "ms")).removesuffix(".000")


def _span(milliseconds):
    seconds = milliseconds / 1000
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} seconds"
