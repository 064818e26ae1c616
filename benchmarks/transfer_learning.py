"""The long experiments of unit 18, with the model solutions: `python benchmarks/transfer_learning.py [NAME ...]`.

Writes what they give over three seeds into course/18-transfer-learning/results.json, which the lesson reads. About six minutes
on one core for all; the names are those of EXPERIMENTS.
"""

import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from byhand.course import Unit, find_root
from byhand.faces import faces
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = Unit(find_root(), "18-transfer-learning")
FILE = UNIT.course / "results.json"
SEEDS = (0, 1, 2)
sys.path.insert(0, str(UNIT.course))
import deep
import tuning

MINE = Answers(read_source(UNIT.exercises).notebook, UNIT.course).function("fine_tune_step").__globals__
STEP = MINE["fine_tune_step"]
PRETRAIN = dict(rates=(0.3, 0.3), steps=1500, decay=1e-3)
TUNE = dict(steps=300, batch=32)


# Degradation ----------------------------------------------------------------------------------------------------------


def degradation():
    """Plain and residual nets of several depths, with and without batch norm: [name][depth], a value for each seed."""
    norm, found = (MINE["batch_norm"], MINE["batch_norm_backward"]), {}
    for name, residual, used in (
        ("plain", False, None), ("residual", True, None), ("plain, batch norm", False, norm), ("residual, batch norm", True, norm),
    ):  # fmt: skip
        for depth in (2, 10, 20, 50):
            runs = [deep.train(depth, residual, used, seed) for seed in SEEDS]
            entry = {
                "loss": [[float(f"{v:.3g}") for v in run["loss"]] for run in runs],
                "train": [round(run["train"], 4) for run in runs],
                "test": [round(run["test"], 4) for run in runs],
                "gradient": [[float(f"{v:.3g}") for v in run["gradient"]] for run in runs],
            }
            found.setdefault(name, {})[str(depth)] = entry
            print(name, depth, [run["loss"][-1] for run in runs], entry["test"], flush=True)
    return found


# Transfer: faces ------------------------------------------------------------------------------------------------------

PEOPLE, OTHERS, WIDTHS = 100, 20, (400, 128, 64, 64)


def with_statistics(net, x):
    """An untrained net whose running statistics are those of the images: otherwise it would be no fair comparison."""
    for k in (1, 2, 3):
        h = x
        for j in range(1, k):
            a = h @ net[f"W{j}"].T
            h = np.maximum((a - net[f"mean{j}"]) / np.sqrt(net[f"var{j}"] + tuning.EPS), 0)
        a = h @ net[f"W{k}"].T
        net = {**net, f"mean{k}": a.mean(axis=0), f"var{k}": a.var(axis=0, ddof=1)}
    return net


def nearest(train, labels, test, truth):
    """Accuracy of the nearest neighbour by cosine."""
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (train, test))
    return float((labels[(b @ a.T).argmax(axis=1)] == truth).mean())


def ways(pretrained, scratch, x, y, x_test, y_test, classes, seed, extra=None, rates=(1e-3, 1e-2, 1e-1, 1.0)):
    """Every way of using a pretrained net on a few images of new classes: accuracy of each."""
    found = {}

    def tuned(name, net, rate, frozen=()):
        net = tuning.with_new_head(net, classes, seed)
        net = tuning.train(STEP, x, y, net, (rate, 0.1), frozen=frozen, seed=seed, **TUNE)
        found[name] = tuning.accuracy(x_test, y_test, net)

    found["nearest neighbour on pixels"] = nearest(
        x - x.mean(axis=1, keepdims=True), y, x_test - x_test.mean(axis=1, keepdims=True), y_test
    )
    tuned("from scratch", scratch, 0.1)
    tuned("frozen base, new head", pretrained, 0.0, (1, 2, 3))
    found["nearest neighbour on frozen features"] = nearest(
        tuning.features(x, pretrained), y, tuning.features(x_test, pretrained), y_test
    )
    tuned("frozen untrained base", scratch, 0.0, (1, 2, 3))
    for name, net in (extra or {}).items():
        tuned(name, net, 0.0, (1, 2, 3))
    for rate in rates:
        tuned(f"fine-tuned, base rate {rate:g}", pretrained, rate)
    head = tuning.train(
        STEP, x, y, tuning.with_new_head(pretrained, classes, seed), (0.0, 0.1), 150, (1, 2, 3), seed, TUNE["batch"]
    )
    both = tuning.train(STEP, x, y, head, (0.1, 0.1), 150, (), seed + 1, TUNE["batch"])
    found["two stages, base rate 0.1"] = tuning.accuracy(x_test, y_test, both)
    return found


def collected(runs):
    """[name][number of images], accuracies of all seeds, from one dict for each seed."""
    return {
        name: {str(k): [round(run[k][name], 4) for run in runs] for k in runs[0]}
        for name in next(iter(runs[0].values()))
    }


def transfer():
    """Source: 100 people, 20 pictures each. Target: 20 other people with 1, 2, 5, 10 pictures each, 20 more each to test."""
    source, held = faces(PEOPLE, 20, seed=0), faces(PEOPLE, 5, seed=1)
    mean = source.images.mean(axis=0)
    flat = lambda images: (images - mean).reshape(len(images), -1)  # noqa: E731
    x, runs, source_accuracy = flat(source.images), [], []
    for seed in SEEDS:
        start = tuning.first_net(WIDTHS, PEOPLE, seed)
        net = tuning.train(STEP, x, source.who, start, seed=seed, **PRETRAIN)
        random_labels = np.random.RandomState(seed + 7).randint(PEOPLE, size=len(x))
        nonsense = tuning.train(STEP, x, random_labels, start, seed=seed, **PRETRAIN)
        source_accuracy.append(round(tuning.accuracy(flat(held.images), held.who, net), 4))
        scratch = with_statistics(tuning.first_net(WIDTHS, OTHERS, seed + 50), x)
        target = flat(faces(OTHERS, 30, seed=10 + seed, first=PEOPLE).images).reshape(OTHERS, 30, -1)
        test, truth = target[:, 10:].reshape(-1, x.shape[1]), np.repeat(np.arange(OTHERS), 20)
        run = {}
        for k in (1, 2, 5, 10):
            few, names = target[:, :k].reshape(-1, x.shape[1]), np.repeat(np.arange(OTHERS), k)
            run[k] = ways(
                net,
                scratch,
                few,
                names,
                test,
                truth,
                OTHERS,
                seed,
                {"frozen base, pretrained on random labels": nonsense},
            )
        runs.append(run)
        print("faces", seed, source_accuracy[-1], run, flush=True)
    return {"source": source_accuracy, "ways": collected(runs)}


def digits_to_digits():
    """Source: the digits 0 to 4. Target: 5 to 9 with 1, 5, 10, 20, 50 labels of each."""
    x, y, x_test, y_test = deep.digits()
    mean, widths = x.mean(axis=0), (64, 128, 128, 128)
    x, x_test, runs = x - mean, x_test - mean, []
    old, new, new_test = y < 5, y >= 5, y_test >= 5
    for seed in SEEDS:
        net = tuning.train(
            STEP, x[old], y[old], tuning.first_net(widths, 5, seed), seed=seed, rates=(0.1, 0.1), steps=600
        )
        scratch = with_statistics(tuning.first_net(widths, 5, seed + 50), x[old])
        order, run = np.random.RandomState(seed + 3).permutation(np.flatnonzero(new)), {}
        for k in (1, 5, 10, 20, 50):
            part = np.concatenate([order[y[order] == digit][:k] for digit in range(5, 10)])
            run[k] = ways(
                net, scratch, x[part], y[part] - 5, x_test[new_test], y_test[new_test] - 5, 5, seed, rates=(1e-2, 1e-1)
            )
        runs.append(run)
        print("digits", seed, run, flush=True)
    return collected(runs)


FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral",
    "STIXGeneralItalic",
)  # fmt: skip


def printed_letters(count, seed):
    """Small letters a to z in matplotlib's own fonts, turned, scaled and shifted a little, as rows of 64 from 0 to 1; and which letter."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    rng, folder = np.random.RandomState(seed), f"{matplotlib.get_data_path()}/fonts/ttf"
    letters, images = rng.randint(26, size=count), np.empty((count, 64))
    for n, letter in enumerate(letters):
        picture = Image.new("L", (64, 64))
        font = ImageFont.truetype(f"{folder}/{FONTS[rng.randint(len(FONTS))]}.ttf", int(rng.randint(46, 66)))
        place = tuple(float(32 + rng.uniform(-5, 5)) for _ in range(2))
        ImageDraw.Draw(picture).text(place, chr(97 + letter), fill=255, font=font, anchor="mm")
        picture = picture.rotate(float(rng.uniform(-12, 12))).resize((8, 8), Image.Resampling.BOX)
        images[n] = np.asarray(picture, dtype=float).ravel() / 255
    return np.clip(1.6 * images + 0.03 * rng.normal(size=images.shape), 0, 1), letters


def letters_to_digits():
    """Source: printed letters. Target: all ten handwritten digits with 1, 5, 10, 20, 50 labels of each."""
    x, y, x_test, y_test = deep.digits()
    letters, names = printed_letters(4000, 0)
    fresh, fresh_names = printed_letters(1000, 1)
    mean, widths, runs, source = letters.mean(axis=0), (64, 128, 128, 128), [], []
    letters, fresh, x, x_test = letters - mean, fresh - mean, x - mean, x_test - mean
    for seed in SEEDS:
        net = tuning.train(
            STEP, letters, names, tuning.first_net(widths, 26, seed), seed=seed, rates=(0.2, 0.2), steps=1500
        )
        source.append(round(tuning.accuracy(fresh, fresh_names, net), 4))
        scratch = with_statistics(tuning.first_net(widths, 10, seed + 50), letters)
        order, run = np.random.RandomState(seed + 3).permutation(len(x)), {}
        for k in (1, 5, 10, 20, 50):
            part = np.concatenate([order[y[order] == digit][:k] for digit in range(10)])
            run[k] = ways(net, scratch, x[part], y[part], x_test, y_test, 10, seed, rates=(1e-2, 1e-1))
        runs.append(run)
        print("letters", seed, source[-1], run, flush=True)
    return {"source": source, "ways": collected(runs)}


# The pipeline ---------------------------------------------------------------------------------------------------------


def buffers():
    """300 classes of 53,536 sorted files, as many of a class as the article's range allows: distinct classes in a batch of 32.

    `batch` are the files in the 800th batch, for the lesson's picture.
    """
    sizes = np.linspace(24, 333, 300).astype(int)
    sizes[-1] += 53_536 - sizes.sum()
    labels, found = np.repeat(np.arange(300), sizes), {}
    for buffer in (1, 32, 1_000, 10_000, len(labels)):
        counts = []
        for seed in SEEDS:
            order = MINE["shuffled"](len(labels), buffer, np.random.RandomState(seed).uniform(size=len(labels)))
            batches = labels[order][: len(labels) // 32 * 32].reshape(-1, 32)
            counts.append(round(float(np.mean([len(np.unique(batch)) for batch in batches])), 2))
        moved = round(float(np.abs(order - np.arange(len(order))).mean()), 1)
        found[str(buffer)] = {"classes": counts, "moved": moved, "batch": order[800 * 32 : 801 * 32].tolist()}
        print("buffer", buffer, counts, moved, flush=True)
    return found


def sorted_digits():
    """Ten epochs on digits sorted by class, through buffers of several sizes, with batch norm: test accuracy."""
    x, y, x_test, y_test = deep.digits()
    by_class, mean = np.argsort(y, kind="stable"), x.mean(axis=0)
    x, y, x_test, found = x[by_class] - mean, y[by_class], x_test - mean, {}
    for buffer in (1, 32, 200, len(x)):
        for seed in SEEDS:
            rng, net = np.random.RandomState(seed), tuning.first_net((64, 64, 64, 64), 10, seed)
            for epoch in range(10):
                order = MINE["shuffled"](len(x), buffer, rng.uniform(size=len(x)))
                for start in range(0, len(x) - 31, 32):
                    part = order[start : start + 32]
                    net = STEP(x[part], y[part], net, (0.1 * (1 - epoch / 10),) * 2, 0.0, ())
            found.setdefault(str(buffer), []).append(round(tuning.accuracy(x_test, y_test, net), 4))
        print("sorted digits", buffer, found[str(buffer)], flush=True)
    return found


def other_preprocessing():
    """A net with batch norm that has learned digits, asked about the same test images prepared otherwise."""
    x, y, x_test, y_test = deep.digits()
    mean, found = x.mean(axis=0), {}
    for seed in SEEDS:
        net = tuning.train(STEP, x - mean, y, tuning.first_net((64, 64, 64, 64), 10, seed), (0.1, 0.1), 400, seed=seed)
        for name, images in {
            "as in training": x_test - mean, "mean not subtracted": x_test, "from 0 to 16": 16 * x_test - mean,
            "half as bright": x_test / 2 - mean, "black and white exchanged": 1 - x_test - mean,
            "rows and columns exchanged": x_test.reshape(-1, 8, 8).swapaxes(1, 2).reshape(-1, 64) - mean,
        }.items():  # fmt: skip
            found.setdefault(name, []).append(round(tuning.accuracy(images, y_test, net), 4))
    print(found, flush=True)
    return found


def leaking_split():
    """Faces, several pictures of each of them nearly the same: the split by picture against the split by group of near duplicates."""
    found = {"by picture": [], "by group": []}
    for seed in SEEDS:
        rng, drawn = np.random.RandomState(seed), faces(20, 6, seed=40 + seed)
        group = np.repeat(np.arange(len(drawn.who)), 4)
        images = np.clip(drawn.images[group] + 0.02 * rng.normal(size=(len(group), 20, 20)), 0, 1).reshape(
            len(group), -1
        )
        who = drawn.who[group]
        for name, test in (
            ("by picture", rng.uniform(size=len(group)) < 0.25), ("by group", (rng.uniform(size=len(drawn.who)) < 0.25)[group]),
        ):  # fmt: skip
            mean = images[~test].mean(axis=0)
            net = tuning.train(
                STEP, images[~test] - mean, who[~test], tuning.first_net(WIDTHS, 20, seed), (0.1, 0.1), 400, seed=seed
            )
            found[name].append(round(tuning.accuracy(images[test] - mean, who[test], net), 4))
    print(found, flush=True)
    return found


def unequal_classes():
    """Digits of which one class has 100 images and the others 5: accuracy, and its mean over the classes, with and without weights."""
    x, y, x_test, y_test = deep.digits()
    mean, found = x.mean(axis=0), {}
    x, x_test, loss = x - mean, x_test - mean, MINE["weighted_loss"]
    for seed in SEEDS:
        order = np.random.RandomState(seed).permutation(len(x))
        part = np.concatenate([order[y[order] == digit][: 100 if digit == 8 else 5] for digit in range(10)])
        count = np.bincount(y[part], minlength=10)
        natural = np.concatenate([np.flatnonzero(y_test == digit)[: 40 if digit == 8 else 2] for digit in range(10)])
        for name, w in (("all the same", np.ones(10)), ("1 / number of images", 1 / count)):
            V, c = np.zeros((10, 64)), np.zeros(10)
            for _ in range(300):
                _, do = loss(x[part] @ V.T + c, y[part], w)
                V, c = V - 0.5 * do.T @ x[part], c - 0.5 * do.sum(axis=0)
            right = (x_test @ V.T + c).argmax(axis=1) == y_test
            each = [right[y_test == digit].mean() for digit in range(10)]
            entry = found.setdefault(name, {"accuracy": [], "mean over classes": []})
            entry["accuracy"].append(round(float(right[natural].mean()), 4))
            entry["mean over classes"].append(round(float(np.mean(each)), 4))
    print(found, flush=True)
    return found


EXPERIMENTS = {
    "degradation": degradation,
    "faces": transfer,
    "digits to digits": digits_to_digits,
    "letters to digits": letters_to_digits,
    "buffers": buffers,
    "sorted digits": sorted_digits,
    "preprocessing": other_preprocessing,
    "split": leaking_split,
    "unequal classes": unequal_classes,
}


def main(*names):
    for name in names or EXPERIMENTS:
        start, result = time.process_time(), EXPERIMENTS[name]()
        results = {**(json.loads(FILE.read_text()) if FILE.exists() else {}), name: result}
        listed = [key for key in EXPERIMENTS if key in results]
        FILE.write_text(
            "{\n" + ",\n".join(f" {json.dumps(key)}: {json.dumps(results[key])}" for key in listed) + "\n}\n"
        )
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
