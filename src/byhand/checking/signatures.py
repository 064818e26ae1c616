"""What the numbers of one wrong result alone tell of the mistake, in every exercise: a factor, a term, an order, a shape.

Each sentence states what holds for every entry, to rounding. Nothing is said from fewer entries than could show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import Any

import numpy as np

from byhand.checking.exercise import Exercise, Problem

CLOSE = 1e-7  # of the largest right entry
SMALLEST = 1e-6  # the size of right entries that are all (nearly) zero
ENTRIES = 4  # so many different ones are needed to find one number
MOST_ENTRIES = 1000  # along an axis, that are compared one by one

# What students take of a number in one place too few, or in one too many.
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1 minus what is asked": lambda r: 1 - r,
    "the square of what is asked": np.square,
    "the square root of what is asked": np.sqrt,
    "the exponential of what is asked": np.exp,
    "the logarithm of what is asked": np.log,
    "minus the logarithm of what is asked": lambda r: -np.log(r),
    "the reciprocal of what is asked": lambda r: 1 / r,
    "the tanh of what is asked": np.tanh,
    "what is asked before its tanh": np.arctanh,
    "what is asked, without its signs": np.abs,
    "what is asked, with 0 where it is negative": lambda r: np.maximum(r, 0),
}
# A factor that is missing, or one too many, as made from something that the exercise gives.
FACTORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "{}": lambda v: v,
    "1 - {}": lambda v: 1 - v,
    "{0} (1 - {0})": lambda v: v * (1 - v),
    "1 - {}²": lambda v: 1 - v**2,
}


def signature(
    name: str, array: np.ndarray, right: np.ndarray, exercise: Exercise, problem: Problem, answer: Mapping[str, Any]
) -> str:
    """The first sentence that fits a result of the right shape; '' where none does."""
    with np.errstate(all="ignore"):
        return next((says for says in _sentences(name, array, right, exercise, problem, answer) if says), "")


def about_shape(array: np.ndarray, right: np.ndarray, problem: Problem) -> str:
    """What is known of a result whose shape is wrong while its values fit; '' where they don't."""
    if array.shape == right.shape[::-1] and close(array.T, right):
        return "its values are right, transposed"
    if array.size == right.size and close(array.reshape(right.shape), right):
        return "its values are right, in another shape"
    if sorted(array.shape) == sorted(right.shape) and array.ndim <= 4:
        for order in permutations(range(array.ndim)):
            if close(array.transpose(order), right):
                return "its values are right, with the axes in another order"
    for k, length in enumerate(array.shape):
        along = axis_called(length, k, problem)
        if array.size > right.size >= 1:
            if close(_squeezed(array.sum(axis=k), right), right):
                return f"added up over {along} it would be right"
            if close(_squeezed(array.mean(axis=k), right), right):
                return f"averaged over {along} it would be right"
    if (
        array.ndim == right.ndim
        and len(differ := [k for k in range(right.ndim) if array.shape[k] != right.shape[k]]) == 1
    ):
        k, length = differ[0], min(array.shape[differ[0]], right.shape[differ[0]])
        along = axis_called(right.shape[k], k, problem)
        more = array.shape[k] > right.shape[k]
        for which, cut in (("first", slice(None, length)), ("last", slice(-length, None))):
            mine, true = (np.moveaxis(a, k, 0)[cut] for a in (array, right))
            if length and true.any() and close(mine, true):
                return f"the {which} {length} along {along} are right, {'and there are more' if more else 'the others are missing'}"
    for k, length in enumerate(array.shape):
        if not (1 < length <= MOST_ENTRIES and array.size == length * right.size and right.size > 1 and right.any()):
            continue
        entries = [i for i in range(length) if close(_squeezed(array.take(i, axis=k), right), right)]
        if len(entries) == 1:
            return f"it holds more than is asked: entry {entries[0]} along axis {k} alone would be right"
    for k, length in enumerate(right.shape):
        along = axis_called(length, k, problem)
        if 1 < array.size < right.size and length > 1 and array.any():
            for which, entry in (("first", 0), ("last", -1)):
                if close(_squeezed(right.take(entry, axis=k), array), array):
                    return f"it is what is asked in the {which} entry along {along} alone"
            if close(_squeezed(right.sum(axis=k), array), array):
                return f"it is what is asked, added up over {along}, which should stay"
            if close(_squeezed(right.mean(axis=k), array), array):
                return f"it is what is asked, averaged over {along}, which should stay"
    if right.ndim == 0:
        return "a single number is asked"
    return ""


def _squeezed(array: np.ndarray, like: np.ndarray) -> np.ndarray:
    return array.reshape(like.shape) if array.size == like.size else array


def _sentences(name, array, right, exercise, problem, answer) -> Iterator[str]:
    yield _constant_factor(array, right, problem, exercise.judge)
    if not array.any():
        yield "all zeros"
    if name in (*exercise.forward, *exercise.backward) and len(array) > 2:
        if close(array[1:], right[:-1]):
            yield "shifted by one step: what you have at t belongs to t - 1"
        if close(array[:-1], right[1:]):
            yield "shifted by one step: what you have at t belongs to t + 1"
        if close(array[::-1], right):
            yield "the time steps are in reverse order"
    if array.ndim == 2 and array.shape[0] == array.shape[1] and close(array.T, right):
        yield "it is the transpose of what is asked"
    if _many(right):
        for other, value in answer.items():
            if other != name and close(array, np.asarray(value)):
                yield f"it is what {other} should be"
        yield from (f"it is {says}" for says, of in FUNCTIONS.items() if close(array, of(right)))
    yield from _order(array, right, problem)
    if _many(right):
        yield from _terms(array, right, problem)
        yield from _one_number_each(array, right, problem)


def _constant_factor(array: np.ndarray, right: np.ndarray, problem: Problem, who: str) -> str:
    norm = float((right**2).sum())
    ratio = float((array * right).sum()) / norm if norm else 0.0
    if not 1e-12 < abs(ratio) < np.inf or abs(ratio - 1) <= 1e-5 or not close(array, ratio * right):
        return ""
    one, few = array.size == 1, np.count_nonzero(right) == 1
    which = "it is" if one else "every entry is"
    if np.isclose(ratio, -1.0, rtol=1e-9):
        return "it has the wrong sign" if one else "every entry has the wrong sign"
    if few and not np.mod([*array[right != 0], *right[right != 0]], 1).any():
        return ""  # of two small whole numbers one is often twice the other
    counts = {k: v for k, v in problem.sizes.items() if isinstance(v, int) and v > 2}  # 2 is most often another factor
    names = list(counts)
    counts.update({f"{a} · {b}": counts[a] * counts[b] for i, a in enumerate(names) for b in names[i + 1 :]})
    for label, count in counts.items():
        if np.isclose(ratio, count, rtol=1e-9):
            return f"{which} {count} times too large. {label} = {count}: is it a sum where a mean is asked?"
        if np.isclose(ratio, 1 / count, rtol=1e-9):
            return f"{which} {count} times too small. {label} = {count}: is it a mean where a sum is asked?"
    if few and not any(np.isclose(ratio, simple, rtol=1e-9) for simple in (2, 0.5, -2, -0.5)):
        return ""  # any two numbers have a ratio
    whose = "torch's" if who == "torch" else f"that of {who}"
    return f"{which} {ratio:.6g} times {whose}: is a constant factor off?"


def _order(array: np.ndarray, right: np.ndarray, problem: Problem) -> Iterator[str]:
    """The entries along an axis in another order."""
    for k, length in enumerate(right.shape):
        if length < 3:
            continue
        along = "its entries" if right.ndim == 1 else f"along {axis_called(length, k, problem)} its entries"
        if _many(right) and close(np.flip(array, k), right):
            yield f"{along} are in reverse order"
        by = next((s for s in range(1, length) if _many(right) and close(np.roll(array, s, k), right)), 0)
        if by:
            by, way = (by, "early") if by <= length - by else (length - by, "late")
            yield f"{along} stand {by} {'place' if by == 1 else 'places'} too {way}, the ends wrapped round"
        mine, true = (np.moveaxis(a, k, 0).reshape(length, -1) for a in (array, right))
        if (np.ptp(mine, axis=0) == 0).all() and (np.ptp(true, axis=0) > CLOSE * _size(right)).any() and mine.any():
            which = next((i for i in range(length) if close(mine[i], true[i])), None)
            yield f"{along} are all alike" + ("" if which is None else f": each is what belongs to entry {which}")
        if _many(right) and close(mine[1:], true[:-1]):
            yield f"{along} stand one place too late"
        if _many(right) and close(mine[:-1], true[1:]):
            yield f"{along} stand one place too early"
        if close(mine, np.cumsum(true, axis=0)):
            yield f"{along} each hold all those before them too: a sum that is not started anew"
        if close(np.cumsum(mine, axis=0), true):
            yield f"{along} each hold what was added last alone, without the sum so far"
        off = (np.abs(mine - true) > CLOSE * _size(right)).any(axis=1)
        if off.any() and not off.all() and not mine[off].any() and not array.size < ENTRIES:
            at = ", ".join(str(i) for i in np.flatnonzero(off)[:6])
            yield f"{along} are right where anything stands; at {at}{' …' if off.sum() > 6 else ''} there are zeros alone"
        gap = np.abs(mine[:, None] - true[None]).max(axis=2) <= CLOSE * _size(right)
        if (gap.sum(axis=0) == 1).all() and (gap.sum(axis=1) == 1).all():
            yield f"{along} are right, in another order"


def _terms(array: np.ndarray, right: np.ndarray, problem: Problem) -> Iterator[str]:
    """A factor or a term that is missing or too much, where it is something that the exercise gives."""
    given = list(_given(problem.args, right.shape))
    for label, value in given:
        if close(array, np.broadcast_to(value, right.shape)):
            yield f"it is {label} as it was given"
    for label, value in given:
        for pattern, of in FACTORS.items():
            factor = of(value)
            if not np.isfinite(factor).all() or not _differs(factor):
                continue
            if close(array, right * factor):
                yield f"a factor {pattern.format(label)} is too much"
            if close(array * factor, right) and not close(array, right, where=factor != 0):
                yield f"a factor {pattern.format(label)} is missing"
    gap = array - right
    for label, value in given:
        value = np.broadcast_to(value, right.shape)
        norm = float((value**2).sum())
        if not _differs(value) or not norm:
            continue
        times = float((gap * value).sum()) / norm
        if abs(times) * np.abs(value).max() > 1e-5 * _size(right) and close(gap, times * value, size=_size(right)):
            if np.isclose(times, -1, rtol=1e-6):
                yield f"{label} is not added, or taken away once too often"
            elif np.isclose(times, 1, rtol=1e-6):
                yield f"{label} is added once too often, or not taken away"
            else:
                yield f"it is too large by {times:.6g} times {label}, entry for entry"


def _one_number_each(array: np.ndarray, right: np.ndarray, problem: Problem) -> Iterator[str]:
    """One number that is too much, or one factor, in all entries or for each entry of an axis."""
    gap = array - right
    if close(gap, np.full_like(gap, gap.flat[0]), size=_size(right)):
        yield f"every entry is too large by the same number, {gap.flat[0]:.6g}"
    if right.ndim < 2:
        return
    for k, length in enumerate(right.shape):
        rest = right.size // length
        if length < 2 or rest < 3:
            continue
        mine, true = (np.moveaxis(a, k, 0).reshape(length, -1) for a in (array, right))
        if (np.ptp(true, axis=1) <= CLOSE * _size(right)).any():
            continue
        norm = (true**2).sum(axis=1)
        times = (mine * true).sum(axis=1) / np.where(norm, norm, 1)
        several = (
            (np.abs(true) > CLOSE * _size(right)).sum(axis=1) > 1
        ).all()  # of one entry any other one is a multiple
        own = np.ptp(times) > 1e-5 and (np.abs(times - 1) > 1e-9).all()
        if several and own and times.all() and close(mine, times[:, None] * true):
            yield f"each entry along {axis_called(length, k, problem)} is off by a factor of its own and otherwise right"
        plus = (mine - true).mean(axis=1)
        if (np.abs(plus) > CLOSE * _size(right)).all() and close(mine - plus[:, None], true):
            yield f"each entry along {axis_called(length, k, problem)} is off by a number of its own that is added, and otherwise right"


def _given(args: Mapping[str, Any], shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays among the arguments, in dicts and lists too, that fit to the shape, by what a student calls them."""
    for label, value in args.items():
        if isinstance(value, Mapping):
            yield from _given(
                {f'{label}["{key}"]' if isinstance(key, str) else f"{label}[{key}]": v for key, v in value.items()},
                shape,
            )
        elif isinstance(value, (list, tuple)) and all(isinstance(v, np.ndarray) for v in value):
            yield from _given({f"{label}[{i}]": v for i, v in enumerate(value)}, shape)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.ndim and 1 < value.size:
            try:
                fits = np.broadcast_shapes(value.shape, shape) == shape
            except ValueError:
                continue
            if fits and np.isfinite(value).all():
                yield label, value.astype(np.float64)


def _many(array: np.ndarray) -> bool:
    """Whether there are so many different entries that a rule which fits them all is no accident."""
    return array.size >= ENTRIES and len(np.unique(np.round(array / _size(array), 6))) >= ENTRIES


def _differs(array: np.ndarray) -> bool:
    return bool(np.ptp(array) > 1e-6)


def _size(array: np.ndarray) -> float:
    return max(float(np.abs(array).max(initial=0.0)), SMALLEST)


def close(array: np.ndarray, right: np.ndarray, size: float | None = None, where: Any = True) -> bool:
    if array.shape != right.shape or not np.isfinite(right).all():
        return False
    with np.errstate(all="ignore"):
        return bool((np.abs(array - right) <= CLOSE * (size or _size(right))).all(where=where))


def axis_called(length: int, k: int, problem: Problem) -> str:
    """An axis, with the size that is as long, where there is one such: whether it is that one, nobody has said."""
    called = [name for name, size in problem.sizes.items() if size == length and isinstance(size, int)]
    return f"axis {k} (as long as {called[0]} = {length})" if len(called) == 1 else f"axis {k}, of {length}"
