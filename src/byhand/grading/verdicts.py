"""What is known of each graded submission: a file of JSON, which the report and the next run read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypedDict, TypeGuard


class Told(TypedDict):
    """What a student is told of one kind of problem; `fresh`: with the numbers of grading."""

    kind: str
    wrong: str
    hints: list[str]
    fresh: bool


class _OfExercise(TypedDict):
    points: float
    max_points: float
    right: bool
    mistake: str | None
    hint: str | None
    failure: str | None
    fingerprint: dict[str, Any] | None  # JSON, by result


class ExerciseVerdict(_OfExercise, total=False):
    """What came of one exercise. A file of an earlier version may be without what follows.

    begin      an exercise that this one uses, and that is wrong itself
    unwritten  it was left as it was released
    cause      what went wrong lies in another cell
    """

    told: list[Told]
    begin: str | None
    unwritten: bool
    cause: bool


class _OfSubmission(TypedDict):
    student: str
    unit: str
    digest: str
    status: str
    message: str
    score: float
    max_score: float
    exercises: dict[str, ExerciseVerdict]
    seconds: dict[str, float]
    notes: list[str]


class SubmissionVerdict(_OfSubmission, total=False):
    """What came of a submission; `late` in seconds, `feedback` a digest of the scores that its page shows."""

    late: float
    feedback: str


NOT_RUN = frozenset({"refused", "damaged", "failed"})  # statuses of which no exercise knows anything

VERDICT = {
    "student": str, "unit": str, "digest": str, "status": str, "message": str, "score": int | float, "max_score": int | float,
    "exercises": dict, "seconds": dict, "notes": list,
}  # fmt: skip
EXERCISE = _OfExercise.__required_keys__


def verdict_path(root: Path, unit: str, student: str) -> Path:
    return root / "classroom" / "verdicts" / unit / f"{student}.json"


def write_verdict(root: Path, verdict: SubmissionVerdict) -> None:
    path = verdict_path(root, verdict["unit"], verdict["student"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(verdict, indent=1, ensure_ascii=False) + "\n")


def read_verdict(root: Path, unit: str, student: str) -> SubmissionVerdict | None:
    """None where there is none, or one that another version wrote."""
    return verdict_in(verdict_path(root, unit, student))


def verdict_in(path: Path) -> SubmissionVerdict | None:
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return verdict if _is_verdict(verdict) else None


def _is_verdict(found: Any) -> TypeGuard[SubmissionVerdict]:
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in VERDICT.items()):
        return False
    entries = found["exercises"].values()
    return all(isinstance(entry, dict) and entry.keys() >= EXERCISE for entry in entries) and all(
        isinstance(seconds, int | float) for seconds in found["seconds"].values()
    )


def write_whole(path: Path, text: str) -> None:
    """Complete, or as it was."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
