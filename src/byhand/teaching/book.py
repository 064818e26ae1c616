"""The rendered book: stage its pages and the executed lessons, then let Jupyter Book build them.

`book/_build/stage/` is what Jupyter Book sees: the pages of `book/`, CONTRIBUTING.md, MathJax, and per unit of `course/` the folder
`units/NN-slug/` with the executed lesson and the statement of the exercises. The site is `book/_build/html/`.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from byhand.course import CourseError, Unit, find_units
from byhand.teaching.browser import FOLDER, build_browser, graded_exercises
from byhand.teaching.execute import executed
from byhand.teaching.mend import mend_site
from byhand.teaching.notebooks import read_source
from byhand.teaching.opening import with_figures
from byhand.teaching.plain import equation_numbers, number_for_book
from byhand.teaching.pyodide import NoPyodide, pyodide_files
from byhand.teaching.sliders import live_notebook

# What a page asks of MathJax: the TeX-to-HTML component, its fonts, and the extensions that it loads on first use.
MATHJAX = ("tex-chtml.js", "output/chtml/fonts/woff-v2/", "input/tex/extensions/")
MATHJAX_NOT = ("all-packages.js", "mhchem.js", "bussproofs.js", "physics.js")  # large, and no formula here wants them

LIVE = """\
<p class="byhand-live">In JupyterLab there are sliders here: see \
<a href="../../how-to-use.html#run-it-live">how to run it live</a>.</p>"""
LIVE_HERE = """\
<p class="byhand-live">There are sliders here. <a href="../../browser/notebooks/index.html?path=course/{unit}/sliders.ipynb">Run them live</a> \
in this browser, with nothing installed, or <a href="../../how-to-use.html#run-it-live">in the whole lesson</a>.</p>"""
LIVE_NOT_HERE = """\
<p class="byhand-live">There are sliders here. They need scipy or torch, which the browser does not have here: see \
<a href="../../how-to-use.html#run-it-live">how to run it live</a> on a machine that has it.</p>"""

KERNELS = 4  # at once, where there are as many processors: each holds torch and a lesson's data

PICTURES = {".svg", ".png", ".jpg", ".gif"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

SOLVE_HERE = """\
<div class="byhand-solve" data-unit="{unit}" data-exercises="{exercises}">
<p><a class="byhand-solve-button" href="../../browser/notebooks/index.html?path=course/{unit}/exercises.ipynb">Solve it here</a>
<a href="../../how-to-use.html#in-the-browser">Install instead</a></p>
<p>Nothing has to be installed: Python runs in this browser, and your answers stay on this device, in this browser.{note}</p>
</div>
"""

# What a unit's last cells need that no browser has. The checks need nothing of it.
NOT_IN_A_BROWSER = {
    "08-lstm-backprop": " The comparison with torch's own LSTM needs torch, which no browser has; all checks work.",
    "15-trading-agent": " The trading at the end needs torch, which no browser has; all checks work.",
    "17-few-labels": " The comparison on digits at the end needs scikit-learn, which is not here; all checks work.",
}
# Where a cell trains for more than two minutes in a browser, by book/browser-times.txt: a smaller run.
LONG_IN_A_BROWSER = {
    "08-lstm-backprop": " The training at the end takes more than two minutes here; with <code>(0,)</code> in the place of <code>(0, 1, 2)</code> it \
trains one network, in a third of the time.",
    "12-pixel-models": " The training at the end takes more than two minutes here; <code>train(…, seed=0, steps=300)</code> takes a third, and learns less.",
    "20-reading-without-cutting": " The training at the end takes more than two minutes here; 300 and 200 steps in the place of 600 and 400 take half, \
and it reads less well.",
}

STATEMENT_ONLY = """\
:::{{admonition}} To read here, to solve in JupyterLab
:class: note
This page is the statement only; nothing runs on it. To work on it, start the course with `make lab` and open
`course/{unit}/exercises.ipynb`.
:::
"""


def build_book(root: Path, browser: bool = False, pyodide: Path | None = None, public: bool = False) -> Path:
    """Build the book of the repository at `root` and return the path of its `index.html`.

    With `browser` the exercises in the browser lie beside it, with Pyodide's files from the folder `pyodide` or from the package
    index; with `public` pages fetch them from Pyodide's own address. Where they are not to be had, the book is built without, and says so.
    Raises `CourseError` when a notebook is missing or Jupyter Book warns of anything.
    """
    build = Path(root).resolve() / "book" / "_build"
    try:
        browser = browser and bool(pyodide_files(build.parents[1] / ".cache" / "pyodide", pyodide, public))
    except NoPyodide as error:
        print(f"The book is built without the exercises in the browser. {error}", file=sys.stderr)
        browser = False
    _sync(dict(_staged(build.parents[1], browser)), build / "stage")

    # Sphinx warns of a page only when it reads that page. After a failed or interrupted build the next one must
    # therefore read everything again, or it would pass with the faults still there.
    clean = build / "clean"
    if not clean.exists():
        shutil.rmtree(build / ".doctrees", ignore_errors=True)
    clean.unlink(missing_ok=True)
    _run_jupyter_book(build)
    mend_site(build / "html")
    clean.touch()
    shutil.rmtree(build / "html" / FOLDER, ignore_errors=True)
    if browser:
        _progress("building the exercises in the browser")
        build_browser(build.parents[1], build, pyodide, public)
        _progress("")
    return build / "html" / "index.html"


# Staging: what the book is made of


def _staged(root: Path, browser: bool) -> Iterator[tuple[str, bytes]]:
    """Every file that Jupyter Book is to see, as its path inside the stage and its content."""
    for path in _files(root / "book"):
        name = path.relative_to(root / "book").as_posix()
        if not name.startswith("_build/"):
            made = with_figures(path.read_text(encoding="utf-8"), root).encode() if name == "index.md" else None
            yield name, made or path.read_bytes()
    if (contributing := root / "CONTRIBUTING.md").exists():
        yield "contributing.md", contributing.read_bytes()
    for name, path in _mathjax():
        yield f"_extra/mathjax/{name}", path.read_bytes()
    units = find_units(root)
    for unit, lesson in zip(units, _executed_lessons(units), strict=True):
        for name, content in _unit_pages(unit, lesson, browser).items():
            yield f"units/{unit.name}/{name}", content


def _executed_lessons(units: list[Unit]) -> Iterator[NotebookNode]:
    """The lessons with their outputs, in order; those that must run first run side by side, each in a kernel of its own."""
    paths = [_existing(unit.course / "lesson.ipynb") for unit in units]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, KERNELS)) as pool:
        for unit, lesson in zip(units, pool.map(executed, paths), strict=True):
            _progress(f"running the lessons: {unit.name}")
            yield lesson


def _unit_pages(unit: Unit, lesson: NotebookNode, browser: bool) -> dict[str, bytes]:
    """The executed lesson, the statement of the exercises, and the pictures that they show, by their names."""
    exercises = _existing(unit.course / "exercises.ipynb")
    lesson_source, exercises_source = (read_source(path).notebook for path in (unit.lesson, unit.exercises))
    numbers = equation_numbers(lesson_source, unit.name)
    read = with_source_text(without_widgets(lesson, _live(unit, browser)), lesson_source, numbers, unit.name)
    solve = with_source_text(nbformat.read(exercises, as_version=4), exercises_source, numbers, unit.name)
    link_symbols(read, unit.name)
    pages = {
        "lesson.ipynb": _dump(read),
        "exercises.ipynb": _dump(statement(solve, unit.name, graded_exercises(unit) if browser else [])),
    }
    pictures = [path for path in unit.materials if path.suffix in PICTURES]
    return pages | {path.relative_to(unit.course).as_posix(): path.read_bytes() for path in pictures}


def with_source_text(notebook: NotebookNode, source: NotebookNode, numbers: dict[str, str], unit: str) -> NotebookNode:
    """The notebook with its prose as the source has it: in MyST, where the notebook has it in plain Markdown.

    So terms, citations and equation numbers are links in the book. Answers keep the notebook's text, since the
    source has the solution there.
    """
    if [cell.id for cell in notebook.cells] != [cell.id for cell in source.cells]:
        raise CourseError(f"A notebook of {unit} is out of step with its source; `byhand build` makes it anew.")
    for cell, original in zip(notebook.cells, source.cells, strict=True):
        if cell.cell_type == "markdown" and not cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = number_for_book(original.source, numbers)
    return notebook


def link_symbols(lesson: NotebookNode, unit: str) -> None:
    """Let the lesson's opening lead to what the unit's symbols mean; the notation page has a label for each unit."""
    for cell in lesson.cells:
        opening, found, rest = cell.source.partition("**Time:**")
        if found:
            time, end, rest = rest.partition("\n:::")
            cell.source = f"{opening}{found}{time} **Symbols:** {{ref}}`notation <symbols-{unit}>`.{end}{rest}"
            return
    raise CourseError(f"The lesson of {unit} does not say **Time:** in its opening.")


def _live(unit: Unit, browser: bool) -> str:
    """What a page says in the place of sliders."""
    if not browser:
        return LIVE
    return LIVE_HERE.format(unit=unit.name) if live_notebook(unit) else LIVE_NOT_HERE


def without_widgets(notebook: NotebookNode, live: str = LIVE) -> NotebookNode:
    """The notebook without widget views and states, which on a page need a kernel and the html-manager.

    An output that has nothing else to show but the widget's name gives way to `live`, which says how to have it
    live; a picture or HTML beside the view stays.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            views = [output for output in cell.outputs if WIDGET_VIEW in output.get("data", {})]
            cell.outputs = [output for output in cell.outputs if _drop_view(output)]
            if views and not _is_progress(views):
                cell.outputs.append(new_output("display_data", {"text/html": live}))
    return notebook


def _is_progress(views: list[NotebookNode]) -> bool:
    """Whether the widgets are progress bars, of which nothing is missing on a page. (tqdm shows its text beside.)"""
    return all(
        "it/s" in view["data"].get("text/plain", "") or "%|" in view["data"].get("text/plain", "") for view in views
    )


def _drop_view(output: NotebookNode) -> bool:
    """Take the widget view out of an output; whether there is anything left to show."""
    data = output.get("data", {})
    return data.pop(WIDGET_VIEW, None) is None or bool(set(data) - {"text/plain"})


def statement(notebook: NotebookNode, unit: str, here: list[str]) -> NotebookNode:
    """The released exercises with a note below their title that says where to solve them.

    `here` are the names of the exercises, where they can be solved on the page; empty where they cannot.
    """
    title, _, rest = notebook.cells[0].source.partition("\n")
    if notebook.cells[0].cell_type != "markdown" or not title.startswith("# "):
        raise CourseError(f"The exercises of {unit} must open with a title, `# …`, in a Markdown cell.")
    note = SOLVE_HERE if here else STATEMENT_ONLY
    more = NOT_IN_A_BROWSER.get(unit, "") + LONG_IN_A_BROWSER.get(unit, "")
    says = note.format(unit=unit, exercises=" ".join(here), note=more)
    notebook.cells[0].source = f"{title}\n\n{says}\n{rest}"
    return notebook


def _mathjax() -> Iterator[tuple[str, Path]]:
    """The files of MathJax that pages load, as name and path, from the package sphinx-mathjax-offline."""
    for file in importlib.metadata.files("sphinx-mathjax-offline") or ():
        name = file.as_posix().partition("/static/mathjax/")[2]
        if name.startswith(MATHJAX) and file.name not in MATHJAX_NOT:
            yield name, Path(file.locate())


def _existing(notebook: Path) -> Path:
    if not notebook.is_file():
        raise CourseError(f"{notebook} is missing; `byhand build` makes it.")
    return notebook


def _dump(notebook: NotebookNode) -> bytes:
    return nbformat.writes(notebook).encode()


def _files(folder: Path) -> list[Path]:
    hidden = {".ipynb_checkpoints", "__pycache__"}
    return sorted(path for path in folder.rglob("*") if path.is_file() and hidden.isdisjoint(path.parts))


def _sync(wanted: dict[str, bytes], folder: Path) -> None:
    """Make `folder` hold exactly the wanted files; unchanged ones keep their time stamp, so Sphinx skips them."""
    for path in _files(folder):
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


# Building


def _run_jupyter_book(build: Path) -> None:
    """Run Jupyter Book on the stage with every warning an error; show progress only."""
    # Through Python, since the command jupyter-book need not be on the path, and the package cannot be run with -m.
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(build / "stage")]
    command += ["--path-output", str(build.parent), "-W", "-n", "--keep-going"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    with process:
        assert process.stdout  # it is a pipe
        for line in process.stdout:
            lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip())
            if step := re.match(r"(reading sources|writing output)\.\.\. \[ *(\d+%)\] (\S+)", lines[-1]):
                _progress("building the book: {} {} {}".format(*step.groups()))
    _progress("")
    if process.returncode:
        warnings = [line.replace(f"{build}/stage/", "") for line in lines if re.search(r"\b(WARNING|ERROR)\b", line)]
        # Without a warning Jupyter Book itself has failed, and the end of its output says why.
        complaint = "\n".join(warnings or lines[-15:])
        raise CourseError(f"The book was not built, because Jupyter Book complains:\n{complaint}")


def _progress(text: str) -> None:
    """Show what is being done, in one line that is written over; nothing where the output is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
