"""Unit 14: the problems that the exercises are checked on. The right answers stand in reference.py.

In every batch some transitions terminated, some were truncated, some both (the pole falls at the very step at which the
time is over), and most neither. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# N, D, H and A differ, so that a wrong transpose or a mean over the wrong axis cannot hide.
SIZES = dict(N=9, D=4, H=5, A=3)
ONE, ONE_ACTION = EdgeCase(dict(N=1), "with one transition, which was truncated"), EdgeCase(dict(A=1), "with one action")
ALL_ZERO = EdgeCase(dict(scale=0.0), "with all weights and biases zero")
NETWORK = [
    ONE, EdgeCase(dict(D=1), "with one number for a state"), EdgeCase(dict(H=1), "with one hidden unit"), ONE_ACTION,
    dict(N=30, D=3, H=8, A=2), ALL_ZERO, dict(scale=6.0),
]  # fmt: skip
BELOW_ZERO = "The largest of negative values is negative. Does your maximum begin with 0?"
FIELDS = ["phi", "a", "r", "phi_next", "terminated", "truncated"]


def endings(N):
    """terminated and truncated (N,): one, the other, neither, both, and again."""
    kind = np.arange(N) % 4 if N > 1 else np.array([1])
    return (kind == 0) | (kind == 3), (kind == 1) | (kind == 3)


def transitions(rng, N, D, A):
    terminated, truncated = endings(N)
    r = rng.normal(size=N)
    r[: min(3, N)] = (0.3, -2.0, 50.0)[: min(3, N)]  # where all values are 0: an error below 1, and one above
    return dict(
        phi=rng.normal(size=(N, D)), a=rng.randint(A, size=N), r=r,
        phi_next=rng.normal(size=(N, D)), terminated=terminated, truncated=truncated,
    )  # fmt: skip


def parameters(rng, D, H, A, scale=1.0):
    return dict(
        W1=scale * rng.normal(size=(H, D)) / np.sqrt(D), b1=scale * rng.normal(size=H) / 2,
        W2=2 * scale * rng.normal(size=(A, H)) / np.sqrt(H), b2=scale * rng.normal(size=A),
    )  # fmt: skip


# value_iteration ---------------------------------------------------------------------------------


def make_world(rng, S, A, gamma, ends=2, cost=0.0):
    """A random world with `ends` terminal states; 400 sweeps are enough for any of the gammas used here."""
    P = rng.uniform(size=(S, A, S)) ** 4
    P /= P.sum(axis=-1, keepdims=True)
    terminal = np.zeros(S, dtype=bool)
    terminal[rng.permutation(S)[:ends]] = True
    R = np.clip(rng.normal(size=(S, A)), -3, 3) - cost
    R[np.flatnonzero(~terminal)[:1]] -= 100.0  # a state in which whatever one does is bad
    return dict(P=P, R=R, terminal=terminal, gamma=gamma, sweeps=400)


# q_update ----------------------------------------------------------------------------------------


def make_walk(rng, T, S, A, alpha, gamma, lift=0.0):
    """A walk of T transitions. The table is not zero, and each pair of state and action may come again."""
    s, s_next = rng.randint(S, size=T), rng.randint(S, size=T)
    Q, r = np.clip(rng.normal(size=(S, A)), -3, 3) + lift, rng.normal(size=T)
    # The second one goes on, in another state, in which all values are negative.
    s[0], r[0], s[1 % T], s_next[1 % T], Q[-1] = 0, -1.0, 0, S - 1, -0.1 - np.abs(Q[-1])
    return dict(
        Q=Q, s=s, a=rng.randint(A, size=T), r=r,
        s_next=s_next, terminated=endings(T)[0], alpha=alpha, gamma=gamma,
    )  # fmt: skip


def walk(answer, Q, s, a, r, s_next, terminated, alpha, gamma):
    """The table after each of the transitions. In place or not: both are right."""
    Q, shape, tables = Q.copy(), Q.shape, []
    for t in range(len(s)):
        Q = answer(Q, int(s[t]), int(a[t]), float(r[t]), int(s_next[t]), bool(terminated[t]), alpha, gamma)
        if np.shape(Q) != shape:
            return Q
        Q = np.array(Q, dtype=float)
        tables.append(Q.copy())
    return np.stack(tables)


# epsilon_greedy ----------------------------------------------------------------------------------


def make_choices(rng, N, A):
    """Values with ties, and what stands in the first rows: random numbers at the edge, near-ties, values below zero."""
    q = rng.randint(-2, 1 + max(1, A // 2), size=(N, A)).astype(float)
    epsilon, u, v = rng.choice([0.1, 0.4, 0.7], size=N), rng.uniform(size=N), rng.uniform(size=N)
    last, second, steps = A - 1, 1 % A, np.arange(A)
    rows = [  # values, epsilon, u, v
        (-9.0 * (steps == last), 0.0, 0.0, 0.999),  # the last action is not a best one; never explores
        (-9.0 * (steps == last), 1.0, 0.999, 0.999),  # always explores
        (0.0 * steps, 0.0, 0.5, 0.999),  # all equal
        (1e-4 * (steps == 0), 0.1, 0.9, 0.999),  # the first is better by a hair
        (1.0 + 1e-12 * (steps == second), 0.1, 0.9, 0.0),  # the second is, by a smaller one
        (-1.0 - (steps != last), 0.1, 0.9, 0.0),  # all below zero
        (1.0 * (steps == last), 0.4, 0.4, 0.0),  # u is epsilon
        (1.0 * (steps == last), 0.7, 0.1, 0.0),  # explores, and what it picks is no best action
        (1.0 * (steps == 0), 0.7, 0.1, 0.0),  # explores, and what it picks is the best action
        (0.0 * steps, 0.1, 0.9, 0.7),  # a share of the equals that rounding misses
        (0.0 * steps, 0.1, 0.9, 0.1),
    ]
    for n, (values, *numbers) in enumerate(rows[:N]):
        q[n], (epsilon[n], u[n], v[n]) = values, numbers
    return dict(q=q, epsilon=epsilon, u=u, v=v)


def choose(answer, q, epsilon, u, v):
    """The action for each row: an integer, of Python's or numpy's, or an array of no axes that holds one."""
    actions = []
    for row in zip(q, epsilon.tolist(), u.tolist(), v.tolist(), strict=True):
        action = answer(*row)
        if action is None:
            return None
        if np.ndim(action) or np.asarray(action).dtype.kind not in "iu":
            raise TypeError(f"the function should return the index of one action, an integer; it returned {action!r}")
        actions.append(int(action))
    return np.array(actions)


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
            empty = True if values.dtype == bool else -99
            slots = np.full((capacity, *values.shape[1:]), empty, values.dtype)
            slots[: self.size] = values
            setattr(self, field, slots)

    def __len__(self):
        return self.size


def make_draws(rng, size, capacity, N, D):
    """Every slot is drawn, if N allows it, and u lies exactly at the borders of slots and just below 1."""
    n = np.arange(N)
    u = ((N - 1 - n) % size + np.where(n % 2, 0.2, 0.8)) / size
    u[: min(3, N)] = (1 - 1e-9, 0.5, 0.0)[: min(3, N)]
    columns = transitions(rng, size, D, 4) | dict(a=np.arange(size) % 4)  # neighbours never have the same action
    return dict(u=u, capacity=capacity, **columns)


def draw(answer, u, capacity, *columns):
    found = answer(Stored(dict(zip(FIELDS, columns, strict=True)), capacity), u)
    if not isinstance(found, (tuple, list)):
        return found
    return tuple(f.astype(float) if isinstance(f, np.ndarray) and f.dtype == bool else f for f in found)


# dqn_targets and double_dqn_targets --------------------------------------------------------------


def make_targets(rng, N, A, gamma, scale=1.0, lift=0.0):
    batch, q_next = transitions(rng, N, 1, A), 3 * scale * np.clip(rng.normal(size=(N, A)), -3, 3) + lift
    q_next[1 % N] = -np.abs(q_next[1 % N])  # goes on, and all its values are negative
    return dict(
        q_next=q_next, r=batch["r"], terminated=batch["terminated"],
        truncated=batch["truncated"], gamma=gamma,
    )  # fmt: skip


def make_double(rng, N, A, gamma, scale=1.0):
    """In the first rows the two networks do not agree which action is best, nor which of them says more of it."""
    q_online, args = 3 * scale * rng.normal(size=(N, A)), make_targets(rng, N, A, gamma, scale)
    q_online[:3, 0], args["q_next"][:3, -1] = 20.0, 30.0
    args["q_next"][2:3, -1] = 10.0
    return dict(q_online=q_online, **args)


# q_loss ------------------------------------------------------------------------------------------


def make_loss(rng, N, D, H, A, scale=1.0, shock=0.0):
    """A batch, the Q-network and an older copy of it that differs."""
    p = parameters(rng, D, H, A, scale)
    old = {name: value + 0.3 * scale * rng.normal(size=value.shape) for name, value in p.items()}
    batch = transitions(rng, N, D, A)
    batch["r"][0] += shock
    return dict(**batch, p=p, p_target=old, gamma=0.9)


def use_loss(answer, *args):
    batch, (p, p_target, gamma) = args[: len(FIELDS)], args[len(FIELDS) :]
    return answer(tuple(batch), p, p_target, gamma)


# residual_gradient -------------------------------------------------------------------------------


def make_residual(rng, N, D, H, A, scale=1.0, shock=0.0):
    """One network for both states; in some next states the best action is the one that was taken."""
    batch = transitions(rng, N, D, A)
    batch["r"][0] += shock
    return dict(**batch, p=parameters(rng, D, H, A, scale), gamma=0.9)


def use_residual(answer, *args):
    batch, (p, gamma) = args[: len(FIELDS)], args[len(FIELDS) :]
    return answer(tuple(batch), p, gamma)


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


EXERCISES = {
    "value_iteration": Exercise(
        make_world, ["Q"], dict(S=6, A=3, gamma=0.9),
        [
            dict(gamma=0.0), ONE_ACTION, EdgeCase(dict(S=2, ends=1), "with two states, one of them terminal"),
            EdgeCase(dict(S=5, ends=0), "without terminal states"), EdgeCase(dict(S=4, ends=4), "where all states are terminal"),
            dict(S=12, A=4, gamma=0.8), EdgeCase(dict(cost=9.0), "where every reward is negative", BELOW_ZERO),
        ],
    ),
    "q_update": Exercise(
        make_walk, ["Q"], dict(T=12, S=4, A=3, alpha=0.3, gamma=0.9),
        [
            EdgeCase(dict(T=1), "with one transition"), ONE_ACTION, EdgeCase(dict(S=1), "with one state"), dict(alpha=1.0), dict(alpha=0.0),
            dict(gamma=0.0), dict(gamma=1.0, T=20), EdgeCase(dict(lift=-9.0), "where all values are negative", BELOW_ZERO),
        ],
        call=walk, forward=["Q"],
    ),
    "epsilon_greedy": Exercise(
        make_choices, ["a"], dict(N=24, A=5), [ONE_ACTION, dict(A=2), dict(N=200, A=9)], call=choose, judge="the reference",
    ),
    "ReplayBuffer": Exercise(
        make_pushes, ["size", *FIELDS], dict(pushes=10, capacity=4, D=3),
        [
            EdgeCase(dict(pushes=1), "after one push"), dict(pushes=3), dict(pushes=4), dict(pushes=5), dict(pushes=12),
            EdgeCase(dict(capacity=1), "with room for one transition"), EdgeCase(dict(D=1), "with one number for a state"),
        ],
        call=fill, judge="the reference", groups=[("size", "phi", "phi_next"), ("a", "r"), ("terminated", "truncated")],
    ),
    "sample": Exercise(
        make_draws, FIELDS, dict(size=6, capacity=10, N=8, D=3),
        [
            EdgeCase(dict(size=1), "with one transition stored"), EdgeCase(dict(size=10), "where the buffer is full"), EdgeCase(dict(N=1), "with one draw"),
            EdgeCase(dict(D=1), "with one number for a state"), dict(size=40, capacity=50, N=30),
        ],
        call=draw, judge="the reference",
    ),
    "dqn_targets": Exercise(
        make_targets, ["y"], dict(N=9, A=3, gamma=0.9),
        [
            ONE, ONE_ACTION, dict(gamma=0.0), dict(gamma=1.0), dict(N=40, A=5), dict(scale=0.0), dict(scale=1e6),
            EdgeCase(dict(lift=-20.0), "where all values are negative", BELOW_ZERO),
        ],
    ),
    "q_loss": Exercise(
        make_loss, ["J", "dW1", "db1", "dW2", "db2"], SIZES,
        [
            *NETWORK,
            EdgeCase(
                dict(shock=1e9), "where one reward is a billion",
                "The loss is huge beside a change of any one parameter, so differences of two losses have no digits left. The slope of the "
                "Huber loss is 1 there, as it is at an error of 2.",
                needed=True,
            ),
        ],
        call=use_loss, as_dict=True, groups=[("dW1", "db1"), ("dW2", "db2")],
    ),
    "residual_gradient": Exercise(
        make_residual, ["J", "dW1", "db1", "dW2", "db2"], SIZES,
        [
            *(edge for edge in NETWORK if edge != ALL_ZERO), dict(A=5),
            EdgeCase(
                dict(shock=1e9), "where one reward is a billion",
                "The loss is huge beside a change of any one parameter, so differences of two losses have no digits left. The chain rule "
                "has no such trouble.",
                needed=True,
            ),
        ],
        call=use_residual, as_dict=True, groups=[("dW1", "db1"), ("dW2", "db2")],
    ),
    "DQN": Exercise(
        make_agent, ["losses", "p W1", "p b2", "target W1", "target b2"], dict(T=7, sync_every=3, **SIZES),
        [
            dict(sync_every=1), dict(sync_every=7), EdgeCase(dict(sync_every=50), "before the first copy"), EdgeCase(dict(T=1), "after one step"),
            dict(T=12, sync_every=5), dict(T=10, sync_every=4), *NETWORK,
        ],
        call=use_agent, forward=["losses"], groups=[("p W1", "p b2"), ("target W1", "target b2")],
    ),
    "double_dqn_targets": Exercise(
        make_double, ["y"], dict(N=9, A=3, gamma=0.9), [ONE, ONE_ACTION, dict(gamma=0.0), dict(N=40, A=5)],
    ),
}  # fmt: skip
