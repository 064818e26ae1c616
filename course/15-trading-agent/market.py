"""Markets for unit 15 that do not exist: the course's own market, and three in which the truth is known.

Every market is a `Table` of daily candles with the nine properties of `FIELDS`. Prices are in units of a base currency
whose own price is 1. A market depends on nothing but its arguments: the same seed makes the same market.
"""

from dataclasses import dataclass

import numpy as np

FIELDS = (
    "open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_base", "taker_quote",
)  # fmt: skip
OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE_VOLUME, TRADES, TAKER_BASE, TAKER_QUOTE = range(9)
PRICES = (OPEN, HIGH, LOW, CLOSE)
HOURS = 24  # steps of the random walk within a candle, from which high and low are read


@dataclass(frozen=True)
class Table:
    """Candles of m assets on one grid of times.

    times   (T,)       datetime64, the opening time of each candle, strictly rising
    values  (T, m, 9)  float64, in the order of FIELDS; nan before an asset was listed
    names   the m assets
    """

    times: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]

    @property
    def close(self):
        """Closing prices (T, m)."""
        return self.values[:, :, CLOSE]

    def days(self, start, stop):
        """The candles start ... stop - 1 as a Table of its own."""
        return Table(self.times[start:stop], self.values[start:stop], self.names)


def course_market(T=1500, m=4, seed=0):
    """The market of this course: T days of m assets that move together, with calm and wild times, good and bad ones.

    A hidden regime (rising, sideways, falling) lasts for weeks and moves all assets; the size of the moves clusters, as
    in GARCH(1, 1); the assets share one factor, so that their daily returns correlate at about 0.6. The volume grows
    with the size of the move. What will happen tomorrow is nearly unknown today; only the regime can be guessed.
    """
    rng = np.random.default_rng([seed, 1])
    stay = np.array([0.985, 0.98, 0.975])  # of rising, sideways, falling: 67, 50 and 40 days on average
    drift = np.array([0.0035, 0.0, -0.0045])
    regime, variance, day = 1, 1.0, 0.0
    means, sizes = np.empty(T), np.empty(T)
    for t in range(T):
        if rng.uniform() > stay[regime]:
            regime = int(rng.choice([k for k in range(3) if k != regime]))
        variance = 0.05 + 0.2 * day**2 + 0.75 * variance  # long-run mean 1
        means[t], sizes[t] = drift[regime], 0.025 * np.sqrt(variance) * (1.3 if regime == 2 else 1.0)
        day = np.sqrt(variance) * np.clip(rng.normal(), -4, 4)
    beta = 0.8 + 0.4 * rng.uniform(size=m)
    return _candles(rng, means[:, None] * beta, sizes[:, None] * beta, common=0.6)


def noise_market(T=1500, m=4, seed=0, size=0.025):
    """White noise: the expected price of tomorrow is the price of today, whatever has happened before.

    The price ratio of a day is exp(z) with z normal, independent of everything before, and mean exp(z) = 1. So no
    strategy has an expected profit without fees, and with fees each has an expected loss.
    """
    rng = np.random.default_rng([seed, 2])
    return _candles(rng, np.zeros((T, m)), np.full((T, m), size), common=0.0)


def planted_market(T=1500, m=4, seed=0, size=0.015, strength=0.012):
    """Noise with a signal in it: the share of takers among the buyers tells where the price goes on the next day.

    A slow signal s, between -1 and 1, own to each asset, lasts for about 20 days. The expected log return of day t + 1
    is strength * s on day t, and the taker share of day t shows s. There is a profit to be made here, and an agent that
    learns must find it.
    """
    rng = np.random.default_rng([seed, 3])
    hidden, s = rng.normal(size=m), np.empty((T, m))
    for t in range(T):
        s[t] = np.tanh(1.5 * hidden)
        hidden = 0.95 * hidden + np.sqrt(1 - 0.95**2) * rng.normal(size=m)
    means = strength * np.concatenate([np.zeros((1, m)), s[:-1]])
    return _candles(rng, means, np.full((T, m), size), common=0.0, share=0.5 + 0.3 * s)


def shuffled(table, seed=0):
    """The same days in a random order, the same order for all assets: a market without a past that tells anything.

    A day is shuffled as a whole: its price ratios against the close before, and its volumes. Prices are then put
    together again from the first open on. What the assets do together on a day is kept, and so is what each of them
    gains over the whole time; what a day has to do with the day before is gone. Raises ValueError where values are missing.
    """
    values = table.values
    if np.isnan(values).any():
        raise ValueError("a table with missing values cannot be shuffled; take the days from the last listing on")
    order = np.random.default_rng([seed, 4]).permutation(len(values))
    before = np.concatenate([values[:1, :, OPEN], values[:-1, :, CLOSE]])
    ratios = (values[:, :, PRICES] / before[:, :, None])[order]
    mixed = values[order]
    base = values[0, :, OPEN] * np.cumprod(ratios[:, :, 3], axis=0)
    base = np.concatenate([values[:1, :, OPEN], base[:-1]])
    mixed[:, :, PRICES] = base[:, :, None] * ratios
    level = mixed[:, :, CLOSE] / values[order][:, :, CLOSE]
    for k in (QUOTE_VOLUME, TAKER_QUOTE):
        mixed[:, :, k] *= level
    return Table(table.times, mixed, table.names)


def shuffled_in_parts(table, seed=0, edges=(0, 900, 1200, 1500)):
    """Each period shuffled within itself, so that what the assets gain in a period stays as it was."""
    parts = [shuffled(table.days(a, b), seed + 10 * k) for k, (a, b) in enumerate(zip(edges, edges[1:], strict=False))]
    return Table(table.times, np.concatenate([p.values for p in parts]), table.names)


def _candles(rng, means, sizes, common, share=None):
    """Candles whose daily price ratio has the expectation exp(mean), with daily log returns of the given sizes.

    means, sizes  (T, m)  of the log return of each day
    common        the part of the variance that all assets share
    share         (T, m)  the takers' share of the volume; without it, noise about one half
    """
    T, m = means.shape
    steps = np.sqrt(common) * rng.normal(size=(T, HOURS, 1)) + np.sqrt(1 - common) * rng.normal(size=(T, HOURS, m))
    # The variance is halved off, so that the mean of exp(log return) is exp(mean): an exact martingale for mean 0.
    steps = (means - sizes**2 / 2)[:, None] / HOURS + sizes[:, None] * steps / np.sqrt(HOURS)
    path = np.cumsum(steps, axis=1)
    start = np.log(100.0) + np.concatenate([np.zeros((1, m)), np.cumsum(path[:, -1], axis=0)[:-1]])
    path = np.exp(start[:, None] + np.concatenate([np.zeros((T, 1, m)), path], axis=1))
    moved = np.abs(np.log(path[:, -1] / path[:, 0]))
    volume = 1000 * np.exp(0.1 * rng.normal(size=(T, m)) + 6 * moved)
    typical = path.mean(axis=1)
    noise = 0.02 * rng.normal(size=(T, m))
    taker = np.clip((0.5 if share is None else share) + noise, 0.05, 0.95)
    trades = np.round(volume * (1 + 0.05 * rng.uniform(size=(T, m))))
    values = np.stack(
        [path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1], volume, volume * typical, trades,
         taker * volume, taker * volume * typical], axis=2,
    )  # fmt: skip
    times = np.datetime64("2021-01-01", "D") + np.arange(T)
    return Table(times, values, tuple("ABCDEFGHIJKLMNOP"[:m]))
