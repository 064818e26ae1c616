"""The instructor's pages: what they tell an instructor to type works, in the order in which they tell it."""

import re
import shutil
import zipfile

import pytest
from classes import ROOT, UNIT, Answers, copy_course, run_as_typed

PAGES = ("planning-a-term", "instructors", "class-server", "the-term")


def commands(page):
    """The commands of a page's shell blocks, in order."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", (ROOT / "book" / f"{page}.md").read_text(), re.S | re.M)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.split("#")[0].strip()]


NAMES = {  # as platforms give them, and the students' ids in them
    "Ada Lovelace_1234567_assignsubmission_file/exercises.ipynb": "1234567",
    "Ida B_Wells_7654321_assignsubmission_file_/exercises.ipynb": "7654321",
    "lovelaceada_4711_98765_exercises.ipynb": "4711",
    "hoppergrace_LATE_4712_98766_exercises-1.ipynb": "4712",
    "rnn_emmy_attempt_2026-10-30-15-00-00_exercises.ipynb": "emmy",
    "sofia/exercises.ipynb": "sofia",
    "Grace Hopper_1234568_assignsubmission_file/05-simple-rnn/exercises.ipynb": "1234568",
    "Mary S_1234569_assignsubmission_file/Copy of exercises.ipynb": "1234569",
    "rosa_k/05-simple-rnn/Exercises.ipynb": "rosa_k",
    "class of 2026/李小龙/exercises (2).ipynb": "李小龙",
    "hedy/exercises.ipynb.txt": "hedy",
}
PASSED_OVER = ["sofia/._exercises.ipynb", "sofia/lesson.ipynb", "__MACOSX/sofia/exercises.ipynb"]


@pytest.mark.slow
def test_a_platforms_zip_file_is_sorted_into_submissions(tmp_path):
    root = copy_course(tmp_path)
    archive = root / "classroom" / "downloaded" / UNIT / "archive"
    archive.mkdir(parents=True)
    (root / "classroom" / "release" / UNIT).mkdir(parents=True)
    shutil.copy(root / "course" / UNIT / "exercises.ipynb", root / "classroom" / "release" / UNIT)
    with zipfile.ZipFile(archive / "all.zip", "w") as packed:
        for name in NAMES:
            packed.write(root / "course" / UNIT / "exercises.ipynb", name)
        for name in ("readme.txt", *PASSED_OVER):
            packed.writestr(name, "no exercises")
    command = next(line for line in commands("planning-a-term") if "zip_collect" in line)
    run_as_typed(root, *command.split())
    collected = {path.parts[-3] for path in (root / "classroom" / "submitted").glob(f"*/{UNIT}/exercises.ipynb*")}
    assert collected == set(NAMES.values())


# Commands that other tests run, or that change the shell alone.
ELSEWHERE = {
    "source .venv/bin/activate": "what the tests run in",
    "byhand handout course.zip": "test_update",
    "byhand handout course.zip --browser": "test_update",
    "make book": "test_browser",
    "python -m http.server 8000 --directory book/_build/html": "book_site",
    "byhand update course.zip": "test_update",
    f"nbgrader zip_collect {UNIT} --force": "above",
    "byhand verify": "test_verify",
    f"byhand mark {UNIT}": "grading/test_written",
    "byhand hub /opt/byhand-hub": "grading/test_hub",
    f"nbgrader release_assignment {UNIT}": "grading/test_hub",
    f"nbgrader collect {UNIT}": "grading/test_hub",
    f"nbgrader release_feedback {UNIT}": "grading/test_hub",
}


@pytest.mark.slow
def test_every_command_of_the_guide_works_in_its_order(tmp_path):
    root = copy_course(tmp_path)
    answers = Answers(root)
    import nbformat

    for student, notebook in {"ada": answers.solved(), "bob": answers.notebook({})}.items():
        folder = root / "classroom" / "submitted" / student / UNIT
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "exercises.ipynb")
    (root / "participants.csv").write_text("Full name,Email address,Username\nAda Lovelace,ada@example.org,ada\n")
    (root / "gradebook.csv").write_text(
        'Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"Lovelace, Ada",4711,U1,ada,101\n'
    )
    listed = [line for page in PAGES for line in commands(page)]
    assert set(ELSEWHERE) <= set(listed), "a command is listed here that no page has"
    for command in dict.fromkeys(listed):
        if command not in ELSEWHERE:
            run_as_typed(root, *command.split())
    assert (root / "classroom" / "feedback" / "ada" / UNIT / "exercises.html").is_file()
    assert "ada" in (root / "grades.csv").read_text()
    assert "Lovelace" in (root / "classroom/reports/term.html").read_text()
    assert "4711" in (root / "classroom/exports/canvas.csv").read_text()
