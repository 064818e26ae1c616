"""Networks that answer questions about pictures, put together from your parts, and trained with your ways back.

Five kinds:
  question      the question alone, through a dense layer
  side by side  the whole picture as one vector, beside the question
  product       the whole picture as one vector, the product of two
  attention     nine regions, your attention over them, and what it finds beside the question
  sum           nine regions, each beside the question through the same dense layer, and the results added
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from questions import ANSWERS, WORDS, regions


class Parts(NamedTuple):
    """What is yours, of exercises 2 to 6."""

    question_state: Any
    question_backward: Any
    fusion: Any
    fusion_backward: Any
    region_attention: Any
    region_attention_backward: Any
    soft_loss: Any


D, H, I, B, A = 16, 48, 48, 96, 48  # widths: a word, the question, a picture or region, both together, the scores' layer


def first_weights(kind, seed, larger=1.0):
    """Normal numbers with spread larger / √(width of what goes in)."""
    rng = np.random.RandomState(seed)
    pixels = 192 if kind in ("attention", "sum") else 9 * 192

    def dense(out, into):
        return larger * rng.normal(size=(out, into)) / np.sqrt(into)

    p = {"E": rng.normal(size=(len(WORDS), D)), "W": dense(4 * H, D), "R": dense(4 * H, H), "b": np.zeros(4 * H)}
    if kind != "question":
        p |= {"V1": np.sqrt(2) * dense(96, pixels), "c1": np.zeros(96), "V2": np.sqrt(2) * dense(I, 96), "c2": np.zeros(I)}
    if kind == "attention":
        p |= {"Wa": dense(A, I), "Ua": dense(A, H), "w": dense(1, A)[0]}
    if kind == "product":
        p |= {"Wq": dense(B, H), "Wv": dense(B, I)}
    else:
        p |= {"Wf": np.sqrt(2) * dense(B, H + (I if kind != "question" else 0)), "bf": np.zeros(B)}
    return p | {"O": dense(len(ANSWERS), B), "d": np.zeros(len(ANSWERS))}


def looked_at(images, kind):
    """(N, 24, 24, 3) -> (N, M, 192) regions, or (N, 9 * 192)."""
    cut = regions(images)
    return cut if kind in ("attention", "sum") else cut.reshape(len(cut), -1)


def encode(x, p):
    """Two dense layers with ReLUs, over the last axis."""
    h = np.maximum(x @ p["V1"].T + p["c1"], 0)
    return np.maximum(h @ p["V2"].T + p["c2"], 0), h


def encode_backward(dv, x, h, v, p):
    d2 = (dv * (v > 0)).reshape(-1, v.shape[-1])
    x, h = x.reshape(-1, x.shape[-1]), h.reshape(-1, h.shape[-1])
    d1 = (d2 @ p["V2"]) * (h > 0)
    return {"V1": d1.T @ x, "c1": d1.sum(axis=0), "V2": d2.T @ h, "c2": d2.sum(axis=0)}


def of(p, names):
    return {short: p[name] for short, name in names.items()}


LSTM = {name: name for name in ("E", "W", "R", "b")}
HEAD, PRODUCT = {"W": "Wf", "b": "bf"}, {"Wq": "Wq", "Wv": "Wv"}
ATTEND = {name: name for name in ("Wa", "Ua", "w")}


def forward(mine, x, ids, lengths, p, kind):
    """Logits (N, answers), and everything that the way back needs."""
    q, tape = mine.question_state(ids, lengths, of(p, LSTM))
    k = dict(q=q, tape=tape)
    if kind != "question":
        k["v"], k["h"] = encode(x, p)
    if kind == "question":
        k["g"] = np.zeros((len(q), 0))
    elif kind == "attention":
        k["g"], k["P"], k["t"] = mine.region_attention(q, k["v"], of(p, ATTEND))
    elif kind == "sum":
        M = k["v"].shape[1]
        k["q9"], k["g"] = np.repeat(q, M, axis=0), k["v"].reshape(-1, I)
    else:
        k["g"] = k["v"]
    how = "product" if kind == "product" else "side by side"
    k["f"], k["kept"] = mine.fusion(k.get("q9", q), k["g"], of(p, PRODUCT if kind == "product" else HEAD), how)
    if kind == "sum":
        k["f"] = k["f"].reshape(len(q), -1, B).sum(axis=1)
    return k["f"] @ p["O"].T + p["d"], k


def backward(mine, do, k, x, ids, lengths, p, kind):
    """The gradients of all parameters."""
    grads, df = {"O": do.T @ k["f"], "d": do.sum(axis=0)}, do @ p["O"]
    how, names = ("product", PRODUCT) if kind == "product" else ("side by side", HEAD)
    if kind == "sum":
        df = np.repeat(df, k["v"].shape[1], axis=0)
    found = mine.fusion_backward(df, k.get("q9", k["q"]), k["g"], k["kept"], of(p, names), how)
    grads |= {name: found[f"d{short}"] for short, name in names.items()}
    dq, dg = found["dq"], found["dv"]
    if kind == "sum":
        dq, dg = dq.reshape(len(do), -1, H).sum(axis=1), dg.reshape(k["v"].shape)
    if kind == "attention":
        found = mine.region_attention_backward(dg, k["q"], k["v"], k["t"], k["P"], of(p, ATTEND))
        grads |= {name: found[f"d{name}"] for name in ATTEND}
        dq, dg = dq + found["dq"], found["dv"]
    if kind != "question":
        grads |= encode_backward(dg, x, k["h"], k["v"], p)
    found = mine.question_backward(dq, ids, lengths, k["tape"], of(p, LSTM))
    return grads | {name: found[f"d{name}"] for name in LSTM}


def train(mine, data, kind, steps, seed, rate=4e-3, batch=64, bar=iter, larger=1.0, note=None):
    """A network of this kind after `steps` steps of Adam (unit 05), with clipping (unit 09) and a rate that falls.

    bar   what goes around the steps, for example tqdm
    note  called with the step and the network every 50 steps
    """
    rng, p = np.random.RandomState(seed), first_weights(kind, seed, larger)
    x = looked_at(data.images, kind)
    m, s = ({name: np.zeros_like(v) for name, v in p.items()} for _ in range(2))
    for step in bar(range(1, steps + 1)):
        part = rng.randint(len(x), size=batch)
        ids, lengths = data.questions[part].T, data.lengths[part]
        o, k = forward(mine, x[part], ids, lengths, p, kind)
        target = np.eye(len(ANSWERS))[data.answers[part]]
        _, do = mine.soft_loss(o, target)
        grads = backward(mine, do, k, x[part], ids, lengths, p, kind)
        shrink = min(1.0, 2 / (np.sqrt(sum((g**2).sum() for g in grads.values())) + 1e-12))
        for name, value in p.items():
            g = shrink * grads[name]
            m[name] += 0.1 * (g - m[name])
            s[name] += 0.01 * (g**2 - s[name])
            upward = np.sqrt(s[name] / (1 - 0.99**step)) + 1e-8
            value -= rate * (1 - 0.95 * step / steps) * m[name] / (1 - 0.9**step) / upward
        if note and step % 50 == 0:
            note(step, p)
    return p


def answer(mine, data, p, kind):
    """The number of the most probable answer to each question, (n,)."""
    o, _ = forward(mine, looked_at(data.images, kind), data.questions.T, data.lengths, p, kind)
    return o.argmax(axis=1)


def look(mine, data, p):
    """The weights of the nine regions for each question, (n, 9): for a network with attention."""
    _, k = forward(mine, looked_at(data.images, "attention"), data.questions.T, data.lengths, p, "attention")
    return k["P"]
