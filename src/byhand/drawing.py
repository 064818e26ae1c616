"""Graphs as SVG: nodes, arrows, and the gradients that run back along the arrows.

A `Drawing` is laid out once; `Drawing.svg` then renders it as often as needed, each time with other nodes lit, other
numbers, other gradients. Coordinates are pixels, x to the right and y down, and give the centres of nodes.

Labels have a small markup: ``h^(1)`` raises, ``W_z`` lowers, ``p_in^(t)`` does both; single letters are italic,
Greek letters and accents are written as they are (``σ``, ``ŷ``).
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from html import escape, unescape
from importlib.resources import files
from itertools import product

import numpy as np

from .palette import css_variables

ROLES = ("input", "hidden", "output", "loss", "parameter", "gradient", "muted")
SIZES = {"circle": 48, "box": (72, 44)}
FONT, SMALL = 15, 12  # pixels: labels, numbers
GAP = 8  # pixels between an arrow and the gradient that runs back beside it
RING = 5  # pixels between a node's border and its gradient's ring
CORNER = 9  # pixels: radius of the corners of an arrow that goes by way of points

Point = tuple[float, float]
Curve = Sequence[Point]
Place = tuple[float, float, int]  # of a text: x, y, and whether it begins there, is centred or ends there (1, 0, -1)


class Svg(str):
    """An SVG string that displays itself in a notebook; where only text can be shown, its description stands for it."""

    def __repr__(self) -> str:
        description = re.search(r'aria-label="([^"]*)"', self)
        return "Drawing: " + unescape(description[1] if description else "")

    def _repr_html_(self) -> str:
        return f'<div class="bh">{style_html()}<div class="bh-drawing">{self}</div></div>'


@cache
def stylesheet() -> str:
    """The CSS of drawings and steppers: the palette's variables and player.css."""
    return css_variables() + files("byhand").joinpath("player.css").read_text(encoding="utf-8")


def style_html(more: str = "") -> str:
    """What a picture begins with: the CSS, with `more`, and a sentence that is seen only where the CSS is taken away.

    JupyterLab does that in a notebook that it does not trust, and takes the drawings and scripts away with it.
    """
    return f'<style>{stylesheet()}{more}</style><p class="bh-taken">Run this cell to see the picture.</p>'


@dataclass(frozen=True)
class Node:
    x: float
    y: float
    label: str
    role: str
    shape: str
    w: float
    h: float
    gradient_at: Point | None = None

    def holds(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether a point lies inside the border, or within `margin` of it."""
        if self.shape == "circle":
            return math.hypot(x - self.x, y - self.y) < self.w / 2 + margin
        return abs(x - self.x) < self.w / 2 + margin and abs(y - self.y) < self.h / 2 + margin


@dataclass(frozen=True)
class Arrow:
    source: str
    target: str
    label: str
    bend: float
    role: str | None
    via: tuple[Point, ...] = ()
    start: Point = (0, 0)
    end: Point = (0, 0)
    label_at: Point | None = None
    gradient_at: Point | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    text: str


class Drawing:
    """A graph of `width` by `height` pixels to which nodes, arrows and texts are added by name."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.nodes: dict[str, Node] = {}
        self.arrows: dict[str, Arrow] = {}
        self.texts: dict[str, Text] = {}
        # Where labels and numbers stand; found when first needed.
        self._places: dict[tuple[str, str], Place] | None = None

    # Adding things

    def node(
        self, name: str, x: float, y: float, label: str | None = None, role: str = "hidden", shape: str = "circle",
        size: float | tuple[float, float] | None = None, gradient_at: Point | None = None,
    ) -> None:  # fmt: skip
        """Add a node; `size` is a diameter for a circle, (width, height) for a box.

        `gradient_at` is where the centre of its gradient stands, if not where there is room.
        """
        self._new(name)
        _one_of("role", role, ROLES)
        _one_of("shape", shape, SIZES)
        size = SIZES[shape] if size is None else size
        w, h = size if isinstance(size, tuple) else (size, size)
        self.nodes[name] = Node(x, y, name if label is None else label, role, shape, w, h, gradient_at)

    def arrow(
        self, source: str, target: str, label: str = "", name: str | None = None, bend: float = 0.0, role: str | None = None,
        *, via: Iterable[Point] = (), start: Point = (0, 0), end: Point = (0, 0), label_at: Point | None = None,
        gradient_at: Point | None = None, dashed: bool = False,
    ) -> None:  # fmt: skip
        """Add an arrow between two nodes, from border to border; its name is "source->target" if none is given.

        `bend` curves it to its left, as seen along the arrow, by that fraction of its length (to its right if negative).
        An arrow from a node to itself is a loop, above the node if `bend` is not negative, else below.

        `via` lists points through which it goes in straight lines with rounded corners, as a wire does; then only the
        sign of `bend` counts, for the side of the label. Such an arrow leaves `start` pixels (right, down) off the
        centre of its source and aims at `end` off the centre of its target. `label_at` is where the label's centre
        stands, if not where there is room, `gradient_at` where that of its number does. `dashed` sets the shaft apart from those of other arrows.
        """
        name = name or f"{source}->{target}"
        self._known([source, target], self.nodes, "node")
        self._new(name)
        if role is not None:
            _one_of("role", role, ROLES)
        through = tuple((x, y) for x, y in via)
        self.arrows[name] = Arrow(source, target, label, bend, role, through, start, end, label_at, gradient_at, dashed)

    def text(self, name: str, x: float, y: float, text: str) -> None:
        """Add a free label, centred on (x, y)."""
        self._new(name)
        self.texts[name] = Text(x, y, text)

    # Rendering

    def svg(
        self, *, describe: str, active: Collection[str] = (), gradient: Collection[str] = (), dim: Collection[str] = (),
        hidden: Collection[str] = (), values: Mapping[str, str] | None = None, gradients: Mapping[str, str] | None = None,
        named: bool = False,
    ) -> Svg:  # fmt: skip
        """Render as SVG.

        `describe` says in words what the drawing shows, for readers who do not see it. The other arguments name nodes,
        arrows and texts: `active` ones are filled in their role's colour, `dim` ones faint, `hidden` ones left out;
        a node in `gradient` gets a purple ring, an arrow in `gradient` a purple arrow that runs back beside it.
        `values` and `gradients` map names of nodes and arrows to short numbers as text, in ink and in purple; a node's
        value may have two lines. With `named`, what belongs to a name carries it as data-name, for scripts to find.

        Raises ValueError if a name is not in the drawing or `describe` is empty, TypeError if a number is not text.
        """
        values, gradients = values or {}, gradients or {}
        if not describe.strip():
            raise ValueError("describe is empty: say in words what the drawing shows")
        everything = self.nodes | self.arrows | self.texts
        for names in (active, dim, hidden):
            self._known(names, everything, "node, arrow or text")
        for names in (gradient, values, gradients):
            self._known(names, self.nodes | self.arrows, "node or arrow")
        if not all(isinstance(number, str) for number in (*values.values(), *gradients.values())):
            raise TypeError("values and gradients are shown as they are: give them as text, such as '0.46'")
        if any(number.count("\n") > (name in self.nodes) for name, number in values.items()):
            raise ValueError("a value has one line, that of a node at most two")

        def group(name: str, role: str | None, content: str) -> str:
            state = " a" * (name in active) + " d" * (name in dim)
            mark = f' data-name="{escape(name)}"' if named else ""
            return f'<g class="r-{role or "plain"}{state}"{mark}>{content}</g>'

        below, above = [], []  # arrows lie under nodes, and all text above both
        for name, arrow in self.arrows.items():
            if name in hidden:
                continue
            kind = "b" if arrow.role == "gradient" else "f m" if name in gradient else "f"
            kind += " p" * arrow.dashed
            paths = _arrow_paths(self._curve(arrow), kind)
            if name in gradient:
                paths += _arrow_paths(self._curve(arrow, back=True), "b")
            below.append(group(name, arrow.role, paths))
            value = f" = {values[name]}" if arrow.label and name in values else values.get(name, "")
            if arrow.label or value:
                content = _text(self._place(name, "label"), _tspans(arrow.label) + escape(value), "l")
                above.append(group(name, arrow.role, content))
        for name, node in self.nodes.items():
            if name in hidden:
                continue
            content = _outline(node, 0, "n")
            if name in gradient:
                content += _outline(node, RING, "ring")
            lines = values[name].split("\n") if name in values else []
            # Room for a number under the label, or for two.
            up, *down = {0: (0,), 1: (7, 10), 2: (14, 3, 15)}[len(lines)]
            content += _text((node.x, node.y - up, 0), _tspans(node.label), "l")
            for line, by in zip(lines, down, strict=True):
                content += _text((node.x, node.y + by, 0), escape(line), "v")
            below.append(group(name, node.role, content))
        for name, text in self.texts.items():
            if name not in hidden:
                above.append(group(name, None, _text((text.x, text.y, 0), _tspans(text.text), "t")))
        for name, number in gradients.items():
            if name not in hidden:
                above.append(_text(self._place(name, "gradient"), escape(number), "g"))
        w, h = _number(self.width), _number(self.height)
        # Not below 0.62 of its size: on a narrow screen the drawing scrolls rather than become too small to read.
        style = f"max-width:{w}px;min-width:{_number(0.62 * self.width)}px"
        return Svg(
            f'<svg class="bh-svg" role="img" aria-label="{escape(describe.strip())}" viewBox="0 0 {w} {h}" '
            f'width="{w}" height="{h}" style="{style}">{"".join(below + above)}</svg>'
        )

    def _repr_html_(self) -> str:
        nodes = ", ".join(self.nodes) or "none"
        links = ", ".join(f"{arrow.source} to {arrow.target}" for arrow in self.arrows.values()) or "none"
        return self.svg(describe=f"A graph. Nodes: {nodes}. Arrows: {links}.")._repr_html_()

    # Names

    def _new(self, name: str) -> None:
        if name in self.nodes or name in self.arrows or name in self.texts:
            raise ValueError(f"the drawing already has something named {name!r}; give each thing its own name")
        self._places = None

    @staticmethod
    def _known(names: Iterable[str], known: Iterable[str], kind: str) -> None:
        if isinstance(names, str):  # its letters would pass for names
            raise ValueError(f"expected a list of names, got the text {names!r}")
        for name in names:
            if name not in known:
                has = ", ".join(known) or "none"
                raise ValueError(f"there is no {kind} named {name!r} in the drawing; it has: {has}")

    # Geometry

    def _curve(self, arrow: Arrow, back: bool = False) -> Curve:
        """The arrow as Bézier curve from border to border; `back`: reversed and set beside it."""
        a, b = self.nodes[arrow.source], self.nodes[arrow.target]
        if arrow.source == arrow.target:
            up = -1 if arrow.bend >= 0 else 1
            grow = GAP if back else 0
            reach, rise = a.w / 2 + 14 + grow, up * (a.h / 2 + 46 + 1.6 * grow)
            points = [(a.x, a.y), (a.x - reach, a.y + rise), (a.x + reach, a.y + rise), (a.x, a.y)]
        elif arrow.via:
            ends = [(node.x + by[0], node.y + by[1]) for node, by in ((a, arrow.start), (b, arrow.end))]
            points = _route([ends[0], *arrow.via, ends[1]], GAP * _label_side(arrow) if back else 0)
        else:
            dx, dy = b.x - a.x, b.y - a.y
            length = math.hypot(dx, dy) or 1.0
            left = (dy / length, -dx / length)
            side = -GAP * _label_side(arrow) if back else 0.0
            bow = side + arrow.bend * length * 4 / 3  # a cubic rises to 3/4 of its control points
            points = [
                (a.x + dx * part + left[0] * by, a.y + dy * part + left[1] * by)
                for part, by in ((0, side), (1 / 3, bow), (2 / 3, bow), (1, side))
            ]
        margin = RING + 2 if back else 2
        start = _border(points, a, 0.0, 1.0, margin)
        end = _border(points, b, 1.0, 0.0, margin)
        if start >= end:  # the nodes touch: nothing is left between their borders
            start, end = 0.0, 1.0
        points = _cut(points, start, end)
        return points[::-1] if back else points

    def _place(self, name: str, kind: str) -> Place:
        """Where the label or the gradient of a node or an arrow stands: the least crowded of a few places near it.

        All places are found at once and with all gradients drawn, so that nothing moves between two renderings.
        """
        if self._places is None:
            self._places = self._find_places()
        return self._places[name, kind]

    def _find_places(self) -> dict[tuple[str, str], Place]:
        lines: list[Point] = []  # points along every arrow, forward and back
        for arrow in self.arrows.values():
            for back in (False, True):
                curve = self._curve(arrow, back)
                lines += [_at(curve, i / 24) for i in range(25)]
        line_points = np.array(lines).reshape(-1, 2)
        taken: list[tuple[float, float, float, float]] = [
            (t.x, t.y, _width(t.text, FONT), FONT) for t in self.texts.values()
        ]
        places: dict[tuple[str, str], Place] = {}

        def crowding(x: float, y: float, w: float, h: float) -> float:
            h += 2
            out = max(0, w / 2 - x, x + w / 2 - self.width) + max(0, h / 2 - y, y + h / 2 - self.height)
            points = np.all(np.abs(line_points - (x, y)) < (w / 2 + 2, h / 2 + 1), axis=1).sum()
            boxes = sum(
                max(0, (w + tw) / 2 + 2 - abs(tx - x)) * max(0, (h + th) / 2 + 1 - abs(ty - y))
                for tx, ty, tw, th in taken
            )
            corners = product((x - w / 2, x, x + w / 2), (y - h / 2, y, y + h / 2))
            nodes = sum(node.holds(px, py, RING + 2) for px, py in corners for node in self.nodes.values())
            return 20 * out + points + boxes / 3 + 3 * nodes

        def settle(
            key: tuple[str, str], candidates: Callable[[float, float], list[Place]], text: str, font: float
        ) -> None:
            name, kind = key
            w = _width(text, font)
            thing = self.nodes.get(name) or self.arrows[name]
            given = thing.gradient_at if kind == "gradient" else thing.label_at if isinstance(thing, Arrow) else None
            if given:
                x, y = given
                places[key] = (x, y, 0)
                taken.append((x, y, w, font))
                return
            found = candidates(w, font)  # best first: a later one must be clearly less crowded
            costs = [crowding(x, y, w, font) + 0.3 * i for i, (x, y, _) in enumerate(found)]
            x, y, lean = found[costs.index(min(costs))]
            # A text to the right of something begins there, one to the left ends there: longer ones grow away from it.
            places[key] = (x - lean * w / 2, y, lean)
            taken.append((x, y, w, font))

        # Labels come first, since they are always there; then numbers, at nodes and then at arrows.
        curves = {name: (self._curve(arrow), _label_side(arrow)) for name, arrow in self.arrows.items()}
        labelled = [name for name, arrow in self.arrows.items() if arrow.label]
        for name in labelled:
            settle((name, "label"), partial(_beside, *curves[name]), self.arrows[name].label, FONT)
        for name, node in self.nodes.items():
            settle((name, "gradient"), partial(_around, node), "-0.000", SMALL)
        for name, (curve, side) in curves.items():
            if name not in labelled:
                settle((name, "label"), partial(_beside, curve, side), "-0.00", FONT)
            settle((name, "gradient"), partial(_beside, curve, -side), "-0.000", SMALL)
        return places


# Curves: a list of points in which each four, the last of one also the first of the next, are a cubic Bézier. Such
# a list with more than four points is a chain of cubics; its parameter goes along its length.


def _at(curve: Curve, t: float) -> Point:
    if len(curve) > 4:
        number, t = _find(curve, t)
        curve = curve[3 * number : 3 * number + 4]
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x, y = (sum(w * p[i] for w, p in zip(weights, curve, strict=True)) for i in (0, 1))
    return x, y


def _cut(curve: Curve, start: float, end: float) -> Curve:
    """The part of the curve between two parameters."""
    if len(curve) > 4:
        (i, s), (j, e) = _find(curve, start), _find(curve, end)
        pieces = [curve[3 * k : 3 * k + 4] for k in range(i, j + 1)]
        if i == j:
            return _cut(pieces[0], s, e)
        pieces[0], pieces[-1] = _cut(pieces[0], s, 1), _cut(pieces[-1], 0, e)
        return [*pieces[0], *(point for piece in pieces[1:] for point in piece[1:])]

    def first(points: Curve, t: float) -> Curve:  # de Casteljau
        kept = [points[0]]
        while len(points) > 1:
            points = [_mix(a, b, t) for a, b in zip(points, points[1:], strict=False)]
            kept.append(points[0])
        return kept

    return first(first(curve, end)[::-1], 1 - start / end)[::-1]


def _mix(p: Point, q: Point, part: float) -> Point:
    return p[0] + part * (q[0] - p[0]), p[1] + part * (q[1] - p[1])


def _find(chain: Curve, t: float) -> tuple[int, float]:
    """Which cubic of the chain holds the parameter, and the parameter within it."""
    lengths = _lengths(tuple(chain))
    left, number = t * sum(lengths), 0
    while left > lengths[number] and number < len(lengths) - 1:
        left -= lengths[number]
        number += 1
    return number, min(1.0, left / lengths[number]) if lengths[number] else 0.0


@cache
def _lengths(chain: tuple[Point, ...]) -> list[float]:
    cubics = [chain[i : i + 4] for i in range(0, len(chain) - 1, 3)]
    return [sum(math.dist(_at(c, i / 8), _at(c, (i + 1) / 8)) for i in range(8)) for c in cubics]


def _route(points: Curve, aside: float) -> Curve:
    """Straight lines through the points as a chain of cubics with rounded corners, shifted to their right."""

    def towards(p: Point, q: Point) -> Point:
        return _mix(p, q, min(0.5, CORNER / (math.dist(p, q) or 1.0)))

    def normal(p: Point, q: Point) -> Point:  # to the right of the way from p to q
        length = math.dist(p, q) or 1.0
        return (p[1] - q[1]) / length, (q[0] - p[0]) / length

    normals = [normal(p, q) for p, q in zip(points, points[1:], strict=False)]
    shifted = []
    for point, m, n in zip(points, (normals[0], *normals), (*normals, normals[-1]), strict=True):
        by = aside / (1 + m[0] * n[0] + m[1] * n[1])
        shifted.append((point[0] + by * (m[0] + n[0]), point[1] + by * (m[1] + n[1])))
    chain = [shifted[0]]
    for before, corner, after in zip(shifted, shifted[1:], shifted[2:], strict=False):
        a, b = towards(corner, before), towards(corner, after)
        chain += [
            _mix(chain[-1], a, 1 / 3),
            _mix(chain[-1], a, 2 / 3),
            a,
            _mix(a, corner, 0.55),
            _mix(b, corner, 0.55),
            b,
        ]
    last = chain[-1]
    return [*chain, _mix(last, shifted[-1], 1 / 3), _mix(last, shifted[-1], 2 / 3), shifted[-1]]


def _border(curve: Curve, node: Node, inside: float, outside: float, margin: float) -> float:
    """The parameter at which the curve is `margin` pixels off the node, coming from the parameter `inside`."""
    steps = [inside + (outside - inside) * i / 64 for i in range(65)]
    beyond = next((t for t in steps if not node.holds(*_at(curve, t), margin)), outside)
    within = beyond - (outside - inside) / 64
    for _ in range(12):
        middle = (within + beyond) / 2
        within, beyond = (middle, beyond) if node.holds(*_at(curve, middle), margin) else (within, middle)
    return beyond


def _label_side(arrow: Arrow) -> int:
    """1 if the arrow's label stands to its left, -1 if to its right; the gradient runs on the other side."""
    return -1 if arrow.bend < 0 else 1


def _beside(curve: Curve, side: int, w: float, h: float) -> list[Place]:
    """Centres for a text of w by h pixels beside the curve, best first: its middle, then towards its ends."""
    centres = []
    for gap, t, s in product((6, GAP + 6), (0.5, 0.4, 0.6, 0.28, 0.72), (side, -side)):
        (x0, y0), (x, y), (x1, y1) = (_at(curve, t + e) for e in (-0.02, 0, 0.02))
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = s * (y1 - y0) / length, -s * (x1 - x0) / length
        away = gap + abs(nx) * w / 2 + abs(ny) * h / 2
        centres.append((x + nx * away, y + ny * away, _lean(nx)))
    return centres


def _around(node: Node, w: float, h: float) -> list[Place]:
    """Centres for a text of w by h pixels outside the node and its ring, best first."""
    angles = (-45, -135, 45, 135, -65, -115, 65, 115, -25, -155, 25, 155, -90, 90, 0, 180)
    centres = []
    for angle in (math.radians(a) for a in angles):
        c, s = math.cos(angle), math.sin(angle)
        a, b = node.w / 2 + RING + 4, node.h / 2 + RING + 4
        if node.shape == "circle":  # outwards until the text's nearest point is clear
            away = a
            while math.hypot(max(0, abs(away * c) - w / 2), max(0, abs(away * s) - h / 2)) < a:
                away += 1
        else:  # on the border of a box that leaves room for the text
            away = min((a + w / 2) / max(abs(c), 1e-9), (b + h / 2) / max(abs(s), 1e-9))
        centres.append((node.x + away * c, node.y + away * s, _lean(c)))
    return centres


def _lean(x: float) -> int:
    """1, 0 or -1: whether a text lies to the right of something, above or below it, or to the left."""
    return (x > 0.35) - (x < -0.35)


# SVG


def _number(x: float) -> str:
    return f"{x:.1f}".rstrip("0").rstrip(".") if x % 1 else f"{x:.0f}"


def _outline(node: Node, grow: float, kind: str) -> str:
    if node.shape == "circle":
        return (
            f'<circle class="{kind}" cx="{_number(node.x)}" cy="{_number(node.y)}" r="{_number(node.w / 2 + grow)}"/>'
        )
    w, h = node.w + 2 * grow, node.h + 2 * grow
    corner = (node.x - w / 2, node.y - h / 2)
    return '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="5"/>'.format(kind, *map(_number, (*corner, w, h)))


def _arrow_paths(curve: Curve, kind: str) -> str:
    """Shaft and head. Forward heads are filled triangles, heads of gradients are open: they differ without colour."""
    tip = curve[-1]
    length = (
        sum(math.dist(_at(curve, i / 8), _at(curve, (i + 1) / 8)) for i in range(8))
        if len(curve) == 4
        else sum(_lengths(tuple(curve)))
    ) or 1.0
    base = _at(curve, max(0.0, 1 - 9 / length))
    size = math.dist(base, tip) or 1.0
    ux, uy = (tip[0] - base[0]) / size, (tip[1] - base[1]) / size
    wings = [(tip[0] - 9 * ux - s * uy, tip[1] - 9 * uy + s * ux) for s in (4.5, -4.5)]
    back = kind.startswith("b")
    if not back:
        curve = _cut(curve, 0.0, max(0.01, 1 - 7 / length))  # a filled head covers the rest of the shaft
    p = [f"{_number(x)} {_number(y)}" for x, y in curve]
    h = [f"{_number(x)} {_number(y)}" for x, y in (wings[0], tip, wings[1])]
    return (
        f'<path class="{kind}" d="M{p[0]}C{" ".join(p[1:])}"/>'
        f'<path class="{kind} h" d="M{h[0]}L{h[1]}L{h[2]}{"" if back else "Z"}"/>'
    )


def _text(place: Place, content: str, kind: str) -> str:
    x, y, lean = place
    kind += {1: " e", 0: "", -1: " w"}[lean]
    return f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}">{content}</text>'


# Label markup

_LETTER = r"[^\W\d_][\u0300-\u036f]*"
_SCRIPT = re.compile(r"([_^])(\([^)]*\)|\{[^}]*\}|[\w+\-*′⊤]+?(?=[_^]|\b|$))")
_WORD = re.compile(rf"((?:{_LETTER})+)")


def label_runs(label: str) -> list[tuple[str, int]]:
    """Split a label into (text, level): level 0 on the line, 1 raised, -1 lowered."""
    runs: list[tuple[str, int]] = []
    at = 0
    for match in _SCRIPT.finditer(label):
        if match.start() > at:
            runs.append((label[at : match.start()], 0))
        runs.append((match[2].strip("{}"), 1 if match[1] == "^" else -1))
        at = match.end()
    return [*runs, (label[at:], 0)] if at < len(label) else runs


def italics(text: str, sentence: bool) -> str:
    """Variables in italics: single letters, and d or δ or ∂ with one letter. Words stay upright, as does the word a."""
    out = []
    for i, part in enumerate(_WORD.split(text)):
        letters = len(re.findall(_LETTER, part)) if i % 2 else 0  # every second part is a word
        single = letters == 1 and not (sentence and part in "aAI")
        gradient = letters == 2 and part[0] in "dδ∂"
        out.append(f'<tspan class="i">{escape(part)}</tspan>' if single or gradient else escape(part))
    return "".join(out)


def _tspans(label: str) -> str:
    """A label as SVG: raised and lowered parts become shifted tspans, one above the other if both follow one letter."""
    out, shift, previous = [], 0.0, None
    for text, level in label_runs(label):
        wanted = {0: 0.0, 1: -0.34, -1: 0.26}[level]
        attributes = f' dy="{_number((wanted - shift) * FONT)}"' if wanted != shift else ""
        if level and previous and previous[1] == -level:  # both scripts of one letter start at the same place
            attributes += f' dx="-{_number(_width(previous[0], 0.72 * FONT))}"'
        if level:
            attributes += ' class="s"'
        words = italics(text, sentence=" " in label)
        out.append(f"<tspan{attributes}>{words}</tspan>" if attributes else words)
        shift, previous = wanted, (text, level)
    return "".join(out)


def _width(label: str, font: float) -> float:
    """Roughly how many pixels wide a label is."""
    width = {" ": 0.3, "(": 0.34, ")": 0.34, ".": 0.28, ",": 0.28, "i": 0.3, "l": 0.3, "t": 0.34, "f": 0.34, "j": 0.3}
    return sum(width.get(c, 0.55) * font * (0.72 if level else 1) for text, level in label_runs(label) for c in text)


def _one_of(what: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}; it must be one of {', '.join(allowed)}")
