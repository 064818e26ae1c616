"""Call the student's function and bring home what it returned. Compares nothing."""

from __future__ import annotations

import contextlib
import copy
import dis
import io
import os
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from byhand.checking.by_hand import SAYS_COMPLEX, NotByHand, by_hand, uses_complex_numbers

_NOT_THE_STUDENTS = tuple(
    os.path.realpath(p) + os.sep
    for p in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), os.path.dirname(os.path.dirname(__file__))}
)


@dataclass(frozen=True)
class Failure:
    """An exception in the student's code: what it was, and the last line of the student's own that it passed.

    told  whether the unit's checks have raised it on purpose, with a sentence of their own.
    """

    kind: str
    message: str
    where: str
    told: bool = False

    @property
    def unwritten(self) -> bool:
        return self.kind == "NotImplementedError"


@dataclass(frozen=True)
class Outcome:
    """What one call gave: `returned` as it came, or `failure`; and which arguments came back changed."""

    returned: Any = None
    failure: Failure | None = None
    mutated: tuple[str, ...] = ()
    warned: tuple[str, ...] = field(default=())


def collect(function: Callable, args: Mapping[str, Any], call: Callable | None = None, torch: bool = False) -> Outcome:
    """Call `function` with copies of `args`, by position, or `call(function, *args)`. Raises only KeyboardInterrupt.

    Unless the answer may use `torch`, torch refuses to compute meanwhile. What the function writes to stderr goes to
    stdout, and warnings are kept as text: under nbgrader anything on stderr would cost the cell its points.
    """
    given = {name: copy.deepcopy(value) for name, value in args.items()}
    stderr, returned, failure = io.StringIO(), None, None
    alone = contextlib.nullcontext() if torch else by_hand()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stderr(stderr), alone:
        warnings.simplefilter("default")
        try:
            if not torch and uses_complex_numbers(function):
                raise NotByHand(SAYS_COMPLEX)
            returned = call(function, *given.values()) if call else function(*given.values())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() in an answer must not end the check
            failure = Failure(type(error).__name__, str(error), _own_line(error), _is_told(error))
    if stderr.getvalue():
        print(stderr.getvalue(), end="")
    mutated = tuple(name for name in args if not _same(args[name], given[name]))
    warned = tuple(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)))
    return Outcome(returned, failure, mutated, warned)


def _own_line(error: BaseException) -> str:
    """`in f, line 3: h = x @ U` for the deepest frame that is the student's own; '' where there is none."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    if not own:
        return ""
    line = f": {own[-1].line.strip()}" if own[-1].line else ""
    return f"in {own[-1].name}, line {own[-1].lineno}{line}"


def _is_told(error: BaseException) -> bool:
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    if step is None or os.path.basename(step.tb_frame.f_code.co_filename) != "checks.py":
        return False
    # Whatever else stopped there has met what it did not expect. (In grading there is no source to read a line of.)
    return step.tb_frame.f_code.co_code[step.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _is_own(filename: str) -> bool:
    """Whether code is the student's: a cell or a file of theirs, not a library, and not the unit's checks."""
    path = os.path.realpath(filename)
    return not (path.startswith(_NOT_THE_STUDENTS) or filename.startswith("<frozen") or path.endswith("checks.py"))


_ATOMS = (int, float, str, bool, type(None))


def _same(before: Any, after: Any) -> bool:
    if type(before) in _ATOMS:  # first: a graph has many, and to ask for a Mapping takes long
        return before == after
    if isinstance(before, np.ndarray):
        return (
            isinstance(after, np.ndarray)
            and before.shape == after.shape
            and np.array_equal(before, after, equal_nan=True)
        )
    if isinstance(before, Mapping):
        return (
            isinstance(after, Mapping)
            and list(before) == list(after)
            and all(_same(before[k], after[k]) for k in before)
        )
    if isinstance(before, (list, tuple)):
        return type(before) is type(after) and len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, _ATOMS):
        return before == after
    return True  # a callable or a random generator: using it is what it is for
