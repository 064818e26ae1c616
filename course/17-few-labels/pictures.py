"""The drawings of lesson 17: triplets in the plane, an embedding while it learns, the matrix of InfoNCE, temperature, one new row."""

from html import escape

import matplotlib.pyplot as plt
import numpy as np

from byhand import svg
from byhand.choices import Choices
from byhand.palette import PALETTE
from byhand.shapes import COLOURS, SHAPES
from byhand.stepper import Frame, Stepper

ROLES = ("input", "output", "hidden", "loss", "gradient", "parameter")


def _n(number, digits=4):
    """A number for a drawing, with a real minus sign."""
    text = f"{number + 0.0:.{digits}f}".rstrip("0").rstrip(".") if abs(number) > 0.5 * 10**-digits else "0"
    return text.replace("-", "−")


def _l(number, digits=4):
    """The same for LaTeX."""
    return _n(number, digits).replace("−", "-")


def _pair(vector):
    return "(" + ", ".join(_n(x) for x in vector) + ")"


def _cell(x, y, w, h, text, role, lit=False):
    return (
        f'<g class="r-{role}{" a" * lit}"><rect class="n" x="{x:g}" y="{y:g}" width="{w}" height="{h}" rx="5"/>'
        f'<text class="v" x="{x + w / 2:g}" y="{y + h / 2:g}">{escape(text)}</text></g>'
    )


# A triplet in the plane


def triplet_numbers(a, p, n, margin):
    """The squared distances, the hinge, and the three gradients of one triplet."""
    a, p, n = (np.asarray(v, dtype=float) for v in (a, p, n))
    near, far = ((a - p) ** 2).sum(), ((a - n) ** 2).sum()
    hinge = near - far + margin
    on = float(hinge > 0)
    return near, far, hinge, 2 * on * np.stack([n - p, p - a, a - n])


def triplet_stepper(margin=0.5):
    """Anchor and positive stay, the negative comes nearer; at last all three are nearly at one point."""
    cases = (
        ((1, 0), (1, 1), "Easy: the negative lies outside of the outer circle, farther than the positive by more than the margin. The hinge is 0 and nothing moves."),
        ((1, 0), (1, 0.5), "Semi-hard: the negative lies in the ring, farther than the positive, but not by the margin. The arrows are steps against the gradients: the positive comes, the negative goes, and the anchor moves away from the negative."),
        ((1, 0), (0.5, 0.5), "Hard: the negative is nearer than the positive. Its own gradient is smaller than that of a semi-hard one, since it is proportional to the distance."),
        ((1, 0), (0.1, 0.1), "Very hard: the negative lies almost on the anchor. The loss is large, and the negative is hardly pushed; most of what happens is that anchor and positive are pulled together."),
        ((0.1, 0), (0.07, 0.07), "Nearly collapsed: all three are nearly at one point. The loss is about the margin, and all gradients are small."),
        ((0, 0), (0, 0), "Collapsed: one point for everybody. The loss is the margin, and every gradient is 0."),
    )  # fmt: skip
    frames, scale, x0, y0 = [], 155, 215, 215
    for p, n, sentence in cases:
        near, far, hinge, (da, dp, dn) = triplet_numbers((0, 0), p, n, margin)
        parts = [
            '<defs><marker id="tri" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="var(--bh-gradient)"/></marker></defs>'
        ]
        for radius, dash in ((np.sqrt(near), ""), (np.sqrt(near + margin), "5 4")):
            parts.append(
                f'<circle cx="{x0}" cy="{y0}" r="{scale * radius:.1f}" fill="none" stroke="var(--bh-muted)" stroke-width="1.4" stroke-dasharray="{dash}"/>'
            )
        points = {"a": ((0, 0), da, "input"), "p": (p, dp, "hidden"), "n": (n, dn, "loss")}
        for (x, y), d, _ in points.values():
            if np.abs(d).max() > 0.02:
                x1, y1 = x0 + scale * x, y0 - scale * y
                parts.append(
                    f'<path d="M{x1:.1f} {y1:.1f}L{x1 - 0.3 * scale * d[0]:.1f} {y1 + 0.3 * scale * d[1]:.1f}" '
                    'stroke="var(--bh-gradient)" stroke-width="2.4" marker-end="url(#tri)"/>'
                )
        for k, (name, ((x, y), _, role)) in enumerate(points.items()):
            parts.append(f'<circle cx="{x0 + scale * x:.1f}" cy="{y0 - scale * y:.1f}" r="6" fill="var(--bh-{role})"/>')
            parts.append(svg.words(x0 + scale * x + (0, 16, -16)[k], y0 - scale * y + (18, 14, -14)[k], name, "t", role))
        rows = (
            ("d²(a, p)", _n(near)),
            ("d²(a, n)", _n(far)),
            ("hinge", _n(max(hinge, 0))),
            ("at a", _pair(da)),
            ("at p", _pair(dp)),
            ("at n", _pair(dn)),
        )
        for k, (label, text) in enumerate(rows):
            parts.append(svg.words(530, 80 + 36 * k, label, "t e"))
            parts.append(_cell(600, 66 + 36 * k, 130, 28, text, "gradient" if k > 2 else "loss" if k == 2 else "input"))
        says = (
            "An anchor a at the origin with two circles around it, the inner one through the positive p. "
            + f"p at {_pair(p)}, n at {_pair(n)}. "
        )
        says += "; ".join(f"{label}: {text}" for label, text in rows) + "."
        equation = rf"J = \max(0,\; {_l(near)} - {_l(far)} + {_l(margin)}) = {_l(max(hinge, 0))}"
        frames.append(Frame(svg.picture(parts, 750, 430, says), equation, sentence))
    return Stepper(frames, "A triplet in the plane: who is pulled, who is pushed")


# An embedding while it learns


def embedding_stepper(found):
    """Six people of the test set in the first two principal axes, at moments of training, for three ways of choosing a negative.

    found  what `benchmarks/few_labels.py` has measured on faces
    """
    names = ("random", "batch-hard", "semi-hard")
    frames = []
    for step in found["watched"]["semi-hard"]:
        parts, says = [], []
        for column, name in enumerate(names):
            points = np.array(found["watched"][name][step])
            loss = found["mining"][name]["curve"][0][max(min(int(step) // 10, 60) - 1, 0)]
            left = 10 + 240 * column
            parts.append(f'<rect x="{left}" y="34" width="220" height="220" rx="4" class="f"/>')
            parts += [svg.words(left + 110, 16, name), svg.words(left + 110, 270, f"loss {loss:.2f}, mean of ten steps", "v")]
            x, y = left + 110 + 88 * points[:, 0], 144 - 88 * points[:, 1]
            for person in range(6):
                mine = slice(11 * person, 11 * person + 11)
                path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x[mine], y[mine], strict=True))
                parts.append(
                    f'<path d="{path}" stroke="var(--bh-{ROLES[person]})" stroke-width="6" stroke-linecap="round"/>'
                )
            wide = float(np.sqrt((points**2).sum(axis=1)).mean())
            says.append(f"{name}: the dots lie {wide:.2f} from the middle on average, loss {loss:.2f}")
        sentences = {
            "0": "Before training. Nobody is together with his or her own pictures.",
            "20": "After 20 steps. With the hardest positives and negatives all dots have drawn together in the middle, and the loss comes near the margin, 0.3.",
            "600": "At the end. Random and semi-hard negatives have made clusters. Batch-hard is where it was after 50 steps.",
        }
        sentence = sentences.get(step, f"After {step} steps.")
        frames.append(
            Frame(
                svg.picture(
                    parts,
                    730,
                    284,
                    f"Three panels with dots in six colours, after {step} steps. " + ". ".join(says) + ".",
                ),
                "",
                sentence,
            )
        )
    return Stepper(frames, "Six people whom the net does not learn from, while it learns")


# InfoNCE


def _softmax(S, axis):
    e = np.exp(S - S.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def info_nce_stepper(A, B):
    """Two pictures and two texts of unit length, scale 1: scores, both softmaxes, the gradient, and the way to one picture."""
    S = A @ B.T
    rows, columns = _softmax(S, 1), _softmax(S, 0)
    J_rows, J_columns = (-np.log(np.diag(p)).mean() for p in (rows, columns))
    dS = (rows + columns - 2 * np.eye(2)) / 4
    dU = dS @ B
    along = (dU * A).sum(axis=1, keepdims=True)
    dA = dU - along * A
    frames, blocks = [], []

    def frame(equation, sentence, *new):
        blocks.extend(new)
        parts, said = [], []
        for k, (title, matrix, role, place) in enumerate(blocks):
            left, top = 12 + 246 * (place % 3), 30 + 122 * (place // 3)
            parts.append(svg.words(left + 110, top - 12, title))
            lit = k >= len(blocks) - len(new)
            for i in range(2):
                for j in range(2):
                    parts.append(_cell(left + 112 * j, top + 42 * i, 106, 34, _n(matrix[i, j]), role, lit))
            said.append(f"{title}: {'; '.join(_pair(row) for row in matrix)}")
        frames.append(Frame(svg.picture(parts, 750, 380, ". ".join(said) + "."), equation, sentence))

    frame(
        rf"\boldsymbol a_1 = (1, 0), \quad \boldsymbol a_2 = (0, 1), \quad \boldsymbol b_1 = ({_l(B[0, 0])}, {_l(B[0, 1])}), \quad \boldsymbol b_2 = ({_l(B[1, 0])}, {_l(B[1, 1])})",
        "Two pictures, in the rows of $\\boldsymbol A$, and their two captions. All have length 1 already. The second pair does not fit: its vectors point away from each other.",
        ("pictures A", A, "input", 0), ("captions B", B, "input", 1),
    )  # fmt: skip
    frame(
        r"\boldsymbol{S} = s\, \boldsymbol{A} \boldsymbol{B}^\top, \qquad s = 1",
        "The scores. Row $i$ is picture $i$, column $j$ is caption $j$, and the pairs stand on the diagonal.",
        ("scores S", S, "hidden", 2),
    )
    frame(
        rf"J_{{\text{{rows}}}} = -\tfrac12 (\log {_l(rows[0, 0])} + \log {_l(rows[1, 1])}) = {_l(J_rows)}",
        "Each picture chooses among the captions: a softmax along each row. The second picture gives its own caption a fifth of the probability.",
        ("softmax of the rows", rows, "output", 3),
    )  # fmt: skip
    frame(
        [rf"J_{{\text{{columns}}}} &= {_l(J_columns)}", rf"J &= \tfrac12 (J_{{\text{{rows}}}} + J_{{\text{{columns}}}}) = {_l((J_rows + J_columns) / 2)}"],
        "Each caption chooses among the pictures: a softmax down each column. These scores happen to be symmetric, so it is the transpose of the other one.",
        ("softmax of the columns", columns, "output", 4),
    )  # fmt: skip
    frame(
        r"\grad{\frac{\partial J}{\partial \boldsymbol S}} = \frac{1}{2N} \big( \boldsymbol P_{\text{rows}} + \boldsymbol P_{\text{columns}} - 2 \boldsymbol I \big)",
        "Back. Each softmax hands on prediction minus truth, and the truth is the diagonal. All four add up to 0. The pair that does not fit has the larger entries.",
        ("dS", dS, "gradient", 5),
    )  # fmt: skip
    frame(
        rf"\grad{{\frac{{\partial J}}{{\partial \log s}}}} = \sum_{{i,j}} \grad{{\tfrac{{\partial J}}{{\partial S_{{ij}}}}}} S_{{ij}} = \grad{{{_l((dS * S).sum())}}}",
        "How the scale would like to move. The number is positive: what a sharper softmax would lose on the wrong pair is more than it would gain on the right one, so a step of training lowers the scale.",
    )
    frame(
        rf"\grad{{\tfrac{{\partial J}}{{\partial \boldsymbol u^a_1}}}} = ({_l(dS[0, 0])})\, \boldsymbol b_1 + ({_l(dS[0, 1])})\, \boldsymbol b_2 = \grad{{({_l(dU[0, 0])},\; {_l(dU[0, 1])})}}",
        "What arrives at picture 1: the captions, weighted with its row of dS. Training goes against it: towards caption 1, away from caption 2.",
        ("dU of the pictures", dU, "gradient", 6),
    )  # fmt: skip
    frame(
        rf"\grad{{\tfrac{{\partial J}}{{\partial \boldsymbol a_1}}}} = ({_l(dU[0, 0])} - {_l(along[0, 0])},\; {_l(dU[0, 1])}) = \grad{{({_l(dA[0, 0])},\; {_l(dA[0, 1])})}}",
        "Through the unit length. The part along $\\boldsymbol a_1 = (1, 0)$ is cut off: to make the vector longer would change no score. What is left turns it around the circle.",
        ("dA", dA, "gradient", 7),
    )  # fmt: skip
    return Stepper(frames, "InfoNCE for two pairs, forward and back")


COSINES = np.array([[0.8, 0.6, 0.1, -0.4], [0.3, 0.7, 0.5, 0.0], [-0.2, 0.4, 0.9, 0.7], [0.0, -0.5, 0.6, 0.5]])


def temperature_stepper(cosines=COSINES):
    """The same four by four cosines at several scales: the softmax of the rows, and the gradient at the cosines, divided by s."""
    frames, N = [], len(cosines)
    sentences = {
        1: "Scale 1. The softmax hardly tells the captions apart, and every wrong one gets some push.",
        3: "Scale 3. The likelier captions get more.",
        10: "Scale 10. In each row one or two wrong captions are left that get any push.",
        30: "Scale 30. Rows 1 to 3 are sure and right, and get almost nothing. Row 4, which is wrong, gets nearly all of it, and only its nearest wrong caption is pushed.",
        100: "Scale 100, where CLIP stops. One row and one wrong caption have all of the gradient that flows: the loss looks at the hardest negative alone.",
    }
    for s, sentence in sentences.items():
        P = _softmax(s * cosines, 1)
        d = (P - np.eye(N)) / N
        parts, said = [], []
        for left, title, matrix, role in (
            (10, "cosines", cosines, "hidden"),
            (270, "softmax of the rows", P, "output"),
            (530, "gradient at the scores", d, "gradient"),
        ):
            parts.append(svg.words(left + 116, 16, title))
            for i in range(N):
                for j in range(N):
                    x, y = left + 58 * j, 34 + 38 * i
                    strong = min(1.0, abs(matrix[i, j]) * (1 if role != "gradient" else 4))
                    parts.append(
                        f'<rect x="{x}" y="{y}" width="54" height="34" rx="4" fill="var(--bh-{role})" fill-opacity="{0.45 * strong:.2f}" stroke="var(--bh-{role})" stroke-width="{2.4 if i == j else 1}"/>'
                    )
                    parts.append(svg.words(x + 27, y + 17, _n(matrix[i, j], 2), "v"))
            said.append(f"{title}: " + "; ".join("(" + ", ".join(_n(v, 2) for v in row) + ")" for row in matrix))
        frames.append(
            Frame(
                svg.picture(parts, 770, 196, f"Scale {s}. " + ". ".join(said) + "."),
                rf"s = {s}, \qquad \tau = 1/s = {1 / s:.2g}",
                sentence,
            )
        )
    return Stepper(frames, "The same cosines at five scales")


# One new row


def new_row_stepper(rate=0.5):
    """A step of textual inversion on a table of five words with two numbers each, for the prompt "a red <new>"."""
    words = ["a", "red", "blue", "square", "<new>"]
    E = np.array([[0.2, -0.1], [0.9, 0.3], [-0.7, 0.4], [0.1, 0.8], [0.1, 0.8]])
    prompt, dmean = [0, 1, 4], np.array([0.6, -0.3])
    dE = np.zeros_like(E)
    dE[prompt] = dmean / 3
    after = E.copy()
    after[4] -= rate * dE[4]
    frames = []

    def frame(equation, sentence, columns, lit=()):
        parts, said = [], []
        for column, (title, matrix, role) in enumerate(columns):
            left = 110 + 240 * column
            parts.append(svg.words(left + 106, 16, title))
            for i, row in enumerate(matrix):
                for j in range(2):
                    parts.append(_cell(left + 108 * j, 32 + 38 * i, 100, 32, _n(row[j]), role, (title, i) in lit))
            said.append(f"{title}: " + "; ".join(f"{w} {_pair(row)}" for w, row in zip(words, matrix, strict=True)))
        parts += [svg.words(8, 48 + 38 * i, word, "t e", "loss" if i == 4 else None) for i, word in enumerate(words)]
        frames.append(
            Frame(svg.picture(parts, 820, 226, "A table of five words. " + ". ".join(said) + "."), equation, sentence)
        )

    table = ("table E", E, "parameter")
    frame(
        r"\bar{\boldsymbol e} = \tfrac13 (\boldsymbol E_{\text{a}} + \boldsymbol E_{\text{red}} + \boldsymbol E_{\text{new}})",
        "Five words, two numbers each. The new word begins as a copy of the row of a known shape. The prompt \"a red <new>\" reads three rows.",
        [table], [("table E", k) for k in prompt],
    )  # fmt: skip
    gradient = ("gradient", dE, "gradient")
    frame(
        r"\grad{\tfrac{\partial J}{\partial \bar{\boldsymbol e}}} = (0.6, -0.3), \qquad \text{each of the three rows: } \tfrac13 \text{ of it}",
        "Say that the frozen encoder sends this back. The mean hands each of the three rows a third. The gradients of the rows of a and red are not 0: to move them would make the loss smaller as well.",
        [table, gradient], [("gradient", k) for k in prompt],
    )  # fmt: skip
    moved = ("table after the step", after, "parameter")
    frame(
        rf"\boldsymbol E_{{\text{{new}}}} \leftarrow \boldsymbol E_{{\text{{new}}}} - {rate} \cdot \grad{{(0.2, -0.1)}}",
        "Only the last row moves. The others are as they were, to the last digit: whoever does not use the new word notices nothing.",
        [table, gradient, moved], [("gradient", 4), ("table after the step", 4)],
    )  # fmt: skip
    return Stepper(frames, "One new row: a step of textual inversion")


# The door


def door_choices(door):
    """A hundred known people and a hundred strangers at the door, for three galleries and several thresholds; means of three seeds."""
    curves = np.mean([run["curves"] for run in door], axis=0)
    thresholds = [f"{t:.1f}" for t in (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2)]
    frames = {}
    for column, people in enumerate(("1", "10", "19"), 1):
        for text in thresholds:
            row = curves[np.abs(curves[:, 0] - float(text)).argmin()]
            refused, let_in = round(100 * row[4]), round(100 * row[column])
            parts = []
            for left, title, bad, says in (
                (20, "100 known people", refused, f"{refused} not recognised"),
                (390, "100 strangers", let_in, f"{let_in} let in"),
            ):
                parts.append(svg.words(left + 155, 16, title))
                spots = [f"M{left + 20 + 30 * (k % 10)} {48 + 22 * (k // 10)}h0" for k in range(100)]
                for dots, role, width in ((spots[:bad], "loss", 14), (spots[bad:], "muted", 7)):
                    parts.append(f'<path d="{"".join(dots)}" stroke="var(--bh-{role})" stroke-width="{width}" stroke-linecap="round"/>')
                parts.append(svg.words(left + 155, 274, says, "t", "loss"))
            describe = f"Two squares of a hundred dots each. Of the known people {refused} are not recognised; of the strangers {let_in} are let in. These dots are large and red."
            sentence = f"Threshold {text}, {people} in the gallery. Large dots are mistakes: {refused} known people of 100 are too far from their own picture, and {let_in} strangers of 100 are let in."
            frames[people, text] = Frame(svg.picture(parts, 740, 292, describe), "", sentence)
    return Choices(
        "Who is let in?", {"people in the gallery": ("1", "10", "19"), "threshold": thresholds}, frames, still=[("10", "0.7"), ("10", "0.2")]
    )


# Plots


def prompt_choices(retrieval, pool):
    """The six pictures of the pool that lie nearest to a prompt: choose a colour and a word."""
    frames, any_colour = {}, "no colour"
    for prompt, found in retrieval.items():
        _, *colour, word = prompt.split()
        names = [f"{COLOURS[pool.colour[k, 0]]} {SHAPES[pool.shape[k, 0]]}" for k in found["at"]]
        parts = []
        for place, (k, name, cosine) in enumerate(zip(found["at"], names, found["cosine"], strict=True)):
            x = 20 + 108 * place
            parts += [svg.pixels(x, 8, 96, 96, np.rint(255 * pool.images[k])), svg.words(x + 48, 122, name), svg.words(x + 48, 140, f"{cosine:.2f}")]
        says = f"The prompt {prompt!r}. The six nearest pictures: {', '.join(names)}."
        frames[" ".join(colour) or any_colour, word] = Frame(svg.picture(parts, 670, 150, says), "", f"{says} Below each stands its cosine.")
    colours, words = (list(dict.fromkeys(choice[k] for choice in frames)) for k in (0, 1))
    return Choices(
        "Ask for a picture", {"colour": colours, "word": words}, frames, still=[("red", "circle"), ("red", "<new>"), ("blue", "<new>")]
    )


def rows_of_images(images, rows, columns, cmap=None, titles=()):
    """Small images in a grid, with a title for each row where there are titles."""
    fig, axes = plt.subplots(rows, columns, figsize=(0.8 * columns + 1.6 * bool(titles), 0.8 * rows), squeeze=False)
    for ax, image in zip(axes.flat, images, strict=True):
        ax.imshow(image, cmap=cmap, vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax, title in zip(axes[:, 0], titles, strict=False):
        ax.set_ylabel(title, rotation=0, ha="right", va="center")
    return fig


SHOWN = {
    "nearest neighbour on pixels": ("muted", "x:"), "supervised": ("input", "s-"), "supervised, augmented": ("hidden", "o-"),
    "contrastive, then a probe": ("parameter", "v--"), "joint": ("output", "^-"), "pseudo-labels": ("gradient", "D-"),
    "label spreading, a graph": ("loss", "P-"),
}  # fmt: skip


def plot_labels(accuracy):
    """Accuracy over the number of labels, mean and range of three seeds."""
    fig, ax = plt.subplots(figsize=(7.8, 4))
    for k, (name, (role, style)) in enumerate(SHOWN.items()):
        counts = [int(count) for count in accuracy[name]]
        values, beside = np.array(list(accuracy[name].values())), np.array(counts) * 1.025 ** (k - 3)
        ax.plot(beside, values.mean(axis=1), style, color=PALETTE[role][0], label=name, ms=5)
        ax.vlines(beside, values.min(axis=1), values.max(axis=1), color=PALETTE[role][0], lw=1)
    ax.set_xscale("log")
    ax.set_xticks(counts, counts)
    ax.minorticks_off()
    ax.set(xlabel="labelled images", ylabel="accuracy on 500 test images")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return fig


def plot_door(door):
    """Over the threshold: known people not recognised, and strangers let in where 1, 10 or 20 people are in the gallery; means of three seeds."""
    curves = np.mean([run["curves"] for run in door], axis=0)
    threshold = np.mean([run["threshold"] for run in door])
    fig, ax = plt.subplots(figsize=(7.2, 3.8))
    ax.plot(curves[:, 0], curves[:, 4], color=PALETTE["ink"][0], label="known people not recognised")
    for k, (count, role, style) in enumerate(((1, "input", "-"), (10, "output", "--"), (19, "loss", "-.")), 1):
        ax.plot(
            curves[:, 0], curves[:, k], style, color=PALETTE[role][0], label=f"strangers let in, {count} in the gallery"
        )
    ax.axvline(threshold, color=PALETTE["muted"][0], lw=1)
    ax.text(threshold + 0.02, 0.42, "equal error rate of pairs", fontsize=9, color=PALETTE["muted"][0])
    ax.set(xlabel="threshold for the squared distance", ylabel="share", ylim=(0, 1))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return fig
