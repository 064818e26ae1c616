"""Pages for instructors and students, laid out by the templates beside this.

A template escapes whatever goes into it. HTML goes in as `Markup`, which is made where that HTML is: here for stylesheets, and in
`model_answers_page` for the course's own Markdown.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from byhand.palette import PALETTE, PAPER


def render(template: str, **values: object) -> str:
    return _TEMPLATES.get_template(template).render(values)


def style(*names: str) -> Markup:
    """The colours, and these stylesheets of this package."""

    def rule(theme: int) -> str:
        colours = {"paper": PAPER[theme]} | {role: pair[theme] for role, pair in PALETTE.items()}
        return ":root{--line:#8884;" + "".join(f"--bh-{role}:{value};" for role, value in colours.items()) + "}"

    own = "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in names)
    return Markup(f"{rule(0)}@media screen and (prefers-color-scheme:dark){{{rule(1)}}}\n{own}")


_TEMPLATES = Environment(
    loader=PackageLoader("byhand.grading"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.globals["style"] = style
