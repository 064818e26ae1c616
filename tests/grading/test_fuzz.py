"""Notebooks, files, names, results and messages made at random: whatever a submission is, grading it ends, and ends small.

About a minute. `BYHAND_FUZZ=100 pytest tests/grading/test_fuzz.py` tries a hundred times as many, other ones each time.
"""

import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byhand.checking.collect import Outcome
from byhand.checking.exercise import Checks, Exercise
from byhand.checking.mistakes import Known
from byhand.grading import feedback, leavings, sandbox
from byhand.grading.assignment import AssignmentSpec, ReleaseCell, _exercise_spec
from byhand.grading.clean import taken_in
from byhand.grading.kernel import Ended
from byhand.grading.limits import LONGEST_REMARK, Limits
from byhand.grading.markdown import harmless, is_harmless
from byhand.grading.notebook_file import Damaged
from byhand.grading.restore import restored
from byhand.grading.run import NotebookRun
from byhand.grading.submission import Submission, good_id, laid_over, read_submission
from byhand.grading.told import Said
from byhand.grading.verdicts import read_verdict, verdict_path, write_verdict
from byhand.grading.wire import WireError, comparable, decode_outcome, encode_arguments, encode_outcome
from byhand.grading.work import failed

TIMES = int(os.environ.get("BYHAND_FUZZ", 0))
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("fuzz")]


def tries(number):
    return settings(
        max_examples=number * (TIMES or 1), deadline=None, derandomize=not TIMES, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


CHECK = 'check("f", f)\n### BEGIN HIDDEN TESTS\ncheck("f", f, points=4)\n### END HIDDEN TESTS'
CELLS = (
    ReleaseCell("setup", "code", "import numpy as np", "a", False, False, True, 0),
    ReleaseCell(
        "f", "code", "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()", "b", False, True, False, 0
    ),
    ReleaseCell("f-check", "code", CHECK, "c", True, False, True, 4),
    ReleaseCell("written", "markdown", "Your answer", "d", True, True, False, 4),
)
EXERCISE = Exercise(
    make=lambda rng, N: {"x": rng.standard_normal((N, 2))},
    results=("y", "J"),
    sizes={"N": 3},
    edges=({"N": 1},),
    forward=("y",),
)
REFERENCE = SimpleNamespace(REFERENCES={"f": lambda x: {"y": 2 * x, "J": np.array(x.sum())}})
CHECKS = Checks(None, {"f": EXERCISE}, lambda: REFERENCE)
ASSIGNMENT = AssignmentSpec(
    "05-simple-rnn", CELLS, {"checks.py": b"", "data/x.csv": b"1"}, (), False, frozenset(), frozenset(), "digest",
    {"f": _exercise_spec("f", CHECKS, bytes(32), Known(), 4.0)},
)  # fmt: skip
SCORES = {"grades": {"f-check": (1.5, 4.0), "written": (0.0, 4.0)}, "comments": {"f": None, "written": "Good."}, "score": 1.5,
          "max_score": 8.0, "late_penalty": 0}  # fmt: skip

# Text that Markdown, HTML, mathematics, terminals and paths have a meaning for, and all of Unicode, halves of surrogates too.
BITS = st.sampled_from(
    "[ ] ( ) ![ ](x) [a](javascript:x) <a href= <script> </ > \" ' ` ``` ~~~ $ $$ \\( \\[ \\begin{align} \\end{align} # - * _ | |-| "
    "> &# &lt; &colon; : javascript: data: attachment:x http:// \\ \\\\ \x1b[ \x1b[38;5m \x1b[0m \x00 \r \n \n\n \t \ud800 \u202e é e\u0301 "
    "-- 1. <!-- ]]> <?php mermaid ```mermaid\n {{ {% %} def\u00a0f".split(" ")
)
ANY = st.text(st.characters(codec=None, exclude_categories=[]), max_size=40)
TEXT = st.lists(BITS | ANY, max_size=25).map("".join)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
NAMES = st.sampled_from(["setup", "f", "f-check", "written", "other", ""]) | TEXT


def either(good, chance=0.2):
    """`good`, and now and then anything."""
    return st.one_of(*[good] * 4, JSON)


CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": either(st.sampled_from(["code", "markdown", "raw"])),
        "source": either(TEXT | st.lists(TEXT, max_size=3)),
        "id": either(NAMES),
        "metadata": either(
            st.fixed_dictionaries({}, optional={
                "nbgrader": either(st.fixed_dictionaries({}, optional={"grade_id": either(NAMES), "points": JSON, "locked": JSON})),
                "tags": JSON,
            })
        ),
        "outputs": JSON,
        "attachments": either(st.dictionaries(TEXT, st.dictionaries(st.sampled_from(["image/png", "image/svg+xml"]), TEXT | JSON, max_size=2), max_size=2)),
    },
)  # fmt: skip
NOTEBOOK = st.fixed_dictionaries(
    {"cells": either(st.lists(CELL, max_size=8))}, optional={"metadata": JSON, "nbformat": JSON, "worksheets": JSON}
)


def as_bytes(value):
    return json.dumps(value).encode()


def check_notebook(notebook):
    """It can be stored, read back, laid out; the release is whole in it; no text of the student's acts."""
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
    nbformat.validate(notebook)
    names = [c.metadata["nbgrader"]["grade_id"] for c in notebook.cells if "nbgrader" in c.metadata]
    assert len(names) == len(set(names)) and {"setup", "f-check", "written"} <= set(names)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert is_harmless(cell.source, cell.get("attachments", {}))


@tries(150)
@given(NOTEBOOK.map(as_bytes) | JSON.map(as_bytes) | st.binary(max_size=200))
def test_a_notebook(data):
    try:
        notebook = restored(data, CELLS).notebook
    except Damaged as damage:
        says = str(damage)
        assert taken_in(says, LONGEST_REMARK) and "\n" not in says
        return
    check_notebook(notebook)
    html = feedback._full(notebook, "05-simple-rnn", "ada", SCORES, feedback.NOTHING)
    assert html.encode() and "Score: 1.5 / 8.0" in html


@tries(400)
@given(TEXT)
def test_a_text(text):
    assert is_harmless(harmless(taken_in(text, 10_000)))
    cleaned = taken_in(text, 50, colours=True)
    cleaned.encode()
    assert len(cleaned) <= 60


PART = st.sampled_from(
    ["exercises.ipynb", "Exercises.ipynb", "exercises (1).ipynb", "._exercises.ipynb", "lesson.ipynb", "checks.py", "data", "a",
     "timestamp.txt", "Thumbs.db", "exercises.ipynb.txt", "05-simple-rnn"]
) | TEXT.map(lambda t: t.replace("/", "").replace("\0", "")).filter(lambda t: t not in ("", ".", ".."))  # fmt: skip
PATH = st.lists(PART, min_size=1, max_size=4).map("/".join)


@tries(60)
@given(st.dictionaries(PATH, st.binary(max_size=50) | NOTEBOOK.map(as_bytes), max_size=8))
def test_a_folder(files):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "ada", "05-simple-rnn")
        folder.mkdir(parents=True)
        for name, content in files.items():
            path = os.path.join(os.fsencode(folder), name.encode("utf-8", "surrogatepass"))
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(content)
            except OSError:
                continue  # a file where a folder is, or too long a name: no student has that either
        found = read_submission(folder, "ada", "salt", blanks=1)
        assert bool(found.notebook is not None) != bool(found.trouble)
        assert found.digest == read_submission(folder, "ada", "salt", blanks=1).digest
        for text in (*found.notes, *(found.trouble or ())):
            assert text.encode() and "\n" not in text
        sandbox.write_files(
            laid_over(found.files, {**ASSIGNMENT.files, "exercises.ipynb": b"{}"}), Path(scratch, "run")
        )
        assert (
            Path(scratch, "run/exercises.ipynb").read_bytes() == b"{}"
            and Path(scratch, "run/checks.py").read_bytes() == b""
        )


@tries(200)
@given(TEXT | st.text(max_size=30))
def test_an_id(student):
    if good_id(student):
        with tempfile.TemporaryDirectory() as scratch:
            path = verdict_path(Path(scratch), "unit", student)
            assert path.parent == Path(scratch, "classroom/verdicts/unit")
            verdict = failed(ASSIGNMENT, Submission(student, "digest"), ValueError(student)).verdict
            write_verdict(Path(scratch), {**verdict, "unit": "unit"})
            assert read_verdict(Path(scratch), "unit", student)["student"] == student


ARRAY = st.builds(
    lambda kind, shape, data: {"array": [kind, shape, data]},
    st.sampled_from(["<f8", "<f4", "<i8", "|b1", "<c16", "<f16", "|O", "<M8[s]"]) | TEXT,
    st.lists(st.integers(-1, 5) | st.just(2**62), max_size=3),
    st.sampled_from(["", "AAAAAAAA8D8=", "AAAAAAAA8D8AAAAAAADwPw=="]) | TEXT,
)
SENT = st.recursive(
    SCALAR | ARRAY | TEXT.map(lambda t: {"text": t}) | st.tuples(TEXT, TEXT).map(lambda p: {"object": list(p)}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda v: {"list": v})
        | st.lists(inner, max_size=3).map(lambda v: {"tuple": v})
        | st.lists(st.tuples(inner, inner).map(list), max_size=3).map(lambda v: {"dict": v})
    ),
    max_leaves=8,
)
FAILURE = st.none() | st.fixed_dictionaries({"texts": st.lists(TEXT, min_size=3, max_size=3), "told": st.booleans()})
SENT_OUTCOME = either(
    st.fixed_dictionaries({"returned": SENT, "failure": FAILURE, "warned": st.lists(TEXT, max_size=3)})
)
BEFORE = ASSIGNMENT.exercises["f"].before[False][0]  # the argument that every call begins with
SENT_AFTER = either(st.just(BEFORE) | st.dictionaries(st.just("x") | TEXT, SENT, max_size=3))
MESSAGE = either(
    st.one_of(
        st.builds(lambda n, g, a: {"kind": "check", "name": n, "graded": g, "uses": ["f", 3], "ask": a}, NAMES, st.booleans(), st.integers()),
        st.builds(
            lambda n, o, a: {"kind": "outcome", "number": n, "outcome": o, "after": a}, st.integers(-1, 3), SENT_OUTCOME, SENT_AFTER
        ),
        st.just({"kind": "checked"}),
        st.builds(lambda n, t: {"kind": "stream", "name": n, "text": t}, st.sampled_from(["stdout", "stderr"]) | TEXT, TEXT),
        st.builds(lambda d: {"kind": "display", "data": d}, st.dictionaries(st.sampled_from(["text/plain", "image/png", "text/html"]), TEXT)),
        st.builds(lambda d: {"kind": "result", "data": d}, st.dictionaries(st.sampled_from(["text/plain"]), TEXT)),
        st.builds(lambda e, v, t: {"kind": "error", "ename": e, "evalue": v, "traceback": t}, TEXT, TEXT, st.lists(TEXT | JSON, max_size=3)),
        st.just({"kind": "clear"}),
        st.just({"kind": "interrupted"}),
    )
).filter(lambda m: isinstance(m, dict))  # fmt: skip


@tries(300)
@given(SENT_OUTCOME, SENT_AFTER)
def test_a_result(sent, after):
    try:
        outcome = decode_outcome(sent, BEFORE, after)
    except (WireError, RecursionError):
        return
    assert isinstance(outcome, Outcome)
    run = NotebookRun(restored(as_bytes({"cells": []}), CELLS).notebook, ASSIGNMENT, Limits(), None)
    for graded in (False, True):
        if graded:
            report = run.marks.graded("f", {0: outcome, 1: outcome}, None)
        else:
            report = run.marks.visible("f", {0: outcome}, [], None, True)
        assert repr(report).encode() and report._repr_html_().encode()
    assert 0 <= run.marks.exercises["f"]["points"] <= 4
    assert len(json.dumps(run.marks.exercises["f"])) < 20_000


@tries(200)
@given(
    st.recursive(
        st.floats() | st.integers() | st.text() | st.none() | st.complex_numbers(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner)
        ),
        max_leaves=8,
    )
)
def test_what_is_sent_arrives_and_an_argument_that_nobody_changed_counts_as_unchanged(value):
    after = encode_arguments({"x": value})
    outcome = decode_outcome(
        json.loads(json.dumps(encode_outcome(Outcome(value)))), comparable(after), json.loads(json.dumps(after))
    )
    assert outcome.mutated == ()
    assert type(outcome.returned).__name__[:80] in (type(value).__name__, "complex", "ndarray")


class Scripted:
    """A student's process that sends what it is told to, and sometimes ends."""

    def __init__(self, script):
        self.script = script

    def run(self, source, seconds, *, check=False):
        for message in self.script.pop() if self.script else []:
            if message == "ends":
                raise Ended({"exit": -11})
            yield message

    def answer(self, **message):
        assert message["problems"]

    def kill(self, reason=None):
        return Ended({"exit": None, "killed_for": reason})

    def interrupt_now(self):
        pass

    def close(self):
        pass


@tries(120)
@given(NOTEBOOK, st.lists(st.lists(MESSAGE | st.just("ends"), max_size=8), max_size=12))
def test_messages(parsed, script):
    try:
        notebook = restored(as_bytes(parsed), CELLS).notebook
    except Damaged:
        notebook = restored(as_bytes({"cells": []}), CELLS).notebook
    run = NotebookRun(notebook, ASSIGNMENT, Limits(), lambda: Scripted(script))
    run()
    points = run.marks.exercises["f"]["points"]
    assert 0 <= points <= 4 and run.status in ("graded", "died", "timed out", "out of memory")
    notebook, _ = leavings.trimmed(notebook)
    check_notebook(notebook)
    assert len(nbformat.writes(notebook)) < 6 << 20
    scores = SCORES | {"grades": {"f-check": (points, 4.0), "written": (0.0, 4.0)}}
    assert "Score" in feedback._full(
        notebook, "05-simple-rnn", "ada", scores, Said(run.marks.exercises, tuple(run.notes))
    )
