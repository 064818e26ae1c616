"""Unit 08: every equation of the lesson, computed in numpy as it stands there and compared with torch's autograd."""

import re

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.lstm_cell import forward_numbers
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source

UNIT = "08-lstm-backprop"
T, D, H = 4, 2, 3
BARS = ("z", "i", "f", "o")
PARAMETERS = [kind + k for kind in "WRpb" for k in BARS if kind + k != "pz"]


def torch_steps(x, y0, c0, p):
    """The cell over a sequence on column vectors; a list of steps, index 0 the start, all variables keep their gradients."""
    steps = [{"y": y0, "c": c0}]
    for x_t in x:
        y, c = steps[-1]["y"], steps[-1]["c"]
        a = {k: p["W" + k] @ x_t + p["R" + k] @ y + p["b" + k] for k in BARS}
        s = {"z_bar": a["z"], "i_bar": a["i"] + p["pi"] * c, "f_bar": a["f"] + p["pf"] * c}
        s |= {"z": torch.tanh(s["z_bar"]), "i": torch.sigmoid(s["i_bar"]), "f": torch.sigmoid(s["f_bar"])}
        s["c"] = s["z"] * s["i"] + c * s["f"]
        s["o_bar"] = a["o"] + p["po"] * s["c"]
        s["o"] = torch.sigmoid(s["o_bar"])
        s["y"] = torch.tanh(s["c"]) * s["o"]
        for value in s.values():
            value.retain_grad()
        steps.append(s)
    return steps


@pytest.fixture(scope="module")
def run():
    """One sequence through the cell. `v[t]` holds the values of step t, `d[t]` autograd's gradients, index 0 the start.

    d[T + 1] is zero, and f of step T + 1 too.
    """
    rng = np.random.default_rng(8)
    shapes = {"W": (H, D), "R": (H, H), "p": (H,), "b": (H,)}
    p = {name: rng.normal(size=shapes[name[0]]) for name in PARAMETERS}
    x, y0, c0 = rng.normal(size=(T, D)), rng.normal(size=H), rng.normal(size=H)
    target = [None, *rng.normal(size=(T, H))]
    leaf = {k: torch.tensor(value, requires_grad=True) for k, value in {**p, "x": x, "y0": y0, "c0": c0}.items()}
    steps = torch_steps(leaf["x"], leaf["y0"], leaf["c0"], leaf)
    ends = [None, *(s["y"].detach().requires_grad_() for s in steps[1:])]
    for y, goal in zip(ends[1:], target[1:], strict=True):
        (0.5 * ((y - torch.tensor(goal)) ** 2).sum()).backward()
    own = [None, *(y.grad.numpy() for y in ends[1:])]
    J = sum(0.5 * ((steps[t]["y"] - torch.tensor(target[t])) ** 2).sum() for t in range(1, T + 1))
    J.backward()
    v = [{k: value.detach().numpy() for k, value in s.items()} for s in steps]
    d = [{k: value.grad.numpy() for k, value in s.items()} for s in steps]
    zero = np.zeros(H)
    v.append({"f": zero})
    d.append({"c": zero, **{f"{k}_bar": zero for k in BARS}})
    return dict(p=p, x=x, y0=y0, c0=c0, target=target, J=J.item(), v=v, d=d, own=own,
                grad={k: value.grad.numpy() for k, value in leaf.items()})  # fmt: skip


def forward(r):
    mine = forward_numbers(r["p"], list(r["x"]), r["y0"], r["c0"])
    for t in range(1, T + 1):
        for name in ("z_bar", "i_bar", "f_bar", "o_bar", "z", "i", "f", "o", "c", "y"):
            assert_close(mine[t][name], r["v"][t][name])


def loss(r):
    assert_close(sum(0.5 * np.linalg.norm(r["v"][t]["y"] - r["target"][t]) ** 2 for t in range(1, T + 1)), r["J"])


def own(r):
    for t in range(1, T + 1):
        assert_close(r["v"][t]["y"] - r["target"][t], r["own"][t])


def ordered(r):
    """The rule on the arrows that leave c: immediate derivatives by autograd, one slot moved and the others held."""
    p, v, d = r["p"], r["v"], r["d"]
    for t in range(1, T):
        now, after = v[t], v[t + 1]
        c = torch.tensor(now["c"], requires_grad=True)
        held = {k: torch.tensor(value) for k, value in after.items()}
        heads = [
            (d[t]["y"], torch.tanh(c) * torch.tensor(now["o"])),
            (d[t]["o_bar"], torch.tensor(p["po"]) * c),
            (d[t + 1]["c"], held["z"] * held["i"] + c * held["f"]),
            (d[t + 1]["i_bar"], torch.tensor(p["pi"]) * c),
            (d[t + 1]["f_bar"], torch.tensor(p["pf"]) * c),
        ]
        parts = [
            torch.autograd.grad(head, c, torch.tensor(total), retain_graph=True)[0].numpy() for total, head in heads
        ]
        assert_close(sum(parts), d[t]["c"])


def output_gate(r):
    for t in range(1, T + 1):
        s, e = r["v"][t], r["d"][t]
        assert_close(e["y"] * np.tanh(s["c"]) * slope(s["o_bar"]), e["o_bar"])


def the_cell(r):
    p = r["p"]
    for t in range(1, T + 1):
        s, e, after, f = r["v"][t], r["d"][t], r["d"][t + 1], r["v"][t + 1]["f"]
        here = e["y"] * s["o"] * (1 - np.tanh(s["c"]) ** 2) + p["po"] * e["o_bar"]
        assert_close(here + after["c"] * f + p["pi"] * after["i_bar"] + p["pf"] * after["f_bar"], e["c"])


def gates(r):
    for t in range(1, T + 1):
        s, e, before = r["v"][t], r["d"][t], r["v"][t - 1]
        assert_close(e["c"] * before["c"] * slope(s["f_bar"]), e["f_bar"])
        assert_close(e["c"] * s["z"] * slope(s["i_bar"]), e["i_bar"])
        assert_close(e["c"] * s["i"] * (1 - s["z"] * s["z"]), e["z_bar"])


def outputs(r):
    for t in range(2, T + 2):
        back = sum(r["p"]["R" + k].T @ r["d"][t][f"{k}_bar"] for k in BARS)
        assert_close(r["own"][t - 1] + back, r["d"][t - 1]["y"])


def inputs(r):
    for t in range(1, T + 1):
        assert_close(sum(r["p"]["W" + k].T @ r["d"][t][f"{k}_bar"] for k in BARS), r["grad"]["x"][t - 1])


def start(r):
    p, e = r["p"], r["d"][1]
    assert_close(sum(p["R" + k].T @ e[f"{k}_bar"] for k in BARS), r["grad"]["y0"])
    assert_close(e["c"] * r["v"][1]["f"] + p["pi"] * e["i_bar"] + p["pf"] * e["f_bar"], r["grad"]["c0"])


def parameters(r):
    v, d, steps = r["v"], r["d"], range(1, T + 1)
    for k in BARS:
        assert_close(sum(np.outer(d[t][f"{k}_bar"], r["x"][t - 1]) for t in steps), r["grad"]["W" + k])
        assert_close(sum(np.outer(d[t][f"{k}_bar"], v[t - 1]["y"]) for t in steps), r["grad"]["R" + k])
        assert_close(sum(d[t][f"{k}_bar"] for t in steps), r["grad"]["b" + k])
    assert_close(sum(v[t - 1]["c"] * d[t]["i_bar"] for t in steps), r["grad"]["pi"])
    assert_close(sum(v[t - 1]["c"] * d[t]["f_bar"] for t in steps), r["grad"]["pf"])
    assert_close(sum(v[t]["c"] * d[t]["o_bar"] for t in steps), r["grad"]["po"])


def proof(r):
    """J_k for the chain c, o_bar, y, J of one entry: the first k variables are given, the others computed."""
    a, p_o, weight = 0.3, 2.0, 0.7
    formulas = [
        lambda c: a + p_o * c,
        lambda c, o_bar: torch.tanh(c) * torch.sigmoid(o_bar),
        lambda c, o_bar, y: weight * y**2,
    ]

    def J(k, values):
        values = list(values)
        for formula in formulas[k - 1 :]:
            values.append(formula(*values))
        return values[-1]

    values = [torch.tensor(0.5, dtype=torch.float64)]
    for formula in formulas:
        values.append(formula(*values))
    leaves = [v.clone().requires_grad_() for v in values]

    def partial(k, m):
        [g] = torch.autograd.grad(J(k, leaves[:k]), leaves[m - 1], allow_unused=True)
        return 0.0 if g is None else g.item()

    def immediate(k, m):
        [g] = torch.autograd.grad(formulas[k - 2](*leaves[: k - 1]), leaves[m - 1], allow_unused=True)
        return 0.0 if g is None else g.item()

    for k in range(1, 4):
        for m in range(1, k + 1):
            assert np.isclose(
                partial(k, m), partial(k + 1, m) + partial(k + 1, k + 1) * immediate(k + 1, m), atol=1e-14
            )
    c = leaves[0]
    [total] = torch.autograd.grad(weight * (torch.tanh(c) * torch.sigmoid(a + p_o * c)) ** 2, c)
    assert np.isclose(partial(1, 1), total.item())


def highway(r):
    """With all that comes by other routes collected step by step, the rest is the product of the forget gates."""
    d, v, p = r["d"], r["v"], r["p"]
    k = 2
    for t in range(1, T - k + 1):
        others, passed = np.zeros(H), np.ones(H)
        for s in range(t, t + k):
            straight = d[s + 1]["c"] * v[s + 1]["f"]
            others = others + passed * (d[s]["c"] - straight)
            passed = passed * v[s + 1]["f"]
        assert_close(d[t + k]["c"] * passed + others, d[t]["c"])
    assert np.abs(p["pf"]).min() > 0


EQUATIONS = {
    "eq-back-forward": forward, "eq-back-loss": loss, "eq-back-own": own, "eq-back-ordered": ordered, "eq-back-o": output_gate,
    "eq-back-c": the_cell, "eq-back-gates": gates, "eq-back-y": outputs, "eq-back-x": inputs, "eq-back-start": start,
    "eq-back-parameters": parameters, "eq-back-proof": proof, "eq-back-highway": highway,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, run):
    EQUATIONS[label](run)


@pytest.fixture(scope="module")
def lesson():
    return executed(ROOT / "course" / UNIT / "lesson.ipynb")


def test_the_lesson_agrees_with_autograd(lesson):
    text = printed(lesson)
    assert float(re.search(r"9 variables.*difference (\S+)", text)[1]) < 1e-12
    assert float(re.search(r"18 gradients compared, largest difference (\S+)", text)[1]) < 1e-12
    assert float(re.search(r"y, both networks: +(\S+)", text)[1]) < 1e-12
    assert float(re.search(r"one bias and the other: +(\S+)", text)[1]) < 1e-12


def test_the_prose_states_the_numbers_of_the_lesson(lesson):
    text = printed(lesson)
    assert re.search(r"f_bar +\+1\.3700", text) and re.search(r"^f +\+0\.7974", text, re.M)  # "sigma(1.37) = 0.7974"
    assert re.search(r"^c +13 routes", text, re.M) and re.search(r"^x +44 routes", text, re.M)
    routes = {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+) routes", text, re.M)}
    assert routes["c"] == 2 * routes["y"] + 3 and routes["y"] == 5  # "13 = 5 + 5 + 3"
    assert routes["x"] == 3 * routes["c"] + routes["o"] and routes["o"] == 5  # "44 = 3 * 13 + 5"


def test_one_sign_for_each_kind_of_derivative():
    """The lesson's promise: the total derivative is written with d, the immediate one with a plus, and no plain partial sign."""
    unit = Unit(ROOT, UNIT)
    for path in (unit.lesson, unit.course / "pictures.py"):
        text = path.read_text(encoding="utf-8")
        assert "\\partial^{+}" in text
        assert not re.findall(r"(?<!/)(?<!\}\{)\\partial(?!\^).{0,30}", text), path  # a plain one stands below a bar


def test_what_the_second_quick_question_says_of_one_step_and_of_three():
    unit = Unit(ROOT, UNIT)
    answers, variants = (
        Answers(read_source(unit.exercises).notebook, unit.course),
        load_variants(unit).of("lstm_backward"),
    )
    exercise, right = load_checks(unit.course)["lstm_backward"], answers.function("lstm_backward")

    def wrong(id, T):
        """The names of the gradients that this mistake gets wrong over T steps."""
        [variant] = [v for v in variants.misconceptions if v.id == id]
        problem = exercise.make(np.random.RandomState(3), T=T, N=2, D=2, H=3)
        truth, found = right(**problem), answers.function("lstm_backward", variant)(**problem)
        return {name for name in truth if not np.allclose(found[name], truth[name])}

    for id, at_one in (
        ("no-direct-path", {"dc0"}),
        ("one-peephole-for-both", {"dc0"}),
        ("forget-gate-of-the-wrong-step", set()),
    ):
        assert wrong(id, 1) == at_one and {f"d{name}" for name in PARAMETERS} & wrong(id, 3), id
    assert {f"d{name}" for name in PARAMETERS} & wrong("output-peephole-forgotten", 1)


def test_the_reach_is_as_the_prose_says():
    pictures = module(UNIT, "pictures")
    ends = {bias: pictures.reach(bias)[0] for bias in (0, 1, 2, 5)}
    assert 1e-24 < ends[0] < 1e-22 and 1e-10 < ends[1] < 1e-9 and 0.003 < ends[2] < 0.005 and 5 < ends[5] < 7


def test_the_steppers_show_autograds_numbers(lesson):
    """The gradients of the worked example, as the first entry of each stands in the drawing of the backward stepper."""
    source = next(c.source for c in lesson.cells if c.source.startswith("p = {"))
    space = {
        "np": np,
        "forward_numbers": forward_numbers,
        "pictures": module(UNIT, "pictures"),
        "print": lambda *_: None,
    }
    exec(source, space)
    leaf = {k: torch.tensor(v) for k, v in space["p"].items()}
    tensors = [torch.tensor(space[name], requires_grad=True, dtype=torch.float64) for name in ("x", "y0", "c0")]
    steps = torch_steps(*tensors, leaf)
    sum(0.5 * ((steps[t]["y"] - torch.tensor(space["target"][t])) ** 2).sum() for t in (1, 2, 3)).backward()
    players = [
        o.data["text/html"]
        for c in lesson.cells
        if c.cell_type == "code"
        for o in c.outputs
        if "text/html" in o.get("data", {})
    ]
    [stepper] = [html for html in players if "One step back through the LSTM cell" in html]
    for name in ("y", "o_bar", "c", "f_bar", "i_bar", "z_bar"):
        assert f"{steps[2][name].grad[0].item():+.4f}".replace("-", "−") in stepper
    assert f"<mn>{abs(steps[1]['y'].grad[0].item()):.4f}</mn>" in stepper


def test_a_cell_that_starts_from_zeros_hides_the_first_contribution(run):
    """The note on the indices of Greff et al.: what their sums lack is the term with y^(0) and c^(0)."""
    v, d = run["v"], run["d"]
    theirs = sum(np.outer(d[t + 1]["f_bar"], v[t]["y"]) for t in range(1, T))
    assert_close(theirs + np.outer(d[1]["f_bar"], run["y0"]), run["grad"]["Rf"])
    assert np.abs(theirs - run["grad"]["Rf"]).max() > 1e-3


def saved_by_a_forward_pass(args):
    """`run` as the cell itself gives it from the parameters, (T, N, H) each."""
    per_sequence = []
    for n in range(args["x"].shape[1]):
        steps = forward_numbers(args["p"], list(args["x"][:, n]), args["y0"][n], args["c0"][n])[1:]
        per_sequence.append({name: [step[name] for step in steps] for name in args["run"]})
    return {name: np.stack([one[name] for one in per_sequence], axis=1) for name in args["run"]}


def autograd_over_the_forward_pass(args):
    leaf = {
        k: torch.tensor(v, requires_grad=True)
        for k, v in {**args["p"], **{k: args[k] for k in ("x", "y0", "c0")}}.items()
    }
    J = 0.0
    for n in range(args["x"].shape[1]):
        y, c = leaf["y0"][n], leaf["c0"][n]
        for t in range(len(args["x"])):
            a = {k: leaf["W" + k] @ leaf["x"][t, n] + leaf["R" + k] @ y + leaf["b" + k] for k in BARS}
            z, i = torch.tanh(a["z"]), torch.sigmoid(a["i"] + leaf["pi"] * c)
            c = z * i + c * torch.sigmoid(a["f"] + leaf["pf"] * c)
            y = torch.tanh(c) * torch.sigmoid(a["o"] + leaf["po"] * c)
            J = J + (torch.tensor(args["Delta"][t, n]) * y).sum()
    J.backward()
    return {f"d{k}": v.grad.numpy() for k, v in leaf.items()}


def test_the_reference_is_autograd_where_the_saved_values_come_from_a_forward_pass_and_not_where_they_are_made_up():
    checks = load_checks(ROOT / "course" / UNIT)
    reference = checks._reference.REFERENCES["lstm_backward"]
    args = checks["lstm_backward"].make(np.random.RandomState(2), T=4, N=2, D=3, H=5)
    args["Delta"][-1, 0, 0] = args["c0"][0, 0] = 1.0
    theirs = autograd_over_the_forward_pass(args)
    found = reference(**{**args, "run": saved_by_a_forward_pass(args)})
    for name, value in theirs.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12)
    made_up = reference(**args)
    assert all(np.abs(made_up[name] - value).max() > 1e-3 for name, value in theirs.items())


def test_differences_of_a_forward_pass_that_is_shifted_to_the_saved_values_have_no_digits_left():
    """The cleverest way around the derivation: add to each sum what gives the saved value, and take central differences."""
    checks = load_checks(ROOT / "course" / UNIT)
    solved = checks.solved("lstm_step_backward")[0]
    dy, dc_ahead, x, y_prev, c_prev, s, p = solved.problem.args.values()

    def sums(c_prev, c=None):
        a = {k: x @ p["W" + k].T + y_prev @ p["R" + k].T + p["b" + k] for k in BARS}
        return a | {
            "i": a["i"] + p["pi"] * c_prev,
            "f": a["f"] + p["pf"] * c_prev,
            "o": a["o"] + p["po"] * (s["c"] if c is None else c),
        }

    inverse = {k: np.arctanh(s[k]) if k == "z" else np.log(s[k] / (1 - s[k])) for k in BARS}
    shift = {k: inverse[k] - a for k, a in sums(c_prev).items()}

    def J(c_prev):
        a = {k: v + shift[k] for k, v in sums(c_prev).items()}
        c = np.tanh(a["z"]) / (1 + np.exp(-a["i"])) + c_prev / (1 + np.exp(-a["f"]))
        o = 1 / (1 + np.exp(-(sums(c_prev, c)["o"] + shift["o"])))
        return (dy * np.tanh(c) * o + dc_ahead * c).sum()

    for step in (1e-3, 1e-4, 1e-5, 1e-6):
        found = np.empty_like(c_prev)
        for at in np.ndindex(c_prev.shape):
            moved = np.zeros_like(c_prev)
            moved[at] = step
            found[at] = (J(c_prev + moved) - J(c_prev - moved)) / (2 * step)
        right = solved.answer["dc_prev"]
        assert np.abs(found - right).max() > 1e-7 * np.abs(right).max()


@pytest.mark.slow
def test_the_students_lstm_solves_the_adding_problem():
    text = printed(executed_solution(Unit(ROOT, UNIT)))
    right = [int(n) for n in re.findall(r"seed \d: (\d+) of 256", text)]
    assert len(right) == 3 and min(right) >= 250
    gaps = [
        float(line.split()[-1]) for line in text.splitlines() if re.match(r"(y|dx|dy0|dc0|weight_\S+|bias_\S+) ", line)
    ]
    assert len(gaps) == 8 and max(gaps) < 1e-10


def test_the_given_sequences_are_those_of_the_adding_problem():
    unit = Unit(ROOT, UNIT)
    space = Answers(read_source(unit.exercises).notebook, unit.course).function("adding_loss").__globals__
    x, target = space["adding_problem"](50, 5000, np.random.default_rng(0))
    marked = [np.flatnonzero(x[:, n, 1]) for n in range(x.shape[1])]
    assert all(len(m) == 2 and m[0] < 10 and m[1] < 24 for m in marked)
    assert np.allclose(target, 0.5 + (x[..., 0] * x[..., 1]).sum(axis=0) / 4)
    assert abs(((target - 0.5) ** 2).mean() - 1 / 24) < 0.002  # the dashed line


def slope(a):
    s = 1 / (1 + np.exp(-a))
    return s * (1 - s)
