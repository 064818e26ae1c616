"""A copy of the course to grade in, and a made-up class that hands in its exercises."""

import os
import shutil
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from warm import warm
from warm_kernels import kernels

from byhand.course import Unit
from byhand.grading.answer_sheet import AnswerSheet
from byhand.teaching.notebooks import read_source

ROOT = Path(__file__).parents[1]
UNIT = "05-simple-rnn"
# For stock nbgrader: on a busy machine a kernel takes longer to begin, and a cell longer to end, than it waits for by itself.
PATIENT = ("--Execute.timeout=300", "--Execute.startup_timeout=300")


def points(unit):
    """Exercise -> its points, as the unit's source has them, in order."""
    cells = (c.metadata.get("nbgrader", {}) for c in read_source(unit.exercises).notebook.cells)
    return {
        m["grade_id"].removesuffix("-check"): m["points"] for m in cells if m.get("grade_id", "").endswith("-check")
    }


POINTS = points(Unit(ROOT, UNIT))
EXERCISES = tuple(POINTS)
ESSAY = "Imagine one W for each step; moving the one real W moves them all, so the effects add. V and c stay exact."

# Works for the sequence of the visible check and for no other length.
HARD_CODED = """
h = np.empty((5, *h0.shape))
for t in range(5):
    h[t] = rnn_step(x[t], h[t - 1] if t > 0 else h0, U, W, b)
return h, h @ V.T + c
"""

# The numbers are right, and h0 is overwritten.
OVERWRITES_H0 = """
h = np.empty((len(x), *h0.shape))
for t in range(len(x)):
    h0[:] = rnn_step(x[t], h0, U, W, b)
    h[t] = h0
return h, h @ V.T + c
"""

NOISY = """
import logging, sys, warnings
print("one more step", file=sys.stderr)
logging.warning("careful")
warnings.warn("a warning of my own")
np.log(np.zeros(3)), np.exp(np.full(3, 1e4))
return np.tanh(b + h_prev @ W.T + x @ U.T)
"""


def copy_course(root, unit=UNIT):
    """The course with one unit, in a folder of its own, so that no test works in the project's classroom."""
    for folder in ("course", "solutions"):
        beside = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
        shutil.copytree(ROOT / folder / unit, root / folder / unit, ignore=beside)
    locks = ("requirements/student.txt", "requirements/torch.txt")
    for name in ("course/start.md", "nbgrader_config.py", "book/references.bib", *locks):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


def fresh(root, graded_class):
    """A copy of the class, as it was handed in and before anybody graded it."""
    shutil.copytree(graded_class, root, ignore=shutil.ignore_patterns("autograded", "feedback", ".jupyter"))
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        for student in [s.id for s in book.students]:
            book.remove_student(student)
    return root


def clean_environment(root):
    """The environment without anyone's own Jupyter settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        env[name] = str(root / ".jupyter" / name.lower())
        Path(env[name]).mkdir(parents=True, exist_ok=True)
    return env


def run(root, *command, **variables):
    """Run a command of the environment in `root`, in a process of its own, and return what it wrote."""
    code, said = warm(root, command, clean_environment(root) | {"JUPYTER_PATH": str(kernels())} | variables)
    assert code == 0, f"{' '.join(command)} exited with {code}:\n{said}"
    return said


def run_as_typed(root, *command, under=(), **variables):
    """The same, begun from nothing, as an instructor would; `under` another program, which starts it."""
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run(
        [*under, program, *command[1:]], cwd=root, env=clean_environment(root) | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


class Answers:
    """What can be written into the exercises of a course, by the names that misconceptions.yml has for it."""

    def __init__(self, root):
        self.sheet = AnswerSheet(Unit(root, UNIT))
        self.sources, self.solution, self.alternatives = self.sheet.sources, self.sheet.solution, self.sheet.right
        self.misconception = {f"{v.exercise}/{v.id}": v for vs in self.sheet.wrong.values() for v in vs}
        self.released, self.notebook = self.sheet.unit.course / "exercises.ipynb", self.sheet.filled

    def solved(self, *misconceptions, **regions):
        """All exercises solved, but for those that are named: exercise/id of a misconception, or a text."""
        known = {self.misconception[name].exercise: self.misconception[name].region for name in misconceptions}
        return self.notebook(self.solution | known | regions)

    def in_other_styles(self, number):
        """All exercises solved by their alternative of this number, counted around.

        Single precision is left out: it is right for one step and too rough for those who build on it.
        """
        styles = {name: [v.region for v in vs if v.id != "single-precision"] for name, vs in self.alternatives.items()}
        return self.notebook({name: next(islice(cycle(regions), number, None)) for name, regions in styles.items()})


def make_class(root):
    """Student -> notebook."""
    answers = Answers(root)
    hand_in = {
        "blank": answers.notebook({}),
        "solution": answers.solved(),
        "essay": answers.solved(written=ESSAY),
        "style-0": answers.in_other_styles(0),
        "style-1": answers.in_other_styles(1),
        "style-2": answers.in_other_styles(2),
        "no-bias": answers.solved("rnn_step/no-bias"),
        "no-output-bias": answers.solved("rnn_forward/output-bias-forgotten"),
        "overflow": answers.solved("cross_entropy/overflow", "truncated_bptt/last-chunk-dropped"),
        "sum-gradient": answers.solved("cross_entropy/gradient-of-the-sum"),
        "w-transposed": answers.solved("rnn_step_backward/w-transposed"),
        "dh-overwritten": answers.solved("rnn_step_backward/argument-overwritten"),
        "same-step": answers.solved("rnn_backward/paired-with-the-same-step"),
        "h0-overwritten": answers.solved(rnn_forward=OVERWRITES_H0),
        "hard-coded": answers.solved(rnn_forward=HARD_CODED),
        "syntax-error": answers.solved(rnn_step="return np.tanh(b + h_prev @ W.T"),
        "noisy": answers.solved(rnn_step=NOISY),
        "bad-import": answers.solved(),
    }
    hand_in["bad-import"].cells.insert(0, new_code_cell("import a_module_that_nobody_has"))
    [setup] = [c for c in hand_in["bad-import"].cells if c.metadata.get("nbgrader", {}).get("grade_id") == "setup"]
    setup.source = "import a_module_that_nobody_has\n" + setup.source
    return hand_in


def submit(root, hand_in):
    """Lay the notebooks where nbgrader looks for them, each with the files that a student's folder has."""
    for student, notebook in hand_in.items():
        folder = root / "classroom" / "submitted" / student / UNIT
        shutil.copytree(root / "classroom" / "release" / UNIT, folder)
        nbformat.write(notebook, folder / "exercises.ipynb")
