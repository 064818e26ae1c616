"""The long experiments of unit 19, with the model solutions: `python benchmarks/answering.py [NAME ...]`.

Writes what they give over three seeds into course/19-images-and-questions/results.json, which the lesson reads. About four
minutes on one core for all; the names are those of EXPERIMENTS.
"""

import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from byhand.course import Unit, find_root
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = Unit(find_root(), "19-images-and-questions")
FILE = UNIT.course / "results.json"
SEEDS = (0, 1, 2)
sys.path.insert(0, str(UNIT.course))
import answering
import questions as world

MINE = Answers(read_source(UNIT.exercises).notebook, UNIT.course).function("fusion").__globals__
PARTS = answering.Parts(*(MINE[name] for name in answering.Parts._fields))
STEPS, QUESTIONS = 1000, 8000


def right_by_kind(found, test):
    """The share of right answers: of all, and of each kind."""
    right = found == test.answers
    return [float(right.mean()), *(float(right[test.kinds == k].mean()) for k in range(len(world.KINDS)))]


def guesses(train, test):
    return MINE["most_common"](train.questions, train.answers, test.questions, len(world.ANSWERS))


def both_right(net, kind, seed):
    """Of pairs of pictures that differ in the colour that is asked for: the share in which both answers are right, and in which one is."""
    right = np.array([answering.answer(PARTS, part, net, kind) == part.answers for part in world.pairs(500, 90 + seed)])
    return [float(right.all(axis=0).mean()), float(right.mean())]


def kinds():
    """Five kinds of network and the baseline, on the same questions; and what attention looks at."""
    found = {}
    for seed in SEEDS:
        train, test = world.ask(QUESTIONS, 10 + seed), world.ask(2000, 50 + seed)
        found.setdefault("most common answer", []).append(right_by_kind(guesses(train, test), test))
        for kind in ("attention", "sum", "side by side", "product", "question"):
            steps = STEPS if kind != "question" else STEPS // 2
            net = answering.train(PARTS, train, kind, steps, seed)
            found.setdefault(kind, []).append(right_by_kind(answering.answer(PARTS, test, net, kind), test))
            if kind in ("attention", "question"):
                found.setdefault("pairs", {}).setdefault(kind, []).append(both_right(net, kind, seed))
            if kind == "attention" and seed == 0:
                found["looks"] = looks(net)
    return found


def looks(net):
    """Three scenes with all their questions: where the weights lie, and what is answered."""
    asked = world.several(4, 3)
    P, said = answering.look(PARTS, asked, net), answering.answer(PARTS, asked, net, "attention")
    return [
        dict(
            image=np.rint(255 * asked.images[n]).astype(int).tolist(), question=asked.text(n), truth=world.ANSWERS[asked.answers[n]],
            says=world.ANSWERS[said[n]], weights=np.round(P[n], 3).tolist(),
        )
        for n in range(len(said))
    ]  # fmt: skip


def prior():
    """A world with a bias, and one without: the baseline for each bias, and a network with attention."""
    found = {}
    for share in (0.25, 0.4, 0.55, 0.7, 0.85):
        for seed in SEEDS:
            train, same, other = (
                world.ask(QUESTIONS, 20 + seed, share),
                world.ask(2000, 60 + seed, share),
                world.ask(2000, 70 + seed),
            )
            entry = found.setdefault(str(share), {"baseline": [], "attention": []})
            entry["baseline"].append([right_by_kind(guesses(train, test), test)[:2] for test in (same, other)])
            net = answering.train(PARTS, train, "attention", STEPS, seed)
            entry["attention"].append(
                [right_by_kind(answering.answer(PARTS, test, net, "attention"), test)[:2] for test in (same, other)]
            )
            entry.setdefault("pairs", []).append(both_right(net, "attention", seed))
    return found


EXPERIMENTS = dict(kinds=kinds, prior=prior)


def main(names):
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in names or EXPERIMENTS:
        start = time.process_time()
        kept[name] = EXPERIMENTS[name]()
        FILE.write_text(json.dumps({k: kept[k] for k in EXPERIMENTS if k in kept}, separators=(",", ":")) + "\n")
        print(f"{name}: {time.process_time() - start:.0f} s of CPU time", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
