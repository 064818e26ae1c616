"""The agent of unit 15: a small convolutional Q-network in torch, a replay memory, and the loop of deep Q-learning.

The loop is that of unit 14. Three things are the article's: the ratio (a softmax of the Q values), the target policy, and
that the state is a history block. Training may be interrupted at any time and goes on where it stopped.
"""

import numpy as np
import torch
from torch import nn


class QNetwork(nn.Module):
    """History blocks (N, w, m, 9) -> Q values (N, 2m + 1): hold, buy 1 ... m, sell 1 ... m.

    Two convolutions run along time, with the same filters for every asset. Each asset's features, together with the mean
    over all assets, give its two values; the mean alone gives the value of holding. The number of parameters does not
    depend on m, and exchanging two assets exchanges their values.
    """

    def __init__(self, w, features=9, width=16):
        super().__init__()
        if w < 13:
            raise ValueError(f"a window of {w} days is too short for two convolutions of 5 days; take 13 or more")
        self.time = nn.Sequential(
            nn.Conv1d(features, width, 5, stride=2), nn.ReLU(), nn.Conv1d(width, width, 5, stride=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(width * (((w - 5) // 2 + 1 - 5) // 2 + 1), 2 * width), nn.ReLU(),
        )  # fmt: skip
        self.asset, self.hold = nn.Linear(4 * width, 2), nn.Linear(2 * width, 1)

    def forward(self, phi):
        N, w, m, features = phi.shape
        x = (2 * phi - 1).permute(0, 2, 3, 1).reshape(N * m, features, w)
        h = self.time(x).reshape(N, m, -1)
        market = h.mean(dim=1)
        both = self.asset(torch.cat([h, market[:, None].expand_as(h)], dim=2))  # (N, m, 2): buy, sell
        return torch.cat([self.hold(market), both[:, :, 0], both[:, :, 1]], dim=1)


class Replay:
    """The last `size` experiences (phi_t, a_t, r_t, phi_{t+1}, done_t). A small copy of what unit 14 builds."""

    def __init__(self, size, shape):
        self.phi, self.phi_next = np.zeros((size, *shape), np.float32), np.zeros((size, *shape), np.float32)
        self.a, self.r, self.done = np.zeros(size, int), np.zeros(size), np.zeros(size)
        self.size, self.count = size, 0

    def add(self, phi, a, r, phi_next, done):
        k = self.count % self.size
        self.phi[k], self.a[k], self.r[k], self.phi_next[k], self.done[k] = phi, a, r, phi_next, done
        self.count += 1

    def sample(self, rng, N):
        k = rng.integers(min(self.count, self.size), size=N)
        return self.phi[k], self.a[k], self.r[k], self.phi_next[k], self.done[k]


def policy_of(Q, kind, tau):
    """The target policy as probabilities (N, A): "greedy", "fixed" (temperature tau) or "statewise" (tau * mean |Q|)."""
    if kind == "greedy":
        return nn.functional.one_hot(Q.argmax(dim=1), Q.shape[1]).to(Q)
    if kind == "fixed":
        return torch.softmax(Q / tau, dim=1)
    if kind == "statewise":
        return torch.softmax(Q / (tau * Q.abs().mean(dim=1, keepdim=True)).clamp(min=1e-12), dim=1)
    raise ValueError(f"the target policy is {kind!r}; it must be greedy, fixed or statewise")


class Agent:
    """Deep Q-learning in a TradingEnv, one step at a time.

    target  "greedy" (plain DQN), "fixed" or "statewise": the target policy, with its temperature tau. Or your own function
            loss(Q, a, r, Q_next, done, gamma, tau) -> (pi, y, J, dQ) in numpy, float64, whose dQ then trains the network.
    steps   the number of steps over which epsilon falls from 1 to `explore` (in the first half) and the best weights on
            the validation period are kept
    valid   a TradingEnv of the validation period, or None: then the last weights count
    every   this number of steps between two updates of the Q-network
    pace    this number of steps between two copies of its weights to the target network

    The networks start from `seed`, and so does everything that is random: two agents with the same arguments do the same.
    `log` holds, for each step, (reward, mean of the largest Q in the batch, loss), the last two nan where nothing was learned; `scores` the profit on the
    validation period at the end of each episode, as (step, profit).
    """

    def __init__(self, env, target="statewise", tau=0.25, steps=2610, valid=None, gamma=0.9, rate=1e-3, batch=32,
                 memory=4000, pace=200, every=2, explore=0.1, seed=0):  # fmt: skip
        self.env, self.target, self.tau, self.steps, self.valid = env, target, tau, steps, valid
        self.gamma, self.batch, self.pace, self.every, self.explore = gamma, batch, pace, every, explore
        torch.manual_seed(seed)
        self.rng = np.random.default_rng([seed, 5])
        shape = env.observation_space.shape
        self.network, self.frozen = QNetwork(shape[0], shape[2]), QNetwork(shape[0], shape[2])
        self.frozen.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=rate)
        self.replay = Replay(memory, shape)
        self.done, self.log, self.scores, self.best = 0, [], [], None
        self.phi, _ = env.reset()

    def values(self, phi):
        """Q values (2m + 1,) of one history block."""
        with torch.no_grad():
            return self.network(torch.as_tensor(phi)[None])[0].double().numpy()

    def act(self, phi, epsilon=0.0):
        """An action and its ratio: the behaviour policy. The ratio is the softmax of the Q values at that action."""
        Q = self.values(phi)
        a = int(self.rng.integers(len(Q)) if self.rng.uniform() < epsilon else np.argmax(Q))
        e = np.exp(Q - Q.max())
        return a, float(e[a] / e.sum())

    def train(self, steps=None, show=None, every=100):
        """Take `steps` more steps (default: all that are left), calling show(agent) every so often.

        An interrupt (the stop button, KeyboardInterrupt) ends the training and keeps what was learned; calling train again goes on.
        Returns self.
        """
        end = self.steps if steps is None else min(self.steps, self.done + steps)
        try:
            while self.done < end:
                self._step()
                if show and (self.done % every == 0 or self.done == end):
                    show(self)
        except KeyboardInterrupt:
            print(f"Interrupted after {self.done} of {self.steps} steps. What was learned is kept; train() goes on.")
        return self

    def _step(self):
        epsilon = max(self.explore, 1 - (1 - self.explore) * 2 * self.done / self.steps)
        a, sigma = self.act(self.phi, epsilon)
        after, r, terminated, truncated, _ = self.env.step((a, sigma))
        self.replay.add(self.phi, a, r, after, terminated)  # a truncation is no terminal state
        if terminated or truncated:
            after, _ = self.env.reset()
            self._score()
        self.phi = after
        ready = self.replay.count >= self.batch and self.done % self.every == 0
        q, J = self._learn() if ready else (np.nan, np.nan)
        if self.done % self.pace == 0:
            self.frozen.load_state_dict(self.network.state_dict())
        self.log.append((r, q, J))
        self.done += 1

    def _learn(self):
        phi, a, r, after, done = self.replay.sample(self.rng, self.batch)
        Q = self.network(torch.as_tensor(phi))
        with torch.no_grad():
            Q_next = self.frozen(torch.as_tensor(after))
        self.optimiser.zero_grad()
        if callable(self.target):
            numbers = [x.detach().double().numpy() for x in (Q, Q_next)]
            _, _, J, dQ = self.target(numbers[0], a, r, numbers[1], done, self.gamma, self.tau)
            Q.backward(torch.as_tensor(np.asarray(dQ), dtype=Q.dtype))
        else:
            r, done = torch.as_tensor(r).float(), torch.as_tensor(done).float()
            y = r + self.gamma * (1 - done) * (policy_of(Q_next, self.target, self.tau) * Q_next).sum(dim=1)
            J = nn.functional.mse_loss(Q[torch.arange(len(a)), torch.as_tensor(a)], y)
            J.backward()
        self.optimiser.step()
        return float(Q.detach().max(dim=1).values.mean()), float(J.item() if torch.is_tensor(J) else J)

    def _score(self):
        if self.valid is not None:
            profit = self.run(self.valid)[0][-1] - 1
            self.scores.append((self.done, float(profit)))
            if self.best is None or profit > self.best[0]:
                self.best = (profit, {k: v.clone() for k, v in self.network.state_dict().items()})

    def run(self, env, best=False):
        """Go through a whole period without exploring and without learning.

        With `best`, the weights count that did best on the validation period, else the last ones. Returns two arrays: the
        value of the portfolio (days,), and the part of it that was invested in assets (days,).
        """
        now = {name: value.clone() for name, value in self.network.state_dict().items()}
        if best and self.best:
            self.network.load_state_dict(self.best[1])
        phi, info = env.reset()
        value, invested, over = [info["value"]], [0.0], False
        while not over:
            phi, _, terminated, truncated, info = env.step(self.act(phi))
            value.append(info["value"])
            invested.append(1 - info["amounts"][0] / info["value"])
            over = terminated or truncated
        self.network.load_state_dict(now)
        return np.array(value), np.array(invested)
