"""Unit 15: the problems that the exercises are checked on. The right answers stand in reference.py.

Every rule of a statement has a kind of problem that needs it: a flat day, a curve with the same return each day, a tiny
temperature, an asset that is listed later. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

ONE_ASSET, ONE_DAY, NO_FEE = EdgeCase(dict(m=1), "with one asset"), EdgeCase(dict(T=1), "with one day"), EdgeCase(dict(fee=0.0), "without fees")
STILL = EdgeCase(dict(size=0.0), "where no price moves")

# history_blocks ----------------------------------------------------------------------------------


def make_blocks(rng, T, m, w, late=True, flat=True, scale=1.0):
    candles = scale * np.exp(np.cumsum(0.1 * rng.normal(size=(T, m, 9)), axis=0))
    candles[-1] *= 3.0  # what comes last is the highest of all, so that a scale that knows it shows
    if flat:
        candles[T // 2 :, -1, 6] = candles[T // 2, -1, 6]  # a property that stops moving
    if late:
        candles[: T // 3, 0] = np.nan  # the first asset is listed later
    return dict(candles=candles, w=w)


# knows_the_future --------------------------------------------------------------------------------


def trailing(prices):
    """The mean of three days up to each day; nan before there are three."""
    means = [prices[t - 2 : t + 1].mean(axis=0) if t > 1 else np.full(prices.shape[1], np.nan) for t in range(len(prices))]
    return np.array(means)


def by_the_highest(prices):
    return prices / prices.max(axis=0)


def by_the_lowest(prices):
    return (prices / prices.min(axis=0))[:, 0]


def tomorrow(prices):
    """What the next day brings; on the last day, 1."""
    return np.concatenate([prices[1:] / prices[:-1], np.ones((1, prices.shape[1]))])


def in_three_days(prices):
    """The last asset's price three days later, on the last three days its price."""
    return np.concatenate([prices[3:, -1], prices[-3:, -1]])[: len(prices)] if len(prices) > 3 else prices[:, -1]


# Of two ratios that are the same the last digits can differ. Whoever changes both prices alike must not be told apart by those.
DIGITS = 9


def one_against_the_other(prices):
    """The next day's first price over its last."""
    return np.round(np.concatenate([prices[1:, 0] / prices[1:, -1], prices[-1:, 0] / prices[-1:, -1]]), DIGITS)


def one_day_against_the_next(prices):
    """What the day after tomorrow brings; on the last two days, 1."""
    return np.round(np.concatenate([prices[2:] / prices[1:-1], np.ones((min(2, len(prices)), prices.shape[1]))]), DIGITS)


def a_trace_of_the_end(prices):
    """The first price, and next to nothing of the last day's."""
    return prices[:, 0] * (1 + 1e-9 * prices[-1, 0])


OBSERVERS = {
    f.__name__: f
    for f in (
        trailing, by_the_highest, by_the_lowest, tomorrow, in_three_days, one_against_the_other, one_day_against_the_next, a_trace_of_the_end,
    )
}  # fmt: skip


def make_prices(rng, T, m):
    """The highest and the lowest price come early, so that only a change by much more is noticed later."""
    prices = np.exp(0.05 * rng.normal(size=(T, m)))
    prices[0] *= 3.0
    prices[-1 if T < 3 else 1] /= 3.0
    return dict(prices=prices)


def try_observers(answer, prices):
    """What the answer says of each of several observers."""
    found = {}
    for name, observe in OBSERVERS.items():
        says = answer(observe, prices.copy())
        if says is None:
            return None
        found[name] = np.asarray(says, dtype=float)
    return found


# trade_day ---------------------------------------------------------------------------------------


def make_day(rng, m, fee, N=None, move=0.1, full=False, scale=5.0):
    a = np.arange(N or 2 * m + 1)[::-1] % (2 * m + 1)  # every order, if N allows it
    p = np.concatenate([[1.0], rng.uniform(0.5, 20, size=m)])
    amounts = rng.uniform(0.1, 2.0, size=(len(a), m + 1)) / p
    sigma = np.ones(len(a)) if full else rng.uniform(0.1, 0.9, size=len(a))
    steps = np.abs(rng.normal(size=m)) + 0.1
    steps[::2] *= -1  # some prices rise and some fall
    p_next = p * np.concatenate([[1.0], np.exp(move * np.clip(steps, -1.5, 1.5))])
    return dict(amounts=amounts, p=p, p_next=p_next, a=a, sigma=sigma, fee=fee, scale=scale)


# metrics -----------------------------------------------------------------------------------------


def make_curve(rng, T, size=0.05, drift=0.0, crash=True, curve=None):
    """`curve` is what the values are in place of drawn ones."""
    steps = drift + size * np.clip(rng.normal(size=T), -3, 3)
    if size > 0 and T > 5:  # the value at first is the lowest of all
        steps[0] += 3.0
    if crash and T > 5:  # the worst fall comes early, from a peak that is not the highest of all
        steps[T // 3] -= 0.5
        steps[2 * T // 3] += 0.9
        steps[-2:] = -0.2, 0.1
    return dict(V=3.0 * np.array(curve) if curve else 3.0 * np.exp(np.cumsum(np.concatenate([[0.0], steps]))))


# The benchmarks ----------------------------------------------------------------------------------


def make_ratios(rng, T, m, size=0.1, **more):
    return dict(x=np.exp(size * rng.normal(size=(T, m))), **more)


def make_follow(rng, T, m, fee, size=0.1, corners=False):
    b = np.exp(rng.normal(size=(T, m)))
    b /= b.sum(axis=1, keepdims=True)
    if corners:  # everything in one asset, each day another one
        b = np.eye(m)[np.arange(T) % m]
    return dict(b=b, **make_ratios(rng, T, m, size), fee=fee)


def make_pamr(rng, T, m, eps, size=0.1, flat=0.0):
    """The first days are one on which the return is above 1 whatever the shares are, one below, and one above again."""
    x = make_ratios(rng, T, m, size)["x"]
    if T > 3:
        x[0] *= 1.01 / x[0].min()
        x[1] *= 0.99 / x[1].max()
        x[2] *= 1.01 / x[2].min()
    if flat:
        x[T // 2] = flat  # all assets move alike
    return dict(x=x, eps=eps)


# sarsa_loss --------------------------------------------------------------------------------------


def make_sarsa(rng, N, A, tau, gamma=0.9, done=0.5, size=1.0, zero=True, far=0.0):
    Q_next = size * (rng.normal(size=(N, A)) + 0.5)
    Q_next[0] = -np.abs(Q_next[0])  # nothing is worth anything here
    if zero:
        Q_next[N // 2] = 0.0
    ends = np.full(N, done) if done in (0, 1) else np.arange(N) % 2.0
    return dict(
        Q=size * rng.normal(size=(N, A)), a=rng.randint(A, size=N), r=rng.uniform(-1, 1, size=N) + far,
        Q_next=Q_next, done=ends, gamma=gamma, tau=tau,
    )  # fmt: skip


EXERCISES = {
    "history_blocks": Exercise(
        make_blocks, ["phi"], dict(T=12, m=3, w=5),
        [
            EdgeCase(dict(w=1), "with a window of one day"), EdgeCase(dict(w=12), "with a window of all days"), ONE_ASSET,
            EdgeCase(dict(late=False), "where every asset is listed from the first day"), dict(flat=False), dict(T=40, w=30), dict(scale=1e6),
        ],
    ),
    "knows_the_future": Exercise(
        make_prices, list(OBSERVERS), dict(T=9, m=3),
        [
            EdgeCase(dict(T=1), "with one day, after which nothing comes"), EdgeCase(dict(T=2), "with two days"), EdgeCase(dict(m=2), "with two assets"),
            dict(T=20, m=4),
        ],
        call=try_observers, as_dict=True, judge="the reference", groups=[tuple(OBSERVERS)],
    ),
    "trade_day": Exercise(
        make_day, ["after", "value", "r"], dict(m=3, fee=0.02),
        [
            ONE_ASSET, NO_FEE, EdgeCase(dict(full=True), "where every ratio is 1"), EdgeCase(dict(N=1), "with one portfolio"), dict(N=20, m=5),
            EdgeCase(dict(move=0.0), "where no price moves"), dict(fee=0.001), EdgeCase(dict(scale=1000.0), "where most rewards reach the limits"),
        ],
        judge="the reference",
    ),
    "metrics": Exercise(
        make_curve, ["profit", "sharpe", "drawdown"], dict(T=12),
        [
            ONE_DAY, dict(T=2), EdgeCase(dict(size=0.0, crash=False), "where the value never changes"),
            EdgeCase(
                dict(size=0.0, drift=0.05, crash=False), "where every day has the same return",
                "All returns are the same, so their standard deviation is 0, up to rounding: a number like 1e-16 is no spread. The statement "
                "says from where on it counts as none.",
            ),
            EdgeCase(
                dict(curve=(1.0, 3.0, 1.8, 4.0, 3.9)), "where the lowest value comes first",
                "The curve begins with its lowest value and falls later, from one of its peaks. The worst fall need not end at the lowest value of all.",
            ),
            dict(size=0.01, drift=0.05, crash=False), dict(size=0.01, drift=-0.05), dict(T=200), dict(T=60, crash=False),
        ],
        judge="the reference",
    ),
    "ubah": Exercise(
        make_ratios, ["V"], dict(T=6, m=3, fee=0.02), [ONE_DAY, ONE_ASSET, NO_FEE, STILL, dict(T=40, m=7)], forward=["V"],
        judge="the reference",
    ),
    "follow": Exercise(
        make_follow, ["V"], dict(T=6, m=3, fee=0.02),
        [
            ONE_DAY, ONE_ASSET, NO_FEE, STILL, EdgeCase(dict(corners=True), "where everything is swapped every day"), dict(T=25, m=6), dict(fee=0.2),
        ],
        forward=["V"], judge="the reference",
    ),
    "eg": Exercise(
        make_ratios, ["b"], dict(T=6, m=3, eta=0.5),
        [ONE_DAY, ONE_ASSET, EdgeCase(dict(eta=0.0), "with a learning rate of 0"), dict(eta=0.05), STILL, dict(T=40, m=7)], forward=["b"],
    ),
    "pamr": Exercise(
        make_pamr, ["b"], dict(T=9, m=4, eps=1.0),
        [
            ONE_DAY, ONE_ASSET, dict(eps=0.5), dict(eps=2.0),
            *(
                EdgeCase(
                    dict(flat=ratio, m=m, eps=0.5), f"on a day on which all {m} ratios are {ratio}",
                    "The mean of equal numbers may differ from them in the last digit, so what is left after it is taken off need not be exactly 0. "
                    "Ask the ratios themselves whether they are equal; then the shares stay as they are.",
                )
                for m, ratio in ((4, 1.02), (3, 1.02), (5, 0.94), (6, 1.02))
            ),
            STILL, dict(T=40, m=7),
        ],
        forward=["b"], judge="the reference",
    ),
    "sarsa_loss": Exercise(
        make_sarsa, ["pi", "y", "J", "dQ"], dict(N=6, A=5, tau=1.5),
        [
            EdgeCase(dict(N=1, zero=False), "with one experience"), EdgeCase(dict(A=1), "with one action"), dict(tau=0.25),
            EdgeCase(dict(tau=0.002), "with a tiny temperature", "Q / tau is in the hundreds here, and its exponential is more than a float holds."),
            dict(tau=50.0), EdgeCase(dict(done=0.0), "where no state is terminal"), EdgeCase(dict(done=1.0), "where every state is terminal"),
            dict(gamma=0.0), dict(size=1e3), dict(size=1e-3), EdgeCase(dict(zero=False), "where no state has all values 0"),
            EdgeCase(dict(far=1e7), "where the rewards are ten million", "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True),
        ],
    ),
}  # fmt: skip
