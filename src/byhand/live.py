"""A figure that is drawn anew for each setting of its sliders. It needs a kernel; beside it stands a still picture."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from html import escape
from io import BytesIO


def live_figure(draw: Callable, controls: Mapping):
    """The controls (ipywidgets, by the name of `draw`'s argument) above what `draw(**values)` makes of their values.

    `draw` returns a drawing, or leaves a figure open in pyplot. It is shown in an HTML widget and not by
    `interactive_output`: where a notebook runs without a browser, the latter can keep the next cell waiting for minutes.
    """
    import ipywidgets as widgets

    picture = widgets.HTML()

    def show(change=None):
        drawn = draw(**{name: control.value for name, control in controls.items()})
        # A figure of matplotlib has the method too, and answers None.
        drawing = drawn._repr_html_() if hasattr(drawn, "_repr_html_") else None
        picture.value = drawing or _figure(controls.values())

    for control in controls.values():
        control.observe(show, "value")
    show()
    return widgets.VBox([*controls.values(), picture])


def _figure(controls) -> str:
    """The figure that is open in pyplot as an image, described by its settings; closes it."""
    import matplotlib.pyplot as plt

    file = BytesIO()
    plt.gcf().savefig(file, format="svg", metadata={"Date": None})
    plt.close()
    setting = ", ".join(f"{control.description} {control.value}".strip() for control in controls)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="The figure for {escape(setting)}" src="data:image/svg+xml;base64,{data}">'
