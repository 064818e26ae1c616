"""What Sphinx and the theme leave out, put in after the build: names and roles for readers who do not see the page, and
punctuation that stays with its formula."""

from __future__ import annotations

import re
from pathlib import Path

# In the table of contents the arrow that unfolds a unit has no name.
_UNFOLD = re.compile(
    r'(<a class="(?:current )?reference internal" href="[^"]*">([^<]*)</a><details[^>]*>)<summary><span class="toctree-toggle"'
)
# docutils gives each entry of the bibliography a role that has since been withdrawn; in a list it is a list item.
_ENTRY = re.compile(r'(<div class="citation" id="[^"]*") role="doc-biblioentry"')

# A browser may break the line between a formula and the comma behind it, or the bracket before it.
_FORMULA = re.compile(r'([(\[“]*)(<span class="math notranslate nohighlight">\\\([^<]*\\\)</span>)([.,;:!?”’)\]]*)')


def mend_site(site: Path) -> None:
    """Mend all pages of the built site. Doing it twice changes nothing more."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if (mended := mend(text)) != text:
            page.write_text(mended, encoding="utf-8")


def mend(page: str) -> str:
    page = _UNFOLD.sub(r'\1<summary aria-label="Pages of \2"><span class="toctree-toggle"', page)
    page = _ENTRY.sub(r'\1 role="listitem"', page)
    return _FORMULA.sub(_kept, page)


def _kept(found: re.Match[str]) -> str:
    done = found.string.endswith('byhand-keep">', 0, found.start())
    return found[0] if done or not (found[1] or found[3]) else f'<span class="byhand-keep">{found[0]}</span>'
