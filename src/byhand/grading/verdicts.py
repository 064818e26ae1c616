"""What is known of each graded submission: a file of JSON, which the report and the next run read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERDICT = {
    "student": str, "unit": str, "digest": str, "status": str, "message": str, "score": int | float, "max_score": int | float,
    "exercises": dict, "seconds": dict, "notes": list,
}  # fmt: skip
EXERCISE = {"points", "max_points", "right", "mistake", "hint", "failure", "fingerprint"}


def verdict_path(root: Path, unit: str, student: str) -> Path:
    return root / "classroom" / "verdicts" / unit / f"{student}.json"


def write_verdict(root: Path, verdict: Mapping[str, Any]) -> None:
    path = verdict_path(root, verdict["unit"], verdict["student"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(verdict, indent=1, ensure_ascii=False) + "\n")


def read_verdict(root: Path, unit: str, student: str) -> dict[str, Any] | None:
    """None where there is none, or one that another version wrote."""
    return verdict_in(verdict_path(root, unit, student))


def verdict_in(path: Path) -> dict[str, Any] | None:
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return verdict if _is_verdict(verdict) else None


def _is_verdict(found: Any) -> bool:
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in VERDICT.items()):
        return False
    entries = found["exercises"].values()
    return all(isinstance(entry, dict) and entry.keys() >= EXERCISE for entry in entries) and all(
        isinstance(seconds, int | float) for seconds in found["seconds"].values()
    )


def write_whole(path: Path, text: str) -> None:
    """Complete, or as it was."""
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8")
    os.replace(half, path)
