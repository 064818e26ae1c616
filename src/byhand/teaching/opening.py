"""What the first page of the book shows: one LSTM cell to step through, and the map of the course.

`book/index.md` says where each goes, by `%CELL%`, `%MAP%` and `%UNITS%` on lines of their own.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from textwrap import wrap

import numpy as np

from byhand.drawing import stylesheet
from byhand.lstm_cell import STATES, forward_numbers, pictures
from byhand.stepper import Frame, Stepper
from byhand.teaching.overview import Overview, hours, overviews

# One cell with one unit, numbers that a calculator takes.
WEIGHTS = {
    "Wz": 1.0, "Rz": 0.5, "bz": 0.1,
    "Wi": 0.8, "Ri": -0.4, "pi": 0.5, "bi": 0.0,
    "Wf": -0.6, "Rf": 0.3, "pf": 0.4, "bf": 1.0,
    "Wo": 0.7, "Ro": 0.6, "po": -0.5, "bo": 0.2,
}  # fmt: skip
X, Y0, C0, TARGET = 0.5, 0.3, 0.8, 0.6


def with_figures(text: str, root: Path) -> str:
    """The text of the first page with its figures in place."""
    made = {
        "%CELL%": lambda: _raw(cell_stepper()._repr_html_()),
        "%MAP%": lambda: _raw(course_map(overviews(root))),
        "%UNITS%": lambda: table(overviews(root)),
    }
    for mark, make in made.items():
        if mark in text:
            text = text.replace(mark, make())
    return text


def _raw(html: str) -> str:
    return f"`````{{raw}} html\n{html}\n`````"


# The cell


def numbers() -> tuple[dict, dict]:
    """The variables of the cell in one step, and the gradients of J = ½ (y − target)² (unit 08's equations for one step and one unit)."""
    weights = {name: np.full((1, 1), w) if name[0] in "WR" else np.array([w]) for name, w in WEIGHTS.items()}
    s = forward_numbers(weights, [np.array([X])], np.array([Y0]), np.array([C0]))[1]
    s = {name: float(value[0]) for name, value in s.items()}
    d = {"y": s["y"] - TARGET}
    d["o_bar"] = d["y"] * s["tanh_c"] * s["o"] * (1 - s["o"])
    d["c"] = d["y"] * s["o"] * (1 - s["tanh_c"] ** 2) + WEIGHTS["po"] * d["o_bar"]
    d["f_bar"] = d["c"] * s["c_prev"] * s["f"] * (1 - s["f"])
    d["i_bar"] = d["c"] * s["z"] * s["i"] * (1 - s["i"])
    d["z_bar"] = d["c"] * s["i"] * (1 - s["z"] ** 2)
    return s, d


def cell_stepper() -> Stepper:
    """An LSTM cell with peepholes in one step: forward to the loss, and the gradient's way back."""
    s, d = numbers()
    given = ("x", "y_prev", "c_prev")
    v = {name: f"{value:g}" if name in given else f"{value:.4f}" for name, value in s.items()}
    short = {name: f"{value:g}" if name in given else f"{value:.3f}" for name, value in s.items()}
    e = {name: f"{value:.5f}" for name, value in d.items()}
    g = {name: f"{value:.4f}".replace("-", "−") for name, value in d.items()}
    frames = []

    def frame(equation, sentence, shown=(), gradient=(), back=()):
        drawing = pictures(
            values={name: short[name].replace("-", "−") for name in shown}, gradient=gradient,
            gradients={name: g[name] for name in back}, loss=True, active=(),
        )[0]  # fmt: skip
        frames.append(Frame(drawing, equation, sentence))

    sums = ("x", "y_prev", "c_prev", "z_bar", "i_bar", "f_bar")
    frame(
        "c = z \\odot i + c^{(t-1)} \\odot f",
        "One cell of an LSTM. The line across the top is its memory $c$. Three gates decide what is let in ($i$), what is kept ($f$) and what is shown ($o$).",
    )
    frame(
        rf"\bar{{z}} = {WEIGHTS['bz']} + {WEIGHTS['Wz']:g}\cdot {X} + {WEIGHTS['Rz']}\cdot {Y0} = {v['z_bar']}",
        "Forward, with numbers. The input $x$ and the old output $y^{(t-1)}$ enter four sums; the gates' sums also see the memory.",
        sums,
    )
    frame(
        rf"c = {v['z']}\cdot {v['i']} + {v['c_prev']}\cdot {v['f']} = \hid{{{v['c']}}}",
        "The new memory: something new, weighted by the input gate, plus the old memory, weighted by the forget gate.",
        (*sums, "z", "i", "f", "zi", "cf", "c"),
    )
    frame(
        rf"\loss{{J}} = \tfrac{{1}}{{2}}\,({v['y']} - {TARGET})^2 = \loss{{{0.5 * d['y'] ** 2:.5f}}}",
        f"The output, and the loss: how far it is from what was wanted, {TARGET}. The forward pass is done.",
        STATES,
    )
    frame(
        rf"\grad{{\delta y}} = {v['y']} - {TARGET} = \grad{{{e['y']}}}",
        "Now back, in purple. If the output were a little larger, the loss would change by this much for each unit of change.",
        STATES, ["y", "y->J", "J"], ["y"],
    )  # fmt: skip
    frame(
        rf"\grad{{\delta\bar{{o}}}} = {e['y']}\cdot {v['tanh_c']}\cdot {v['o']}\,(1 - {v['o']}) = \grad{{{e['o_bar']}}}",
        "Each arrow multiplies by its own slope. Through the output gate the gradient reaches the gate's sum.",
        STATES, ["y", "o->y", "o", "o_bar->o", "o_bar"], ["y", "o_bar"],
    )  # fmt: skip
    direct = d["y"] * s["o"] * (1 - s["tanh_c"] ** 2)
    frame(
        rf"\grad{{\delta c}} = {direct:.5f} + ({WEIGHTS['po']})\cdot ({e['o_bar']}) = \grad{{{e['c']}}}",
        "The memory acts on the loss by two routes, through its tanh and through the peephole into the output gate. Routes add up; forget one, and the gradient is wrong.",
        STATES, ["y", "tanh_c->y", "tanh_c", "c->tanh_c", "c", "c->o_bar", "o_bar"], ["y", "o_bar", "c"],
    )  # fmt: skip
    frame(
        [
            rf"\grad{{\delta\bar{{f}}}} &= {e['c']}\cdot {v['c_prev']}\cdot {v['f']}\,(1 - {v['f']}) = \grad{{{e['f_bar']}}}",
            rf"\grad{{\delta\bar{{\imath}}}} &= {e['c']}\cdot {v['z']}\cdot {v['i']}\,(1 - {v['i']}) = \grad{{{e['i_bar']}}}",
            rf"\grad{{\delta\bar{{z}}}} &= {e['c']}\cdot {v['i']}\,(1 - {v['z']}^2) = \grad{{{e['z_bar']}}}",
        ],
        "From the memory it goes on to everything that wrote into it. These are the gradients that torch computes too; in unit 08 you derive them for whole sequences and write them in numpy.",
        STATES,
        ["c", "cf->c", "cf", "f->cf", "f", "f_bar->f", "f_bar", "zi->c", "zi", "i->zi", "i", "i_bar->i", "i_bar", "z->zi", "z", "z_bar->z", "z_bar"],
        ["y", "o_bar", "c", "f_bar", "i_bar", "z_bar"],
    )  # fmt: skip
    return Stepper(frames, "One LSTM cell, forward and back")


# The map

LABEL, BOX, HEIGHT, GAP, BETWEEN, TOP = 112, 138, 80, 14, 34, 4  # pixels; LABEL is the column of the parts' names
TITLE_LETTERS = 18  # what fits a line of a box


def course_map(units: list[Overview]) -> str:
    """The units as boxes that are links, a row for each part, with an arrow from each unit to those that build on it.

    An arrow that a longer way says already is left out: who builds on 05, which builds on 04, builds on 04 too.
    """
    parts = list(dict.fromkeys(unit.part for unit in units))
    rows = {part: [unit for unit in units if unit.part == part] for part in parts}
    place = {
        unit.number: (LABEL + column * (BOX + GAP), TOP + row * (HEIGHT + BETWEEN))
        for row, part in enumerate(parts)
        for column, unit in enumerate(rows[part])
    }
    width = LABEL + max(map(len, rows.values())) * (BOX + GAP) - GAP + 4
    height = TOP + len(parts) * (HEIGHT + BETWEEN) - BETWEEN + 4
    labels = "".join(_label(part, TOP + row * (HEIGHT + BETWEEN)) for row, part in enumerate(parts))
    row_of = {unit.number: parts.index(unit.part) for unit in units}
    arrows, boxes = [], []
    for unit in units:
        # An arrow over more than one row would run behind other boxes; there the box names where it comes from.
        needs = direct_needs(unit, units)
        far = [need for need in needs if row_of[unit.number] - row_of[need] > 1]
        arrows += [_arrow(place[need], place[unit.number]) for need in needs if need not in far]
        boxes.append(_box(unit, far, *place[unit.number]))
    said = "; ".join(f"{u.number} {u.title}" + (f" builds on {', '.join(u.needs)}" if u.needs else "") for u in units)
    return (
        f'<div class="bh byhand-map-figure"><style>{stylesheet()}</style>'
        f'<svg class="bh-svg" role="group" aria-label="The map of the course. {escape(said)}." viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="max-width:{width}px">{"".join(arrows)}{labels}{"".join(boxes)}</svg></div>'
    )


def direct_needs(unit: Overview, units: list[Overview]) -> list[str]:
    """The units that this one builds on directly: less those that another of them builds on."""
    known = {u.number: u for u in units}

    def below(number: str) -> set[str]:
        return {n for need in known[number].needs if need in known for n in {need} | below(need)}

    needs = [need for need in unit.needs if need in known]
    return [need for need in needs if not any(need in below(other) for other in needs)]


def _label(part: str, y: float) -> str:
    number, _, name = part.partition(": ")
    lines = [f'<tspan x="0" y="{y + 14}" font-weight="600">{escape(number)}</tspan>']
    for n, line in enumerate(wrap(name[:1].upper() + name[1:], 14)):
        lines.append(f'<tspan x="0" y="{y + 32 + 16 * n}">{escape(line)}</tspan>')
    return f'<text class="e t">{"".join(lines)}</text>'


def _box(unit: Overview, far: list[str], x: float, y: float) -> str:
    lines = wrap(unit.title, TITLE_LETTERS)
    lines = lines[:1] + ([lines[1] + " …" * (len(lines) > 2)] if len(lines) > 1 else [])
    title = "".join(f'<tspan x="{x + 9}" y="{y + 35 + 17 * n}">{escape(line)}</tspan>' for n, line in enumerate(lines))
    time = f"{hours(unit.lesson_hours)} + {hours(unit.exercise_hours)} h"
    said = f"Unit {unit.number}, {unit.title}: {time}"
    return (
        f'<a href="units/{unit.name}/lesson.html" aria-label="{escape(said)}" class="r-hidden">'
        f'<rect class="n" x="{x}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="7"/>'
        f'<text class="e t" font-weight="600" x="{x + 9}" y="{y + 15}">{unit.number}</text>'
        f'<text class="w v" x="{x + BOX - 8}" y="{y + 15}">{time}</text><text class="e t">{title}</text>'
        + (f'<text class="e v" x="{x + 9}" y="{y + HEIGHT - 9}">← {", ".join(far)}</text>' if far else "")
        + "</a>"
    )


def _arrow(source: tuple[float, float], target: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = source, target
    if y0 == y1:  # within a row: straight to the neighbour, or over the boxes between
        line, head = f"M{x0 + BOX} {y0 + HEIGHT / 2}H{x1 - 7}", f"M{x1 - 8} {y0 + HEIGHT / 2 - 4}l8 4l-8 4z"
        if x1 - x0 > BOX + GAP:
            a, b, over = x0 + 0.8 * BOX, x1 + 0.2 * BOX, y0 - 0.8 * BETWEEN
            line, head = f"M{a} {y0}C{a + 20} {over} {b - 20} {over} {b} {y0 - 6}", f"M{b - 4} {y0 - 7}l4 7l4 -7z"
    else:
        a, b = (x0 + BOX / 2, y0 + HEIGHT), (x1 + BOX / 2, y1)
        bend = min(0.9 * (b[1] - a[1]), 60)
        line = f"M{a[0]} {a[1]}C{a[0]} {a[1] + bend} {b[0]} {b[1] - bend} {b[0]} {b[1] - 6}"
        head = f"M{b[0] - 4} {b[1] - 7}l4 7l4 -7z"
    return f'<g class="r-muted"><path class="f" d="{line}"/><path class="f h" d="{head}"/></g>'


# The table


def table(units: list[Overview]) -> str:
    """The map in words: links to lesson and exercises, what each is about, what it builds on, how long it takes."""
    rows = ["| | Unit | What it is about | Builds on | Hours |", "|:--|:--|:--|:--|:--|"]
    part = None
    for unit in units:
        if unit.part != part:
            part = unit.part
            number, _, name = part.partition(": ")
            rows.append(f"| **{number}** | **{name[:1].upper() + name[1:]}** | | | |")
        at = f"units/{unit.name}"
        rows.append(
            f"| {unit.number} | {{doc}}`{unit.title} <{at}/lesson>` · {{doc}}`exercises <{at}/exercises>` | {unit.about} | "
            f"{', '.join(unit.needs) or 'school'} | {hours(unit.lesson_hours)} + {hours(unit.exercise_hours)} |"
        )
    return "\n".join(rows)
