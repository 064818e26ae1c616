"""What crosses between a student's process and the grader: lines of JSON, and values in a form that runs no code.

From the grader to the student anything may be pickled. From the student to the grader nothing is: what comes is data of a
few kinds, each checked, and an object of any other kind arrives as its type's name alone.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from byhand.checking.collect import Failure, Outcome, _same
from byhand.grading.clean import taken_in
from byhand.grading.limits import (
    DEEPEST,
    LARGEST_ARRAY,
    LONGEST_QUOTE,
    LONGEST_WARNING,
    LONGEST_WORD,
    MOST_ITEMS,
    MOST_KEYS,
    SHORTEST_WORD,
)

KIND = re.compile(r"[<>|=]?[biufc]\d{1,2}")  # numpy's name of a kind of number, with its bytes


class WireError(ValueError):
    """What came is not what a student's process sends. Someone has tampered with it."""


def encode(value: Any, depth: int = 0) -> Any:
    """JSON for what a student's function returned. Runs beside the student's code."""
    kind = type(value)
    if value is None or kind in (bool, float):
        return value
    if kind is int:
        return value if abs(value) < 2**63 else {"array": ["O", []]}
    if kind is str:
        return {"text": value[:LONGEST_QUOTE]}
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value).view(np.ndarray)
        if array.nbytes > LARGEST_ARRAY:  # also where it takes no memory, as a view of one number
            return {"object": [f"array of shape {array.shape}", "numpy"]}
        if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
            return {"array": [array.dtype.kind, list(array.shape)]}
        plain = np.ascontiguousarray(array).reshape(array.shape).astype(array.dtype.newbyteorder("<"), copy=False)
        data = base64.b64encode(plain.tobytes()).decode()
        return {"array": [plain.dtype.str, list(plain.shape), data], "scalar": isinstance(value, np.generic)}
    if depth < DEEPEST and isinstance(value, (list, tuple)) and len(value) <= MOST_ITEMS:
        return {"tuple" if isinstance(value, tuple) else "list": [encode(v, depth + 1) for v in value]}
    if depth < DEEPEST and isinstance(value, Mapping) and len(value) <= MOST_KEYS:
        return {"dict": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]}
    return {"object": [kind.__name__, kind.__module__]}


def decode(sent: Any) -> Any:
    """What `encode` was given, in plain kinds. Raises WireError for anything else."""
    if sent is None or isinstance(sent, (bool, int, float)):
        return sent
    match sent:
        case {"text": str(text)}:
            return taken_in(text, LONGEST_QUOTE)
        case {"array": [str(kind), list()]}:
            return np.empty(0, object) if kind == "O" else np.empty(0, "U1")
        case {"array": [str(kind), list(shape), str(data)], **more}:
            array = _array(kind, shape, data)
            return array[()] if more.get("scalar") and not shape else array
        case {"list": list(items)} | {"tuple": list(items)} if len(items) > MOST_ITEMS:
            raise WireError(f"a list with {len(items)} entries")
        case {"list": list(items)}:
            return [_entry(item) for item in items]
        case {"tuple": list(items)}:
            return tuple(_entry(item) for item in items)
        case {"dict": list(pairs)}:
            if len(pairs) > MOST_KEYS:  # they can be such that to find one takes as long as to go through all
                raise WireError(f"a dict with {len(pairs)} keys")
            try:
                return {decode(key): decode(value) for key, value in pairs}
            except (TypeError, ValueError) as error:
                raise WireError(f"no dict: {error}") from None
        case {"object": [str(name), str(module)]}:
            return _named(taken_in(name, LONGEST_WORD) or "object", taken_in(module, LONGEST_WORD))()
    raise WireError("a value of no known kind")


def _entry(sent: Any) -> Any:
    """One of many. Of texts numpy makes an array with as much room for each as the longest needs: the beginning is enough."""
    value = decode(sent)
    return value[:SHORTEST_WORD] if isinstance(value, str) else value


@lru_cache(maxsize=1000)
def _named(name: str, module: str) -> type:
    """An empty type of that name: all that a report says of an object."""
    return type(name, (), {"__module__": module})


def _array(kind: str, shape: list, data: str) -> np.ndarray:
    try:
        if not KIND.fullmatch(kind):
            raise ValueError("an array of no such kind")
        dtype = np.dtype(kind)
        raw = base64.b64decode(data, validate=True)
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"an array of shape {shape}")
        return np.frombuffer(raw, dtype).reshape(shape).copy()
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(str(error)) from None


def encode_outcome(outcome: Outcome) -> dict:
    """JSON for what one call gave. An object that breaks when it is looked at counts as a failure of the student's code."""
    failure = outcome.failure
    try:
        returned = encode(outcome.returned)
    except Exception as error:
        returned, failure = None, Failure(type(error).__name__, str(error), "")
    return {
        "returned": returned,
        "failure": failure
        and {
            "texts": [str(t)[:LONGEST_QUOTE] for t in (failure.kind, failure.message, failure.where)],
            "told": failure.told,
        },
        "warned": [str(w)[:LONGEST_QUOTE] for w in outcome.warned],
    }


def encode_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON for the arguments of a call. One in which there is suddenly more than an argument holds is sent as an object."""
    sent = {}
    for name, value in values.items():
        try:
            sent[name] = encode(value)
            if len(json.dumps(sent[name])) > LARGEST_ARRAY // 16:
                raise ValueError("too large")
        except Exception as error:
            sent[name] = {"object": [type(error).__name__, ""]}
    return sent


def comparable(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Those arguments of which it can be told from outside whether they have changed: no objects in them."""
    return {name: value for name, value in sent.items() if _equal(value, value)}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments that did not come back as they went."""
    return tuple(
        name
        for name, value in before.items()
        if name not in after or (value != after[name] and not _equal(value, after[name]))
    )


def _equal(one: Any, other: Any) -> bool:
    try:
        return _same(decode(one), decode(other))
    except TypeError:  # arrays of objects
        return False


def decode_outcome(sent: Any, before: Mapping[str, Any], after: Any) -> Outcome:
    """What one call gave; `before` and `after` are its arguments by `encode_arguments`."""
    if not isinstance(after, dict):
        raise WireError("no arguments")
    match sent:
        case {
            "returned": returned,
            "failure": None | {"texts": [str(), str(), str()], "told": bool()} as failure,
            "warned": list(warned),
        }:
            if not all(isinstance(t, str) for t in warned):
                raise WireError("an outcome with no text where text should be")
            failed = None
            if failure:
                kind, message, where = (taken_in(t, LONGEST_QUOTE) for t in failure["texts"])
                failed = Failure(kind, message, where, failure["told"])
            warnings = tuple(taken_in(t, LONGEST_WARNING) for t in warned[:5])
            return Outcome(decode(returned), failed, changed(before, after), warnings)
    raise WireError("no outcome")


def line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
