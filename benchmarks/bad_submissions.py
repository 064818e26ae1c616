"""Every bad submission through stock nbgrader and through `byhand grade`: what it earns, what it takes, what it reaches.

Prints the table of the instructor's guide. Run it on a machine that may suffer: stock grading runs the attacks without
a sandbox. Results are kept in `.cache/bad_submissions`, so that a run that was interrupted goes on where it was;
delete that folder after a change of the grader.
"""

import contextlib
import hashlib
import inspect
import json
import shutil
import sys
import tempfile
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from tqdm import tqdm
from watch import Watch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "grading")]

from bad import POINTS, SECRET, SUITE, UNIT, Scene, hand_in, listening, take_away_what_is_deep
from classes import clean_environment, copy_course, run

GROUPS = {
    "broken": "Taken apart, without meaning harm",
    "greedy": "Too much of something",
    "attacking": "Attacks on the machine, the class and its secrets",
    "cheating": "Points that nobody earned",
    "odd": "Harmless, in a way that a grader might trip over",
}
TIMEOUT = 10  # seconds a cell may take, on both sides
PATIENCE = 120  # seconds after which a grader that still runs is ended from outside


def stock(base, bad):
    """What stock nbgrader makes of one submission."""
    with handed_in(base, bad) as (root, scene):
        command = ["nbgrader", "autograde", UNIT, f"--student={bad.student}", f"--Execute.timeout={TIMEOUT}"]
        took = watched(root, command)
        remarks = []
        if took.code is None:
            remarks.append(f"hangs; ended after {PATIENCE} s, and with it the class")
        elif took.code and "There was an error processing assignment '" not in took.said:
            remarks.append("stops the class")
        return result(bad, scene, took, _points(root, bad.student), took.seconds, remarks)


def ours(base, bad):
    """What `byhand grade` makes of it."""
    with handed_in(base, bad) as (root, scene):
        took = watched(root, ["byhand", "grade", UNIT, "--workers=1", f"--timeout={TIMEOUT}"])
        verdict = json.loads((root / "classroom" / "verdicts" / UNIT / f"{bad.student}.json").read_text())
        found = result(bad, scene, took, verdict["score"], verdict["seconds"]["total"], [])
        return {**found, "status": verdict["status"]}


@contextlib.contextmanager
def handed_in(base, bad):
    """A copy of the course in which this submission alone was handed in, and from where its attack is watched."""
    with tempfile.TemporaryDirectory() as scratch, listening() as listener:
        root = Path(scratch) / "course"
        shutil.copytree(base, root)
        hand_in(root, [bad], TIMEOUT, listener.port)
        try:
            yield root, Scene(root, bad.student, listener.connections)
        finally:
            take_away_what_is_deep(root)


def watched(root, command):
    env = clean_environment(root) | {"BYHAND_TEST_SECRET": SECRET}
    return Watch([Path(sys.executable).parent / command[0], *command[1:]], root, env, PATIENCE)


def result(bad, scene, took, points, seconds, remarks):
    if bad.succeeded and bad.succeeded(scene):
        remarks.append("attack succeeds")
    return {"points": points, "seconds": seconds, "memory": took.peak, "remarks": remarks}


def _points(root, student):
    """The sum over the checked exercises, or None where the gradebook has no score for one of them."""
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        try:
            grades = book.find_submission(UNIT, student).notebooks[0].grades
        except (MissingEntry, IndexError):
            return None
        scores = [grade.auto_score for grade in grades if grade.name.removesuffix("-check") in POINTS]
        return None if None in scores or not scores else sum(scores)


def kept(grade, base, bad):
    """The result of an earlier run with the same submission, or a new one."""
    made_of = f"{TIMEOUT} {bad.student} {bad.does} {inspect.getsource(bad.make)} {inspect.getsource(grade)}"
    path = ROOT / ".cache" / "bad_submissions" / f"{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        found = grade(base, bad)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
    return json.loads(path.read_text())


def says(result, bad):
    """One cell of the table."""
    honest = sum(bad.scores.values())
    points = "no score" if result["points"] is None else f"{result['points']:g}"
    remarks = list(result["remarks"])
    if bad.status == "refused":
        remarks += ["takes it"] if result["points"] else []
    elif result["points"] is None:
        remarks += ["points lost"] if honest else []
    elif result["points"] > honest + 0.005:
        remarks.append("unearned points")
    elif result["points"] < honest - 0.005:
        remarks.append("points lost")
    return f"{points}{': ' if remarks else ''}{'; '.join(remarks)}"


def table(stock_results, our_results):
    """Markdown: a table for each group of submissions."""
    lines = []
    for group, title in GROUPS.items():
        lines += [
            f"### {title}",
            "",
            "| Submission | Earned | Stock | s | MB | `byhand grade` | s | MB |",
            "|:--|--:|:--|--:|--:|:--|--:|--:|",
        ]
        for bad in SUITE.values():
            if bad.make.__module__ == f"bad.{group}":
                theirs, mine = stock_results[bad.student], our_results[bad.student]
                lines.append(
                    f"| {bad.does} | {sum(bad.scores.values()):g} "
                    f"| {says(theirs, bad)} | {theirs['seconds']:.0f} | {theirs['memory'] / 2**20:.0f} "
                    f"| {mine['status']}, {says(mine, bad)} | {mine['seconds']:.1f} | {mine['memory'] / 2**20:.0f} |"
                )
        lines.append("")
    return "\n".join([*lines, summary(stock_results, our_results)])


def summary(stock_results, our_results):
    def count(results, remark):
        return sum(remark in says(results[bad.student], bad) for bad in SUITE.values())

    remarks = {
        "attacks that succeed": "attack succeeds", "unearned points": "unearned points", "points lost": "points lost",
        "classes stopped": "the class",
    }  # fmt: skip
    counts = [
        f"{name} {count(stock_results, remark)} / {count(our_results, remark)}" for name, remark in remarks.items()
    ]
    return f"Of {len(SUITE)} submissions, stock / `byhand grade`: {'; '.join(counts)}."


def main():
    with tempfile.TemporaryDirectory() as scratch:
        base = copy_course(Path(scratch))
        run(base, "byhand", "build")
        stock_results, our_results = {}, {}
        for bad in tqdm(SUITE.values(), desc="each by both", disable=not sys.stderr.isatty()):
            stock_results[bad.student] = kept(stock, base, bad)
            our_results[bad.student] = kept(ours, base, bad)
        print(table(stock_results, our_results))


if __name__ == "__main__":
    main()
