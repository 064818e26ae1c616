"""What a student and an instructor see in JupyterLab: real pages of a real server, in a browser."""

import re

import nbformat
import pytest
from classes import ESSAY, EXERCISES, UNIT, Answers, copy_course
from lab import running_lab
from nbgrader.api import Gradebook
from playwright.sync_api import expect
from waiting import LONG

from byhand.start import write_start_page

pytestmark = pytest.mark.slow

WRONG = ("cross_entropy/gradient-of-the-sum", "rnn_backward/paired-with-the-same-step")
MATHJAX = re.compile(r"^https://cdnjs\.cloudflare\.com/ajax/libs/mathjax/2\.")
MATHJAX_STAND_IN = "MathJax = {Hub: {Config() {}, Queue() {}, Startup: {signal: {Interest() {}}}}}"
TO_OPEN = 1000 * LONG  # milliseconds, for the first page of a server and for a kernel to start
TO_RUN = 4000 * LONG  # for all cells of a notebook, training included


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course as a student has it, with two notebooks more in the unit's folder: all solved, and two mistakes."""
    root = copy_course(tmp_path_factory.mktemp("lab"))
    answers = Answers(root)
    nbformat.write(answers.solved(), root / "course" / UNIT / "solved.ipynb")
    nbformat.write(answers.solved(*WRONG), root / "course" / UNIT / "wrong.ipynb")
    return root


@pytest.fixture(scope="module")
def lab(course):
    write_start_page(course)
    with running_lab(course, "--LabApp.default_url=/lab/tree/course/start.ipynb") as server:
        yield server


@pytest.fixture
def page(browser):
    """A page that reaches this machine only; afterwards it must have asked for nothing else, and logged no error.

    JupyterLab itself logs none, so none is passed over. Only nbgrader's page of a submission asks for something else:
    MathJax, without which it shows TeX and has no keyboard shortcuts. It gets a stand-in that typesets nothing.
    """
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    context.set_default_timeout(1000 * LONG)
    page, troubles = context.new_page(), []
    context.route(lambda url: not url.startswith("http://127.0.0.1:"), lambda route: route.abort())
    context.route(MATHJAX, lambda route: route.fulfill(content_type="text/javascript", body=MATHJAX_STAND_IN))
    page.on("requestfailed", lambda request: "127.0.0.1" in request.url or troubles.append(request.url))
    page.on("console", lambda log: log.type == "error" and troubles.append(f"{log.text} {log.location.get('url')}"))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield page
    context.close()
    assert troubles == []


def run_all(page, lab, notebook):
    """Open a notebook of the unit and run its cells as a student does, through the menu."""
    lab.end_kernels()
    page.goto(lab.address(f"lab/tree/course/{UNIT}/{notebook}") + "&reset")
    # Before the kernel is there, JupyterLab asks which one to take.
    kernel = page.locator(".jp-StatusBar-Left")
    expect(kernel).to_contain_text("| Idle", timeout=TO_OPEN)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()


def check_of(page, name):
    """The check's answer below the cell of an exercise, brought into view."""
    cell = page.locator(".jp-CodeCell", has_text=f'check("{name}", {name})')
    check = cell.locator(".byhand-check")
    expect(check).to_have_count(1, timeout=TO_RUN)
    check.scroll_into_view_if_needed()
    expect(check).to_be_in_viewport()
    return check


def output_of(page, code):
    """What stands below the cell with this code, brought into view."""
    cell = page.locator(".jp-CodeCell", has_text=code)
    cell.scroll_into_view_if_needed()
    return cell.locator(".jp-OutputArea")


def test_lab_opens_on_the_start_page_from_which_a_link_leads_to_the_lesson(page, lab):
    page.goto(lab.address(""))
    start = page.locator(".jp-NotebookPanel", has_text="How to work.")
    expect(start).to_be_visible(timeout=TO_OPEN)
    assert page.url.endswith("/lab/tree/course/start.ipynb")
    expect(start.get_by_role("row").filter(has_text="05 The simple RNN")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    start.get_by_role("link", name="lesson 05").click()
    expect(page.get_by_role("heading", name="05 The simple RNN")).to_be_visible(timeout=TO_OPEN)
    assert page.url.endswith(f"/lab/tree/course/{UNIT}/lesson.ipynb")


def test_a_solved_notebook_is_told_that_everything_is_right_and_learns_to_write(page, lab):
    run_all(page, lab, "solved.ipynb")
    for name in EXERCISES:
        check = check_of(page, name)
        expect(check).to_contain_text(f"{name}: right.")
        verdicts = check.locator("tbody tr td:last-child").all_inner_texts()
        assert verdicts and set(verdicts) == {"✓ right"}, name
    expect(page.locator(".byhand-check.wrong")).to_have_count(0)

    training = output_of(page, "def train(")
    expect(training).to_contain_text("held-out loss", timeout=TO_RUN)
    for seed in range(3):
        expect(training.get_by_text(f"seed {seed}: 100%")).to_be_visible()
    expect(training.get_by_text("400/400")).to_have_count(3)
    expect(training.locator(".progress-bar-success")).to_have_count(3)  # a bar that stops before its end is no success
    figure = output_of(page, "ax.axhline(").locator("img")
    expect(figure).to_be_visible(timeout=TO_RUN)
    assert figure.evaluate("image => image.naturalWidth") > 300
    expect(output_of(page, "drawn = sample(")).to_have_text(re.compile(r"(\w+ ){3}"), timeout=TO_RUN)


def test_known_mistakes_are_met_with_their_own_hints(page, lab, course):
    known = Answers(course).misconception
    run_all(page, lab, "wrong.ipynb")
    for mistake in WRONG:
        check = check_of(page, mistake.split("/")[0])
        expect(check).to_contain_text("not right yet")
        expect(check.locator(".hint")).to_have_text([f"Hint: {known[mistake].hint.strip()}"])
    wrong = check_of(page, "rnn_backward").locator("tbody tr", has_text="✗ wrong")
    expect(wrong).to_have_count(1)
    expect(wrong.locator("td").first).to_have_text("dW")
    # What does not depend on the two is not blamed.
    for name in ("rnn_step", "rnn_forward", "rnn_step_backward", "sample"):
        expect(check_of(page, name)).to_contain_text(f"{name}: right.")


def active_cell(page):
    """The number of the notebook's active cell."""
    return page.locator(".jp-Notebook .jp-Cell").evaluate_all(
        "cells => cells.findIndex(cell => cell.classList.contains('jp-mod-active'))"
    )


def test_the_stepper_takes_keys_and_leaves_the_notebook_where_it_is(page, lab):
    run_all(page, lab, "lesson.ipynb")
    stepper = page.locator(".bh-stepper")
    expect(stepper).to_have_count(1, timeout=TO_RUN)
    stepper.scroll_into_view_if_needed()
    where = stepper.locator(".bh-where")
    expect(where).to_be_in_viewport()
    last = int(re.fullmatch(r"step 1 of (\d+)", where.inner_text())[1])
    assert last > 5

    sentence = stepper.locator(".bh-frame.bh-now .bh-sentence")
    first_sentence = sentence.inner_text()
    stepper.get_by_role("button", name="Next step").click()
    expect(where).to_have_text(f"step 2 of {last}")
    assert sentence.inner_text() != first_sentence

    here = active_cell(page)
    assert here >= 0
    for key, step in (("ArrowRight", 3), ("ArrowLeft", 2), ("End", last), ("Home", 1)):
        page.keyboard.press(key)
        expect(where).to_have_text(f"step {step} of {last}")
        assert active_cell(page) == here, key
    stepper.get_by_role("slider").focus()
    # Up and down are the slider's own keys, and JupyterLab's for the cell above and below.
    for key, step in (("ArrowUp", 2), ("ArrowUp", 3), ("ArrowDown", 2), ("ArrowRight", 3)):
        page.keyboard.press(key)
        expect(where).to_have_text(f"step {step} of {last}")
        assert active_cell(page) == here, key
    expect(page.locator(".jp-Notebook")).not_to_have_class(re.compile("jp-mod-editMode"))
    # Outside the stepper the same key moves on: what was tested above could have failed.
    page.locator(".jp-Notebook .jp-Cell").nth(here + 2).click(position={"x": 5, "y": 5})
    page.keyboard.press("ArrowDown")
    expect(page.locator(".jp-Notebook .jp-Cell").nth(here + 3)).to_have_class(re.compile("jp-mod-active"))


def test_the_sliders_of_the_distance_player_draw_anew(page, lab):
    run_all(page, lab, "lesson.ipynb")
    player = page.locator(".jp-CodeCell", has_text="pictures.distance_player()")
    figure = player.locator("img")
    expect(figure).to_be_attached(timeout=TO_RUN)
    for number, moved in ((0, "45"), (1, "1.30")):
        slider = player.get_by_role("slider").nth(number)
        before = figure.get_attribute("src")
        slider.focus()
        page.keyboard.press("ArrowRight")
        expect(player.locator(".widget-readout").nth(number)).to_have_text(moved)
        expect(figure).not_to_have_attribute("src", before, timeout=TO_OPEN)
        expect(figure).to_be_visible()


@pytest.mark.xdist_group("class")
def test_the_formgrader_shows_the_class_and_takes_a_mark(page, graded_class):
    def essay(book):
        return book.find_grade("written", "exercises", UNIT, "essay")

    database = f"sqlite:///{graded_class}/classroom/gradebook.db"
    with Gradebook(database) as book:
        essay(book).manual_score, essay(book).needs_manual_grade = None, True
        book.db.commit()
        submission = book.find_submission_notebook("exercises", UNIT, "essay").id
        students = len(book.assignment_submissions(UNIT))

    with running_lab(graded_class) as server:
        page.goto(server.address("formgrader/manage_assignments"))
        row = page.locator("tbody tr", has_text=UNIT)
        expect(row.locator("td.num-submissions")).to_have_text(str(students))

        page.goto(server.address(f"formgrader/gradebook/{UNIT}/exercises"))
        expect(page.locator("tbody tr")).to_have_count(students)
        page.locator(f'tbody a[href*="{submission}"]:visible').click()  # under "Submission #4"; the name is hidden
        expect(page.get_by_text(ESSAY)).to_be_visible()
        score = page.locator("input.score#written")
        expect(page.locator("input.score").first).to_have_attribute("placeholder", "4")  # the marks are there
        score.fill("1.5")
        with page.expect_response(lambda answer: answer.request.method == "PUT") as saved:
            score.press("Tab")
        assert saved.value.ok, saved.value.url

    with Gradebook(database) as book:
        assert (essay(book).score, essay(book).needs_manual_grade) == (1.5, False)
