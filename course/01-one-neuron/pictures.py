"""The pictures of lesson 01: loss curves to walk down, a line that finds its place, and figures of what was measured."""

import re
from html import escape

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.numerals import factor, numeral
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

# The worked example: four points.
X, Y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0, 5.0])


def neuron():
    """A linear neuron with three inputs and a bias."""
    d = Drawing(460, 300)
    for j, y in ((1, 110), (2, 190), (3, 270)):
        d.node(f"x{j}", 40, y, f"x_{j}", "input")
    d.node("one", 40, 30, "1", "muted")
    d.node("y_hat", 230, 150, "ŷ", "output", size=60)
    d.node("J", 415, 150, "J", "loss", size=56)
    d.node("y", 320, 250, "y", "muted")
    d.arrow("one", "y_hat", "b", role="parameter")
    for j in (1, 2, 3):
        d.arrow(f"x{j}", "y_hat", f"w_{j}", role="parameter")
    d.arrow("y_hat", "J")
    d.arrow("y", "J")
    return d.svg(
        describe="A neuron. Three inputs x1, x2 and x3 and a constant 1 each have an arrow into the prediction. The arrows carry the "
        "weights w1, w2, w3 and the bias b. Prediction and target y both lead into the loss J.",
    )


# Curves as SVG: in the style sheet of byhand's drawings, so that they follow the page's theme


class Chart:
    """A panel with axes, from data to pixels. Its methods return pieces of SVG, or nothing for what lies outside."""

    def __init__(self, left, top, width, height, xlim, ylim):
        self.left, self.top, self.width, self.height = left, top, width, height
        self.xlim, self.ylim = xlim, ylim

    def at(self, x, y):
        """Data to pixels."""
        (x0, x1), (y0, y1) = self.xlim, self.ylim
        return self.left + (x - x0) / (x1 - x0) * self.width, self.top + (y1 - y) / (y1 - y0) * self.height

    def inside(self, x, y):
        (x0, x1), (y0, y1) = self.xlim, self.ylim
        return x0 <= x <= x1 and y0 <= y <= y1

    def axes(self, xlabel, ylabel, xticks, yticks):
        left, bottom, right = self.left, self.top + self.height, self.left + self.width
        parts = [f'<path class="f" d="M{left:.1f} {self.top:.1f}V{bottom:.1f}H{right:.1f}"/>']
        for tick in xticks:
            x = self.at(tick, self.ylim[0])[0]
            parts.append(f'<path class="f" d="M{x:.1f} {bottom:.1f}v5"/>' + _words(x, bottom + 15, numeral(tick, "g"), "v"))
        for tick in yticks:
            y = self.at(self.xlim[0], tick)[1]
            parts.append(f'<path class="f" d="M{left:.1f} {y:.1f}h-5"/>' + _words(left - 9, y, numeral(tick, "g"), "v w"))
        parts.append(_words(left + self.width / 2, bottom + 34, xlabel, "t"))
        parts.append(_words(left + 6, self.top - 10, ylabel, "t e"))
        return f'<g class="r-plain">{"".join(parts)}</g>'

    def line(self, points, role, strong=False, faint=False, dashed=False):
        """A line through the points, interrupted where it leaves the panel."""
        pieces, pen = [], "M"
        for x, y in points:
            if self.inside(x, y):
                px, py = self.at(x, y)
                pieces.append(f"{pen}{px:.1f} {py:.1f}")
                pen = "L"
            else:
                pen = "M"
        style = ' style="stroke-dasharray:3 4"' if dashed else ""
        state = " a" * strong + " d" * faint
        return f'<g class="r-{role}{state}"><path class="f" d="{"".join(pieces)}"{style}/></g>' if pieces else ""

    def dot(self, x, y, role, filled=True, size=6, faint=False):
        if not self.inside(x, y):
            return ""
        px, py = self.at(x, y)
        return f'<g class="r-{role}{" a" * filled}{" d" * faint}"><circle class="n" cx="{px:.1f}" cy="{py:.1f}" r="{size}"/></g>'

    def arrow(self, start, end, role):
        """A straight arrow in data coordinates; nothing where it would be shorter than its head."""
        (x0, y0), (x1, y1) = self.at(*start), self.at(*end)
        length = np.hypot(x1 - x0, y1 - y0)
        if length < 4:
            return ""
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        head = min(10.0, length)
        bx, by = x1 - head * ux, y1 - head * uy
        wing = 0.5 * head
        return (
            f'<g class="r-{role} a"><path class="f" d="M{x0:.1f} {y0:.1f}L{bx:.1f} {by:.1f}"/>'
            f'<path class="f h" d="M{bx - wing * uy:.1f} {by + wing * ux:.1f}L{x1:.1f} {y1:.1f}'
            f'L{bx + wing * uy:.1f} {by - wing * ux:.1f}Z"/></g>'
        )

    def note(self, x, y, text, kind="t", dx=0, dy=0):
        px, py = self.at(x, y)
        return f'<g class="r-plain">{_words(px + dx, py + dy, text, kind)}</g>'


def _words(x, y, text, kind):
    """A text; variables, which are single letters, in italics."""
    marked = re.sub(r"\b([A-Za-z])\b", r'<tspan class="i">\1</tspan>', escape(text))
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{marked}</text>'


def _picture(width, height, content, describe):
    """The same frame that byhand's drawings have, named for screen readers; narrow, so that a telephone shows all of it."""
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{escape(describe)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="max-width:{1.2 * width:.0f}px;min-width:{0.6 * width:.0f}px">{content}</svg>'
    )


# Walking down one curve


def hill(w):
    """The loss of the worked example when the bias stays 0: the curve of the fog."""
    return 3.5 * w * w - 11 * w + 9.75


def slope(w):
    return 7 * w - 11


def fog_stepper(eta=0.1, steps=4):
    """Gradient descent on the hill: look at the slope, take a step, and so on; at the end the fog lifts."""
    chart = Chart(42, 30, 408, 250, (-0.35, 2.75), (0, 14))
    visited, frames = [0.0], []

    def drawing(tangent=None, step=None, lifted=False, says=""):
        parts = [chart.axes("w", "height J", (0, 0.5, 1, 1.5, 2, 2.5), (0, 5, 10))]
        if lifted:
            parts.append(chart.line([(w, hill(w)) for w in np.linspace(-0.35, 2.75, 161)], "loss"))
        for w in visited:  # what one can see in the fog: the ground under one's feet
            around = np.linspace(w - 0.1, w + 0.1, 9)
            parts.append(chart.line([(v, hill(v)) for v in around], "loss", strong=True))
        if tangent is not None:
            ends = tangent - 0.4, tangent + 0.4
            parts.append(
                chart.line([(v, hill(tangent) + slope(tangent) * (v - tangent)) for v in np.linspace(*ends, 45)], "gradient", strong=True, dashed=True)
            )  # fmt: skip
        if step is not None:
            start, end = step
            parts.append(chart.line([(start, h) for h in np.linspace(0, hill(start), 30)], "muted", dashed=True))
            parts.append(chart.line([(end, h) for h in np.linspace(0, hill(end), 30)], "muted", dashed=True))
            parts.append(chart.arrow((start, 0.6), (end, 0.6), "parameter"))
        for w in visited[:-1]:
            parts.append(chart.dot(w, hill(w), "parameter", filled=False, size=5))
        parts.append(chart.dot(visited[-1], hill(visited[-1]), "parameter"))
        return _picture(460, 322, "".join(parts), f"The height J over w, from -0.35 to 2.75. {says}")

    frames.append(
        Frame(
            drawing(says="Only the ground near w = 0 is visible, at a height of 9.75."),
            rf"\par{{w}} = 0, \qquad \loss{{J}}(0) = {hill(0):g}",
            "You stand at $w = 0$, and the fog is dense. You see how high you are, and the ground at your feet. Nothing else.",
        )
    )
    for k in range(steps):
        w = visited[-1]
        g = slope(w)
        frames.append(
            Frame(
                drawing(tangent=w, says=f"At w = {w:.5g} a dashed line shows the slope, {g:.5g}."),
                rf"\grad{{\frac{{dJ}}{{dw}}}} = 7\cdot {w:.5g} - 11 = \grad{{{g:.5g}}}",
                "Feel the ground: the dashed line has its slope. It is negative, so the ground falls to the right."
                if k == 0
                else f"The slope here is {numeral(g, '.5g')}"
                + (
                    ", less steep than before. So the next step will be shorter, though nobody has changed $\\eta$."
                    if k == 1
                    else "."
                ),
            )
        )
        visited.append(w - eta * g)
        frames.append(
            Frame(
                drawing(
                    step=(w, visited[-1]),
                    says=f"An arrow along the axis leads from w = {w:.5g} to w = {visited[-1]:.5g}.",
                ),
                rf"\par{{w}} \leftarrow {w:.5g} - {eta:g}\cdot {factor(g, '.5g')} = \par{{{visited[-1]:.5g}}}",
                f"Step {k + 1}: against the slope, as far as $\\eta$ times the slope. The height is now {hill(visited[-1]):.4f}.",
            )
        )
    best = 11 / 7
    frames.append(
        Frame(
            drawing(lifted=True, says=f"The whole curve is visible: a valley whose lowest point is at w = {best:.4f}."),
            rf"\grad{{\frac{{dJ}}{{dw}}}} = 0 \quad\text{{at}}\quad \par{{w}} = \frac{{11}}{{7}} = {best:.4f}\dots",
            f"The fog lifts. The bottom of the valley is at $w = 11/7$, and you are {best - visited[-1]:.4f} away from it. At the bottom the slope "
            "is zero, and a step would lead nowhere.",
        )
    )
    return Stepper(frames, "Gradient descent in the fog: four steps with η = 0.1")


def rate_stepper(steps=12):
    """The same walk with other learning rates: one frame each. Needs no kernel."""
    chart = Chart(42, 30, 408, 250, (-1.2, 4.4), (0, 30))
    curve = [(w, hill(w)) for w in np.linspace(-1.2, 4.4, 281)]
    frames = []
    sayings = (
        (0.001, "Far too small. After 12 steps the walker has hardly moved. Nothing is wrong with the direction, but it would take hundreds of steps."),
        (0.02, "Small. Every step goes the right way and covers 14 percent of what is left."),
        (0.1, "Good. Every step covers 70 percent of what is left: the walk through the fog that you have seen."),
        (1 / 7, "The very best for this curve: $\\eta = 1/7$, one divided by the second derivative. A single step lands on the minimum."),
        (0.22, "Too far, but not fatally. Every step jumps over the minimum and lands nearer to it on the other side."),
        (0.27, "Wilder. The jumps still become shorter, by 11 percent each."),
        (2 / 7, "The border, $\\eta = 2/7$. The walker jumps to and fro between two points of the same height, for ever. This is the only learning rate that does."),
        (0.3, "Beyond the border. Every jump is 10 percent longer than the one before, and soon leaves the picture. This is no convergence to another place: the loss grows without bound."),
    )  # fmt: skip
    for eta, says in sayings:
        walk = [0.0]
        for _ in range(steps):
            walk.append(walk[-1] - eta * slope(walk[-1]))
        parts = [chart.axes("w", "loss J", (-1, 0, 1, 2, 3, 4), (0, 10, 20, 30)), chart.line(curve, "loss")]
        shown = [w for w in walk if chart.inside(w, hill(w))]
        for a, b in zip(shown, shown[1:], strict=False):
            ends = np.array([(a, hill(a)), (b, hill(b))])
            parts.append(chart.line([tuple((1 - t) * ends[0] + t * ends[1]) for t in (0, 1)], "parameter", dashed=True))
        for w in shown[:-1]:
            parts.append(chart.dot(w, hill(w), "parameter", filled=False, size=5))
        parts.append(chart.dot(shown[-1], hill(shown[-1]), "parameter", filled=len(shown) == len(walk), size=6))
        parts.append(chart.note(0, hill(0), "start", "t w", dx=-11, dy=-2))
        factor = 1 - 7 * eta
        name = {1 / 7: r"\tfrac17", 2 / 7: r"\tfrac27"}.get(eta, f"{eta:g}")
        frames.append(
            Frame(
                _picture(
                    460, 322, "".join(parts),
                    f"A parabola with its minimum at w = 1.57. With learning rate {eta:.4g} the walk from w = 0 passes "
                    f"{', '.join(f'{w:.3g}' for w in walk[1:6])} and is at {walk[-1]:.4g} after {steps} steps.",
                ),
                [
                    rf"\eta &= {name} & \quad 1 - \eta\lambda &= {0 if abs(factor) < 1e-12 else factor:.4g}",
                    rf"& & \quad \par{{w}}^{{({steps})}} &= {walk[-1]:.4f}",
                ],
                says,
            )
        )  # fmt: skip
    return Stepper(frames, "Turn up the learning rate: twelve steps from w = 0")


# Two parameters: the line and its place on the map


def epochs_of(eta, count):
    """w, b, J, dw, db of the worked example at the start of each epoch, from w = b = 0."""
    rows, w, b = [], 0.0, 0.0
    for _ in range(count + 1):
        error = w * X + b - Y
        dw, db = 2 * np.mean(error * X), 2 * np.mean(error)
        rows.append((w, b, np.mean(error**2), dw, db))
        w, b = w - eta * dw, b - eta * db
    return np.array(rows)


def line_stepper(eta=0.1, shown=(0, 1, 2, 3, 5, 10, 20, 40, 100)):
    """Epoch by epoch: the line in the cloud of points, and its two parameters on a map of the loss."""
    left = Chart(30, 30, 190, 190, (-0.4, 3.6), (-0.6, 5.6))
    right = Chart(275, 30, 190, 190, (-0.15, 2.05), (-0.15, 2.05))
    rows = epochs_of(eta, max(shown))
    H = np.array([[7.0, 3.0], [3.0, 2.0]])  # second derivatives of J in w and b
    values, vectors = np.linalg.eigh(H)
    circle = np.linspace(0, 2 * np.pi, 181)
    frames = []
    for epoch in shown:
        w, b, J, dw, db = rows[epoch]
        parts = [
            left.axes("x", "y", (0, 1, 2, 3), (0, 2, 4)),
            right.axes("w", "b", (0, 0.5, 1, 1.5, 2), (0, 0.5, 1, 1.5, 2)),
        ]
        parts.append(left.line([(v, w * v + b) for v in np.linspace(-0.4, 3.6, 81)], "output", strong=True))
        for x, y in zip(X, Y, strict=True):
            parts.append(left.line([(x, v) for v in np.linspace(w * x + b, y, 40)], "loss", dashed=True))
            parts.append(left.dot(x, y, "input"))
        for level in (0.7, 0.9, 1.5, 3.0, 6.0, 9.75):  # the points where J has this height lie on an ellipse
            radius = np.sqrt(2 * (level - 0.675) / values)
            ring = (vectors * radius) @ np.array([np.cos(circle), np.sin(circle)])
            parts.append(right.line((ring.T + 1.1).tolist(), "loss", faint=level > 1.0))
        path = [(r[0], r[1]) for r in rows[: epoch + 1]]
        parts.append(right.line(path, "parameter", strong=True))
        for point in path[:-1]:
            parts.append(right.dot(*point, "parameter", filled=False, size=3.5))
        parts.append(right.dot(w, b, "parameter"))
        first = "The line lies on the floor: $w = b = 0$, and every prediction is 0. The dashed lines are the errors. On the map, $J$ is equal along each ring."
        frames.append(
            Frame(
                _picture(
                    475, 262, "".join(parts),
                    f"Left: four points and the line y = {w:.4f} x + {b:.4f}. Right: a map of the loss over w and b with rings of equal "
                    f"height around (1.1, 1.1), and the path of the parameters up to epoch {epoch}, now at ({w:.4f}, {b:.4f}).",
                ),
                [
                    rf"\par{{w}} &= {w:.4f} & \quad \grad{{\partial J/\partial w}} &= \grad{{{dw:.4f}}}",
                    rf"\par{{b}} &= {b:.4f} & \quad \grad{{\partial J/\partial b}} &= \grad{{{db:.4f}}}",
                    rf"\loss{{J}} &= {J:.4f} & &",
                ],
                first if epoch == 0 else _line_saying(epoch),
            )
        )  # fmt: skip
    return Stepper(frames, "The line finds its place: epochs with η = 0.1")


def _line_saying(epoch):
    return {
        1: "After one epoch: a long step, straight against the gradient. It crosses the rings at a right angle where it begins.",
        2: "After two epochs. Now $w$ is larger than it will be in the end: with so small a $b$, a steeper line is the best that can be had.",
        3: "After three epochs. The steps have become short: we have arrived at the bottom of a narrow valley.",
        5: "After five epochs. Along the valley the slope is small, and so are the steps.",
        10: "After ten epochs: $b$ climbs, and $w$ gives way.",
        20: "After twenty epochs. In ten epochs the gradient has become about half as large: each epoch leaves 94 percent of it.",
        40: "After forty epochs the line hardly changes any more, though the parameters have still some way to go.",
        100: "After a hundred epochs: $w$ and $b$ are 1.1 to two decimals. The errors do not vanish; no line passes through all four points.",
    }[epoch]


# Figures


def loss_over_epochs(curves):
    """`curves` maps a label to (epochs, losses)."""
    fig, ax = plt.subplots()
    styles = ("-", "--", "-.", ":")
    roles = ("input", "output", "hidden", "gradient")
    for (label, (x, J)), dashes, role in zip(curves.items(), styles, roles, strict=False):
        ax.plot(x, J, dashes, color=PALETTE[role][0], label=label)
    ax.set(xlabel="epoch", ylabel="loss J", ylim=(0, None))
    ax.legend()
    return fig


def wave(x, y):
    """Loss and slope of a neuron with a sine for its activation, as functions of its one weight."""

    def J(w):
        return np.mean((np.sin(np.multiply.outer(w, x)) - y) ** 2, axis=-1)

    def slope(w):
        a = np.multiply.outer(w, x)
        return np.mean(2 * (np.sin(a) - y) * np.cos(a) * x, axis=-1)

    return J, slope


WAVE_X = np.linspace(-2.5, 2.5, 11)
RANGE, WAVE = (0.0, 7.0), wave(WAVE_X, np.sin(3 * WAVE_X))


def _walk(ax, start, eta, steps):
    J, slope = WAVE
    w = [start]
    for _ in range(steps):
        w.append(w[-1] - eta * slope(w[-1]))
    w = np.array(w)
    seen = np.linspace(*RANGE, 500)
    ax.plot(seen, J(seen), color=PALETTE["loss"][0], lw=1.4)
    ax.plot(w, J(w), ".--", color=PALETTE["parameter"][0], lw=0.8, ms=5)
    ax.plot(w[0], J(w[0]), "o", color=PALETTE["parameter"][0], mfc="white", ms=7)
    ax.plot(w[-1], J(w[-1]), "o", color=PALETTE["parameter"][0], ms=7)
    ax.set(xlim=RANGE, ylim=(-0.08, 1.75))
    return w


def mountain_range(starts, rates, steps=25):
    """Walks on a curve with several valleys: a row of panels for each learning rate, a column for each start."""
    fig, axes = plt.subplots(len(rates), len(starts), figsize=(7.2, 2.0 * len(rates)), sharex=True, sharey=True)
    for row, eta in zip(axes, rates, strict=True):
        for ax, start in zip(row, starts, strict=True):
            w = _walk(ax, start, eta, steps)
            ax.set_title(f"start {start:g}, η = {eta:g}: end {w[-1]:.2f}", fontsize=9.5)
    for ax in axes[-1]:
        ax.set_xlabel("w")
    for row in axes:
        row[0].set_ylabel("loss J")
    return fig


def descent_player():
    """Sliders for start and learning rate on the curve with several valleys; computed anew for each setting."""
    import ipywidgets as widgets

    start = widgets.FloatSlider(4.0, min=0, max=7, step=0.1, description="start w", continuous_update=False)
    eta = widgets.FloatLogSlider(0.05, min=-3, max=1, step=0.1, description="rate η", continuous_update=False)

    def draw(start, eta):
        _, ax = plt.subplots(figsize=(6.4, 3.2))
        w = _walk(ax, start, eta, 25)
        ax.set(xlabel="w", ylabel="loss J", title=f"25 steps, end at w = {w[-1]:.3f}, J = {WAVE[0](w[-1]):.3f}")

    return live_figure(draw, {"start": start, "eta": eta})


def two_axes():
    """The map of the four points' bowl with its two axes, and the walk of gradient descent along them."""
    H, best = np.array([[7.0, 3.0], [3.0, 2.0]]), np.array([1.1, 1.1])  # second derivatives, and the lowest point
    curvatures, directions = np.linalg.eigh(H)
    fig, ax = plt.subplots(figsize=(6.4, 4.4))
    w, b = np.meshgrid(np.linspace(-0.7, 2.9, 200), np.linspace(-0.6, 2.8, 200))
    d = np.stack([w, b], axis=-1) - best
    J = 0.675 + 0.5 * np.einsum("...i,ij,...j", d, H, d)
    ax.contour(w, b, J, levels=[0.75, 1.2, 2.5, 5, 9], colors=PALETTE["loss"][0], linewidths=0.9)
    for curvature, direction, role, long in zip(curvatures, directions.T, ("hidden", "output"), (1.75, 0.75), strict=True):
        ends = best + long * np.outer([-1, 1], direction)
        ax.plot(*ends.T, "--", color=PALETTE[role][0], lw=1.6, label=f"axis with λ = {curvature:.4f}")
    walk = epochs_of(0.1, 100)[:, :2]
    ax.plot(*walk.T, ".-", color=PALETTE["parameter"][0], lw=0.9, ms=6, label="100 epochs, η = 0.1")
    ax.set(xlabel="w", ylabel="b", aspect="equal", xlim=(-0.7, 2.9), ylim=(-0.6, 2.8))
    ax.legend(loc="upper right", fontsize=9.5, frameon=True, framealpha=1, edgecolor="none")
    return fig


def sigmoid_and_losses():
    """Left the sigmoid and its slope, right what an example of class 1 costs, by two losses, each over the sum a."""
    a = np.linspace(-8, 8, 321)
    p = 1 / (1 + np.exp(-a))
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.1))
    left.plot(a, p, color=PALETTE["output"][0], label="p = σ(a)")
    left.plot(a, p * (1 - p), "--", color=PALETTE["gradient"][0], label="its slope, p (1 − p)")
    left.set(xlabel="sum a", ylim=(-0.03, 1.03))
    left.legend(fontsize=9.5, loc="upper left")
    right.plot(a, np.logaddexp(0, -a), color=PALETTE["loss"][0], label="cross-entropy, −log p")
    right.plot(a, (p - 1) ** 2, "--", color=PALETTE["input"][0], label="squared error, (p − 1)²")
    right.set(xlabel="sum a, right class 1", ylim=(0, 8.3))
    right.legend(fontsize=9.5, loc="upper right")
    return fig
