"""`check` in the student's process: problems come in, what the student's function makes of them goes out."""

from __future__ import annotations

import base64
import pickle
import sys
from collections.abc import Callable
from typing import Any

from byhand.grading import wire
from byhand.grading.student.channel import CHANNEL, flush

collecting = sys.modules["byhand.checking.collect"]  # `byhand.checking.collect` is its function


class Collector:
    """`check`, as the student's process has it: it asks for problems, calls the function, sends what comes back.

    It has no `checks.py` and no answer. How a function is called comes with the problems, and what became of their arguments
    is sent as it is, for the judge to see whether they were changed.
    """

    exercises: tuple[str, ...] = ()
    asked = 0  # checks so far

    def check(self, name: str, function: Callable, points: float | None = None) -> None:
        """Compare `function` with torch; the points come from outside."""
        if not callable(function):
            raise TypeError(
                f"check needs your function itself: check({name!r}, {name}), without brackets after the name."
            )
        if name not in self.exercises:
            raise ValueError(f"There is no exercise {name!r} in this unit; it has {', '.join(self.exercises)}.")
        graded = points is not None
        flush()
        self.asked += 1
        CHANNEL.send(kind="check", name=name, graded=graded, uses=self._used(function), ask=self.asked)
        while (answer := CHANNEL.receive()).get("ask") != self.asked:
            pass  # what a check that was interrupted has not read
        call, torch, problems = pickle.loads(base64.b64decode(answer["problems"]))
        for number, args in enumerate(problems):
            given: list[Any] = []

            def calling(answer, *values, given=given):
                given[:] = values
                return call(answer, *values) if call else answer(*values)

            outcome = collecting.collect(function, args, calling, torch)
            flush()
            after = wire.encode_arguments(dict(zip(args, given, strict=False)))
            CHANNEL.send(kind="outcome", number=number, outcome=wire.encode_outcome(outcome), after=after)
        CHANNEL.send(kind="checked", name=name, graded=graded)

    def _used(self, function: Callable) -> list[str]:
        """The other exercises whose answers this function calls by name."""
        code, space = getattr(function, "__code__", None), getattr(function, "__globals__", {})
        names = code.co_names if code else ()
        return [n for n in self.exercises if n in names and space.get(n) is not function]
