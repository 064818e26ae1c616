"""Unit 05: every equation of the lesson, computed in numpy as it stands there and compared with torch's autograd."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution

UNIT = "05-simple-rnn"
T, D, H, O = 5, 3, 4, 6
pictures = module(UNIT, "pictures")


@pytest.fixture(scope="module")
def run():
    """One sequence through the network, column vectors as in the lesson; `grad` holds autograd's gradients.

    Index t of a list is time step t; index 0 is the start, or unused.
    """
    rng = np.random.default_rng(5)
    p = {"U": rng.normal(size=(H, D)), "W": rng.normal(size=(H, H)), "V": rng.normal(size=(O, H))}
    p |= {"b": rng.normal(size=H), "c": rng.normal(size=O), "h0": np.tanh(rng.normal(size=H))}
    x, y = [None, *rng.normal(size=(T, D))], [None, *rng.integers(O, size=T)]
    leaf = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    states = {"a": [None], "h": [leaf["h0"]], "o": [None]}
    for t in range(1, T + 1):
        a = leaf["b"] + leaf["W"] @ states["h"][t - 1] + leaf["U"] @ torch.tensor(x[t])
        h = torch.tanh(a)
        o = leaf["c"] + leaf["V"] @ h
        for name, value in zip("aho", (a, h, o), strict=True):
            value.retain_grad()
            states[name].append(value)
    J = sum(F.cross_entropy(states["o"][t][None], torch.tensor([y[t]])) for t in range(1, T + 1)) / T
    J.backward()

    def numbers(values):
        return [None if v is None else v.detach().numpy() for v in values]

    return {
        **p, "x": x, "y": y, "J": J.item(),
        **{name: numbers(values) for name, values in states.items()},
        **{f"d{name}": [None if v is None else v.grad.numpy() for v in values] for name, values in states.items() if name != "h"},
        "dh": [v.grad.numpy() for v in states["h"]],
        **{f"d{name}": v.grad.numpy() for name, v in leaf.items()},
    }  # fmt: skip


def softmax(o):
    e = np.exp(o - o.max())
    return e / e.sum()


def dense(r):
    assert_close(
        np.tanh(r["b"] + r["U"] @ r["x"][1]), torch.tanh(F.linear(*tensors(r["x"][1], r["U"], r["b"]))).numpy()
    )


def dense_back(r):
    x, W, b, dh = (torch.tensor(v, requires_grad=True) for v in (r["x"][1], r["U"], r["b"], r["dh"][1]))
    a = b + W @ x
    a.retain_grad()
    torch.tanh(a).backward(dh)
    da = r["dh"][1] * (1 - np.tanh(a.detach().numpy()) ** 2)
    assert_close(da, a.grad.numpy())
    assert_close(r["U"].T @ da, x.grad.numpy())
    assert_close(np.outer(da, r["x"][1]), W.grad.numpy())
    assert_close(da, b.grad.numpy())


def rnn_forward(r):
    rnn, linear = torch.nn.RNN(D, H).double(), torch.nn.Linear(H, O).double()
    values = {"weight_ih_l0": r["U"], "weight_hh_l0": r["W"], "bias_ih_l0": r["b"], "bias_hh_l0": np.zeros(H)}
    rnn.load_state_dict({k: torch.tensor(v) for k, v in values.items()})
    linear.load_state_dict({"weight": torch.tensor(r["V"]), "bias": torch.tensor(r["c"])})
    states, _ = rnn(torch.tensor(np.stack(r["x"][1:])), torch.tensor(r["h0"])[None])
    probabilities = torch.softmax(linear(states), dim=1).detach().numpy()
    h = r["h0"]
    for t in range(1, T + 1):
        a = r["b"] + r["W"] @ h + r["U"] @ r["x"][t]
        h = np.tanh(a)
        assert_close(h, states[t - 1].detach().numpy())
        assert_close(softmax(r["c"] + r["V"] @ h), probabilities[t - 1])


def loss(r):
    assert_close(sum(-np.log(softmax(r["o"][t])[r["y"][t]]) for t in range(1, T + 1)) / T, r["J"])


def do(r):
    for t in range(1, T + 1):
        assert_close((softmax(r["o"][t]) - np.eye(O)[r["y"][t]]) / T, r["do"][t])


def dh(r):
    da = [*r["da"], np.zeros(H)]
    for t in range(1, T + 1):
        assert_close(r["V"].T @ r["do"][t] + r["W"].T @ da[t + 1], r["dh"][t])


def da(r):
    for t in range(1, T + 1):
        assert_close(r["dh"][t] * (1 - r["h"][t] * r["h"][t]), r["da"][t])


def contributions_at(r, t):
    return {
        "W": np.outer(r["da"][t], r["h"][t - 1]), "U": np.outer(r["da"][t], r["x"][t]), "b": r["da"][t],
        "V": np.outer(r["do"][t], r["h"][t]), "c": r["do"][t],
    }  # fmt: skip


def contributions(r):
    """Each contribution is the gradient with respect to the copy of the parameter that step t uses."""
    for t in range(1, T + 1):
        copies = {k: [torch.tensor(r[k], requires_grad=True) for _ in range(T + 1)] for k in "UWVbc"}
        h, J = torch.tensor(r["h0"]), 0
        for s in range(1, T + 1):
            U, W, V, b, c = (copies[k][s] for k in "UWVbc")
            h = torch.tanh(b + W @ h + U @ torch.tensor(r["x"][s]))
            J = J + F.cross_entropy((c + V @ h)[None], torch.tensor([r["y"][s]])) / T
        J.backward()
        for k, value in contributions_at(r, t).items():
            assert_close(value, copies[k][t].grad.numpy())


def total(r):
    for k in "UWVbc":
        assert_close(sum(contributions_at(r, t)[k] for t in range(1, T + 1)), r[f"d{k}"])


def truncated(r, k=2):
    """The equation, against torch with a detach before each chunk."""
    leaf = {n: torch.tensor(r[n], requires_grad=True) for n in "UWVbc"}
    states, J = [torch.tensor(r["h0"])], 0
    for t in range(1, T + 1):
        before = states[-1].detach() if (t - 1) % k == 0 else states[-1]
        h = torch.tanh(leaf["b"] + leaf["W"] @ before + leaf["U"] @ torch.tensor(r["x"][t]))
        h.retain_grad()
        states.append(h)
        J = J + F.cross_entropy((leaf["c"] + leaf["V"] @ h)[None], torch.tensor([r["y"][t]])) / T
    J.backward()
    da = np.zeros(H)
    for t in range(T, 0, -1):
        last_of_chunk = t % k == 0 or t == T
        dh = r["V"].T @ r["do"][t] + (0 if last_of_chunk else r["W"].T @ da)
        da = dh * (1 - r["h"][t] ** 2)
        assert_close(dh, states[t].grad.numpy())
    assert_close(r["dV"], leaf["V"].grad.numpy())  # V and c do not notice the cuts
    assert_close(r["dc"], leaf["c"].grad.numpy())
    assert np.abs(r["dW"] - leaf["W"].grad.numpy()).max() > 1e-3


def product(r):
    """The order of the factors, and which state stands in which factor."""

    def steps(h):
        for t in (3, 4, 5):
            h = torch.tanh(torch.tensor(r["b"] + r["U"] @ r["x"][t]) + torch.tensor(r["W"]) @ h)
        return h

    jacobian = torch.autograd.functional.jacobian(steps, torch.tensor(r["h"][2])).numpy()
    J = {s: np.diag(1 - r["h"][s] ** 2) @ r["W"] for s in (3, 4, 5)}
    assert_close(J[5] @ J[4] @ J[3], jacobian)


EQUATIONS = {
    "eq-dense": dense, "eq-dense-back": dense_back, "eq-rnn-forward": rnn_forward, "eq-loss": loss, "eq-do": do,
    "eq-dh": dh, "eq-da": da, "eq-contributions": contributions, "eq-sum": total, "eq-truncated": truncated,
    "eq-product": product,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, run):
    EQUATIONS[label](run)


def test_the_prose_states_the_numbers_of_the_worked_example():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert "t = 3:  a = 0.1224   h = 0.1218   p = 0.5606   loss = 0.8224" in outputs  # "says 0 with probability 0.56"
    shares = dict(re.findall(r"(\d+ units, cut every +\d+) steps: from ([\d.]+)%", outputs))
    assert float(shares["48 units, cut every  1"]) > 98  # what the state holds anyway can be read out
    assert float(shares["8 units, cut every  1"]) < 85 and float(shares["8 units, cut every 15"]) > 98
    for name in ("dU", "dW", "db", "dh0"):
        [line] = [line for line in outputs.splitlines() if line.startswith(name) and "torch" in line]
        by_hand, theirs = line.split("by hand")[1].split("torch")
        assert float(by_hand) == float(theirs)


def test_the_figure_of_distances_shows_what_its_alt_text_says():
    middle = {scale: np.median(pictures.distances(40, scale), axis=0)[-1] for scale in (0.6, 1.2, 1.8)}
    assert 1e-10 < middle[0.6] < 1e-8 and 0.3 < middle[1.2] < 3 and 30 < middle[1.8] < 300


def test_truncation_by_hand_in_the_echo_task_is_that_of_torch():
    """One update of `echo_shares` from the same random numbers, with autograd and detach."""
    for k in (1, 4):
        assert_close(
            pictures.echo_shares(6, k, nets=2, updates=60, T=7, N=4), echo_in_torch(6, k, nets=2, updates=60, T=7, N=4)
        )


def echo_in_torch(H, k, nets, updates, T, N, lag=5, rate=0.003):
    rng = np.random.default_rng(0)
    U, W = 0.3 * rng.normal(size=(nets, H, 1)), rng.normal(size=(nets, H, H)) / np.sqrt(H)
    V = rng.normal(size=(nets, 1, H)) / np.sqrt(H)
    params = [torch.tensor(p, requires_grad=True) for p in (U, W, np.zeros((nets, 1, H)), V, np.zeros((nets, 1, 1)))]
    adam, right = torch.optim.Adam(params, lr=rate), []
    for _ in range(updates):
        x = torch.tensor(rng.choice([-1.0, 1.0], size=(T, nets, N, 1)))
        U, W, b, V, c = params
        h, o = torch.zeros(nets, N, H, dtype=torch.float64), []
        for t in range(T):
            h = h.detach() if t % k == 0 else h
            h = torch.tanh(b + h @ W.mT + x[t] @ U.mT)
            o.append(h @ V.mT + c)
        o, y = torch.stack(o[lag:]), (x[:-lag] + 1) / 2
        right.append(((o > 0) == (y > 0)).double().mean((0, 2, 3)).numpy())
        adam.zero_grad()
        F.binary_cross_entropy_with_logits(o, y, reduction="none").mean((0, 2, 3)).sum().backward()
        adam.step()
    return np.mean(right[-50:], axis=0)


def test_the_stepper_and_the_sum_over_routes_give_the_same_gradient():
    notebook = executed(ROOT / "course" / UNIT / "lesson.ipynb")
    players = [
        o.data["text/html"]
        for c in notebook.cells
        if c.cell_type == "code"
        for o in c.outputs
        if "data" in o and "text/html" in o.data
    ]
    stepper, routes = (
        next(html for html in players if kind in html) for kind in ('class="bh bh-stepper', 'class="bh bh-routes')
    )
    assert "−0.0160" in stepper and "−0.0160" in routes  # dh0


@pytest.mark.slow
def test_the_students_network_learns_to_write():
    notebook = executed_solution(Unit(ROOT, UNIT))
    losses = [line.split() for line in printed(notebook).splitlines() if line.startswith("training loss")]
    assert len(losses) == 3
    for line in losses:
        assert float(line[2].rstrip(",")) < 0.5  # training, from 3.8
        assert float(line[5]) < 1.3  # held out; a bigram model reaches 1.90
    left = re.findall(r"alpha = ([\d.]+): the gradient at h\(1\) is (\S+) of", printed(notebook))
    fast, middle, slow = (float(size) for _, size in left)  # alpha = 1, 0.3, 0.1
    assert 1e-11 < fast < 1e-9 and 1e-4 < middle < 1e-3 and 1e-2 < slow < 1e-1
    words = set((ROOT / "course" / UNIT / "tale.txt").read_text().split())
    text = printed(notebook).rsplit("per character\n", 1)[1].split()
    assert sum(word in words for word in text) > 0.7 * len(text)


def tensors(*arrays):
    return [torch.tensor(a) for a in arrays]
