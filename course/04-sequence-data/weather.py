"""Weather for unit 04: a made-up station whose series the course uses, and a loader for files of real stations.

Both give a `Series`: readings on a regular grid of times. Where a reading is missing there is `nan`, so that time never
has holes and only values do.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

FEATURES = ("temperature", "pressure", "wind", "humidity")
UNITS = {"temperature": "°C", "pressure": "hPa", "wind": "m/s", "humidity": "%"}
PER_HOUR = 6  # a reading every ten minutes
PER_DAY = 24 * PER_HOUR


@dataclass(frozen=True)
class Series:
    """Readings of one station.

    times   (M,)    datetime64[m], one step apart
    values  (M, D)  float64; nan where there is no reading
    names   the D columns
    """

    times: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]

    def gaps(self):
        """The stretches in which at least one feature is missing, as pairs (first index, index after the last)."""
        missing = np.isnan(self.values).any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]])))
        return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def make_weather(days=200, seed=0):
    """A station that does not exist: `days` days from the first of March, a reading every ten minutes, no gaps.

    Weather fronts are kicks at random times. Each kick sinks the pressure soon, and cools the air hours later; so the
    barometer knows something about the temperature to come. Low pressure brings clouds, and clouds flatten the daily
    rhythm of the temperature. Each instrument adds its own noise.
    """
    rng = np.random.default_rng(seed)
    M = days * PER_DAY
    hour = np.arange(M) / PER_HOUR
    fronts = rng.gamma(4.0, 0.25, size=M) * (rng.uniform(size=M) < 1 / (45 * PER_HOUR))
    sink = np.convolve(fronts, _response(rise=6, fall=18))[:M]
    cooling = np.convolve(fronts, _response(rise=18, fall=24))[:M]
    slow = _response(rise=24, fall=60)
    drift = np.convolve(rng.normal(size=M), slow / np.linalg.norm(slow))[:M]  # months differ, slowly

    pressure = 1022 - 12 * sink + 3 * drift
    clouds = 1 / (1 + np.exp((pressure - 1012) / 3))
    season = 11 - 7 * np.cos(2 * np.pi * (hour / 24 + 45) / 365)
    rhythm = (6 - 4.5 * clouds) * np.cos(2 * np.pi * (hour - 15) / 24)
    temperature = season + 3 + rhythm - 7 * cooling + 1.5 * drift
    breeze = np.clip(np.cos(2 * np.pi * (hour - 14) / 24), 0, None)
    wind = 2 + 6 * np.convolve(fronts, _response(rise=3, fall=8))[:M] + 1.5 * breeze
    humidity = 62 - 2.5 * rhythm + 25 * clouds

    values = np.stack([temperature, pressure, wind, humidity], axis=1)
    values = values + rng.normal(size=values.shape) * (0.2, 0.2, 0.5, 2.0)
    values = np.clip(values, (-60, 850, 0, 5), (60, 1100, 60, 100))
    times = np.datetime64("2023-03-01T00:00", "m") + 10 * np.arange(M)
    return Series(times, np.round(values, 1), FEATURES)


def _response(rise, fall):
    """What one kick causes, in steps of ten minutes: nothing at once, a peak of 1, and a slow end; in hours."""
    hours = np.arange(6 * fall * PER_HOUR) / PER_HOUR
    kernel = (1 - np.exp(-((hours / rise) ** 3))) * np.exp(-hours / fall)
    return kernel / kernel.max()


def with_gaps(series, seed=0, count=3, longest=PER_DAY):
    """The same series with `count` outages of up to `longest` readings, as a real station has them."""
    rng = np.random.default_rng(seed)
    values = series.values.copy()
    for _ in range(count):
        start = rng.integers(len(values) - longest)
        values[start : start + rng.integers(1, longest + 1)] = np.nan
    return Series(series.times, values, series.names)


# Files of real stations --------------------------------------------------------------------------


class StationFileError(ValueError):
    """What is wrong with a station's file, in one sentence."""


def read_station(
    path, columns, *, time="time", minutes=10, delimiter=",", time_format=None,
    missing=("", "nan", "na", "null", "-999", "-999.0"), bridge=0, encoding="utf-8-sig",
):  # fmt: skip
    """Read a CSV file with a header line, a column of times and columns of numbers.

    path         the file
    columns      the names of the D columns that you want, in the order in which you want them
    time         the name of the column that holds the time, such as 2024-05-01 13:50; a time with a zone becomes UTC
    minutes      the distance between two readings
    delimiter    what separates the columns
    time_format  where the times are not in ISO format, their format for datetime.strptime, such as "%Y%m%d%H%M"
    missing      what stands in a cell that has no value (capitals do not matter)
    bridge       gaps of at most this many readings are filled, see below

    Gaps: the times of the result are a regular grid from the first to the last reading of the file. A row that the file
    lacks becomes a row of nan, a cell without a value becomes nan. Nothing is made up unless you ask for it: with
    `bridge=k`, a gap of at most k readings in a row in one column is filled on the straight line between its
    neighbours. Longer gaps stay as they are, whole. Whoever cuts windows leaves out those that hold a nan.

    Returns a Series. Raises StationFileError, which says in one sentence what is wrong and where.
    """
    path, columns = Path(path), tuple([columns] if isinstance(columns, str) else columns)
    if minutes <= 0 or bridge < 0:
        raise StationFileError(f"minutes must be positive and bridge not negative; they are {minutes} and {bridge}.")
    try:
        with path.open(newline="", encoding=encoding) as file:
            lines = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(lines, [])]
            places = _places(path, header, (time, *columns), delimiter)
            rows = [(lines.line_num, row) for row in lines if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        raise StationFileError(
            f"{path.name} is not written in {encoding}: name its encoding, for example encoding='latin-1'."
        ) from None
    if not rows:
        raise StationFileError(f"{path.name} has a header but no readings.")

    empty = {word.strip().lower() for word in missing}
    found_times, found = [], np.full((len(rows), len(columns)), np.nan)
    for number, (line, row) in enumerate(rows):
        if len(row) != len(header):
            raise StationFileError(
                f"{path.name}, line {line}: {len(row)} cells where the header has {len(header)} columns."
            )
        cells = [row[place].strip() for place in places]
        found_times.append(_time(path, line, cells[0], time_format))
        for d, (name, cell) in enumerate(zip(columns, cells[1:], strict=True)):
            if cell.lower() not in empty:
                found[number, d] = _number(path, line, name, cell)

    steps = _steps(path, rows, found_times, minutes)
    values = np.full((steps[-1] + 1, len(columns)), np.nan)
    values[steps] = found
    for d in range(len(columns)):
        _bridge(values[:, d], bridge)
    times = np.datetime64(found_times[0], "m") + minutes * np.arange(len(values))
    return Series(times, values, columns)


def _places(path, header, wanted, delimiter):
    for name in wanted:
        if header.count(name) > 1:
            raise StationFileError(f"{path.name} has {header.count(name)} columns named {name!r}.")
        if name not in header:
            if len(header) <= 1 and (other := _other_delimiter(header, delimiter)):
                raise StationFileError(
                    f"{path.name} seems to separate its columns by {other!r}, not by {delimiter!r}: pass delimiter={other!r}."
                )
            has = ", ".join(header) or "an empty header"
            raise StationFileError(f"{path.name} has no column {name!r}; it has {has}.")
    return [header.index(name) for name in wanted]


def _other_delimiter(header, delimiter):
    line = header[0] if header else ""
    counts = {sign: line.count(sign) for sign in (",", ";", "\t", "|") if sign != delimiter}
    best = max(counts, key=counts.get)
    return best if counts[best] else None


def _time(path, line, cell, time_format):
    try:
        when = datetime.strptime(cell, time_format) if time_format else datetime.fromisoformat(cell)
    except ValueError:
        wanted = f"in the format {time_format!r}" if time_format else "in ISO format, such as 2024-05-01 13:50"
        raise StationFileError(f"{path.name}, line {line}: {cell!r} is not a time {wanted}.") from None
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def _number(path, line, name, cell):
    try:
        value = float(cell)
        if np.isfinite(value):
            return value
    except ValueError:
        pass
    comma = (
        " (a decimal comma? this loader reads decimal points)" if cell.replace(",", "", 1).lstrip("-").isdigit() else ""
    )
    raise StationFileError(f"{path.name}, line {line}: {cell!r} in column {name!r} is not a number{comma}.")


def _steps(path, rows, times, minutes):
    """On which place of the grid each reading lies. Raises where times go back, repeat, or lie between two places."""
    step = timedelta(minutes=minutes)
    for (line, _), before, now in zip(rows[1:], times, times[1:], strict=False):
        if now == before:
            raise StationFileError(f"{path.name}, line {line}: the time {now} stands there twice.")
        if now < before:
            raise StationFileError(
                f"{path.name}, line {line}: the time {now} comes after {before}, so the file is not in order of time."
            )
    for (line, _), now in zip(rows, times, strict=True):
        if (now - times[0]) % step:
            raise StationFileError(
                f"{path.name}, line {line}: the time {now} does not lie a multiple of {minutes} minutes after the first, "
                f"{times[0]}."
            )
    return np.array([(now - times[0]) // step for now in times])


def _bridge(column, longest):
    """Fill gaps of at most `longest` readings between two neighbours, in place."""
    known = np.flatnonzero(~np.isnan(column))
    for a, b in zip(known, known[1:], strict=False):
        if 1 < b - a <= longest + 1:
            column[a + 1 : b] = np.interp(np.arange(a + 1, b), (a, b), column[[a, b]])
