"""One visit to every page of the book: whatever a test wants to know of all pages is asked then, and tested where it belongs.

Opening a page and setting its formulas is what takes time, and a page is the same page for every test.
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
import pytest
from book_site import visitor
from playwright.sync_api import TimeoutError

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

# A formula that MathJax cannot read is an error, or has the unknown macro in red.
FORMULAS = """({
    asked: document.querySelectorAll("span.math, div.math").length,
    set: document.querySelectorAll(".math > mjx-container").length,
    faulty: document.querySelectorAll("mjx-merror, [data-mjx-error], mjx-mtext[style*=red]").length,
    silent: document.querySelectorAll("mjx-container:not(:has(mjx-assistive-mml))").length,
    // (What is wider than its place is one, so that it can be scrolled.)
    tab_stops: [...document.querySelectorAll("mjx-container[tabindex]")].filter(e => e.scrollWidth <= e.clientWidth + 1).length,
})"""
RUNNING = """document.getAnimations().filter(a => a.playState === "running")"""
# How many move, as soon as none of them is a transition of the theme, which a busy machine begins late.
MOVING = f"""() => {{
    const moving = {RUNNING};
    return moving.some(a => a instanceof CSSTransition) ? null : {{count: moving.length}};
}}"""
AT_REST = 5_000  # milliseconds: what moves by itself for longer needs a way to be stopped (WCAG 2.2.2)
THEME = "document.documentElement.dataset.theme"
# Colours that still change are nobody's colours: what moves is brought to its end, until nothing begins to move any more.
ARRIVED = f"""() => {{
    const moving = {RUNNING};
    moving.forEach(a => a.finish());
    return moving.length === 0;
}}"""
# What a change of theme or of width sets moving has begun to move when the page has been painted twice.
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# The theme makes what scrolls a stop of the tab key, a moment after the width has changed.
SETTLED = """() => [...document.querySelectorAll("pre, .cell_output > .output")].every(
    e => e.tabIndex === 0 || e.scrollWidth <= e.clientWidth || !/auto|scroll/.test(getComputedStyle(e).overflowX))"""
MOMENT = 10_000  # milliseconds, after which it is a fault, which axe names
PLAYS = ".bh-stepper, .bh-explorer, .bh-routes, .bh-choices"

# axe-core: what is asked of every page, on levels A and AA. All rules once; then those whose answer the theme or the width
# can change.
ALL = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
SIZES = {"type": "rule", "values": ["scrollable-region-focusable", "target-size"]}
LOOKS = {"light": [ALL], "dark": [COLOURS], "narrow": [COLOURS, SIZES]}
# What would take axe minutes on pages with hundreds of drawings and formulas, and is tested elsewhere: the contrast of the
# palette in test_drawing, the descriptions of drawings in test_stepper, MathJax's hidden MathML in test_book.
SKIP = [[".bh svg"], ["mjx-container"], ["math"]]
# What a style sheet can tell apart: an element, those that it is in, and how each is marked.
KIND = """
    const kind = e => e && kind(e.parentElement) + " " + e.tagName + ["class", "style", "aria-pressed"].map(a => e.getAttribute(a));
    // the longest first: axe does not take a single letter for text
    const longest = elements => [...elements].sort((a, b) => b.textContent.length - a.textContent.length);
"""
# Drawings and formulas are emptied too: axe goes through everything that is there, and most of a page's elements are in them.
# Of the words of code and of calculations one of each kind is left: all others of its kind have the same colour.
EMPTY = f"""() => {{
    document.querySelectorAll(".bh svg, .bh math, mjx-container").forEach(e => e.replaceChildren());
    const kinds = new Set();
    {KIND}
    for (const word of longest(document.querySelectorAll(".highlight pre span, .bh :is(i, sup, sub)"))) {{
        if (kinds.has(kind(word))) word.replaceWith(...word.childNodes);
        kinds.add(kind(word));
    }}
}}"""
# One element of each kind, of those that hold text which is shown. In the light all were asked.
ONE_OF_EACH_KIND = f"""() => {{
    const kinds = new Map();
    {KIND}
    for (const e of longest(document.querySelectorAll("body *")))
        if ([...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.checkVisibility() && !kinds.has(kind(e)))
            kinds.set(kind(e), e);
    return [...kinds.values()];
}}"""
# No stylesheets: axe would load them anew, some from where they are not, and none of these rules reads them.
ASK = """([include, exclude, rules]) => axe.run(
    {...include && {include: eval(include)()}, exclude},
    {runOnly: rules, resultTypes: ["violations"], preload: {assets: ["media"]}}
)"""
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"


def violations(page, *rules, of=None):
    """What axe finds on a page, or in the elements that the script `of` names, as texts; by all rules where none are named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = [rule for some in rules or [ALL] for rule in page.evaluate(ASK, [of, SKIP, some])["violations"]]
    return [
        f"{rule['id']} at {node['target'][0]}: {node['html'][:120]}" for rule in found for node in rule["nodes"][:3]
    ]


@dataclass
class Seen:
    """What a page was to a browser."""

    formulas: dict[str, int]
    moving: int = 0  # animations that nobody asked for, and transitions that do not end
    violations: dict[str, list[str]] = field(default_factory=dict)  # by how it was looked at
    themes: dict[str, str] = field(default_factory=dict)  # likewise: what the page took itself to be
    phone: int = 0  # how wide it is on a phone that is 360 wide
    plays: int = 0  # things to play with
    steppers: list[str] = field(default_factory=list)  # where each one is after one press of a key


def look(page) -> Seen:
    """Look at an open page: on a phone, as it is, in the dark; then play with it."""
    seen = Seen(page.evaluate(FORMULAS))
    try:
        seen.moving = page.wait_for_function(MOVING, timeout=AT_REST).json_value()["count"]
    except TimeoutError:
        seen.moving = page.evaluate(f"{RUNNING}.length")

    def ask_axe(how, theme="light"):
        page.wait_for_function(f"{THEME} === {theme!r}")
        page.evaluate(PAINTED)
        page.wait_for_function(ARRIVED)
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(SETTLED, timeout=MOMENT)
        seen.themes[how] = page.evaluate(THEME)
        seen.violations[how] = [
            line
            for rules in LOOKS[how]
            for line in violations(page, rules, of=ONE_OF_EACH_KIND if rules is COLOURS else None)
        ]

    page.set_viewport_size(NARROW)
    seen.phone = page.evaluate("document.documentElement.scrollWidth")
    page.evaluate(EMPTY)
    ask_axe("narrow")
    page.set_viewport_size(WIDE)
    ask_axe("light")
    page.emulate_media(color_scheme="dark")
    ask_axe("dark", "dark")
    page.emulate_media(color_scheme="light")

    seen.plays = page.locator(PLAYS).count()
    for stepper in page.locator(".bh-stepper").all():
        stepper.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        seen.steppers.append(stepper.locator(".bh-where").inner_text())
    return seen


@pytest.fixture(scope="session")
def book(browser, address, pages):
    """Name of a page -> what was seen of it; and the faults that the browser met on the way."""
    with visitor(browser, address, color_scheme="light", viewport=WIDE) as visit:
        return {name: look(visit(name)) for name in pages}, visit.faults
