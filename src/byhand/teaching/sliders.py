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
OPENING = """\
# {title}: the sliders

Click into the first cell and press Shift+Enter, then the same again, until the sliders are there. They come from the
lesson, [whose page](../../../units/{unit}/lesson.html) says what they show."""


def live_notebook(unit: Unit) -> NotebookNode | None:
    """The cells of the lesson that show sliders, after those that they need; None where there are none or they need torch."""
    lesson = read_source(unit.lesson).notebook
    code = [cell.source for cell in lesson.cells if cell.cell_type == "code"]
    wanted = {number for number, source in enumerate(code) if PLAYER.search(source)}
    names = set().union(*(_needs(code[number]) for number in wanted))
    made = set(dir(builtins))
    for number in reversed(range(max(wanted, default=0))):
        code[number] = _without_torch(code[number]) if number == 0 else code[number]
        if names & _makes(code[number]):
            wanted.add(number)
            made |= _makes(code[number])
            names |= _needs(code[number])
    if not wanted or names - made:
        return None
    title = lesson.cells[0].source.splitlines()[0].removeprefix("# ")
    cells = [new_markdown_cell(OPENING.format(title=title, unit=unit.name))]
    cells += [new_code_cell(code[number]) for number in sorted(wanted)]
    for number, cell in enumerate(cells):
        cell.id = f"live-{number}"
    return new_notebook(cells=cells, metadata=lesson.metadata)


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


def _without_torch(imports: str) -> str:
    """The lesson's first cell without its statements on torch."""
    lines, left = imports.splitlines(), set()
    for statement in ast.parse(imports).body:
        own = range(statement.lineno - 1, statement.end_lineno or statement.lineno)
        if any("torch" in lines[k] for k in own):
            left.update(own)
    return "\n".join(line for k, line in enumerate(lines) if k not in left)
