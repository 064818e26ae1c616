"""The model answers of a unit as a page for students."""

from __future__ import annotations

import re
from html import escape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from byhand.grading.html_page import document
from byhand.grading.model_answers import WRITTEN, Model, ModelAnswers, Written, change, words
from byhand.grading.report_page import count_points
from byhand.stepper import mathml

_MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n](?:[^$]*?[^$\\])?)\$", re.S)
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.S)


def page(answers: ModelAnswers) -> str:
    title = f"{answers.title}: answers"
    places = "".join(f'<li><a href="#{_anchor(e)}">{_name(e)}</a></li>' for e in answers.exercises)
    body = (
        f"<h1>{escape(title)}</h1>\n<p>For each exercise the model solution, other right answers in another style, and the mistakes "
        "that are known: what each changes (the lines with <code>-</code> stand in the model solution, those with <code>+</code> in the "
        f'mistake), and why it is wrong.</p>\n<nav aria-label="Exercises"><ol>{places}</ol></nav>\n'
    )
    return document(title, body + "".join(map(_exercise, answers.exercises)), "model_answers.css")


def _anchor(exercise: Model | Written) -> str:
    return "written" if isinstance(exercise, Written) else escape(exercise.name)


def _name(exercise: Model | Written) -> str:
    if isinstance(exercise, Written):
        return "The written question"
    title = html_of(exercise.place.title).strip().removeprefix("<p>").removesuffix("</p>")
    return f"{title[:1].upper()}{title[1:]}, <code>{escape(exercise.name)}</code>"


def _exercise(exercise: Model | Written) -> str:
    head = f'<h2 id="{_anchor(exercise)}">{_name(exercise)} <span class="quiet">{count_points(exercise.points)}</span></h2>\n'
    question = (
        f"<details><summary>The question</summary>\n{html_of(exercise.question)}</details>\n"
        if exercise.question.strip()
        else ""
    )
    if isinstance(exercise, Written):
        return f"<section>{head}{question}<h3>{WRITTEN}</h3>\n{html_of(exercise.answer)}</section>\n"
    parts = [head, question, f"<h3>The model solution</h3>\n{_code(exercise.solution)}"]
    if exercise.styles:
        parts.append("<h3>Right as well, in another style</h3>\n")
        parts += [f"<h4>{escape(words(v))}</h4>\n{_code(v.region)}" for v in exercise.styles]
    if exercise.mistakes:
        items = "".join(
            f"<li><h4>{escape(words(v))}</h4>\n{html_of(v.hint)}{_code(change(v))}</li>\n" for v in exercise.mistakes
        )
        parts.append(f'<h3>Known mistakes</h3>\n<ul class="mistakes">{items}</ul>\n')
    return f"<section>{''.join(parts)}</section>\n"


def _code(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>\n'


def html_of(markdown: str) -> str:
    """Markdown as HTML, its formulas as MathML, which browsers show without help."""
    formulas: list[str] = []

    def keep(match: re.Match) -> str:
        formulas.append(_formula(*match.groups()))
        return f"\x02{len(formulas) - 1}\x03"

    pieces = _CODE.split(markdown)
    pieces[::2] = [_MATH.sub(keep, piece) for piece in pieces[::2]]
    html = MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render("".join(pieces))
    html = re.sub(r'<a class="anchor-link".*?</a>', "", html)
    return re.sub("\x02(\\d+)\x03", lambda match: formulas[int(match[1])], html)


def _formula(block: str | None, inline: str | None) -> str:
    latex, number = re.sub(r"\\arg(?![A-Za-z])", r"\\operatorname{arg}", block or inline or ""), ""
    if tag := re.search(r"\\tag\{([\d.]+)\}", latex):
        latex, number = latex.replace(tag[0], ""), f' <span class="quiet">({tag[1]})</span>'
    try:
        return mathml(latex.strip(), "block" if block else "inline") + number
    except ValueError:
        return f"<code>{escape(latex.strip())}</code>{number}"
