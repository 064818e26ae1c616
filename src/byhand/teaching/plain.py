"""The same prose for two readers: MyST for the book, plain Markdown for a notebook in JupyterLab, Colab or an editor.

Equations are numbered here, once for both, as (unit.number): a label after a display equation, `$$ ... $$ (eq-name)`,
and `{eq}` roles that refer to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode

from byhand.course import CourseError

_EQUATION = re.compile(r"^\$\$\n(.*?)\n\$\$ \((eq-[\w-]+)\)$", re.S | re.M)
_FENCE = re.compile(r"^:::\{([\w-]+)\} ?([^\n]*)\n((?::[\w-]+:[^\n]*\n)*)(.*?)^:::$", re.S | re.M)


def equation_numbers(notebook: NotebookNode, unit: str) -> dict[str, str]:
    """Label -> number, such as `5.3`, in the order of the text."""
    chapter, numbers = int(unit[:2]), {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for match in _EQUATION.finditer(cell.source):
                numbers[match[2]] = f"{chapter}.{len(numbers) + 1}"
    return numbers


def number_for_book(text: str, numbers: Mapping[str, str]) -> str:
    """MyST with the numbers put in: an anchor before each equation, a link for each reference."""

    def one(match: re.Match) -> str:
        # An environment, since Sphinx puts a `split` into $$ of several lines, and a split has no tag.
        body = f"{match[1]}\n\\tag{{{numbers[match[2]]}}}"
        return f"({match[2]})=\n\\begin{{equation*}}\n{body}\n\\end{{equation*}}"

    text = _EQUATION.sub(one, text)
    return _equation_roles(text, numbers, lambda label, number: f"[({number})](#{label})")


def to_plain(text: str, numbers: Mapping[str, str], references: Mapping[str, str]) -> str:
    """Markdown that any notebook program shows rightly. Raises CourseError for a role or citation that is unknown."""
    text = _EQUATION.sub(lambda m: f"$$\n{m[1]}\n\\tag{{{numbers[m[2]]}}}\n$$", text)
    text = _equation_roles(text, numbers, lambda label, number: f"({number})")
    text = re.sub(r"\{term\}`(?:([^`<]+?) *<[^`>]+>|([^`]+))`", lambda m: m[1] or m[2], text)
    text = re.sub(r"\{cite:([pt])\}`([^`]+)`", lambda m: _cite(m[1], m[2], references), text)
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.M)
    text = _FENCE.sub(_plain_fence, text)
    text = re.sub(r"```\{bibliography\}\n.*?```\n?", "", text, flags=re.S)
    if left := re.search(r"\{[\w:-]+\}`[^`]*`|^(:::|```)\{.*", text, re.M):
        raise CourseError(f"{left[0]!r} has no plain form: a notebook would show it raw.")
    return text


def _equation_roles(text: str, numbers: Mapping[str, str], write) -> str:
    def one(match: re.Match) -> str:
        if match[1] not in numbers:
            raise CourseError(f"There is no equation {match[1]!r}; there are {', '.join(numbers)}.")
        return write(match[1], numbers[match[1]])

    return re.sub(r"\{eq\}`([^`]+)`", one, text)


def _cite(kind: str, keys: str, references: Mapping[str, str]) -> str:
    found = []
    for key in keys.split(","):
        if key.strip() not in references:
            raise CourseError(f"There is no reference {key.strip()!r} in book/references.bib.")
        found.append(references[key.strip()])
    if kind == "t":
        return ", ".join(re.sub(r", (\d{4}\w?)$", r" (\1)", reference) for reference in found)
    return f"({'; '.join(found)})"


def _plain_fence(match: re.Match) -> str:
    kind, title, body = match[1], match[2].strip(), match[4].strip("\n")
    if kind == "dropdown":
        return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
    head = title or kind.capitalize()
    return "\n".join(f"> {line}".rstrip() for line in [f"**{head}**", "", *body.splitlines()])


def load_references(root: Path) -> dict[str, str]:
    """Key -> "Elman, 1990", from the book's bibliography. Raises CourseError where that cannot be read."""
    from pybtex.database import parse_file
    from pybtex.exceptions import PybtexError

    path = root / "book" / "references.bib"
    try:
        entries = parse_file(str(path)).entries
    except PybtexError as error:
        raise CourseError(f"{path}: {error}") from None
    return {key: _author_year(entry) for key, entry in entries.items()}


def _author_year(entry) -> str:
    from latexcodec.codec import UnicodeLatexIncrementalDecoder

    persons = entry.persons.get("author", entry.persons.get("editor", []))
    people = [" ".join(p.prelast_names + p.last_names) for p in persons]
    names = people[0] if len(people) == 1 else f"{people[0]} et al." if len(people) > 2 else " & ".join(people)
    decoder = UnicodeLatexIncrementalDecoder()  # turns {\"a} into ä
    return re.sub(r"[{}]", "", decoder.decode(f"{names}, {entry.fields['year']}", final=True))
