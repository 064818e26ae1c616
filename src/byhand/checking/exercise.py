"""What an exercise asks: its kinds of problem, made from a seed, and what the right answers to them are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from byhand.checking.seed import Seed, random_state
from byhand.checking.stored import FILE, read_answers
from byhand.checking.terms import Terms

PUBLIC_SEED = 0


@dataclass(frozen=True)
class EdgeCase:
    """A special kind of problem: `sizes` are changes to the ordinary ones.

    says  the kind in words that follow "wrong": "with one sequence in the batch". Without it the sizes are named.
    hint  what to tell where an answer is right on all kinds before this one and fails here, if no mistake is recognised.
    needed  whether a result that is wrong here earns nothing: where numerical differences fail, say, in a backward pass.
    """

    sizes: Mapping[str, Any]
    says: str = ""
    hint: str = ""
    needed: bool = False


# Every answer gets the ordinary problem twice.
AGAIN = EdgeCase(
    {},
    "when it is called a second time with the same numbers",
    "The first call is right and the second, with the same numbers, is not: something is kept from one call to the next. "
    "A list or dict as a default argument, an array outside of the function that is written to, an object that does not "
    "start anew?",
)


@dataclass(frozen=True)
class Problem:
    """One set of inputs: `args` go to the student's function by position, in this order; the reference has `extra` too."""

    sizes: Mapping[str, Any]
    args: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    edge: EdgeCase | None = None

    @property
    def label(self) -> str:
        return ", ".join(f"{k} = {v}" for k, v in self.sizes.items())

    @property
    def kind(self) -> str:
        """What is special about the problem, in words; '' for the ordinary one."""
        if self.edge is None:
            return ""
        return self.edge.says or "with " + ", ".join(f"{k} = {v}" for k, v in self.edge.sizes.items())


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise as a unit's `checks.py` declares it; the right answers stand in `reference.py`.

    make       `make(rng, **sizes) -> dict`: the arguments of the student's function, in order. `rng` is a
               `numpy.random.RandomState`, whose streams are frozen for all versions of numpy, so that the numbers in
               mistakes.json stay true. What a check must see stands in entries that `make` writes over the drawn ones.
    results    the names of what is compared, in the order in which the function returns them.
    sizes      the sizes of the ordinary problem; every keyword of `make` whose value a reader would like to see. They
               differ from each other, so that the table can name axes by their length.
    edges      the special kinds of problem: an `EdgeCase`, or a dict of changes to `sizes`.
    withheld   what `make` returns for the reference alone; the student's function does not get it.
    call       `call(answer, *args)`: how the answer is used where it is not plainly a function of the arguments, for
               example a class. It returns what `results` names.
    as_dict    the function returns a dict with the names as keys (otherwise an array, or a tuple of arrays).
    forward    results whose axis 0 is time and is computed from the first step to the last.
    backward   results whose axis 0 is time and is computed from the last step to the first.
    groups     results that count as one quantity in the marks, each a sequence of names: what a given function delivers,
               or what any answer gets right together with what matters.
    elementwise  results that are compared entry by entry, each relative to itself, and not to the largest.
    scales     `scales(**args) -> {result: size}`: how large what was added up was, where the result may be a true 0.
    single     whether single precision inside is right (to 1e-6, with a note).
    judge      who says what is right: torch, or "the reference" where `reference.py` uses plain loops.
    torch      whether the answer itself works with torch. All others are written in numpy, and torch refuses to help.
    """

    make: Callable[..., dict]
    results: Sequence[str]
    sizes: Mapping[str, Any]
    edges: Sequence[EdgeCase | Mapping[str, Any]] = ()
    withheld: Sequence[str] = ()
    call: Callable | None = None
    as_dict: bool = False
    forward: Sequence[str] = ()
    backward: Sequence[str] = ()
    groups: Sequence[Sequence[str]] = ()
    elementwise: Sequence[str] = ()
    scales: Callable[..., Mapping[str, float]] | None = None
    single: bool = True
    judge: str = "torch"
    torch: bool = False

    @property
    def kinds(self) -> list[tuple[dict[str, Any], EdgeCase | None]]:
        """The sizes of each kind of problem, the ordinary one first, and what is special about it."""
        edges = [AGAIN, *(e if isinstance(e, EdgeCase) else EdgeCase(e) for e in self.edges)]
        return [(dict(self.sizes), None), *(({**self.sizes, **edge.sizes}, edge) for edge in edges)]

    @property
    def quantities(self) -> list[tuple[str, ...]]:
        """What counts as one in the marks: the groups, and every result that is in none."""
        grouped = {name: tuple(group) for group in self.groups for name in group}
        return list(dict.fromkeys(grouped.get(name, (name,)) for name in self.results))


@dataclass(frozen=True)
class Solved:
    """A problem with its right answer, and what the judge needs beside it."""

    problem: Problem
    answer: Mapping[str, np.ndarray]
    scales: Mapping[str, float] = field(default_factory=dict)
    terms: Mapping[str, Terms] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Checks:
    """The exercises of one unit, and the right answers, which are loaded when they are first asked for.

    load_reference  gives what `reference.py` holds. `REFERENCES`: name of an exercise -> `reference(**args) -> dict`, name
                    of a result -> array; `TERMS`, where there are some: the same, name of a result -> the terms of its sum.
    """

    folder: Path | None
    exercises: Mapping[str, Exercise] = field(repr=False)
    load_reference: Callable[[], Any] = field(repr=False)
    _kept: dict[tuple, list[Solved]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Exercise:
        if name not in self.exercises:
            raise ValueError(f"There is no exercise {name!r} in this unit; it has {', '.join(self.exercises)}.")
        return self.exercises[name]

    @cached_property
    def _reference(self) -> Any:
        return self.load_reference()

    def solved(self, name: str, seed: Seed = PUBLIC_SEED) -> list[Solved]:
        """Every kind of problem of an exercise, the ordinary one first, with the right answers.

        Kept, because a check is run again and again; nothing changes them. Where torch is not installed, those to the
        public problems come from the unit's file; to others there are none, and NoTorch is raised.
        """
        if (name, seed) not in self._kept:
            exercise, found = self[name], []
            answer = self._answers(name, seed)
            for problem in make_problems(name, exercise, seed):
                if problem.edge is AGAIN:
                    found.append(replace(found[0], problem=problem))
                    continue
                known = {**problem.args, **problem.extra}
                right, terms = answer(known)
                found.append(Solved(problem, right, exercise.scales(**known) if exercise.scales else {}, terms))
            self._kept[name, seed] = found
        return self._kept[name, seed]

    def _answers(self, name: str, seed: Seed) -> Callable[[Mapping[str, Any]], tuple]:
        """What gives the right answer to one kind of problem after another, and the terms of its sums."""
        try:
            reference = self._reference.REFERENCES[name]
            terms = getattr(self._reference, "TERMS", {}).get(name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            if seed != PUBLIC_SEED or not self.folder or not (self.folder / FILE).exists():
                raise NoTorch(
                    "torch gives the right answers to these problems, and it is not installed here."
                ) from None
            stored = iter(read_answers(self.folder / FILE, name))
            return lambda known: next(stored)
        return lambda known: (reference(**known), terms(**known) if terms else {})


class NoTorch(ImportError):
    """Right answers are asked for that torch alone can give."""


def module_name(folder: Path, stem: str = "checks") -> str:
    """What a module of a unit is called."""
    return f"{stem}_of_{Path(folder).resolve().name}"


def load_checks(folder: Path) -> Checks:
    """The `EXERCISES` of `folder/checks.py`. Raises ValueError where there are none."""
    path = Path(folder) / "checks.py"
    if not path.exists():
        raise ValueError(
            f"There is no checks.py in {Path(folder).resolve().name}/, the folder this notebook runs in: "
            "open the notebook from its unit's folder, with everything that belongs to it."
        )
    module = _load(path)
    exercises = getattr(module, "EXERCISES", None)
    if not exercises:
        raise ValueError(f"{path} declares no EXERCISES: a dict from a function's name to its Exercise.")
    folder = Path(folder).resolve()
    return Checks(folder, exercises, lambda: _load(folder / "reference.py", checks=module))


def _load(path: Path, **beside: ModuleType) -> ModuleType:
    """Run a module of a unit; `beside` are modules of the same unit that it may import by these names."""
    name = module_name(path.parent, path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader  # there is one for every file of Python
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that a problem that holds an object of its own can be pickled
    before = {key: sys.modules.get(key) for key in beside}
    sys.modules.update(beside)
    try:
        spec.loader.exec_module(module)
    finally:
        for key, old in before.items():
            if old is None:
                del sys.modules[key]
            else:
                sys.modules[key] = old
    return module


def make_problems(name: str, exercise: Exercise, seed: Seed = PUBLIC_SEED) -> list[Problem]:
    """A problem of each kind, the ordinary one first. The same seed makes the same problems."""
    problems: list[Problem] = []
    for sizes, edge in exercise.kinds:
        if edge is AGAIN:
            problems.append(replace(problems[0], edge=edge))
            continue
        number = sum(problem.edge is not AGAIN for problem in problems)
        args = exercise.make(random_state(seed, name, number), **sizes)
        extra = {key: args.pop(key) for key in exercise.withheld}
        problems.append(Problem(sizes, args, extra, edge))
    return problems
