"""Compare what a function returned with the right answer: kind, shape, finiteness, value. Runs no student code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from byhand.checking.collect import Outcome
from byhand.checking.exercise import Exercise, Problem, Solved
from byhand.checking.signatures import about_shape, axis_called, close, signature
from byhand.checking.terms import about_terms

# A result agrees when its largest error is below this share of the right answer's largest entry.
TOLERANCE = 1e-8
# Rounder, and right too: something was computed in single precision on the way, or all of it was.
TOLERANCE_SINGLE_INSIDE, TOLERANCE_SINGLE = 1e-6, 1e-5
# Where the right entries are all (nearly) zero, errors are measured against this instead.
SMALLEST_SCALE = 1e-6
# Where each entry is measured against itself, entries below this share of the largest count as zeros.
SMALLEST_SHARE = 1e-14
TO_SINGLE = "to single precision; what builds on it needs float64"


class Words(NamedTuple):
    """What is to be said of a result.

    says    what is wrong, or a note on what is right.
    detail  the largest difference, in numbers.
    named   whether `says` names the mistake, and not only its place.
    """

    says: str = ""
    detail: str = ""
    named: bool = False


@dataclass(frozen=True)
class Row:
    """The verdict on one named quantity of one problem. `words` are found when they are asked for: grading needs few of them."""

    name: str
    right: bool
    shape: tuple[int, ...] | None = None
    error: float | None = None  # largest error, relative to the largest right entry
    words: Callable[[], Words] = Words
    infinite: bool = False

    @cached_property
    def _found(self) -> Words:
        return self.words()

    @property
    def says(self) -> str:
        return self._found.says

    @property
    def named(self) -> bool:
        return self._found.named

    @property
    def told(self) -> str:
        return "; ".join(text for text in self._found[:2] if text)


@dataclass(frozen=True)
class Verdict:
    """All that can be said about one call, quantity by quantity."""

    problem: Problem
    rows: tuple[Row, ...]
    trouble: str = ""  # what went wrong with the call as a whole
    terms: str = ""  # what is wrong with the sum that the first wrong result is
    told: bool = False  # whether the trouble is named, and not only where Python stopped

    @property
    def right(self) -> bool:
        return not self.trouble and all(row.right for row in self.rows)

    @property
    def named(self) -> bool:
        """Whether it names a mistake, and not only its place."""
        return self.told or any(row.named for row in self.rows)


def judge(exercise: Exercise, solved: Solved, outcome: Outcome) -> Verdict:
    """Compare every named result with the answer; all are judged, not only up to the first that is wrong."""
    found, trouble = unpack(exercise, outcome)
    rows = [
        _judge_one(name, found[name], exercise, solved) if name in found else Row(name, False)
        for name in exercise.results
    ]
    if outcome.mutated:
        changed = ", ".join(outcome.mutated)
        says = (
            f"your function changed its argument {changed}. Whoever called it still needs the old values: "
            "work on a copy, or write x = x + y instead of x += y."
        )
        rows.append(Row("arguments", False, words=partial(Words, says, named=True)))
    told = bool(trouble) and (outcome.failure is None or outcome.failure.told)
    return Verdict(solved.problem, tuple(rows), trouble, _about_terms(rows, found, solved), told)


# What numpy warns of -> what has happened, where a result is not finite.
OVERFLOWS = {
    "overflow encountered in exp": "An exponential has overflowed: exp of anything above 709.8 is infinite. Can the same be "
    "written so that no large positive number is exponentiated?",
    "divide by zero encountered in log": "The logarithm of an exact 0 was taken. A probability that is too small for a float "
    "becomes 0: if it is one, take the logarithm on paper first, so that no such probability is ever computed.",
    "invalid value encountered in log": "The logarithm of a negative number was taken. Which quantity here can be negative?",
    "invalid value encountered in sqrt": "The square root of a negative number was taken. Which quantity here can be negative?",
    "divide by zero encountered in divide": "Something was divided by an exact 0. Which quantity can be 0 here, and what is asked then?",
    "invalid value encountered in divide": "0 was divided by 0, or infinity by infinity. Which quantity can become that here?",
}


def about_overflow(verdict: Verdict, outcome: Outcome) -> str:
    """A sentence where a result is not finite and numpy has said why; '' elsewhere."""
    if verdict.right or not any(row.infinite for row in verdict.rows):
        return ""
    return next((text for warning, text in OVERFLOWS.items() if any(warning in w for w in outcome.warned)), "")


def _about_terms(rows: Sequence[Row], found: Mapping[str, Any], solved: Solved) -> str:
    for row in rows:
        if not row.right and row.name in solved.terms and row.error is not None:
            array, _ = as_numbers(found[row.name])
            if array is not None and (says := about_terms(row.name, array, solved.terms[row.name])):
                return says
    return ""


def unpack(exercise: Exercise, outcome: Outcome) -> tuple[dict[str, Any], str]:
    """The named results of a call, and a sentence where they could not all be had."""
    names = list(exercise.results)
    if outcome.failure:
        failure = outcome.failure
        where = f" ({failure.where})" if failure.where else ""
        if failure.unwritten:
            return {}, f"Not written yet: replace `raise NotImplementedError()` by your answer{where}."
        if failure.kind == "NotByHand":
            return {}, failure.message[:1].upper() + failure.message[1:] + where
        if failure.told:
            return {}, f"The check stopped: {failure.message}{where}"
        return {}, f"Your code stopped with {failure.kind}: {failure.message}{where}"
    returned = outcome.returned
    wanted = f"a dict with the keys {', '.join(names)}" if exercise.as_dict else ", ".join(names)
    if returned is None:
        return {}, f"Your function returned None: does it end with a return? It should return {wanted}."
    if exercise.as_dict:
        if not isinstance(returned, Mapping):
            return {}, f"Your function returned {_kind(returned)}; it should return {wanted}."
        missing = [name for name in names if name not in returned]
        found = {name: returned[name] for name in names if name in returned}
        return found, f"The dict that you return lacks {', '.join(missing)}." if missing else ""
    if len(names) == 1:
        if isinstance(returned, tuple) and len(returned) == 1:
            returned = returned[0]
        return {names[0]: returned}, ""
    if isinstance(returned, np.ndarray) and returned.ndim and len(returned) == len(names):
        returned = list(returned)  # one stacked array, which unpacks into the results
    if not isinstance(returned, (tuple, list)) or len(returned) != len(names):
        many = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else _kind(returned)
        return {}, f"Your function returned {many}; it should return {len(names)}, in this order: {wanted}."
    return dict(zip(names, returned, strict=True)), ""


def _judge_one(name: str, value: Any, exercise: Exercise, solved: Solved) -> Row:
    reference = np.asarray(solved.answer[name])
    array, note = as_numbers(value)
    if array is None:
        return Row(name, False, words=partial(Words, note))
    if array.shape != reference.shape:
        fits = about_shape(array, reference, solved.problem)
        says = f"has shape {array.shape}, expected {reference.shape}" + (f": {fits}" if fits else "")
        named = bool(fits) and reference.ndim > 0
        return Row(name, False, array.shape, words=partial(Words, says, named=named))
    if not np.isfinite(array).all():
        first = np.unravel_index(np.argmin(np.isfinite(array)), array.shape)
        at = f" at index {_index(first)}" if array.ndim else ""
        says = f"{array[first]}{at}: {_about_nonfinite(array)}"
        return Row(name, False, array.shape, words=partial(Words, says), infinite=True)
    size = max(np.abs(reference).max(initial=0.0), SMALLEST_SCALE, solved.scales.get(name, 0.0))
    if name in exercise.elementwise:
        size = np.maximum(np.abs(reference), SMALLEST_SHARE * size)
    with np.errstate(over="ignore", invalid="ignore"):  # a result of 1e300 is wrong, and no more
        gap = np.abs(array - reference) / size
    error = float(gap.max(initial=0.0))
    single = np.asarray(value).dtype in (np.float32, np.float16)
    rounder = TOLERANCE_SINGLE if single else TOLERANCE_SINGLE_INSIDE
    if error <= (rounder if exercise.single else TOLERANCE):
        notes = [note] * bool(note) + [TO_SINGLE] * (error > TOLERANCE)
        return Row(name, True, array.shape, error, partial(Words, "; ".join(notes)))
    return Row(name, False, array.shape, error, partial(_words, name, value, array, gap, exercise, solved))


def _words(name: str, value: Any, array: np.ndarray, gap: np.ndarray, exercise: Exercise, solved: Solved) -> Words:
    reference = np.asarray(solved.answer[name])
    named = _about_value(name, array, reference, exercise, solved, value)
    step = _first_step(name, gap, exercise)
    says = named + (step if not named or "right" in "".join(step) else []) + _where(name, gap, exercise, solved.problem)
    return Words("; ".join(says), _largest(array, reference, gap, exercise.judge), bool(named))


def as_numbers(value: Any) -> tuple[np.ndarray | None, str]:
    """`value` as a float64 array, and a note where another kind would be better; None and the reason where it is none."""
    if value is None:
        return None, "is None, not an array"
    if type(value).__module__.split(".")[0] == "torch":
        return None, "is a torch tensor; this exercise is written in numpy"
    note = ""
    if isinstance(value, (list, tuple)):
        make = "np.stack" if any(isinstance(v, np.ndarray) for v in value) else "np.array"
        note = f"a {type(value).__name__}; {make} makes an array of it"
        try:
            value = np.array(value)
        except ValueError:
            return None, f"is a {type(value).__name__} whose entries have different shapes, not an array"
    if not isinstance(value, (np.ndarray, np.generic, int, float)):
        return None, f"is {_kind(value)}, not an array of numbers"
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        return None, f"holds values of dtype {array.dtype}, not real numbers"
    return np.array(array, dtype=np.float64, subok=False), note


def _about_nonfinite(array: np.ndarray) -> str:
    if np.isnan(array).any():
        return "not a number (0/0, inf - inf, or the logarithm of a negative number)"
    return "infinite (an overflow, a division by 0, or log(0))"


def _about_value(name, array, reference, exercise, solved, value) -> list[str]:
    """What names the mistake, from the numbers of one result alone."""
    if np.asarray(value).dtype.kind in "iu" and close(np.trunc(reference), array):
        return ["the decimals are cut off: the array holds integers, allocate it with floats"]
    says = signature(name, array, reference, exercise, solved.problem, solved.answer)
    return [says] if says else []


def _largest(array: np.ndarray, reference: np.ndarray, gap: np.ndarray, who: str) -> str:
    worst = np.unravel_index(np.argmax(gap), gap.shape)
    at = f" at index {_index(worst)}" if gap.ndim else ""
    return f"largest difference{at}: yours {array[worst]:.6g}, {who} {reference[worst]:.6g}"


def _first_step(name: str, gap: np.ndarray, exercise: Exercise) -> list[str]:
    """Where in time a sequence goes wrong, counted as in the articles, from t = 1."""
    if name not in exercise.forward and name not in exercise.backward:
        return []
    steps = len(gap)
    wrong = np.flatnonzero(gap.reshape(steps, -1).max(axis=1, initial=0.0) > TOLERANCE)
    if len(wrong) == steps:
        return ["wrong at every time step"] if steps > 1 else []
    if name in exercise.forward:
        return (
            [f"right up to t = {wrong[0]}, first wrong at t = {wrong[0] + 1} of {steps}"]
            if wrong[0]
            else [f"wrong from the first step, t = 1 of {steps}"]
        )
    last = wrong[-1] + 1
    if last == steps:
        return [f"already wrong at the last step, t = {steps}, where the backward pass begins"]
    return [f"going backward, right down to t = {last + 1}, first wrong at t = {last} of {steps}"]


def _where(name: str, gap: np.ndarray, exercise: Exercise, problem: Problem) -> list[str]:
    """The part of an array that alone is wrong: one sequence, one row, half of the units."""
    says, wrong = [], gap > TOLERANCE
    in_time = name in exercise.forward or name in exercise.backward
    for axis, length in enumerate(gap.shape):
        entries = np.flatnonzero(wrong.any(axis=tuple(k for k in range(gap.ndim) if k != axis)))
        if 0 < len(entries) < length and not (in_time and axis == 0):
            along = f" along {axis_called(length, axis, problem)}" if gap.ndim > 1 else f" of {length}"
            says.append(f"only in {_entries(entries)}{along}")
    return says


def _entries(entries: np.ndarray) -> str:
    first, last = int(entries[0]), int(entries[-1])
    if len(entries) == 1:
        return f"entry {first}"
    if last - first + 1 == len(entries):
        return f"entries {first} to {last}"
    return f"entries {', '.join(str(int(e)) for e in entries[:6])}{' …' if len(entries) > 6 else ''}"


def _index(index) -> str:
    return "[" + ", ".join(str(int(i)) for i in index) + "]"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    name = type(value).__name__
    return f"{'an' if name[:1] in tuple('aeiou') else 'a'} {name}"
