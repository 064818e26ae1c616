"""The checks are checked: mistakes are rejected with their own hint, right answers pass, and verify can fail."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from test_build import ROOT, UNITS, broken, copy, edit  # noqa: F401 - copy is a fixture

from byhand.checking.exercise import load_checks
from byhand.checking.mistakes import load_mistakes, recognise
from byhand.course import CourseError, Unit
from byhand.teaching.known import find_mistakes, tried
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source
from byhand.teaching.verify import verify

# Misconceptions and alternatives that a unit promises.
LEAST = {
    "05-simple-rnn": (12, 4),
    "08-lstm-backprop": (20, 4),
    "14-deep-q-learning": (12, 3),
    "15-trading-agent": (12, 3),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_as_many_known_mistakes_as_it_promises(name):
    variants, (wrong, right) = load_variants(Unit(ROOT, name)), LEAST.get(name, (10, 3))
    assert len(variants.misconceptions) >= wrong and len(variants.alternatives) >= right
    with_mistakes = {v.exercise for v in variants.misconceptions}
    assert with_mistakes == set(load_checks(Unit(ROOT, name).course).exercises)


@pytest.mark.parametrize("name", UNITS)
def test_what_students_have_of_the_mistakes_is_numbers_and_hints(name):
    path = ROOT / "course" / name / "mistakes.json"
    assert path.stat().st_size <= 150_000
    for known in load_mistakes(path.parent).values():
        for mistake in known.listed:
            assert mistake.hint and mistake.wrong
            assert not set(vars(mistake)) - {"id", "hint", "wrong", "case", "claims"}
        for derived in known.derived:
            assert all(number in (None, True) or isinstance(number, (float, list)) for number in derived.wrong)


def test_a_listed_mistake_comes_before_a_derived_one_and_pairs_are_known(copy):  # noqa: F811
    checks, variants = load_checks(copy.course), load_variants(copy).of("rnn_step")
    known = load_mistakes(copy.course)["rnn_step"]
    solved = Answers(read_source(copy.exercises).notebook, copy.course)
    by_id = {v.id: v for v in variants.misconceptions}
    case, wrong, _ = tried(checks, "rnn_step", solved.function("rnn_step", by_id["no-bias"]))
    assert [h.id for h in recognise(checks["rnn_step"], known, case, wrong)] == ["no-bias"]

    def doubled(x, h_prev, U, W, b):
        a = 2 * b
        return np.tanh(a + np.einsum("hk,nk->nh", W, h_prev) + (U @ x.T).T)

    case, wrong, _ = tried(checks, "rnn_step", doubled)
    [hint] = recognise(checks["rnn_step"], known, case, wrong)
    assert hint.text == "Where h is computed, the term with b is counted twice."


def forget_the_old_state(unit, by):
    """Another line for the misconception rnn_step/old-state-forgotten."""
    edit(unit.misconceptions, "by: np.tanh(b + x @ U.T)\n      hint: Your", f"by: {by}\n      hint: Your")


def test_a_misconception_that_the_check_lets_pass_is_found(copy):  # noqa: F811
    forget_the_old_state(copy, "np.tanh(b + x @ U.T + h_prev @ W.T)")
    assert "rnn_step/old-state-forgotten passes the visible check" in broken(copy)


def test_a_misconception_whose_marks_depend_on_the_seed_is_found(copy):  # noqa: F811
    forget_the_old_state(copy, "np.tanh(b + x @ U.T + h_prev @ W.T * (b[0] < 0.5))")
    assert "rnn_step/old-state-forgotten: what it earns depends on the seed (0." in broken(copy)


def test_two_misconceptions_with_the_same_numbers_are_found(copy):  # noqa: F811
    forget_the_old_state(copy, "np.tanh(h_prev @ W.T + x @ U.T)")
    assert "rnn_step/old-state-forgotten and rnn_step/no-bias give the same numbers" in broken(copy)


def test_an_alternative_that_is_wrong_is_found(copy):  # noqa: F811
    edit(copy.misconceptions, "a = b[j]\n", "a = b[0]\n")
    assert "rnn_step/loops is right but does not pass" in broken(copy)


def test_an_exercise_without_misconceptions_is_found(copy):  # noqa: F811
    text = copy.misconceptions.read_text()
    copy.misconceptions.write_text(text[: text.index("\nsample:")])
    assert "05-simple-rnn/sample has no misconceptions" in broken(copy)


def test_an_edit_that_does_not_fit_the_solution_is_found(copy):  # noqa: F811
    edit(copy.misconceptions, "replace: dW = da.T @ h_prev", "replace: dW = da @ h_prev")
    with pytest.raises(CourseError, match="paired-with-the-new-state: the text to replace occurs 0 times"):
        load_variants(copy)


def test_a_misconception_without_a_hint_is_found(copy):  # noqa: F811
    edit(copy.misconceptions, "hint: Count the terms", "hnt: Count the terms")
    with pytest.raises(CourseError, match="rnn_step/no-bias has no hint"):
        load_variants(copy)


def test_a_stub_that_earns_points_is_found(copy):  # noqa: F811
    mistakes = find_mistakes(copy)
    solved = nbformat.read(ROOT / "course" / copy.name / "exercises.ipynb", as_version=4)
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "rnn_step":
            cell.source = cell.source.replace(
                "raise NotImplementedError()", "return np.tanh(b + h_prev @ W.T + x @ U.T)"
            )
    assert "05-simple-rnn/rnn_step: the blank stub earns 1 points." in list(verify(copy, solved, mistakes))


def test_the_pattern_lists_the_mistakes_of_every_part_of_the_backward_pass():
    ids = {v.id for v in load_variants(Unit(Path(ROOT), "05-simple-rnn")).misconceptions}
    assert ids >= {
        "paired-with-the-same-step",
        "w-transposed",
        "no-gradient-from-the-future",
        "not-truncated",
        "overflow",
    }
