"""`byhand report --alike`: pairs of submissions side by side, and what likeness does not prove."""

import nbformat
import pytest
from classes import EXERCISES, UNIT, copy_course
from nbformat.v4 import new_code_cell

from byhand.course import Unit
from byhand.grading.alike import OWN, find_alike, fingerprint
from byhand.grading.answer_sheet import AnswerSheet
from byhand.grading.insight import gain_insight
from byhand.grading.verdicts import write_verdict

RIGHT = dict(points=4.0, max_points=4.0, right=True, mistake=None, hint=None, failure=None, fingerprint=None)

# A way of one's own, and the same with other names, comments and spaces.
DETOUR = """
total = np.zeros((x.shape[0], len(b)))
for row in range(x.shape[0]):
    pieces = [b[j] + sum(W[j, i] * h_prev[row, i] for i in range(W.shape[1])) for j in range(len(b))]
    pieces = [p + sum(U[j, d] * x[row, d] for d in range(U.shape[1])) for j, p in enumerate(pieces)]
    total[row] = [np.sinh(p) / np.cosh(p) for p in pieces]
return total
"""
RENAMED = (
    DETOUR.replace("total", "result").replace("pieces", "sums").replace("row", "n").replace(" p ", " s ")
    .replace("for n in range", "# one sequence after the other\nfor n in range").replace(" + sum", "  +  sum").replace("(p)", "(s)")
    .replace("[p ", "[s ").replace(", p in", ", s in")
)  # fmt: skip
ESSAY = "My grandmother sews copies of one pattern; when she moves one seam, the seams of all the coats that she has cut from it move, and the cost adds up."


@pytest.fixture
def unit(tmp_path):
    return Unit(copy_course(tmp_path), UNIT)


def hand_in(unit, student, own=(), answers=None, **regions):
    notebook = AnswerSheet(unit).solved(**regions)
    notebook.cells += [new_code_cell(source) for source in own]
    folder = unit.root / "classroom/autograded" / student / UNIT
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "exercises.ipynb")
    entries = dict.fromkeys(EXERCISES, RIGHT) | (answers or {})
    write_verdict(unit.root, dict(
        student=student, unit=UNIT, digest="", status="graded", message="", score=46.0, max_score=50.0, exercises=entries,
        seconds=dict(own_cells=1.0, total=1.0), notes=[],
    ))  # fmt: skip


def test_a_detour_with_other_names_and_comments_is_found_and_marked(unit, byhand):
    for n in range(8):
        hand_in(unit, f"s{n}")
    hand_in(unit, "anna", rnn_step=DETOUR)
    hand_in(unit, "ben", rnn_step=RENAMED)
    likeness = find_alike(gain_insight(unit))
    assert [pair.students for pair in likeness.pairs] == [("anna", "ben")]
    [passage] = likeness.pairs[0].passages
    text, [*slices] = passage.texts[1], passage.slices[1]
    assert passage.part == "rnn_step" and not passage.same
    assert "np.cosh" in "".join(text[a:b] for a, b in slices)
    code, said, _ = byhand(unit.root, "report", UNIT, "--alike")
    html = (unit.root / f"classroom/reports/{UNIT}-alike.html").read_text()
    assert code == 0 and "proves nothing" in said
    assert "What this does not prove" in html and "anna" in html and html.count("<figure>") == 2 and "<mark>" in html


def test_what_the_course_gave_and_what_many_wrote_is_left_out(unit):
    given = nbformat.read(unit.course / "lesson.ipynb", as_version=4)
    longest = max((c.source for c in given.cells if c.cell_type == "code"), key=len)
    for n in range(12):  # all have the model solution, some have run a cell of the lesson
        hand_in(unit, f"s{n}", own=[longest] * (n < 3))
    assert find_alike(gain_insight(unit)).pairs == ()


def test_prose_and_cells_of_their_own_are_compared_too(unit):
    for n in range(4):
        hand_in(unit, f"s{n}")
    helper = "def moving_average(values, width):\n    window = np.ones(width) / width\n    return np.convolve(values, window, mode='valid')[::width]"
    for student in ("anna", "ben"):
        hand_in(unit, student, own=[helper], written=f"{ESSAY} Written by {student}.")
    [pair] = find_alike(gain_insight(unit)).pairs
    assert {p.part: p.same for p in pair.passages} == {"written": False, OWN: True}


def test_equal_wrong_numbers_that_no_list_has_are_named(unit, byhand):
    odd = RIGHT | dict(
        right=False, failure="h: off", fingerprint={"h": {"shape": [3, 6], "projections": [1.0, 2.0, 3.0]}}
    )
    for student in ("anna", "ben"):
        hand_in(unit, student, rnn_step=DETOUR, answers={"rnn_step": odd})
    byhand(unit.root, "report", UNIT, "--alike")
    html = (unit.root / f"classroom/reports/{UNIT}-alike.html").read_text()
    assert "Both have <code>rnn_step</code> wrong with the same numbers" in html and "letter by letter" in html


def test_what_students_write_is_shown_and_never_run_and_names_are_left_out(unit, byhand):
    evil = DETOUR.replace(
        "return total",
        "# </code></pre><script>alert(1)</script><img src=x onerror=alert(2)> by anna-1 \u202e\nreturn total",
    )
    for student in ("anna-1", "ben-2"):
        hand_in(unit, student, rnn_step=evil)
    byhand(unit.root, "report", UNIT, "--alike", "--no-names")
    html = (unit.root / f"classroom/reports/{UNIT}-alike-no-names.html").read_text()
    assert "<script" not in html and "<img" not in html and "\u202e" not in html and "&lt;script&gt;" in html
    assert "anna-1" not in html and "ben-2" not in html and "Student 1" in html


def test_nothing_that_somebody_hands_in_stops_it(unit, byhand):
    for student in ("anna", "ben"):
        hand_in(unit, student, rnn_step=DETOUR)
    hand_in(unit, "cem", rnn_step="", own=["", "x" * 300_000, "'" * 5000, "\\" * 5000])
    hand_in(unit, "dana")
    (unit.root / f"classroom/autograded/dana/{UNIT}/exercises.ipynb").write_text("{")
    likeness = find_alike(gain_insight(unit))
    assert [pair.students for pair in likeness.pairs] == [("anna", "ben")] and likeness.unread == ("dana",)


def test_one_submission_alone_is_no_pair(unit, byhand):
    hand_in(unit, "anna")
    code, _, says = byhand(unit.root, "report", UNIT, "--alike")
    assert code == 2 and "not two submissions" in says


def test_numbers_of_a_text_are_the_same_in_each_call():
    one, other = fingerprint(DETOUR, "code"), fingerprint(RENAMED, "code")
    assert len(one.hashes) > 100 and len(one.hashes & other.hashes) > 0.9 * len(one.hashes)
