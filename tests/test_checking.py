"""What a student is told: each way of being wrong has its own sentence, and all results are shown."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from byhand.checking import check, graded_report, share, visible_report
from byhand.checking.collect import collect
from byhand.checking.exercise import Checks, EdgeCase, Exercise, load_checks, make_problems
from byhand.checking.judge import judge
from byhand.checking.mistakes import Derived, Known, Mistake, fingerprint, recognise
from byhand.checking.terms import Terms, about_terms, logit
from byhand.course import find_root, find_units


def make(rng, T, N, H, scale=1.0):
    return {"x": scale * rng.normal(size=(T, N, H)), "w": rng.normal(size=H)}


EXERCISES = {
    "both": Exercise(
        make,
        ["s", "total"],
        {"T": 5, "N": 3, "H": 4},
        [{"T": 1}, {"scale": 0.0}],
        forward=["s"],
    ),
    "back": Exercise(make, ["s"], {"T": 5, "N": 3, "H": 4}, backward=["s"]),
    "keys": Exercise(make, ["a", "b"], {"T": 5, "N": 3, "H": 4}, as_dict=True),
}


REFERENCES = {
    "both": lambda x, w: {"s": x * w, "total": (x * w).sum(axis=(0, 1))},
    "back": lambda x, w: {"s": x * w},
    "keys": lambda x, w: {"a": x, "b": w},
}
CHECKS = Checks(None, EXERCISES, lambda: SimpleNamespace(REFERENCES=REFERENCES))


def told(function, name="both"):
    """The text of the check on `function`."""
    return repr(visible_report(name, CHECKS, function))


@pytest.fixture(autouse=True)
def no_known_mistakes(monkeypatch):
    monkeypatch.setattr("byhand.checking.load_mistakes", lambda folder: {})


def right(x, w):
    return x * w, (x * w).sum(axis=(0, 1))


def test_a_right_answer_is_told_so_quantity_by_quantity():
    text = told(right)
    assert text.startswith("both: right. s, total agree with torch.")
    assert "s          (5, 3, 4)      error 0.0e+00   right" in text


def crash(x, w):
    y = x + 1
    return y @ w[:2]


def late(x, w):
    s = x * w
    s[3:] = 0
    return s, s.sum(axis=(0, 1))


def early(x, w):
    s = x * w
    s[:2] = 0
    return s


def nan_inside(x, w):
    s = x * w
    s[2, 1, 0] = np.nan
    return s, s.sum(axis=(0, 1))


def nothing(x, w):
    pass


def changes_its_input(x, w):
    x *= w
    return x, x.sum(axis=(0, 1))


SENTENCES = {
    "None": (nothing, "returned None: does it end with a return? It should return s, total."),
    "unwritten": (lambda x, w: (_ for _ in ()).throw(NotImplementedError()), "Not written yet"),
    "an exception, with the line": (crash, "(in crash, line"),
    "too few": (lambda x, w: (x * w, 1, 2), "returned 3 values; it should return 2, in this order: s, total."),
    "one array": (lambda x, w: x * w, "returned an array of shape (5, 3, 4); it should return 2"),
    "uneven": (lambda x, w: ([x[0], x[0, 0]], right(x, w)[1]), "is a list whose entries have different shapes"),
    "a string": (lambda x, w: ("no", right(x, w)[1]), "is a str, not an array of numbers"),
    "one None": (lambda x, w: (None, right(x, w)[1]), "is None, not an array"),
    "complex": (lambda x, w: (np.emath.sqrt(-1) * x * w, right(x, w)[1]), "dtype complex128, not real numbers"),
    "objects": (lambda x, w: ((x * w).astype(object), right(x, w)[1]), "dtype object, not real numbers"),
    "integers": (lambda x, w: (right(x, w)[0].astype(int), right(x, w)[1]), "the decimals are cut off"),
    "shape": (lambda x, w: ((x * w)[0], right(x, w)[1]), "has shape (3, 4), expected (5, 3, 4)"),
    "transposed": (lambda x, w: ((x * w).T, right(x, w)[1]), "its values are right, transposed"),
    "reshaped": (lambda x, w: ((x * w).reshape(-1), right(x, w)[1]), "its values are right, in another shape"),
    "NaN": (nan_inside, "nan at index [2, 1, 0]: not a number"),
    "infinite": (lambda x, w: (x * w, right(x, w)[1] / 0), "inf at index [0]: infinite"),
    "sign": (lambda x, w: (-x * w, right(x, w)[1]), "every entry has the wrong sign"),
    "mean": (
        lambda x, w: (x * w, right(x, w)[1] / 3),
        "every entry is 3 times too small. N = 3: is it a mean where a sum is asked?",
    ),
    "mean over both": (
        lambda x, w: (x * w, right(x, w)[1] / 15),
        "every entry is 15 times too small. T · N = 15: is it a mean",
    ),
    "factor": (lambda x, w: (2 * x * w, right(x, w)[1]), "every entry is 2 times torch's"),
    "zeros": (lambda x, w: (0 * x, right(x, w)[1]), "all zeros"),
    "shifted": (lambda x, w: (np.roll(x * w, 1, axis=0), right(x, w)[1]), "what you have at t belongs to t - 1"),
    "first wrong step": (late, "right up to t = 3, first wrong at t = 4 of 5"),
    "argument changed": (changes_its_input, "your function changed its argument x"),
    "sys.exit": (lambda x, w: exit(3), "stopped with SystemExit"),
}


@pytest.mark.parametrize("function, sentence", SENTENCES.values(), ids=SENTENCES.keys())
def test_each_way_of_being_wrong_has_its_sentence(function, sentence):
    text = told(function)
    assert text.startswith("both: not right yet.")
    assert sentence in text


def test_all_results_are_shown_not_only_the_first_that_is_wrong():
    text = told(lambda x, w: (-x * w, 2 * right(x, w)[1]))
    assert "Look at s, total." in text
    assert "wrong sign" in text and "2 times torch's" in text


def test_many_results_of_which_the_same_is_to_be_said_share_a_line():
    names = [f"r{n}" for n in range(8)]
    exercise = Exercise(make, names, {"T": 5, "N": 3, "H": 4})
    references = {"many": lambda x, w: {name: (n + 1) * x for n, name in enumerate(names)}}
    checks = Checks(None, {"many": exercise}, lambda: SimpleNamespace(REFERENCES=references))
    answer = lambda x, w: [x, *(np.zeros(3) for _ in names[1:])]  # noqa: E731
    report = visible_report("many", checks, answer)
    assert [row.name for row in report.rows] == ["r0", ", ".join(names[1:])]
    assert "r1, r2, r3, r4, r5, r6, r7" in repr(report) and "has shape (3,), expected (5, 3, 4)" in report._repr_html_()


def test_the_line_that_is_named_is_the_students_own():
    assert "return y @ w[:2]" in told(crash)


@pytest.mark.parametrize("line, told", [("raise TypeError('return two arrays')", True), ("[][0]", False)])
def test_what_a_check_says_on_purpose_is_told_from_its_own_trouble_without_its_source(line, told):
    """In grading `checks.py` is not there."""
    space = {}
    exec(compile(f"def call(answer, x, w):\n    {line}", "/nowhere/checks.py", "exec"), space)
    failure = collect(right, {"x": np.ones(3), "w": np.ones(3)}, space["call"]).failure
    assert failure.told is told


def test_going_backward_the_first_wrong_step_is_counted_from_the_end():
    assert "right down to t = 3, first wrong at t = 2 of 5" in told(early, "back")


def test_a_missing_key_is_named_and_a_further_one_does_no_harm():
    assert "The dict that you return lacks b." in told(lambda x, w: {"a": x}, "keys")
    assert told(lambda x, w: {"b": w, "more": 1, "a": x}, "keys").startswith("keys: right.")
    assert "returned a tuple; it should return a dict with the keys a, b" in told(lambda x, w: (x, w), "keys")


STYLES = {
    "single precision": lambda x, w: right(x.astype(np.float32), w.astype(np.float32)),
    "Fortran order": lambda x, w: (np.asfortranarray(x * w), right(x, w)[1]),
    "a view": lambda x, w: (np.repeat(x * w, 2, axis=0)[::2], right(x, w)[1]),
    "a list of results": lambda x, w: list(right(x, w)),
    "a list of arrays": lambda x, w: (list(x * w), right(x, w)[1].tolist()),
    "a tuple of numbers": lambda x, w: (x * w, tuple(right(x, w)[1])),
    "negative strides": lambda x, w: ((x * w)[::-1][::-1], right(x, w)[1][::-1].copy()[::-1]),
    "long double": lambda x, w: (x * w, right(x, w)[1].astype(np.longdouble)),
    "a float32 buffer": lambda x, w: ((x * w).astype(np.float32) + 0.0 * x, right(x, w)[1]),
    "numpy's own matrix of one": lambda x, w: (x * w, np.array([float(v) for v in right(x, w)[1]])),
    "in place on a copy": lambda x, w: changes_its_input(x.copy(), w),
}


@pytest.mark.parametrize("function", STYLES.values(), ids=STYLES.keys())
def test_a_right_answer_in_another_style_is_right(function):
    assert told(function).startswith("both: right.")


def test_a_torch_tensor_is_not_taken_for_numpy():
    import torch

    made = torch.ones(5, 3, 4)
    assert "is a torch tensor" in told(lambda x, w: (made, right(x, w)[1]))


def test_torch_does_not_work_while_an_answer_runs():
    import torch

    given = torch.ones(3, requires_grad=True)
    total = (given * 2).sum()
    for answer in (
        lambda x, w: (torch.tensor(x) * 1, w),
        lambda x, w: (x, (given * 2).sum().backward()),
        lambda x, w: (x, torch.autograd.grad(total, given)),
    ):
        assert "Torch is the judge here, not a tool: this exercise is written in numpy. (in <lambda>" in told(answer)
    assert (torch.ones(3) * 2).sum() == 6  # afterwards it does


def test_a_kind_of_problem_is_named_where_it_is_the_first_that_is_wrong():
    text = told(lambda x, w: (x * w if len(x) > 1 else -x * w, right(x, w)[1]))
    assert text.startswith("both: right on the ordinary problem, wrong with T = 1. Look at s.")
    assert "(1, 3, 4)" in text and "(5, 3, 4)" not in text


def test_what_is_kept_from_one_call_to_the_next_is_said():
    def keeps(x, w, kept=[]):  # noqa: B006 - the mistake
        kept.append(1)
        return x * w * len(kept), right(x, w)[1]

    assert "wrong when it is called a second time with the same numbers. Look at s." in told(keeps)
    keeps.__defaults__ = ([],)
    assert "Hint: The first call is right and the second" in told(keeps)


def test_the_part_of_an_array_that_alone_is_wrong_is_named():
    def one_sequence(x, w):
        s = x * w
        s[:, 2] = 0
        return s, s.sum(axis=(0, 1)) * 0 + right(x, w)[1]

    assert "only in entry 2 along axis 1 (as long as N = 3)" in told(one_sequence)


def test_a_number_beyond_all_bounds_is_wrong_and_breaks_nothing():
    assert "Look at s, total." in told(lambda x, w: (x * 1e300, w * 1e308))


def test_results_of_one_group_count_as_one_quantity():
    grouped = dataclasses.replace(EXERCISES["keys"], groups=[("a", "b")])
    checks = Checks(None, {"keys": grouped}, lambda: SimpleNamespace(REFERENCES=REFERENCES))
    assert graded_report("keys", checks, lambda x, w: {"a": x, "b": 2 * w}, 6, seed=1).points[0] == 0
    assert graded_report("keys", checks, lambda x, w: {"a": x, "b": w}, 6, seed=1).points[0] == 6


def test_entries_may_be_judged_one_by_one():
    def small_entry_off(x, w):
        x = x.copy()
        x[0, 0, 0] *= 1.0001
        return {"a": x, "b": w}

    def checks(**more):
        exercise = dataclasses.replace(EXERCISES["keys"], make=tiny_and_large, **more)
        return Checks(None, {"keys": exercise}, lambda: SimpleNamespace(REFERENCES=REFERENCES))

    assert visible_report("keys", checks(), small_entry_off).right
    assert not visible_report("keys", checks(elementwise=["a"]), small_entry_off).right


def tiny_and_large(rng, T, N, H):
    args = make(rng, T, N, H)
    args["x"][0, 0, 0] = 1e-9
    return args


TERMS = {
    "missing": (lambda a, b: a, "In the sum that gives s, the term b is missing."),
    "twice": (lambda a, b: a + 2 * b, "the term b is counted twice"),
    "sign": (lambda a, b: a - b, "the term b has the wrong sign"),
    "foreign": (lambda a, b: a + b + 1, "the term one has come in, which does not belong there"),
    "something else": (lambda a, b: a * b, ""),
}


@pytest.mark.parametrize("answer, says", TERMS.values(), ids=TERMS.keys())
def test_the_term_that_is_wrong_is_named_from_the_numbers_alone(answer, says):
    a, b = np.random.default_rng(0).normal(size=(2, 5, 4))
    terms = Terms({"a": a, "b": b}, through=np.arctanh, foreign={"one": np.ones((5, 4))})
    found = about_terms(
        "s", np.tanh(answer(a, b) / 9), Terms({"a": a / 9, "b": b / 9}, np.arctanh, {"one": np.ones((5, 4)) / 9})
    )
    assert (says in found) if says else found == ""
    assert about_terms("s", np.tanh(a + b), terms) == ""


FORWARD = {None: lambda a: a, np.arctanh: np.tanh, logit: lambda a: 0.5 + 0.5 * np.tanh(0.5 * a)}


@pytest.mark.parametrize("unit", find_units(find_root()), ids=lambda unit: unit.name)
def test_the_terms_that_a_unit_declares_add_up_to_the_right_answer(unit):
    checks = load_checks(unit.course)
    for name in getattr(checks.load_reference(), "TERMS", {}):
        for solved in checks.solved(name):
            assert set(solved.terms) <= set(checks[name].results)
            for result, terms in solved.terms.items():
                total = FORWARD[terms.through](sum(terms.parts.values()))
                assert np.allclose(total, solved.answer[result], 1e-7, 1e-9), f"{name}, {result}, {solved.problem.kind}"


def test_what_goes_to_stderr_and_warnings_cost_nothing(capsys):
    def noisy(x, w):
        import sys

        print("looking into it", file=sys.stderr)
        np.float64(1) / np.float64(0)
        return right(x, w)

    text = told(noisy)
    out = capsys.readouterr()
    assert text.startswith("both: right.") and "numpy warned: divide by zero" in text
    assert out.err == "" and "looking into it" in out.out


def test_the_same_seed_makes_the_same_problems_and_another_one_others():
    one, same, other = (make_problems("both", EXERCISES["both"], seed)[0].args["x"] for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert len(make_problems("both", EXERCISES["both"], 1)) == 4


def test_points_are_shared_by_quantity_and_by_problem():
    def graded(function):
        return graded_report("both", CHECKS, function, 6, seed=1).points[0]

    assert graded(right) == 6
    assert graded(lambda x, w: (x * w, 2 * right(x, w)[1])) == 3  # one of two quantities
    assert graded(nothing) == 0
    assert graded(lambda x, w: (0 * x, 0 * w)) == 0  # right on the problem of zeros alone, which earns nothing
    assert graded(lambda x, w: (x * w if len(x) > 1 else -x * w, right(x, w)[1])) == 5.25  # fails at T = 1, one of four
    assert graded(changes_its_input) == 4  # two quantities right, and the argument counts as a third


def test_share_is_of_all_quantities_even_if_the_call_failed_elsewhere():
    exercise = EXERCISES["both"]

    def fails_at_one_step(x, w):
        if len(x) == 1:
            raise ValueError("one step")
        return right(x, w)

    seen, fresh = (
        [judge(exercise, s, collect(fails_at_one_step, s.problem.args)) for s in CHECKS.solved("both", seed)]
        for seed in (0, 1)
    )
    assert share(exercise, seen, fresh) == pytest.approx(3 / 4)


def test_what_is_wrong_with_the_public_numbers_earns_nothing_by_luck_with_others():
    def lucky(x, w):
        return (x * w if x[0, 0, 0] == CHECKS.solved("both", 1)[0].problem.args["x"][0, 0, 0] else x), right(x, w)[1]

    assert graded_report("both", CHECKS, lucky, 6, seed=1).points[0] == 3


def test_two_mistakes_at_once_are_both_recognised_and_a_contained_one_is_left_out():
    exercise = EXERCISES["keys"]
    problem = make_problems("keys", exercise)[0]

    def marks(function):
        return fingerprint(exercise, collect(function, problem.args))

    a_wrong, b_wrong = marks(lambda x, w: {"a": -x, "b": w}), marks(lambda x, w: {"a": x, "b": 2 * w})
    both_wrong = marks(lambda x, w: {"a": -x, "b": 3 * w})
    known = Known(
        [
            Mistake("a", "", {"a": a_wrong["a"]}),
            Mistake("b", "", {"b": b_wrong["b"]}),
            Mistake("a and b", "", {"a": both_wrong["a"], "b": both_wrong["b"]}),
        ]
    )
    found = recognise(exercise, known, 0, marks(lambda x, w: {"a": -x, "b": 2 * w}))
    assert [m.id for m in found] == ["a", "b"]
    assert [m.id for m in recognise(exercise, known, 0, both_wrong)] == ["a and b"]
    assert recognise(exercise, known, 1, both_wrong) == []  # the numbers of another kind of problem


def test_a_hint_that_speaks_of_other_results_is_given_only_where_these_are_as_it_says():
    exercise = EXERCISES["keys"]
    problem = make_problems("keys", exercise)[0]
    wrong = fingerprint(exercise, collect(lambda x, w: {"a": -x, "b": 2 * w}, problem.args))
    alone = {"a": wrong["a"]}
    known = Known([Mistake("a", "Only a is wrong.", alone, claims=True)])
    assert [h.id for h in recognise(exercise, known, 0, alone)] == ["a"]
    assert recognise(exercise, known, 0, wrong) == []


def test_a_derived_mistake_is_known_by_one_number_for_each_wrong_result():
    exercise = EXERCISES["keys"]
    problem = make_problems("keys", exercise)[0]
    wrong = fingerprint(exercise, collect(lambda x, w: {"a": -x, "b": 2 * w}, problem.args))
    known = Known([], ["In a the sign is wrong."], [Derived(0, 0, [wrong["a"]["projections"][0], None])])
    assert [h.text for h in recognise(exercise, known, 0, {"a": wrong["a"]})] == ["In a the sign is wrong."]
    assert recognise(exercise, known, 0, {"b": wrong["b"]}) == recognise(exercise, known, 1, wrong) == []


def test_a_derived_mistake_beside_another_one_is_known_by_its_result_alone_where_no_other_has_its_numbers():
    exercise = EXERCISES["keys"]
    problem = make_problems("keys", exercise)[0]
    wrong = fingerprint(exercise, collect(lambda x, w: {"a": -x, "b": 2 * w}, problem.args))
    number = wrong["a"]["projections"][0]
    known = Known([], ["In a the sign is wrong."], [Derived(0, 0, [number, None])])
    assert [h.text for h in recognise(exercise, known, 0, wrong)] == ["In a the sign is wrong."]
    twice = Known(
        [],
        ["In a the sign is wrong.", "Another reason."],
        [Derived(0, 0, [number, None]), Derived(1, 0, [number, 7.0])],
    )
    assert recognise(exercise, twice, 0, wrong) == []
    further = Known([], ["A sign is wrong in both."], [Derived(0, 0, [number, 7.0])])
    assert recognise(exercise, further, 0, {"a": wrong["a"]}) == []  # b is right, and would be wrong with this mistake


def test_what_is_needed_and_wrong_costs_a_result_all_its_marks():
    edges = (EdgeCase({"N": 1}), EdgeCase({"N": 2}, needed=True))
    exercise = dataclasses.replace(EXERCISES["keys"], edges=edges)
    checks = Checks(None, {"keys": exercise}, lambda: SimpleNamespace(REFERENCES=REFERENCES))

    def wrong_with(N):
        return lambda x, w: {"a": x, "b": 2 * w if x.shape[1] == N else w}

    assert graded_report("keys", checks, wrong_with(1), 8.0, 5).points[0] == 8.0 * (1 + 3 / 4) / 2
    assert graded_report("keys", checks, wrong_with(2), 8.0, 5).points[0] == 4.0


def test_a_number_that_is_nearly_a_known_mistake_is_not_taken_for_it():
    exercise = EXERCISES["keys"]
    problem = make_problems("keys", exercise)[0]
    wrong = {"a": fingerprint(exercise, collect(lambda x, w: {"a": -x, "b": w}, problem.args))["a"]}
    known = Known([Mistake("sign", "", wrong)])
    rounded = {"a": fingerprint(exercise, collect(lambda x, w: {"a": -x * (1 + 1e-12), "b": w}, problem.args))["a"]}
    other = {"a": fingerprint(exercise, collect(lambda x, w: {"a": -x * 1.001, "b": w}, problem.args))["a"]}
    assert recognise(exercise, known, 0, rounded) and not recognise(exercise, known, 0, other)


def test_the_notebook_table_says_in_words_what_its_marks_say():
    report = visible_report("both", CHECKS, lambda x, w: (-x * w, right(x, w)[1]))
    page = report._repr_html_()
    assert "✗ wrong: every entry has the wrong sign" in page and "✓ right" in page
    assert page.count('<th scope="col">') == 4
    assert "<script" not in page and "http" not in page


def test_what_a_student_names_things_is_text_not_html():
    def shout(x, w):
        raise ValueError("<script>alert(1)</script>")

    page = visible_report("both", CHECKS, shout)._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_using_check_wrongly_is_met_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match="without brackets after the name"):
        check("both", 3)
    with pytest.raises(ValueError, match=r"There is no checks\.py in"):
        check("both", right)
    (tmp_path / "checks.py").write_text("EXERCISES = {'other': None}\n")
    with pytest.raises(ValueError, match="no exercise 'both' in this unit; it has other"):
        check("both", right)
