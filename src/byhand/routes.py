"""All routes from a variable to the loss: their products, their sum, and a picture in which each can be lit.

`Routes` takes a `Drawing` and the local derivative at each of its arrows. It lists routes and multiplies along them, and
it computes the same total derivative by one sweep backwards. `RoutePicker` is the player: choose a variable, and all its
routes to the target light up in purple, each with its formula and its number, and what it was made of in green. Its HTML
needs neither a kernel nor a network.

    routes = Routes(drawing, {"x->a": Edge(2.0, "w"), "a->J": Edge(-0.5, "a - y")})
    routes.total("x")                                                        # -1.0
    RoutePicker(routes, "From x to J", describe="A chain: x, a and the loss J.")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from math import fsum, isfinite, prod
from xml.etree import ElementTree

from .drawing import Drawing, italics, label_runs, style_html
from .stepper import mathml

FEW = 4  # up to so many routes, all formulas are shown at once; of more, that of the route that is lit
MOST = 60  # routes from one variable that a picker shows; nobody reads more


@dataclass(frozen=True)
class Edge:
    """The local derivative at an arrow: how fast its head changes with its tail, all else held fixed.

    `number` is its value, `latex` the same as a formula, such as ``1 - h^2`` or ``\\frac{\\partial a}{\\partial x}``.
    """

    number: float
    latex: str


@dataclass(frozen=True)
class Route:
    """A walk along arrows: their names, the names of the nodes passed (one more), and the product of the numbers."""

    arrows: tuple[str, ...]
    nodes: tuple[str, ...]
    product: float


class Routes:
    """The graph of a `Drawing` with an `Edge` for each arrow, by the arrow's name ("source->target" if it has no other).

    Two arrows between the same nodes are two routes. An arrow of role "muted" is decoration and needs no edge.

    Raises ValueError if a name is unknown, an arrow has no edge, a number is not finite, or the arrows form a cycle.
    """

    def __init__(self, drawing: Drawing, edges: Mapping[str, Edge], target: str = "J"):
        self.drawing, self.edges, self.target = drawing, dict(edges), target
        self._known(target)
        for name, edge in self.edges.items():
            if name not in drawing.arrows:
                raise ValueError(
                    f"there is no arrow named {name!r} in the drawing; it has: {', '.join(drawing.arrows)}"
                )
            if not isfinite(edge.number):
                raise ValueError(f"the local derivative at {name!r} is {edge.number}")
        for name, arrow in drawing.arrows.items():
            if name not in self.edges and arrow.role != "muted":
                raise ValueError(f"the arrow {name!r} has no edge: give it a local derivative, or the role 'muted'")
        self._out: dict[str, list[str]] = {node: [] for node in drawing.nodes}
        for name in drawing.arrows:
            if name in self.edges:
                self._out[drawing.arrows[name].source].append(name)
        self._totals = self._sweep()

    def reaches(self, name: str) -> bool:
        """Whether any route leads from the node to the target."""
        return self._totals[self._known(name)] is not None

    def routes_from(self, name: str) -> list[Route]:
        """All routes from the node to the target, in the order of the arrows. Raises ValueError if there is none."""
        self.total(name)
        found: list[Route] = []
        unfinished: list[tuple[tuple[str, ...], tuple[str, ...]]] = [((), (name,))]
        while unfinished:
            arrows, nodes = unfinished.pop()
            if nodes[-1] == self.target:
                found.append(Route(arrows, nodes, prod(self.edges[a].number for a in arrows)))
                continue
            for arrow in reversed(self._out[nodes[-1]]):
                head = self.drawing.arrows[arrow].target
                if self.reaches(head):
                    unfinished.append(((*arrows, arrow), (*nodes, head)))
        return found

    def total(self, name: str) -> float:
        """The total derivative dJ/dname, by reverse accumulation. Raises ValueError if there is no route."""
        total = self._totals[self._known(name)]
        if total is None:
            raise ValueError(f"there is no route from {name!r} to {self.target!r}")
        return total

    def made_of(self, name: str) -> tuple[list[str], list[str]]:
        """The nodes that the node was computed from, and the arrows that lead from them to it, both in the drawing's order."""
        nodes, arrows, waiting = set(), set(), [self._known(name)]
        while waiting:
            node = waiting.pop()
            for arrow in self.edges:
                if self.drawing.arrows[arrow].target == node and arrow not in arrows:
                    arrows.add(arrow)
                    nodes.add(self.drawing.arrows[arrow].source)
                    waiting.append(self.drawing.arrows[arrow].source)
        return [n for n in self.drawing.nodes if n in nodes], [a for a in self.drawing.arrows if a in arrows]

    def _sweep(self) -> dict[str, float | None]:
        """Node -> its total derivative, or None where no route leads to the target; each arrow is used once."""
        totals: dict[str, float | None] = {}
        waiting = {node: len(out) for node, out in self._out.items()}
        ready = [node for node, count in waiting.items() if count == 0]
        while ready:
            node = ready.pop()
            parts = [
                there * self.edges[a].number
                for a in self._out[node]
                if (there := totals[self.drawing.arrows[a].target]) is not None
            ]
            totals[node] = 1.0 if node == self.target else fsum(parts) if parts else None
            for arrow in self.edges:
                if self.drawing.arrows[arrow].target == node:
                    source = self.drawing.arrows[arrow].source
                    waiting[source] -= 1
                    if waiting[source] == 0:
                        ready.append(source)
        if len(totals) < len(waiting):
            raise ValueError(f"the arrows form a cycle: {self._cycle(totals)}; dependence must run one way")
        return totals

    def _cycle(self, settled):
        """A cycle as text. Every node that is not settled has an arrow to another such node, so a walk must close."""
        walk = [next(node for node in self._out if node not in settled)]
        while walk.count(walk[-1]) == 1:
            heads = (self.drawing.arrows[arrow].target for arrow in self._out[walk[-1]])
            walk.append(next(head for head in heads if head not in settled))
        return " -> ".join(walk[walk.index(walk[-1]) :])

    def _known(self, name: str) -> str:
        if name not in self.drawing.nodes:
            raise ValueError(f"there is no node named {name!r} in the drawing; it has: {', '.join(self.drawing.nodes)}")
        return name


class RoutePicker:
    """Choose a variable, by its button or in the picture, and see all its routes to the target; or one route alone.

    title, describe  what is shown, in a line; and the graph in words, for readers who do not see it.
    variables        the nodes that can be chosen; all that reach the target if none are given.
    start            the variable that is chosen first; otherwise the first of `variables`.
    symbols          LaTeX for nodes, where it cannot be had from the label in the drawing.
    values           short numbers, as text, to stand in nodes, as in `Drawing.svg`.
    form             how numbers are written, a format such as ".4f".

    Without the script the formulas of all variables stand below the drawing. Raises ValueError for an unknown name, a
    variable without a route, more than `MOST` routes, LaTeX with an unknown command, or an empty title or description.
    """

    def __init__(
        self,
        routes: Routes,
        title: str,
        *,
        describe: str,
        variables: Sequence[str] = (),
        start: str | None = None,
        symbols: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
        form: str = ".4f",
    ):
        self.routes, self.title, self.form = routes, title, form
        nodes = routes.drawing.nodes
        self.variables = list(variables) or [n for n in nodes if n != routes.target and routes.reaches(n)]
        if not self.variables:
            raise ValueError(f"nothing reaches {routes.target!r}: there is no route to show")
        start = self.variables[0] if start is None else start
        if start not in self.variables:
            raise ValueError(f"start is {start!r}; it must be one of the variables {', '.join(self.variables)}")
        if not title.strip():
            raise ValueError("a picker needs a title that says what it shows")
        for name in self.variables:
            routes.total(name)  # raises where there is no such node, or no route
        for name in symbols or {}:
            routes._known(name)
        self._marks = {name: str(number) for number, name in enumerate([*nodes, *routes.drawing.arrows])}
        self._symbols = {name: _latex(node.label) for name, node in nodes.items()} | dict(symbols or {})
        # Made now rather than when displayed, so that a mistake is reported where it was made.
        self._html = self._page(start, describe, values)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"RoutePicker: {self.title} ({', '.join(self.variables)} to {self.routes.target})"

    # HTML

    def _page(self, start, describe, values):
        labels = {name: node.label for name, node in self.routes.drawing.nodes.items()}
        buttons = "".join(
            f'<label><input type="radio" name="from" value="{escape(name)}"{" checked" * (name == start)}>'
            f"<span>{_html(labels[name])}</span></label>"
            for name in self.variables
        )
        panels = "".join(self._panel(name) for name in self.variables)
        # The form keeps the radio buttons of two pickers on one page apart.
        return (
            f'<div class="bh bh-routes" role="group" aria-label="{escape(self.title)}" tabindex="-1">'
            f"{style_html(_file('routes.css'))}"
            f'<p class="bh-title">{escape(self.title)}</p>'
            f'<form class="bh-from" role="radiogroup" aria-label="Routes from which variable?">'
            f'<span aria-hidden="true">Routes from</span>{buttons}</form>'
            f'<div class="bh-drawing">{self._svg(describe, values)}</div>'
            f'<div class="bh-aloud" aria-live="polite"></div>{panels}'
            f"<script>{_file('routes.js')}</script></div>"
        )

    def _svg(self, describe, values):
        """The drawing with everything purple in it, and a mark on each part by which the script finds it."""
        drawing, form = self.routes.drawing, self.form
        totals = {n: self.routes.total(n) for n in drawing.nodes if self.routes.reaches(n)}
        numbers = totals | {name: edge.number for name, edge in self.routes.edges.items()}
        numbers = {name: _minus(f"{number:{form}}") for name, number in numbers.items()}
        svg = drawing.svg(describe=describe, gradient=list(numbers), gradients=numbers, values=values)
        # In the order in which Drawing.svg writes them: arrows, nodes, labels of arrows, texts, numbers.
        labelled = [name for name, arrow in drawing.arrows.items() if arrow.label or name in (values or {})]
        names = [*drawing.arrows, *drawing.nodes, *labelled, *(None for _ in drawing.texts), *numbers]
        root = ElementTree.fromstring(svg)
        for part, name in zip(root, names, strict=True):
            if name is not None:
                part.set("data-part", self._marks[name])
            if name in self.variables and part.tag == "g":
                part.set("data-from", name)
        return ElementTree.tostring(root, encoding="unicode")

    def _panel(self, name):
        routes = self.routes.routes_from(name)
        if len(routes) > MOST:
            raise ValueError(
                f"{len(routes)} routes lead from {name!r} to {self.routes.target!r}; at most {MOST} fit here"
            )
        nodes = self.routes.drawing.nodes
        start, end = (_html(nodes[each].label) for each in (name, self.routes.target))
        derivative = rf"\frac{{d{self._symbols[self.routes.target]}}}{{d{self._symbols[name]}}}"
        count = "1 route" if len(routes) == 1 else f"{len(routes)} routes"
        steps = "".join(self._route(number, route) for number, route in enumerate(routes, 1))
        before, arrows = self.routes.made_of(name)
        parts = " ".join(self._marks[part] for part in (*before, *arrows))
        made = (
            f'<p class="bh-made">{start} was made of {", ".join(_html(nodes[n].label) for n in before)}.</p>'
            if before
            else ""
        )
        terms = [self._factor(route.product) for route in routes]
        lines = [" + ".join(terms[i : i + 5]) for i in range(0, len(terms), 5)]
        total = rf"\grad{{{self.routes.total(name):{self.form}}}}"
        if len(routes) == 1:
            sums = f"{derivative} = {total}"
        elif len(lines) == 1:
            sums = f"{derivative} = {lines[0]} = {total}"
        else:
            rows = r" \\ & \quad + ".join(lines)
            sums = rf"\begin{{aligned}} {derivative} &= {rows} \\ &= {total} \end{{aligned}}"
        return (
            f'<section class="bh-panel{" bh-many" * (len(routes) > FEW)}" data-from="{escape(name)}" '
            f'data-part="{self._marks[name]}" data-made="{parts}">{made}<p class="bh-head">{count} from {start} to {end}</p><ol>{steps}</ol>'
            f'<div class="bh-equation bh-sum">{mathml(sums, "block")}</div></section>'
        )

    def _route(self, number, route):
        nodes = self.routes.drawing.nodes
        walk = _html(nodes[route.nodes[0]].label)
        for arrow, name in zip(route.arrows, route.nodes[1:], strict=True):
            walk += f" {self._arrow(arrow)} {_html(nodes[name].label)}"
        parts = " ".join(self._marks[name] for name in (*route.nodes, *route.arrows))
        edges = [self.routes.edges[name] for name in reversed(route.arrows)]
        symbols = r"\,\cdot\,".join(_bracketed(edge.latex) for edge in edges)
        numbers = [self._factor(edge.number) for edge in edges]
        product = rf"\grad{{{route.product:{self.form}}}}"
        if len(edges) == 1:
            formula = f"{symbols} = {product}"
        elif len(edges) == 2:
            formula = rf"{symbols} = {numbers[0]}\cdot {numbers[1]} = {product}"
        else:  # one line would be too wide for the page
            rows = [r"\cdot ".join(numbers[i : i + 5]) for i in range(0, len(numbers), 5)]
            last = r" \\ &= " if len(edges) > 4 else " = "
            numbers = r" \\ & \quad\cdot ".join(rows)
            formula = rf"\begin{{aligned}} & {symbols} \\ &= {numbers}{last}{product} \end{{aligned}}"
        return (
            f'<li data-parts="{parts}"><button type="button" aria-pressed="false">'
            f'<span class="bh-aloud">Only route {number}: </span>{walk}</button>'
            f'<span class="bh-product"> {_minus(f"{route.product:{self.form}}")}</span>'
            f'<div class="bh-equation">{mathml(formula, "block")}</div></li>'
        )

    def _arrow(self, name):
        """An arrow in a walk: with its label where there is another one between the same two nodes."""
        arrow = self.routes.drawing.arrows[name]
        others = [
            a
            for a in (self.routes.drawing.arrows[edge] for edge in self.routes.edges)
            if (a.source, a.target) == (arrow.source, arrow.target)
        ]
        return f"→<sub>{_html(arrow.label)}</sub>" if len(others) > 1 and arrow.label else "→"

    def _factor(self, number):
        text = f"{number:{self.form}}"
        return rf"\left({text}\right)" if text.startswith("-") else f"{{{text}}}"


@cache
def _file(name):
    return files("byhand").joinpath(name).read_text(encoding="utf-8")


def _minus(text):
    return text.replace("-", "−")


def _bracketed(latex):
    """LaTeX as a factor: in brackets if it is a sum, that is, if a + or - stands outside all braces and brackets."""
    depth = 0
    for letter in latex:
        depth += (letter in "{([") - (letter in "})]")
        if letter in "+-" and depth == 0:
            return rf"\left({latex}\right)"
    return latex


def _latex(label):
    """A label of a drawing as LaTeX: h^(1) becomes h^{(1)}."""
    scripts = {0: "{}", 1: "^{{{}}}", -1: "_{{{}}}"}
    return "".join(scripts[level].format(text) for text, level in label_runs(label))


def _html(label):
    """A label of a drawing as HTML, with <sup> and <sub>."""
    tags = {0: "{}", 1: "<sup>{}</sup>", -1: "<sub>{}</sub>"}
    runs = (tags[level].format(italics(text, sentence=" " in label)) for text, level in label_runs(label))
    return "".join(runs).replace('<tspan class="i">', "<i>").replace("</tspan>", "</i>")
