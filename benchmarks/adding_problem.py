"""The adding problem at greater lengths, with the LSTM of unit 08's solution. Run from the project's root.

    python benchmarks/adding_problem.py [seconds [T ...]]

For each length it trains as the exercises do, until the time is over (in equal parts) or the steps are done, and prints
the share of 256 fresh sequences whose error is below 0.04. Width and learning rate are those of the exercises; the forget
bias is 4 instead of 2, since the memory has to last longer, and there are up to 2000 updates instead of 1500.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import sys
import time

import numpy as np
from tqdm import tqdm

from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

STEPS, N, H, RATE, FORGET = 2000, 64, 16, 0.02, 4.0


def errors(space, p, x, target):
    zero = np.zeros((len(target), H))
    return np.abs(space["lstm_forward"](x, zero, zero, p)["y"][-1] @ p["v"] + p["d"] - target)


def train(space, T, seed, seconds):
    """Returns (updates done, share right, largest error) on fresh sequences. The rate falls to 0 over STEPS updates."""
    rng, fresh = np.random.default_rng(100 + seed), space["adding_problem"](T, 256, np.random.default_rng(2024))
    p, memory, zero = space["first_parameters"](H, seed, FORGET), {}, np.zeros((N, H))
    end = time.perf_counter() + seconds
    for step in tqdm(range(STEPS), desc=f"T = {T}, seed {seed}", disable=not sys.stderr.isatty()):
        # Where the time will not suffice for all steps, the rate falls with the time instead.
        share = max(step / STEPS, 1 - (end - time.perf_counter()) / seconds)
        if share >= 1:
            break
        x, target = space["adding_problem"](T, N, rng)
        run = space["lstm_forward"](x, zero, zero, p)
        _, Delta, dv, dd = space["adding_loss"](run["y"], target, p["v"], p["d"])
        grads = space["lstm_backward"](Delta, x, zero, zero, run, p) | {"dv": dv, "dd": dd}
        space["adam"](p, grads, memory, RATE * (1 - share))
    off = errors(space, p, *fresh)
    return step + 1, np.mean(off < 0.04), off.max()


def main(seconds=330.0, *lengths):
    [unit] = find_units(find_root(), ["08-lstm-backprop"])
    space = Answers(read_source(unit.exercises).notebook, unit.course).function("lstm_backward").__globals__
    lengths = [int(T) for T in lengths] or [100, 200]
    print(f"{'T':>5}{'seed':>6}{'updates':>9}{'right':>8}{'largest error':>15}")
    for T in lengths:
        for seed in (0, 1):
            updates, right, worst = train(space, T, seed, float(seconds) / len(lengths) / 2)
            print(f"{T:5}{seed:6}{updates:9}{right:8.1%}{worst:15.3f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
