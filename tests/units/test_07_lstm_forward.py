"""Unit 07: every equation of the lesson, computed in numpy as it stands there and compared with torch."""

import math
import re

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking import graded_report
from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.lstm_cell import forward_numbers
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "07-lstm-forward"
D, H = 3, 4


@pytest.fixture(scope="module")
def run():
    """Parameters, one input, and the states before it, as column vectors."""
    rng = np.random.default_rng(7)
    p = {f"{m}{k}": rng.normal(size=s) for k in "zifo" for m, s in (("W", (H, D)), ("R", (H, H)), ("b", H))}
    p |= {f"p{k}": rng.normal(size=H) for k in "ifo"}
    return {**p, "x": rng.normal(size=D), "y0": rng.normal(size=H), "c0": rng.normal(size=H)}


def sigma(a):
    return 1 / (1 + np.exp(-a))


def heard(r, k):
    return r["W" + k] @ r["x"] + r["R" + k] @ r["y0"] + r["b" + k]


def torchs_cell(r):
    """LSTMCell with these parameters, b split over its two biases as torch allows; and its y and c."""
    cell = torch.nn.LSTMCell(D, H, dtype=torch.float64)
    W, R, b = (torch.tensor(np.concatenate([r[m + k] for k in "ifzo"])) for m in "WRb")
    cell.load_state_dict({"weight_ih": W, "weight_hh": R, "bias_ih": 0.25 * b, "bias_hh": 0.75 * b})
    y, c = cell(torch.tensor(r["x"]), (torch.tensor(r["y0"]), torch.tensor(r["c0"])))
    return cell, y.detach().numpy(), c.detach().numpy()


def gates(r):
    cell, y, c = torchs_cell(r)
    total = cell.weight_ih @ torch.tensor(r["x"]) + cell.bias_ih + cell.weight_hh @ torch.tensor(r["y0"]) + cell.bias_hh
    i, f, g, o = (part.detach() for part in total.chunk(4))
    assert_close(np.tanh(heard(r, "z")), g.tanh())
    for k, theirs in zip("ifo", (i, f, o), strict=True):
        assert_close(sigma(heard(r, k)), theirs.sigmoid())


def cell(r):
    _, _, c = torchs_cell(r)
    assert_close(np.tanh(heard(r, "z")) * sigma(heard(r, "i")) + r["c0"] * sigma(heard(r, "f")), c)


def output(r):
    _, y, c = torchs_cell(r)
    assert_close(np.tanh(c) * sigma(heard(r, "o")), y)


def half(r):
    for b in (0.5, 1.0, 5.0):
        f = sigma(b)
        assert f ** (math.log(2) / -math.log(f)) == pytest.approx(0.5, rel=1e-12)
        c = torch.tensor(1.0, dtype=torch.float64)
        for _ in range(math.ceil(math.log(2) / -math.log(f))):
            last, c = c, c * torch.sigmoid(torch.tensor(b, dtype=torch.float64))
        assert c <= 0.5 < last


def peephole(r):
    """Against a step on torch tensors, and each sum against its peephole's partial derivative."""
    t = {k: torch.tensor(v) for k, v in r.items()}
    c0 = t["c0"].clone().requires_grad_()
    sums = {k: t["W" + k] @ t["x"] + t["R" + k] @ t["y0"] + t["b" + k] for k in "zifo"}
    sums["i"], sums["f"] = torch.addcmul(sums["i"], t["pi"], c0), torch.addcmul(sums["f"], t["pf"], c0)
    c = torch.addcmul(sums["z"].tanh() * sums["i"].sigmoid(), c0, sums["f"].sigmoid())
    sums["o"] = torch.addcmul(sums["o"], t["po"], c)
    y = c.tanh() * sums["o"].sigmoid()

    i_bar, f_bar = heard(r, "i") + r["pi"] * r["c0"], heard(r, "f") + r["pf"] * r["c0"]
    mine_c = np.tanh(heard(r, "z")) * sigma(i_bar) + r["c0"] * sigma(f_bar)
    o_bar = heard(r, "o") + r["po"] * mine_c
    for mine, theirs in (
        (i_bar, sums["i"]),
        (f_bar, sums["f"]),
        (mine_c, c),
        (o_bar, sums["o"]),
        (np.tanh(mine_c) * sigma(o_bar), y),
    ):
        assert_close(mine, theirs.detach())
    jacobian = np.stack([torch.autograd.grad(s, c0, retain_graph=True)[0].numpy() for s in sums["i"]])
    assert_close(jacobian, np.diag(r["pi"]))  # "written as a matrix, p would be diagonal"


def stack(r):
    cell, y, c = torchs_cell(r)
    state = {k: v.numpy() for k, v in cell.state_dict().items()}
    both = state["bias_ih"] + state["bias_hh"]
    for number, k in enumerate("ifzo"):
        rows = slice(number * H, (number + 1) * H)
        assert_close(state["weight_ih"][rows], r["W" + k])
        assert_close(state["weight_hh"][rows], r["R" + k])
        assert_close(both[rows], r["b" + k])
    ours = forward_numbers({k: 0 * v if k[0] == "p" else v for k, v in r.items()}, [r["x"]], r["y0"], r["c0"])[1]
    assert_close(ours["y"], y)  # torch's LSTM is ours with p = 0
    assert_close(ours["c"], c)


EQUATIONS = {
    "eq-lstmf-gates": gates, "eq-lstmf-cell": cell, "eq-lstmf-output": output, "eq-lstmf-half": half,
    "eq-lstmf-peephole": peephole, "eq-lstmf-stack": stack,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, run):
    EQUATIONS[label](run)


def test_the_prose_states_what_the_lesson_prints():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    # "holds 1.0188", "from 0.68"
    assert "c = [ 1.0188 -0.7571]   o = [0.8828 0.8528]   y = [ 0.6792 -0.5453]" in outputs
    # "stays open, at 0.95"; 92 and 27 per cent
    assert "f = [0.9534 0.9874]" in outputs and "f = [0.9241 0.2689]" in outputs
    assert "o = [0.3146 0.8474]   y = [ 0.2029 -0.5199]" in outputs  # "to 0.20", "has shut to 0.31"
    assert "bias 1: f = 0.7311, half is lost after   2.2 steps, left after 100: 2.5e-14" in outputs
    assert "bias 5: f = 0.9933, half is lost after 103.2 steps, left after 100: 0.51" in outputs
    assert "torch, D = 3, H = 5:          200" in outputs and "worked example, D = 1, H = 2: 38" in outputs
    D, H = 3, 5  # "a single such sum, a quarter of what the four have"
    assert sum(p.numel() for p in torch.nn.LSTM(D, H).parameters()) == 4 * sum(
        p.numel() for p in torch.nn.RNN(D, H).parameters()
    )
    torchs = re.findall(r"torch and ours: (\[.*?\]) (\[.*?\])", outputs)
    assert len(torchs) == 2 and all(theirs == ours for theirs, ours in torchs)


def test_the_prose_states_what_a_peephole_does_to_a_full_cell():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    assert "p_f =  0.0:  f = 0.953 for an empty cell, f = 0.953 for one that holds 3" in outputs
    assert "p_f = -2.0:  f = 0.953 for an empty cell, f = 0.047 for one that holds 3" in outputs  # "keeps only 5 %"


def test_the_curves_of_the_figure_are_where_its_description_says():
    """Bias 0 and 1 gone after a few steps, bias 3 after about a hundred, bias 5 a little more than half after 100."""
    left = {b: sigma(b) ** np.arange(121) for b in (0, 1, 3, 5)}
    assert left[0][10] < 0.01 and left[1][15] < 0.01 and left[3][50] > 0.05 and left[3][100] < 0.01
    assert 0.5 < left[5][100] < 0.52


def test_the_fields_of_the_gates_can_build_every_setting_of_the_stepper():
    at = module(UNIT, "pictures").at_steps
    assert at("1-20").all() and not at("").any()
    assert list(np.flatnonzero(at("3, 13")) + 1) == [3, 13] and list(np.flatnonzero(at("16 - 99")) + 1) == [
        16,
        17,
        18,
        19,
        20,
    ]
    assert not at("nothing to read, 0, 21").any()


def test_only_the_last_frame_says_that_the_example_ends():
    lesson = executed(ROOT / "course" / UNIT / "lesson.ipynb")
    [html] = [
        o.data["text/html"] for c in lesson.cells if c.cell_type == "code" for o in c.outputs
        if "Two LSTM cells, two steps" in o.get("data", {}).get("text/html", "")
    ]  # fmt: skip
    assert html.count("the example ends here") == 1 and "go on to step 3;" in html


def test_the_reference_with_peepholes_is_torchs_lstm_where_the_peepholes_are_zero():
    checks = load_checks(ROOT / "course" / UNIT)
    exercise, references = checks["lstm_forward"], checks._reference.REFERENCES
    args = exercise.make(np.random.RandomState(1), T=6, N=2, D=D, H=H, peep=0.0)
    p = args["params"]
    lstm = torch.nn.LSTM(D, H, dtype=torch.float64)
    stacked = {f"weight_{n}": np.concatenate([p[m + k] for k in "ifzo"]) for n, m in (("ih", "W"), ("hh", "R"))}
    stacked |= {"bias_ih": np.concatenate([p["b" + k] for k in "ifzo"]), "bias_hh": np.zeros(4 * H)}
    lstm.load_state_dict({f"{name}_l0": torch.tensor(value) for name, value in stacked.items()})
    y, (_, c) = lstm(torch.tensor(args["x"]), (torch.tensor(args["y0"])[None], torch.tensor(args["c0"])[None]))
    found = references["lstm_forward"](**args)
    assert_close(found["y"], y.detach())
    assert_close(found["c"][-1], c[0].detach())
    back = references["from_torch"](**stacked)
    assert all(np.array_equal(back[k], p[k]) for k in back)


def test_the_cells_that_are_played_take_every_array_that_numpy_makes():
    checks = load_checks(ROOT / "course" / UNIT)
    solved = Answers(read_source(Unit(ROOT, UNIT).exercises).notebook, Unit(ROOT, UNIT).course)
    for name in ("latch", "counter"):
        answer = solved.function(name)

        def odd(n, answer=answer):
            whole = {key: np.asfortranarray(value) for key, value in answer(n).items()}
            return {
                key: value[..., ::-1][..., ::-1] if key[0] == "W" else value.tolist() for key, value in whole.items()
            }

        def reversed_view(n, answer=answer):
            return {key: np.array(value[..., ::-1])[..., ::-1] for key, value in answer(n).items()}

        for variant in (odd, reversed_view):
            assert graded_report(name, checks, variant, 1.0, 1).points[0] == 1.0


@pytest.mark.slow
def test_the_students_latch_remembers_for_as_long_as_the_formula_says():
    lines = [
        line for line in printed(executed_solution(Unit(ROOT, UNIT))).splitlines() if line.startswith("forget bias")
    ]
    assert len(lines) == 8
    for line in lines:
        counted, formula = re.search(r"counted +(\d+) steps, formula +(\d+)", line).groups()
        assert counted == formula
