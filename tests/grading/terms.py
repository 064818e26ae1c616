"""Made-up terms of real size, with names in several scripts, and what is odd in each class."""

import random

from classes import ROOT

from byhand.course import find_units
from byhand.grading.families import FAMILIES
from byhand.grading.roster import Person, Roster
from byhand.grading.term import Line, Mark, Term, called

FIRST = "Ada Zoë Søren 小龙 Мария فاطمة दीपा Γιώργος 지우 נועה Thùy Ọlá Emmy Grace José Łucja さくら O'Neil Jean-Luc Ayşe".split()
LAST = "Lovelace Müller Kierkegaard 李 Иванова الزهراء शर्मा Παπαδόπουλος 김 כהן Nguyễn Adébáyọ̀ Noether Hopper García Wiśniewska 田中 Connor Picard Yılmaz".split()


def made_up_term(students, units=12, seed=0):
    """A term of which the last unit is not due yet."""
    chance = random.Random(seed)
    taken = find_units(ROOT)[:units]
    kinds = [name for name, _ in FAMILIES]
    lines = []
    for n in range(students):
        name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        person = Person(
            name, f"s{n:03}@example.org", f"{20260000 + n}", f"s{n:03}", chance.choice(["A", "B"]), {f"s{n:03}"}
        )
        line = Line(person, [f"s{n:03}"])
        level, slope = chance.betavariate(5, 2), chance.choice([0, 0, 0, 0.02, -0.05])
        stops = chance.choice([99] * 12 + [5, 9])
        for at, unit in enumerate(taken):
            if at >= stops or chance.random() < 0.06 or (at == len(taken) - 1 and chance.random() < 0.5):
                continue
            share = min(1, max(0, level + slope * at + chance.gauss(0, 0.08)))
            status = chance.choices(["graded", "timed out", "damaged"], [60, 1, 1])[0]
            points = 0.0 if status == "damaged" else round(50 * share * 2) / 2
            made = frozenset(chance.sample(kinds, chance.choice([0, 0, 1, 1, 2]))) if share < 0.95 else frozenset()
            line.marks[unit.name] = Mark(
                points,
                50.0,
                status,
                chance.choice([0.0] * 9 + [5400.0, 200000.0]),
                at > len(taken) - 4 and chance.random() < 0.4,
                made,
                f"s{n:03}",
            )
        lines.append(line)
    lines.sort(key=lambda line: called(line).casefold())
    return Term(
        tuple(taken),
        tuple(lines),
        frozenset({taken[-1].name}),
        {unit.name: 50.0 for unit in taken},
        Roster(tuple(l.person for l in lines)),
    )
