"""`byhand grade`: the same marks as stock nbgrader gives, and nothing lost when it is interrupted, repeated or misused."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from classes import ESSAY, UNIT, Answers, clean_environment, fresh, run
from nbgrader import utils
from test_nbgrader import EXPECTED, POINTS, feedback, gradebook, in_one_line, mark, scores
from waiting import until

from byhand.grading.grade import alone

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class")]
BYHAND = Path(sys.executable).parent / "byhand"


def tried(root, *options, **how):
    """`byhand grade`, also where it fails."""
    return subprocess.run(
        [BYHAND, "grade", *(options or [UNIT])],
        cwd=root,
        env=clean_environment(root),
        capture_output=True,
        text=True,
        **how,
    )


def verdicts(root):
    return {p.stem: json.loads(p.read_text()) for p in (root / "classroom/verdicts" / UNIT).glob("*.json")}


def everything(root):
    """All files of the classroom with their content."""
    return {p: p.read_bytes() for p in (root / "classroom").rglob("*") if p.is_file() and p.name != ".grading"}


TOLD = re.compile(r"Exercise by exercise.*?(?=05 Exercises: the simple RNN)", re.S)  # what stands above nbgrader's page

# What it gives ---------------------------------------------------------------------------------------------------


def test_the_gradebook_holds_what_stock_nbgrader_puts_into_it(graded_class, class_of_ours):
    assert scores(class_of_ours) == scores(graded_class)
    waiting = [
        {s.student.id for s in book.assignment_submissions(UNIT) if s.needs_manual_grade}
        for root in (graded_class, class_of_ours)
        for book in [gradebook(root)]
    ]
    assert waiting[0] == waiting[1] == {"essay"}


def test_verdicts_say_what_the_gradebook_says_and_which_mistake_it_was(class_of_ours):
    found = verdicts(class_of_ours)
    assert found.keys() == EXPECTED.keys()
    for student, verdict in found.items():
        assert {f"{n}-check": e["points"] for n, e in verdict["exercises"].items()} == EXPECTED[student]
        assert verdict["score"] == pytest.approx(sum(EXPECTED[student].values())) and verdict["max_score"] == 50
        assert verdict["status"] == "graded"
    mistake = found["same-step"]["exercises"]["rnn_backward"]
    assert mistake["mistake"] == "paired-with-the-same-step" and mistake["hint"]
    assert list(mistake["fingerprint"]) == ["dW"]
    hard_coded = found["hard-coded"]["exercises"]["rnn_forward"]
    assert (
        "With a sequence of one step" in hard_coded["failure"]
        and not hard_coded["right"]
        and hard_coded["mistake"] is None
    )


def test_feedback_is_nbgraders_page_with_the_same_words_and_above_them_what_was_wrong(class_of_ours):
    pages = {student: feedback(class_of_ours, student) for student in ("noisy", "essay", "w-transposed")}
    told = {student: in_one_line("".join(TOLD.findall(page))) for student, page in pages.items()}
    assert (
        "rnn_step_backward: ✗ not right, 4.8 of 6 points" in told["w-transposed"]
        and "Hint: Only dh_prev is wrong." in told["w-transposed"]
    )
    assert "not right" not in told["essay"] and all(name in told["essay"] for name in POINTS)
    ours = {student: in_one_line(TOLD.sub("", page)) for student, page in pages.items()}
    run(class_of_ours, "nbgrader", "generate_feedback", UNIT, "--force")
    for student, words in ours.items():
        # A heading of ours has no sign that links to it: it would catch the links to exercises.
        assert words == in_one_line(feedback(class_of_ours, student).replace("¶", " "))
        for name, points in POINTS.items():
            earned = EXPECTED[student][f"{name}-check"]
            assert f"Grade cell: {name}-check Score: {float(earned)} / {float(points)}" in words


def test_nbgrader_exports_what_this_has_graded(class_of_ours):
    run(class_of_ours, "nbgrader", "export")
    assert len((class_of_ours / "grades.csv").read_text().splitlines()) == 1 + len(EXPECTED)


def test_nbgrader_releases_the_feedback_that_this_has_written(course, tmp_path):
    """To whoever knows the secret that came with the submission; without one the page is there and nobody's."""
    (course / "classroom/submitted/essay" / UNIT / "submission_secret.txt").write_text("only the essay's writer")
    (course / "classroom/submitted/essay" / UNIT / "timestamp.txt").write_text("2026-05-01 12:00:00.000000 UTC")
    (course / "classroom/submitted/no-bias" / UNIT / "submission_secret.txt").write_bytes(b"\xff\xfe")
    run(course, "byhand", "grade", UNIT)
    assert (course / "classroom/feedback/essay" / UNIT / "timestamp.txt").read_text().startswith("2026-05-01")
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)

    def released():
        run(course, "nbgrader", "release_feedback", UNIT, f"--Exchange.root={exchange}")
        return {path.name: path.read_text() for path in (exchange / "byhand/feedback").iterdir()}

    pages = released()
    assert len(pages) == 3
    mine = utils.notebook_hash(secret="only the essay's writer", notebook_id="exercises")
    assert ESSAY in pages[f"{mine}.html"]
    run(course, "byhand", "grade", UNIT, "--again")
    assert released().keys() == pages.keys()  # a secret that was made up stays
    (course / "classroom/feedback/solution" / UNIT / "timestamp.txt").unlink()  # as an earlier version left it
    run(course, "byhand", "grade", UNIT)
    assert released().keys() == pages.keys()


# Again, and interrupted --------------------------------------------------------------------------------------------


def test_only_what_changed_is_graded_again(course):
    assert "3 graded" in run(course, "byhand", "grade", UNIT)
    before = everything(course)
    assert "nothing has changed" in run(course, "byhand", "grade", UNIT)
    assert everything(course) == before
    notebook = course / "classroom/submitted/solution" / UNIT / "exercises.ipynb"
    notebook.write_text(notebook.read_text().replace("np.tanh(b", "np.sinh(b"))
    assert "1 graded" in run(course, "byhand", "grade", UNIT)
    assert verdicts(course)["solution"]["exercises"]["rnn_step"]["points"] == 0
    assert "1 graded" in run(course, "byhand", "grade", UNIT, "--again", "--student=essay")


def test_what_a_human_marked_stays_and_comes_into_the_feedback(course):
    run(course, "byhand", "grade", UNIT)
    mark(course, "essay", 2.5)
    run(course, "byhand", "grade", UNIT)
    assert "Score: 48.5 / 50.0" in in_one_line(feedback(course, "essay"))
    run(course, "byhand", "grade", UNIT, "--again")
    with gradebook(course) as book:
        grade = book.find_grade("written", "exercises", UNIT, "essay")
        assert grade.score == 2.5 and grade.needs_manual_grade


def test_a_grader_that_is_killed_leaves_no_process_and_loses_nothing(graded_class, tmp_path):
    root = fresh(tmp_path / "course", graded_class)
    # The fifth in the alphabet: three verdicts are written while it is waited for. Whoever is not killed with the grader
    # has enough to do for longer than this test waits.
    hanging = root / "classroom/submitted/f-hangs"
    shutil.copytree(root / "classroom/submitted/solution", hanging)
    nbformat.write(Answers(root).solved(rnn_step="while True:\n    pass"), hanging / UNIT / "exercises.ipynb")
    command = [BYHAND, "grade", UNIT, "--workers=1", "--timeout=600"]
    folder = root / "classroom/verdicts" / UNIT
    with subprocess.Popen(command, cwd=root, env=clean_environment(root)) as process:
        try:
            until(lambda: process.poll() is not None or len(list(folder.glob("*.json"))) == 3, "three verdicts")
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)
    first = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.json")}
    assert len(first) == 3
    until(lambda: str(root) not in map(_cwd, Path("/proc").glob("[0-9]*/cwd")), "the end of all processes")
    shutil.rmtree(hanging)
    said = run(root, "byhand", "grade", UNIT)
    assert f"{len(EXPECTED) - len(first)} graded" in said
    assert {name: (folder / name).stat().st_mtime_ns for name in first} == first
    assert {s: {c: v for c, v in found.items() if c != "written"} for s, found in scores(root).items()} == EXPECTED


def _cwd(link):
    try:
        return os.readlink(link)
    except OSError:  # it has just ended
        return ""


def test_two_graders_at_once_are_one_too_many(course):
    before = everything(course)
    with alone(course):
        done = tried(course)
    assert done.returncode == 2 and re.search(r"graded already, by process \d+\.", done.stderr)
    assert everything(course) == before


# Where something is wrong ------------------------------------------------------------------------------------------


def no_submissions(root):
    for folder in (root / "classroom/submitted").iterdir():
        (folder / UNIT).rename(folder / "06-why-lstm")
    return [UNIT]


def other_gradebook(root):
    with gradebook(root) as book:
        book.db.connection().exec_driver_sql("ALTER TABLE assignment DROP COLUMN duedate")
        book.db.commit()
    return [UNIT]


def no_gradebook(root):
    (root / "classroom/gradebook.db").write_text("this is no database")
    return [UNIT]


def not_released(root):
    (root / "classroom/release" / UNIT / "exercises.ipynb").unlink()
    return [UNIT]


def changed_since(root):
    checks = root / "course" / UNIT / "checks.py"
    checks.write_text(checks.read_text() + "\n# one more line\n")
    return [UNIT]


@pytest.mark.parametrize(
    "spoil, says",
    [
        (lambda root: ["05-simple-rrn"], "There is no unit '05-simple-rrn'"),
        (lambda root: [UNIT, "--student=nobody"], "There is no submission of nobody"),
        (lambda root: [UNIT, "--scheduler=tcp://127.0.0.1:9"], "There is no dask scheduler at tcp://127.0.0.1:9"),
        (lambda root: [UNIT, "--timeout=0"], "'0' is no number of 1 or more"),
        (no_submissions, "There are no submissions"),
        (other_gradebook, "is of another version of nbgrader"),
        (no_gradebook, "cannot be read as a gradebook"),
        (not_released, "has not been released"),
        (changed_since, "has changed since it was released"),
    ],
)
def test_bad_input_is_met_with_a_sentence_and_changes_nothing(course, byhand, spoil, says):
    options = spoil(course)
    before = everything(course)
    code, _, err = byhand(course, "grade", *options)
    assert code == 2 and says in err
    assert everything(course) == before


def test_the_command_itself_says_the_sentence_and_no_traceback(course):
    options = not_released(course)
    before = everything(course)
    done = tried(course, *options)
    assert done.returncode == 2 and "has not been released" in done.stderr and "Traceback" not in done.stderr
    assert everything(course) == before


def test_a_full_disk_is_a_sentence_and_afterwards_the_same_command_goes_on(course):
    (course / "classroom/feedback").mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o size=64k none classroom/feedback && exec "$0" grade {UNIT}'
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    in_a_small_disk = ["unshare", "--mount", "sh", "-c", script, str(BYHAND)]
    done = subprocess.run(in_a_small_disk, cwd=course, env=clean_environment(course), capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "The results cannot be written" in done.stderr and "No space left" in done.stderr
    run(course, "byhand", "grade", UNIT)
    assert {student: v["score"] for student, v in verdicts(course).items()}["solution"] == sum(POINTS.values())
    assert (course / "classroom/feedback/solution" / UNIT / "exercises.html").is_file()


def test_a_gradebook_that_another_program_writes_is_waited_for_and_then_named(course):
    impatient = "import sys, byhand.grading.record as r; r.PATIENCE = 1; from byhand.cli import main; sys.exit(main())"
    with contextlib.closing(sqlite3.connect(course / "classroom/gradebook.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = subprocess.run(
            [sys.executable, "-c", impatient, "grade", UNIT],
            cwd=course, env=clean_environment(course), capture_output=True, text=True,
        )  # fmt: skip
        other.execute("ROLLBACK")
    assert done.returncode == 2 and "The gradebook cannot be written (database is locked)" in done.stderr
    assert "Traceback" not in done.stderr and verdicts(course) == {}
    run(course, "byhand", "grade", UNIT)
    assert verdicts(course)["solution"]["score"] == sum(POINTS.values())


# With and without a sandbox ----------------------------------------------------------------------------------------


def no_namespaces():
    """Take from root, in this process, the right to make namespaces."""
    PR_CAPBSET_DROP, CAP_SYS_ADMIN = 24, 21
    assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the right away")
def test_where_there_can_be_no_sandbox_nothing_is_graded_unless_told(course):
    before = everything(course)
    done = tried(course, preexec_fn=no_namespaces)
    assert done.returncode == 2 and "There can be no sandbox here" in done.stderr and "--no-sandbox" in done.stderr
    assert everything(course) == before
    done = tried(course, UNIT, "--no-sandbox", preexec_fn=no_namespaces)
    assert done.returncode == 0 and "3 graded" in done.stdout
    assert verdicts(course)["solution"]["score"] == sum(POINTS.values())


def test_on_a_system_that_cannot_fork_grading_is_one_sentence_and_all_else_can_be_imported(tmp_path):
    """Native Windows, as far as one sees it from here."""
    code = """
import os, sys
import multiprocessing, subprocess
sys.modules["fcntl"] = sys.modules["resource"] = None
del os.fork
import byhand.grading.made_up, byhand.grading.report, byhand.teaching.build, byhand.teaching.handout, byhand.teaching.verify
from byhand.cli import main
sys.exit(main(["grade", "05-simple-rnn", *sys.argv[1:]]))
"""
    for option in ("--workers=1", "--no-sandbox"):
        command = [sys.executable, "-c", code, option]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2 and "use Linux, WSL or the container" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def become_ordinary():
    """A user with no rights of root's."""
    if os.getuid():
        return
    assert ctypes.CDLL(None).unshare(0x10000000) == 0
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("1000 0 1")
    Path("/proc/self/gid_map").write_text("1000 0 1")


def test_an_ordinary_user_can_grade_in_the_sandbox(course):
    done = tried(course, preexec_fn=become_ordinary)
    assert done.returncode == 0 and "3 graded" in done.stdout, done.stderr
    assert re.search("^Sandbox: namespaces, no privileges, (Landlock \\d+, )?filter of calls\\.$", done.stdout, re.M)
    assert verdicts(course)["solution"]["score"] == sum(POINTS.values())


def test_some_are_compared_with_stock_nbgrader(course):
    assert "3 of 3 compared submissions have the scores of stock" in run(course, "byhand", "grade", UNIT, "--verify=5")
    path = course / "classroom/verdicts" / UNIT / "solution.json"
    path.write_text(path.read_text().replace('"points": 4.0', '"points": 3.0', 1))
    done = tried(course, UNIT, "--verify=5")
    assert done.returncode == 1 and "solution, rnn_step-check: stock 4.0, ours 3.0" in done.stdout
