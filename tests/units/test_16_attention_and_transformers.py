"""Unit 16: every equation of the lesson, computed in numpy as it stands there and compared with torch; and what the prose says."""

import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "16-attention-and-transformers"
T, D, A, WIDTH, V = 4, 6, 2, 5, 7


def tensor(array, grad=False):
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=grad)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def run():
    """One sentence of T words through causal self-attention with one head, and autograd's gradients."""
    rng = np.random.default_rng(16)
    X, dY = rng.normal(size=(2, T, D))
    W = {k: rng.normal(size=(D, D)) for k in "qkv"}
    leaf = {"X": tensor(X, True)} | {k: tensor(w, True) for k, w in W.items()}
    Q, K, Vs = (leaf["X"] @ leaf[k].T for k in "qkv")
    S = Q @ K.T / D**0.5
    P = torch.softmax(S.masked_fill(~torch.ones(T, T, dtype=bool).tril(), -torch.inf), dim=1)
    Y = P @ Vs
    for value in (Q, K, Vs, S, P):
        value.retain_grad()
    (Y * tensor(dY)).sum().backward()
    values = {name: value.detach().numpy() for name, value in dict(Q=Q, K=K, V=Vs, S=S, P=P, Y=Y).items()}
    grads = {f"d{name}": value.grad.numpy() for name, value in dict(Q=Q, K=K, V=Vs, S=S, P=P).items()}
    return dict(X=X, W=W, dY=dY, rng=rng, grad={k: v.grad.numpy() for k, v in leaf.items()}, **values, **grads)


def lookup(r):
    q, keys, values = r["Q"][3], r["K"], r["V"]
    p = np.exp(keys @ q) / sum(np.exp(q @ k) for k in keys)
    theirs = F.scaled_dot_product_attention(*(tensor(a)[None] for a in (q[None], keys, values)), scale=1.0)[0, 0]
    assert_close(sum(p[s] * values[s] for s in range(T)), theirs)


def scores(r):
    P = softmax(np.where(np.tri(T, dtype=bool), r["Q"] @ r["K"].T / np.sqrt(D), -np.inf))
    assert_close(P, r["P"])
    assert_close(P @ r["V"], F.scaled_dot_product_attention(*(tensor(r[k])[None] for k in "QKV"), is_causal=True)[0])


def projections(r):
    for name, k in zip("QKV", "qkv", strict=True):
        assert_close(r["X"] @ r["W"][k].T, r[name])


def mask(r):
    allowed = np.array([[s <= t for s in range(T)] for t in range(T)])
    assert (r["P"][~allowed] == 0).all() and (r["P"][allowed] > 0).all()


def spread(r):
    rng = np.random.default_rng(0)
    for d in (4, 64):
        products = (rng.normal(size=(20000, d)) * rng.normal(size=(20000, d))).sum(axis=1)
        assert abs(products.std() / np.sqrt(d) - 1) < 0.03


def jacobian(r):
    s = r["S"][3]
    p = softmax(s)
    theirs = torch.autograd.functional.jacobian(lambda s: torch.softmax(s, dim=0), tensor(s))
    assert_close(np.array([[p[i] * ((i == j) - p[j]) for j in range(T)] for i in range(T)]), theirs)
    mine = np.diag(p) - np.outer(p, p)
    assert_close(mine, theirs)
    assert_close(mine, mine.T)
    assert_close(mine.sum(axis=1), np.zeros(T))


def softmax_row(r):
    for t in range(T):
        p, dp = r["P"][t], r["dP"][t]
        ds = np.array([p[j] * (dp[j] - sum(p[i] * dp[i] for i in range(T))) for j in range(T)])
        assert_close(ds, r["dS"][t])
        assert abs(ds.sum()) < 1e-13


def values(r):
    assert_close(r["P"].T @ r["dY"], r["dV"])
    assert_close(r["dY"] @ r["V"].T, r["dP"])


def rows(r):
    dS = r["P"] * (r["dP"] - (r["dP"] * r["P"]).sum(axis=1, keepdims=True))
    assert_close(dS, r["dS"])
    assert (dS[r["P"] == 0] == 0).all()  # the mask needs nothing


def queries(r):
    assert_close(r["dS"] @ r["K"] / np.sqrt(D), r["dQ"])
    assert_close(r["dS"].T @ r["Q"] / np.sqrt(D), r["dK"])


def inputs(r):
    W = r["W"]
    assert_close(r["dQ"] @ W["q"] + r["dK"] @ W["k"] + r["dV"] @ W["v"], r["grad"]["X"])
    for name, k in zip("QKV", "qkv", strict=True):
        assert_close(r["d" + name].T @ r["X"], r["grad"][k])


def trick(r):
    for t in range(T):
        assert_close((r["P"][t] * r["dP"][t]).sum(), r["dY"][t] @ r["Y"][t])
        assert_close(sum(r["P"][t, s] * (r["dY"][t] @ r["V"][s]) for s in range(T)), r["dY"][t] @ r["Y"][t])


def permute(r):
    def att(X):
        return F.scaled_dot_product_attention(*(tensor(X @ r["W"][k].T)[None] for k in "qkv"))[0].numpy()

    Pi = np.eye(T)[[2, 0, 3, 1]]
    assert_close(att(Pi @ r["X"]), Pi @ att(r["X"]))
    causal = softmax(np.where(np.tri(T, dtype=bool), 0.0, -np.inf))  # even without any scores the places differ
    assert len({tuple(row) for row in causal}) == T


def clock(places, D=16):
    t, i = np.arange(places)[:, None], np.arange(D // 2)
    omega = 10000.0 ** (-2 * i / D)
    PE = np.empty((places, D))
    PE[:, 0::2], PE[:, 1::2] = np.sin(omega * t), np.cos(omega * t)
    return PE, omega


def positions(r):
    PE, _ = clock(30)
    assert_close(PE[5, 4], np.sin(5 / 10000 ** (4 / 16)))
    assert_close(PE[5, 5], np.cos(5 / 10000 ** (4 / 16)))
    products = PE @ PE.T
    assert_close(np.diag(products), np.full(30, 8.0))
    assert_close(products[3, 7], products[13, 17])


def rotation(r):
    PE, omega = clock(30)
    for k in (1, 7):
        for i, w in enumerate(omega):
            turn = np.array([[np.cos(w * k), np.sin(w * k)], [-np.sin(w * k), np.cos(w * k)]])
            assert_close(PE[:-k, 2 * i : 2 * i + 2] @ turn.T, PE[k:, 2 * i : 2 * i + 2])


def rope(r):
    _, omega = clock(2, D)

    def R(t):
        M = np.zeros((D, D))
        for i, w in enumerate(omega):
            M[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[np.cos(w * t), -np.sin(w * t)], [np.sin(w * t), np.cos(w * t)]]
        return M

    q, k = r["Q"][0], r["K"][1]
    for m, n in ((2, 5), (12, 15), (7, 1)):
        assert_close((R(m) @ q) @ (R(n) @ k), q @ (R(n - m) @ k))


def heads(r):
    rng = np.random.default_rng(3)
    Wo, d = rng.normal(size=(D, D)), D // A
    torch_heads = torch.nn.MultiheadAttention(D, A, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        torch_heads.in_proj_weight.copy_(tensor(np.concatenate([r["W"][k] for k in "qkv"])))
        torch_heads.out_proj.weight.copy_(tensor(Wo))
        x = tensor(r["X"])[None]
        theirs = torch_heads(x, x, x)[0][0]
    Y = []
    for a in range(A):
        own = slice(a * d, (a + 1) * d)
        q, k, v = (r[name][:, own] for name in "QKV")
        Y.append(softmax(q @ k.T / np.sqrt(d)) @ v)
    assert_close(np.concatenate(Y, axis=1) @ Wo.T, theirs)
    assert_close(sum(Y[a] @ Wo[:, a * d : (a + 1) * d].T for a in range(A)), theirs)


def norm(r):
    x, gamma, beta = r["X"], r["dY"][0], r["dY"][1]
    mu, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    assert_close(
        (x - mu) / np.sqrt(var + 1e-5) * gamma + beta, F.layer_norm(tensor(x), (D,), tensor(gamma), tensor(beta))
    )


def rms(r):
    x = r["X"]
    assert_close(x * ((x**2).sum(axis=1, keepdims=True) / D + 1e-5) ** -0.5, F.rms_norm(tensor(x), (D,), eps=1e-5))


def rms_back(r):
    x, gamma = tensor(r["X"], True), r["dY"][0]
    F.rms_norm(x, (D,), tensor(gamma), eps=1e-5).backward(tensor(r["dY"]))
    g = gamma * r["dY"]
    factor = ((r["X"] ** 2).mean(axis=1, keepdims=True) + 1e-5) ** -0.5
    xhat = r["X"] * factor
    assert_close(factor * (g - xhat * (g * xhat).mean(axis=1, keepdims=True)), x.grad)


def torch_block(rng):
    """torch's block with pre-norm and without biases in attention, and ours."""
    layer = torch.nn.TransformerEncoderLayer(
        D, A, WIDTH, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64
    )
    with torch.no_grad():
        for value in layer.parameters():
            value.copy_(tensor(rng.normal(size=value.shape)))
        layer.self_attn.in_proj_bias.zero_()
        layer.self_attn.out_proj.bias.zero_()
    Wq, Wk, Wv = layer.self_attn.in_proj_weight.detach().numpy().reshape(3, D, D)

    def get(value):
        return value.detach().numpy()

    p = dict(
        Wq=Wq, Wk=Wk, Wv=Wv, Wo=get(layer.self_attn.out_proj.weight), W1=get(layer.linear1.weight), c1=get(layer.linear1.bias),
        W2=get(layer.linear2.weight), c2=get(layer.linear2.bias), gamma1=get(layer.norm1.weight), beta1=get(layer.norm1.bias),
        gamma2=get(layer.norm2.weight), beta2=get(layer.norm2.bias),
    )  # fmt: skip
    return layer, p


@pytest.fixture(scope="module")
def solved():
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("gpt").__globals__


def block(r):
    layer, p = torch_block(np.random.default_rng(5))
    x = tensor(r["X"])[None]

    def norm(x, n):
        return F.layer_norm(x, (D,), tensor(p[f"gamma{n}"]), tensor(p[f"beta{n}"]))

    q, k, v = ((norm(x, 1) @ tensor(p[w]).T).unflatten(-1, (A, -1)).transpose(1, 2) for w in ("Wq", "Wk", "Wv"))
    H = x + F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2) @ tensor(p["Wo"]).T
    Y = H + torch.relu(norm(H, 2) @ tensor(p["W1"]).T + tensor(p["c1"])) @ tensor(p["W2"]).T + tensor(p["c2"])
    assert_close(Y, layer(x, torch.ones(T, T, dtype=bool).triu(1)).detach())


def block_back(r):
    """Both identity terms, with the detours as vector-Jacobian products of the parts."""
    _, p = torch_block(np.random.default_rng(5))
    p = {k: tensor(v) for k, v in p.items()}

    def norm(x, n):
        return F.layer_norm(x, (D,), p[f"gamma{n}"], p[f"beta{n}"])

    def mha(u):
        q, k, v = ((u @ p[w].T).unflatten(-1, (A, -1)).transpose(1, 2) for w in ("Wq", "Wk", "Wv"))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2) @ p["Wo"].T

    def dense(z):
        return torch.relu(z @ p["W1"].T + p["c1"]) @ p["W2"].T + p["c2"]

    def bridge1(x):
        return mha(norm(x, 1)[None])[0]

    def bridge2(x):
        return dense(norm(x, 2))

    def vjp(f, x, d):
        return torch.autograd.functional.vjp(f, x.detach(), d)[1]

    X, dY = tensor(r["X"], True), tensor(r["dY"])
    H = X + bridge1(X)
    Y = H + bridge2(H)
    dX, dH = torch.autograd.grad(Y, (X, H), dY)
    assert_close(dY + vjp(bridge2, H, dY), dH)
    assert_close(dH + vjp(bridge1, X, dH), dX)


def model(r):
    E, h, target = r["rng"].normal(size=(V, D)), r["X"], np.array([1, 5, 0, 2])
    o = np.array([E @ h_t for h_t in h])
    kept = [1, 3]
    J = -np.mean([np.log(softmax(o[t]))[target[t]] for t in kept])
    assert_close(J, F.cross_entropy(tensor(h)[kept] @ tensor(E).T, torch.tensor(target[kept])))


def table(r):
    E, ids = tensor(np.random.default_rng(2).normal(size=(V, D)), True), np.array([2, 0, 2, 2])
    x = E[torch.tensor(ids)]
    x.retain_grad()
    h = torch.tanh(x @ tensor(r["W"]["q"]).T)
    o = h @ E.T
    o.retain_grad()
    F.cross_entropy(o, torch.tensor([1, 2, 3, 4])).backward()
    mine = sum(np.outer(o.grad[t], h.detach()[t]) for t in range(T)) + sum(
        np.outer(np.eye(V)[ids[t]], x.grad[t]) for t in range(T)
    )
    assert_close(mine, E.grad)


def count(r):
    layer, _ = torch_block(np.random.default_rng(5))
    without = [v for name, v in layer.named_parameters() if not name.startswith("self_attn") or name.endswith("weight")]
    assert 4 * D**2 + 2 * D * WIDTH + WIDTH + D + 4 * D == sum(v.numel() for v in without)


def nucleus(r):
    p = np.array([0.4, 0.3, 0.2, 0.1])
    for mass, stay in ((0.65, 2), (0.7 - 1e-9, 2), (0.75, 3), (1.0, 4)):
        assert sum(p[:i].sum() < mass for i in range(4)) == stay
    assert_close(softmax(np.log(p) / 0.5), p**2 / (p**2).sum())


EQUATIONS = {
    "eq-att-lookup": lookup, "eq-att-scores": scores, "eq-att-projections": projections, "eq-att-mask": mask, "eq-att-spread": spread,
    "eq-att-jacobian": jacobian, "eq-att-softmax": softmax_row, "eq-att-values": values, "eq-att-rows": rows, "eq-att-queries": queries,
    "eq-att-inputs": inputs, "eq-att-trick": trick, "eq-att-permute": permute, "eq-att-positions": positions, "eq-att-rotation": rotation,
    "eq-att-rope": rope, "eq-att-heads": heads, "eq-att-norm": norm, "eq-att-rms": rms, "eq-att-rms-back": rms_back, "eq-att-block": block,
    "eq-att-block-back": block_back, "eq-att-model": model, "eq-att-table": table, "eq-att-count": count, "eq-att-nucleus": nucleus,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, run):
    EQUATIONS[label](run)


# What the exercises' solution does beyond the checks


def test_the_solutions_block_is_torchs(solved):
    layer, p = torch_block(np.random.default_rng(6))
    x = np.random.default_rng(7).normal(size=(2, T, D))
    dY = np.random.default_rng(8).normal(size=x.shape)
    mine = solved["block"](x, p, A, np.tri(T, dtype=bool))
    leaf = tensor(x, True)
    theirs = layer(leaf, torch.ones(T, T, dtype=bool).triu(1))
    assert_close(mine["Y"], theirs.detach())
    theirs.backward(tensor(dY))
    grads = solved["block_backward"](dY, mine, p, A)
    assert_close(grads["dX"], leaf.grad)
    assert_close(grads["dW1"], layer.linear1.weight.grad)
    assert_close(np.concatenate([grads["dWq"], grads["dWk"], grads["dWv"]]), layer.self_attn.in_proj_weight.grad)


def test_the_cache_equals_the_full_pass(solved):
    p, ids = solved["first_parameters"](9, 12, 0), np.random.default_rng(1).integers(9, size=(3, 12))
    full = solved["gpt"](ids, ids, np.ones(ids.shape, bool), p, 2)["logits"]
    cache = solved["empty_cache"](3, p, 2)
    for t in range(12):
        logits, cache = solved["step"](ids[:, t], t, cache, p, 2)
        assert_close(logits, full[:, t])


@pytest.mark.parametrize("held_out", [False, True])
def test_the_sentences_ask_for_the_noun_that_the_adjective_fits(solved, held_out):
    words = solved["WORDS"]
    ids, targets, keep = solved["sentences"](np.random.default_rng(0), 300, held_out=held_out)
    turned, others, _ = solved["sentences"](np.random.default_rng(0), 300, held_out=held_out, turned=True)
    assert (keep.sum(axis=1) == 1).all() and keep[:, 12].all()
    for row, target, other_row, other in zip(ids, targets[:, 12], turned, others[:, 12], strict=True):
        nouns = {row[1], row[6]}
        assert len(nouns) == 2 and {target, other} == nouns
        assert (words[target] in solved["ANIMALS"]) == (words[row[11]] in solved["ALIVE"])
        assert (np.flatnonzero(row != other_row) == [11]).all()
        assert ((min(nouns) + max(nouns) - 8) % 6 == 0) == held_out
    assert len({tuple(sorted((row[1], row[6]))) for row in ids}) <= (11 if held_out else 53)


def test_the_worlds_have_one_right_answer(solved):
    ids, targets, keep = solved["sorting"](np.random.default_rng(0), 50)
    assert (
        (np.sort(ids[:, :8]) == targets[:, 8:]).all()
        and (keep == (np.arange(16) >= 8)).all()
        and (ids[:, 8] == 0).all()
    )
    ids, targets, keep = solved["copying"](np.random.default_rng(0), 50)
    for row, target, kept in zip(ids, targets, keep, strict=True):
        period = int(np.argmax(kept))
        assert 3 <= period <= 7 and len(set(row[:period])) == period and (row[period:] == row[:-period]).all()
        for t in np.flatnonzero(kept):  # what came after this letter the last time
            assert target[t] == row[t - period + 1]


def test_saved_values_are_nobodys_forward_pass():
    checks = load_checks(ROOT / "course" / UNIT)
    args = checks.solved("attention_backward")[0].problem.args
    S = args["Q"] @ args["K"].swapaxes(-1, -2) / np.sqrt(args["Q"].shape[-1])
    assert np.abs(softmax(S) - args["P"]).max() > 0.1
    np.testing.assert_allclose(args["P"].sum(axis=-1), 1)
    args = checks.solved("layer_norm_backward")[0].problem.args
    assert ((args["xhat"] ** 2).mean(axis=-1) < 0.95).all()
    np.testing.assert_allclose(args["xhat"].mean(axis=-1), 0, atol=1e-14)


# The lesson


@pytest.fixture(scope="module")
def lesson():
    return executed(ROOT / "course" / UNIT / "lesson.ipynb")


def test_the_lesson_agrees_with_torch(lesson):
    text = printed(lesson)
    for claim in (r"4 gradients against torch: largest difference (\S+)", r"sums over routes against dX: (\S+)", r"RMS norm against torch: (\S+)",
                  r"shuffled words, shuffled answers: (\S+)", r"three further: error (\S+)"):  # fmt: skip
        assert float(re.search(claim, text)[1]) < 1e-10, claim
    assert "row 2 gets 1.0 with +=, and 3.0 with np.add.at" in text
    masked, free = (
        np.array(re.findall(r"\d", part)).reshape(5, 5).astype(int)
        for part in re.search(r"with the mask([\s\d\[\]]+)without([\s\d\[\]]+)", text).groups()
    )
    assert (masked == np.tri(5)).all() and (free == 1).all()
    formula, counted = re.search(r"a block: (\d+) parameters; torch counts (\d+)", text).groups()
    assert formula == counted


def test_the_worked_example_is_that_of_the_prose(lesson):
    text = printed(lesson)
    for numbers in (
        "0.1978 0.4011 0.4011",
        "-0.6044  1.1978",
        "-0.3191  0.3227 -0.0036",
        "0.4538 -0.2282",
        "3.7896 -0.2408",
    ):
        assert re.search(numbers.replace(" ", r"\s+"), text.replace("[", " ").replace("]", " ")), numbers


def test_the_numbers_in_the_prose():
    e1, e2 = np.exp(0.7071), np.exp(1.4142)
    assert abs(e1 - 2.0281) < 1e-4 and abs(e2 - 4.1133) < 2e-4
    assert abs(2.0281 / 10.2547 - 0.1978) < 5e-5
    pictures = module(UNIT, "pictures")
    # the alt text's quarter
    assert 0.8 < pictures.scaling(64, False)[0] < 0.9 and 0.2 < pictures.scaling(64, True)[0] < 0.28
    for d in (16, 64, 256):
        assert pictures.scaling(d, True)[1] > pictures.scaling(d, False)[1]


def test_what_the_prose_says_of_the_experiments():
    found = json.loads((ROOT / "course" / UNIT / "results.json").read_text())
    one, two = (found["copying"][f"layers {n}"] for n in (1, 2))
    assert min(r["whole"] for r in two) > 0.95 and max(r["whole"] for r in one) < 0.6
    assert np.mean([r["beyond"] for r in two]) > 3 * np.mean([r["beyond"] for r in one])
    for rows in (one, two):
        assert len(rows) == 3 and all(0.4 < r["curve"][15] < 0.75 for r in rows)
    for name, part in found["sentences"].items():
        assert len(part["rows"]) == 3 and min(r["right"] for r in part["rows"]) > 0.85, name
    assert all(row["gap"] < 1e-10 for row in found["cache"])
    longest = {name: np.mean([r["beyond"] for r in rows]) for name, rows in found["lstm"].items() if "copying" in name}
    # "on lengths that never occurred it is the better one"
    assert min(longest.values()) > np.mean([r["beyond"] for r in two])
    assert max(r["whole"] for r in found["lstm"]["copying, H = 48"]) < min(r["whole"] for r in two)
    mean = {name: np.mean([r["whole"] for r in rows]) for name, rows in found["sorting"].items() if name != "maps"}
    assert mean["no positions"] < mean["one layer"] < mean["no feed-forward"] < mean["two layers"]
    tired, rusty = found["sentences"]["no mask, read at it"]["shown"]
    assert tired["answer"] == "dog" and tired["maps"][1][1][8][2] > 0.99  # at "did"
    assert rusty["answer"] == "car" and rusty["maps"][1][1][8][1] == 0.89  # at "dog"
    five, seven = found["copying"]["maps 2"]
    for head in five["maps"][1]:
        assert np.argmax(head[12]) == 12 - 7
    for head in seven["maps"][1]:
        assert set(np.argsort(head[12])[-2:]) == {12 - 1, 12 - 2} and sum(head[12][10:12]) > 0.9
    for shown in found["addition"]["maps"]:
        for head in shown["maps"][0]:
            assert head[5][1] + head[5][4] > 0.95


def test_the_maps_show_the_weights_they_are_said_to_show():
    maps, found = module(UNIT, "maps"), json.loads((ROOT / "course" / UNIT / "results.json").read_text())
    choices = maps.maps_choices(found)
    shown = [svg for frame in choices.frames.values() for svg in frame.drawing or ()]
    assert len(shown) == 48
    P = found["sentences"]["no mask, read at it"]["shown"][1]["maps"][1][1]
    svg = choices.frames["it, without a mask", "2"].drawing[3]
    assert "Rows look at columns. rusty: car, head 2: it looks at dog: 0.89" in svg
    cells = {
        (int(t), int(s)): float(o)
        for o, d in re.findall(r'stroke-opacity="(\S+)" d="([^"]+)"', svg)
        for s, t in re.findall(r"M(\d+) (\d+)\.5", d)
    }
    for (t, s), weight in np.ndenumerate(P):
        assert abs(cells.get((t, s), 0) - weight) <= 1 / maps.SHADES


@pytest.mark.slow
def test_the_students_model_learns():
    text = printed(executed_solution(Unit(ROOT, UNIT)))
    sorted_right = [float(n) for n in re.search(r"without a mistake: (.*)", text)[1].replace("%", "").split(", ")]
    assert len(sorted_right) == 3 and min(sorted_right) > 95
    one, two = (float(re.search(rf"{n} layer\(s\): (\S+)% copied", text)[1]) for n in (1, 2))
    assert two > 90 > 60 > one
    readers = re.findall(r"seed \d: (\S+)% right on pairs that never\s+occurred, (\S+)% with", text)
    assert len(readers) == 3 and min(float(n) for pair in readers for n in pair) > 85
    assert float(re.search(r"cache against full pass, largest difference: (\S+)", text)[1]) < 1e-10
