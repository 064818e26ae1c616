"""A class graded by nbgrader's own commands: every mark is as it should be, and feedback and export say the same."""

import csv
import html
import re

import nbformat
import pytest
from classes import ESSAY, EXERCISES, POINTS, UNIT, Answers, run
from nbgrader.api import Gradebook

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class")]

# The share of its points that an answer earns, by reasoning; what is not named here earns all. Each quantity counts the
# same, so where one of six is wrong, 5/6 is earned. An exercise that calls a wrong one is wrong where it depends on it.
SHARES = {
    "blank": dict.fromkeys(EXERCISES, 0),
    "solution": {},
    "essay": {},
    "style-0": {},
    "style-1": {},
    "style-2": {},
    # Every state is wrong, and with it every output, loss, gradient and draw. The way back is given right states.
    "no-bias": dict(rnn_step=0, rnn_forward=0, truncated_bptt=0, sample=0),
    # h is right, o is not. From wrong scores no loss and no gradient is right. sample does not call rnn_forward.
    "no-output-bias": dict(rnn_forward=1 / 2, truncated_bptt=0),
    # J and do are not numbers where scores are near 1000; those of truncated_bptt are small. Of its six quantities the
    # dropped chunk leaves only J right.
    "overflow": dict(cross_entropy=0, truncated_bptt=1 / 6),
    # J is right, its gradient is not, and no gradient that begins there.
    "sum-gradient": dict(cross_entropy=1 / 2, truncated_bptt=1 / 6),
    # dh_prev is wrong of five. Then all that comes back through it: of six only dV and dc are right, and J.
    "w-transposed": dict(rnn_step_backward=4 / 5, rnn_backward=2 / 6, truncated_bptt=3 / 6),
    # Five right numbers and one overwritten argument. rnn_backward makes dh anew for each step, so nobody notices.
    "dh-overwritten": dict(rnn_step_backward=5 / 6),
    # dW is wrong.
    "same-step": dict(rnn_backward=5 / 6, truncated_bptt=5 / 6),
    # Two right arrays and one overwritten argument. Who calls it loses h0: dW of the first step is wrong, and h0 is
    # overwritten for its caller too, so two of seven are wrong.
    "h0-overwritten": dict(rnn_forward=2 / 3, truncated_bptt=5 / 7),
    # Right for the ordinary five steps, and on all of the eight special kinds but T = 1 and T = 9. truncated_bptt has
    # eight steps, for which the scores are too few.
    "hard-coded": dict(rnn_forward=7 / 9, truncated_bptt=0),
    # There is no rnn_step: who calls it fails, the others don't.
    "syntax-error": dict(rnn_step=0, rnn_forward=0, truncated_bptt=0, sample=0),
    # What an answer writes to stderr, and what numpy warns of, costs nothing.
    "noisy": {},
    # The student's own cell fails; the setup cell is locked, and nbgrader puts it back.
    "bad-import": {},
}
EXPECTED = {
    student: {f"{name}-check": round(points * shares.get(name, 1), 2) for name, points in POINTS.items()}
    for student, shares in SHARES.items()
}


def gradebook(root):
    return Gradebook(f"sqlite:///{root}/classroom/gradebook.db")


def scores(root):
    """Student -> graded cell -> what nbgrader gave without a human."""
    with gradebook(root) as book:
        return {
            submission.student.id: {grade.name: grade.auto_score for grade in submission.notebooks[0].grades}
            for submission in book.assignment_submissions(UNIT)
        }


def mark(root, student, score):
    """Give a score to the written question of `student`, as the formgrader does; None takes it back."""
    with gradebook(root) as book:
        grade = book.find_grade("written", "exercises", UNIT, student)
        grade.manual_score, grade.needs_manual_grade = score, score is None
        book.db.commit()


@pytest.fixture(autouse=True)
def the_essay_waits(graded_class):
    """Whatever another test has marked."""
    mark(graded_class, "essay", None)


def outputs(root, student):
    """What the graded cells of `student` showed when they ran, as plain text."""
    notebook = nbformat.read(root / "classroom/autograded" / student / UNIT / "exercises.ipynb", as_version=4)
    shown = [o for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade") for o in c.get("outputs", [])]
    return "\n".join(o.data["text/plain"] for o in shown if "data" in o)


def feedback(root, student):
    """The words of a feedback page, without the tags that colour its code."""
    page = (root / "classroom/feedback" / student / UNIT / "exercises.html").read_text()
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.S)))


def in_one_line(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def feedback_given(graded_class):
    run(graded_class, "nbgrader", "generate_feedback", UNIT)
    return graded_class


def test_the_unit_has_50_points(graded_class):
    with gradebook(graded_class) as book:
        points = {grade.name: grade.max_score for grade in book.find_notebook("exercises", UNIT).grade_cells}
    assert points == {f"{name}-check": value for name, value in POINTS.items()} | {"written": 4}
    assert sum(points.values()) == 50


@pytest.mark.parametrize("student", SHARES)
def test_each_graded_cell_has_the_score_that_it_deserves(graded_class, student):
    found = scores(graded_class)[student]
    written = found.pop("written")
    assert found == EXPECTED[student]
    # An answer in prose waits for a human; none earns nothing.
    assert written == (None if student == "essay" else 0)


def test_everyone_is_graded_and_only_the_essay_waits(graded_class):
    with gradebook(graded_class) as book:
        waiting = {s.student.id: s.needs_manual_grade for s in book.assignment_submissions(UNIT)}
    assert waiting == {student: student == "essay" for student in SHARES}


def test_nobody_is_told_the_seed(feedback_given):
    """Whoever knows it knows the graded problems."""
    seed = (feedback_given / "classroom/seed").read_text().strip()
    for student in SHARES:
        assert seed not in feedback(feedback_given, student), student


def test_grading_again_gives_the_same_scores_and_keeps_marks_given_by_hand(graded_class):
    before = scores(graded_class)
    mark(graded_class, "essay", 2.5)
    # three, two with fractions of points
    run(graded_class, "nbgrader", "autograde", UNIT, "--force", "--student=[eh]*")
    assert scores(graded_class) == before
    with gradebook(graded_class) as book:
        assert book.find_grade("written", "exercises", UNIT, "essay").score == 2.5


def test_feedback_says_what_is_wrong_and_what_was_earned(feedback_given):
    pages = {student: in_one_line(feedback(feedback_given, student)) for student in SHARES}
    for student, page in pages.items():
        for name, points in POINTS.items():
            earned = EXPECTED[student][f"{name}-check"]
            assert f"Grade cell: {name}-check Score: {float(earned)} / {float(points)}" in page, (student, name)
    assert "rnn_backward: not right yet. Look at dW." in pages["same-step"]
    assert f"{round(5 / 6 * POINTS['rnn_backward'], 2):g} of {POINTS['rnn_backward']:g} points." in pages["same-step"]
    assert "cross_entropy: right. J, do agree with torch." in pages["solution"]
    assert "Not written yet" in pages["blank"]
    assert "your function changed its argument h0" in pages["h0-overwritten"]
    assert ESSAY in pages["essay"]


def test_feedback_gives_no_answer_away(feedback_given):
    answers = Answers(feedback_given)
    lines = {line.strip() for region in answers.solution.values() for line in region.splitlines()}
    released = in_one_line(answers.released.read_text())
    lines = {line for line in map(in_one_line, lines) if len(line) > 20 and line not in released}
    blank, solved = (in_one_line(feedback(feedback_given, student)) for student in ("blank", "solution"))
    assert {line for line in lines if line in blank} == set()
    # The same search finds them all where the student wrote them.
    assert {line for line in lines if line not in solved} == set()
    assert "Rubric, one point each" in answers.sources["written"]
    for student in SHARES:
        assert "one point each" not in feedback(feedback_given, student)


def test_the_exported_table_adds_up(graded_class):
    mark(graded_class, "essay", 3.5)
    run(graded_class, "nbgrader", "export")
    with (graded_class / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert rows.keys() == SHARES.keys()
    for student, row in rows.items():
        by_hand = 3.5 if student == "essay" else 0
        assert float(row["score"]) == pytest.approx(sum(EXPECTED[student].values()) + by_hand), student
        assert (row["assignment"], float(row["max_score"])) == (UNIT, 50), student
