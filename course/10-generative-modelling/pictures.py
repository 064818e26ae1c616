"""The drawings of lesson 10: a small world, the likelihood line by line, the two directions of the KL, and the family tree."""

import re

import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

# A world small enough to count -------------------------------------------------------------------


def plot_images(rows):
    """Rows of 3 by 3 or 8 by 8 images, black where 1; `rows` maps a label to an array (images, pixels)."""
    count = max(map(len, rows.values()))
    fig, axes = plt.subplots(len(rows), count, figsize=(6.4, 0.62 * len(rows) + 0.1))
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for ax, image in zip(line, images, strict=False):
            side = int(len(image) ** 0.5)
            ax.imshow(1 - image.reshape(side, side), cmap="gray", vmin=-0.15, vmax=1)
        for ax in line:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(ax in line[: len(images)])
            ax.spines[:].set_color("0.7")
    return fig


# The likelihood, line by line --------------------------------------------------------------------

BARS = (560, 250)  # pixels


def two_models(theta):
    """Probabilities of 0, 1 and 2 stars from two reels that each show a star with probability theta."""
    return np.array([(1 - theta) ** 2, 2 * theta * (1 - theta), theta**2])


def likelihood_stepper(data, theta, best):
    """From the product over the data to entropy plus KL, for the machine with two reels, and on to the best theta."""
    counts = np.bincount(data, minlength=3)
    N, p, q, q_best = len(data), counts / len(data), two_models(theta), two_models(best)
    entropy = -(p * np.log(p)).sum()
    nll, nll_best = -(p * np.log(q)).sum(), -(p * np.log(q_best)).sum()
    terms = p * np.log(p / q)
    frames = []

    def frame(equation, sentence, model=q, marks=None):
        frames.append(Frame(_bars(p, model, marks), equation, sentence))

    draws = ", ".join(map(str, data))
    frame(
        rf"\inp{{x_1, \dots, x_{{{N}}}}} = {draws}",
        f"Ten pulls of the machine. {_counted(counts)} Blue bars are these frequencies, $\\hat p$. Whatever distribution the machine really has, nobody has "
        "told us.",
        model=None,
    )
    frame(
        [
            rf"\out{{p_\theta(0)}} &= (1-\theta)^2 = {q[0]:g}",
            rf"\out{{p_\theta(1)}} &= 2\theta(1-\theta) = {q[1]:g}",
            rf"\out{{p_\theta(2)}} &= \theta^2 = {q[2]:g}",
        ],
        rf"A model with one parameter: two reels, each showing a star with probability $\theta$. Its bars, in ochre, for $\theta = {theta:g}$.",
    )
    product = np.prod(q**counts)
    frame(
        [
            rf"\prod_{{n=1}}^{{{N}}} \out{{p_\theta(x_n)}} &= {q[0]:g}^{counts[0]} \cdot {q[1]:g}^{counts[1]} \cdot {q[2]:g}^{counts[2]}",
            rf"&= {_scientific(product)}",
        ],
        "The likelihood: the probability that the model shows exactly this row of pulls. It is a product, and it is tiny. With a thousand pulls it would be 0 in a "
        "computer.",
        marks=[f"{c}×" for c in counts],
    )
    frame(
        [
            rf"-\sum_{{n=1}}^{{{N}}} \log \out{{p_\theta(x_n)}} &= {counts[0]} \cdot {-np.log(q[0]):.4f} + {counts[1]} \cdot {-np.log(q[1]):.4f} "
            rf"+ {counts[2]} \cdot {-np.log(q[2]):.4f}",
            rf"&= {N * nll:.4f}",
        ],
        "Its logarithm is a sum, and has its maximum at the same place. With a minus sign it is something to make small. Equal pulls are put together.",
        marks=[f"{-np.log(v):.4f}" for v in q],
    )
    frame(
        [
            r"\loss{J(\theta)} &= \sum_x \inp{\hat p(x)}\,\big(-\log \out{p_\theta(x)}\big)",
            rf"&= {p[0]:g} \cdot {-np.log(q[0]):.4f} + {p[1]:g} \cdot {-np.log(q[1]):.4f} + {p[2]:g} \cdot {-np.log(q[2]):.4f} = \loss{{{nll:.4f}}}",
        ],
        f"Divide by $N = {N}$. The counts become frequencies, and the mean over the pulls becomes an expectation over $\\hat p$. This is the negative log-likelihood per "
        "pull, in nats; with another word, the cross-entropy.",
        marks=[f"{-np.log(v):.4f}" for v in q],
    )
    frame(
        [
            r"-\log \out{p_\theta(x)} &= -\log \inp{\hat p(x)} + \log \frac{\inp{\hat p(x)}}{\out{p_\theta(x)}}",
        ],
        r"A trick with a logarithm: add $\log \hat p(x)$ and subtract it again. It holds for each $x$ on its own.",
    )
    frame(
        [
            r"\loss{J(\theta)} &= -\sum_x \inp{\hat p(x)} \log \inp{\hat p(x)}"
            r" + \sum_x \inp{\hat p(x)} \log \frac{\inp{\hat p(x)}}{\out{p_\theta(x)}}",
            rf"&= H(\inp{{\hat p}}) + \mathrm{{KL}}(\inp{{\hat p}}\,\|\,\out{{p_\theta}}) = {entropy:.4f} + {nll - entropy:.4f}",
        ],
        r"Take the expectation of both parts. The first is the entropy of the data, in which no $\theta$ occurs. The second is the KL from the data to the model.",
    )
    frame(
        [
            rf"\mathrm{{KL}} &= {p[0]:g} \log \tfrac{{{p[0]:g}}}{{{q[0]:g}}} + {p[1]:g} \log \tfrac{{{p[1]:g}}}{{{q[1]:g}}} + {p[2]:g} \log \tfrac{{{p[2]:g}}}{{{q[2]:g}}}",
            rf"&= {terms[0]:.4f} - {-terms[1]:.4f} - {-terms[2]:.4f} = {terms.sum():.4f}",
        ],
        "The three terms of the KL. Two of them are negative: where the ochre bar is the higher one. The sum is not, and never is.",
        marks=[numeral(t, "+.4f") for t in terms],
    )
    frame(
        [
            rf"\theta = {theta:g}: &\quad {nll:.5f} = {entropy:.5f} + {nll - entropy:.5f}",
            rf"\theta = {best:g}: &\quad {nll_best:.5f} = {entropy:.5f} + {nll_best - entropy:.5f}",
        ],
        rf"Now change the parameter, to $\theta = {best:g}$. $J$ falls by {nll - nll_best:.4f}, the KL falls by {nll - nll_best:.4f}, and the entropy stays. Whoever makes one "
        "of the two small makes the other small.",
        model=q_best,
    )
    mean = (p * [0, 1, 2]).sum()
    frame(
        [
            rf"\loss{{J(\theta)}} &= -{2 - mean:g}\log(1-\theta) - {mean:g}\log\theta - {p[1]:g}\log 2",
            rf"\grad{{\frac{{dJ}}{{d\theta}}}} &= \frac{{{2 - mean:g}}}{{1-\theta}} - \frac{{{mean:g}}}{{\theta}} = 0 \quad\text{{at}}\quad \theta = {best:g}",
        ],
        rf"No other $\theta$ does better: here the slope is 0. The KL of {nll_best - entropy:.4f} that is left is the model's fault. Two equal reels cannot show "
        "these frequencies.",
        model=q_best,
    )
    return Stepper(frames, "Maximum likelihood is KL minimisation")


def _counted(counts):
    words = ["no star", "one star", "two stars"]
    return "They show " + ", ".join(f"{w} {c} times" for w, c in zip(words, counts, strict=True)) + "."


def _scientific(value):
    mantissa, exponent = f"{value:.3e}".split("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def _bars(p, q, marks):
    """Bars of the data and, beside them, of the model, over 0, 1 and 2 stars; `marks` stand above each pair."""
    W, H = BARS
    base, scale, width = H - 34, 290, 56
    parts = [f'<path d="M30 {base}H{W - 30}" stroke="var(--bh-muted)" fill="none"/>']
    for k in range(3):
        x = 110 + 170 * k
        pairs = [(p[k], "input", x - width - 2)] + ([(q[k], "output", x + 2)] if q is not None else [])
        for value, role, left in pairs:
            height = scale * value
            parts.append(
                f'<rect x="{left}" y="{base - height:.1f}" width="{width}" height="{height:.1f}" fill="var(--bh-{role})"/>'
                f'<text class="v" x="{left + width / 2}" y="{base - height - 9:.1f}">{value:.4g}</text>'
            )
        top = base - scale * max(v for v, _, _ in pairs)
        if marks:
            parts.append(f'<text class="t" font-weight="600" x="{x}" y="{top - 28:.1f}">{marks[k]}</text>')
        parts.append(f'<text class="t" x="{x}" y="{base + 16}">{k} star{"s" * (k != 1)}</text>')
    shown = "; ".join(
        f"{k} stars: data {p[k]:.4g}" + (f", model {q[k]:.4g}" if q is not None else "") + (f", marked {marks[k]}" if marks else "")
        for k in range(3)
    )  # fmt: skip
    return _svg(W, H, parts, f"Bars for three outcomes. {shown}.", least=360)


def _svg(W, H, parts, describe, least):
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{describe}" viewBox="0 0 {W} {H}" width="{W}" height="{H}" '
        f'style="max-width:{W}px;min-width:{least}px">{"".join(parts)}</svg>'
    )


# The two directions of the KL --------------------------------------------------------------------

GRID = np.linspace(-13, 13, 2601)


def normal(mu, sigma, x=GRID):
    return np.exp(-0.5 * ((x - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def clumps(distance, weight=0.6, sigmas=(0.8, 0.6)):
    """The density of two clumps, `distance` apart."""
    left, right = -distance * (1 - weight), distance * weight
    return weight * normal(left, sigmas[0]) + (1 - weight) * normal(right, sigmas[1])


def kl(p, q):
    """KL of two densities on the grid. A floor far below anything visible keeps the logarithms finite."""
    return float((p * (np.log(p + 1e-300) - np.log(q + 1e-300))).sum() * (GRID[1] - GRID[0]))


def mixture_of(params):
    """Density of a Gaussian (mu, log sigma), or of several: logits, means, log sigmas."""
    if len(params) == 2:
        return normal(params[0], np.exp(params[1]))
    logits, mu, log_sigma = np.split(np.asarray(params), 3)
    weight = np.exp(logits - logits.max())
    return sum(w * normal(m, np.exp(s)) for w, m, s in zip(weight / weight.sum(), mu, log_sigma, strict=True))


def fit(p, start, reverse):
    """The parameters, found from `start`, that minimise KL(p, model) or, in reverse, KL(model, p)."""
    from scipy.optimize import minimize  # comes with scikit-learn

    def divergence(params):
        q = mixture_of(params)
        return kl(q, p) if reverse else kl(p, q)

    return minimize(divergence, start, method="BFGS", options=dict(gtol=1e-7)).x


def _view(p, models, describe):
    """The target as a blue area and the models as lines: (density, role, dashes, label) each."""
    W, H = 600, 250
    base, scale = H - 26, (H - 78) / max(p.max(), *(q.max() for q, *_ in models))
    inside = np.flatnonzero(np.abs(GRID) <= 6.5)[::5]

    def path(density):
        return "L".join(f"{(GRID[i] + 6.5) * W / 13:.0f} {base - scale * density[i]:.1f}" for i in inside)

    parts = [
        f'<path d="M0 {base}L{path(p)}L{W} {base}Z" fill="var(--bh-input)" opacity=".3"/>',
        f'<path d="M0 {base}H{W}" stroke="var(--bh-muted)" fill="none"/>',
    ]
    for value in range(-6, 7, 2):
        parts.append(f'<text class="v" x="{(value + 6.5) * W / 13:.0f}" y="{base + 13}">{numeral(value, "d")}</text>')
    for n, (q, role, dashes, label) in enumerate(models):
        parts.append(
            f'<path d="M{path(q)}" fill="none" stroke="var(--bh-{role})" stroke-width="2.4" stroke-dasharray="{dashes}"/>'
            f'<path d="M8 {16 + 19 * n}h34" stroke="var(--bh-{role})" stroke-width="2.4" stroke-dasharray="{dashes}"/>'
            f'<text class="t e" x="50" y="{16 + 19 * n}">{label}</text>'
        )
    return _svg(W, H, parts, describe, least=380)


def _line(name, model, p):
    return rf"\text{{{name}}} &\quad \mathrm{{KL}}(p\,\|\,q) = {kl(p, model):.3f} \qquad \mathrm{{KL}}(q\,\|\,p) = {kl(model, p):.3f}"


def directions_stepper():
    """One Gaussian, fitted to two clumps by forward and by reverse KL, as the clumps part; and then two Gaussians."""
    frames = []

    def moments(p):
        mean = (p * GRID).sum() / p.sum()
        return np.array([mean, 0.5 * np.log((p * (GRID - mean) ** 2).sum() / p.sum())])

    def frame(p, models, sentence, names=("forward", "reverse")):
        lines = [_line(name, q, p) for name, (q, *_) in zip(names, models, strict=True)]
        says = "; ".join(
            f"{label}: highest at {GRID[q.argmax()]:.1f}, at height {q.max():.2f}" for q, _, _, label in models
        )
        view = _view(p, models, f"Two clumps of probability as a filled curve, and lines over it. {says}.")
        frames.append(Frame(view, lines, sentence))

    said = {
        0.0: "Both clumps lie on one another, and the target is nearly a Gaussian. Both fits find the same thing, and both KLs are close to 0: as long as the model "
        "can be nearly right, the direction hardly matters.",
        2.0: "The clumps part. Both fits widen to cover them, the reverse fit a little less.",
        3.0: "Further apart. The peak of the forward fit lies in the valley. The reverse fit still covers both, but it is narrower and leans to the larger clump.",
        4.0: "One step more, and the reverse fit has let go of the smaller clump altogether.",
        5.0: "The forward fit matches the mean and the variance of the target, and is highest where the target has almost nothing. The reverse fit sits on one "
        "clump as if the other did not exist; that costs it no more than $\\log(1/0.6) = 0.511$ nats. Look at the other KL of each: each fit is bad in the other's eyes.",
    }
    for distance, sentence in said.items():
        p = clumps(distance)
        forward, start = moments(p), (-0.4 * distance, 0.0)
        models = [
            (mixture_of(forward), "output", "none", "forward"),
            (mixture_of(fit(p, start, reverse=True)), "parameter", "8 4", "reverse"),
        ]
        frame(p, models, f"Distance {distance:g}. {sentence}")
    p = clumps(5.0)
    left, right = (mixture_of(fit(p, (at, 0.0), reverse=True)) for at in (-2.0, 3.0))
    frame(
        p,
        [(left, "parameter", "8 4", "reverse, started left"), (right, "output", "3 3", "reverse, started right")],
        "The reverse KL has two minima. Started near the smaller clump, the fit stays there. Gradient descent cannot know that the other one is better; the forward KL has one "
        "minimum here, and no such choice.",
        names=("left", "right"),
    )
    bad = np.array([0.0, 0.0, -0.5, 0.5, 0.8, 0.8])
    frame(
        p,
        [
            (mixture_of(fit(p, bad, reverse=False)), "output", "none", "forward, two Gaussians"),
            (mixture_of(fit(p, bad, reverse=True)), "parameter", "8 4", "reverse, two Gaussians"),
        ],
        "Now the model has two Gaussians, started side by side in the middle. It can be right, and both directions find it: the lines lie on one another, and both KLs are 0. The "
        "direction matters where the model cannot be right.",
    )
    p = clumps(7.0)
    lost = np.array([0.0, 0.0, -3.3, -2.3, -0.5, -0.5])
    frame(
        p,
        [
            (mixture_of(fit(p, lost, reverse=False)), "output", "none", "forward, both started left"),
            (mixture_of(fit(p, lost, reverse=True)), "parameter", "8 4", "reverse, both started left"),
        ],
        "The clumps further apart, and both Gaussians started in the left one. Forward, the uncovered clump costs so much that one of them is pulled over. Reverse, nobody looks "
        "there, both stay, and the right half is never found. Generative models that do this are said to drop modes.",
    )
    return Stepper(frames, "Forward and reverse KL")


def directions_player():
    """Sliders for the two clumps; both fits of one Gaussian are computed anew."""
    import ipywidgets as widgets

    controls = {
        "distance": widgets.FloatSlider(4.0, min=0, max=8, step=0.5, description="distance", continuous_update=False),
        "weight": widgets.FloatSlider(
            0.6, min=0.1, max=0.9, step=0.1, description="left weight", continuous_update=False
        ),
        "start": widgets.FloatSlider(0.0, min=-6, max=6, step=0.5, description="start", continuous_update=False),
    }

    def draw(distance, weight, start):
        p = clumps(distance, weight)
        mean = (p * GRID).sum() / p.sum()
        forward = normal(mean, ((p * (GRID - mean) ** 2).sum() / p.sum()) ** 0.5)
        reverse = mixture_of(fit(p, (start, 0.3), reverse=True))
        fig, ax = plt.subplots(figsize=(6.4, 3.0))
        ax.fill_between(GRID, p, color=PALETTE["input"][0], alpha=0.3, lw=0)
        for q, name, role, dashes in ((forward, "forward", "output", "-"), (reverse, "reverse", "parameter", "--")):
            label = f"{name}: KL(p‖q) {kl(p, q):.2f}, KL(q‖p) {kl(q, p):.2f}"
            ax.plot(GRID, q, dashes, color=PALETTE[role][0], label=label)
        ax.set(xlim=(-7, 7), xlabel="x", ylabel="density")
        fig.legend(loc="outside upper left")

    return live_figure(draw, controls)


# Two components and the images that they claim --------------------------------------------------


def claims_stepper(images, theta, alpha=0.05, rounds=4):
    """EM for two components, step by step: which share of each image each claims, and what it becomes by that.

    images  (N, 9)  of 0 and 1
    theta   (2, 9)  where the components begin; both are equally frequent at the start
    """
    pi, frames = np.full(2, 0.5), []

    def claims(pi, theta):
        log_joint = np.log(pi) + images @ np.log(theta).T + (1 - images) @ np.log(1 - theta).T
        log_p = np.logaddexp(*log_joint.T)
        return np.exp(log_joint - log_p[:, None]), log_p.mean()

    def frame(r, equation, sentence):
        frames.append(Frame(_claims(images, pi, theta, r), equation, sentence))

    r, log_p = claims(pi, theta)
    frame(
        None,
        r"\pi_1 = \pi_2 = 0.5",
        "Eight images, and on the left two components: grey squares, nearly all the same, as nothing is known yet. The fuller a square, the more probable is a filled pixel.",
    )
    for number in range(1, rounds + 1):
        r, log_p = claims(pi, theta)
        said = {
            1: "E-step. Below each image stands the share of it that each component claims, its responsibility. The start differs by little, so most images are wanted by both.",
            2: "E-step again, with the new components. They differ more, and so do the shares.",
        }.get(number, "E-step. The shares move on.")
        frame(r, rf"\frac1N \sum_n \log p(x_n) = {log_p:.4f}", said)
        R = r.sum(axis=0)
        theta = (r.T @ images + alpha) / (R[:, None] + 2 * alpha)
        pi = R / len(images)
        said = {
            1: "M-step. Each component becomes the mean of the images, weighted by its shares. (An imagined twentieth of a filled and of an empty image keeps every square off 0 and 1.)",
        }.get(number, "M-step.")
        frame(r, rf"\pi_1 = {pi[0]:.3f}, \quad \pi_2 = {pi[1]:.3f}", said)
    r, log_p = claims(pi, theta)
    frame(
        r,
        rf"\frac1N \sum_n \log p(x_n) = {log_p:.4f}",
        "Nobody said what rows and columns are. One component has claimed the images with a row, the other those with a column.",
    )
    return Stepper(frames, "Two components claim eight images")


def _claims(images, pi, theta, r):
    """The two components on the left, the images on the right, and below each image a bar for the share of each."""
    W, H, side = 640, 230, 16
    parts = []

    def grid(x, y, values, size):
        for n, value in enumerate(values):
            row, column = divmod(n, 3)
            parts.append(
                f'<rect x="{x + column * size}" y="{y + row * size}" width="{size}" height="{size}" fill="var(--bh-ink)" '
                f'fill-opacity="{value:.3f}" stroke="var(--bh-muted)" stroke-width=".7"/>'
            )

    for k, role in enumerate(("output", "parameter")):
        top = 22 + 104 * k
        grid(30, top, theta[k], 22)
        parts.append(f'<rect x="24" y="{top - 6}" width="78" height="78" fill="none" stroke="var(--bh-{role})" stroke-width="2.5"/>')
        parts.append(f'<text class="t e" x="110" y="{top + 33}">{k + 1}</text>')
    for n, image in enumerate(images):
        x, y = 160 + 118 * (n % 4), 14 + 110 * (n // 4)
        grid(x, y, image, side)
        if r is None:
            continue
        for k, role in enumerate(("output", "parameter")):
            low = y + 3 * side + 8 + 18 * k
            parts.append(f'<rect x="{x}" y="{low}" width="{48 * r[n, k]:.1f}" height="12" fill="var(--bh-{role})"/>')
            parts.append(f'<text class="v e" x="{x + 54}" y="{low + 6}">{r[n, k]:.2f}</text>')
    rows = [", ".join(f"{v:.2f}" for v in t) for t in theta]
    shares = "" if r is None else " Component 1 claims of the images " + ", ".join(f"{v:.2f}" for v in r[:, 0]) + "."
    says = f"Two components as 3 by 3 grey images, probabilities of black, row by row: {rows[0]}; and {rows[1]}. Eight images.{shares}"
    return _svg(W, H, parts, says, least=420)


# What the integral costs -------------------------------------------------------------------------


def plot_estimates(sizes, prior, fitted, truth):
    """Bands that hold 90 % of the estimates of log p(x), for each number of samples; prior and fitted are (sizes, runs)."""
    fig, ax = plt.subplots(figsize=(6.4, 3.3))
    ax.axhline(truth, color=PALETTE["ink"][0], lw=1, ls=":")
    ax.annotate("exact", (sizes[-1], truth), xytext=(6, 0), textcoords="offset points", va="center")
    for runs, name, role, dashes in (
        (prior, "samples of the prior", "output", "-"),
        (fitted, "fitted proposal", "parameter", "--"),
    ):
        low, middle, high = np.quantile(runs, (0.05, 0.5, 0.95), axis=1)
        ax.fill_between(sizes, low, high, color=PALETTE[role][0], alpha=0.25, lw=0)
        ax.plot(sizes, middle, dashes, color=PALETTE[role][0], marker="o", ms=3, label=name)
    ax.set(xscale="log", xlabel="samples S", ylabel="estimate of log p(x)", ylim=(-6, -1.2))
    ax.legend(loc="lower right")
    return fig


# The family tree ---------------------------------------------------------------------------------

# Where each kind is treated: the page of the book, seen from this lesson's page.
TREATED = {
    "ar": "../11-autoregressive-models/lesson.html",
    "pixel": "../12-pixel-models/lesson.html",
    "vae": "../13-variational-autoencoders/lesson.html",
    "flow": "#normalising-flows",
    "gan": "#generative-adversarial-networks",
    "mixture": "exercises.html",
}


def family_tree():
    """Explicit and implicit, tractable and approximate; each leaf is a link to the place where it is treated."""
    d = Drawing(640, 420)
    inner = {
        "all": (340, 30, "generative models", ""), "explicit": (275, 112, "explicit", "a density is defined"),
        "implicit": (556, 112, "implicit", "samples only"), "tractable": (186, 200, "tractable", "computed exactly"),
        "approximate": (436, 200, "approximate", "a bound or an estimate"),
    }  # fmt: skip
    leaves = {
        "mixture": (60, 296, "mixtures", "exercises"), "ar": (186, 296, "autoregressive", "unit 11"),
        "flow": (314, 296, "flows", "below"), "vae": (436, 296, "VAE", "unit 13"),
        "gan": (556, 296, "GAN", "below"), "pixel": (186, 384, "pixel models", "unit 12"),
    }  # fmt: skip
    for name, (x, y, label, _) in (inner | leaves).items():
        wide = 150 if name in inner else 124 if name == "ar" else 116
        d.node(name, x, y, label, "parameter" if name in inner else "output", shape="box", size=(wide, 50))
    for source, target in (
        ("all", "explicit"), ("all", "implicit"), ("explicit", "tractable"), ("explicit", "approximate"),
        ("tractable", "mixture"), ("tractable", "ar"), ("tractable", "flow"), ("approximate", "vae"),
        ("implicit", "gan"), ("ar", "pixel"),
    ):  # fmt: skip
        d.arrow(source, target)
    svg = d.svg(
        values={name: where for name, (*_, where) in (inner | leaves).items() if where},
        named=True,
        describe="A tree. Generative models are explicit, with a defined density, or implicit, with samples only. Explicit ones are tractable, where "
        "the density is computed exactly, or approximate, where there is a bound or an estimate. Tractable: mixtures, treated in the exercises; autoregressive "
        "models, unit 11, and among them pixel models, unit 12; flows, named below. Approximate: variational autoencoders, unit 13. Implicit: GANs, named below.",
    )
    for name in leaves:
        svg = re.sub(
            rf'(<g [^>]*data-name="{name}">.*?</g>)',
            rf'<a href="{TREATED[name]}" style="text-decoration:underline">\1</a>',
            svg,
        )
    return Svg(svg.replace('role="img"', 'role="group"', 1))  # a picture would hide its links from screen readers
