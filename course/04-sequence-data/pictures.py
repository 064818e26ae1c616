"""The drawings of lesson 04: the station's series, windows, the kinds of tasks, what an output can know, CTC."""

import zlib
from dataclasses import dataclass
from html import escape

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, stylesheet
from byhand.live import live_figure
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper, mathml

# The station -------------------------------------------------------------------------------------


def plot_station(series, days, units):
    """The first `days` days, one panel for each feature."""
    shown = series.times - series.times[0] < np.timedelta64(days, "D")
    day = (series.times[shown] - series.times[0]) / np.timedelta64(1440, "m")
    fig, axes = plt.subplots(len(series.names), 1, figsize=(6.6, 5.2), sharex=True)
    for d, (ax, name) in enumerate(zip(axes, series.names, strict=True)):
        ax.plot(day, series.values[shown, d], color=PALETTE["input"][0], lw=0.9)
        ax.set_title(f"{name} in {units[name]}", fontsize=10, pad=3)
        ax.set_xticks(range(0, days + 1, 2))
        ax.grid(axis="x", color="0.9", lw=0.6)
    axes[-1].set(xlabel="day", xlim=(0, days))
    return fig


def plot_windows(series, hours, horizon, stride, days=12):
    """The temperature with the first windows above it, each with its target; and how many windows the series gives."""
    T, k, s = 6 * hours, 6 * horizon, 6 * stride
    M = len(series.values)
    N = max(0, (M - T - k) // s + 1)
    day = np.arange(days * 144) / 144
    temperature = series.values[: days * 144, 0]
    fig, ax = plt.subplots(figsize=(6.6, 3.2))
    ax.plot(day, temperature, color=PALETTE["muted"][0], lw=0.9)
    low, top = temperature.min(), temperature.max()
    for row in range(min(4, N)):
        start, level = row * s, top + (row + 1) * 0.11 * (top - low)
        last, target = start + T - 1, start + T - 1 + k
        if target >= len(temperature):
            break
        ax.plot(day[[start, last]], [level, level], color=PALETTE["input"][0], lw=4, solid_capstyle="butt")
        ax.plot(day[[last, target]], [level, level], ":", color=PALETTE["muted"][0], lw=1.2)
        ax.plot(day[target], level, "o", color=PALETTE["output"][0], ms=6)
        ax.plot(day[target], temperature[target], "o", color=PALETTE["output"][0], ms=5)
    ax.set(xlabel="day", ylabel="temperature in °C", xlim=(0, days))
    ax.set_title(f"T = {T} steps, N = {N} windows: x has shape ({T}, {N}, {series.values.shape[1]})", fontsize=11)
    return fig


def window_player(series):
    """Sliders for the length of a window, the horizon and the stride; the figure is computed anew for each setting."""
    import ipywidgets as widgets

    def slider(value, low, high, step, label):
        return widgets.IntSlider(
            value, low, high, step, description=label, continuous_update=False, style={"description_width": "8em"}
        )

    hours = slider(96, 6, 120, 6, "window (hours)")
    horizon = slider(24, 1, 48, 1, "horizon (hours)")
    stride = slider(12, 1, 96, 1, "stride (hours)")

    def draw(hours, horizon, stride):
        plot_windows(series, hours, horizon, stride)

    return live_figure(draw, {"hours": hours, "horizon": horizon, "stride": stride})


def windows_stepper(series, T, horizon, stride):
    """Windows sliding over a short series in which one reading is missing (None)."""
    M, width = len(series), 45
    starts = range(0, M - T - horizon + 1, stride)
    kept = [i for i in starts if None not in series[i : i + T] and series[i + T - 1 + horizon] is not None]
    d = Drawing(width * M + 10, 390)
    for i, value in enumerate(series):
        x = 5 + width * (i + 0.5)
        missing = value is None
        d.node(f"r{i}", x, 60, "nan" if missing else str(value), "muted" if missing else "input", "box", (40, 36))
        d.text(f"i{i}", x, 24, str(i))
        if i >= T - 1 + horizon and not missing:  # the same reading as a target
            d.node(f"t{i}", x, 60, str(value), "output", "box", (40, 36))
    left = 5 + width * 3.5
    d.text("x", left - 62, 245, "x")
    d.text("y", left - 62, 352, "y")
    for column, i in enumerate(kept):
        place = left + 1.6 * width * column
        for t in range(T):
            d.node(f"slot{i},{t}", place, 160 + 40 * t, "", "muted", "box", (40, 34))
        d.node(f"slot{i}", place, 352, "", "muted", "box", (40, 34))
        for t in range(T):
            d.node(f"x{i},{t}", place, 160 + 40 * t, str(series[i + t]), "input", "box", (40, 34))
        d.node(f"y{i}", place, 352, str(series[i + T - 1 + horizon]), "output", "box", (40, 34))
    slots = [name for name in d.nodes if name.startswith("slot")]
    cells = {i: [*(f"x{i},{t}" for t in range(T)), f"y{i}"] for i in kept}
    frames, done = [], []

    def frame(equation, sentence, active=(), says=""):
        waiting = [name for i in kept if i not in done for name in cells[i]]
        waiting += [name for name in d.nodes if name[0] == "t" and name not in active]
        held = ", ".join(f"window from {i}" for i in done) or "nothing yet"
        frames.append(
            Frame(
                d.svg(active=active, hidden=waiting, dim=slots, describe=f"A row of {M} readings. {says} The array x holds {held}."),
                equation, sentence,
            )
        )  # fmt: skip

    frame(
        rf"M = {M},\quad T = {T},\quad \text{{horizon}} = {horizon},\quad \text{{stride}} = {stride}",
        f"A series of {M} readings; reading {series.index(None)} is missing. The small numbers count readings from 0, as an array does.",
        says="One of them is missing.",
    )
    for i in starts:
        target = i + T - 1 + horizon
        inside = [f"r{j}" for j in range(i, i + T)]
        equation = rf"i = {i}:\quad \inp{{\text{{readings }} {i}, \dots, {i + T - 1}}}, \qquad \out{{\text{{target }} {i + T - 1} + {horizon} = {target}}}"
        if i in kept:
            done.append(i)
            between = None in series[i + T : target]
            frame(
                equation,
                f"The window that begins at reading {i} is whole, and so is its target: it becomes column {len(done) - 1} of x. "
                + ("The hole lies between window and target, where nothing is read. " if between else ""),
                active=[*inside, f"t{target}", *cells[i]],
                says=f"The window from reading {i} to {i + T - 1} and its target, reading {target}, are marked.",
            )
        else:
            frame(
                equation,
                "There is a hole in this window. It is left out: a network would take whatever we put there for weather.",
                active=inside,
                says=f"The window from reading {i} to {i + T - 1} is marked; it holds the missing reading.",
            )
    frame(
        [
            rf"N &= \left\lfloor \frac{{M - T - \text{{horizon}}}}{{\text{{stride}}}} \right\rfloor + 1 = \left\lfloor \frac{{{M - T - horizon}}}{{{stride}}} \right\rfloor + 1 = {len(starts)}, "
            rf"\quad\text{{{len(kept)} of them whole}}",
            rf"&\inp{{\text{{x has shape ({T}, {len(kept)}, 1)}}}}, \quad \out{{\text{{y has shape ({len(kept)},)}}}}",
        ],
        f"The next window would begin at reading {starts[-1] + stride}, and its target would lie beyond the end. Notice that the same reading can stand in "
        "several columns.",
        active=[name for i in kept for name in cells[i]],
        says="All windows are cut.",
    )
    return Stepper(frames, "Windows over a short series")


# The kinds of tasks ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """One choice: its name, a drawing, an equation, rows of (label, text), and a sentence."""

    name: str
    drawing: str
    equation: list[str]
    rows: list[tuple[str, str]]
    sentence: str


class Chooser:
    """Panels of which one is shown, chosen by radio buttons. Needs neither a kernel nor a script, only CSS."""

    def __init__(self, panels, title):
        self.panels, self.title = list(panels), title

    def __repr__(self):
        return f"Chooser: {self.title} ({', '.join(panel.name for panel in self.panels)})"

    def _repr_html_(self):
        key = f"bh-choose-{zlib.crc32(self.title.encode()):08x}"
        buttons = "".join(
            f'<input type="radio" name="{key}" id="{key}-{i}"{" checked" if i == 0 else ""}>'
            f'<label for="{key}-{i}">{escape(panel.name)}</label>'
            for i, panel in enumerate(self.panels)
        )
        shown = ",".join(f"#{key}-{i}:checked~.bh-panel-{i}" for i in range(len(self.panels)))
        return (
            f'<div class="bh bh-choose" id="{key}" role="group" aria-label="{escape(self.title)}">'
            f"<style>{stylesheet()}{_CHOOSER.replace('SHOWN', shown)}</style>"
            f'<p class="bh-title">{escape(self.title)}</p>{buttons}'
            f"{''.join(_panel_html(i, panel) for i, panel in enumerate(self.panels))}</div>"
        )


_CHOOSER = """
.bh-choose{border:1px solid var(--bh-muted);border-radius:6px;padding:.6em .9em .8em;margin:1em 0;
  background:var(--bh-paper);color:var(--bh-ink)}
.bh-choose .bh-title{font-weight:600;margin:.1em 0 .5em}
.bh-choose input{position:absolute;opacity:0;width:1px;height:1px;margin:0}
.bh-choose label{display:inline-block;border:1px solid var(--bh-muted);border-radius:1em;padding:.12em .6em;
  margin:0 .2em .4em 0;cursor:pointer;font-size:.84em;color:var(--bh-ink)}
.bh-choose input:checked+label{background:var(--bh-ink);color:var(--bh-paper);border-color:var(--bh-ink)}
.bh-choose input:focus-visible+label{outline:2px solid var(--bh-input);outline-offset:2px}
.bh-choose .bh-drawing{overflow-x:auto}
.bh-choose table{border-collapse:collapse;margin:.5em 0;font-size:.95em;background:none}
.bh-choose th,.bh-choose td{border:0;padding:.12em 1.2em .12em 0;text-align:left!important;vertical-align:top;
  background:none;color:inherit;white-space:normal}
.bh-choose th{font-weight:600;white-space:nowrap}
.bh-choose tr{background:none!important}
.bh-choose .bh-sentence{margin:.4em 0 0}
@media not print{.bh-choose .bh-panel{display:none}SHOWN{display:block!important}}
"""


def _panel_html(number, panel):
    lines = r" \\ ".join(panel.equation)
    equation = mathml(r"\begin{aligned}" + lines + r"\end{aligned}", "block")
    rows = "".join(f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in panel.rows)
    return (
        f'<div class="bh-panel bh-panel-{number}" role="group" aria-label="{escape(panel.name)}">'
        f'<div class="bh-drawing">{panel.drawing}</div><div class="bh-equation">{equation}</div>'
        f'<table>{rows}</table><p class="bh-sentence">{escape(panel.sentence)}</p></div>'
    )


def _row(d, T, step, left, y, states="h", inputs="x", outputs="y", start=True, output_at=None, input_at=None):
    """States in a row with their inputs below and their outputs above."""
    column = {t: left + step * t for t in range(T + 1)}
    if start:
        d.node(f"{states}0", column[0], y, f"{states}^(0)", "hidden", size=54)
    for t in range(1, T + 1):
        d.node(f"{states}{t}", column[t], y, f"{states}^({t})", "hidden", size=54)
        if t > 1 or start:
            d.arrow(f"{states}{t - 1}", f"{states}{t}")
        if input_at is None or t in input_at:
            d.node(f"{inputs}{t}", column[t], y + 95, f"{inputs}^({t})", "input", size=54)
            d.arrow(f"{inputs}{t}", f"{states}{t}")
        if output_at is None or t in output_at:
            d.node(f"{outputs}{t}", column[t], y - 95, f"{outputs}^({t})", "output", size=54)
            d.arrow(f"{states}{t}", f"{outputs}{t}")
    return column


def _values(**lists):
    return {f"{name}{t}": numeral(v, "g") for name, values in lists.items() for t, v in enumerate(values) if v is not None}


def task_chooser(run):
    """The five wirings of one cell, with the numbers of the worked example.

    run  dict of lists in which index t is time step t (None where there is nothing): x, h; one-to-many: h1, y1;
         encoder-decoder: s, y2; bidirectional: g, y3.
    """
    T = len(run["x"]) - 1
    panels = []

    d = Drawing(640, 270)
    _row(d, T, 150, 80, 135, output_at=[T])
    panels.append(
        Panel(
            "Many-to-one",
            d.svg(
                values=_values(x=run["x"], h=run["h"]) | {f"y{T}": numeral(run["h"][T], "g")},
                describe="Unrolled network: three inputs lead into three states in a row; only the last state has an output.",
            ),
            [r"\hid{h^{(t)}} &= \mathrm{cell}\left(\inp{x^{(t)}}, h^{(t-1)}\right)", r"\out{y} &= c + V h^{(T)}"],
            [("in", "(T, N, D)"), ("out", "(N, O), one for a whole sequence"), ("example", "the temperature in 24 hours from the last 96; is this review friendly or not?")],
            "The last state is a summary of everything. Only it is read.",
        )
    )  # fmt: skip

    d = Drawing(640, 270)
    _row(d, T, 150, 80, 135, input_at=[1])
    for t in range(1, T):
        d.arrow(f"y{t}", f"h{t + 1}", role="output")
    panels.append(
        Panel(
            "One-to-many",
            d.svg(
                values=_values(x=run["x"][:2], h=run["h1"], y=run["y1"]),
                describe="Unrolled network: one input leads into the first state. Each state has an output, and each output leads into the next state as its input.",
            ),
            [r"\hid{h^{(t)}} &= \mathrm{cell}\left(\inp{x^{(t)}}, h^{(t-1)}\right)", r"\out{y^{(t)}} &= c + V h^{(t)}, \quad \inp{x^{(t+1)}} = \out{y^{(t)}}"],
            [("in", "(N, D), one vector"), ("out", "(n, N, D), as many as you ask for"), ("example", "music from its first note; a caption from the vector of an image")],
            "After the first input the network hears itself: each output is the next input, so outputs look like inputs.",
        )
    )  # fmt: skip

    d = Drawing(640, 270)
    _row(d, T, 150, 80, 135)
    panels.append(
        Panel(
            "Many-to-many",
            d.svg(
                values=_values(x=run["x"], h=run["h"], y=[None, *run["h"][1:]]),
                describe="Unrolled network: each of three inputs leads into a state, each state into the next and into an output.",
            ),
            [r"\hid{h^{(t)}} &= \mathrm{cell}\left(\inp{x^{(t)}}, h^{(t-1)}\right)", r"\out{y^{(t)}} &= c + V h^{(t)}"],
            [("in", "(T, N, D)"), ("out", "(T, N, O), as many outputs as inputs"), ("example", "named entity recognition: for each word, is it part of a name?")],
            "An output for every input, at once: output t has seen the inputs 1 to t and none of the later ones.",
        )
    )  # fmt: skip

    d = Drawing(690, 270)
    step = 92
    _row(d, T, step, 42, 135, output_at=[])
    column = {t: 42 + step * (T + t) for t in range(1, T + 1)}
    for t in range(1, T + 1):
        d.node(f"s{t}", column[t], 135, f"s^({t})", "hidden", size=54)
        d.node(f"y{t}", column[t], 40, f"y^({t})", "output", size=54)
        d.arrow(f"s{t - 1}" if t > 1 else f"h{T}", f"s{t}")
        d.arrow(f"s{t}", f"y{t}")
        if t > 1:
            d.arrow(f"y{t - 1}", f"s{t}", role="output")
    d.node("start", column[1], 230, "start", "input", size=54)
    d.arrow("start", "s1")
    panels.append(
        Panel(
            "Encoder-decoder",
            d.svg(
                values=_values(x=run["x"], h=run["h"], s=[None, *run["s"][1:]], y=run["y2"]) | {"start": numeral(run["start"], "g")},
                describe="Unrolled network of two parts. The encoder reads three inputs. Its last state leads into the first state of the decoder, "
                "which also reads a start symbol. Each decoder state has an output that leads into the next decoder state.",
            ),
            [r"\hid{h^{(t)}} &= \mathrm{encoder}\left(\inp{x^{(t)}}, h^{(t-1)}\right)", r"\hid{s^{(t)}} &= \mathrm{decoder}\left(\out{y^{(t-1)}}, s^{(t-1)}\right)", r"\hid{s^{(0)}} &= h^{(T)}, \quad \out{y^{(t)}} = c + V s^{(t)}"],
            [("in", "(T, N, D)"), ("out", "(n, N, O), another length than the input's"), ("example", "translation; a summary of a text")],
            "A many-to-one followed by a one-to-many. Everything that the decoder learns about the input passes through one state.",
        )
    )  # fmt: skip

    d = Drawing(590, 380)
    place = {t: 150 * t - 65 for t in range(1, T + 1)}
    for t in place:
        d.node(f"x{t}", place[t], 340, f"x^({t})", "input", size=54)
        d.node(f"h{t}", place[t] - 34, 235, f"h^({t})", "hidden", size=54)
        d.node(f"g{t}", place[t] + 34, 145, f"g^({t})", "hidden", size=54)
        d.node(f"y{t}", place[t], 40, f"y^({t})", "output", size=54)
        for source, target in ((f"x{t}", f"h{t}"), (f"x{t}", f"g{t}"), (f"h{t}", f"y{t}"), (f"g{t}", f"y{t}")):
            d.arrow(source, target)
    for t in range(1, T):
        d.arrow(f"h{t}", f"h{t + 1}")
        d.arrow(f"g{t + 1}", f"g{t}")
    d.text("forward", 510, 235, "forward")
    d.text("backward", 545, 145, "backward")
    panels.append(
        Panel(
            "Bidirectional",
            d.svg(
                values=_values(x=run["x"], h=[None, *run["h"][1:]], g=run["g"], y=run["y3"]),
                describe="Unrolled network with two rows of states. In the lower row arrows lead from left to right, in the upper row from right "
                "to left. Each input leads into both rows, and each output is read from both.",
            ),
            [r"\hid{h^{(t)}} &= \mathrm{forward}\left(\inp{x^{(t)}}, h^{(t-1)}\right)", r"\hid{g^{(t)}} &= \mathrm{backward}\left(\inp{x^{(t)}}, g^{(t+1)}\right)", r"\out{y^{(t)}} &= c + V_h h^{(t)} + V_g g^{(t)}"],
            [("in", "(T, N, D)"), ("out", "(T, N, O), as many outputs as inputs"), ("example", "named entity recognition that may look ahead; speech recognition")],
            "Two cells, one for each direction. Every output has seen the whole sequence, so the whole sequence must be there before the first output.",
        )
    )  # fmt: skip
    return Chooser(panels, "One cell, five wirings: choose a task")


# What an output can know -------------------------------------------------------------------------


def reach_maps(maps):
    """Square maps: row t, column t' is filled where output t depends on input t'."""
    fig, axes = plt.subplots(1, len(maps), figsize=(6.6, 2.7))
    for ax, (title, m) in zip(axes, maps.items(), strict=True):
        T, m = len(m), np.abs(np.asarray(m))
        ax.imshow(np.where(m > 1e-12, 1.0, np.nan), cmap="Greens", vmin=0, vmax=1.5)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="input t′", xticks=range(T), yticks=range(T))
        ax.set_xticklabels(range(1, T + 1)), ax.set_yticklabels(range(1, T + 1))
        ax.spines[:].set_visible(False)
        ax.set_xticks(np.arange(T + 1) - 0.5, minor=True), ax.set_yticks(np.arange(T + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="0.8", lw=0.6)
        ax.tick_params(which="both", length=0)
    axes[0].set_ylabel("output t")
    return fig


READOUTS = ("a readout for each step", "one readout for all steps")


def reversal_errors(T=8, H=40, N=3000, networks=10):
    """Mean squared error at each step of readouts that turn a sequence around, on sequences not used for fitting.

    The cells are fixed: random ones, and a decoder whose matrix is the inverse of its encoder's. Readouts are fitted by
    least squares. Returns, for each of READOUTS, a dict from the wiring to an array (networks, T).
    """
    errors = {readout: {} for readout in READOUTS}
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(T, 2 * N))
        target = x[::-1]
        (there, W), (back, _) = (_states(sequence, H, rng) for sequence in (x, target))
        decoded = [there[-1]]
        for _ in range(T - 1):
            decoded.append(np.tanh(decoded[-1] @ W.T))  # W is orthogonal: its transpose undoes it
        wirings = {
            "one direction": there,
            "both directions": np.concatenate([there, back[::-1]], axis=2),
            "encoder-decoder": np.array(decoded),
        }
        for name, states in wirings.items():
            f = np.concatenate([states, np.ones((T, 2 * N, 1))], axis=2)
            own = [np.linalg.lstsq(f[t, :N], target[t, :N], rcond=1e-4)[0] for t in range(T)]
            shared = np.linalg.lstsq(f[:, :N].reshape(T * N, -1), target[:, :N].ravel(), rcond=1e-4)[0]
            for readout, w in zip(READOUTS, (own, [shared] * T), strict=True):
                row = [np.mean((f[t, N:] @ w[t] - target[t, N:]) ** 2) for t in range(T)]
                errors[readout].setdefault(name, []).append(row)
    return {readout: {name: np.array(rows) for name, rows in found.items()} for readout, found in errors.items()}


def _states(x, H, rng):
    """The states (T, N, H) of a random cell that has read x (T, N), and its matrix, which is orthogonal."""
    u, W = 0.05 * rng.normal(size=H), np.linalg.qr(rng.normal(size=(H, H)))[0]
    h, path = np.zeros((x.shape[1], H)), []
    for x_t in x:
        h = np.tanh(x_t[:, None] * u + h @ W)
        path.append(h)
    return np.array(path), W


def plot_reversal(errors):
    """Median over the networks at each step, with the range as a band; a panel for each kind of readout."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.3), sharey=True)
    styles = {"one direction": ("loss", "o-"), "both directions": ("hidden", "s--"), "encoder-decoder": ("output", "^:")}
    for ax, (readout, found) in zip(axes, errors.items(), strict=True):
        for name, rows in found.items():
            role, style = styles[name]
            t = np.arange(1, rows.shape[1] + 1)
            ax.fill_between(t, rows.min(0), rows.max(0), color=PALETTE[role][0], alpha=0.2, lw=0)
            ax.plot(t, np.median(rows, axis=0), style, color=PALETTE[role][0], label=name)
        ax.axhline(1, color="0.6", lw=1)
        ax.set(title=readout, xlabel="output step t", ylim=(-0.05, 1.2), xticks=t)
    axes[0].set_ylabel("mean squared error")
    axes[1].annotate("always guessing 0", (8, 1.02), ha="right", va="bottom", fontsize=10)
    axes[0].legend(loc=(0.01, 0.3), fontsize=9, handlelength=1.4, handletextpad=0.4)
    return fig


# CTC ---------------------------------------------------------------------------------------------


def ctc_stepper(path="hh-e-ll-lo", blank="-"):
    """The collapse of a path, one symbol at a time."""
    width = 60
    d = Drawing(width * len(path) + 20, 250)
    word, kept = "", {}
    for t, symbol in enumerate(path):
        role = "muted" if symbol == blank else "hidden"
        d.node(f"p{t}", 10 + width * (t + 0.5), 60, symbol, role, "box", (44, 44))
        d.text(f"t{t}", 10 + width * (t + 0.5), 18, str(t + 1))
        if symbol != blank and (t == 0 or symbol != path[t - 1]):
            kept[t] = f"w{len(word)}"
            word += symbol
    for k, symbol in enumerate(word):
        d.node(f"w{k}", 10 + width * (k + 0.5 + (len(path) - len(word)) / 2), 195, symbol, "output", "box", (44, 44))
    for t, name in kept.items():
        d.arrow(f"p{t}", name)
    letters = [f"w{k}" for k in range(len(word))]
    frames, said = [], ""

    def frame(equation, sentence, seen, active=()):
        shown = {name for t, name in kept.items() if t < seen}
        hidden = [name for name in letters if name not in shown]
        hidden += [f"p{t}->{name}" for t, name in kept.items() if t >= seen]
        faint = [f"p{t}" for t in range(seen) if t not in kept]
        describe = f"The path {' '.join(path)} in boxes. Read so far: {' '.join(path[:seen]) or 'nothing'}. Written below: {said or 'nothing'}."
        frames.append(Frame(d.svg(active=active, hidden=hidden, dim=faint, describe=describe), equation, sentence))

    frame(
        r"\mathcal{B} = \text{merge what repeats, then delete the blanks}",
        f"The network said one symbol at each of {len(path)} steps. A hyphen is the blank. Step forward to read the path.",
        0,
    )
    for t, symbol in enumerate(path):
        here = [f"p{t}"]
        if t in kept:
            said += symbol
            here += [kept[t], f"p{t}->{kept[t]}"]
            if t > 1 and path[t - 1] == blank and said[-2:] == symbol * 2:
                why = f"{symbol} again, and a blank lies between: this is a second {symbol}. Without the blank a double letter could not be said."
            else:
                why = f"A new symbol: {symbol} is written."
        elif symbol == blank:
            why = "The blank writes nothing. It only ends what came before."
        else:
            why = f"The same symbol as in the step before: this is still the same {symbol}, held for longer."
        frame(rf"t = {t + 1}: \qquad \out{{\text{{{said}}}}}", why, t + 1, here)
    without = path.replace(blank, "")
    wrong = "".join(c for k, c in enumerate(without) if k == 0 or c != without[k - 1])
    frame(
        rf"\mathcal{{B}}(\text{{{path}}}) = \out{{\text{{{word}}}}}",
        f"{len(path)} steps have become {len(word)} letters. Had we deleted the blanks first and merged afterwards, the answer would be {wrong}.",
        len(path), letters,
    )  # fmt: skip
    return Stepper(frames, "The CTC collapse")
