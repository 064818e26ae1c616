"""The drawings of lesson 05: one step, the unrolled network, and the stepper that goes through it and back."""

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing
from byhand.live import live_figure
from byhand.numerals import factor, numeral
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper


def one_step():
    """The inside of one time step, with a and h apart."""
    d = Drawing(720, 330)
    d.node("h_prev", 70, 190, "h^(t−1)", "hidden", size=64)
    d.node("x", 250, 290, "x^(t)", "input", size=56)
    d.node("a", 250, 190, "a^(t)", "hidden", shape="box")
    d.node("h", 400, 190, "h^(t)", "hidden", size=56)
    d.node("o", 400, 90, "o^(t)", "output", shape="box")
    d.node("y", 550, 90, "ŷ^(t)", "output", size=56)
    d.node("J", 665, 90, "J^(t)", "loss", size=56)
    d.node("next", 585, 190, "a^(t+1)", "hidden", shape="box")
    for source, target, label in (
        ("h_prev", "a", "W"), ("x", "a", "U"), ("a", "h", "g"), ("h", "o", "V"), ("o", "y", "f"), ("y", "J", ""), ("h", "next", "W"),
    ):  # fmt: skip
        d.arrow(source, target, label)
    d.text("b", 312, 222, "+ b")
    d.text("c", 462, 122, "+ c")
    return d.svg(
        dim=["next"],
        describe="One time step of the simple RNN. Arrows lead from the old hidden state h(t-1), labelled W, and from the input "
        "x(t), labelled U, into the sum a(t), to which b is added; from a(t) through the activation g to the hidden state h(t); "
        "from h(t), labelled V, with c added, to the scores o(t), through f to the prediction, and to the loss of this step. "
        "A second arrow, labelled W, leads from h(t) into the next step's sum.",
    )


def _unrolled(T, slots=True, names=True):
    """The unrolled network; with `slots` a box under each step for its contribution to dJ/dW, and one for their sum."""
    d = Drawing(700, 490 if slots else 390)
    column = {t: 52 + 190 * t for t in range(T + 1)}
    d.node("h0", column[0], 250, "h^(0)", "hidden", size=58)
    d.node("J", column[T // 2 + 1], 38, "J", "loss", size=58)
    for t in range(1, T + 1):
        d.node(f"x{t}", column[t], 350, f"x^({t})", "input", size=58)
        d.node(f"h{t}", column[t], 250, f"h^({t})", "hidden", size=58)
        d.node(f"o{t}", column[t], 150, f"ŷ^({t})", "output", size=58)
        d.arrow(f"x{t}", f"h{t}", "U" if names else "")
        d.arrow(f"h{t - 1}", f"h{t}", "W" if names else "")
        d.arrow(f"h{t}", f"o{t}", "V" if names else "")
        d.arrow(f"o{t}", "J")
    if not slots:
        return d
    for t in range(1, T + 1):
        d.node(f"slot{t}", column[t], 452, f"step {t}", "gradient", shape="box", size=(92, 48))
    d.node("sum", column[0], 452, "dJ/dW", "gradient", shape="box", size=(88, 48))
    d.text("sums", column[0] + 72, 452, "=")
    for t in range(1, T):
        d.text(f"plus{t}", (column[t] + column[t + 1]) / 2, 452, "+")
    return d


def unrolled():
    """The unrolled network as a still picture."""
    return _unrolled(3, slots=False).svg(
        describe="The simple RNN unrolled over three time steps. From left to right the hidden states h(0), h(1), h(2), h(3), "
        "each joined to the next by an arrow labelled W. Below each of h(1) to h(3) its input, joined by U; above it its "
        "prediction, joined by V; all predictions lead into the loss J.",
    )


def bptt_stepper(run):
    """Forward and backward through the worked example.

    run  a dict with the numbers of the example, each a list in which index t is time step t (index 0 is the start or
         unused): x, y, a, h, p (probability of class 0), losses, do (gradient at the score of class 0), dh, da; and the
         numbers U, W, b, J, dh0.
    """
    T = len(run["x"]) - 1
    d = _unrolled(T)
    values, gradients = {"h0": f"{run['h'][0]:.1f}"}, {}
    slots = ["sum", "sums", *(f"slot{t}" for t in range(1, T + 1)), *(f"plus{t}" for t in range(1, T))]
    frames = []

    def frame(equation, sentence, active=(), gradient=()):
        waiting = [name for name in slots if name not in values and (name in d.nodes or "sum" not in values)]
        drawing = d.svg(
            active=active, gradient=gradient, dim=waiting, values=values, gradients=gradients,
            describe=_describe(values, gradients),
        )  # fmt: skip
        frames.append(Frame(drawing, equation, sentence))

    frame(
        rf"U = {run['U']:g}, \quad W = {run['W']:g}, \quad b = {run['b']:g}, \quad V = (1, -1)^\top",
        "Before we start: three inputs, a state to start from, and one set of numbers $U$, $W$, $b$, $V$ for all three steps. "
        "Step forward to see the values arrive from left to right.",
    )
    for t in range(1, T + 1):
        values[f"x{t}"], values[f"h{t}"] = numeral(run["x"][t], "g"), numeral(run["h"][t])
        frame(
            [
                rf"a^{{({t})}} &= b + W\,\hid{{h^{{({t - 1})}}}} + U\,\inp{{x^{{({t})}}}} "
                rf"= {run['b']:g} + {run['W']:g}\cdot {factor(run['h'][t - 1])} + {run['U']:g}\cdot {factor(run['x'][t], 'g')} = {run['a'][t]:.4f}",
                rf"\hid{{h^{{({t})}}}} &= \tanh(a^{{({t})}}) = {run['h'][t]:.4f}",
            ],
            f"Step {t} forward: the old state and the new input are weighed and added, and the sum passes through tanh.",
            active=[f"x{t}", f"h{t - 1}", f"h{t}", f"x{t}->h{t}", f"h{t - 1}->h{t}"],
        )
        values[f"o{t}"] = numeral(run["p"][t])
        right = run["y"][t]
        chance = run["p"][t] if right == 0 else 1 - run["p"][t]
        frame(
            [
                rf"\out{{\hat y_0^{{({t})}}}} &= \frac{{1}}{{1 + e^{{-2 h^{{({t})}}}}}} = {run['p'][t]:.4f}",
                rf"\loss{{J^{{({t})}}}} &= -\log \hat y_{right}^{{({t})}} = -\log {chance:.4f} = {run['losses'][t]:.4f}",
            ],
            f"The state is read out. The right class at step {t} is {right}; the network gives it a probability of {chance:.4f}.",
            active=[f"h{t}", f"o{t}", f"h{t}->o{t}", f"o{t}->J", "J"],
        )
    values["J"] = f"{run['J']:.4f}"
    frame(
        rf"\loss{{J}} = \frac{{1}}{{{T}}}\sum_{{t=1}}^{{{T}}} J^{{(t)}} = {run['J']:.4f}",
        "The loss is the mean over the steps. Everything so far was the forward pass. Now we walk back, from right to left, and "
        "purple shows what flows.",
        active=["J", *(f"o{t}->J" for t in range(1, T + 1))],
    )
    total = 0.0
    for t in range(T, 0, -1):
        onehot = 1 if run["y"][t] == 0 else 0
        gradients[f"o{t}"] = numeral(run["do"][t], "+.4f")
        frame(
            rf"\grad{{\delta o_0^{{({t})}}}} = \tfrac{{1}}{{{T}}}\left(\hat y_0^{{({t})}} - {onehot}\right) = \grad{{{run['do'][t]:.4f}}}",
            f"Step {t} backward begins at its own loss: prediction minus truth, divided by the number of steps. The score of the "
            "other class gets the same with the opposite sign.",
            gradient=["J", f"o{t}", f"o{t}->J"],
        )
        gradients[f"h{t}"] = numeral(run["dh"][t], "+.4f")
        own = rf"2\,\grad{{\delta o_0^{{({t})}}}}"
        if t == T:
            equation = rf"\grad{{\delta h^{{({t})}}}} = {own} = \grad{{{run['dh'][t]:.4f}}}"
            says = (
                "At the last state only one arrow comes back, from its own output. $V$ is 1 for one class and −1 for the other, so the "
                "two scores give 2 times the gradient of the first."
            )
            route = [f"o{t}", f"h{t}", f"h{t}->o{t}"]
        else:
            equation = (
                rf"\grad{{\delta h^{{({t})}}}} = {own} + W\,\grad{{\delta a^{{({t + 1})}}}} "
                rf"= {{{2 * run['do'][t]:.4f}}} + {run['W']:g}\cdot {factor(run['da'][t + 1])} = \grad{{{run['dh'][t]:.4f}}}"
            )
            says = (
                f"Two arrows arrive at $h^{{({t})}}$: one from its own output, one from the next state. What they bring is added. This sum is "
                "what is often hidden behind the word errors."
            )
            route = [f"o{t}", f"h{t}", f"h{t}->o{t}", f"h{t}->h{t + 1}", f"h{t + 1}"]
        frame(equation, says, gradient=route)
        frame(
            rf"\grad{{\delta a^{{({t})}}}} = \grad{{\delta h^{{({t})}}}}\,\left(1 - (h^{{({t})}})^2\right) "
            rf"= {run['dh'][t]:.4f}\cdot(1 - {run['h'][t] ** 2:.4f}) = \grad{{{run['da'][t]:.4f}}}",
            f"Through the tanh of step {t}: its slope is $1 - h^2$, at most 1. From here the gradient goes to everything that the sum $a^{{({t})}}$ was made of.",
            gradient=[f"h{t}"],
        )
        share = run["da"][t] * run["h"][t - 1]
        total += share
        values[f"slot{t}"], values["sum"] = numeral(share, "+.4f"), numeral(total, "+.4f")
        frame(
            [
                rf"\left(\frac{{\partial J}}{{\partial W}}\right)^{{({t})}} &= \grad{{\delta a^{{({t})}}}}\, h^{{({t - 1})}} "
                rf"= {run['da'][t]:.4f}\cdot {factor(run['h'][t - 1])} = \grad{{{share:.4f}}}",
                rf"\left(\frac{{\partial J}}{{\partial U}}\right)^{{({t})}} &= \grad{{\delta a^{{({t})}}}}\, x^{{({t})}} = \grad{{{run['da'][t] * run['x'][t]:.4f}}}"
                rf"\qquad \left(\frac{{\partial J}}{{\partial b}}\right)^{{({t})}} = \grad{{\delta a^{{({t})}}}} = \grad{{{run['da'][t]:.4f}}}",
            ],
            f"Step {t} pays in: $W$ met the old state $h^{{({t - 1})}}$ here, so its contribution is $\\delta a^{{({t})}}$ times that state. "
            + (
                f"The sum for $W$ stands at {total:.4f}. $U$ and $b$ collect theirs in the same way."
                if t > 1
                else f"The sum is complete: {total:.4f}."
            ),
            active=[f"slot{t}", "sum"],
            gradient=[f"h{t}", f"h{t - 1}->h{t}"],
        )
    gradients["h0"] = numeral(run["dh0"], "+.4f")
    frame(
        [
            rf"\grad{{\delta h^{{(0)}}}} &= W\,\grad{{\delta a^{{(1)}}}} = {run['W']:g}\cdot {factor(run['da'][1])} = \grad{{{run['dh0']:.4f}}}",
            r"\frac{\partial J}{\partial W} &= "
            + " + ".join(rf"\left(\frac{{\partial J}}{{\partial W}}\right)^{{({t})}}" for t in range(1, T + 1))
            + rf" = \grad{{{total:.4f}}}",
        ],
        "What is left over arrives at the start state. Only now, with all contributions in, is $W$ changed, once. The walk back "
        "through the steps is what gives backpropagation through time its name.",
        active=["sum", *(f"slot{t}" for t in range(1, T + 1))],
        gradient=["h0", "h0->h1"],
    )
    return Stepper(frames, "A simple RNN, three steps forward and three steps back")


def routes(run):
    """Every route to J in the worked example, as unit 02 draws them; `run` as for `bptt_stepper`."""
    T = len(run["x"]) - 1
    d = _unrolled(T, slots=False, names=False)
    edges = {}
    for t in range(1, T + 1):
        slope, p = 1 - run["h"][t] ** 2, run["p"][t]
        edges[f"h{t - 1}->h{t}"] = Edge(run["W"] * slope, rf"W\,(1 - h_{t}^2)")
        edges[f"x{t}->h{t}"] = Edge(run["U"] * slope, rf"U\,(1 - h_{t}^2)")
        edges[f"h{t}->o{t}"] = Edge(2 * p * (1 - p), rf"2\hat y_{t}(1 - \hat y_{t})")
        right = run["y"][t] == 0
        number = -1 / (T * p) if right else 1 / (T * (1 - p))
        edges[f"o{t}->J"] = Edge(
            number, rf"-\frac{{1}}{{{T}\hat y_{t}}}" if right else rf"\frac{{1}}{{{T}(1 - \hat y_{t})}}"
        )
    return RoutePicker(
        Routes(d, edges),
        "Every route to J",
        describe="The unrolled network of the worked example: hidden states h(0) to h(3) from left to right, an input below and a "
        "prediction above each of h(1) to h(3), and the loss J at the top.",
    )


def _describe(values, gradients):
    known = ", ".join(f"{name} = {value}" for name, value in values.items()) or "none yet"
    back = ", ".join(f"{name}: {value}" for name, value in gradients.items())
    return f"The unrolled network. Values: {known}." + (f" Gradients: {back}." if back else "")


def contribution_maps(*maps, titles):
    """Square maps of the parts of a gradient: entry [t, s] belongs to the use at step t and the loss at step s."""
    top = max(m.max() for m in maps)
    fig, axes = plt.subplots(1, len(maps), figsize=(6.6, 3.4))
    for ax, m, title in zip(axes, maps, titles, strict=True):
        T = len(m)
        image = ax.imshow(np.where(m > 0, m, np.nan), cmap="Purples", vmin=0, vmax=top)
        ax.set(title=title, xlabel="loss at step s", xticks=range(0, T, 2), yticks=range(0, T, 2))
        ax.set_xticklabels(range(1, T + 1, 2)), ax.set_yticklabels(range(1, T + 1, 2))
        ax.spines[:].set_visible(False)
        ax.set_xticks(np.arange(T + 1) - 0.5, minor=True), ax.set_yticks(np.arange(T + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="0.85", lw=0.6)
        ax.tick_params(which="minor", length=0)
    axes[0].set_ylabel("W used at step t")
    fig.colorbar(image, ax=axes, shrink=0.8, label="norm of this part of dJ/dW")
    return fig


def echo_shares(H, k, lag=5, nets=5, updates=600, T=15, N=32, rate=0.003):
    """What a simple RNN learns with truncated BPTT when it has to say what its input was `lag` steps ago.

    Inputs are 1 or -1 at random. `nets` networks with H units, from different random starts, are trained at once, by Adam, with the
    gradient cut before every k-th step. Returns, for each network, the share of right answers in the last 50 updates,
    each on new sequences.
    """
    rng = np.random.default_rng(0)
    p = {
        "U": 0.3 * rng.normal(size=(nets, H, 1)), "W": rng.normal(size=(nets, H, H)) / np.sqrt(H), "b": np.zeros((nets, 1, H)),
        "V": rng.normal(size=(nets, 1, H)) / np.sqrt(H), "c": np.zeros((nets, 1, 1)),
    }  # fmt: skip
    mean, square = ({name: np.zeros_like(w) for name, w in p.items()} for _ in range(2))
    right = []
    for step in range(1, updates + 1):
        x = rng.choice([-1.0, 1.0], size=(T, nets, N, 1))
        U, W, V = (p[name].swapaxes(1, 2) for name in "UWV")
        h = np.zeros((T + 1, nets, N, H))
        for t in range(T):
            h[t + 1] = np.tanh(p["b"] + h[t] @ W + x[t] @ U)
        o = h[1:] @ V + p["c"]
        right.append(((o[lag:] > 0) == (x[:-lag] > 0)).mean(axis=(0, 2, 3)))
        do = np.zeros_like(o)
        do[lag:] = (0.5 * (1 + np.tanh(o[lag:] / 2)) - (x[:-lag] > 0)) / (N * (T - lag))
        da, back = np.empty_like(h[1:]), 0.0
        for t in reversed(range(T)):
            da[t] = (do[t] * p["V"] + back) * (1 - h[t + 1] ** 2)
            back = da[t] @ p["W"] if t % k else 0.0
        grads = {
            "U": _outer(da, x), "W": _outer(da, h[:-1]), "V": _outer(do, h[1:]),
            "b": da.sum(axis=(0, 2))[:, None], "c": do.sum(axis=(0, 2))[:, None],
        }  # fmt: skip
        for name, g in grads.items():
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.999 * square[name] + 0.001 * g * g
            p[name] -= rate * mean[name] / (1 - 0.9**step) / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
    return np.mean(right[-50:], axis=0)


def _outer(d, s):
    """Outer products, added over time and batch, for each of several networks."""
    return np.einsum("tgni,tgnj->gij", d, s, optimize=True)


def distances(T, scale, H=32, networks=20):
    """Norm of dh(t)/dh(t - d) for d = 0 ... T, one row for each of some random networks with random inputs."""
    norms = np.empty((networks, T + 1))
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        W = scale * rng.normal(size=(H, H)) / np.sqrt(H)
        U = 0.3 * rng.normal(size=(H, H)) / np.sqrt(H)
        h, states = np.zeros(H), []
        for _ in range(T):
            h = np.tanh(W @ h + U @ rng.normal(size=H))
            states.append(h)
        product = np.eye(H)
        norms[seed, 0] = 1.0
        for d, h in enumerate(reversed(states), 1):
            product = product @ ((1 - h * h)[:, None] * W)
            norms[seed, d] = np.linalg.norm(product, 2)
    return norms


def plot_distances(scales, T):
    """Median and middle half of `distances` over the distance, one line for each weight scale."""
    fig, ax = plt.subplots()
    styles = (("input", "-"), ("output", "--"), ("loss", "-."))
    for scale, (role, dashes) in zip(scales, styles, strict=False):
        low, middle, high = np.quantile(distances(T, scale), [0.25, 0.5, 0.75], axis=0)
        colour = PALETTE[role][0]
        ax.fill_between(range(T + 1), low, high, color=colour, alpha=0.2, lw=0)
        ax.plot(range(T + 1), middle, dashes, color=colour)
        ax.annotate(
            f"scale {scale:g}", (T, middle[-1]), xytext=(6, 0), textcoords="offset points", color=colour, va="center"
        )
    ax.axhline(1, color="0.6", lw=1)
    ax.set(yscale="log", xlabel="distance t − r in steps", ylabel="size of the product", xlim=(0, T))
    return fig


def distance_player():
    """Sliders for the sequence length and the weight scale; the figure is computed anew for each setting."""
    import ipywidgets as widgets

    length = widgets.IntSlider(40, 5, 80, 5, description="steps T", continuous_update=False)
    scale = widgets.FloatSlider(1.2, min=0.4, max=2.4, step=0.1, description="scale of W", continuous_update=False)

    return live_figure(lambda T, scale: plot_distances([scale], T), {"T": length, "scale": scale})
