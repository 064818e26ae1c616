"""The pages of grading: what is written stays text; and in a real browser they fit, are legible, load nothing, and shut nobody out."""

from html.parser import HTMLParser

import pytest
from book_visit import LOOKS, violations
from classes import ROOT, UNIT

from byhand.course import Unit
from byhand.grading.alike import Likeness, Pair, Passage
from byhand.grading.alike_page import alike_page
from byhand.grading.insight import AnswerCluster, ExerciseStats, Insight
from byhand.grading.lesson_sections import Place
from byhand.grading.model_answers import Model, ModelAnswers, model_answers
from byhand.grading.model_answers_page import page as answers_page
from byhand.grading.pages import render
from byhand.grading.report_page import report_page
from byhand.grading.roster import Person, Roster
from byhand.grading.term import Line, Mark, Term
from byhand.grading.term_page import term_page
from byhand.teaching.misconceptions import Variant

CODE = "total = np.zeros((x.shape[0], len(b)))\nfor row in range(x.shape[0]):\n    total[row] = np.tanh(b + W @ h_prev[row] + U @ x[row])\nreturn total"


def alike():
    unit = Unit(ROOT, UNIT)
    passages = tuple(Passage(part, 90, (CODE, CODE), (((0, 60),), ((0, 60),))) for part in ("rnn_step", "written"))
    pairs = tuple(Pair((f"فاطمة-{n}", f"a-student-with-a-long-name-{n}"), passages, ("rnn_step",)) for n in range(5))
    return alike_page(Likeness(unit, tuple(s for p in pairs for s in p.students), pairs, 2, 5, ("dana",)))


PAGES = {"answers": lambda: answers_page(model_answers(Unit(ROOT, UNIT))), "alike": alike}


@pytest.mark.slow
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
    assert violations(tab, *LOOKS[scheme]) == []
    tab.emulate_media(media="print", color_scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()


EVIL = '<evil title="it\'s">&amp; "{{ 7 }}"</evil>'


def evil_report():
    clusters = (
        AnswerCluster("rnn_step", "known", EVIL, EVIL, students=[EVIL]),
        AnswerCluster("rnn_step", "unlisted", where=EVIL, students=[EVIL, EVIL]),
    )
    verdict = dict(student=EVIL, status=EVIL, message=EVIL, notes=[EVIL], score=1.0, seconds={"own_cells": 1.0})
    return report_page(Insight(Unit(ROOT, UNIT), (verdict,), (ExerciseStats("rnn_step", 4.0, clusters),)))


def evil_term():
    units = tuple(Unit(ROOT, f"0{n}{EVIL}") for n in (1, 2, 3))
    marks = {unit.name: Mark(1.0, 50.0, EVIL, kinds=frozenset({EVIL})) for unit in units}
    line = Line(Person(EVIL, section=EVIL), [EVIL], marks)
    return term_page(Term(units, (line,), frozenset(), {unit.name: 50.0 for unit in units}, Roster()))


def evil_alike():
    passage = Passage(EVIL, 90, (EVIL, EVIL), (((0, len(EVIL)),), ()))
    return alike_page(Likeness(Unit(ROOT, UNIT), (EVIL,), (Pair((EVIL, EVIL), (passage,), (EVIL,)),), 1, 5, (EVIL,)))


def evil_answers():
    """Their Markdown is the course's own, and may hold HTML."""
    variants = (Variant("", EVIL, EVIL),)
    exercises = (Model(EVIL, Place(""), 1.0, "", EVIL, variants, variants),)
    return answers_page(ModelAnswers(Unit(ROOT, UNIT), EVIL, exercises, None))


EVIL_PAGES = {
    "report": evil_report,
    "term": evil_term,
    "alike": evil_alike,
    "answers": evil_answers,
    "written": lambda: render("written.html", unit=EVIL, address=lambda place: EVIL, xsrf_token=EVIL),
    "written_units": lambda: render("written_units.html", units=[Unit(ROOT, EVIL)], address=lambda place: EVIL),
}


@pytest.mark.parametrize("name", EVIL_PAGES)
def test_whatever_is_written_stays_text_wherever_it_stands(name):
    """Ids, names, answers, messages and hints of mistakes: each reads as it was written, and is no tag and ends no attribute."""
    texts, tags = [], set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            texts.extend(value or "" for _, value in attrs)

        def handle_data(self, data):
            texts.append(data)

    html = EVIL_PAGES[name]()
    Reader().feed(html)
    assert "evil" not in tags
    assert sum(text.count(EVIL) for text in texts) == html.count("evil title=") >= 3
