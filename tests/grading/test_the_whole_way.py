"""The whole way of an instructor, in JupyterLab: class, grade, mark a written question, give back, report, export."""

import csv
import json
import re
import shutil
import time

import pytest
from classes import UNIT
from lab import running_lab
from nbgrader.api import Gradebook
from playwright.sync_api import expect
from test_lab import TO_OPEN, page  # noqa: F401 - a fixture
from waiting import LONG

from byhand.grading.made_up import ESSAY

SECONDS = 4 * LONG  # that a command may take

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("way")]


@pytest.fixture(scope="module")
def classroom(built_course, tmp_path_factory):
    return shutil.copytree(built_course, tmp_path_factory.mktemp("way") / "course")


def in_terminal(page, root, command):  # noqa: F811
    """Type a command into JupyterLab's terminal, wait until it has ended, and return what it printed.

    The terminal is a canvas, on which nothing can be read; so what is printed goes into a file too.
    """
    said, done = root / "said.txt", root / "done.txt"
    done.unlink(missing_ok=True)
    page.locator(".jp-Terminal-body").click()
    page.keyboard.type(f"{command} 2>&1 | tee {said.name}; touch {done.name}\n")
    end = time.monotonic() + SECONDS
    while not done.exists():
        assert time.monotonic() < end, f"{command} has not ended: {said.read_text() if said.exists() else 'no word'}"
        page.wait_for_timeout(200)
    return said.read_text()


def open_terminal(page, root, server):  # noqa: F811
    page.goto(server.address("lab") + "&reset")
    page.locator(".jp-LauncherCard", has_text="Terminal").first.click(timeout=TO_OPEN)
    expect(page.locator(".jp-Terminal-body")).to_be_visible(timeout=TO_OPEN)
    # The shell's prompt cannot be seen either, and what is typed before there is a shell is lost: type until it listens.
    ready = root / "ready.txt"
    ready.unlink(missing_ok=True)
    end = time.monotonic() + LONG
    while not ready.exists():
        assert time.monotonic() < end, "the terminal's shell does not listen"
        page.locator(".jp-Terminal-body").click()
        page.keyboard.type(f"touch {ready.name}\n")
        page.wait_for_timeout(500)


def test_from_a_made_up_class_to_the_exported_marks(page, classroom):  # noqa: F811
    database = f"sqlite:///{classroom}/classroom/gradebook.db"
    with running_lab(classroom, "--ServerApp.terminado_settings={'shell_command': ['/bin/sh']}") as server:
        open_terminal(page, classroom, server)
        assert "20 made-up students have handed in" in in_terminal(
            page, classroom, f"byhand class {UNIT} --students 20"
        )
        assert re.search(r"05-simple-rnn: 1\d graded", in_terminal(page, classroom, f"byhand grade {UNIT} --timeout 5"))

        # Some have written an essay: the formgrader asks for a mark, and takes it.
        with Gradebook(database) as book:
            waiting = [s for s in book.assignment_submissions(UNIT) if s.needs_manual_grade]
            student, submission = waiting[0].student.id, waiting[0].notebooks[0].id
        page.goto(server.address(f"formgrader/gradebook/{UNIT}/exercises"))
        page.locator(f'tbody a[href*="{submission}"]:visible').click(timeout=TO_OPEN)
        expect(page.get_by_text(ESSAY)).to_be_visible()
        score = page.locator("input.score#written")
        # Before the marks are there, nothing that is typed would be saved.
        expect(page.locator("input.score").first).to_have_attribute("placeholder", re.compile(r"\d"), timeout=TO_OPEN)
        score.fill("3.5")
        with page.expect_response(lambda answer: answer.request.method == "PUT"):
            score.press("Tab")

        open_terminal(page, classroom, server)
        in_terminal(page, classroom, f"byhand grade {UNIT} --timeout 5")  # the mark comes into the student's page
        assert "reports/05-simple-rnn.csv" in in_terminal(page, classroom, f"byhand report {UNIT}")
        in_terminal(page, classroom, "nbgrader export")
        page.goto("about:blank")  # or the terminal would miss its server

    with (classroom / "grades.csv").open() as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    verdict = json.loads((classroom / "classroom/verdicts" / UNIT / f"{student}.json").read_text())
    assert len(scores) == 20 and scores[student] == pytest.approx(verdict["score"] + 3.5)
    feedback = (classroom / "classroom/feedback" / student / UNIT / "exercises.html").read_text()
    assert re.search(r"\(Score: 3\.5 / 4\.0\)", feedback)
    report = (classroom / f"classroom/reports/{UNIT}.html").read_text()
    assert "What to say on Monday" in report and "20 submissions" in report
