"""The long experiments of unit 17, with the model solutions: `python benchmarks/few_labels.py [NAME ...]`.

Writes what they give over three seeds into course/17-few-labels/results.json, which the lesson reads. About ten minutes on one
core for all; the names are those of EXPERIMENTS.
"""

import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from byhand.course import Unit, find_root
from byhand.shapes import COLOURS, SHAPES, scenes
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = Unit(find_root(), "17-few-labels")
FILE = UNIT.course / "results.json"
SEEDS = (0, 1, 2)
sys.path.insert(0, str(UNIT.course))
import clip
import few
import people

MINE = Answers(read_source(UNIT.exercises).notebook, UNIT.course).function("invert").__globals__


# Digits ---------------------------------------------------------------------------------------------------------------


def digits():
    """Accuracy on 500 test digits by method and number of labels, a value for each seed."""
    x, y, x_test, y_test = few.digits()
    found = {}

    def note(name, labels, accuracy):
        found.setdefault(name, {}).setdefault(str(labels), []).append(round(float(accuracy), 4))

    for seed in SEEDS:
        base, losses = few.contrastive(MINE, x, seed)
        untrained = few.first(seed)
        print("contrastive", seed, losses[0], np.mean(losses[-20:]), flush=True)
        for each in (1, 2, 5, 10, 100):
            part = few.labelled(y, each, seed)
            xl, yl, n = x[part], y[part], 10 * each

            def probe(make, name, n=n, xl=xl, yl=yl):
                note(name, n, LogisticRegression(max_iter=3000).fit(make(xl), yl).score(make(x_test), y_test))

            note("nearest neighbour on pixels", n, KNeighborsClassifier(1).fit(xl, yl).score(x_test, y_test))
            probe(lambda v: v, "logistic regression on pixels")
            probe(lambda v: few.features(v, untrained), "the same on an untrained net")
            note("supervised", n, (few.predict(x_test, few.supervised(xl, yl, seed)) == y_test).mean())
            note("supervised, augmented", n, (few.predict(x_test, few.supervised(xl, yl, seed, True)) == y_test).mean())
            probe(lambda v: few.features(v, base), "contrastive, then a probe")
            note("joint", n, (few.predict(x_test, few.joint(MINE, xl, yl, x, seed)) == y_test).mean())
            note("pseudo-labels", n, (few.predict(x_test, few.pseudo(MINE, xl, yl, x, seed)) == y_test).mean())
            marked = np.full(len(y), -1)
            marked[part] = yl
            graph = LabelSpreading(kernel="knn", n_neighbors=7, max_iter=200).fit(x, marked)
            note("label spreading, a graph", n, graph.score(x_test, y_test))
            print(n, {name: by[str(n)][-1] for name, by in found.items()}, flush=True)
    return {"accuracy": found, "loss": [round(float(v), 3) for v in (losses[0], np.mean(losses[-20:]))]}


# Faces ----------------------------------------------------------------------------------------------------------------

MOMENTS = (0, 20, 50, 100, 200, 300, 450, 600)


def batch_hard(U, who, margin, rng):
    D, same = people.distances(U, U), who[:, None] == who
    return np.c_[np.arange(len(U)), np.where(same, D, -1).argmax(axis=1), np.where(same, np.inf, D).argmin(axis=1)]


MININGS = {
    "random": people.random_negatives,
    "hardest negative": people.hardest,
    "batch-hard": batch_hard,
    "semi-hard": lambda U, who, margin, rng: MINE["semi_hard"](U, who, margin),
}


def at_the_door(U, who):
    """Ten in the gallery, ten strangers, the threshold of the equal error rate of pairs."""
    threshold, error = people.equal_error(*people.of_pairs(U, who))
    G, names, Q, truth = people.gallery(U, who)
    inside = truth < 10
    said = MINE["identify"](G[:10], names[:10], Q, threshold)
    d = people.distances(Q, G)
    curves = []
    for t in np.linspace(0, 2, 41):
        row = [float(t)]
        for size in (1, 10, 20):
            # Everybody asks at a gallery of `size` people in which they are not.
            let_in = np.mean([(d[k, [g for g in range(20) if g != truth[k]][:size]] < t).any() for k in range(len(Q))])
            row.append(round(float(let_in), 4))
        row.append(round(float((d[np.arange(len(Q)), truth] >= t).mean()), 4))
        curves.append(row)
    return dict(
        threshold=round(threshold, 4), error=round(error, 4), named=float((said[inside] == truth[inside]).mean()),
        refused=float((said[~inside] == -1).mean()), curves=curves,
    )  # fmt: skip


def faces():
    found = {"mining": {}, "watched": {}, "door": []}
    for seed in SEEDS:
        x, x_test, who, who_test = people.data(seed)
        pixels = people.unit(x_test)[0]
        pca = people.unit(PCA(16, random_state=0).fit(x).transform(x_test))[0]
        nets = {
            "pixels": pixels,
            "eigenfaces, 16": pca,
            "untrained net": people.embed(x_test, people.first_net(people.WIDTHS, seed)),
        }
        for name, mining in MININGS.items():
            seen = {}

            def watch(step, net, seen=seen, x_test=x_test):
                if step in MOMENTS:
                    seen[step] = people.embed(x_test, net)

            net, curve = people.train(MINE, x, who, seed, mining, watch)
            nets[name] = people.embed(x_test, net)
            same, other = people.of_pairs(nets[name], who_test)
            entry = found["mining"].setdefault(name, {})
            for key, value in (
                ("first", curve[0]),
                ("last", curve[-20:].mean(axis=0)),
                ("distances", (same.mean(), other.mean())),
            ):
                entry.setdefault(key, []).append([float(f"{v:.3g}") for v in value])
            entry.setdefault("curve", []).append([round(float(v), 4) for v in curve[:, 0].reshape(-1, 10).mean(axis=1)])
            if seed == 0:
                # Six people, ten pictures each, in the first two principal axes of all test pictures at that moment.
                found["watched"][name] = {
                    str(step): np.round(
                        (U - U.mean(axis=0)) @ np.linalg.svd(U - U.mean(axis=0), full_matrices=False)[2][:2].T, 3
                    )[:66].tolist()
                    for step, U in seen.items()
                }
            if name == "semi-hard":
                found["door"].append(at_the_door(nets[name], who_test))
        for name, U in nets.items():
            entry = found["mining"].setdefault(name, {})
            entry.setdefault("identification", []).append(people.identification(U, who_test))
            entry.setdefault("error", []).append(round(people.equal_error(*people.of_pairs(U, who_test))[1], 4))
            print(seed, name, entry["identification"][-1], entry["error"][-1], entry.get("last"), flush=True)
        print(found["door"][-1]["named"], found["door"][-1]["refused"], flush=True)
    return found


# Shapes and captions --------------------------------------------------------------------------------------------------


POOL = (400, 950)  # pictures to look in, and their seed
PROMPTS = (("circle", "red"), ("cross", None), (clip.NEW, None), (clip.NEW, "red"), (clip.NEW, "blue"))


def shapes():
    """Zero-shot accuracy, textual inversion of a heart and a star, and the nearest pictures to some prompts."""
    found = {"zero-shot": {}, "inversion": {}, "curve": [], "nearest": {}}
    words = [*SHAPES[: clip.KNOWN], clip.NEW]
    for seed in SEEDS:
        net, curve = clip.train(MINE, seed)
        found["curve"].append([[round(float(v), 3) for v in row] for row in curve.reshape(-1, 100, 2).mean(axis=1)])
        seen, unseen = (
            scenes(1000, 900 + seed, pairs=clip.pairs()),
            scenes(500, 910 + seed, pairs=clip.pairs(unseen=True)),
        )
        for name, drawn in (("pairs that occurred", seen), ("pairs that never occurred", unseen)):
            entry = found["zero-shot"].setdefault(name, {"shape": [], "pair": []})
            entry["shape"].append(round(clip.shape_accuracy(drawn, net), 4))
            entry["pair"].append(round(clip.pair_accuracy(drawn, net), 4))
            print(seed, name, entry["shape"][-1], entry["pair"][-1], flush=True)
        for shape in (5, 6):
            test = scenes(500, 920 + seed, pairs=clip.pairs([shape]))
            for count in (1, 5, 20):
                after = clip.learn_word(MINE, net, scenes(count, 930 + seed, pairs=clip.pairs([shape])), seed)
                images = clip.of_images(clip.rows(test), after)
                colours = np.concatenate([clip.classes(after, [clip.NEW], colour) for colour in COLOURS])
                entry = found["inversion"].setdefault(SHAPES[shape], {}).setdefault(str(count), {})
                for key, value in (
                    ("found", ((images @ clip.classes(after, words).T).argmax(axis=1) == clip.KNOWN).mean()),
                    ("colour", ((images @ colours.T).argmax(axis=1) == test.colour[:, 0]).mean()),
                    ("old before", clip.shape_accuracy(seen, net)),
                    ("old after", clip.shape_accuracy(seen, after, words)),
                ):
                    entry.setdefault(key, []).append(round(float(value), 4))
                same = all(np.array_equal(net[k][j], after[k][j]) for k in ("image", "text") for j in net[k])
                assert same and np.array_equal(net["E"][:-1], after["E"][:-1])
                if (seed, shape, count) == (0, 5, 5):
                    pool = scenes(*POOL, pairs=clip.pairs(range(6)))
                    images = clip.of_images(clip.rows(pool), after)
                    for word, colour in PROMPTS:
                        order = np.argsort(-(images @ clip.classes(after, [word], colour)[0]))[:8]
                        found["nearest"]["a " + " ".join(filter(None, (colour, word)))] = order.tolist()
                print(seed, SHAPES[shape], count, {k: v[-1] for k, v in entry.items()}, flush=True)
    return found


def retrieval():
    """For every prompt of a colour, or none, and a word, the new one among them: the six nearest of 400 pictures, and their cosines."""
    net, _ = clip.train(MINE, 0)
    net = clip.learn_word(MINE, net, scenes(5, 930, pairs=clip.pairs([5])), 0)
    images = clip.of_images(clip.rows(scenes(*POOL, pairs=clip.pairs(range(6)))), net)
    found = {}
    for word in (*SHAPES[: clip.KNOWN], clip.NEW):
        for colour in (None, *COLOURS):
            cosines = images @ clip.classes(net, [word], colour)[0]
            order = np.argsort(-cosines)[:6]
            prompt = "a " + " ".join(filter(None, (colour, word)))
            found[prompt] = dict(at=order.tolist(), cosine=cosines[order].round(2).tolist())
    return found


EXPERIMENTS = {"digits": digits, "faces": faces, "shapes": shapes, "retrieval": retrieval}


def main(names):
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in names or EXPERIMENTS:
        start = time.process_time()
        results[name] = EXPERIMENTS[name]()
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
        FILE.write_text(json.dumps(results, indent=None, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
