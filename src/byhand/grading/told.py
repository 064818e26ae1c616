"""What a student is told above the notebook that comes back: what happened to it; and of each exercise what was wrong, and the
hint of the check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from byhand.grading.clean import taken_in, without_control
from byhand.grading.limits import LONGEST_MESSAGE
from byhand.grading.verdicts import NOT_RUN, ExerciseVerdict, SubmissionVerdict

_STYLE = """<style>
.byhand-told{padding:.2em 1.2em .8em;line-height:1.45}
.byhand-told h5{font-size:1em;font-weight:600;margin:1em 0 .2em}
.byhand-told p,.byhand-told li{margin:.2em 0;max-width:52em;overflow-wrap:anywhere}
.byhand-told section{border-left:4px solid #0b7a4b;padding-left:.9em;margin:.6em 0;break-inside:avoid}
.byhand-told section.wrong{border-color:#c2410c}
.byhand-told .hint{font-weight:600}
</style>"""

Lines = list[tuple[str, str]]  # each a kind, "" or "hint", and a sentence


@dataclass(frozen=True)
class Said:
    """What a student is told of a submission: what came of each exercise, and sentences on all of it."""

    exercises: Mapping[str, ExerciseVerdict] = field(default_factory=dict)
    sentences: tuple[str, ...] = ()


def said_of(verdict: SubmissionVerdict) -> Said:
    """Of one that did not run, the notebook's first cell says why, and no exercise has more to say."""
    ran = verdict["status"] not in NOT_RUN
    sentences = [*([verdict["message"]] if ran and verdict["message"] else []), *verdict["notes"]]
    short = (taken_in(" ".join(text.split()), LONGEST_MESSAGE) for text in dict.fromkeys(sentences))
    return Said(verdict["exercises"] if ran else {}, tuple(map(without_control, short)))


def told_html(said: Said, grades: Mapping[str, tuple[float, float]]) -> str:
    """A part of the page, with the points that the gradebook has now; "" where nothing is to be said."""
    whole = _about_all(said.sentences) + _by_exercise(said.exercises, grades)
    return f'{_STYLE}<div class="byhand-told">{whole}</div>\n' if whole else ""


def _about_all(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    return f"<h4>About your notebook</h4><ul>{items}</ul>" if items else ""


def _by_exercise(exercises: Mapping[str, ExerciseVerdict], grades: Mapping[str, tuple[float, float]]) -> str:
    parts = []
    for name, entry in exercises.items():
        lines = "".join(f'<p class="{kind}">{escape(text)}</p>' for kind, text in told_lines(entry))
        state = "right" if entry["right"] else "wrong"
        parts.append(
            f'<section class="{state}"><h5><a href="#{escape(name)}-check"><code>{escape(name)}</code></a>: '
            f"{escape(_head(name, entry, grades))}</h5>{lines}</section>"
        )
    return f"<h4>Exercise by exercise</h4>{''.join(parts)}" if parts else ""


def _head(name: str, entry: ExerciseVerdict, grades: Mapping[str, tuple[float, float]]) -> str:
    verdict = "\u2713 right" if entry["right"] else "\u2717 not right"
    points = grades.get(f"{name}-check")
    return f"{verdict}, {points[0]:g} of {points[1]:g} points" if points else f"{verdict}, optional"


def told_lines(entry: ExerciseVerdict) -> Lines:
    """What is said of one exercise, in sentences."""
    if entry["right"]:
        return []
    lines: Lines = []
    told = entry.get("told") or []  # a verdict of an earlier version has none
    if begin := entry.get("begin"):
        lines.append(("", f"It uses your {begin}, which is not right: begin there."))
    if told and told[0]["fresh"]:
        lines.append(("", "The check in your notebook finds it right. With the other numbers of grading it is not:"))
    if not told or entry.get("cause"):
        lines.append(("", entry["failure"] or "It was not graded."))
        told = []
    elif told[0]["kind"]:
        lines.append(
            (
                "",
                "The ordinary problem is solved; these kinds are not:"
                if len(told) > 1
                else "The ordinary problem is solved; this kind is not:",
            )
        )
    for one in told:
        kind = f"{one['kind'][0].upper()}{one['kind'][1:]}: " if one["kind"] else ""
        lines.append(("", kind + one["wrong"]))
        lines += [("hint", f"Hint: {hint}") for hint in one["hints"]]
    return [(kind, without_control(text)) for kind, text in lines]
