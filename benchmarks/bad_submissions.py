"""Every bad submission through stock nbgrader and through `byhand grade`: what it earns, how long it takes, what it reaches.

Prints the table of the instructor's guide. Run it on a machine that may suffer: stock grading runs the attacks without
a sandbox. Results are kept in `.cache/bad_submissions`, so that a run that was interrupted goes on where it was.
"""

import hashlib
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "grading")]

from bad import POINTS, SECRET, SUITE, UNIT, Scene, hand_in, listening  # noqa: E402
from classes import clean_environment, copy_course, run  # noqa: E402

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
    """What stock nbgrader makes of one submission: points, seconds, remarks."""
    with tempfile.TemporaryDirectory() as scratch, listening() as listener:
        root = Path(scratch) / "course"
        shutil.copytree(base, root)
        hand_in(root, [bad], TIMEOUT, listener.port)
        start = time.perf_counter()
        code, log = _run(
            root, "nbgrader", "autograde", UNIT, f"--student={bad.student}", f"--Execute.timeout={TIMEOUT}"
        )
        seconds = time.perf_counter() - start
        points = _points(root, bad.student)
        remarks = []
        if code is None:
            remarks.append(f"hangs; ended after {PATIENCE} s, and with it the class")
        elif code and "There was an error processing assignment '" not in log:
            remarks.append("stops the class")
        if bad.succeeded and bad.succeeded(Scene(root, bad.student, listener.connections)):
            remarks.append("attack succeeds")
        return {"points": points, "seconds": seconds, "remarks": remarks}


def _run(root, *command):
    program = Path(sys.executable).parent / command[0]
    env = clean_environment(root) | {"BYHAND_TEST_SECRET": SECRET}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        log.seek(0)
        return code, log.read().decode(errors="replace")


def _points(root, student):
    """The sum over the checked exercises, or None where the gradebook has no score for one of them."""
    with Gradebook(f"sqlite:///{root}/classroom/gradebook.db") as book:
        try:
            grades = book.find_submission(UNIT, student).notebooks[0].grades
        except (MissingEntry, IndexError):
            return None
        scores = [grade.auto_score for grade in grades if grade.name.removesuffix("-check") in POINTS]
        return None if None in scores or not scores else sum(scores)


def with_byhand(base):
    """Student -> verdict of `byhand grade` over all of them at once, and what each attack reached."""
    with tempfile.TemporaryDirectory() as scratch, listening() as listener:
        root = Path(scratch) / "course"
        shutil.copytree(base, root)
        hand_in(root, SUITE.values(), TIMEOUT, listener.port)
        run(root, "byhand", "grade", UNIT, f"--timeout={TIMEOUT}", BYHAND_TEST_SECRET=SECRET)
        verdicts = {}
        for bad in SUITE.values():
            verdict = json.loads((root / "classroom" / "verdicts" / UNIT / f"{bad.student}.json").read_text())
            remarks = []
            if bad.succeeded and bad.succeeded(Scene(root, bad.student, listener.connections)):
                remarks.append("attack succeeds")
            verdicts[bad.student] = {
                "points": verdict["score"], "seconds": verdict["seconds"]["total"],
                "status": verdict["status"], "remarks": remarks,
            }  # fmt: skip
        return verdicts


def kept(bad, compute):
    """The result of an earlier run with the same fixture, or a new one."""
    digest = hashlib.sha256(f"{TIMEOUT} {bad.student} {bad.does} {inspect.getsource(bad.make)}".encode()).hexdigest()[
        :16
    ]
    path = ROOT / ".cache" / "bad_submissions" / f"{digest}.json"
    if not path.exists():
        result = compute()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result))
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


def table(stock_results, byhand_results):
    """Markdown: a table for each group of submissions."""
    lines = []
    for group, title in GROUPS.items():
        lines += [
            f"### {title}",
            "",
            "| Submission | Earned | Stock | s | `byhand grade` | s |",
            "|:--|--:|:--|--:|:--|--:|",
        ]
        for bad in SUITE.values():
            if bad.make.__module__ == f"bad.{group}":
                theirs, ours = stock_results[bad.student], byhand_results[bad.student]
                lines.append(
                    f"| {bad.does} | {sum(bad.scores.values()):g} | {says(theirs, bad)} | {theirs['seconds']:.0f} "
                    f"| {ours['status']}, {says(ours, bad)} | {ours['seconds']:.1f} |"
                )
        lines.append("")
    return "\n".join([*lines, summary(stock_results, byhand_results)])


def summary(stock_results, byhand_results):
    def count(results, remark):
        return sum(remark in says(results[bad.student], bad) for bad in SUITE.values())

    remarks = {
        "attacks that succeed": "attack succeeds", "unearned points": "unearned points", "points lost": "points lost",
        "classes stopped": "the class",
    }  # fmt: skip
    counts = [
        f"{name} {count(stock_results, remark)} / {count(byhand_results, remark)}" for name, remark in remarks.items()
    ]
    return f"Of {len(SUITE)} submissions, stock / `byhand grade`: {'; '.join(counts)}."


def main():
    with tempfile.TemporaryDirectory() as scratch:
        base = copy_course(Path(scratch))
        run(base, "byhand", "build")
        stock_results = {}
        for bad in tqdm(SUITE.values(), desc="stock, one at a time", disable=not sys.stderr.isatty()):
            stock_results[bad.student] = kept(bad, lambda bad=bad: stock(base, bad))
        print(table(stock_results, with_byhand(base)))


if __name__ == "__main__":
    main()
