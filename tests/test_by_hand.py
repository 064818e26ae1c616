"""No backward pass earns marks by numerical differences: each solution with its gradients replaced by them, made here."""

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest

from byhand.checking import judge_all, share
from byhand.checking.by_hand import uses_complex_numbers
from byhand.checking.collect import Outcome, collect
from byhand.checking.exercise import load_checks
from byhand.checking.judge import judge
from byhand.course import find_units
from byhand.teaching.misconceptions import Answers, Variant
from byhand.teaching.notebooks import read_source, solution_regions

ROOT = Path(__file__).parents[1]
LOSSES = {"J", "loss", "L"}
STEP = 1e-5  # of central differences: the best for float64, to an order of magnitude
MOST = 3000  # forward passes for one problem; whoever needs more waits longer than a check may take


def exercises():
    """Each exercise that asks for a loss and for its gradient with respect to an argument."""
    for unit in find_units(ROOT):
        checks = load_checks(unit.course)
        for name, exercise in checks.exercises.items():
            arguments = list(exercise.make(np.random.RandomState(0), **exercise.sizes))
            if LOSSES & set(exercise.results) and any("d" + a in exercise.results for a in arguments):
                yield pytest.param(unit, checks, name, id=f"{unit.name}-{name}")


class TooSlow(Exception):
    """It would take more forward passes than anybody waits for."""


def by_differences(function, exercise, arguments, relative):
    """The function with each gradient of an argument by central differences of its loss, of a step in proportion or of the same."""
    results = list(exercise.results)
    loss = next(name for name in results if name in LOSSES)

    def named(returned):
        return dict(returned) if exercise.as_dict else dict(zip(results, returned, strict=True))

    def answer(*args):
        found, passes = named(function(*args)), 0
        for place, argument in enumerate(arguments):
            if "d" + argument not in results or not isinstance(args[place], (float, np.ndarray)):
                continue
            value = np.asarray(args[place], dtype=float)
            gradient = np.zeros(value.shape)
            for index in np.ndindex(*value.shape):
                passes += 2
                if passes > MOST:
                    raise TooSlow
                step, sides = STEP * (max(1, abs(value[index])) if relative else 1), []
                for sign in (1, -1):
                    moved = value.copy()
                    moved[index] += sign * step
                    moved = moved if isinstance(args[place], np.ndarray) else float(moved)
                    sides.append(np.sum(named(function(*args[:place], moved, *args[place + 1 :]))[loss]))
                gradient[index] = (sides[0] - sides[1]) / (2 * step)
            found["d" + argument] = gradient
        return found if exercise.as_dict else tuple(found[name] for name in results)

    return answer


@pytest.mark.parametrize("relative", [True, False], ids=["relative", "fixed"])
@pytest.mark.parametrize("unit, checks, name", list(exercises()))
def test_differences_of_the_loss_earn_nothing_for_a_gradient(unit, checks, name, relative):
    source = read_source(unit.exercises).notebook
    solution = Answers(source, unit.course).function(name, Variant(name, "solution", solution_regions(source)[name]))
    exercise, solved = checks[name], checks.solved(name)
    arguments = list(solved[0].problem.args)

    def earned(answer):
        verdicts = judge_all(
            exercise, solved, [collect(answer, s.problem.args, exercise.call, exercise.torch) for s in solved]
        )
        return share(exercise, verdicts, verdicts)

    gradients = {"d" + a for a in arguments if "d" + a in exercise.results}
    honest = [names for names in exercise.quantities if not gradients & set(names)]
    assert earned(solution) == 1
    assert (
        earned(by_differences(solution, exercise, arguments, relative)) <= len(honest) / len(exercise.quantities) + 1e-9
    )


# Long double steps, eight points: quadratic losses are differenced exactly, however large, and so are those of ordinary size.
WEIGHTS = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
PRECISE_STEP, SOME = np.longdouble("0.01"), 4
# What such differences still earn: results that nothing in the exercise's needed kinds keeps from them.
OPEN = {
    "01-one-neuron-mse_gradient": {"db"},
    "01-one-neuron-ridge": {"dw", "db"},
    "04-sequence-data-masked_mse": {"dy_hat"},
    "06-why-lstm-deep_gradients": {"dW", "db", "dV", "dc"},
    "06-why-lstm-autoencoder": {"dW", "db", "dV", "dc"},
    "06-why-lstm-rnn_last": {"dU", "dW", "dV", "db", "dc"},
    "06-why-lstm-carousel": {"df", "dv", "dc"},
    "08-lstm-backprop-adding_loss": {"dv", "dd"},
    "10-generative-modelling-gaussian_nll": {"dmu", "dlog_sigma"},
    "11-autoregressive-models-fvsbn": {"db"},
    "13-variational-autoencoders-autoencoder": {
        "d" + name for name in ("W1", "b1", "W2", "b2", "V1", "c1", "V2", "c2")
    },
    "13-variational-autoencoders-vae": {"d" + name for name in ("W1", "b1", "W2", "b2", "V1", "c1", "V2", "c2")}
    | {"dW2_gaussian", "dV2_gaussian"},
    "14-deep-q-learning-q_loss": {"dW1", "db1", "dW2", "db2"},
    "14-deep-q-learning-residual_gradient": {"dW1", "db1", "dW2", "db2"},
    "15-trading-agent-sarsa_loss": {"dQ"},
    "16-attention-and-transformers-gpt": {"dE", "dPos", "dgamma", "dbeta"},
    "17-few-labels-joint_loss": {"dW", "db", "dV", "dc", "dP"},
    "17-few-labels-info_nce": {"dlog_s"},
}


def loss_of(gradient, results):
    """do_bernoulli is the gradient of nll_bernoulli, and any other that of the loss, whatever it is called; None without one."""
    suffix = "_" + gradient.partition("_")[2]
    named = [name for name in results if "_" in gradient and not name.startswith("d") and name.endswith(suffix)]
    return next(iter([*named, *(name for name in results if name in LOSSES | {"kl"})]), None)


def place_of(gradient, args):
    """Where what it is the gradient of lies: the name of an argument, with the key where that is a dict; None if nowhere."""
    for base in (gradient[1:], gradient[1:].partition("_")[0]):
        for name, value in args.items():
            if name == base and isinstance(value, (float, np.ndarray)):
                return (name,)
            # another network of the problem, tiny or of targets, is none that the loss is taken of
            if isinstance(value, dict) and isinstance(value.get(base), np.ndarray) and "_" not in name:
                return name, base
    return None


def with_gradients():
    for unit in find_units(ROOT):
        checks = load_checks(unit.course)
        for name, exercise in checks.exercises.items():
            args = exercise.make(np.random.RandomState(0), **exercise.sizes)
            places = {
                g: place_of(g, args) for g in exercise.results if g.startswith("d") and loss_of(g, exercise.results)
            }
            if places := {g: place for g, place in places.items() if place}:
                yield pytest.param(unit, checks, name, places, id=f"{unit.name}-{name}")


def precise_differences(function, args, place, entries):
    """Of `function`, which gives a loss, at some entries of one argument."""
    name, *key = place
    value = np.asarray(args[name][key[0]] if key else args[name], dtype=np.longdouble)
    for index in entries:
        total = np.longdouble(0)
        for k, weight in WEIGHTS.items():
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * k * PRECISE_STEP
                part = {**args[name], key[0]: moved} if key else moved[()]
                total += sign * np.longdouble(weight) * np.sum(function({**args, name: part}))
        yield index, total / PRECISE_STEP


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="a long double of this processor has other digits")
@pytest.mark.parametrize("unit, checks, name, places", list(with_gradients()))
def test_nor_do_differences_in_long_double(unit, checks, name, places):
    """On the ordinary problem or on a needed one some entry is wrong."""
    source = read_source(unit.exercises).notebook
    solution = Answers(source, unit.course).function(name, Variant(name, "solution", solution_regions(source)[name]))
    exercise = checks[name]

    def named(args):
        returned = exercise.call(solution, *args.values()) if exercise.call else solution(*args.values())
        return dict(returned) if exercise.as_dict else dict(zip(exercise.results, returned, strict=True))

    def is_right(gradient, place, solved):
        args, right = dict(solved.problem.args), np.array(solved.answer[gradient], dtype=float)
        value = args[place[0]] if len(place) == 1 else args[place[0]][place[1]]
        if np.shape(value) != right.shape:
            return False
        every = list(np.ndindex(right.shape))
        if 2 * len(every) > MOST:
            return False
        loss, found = loss_of(gradient, exercise.results), named(copy.deepcopy(args))
        for entries in (every[:: max(1, len(every) // SOME)], every):  # all of them only if some do not show it
            for index, slope in precise_differences(lambda moved: named(moved)[loss], args, place, entries):
                right[index] = slope
            returned = {**found, gradient: right}
            outcome = Outcome(returned if exercise.as_dict else tuple(returned[result] for result in exercise.results))
            if not next(row.right for row in judge(exercise, solved, outcome).rows if row.name == gradient):
                return False
        return True

    known = OPEN.get(f"{unit.name}-{name}", set())
    needed = [s for s in checks.solved(name) if s.problem.edge is None or s.problem.edge.needed]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        earned = {
            g for g, place in places.items() if g not in known and all(is_right(g, place, s) for s in reversed(needed))
        }
    assert not earned


def complex_step(x):
    return np.tanh(x + 1e-20j).imag / 1e-20


def typed(x):
    return np.tanh(np.array(x, dtype="complex128") + 1).real


def helped(x):
    return [complex_step(v) for v in x]


class Whole:
    """A docstring may speak of complex numbers and of the imaginary part."""

    def step(self, x):
        return complex(x, 1e-20)


def eigenvalues(w):
    """An honest answer may meet complex numbers that numpy makes."""
    values = np.linalg.eigvals(w)
    return np.sqrt(values.real**2 + values.imag**2).max()


def recursive(n):
    return n and recursive(n - 1)


@pytest.mark.parametrize("answer", [complex_step, typed, helped, Whole, lambda x: (x * 1j).imag])
def test_complex_steps_are_refused(answer):
    assert uses_complex_numbers(answer)
    outcome = collect(answer, {"x": 0.5})
    assert outcome.failure.kind == "NotByHand" and "complex" in outcome.failure.message


@pytest.mark.parametrize("answer", [eigenvalues, recursive, np.tanh, np.ndarray, Answers, len])
def test_what_makes_no_complex_number_is_not(answer):
    assert not uses_complex_numbers(answer)
