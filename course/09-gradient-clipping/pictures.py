"""The drawings of lesson 09: a gradient that meets one Jacobian after the other, growth by distance, and the cliff."""

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

# The chain of Jacobians in numbers ---------------------------------------------------------------


def chain_stepper(W, h, dh):
    """A gradient on its way back through a net with two units: at each step one matrix.

    W  (2, 2)      hidden-to-hidden weights
    h  (T + 1, 2)  the states h(0) ... h(T)
    dh (2,)        gradient at h(T), a row
    """
    T = len(h) - 1
    d = Drawing(620, 150)
    for t in range(T + 1):
        d.node(f"h{t}", 64 + 138 * t, 84, f"h^({t})", "hidden", size=(106, 62), shape="box")
        if t:
            d.arrow(f"h{t - 1}", f"h{t}", "W")
    d.node("J", 64 + 138 * T + 108, 84, "J", "loss", size=44)
    d.arrow(f"h{T}", "J")
    values = {f"h{t}": f"({numeral(h[t, 0], '.2f')}, {numeral(h[t, 1], '.2f')})" for t in range(T + 1)}
    gradients, frames = {}, []

    def frame(equation, sentence, active=(), gradient=()):
        if len(equation) == 2:  # two lines, aligned; the matrices have & of their own
            equation = rf"\begin{{aligned}} {equation[0]} \\ {equation[1]} \end{{aligned}}"
        back = "; ".join(f"at {name}: {number}" for name, number in gradients.items()) or "none yet"
        describe = f"A chain of states from h(0) to h({T}) and the loss J. Gradients that have arrived: {back}."
        drawing = d.svg(active=active, gradient=gradient, values=values, gradients=gradients, describe=describe)
        frames.append(Frame(drawing, equation, sentence))

    gradients[f"h{T}"] = f"({numeral(dh[0], '+.2f')}, {numeral(dh[1], '+.2f')})"
    frame(
        [
            rf"\par{{\boldsymbol{{W}}}} &= {_matrix(W, '.1f')}",
            rf"\grad{{\frac{{dJ}}{{d\boldsymbol{{h}}^{{({T})}}}}}} &= {_matrix(dh[None], '.2f')},"
            rf"\quad \lVert\cdot\rVert = {np.linalg.norm(dh):.4f}",
        ],
        "Before we start: the states from the forward pass, one matrix for all steps, and the gradient at the last state, a row.",
        gradient=[f"h{T}", "J", f"h{T}->J"],
    )
    product, row = np.eye(2), dh
    for t in range(T, 0, -1):
        slopes = 1 - h[t] ** 2
        S = slopes[:, None] * W
        frame(
            rf"\boldsymbol{{S}}^{{({t})}} = {_matrix(np.diag(slopes))} \par{{{_matrix(W, '.1f')}}} = {_matrix(S)}",
            f"The Jacobian of step {t}. On the diagonal stand the slopes of tanh at the new state, $1 - h^2$. Each slope multiplies one "
            "row of $W$.",
            active=[f"h{t - 1}", f"h{t}", f"h{t - 1}->h{t}"],
        )
        before, row, product = row, row @ S, product @ S
        gradients[f"h{t - 1}"] = f"({numeral(row[0], '+.2f')}, {numeral(row[1], '+.2f')})"
        frame(
            [
                rf"\grad{{\frac{{dJ}}{{d\boldsymbol{{h}}^{{({t - 1})}}}}}} "
                rf"&= {_matrix(before[None])} {_matrix(S)}",
                rf"&= \grad{{{_matrix(row[None])}}}, \quad \lVert\cdot\rVert = {np.linalg.norm(row):.4f}",
            ],
            f"The row meets $\\boldsymbol{{S}}^{{({t})}}$ from the left and becomes the gradient at $h^{{({t - 1})}}$. Its length goes from "
            f"{np.linalg.norm(before):.4f} to {np.linalg.norm(row):.4f}.",
            gradient=[f"h{t}", f"h{t - 1}", f"h{t - 1}->h{t}"],
        )
    names = " ".join(rf"\boldsymbol{{S}}^{{({t})}}" for t in range(T, 0, -1))
    frame(
        [
            rf"{names} &= {_matrix(product)}",
            rf"{_matrix(dh[None], '.2f')} {_matrix(product)} &= \grad{{{_matrix(row[None])}}}",
        ],
        "All factors at once, in the order in which they were met: the newest step on the left. The row times this product is what "
        "arrived at the start. In training nobody forms the product; row times matrix, step by step, is cheaper.",
        gradient=["h0"],
    )
    return Stepper(frames, "A gradient meets one Jacobian after the other")


def _matrix(m, form=".4f"):
    rows = r" \\ ".join(" & ".join(f"{v:{form}}" for v in row) for row in m)
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


# Two maps of the plane ---------------------------------------------------------------------------


def plot_maps(turn, shear, steps=5):
    """Left a matrix that turns, right one that shears: the unit circle, its image, and a point that is mapped again and again.

    The point starts where the matrix stretches most: at its first right singular vector.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.2))
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    for ax, M, title in zip(axes, (turn, shear), ("turn", "shear"), strict=True):
        start = np.linalg.svd(M)[2][0]
        path = [start * (np.sign(start[0]) or 1.0)]
        for _ in range(steps):
            path.append(M @ path[-1])
        path = np.array(path)
        ax.plot(*circle, "--", color="0.6", lw=1, label="unit circle")
        ax.plot(*(M @ circle), color=PALETTE["parameter"][0], label="its image")
        ax.plot(*path.T, "o-", color=PALETTE["hidden"][0], ms=4, lw=1, label="a point, mapped again and again")
        for n, point in enumerate(path[:4]):
            ax.annotate(f"{n}", point, xytext=(5, 4), textcoords="offset points", color=PALETTE["hidden"][0])
        ax.set(title=title, aspect="equal", xlim=(-2.4, 2.4), ylim=(-1.3, 1.3))
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


# Growth by distance ------------------------------------------------------------------------------


def growth(rho, T, H=24, networks=12):
    """Median norms by distance 0 ... T of random matrices with spectral radius rho: linear, tanh, and the bound for tanh."""
    norms = np.ones((3, networks, T + 1))
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        W = rng.normal(size=(H, H))
        W *= rho / np.abs(np.linalg.eigvals(W)).max()
        U = 0.5 * rng.normal(size=(H, H)) / np.sqrt(H)
        h, states = np.zeros(H), []
        for _ in range(T):
            h = np.tanh(W @ h + U @ rng.normal(size=H))
            states.append(h)
        sigma, linear, product = np.linalg.norm(W, 2), np.eye(H), np.eye(H)
        for d, h in enumerate(reversed(states), 1):
            linear, product = linear @ W, product @ ((1 - h * h)[:, None] * W)
            norms[:, seed, d] = np.linalg.norm(linear, 2), np.linalg.norm(product, 2), sigma**d
    return np.median(norms, axis=1)


def plot_growth(radii, T):
    """Left a linear network, right tanh, one line for each spectral radius; dotted, on the right, the bound."""
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharey=True)
    for rho, (role, dashes) in zip(radii, (("input", "-"), ("output", "--"), ("loss", "-.")), strict=False):
        linear, tanh, bound = growth(rho, T)
        colour = PALETTE[role][0]
        for ax, line in zip(axes, (linear, tanh), strict=True):
            ax.plot(line, dashes, color=colour)
            ax.annotate(
                f"ρ = {rho:g}", (T, line[-1]), xytext=(5, 0), textcoords="offset points", color=colour, va="center"
            )
        axes[1].plot(bound, ":", color=colour, lw=1)
    for ax, title in zip(axes, ("linear", "tanh (dotted: its bound)"), strict=True):
        ax.set(yscale="log", ylim=(1e-11, 1e8), xlim=(0, 1.25 * T), title=title, xlabel="distance in steps")
        ax.set_xticks(np.linspace(0, T, 6))
        ax.axhline(1, color="0.6", lw=1)
    axes[0].set_ylabel("spectral norm of the product")
    return fig


def growth_player():
    """Sliders for spectral radius and length; the figure is computed anew for each setting."""
    import ipywidgets as widgets

    rho = widgets.FloatSlider(1.3, min=0.5, max=2.2, step=0.05, description="radius ρ", continuous_update=False)
    length = widgets.IntSlider(50, 10, 100, 10, description="steps T", continuous_update=False)

    return live_figure(lambda rho, T: plot_growth([rho], T), {"rho": rho, "T": length})


# The LSTM ----------------------------------------------------------------------------------------


def plot_shares(updates, shares):
    """Sizes of the three terms of dc(t)/dc(t-1) during training: shares (len(updates), 3)."""
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    names = ("direct: the forget gate", "through the output y", "peepholes")
    for size, name, role, dashes in zip(
        np.transpose(shares), names, ("hidden", "output", "parameter"), ("-", "--", "-."), strict=True
    ):
        ax.plot(updates, size, dashes, marker="o", ms=3, color=PALETTE[role][0], label=name)
    ax.set(xlabel="update", ylabel="mean Frobenius norm", ylim=(0, None))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


# The cliff ---------------------------------------------------------------------------------------

STEPS, START_STATE, TARGET = 8, 0.5, 0.5
VIEW = dict(w=(0.8, 2.6), b=(-0.9, 0.9))


def tiny_loss(w, b):
    """J = (h(8) - 0.5)^2 for h(t) = tanh(w h(t-1) + b), h(0) = 0.5, and its two derivatives."""
    h, dw, db = START_STATE, 0.0, 0.0
    for _ in range(STEPS):
        new = np.tanh(w * h + b)
        slope = 1 - new**2
        h, dw, db = new, slope * (h + w * dw), slope * (1 + w * db)
    return (h - TARGET) ** 2, 2 * (h - TARGET) * dw, 2 * (h - TARGET) * db


def descend(start, rates, max_norm):
    """Gradient descent on the tiny network, one update for each of `rates`. Returns rows of (w, b, J, norm of the gradient), one more."""
    (w, b), rows = start, []
    for rate in [*rates, 0.0]:
        J, dw, db = tiny_loss(w, b)
        norm = np.hypot(dw, db)
        rows.append((w, b, J, norm))
        step = rate * min(1.0, max_norm / norm)
        w, b = w - step * dw, b - step * db
    return np.array(rows)


def plot_surface():
    """The loss of the tiny network over w and b as a surface."""
    w, b = np.meshgrid(np.linspace(0.4, 2.0, 160), np.linspace(-0.9, 0.7, 160))
    fig = plt.figure(figsize=(6.4, 4.2), layout="none")
    ax = fig.add_axes((0.05, 0.06, 0.9, 0.98), projection="3d")
    ax.plot_surface(w, b, tiny_loss(w, b)[0], cmap="Reds", lw=0, rcount=160, ccount=160, rasterized=True)
    ax.set(xlabel="w", ylabel="b", zlabel="J")
    ax.view_init(elev=36, azim=32)
    ax.locator_params(nbins=5)
    return fig


SHOWN = (*range(13), 15, 17, 19, 20, 21, 22, 23, 25, 27, 31, 35, 39, 40)  # the updates with a frame of their own
WAYS = ("without clipping", "with clipping", "with clipping and a falling rate")


def cliff_stepper(free, clipped, falling, rates, max_norm):
    """Three descents on the contour map, a frame for each update of SHOWN; the paths come from `descend`, `rates` are the falling ones."""
    frames, rate, thrown = [], rates[0], 1 + int(np.argmax(free[:, 3]))
    for k in SHOWN:
        J0, J1, J2 = (rows[k, 2] for rows in (free, clipped, falling))
        together = np.allclose(free[k, :2], clipped[k, :2])
        if k == 0:
            says = "All start at the same place, on the low plateau, and go downhill towards the edge."
        elif together and clipped[k, 3] > max_norm:
            says = (
                f"The gradient here has length {clipped[k, 3]:.2f}, more than the threshold of {max_norm:g}. With clipping, the next step will be "
                "shorter."
            )
        elif together:
            says = "The gradient is shorter than the threshold and clipping does nothing. The falling rate has made the third path a little slower."
        elif k < thrown:
            says = "The paths part. Without clipping the step went over the edge; with clipping it stopped on the wall."
        elif k == thrown:
            says = (
                f"On the wall, the gradient without clipping had length {free[k - 1, 3]:.1f}. The step was {rate:g} times as long, and threw "
                f"the network off the map. A clipped step is {rate * max_norm:.2g} long at most."
            )
        elif J1 > clipped[0, 2]:
            says = (
                f"With a fixed rate the clipped path has gone over the edge again: its loss is {J1:.2f}, {J1 / clipped[0, 2]:.1f} times that at the start. The threshold limits "
                "the length of a step, not where it ends."
            ) + (" So has the one with a falling rate; its steps are already shorter." if J2 > J1 / 2 else "")
        elif J1 < 1e-3:
            says = f"A lucky moment for the fixed rate: $J = {J1:.4f}$. Look at the next updates before you believe it."
        elif k == SHOWN[-1]:
            says = (
                f"At the end the falling rate has brought its path into the valley, with $J < {max(1e-5, 2 * J2):.5f}$. The fixed rate still jumps across it. The unclipped path "
                "is where it was thrown: there the unit is saturated and the gradient almost zero."
            )
        else:
            says = "The clipped steps lead to and fro across the valley: with the fixed rate they stay of one length, with the falling rate they get shorter."
        equation = [
            rf"\text{{{name}:}} &\quad \loss{{J}} = {rows[k, 2]:.4f} \qquad \grad{{\lVert\boldsymbol{{g}}\rVert}} = {rows[k, 3]:.4f}"
            for name, rows in zip(("without", "fixed rate", "falling rate"), (free, clipped, falling), strict=True)
        ]
        frames.append(Frame(_map([rows[: k + 1] for rows in (free, clipped, falling)], k), equation, f"Update {k}. {says}"))
    return Stepper(frames, "The cliff, without and with clipping")


WIDTH, HEIGHT, LEFT, BOTTOM = 640, 420, 48, 44


def _place(w, b):
    (w0, w1), (b0, b1) = VIEW["w"], VIEW["b"]
    x = LEFT + (w - w0) / (w1 - w0) * (WIDTH - LEFT - 14)
    return x, HEIGHT - BOTTOM - (b - b0) / (b1 - b0) * (HEIGHT - BOTTOM - 14)


def _path(points):
    return "M" + "L".join("{:.0f} {:.0f}".format(*_place(w, b)) for w, b in points)


_contours = []


def _background():
    """Contour lines as SVG paths, made once."""
    if not _contours:
        from contourpy import contour_generator  # a part of matplotlib

        w, b = np.linspace(*VIEW["w"], 200), np.linspace(*VIEW["b"], 300)
        lines = contour_generator(w, b, tiny_loss(*np.meshgrid(w, b))[0])
        for level in (0.002, 0.02, 0.05, 0.1, 0.15, 0.18, 0.2, 0.22, 0.235, 0.5, 0.9, 1.3, 1.7, 1.9, 2.05, 2.15):
            ways = "".join(_path(line[:: max(1, len(line) // 28)]) for line in lines.lines(level))
            weight = 0.25 + 0.6 * min(1.0, level / 1.5)
            _contours.append(
                f'<path d="{ways}" fill="none" stroke="var(--bh-loss)" stroke-width="1" opacity="{weight:.2f}"/>'
            )
    return "".join(_contours)


def _map(paths, k):
    parts = [_background()]
    x0, y0 = _place(VIEW["w"][0], VIEW["b"][0])
    x1, y1 = _place(VIEW["w"][1], VIEW["b"][1])
    parts.append(f'<path d="M{x0} {y1}V{y0}H{x1}" fill="none" stroke="var(--bh-muted)"/>')
    for value in (1, 1.5, 2, 2.5):
        parts.append(f'<text class="v" x="{_place(value, 0)[0]:.1f}" y="{y0 + 14}">{value:g}</text>')
    for value in (-0.5, 0, 0.5):
        parts.append(f'<text class="v" x="{x0 - 16}" y="{_place(0, value)[1]:.1f}">{numeral(value, "g")}</text>')
    parts.append(f'<text class="t i" x="{(x0 + x1) / 2:.0f}" y="{y0 + 32}">w</text>')
    parts.append(f'<text class="t i" x="{x0 - 36}" y="{(y0 + y1) / 2:.0f}">b</text>')
    for (w, b), text in (((2.3, 0.45), "low plateau, J ≈ 0.23"), ((1.5, -0.8), "high plateau, J ≈ 2.1")):
        x, y = _place(w, b)
        parts.append(f'<text class="t" x="{x:.1f}" y="{y:.1f}">{text}</text>')
    colours = [f"var(--bh-{role})" for role in ("muted", "parameter", "hidden")]
    for rows, colour, dash, square in zip(paths, colours, ("7 4", "none", "2 3"), (True, False, False), strict=True):
        if len(rows) > 1:
            parts.append(
                f'<path d="{_path(rows[:, :2])}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            )
        for n, (w, b) in enumerate(rows[:, :2]):
            x, y = _place(w, b)
            r = 6 if n == len(rows) - 1 else 2.4
            parts.append(
                f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}" fill="{colour}"/>'
                if square
                else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{colour}"/>'
            )
    for n, (name, colour, dash) in enumerate(zip(WAYS, colours, ("7 4", "none", "2 3"), strict=True)):
        y = y1 + 12 + 20 * n
        parts.append(
            f'<path d="M{x0 + 12:.0f} {y:.0f}h34" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            f'<text class="t e" x="{x0 + 54:.0f}" y="{y:.0f}">{name}</text>'
        )
    free = paths[0]
    if _place(*free[-1, :2])[1] < 0:  # off the map: the label stands where the path leaves it
        first = next(n for n in range(len(free)) if _place(*free[n, :2])[1] < 0)
        (xa, ya), (xb, yb) = _place(*free[first - 1, :2]), _place(*free[first, :2])
        x = xa + (xb - xa) * (ya - 24) / (ya - yb)
        parts.append(f'<text class="t w" x="{x - 12:.1f}" y="24">to w = {free[-1, 0]:.2f}, b = {free[-1, 1]:.2f}</text>')
    at = "; ".join(
        f"{name} at w = {rows[-1, 0]:.2f}, b = {rows[-1, 1]:.2f}, loss {rows[-1, 2]:.3f}"
        for rows, name in zip(paths, WAYS, strict=True)
    )
    describe = f"Contour map of the loss over w and b: a low plateau above, a high one below, and between them a cliff that falls from left to right. After {k} updates: {at}."
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{describe}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'style="max-width:{WIDTH}px;min-width:400px">{"".join(parts)}</svg>'
    )
