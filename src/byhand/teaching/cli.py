"""The command `byhand`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# The problems of the checks are tiny; more threads than one would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from byhand.teaching.course import CourseError, find_root, find_units
from byhand.update import Changes, UpdateError, update


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="byhand", description="Build and verify the course Backprop by Hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the notebooks from their text sources")
    build.add_argument("--check", action="store_true", help="change nothing; exit 1 and name what is out of step")
    verify = commands.add_parser("verify", help="apply every misconception and every alternative to the solutions")
    for command in (build, verify):
        command.add_argument(
            "units", nargs="*", metavar="UNIT", help="for example 05-simple-rnn; all where none is named"
        )
    commands.add_parser("book", help="build the book into book/_build/html")
    hand = commands.add_parser("handout", help="pack the course for students, without solutions")
    hand.add_argument("file", metavar="FILE.zip", type=Path)
    renew = commands.add_parser("update", help="bring corrected units; whatever you have edited stays as it is")
    renew.add_argument("source", nargs="?", metavar="FILE.zip", type=Path, help="a newer handout; in a git clone: none")
    args = parser.parse_args(argv)
    try:
        return _COMMANDS[args.command](args)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except UpdateError as error:
        print(error, file=sys.stderr)
        return 2


def _build(args: argparse.Namespace) -> int:
    from byhand.teaching.build import build, out_of_step

    root = find_root()
    units = find_units(root, args.units)
    if not args.check:
        build(units, root)
        return 0
    late = [str(path.relative_to(root)) for path in out_of_step(units, root)]
    if late:
        print(f"Out of step with its source, run byhand build: {', '.join(late)}", file=sys.stderr)
    return 1 if late else 0


def _verify(args: argparse.Namespace) -> int:
    import nbformat

    from byhand.teaching.verify import find_mistakes, report_lines, verify

    broken = []
    for unit in find_units(find_root(), args.units):
        mistakes = find_mistakes(unit)
        broken += verify(unit, nbformat.read(unit.course / "exercises.ipynb", as_version=4), mistakes)
        print(report_lines(unit, mistakes) if not broken else "")
    print("\n".join(broken), file=sys.stderr, end="\n" if broken else "")
    return 1 if broken else 0


def _book(args: argparse.Namespace) -> int:
    from byhand.teaching.book import build_book

    print(build_book(find_root()))
    return 0


def _handout(args: argparse.Namespace) -> int:
    from byhand.teaching.handout import handout

    print(f"{args.file}: {handout(find_root(), args.file)} files, no solutions.")
    return 0


def _update(args: argparse.Namespace) -> int:
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / "course" / "start.md").is_file()), None)
    if root is None:
        raise UpdateError(f"{here} is not inside a course: no folder here or above holds course/start.md.")
    changes = update(root, args.source)
    for what, names in (("New", changes.added), ("Corrected", changes.corrected), ("Removed", changes.removed)):
        if names:
            print(f"{what}: {', '.join(names)}.")
    for name in changes.kept:
        path = Path(name)
        print(f"Kept as you edited it: {name}. The corrected one lies beside it, as {path.stem}.new{path.suffix}.")
    if changes == Changes():
        print("Nothing to do: this is the newest version.")
    return 0


_COMMANDS = {"build": _build, "verify": _verify, "book": _book, "handout": _handout, "update": _update}
