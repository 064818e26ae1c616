"""Write the report on a class: a page and a table in `classroom/reports/`."""

from __future__ import annotations

from pathlib import Path

from byhand.grading.insight import Insight, shortened
from byhand.grading.report_page import MOST_TROUBLES, report_page
from byhand.grading.report_table import table


def write_report(insight: Insight, names: bool = True) -> list[Path]:
    """The page and the table; those without names lie beside those with."""
    folder = insight.unit.root / "classroom" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    stem = insight.unit.name + ("" if names else "-no-names")
    page, rows = folder / f"{stem}.html", folder / f"{stem}.csv"
    page.write_text(report_page(insight, names), encoding="utf-8")
    rows.write_text(table(insight, names), encoding="utf-8", newline="")
    return [page, rows]


def print_summary(insight: Insight) -> None:
    """The first lines of the page, for who stays in the terminal."""
    statuses = ", ".join(f"{number} {status}" for status, number in insight.statuses.most_common())
    print(f"{insight.unit.name}: {statuses}.")
    if insight.unread:
        says = f"Left out, since their verdicts are none of this version (byhand grade {insight.unit.name} makes them anew)"
        print(f"{says}: {shortened(insight.unread)}.")
    for way in insight.troubles[:MOST_TROUBLES]:
        print(f"{len(way.students):4}  {way.exercise}: {way.mistake or 'wrong in a way that nobody has listed'}")
