"""Unit 02: the right answers to the problems of checks.py, most of them torch's. No grading process that runs your code has them."""

import numpy as np
import torch
from checks import EXPRESSIONS, OPERATIONS, by_part, described, long_row, run

from byhand.in_torch import leaves


def local_derivatives(pairs):
    rows = {}
    for name, (_, function) in OPERATIONS.items():
        rows[name] = []
        for u, v in pairs[name]:
            [u] = leaves(u)
            constant = name == "power" or v is None
            w = v if constant else leaves(v)[0]
            value = function(u, w)
            value.backward()
            rows[name].append([value.item(), u.grad.item(), 0.0 if constant else w.grad.item()])
    return {name: np.array(row) for name, row in rows.items()}


def torch_totals(graph, end):
    """What torch makes of the graph: each node is a weighted sum of those it depends on, plus a zero of its own."""
    parents = {node: [] for node in graph}
    for node, children in graph.items():
        for child, local in children:
            parents[child].append((node, float(local)))
    own = {node: torch.zeros((), dtype=torch.float64, requires_grad=True) for node in graph}
    values, unfinished = {}, [end]
    while unfinished:
        missing = [p for p, _ in parents[unfinished[-1]] if p not in values]
        if missing:
            unfinished += missing
            continue
        node = unfinished.pop()
        values[node] = own[node] + sum(local * values[p] for p, local in parents[node])
    values[end].backward()
    return {node: 0.0 if own[node].grad is None else own[node].grad.item() for node in graph}


def chain_totals(locals_):
    """The same for a chain, from its first node to its last: products of all that lies behind."""
    behind = torch.tensor([*locals_, 1.0], dtype=torch.float64).flip(0).cumprod(0).flip(0)
    return behind.numpy()


def all_routes(graph, start, end):
    """Breadth first, in tensors; the sum is autograd's own."""
    walks, ended = [((start,), torch.ones((), dtype=torch.float64))], {}
    while walks:
        ended |= {walk: product.item() for walk, product in walks if walk[-1] == end}
        walks = [
            ((*walk, child), product * local)
            for walk, product in walks
            if walk[-1] != end
            for child, local in graph[walk[-1]]
        ]
    return described(ended, graph) | dict(total=np.array(torch_totals(graph, end)[start]))


def topological_order(graph):
    return dict(times_listed=np.ones(len(graph)), arrows_backwards=np.array(0))


def reverse_accumulation(graph, end):
    row = sorted((n for n in graph if n[0] == "c"), key=lambda n: int(n[1:]))
    totals = torch_totals({n: children for n, children in graph.items() if n[0] != "c"}, end)
    behind = chain_totals([graph[n][0][1] for n in row])
    return by_part(totals | dict(zip(row, behind, strict=False)))


def backward(graphs):
    grads = {}
    for name, graph in graphs.items():
        if name == "chain":
            grads[name] = chain_totals([parents[0][1] for parents in graph[1:]])
            continue
        children = {str(i): [] for i in range(len(graph))}
        for i, parents in enumerate(graph):
            for parent, local in parents:
                children[str(parent)].append((str(i), local))
        totals = torch_totals(children, str(len(graph) - 1))
        grads[name] = np.array([totals[str(i)] for i in range(len(graph))])
    grads["called_twice"] = 2 * grads["random"]
    one, two = leaves(0.0, 0.0)
    first = 2 * one + 3 * two
    first.backward(retain_graph=True)
    (5 * first + 7 * two).backward()
    grads["two_losses"] = np.array([one.grad.item(), two.grad.item()])
    return grads


def node(x, xyz, program, chain):
    results = {}
    for name, expression in EXPRESSIONS.items():
        variables = leaves(*xyz)
        results[name] = differentiated(expression(*variables), variables)
    variables = leaves(*x)
    results["random"] = differentiated(run(variables, program), variables)
    results["called_twice"] = 2 * results["random"][1:]
    [start] = leaves(x[0])
    results["chain"] = differentiated(long_row(start, chain), [start])
    return results


def differentiated(J, variables):
    J.backward()
    return np.array([J.item(), *(0.0 if leaf.grad is None else leaf.grad.item() for leaf in variables)])


def held_fixed(graph, start, end, held, parents):
    """A node that is held is a number of its own for torch: it depends on nothing."""
    rates = []
    for fixed in ((), held, parents):
        moving = {node: [arrow for arrow in arrows if arrow[0] not in fixed] for node, arrows in graph.items()}
        rates.append(torch_totals(moving, end)[start])
    return dict(zip(("nothing_held", "some_held", "parents_held"), map(np.array, rates), strict=True))


def on_paper():
    """The statement's c = 0.5 and p = -2: torch differentiates y with o held, and with o as a function of c."""
    [c] = leaves(0.5)
    o = torch.sigmoid(-2 * c)
    [immediate] = torch.autograd.grad(o.detach() * torch.tanh(c), c)
    [total] = torch.autograd.grad(o * torch.tanh(c), c)
    return dict(
        immediate=immediate.numpy().round(2), through_o=(total - immediate).numpy().round(2), total=total.numpy().round(2)
    )


def numerical_gradient(f, x, eps, A, B, C):
    """The gradient, and the error of the central difference, exact for a function of third degree."""
    [v], (A, B, C) = leaves(x.ravel()), map(torch.tensor, (A, B, C))
    (v @ A @ v / 2 + B @ v + C @ v**3).backward()
    return dict(grad=(v.grad + eps**2 * C).numpy().reshape(x.shape))


REFERENCES = {
    "local_derivatives": local_derivatives,
    "all_routes": all_routes,
    "topological_order": topological_order,
    "reverse_accumulation": reverse_accumulation,
    "backward": backward,
    "Node": node,
    "held_fixed": held_fixed,
    "on_paper": on_paper,
    "numerical_gradient": numerical_gradient,
}
