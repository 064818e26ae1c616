"""Unit 02: the problems that the exercises are checked on, and torch's answers to them.

Your numbers are compared with what torch's autograd gives for the same graph. Reading this file is allowed; it holds no
answer in numpy.
"""

import operator

import numpy as np

from byhand.checking import Exercise

CHAIN = 4000  # nodes in a row: more than Python, or Jupyter, allows nested calls


def without_depth(function, *args):
    """Call it; where it nests too many calls, say so in words that are the same everywhere."""
    try:
        return function(*args)
    except RecursionError:
        raise RecursionError(f"too many nested calls; one of the graphs is a chain of {CHAIN} nodes") from None


# local_derivatives -------------------------------------------------------------------------------

OPERATIONS = {
    "add": ("+", operator.add), "subtract": ("-", operator.sub), "multiply": ("*", operator.mul),
    "divide": ("/", operator.truediv), "power": ("**", operator.pow),
    "tanh": ("tanh", lambda a, b: a.tanh()), "exp": ("exp", lambda a, b: a.exp()), "log": ("log", lambda a, b: a.log()),
}  # fmt: skip


def make_operations(rng, n, scale=1.0):
    a, b = scale * rng.normal(size=(2, n))
    return dict(a=a, b=b + np.sign(b) / 2, exponents=np.resize([3.0, -1.0, 0.5, 2.0, 1.0], n))


def inputs(name, a, b, exponents):
    """Pairs on which the operation is defined; None stands for what it does not use."""
    first = np.abs(a) + 0.1 if name in ("power", "log") else a
    second = (
        exponents if name == "power" else b if name in ("add", "subtract", "multiply", "divide") else [None] * len(a)
    )
    return list(zip(first.tolist(), [None if v is None else float(v) for v in second], strict=True))


def call_operations(answer, a, b, exponents):
    rows = {}
    for name, (sign, _) in OPERATIONS.items():
        rows[name] = []
        for pair in inputs(name, a, b, exponents):
            row = answer(sign, *pair)
            if not isinstance(row, (tuple, list)) or len(row) != 3:
                says = f"for {sign!r} three numbers are expected: the value, da and db; got {row!r}"
                raise TypeError(says)
            rows[name].append(row)
        rows[name] = np.array(rows[name], dtype=float)
    return rows


# Graphs as dicts ---------------------------------------------------------------------------------


class Counted(float):
    """A local derivative that counts how often it and its fellows are multiplied."""

    def __deepcopy__(self, memo):
        """A copy that shares its count with the other copies, and not with the original."""
        copy = Counted(self)
        copy.tally = memo.setdefault(id(self.tally), list(self.tally))
        return copy

    def _count(self):
        self.tally[0] += 1
        if self.tally[0] > self.tally[1]:
            says = f"stopped after {self.tally[1]} multiplications on a graph with {self.tally[2]} arrows"
            raise RuntimeError(says + ": the same arrows are used again and again")

    def __mul__(self, other):
        self._count()
        return float.__mul__(self, other)

    def __rmul__(self, other):
        self._count()
        return float.__rmul__(self, other)


def counted(graph):
    """The same graph, on which each arrow may be multiplied eight times on average."""
    arrows = sum(map(len, graph.values()))
    tally = [0, 8 * arrows + 8, arrows]
    result = {}
    for node, children in graph.items():
        result[node] = [(child, Counted(local)) for child, local in children]
        for _, local in result[node]:
            local.tally = tally
    return result


def random_graph(rng, nodes, density=0.5, ladder=0, chain=0):
    """node -> list of (child, local derivative), in no particular order; it ends in "J".

    A random part "n0", "n1", ..., of which some nodes may lead nowhere; a ladder of diamonds "u0", "a0", "b0", "u1", ...;
    a chain "c0", "c1", ....
    """
    graph = {"J": []}
    names = [f"n{i}" for i in range(nodes)]
    for i, name in enumerate(names):
        graph[name] = [(other, rng.normal()) for other in names[i + 1 :] if rng.uniform() < density]
        if i % 3 != 2:
            graph[name].append(("J", rng.normal()))
    for k in range(ladder):
        graph[f"u{k}"] = [(f"a{k}", rng.normal()), (f"b{k}", rng.normal())]
        graph[f"a{k}"] = [(f"u{k + 1}", rng.normal())]
        graph[f"b{k}"] = [(f"u{k + 1}", rng.normal())]
    if ladder:
        graph[f"u{ladder}"] = [("J", rng.normal())]
    for k in range(chain):
        graph[f"c{k}"] = [(f"c{k + 1}", 1.0 + 0.001 * rng.normal())]
    if chain:
        graph[f"c{chain}"] = [("J", rng.normal())]
    shuffled = [list(graph)[i] for i in rng.permutation(len(graph))]
    return {node: graph[node] for node in shuffled}


# all_routes --------------------------------------------------------------------------------------


def make_routes(rng, nodes, density=0.5, ladder=0, start="n0"):
    return dict(graph=random_graph(rng, nodes, density, ladder), start=start, end="J")


def call_routes(answer, graph, start, end):
    found = answer(graph, start, end)
    if not isinstance(found, dict) or not all(isinstance(route, tuple) for route in found):
        says = "expected a dict whose keys are routes, each a tuple of names such as ('n0', 'n2', 'J')"
        raise TypeError(says)
    products = np.array([found[route] for route in sorted(found)], dtype=float)
    return dict(
        routes=np.array(len(found)), nodes=np.array(sorted(map(len, found)), dtype=int), products=products,
        total=products.sum(),
    )  # fmt: skip


# topological_order -------------------------------------------------------------------------------


def make_graph(rng, nodes, density=0.5, ladder=0, chain=0):
    return dict(graph=random_graph(rng, nodes, density, ladder, chain))


def call_order(answer, graph):
    order = without_depth(answer, graph)
    if not isinstance(order, (list, tuple)):
        says = f"expected a list of names, got a {type(order).__name__}"
        raise TypeError(says)
    order = [str(name) for name in order]
    place = {name: i for i, name in reversed(list(enumerate(order)))}
    arrows = [(u, v) for u, children in graph.items() for v, _ in children if u in place and v in place]
    return dict(
        times_listed=np.array(
            [order.count(name) if len(order) < 200 else int(name in place) for name in sorted(graph)]
        ),
        length=np.array(len(order)),
        arrows_backwards=np.array(sum(place[u] > place[v] for u, v in arrows)),
    )


def order(graph):
    return dict(times_listed=np.ones(len(graph)), length=np.array(len(graph)), arrows_backwards=np.array(0))


# reverse_accumulation ----------------------------------------------------------------------------


def make_accumulation(rng, nodes, density=0.5, ladder=0, chain=0):
    return dict(graph=counted(random_graph(rng, nodes, density, ladder, chain)), end="J")


def call_accumulation(answer, graph, end):
    totals = without_depth(answer, graph, end)
    if not isinstance(totals, dict):
        says = f"expected a dict from name to total derivative, got a {type(totals).__name__}"
        raise TypeError(says)
    if missing := sorted(set(graph) - set(totals)):
        says = f"the dict that you return lacks {len(missing)} nodes, among them {missing[0]}"
        raise ValueError(says)
    return by_part({name: float(totals[name]) for name in graph})


def by_part(totals):
    parts = {"random_part": "nJ", "ladder": "uab", "chain": "c"}
    return {part: np.array([totals[n] for n in sorted(totals) if n[0] in letters]) for part, letters in parts.items()}


# backward ----------------------------------------------------------------------------------------


class Recorded:
    """What your backward() needs of a node, without operators. It is its own judge of who it is, as your Node is."""

    def __init__(self, parents=(), value=0.0):
        self.value, self.parents, self.grad = value, list(parents), 0.0


def make_recorded(rng, nodes, ladder, chain):
    """Scenarios, each a list of nodes; a node is its list of pairs (number of a parent, local derivative)."""
    dag = [[] for _ in range(3)]
    while len(dag) < nodes:
        picked = rng.choice(len(dag), size=min(3, len(dag)), replace=False)
        dag.append([(int(i), rng.normal()) for i in picked])
    dag.append([(i, rng.normal()) for i in range(0, len(dag), 2)])
    rungs = [[]]
    for _ in range(ladder):
        top = len(rungs) - 1
        rungs += [[(top, rng.normal())], [(top, rng.normal())], [(top + 1, rng.normal()), (top + 2, rng.normal())]]
    row = [[]] + [[(i, 1.0 + 0.001 * rng.normal())] for i in range(chain)]
    return dict(
        graphs=dict(
            random=dag,
            used_twice=[[], [(0, 3.0), (0, 3.0)], [(1, rng.normal()), (0, rng.normal())]],  # x * x, x = 3
            ladder=rungs,
            chain=row,
            one_leaf=[[]],
        )
    )


def build(graph, count=True):
    nodes, arrows = [], sum(map(len, graph))
    tally = [0, 24 * arrows + 24, arrows]
    for parents in graph:
        pairs = [(nodes[i], Counted(local) if count else local) for i, local in parents]
        for _, local in pairs:
            local.tally = tally
        nodes.append(Recorded(pairs))
    return nodes


def call_backward(answer, graphs):
    grads = {}
    for name, graph in graphs.items():
        nodes = build(graph)
        without_depth(answer, nodes[-1])
        grads[name] = numbers_of(nodes)
    leaves = build(graphs["random"])
    answer(leaves[-1])
    answer(leaves[-1])
    grads["called_twice"] = numbers_of(n for n in leaves if not n.parents)
    one, two = Recorded(), Recorded()
    first = Recorded([(one, 2.0), (two, 3.0)])
    answer(first)
    answer(Recorded([(first, 5.0), (two, 7.0)]))
    grads["two_losses"] = numbers_of([one, two])
    return grads


def numbers_of(nodes):
    return np.array([float(n.grad) for n in nodes])


# Node --------------------------------------------------------------------------------------------

# What random expressions are made of. The same lines run with your Node and with torch's tensors.
STEPS = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a.tanh() * b, lambda a, b: a / (b * b + 1.0),
    lambda a, b: (a.tanh() + 1.5) ** 3, lambda a, b: a.tanh().exp(), lambda a, b: (a * a + 0.5).log(),
    lambda a, b: 2.0 - a, lambda a, b: 3.0 / (a * a + 2.0), lambda a, b: -a + 0.5 * b, lambda a, b: 1.0 + a / 4.0,
]  # fmt: skip
EXPRESSIONS = {
    "sum_and_difference": lambda x, y, z: x + y - z - y,
    "product_and_quotient": lambda x, y, z: x * y / z,
    "power": lambda x, y, z: x**3 + y**-1 + z**2,
    "functions": lambda x, y, z: x.tanh() + y.exp() + z.log(),
    "with_numbers": lambda x, y, z: (2.0 - x) * 3.0 + 1.0 / y - (-z) + 0.5 * z - 4.0,
    "used_twice": lambda x, y, z: x * x + y / y + z - z + (x + x) * y,
    "diamond": lambda x, y, z: (x * y) * (x * y) + (x * y) / (z + x * y),
}


def make_expression(rng, leaves, steps, chain):
    program = [(int(rng.randint(len(STEPS))), rng.uniform(), rng.uniform()) for _ in range(steps)]
    return dict(x=rng.normal(size=leaves), xyz=rng.uniform(0.5, 1.5, size=3), program=program, chain=chain)


def run(leaves, program):
    """A random expression: each step takes two of the values so far. All that is left over is added up."""
    values, used = list(leaves), set()
    for kind, i, j in program:
        i, j = int(i * len(values)), int(j * len(values))
        used |= {i, j}
        values.append(STEPS[kind](values[i], values[j]))
    total = values[-1]
    for i, value in enumerate(values[:-1]):
        if i not in used:
            total = total + value
    return total


def long_row(x, length):
    for _ in range(length // 2):
        x = x * 0.999 + 0.001
    return x


def call_engine(answer, x, xyz, program, chain):
    results = {}
    for name, expression in EXPRESSIONS.items():
        leaves = [answer(v) for v in xyz.tolist()]
        J = expression(*leaves)
        J.backward()
        results[name] = np.array([J.value, *(leaf.grad for leaf in leaves)], dtype=float)
    leaves = [answer(v) for v in x.tolist()]
    J = run(leaves, program)
    J.backward()
    results["random"] = np.array([J.value, *(leaf.grad for leaf in leaves)], dtype=float)
    J.backward()
    results["called_twice"] = np.array([leaf.grad for leaf in leaves], dtype=float)
    start = answer(float(x[0]))
    J = long_row(start, chain)
    without_depth(J.backward)
    results["chain"] = np.array([J.value, start.grad], dtype=float)
    return results


# linear_backward ---------------------------------------------------------------------------------


def make_linear(rng, N, D, H, scale=1.0):
    return dict(
        dy=scale * rng.normal(size=(N, H)),
        x=rng.normal(size=(N, D)),
        W=scale * rng.normal(size=(H, D)),
        b=rng.normal(size=H),
    )


# numerical_gradient ------------------------------------------------------------------------------


def make_numerical(rng, rows, columns, eps, scale=1.0):
    """A function of second degree: for it central differences have no error but rounding."""
    A, B = rng.normal(size=(rows, rows)), rng.normal(size=(rows, columns))
    A, B = scale * A, scale * B

    def f(x):
        return float((x * (A @ x)).sum() / 2 + (B * x).sum())

    return dict(f=f, x=rng.normal(size=(rows, columns)), eps=eps, A=A, B=B)


EXERCISES = {
    "local_derivatives": Exercise(
        make_operations, list(OPERATIONS), dict(n=5),
        [dict(n=1), dict(n=20), dict(scale=5.0), dict(scale=0.01)], call=call_operations, as_dict=True,
    ),
    "all_routes": Exercise(
        make_routes, ["routes", "nodes", "products", "total"], dict(nodes=6, density=0.8),
        [dict(nodes=1), dict(nodes=3, density=0.0, start="n2"), dict(start="J"), dict(ladder=6, start="u0"), dict(nodes=8)],
        call=call_routes, as_dict=True,
    ),
    "topological_order": Exercise(
        make_graph, ["times_listed", "length", "arrows_backwards"], dict(nodes=8, ladder=3, chain=CHAIN),
        [dict(nodes=1, ladder=0, chain=0), dict(nodes=20, chain=0), dict(nodes=5, density=0.0, chain=0)],
        call=call_order, as_dict=True,
    ),
    "reverse_accumulation": Exercise(
        make_accumulation, ["random_part", "ladder", "chain"], dict(nodes=7, ladder=12, chain=CHAIN),
        [dict(nodes=1, ladder=0, chain=0), dict(nodes=16, chain=0), dict(density=0.0, chain=0), dict(ladder=40, chain=0)],
        call=call_accumulation, as_dict=True,
    ),
    "backward": Exercise(
        make_recorded, ["random", "used_twice", "ladder", "chain", "one_leaf", "called_twice", "two_losses"],
        dict(nodes=9, ladder=8, chain=CHAIN), [dict(nodes=4, ladder=1, chain=1), dict(nodes=30, ladder=40, chain=10)],
        call=call_backward, as_dict=True,
    ),
    "Node": Exercise(
        make_expression, [*EXPRESSIONS, "random", "called_twice", "chain"], dict(leaves=4, steps=25, chain=CHAIN),
        [dict(leaves=1, chain=2), dict(leaves=8, steps=60, chain=2), dict(steps=0, chain=2), dict(leaves=3, steps=200, chain=2)],
        call=call_engine, as_dict=True,
    ),
    "linear_backward": Exercise(
        make_linear, ["dx", "dW", "db"], dict(N=4, D=3, H=2),
        [dict(N=1), dict(D=1), dict(H=1), dict(N=9, D=7, H=5), dict(scale=0.0), dict(scale=100.0)], withheld=["b"],
    ),
    "numerical_gradient": Exercise(
        make_numerical, ["grad"], dict(rows=3, columns=4, eps=1e-3),
        [dict(rows=1), dict(columns=1), dict(eps=1e-2), dict(scale=0.0), dict(rows=6, columns=2)], withheld=["A", "B"],
    ),
}  # fmt: skip
