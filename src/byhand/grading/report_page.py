"""The insight into a class as a page."""

from __future__ import annotations

from byhand.grading.clean import without_control, without_names
from byhand.grading.insight import KINDS, ExerciseStats, Insight, count, shortened
from byhand.grading.lesson_sections import lesson_sections
from byhand.grading.pages import render

MOST_TROUBLES = 5  # as much as one can speak of in a lesson
_SAYS = {
    "right": "right",
    "known": "a known mistake",
    "unlisted": "wrong in another way",
    "follows": "wrong after an earlier exercise was",
    "unwritten": "not written",
}


def report_page(insight: Insight, names: bool = True) -> str:
    """The page of one unit; `names`: whether students are named."""
    unit, students = insight.unit, [verdict["student"] for verdict in insight.verdicts]

    def shown(text: str) -> str:
        text = without_control(text)
        return text if names else without_names(text, students)

    ungraded = [verdict for verdict in insight.verdicts if verdict["status"] != "graded"]
    slowest = max(insight.verdicts, key=lambda verdict: verdict["seconds"].get("own_cells", 0.0))
    return render(
        "report.html",
        insight=insight,
        names=names,
        monday=[c for c in insight.troubles if len(c.students) > 1 or c.kind == "known"][:MOST_TROUBLES],
        often=[cluster for cluster in insight.unlisted if len(cluster.students) > 1],
        ungraded=sorted(ungraded, key=lambda verdict: (verdict["status"], verdict["student"])),
        slowest=slowest,
        longest=slowest["seconds"].get("own_cells", 0.0),
        places=lesson_sections(unit),
        has_book=(unit.root / "book" / "_build" / "html" / "units" / unit.name / "lesson.html").exists(),
        says=_SAYS,
        parts_of=_parts_of,
        shown=shown,
        shortened=shortened,
        count=count,
        count_points=count_points,
    )


def _parts_of(stats: ExerciseStats) -> list[tuple[str, int]]:
    """How many answered in which way, where somebody did."""
    return [(kind, n) for kind in KINDS if (n := stats.count(kind))]


def count_points(points: float) -> str:
    return f"{points:g} point{'' if points == 1 else 's'}" if points else "optional"
