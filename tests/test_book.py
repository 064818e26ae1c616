"""The rendered book: it builds without a warning, reads the same with no internet, and gives no solution away."""

import functools
import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat.v4 as nb
import pytest

from byhand.course import CourseError, find_units
from byhand.teaching.book import LONG_IN_A_BROWSER, build_book, statement, with_source_text, without_widgets
from byhand.teaching.mend import mend

ROOT = Path(__file__).parents[1]

# One worker builds the book, whatever `pytest -n` is asked for (with --dist loadgroup).
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("book")]


@pytest.fixture
def seen(book):
    return book[0]


def test_pages_load_without_a_fault_and_without_internet(book):
    seen, faults = book
    assert {"index.html", "notation.html", "glossary.html", "search.html"} <= set(seen)
    assert faults == []


def test_nothing_names_another_host_as_a_source(site, pages):
    sources = {(name, *source) for name in pages for source in Links.of(site / name).sources}
    assert [source for source in sources if urlsplit(source[-1]).netloc] == []


def test_formulas_are_set(seen):
    assert seen["notation.html"].formulas["set"] > 50
    for name, page in seen.items():
        assert page.formulas["set"] == page.formulas["asked"] and page.formulas["faulty"] == 0, name


def test_formulas_speak_and_are_no_tab_stops(seen):
    assert [name for name, page in seen.items() if page.formulas["silent"] or page.formulas["tab_stops"]] == []


def test_no_page_scrolls_sideways_on_a_phone(seen):
    assert [name for name, page in seen.items() if page.phone > 360] == []


def test_the_theme_can_be_dark(visit):
    page = visit("index.html")
    brightness = {}
    for _ in range(3):  # the button goes through auto, light and dark
        page.locator(".theme-switch-button:visible").first.click()
        theme, colour = page.evaluate(
            "[document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]"
        )
        brightness[theme] = int(re.search(r"\d+", colour)[0])
    assert brightness["light"] > 200 and brightness["dark"] < 60


# Links


class Links(HTMLParser):
    """What a page refers to: `links` of its text, `sources` that it loads, `mute` pictures, and its own `anchors`."""

    def __init__(self):
        super().__init__()
        self.links, self.sources, self.anchors, self.mute = [], [], set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "img" and not attributes.get("alt"):
            self.mute.append(attributes.get("src"))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif tag != "a":
            self.sources += [(tag, attributes[key]) for key in ("src", "href") if attributes.get(key)]

    @classmethod
    @functools.cache
    def of(cls, path):
        links = cls()
        links.feed(path.read_text())
        return links


def test_links_inside_the_book_lead_somewhere(site, pages):
    broken = []
    for name in pages:
        found = Links.of(site / name)
        for link in found.links + [value for _, value in found.sources]:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = ((site / name).parent / unquote(url.path)).resolve() if url.path else site / name
            anchor = unquote(url.fragment)
            if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in Links.of(target).anchors):
                broken.append(f"{name} → {link}")
    assert broken == []


def test_every_picture_is_described(site, pages):
    assert [(name, picture) for name in pages for picture in Links.of(site / name).mute] == []


# What must not be on a page


# Formulas that lessons write down as code although a line of an answer reads the same: there is one way to write them.
ONE_WAY = {
    "return 1 / (1 + np.exp(-a))",
    "c = z * i + c_prev * f",
    "top = log_weight.max(axis=0)",
    "R = V[1:] / V[:-1] - 1",
    "is maximum likelihood.",
}


def solution_lines():
    """Lines of the solutions, without their blanks, that students are not shown in the exercises of any unit."""
    shown, answers = set(), set()
    for path in (ROOT / "solutions").glob("*/exercises.md"):
        parts = re.split(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", path.read_text(), flags=re.DOTALL)
        shown |= {squeezed(line) for part in parts[::2] for line in part.splitlines()}
        answers |= {squeezed(line) for part in parts[1::2] for line in part.splitlines() if len(line.strip()) > 20}
    return answers - shown - {squeezed(line) for line in ONE_WAY}


def squeezed(text):
    return re.sub(r"\s+", "", text)


def test_no_line_of_a_solution_is_in_the_site(site):
    lines = solution_lines()
    assert lines
    leaks = []
    for path in site.rglob("*"):
        if path.suffix not in {".html", ".js", ".txt", ".ipynb", ".md"} or "mathjax" in path.parts:
            continue
        text = path.read_text()
        if path.suffix == ".html":
            text = html.unescape(re.sub(r"<[^>]*>", "", text))  # highlighting puts every word into a tag
        elif path.suffix == ".ipynb":
            text = text.replace('\\"', '"')
        text = squeezed(text)
        leaks += [f"{path.relative_to(site)}: {line}" for line in lines if line in text]
    assert leaks == []


# The staging


def test_widget_views_are_left_out_and_what_is_beside_them_stays():
    view = "application/vnd.jupyter.widget-view+json"
    outputs = [
        nb.new_output("display_data", {view: {}, "text/plain": "interactive(...)"}),
        nb.new_output("display_data", {view: {}, "text/plain": "x", "image/svg+xml": "<svg/>"}),
        nb.new_output("stream", text="a line"),
    ]
    notebook = nb.new_notebook(cells=[nb.new_code_cell(outputs=outputs)], metadata={"widgets": {"state": {}}})
    kept = without_widgets(notebook).cells[0].outputs
    assert [output.output_type for output in kept] == ["display_data", "stream", "display_data"]
    assert set(kept[0].data) == {"text/plain", "image/svg+xml"}
    assert "run-it-live" in kept[2].data["text/html"]  # how to have what is missing
    assert "widgets" not in notebook.metadata


def test_pages_have_the_prose_of_the_source_but_the_answers_of_the_notebook():
    def notebook(prose, answer):
        written = nb.new_markdown_cell(answer, id="written", metadata={"nbgrader": {"solution": True}})
        return nb.new_notebook(cells=[nb.new_markdown_cell(prose, id="prose"), written])

    source = notebook("An {term}`RNN`.\n\n$$\na \\\\\nb\n$$ (eq-two)\n\nSee {eq}`eq-two`.", "The rubric.")
    plain = notebook("An RNN.", "YOUR ANSWER HERE")
    prose, answer = (cell.source for cell in with_source_text(plain, source, {"eq-two": "5.1"}, "05").cells)
    equation = "(eq-two)=\n\\begin{equation*}\na \\\\\nb\n\\tag{5.1}\n\\end{equation*}"
    assert prose == f"An {{term}}`RNN`.\n\n{equation}\n\nSee [(5.1)](#eq-two)."
    assert answer == "YOUR ANSWER HERE"
    source.cells[0].id = "changed"
    with pytest.raises(CourseError, match="out of step"):
        with_source_text(plain, source, {"eq-two": "5.1"}, "05")


def test_the_statement_says_where_to_solve_it():
    notebook = nb.new_notebook(cells=[nb.new_markdown_cell("# Exercises\n\nFill in."), nb.new_code_cell("raise")])
    opening, stub = (cell.source for cell in statement(notebook, "05-simple-rnn", []).cells)
    assert opening.startswith("# Exercises\n\n:::{admonition}") and opening.endswith("Fill in.")
    assert "course/05-simple-rnn/exercises.ipynb" in opening
    assert stub == "raise"
    notebook.cells[0].source = "# Exercises\n\nFill in."
    opening = statement(notebook, "05-simple-rnn", ["rnn_step", "rnn_forward"]).cells[0].source
    assert 'data-exercises="rnn_step rnn_forward"' in opening and "path=course/05-simple-rnn/exercises.ipynb" in opening
    with pytest.raises(CourseError, match="title"):
        statement(nb.new_notebook(cells=[nb.new_code_cell("1")]), "05-simple-rnn", [])


def test_where_a_cell_takes_more_than_two_minutes_in_the_browser_its_page_names_a_smaller_run():
    lines = (ROOT / "book" / "browser-times.txt").read_text().splitlines()[1:]
    longest = {unit: float(seconds.rstrip("s")) for unit, _, seconds, *_ in map(str.split, lines)}
    assert list(longest) == [unit.name for unit in find_units(ROOT)]
    assert {unit for unit, seconds in longest.items() if seconds > 120} == set(LONG_IN_A_BROWSER)


def test_a_warning_stops_the_build_every_time_until_it_is_gone(tmp_path):
    for folder in ("course", "solutions"):
        (tmp_path / folder).mkdir()
    book = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "_static", book / "_static")
    for name in ("_config.yml", "references.bib"):
        shutil.copy(ROOT / "book" / name, book)
    (book / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (book / "index.md").write_text("# Start\n\nSee {doc}`nowhere`.\n")
    for _ in range(2):  # Sphinx alone would pass the second time, since the page has not changed
        with pytest.raises(CourseError, match=r"index\.md:3: WARNING: .*nowhere"):
            build_book(tmp_path)
    (book / "index.md").write_text("# Start\n\nSee nothing.\n")
    assert "See nothing." in build_book(tmp_path).read_text()


def test_a_missing_notebook_is_named(tmp_path):
    for name in ("course/lesson.md", "course/checks.py", "solutions/exercises.md", "solutions/misconceptions.yml"):
        path = tmp_path / name.replace("/", "/05-simple-rnn/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "book").mkdir()
    with pytest.raises(CourseError, match=r"05-simple-rnn/lesson\.ipynb is missing"):
        build_book(tmp_path)


def test_a_comma_stays_with_its_formula():
    formula = r'<span class="math notranslate nohighlight">\(x &lt; 1\)</span>'
    once = mend(f"<p>Let {formula} be. Since ({formula}), and {formula}, so</p>")
    assert once.count('<span class="byhand-keep">') == 2
    assert f'<span class="byhand-keep">({formula}),</span> and' in once and f"Let {formula} be" in once
    assert mend(once) == once
