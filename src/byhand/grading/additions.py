"""What a student has typed into a given cell. The cell is put back, and what it defined besides is kept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from byhand.grading.limits import ANSWER_BYTES

MAGIC = re.compile(r"^[ \t]*[%!?].*$", re.M)


def additions(typed: str, given: str) -> str:
    """The imports, definitions and assignments of `typed` whose names `given` does not have; "" where there are none, or
    where it cannot be read."""
    if len(typed) > ANSWER_BYTES:
        return ""
    try:
        known = {name for statement in _statements(given) for name in _names(statement)}
        return "\n".join(ast.unparse(one) for one in _statements(typed) if _is_new(one, known))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _statements(source: str) -> list[ast.stmt]:
    return ast.parse(MAGIC.sub("", source)).body


def _is_new(statement: ast.stmt, known: set[str]) -> bool:
    names = set(_names(statement))
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return not names <= known
    return bool(names) and not names & known


def _names(statement: ast.stmt) -> Iterator[str]:
    """What a statement at the top of a cell binds."""
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in names)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign() | ast.AnnAssign(value=ast.expr()):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if all(isinstance(target, (ast.Name, ast.Tuple)) for target in targets):
                yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
