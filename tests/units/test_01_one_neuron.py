"""Unit 01: every equation of the lesson, computed in numpy as it stands there and compared with torch's autograd."""

import textwrap
from itertools import combinations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking import graded_report, visible_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers, Variant
from byhand.teaching.notebooks import read_source

UNIT = "01-one-neuron"
N, D = 7, 3
X4, Y4 = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0, 5.0])  # the lesson's four points


@pytest.fixture(scope="module")
def run():
    """Examples, parameters, and torch's losses and gradients for both neurons."""
    rng = np.random.default_rng(1)
    r = {"x": rng.normal(size=(N, D)), "y": rng.normal(size=N), "w": rng.normal(size=D), "b": rng.normal()}
    r["classes"] = rng.integers(2, size=N)
    for kind, loss, target in (
        ("mse", F.mse_loss, r["y"]),
        ("bce", F.binary_cross_entropy_with_logits, r["classes"].astype(float)),
    ):
        w, b = (torch.tensor(r[name], dtype=torch.float64, requires_grad=True) for name in "wb")
        a = F.linear(torch.tensor(r["x"]), w[None], b[None])[:, 0]
        J = loss(a, torch.tensor(target))
        J.backward()
        r[kind] = {"a": a.detach().numpy(), "J": J.item(), "dw": w.grad.numpy(), "db": b.grad.item()}
    r["y_hat"], r["p"] = r["mse"]["a"], torch.sigmoid(torch.tensor(r["bce"]["a"])).numpy()
    return r


@pytest.fixture(scope="module")
def pictures():
    return module(UNIT, "pictures")


def descent(start, eta, steps):
    """torch's SGD on the loss of the four points; `start` holds w alone (b = 0) or w and b. One row per step."""
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimiser, rows = torch.optim.SGD([theta], lr=eta), [np.array(start, dtype=float)]
    for _ in range(steps):
        optimiser.zero_grad()
        F.mse_loss(theta[0] * torch.tensor(X4) + (theta[1] if len(start) == 2 else 0.0), torch.tensor(Y4)).backward()
        optimiser.step()
        rows.append(theta.detach().numpy().copy())
    return np.array(rows)


def step(r):
    w = 0.0
    for k, theta in enumerate(descent([0.0], 0.1, 4)):
        assert_close(w, theta[0])
        w = w - 0.1 * (7 * w - 11)
        assert k < 5


def linear(r):
    for i in range(N):
        assert_close(r["w"] @ r["x"][i] + r["b"], r["y_hat"][i])
        assert_close(sum(r["w"][j] * r["x"][i, j] for j in range(D)) + r["b"], r["y_hat"][i])


def mse(r):
    assert_close(1 / N * sum((r["y_hat"][i] - r["y"][i]) ** 2 for i in range(N)), r["mse"]["J"])


def parabola(r):
    for w in (-1.0, 0.0, 0.3, 2.0):
        J = F.mse_loss(torch.tensor(w * X4), torch.tensor(Y4)).item()
        assert_close(0.25 * (1 + (w - 3) ** 2 + (2 * w - 2) ** 2 + (3 * w - 5) ** 2), J)
        assert_close(3.5 * w**2 - 11 * w + 9.75, J)


def gradient(r):
    e = r["y_hat"] - r["y"]
    for j in range(D):
        assert_close(2 / N * sum(e[i] * r["x"][i, j] for i in range(N)), r["mse"]["dw"][j])
    assert_close(2 / N * sum(e), r["mse"]["db"])


def gradient_matrix(r):
    e, x = r["y_hat"] - r["y"], r["x"]
    assert_close(2 / N * x.T @ e, r["mse"]["dw"])
    assert_close(2 / N * e @ x, r["mse"]["dw"])


def factor(r):
    for eta in (0.001, 0.1, 1 / 7, 0.22, 2 / 7, 0.3):
        walk, best = descent([0.0], eta, 12)[:, 0], 11 / 7
        np.testing.assert_allclose(walk[1:] - best, (1 - 7 * eta) * (walk[:-1] - best), atol=1e-12)
        np.testing.assert_allclose(walk - best, (1 - 7 * eta) ** np.arange(13) * (0 - best), atol=1e-12)


def hessian(r):
    X1 = np.column_stack([r["x"], np.ones(N)])

    def loss(theta):
        return F.mse_loss(torch.tensor(X1) @ theta, torch.tensor(r["y"]))

    theta = torch.zeros(D + 1, dtype=torch.float64)
    assert_close(2 / N * X1.T @ X1, torch.autograd.functional.hessian(loss, theta).numpy())
    X1 = np.column_stack([X4, np.ones(4)])
    assert_close(2 / 4 * X1.T @ X1, np.array([[7.0, 3.0], [3.0, 2.0]]))


def limit(r):
    """Just below the limit the minimum is found, just above it the loss grows, from any start."""
    border = 2 / np.linalg.eigvalsh([[7.0, 3.0], [3.0, 2.0]]).max()
    for start in ([0.0, 0.0], [5.0, -3.0], [1.1, 2.0]):
        np.testing.assert_allclose(descent(start, 0.98 * border, 2000)[-1], [1.1, 1.1], atol=1e-9)
        far = np.linalg.norm(descent(start, 1.02 * border, 300) - 1.1, axis=1)
        assert far[-1] > 1000 * far[0]


def standard(r):
    x = r["x"] * [1.0, 30.0, 0.01] + [5.0, 0.0, -2.0]
    mu = 1 / N * sum(x)
    sigma = np.sqrt(1 / N * sum((x - mu) ** 2))
    spread, mean = torch.std_mean(torch.tensor(x), dim=0, correction=0)
    assert_close((x - mu) / sigma, ((torch.tensor(x) - mean) / spread).numpy())


def minibatch(r):
    """Over all batches of a size, the gradients average to the whole gradient."""
    for size in (1, 2, 5, N):
        found = []
        for batch in combinations(range(N), size):
            w = torch.tensor(r["w"], requires_grad=True)
            x, y = torch.tensor(r["x"][list(batch)]), torch.tensor(r["y"][list(batch)])
            (1 / size * ((x @ w + r["b"] - y) ** 2).sum()).backward()
            found.append(w.grad.numpy())
        assert_close(np.mean(found, axis=0), r["mse"]["dw"])


def sigmoid(r):
    a = r["x"] @ r["w"] + r["b"]
    assert_close(a, r["bce"]["a"])
    assert_close(1 / (1 + np.exp(-a)), r["p"])


def bce(r):
    p, y = r["p"], r["classes"]
    assert_close(-1 / N * sum(y[i] * np.log(p[i]) + (1 - y[i]) * np.log(1 - p[i]) for i in range(N)), r["bce"]["J"])


def sigmoid_slope(r):
    p = r["p"]
    a = torch.tensor(r["bce"]["a"], requires_grad=True)
    torch.sigmoid(a).sum().backward()
    assert_close(p * (1 - p), a.grad.numpy())


def bce_stable(r):
    a, y = r["bce"]["a"], r["classes"]
    assert_close(1 / N * sum(np.log(1 + np.exp(a[i])) - y[i] * a[i] for i in range(N)), r["bce"]["J"])
    large, label = np.array([1000.0, -1000.0, 1000.0]), np.array([0.0, 1.0, 1.0])
    theirs = F.binary_cross_entropy_with_logits(torch.tensor(large), torch.tensor(label), reduction="none").numpy()
    assert_close(np.logaddexp(0, large) - label * large, theirs)


EQUATIONS = {
    "eq-neuron-step": step, "eq-neuron-linear": linear, "eq-neuron-mse": mse, "eq-neuron-parabola": parabola,
    "eq-neuron-gradient": gradient, "eq-neuron-gradient-matrix": gradient_matrix, "eq-neuron-factor": factor,
    "eq-neuron-hessian": hessian, "eq-neuron-limit": limit, "eq-neuron-standard": standard,
    "eq-neuron-minibatch": minibatch, "eq-neuron-sigmoid": sigmoid, "eq-neuron-bce": bce,
    "eq-neuron-sigmoid-slope": sigmoid_slope, "eq-neuron-bce-stable": bce_stable,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, run):
    EQUATIONS[label](run)


def test_the_three_versions_of_the_loss_have_the_gradients_of_the_table(run):
    e, x = run["y_hat"] - run["y"], torch.tensor(run["x"])
    for front, begins in ((1.0, 2.0), (1 / N, 2 / N), (1 / (2 * N), 1 / N)):
        w = torch.tensor(run["w"], requires_grad=True)
        (front * ((x @ w + run["b"] - torch.tensor(run["y"])) ** 2).sum()).backward()
        assert_close(begins * e @ run["x"], w.grad.numpy())


def test_the_prose_states_what_the_lesson_prints():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    lines = [" ".join(line.split()) for line in outputs.splitlines()]
    assert "J = 9.7500 dw = -11.0000 db = -5.5000 -> w = 1.1000 b = 0.5500" in lines
    assert lines.count("epoch 2: J = 0.9775 -> w = 1.2650 b = 0.6600") == 1  # torch's own walk
    assert "J = 0.9775 dw = -1.6500 db = -1.1000 -> w = 1.2650 b = 0.6600" in lines  # and ours
    assert "eigenvalues [0.5949 8.4051], limit 0.23795" in lines
    assert "standardised limit 1, ratio 1" in lines
    assert "mean of the six: [-6. -3.]" in lines and "gradient of all: [-6. -3.]" in lines

    header = next(line for line in lines if line.startswith("batch size"))
    rates = [float(part.split("=")[1]) for part in header.split()[2:]]
    table = {}
    for line in lines[lines.index(header) + 1 :][:5]:
        size, *epochs = line.split()
        table[int(size)] = dict(zip(rates, [float(e.replace("never", "inf")) for e in epochs], strict=True))
    assert [table[size][0.005] for size in (442, 16, 4)] == [284, 11, 3]
    best = {size: min(row.values()) for size, row in table.items()}
    assert best[442] == 7 == table[442][0.2] and {best[size] for size in (64, 16, 4, 1)} == {3, 4, 5}


def test_the_numbers_beside_the_pictures(pictures):
    from sklearn.datasets import load_diabetes

    data = load_diabetes().data
    Z = np.column_stack([(data - data.mean(0)) / data.std(0), np.ones(442)])
    assert f"{2 / np.linalg.eigvalsh(2 / 442 * Z.T @ Z).max():.3f}" == "0.248"
    assert -(-442 // 16) == 28  # steps in an epoch

    walk = descent([0.0], 0.1, 4)[:, 0]
    np.testing.assert_allclose(walk, [0, 1.1, 1.43, 1.529, 1.5587], atol=1e-12)
    rows = pictures.epochs_of(0.1, 100)
    assert_close(rows[:, :2], descent([0.0, 0.0], 0.1, 100))
    assert [f"{v:.2f}" for v in rows[100, :2]] == ["1.10", "1.10"] and f"{rows[100, 2]:.3f}" == "0.675"

    J, slope = pictures.WAVE
    w = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(pictures.WAVE_X)
    F.mse_loss(torch.sin(w * x), torch.sin(3 * x)).backward()
    assert_close(slope(1.7), w.grad.item())
    grid = np.linspace(*pictures.RANGE, 7001)
    heights = J(grid)
    valleys = grid[1:-1][(heights[1:-1] < heights[:-2]) & (heights[1:-1] < heights[2:])]
    np.testing.assert_allclose(valleys, [0.07, 1.2, 3.0, 6.16], atol=0.02)
    curvature = [(slope(v + 1e-5) - slope(v - 1e-5)) / 2e-5 for v in valleys]
    assert [2 / c < 1.0 for c in curvature] == [True, False, True, True]  # where eta = 1 is too large


def test_standardising_makes_most_bowls_rounder_and_not_all():
    """The prose's counter-example: the bowl of three features with mean 0 and these covariances, and the bias."""
    raw = np.array([[2.0, 2.0, 2.0], [2.0, 6.0, 5.0], [2.0, 5.0, 6.0]])
    spread = np.sqrt(np.diag(raw))
    ratios = []
    for covariance in (raw, raw / np.outer(spread, spread)):
        bowl = 2 * np.eye(4)
        bowl[:3, :3] = 2 * covariance
        lam = np.linalg.eigvalsh(bowl)
        ratios.append(f"{lam[-1] / lam[0]:.1f}")
    assert ratios == ["11.8", "14.0"]


def test_the_walk_behaves_along_each_axis_as_the_prose_says():
    axes = np.linalg.eigvalsh([[7.0, 3.0], [3.0, 2.0]])
    assert [f"{1 - 0.1 * lam:.2f}" for lam in axes] == ["0.94", "0.16"]


def test_the_exercise_s_constant_feature_and_its_limits():
    """Six copies of 0.1 have a standard deviation that is not 0; and what the penalty does to the limit."""
    sigma = np.full(6, 0.1).std()
    assert f"{sigma:.1e}" == "1.4e-17" and 6.5e16 < (1.1 - 0.1) / sigma < 7.5e16
    for alpha, limit in ((0.0, "0.238"), (1.0, "0.198")):
        lam = np.linalg.eigvalsh([[7.0 + 2 * alpha, 3.0], [3.0, 2.0]])[-1]
        assert f"{2 / lam:.3f}" == limit


def answer(name, body):
    answers = Answers(read_source(ROOT / "solutions" / UNIT / "exercises.md").notebook, ROOT / "course" / UNIT)
    return answers.function(name, Variant(name, "another", textwrap.dedent(body)))


def test_a_gradient_that_is_measured_and_not_derived_does_not_pass():
    checks = load_checks(ROOT / "course" / UNIT)
    body = """
        def J(theta):
            a = predict(x, theta[:-1], theta[-1])
            return np.mean(np.logaddexp(0, a) - y * a)

        here, steps = np.append(w, b), 1e-5 * np.eye(len(w) + 1)
        grad = np.array([(J(here + step) - J(here - step)) / 2e-5 for step in steps])
        return J(here), grad[:-1], grad[-1]
    """
    report = visible_report("sigmoid_neuron", checks, answer("sigmoid_neuron", body))
    assert not report.right and "has no digits left" in repr(report)


def test_the_gradient_that_is_handed_in_is_not_that_of_the_mean_squared_error():
    checks = load_checks(ROOT / "course" / UNIT)
    body = """
        for start in range(0, len(y), batch_size):
            rows = order[start : start + batch_size]
            _, dw, db = mse_gradient(x[rows], y[rows], w, b)
            w, b = update(w, b, dw, db, eta)
        return w, b
    """
    assert graded_report("minibatch_epoch", checks, answer("minibatch_epoch", body), 6.0, 3).points[0] == 0


def test_training_that_stops_at_a_small_loss_is_not_right():
    checks = load_checks(ROOT / "course" / UNIT)
    body = """
        self.w, self.b, self.losses = np.zeros(x.shape[1]), 0.0, []
        for _ in range(self.epochs):
            J, dw, db = mse_gradient(x, y, self.w, self.b)
            self.losses.append(J)
            if J < 1e-12:
                break
            self.w, self.b = update(self.w, self.b, dw, db, self.eta)
    """
    report = visible_report("LinearNeuron", checks, answer("LinearNeuron", body))
    assert not report.right and "as many steps as there are epochs" in repr(report)


@pytest.mark.slow
def test_the_students_neuron_learns_to_tell_tumours_apart():
    notebook = executed_solution(Unit(ROOT, UNIT))
    found = {"raw": [], "standardised": []}
    for line in printed(notebook).splitlines():
        if line.startswith(tuple(found)):
            features, _, loss, _, _, accuracy = line.split()
            found[features].append((float(loss), float(accuracy.rstrip("%"))))
    assert len(found["raw"]) == len(found["standardised"]) == 3
    for (loss, accuracy), (_, raw) in zip(found["standardised"], found["raw"], strict=True):
        assert loss < 0.1  # on the training set, from log 2 = 0.69
        assert accuracy > 93 and accuracy > raw
    assert np.mean([accuracy for _, accuracy in found["standardised"]]) > 96


def test_the_numbers_in_the_exercises_prose():
    from sklearn.datasets import load_breast_cancer

    benign = load_breast_cancer().target
    assert (len(benign), len(benign) // 5, round(100 * benign.mean())) == (569, 113, 63)
    assert 2 / np.linalg.eigvalsh([[7.0, 3.0], [3.0, 2.0]]).max() < 0.25
