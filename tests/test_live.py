"""Sliders that draw a figure anew, as they work without a browser."""

import base64

import ipywidgets
import matplotlib
import matplotlib.pyplot as plt
import pytest

from byhand.drawing import Drawing
from byhand.live import live_figure

matplotlib.use("agg")


@pytest.fixture
def slider():
    return ipywidgets.IntSlider(3, 1, 9, description="points")


def picture(box):
    return box.children[-1].value


def test_moving_a_slider_draws_the_figure_anew_and_closes_it(slider):
    def draw(n):
        plt.plot(range(n))
        return plt.gcf()

    box = live_figure(draw, {"n": slider})
    first = picture(box)
    slider.value = 7
    assert 'alt="The figure for points 3"' in first and 'alt="The figure for points 7"' in picture(box)
    svg = base64.b64decode(picture(box).split("base64,")[1].split('"')[0])
    assert b"<svg" in svg and first.split("base64,")[1] != picture(box).split("base64,")[1]
    assert plt.get_fignums() == []


def test_a_drawing_is_shown_as_it_is(slider):
    def draw(n):
        d = Drawing(100, 50)
        d.node("a", 50, 25, str(n))
        return d.svg(describe=f"One node that says {n}.")

    box = live_figure(draw, {"n": slider})
    slider.value = 5
    assert "One node that says 5." in picture(box)
