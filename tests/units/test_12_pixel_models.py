"""Unit 12: the equations of the lesson against torch, what the masks promise, the blind spot, and what training reaches."""

import json
import math
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

UNIT = "12-pixel-models"
N, C, O, H, W, K, R = 2, 3, 4, 5, 6, 3, 1


def answers(unit, name):
    """Everything that the solution of a unit defines."""
    unit = Unit(ROOT, unit)
    return Answers(read_source(unit.exercises).notebook, unit.course).function(name).__globals__


@pytest.fixture(scope="module")
def pictures():
    return module(UNIT, "pictures")


@pytest.fixture(scope="module")
def r():
    """One image with C channels through a masked convolution; autograd's gradients."""
    rng = np.random.default_rng(12)
    x, w, b = rng.normal(size=(C, H, W)), rng.normal(size=(O, C, K, K)), rng.normal(size=O)
    m = np.array([[1.0, 1, 1], [1, 0, 0], [0, 0, 0]])
    leaf = [torch.tensor(v, requires_grad=True) for v in (x, w, b)]
    used = leaf[1] * torch.tensor(m)
    used.retain_grad()
    a = F.conv2d(leaf[0][None], used, leaf[2], padding=R)[0]
    da = rng.normal(size=a.shape)
    a.backward(torch.tensor(da))
    dx, dw, db = (t.grad.numpy() for t in leaf)
    return dict(x=x, w=w, b=b, m=m, a=a.detach().numpy(), da=da, dx=dx, dw=dw, db=db, dused=used.grad.numpy())


def at(array, i, j):
    """The value of the last two axes at (i, j); 0 outside."""
    inside = 0 <= i < array.shape[-2] and 0 <= j < array.shape[-1]
    return array[..., i, j] if inside else np.zeros(array.shape[:-2])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def chain(r, pictures):
    """The loss is minus the logarithm of the product of the conditionals."""
    rng = np.random.default_rng(0)
    x, a = rng.integers(2, size=(H, W)), rng.normal(size=(H, W))
    p = sigmoid(a)
    product = np.where(x == 1, p, 1 - p).prod()
    assert_close((np.log(1 + np.exp(a)) - x * a).sum(), -np.log(product))
    assert_close(
        -np.log(product),
        -torch.distributions.Bernoulli(logits=torch.tensor(a)).log_prob(torch.tensor(x).double()).sum().numpy(),
    )


def da(r, pictures):
    x, a = torch.randint(2, (H, W)).double(), torch.randn(H, W, dtype=torch.float64, requires_grad=True)
    F.binary_cross_entropy_with_logits(a, x, reduction="sum").backward()
    assert_close(sigmoid(a.detach().numpy()) - x.numpy(), a.grad.numpy())


def convolution(r, pictures):
    w = r["w"] * r["m"]
    for i in range(H):
        for j in range(W):
            a = r["b"] + sum(w[:, :, u, v] @ at(r["x"], i + u - R, j + v - R) for u in range(K) for v in range(K))
            assert_close(a, r["a"][:, i, j])


def masks(r, pictures):
    """Within the window of a kernel: exactly the pixels that come before the centre in reading order."""
    for k in (1, 3, 5, 7):
        c = k // 2
        for kind in "AB":
            for u in range(k):
                for v in range(k):
                    rule = u < c or (u == c and (v < c if kind == "A" else v <= c))
                    before = u * k + v < c * k + c or (kind == "B" and (u, v) == (c, c))
                    assert rule == before == bool(pictures.mask(k, kind)[u, v])


def dw(r, pictures):
    for u in range(K):
        for v in range(K):
            total = sum(
                np.outer(r["da"][:, i, j], at(r["x"], i + u - R, j + v - R)) for i in range(H) for j in range(W)
            )
            assert_close(total, r["dused"][:, :, u, v])
    assert_close(r["da"].sum(axis=(1, 2)), r["db"])


def dmask(r, pictures):
    assert_close(r["dused"] * r["m"], r["dw"])
    assert np.abs(r["dused"] * (1 - r["m"])).max() > 0.1


def dx(r, pictures):
    w = r["w"] * r["m"]
    for i in range(H):
        for j in range(W):
            total = sum(w[:, :, u, v].T @ at(r["da"], i - u + R, j - v + R) for u in range(K) for v in range(K))
            assert_close(total, r["dx"][:, i, j])


def jacobian_field(kinds, k, side, i, j, pictures):
    """What autograd says that the output at (i, j) of a stack sees, with all allowed weights 1."""
    x = torch.zeros(1, 1, *side, dtype=torch.float64, requires_grad=True)
    a = x
    for kind in kinds:
        a = F.conv2d(a, torch.tensor(pictures.mask(k, kind))[None, None], padding=k // 2)
    a[0, 0, i, j].backward()
    return (x.grad[0, 0] > 0).numpy()


def blind(r, pictures):
    """With layers enough, what is unseen of the rows above is exactly the set that the equation gives."""
    for k in (3, 5):
        i, j, side = 6, 4, (8, 20)
        field = jacobian_field("A" + "B" * 11, k, side, i, j, pictures)
        for y in range(i):
            for z in range(side[1]):
                assert field[y, z] == (not z - j > (k // 2) * (i - y))


def share(r, pictures):
    for n in (1, 2, 5, 9):
        side, i, j = (n + 1, 2 * n + 1), n, n
        field = jacobian_field("A" + "B" * (n - 1), 3, side, i, j, pictures)
        before = n * (2 * n + 1) + n
        assert before - field.sum() == n * (n - 1) // 2
        assert math.isclose((before - field.sum()) / before, (n - 1) / (4 * (n + 1)))


def stacks(r, pictures):
    """The two stacks of the equation, by torch with padding and by hand; and flipping pixels shows the field that the figure draws."""
    rng, layers, k = np.random.default_rng(5), 2, 3
    H, W, C = 6, 9, 2
    sizes = [(C, 1 if layer == 0 else C) for layer in range(layers)]
    Wv, U = ([rng.normal(size=(*size, *taps)) for size in sizes] for taps in ((2, 3), (2,)))
    S, bv, bh = (rng.normal(size=(layers, C, *more)) for more in ((C,), (), ()))
    x = rng.integers(2, size=(1, H, W)).astype(float)

    def at(field, i, j):
        return field[:, i, j] if 0 <= i < H and 0 <= j < W else np.zeros(len(field))

    def by_hand(x):
        v = h = x
        for layer in range(layers):
            new_v, new_h = np.empty((C, H, W)), np.empty((C, H, W))
            for i in range(H):
                for j in range(W):
                    new_v[:, i, j] = bv[layer] + sum(
                        Wv[layer][:, :, a, b] @ at(v, i - 1 + a, j - 1 + b) for a in (0, 1) for b in (0, 1, 2)
                    )
            new_v = np.maximum(new_v, 0)
            for i in range(H):
                for j in range(W):
                    own = sum(U[layer][:, :, b] @ at(h, i, j - 1 + b) for b in ((0,) if layer == 0 else (0, 1)))
                    new_h[:, i, j] = bh[layer] + own + S[layer] @ at(new_v, i - 1, j)
            v, h = new_v, np.maximum(new_h, 0)
        return h

    def by_torch(x):
        v = h = torch.tensor(x)[None]
        for layer in range(layers):
            v = torch.relu(F.conv2d(F.pad(v, (1, 1, 1, 0)), torch.tensor(Wv[layer]), torch.tensor(bv[layer])))
            u = torch.tensor(U[layer])[:, :, None].clone()
            if layer == 0:
                u[..., 1] = 0
            down = F.pad(v, (0, 0, 1, 0))[:, :, :-1]
            h = torch.relu(
                F.conv2d(F.pad(h, (1, 0, 0, 0)), u, torch.tensor(bh[layer]))
                + torch.einsum("dc,nchw->ndhw", torch.tensor(S[layer]), down)
            )
        return h[0].numpy()

    assert_close(by_hand(x), by_torch(x))
    # With positive weights and no ReLU off, flipping shows every route.
    Wv, U, S, bv, bh = [abs(w) for w in Wv], [abs(w) for w in U], abs(S), abs(bv) + 1, abs(bh) + 1
    i, j = 4, 4
    moved = np.zeros((H, W), bool)
    for y in range(H):
        for z in range(W):
            other = x.copy()
            other[0, y, z] = 1 - other[0, y, z]
            moved[y, z] = np.abs(by_torch(other) - by_torch(x))[:, i, j].max() > 1e-12
    assert np.array_equal(moved, pictures.two_stacks(layers, k, H, W, i, j))


def row(r, pictures, backward=False):
    """The model of the equation with torch's own LSTM (peepholes 0), against the solution."""
    K_ = 4
    rng = np.random.default_rng(3)
    p = {"W" + g: rng.normal(size=(K_, W)) for g in "zifo"} | {"R" + g: rng.normal(size=(K_, K_)) for g in "zifo"}
    p |= {"b" + g: rng.normal(size=K_) for g in "zifo"} | {"p" + g: np.zeros(K_) for g in "ifo"}
    p |= {"V": rng.normal(size=(W, K_)), "d": rng.normal(size=W), "L": rng.normal(size=(W, W))}
    lstm = torch.nn.LSTM(W, K_, dtype=torch.float64)
    names = dict(weight_ih_l0="W", weight_hh_l0="R", bias_ih_l0="b")
    values = {name: torch.tensor(np.concatenate([p[kind + g] for g in "ifzo"])) for name, kind in names.items()}
    lstm.load_state_dict({**values, "bias_hh_l0": torch.zeros(4 * K_, dtype=torch.float64)})
    leaf = {k: torch.tensor(p[k], requires_grad=True) for k in "VdL"}
    x = rng.integers(2, size=(H, W)).astype(float)
    rows = torch.tensor(x)
    y, _ = lstm(torch.cat([torch.zeros(1, W), rows[:-1]])[:, None].double())
    y.retain_grad()
    M = torch.ones(W, W).tril(-1)
    a = leaf["d"] + y[:, 0] @ leaf["V"].T + rows @ (leaf["L"] * M).T
    J = F.binary_cross_entropy_with_logits(a, rows, reduction="sum")
    J.backward()
    if not backward:
        out = answers(UNIT, "row_lstm")["row_lstm"](x[None], p)
        assert_close(out["logits"][0], a.detach().numpy())
        assert_close(out["J"], J.item())
        return
    error, y_ = sigmoid(a.detach().numpy()) - x, y.detach().numpy()[:, 0]
    assert_close(np.stack([p["V"].T @ e for e in error]), y.grad.numpy()[:, 0])
    assert_close(sum(np.outer(error[i], y_[i]) for i in range(H)), leaf["V"].grad.numpy())
    assert_close(M.numpy() * sum(np.outer(error[i], x[i]) for i in range(H)), leaf["L"].grad.numpy())
    assert_close(error.sum(axis=0), leaf["d"].grad.numpy())


def row_back(r, pictures):
    row(r, pictures, backward=True)


def bits(r, pictures):
    """A fair coin for each of D pixels is one bit per dimension."""
    D = 64
    J = (
        -torch.distributions.Bernoulli(probs=torch.full((D,), 0.5).double())
        .log_prob(torch.ones(D).double())
        .sum()
        .item()
    )
    assert math.isclose(J / (D * math.log(2)), 1.0)


EQUATIONS = {
    "eq-pix-chain": chain, "eq-pix-da": da, "eq-pix-conv": convolution, "eq-pix-mask": masks, "eq-pix-dw": dw, "eq-pix-dmask": dmask,
    "eq-pix-dx": dx, "eq-pix-blind": blind, "eq-pix-share": share, "eq-pix-stacks": stacks, "eq-pix-row": row, "eq-pix-row-back": row_back, "eq-pix-bits": bits,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, r, pictures):
    EQUATIONS[label](r, pictures)


def test_the_fields_of_the_explorer_are_those_of_the_jacobian(pictures):
    for kinds, k, place in (
        ("A", 3, (7, 6)),
        ("ABB", 3, (7, 6)),
        ("AAAA", 3, (7, 6)),
        ("BBB", 3, (2, 0)),
        ("ABBBBBBB", 5, (7, 12)),
        ("AB", 7, (0, 3)),
    ):
        assert np.array_equal(
            pictures.seen_by(kinds, k, 9, 13, *place), jacobian_field(kinds, k, (9, 13), *place, pictures)
        )


def test_the_answers_to_the_players_two_questions(pictures):
    before = pictures.everything_before(9, 13, 7, 0), pictures.everything_before(9, 13, 7, 6)

    def blind(k, j, layers=8):
        return int((before[j > 0] & ~pictures.seen_by("A" + "B" * (layers - 1), k, 9, 13, 7, j)).sum())

    assert [b.sum() for b in before] == [91, 97] and (blind(3, 0), blind(3, 6)) == (56, 15)
    assert blind(25, 0) == blind(13, 6) == 0 and blind(23, 0) > 0 and blind(11, 6) > 0


def test_a_jacobian_at_one_image_misses_leaks_that_flipping_finds():
    """The lesson's hundred random stacks BBB with two channels."""
    source = read_source(Unit(ROOT, UNIT).lesson).notebook
    space = {"torch": torch, "F": F}
    for start in ("def mask(", "def stack("):
        [code] = [c.source for c in source.cells if c.source.startswith(start)]
        exec(code.split("\n\n\nxt =")[0], space)
    world = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 9).reshape(512, 3, 3)
    torch.manual_seed(0)
    missed = 0
    for _ in range(100):
        weights = [torch.randn(c, d, 3, 3).double() * 0.7 for c, d in ((2, 1), (2, 2), (1, 2))]
        at = torch.rand(1, 3, 3).double()
        J = torch.autograd.functional.jacobian(lambda x, w=weights: space["stack"](x, w, "BBB").reshape(9), at).reshape(
            9, 9
        )
        by_jacobian = {(divmod(i, 3), divmod(j, 3)) for i, j in torch.argwhere(J.triu() != 0).tolist()}
        missed += bool(set(space["leaks"](lambda x, w=weights: space["stack"](x, w, "BBB"), world)) - by_jacobian)
    assert missed == 83


def test_two_stacks_and_the_row_lstm_see_what_the_pictures_say(pictures):
    """Both fields from networks: a gradient through them, with positive weights."""
    H, W, i, j, layers = 9, 13, 7, 6, 8

    def ones(rows, columns):
        return torch.ones(1, 1, rows, columns, dtype=torch.float64)

    x = torch.zeros(1, 1, H, W, dtype=torch.float64, requires_grad=True)
    v = h = x
    for layer in range(layers):
        v = F.conv2d(F.pad(v, (1, 1, 1, 0)), ones(2, 3))  # the rows above and its own
        left = F.conv2d(F.pad(h, (1, 0, 0, 0))[..., : W + (layer > 0)], ones(1, 1 if layer == 0 else 2))
        h = left[..., :W] + F.pad(v, (0, 0, 1, 0))[:, :, :-1]  # the vertical stack, one row down
    h[0, 0, i, j].backward()
    assert np.array_equal(x.grad[0, 0].numpy() > 0, pictures.two_stacks(layers, 3, H, W, i, j))

    x = torch.zeros(1, 1, H, W, dtype=torch.float64, requires_grad=True)
    f = F.conv2d(x, torch.tensor(pictures.mask(3, "A"))[None, None], padding=1)
    into = F.conv2d(F.pad(f, (1, 0, 0, 0)), ones(1, 2))  # mask B along the row
    state = torch.zeros(1, 1, W, dtype=torch.float64)
    for y in range(i + 1):
        state = into[:, :, y] + F.conv1d(state, torch.ones(1, 1, 3, dtype=torch.float64), padding=1)
    state[0, 0, j].backward()
    assert np.array_equal(x.grad[0, 0].numpy() > 0, pictures.row_lstm_field(H, W, i, j))


def test_the_diagonal_and_the_row_by_row_lstm_see_everything_before(pictures):
    space = answers(UNIT, "row_lstm")
    rng = np.random.default_rng(0)
    p = space["first_row_lstm"](0)
    p["L"] = rng.normal(size=(8, 8))
    x = rng.integers(2, size=(8, 8)).astype(float)
    i, j = 5, 3
    flips = np.abs(x - np.eye(64).reshape(64, 8, 8))
    # Both in batches of one shape: how numpy rounds depends on the shape and on the processor.
    same = np.broadcast_to(x, flips.shape)
    change = space["row_lstm"](flips, p)["logits"][:, i, j] != space["row_lstm"](same, p)["logits"][:, i, j]
    assert np.array_equal(change.reshape(8, 8), pictures.everything_before(8, 8, i, j))


def test_the_lstm_beside_the_exercises_is_the_one_of_unit_08():
    """The copy may not drift: the same numbers, forward and back."""
    mine, theirs = module(UNIT, "lstm"), answers("08-lstm-backprop", "lstm_backward")
    rng = np.random.default_rng(8)
    T, N, D, K_ = 4, 3, 5, 6
    p = {"W" + g: rng.normal(size=(K_, D)) for g in "zifo"} | {"R" + g: rng.normal(size=(K_, K_)) for g in "zifo"}
    p |= {"b" + g: rng.normal(size=K_) for g in "zifo"} | {"p" + g: rng.normal(size=K_) for g in "ifo"}
    x, y0, c0, Delta = (
        rng.normal(size=(T, N, D)),
        rng.normal(size=(N, K_)),
        rng.normal(size=(N, K_)),
        rng.normal(size=(T, N, K_)),
    )
    run, other = mine.lstm_forward(x, y0, c0, p), theirs["lstm_forward"](x, y0, c0, p)
    for name in "zifocy":
        assert_close(run[name], other[name])
    grads, others = mine.lstm_backward(Delta, x, y0, c0, run, p), theirs["lstm_backward"](Delta, x, y0, c0, other, p)
    assert set(grads) == set(others)
    for name in grads:
        assert_close(grads[name], others[name])


def test_colour_masks_give_a_distribution_over_all_tiny_images_in_two_colours():
    """Two layers over all 256 images of 2 by 2 pixels with 2 values each: the sum is 1, and no value sees itself or a later one."""
    space, rng = answers(UNIT, "colour_mask"), np.random.default_rng(0)
    # pixel by pixel in reading order, its colours one after the other
    world = np.indices((2,) * 8).reshape(8, -1).T.astype(float)
    w = [rng.normal(size=(2, 2, 3, 3)) * space["colour_mask"](3, kind, 2) for kind in "AB"]

    def logits(values):
        h = values.reshape(-1, 2, 2, 2).transpose(0, 3, 1, 2)
        h = np.tanh(space["conv2d"](h, w[0], np.ones(2)))
        return space["conv2d"](h, w[1], np.ones(2)).transpose(0, 2, 3, 1).reshape(len(values), 8)

    a = logits(world)
    assert abs((1 / (1 + np.exp(np.where(world == 1, -a, a)))).prod(axis=1).sum() - 1) < 1e-12
    sees = np.zeros((8, 8), bool)
    for value in range(8):
        other = world.copy()
        other[:, value] = 1 - other[:, value]
        sees[:, value] = np.abs(logits(other) - a).max(axis=0) > 1e-12
    assert not np.triu(sees).any() and sees[1, 0] and sees[3, 2]


def test_the_check_names_the_pixel_that_leaks():
    reference = module(UNIT, "checks")
    world = reference.tiny_world()
    logits = np.zeros_like(world)
    logits[:, 1, 2] = world[:, 2, 0]
    about = reference.about_the_world(logits, world)
    assert np.argwhere(about["sees"]).tolist() == [[1, 2, 2, 0]]
    assert about["total"] == pytest.approx(1.0)  # in another order it is a distribution: the sum alone would not tell
    logits[:, 1, 2] = 3 * world[:, 1, 2]
    assert reference.about_the_world(logits, world)["total"] > 1.2


def test_the_table_holds_every_model_and_the_prose_what_it_says():
    table = json.loads((ROOT / "course" / UNIT / "likelihoods.json").read_text())
    assert list(table) == [
        "independent pixels",
        "mixture of Bernoullis",
        "FVSBN",
        "NADE",
        "MADE",
        "PixelCNN",
        "LSTM over rows",
    ]
    assert all(len(found["test"]) == 3 for found in table.values())
    of_unit_11 = json.loads((ROOT / "course" / "11-autoregressive-models" / "likelihoods.json").read_text())
    assert of_unit_11 == {name: table[name] for name in of_unit_11}  # one script wrote both
    mean = {name: np.mean(found["test"]) for name, found in table.items()}
    spread = {name: np.std(found["test"], ddof=1) for name, found in table.items()}
    assert mean["independent pixels"] == pytest.approx(25.3, abs=0.05)
    assert all(mean["independent pixels"] - value > 6 for name, value in mean.items() if name != "independent pixels")
    for better, worse in (("LSTM over rows", "PixelCNN"), ("PixelCNN", "FVSBN")):
        assert mean[worse] - mean[better] > max(spread[better], spread[worse])
    assert abs(mean["mixture of Bernoullis"] - mean["PixelCNN"]) < spread["PixelCNN"]  # "no better than the mixture"
    close = [mean[name] for name in ("NADE", "MADE", "LSTM over rows")]
    assert max(close) - min(close) < 0.15 < mean["PixelCNN"] - min(close)


def test_the_prose_states_the_numbers_of_the_worked_example():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert "a  +0.5  -0.5  +2.5" in outputs and "J = 10.1654 nats" in outputs
    assert "{(0, 0): 0.3301, (0, 1): 1.38, (0, 2): -1.4727, (1, 0): 1.5751}" in outputs
    for theirs in ("0.3301  1.38   -1.4727", "1.9464 -2.2165  0.2354"):  # torch's dw and dx
        assert theirs in outputs
    assert "ABB: sum 1.0000, leaks: 0" in outputs and "AAA: sum 1.0000, leaks: 0" in outputs
    assert "leaks: 9  logit (0, 0) sees (0, 0)" in outputs
    assert re.search(r"^21% of all 2016 pairs have no route$", outputs, re.M)
    for model in ("PixelCNN", "LSTM over rows"):
        [differ] = re.findall(rf"^{model}: pixels that differ \[(.*)\]$", outputs, re.M)
        differ = [int(v) for v in differ.split(", ")]
        assert min(differ) > 0 and np.mean(differ) > float(re.search(r"real images: (\S+) on average", outputs)[1])
    for name, limit in (("PixelCNN", 18.7), ("LSTM over rows", 18.4)):
        [line] = [line for line in outputs.splitlines() if line.startswith(f"{name}: validation")]
        assert float(line.split()[-4]) < limit


@pytest.mark.slow
def test_the_students_models_learn_the_digits():
    outputs = printed(executed_solution(Unit(ROOT, UNIT)))
    for name, limit in (("PixelCNN", 18.4), ("LSTM over rows", 18.1)):
        [line] = [line for line in outputs.splitlines() if line.startswith(f"{name}: training")]
        assert float(line.split()[-4]) < limit
        [line] = [line for line in outputs.splitlines() if line.startswith(f"{name}: pixels that differ")]
        nearest = [int(word) for word in line.split("[")[1].strip("]").split()]
        assert np.mean(nearest) > 2  # no copies
    assert "layers: 8" in outputs and "?" in outputs
