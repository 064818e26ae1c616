"""Unit 15: the right answers to the problems of checks.py.

Windows, softmax and gradients are torch's: the update of EG takes autograd's gradient of the log return, the loss of
expected SARSA is differentiated with its target held fixed. Orders, fees, metrics and PAMR, for which torch has nothing,
are plain loops over the definitions: Cover (1991), Helmbold et al. (1998), Li et al. (2012).
"""

import numpy as np
import torch


def blocks(candles, w):
    windows = torch.tensor(candles).unfold(0, w, 1)  # (T - w + 1, m, 9, w)
    missing = windows.isnan()
    low = torch.where(missing, torch.inf, windows).amin(3, keepdim=True)
    high = torch.where(missing, -torch.inf, windows).amax(3, keepdim=True)
    there = (high > low) & ~missing
    scaled = torch.where(there, (windows - low) / torch.where(high > low, high - low, 1.0), 0.5)
    return dict(phi=scaled.permute(0, 3, 1, 2).numpy())


def foresight(prices):
    """From what each observer reads: nothing that is later, something of every later day, or a day at a distance."""
    days, last = np.arange(len(prices)), len(prices) - 1
    later = (days < last).astype(float)
    return dict(
        trailing=np.zeros(len(prices)), by_the_highest=later, by_the_lowest=later, tomorrow=later,
        in_three_days=(days < len(prices) - 3).astype(float), one_against_the_other=later,
        one_day_against_the_next=(days < last - 1).astype(float), a_trace_of_the_end=later,
    )  # fmt: skip


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


def measure(V):
    returns = [after / before - 1 for before, after in zip(V[:-1], V[1:], strict=True)]
    mean = sum(returns) / len(returns)
    spread = (sum((r - mean) ** 2 for r in returns) / len(returns)) ** 0.5
    worst = max((V[i] - V[j]) / V[i] for i in range(len(V)) for j in range(i, len(V)))
    sharpe = mean / spread if spread > 1e-12 else 0.0
    return dict(profit=V[-1] / V[0] - 1, sharpe=np.array(sharpe), drawdown=np.array(worst))


def bought_and_held(x, fee):
    money, curve = [(1 - fee) / x.shape[1]] * x.shape[1], [1.0]
    for ratios in x.tolist():
        money = [part * ratio for part, ratio in zip(money, ratios, strict=True)]
        curve.append(sum(money))
    return dict(V=np.array(curve))


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


def passive_aggressive(x, eps):
    m = x.shape[1]
    b, out = [1 / m] * m, []
    for ratios in x.tolist():
        out.append(b)
        mean = sum(ratios) / m
        loss = max(0.0, sum(share * ratio for share, ratio in zip(b, ratios, strict=True)) - eps)
        length = sum((ratio - mean) ** 2 for ratio in ratios)
        if max(ratios) > min(ratios):
            b = nearest([share - loss / length * (ratio - mean) for share, ratio in zip(b, ratios, strict=True)])
    return dict(b=np.array(out))


def sarsa(Q, a, r, Q_next, done, gamma, tau):
    Q, Q_next = torch.tensor(Q, requires_grad=True), torch.tensor(Q_next)
    temperature = tau * Q_next.abs().mean(dim=1, keepdim=True)
    pi = torch.softmax(Q_next / torch.where(temperature > 0, temperature, 1.0), dim=1)
    y = torch.tensor(r) + gamma * (1 - torch.tensor(done)) * (pi * Q_next).sum(dim=1)
    J = torch.nn.functional.mse_loss(Q.gather(1, torch.tensor(a)[:, None])[:, 0], y.detach())
    J.backward()
    return dict(pi=pi.numpy(), y=y.numpy(), J=J.item(), dQ=Q.grad.numpy())


REFERENCES = {
    "history_blocks": blocks,
    "knows_the_future": foresight,
    "trade_day": day,
    "metrics": measure,
    "ubah": bought_and_held,
    "follow": followed,
    "eg": exponentiated,
    "pamr": passive_aggressive,
    "sarsa_loss": sarsa,
}
