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


def blocks(candles, w):
    windows = torch.tensor(candles).unfold(0, w, 1)  # (T - w + 1, m, 9, w)
    missing = windows.isnan()
    low = torch.where(missing, torch.inf, windows).amin(3, keepdim=True)
    high = torch.where(missing, -torch.inf, windows).amax(3, keepdim=True)
    there = (high > low) & ~missing
    scaled = torch.where(there, (windows - low) / torch.where(high > low, high - low, 1.0), 0.5)
    return dict(phi=scaled.permute(0, 3, 1, 2).numpy())


# trade_day ---------------------------------------------------------------------------------------


def make_day(rng, m, fee, N=None, move=0.1, full=False, scale=200.0):
    a = np.arange(2 * m + 1) if N is None else rng.randint(2 * m + 1, size=N)
    rng.shuffle(a)
    p = np.concatenate([[1.0], rng.uniform(0.5, 20, size=m)])
    amounts = rng.uniform(0.1, 2.0, size=(len(a), m + 1)) / p
    sigma = np.ones(len(a)) if full else rng.uniform(0.1, 0.9, size=len(a))
    p_next = p * np.concatenate([[1.0], np.exp(move * rng.normal(size=m))])
    return dict(amounts=amounts, p=p, p_next=p_next, a=a, sigma=sigma, fee=fee, scale=scale)


def day(amounts, p, p_next, a, sigma, fee, scale):
    m, after, value, r = len(p) - 1, [], [], []
    for holding, order, part in zip(amounts.tolist(), a.tolist(), sigma.tolist(), strict=True):
        new = list(holding)
        if order > m:
            units = part * holding[order - m]
            new[order - m] -= units
            new[0] += units * p[order - m] - fee * units * p[order - m]
        elif order > 0:
            money = part * holding[0]
            new[0] -= money
            new[order] += (money - fee * money) / p[order]

        def worth(portfolio, prices):
            return sum(n * price for n, price in zip(portfolio, prices, strict=True))

        gain = scale * (worth(new, p_next) - worth(holding, p_next)) / worth(holding, p)
        after.append(new), value.append(worth(new, p_next)), r.append(min(1.0, max(-1.0, gain)))
    return dict(after=np.array(after), value=np.array(value), r=np.array(r))


# metrics -----------------------------------------------------------------------------------------


def make_curve(rng, T, size=0.05, drift=0.0, crash=True):
    steps = drift + size * rng.normal(size=T)
    if crash and T > 5:  # the worst fall comes early, from a peak that is not the highest of all
        steps[T // 3] -= 0.5
        steps[2 * T // 3] += 0.9
        steps[-2:] = -0.2, 0.1
    return dict(V=3.0 * np.exp(np.cumsum(np.concatenate([[0.0], steps]))))


def measure(V):
    returns = torch.tensor(V).diff() / torch.tensor(V)[:-1]
    spread = returns.std(correction=0)
    worst = max((V[i] - V[j]) / V[i] for i in range(len(V)) for j in range(i, len(V)))
    sharpe = (returns.mean() / spread).item() if spread > 1e-12 else 0.0
    return dict(profit=V[-1] / V[0] - 1, sharpe=np.array(sharpe), drawdown=np.array(worst))


# The benchmarks ----------------------------------------------------------------------------------


def make_ratios(rng, T, m, size=0.1, **more):
    return dict(x=np.exp(size * rng.normal(size=(T, m))), **more)


def bought_and_held(x, fee):
    money, curve = [(1 - fee) / x.shape[1]] * x.shape[1], [1.0]
    for ratios in x.tolist():
        money = [part * ratio for part, ratio in zip(money, ratios, strict=True)]
        curve.append(sum(money))
    return dict(V=np.array(curve))


def make_follow(rng, T, m, fee, size=0.1, corners=False):
    b = torch.softmax(torch.tensor(rng.normal(size=(T, m))), dim=1).numpy()
    if corners:
        b = np.eye(m)[rng.randint(m, size=T)]
    return dict(b=b, **make_ratios(rng, T, m, size), fee=fee)


def kept(have, want, fee):
    """Part of the value that is left: the one split into sold and bought assets that agrees with itself."""
    order = sorted(range(len(have)), key=lambda i: have[i] / want[i] if want[i] > 0 else np.inf, reverse=True)
    for k in range(len(order) + 1):
        sold, bought = order[:k], order[k:]
        top = (1 - fee) ** 2 * sum(have[i] for i in sold) + sum(have[i] for i in bought)
        mu = top / ((1 - fee) ** 2 * sum(want[i] for i in sold) + sum(want[i] for i in bought))
        if all(have[i] >= mu * want[i] - 1e-14 for i in sold) and all(have[i] <= mu * want[i] + 1e-14 for i in bought):
            return mu
    raise AssertionError("no split agrees with itself")


def followed(b, x, fee):
    curve, money = [1.0], None
    for want, ratios in zip(b.tolist(), x.tolist(), strict=True):
        value = curve[-1]
        mu = 1 - fee if money is None else kept([part / value for part in money], want, fee)
        money = [mu * value * share * ratio for share, ratio in zip(want, ratios, strict=True)]
        curve.append(sum(money))
    return dict(V=np.array(curve))


def exponentiated(x, eta):
    b, out = torch.full((x.shape[1],), 1 / x.shape[1], dtype=torch.float64), []
    for ratios in torch.tensor(x):
        out.append(b)
        b = b.detach().requires_grad_()
        (b @ ratios).log().backward()
        b = torch.softmax(b.log() + eta * b.grad, dim=0).detach()
    return dict(b=torch.stack(out).detach().numpy())


def nearest(v):
    """The nearest point of the simplex: take the surplus off in equal parts, drop what becomes negative, again."""
    v, kept_in = list(v), set(range(len(v)))
    while True:
        surplus = (sum(v[i] for i in kept_in) - 1) / len(kept_in)
        out = {i for i in kept_in if v[i] - surplus < 0}
        if not out:
            return [v[i] - surplus if i in kept_in else 0.0 for i in range(len(v))]
        kept_in -= out


def make_pamr(rng, T, m, eps, size=0.1, flat=False):
    args = make_ratios(rng, T, m, size)
    if flat:
        args["x"][T // 2] = 1.02  # all assets move alike
    return dict(args, eps=eps)


def passive_aggressive(x, eps):
    m = x.shape[1]
    b, out = [1 / m] * m, []
    for ratios in x.tolist():
        out.append(b)
        mean = sum(ratios) / m
        loss = max(0.0, sum(share * ratio for share, ratio in zip(b, ratios, strict=True)) - eps)
        length = sum((ratio - mean) ** 2 for ratio in ratios)
        if length > 0:
            b = nearest([share - loss / length * (ratio - mean) for share, ratio in zip(b, ratios, strict=True)])
    return dict(b=np.array(out))


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


def sarsa(Q, a, r, Q_next, done, gamma, tau):
    Q, Q_next = torch.tensor(Q, requires_grad=True), torch.tensor(Q_next)
    temperature = tau * Q_next.abs().mean(dim=1, keepdim=True)
    pi = torch.softmax(Q_next / torch.where(temperature > 0, temperature, 1.0), dim=1)
    y = torch.tensor(r) + gamma * (1 - torch.tensor(done)) * (pi * Q_next).sum(dim=1)
    J = torch.nn.functional.mse_loss(Q.gather(1, torch.tensor(a)[:, None])[:, 0], y.detach())
    J.backward()
    return dict(pi=pi.numpy(), y=y.numpy(), J=J.item(), dQ=Q.grad.numpy())


EXERCISES = {
    "history_blocks": Exercise(
        make_blocks, blocks, ["phi"], dict(T=12, m=3, w=5),
        [dict(w=1), dict(w=12), dict(m=1), dict(late=False), dict(flat=False), dict(T=40, w=30), dict(scale=1e6)],
    ),
    "trade_day": Exercise(
        make_day, day, ["after", "value", "r"], dict(m=3, fee=0.02),
        [dict(m=1), dict(fee=0.0), dict(full=True), dict(N=1), dict(N=20, m=5), dict(move=0.0), dict(fee=0.001)],
    ),
    "metrics": Exercise(
        make_curve, measure, ["profit", "sharpe", "drawdown"], dict(T=12),
        [dict(T=1), dict(T=2), dict(size=0.0, crash=False), dict(size=0.01, drift=0.05, crash=False),
         dict(size=0.01, drift=-0.05), dict(T=200), dict(T=60, crash=False)],
    ),
    "ubah": Exercise(
        make_ratios, bought_and_held, ["V"], dict(T=6, m=3, fee=0.02),
        [dict(T=1), dict(m=1), dict(fee=0.0), dict(size=0.0), dict(T=40, m=7)], forward=["V"],
    ),
    "follow": Exercise(
        make_follow, followed, ["V"], dict(T=6, m=3, fee=0.02),
        [dict(T=1), dict(m=1), dict(fee=0.0), dict(size=0.0), dict(corners=True), dict(T=25, m=6), dict(fee=0.2)],
        forward=["V"],
    ),
    "eg": Exercise(
        make_ratios, exponentiated, ["b"], dict(T=6, m=3, eta=0.5),
        [dict(T=1), dict(m=1), dict(eta=0.0), dict(eta=0.05), dict(size=0.0), dict(T=40, m=7)], forward=["b"],
    ),
    "pamr": Exercise(
        make_pamr, passive_aggressive, ["b"], dict(T=9, m=4, eps=1.0),
        [dict(T=1), dict(m=1), dict(eps=0.5), dict(eps=2.0), dict(flat=True), dict(size=0.0), dict(T=40, m=7)],
        forward=["b"],
    ),
    "sarsa_loss": Exercise(
        make_sarsa, sarsa, ["pi", "y", "J", "dQ"], dict(N=6, A=5, tau=1.5),
        [dict(N=1), dict(A=1), dict(tau=0.25), dict(tau=0.002), dict(tau=50.0), dict(done=0.0), dict(done=1.0),
         dict(gamma=0.0), dict(size=1e3), dict(size=1e-3), dict(zero=False)],
    ),
}  # fmt: skip
