"""Recognise a known mistake by its numbers alone.

`mistakes.json` holds, for each known wrong answer, a few projections of every result that it gets wrong, and the hint
of a tutor. It holds no code, so it can lie in the student's folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from byhand.checking.collect import Outcome
from byhand.checking.exercise import Exercise
from byhand.checking.judge import as_numbers, unpack

PROJECTIONS = 3
MATCH = 1e-7  # of the result's norm; rounding differs between machines by far less, mistakes by far more


@dataclass(frozen=True)
class Mistake:
    """`wrong` maps each result that the mistake gets wrong to its fingerprint."""

    id: str
    hint: str
    wrong: Mapping[str, Any]


def fingerprint(exercise: Exercise, outcome: Outcome) -> dict[str, Any]:
    """What identifies the results of a call on the visible problem: JSON values, by name of result."""
    marks: dict[str, Any] = {}
    if outcome.failure:
        return {"failure": f"{outcome.failure.kind}: {outcome.failure.message}"}
    if outcome.mutated:
        marks["arguments"] = sorted(outcome.mutated)
    found, trouble = unpack(exercise, outcome)
    if trouble:
        marks["returned"] = trouble
    for name, value in found.items():
        array, says = as_numbers(value)
        marks[name] = says if array is None else {"shape": list(array.shape), "projections": _project(array)}
    return marks


def _project(array: np.ndarray) -> list[float]:
    """Sums of the entries with weights from a closed formula, so that no version of numpy changes them."""
    flat = np.nan_to_num(array.ravel(), nan=7.0, posinf=11.0, neginf=-11.0)
    flat = np.clip(flat, -1e150, 1e150)  # so that their squares can be summed
    scale = float(np.linalg.norm(flat)) or 1.0
    position = np.arange(1, flat.size + 1)
    weights = [np.cos(0.7 + (k + 1) * 1.618033988749895 * position) for k in range(PROJECTIONS - 1)]
    sums = [float(w @ flat) for w in weights] + [scale if flat.any() else 0.0]
    # Ten digits of the whole, so that rounding below them never shows in the file.
    digits = 10 - int(np.floor(np.log10(scale)))
    return [round(s, digits) + 0.0 for s in sums]


def same_mark(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        p, q = np.array(a["projections"]), np.array(b["projections"])
        return a["shape"] == b["shape"] and bool((np.abs(p - q) <= MATCH * max(abs(q[-1]), 1e-9)).all())
    return a == b


def load_mistakes(folder: Path) -> dict[str, list[Mistake]]:
    """The mistakes of each exercise; none where the folder has no mistakes.json."""
    path = Path(folder) / "mistakes.json"
    if not path.exists():
        return {}
    return {name: [Mistake(**m) for m in ms] for name, ms in json.loads(path.read_text()).items()}


def recognise(mistakes: Sequence[Mistake], marks: Mapping[str, Any]) -> list[Mistake]:
    """The mistakes whose every wrong result is also this one; a mistake that another one contains is left out."""
    hits = [
        m for m in mistakes if all(name in marks and same_mark(mark, marks[name]) for name, mark in m.wrong.items())
    ]
    return [m for m in hits if not any(set(m.wrong) < set(other.wrong) for other in hits)]
