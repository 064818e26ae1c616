"""The model answers of a unit as a page for students."""

from __future__ import annotations

import re

from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from byhand.grading.model_answers import WRITTEN, Model, ModelAnswers, Written, change, words
from byhand.grading.pages import render
from byhand.grading.report_page import count_points
from byhand.stepper import mathml

_MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n](?:[^$]*?[^$\\])?)\$", re.S)
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.S)


def page(answers: ModelAnswers) -> str:
    return render(
        "model_answers.html",
        answers=answers,
        is_written=lambda exercise: isinstance(exercise, Written),
        heading=_heading,
        html_of=html_of,
        words=words,
        change=change,
        count_points=count_points,
        what_it_has=WRITTEN,
    )


def _heading(exercise: Model) -> Markup:
    """The title within a line, with a capital."""
    title = html_of(exercise.place.title).strip().removeprefix("<p>").removesuffix("</p>")
    return title[:1].upper() + title[1:]


def html_of(markdown: str) -> Markup:
    """The course's own Markdown as HTML, its formulas as MathML, which browsers show without help. Never for text of a student:
    HTML in it stays HTML."""
    formulas: list[Markup] = []

    def keep(match: re.Match) -> str:
        formulas.append(_formula(*match.groups()))
        return f"\x02{len(formulas) - 1}\x03"

    pieces = _CODE.split(markdown)
    pieces[::2] = [_MATH.sub(keep, piece) for piece in pieces[::2]]
    html = MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render("".join(pieces))
    html = re.sub(r'<a class="anchor-link".*?</a>', "", html)
    return Markup(re.sub("\x02(\\d+)\x03", lambda match: formulas[int(match[1])], html))


def _formula(block: str | None, inline: str | None) -> Markup:
    latex, number = re.sub(r"\\arg(?![A-Za-z])", r"\\operatorname{arg}", block or inline or ""), Markup()
    if tag := re.search(r"\\tag\{([\d.]+)\}", latex):
        latex, number = latex.replace(tag[0], ""), Markup(' <span class="quiet">({})</span>').format(tag[1])
    try:
        return Markup(mathml(latex.strip(), "block" if block else "inline")) + number
    except ValueError:
        return Markup("<code>{}</code>").format(latex.strip()) + number
