"""Unit 09: every equation of the lesson, computed in numpy as it stands there and compared with torch's autograd."""

import re

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed
from torch.autograd.functional import jacobian

from byhand.checking import graded_report
from byhand.checking.collect import collect
from byhand.checking.exercise import load_checks
from byhand.checking.judge import unpack
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "09-gradient-clipping"
T, H = 4, 3


@pytest.fixture(scope="module")
def rnn():
    """States of a tanh network, columns as in the lesson; index t is time step t. `rest` is b + U x."""
    rng = np.random.default_rng(9)
    W, rest, h = rng.normal(size=(H, H)), rng.normal(size=(T + 1, H)), [np.tanh(rng.normal(size=H))]
    for t in range(1, T + 1):
        h.append(np.tanh(rest[t] + W @ h[-1]))
    J = [None] + [np.diag(1 - h[t] ** 2) @ W for t in range(1, T + 1)]
    g = rng.normal(size=H)
    start = torch.tensor(h[1], requires_grad=True)
    state = start
    for t in range(2, T + 1):
        state = torch.tanh(torch.tensor(rest[t]) + torch.tensor(W) @ state)
    state.backward(torch.tensor(g))
    return dict(W=W, rest=rest, h=h, J=J, g=g, at_1=start.grad.numpy())


@pytest.fixture(scope="module")
def lstm():
    """Three steps of a peephole LSTM, columns: parameters, the rest of each sum, and c(t), y(t), t = 0 ... 3."""
    rng = np.random.default_rng(90)
    p = {f"R{k}": torch.tensor(rng.normal(size=(H, H))) for k in "zifo"}
    p |= {f"p{k}": torch.tensor(rng.normal(size=H)) for k in "ifo"}
    rest = [{k: torch.tensor(rng.normal(size=H)) for k in "zifo"} for _ in range(4)]
    c, y = [torch.tensor(rng.normal(size=H))], [torch.tensor(np.tanh(rng.normal(size=H)))]
    for t in (1, 2, 3):
        c.append(cell(p, rest[t], y[-1], c[-1], c[-1]))
        y.append(output(p, rest[t], y[-1], c[-1]))
    return dict(p=p, rest=rest, c=c, y=y)


def cell(p, rest, y, c, seen):
    z = torch.tanh(rest["z"] + p["Rz"] @ y)
    i = torch.sigmoid(rest["i"] + p["Ri"] @ y + p["pi"] * seen)
    f = torch.sigmoid(rest["f"] + p["Rf"] @ y + p["pf"] * seen)
    return z * i + c * f


def output(p, rest, y, c):
    return torch.tanh(c) * torch.sigmoid(rest["o"] + p["Ro"] @ y + p["po"] * c)


def numbers(lstm, t):
    """The letters of the equations in numpy, for step t."""
    p, rest, y, c = lstm["p"], lstm["rest"], lstm["y"], lstm["c"]
    z = torch.tanh(rest[t]["z"] + p["Rz"] @ y[t - 1])
    i = torch.sigmoid(rest[t]["i"] + p["Ri"] @ y[t - 1] + p["pi"] * c[t - 1])
    f = torch.sigmoid(rest[t]["f"] + p["Rf"] @ y[t - 1] + p["pf"] * c[t - 1])
    o = torch.sigmoid(rest[t]["o"] + p["Ro"] @ y[t - 1] + p["po"] * c[t])
    return {k: v.numpy() for k, v in dict(p, z=z, i=i, f=f, o=o, c=c[t]).items()}


def step(rnn, lstm):
    rest, W = torch.tensor(rnn["rest"][2]), torch.tensor(rnn["W"])
    assert_close(rnn["J"][2], jacobian(lambda h: torch.tanh(rest + W @ h), torch.tensor(rnn["h"][1])).numpy())


def row(rnn, lstm):
    J = rnn["J"]
    assert_close(rnn["g"] @ J[4] @ J[3] @ J[2], rnn["at_1"])


def column(rnn, lstm):
    def transposed(s):
        return rnn["W"].T @ np.diag(1 - rnn["h"][s] ** 2)

    assert_close(transposed(2), rnn["J"][2].T)
    assert_close(transposed(2) @ transposed(3) @ transposed(4) @ rnn["g"], rnn["at_1"])


SWAP, D = np.array([[0, 1], [1, 0]]), np.diag([1, 0])


def example(rnn, lstm):
    assert (SWAP @ [1, 2] == [2, 1]).all() and (D @ [1, 2] == [1, 0]).all()


def commute(rnn, lstm):
    assert (SWAP.T @ D == [[0, 0], [1, 0]]).all()
    assert not (SWAP.T @ D @ SWAP.T @ D).any()
    assert (SWAP.T @ SWAP.T == np.eye(2)).all()
    assert (SWAP.T @ SWAP.T @ D @ D == D).all()


def bound(rnn, lstm):
    """For tanh and for the sigmoid, over many random networks."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        W, g = 3 * rng.normal(size=(H, H)), rng.normal(size=H)
        sigma = np.linalg.svd(W, compute_uv=False)[0]
        for gamma, slope in (
            (1.0, lambda a: 1 - np.tanh(a) ** 2),
            (0.25, lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2),
        ):
            back = g
            for d in range(1, 6):
                back = back @ np.diag(slope(rng.normal(size=H))) @ W
                assert np.linalg.norm(back) <= np.linalg.norm(g) * (gamma * sigma) ** d * (1 + 1e-12)


def radius(rnn, lstm):
    W = torch.tensor([[0.5, 2.0], [0.0, 0.5]], dtype=torch.float64)
    assert_close(torch.linalg.eigvals(W).abs().max().numpy(), 0.5)
    assert round(torch.linalg.matrix_norm(W, 2).item(), 2) == 2.12
    turn = torch.tensor([[0.6, -0.7], [0.7, 0.6]], dtype=torch.float64)
    rho = torch.linalg.eigvals(turn).abs().max().numpy()
    assert_close(rho, torch.linalg.matrix_norm(turn, 2).numpy())
    assert_close(rho, np.hypot(0.6, 0.7))
    assert round(rho.item(), 2) == 0.92


def the_cell(rnn, lstm):
    """Against torch's own LSTMCell, without peepholes."""
    p = dict(lstm["p"], pi=torch.zeros(H), pf=torch.zeros(H), po=torch.zeros(H))
    rest, y, c = lstm["rest"][1], lstm["y"][0], lstm["c"][0]
    torchs = torch.nn.LSTMCell(1, H).double()
    with torch.no_grad():
        torchs.weight_ih.zero_(), torchs.bias_hh.zero_()
        torchs.weight_hh.copy_(torch.cat([p[f"R{k}"] for k in "ifzo"]))
        torchs.bias_ih.copy_(torch.cat([rest[k] for k in "ifzo"]))
        _, theirs = torchs(torch.zeros(1, 1).double(), (y[None], c[None]))
    assert_close(cell(p, rest, y, c, c).numpy(), theirs[0].numpy())


def immediate(rnn, lstm):
    p, rest, y, c = lstm["p"], lstm["rest"][2], lstm["y"][1], lstm["c"][1]
    assert_close(np.diag(numbers(lstm, 2)["f"]), jacobian(lambda s: cell(p, rest, y, s, c), c).numpy())


def ways_of(lstm, t):
    n, before = numbers(lstm, t), numbers(lstm, t - 1)
    c, df, di, dz = before["c"], n["f"] * (1 - n["f"]), n["i"] * (1 - n["i"]), 1 - n["z"] ** 2
    M = np.diag(c * df) @ n["Rf"] + np.diag(n["z"] * di) @ n["Ri"] + np.diag(n["i"] * dz) @ n["Rz"]
    do = before["o"] * (1 - before["o"])
    K = np.diag(before["o"] * (1 - np.tanh(c) ** 2) + np.tanh(c) * do * n["po"])
    return np.diag(n["f"]), np.diag(c * df * n["pf"] + n["z"] * di * n["pi"]), M, K


def total_of(lstm, t):
    direct, peepholes, M, K = ways_of(lstm, t)
    return direct + peepholes + M @ K


def from_cell(lstm, k, t):
    """c(t) as a function of c(k); y(k) is made from it, y(k - 1) is held fixed."""
    p, rest, y = lstm["p"], lstm["rest"], lstm["y"]

    def run(c):
        out = output(p, rest[k], y[k - 1], c)
        for s in range(k + 1, t + 1):
            c = cell(p, rest[s], out, c, c)
            out = output(p, rest[s], out, c)
        return c

    return jacobian(run, lstm["c"][k]).numpy()


def total(rnn, lstm):
    for t in (2, 3):
        np.testing.assert_allclose(total_of(lstm, t), from_cell(lstm, t - 1, t), rtol=0, atol=1e-12)


def ways(rnn, lstm):
    p, rest, y, c = lstm["p"], lstm["rest"], lstm["y"], lstm["c"]
    _, _, M, K = ways_of(lstm, 2)
    assert_close(M, jacobian(lambda s: cell(p, rest[2], s, c[1], c[1]), y[1]).numpy())
    assert_close(K, jacobian(lambda s: output(p, rest[1], y[0], s), c[1]).numpy())


def direct(rnn, lstm):
    f = [numbers(lstm, t)["f"] for t in (1, 2, 3)]
    assert_close(np.diag(f[2]) @ np.diag(f[1]) @ np.diag(f[0]), np.diag(f[0] * f[1] * f[2]))


def closing(rnn, lstm):
    rng = np.random.default_rng(0)
    for _ in range(1000):
        f = 1 - rng.uniform(size=rng.integers(1, 20)) ** 4
        assert f.prod() >= 1 - (1 - f).sum() - 1e-15


def open_enough(rnn, lstm):
    assert abs((1 - 1e-9) ** 1e9 - np.exp(-1)) < 1e-6 and round(np.exp(-1), 3) == 0.368


def distances(rnn, lstm):
    """The gradient at W is the sum of what the losses of all steps pay in at all distances; each step has a copy of W here."""
    W, rest, weights = (
        rnn["W"],
        torch.tensor(rnn["rest"]),
        torch.tensor(np.random.default_rng(5).normal(size=(T + 1, H))),
    )

    def losses(copies):
        state = torch.tensor(rnn["h"][0])
        for t, copy in enumerate(copies, 1):
            state = torch.tanh(rest[t] + copy @ state)
            yield weights[t] @ state

    copies = [torch.tensor(W, requires_grad=True) for _ in range(T)]
    G = np.zeros((T, H, H))
    for t, loss in enumerate(losses(copies), 1):
        parts = torch.autograd.grad(loss, copies[:t], retain_graph=True)
        for k in range(1, t + 1):
            G[t - k] += parts[k - 1].numpy()
    shared = torch.tensor(W, requires_grad=True)
    sum(losses([shared] * T)).backward()
    assert_close(G.sum(axis=0), shared.grad.numpy())


def pair(rnn, lstm):
    """The Jacobians of the pair may be multiplied; those of the cell alone may not."""
    p, rest = lstm["p"], lstm["rest"]

    def move(s, t):
        c = cell(p, rest[t], s[H:], s[:H], s[:H])
        return torch.cat([c, output(p, rest[t], s[H:], c)])

    s = [torch.cat([lstm["c"][t], lstm["y"][t]]) for t in (0, 1, 2)]
    J = [jacobian(lambda v, t=t: move(v, t + 1), s[t]).numpy() for t in (0, 1, 2)]
    both = jacobian(lambda v: move(move(move(v, 1), 2), 3), s[0]).numpy()
    np.testing.assert_allclose(J[2] @ J[1] @ J[0], both, rtol=0, atol=1e-12)
    assert np.abs(total_of(lstm, 3) @ total_of(lstm, 2) - from_cell(lstm, 1, 3)).max() > 1e-3


def clip_norm(rnn, lstm):
    """Torch's function, up to the small number in its denominator."""
    g = np.random.default_rng(1).normal(size=7)
    for v in (0.1, 1.0, 100.0):
        leaf = torch.zeros(7, dtype=torch.float64, requires_grad=True)
        leaf.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_([leaf], v)
        np.testing.assert_allclose(g * min(1, v / np.linalg.norm(g)), leaf.grad.numpy(), rtol=1e-6)


def clip_value(rnn, lstm):
    g = np.random.default_rng(1).normal(size=7)
    leaf = torch.zeros(7, dtype=torch.float64, requires_grad=True)
    leaf.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_value_([leaf], 0.5)
    assert_close(np.minimum(np.maximum(g, -0.5), 0.5), leaf.grad.numpy())


def tiny(rnn, lstm):
    for w, b in ((2.0, 0.1), (1.6, -0.25), (0.9, -0.5)):
        leaves = torch.tensor([w, b], dtype=torch.float64, requires_grad=True)
        h = torch.tensor(0.5, dtype=torch.float64)
        for _ in range(8):
            h = torch.tanh(leaves[0] * h + leaves[1])
        J = (h - 0.5) ** 2
        J.backward()
        assert_close(module(UNIT, "pictures").tiny_loss(w, b), (J.item(), *leaves.grad.numpy()))


EQUATIONS = {
    "eq-clip-step": step, "eq-clip-row": row, "eq-clip-column": column, "eq-clip-example": example,
    "eq-clip-commute": commute, "eq-clip-bound": bound, "eq-clip-radius": radius, "eq-clip-cell": the_cell,
    "eq-clip-immediate": immediate, "eq-clip-total": total, "eq-clip-ways": ways, "eq-clip-direct": direct,
    "eq-clip-distances": distances, "eq-clip-sum": closing, "eq-clip-open": open_enough, "eq-clip-pair": pair,
    "eq-clip-norm": clip_norm, "eq-clip-value": clip_value, "eq-clip-tiny": tiny,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, rnn, lstm):
    EQUATIONS[label](rnn, lstm)


@pytest.fixture(scope="module")
def lesson():
    return printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))


def test_rows_columns_and_torch_agree_and_the_mixture_does_not(lesson):
    found = dict(re.findall(r"^(row, newest|column|row with|torch)\b.*?(\[.*\])$", lesson, re.M))
    assert found["row, newest"] == found["column"] == found["torch"] != found["row with"]


def test_the_prose_states_the_numbers_of_the_lesson(lesson):
    assert "turn  eigenvalues [0.6+0.7j 0.6-0.7j]  radius 0.9220" in lesson and "radius 0.5000  norm 2.1180" in lesson
    assert "d = 20   norms 0.196874 0.000076" in lesson
    half = [np.log(0.5) / np.log(1 / (1 + np.exp(-b))) for b in (1, 5)]
    assert np.round(half, 1).tolist() == [2.2, 103.2]  # "2.2 steps with a bias of 1 ... and 103 with a bias of 5"
    assert "turned by 8.1°" in lesson and "by value 0.599999880000024 0.7" in lesson
    sizes = {int(d): float(n) for d, n in re.findall(r"^d = +(\d+) +norm of G_d +([\d.]+)$", lesson, re.M)}
    whole = float(re.search(r"norm of the whole gradient ([\d.]+)", lesson)[1])
    assert whole > sizes[0] and sizes[20] < whole / 100  # "says next to nothing about distance 20"
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)
    mine, theirs = re.findall(r"^(?:total|torch) (\d\.\d{12})$", lesson, re.M)
    assert mine == theirs


def test_what_the_trained_lstms_show(lesson):
    """Both learn; direct is the largest term; its path is lost with bias 1 and kept with bias 5, where the truth grows."""
    assert all(float(J) < 0.05 for J in re.findall(r"bias \d.0: J = ([\d.]+) after", lesson))
    for direct_share, through in re.findall(r"direct (\d+)%, peepholes \d+%, through y (\d+)%", lesson):
        assert int(direct_share) > 70 and int(through) > 5
    rows = np.array(re.findall(r"distance +(\d+) +direct +([\d.]+) +product +([\d.]+) +true +([\d.]+)", lesson), float)
    first, second = rows[:5], rows[5:]
    assert first[-1, 1] < 0.05 and 0.5 < second[-1, 1] < 1 and second[-1, 3] > 2
    assert np.allclose(rows[[0, 5], 2], rows[[0, 5], 3]) and not np.isclose(rows[1, 2], rows[1, 3], atol=1e-3)


def test_what_the_figure_of_radii_shows():
    """The caption: radius 1 is the border of the linear network, all three tanh networks vanish, all bounds rise."""
    for rho, holds in ((0.8, lambda d: d < 1e-4), (1.0, lambda d: 1 < d < 4), (1.3, lambda d: d > 1e5)):
        linear, tanh, ceiling = module(UNIT, "pictures").growth(rho, 50)
        assert holds(linear[-1]) and ceiling[-1] > 1e5
        assert np.isclose(np.log10(tanh[-1]), {0.8: -10, 1.0: -6.3, 1.3: np.log10(0.002)}[rho], atol=0.3)


def test_the_walkers_on_the_cliff_do_what_the_prose_says():
    pictures, fixed = module(UNIT, "pictures"), np.full(40, 0.3)
    free = pictures.descend((2.0, 0.1), fixed, np.inf)
    clipped = pictures.descend((2.0, 0.1), fixed, 0.4)
    falling = pictures.descend((2.0, 0.1), 0.3 * (1 - np.arange(40) / 40), 0.4)
    assert len(free) == len(clipped) == len(falling) == 41
    assert (free[10:, 2] > 0.24).all() and (free[10:, 3] < 1e-3).all() and free[10, 1] > 3  # off the map, for good
    assert clipped[19, 2] < 2e-4 and clipped[21, 2] > 8 * clipped[0, 2]  # the luckiest moment, and two updates later
    assert np.sum(clipped[20:, 2] > 0.7) == 10 and np.sum(falling[:, 2] > 0.7) > 3  # "again and again", both
    assert falling[37:, 2].max() < 0.01 < clipped[37:, 2].max()
    steps = np.hypot(*np.diff(clipped[:, :2], axis=0).T)
    assert steps.max() <= 0.12 + 1e-15 and np.allclose(steps[[20, 38]], 0.12)  # rounding; "as at update 39"
    assert np.hypot(*np.diff(falling[:, :2], axis=0).T)[-3:].max() < 0.01


def test_the_map_that_shears_goes_where_the_description_of_the_figure_says():
    M = np.array([[0.5, 2.0], [0.0, 0.5]])
    start = np.abs(np.linalg.svd(M)[2][0])
    assert np.allclose(start, (0.2, 1), atol=0.05) and np.allclose(M @ start, (2.1, 0.5), atol=0.05)
    assert round(np.degrees(np.arctan2(0.7, 0.6))) == 49


@pytest.mark.parametrize(
    "name",
    ["clip_by_norm", "clip_by_value", "cell_jacobian", "state_jacobian", "jacobian_product", "gradient_by_distance"],
)
def test_the_solution_equals_torch_to_1e_12(name):
    """Checks allow 1e-8; the lesson promises more, torch's 1e-6 in the denominator included."""
    unit = Unit(ROOT, UNIT)
    checks = load_checks(unit.course)
    exercise = checks[name]
    answer = Answers(read_source(unit.exercises).notebook, unit.course).function(name)
    for solved in checks.solved(name, seed=7):
        found, trouble = unpack(exercise, collect(answer, solved.problem.args, exercise.call))
        assert not trouble
        for key, theirs in solved.answer.items():
            np.testing.assert_allclose(found[key], theirs, rtol=1e-12, atol=1e-12)


def differences(f, x, step=1e-5):
    """The Jacobian of f at x by central differences."""
    moves = step * np.eye(len(x))
    return np.stack([(f(x + move) - f(x - move)) / (2 * step) for move in moves], axis=-1)


def sigma(a):
    return 1 / (1 + np.exp(-a))


def logit(s):
    return np.log(s / (1 - s))


def product_by_differences(h, W):
    """Through a forward pass that is shifted so that it passes the given states."""
    P, rest = np.empty((*h.shape, h.shape[2])), np.arctanh(h[1:]) - h[:-1] @ W.T
    for t, n in np.ndindex(h.shape[:2]):

        def to_the_end(s, t=t, n=n):
            for r in rest[t:, n]:
                s = np.tanh(r + W @ s)
            return s

        P[t, n] = differences(to_the_end, h[t, n])
    return P


def cell_by_differences(before, now, p):
    found = []
    for n in range(len(before["c"])):
        c, y = before["c"][n], before["y"][n]
        z = np.arctanh(now["z"][n]) - p["Rz"] @ y
        i, f = (logit(now[k][n]) - p["R" + k] @ y - p["p" + k] * c for k in "if")
        o = logit(before["o"][n]) - p["po"] * c

        def new(straight, seen, y, z=z, i=i, f=f):
            gates = sigma(i + p["Ri"] @ y + p["pi"] * seen), sigma(f + p["Rf"] @ y + p["pf"] * seen)
            return np.tanh(z + p["Rz"] @ y) * gates[0] + straight * gates[1]

        found.append([
            differences(lambda s, new=new, c=c, y=y: new(s, c, y), c), differences(lambda s, new=new, c=c, y=y: new(c, s, y), c),
            differences(lambda s, new=new, c=c: new(c, c, s), y),
            differences(lambda s, new=new, o=o: new(s, s, np.tanh(s) * sigma(o + p["po"] * s)), c),
        ])  # fmt: skip
    return tuple(np.stack(part) for part in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("name", "answer"), [("jacobian_product", product_by_differences), ("cell_jacobian", cell_by_differences)]
)
def test_differences_of_a_shifted_forward_pass_earn_nothing(name, answer):
    checks = load_checks(ROOT / "course" / UNIT)
    args = checks.solved(name)[0].problem.args
    found = answer(**args)
    first = found[-1] if isinstance(found, tuple) else found
    right = list(checks.solved(name)[0].answer.values())[-1]
    assert np.abs(first - right).max() < 1e-8 * np.abs(right).max()  # it is that method, and not a slip in it
    assert graded_report(name, checks, answer, 1.0, 1).points[0] == 0


@pytest.mark.slow
def test_the_students_network_diverges_without_clipping_and_learns_with_it():
    text = printed(executed_solution(Unit(ROOT, UNIT)))
    rows = dict(re.findall(r"^rate ([\d.]+, max_norm \w+(?:\.\d)?): (.*)$", text, re.M))
    assert rows["0.1, max_norm inf"].count("diverged") == 5
    assert all(int(update) <= 15 for update in re.findall(r"\d+$", rows["0.1, max_norm inf"].replace(", ", "\n"), re.M))
    assert all(float(loss) < 0.05 for loss in rows["0.1, max_norm 1.0"].split(", "))  # 1/3 for always answering 0
    assert (
        "diverged" not in rows["0.03, max_norm inf"]
        and max(map(float, rows["0.03, max_norm inf"].split(", "))) > 0.3
        and min(map(float, rows["0.03, max_norm inf"].split(", "))) < 0.2  # "and others learn"
    )
    assert all(float(loss) < 0.2 for loss in rows["0.01, max_norm inf"].split(", "))
    saturated = re.findall(r"seed \d: (\d+)% of the states saturated, rate times curvature ([\d.]+)", text)
    assert len(saturated) == 5 and all(int(share) > 90 and float(product) > 2 for share, product in saturated)
    norms = {name: float(n) for name, n in re.findall(r"^(\w+, [\w ]+[\d.]+) +after 60 steps: (\S+)$", text, re.M)}
    assert norms["RNN, scale 0.8"] < 1e-10 and norms["LSTM, forget bias 0"] < 1e-9
    assert 0.5 < norms["LSTM, forget bias 4"] < 100 and 0.5 < norms["RNN, scale 2.0"] < 100
