"""The drawings of lesson 08: the way back through the cell, the routes of c and y, the sums over time, the reach."""

import unicodedata

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.lstm_cell import GATES, PEEPHOLES, STATES, Pictures, forward_numbers, pictures
from byhand.numerals import factor, numeral
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper

BARS = ("z", "i", "f", "o")
LATEX = {"z": r"\bar{z}", "i": r"\bar{\imath}", "f": r"\bar{f}", "o": r"\bar{o}"}
CIRCUIT = 0  # the first of the two pictures: one alone leaves room for the equation beside it


def cell():
    """Both pictures of the cell, with the arrow to its own loss."""
    return pictures(loss=True, describe="the LSTM cell with peepholes, without numbers.")


# The way back through one step


def backward_stepper(steps, d, p, Delta):
    """One step back through the cell, t = 2 of the worked example.

    steps  the list of lstm_cell.forward_numbers: index t is time step t
    d      a list in which index t is a dict of the gradients of step t: y, o_bar, c, f_bar, i_bar, z_bar
    p      the parameters
    Delta  index t: gradient at y^(t) of the loss of step t
    """
    s, after = steps[2], steps[3]
    e, e3 = d[2], d[3]
    known = {}  # gradients that are found, by node, as the drawing of step 2 shows them
    frames = []

    def frame(equation, sentence, gradient=(), step=2, extra=None):
        values = {name: numeral(steps[step][name][0], "g" if name == "x" else ".4f") for name in STATES}
        here = dict(known) if step == 2 else {}
        gradients = here | (extra or {})
        loss = step == 2
        drawing = pictures(
            gradient=gradient, values=values, gradients=gradients, loss=loss,
            describe=f"the cell of step {step}. Purple: {', '.join(gradient) or 'nothing yet'}. "
            + "; ".join(f"gradient at {name}: {text}" for name, text in gradients.items()),
        )[CIRCUIT]  # fmt: skip
        frames.append(Frame(_at_step(drawing, step), _lines(equation), sentence))

    three = {f"{k}_bar": _g(e3[f"{k}_bar"][0]) for k in BARS}
    frame(
        [
            r"c^{(2)} &= z^{(2)} \odot i^{(2)} + c^{(1)} \odot f^{(2)}",
            rf"&= {_v(s['z'])} \odot {_v(s['i'])} + {_v(s['c_prev'])} \odot {_v(s['f'])}",
            rf"&= {_v(s['c'])}",
        ],
        "The cell of step 2 after the forward pass, with the numbers of its first entry; the equations below show both. The gradient "
        "has to come back through here. Two things arrive from outside: the loss of this step, and everything that step 3 sends.",
    )
    frame(
        [
            r",\quad ".join(rf"\grad{{\delta {LATEX[k]}^{{(3)}}}} = {_v(e3[k + '_bar'])}" for k in pair)
            for pair in ("zi", "fo")
        ],
        "This is the next cell, that of step 3, and it is done already: the gradients at its four sums and at its cell are there. It was worked out as step 2 "
        "will be now, with zeros for everything beyond the end. Our $y^{(2)}$ "
        "and $c^{(2)}$ stand on its left: here they are the old ones.",
        [f"{k}_bar" for k in BARS], step=3, extra=three | {"c": _g(e3["c"][0])},
    )  # fmt: skip
    back = {k: p["R" + k].T @ e3[f"{k}_bar"] for k in BARS}
    frame(
        [
            r"\grad{\delta y^{(2)}} &= \loss{\Delta^{(2)}} + \sum_\star \par{R_\star^\top}\,\grad{\delta\bar{\star}^{(3)}}",
            rf"&= {_v(Delta[2])} + {_v(back['z'])} + {_v(back['i'])}",
            rf"&\quad + {_v(back['f'])} + {_v(back['o'])} = \grad{{{_v(e['y'])}}}",
        ],
        "First $y^{(2)}$. In step 3 it entered all four sums, so four arrows bring something back; they stand here in the order z, i, f, o, and the "
        "picture shows what they bring together. The first term is the only one that stays in step 2: the gradient of its own loss.",
        ["y_prev", *(f"y_prev->{k}_bar" for k in BARS), *(f"{k}_bar" for k in BARS)], step=3,
        extra=three | {"y_prev": _g(sum(back[k][0] for k in BARS))},
    )  # fmt: skip
    known["y"] = _g(e["y"][0])
    frame(
        rf"\grad{{\delta y^{{(2)}}}} = \grad{{{_v(e['y'])}}}",
        "Back in step 2. From its own loss and from step 3 everything has arrived at $y^{(2)}$ and has been added up. Now the cell's "
        "inside can begin.",
        ["y", "y->J", "J", "y->y_next", "y_next"],
    )
    known["o_bar"] = _g(e["o_bar"][0])
    frame(
        [
            r"\grad{\delta \bar{o}^{(2)}} &= \grad{\delta y^{(2)}} \odot \tanh(c^{(2)}) \odot o^{(2)} \odot (1 - o^{(2)})",
            rf"&= {_v(e['y'])} \odot {_v(s['tanh_c'])} \odot {_v(s['o'])} \odot {_v(1 - s['o'])}",
            rf"&= \grad{{{_v(e['o_bar'])}}}",
        ],
        r"The output gate. $\bar{o}^{(2)}$ has a single arrow: by way of $o$ into $y^{(2)}$. Its partner in the product is $\tanh c$; the slope of "
        "the sigmoid is $o(1-o)$.",
        ["y", "o", "o_bar", "o->y", "o_bar->o"],
    )
    terms = _terms_of_c(steps, d, p, 2)
    frame(
        [
            r"\text{1.}\quad &\grad{\delta y^{(2)}} \odot o^{(2)} \odot \left(1 - \tanh^2 c^{(2)}\right)",
            rf"&= {_v(e['y'])} \odot {_v(s['o'])} \odot {_v(1 - s['tanh_c'] ** 2)} = \grad{{{_v(terms[0])}}}",
        ],
        "Now the cell, which five arrows leave. The first: through its own tanh into $y^{(2)}$. On this arrow $o$ is a factor that stands still. That "
        "$o$ depends on the cell too is the business of another arrow, the next one.",
        ["y", "tanh_c", "c", "tanh_c->y", "c->tanh_c"], extra={"c": _g(terms[0][0])},
    )  # fmt: skip
    frame(
        [
            r"\text{2.}\quad &\par{p_o} \odot \grad{\delta \bar{o}^{(2)}}",
            rf"&= {_v(p['po'], 'g')} \odot {_v(e['o_bar'])} = \grad{{{_v(terms[1])}}}",
        ],
        "The second: through the peephole into the output gate of the same step. The gradient at the head of this arrow, "
        r"$\delta \bar{o}^{(2)}$, is known already: that is why the output gate came first. The number at the cell is the sum so far.",
        ["o_bar", "c", "c->o_bar"], extra={"c": _g(terms[0][0] + terms[1][0])},
    )  # fmt: skip
    frame(
        [
            rf"\text{{3.}}\quad &\grad{{\delta c^{{(3)}}}} \odot f^{{(3)}} = {_v(e3['c'])} \odot {_v(after['f'])} = \grad{{{_v(terms[2])}}}",
            rf"\text{{4.}}\quad &\par{{p_i}} \odot \grad{{\delta {LATEX['i']}^{{(3)}}}} = {_v(p['pi'], 'g')} \odot {_v(e3['i_bar'])} = \grad{{{_v(terms[3])}}}",
            rf"\text{{5.}}\quad &\par{{p_f}} \odot \grad{{\delta {LATEX['f']}^{{(3)}}}} = {_v(p['pf'], 'g')} \odot {_v(e3['f_bar'])} = \grad{{{_v(terms[4])}}}",
        ],
        "The other three lie in step 3, where our cell is the old one; what stands at it here is their sum. Straight along the highway into $c^{(3)}$, with the forget gate of step 3 as a factor; and "
        r"through two peepholes. The forget gate's has the weight $p_f$, not $p_i$.",
        ["c_prev", "c", "cf", "c_prev->cf", "cf->c", "i_bar", "f_bar", "c_prev->i_bar", "c_prev->f_bar"], step=3,
        extra={k: three[k] for k in ("i_bar", "f_bar")} | {"c": _g(e3["c"][0]), "c_prev": _g(sum(t[0] for t in terms[2:]))},
    )  # fmt: skip
    known["c"] = _g(e["c"][0])
    frame(
        [
            r"\grad{\delta c^{(2)}} &= " + " + ".join(_v(t) for t in terms[:3]),
            r"&\quad + " + " + ".join(_v(t) for t in terms[3:]) + rf" = \grad{{{_v(e['c'])}}}",
        ],
        "Five arrows, five terms, one sum. It is the heart of the LSTM's way back: whatever was written into the cell will now be told how much it "
        "mattered, at this step and at all later ones.",
        ["c", "y", "tanh_c", "o_bar", "c_next", "tanh_c->y", "c->tanh_c", "c->o_bar", "c->c_next"],
    )
    partner = {"f": ("c_prev", "c^{(1)}"), "i": ("z", "z^{(2)}"), "z": ("i", "i^{(2)}")}
    highway = {"f": "cf", "i": "zi", "z": "zi"}
    says = {
        "f": "The forget gate. From the cell back to the product $c \\odot f$: the partner of $f$ there is the old cell $c^{(1)}$, what could be forgotten. Then "
        "through the sigmoid.",
        "i": "The input gate. Its partner is the block input $z$. Here $z_1$ is nearly 0: where there is nothing to let in, the gate hardly matters, and its "
        "gradient is small.",
        "z": "The block input. Its partner is the input gate, and its activation is tanh, with the slope $1 - z^2$. The derivative is taken with respect to "
        r"$\bar{z}$; a slip that one reads here is $\partial^{+} c/\partial \bar{\imath}$.",
    }
    for k in "fiz":
        name, symbol = partner[k]
        v = s[k]
        slope, symbols = (
            (1 - v**2, r"\left(1 - (z^{(2)})^2\right)")
            if k == "z"
            else (v * (1 - v), rf"{k}^{{(2)}} \odot (1 - {k}^{{(2)}})")
        )
        known[f"{k}_bar"] = _g(e[f"{k}_bar"][0])
        frame(
            [
                rf"\grad{{\delta {LATEX[k]}^{{(2)}}}} &= \grad{{\delta c^{{(2)}}}} \odot {symbol} \odot {symbols}",
                rf"&= {_v(e['c'])} \odot {_v(s[name])} \odot {_v(slope)} = \grad{{{_v(e[k + '_bar'])}}}",
            ],
            says[k],
            ["c", f"{highway[k]}->c", highway[k], f"{k}->{highway[k]}", k, f"{k}_bar->{k}", f"{k}_bar"],
        )  # fmt: skip
    dx = {k: p["W" + k].T @ e[f"{k}_bar"] for k in BARS}
    known["x"] = _g(sum(dx.values())[0])
    frame(
        [
            r"\grad{\delta x^{(2)}} &= \sum_\star \par{W_\star^\top}\,\grad{\delta\bar{\star}^{(2)}}",
            "&= " + " + ".join(factor(dx[k][0]) for k in BARS) + rf" = \grad{{{sum(dx.values())[0]:.4f}}}",
        ],
        "All four sums have their gradient, and so everything that entered them can be served. The input, by four arrows, in the order z, i, f, o. "
        "(Were there a layer below, this would be what it gets.)",
        ["x", *(f"x->{k}_bar" for k in BARS), *(f"{k}_bar" for k in BARS)],
    )
    back = {k: p["R" + k].T @ e[f"{k}_bar"] for k in BARS}
    known["y_prev"] = _g(sum(back[k][0] for k in BARS))
    frame(
        [
            r"\grad{\delta y^{(1)}} &= \loss{\Delta^{(1)}} + \sum_\star \par{R_\star^\top}\,\grad{\delta\bar{\star}^{(2)}}",
            rf"&= {_v(Delta[1])} + {_v(back['z'])} + {_v(back['i'])}",
            rf"&\quad + {_v(back['f'])} + {_v(back['o'])} = \grad{{{_v(d[1]['y'])}}}",
        ],
        "And the output of the step before, the one that the article calls the most difficult. It is what we began with, one step earlier: four arrows, and the "
        "gradient of its own loss. The number in the picture is what the four arrows bring.",
        ["y_prev", *(f"y_prev->{k}_bar" for k in BARS), *(f"{k}_bar" for k in BARS)],
    )
    three = e["c"] * s["f"], p["pi"] * e["i_bar"], p["pf"] * e["f_bar"]
    known["c_prev"] = _g(sum(three)[0])
    frame(
        [
            rf"&\grad{{\delta c^{{(2)}}}} \odot f^{{(2)}} + \par{{p_i}} \odot \grad{{\delta {LATEX['i']}^{{(2)}}}} + \par{{p_f}} \odot \grad{{\delta {LATEX['f']}^{{(2)}}}}",
            "&= " + " + ".join(_v(t) for t in three) + rf" = \grad{{{_v(sum(three))}}}",
        ],
        "Last, three of the five terms of $\\delta c^{(1)}$. The other two belong to step 1, which is next: the same walk with other numbers. At step 1 the old "
        "states are $y^{(0)}$ and $c^{(0)}$; what arrives there are their gradients, and the walk is over.",
        ["c_prev", "c_prev->cf", "cf", "cf->c", "c", "c_prev->i_bar", "c_prev->f_bar", "i_bar", "f_bar"],
    )
    return Stepper(frames, "One step back through the LSTM cell")


def whole_step(steps, d, t=2):
    """Both pictures of the cell with the values and all gradients of one step (of the first entry)."""
    values = {name: numeral(steps[t][name][0], "g" if name == "x" else ".4f") for name in STATES}
    gradients = {name: _g(d[t][name][0]) for name in ("y", "o_bar", "c", "f_bar", "i_bar", "z_bar")}
    lit = [*gradients, "o->y", "o_bar->o", "tanh_c->y", "c->tanh_c", "c->o_bar", "cf->c", "zi->c", "f->cf", "i->zi", "z->zi",
           "f_bar->f", "i_bar->i", "z_bar->z"]  # fmt: skip
    both = pictures(gradient=lit, values=values, gradients=gradients, loss=True)
    return Pictures(_at_step(svg, t) for svg in both)


# The routes of c and of y


def _terms_of_c(steps, d, p, t):
    s, e, after, ahead = steps[t], d[t], steps[t + 1], d[t + 1]
    return [
        e["y"] * s["o"] * (1 - s["tanh_c"] ** 2), p["po"] * e["o_bar"],
        ahead["c"] * after["f"], p["pi"] * ahead["i_bar"], p["pf"] * ahead["f_bar"],
    ]  # fmt: skip


def routes_of_c_and_y(steps, d, p, Delta):
    """A stepper: the five routes of c^(2) and the five of y^(2), first entry, grouped by the arrow with which they begin."""
    e, ahead, after, s = d[2], d[3], steps[3], steps[2]
    terms = [float(t[0]) for t in _terms_of_c(steps, d, p, 2)]
    # Head: its label, the total derivative there, the immediate derivative along the arrow, the same in LaTeX, the sentence.
    heads = {
        "y": ("y^(2)", e["y"][0], s["o"][0] * (1 - s["tanh_c"][0] ** 2), r"\frac{\partial^{+} y^{(2)}}{\partial c^{(2)}} &= o^{(2)} (1 - \tanh^2 c^{(2)})",
              "into $y^{(2)}$, in the slot of the tanh. The other slot, $o$, is held fixed."),
        "o_bar": ("ō\u200a^(2)", e["o_bar"][0], p["po"][0], r"\frac{\partial^{+} \bar{o}^{(2)}}{\partial c^{(2)}} &= p_o",
                  "by the peephole into the output gate of this same step. This is where it is accounted for that $o$ depends on $c$."),
        "c": ("c^(3)", ahead["c"][0], after["f"][0], r"\frac{\partial^{+} c^{(3)}}{\partial c^{(2)}} &= f^{(3)}",
              "along the highway, in the slot of the old cell; $f^{(3)}$ is held fixed."),
        "i_bar": ("ī\u200a^(3)", ahead["i_bar"][0], p["pi"][0], r"\frac{\partial^{+} \bar{\imath}^{(3)}}{\partial c^{(2)}} &= p_i",
                  "by the peephole into the next input gate."),
        "f_bar": ("f̄\u200a^(3)", ahead["f_bar"][0], p["pf"][0], r"\frac{\partial^{+} \bar{f}^{(3)}}{\partial c^{(2)}} &= p_f",
                  "by the peephole into the next forget gate."),
    }  # fmt: skip
    g = _fan("c^(2)", "hidden", {name: label for name, (label, *_) in heads.items()})
    frames = [Frame(
        g.svg(describe="From c(2) arrows lead to y(2), to the output gate's sum of step 2, to c(3), and to the sums of the input and the "
              "forget gate of step 3; from each of them an arrow to J."),
        r"\frac{dJ}{dc^{(2)}} = \sum_{v} \grad{\frac{dJ}{dv}}\cdot \frac{\partial^{+} v}{\partial c^{(2)}}",
        "The cell $c^{(2)}$ acts directly on five variables $v$, and on no others. The arrow from one of these to $J$ stands here for all routes from there, "
        "however long: their sum is the total derivative at that variable, which we know.",
    )]  # fmt: skip
    so_far = 0.0
    for n, (name, (_, total, local, latex, where)) in enumerate(heads.items(), 1):
        so_far += terms[n - 1]
        frames.append(Frame(
            g.svg(
                gradient=["u", name, "J", f"u->{name}", f"{name}->J"],
                gradients={f"u->{name}": numeral(local), f"{name}->J": _g(total)},
                describe=f"Route {n} of c(2): by {name} to J. Local derivative {local:.4f}, total derivative at its head {total:.4f}.",
            ),
            _lines([
                latex + rf" = {local:.4f}",
                rf"\grad{{{total:.4f}}} \cdot {factor(local)} &= \grad{{{terms[n - 1]:.4f}}}, \qquad \text{{sum so far: }} {so_far:.4f}",
            ]),
            f"Arrow {n} of 5: {where}",
        ))  # fmt: skip
    frames.append(Frame(
        g.svg(gradient=["u", "J", *heads, *g.arrows], gradients={f"{n}->J": _g(heads[n][1]) for n in heads},
              describe="All five routes of c(2) together."),
        _lines([
            r"\grad{\delta c^{(2)}_1} &= " + " + ".join(factor(t) for t in terms),
            rf"&= \grad{{{sum(terms):.4f}}}",
        ]),
        "Together: five arrows, five terms. Without peepholes three of them would be gone, and only the arrows into $y^{(2)}$ and along the highway "
        "would be left.",
    ))  # fmt: skip
    h = _fan(
        "y^(2)",
        "output",
        {k: f"{k}̄\u200a^(3)" for k in ("z", "i")} | {"J": ""} | {k: f"{k}̄\u200a^(3)" for k in ("f", "o")},
    )
    frames.append(Frame(
        h.svg(gradient=["u", "J", "u->J"], gradients={"u->J": _g(Delta[2][0])}, describe="y(2) has an arrow straight to J and four to the sums of step 3."),
        rf"\loss{{\Delta^{{(2)}}_1}} = y_1^{{(2)}} - \text{{target}}_1^{{(2)}} = {Delta[2][0]:.4f}",
        "And $y^{(2)}$. One arrow goes straight to $J$, by the loss of its own step: this is the immediate part, and the only one.",
    ))  # fmt: skip
    total = float(Delta[2][0])
    for n, k in enumerate(BARS, 2):
        column, delta = p["R" + k][:, 0], ahead[f"{k}_bar"]
        part = float(column @ delta)
        total += part
        last = r" = \grad{\delta y^{(2)}_1}" if k == "o" else ""
        frames.append(Frame(
            h.svg(gradient=["u", k, "J", f"u->{k}", f"{k}->J"], gradients={f"u->{k}": _g(part)}, describe=f"y(2) by the sum {k}-bar of step 3 to J."),
            _lines([
                rf"\left(\par{{R_{k}^\top}}\,\grad{{\delta {LATEX[k]}^{{(3)}}}}\right)_1 &= {factor(column[0], 'g')}\cdot {factor(delta[0])} + {factor(column[1], 'g')}\cdot {factor(delta[1])} = \grad{{{part:.4f}}}",
                rf"\text{{sum so far}} &= {total:.4f}" + last,
            ]),
            f"Arrow {n} of 5: into the {GATES[k]} of step 3. Here the arrows do not keep the entries apart: $y_1$ is heard by both cells, so the first column "
            f"of $R_{k}$ counts.",
        ))  # fmt: skip
    return Stepper(frames, "The five arrows of c and the five arrows of y")


def _fan(centre, role, heads):
    """One node on the left, arrows from it to those on which it acts directly (labels by name), and from these to J."""
    g = Drawing(620, 380)
    g.node("u", 60, 190, centre, role, size=64)
    g.node("J", 560, 190, "J", "loss", size=56)
    for n, (name, label) in enumerate(heads.items()):
        if name == "J":
            g.arrow("u", "J")
            continue
        bar = _barred(label)
        kind, shape, size = ("output" if name == "y" else "hidden"), "box" if bar else "circle", (72, 44) if bar else 54
        g.node(name, 310, 34 + 78 * n, label, kind, shape=shape, size=size)
        carried = f"R_{name}" if role == "output" else ""
        g.arrow("u", name, carried, role="parameter" if carried else None)
        g.arrow(name, "J")
    return g


# One scalar cell, all routes


def scalar_routes(params, here, after, *, c_prev, Delta, beyond):
    """Every route from every variable of a cell with one entry, over one step and into the next.

    params  the parameters, each one number, by the names of lstm_cell
    here    this step's z, i, f, o, c; after: the next step's; c_prev, Delta: numbers
    beyond  the total derivatives at the variables of the next step: "z+", "i+", "f+", "o+" at its sums, "c+" at its cell
    """
    v = here | {"c_prev": c_prev, "f_next": after["f"]}
    W, R, p = ({k: params[kind + k] for k in "zifo" if kind + k in params} for kind in "WRp")
    d = Drawing(690, 470)
    at = {
        "y_prev": (36, 84, "y^(t−1)", "output"), "x": (36, 204, "x^(t)", "input"), "c_prev": (36, 430, "c^(t−1)", "hidden"),
        "z": (176, 176, "z̄", "hidden"), "i": (176, 246, "ī", "hidden"), "f": (176, 316, "f̄", "hidden"),
        "c": (300, 300, "c^(t)", "hidden"), "o": (300, 90, "ō", "hidden"), "y": (420, 150, "y^(t)", "output"),
        "o+": (552, 40, "ō\u200a^(t+1)", "hidden"), "z+": (552, 122, "z̄\u200a^(t+1)", "hidden"), "i+": (552, 244, "ī\u200a^(t+1)", "hidden"),
        "f+": (552, 328, "f̄\u200a^(t+1)", "hidden"), "c+": (552, 420, "c^(t+1)", "hidden"), "J": (656, 214, "J", "loss"),
    }  # fmt: skip
    for name, (x, y, label, role) in at.items():
        bar = _barred(label)
        d.node(
            name,
            x,
            y,
            label,
            role,
            shape="box" if bar else "circle",
            size=(60 if "+" in name else 44, 38) if bar else 50,
        )
    edges = {}

    # Beside its own arrow, where others run close.
    numbers_at = {("y", "J"): (500, 158), ("y", "i+"): (538, 212), ("z+", "J"): (566, 158)}

    def edge(source, target, number, latex):
        d.arrow(source, target, gradient_at=numbers_at.get((source, target)))

        edges[f"{source}->{target}"] = Edge(float(number), latex)

    for k in ("z", "i", "f", "o"):
        edge("x", k, W[k], rf"W_{k}")
        edge("y_prev", k, R[k], rf"R_{k}")
    edge("c_prev", "c", v["f"], "f")
    edge("c_prev", "i", p["i"], "p_i")
    edge("c_prev", "f", p["f"], "p_f")
    edge("z", "c", v["i"] * (1 - v["z"] ** 2), r"i\,(1 - z^2)")
    edge("i", "c", v["z"] * v["i"] * (1 - v["i"]), r"z\,i\,(1 - i)")
    edge("f", "c", v["c_prev"] * v["f"] * (1 - v["f"]), r"c^{(t-1)}f\,(1 - f)")
    squashed = np.tanh(v["c"])
    edge("c", "y", v["o"] * (1 - squashed**2), r"o\,(1 - \tanh^2 c)")
    edge("c", "o", p["o"], "p_o")
    edge("o", "y", squashed * v["o"] * (1 - v["o"]), r"\tanh c\; o\,(1 - o)")
    edge("y", "J", Delta, r"\Delta")
    for k in ("z", "i", "f", "o"):
        edge("y", f"{k}+", R[k], rf"R_{k}")
    edge("c", "c+", v["f_next"], "f^{(t+1)}")
    edge("c", "i+", p["i"], "p_i")
    edge("c", "f+", p["f"], "p_f")
    for k in ("z", "i", "f", "o"):
        edge(f"{k}+", "J", beyond[f"{k}+"], rf"\delta {LATEX[k]}^{{(t+1)}}")
    edge("c+", "J", beyond["c+"], r"\delta c^{(t+1)}")
    symbols = {"y_prev": "y^{(t-1)}", "x": "x^{(t)}", "c_prev": "c^{(t-1)}", "c": "c^{(t)}", "y": "y^{(t)}"} | {
        k: LATEX[k] for k in BARS
    }
    return RoutePicker(
        Routes(d, edges),
        "Pick a variable of the cell, see its routes to J",
        variables=("o", "c", "f", "i", "z", "y", "x", "y_prev", "c_prev"),
        start="c",
        symbols=symbols,
        describe="An LSTM cell with one entry. From x, y(t-1) and c(t-1) on the left arrows lead to the sums z, i, f and o; from z, i, f and c(t-1) to "
        "c(t); from c(t) to y(t) and to the sum o; from o to y(t). From y(t) to J and to the four sums of step t+1; from c(t) to c(t+1) and to "
        "two sums of step t+1. From each variable of step t+1 one arrow leads to J.",
    )


# The sums over time


def sums_stepper(steps, d, p):
    """What each step pays into the gradients of R_f, p_f and p_o; entry (1, 1) in the drawing, whole arrays in the equations."""
    g = Drawing(670, 424)
    X, T = {1: 216, 2: 396, 3: 576}, 3
    rows = {"R": 46, "pf": 206, "po": 306}
    for t, x in X.items():
        g.node(f"y{t}", x - 44, rows["R"], f"y^({t - 1})", "output", size=56)
        g.node(f"c_prev{t}", x - 44, rows["pf"], f"c^({t - 1})", "hidden", size=56)
        g.node(f"c{t}", x - 44, rows["po"], f"c^({t})", "hidden", size=56)
        g.node(f"f{t}", x + 44, 126, f"δf̄\u200a^({t})", "gradient", shape="box", size=(76, 44))
        g.node(f"o{t}", x + 44, 386, f"δō\u200a^({t})", "gradient", shape="box", size=(76, 44))
        for row, y in rows.items():
            g.node(f"{row}{t}", x + 44, y, f"step {t}", "gradient", shape="box", size=(76, 44))
        for source, row in (("y", "R"), ("c_prev", "pf"), ("c", "po")):
            g.arrow(f"{source}{t}", f"{row}{t}")
        g.arrow(f"f{t}", f"R{t}"), g.arrow(f"f{t}", f"pf{t}"), g.arrow(f"o{t}", f"po{t}")
    for (row, y), label in zip(rows.items(), ("δR_f", "δp_f", "δp_o"), strict=True):
        g.node(f"sum_{row}", 56, y, label, "gradient", shape="box", size=(88, 46))
        g.text(f"is_{row}", 122, y, "=")
    values = {}
    for t in X:
        values |= {
            f"y{t}": numeral(steps[t - 1]["y"][0]),
            f"c_prev{t}": numeral(steps[t - 1]["c"][0]),
            f"c{t}": numeral(steps[t]["c"][0]),
        }
        values |= {f"f{t}": _g(d[t]["f_bar"][0]), f"o{t}": _g(d[t]["o_bar"][0])}
    slots = [f"{row}{t}" for row in rows for t in X]
    frames, paid = [], {}
    sums = {"R": 0.0, "pf": 0.0, "po": 0.0}

    def frame(equation, sentence, active=()):
        drawn = values | paid
        waiting = [name for name in (*slots, *(f"sum_{row}" for row in rows)) if name not in drawn]
        frames.append(Frame(
            g.svg(active=active, dim=waiting, values=drawn,
                  describe="Three columns, one for each step. In each: y and c before the step, c after it, the gradients at the forget and "
                  "output gate's sums, and boxes for what the step pays into dR_f, dp_f and dp_o. "
                  + ", ".join(f"{k} = {text}" for k, text in drawn.items())),
            _lines(equation), sentence,
        ))  # fmt: skip

    frame(
        [
            r"\delta R_f &= \sum_t \grad{\delta\bar{f}^{(t)}} \left(y^{(t-1)}\right)^\top, \qquad \delta p_f = \sum_t c^{(t-1)} \odot \grad{\delta\bar{f}^{(t)}}",
            r"\delta p_o &= \sum_t c^{(t)} \odot \grad{\delta\bar{o}^{(t)}}",
        ],
        "The walk back has left a gradient at every sum of every step. Each is now paired with what its parameter met there. Look at the indices: $R_f$ and "
        "$p_f$ met what came in, $p_o$ met the new cell.",
    )
    for t in (3, 2, 1):
        e, y, c_prev, c = d[t], steps[t - 1]["y"], steps[t - 1]["c"], steps[t]["c"]
        share = {"R": np.outer(e["f_bar"], y), "pf": c_prev * e["f_bar"], "po": c * e["o_bar"]}
        for row, part in share.items():
            number = float(part.flat[0])
            sums[row] += number
            paid |= {f"{row}{t}": _g(number), f"sum_{row}": _g(sums[row])}
        tail = {
            3: "Step 3 pays first, since the walk began there.",
            2: "Step 2 adds its share. Nothing is divided by anything: three uses, three contributions.",
            1: "Step 1 met the states from before the first step, $y^{(0)}$ and $c^{(0)}$. They are not zero here, and they count. Now the sums are complete.",
        }[t]
        frame(
            [
                rf"(\delta R_f)^{{({t})}} &= {_v(e['f_bar'])} {_row(y)} = \grad{{{_matrix(share['R'])}}}",
                rf"(\delta p_f)^{{({t})}} &= {_v(c_prev)} \odot {_v(e['f_bar'])} = \grad{{{_v(share['pf'])}}}",
                rf"(\delta p_o)^{{({t})}} &= {_v(c)} \odot {_v(e['o_bar'])} = \grad{{{_v(share['po'])}}}",
            ],
            tail + " The drawing shows the first entry of each.",
            active=[f"{row}{t}" for row in rows],
        )  # fmt: skip
    R = sum(np.outer(d[t]["f_bar"], steps[t - 1]["y"]) for t in X)
    pf, po = sum(steps[t - 1]["c"] * d[t]["f_bar"] for t in X), sum(steps[t]["c"] * d[t]["o_bar"] for t in X)
    W, b = sum(np.outer(d[t]["f_bar"], steps[t]["x"]) for t in X), sum(d[t]["f_bar"] for t in X)
    frame(
        [
            rf"\delta R_f &= \grad{{{_matrix(R)}}}, \quad \delta W_f = \sum_t \grad{{\delta\bar{{f}}^{{(t)}}}} \left(x^{{(t)}}\right)^\top = \grad{{{_v(W.ravel())}}}",
            rf"\delta p_f &= \grad{{{_v(pf)}}}, \quad \delta p_o = \grad{{{_v(po)}}}, \quad \delta b_f = \grad{{{_v(b)}}}",
        ],
        f"The gradients, whole. $W_f$ is paired with the input, $b_f$ with 1, and the other gates get theirs in the same way. All {T} steps are in; now "
        "the parameters are changed, once.",
        active=[f"sum_{row}" for row in rows],
    )  # fmt: skip
    return Stepper(frames, "Into the sums: what steps 3, 2 and 1 pay")


# Numbers


def table(steps, names=("x", "z_bar", "i_bar", "f_bar", "z", "i", "f", "c", "o_bar", "o", "tanh_c", "y"), first=0):
    """The numbers of the worked example as text, one row for each variable, one column for each step from `first` on."""
    columns = range(first, 4)
    lines = [f"{'':7}" + "".join(f"{'t = ' + str(t):^17}" for t in columns)]
    for name in names:
        cells = (" ".join(f"{n:+.4f}" for n in steps[t].get(name, ())) for t in columns)
        lines.append(f"{name:7}" + "".join(f"{c:^17}" for c in cells))
    return "\n".join(line.rstrip() for line in lines)


def _v(vector, form=".4f"):
    """A column vector as LaTeX."""
    return _matrix([[n] for n in vector], form)


def _row(vector):
    return _matrix([vector])


def _matrix(array, form=".4f"):
    rows = r" \\ ".join(" & ".join(f"{n:{form}}" for n in row) for row in array)
    return rf"\left(\begin{{matrix}} {rows} \end{{matrix}}\right)"


def _barred(label):
    """Whether a letter of the label carries a bar, as pre-activations do."""
    return "\u0304" in unicodedata.normalize("NFD", label)


def _at_step(svg, t):
    """The drawing of the cell with the number of its step in place of t."""
    for old, new in (("(%s−1)", f"({t - 1})"), ("(%s)", f"({t})"), (">%s+1<", f">t={t + 1}<")):
        svg = svg.replace(old % '<tspan class="i">t</tspan>', new)
    return Svg(svg)


def _lines(equation):
    """Several lines, aligned at their first &; a matrix in a line has its own."""
    return equation if isinstance(equation, str) else r"\begin{aligned}" + r" \\ ".join(equation) + r"\end{aligned}"


def _g(number):
    return numeral(number, "+.4f")


# How far the error reaches back


def reach(forget, T=100, H=16, peephole=0.1, networks=5):
    """Norm of the gradient at c^(t), t = 0 ... T, when only the last step has a loss; mean of the logarithms over random cells."""
    norms = np.empty((networks, T + 1))
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        p = {f"W{k}": rng.normal(size=(H, 1)) for k in GATES} | {f"b{k}": np.zeros(H) for k in GATES}
        p |= {f"R{k}": 0.5 * rng.normal(size=(H, H)) / np.sqrt(H) for k in GATES} | {
            f"p{k}": peephole * rng.normal(size=H) for k in PEEPHOLES
        }
        p["bf"] = p["bf"] + forget
        steps = forward_numbers(p, list(0.5 * rng.normal(size=(T, 1))), np.zeros(H), np.zeros(H))
        dy, dc = rng.normal(size=H), np.zeros(H)
        for t in range(T, 0, -1):
            s = steps[t]
            bars = {"o": dy * s["tanh_c"] * s["o"] * (1 - s["o"])}
            dc = dc + dy * s["o"] * (1 - s["tanh_c"] ** 2) + p["po"] * bars["o"]
            norms[seed, t] = np.linalg.norm(dc)
            bars |= {
                "f": dc * s["c_prev"] * s["f"] * (1 - s["f"]),
                "i": dc * s["z"] * s["i"] * (1 - s["i"]),
                "z": dc * s["i"] * (1 - s["z"] ** 2),
            }
            dy = sum(p["R" + k].T @ bars[k] for k in GATES)
            dc = dc * s["f"] + p["pi"] * bars["i"] + p["pf"] * bars["f"]
        norms[seed, 0] = np.linalg.norm(dc)
    norms /= norms[:, -1:]
    return np.exp(np.log(norms).mean(axis=0))


def plot_reach(biases, T=100, peephole=0.1):
    """The size of the gradient at the cell against the distance from the loss, one line for each forget bias."""
    fig, ax = plt.subplots()
    styles = (("loss", "-."), ("output", "--"), ("hidden", "-"), ("input", ":"))
    for (role, dashes), bias in zip(styles, biases, strict=False):
        sizes = reach(bias, T, peephole=peephole)[::-1]
        colour = PALETTE[role][0]
        ax.plot(range(T + 1), sizes, dashes, color=colour)
        ax.annotate(
            f"forget bias {bias:g}",
            (T, sizes[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    ax.axhline(1, color="0.6", lw=1)
    ax.set(yscale="log", xlabel="steps back from the loss", ylabel="size of the gradient at the cell", xlim=(0, T))
    return fig


def reach_player():
    """Sliders for the forget bias and the size of the peepholes; the figure is computed anew for each setting."""
    import ipywidgets as widgets

    bias = widgets.FloatSlider(2.0, min=-2, max=6, step=0.5, description="forget bias", continuous_update=False)
    peephole = widgets.FloatSlider(0.1, min=0.0, max=1.5, step=0.1, description="peepholes", continuous_update=False)

    def draw(bias, peephole):
        plot_reach([bias], peephole=peephole)

    return live_figure(draw, {"bias": bias, "peephole": peephole})
