"""Wrong answers that the build derives from a solution: one place changed, as students change it, and the sentence for it.

Each operator looks at the solution's syntax tree and yields copies with one change. The sentence is made of the operator and
the place, and never holds the right code. A student who makes the same mistake gets the same numbers, however they write it.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

MOST = 900  # mutants of one exercise
ELSE = "something else"  # in a sentence: a variable that a student cannot know


@dataclass(frozen=True)
class Mutant:
    """The text between the solution marks with one change, and the sentence that says what is wrong with it."""

    region: str
    hint: str


# An operator takes an expression and yields what may stand in its place, with a sentence that has {place} in it.
Changes = Iterator[tuple[ast.expr, str]]


def mutants(region: str, words: Mapping[str, str], results: Sequence[str], arguments: Sequence[str]) -> list[Mutant]:
    """The mutants of a solution.

    words      variable of the solution -> what to call it in a sentence; others are named where they are results or arguments.
    results    what the exercise returns, in order: what a return statement computes.
    arguments  the function's arguments, which a student knows by these names.
    """
    try:
        tree = ast.parse(region)
    except SyntaxError:  # a region that holds a `return` parses; one that begins inside a block does not
        return []
    loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    variables = [*arguments, *sorted((stored & loaded) - set(arguments))]
    namer = _Namer(words, results, arguments, tuple(variables), _positions(tree))
    found: dict[str, str] = {}
    for changed, hint in (*_expressions(tree, namer), *_statements(tree, namer)):
        if hint:
            found.setdefault(ast.unparse(ast.fix_missing_locations(changed)), hint)
    found.pop(ast.unparse(tree), None)
    return [Mutant(text, hint) for text, hint in list(found.items())[:MOST]]


@dataclass(frozen=True)
class _Namer:
    words: Mapping[str, str]
    results: Sequence[str] = ()
    arguments: Sequence[str] = ()
    variables: Sequence[str] = ()  # the arguments, and what the solution itself computes
    positions: frozenset[str] = frozenset()  # those that say where something stands, or how often

    def call(self, name: str) -> str:
        """What to call a variable; '' where a student cannot know it."""
        if name in self.words:
            return self.words[name]
        return name if name in self.results or name in self.arguments else ""

    def place(self, statement: ast.stmt, part: ast.AST | None = None) -> str:
        """What a statement computes, or the one of its results that `part` belongs to, in words; '' where no words fit."""
        targets = []
        match statement:
            case ast.Return(value=ast.Tuple(elts=elements)) if len(elements) == len(self.results):
                targets = _of(part, zip(self.results, elements, strict=True)) or list(self.results)
            case ast.Return(value=ast.Dict(keys=keys, values=values)):
                constants = [(k.value, v) for k, v in zip(keys, values, strict=True) if isinstance(k, ast.Constant)]
                named = [(key, v) for key, v in constants if isinstance(key, str)]
                targets = _of(part, named) or list(self.results)
            case ast.Return(value=ast.Call(func=ast.Name(id="dict"), keywords=keywords)):
                targets = _of(part, [(k.arg, k.value) for k in keywords if k.arg]) or list(self.results)
            case ast.Return():
                targets = list(self.results)
            case ast.Assign(targets=[target]):
                targets = [self.call(n) for n in _stored(target)]
            case ast.AugAssign(target=target):
                targets = [self.call(n) for n in _stored(target)]
        targets = [t for t in dict.fromkeys(targets) if t]
        if not targets or len(targets) > 3:
            return ""
        return "where " + " and ".join(targets) + (" is computed" if len(targets) == 1 else " are computed")

    def holds(self, node: ast.AST) -> str:
        """What an expression holds that a student knows, in words: 'with x and W'."""
        nodes = list(_values(node))
        names = [n.id for n in nodes if isinstance(n, ast.Name)]
        keys = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        known = [t for t in dict.fromkeys([self.call(n) for n in names] + keys) if t]
        return " with " + " and ".join(known[:3]) if known else ""

    def the(self, what: str, node: ast.AST) -> str:
        """'the factor with x', or 'a factor' where there is nothing to name it by."""
        holds = self.holds(node)
        return f"the {what}{holds}" if holds else f"a {what}"


def _values(node: ast.AST) -> Iterator[ast.AST]:
    """What an expression is computed from: of an array that is only asked for its size, nothing."""
    asked = isinstance(node, ast.Attribute) and node.attr in ("shape", "size", "ndim")
    if asked or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _values(child)


def _of(part: ast.AST | None, named: Iterable[tuple[str, ast.AST]]) -> list[str]:
    """The name of the expression that holds `part`."""
    return [name for name, value in named if part is not None and any(node is part for node in ast.walk(value))]


def _positions(tree: ast.Module) -> frozenset[str]:
    """The variables by which something is looked up, cut or counted."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=where):
                found.append(where)
            case ast.Call(func=ast.Name(id="range"), args=bounds):
                found += bounds
    return frozenset(n.id for where in found for n in ast.walk(where) if isinstance(n, ast.Name))


def _stored(target: ast.expr) -> list[str]:
    """The variables that an assignment sets."""
    match target:
        case ast.Name(id=name):
            return [name]
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return [key]
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return _stored(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [name for element in elements for name in _stored(element)]
    return []


def _expressions(tree: ast.Module, namer: _Namer) -> Iterator[tuple[ast.Module, str]]:
    """Copies of the tree with one expression replaced; and with all that read the same replaced alike."""
    alike = Counter(ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.expr))
    for number, statement in enumerate(_simple(tree)):
        parts = [n for n in ast.walk(statement) if isinstance(n, ast.expr)]
        sized = {id(n) for n in ast.walk(statement)} - {id(n) for n in _values(statement)}
        for k, part in enumerate(parts):
            place = namer.place(statement, part)
            for operator in OPERATORS:
                if operator is _others and id(part) in sized:
                    continue
                for new, says in operator(part, namer):
                    changed = copy.deepcopy(tree)
                    there = list(_simple(changed))[number]
                    old = [n for n in ast.walk(there) if isinstance(n, ast.expr)][k]
                    _Replace(old, new).visit(there)
                    yield changed, _sentence(says, place)
                    if alike[ast.unparse(part)] > 1 and not isinstance(part, (ast.Name, ast.Constant)):
                        everywhere = copy.deepcopy(tree)
                        _ReplaceAll(ast.unparse(part), new).visit(everywhere)
                        yield everywhere, _sentence(says, place)


def _sentence(says: str, place: str) -> str:
    """The sentence; '' where it would name neither a place nor anything that a student knows."""
    if not place and "{place}" in says and (ELSE in says or not re.search(r" with \w| stands? where ", says)):
        return ""
    if not place and "{place}" in says:
        place, says = "somewhere", says.replace("{place},", "{place}")  # a variable's name keeps its small letter
    text = says.format(place=place)
    return text[0].upper() + text[1:] + "." * (not text.endswith("?"))


def _simple(tree: ast.AST) -> Iterator[ast.stmt]:
    """All statements, the header of a loop or a condition counted without its body."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.Expr)):
            yield node


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self.old, self.new = old, new

    def visit(self, node):
        return copy.deepcopy(self.new) if node is self.old else super().visit(node)


class _ReplaceAll(ast.NodeTransformer):
    def __init__(self, text: str, new: ast.expr) -> None:
        self.text, self.new = text, new

    def visit(self, node):
        if isinstance(node, ast.expr) and ast.unparse(node) == self.text:
            return copy.deepcopy(self.new)
        return super().visit(node)


# Operators on expressions ------------------------------------------------------------------------


def _terms(node: ast.expr, namer: _Namer) -> Changes:
    """A term of a sum left out, with the other sign, or twice."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Add, ast.Sub)):
        return
    for kept, gone, left in ((node.left, node.right, True), (node.right, node.left, False)):
        if isinstance(gone, ast.Constant):
            continue
        minus = isinstance(node.op, ast.Sub) and not left
        alone = ast.UnaryOp(ast.USub(), kept) if minus else kept
        yield alone, f"{{place}}, {namer.the('term', gone)} is missing"
    other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    yield ast.BinOp(node.left, other, node.right), f"{{place}}, {namer.the('term', node.right)} has the wrong sign"
    if not isinstance(node.right, ast.Constant):
        twice = ast.BinOp(ast.BinOp(node.left, node.op, node.right), node.op, node.right)
        yield twice, f"{{place}}, {namer.the('term', node.right)} is counted twice"
    if not isinstance(node.left, ast.Constant):
        twice = ast.BinOp(node.left, ast.Add(), ast.BinOp(node.left, node.op, node.right))
        yield twice, f"{{place}}, {namer.the('term', node.left)} is counted twice"


def _factors(node: ast.expr, namer: _Namer) -> Changes:
    """A factor left out, squared, or divided by."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Mult, ast.Div)):
        return
    if isinstance(node.op, ast.Mult):
        yield node.left, f"{{place}}, {namer.the('factor', node.right)} is missing"
        yield node.right, f"{{place}}, {namer.the('factor', node.left)} is missing"
        if not isinstance(node.right, ast.Constant):
            yield ast.BinOp(node, ast.Mult(), node.right), f"{{place}}, {namer.the('factor', node.right)} enters twice"
        if not isinstance(node.left, ast.Constant):
            yield ast.BinOp(node, ast.Mult(), node.left), f"{{place}}, {namer.the('factor', node.left)} enters twice"
        yield (
            ast.BinOp(node.left, ast.Div(), node.right),
            f"{{place}}, {namer.the('part', node.right)} divides instead of multiplying",
        )
    else:
        yield node.left, f"{{place}}, {namer.the('division', node.right)} is missing"
        yield (
            ast.BinOp(node.left, ast.Mult(), node.right),
            f"{{place}}, {namer.the('part', node.right)} multiplies instead of dividing",
        )
        yield ast.BinOp(node, ast.Div(), node.right), f"{{place}}, {namer.the('division', node.right)} is done twice"
        yield ast.BinOp(node.right, ast.Div(), node.left), f"{{place}}, a fraction{namer.holds(node)} is upside down"


def _ones(node: ast.expr, namer: _Namer) -> Changes:
    """1 − s for s(1 − s) and the like: a square forgotten, one minus something forgotten."""
    match node:
        case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub(), right=right):
            yield right, f"{{place}}, {namer.the('part', right)} stands where 1 minus it belongs"
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant()):
            yield left, f"{{place}}, {namer.the('part', left)} enters without its power"
        case ast.Name() | ast.Subscript() if isinstance(getattr(node, "ctx", None), ast.Load):
            return


def _products(node: ast.expr, namer: _Namer) -> Changes:
    """Matrix products: factors in the other order, a matrix transposed, a missing transpose."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield (
            ast.BinOp(node.right, node.op, node.left),
            f"{{place}}, the factors of {namer.the('product', node)} stand in the wrong order",
        )
        for side, other, first in ((node.left, node.right, True), (node.right, node.left, False)):
            turned = side.value if _is_transpose(side) else ast.Attribute(side, "T", ast.Load())
            pair = (turned, other) if first else (other, turned)
            yield (
                ast.BinOp(pair[0], node.op, pair[1]),
                f"{{place}}, {namer.the('part', side)} enters with rows and columns exchanged",
            )
        if _is_transpose(node.left) or _is_transpose(node.right):

            def turn(side):
                return side.value if _is_transpose(side) else ast.Attribute(side, "T", ast.Load())

            yield (
                ast.BinOp(turn(node.right), node.op, turn(node.left)),
                f"{{place}}, {namer.the('product', node)} is the transpose of what belongs there",
            )


def _is_transpose(node: ast.expr) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr == "T"


REDUCTIONS = {"sum": ("mean",), "mean": ("sum",), "max": ("min", "mean"), "min": ("max",), "cumsum": ("sum",), "argmax": ("argmin",),
              "prod": ("sum",), "var": ("std",), "std": ("var",), "median": ("mean",)}  # fmt: skip
OTHER_FUNCTION = {
    "tanh": ("the activation is missing", None), "exp": ("the exponential is missing", None),
    "log": ("the logarithm is missing", None), "sqrt": ("the square root is missing", None),
    "abs": ("the absolute value is missing", None), "sigmoid": ("the activation is missing", None),
    "square": ("the square is missing", None), "maximum": None, "minimum": None,
}  # fmt: skip
WORDS = {"sum": "a sum", "mean": "a mean", "max": "the largest", "min": "the smallest", "cumsum": "running sums", "argmax": "the place of the largest",
         "prod": "a product", "var": "a variance", "std": "a standard deviation", "median": "a median"}  # fmt: skip
ALSO = {"argmin": "the place of the smallest"}


def _calls(node: ast.expr, namer: _Namer) -> Changes:
    """Reductions: another one, along another axis, along all; functions left out."""
    if not isinstance(node, ast.Call):
        return
    name = (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else node.func.id
        if isinstance(node.func, ast.Name)
        else ""
    )
    for other in REDUCTIONS.get(name, ()):
        yield _renamed(node, other), f"{{place}}, {({**WORDS, **ALSO})[other]} is taken where {WORDS[name]} belongs"
    for k, keyword in enumerate(node.keywords):
        if keyword.arg == "axis":
            for axis in (0, 1, -1, None):
                new = copy.deepcopy(node)
                new.keywords[k].value = ast.Constant(axis)
                if ast.dump(new) != ast.dump(node):
                    says = "over all axes" if axis is None else "along the wrong axis"
                    yield new, f"{{place}}, {WORDS.get(name, f'`{name}`')} is taken {says}"
    if OTHER_FUNCTION.get(name) and len(node.args) == 1:
        yield node.args[0], f"{{place}}, {OTHER_FUNCTION[name][0]}"
    if name == "tanh" and len(node.args) == 1:
        yield (
            ast.parse(f"1 / (1 + np.exp(-({ast.unparse(node.args[0])})))", mode="eval").body,
            "{place}, the sigmoid stands in for the tanh",
        )
        yield (
            ast.parse(f"np.maximum(0, {ast.unparse(node.args[0])})", mode="eval").body,
            "{place}, a ReLU stands in for the tanh",
        )
    if name == "sigmoid" and len(node.args) == 1:
        yield (
            ast.parse(f"np.tanh({ast.unparse(node.args[0])})", mode="eval").body,
            "{place}, the tanh stands in for the sigmoid",
        )
    if name in ("cumsum", "cumprod") and len(node.args) >= 1:
        yield node.args[0], "{place}, nothing is accumulated"
    if name in ("maximum", "minimum") and len(node.args) == 2:
        other = "minimum" if name == "maximum" else "maximum"
        yield _renamed(node, other), f"{{place}}, the {other[:3]}imum is taken where the {name[:3]}imum belongs"
        for kept in node.args:
            if not isinstance(kept, ast.Constant):
                yield kept, "{place}, the bound is missing"
    if name in ("where",) and len(node.args) == 3:
        swapped = copy.deepcopy(node)
        swapped.args[1], swapped.args[2] = swapped.args[2], swapped.args[1]
        yield swapped, "{place}, the two cases are exchanged"
    if name == "range":
        yield from ((new, f"{{place}}, {says}") for new, says in _ranges(node, "what is counted through"))
    if name == "reversed" and len(node.args) == 1:
        yield node.args[0], "{place}, what is gone through stands in the wrong order"
    if name == "clip" and node.args:
        yield node.args[0], "{place}, the bounds are missing"


def _sums(node: ast.expr, namer: _Namer) -> Changes:
    """A sum of which one entry is left, as where a loop assigns what it should add up."""
    for which, cut in CUTS:
        for new in _cut(node, cut):
            yield (
                new,
                f"{{place}}, of a sum the {which} entry alone is left: is something assigned that should be added up?",
            )


CUTS = (
    ("first", ast.Slice(None, ast.Constant(1))),
    ("last", ast.Slice(ast.UnaryOp(ast.USub(), ast.Constant(1)), None)),
)


def _cut(node: ast.expr, cut: ast.Slice) -> Iterator[ast.expr]:
    """The sums that an expression is, over the first or the last entry of one of the axes that are added up."""

    def part(array: ast.expr, axis: int) -> ast.expr:
        whole = [ast.Slice() for _ in range(axis)]
        return ast.Subscript(
            copy.deepcopy(array),
            ast.Tuple([*whole, copy.deepcopy(cut)], ast.Load()) if whole else copy.deepcopy(cut),
            ast.Load(),
        )

    match node:
        case ast.Call(func=ast.Attribute(attr="einsum"), args=[ast.Constant(value=str(spec)), *arrays]) if (
            "->" in spec and "." not in spec
        ):
            inputs, output = spec.replace(" ", "").split("->")
            for letter in dict.fromkeys(c for c in inputs if c.isalpha() and c not in output):
                new = copy.deepcopy(node)
                for k, (letters, array) in enumerate(zip(inputs.split(","), arrays, strict=True)):
                    if letter in letters:
                        new.args[k + 1] = part(array, letters.index(letter))
                yield new
        case ast.Call(func=ast.Attribute(value=array, attr="sum"), args=[], keywords=keywords):
            for axis in _axes(keywords):
                yield ast.Call(ast.Attribute(part(array, axis), "sum", ast.Load()), [], copy.deepcopy(keywords))
        case ast.BinOp(left=ast.Attribute(value=left, attr="T"), op=ast.MatMult(), right=right):
            yield ast.BinOp(ast.Attribute(part(left, 0), "T", ast.Load()), ast.MatMult(), part(right, 0))


def _axes(keywords: Sequence[ast.keyword]) -> list[int]:
    for keyword in keywords:
        if keyword.arg == "axis":
            match keyword.value:
                case ast.Constant(value=int(axis)):
                    return [axis]
                case ast.Tuple(elts=elements):
                    constants = [e.value for e in elements if isinstance(e, ast.Constant)]
                    axes = [value for value in constants if isinstance(value, int)]
                    if len(axes) == len(elements):
                        return axes
    return []


class _CutAll(ast.NodeTransformer):
    """Every sum of a function cut at once, along the first axis that it adds up."""

    def __init__(self, cut: ast.Slice) -> None:
        self.cut = cut

    def visit(self, node):
        node = self.generic_visit(node)
        return next(_cut(node, self.cut), node) if isinstance(node, ast.expr) else node


def _renamed(call: ast.Call, name: str) -> ast.Call:
    new = copy.deepcopy(call)
    if isinstance(new.func, ast.Attribute):
        new.func.attr = name
    elif isinstance(new.func, ast.Name):
        new.func.id = name
    return new


def _ranges(node: ast.Call, what: str) -> Changes:
    bounds = [ast.unparse(a) for a in node.args]
    if len(bounds) == 1:
        yield _parsed(f"range(1, {bounds[0]})"), f"{what} begins one too late"
        yield _parsed(f"range({bounds[0]} - 1)"), f"{what} ends one too early"
        yield _parsed(f"reversed(range({bounds[0]}))"), f"{what} runs in the wrong direction"
    if len(bounds) == 2:
        yield _parsed(f"range({bounds[0]} + 1, {bounds[1]})"), f"{what} begins one too late"
        yield _parsed(f"range({bounds[0]}, {bounds[1]} - 1)"), f"{what} ends one too early"


def _rounds(over: ast.expr) -> Changes:
    """What a loop runs over, changed."""
    match over:
        case ast.Call(func=ast.Name(id="range")):
            yield from _ranges(over, "the loop")
        case ast.Call(func=ast.Name(id="reversed"), args=[ast.Call(func=ast.Name(id="range"), args=args) as forward]):
            yield forward, "the loop runs in the wrong direction"
            first, last = (["0"] if len(args) == 1 else []) + [ast.unparse(a) for a in args[:2]]
            yield _parsed(f"reversed(range({first}, {last} - 1))"), "the loop begins one too late"
            yield _parsed(f"reversed(range({first} + 1, {last}))"), "the loop ends one too early"


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _indices(node: ast.expr, namer: _Namer) -> Changes:
    """Another time step, another key, a slice that is shifted or whole."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    called = namer.holds(node.value) or ""
    match node.slice:
        case ast.Name(id=index) if len(index) == 1:
            for step in (-1, 1):
                word = "before" if step < 0 else "after"
                yield (
                    _at(node, _parsed(f"{index} {'-' if step < 0 else '+'} 1")),
                    f"{{place}}, a value{called} of the step {word} is used",
                )
        case ast.BinOp(left=ast.Name(id=index), op=ast.Sub() | ast.Add(), right=ast.Constant(value=1)):
            yield (
                _at(node, _parsed(index)),
                f"{{place}}, a value{called} of the wrong step is used: the neighbouring one belongs there",
            )
        case ast.Slice(lower=lower, upper=upper, step=step) if not (lower is None and upper is None and step is None):
            yield node.value, f"{{place}}, all of the values{called} are used where a part belongs"
            if ast.unparse(node.slice) == ":-1":
                yield (
                    _at(node, ast.Slice(ast.Constant(1), None)),
                    f"{{place}}, the values{called} are shifted by one step",
                )
            if ast.unparse(node.slice) == "1:":
                yield (
                    _at(node, ast.Slice(None, _parsed("-1"))),
                    f"{{place}}, the values{called} are shifted by one step",
                )


def _at(node: ast.Subscript, index: ast.expr) -> ast.Subscript:
    return ast.Subscript(node.value, index, ast.Load())


def _constants(node: ast.expr, namer: _Namer) -> Changes:
    """A constant that is off: ½, 2, by one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        value = node.value
        says = "{place}, a constant is off"
        if isinstance(value, float) and value not in (0.0, 1.0):
            yield ast.Constant(1.0), says
        elif value == 2:
            yield ast.Constant(1), says
        elif value in (0, 1):
            yield ast.Constant(1 - value), says


def _comparisons(node: ast.expr, namer: _Namer) -> Changes:
    """< for ≤, and the other way round."""
    swaps = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
    opposite = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt}
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kind = type(node.ops[0])
        if kind in swaps:
            says = "a comparison treats equality the wrong way" if kind in opposite else "a comparison is turned round"
            yield ast.Compare(node.left, [swaps[kind]()], node.comparators), f"{{place}}, {says}{namer.holds(node)}"
        if kind in opposite:
            yield (
                ast.Compare(node.left, [opposite[kind]()], node.comparators),
                f"{{place}}, a comparison is turned round{namer.holds(node)}",
            )


def _negations(node: ast.expr, namer: _Namer) -> Changes:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield node.operand, f"{{place}}, {namer.the('part', node.operand)} lacks its minus sign"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield node.operand, f"{{place}}, a condition is turned round{namer.holds(node.operand)}"


def _conditions(node: ast.expr, namer: _Namer) -> Changes:
    """`a if c else b` always the one."""
    if isinstance(node, ast.IfExp):
        yield node.body, f"{{place}}, one of two cases is always taken{namer.holds(node.body)}"
        yield node.orelse, f"{{place}}, one of two cases is always taken{namer.holds(node.orelse)}"


def _others(node: ast.expr, namer: _Namer) -> Changes:
    """Another argument of the function where one stands; zeros where it stands, unless it is a position or a number of times."""
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or node.id not in namer.variables:
        return
    here = namer.call(node.id)
    for other in namer.variables:
        if other != node.id and (here or namer.call(other)):
            there = namer.call(other) or ELSE
            yield ast.Name(other, ast.Load()), f"{{place}}, {there} stands where {here or ELSE} belongs"
    if here and node.id not in namer.positions:
        yield _parsed(f"np.zeros_like({node.id})"), f"{{place}}, zeros stand where {here} belongs"


def _keys(node: ast.expr, namer: _Namer) -> Changes:
    """p["Wf"] for p["Wi"]: another key of the same kind."""
    match node:
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key)), ctx=ast.Load()):
            for letter in "zifo":
                if len(key) >= 1 and key[-1] in "zifo" and key[-1] != letter:
                    other = key[:-1] + letter
                    yield (
                        ast.Subscript(value, ast.Constant(other), ast.Load()),
                        f"{{place}}, {other} stands where {key} belongs",
                    )
        case ast.Constant(value=str()):
            return


OPERATORS: tuple[Callable[[ast.expr, _Namer], Changes], ...] = (
    _terms, _factors, _ones, _products, _calls, _sums, _indices, _keys, _others, _conditions, _negations, _comparisons, _constants,
)  # fmt: skip


# Operators on statements -------------------------------------------------------------------------


def _statements(tree: ast.Module, namer: _Namer) -> Iterator[tuple[ast.Module, str]]:
    """Copies of the tree with a statement changed: not accumulated, left out, a loop shorter or in the other direction."""
    nodes = list(ast.walk(tree))
    added = [n for n in nodes if isinstance(n, ast.AugAssign)]
    if len(added) > 1:
        changed = copy.deepcopy(tree)
        for node in [n for n in ast.walk(changed) if isinstance(n, ast.AugAssign)]:
            _assign(changed, node)
        names = [t for n in added for t in map(namer.call, _stored(n.target)) if t]
        yield (
            changed,
            f"Nothing is accumulated{': ' + ', '.join(dict.fromkeys(names)) if names else ''}: each round replaces what was there.",
        )
    for which, cut in CUTS:
        changed = copy.deepcopy(tree)
        _CutAll(cut).visit(changed)
        if ast.dump(changed) != ast.dump(tree):
            yield (
                changed,
                f"Of each sum the {which} entry alone is left: is something assigned that should be added up?",
            )
    for k, node in enumerate(nodes):
        for change, says in _changes_of(node):
            changed = copy.deepcopy(tree)
            there = list(ast.walk(changed))[k]
            change(changed, there)
            yield changed, _sentence(says, namer.place(node) if isinstance(node, ast.stmt) else "")


def _changes_of(node: ast.AST) -> Iterator[tuple[Callable[[ast.Module, Any], None], str]]:
    """Changes of a tree at the copy of this very node, which is of the kind that each of them is for."""
    if isinstance(node, ast.AugAssign):
        yield _assign, "{place}, each round replaces what was there: nothing is accumulated"
        yield _leave_out, "{place}, a step is missing"
        if isinstance(node.op, (ast.Add, ast.Sub)):
            yield _other_sign, "{place}, what is added has the wrong sign"
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Subscript, ast.Name)):
        yield _leave_out, "{place}, a step is missing"
    if isinstance(node, ast.For):
        for new, says in _rounds(node.iter):
            yield (lambda tree, there, new=new: setattr(there, "iter", copy.deepcopy(new))), says
    if isinstance(node, ast.If):
        for new, says in (*_comparisons(node.test, _Namer({})), *_negations(node.test, _Namer({}))):
            says = says.format(place="in a condition").replace("a comparison", "the comparison")
            yield (lambda tree, there, new=new: setattr(there, "test", copy.deepcopy(new))), says
        yield _never, "one of the cases is never treated"


def _assign(tree: ast.Module, there: ast.AugAssign) -> None:
    _swap(tree, there, [ast.Assign([there.target], there.value)])


def _leave_out(tree: ast.Module, there: ast.stmt) -> None:
    _swap(tree, there, [ast.Pass()])


def _other_sign(tree: ast.Module, there: ast.AugAssign) -> None:
    there.op = ast.Sub() if isinstance(there.op, ast.Add) else ast.Add()


def _never(tree: ast.Module, there: ast.If) -> None:
    _swap(tree, there, there.orelse or [ast.Pass()])


def _swap(tree: ast.Module, there: ast.stmt, new: list[ast.stmt]) -> None:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and there in block:
                k = block.index(there)
                block[k : k + 1] = new
                return
