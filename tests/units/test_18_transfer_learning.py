"""Unit 18: the equations of the lesson against torch, the pictures' numbers, and what the experiments gave."""

import itertools
import json
import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed
from torch import nn

from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "18-transfer-learning"
EPS = 1e-5


def solution():
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("fine_tune_step").__globals__


@pytest.fixture(scope="module")
def mine():
    return solution()


@pytest.fixture(scope="module")
def pictures():
    return module(UNIT, "pictures")


@pytest.fixture(scope="module")
def results():
    return json.loads((ROOT / "course" / UNIT / "results.json").read_text())


def leaf(*arrays):
    return [torch.tensor(np.asarray(a, dtype=float), requires_grad=True) for a in arrays]


# Residual blocks ------------------------------------------------------------------------------------------------------


def residual_chain(L=4, D=3):
    """h_0 … h_L of blocks F_l = tanh(W_l h), their Jacobians, and autograd's gradients at every h for J = pull · h_L."""
    rng = np.random.default_rng(18)
    W, pull = rng.normal(size=(L, D, D)), rng.normal(size=D)
    [h] = leaf(rng.normal(size=D))
    hs = [h]
    for Wl in W:
        h = h + torch.tanh(torch.tensor(Wl) @ h)
        h.retain_grad()
        hs.append(h)
    (torch.tensor(pull) @ h).backward()
    values = [h.detach().numpy() for h in hs]
    jacobians = [(1 - np.tanh(Wl @ v) ** 2)[:, None] * Wl for Wl, v in zip(W, values, strict=False)]
    return W, values, jacobians, [h.grad.numpy() for h in hs]


def block_equation():
    """h + F(h), and that F = 0 makes it the identity."""
    W, values, _, _ = residual_chain()
    for Wl, h, after in zip(W, values, values[1:], strict=False):
        assert_close(h + np.tanh(Wl @ h), after)
    assert_close(values[0] + np.tanh(np.zeros_like(W[0]) @ values[0]), values[0])


def routes_equation():
    _, _, J, grads = residual_chain()
    L, product = len(J), grads[-1]
    for jacobian in reversed(J):
        product = product @ (np.eye(3) + jacobian)
    assert_close(product, grads[0])
    total, count = np.zeros(3), 0
    for through in itertools.product((False, True), repeat=L):
        g = grads[-1]
        for l in reversed(range(L)):
            g = g @ J[l] if through[l] else g
        total, count = total + g, count + 1
    assert count == 2**L
    assert_close(total, grads[0])


def sum_equation():
    _, _, J, grads = residual_chain()
    assert_close(grads[-1] + sum(grads[l + 1] @ J[l] for l in range(len(J))), grads[0])


# Batch norm -----------------------------------------------------------------------------------------------------------


def one_channel(M=7, train=True):
    """One channel by itself with torch: x, y, dy, γ, r, x̂, autograd's gradients, running statistics before and after."""
    rng = np.random.default_rng(7)
    x, gamma, beta = leaf(rng.normal(2, 3, size=(M, 1)), [1.7], [-0.4])
    mean, var = torch.tensor([0.3], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    before = mean.clone(), var.clone()
    y = F.batch_norm(x, mean, var, gamma, beta, training=train, momentum=0.1, eps=EPS)
    dy = rng.normal(1, 1, size=(M, 1))
    y.backward(torch.tensor(dy))
    v = x.detach().numpy()[:, 0]
    mu, var_used = (v.mean(), v.var()) if train else (0.3, 2.0)
    r = 1 / np.sqrt(var_used + EPS)
    return dict(
        x=v, y=y.detach().numpy()[:, 0], dy=dy[:, 0], gamma=1.7, beta=-0.4, r=r, xhat=(v - mu) * r, dx=x.grad.numpy()[:, 0],
        dgamma=gamma.grad.item(), dbeta=beta.grad.item(), before=[b.item() for b in before], after=[mean.item(), var.item()], M=M,
    )  # fmt: skip


def bn():
    c = one_channel()
    mu = c["x"].sum() / c["M"]
    sigma2 = ((c["x"] - mu) ** 2).sum() / c["M"]
    xhat = (c["x"] - mu) / np.sqrt(sigma2 + EPS)
    assert_close(c["gamma"] * xhat + c["beta"], c["y"])


def bn_run():
    c = one_channel()
    assert_close(0.9 * c["before"][0] + 0.1 * c["x"].mean(), c["after"][0])
    assert_close(0.9 * c["before"][1] + 0.1 * c["M"] / (c["M"] - 1) * c["x"].var(), c["after"][1])


def bn_three():
    """Each of the three routes by itself, with autograd where the other two are cut, and their sum."""
    c = one_channel()
    M, r, xhat, g = c["M"], c["r"], c["xhat"], c["gamma"] * c["dy"]
    routes = [r * g, np.full(M, -r / M * g.sum()), -r / M * xhat * (g * xhat).sum()]
    for kept, by_hand in enumerate(routes):
        [x] = leaf(c["x"])
        own, for_mean, for_var = (x if kept == k else x.detach() for k in range(3))
        mu = for_mean.mean()
        var = ((for_var - for_var.mean()) ** 2).mean()
        (torch.tensor(g) @ ((own - mu) / torch.sqrt(var + EPS))).backward()
        assert_close(by_hand, x.grad.numpy())
    assert_close(sum(routes), c["dx"])


def bn_back():
    c = one_channel()
    assert_close(c["dy"].sum(), c["dbeta"])
    assert_close((c["dy"] * c["xhat"]).sum(), c["dgamma"])
    dx = c["gamma"] * c["r"] * (c["dy"] - c["dbeta"] / c["M"] - c["xhat"] * c["dgamma"] / c["M"])
    assert_close(dx, c["dx"])
    assert abs(dx.sum()) < 1e-14 and abs(dx @ c["xhat"]) < 10 * EPS


def bn_eval():
    c = one_channel(train=False)
    assert_close(c["gamma"] * c["r"] * c["dy"], c["dx"])
    assert c["before"] == c["after"]


class Basic(nn.Module):
    """torch's own modules, put together as torchvision's BasicBlock is."""

    def __init__(self, C, O, stride):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(C, O, 3, stride, 1, bias=False), nn.Conv2d(O, O, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(O), nn.BatchNorm2d(O)
        same = C == O and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(nn.Conv2d(C, O, 1, stride, bias=False), nn.BatchNorm2d(O))
        )

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


NAMES = {
    "w1": "conv1.weight", "w2": "conv2.weight", "gamma1": "bn1.weight", "beta1": "bn1.bias", "gamma2": "bn2.weight", "beta2": "bn2.bias",
    "ws": "shortcut.0.weight", "gammas": "shortcut.1.weight", "betas": "shortcut.1.bias",
}  # fmt: skip
RUNNING = {
    f"{s}{k}": f"{m}.running_{s}" for k, m in (("1", "bn1"), ("2", "bn2"), ("s", "shortcut.1")) for s in ("mean", "var")
}


def block(mine=None):
    """The student's block, forward and back and its running statistics, against modules: three shapes, a step of training, then eval."""
    mine = mine or solution()
    torch.manual_seed(2)
    for C, O, stride in ((3, 3, 1), (3, 5, 2), (3, 5, 1)):
        net = Basic(C, O, stride).double()
        state = {**dict(net.named_parameters()), **dict(net.named_buffers())}
        p = {k: state[v].detach().numpy().copy() for k, v in NAMES.items() if v in state}
        run = {k: state[v].numpy().copy() for k, v in RUNNING.items() if v in state}
        for train in (True, False):
            net.train(train).zero_grad()
            x = torch.randn(4, C, 7, 5, dtype=torch.float64, requires_grad=True)
            y = net(x)
            dy = torch.randn_like(y)
            y.backward(dy)
            kept = mine["residual_block"](x.detach().numpy(), p, run, stride, train)
            assert_close(kept["y"], y.detach().numpy())
            run = {k: kept[k] for k in run}
            for k, name in RUNNING.items():
                if name in state:
                    assert_close(run[k], state[name].numpy())
            grads = mine["residual_block_backward"](dy.numpy(), x.detach().numpy(), kept, p, stride, train)
            assert_close(grads["dx"], x.grad.numpy())
            for k in p:
                assert_close(grads["d" + k], state[NAMES[k]].grad.numpy())


def pool():
    [y] = leaf(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    pooled = F.adaptive_avg_pool2d(y, 1)
    back = torch.randn_like(pooled)
    pooled.backward(back)
    assert_close(y.detach().numpy().sum(axis=(2, 3)) / 20, pooled.detach().numpy()[:, :, 0, 0])
    assert_close(np.broadcast_to(back.numpy() / 20, (2, 3, 4, 5)), y.grad.numpy())


def rates():
    """Two parameter groups of torch's optimiser."""
    base, head = leaf([1.0, -2.0], [0.5])
    optimiser = torch.optim.SGD([dict(params=[base], lr=0.01), dict(params=[head], lr=0.3)])
    ((base**2).sum() * head.sum()).backward()
    wanted = [v.detach().numpy() - rate * v.grad.numpy() for v, rate in ((base, 0.01), (head, 0.3))]
    optimiser.step()
    for value, want in zip((base, head), wanted, strict=True):
        assert_close(want, value.detach().numpy())


def weighted():
    rng = np.random.default_rng(4)
    o, y, w = rng.normal(size=(6, 4)), np.array([0, 1, 1, 3, 2, 0]), rng.uniform(0.5, 2, size=4)
    p = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
    J = (w[y] * -np.log(p[np.arange(6), y])).sum() / w[y].sum()
    assert_close(J, F.cross_entropy(torch.tensor(o), torch.tensor(y), weight=torch.tensor(w)).item())


EQUATIONS = {
    "eq-res-block": block_equation, "eq-res-routes": routes_equation, "eq-res-sum": sum_equation, "eq-bn": bn, "eq-bn-run": bn_run,
    "eq-bn-three": bn_three, "eq-bn-back": bn_back, "eq-bn-eval": bn_eval, "eq-block": block, "eq-pool": pool, "eq-rates": rates,
    "eq-weighted": weighted,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label):
    EQUATIONS[label]()


def test_group_norm_s_way_back_is_torch_s(mine):
    torch.manual_seed(0)
    x, gamma, beta = (
        torch.randn(2, 6, 3, 4).double().requires_grad_(),
        torch.randn(6).double().requires_grad_(),
        torch.zeros(6).double(),
    )
    y = F.group_norm(x, 3, gamma, beta, EPS)
    dy = torch.randn_like(y)
    y.backward(dy)
    grouped = x.detach().numpy().reshape(2, 3, -1)
    r = 1 / np.sqrt(grouped.var(axis=2) + EPS)
    xhat = ((grouped - grouped.mean(axis=2, keepdims=True)) * r[:, :, None]).reshape(x.shape)
    dx, dgamma, dbeta = mine["group_norm_backward"](dy.numpy(), gamma.detach().numpy(), xhat, r, 3)
    assert_close(dx, x.grad.numpy())
    assert_close(dgamma, gamma.grad.numpy())


def test_the_convolution_beside_the_exercises_is_torch_s():
    given, rng = module(UNIT, "convolution"), np.random.default_rng(3)
    for k, stride, H, W in ((3, 1, 5, 4), (3, 2, 7, 6), (1, 2, 5, 4), (5, 3, 8, 9), (3, 2, 1, 1)):
        x, w = leaf(rng.normal(size=(2, 3, H, W)), rng.normal(size=(4, 3, k, k)))
        a = F.conv2d(x, w, stride=stride, padding=k // 2)
        da = torch.randn_like(a)
        a.backward(da)
        assert_close(given.conv2d(x.detach().numpy(), w.detach().numpy(), stride), a.detach().numpy())
        dx, dw = given.conv2d_backward(da.numpy(), x.detach().numpy(), w.detach().numpy(), stride)
        assert_close(dx, x.grad.numpy())
        assert_close(dw, w.grad.numpy())


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("normed", [False, True])
def test_the_deep_networks_gradients_are_autograd_s(mine, residual, normed):
    deep, depth = module(UNIT, "deep"), 4
    norm = (mine["batch_norm"], mine["batch_norm_backward"]) if normed else None
    p = deep.initial(depth, residual, normed, seed=1)
    x, y, *_ = deep.digits()
    x, y = x[:20], y[:20]
    o, kept = deep.forward(x, p, deep.statistics(depth), depth, residual, norm, train=True)
    J, do = deep.cross_entropy(o, y)
    grads, norms = deep.backward(do, kept, p, depth, residual, norm)
    t = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
    h, reached = torch.relu(F.linear(torch.tensor(x), t["W0"], t["b0"])), []
    for k in range(1, depth + 1):
        start = h if k % 2 else start  # noqa: F821
        h.retain_grad()
        reached.append(h)
        a = F.linear(h, t[f"W{k}"])
        u = F.batch_norm(a, None, None, t[f"gamma{k}"], t[f"b{k}"], training=True) if normed else a + t[f"b{k}"]
        h = start + u if residual and k % 2 == 0 else torch.relu(u)
    loss = F.cross_entropy(F.linear(h, t["V"], t["c"]), torch.tensor(y))
    h.retain_grad()
    loss.backward()
    assert_close(J, loss.item())
    for name in p:
        np.testing.assert_allclose(grads[name], t[name].grad.numpy(), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(norms, [v.grad.norm().item() for v in (*reached, h)], rtol=1e-8)


def test_the_course_of_a_net_in_eval_mode_is_the_same_in_both_modules(mine):
    """`tuning.features` computes what the student's batch norm computes in eval mode."""
    tuning, rng = module(UNIT, "tuning"), np.random.default_rng(0)
    net = tuning.first_net((5, 4, 6, 3), 2, 0)
    net = {k: v + 0.1 * rng.uniform(size=v.shape) for k, v in net.items()}
    x = rng.normal(size=(7, 5))
    h = x
    for k in (1, 2, 3):
        found = mine["batch_norm"](
            (h @ net[f"W{k}"].T)[:, :, None, None],
            net[f"gamma{k}"],
            net[f"beta{k}"],
            net[f"mean{k}"],
            net[f"var{k}"],
            False,
        )
        h = np.maximum(found[0][:, :, 0, 0], 0)
    assert_close(tuning.features(x, net), h)


def test_frozen_arrays_are_the_same_to_the_last_digit(mine):
    tuning, rng = module(UNIT, "tuning"), np.random.default_rng(1)
    net = tuning.first_net((5, 4, 6, 3), 2, 0)
    after = mine["fine_tune_step"](rng.normal(size=(8, 5)), rng.integers(2, size=8), net, (0.5, 0.5), 0.1, (2,))
    for name in net:
        same = np.array_equal(net[name], after[name])
        assert same == name.endswith("2"), name


# Pictures --------------------------------------------------------------------------------------------------------------


def test_the_stepper_of_batch_norm_shows_the_numbers_of_the_example(pictures):
    frames = pictures.batch_norm_stepper((1, 2, 3, 6), (1, 0, 0, 0)).frames
    [x] = leaf([[1.0], [2.0], [3.0], [6.0]])
    F.batch_norm(x, None, None, training=True, eps=1e-14).backward(torch.tensor([[1.0], [0], [0], [0]]).double())
    last = frames[-2].drawing
    for value in x.grad.numpy()[:, 0]:
        assert f"{value:.4f}".replace("-", "−") in last
    assert [f"{v:.4f}" for v in x.grad.numpy()[:, 0]] == ["0.2482", "-0.2100", "-0.1336", "0.0955"]


def test_the_routes_of_the_picker_add_up(pictures):
    h, w = [1.0], (0.5, -0.4, 0.3)
    for wl in w:
        h.append(h[-1] + wl * math.tanh(h[-1]))
    routes = pictures.routes_through_blocks(h, w).routes
    found = routes.routes_from("h0")
    [h0] = leaf([1.0])
    out = h0
    for wl in w:
        out = out + wl * torch.tanh(out)
    out.backward()
    assert len(found) == 8
    assert_close(sum(r.product for r in found), h0.grad.item())
    assert max(found, key=lambda r: r.product).product == 1.0


def test_the_frozen_table_is_what_a_step_does(pictures, mine):
    """Whether weights and statistics move, as the player says for every choice of layers."""
    tuning, rng = module(UNIT, "tuning"), np.random.default_rng(1)
    net = tuning.first_net((5, 4, 6, 3), 2, 0)
    x, y = rng.normal(size=(8, 5)), rng.integers(2, size=8)
    for (*ticks, forgotten), frame in pictures.frozen_choices().frames.items():
        if forgotten:
            continue
        frozen = tuple(layer for layer, tick in enumerate(ticks, 1) if tick)
        after = mine["fine_tune_step"](x, y, net, (0.5, 0.5), 0.0, frozen)
        rows = re.findall(r"layer (\d)[^:]*: ([^;.]*)[;.]", frame.drawing)
        for k, says in rows:
            moves = [not np.array_equal(after[f"{name}{k}"], net[f"{name}{k}"]) for name in ("W", "mean")]
            assert [
                f"weights move {'yes' if moves[0] else 'no'}" in says,
                f"statistics move {'yes' if moves[1] else 'no'}" in says,
            ] == [True] * 2


# What the experiments gave, and what the prose says of it --------------------------------------------------------------


def last(results, kind, depth):
    return np.array([curve[-1] for curve in results["degradation"][kind][str(depth)]["loss"]])


def ratio(results, kind, depth):
    return np.exp(np.mean([np.log(g[0] / g[-1]) for g in results["degradation"][kind][str(depth)]["gradient"]]))


def test_degradation_as_the_lesson_and_the_player_tell_it(results):
    for by_depth in results["degradation"].values():
        assert list(by_depth) == ["2", "10", "20", "50"] and all(len(run["loss"]) == 3 for run in by_depth.values())
    mean = {(kind, d): last(results, kind, d).mean() for kind in results["degradation"] for d in (2, 10, 20, 50)}
    # worse on the training images, every seed
    assert last(results, "plain", 50).min() > last(results, "plain", 2).max()
    assert mean["plain", 20] > mean["plain", 10]
    assert 0.1 < ratio(results, "plain", 50) < 1  # smaller, by a factor below ten
    residual = [mean["residual", d] for d in (2, 10, 20, 50)]
    assert residual == sorted(residual, reverse=True) and residual[-1] < 2e-3
    assert ratio(results, "plain, batch norm", 20) > 100 and ratio(results, "plain, batch norm", 50) > 1e4
    assert mean["plain, batch norm", 50] > 2 and mean["plain, batch norm", 10] > mean["plain", 10]
    assert mean["residual, batch norm", 50] < 0.02


def test_transfer_helps_and_harms_where_the_lesson_says(results):
    ways = {name: {k: np.mean(v) for k, v in by.items()} for name, by in results["faces"]["ways"].items()}
    frozen = ways["frozen base, new head"]
    best_without = max(ways["nearest neighbour on pixels"]["1"], ways["from scratch"]["1"])
    assert 3.5 < frozen["1"] / best_without < 4.5
    tuned = [f"fine-tuned, base rate {rate}" for rate in ("0.001", "0.01", "0.1", "1")]
    column = [ways[name]["1"] for name in tuned]
    assert column == sorted(column, reverse=True)
    for k in ("1", "2"):
        assert all(frozen[k] > ways[name][k] for name in tuned)
    assert ways["nearest neighbour on frozen features"]["1"] > frozen["1"] - 0.01
    gap = {k: frozen[k] - ways["fine-tuned, base rate 0.001"][k] for k in ("1", "10")}
    assert gap["10"] < gap["1"]
    both = results["faces"]["ways"]["two stages, base rate 0.1"], results["faces"]["ways"]["fine-tuned, base rate 0.1"]
    for k in ("1", "2", "5", "10"):
        gain = np.mean(both[0][k]) - np.mean(both[1][k])
        assert gain < max(np.ptp(run[k]) for run in both)  # less than the seeds differ
    for k in ("1", "2", "5", "10"):
        assert ways["frozen base, pretrained on random labels"][k] < ways["frozen untrained base"][k] + 0.02
    ways = {name: {k: np.mean(v) for k, v in by.items()} for name, by in results["letters to digits"]["ways"].items()}
    assert 0.9 < np.mean(results["letters to digits"]["source"]) < 0.93  # "nine of ten"
    for k in ("5", "10", "20"):
        assert abs(ways["frozen base, new head"][k] - ways["frozen untrained base"][k]) < 0.01
    for k in ("1", "5", "10", "20", "50"):
        assert 0.01 < ways["fine-tuned, base rate 0.1"][k] - ways["from scratch"][k] < 0.1
        assert all(by[k] <= ways["nearest neighbour on pixels"][k] for by in ways.values())
    ways = {name: {k: np.mean(v) for k, v in by.items()} for name, by in results["digits to digits"].items()}
    for k in ("5", "10", "20", "50"):
        assert ways["nearest neighbour on pixels"][k] - ways["nearest neighbour on frozen features"][k] > 0.03
    assert abs(ways["fine-tuned, base rate 0.1"]["50"] - ways["from scratch"]["50"]) < 0.02


def test_the_alt_text_of_the_faces_plot_has_the_numbers(results):
    text = (ROOT / "course" / UNIT / "lesson.md").read_text()
    [alt] = re.findall(r'alt: "(Accuracy over[^"]*)"', text)
    ways = {name: {k: f"{np.mean(v):.2f}" for k, v in by.items()} for name, by in results["faces"]["ways"].items()}
    for name, words in (
        ("frozen base, new head", "rises from {} to {}"), ("nearest neighbour on frozen features", "on its features from {} to {}"),
        ("nearest neighbour on pixels", "on pixels rise from {} to {}"), ("from scratch", "from scratch from {} to {}"),
    ):  # fmt: skip
        assert words.format(ways[name]["1"], ways[name]["10"]) in alt
    assert max(float(v) for v in ways["frozen untrained base"].values()) < 0.25


def test_the_pipelines_traps(results):
    classes = {buffer: np.mean(found["classes"]) for buffer, found in results["buffers"].items()}
    assert list(classes.values()) == sorted(classes.values()) and classes["32"] < 2 and classes["53536"] > 29
    digits = {buffer: np.array(found) for buffer, found in results["sorted digits"].items()}
    assert digits["1"].max() < 0.5 and digits["32"].max() < digits["200"].min() < digits["1297"].min()
    split = {name: np.array(found) for name, found in results["split"].items()}
    assert split["by picture"].min() > 0.95 and split["by group"].max() < 0.45
    ready = {name: np.array(found) for name, found in results["preprocessing"].items()}
    assert all(found.max() < ready["as in training"].min() for name, found in ready.items() if name != "as in training")
    unequal = {name: {k: np.array(v) for k, v in found.items()} for name, found in results["unequal classes"].items()}
    same, weighted_ = unequal["all the same"], unequal["1 / number of images"]
    assert (weighted_["mean over classes"] > same["mean over classes"]).all()
    assert abs(weighted_["accuracy"].mean() - same["accuracy"].mean()) < 0.05


def test_the_lesson_prints_what_its_prose_says():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert "h       1.0000 1.3808 1.0283 1.2603" in outputs and "slopes  +0.2100 -0.0894 +0.1206" in outputs
    assert "with the sums     1.2347" in outputs and "without the sums  -0.0214" in outputs
    assert outputs.count("0.2482 -0.21   -0.1336  0.0955") == 2  # ours and torch's
    assert "dbeta / M = 0.2500, dgamma / M = -0.2673" in outputs and "unbiased 4.667" in outputs
    plain2, plain50, residual50 = (float(v) for v in re.findall(r"depth +\d+: training loss (\S+),", outputs))
    assert plain50 > plain2 > residual50
    ratio50 = float(re.findall(r"first / last layer: (\S+)", outputs)[1])
    assert 0.6 < ratio50 < 0.75  # "two thirds"
    once, each = (
        line.split(":")[1].split()
        for line in outputs.splitlines()
        if line.startswith(("one coin each", "a coin for each"))
    )
    assert set(once) == {"0", "32"} and all(14 < int(v) < 31 for v in each)
    [difference] = re.findall(r"difference from autograd: (\S+)", outputs)
    assert float(difference) < 1e-12
    assert "in eval mode it moves: False" in outputs


@pytest.mark.slow
def test_the_students_networks_learn():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    [accuracy] = re.findall(r"test accuracy (\S+)", outputs)
    assert float(accuracy) > 0.93
    losses = {
        name: [float(v) for v in found.split()]
        for name, found in re.findall(r"^(plain|residual) +training loss ([\d. ]+)\|", outputs, re.M)
    }
    assert min(losses["plain"]) > 1 and max(losses["residual"]) < 0.2
    found = {
        name: [float(v) for v in numbers.split()]
        for name, numbers in re.findall(r"^(from scratch|frozen base|base rate \S+) +([\d. ]+)$", outputs, re.M)
    }
    assert len(found) == 4 and all(len(v) == 3 for v in found.values())
    assert min(found["frozen base"]) > 2 * max(found["from scratch"])
    assert all(a > b for a, b in zip(found["frozen base"], found["base rate 1"], strict=True))
