"""The trading environment of unit 15: a `gymnasium.Env` over a table of candles.

What the agent sees on day t is made of the candles of days t - w + 1 to t, and of nothing later. What it does happens at
the closing price of day t; what it earns is known at the close of day t + 1.
"""

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces


def blocks_of(values, w):
    """History blocks by torch: each window of w days, scaled to [0, 1] per asset and property within the window.

    values  (T, m, 9)  candles; nan where there is none
    Returns (T - w + 1, w, m, 9); row k ends with day k + w - 1. What is missing, and what does not vary within its
    window, is 1/2. Raises ValueError where there are fewer than w days.
    """
    if len(values) < w:
        raise ValueError(f"{len(values)} days are fewer than one window of {w}")
    windows = torch.as_tensor(np.asarray(values, dtype=np.float64)).unfold(0, w, 1)  # (T - w + 1, m, 9, w)
    missing = windows.isnan()
    low = torch.where(missing, torch.inf, windows).amin(3, keepdim=True)
    high = torch.where(missing, -torch.inf, windows).amax(3, keepdim=True)
    varies = (high > low) & ~missing
    scaled = torch.where(varies, (windows - low) / torch.where(high > low, high - low, 1.0), 0.5)
    return scaled.permute(0, 3, 1, 2).numpy().copy()


def trade(amounts, prices, action, sigma, fee):
    """The portfolio after one order, in plain numbers.

    amounts  m + 1 numbers, the base currency first
    prices   m + 1 numbers, the first of them 1
    action   0 hold; i = 1 ... m buy asset i; m + i sell asset i
    sigma    the part of the base currency (buying) or of the asset (selling) that the order is about
    fee      the part of the traded value that the exchange keeps
    """
    after = [float(a) for a in amounts]
    m = len(after) - 1
    if 1 <= action <= m:
        spent = sigma * after[0]
        after[0] -= spent
        after[action] += spent * (1 - fee) / float(prices[action])
    elif action > m:
        sold = sigma * after[action - m]
        after[action - m] -= sold
        after[0] += sold * (1 - fee) * float(prices[action - m])
    return np.array(after)


class TradingEnv(gym.Env):
    """One portfolio of m assets and a base currency, one order a day.

    Observation: the history block of the day, (w, m, 9), float32, each number between 0 and 1.
    Action: a tuple (a, sigma): a in 0 ... 2m (0 hold, 1 ... m buy, m + 1 ... 2m sell), sigma in [0, 1].
    Reward: the value at the next close less the value that holding would have had there, as a part of the value before
    the order, times `scale`, clipped to [-1, 1]. With `against_holding=False`: less the value before the order.

    prices   (T, m)             closing prices in base currency; nan before an asset was listed, positive afterwards
    blocks   (T - w + 1, w, m, 9)  history blocks; row k belongs to day k + w - 1
    fee      part of each order's value that is lost, 0 <= fee < 1
    start    first day on which an order is given; at least w - 1 (the default)
    stop     the last close that counts is that of day stop - 1 (default T)
    scale    a gain of 1 / scale, as a part, is the reward 1
    trade    trade(amounts, prices, action, sigma, fee) -> amounts: the accounting of an order
    against_holding  which of the two rewards

    The portfolio begins with 1 unit of base currency. An order for an asset that is not listed yet is refused, which is a
    hold. The end of the data is a truncation, not a terminal state: the market goes on. An episode terminates only if
    nothing is left. `info` holds value, amounts, day, reward before clipping, and refused.

    Raises ValueError for shapes that do not fit, an impossible period or fee, or a price that is not positive.
    """

    metadata = {"render_modes": []}

    def __init__(self, prices, blocks, fee=0.0, start=None, stop=None, scale=1000.0, trade=trade, against_holding=True):
        prices, blocks = np.asarray(prices, dtype=np.float64), np.asarray(blocks)
        if prices.ndim != 2 or blocks.ndim != 4 or blocks.shape[2] != prices.shape[1]:
            raise ValueError(f"prices {prices.shape} should be (T, m), and blocks {blocks.shape} (T - w + 1, w, m, 9)")
        T, m = prices.shape
        self.w = blocks.shape[1]
        if len(blocks) != T - self.w + 1:
            raise ValueError(f"{T} days and windows of {self.w} make {T - self.w + 1} blocks, not {len(blocks)}")
        if not 0 <= fee < 1:
            raise ValueError(f"the fee is {fee}; it is a part of the traded value, 0 <= fee < 1")
        if np.any(prices <= 0) or np.isnan(prices[-1]).any() or np.any(np.isnan(prices[1:]) & ~np.isnan(prices[:-1])):
            raise ValueError("a price is not positive, or missing after the asset was listed")
        self.start = self.w - 1 if start is None else start
        self.stop = T if stop is None else stop
        if not self.w - 1 <= self.start < self.stop - 1 < T:
            raise ValueError(f"no day to trade between {self.start} and {self.stop}: w - 1 = {self.w - 1}, T = {T}")
        self.m, self.fee, self.scale, self.trade = m, fee, scale, trade
        self.against_holding = against_holding
        self.prices = np.concatenate([np.ones((T, 1)), prices], axis=1)  # the base currency costs 1
        self.blocks = blocks.astype(np.float32)
        self.observation_space = spaces.Box(0.0, 1.0, (self.w, m, blocks.shape[3]), np.float32)
        self.action_space = spaces.Tuple((spaces.Discrete(2 * m + 1), spaces.Box(0.0, 1.0, (), np.float64)))

    def reset(self, *, seed=None, options=None):
        """Begin with 1 unit of base currency on day `start`. Nothing here is random; the seed changes nothing."""
        super().reset(seed=seed)
        self.day = self.start
        self.amounts = np.concatenate([[1.0], np.zeros(self.m)])
        return self._block(), self._info(0.0, False)

    def step(self, action):
        """Give the order at today's close, and wait for the next close."""
        a, sigma = int(action[0]), float(action[1])
        if not self.action_space.contains((a, np.asarray(sigma))):
            raise ValueError(f"the action {action} is not (0 ... {2 * self.m}, a ratio between 0 and 1)")
        now, then = self._prices(self.day), self._prices(self.day + 1)
        before = now @ self.amounts
        refused = a > 0 and np.isnan(self.prices[self.day, (a - 1) % self.m + 1])
        held = then @ self.amounts if self.against_holding else before
        if not refused:
            self.amounts = np.asarray(self.trade(self.amounts, now, a, sigma, self.fee), dtype=np.float64)
        self.day += 1
        gain = self.scale * (then @ self.amounts - held) / before
        terminated = bool(then @ self.amounts <= 0)
        truncated = self.day == self.stop - 1
        reward = float(np.clip(gain, -1.0, 1.0))
        return self._block(), reward, terminated, truncated, self._info(float(gain), bool(refused))

    def _prices(self, day):
        """Prices (m + 1,) of a day, 0 for what is not listed: none of it can be held."""
        return np.nan_to_num(self.prices[day])

    def _block(self):
        return self.blocks[self.day - self.w + 1].copy()

    def _info(self, gain, refused):
        value = float(self._prices(self.day) @ self.amounts)
        return {"value": value, "amounts": self.amounts.copy(), "day": self.day, "gain": gain, "refused": refused}
