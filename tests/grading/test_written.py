"""Marking the written question: the rubric, the order of reading, agreement, and the page with two markers at it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from classes import ROOT, UNIT, Answers, clean_environment, copy_course, run, submit
from nbgrader.api import Gradebook
from playwright.sync_api import expect
from test_lab import page  # noqa: F401 - a fixture
from waiting import LONG, until

from byhand.course import CourseError, Unit, find_units
from byhand.grading import written, written_html
from byhand.grading.written import Agreement, Answer, Mark, agreement, next_answer, read_question
from byhand.stepper import mathml

TO_OPEN = 4000 * LONG  # milliseconds, for the first page of a server, which starts a process that lays all answers out
ESSAYS = {
    "ann": "Imagine a copy $W^{(t)}$ for each step; the effects of all copies on $J$ add up.",
    "ben": "V and c are exact, <b onclick='alert(1)'>they</b> act directly.",
    "cid": "I do not know; $\\frac{a$ perhaps.",
}


def answer(key, source="text", **marks):
    made = Answer(key, f"student-{key}", source, {}, (), None)
    made.marks = {who: Mark(tuple(points), "", made.digest) for who, points in marks.items()}
    return made


@pytest.mark.parametrize("unit", find_units(ROOT), ids=lambda unit: unit.name)
def test_every_units_rubric_has_a_line_for_each_point(unit):
    question = read_question(unit)
    assert question.points == len(question.lines) >= 3 and question.statement.startswith("## Written question")
    assert f"({len(question.lines)} points)" in question.statement.splitlines()[0]


def test_a_rubric_whose_lines_are_not_its_points_is_an_error(tmp_path):
    unit = Unit(copy_course(tmp_path), UNIT)
    text = unit.exercises.read_text()
    unit.exercises.write_text(text.replace("- Exact: ", "Exact: "))
    with pytest.raises(CourseError, match=r"3 lines .* for 4 points"):
        read_question(unit)


def test_the_next_answer_is_one_that_nobody_has_marked_and_nobody_reads():
    answers = [answer("a", ann=[1]), answer("b"), answer("c"), answer("d", ben=[0])]
    assert next_answer(answers, "ann", None, False) == "b"
    assert next_answer(answers, "ann", "b", False) == "c"
    assert next_answer(answers, "ann", "c", False) == "b"
    assert next_answer(answers, "ann", None, False, taken={"b"}) == "c"
    assert next_answer(answers, "ann", "c", True) == "d"
    assert next_answer(answers, "ann", "d", True) == "b"
    assert next_answer([answer("a", ben=[1])], "ann", None, False) is None
    assert next_answer([answer("a")], "ann", "a", False) is None


def test_agreement_counts_pairs_of_marks_and_what_is_beyond_chance():
    answers = [
        answer("a", ann=[1, 1, 0, 0], ben=[1, 1, 0, 0]),
        answer("b", ann=[1, 0, 0, 0], ben=[1, 1, 0.5, 0]),
        answer("c", ann=[1, 1, 1, 1]),
    ]
    # Of 8 lines 6 are equal. ann gave three points and five times none; ben four, one half, three times none.
    by_chance = (3 * 4 + 0 * 1 + 5 * 3) / 64
    found = agreement(answers)
    assert (found.pairs, found.equal, found.apart, found.lines, found.same) == (2, 1, 0.75, 8, 6)
    assert found.kappa == pytest.approx((6 / 8 - by_chance) / (1 - by_chance))
    assert found.differing == ("b",)
    assert agreement([answer("a", ann=[1, 1], ben=[1, 1])]).kappa is None
    assert agreement(answers[2:]) == Agreement()


def test_what_a_student_wrote_is_shown_with_its_formulas_and_does_nothing():
    shown = written_html.all_html([(text, {}) for text in ESSAYS.values()])
    assert "<math" in shown[0] and "onclick=" not in shown[1].replace("&lt; b onclick", "") and "they" in shown[1]
    assert r"<code>$\frac{a$</code>" in shown[2]


@pytest.mark.parametrize(
    "formula",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\style{position:fixed}{x}",
        r"\class{panel}{x}",
        r"\class{bh-frame}{x}",
        r"\hspace{-90em} x",
        r"\hspace{99999mu} x",
    ],
)
def test_a_formula_brings_no_link_no_style_no_class_and_takes_no_room_of_others(formula):
    root = ElementTree.fromstring(written_html.html(f"${formula}$", {}))
    brought = {"href", "style", "class", "width"}
    assert root.find(".//mi") is not None and not any(brought & {*element.keys()} for element in root.iter())


def test_a_formula_of_the_course_stays_whole():
    texts = [path.read_text() for path in (*ROOT.glob("course/*/lesson.md"), *ROOT.glob("solutions/*/exercises.md"))]
    formulas = {
        one.strip()
        for text in texts
        for one in re.findall(r"\$\$(.+?)\$\$|(?<!\$)\$([^$\n]+)\$", text, re.S)
        for one in one
    }
    whole = 0
    for formula in formulas - {""}:
        with contextlib.suppress(ValueError):  # what is no formula: a price
            made = mathml(formula)
            assert written_html._only_mathematics(made) == made
            whole += 1
    assert whole > 1000


def test_a_text_that_takes_too_long_is_shown_as_it_is(monkeypatch):
    """The process is killed at it, and a new one goes on behind it."""
    real = written_html._some
    monkeypatch.setattr(written_html, "_some", lambda texts: [] if texts[0][0] == "<slow>" else real(texts[:1]))
    assert written_html.all_html([("*a*", {}), ("<slow>", {}), ("*b*", {})]) == [
        "<p><em>a</em></p>\n",
        "<pre>&lt;slow&gt;</pre>",
        "<p><em>b</em></p>\n",
    ]


def test_the_kernel_ends_what_takes_too_long(monkeypatch):
    monkeypatch.setattr(written_html, "TEXT_SECONDS", 0)
    text = "*a* $x$ " * 100_000
    assert written_html.all_html([(text, {})]) == [f"<pre>{text}</pre>"]


@pytest.fixture(scope="module")
def classroom(built_course, tmp_path_factory):
    root = shutil.copytree(built_course, tmp_path_factory.mktemp("written") / "course")
    answers = Answers(root)
    submit(
        root, {student: answers.solved(written=essay) for student, essay in ESSAYS.items()} | {"none": answers.solved()}
    )
    run(root, "byhand", "grade", UNIT)
    return root


@contextlib.contextmanager
def marking(root, marker):
    """The page's address, from `byhand mark` under a marker's name."""
    env = clean_environment(root) | {"LOGNAME": marker, "BROWSER": "/bin/true"}
    runtime = Path(env["JUPYTER_RUNTIME_DIR"])
    program = Path(sys.executable).parent / "byhand"
    with (root / ".jupyter" / f"{marker}.log").open("w") as log:
        server = subprocess.Popen([program, "mark", UNIT], cwd=root, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            info = runtime / f"jpserver-{server.pid}.json"

            def listens():
                assert server.poll() is None, Path(log.name).read_text()
                return info.exists() and info.read_text().endswith("}") and json.loads(info.read_text())

            said = until(listens, "the page's server", 2 * LONG)
            yield f"{said['url'].replace('localhost', '127.0.0.1')}byhand/mark/{UNIT}?token={said['token']}"
        finally:
            server.terminate()
            server.wait()


def score_of(root, student):
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        notebook = book.find_submission_notebook("exercises", UNIT, student)
        [grade] = [g for g in notebook.grades if g.name == "written"]
        [comment] = [c for c in notebook.comments if c.name == "written"]
        return grade.manual_score, grade.needs_manual_grade, comment.manual_comment


@pytest.mark.slow
def test_two_markers_share_a_class_with_the_keyboard_alone(page, classroom):  # noqa: F811
    unit = Unit(classroom, UNIT)
    order = [answer.student for answer in written.read_answers(unit, read_question(unit))]
    assert set(order) == set(ESSAYS)  # who left the question as it was has nothing to be marked
    which, state, keys = page.locator("#which"), page.locator("#state"), page.keyboard
    with marking(classroom, "first") as address:
        page.goto(address)
        expect(which).to_have_text("Answer 1 of 3", timeout=TO_OPEN)
        expect(page.locator("#answer")).to_contain_text(
            {"ann": "Imagine a copy", "ben": "act directly", "cid": "perhaps"}[order[0]]
        )
        expect(page.locator("#lines > li")).to_have_count(4)
        expect(page.locator("#lines")).to_contain_text("no path from them to")
        assert not any(student in page.content() for student in ("student-", "submitted/"))
        keys.press("1")
        keys.press("3")
        keys.press("3")
        expect(page.locator("#score")).to_have_text("1.5 of 4 points, not saved yet")
        keys.press("c")
        keys.type("Look at the sum again: 2 of 4.")
        keys.press("j")  # a letter of the comment here
        expect(page.locator("#comment")).to_have_value("Look at the sum again: 2 of 4.j")
        keys.press("Backspace")
        keys.press("Escape")
        keys.press("j")
        expect(state).to_contain_text("not saved yet")
        keys.press("Enter")
        expect(which).to_have_text("Answer 2 of 3")
        expect(state).to_contain_text("1 of 3 answers are marked")
        assert score_of(classroom, order[0]) == (1.5, False, "Look at the sum again: 2 of 4.")
    with marking(classroom, "second") as address:
        page.goto(address)
        expect(which).to_have_text("Answer 2 of 3", timeout=TO_OPEN)  # the first is marked
        page.get_by_label("Also answers that another marker").check()
        expect(which).to_have_text("Answer 1 of 3")
        assert "Look at the sum again" not in page.content()  # the second opinion is an own one
        for key in "1234":
            keys.press(key)
        which.focus()
        keys.press("Enter")
        expect(which).to_have_text("Answer 2 of 3")
        expect(page.locator("#agreement")).to_contain_text(
            "1 pairs of marks on the same answer: 0 with the same score, 2.50 points apart"
        )
        page.get_by_role("button", name="answer 1").click()
        expect(page.locator("#others")).to_contain_text("first gave 1.5: 1, 0, ½, 0. Look at the sum again")
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert score_of(classroom, order[0]) == (pytest.approx(2.75), False, "Look at the sum again: 2 of 4.")
    run(classroom, "byhand", "grade", UNIT)  # the marks come into the page, and stay
    assert "2.75 / 4.0" in (classroom / "classroom/feedback" / order[0] / UNIT / "exercises.html").read_text()
    # An answer that has changed since is to be read again.
    path = classroom / "classroom/autograded" / order[0] / UNIT / "exercises.ipynb"
    path.parent.chmod(0o755)
    text = path.read_text()
    path.unlink()
    path.write_text(
        text.replace("Imagine a copy", "Think of a copy").replace("act directly", "act").replace("perhaps", "maybe")
    )
    assert all(not answer.marks for answer in written.read_answers(unit, read_question(unit)))


@pytest.mark.slow
def test_marks_that_cannot_be_read_are_named_and_not_lost(classroom, byhand):
    path = written.marks_path(Unit(classroom, UNIT), "ben")
    kept = path.read_text() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{")
    code, _, says = byhand(classroom, "mark", UNIT)
    assert code == 2 and "cannot be read as marks" in says and path.read_text() == "{"
    path.write_text(kept) if kept else os.remove(path)
