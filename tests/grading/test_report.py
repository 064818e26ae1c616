"""The report on a class, from verdicts in the form in which `byhand grade` leaves them."""

import csv
import json

import nbformat
import pytest
import yaml
from classes import EXERCISES, UNIT, copy_course
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import escape

from byhand.cli import main
from byhand.course import Unit
from byhand.grading.answer_sheet import AnswerSheet
from byhand.grading.clean import for_spreadsheet, without_control
from byhand.grading.insight import gain_insight
from byhand.grading.lesson_sections import lesson_sections
from byhand.grading.made_up import MadeUpClass
from byhand.grading.report_table import _as_yaml, unlisted_yaml

HINT = "Count the terms of a in the equation."
RIGHT = dict(points=4.0, max_points=4.0, right=True, mistake=None, hint=None, failure=None, fingerprint=None)
WRONG = RIGHT | dict(points=0.0, right=False, failure="h: largest difference at index [0, 1]: yours 1, torch 2")
UNWRITTEN = WRONG | dict(
    unwritten=True, failure="Not written yet: replace `raise NotImplementedError()` by your answer."
)


def marks(*projections):
    return {"h": {"shape": [3, 6], "projections": list(projections)}}


NO_BIAS = WRONG | dict(mistake="no-bias", hint=HINT, fingerprint=marks(9.0, 9.0, 9.0))


@pytest.fixture
def unit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Unit(copy_course(tmp_path), UNIT)


def verdict(unit, student, status="graded", message="", notes=(), seconds=1.0, **exercises):
    """Everything right but for what is named."""
    answers = dict.fromkeys(EXERCISES, RIGHT) | exercises
    if status == "damaged":
        answers = {name: WRONG | dict(failure=None) for name in EXERCISES}
    path = unit.root / "classroom/verdicts" / UNIT / f"{student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    times = dict(setup=0.1, own_cells=seconds, checks=0.1, record=0.1, feedback=0.1, total=seconds + 0.4)
    path.write_text(json.dumps(dict(
        student=student, unit=UNIT, digest="", status=status, message=message, notes=list(notes), seconds=times,
        score=sum(a["points"] for a in answers.values()), max_score=50.0, exercises=answers,
    )))  # fmt: skip


def page(unit, *options):
    assert main(["report", UNIT, *options]) == 0
    name = f"{UNIT}-no-names.html" if "--no-names" in options else f"{UNIT}.html"
    return (unit.root / "classroom/reports" / name).read_text()


def rows(unit):
    with (unit.root / f"classroom/reports/{UNIT}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_mistakes_stand_in_the_order_of_how_many_made_them_with_the_hint_that_was_shown(unit):
    for number in range(3):
        verdict(unit, f"a{number}", rnn_step=NO_BIAS)
    softmax = WRONG | dict(
        mistake="softmax-included", hint="You return probabilities.", fingerprint=marks(1.0, 2.0, 3.0)
    )
    for number in range(5):
        verdict(unit, f"b{number}", rnn_forward=softmax)
    html = page(unit)
    monday = html[html.index("What to say on Monday") : html.index("Exercise by exercise")]
    assert monday.index("softmax-included") < monday.index("You return probabilities.") < monday.index("no-bias")
    assert "5<small>of 8, 62%</small>" in monday and "3<small>of 8, 38%</small>" in monday
    assert HINT in monday and "a0, a1, a2" in monday


def test_equal_wrong_results_that_nobody_listed_are_one_cluster(unit):
    odd = [WRONG | dict(fingerprint=marks(1.0, 2.0 + 1e-12 * n, 3.0)) for n in range(3)]
    for number, answer in enumerate(odd):
        verdict(unit, f"same{number}", rnn_step=answer)
    verdict(unit, "alone", rnn_step=WRONG | dict(fingerprint=marks(1.0, 2.5, 3.0)))
    verdict(
        unit,
        "breaks",
        rnn_step=WRONG | dict(fingerprint={"failure": "ValueError: shapes"}, failure="Your code stopped"),
    )
    ways = gain_insight(unit).unlisted
    assert [way.students for way in ways] == [["same0", "same1", "same2"], ["alone"], ["breaks"]]
    html = page(unit)
    cluster = html[html.index("Wrong in ways that nobody has listed") :]
    assert (
        "3<small>students</small>" in cluster and "classroom/autograded/same0/05-simple-rnn/exercises.ipynb" in cluster
    )
    assert "2 more answers are wrong in a way of their own" in cluster


def test_what_only_follows_from_an_earlier_exercise_is_no_trouble_of_its_own(unit):
    follows = WRONG | dict(fingerprint=marks(5.0, 5.0, 5.0))
    verdict(unit, "anna", rnn_step=NO_BIAS, rnn_forward=follows, truncated_bptt=follows)
    insight = gain_insight(unit)
    assert [(way.exercise, way.mistake) for way in insight.troubles] == [("rnn_step", "no-bias")]
    stats = {s.exercise: s for s in insight.exercise_stats}
    assert stats["rnn_forward"].count("follows") == stats["truncated_bptt"].count("follows") == 1


def test_a_listed_mistake_is_counted_even_where_an_earlier_exercise_is_wrong(unit):
    verdict(unit, "anna", rnn_step=NO_BIAS, rnn_forward=WRONG | dict(mistake="h0-stored-first", hint="Begin later."))
    assert [cluster.exercise for cluster in gain_insight(unit).troubles] == ["rnn_step", "rnn_forward"]


def test_right_on_the_visible_problem_and_wrong_on_another_one_is_a_cluster_too(unit):
    for student in ("anna", "ben"):
        verdict(unit, student, rnn_forward=WRONG | dict(failure="wrong with T = 1"))
    assert [(w.where, w.students) for w in gain_insight(unit).unlisted] == [("wrong with T = 1", ["anna", "ben"])]


def test_the_table_says_the_same_as_the_page_and_adds_up(unit):
    verdict(unit, "anna")
    verdict(unit, "ben", rnn_step=NO_BIAS)
    verdict(unit, "cem", rnn_step=UNWRITTEN)
    verdict(unit, "dana", "damaged", "exercises.ipynb is no notebook.")
    html = page(unit)
    found = {(r["exercise"], r["what"]): r for r in rows(unit)}
    assert {k: int(r["students"]) for k, r in found.items() if k[0] == "rnn_step"} == {
        ("rnn_step", "right"): 1, ("rnn_step", "known"): 1, ("rnn_step", "unwritten"): 1,
    }  # fmt: skip
    assert found["rnn_step", "known"]["hint"] == HINT and found["rnn_step", "known"]["who"] == "ben"
    assert found["", "status: damaged"]["who"] == "dana" and found["", "status: graded"]["students"] == "3"
    assert "1 right, 1 a known mistake, 1 not written" in html
    assert "exercises.ipynb is no notebook." in html and f"4 submissions. Of the {4 * len(EXERCISES)} points" in html
    for exercise in EXERCISES:
        assert sum(int(r["students"]) for (name, _), r in found.items() if name == exercise) == 3


@pytest.mark.parametrize("status", ["timed out", "out of memory", "died", "damaged", "refused", "failed"])
def test_every_other_status_is_named_with_its_message_and_points(unit, status):
    verdict(unit, "anna")
    verdict(unit, "ben", status, "What happened to ben's notebook.", rnn_step=UNWRITTEN)
    html = page(unit)
    assert "1 submission could not be graded in the ordinary way" in html
    assert f'<td class="status">{status}</td>' in html and escape("What happened to ben's notebook.") in html


def test_without_names_nobody_is_named_anywhere(unit):
    verdict(unit, "anna-1", rnn_step=NO_BIAS)
    verdict(unit, "ben-2", "died", "The kernel of ben-2 ended.", notes=["restored in submitted/ben-2/x"], seconds=9.0)
    for student in ("cem-3", "dana-4"):
        odd = WRONG | dict(fingerprint=marks(1.0, 2.0, 3.0), failure=f"KeyError: /home/{student}/data")
        verdict(unit, student, rnn_step=odd)
    assert "anna-1" in page(unit) and "submitted/ben-2/x" in page(unit)
    html = page(unit, "--no-names")
    table = (unit.root / f"classroom/reports/{UNIT}-no-names.csv").read_text()
    for student in ("anna-1", "ben-2", "cem-3", "dana-4"):
        assert student not in html and student not in table
    assert HINT in html and "2<small>students</small>" in html and "The kernel of … ended." in html


def test_what_students_write_is_shown_and_never_run(unit):
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    verdict(unit, "<b>anna", rnn_step=WRONG | dict(failure=script, fingerprint={"failure": script}))
    verdict(unit, "ben", notes=[script], rnn_step=WRONG | dict(failure=script, fingerprint={"failure": script}))
    verdict(unit, "cem", "died", f"\x1b[31m{script}\x07\u202e")
    html = page(unit)
    assert "<script" not in html and "<img" not in html and "<b>" not in html
    assert html.count("&lt;script&gt;") >= 3 and not set(html) & set("\x1b\x07\u202e")
    assert "default-src 'none'" in html


def test_a_spreadsheet_takes_nothing_for_a_formula(unit):
    for student, start in zip(("anna", "ben", "cem", "dana"), "=+-@", strict=True):
        says = f'{start}HYPERLINK("http://example.org")'
        verdict(unit, student, rnn_step=WRONG | dict(failure=says, fingerprint={"failure": says}))
    verdict(unit, "=1+1", rnn_step=NO_BIAS)
    page(unit)
    cells = [cell for row in rows(unit) for cell in row.values()]
    assert len([cell for cell in cells if "HYPERLINK" in cell and cell.startswith("'")]) == 4
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\ufeff", "\u00a0", " \u2060", "\u00ad\u3000", "\u034f", "\u3164", "\u2800"]
)
@pytest.mark.parametrize("start", "=+-@＝")
def test_a_formula_behind_what_is_not_seen_is_disarmed_too(unseen, start):
    assert for_spreadsheet(f"{unseen}{start}1") == f"'{unseen}{start}1"
    assert for_spreadsheet(f"{unseen}a {start}1") == f"{unseen}a {start}1"
    assert for_spreadsheet(unseen) == unseen


@given(text=st.one_of(st.text(), st.text(" \t\n\r:#-|>'\"%{a\x85\u2028\ufeff\u202e", max_size=20)))
@example(text="    total = 0\nfor row in x:\n    total += row")
@example(text="\n  \n  x")
@example(text="x\n")
@example(text="")
def test_an_unlisted_answer_is_read_back_as_it_was_written(text):
    written = without_control(
        f"rnn_step:\n  misconceptions:\n    - id:\n      solution: {_as_yaml(text, 8)}\n      hint:\n"
    )
    [entry] = yaml.safe_load(written)["rnn_step"]["misconceptions"]
    assert entry["solution"] in (text, f"{text}\n") and entry["hint"] is None


def test_unlisted_answers_come_out_ready_to_be_listed(unit, capsys):
    made = MadeUpClass(unit, 1)
    wrong = made.sheet.solution["rnn_step"].replace("b +", "2 * b +")
    for student in ("anna", "ben"):
        verdict(
            unit,
            student,
            rnn_step=WRONG | dict(fingerprint=marks(1.0, 2.0, 3.0)),
            sample=WRONG | dict(fingerprint=marks(4.0, 5.0, 6.0)),
        )
        folder = unit.root / "classroom/autograded" / student / UNIT
        folder.mkdir(parents=True)
        notebook = AnswerSheet(unit).solved(rnn_step=wrong)
        gone = {"sample", "rnn_step"} if student == "anna" else {"sample"}  # cells that were deleted
        notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in gone]
        (folder / "exercises.ipynb").write_text(nbformat.writes(notebook))
    assert main(["report", UNIT, "--unlisted"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# 2 students (anna, ben). h: largest difference")
    [entry] = yaml.safe_load(printed)["rnn_step"]["misconceptions"]
    assert entry["solution"].strip() == wrong.strip() and set(entry) == {"id", "solution", "hint"}
    assert "anna" not in unlisted_yaml(gain_insight(unit), names=False)
    assert not (unit.root / "classroom/reports").exists()


def test_a_lesson_section_is_named_where_it_has_the_equation_or_the_heading_of_the_exercise(unit):
    places = lesson_sections(unit)
    assert places["rnn_step"].section == "Forward: a layer that hears itself"
    assert places["truncated_bptt"].section == "Truncated backpropagation through time"
    assert places["sample"].section == ""


def test_the_section_is_a_link_where_the_book_is_built(unit):
    verdict(unit, "anna", rnn_step=NO_BIAS)
    assert 'href="../../book' not in page(unit)
    lesson = unit.root / "book/_build/html/units" / UNIT / "lesson.html"
    lesson.parent.mkdir(parents=True)
    lesson.touch()
    link = f"../../book/_build/html/units/{UNIT}/lesson.html#forward-a-layer-that-hears-itself"
    assert f'href="{link}"' in page(unit)


def test_a_class_without_mistakes_has_a_page_too(unit):
    verdict(unit, "anna")
    html = page(unit)
    assert "No mistake was found" in html and "All were graded in the ordinary way." in html


@pytest.mark.parametrize(
    "content, says",
    [(None, "run byhand grade 05-simple-rnn first"), ("{", "holds no verdict that this version has written"), ('{"student": "anna"}', "holds no verdict that this version has written")],
)  # fmt: skip
def test_where_there_is_nothing_to_report_it_says_so_and_writes_nothing(unit, capsys, content, says):
    if content is not None:
        folder = unit.root / "classroom/verdicts" / UNIT
        folder.mkdir(parents=True)
        (folder / "anna.json").write_text(content)
    assert main(["report", UNIT]) == 2
    assert says in capsys.readouterr().err
    assert not (unit.root / "classroom/reports").exists()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1100])
def test_in_a_browser_the_page_fits_and_is_legible(unit, browser, scheme, width):
    for number in range(12):
        verdict(unit, f"a-student-with-a-long-name-{number}", rnn_step=NO_BIAS)
    verdict(unit, "dana", "died", "Cell 9 ended the kernel.")
    page(unit)
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    tab, problems = context.new_page(), []
    tab.on("console", lambda message: problems.append(message.text))
    tab.goto(f"file://{unit.root}/classroom/reports/{UNIT}.html")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 30)"}[scheme]
    tab.emulate_media(media="print", color_scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert problems == []
    context.close()
