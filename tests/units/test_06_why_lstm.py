"""Unit 06: every equation of the lesson computed as it stands there, and the results that the prose states."""

import re
from functools import cache

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution

UNIT = "06-why-lstm"
OR, XOR = np.array([-1, 1, 1, 1]), np.array([-1, 1, 1, -1])
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
rng = np.random.default_rng(6)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def updates(y, epochs):
    """The perceptron from zeros on the four corners: weights after each mistake."""
    w, b, after = np.zeros(2), 0.0, []
    for _ in range(epochs):
        for x_n, y_n in zip(CORNERS, y, strict=True):
            if y_n * (w @ x_n + b) <= 0:
                w, b = w + y_n * x_n, b + y_n
                after.append((*w, b))
    return after


def perceptron():
    """One layer of hard decisions, and the network of the drawing: XOR is OR but not AND."""

    def hard(a):
        return (a > 0).astype(int)

    h_or, h_and = hard(CORNERS.sum(1) - 0.5), hard(CORNERS.sum(1) - 1.5)
    assert (np.where(h_or - h_and - 0.5 > 0, 1, -1) == XOR).all()
    *w, b = updates(OR, 8)[-1]
    assert (np.where(CORNERS @ w + b > 0, 1, -1) == OR).all()


def perceptron_rule():
    """The rule is a step of rate 1 down the gradient of max(0, -y a); the sum changes by y (x x + 1)."""
    x, w, b, y = rng.normal(size=3), rng.normal(size=3), 0.3, 1
    y = -np.sign(w @ x + b)  # a mistake
    wt, bt = torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)
    torch.relu(-y * (wt @ torch.tensor(x) + bt)).backward()
    assert_close(w + y * x, w - wt.grad.numpy())
    assert_close(b + y, b - bt.grad.item())
    assert_close((w + y * x) @ x + b + y - (w @ x + b), y * (x @ x + 1))


def bound():
    z = np.column_stack([CORNERS, np.ones(4)])
    found = updates(OR, 8)
    assert len(found) == 9 and found == updates(OR, 100)
    u = np.array(found[-1]) / np.linalg.norm(found[-1])
    R2, gamma = (z**2).sum(1).max(), (OR * (z @ u)).min()
    assert R2 == 3 and np.linalg.norm(found[-1]) == 3
    assert_close(gamma, 1 / 3)
    assert_close(R2 / gamma**2, 27.0)
    for seed in range(20):  # and on random separable data
        r = np.random.default_rng(seed)
        z, u = np.column_stack([r.normal(size=(30, 3)), np.ones(30)]), r.normal(size=4)
        u /= np.linalg.norm(u)
        y = np.sign(z @ u)
        v, mistakes, wrong = np.zeros(4), 0, True
        while wrong:
            wrong = False
            for z_n, y_n in zip(z, y, strict=True):
                if y_n * (v @ z_n) <= 0:
                    v, mistakes, wrong = v + y_n * z_n, mistakes + 1, True
        assert mistakes <= (z**2).sum(1).max() / (y * (z @ u)).min() ** 2


def xor():
    """The sums of the conditions contradict each other for all w and b, and the rule repeats itself after four updates."""
    for w1, w2, b in rng.normal(size=(1000, 3)):
        assert_close((w2 + b) + (w1 + b), b + (w1 + w2 + b))
        assert not (b < 0 and w2 + b > 0 and w1 + b > 0 and w1 + w2 + b < 0)
    assert updates(XOR, 1)[-1] == (0, 0, 0) and len(updates(XOR, 1)) == 4
    assert updates(XOR, 2) == 2 * updates(XOR, 1)


@cache
def deep_run(L=5, H=6):
    """A deep sigmoid network on one example, columns as in the lesson, with autograd's gradients."""
    r = np.random.default_rng(1)
    W, b, x, v = r.normal(size=(L, H, H)), r.normal(size=(L, H)), r.normal(size=H), r.normal(size=H)
    Wt = torch.tensor(W, requires_grad=True)
    h, a = [torch.tensor(x)], []
    for l in range(L):
        a.append(Wt[l] @ h[-1] + torch.tensor(b[l]))
        a[-1].retain_grad()
        h.append(torch.sigmoid(a[-1]))
    (h[-1] @ torch.tensor(v)).backward()
    return {
        "W": W, "b": b, "v": v, "dW": Wt.grad.numpy(), "h": [t.detach().numpy() for t in h],
        "a": [t.detach().numpy() for t in a], "da": [t.grad.numpy() for t in a],
    }  # fmt: skip


def slope_of(a):
    return sigmoid(a) * (1 - sigmoid(a))


def deep():
    r = deep_run()
    L = len(r["W"])
    delta = r["v"] * slope_of(r["a"][-1])
    for l in reversed(range(L)):
        assert_close(r["h"][l + 1], sigmoid(r["W"][l] @ r["h"][l] + r["b"][l]))
        assert_close(delta, r["da"][l])
        assert_close(np.outer(delta, r["h"][l]), r["dW"][l])
        if l:
            delta = r["W"][l].T @ delta * slope_of(r["a"][l - 1])


def slope():
    a = torch.linspace(-8, 8, 1001, dtype=torch.float64, requires_grad=True)
    torch.sigmoid(a).sum().backward()
    assert_close(slope_of(a.detach().numpy()), a.grad.numpy())
    assert a.grad.max() <= 0.25 and slope_of(0.0) == 0.25


def fade():
    r = deep_run()
    size, norm = [np.linalg.norm(d) for d in r["da"]], [np.linalg.norm(W, 2) for W in r["W"]]
    for l in range(len(size) - 1):
        assert size[l] <= norm[l + 1] * size[l + 1] / 4
    assert size[0] <= size[-1] * np.prod([n / 4 for n in norm[1:]])


def autoencoder():
    """Encoder, decoder and the gradient at o, through torch's own layers."""
    W, b, V, c, x = (torch.tensor(rng.normal(size=s)) for s in ((3, 5), (3,), (5, 3), (5,), (5,)))
    x = torch.sigmoid(x)
    h = torch.sigmoid(torch.nn.functional.linear(x, W, b))
    o = torch.nn.functional.linear(h, V, c).requires_grad_()
    J = torch.nn.functional.binary_cross_entropy(torch.sigmoid(o), x, reduction="sum")
    J.backward()
    x, W, b, V, c = (t.numpy() for t in (x, W, b, V, c))
    code = sigmoid(W @ x + b)
    scores = V @ code + c
    x_hat = sigmoid(scores)
    assert_close(x_hat, torch.sigmoid(o).detach().numpy())
    assert_close(-(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)).sum(), J.item())
    assert_close((np.logaddexp(0, scores) - x * scores).sum(), J.item())  # the form in exercise 5
    assert_close(x_hat - x, o.grad.numpy())


def sizes():
    """Both size equations, as averages over many random weights."""
    n_in, n_out, var = 40, 30, 0.07
    h, delta = np.abs(rng.normal(size=n_in)), rng.normal(size=n_out)  # h need not have mean zero
    W = rng.normal(0, np.sqrt(var), (5000, n_out, n_in))
    np.testing.assert_allclose(((W @ h) ** 2).mean(), n_in * var * (h**2).mean(), rtol=0.02)
    np.testing.assert_allclose(((delta @ W) ** 2).mean(), n_out * var * (delta**2).mean(), rtol=0.02)


def init():
    for fan_out, fan_in in ((300, 500), (600, 200)):
        w = torch.empty(fan_out, fan_in, dtype=torch.float64)
        generator = torch.Generator().manual_seed(0)
        torch.nn.init.xavier_normal_(w, generator=generator)
        np.testing.assert_allclose(w.var().item(), 2 / (fan_in + fan_out), rtol=0.02)
        torch.nn.init.kaiming_normal_(w, nonlinearity="relu", generator=generator)
        np.testing.assert_allclose(w.var().item(), 2 / fan_in, rtol=0.02)
    a = rng.normal(size=400000)
    np.testing.assert_allclose((np.maximum(0, a) ** 2).mean(), (a**2).mean() / 2, rtol=0.02)


def sigmoid_size():
    """For sums near 0 a sigmoid layer with Var(w) = 16/n keeps the mean square of the gradient."""
    n, delta = 200, rng.normal(size=200)
    W = rng.normal(0, np.sqrt(16 / n), (200, n, n))
    back = delta @ W * slope_of(0.0)
    np.testing.assert_allclose((back**2).mean(), (delta**2).mean(), rtol=0.02)


def time():
    T, H = 4, 3
    W, U, x = rng.normal(size=(H, H)), rng.normal(size=(H, 2)), rng.normal(size=(T, 2))
    h, a = [torch.zeros(H, dtype=torch.float64)], []
    for t in range(T):
        a.append((torch.tensor(W) @ h[-1] + torch.tensor(U @ x[t])).requires_grad_())
        a[-1].retain_grad()
        h.append(torch.tanh(a[-1]))
    h[-1].sum().backward()
    for t in range(T - 1):
        state = h[t + 1].detach().numpy()
        assert_close((W.T @ a[t + 1].grad.numpy()) * (1 - state * state), a[t].grad.numpy())


def pairs(n=400000):
    return np.random.default_rng(0).uniform(-1, 1, size=(n, 2))


def adding():
    y = 0.5 + pairs().sum(1) / 4
    assert 0 <= y.min() < 0.01 and 0.99 < y.max() <= 1


def constant():
    y = 0.5 + pairs().sum(1) / 4
    np.testing.assert_allclose(((y - 0.5) ** 2).mean(), 1 / 24, rtol=0.01)
    assert_close((1 / 3 + 1 / 3) / 16, 1 / 24)
    np.testing.assert_allclose((np.abs(y - 0.5) < 0.04).mean(), 2 * (2 * 0.16 - 0.16**2 / 2) / 4, atol=0.003)  # 15 %


def carousel():
    s0 = torch.tensor(0.7, requires_grad=True)
    s = s0
    for z in torch.randn(100):
        s = s + z
    s.backward()
    assert s0.grad == 1


def leak():
    s0, x, f = torch.tensor(0.7, requires_grad=True, dtype=torch.float64), torch.randn(20), 0.9
    s = s0
    for x_t in x:
        s = f * s + x_t
    s.backward()
    assert_close(f**20, s0.grad.item())


EQUATIONS = {
    "eq-why-perceptron": perceptron, "eq-why-perceptron-rule": perceptron_rule, "eq-why-bound": bound, "eq-why-xor": xor,
    "eq-why-deep": deep, "eq-why-slope": slope, "eq-why-fade": fade, "eq-why-autoencoder": autoencoder,
    "eq-why-reconstruction": autoencoder, "eq-why-forward-size": sizes, "eq-why-backward-size": sizes, "eq-why-init": init,
    "eq-why-sigmoid-size": sigmoid_size, "eq-why-time": time, "eq-why-adding": adding, "eq-why-constant": constant,
    "eq-why-carousel": carousel, "eq-why-leak": leak,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label):
    EQUATIONS[label]()


def test_the_prose_states_the_numbers_of_the_small_examples():
    out = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert "epoch 1: [0 0] was wrong, now w = [0. 0.], b = -1" in out
    assert "epoch 5: [0 0] was wrong, now w = [2. 2.], b = -1" in out and "epoch 6" not in out
    assert "layer 1: h = 0.7311   slope = 0.1966   delta = 0.000486" in out  # "0.0005, one part in two thousand"
    learned = [int(n) for n in re.findall(r"(\d+) of 100 networks learn XOR", out)]
    assert learned[0] == 0 and 20 < learned[1] < 95 and learned[1] < learned[2]
    for ratio in re.findall(r"before: (\S+)", out):
        assert abs(float(ratio) - 1) < 0.05
    assert float(re.search(r"largest error: (\S+)", out)[1]) < 1e-14  # the cell that adds, at T = 1000
    assert "last = 1: from 1.000000 to 1.000000" in out
    assert "f = 0.99: over 50 steps      0.61, over 1000   4.3e-05" in out


def test_the_figures_show_what_the_text_says():
    pictures = module(UNIT, "pictures")

    def first(activation, scale):
        return np.median(pictures.gradient_sizes(20, activation, scale, networks=8)[:, 0])

    assert 1e-13 < first("sigmoid", 1) < 1e-11
    assert 3e-5 < first("sigmoid", 4) < 1e-3
    assert 0.3 < first("sigmoid", 10) < 3  # "a scale of about 10 holds the line level"
    assert 0.1 < first("tanh", 1) < 1 and 1e-4 < first("relu", 1) < 1e-2 and 0.3 < first("relu", 2**0.5) < 2
    memory = np.median(pictures.memory_sizes(50), axis=0)
    assert 1e-6 < memory[0] < 1e-4 and 1e-3 < memory[24] < 1e-2  # "hundreds to a hundred thousand times smaller"
    assert 300 < first("relu", 2) < 1000  # "several hundredfold"
    norms = [np.linalg.norm(s * np.random.default_rng(k).normal(size=(64, 64)) / 8, 2) for k, s in enumerate((1, 4, 4))]
    np.testing.assert_allclose(norms, [2, 8, 8], rtol=0.1)  # quick question 2: about 2 s


def test_where_the_marks_of_the_adding_problem_lie():
    """ "The later one is the last element in one sequence of ten and lies four steps before the end on average", and so on."""
    for T, last, distance, least in ((10, 0.1, 4, 0), (50, 0, 36, 25)):
        first, second = np.meshgrid(np.arange(10), np.arange(T // 2 - 1))  # all equally likely
        before_the_end = T - 1 - np.maximum(first, second + (second >= first))
        assert_close((before_the_end == 0).mean(), float(last))
        assert_close(before_the_end.mean(), float(distance))
        assert before_the_end.min() == least


def test_at_scale_ten_most_sigmoids_sit_at_a_flat_end():
    shares = []
    for seed in range(4):
        r = np.random.default_rng(seed)
        h = r.uniform(size=(50, 64))
        for W in 10 * r.normal(size=(20, 64, 64)) / 8:
            h = sigmoid(h @ W.T)
            shares.append(((h < 0.1) | (h > 0.9)).mean())
    assert np.mean(shares) == pytest.approx(0.75, abs=0.04)


def test_symmetry_and_not_equal_chances_is_what_the_relu_needs():
    a, p = np.array([3.0, -1.0]), np.array([0.5, 0.5])
    assert_close((p * np.maximum(0, a) ** 2).sum() / (p * a**2).sum(), 0.9)


def test_the_chain_of_twenty_layers():
    h, product = 1.0, 1.0
    for _ in range(20):
        h = sigmoid(h)
        product *= h * (1 - h)
    assert 0.5e-13 < product < 2e-13


@pytest.mark.slow
def test_pretraining_makes_the_deep_net_trainable_and_the_rnn_fails():
    out = printed(executed_solution(Unit(ROOT, UNIT)))
    found = {kind: [float(n) for n in re.findall(r"([\d.]+)%", line)] for kind, line in lines(out, "accuracy")}
    assert all(8 < a < 14 for a in found["random"])
    assert all(a > 96.5 for a in found["pretrained"]) and all(a > 94 for a in found["four times larger"])
    runs = re.findall(r"T = (\d+), (W = I, )?seed (\d): MSE ([\d.]+) of", out)
    error = {(int(T), bool(eye), int(seed)): float(mse) for T, eye, seed, mse in runs}
    assert len(error) == 11
    for seed in range(3):
        assert error[10, False, seed] < 0.04
        assert 0.98 < error[50, False, seed] < 1.1
    learned = [error[50, True, seed] < 0.2 for seed in range(5)]
    assert 1 <= sum(learned) <= 4  # two of five where the lesson was written
    right = [float(n) for n in re.findall(r"T = 10, .*, ([\d.]+)% correct", out)]
    assert min(right) > 80
    errors = {float(f): float(mse) for f, mse in re.findall(r"f = ([\d.]+): MSE ([\d.]+) of", out)}
    assert errors[0.9] > 0.9 and errors[0.99] > 0.8 and errors[0.999] < 0.1 and errors[1.0] < 0.001  # at T = 1000
    reach = {int(T): float(size) for T, size in re.findall(r"T = (\d+): gradient at the later mark (\S+) of", out)}
    assert reach[50] < 1e-2 * reach[10]
    assert "XOR  mistakes per epoch [4 4 4 4 4 4 4 4 4 4 4 4]" in out


def lines(out, word):
    return [(line.split(word)[0].strip(), line) for line in out.splitlines() if word in line]
