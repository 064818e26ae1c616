"""What an exercise asks: its problems, made from a seed, and torch's answer to them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from byhand.checking.seed import Seed, random_state

PUBLIC_SEED = 0


@dataclass(frozen=True)
class Problem:
    """One set of inputs: `args` go to the student's function by position, in this order; the reference has `extra` too."""

    sizes: Mapping[str, Any]
    args: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return ", ".join(f"{k} = {v}" for k, v in self.sizes.items())


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise as a unit's `checks.py` declares it.

    make       `make(rng, **sizes) -> dict`: the arguments of the student's function, in order. `rng` is a
               `numpy.random.RandomState`, whose streams are frozen for all versions of numpy, so that the numbers in
               mistakes.json stay true.
    reference  `reference(**args) -> dict`: torch's answer, name -> array.
    results    the names of what is compared, in the order in which the function returns them.
    sizes      the sizes of the visible problem; every keyword of `make` whose value a reader would like to see.
    withheld   what `make` returns for the reference alone; the student's function does not get it.
    hidden     changes to `sizes`, one dict for each further problem that only grading runs (T = 1, N = 1, ...).
    call       `call(answer, *args)`: how the answer is used where it is not plainly a function of the arguments, for
               example a class. It returns what `results` names.
    as_dict    the function returns a dict with the names as keys (otherwise an array, or a tuple of arrays).
    forward    results whose axis 0 is time and is computed from the first step to the last.
    backward   results whose axis 0 is time and is computed from the last step to the first.
    """

    make: Callable[..., dict]
    reference: Callable[..., dict]
    results: Sequence[str]
    sizes: Mapping[str, Any]
    hidden: Sequence[Mapping[str, Any]] = ()
    withheld: Sequence[str] = ()
    call: Callable | None = None
    as_dict: bool = False
    forward: Sequence[str] = ()
    backward: Sequence[str] = ()


@dataclass(frozen=True)
class Checks:
    """The exercises of one unit, as its folder holds them."""

    folder: Path
    exercises: Mapping[str, Exercise] = field(repr=False)

    def __getitem__(self, name: str) -> Exercise:
        if name not in self.exercises:
            raise ValueError(f"There is no exercise {name!r} in this unit; it has {', '.join(self.exercises)}.")
        return self.exercises[name]


def module_name(folder: Path) -> str:
    """What the module of a unit's `checks.py` is called."""
    return f"checks_of_{Path(folder).resolve().name}"


def load_checks(folder: Path) -> Checks:
    """The `EXERCISES` of `folder/checks.py`. Raises ValueError where there are none."""
    path = Path(folder) / "checks.py"
    if not path.exists():
        raise ValueError(
            f"There is no checks.py in {Path(folder).resolve().name}/, the folder this notebook runs in: "
            "open the notebook from its unit's folder, with everything that belongs to it."
        )
    spec = importlib.util.spec_from_file_location(module_name(folder), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that a problem that holds an object of its own can be pickled
    spec.loader.exec_module(module)
    exercises = getattr(module, "EXERCISES", None)
    if not exercises:
        raise ValueError(f"{path} declares no EXERCISES: a dict from a function's name to its Exercise.")
    return Checks(Path(folder), exercises)


def make_problems(name: str, exercise: Exercise, seed: Seed = PUBLIC_SEED, hidden: bool = False) -> list[Problem]:
    """The visible problem and, with `hidden`, the further ones. The same seed makes the same problems."""
    cases = [dict(exercise.sizes)]
    if hidden:
        cases += [{**exercise.sizes, **change} for change in exercise.hidden]
    problems = []
    for number, sizes in enumerate(cases):
        args = exercise.make(random_state(seed, name, number), **sizes)
        extra = {key: args.pop(key) for key in exercise.withheld}
        problems.append(Problem(sizes, args, extra))
    return problems


@lru_cache(maxsize=256)
def prepared(
    name: str, exercise: Exercise, seed: Seed = PUBLIC_SEED, hidden: bool = False
) -> list[tuple[Problem, dict]]:
    """`make_problems`, each with torch's answer. Kept, because a check is run again and again; nothing changes them."""
    problems = make_problems(name, exercise, seed, hidden)
    return [(problem, exercise.reference(**problem.args, **problem.extra)) for problem in problems]
