"""The page that a student gets back: nbgrader's own template, with the scores that the gradebook has."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbgrader
from jinja2 import pass_context
from mistune import HTMLRenderer
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config

from byhand.grading.assignment import NOTEBOOK
from byhand.grading.bounded import TooMuch, bounded
from byhand.grading.clean import without_control
from byhand.grading.limits import MOST_PARTS, PAGE
from byhand.grading.markdown import PICTURE
from byhand.grading.told import Said, told_html, told_lines

NOTHING = Said()
BEFORE = '<div class="panel-body">'  # of nbgrader's template: where the notebook begins

WRITTEN_TAG = re.compile(r"<[A-Za-z][^<>]*>")
WRITTEN_ATTRIBUTE = re.compile(r"""\s+([A-Za-z]+)\s*=\s*("[^"]*"|'[^']*')""")

Attachments = dict[str, dict[str, str]]  # name -> kind -> data, base64


def page(
    notebook: NotebookNode,
    unit: str,
    student: str,
    scores: dict[str, Any],
    said: Said = NOTHING,
) -> tuple[str, float]:
    """The page as HTML, and the seconds it took. `scores` is what `record.scores` returns.

    It is laid out in a process of its own. Where that fails over what a student wrote, or takes too long, the page shows
    the scores and the cells as plain text.
    """
    began = time.monotonic()
    try:
        html = bounded(_full, notebook, unit, student, scores, said, **PAGE)
    except Exception as error:
        why = str(error) if isinstance(error, TooMuch) else type(error).__name__
        html = plain(notebook, unit, student, scores, why, said)
    return html, time.monotonic() - began


def _full(notebook: NotebookNode, unit: str, student: str, scores: dict[str, Any], said: Said) -> str:
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("solution"):
            meta["comment"] = scores["comments"].get(meta["grade_id"])
        if meta.get("grade"):
            meta["score"], meta["points"] = scores["grades"][meta["grade_id"]]
    of_nbgrader = {
        "student": student, "assignment": unit, "notebook": NOTEBOOK, "score": scores["score"],
        "max_score": scores["max_score"], "late_penalty": scores["late_penalty"],
    }  # fmt: skip
    resources = {"unique_key": NOTEBOOK, "output_files_dir": f"{NOTEBOOK}_files", "nbgrader": of_nbgrader}
    html, _ = _exporter().from_notebook_node(notebook, resources=resources)
    head, mark, rest = html.partition(BEFORE)
    return head + told_html(said, scores["grades"]) + mark + rest


def plain(
    notebook: NotebookNode,
    unit: str,
    student: str,
    scores: dict[str, Any],
    why: str,
    said: Said = NOTHING,
) -> str:
    """Scores, what was wrong, comments and cells, with nothing laid out."""
    told = "".join(
        f"<li>{escape(n)}: {escape(text)}</li>" for n, entry in said.exercises.items() for _, text in told_lines(entry)
    )
    about = "".join(f"<li>{escape(text)}</li>" for text in said.sentences)
    rows = "".join(f"<li>{escape(n)}: {s:g} of {most:g} points</li>" for n, (s, most) in scores["grades"].items())
    comments = "".join(f"<li>{escape(n)}: {escape(text)}</li>" for n, text in scores["comments"].items() if text)
    late = f"<p>For being late: -{scores['late_penalty']:g} points.</p>" if scores["late_penalty"] else ""
    cells = "".join(
        f"<pre>{escape(cell.source)}</pre>"
        + "".join(f"<pre>{escape(shown)}</pre>" for shown in map(_as_text, cell.get("outputs", [])) if shown)
        for cell in notebook.cells
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{NOTEBOOK}</title></head><body>\n'
        f"<h1>{escape(unit)} of {escape(student)}: {scores['score']:g} of {scores['max_score']:g} points</h1>\n"
        f"<p>This notebook could not be laid out as a page ({escape(why)}); here it is as plain text.</p>\n"
        f"<ul>{rows}</ul>\n{_list('About your notebook', about)}{_list('What was wrong', told)}{late}{_list('Comments', comments)}\n"
        f"{cells}</body></html>\n"
    )


def _list(heading: str, items: str) -> str:
    return f"<h2>{heading}</h2><ul>{items}</ul>" if items else ""


def _as_text(output: NotebookNode) -> str:
    if output.output_type == "error":
        return without_control("\n".join(output.traceback))
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def warm() -> None:
    """Make a page of nothing: the first one takes long."""
    scores = {"grades": {}, "comments": {}, "score": 0, "max_score": 0, "late_penalty": 0}
    page(new_notebook(cells=[new_markdown_cell("."), new_code_cell("1")]), "", "", scores)


class Renderer(IPythonRenderer):
    """As nbconvert's, but that a picture which was lost is said, and a link leads nowhere but to a place or a page.

    No picture is fetched from elsewhere, since who keeps it there would see when the page is read. HTML has no class and no id, or
    it could pass for a part of the page, a score for example.
    """

    def image(self, text: str, url: str, title: str | None = None) -> str:
        name = unquote(url.removeprefix("attachment:"))
        if url.startswith("attachment:") and name in self.attachments:
            [(mime, data)] = self.attachments[name].items()
            return f'<img src="data:{mime};base64,{data}" alt="{escape(text)}">'
        if url.startswith("attachment:") or ":" not in url:
            return f"<em>(The picture {escape(name)} was not handed in, or is too large to be shown.)</em>"
        return super().image(text, url, title) if PICTURE.fullmatch(url) else _named(text, url)

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """With no id of its own: the page's links lead to exercises by their names."""
        return HTMLRenderer.heading(self, text, level, **attrs)

    def block_html(self, html: str) -> str:
        return WRITTEN_TAG.sub(_bare_tag, super().block_html(html))

    def inline_html(self, html: str) -> str:
        return WRITTEN_TAG.sub(_bare_tag, super().inline_html(html))


def _bare_tag(found: re.Match[str]) -> str:
    """A tag that was written as such, without what the page alone may have."""
    tag = found[0]
    written = {name.lower(): unescape(value[1:-1]) for name, value in WRITTEN_ATTRIBUTE.findall(tag)}
    if "src" in written and not PICTURE.fullmatch(written["src"]):
        return _named(written.get("alt", ""), written["src"])
    return WRITTEN_ATTRIBUTE.sub(lambda found: "" if found[1].lower() in ("class", "id") else found[0], tag)


def _named(text: str, url: str) -> str:
    """A picture that lies elsewhere, in words."""
    return f"{escape(text)} <em>(a picture that lies elsewhere and is not shown: {escape(url)})</em>"


class _Pages(HTMLExporter):
    """nbconvert's exporter for many notebooks that are nearly the same: what all share is converted once.

    nbconvert reads the finished page once more to give pictures an alt text; ours have one (see `outputs`).
    """

    def __init__(self, **kw: Any) -> None:
        super().__init__(**kw)
        self._parts: dict[tuple[str, str], str] = {}  # (kind, source) -> HTML
        highlight = Highlight2HTML(pygments_lexer="ipython3", parent=self)
        self.register_filter("highlight_code", lambda source, metadata=None: self._part("code", source, highlight))
        self.register_filter("filter_data_type", WidgetsDataTypeFilter(notebook_metadata={}, parent=self, resources={}))

    def _part(self, kind: str, source: str, convert: Callable[[str], str]) -> str:
        if (kind, source) not in self._parts:
            if len(self._parts) > MOST_PARTS:
                self._parts.clear()
            self._parts[kind, source] = convert(source)
        return self._parts[kind, source]

    @pass_context
    def markdown2html(self, context, source):
        attachments = context.get("cell", {}).get("attachments", {})
        if attachments:
            return self._html(source, attachments)
        return self._part("text", source, self._html)

    def _html(self, source: str, attachments: Attachments | None = None) -> str:
        renderer = Renderer(escape=False, allow_harmful_protocols=False, attachments=attachments)
        return MarkdownWithMath(renderer=renderer).render(source)

    def from_notebook_node(self, nb, resources=None, **kw):
        return TemplateExporter.from_notebook_node(self, nb, self._init_resources(resources), **kw)


@lru_cache(maxsize=1)
def _exporter() -> HTMLExporter:
    """As nbgrader's GenerateFeedback sets it up; made once, since its templates take longer than a page."""
    formgrader = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader"
    config = Config()
    config.Exporter.default_preprocessors = []
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [str(formgrader / "templates")]
    config.HTMLExporter.extra_template_paths = [str(formgrader / "static/node_modules/bootstrap/dist/css")]
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # it asks for alt texts, cell by cell
    exporter = _Pages(config=config)
    exporter.register_preprocessor(CSSHTMLHeaderPreprocessor, enabled=True)
    return exporter
