"""The drawings of lesson 07: the stepper through two steps of a cell, and what a cell keeps when its gates are set by hand."""

import math
import re

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Svg
from byhand.live import live_figure
from byhand.lstm_cell import EDGES, PEEPHOLES, Explorer, forward_numbers, pictures
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

GATES = {"z": "block input", "i": "input gate", "f": "forget gate", "o": "output gate"}


def explorer():
    """Both pictures of the cell, to point into."""
    return Explorer(start="f_bar")


def still(*names, describe):
    """Both pictures with some things lit."""
    return pictures(active=names, describe=describe)


# Two steps of a cell, in numbers


def lstm_stepper(params, x, y0, c0):
    """Through the worked example, sum by sum and gate by gate. The arguments are those of `forward_numbers`."""
    steps = forward_numbers(params, x, y0, c0)
    frames, values = [], {}

    def frame(equation, sentence, *active):
        frames.append(
            Frame(pictures(active=active, values=values, describe=_describe(active, values)), equation, sentence)
        )

    def learn(s, *names):
        values.update({name: "\n".join(_m(number, 2) for number in s[name]) for name in names})

    for t in range(1, len(steps)):
        s = steps[t]
        values.clear()
        values["x"] = _m(s["x"][0], 2)
        learn(s, "y_prev", "c_prev")
        frame(
            [
                rf"\inp{{x^{{({t})}}}} &= {_n(s['x'][0])}",
                rf"\out{{y^{{({t - 1})}}}} &= {_v(s['y_prev'])}",
                rf"\hid{{c^{{({t - 1})}}}} &= {_v(s['c_prev'])}",
            ],
            "Before the first step: one input for both cells, an output of zero to start from, and something in both cells already. "
            "The upper number in a circle belongs to cell 1, the lower to cell 2."
            if t == 1
            else f"Step {t}. What went out of step {t - 1} comes in now: its output $y^{{({t - 1})}}$ and its cell $c^{{({t - 1})}}$. "
            "The parameters stay as they were.",
            "x", "y_prev", "c_prev",
        )  # fmt: skip
        for k in "zif":
            learn(s, f"{k}_bar", k)
            frame(_sum(k, s, params, t), _about(k, t), *_into(k))
        learn(s, "zi", "cf")
        frame(
            [
                rf"\hid{{z \odot i}} &= {_v(s['z'])} \odot {_v(s['i'])} = {_v(s['zi'])}",
                rf"\hid{{c^{{({t - 1})}} \odot f}} &= {_v(s['c_prev'])} \odot {_v(s['f'])} = {_v(s['cf'])}",
            ],
            "Two products, entry by entry. The input gate decides how much of $z$ is written, the forget gate how much of the old cell is kept.",
            "zi", "cf", *(e for e in EDGES if e.endswith(("->zi", "->cf"))),
        )  # fmt: skip
        learn(s, "c")
        frame(
            rf"\hid{{c^{{({t})}}}} = {_v(s['zi'])} + {_v(s['cf'])} = {_v(s['c'])}",
            "The plus sign on the highway. After the product with the forget gate it is all that the old cell meets: no weight matrix, no activation. So a cell "
            "can grow beyond 1, as cell 1 does here."
            if t == 1
            else "The old cell, weighed by the forget gate, plus what is written. Cell 1 keeps most and has something negative added, cell 2 has hardly changed.",
            "c", "zi->c", "cf->c",
        )  # fmt: skip
        learn(s, "o_bar", "o")
        frame(_sum("o", s, params, t), _about("o", t), *_into("o"))
        learn(s, "tanh_c", "y")
        frame(
            [
                rf"\hid{{\tanh c^{{({t})}}}} &= {_v(s['tanh_c'])}",
                rf"\out{{y^{{({t})}}}} &= {_v(s['tanh_c'])} \odot {_v(s['o'])} = {_v(s['y'])}",
            ],
            f"The output: the new cell, squashed by tanh, times the output gate. Both $y^{{({t})}}$ and $c^{{({t})}}$ "
            + (f"go on to step {t + 1}." if t + 1 < len(steps) else f"would go on to step {t + 1}; the example ends here."),
            "tanh_c", "y", "c->tanh_c", "tanh_c->y", "o->y", "c->c_next", "y->y_next",
        )  # fmt: skip
    return Stepper(frames, "Two LSTM cells, two steps, in numbers")


def _sum(k, s, params, t):
    """The equations of one pre-activation and its activation, with the numbers of step t."""
    when = t - 1 if PEEPHOLES.get(k) == "c_prev" else t
    symbols = rf"\par{{W_{k}}} \inp{{x^{{({t})}}}} + \par{{R_{k}}} \out{{y^{{({t - 1})}}}}"
    terms = [params[f"W{k}"] @ s["x"], params[f"R{k}"] @ s["y_prev"]]
    if k in PEEPHOLES:
        symbols += rf" + \par{{p_{k}}} \odot \hid{{c^{{({when})}}}}"
        terms.append(params[f"p{k}"] * s[PEEPHOLES[k]])
    terms.append(params[f"b{k}"])
    function = r"\tanh" if k == "z" else r"\sigma"
    return [
        rf"\hid{{\bar {k}}} &= {symbols} + \par{{b_{k}}}",
        rf"&= {' + '.join(map(_v, terms))} = {_v(s[f'{k}_bar'])}",
        rf"\hid{{{k}}} &= {function}\left(\hid{{\bar {k}}}\right) = {_v(s[k])}",
    ]


def _about(k, t):
    first = t == 1
    return {
        "z": "The block input: the same kind of sum as in a simple RNN, and tanh. It has no peephole."
        if first
        else "The block input again. Now $R_z$ has something to weigh: cell 2 hears what cell 1 gave out.",
        "i": "The input gate: the same kind of sum, plus its peephole. The dashed arrow is one number per cell, times the old cell.",
        "f": "The forget gate. Cell 1 will keep 92 per cent of what it holds, cell 2 only 27."
        if first
        else "The forget gate. Both cells will keep more than 95 per cent of what they hold.",
        "o": f"The output gate had to wait: its peephole looks at the new cell $c^{{({t})}}$, not at the old one.",
    }[k]


def _into(k):
    return [f"{k}_bar", k, f"{k}_bar->{k}", *(name for name, edge in EDGES.items() if edge.target == f"{k}_bar")]


def _describe(active, values):
    known = ", ".join(f"{name} = {value}".replace("\n", " and ") for name, value in values.items())
    return (
        f"the cell; lit: {', '.join(name for name in active if '->' not in name)}. Values, cell 1 and cell 2: {known}."
    )


def _n(number):
    """A number in LaTeX with as many of four decimals as it needs."""
    text = f"{number:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else f"{{{text}}}" if number < 0 else text  # braces: a sign, not a difference


def _v(numbers):
    return "(" + r",\; ".join(map(_n, numbers)) + ")"


def _m(number, digits):
    """A number for a drawing, with a real minus sign and none at zero."""
    text = f"{number:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


# Gates set by hand

STEPS = 20
# What could be written at each step: little things, and three events at steps 3, 8 and 13.
BLOCK_INPUT = np.array(
    [0.1, -0.2, 0.9, 0.1, -0.1, 0.2, -0.1, -0.8, 0.1, 0.2, -0.2, 0.1, 0.7, -0.1, 0.2, -0.2, 0.1, -0.1, 0.2, -0.1]
)


def keep(z, i, f, o):
    """A single cell whose gates are given: c and y after each step, from an empty cell."""
    c, cells = 0.0, []
    for t in range(len(z)):
        c = z[t] * i[t] + c * f[t]
        cells.append(c)
    return np.array(cells), o * np.tanh(cells)


def gate_chart(z, i, f, o):
    """An SVG of what goes in, the three gates, what the cell holds and what comes out, step by step."""
    c, y = keep(z, i, f, o)
    left, step, out = 118, 24, []
    x = [left + step * t for t in range(STEPS)]

    def label(height, text, note=""):
        out.append(f'<text class="w t" x="{left - 12}" y="{height}">{text}</text>')
        if note:
            out.append(f'<text class="e v" x="{x[-1] + 22}" y="{height}">{note}</text>')

    def bars(middle, height, numbers, role, top):
        out.append(f'<path class="f" d="M{left - 6} {middle}H{x[-1] + 16}"/>')
        for t, number in enumerate(numbers):
            long = height * abs(number) / top
            up = middle - long if number > 0 else middle
            out.append(
                f'<rect x="{x[t] - 3}" y="{up:.1f}" width="16" height="{max(long, 0.5):.1f}" style="fill:var(--bh-{role})"/>'
            )

    label(46, "block input z")
    bars(46, 24, z, "input", 1)
    for row, (name, gate) in enumerate((("input gate i", i), ("forget gate f", f), ("output gate o", o))):
        height = 96 + 26 * row
        label(height, name)
        for t in range(STEPS):
            out.append(
                f'<rect x="{x[t] - 4}" y="{height - 9}" width="18" height="18" rx="3" '
                f'style="fill:var(--bh-hidden);fill-opacity:{gate[t]:.2f};stroke:var(--bh-muted)"/>'
            )
    top = max(1.0, np.abs(c).max())
    label(228, "cell c", f"c = {_m(c[-1], 2)}")
    bars(228, 44, c, "hidden", top)
    label(316, "output y", f"y = {_m(y[-1], 2)}")
    bars(316, 26, y, "output", 1)
    for t in range(0, STEPS, 1):
        if t == 0 or (t + 1) % 5 == 0:
            out.append(f'<text class="v" x="{x[t] + 5}" y="362">{t + 1}</text>')
    label(362, "time step")
    told = "; ".join(f"step {t + 1}: cell {_m(c[t], 2)}, output {_m(y[t], 2)}" for t in (2, 7, 12, 19))
    about = f"Bars over {STEPS} steps: block input, three gates as squares that are filled when open, cell and output. {told}."
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{about}" viewBox="0 0 670 376" width="670" height="376" '
        f'style="max-width:670px;min-width:420px">{"".join(out)}</svg>'
    )


def gate_stepper():
    """Seven ways to set the gates of one cell over twenty steps."""
    one, none = np.ones(STEPS), np.zeros(STEPS)

    def at(*steps):
        gate = np.zeros(STEPS)
        gate[[s - 1 for s in steps]] = 1
        return gate

    late = np.where(np.arange(1, STEPS + 1) >= 16, 1.0, 0.0)
    settings = (
        (one, one, one, r"i = f = o = 1",
         "All gates open. Nothing is forgotten, everything is written, and so the cell is the running sum of all inputs, noise included. "
         "What comes out is the tanh of that sum."),
        (none, none, none, r"i = f = o = 0", "All gates shut. Nothing is written, nothing is kept, nothing comes out."),
        (at(3), one, one, r"i^{(3)} = 1, \quad f = 1, \quad o = 1",
         "The input gate opens once, at step 3. The cell takes what comes in at that step and holds it to the end; the later events pass it by."),
        (at(3), one, late, r"i^{(3)} = 1, \quad f = 1, \quad o^{(16)} = o^{(17)} = \dots = 1",
         "The same memory, but the output gate stays shut until step 16. The cell keeps its content to itself until it is asked."),
        (at(3), 1 - at(11), one, r"i^{(3)} = 1, \quad f^{(11)} = 0",
         "The forget gate shuts once, at step 11, and the cell is empty from then on. Note the direction: the forget gate forgets when it is shut."),
        (at(3, 13), 1 - at(13), one, r"i^{(3)} = i^{(13)} = 1, \quad f^{(13)} = 0",
         "At step 13 the input gate opens and the forget gate shuts: the old content is replaced. With the forget gate open the two would have been added."),
        (at(3), 0.9 * one, one, r"i^{(3)} = 1, \quad f = 0.9",
         "A forget gate that is nearly open. Each step keeps nine tenths, so after 17 more steps a sixth is left."),
    )  # fmt: skip
    frames = [Frame(gate_chart(BLOCK_INPUT, i, f, o), equation, says) for i, f, o, equation, says in settings]
    return Stepper(frames, "One cell, twenty steps, gates set by hand")


def at_steps(text):
    """A gate that is 1 at the steps which the text names, like "3, 13" or "1-20", and 0 at all others."""
    gate = np.zeros(STEPS)
    for first, last in re.findall(r"(\d+)(?:\s*[-–]\s*(\d+))?", text):
        gate[max(int(first), 1) - 1 : int(last or first)] = 1
    return gate


def gate_player():
    """Fields for when each gate is open or shut; the chart is computed anew."""
    import ipywidgets as widgets

    def field(name, steps):
        return widgets.Text(steps, description=name, style={"description_width": "13em"}, continuous_update=False)

    i, f, o = (
        field("input gate open at", "3"),
        field("forget gate shut at", ""),
        field("output gate open at", f"1-{STEPS}"),
    )
    level = widgets.FloatSlider(
        1.0, min=0.5, max=1.0, step=0.01, description="f while open", style={"description_width": "13em"}, continuous_update=False
    )  # fmt: skip

    def draw(i, f, o, level):
        return gate_chart(BLOCK_INPUT, at_steps(i), level * (1 - at_steps(f)), at_steps(o))

    return live_figure(draw, {"i": i, "f": f, "o": o, "level": level})


# How long memory lasts


def plot_memory(biases, steps=120):
    """Share of the cell that is left after n steps, one line for each bias of the forget gate."""
    fig, ax = plt.subplots()
    n = np.arange(steps + 1)
    styles = (("loss", ":"), ("output", "-."), ("input", "--"), ("hidden", "-"))
    for b, (role, dashes) in zip(biases, styles, strict=True):
        share = (1 / (1 + math.exp(-b))) ** n
        ax.plot(n, share, dashes, color=PALETTE[role][0], label=f"bias {b:g}")
    ax.axhline(0.5, color="0.6", lw=1)
    ax.set(xlabel="steps since writing", ylabel="share of the cell left", xlim=(0, steps), ylim=(0, 1.02))
    ax.legend()
    return fig
