"""The page on which JupyterLab opens: the units, how far you are, and where to go on.

`python -m byhand.start` in the root of the course writes `course/start.ipynb` from `course/start.md`; `make lab` does so each time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from byhand.progress import UnitProgress, units

READY = """\
import importlib.metadata
import importlib.util
import sys

import byhand

versions = [f"Python {sys.version.split()[0]}", f"numpy {importlib.metadata.version('numpy')}"]
if importlib.util.find_spec("torch"):
    print(f"{', '.join(versions)}, torch {importlib.metadata.version('torch')}: ready.")
else:
    print(f"{', '.join(versions)}: ready for all checks. There is no torch here; the lessons need it.")"""

NOW = """\
from byhand.start import progress

progress()  # run this cell to see how far you are now"""

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def progress(course: Path = Path(".")):
    """How far you are, as a table; for the start page, whose folder is `course/`."""
    from IPython.display import Markdown

    return Markdown(overview(units(course)))


def overview(found: list[UnitProgress]) -> str:
    """The units as a Markdown table, below a sentence that says where to go on."""
    rows = ["| Unit | To read | To solve | Checks |", "|:--|:--|:--|:--|"]
    for unit in found:
        title = unit.title
        rows.append(
            f"| **{title}** | [lesson {title[:2]}]({unit.name}/lesson.ipynb) | [exercises {title[:2]}]({unit.name}/exercises.ipynb) | {_says(unit)} |"
        )
    return "\n".join([where_to_go_on(found), "", *rows])


def _says(unit: UnitProgress) -> str:
    count = f"{len(unit.right)} of {len(unit.exercises)} right"
    return f"✓ {count}" if unit.done else count if unit.right else "–"


def where_to_go_on(found: list[UnitProgress]) -> str:
    """The first exercise that is open after everything that is right; the first lesson for those who begin."""
    begun = [n for n, unit in enumerate(found) if unit.right]
    open_units = [unit for unit in found[begun[-1] :] if not unit.done] if begun else found
    open_units = open_units or [unit for unit in found if not unit.done]
    if not open_units:
        return "**All checks of the course are right.**"
    unit = open_units[0]
    if not unit.right:
        return f"**{'Go on' if begun else 'Begin'} with** [{unit.title}]({unit.name}/lesson.ipynb)."
    return f"**Go on with** [{unit.title}]({unit.name}/exercises.ipynb), exercise `{unit.next_exercise}`."


def write_start_page(root: Path) -> Path:
    """Write `course/start.ipynb`. Raises FileNotFoundError where `root` is not the root of a course."""
    course = root / "course"
    text = (course / "start.md").read_text(encoding="utf-8").replace("%UNITS%", overview(units(course)))
    before, _, after = text.partition("%NOW%\n")
    cells = [
        new_markdown_cell(before.strip()),
        new_code_cell(NOW),
        new_markdown_cell(after.strip()),
        new_code_cell(READY),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"start-{number}"
    page = course / "start.ipynb"
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}}), page
    )
    return page


if __name__ == "__main__":
    try:
        write_start_page(Path.cwd())
    except FileNotFoundError:
        sys.exit(f"{Path.cwd()} is not the root of the course: there is no course/start.md in it.")
