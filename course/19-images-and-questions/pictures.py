"""The drawings of lesson 19: scenes with questions, a look and its way back, where a network looks, a world whose bias is turned."""


import matplotlib.pyplot as plt
import numpy as np
import questions as world

from byhand import svg
from byhand.choices import Choices
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper


def gallery(seed=0, columns=4):
    """A question of each kind, and more, each above its scene."""
    asked = world.ask(60, seed)
    chosen = [np.flatnonzero(asked.kinds == k)[n] for n in range(2) for k in range(5)][: 2 * columns]
    fig, axes = plt.subplots(2, columns, figsize=(8.4, 4.9))
    for ax, n in zip(axes.flat, chosen, strict=True):
        ax.imshow(asked.images[n])
        ax.set_axis_off()
        words = asked.text(n).split()
        half = (len(words) + 1) // 2
        ax.set_title(f"{' '.join(words[:half])}\n{' '.join(words[half:])}? {world.ANSWERS[asked.answers[n]]}", fontsize=9, loc="center")
    return fig


# A look, and its way back ----------------------------------------------------------------------------------------------


def look(v, q, Wa, Ua, w):
    """Attention over regions of one number each: everything forward, and the gradients for dg = 1."""
    v = np.array(v, float)
    t = np.tanh(Wa * v + Ua * q)
    e = w * t
    P = np.exp(e - e.max())
    P /= P.sum()
    g = P @ v
    dP = v.copy()
    de = P * (dP - P @ dP)
    da = de * w * (1 - t**2)
    return dict(v=v, t=t, e=e, P=P, g=g, dP=dP, de=de, da=da, read=P, looked=Wa * da, dv=P + Wa * da, dq=Ua * da.sum())


def look_stepper(v=(1.0, 2.0, -1.0), q=1.0, Wa=1.0, Ua=-0.5, w=2.0):
    """Three regions of one number, column by column: scores, weights, the mean; then back, by two routes."""
    m = look(v, q, Wa, Ua, w)
    frames, left, top = [], 230, 34
    rows = [("region", "v", "input"), ("tanh", "t", "hidden"), ("score", "e", "hidden"), ("weight", "P", "output"), ("arrives at the weight", "dP", "gradient"),
            ("at the score", "de", "gradient"), ("by being looked at", "looked", "gradient"), ("by being read", "read", "gradient"), ("at the region", "dv", "gradient")]  # fmt: skip

    def frame(upto, equation, sentence, extra=""):
        parts, says = [], []
        for k in range(3):
            parts.append(svg.words(left + 130 * k, 14, f"region {k + 1}"))
        for line, (name, key, role) in enumerate(rows[:upto]):
            y = top + 30 * (line + 1) - 6
            parts.append(svg.words(150, y, name, anchor="end"))
            for k in range(3):
                parts.append(svg.words(left + 130 * k, y, numeral(m[key][k]), "v" if line < upto - 1 else "l", role if line == upto - 1 else None))
            says.append(f"{name}: {', '.join(numeral(x) for x in m[key])}")
        if extra:
            parts.append(svg.words(left + 130, top + 30 * (upto + 1), extra, "l", "output"))
        frames.append(Frame(svg.picture(parts, 540, top + 30 * len(rows) + 44, f"Three columns, one for each region. {'; '.join(says)}. {extra}"), equation, sentence))

    frame(1, "", "Three regions, each of one number, and a question, q = 1. The weights are $W_a = 1$, $U_a = -0.5$, $w = 2$.")
    frame(2, r"t_m = \tanh(W_a v_m + U_a q)", "What the question and a region make of each other. Without the tanh the question would add the same to all scores.")
    frame(3, r"e_m = w\, t_m", "The score of each region.")
    frame(4, r"P_m = \frac{e^{e_m}}{\sum_j e^{e_j}}", "The weights, which add up to 1.")
    frame(4, rf"g = \sum_m P_m v_m = {m['g']:.4f}", "What is found is the weighted mean of the regions. A mean: it says what is there, and not how often.", f"g = {numeral(m['g'])}")
    frame(5, r"\grad{\frac{\partial J}{\partial P_m}} = \grad{\frac{\partial J}{\partial g}}\, v_m", "Back. Suppose that 1 arrives at g. At each weight arrives the region that it multiplies.")
    frame(6, r"\grad{\frac{\partial J}{\partial e_m}} = P_m \Big( \grad{\frac{\partial J}{\partial P_m}} - \sum_j P_j\, \grad{\frac{\partial J}{\partial P_j}} \Big)", "Through the softmax, as in unit 16: how far above the weighted mean, times the weight. The three add up to 0.")
    frame(7, "", "On through w, the tanh and $W_a$: the first route back to a region, because it was looked at. Through $U_a$ the same goes to the question, from all three regions, and is added there.", f"at q: {numeral(m['dq'])}")
    frame(8, "", "The second route: a region was read, with its weight, so the weight itself comes back.")
    frame(9, r"\grad{\frac{dJ}{dv_m}} = \text{looked at} + \text{read}", "The sum of both. Who forgets the first has the right weights' gradients and the wrong ones at the picture. Exercise 4 asks for all of it, with vectors.")
    return Stepper(frames, "The question looks, and what comes back")


def where_stepper(looks):
    """For each question: the scene, the weights of its nine regions, and the answer."""
    frames = []
    for found in looks:
        weights = np.array(found["weights"])
        parts = [svg.pixels(20, 16, 240, 240, found["image"])]
        for k, weight in enumerate(weights):
            x, y = 20 + 80 * (k % 3), 16 + 80 * (k // 3)
            parts.append(f'<rect x="{x + 2}" y="{y + 2}" width="76" height="76" fill="none" stroke="var(--bh-muted)" stroke-width=".5"/>')
            wide = 1 + 10 * weight
            if weight > 0.03:
                parts.append(f'<rect x="{x + 6}" y="{y + 6}" width="68" height="68" fill="none" stroke="#1b1f24" stroke-width="{wide:.1f}"/>')
            parts.append(svg.words(330 + 62 * (k % 3), 40 + 28 * (k // 3), f"{weight:.2f}", "l" if weight == weights.max() else "v", "output" if weight == weights.max() else None))
        right = found["says"] == found["truth"]
        parts += [svg.words(300, 150, found["question"] + "?", "t", anchor="start"), svg.words(300, 180, f"says: {found['says']}", "l", "hidden" if right else "loss", "start")]
        parts.append(svg.words(300, 206, f"truth: {found['truth']}", "t", anchor="start"))
        rows = "; ".join(", ".join(f"{v:.2f}" for v in weights[3 * r : 3 * r + 3]) for r in range(3))
        about = f"A scene of nine cells, and the weights of the nine, row by row: {rows}. Question: {found['question']}. The network says {found['says']}; the truth is {found['truth']}."
        place = ("top", "middle", "bottom")[weights.argmax() // 3] + " " + ("left", "centre", "right")[weights.argmax() % 3]
        frames.append(Frame(svg.picture(parts, 560, 272, about), "", f"{found['question'][0].upper()}{found['question'][1:]}? {found['says'].capitalize()}, which is {'right' if right else 'wrong'}. The largest weight, {weights.max():.2f}, lies {place}."))
    return Stepper(frames, "Where it looks")


def plot_prior(prior):
    """Accuracy without looking, and of the network with attention, in the world of the training and in the unbiased one."""
    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    shares = [float(k) for k in prior]
    for place, line, where in ((0, "-", "the same world"), (1, "--", "the unbiased world")):
        for name, role, label in (("baseline", "muted", "most common answer"), ("attention", "hidden", "attention")):
            known = [k for k in prior if prior[k][name]]
            runs = [[run[place][0] for run in prior[k][name]] for k in known]
            x = [float(k) for k in known]
            ax.plot(x, np.mean(runs, axis=1), line, marker="o", color=PALETTE[role][0], label=f"{label}, {where}")
            ax.vlines(x, np.min(runs, axis=1), np.max(runs, axis=1), color=PALETTE[role][0], lw=1)
    ax.set(ylim=(0, 1), xlabel="share of circles that are red, in training", ylabel="right answers", xticks=shares)
    ax.legend(fontsize=9, handlelength=3.5, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def prior_choices(prior):
    """Right answers without looking and with attention, for a world of the training and one of the test; means of three seeds."""
    tested = ("the same world", "the unbiased world")
    frames = {}
    for share, found in prior.items():
        percent = f"{100 * float(share):.0f} %"
        for place, where in enumerate(tested):
            runs = {name: np.array(found[name])[:, place] for name in ("baseline", "attention")}
            parts = []
            for level in (0.0, 0.5, 1.0):
                y = 214 - 180 * level
                parts.append(f'<path d="M60 {y:g}h560" stroke="var(--bh-muted)" stroke-width="1" opacity="0.4"/>')
                parts.append(svg.words(52, y + 4, f"{level:g}", "t w"))
            for middle, kind, column in ((200, "all questions", 0), (460, "questions about a colour", 1)):
                parts.append(svg.words(middle, 236, kind))
                for left, name, role in ((middle - 80, "baseline", "muted"), (middle + 20, "attention", "hidden")):
                    values = runs[name][:, column]
                    tall = 180 * values.mean()
                    low, high = (214 - 180 * v for v in (values.min(), values.max()))
                    parts.append(
                        f'<rect x="{left}" y="{214 - tall:.1f}" width="60" height="{tall:.1f}" fill="var(--bh-{role})" stroke="none"/>'
                        f'<path d="M{left + 30} {low:.1f}V{high:.1f}" stroke="currentColor" stroke-width="2"/>'
                    )
                    parts.append(svg.words(left + 30, high - 6, f"{values.mean():.2f}"))
            for left, says, role in ((180, "without looking", "muted"), (360, "with attention", "hidden")):
                parts.append(f'<rect x="{left}" y="254" width="14" height="14" fill="var(--bh-{role})" stroke="none"/>')
                parts.append(svg.words(left + 22, 266, says, "t e"))
            (blind, blind_colour), (sees, sees_colour) = (runs[name].mean(axis=0) for name in ("baseline", "attention"))
            told = (
                f"Without looking {blind:.2f} of all answers are right and {blind_colour:.2f} of those about a colour; "
                f"with attention {sees:.2f} and {sees_colour:.2f}."
            )
            sentence = f"Trained where {percent} of the circles are red, tested in {where}. {told}"
            picture = svg.picture(parts, 640, 276, f"Four bars, each with the range of three seeds. {told}")
            frames[percent, where] = Frame(picture, "", sentence)
    shares = list(dict.fromkeys(percent for percent, _ in frames))
    return Choices(
        "Turn the world", {"red circles in training": shares, "tested in": tested}, frames,
        still=[("85 %", where) for where in tested],
    )  # fmt: skip
