"""What must not be where a student's code can find it: the class's secret, the instructor's tokens and keys."""

import base64
import ctypes
import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import psutil
import pytest
from classes import ROOT, copy_course, run

from byhand.checking import _seed
from byhand.checking.exercise import Exercise, load_checks, make_problems
from byhand.checking.seed import BYTES, ensure_seed, fresh, of_unit, random_state, read_seed
from byhand.course import Unit
from byhand.grading.answer_sheet import AnswerSheet
from byhand.grading.assignment import WITHHELD, AssignmentSpec, ReleaseCell, with_problems
from byhand.grading.kernel import Ended, Server
from byhand.grading.limits import Limits
from byhand.grading.server import Request

TOKEN = "token-of-an-instructor-" + "fedcba98" * 4


def request(files=(), **how):
    return Request(dict(files), "unit", ("one",), Limits(), **how)


def problem(seed):
    exercise = Exercise(lambda rng: dict(x=rng.normal(size=3)), ["y"], {})
    return make_problems("an_exercise", exercise, seed)[0].args["x"]


# The secret --------------------------------------------------------------------------------------------------------


def test_problems_of_a_number_are_what_they_have_been():
    """mistakes.json holds numbers of the public problems, and a class may have been begun with a number for a secret."""
    assert problem(0).round(8).tolist() == PUBLIC
    assert problem(1357924680).round(8).tolist() == NUMBERED


PUBLIC = [-0.54468059, 0.54854329, -1.31502249]
NUMBERED = [-0.63958957, 0.84467457, -0.39663674]


def test_a_class_that_began_with_a_number_keeps_it(tmp_path):
    (tmp_path / "seed").write_text("1357924680")
    assert ensure_seed(tmp_path / "seed") == 1357924680 == of_unit(1357924680, "05-simple-rnn")


def test_a_secret_is_made_once_and_for_its_owner(tmp_path):
    path = tmp_path / "seed"
    secret = ensure_seed(path)
    assert secret == ensure_seed(path) == read_seed(path) and len(secret) == BYTES
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_unit_exercise_and_number_has_problems_of_its_own():
    secret, other = fresh(), fresh()
    drawn = {
        random_state(of_unit(s, unit), exercise, number).bytes(32)
        for s in (secret, other)
        for unit in ("05-simple-rnn", "06-why-lstm")
        for exercise in ("a", "a0", "b")
        for number in (0, 1, 10)
    }
    assert len(drawn) == 2 * 2 * 3 * 3


def test_stock_nbgrader_reads_the_secret_from_its_file_and_a_student_at_home_finds_none(tmp_path, monkeypatch):
    """nbgrader runs a notebook in classroom/autograded/STUDENT/UNIT."""
    secret = ensure_seed(tmp_path / "seed")
    for folder, found in (
        (tmp_path / "autograded" / "ada" / "unit", True),
        (tmp_path / "course" / "a" / "unit", False),
    ):
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        assert (_seed() == secret) is found


def test_reading_the_configuration_makes_no_secret(tmp_path):
    (root := tmp_path / "course").mkdir()
    copy_course(root)
    run(root, "nbgrader", "--version")
    run(root, "nbgrader", "list", "--help-all")
    assert not (root / "classroom" / "seed").exists()


# The process of a student's code -------------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("BYHAND_TOKEN", TOKEN)
    made = Server()
    yield made
    made.close()


def printed(kernel, source):
    return "".join(m["text"] for m in kernel.run(source, 20) if m["kind"] == "stream")


def processes(server):
    """The keeper and the student's process."""
    while len(found := psutil.Process(server._process.pid).children(recursive=True)) < 2:
        time.sleep(0.02)
    return found


def memory(pid):
    """All that is in the memory of a process and not in a file, a stretch at a time."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, mode = line.split()[:2]
            if mode.startswith("rw"):
                start, end = (int(n, 16) for n in span.split("-"))
                file.seek(start)
                while start < end and (piece := file.read(min(end - start, 1 << 26))):
                    yield piece
                    start += len(piece)


def test_no_token_is_in_the_memory_of_a_students_process_nor_of_its_parents(server):
    with server.start(request()) as kernel:
        printed(kernel, "planted = 'planted-' + 'in-memory'")
        keeper, own = processes(server)
        for pid in (server._process.pid, keeper.pid, own.pid):
            found = [(TOKEN.encode() in piece, b"planted-in-memory" in piece) for piece in memory(pid)]
            assert not any(token for token, _ in found)
            assert any(planted for _, planted in found) == (pid == own.pid)  # the search does find what is there


def test_the_instructors_keys_stay_behind():
    """In a process of its own, with a key in its session keyring, as a login has it."""
    code = """
import ctypes
from byhand.grading import kernel, server
from byhand.grading.limits import Limits
libc = ctypes.CDLL(None)
assert libc.syscall(250, 1, None) > 0  # a session keyring
key = libc.syscall(248, b"user", b"byhand-test", b"key-of-an-instructor", 20, -3)
assert key > 0 and libc.syscall(250, 10, -3, b"user", b"byhand-test", 0) == key, "no keys here"
look = "import ctypes; print(ctypes.CDLL(None).syscall(250, 10, -3, b'user', b'byhand-test', 0))"
its = kernel.Server()
with its.start(server.Request({}, "unit", (), Limits(), sandboxed=False)) as one:
    print(*(m["text"] for m in one.run(look, 20) if m["kind"] == "stream"))
its.close()
"""
    if os.uname().machine != "x86_64" or ctypes.CDLL(None).syscall(250, 0, -3, 1) < 0:
        pytest.skip("the numbers of the calls are those of x86_64, with keyrings")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == -1


@pytest.mark.parametrize("which", ["server", "keeper"])
def test_when_one_above_dies_the_students_process_dies_and_another_can_be_started(server, which):
    with server.start(request()) as kernel:
        keeper, own = processes(server)
        psutil.Process(server._process.pid if which == "server" else keeper.pid).kill()
        psutil.wait_procs([keeper, own], timeout=10)
        assert not keeper.is_running() and not own.is_running()
        with pytest.raises(Ended):
            printed(kernel, "print(1)")
    with server.start(request()) as kernel:
        assert printed(kernel, "print(1)").strip() == "1"


def test_a_process_that_does_not_read_is_ended_in_time(server):
    deaf = "import time\nprint(1, flush=True)\ntry:\n    time.sleep(60)\nfinally:\n    time.sleep(60)"
    with server.start(request()) as kernel:

        def talk():
            for _ in kernel.run(deaf, 1):
                kernel.answer(problems="x" * (1 << 24))

        with pytest.raises(Ended) as ended:
            talk()
    assert ended.value.how["killed_for"] == "time"


def test_what_keeps_a_process_from_starting_is_said(server):
    with pytest.raises(Ended, match=r"FileExistsError|NotADirectoryError"):
        server.start(request(files={"a": b"", "a/b": b""}))


# The answers -----------------------------------------------------------------------------------------------------------


def assignment_of(unit, seed):
    """The assignment of a unit as it stands, without nbgrader."""
    cells = [
        ReleaseCell(f"{name}-check", "code", "", "", True, False, True, 1.0) for name in AnswerSheet(unit).exercises
    ]
    files = {str(path.relative_to(unit.course)): path.read_bytes() for path in unit.materials}
    torch = b"torch=True" in files["checks.py"]
    fields = dict.fromkeys((field.name for field in dataclasses.fields(AssignmentSpec)), ())
    assignment = AssignmentSpec(
        **fields | dict(unit=unit.name, cells=tuple(cells), files=files, torch=torch, exercises={})
    )
    return with_problems(assignment, unit, seed)


def telling(arrays):
    """The bytes of those answers that nothing else would have by chance."""
    for array in map(np.asarray, arrays):
        if array.dtype == float and len(set(array.ravel().tolist()) - {0.0, 1.0, -1.0, 0.5}) >= 3:
            yield np.ascontiguousarray(array).tobytes()


@pytest.mark.parametrize(
    "name", ["02-chain-rule-graphs", "05-simple-rnn", "07-lstm-forward", "13-variational-autoencoders"]
)
def test_no_answer_no_solution_and_no_secret_is_in_the_memory_of_a_students_process(server, name):
    """Every check is asked for, also the graded ones, and the whole memory searched, as a student's code could."""
    unit, secret = Unit(ROOT, name), fresh()
    assignment = assignment_of(unit, secret)
    given = b"".join(base64.b64decode(text) for asked in assignment.exercises.values() for text in asked.given.values())
    answers = {
        piece
        for asked in assignment.exercises.values()
        for problems in asked.solved.values()
        for solved in problems
        for piece in telling(solved.answer.values())
        if piece not in given  # an argument that is to come back as it went
    }
    lines = [line.strip() for text in AnswerSheet(unit).solution.values() for line in text.splitlines()]
    texts = {line.encode() for line in lines if len(line) > 25 and line.encode() not in given}
    assert len(answers) > 20 and len(texts) > 10
    planted = min(answers)
    some = [*sorted(answers - {planted})[:: len(answers) // 20], *sorted(texts)[:: len(texts) // 10]]
    wanted = [secret, secret.hex().encode(), of_unit(secret, name), *some]
    files = assignment.beside({"notes.txt": b"mine", "checks.py": unit.course.joinpath("checks.py").read_bytes()})
    asking = Request(files, name, tuple(assignment.exercises), Limits(), torch=assignment.torch)
    with server.start(asking) as kernel:
        everything = "".join(
            f"check({exercise!r}, lambda *a: None{', points=1' * graded})\n"
            for exercise in assignment.exercises
            for graded in (False, True)
        )
        for message in kernel.run(f"given = {planted!r}\n{everything}", 60, check=True):
            if message["kind"] == "check":
                kernel.answer(
                    problems=assignment.exercises[message["name"]].given[message["graded"]], ask=message["ask"]
                )
            assert message["kind"] != "error", message
        assert set(printed(kernel, "import os; print(*os.listdir())").split()).isdisjoint(WITHHELD)
        found, seen = [], False
        for piece in memory(processes(server)[1].pid):
            found += [what for what in wanted if what in piece]
            seen = seen or planted in piece
    assert seen and found == []


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "course").glob("*/checks.py")))
def test_how_an_answer_is_called_takes_no_answer_along(name):
    """Nothing of reference.py travels with the problems."""
    sys.modules.pop(f"reference_of_{name}", None)  # another test may have asked
    checks = load_checks(ROOT / "course" / name)
    cloudpickle.register_pickle_by_value(sys.modules[f"checks_of_{name}"])
    for exercise in checks.exercises.values():
        assert b"reference" not in cloudpickle.dumps(exercise.call)
