"""The drawings of lesson 16: a row of attention there and back, routes to the loss, the block, the cache."""

import json
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from byhand import svg
from byhand.drawing import Drawing
from byhand.live import live_figure
from byhand.palette import PALETTE
from byhand.routes import Edge, RoutePicker, Routes
from byhand.stepper import Frame, Stepper

RESULTS = Path(__file__).with_name("results.json")


def results():
    """What `benchmarks/attention_tasks.py` has measured: numbers, curves and maps of trained nets."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


# Tables of numbers as SVG


def _cell(x, y, w, h, text, role, lit=False, faint=False):
    state = " a" * lit + " d" * faint
    return (
        f'<g class="r-{role}{state}"><rect class="n" x="{x}" y="{y}" width="{w}" height="{h}" rx="5"/>'
        f'<text class="v" x="{x + w / 2:g}" y="{y + h / 2:g}">{escape(text)}</text></g>'
    )


def _n(number):
    return f"{number:.4f}".rstrip("0").rstrip(".").replace("-", "−") if abs(number) > 5e-5 else "0"


def _v(vector):
    return "(" + ", ".join(_n(x) for x in vector) + ")"


def _m(number):
    return f"{number:.4f}".rstrip("0").rstrip(".") if abs(number) > 5e-5 else "0"


def _row(vector):
    return r"(" + r",\; ".join(_m(x) for x in vector) + ")"


# Stepper A: one row of attention, there and back


def row_stepper(Q, K, V, target, t=2):
    """Row `t` of the worked example; Q, K, V are (T, d), target (T, e)."""
    q, d = Q[t], Q.shape[1]
    s = K @ q
    scaled = s / np.sqrt(d)
    exps = np.exp(scaled)
    p = exps / exps.sum()
    y = p @ V
    dy = y - target[t]
    dp = V @ dy
    mean = p @ dp
    above = dp - mean
    ds = p * above
    dq = ds @ K / np.sqrt(d)
    dk, dv = np.outer(ds, q) / np.sqrt(d), np.outer(p, dy)
    rows = [  # label, three texts, role
        ("key k", [_v(k) for k in K], "input"), ("value v", [_v(v) for v in V], "input"),
        ("q · k", [_n(x) for x in s], "hidden"), ("score s = q · k / √2", [_n(x) for x in scaled], "hidden"),
        ("exp s", [_n(x) for x in exps], "hidden"), ("weight p", [_n(x) for x in p], "output"),
        ("share dv = p dy", [_v(x) for x in dv], "gradient"), ("dp = dy · v", [_n(x) for x in dp], "gradient"),
        ("dp − mean", [_n(x) for x in above], "gradient"), ("ds = p (dp − mean)", [_n(x) for x in ds], "gradient"),
        ("share dk = ds q / √2", [_v(x) for x in dk], "gradient"),
    ]  # fmt: skip

    def drawing(shown, lit, side):
        parts = [svg.words(184 + 69 + 146 * n, 16, f"word {n + 1}", "t") for n in range(len(K))]
        said = []
        for number, (label, texts, role) in enumerate(rows):
            if number not in shown:
                continue
            top = 30 + 33 * number
            parts.append(svg.words(8, top + 14, label, "t e"))
            parts += [_cell(184 + 146 * n, top, 138, 28, text, role, number in lit) for n, text in enumerate(texts)]
            said.append(f"{label}: {'; '.join(texts)}")
        for number, (label, text, role) in enumerate(side):
            parts.append(svg.words(638, 60 + 66 * number, label, "t e"))
            parts.append(_cell(636, 70 + 66 * number, 138, 28, text, role, number == len(side) - 1))
            said.append(f"{label}: {text}")
        return svg.picture(parts, 780, 400, f"Word {t + 1} asks. " + ". ".join(said) + ".")

    frames, shown, side = [], [], []

    def frame(equation, sentence, new=(), beside=None):
        shown.extend(new)
        if beside:
            side.append(beside)
        frames.append(Frame(drawing(shown, list(new), side), equation, sentence))

    frame(
        rf"q_3 = {_row(q)}, \quad k_1, k_2, k_3, \quad v_1, v_2, v_3",
        "Word 3 asks. Each of the three words shows a key, by which it is found, and a value, which is what it has to give. Word 3 itself is one of them.",
        [0, 1], ("query q of word 3", _v(q), "input"),
    )  # fmt: skip
    frame(
        r"q_3 \cdot k_s",
        "The query meets each key: a dot product, large where both point the same way. Words 2 and 3 fit equally well.",
        [2],
    )
    frame(
        r"s_s = \frac{q_3 \cdot k_s}{\sqrt d}, \qquad d = 2",
        "Divided by the square root of the number of entries, so that scores stay of the same size however long the vectors are.",
        [3],
    )
    frame(
        r"s \le 3: \text{ all may be seen}",
        "Now the mask. Word 3 may look at words 1, 2 and 3: here nothing is forbidden. Word 2 would have minus infinity in the last column, and word 1 in the last two.",
    )
    frame(
        rf"e^{{s_s}}, \qquad \text{{sum }} {_m(exps.sum())}",
        "Exponentials make them positive. A score of minus infinity would give exactly 0.",
        [4],
    )
    frame(
        rf"p_s = \frac{{e^{{s_s}}}}{{{_m(exps.sum())}}}",
        "Divided by their sum: three weights that add up to 1. This is where word 3 looks.",
        [5],
    )
    frame(
        rf"y_3 = \sum_s p_s v_s = \out{{{_row(y)}}}",
        "The values are mixed with these weights. That is all that word 3 learns of the others.",
        beside=("mix y", _v(y), "output"),
    )
    frame(
        rf"\grad{{dy_3}} = y_3 - \text{{target}} = {_row(y)} - {_row(target[t])} = \grad{{{_row(dy)}}}",
        "The loss is half the squared distance to a target, so this is what arrives at the mix. From here on everything goes back, in purple.",
        beside=("dy arrives", _v(dy), "gradient"),
    )
    frame(
        r"\grad{dv_s} = p_s\, \grad{dy_3}",
        "A value was read with its weight, so it gets its share of the gradient with the same weight. Other rows read it too; their shares are added.",
        [6],
    )
    frame(
        r"\grad{dp_s} = \grad{dy_3} \cdot v_s",
        "And the weights? How much would J grow if a little more of word s were mixed in? A dot product says it, one for each word.",
        [7],
    )
    frame(
        rf"\sum_r p_r\, \grad{{dp_r}} = {_m(mean)}",
        "But weights cannot all grow: what one gets, the others lose. So what counts is how far each lies above their mean, taken under the weights. "
        "A word is to get more weight if its value would move y in the right direction more than the average does.",
        [8], ("mean of dp under p", _n(mean), "gradient"),
    )  # fmt: skip
    frame(
        r"\grad{ds_s} = p_s \Big(\grad{dp_s} - \sum_r p_r\, \grad{dp_r}\Big)",
        f"Times the weight: a word at which nobody looks hardly moves. The three add up to 0. Word 1 lies below the mean, so descent raises its score; word 2 lies above it and will be "
        f"looked at less. Word 3 is almost exactly average ({_n(ds[2])}), so it is left alone.",
        [9],
    )
    frame(
        rf"\grad{{dq_3}} = \sum_s \grad{{ds_s}}\, \frac{{k_s}}{{\sqrt 2}} = \grad{{{_row(dq)}}}",
        "A score was a product of query and key. The query gets the keys, each as strongly as its score is to change.",
        beside=("dq", _v(dq), "gradient"),
    )
    frame(
        r"\grad{dk_s} = \grad{ds_s}\, \frac{q_3}{\sqrt 2}",
        "And each key gets the query. Again these are the shares of row 3; in the matrices all rows are added.",
        [10],
    )
    return Stepper(frames, "One row of attention, forward and back")


# Player B: from any entry, every route to the loss


def example_routes(X, Wq, Wk, Wv, target):
    """All routes from the entries of the worked example to J: three words, two entries, causal."""
    Q, K, V = X @ Wq.T, X @ Wk.T, X @ Wv.T
    T, root = len(X), np.sqrt(X.shape[1])
    S = np.where(np.tril(np.ones((T, T), bool)), Q @ K.T / root, -np.inf)
    P = np.exp(S - S.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    Y = P @ V
    dY = Y - target
    d, edges, symbols, values = Drawing(900, 520), {}, {}, {}
    sub = "₁₂₃"

    def node(name, x, y, label, role, symbol, value):
        d.node(name, x, y, label, role, size=46)
        symbols[name], values[name] = symbol, _n(round(float(value), 2))

    for t in range(T):
        top = 60 + 168 * t
        for i in range(2):
            node(
                f"x{t}{i}", 40, top + 56 * i, "x" + sub[t] + ("a", "b")[i], "input", rf"x_{{{t + 1}{'ab'[i]}}}", X[t, i]
            )
        for n, (letter, M) in enumerate((("q", Q), ("k", K), ("v", V))):
            for i in range(2):
                node(
                    f"{letter}{t}{i}", 190 + 60 * n, top - 22 + 56 * i + 22 * n, letter + sub[t] + ("a", "b")[i], "hidden",
                    rf"{letter}_{{{t + 1}{'ab'[i]}}}", M[t, i],
                )  # fmt: skip
        for s in range(t + 1):
            node(f"s{t}{s}", 460, top - 22 + 54 * s, "s" + sub[t] + sub[s], "hidden", rf"s_{{{t + 1}{s + 1}}}", S[t, s])
            node(f"p{t}{s}", 580, top - 22 + 54 * s, "p" + sub[t] + sub[s], "output", rf"p_{{{t + 1}{s + 1}}}", P[t, s])
        for i in range(2):
            node(
                f"y{t}{i}",
                720,
                top + 56 * i,
                "y" + sub[t] + ("a", "b")[i],
                "output",
                rf"y_{{{t + 1}{'ab'[i]}}}",
                Y[t, i],
            )
    node("J", 850, 250, "J", "loss", "J", 0.5 * (dY**2).sum())

    def edge(source, target, number, latex):
        d.arrow(source, target)
        edges[f"{source}->{target}"] = Edge(float(number), latex)

    for t in range(T):
        for letter, W in (("q", Wq), ("k", Wk), ("v", Wv)):
            for o in range(2):
                for i in range(2):
                    if W[o, i]:
                        edge(f"x{t}{i}", f"{letter}{t}{o}", W[o, i], rf"W_{letter}[{'ab'[o]}{'ab'[i]}]")
        for s in range(t + 1):
            for i in range(2):
                edge(f"q{t}{i}", f"s{t}{s}", K[s, i] / root, rf"\frac{{k_{{{s + 1}{'ab'[i]}}}}}{{\sqrt 2}}")
                edge(f"k{s}{i}", f"s{t}{s}", Q[t, i] / root, rf"\frac{{q_{{{t + 1}{'ab'[i]}}}}}{{\sqrt 2}}")
            for r in range(t + 1):
                own = r == s
                latex = (
                    rf"p_{{{t + 1}{s + 1}}}(1 - p_{{{t + 1}{s + 1}}})"
                    if own
                    else rf"-p_{{{t + 1}{r + 1}}}\, p_{{{t + 1}{s + 1}}}"
                )
                edge(f"s{t}{s}", f"p{t}{r}", P[t, r] * (own - P[t, s]), latex)
            for i in range(2):
                edge(f"p{t}{s}", f"y{t}{i}", V[s, i], rf"v_{{{s + 1}{'ab'[i]}}}")
                edge(f"v{s}{i}", f"y{t}{i}", P[t, s], rf"p_{{{t + 1}{s + 1}}}")
        for i in range(2):
            edge(f"y{t}{i}", "J", dY[t, i], rf"y_{{{t + 1}{'ab'[i]}}} - \text{{target}}")
    chosen = [
        "x00",
        "x01",
        "x10",
        "x11",
        "x20",
        "x21",
        "q20",
        "q21",
        "k00",
        "k10",
        "v00",
        "v01",
        "s10",
        "s20",
        "s21",
        "s22",
        "p20",
        "p21",
        "p22",
        "y20",
        "y21",
    ]
    return RoutePicker(
        Routes(d, edges), "Pick an entry, see every route to J", variables=chosen, start="s21", symbols=symbols, values=values,
        describe="Attention over three words with two entries each, a and b. From the entries x of each word arrows lead to its query, key and value; from queries and keys to the scores s, "
        "one for each pair that the mask allows; from the scores of a row to all weights p of that row; from weights and values to the mix y; from y to J.",
    )  # fmt: skip


# Slider D: the scale of the scores


def scaling(d, scaled, keys=16, trials=200):
    """Mean largest weight, mean norm of the softmax's Jacobian, and one example of weights, for scores of random vectors."""
    rng = np.random.default_rng(16)
    q, k = rng.normal(size=(trials, d)), rng.normal(size=(trials, keys, d))
    s = np.einsum("nd,nkd->nk", q, k) / (np.sqrt(d) if scaled else 1.0)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    jacobian = np.einsum("nk,kj->nkj", p, np.eye(keys)) - np.einsum("nk,nj->nkj", p, p)
    return p.max(axis=1).mean(), np.linalg.norm(jacobian, axis=(1, 2)).mean(), np.sort(p[0])[::-1]


def plot_scaling(d=64):
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), sharey=True)
    for ax, scaled in zip(axes, (False, True), strict=True):
        largest, jacobian, p = scaling(d, scaled)
        ax.bar(range(1, 17), p, color=PALETTE["output"][0])
        ax.set(title=f"{'divided by √d' if scaled else 'as they are'}, d = {d}", xlabel="key, sorted", ylim=(0, 1))
        ax.text(
            16.5,
            0.93,
            f"largest weight, mean: {largest:.2f}\nnorm of Jacobian, mean: {jacobian:.2f}",
            ha="right",
            va="top",
            fontsize=9,
        )
    axes[0].set_ylabel("weight")
    return fig


def scaling_player():
    import ipywidgets as widgets

    slider = widgets.SelectionSlider(options=[1, 2, 4, 8, 16, 32, 64, 128, 256], value=64, description="d")
    return live_figure(lambda d: plot_scaling(d) and None, {"d": slider})


# Stepper C: the block


def block_numbers(seed=3, T=5, D=16, F=32, A=2):
    """Norms of what flows through one block, forward and back, by torch: name -> number."""
    import torch  # here, so that all other pictures can be had where there is none

    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def norm(x):
        return torch.nn.functional.layer_norm(x, (D,))

    def heads(x, M):
        return (x @ M.T).unflatten(-1, (A, -1)).transpose(1, 2)

    W = {name: draw(D, D) / D**0.5 for name in ("q", "k", "v", "o")}
    W1, W2 = draw(F, D) / D**0.5, draw(D, F) / F**0.5
    X = draw(1, T, D).requires_grad_()
    U = norm(X)
    Y = torch.nn.functional.scaled_dot_product_attention(*(heads(U, W[n]) for n in "qkv"), is_causal=True)
    O = Y.transpose(1, 2).flatten(2) @ W["o"].T
    H = X + O
    Z = norm(H)
    M = torch.relu(Z @ W1.T) @ W2.T
    out = H + M
    dY = draw(1, T, D)
    grads = dict(zip(("X", "H"), torch.autograd.grad(out, (X, H), dY), strict=True))
    flows = dict(
        X=X,
        O=O,
        H=H,
        M=M,
        Y=out,
        dY=dY,
        detour2=grads["H"] - dY,
        dH=grads["H"],
        detour1=grads["X"] - grads["H"],
        dX=grads["X"],
    )
    return {name: float(value.detach().norm()) for name, value in flows.items()}


def block_stepper():
    n = block_numbers()
    d = Drawing(780, 250)
    for name, x, label, role in (("X", 40, "X", "input"), ("H", 390, "H", "hidden"), ("Y", 740, "Y", "output")):
        d.node(name, x, 190, label, role, size=52)
    for name, x, label in (
        ("LN1", 130, "norm 1"),
        ("MHA", 275, "attention"),
        ("LN2", 480, "norm 2"),
        ("MLP", 635, "feed-forward"),
    ):
        d.node(name, x, 70, label, "hidden", "box", (92 if len(label) < 10 else 104, 40))
    d.arrow("X", "H", "as it is")
    d.arrow("X", "LN1")
    d.arrow("LN1", "MHA")
    d.arrow("MHA", "H")
    d.arrow("H", "Y", "as it is")
    d.arrow("H", "LN2")
    d.arrow("LN2", "MLP")
    d.arrow("MLP", "Y")
    frames, known = [], {}

    def frame(equation, sentence, active=(), gradient=()):
        values = {k: f"{n[k]:.1f}" for k in ("X", "H", "Y")}
        said = "; ".join(f"gradient at {k}: {v}" for k, v in known.items())
        svg = d.svg(
            active=active, gradient=gradient, values=values, gradients=dict(known),
            describe="A road from X over H to Y, with two bridges: norm 1 and attention from X to H, norm 2 and the feed-forward part from H to Y. "
            f"Lit: {', '.join([*active, *gradient]) or 'nothing'}. {said}",
        )  # fmt: skip
        frames.append(Frame(svg, equation, sentence))

    frame(
        "",
        "The residual stream is a road from X to Y. Two bridges lead off it and back. The numbers are norms, of a random block with 5 words and D = 16.",
    )
    frame(
        rf"H = X + \mathrm{{MHA}}(\mathrm{{LN}}_1(X)), \qquad {n['X']:.1f} \to {n['H']:.1f}, \quad \text{{bridge }} {n['O']:.1f}",
        "The first bridge: each word is normalised, then it looks at the others. What it has found is added to what it was.",
        ("X->LN1", "LN1", "LN1->MHA", "MHA", "MHA->H", "H"),
    )
    frame(
        rf"Y = H + W_2\, \mathrm{{relu}}(W_1 \mathrm{{LN}}_2(H) + c_1) + c_2, \qquad \text{{bridge }} {n['M']:.1f}",
        "The second bridge: each word by itself goes through a small dense network. Again the result is added.",
        ("H->LN2", "LN2", "LN2->MLP", "MLP", "MLP->Y", "Y"),
    )
    known["Y"] = f"{n['dY']:.2f}"
    frame(
        rf"\grad{{dY}}, \quad \text{{norm }} {n['dY']:.2f}",
        "Something arrives at Y. From Y two ways lead back to H.",
        gradient=("Y",),
    )
    frame(
        r"\grad{dH} = \grad{dY} + \dots",
        "One is the road. A sum passes on to each of its terms what it gets: the gradient arrives at H unchanged. This is the first identity term.",
        gradient=("Y", "H->Y", "H"),
    )
    frame(
        rf"\grad{{dH}} = \grad{{dY}} + \mathrm{{LN}}_2'(\dots), \qquad \text{{detour }} {n['detour2']:.2f}",
        "The other is the bridge, walked backwards: through W₂, the ReLU, W₁, and the layer norm. What comes over it is added.",
        gradient=("Y", "MLP->Y", "MLP", "LN2->MLP", "LN2", "H->LN2", "H"),
    )
    known["H"] = f"{n['dH']:.2f}"
    frame(
        rf"\grad{{dH}}, \quad \text{{norm }} {n['dH']:.2f}",
        "Now H has all of its gradient. From H the same once more.",
        gradient=("H",),
    )
    frame(r"\grad{dX} = \grad{dH} + \dots", "The road: the second identity term.", gradient=("H", "X->H", "X"))
    frame(
        rf"\grad{{dX}} = \grad{{dH}} + \mathrm{{LN}}_1'(\mathrm{{MHA}}'(\grad{{dH}})), \qquad \text{{detour }} {n['detour1']:.2f}",
        "The bridge: through attention, with its three routes, and the layer norm. It begins with the whole of dH, not with dY.",
        gradient=("H", "MHA->H", "MHA", "LN1->MHA", "LN1", "X->LN1", "X"),
    )
    known["X"] = f"{n['dX']:.2f}"
    frame(
        rf"\text{{norms: }} \grad{{dY}}\; {n['dY']:.2f}, \quad \grad{{dH}}\; {n['dH']:.2f}, \quad \grad{{dX}}\; {n['dX']:.2f}",
        "However many blocks lie one behind the other, one route goes straight through all of them: the road, with a factor of 1 in each.",
        gradient=("Y", "H->Y", "H", "X->H", "X"),
    )
    return Stepper(frames, "A block: a road with two bridges")


# Stepper F: writing with a cache


def cache_stepper(T=5, prompt=("the", "dog", "did", "not", "see")):
    frames = []

    def drawing(t, cached):
        parts, said = [], []
        for row, label in enumerate(("token", "key", "value")):
            parts.append(svg.words(8, 34 + 44 * row, label, "t e"))
            for s in range(t + 1):
                new = s == t or not cached
                text = prompt[s] if row == 0 else ("k", "v")[row - 1] + "₁₂₃₄₅"[s]
                role = "input" if row == 0 else "output" if new else "muted"
                parts.append(_cell(80 + 92 * s, 18 + 44 * row, 82, 32, text, role, new and row > 0))
        parts.append(svg.words(8, 166, "query", "t e"))
        for s in range(t + 1):
            if s == t or not cached:
                parts.append(_cell(80 + 92 * s, 150, 82, 32, "q" + "₁₂₃₄₅"[s], "hidden", s == t))
        said = f"Step {t + 1}: {'one key and one value are new, the others come from the cache' if cached else 'all keys and values are computed'}."
        return svg.picture(parts, 550, 196, said)

    for t in range(T):
        full, kept = (t + 1) * (t + 2) // 2, t + 1
        frames.append(
            Frame(
                drawing(t, True),
                rf"\text{{products }} q \cdot k: \quad \text{{with cache }} {kept}, \quad \text{{full pass }} {full}",
                f"Place {t + 1}. Only the new word's key and value are computed; the {'earlier ones are' if t > 1 else 'earlier one is' if t else 'cache is empty, and there is'} "
                + ("taken from the cache. " if t else "nothing to take from it. ")
                + f"One query looks at {t + 1} key{'s' * (t > 0)}. A full pass would ask with every word again.",
            )
        )
    frames.append(
        Frame(
            drawing(T - 1, False),
            rf"\text{{all five steps: with cache }} {T * (T + 1) // 2}, \quad \text{{full passes }} {sum((t + 1) * (t + 2) // 2 for t in range(T))}",
            "The same last step as a full pass, without a cache: every key, value and query anew, though only the last row is wanted. The numbers that come out are the same.",
        )
    )
    return Stepper(frames, "Writing, one word at a time, with a cache")


# Plot G: the sudden rise


def plot_copying(found):
    fig, ax = plt.subplots(figsize=(7.0, 3.2))
    for layers, role, style in ((1, "output", "-."), (2, "hidden", "-")):
        for number, row in enumerate(found["copying"][f"layers {layers}"]):
            ax.plot(
                np.arange(len(row["curve"])) * 10 + 5,
                row["curve"],
                style,
                color=PALETTE[role][0],
                lw=1.4,
                label=None if number else f"{layers} layer{'s' * (layers > 1)}",
            )
    ax.set(xlabel="update", ylabel="share of right tokens", ylim=(0, 1.02))
    ax.legend(loc="lower right")
    return fig
