"""How well each model of part V predicts the binarised digits: negative log-likelihoods in nats per image. Run from the root.

    python benchmarks/likelihoods.py [name ...]

trains the named models (without names: all), each with three seeds, and writes the numbers into `likelihoods.json` of each
unit that shows them: RESULTS says which. What a file holds of other models stays. The two baselines are
those of unit 10's solution, FVSBN, NADE and MADE those of unit 11's, PixelCNN and LSTM over rows those of unit 12's, trained
as the exercises do; all models learn from the same 1,000 images of `byhand.digits.binary_digits`, stop or choose their size by the same 297, and are tested on the same 500.

To add a model, add a function to MODELS: it takes a seed and returns the mean negative log-likelihood of the validation and
of the test images and the number of parameters. It may yield a whole family to choose from by validation: see `mixture`.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import contextlib
import io
import json
import sys
import time
from functools import cache
from typing import NamedTuple

import numpy as np

from byhand.course import find_root, find_units
from byhand.digits import binary_digits
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

SEEDS = (0, 1, 2)
UP_TO_11 = ("independent pixels", "mixture of Bernoullis", "FVSBN", "NADE", "MADE")
UP_TO_12 = (*UP_TO_11, "PixelCNN", "LSTM over rows")
RESULTS = {  # a file in the folder of each unit, since units stand alone, and the models that it holds
    "course/11-autoregressive-models/likelihoods.json": UP_TO_11,
    "course/12-pixel-models/likelihoods.json": UP_TO_12,
}


class Score(NamedTuple):
    """Nats per image on the validation and on the test images, and how many numbers the model has learned."""

    valid: float
    test: float
    parameters: int


def flat():
    """Training, validation and test images as rows of 64 pixels."""
    return [images.reshape(len(images), -1) for images in binary_digits()[:3]]


@cache
def solution(unit):
    """What a unit's solution defines, its training cells included; the latter are defined but do not run."""
    [unit] = find_units(find_root(), [unit])
    notebook = read_source(unit.exercises).notebook
    names = [c.metadata["nbgrader"]["grade_id"] for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    first = next(name.removesuffix("-check") for name in names)
    return Answers(notebook, unit.course).function(first).__globals__ | {"notebook": notebook}


def training_of(space):
    """`train` as the exercises' training cell defines it: that cell's import and its one function, nothing more."""
    [cell] = [c.source for c in space["notebook"].cells if c.cell_type == "code" and "\ndef train(" in c.source]
    body = cell[cell.index("def train(") :]
    end = next(i for i, line in enumerate(body.splitlines()) if i and line and not line.startswith(" "))
    exec("\n".join(body.splitlines()[:end]), space | {"tqdm": lambda steps, **_: steps}, found := {})
    return found["train"]


# The models ---------------------------------------------------------------------------------------


def independent(seed):
    """Each pixel black with the share of training images in which it is, whatever the others are."""
    return of_unit_10("fit_independent_pixels")


def mixture(seed, sizes=(10, 20, 40, 80, 160)):
    """Mixtures of products of Bernoullis, by EM, of several sizes."""
    return (of_unit_10("fit_mixture", K, seed) for K in sizes)


def of_unit_10(fit, *args):
    space, (train, valid, test) = solution("10-generative-modelling"), flat()
    shares, theta = space[fit](train, *args)
    return Score(*(space["nll"](x, shares, theta) for x in (valid, test)), theta.size + shares.size - 1)


def of_unit_11(name):
    def model(seed):
        space = solution("11-autoregressive-models")
        trained = space[name](seed)
        training_of(space)(trained, seed)
        nll = space["bernoulli_nll"]
        # Entries that a mask switches off are no parameters.
        masks = getattr(trained, "masks", {"W": space["np"].tril(np.ones((64, 64)), -1)} if name == "FVSBN" else {})
        counts = [int(masks[k].sum()) if k in masks else v.size for k, v in trained.params.items()]
        return Score(*(nll(trained.scores(x), x)[0] for x in flat()[1:]), sum(counts))

    return model


def of_unit_12(name, first):
    def model(seed):
        space, digits = solution("12-pixel-models"), binary_digits()
        p, _ = space["train"](space[name], space[first](seed), digits.train, digits.valid, seed)
        np, mask = space["np"], space["pixel_mask"]
        masks = {k: mask(v.shape[-1], "A" if k == "w1" else "B") for k, v in p.items() if v.ndim == 4}
        masks |= {k: np.tril(np.ones_like(v), -1) for k, v in p.items() if k == "L"}
        counts = [int((np.ones_like(v) * masks.get(k, 1)).sum()) for k, v in p.items()]
        return Score(*(space[name](x, p)["J"] for x in (digits.valid, digits.test)), sum(counts))

    return model


MODELS = {
    "independent pixels": independent,
    "mixture of Bernoullis": mixture,
    "FVSBN": of_unit_11("FVSBN"),
    "NADE": of_unit_11("NADE"),
    "MADE": of_unit_11("MADE"),
    "PixelCNN": of_unit_12("pixelcnn", "first_pixelcnn"),
    "LSTM over rows": of_unit_12("row_lstm", "first_row_lstm"),
}


def best(found):
    return found if isinstance(found, Score) else min(found, key=lambda score: score.valid)


def write(name, result):
    """Put one model's numbers into every file that holds this model."""
    for file, names in RESULTS.items():
        path = find_root() / file
        if name in names and path.parent.exists():
            results = {**(json.loads(path.read_text()) if path.exists() else {}), name: result}
            listed = [n for n in names if n in results]
            path.write_text("{\n" + ",\n".join(f" {json.dumps(n)}: {json.dumps(results[n])}" for n in listed) + "\n}\n")


def main(*names):
    for name in names or MODELS:
        start, scores = time.perf_counter(), []
        for seed in SEEDS:
            with contextlib.redirect_stderr(io.StringIO()):
                scores.append(best(MODELS[name](seed)))
        result = {
            "valid": [round(float(s.valid), 2) for s in scores],
            "test": [round(float(s.test), 2) for s in scores],
            "parameters": [int(s.parameters) for s in scores],
        }
        write(name, result)
        test, seconds = [s.test for s in scores], (time.perf_counter() - start) / len(SEEDS)
        print(f"{name:<22} test {np.mean(test):6.2f} ± {np.std(test, ddof=1):.2f}  "
              f"valid {np.mean([s.valid for s in scores]):6.2f}  {seconds:5.1f} s a seed", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
