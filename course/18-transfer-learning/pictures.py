"""The drawings of lesson 18: batch norm back, routes through residual blocks, depth, a block's shapes, what is frozen, a shuffle buffer."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from byhand import svg
from byhand.choices import Choices
from byhand.drawing import Drawing
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper


def _n(number, form=".4f"):
    """A number as a factor in LaTeX: in brackets where it is negative."""
    return f"({number:{form}})" if number < 0 else f"{number:{form}}"


# Routes through residual blocks ------------------------------------------------------------------


def chain(h, w):
    """Three residual blocks of one number each, h ← h + w tanh h, as a drawing and its edges."""
    d = Drawing(700, 190)
    for k in range(4):
        d.node(f"h{k}", 70 + 187 * k, 95, f"h_{k}", "input" if k == 0 else "output" if k == 3 else "hidden", size=66)
    edges = {}
    for k in range(1, 4):
        slope = w[k - 1] * (1 - np.tanh(h[k - 1]) ** 2)
        edges |= {f"I{k}": Edge(1.0, "1"), f"F{k}": Edge(float(slope), f"F_{k}'")}
        middle = 70 + 187 * k - 93.5
        d.arrow(f"h{k - 1}", f"h{k}", "1", name=f"I{k}", bend=0.22, label_at=(middle + 50, 44))
        d.arrow(f"h{k - 1}", f"h{k}", f"F_{k}'", name=f"F{k}", bend=-0.22, label_at=(middle + 50, 148))
    return d, edges


GRAPH = (
    "Four circles in a row, h0 to h3. From each to the next lead two arrows: the upper one is the identity, with slope 1, the lower one the "
    "block F, with slope F'."
)


def routes_through_blocks(h, w):
    """The picker: every route from h0, h1 or h2 to h3."""
    d, edges = chain(h, w)
    return RoutePicker(
        Routes(d, edges, "h3"), "Routes through three residual blocks", describe=GRAPH, variables=["h0", "h1", "h2"],
        values={f"h{k}": numeral(v, ".3f") for k, v in enumerate(h)},
    )  # fmt: skip


def blocks_switched_off(h, w):
    """One block after the other left out: which of the eight routes are gone, and what is left of the derivative."""
    d, edges = chain(h, w)
    slopes, frames = [edges[f"F{k}"].number for k in (1, 2, 3)], []
    sentences = (
        "All blocks are there. Eight routes: at each block around it or through it. The shortest is the identity all the way, and it brings 1.",
        "Block 1 is left out. The four routes through it are gone; the other four are as they were. The signal still arrives.",
        "Block 2 is left out. Again four routes are gone. That block had a negative slope, so the derivative is larger without it.",
        "Block 3 is left out.",
        "All blocks are left out. One route is left, and the derivative is 1.",
    )
    for off, sentence in zip(((), (1,), (2,), (3,), (1, 2, 3)), sentences, strict=True):
        on = [k for k in (1, 2, 3) if k not in off]
        routes = [[k for place, k in enumerate(on) if number >> place & 1] for number in range(2 ** len(on))]
        routes.sort(key=lambda r: (len(r), r))
        terms = ["1" if not r else " ".join(f"F_{k}'" for k in r) for r in routes]
        numbers = ["1" if not r else _n(float(np.prod([slopes[k - 1] for k in r]))) for r in routes]
        total = float(np.prod([1 + slopes[k - 1] for k in on]))
        lines = [rf"\frac{{dh_3}}{{dh_0}} &= {' + '.join(terms)}"]
        if len(on):
            rows = [" + ".join(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]
            lines += [rf"&= {rows[0]}", *(rf"& \quad + {row}" for row in rows[1:]), rf"&= \grad{{{total:.4f}}}"]
        names = [name for name in d.arrows if not (name[0] == "F" and int(name[1]) in off)]
        frames.append(
            Frame(
                d.svg(
                    hidden=[f"F{k}" for k in off], gradient=names, values={},
                    describe=GRAPH + (f" The lower arrow of block {', '.join(map(str, off))} is missing." if off else ""),
                ),
                lines,
                sentence,
            )
        )  # fmt: skip
    return Stepper(frames, "Which routes vanish with a block")


# Batch norm, back --------------------------------------------------------------------------------


def _norm_graph():
    d = Drawing(700, 400)
    for k in range(1, 5):
        y = 60 + 94 * (k - 1)
        d.node(f"x{k}", 120, y, f"x_{k}", "input", size=62, gradient_at=(48, y))
        d.node(f"h{k}", 580, y, f"x\u0302_{k}", "output", size=62, gradient_at=(650, y))
    d.node("mu", 350, 130, "μ", "hidden", size=66)
    d.node("var", 350, 290, "σ²", "hidden", size=66)
    for k in range(1, 5):
        d.arrow(f"x{k}", f"h{k}", name=f"own{k}", bend=0.0)
        d.arrow(f"x{k}", "mu", name=f"to_mu{k}")
        d.arrow(f"x{k}", "var", name=f"to_var{k}")
        d.arrow("mu", f"h{k}", name=f"mu{k}")
        d.arrow("var", f"h{k}", name=f"var{k}")
    return d


def batch_norm_stepper(x, dy, gamma=1.0):
    """One channel with four numbers, forward and back; the three routes from the first one, and the two mean terms."""
    x, dy, M = np.asarray(x, float), np.asarray(dy, float), len(x)
    mu, var = x.mean(), x.var()
    r = 1 / np.sqrt(var)
    xhat, g = (x - mu) * r, gamma * dy
    own, by_mu = g[0] * r, -r * g.sum() / M
    by_var = -xhat[0] * r * (g * xhat).sum() / M
    dx = r * (g - g.mean() - xhat * (g * xhat).mean())
    d, frames, values = _norm_graph(), [], {}
    every = list(d.arrows)

    def frame(equation, sentence, shown=(), gradient=(), gradients=None, active=()):
        hidden = [name for name in every if name not in shown]
        about = "Four inputs x on the left, the mean and the variance in the middle, four normalised values on the right. "
        about += "Numbers shown: " + (", ".join(f"{n} {v}" for n, v in values.items()) or "none") + ". "
        if gradients:
            about += "Gradients in purple: " + ", ".join(f"{n} {v}" for n, v in gradients.items()) + "."
        svg = d.svg(describe=about, hidden=hidden, values=values, gradient=gradient, gradients=gradients or {}, active=active)
        frames.append(Frame(svg, equation, sentence))

    values |= {f"x{k}": numeral(v, "g") for k, v in enumerate(x, 1)}
    frame("", "One channel, four numbers: $x = (1, 2, 3, 6)$. They may come from four images, or from one image of 2 by 2 pixels; batch norm does not care.")
    values["mu"] = numeral(mu, "g")
    frame(rf"\mu = \tfrac14 (1 + 2 + 3 + 6) = {mu:g}", "The mean. All four have an arrow to it.", [f"to_mu{k}" for k in range(1, 5)], active=["mu"])
    values["var"] = numeral(var, "g")
    frame(
        rf"\sigma^2 = \tfrac14 (4 + 1 + 0 + 9) = {var:g}",
        "The variance, divided by 4. All four have an arrow to it. (The mean has one as well. Its slope is $-\\frac{2}{M}\\sum_i (x_i - \\mu)$, which is 0, so it is not drawn.)",
        [f"to_var{k}" for k in range(1, 5)], active=["var"],
    )  # fmt: skip
    values |= {f"h{k}": numeral(v) for k, v in enumerate(xhat, 1)}
    into = [name for name in every if name.startswith(("own", "mu", "var"))]
    frame(
        rf"\hat x_i = (x_i - \mu)\, r, \qquad r = 1/\sqrt{{{var:g}}} = {r:.4f}",
        "Normalised. Each has three arrows into it: from its own $x$, from the mean, from the variance. Their mean is 0 and their mean square 1.",
        into, active=[f"h{k}" for k in range(1, 5)],
    )  # fmt: skip
    arrive = {f"h{k}": numeral(v, "g") for k, v in enumerate(g, 1)}
    frame(
        r"\grad{\frac{\partial J}{\partial \hat x}} = \gamma\, \grad{\frac{\partial J}{\partial y}} = (1, 0, 0, 0)",
        "Now back. Suppose that $\\gamma = 1$ and that the loss pulls at the first value alone. What reaches $x_1$? Three routes lead to it.",
        [], gradient=["h1"], gradients=arrive,
    )  # fmt: skip
    frame(
        rf"\text{{own:}}\quad r \cdot 1 = {own:.4f}",
        "Route one, its own: what was multiplied by $r$ forward is multiplied by $r$ back.",
        ["own1"], ["own1", "h1", "x1"], {**arrive, "x1": numeral(own)},
    )  # fmt: skip
    frame(
        rf"\text{{through }}\mu\text{{:}}\quad \Big(\sum_i -r\, \grad{{\tfrac{{\partial J}}{{\partial \hat x_i}}}}\Big) \cdot \tfrac14 = {_n(-r)} \cdot \tfrac14 = {by_mu:.4f}",
        "Route two, through the mean. It sank into all four values with a minus sign, so what they send back is added up in $\\mu$; a quarter of it goes on to each $x$.",
        [f"mu{k}" for k in range(1, 5)] + ["to_mu1"], [f"mu{k}" for k in range(1, 5)] + ["to_mu1", "mu", "x1"],
        {**arrive, "mu": numeral(-r * g.sum()), "x1": numeral(by_mu)},
    )  # fmt: skip
    dvar = -0.5 * r**2 * (g * xhat).sum()
    frame(
        [
            rf"\text{{through }}\sigma^2\text{{:}}\quad \grad{{\tfrac{{\partial J}}{{\partial \sigma^2}}}} &= \sum_i \grad{{\tfrac{{\partial J}}{{\partial \hat x_i}}}} \, (x_i - \mu) \cdot \big(-\tfrac12 r^3\big) = {dvar:.4f}",
            rf"\grad{{\tfrac{{\partial J}}{{\partial \sigma^2}}}} \cdot \tfrac{{2}}{{4}} (x_1 - \mu) &= {dvar:.4f} \cdot {_n((x[0] - mu) / 2, 'g')} = {by_var:.4f}",
        ],
        "Route three, through the variance. A larger $x_1$ comes nearer to the mean, the variance shrinks, and all values are stretched.",
        [f"var{k}" for k in range(1, 5)] + ["to_var1"], [f"var{k}" for k in range(1, 5)] + ["to_var1", "var", "x1"],
        {**arrive, "var": numeral(dvar), "x1": numeral(by_var)},
    )  # fmt: skip
    frame(
        rf"\grad{{\tfrac{{dJ}}{{dx_1}}}} = {own:.4f} + {_n(by_mu)} + {_n(by_var)} = \grad{{{dx[0]:.4f}}}",
        "The sum over the three routes. More than half of the pull is taken back by the two statistics.",
        ["own1", "to_mu1", "to_var1"] + [f"{a}{k}" for a in ("mu", "var") for k in range(1, 5)],
        ["own1", "to_mu1", "to_var1", "x1"], {**arrive, "x1": numeral(dx[0])},
    )  # fmt: skip
    frame(
        [
            r"\grad{\tfrac{dJ}{dx_i}} &= r \Big( \grad{g_i} - \tfrac1M \sum_j \grad{g_j} - \hat x_i\, \tfrac1M \sum_j \grad{g_j}\, \hat x_j \Big), \quad g = \gamma\, \grad{\tfrac{\partial J}{\partial y}}",
            rf"\tfrac1M \sum g &= {g.mean():.4f}, \qquad \tfrac1M \sum g\, \hat x = {(g * xhat).mean():.4f}",
        ],
        "The same for each of the four, with $r$ drawn out: the two routes through the statistics have become two means. They are the same for all; each value takes the first as it is, and the second times its own $\\hat x$.",
        every, [f"x{k}" for k in range(1, 5)], {**arrive, **{f"x{k}": numeral(v) for k, v in enumerate(dx, 1)}},
    )  # fmt: skip
    frame(
        rf"\sum_i \grad{{\tfrac{{dJ}}{{dx_i}}}} = {' + '.join(_n(v) for v in dx)} = 0",
        "The loss pulls at one value, and all four get a gradient. Their sum is 0: to move all by the same changes nothing, since the mean takes it out again.",
        [], [f"x{k}" for k in range(1, 5)], {f"x{k}": numeral(v) for k, v in enumerate(dx, 1)},
    )  # fmt: skip
    frame(
        r"\text{eval:}\quad \grad{\tfrac{dJ}{dx}} = \gamma\, r_{\text{run}}\, \grad{\tfrac{\partial J}{\partial y}}",
        "In eval mode the statistics are constants. No arrow leads to them, and the own route alone is left.",
        [f"own{k}" for k in range(1, 5)], ["own1", "h1", "x1"], arrive,
    )  # fmt: skip
    return Stepper(frames, "Batch norm, forward and back")


# Depth -------------------------------------------------------------------------------------------

KINDS = {"plain": "loss", "residual": "hidden", "plain, batch norm": "output", "residual, batch norm": "input"}


def _plot(parts, left, top, width, height, curves, low, high, title, x_label, ticks):
    """Curves of positive numbers over their number, on a logarithmic axis, as SVG: [(role, values, dashed)]."""

    def place(k, n, value):
        span = (np.log10(np.clip(value, low, high)) - np.log10(low)) / (np.log10(high) - np.log10(low))
        return left + width * k / max(n - 1, 1), top + height * (1 - span)

    for power in range(int(np.ceil(np.log10(low))), int(np.floor(np.log10(high))) + 1):
        _, y = place(0, 2, 10.0**power)
        parts.append(f'<path d="M{left} {y:.1f}h{width}" stroke="var(--bh-muted)" stroke-width=".5" opacity=".5"/>')
        parts.append(svg.words(left - 22, y, f"{10.0**power:g}", "v"))
    parts.append(f'<path d="M{left} {top}v{height}h{width}" fill="none" stroke="var(--bh-muted)"/>')
    for role, values, wide in curves:
        points = " ".join("{:.1f},{:.1f}".format(*place(k, len(values), v)) for k, v in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="var(--bh-{role})" stroke-width="{wide}" opacity="{1 if wide > 1 else 0.6}"/>')
    parts += [svg.words(left + width / 2, top - 16, title), svg.words(left + width / 2, top + height + 16, x_label, "v")]
    parts += [svg.words(left, top + height + 16, ticks[0], "v"), svg.words(left + width, top + height + 16, ticks[1], "v")]


def depth_choices(degradation):
    """Training loss by epoch and the gradient's norm by layer: for each depth, net, and with or without batch norm; three seeds each."""
    of_all = {
        "2": "Depth 2. All four kinds learn, and it hardly matters which one you take.",
        "10": "Depth 10. The residual nets pull ahead. The plain net with batch norm falls behind.",
        "20": "Depth 20. The plain net has a larger loss than at depth 10, on the very images that it learns from. With batch norm it hardly learns, and its gradient is more than a hundred times as large at the first layer as at the last.",
        "50": "Depth 50. The plain net has a larger training loss than the one with two layers. Its gradient has not vanished: before training it is smaller at the first layer than at the last by a factor below ten. With batch norm it is tens of thousands of times too large, and nothing is learned. The residual nets are near a thousandth.",
    }
    nets = {"both": ("plain", "residual"), "plain": ("plain",), "residual": ("residual",)}
    norms = {"with and without": ("", ", batch norm"), "without": ("",), "with": (", batch norm",)}
    frames = {}
    for depth in of_all:
        for net, first in nets.items():
            for norm, second in norms.items():
                kinds = [kind for kind in KINDS if kind in {a + b for a in first for b in second}]
                drawing, says = _depth(degradation, depth, kinds)
                numbers = f"Depth {depth}. {'; '.join(says).capitalize()}."
                frames[depth, net, norm] = Frame(drawing, "", of_all[depth] if len(kinds) == len(KINDS) else numbers)
    questions = {"depth": tuple(of_all), "net": tuple(nets), "batch norm": tuple(norms)}
    still = [(depth, "both", "with and without") for depth in reversed(of_all)]
    return Choices("Deeper: training loss and gradient, depth 2 to 50", questions, frames, still)


def _depth(degradation, depth, kinds):
    """Both plots for some kinds of net, and for each kind a sentence's part with its numbers."""
    parts, says, losses, norms = [], [], [], []
    for kind in kinds:
        entry, role = degradation[kind][depth], KINDS[kind]
        losses += [(role, run, 1) for run in entry["loss"]] + [(role, np.mean(entry["loss"], axis=0), 2.6)]
        norms += [(role, np.exp(np.mean(np.log([np.array(g) / g[-1] for g in entry["gradient"]]), axis=0)), 2.6)]
        last = np.mean([run[-1] for run in entry["loss"]])
        ratio = np.exp(np.mean([np.log(g[0] / g[-1]) for g in entry["gradient"]]))
        says.append(f"{kind}: training loss {last:.3g}, gradient at the first layer {float(f'{ratio:.2g}'):,g} times that at the last")
    _plot(parts, 66, 40, 260, 210, losses, 3e-4, 4, "training loss", "epoch", ("1", "30"))
    _plot(parts, 430, 40, 250, 210, norms, 0.05, 3e5, "gradient's norm, last layer = 1", "layer", ("first", "last"))
    for kind, x in zip(KINDS, (70, 160, 270, 440), strict=True):
        if kind in kinds:
            parts.append(f'<path d="M{x} 292h22" stroke="var(--bh-{KINDS[kind]})" stroke-width="3"/>')
            parts.append(svg.words(x + 28, 292, kind, "t", anchor="start"))
    number = {1: "one curve", 2: "two curves", 4: "four curves"}[len(kinds)]
    about = f"Two plots for depth {depth}, each with {number}. " + "; ".join(says) + "."
    return svg.picture(parts, 700, 310, about), says


# The block ---------------------------------------------------------------------------------------


def block_stepper():
    """The basic residual block with stride 2, from 3 to 5 channels: shapes forward, and the gradient's two ways back."""
    d = Drawing(720, 240)
    boxes = (
        ("x", 40, 185, "x", "input"), ("a1", 136, 185, "conv w_1", "parameter"), ("n1", 240, 185, "BN_1", "hidden"), ("h", 344, 185, "relu", "hidden"),
        ("a2", 448, 185, "conv w_2", "parameter"), ("n2", 552, 185, "BN_2", "hidden"), ("z", 660, 125, "+", "output"), ("y", 660, 38, "relu", "output"),
        ("s", 240, 60, "conv w_s", "parameter"), ("ns", 448, 60, "BN_s", "hidden"),
    )  # fmt: skip
    for name, x, y, label, role in boxes:
        d.node(name, x, y, label, role, shape="circle" if name in "xz" else "box", size=54 if name in "xz" else (74, 52))
    ways = [("x", "a1"), ("a1", "n1"), ("n1", "h"), ("h", "a2"), ("a2", "n2"), ("n2", "z"), ("x", "s"), ("s", "ns"), ("ns", "z"), ("z", "y")]
    for a, b in ways:
        d.arrow(a, b)
    long, short = ["x->a1", "a1->n1", "n1->h", "h->a2", "a2->n2", "n2->z"], ["x->s", "s->ns", "ns->z"]
    shape, frames, values = "5 × 4 × 3", [], {}

    def frame(equation, sentence, active=(), gradient=()):
        about = "x goes through convolution 1, batch norm 1, a ReLU, convolution 2 and batch norm 2 into a sum; a shortcut goes through a 1 by 1 convolution "
        about += "and a batch norm into the same sum; a ReLU follows. "
        about += "Shapes: " + ", ".join(f"{n} {v}" for n, v in values.items()) + ". "
        if gradient:
            about += "The gradient runs back along " + ", ".join(g for g in gradient if "->" in g) + "."
        frames.append(Frame(d.svg(describe=about, active=active, gradient=gradient, values=values), equation, sentence))

    values["x"] = "3×7×6"
    frame("", "An image with 3 channels, 7 rows and 6 columns comes in. The block is to make 5 channels of it, and half as many rows and columns.", ["x"])
    values |= {"a1": shape, "n1": shape, "h": shape}
    frame(
        r"\boldsymbol{u}_1 = \mathrm{BN}_1(\boldsymbol{w}_1 * \boldsymbol{x})",
        "The first convolution has 5 × 3 kernels of 3 by 3 taps and a stride of 2: it is laid over every second row and column. Seven rows give four, six columns three.",
        ["a1", "n1", "h"],
    )
    values |= {"a2": shape, "n2": shape}
    frame(
        r"\boldsymbol{u}_2 = \mathrm{BN}_2\big(\boldsymbol{w}_2 * \mathrm{relu}(\boldsymbol{u}_1)\big)",
        "The second has a stride of 1, and no ReLU behind it: before the sum, the change may be negative.",
        ["a2", "n2"],
    )
    values |= {"s": shape, "ns": shape}
    frame(
        r"\boldsymbol{s}(\boldsymbol{x}) = \mathrm{BN}_s(\boldsymbol{w}_s * \boldsymbol{x})",
        "The shortcut must fit. A convolution of 1 by 1 taps with the same stride looks at every second pixel and mixes its 3 channels into 5. Where the shape stays, the shortcut is nothing but a wire.",
        ["s", "ns"],
    )
    values |= {"z": "5×4×3", "y": shape}
    frame(
        r"\boldsymbol{z} = \boldsymbol{u}_2 + \boldsymbol{s}(\boldsymbol{x}), \qquad \boldsymbol{y} = \mathrm{relu}(\boldsymbol{z})",
        "The sum, and after it the ReLU.",
        ["z", "y"],
    )
    frame(
        r"\grad{\frac{\partial J}{\partial \boldsymbol{z}}} = \grad{\frac{\partial J}{\partial \boldsymbol{y}}} \odot [\boldsymbol{z} > 0]",
        "Back. The last ReLU comes first: where it was off, neither way gets anything.",
        gradient=["z->y", "z"],
    )
    frame(
        r"\grad{\frac{\partial J}{\partial \boldsymbol{u}_2}} = \grad{\frac{\partial J}{\partial \boldsymbol{z}}}, \qquad \grad{\frac{\partial J}{\partial \boldsymbol{s}}} = \grad{\frac{\partial J}{\partial \boldsymbol{z}}}",
        "The sum hands all of it to each of its terms. Nothing is divided.",
        gradient=["z->y", "n2->z", "ns->z", "n2", "ns"],
    )
    frame(
        "",
        "The long way: batch norm 2 with its two mean terms, the kernel turned, the inner ReLU, batch norm 1, and the first kernel, which sends to every second row and column.",
        gradient=["z->y", *long],
    )
    frame("", "The short way: batch norm s, and one tap. Pixels that lie between those that it looked at get nothing along it.", gradient=["z->y", *short])
    frame(
        r"\grad{\frac{dJ}{d\boldsymbol{x}}} = \text{(long way)} + \text{(short way)}",
        "Two arrows leave $\\boldsymbol{x}$, so two gradients arrive, and they are added. With the identity as shortcut, the short way brings $\\partial J/\\partial \\boldsymbol{z}$ as it is. Exercise 5 asks for the whole.",
        gradient=["z->y", *long, *short, "x"],
    )
    return Stepper(frames, "A residual block that changes the shape")


# What is frozen ----------------------------------------------------------------------------------


def frozen_choices():
    """Three layers and a head: what gets a gradient, what moves, and which running statistics, for every way of freezing."""
    known = {
        ((), False): "Nothing is frozen: everything is trained, and all running statistics move. This is fine-tuning all of the net.",
        ((1, 2, 3), False): "The whole base is frozen, in all three senses. The head alone learns. The gradient need not even be sent into the base: nobody there wants it.",
        ((1, 2), False): "The first two layers are frozen. Layer 3 learns for the new task. The gradient may stop at layer 3.",
        ((2,), False): "Layer 2 is frozen, layers 1 and 3 are not. Now the gradient has to go through layer 2, although nothing in it is trained; who stops it there trains layer 1 with zeros.",
        ((1, 2, 3), True): "The common accident: the parameters are frozen, as by requires_grad_(False), and batch norm was left in training mode. No parameter moves, and yet the base changes: its statistics do.",
        ((), True): "Nothing is frozen, so there is nothing to forget: all statistics are to move.",
    }
    frames = {}
    for answers in product((False, True), repeat=4):
        *ticks, forgotten = answers
        frozen = tuple(layer for layer, tick in enumerate(ticks, 1) if tick)
        trained = [layer for layer in (1, 2, 3) if layer not in frozen]
        sentence = known.get((frozen, forgotten)) or _about(frozen, trained, forgotten)
        frames[answers] = Frame(_frozen(frozen, trained, forgotten), "", sentence)
    questions = dict.fromkeys(["layer 1 frozen", "layer 2 frozen", "layer 3 frozen", "batch norm stays in training mode"], (False, True))
    still = [tuple(layer in frozen for layer in (1, 2, 3)) + (forgotten,) for frozen, forgotten in list(known)[:5]]
    return Choices("What is frozen", questions, frames, still)


def _about(frozen, trained, forgotten):
    """A sentence on a way of freezing that has none of its own."""

    def layers(numbers):
        return ("layer " if len(numbers) == 1 else "layers ") + " and ".join(map(str, numbers))

    if forgotten:
        return f"No weight of {layers(frozen)} moves, but the running statistics there do: what the later layers see changes all the same."
    through = [layer for layer in frozen if any(layer > below for below in trained)]
    if through:
        return f"The gradient goes through {layers(through)} on its way to {layers([k for k in trained if k < max(through)])}, although nothing there is trained."
    return f"The gradient may stop at layer {min(trained)}: below it nothing is trained."


def _frozen(frozen, trained, forgotten):
    """The table of one way of freezing, as SVG."""
    parts, says = [], []
    columns = ("gradient flows on", "weights get it", "weights move", "statistics move")
    parts += [svg.words(245 + 130 * k, 22, text) for k, text in enumerate(columns)]
    for line, name in enumerate(("layer 1", "layer 2", "layer 3", "head")):
        number, y = line + 1, 62 + 46 * line
        is_frozen = number in frozen
        # The gradient has to pass a layer if one below it is trained; it reaches the weights of those that are trained.
        passes = any(k < number for k in trained)
        cells = (passes, not is_frozen, not is_frozen, None if name == "head" else not is_frozen or forgotten)
        role = "muted" if is_frozen else "parameter"
        parts.append(
            f'<rect x="20" y="{y - 17}" width="120" height="34" rx="4" fill="none" stroke="var(--bh-{role})" stroke-width="2"'
            f'{" stroke-dasharray=" + chr(34) + "5 3" + chr(34) if is_frozen else ""}/>'
        )
        parts.append(svg.words(80, y, name + (", frozen" if is_frozen else "")))
        for column, cell in enumerate(cells):
            text = "has none" if cell is None else "yes" if cell else "no"
            fill = None if not cell else "gradient" if column < 2 else "hidden"
            if column == 3 and cell and is_frozen:
                fill = "loss"
            parts.append(svg.words(245 + 130 * column, y, text, "l" if cell else "t", fill))
        said = (f"{c} {'does not apply' if v is None else 'yes' if v else 'no'}" for c, v in zip(columns, cells, strict=True))
        says.append(f"{name}{' (frozen)' if is_frozen else ''}: " + ", ".join(said))
    return svg.picture(parts, 720, 226, "A table. " + "; ".join(says) + ".")


# The shuffle buffer ------------------------------------------------------------------------------


def buffer_stepper(batches, classes):
    """Where in the sorted file the 32 images of one batch come from, for several buffers.

    batches  the size of a buffer -> the files of one batch that came out of it
    classes  (n,) the class of each file
    """
    n, frames = len(classes), []
    for size, files in batches.items():
        files = np.array(files)
        count = len(np.unique(classes[files]))
        parts = ['<rect x="20" y="40" width="660" height="44" fill="none" stroke="var(--bh-muted)"/>']
        marks = "".join(f"M{20 + 660 * f / n:.2f} 40v44" for f in files)
        parts.append(f'<path d="{marks}" stroke="var(--bh-input)" stroke-width="1.6"/>')
        parts += [svg.words(350, 20, f"one batch of 32 from {n:,} files, sorted by class"), svg.words(20, 100, "first file", "v", anchor="start"), svg.words(680, 100, "last file", "v", anchor="end")]
        name = f"a buffer of {size:,}" if size < n else "a buffer for all"
        says = {1: "A buffer of one file: the order does not change. ", 32: "The article's buffer of 32. The marks still lie on top of each other. "}.get(size, "")
        says += f"With {name} this batch holds {count} of the {len(np.unique(classes))} classes."
        describe = f"A strip that stands for the file, with a mark for each image of one batch. {name}: the marks lie between {files.min() / n:.0%} and {files.max() / n:.0%} of the file; {count} classes."
        frames.append(Frame(svg.picture(parts, 700, 116, describe), "", says))
    return Stepper(frames, "Where a batch comes from")


# Plots -------------------------------------------------------------------------------------------


def gallery(images, rows, columns):
    """Faces in a grid, a person in each row."""
    fig, axes = plt.subplots(rows, columns, figsize=(0.72 * columns, 0.72 * rows))
    for ax, image in zip(axes.flat, images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
    return fig


def plot_ways(ways, shown, ylabel, chance):
    """Accuracy over the number of images of each class, for several ways: mean and range of three seeds."""
    styles = [("hidden", "o-"), ("input", "s-"), ("output", "^-"), ("loss", "D--"), ("parameter", "v--"), ("muted", "x:"), ("ink", "P:")]
    fig, ax = plt.subplots(figsize=(7.6, 3.8))
    for (role, style), name in zip(styles, shown, strict=False):
        counts = [int(k) for k in ways[name]]
        values = np.array(list(ways[name].values()))
        ax.plot(counts, values.mean(axis=1), style, color=PALETTE[role][0], label=name, ms=6)
        ax.vlines(counts, values.min(axis=1), values.max(axis=1), color=PALETTE[role][0], lw=1)
    ax.axhline(chance, color=PALETTE["muted"][0], lw=1)
    ax.set_xscale("log")
    ax.set_xticks(counts, counts)
    ax.minorticks_off()
    ax.set(ylim=(0, 1), xlabel=ylabel, ylabel="accuracy")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return fig
