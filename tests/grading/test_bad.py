"""Every bad submission through `byhand grade`: its own status, the points of its honest work, and nobody else is hurt.

The whole suite is graded once, in one class with an honest student. The attacks are graded once more without the sandbox,
where they must succeed: otherwise their failure in the sandbox would say nothing.
"""

import json
import re
import shutil
from collections import Counter

import nbformat
import pytest
from bad import HONEST, POINTS, SECRET, SUITE, UNIT, Scene, hand_in, listening, odd, take_away_what_is_deep
from classes import run_as_typed
from nbgrader.api import Gradebook, MissingEntry

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bad")]

TIMEOUT = 6  # seconds that a cell may take, for those who must run into it
PLENTY = 120  # for all others: theirs take less than one, but on a busy machine nobody knows how much more
ATTACKS = [name for name, bad in SUITE.items() if bad.succeeded]
# Held back by what there is without a sandbox too: the notebook runs far from the class's folders, nothing is unpickled,
# memory has a limit of its own, what is printed of the graded problems is dropped outside, and a link is not taken along.
# The process starts without the grader's environment, and the memory of all that it has started is counted.
HELD_BACK_ANYWAY = {
    "reads-upwards", "malicious-pickle", "malicious-object-array", "memory-bomb", "prints-the-problems", "link-beside",
    "warns-of-the-problems", "raises-the-problems", "reads-the-environment", "reads-the-first-environment", "memory-in-processes-of-a-thread", "memory-in-tables",
}  # fmt: skip
WITHOUT_MARKS = {"damaged", "refused"}
# An ordinary user in a user namespace of its own. Files that are root's are its own there. How many processes it may have is
# not counted, since outside it is root: the two bombs are left out.
ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
AGAINST_THE_GRADER = sorted({*ATTACKS, "kills-all-it-can"} - {"fork-bomb", "thread-bomb"})


def graded(built_course, root, bads, *options, under=()):
    shutil.copytree(built_course, root)
    with listening() as listener:
        hand_in(root, bads, TIMEOUT, listener.port)
        late = {bad.student for bad in bads if bad.status == "timed out"}
        said = ""
        for timeout, students in ((TIMEOUT, late), (PLENTY, {bad.student for bad in bads} - late)):
            named = [f"--student={student}" for student in sorted({*students, HONEST})]
            command = ["byhand", "grade", UNIT, "--again", f"--timeout={timeout}", *named, *options]
            said += run_as_typed(root, *command, under=under, BYHAND_TEST_SECRET=SECRET)
        take_away_what_is_deep(root)
        return (
            root,
            {b.student: b.succeeded(Scene(root, b.student, listener.connections)) for b in bads if b.succeeded},
            said,
        )


@pytest.fixture(scope="module")
def sandboxed(built_course, tmp_path_factory):
    return graded(built_course, tmp_path_factory.mktemp("sandboxed") / "course", list(SUITE.values()))


@pytest.fixture(scope="module")
def by_an_ordinary_user(built_course, tmp_path_factory):
    """The same attacks where the grader has no special rights: its user is the student's too."""
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare, by which a test becomes an ordinary user")
    root = tmp_path_factory.mktemp("ordinary") / "course"
    return graded(built_course, root, [SUITE[name] for name in AGAINST_THE_GRADER], under=ORDINARY)


@pytest.fixture(scope="module")
def unprotected(built_course, tmp_path_factory):
    attacks = [SUITE[name] for name in ATTACKS]
    return graded(built_course, tmp_path_factory.mktemp("unprotected") / "course", attacks, "--no-sandbox")


def verdict(root, student):
    return json.loads((root / "classroom/verdicts" / UNIT / f"{student}.json").read_text())


@pytest.mark.parametrize("name", SUITE)
def test_each_has_its_status_and_exactly_the_points_of_its_honest_work(sandboxed, name):
    bad, found = SUITE[name], verdict(sandboxed[0], name)
    assert found["status"] == bad.status, found["message"]
    assert {n: e["points"] for n, e in found["exercises"].items()} == bad.scores, found["message"]
    assert bool(found["message"]) == (bad.status != "graded")


@pytest.mark.parametrize("name", SUITE)
def test_the_gradebook_says_the_same(sandboxed, name):
    found = {}
    with Gradebook(f"sqlite:///{sandboxed[0]}/classroom/gradebook.db") as book:
        try:
            grades = book.find_submission(UNIT, name).notebooks[0].grades
            found = {
                g.name.removesuffix("-check"): g.auto_score for g in grades if g.name.removesuffix("-check") in POINTS
            }
        except MissingEntry:
            assert "student id" in SUITE[name].does  # what cannot be a student's id does not come into the gradebook
            return
    assert found == SUITE[name].scores


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_succeeds_in_the_sandbox(sandboxed, name):
    assert not sandboxed[1][name]


@pytest.mark.parametrize("name", [name for name in ATTACKS if name not in HELD_BACK_ANYWAY])
def test_the_same_attack_succeeds_without_the_sandbox(unprotected, name):
    assert unprotected[1][name]


@pytest.mark.parametrize("name", AGAINST_THE_GRADER)
def test_it_is_the_same_where_an_ordinary_user_grades(by_an_ordinary_user, name):
    root, succeeded, _ = by_an_ordinary_user
    bad, found = SUITE[name], verdict(root, name)
    assert found["status"] == bad.status, found["message"]
    assert {n: e["points"] for n, e in found["exercises"].items()} == bad.scores, found["message"]
    assert not succeeded.get(name)


def test_of_the_problems_that_an_answer_prints_the_public_ones_are_shown_and_no_other(sandboxed):
    assert odd.problems_told(Scene(sandboxed[0], "prints-the-problems")) == odd.PUBLIC


def test_of_kinds_that_were_not_reached_nothing_is_said(sandboxed):
    told = verdict(sandboxed[0], "answer-ends-on-one-kind")["exercises"]["rnn_forward"]["told"]
    assert [(one["kind"], one["wrong"]) for one in told] == [
        ("with one sequence in the batch", "The check stopped: your code ended Python with exit code 1")
    ]


def test_what_was_attacked_is_as_it_was(sandboxed):
    classroom = sandboxed[0] / "classroom"
    assert (classroom / "seed").read_text() == SECRET
    assert (classroom / "submitted" / HONEST / UNIT / "notes.txt").read_text() == SECRET
    with Gradebook(f"sqlite:///{classroom}/gradebook.db") as book:
        students = {student.id for student in book.students}
    assert students <= {HONEST, *SUITE}


def test_the_honest_student_in_the_middle_of_all_this_has_full_marks(sandboxed):
    assert verdict(sandboxed[0], HONEST)["score"] == sum(POINTS.values())


def test_what_the_grader_says_adds_up(sandboxed):
    _, _, said = sandboxed
    statuses = [bad.status for bad in SUITE.values()] + 2 * ["graded"]  # the honest student, beside both
    counted = Counter()
    for number, status in re.findall(r"(\d+) ([a-z ]+)", "".join(re.findall(rf"^{UNIT}: (.*)$", said, re.M))):
        counted[status] += int(number)
    assert counted == Counter(statuses)


@pytest.mark.parametrize("name", [name for name, bad in SUITE.items() if bad.status not in WITHOUT_MARKS])
def test_what_is_handed_back_holds_no_secret_no_script_and_is_small(sandboxed, name):
    classroom = sandboxed[0] / "classroom"
    path = classroom / "autograded" / name / UNIT / "exercises.ipynb"
    assert path.stat().st_size < 5_000_000
    assert (classroom / "feedback" / name / UNIT / "exercises.html").stat().st_size < 5_000_000
    assert (classroom / "verdicts" / UNIT / f"{name}.json").stat().st_size < 50_000
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            assert not {"text/html", "application/javascript"} & set(output.get("data", {})) or "byhand-check" in str(
                output
            )
            assert SECRET not in str(output)
