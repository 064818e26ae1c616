"""The drawings of lesson 06: the perceptron's line, pretraining layer by layer, gradients by depth, the adding problem."""

from html import escape

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

# The plane of the perceptron ---------------------------------------------------------------------

SIZE, LOW, HIGH = 300, -0.55, 1.55  # pixels of the plane, and the range of both axes


def _at(x1, x2):
    """Pixels of a point of the plane."""
    return 40 + (x1 - LOW) / (HIGH - LOW) * SIZE, 10 + (HIGH - x2) / (HIGH - LOW) * SIZE


def _positive_side(w, b):
    """Corners of the part of the plane where the perceptron answers +1: a square, cut along the line."""
    square = [(LOW, LOW), (HIGH, LOW), (HIGH, HIGH), (LOW, HIGH)]
    corners = []
    for p, q in zip(square, square[1:] + square[:1], strict=True):
        a, c = (w[0] * z[0] + w[1] * z[1] + b for z in (p, q))
        if a >= 0:
            corners.append(p)
        if a * c < 0:
            share = a / (a - c)
            corners.append((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])))
    return corners if len(corners) > 2 and (any(w) or b > 0) else []


def _crossings(w, b):
    """Where the line w x + b = 0 enters and leaves the square; none where it does not meet it."""
    ends = []
    for axis in (0, 1):
        for fixed in (LOW, HIGH):
            if w[1 - axis]:
                free = -(w[axis] * fixed + b) / w[1 - axis]
                if LOW <= free <= HIGH:
                    ends.append((fixed, free) if axis == 0 else (free, fixed))
    return [min(ends), max(ends)] if len(set(ends)) > 1 else []


def plane(X, y, w, b, current=None, describe=""):
    """The examples, the line of the perceptron, and the side on which it answers +1; `current` is ringed in red."""
    parts = [
        f'<rect x="40" y="10" width="{SIZE}" height="{SIZE}" fill="none" stroke="var(--bh-muted)" stroke-width="1"/>'
    ]
    side = _positive_side(w, b)
    if side:
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in (_at(*z) for z in side))
        parts.append(f'<polygon points="{points}" fill="var(--bh-output)" opacity=".17"/>')
        cx, cy = np.mean([_at(*z) for z in side], axis=0)
        covered = [np.hypot(cx - px, cy - py) for px, py in (_at(*x) for x in X)]
        parts.append(f'<text class="t" x="{cx:.0f}" y="{cy + (34 if min(covered) < 34 else 0):.0f}">answers +1</text>')
    for tick in (0, 1):
        px, py = _at(tick, LOW)
        parts.append(f'<text class="t" x="{px:.0f}" y="{py + 14:.0f}">{tick}</text>')
        px, py = _at(LOW, tick)
        parts.append(f'<text class="t" x="{px - 14:.0f}" y="{py:.0f}">{tick}</text>')
    px, py = _at(0.5, LOW)
    parts.append(
        f'<text class="t" x="{px:.0f}" y="{py + 16:.0f}"><tspan class="i">x</tspan><tspan class="s" dy="4">1</tspan></text>'
    )
    px, py = _at(LOW, 0.5)
    parts.append(
        f'<text class="t" x="{px - 16:.0f}" y="{py:.0f}"><tspan class="i">x</tspan><tspan class="s" dy="4">2</tspan></text>'
    )
    line = _crossings(w, b)
    if line:
        (x1, y1), (x2, y2) = (_at(*z) for z in line)
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="var(--bh-parameter)" stroke-width="3"/>'
        )
    else:
        says = "a = 0 everywhere: no line" if not any(w) and not b else "no line: one answer everywhere"
        px, py = _at(0.5, -0.3)
        parts.append(f'<text class="t" x="{px:.0f}" y="{py:.0f}">{says}</text>')
    for n, (x, label) in enumerate(zip(X, y, strict=True)):
        px, py = _at(*x)
        ring = (
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="21" fill="none" stroke="var(--bh-loss)" stroke-width="3"/>'
            if n == current
            else ""
        )
        parts.append(
            f'<g class="r-input{" a" if label > 0 else ""}"><circle class="n" cx="{px:.1f}" cy="{py:.1f}" r="15"/>'
            f'<text class="l" x="{px:.1f}" y="{py:.1f}">{"+1" if label > 0 else "−1"}</text>{ring}</g>'
        )
    width, height = SIZE + 60, SIZE + 42
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{escape(describe)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="max-width:{width}px;min-width:230px">{"".join(parts)}</svg>'
    )


def _n(value):
    return f"({value:g})" if value < 0 else f"{value:g}"


def _vector(w):
    return rf"({w[0]:g},\, {w[1]:g})"


def perceptron_updates(X, y, epochs):
    """All updates of a perceptron that starts from zeros: a list of (epoch, number of the example, w, b)."""
    w, b, updates = np.zeros(2), 0.0, []
    for epoch in range(1, epochs + 1):
        for n in range(len(X)):
            if y[n] * (w @ X[n] + b) <= 0:
                w, b = w + y[n] * X[n], b + y[n]
                updates.append((epoch, n, w, b))
    return updates


def perceptron_stepper(X, y, updates, title, ending):
    """One frame for each update of a perceptron on four points.

    X, y     examples (4, 2) and labels
    updates  as `perceptron_updates` returns them
    ending   the sentence of the last frame
    """
    points = ", ".join(f"({x1:g}, {x2:g}) with label {label:+d}" for (x1, x2), label in zip(X, y, strict=True))

    def picture(w, b, current=None):
        rule = f"The perceptron answers +1 where {w[0]:g} x1 + {w[1]:g} x2 + {b:g} is positive."
        ringed = f" The example ({X[current][0]:g}, {X[current][1]:g}) is ringed." if current is not None else ""
        return plane(X, y, w, b, current, f"Four points of a plane: {points}. {rule}{ringed}")

    w, b, last = np.zeros(2), 0.0, None
    frames = [
        Frame(
            picture(w, b),
            rf"\par{{\boldsymbol{{w}}}} = {_vector(w)}, \qquad \par{{b}} = {b:g}",
            "Before we start all weights are zero. The filled points should be answered by $+1$, the empty ones by $-1$.",
        )
    ]
    for number, (epoch, n, w_new, b_new) in enumerate(updates, 1):
        x, label = X[n], y[n]
        a = w @ x + b
        passed = (n - last[1] - 1 if epoch == last[0] else n + len(X) - last[1] - 1) if last else n
        count = ("", "One example was", "Two examples were", "Three examples were")[passed]
        skipped = f"{count} right and changed nothing. " if passed else ""
        side = "the sum 0, which counts as a mistake" if a == 0 else "a sum with the wrong sign"
        frames.append(
            Frame(
                picture(w_new, b_new, n),
                [
                    rf"a &= \par{{{_n(w[0])}}}\cdot\inp{{{x[0]:g}}} + \par{{{_n(w[1])}}}\cdot\inp{{{x[1]:g}}} + \par{{{_n(b)}}} = {a:g}, "
                    rf"\qquad y\,a = {_n(float(label))}\cdot {_n(a)} = {label * a + 0.0:g}",
                    rf"\par{{\boldsymbol{{w}}}} &\leftarrow {_vector(w)} {'+' if label > 0 else '-'} \inp{{{_vector(x)}}} = \par{{{_vector(w_new)}}}, "
                    rf"\qquad \par{{b}} \leftarrow {b:g} {'+' if label > 0 else '-'} 1 = \par{{{b_new:g}}}",
                ],
                f"{skipped}Update {number}, in epoch {epoch}: the ringed example $({x[0]:g}, {x[1]:g})$ has the label ${label:+d}$ "
                f"and {side}. The picture shows the line after the update.",
            )
        )
        w, b, last = w_new, b_new, (epoch, n)
    frames.append(Frame(picture(w, b), rf"\par{{\boldsymbol{{w}}}} = {_vector(w)}, \qquad \par{{b}} = {b:g}", ending))
    return Stepper(frames, title)


def two_layers():
    """XOR from OR and AND: a network with two hidden threshold units, weights on the arrows."""
    d = Drawing(560, 230)
    d.node("x1", 60, 60, "x_1", "input")
    d.node("x2", 60, 170, "x_2", "input")
    d.node("or", 270, 60, "OR", "hidden", size=56)
    d.node("and", 270, 170, "AND", "hidden", size=56)
    d.node("y", 460, 115, "XOR", "output", size=60)
    for source, target, label in (
        ("x1", "or", ""), ("x2", "or", ""), ("x1", "and", ""), ("x2", "and", ""), ("or", "y", "1"), ("and", "y", "−1"),
    ):  # fmt: skip
        d.arrow(source, target, label)
    d.text("w", 150, 214, "all four weights 1")
    d.text("b1", 270, 18, "bias −0.5")
    d.text("b2", 270, 214, "bias −1.5")
    d.text("b3", 460, 66, "bias −0.5")
    return d.svg(
        describe="A network with two inputs, two hidden units and one output. Both inputs lead with weight 1 to a hidden unit OR with "
        "bias -0.5 and to a hidden unit AND with bias -1.5. OR leads to the output with weight 1, AND with weight -1; the "
        "output's bias is -0.5."
    )


# Gradients by depth ------------------------------------------------------------------------------

ACTIVATIONS = {
    "sigmoid": (lambda a: 0.5 * (1 + np.tanh(a / 2)), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h * h),
    "relu": (lambda a: np.maximum(0, a), lambda h: (h > 0).astype(float)),
}


def gradient_sizes(L, activation, scale, H=64, N=50, networks=20):
    """Size of dJ/da at each of L layers, divided by that of the last layer; one row for each of some random networks.

    Weights are normal with standard deviation scale / sqrt(H), biases zero, inputs uniform between 0 and 1.
    """
    g, slope = ACTIVATIONS[activation]
    sizes = np.empty((networks, L))
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        W = scale * rng.normal(size=(L, H, H)) / np.sqrt(H)
        h = [rng.uniform(size=(N, H))]
        for weight in W:
            h.append(g(h[-1] @ weight.T))
        dh = rng.normal(size=(N, H))
        for l in reversed(range(L)):
            delta = dh * slope(h[l + 1])
            sizes[seed, l] = np.linalg.norm(delta)
            dh = delta @ W[l]
    return sizes / sizes[:, -1:]


def plot_sizes(settings, L):
    """Median and middle half of `gradient_sizes` over the layer, one line for each (activation, scale)."""
    fig, ax = plt.subplots()
    layers = np.arange(1, L + 1)
    dashes = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
    for number, (activation, scale) in enumerate(settings):
        low, middle, high = np.quantile(gradient_sizes(L, activation, scale), [0.25, 0.5, 0.75], axis=0)
        colour = PALETTE[("loss", "output", "hidden", "input", "parameter")[number % 5]][0]
        ax.fill_between(layers, low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(layers, middle, ls=dashes[number % 5], color=colour, label=f"{activation}, scale {scale:.3g}")
    ax.axhline(1, color="0.6", lw=1)
    ax.set(yscale="log", xlabel="layer", ylabel="size of dJ/da, last layer = 1", xlim=(1, L))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="best")
    return fig


def depth_player():
    """Controls for the depth, the activation and the weight scale; the figure is computed anew for each setting."""
    import ipywidgets as widgets

    controls = {
        "L": widgets.IntSlider(20, 2, 50, description="layers L", continuous_update=False),
        "activation": widgets.Dropdown(options=list(ACTIVATIONS), description="activation"),
        "scale": widgets.FloatSlider(
            1.0, min=0.5, max=16, step=0.5, description="weight scale", continuous_update=False
        ),
    }

    return live_figure(lambda L, activation, scale: plot_sizes([(activation, scale)], L), controls)


# Pretraining -------------------------------------------------------------------------------------


def pretraining_stepper():
    """What is trained, what is kept and what is thrown away, for three layers."""
    d = Drawing(640, 424)
    left, right = 170, 480
    for l in range(4):
        d.node(
            f"h{l}",
            left,
            398 - 94 * l,
            "x" if l == 0 else f"h^({l})",
            "input" if l == 0 else "hidden",
            "box",
            (110, 36),
        )
    d.node("o", left, 26, "ŷ", "output", "box", (60, 36))
    d.node("y", right, 26, "label", "muted", "box", (70, 36))
    for l in range(1, 4):
        d.node(f"r{l}", right, 398 - 94 * (l - 1), "x̂" if l == 1 else f"ĥ^({l - 1})", "output", "box", (110, 36))
        d.arrow(f"h{l - 1}", f"h{l}", f"W^({l})")
        d.arrow(f"h{l}", f"r{l}", f"V^({l})")
        d.arrow(f"r{l}", f"h{l - 1}", "compare", role="loss")
    d.arrow("h3", "o", "V")
    d.arrow("y", "o", "compare", role="loss")
    everything = set(d.nodes) | set(d.arrows)
    frames = []

    def frame(shown, sentence, equation="", active=(), dim=(), gradient=(), says=""):
        hidden = everything - set(shown)
        frames.append(
            Frame(d.svg(active=active, dim=dim, gradient=gradient, hidden=hidden, describe=says), equation, sentence)
        )

    stack = ["h0"]
    plan = [*stack, *(f"h{l}" for l in range(1, 4)), *(f"h{l - 1}->h{l}" for l in range(1, 4))]
    frame(
        plan,
        "There is a pile of examples and no label yet. Three layers are planned. Each will be trained on its own, from the bottom.",
        active=["h0"], dim=plan[1:],
        says="The input x, and above it, faint, the three layers that are to be trained.",
    )  # fmt: skip
    for l in range(1, 4):
        below = f"h{l - 1}"
        code, link, decode, compare = f"h{l}", f"{below}->h{l}", f"h{l}->r{l}", f"r{l}->{below}"
        name = r"\inp{\boldsymbol{x}}" if l == 1 else rf"\hid{{\boldsymbol{{h}}^{{({l - 1})}}}}"
        frozen = [n for n in stack if n != below]
        frame(
            [*stack, code, link, f"r{l}", decode, compare],
            f"Autoencoder {l}: the new layer makes a code, a decoder makes its input anew from the code, and the two are compared. "
            + ("Encoder and decoder learn." if l == 1 else "Encoder and decoder learn; what was trained before stands still."),
            rf"\hid{{\boldsymbol{{h}}^{{({l})}}}} = \sigma\big(\par{{\boldsymbol{{W}}^{{({l})}}}} {name} + \par{{\boldsymbol{{b}}^{{({l})}}}}\big)",
            active=[below, code, link], gradient=[code, f"r{l}", link, decode], dim=frozen,
            says=f"Below, the layers trained so far. On top of them layer {l}, and beside it a decoder, whose output is compared with the "
            f"input of layer {l}. Gradients flow through the decoder and through layer {l}, and no further.",
        )  # fmt: skip
        stack += [code, link]
        frame(
            stack,
            f"The decoder is thrown away. All examples are sent through layer {l} once; their codes $\\boldsymbol{{h}}^{{({l})}}$ are "
            + ("the data of the next autoencoder." if l < 3 else "what the last layer has made of them."),
            active=[code, link], dim=[n for n in stack if n not in (code, link, below)],
            says=f"The layers 1 to {l} on top of the input. The decoder is gone.",
        )  # fmt: skip
    stack += ["o", "h3->o", "y", "y->o"]
    frame(
        stack,
        "Only now come the labels. A readout is put on top, and the whole network is trained as usual, from where pretraining has left "
        "it. This is called fine-tuning.",
        r"\loss{J} = -\log \out{\hat y_k}, \qquad k = \text{the label}",
        active=["o", "h3->o"], gradient=["o", "h3", "h2", "h1", "h3->o", "h2->h3", "h1->h2", "h0->h1"],
        says="The whole network: input, three hidden layers and the prediction, which is compared with the label. Gradients flow "
        "from the prediction through all layers.",
    )  # fmt: skip
    return Stepper(frames, "Greedy layer-wise pretraining, three layers")


# The adding problem ------------------------------------------------------------------------------


def adding_example(x, y):
    """One sequence of the adding problem, x (T, 2), as a row of bars; the marked ones stand out."""
    fig, ax = plt.subplots(figsize=(6.6, 2.6))
    t = np.arange(1, len(x) + 1)
    marked = x[:, 1] == 1
    ax.bar(t[~marked], x[~marked, 0], width=0.6, color="0.8")
    ax.bar(t[marked], x[marked, 0], width=0.9, color=PALETTE["input"][0])
    for step in t[marked]:
        value = x[step - 1, 0]
        ax.annotate(
            f"{value:+.2f}".replace("-", "−"), (step, value), xytext=(0, 4 if value > 0 else -4), color=PALETTE["input"][0],
            textcoords="offset points", ha="center", va="bottom" if value > 0 else "top",
        )  # fmt: skip
    ax.axhline(0, color="0.5", lw=0.8)
    ax.axvline(len(x) / 2 + 0.5, color="0.5", lw=1, ls=":")
    ax.set(xlabel="time step t", ylabel="value", xlim=(0, len(x) + 1), ylim=(-1.3, 1.3))
    ax.set_title(f"target 0.5 + (X₁ + X₂)/4 = {y:.3f}", fontsize=11)
    return fig


def memory_sizes(T, H=16, networks=20):
    """Size of the gradient of an RNN's last answer with respect to h(t), t = 1 ... T, on the adding problem; last = 1."""
    sizes = np.empty((networks, T))
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        U, W = rng.normal(0, 1 / np.sqrt(2), (H, 2)), rng.normal(0, 1 / np.sqrt(H), (H, H))
        h, states = np.zeros(H), []
        for _ in range(T):
            h = np.tanh(W @ h + U @ np.array([rng.uniform(-1, 1), 0.0]))
            states.append(h)
        dh = rng.normal(size=H)
        for t in reversed(range(T)):
            sizes[seed, t] = np.linalg.norm(dh)
            dh = W.T @ (dh * (1 - states[t] ** 2))
    return sizes / sizes[:, -1:]


def plot_memory(T):
    """`memory_sizes` over t, and the constant line of a cell that carries its content on unchanged."""
    fig, ax = plt.subplots()
    t = np.arange(1, T + 1)
    low, middle, high = np.quantile(memory_sizes(T), [0.25, 0.5, 0.75], axis=0)
    colour, other = PALETTE["loss"][0], PALETTE["hidden"][0]
    ax.fill_between(t, low, high, color=colour, alpha=0.2, lw=0)
    ax.plot(t, middle, color=colour, ls="-.")
    ax.annotate(
        "simple RNN",
        (t[3 * T // 5], low[3 * T // 5]),
        xytext=(6, -6),
        textcoords="offset points",
        color=colour,
        va="top",
    )
    ax.plot(t, np.ones(T), color=other)
    ax.annotate("a cell that adds", (t[2], 1), xytext=(0, 6), textcoords="offset points", color=other)
    ax.axvspan(1, T / 2, color="0.5", alpha=0.12, lw=0)
    ax.annotate("marks lie here", (T / 4, 1.3e-6), ha="center", va="bottom", color="0.35")
    ax.set(yscale="log", xlabel="time step t", ylabel="gradient at the state, last = 1", xlim=(1, T), ylim=(1e-6, 10))
    return fig
