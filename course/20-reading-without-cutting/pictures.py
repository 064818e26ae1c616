"""The drawings of lesson 20: the trellis, all paths of a label, a beam, what a net says while it learns, strips and attacks."""

import itertools

import captchas
import cutting
import matplotlib.pyplot as plt
import numpy as np

from byhand import svg
from byhand.choices import Choices
from byhand.live import live_figure
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

NAMES = "-abcdefg"  # of classes in small examples; the blank first


def _picture(x, y, width, height, image):
    """Ink from 0 to 99 as an embedded picture, black on white."""
    return svg.pixels(x, y, width, height, 255 - np.clip(np.array(image), 0, 99) * 255 / 99)


def _four(number):
    return f"{number:.4f}".rstrip("0").rstrip(".") if number else "0"


# The trellis -----------------------------------------------------------------------------------------------------------


def trellis(y, label):
    """α, β, p and the occupancies of a label, as probabilities: small enough to be shown. y (T, K), label a list."""
    row = [0]
    for k in label:
        row += [k, 0]
    T, S = len(y), len(row)
    arrows = [(r, s) for s in range(S) for r in (s, s - 1, s - 2) if r >= 0 and (s - r < 2 or (row[s] and row[s] != row[r]))]
    alpha, beta = np.zeros((T, S)), np.zeros((T, S))
    alpha[0, :2], beta[-1, -2:] = y[0, row[:2]], y[-1, row[-2:]]
    for t in range(1, T):
        for r, s in arrows:
            alpha[t, s] += alpha[t - 1, r] * y[t, row[s]]
    for t in reversed(range(T - 1)):
        for r, s in arrows:
            beta[t, r] += beta[t + 1, s] * y[t, row[r]]
    p = alpha[-1, -2:].sum()
    share = alpha * beta / y[:, row] / p
    occ = np.zeros(y.shape)
    for s, k in enumerate(row):
        occ[:, k] += share[:, s]
    return dict(row=row, arrows=arrows, alpha=alpha, beta=beta, p=p, share=share, occ=occ, d=y - occ)


def trellis_stepper(y, label):
    """Forward, backward, shares, occupancies and the gradient, a column at a time."""
    m, T = trellis(y, label), len(y)
    row, S = m["row"], len(m["row"])
    word = "".join(NAMES[k] for k in label)
    left, top, dx, dy = 110, 56, 132, 56
    frames = []

    def place(t, s):
        return left + dx * t, top + dy * s

    def frame(equation, sentence, numbers=None, lit=(), arrows=(), back=False, role="hidden"):
        """numbers (T, S) with NaN for what is not known yet; lit: places; arrows ((t, r), (t', s))."""
        parts, known = [], []
        for t in range(T):
            parts.append(svg.words(left + dx * t, 20, f"step {t + 1}"))
        for s in range(S):
            parts.append(svg.words(36, top + dy * s, "blank" if row[s] == 0 else NAMES[row[s]], "l"))
        for (t, r), (u, s) in arrows:
            (x1, y1), (x2, y2) = place(t, r), place(u, s)
            angle = np.arctan2(y2 - y1, x2 - x1)
            x1, x2 = x1 + 36, x2 - 36
            tip = (x1, y1) if back else (x2, y2)
            a = angle + (np.pi if back else 0)
            head = [f"{tip[0] - 9 * np.cos(a + f):.1f},{tip[1] - 9 * np.sin(a + f):.1f}" for f in (0.4, -0.4)]
            ink = "gradient" if back else "muted"
            parts.append(f'<path d="M{x1:.1f} {y1}L{x2:.1f} {y2}" stroke="var(--bh-{ink})" fill="none" stroke-width="1.5"/>')
            parts.append(f'<path d="M{head[0]}L{tip[0]:.1f},{tip[1]}L{head[1]}" stroke="var(--bh-{ink})" fill="none" stroke-width="1.5"/>')
        for t in range(T):
            for s in range(S):
                x, yy = place(t, s)
                on = (t, s) in lit
                ink = ("gradient" if back else role) if on else "muted"
                parts.append(
                    f'<rect x="{x - 35}" y="{yy - 16}" width="70" height="32" rx="5" fill="var(--bh-paper)" '
                    f'stroke="var(--bh-{ink})" stroke-width="{2.4 if on else 1}"/>'
                )
                if numbers is not None and not np.isnan(numbers[t, s]):
                    parts.append(svg.words(x, yy, _four(numbers[t, s]), "v", ink if on else None))
                    known.append(f"step {t + 1}, symbol {s} ({NAMES[row[s]]}): {_four(numbers[t, s])}")
        about = f"A trellis with {T} columns, one for each step, and {S} rows, the symbols {' '.join(NAMES[k] for k in row)}. "
        about += ("Numbers: " + "; ".join(known) + ".") if known else "No numbers yet."
        frames.append(Frame(svg.picture(parts, left + dx * (T - 1) + 60, top + dy * (S - 1) + 40, about), equation, sentence))

    everywhere = [(t, s) for t in range(T) for s in range(S)]
    all_arrows = [((t, r), (t + 1, s)) for t in range(T - 1) for r, s in m["arrows"]]
    frame("", f"The label is {word}. Written with blanks before, between and behind its letters it has {S} symbols, one for each row. A walk goes from column to column: it stays, goes one symbol down, or leaps over a blank between two letters that differ. These are all arrows there are.", arrows=all_arrows)
    say = np.array([[y[t, k] for k in row] for t in range(T)])
    frame("", "At each place stands the probability with which the network says the symbol at that step. A walk that passes here gets it as a factor. Rows of the same class have the same numbers.", numbers=say, lit=())
    numbers = np.full((T, S), np.nan)
    numbers[0] = m["alpha"][0]
    frame(r"\alpha^{(1)}_0 = " + _four(m["alpha"][0, 0]) + r", \quad \alpha^{(1)}_1 = " + _four(m["alpha"][0, 1]), "Forward. A walk begins on the first blank or on the first letter.", numbers, [(0, 0), (0, 1)])
    for t in range(1, T):
        numbers[t] = m["alpha"][t]
        s = min(2 * t + 1, S - 2) if t < T - 1 else S - 1
        came = [r for r, q in m["arrows"] if q == s]
        inner = " + ".join(_four(m["alpha"][t - 1, r]) for r in sorted(came))
        frame(
            rf"\alpha^{{({t + 1})}}_{s} = ({inner}) \cdot {_four(say[t, s])} = {_four(m['alpha'][t, s])}",
            f"Step {t + 1}. What leads to a place is added, then multiplied by the probability of the place. Written out for symbol {s}.",
            numbers, [(t, q) for q in range(S)], [((t - 1, r), (t, q)) for r, q in m["arrows"]],
        )  # fmt: skip
    frame(
        rf"p(\text{{{word}}}) = {_four(m['alpha'][-1, -2])} + {_four(m['alpha'][-1, -1])} = {_four(m['p'])}",
        "The end: a walk may stand on the last letter or on the blank behind it. The sum is the probability of the label.",
        numbers, [(T - 1, S - 2), (T - 1, S - 1)], role="output",
    )  # fmt: skip
    numbers = np.full((T, S), np.nan)
    numbers[-1] = m["beta"][-1]
    frame(r"\beta^{(" + str(T) + r")}_s = \hat y^{(" + str(T) + r")}_{z_s}", "Now from the other end. β sums over all ways from a place to the end, its own probability included. At the last step there are two places to end on.", numbers, [(T - 1, S - 2), (T - 1, S - 1)], back=True)
    for t in reversed(range(T - 1)):
        numbers[t] = m["beta"][t]
        s = max(2 * t, 0) + (1 if t else 0)
        s = min(s, S - 1)
        to = sorted(q for r, q in m["arrows"] if r == s)
        inner = " + ".join(_four(m["beta"][t + 1, q]) for q in to)
        frame(
            rf"\beta^{{({t + 1})}}_{s} = ({inner}) \cdot {_four(say[t, s])} = {_four(m['beta'][t, s])}",
            f"Step {t + 1}: the same arrows, taken backward. Written out for symbol {s}.",
            numbers, [(t, q) for q in range(S)], [((t, r), (t + 1, q)) for r, q in m["arrows"]], back=True,
        )  # fmt: skip
    frame(
        rf"\beta^{{(1)}}_0 + \beta^{{(1)}}_1 = {_four(m['beta'][0, 0])} + {_four(m['beta'][0, 1])} = {_four(m['p'])}",
        "The two first places together: the same probability, from the other side.", numbers, [(0, 0), (0, 1)], role="output",
    )  # fmt: skip
    frame(
        r"\frac{\alpha^{(t)}_s\, \beta^{(t)}_s}{\hat y^{(t)}_{z_s}\; p}",
        "A path that passes a place is a beginning and an end. Both hold the probability of the place, so it is divided out once; divided by p it is a share. Each column adds up to 1: at every step the path stands somewhere.",
        m["share"], everywhere, role="output",
    )  # fmt: skip
    t = 0
    lines = [
        rf"\text{{occupancy of step {t + 1}}} &= ({', '.join(_four(v) for v in m['occ'][t])})",
        rf"\text{{prediction}} &= ({', '.join(_four(v) for v in y[t])})",
        rf"\grad{{\tfrac{{\partial J}}{{\partial o}}}} = \text{{prediction}} - \text{{occupancy}} &= ({', '.join(_four(v) for v in m['d'][t])})",
    ]
    frame(lines, "Shares of the same class are added: that is the occupancy. The gradient at the logits of a step is what the network says, minus what a path of the label says there on average.", m["share"], [(t, s) for s in range(S)], back=True)
    frame("", "The gradient of all steps, place by place: here for each row the gradient at the logit of its class. Every step's gradients over the classes, those without a row too, add up to 0.", np.array([[m["d"][t, k] for k in row] for t in range(T)]), everywhere, back=True)
    return Stepper(frames, f"The trellis of {word}, forward and back")


# All paths -------------------------------------------------------------------------------------------------------------


def collapsed(path):
    return tuple(k for k, _ in itertools.groupby(path) if k)


def paths_of(label, T, K=3):
    return [path for path in itertools.product(range(K), repeat=T) if collapsed(path) == tuple(label)]


def paths_stepper():
    """All paths of ab, aa and aab for several numbers of steps."""
    frames = []
    for word, label in (("ab", (1, 2)), ("aa", (1, 1)), ("aab", (1, 1, 2))):
        for T in (2, 3, 4, 5):
            found = paths_of(label, T)
            parts = []
            columns = 9
            for n, path in enumerate(found):
                x, y = 70 + 76 * (n % columns), 30 + 26 * (n // columns)
                for t, k in enumerate(path):
                    parts.append(svg.words(x - 6 * (T - 1) + 12 * t, y, NAMES[k], "l", "muted" if k == 0 else "hidden"))
            height = 60 + 26 * ((max(len(found), 1) - 1) // columns)
            if not found:
                parts.append(svg.words(70, 30, "none", "l", "loss"))
            listed = ", ".join("".join(NAMES[k] for k in path) for path in found) or "none"
            needs = len(label) + sum(a == b for a, b in itertools.pairwise(label))
            says = f"{word} in {T} steps: {len(found)} of {3**T} paths." if found else f"{word} in {T} steps: no path at all. It needs {needs} steps, so its probability is 0 and its loss infinite."
            if found and T == needs:
                says += " This is the least number of steps, and there is one path." if len(found) == 1 else ""
            frames.append(Frame(svg.picture(parts, 740, height, f"The paths that collapse to {word}: {listed}."), "", says))
    return Stepper(frames, "All paths of a label")


# Greedy and beam -------------------------------------------------------------------------------------------------------


def beam_stepper(y):
    """A prefix beam search through all steps of y (T, 2): blank and a. Every prefix is kept."""
    frames, kept = [], {"": (1.0, 0.0)}

    def frame(equation, sentence, t):
        parts = [svg.words(120, 24, "prefix"), svg.words(300, 24, "ends in a blank"), svg.words(450, 24, "ends in its letter"), svg.words(600, 24, "together")]
        says = []
        for n, (prefix, (b, l)) in enumerate(sorted(kept.items(), key=lambda item: -sum(item[1]))):
            name, yy = prefix or "(none)", 58 + 30 * n
            parts += [svg.words(120, yy, name, "l"), svg.words(300, yy, _four(b), "v"), svg.words(450, yy, _four(l), "v"), svg.words(600, yy, _four(b + l), "v", "output" if n == 0 else None)]
            says.append(f"{name}: {_four(b)} and {_four(l)}")
        frames.append(Frame(svg.picture(parts, 700, 70 + 30 * len(kept), f"After {t} steps. Prefix, ending in a blank and in its letter: {'; '.join(says)}."), equation, sentence))

    frame("", "Before the first step there is the empty prefix alone, with probability 1.", 0)
    for t, (blank, a) in enumerate(y, 1):
        new = {}
        for prefix, (b, l) in kept.items():
            for name, place, value in ((prefix, 0, (b + l) * blank), (prefix, 1, l * a), (prefix + "a", 1, (b if prefix else b + l) * a)):
                ends = list(new.get(name, (0.0, 0.0)))
                ends[place] += value
                new[name] = tuple(ends)
        kept = {name: ends for name, ends in new.items() if sum(ends) > 0}
        best = max(kept, key=lambda prefix: sum(kept[prefix]))
        says = f"Step {t}: blank {_four(blank)}, a {_four(a)}. "
        says += {
            1: "The empty prefix is still ahead.",
            2: f"The prefix a has been reached from two sides: it was there and went on with a blank ({_four(a * blank)}) or with another a, which is merged ({_four(a * a)}), and it was not there and a came now ({_four(blank * a)}). These are added, and it overtakes.",
        }.get(t, f"The best prefix is {best or 'the empty one'}; aa has come about through a blank between two a.")
        frame("", says, t)
    path = ", ".join(("blank", "a")[int(k)] for k in np.argmax(y, axis=1))
    label = max(kept, key=lambda prefix: sum(kept[prefix]))
    equation = rf"\text{{best path: {path}}} \quad {_four(np.prod(np.max(y, axis=1)))}, \qquad \text{{best label: {label}}} \quad \out{{{_four(sum(kept[label]))}}}"
    says = "The best path says blank at every step, and so nothing at all. The best label has the letter."
    frames.append(Frame(frames[-1].drawing, equation, says))
    return Stepper(frames, "Two probabilities for each prefix")


# What the reader says --------------------------------------------------------------------------------------------------


def learning_stepper(learning):
    """One strip, and what the net says at each of its 40 steps, before training and later."""
    word, frames = learning["word"], []
    rows = list(dict.fromkeys(word))
    comments = {
        "0": "Before training it says a little of everything.",
        "20": "After twenty steps it says the blank everywhere, with a little of each letter: the plateau. It has learned how rare letters are, and nothing about their looks.",
        "50": "Still the plateau. The blank has nine tenths on average.",
        "80": "It begins to look.",
        "150": "The letters stand in their places, with a blank between the two that are equal.",
        "600": "Sharp peaks. Where in the strip a letter stands, nobody has told it; CTC has found it out.",
    }
    for steps, found in learning["after"].items():
        p, parts = np.array(found["p"]) / 1000, [_picture(70, 8, 640, 110, learning["image"])]
        shown = [("blank", p[:, 0]), *((c, p[:, 1 + captchas.LETTERS.index(c)]) for c in rows)]
        shown.append(("others", np.clip(1 - sum(v for _, v in shown), 0, 1)))
        for n, (name, values) in enumerate(shown):
            y = 134 + 25 * n
            parts.append(svg.words(64, y + 10, name, "t", anchor="end"))
            ink = "muted" if name in ("blank", "others") else "output"
            bars = "".join(f"M{72 + 16 * t} {y + 20}v{-20 * v:.1f}h12v{20 * v:.1f}z" for t, v in enumerate(values) if v > 0.015)
            parts.append(f'<path d="{bars}" fill="var(--bh-{ink})" stroke="none"/><path d="M70 {y + 20}h640" stroke="var(--bh-muted)" stroke-width=".4"/>')
        peaks = [f"{name} at steps {', '.join(str(t + 1) for t in np.flatnonzero(v > 0.5))}" for name, v in shown if name != "others" and (v > 0.5).any() and name != "blank"]
        about = f"The strip {word}, and below it a row of 40 bars for the blank, each letter of it, and all others. After {steps} training steps the blank has on average {p[:, 0].mean():.2f}; "
        about += ("above one half: " + "; ".join(peaks) + ".") if peaks else "no letter is above one half at any step."
        says = found["says"] or "nothing"
        frames.append(Frame(svg.picture(parts, 720, 142 + 25 * len(shown), about), rf"J = {found['loss']:.2f}", f"{comments[steps]} The best path reads: {says}."))
    return Stepper(frames, "What the reader says, column by column, while it learns")


def attack_stepper(attack):
    """A clean strip, changed uphill by more and more, and what is read."""
    frames = []
    for eps, found in attack["example"].items():
        parts = [_picture(20, 8, 640, 160, found["image"])]
        right = found["says"] == attack["word"]
        says = "as it was drawn" if float(eps) == 0 else f"every pixel moved by at most {eps}, uphill"
        about = f"The strip {attack['word']}, {says}. It is read as {found['says'] or 'nothing'}."
        frames.append(Frame(svg.picture(parts, 680, 176, about), "", f"{says[0].upper() + says[1:]}. Read: {found['says'] or 'nothing'}, which is {'right' if right else 'wrong'}."))
    return Stepper(frames, f"The strip {attack['word']}, moved along the gradient of its loss")


def captcha_choices(samples):
    """One strip of each kind, and what two networks read on it, step by step."""
    frames = {}
    for kind, found in samples.items():
        for learned, read in found["read"].items():
            parts = [_picture(20, 8, 640, 160, found["image"])]
            parts += [svg.words(28 + 16 * t, 190, says) for t, says in enumerate(read["steps"])]
            says = [f"{how}: {read[name] or 'nothing'}" for how, name in (("best path", "best"), ("beam of 8", "beam"))]
            right = " and ".join(how for how, name in (("the best path", "best"), ("the beam", "beam")) if read[name] == found["word"])
            about = f"A strip with the word {found['word']}, {kind}. Read by a network that has learned from {learned}: {'; '.join(says)}."
            sentence = (
                f"The word is {found['word']}. Below the strip stands the most probable class at each of the 40 steps, a dot for the blank. "
                f"{says[0].capitalize()}; {says[1]}. {f'Right: {right}.' if right else 'Neither is right.'}"
            )
            frames[kind, learned] = Frame(svg.picture(parts, 680, 200, about), "", sentence)
    return Choices(
        "Make it harder, and read it",
        {"strip": list(samples), "learned from": list(next(iter(samples.values()))["read"])}, frames,
        still=[("clean", "clean strips"), ("touching", "clean strips"), ("touching", "all kinds but two")],
    )  # fmt: skip


def captcha_player():
    """Sliders for what makes a strip hard; below the strip the ink of its columns, and where it would be cut."""
    import ipywidgets as widgets

    def slider(text, value, low, high, step=1):
        kind = widgets.FloatSlider if isinstance(step, float) else widgets.IntSlider
        return kind(value, min=low, max=high, step=step, description=text, continuous_update=False)

    def draw(seed, gap, turned, wave, line, dots, noise):
        harder = dict(turn=20, slant=0.35) if turned else {}
        strip = captchas.strips(1, seed, dict(gap=(gap, gap + 2), wave=wave, line=line, dots=dots, noise=noise, **harder))
        return plot_ink({strip.words()[0]: strip.images[0]})

    return live_figure(draw, {
        "seed": slider("word", 3, 0, 50), "gap": slider("gap", 1, -3, 4), "turned": widgets.Checkbox(False, description="turned, slanted"),
        "wave": slider("wave", 0.0, 0, 3, 0.5), "line": widgets.Checkbox(False, description="a line"), "dots": slider("dots", 0, 0, 80, 5),
        "noise": slider("noise", 0.08, 0, 0.5, 0.02),
    })  # fmt: skip


# Plots -----------------------------------------------------------------------------------------------------------------


def gallery(seed=3):
    """Two strips of each kind."""
    kinds = list(captchas.KINDS)
    fig, axes = plt.subplots(len(kinds), 2, figsize=(6.6, 0.92 * len(kinds)))
    for line, kind in zip(axes, kinds, strict=True):
        drawn = captchas.strips(2, seed, kind)
        for ax, image, word in zip(line, drawn.images, drawn.words(), strict=True):
            ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            ax.set_title(f"{kind}: {word}", fontsize=9)
            ax.set_axis_off()
    return fig


def plot_ink(drawn):
    """Strips by name, and below each the sums of its columns: those above the threshold stand out."""
    fig, axes = plt.subplots(
        2, len(drawn), figsize=(7.6, 2.7), sharex="col", sharey="row", height_ratios=[1.4, 1], squeeze=False
    )
    for (name, image), (above, below) in zip(drawn.items(), axes.T, strict=True):
        above.imshow(image, cmap="gray_r", vmin=0, vmax=1, aspect="auto")
        above.set_axis_off()
        above.set_title(name, fontsize=10)
        sums = cutting.inked(image).sum(axis=0)
        colours = [PALETTE["input" if v > cutting.THRESHOLD else "muted"][0] for v in sums]
        below.bar(range(len(sums)), sums, width=1.0, color=colours)
        below.axhline(cutting.THRESHOLD, color=PALETTE["loss"][0], lw=1)
    axes[1, 0].set_ylabel("ink")
    return fig


def plot_plateau(plateau, level):
    fig, ax = plt.subplots(figsize=(7, 3.6))
    styles = [("loss", "-"), ("hidden", "-"), ("loss", "--"), ("hidden", "--")]
    for (role, line), (name, runs) in zip(styles, plateau.items(), strict=True):
        for n, run in enumerate(runs):
            ax.plot(10 * (1 + np.arange(len(run))), run, line, color=PALETTE[role][0], lw=1.4, label=None if n else name)
    ax.axhline(level, color=PALETTE["muted"][0], lw=1)
    ax.set(ylim=(0, 22), xlabel="training step", ylabel="loss of a strip")
    ax.legend(fontsize=9)
    return fig


def plot_attack(attack):
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    for name, role, label in (("random", "hidden", "a coin for each pixel"), ("uphill", "gradient", "along the gradient")):
        eps = [float(k) for k in attack[name]]
        runs = np.array(list(attack[name].values()))
        ax.plot(eps, runs.mean(axis=1), "o-", color=PALETTE[role][0], label=label)
        ax.vlines(eps, runs.min(axis=1), runs.max(axis=1), color=PALETTE[role][0], lw=1)
    ax.set(ylim=(0, 1), xlabel="change of a pixel, at most", ylabel="strips read right")
    ax.legend()
    return fig
