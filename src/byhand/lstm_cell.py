"""The LSTM cell with peepholes: described once as data, drawn in two ways, and run in numbers.

`VARIABLES` and `EDGES` say what the cell is made of; both pictures are drawn from them with the same names, colours and
labels, and differ in layout only. Names are those of the code: ``f_bar`` is the pre-activation of the forget gate,
``c_prev`` the cell of the step before, ``Wf`` a weight. An edge is named by its ends, ``c_prev->f_bar``.
"""

import json
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

import numpy as np

from .drawing import Drawing, style_html
from .stepper import mathml

# The cell as data


@dataclass(frozen=True)
class Variable:
    name: str
    label: str  # as drawings write it
    latex: str
    role: str
    group: str
    equation: str  # LaTeX; "" for what is given
    meaning: str


@dataclass(frozen=True)
class Edge:
    """One direct dependence. `parameter` is the weight it carries, `label` what is done on it."""

    source: str
    target: str
    parameter: str = ""
    label: str = ""
    peephole: bool = False

    @property
    def name(self) -> str:
        return f"{self.source}->{self.target}"


GATES = {"f": "forget gate", "i": "input gate", "z": "block input", "o": "output gate"}
PEEPHOLES = {"f": "c_prev", "i": "c_prev", "o": "c"}  # whom each gate looks at; the block input has none


def _bold(letter, time="t"):
    return rf"\boldsymbol{{{letter}}}" + (rf"^{{({time})}}" if time else "")


def _bar(k):
    return rf"\bar{{\boldsymbol{{{k}}}}}^{{(t)}}"


def _variables():
    x, y_prev, c_prev = rf"\inp{{{_bold('x')}}}", rf"\out{{{_bold('y', 't-1')}}}", rf"\hid{{{_bold('c', 't-1')}}}"
    y, c = rf"\out{{{_bold('y')}}}", rf"\hid{{{_bold('c')}}}"
    z, i, f, o = (rf"\hid{{{_bold(k)}}}" for k in "zifo")
    old_new = {"c_prev": c_prev, "c": c}

    def add(*parts):
        found[parts[0]] = Variable(*parts)

    found: dict[str, Variable] = {}
    group = "What comes in"
    add("x", "x^(t)", x, "input", group, "", "The input at this time step. All four sums hear it.")
    add("y_prev", "y^(t−1)", y_prev, "output", group, "",
        "The output of the step before. It comes back to all four sums: this is the recurrence.")  # fmt: skip
    add("c_prev", "c^(t−1)", c_prev, "hidden", group, "",
        "The cell of the step before: it enters the highway, and two gates peep at it.")  # fmt: skip
    group = "Sums before the activation"
    for k, what in GATES.items():
        peep = rf" + \par{{\boldsymbol{{p}}_{k}}} \odot {old_new[PEEPHOLES[k]]}" if k in PEEPHOLES else ""
        equation = (
            rf"\hid{{{_bar(k)}}} = \par{{\boldsymbol{{W}}_{k}}} {x} + \par{{\boldsymbol{{R}}_{k}}} {y_prev}"
            rf"{peep} + \par{{\boldsymbol{{b}}_{k}}}"
        )
        looks = {"f": "It looks at the old cell.", "i": "It looks at the old cell.", "z": "It has no peephole."}
        add(f"{k}_bar", f"{k}̄", rf"\hid{{{_bar(k)}}}", "hidden", group, equation,
            f"The pre-activation of the {what}. {looks.get(k, 'It looks at the new cell, so it has to wait for it.')}")  # fmt: skip
    group = "Gates and block input"
    does = {
        "f": "How much of the old cell is kept, entry by entry: near 1 keep, near 0 forget.",
        "i": "How much of the block input is written into the cell.",
        "z": "What could be written into the cell: a value between −1 and 1. It is no gate, for it opens and shuts nothing.",
        "o": "How much of the cell, squashed by tanh, is shown to the outside.",
    }
    for k, what in GATES.items():
        function = r"\tanh" if k == "z" else r"\sigma"
        equation = rf"\hid{{{_bold(k)}}} = {function}\left(\hid{{{_bar(k)}}}\right)"
        add(k, k, rf"\hid{{{_bold(k)}}}", "hidden", group, equation, f"The {what}. {does[k]}")
    group = "The highway"
    add("cf", "c⊙f", rf"{c_prev} \odot {f}", "hidden", group, rf"{c_prev} \odot {f}", "What is kept of the old cell.")
    add("zi", "z⊙i", rf"{z} \odot {i}", "hidden", group, rf"{z} \odot {i}", "What is newly written into the cell.")
    add("c", "c^(t)", c, "hidden", group, rf"{c} = {z} \odot {i} + {c_prev} \odot {f}",
        "The new cell: what is written plus what is kept. It goes on to the next step, to the output, and to the output "
        "gate's peephole.")  # fmt: skip
    group = "What goes out"
    add("tanh_c", "tanh c", rf"\hid{{\tanh {_bold('c')}}}", "hidden", group, rf"\tanh\left({c}\right)",
        "The cell, squashed into the range between −1 and 1.")  # fmt: skip
    add("y", "y^(t)", y, "output", group, rf"{y} = \hid{{\tanh}}\left({c}\right) \odot {o}",
        "The output of the block: read out at this step, and fed back at the next one.")  # fmt: skip
    group = "Parameters"
    for k, what in GATES.items():
        add(f"W{k}", f"W_{k}", rf"\par{{\boldsymbol{{W}}_{k}}}", "parameter", group, found[f"{k}_bar"].equation,
            f"Weighs the input for the {what}. Shape (H, D), shared by all time steps.")  # fmt: skip
        add(f"R{k}", f"R_{k}", rf"\par{{\boldsymbol{{R}}_{k}}}", "parameter", group, found[f"{k}_bar"].equation,
            f"Weighs the last output for the {what}. Shape (H, H), shared by all time steps.")  # fmt: skip
        if k in PEEPHOLES:
            add(f"p{k}", f"p_{k}", rf"\par{{\boldsymbol{{p}}_{k}}}", "parameter", group, found[f"{k}_bar"].equation,
                f"The peephole of the {what}: a vector (H,), so each entry sees its own cell and no other. It looks at the "
                f"{'old' if PEEPHOLES[k] == 'c_prev' else 'new'} cell.")  # fmt: skip
        add(f"b{k}", f"b_{k}", rf"\par{{\boldsymbol{{b}}_{k}}}", "parameter", group, found[f"{k}_bar"].equation,
            f"The bias of the {what}. Shape (H,).")  # fmt: skip
    return found


def _edges():
    found = []
    for k in GATES:
        found.append(Edge("x", f"{k}_bar", f"W{k}"))
        found.append(Edge("y_prev", f"{k}_bar", f"R{k}"))
        if k in PEEPHOLES:
            found.append(Edge(PEEPHOLES[k], f"{k}_bar", f"p{k}", peephole=True))
        found.append(Edge(f"b{k}", f"{k}_bar"))
        found.append(Edge(f"{k}_bar", k, label="tanh" if k == "z" else "σ"))
    pairs = ("c_prev->cf", "f->cf", "z->zi", "i->zi", "cf->c", "zi->c", "c->tanh_c", "tanh_c->y", "o->y",
             "c->c_next", "y->y_next", "y->J")  # fmt: skip
    return {
        edge.name: edge
        for edge in [*found, *(Edge(source, target) for source, target in (pair.split("->") for pair in pairs))]
    }


VARIABLES = _variables()
EDGES = _edges()
STATES = tuple(v for v in VARIABLES if VARIABLES[v].role != "parameter")  # what a forward pass gives a number to
HIGHWAY = ("c_prev->cf", "cf->c", "c->c_next")

# Two layouts

CIRCLE, BAR, SMALL = 56, (68, 48), 25


@dataclass(frozen=True)
class Layout:
    """Where the nodes stand and how the edges run; names like "x@f_bar" are copies of a node beside another."""

    title: str
    width: float
    height: float
    at: dict
    gradients: dict  # where the gradients of the nodes are written
    routes: dict
    shown: dict  # of a node with copies, the copy that shows its number


def _circuit():
    """The cell state runs straight across the top. Three wires at the bottom bring all that the sums hear."""
    column, bar = {"f": 116, "i": 198, "z": 280, "o": 446}, 332
    at = {
        "c_prev": (34, 56), "cf": (116, 56), "c": (239, 56), "c_next": (508, 56), "zi": (239, 140),
        "tanh_c": (370, 140), "y": (446, 140), "y_next": (508, 140), "J": (502, 200),
        "y_prev": (34, 424), "x": (34, 486),
    }  # fmt: skip
    gradients = {
        "c_prev": (34, 14), "cf": (116, 14), "c": (239, 14), "c_next": (504, 82), "zi": (292, 128), "tanh_c": (370, 179),
        "y": (486, 102), "y_next": (504, 165), "y_prev": (82, 408), "x": (82, 470),
        "f": (80, 190), "i": (168, 188), "z": (286, 183), "o": (504, 238),
    }  # fmt: skip
    wire = {"c_prev": 390, "y_prev": 424, "x": 486}
    tap = {"c_prev": -23, "y_prev": 0, "x": 23}
    weight = {"c_prev": 375, "y_prev": 407, "x": 454}
    routes = {}
    for k, x in column.items():
        at[k], at[f"{k}_bar"], at[f"b{k}"] = (x, 224), (x, bar), (x + 25, 276)
        gradients[f"{k}_bar"] = (x - 18, 293)
        for source in wire:
            if source == "c_prev" and PEEPHOLES.get(k) != "c_prev":
                continue
            via = [(x + tap[source], wire[source])]
            if source == "c_prev":
                via.insert(0, (at["c_prev"][0], wire[source]))
            label_at = (x + tap[source], weight[source])
            routes[f"{source}->{k}_bar"] = dict(via=via, end=(tap[source], 0), label_at=label_at)
        routes[f"{k}_bar->{k}"] = dict(label_at=(x - (20 if k == "z" else 12), 273))
    routes["c->o_bar"] = dict(via=[(325, 56), (325, bar)], label_at=(325, 224))
    routes["c->tanh_c"] = dict(via=[(370, 56)])
    return Layout("Electronic circuit", 530, 520, at, gradients, routes, {})


def _odyssey():
    """The cell stands in the middle, the gates around it; each sum has its own arrows from x and y."""
    at = {
        "y": (272, 50), "tanh_c": (272, 134), "c": (272, 218), "zi": (272, 312), "z": (272, 394), "z_bar": (272, 476),
        "c_prev": (60, 218), "cf": (174, 218), "c_next": (372, 218), "y_next": (204, 32), "J": (206, 74),
        "f_bar": (60, 128), "f": (174, 128), "i_bar": (60, 312), "i": (174, 312), "o_bar": (400, 134), "o": (400, 50),
        "bf": (102, 174), "bi": (102, 266), "bz": (326, 430), "bo": (344, 88),
        "x@f_bar": (28, 40), "y_prev@f_bar": (92, 40), "x@i_bar": (28, 400), "y_prev@i_bar": (92, 400),
        "x@z_bar": (164, 476), "y_prev@z_bar": (380, 476), "x@o_bar": (496, 94), "y_prev@o_bar": (496, 174),
    }  # fmt: skip
    gradients = {
        "y": (318, 28), "tanh_c": (324, 124), "c": (328, 242), "zi": (324, 302), "z": (324, 384), "z_bar": (196, 438),
        "c_prev": (112, 234), "cf": (174, 260), "c_next": (382, 242), "y_next": (158, 32), "J": (164, 74),
        "f_bar": (132, 94), "f": (220, 153), "i_bar": (134, 342), "i": (190, 355), "o_bar": (412, 176), "o": (450, 32),
        "x": (110, 476), "y_prev": (436, 476),
    }  # fmt: skip
    labels = {
        "x->f_bar": (26, 86), "y_prev->f_bar": (96, 86), "c_prev->f_bar": (44, 171), "f_bar->f": (120, 116),
        "x->i_bar": (26, 354), "y_prev->i_bar": (96, 354), "c_prev->i_bar": (44, 266), "i_bar->i": (120, 300),
        "x->z_bar": (214, 464), "y_prev->z_bar": (330, 464), "z_bar->z": (248, 435),
        "x->o_bar": (454, 123), "y_prev->o_bar": (454, 146), "c->o_bar": (322, 172), "o_bar->o": (412, 94),
    }  # fmt: skip
    routes = {name: dict(label_at=place) for name, place in labels.items()}
    shown = {"x": "x@z_bar", "y_prev": "y_prev@z_bar"}
    return Layout("Space Odyssey", 530, 520, at, gradients, routes, shown)


LAYOUTS = {"circuit": _circuit(), "odyssey": _odyssey()}
OUTSIDE = ("c_next", "y_next", "J")


@cache
def _drawing(which):
    layout = LAYOUTS[which]
    d = Drawing(layout.width, layout.height)
    for place, (x, y) in layout.at.items():
        name = place.split("@")[0]
        spot = layout.gradients.get(name) if layout.shown.get(name, place) == place else None
        if name in OUTSIDE:
            label, role = ("J", "loss") if name == "J" else ("t+1", "muted")
            shape, size = ("circle", 34) if name == "J" else ("box", (40, 26))
            d.node(place, x, y, label, role, shape=shape, size=size, gradient_at=spot)
        else:
            v = VARIABLES[name]
            bar = name.endswith("_bar")
            size = BAR if bar else SMALL if v.role == "parameter" else CIRCLE
            d.node(place, x, y, v.label, v.role, shape="box" if bar else "circle", size=size, gradient_at=spot)
    for edge in EDGES.values():
        copy = f"{edge.source}@{edge.target}"
        role = "parameter" if edge.parameter else "hidden" if edge.name in HIGHWAY else None
        label = VARIABLES[edge.parameter].label if edge.parameter else edge.label
        d.arrow(copy if copy in layout.at else edge.source, edge.target, label, name=edge.name, role=role,
                dashed=edge.peephole, **layout.routes.get(edge.name, {}))  # fmt: skip
    return d


def _places(which, names):
    """The names of the cell as names in one drawing: copies for a node that has some, edges for W, R and p."""
    layout = LAYOUTS[which]
    carries = {edge.parameter: edge.name for edge in EDGES.values() if edge.parameter}
    places = []
    for name in names:
        if name not in VARIABLES and name not in EDGES and name not in OUTSIDE:
            known = ", ".join([*VARIABLES, *EDGES])
            raise ValueError(f"the cell has nothing named {name!r}; it has: {known}")
        copies = [place for place in layout.at if place.split("@")[0] == name]
        places += copies or [carries.get(name, name)]
    return places


# The pictures


class Pictures(tuple):
    """The two SVGs of one cell; a notebook shows them side by side, and a Frame of a stepper takes them as they are."""

    def _repr_html_(self) -> str:
        return f'<div class="bh">{style_html()}<div class="bh-drawing">{self.html()}</div></div>'

    def html(self) -> str:
        titles = [layout.title for layout in LAYOUTS.values()]
        figures = (f"<figure><figcaption>{t}</figcaption>{svg}</figure>" for t, svg in zip(titles, self, strict=True))
        return f'<div class="bh-pair">{"".join(figures)}</div>'


def pictures(
    *, active=(), gradient=(), dim=(), hidden=(), values=None, gradients=None, loss=False, describe="", named=False
) -> Pictures:
    """Both drawings of the cell with the same things lit.

    active, gradient, dim, hidden  names of variables (``f_bar``, ``Wf``, ...), edges (``c_prev->f_bar``), or of what lies
                       outside: ``c_next``, ``y_next``, ``J``
    values, gradients  texts by name; a value may have two lines, one for each of two cells
    loss               whether the arrow to J is drawn
    describe           what to tell readers who do not see it; else the parts that are lit and all numbers are listed

    Raises ValueError if the cell has nothing of a name.
    """
    values, gradients = dict(values or {}), dict(gradients or {})
    describe = describe or _describe(active, gradient, values, gradients)
    out = []
    for which, layout in LAYOUTS.items():

        def numbers(given, which=which, layout=layout):
            return {layout.shown.get(name) or _places(which, [name])[0]: text for name, text in given.items()}

        gone = _places(which, hidden) + ([] if loss else ["J", "y->J"])
        d = _drawing(which)
        out.append(d.svg(
            active=_places(which, active), gradient=_places(which, gradient), dim=_places(which, dim), hidden=gone,
            values=numbers(values), gradients=numbers(gradients), named=named,
            describe=f"{layout.title}: {describe}",
        ))  # fmt: skip
    return Pictures(out)


def _describe(active, gradient, values, gradients):
    def listed(numbers):
        return ", ".join(f"{name} = {number}".replace("\n", " and ") for name, number in numbers.items())

    parts = ["the LSTM cell with peepholes."]
    parts += [f"Lit: {', '.join(active)}."] if active else []
    parts += [f"Values: {listed(values)}."] if values else []
    parts += [f"Gradients flow back along: {', '.join(gradient)}."] if gradient else []
    parts += [f"Gradients: {listed(gradients)}."] if gradients else []
    return " ".join(parts)


class Explorer:
    """Both pictures to point into: a variable lights up in both, with its equation and what it means.

    Point at it, click it to keep it, or choose it from the list with the keyboard. Needs no kernel; where scripts do not
    run, all variables are listed below the pictures.
    """

    def __init__(self, start="c"):
        if start not in VARIABLES:
            raise ValueError(f"the cell has no variable {start!r}; it has: {', '.join(VARIABLES)}")
        self.start = start

    def _repr_html_(self) -> str:
        return _explorer_html(self.start)

    def __repr__(self) -> str:
        return f"Explorer of the LSTM cell: {len(VARIABLES)} variables in two pictures"


def _lit(variable):
    """What lights up with a variable: itself and the arrows that lead to it; for what is given, those that leave it."""
    carrying = [edge.name for edge in EDGES.values() if edge.parameter == variable.name]
    if carrying:
        return carrying
    arriving = [edge.name for edge in EDGES.values() if edge.target == variable.name]
    leaving = [edge.name for edge in EDGES.values() if edge.source == variable.name]
    return [variable.name, *(arriving or leaving)]


@cache
def _explorer_html(start):
    both = pictures(
        named=True, describe="the LSTM cell with peepholes. The list below names its variables and equations."
    )
    lit = {v.name: sorted({p for which in LAYOUTS for p in _places(which, _lit(v))}) for v in VARIABLES.values()}
    owner = {edge.name: edge.parameter for edge in EDGES.values() if edge.parameter}
    owner |= {place: place.split("@")[0] for layout in LAYOUTS.values() for place in layout.at}
    owner = {place: name for place, name in owner.items() if name in VARIABLES}
    groups = dict.fromkeys(v.group for v in VARIABLES.values())
    options = "".join(
        f'<optgroup label="{group}">'
        + "".join(
            f'<option value="{v.name}"{" selected" * (v.name == start)}>{v.name}: {escape(_plain(v))}</option>'
            for v in VARIABLES.values()
            if v.group == group
        )
        + "</optgroup>"
        for group in groups
    )
    about = "".join(
        f'<li data-about="{v.name}"><p class="bh-what">{mathml(v.latex)}, in code <code>{v.name}</code></p>'
        f'<div class="bh-equation">{mathml(v.equation, "block") if v.equation else ""}</div>'
        f'<p class="bh-sentence">{escape(v.meaning)}</p></li>'
        for v in VARIABLES.values()
    )
    data = escape(json.dumps({"lit": lit, "owner": owner}))
    script = files("byhand").joinpath("lstm_cell.js").read_text(encoding="utf-8")
    return (
        f'<div class="bh bh-explorer" role="group" aria-label="The LSTM cell in two pictures" data-cell="{data}">'
        f'{style_html()}<p class="bh-title">One cell, two pictures: point at a variable, or choose one</p>'
        f'<p class="bh-choose"><label>Variable <select>{options}</select></label></p><div class="bh-drawing">{both.html()}</div>'
        f'<ul class="bh-about" aria-live="polite">{about}</ul><script>{script}</script></div>'
    )


def _plain(variable):
    """The first words of its meaning, for the list."""
    return variable.meaning.split(".")[0].split(":")[0].split(",")[0]


# The numbers


def forward_numbers(params, x, y0, c0) -> list[dict]:
    """All variables of the cell over the steps of one sequence, as column vectors in the equations.

    params  a dict with Wz, Wi, Wf, Wo (H, D); Rz, Ri, Rf, Ro (H, H); pi, pf, po (H,); bz, bi, bf, bo (H,)
    x       a list of T inputs (D,)
    y0, c0  output and cell before the first step (H,)

    Returns a list in which index t is time step t, a dict by the names of `VARIABLES`; index 0 holds y and c alone.
    """
    steps = [{"y": np.asarray(y0, dtype=float), "c": np.asarray(c0, dtype=float)}]
    for x_t in x:
        s = {"x": np.asarray(x_t, dtype=float), "y_prev": steps[-1]["y"], "c_prev": steps[-1]["c"]}

        def total(k, s=s):
            heard = params["b" + k] + params["W" + k] @ s["x"] + params["R" + k] @ s["y_prev"]
            return heard + params["p" + k] * s[PEEPHOLES[k]] if k in PEEPHOLES else heard

        for k in "zif":
            s[f"{k}_bar"] = total(k)
        s["z"] = np.tanh(s["z_bar"])
        s["i"], s["f"] = (_sigmoid(s[f"{k}_bar"]) for k in "if")
        s["zi"], s["cf"] = s["z"] * s["i"], s["c_prev"] * s["f"]
        s["c"] = s["zi"] + s["cf"]
        s["o_bar"] = total("o")  # last, for it looks at the new cell
        s["o"], s["tanh_c"] = _sigmoid(s["o_bar"]), np.tanh(s["c"])
        s["y"] = s["tanh_c"] * s["o"]
        steps.append(s)
    return steps


def _sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2
