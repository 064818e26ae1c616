"""The sentences that the numbers of one result allow: each where it holds, none where nothing does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byhand.checking import signatures
from byhand.checking.exercise import Exercise, Problem
from byhand.checking.signatures import about_shape, signature

SIZES = {"T": 6, "N": 4, "H": 3, "two": 2}
EXERCISE = Exercise(lambda rng: {}, ["s", "other"], SIZES, forward=["s"])


def world(seed, shape=(6, 4, 3)):
    """A right result, another one, and arguments, all without a relation to each other."""
    rng = np.random.default_rng(seed)
    args = {
        "x": rng.normal(size=shape), "row": rng.normal(size=shape[-1:]), "gates": {"i": rng.uniform(0.1, 0.9, size=shape)},
        "several": [rng.normal(size=shape), rng.normal(size=(2, 2))], "rate": 0.1, "mask": rng.integers(2, size=shape) == 1,
    }  # fmt: skip
    return rng.normal(size=shape), Problem(SIZES, args), {"s": None, "other": rng.normal(size=shape)}


WRONG = {
    "every entry has the wrong sign": lambda r, a, o: -r,
    "every entry is 4 times too large. N = 4: is it a sum": lambda r, a, o: 4 * r,
    "every entry is 24 times too small. T · N = 24: is it a mean": lambda r, a, o: r / 24,
    "every entry is 0.5 times torch's": lambda r, a, o: r / 2,
    "all zeros": lambda r, a, o: 0 * r,
    "what you have at t belongs to t + 1": lambda r, a, o: np.concatenate([r[1:], r[:1]]),
    "the time steps are in reverse order": lambda r, a, o: r[::-1],
    "along axis 2 (as long as H = 3) its entries are in reverse order": lambda r, a, o: r[..., ::-1],
    "along axis 1 (as long as N = 4) its entries stand 1 place too early": lambda r, a, o: np.roll(r, -1, axis=1),
    "along axis 1 (as long as N = 4) its entries are right, in another order": lambda r, a, o: r[:, [2, 1, 0, 3]],
    "along axis 1 (as long as N = 4) its entries stand one place too late": lambda r, a, o: np.concatenate(
        [0 * r[:, :1], r[:, :-1]], axis=1
    ),
    "along axis 1 (as long as N = 4) its entries are all alike: each is what belongs to entry 3": lambda r, a, o: (
        np.repeat(r[:, -1:], 4, axis=1)
    ),
    "along axis 2 (as long as H = 3) its entries each hold all those before them too": lambda r, a, o: np.cumsum(
        r, axis=2
    ),
    "along axis 2 (as long as H = 3) its entries each hold what was added last alone": lambda r, a, o: np.diff(
        r, axis=2, prepend=0
    ),
    "it is what other should be": lambda r, a, o: o["other"],
    "it is 1 minus what is asked": lambda r, a, o: 1 - r,
    "it is the square of what is asked": lambda r, a, o: r**2,
    "it is what is asked, with 0 where it is negative": lambda r, a, o: np.maximum(r, 0),
    "it is x as it was given": lambda r, a, o: a["x"],
    "a factor x is too much": lambda r, a, o: r * a["x"],
    'a factor gates["i"] is missing': lambda r, a, o: r / a["gates"]["i"],
    'a factor gates["i"] (1 - gates["i"]) is missing': lambda r, a, o: r / (a["gates"]["i"] * (1 - a["gates"]["i"])),
    "a factor 1 - row² is too much": lambda r, a, o: r * (1 - a["row"] ** 2),
    "x is added once too often": lambda r, a, o: r + a["x"],
    "several[0] is not added": lambda r, a, o: r - a["several"][0],
    "it is too large by 0.3 times row": lambda r, a, o: r + 0.3 * a["row"],
    "every entry is too large by the same number, 0.25": lambda r, a, o: r + 0.25,
    "each entry along axis 1 (as long as N = 4) is off by a factor of its own": lambda r, a, o: (
        r * np.array([1.5, 2, 5, 0.3])[:, None]
    ),
    "each entry along axis 2 (as long as H = 3) is off by a number of its own": lambda r, a, o: (
        r + np.array([1, 2, -0.3])
    ),
}


@pytest.mark.parametrize("says", WRONG)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_mistake_is_named_whatever_the_numbers_are(says, seed):
    right, problem, answer = world(seed)
    wrong = WRONG[says](right, problem.args, answer)
    assert says in signature("s", wrong, right, EXERCISE, problem, answer)


@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(6, 4, 3), (4, 3), (3,), (4, 4), (1, 3), (6, 1), (2, 2), (1,), ()]),
)
@settings(max_examples=200, deadline=None)
def test_of_numbers_without_a_relation_nothing_is_said(seed, shape):
    right, problem, answer = world(seed, shape or (1,))
    rng = np.random.default_rng([seed, 1])
    right, wrong = right.reshape(shape), rng.normal(size=shape)
    name = "s" if len(shape) == 3 else "single"
    assert signature(name, wrong, right, EXERCISE, problem, answer) == ""
    # Whole numbers agree by accident: neither may a few zeros and ones, nor infinite ones, be taken for a rule.
    whole = np.round(right), np.round(wrong)
    if not np.array_equal(*whole) and whole[1].any():
        assert "as it was given" not in signature(name, whole[1], whole[0], EXERCISE, problem, answer)


MISSHAPEN = {
    "its values are right, transposed": lambda r: r.T,
    "its values are right, in another shape": lambda r: r.reshape(-1),
    "added up over axis 3 (as long as two = 2) it would be right": lambda r: np.stack([0.3 * r, 0.7 * r], axis=-1),
    "added up over axis 0 (as long as T = 6), which should stay": lambda r: r.sum(axis=0),
    "averaged over axis 1 (as long as N = 4), which should stay": lambda r: r.mean(axis=1),
    "in the last entry along axis 0 (as long as T = 6) alone": lambda r: r[-1],
    "the first 6 along axis 0 (as long as T = 6) are right, and there are more": lambda r: np.concatenate([r, r[:1]]),
    "the last 3 along axis 1 (as long as N = 4) are right, the others are missing": lambda r: r[:, 1:],
    "entry 1 along axis 1 alone would be right": lambda r: np.stack([r + 1, r], axis=1),
    "in the first entry along axis 2 (as long as H = 3) alone": lambda r: r[..., 0],
    "the first 1 along axis 2 (as long as H = 3) are right, the others are missing": lambda r: r[..., :1],
}


@pytest.mark.parametrize("says", MISSHAPEN)
def test_a_shape_is_explained_where_the_values_fit(says):
    right, problem, _ = world(3)
    assert says in about_shape(MISSHAPEN[says](right), right, problem)


@pytest.mark.parametrize("shape", [(0, 10**6), (10**6, 0), (10**5, 6), (3, 10**5, 6), (10**6,)])
def test_a_longer_result_is_not_looked_at_more_often(shape, monkeypatch):
    """One that comes from a student may be as long as it likes: entry by entry, an empty one of a million took 6 seconds."""
    looks = []
    monkeypatch.setattr(signatures, "close", lambda *arrays: looks.append(arrays))
    assert about_shape(np.zeros(shape), np.ones((3, 6)), Problem({}, {})) == ""
    assert len(looks) < 20


def test_of_another_shape_with_other_values_nothing_is_said():
    right, problem, _ = world(3)
    assert about_shape(right[0] + 1, right, problem) == ""
    assert about_shape(np.zeros(3), right, problem) == ""
