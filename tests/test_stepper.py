import re
from dataclasses import replace

import pytest

from byhand.drawing import Drawing
from byhand.stepper import Frame, Stepper, mathml

GRAPH = Drawing(700, 300)
for i in range(12):
    GRAPH.node(f"n{i}", 60 + 110 * (i % 6), 80 + 140 * (i // 6), f"h^({i})")
for i in range(20):
    GRAPH.arrow(f"n{i % 12}", f"n{(5 * i + 1) % 12 if i >= 12 else (i + 1) % 12}", "W", name=f"arrow {i}", bend=0.1)


def drawing(number=0):
    return GRAPH.svg(
        describe=f"Twelve nodes, step {number}",
        values=dict.fromkeys(GRAPH.nodes, "0.46"),
        gradients=dict.fromkeys(GRAPH.nodes, "-0.12"),
        gradient=["n1", "n2", *(f"arrow {i}" for i in range(6))],
    )


FRAME = Frame(
    drawing(),
    r"\grad{\delta h^{(t)}} = W^\top \grad{\delta h^{(t+1)}}",
    "The state $h^{(1)}$ costs \\$1 < 2 & more.",
)


def test_one_frame_for_each_step():
    html = Stepper([FRAME] * 5, title="Five steps")._repr_html_()
    assert (
        html.count('<li class="bh-frame">') == html.count('role="img"') == html.count('aria-label="Twelve nodes') == 5
    )
    assert "Step 5 of 5" in html and 'max="5"' in html
    assert repr(Stepper([FRAME] * 5, title="Five steps")) == "Stepper: Five steps (5 frames)"


def test_html_stands_alone():
    html = Stepper([FRAME], title="One")._repr_html_()
    assert not re.search(r"https?://|@import|url\(| src=| id=", html)
    assert html == Stepper([FRAME], title="One")._repr_html_()


def test_text_is_escaped():
    html = Stepper([FRAME], title="a < b & c")._repr_html_()
    assert "a &lt; b &amp; c" in html and "costs $1 &lt; 2 &amp; more." in html


def test_a_frame_may_lack_drawing_and_equation():
    assert Stepper([Frame(None, "", "Only words.")], title="Words")._repr_html_().count("<math") == 0


def test_size_budget():
    frames = [replace(FRAME, drawing=drawing(number)) for number in range(24)]
    assert len(Stepper(frames, title="Long")._repr_html_().encode()) < 250_000


@pytest.mark.parametrize(
    "frames, title, error, message",
    [
        ([], "t", ValueError, "at least one frame"),
        ([FRAME], " ", ValueError, "title"),
        ([FRAME, "text"], "t", TypeError, "step 2 is a str, not a Frame"),
        ([Frame(3, "", "s")], "t", TypeError, "drawing is a int"),
        ([Frame("<p>", "", "s")], "t", ValueError, "does not begin with <svg"),
        ([Frame("<svg></svg>", "", "s")], "t", ValueError, "no description"),
        ([Frame(None, None, "s")], "t", TypeError, "equation must be text"),
        ([Frame(None, "", "half $x")], "t", ValueError, "without its partner"),
        ([Frame(None, r"\nosuch x", "")], "t", ValueError, r"unknown command \\nosuch"),
        ([Frame(None, r"\frac{a", "")], "t", ValueError, "brace"),
        ([Frame(None, r"\left( a", "")], "t", ValueError, "cannot read"),
    ],
)
def test_mistakes_are_named(frames, title, error, message):
    with pytest.raises(error, match=message):
        Stepper(frames, title=title)


# Equations


def test_latex_is_kept_as_alternative_text():
    assert 'alttext="{x} &lt; y"' in mathml(r"\grad{x} < y")


@pytest.mark.parametrize("macro, role", [("inp", "input"), ("par", "parameter"), ("grad", "gradient")])
def test_macros_colour_by_class(macro, role):
    html = mathml(rf"\{macro}{{x}}^2 + \partial \parallel")
    assert f'<msup><mrow class="bh-{role}"><mi>x</mi></mrow><mn>2</mn></msup>' in html
    assert "∂" in html and "color" not in html


def test_lines_align_at_the_ampersand():
    html = Stepper([Frame(None, ["a &= b", "&= c"], "")], title="t")._repr_html_()
    assert html.count("<mtr>") == 2 and 'class="bh-right"' in html


@pytest.mark.parametrize(
    "latex, parts",
    [
        (r"\boldsymbol{h} \boldsymbol{\delta}", ["<mi>𝒉</mi>", "<mi>𝜹</mi>"]),
        (r"\mathbf{x} \mathbf{\Sigma}", ["<mi>𝐱</mi>", "<mi>𝚺</mi>"]),
        (r"\mathrm{d}x", ['<mi mathvariant="normal">d</mi>']),
        (r"W^\top", ["<mi>⊤</mi>"]),
        (r"\hat{y}", ["ˆ"]),
        (r"\operatorname{diag}(x)", ["<mi>diag</mi>"]),
        (r"\tanh z", ['<mi style="margin-right:.17em">tanh</mi>']),
        (r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{else} \end{cases}", ["{", "<mtr>", 'class="bh-left"']),
    ],
)
def test_mathml_is_what_browsers_implement(latex, parts):
    html = mathml(latex)
    assert all(part in html for part in parts), html
    assert not re.search(r'mathvariant="(?!normal)', html)
