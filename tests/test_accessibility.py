"""Every page of the book for every reader: axe-core finds nothing on level A or AA, in light and in dark, wide and narrow."""

from pathlib import Path

import axe_playwright_python
import pytest
from book_site import visitor

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("book")]

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

# What would take axe minutes on pages with hundreds of drawings and formulas, and is tested elsewhere: the contrast of the
# palette in test_drawing, the descriptions of drawings in test_stepper, MathJax's hidden MathML in test_book.
SKIP = [[".bh svg"], ["mjx-container"], ["math"]]

# All rules once; then those whose answer the theme or the width can change.
LOOKS = [
    ("light", WIDE, {"type": "tag", "values": LEVELS}),
    ("dark", WIDE, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}),
    ("light", NARROW, {"type": "rule", "values": ["scrollable-region-focusable", "target-size", "color-contrast"]}),
]


@pytest.fixture(scope="module")
def axe():
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page, axe, rules=LOOKS[0][2]):
    """What axe finds on a page, as texts."""
    page.evaluate(axe)
    found = page.evaluate(
        "([skip, rules]) => axe.run({exclude: skip}, {runOnly: rules, resultTypes: ['violations']})", [SKIP, rules]
    )["violations"]
    return [
        f"{rule['id']} at {node['target'][0]}: {node['html'][:120]}" for rule in found for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize(("theme", "size", "rules"), LOOKS, ids=["light", "dark", "narrow"])
def test_no_page_shuts_anyone_out(browser, address, pages, axe, theme, size, rules):
    with visitor(browser, address, color_scheme=theme, viewport=size) as visit:
        found = {name: violations(visit(name), axe, rules) for name in pages}
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_the_check_itself_can_fail(browser, axe):
    page = browser.new_page()
    page.set_content(
        '<html lang="en"><title>x</title><main><h1>x</h1><img src="x.png"><p style="color:#bbb">pale</p></main></html>'
    )
    found = violations(page, axe)
    page.close()
    assert any(line.startswith("image-alt") for line in found) and any(
        line.startswith("color-contrast") for line in found
    )


MOVES = """() => [...document.getAnimations()].filter(a => a.playState === "running").length"""


def test_nothing_moves_without_being_asked(visit, pages):
    for name in pages:
        assert visit(name).evaluate(MOVES) == 0, name


def test_a_page_can_be_walked_with_the_tab_key_in_the_order_of_reading(visit):
    """The stops of the text come in the order in which they stand on the page, and each of them shows that it has the focus."""
    page = visit("units/05-simple-rnn/lesson.html")
    page.locator("article p a").first.focus()
    heights = []
    for _ in range(40):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => {
                const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
                const shown = style.outlineStyle !== "none" || style.boxShadow !== "none" || style.borderStyle !== "none";
                return e.closest("article") ? {top: box.top + scrollY, shown, html: e.outerHTML.slice(0, 80)} : null;
            }"""
        )
        if here is None:
            break
        assert here["shown"], here["html"]
        heights.append(here["top"])
    assert len(heights) > 10
    backwards = [b - a for a, b in zip(heights, heights[1:], strict=False) if b < a - 60]
    assert backwards == []
