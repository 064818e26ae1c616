"""What a lesson's opening promises is practised: each goal names exercises, and they are there."""

import re
from pathlib import Path

import pytest

from byhand.course import find_units

UNITS = find_units(Path(__file__).parents[1])


def goals(unit):
    """The goals of a lesson: for each its text, and the numbers of the exercises that it names."""
    lesson = unit.lesson.read_text(encoding="utf-8")
    [listed] = re.findall(r"What you will be able to do\n:class: tip\n(.*?)\n\*\*You need:", lesson, re.S)
    for goal in re.split(r"^- ", listed, flags=re.M)[1:]:
        goal = " ".join(goal.split())
        named = re.search(r"\(exercises? ([^)]*)\)[.;]$", goal)
        numbers = [int(n) for n in re.findall(r"\d+", named[1])] if named else []
        yield goal, range(numbers[0], numbers[-1] + 1) if named and " to " in named[1] else numbers


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_goal_is_practised_by_the_exercises_that_it_names(unit):
    there = {int(n) for n in re.findall(r"^## Exercise (\d+)", unit.exercises.read_text(encoding="utf-8"), re.M)}
    found = list(goals(unit))
    assert len(found) > 2
    for goal, numbers in found:
        assert numbers and set(numbers) <= there, goal
