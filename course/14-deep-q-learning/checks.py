"""Unit 14: the problems that the exercises are checked on, and torch's answers to them.

Values are compared with exact solutions of the Bellman equations, gradients with torch's autograd under
`torch.no_grad()` for the target, and a whole agent with `torch.nn`, `huber_loss` and `torch.optim.Adam`.
Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise

# N, D, H and A differ; among the transitions of every batch some are terminated, some truncated, and most neither.
SIZES = dict(N=9, D=4, H=5, A=3)
EDGES = [dict(N=1), dict(D=1), dict(H=1), dict(A=1), dict(N=30, D=3, H=8, A=2), dict(scale=0.0), dict(scale=6.0)]
FIELDS = ["phi", "a", "r", "phi_next", "terminated", "truncated"]


def tensor(array, **kwargs):
    return torch.tensor(np.asarray(array, dtype=float), **kwargs)


def endings(rng, N):
    """terminated and truncated (N,): at most one of them is True, and where N allows it each occurs."""
    kind = np.concatenate([[1, 2, 0, 1, 2], rng.choice(4, size=N)])[:N] if N > 1 else rng.choice(3, size=1)
    kind = rng.permutation(kind)
    return kind == 1, kind == 2


def transitions(rng, N, D, A):
    terminated, truncated = endings(rng, N)
    return dict(
        phi=rng.normal(size=(N, D)), a=rng.randint(A, size=N), r=rng.normal(size=N),
        phi_next=rng.normal(size=(N, D)), terminated=terminated, truncated=truncated,
    )  # fmt: skip


def parameters(rng, D, H, A, scale=1.0):
    return dict(
        W1=scale * rng.normal(size=(H, D)) / np.sqrt(D), b1=scale * rng.normal(size=H) / 2,
        W2=2 * scale * rng.normal(size=(A, H)) / np.sqrt(H), b2=scale * rng.normal(size=A),
    )  # fmt: skip


# value_iteration ---------------------------------------------------------------------------------


def make_world(rng, S, A, gamma, ends=2):
    """A random world with `ends` terminal states; 400 sweeps are enough for any of the gammas used here."""
    P = rng.uniform(size=(S, A, S)) ** 4
    P /= P.sum(axis=-1, keepdims=True)
    terminal = np.zeros(S, dtype=bool)
    terminal[rng.permutation(S)[:ends]] = True
    return dict(P=P, R=rng.normal(size=(S, A)), terminal=terminal, gamma=gamma, sweeps=400)


# q_update ----------------------------------------------------------------------------------------


def make_walk(rng, T, S, A, alpha, gamma):
    """A walk of T transitions. The table is not zero, and each pair of state and action may come again."""
    terminated, truncated = endings(rng, T)
    return dict(
        Q=rng.normal(size=(S, A)), s=rng.randint(S, size=T), a=rng.randint(A, size=T), r=rng.normal(size=T),
        s_next=rng.randint(S, size=T), terminated=terminated, alpha=alpha, gamma=gamma,
    )  # fmt: skip


def walk(answer, Q, s, a, r, s_next, terminated, alpha, gamma):
    """The table after each of the transitions. In place or not: both are right."""
    Q, tables = Q.copy(), []
    for t in range(len(s)):
        Q = answer(Q, int(s[t]), int(a[t]), float(r[t]), int(s_next[t]), bool(terminated[t]), alpha, gamma)
        if not isinstance(Q, np.ndarray):
            return Q
        tables.append(Q.copy())
    return np.stack(tables)


# epsilon_greedy ----------------------------------------------------------------------------------


def make_choices(rng, N, A):
    """Values with ties; the first rows have epsilon 0 and 1, and random numbers at the edge."""
    q = rng.randint(-2, 1 + max(1, A // 2), size=(N, A)).astype(float)
    q[3::4] = 0.0  # all equal
    q[0, -1] -= 9.0  # the last action is not the best one of the first row
    epsilon, u, v = rng.choice([0.1, 0.4, 0.7], size=N), rng.uniform(size=N), rng.uniform(size=N)
    edge = [(0.0, 0.0, 0.999), (1.0, 0.999, 0.2), (0.0, 0.5, 0.0), (1.0, 0.0, 0.999)]
    for n, values in enumerate(edge[: max(0, N - 4)]):
        epsilon[n], u[n], v[n] = values
    return dict(q=q, epsilon=epsilon, u=u, v=v)


def choose(answer, q, epsilon, u, v):
    chosen = [answer(*row) for row in zip(q, epsilon.tolist(), u.tolist(), v.tolist(), strict=True)]
    if all(isinstance(c, (int, np.integer)) and not isinstance(c, bool) for c in chosen):
        return np.array(chosen)
    return next(c for c in chosen if isinstance(c, bool) or not isinstance(c, (int, np.integer)))


def chosen(q, epsilon, u, v):
    actions = []
    for n in range(len(q)):
        allowed = torch.ones(q.shape[1]) if u[n] < epsilon[n] else (tensor(q[n]) == tensor(q[n]).max()).double()
        which = allowed.nonzero()[:, 0]
        actions.append(which[int(v[n] * len(which))].item())
    return dict(a=np.array(actions))


# ReplayBuffer ------------------------------------------------------------------------------------


def make_pushes(rng, pushes, capacity, D):
    return dict(capacity=capacity, **transitions(rng, pushes, D, 4))


def fill(ReplayBuffer, capacity, phi, a, r, phi_next, terminated, truncated):
    """Push all transitions. The caller's arrays for phi and phi_next are used again, as some environments do."""
    buffer = ReplayBuffer(capacity, phi.shape[1])
    here, there = np.empty(phi.shape[1]), np.empty(phi.shape[1])
    for n in range(len(phi)):
        here[:], there[:] = phi[n], phi_next[n]
        buffer.push(here, int(a[n]), float(r[n]), there, bool(terminated[n]), bool(truncated[n]))
    size = len(buffer)
    return size, *(np.asarray(getattr(buffer, field)[:size], dtype=float) for field in FIELDS)


# sample ------------------------------------------------------------------------------------------


class Stored:
    """A buffer of `capacity` slots of which the first `size` hold transitions; the others hold what must not be drawn."""

    def __init__(self, columns, capacity):
        self.size, self.capacity = len(columns["phi"]), capacity
        for field, values in columns.items():
            slots = np.full(
                (capacity, *values.shape[1:]), values.dtype.type(1) if values.dtype == bool else -99, values.dtype
            )
            slots[: self.size] = values
            setattr(self, field, slots)

    def __len__(self):
        return self.size


def make_draws(rng, size, capacity, N, D):
    u = rng.uniform(size=N)
    u[0], u[-1] = 0.0, 1 - 1e-9
    return dict(u=u, capacity=capacity, **transitions(rng, size, D, 4))


def draw(answer, u, capacity, *columns):
    found = answer(Stored(dict(zip(FIELDS, columns, strict=True)), capacity), u)
    if not isinstance(found, (tuple, list)):
        return found
    return tuple(f.astype(float) if isinstance(f, np.ndarray) and f.dtype == bool else f for f in found)


# dqn_targets and double_dqn_targets --------------------------------------------------------------


def make_targets(rng, N, A, gamma, scale=1.0):
    batch = transitions(rng, N, 1, A)
    return dict(
        q_next=3 * scale * rng.normal(size=(N, A)), r=batch["r"], terminated=batch["terminated"],
        truncated=batch["truncated"], gamma=gamma,
    )  # fmt: skip


def make_double(rng, N, A, gamma, scale=1.0):
    return dict(q_online=3 * scale * rng.normal(size=(N, A)), **make_targets(rng, N, A, gamma, scale))


# q_loss ------------------------------------------------------------------------------------------


def make_loss(rng, N, D, H, A, scale=1.0):
    """A batch, the Q-network and an older copy of it that differs."""
    p = parameters(rng, D, H, A, scale)
    old = {name: value + 0.3 * scale * rng.normal(size=value.shape) for name, value in p.items()}
    return dict(**transitions(rng, N, D, A), p=p, p_target=old, gamma=0.9)


def use_loss(answer, *args):
    batch, (p, p_target, gamma) = args[: len(FIELDS)], args[len(FIELDS) :]
    return answer(tuple(batch), p, p_target, gamma)


# DQN ---------------------------------------------------------------------------------------------


def make_agent(rng, T, N, D, H, A, sync_every, scale=1.0):
    """T batches to learn from. Their fields are (T, N, ...)."""
    batches = [transitions(rng, N, D, A) for _ in range(T)]
    return dict(
        p=parameters(rng, D, H, A, scale), sync_every=sync_every, rate=0.05,
        **{field: np.stack([b[field] for b in batches]) for field in FIELDS},
    )  # fmt: skip


def use_agent(DQN, p, sync_every, rate, *columns):
    """Let the agent learn from the batches one by one; then look at its losses and at both networks."""
    agent = DQN({name: value.copy() for name, value in p.items()}, 0.9, sync_every)
    losses = []
    for batch in zip(*columns, strict=True):
        losses.append(agent.learn(batch, rate))
        if losses[-1] is None:
            return None
    return np.array(losses, dtype=float), agent.p["W1"], agent.p["b2"], agent.target["W1"], agent.target["b2"]


def edges(*names):
    return [e for e in EDGES if set(e) <= {*names, "scale"}]


EXERCISES = {
    "value_iteration": Exercise(
        make_world, ["Q"], dict(S=6, A=3, gamma=0.9),
        [dict(gamma=0.0), dict(A=1), dict(S=2, ends=1), dict(S=5, ends=0), dict(S=4, ends=4), dict(S=12, A=4, gamma=0.8)],
    ),
    "q_update": Exercise(
        make_walk, ["Q"], dict(T=12, S=4, A=3, alpha=0.3, gamma=0.9),
        [dict(T=1), dict(A=1), dict(S=1), dict(alpha=1.0), dict(alpha=0.0), dict(gamma=0.0), dict(gamma=1.0, T=20)],
        call=walk, forward=["Q"],
    ),
    "epsilon_greedy": Exercise(
        make_choices, ["a"], dict(N=24, A=5), [dict(A=1), dict(A=2), dict(N=200, A=9)], call=choose,
    ),
    "ReplayBuffer": Exercise(
        make_pushes, ["size", *FIELDS], dict(pushes=11, capacity=4, D=3),
        [dict(pushes=1), dict(pushes=3), dict(pushes=4), dict(pushes=5), dict(pushes=12), dict(capacity=1), dict(D=1)],
        call=fill,
    ),
    "sample": Exercise(
        make_draws, FIELDS, dict(size=6, capacity=10, N=8, D=3),
        [dict(size=1), dict(size=10), dict(N=1), dict(D=1), dict(size=40, capacity=50, N=30)], call=draw,
    ),
    "dqn_targets": Exercise(
        make_targets, ["y"], dict(N=9, A=3, gamma=0.9),
        [dict(N=1), dict(A=1), dict(gamma=0.0), dict(gamma=1.0), dict(N=40, A=5), dict(scale=0.0), dict(scale=1e6)],
    ),
    "q_loss": Exercise(
        make_loss, ["J", "dW1", "db1", "dW2", "db2"], SIZES, EDGES, call=use_loss, as_dict=True,
    ),
    "DQN": Exercise(
        make_agent, ["losses", "p W1", "p b2", "target W1", "target b2"], dict(T=7, sync_every=3, **SIZES),
        [dict(sync_every=1), dict(sync_every=7), dict(sync_every=50), dict(T=1), dict(T=12, sync_every=5), *EDGES],
        call=use_agent, forward=["losses"],
    ),
    "double_dqn_targets": Exercise(
        make_double, ["y"], dict(N=9, A=3, gamma=0.9), [dict(N=1), dict(A=1), dict(gamma=0.0), dict(N=40, A=5)],
    ),
}  # fmt: skip
