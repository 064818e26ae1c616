"""The drawings of lesson 13: the two architectures, the ELBO line by line, the routes of its gradient, the latent plane."""

import base64
from html import escape
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg, stylesheet
from byhand.live import live_figure
from byhand.numerals import factor, numeral
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper

LOG_2PI = np.log(2 * np.pi)


# Two architectures


def architectures():
    """The autoencoder above, the variational autoencoder below."""
    d = Drawing(700, 330)
    for row, y in (("ae", 66), ("vae", 232)):
        d.node(f"x{row}", 50, y, "x", "input")
        d.node(f"h{row}", 160, y, "h", "hidden", shape="box", size=(64, 44))
        d.node(f"g{row}", 530, y, "g", "hidden", shape="box", size=(64, 44))
    d.node("zae", 345, 66, "z", "hidden")
    d.node("xhat", 646, 66, "x̂", "output")
    d.node("mu", 258, 186, "μ", "hidden")
    d.node("sigma", 258, 278, "σ", "hidden")
    d.node("eps", 368, 302, "ε", "muted")
    d.node("zvae", 420, 232, "z", "hidden")
    d.node("o", 646, 232, "p(x|z)", "output", shape="box", size=(76, 44))
    for a, b in (
        ("xae", "hae"), ("hae", "zae"), ("zae", "gae"), ("gae", "xhat"), ("xvae", "hvae"), ("hvae", "mu"), ("hvae", "sigma"),
        ("mu", "zvae"), ("sigma", "zvae"), ("eps", "zvae"), ("zvae", "gvae"), ("gvae", "o"),
    ):  # fmt: skip
        d.arrow(a, b)
    d.text("title1", 82, 18, "autoencoder")
    d.text("title2", 120, 148, "variational autoencoder")
    d.text("enc", 160, 312, "encoder φ")
    d.text("dec", 545, 312, "decoder θ")
    return d.svg(
        describe="Two networks, one above the other. The autoencoder leads from the image x through a hidden layer to the code z, "
        "and through another hidden layer to the reconstruction. In the variational autoencoder the encoder leads to two "
        "vectors, mean mu and standard deviation sigma; together with noise epsilon from outside they make z, and the "
        "decoder gives a distribution p(x|z)."
    )


def plot_codes(codes, labels, images):
    """Codes in the plane, each written as its digit, and beside them a few decoded images."""
    fig, (ax, right) = plt.subplots(1, 2, figsize=(6.6, 3.5), gridspec_kw={"width_ratios": [1.15, 1]})
    for digit in range(10):
        here = codes[labels == digit]
        ax.scatter(*here.T, marker=f"${digit}$", s=22, lw=0.3, color=PALETTE["hidden"][0])
    circle = plt.Circle((0, 0), 2, fill=False, color=PALETTE["parameter"][0], ls="--", lw=1.5)
    ax.add_patch(circle)
    ax.set(xlabel="first entry of the code", ylabel="second entry", title="codes of 500 digits")
    _tiles(right, images, columns=6)
    right.set_title("decoded from N(0, I)")
    return fig


def _tiles(ax, images, columns):
    """Images of 8 by 8 pixels in a grid of tiles, dark on light."""
    rows = -(-len(images) // columns)
    filled = np.zeros((rows * columns, 8, 8))
    filled[: len(images)] = np.asarray(images).reshape(-1, 8, 8)
    sheet = filled.reshape(rows, columns, 8, 8).transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns)
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=1)
    ax.set_xticks(np.arange(-0.5, 8 * columns, 8), labels=[]), ax.set_yticks(np.arange(-0.5, 8 * rows, 8), labels=[])
    ax.grid(color="0.75", lw=0.8)
    ax.tick_params(length=0)


# The ELBO, line by line, on the example with one number z

CURVES = {"prior": ("muted", (4, 4)), "q": ("hidden", ()), "posterior": ("ink", (9, 3))}


def _density(z, mean, var):
    return np.exp(-((z - mean) ** 2) / (2 * var)) / np.sqrt(2 * np.pi * var)


def _elbo_picture(e, lit=(), levels=(), point=False, q=None, describe=""):
    """The three densities over z on the left; on the right the levels of log p(x) and of the ELBO, in nats."""
    left, top, width, height = 40, 22, 330, 190
    mean, var = q or (e["mu"], e["var"])
    curves = {"prior": (0.0, 1.0), "q": (mean, var), "posterior": (e["post_mean"], e["post_var"])}

    def at(z, y):
        return left + (z + 2.6) / 6.2 * width, top + height * (1 - y / 0.62)

    parts = [f'<g class="r-plain"><path class="f" d="M{left} {top + height}H{left + width}"/>']
    for tick in range(-2, 4):
        x, y = at(tick, 0)
        parts.append(
            f'<path class="f" d="M{x:.1f} {y:.1f}v5"/><text class="v" x="{x:.1f}" y="{y + 15:.1f}">{numeral(tick, "g")}</text>'
        )
    parts.append(
        f'<text class="t" x="{left + width / 2}" y="{top + height + 34}"><tspan class="i">z</tspan></text></g>'
    )
    grid = np.linspace(-2.6, 3.6, 90)
    names = {"prior": ("p(z)", -1.35, 0.27), "q": ("q(z|x)", -0.35, 0.46), "posterior": ("p(z|x)", 1.85, 0.5)}
    if q:
        names["q"] = ("q(z|x)", 2.1, 0.42)
    for name, (role, dash) in CURVES.items():
        path = "L".join(
            "{:.1f} {:.1f}".format(*at(z, y)) for z, y in zip(grid, _density(grid, *curves[name]), strict=True)
        )
        style = f' style="stroke:var(--bh-{role})' + (f';stroke-dasharray:{dash[0]} {dash[1]}"' if dash else '"')
        text, z, y = names[name]
        (x, y), on = at(z, y), name in lit
        state = " a" if on else " d" if lit else ""
        parts.append(
            f'<g class="r-{"hidden" if name == "q" else "muted"}{state}"><path class="f" d="M{path}"{style}/>'
            f'<text class="t" x="{x:.1f}" y="{y:.1f}" style="fill:var(--bh-{role})">{text}</text></g>'
        )
    if point:
        (x, y0), (_, y1) = at(1.0, 0), at(1.0, 0.6)
        parts.append(
            f'<g class="r-muted"><path class="f p" d="M{x:.1f} {y0:.1f}V{y1:.1f}"/><text class="t e" x="{x + 6:.1f}" y="{y1 + 2:.1f}">z = 1</text></g>'
        )

    def level(value):
        return top + height * (-1.9 - value) / 0.75

    x0, x1 = 452, 520
    parts.append(f'<g class="r-plain"><text class="t" x="{x0 + 34}" y="{level(-2.0):.0f}">level, in nats</text></g>')
    exact, elbo = level(e["log_p"]), level(e["elbo"] if not q else e["log_p"])
    parts.append(
        f'<g class="r-loss{" a" if "log_p" in levels else ""}"><path class="f" d="M{x0} {exact:.1f}H{x1}"/></g>'
    )
    parts.append(
        f'<g class="r-plain"><text class="t e" x="{x1 + 8}" y="{exact - 1:.1f}">log p(x) {numeral(e["log_p"])}</text></g>'
    )
    if "elbo" in levels:
        if elbo - exact > 4:
            parts.append(
                f'<g class="r-muted"><path class="f" d="M{(x0 + x1) / 2} {exact + 3:.1f}V{elbo - 3:.1f}"/></g>'
            )
            parts.append(
                f'<g class="r-plain"><text class="t w" x="{(x0 + x1) / 2 - 6}" y="{(exact + elbo) / 2:.1f}">gap</text></g>'
            )
            y = elbo
        else:
            y = elbo + 18
        parts.append(
            f'<g class="r-hidden a"><path class="f" d="M{x0} {elbo:.1f}H{x1}" style="stroke-dasharray:7 4"/></g>'
        )
        parts.append(
            f'<g class="r-plain"><text class="t e" x="{x1 + 8}" y="{y:.1f}">ELBO {numeral(e["elbo"] if not q else e["log_p"])}</text></g>'
        )
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{escape(describe)}" viewBox="0 0 660 260" width="660" height="260" '
        f'style="max-width:660px;min-width:430px">{"".join(parts)}</svg>'
    )


def elbo_stepper(e):
    """The derivation with numbers; `e` holds the numbers of the worked example."""
    base = (
        f"Over z: the prior N(0, 1), the encoder's answer q = N({e['mu']:g}, {e['sigma']:g} squared), and the true posterior "
        f"N({e['post_mean']:g}, {e['post_var']:g}). At the side the level of log p(x), {numeral(e['log_p'])}. "
    )
    at = e["at_one"]
    three = r"\underbrace{\mathbb{E}_q[\log p(x|z)]}_{%s} - \underbrace{\mathbb{E}_q\left[\log\tfrac{q(z|x)}{p(z)}\right]}_{%s} + \underbrace{\mathbb{E}_q\left[\log\tfrac{q(z|x)}{p(z|x)}\right]}_{%s}"
    rec, kl, gap = (f"{e[k]:.4f}" for k in ("rec", "kl", "gap"))
    steps = [
        (
            rf"\loss{{\log p(x)}} = \log N(2;\, 0,\, 2) = {e['log_p']:.4f}",
            "What is wanted: the logarithm of the probability density of the data point $x = 2$. In this example it is known, because the decoder is linear. "
            "Let us see what the derivation does to this number.",
            dict(levels=["log_p"]),
        ),
        (
            rf"\loss{{\log p(x)}} = E_{{q(z|x)}}[\log p(x)] = {e['log_p']:.4f}",
            "First line. There is no $z$ in $\\log p(x)$. It is a constant, and the average of a constant is the constant, under any distribution, so under $q$ too.",
            dict(lit=["q"], levels=["log_p"]),
        ),
        (
            [
                r"\loss{p(x)} &= \frac{p(x|z)\,p(z)}{p(z|x)} \quad\text{for every } z",
                rf"z = 1: \quad & {at['lik']:.4f} + {factor(at['prior'])} - {factor(at['post'])} = {e['log_p']:.4f}",
            ],
            "Second line, Bayes' theorem, read from right to left. The three densities depend on $z$, their combination does not. Try it at $z = 1$, "
            "in logarithms, or at any other place.",
            dict(lit=["prior", "posterior"], point=True, levels=["log_p"]),
        ),
        (
            [
                r"\loss{\log p(x)} &= \mathbb{E}_q\left[\log \frac{p(x|z)\,p(z)}{p(z|x)}\cdot\frac{q(z|x)}{q(z|x)}\right]",
                rf"z = 1: \quad & {at['lik']:.4f} + {factor(at['prior'])} - {factor(at['post'])}",
                rf"& \quad + {factor(at['q'])} - {factor(at['q'])} = {e['log_p']:.4f}",
            ],
            "Third line. Numerator and denominator get the same factor $q$. That is a multiplication by one, and the number stays. It is done so that the factors can "
            "be grouped anew.",
            dict(lit=["q"], point=True, levels=["log_p"]),
        ),
        (
            [
                r"\loss{\log p(x)} &= \mathbb{E}_q\left[\log p(x|z) - \log\frac{q(z|x)}{p(z)} + \log\frac{q(z|x)}{p(z|x)}\right]",
                rf"z = 1: \quad & {at['lik']:.4f} - {factor(at['q'] - at['prior'])} + {factor(at['q'] - at['post'])} = {e['log_p']:.4f}",
            ],
            "Fourth line. The logarithm turns products into sums; each $q$ is paired with one of the two densities of $z$. At this one point the last term is negative. "
            "That is allowed: only its average cannot be.",
            dict(lit=["prior", "q", "posterior"], point=True, levels=["log_p"]),
        ),
        (
            [
                r"\loss{\log p(x)} &= " + three % (rec, kl, gap),
                rf"&= {rec} - {kl} + {gap} = {e['log_p']:.4f}",
            ],
            "Fifth line. The average of a sum is the sum of the averages. Now each term is a number of its own.",
            dict(lit=["prior", "q", "posterior"], levels=["log_p"]),
        ),
        (
            [
                r"\loss{\log p(x)} &= \mathbb{E}_q[\log p(x|z)] - \mathrm{KL}\big(q(z|x)\,\Vert\,p(z)\big)",
                r"&\quad + \mathrm{KL}\big(q(z|x)\,\Vert\,p(z|x)\big)",
            ],
            f"Sixth line, names. The second and third averages are KL divergences, from the prior, {kl}, and from the true posterior, {gap}. Both are averages over $q$, so $q$ stands first.",
            dict(lit=["prior", "q", "posterior"], levels=["log_p"]),
        ),
        (
            [
                r"\hid{\mathcal{L}} &= \mathbb{E}_q[\log p(x|z)] - \mathrm{KL}\big(q(z|x)\,\Vert\,p(z)\big)",
                rf"&= {rec} - {kl} = \hid{{{e['elbo']:.4f}}} \;\le\; \loss{{{e['log_p']:.4f}}}",
            ],
            f"Seventh line. The last divergence needs the posterior, which is not known in general. But it is never negative. Leave it out, and a lower bound remains, the ELBO. What was "
            f"left out, {gap}, is exactly the gap. (Each number is rounded for itself.)",
            dict(lit=["q", "posterior"], levels=["log_p", "elbo"]),
        ),
        (
            [
                rf"\hid{{\mathcal{{L}}}} &= {factor(e['best_rec'])} - {e['best_kl']:.4f} = \hid{{{e['best_rec'] - e['best_kl']:.4f}}}",
                r"\mathrm{gap} &= \mathrm{KL}\big(q(z|x)\,\Vert\,p(z|x)\big) = 0",
            ],
            f"And if the encoder answered with the posterior itself, $N({e['post_mean']:g}, {e['post_var']:g})$? Then the gap is zero and the bound is tight. Training $\\phi$ moves $q$ towards this curve; training "
            "$\\theta$ moves the whole target.",
            dict(lit=["q", "posterior"], levels=["log_p", "elbo"], q=(e["post_mean"], e["post_var"])),
        ),
    ]
    frames = []
    for equation, sentence, look in steps:
        says = base
        if "elbo" in look["levels"]:
            says += (
                f"Below it the level of the ELBO, {numeral(e['elbo'])}. "
                if "q" not in look
                else "The ELBO is at the same level, and q lies on the posterior. "
            )
        frames.append(Frame(_elbo_picture(e, **look, describe=says.strip()), equation, sentence))
    return Stepper(frames, "The ELBO, line by line, with numbers")


def elbo_player(e):
    """Sliders for the encoder's answer in the worked example; needs a kernel."""
    import ipywidgets as widgets

    mu = widgets.FloatSlider(e["mu"], min=-1.0, max=2.5, step=0.1, description="mean μ", continuous_update=False)
    sigma = widgets.FloatSlider(e["sigma"], min=0.2, max=1.6, step=0.05, description="σ", continuous_update=False)
    return live_figure(plot_two_terms, {"mu": mu, "sigma": sigma})


def plot_two_terms(mu, sigma):
    """Prior, q and posterior of the worked example, and the ELBO as a function of the mean."""
    fig, (ax, right) = plt.subplots(1, 2, figsize=(6.6, 3.0))
    z = np.linspace(-2.6, 3.6, 200)
    for (name, (role, _)), (mean, var), style in zip(
        CURVES.items(), ((0, 1), (mu, sigma**2), (1, 0.5)), (":", "-", "--"), strict=True
    ):
        label = {"prior": "p(z)", "q": "q(z|x)", "posterior": "p(z|x)"}[name]
        ax.plot(z, _density(z, mean, var), style, color=PALETTE[role][0], label=label)
    ax.set(xlabel="z", yticks=[], ylim=(0, None))
    ax.legend(fontsize=9)

    def elbo(mean):
        rec = -0.5 * LOG_2PI - ((2 - mean) ** 2 + sigma**2) / 2
        return rec - 0.5 * (mean**2 + sigma**2 - 1 - 2 * np.log(sigma))

    means = np.linspace(-1, 2.5, 100)
    log_p = -0.5 * np.log(4 * np.pi) - 1
    right.plot(means, elbo(means), color=PALETTE["hidden"][0])
    right.plot(mu, elbo(mu), "o", color=PALETTE["hidden"][0])
    right.axhline(log_p, color=PALETTE["loss"][0], ls="-.")
    right.set(xlabel="mean of q", title=f"ELBO {elbo(mu):.4f}, gap {log_p - elbo(mu):.4f}", ylim=(-6, -1.8))
    return fig


# The graph of the loss


def _graph(blocked=False):
    d = Drawing(700, 290)
    d.node("a", 50, 34, "a", "parameter")
    d.node("x", 50, 120, "x", "input")
    d.node("b", 50, 236, "b", "parameter")
    d.node("mu", 180, 84, "μ", "hidden", size=54)
    d.node("lv", 180, 236, "lv", "hidden", size=54)
    d.node("z", 340, 120, "z", "hidden", size=54)
    d.node("w", 450, 34, "w", "parameter")
    d.node("xhat", 450, 120, "x̂", "output", size=54)
    d.node("R", 558, 120, "R", "loss", size=54)
    d.node("KL", 420, 236, "KL", "loss", size=54)
    d.node("J", 656, 170, "J", "loss", size=54)
    d.arrow("x", "mu")
    d.arrow("a", "mu")
    d.arrow("b", "lv")
    if blocked:
        d.arrow("mu", "z", "draw", role="muted", dashed=True)
        d.arrow("lv", "z", "draw", role="muted", dashed=True, label_at=(292, 180))
    else:
        d.node("eps", 340, 34, "ε", "muted")
        d.arrow("mu", "z")
        d.arrow("lv", "z")
        d.arrow("eps", "z")
    for s, t in (("z", "xhat"), ("w", "xhat"), ("xhat", "R"), ("mu", "KL"), ("lv", "KL"), ("R", "J"), ("KL", "J")):
        d.arrow(s, t)
    return d


def blocked():
    """The graph in which z is drawn: purple stops at z."""
    d = _graph(blocked=True)
    back = ["R->J", "xhat->R", "z->xhat", "w->xhat", "KL->J", "mu->KL", "lv->KL", "a->mu", "b->lv", "J", "R", "xhat", "z", "w", "KL", "mu", "lv", "a", "b"]
    return d.svg(
        gradient=back,
        describe="The graph of the loss with a random draw in it. Purple arrows run back from J through R and the reconstruction to z and "
        "to the decoder's weight w, and from J through KL to mu and lv and on to the encoder's a and b. From mu and lv to z lead dashed arrows, labelled draw; "
        "nothing purple runs back along them.",
    )


def routes(r):
    """Every route to J once the noise comes from outside; `r` holds the numbers of the worked example."""
    edges = {
        "x->mu": Edge(r["a"], "a"),
        "a->mu": Edge(r["x"], "x"),
        "b->lv": Edge(1.0, "1"),
        "mu->z": Edge(1.0, "1"),
        "lv->z": Edge(0.5 * r["sigma"] * r["eps"], r"\tfrac12\sigma\varepsilon"),
        "eps->z": Edge(r["sigma"], r"\sigma"),
        "z->xhat": Edge(r["w"], "w"),
        "w->xhat": Edge(r["z"], "z"),
        "xhat->R": Edge(r["x_hat"] - r["x"], r"\hat x - x"),
        "mu->KL": Edge(r["mu"], r"\mu"),
        "lv->KL": Edge(0.5 * (r["sigma"] ** 2 - 1), r"\tfrac12(\sigma^2 - 1)"),
        "R->J": Edge(1.0, "1"),
        "KL->J": Edge(1.0, "1"),
    }
    return RoutePicker(
        Routes(_graph(), edges),
        "Every route to J, with the noise from outside",
        describe="The graph of the loss. The input x and the weight a lead to mu, the parameter b to lv; mu, lv and the noise epsilon lead to z; "
        "z and the weight w to the reconstruction, and on to R and J. Mu and lv also lead to KL, and on to J.",
        variables=["mu", "lv", "a", "b", "z", "w", "eps"],
        symbols={"lv": r"\mathrm{lv}", "mu": r"\mu", "eps": r"\varepsilon"},
    )


def plot_estimators(through, score, exact):
    """Histograms of single-sample gradients, by reparameterisation and by the score function."""
    fig, ax = plt.subplots(figsize=(6.4, 2.9))
    bins = np.linspace(-12, 16, 113)
    ax.hist(score, bins, density=True, color=PALETTE["output"][0], alpha=0.55, label="score function")
    ax.hist(through, bins, density=True, histtype="step", lw=2, color=PALETTE["gradient"][0], label="reparameterised")
    ax.axvline(exact, color=PALETTE["ink"][0], ls="--", lw=1.2, label=f"exact, {exact:g}")
    ax.set(xlabel="gradient at μ from one sample", yticks=[], xlim=(-12, 16))
    ax.legend(fontsize=9)
    return fig


# The bounds


def plot_bounds(counts, values, exact):
    """The importance-weighted bound against the number of samples, below the exact log-likelihood."""
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    ax.plot(counts, values, "o-", color=PALETTE["hidden"][0])
    ax.axhline(exact, color=PALETTE["loss"][0], ls="-.", lw=1.5)
    ax.annotate(
        "exact log-likelihood", (counts[0], exact), xytext=(0, 5), textcoords="offset points", color=PALETTE["loss"][0]
    )
    ax.annotate("ELBO", (counts[0], values[0]), xytext=(8, -4), textcoords="offset points", color=PALETTE["hidden"][0])
    ax.set(xscale="log", xlabel="samples K", ylabel="nats per image", ylim=(min(values) - 0.1, exact + 0.15))
    ax.set_xticks(counts, labels=[str(k) for k in counts])
    ax.minorticks_off()
    return fig


# The latent plane


class LatentPlane:
    """Walk through the plane with arrow keys, sliders or the mouse; views rendered beforehand, so no kernel is needed.

    images  (n, n, 64)  pixel probabilities at the points of a grid; first axis the second entry of z, upwards
    nearest (n, n)      the digit whose codes lie nearest to each point
    codes, labels       codes of some digits to show in the map
    """

    SIDE = 300

    def __init__(self, images, nearest, codes, labels, reach):
        self.images, self.nearest, self.codes, self.labels, self.reach = images, nearest, codes, labels, reach
        self.n = len(images)

    def __repr__(self):
        return f"LatentPlane: {self.n} by {self.n} decoded images, both entries of z from {-self.reach} to {self.reach}"

    def _repr_html_(self):
        levels = np.clip(np.rint(self.images * 15), 0, 15).astype(int)
        data = "".join("0123456789abcdef"[v] for v in levels.ravel())
        digits = "".join(str(d) for d in self.nearest.ravel())
        middle = self.n // 2
        sliders = "".join(
            f'<label>{name} <input type="range" min="0" max="{self.n - 1}" value="{middle}" step="1" data-axis="{axis}" '
            f'aria-label="{words} entry of z"></label>'
            for axis, name, words in (("0", "z₁", "first"), ("1", "z₂", "second"))
        )
        pixels = "".join(
            f'<rect x="{22 * (i % 8) + 12}" y="{22 * (i // 8) + 12}" width="22.4" height="22.4" style="fill:var(--bh-ink);fill-opacity:0"/>'
            for i in range(64)
        )
        return (
            f'<div class="bh bh-plane" role="group" aria-label="A walk through the latent plane" tabindex="-1" data-n="{self.n}" '
            f'data-reach="{self.reach}" data-images="{data}" data-nearest="{digits}"><style>{stylesheet()}{PLANE_CSS}</style>'
            f'<p class="bh-title">A walk through the latent plane</p>'
            f'<div class="bh-walk">{sliders}'
            f'<div class="bh-views">{self._map()}'
            f'<svg class="bh-svg bh-image" role="img" aria-label="The decoded image" viewBox="0 0 200 200" width="200" height="200">{pixels}'
            f'<rect x="12" y="12" width="176" height="176" style="fill:none;stroke:var(--bh-output);stroke-width:2"/></svg></div>'
            f'<p class="bh-where-z" aria-live="polite"></p></div>'
            f"{self._sheet()}<script>{PLANE_JS}</script></div>"
        )

    def _map(self):
        side, reach = self.SIDE, self.reach
        places = (self.codes * [1, -1] / reach + 1) / 2 * side
        marks = "".join(
            f'<text class="v" x="{x:.0f}" y="{y:.0f}">{label}</text>'
            for (x, y), label in zip(places, self.labels, strict=True)
            if 0 < x < side and 0 < y < side
        )
        return (
            f'<svg class="bh-svg bh-map" role="img" viewBox="0 0 {side} {side}" width="{side}" height="{side}" '
            f'aria-label="The plane of z from {-reach} to {reach} in both directions, with the codes of {len(self.labels)} digits, each written as its digit">'
            f'<rect x="1" y="1" width="{side - 2}" height="{side - 2}" style="fill:none;stroke:var(--bh-muted)"/>{marks}'
            f'<circle r="9" cx="{side / 2}" cy="{side / 2}" style="fill:none;stroke:var(--bh-output);stroke-width:3.5"/></svg>'
        )

    def _sheet(self):
        """Every second view in one image: what is shown where no script runs, and in print."""
        shown = self.images[::-2, ::2]
        rows, columns = shown.shape[:2]
        tiles = np.ones((rows, columns, 9, 9))
        tiles[:, :, :8, :8] = 1 - shown.reshape(rows, columns, 8, 8)
        file = BytesIO()
        plt.imsave(
            file,
            tiles.transpose(0, 2, 1, 3).reshape(9 * rows, 9 * columns),
            cmap="gray",
            vmin=0,
            vmax=1,
            format="png",
            metadata={"Software": None},
        )
        data = base64.b64encode(file.getvalue()).decode()
        says = (
            f"{rows} by {columns} decoded images over the plane, z from {-self.reach} to {self.reach} in both directions. Neighbours look alike; regions of "
            "different digits pass into each other through blurred shapes."
        )
        return f'<img class="bh-sheet" alt="{says}" src="data:image/png;base64,{data}">'


PLANE_CSS = """
.bh-plane{box-sizing:border-box;max-width:100%;margin:.5em 0;padding:.75em 1em;border:1px solid var(--bh-muted);border-radius:6px}
.bh-plane:focus{outline:none}
.bh-plane p{margin:0;font-size:1em;color:inherit}
.bh-plane p.bh-title{font-weight:600;margin-bottom:.5em}
.bh-plane .bh-walk{display:none}
.bh-plane .bh-sheet{display:block;width:100%;max-width:420px;margin:0 auto;image-rendering:pixelated}
@media screen{
.bh-plane.bh-live .bh-walk{display:block}
.bh-plane.bh-live .bh-sheet{display:none}
.bh-plane label{display:inline-flex;align-items:center;gap:.5em;margin:0 1em .5em 0}
.bh-plane label input{width:11em;accent-color:var(--bh-input)}
.bh-plane label input:focus-visible{outline:3px solid var(--bh-input);outline-offset:2px}
.bh-plane .bh-views{display:flex;flex-wrap:wrap;align-items:center;justify-content:center;gap:1em}
.bh-plane svg.bh-map{width:300px;cursor:crosshair}
.bh-plane svg.bh-map text{fill:var(--bh-muted);stroke:none;font-size:11px}
.bh-plane svg.bh-image{width:200px}
.bh-plane p.bh-where-z{text-align:center;font-variant-numeric:tabular-nums;margin-top:.5em}
}"""

PLANE_JS = """(() => {
  // As in the steppers: JupyterLab leaves plain keys alone where this attribute is.
  if (!window.bhPlaneKeys) {
    window.bhPlaneKeys = true;
    window.addEventListener("keydown", (event) => {
      const modified = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
      if (event.target.closest?.(".bh-plane")) event.target.toggleAttribute("data-lm-suppress-shortcuts", !modified);
    }, true);
  }
  for (const root of document.querySelectorAll(".bh-plane")) {
    if (root.bhReady) continue;
    root.bhReady = true;
    const n = Number(root.dataset.n), reach = Number(root.dataset.reach);
    const sliders = [...root.querySelectorAll("input")];
    const map = root.querySelector(".bh-map"), cursor = map.querySelector("circle");
    const image = root.querySelector(".bh-image"), pixels = [...image.querySelectorAll("rect")].slice(0, 64);
    const where = root.querySelector(".bh-where-z");
    const at = [n >> 1, n >> 1];
    const show = () => {
      const cell = at[1] * n + at[0];
      pixels.forEach((pixel, i) => {
        pixel.style.fillOpacity = parseInt(root.dataset.images[64 * cell + i], 16) / 15;
      });
      const side = map.viewBox.baseVal.width;
      cursor.setAttribute("cx", at[0] / (n - 1) * side);
      cursor.setAttribute("cy", (1 - at[1] / (n - 1)) * side);
      const z = at.map((i) => ((i / (n - 1) * 2 - 1) * reach).toFixed(1).replace("-", "\\u2212"));
      sliders.forEach((slider, i) => { slider.value = at[i]; slider.setAttribute("aria-valuetext", z[i]); });
      const says = `z = (${z[0]}, ${z[1]}); the nearest codes are those of the digit ${root.dataset.nearest[cell]}`;
      where.textContent = says;
      image.setAttribute("aria-label", `The decoded image at ${says}`);
    };
    const go = (i, j) => {
      at[0] = Math.min(n - 1, Math.max(0, i));
      at[1] = Math.min(n - 1, Math.max(0, j));
      show();
    };
    sliders[0].addEventListener("input", () => go(Number(sliders[0].value), at[1]));
    sliders[1].addEventListener("input", () => go(at[0], Number(sliders[1].value)));
    map.addEventListener("click", (event) => {
      const box = map.getBoundingClientRect();
      go(Math.round((event.clientX - box.left) / box.width * (n - 1)), Math.round((1 - (event.clientY - box.top) / box.height) * (n - 1)));
      sliders[0].focus({preventScroll: true});
    });
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") root.closest(".jp-Cell")?.focus();
      const step = steps[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      go(at[0] + step[0], at[1] + step[1]);
    });
    root.classList.add("bh-live");
    show();
  }
})();"""


# Blur, and the weight beta


def plot_blur(columns, names):
    """One column for each point of the plane, one row for each way to make an image there."""
    fig, axes = plt.subplots(len(names), 1, figsize=(6.4, 3.9))
    for ax, name, images in zip(axes, names, columns, strict=True):
        _tiles(ax, images, columns=len(images))
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
    return fig


def plot_betas(samples, betas):
    """A strip of samples for each weight of the KL divergence."""
    fig, axes = plt.subplots(len(betas), 1, figsize=(6.4, 2.7))
    for ax, beta, images in zip(axes, betas, samples, strict=True):
        _tiles(ax, images, columns=len(images))
        ax.set_ylabel(f"β = {beta:g}", rotation=0, ha="right", va="center")
    return fig
