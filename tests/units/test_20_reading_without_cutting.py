"""Unit 20: the equations of the lesson against torch and against lists of all paths, the pictures' numbers, and what the experiments gave."""

import itertools
import json
import re
from math import comb

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking import visible_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "20-reading-without-cutting"
Y = np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.3, 0.2, 0.5], [0.6, 0.1, 0.3]])  # the lesson's example


@pytest.fixture(scope="module")
def mine():
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("beam").__globals__


@pytest.fixture(scope="module")
def pictures():
    return module(UNIT, "pictures")


@pytest.fixture(scope="module")
def results():
    return json.loads((ROOT / "course" / UNIT / "results.json").read_text())


def collapse(path):
    return tuple(k for k, _ in itertools.groupby(path) if k)


def chances(y, label):
    """All paths of a label, each with its probability: the slow way."""
    T, K = y.shape
    found = (path for path in itertools.product(range(K), repeat=T) if collapse(path) == tuple(label))
    return {path: np.prod(y[range(T), path]) for path in found}


def walks_to(y, label, t, s, back=False):
    """The sum over all walks along the symbols to (from) symbol s at step t, each listed."""
    row = [0]
    for k in label:
        row += [k, 0]

    def fits(a, b):
        return b - a in (0, 1) or (b - a == 2 and row[b] != 0 and row[b] != row[a])

    steps, total = (range(t, len(y)) if back else range(t + 1)), 0.0
    for walk in itertools.product(range(len(row)), repeat=len(steps)):
        if any(not fits(a, b) for a, b in itertools.pairwise(walk)):
            continue
        if (walk[0] if back else walk[-1]) != s or (walk[-1] < len(row) - 2 if back else walk[0] > 1):
            continue
        total += np.prod([y[u, row[q]] for u, q in zip(steps, walk, strict=True)])
    return total


def torch_loss(y, label):
    logits = torch.tensor(np.log(y))[:, None].requires_grad_()
    lp = torch.log_softmax(logits, dim=2)
    J = F.ctc_loss(lp, torch.tensor([label]), torch.tensor([len(y)]), torch.tensor([len(label)]), reduction="sum")
    J.backward()
    return J.item(), logits.grad[:, 0].numpy()


LABELS = ([1, 2], [1, 1], [2])


def strip():
    """Simulated: strips of five letters, each right with probability q by itself."""
    rng = np.random.default_rng(0)
    for q in (0.6, 0.9):
        assert np.mean((rng.uniform(size=(200_000, 5)) < q).all(axis=1)) == pytest.approx(q**5, abs=0.005)


def probability():
    for label in LABELS:
        assert_close(sum(chances(Y, label).values()), np.exp(-torch_loss(Y, label)[0]))


def count():
    for T, L in ((3, 3), (5, 3), (6, 2), (7, 3), (4, 1)):
        label, y = [1 + k % 3 for k in range(L)], np.ones((T, 4))
        assert len(chances(y, label)) == comb(T + L, 2 * L)


def alpha():
    for label in LABELS:
        found = module(UNIT, "pictures").trellis(Y, label)["alpha"]
        for t, s in itertools.product(range(4), range(found.shape[1])):
            assert_close(found[t, s], walks_to(Y, label, t, s))


def beta():
    for label in LABELS:
        found = module(UNIT, "pictures").trellis(Y, label)["beta"]
        for t, s in itertools.product(range(4), range(found.shape[1])):
            assert_close(found[t, s], walks_to(Y, label, t, s, back=True))


def log_sum():
    for a, b in ((-1.0, -2.0), (-1000.0, -1001.0), (3.0, 3.0)):
        m = max(a, b)
        assert_close(
            m + np.log(np.exp(a - m) + np.exp(b - m)),
            torch.logaddexp(torch.tensor(a).double(), torch.tensor(b).double()).item(),
        )


def passing():
    for label in LABELS:
        m = module(UNIT, "pictures").trellis(Y, label)
        sums = (m["alpha"] * m["beta"] / Y[:, m["row"]]).sum(axis=1)
        assert_close(sums, np.full(4, np.exp(-torch_loss(Y, label)[0])))


def occupancy():
    """The share of the paths that say a class at a step; and what torch's gradient lacks to the softmax."""
    for label in LABELS:
        paths = chances(Y, label)
        by_paths = np.array(
            [[sum(c for path, c in paths.items() if path[t] == k) for k in range(3)] for t in range(4)]
        ) / sum(paths.values())
        assert_close(module(UNIT, "pictures").trellis(Y, label)["occ"], by_paths)
        np.testing.assert_allclose(Y - by_paths, torch_loss(Y, label)[1], rtol=1e-9, atol=1e-12)


def flat():
    for T, label, b in ((6, [1, 2], 0.7), (7, [1, 2, 3], 0.5), (5, [2], 0.9)):
        K, L = 4, len(label)
        q = (1 - b) / (K - 1)
        p = sum(comb(m - 1, L - 1) * comb(T - m + L, L) * b ** (T - m) * q**m for m in range(L, T + 1))
        assert_close(-np.log(p), torch_loss(np.tile([b, q, q, q], (T, 1)), label)[0])


def uphill():
    """Among all corners of the cube of side 2 ε, the sign of the gradient raises a linear loss most."""
    g, eps = np.array([0.3, -1.2, 0.7]), 0.1
    best = max(itertools.product((-eps, eps), repeat=3), key=lambda change: np.dot(g, change))
    assert_close(np.array(best), eps * np.sign(g))
    assert_close(g @ best, eps * np.abs(g).sum())


EQUATIONS = {
    "eq-ctc-strip": strip, "eq-ctc-p": probability, "eq-ctc-count": count, "eq-ctc-alpha": alpha, "eq-ctc-beta": beta,
    "eq-ctc-lse": log_sum, "eq-ctc-pass": passing, "eq-ctc-occ": occupancy, "eq-ctc-flat": flat, "eq-ctc-fgsm": uphill,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label):
    EQUATIONS[label]()


def test_every_equation_is_in_the_lesson():
    assert sorted(EQUATIONS) == sorted(labels(UNIT))


def test_the_loss_is_torch_s_on_larger_batches(mine):
    rng = np.random.RandomState(4)
    logits, lengths = 2 * rng.normal(size=(30, 6, 8)), np.array([9, 4, 1, 0, 9, 7])
    labels_ = np.where(np.arange(9) < lengths[:, None], rng.randint(1, 8, size=(6, 9)), 0)
    t = torch.tensor(logits, requires_grad=True)
    J = F.ctc_loss(
        t.log_softmax(2), torch.tensor(labels_), torch.full((6,), 30), torch.tensor(lengths), reduction="sum"
    )
    J.backward()
    found, d = mine["ctc_loss"](logits, labels_, lengths)
    assert_close(found, J.item())
    np.testing.assert_allclose(d, t.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_a_beam_without_end_finds_the_best_label_of_all(mine):
    rng = np.random.RandomState(1)
    for _ in range(5):
        y = rng.dirichlet(np.ones(3), size=5)
        total = {}
        for path in itertools.product(range(3), repeat=5):
            total[collapse(path)] = total.get(collapse(path), 0) + np.prod(y[range(5), path])
        label, log_p = mine["beam"](np.log(y), 10_000)
        assert tuple(label) == max(total, key=total.get)
        assert_close(np.exp(log_p), max(total.values()))


def test_the_reader_s_gradients_are_autograd_s(mine):
    """Through the forward pass that is given, with the student's way back, at the size of the run."""
    reader, rng = module(UNIT, "reader"), np.random.RandomState(2)
    p = reader.first_weights(3, hidden=7, wide=9, K=5)
    x = rng.normal(size=(2, 20, 31))
    logits, kept = reader.forward(x, p)
    d = rng.normal(size=logits.shape)
    found = mine["reader_backward"](d, kept, p, 20, 31)
    t, w = torch.tensor(x, requires_grad=True), {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    windows = F.pad(t, (4, 4)).unfold(2, 9, 2).permute(2, 0, 1, 3).flatten(2)
    h1 = torch.relu(F.linear(windows, w["W1"], w["b1"]))
    around = F.pad(h1, (0, 0, 0, 0, 2, 2))
    h2 = torch.relu(F.linear(torch.cat([around[j : j + len(h1)] for j in range(5)], dim=2), w["W2"], w["b2"]))
    o = F.linear(h2, w["W3"], w["b3"])
    np.testing.assert_allclose(logits, o.detach().numpy(), rtol=1e-9, atol=1e-10)
    o.backward(torch.tensor(d))
    np.testing.assert_allclose(found["dx"], t.grad.numpy(), rtol=1e-8, atol=1e-10)
    for name in p:
        np.testing.assert_allclose(found["d" + name], w[name].grad.numpy(), rtol=1e-8, atol=1e-9)


def test_strips_are_the_same_from_every_call_and_tests_have_drawings_of_their_own():
    captchas = module(UNIT, "captchas")
    a, b = captchas.strips(20, 0), captchas.strips(20, 0)
    assert a.images.shape == (20, 20, 80) and np.array_equal(a.images, b.images)
    assert a.images.min() >= 0 and a.images.max() <= 1 and set(a.lengths) == {4, 5}
    assert all(len(word) == n for word, n in zip(a.words(), a.lengths, strict=True))
    assert ((a.labels > 0).sum(axis=1) == a.lengths).all() and a.labels.max() <= len(captchas.LETTERS) == 20
    fresh = captchas.strips(20, 0, fresh=True)
    assert not np.array_equal(a.images, fresh.images)
    with pytest.raises(ValueError, match="no strips of the kind 'curved'"):
        captchas.strips(1, 0, "curved")


def test_the_edit_distance_is_the_one_of_small_examples():
    reader = module(UNIT, "reader")
    for a, b, n in (("abc", "abc", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("aab", "ab", 1)):
        assert reader.edit_distance(a, b) == n
    best = reader.greedy(np.eye(3)[[[1], [1], [0], [1], [2]]])
    assert [row.tolist() for row in best] == [[1, 1, 2]]


# Pictures --------------------------------------------------------------------------------------------------------------


def test_the_trellis_shows_the_numbers_of_torch(pictures):
    stepper = pictures.trellis_stepper(Y, [1, 2])
    J, d = torch_loss(Y, [1, 2])
    assert f"{np.exp(-J):.4f}" == "0.4452"
    assert any("0.4452" in frame.equation for frame in stepper.frames if isinstance(frame.equation, str))
    lines = " ".join(stepper.frames[-2].equation)
    assert all(f"{v:.4f}".rstrip("0") in lines for v in d[0])
    assert [round(v, 4) for v in d[0]] == [0.1057, -0.2057, 0.1]


def test_the_paths_of_the_stepper_are_all_there_are(pictures):
    for frame in pictures.paths_stepper().frames:
        word, T = re.match(r"(\w+) in (\d) steps", frame.sentence).groups()
        found = re.search(r"collapse to \w+: ([^.]*)\.", frame.drawing)[1].split(", ")
        label = ["-abcdefg".index(c) for c in word]
        paths = {"".join("-ab"[k] for k in path) for path in chances(np.ones((int(T), 3)), label)}
        assert paths == (set() if found == ["none"] else set(found))


def test_the_beam_of_the_stepper_is_the_student_s(pictures, mine):
    y = np.array([[0.6, 0.4], [0.6, 0.4], [0.7, 0.3]])
    frames = pictures.beam_stepper(y).frames
    label, log_p = mine["beam"](np.log(y), 100)
    assert label.tolist() == [1] and f"{np.exp(log_p):.4f}".rstrip("0") in frames[3].drawing
    assert "0.64" in frames[2].drawing


# What the experiments gave ---------------------------------------------------------------------------------------------


def test_what_the_lesson_says_of_the_experiments(results):
    missed = results["searches"]
    assert min(missed["best path"]) > 60 and max(missed["beam of 8"]) < 10
    plateau = {name: np.array(runs) for name, runs in results["plateau"].items()}
    raw, scaled = "pixels as they are", "mean 0, variance 1"
    assert plateau[f"touching, {raw}"][:, 9:].min() > 14  # on the plateau to the end
    assert plateau[f"clean, {scaled}"][:, 13].max() < 6 and plateau[f"touching, {scaled}"][:, 19].max() < 14
    assert plateau[f"clean, {scaled}"][:, -1].max() < 0.5 < 1 < plateau[f"touching, {scaled}"][:, -1].min()
    for seed in range(3):  # "fifty to two hundred steps"
        for kind in ("clean", "touching"):
            left = 10 * (1 + np.flatnonzero(plateau[f"{kind}, {scaled}"][seed] < 14)[0])
            assert 40 <= left <= 210
    after = results["learning"]["after"]
    assert after["20"]["says"] == after["50"]["says"] == "" and after["150"]["says"] == results["learning"]["word"]
    cuts = {kind: {name: np.mean(v, axis=0) for name, v in found.items()} for kind, found in results["cuts"].items()}
    for kind in ("touching", "a line across", "noise 0.3", "40 dots", "all together"):
        assert cuts[kind]["pieces"] < 0.1 and cuts[kind]["cut"][0] < 0.1
    for kind in ("turned and slanted", "wave"):
        assert cuts[kind]["pieces"] > 0.95 and cuts[kind]["cut"][0] < 0.4
    assert cuts["clean"]["cut"][0] > np.mean(results["kinds"]["clean"]["CTC, clean"], axis=0)[0]
    kinds = {
        kind: {name: np.mean(v, axis=0)[0] for name, v in found.items()} for kind, found in results["kinds"].items()
    }
    clean = {kind: found["CTC, clean"] for kind, found in kinds.items()}
    # "nine of ten", "two in ten"
    assert 0.86 < clean["clean"] < 0.92 and 0.15 < clean["clean"] - clean["40 dots"] < 0.25
    assert all(clean[kind] < clean["clean"] - 2 / 3 for kind in kinds if kind not in ("clean", "40 dots"))
    assert all(found["CTC, then all"] > found["CTC, clean"] for found in kinds.values())
    assert kinds["fonts never seen"]["CTC, then all"] < 0.2 and kinds["all together"]["CTC, then all"] < 0.1
    assert kinds["touching"]["CTC, then touching"] > kinds["touching"]["CTC, then all"] + 0.2
    attack = {name: {k: np.mean(v) for k, v in results["attack"][name].items()} for name in ("random", "uphill")}
    assert attack["uphill"]["0.05"] < 0.1 < 0.7 < attack["random"]["0.05"]


def test_the_lesson_prints_what_its_prose_says():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert "p = 0.4452, torch 0.4452" in outputs and "0.6 of the letters: 0.078 of the strips" in outputs
    assert "1 28 210 1716" in outputs
    [(blank, loss)] = re.findall(r"best constant output: blank (\S+), loss (\S+)", outputs)
    assert 0.85 < float(blank) < 0.93 and 15 < float(loss) < 15.3  # "about 15"
    [slope] = re.findall(r"by differences: (\S+)", outputs)
    assert float(slope) == pytest.approx(-0.9057, abs=1e-4)


@pytest.mark.slow
def test_the_students_networks_read():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    found = {
        (kind, way.strip()): float(whole)
        for kind, way, whole in re.findall(
            r"^(clean|touching) +(CTC, best path|CTC, your beam|your cuts) +strips (\S+),", outputs, re.M
        )
    }
    assert len(found) == 6
    assert found["touching", "CTC, best path"] > 0.3 > 0.15 > found["touching", "your cuts"]
    changed = [
        float(v) for v in re.findall(r"^(?:as they are|a coin for each pixel|uphill) +strips (\S+)$", outputs, re.M)
    ]
    assert len(changed) == 3 and changed[2] < 0.3 < 0.5 < changed[1]


def test_each_kind_of_strip_is_shown_with_what_is_read_on_it(pictures, results):
    shown = pictures.captcha_choices(results["samples"]).frames
    assert len(shown) == 18 and list(results["samples"]) == list(module(UNIT, "captchas").KINDS)
    for (kind, learned), frame in shown.items():
        found = results["samples"][kind]
        read = found["read"][learned]
        assert "".join(says for says, _ in itertools.groupby(read["steps"]) if says != "·") == read["best"]
        assert (
            f"The word is {found['word']}." in frame.sentence
            and f"beam of 8: {read['beam'] or 'nothing'}" in frame.sentence
        )
        assert frame.drawing.count(">·<") == read["steps"].count("·")


def test_whoever_has_a_large_number_for_the_logarithm_of_0_is_told_what_is_right(mine):
    checks = load_checks(ROOT / "course" / UNIT)

    def alpha(*args):
        walked, nll = mine["ctc_alpha"](*args)
        return np.where(walked == -np.inf, -1e25, walked), nll

    assert "yours -1e+25, torch (1 stands for -inf, -1 for inf) 1" in repr(visible_report("ctc_alpha", checks, alpha))
