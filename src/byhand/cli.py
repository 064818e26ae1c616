"""The command `byhand`."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path

# The problems of the checks are tiny; more threads than one would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from byhand.course import CourseError, find_root, find_units
from byhand.update import Changes, UpdateError, update


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="byhand", description="Build, verify and grade the course Backprop by Hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the notebooks from their text sources")
    build.add_argument("--check", action="store_true", help="change nothing; exit 1 and name what is out of step")
    verify = commands.add_parser("verify", help="apply every misconception and every alternative to the solutions")
    for command in (build, verify):
        command.add_argument(
            "units", nargs="*", metavar="UNIT", help="for example 05-simple-rnn; all where none is named"
        )
    new = commands.add_parser("new", help="write a new unit with one exercise to replace, which builds and verifies")
    new.add_argument("unit", metavar="UNIT", help="two digits and words: 20-some-words")
    book = commands.add_parser("book", help="build the book into book/_build/html, with the exercises in the browser")
    book.add_argument(
        "--pyodide", metavar="FOLDER", type=Path, help="take Pyodide's files from here, and not from the package index"
    )
    book.add_argument(
        "--public", action="store_true", help="leave Pyodide where it is published: pages fetch it from there"
    )
    hand = commands.add_parser("handout", help="pack the course for students, without solutions")
    hand.add_argument("file", metavar="FILE.zip", type=Path)
    hand.add_argument(
        "--browser", action="store_true", help="with the built book and the exercises in the browser, as a site"
    )
    renew = commands.add_parser("update", help="bring corrected units; whatever you have edited stays as it is")
    renew.add_argument("source", nargs="?", metavar="FILE.zip", type=Path, help="a newer handout; in a git clone: none")
    made_up = commands.add_parser("class", help="write a made-up class into classroom/submitted, to try grading on")
    made_up.add_argument("unit", metavar="UNIT", help="for example 05-simple-rnn")
    made_up.add_argument("--students", type=int, default=20, metavar="N", help="how many (20)")
    made_up.add_argument("--seed", type=int, default=0, metavar="S", help="another number makes another class (0)")
    report = commands.add_parser("report", help="what a graded class has not understood, as a page and a table")
    report.add_argument("unit", metavar="UNIT", help="for example 05-simple-rnn")
    report.add_argument(
        "--unlisted", action="store_true", help="print the wrong answers that nobody has listed instead"
    )
    report.add_argument("--alike", action="store_true", help="compare the submissions with each other instead")
    report.add_argument("--no-names", action="store_true", help="leave out who the students are")
    roster = commands.add_parser("roster", help="who is in the class, from files of the school's system")
    roster.add_argument(
        "files", nargs="*", metavar="FILE.csv", type=Path, help="list to add; without any, say who is known"
    )
    term = commands.add_parser("term", help="all units and all students, as a page and a table")
    term.add_argument("--no-names", action="store_true", help="leave out who the students are")
    export = commands.add_parser("export", help="marks as the school's system imports them")
    export.add_argument("system", choices=("moodle", "canvas", "csv"))
    export.add_argument(
        "units", nargs="*", metavar="UNIT", help="for example 05-simple-rnn; all that are graded where none is named"
    )
    answers = commands.add_parser("solutions", help="for students after the deadline: model answers and known mistakes")
    answers.add_argument("unit", metavar="UNIT", help="for example 05-simple-rnn")
    grade = commands.add_parser("grade", help="grade what a class has handed in")
    grade.add_argument("unit", metavar="UNIT")
    grade.add_argument("--student", action="append", default=[], metavar="ID", help="this one alone; may be repeated")
    grade.add_argument("--again", action="store_true", help="also what has not changed since it was graded")
    grade.add_argument("--workers", type=_positive, metavar="N", help="processes on this machine; one for each core")
    grade.add_argument("--timeout", type=_positive, default=30, metavar="SECONDS", help="that a cell may take (30)")
    grade.add_argument("--scheduler", metavar="ADDRESS", help="grade on the workers of this dask scheduler")
    grade.add_argument("--no-feedback", action="store_true", help="write no pages for students")
    grade.add_argument(
        "--verify", type=_positive, metavar="K", help="grade K of them with stock nbgrader too, and compare"
    )
    grade.add_argument("--no-sandbox", action="store_true", help="run the students' code with all your rights")
    mark = commands.add_parser("mark", help="open the page on which the written question is marked beside its rubric")
    mark.add_argument("unit", metavar="UNIT", help="for example 05-simple-rnn")
    hub = commands.add_parser(
        "hub", help="write what one server for a class needs: a JupyterHub with nbgrader's exchange"
    )
    hub.add_argument("folder", metavar="FOLDER", type=Path, help="for example /opt/byhand-hub")
    args = parser.parse_args(argv)
    try:
        return _COMMANDS[args.command](args)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2 if args.command in _OF_A_CLASS else 1
    except UpdateError as error:
        print(error, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _NOT_FOR_STUDENTS:
            raise
        print(f"{args.command} needs {package}: run python setup_course.py install all.", file=sys.stderr)
        return 2


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


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

    from byhand.teaching.garbage import seldom_collected
    from byhand.teaching.known import find_mistakes
    from byhand.teaching.verify import report_lines, verify

    broken = []
    for unit in find_units(find_root(), args.units):
        with seldom_collected():
            mistakes = find_mistakes(unit)
            broken += verify(unit, nbformat.read(unit.course / "exercises.ipynb", as_version=4), mistakes)
        print(report_lines(unit, mistakes) if not broken else "")
    print("\n".join(broken), file=sys.stderr, end="\n" if broken else "")
    return 1 if broken else 0


def _new(args: argparse.Namespace) -> int:
    from byhand.teaching.new import new_unit

    root = find_root()
    for path in new_unit(root, args.unit):
        print(path.relative_to(root))
    print(f"Now: byhand build {args.unit}; what a unit must have stands in CONTRIBUTING.md.")
    return 0


def _book(args: argparse.Namespace) -> int:
    from byhand.teaching.book import build_book

    print(build_book(find_root(), True, args.pyodide, args.public))
    return 0


def _handout(args: argparse.Namespace) -> int:
    from byhand.teaching.handout import handout

    print(f"{args.file}: {handout(find_root(), args.file, args.browser)} files, no solutions.")
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


def _class(args: argparse.Namespace) -> int:
    from byhand.grading.made_up import make_class

    root = find_root()
    [unit] = find_units(root, [args.unit])
    counts = make_class(unit, args.students, args.seed)
    for says, count in counts.most_common():
        print(f"{count:4} {says}")
    print(f"{args.students} made-up students have handed in {unit.name}: classroom/submitted/made-up-*/{unit.name}/")
    return 0


def _report(args: argparse.Namespace) -> int:
    from byhand.grading.insight import count, gain_insight
    from byhand.grading.report import print_summary, write_report
    from byhand.grading.report_table import unlisted_yaml

    root = find_root()
    [unit] = find_units(root, [args.unit])
    insight = gain_insight(unit)
    if args.alike:
        from byhand.grading.alike import find_alike, write_alike

        likeness = find_alike(insight)
        print(f"{count(len(likeness.pairs), 'pair')} to look at. Likeness proves nothing; the page says why.")
        print(write_alike(likeness, named=not args.no_names).relative_to(root))
        return 0
    if args.unlisted:
        print(unlisted_yaml(insight, names=not args.no_names) or "Every wrong answer is a listed one.")
        return 0
    print_summary(insight)
    for path in write_report(insight, names=not args.no_names):
        print(path.relative_to(root))
    return 0


def _roster(args: argparse.Namespace) -> int:
    from byhand.grading.insight import count, shortened
    from byhand.grading.roster import add_files, read_roster, without

    root = find_root()
    if args.files:
        add_files(root, args.files)
    roster = read_roster(root)
    print(f"{count(len(roster.people), 'student')} on {count(len(roster.files), 'list')} in classroom/roster/.")
    submitted = root / "classroom" / "submitted"
    students = (
        sorted(p.name for p in submitted.iterdir() if p.is_dir() and p.name[0] != ".") if submitted.is_dir() else []
    )
    strangers, quiet = without(roster, students)
    if strangers:
        print(f"Handed in, and on no list: {shortened(strangers)}.")
    if quiet and students:
        print(f"On a list, and nothing handed in: {shortened([p.name or p.email or p.number for p in quiet])}.")
    return 0


def _read_term(names: list[str]):
    import datetime

    from byhand.grading.term import read_term

    root = find_root()
    return root, read_term(find_units(root, names), datetime.datetime.now(datetime.UTC))


def _term(args: argparse.Namespace) -> int:
    from byhand.grading.term_page import print_term, write_term

    root, term = _read_term([])
    print_term(term)
    for path in write_term(term, root, not args.no_names):
        print(path.relative_to(root))
    return 0


def _export(args: argparse.Namespace) -> int:
    from byhand.grading.export import write_export

    root, term = _read_term(args.units)
    paths, says = write_export(args.system, term, root)
    for line in [*says, *(str(path.relative_to(root)) for path in paths)]:
        print(line)
    return 0


def _solutions(args: argparse.Namespace) -> int:
    import datetime

    from byhand.grading.model_answers import deadline, write_solutions

    root = find_root()
    [unit] = find_units(root, [args.unit])
    for path in write_solutions(unit, datetime.datetime.now(datetime.UTC)):
        print(path.relative_to(root))
    if deadline(unit) is None:
        print(f"The gradebook has no due date for {unit.name}: give these out when nobody may hand in any more.")
    return 0


def _grade(args: argparse.Namespace) -> int:
    if not hasattr(os, "fork"):
        raise CourseError(
            "Grading forks a process for each submission, with a sandbox and without, and this system cannot: "
            "use Linux, WSL or the container in .devcontainer/."
        )
    from byhand.grading import executors
    from byhand.grading.grade import Grading, no_folders
    from byhand.grading.limits import Limits
    from byhand.grading.work import Conditions

    root = find_root()
    [unit] = find_units(root, [args.unit])
    hidden = (str(root / "classroom"), str(root / "solutions"))
    conditions = Conditions(Limits(cell=args.timeout, total=4 * args.timeout), not args.no_sandbox, hidden)
    workers = args.workers or os.cpu_count() or 1
    where = partial(executors.cluster, args.scheduler) if args.scheduler else partial(executors.here, workers)
    grading = Grading(unit, conditions, workers, where, not args.no_feedback)
    if others := no_folders(unit):
        print(f"These are no folders of students, and were left out: {', '.join(map(repr, others))}.", file=sys.stderr)
    try:
        verdicts = grading(args.student, args.again)
    except KeyboardInterrupt:
        says = (
            f"{unit.name}: interrupted after {len(grading.verdicts)} submissions; the same command goes on from there."
        )
        print(says, file=sys.stderr)
        return 130
    counts = Counter(v["status"] for v in verdicts)
    for verdict in verdicts:
        if verdict["status"] != "graded":
            line = f"{verdict['student']}: {verdict['status']}, {verdict['score']:g} points. {verdict['message']}"
            print("".join(c if c.isprintable() else "?" for c in line))
    print(
        f"{unit.name}: "
        + (", ".join(f"{n} {status}" for status, n in counts.most_common()) or "nothing has changed")
        + "."
    )
    equal = not args.verify or _equal_to_stock(grading, args.verify)
    return 0 if equal and not counts["failed"] else 1


def _mark(args: argparse.Namespace) -> int:
    from byhand.grading.written import read_answers, read_question
    from byhand.grading.written_server import serve

    root = find_root()
    [unit] = find_units(root, [args.unit])
    read_answers(unit, read_question(unit))  # what is wrong with them is said here, too
    serve(root, unit)
    return 0


def _hub(args: argparse.Namespace) -> int:
    from byhand.hub import write_hub

    for path in write_hub(find_root(), args.folder):
        print(path)
    folder = args.folder.resolve()
    print(f"Now write the class into {folder / 'people.csv'}, and run {folder / 'set_up'} as root.")
    return 0


def _equal_to_stock(grading, count: int) -> bool:
    from byhand.grading.stock import differences

    compared = dict(differences(grading.unit, grading.assignment, grading.conditions, count, grading.seed))
    for student, lines in compared.items():
        print("\n".join(f"{student}, {line}" for line in lines), end="\n" if lines else "")
    equal = sum(not lines for lines in compared.values())
    print(f"{grading.unit.name}: {equal} of {len(compared)} compared submissions have the scores of stock nbgrader.")
    return equal == len(compared)


_COMMANDS = {
    "build": _build,
    "verify": _verify,
    "new": _new,
    "book": _book,
    "handout": _handout,
    "update": _update,
    "class": _class,
    "grade": _grade,
    "report": _report,
    "roster": _roster,
    "term": _term,
    "export": _export,
    "solutions": _solutions,
    "mark": _mark,
    "hub": _hub,
}
_NOT_FOR_STUDENTS = {"nbgrader", "jupytext", "cloudpickle", "copydetect", "sphinx"}  # not in requirements/student.txt
# what is wrong with a class, or with what was typed, is exit code 2
_OF_A_CLASS = {
    "class",
    "grade",
    "report",
    "roster",
    "term",
    "export",
    "solutions",
    "mark",
}
