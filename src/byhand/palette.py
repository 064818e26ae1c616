"""The course's colours, one meaning each, in a light and a dark value.

Every value has a contrast of at least 4.5:1 with its theme's paper, so that it serves for text and for strokes. The
six roles also stay apart for readers who do not see red or green: they differ in lightness as well as in hue.
"""

import sys

PAPER = ("#ffffff", "#14181e")

# role: (on light paper, on dark paper)
PALETTE = {
    "input": ("#0571c4", "#3d9bff"),  # blue
    "hidden": ("#0f8053", "#7febc0"),  # green
    "output": ("#946a03", "#fed97a"),  # orange
    "loss": ("#8f1d04", "#ff5536"),  # vermillion
    "parameter": ("#3a322c", "#a39884"),  # brown
    "gradient": ("#7d1a8c", "#f3b0fa"),  # purple: whatever flows back
    "ink": ("#1b1f24", "#e6e9ec"),
    "muted": ("#646d76", "#98a2ad"),
}


def css_variables() -> str:
    """CSS rules that define ``--bh-<role>`` and ``--bh-paper`` for the book's and JupyterLab's light and dark themes."""

    def rule(theme: int) -> str:
        colours = {"paper": PAPER[theme]} | {role: pair[theme] for role, pair in PALETTE.items()}
        return "{" + "".join(f"--bh-{role}:{value};" for role, value in colours.items()) + "}"

    # Printed pages are white whatever the screen shows.
    return (
        f'.bh{rule(0)}\n@media not print{{html[data-theme="dark"] .bh,'
        f'body[data-jp-theme-light="false"] .bh{rule(1)}}}\n'
    )


def figure_style() -> None:
    """Set matplotlib up for the course: the palette, quiet axes, and SVG that is the same on every run and machine."""
    import matplotlib as mpl
    from matplotlib.rcsetup import cycler

    colours = [PALETTE[role][0] for role in ("input", "output", "hidden", "loss", "gradient", "parameter")]
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "svg.hashsalt": "byhand",
            "svg.fonttype": "path",  # letters as outlines: no reader needs the font
            "font.family": "DejaVu Sans",  # comes with matplotlib
            "font.size": 11,
            "mathtext.fontset": "dejavusans",
            "axes.prop_cycle": cycler(color=colours),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": PALETTE["muted"][0],
            "axes.labelcolor": PALETTE["ink"][0],
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "text.color": PALETTE["ink"][0],
            "xtick.color": PALETTE["muted"][0],
            "ytick.color": PALETTE["muted"][0],
            "xtick.labelcolor": PALETTE["ink"][0],
            "ytick.labelcolor": PALETTE["ink"][0],
            "lines.linewidth": 1.8,
            "legend.frameon": False,
        }
    )
    if "ipykernel" in sys.modules:  # the inline backend exists in notebooks only
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})
