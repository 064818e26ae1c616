"""What `mistakes.json` holds: the numbers by which the listed mistakes of a unit, and those derived from its solutions, are known."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import io
import json
import math
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from byhand.checking import wrong_marks
from byhand.checking.collect import collect
from byhand.checking.exercise import Checks, Exercise, load_checks
from byhand.checking.judge import Verdict, judge
from byhand.checking.mistakes import (
    Derived,
    Known,
    Mistake,
    compact,
    load_mistakes,
    read_known,
    same_mark,
    written_known,
)
from byhand.course import CourseError, Unit
from byhand.teaching.misconceptions import Answers, Variant, load_variants
from byhand.teaching.mutants import mutants
from byhand.teaching.notebooks import read_source, solution_regions

# A hint that speaks of other results than those that are wrong must not be given where these are not as it says.
CLAIMS = re.compile(r"\b(only|right|others?|the rest|everything else|nothing else)\b", re.I)
CLEARLY = 1e-5  # the error from which on a derived answer counts as wrong: the same on every processor
MOST_SECONDS = 2.0  # of processor time, for a derived answer that may not end
DIGITS = 8  # of a derived answer's numbers
WORDS = {"report.py", "signatures.py", "stored.py", "terms.py"}  # modules that no number of a mistake depends on
TOLD = 4  # wrong results of a derived answer whose numbers are kept


def find_mistakes(unit: Unit) -> dict[str, Known]:
    """For each exercise its misconceptions and the derived mistakes, by what they get wrong on the first kind of problem
    that they get wrong.

    Raises CourseError where a misconception would not be rejected, or could not be told from another one.
    """
    checks, variants = load_checks(unit.course), load_variants(unit)
    source = read_source(unit.exercises).notebook
    solved, regions = Answers(source, unit.course), solution_regions(source)
    there, sources = load_mistakes(unit.course), _sources(unit, source)
    found = {
        name: _known(unit, checks, solved, name, regions[name], variants.of(name), there.get(name, Known()), sources)
        for name in checks.exercises
    }
    return {
        name: replace(known, of=_digest(sources, variants.of(name), known)) for name, known in found.items()
    }  # fmt: skip


def _sources(unit: Unit, notebook) -> bytes:
    """All that decides which mistakes are derived, and their numbers, but the misconceptions: code of the unit and of byhand."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    beside = [
        p
        for p in unit.materials
        if p.name not in {"mistakes.json", "pictures.py"} and p.suffix in {".py", ".txt", ".json"}
    ]
    checking = Path(inspect.getfile(collect)).parent.glob("*.py")
    ours = sorted(p for p in checking if p.name not in WORDS) + [Path(inspect.getfile(mutants)), Path(__file__)]
    return repr([code, [path.read_text(encoding="utf-8") for path in (*beside, *ours)]]).encode()


def _digest(sources: bytes, variants, known: Known) -> str:
    """Of the sources and of what was derived from them: so an edit of either is seen."""
    edits = (
        [(v.id, v.region, v.edit) for v in variants.misconceptions],
        dict(variants.names),
        [m.claims for m in known.listed],
    )
    rows = json.dumps([known.hints, [[d.hint, d.case, d.wrong] for d in known.derived]])
    return hashlib.sha256(sources + repr(edits).encode() + rows.encode()).hexdigest()[:16]


def _known(
    unit: Unit, checks: Checks, solved: Answers, name: str, region: str, variants, there: Known, sources: bytes
) -> Known:
    """`there` is what mistakes.json holds: where it was derived from these very sources, it is not derived again."""
    listed = []
    for variant in variants.misconceptions:
        case, wrong, _ = tried(checks, name, solved.function(name, variant))
        if case is None:
            raise CourseError(f"{unit.misconceptions}: {name}/{variant.id} passes the visible check.")
        for other in listed:
            if (
                other.case == case
                and set(other.wrong) == set(wrong)
                and all(same_mark(wrong[k], other.wrong[k]) for k in wrong)
            ):
                raise CourseError(
                    f"{unit.misconceptions}: {name}/{variant.id} and {name}/{other.id} give the same numbers, "
                    "so their hints cannot be told apart."
                )
        hint = variant.hint.strip()
        listed.append(Mistake(variant.id, hint, wrong, case, bool(CLAIMS.search(hint))))
    known = replace(there, listed=listed)
    if there.of != _digest(sources, variants, known):
        known = Known(listed, *_derived(checks, solved, name, region, variants, listed))
    return known


def tried(checks: Checks, name: str, function: Callable) -> tuple[int | None, dict[str, Any], Verdict | None]:
    """The first kind of problem that an answer gets wrong, what it gets wrong there, and the verdict."""
    exercise = checks[name]
    for case, solved in enumerate(checks.solved(name)):
        outcome = collect(function, solved.problem.args, exercise.call, exercise.torch)
        verdict = judge(exercise, solved, outcome)
        if not verdict.right:
            return case, wrong_marks(exercise, outcome, verdict), verdict
    return None, {}, None


def _derived(
    checks: Checks, solved: Answers, name: str, region: str, variants, listed: Sequence[Mistake]
) -> tuple[list[Any], list[Derived]]:
    """The hints of the derived mistakes, and the mistakes; pairs of listed ones first."""
    exercise = checks[name]
    hints: list[Any] = []
    found: dict[tuple, Derived] = {}
    known = {(m.case, _key(exercise, m.wrong, _shapes(checks, name, m.case))) for m in listed}
    for region_of, hint in (
        *_pairs(region, variants.misconceptions, listed),
        *_changed(exercise, name, solved, region, variants),
    ):
        with contextlib.suppress(_Unusable):
            case, wrong = _numbers(checks, solved, name, region_of)
            key = (case, _hashable(wrong))
            says = hint if isinstance(hint, str) else _seen(exercise, hint, listed, case, wrong)
            if says and key not in found and key not in known:
                if says not in hints:
                    hints.append(says)
                found[key] = Derived(hints.index(says), case, wrong)
    return hints, list(found.values())


def _seen(
    exercise: Exercise, ids: Sequence[str], listed: Sequence[Mistake], case: int, wrong: Sequence[Any]
) -> list[str]:
    """Of listed mistakes made at once, those whose results are all wrong here: what one mends of the other has no hint."""
    here = {name for name, number in zip(exercise.results, wrong, strict=True) if number is not None}
    return [m.id for m in listed if m.id in ids and m.case == case and set(m.wrong) <= here]


def _shapes(checks: Checks, name: str, case: int) -> dict[str, tuple[int, ...]]:
    return {key: np.shape(value) for key, value in checks.solved(name)[case].answer.items()}


def _key(exercise: Exercise, wrong: Mapping[str, Any], shapes: Mapping[str, Any]) -> tuple | None:
    marks = compact(exercise, {k: m for k, m in wrong.items() if k != "arguments"})
    return None if marks is None else _hashable(_short(marks, wrong, exercise, shapes))


def _hashable(numbers: Sequence[Any]) -> tuple:
    return tuple(tuple(n) if isinstance(n, list) else n for n in numbers)


def _short(marks: Mapping[str, float], wrong: Mapping[str, Any], exercise: Exercise, shapes: Mapping[str, Any]) -> list:
    """The numbers with as many digits as the whole result bears, so that rounding never shows in the file."""
    short: list[Any] = []
    for name in exercise.results:
        if name not in marks:
            short.append(None)
            continue
        if sum(mark is not None for mark in short) >= TOLD:
            short.append(True)
            continue
        norm = wrong[name]["projections"][-1] or 1.0
        number = round(marks[name], DIGITS - 1 - math.floor(math.log10(abs(norm)))) + 0.0
        misshapen = name in shapes and tuple(wrong[name]["shape"]) != tuple(shapes[name])
        short.append([*wrong[name]["shape"], number] if misshapen else number)
    return short


class _Unusable(Exception):
    """A derived answer that says nothing: it is right, fails, does not end, gives zeros, or is wrong by next to nothing."""


def _numbers(checks: Checks, solved: Answers, name: str, region: str) -> tuple[int, list[float | None]]:
    exercise = checks[name]
    with _limited():
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case, wrong, verdict = tried(checks, name, solved.function(name, Variant(name, "derived", region)))
        except _Unusable:
            raise
        except Exception:  # it cannot be defined, or breaks what it is called by
            raise _Unusable from None
    if case is None or verdict is None or verdict.trouble:
        raise _Unusable
    numbers = {k: mark for k, mark in wrong.items() if k != "arguments"}
    marks = compact(exercise, numbers)
    if marks and not any(numbers[key]["projections"][-1] for key in marks):  # zeros have many causes
        raise _Unusable
    shapes = _shapes(checks, name, case)
    rows = [row for row in verdict.rows if not row.right and row.shape == tuple(shapes.get(row.name, ()))]
    # Where each entry is measured against itself, a zero that is missed gives an error as large as it likes.
    bounds = {row.name: math.inf if row.name in exercise.elementwise else 1e12 for row in rows}
    if marks is None or any(row.error is None or not CLEARLY < row.error < bounds[row.name] for row in rows):
        raise _Unusable
    return case, _short(marks, wrong, exercise, shapes)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Stop what takes too much processor time; where there is no such clock, nothing is stopped."""
    if not hasattr(signal, "SIGVTALRM"):
        yield
        return

    def stop(*_):
        raise _Endless

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        yield
    except _Endless:
        raise _Unusable from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class _Endless(KeyboardInterrupt):
    """A KeyboardInterrupt, since that alone passes through what calls an answer."""


def _changed(exercise: Exercise, name: str, solved: Answers, region: str, variants) -> list[tuple[str, str]]:
    arguments = _arguments(solved.notebook, name)
    return [(m.region, m.hint) for m in mutants(region, variants.names.get(name, {}), exercise.results, arguments)]


def _arguments(notebook, name: str) -> list[str]:
    """The arguments of the function that a solution cell defines, or of a class's methods."""
    [cell] = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name]
    found = []
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.FunctionDef):
            found += [a.arg for a in (*node.args.args, *node.args.kwonlyargs) if a.arg != "self"]
    return list(dict.fromkeys(found))


def _pairs(
    region: str, misconceptions: Sequence[Variant], listed: Sequence[Mistake]
) -> Iterator[tuple[str, list[str]]]:
    """Two listed mistakes at once, where both edits fit, with the ids of the hints that stay true."""
    claims = {m.id: m.claims for m in listed}
    edits = [(v.id, v.edit) for v in misconceptions if v.edit]
    for (a, (old, new)), (b, (also_old, also_new)) in combinations(edits, 2):
        once = region.replace(old, new)
        if once.count(also_old) == 1 and (ids := [one for one in (a, b) if not claims[one]]):
            yield once.replace(also_old, also_new), ids


def mistakes_bytes(mistakes: Mapping[str, Known]) -> bytes:
    """The file: a line for each listed mistake, and the numbers of each exercise."""
    text = {name: written_known(known) for name, known in mistakes.items()}
    return (json.dumps(text, ensure_ascii=False, indent=1) + "\n").encode()


def same_mistakes(a: bytes, b: bytes) -> bool:
    """Whether two such files say the same; their numbers may differ by rounding, which depends on the processor."""
    return _alike(*({name: asdict(read_known(known)) for name, known in json.loads(text).items()} for text in (a, b)))


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_alike(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return (
            isinstance(a, (int, float))
            and isinstance(b, (int, float))
            and math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
        )
    return a == b
