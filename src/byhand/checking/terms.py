"""Say which term of a sum is wrong, from the numbers of an answer alone, however it was written.

A pre-activation, a delta, a gradient over several routes is a sum of named terms. Where `reference.py` gives the terms, an
answer is decomposed: which coefficients make it? A coefficient of 0 is a term that is missing, of 2 one that is counted
twice; a foreign term is one that students put in by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

FITS = 1e-7  # the largest share of the size that a decomposition may leave over


@dataclass(frozen=True)
class Terms:
    """A result as `outside(sum of parts)`.

    parts    label -> array of the result's shape.
    through  the inverse of what is done to the sum: `np.arctanh` where the result is its tanh, `logit` where it is its
             sigmoid. None where nothing is. A function of numpy or of this module, since problems travel between processes.
    foreign  label -> array: what does not belong into the sum and comes in by mistake.
    """

    parts: Mapping[str, np.ndarray]
    through: Callable[[np.ndarray], np.ndarray] | None = None
    foreign: Mapping[str, np.ndarray] = field(default_factory=dict)


def logit(s: np.ndarray) -> np.ndarray:
    """The inverse of the sigmoid."""
    return np.log(s) - np.log1p(-s)


def about_terms(name: str, array: np.ndarray, terms: Terms) -> str:
    """A sentence on what is wrong with the sum, or '' where it is no sum of these terms."""
    with np.errstate(all="ignore"):
        target = terms.through(array) if terms.through else array
    parts = {label: np.broadcast_to(part, target.shape) for label, part in terms.parts.items()}
    coefficients = _decompose(target, parts)
    if coefficients is not None:
        return _sentence(name, coefficients, parts)
    for label, part in terms.foreign.items():
        coefficients = _decompose(target, {**parts, label: np.broadcast_to(part, target.shape)})
        if coefficients is not None:
            return _sentence(name, coefficients, parts)
    return ""


def _decompose(target: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, float] | None:
    """The coefficients with which the parts add up to the target; None where they do not, or where they are not unique."""
    matrix = np.stack([part.ravel() for part in parts.values()], axis=1)
    kept = np.isfinite(target.ravel()) & np.isfinite(matrix).all(axis=1)
    matrix, wanted = matrix[kept], target.ravel()[kept]
    if len(wanted) < 2 * matrix.shape[1]:
        return None
    size = np.linalg.norm(matrix, axis=0)
    if not size.all():
        return None
    found, _, rank, _ = np.linalg.lstsq(matrix / size, wanted, rcond=1e-10)
    if rank < matrix.shape[1]:
        return None
    left = np.abs(matrix / size @ found - wanted).max()
    if left > FITS * max(np.abs(wanted).max(), np.abs(matrix).max()):
        return None
    return dict(zip(parts, np.round(found / size, 6), strict=True))


def _sentence(name: str, coefficients: Mapping[str, float], parts: Mapping[str, np.ndarray]) -> str:
    wrong = {label: c for label, c in coefficients.items() if c != (1 if label in parts else 0)}
    says = [_about(label, c, label in parts) for label, c in wrong.items()]
    if not says or len(says) > 2:
        return ""
    return f"In the sum that gives {name}, {' and '.join(says)}."


def _about(label: str, coefficient: float, own: bool) -> str:
    if not own:
        sign = "" if coefficient > 0 else ", with a minus sign"
        return f"the term {label} has come in, which does not belong there{sign}"
    match coefficient:
        case 0:
            return f"the term {label} is missing"
        case -1:
            return f"the term {label} has the wrong sign"
        case 2:
            return f"the term {label} is counted twice"
    return f"the term {label} is {coefficient:g} times as large as it should be"
