"""Unit 15: the problems that the exercises are checked on, and the answers to them.

Where torch has the thing (windows, softmax, gradients), your answers are compared with torch: the update of EG with
autograd's gradient of the log return, the gradient of the loss with autograd's, the target held fixed. Where it has none
(orders, fees, metrics, PAMR), plain loops follow the definitions: Cover (1991), Helmbold et al. (1998), Li et al. (2012).
Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise

# history_blocks ----------------------------------------------------------------------------------


def make_blocks(rng, T, m, w, late=True, flat=True, scale=1.0):
    candles = scale * np.exp(np.cumsum(0.1 * rng.normal(size=(T, m, 9)), axis=0))
    if flat:
        candles[T // 2 :, -1, 6] = candles[T // 2, -1, 6]  # a property that stops moving
    if late:
        candles[: T // 3, 0] = np.nan  # the first asset is listed later
    return dict(candles=candles, w=w)


# trade_day ---------------------------------------------------------------------------------------


def make_day(rng, m, fee, N=None, move=0.1, full=False, scale=200.0):
    a = np.arange(2 * m + 1) if N is None else rng.randint(2 * m + 1, size=N)
    rng.shuffle(a)
    p = np.concatenate([[1.0], rng.uniform(0.5, 20, size=m)])
    amounts = rng.uniform(0.1, 2.0, size=(len(a), m + 1)) / p
    sigma = np.ones(len(a)) if full else rng.uniform(0.1, 0.9, size=len(a))
    p_next = p * np.concatenate([[1.0], np.exp(move * rng.normal(size=m))])
    return dict(amounts=amounts, p=p, p_next=p_next, a=a, sigma=sigma, fee=fee, scale=scale)


# metrics -----------------------------------------------------------------------------------------


def make_curve(rng, T, size=0.05, drift=0.0, crash=True):
    steps = drift + size * rng.normal(size=T)
    if crash and T > 5:  # the worst fall comes early, from a peak that is not the highest of all
        steps[T // 3] -= 0.5
        steps[2 * T // 3] += 0.9
        steps[-2:] = -0.2, 0.1
    return dict(V=3.0 * np.exp(np.cumsum(np.concatenate([[0.0], steps]))))


# The benchmarks ----------------------------------------------------------------------------------


def make_ratios(rng, T, m, size=0.1, **more):
    return dict(x=np.exp(size * rng.normal(size=(T, m))), **more)


def make_follow(rng, T, m, fee, size=0.1, corners=False):
    b = torch.softmax(torch.tensor(rng.normal(size=(T, m))), dim=1).numpy()
    if corners:
        b = np.eye(m)[rng.randint(m, size=T)]
    return dict(b=b, **make_ratios(rng, T, m, size), fee=fee)


def make_pamr(rng, T, m, eps, size=0.1, flat=False):
    args = make_ratios(rng, T, m, size)
    if flat:
        args["x"][T // 2] = 1.02  # all assets move alike
    return dict(args, eps=eps)


# sarsa_loss --------------------------------------------------------------------------------------


def make_sarsa(rng, N, A, tau, gamma=0.9, done=0.3, size=1.0, zero=True):
    Q_next = size * (rng.normal(size=(N, A)) + 0.5)
    if zero:
        Q_next[N // 2] = 0.0
    ends = (rng.uniform(size=N) < done).astype(float)
    if 0 < done < 1 and N > 2:
        ends[0], ends[1], ends[N // 2] = 0.0, 1.0, 0.0
    return dict(
        Q=size * rng.normal(size=(N, A)), a=rng.randint(A, size=N), r=rng.uniform(-1, 1, size=N),
        Q_next=Q_next, done=ends, gamma=gamma, tau=tau,
    )  # fmt: skip


EXERCISES = {
    "history_blocks": Exercise(
        make_blocks, ["phi"], dict(T=12, m=3, w=5),
        [dict(w=1), dict(w=12), dict(m=1), dict(late=False), dict(flat=False), dict(T=40, w=30), dict(scale=1e6)],
    ),
    "trade_day": Exercise(
        make_day, ["after", "value", "r"], dict(m=3, fee=0.02),
        [dict(m=1), dict(fee=0.0), dict(full=True), dict(N=1), dict(N=20, m=5), dict(move=0.0), dict(fee=0.001)],
    ),
    "metrics": Exercise(
        make_curve, ["profit", "sharpe", "drawdown"], dict(T=12),
        [dict(T=1), dict(T=2), dict(size=0.0, crash=False), dict(size=0.01, drift=0.05, crash=False),
         dict(size=0.01, drift=-0.05), dict(T=200), dict(T=60, crash=False)],
    ),
    "ubah": Exercise(
        make_ratios, ["V"], dict(T=6, m=3, fee=0.02),
        [dict(T=1), dict(m=1), dict(fee=0.0), dict(size=0.0), dict(T=40, m=7)], forward=["V"],
    ),
    "follow": Exercise(
        make_follow, ["V"], dict(T=6, m=3, fee=0.02),
        [dict(T=1), dict(m=1), dict(fee=0.0), dict(size=0.0), dict(corners=True), dict(T=25, m=6), dict(fee=0.2)],
        forward=["V"],
    ),
    "eg": Exercise(
        make_ratios, ["b"], dict(T=6, m=3, eta=0.5),
        [dict(T=1), dict(m=1), dict(eta=0.0), dict(eta=0.05), dict(size=0.0), dict(T=40, m=7)], forward=["b"],
    ),
    "pamr": Exercise(
        make_pamr, ["b"], dict(T=9, m=4, eps=1.0),
        [dict(T=1), dict(m=1), dict(eps=0.5), dict(eps=2.0), dict(flat=True), dict(size=0.0), dict(T=40, m=7)],
        forward=["b"],
    ),
    "sarsa_loss": Exercise(
        make_sarsa, ["pi", "y", "J", "dQ"], dict(N=6, A=5, tau=1.5),
        [dict(N=1), dict(A=1), dict(tau=0.25), dict(tau=0.002), dict(tau=50.0), dict(done=0.0), dict(done=1.0),
         dict(gamma=0.0), dict(size=1e3), dict(size=1e-3), dict(zero=False)],
    ),
}  # fmt: skip
