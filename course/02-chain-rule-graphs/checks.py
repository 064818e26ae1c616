"""Unit 02: the problems that the exercises are checked on.

Your numbers are compared with what torch's autograd gives for the same graph (in reference.py). Reading this file is
allowed; it holds no answer.
"""

import operator
from collections import Counter

import numpy as np

from byhand.checking import EdgeCase, Exercise
from byhand.on_paper import two_decimals

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


# Pairs in which a rule that is right elsewhere fails: negative bases and zeros, sums whose exponential overflows.
FIXED = {
    "add": [(0.0, -2.0)], "subtract": [(0.0, 1.5)], "multiply": [(0.0, -3.0), (2.0, 0.0)],
    "divide": [(0.0, -2.0), (-1.5, -0.5), (3.0, 0.5)],
    "power": [(-1.5, 3.0), (-2.0, 2.0), (0.0, 2.0), (0.0, 1.0), (-0.5, -1.0), (4.0, 0.5), (1.7, 0.0)],
    "tanh": [(800.0, None), (-800.0, None), (0.0, None)], "exp": [(-800.0, None), (0.0, None)],
    "log": [(1.0, None), (0.02, None)],
}  # fmt: skip


def make_operations(rng, n, scale=1.0):
    """For each operation the pairs of FIXED, and n drawn ones; None stands for what it does not use."""
    pairs = {}
    for name, fixed in FIXED.items():
        a, b = (scale * rng.normal(size=(2, n))).tolist()
        if name in ("power", "log"):
            a = [abs(v) + 0.1 for v in a]
        if name == "power":
            b = np.resize([3.0, -1.0, 0.5, 2.0, 1.0], n).tolist()
        elif fixed[0][1] is None:
            b = [None] * n
        else:
            b = [v + np.sign(v) / 2 for v in b]
        pairs[name] = [*fixed, *zip(a, b, strict=True)]
    return dict(pairs=pairs)


def call_operations(answer, pairs):
    rows = {}
    for name, (sign, _) in OPERATIONS.items():
        rows[name] = []
        for pair in pairs[name]:
            row = answer(sign, *pair)
            if not isinstance(row, (tuple, list, np.ndarray)) or len(row) != 3:
                says = f"for {sign!r} three numbers are expected: the value, da and db; got {row!r}"
                raise TypeError(says)
            rows[name].append(row)
        rows[name] = np.array(rows[name], dtype=float)
    return rows


# Graphs as dicts ---------------------------------------------------------------------------------


class Reads:
    """How often the arrows of a graph were looked up and multiplied, all its nodes together; it stops who goes along all routes."""

    def __init__(self, nodes, arrows, products):
        self.nodes, self.arrows, self.products = nodes, arrows, products
        self.lookups = self.multiplied = 0

    def look(self):
        self.lookups += 1
        if self.lookups > self.nodes**2 + 50 * self.nodes:
            says = f"stopped after {self.lookups - 1} looks at the arrows of a graph with {self.nodes} nodes"
            raise RuntimeError(says + ": the same nodes are visited again and again. Note which ones you have seen")

    def multiply(self):
        self.multiplied += 1
        if self.multiplied > self.products * (self.arrows + 1):
            says = f"stopped after {self.multiplied - 1} multiplications on a graph with {self.arrows} arrows"
            raise RuntimeError(says + ": the same arrows are used again and again")


class Counted(float):
    """A local derivative that counts when it is multiplied."""

    def __mul__(self, other):
        self.reads.multiply()
        return float.__mul__(self, other)

    def __rmul__(self, other):
        self.reads.multiply()
        return float.__rmul__(self, other)


class Arrows(list):
    """The arrows at a node, which count when they are gone through."""

    def __iter__(self):
        self.reads.look()
        return super().__iter__()

    def __getitem__(self, index):
        self.reads.look()
        return super().__getitem__(index)


def handed(answer, graph, *rest):
    """Call an answer with a graph that counts, on which each arrow may be multiplied eight times on average.

    What the answer changes in it is changed in `graph` too, where it is seen.
    """
    reads = Reads(len(graph), sum(map(len, graph.values())), products=8)
    live = {node: counted(arrows, reads) for node, arrows in graph.items()}
    try:
        return without_depth(answer, live, *rest)
    finally:
        if live != graph:
            left = {node: list(list.__iter__(a)) if isinstance(a, list) else a for node, a in live.items()}
            graph.clear()
            graph.update(left)


def counted(arrows, reads):
    """Arrows, pairs of a node and a number, that count how they are used."""
    found = Arrows((node, Counted(local)) for node, local in arrows)
    found.reads = reads
    for _, local in list.__iter__(found):
        local.reads = reads
    return found


def random_graph(rng, nodes, density=0.5, ladder=0, chain=0, double=False, beyond=False):
    """node -> list of (child, local derivative), in no particular order; it ends in "J".

    A random part "n0", "n1", ..., of which one node leads nowhere, with `density` 0 several; a ladder of diamonds "u0", "a0", "b0", "u1", ...;
    a chain "c0", "c1", .... With `double` two arrows lead from "n0" to "n3", and a long way through "n1" and "n2" that ends in two arrows as well; with `beyond` the graph goes on behind "J".
    """
    graph = {"J": []}
    names = [f"n{i}" for i in range(nodes)]
    for i, name in enumerate(names):
        graph[name] = [(other, rng.normal()) for other in names[i + 1 :] if rng.uniform() < density]
        if i % 3 != 2:
            graph[name].append(("J", rng.normal()))
        elif i + 3 >= nodes:
            graph[name] = []  # whatever is drawn, this one leads nowhere, and of those before it none
        elif density and names[i + 1] not in dict(graph[name]):
            graph[name].append((names[i + 1], rng.normal()))
    if double:
        graph |= {n: [arrow for arrow in arrows if arrow[0] not in ("n1", "n2", "n3")] for n, arrows in graph.items()}
        graph["n0"] += [("n1", 1.1), ("n3", 0.7), ("n3", -1.9)]
        graph["n1"].append(("n2", 0.8))
        graph["n2"] += [("n3", -1.2), ("n3", 0.4)]
    if beyond:
        graph["J"] = [("n_behind", 1.3), ("n_last", -0.4)]
        graph["n_behind"], graph["n_last"] = [("n_last", 2.0)], []
        graph["n0"].append(("n_last", 0.6))
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


BEYOND = EdgeCase(
    dict(beyond=True), "where the graph goes on behind the end",
    "Arrows may leave the node that is differentiated too. What lies behind it has no effect on it, and a node from which no arrow leaves need not "
    "be the end.",
)  # fmt: skip
DOUBLE = EdgeCase(
    dict(double=True), "with two arrows between the same two nodes",
    "Two arrows lead from one node to the same other one, as in x * x. Each of them counts: a set or a dict keeps only one.",
)  # fmt: skip


# all_routes --------------------------------------------------------------------------------------


def make_routes(rng, nodes, density=0.5, ladder=0, start="n0", end="J", beyond=False, zero=False):
    """With `zero`, the local derivative at the arrow that leads straight from the start into the end is 0."""
    graph = random_graph(rng, nodes, density, ladder, beyond=beyond)
    if zero:
        graph[start] = [(child, 0.0 if child == end else local) for child, local in graph[start]]
    return dict(graph=graph, start=start, end=end)


def call_routes(answer, graph, start, end):
    found = answer(graph, start, end)
    if not isinstance(found, dict) or not all(isinstance(route, tuple) for route in found):
        says = "expected a dict whose keys are routes, each a tuple of names such as ('n0', 'n2', 'J')"
        raise TypeError(says)
    return described(found, graph)


def described(found, graph):
    """Routes as numbers: each by the places of its nodes in the alphabet, one row for each, and the products.

    How many there are is told by the rows. As a result of its own it would be one small number, which many mistakes share.
    """
    order = sorted(found, key=lambda route: [str(name) for name in route])
    place = {name: k for k, name in enumerate(sorted(graph), start=1)}
    routes = np.zeros((len(order), len(graph)))
    for row, route in zip(routes, order, strict=True):
        numbers = [place.get(name, -1) for name in route][: len(row)]
        row[: len(numbers)] = numbers
    products = np.array([found[route] for route in order], dtype=float)
    return dict(routes=routes, products=products, total=products.sum())


# topological_order -------------------------------------------------------------------------------


def make_graph(rng, nodes, density=0.5, ladder=0, chain=0, double=False):
    return dict(graph=random_graph(rng, nodes, density, ladder, chain, double))


def call_order(answer, graph):
    order = handed(answer, graph)
    if not isinstance(order, (list, tuple)):
        says = f"expected a list of names, got a {type(order).__name__}"
        raise TypeError(says)
    order = [str(name) for name in order]
    if strange := [name for name in order if name not in graph]:
        says = f"your list holds {strange[0]!r}, which is no node of the graph"
        raise ValueError(says)
    listed = Counter(order)
    place = {name: i for i, name in reversed(list(enumerate(order)))}
    arrows = [(u, v) for u, children in graph.items() for v, _ in children if u in place and v in place]
    return dict(
        times_listed=np.array([listed[name] for name in sorted(graph)]),
        arrows_backwards=np.array(sum(place[u] > place[v] for u, v in arrows)),
    )


# reverse_accumulation ----------------------------------------------------------------------------


def make_accumulation(rng, nodes, density=0.5, ladder=0, chain=0, double=False, beyond=False):
    return dict(graph=random_graph(rng, nodes, density, ladder, chain, double, beyond), end="J")


def call_accumulation(answer, graph, end):
    totals = handed(answer, graph, end)
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


# held_fixed --------------------------------------------------------------------------------------


def make_held(rng, nodes, density=1.0, ladder=0, double=False, beyond=False, held=("n2", "n4")):
    """Also what is held for the immediate derivative: all parents of the end but the one that moves."""
    graph = random_graph(rng, nodes, density, ladder, double=double, beyond=beyond)
    start, held = ("u0", {"a3", "u7"}) if ladder else ("n0", set(held))
    if double:  # two arrows lead from the start into the end
        graph[start].append(("J", 0.9))
    parents = {node for node, children in graph.items() if "J" in dict(children)}
    return dict(graph=graph, start=start, end="J", held=held & set(graph), parents=parents - {start})


def call_held(answer, graph, start, end, held, parents):
    """Three questions about the same two nodes."""
    return tuple(handed(answer, graph, start, end, set(fixed)) for fixed in ((), held, parents))


# on_paper ----------------------------------------------------------------------------------------


def make_on_paper(rng):
    return {}


# backward ----------------------------------------------------------------------------------------


class Recorded:
    """What your backward() needs of a node, without operators. It is its own judge of who it is, as your Node is."""

    def __init__(self, parents=(), value=0.7, reads=None):
        self.value, self.grad = value, 0.0  # all have the same value, and it is not 0
        self._parents = counted(parents, reads or Reads(1000, 1000, 1000))

    @property
    def parents(self):
        self._parents.reads.look()
        return self._parents


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


def build(graph):
    nodes, reads = [], Reads(len(graph), sum(map(len, graph)), products=24)
    for parents in graph:
        nodes.append(Recorded([(nodes[i], local) for i, local in parents], reads=reads))
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
    grads["called_twice"] = numbers_of(leaves)
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
    "with_zero": lambda x, y, z: (x + 0) * y - z * 0.0 + (y - 0.0) ** 2 + z**0 + 0.0 / x + (0.0 - y),
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


# numerical_gradient ------------------------------------------------------------------------------


def make_numerical(rng, shape, eps, scale=1.0):
    """A function of third degree: for it the error of central differences is known, eps² times C."""
    size = int(np.prod(shape))
    A, B, C = scale * rng.normal(size=(size, size)), scale * rng.normal(size=size), scale * rng.normal(size=size)

    def f(x):
        if np.shape(x) != shape:
            says = f"f takes an array of shape {shape}, and was given one of shape {np.shape(x)}"
            raise ValueError(says)
        v = np.ravel(x)
        return float(v @ A @ v / 2 + B @ v + C @ v**3)

    return dict(f=f, x=rng.normal(size=shape), eps=eps, A=A, B=B, C=C)


EXERCISES = {
    "local_derivatives": Exercise(
        make_operations, list(OPERATIONS), dict(n=3),
        [EdgeCase(dict(scale=5.0), "with larger numbers"), EdgeCase(dict(scale=0.01), "with small numbers")],
        call=call_operations, as_dict=True,
    ),
    "all_routes": Exercise(
        make_routes, ["routes", "products", "total"], dict(nodes=6, density=0.8),
        [
            EdgeCase(dict(nodes=1), "with a single arrow"),
            EdgeCase(dict(nodes=3, density=0.0, start="n2"), "where no route leads to the end"),
            EdgeCase(dict(start="J"), "where the start is the end"), BEYOND,
            EdgeCase(dict(density=1.0, end="n4"), "where the end lies in the middle of the graph"),
            EdgeCase(dict(ladder=6, start="u0"), "on a ladder"), dict(nodes=8),
            EdgeCase(
                dict(zero=True), "with a local derivative of 0",
                "An arrow whose local derivative is 0 is an arrow all the same. The routes through it are routes, with the product 0.",
            ),
        ],
        call=call_routes, as_dict=True,
    ),
    "topological_order": Exercise(
        make_graph, ["times_listed", "arrows_backwards"], dict(nodes=8, ladder=3, chain=CHAIN),
        [
            EdgeCase(dict(nodes=1, ladder=0, chain=0), "with a single arrow"), dict(nodes=20, chain=0), DOUBLE,
            EdgeCase(dict(nodes=5, density=0.0, chain=0), "with hardly any arrows"), EdgeCase(dict(ladder=40, chain=0), "on a long ladder"),
        ],
        call=call_order, as_dict=True, groups=[["times_listed", "arrows_backwards"]],
    ),
    "reverse_accumulation": Exercise(
        make_accumulation, ["random_part", "ladder", "chain"], dict(nodes=7, ladder=12, chain=CHAIN),
        [
            EdgeCase(dict(nodes=1, ladder=0, chain=0), "with a single arrow"), dict(nodes=16, chain=0), BEYOND, DOUBLE,
            EdgeCase(dict(density=0.0, chain=0), "where some nodes lead nowhere"), EdgeCase(dict(ladder=40, chain=0), "on a long ladder"),
        ],
        call=call_accumulation, as_dict=True, groups=[["random_part", "ladder", "chain"]],
    ),
    "backward": Exercise(
        make_recorded, ["random", "used_twice", "ladder", "chain", "one_leaf", "called_twice", "two_losses"],
        dict(nodes=9, ladder=8, chain=CHAIN),
        [EdgeCase(dict(nodes=4, ladder=1, chain=1), "with small graphs"), EdgeCase(dict(nodes=30, ladder=40, chain=10), "on a long ladder")],
        call=call_backward, as_dict=True,
        groups=[["random", "ladder", "chain", "one_leaf"], ["called_twice", "two_losses"]],
    ),
    "Node": Exercise(
        make_expression, [*EXPRESSIONS, "random", "called_twice", "chain"], dict(leaves=4, steps=25, chain=CHAIN),
        [
            EdgeCase(dict(leaves=1, chain=2), "with a single leaf"), dict(leaves=8, steps=60, chain=2),
            EdgeCase(dict(steps=0, chain=2), "without a step"), EdgeCase(dict(leaves=3, steps=200, chain=2), "with 200 steps"),
        ],
        call=call_engine, as_dict=True, groups=[["random", "called_twice", "chain"]],
    ),
    "held_fixed": Exercise(
        make_held, ["nothing_held", "some_held", "parents_held"], dict(nodes=7),
        [
            EdgeCase(dict(nodes=3, held=("n1",)), "with three nodes before the end"), DOUBLE, BEYOND,
            EdgeCase(dict(held=("J",)), "where the end itself is held", "The end is among the nodes that are held. Then it does not move at all."),
            EdgeCase(dict(ladder=40), "on a long ladder"),
        ],
        call=call_held, groups=[["nothing_held", "some_held"]],
    ),
    "on_paper": Exercise(make_on_paper, ["immediate", "through_o", "total"], {}, call=two_decimals),
    "numerical_gradient": Exercise(
        make_numerical, ["grad"], dict(shape=(3, 4), eps=0.1),
        [
            EdgeCase(dict(shape=(5,)), "with an array of one axis", "x may have any number of axes."),
            EdgeCase(dict(shape=(2, 3, 2)), "with an array of three axes", "x may have any number of axes."),
            EdgeCase(dict(shape=(1, 1)), "with a single entry"),
            EdgeCase(dict(eps=1e-3), "with a small step", "eps is the argument of your function: use it as it comes."),
            EdgeCase(dict(scale=0.0), "where f is constant"),
        ],
        withheld=["A", "B", "C"],
    ),
}  # fmt: skip
