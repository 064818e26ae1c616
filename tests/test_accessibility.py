"""Every page of the book for every reader: axe-core finds nothing on level A or AA, in light and in dark, wide and narrow."""

import pytest
from book_site import visitor
from book_visit import ALL, COLOURS, EMPTY, NARROW, ONE_OF_EACH_KIND, SIZES, violations

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("book")]


@pytest.mark.parametrize(("look", "theme"), [("light", "light"), ("dark", "dark"), ("narrow", "light")])
def test_no_page_shuts_anyone_out(book, look, theme):
    seen, _ = book
    assert {page.themes[look] for page in seen.values()} == {theme}
    assert {name: page.violations[look] for name, page in seen.items() if page.violations[look]} == {}


def test_a_page_that_is_opened_in_the_dark_on_a_phone_is_like_one_that_becomes_so(browser, address):
    """Elsewhere the theme and the width change on the open page."""
    with visitor(browser, address, color_scheme="dark", viewport=NARROW) as visit:
        page = visit("units/05-simple-rnn/lesson.html")
        assert violations(page, ALL, COLOURS, SIZES) == []


def test_the_check_itself_can_fail(browser):
    page = browser.new_page()
    page.set_content(
        '<html lang="en"><title>x</title><main><h1>x</h1><img src="x.png"><p style="color:#bbb">pale</p></main></html>'
    )
    found = violations(page)
    page.close()
    assert any(line.startswith("image-alt") for line in found) and any(
        line.startswith("color-contrast") for line in found
    )


def test_of_each_kind_one_is_asked(browser):
    """A pale word is found among others, wherever a style sheet can tell it from them."""
    page = browser.new_page()
    page.set_content(
        """<html lang="en"><title>x</title><style>.bh .pale i, pre .pale, .note .pale {color: #bbb}</style><main><h1>x</h1>
        <div class="highlight"><pre><span>one</span> <span>two</span> <span class="pale">a</span> <span class="pale">three</span></pre></div>
        <div class="bh"><p><i>four</i><i>five</i></p><p class="pale"><i>six</i><i>seven</i></p></div>
        <p>eight</p><p>nine</p><div class="note"><p>ten</p><p class="pale">b</p><p class="pale">eleven</p></div></main></html>"""
    )
    page.evaluate(EMPTY)
    found = violations(page, COLOURS, of=ONE_OF_EACH_KIND)
    page.close()
    assert [line[line.index(": ") + 2 :] for line in found] == [
        '<span class="pale">three</span>', "<i>seven</i>", '<p class="pale">eleven</p>'
    ]  # fmt: skip


def test_nothing_moves_without_being_asked(book):
    seen, _ = book
    assert {name: page.moving for name, page in seen.items() if page.moving} == {}


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
