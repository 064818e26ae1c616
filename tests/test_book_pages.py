"""What every page of the book promises: an opening, a summary, links on, something to play with, little to load, and paper."""

import io
import json
import re

import pytest
from book_site import ROOT, visitor

from byhand.teaching.opening import C0, TARGET, WEIGHTS, Y0, X, cell_stepper, direct_needs, numbers
from byhand.teaching.overview import hours, overviews

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("book")]

UNITS = overviews(ROOT)
LESSONS = [f"units/{unit.name}/lesson.html" for unit in UNITS]
LIMIT = 1_500_000  # bytes of a page's own


# The first page


def test_the_cell_of_the_first_page_has_torchs_gradients():
    import torch

    w = {name: torch.tensor(value, dtype=torch.float64) for name, value in WEIGHTS.items()}
    sums = {k: w[f"b{k}"] + w[f"W{k}"] * X + w[f"R{k}"] * Y0 for k in "zifo"}
    z_bar, i_bar, f_bar = sums["z"], sums["i"] + w["pi"] * C0, sums["f"] + w["pf"] * C0
    for leaf in (z_bar, i_bar, f_bar):
        leaf.requires_grad_()
    c = torch.tanh(z_bar) * torch.sigmoid(i_bar) + C0 * torch.sigmoid(f_bar)
    o_bar = sums["o"] + w["po"] * c
    y = torch.tanh(c) * torch.sigmoid(o_bar)
    for inner in (c, o_bar, y):
        inner.retain_grad()
    (0.5 * (y - TARGET) ** 2).backward()
    _, d = numbers()
    found = {"y": y, "o_bar": o_bar, "c": c, "f_bar": f_bar, "i_bar": i_bar, "z_bar": z_bar}
    assert set(found) == set(d)
    for name, variable in found.items():
        assert d[name] == pytest.approx(variable.grad.item(), rel=1e-12), name


def test_the_first_page_steps_through_the_cell_and_its_map_leads_to_every_lesson(visit):
    page = visit("index.html")
    stepper = page.locator(".bh-stepper")
    assert f"step 1 of {len(cell_stepper().frames)}" in stepper.locator(".bh-where").inner_text()
    stepper.get_by_role("button", name="Last step").click()
    assert "unit 08" in stepper.locator(".bh-now .bh-sentence").inner_text()
    links = page.locator(".byhand-map-figure a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert links == LESSONS
    page.locator(".byhand-map-figure a").nth(1).click()
    assert page.url.endswith(LESSONS[1])
    page.wait_for_load_state("networkidle")


def test_the_map_and_the_table_say_what_the_lessons_say(site):
    text = (site / "index.html").read_text()
    for unit in UNITS:
        assert f">{hours(unit.lesson_hours)} + {hours(unit.exercise_hours)} h<" in text
        assert unit.about.split(",")[0] in text
        assert all(need < unit.number for need in unit.needs), f"{unit.name} builds on a later unit"
        assert set(direct_needs(unit, UNITS)) <= set(unit.needs)


# Every lesson


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_lesson_opens_and_closes_as_all_do(site, unit):
    text = (site / "units" / unit.name / "lesson.html").read_text()
    article = re.sub(r"<[^>]+>", "", text[text.index("<article") : text.index("</article")])
    for words in ("What you will be able to do", "You need:", "Time:", "Summary", "Where this comes from"):
        assert words in article, words
    assert text.count('<details class="sd-') >= 3  # what opens at a click: answers to quick questions
    for kind in ("glossary.html#term-", "references.html#id", f"notation.html#symbols-{unit.name}"):
        assert kind in text, f"no link to {kind}"
    assert 'rel="next"' in text and 'rel="prev"' in text


def test_every_lesson_has_two_things_to_play_with_that_need_no_kernel(book):
    seen, _ = book
    for name in LESSONS:
        assert seen[name].plays >= 2 and seen[name].steppers, name
        for number, where in enumerate(seen[name].steppers, start=1):
            assert where.startswith("step 2 of"), f"{name}, stepper {number}"


def test_where_sliders_would_be_the_page_says_how_to_have_them(site):
    for unit in UNITS:
        live = len(re.findall(r"^pictures\.\w+_player\(", unit.unit.lesson.read_text(), re.M))
        page = (site / "units" / unit.name / "lesson.html").read_text()
        assert page.count('class="byhand-live"') == live, unit.name
        for path in re.findall(r'path=(course/[^"]*sliders\.ipynb)"', page):
            assert (site / "browser" / "files" / path).is_file()
    assert 'id="run-it-live"' in (site / "how-to-use.html").read_text()


def test_contributors_find_their_page(site):
    [title] = re.findall(r"^# (.*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    page = (site / "contributing.html").read_text()
    assert f"<h1>{title}" in page and 'href="contributing.html"' in (site / "index.html").read_text()


# What it costs to load


def test_a_page_of_its_own_is_small(site, pages):
    for name in pages:
        text = (site / name).read_text()
        folder = (site / name).parent
        pictures = {folder / source for source in re.findall(r'<img[^>]*src="([^":]+)"', text)}
        size = len(text.encode()) + sum(path.stat().st_size for path in pictures if path.is_file())
        assert size < LIMIT, f"{name}: {size / 1e6:.2f} MB"


# Paper


def test_a_printed_lesson_has_figures_and_no_navigation(browser, address):
    """The print view of a lesson: all steps of its steppers, nothing of the page's frame."""
    from pypdf import PdfReader

    with visitor(browser, address) as visit:
        page = visit("units/05-simple-rnn/lesson.html")
        frames = page.locator(".bh-stepper .bh-frame").count()
        printed = PdfReader(io.BytesIO(page.pdf(format="A4")))
    text = "\n".join(sheet.extract_text() for sheet in printed.pages)
    assert len(re.findall(r"Step \d+ of \d+", text)) == frames
    for words in ("Search the book", "Previous", "Contents", "Skip to main content"):
        assert words not in text, words
    assert "Summary" in text and "Where this comes from" in text


def test_the_search_index_knows_the_lessons(site):
    index = (site / "searchindex.js").read_text()
    titles = json.dumps([unit.title for unit in UNITS])
    assert all(unit.title.split(",")[0].lower() in index.lower() for unit in UNITS), titles


# Links to other hosts


def test_the_list_of_links_to_other_hosts_is_complete(site, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book")
    import links

    found = links.links_of(site)
    assert found == (ROOT / "book" / "links.txt").read_text().split(), (
        "run `python book/links.py list` after `make book`"
    )
    assert len(found) > 30
