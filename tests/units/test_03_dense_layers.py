"""Unit 03: every equation of the lesson, computed in numpy as it stands there and compared with torch's autograd."""

import importlib
import re
import sys
import textwrap

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, printed

from byhand.checking import graded_report, visible_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers, Variant
from byhand.teaching.notebooks import read_source

UNIT = "03-dense-layers"
D, H, O = 3, 4, 2


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(o):
    e = np.exp(o - o.max())
    return e / e.sum()


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


@pytest.fixture(scope="module")
def run():
    """One column vector through a D-H-O network of sigmoids with half the squared error; gradients by autograd."""
    rng = np.random.default_rng(3)
    r = {"x": rng.normal(size=D), "t": rng.uniform(size=O), "W": rng.normal(size=(H, D)), "V": rng.normal(size=(O, H))}
    x, W, V = tensors(r["x"], r["W"], r["V"])
    a = W @ x
    h = torch.sigmoid(a)
    o = V @ h
    y = torch.sigmoid(o)
    J = 0.5 * F.mse_loss(y, torch.tensor(r["t"]), reduction="sum")
    for v in (a, h, o, y):
        v.retain_grad()
    J.backward()
    for name, v in dict(x=x, W=W, V=V, a=a, h=h, o=o, y=y).items():
        r[name], r["d" + name] = v.detach().numpy(), v.grad.numpy()
    return r | {"J": J.item()}


def net_forward(r):
    h = np.array([sigmoid(sum(r["W"][j, i] * r["x"][i] for i in range(D))) for j in range(H)])
    assert_close(h, r["h"])
    assert_close([sigmoid(sum(r["V"][k, j] * h[j] for j in range(H))) for k in range(O)], r["y"])
    assert_close(sigmoid(r["a"]), torch.sigmoid(torch.tensor(r["a"])).numpy())


def net_nested(r):
    inner = [sigmoid(sum(r["W"][j, i] * r["x"][i] for i in range(D))) for j in range(H)]
    assert_close([sigmoid(sum(r["V"][k, j] * inner[j] for j in range(H))) for k in range(O)], r["y"])


def net_loss(r):
    assert_close(0.5 * sum((r["y"][k] - r["t"][k]) ** 2 for k in range(O)), r["J"])
    assert_close(r["y"] - r["t"], r["dy"])
    assert_close(-(r["t"] - r["y"]), r["dy"])


def net_delta_out(r):
    assert_close((r["y"] - r["t"]) * r["y"] * (1 - r["y"]), r["do"])


def net_delta_hidden(r):
    for j in range(H):
        total = sum(r["V"][k, j] * r["do"][k] for k in range(O))
        assert_close(total * r["h"][j] * (1 - r["h"][j]), r["da"][j])


def net_weights(r):
    assert_close([[r["do"][k] * r["h"][j] for j in range(H)] for k in range(O)], r["dV"])
    assert_close([[r["da"][j] * r["x"][i] for i in range(D)] for j in range(H)], r["dW"])


V_SPLIT, E_SPLIT = np.array([[1.0, 3.0], [2.0, 4.0]]), np.array([1.0, 0.5])  # V[k, j]: from hidden j to output k


def net_shares(r):
    """The article's first formula, written out as the article writes it: normalised over what leaves hidden neuron j."""
    V, e = V_SPLIT, E_SPLIT
    ours = [sum(V[k, j] / sum(V[m, j] for m in range(2)) * e[k] for k in range(2)) for j in range(2)]
    assert_close(ours, [e[0] * 1 / 3 + e[1] * 2 / 3, e[0] * 3 / 7 + e[1] * 4 / 7])
    assert np.round(ours, 3).tolist() == [0.667, 0.714] and round(sum(ours), 3) == 1.381


def net_plain(r):
    ours = [sum(V_SPLIT[k, j] * E_SPLIT[k] for k in range(2)) for j in range(2)]
    assert ours == [2, 5]
    assert_close(ours, V_SPLIT.T @ E_SPLIT)


def net_conserving(r):
    V, e = V_SPLIT, E_SPLIT
    ours = [sum(V[k, j] / sum(V[k, m] for m in range(2)) * e[k] for k in range(2)) for j in range(2)]
    assert np.round(ours, 3).tolist() == [0.417, 1.083]
    assert_close(sum(ours), e.sum())


ACTIVATIONS = {  # g, its slope from the output, torch's
    "sigmoid": (sigmoid, lambda h: h * (1 - h), torch.sigmoid),
    "tanh": (np.tanh, lambda h: 1 - h**2, torch.tanh),
    "relu": (lambda a: np.maximum(0, a), lambda h: np.where(h > 0, 1.0, 0.0), torch.relu),
    "linear": (lambda a: a, lambda h: np.ones_like(h), lambda a: a),
}


def layers():
    """Four layers, one for each activation, on one column; values and autograd's gradients."""
    rng = np.random.default_rng(4)
    sizes = [3, 5, 4, 6, 2]
    Ws = tensors(*(rng.normal(size=(b, a)) for a, b in zip(sizes, sizes[1:], strict=False)))
    bs = tensors(*(rng.normal(size=b) for b in sizes[1:]))
    hs, sums = tensors(rng.normal(size=3)), []
    for W, b, (_, _, g) in zip(Ws, bs, ACTIVATIONS.values(), strict=True):
        sums.append(W @ hs[-1] + b)
        hs.append(g(sums[-1]))
    for v in (*sums, *hs):
        v.retain_grad()
    hs[-1].square().sum().backward()
    return Ws, bs, hs, sums


def net_layer(r):
    Ws, bs, hs, sums = layers()
    h = hs[0].detach().numpy()
    for l, (g, _, _) in enumerate(ACTIVATIONS.values()):
        a = Ws[l].detach().numpy() @ h + bs[l].detach().numpy()
        h = g(a)
        assert_close(a, sums[l].detach().numpy())
        assert_close(h, hs[l + 1].detach().numpy())


def net_layer_back(r):
    """Also the table of slopes, which gives g' from the output."""
    Ws, bs, hs, sums = layers()
    back = hs[-1].grad.numpy()
    for l, (_, slope, _) in reversed(list(enumerate(ACTIVATIONS.values()))):
        delta = back * slope(hs[l + 1].detach().numpy())
        assert_close(delta, sums[l].grad.numpy())
        assert_close(np.outer(delta, hs[l].detach().numpy()), Ws[l].grad.numpy())
        assert_close(delta, bs[l].grad.numpy())
        back = Ws[l].detach().numpy().T @ delta
        assert_close(back, hs[l].grad.numpy())


def net_update(r):
    [theta] = tensors(r["V"])
    theta.grad = torch.tensor(r["dV"])
    torch.optim.SGD([theta], lr=0.3).step()
    assert_close(r["V"] - 0.3 * r["dV"], theta.detach().numpy())


SCORES, K = np.random.default_rng(5).normal(size=5), 2


def scored():
    [o] = tensors(SCORES)
    J = F.cross_entropy(o[None], torch.tensor([K]))
    J.backward()
    return J.item(), o.grad.numpy()


def net_softmax(r):
    y = np.exp(SCORES) / sum(np.exp(o) for o in SCORES)
    assert_close(y, torch.softmax(torch.tensor(SCORES), 0).numpy())
    assert_close(-np.log(y[K]), scored()[0])


def net_jacobian(r):
    y = softmax(SCORES)
    theirs = torch.autograd.functional.jacobian(lambda o: torch.softmax(o, 0), torch.tensor(SCORES)).numpy()
    assert_close([[y[k] * ((j == k) - y[j]) for j in range(5)] for k in range(5)], theirs)


def net_collapse(r):
    y = softmax(SCORES)
    assert_close([-1 / y[K] * y[K] * ((j == K) - y[j]) for j in range(5)], scored()[1])
    assert_close([y[j] - (j == K) for j in range(5)], scored()[1])


def net_logsumexp(r):
    J, do = scored()
    assert_close(np.log(sum(np.exp(o) for o in SCORES)) - SCORES[K], J)
    assert_close([np.exp(SCORES[j]) / sum(np.exp(o) for o in SCORES) - (j == K) for j in range(5)], do)


def net_shift(r):
    for c in (SCORES.max(), -3.0):
        assert_close(np.exp(SCORES - c) / np.exp(SCORES - c).sum(), np.exp(SCORES) / np.exp(SCORES).sum())


def masks(p, n):
    """Masks as torch draws them: dropout of ones."""
    torch.manual_seed(0)
    return F.dropout(torch.ones(n, dtype=torch.float64), p).numpy()


def net_dropout(r, p=0.2):
    m = masks(p, 200_000)
    assert_close(np.unique(m), [0, 1 / (1 - p)])
    assert abs(np.mean(m == 0) - p) < 0.005


def net_dropout_mean(r, p=0.2):
    h = 0.7
    assert_close(p * 0 + (1 - p) * h / (1 - p), h)
    assert abs(np.mean(masks(p, 200_000) * h) - h) < 0.005


def net_dropout_back(r):
    [h] = tensors(np.random.default_rng(6).normal(size=50))
    torch.manual_seed(1)
    out = F.dropout(h, 0.3)
    arriving = torch.arange(50.0, dtype=torch.float64)
    out.backward(arriving)
    m = (out / h).detach().numpy()
    assert_close(m * arriving.numpy(), h.grad.numpy())


EQUATIONS = {
    "eq-net-forward": net_forward, "eq-net-nested": net_nested, "eq-net-loss": net_loss, "eq-net-delta-out": net_delta_out,
    "eq-net-delta-hidden": net_delta_hidden, "eq-net-weights": net_weights, "eq-net-shares": net_shares,
    "eq-net-plain": net_plain, "eq-net-conserving": net_conserving, "eq-net-layer": net_layer,
    "eq-net-layer-back": net_layer_back, "eq-net-update": net_update, "eq-net-softmax": net_softmax,
    "eq-net-jacobian": net_jacobian, "eq-net-collapse": net_collapse, "eq-net-logsumexp": net_logsumexp,
    "eq-net-shift": net_shift, "eq-net-dropout": net_dropout, "eq-net-dropout-mean": net_dropout_mean,
    "eq-net-dropout-back": net_dropout_back,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, run):
    EQUATIONS[label](run)


@pytest.fixture(scope="module")
def lesson():
    return executed(ROOT / "course" / UNIT / "lesson.ipynb")


def test_the_prose_states_the_numbers_of_the_worked_example(lesson):
    outputs = printed(lesson)
    assert "y_hat = (0.4281, 0.6854)" in outputs  # "is 0.43", "is 0.69"
    assert "loss before the step 0.3984\nand after it         0.3643" in outputs
    for name in ("dW", "dV"):
        assert float(re.search(rf"{name}: largest difference (\S+)", outputs)[1]) < 1e-15


def test_the_prose_says_what_the_three_rules_give(lesson):
    outputs = printed(lesson)
    for rule, numbers in {
        "shares of what leaves": ("1.381", "0.933"),
        "shares of what enters": ("1.500", "0.385"),
        "plain weights": ("7.000", "0.400"),
    }.items():
        assert re.search(rf"{rule} .*sum {numbers[0]}  ratio {numbers[1]}", outputs)


def test_the_experiment_on_splitting_errors_says_what_the_prose_says(lesson):
    found = re.findall(r"  (\D+?) +median +(\S+) +lowest +(\S+) +uphill +(\S+)%", printed(lesson))
    names = ["shares of what leaves", "shares of what enters", "plain weights", "with output slopes"]
    assert [rule for rule, *_ in found] == 4 * names
    median, lowest, uphill = ([float(row[k]) for row in found] for k in (1, 2, 3))
    for k in (0, 1, 4, 5):
        assert 49 < uphill[k] < 51  # weights of both signs: a coin toss
    assert 0 < uphill[2] < 0.5 and 1 < uphill[6] < 5  # more often with larger weights
    for k in (8, 12):  # positive weights: the true split has the best median of the three, and goes uphill least often
        assert median[k + 1] > median[k + 2] > median[k] and uphill[k + 1] < min(uphill[k], uphill[k + 2]) < 1.5
    assert (median[8], median[10]) == (0.886, 0.968)
    for k in (3, 7, 11, 15):
        assert uphill[k] == 0 and lowest[k] > 0  # as it must be: the hidden slopes change no sign


def test_dropout_helps_in_all_six_runs_of_the_lesson(lesson):
    gains = re.search(r"gain for each seed, in points: \[(.*)\]", printed(lesson))[1].split(", ")
    assert len(gains) == 6 and all(float(g) > 0 for g in gains)
    mean, error = re.search(r"mean gain (\S+), standard error (\S+)", printed(lesson)).groups()
    assert mean == "2.7" and 2.7 < float(mean) / float(error) < 3.5  # "about three times"


def test_the_stepper_and_the_routes_show_torch_s_gradient(lesson):
    x, t = torch.tensor([1.0, 0.5]).double(), torch.tensor([1.0, 0.0]).double()
    W, V = tensors([[0.4, -0.6], [0.7, 0.2]], [[0.5, -0.8], [0.3, 0.9]])
    (0.5 * (torch.sigmoid(V @ torch.sigmoid(W @ x)) - t).square().sum()).backward()
    pages = [
        o.data["text/html"] for c in lesson.cells if c.cell_type == "code" for o in c.outputs if "text/html" in o.get("data", {})
    ]  # fmt: skip
    stepper, routes = (
        next(page for page in pages if f'class="bh {kind}"' in page) for kind in ("bh-stepper", "bh-routes")
    )
    for gradient in (*W.grad.ravel().tolist(), *V.grad.ravel().tolist()):
        assert f"{gradient:+.4f}".replace("-", "−") in stepper
        assert f"{gradient:.4f}".replace("-", "−") in routes


def test_the_player_trains_anew_when_a_slider_moves(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "course" / UNIT)
    monkeypatch.delitem(sys.modules, "pictures", raising=False)
    matplotlib.use("Agg")
    player = importlib.import_module("pictures").boundary_player()
    monkeypatch.delitem(sys.modules, "pictures")
    *sliders, picture = player.children
    before = picture.value
    assert "The figure for p 0.5, units 64, seed 0" in before
    sliders[1].value = 4
    assert "The figure for p 0.5, units 4, seed 0" in picture.value
    assert picture.value.split("base64,")[1] != before.split("base64,")[1]


@pytest.fixture(scope="module")
def checks():
    return load_checks(ROOT / "course" / UNIT)


def answer(name, body=None):
    """The solution's function, or one with another body."""
    answers = Answers(read_source(ROOT / "solutions" / UNIT / "exercises.md").notebook, ROOT / "course" / UNIT)
    return answers.function(name, body and Variant(name, "another", textwrap.dedent(body)))


def test_an_answer_that_writes_into_its_argument_is_blamed_for_that_kind_alone(checks):
    body = """
        if kind == "relu":
            a[a < 0] = 0
            return a
        return {"sigmoid": lambda: 1 / (1 + np.exp(-a)), "tanh": lambda: np.tanh(a), "linear": lambda: a + 0}[kind]()
    """
    report = visible_report("activate", checks, answer("activate", body))
    assert [row.name for row in report.verdict.rows if not row.right] == ["arguments"]


def test_an_answer_that_hands_back_its_argument_is_not_right(checks):
    report = visible_report("activate", checks, answer("activate", "return a if kind == 'linear' else None"))
    assert "linear" in [row.name for row in report.verdict.rows if not row.right]


def test_nothing_is_said_of_a_result_that_is_right(checks):
    """dx has passed the activation once; dW and db have not."""
    body = """
        return activate_backward(dh, h, kind) @ W, dh.T @ x, dh.sum(axis=0)
    """
    [hint] = visible_report("dense_backward", checks, answer("dense_backward", body)).hints
    assert "dW and db begin before the activation" in hint


@pytest.mark.parametrize("line", ["a += 1", "a[...] = 0", "a *= 2"])
def test_whoever_writes_into_an_argument_is_told_so_in_whatever_way_it_was_done(checks, line):
    body = f"""
        h = {{"sigmoid": lambda: 1 / (1 + np.exp(-a)), "tanh": lambda: np.tanh(a), "relu": lambda: np.maximum(a, 0), "linear": a.copy}}[kind]()
        {line}
        return h
    """
    [hint] = visible_report("activate", checks, answer("activate", body)).hints
    assert "you write into the array a" in hint


def test_differences_through_an_own_forward_pass_earn_nothing_where_values_are_saved(checks):
    body = """
        def J(x, W, b):
            return (activate(x @ W.T + b, kind) * dh).sum()

        values, grads = [x, W, np.zeros(len(W))], []
        for k, value in enumerate(values):
            grad = np.zeros_like(value)
            for index in np.ndindex(value.shape):
                up, down = [v.copy() for v in values], [v.copy() for v in values]
                up[k][index] += 1e-5
                down[k][index] -= 1e-5
                grad[index] = (J(*up) - J(*down)) / 2e-5
            grads.append(grad)
        return grads
    """
    assert graded_report("dense_backward", checks, answer("dense_backward", body), 6.0, 3).points[0] == 0


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "network", "train_step"])
def test_the_last_class_is_left_out(name, checks):
    """So that nobody can count the classes by their largest number."""
    for seed in (0, 1, 2):
        for problem in (s.problem for s in checks.solved(name, seed)):
            if problem.sizes["O"] > 2 and not problem.sizes.get("far"):
                assert problem.args["y"].max() < problem.sizes["O"] - 1


@pytest.mark.slow
def test_the_students_network_reads_digits():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    found = re.findall(r"(\d+) digits, p = +(\S+): training (\S+)%, test (\S+)%", outputs)
    tests = {(int(n), float(p)): float(test) for n, p, _, test in found}
    assert len(tests) == 4
    assert tests[1347, 0.0] > 95 and tests[1347, 0.25] > 95
    assert abs(tests[1347, 0.0] - tests[1347, 0.25]) < 1  # the statement promises no clear winner
    assert 88 < tests[200, 0.0] < 95 and 88 < tests[200, 0.25] < 95
