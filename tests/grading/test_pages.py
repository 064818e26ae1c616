"""The pages after the deadline in a real browser: they fit, are legible, load nothing, and shut nobody out."""

import pytest
from book_visit import RULES, violations
from classes import ROOT, UNIT

from byhand.course import Unit
from byhand.grading.alike import Likeness, Pair, Passage
from byhand.grading.alike_page import alike_page
from byhand.grading.model_answers import model_answers
from byhand.grading.model_answers_page import page as answers_page

pytestmark = pytest.mark.slow

CODE = "total = np.zeros((x.shape[0], len(b)))\nfor row in range(x.shape[0]):\n    total[row] = np.tanh(b + W @ h_prev[row] + U @ x[row])\nreturn total"


def alike():
    unit = Unit(ROOT, UNIT)
    passages = tuple(Passage(part, 90, (CODE, CODE), (((0, 60),), ((0, 60),))) for part in ("rnn_step", "written"))
    pairs = tuple(Pair((f"فاطمة-{n}", f"a-student-with-a-long-name-{n}"), passages, ("rnn_step",)) for n in range(5))
    return alike_page(Likeness(unit, tuple(s for p in pairs for s in p.students), pairs, 2, 5, ("dana",)))


PAGES = {"answers": lambda: answers_page(model_answers(Unit(ROOT, UNIT))), "alike": alike}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width, scheme", [(380, "light"), (1100, "light"), (1100, "dark")])
def test_a_page_fits_and_shuts_nobody_out(tmp_path, browser, name, width, scheme):
    path = tmp_path / "page.html"
    path.write_text(PAGES[name]())
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    tab, problems = context.new_page(), []
    tab.on("console", lambda message: problems.append(message.text))
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width and problems == []
    assert violations(tab, RULES[scheme]) == []
    tab.emulate_media(media="print", color_scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()
