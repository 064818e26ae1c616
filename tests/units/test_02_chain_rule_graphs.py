"""Unit 02: every equation of the lesson, computed as it stands there and compared with torch's autograd."""

import math
import sys
import textwrap

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking import graded_report, visible_report
from byhand.checking.collect import collect
from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers, Variant
from byhand.teaching.notebooks import read_source

UNIT = "02-chain-rule-graphs"


@pytest.fixture(scope="module")
def pictures():
    """The lesson's own drawing code, for the graphs in it."""
    return module(UNIT, "pictures")


def steps(w, u, x1, x2, tanh=math.tanh):
    a1 = w * x1
    h1 = tanh(a1)
    a2 = w * x2 + u * h1
    h2 = tanh(a2)
    return dict(w=w, u=u, x1=x1, x2=x2, a1=a1, h1=h1, a2=a2, h2=h2, J=(h1 - 1) ** 2 / 2 + (h2 - 1) ** 2 / 2)


def gradients(f, *values):
    """f at the values, and torch's derivatives with respect to them."""
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    f(*leaves).backward()
    return [leaf.grad.item() for leaf in leaves]


def one(pictures):
    y = 2.0
    x = 3 * y - 5
    assert_close(2 * x * 3, gradients(lambda y: (3 * y - 5) ** 2, y)[0])
    assert (x, x**2, 2 * x * 3) == (1, 1, 6)


def example(pictures):
    y1, y2 = 2, -1
    assert (y1 * y2, y1**2 + y2, y1 * y2 * (y1**2 + y2)) == (-2, 3, -6)


def two(pictures):
    dy1, dy2 = gradients(lambda y1, y2: y1 * y2 * (y1**2 + y2), 2.0, -1.0)
    assert (dy1, dy2) == (3 * -1 + -2 * 4, 3 * 2 + -2 * 1) == (-11, 4)
    assert (3 * 2**2 * -1 + 1, 2**3 + 2 * 2 * -1) == (-12 + 1, 8 - 4) == (dy1, dy2)
    picker = pictures.two_by_two(2, -1)
    assert [picker.routes.total(y) for y in ("y1", "y2")] == [dy1, dy2]


def many(pictures):
    """n children, each an own function of y."""
    functions = [torch.sin, torch.exp, torch.tanh, torch.square]
    y, weights = 0.7, [0.3, -1.2, 2.0, 0.5]
    slopes = [math.cos(y), math.exp(y), 1 - math.tanh(y) ** 2, 2 * y]
    x = [f(torch.tensor(y, dtype=torch.float64)).item() for f in functions]
    dx = [math.prod(x) / x[i] + weights[i] for i in range(4)]  # J = product of all x, and a weighted sum

    def J(y):
        values = [f(y) for f in functions]
        return math.prod(values) + sum(w * v for w, v in zip(weights, values, strict=True))

    assert_close(sum(d * s for d, s in zip(dx, slopes, strict=True)), gradients(J, y)[0])


def by_routes(pictures):
    values = (0.4, -1.5, 1.0, 2.0)
    _, routes = pictures.two_steps(steps(*values))
    theirs = gradients(lambda *v: steps(*v, tanh=torch.tanh)["J"], *values)
    for name, grad in zip(("w", "u", "x1", "x2"), theirs, strict=True):
        assert_close(sum(math.prod(routes.edges[a].number for a in r.arrows) for r in routes.routes_from(name)), grad)


def two_steps(pictures):
    r = steps(0.4, -1.5, 1.0, 2.0)
    assert_close(
        r["J"],
        steps(*(torch.tensor(v, dtype=torch.float64) for v in (0.4, -1.5, 1.0, 2.0)), tanh=torch.tanh)["J"].item(),
    )


def sweep(pictures):
    """The recursion alone, in reverse topological order, with the edges of the picture."""
    values = (0.4, -1.5, 1.0, 2.0)
    drawing, routes = pictures.two_steps(steps(*values))
    total = {"J": 1.0}
    for node in ("h2", "a2", "h1", "a1", "u", "w", "x2", "x1"):
        arrows = [a for a in routes.edges if drawing.arrows[a].source == node]
        total[node] = sum(total[drawing.arrows[a].target] * routes.edges[a].number for a in arrows)
    theirs = gradients(lambda *v: steps(*v, tanh=torch.tanh)["J"], *values)
    assert_close([total[n] for n in ("w", "u", "x1", "x2")], theirs)


def cost(pictures):
    for n in (1, 2, 5, 8):
        ladder = pictures.ladder(n)
        found = ladder.routes_from("u0")
        assert len(found) == 2**n and {len(r.arrows) for r in found} == {2 * n}
        assert sum(len(r.arrows) - 1 for r in found) == (2 * n - 1) * 2**n
        assert len(ladder.edges) == 4 * n
        assert ladder.total("u0") == 2.0**-n
    assert (2 * 20 - 1) * 2**20 == pytest.approx(41e6, rel=0.01) and 4 * 20 == 80  # the prose


def gated(c, p=1.5):
    return torch.sigmoid(p * c) * torch.tanh(c)


def gate(pictures):
    c, p = 0.8, 1.5
    assert_close(math.tanh(c) / (1 + math.exp(-p * c)), gated(torch.tensor(c, dtype=torch.float64)).item())


def once(pictures):
    c, p = 0.8, 1.5
    o = 1 / (1 + math.exp(-p * c))
    slot, through_o = o * (1 - math.tanh(c) ** 2), math.tanh(c) * p * o * (1 - o)
    assert_close(slot + through_o, gradients(gated, c)[0])
    assert f"{slot:.4f}" == "0.4296" and f"{slot + through_o:.4f}" == "0.6068"  # the table
    assert abs(slot + 2 * through_o - gradients(gated, c)[0]) > 0.1  # counted twice


def cell(pictures):
    """One unit of a peephole LSTM over two steps, with a loss at each."""
    rng = np.random.default_rng(2)
    W = {gate: torch.tensor(rng.normal(size=3)) for gate in "zifo"}  # weights of x, of the last y, and the bias
    p = {gate: torch.tensor(rng.normal()) for gate in "ifo"}
    x, c, y = torch.tensor(rng.normal(size=3)), [torch.tensor(0.3).double()], [torch.tensor(-0.2).double()]
    bars, gates = [None], [None]
    for t in (1, 2):
        bar = {g: W[g][0] * x[t] + W[g][1] * y[-1] + W[g][2] for g in "zif"}
        for g in "if":
            bar[g] = bar[g] + p[g] * c[-1]
        s = {"z": torch.tanh(bar["z"]), "i": torch.sigmoid(bar["i"]), "f": torch.sigmoid(bar["f"])}
        if t == 1:
            c.append((s["z"] * s["i"] + c[-1] * s["f"]).requires_grad_())
        else:
            c.append(s["z"] * s["i"] + c[-1] * s["f"])
        bar["o"] = W["o"][0] * x[t] + W["o"][1] * y[-1] + W["o"][2] + p["o"] * c[-1]
        s["o"] = torch.sigmoid(bar["o"])
        y.append(s["o"] * torch.tanh(c[-1]))
        for value in (*bar.values(), c[-1], y[-1]):
            if value.requires_grad:
                value.retain_grad()
        bars.append(bar), gates.append(s)
    ((y[1] - 1) ** 2 + (y[2] + 0.5) ** 2).backward()
    terms = (
        y[1].grad * gates[1]["o"] * (1 - torch.tanh(c[1]) ** 2),
        bars[1]["o"].grad * p["o"],
        c[2].grad * gates[2]["f"],
        bars[2]["i"].grad * p["i"],
        bars[2]["f"].grad * p["f"],
    )
    assert_close(sum(terms).item(), c[1].grad.item())
    assert all(abs(term.item()) > 1e-4 for term in terms)


def cell_children(pictures):
    """The five formulas in which the cell stands: torch's derivative of each, all other arguments held."""
    c, o, f, p = 0.3, 0.6, 0.8, dict(out=-0.4, **{"in": 0.5, "for": 0.9})
    for formula, slope in (
        (lambda c: o * torch.tanh(c), o * (1 - math.tanh(c) ** 2)),
        (lambda c: 0.2 + p["out"] * c, p["out"]),
        (lambda c: 0.1 + f * c, f),
        (lambda c: 0.7 + p["in"] * c, p["in"]),
        (lambda c: -0.3 + p["for"] * c, p["for"]),
    ):
        assert_close(gradients(formula, c)[0], slope)


def layer_arrays():
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape) for shape in ((4, 2), (4, 3), (2, 3), (2,))]


def layer(pictures):
    _, x, W, b = layer_arrays()
    mine = [[sum(x[n, d] * W[h, d] for d in range(3)) + b[h] for h in range(2)] for n in range(4)]
    assert_close(mine, torch.nn.functional.linear(*map(torch.tensor, (x, W, b))).numpy())


def layer_back(pictures):
    dy, *values = layer_arrays()
    leaves = [torch.tensor(v, requires_grad=True) for v in values]
    torch.nn.functional.linear(*leaves).backward(torch.tensor(dy))
    x, W, _ = values
    dW = [[sum(dy[n, h] * x[n, d] for n in range(4)) for d in range(3)] for h in range(2)]
    dx = [[sum(dy[n, h] * W[h, d] for h in range(2)) for d in range(3)] for n in range(4)]
    for mine, leaf in zip((dx, dW, [sum(dy[n, h] for n in range(4)) for h in range(2)]), leaves, strict=True):
        assert_close(mine, leaf.grad.numpy())


def central(pictures):
    """The first term of the error, with torch's third derivative."""

    def J(w):
        return steps(w, -1.5, 1.0, 2.0, tanh=torch.tanh)["J"]

    w, eps = torch.tensor(0.4, dtype=torch.float64, requires_grad=True), 1e-3
    derivatives = [J(w)]
    for _ in range(3):
        derivatives.append(torch.autograd.grad(derivatives[-1], w, create_graph=True)[0])
    _, first, _, third = (d.item() for d in derivatives)
    with torch.no_grad():
        quotient = ((J(w + eps) - J(w - eps)) / (2 * eps)).item()
    assert quotient - first == pytest.approx(eps**2 / 6 * third, rel=1e-3)


EQUATIONS = {
    "eq-graph-one": one, "eq-graph-example": example, "eq-graph-two": two, "eq-graph-many": many, "eq-graph-routes": by_routes,
    "eq-graph-steps": two_steps, "eq-graph-sweep": sweep, "eq-graph-cost": cost, "eq-graph-gate": gate, "eq-graph-once": once,
    "eq-graph-cell": cell, "eq-graph-cell-children": cell_children, "eq-graph-layer": layer, "eq-graph-layer-back": layer_back, "eq-graph-central": central,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, pictures):
    EQUATIONS[label](pictures)


@pytest.mark.slow
def test_the_prose_states_the_numbers_that_the_code_prints():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    prose = (ROOT / "course" / UNIT / "lesson.md").read_text()
    assert "a1 = 0.4000  h1 = 0.3799  a2 = 0.2301  h2 = 0.2261  J = 0.4917" in outputs
    assert "w   3 routes, sum -1.0567" in outputs and "$-1.0567$" in prose
    for line in (
        "slot of c 0.4296",
        "slot + route through o 0.6068",
        "torch 0.6068",
        "product rule + route again 0.7840",
    ):
        assert line in " ".join(outputs.split())
    once, twice = (line.split()[-1] for line in outputs.splitlines() if line.startswith("dJ/dw after"))
    assert float(twice) == 2 * float(once)


def test_central_differences_are_as_good_as_the_lesson_says():
    eps, values = 1e-5, (-1.5, 1.0, 2.0)
    exact = gradients(lambda w: steps(w, *values, tanh=torch.tanh)["J"], 0.4)[0]
    both = (steps(0.4 + eps, *values)["J"] - steps(0.4 - eps, *values)["J"]) / (2 * eps)
    one_side = (steps(0.4 + eps, *values)["J"] - steps(0.4, *values)["J"]) / eps
    assert abs(both - exact) < 1e-10 and 1e-7 < abs(one_side - exact) < 1e-4


def test_no_answer_depends_on_the_depth_of_the_stack():
    """The chains in the checks are deeper than any limit that a notebook has."""
    assert load_checks(ROOT / "course" / UNIT)["Node"].sizes["chain"] > sys.getrecursionlimit()


def test_an_answer_that_lists_every_route_is_stopped_and_told_why():
    checks = load_checks(ROOT / "course" / UNIT)
    answers = Answers(read_source(ROOT / "solutions" / UNIT / "exercises.md").notebook, ROOT / "course" / UNIT)
    all_routes = answers.function("all_routes")

    def listing(graph, end):
        return {n: sum(all_routes(graph, n, end).values()) for n in sorted(graph, key=lambda n: (n[0] == "c", n))}

    report = repr(visible_report("reverse_accumulation", checks, listing))
    assert "stopped after" in report and "again and again" in report


STOPPED = {
    "reverse_accumulation": ("""
        totals = dict.fromkeys(graph, 0.0)
        totals[end] = 1.0
        unvisited = [n for n in graph if n[0] == "u"]
        while unvisited:
            unvisited.extend(child for child, _ in graph[unvisited.pop()])
        return totals
    """, "stopped after"),
    "backward": ("""
        unvisited = [J]
        while unvisited:
            node = unvisited.pop()
            for parent, local in node.parents:
                parent.grad += local
                unvisited.append(parent)
    """, "stopped after"),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
def test_who_visits_a_node_at_each_arrow_is_stopped_with_a_sentence(name):
    """On the long ladder such a to-do list would hold more nodes than any memory; in the visible check and in grading alike."""
    checks = load_checks(ROOT / "course" / UNIT)
    answers = Answers(read_source(ROOT / "solutions" / UNIT / "exercises.md").notebook, ROOT / "course" / UNIT)
    body, says = STOPPED[name]
    variant = Variant(name, "endless", textwrap.dedent(body))
    function = answers.function(name, variant)
    for problem in (s.problem for s in checks.solved(name)):
        if problem.sizes["ladder"] == 40:
            outcome = collect(function, problem.args, checks[name].call)
            assert outcome.failure and says in outcome.failure.message and "again and again" in outcome.failure.message
    assert graded_report(name, checks, function, 4.0, 5).points[0] == 0


def test_an_honest_quadratic_search_is_not_stopped():
    """A node is taken when all its parents are: found by looking through all nodes each time."""
    checks = load_checks(ROOT / "course" / UNIT)

    def slow(graph):
        order, left = [], list(graph)
        while left:
            heads = {child for node in left for child, _ in graph[node]}
            order += [node for node in left if node not in heads]
            left = [node for node in left if node in heads]
        return order

    for problem in (s.problem for s in checks.solved("topological_order")):
        if not problem.sizes["chain"]:
            assert not collect(slow, problem.args, checks["topological_order"].call).failure


def test_a_node_that_is_ready_at_each_of_two_arrows_is_listed_twice():
    """Its parents stand in a set, from which two arrows of the last of them take one."""
    checks = load_checks(ROOT / "course" / UNIT)

    def each_parent_once(graph):
        parents = {node: set() for node in graph}
        for node, children in graph.items():
            for child, _ in children:
                parents[child].add(node)
        order, ready = [], [node for node in graph if not parents[node]]
        while ready:
            order.append(ready.pop())
            for child, _ in graph[order[-1]]:
                parents[child].discard(order[-1])
                if not parents[child]:
                    ready.append(child)
        return order

    report = visible_report("topological_order", checks, each_parent_once)
    assert "with two arrows between the same two nodes" in report.summary
    assert graded_report("topological_order", checks, each_parent_once, 4.0, 5).points[0] < 4


@pytest.mark.parametrize("many", range(1, 30))
def test_a_number_of_routes_alone_is_no_known_mistake(many):
    checks = load_checks(ROOT / "course" / UNIT)

    def other_routes(graph, start, end):
        return {(start, *map(str, range(k + 1)), end): 0.1 + k for k in range(many)}

    assert not visible_report("all_routes", checks, other_routes).hints


def test_the_values_on_paper():
    c, p = 0.5, -2.0
    o, t = 1 / (1 + math.exp(-p * c)), math.tanh(c)
    assert (f"{o:.4f}", f"{t:.4f}") == ("0.2689", "0.4621")
    slot, route = o * (1 - t**2), t * p * o * (1 - o)
    assert [f"{v:.2f}" for v in (slot, route, slot + route)] == ["0.21", "-0.18", "0.03"]
    # far from where rounding turns
    assert all(abs(100 * v - round(100 * v)) < 0.2 for v in (slot, route, slot + route))


@pytest.mark.slow
def test_the_students_engine_trains_a_network():
    lines = printed(executed_solution(Unit(ROOT, UNIT))).splitlines()
    [difference] = [line.split()[-1] for line in lines if line.startswith("largest difference between")]
    assert float(difference) < 1e-8
    losses = [line.split() for line in lines if line.startswith("loss")]
    assert len(losses) == 3
    for words in losses:
        assert float(words[1]) > 0.3 and float(words[5]) < 0.005
