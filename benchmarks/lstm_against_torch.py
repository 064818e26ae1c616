"""The numpy LSTM of unit 08's solution against torch.nn.LSTM with autograd, on one thread. Run from the project's root.

Both do the same work: forward, and backward from a gradient at every output to all weights, the input and the first
states; peepholes are zero, for torch has none, but the numpy code computes with them all the same. They take turns within
one run, so that what else the machine does meets both; what counts is the ratio.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import statistics
import time

import numpy as np
import torch

from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

SIZES = [(50, 64, 2, 16), (50, 32, 16, 64), (100, 64, 64, 256)]  # T, N, D, H
SECONDS = 5  # for each size


def problem(T, N, D, H, seed=0):
    rng = np.random.default_rng(seed)
    p = {"W" + k: rng.normal(size=(H, D)) / D**0.5 for k in "zifo"}
    p |= {"R" + k: rng.normal(size=(H, H)) / H**0.5 for k in "zifo"}
    p |= {"b" + k: rng.normal(size=H) for k in "zifo"} | {"p" + k: np.zeros(H) for k in "ifo"}
    return rng.normal(size=(T, N, D)), *rng.normal(size=(2, N, H)), p, rng.normal(size=(T, N, H))


def numpy_step(space, x, y0, c0, p, Delta):
    run = space["lstm_forward"](x, y0, c0, p)
    return run["y"], space["lstm_backward"](Delta, x, y0, c0, run, p)


def torch_step(lstm, x, y0, c0, Delta):
    lstm.zero_grad()
    for leaf in (x, y0, c0):
        leaf.grad = None
    y, _ = lstm(x, (y0, c0))
    y.backward(Delta)
    return y


def main():
    torch.set_num_threads(1)
    [unit] = find_units(find_root(), ["08-lstm-backprop"])
    space = Answers(read_source(unit.exercises).notebook, unit.course).function("lstm_backward").__globals__
    print(f"{'T, N, D, H':<22}{'numpy (ms)':>12}{'torch (ms)':>12}{'ratio':>8}")
    for size in SIZES:
        x, y0, c0, p, Delta = problem(*size)
        lstm = space["to_torch"](p)
        theirs = [torch.tensor(v, requires_grad=True) for v in (x, y0[None], c0[None])]
        y, grads = numpy_step(space, x, y0, c0, p, Delta)
        y_torch = torch_step(lstm, *theirs, torch.tensor(Delta))
        dR = np.concatenate([grads["dR" + k] for k in "ifzo"])
        same = np.allclose(y, y_torch.detach()) and np.allclose(dR, lstm.weight_hh_l0.grad)
        assert same and np.allclose(grads["dx"], theirs[0].grad), "the two do not compute the same"
        given = torch.tensor(Delta)
        steps = (lambda: numpy_step(space, x, y0, c0, p, Delta)), (lambda: torch_step(lstm, *theirs, given))
        times, end = ([], []), time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for mine, step in zip(times, steps, strict=True):
                start = time.perf_counter()
                step()
                mine.append(time.perf_counter() - start)
        mine, torchs = (1e3 * statistics.median(t) for t in times)
        print(f"{', '.join(map(str, size)):<22}{mine:12.2f}{torchs:12.2f}{mine / torchs:8.2f}")


if __name__ == "__main__":
    main()
