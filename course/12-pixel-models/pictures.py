"""The drawings of lesson 12: the masks, a masked convolution forward and back, what a pixel sees, and halves being completed."""


import matplotlib.pyplot as plt
import numpy as np

from byhand import svg
from byhand.drawing import Drawing
from byhand.live import live_figure
from byhand.numerals import numeral
from byhand.stepper import Frame, Stepper

# Grids of cells ----------------------------------------------------------------------------------


def _n(number, form=".2f"):
    """A number as a factor in LaTeX: in brackets where it is negative."""
    return f"({number:{form}})" if number < 0 else f"{number:{form}}"


def _squares(cells, x, y, side, inset=0.0):
    """One SVG path with a square for each (row, column) in `cells`."""
    s = side - 2 * inset
    return "".join(f"M{x + c * side + inset:g} {y + r * side + inset:g}h{s:g}v{s:g}h{-s:g}z" for r, c in cells)


def _fill(cells, x, y, side, role, opacity=1.0, inset=0.5):
    path = _squares(cells, x, y, side, inset)
    return f'<path d="{path}" fill="var(--bh-{role})" opacity="{opacity:g}"/>' if path else ""


def _frame(x, y, side, H, W, role="muted", width=1.0):
    size = f'x="{x:g}" y="{y:g}" width="{W * side:g}" height="{H * side:g}"'
    return f'<rect {size} fill="none" stroke="var(--bh-{role})" stroke-width="{width:g}"/>'


def _grid_lines(x, y, side, H, W):
    down = "".join(f"M{x + c * side:g} {y:g}v{H * side:g}" for c in range(W + 1))
    across = "".join(f"M{x:g} {y + r * side:g}h{W * side:g}" for r in range(H + 1))
    return f'<path d="{down}{across}" fill="none" stroke="var(--bh-muted)" stroke-width=".6" opacity=".6"/>'


def mask(k, kind):
    """1 where a kernel of k by k taps may look."""
    m = np.zeros((k, k))
    m[: k // 2] = 1
    m[k // 2, : k // 2 + (kind == "B")] = 1
    return m


def masks(k=5):
    """Both masks of a k by k kernel, side by side."""
    d = Drawing(560, 40 + 44 * k)
    for left, kind in ((60, "A"), (340, "B")):
        d.text(kind, left + 20 * (k - 1), 14, f"mask\u00a0{kind}")
        for u in range(k):
            for v in range(k):
                seen = mask(k, kind)[u, v]
                role = "output" if u == v == k // 2 else "parameter" if seen else "muted"
                d.node(f"{kind}{u}{v}", left + 40 * v, 50 + 40 * u, f"{seen:.0f}", role, shape="box", size=(36, 36))
    shown = [name for name in d.nodes if d.nodes[name].label == "1"]
    return d.svg(
        active=shown, dim=[name for name in d.nodes if d.nodes[name].label == "0" and d.nodes[name].role == "muted"],
        describe=f"Two masks of {k} by {k} taps. In both, the {k // 2} rows above the centre are 1, and so are the taps to the left of the "
        "centre in its row; all taps to its right and below are 0. The centre is 0 in mask A and 1 in mask B.",
    )  # fmt: skip


# A masked convolution, forward and back ----------------------------------------------------------


def _convolution(x, w, known):
    """Two rows of grids: image, kernel and logits; below them the gradients of the three. `known` holds their numbers."""
    d = Drawing(720, 390)
    for i in range(-1, 4):
        for j in range(-1, 4):
            inside = 0 <= i < 3 and 0 <= j < 3
            d.node(
                f"x{i},{j}", 62 + 40 * j, 84 + 36 * i, f"{x[i][j]}" if inside else "0", "input" if inside else "muted",
                shape="box", size=(38, 34),
            )  # fmt: skip
    for u in range(3):
        for v in range(3):
            label = numeral(w[u, v], "g") if (u, v) in w else "×"
            d.node(
                f"w{u},{v}",
                296 + 58 * v,
                84 + 36 * u,
                label,
                "parameter" if (u, v) in w else "muted",
                shape="box",
                size=(56, 34),
            )
            d.node(
                f"a{u},{v}", 546 + 62 * v, 84 + 36 * u, known.get(f"a{u},{v}", ""), "output", shape="box", size=(60, 34)
            )
            d.node(
                f"dx{u},{v}",
                44 + 60 * v,
                276 + 36 * u,
                known.get(f"dx{u},{v}", ""),
                "gradient",
                shape="box",
                size=(58, 34),
            )
            d.node(
                f"dw{u},{v}",
                296 + 58 * v,
                276 + 36 * u,
                known.get(f"dw{u},{v}", ""),
                "gradient",
                shape="box",
                size=(56, 34),
            )
            d.node(
                f"da{u},{v}",
                546 + 62 * v,
                276 + 36 * u,
                known.get(f"da{u},{v}", ""),
                "gradient",
                shape="box",
                size=(60, 34),
            )
    for name, at, y, text in (
        ("tx", 102, 14, "image x, zeros around it"), ("tw", 354, 50, "kernel, mask\u00a0A"), ("ta", 608, 50, "logits a"),
        ("tdx", 104, 244, "dJ/dx, by way of a"), ("tdw", 354, 244, "dJ/dw"), ("tda", 608, 244, "dJ/da"),
    ):  # fmt: skip
        d.text(name, at, y, text)
    return d


def convolution_stepper(run):
    """A masked convolution over a 3 by 3 image, forward and back, number by number.

    run  a dict of the worked example: x (lists), w (a dict from (u, v) to a weight, the taps that mask A leaves), b, and
         lists of lists a, p, da, dx; dw (a dict as w), db, J.
    """
    x, w, a, da, dx = (run[name] for name in ("x", "w", "a", "da", "dx"))
    places, frames, known = [(i, j) for i in range(3) for j in range(3)], [], {}

    def pixel(i, j):
        return x[i][j] if 0 <= i < 3 and 0 <= j < 3 else 0

    def frame(equation, sentence, active=()):
        d = _convolution(x, w, known)
        waiting = [n for n in d.nodes if n[0] in "ad" and n not in known]
        frames.append(Frame(d.svg(active=active, dim=waiting, describe=_about(d, known)), equation, sentence))

    frame(
        rf"b = {run['b']:g}",
        "The image has 3 by 3 pixels. Outside it everything is 0. The kernel has nine taps, of which mask A leaves four: three in the row above the centre, one to its left. Step forward "
        "and watch the kernel go over the image.",
        active=[f"w{u},{v}" for u, v in w],
    )
    for i, j in places:
        known[f"a{i},{j}"] = numeral(a[i][j], ".2f")
        under = [f"x{i + u - 1},{j + v - 1}" for u, v in w]
        terms = " + ".join(rf"\par{{{_n(w[u, v], 'g')}}}\cdot \inp{{{pixel(i + u - 1, j + v - 1)}}}" for u, v in w)
        frame(
            [rf"\out{{a_{{{i},{j}}}}} = {run['b']:g} + {terms} = \out{{{a[i][j]:.2f}}}"],
            _forward_words(i, j, p=run["p"][i][j], value=x[i][j]),
            active=[*under, *(f"w{u},{v}" for u, v in w), f"a{i},{j}"],
        )
    frame(
        rf"\loss{{J}} = \sum_{{i,j}} \Big( \log\big(1 + e^{{a_{{i,j}}}}\big) - x_{{i,j}}\, a_{{i,j}} \Big) = \loss{{{run['J']:.3f}}}",
        "All nine logits at once, because in training the whole image is known. The loss is minus the logarithm of the image's "
        "probability. Now the way back, in purple.",
        active=[f"a{i},{j}" for i, j in places],
    )
    for i, j in places:
        known[f"da{i},{j}"] = numeral(da[i][j], "+.2f")
    frame(
        r"\grad{\frac{\partial J}{\partial a_{i,j}}} = \sigma(a_{i,j}) - x_{i,j}",
        "At every logit the gradient is prediction minus truth. Where the pixel is 1 it is negative: the logit should grow.",
        active=[f"da{i},{j}" for i, j in places],
    )
    for u, v in w:
        known[f"dw{u},{v}"] = numeral(run["dw"][u, v], "+.2f")
        met = [(i, j) for i, j in places if pixel(i + u - 1, j + v - 1)]
        sum_of = " + ".join(_n(da[i][j]) for i, j in met)
        frame(
            [
                rf"\grad{{\frac{{\partial J}}{{\partial w_{{{u},{v}}}}}}} &= \sum_{{i,j}} "
                rf"\grad{{\frac{{\partial J}}{{\partial a_{{i,j}}}}}}\, \inp{{x_{{i{_shift(u)},j{_shift(v)}}}}}",
                rf"&= {sum_of} = \grad{{{run['dw'][u, v]:.2f}}}",
            ],
            f"The tap {'above left' if (u, v) == (0, 0) else 'above' if (u, v) == (0, 1) else 'above right' if (u, v) == (0, 2) else 'to the left'} was "
            "used at all nine places. Its gradient is the sum over them; where it met a 0, nothing is added.",
            active=[
                *(f"x{i + u - 1},{j + v - 1}" for i, j in met),
                f"w{u},{v}",
                f"dw{u},{v}",
                *(f"da{i},{j}" for i, j in met),
            ],
        )
    for u, v in places:
        if (u, v) not in w:
            known[f"dw{u},{v}"] = "0"
    frame(
        rf"\grad{{\frac{{\partial J}}{{\partial w_{{u,v}}}}}} = 0 \ \text{{ where }} m_{{u,v}} = 0, \qquad "
        rf"\grad{{\frac{{\partial J}}{{\partial b}}}} = \sum_{{i,j}} \grad{{\frac{{\partial J}}{{\partial a_{{i,j}}}}}} = \grad{{{run['db']:.2f}}}",
        "The five taps under the zeros of the mask had no effect, so they get no gradient. The bias was used once at each place.",
        active=[f"dw{u},{v}" for u, v in places if (u, v) not in w],
    )
    for i, j in ((1, 1), (0, 0)):
        known[f"dx{i},{j}"] = numeral(dx[i][j], "+.2f")
        routes = [(u, v, i - u + 1, j - v + 1) for u, v in w if 0 <= i - u + 1 < 3 and 0 <= j - v + 1 < 3]
        terms = [rf"\par{{{_n(w[u, v], 'g')}}}\cdot \grad{{{_n(da[y][z])}}}" for u, v, y, z in routes]
        names = [rf"\par{{w_{{{u},{v}}}}}\,\grad{{\delta a_{{{y},{z}}}}}" for u, v, y, z in routes]
        frame(
            [
                rf"\grad{{\delta x_{{{i},{j}}}}} &= {' + '.join(names)}",
                rf"&= {' + '.join(terms)}",
                rf"&= \grad{{{dx[i][j]:.2f}}}",
            ],
            f"Back to pixel ({i}, {j}), writing $\\delta$ for the gradient of J. It lay under the taps that are lit, each time for another logit: under the tap above left for the logit below right, and "
            "so on. As seen from the pixel, the kernel is turned by 180 degrees.",
            active=[*(f"w{u},{v}" for u, v, _, _ in routes), f"dx{i},{j}", *(f"da{y},{z}" for _, _, y, z in routes)],
        )
    for i, j in places:
        known[f"dx{i},{j}"] = numeral(dx[i][j], "+.2f")
    frame(
        r"\grad{\frac{\partial J}{\partial x_{i,j}}} = \sum_{u,v} \par{w_{u,v}}\, \grad{\frac{\partial J}{\partial a_{i-u+1,\,j-v+1}}}",
        "All of it. The last pixel gets 0: no logit looks at it, since none comes after it. In a deeper layer x is not the image but the layer below, and "
        "this is what flows on.",
        active=[f"dx{i},{j}" for i, j in places],
    )
    return Stepper(frames, "A masked convolution, forward and back")


def _shift(u):
    return {0: "-1", 1: "", 2: "+1"}[u]


def _forward_words(i, j, p, value):
    where = f"Row {i}, column {j}. "
    if (i, j) == (0, 0):
        return (
            where
            + f"Everything under the four taps lies outside the image, so the bias alone speaks: the probability of a 1 is {p:.2f}. The pixel itself is not looked at."
        )
    says = f"The model gives a 1 the probability {p:.2f}; the pixel is {value}."
    return (
        where
        + says
        + (" The kernel looks at the row above and to the left, never at the pixel itself." if (i, j) == (0, 1) else "")
    )


def _about(d, known):
    def row(kind, i):
        return ", ".join(known.get(f"{kind}{i},{j}", "not yet known") for j in range(3))

    pixels = "; ".join(" ".join(d.nodes[f"x{i},{j}"].label for j in range(3)) for i in range(3))
    parts = [f"Image, row by row: {pixels}."]
    names = {
        "a": "Logits",
        "da": "Gradient at the logits",
        "dw": "Gradient at the kernel",
        "dx": "Gradient at the image",
    }
    for kind, name in names.items():
        if any(k.startswith(kind) and k[len(kind)].isdigit() for k in known):
            parts.append(f"{name}: " + "; ".join(row(kind, i) for i in range(3)) + ".")
    return " ".join(parts)


# What a pixel sees -------------------------------------------------------------------------------


def spread(field, taps):
    """All places that the taps (row offset, column offset) reach from the places of a field."""
    H, W = field.shape
    out = np.zeros_like(field)
    for i, j in np.argwhere(field):
        for u, v in taps:
            if 0 <= i + u < H and 0 <= j + v < W:
                out[i + u, j + v] = True
    return out


def seen_by(kinds, k, H, W, i, j):
    """The receptive field of a stack of masked convolutions, walked back from the output at (i, j)."""
    field = np.zeros((H, W), dtype=bool)
    field[i, j] = True
    for kind in reversed(kinds):
        field = spread(field, np.argwhere(mask(k, kind)) - k // 2)
    return field


def two_stacks(layers, k, H, W, i, j):
    """A vertical stack over the rows above, without a mask within them, and a horizontal one that reads it."""
    r, field = k // 2, np.zeros((H, W), dtype=bool)
    rows = np.arange(H)[:, None]
    columns = np.arange(W)
    field |= (rows < i) & (rows >= i - 1 - layers * r) & (abs(columns - j) <= layers * r)
    field |= (rows == i) & (columns < j) & (columns >= j - layers * r)
    return field


def two_stacks_figure(layers=3, H=6, W=9, i=4, j=4):
    """What each of the two stacks sees: the vertical one at the pixel, one row above it, and the horizontal one."""
    side, gap, top = 22, 26, 34
    rows, columns = np.arange(H)[:, None], np.arange(W)
    near = (abs(columns - j) <= layers) & (rows >= i - layers)
    panels = (
        (f"v at ({i}, {j})", near & (rows <= i), (i, j)),
        (f"v at ({i - 1}, {j})", near & (rows <= i - 1) | (abs(columns - j) <= layers) & (rows == i - 1 - layers), (i - 1, j)),
        (f"h at ({i}, {j})", two_stacks(layers, 3, H, W, i, j), (i, j)),
    )
    parts = []
    for n, (title, field, at) in enumerate(panels):
        x = 12 + n * (W * side + gap)
        own = field & (rows == i) & (n == 2)
        parts += [
            _fill(np.argwhere(field & ~own), x, top, side, "input", 0.35), _fill(np.argwhere(own), x, top, side, "hidden", 0.45),
            _grid_lines(x, top, side, H, W), _frame(x, top, side, H, W), _frame(x + at[1] * side, top + at[0] * side, side, 1, 1, "output", 3),
            svg.words(x + W * side / 2, 16, title),
        ]  # fmt: skip
    describe = (
        f"Three grids of {H} by {W} pixels, for {layers} layers of kernels of 3. The vertical stack at ({i}, {j}) sees all rows up to its own, {layers} columns to "
        f"each side, and the pixel itself. One row above, at ({i - 1}, {j}), it sees the rows above the pixel. The horizontal stack sees those, and in its own row "
        f"{layers} pixels to the left; not itself, and no blind spot lies in between."
    )
    return svg.picture(parts, 3 * W * side + 2 * gap + 24, top + H * side + 12, describe)


def row_lstm_field(H, W, i, j):
    """A Row LSTM behind one 3 by 3 convolution with mask A: its state reads three states of the row above, its input two places."""
    field = np.zeros((H, W), dtype=bool)
    for m in range(i + 1):
        field[i - m, max(j - m - 1, 0) : j + m + 1] = True
    return spread(field, np.argwhere(mask(3, "A")) - 1)


def everything_before(H, W, i, j):
    rows, columns = np.arange(H)[:, None], np.arange(W)
    return (rows < i) | ((rows == i) & (columns < j))


def field_picture(field, i, j, title=""):
    """Which pixels the output at (i, j) sees (dots on blue), and which come before it unseen (question marks)."""
    H, W = field.shape
    side, top = 30, 34
    width, x = max(W * side + 20, 480), (max(W * side + 20, 480) - W * side) / 2
    before = everything_before(H, W, i, j)
    seen, blind, peeks = np.argwhere(field & before), np.argwhere(before & ~field), np.argwhere(field & ~before)
    parts = [
        _fill(seen, x, top, side, "input", 0.35), _fill(peeks, x, top, side, "loss", 0.8), _fill([(i, j)], x, top, side, "output", 0.9 if not field[i, j] else 0.25),
        _grid_lines(x, top, side, H, W), _frame(x, top, side, H, W),
    ]  # fmt: skip
    for cells, sign, fill in ((seen, "•", "input"), (blind, "?", "loss"), (peeks, "!", "paper")):
        parts += [svg.words(x + (c + 0.5) * side, top + (r + 0.5) * side, sign, "l", fill) for r, c in cells]
    if not field[i, j]:
        parts.append(svg.words(x + (j + 0.5) * side, top + (i + 0.5) * side, "@", "l", "paper"))
    parts.append(svg.words(width / 2, 14, title))
    key = [
        f"• seen: {len(seen)}",
        f"? before it, not seen: {len(blind)}",
        f"! must not be seen: {len(peeks)}" if len(peeks) else "@ the pixel itself",
    ]
    parts.append(svg.words(width / 2, top + H * side + 18, "\u2003".join(key)))
    describe = (
        f"{title}. A grid of {H} rows and {W} columns; the pixel is at row {i}, column {j}. Of the {before.sum()} pixels before it {len(seen)} are seen and "
        f"{len(blind)} are not"
        + (f": {_by_rows(blind)}." if len(blind) else ".")
        + (f" It sees {len(peeks)} pixels that it must not see." if len(peeks) else "")
    )
    return svg.picture(parts, width, top + H * side + 34, describe)


def _by_rows(cells):
    rows = {}
    for r, c in cells:
        rows.setdefault(r, []).append(c)
    return "; ".join(f"in row {r} columns {', '.join(map(str, cs))}" for r, cs in rows.items())


def field_stepper(H=9, W=13, i=7, j=6):
    """One layer after the other, larger kernels, and what cures the blind spot."""
    frames = []

    def frame(field, title, equation, sentence):
        frames.append(Frame(field_picture(field, i, j, title), equation, sentence))

    words = {
        1: "One layer with mask A sees its four neighbours that come before it. Everything else is unknown to it.",
        2: "A second layer, with mask B, looks at what the first has seen: one row further up, one column further out.",
        3: "Three layers. On the left the field grows into a block. On the right its edge runs along a diagonal.",
        5: "Five layers. The question marks on the right stay where they are.",
        8: "Eight layers reach every row. The triangle on the right is not reached, and no further layer will reach it: the blind spot.",
    }
    for n, sentence in words.items():
        kinds = "A" + "B" * (n - 1)
        title = f"{n} layer{'s' * (n > 1)}, kernel 3 × 3, mask{'s' * (n > 1)} {', '.join(kinds[:3])}{', …' * (n > 3)}"
        frame(
            seen_by(kinds, 3, H, W, i, j),
            title,
            r"\text{unseen for ever:}\quad j' - j > i - i' > 0" if n == 8 else "",
            sentence,
        )
    frame(
        seen_by("ABBBBBBB", 5, H, W, i, j), "8 layers, kernel 5 × 5", r"\text{unseen for ever:}\quad j' - j > 2\,(i - i') > 0",
        "A wider kernel goes further to the right with each row, and the blind spot becomes flatter. It does not go away.",
    )  # fmt: skip
    frame(
        seen_by("AAAA", 3, H, W, i, j), "4 layers, kernel 3 × 3, mask A in all of them", "",
        "Mask A in every layer: nothing leaks, but each layer must take a step and may not stay where it is. Near neighbours are lost, the one directly to the left among them.",
    )  # fmt: skip
    frame(
        seen_by("BBB", 3, H, W, i, j), "3 layers, kernel 3 × 3, mask B in all of them", "",
        "Mask B in the first layer as well: the pixel sees itself. One leak, and the model is worthless.",
    )  # fmt: skip
    frame(
        two_stacks(8, 3, H, W, i, j), "vertical and horizontal stack, 8 layers, kernel 3 × 3", "",
        "The cure. A vertical stack reads the rows above, with no mask to the right; a horizontal stack reads to the left and takes what the vertical stack has "
        "found one row above. With eight layers nothing in this image is blind.",
    )  # fmt: skip
    frame(
        row_lstm_field(H, W, i, j), "one Row LSTM behind one convolution with mask A, kernels of 3", "",
        "The Row LSTM: in one layer a triangle up to the first row. It has the same diagonal edge as the stack of convolutions, on both sides; further layers widen it to the left only.",
    )  # fmt: skip
    frame(
        everything_before(H, W, i, j), "Diagonal BiLSTM; also this unit's LSTM over rows", "",
        "The Diagonal BiLSTM sees every pixel before, in one layer. So does the model that you will write, because its state holds whole rows.",
    )  # fmt: skip
    return Stepper(frames, "What the logit of one pixel sees")


def field_player():
    """Layers, kernel, masks and the place of the output, with sliders."""
    import ipywidgets as widgets

    wide = {"description_width": "9em"}
    controls = {
        "layers": widgets.IntSlider(3, 1, 8, description="layers", style=wide),
        "k": widgets.Dropdown(options=[1, 3, 5, 7], value=3, description="kernel k", style=wide),
        "masks": widgets.Dropdown(
            options=["A then B", "all A", "all B"], value="A then B", description="masks", style=wide
        ),
        "row": widgets.IntSlider(7, 0, 8, description="row i", style=wide),
        "column": widgets.IntSlider(6, 0, 12, description="column j", style=wide),
    }

    def draw(layers, k, masks, row, column):
        first, later = {"A then B": "AB", "all A": "AA", "all B": "BB"}[masks]
        kinds = first + later * (layers - 1)
        return field_picture(
            seen_by(kinds, k, 9, 13, row, column), row, column, f"{layers} layers, kernel {k} × {k}, {masks}"
        )

    return live_figure(draw, controls)


# Images ------------------------------------------------------------------------------------------


def gallery(rows, given=None):
    """Rows of 8 by 8 images, a dict from label to images; `given` maps a label to how many upper rows were given."""
    count = len(next(iter(rows.values())))
    fig, axes = plt.subplots(len(rows), count, figsize=(0.66 * count + 1.5, 0.74 * len(rows)), squeeze=False)
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(line, images, strict=True):
            ax.imshow(np.asarray(image), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(visible=True, color="0.6")
            if upper := (given or {}).get(label):
                ax.axhspan(-0.5, upper - 0.5, color="#0571c4", alpha=0.22, lw=0)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
    return fig


def plot_likelihoods(table):
    """One mark for each seed, one line for each model but the independent pixels, which would be far off."""
    from byhand.palette import PALETTE

    shown = {name: found["test"] for name, found in table.items() if name != "independent pixels"}
    fig, ax = plt.subplots(figsize=(6.4, 0.36 * len(shown) + 0.9))
    for line, (name, test) in enumerate(shown.items()):
        own = name in ("PixelCNN", "LSTM over rows")
        ax.plot(
            test,
            [line] * len(test),
            "D" if own else "o",
            color=PALETTE["hidden" if own else "muted"][0],
            alpha=0.6,
            ms=7,
        )
    ax.set_yticks(range(len(shown)), list(shown))
    ax.invert_yaxis()
    ax.set_xlabel("test negative log-likelihood, nats per image")
    ax.grid(axis="x", alpha=0.3)
    return fig


def completion_stepper(image, p, u, influence, rows=4):
    """A half image completed pixel by pixel: on the left the image, on the right what the decision hung on.

    image      (8, 8)        the finished image, whose first `rows` rows were given
    p, u       (8, 8)        the probability of a 1 and the random number of each pixel
    influence  (8, 8, 8, 8)  [i, j]: by how much the probability of (i, j) changes when an earlier pixel is flipped
    """
    frames, side, top = [], 30, 32
    black = [(i, j) for i in range(8) for j in range(8) if image[i, j]]
    places = [(i, j) for i in range(rows, 8) for j in range(8)]
    for step in range(len(places) + 1):
        now = places[step - 1] if step else None
        done = set(places[:step])
        open_cells = [c for c in places if c not in done]
        parts = [
            _fill([c for c in black if c[0] < rows], 20, top, side, "input"),
            _fill([c for c in black if c in done], 20, top, side, "output"),
            f'<path d="{"".join(f"M{20 + c * side + 11} {top + r * side + 15}h8" for r, c in open_cells)}" stroke="var(--bh-muted)" stroke-width="1.5"/>',
            _frame(20, top, side, 8, 8), _frame(320, top, side, 8, 8), svg.words(140, 14, "the image so far"), svg.words(440, 14, "what this pixel hangs on"),
        ]  # fmt: skip
        if now:
            map_ = influence[now]
            # Five shades: as many as can be told apart. What is below 2 % of the strongest stays white.
            relative = map_ / max(map_.max(), 1e-9)
            shades = np.ceil(5 * relative * (relative > 0.02)).astype(int)
            parts += [_fill(np.argwhere(shades == s), 320, top, side, "input", 0.18 * s) for s in range(1, 6)]
            parts += [
                _frame(20 + now[1] * side, top + now[0] * side, side, 1, 1, "loss", 3),
                _frame(320 + now[1] * side, top + now[0] * side, side, 1, 1, "loss", 3),
            ]
            i, j = now
            y, z = np.unravel_index(map_.argmax(), map_.shape)
            relation, value = ("<", 1) if image[now] else (r"\ge", 0)
            equation = rf"u_{{{i},{j}}} = {u[now]:.3f} {relation} \out{{\sigma(a_{{{i},{j}}})}} = {p[now]:.3f} \ \Rightarrow\ x_{{{i},{j}}} = {value}"
            says = f"Row {i}, column {j}: {_chance(p[now], image[now])} "
            says += (
                "Hardly anything that came before could change that."
                if map_.max() < 0.05
                else (
                    f"It hangs most on pixel ({y}, {z}): flipped, it would change the probability by {map_.max():.2f}."
                )
            )
            if step == len(places):
                says += " The image is complete."
        else:
            equation = ""
            says = "The upper half is given, in blue. A dash is a pixel that nobody has drawn yet. Step forward: in the order of reading, each pixel is drawn from its probability given all before it."
        rows_now = " / ".join(
            "".join("?" if (i, j) in open_cells else "█" if image[i, j] else "·" for j in range(8)) for i in range(8)
        )
        about = f"An 8 by 8 image, row by row, question marks where nothing is drawn yet: {rows_now}."
        if now:
            about += f" Pixel ({now[0]}, {now[1]}) has been drawn. Beside it, in shades, how strongly its probability hangs on each earlier pixel."
        frames.append(Frame(svg.picture(parts, 580, top + 8 * side + 14, about), equation, says))
    return Stepper(frames, "A half image, completed pixel by pixel")


def _chance(p, value):
    chance, what = (p, "a 1") if value else (1 - p, "a 0")
    if chance < 0.25:
        return f"{what}, a surprise, for it had a probability of only {chance:.2f}."
    if chance > 0.95:
        return f"{what}, hardly a question, with a probability of {'more than 0.99' if chance > 0.99 else f'{chance:.2f}'}."
    return f"{what}, which had a probability of {chance:.2f}."
