"""The term as a page and as a table for a spreadsheet, with the names of students or without."""

from __future__ import annotations

import csv
import hashlib
import io
import statistics
from collections.abc import Sequence
from html import escape
from pathlib import Path

from byhand.course import Unit
from byhand.grading.clean import for_spreadsheet, without_control
from byhand.grading.html_page import document
from byhand.grading.insight import count
from byhand.grading.term import STEADY, Line, Mark, Term, called, number
from byhand.grading.verdicts import write_whole

SHADES = (0.25, 0.5, 0.7, 0.85)  # of a share of points, from pale to full
ARROWS = {"rising": "\u2197", "steady": "\u2192", "falling": "\u2198", "": ""}


class Names:
    """What each student is called: by name, or by a number that tells nothing."""

    def __init__(self, lines: Sequence[Line], named: bool):
        hidden = sorted(lines, key=lambda line: hashlib.sha256(repr((called(line), line.students)).encode()).digest())
        width, self.named = len(str(len(hidden))), named
        self.lines = list(lines) if named else hidden
        self._called = {
            id(line): called(line) if named else f"Student {n:0{width}}" for n, line in enumerate(hidden, 1)
        }

    def __call__(self, line: Line) -> str:
        return without_control(self._called[id(line)])


def write_term(term: Term, root: Path, named: bool = True) -> list[Path]:
    """The page and the table; those without names lie beside those with."""
    folder = root / "classroom" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    stem = "term" if named else "term-no-names"
    page, rows = folder / f"{stem}.html", folder / f"{stem}.csv"
    write_whole(page, term_page(term, named))
    with rows.open("w", encoding="utf-8", newline="") as file:
        file.write(term_table(term, named))
    return [page, rows]


def term_page(term: Term, named: bool = True) -> str:
    names = Names(term.lines, named)
    head = (
        f"<h1>The term at a glance</h1>\n<p>{count(len(term.lines), 'student')}, {count(len(term.units), 'unit')}. "
        "Points are those of the gradebook: with marks by hand, less what was taken off for being late.</p>\n"
        '<nav aria-label="Parts of this page"><a href="#help">Who may need help</a> · <a href="#units">Unit by unit</a> · '
        '<a href="#kinds">Mistakes that come back</a> · <a href="#all">Everybody</a></nav>\n'
    )
    parts = [head, _help(term, names), _units(term), _kinds(term), _everybody(term, names)]
    return document("The term at a glance", "".join(parts), "term.css", wide=True)


def _help(term: Term, names: Names) -> str:
    found = [(line, signs) for line in names.lines if (signs := term.signs(line))]
    found.sort(key=lambda pair: -len(pair[1]))
    says = (
        '<h2 id="help">Who may need help</h2>\n<p>Signs, and no verdicts: somebody may be ill, have another deadline, or have '
        "the answers in a drawer. Ask before you conclude. Those with the most signs come first.</p>\n"
    )
    if not found:
        return f"{says}<p>Nobody shows a sign.</p>\n"
    items = "".join(
        f'<li><div class="who"><bdi>{escape(names(line))}</bdi></div><ul>{"".join(f"<li>{escape(s)}</li>" for s in signs)}</ul></li>\n'
        for line, signs in found
    )
    return f'{says}<p class="quiet">{len(found)} of {len(names.lines)} students.</p>\n<ol class="help">{items}</ol>\n'


def _units(term: Term) -> str:
    columns = (
        "unit",
        "handed in",
        "late",
        "not handed in",
        "wait for a mark",
        "not graded in the ordinary way",
        "median",
    )
    head = "".join(f'<th scope="col"{" class=number" if n else ""}>{c}</th>' for n, c in enumerate(columns))
    rows = "".join(_unit(term, unit, columns) for unit in term.units)
    return f'<h2 id="units">Unit by unit</h2>\n<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n'


def _unit(term: Term, unit: Unit, columns: Sequence[str]) -> str:
    marks = term.of_unit(unit.name)
    missing = "not due yet" if unit.name in term.open else len(term.lines) - len(marks)
    shares = [mark.share for mark in marks if mark.counts]
    numbers = (
        len(marks), sum(m.late > 0 for m in marks), missing, sum(m.waiting for m in marks),
        sum(m.status != "graded" for m in marks), f"{statistics.median(shares):.0%}" if shares else "",
    )  # fmt: skip
    cells = "".join(f'<td class="number" data-unit="{c}">{n}</td>' for n, c in zip(numbers, columns[1:], strict=True))
    name = escape(unit.name)
    if (unit.root / "classroom" / "reports" / f"{unit.name}.html").is_file():
        name = f'<a href="{name}.html">{name}</a>'
    return f'<tr><th scope="row">{name}</th>{cells}</tr>\n'


def _kinds(term: Term) -> str:
    kinds = [(kind, units, stayed) for kind, units, stayed in term.kinds() if len(units) > 1]
    says = (
        '<h2 id="kinds">Mistakes that come back</h2>\n<p>How many students made a mistake of this kind, unit by unit, and how many '
        "made it in two units or more. Kinds are told by the names of the mistakes that were recognised, so this is rough; what nobody has "
        "listed is not in it.</p>\n"
    )
    if not kinds:
        return f"{says}<p>No kind of mistake was recognised in more than one unit.</p>\n"
    head = "".join(f'<th scope="col" class="number">{number(unit.name)}</th>' for unit in term.units)
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th>'
        + "".join(f'<td class="number" data-unit="in {number(u.name)}">{units[u.name] or ""}</td>' for u in term.units)
        + f'<td class="number" data-unit="in two or more"><strong>{stayed or ""}</strong></td></tr>\n'
        for kind, units, stayed in kinds
    )
    return (
        f'{says}<div class="wide" tabindex="0"><table class="marks"><thead><tr><th scope="col">kind of mistake</th>{head}'
        f'<th scope="col" class="number">in two or more</th></tr></thead><tbody>{rows}</tbody></table></div>\n'
    )


def _everybody(term: Term, names: Names) -> str:
    heads = "".join(
        f'<th scope="col" class="number"><span class="hidden">unit </span>{number(u.name)}<br><small>of {term.max_points[u.name]:g}</small></th>'
        for u in term.units
    )
    rows = "".join(_line(term, line, names) for line in names.lines)
    key = (
        f'<ul class="key"><li>shade: the share of the points</li><li><b>L</b> late</li><li><b>w</b> waits for a mark</li><li><b>!</b> not graded '
        "in the ordinary way</li><li><b>–</b> not handed in</li><li><b>·</b> not due yet</li>"
        f"<li>trend: the mean of the last two units beside that of those before, from four units on; steady within {STEADY:.0%}</li></ul>\n"
    )
    return (
        f'<h2 id="all">Everybody</h2>\n{key}<div class="wide" tabindex="0"><table class="marks all"><thead><tr><th scope="col">student</th>{heads}'
        f'<th scope="col" class="number">sum</th><th scope="col">trend</th></tr></thead><tbody>{rows}</tbody></table></div>\n'
    )


def _line(term: Term, line: Line, names: Names) -> str:
    points, most = term.total(line)
    cells = "".join(_cell(term, line, unit.name) for unit in term.units)
    trend = term.trend(line)
    arrow = f'<span aria-hidden="true">{ARROWS[trend]}</span> {trend}' if trend else ""
    section = (
        f' <span class="quiet">{escape(without_control(line.person.section))}</span>'
        if names.named and line.person.section
        else ""
    )
    share = f"{points / most:.0%}" if most else ""
    return (
        f'<tr><th scope="row"><bdi>{escape(names(line))}</bdi>{section}</th>{cells}<td class="number" data-unit="in all">{points:g}'
        f' <span class="quiet">{share}</span></td><td class="trend">{arrow}</td></tr>\n'
    )


def _cell(term: Term, line: Line, unit: str) -> str:
    at = f'data-unit="in unit {number(unit)}"'
    mark = line.marks.get(unit)
    if mark is None and unit in term.open:
        return f'<td class="number none" {at}><span aria-hidden="true">·</span><span class="hidden">not due yet</span></td>'
    if mark is None:
        return f'<td class="number none" {at}><span aria-hidden="true">–</span><span class="hidden">not handed in</span></td>'
    shade = sum(mark.share >= least for least in SHADES)
    flags = "".join(
        f'<sup aria-hidden="true">{sign}</sup><span class="hidden"> {escape(words)}</span>'
        for sign, words in _flags(mark)
    )
    return f'<td class="number s{shade}" {at}>{mark.points:g}{flags}</td>'


def _flags(mark: Mark) -> list[tuple[str, str]]:
    found = [("L", f"late by {hours(mark.late)}")] if mark.late > 0 else []
    found += [("w", "waits for a mark")] if mark.waiting else []
    return found + ([("!", mark.status)] if mark.status != "graded" else [])


def hours(seconds: float) -> str:
    """A time of being late, in words."""
    if seconds < 3600:
        return count(max(1, round(seconds / 60)), "minute")
    if seconds < 48 * 3600:
        return count(round(seconds / 3600), "hour")
    return count(round(seconds / 86400), "day")


def term_table(term: Term, named: bool = True) -> str:
    """One row for each student: points and state of each unit, sum, trend, signs. CSV, without formulas."""
    file, names = io.StringIO(), Names(term.lines, named)
    writer = csv.writer(file)
    who = ["student", "name", "email", "section"] if named else ["student"]
    units = [column for unit in term.units for column in (unit.name, f"{unit.name} state")]
    writer.writerow([*who, *units, "points", "of", "share", "trend", "may need help"])
    for line in names.lines:
        person = line.person
        first = [", ".join(line.students), names(line), person.email, person.section] if named else [names(line)]
        cells = []
        for unit in term.units:
            mark = line.marks.get(unit.name)
            cells += [f"{mark.points:g}" if mark and mark.counts else "", state(term, line, unit.name)]
        points, most = term.total(line)
        row = [
            *first,
            *cells,
            f"{points:g}",
            f"{most:g}",
            f"{points / most:.3f}" if most else "",
            term.trend(line),
            "; ".join(term.signs(line)),
        ]
        writer.writerow([for_spreadsheet(cell) for cell in row])
    return file.getvalue()


def state(term: Term, line: Line, unit: str) -> str:
    mark = line.marks.get(unit)
    if mark is None:
        return "not due yet" if unit in term.open else "not handed in"
    return (
        ", ".join([mark.status] * (mark.status != "graded") + [words for sign, words in _flags(mark) if sign != "!"])
        or "graded"
    )


def print_term(term: Term) -> None:
    """The first lines of the page, for who stays in the terminal."""
    helped = [line for line in term.lines if term.signs(line)]
    waiting = sum(mark.waiting for line in term.lines for mark in line.marks.values())
    print(
        f"{count(len(term.lines), 'student')}, {count(len(term.units), 'unit')}; {len(helped)} may need help; {count(waiting, 'submission')} still without a mark by hand."
    )
