"""The drawings of lesson 11: graphs, NADE step by step, MADE's masks, and images drawn pixel by pixel."""

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.numerals import factor, numeral
from byhand.stepper import Frame, Stepper


def autoregressive_graph(D=4):
    """Every pixel with an arrow from each pixel before it."""
    d = Drawing(600, 190)
    for k in range(1, D + 1):
        d.node(f"x{k}", 60 + 160 * (k - 1), 130, f"x_{k}", "input", size=54)
    for k in range(2, D + 1):
        for j in range(1, k):
            d.arrow(f"x{j}", f"x{k}", bend=0.0 if k - j == 1 else 0.22)
    return d.svg(
        describe="Four pixels in a row. Each has an arrow to every pixel after it: x1 to x2, x3 and x4; x2 to x3 and x4; x3 to x4."
    )


def nade_stepper(run):
    """NADE with three pixels and one hidden unit, forward and back.

    run  the numbers of the worked example; index d of a list is pixel d, index 0 is unused: x, W, V, b, a, h, p, do, da,
         dW, and the numbers c, J; A[d] is what has arrived from the pixels d and later.
    """
    D = len(run["x"]) - 1
    d = Drawing(700, 470)
    column = {k: 130 + 215 * (k - 1) for k in range(1, D + 1)}
    d.node("J", column[2], 34, "J", "loss", size=54)
    d.node("c", 30, 235, "c", "parameter", size=44)
    for k in range(1, D + 1):
        d.node(f"p{k}", column[k], 125, f"p_{k}", "output", size=60)
        d.node(f"h{k}", column[k], 235, f"a_{k}", "hidden", size=76)
        d.node(f"x{k}", column[k], 345, f"x_{k}", "input", size=54)
        d.node(f"slot{k}", column[k], 436, f"dJ/dW_{k}", "gradient", shape="box", size=(104, 48))
    d.arrow("c", "h1")
    for k in range(1, D + 1):
        d.arrow(f"h{k}", f"p{k}", f"V_{k}")
        d.arrow(f"p{k}", "J")
        if k < D:
            d.arrow(f"h{k}", f"h{k + 1}")
            d.arrow(f"x{k}", f"h{k + 1}", f"W_{k}")
    values, gradients, frames = {"c": numeral(run["c"], "g")}, {}, []

    def frame(equation, sentence, active=(), gradient=()):
        dim = [f"slot{k}" for k in range(1, D + 1) if f"slot{k}" not in values]
        known = ", ".join(f"{name} = {value}".replace("\n", ", h = ") for name, value in values.items())
        back = ", ".join(f"{name}: {value}" for name, value in gradients.items())
        describe = f"NADE with three pixels. Values: {known}." + (f" Gradients: {back}." if back else "")
        drawing = d.svg(
            active=active, gradient=gradient, dim=dim, values=values, gradients=gradients, describe=describe
        )
        frames.append(Frame(drawing, equation, sentence))

    W, V, b = (", ".join(f"{v:g}" for v in run[k][1:]) for k in ("W", "V", "b"))
    frame(
        [rf"c = {run['c']:g}, \quad W = ({W})", rf"V = ({V}), \quad b = ({b})"],
        "One hidden unit, three pixels. The horizontal arrows carry the running sum, which begins with $c$. Pixel 3 has no arrow upwards: nobody comes after it.",
    )
    for k in range(1, D + 1):
        values[f"x{k}"] = f"{run['x'][k]:g}"
        values[f"h{k}"], values[f"p{k}"] = f"{numeral(run['a'][k], '.2f')}\n{run['h'][k]:.4f}", f"{run['p'][k]:.4f}"
        came = [f"h{k - 1}", f"x{k - 1}", f"h{k - 1}->h{k}", f"x{k - 1}->h{k}"] if k > 1 else ["c", "c->h1"]
        first = (
            rf"a_1 &= c = {run['c']:g}"
            if k == 1
            else rf"a_{k} &= a_{k - 1} + x_{k - 1} W_{k - 1} = {run['a'][k - 1]:g} + {run['x'][k - 1]:g}\cdot {factor(run['W'][k - 1], 'g')} = {run['a'][k]:g}"
        )
        score = run["b"][k] + run["V"][k] * run["h"][k]
        frame(
            [
                rf"{first}, \qquad \hid{{h_{k}}} = \sigma(a_{k}) = {run['h'][k]:.4f}",
                rf"o_{k} &= b_{k} + V_{k} h_{k} = {score:.4f}, \qquad \out{{p_{k}}} = \sigma(o_{k}) = {run['p'][k]:.4f}",
            ],
            (
                "The first hidden layer has seen no pixel. It gives the probability that pixel 1 is black."
                if k == 1
                else f"Pixel {k - 1} is known now, and enters the sum. Nothing else is computed anew. The hidden layer gives the probability of pixel {k}; "
                f"pixel {k} itself is only compared with it."
            ),
            active=[*came, f"h{k}", f"p{k}", f"h{k}->p{k}"],
        )
    values["J"] = f"{run['J']:.4f}"
    terms = " - ".join(rf"\log {run['p'][k] if run['x'][k] else 1 - run['p'][k]:.4f}" for k in range(1, D + 1))
    frame(
        rf"\loss{{J}} = - {terms} = {run['J']:.4f}",
        "The loss of the image: minus the logarithms of what was predicted for the pixels as they are. Now back, from the last pixel to the first.",
        active=["J", *(f"p{k}" for k in range(1, D + 1)), *(f"p{k}->J" for k in range(1, D + 1))],
    )
    for k in range(D, 0, -1):
        values[f"slot{k}"] = numeral(run["dW"][k], "+.4f") if run["dW"][k] else "0"
        arrived = run["A"][k + 1]
        frame(
            rf"\frac{{\partial J}}{{\partial W_{k}}} = x_{k}\,\grad{{A}} = {run['x'][k]:g} \cdot {factor(arrived, '.4f' if arrived else 'g')} = \grad{{{run['dW'][k]:{'.4f' if run['dW'][k] else 'g'}}}}",
            "First the column of $W$. Nothing has come back yet, so $A = 0$: the last pixel's weight reaches no prediction."
            if k == D
            else f"First the column of $W$: it acted on the pixels after {k}, and $A$ holds what came back from exactly these.",
            active=[f"slot{k}"],
            gradient=[f"h{k}->h{k + 1}", f"x{k}->h{k + 1}", f"h{k + 1}"] if k < D else [],
        )
        gradients[f"p{k}"], gradients[f"h{k}"] = numeral(run["do"][k], "+.4f"), numeral(run["A"][k], "+.4f")
        frame(
            [
                rf"\grad{{\delta o_{k}}} &= p_{k} - x_{k} = \grad{{{run['do'][k]:.4f}}}",
                rf"\grad{{A}} &\leftarrow \grad{{A}} + \grad{{\delta o_{k}}}\, V_{k}\, h_{k}(1 - h_{k}) = {arrived:{'.4f' if arrived else 'g'}} + {factor(run['da'][k])} = \grad{{{run['A'][k]:.4f}}}",
            ],
            f"Then pixel {k}'s own part joins: prediction minus truth, through $V_{k}$ and the sigmoid, to the running sum. The purple number at $a_{k}$ is $A$.",
            gradient=["J", f"p{k}", f"p{k}->J", f"h{k}", f"h{k}->p{k}"],
        )
    gradients["c"] = numeral(run["A"][1], "+.4f")
    frame(
        rf"\frac{{\partial J}}{{\partial c}} = \grad{{A}} = \grad{{{run['A'][1]:.4f}}}",
        "What is left over arrives at $c$, with which every sum began. One sweep forward, one back: nothing was computed twice.",
        gradient=["c", "c->h1"],
    )
    return Stepper(frames, "NADE, three pixels forward and three back")


# MADE ------------------------------------------------------------------------------------------


def made_svg(m0, m1, m2, output=None, strict=True, width=624):
    """The masked network, and beside it which output depends on which pixel; `output` lights what one output sees."""
    D, layers = len(m0), [list(m0), list(m1), list(m2), list(m0)]
    masks = [np.greater_equal.outer(layers[i + 1], layers[i]) for i in (0, 1)]
    masks.append((np.greater if strict else np.greater_equal).outer(layers[3], layers[2]))
    ways = masks[2] @ (masks[1] @ masks[0].astype(int)).astype(int)
    lit = [np.ones(len(layer), bool) for layer in layers]
    if output is not None:
        lit[3] = np.arange(D) == output
        for i in (2, 1, 0):
            lit[i] = lit[i + 1] @ masks[i] > 0
    rows, left = [350, 250, 150, 50], 400
    at = [
        [(left * (k + 0.5) / len(layer), y) for k in range(len(layer))] for layer, y in zip(layers, rows, strict=True)
    ]
    parts = []
    for i, mask in enumerate(masks):
        for to, source in np.argwhere(mask):
            (x0, y0), (x1, y1) = at[i][source], at[i + 1][to]
            on = output is not None and lit[i + 1][to] and lit[i][source]
            style = (
                'stroke="var(--bh-ink)" stroke-width="1.8"'
                if on
                else 'stroke="var(--bh-muted)" stroke-width="1" opacity=".45"'
            )
            parts.append(f'<line x1="{x0:.0f}" y1="{y0}" x2="{x1:.0f}" y2="{y1}" {style}/>')
    names = ["x", "", "", "p"]
    for i, (role, layer) in enumerate(zip(("input", "hidden", "hidden", "output"), layers, strict=True)):
        for k, (degree, (x, y)) in enumerate(zip(layer, at[i], strict=True)):
            state = "" if output is None else " a" if lit[i][k] else ""
            parts.append(
                f'<g class="r-{role}{state}"><circle class="n" cx="{x:.0f}" cy="{y}" r="19"/><text class="l" x="{x:.0f}" y="{y}">{degree}</text></g>'
            )
            if names[i]:
                parts.append(
                    f'<text class="t" x="{x:.0f}" y="{y + (34 if i == 0 else -32)}"><tspan class="i">{names[i]}</tspan><tspan class="s" dy="4">{k + 1}</tspan></text>'
                )
    side, x0, y0 = 30 if D <= 6 else 180 / D, 440, 120
    for d in range(D):
        for e in range(D):
            sees, leak = ways[d, e] > 0, m0[e] >= m0[d]
            colour = "var(--bh-loss)" if sees and leak else "var(--bh-output)" if sees else "none"
            frame = ' stroke-width="2.6" stroke="var(--bh-ink)"' if output == d else ' stroke="var(--bh-muted)"'
            parts.append(
                f'<rect x="{x0 + e * side:.1f}" y="{y0 + d * side:.1f}" width="{side:.1f}" height="{side:.1f}" fill="{colour}"{frame}/>'
            )
            if sees and leak:
                parts.append(
                    f'<text class="v" x="{x0 + (e + 0.5) * side:.1f}" y="{y0 + (d + 0.5) * side:.1f}">!</text>'
                )
    for k in range(D):
        parts.append(f'<text class="v" x="{x0 + (k + 0.5) * side:.1f}" y="{y0 - 12}">{k + 1}</text>')
        parts.append(f'<text class="v" x="{x0 - 12}" y="{y0 + (k + 0.5) * side:.1f}">{k + 1}</text>')
    parts.append(f'<text class="t" x="{x0 + D * side / 2:.0f}" y="{y0 - 34}">pixel</text>')
    parts.append(f'<text class="t e" x="{x0 - 26}" y="{y0 + D * side + 20:.0f}">output (row) sees pixel</text>')
    seen = "; ".join(f"output {d + 1} sees {_list(np.flatnonzero(ways[d] > 0) + 1)}" for d in range(D))
    about = "" if output is None else f" Lit is all that output {output + 1} depends on."
    describe = (
        f"A masked network with {D} pixels at the bottom, two hidden layers and {D} outputs at the top, each unit with its degree. Degrees of the "
        f"pixels: {', '.join(map(str, m0))}. Through the weights that are left: {seen}.{about}"
    )
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{describe}" viewBox="0 0 {width} 400" width="{width}" height="400" '
        f'style="max-width:{width}px;min-width:430px">{"".join(parts)}</svg>'
    )


def _list(numbers):
    return "no pixel" if not len(numbers) else "pixel" + "s" * (len(numbers) > 1) + " " + ", ".join(map(str, numbers))


def masks_stepper(m0, m1, m2):
    """Output by output in the order of the pixels, and at the end what a mask that is not strict does."""
    frames = [
        Frame(
            made_svg(m0, m1, m2), "",
            "Each circle holds its degree. A line is a weight that is left. On the right: which output depends on which pixel, read off the lines.",
        )
    ]  # fmt: skip
    for d in np.argsort(m0):
        seen = [e + 1 for e in np.argsort(m0) if m0[e] < m0[d]]
        if m0[d] == 1:
            says = f"Output {d + 1} has degree 1: its pixel comes first. No hidden unit has a degree below 1, so no line arrives. Its bias alone decides."
        else:
            says = (
                f"Output {d + 1} has degree {m0[d]}. It listens to the hidden units of the upper layer whose degree is below {m0[d]}, and through them to "
                f"{_list(seen)}: what comes before it in the order."
            )
        frames.append(Frame(made_svg(m0, m1, m2, output=int(d)), "", says))
    frames.append(
        Frame(
            made_svg(m0, m1, m2, strict=False), "",
            "The same with an output mask that is not strict: now an output listens to hidden units of its own degree too, and these know its pixel. The red squares are leaks.",
        )
    )  # fmt: skip
    return Stepper(frames, "What each output of a MADE sees")


ORDERS = {
    "as numbered": lambda D, rng: np.arange(1, D + 1),
    "reversed": lambda D, rng: np.arange(D, 0, -1),
    "random": lambda D, rng: 1 + rng.permutation(D),
}


def masks_player():
    """Choose the order of the pixels, the width, the hidden degrees and whether the output mask is strict."""
    import ipywidgets as widgets

    def draw(order, width, seed, strict):
        rng, D = np.random.default_rng(seed), 6
        return made_svg(
            ORDERS[order](D, rng), *(np.sort(rng.integers(1, D, size=width)) for _ in range(2)), strict=strict
        )

    return live_figure(
        draw,
        dict(
            order=widgets.Dropdown(options=list(ORDERS), value="random", description="order"),
            width=widgets.IntSlider(6, 1, 9, description="units", continuous_update=False),
            seed=widgets.IntSlider(0, 0, 20, description="seed", continuous_update=False),
            strict=widgets.Checkbox(True, description="strict at the output"),
        ),
    )


# Images ----------------------------------------------------------------------------------------


def _image(pixels, x, y, side, undecided=(), mark=None):
    """An 8 by 8 image as SVG, black on white in both themes; values between 0 and 1 are shades. A dash is an undecided pixel."""
    parts = [f'<rect x="{x}" y="{y}" width="{8 * side}" height="{8 * side}" fill="#fff" stroke="var(--bh-muted)"/>']
    for k, value in enumerate(pixels):
        r, c = divmod(k, 8)
        if k in undecided:
            parts.append(f'<path d="M{x + c * side + 7} {y + r * side + 7}h{side - 14}" stroke="#8a929a"/>')
        elif value > 0.02:
            parts.append(
                f'<rect x="{x + c * side}" y="{y + r * side}" width="{side}" height="{side}" fill="#000" opacity="{value:.2g}"/>'
            )
    if mark is not None:
        r, c = divmod(mark, 8)
        parts.append(
            f'<rect x="{x + c * side}" y="{y + r * side}" width="{side}" height="{side}" fill="none" stroke="#946a03" stroke-width="3"/>'
        )
    return "".join(parts)


def drawing_stepper(image, p, r, expected):
    """One image drawn pixel by pixel: on the left what is drawn, on the right what the model expects.

    image     (64,)      the finished image
    p, r      (64,)      probability and random number of each pixel, in raster order
    expected  (65, 64)   after k pixels are drawn, how often each pixel is black when the model finishes the image
    """
    frames = []
    for k in range(65):
        parts = [
            _image(image, 20, 34, 30, undecided=range(k, 64), mark=k - 1 if k else None),
            _image(expected[k], 320, 34, 30, mark=k - 1 if k else None),
            '<text class="t" x="140" y="18">drawn so far</text><text class="t" x="440" y="18">what the model expects</text>',
        ]
        rows = " / ".join(
            "".join("█" if v else "·" for v in image[8 * row : min(8 * row + 8, k)]) for row in range((k + 7) // 8)
        )
        describe = f"An 8 by 8 image after {k} pixels, row by row: {rows or 'nothing yet'}. Beside it, in shades, how likely each pixel is to become black."
        drawing = Svg(
            f'<svg class="bh-svg" role="img" aria-label="{describe}" viewBox="0 0 580 286" width="580" height="286" style="max-width:580px;min-width:360px">'
            f"{''.join(parts)}</svg>"
        )
        if k == 0:
            equation, says = (
                "",
                "Nothing is drawn. On the right, the mean of many images that the model would draw: all digits at once.",
            )
        else:
            relation, value = ("<", 1) if image[k - 1] else (r"\ge", 0)
            equation = rf"r_{{{k}}} = {r[k - 1]:.3f} {relation} \out{{p_{{{k}}}}} = {p[k - 1]:.3f} \quad\Rightarrow\quad x_{{{k}}} = {value}"
            says = _about(k, p[k - 1], image[k - 1])
        frames.append(Frame(drawing, equation, says))
    return Stepper(frames, "An image, drawn pixel by pixel")


def _about(k, p, value):
    row, column = divmod(k - 1, 8)
    where = f"Row {row + 1}, column {column + 1}. "
    if k == 64:
        return where + "The image is finished, and both sides agree."
    chance = p if value else 1 - p
    what = "black" if value else "white"
    if chance < 0.25:
        return where + f"A surprise: {what} had a probability of {chance:.2f} only. What comes after must fit it."
    if chance > 0.95:
        return where + f"Hardly a question: {what}, with a probability of {chance:.2f}."
    return where + f"The pixel becomes {what}, which had a probability of {chance:.2f}."


def gallery(rows, labels, cut=None):
    """Rows of 8 by 8 images, each row with its label; `cut` maps a row to the half that was given."""
    fig, axes = plt.subplots(
        len(rows), len(rows[0]), figsize=(0.72 * len(rows[0]) + 1.4, 0.78 * len(rows)), squeeze=False
    )
    for line, images, label, number in zip(axes, rows, labels, range(len(rows)), strict=True):
        for ax, image in zip(line, images, strict=True):
            ax.imshow(np.reshape(image, (8, 8)), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(visible=True, color="0.6")
            if half := (cut or {}).get(number):
                ax.axhspan(*((-0.5, 3.5) if half == "upper" else (3.5, 7.5)), color="#0571c4", alpha=0.22, lw=0)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
    return fig
