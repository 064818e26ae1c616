import pytest

from byhand.drawing import Drawing
from byhand.palette import PALETTE, PAPER
from byhand.stepper import Frame, Stepper

pytestmark = pytest.mark.slow


def stepper(title):
    d = Drawing(640, 160)
    for i in range(4):
        d.node(f"h{i}", 60 + 170 * i, 80, f"h^({i})")
    for i in range(3):
        d.arrow(f"h{i}", f"h{i + 1}", "W")
    frames = [
        Frame(
            d.svg(describe=f"Four states, state {i} lit", active=[f"h{i}"], gradient=["h3", "h2->h3"]),
            [r"\grad{\delta h} &= \sum_{t=1}^{T} \frac{\partial J}{\partial h^{(t)}}"] * (1 + i % 2),
            f"State number {i}." + " A longer sentence." * 10 * (i == 2),
        )
        for i in range(4)
    ]
    return Stepper(frames, title=title)


@pytest.fixture
def open_page(standalone):
    """Open a page with two steppers, the first of them twice over."""

    def open_page(theme="light", body="", width=800, **options):
        one, two = stepper("One")._repr_html_(), stepper("Two")._repr_html_()
        return standalone(f"<body {body}>{one}{two}{one}</body>", f'data-theme="{theme}"', width=width, **options)

    return open_page


def shown(page, number):
    """The sentences that can be seen in a stepper."""
    sentences = page.locator(".bh-stepper").nth(number).locator(".bh-sentence").all()
    return [i for i, sentence in enumerate(sentences) if sentence.is_visible()]


def test_buttons_move_one_stepper_only(open_page):
    page = open_page()
    second = page.locator(".bh-stepper").nth(1)
    for name, step in (("Next", 1), ("Next", 2), ("Previous", 1), ("Last", 3), ("Next", 3), ("First", 0), ("Last", 3)):
        second.get_by_role("button", name=f"{name} step").click(force=True)  # also where it has nowhere to go
        assert [shown(page, i) for i in range(3)] == [[0], [step], [0]]
    assert second.locator(".bh-where").inner_text() == "step 4 of 4"
    assert second.locator(".bh-aloud").inner_text() == "State number 3."
    assert second.get_by_role("img").count() == 1  # what a screen reader finds: the drawing of this frame alone


def test_keys_work_wherever_the_focus_is(open_page):
    page = open_page()
    root = page.locator(".bh-stepper").first
    focus = (
        lambda: root.get_by_role("button", name="Next step").focus(),
        lambda: root.get_by_role("slider").focus(),
        lambda: root.locator(".bh-frame.bh-now svg").click(),
    )
    for take_focus in focus:
        take_focus()
        for key, step in (("End", 3), ("ArrowRight", 3), ("ArrowLeft", 2), ("Home", 0), ("ArrowRight", 1)):
            page.keyboard.press(key)
            assert shown(page, 0) == [step]
    assert shown(page, 1) == shown(page, 2) == [0]


def test_jupyterlab_keeps_its_shortcuts_but_not_the_plain_keys(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            window.free = [];  // whether a listener such as JupyterLab's would find the keys free to take
            document.addEventListener("keydown", (event) => {
                free.push(!event.target.hasAttribute("data-lm-suppress-shortcuts"));
            }, true);
        }"""
    )
    page.locator(".bh-stepper").first.get_by_role("slider").focus()
    for key in ("ArrowRight", "Shift", "Shift+Enter", "Enter"):
        page.keyboard.press(key)
    # A chord presses its modifier first.
    assert page.evaluate("free") == [False, True, True, True, False]


def test_slider_says_where_it_is(open_page):
    page = open_page()
    slider = page.locator(".bh-stepper").first.get_by_role("slider")
    slider.fill("3")
    assert shown(page, 0) == [2]
    assert slider.get_attribute("aria-valuetext") == "step 3 of 4"


def test_height_stays(open_page):
    page = open_page()
    root = page.locator(".bh-stepper").first
    heights = set()
    root.get_by_role("slider").focus()
    for _ in range(4):
        heights.add(root.bounding_box()["height"])
        page.keyboard.press("ArrowRight")
    assert shown(page, 0) == [3] and len(heights) == 1


@pytest.mark.parametrize(
    "theme, body, paper", [("light", "", 0), ("dark", "", 1), ("light", 'data-jp-theme-light="false"', 1)]
)
def test_themes(open_page, theme, body, paper):
    page = open_page(theme, body)
    colour = page.locator(".bh-now .bh-gradient").first.evaluate("e => getComputedStyle(e).color")
    assert colour == rgb(PALETTE["gradient"][paper])
    ring = page.locator(".bh-now svg .ring").first.evaluate("e => getComputedStyle(e).stroke")
    assert ring == rgb(PALETTE["gradient"][paper])
    if not body:
        background = page.locator(".bh-stepper").first.evaluate("e => getComputedStyle(e).backgroundColor")
        assert background == rgb(PAPER[paper])


def rgb(colour):
    return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def test_without_script_all_frames_stand(open_page):
    page = open_page(java_script_enabled=False)
    assert shown(page, 0) == [0, 1, 2, 3]
    assert not page.locator(".bh-controls").first.is_visible()
    tops = [frame.bounding_box()["y"] for frame in page.locator(".bh-stepper").first.locator(".bh-frame").all()]
    assert tops == sorted(set(tops))


def test_who_opens_it_in_a_notebook_that_is_not_trusted_is_told_to_run_the_cell(open_page):
    """There JupyterLab takes away the CSS, the script and the drawings."""
    page = open_page()
    words = page.get_by_text("Run this cell to see the picture.").all()
    assert [word.is_visible() for word in words] == [False] * 3
    page.evaluate("document.querySelectorAll('style, script, svg').forEach(taken => taken.remove())")
    assert [word.is_visible() for word in words] == [True] * 3


def test_print_shows_all_frames_and_no_controls(open_page):
    page = open_page()
    page.emulate_media(media="print")
    assert shown(page, 0) == [0, 1, 2, 3]
    assert not page.locator(".bh-controls").first.is_visible()


def test_narrow_screens_do_not_scroll_sideways(open_page):
    page = open_page(width=360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    label = page.locator(".bh-now svg text.l").first.bounding_box()
    assert label["height"] > 9  # a wide drawing scrolls in its own box rather than become too small to read


def test_running_a_cell_again_sets_up_the_new_stepper_only(open_page):
    page = open_page()
    page.locator(".bh-stepper").first.get_by_role("button", name="Last step").click()
    page.evaluate(
        """() => {
            const [first, second] = document.querySelectorAll(".bh-stepper");
            const again = document.createRange().createContextualFragment(second.outerHTML);
            second.replaceWith(again);
        }"""
    )
    page.locator(".bh-stepper").nth(1).get_by_role("button", name="Next step").click()
    assert [shown(page, i) for i in range(3)] == [[3], [1], [0]]


def test_equations_align(open_page):
    page = open_page()
    page.locator(".bh-stepper").first.get_by_role("button", name="Next step").click()
    cells = page.locator(".bh-stepper").first.locator(".bh-now mtd.bh-right")
    ends = [
        cell.evaluate("e => e.getBoundingClientRect().right - e.lastElementChild.getBoundingClientRect().right")
        for cell in cells.all()
    ]
    assert len(ends) == 2 and max(ends) < 3
