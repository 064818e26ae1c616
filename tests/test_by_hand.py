"""No backward pass earns marks by numerical differences: each solution with its gradients replaced by them, made here."""

from pathlib import Path

import numpy as np
import pytest

from byhand.checking import judge_all, share
from byhand.checking.by_hand import uses_complex_numbers
from byhand.checking.collect import collect
from byhand.checking.exercise import load_checks
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
