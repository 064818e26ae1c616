"""Grading a class: stock nbgrader against `byhand grade`, interleaved in one run. Run from the project's root.

    python benchmarks/grading.py [N ...] [--unit UNIT] [--workers N] > book/grading-fast.txt

For each N a made-up class is graded by ours, by stock, by ours with feedback, and its feedback written by stock, in turns, so
that both see the same machine. Goals on two cores: at least 10 times as fast for 20 submissions and 15 times for 200,
sandboxed, with equal gradebooks; memory that does not grow with the class. Memory is that of all processes together.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm
from watch import Watch

from byhand.course import Unit, find_root
from byhand.grading.made_up import BAD, MadeUpClass
from byhand.teaching.build import build

BIN = Path(sys.executable).parent


def copy_course(root, to, unit):
    """The course with one unit, released."""
    for side in ("course", "solutions"):
        shutil.copytree(root / side / unit, to / side / unit)
    locks = ("requirements/student.txt", "requirements/torch.txt")
    for name in ("course/start.md", "nbgrader_config.py", "book/references.bib", *locks):
        (to / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, to / name)
    with contextlib.redirect_stdout(sys.stderr):  # what is printed here is a table of the instructor's guide
        build([Unit(to, unit)], to)
    return to


def scores(root, unit):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        return {
            s.student.id: {g.name: g.auto_score for g in s.notebooks[0].grades}
            for s in book.assignment_submissions(unit)
        }


def hand_in(course, unit, size):
    """A made-up class of `size` that stock nbgrader can grade too: without damaged and hostile ones."""
    handed_in = 0
    for student, says, notebook in MadeUpClass(Unit(course, unit), size + size // 5 + 5):
        if says not in BAD and handed_in < size:
            folder = course / "classroom" / "submitted" / student / unit
            shutil.copytree(course / "classroom" / "release" / unit, folder)
            (folder / "exercises.ipynb").write_bytes(notebook)
            handed_in += 1


def compare(course, unit, size, workers, scratch):
    """Grade a class of `size` by both in turns, and print what it took. Returns whether the gradebooks are equal."""
    copies = {name: scratch / f"{name}-{size}" for name in ("ours", "stock", "with feedback")}
    for copy in copies.values():
        shutil.copytree(course, copy)
        hand_in(copy, unit, size)
    grade = [BIN / "byhand", "grade", unit, f"--workers={workers}"]
    turns = {  # in this order
        "ours": ("ours", [*grade, "--no-feedback"]),
        "stock": ("stock", [BIN / "nbgrader", "autograde", unit]),
        "ours, with feedback": ("with feedback", grade),
        "stock, feedback": ("stock", [BIN / "nbgrader", "generate_feedback", unit]),
    }
    took = {}
    for name, (copy, command) in tqdm(turns.items(), desc=f"{size} submissions", disable=not sys.stderr.isatty()):
        took[name] = Watch(command, copies[copy])
        assert took[name].code == 0, took[name].said
    found = {name: scores(copies[name], unit) for name in ("stock", "ours")}
    files = (copies["with feedback"] / "classroom" / "verdicts" / unit).glob("*.json")
    seconds = [json.loads(path.read_text())["seconds"] for path in files]
    stock, ours = took["stock"], took["ours"]
    both, all_in_one = stock.seconds + took["stock, feedback"].seconds, took["ours, with feedback"]
    print(f"\n{unit}, {size} submissions, {workers} workers, {os.cpu_count()} cores")
    print(f"{'':<26}{'stock':>10}{'ours':>10}{'ratio':>8}")
    print(f"{'grading (s)':<26}{stock.seconds:10.1f}{ours.seconds:10.1f}{stock.seconds / ours.seconds:8.1f}")
    print(f"{'and feedback (s)':<26}{both:10.1f}{all_in_one.seconds:10.1f}{both / all_in_one.seconds:8.1f}")
    print(f"{'peak memory (MB)':<26}{stock.peak / 2**20:10.0f}{all_in_one.peak / 2**20:10.0f}")
    medians = {part: 1000 * statistics.median(s[part] for s in seconds) for part in seconds[0]}
    print("median of one submission (ms)\n  " + ", ".join(f"{part} {ms:.0f}" for part, ms in medians.items()))
    different = [student for student in found["stock"] if found["stock"][student] != found["ours"].get(student)]
    print(
        f"gradebooks: {size - len(different)} of {size} equal" + (f", not {', '.join(different)}" if different else "")
    )
    return not different and found["stock"].keys() == found["ours"].keys()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=[20, 200], metavar="N")
    parser.add_argument("--unit", default="05-simple-rnn")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        course = copy_course(find_root(), Path(scratch) / "course", args.unit)
        equal = [compare(course, args.unit, size, args.workers, Path(scratch)) for size in args.sizes]
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
