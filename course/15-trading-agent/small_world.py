"""A market of one asset and nine drifts, in which the agent sees what it holds: small enough to be solved exactly."""

import numpy as np
import torch
from agent import policy_of

DRIFTS = np.linspace(-0.4, 0.4, 9)  # percent a day
K = len(DRIFTS)
MOVES = 0.8 * np.eye(K)  # each day the drift stays, or moves to a neighbour; at the ends it may stay instead
for k in range(K):
    MOVES[k, max(k - 1, 0)] += 0.1
    MOVES[k, min(k + 1, K - 1)] += 0.1


def values(kind, gamma, tau=1.0, fee=0.5, sweeps=3000):
    """Q (K, 2, 2) by drift, what is held (0 cash, 1 the asset) and what is to be held next, for a target policy.

    The reward is the percent that the next day brings on average, less the fee of a change. The Bellman equation of the target
    policy, as `agent.policy_of` has it, is applied `sweeps` times, from 0 on.
    """
    held, then = np.arange(2)[:, None], np.arange(2)
    reward = torch.tensor(DRIFTS[:, None, None] * then - fee * (then != held))
    moves, Q = torch.tensor(MOVES), torch.zeros(K, 2, 2, dtype=torch.float64)
    for _ in range(sweeps):
        v = (policy_of(Q.reshape(-1, 2), kind, tau).reshape(Q.shape) * Q).sum(dim=2)
        Q = reward + gamma * (moves @ v)[:, None, :]
    return Q.numpy()


def profits(Q, fee=0.5, markets=50, days=900, noise=1.0):
    """What the best action of Q earns, in percent a day, on each of `markets` markets; the same markets for every Q."""
    best, rng = Q.argmax(axis=2), np.random.default_rng(0)
    drift, held, total = np.full(markets, K // 2), np.zeros(markets, dtype=int), np.zeros(markets)
    for _ in range(days):
        then = best[drift, held]
        total += then * (DRIFTS[drift] + noise * rng.normal(size=markets)) - fee * (then != held)
        held, u = then, rng.uniform(size=markets)
        drift = np.clip(drift + (u > 0.9) - (u < 0.1), 0, K - 1)
    return total / days
