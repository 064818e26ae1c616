"""CartPole with the DQN of unit 14's solution: five seeds, whole and with a part taken away. Run from the project's root.

    python benchmarks/cartpole.py

It trains as the exercises do, one run after the other on one core, and writes what the lesson shows into
`course/14-deep-q-learning/cartpole.json`: for each run the mean return over the last 20 episodes, at the end and every
500 steps on the way, and the seconds of processor time that it took. The settings were chosen by trying about thirty of
them on one or more of the seeds 0 to 11, for the whole agent; so twelve further seeds, which had no part in that, are run too.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import json
import time

import numpy as np

from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

SEEDS, UNTOUCHED = range(5), range(12, 24)
VARIANTS = {"whole": {}, "no target network": {"sync_every": 1}, "no replay": {"replay": False}}
STEPS, EVERY, LAST = 60_000, 500, 20


def means(episodes):
    """The mean return of the last episodes at each of the marks; None where none has ended yet."""
    step, total = episodes.T
    counts = np.searchsorted(step, np.arange(EVERY, STEPS + 1, EVERY), side="right")
    return [round(float(total[max(0, n - LAST) : n].mean()), 1) if n else None for n in counts]


def main():
    [unit] = find_units(find_root(), ["14-deep-q-learning"])
    train = Answers(read_source(unit.exercises).notebook, unit.course).function("q_loss").__globals__["train"]
    found = {"made by": "benchmarks/cartpole.py", "steps": STEPS, "every": EVERY, "runs": {}}
    for variant, settings in VARIANTS.items():
        found["runs"][variant] = []
        for seed in SEEDS:
            start = time.process_time()
            _, episodes = train(seed, STEPS, **settings)
            seconds = round(time.process_time() - start, 1)
            last = round(float(episodes[-LAST:, 1].mean()), 1)
            run = {"seed": seed, "last": last, "episodes": len(episodes), "seconds": seconds, "curve": means(episodes)}
            found["runs"][variant].append(run)
            print(f"{variant:20} seed {seed}  mean of the last {LAST}: {last:5.1f}  {seconds:5.1f} s", flush=True)
    found["untouched seeds"] = {}
    for seed in UNTOUCHED:
        _, episodes = train(seed, STEPS)
        found["untouched seeds"][seed] = round(float(episodes[-LAST:, 1].mean()), 1)
        print(f"untouched seed {seed}: {found['untouched seeds'][seed]:5.1f}", flush=True)
    # One line for each run: a file that can be read, and compared.
    text = (
        json.dumps(found, separators=(",", ":"))
        .replace('{"seed"', '\n{"seed"')
        .replace('],"no', '],\n"no')
        .replace(',"unt', ',\n"unt')
    )
    (unit.course / "cartpole.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
