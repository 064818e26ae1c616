import re

import pytest

from byhand.choices import Choices
from byhand.drawing import Drawing
from byhand.stepper import Frame

QUESTIONS = {"depth": ["2", "20"], "net": ["plain", "residual", "both"], "frozen": [False, True]}


def frame(*choice):
    d = Drawing(640, 160)
    d.node("h", 60, 80)
    return Frame(
        d.svg(describe=f"A node, {choice}"), "", f"Depth {choice[0]}, {choice[1]}{', frozen' * choice[2]}: a < b."
    )


FRAMES = {(a, b, c): frame(a, b, c) for a in QUESTIONS["depth"] for b in QUESTIONS["net"] for c in (False, True)}
STILL = [("20", "both", True), ("2", "plain", False)]


def choices(title="Depth & net", questions=QUESTIONS, frames=FRAMES, still=STILL):
    return Choices(title, questions, frames, still)


def test_html_stands_alone_and_text_is_escaped():
    html = choices()._repr_html_()
    assert not re.search(r"https?://|@import|url\(| src=| id=", html)
    assert "Depth &amp; net" in html and "a &lt; b" in html and html.count('<li class="bh-frame') == 12
    assert repr(choices()) == "Choices: Depth & net (12 pictures)"


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(title=" "), "need a title"),
        (dict(frames={k: f for k, f in FRAMES.items() if k != STILL[0]}), r"no frame for \('20', 'both', True\)"),
        (
            dict(frames=FRAMES | {("3", "plain", False): FRAMES[STILL[0]]}),
            "answers none of the questions depth, net, frozen",
        ),
        (dict(still=[("2", "plain", 1.5)]), "answers none of the questions"),
        (dict(still=[]), "paper would stay empty"),
    ],
)
def test_what_is_wrong_is_said(wrong, says):
    with pytest.raises(ValueError, match=says):
        choices(**wrong)


def test_a_frame_must_be_one():
    with pytest.raises(TypeError, match="not a Frame"):
        choices(frames=dict.fromkeys(FRAMES, "a picture"))


@pytest.fixture
def open_page(standalone):
    def open_page(width=800, **options):
        one = choices()._repr_html_()
        return standalone(f"<body>{one}{choices(title='Two')._repr_html_()}{one}</body>", width=width, **options)

    return open_page


def shown(page, number=0):
    return page.locator(".bh-choices").nth(number).locator(".bh-sentence:visible").all_text_contents()


@pytest.mark.slow
def test_every_combination_can_be_chosen_and_only_there(open_page):
    page = open_page()
    assert shown(page) == ["Depth 20, both, frozen: a < b."]
    first = page.locator(".bh-choices").first
    first.get_by_role("radio", name="plain").check(force=True)
    assert shown(page) == ["Depth 20, plain, frozen: a < b."]
    assert first.locator(".bh-aloud").text_content() == "Depth 20, plain, frozen: a < b."
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["Depth 20, residual, frozen: a < b."]
    first.get_by_role("checkbox", name="frozen").focus()
    page.keyboard.press("Space")
    assert shown(page) == ["Depth 20, residual: a < b."]
    assert shown(page, 1) == shown(page, 2) == ["Depth 20, both, frozen: a < b."]
    assert first.get_by_role("img").count() == 1


@pytest.mark.slow
def test_paper_and_pages_without_script_have_the_still_ones(open_page):
    page = open_page(java_script_enabled=False)
    assert shown(page) == ["Depth 2, plain: a < b.", "Depth 20, both, frozen: a < b."]
    assert page.locator(".bh-choices").first.locator(".bh-count:visible").all_text_contents() == [
        "depth: 2; net: plain", "depth: 20; net: both; frozen",
    ]  # fmt: skip
    page = open_page()
    page.emulate_media(media="print")
    assert len(shown(page)) == 2


@pytest.mark.slow
def test_narrow_screens_do_not_scroll_sideways(open_page):
    assert open_page(width=360).evaluate("document.documentElement.scrollWidth") == 360
