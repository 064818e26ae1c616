"""The right answers to the public problems, kept with the unit in `answers.npz`, so that checks need no torch.

The build asks `reference.py` once and writes what it says; where torch is installed a check asks it itself, and a test sees
that both agree. The file holds numbers alone: an array for each exercise, and an index of what stands where in it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from byhand.checking.terms import Terms, logit

if TYPE_CHECKING:
    from byhand.checking.exercise import Solved

FILE = "answers.npz"
INDEX = "index of the file"  # no exercise's name, since a function's name has no spaces


INVERSES = {function.__name__: function for function in (np.arctanh, logit)}  # what `Terms.through` may be


def answers_bytes(solved: Mapping[str, Sequence[Solved]]) -> bytes:
    """The file, for each exercise of a unit from its solved kinds of problem. Raises ValueError where it cannot hold one."""
    index, arrays = {}, {}
    for name, kinds in solved.items():
        index[name], found = [], []
        for kind in kinds:
            answer = {result: _put(found, array) for result, array in kind.answer.items()}
            index[name].append([answer, {result: _put_terms(found, terms) for result, terms in kind.terms.items()}])
        arrays[name] = np.concatenate(found) if found else np.zeros(0)
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":")).encode()
    file = io.BytesIO()
    np.savez_compressed(file, **{INDEX: np.frombuffer(text, np.uint8)}, **arrays)
    return file.getvalue()


def read_answers(file: Path, name: str) -> list[tuple[dict[str, np.ndarray], dict[str, Terms]]]:
    """For each kind of problem of an exercise the right answer and the terms of its sums.

    Raises FileNotFoundError where there is no such file, KeyError where it knows no such exercise.
    """
    with np.load(file, allow_pickle=False) as stored:
        index, numbers = json.loads(stored[INDEX].tobytes())[name], _Numbers(stored[name])
    return [
        (
            {result: numbers.take(shape) for result, shape in answer.items()},
            {result: _take_terms(numbers, terms) for result, terms in sums.items()},
        )
        for answer, sums in index
    ]


def same_answers(a: bytes, b: bytes) -> bool:
    """Whether two such files say the same; their numbers may differ by rounding, which depends on the processor."""
    with np.load(io.BytesIO(a)) as one, np.load(io.BytesIO(b)) as other:
        if set(one) != set(other) or one[INDEX].tobytes() != other[INDEX].tobytes():
            return False
        return all(one[k].shape == other[k].shape and np.allclose(one[k], other[k], 1e-6, 1e-9, True) for k in one)


class _Numbers:
    """Arrays out of one long row of numbers."""

    def __init__(self, row: np.ndarray) -> None:
        self.row, self.at = row, 0

    def take(self, shape: Sequence[int]) -> np.ndarray:
        start, self.at = self.at, self.at + int(np.prod(shape))
        return self.row[start : self.at].reshape(shape)


def _put(found: list[np.ndarray], array: Any) -> tuple[int, ...]:
    array = np.asarray(array, dtype=np.float64)
    found.append(array.ravel())
    return array.shape


def _put_terms(found: list[np.ndarray], terms: Terms) -> list:
    through = terms.through and terms.through.__name__
    if through and INVERSES.get(through) is not terms.through:
        raise ValueError(f"Terms go through {through}, which is none of {', '.join(INVERSES)} of {__name__}.")
    sums = [{label: _put(found, part) for label, part in kind.items()} for kind in (terms.parts, terms.foreign)]
    return [through, *sums]


def _take_terms(numbers: _Numbers, terms: list) -> Terms:
    through, *sums = terms
    parts, foreign = ({label: numbers.take(shape) for label, shape in kind.items()} for kind in sums)
    return Terms(parts, INVERSES.get(through), foreign)
