"""Unit 19: the equations of the lesson against torch and against counting, the world of questions, the pictures' numbers, the experiments."""

import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "19-images-and-questions"


@pytest.fixture(scope="module")
def mine():
    return solution()


def solution():
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("fusion").__globals__


@pytest.fixture(scope="module")
def world():
    return module(UNIT, "questions")


@pytest.fixture(scope="module")
def results():
    return json.loads((ROOT / "course" / UNIT / "results.json").read_text())


def leaf(*arrays):
    return [torch.tensor(np.asarray(a, dtype=float), requires_grad=True) for a in arrays]


# Equations -------------------------------------------------------------------------------------------------------------


def prior():
    """No rule that hears the question alone does better: all rules are tried, in a small world."""
    import itertools

    rng = np.random.default_rng(0)
    P, given = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(4), size=3)
    best = max(sum(P[q] * given[q, a] for q, a in enumerate(rule)) for rule in itertools.product(range(4), repeat=3))
    assert_close((P * given.max(axis=1)).sum(), best)


def carry():
    """The masked recurrence against packed sequences."""
    rng = np.random.default_rng(1)
    lstm, lengths = torch.nn.LSTM(3, 4).double(), [5, 2, 1]
    x = torch.tensor(rng.normal(size=(5, 3, 3)))
    _, (wanted, _) = lstm(torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths)))
    h, c = torch.zeros(3, 4).double(), torch.zeros(3, 4).double()
    for t in range(5):
        _, (new_h, new_c) = lstm(x[t : t + 1], (h[None], c[None]))
        m = torch.tensor([[float(t < n)] for n in lengths]).double()
        h, c = m * new_h[0] + (1 - m) * h, m * new_c[0] + (1 - m) * c
    assert_close(h.detach().numpy(), wanted[0].detach().numpy())


def some():
    rng = np.random.default_rng(2)
    q, v = rng.normal(size=(4, 5)), rng.normal(size=(4, 6))
    side = {"W": rng.normal(size=(7, 11)), "b": rng.normal(size=7)}
    product = {"Wq": rng.normal(size=(7, 5)), "Wv": rng.normal(size=(7, 6))}
    return q, v, side, product, rng


def side():
    """Against two separate linear layers, whose results are added before the ReLU."""
    q, v, p, _, _ = some()
    q, v, W, b = leaf(q, v, p["W"], p["b"])
    wanted = torch.relu(F.linear(q, W[:, :5]) + F.linear(v, W[:, 5:]) + b)
    f, _ = solution()["fusion"](q.detach().numpy(), v.detach().numpy(), p, "side by side")
    assert_close(f, wanted.detach().numpy())


def product():
    q, v, _, p, _ = some()
    wanted = torch.tanh(torch.tensor(q) @ torch.tensor(p["Wq"]).T) * torch.tanh(
        torch.tensor(v) @ torch.tensor(p["Wv"]).T
    )
    assert_close(solution()["fusion"](q, v, p, "product")[0], wanted.numpy())


def attention():
    q, _, _, _, rng = some()
    v, p = (
        rng.normal(size=(4, 3, 6)),
        {"Wa": rng.normal(size=(8, 6)), "Ua": rng.normal(size=(8, 5)), "w": rng.normal(size=8)},
    )
    g, P, _ = solution()["region_attention"](q, v, p)
    e = torch.tensor([[p["w"] @ np.tanh(p["Wa"] @ v[n, m] + p["Ua"] @ q[n]) for m in range(3)] for n in range(4)])
    wanted = torch.softmax(e, dim=1)
    assert_close(P, wanted.numpy())
    assert_close(g, torch.bmm(wanted[:, None], torch.tensor(v))[:, 0].numpy())


def total():
    """The network of the kind "sum", whose fusion is asked region by region."""
    answering, rng = module(UNIT, "answering"), np.random.default_rng(3)
    world, mine = module(UNIT, "questions"), solution()
    parts = answering.Parts(*(mine[name] for name in answering.Parts._fields))
    data, p = world.ask(3, 5), answering.first_weights("sum", 0)
    x = answering.looked_at(data.images, "sum")
    _, k = answering.forward(parts, x, data.questions.T, data.lengths, p, "sum")
    each = [mine["fusion"](k["q"], k["v"][:, m], {"W": p["Wf"], "b": p["bf"]}, "side by side")[0] for m in range(9)]
    assert_close(k["f"], sum(each))
    del rng


def soft():
    """Against the words: three who agree are enough, and each of fewer counts a third."""
    counts = (
        np.arange(11)[:, None] * np.array([[1, 0]]) + np.array([[0, 10]]) - np.arange(11)[:, None] * np.array([[0, 1]])
    )
    target, _ = solution()["soft_score"](counts)
    assert_close(target[:, 0], np.array([0, 1 / 3, 2 / 3] + [1.0] * 8))


def official():
    counts = np.stack([np.arange(11), 10 - np.arange(11)], axis=1)
    _, score = solution()["soft_score"](counts)
    by_hand = [np.mean([min((n - (i < n)) / 3, 1) for i in range(10)]) for n in range(11)]
    assert_close(score[:, 0], np.array(by_hand))
    assert [round(v, 10) for v in by_hand[:5]] == [0, 0.3, 0.6, 0.9, 1]


EQUATIONS = {
    "eq-vqa-prior": prior, "eq-vqa-carry": carry, "eq-vqa-side": side, "eq-vqa-product": product, "eq-vqa-attention": attention,
    "eq-vqa-sum": total, "eq-vqa-soft": soft, "eq-vqa-official": official,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label):
    EQUATIONS[label]()


def test_every_equation_is_in_the_lesson():
    assert sorted(EQUATIONS) == sorted(labels(UNIT))


# The world -------------------------------------------------------------------------------------------------------------


def test_questions_are_the_same_from_every_call_and_their_answers_are_true(world):
    a, b = world.ask(300, 3), world.ask(300, 3)
    assert (
        a.images.shape == (300, 24, 24, 3)
        and np.array_equal(a.images, b.images)
        and np.array_equal(a.answers, b.answers)
    )
    assert set(a.kinds) == set(range(5))
    for n in range(300):
        words, answer = a.text(n).split(), world.ANSWERS[a.answers[n]]
        assert len(words) == a.lengths[n]
        allowed = {0: world.COLOURS, 1: world.SHAPES, 2: ("yes", "no"), 3: world.NUMBERS, 4: world.COLOURS}
        assert answer in allowed[a.kinds[n]]
    rng = np.random.RandomState(0)
    # a red circle top left, blue square beside it, yellow square middle right
    things = [
        (0, 0, 0),
        (1, 2, 1),
        (1, 3, 5),
    ]
    asked = {kind: {world.question(kind, things, rng) for _ in range(60)} for kind in world.KINDS}
    said = {(" ".join(q[1]), q[2]) for found in asked.values() for q in found if q}
    assert ("what colour is the circle", "red") in said and ("what shape is the blue thing", "square") in said
    assert ("how many squares are there", "two") in said and ("how many crosses are there", "none") in said
    assert ("is there a red circle", "yes") in said and ("is there a red square", "no") in said
    assert not any(words == "what colour is the square" for words, _ in said)  # there are two
    assert asked["left of"] == {None}  # beside the circle there is nothing on its left, and there are two squares


def test_a_bias_makes_most_circles_red(world):
    for share in (0.25, 0.7):
        drawn = world.shapes.scenes(3000, 1, world.GRID, world.THINGS, world.bias(share))
        circles = drawn.colour[drawn.shape == 0]
        assert np.mean(circles == 0) == pytest.approx(share, abs=0.03)
        assert set(drawn.shape[drawn.shape >= 0]) == set(range(4)) == set(drawn.colour[drawn.colour >= 0])


def test_the_pictures_of_a_pair_differ_in_the_thing_asked_for_alone(world):
    one, other = world.pairs(40, 2)
    assert (
        len(one.answers) == 40
        and (one.answers != other.answers).all()
        and np.array_equal(one.questions, other.questions)
    )
    cells = np.abs(world.regions(one.images) - world.regions(other.images)).max(axis=2) > 1e-9
    assert (cells.sum(axis=1) == 1).all()


@pytest.mark.parametrize("kind", ["question", "side by side", "product", "attention", "sum"])
def test_the_networks_gradients_are_those_of_their_loss(kind, mine, world):
    """Along a random direction in all parameters, by differences; the forward pass is numpy's."""
    answering = module(UNIT, "answering")
    parts = answering.Parts(*(mine[name] for name in answering.Parts._fields))
    data, p = world.ask(6, 4), answering.first_weights(kind, 1)
    x, ids = answering.looked_at(data.images, kind), data.questions.T
    target = np.eye(len(world.ANSWERS))[data.answers]

    def loss(p):
        return mine["soft_loss"](answering.forward(parts, x, ids, data.lengths, p, kind)[0], target)

    _, k = answering.forward(parts, x, ids, data.lengths, p, kind)
    grads = answering.backward(parts, loss(p)[1], k, x, ids, data.lengths, p, kind)
    assert sorted(grads) == sorted(p)
    rng = np.random.RandomState(0)
    for name in p:
        direction = rng.normal(size=p[name].shape)
        up, down = (loss({**p, name: p[name] + h * direction})[0] for h in (1e-6, -1e-6))
        assert (up - down) / 2e-6 == pytest.approx((grads[name] * direction).sum(), rel=1e-4, abs=1e-6), name


# Pictures, and what the experiments gave ---------------------------------------------------------------------------------


def test_the_look_shows_the_numbers_of_torch():
    pictures = module(UNIT, "pictures")
    frames = pictures.look_stepper().frames
    v, q = leaf([1.0, 2.0, -1.0], 1.0)
    P = torch.softmax(2.0 * torch.tanh(v - 0.5 * q), dim=0)
    (P @ v).backward()
    last = frames[-1].drawing
    assert all(f"{n:.4f}".replace("-", "−") in last for n in v.grad.tolist())
    assert f"{q.grad.item():.4f}".replace("-", "−") in frames[7].drawing
    assert f"{(P @ v).item():.4f}" in frames[4].equation


def test_what_the_lesson_says_of_the_experiments(results):
    kinds = {name: np.array(runs) for name, runs in results["kinds"].items() if name not in ("pairs", "looks")}
    mean = {name: runs.mean(axis=0) for name, runs in kinds.items()}
    assert (
        abs(mean["question"][0] - mean["most common answer"][0]) < 0.01
        and abs(mean["product"][0] - mean["question"][0]) < 0.01
    )
    assert 0.055 < mean["side by side"][0] - mean["question"][0] < 0.065  # "six points"
    assert min(mean["attention"][1:4]) > 0.8 and 0.1 < mean["attention"][4] - mean["most common answer"][4] < 0.2
    assert all(0.42 < mean[name][5] < 0.52 for name in ("side by side", "sum", "attention"))
    assert mean["sum"][4] < 0.46 and np.ptp(kinds["attention"][:, 0]) > 0.1
    pairs = {name: np.array(runs)[:, 0] for name, runs in results["kinds"]["pairs"].items()}
    assert pairs["question"].max() == 0 and pairs["attention"].min() > 0.9
    assert len(results["kinds"]["looks"]) == 13
    prior = {
        share: {name: np.mean(found[name], axis=0) for name in ("baseline", "attention")}
        for share, found in results["prior"].items()
        if found["attention"]
    }
    blind = [[round(100 * prior[share]["baseline"][world][0]) for share in ("0.7", "0.85")] for world in (0, 1)]
    assert blind[0] == [61, 70] and set(blind[1]) <= {34, 35}
    seen = [prior[share]["attention"] for share in ("0.7", "0.85")]
    assert [round(100 * found[0][0]) for found in seen] == [85, 87]
    assert [round(100 * (found[0][0] - found[1][0])) for found in seen] == [8, 24]
    assert [round(100 * found[0][1]) for found in seen] == [98, 98] and [
        round(100 * found[1][1]) for found in seen
    ] == [92, 69]
    assert 0.45 < np.mean(results["prior"]["0.85"]["pairs"], axis=0)[0] < 0.6  # "every other one"


def test_the_lesson_prints_what_its_prose_says():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    packed, alone, read_on = (
        re.findall(rf"{name}:? +(.*)", outputs)[0] for name in ("packed", "alone", "stands there")
    )
    assert packed.lstrip(": ") == alone.lstrip(": ") != read_on.lstrip(": ")
    small, middle, large = (float(v) for v in re.findall(r"ratio (\S+)", outputs))
    assert small < middle < large


@pytest.mark.slow
def test_the_students_networks_answer():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    found = {
        name.strip(): float(v)
        for name, v in re.findall(r"^(most common answer|question|attention) +(\S+) \|", outputs, re.M)
    }
    assert len(found) == 3 and abs(found["question"] - found["most common answer"]) < 0.06
    assert found["attention"] > found["question"] + 0.25


def test_the_world_that_can_be_turned_shows_what_was_measured(results):
    shown = module(UNIT, "pictures").prior_choices(results["prior"]).frames
    assert len(shown) == 10
    for share, found in results["prior"].items():
        for place, where in enumerate(("the same world", "the unbiased world")):
            sentence = shown[f"{100 * float(share):.0f} %", where].sentence
            for name in ("baseline", "attention"):
                every, colour = np.mean(found[name], axis=0)[place]
                assert f"{every:.2f}" in sentence and f"{colour:.2f}" in sentence
