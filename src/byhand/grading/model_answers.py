"""`byhand solutions`: for students, after the deadline, what an exercise's right answers are and what goes wrong how."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import MissingEntry

from byhand.course import CourseError, Unit
from byhand.delimiters import BEGIN, BEGIN_HIDDEN, END, END_HIDDEN
from byhand.grading import record
from byhand.grading.lesson_sections import Place, lesson_sections
from byhand.teaching.misconceptions import Variant, load_variants
from byhand.teaching.notebooks import KERNEL, notebook_bytes, read_source, solution_regions
from byhand.teaching.plain import equation_numbers, load_references, to_plain

WRITTEN = "What a full answer has"


@dataclass(frozen=True)
class Model:
    """One exercise: where it stands, its question as Markdown, the whole cell with the model solution, right answers in another
    style, and the known mistakes."""

    name: str
    place: Place
    points: float
    question: str
    solution: str
    styles: tuple[Variant, ...]
    mistakes: tuple[Variant, ...]


@dataclass(frozen=True)
class Written:
    """A written question, its rubric, and the points."""

    question: str
    answer: str
    points: float


@dataclass(frozen=True)
class ModelAnswers:
    """All of a unit, in the order of its exercises, and the notebook of it."""

    unit: Unit
    title: str
    exercises: tuple[Model | Written, ...]
    notebook: NotebookNode


def model_answers(unit: Unit) -> ModelAnswers:
    """Raises CourseError where a source cannot be read."""
    source = read_source(unit.exercises).notebook
    numbers, references = equation_numbers(read_source(unit.lesson).notebook, unit.name), load_references(unit.root)
    variants, places, regions = load_variants(unit), lesson_sections(unit), solution_regions(source)
    metas = [cell.metadata.get("nbgrader", {}) for cell in source.cells]
    points = {meta["grade_id"].removesuffix("-check"): meta["points"] for meta in metas if meta.get("grade")}
    found: list[Model | Written] = []
    title, question = "", []
    notebook = new_notebook(metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell, meta in zip(source.cells, metas, strict=True):
        name, text = meta.get("grade_id", ""), cell.source
        if cell.cell_type == "markdown":
            text = to_plain(text, numbers, references)
        if not title:
            title = text.partition("\n")[0].removeprefix("# ")
            text = text.replace(f"# {title}", f"# {title}, with answers\n\n{ABOUT.format(unit=unit.name)}", 1)
        if cell.cell_type == "markdown" and meta.get("solution"):
            answer = _between(text, BEGIN, END)
            found.append(Written("\n\n".join(_question(question)), answer, points[name]))
            question = []
            notebook.cells.append(new_markdown_cell(f"**{WRITTEN}**\n\n{answer}"))
        elif meta.get("solution"):
            bare = "\n".join(line for line in text.splitlines() if line.strip() not in (BEGIN, END))
            of = variants.of(name)
            model = Model(
                name,
                places[name],
                points.get(name, 0.0),
                "\n\n".join(_question(question)),
                bare,
                of.alternatives,
                of.misconceptions,
            )
            found.append(model)
            question = []
            notebook.cells.append(new_code_cell(bare))
            if not any(m.get("grade_id") == f"{name}-check" for m in metas):
                notebook.cells.append(new_markdown_cell(_more(model, regions[name])))
        elif cell.cell_type == "markdown":
            question.append(text)
            notebook.cells.append(new_markdown_cell(text))
        else:
            text = re.sub(rf"^{BEGIN_HIDDEN}\n.*?^{END_HIDDEN}\n?", "", text + "\n", flags=re.S | re.M).rstrip()
            tags = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
            notebook.cells.append(new_code_cell(text, metadata=tags))
            if found and isinstance(found[-1], Model) and name == f"{found[-1].name}-check":
                notebook.cells.append(new_markdown_cell(_more(found[-1], regions[found[-1].name])))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"answers-{number}"
    return ModelAnswers(unit, title, tuple(found), notebook)


ABOUT = """These are the model solutions, other right answers in another style, and the mistakes that are known, each with its reason.
To run it, put it beside `checks.py`, in `course/{unit}/`."""


def _between(text: str, begin: str, end: str) -> str:
    return text.partition(begin)[2].partition(end)[0].strip()


def _question(texts: Sequence[str]) -> list[str]:
    """The texts from the last heading on: what stands before it belongs to what came before."""
    joined = "\n\n".join(texts)
    headings = list(re.finditer(r"^#{1,3} .*\n?", joined, re.M))
    return [joined[headings[-1].end() :].strip()] if headings else [joined]


def words(variant: Variant) -> str:
    """The id of a variant as a heading."""
    text = variant.id.replace("-", " ")
    return text[:1].upper() + text[1:]


def change(variant: Variant) -> str:
    """What a mistake changes in the model solution, as lines with - and +; all of it where it is written anew."""
    if variant.edit is None:
        return variant.region
    old, new = variant.edit
    return "\n".join([*(f"- {line}" for line in old.splitlines()), *(f"+ {line}" for line in new.splitlines())])


def _more(model: Model, region: str) -> str:
    """What the notebook has below an exercise."""
    parts = []
    if model.styles:
        parts.append("**Right as well, in another style**")
        parts += [f"{words(v)}:\n\n{_fenced(v.region)}" for v in model.styles]
    if model.mistakes:
        parts.append("**Known mistakes**")
        parts += [
            f"*{words(v)}.* {' '.join(v.hint.split())}\n\n{_fenced(change(v), 'python' if v.edit is None else 'diff')}"
            for v in model.mistakes
        ]
    return "\n\n".join(parts)


def _fenced(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}\n```"


def deadline(unit: Unit) -> datetime.datetime | None:
    """When the unit is due, as the gradebook has it, in UTC; None where it has no date, or there is no gradebook."""
    if not (unit.root / "classroom" / "gradebook.db").exists():
        return None
    with record.open_gradebook(unit.root) as book:
        try:
            return record.due(book.find_assignment(unit.name))
        except MissingEntry:
            return None


def write_solutions(unit: Unit, now: datetime.datetime) -> list[Path]:
    """The page and the notebook, in `classroom/solutions/`, which no hand-out holds. Raises CourseError before the unit is due."""
    from byhand.grading.model_answers_page import page

    due = deadline(unit)
    if due and now < due:
        raise CourseError(
            f"{unit.name} is due on {due:%Y-%m-%d at %H:%M} UTC, and its solutions come after that. Nothing was written."
        )
    answers = model_answers(unit)
    folder = unit.root / "classroom" / "solutions"
    folder.mkdir(parents=True, exist_ok=True)
    html, notebook = folder / f"{unit.name}.html", folder / f"{unit.name}.ipynb"
    html.write_text(page(answers), encoding="utf-8")
    notebook.write_bytes(notebook_bytes(answers.notebook))
    return [html, notebook]
