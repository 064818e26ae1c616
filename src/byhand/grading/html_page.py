"""What all pages for instructors and students share: static HTML without scripts, light and dark, on paper too."""

from __future__ import annotations

from html import escape
from pathlib import Path

from byhand.palette import PALETTE, PAPER


def document(title: str, body: str, *styles: str, wide: bool = False) -> str:
    """A page of its own: `body` is HTML, `styles` are stylesheets of this package beside the report's own."""
    kind = ' class="whole"' if wide else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Nothing is loaded and nothing runs, whatever a student has written.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style('report.css', *styles)}</style></head>\n"
        f"<body{kind}>\n{body}</body></html>\n"
    )


def style(*names: str) -> str:
    def rule(theme: int) -> str:
        colours = {"paper": PAPER[theme]} | {role: pair[theme] for role, pair in PALETTE.items()}
        return ":root{--line:#8884;" + "".join(f"--bh-{role}:{value};" for role, value in colours.items()) + "}"

    own = "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in names)
    return f"{rule(0)}@media screen and (prefers-color-scheme:dark){{{rule(1)}}}\n{own}"
