"""How well each model of part V predicts the binarised digits: negative log-likelihoods in nats per image. Run from the root.

    python benchmarks/likelihoods.py [name ...]

trains the named models (without names: all), each with three seeds, and writes the numbers into
`course/11-autoregressive-models/likelihoods.json`. What the file holds of other models stays. FVSBN, NADE and MADE are
those of unit 11's solution, trained as its exercises do; all models learn from the same 1,000 images of
`byhand.digits.binary_digits`, stop or choose their size by the same 297, and are tested on the same 500.

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

from byhand.digits import binary_digits
from byhand.teaching.course import find_root, find_units
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

SEEDS = (0, 1, 2)
RESULTS = "course/11-autoregressive-models/likelihoods.json"


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
    train, valid, test = flat()
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    return Score(*(-np.log(np.where(x == 1, p, 1 - p)).sum(axis=1).mean() for x in (valid, test)), p.size)


def mixture(seed, sizes=(10, 20, 40, 60, 80), iterations=100):
    """Mixtures of products of Bernoullis, by EM. Each component's pixels get one black and one white image beforehand."""
    train, valid, test = flat()
    for K in sizes:
        rng = np.random.default_rng(seed)
        share, p = np.full(K, 1 / K), rng.uniform(0.25, 0.75, (K, train.shape[1]))

        def log_joint(x):
            return np.log(share) + x @ np.log(p).T + (1 - x) @ np.log(1 - p).T  # noqa: B023

        for _ in range(iterations):
            joint = log_joint(train)
            belongs = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
            count = belongs.sum(axis=0)
            share, p = (count + 1) / (count + 1).sum(), (belongs.T @ train + 1) / (count[:, None] + 2)
        nats = [-np.logaddexp.reduce(log_joint(x), axis=1).mean() for x in (valid, test)]
        yield Score(*nats, p.size + K - 1)


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


MODELS = {
    "independent pixels": independent,
    "mixture of Bernoullis": mixture,
    "FVSBN": of_unit_11("FVSBN"),
    "NADE": of_unit_11("NADE"),
    "MADE": of_unit_11("MADE"),
}


def best(found):
    return found if isinstance(found, Score) else min(found, key=lambda score: score.valid)


def main(*names):
    path = find_root() / RESULTS
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in names or MODELS:
        start, scores = time.perf_counter(), []
        for seed in SEEDS:
            with contextlib.redirect_stderr(io.StringIO()):
                scores.append(best(MODELS[name](seed)))
        results[name] = {
            "valid": [round(float(s.valid), 2) for s in scores],
            "test": [round(float(s.test), 2) for s in scores],
            "parameters": [int(s.parameters) for s in scores],
        }
        test, seconds = [s.test for s in scores], (time.perf_counter() - start) / len(SEEDS)
        print(f"{name:<22} test {np.mean(test):6.2f} ± {np.std(test, ddof=1):.2f}  "
              f"valid {np.mean([s.valid for s in scores]):6.2f}  {seconds:5.1f} s a seed", flush=True)  # fmt: skip
        listed = [n for n in MODELS if n in results] + [n for n in results if n not in MODELS]
        lines = ",\n".join(f" {json.dumps(n)}: {json.dumps(results[n])}" for n in listed)
        path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
