"""The sentences of the mistakes that the build derives from a solution."""

from byhand.checking.mistakes import load_mistakes
from byhand.course import find_root, find_units
from byhand.teaching.mutants import mutants

SOLUTION = """h = h0
for t in range(k):
    inside = h + x[t]
    h = np.tanh(inside)
return h"""


def sentences():
    return {m.hint for m in mutants(SOLUTION, {}, ["h"], ["x", "h0", "k"])}


def test_zeros_stand_for_an_array_and_never_for_a_number_of_steps():
    zeros = {hint for hint in sentences() if "zeros stand" in hint}
    assert zeros and all("h0" in hint or "where h belongs" in hint or "where x belongs" in hint for hint in zeros)


def test_a_sentence_names_a_place_or_what_belongs_there():
    assert not [hint for hint in sentences() if "omewhere" in hint and "something else" in hint]
    for unit in find_units(find_root()):
        for name, known in load_mistakes(unit.course).items():
            vague = [
                h for h in known.hints if isinstance(h, str) and h.startswith("Somewhere") and "something else" in h
            ]
            assert not vague, (unit.name, name, vague)
