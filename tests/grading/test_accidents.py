"""Accidents around a submission: what lies in its way, when it came, where its essay stands. The others never notice."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

import nbformat
import pytest
from classes import ESSAY, ROOT, UNIT, Answers, clean_environment, run
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from test_grade import become_ordinary
from warm import warm

from byhand.course import Unit
from byhand.grading import feedback, grade, record
from byhand.grading.grade import Grading
from byhand.grading.work import Conditions

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("accidents")]
BYHAND = Path(sys.executable).parent / "byhand"


@pytest.fixture
def course(built_course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(built_course, root)
    hand_in(root, "honest", Answers(root).solved())
    return root


def hand_in(root, student, notebook, **files):
    folder = root / "classroom/submitted" / student / UNIT
    shutil.copytree(root / "classroom/release" / UNIT, folder)
    nbformat.write(notebook, folder / "exercises.ipynb")
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def graded(root, *options, code=0):
    ended, said = warm(root, ["byhand", "grade", UNIT, *options], clean_environment(root))
    assert ended == code and "Traceback" not in said, said
    return said


def graded_by_an_ordinary_user(root):
    """Root may read everything; this user may not."""
    done = subprocess.run(
        [BYHAND, "grade", UNIT], cwd=root, env=clean_environment(root), capture_output=True, text=True,
        preexec_fn=become_ordinary,
    )  # fmt: skip
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr


def verdict(root, student):
    return json.loads((root / "classroom/verdicts" / UNIT / f"{student}.json").read_text())


def in_gradebook(root, student):
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        submission = book.find_submission(UNIT, student)
        notebook = submission.notebooks[0]
        [written] = [g for g in notebook.grades if g.name == "written"]
        return {
            "score": submission.score,
            "penalty": notebook.late_submission_penalty,
            "late": submission.total_seconds_late,
            "waits": submission.needs_manual_grade,
            "written": written.auto_score,
        }


# In its way ---------------------------------------------------------------------------------------------------------


def test_what_lies_among_the_students_folders_stops_nobody(course):
    submitted = course / "classroom/submitted"
    (submitted / "Thumbs.db").write_bytes(b"\0")
    (submitted / "all.zip").write_bytes(b"PK")
    os.symlink(course / "nowhere", submitted / "gone")
    (submitted / "bert").mkdir()
    (submitted / "bert" / UNIT).write_text("a notebook?")
    (submitted / "cleo").mkdir()
    os.symlink(course / "nowhere", submitted / "cleo" / UNIT)
    said = graded(course)
    assert "'all.zip'" in said and "'gone'" in said and "Thumbs" not in said
    assert verdict(course, "honest")["score"] == 46
    assert verdict(course, "bert")["status"] == verdict(course, "cleo")["status"] == "refused"
    assert "is no folder" in verdict(course, "bert")["message"] and "link" in verdict(course, "cleo")["message"]


def test_files_that_must_not_be_read_are_named(course):
    answers = Answers(course)
    (hand_in(course, "bert", answers.solved(), data="1") / "data.txt").chmod(0)
    (hand_in(course, "cleo", answers.solved()) / "exercises.ipynb").chmod(0)
    (hand_in(course, "dora", answers.solved()) / "exercises.ipynb").parent.chmod(0)
    try:
        graded_by_an_ordinary_user(course)
    finally:
        (course / "classroom/submitted/dora" / UNIT).chmod(0o755)
    assert verdict(course, "honest")["score"] == verdict(course, "bert")["score"] == 46
    assert "data.txt was left out: it cannot be read (Permission denied)." in verdict(course, "bert")["notes"]
    assert verdict(course, "cleo")["message"].startswith("exercises.ipynb cannot be read (Permission denied)")
    assert verdict(course, "dora")["status"] in ("refused", "damaged")


def test_a_verdict_of_another_version_or_one_that_lacks_a_key_is_made_anew_and_left_out_of_the_report(course):
    """All of them in one class: what is graded again is said as a number, and who it was by the verdicts."""
    graded(course)
    whole = verdict(course, "honest")
    texts = ["{", "[]", '{"student": "s"}', '{"status": "graded", "digest": 3}', "[" * 100_000]
    earlier = {f"earlier{number}": text for number, text in enumerate(texts)}
    lacking = {f"lacks-{key}": key for key in set(whole) - {"feedback", "late"}}
    for student in (*earlier, *lacking):
        hand_in(course, student, Answers(course).solved())
    graded(course)
    verdicts = course / "classroom/verdicts" / UNIT
    for student, text in earlier.items():
        (verdicts / f"{student}.json").write_text(text)
    for student, key in lacking.items():
        (verdicts / f"{student}.json").write_text(
            json.dumps({k: v for k, v in verdict(course, student).items() if k != key})
        )
    said = run(course, "byhand", "report", UNIT)
    assert "Left out" in said and all(student in said for student in earlier) and "honest" not in said
    assert f"{len(earlier) + len(lacking)} graded" in graded(course)
    for student in (*earlier, *lacking):
        assert verdict(course, student)["score"] == 46 and verdict(course, student).keys() == whole.keys()


@pytest.mark.parametrize(
    "module, function",
    [
        (record, "write_autograded"),
        (record, "write_grades"),
        (record, "write_feedback"),
        (feedback, "page"),
        (grade.work, "grade"),
    ],
)
def test_whatever_a_stage_raises_costs_that_submission_alone(course, monkeypatch, module, function):
    """The stages run in this process, so that one of them can be made to fail over one student."""
    hand_in(course, "bert", Answers(course).solved())
    real = getattr(module, function)

    def fails_over_bert(*args):
        if "bert" in args or any(getattr(arg, "student", "") == "bert" for arg in args):
            raise IndexError("a fault of the grader's")
        return real(*args)

    class Here:
        def submit(self, function, *args):
            from concurrent.futures import Future

            future = Future()
            try:
                future.set_result(function(*args))
            except Exception as error:
                future.set_exception(error)
            return future

    @contextlib.contextmanager
    def here():
        yield Here()

    monkeypatch.setattr(module, function, fails_over_bert)
    if module is grade.work:
        monkeypatch.setattr(grade.work, "grade", fails_over_bert)
    verdicts = {v["student"]: v for v in Grading(Unit(course, UNIT), Conditions(), 1, here)()}
    assert verdicts["honest"]["status"] == "graded" and verdicts["honest"]["score"] == 46
    if module is feedback or function == "write_feedback":
        assert verdicts["bert"]["status"] == "graded" and verdicts["bert"]["score"] == 46
    else:
        assert verdicts["bert"]["status"] == "failed" and "a fault of the grader's" in verdicts["bert"]["message"]


# When it came -------------------------------------------------------------------------------------------------------


def due(root, date):
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        book.update_or_create_assignment(UNIT, duedate=date)


def extend(root, days):
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        book.grant_extension(UNIT, "bert", days=days)


def test_an_extension_takes_the_penalty_back_and_an_earlier_date_gives_it_again(course):
    with (course / "nbgrader_config.py").open("a") as file:
        file.write('\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    hand_in(course, "bert", Answers(course).solved(), timestamp="2026-05-02 12:00:00 UTC")
    due(course, "2026-05-01 12:00:00 UTC")
    graded(course)
    assert in_gradebook(course, "bert")["penalty"] == 46
    due(course, "2026-06-01 12:00:00 UTC")
    graded(course)
    assert in_gradebook(course, "bert")["late"] == 0 and not in_gradebook(course, "bert")["penalty"]
    page = (course / "classroom/feedback/bert" / UNIT / "exercises.html").read_text()
    assert "Late submission penalty" not in page
    assert "nothing has changed" in graded(course)
    due(course, "2026-05-01 12:00:00 UTC")
    graded(course)
    assert in_gradebook(course, "bert")["penalty"] == 46
    extend(course, days=30)  # for one student alone
    graded(course)
    assert in_gradebook(course, "bert")["late"] == 0 and not in_gradebook(course, "bert")["penalty"]
    extend(course, days=0)
    graded(course, "--again")
    assert in_gradebook(course, "bert")["penalty"] == 46


def test_a_time_that_cannot_be_read_is_said_and_makes_nobody_late(course):
    stamps = {
        "bert": ("on Friday, I think", "it holds no whole date in a form that is known"),
        "cleo": ("12.11.2026 10:00", "day and month cannot be told apart"),
    }
    for student, (stamp, _) in stamps.items():
        hand_in(course, student, Answers(course).solved(), timestamp=stamp)
    hand_in(course, "dora", Answers(course).solved(), timestamp="28.11.2026 10:00")
    due(course, "2026-11-27 10:00:00 UTC")
    graded(course)
    for student, (stamp, why) in stamps.items():
        note = f"timestamp.txt cannot be read as a time ({stamp}): {why}; write it as 2026-11-12 10:00 UTC. Whether it came late is not known."
        assert note in verdict(course, student)["notes"] and in_gradebook(course, student)["late"] == 0
    assert in_gradebook(course, "dora")["late"] == 86400 and verdict(course, "dora")["notes"] == []


def test_a_time_that_was_read_before_goes_where_its_file_cannot_be_read_any_more(course):
    folder = hand_in(course, "bert", Answers(course).solved(), timestamp="2026-11-28 10:00 UTC")
    due(course, "2026-11-27 10:00:00 UTC")
    graded(course)
    assert in_gradebook(course, "bert")["late"] == 86400
    (folder / "timestamp.txt").write_text("11/12/2026 10:00")
    graded(course)
    assert in_gradebook(course, "bert")["late"] == 0


# Where the essay stands ---------------------------------------------------------------------------------------------


def essay_cell(notebook):
    [cell] = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "written"]
    return cell


def in_a_new_cell(answers):
    notebook = answers.solved()
    notebook.cells.append(new_markdown_cell(ESSAY))
    return notebook


def below_its_question(answers):
    notebook = answers.solved()
    place = notebook.cells.index(essay_cell(notebook))
    text = next(c for c in reversed(notebook.cells[:place]) if c.cell_type == "markdown")
    text.source += f"\n\n{ESSAY}"
    return notebook


def without_metadata(answers):
    notebook = answers.solved(written=ESSAY)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        cell["id"] = cell["id"][:3] + str(id(cell))
    return notebook


def above_an_untouched_copy(answers):
    notebook = answers.solved()
    copy = nbformat.from_dict({**essay_cell(notebook), "id": "copy", "source": ESSAY})
    notebook.cells.insert(notebook.cells.index(essay_cell(notebook)), copy)
    return notebook


def as_raw_text(answers):
    notebook = answers.solved()
    notebook.cells.append(nbformat.v4.new_raw_cell(ESSAY))
    return notebook


def test_an_essay_waits_for_a_human_wherever_it_stands(course):
    places = [in_a_new_cell, below_its_question, without_metadata, above_an_untouched_copy, as_raw_text]
    for where in places:
        hand_in(course, where.__name__, where(Answers(course)))
    graded(course)
    for student in (where.__name__ for where in places):
        found = in_gradebook(course, student)
        assert found["waits"] and found["written"] is None and verdict(course, student)["score"] == 46, student
        if student != "above_an_untouched_copy":
            assert any("text elsewhere" in note for note in verdict(course, student)["notes"]), student
    assert not in_gradebook(course, "honest")["waits"]


def test_headings_and_remarks_of_a_word_are_no_essay(course):
    notebook = Answers(course).solved()
    notebook.cells += [new_markdown_cell("## My tests"), new_code_cell("1"), new_markdown_cell("Todo!")]
    hand_in(course, "bert", notebook)
    graded(course)
    assert not in_gradebook(course, "bert")["waits"]


# What is said of it -------------------------------------------------------------------------------------------------


def test_of_several_causes_the_first_is_named(course):
    notebook = Answers(course).solved()
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "rnn_step":
            cell.source = "import a_module_that_nobody_has\n" + cell.source
    hand_in(course, "bert", notebook)
    graded(course)
    failure = {name: entry["failure"] for name, entry in verdict(course, "bert")["exercises"].items()}
    for name in ("rnn_step", "rnn_forward", "sample"):
        assert failure[name].startswith("ModuleNotFoundError: No module named 'a_module_that_nobody_has'"), failure[
            name
        ]
    assert failure["cross_entropy"] is None
    assert "Every wrong answer is a listed one." in run(course, "byhand", "report", UNIT, "--unlisted")


def page(root, student):
    return (root / "classroom/feedback" / student / UNIT / "exercises.html").read_text()


def test_another_notebook_and_one_that_cannot_be_read_are_told_the_student_once_and_on_the_page(course):
    other = course / "course/08-lstm-backprop/exercises.ipynb"
    other.parent.mkdir()
    shutil.copy(ROOT / "course/08-lstm-backprop/exercises.ipynb", other)
    notebooks = {"bert": other, "cleo": course / "course" / UNIT / "lesson.ipynb"}
    for student, path in notebooks.items():
        shutil.copy(path, hand_in(course, student, Answers(course).solved()) / "exercises.ipynb")
    (hand_in(course, "dora", Answers(course).solved()) / "exercises.ipynb").write_text("<!DOCTYPE html>Sign in")
    changed = Answers(course).solved()
    next(c for c in changed.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "setup").source += "\nx = 1"
    hand_in(course, "edda", changed)
    graded(course)
    looks = {"bert": "the exercises of 08-lstm-backprop", "cleo": f"the lesson of {UNIT}"}
    for student, what in looks.items():
        # A human may find text of the student's in it: that is said too.
        [note] = [n for n in verdict(course, student)["notes"] if "text elsewhere" not in n]
        assert note.startswith(f"This looks like {what}: ") and page(course, student).count(escape(note)) == 1
        assert (verdict(course, student)["status"], verdict(course, student)["score"]) == ("graded", 0)
    says = verdict(course, "dora")["message"]
    assert says.startswith("exercises.ipynb looks like a web page (HTML)") and page(course, "dora").count(says) == 1
    assert "not right" not in page(course, "dora") and "did not run" not in page(course, "dora")
    assert "The given cell setup had been changed; it was put back." in page(course, "edda")
    assert "About your notebook" not in page(course, "honest") and verdict(course, "edda")["score"] == 46


def test_no_folder_of_an_ordinary_user_is_in_the_way(course):
    hand_in(course, "bert", Answers(course).solved())
    graded_by_an_ordinary_user(course)
    assert verdict(course, "bert")["score"] == 46
