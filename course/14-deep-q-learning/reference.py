"""Unit 14: the right answers to the problems of checks.py.

Values are exact solutions of the Bellman equations; gradients are autograd's, with the target under `torch.no_grad()`; a whole
agent is `torch.nn`, `huber_loss` and `torch.optim.Adam`. For what torch has nothing, choosing, storing and drawing, plain
loops follow the statements.
"""

import numpy as np
import torch
from checks import FIELDS
from torch.nn.functional import huber_loss, mse_loss


def tensor(array, **kwargs):
    return torch.tensor(np.asarray(array, dtype=float), **kwargs)


def network(p):
    """The Q-network as torch has it."""
    (H, D), A = p["W1"].shape, len(p["W2"])
    net = torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.Tanh(), torch.nn.Linear(H, A)).double()
    net.load_state_dict(
        {"0.weight": tensor(p["W1"]), "0.bias": tensor(p["b1"]), "2.weight": tensor(p["W2"]), "2.bias": tensor(p["b2"])}
    )
    return net


def bellman(q_next, r, terminated, gamma):
    """Reward plus discounted best value; a terminated transition has no next value, a truncated one has."""
    goes_on = torch.tensor(~np.asarray(terminated, dtype=bool))
    best = torch.where(goes_on, q_next.max(dim=1).values, 0.0)
    return tensor(r) + gamma * best


def loss_of(net, frozen, batch, gamma):
    with torch.no_grad():
        y = bellman(frozen(tensor(batch["phi_next"])), batch["r"], batch["terminated"], gamma)
    q = net(tensor(batch["phi"])).gather(1, torch.tensor(batch["a"])[:, None])[:, 0]
    return huber_loss(q, y)


def optimal(P, R, terminal, gamma, sweeps):
    """Policy iteration: solve the linear equations of a policy exactly, improve it, until it stays the same."""
    P, R, goes_on = tensor(P), tensor(R), torch.tensor(~terminal)
    S, A, _ = P.shape
    P, R = P * goes_on[:, None, None] * goes_on, R * goes_on[:, None]
    policy = torch.zeros(S, dtype=torch.long)
    for _ in range(100):
        rows = torch.arange(S)
        v = torch.linalg.solve(torch.eye(S, dtype=torch.float64) - gamma * P[rows, policy], R[rows, policy])
        Q = R + gamma * P @ v
        better = Q.argmax(dim=1)
        if bool((Q[rows, better] <= Q[rows, policy] + 1e-13).all()):
            break
        policy = better
    return dict(Q=Q.numpy())


def walked(Q, s, a, r, s_next, terminated, alpha, gamma):
    """Each update is a step of gradient descent on half the squared error, with the target held fixed."""
    Q, tables = tensor(Q, requires_grad=True), []
    for t in range(len(s)):
        y = bellman(Q[s_next[t]][None].detach(), r[t : t + 1], terminated[t : t + 1], gamma)[0]
        [dQ] = torch.autograd.grad((Q[s[t], a[t]] - y) ** 2 / 2, Q)
        Q = (Q - alpha * dQ).detach().requires_grad_()
        tables.append(Q.detach().numpy())
    return dict(Q=np.stack(tables))


def chosen(q, epsilon, u, v):
    actions = []
    for values, chance, decides, picks in zip(q.tolist(), epsilon, u, v, strict=True):
        allowed = [a for a, value in enumerate(values) if decides < chance or value == max(values)]
        actions.append(allowed[int(picks * len(allowed))])
    return dict(a=np.array(actions))


def filled(capacity, **columns):
    """The n-th transition lies in slot n modulo capacity, unless a later one lies there."""
    pushes = len(columns["phi"])
    size = min(pushes, capacity)
    last = [max(range(slot, pushes, capacity)) for slot in range(size)]
    return dict(size=np.array(size), **{field: columns[field][last].astype(float) for field in FIELDS})


def drawn(u, capacity, **columns):
    slots = [int(number * len(columns["phi"])) for number in u.tolist()]
    return {field: columns[field][slots].astype(float) for field in FIELDS}


def targets(q_next, r, terminated, truncated, gamma):
    return dict(y=bellman(tensor(q_next), r, terminated, gamma).numpy())


def double(q_online, q_next, r, terminated, truncated, gamma):
    best = tensor(q_online).argmax(dim=1, keepdim=True)
    return dict(y=bellman(tensor(q_next).gather(1, best), r, terminated, gamma).numpy())


def loss_and_gradients(p, p_target, gamma, **batch):
    net = network(p)
    J = loss_of(net, network(p_target), batch, gamma)
    J.backward()
    grads = {f"d{name}": x.grad.numpy() for name, x in zip(("W1", "b1", "W2", "b2"), net.parameters(), strict=True)}
    return dict(J=J.detach().numpy(), **grads)


def residual(p, gamma, **batch):
    net = network(p)
    q = net(tensor(batch["phi"])).gather(1, torch.tensor(batch["a"])[:, None])[:, 0]
    y = bellman(net(tensor(batch["phi_next"])), batch["r"], batch["terminated"], gamma)
    J = mse_loss(q, y) / 2
    J.backward()
    grads = {f"d{name}": x.grad.numpy() for name, x in zip(("W1", "b1", "W2", "b2"), net.parameters(), strict=True)}
    return dict(J=J.detach().numpy(), **grads)


def trained(p, sync_every, rate, **columns):
    net, frozen = network(p), network(p)
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=rate), []
    for t in range(len(columns["phi"])):
        optimiser.zero_grad()
        J = loss_of(net, frozen, {field: columns[field][t] for field in FIELDS}, 0.9)
        J.backward()
        optimiser.step()
        losses.append(J.item())
        if (t + 1) % sync_every == 0:
            frozen.load_state_dict(net.state_dict())
    W1, _, _, b2 = (x.detach().numpy() for x in net.parameters())
    old_W1, _, _, old_b2 = (x.detach().numpy() for x in frozen.parameters())
    return {"losses": np.array(losses), "p W1": W1, "p b2": b2, "target W1": old_W1, "target b2": old_b2}


REFERENCES = {
    "value_iteration": optimal,
    "q_update": walked,
    "epsilon_greedy": chosen,
    "ReplayBuffer": filled,
    "sample": drawn,
    "dqn_targets": targets,
    "q_loss": loss_and_gradients,
    "residual_gradient": residual,
    "DQN": trained,
    "double_dqn_targets": double,
}
