"""Recognise a mistake by its numbers alone.

`mistakes.json` holds, for each known wrong answer, a few projections of every result that it gets wrong, and the hint
of a tutor; and, more compactly, the same for the many answers that the build derives from the solution by changing it in
one place. It holds no code, so it can lie in the student's folder. The numbers, which nobody reads, are packed: a third of
the size.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from byhand.checking.collect import Outcome
from byhand.checking.exercise import Exercise
from byhand.checking.judge import as_numbers, unpack

PROJECTIONS = 3
FEW = 8  # whole numbers that another mistake may give too
MATCH = 1e-7  # of the result's norm; rounding differs between machines by far less, mistakes by far more
NAN, INFINITY = 7.2360679775, 11.0901699437  # in their place: numbers that no result is by chance
LARGEST = 1e100  # beyond it only the sign of an entry counts, so that a norm stays finite


@dataclass(frozen=True)
class Mistake:
    """`wrong` maps each result that the mistake gets wrong to its fingerprint, on the first kind of problem that it gets
    wrong, whose number is `case`. `claims` says that the hint speaks of other results too ("only dW is wrong")."""

    id: str
    hint: str
    wrong: Mapping[str, Any]
    case: int = 0
    claims: bool = False


@dataclass(frozen=True)
class Derived:
    """A mistake that the build derived: for each result, in order, one projection where it is wrong, None where right.

    Before a result's projection stands its shape, where that is wrong too. A few projections tell mistakes apart; of further
    wrong results it is kept only that they are wrong: True.
    """

    hint: int
    case: int
    wrong: Sequence[float | list | bool | None]


@dataclass(frozen=True)
class Known:
    """All mistakes of one exercise that can be recognised. `of` tells what the derived ones were derived from."""

    listed: Sequence[Mistake] = ()
    hints: Sequence[str | Sequence[str]] = ()  # a sentence, or the ids of two listed mistakes made at once
    derived: Sequence[Derived] = field(default=(), repr=False)
    of: str = ""


@dataclass(frozen=True)
class Hint:
    """What a recognised mistake is called, and what the student is told."""

    id: str
    text: str


def fingerprint(exercise: Exercise, outcome: Outcome) -> dict[str, Any]:
    """What identifies the results of a call: JSON values, by name of result."""
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
    flat = np.clip(np.nan_to_num(array.ravel(), nan=NAN, posinf=INFINITY, neginf=-INFINITY), -LARGEST, LARGEST)
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


def compact(exercise: Exercise, wrong: Mapping[str, Any]) -> dict[str, float] | None:
    """One projection of each wrong result; None where one of them is not an array of numbers."""
    if not wrong or not all(isinstance(mark, Mapping) for mark in wrong.values()) or set(wrong) - set(exercise.results):
        return None
    return {name: wrong[name]["projections"][0] for name in wrong}


def load_mistakes(folder: Path | None) -> dict[str, Known]:
    """The mistakes of each exercise; none where the folder has no mistakes.json."""
    path = folder and Path(folder) / "mistakes.json"
    if not path or not path.exists():
        return {}
    return {name: read_known(known) for name, known in json.loads(path.read_text(encoding="utf-8")).items()}


def read_known(text: Mapping[str, Any]) -> Known:
    """What stands in mistakes.json of one exercise."""
    wrong, hints, derived = unpacked(text["packed"])
    return Known(
        [Mistake(**listed, wrong=marks) for listed, marks in zip(text["listed"], wrong, strict=True)],
        hints,
        [Derived(*one) for one in derived],
        text["of"],
    )


def written_known(known: Known) -> dict[str, Any]:
    """What stands in mistakes.json of one exercise."""
    derived = [[d.hint, d.case, d.wrong] for d in known.derived]
    return {
        "of": known.of,
        "listed": [dict(id=m.id, hint=m.hint, case=m.case, claims=m.claims) for m in known.listed],
        "packed": packed([[m.wrong for m in known.listed], known.hints, derived]),
    }


def packed(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))


def recognise(exercise: Exercise, known: Known, case: int, wrong: Mapping[str, Any]) -> list[Hint]:
    """The hints for an answer whose first wrong kind of problem is `case` and gave the marks `wrong` (right results left out).

    A hint that explains all that is wrong comes before those that explain a part of it; a hint that speaks of the other
    results is given only where they are as it says.
    """
    here = [m for m in known.listed if m.case == case]
    if whole := [m for m in here if _same(m.wrong, wrong)]:
        return [Hint(m.id, m.hint) for m in whole[:1]]
    parts = [m for m in here if not m.claims and set(m.wrong) < set(wrong) and _within(m.wrong, wrong)]
    parts = [m for m in parts if not any(set(m.wrong) < set(other.wrong) for other in parts)]
    hints = [Hint(m.id, m.hint) for m in parts]
    if set().union(*(m.wrong for m in parts)) == set(wrong) and wrong:
        return hints
    numbers = {name: mark for name, mark in wrong.items() if name != "arguments"}
    there = [d for d in known.derived if d.case == case]
    if whole := next((d for d in there if _derived(exercise, d, numbers)), None):
        return _hints_of(known, whole)
    return (hints or _of_one_result(exercise, known, there, numbers))[:1]


def _hints_of(known: Known, derived: Derived) -> list[Hint]:
    says = known.hints[derived.hint]
    if isinstance(says, str):
        return [Hint(f"derived-{zlib.crc32(says.encode()):08x}", says)]
    of = {m.id: m.hint for m in known.listed}
    return [Hint(mistake, of[mistake]) for mistake in says]


def _of_one_result(exercise: Exercise, known: Known, there: Sequence[Derived], wrong: Mapping[str, Any]) -> list[Hint]:
    """The hint for the first wrong result by which a derived mistake is known, whatever else is wrong too.

    Several mistakes may give this result the same numbers and another one different ones. Then nothing is said; nor where
    it is all zeros or a few whole numbers, which have many causes. Of two mistakes made at once it is the one that changes
    this result.
    """
    for place, name in enumerate(exercise.results):
        if name not in wrong or not isinstance(wrong[name], Mapping) or _says_little(wrong[name]):
            continue
        alike = [
            d
            for d in there
            if (number := d.wrong[place]) is not None
            and not isinstance(number, bool)
            and _same_number(number, wrong[name])
        ]
        says = {json.dumps(known.hints[d.hint]) for d in alike}
        if len(says) == 1 and all(
            n is None or other in wrong for d in alike for other, n in zip(exercise.results, d.wrong, strict=True)
        ):
            changing = {m.id for m in known.listed if name in m.wrong}
            hints = [h for h in _hints_of(known, alike[0]) if h.id in changing or h.id.startswith("derived-")]
            if len(hints) == 1:
                return hints
    return []


def _says_little(mark: Mapping[str, Any]) -> bool:
    square = mark["projections"][-1] ** 2
    return not square or (math.prod(mark["shape"]) <= FEW and abs(square - round(square)) < 1e-6)


def _same(listed: Mapping[str, Any], wrong: Mapping[str, Any]) -> bool:
    return set(listed) == set(wrong) and _within(listed, wrong)


def _within(listed: Mapping[str, Any], wrong: Mapping[str, Any]) -> bool:
    return all(same_mark(mark, wrong[name]) for name, mark in listed.items())


def _derived(exercise: Exercise, derived: Derived, wrong: Mapping[str, Any]) -> bool:
    for name, number in zip(exercise.results, derived.wrong, strict=True):
        if (number is None) != (name not in wrong):
            return False
        if number is not None and not _same_number(number, wrong[name]):
            return False
    return True


def _same_number(number: float | list | bool, mark: Any) -> bool:
    """Whether a result has the projection `number`, and the shape that may stand before it; True stands for any numbers."""
    if not isinstance(mark, Mapping):
        return False
    if number is True:
        return True
    if isinstance(number, list):
        *shape, number = number
        if shape != mark["shape"]:
            return False
    first, *_, norm = mark["projections"]
    return abs(first - number) <= MATCH * max(abs(norm), 1e-9)
