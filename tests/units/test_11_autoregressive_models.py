"""Unit 11: every equation of the lesson, computed in numpy as it stands there and compared with torch; and the models exactly."""

import itertools
import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, printed

from byhand.checking import graded_report, visible_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.digits import binary_digits
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers, Variant, load_variants
from byhand.teaching.notebooks import read_source, solution_regions

UNIT = "11-autoregressive-models"
D, H, N = 5, 4, 3


@pytest.fixture(scope="module")
def solved():
    """Everything that the solution defines."""
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("draw").__globals__


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def images(D):
    return np.array(list(itertools.product([0.0, 1.0], repeat=D)))


def leaves(**arrays):
    return {k: torch.tensor(v, requires_grad=True) for k, v in arrays.items()}


def loss(o, x):
    return F.binary_cross_entropy_with_logits(o, torch.tensor(x), reduction="sum")


def word(rng):
    """A random table over all words of four letters from three: the product of its conditionals is the table."""
    table = rng.dirichlet(np.ones(81)).reshape((3,) * 4)
    for letters in itertools.product(range(3), repeat=4):
        factors = [table[letters[: k + 1]].sum() / table[letters[:k]].sum() for k in range(4)]
        assert_close(np.prod(factors), table[letters])


def ar_p(rng):
    """The conditional is a normal distribution about the weighted sum: its log-density is that of the noise."""
    x, alpha, c, sigma, new = rng.normal(size=6), rng.normal(size=3), 0.4, 0.7, 1.1
    mean = c + sum(alpha[i] * x[-1 - i] for i in range(3))
    theirs = (
        torch.distributions.Normal(*(torch.tensor(v, dtype=torch.float64) for v in (mean, sigma)))
        .log_prob(torch.tensor(new, dtype=torch.float64))
        .item()
    )
    assert_close(-(((new - mean) / sigma) ** 2) / 2 - np.log(sigma * np.sqrt(2 * np.pi)), theirs)


def chain(rng):
    """For a random table over 2^4 images: the product of its conditionals is the table, in any order of the pixels."""
    table = rng.dirichlet(np.ones(16)).reshape((2,) * 4)
    for order in itertools.permutations(range(4)):
        turned = table.transpose(order)
        for x in itertools.product([0, 1], repeat=4):
            factors = [turned[x[: d + 1]].sum() / turned[x[:d]].sum() for d in range(4)]
            assert_close(np.prod(factors), turned[x])


def table(rng):
    for n in range(1, 12):
        assert sum(2**d for d in range(n)) == 2**n - 1


def score(rng):
    o = rng.normal(size=7)
    theirs = torch.distributions.Bernoulli(logits=torch.tensor(o)).log_prob(torch.ones(7).double()).exp().numpy()
    assert_close(sigmoid(o), theirs)


def one(rng):
    """Any function of the pixels before gives a distribution; the last pixel's sum is 1 for each beginning."""
    x = images(6)
    o = np.stack([np.sin(7 * d + 3 * x[:, :d] @ rng.normal(size=d) ** 3) * 4 for d in range(6)], axis=1)
    factors = np.where(x == 1, sigmoid(o), 1 - sigmoid(o))
    assert_close(factors.reshape(-1, 2, 6)[:, :, 5].sum(axis=1), np.ones(32))
    assert abs(factors.prod(axis=1).sum() - 1) < 1e-12


def nll(rng):
    o, x = rng.normal(size=(N, D)), rng.integers(2, size=(N, D)).astype(float)
    leaf = torch.tensor(o, requires_grad=True)
    J = loss(leaf, x) / N
    J.backward()
    assert_close((np.log(1 + np.exp(o)) - x * o).sum() / N, J.item())
    assert_close((sigmoid(o) - x) / N, leaf.grad.numpy())


def fvsbn(rng):
    W, b = np.tril(rng.normal(size=(D, D)), -1), rng.normal(size=D)
    at = torch.tensor(rng.uniform(size=D))
    J = torch.autograd.functional.jacobian(lambda x: torch.tensor(W) @ x + torch.tensor(b), at).numpy()
    assert_close(J, W)
    assert (W != 0).sum() + D == D * (D + 1) // 2
    assert 64 * 65 // 2 == 2080


def fvsbn_back(rng):
    x, p = rng.integers(2, size=D).astype(float), leaves(W=rng.normal(size=(D, D)), b=rng.normal(size=D))
    o = p["W"].tril(-1) @ torch.tensor(x) + p["b"]
    loss(o, x).backward()
    do = sigmoid(o.detach().numpy()) - x
    dW = [[do[d] * x[e] if e < d else 0.0 for e in range(D)] for d in range(D)]
    assert_close(np.array(dW), p["W"].grad.numpy())
    assert_close(do, p["b"].grad.numpy())


def a_nade(rng):
    return dict(W=rng.normal(size=(H, D)), V=rng.normal(size=(D, H)), b=rng.normal(size=D), c=rng.normal(size=H))


def nade_by_hand(x, W, V, b, c):
    a, h, o = c, [], []
    for d in range(D):
        h.append(sigmoid(a))
        o.append(b[d] + V[d] @ h[d])
        a = a + x[d] * W[:, d]
    return np.array(o), np.array(h)


def nade_by_torch(x, W, V, b, c):
    """The definition: each hidden layer anew, from the pixels before."""
    x = torch.tensor(x)
    return torch.stack([b[d] + V[d] @ torch.sigmoid(c + W[:, :d] @ x[:d]) for d in range(D)])


def nade(rng):
    p, x = a_nade(rng), rng.integers(2, size=D).astype(float)
    assert_close(nade_by_hand(x, **p)[0], nade_by_torch(x, **leaves(**p)).detach().numpy())


def nade_gradients(rng):
    p, x = a_nade(rng), np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    leaf = leaves(**p)
    loss(nade_by_torch(x, **leaf), x).backward()
    o, h = nade_by_hand(x, **p)
    do, A, dW = sigmoid(o) - x, np.zeros(H), np.empty((H, D))
    for d in reversed(range(D)):
        dW[:, d] = x[d] * A
        A = A + do[d] * p["V"][d] * h[d] * (1 - h[d])
    return leaf, do, h, dW, A


def nade_back(rng):
    leaf, do, h, dW, _ = nade_gradients(rng)
    assert_close(dW, leaf["W"].grad.numpy())
    assert not dW[:, -1].any()
    assert_close(do[:, None] * h, leaf["V"].grad.numpy())
    assert_close(do, leaf["b"].grad.numpy())


def nade_c(rng):
    leaf, *_, A = nade_gradients(rng)
    assert_close(A, leaf["c"].grad.numpy())


def degrees(rng):
    return 1 + rng.permutation(6), rng.integers(1, 6, size=8), rng.integers(1, 6, size=7)


def all_masks(rng):
    m0, m1, m2 = degrees(rng)
    hidden = [[[float(a >= b) for b in before] for a in after] for after, before in ((m1, m0), (m2, m1))]
    output = [[[float(a > b) for b in before] for a in m0] for before in (m2, m0)]
    return m0, *(np.array(m) for m in (*hidden, *output))


def made_of(rng, M1, M2, MV, MA):
    p = leaves(**{k: rng.normal(size=m.shape) for k, m in dict(W1=M1, W2=M2, V=MV, A=MA).items()})
    p |= leaves(**{k: rng.normal(size=len(m)) for k, m in dict(b1=M1, b2=M2, c=MV).items()})

    def scores(x):
        h1 = torch.tanh((p["W1"] * torch.tensor(M1)) @ x + p["b1"])
        h2 = torch.tanh((p["W2"] * torch.tensor(M2)) @ h1 + p["b2"])
        return (p["V"] * torch.tensor(MV)) @ h2 + (p["A"] * torch.tensor(MA)) @ x + p["c"]

    return p, scores


def masks(rng):
    """With these masks the Jacobian is zero where it must be, and with direct weights nowhere else."""
    for _ in range(5):
        m0, *found = all_masks(rng)
        _, scores = made_of(rng, *found)
        J = torch.autograd.functional.jacobian(scores, torch.full((6,), 0.5).double()).numpy()
        assert ((J != 0) == (m0[:, None] > m0)).all()


def paths(rng):
    """Counted one by one."""
    m0, M1, M2, MV, MA = all_masks(rng)
    P = MV @ M2 @ M1
    assert (MA == (m0[:, None] > m0)).all()  # the direct weights fill every allowed place
    for d, e in itertools.product(range(6), repeat=2):
        through = sum(MV[d, j] * M2[j, i] * M1[i, e] for i in range(8) for j in range(7))
        assert P[d, e] == through
        assert P[d, e] == 0 or m0[d] > m0[e]


def made(rng):
    """All images together; each column of pixels is one; and the sum over them is 1."""
    m0, *found = all_masks(rng)
    p, scores = made_of(rng, *found)
    x = images(6)
    W1, W2, V, A = (p[k].detach().numpy() * m for k, m in zip(("W1", "W2", "V", "A"), found, strict=True))
    b1, b2, c = (p[k].detach().numpy() for k in ("b1", "b2", "c"))
    o = np.stack([V @ np.tanh(W2 @ np.tanh(W1 @ row + b1) + b2) + A @ row + c for row in x])
    assert_close(o, np.stack([scores(torch.tensor(row)).detach().numpy() for row in x]))
    assert abs(np.where(x == 1, sigmoid(o), 1 - sigmoid(o)).prod(axis=1).sum() - 1) < 1e-12


def made_back(rng):
    M, W, h, da = rng.integers(2, size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)
    leaf = leaves(W=W, h=h)
    ((leaf["W"] * torch.tensor(M)) @ leaf["h"]).backward(torch.tensor(da))
    assert_close((W * M).T @ da, leaf["h"].grad.numpy())
    assert_close(np.outer(da, h) * M, leaf["W"].grad.numpy())


def draws(rng):
    """Frequencies of the drawn images against their exact probabilities."""
    W, b, x = np.tril(rng.normal(size=(3, 3)), -1), rng.normal(size=3), np.zeros((200_000, 3))
    for d in range(3):
        x[:, d] = rng.uniform(size=len(x)) < sigmoid(x @ W[d] + b[d])
    every = images(3)
    p = np.where(every == 1, sigmoid(every @ W.T + b), 1 - sigmoid(every @ W.T + b)).prod(axis=1)
    share = np.bincount((x @ [4, 2, 1]).astype(int), minlength=8) / len(x)
    assert np.abs(share - p).max() < 0.005


EQUATIONS = {
    "eq-ar-word": word, "eq-ar-p": ar_p, "eq-ar-chain": chain, "eq-ar-table": table, "eq-ar-score": score, "eq-ar-sum": one,
    "eq-ar-nll": nll, "eq-ar-fvsbn": fvsbn, "eq-ar-fvsbn-back": fvsbn_back, "eq-ar-nade": nade,
    "eq-ar-nade-back": nade_back, "eq-ar-nade-c": nade_c, "eq-ar-masks": masks, "eq-ar-paths": paths, "eq-ar-made": made,
    "eq-ar-made-back": made_back, "eq-ar-draw": draws,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, rng):
    EQUATIONS[label](rng)


# The solution, exactly


@pytest.mark.parametrize("n", (1, 2, 6, 10))
def test_the_probabilities_of_the_solutions_models_sum_to_one(solved, rng, n):
    order, H = rng.permutation(n), 7
    masks = solved["made_masks"](np.argsort(order) + 1, *(rng.integers(1, max(n, 2), size=(2, H))))
    params = {k: rng.normal(size=m.shape) for k, m in masks.items()} | {k: rng.normal(size=H) for k in ("b1", "b2")}
    params["c"] = rng.normal(size=n)
    W, b, c = rng.normal(size=(n, n)), rng.normal(size=n), rng.normal(size=H)
    U, V = rng.normal(size=(H, n)), rng.normal(size=(n, H))
    for scores in (
        lambda x: solved["fvsbn"](x, W, b)["o"],
        lambda x: solved["nade_forward"](x, U, V, b, c)[0],
        lambda x: solved["made_forward"](x, params, masks)[0],
    ):
        assert abs(solved["total_probability"](scores, n)[2] - 1) < 1e-12


def test_the_given_cell_names_the_leaking_pixel(solved, rng, capsys):
    W = np.tril(rng.normal(size=(4, 4)), -1)
    W[2, 2] = 1.0
    solved["examine"](lambda x: x @ W.T, np.arange(4))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["A leak: output 3 depends on pixel 3."] and "sum to 1.0000000" not in lines[0]


def test_the_check_of_the_masks_names_the_leaking_pixel(capsys, monkeypatch):
    checks, unit = load_checks(Unit(ROOT, UNIT).course), Unit(ROOT, UNIT)
    answers = Answers(read_source(unit.exercises).notebook, unit.course)
    [wrong] = [
        v for v in load_variants(unit).misconceptions if (v.exercise, v.id) == ("made_masks", "direct-not-strict")
    ]
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    report = visible_report("made_masks", checks, answers.function("made_masks", wrong))
    assert "output 3 depends on pixel 3" in capsys.readouterr().out
    assert {row.name for row in report.verdict.rows if not row.right} == {"A", "sees", "total"}


STRIPPED = """
(N, D), H = x.shape, len(c)
x, W = np.array(x, dtype=float), np.asarray(W)
o, h = np.empty((N, D)), np.empty((D, N, H))
for d in range(D):
    h[d] = sigmoid(c + np.where(np.arange(D) < d, x, 0) @ W.T)
    o[:, d] = b[d] + h[d] @ V[d]
return o, h
"""
THROUGH_A_PLAIN_ARRAY = """
(N, D), H = x.shape, len(c)
pushes, o, h = np.zeros((D, N, H)), np.empty((N, D)), np.empty((D, N, H))
for d in range(D):
    pushes[d] = x[:, [d]] * W[:, d]
for d in range(D):
    h[d] = sigmoid(c + pushes[:d].sum(axis=0))
    o[:, d] = b[d] + h[d].dot(V[d])
return o, h
"""
BACK_STRIPPED = """
D, N, H = h.shape
h, V, do = np.array(h), np.array(V), np.array(do)
dW, dV, A = np.zeros((H, D)), np.zeros((D, H)), np.zeros((N, H))
for d in range(D):
    dV[d] = do[:, d] @ h[d]
    later = sum((do[:, [e]] * V[e] * h[e] * (1 - h[e]) for e in range(d + 1, D)), np.zeros((N, H)))
    dW[:, d] = x[:, d] @ later
    A = A + do[:, [d]] * V[d] * h[d] * (1 - h[d])
return dict(dW=dW, dV=dV, db=do.sum(axis=0), dc=A.sum(axis=0))
"""


@pytest.mark.parametrize(
    ("name", "slow", "also"),
    [
        ("nade_forward", "from-the-beginning-each-time", (STRIPPED, THROUGH_A_PLAIN_ARRAY)),
        ("nade_backward", "inner-loop-over-later-pixels", (BACK_STRIPPED,)),
    ],
)
def test_quadratic_work_is_told_from_linear_work_however_it_is_written(name, slow, also):
    checks, unit = load_checks(Unit(ROOT, UNIT).course), Unit(ROOT, UNIT)
    answers, variants = Answers(read_source(unit.exercises).notebook, unit.course), load_variants(unit).of(name)

    def wrong(variant):
        report = visible_report(name, checks, answers.function(name, variant))
        return {row.name for row in report.verdict.rows if not row.right}, report.verdict.problem.kind

    for variant in (None, *variants.alternatives):
        assert wrong(variant) == (set(), "")
    [listed] = [v for v in variants.misconceptions if v.id == slow]
    for variant in (listed, *(Variant(name, "slow", region.strip("\n")) for region in also)):
        assert wrong(variant) == ({"cost"}, "")


def test_going_back_through_ones_own_forward_pass_earns_nothing():
    """Hidden layers that are handed over are made up: what autograd or differences give for the parameters does not fit them."""
    checks, unit = load_checks(Unit(ROOT, UNIT).course), Unit(ROOT, UNIT)
    region = "_, h1, h2 = made_forward(x, params, masks)\n"
    answers = Answers(read_source(unit.exercises).notebook, unit.course)
    solution = solution_regions(read_source(unit.exercises).notebook)["made_backward"]
    cheat = answers.function("made_backward", Variant("made_backward", "cheat", region + solution))
    report = visible_report("made_backward", checks, cheat)
    assert {row.name for row in report.verdict.rows if row.right} == {"dA", "dc"}  # they need no hidden layer
    assert graded_report("made_backward", checks, cheat, 1.0, 1).points[0] == 0


# The numbers in the prose


def test_the_prose_states_the_numbers_of_the_worked_examples():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    for line in (
        "mother   complete 0.0625   last letter 0.002269", "mather   complete 0.0000   last letter 0.002432",
        "p(x) = 0.0508,  J = 2.9805 nats", "sum 1.0\n", "dW21 0.7311   dW31 -0.6225   dW32 0.0000", "output 3 depends on pixel 3\n",
        "dc = -0.2997", "torch  dW [-0.228  -0.1247  0.    ]   dc -0.2997", "strict True   sum over 256 images 1.000000000000",
    ):  # fmt: skip
        assert line in outputs
    assert outputs.count("depends on pixel") == 1
    assert abs(float(re.search(r"strict False  sum over 256 images (\S+)", outputs)[1]) - 1) > 1e-3
    assert float(re.search(r"^sum +(2\.\d+)$", outputs, re.M)[1]) > 2  # "far more than 1"


def test_the_lessons_models_are_as_good_as_those_of_the_table():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    nats = {name: float(value) for name, value in re.findall(r"^(FVSBN|NADE|MADE) +test (\S+) nats", outputs, re.M)}
    assert nats["FVSBN"] < 18.8 and nats["NADE"] < 18.4 and nats["MADE"] < 18.2
    [reversed_order] = re.findall(r"reversed order: test (\S+) nats", outputs)
    assert abs(float(reversed_order) - nats["MADE"]) < 0.3  # "nearly the same likelihood"
    drawn, real = re.findall(r"(\S+) pixels from the nearest, (\d+) of 500", outputs)
    assert float(drawn[0]) > float(real[0]) and int(drawn[1]) < int(real[1]) + 10


def test_the_table_supports_what_the_prose_says_of_it():
    table = json.loads((ROOT / "course" / UNIT / "likelihoods.json").read_text())
    mean = {name: np.mean(found["test"]) for name, found in table.items()}
    spread = max(np.std(table[name]["test"], ddof=1) for name in ("mixture of Bernoullis", "FVSBN", "NADE", "MADE"))
    assert (
        6.7
        < mean["independent pixels"] - mean["FVSBN"]
        < mean["independent pixels"] - mean["mixture of Bernoullis"]
        < 7.3
    )
    assert 0.28 < mean["FVSBN"] - mean["mixture of Bernoullis"] < 0.42 and 0.35 < mean["FVSBN"] - mean["NADE"] < 0.65
    assert 0.14 < mean["mixture of Bernoullis"] - mean["NADE"] < mean["mixture of Bernoullis"] - mean["MADE"] < 0.26
    assert abs(mean["NADE"] - mean["MADE"]) < 0.1 and spread < 0.15
    assert table["FVSBN"]["parameters"] == [2080] * 3


def test_each_pixel_from_all_others_gives_the_tempting_number_of_the_written_question():
    """A linear model that sees all other pixels: its score is no likelihood, and below that of every model here."""
    train, _, test = (torch.tensor(part.reshape(len(part), 64)) for part in binary_digits()[:3])
    torch.manual_seed(0)
    W, b = torch.zeros(64, 64).double().requires_grad_(), torch.zeros(64).double().requires_grad_()
    others, adam = 1 - torch.eye(64).double(), torch.optim.Adam([W, b], 0.03, weight_decay=2e-3)
    for _ in range(200):
        adam.zero_grad()
        (loss(train @ (W * others).T + b, train.numpy()) / len(train)).backward()
        adam.step()
    nats = loss(test @ (W * others).T + b, test.numpy()).item() / len(test)
    assert 13.5 < nats < 15.5


def test_training_widens_a_leak():
    """Output masks that are not strict, eight pixels: from about 1 the sum grows past 10."""
    source = read_source(Unit(ROOT, UNIT).lesson).notebook
    [made] = [c.source for c in source.cells if c.source.startswith("class MADE(")]
    exec(made, space := {"torch": torch, "F": F})
    every, x = torch.tensor(images(8)), binary_digits().train.reshape(1000, 64)[:, 18:26]
    torch.manual_seed(0)
    model = space["MADE"](1 + torch.randperm(8), 16, strict=False).double()

    def total():
        return (-F.binary_cross_entropy_with_logits(model(every), every, reduction="none").sum(1)).exp().sum().item()

    adam = torch.optim.Adam(model.parameters(), 0.01)
    assert 0.9 < total() < 1.1
    for _ in range(300):
        adam.zero_grad()
        (loss(model(torch.tensor(x)), x) / len(x)).backward()
        adam.step()
    assert total() > 10


@pytest.mark.slow
def test_the_students_models_beat_the_independent_pixels_and_draw():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    nats = {name: float(value) for name, value in re.findall(r"^(\w+) +test (\S+) nats per image", outputs, re.M)}
    assert nats["independent"] > 25
    assert nats["FVSBN"] < 18.7 and nats["NADE"] < 18.2 and nats["MADE"] < 18.2
    assert len(re.findall(r"all 1024 images sum to 1.0000000", outputs)) == 2  # the third one leaks
    assert "A leak: output 10 depends on pixel 10." in outputs
    drawn, real = re.findall(r"(\S+) pixels from the nearest, (\d+) of 500", outputs)
    assert float(drawn[0]) > float(real[0]) and int(drawn[1]) < int(real[1]) + 10
