"""The insight into a class as rows: a table for a spreadsheet, and wrong answers ready to be listed."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml

from byhand.grading.clean import for_spreadsheet, without_control, without_names
from byhand.grading.insight import AnswerCluster, Insight, count, shortened

COLUMNS = ("exercise", "what", "mistake", "students", "share", "hint", "where", "who")


def table(insight: Insight, names: bool = True) -> str:
    """One row for each way in which an exercise was answered, then one for each status. CSV, without formulas."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS if names else COLUMNS[:-1])
    for row in _rows(insight):
        who = row.pop()
        text = [cell if names else without_names(cell, (v["student"] for v in insight.verdicts)) for cell in row]
        writer.writerow([for_spreadsheet(cell) for cell in (text + [who] if names else text)])
    return file.getvalue()


def _rows(insight: Insight) -> Iterator[list[str]]:
    for stats in insight.exercise_stats:
        for cluster in stats.clusters:
            share = f"{len(cluster.students) / stats.answers:.3f}"
            students = str(len(cluster.students))
            yield [
                cluster.exercise,
                cluster.kind,
                cluster.mistake,
                students,
                share,
                cluster.hint,
                cluster.where,
                ", ".join(cluster.students),
            ]
    for status, number in insight.statuses.most_common():
        who = ", ".join(v["student"] for v in insight.verdicts if v["status"] == status)
        yield ["", f"status: {status}", "", str(number), f"{number / len(insight.verdicts):.3f}", "", "", who]


def unlisted_yaml(insight: Insight, names: bool = True) -> str:
    """The wrong answers that nobody has listed, the frequent ones first, as entries for misconceptions.yml.

    Their ids and hints are left open: those only a teacher can write.
    """
    parts = []
    for cluster in insight.unlisted:
        if cluster.cause or (answer := _answer(insight, cluster)) is None:
            continue
        who = f" ({shortened(cluster.students)})" if names else ""
        where = cluster.where if names else without_names(cluster.where, cluster.students)
        head = [f"# {count(len(cluster.students), 'student')}{who}. {' '.join(where.split())}"]
        parts.append(
            "\n".join(
                [
                    *head,
                    f"{cluster.exercise}:",
                    "  misconceptions:",
                    "    - id:",
                    f"      solution: {_as_yaml(answer, 8)}",
                    "      hint:",
                    "",
                ]
            )
        )
    return without_control("\n".join(parts))


def _as_yaml(text: str, indent: int) -> str:
    """A text as a value in YAML: line by line where it is read back so, and ends with a line feed; else in quotes, on one line."""
    # The indentation is found from the first line, unless it is said.
    head = "|2" if text.lstrip("\n").startswith(" ") else "|"
    block = f"{head}\n{textwrap.indent(text, ' ' * indent, bool)}"
    with contextlib.suppress(yaml.YAMLError):
        inside = f"{' ' * (indent - 2)}solution: {block}\n"
        if without_control(block) == block and yaml.safe_load(inside) == {"solution": f"{text}\n"}:
            return block
    return yaml.safe_dump(text, default_style='"', width=float("inf")).strip()


def _answer(insight: Insight, cluster: AnswerCluster) -> str | None:
    """What the first of the students wrote between the solution marks; the whole cell where its head was changed.

    None where nobody has a cell of that name in a notebook that can be read.
    """
    unit = insight.unit
    released = _source(unit.course / "exercises.ipynb", cluster.exercise)
    folders = (unit.root / "classroom" / "autograded" / student / unit.name for student in cluster.students)
    submitted = next(filter(None, (_source(folder / "exercises.ipynb", cluster.exercise) for folder in folders)), None)
    if released is None or submitted is None:
        return None
    head = re.split(r"^ *# YOUR CODE HERE$", released, maxsplit=1, flags=re.M)[0]
    if not submitted.startswith(head):
        return submitted
    return textwrap.dedent(submitted.removeprefix(head)).strip("\n")


def _source(path: Path, name: str) -> str | None:
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError):
        return None
    return next((c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name), None)
