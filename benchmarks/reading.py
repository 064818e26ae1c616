"""The long experiments of unit 20, with the model solutions: `python benchmarks/reading.py [NAME ...]`.

Writes what they give over three seeds into course/20-reading-without-cutting/results.json, which the lesson reads. About five
minutes on one core for all; the names are those of EXPERIMENTS.
"""

import itertools
import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from byhand.course import Unit, find_root
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = Unit(find_root(), "20-reading-without-cutting")
FILE = UNIT.course / "results.json"
SEEDS = (0, 1, 2)
sys.path.insert(0, str(UNIT.course))
import captchas
import cutting
import reader

MINE = Answers(read_source(UNIT.exercises).notebook, UNIT.course).function("beam").__globals__
LOSS, BACK = MINE["ctc_loss"], MINE["reader_backward"]
LEARNED = [kind for kind in captchas.KINDS if kind not in ("fonts never seen", "all together")]


def logits(net, data):
    return reader.forward(reader.ready(data.images), net)[0]


def score(net, data):
    return reader.score(reader.greedy(logits(net, data)), data)


def after(net, kinds, count, seed):
    """A copy of the net that has learned 700 steps more, from `count` strips of each of the kinds."""
    more = {k: v.copy() for k, v in net.items()}
    parts = [captchas.strips(count, 20 + seed, kind) for kind in kinds]
    mixed = captchas.Strips(*map(np.concatenate, zip(*parts, strict=True)))
    reader.train(more, mixed, LOSS, BACK, 700, seed=seed, rate=3e-3)
    return more


def plateau():
    """The loss of a strip, a mean over each ten steps, from scratch: pixels as they are or standardised, strips clean or touching."""
    found = {}
    for kind in ("clean", "touching"):
        for name, prepare in (("pixels as they are", np.array), ("mean 0, variance 1", reader.ready)):
            for seed in SEEDS:
                data, net = captchas.strips(2000, 10 + seed, kind), reader.first_weights(seed)
                losses = reader.train(net, data, LOSS, BACK, 400, seed=seed, prepare=prepare)
                found.setdefault(f"{kind}, {name}", []).append(
                    np.round(np.reshape(losses, (-1, 10)).mean(axis=1), 3).tolist()
                )
    return found


def learning():
    """What a net says about one strip, before training and after some steps: the probabilities (T, K) in thousandths, and the loss."""
    net, data = reader.first_weights(0), captchas.strips(2000, 10)
    one = captchas.strips(40, 77, fresh=True)
    pick = next(n for n in range(40) if any(a == b for a, b in itertools.pairwise(one.labels[n])))
    one = captchas.Strips(one.images[pick : pick + 1], one.labels[pick : pick + 1], one.lengths[pick : pick + 1])
    found, done = dict(word=one.words()[0], image=np.rint(99 * one.images[0]).astype(int).tolist(), after={}), 0
    for steps in (0, 20, 50, 80, 150, 600):
        if steps > done:
            reader.train(net, data, LOSS, BACK, steps - done, seed=done)
            done = steps
        o = logits(net, one)
        J, _ = LOSS(o, one.labels, one.lengths)
        p = np.rint(1000 * np.exp(reader.log_softmax(o)[:, 0])).astype(int).tolist()
        found["after"][str(steps)] = dict(p=p, loss=round(J, 2), says=captchas.word(reader.greedy(o)[0]))
    return found


def cuts():
    """Cutting, by kind: the share of strips that fall into the right number of pieces, and whole strips and letters read right."""
    found = {kind: dict(pieces=[], cut=[]) for kind in captchas.KINDS}
    for seed in SEEDS:
        net = cutting.train(captchas.strips(2000, 10 + seed), MINE["segments"], seed)
        for kind in captchas.KINDS:
            test = captchas.strips(300, 50 + seed, kind, fresh=True)
            found[kind]["pieces"].append(cutting.counted(test, MINE["segments"]))
            found[kind]["cut"].append(reader.score(cutting.read(test, net, MINE["segments"]), test))
    return found


def kinds():
    """Whole strips and letters read right, by kind: by CTC trained on clean strips, and then on touching ones or all of LEARNED."""
    found = {}

    def note(name, kind, value):
        found.setdefault(kind, {}).setdefault(name, []).append(value)

    for seed in SEEDS:
        clean = captchas.strips(3000, 10 + seed)
        net = reader.first_weights(seed)
        reader.train(net, clean, LOSS, BACK, 700, seed=seed)
        tests = {kind: captchas.strips(300, 50 + seed, kind, fresh=True) for kind in captchas.KINDS}
        for kind, test in tests.items():
            note("CTC, clean", kind, score(net, test))
        for name in ("touching", "all"):
            more = after(net, ["touching"], 3000, seed) if name == "touching" else after(net, LEARNED, 700, seed)
            for kind, test in tests.items():
                note(f"CTC, then {name}", kind, score(more, test))
            if name == "touching":
                lp = reader.log_softmax(logits(more, tests["touching"]))
                for width in (1, 4, 16):
                    read = [MINE["beam"](lp[:, n], width)[0] for n in range(100)]
                    some = captchas.Strips(*(part[:100] for part in tests["touching"]))
                    note(f"beam {width}", "touching", reader.score(read, some))
                note("best path", "touching", reader.score(reader.greedy(lp[:, :100]), some))
    return found


def samples():
    """A strip of each kind, and what a net of clean strips and one of LEARNED make of it: by step, by best path, by a beam of 8."""
    nets = {"clean strips": reader.first_weights(0)}
    reader.train(nets["clean strips"], captchas.strips(3000, 10), LOSS, BACK, 700, seed=0)
    nets["all kinds but two"] = after(nets["clean strips"], LEARNED, 700, 0)
    found = {}
    for kind in captchas.KINDS:
        one = captchas.strips(1, 80, kind, fresh=True)
        entry = found[kind] = dict(word=one.words()[0], image=np.rint(99 * one.images[0]).astype(int).tolist(), read={})
        for name, net in nets.items():
            lp = reader.log_softmax(logits(net, one))
            steps = "".join(captchas.word([k]) if k else "·" for k in lp[:, 0].argmax(axis=1))
            best, beam = (captchas.word(label) for label in (reader.greedy(lp)[0], MINE["beam"](lp[:, 0], 8)[0]))
            entry["read"][name] = dict(steps=steps, best=best, beam=beam)
    return found


def attack():
    """Clean strips read right after a change of at most ε on each pixel: at random, and uphill; for a net of clean strips."""
    found = dict(random={}, uphill={})
    for seed in SEEDS:
        net = reader.first_weights(seed)
        reader.train(net, captchas.strips(3000, 10 + seed), LOSS, BACK, 700, seed=seed)
        test = captchas.strips(300, 60 + seed, fresh=True)
        o, kept = reader.forward(reader.ready(test.images), net)
        _, d = LOSS(o, test.labels, test.lengths)
        up = np.sign(BACK(d, kept, net, captchas.HEIGHT, captchas.WIDTH)["dx"])
        coin = np.random.RandomState(seed).choice([-1.0, 1.0], size=up.shape)
        for eps in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2):
            for name, change in (("random", coin), ("uphill", up)):
                moved = test._replace(images=test.images + eps * change)
                found[name].setdefault(str(eps), []).append(score(net, moved)[0])
                if seed == 0 and name == "uphill":
                    says = [captchas.word(label) for label in reader.greedy(logits(net, moved))]
                    if eps == 0:  # the example is the first strip that is read right as it is
                        pick = next(n for n, word in enumerate(test.words()) if word == says[n])
                        found |= dict(word=test.words()[pick], example={})
                    image = np.rint(99 * moved.images[pick]).astype(int).tolist()
                    found["example"][str(eps)] = dict(image=image, says=says[pick])
    return found


def searches():
    """How often the best path, and beams, miss the most probable label: 200 random cases of T = 5, K = 3, for each seed."""
    found, paths = {}, list(itertools.product(range(3), repeat=5))
    says = [tuple(k for k, _ in itertools.groupby(path) if k) for path in paths]
    for seed in SEEDS:
        rng, missed = np.random.RandomState(seed), {}
        for _ in range(200):
            lp = reader.log_softmax(1.2 * rng.normal(size=(5, 3)))
            total = {}
            for path, label in zip(paths, says, strict=True):
                total[label] = total.get(label, 0) + np.exp(lp[range(5), path].sum())
            best = max(total, key=total.get)
            guesses = {"best path": tuple(reader.greedy(lp[:, None])[0])}
            guesses |= {f"beam of {width}": tuple(MINE["beam"](lp, width)[0]) for width in (1, 2, 4, 8)}
            for name, guess in guesses.items():
                missed[name] = missed.get(name, 0) + (guess != best)
        for name, count in missed.items():
            found.setdefault(name, []).append(int(count))
    return found


EXPERIMENTS = dict(
    searches=searches, plateau=plateau, learning=learning, cuts=cuts, kinds=kinds, samples=samples, attack=attack
)


def main(names):
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in names or EXPERIMENTS:
        start = time.process_time()
        kept[name] = EXPERIMENTS[name]()
        FILE.write_text(json.dumps({k: kept[k] for k in EXPERIMENTS if k in kept}, separators=(",", ":")) + "\n")
        print(f"{name}: {time.process_time() - start:.0f} s of CPU time", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
