"""A lesson's sliders as a notebook of their own. Every lesson compares with torch, which no browser has; its sliders need numpy alone."""

from __future__ import annotations

import ast
import builtins
import re
import symtable

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from byhand.course import Unit
from byhand.teaching.notebooks import read_source

PLAYER = re.compile(r"^pictures\.\w+_player\(", re.M)
WITH_SCIPY = {"10-generative-modelling"}  # what these fit, they fit by it
OPENING = """\
# {title}: the sliders

Click into the first cell below and press Shift+Enter, then the same again, until the sliders are there. What they show is
said on the lesson's page, from which you came."""


def live_notebook(unit: Unit) -> NotebookNode | None:
    """The cells of the lesson that show sliders, after those that they need; None where there are none or they need more."""
    lesson = read_source(unit.lesson).notebook
    code = [cell.source for cell in lesson.cells if cell.cell_type == "code"]
    wanted = {number: source for number, source in enumerate(code) if PLAYER.search(source)}
    if not wanted or unit.name in WITH_SCIPY:
        return None
    names = set().union(*map(_needs, wanted.values()))
    for number in reversed(range(1, max(wanted))):
        if names & _makes(code[number]):
            wanted[number] = code[number]
            names |= _needs(code[number])
    wanted[0] = _opening(code[0], names)
    if names - set(dir(builtins)) - set().union(*map(_makes, wanted.values())):
        return None
    title = lesson.cells[0].source.splitlines()[0].removeprefix("# ")
    cells = [new_markdown_cell(OPENING.format(title=title))]
    cells += [new_code_cell(source) for _, source in sorted(wanted.items())]
    for number, cell in enumerate(cells):
        cell.id = f"live-{number}"
    return new_notebook(cells=cells, metadata=lesson.metadata)


def _opening(source: str, names: set[str]) -> str:
    """Of the lesson's first cell, which imports, what makes one of the names, and calls that do not concern torch."""
    lines, kept = source.splitlines(), []
    for statement in reversed(ast.parse(source).body):
        text = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        if names & _makes(text) or (isinstance(statement, ast.Expr) and "torch" not in text):
            kept.insert(0, text)
            names = names | _needs(text)
    return "\n".join(kept)


def _makes(source: str) -> set[str]:
    """The names that the code assigns, defines or imports for the cells after it."""
    top = symtable.symtable(source, "cell", "exec")
    return {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


def _needs(source: str) -> set[str]:
    """The names that the code, or a function in it, has from cells before it."""
    tables, read = [symtable.symtable(source, "cell", "exec")], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
    return read - _makes(source)
