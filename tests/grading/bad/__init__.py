"""Bad submissions, one fixture each: what it does, how it is made, what its honest work earns, how it must end.

A fixture is a function that is given a `Desk` and returns the notebook, as a notebook or as bytes, or None where it has
written the folder by itself. Its name is the student's id. An attack on the machine also says how one sees from outside
that it succeeded.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from classes import POINTS, UNIT
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from byhand.course import Unit
from byhand.grading.answer_sheet import AnswerSheet

# Stands in the class's seed, in the honest student's notes, and in the grader's environment.
SECRET = "13579bdf02468ace" * 4
HONEST = "honest"
ALL: dict[str, float] = {}
NONE = dict.fromkeys(POINTS, 0)
# What fails where there is no rnn_step: itself and all that call it.
NO_STEP = dict(rnn_step=0, rnn_forward=0, truncated_bptt=0, sample=0)


def only(*names: str) -> dict[str, float]:
    return {name: 0 for name in POINTS if name not in names}


@dataclass(frozen=True)
class Scene:
    """What can be seen from outside after grading."""

    root: Path
    student: str
    connections: int = 0  # that a listener outside has counted

    def text(self) -> str:
        """All that the submission could carry out in what the student is given back."""
        folder = self.root / "classroom" / "autograded" / self.student
        return "".join(p.read_text(errors="replace") for p in folder.rglob("*") if p.is_file())


@dataclass(frozen=True)
class Desk:
    """Where a bad submission is made."""

    sheet: AnswerSheet
    folder: Path  # classroom/submitted/STUDENT/UNIT, with the files of the unit beside the notebook to come
    timeout: int  # seconds a cell may take when it will be graded
    port: int = 9  # where a listener outside waits

    @property
    def root(self) -> Path:
        return self.sheet.unit.root

    def solved(self, cell: str = "", after: str = "cross_entropy-check", **regions: str) -> NotebookNode:
        """Everything solved but for what is named, and one more cell."""
        return self._with(self.sheet.solved(**regions), cell, after)

    def cheat(self, cell: str = "", after: str = "setup", **regions: str) -> NotebookNode:
        """Two exercises solved honestly (10 points), nothing else, and the trick that is to earn the rest."""
        honest = {name: self.sheet.solution[name] for name in ("rnn_step", "cross_entropy")}
        return self._with(self.sheet.filled(honest | regions), cell, after)

    @staticmethod
    def _with(notebook: NotebookNode, cell: str, after: str) -> NotebookNode:
        if cell:
            place = notebook.cells.index(find(notebook, after)) + 1
            notebook.cells.insert(place, new_code_cell(cell.strip()))
        return notebook


def find(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    [cell] = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    return cell


@dataclass(frozen=True)
class Bad:
    """A bad submission.

    does       what it does, in a few words.
    status     how grading it must end.
    earns      exercise -> the share of its points that its honest work earns; all of them where it is not named.
    succeeded  for an attack on the machine: whether it has reached its aim, as seen from outside. Never, in the sandbox.
    """

    make: Callable[[Desk], NotebookNode | bytes | None] = field(repr=False)
    does: str
    status: str
    earns: Mapping[str, float]
    succeeded: Callable[[Scene], bool] | None = field(repr=False, default=None)
    student: str = ""

    @property
    def scores(self) -> dict[str, float]:
        return {name: round(points * self.earns.get(name, 1), 2) for name, points in POINTS.items()}


SUITE: dict[str, Bad] = {}


def bad(does: str, status: str = "graded", earns: Mapping[str, float] = ALL, succeeded=None, student: str = ""):
    """Register a bad submission. `succeeded(scene)`: whether an attack on the machine has reached its aim."""

    def register(make):
        name = student or make.__name__.strip("_").replace("_", "-")
        SUITE[name] = Bad(make, does, status, earns, succeeded, name)
        return make

    return register


CHEAT = only("rnn_step", "cross_entropy")


def hand_in(root: Path, bads: Iterable[Bad], timeout: int, port: int = 9) -> None:
    """Write the submissions into the classroom, beside that of an honest student, and make the secret worth stealing."""
    (root / "classroom" / "seed").write_text(SECRET)
    sheet = AnswerSheet(Unit(root, UNIT))
    honest = root / "classroom" / "submitted" / HONEST / UNIT
    shutil.copytree(root / "classroom" / "release" / UNIT, honest)
    (honest / "exercises.ipynb").write_text(nbformat.writes(sheet.solved()))
    (honest / "notes.txt").write_text(SECRET)
    for one in bads:
        folder = root / "classroom" / "submitted" / one.student / UNIT
        shutil.copytree(root / "classroom" / "release" / UNIT, folder)
        (folder / "exercises.ipynb").unlink()
        made = one.make(Desk(sheet, folder, timeout, port))
        if isinstance(made, bytes):
            (folder / "exercises.ipynb").write_bytes(made)
        elif made is not None:
            (folder / "exercises.ipynb").write_text(nbformat.writes(made))


def take_away_what_is_deep(root: Path) -> None:
    """Folders in folders, of which Python's own functions, which go down by recursion, cannot empty a folder."""
    subprocess.run(["rm", "-rf", *root.glob("classroom/*/*/*/a")], check=True)


class Listener:
    """A port on this machine, and how many have connected to it."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.connections = self._socket.getsockname()[1], 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                self._socket.accept()[0].close()
                self.connections += 1


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    try:
        yield listener
    finally:
        listener._socket.close()


from bad import attacking, broken, cheating, greedy, odd  # noqa: E402, F401 - each fills the suite
