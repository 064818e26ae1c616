"""Unit 17: the equations of the lesson against torch, the modules beside it, the pictures' numbers, and what the experiments gave."""

import itertools
import json
import re
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.course import Unit
from byhand.shapes import COLOURS, SHAPES, scenes
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "17-few-labels"


@pytest.fixture(scope="module")
def mine():
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("invert").__globals__


@pytest.fixture(scope="module")
def pictures():
    return module(UNIT, "pictures")


@pytest.fixture(scope="module")
def results():
    return json.loads((ROOT / "course" / UNIT / "results.json").read_text())


def leaf(*arrays):
    return [torch.tensor(np.asarray(a, dtype=float), requires_grad=True) for a in arrays]


# Equations ------------------------------------------------------------------------------------------------------------


def unit_length():
    rng = np.random.default_rng(0)
    [z] = leaf(3 * rng.normal(size=4))
    du = rng.normal(size=4)
    F.normalize(z, dim=0).backward(torch.tensor(du))
    n = np.linalg.norm(z.detach().numpy())
    u = z.detach().numpy() / n
    assert_close((du - (du @ u) * u) / n, z.grad.numpy())


def triplets(margin=0.5, N=6):
    rng = np.random.default_rng(1)
    a, p, n = leaf(*(rng.normal(size=(N, 3)) for _ in range(3)))
    h = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + margin
    J = torch.relu(h).mean()
    J.backward()
    on = (h > 0).numpy()
    assert 0 < on.sum() < N
    return (
        [v.detach().numpy() for v in (a, p, n)],
        [v.grad.numpy() for v in (a, p, n)],
        h.detach().numpy(),
        on,
        J.item(),
    )


def triplet():
    (a, p, n), _, h, _, J = triplets()
    mine = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.5
    assert_close(mine, h)
    assert_close(np.maximum(mine, 0).mean(), J)


def pull():
    (a, p, n), grads, _, on, _ = triplets()
    found = [2 / len(a) * on[:, None] * d for d in (n - p, p - a, a - n)]
    for d, g in zip(found, grads, strict=True):
        assert_close(d, g)
    np.testing.assert_allclose(sum(found), 0, atol=1e-15)


def let_in(f=0.08, n=5):
    total = 0.0
    for accepted in itertools.product((False, True), repeat=n):
        total += np.prod([f if a else 1 - f for a in accepted]) * any(accepted)
    assert_close(1 - (1 - f) ** n, total)


def ntxent():
    rng, N, tau = np.random.default_rng(2), 4, 0.5
    U = rng.normal(size=(2 * N, 3))
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    J = 0.0
    for i in range(2 * N):
        others = [j for j in range(2 * N) if j != i]
        J -= np.log(np.exp(U[i] @ U[(i + N) % (2 * N)] / tau) / sum(np.exp(U[i] @ U[j] / tau) for j in others)) / (
            2 * N
        )
    S = torch.tensor(U @ U.T / tau).masked_fill(torch.eye(2 * N, dtype=torch.bool), -torch.inf)
    assert_close(J, F.cross_entropy(S, torch.tensor([(i + N) % (2 * N) for i in range(2 * N)])).item())


def joint():
    """The loss is the sum of the two, and so is the encoder's gradient."""
    checks, unit = module(UNIT, "checks"), Unit(ROOT, UNIT)
    answer = Answers(read_source(unit.exercises).notebook, unit.course).function("joint_loss")
    args = checks.make_joint(np.random.RandomState(3), 5, 3, 6, 7, 4, 8)
    found = [answer(**{**args, "lam": lam}) for lam in (0.0, 1.0, 0.7)]
    for name in ("J", "dW", "db"):
        assert_close(found[0][name] + 0.7 * (found[1][name] - found[0][name]), found[2][name])


def pseudo():
    rng = np.random.default_rng(4)
    weak, strong = 3 * rng.normal(size=(9, 4)), rng.normal(size=(9, 4))
    w, o = leaf(weak, strong)
    q, answer = torch.softmax(w, 1).max(1)
    J = ((q >= 0.8).detach() * F.cross_entropy(o, answer, reduction="none")).mean()
    J.backward()
    assert w.grad is None or not w.grad.any()
    p = np.exp(weak) / np.exp(weak).sum(1, keepdims=True)
    logs = strong - np.log(np.exp(strong).sum(1, keepdims=True))
    sure = p.max(1) >= 0.8
    assert 0 < sure.sum() < 9
    assert_close((sure * -logs[np.arange(9), p.argmax(1)]).mean(), J.item())


def both_ways(N=5):
    rng = np.random.default_rng(5)
    Ua, Ub = (F.normalize(torch.tensor(rng.normal(size=(N, 4))), dim=1).requires_grad_() for _ in range(2))
    [log_s] = leaf(np.log(3.0))
    S = torch.exp(log_s) * Ua @ Ub.T
    S.retain_grad()
    J = (F.cross_entropy(S, torch.arange(N)) + F.cross_entropy(S.T, torch.arange(N))) / 2
    J.backward()
    S_, rows, columns = S.detach().numpy(), torch.softmax(S, 1).detach().numpy(), torch.softmax(S, 0).detach().numpy()
    return dict(Ua=Ua, Ub=Ub, log_s=log_s, S=S_, dS=S.grad.numpy(), rows=rows, columns=columns, J=J.item(), N=N)


def clip_loss():
    c = both_ways()
    assert_close(c["S"], 3 * (c["Ua"] @ c["Ub"].T).detach().numpy())
    assert_close(-(np.log(np.diag(c["rows"])) + np.log(np.diag(c["columns"]))).sum() / (2 * c["N"]), c["J"])


def clip_scores():
    c = both_ways()
    dS = (c["rows"] + c["columns"] - 2 * np.eye(c["N"])) / (2 * c["N"])
    assert_close(dS, c["dS"])
    assert abs(dS.sum()) < 1e-12


def clip_back():
    c = both_ways()
    assert_close(3 * c["dS"] @ c["Ub"].detach().numpy(), c["Ua"].grad.numpy())
    assert_close(3 * c["dS"].T @ c["Ua"].detach().numpy(), c["Ub"].grad.numpy())
    assert_close((c["dS"] * c["S"]).sum(), c["log_s"].grad.item())


def one_row():
    """A mean of rows, and a step of which one row alone is taken: the others stay, to the last digit."""
    rng = np.random.default_rng(6)
    [E] = leaf(rng.normal(size=(5, 3)))
    words, new = torch.tensor([0, 2, 4, 4]), 4
    F.embedding_bag(words[None], E, mode="mean")[0].backward(torch.tensor([1.0, -2.0, 0.5]).double())
    assert_close(E.grad[new].numpy(), np.array([1.0, -2.0, 0.5]) * 2 / 4)
    assert E.grad[0].any() and not E.grad[1].any()
    after = E.detach().clone()
    after[new] -= 0.1 * E.grad[new]
    assert [torch.equal(after[k], E[k]) for k in range(5)] == [True, True, True, True, False]


EQUATIONS = {
    "eq-few-unit": unit_length, "eq-few-triplet": triplet, "eq-few-pull": pull, "eq-few-far": let_in, "eq-few-ntxent": ntxent,
    "eq-few-joint": joint, "eq-few-pseudo": pseudo, "eq-few-clip": clip_loss, "eq-few-ds": clip_scores, "eq-few-du": clip_back,
    "eq-few-word": one_row,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label):
    EQUATIONS[label]()


def test_a_collapse_has_the_margin_as_loss_and_no_gradient(mine):
    same = np.tile([0.6, 0.8], (5, 1))
    J, *grads = mine["triplet_loss"](same, same, same, 0.3)
    assert J == pytest.approx(0.3) and not any(g.any() for g in grads)


# The modules beside the exercises -------------------------------------------------------------------------------------


def test_the_nets_gradients_are_autograd_s():
    nets, rng = module(UNIT, "nets"), np.random.default_rng(0)
    p = nets.first_net((4, 6, 5, 3), 0)
    x, dout = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    out, kept = nets.forward(x, p)
    grads, dx = nets.backward(dout, kept, p)
    t = dict(zip(p, leaf(*p.values()), strict=True))
    [h0] = leaf(x)
    h = h0
    for k in (1, 2, 3):
        h = F.linear(h, t[f"W{k}"], t[f"b{k}"])
        h = torch.relu(h) if k < 3 else h
    h.backward(torch.tensor(dout))
    assert_close(out, h.detach().numpy())
    assert_close(dx, h0.grad.numpy())
    for name in p:
        assert_close(grads[name], t[name].grad.numpy())


def test_adam_is_torch_s():
    nets, rng = module(UNIT, "nets"), np.random.default_rng(1)
    p = {"W": rng.normal(size=(2, 3))}
    [w] = leaf(p["W"])
    theirs, ours = torch.optim.Adam([w], lr=0.1, betas=(0.9, 0.99)), nets.Adam(p, 0.1, 10**9)
    for _ in range(5):
        g = rng.normal(size=(2, 3))
        w.grad = torch.tensor(g)
        theirs.step()
        ours.step({"W": g})
    np.testing.assert_allclose(p["W"], w.detach().numpy(), rtol=1e-6)


def test_views_are_of_their_image_and_stay_images():
    few = module(UNIT, "few")
    x, y, x_test, y_test = few.digits()
    assert x.shape == (1297, 64) and x_test.shape == (500, 64) and len(y) == 1297 and len(y_test) == 500
    a, b = (few.views(x[:200], np.random.RandomState(seed)) for seed in (0, 1))
    assert a.shape == (200, 64) and 0 <= a.min() and a.max() <= 1
    assert np.array_equal(a, few.views(x[:200], np.random.RandomState(0))) and not np.array_equal(a, b)
    means = few.views(np.repeat(x[:20], 200, axis=0), np.random.RandomState(0)).reshape(20, 200, 64).mean(axis=1)
    # the mean of many views is like the image, and like no other of the twenty
    alike = np.corrcoef(means, x[:20])[:20, 20:]
    assert (alike.argmax(axis=1) == np.arange(20)).all() and np.diag(alike).min() > 0.8
    part = few.labelled(y, 2, seed=0)
    assert np.bincount(y[part]).tolist() == [2] * 10


def test_the_equal_error_rate_of_a_small_case():
    people = module(UNIT, "people")
    same, other = np.array([0.1, 0.2, 0.3, 0.9]), np.array([0.25, 0.8, 1.0, 1.1])
    threshold, error = people.equal_error(same, other)
    assert threshold in (0.3, 0.8) and error in (0.25, 0.375)
    assert (same > threshold).mean() + (other <= threshold).mean() == pytest.approx(2 * error)
    U, who = np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 1, 2])
    G, names, Q, truth = people.gallery(U, who)
    assert (
        G[:, 0].tolist() == [0, 2, 5]
        and names.tolist() == [0, 1, 2]
        and Q[:, 0].tolist() == [1, 3, 4]
        and truth.tolist() == [0, 1, 1]
    )
    inside, between = people.of_pairs(U, who)
    assert sorted(inside.tolist()) == [1, 1, 1, 4] and len(between) == 11


def test_every_way_of_mining_takes_a_negative_of_another_person():
    people, rng = module(UNIT, "people"), np.random.RandomState(0)
    who = np.repeat(np.arange(4), 3)
    U = rng.normal(size=(12, 5))
    for mining in (people.random_negatives, people.hardest):
        a, p, n = mining(U, who, 0.3, rng).T
        assert len(a) == 24 and (a != p).all() and (who[a] == who[p]).all() and (who[a] != who[n]).all()
    d = people.distances(U, U)
    assert all(d[i, k] == d[i][who != who[i]].min() for i, _, k in people.hardest(U, who, 0.3, rng))


def test_captions_leave_out_all_but_the_shape():
    clip, rng = module(UNIT, "clip"), np.random.RandomState(0)
    drawn = scenes(200, 0, pairs=clip.pairs())
    said = [clip.caption(drawn, k, rng).split() for k in range(200)]
    assert all(SHAPES[drawn.shape[k, 0]] in words and words[0] == "a" for k, words in enumerate(said))
    named = np.mean([COLOURS[drawn.colour[k, 0]] in words for k, words in enumerate(said)])
    assert 0.6 < named < 0.8 and {len(words) for words in said} > {3, 4, 5}
    shown = set(zip(drawn.shape[:, 0].tolist(), drawn.colour[:, 0].tolist(), strict=True))
    assert not shown & set(clip.UNSEEN) and len(clip.UNSEEN) == 5
    only = scenes(50, 0, pairs=clip.pairs(unseen=True))
    assert set(zip(only.shape[:, 0].tolist(), only.colour[:, 0].tolist(), strict=True)) <= set(clip.UNSEEN)
    shares = clip.bag(["a red red circle"])
    assert shares[0, clip.WORDS.index("red")] == 0.5 and shares.sum() == 1


def test_a_word_is_learned_and_all_else_is_left_alone(mine):
    clip = module(UNIT, "clip")
    net = clip.train(mine, 0, pictures=200, steps=5)[0]
    before = {k: v.copy() for k, v in net["text"].items()}
    after = clip.learn_word(mine, net, scenes(3, 7, pairs=clip.pairs([5])), steps=5)
    assert np.array_equal(net["E"][:-1], after["E"][:-1]) and not np.array_equal(net["E"][-1], after["E"][-1])
    assert all(np.array_equal(before[k], after["text"][k]) for k in before) and after["image"] is net["image"]


# Pictures -------------------------------------------------------------------------------------------------------------


def test_the_stepper_of_infonce_shows_torch_s_numbers(pictures):
    A, B = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.8, 0.6], [0.6, -0.8]])
    a, b, log_s = leaf(A, B, 0.0)
    S = torch.exp(log_s) * F.normalize(a, dim=1) @ F.normalize(b, dim=1).T
    J = (F.cross_entropy(S, torch.arange(2)) + F.cross_entropy(S.T, torch.arange(2))) / 2
    J.backward()
    frames = pictures.info_nce_stepper(A, B).frames
    assert f"{J.item():.4f}" == "1.1093" and "1.1093" in frames[3].equation[-1]
    assert f"{log_s.grad.item():.4f}" in frames[5].equation
    drawn = frames[-1].drawing
    for value in (*a.grad.numpy().ravel(), -0.2251, 0.3131, -0.4011, 0.5498, 0.1978):
        assert pictures._n(value) in drawn
    assert "a fifth" in frames[2].sentence and 0.19 < 0.1978 < 0.21


def test_the_triplets_of_the_stepper_are_what_their_sentences_say(pictures):
    shown = [
        (0.5, (1, 0), (1, 1)),
        (0.5, (1, 0), (1, 0.5)),
        (0.5, (1, 0), (0.5, 0.5)),
        (0.5, (1, 0), (0.1, 0.1)),
        (0.5, (0.1, 0), (0.07, 0.07)),
        (0.5, (0, 0), (0, 0)),
    ]
    found = [pictures.triplet_numbers((0, 0), p, n, margin) for margin, p, n in shown]
    easy, semi, hard, very, near, gone = found
    assert easy[2] < 0 and not easy[3].any()
    assert semi[0] < semi[1] < semi[0] + 0.5 and semi[2] == 0.25
    assert_close(semi[3], np.array([[0, 1], [2, 0], [-2, -1]]))
    assert hard[1] < hard[0] and np.abs(hard[3][2]).max() < np.abs(semi[3][2]).max()
    assert very[2] > 1.4 and np.linalg.norm(very[3][2]) < 0.3 and np.linalg.norm(very[3][1]) == 2
    assert abs(near[2] - 0.5) < 0.01 and np.abs(near[3]).max() <= 0.2 + 1e-12
    assert gone[2] == 0.5 and not gone[3].any()
    for frame, numbers in zip(pictures.triplet_stepper().frames, found, strict=True):
        assert pictures._n(max(numbers[2], 0)) in frame.drawing


def test_the_scales_say_who_gets_the_gradient(pictures):
    P = {s: pictures._softmax(s * pictures.COSINES, 1) for s in (1, 10, 30, 100)}
    push = {s: p - np.eye(4) for s, p in P.items()}
    assert P[1].max() < 0.5
    wrong = {s: np.abs(push[s] * (1 - np.eye(4))).max(axis=1) for s in P}
    assert (wrong[30][:3] < 0.01).all() and wrong[30][3] > 0.9
    assert (wrong[100][:3] < 1e-5).all() and wrong[100][3] > 0.99
    assert ((push[10] * (1 - np.eye(4)) > 0.01).sum(axis=1) <= 2).all()


def test_the_new_row_alone_moves_in_the_stepper(pictures):
    last = pictures.new_row_stepper().frames[-1].drawing
    assert "0.1, 0.8" in last  # the row it began with
    assert f"{0.1 - 0.5 * 0.2:g}" == "0" and "(0, 0.85)" in last


def test_the_door_shows_what_was_measured(pictures, results):
    door = results["faces"]["door"]
    curves = np.mean([run["curves"] for run in door], axis=0)
    shown = pictures.door_choices(door).frames
    assert len(shown) == 24
    for (people, threshold), frame in shown.items():
        [row] = curves[np.abs(curves[:, 0] - float(threshold)) < 1e-9]
        known, strangers = round(100 * row[4]), round(100 * row[1 + ("1", "10", "19").index(people)])
        assert (
            f"Of the known people {known} are not recognised; of the strangers {strangers} are let in" in frame.drawing
        )
        assert frame.drawing.count("h0") == 200


# What the experiments gave, and what the prose says of it --------------------------------------------------------------

FEW = ("10", "20", "50", "100")


def test_few_labels_as_the_lesson_tells_it(results):
    accuracy = {name: {k: np.array(v) for k, v in by.items()} for name, by in results["digits"]["accuracy"].items()}
    assert all(list(by) == [*FEW, "1000"] and all(len(v) == 3 for v in by.values()) for by in accuracy.values())
    plain, views = accuracy["supervised"], accuracy["supervised, augmented"]
    logistic, graph = accuracy["logistic regression on pixels"], accuracy["label spreading, a graph"]
    assert all(abs(plain[k].mean() - logistic[k].mean()) < 0.01 for k in plain)
    assert all((views[k] > plain[k]).all() for k in FEW[:3])
    assert 0.02 < (plain["1000"] - views["1000"]).mean() < 0.04
    probe = accuracy["contrastive, then a probe"]
    assert all((probe[k] < views[k]).all() for k in FEW) and all(
        abs(probe[k].mean() - plain[k].mean()) < 0.02 for k in plain
    )
    for name in ("joint", "pseudo-labels"):
        assert all(abs((accuracy[name][k] - views[k]).mean()) < 0.035 for k in FEW)
        assert all((accuracy[name][k] <= views[k]).all() for k in ("50", "100", "1000"))
        assert not (accuracy[name]["20"] > views["20"]).all() and (accuracy[name]["20"] > views["20"]).any()
    networks = [
        "the same on an untrained net",
        "supervised",
        "supervised, augmented",
        "contrastive, then a probe",
        "joint",
        "pseudo-labels",
    ]
    assert all((graph[k] > accuracy[name][k]).all() for name in networks for k in (*FEW[1:], "1000"))
    assert abs(graph["1000"].mean() - accuracy["nearest neighbour on pixels"]["1000"].mean()) < 0.005
    first, last = results["digits"]["loss"]
    assert f"{first:.1f}" == "5.4" and f"{last:.1f}" == "4.4"


def test_the_alt_text_of_the_labels_plot_has_the_numbers(results, pictures):
    text = (ROOT / "course" / UNIT / "lesson.md").read_text()
    [alt] = re.findall(r'alt: "(Accuracy over the number of labels[^"]*)"', text)
    means = {
        name: {k: 100 * np.mean(v) for k, v in by.items()}
        for name, by in results["digits"]["accuracy"].items()
        if name in pictures.SHOWN
    }
    assert (
        f"between {min(m['10'] for m in means.values()):.0f} and {max(m['10'] for m in means.values()):.0f} per cent"
        in alt
    )
    best = [max(means, key=lambda name, k=k: means[name][k]) for k in FEW]
    assert set(best) == {"label spreading, a graph"} and f"reaches {means[best[0]]['100']:.0f}" in alt
    assert f"pseudo-labels at {means['pseudo-labels']['1000']:.0f}" in alt


def test_the_collapse_as_the_lesson_tells_it(results):
    mining = results["faces"]["mining"]
    right = {name: np.array(found["identification"]) for name, found in mining.items()}
    last = {name: np.array(found["last"])[:, 0] for name, found in mining.items() if "last" in found}
    distances = {name: np.array(found["distances"]) for name, found in mining.items() if "distances" in found}
    assert np.abs(last["batch-hard"] - 0.3).max() < 0.005 and distances["batch-hard"].max() < 0.02
    assert all((right["semi-hard"] > v).all() for name, v in right.items() if name != "semi-hard")
    assert all(distances[name][:, 1].min() > 1.8 for name in distances if name != "batch-hard")
    assert (right["batch-hard"] > right["pixels"]).all()
    for name, low, high in (("hardest negative", 4, 14), ("batch-hard", 4, 60)):
        for curve in np.array(mining[name]["curve"]):  # means of ten steps each
            assert np.abs(curve[low:high] - 0.3).max() < 0.015
    assert (last["hardest negative"] < 0.1).all()


def test_strangers_at_the_door_as_the_lesson_tells_it(results):
    door = results["faces"]["door"]
    error, refused = (np.array([run[k] for run in door]) for k in ("error", "refused"))
    assert 0.065 < error.min() and error.max() < 0.085  # "7 to 8 %"
    assert (refused <= 0.4).all() and refused.mean() < (1 - error.mean()) ** 10
    curves = np.mean([run["curves"] for run in door], axis=0)
    at = np.abs(curves[:, 0] - np.mean([run["threshold"] for run in door])).argmin()
    assert curves[at, 3] > 0.5 and curves[at, 1] < curves[at, 2] < curves[at, 3]
    assert curves[np.abs(curves[:, 0] - 1).argmin(), 4] < 0.05


def test_zero_shot_and_inversion_as_the_lesson_tells_it(results):
    found = results["shapes"]
    seen, unseen = (found["zero-shot"][name] for name in ("pairs that occurred", "pairs that never occurred"))
    assert 0.85 <= min(seen["shape"] + seen["pair"]) and max(seen["shape"] + seen["pair"]) < 0.905
    assert 0.45 < min(unseen["shape"] + unseen["pair"]) and np.mean(unseen["shape"]) < 0.55
    for by_count in found["inversion"].values():
        for v in by_count.values():
            assert min(v["colour"]) > 0.97
            assert 0.87 < np.mean(v["old before"]) < 0.885 and 0.585 < np.mean(v["old after"]) < 0.705
        assert np.mean(by_count["20"]["found"]) > np.mean(by_count["1"]["found"])
    [alt] = re.findall(r'alt: "(Five rows of eight[^"]*)"', (ROOT / "course" / UNIT / "lesson.md").read_text())
    pool = scenes(400, 950, pairs=module(UNIT, "clip").pairs(range(6)))
    for prompt, nearest in found["nearest"].items():
        counts = Counter(SHAPES[k] for k in pool.shape[nearest, 0]).most_common()
        says = ", ".join(f"{n} {shape}{'s' * (n > 1)}" for shape, n in sorted(counts, key=lambda c: (-c[1], c[0])))
        assert f"{prompt.replace('<new>', 'new')}: {says.replace('crosss', 'crosses')}" in alt
        colours = {COLOURS[k] for k in pool.colour[nearest, 0]}
        assert len(prompt.split()) < 3 or colours == {prompt.split()[1]}
    assert len(found["nearest"]) == 5


def test_the_lesson_prints_what_its_prose_says():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert (
        "hinge 0.25" in outputs
        and "torch's gradient at a: [0. 1.]" in outputs
        and "torch's gradient at n: [-2. -1.]" in outputs
    )
    assert "J = 1.1093, d log s = 0.5165" in outputs
    assert "a large green" in outputs or "a small" in outputs


@pytest.mark.slow
def test_the_students_embeddings_learn():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    hard, semi = (
        [float(v) for v in re.findall(rf"^{name} +identified (\S+),", outputs, re.M)]
        for name in ("batch-hard", "semi-hard")
    )
    assert len(hard) == len(semi) == 3 and min(semi) > max(0.6, *hard)
    [refused] = re.findall(r"strangers refused (\S+)", outputs)
    assert float(refused) < 0.5
    found = {
        name: [float(v) for v in numbers.split()]
        for name, numbers in re.findall(r"^(supervised|augmented|joint|pixels) +([\d. ]+)$", outputs, re.M)
    }
    assert np.mean(found["augmented"]) > np.mean(found["supervised"]) and len(found) == 4
    [zero] = re.findall(r"zero-shot, shape of five: (\S+)", outputs)
    [taken] = re.findall(r"taken for <new>: (\S+)", outputs)
    assert float(zero) > 0.75 and float(taken) > 0.4
    assert "all other rows as before: True" in outputs


def test_the_prompts_show_what_was_measured(pictures, results):
    pool = scenes(400, 950, pairs=module(UNIT, "clip").pairs(range(6)))
    shown = pictures.prompt_choices(results["retrieval"], pool).frames
    assert len(shown) == 42
    for (colour, word), frame in shown.items():
        prompt = f"a {word}" if colour == "no colour" else f"a {colour} {word}"
        assert repr(prompt) in frame.sentence and frame.drawing.count("<image") == 6
        assert results["retrieval"][prompt]["cosine"] == sorted(results["retrieval"][prompt]["cosine"], reverse=True)
    for prompt, nearest in results["shapes"]["nearest"].items():
        assert results["retrieval"][prompt]["at"] == nearest[:6]
