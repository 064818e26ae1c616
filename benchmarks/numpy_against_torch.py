"""The numpy RNN of unit 05's solution against torch.nn.RNN with autograd, on one thread. Run from the project's root.

Both do the same work: forward, mean cross-entropy, backward to all parameters and h0. They take turns within one run, so
that what else the machine does meets both; what counts is the ratio.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F

from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

SIZES = [(20, 8, 8, 16), (50, 16, 30, 64), (50, 32, 64, 128), (100, 32, 64, 256)]  # T, N, D, H
SECONDS = 3  # for each size


def problem(T, N, D, H, seed=0):
    rng = np.random.default_rng(seed)
    p = {"U": rng.normal(size=(H, D)) / D**0.5, "W": rng.normal(size=(H, H)) / H**0.5}
    p |= {"V": rng.normal(size=(D, H)) / H**0.5, "b": np.zeros(H), "c": np.zeros(D)}
    return rng.normal(size=(T, N, D)), rng.integers(D, size=(T, N)), np.zeros((N, H)), p


def numpy_step(space, x, y, h0, p):
    h, o = space["rnn_forward"](x, h0, **p)
    J, do = space["cross_entropy"](o, y)
    return J, space["rnn_backward"](do, x, h0, h, p["U"], p["W"], p["V"])


def torch_step(rnn, linear, x, y, h0):
    rnn.zero_grad(), linear.zero_grad()
    h0.grad = None
    h, _ = rnn(x, h0[None])
    J = F.cross_entropy(linear(h).flatten(0, 1), y.flatten())
    J.backward()
    return J.item(), rnn.weight_hh_l0.grad.numpy()


def main():
    torch.set_num_threads(1)
    [unit] = find_units(find_root(), ["05-simple-rnn"])
    solved = Answers(read_source(unit.exercises).notebook, unit.course)
    space = {name: solved.function(name) for name in ("rnn_forward", "cross_entropy", "rnn_backward")}
    print(f"{'T, N, D, H':<22}{'numpy (ms)':>12}{'torch (ms)':>12}{'ratio':>8}")
    for size in SIZES:
        x, y, h0, p = problem(*size)
        T, N, D, H = size
        rnn, linear = torch.nn.RNN(D, H).double(), torch.nn.Linear(H, D).double()
        values = {"weight_ih_l0": p["U"], "weight_hh_l0": p["W"], "bias_ih_l0": p["b"], "bias_hh_l0": np.zeros(H)}
        rnn.load_state_dict({k: torch.tensor(v) for k, v in values.items()})
        linear.load_state_dict({"weight": torch.tensor(p["V"]), "bias": torch.tensor(p["c"])})
        theirs = (rnn, linear, torch.tensor(x), torch.tensor(y), torch.tensor(h0, requires_grad=True))
        J, grads = numpy_step(space, x, y, h0, p)
        J_torch, dW = torch_step(*theirs)
        assert abs(J - J_torch) < 1e-10 and np.allclose(grads["dW"], dW), "the two do not compute the same"
        times, end = ([], []), time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for mine, step in zip(
                times, (lambda: numpy_step(space, x, y, h0, p), lambda: torch_step(*theirs)), strict=True
            ):
                start = time.perf_counter()
                step()
                mine.append(time.perf_counter() - start)
        mine, torchs = (1e3 * statistics.median(t) for t in times)
        print(f"{', '.join(map(str, size)):<22}{mine:12.2f}{torchs:12.2f}{mine / torchs:8.2f}")


if __name__ == "__main__":
    main()
