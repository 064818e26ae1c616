"""What crosses from a student's process: numbers come through unchanged, objects come as their name, and nothing runs."""

import json

import numpy as np
import pytest

from byhand.checking.collect import Failure, Outcome
from byhand.checking.judge import as_numbers
from byhand.grading.wire import (
    WireError,
    changed,
    comparable,
    decode,
    decode_outcome,
    encode,
    encode_arguments,
    encode_outcome,
)


class Runs:
    """Would tell if it were looked at."""

    def __getattribute__(self, name):
        raise RuntimeError("it was looked at")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0)[::-2],
        np.arange(6, dtype=">i4"),
        np.float32([1.5, np.nan, np.inf]),
        np.array(2.5),
        np.empty((0, 4)),
        np.array([True, False]),
    ],
)
def test_an_array_comes_through_unchanged(array):
    back = decode(encode(array))
    assert back.shape == array.shape and back.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("value", [None, True, 3, -2.5, "text", (1, [2.0, None]), {"a": (1, 2), 3: [4]}, np.float64(2)])
def test_plain_values_come_through_with_their_kinds(value):
    back = decode(encode(value))
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, lambda: 0, 1j, np.array([object()]), np.array(["a"]), np.array([1j]), 10**30]
)
def test_the_judge_says_of_anything_else_that_it_is_no_number(value):
    array, says = as_numbers(decode(encode(value)))
    assert array is None and says
    assert says.split("holds")[0] == as_numbers(value)[1].split("holds")[0]


def test_an_object_that_breaks_when_looked_at_is_a_failure_of_the_students():
    back = decode_outcome(encode_outcome(Outcome([Runs()])), {}, {})
    assert back.returned is None and (back.failure.kind, back.failure.message) == ("RuntimeError", "it was looked at")


def test_an_outcome_comes_through():
    outcome = Outcome(np.ones(3), None, (), ("overflow",))
    back = decode_outcome(encode_outcome(outcome), {}, {})
    assert back.mutated == () and back.warned == ("overflow",)
    failed = Outcome(failure=Failure("ValueError", "no", "in f, line 1", told=True))
    assert decode_outcome(encode_outcome(failed), {}, {}) == failed


def test_the_judge_sees_for_itself_which_arguments_were_changed():
    def arguments():
        return {
            "x": np.array([1.0, np.nan, -0.0]), "params": {"W": np.ones(2)}, "graph": {"a": [("b", 0.5)], "b": []},
            "n": 3, "rng": np.random.RandomState(0), "words": ["a", "b"], "objects": np.array([None, 1]),
        }  # fmt: skip

    before = comparable(encode_arguments(arguments()))
    after = arguments()
    assert "objects" not in before and changed(before, encode_arguments(after)) == ()
    after["rng"].normal()  # using it is what it is for
    after["x"] += 0.0
    assert changed(before, encode_arguments(after)) == ()
    after["x"][0] = 2
    after["params"]["W"][1] = 2
    after["graph"]["b"].append(("a", Runs()))
    after["words"] += ["c" * 100] * 100_000
    sent = encode_arguments(after)
    assert changed(before, sent) == ("x", "params", "graph", "words")
    assert len(json.dumps(sent)) < 10_000
    del sent["n"]
    assert "n" in changed(before, sent)


@pytest.mark.parametrize(
    "sent",
    [
        {"array": ["O", [1], ""]},
        {"array": ["<f8", [10**12], "AAAA"]},
        {"array": ["<f8", [-1], ""]},
        {"array": ["nonsense", [1], ""]},
        {"pickle": "gASVAAAA"},
        {"dict": [[[1], 2]]},
        {"list": [{"list": {"list": 1}}]},
        "bare text",
    ],
)
def test_what_nobody_would_send_is_refused(sent):
    with pytest.raises(WireError):
        decode(sent)


def test_what_would_be_slow_to_take_apart_is_not():
    """A honest answer of that size comes as its type's name; whoever forges one has tampered."""
    many = [0.0] * 20_001
    assert "list" in as_numbers(decode(encode(many)))[1]
    keys = {k * (2**61 - 1): 0 for k in range(1001)}  # with one hash for all
    assert "dict" in as_numbers(decode(encode(keys)))[1]
    for forged in ({"list": many}, {"dict": [[k, 0] for k in keys]}, {"array": ["f," * 2000 + "f", [1], ""]}):
        with pytest.raises(WireError):
            decode(forged)


def test_of_texts_in_a_list_their_beginning_comes():
    assert decode(encode(["x" * 2000, "a", 1.0])) == ["x" * 8, "a", 1.0]
