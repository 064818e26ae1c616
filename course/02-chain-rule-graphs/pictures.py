"""The drawings of lesson 02: small graphs with their routes, the sweep backwards, and what it costs."""

import math

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper


def one_route():
    """y, x and J in a row, with numbers."""
    d = Drawing(560, 150)
    d.node("y", 80, 70, "y", "input", size=64)
    d.node("x", 280, 70, "x", "hidden", size=64)
    d.node("J", 480, 70, "J", "loss", size=64)
    d.arrow("y", "x", "3")
    d.arrow("x", "J", "2x")
    return d.svg(
        values={"y": "2", "x": "1", "J": "1"},
        gradients={"y": "6", "x": "2", "J": "1"},
        gradient=["x->J", "y->x"],
        describe="Three nodes in a row: y = 2, x = 1, J = 1. Purple arrows run back from J to x and from x to y. The derivatives "
        "of J are 1 at J itself, 2 at x and 6 at y.",
    )


def two_by_two(y1, y2):
    """The routes of a graph with two variables and two children, for x1 = y1 y2, x2 = y1^2 + y2, J = x1 x2."""
    x1, x2 = y1 * y2, y1**2 + y2
    d = Drawing(600, 300)
    d.node("y1", 70, 70, "y_1", "input", size=60)
    d.node("y2", 70, 230, "y_2", "input", size=60)
    d.node("x1", 310, 70, "x_1", "hidden", size=60)
    d.node("x2", 310, 230, "x_2", "hidden", size=60)
    d.node("J", 530, 150, "J", "loss", size=60)
    edges = {
        "y1->x1": Edge(y2, "y_2"),
        "y1->x2": Edge(2 * y1, r"2\,y_1"),
        "y2->x1": Edge(y1, "y_1"),
        "y2->x2": Edge(1, "1"),
        "x1->J": Edge(x2, "x_2"),
        "x2->J": Edge(x1, "x_1"),
    }
    for name in edges:
        d.arrow(*name.split("->"))
    values = dict(y1=y1, y2=y2, x1=x1, x2=x2, J=x1 * x2)
    return RoutePicker(
        Routes(d, edges),
        "From which variable to J?",
        describe="Two variables y1 and y2, each with an arrow to x1 and an arrow to x2; arrows from x1 and x2 to J.",
        values={name: numeral(value, "g") for name, value in values.items()},
        form="g",
    )


# The example in two steps


def two_steps(r):
    """The graph of h1 = tanh(w x1), h2 = tanh(w x2 + u h1), J = (h1 - 1)^2/2 + (h2 - 1)^2/2, with its edges."""
    d = Drawing(720, 370)
    for name, x, y, role in (
        ("x1", 90, 320, "input"), ("a1", 190, 215, "hidden"), ("h1", 310, 150, "hidden"), ("w", 290, 320, "parameter"),
        ("x2", 450, 320, "input"), ("a2", 450, 215, "hidden"), ("u", 590, 320, "parameter"), ("h2", 560, 150, "hidden"),
        ("J", 660, 55, "loss"),
    ):  # fmt: skip
        d.node(name, x, y, f"{name[0]}_{name[1]}" if len(name) > 1 else name, role, size=58)
    edges = {
        "x1->a1": Edge(r["w"], "w"), "w->a1": Edge(r["x1"], "x_1"), "w->a2": Edge(r["x2"], "x_2"),
        "a1->h1": Edge(1 - r["h1"] ** 2, "1 - h_1^2"), "h1->J": Edge(r["h1"] - 1, "h_1 - 1"), "h1->a2": Edge(r["u"], "u"),
        "x2->a2": Edge(r["w"], "w"), "u->a2": Edge(r["h1"], "h_1"), "a2->h2": Edge(1 - r["h2"] ** 2, "1 - h_2^2"),
        "h2->J": Edge(r["h2"] - 1, "h_2 - 1"),
    }  # fmt: skip
    for name in edges:
        d.arrow(*name.split("->"), bend=0.12 if name == "h1->J" else 0)
    return d, Routes(d, edges)


ORDER = ["x1", "w", "a1", "h1", "x2", "u", "a2", "h2", "J"]
GRAPH = "The first sum a1 depends on x1 and w, h1 on a1, the second sum a2 on x2, w, u and h1, h2 on a2, and the loss J on h1 and h2."


def _values(r):
    return {name: numeral(r[name], "g" if name in ("x1", "x2", "w", "u") else ".4f") for name in ORDER}


def routes_of_two_steps(r):
    """The route picker of the example."""
    _, routes = two_steps(r)
    return RoutePicker(
        routes,
        "Every route to J",
        describe=GRAPH,
        variables=["w", "u", "x1", "x2", "a1", "h1", "a2", "h2"],
        values=_values(r),
    )


def sweep(r):
    """Forward, then backward, one node at a time."""
    d, routes = two_steps(r)
    total, edge = routes.total, routes.edges
    values, gradients, frames = {}, {}, []

    def frame(equation, sentence, active=(), gradient=()):
        known = ", ".join(f"{n} = {v}" for n, v in values.items())
        back = ", ".join(f"{n}: {g}" for n, g in gradients.items())
        drawing = d.svg(
            active=active, gradient=gradient, values=values, gradients=gradients,
            describe=f"{GRAPH} Values: {known}." + (f" Total derivatives of J: {back}." if back else ""),
        )  # fmt: skip
        frames.append(Frame(drawing, equation, sentence))

    written = _values(r)
    values |= {n: written[n] for n in ("x1", "x2", "w", "u")}
    frame("", "The four variables that depend on nothing have their values. Step forward.", ["x1", "x2", "w", "u"])
    forward = (
        ("a1", rf"a_1 = w\,x_1 = {r['w']:g}\cdot {r['x1']:g} = {r['a1']:.4f}", "Two arrows arrive at $a_1$, from $w$ and from $x_1$."),
        ("h1", rf"h_1 = \tanh a_1 = {r['h1']:.4f}", "One arrow, and the slope of tanh as its local derivative: $1 - h_1^2$."),
        ("a2", rf"a_2 = w\,x_2 + u\,h_1 = {r['w']:g}\cdot {r['x2']:g} + ({r['u']:g})\cdot {r['h1']:.4f} = {r['a2']:.4f}",
         "Four arrows arrive at $a_2$. The variable $w$ is used for the second time."),
        ("h2", rf"h_2 = \tanh a_2 = {r['h2']:.4f}", "Again tanh."),
        ("J", rf"\loss{{J}} = \tfrac12 (h_1 - 1)^2 + \tfrac12 (h_2 - 1)^2 = {r['J']:.4f}",
         "The loss would like both states to be 1. This was the forward pass; every arrow was used once."),
    )  # fmt: skip
    for name, equation, sentence in forward:
        values[name] = written[name]
        arrows = [a for a in edge if d.arrows[a].target == name]
        frame(equation, sentence, [name, *arrows, *(d.arrows[a].source for a in arrows)])
    gradients["J"] = "1"
    frame(
        r"\grad{\frac{dJ}{dJ}} = 1",
        "The way back begins at $J$, which changes with itself at the rate 1.",
        gradient=["J"],
    )
    says = {
        "h2": "$h_2$ has one child, $J$. Its total derivative is that of the child, times the local derivative at the arrow.",
        "a2": "Through the tanh: times $1 - h_2^2$.",
        "h1": "$h_1$ has two children, $J$ and $a_2$. Both are done, so it can be done now: two products, and a plus.",
        "a1": "Through the first tanh.",
        "u": "$u$ was multiplied with $h_1$, so $h_1$ stands at its arrow.",
        "w": "$w$ was used twice, so two arrows come back and are added. A shared parameter needs no rule of its own.",
        "x2": "The inputs get their derivatives too, although nobody will change them.",
        "x1": "Done: eight derivatives, and every arrow was used once, as on the way forward.",
    }
    for name, sentence in says.items():
        arrows = [a for a in edge if d.arrows[a].source == name]
        gradients[name] = numeral(total(name))
        terms, numbers = [], []
        for a in arrows:
            child = d.arrows[a].target
            latex = edge[a].latex if " " not in edge[a].latex else f"({edge[a].latex})"
            terms.append(rf"\grad{{\frac{{dJ}}{{d{_latex(child)}}}}}\,{latex}" if child != "J" else latex)
            numbers.append(f"{_n(total(child))}\\cdot {_n(edge[a].number)}" if child != "J" else _n(edge[a].number))
        left = rf"\grad{{\frac{{dJ}}{{d{_latex(name)}}}}}"
        frame(
            [f"{left} &= {' + '.join(terms)}", rf"&= {' + '.join(numbers)} = \grad{{{total(name):.4f}}}"]
            if name != "h2"
            else rf"{left} = \grad{{\frac{{dJ}}{{dJ}}}}\,(h_2 - 1) = \grad{{{total(name):.4f}}}",
            sentence,
            gradient=[name, *arrows, *(d.arrows[a].target for a in arrows)],
        )
    return Stepper(frames, "One sweep forward, one sweep backward")


def _latex(name):
    return f"{name[0]}_{name[1]}" if len(name) > 1 else name


# The ladder of diamonds


def ladder(n):
    """A ladder of n diamonds from u0 to J = un, with one half at each arrow: all routes, and the sweep."""
    d = Drawing(150 * n + 80, 210)
    for k in range(n + 1):
        d.node(
            "J" if k == n else f"u{k}", 40 + 150 * k, 105, "J" if k == n else f"u_{k}", "loss" if k == n else "hidden"
        )
    for k in range(n):
        after = "J" if k == n - 1 else f"u{k + 1}"
        for side, y in (("a", 45), ("b", 165)):
            d.node(f"{side}{k}", 115 + 150 * k, y, f"{side}_{k}", "hidden")
            d.arrow(f"u{k}", f"{side}{k}"), d.arrow(f"{side}{k}", after)
    return Routes(d, {name: Edge(0.5, r"\tfrac12") for name in d.arrows})


def ladder_picture(n=4):
    """The ladder as a still picture, with one of its routes in purple."""
    routes = ladder(n)
    one = routes.routes_from("u0")[5]
    return routes.drawing.svg(
        gradient=[*one.arrows, *one.nodes],
        describe=f"A ladder of {n} diamonds in a row. At each of them the way parts into two and joins again. One route from "
        "the first node to J is drawn in purple.",
    )


def plot_costs(rungs=20):
    """Multiplications for all routes and for one sweep, over the number of diamonds."""
    n = np.arange(1, rungs + 1)
    fig, ax = plt.subplots(figsize=(6.4, 3.3))
    ax.plot(n, (2.0 * n - 1) * 2.0**n, "-o", ms=4, color=PALETTE["loss"][0])
    ax.plot(n, 4 * n, "-s", ms=4, color=PALETTE["gradient"][0])
    ax.annotate("listing all routes", (n[11], (2 * n[11] - 1) * 2.0 ** n[11]), xytext=(-8, 6), ha="right",
                textcoords="offset points", color=PALETTE["loss"][0])  # fmt: skip
    ax.annotate("one sweep", (n[14], 4 * n[14]), xytext=(0, 8), ha="center", textcoords="offset points",
                color=PALETTE["gradient"][0])  # fmt: skip
    ax.set(yscale="log", xlabel="diamonds in a row", ylabel="multiplications", xticks=range(0, rungs + 1, 4))
    return fig


# Direct and total


def gate(c, p):
    """The two routes from c to y = o tanh c, with o = sigmoid(p c)."""
    o, squashed = 1 / (1 + math.exp(-p * c)), math.tanh(c)
    d = Drawing(600, 250)
    d.node("c", 115, 175, "c", "hidden", size=62)
    d.node("o", 300, 60, "o", "hidden", size=62)
    d.node("y", 485, 175, "y", "output", size=62)
    edges = {
        "c->y": Edge(o * (1 - squashed**2), r"o\,(1 - \tanh^2 c)"),
        "c->o": Edge(p * o * (1 - o), r"p\,o\,(1 - o)"),
        "o->y": Edge(squashed, r"\tanh c"),
    }
    for name in edges:
        d.arrow(*name.split("->"))
    return RoutePicker(
        Routes(d, edges, target="y"),
        "A gate that looks at the cell",
        describe="Three nodes. An arrow from c straight to y, one from c to o, and one from o to y.",
        values={"c": f"{c:g}", "o": f"{o:.4f}", "y": f"{o * squashed:.4f}"},
    )


def children_of_the_cell():
    """The five arrows that leave the cell of an LSTM with peepholes."""
    d = Drawing(640, 380)
    d.node("c", 70, 190, "c^(t)", "hidden", size=66)
    for name, y, label, role, at in (
        ("y", 40, "y^(t)", "output", "o^(t) (1 − tanh² c^(t))"), ("o", 115, "ō^(t)", "hidden", "p_out"),
        ("c1", 190, "c^(t+1)", "hidden", "f^(t+1)"), ("i", 265, "ī^(t+1)", "hidden", "p_in"),
        ("f", 340, "f̄^(t+1)", "hidden", "p_for"),
    ):  # fmt: skip
        d.node(name, 420, y, label, role, "box", (92, 44))
        d.arrow("c", name)
        d.text(f"at {name}", 555, y, at)
    return d.svg(
        gradient=[f"c->{name}" for name in ("y", "o", "c1", "i", "f")],
        describe="Five arrows leave the cell c(t). They lead to the output y(t), local derivative o(t) times one minus tanh squared of "
        "c(t); to the output gate's sum, p_out; to the next cell c(t+1), f(t+1); to the next input gate's sum, p_in; and to the "
        "next forget gate's sum, p_for.",
    )


def one_weight():
    """How one entry of W reaches J through a batch of three rows."""
    d = Drawing(560, 260)
    d.node("W", 70, 130, "W_hd", "parameter", size=64)
    d.node("J", 490, 130, "J", "loss", size=64)
    for n, y in ((1, 45), (2, 130), (3, 215)):
        d.node(f"y{n}", 290, y, f"y_{n}h", "hidden", size=60)
        d.arrow("W", f"y{n}", f"x_{n}d")
        d.arrow(f"y{n}", "J")
    return d.svg(
        gradient=["W", *(f"y{n}->J" for n in (1, 2, 3)), *(f"W->y{n}" for n in (1, 2, 3))],
        describe="One weight W with the indices h and d has three arrows, one to the output h of each of the three rows of the batch; the "
        "local derivatives are the entries d of the three inputs. All three outputs lead to J.",
    )


# Differences


def plot_errors(eps, errors):
    """Errors of difference quotients over the step, one line for each."""
    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    for (name, error), (role, style) in zip(errors.items(), (("input", "--o"), ("gradient", "-s")), strict=True):
        ax.plot(eps, np.maximum(error, 1e-17), style, ms=4, color=PALETTE[role][0], label=name)
    ax.set(xscale="log", yscale="log", xlabel="step ε", ylabel="error of the derivative", xlim=(eps.max(), eps.min()))
    ax.legend()
    return fig


def _n(number, form=".4f"):
    """A number as a factor in LaTeX: in brackets where it is negative."""
    if math.isclose(number, round(number, 1)):
        form = "g"
    return rf"\left({number:{form}}\right)" if number < 0 else f"{number:{form}}"
