"""The drawings of lesson 03: the 2-2-2 network step by step and by its routes, the experiments, and dropout."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing
from byhand.live import live_figure
from byhand.numerals import factor, numeral
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper

UNITS = (1, 2)


# The network ---------------------------------------------------------------------------------------


class _Network(Drawing):
    """A drawing in which numbers at crossing arrows stand near the arrow's tail, where they cannot be mistaken."""

    def _find_places(self):
        places = super()._find_places()
        for name, arrow in self.arrows.items():
            a, b = self.nodes[arrow.source], self.nodes[arrow.target]
            if not arrow.label:
                continue
            if a.y == b.y:
                middle = (a.x + b.x) / 2
                places[name, "label"], places[name, "gradient"] = (middle, a.y - 13, 0), (middle, a.y + 20, 0)
                continue
            length = np.hypot(b.x - a.x, b.y - a.y)
            left = ((b.y - a.y) / length, (a.x - b.x) / length)
            x, y = a.x + 0.29 * (b.x - a.x), a.y + 0.29 * (b.y - a.y)
            for kind, away in (("label", 10), ("gradient", -15)):
                places[name, kind] = (x + away * left[0], y + away * left[1], 1 if away * left[0] > 0 else -1)
        return places


def _network(W=None, V=None):
    """The 2-2-2 network. With the weights as numbers on its arrows, or with their names if none are given."""
    d = _Network(700, 370)
    heights = {1: 70, 2: 300}
    for i in UNITS:
        d.node(f"x{i}", 50, heights[i], f"x_{i}", "input", size=62)
    for j in UNITS:
        d.node(f"h{j}", 260, heights[j], f"h_{j}", "hidden", size=66)
    for k in UNITS:
        d.node(f"y{k}", 470, heights[k], f"ŷ_{k}", "output", size=66)
    d.node("J", 640, 185, "J", "loss", size=66)
    for j in UNITS:
        for i in UNITS:
            d.arrow(f"x{i}", f"h{j}", f"W_{j}{i}" if W is None else numeral(W[j - 1][i - 1], "g"))
    for k in UNITS:
        for j in UNITS:
            d.arrow(f"h{j}", f"y{k}", f"V_{k}{j}" if V is None else numeral(V[k - 1][j - 1], "g"))
        d.arrow(f"y{k}", "J")
    return d


def network():
    """The 2-2-2 network as a still picture."""
    return _network().svg(
        describe="A network with two inputs x1 and x2, two hidden units h1 and h2, two outputs and the loss J. Every input is joined to "
        "every hidden unit, by weights W11, W12, W21, W22; every hidden unit to every output, by V11, V12, V21, V22. The first index "
        "is that of the unit at which the arrow ends.",
    )


def _describe(values, gradients):
    known = ", ".join(f"{name} = {value}" for name, value in values.items()) or "none yet"
    back = ", ".join(f"{name}: {value}" for name, value in gradients.items())
    return f"The network of two inputs, two hidden units, two outputs. Values: {known}." + (
        f" Gradients: {back}." if back else ""
    )


def backprop_stepper(run):
    """Forward and backward through the 2-2-2 network.

    run  a dict with the numbers of the example: x, t, a, h, o, y, J, W, V, and the gradients dy, do, dV, dh, da, dW; all
         of them lists or arrays in which index 0 belongs to unit 1.
    """
    x, W, V = run["x"], run["W"], run["V"]
    d = _network(W, V)
    values, gradients, frames = {f"x{i}": numeral(x[i - 1], "g") for i in UNITS}, {}, []

    def frame(equation, sentence, active=(), gradient=()):
        drawing = d.svg(
            active=active, gradient=gradient, values=values, gradients=gradients, describe=_describe(values, gradients)
        )
        frames.append(Frame(drawing, equation, sentence))

    frame(
        "",
        "Before we start: two inputs, and a weight on every arrow between neurons. The right answers are $t_1 = 1$ and $t_2 = 0$. Step forward to see the values "
        "arrive from left to right.",
    )
    for layer, source, target, weight, total, value, colours in (
        ("hidden unit", "x", "h", W, "a", "h", ("inp", "hid")),
        ("output", "h", "y", V, "o", "y", ("hid", "out")),
    ):
        letter = "W" if weight is W else "V"
        shown = r"\hat y" if value == "y" else value
        for j in UNITS:
            terms = " + ".join(
                rf"{factor(weight[j - 1][i - 1], 'g')}\cdot {factor(run[source][i - 1], 'g' if source == 'x' else '.4f')}"
                for i in UNITS
            )
            names = " + ".join(rf"{letter}_{{{j}{i}}}\,\{colours[0]}{{{source}_{i}}}" for i in UNITS)
            values[f"{target}{j}"] = numeral(run[value][j - 1])
            frame(
                [
                    rf"{total}_{j} &= {names} = {terms} = {run[total][j - 1]:.4f}",
                    rf"\{colours[1]}{{{shown}_{j}}} &= \sigma({total}_{j}) = {run[value][j - 1]:.4f}",
                ],
                f"Forward to {layer} {j}: the two values are weighed and added, and the sum passes through the sigmoid.",
                active=[f"{source}{i}" for i in UNITS]
                + [f"{source}{i}->{target}{j}" for i in UNITS]
                + [f"{target}{j}"],
            )
    values["J"] = numeral(run["J"])
    frame(
        rf"\loss{{J}} = \tfrac12\left((\hat y_1 - t_1)^2 + (\hat y_2 - t_2)^2\right) = {run['J']:.4f}",
        "The loss compares the outputs with the right answers. Everything so far was the forward pass. Now we walk back, and purple shows what "
        "flows.",
        active=["y1", "y2", "y1->J", "y2->J", "J"],
    )
    for k in UNITS:
        y = run["y"][k - 1]
        gradients[f"y{k}"] = numeral(run["do"][k - 1], "+.4f")
        frame(
            [
                rf"\frac{{\partial J}}{{\partial \hat y_{k}}} &= \hat y_{k} - t_{k} = {run['dy'][k - 1]:.4f}",
                rf"\grad{{\delta^o_{k}}} &= (\hat y_{k} - t_{k})\,\hat y_{k}(1 - \hat y_{k})",
                rf"&= {factor(run['dy'][k - 1])}\cdot {y:.4f}\cdot {1 - y:.4f} = \grad{{{run['do'][k - 1]:.4f}}}",
            ],
            f"Back to output {k}: how fast $J$ changes with $\\hat y_{k}$, times the slope of the sigmoid. What stands beside the node is the "
            f"gradient at its sum $o_{k}$.",
            gradient=["J", f"y{k}", f"y{k}->J"],
        )
    for k in UNITS:
        for j in UNITS:
            gradients[f"h{j}->y{k}"] = numeral(run["dV"][k - 1][j - 1], "+.4f")
        frame(
            [
                rf"\frac{{\partial J}}{{\partial V_{{{k}{j}}}}} &= \grad{{\delta^o_{k}}}\,\hid{{h_{j}}} "
                rf"= {factor(run['do'][k - 1])}\cdot {run['h'][j - 1]:.4f} = \grad{{{run['dV'][k - 1][j - 1]:.4f}}}"
                for j in UNITS
            ],
            f"The two weights into output {k}: what arrives at the head of the arrow, times what went in at its tail.",
            active=[f"h{j}" for j in UNITS],
            gradient=[f"y{k}", *(f"h{j}->y{k}" for j in UNITS)],
        )
    for j in UNITS:
        gradients[f"h{j}"] = numeral(run["da"][j - 1], "+.4f")
        terms = " + ".join(rf"{factor(V[k - 1][j - 1], 'g')}\cdot {factor(run['do'][k - 1])}" for k in UNITS)
        h = run["h"][j - 1]
        frame(
            [
                rf"\frac{{\partial J}}{{\partial h_{j}}} &= V_{{1{j}}}\,\grad{{\delta^o_1}} + V_{{2{j}}}\,\grad{{\delta^o_2}}",
                rf"&= {terms} = {run['dh'][j - 1]:.4f}",
                rf"\grad{{\delta_{j}}} &= \frac{{\partial J}}{{\partial h_{j}}}\,h_{j}(1 - h_{j}) "
                rf"= {factor(run['dh'][j - 1])}\cdot {h:.4f}\cdot {1 - h:.4f} = \grad{{{run['da'][j - 1]:.4f}}}",
            ],
            f"Hidden unit {j} has no target of its own. Two arrows come back to it, one from each output; what they bring is added, and then it "
            "passes through the slope of the sigmoid.",
            gradient=[f"h{j}", "y1", "y2", f"h{j}->y1", f"h{j}->y2"],
        )
    for j in UNITS:
        for i in UNITS:
            gradients[f"x{i}->h{j}"] = numeral(run["dW"][j - 1][i - 1], "+.4f")
        frame(
            [
                rf"\frac{{\partial J}}{{\partial W_{{{j}{i}}}}} &= \grad{{\delta_{j}}}\,\inp{{x_{i}}} "
                rf"= {factor(run['da'][j - 1])}\cdot {x[i - 1]:g} = \grad{{{run['dW'][j - 1][i - 1]:.4f}}}"
                for i in UNITS
            ],
            f"The two weights into hidden unit {j}, by the same rule: arriving gradient times what went in.",
            active=[f"x{i}" for i in UNITS],
            gradient=[f"h{j}", *(f"x{i}->h{j}" for i in UNITS)],
        )
    frame(
        r"W_{ji} \leftarrow W_{ji} - \eta\,\frac{\partial J}{\partial W_{ji}}, \qquad "
        r"V_{kj} \leftarrow V_{kj} - \eta\,\frac{\partial J}{\partial V_{kj}}",
        "Every weight has its gradient now. Backpropagation ends here; only then does the optimiser change all weights, at once.",
        gradient=[*(f"x{i}->h{j}" for i in UNITS for j in UNITS), *(f"h{j}->y{k}" for j in UNITS for k in UNITS)],
    )
    return Stepper(frames, "A 2-2-2 network, forward and backward")


def route_picker(run):
    """Every route from a weight of the 2-2-2 network to the loss. `run` is as for `backprop_stepper`."""
    d = Drawing(700, 400)
    heights = {1: 120, 2: 280}
    values, edges, variables = {}, {}, []
    for j in UNITS:
        for i in UNITS:
            name = f"W{j}{i}"
            variables.append(name)
            d.node(name, 42, heights[j] + (i - 1.5) * 78, f"W_{j}{i}", "parameter", shape="box", size=(58, 48))
            values[name] = numeral(run["W"][j - 1][i - 1], "g")
    for j in UNITS:
        d.node(f"a{j}", 165, heights[j], f"a_{j}", "hidden", shape="box", size=(66, 50))
        d.node(f"h{j}", 290, heights[j], f"h_{j}", "hidden", size=62)
    for k in UNITS:
        for j in UNITS:
            name, away = f"V{k}{j}", -1 if k == 1 else 1
            variables.append(name)
            d.node(
                name, 440 + (j - 1.5) * 80, heights[k] + 90 * away, f"V_{k}{j}", "parameter", shape="box", size=(58, 48)
            )
            values[name] = numeral(run["V"][k - 1][j - 1], "g")
    for k in UNITS:
        d.node(f"o{k}", 440, heights[k], f"o_{k}", "output", shape="box", size=(66, 50))
        d.node(f"y{k}", 560, heights[k], f"ŷ_{k}", "output", size=62)
    d.node("J", 655, 200, "J", "loss", size=62)

    def arrow(source, target, number, latex):
        d.arrow(source, target)
        edges[f"{source}->{target}"] = Edge(number, latex)

    for j in UNITS:
        h = run["h"][j - 1]
        values[f"a{j}"], values[f"h{j}"] = numeral(run["a"][j - 1]), numeral(h)
        for i in UNITS:
            arrow(f"W{j}{i}", f"a{j}", run["x"][i - 1], f"x_{i}")
        arrow(f"a{j}", f"h{j}", h * (1 - h), rf"h_{j}(1 - h_{j})")
    for k in UNITS:
        y = run["y"][k - 1]
        values[f"o{k}"], values[f"y{k}"] = numeral(run["o"][k - 1]), numeral(y)
        for j in UNITS:
            arrow(f"h{j}", f"o{k}", run["V"][k - 1][j - 1], rf"V_{{{k}{j}}}")
            arrow(f"V{k}{j}", f"o{k}", run["h"][j - 1], f"h_{j}")
        arrow(f"o{k}", f"y{k}", y * (1 - y), rf"\hat y_{k}(1 - \hat y_{k})")
        arrow(f"y{k}", "J", run["dy"][k - 1], rf"\hat y_{k} - t_{k}")
    values["J"] = numeral(run["J"])
    return RoutePicker(
        Routes(d, edges),
        "All routes from a weight to the loss",
        describe="The computation graph of the 2-2-2 network. The weights W lead into the sums a1 and a2, from there to h1 and h2, then with "
        "the weights V into o1 and o2, to the two outputs, and into the loss J. Each hidden unit leads to both outputs.",
        variables=variables,
        values=values,
        symbols={"y1": r"\hat y_1", "y2": r"\hat y_2"} | {name: f"{name[0]}_{{{name[1:]}}}" for name in variables},
    )


# Experiments ---------------------------------------------------------------------------------------


def plot_cosines(results):
    """Histograms of cosines, one row each. results: title -> array of cosines."""
    fig, axes = plt.subplots(len(results), 1, figsize=(6.4, 1.45 * len(results)), sharex=True)
    for ax, (title, cosines) in zip(axes, results.items(), strict=True):
        counts, edges = np.histogram(cosines, bins=np.linspace(-1, 1, 81))
        share = 100 * counts / len(cosines)
        wrong = edges[:-1] < -1e-9
        ax.bar(edges[:-1][wrong], share[wrong], width=0.025, align="edge", color=PALETTE["loss"][0])
        ax.bar(edges[:-1][~wrong], share[~wrong], width=0.025, align="edge", color=PALETTE["gradient"][0])
        ax.axvline(0, color="0.6", lw=1)
        ax.set_title(title, fontsize=11)
        ax.set_yscale("symlog", linthresh=0.05, linscale=0.4)
        ax.set_yticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
        ax.set_yticks([], minor=True)
        ax.set_ylabel("% of nets", fontsize=9)
    axes[-1].set_xlabel("cosine between the rule's direction and minus the gradient")
    axes[-1].set_xlim(-1, 1)
    return fig


def plot_saturation():
    """The gradient at the score for target 1: squared error behind a sigmoid, and cross-entropy."""
    o = np.linspace(-8, 8, 201)
    y = 1 / (1 + np.exp(-o))
    fig, ax = plt.subplots(figsize=(6.4, 2.9))
    for values, role, dashes, name, at in (
        (y - 1, "output", "-", "cross-entropy", (-7.6, -0.92)),
        ((y - 1) * y * (1 - y), "loss", "--", "squared error", (-7.6, -0.14)),
    ):
        ax.plot(o, values, dashes, color=PALETTE[role][0])
        ax.annotate(name, at, color=PALETTE[role][0])
    ax.axhline(0, color="0.6", lw=1)
    ax.set(xlabel="score of the right class", ylabel="gradient at the score", xlim=(-8, 8))
    return fig


# Dropout -------------------------------------------------------------------------------------------


def dropout_stepper():
    """One layer of five hidden units with p = 0.2, over three mini-batches and in evaluation."""
    p, h, v = 0.2, (0.4, 0.8, 0.2, 0.6, 1.0), (0.5, 0.5, -0.5, 0.5, -0.5)
    d = Drawing(680, 390)
    for i, y in enumerate((115, 195, 275), 1):
        d.node(f"x{i}", 50, y, f"x_{i}", "input", size=50)
    for j in range(1, 6):
        d.node(f"h{j}", 250, 35 + 80 * (j - 1), f"h_{j}", "hidden", size=54)
    d.node("o", 500, 195, "o", "output", size=70)
    for j in range(1, 6):
        for i in range(1, 4):
            d.arrow(f"x{i}", f"h{j}")
        d.arrow(f"h{j}", "o", numeral(v[j - 1], "g"))
    frames = []

    def show(values, equation, sentence, dropped=(), gradient=(), gradients=None, active=()):
        gone = [f"h{j}" for j in dropped]
        gone += [name for name, arrow in d.arrows.items() if arrow.source in gone or arrow.target in gone]
        shown = {f"h{j}": numeral(value, "g") for j, value in enumerate(values, 1)}
        if equation:
            shown["o"] = numeral(sum(a * b for a, b in zip(values, v, strict=True)), ".3f")
        back = {name: number for name, number in (gradients or {}).items() if name not in gone}
        kept = [name for name in gradient if name not in gone]
        words = ", ".join(f"h{j} is {number}" for j, number in enumerate((numeral(value, "g") for value in values), 1))
        describe = f"Three inputs, five hidden units, one output. {words}." + (
            f" Dropped: {', '.join(f'h{j}' for j in dropped)}." if dropped else " No unit is dropped."
        )
        drawing = d.svg(dim=gone, values=shown, gradient=kept, gradients=back, active=active, describe=describe)
        frames.append(Frame(drawing, equation, sentence))

    def terms(values):
        signed = [
            rf"{'-' if weight < 0 else '+'} {abs(weight):g}\cdot {value:g}"
            for value, weight in zip(values, v, strict=True)
            if value
        ]
        return " ".join(signed).removeprefix("+ ")

    show(
        h, "",
        "One example on its way through a layer of five hidden units, with dropout behind them and $p = 0.2$. The numbers in the nodes are their "
        "activations; on the arrows to the right stand the weights $v_j$.",
    )  # fmt: skip
    batches = ((0.63, 0.11, 0.85, 0.42, 0.30), (0.05, 0.71, 0.94, 0.18, 0.56), (0.83, 0.37, 0.52, 0.66, 0.29))
    for number, r in enumerate(batches, 1):
        dropped = [j for j in range(1, 6) if r[j - 1] < p]
        scaled = [0.0 if j in dropped else round(h[j - 1] / (1 - p), 6) for j in range(1, 6)]
        total = sum(a * b for a, b in zip(scaled, v, strict=True))
        drawn = rf"r &= ({', '.join(f'{u:.2f}' for u in r)})"
        gone = " and ".join(f"$h_{j}$" for j in dropped)
        says = (
            f"{gone} {'is dropped: its random number lies' if len(dropped) == 1 else 'are dropped: their random numbers lie'} below 0.2. "
            "The others are divided by 0.8."
            if dropped
            else "No random number lies below 0.2, so nothing is dropped. The scaling by 1/0.8 stays: it belongs to training, whatever was drawn."
        )
        show(
            scaled,
            [drawn, rf"\out{{o}} &= {terms(scaled)}", rf"&= {total:.3f}"],
            (f"Mini-batch {number}. " if number == 1 else f"Mini-batch {number}: new random numbers, a new mask. ")
            + says,
            dropped=dropped,
            active=["o"],
        )
        if number == 1:
            gradients = {f"h{j}": numeral(v[j - 1] / (1 - p), "+.3f") for j in range(1, 6)}
            show(
                scaled,
                [
                    r"&\frac{\partial J}{\partial h_j} = m_j\,v_j\,\grad{\frac{\partial J}{\partial o}}, \qquad "
                    r"m = (1.25,\ 0,\ 1.25,\ 1.25,\ 1.25)",
                ],
                "The way back of the same mini-batch, with 1 arriving at $o$: the mask of the way forward closes the same unit and scales the others by "
                "the same 1.25. Nothing flows to or through $h_2$, so this example adds nothing to the gradients of its weights.",
                dropped=dropped,
                gradient=["o", *(f"h{j}" for j in range(1, 6)), *(f"h{j}->o" for j in range(1, 6))],
                gradients=gradients | {"o": "+1"},
            )  # fmt: skip
    total = sum(a * b for a, b in zip(h, v, strict=True))
    show(
        h, [rf"\out{{o}} &= {terms(h)}", rf"&= {total:.3f}"],
        "Evaluation: no unit is dropped and nothing is scaled. The mean of $o$ over all masks is this number, 0.3; the single draws scatter around "
        "it.",
        active=["o"],
    )  # fmt: skip
    return Stepper(frames, "Dropout: a new mask for every mini-batch")


def moons(n, rng, noise=0.3):
    """Two interleaved half circles with noise: points (n, 2) and classes (n,)."""
    angle, y = rng.uniform(0, np.pi, n), rng.integers(0, 2, n)
    x = np.where(
        y[:, None] == 0,
        np.stack([np.cos(angle), np.sin(angle)], axis=1),
        np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1),
    )
    return x + noise * rng.normal(size=x.shape), y


@cache
def fit(p, width, n=40, seed=0, steps=1500):
    """A 2-width-width-2 ReLU network with dropout p, trained on n points of the moons by Adam.

    Returns a function from points to the probability of class 1, the training points and classes.
    """
    rng = np.random.default_rng(seed)
    x, y = moons(n, rng)
    sizes = (2, width, width, 2)
    theta = [rng.normal(0, np.sqrt(2 / a), (b, a)) for a, b in zip(sizes, sizes[1:], strict=False)]
    theta += [np.zeros(b) for b in sizes[1:]]
    mean, square = [np.zeros_like(t) for t in theta], [np.zeros_like(t) for t in theta]

    def forward(x, masks):
        W1, W2, W3, b1, b2, b3 = theta
        h1 = np.maximum(x @ W1.T + b1, 0) * masks[0]
        h2 = np.maximum(h1 @ W2.T + b2, 0) * masks[1]
        o = h2 @ W3.T + b3
        e = np.exp(o - o.max(axis=1, keepdims=True))
        return h1, h2, e / e.sum(axis=1, keepdims=True)

    for step in range(1, steps + 1):
        masks = [(rng.uniform(size=(n, width)) >= p) / (1 - p) for _ in range(2)]
        h1, h2, probability = forward(x, masks)
        d3 = (probability - np.eye(2)[y]) / n
        d2 = (d3 @ theta[2]) * masks[1] * (h2 > 0)
        d1 = (d2 @ theta[1]) * masks[0] * (h1 > 0)
        grads = [d1.T @ x, d2.T @ h1, d3.T @ h2, d1.sum(0), d2.sum(0), d3.sum(0)]
        for t, g, m, s in zip(theta, grads, mean, square, strict=True):
            m += 0.1 * (g - m)
            s += 0.001 * (g * g - s)
            t -= 0.005 * (m / (1 - 0.9**step)) / (np.sqrt(s / (1 - 0.999**step)) + 1e-8)
    return lambda points: forward(points, (1.0, 1.0))[2][:, 1], x, y


def accuracies(p, width, seed=0):
    """Shares of right answers on the training points and on 4,000 new ones."""
    predict, x, y = fit(p, width, seed=seed)
    new, truth = moons(4000, np.random.default_rng(1000))
    return ((predict(x) > 0.5) == y).mean(), ((predict(new) > 0.5) == truth).mean()


def plot_boundaries(settings, seed=0):
    """The decision of trained networks over the plane. settings: a list of (p, width)."""
    fig, axes = plt.subplots(1, len(settings), figsize=(3.3 * len(settings), 3.4), sharey=True, squeeze=False)
    across, up = np.meshgrid(np.linspace(-2, 3, 121), np.linspace(-1.6, 2.1, 91))
    grid = np.stack([across.ravel(), up.ravel()], axis=1)
    for ax, (p, width) in zip(axes[0], settings, strict=True):
        predict, x, y = fit(p, width, seed=seed)
        height = predict(grid).reshape(across.shape)
        ax.contourf(
            across, up, height, levels=[0, 0.5, 1], colors=[PALETTE["input"][0], PALETTE["output"][0]], alpha=0.16
        )
        ax.contour(across, up, height, levels=[0.5], colors=[PALETTE["ink"][0]], linewidths=1.4)
        for number, (role, mark) in enumerate((("input", "o"), ("output", "^"))):
            ax.plot(*x[y == number].T, mark, color=PALETTE[role][0], ms=5, mec="white", mew=0.5)
        train, new = accuracies(p, width, seed)
        ax.set_title(
            f"p = {p:g}, {width} units a layer\ntraining {train:.0%}, new points {new:.1%}", loc="left", fontsize=10
        )
        ax.set(xticks=[], yticks=[])
    return fig


def boundary_player():
    """Choose dropout rate, width and seed; the network is trained anew for each setting."""
    import ipywidgets as widgets

    p = widgets.FloatSlider(0.5, min=0, max=0.8, step=0.1, description="p", continuous_update=False)
    width = widgets.IntSlider(64, 4, 128, 4, description="units", continuous_update=False)
    seed = widgets.IntSlider(0, 0, 9, description="seed", continuous_update=False)

    def draw(p, width, seed):
        plot_boundaries([(p, width)], seed)

    return live_figure(draw, {"p": p, "width": width, "seed": seed})
