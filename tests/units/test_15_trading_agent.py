"""Unit 15: the equations of the lesson, the environment's honesty, the agent's loop, the controls, and the results as stored."""

import importlib.util
import re
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, printed

from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "15-trading-agent"
FOLDER = ROOT / "course" / UNIT
sys.path.insert(0, str(FOLDER))

import agent as agents  # noqa: E402
import market  # noqa: E402
import small_world as world  # noqa: E402
from results import METHODS, beyond_chance, load_results, over_same_share  # noqa: E402
from trading_env import TradingEnv, blocks_of, trade  # noqa: E402

# Other units have a pictures.py too, so this one gets a name of its own.
spec = importlib.util.spec_from_file_location("pictures_of_15", FOLDER / "pictures.py")
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)
sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def solution():
    """The functions of the solution, by name."""
    unit = Unit(ROOT, UNIT)
    return SimpleNamespace(**Answers(read_source(unit.exercises).notebook, unit.course).function("follow").__globals__)


@pytest.fixture(scope="module")
def small():
    return market.course_market(T=80, m=3, seed=3)


# The equations, computed here as they stand in the lesson, against torch or against another way --------------


def value(s):
    p, w = np.array([1.0, 100.0, 50.0]), np.array([400.0, 3.0, 6.0])
    assert_close(sum(p[i] * w[i] for i in range(3)), torch.tensor(p) @ torch.tensor(w))


def profit(s):
    V = np.array([4.0, 5.0, 7.0])
    assert_close((V[-1] - V[0]) / V[0], s.metrics(V)[0])


def block(s):
    values = market.course_market(T=20, m=2, seed=1).values
    w, t = 5, 11
    phi = blocks_of(values, w)[t - w + 1]
    for i in range(2):
        for j in range(9):
            c = values[t - w + 1 : t + 1, i, j]
            assert_close((c - c.min()) / (c.max() - c.min()), phi[:, i, j])


def bellman(s):
    """A world of two states and two actions: values from a linear system and by iteration."""
    rng = np.random.default_rng(0)
    r, P, pi, gamma = rng.normal(size=(2, 2)), rng.dirichlet([1, 1], size=(2, 2)), rng.dirichlet([1, 1], size=2), 0.8
    flow = np.einsum("sat,tb->satb", P, pi).reshape(4, 4)
    Q = np.linalg.solve(np.eye(4) - gamma * flow, r.ravel()).reshape(2, 2)
    assert_close(r + gamma * P @ (pi * Q).sum(axis=1), Q)
    best = np.zeros((2, 2))
    for _ in range(500):
        best = r + gamma * P @ best.max(axis=1)
    policies = [np.eye(2)[[i, j]] for i in (0, 1) for j in (0, 1)]
    each = [
        np.linalg.solve(np.eye(4) - gamma * np.einsum("sat,tb->satb", P, q).reshape(4, 4), r.ravel()) for q in policies
    ]
    assert_close(best.ravel(), np.max(each, axis=0))


def ratio(s):
    Q = torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q = Q.numpy()
    assert_close(np.exp(q[3]) / np.exp(q).sum(), torch.softmax(Q, 0)[3])


def order(s):
    rng = np.random.default_rng(1)
    w, p, f = rng.uniform(1, 3, size=4), np.array([1.0, 3.0, 5.0, 7.0]), 0.02
    for a in range(7):
        sigma, after = rng.uniform(), w.copy()
        if 1 <= a <= 3:
            after[0] = w[0] - sigma * w[0]
            after[a] = w[a] + (1 - f) * sigma * w[0] / p[a]
        elif a > 3:
            after[a - 3] = w[a - 3] - sigma * w[a - 3]
            after[0] = w[0] + (1 - f) * sigma * w[a - 3] * p[a - 3]
        assert_close(after, trade(w, p, a, sigma, f))
        traded = sigma * (w[0] if 1 <= a <= 3 else (p * w)[a - 3]) if a else 0.0
        assert_close(p @ w - p @ after, f * traded)  # the value falls by the fee and by nothing else
        assert_close(s.trade_day(w[None], p, p, np.array([a]), np.array([sigma]), f, 1.0)[0][0], after)


def reward(s):
    table = market.course_market(T=40, m=3, seed=2)
    env = TradingEnv(table.close, blocks_of(table.values, 13), fee=0.01, scale=200.0)
    _, info = env.reset()
    for a, sigma in ((1, 0.5), (2, 0.9), (4, 0.3), (0, 0.7)):
        t, w = info["day"], info["amounts"]
        p, after = (np.concatenate([[1.0], table.close[k]]) for k in (t, t + 1))
        _, r, *_, info = env.step((a, sigma))
        expected = torch.tensor(200.0 * (after @ info["amounts"] - after @ w) / (p @ w)).clamp(-1, 1)
        assert_close(r, expected)
        assert_close(info["value"], after @ info["amounts"])


def batch(N=5, A=7):
    rng = np.random.default_rng(3)
    return rng.normal(size=(N, A)), rng.integers(A, size=N), rng.normal(size=N), rng.normal(size=(N, A)), np.eye(N)[1]


def target(s):
    Q, a, r, Q_next, done = batch()
    pi, y, *_ = s.sarsa_loss(Q, a, r, Q_next, done, 0.9, 0.25)
    assert_close(y, r + 0.9 * (1 - done) * (pi * Q_next).sum(axis=1))
    policy = agents.policy_of(torch.tensor(Q_next), "statewise", 0.25)
    assert_close(y, torch.tensor(r) + 0.9 * (1 - torch.tensor(done)) * (policy * torch.tensor(Q_next)).sum(1))


def temperature(s):
    Q, a, r, Q_next, done = batch()
    tau = 0.25 / Q.shape[1] * np.abs(Q_next).sum(axis=1)
    mine = np.exp(Q_next / tau[:, None]) / np.exp(Q_next / tau[:, None]).sum(axis=1)[:, None]
    assert_close(mine, s.sarsa_loss(Q, a, r, Q_next, done, 0.9, 0.25)[0])
    assert_close(mine, agents.policy_of(torch.tensor(Q_next), "statewise", 0.25))


def gradient(s):
    Q, a, r, Q_next, done = batch()
    _, y, J, dQ = s.sarsa_loss(Q, a, r, Q_next, done, 0.9, 0.25)
    leaf = torch.tensor(Q, requires_grad=True)
    loss = ((leaf[range(5), a] - torch.tensor(y)) ** 2).mean()
    loss.backward()
    assert_close(J, loss.item())
    assert_close(2 / 5 * (Q - y[:, None]) * (np.arange(7) == a[:, None]), leaf.grad)
    assert_close(dQ, leaf.grad)


def sharpe(s):
    V = np.array([4, 5, 3, 4, 2.5, 6, 8, 7])
    R = torch.tensor(V[1:] / V[:-1] - 1)
    assert_close(s.metrics(V)[1], R.mean() / R.std(correction=0))


def drawdown(s):
    V = np.array([4, 5, 3, 4, 2.5, 6, 8, 7])
    peaks = torch.cummax(torch.tensor(V), 0).values
    assert_close(s.metrics(V)[2], (1 - torch.tensor(V) / peaks).max())
    assert s.metrics(V)[2] == 0.5


def ratios(T=9, m=3, seed=5):
    return np.exp(0.1 * np.random.default_rng(seed).normal(size=(T, m)))


def held(s):
    x, f = ratios(), 0.02
    p = np.ones(4)
    amounts = np.array([1.0, 0, 0, 0])
    for i, part in ((1, 1 / 3), (2, 1 / 2), (3, 1.0)):  # equal parts, by orders
        amounts = trade(amounts, p, i, part, f)
    by_orders = [1.0] + [amounts[1:] @ x[: t + 1].prod(axis=0) for t in range(len(x))]
    assert_close(s.ubah(x, f), by_orders)


def exponential(s):
    x, eta = ratios(), 0.3
    b = s.eg(x, eta)
    for t in range(len(x) - 1):
        leaf = torch.tensor(b[t], requires_grad=True)
        (leaf @ torch.tensor(x[t])).log().backward()
        new = leaf.detach() * torch.exp(eta * leaf.grad)
        assert_close(b[t + 1], new / new.sum())


def mean_reversion(s):
    """The step is the shortest that brings the last return down to eps, where the simplex is not in the way."""
    x, eps = ratios(), 0.99
    b = s.pamr(x, eps)
    for t in range(len(x) - 1):
        off = x[t] - x[t].mean()
        tau = max(0, b[t] @ x[t] - eps) / (off @ off)
        free = b[t] - tau * off
        if (free >= 0).all():
            assert_close(b[t + 1], free)
            assert b[t + 1] @ x[t] <= eps + 1e-12
        assert_close(b[t + 1].sum(), 1.0)
        rivals = np.random.default_rng(0).dirichlet(np.ones(3), size=500)
        assert ((b[t + 1] - free) ** 2).sum() <= ((rivals - free) ** 2).sum(axis=1).min() + 1e-12


def remaining(s):
    """The equation has the solution that orders lead to: sell all surplus, then buy with all the money."""
    rng = np.random.default_rng(7)
    for f in (0.0, 0.001, 0.1):
        h, b = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
        mu = s.remaining(h, b, f)
        assert abs((1 - f) ** 2 * np.maximum(0, h - mu * b).sum() - np.maximum(0, mu * b - h).sum()) < 1e-12
        amounts, p = np.concatenate([[0.0], h]), np.ones(5)
        for i in range(1, 5):
            if amounts[i] > mu * b[i - 1]:
                amounts = trade(amounts, p, 4 + i, 1 - mu * b[i - 1] / amounts[i], f)
        for i in range(1, 5):
            if amounts[i] < mu * b[i - 1]:
                amounts = trade(amounts, p, i, (mu * b[i - 1] - amounts[i]) / (1 - f) / amounts[0], f)
        np.testing.assert_allclose(amounts, [0, *(mu * b)], atol=1e-12)
    assert s.remaining(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.01) == pytest.approx(0.99**2, abs=1e-12)


def bandit(_):
    """Where the next state does not depend on the action, every policy's values are the rewards plus a number for the state."""

    def softmax(q):
        return torch.softmax(torch.tensor(q), dim=1).numpy()

    rng = np.random.RandomState(3)
    S, A = 6, 5
    P, R = rng.dirichlet(np.ones(S), size=S), rng.normal(size=(S, A))
    for gamma, tau in ((0.9, 0.0), (0.9, 0.3), (0.9, 3.0), (0.0, 0.0)):
        Q = np.zeros((S, A))
        for _ in range(500):
            pi = softmax(Q / tau) if tau else np.eye(A)[Q.argmax(axis=1)]
            Q = R + gamma * (P @ (pi * Q).sum(axis=1))[:, None]
        np.testing.assert_allclose(Q - Q.mean(axis=1, keepdims=True), R - R.mean(axis=1, keepdims=True), atol=1e-12)
        np.testing.assert_allclose(softmax(Q), softmax(R), atol=1e-12)


EQUATIONS = {
    "eq-trade-value": value, "eq-trade-profit": profit, "eq-trade-block": block, "eq-trade-bellman": bellman,
    "eq-trade-ratio": ratio, "eq-trade-order": order, "eq-trade-reward": reward, "eq-trade-target": target,
    "eq-trade-temperature": temperature, "eq-trade-gradient": gradient, "eq-trade-sharpe": sharpe,
    "eq-trade-drawdown": drawdown, "eq-trade-ubah": held, "eq-trade-eg": exponential, "eq-trade-pamr": mean_reversion,
    "eq-trade-remaining": remaining, "eq-trade-bandit": bandit,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, solution):
    EQUATIONS[label](solution)


# Nothing knows the future ------------------------------------------------------------------------


def test_changing_the_future_changes_no_past_observation(solution, small):
    w, rng = 13, np.random.default_rng(0)
    for day in (w, 30, 55, 79):
        other = small.values.copy()
        other[day:] *= np.exp(rng.normal(size=other[day:].shape))
        for make in (solution.history_blocks, blocks_of):
            before, after = make(small.values, w), make(other, w)
            np.testing.assert_array_equal(before[: day - w + 1], after[: day - w + 1])
            assert (before[day - w + 1 :] != after[day - w + 1 :]).any()
        envs = [TradingEnv(v[:, :, market.CLOSE], blocks_of(v, w), fee=0.01) for v in (small.values, other)]
        seen = [env.reset() for env in envs]
        while seen[0][1]["day"] < day - 1:
            np.testing.assert_array_equal(seen[0][0], seen[1][0])
            a = (int(rng.integers(7)), rng.uniform())
            steps = [env.step(a) for env in envs]
            assert steps[0][1] == steps[1][1]
            seen = [(step[0], step[4]) for step in steps]


def test_benchmarks_do_not_look_ahead(solution):
    x = ratios()
    for day in range(1, len(x)):
        other = x.copy()
        other[day:] = ratios(seed=6)[day:]
        for b, c in (
            (solution.eg(x, 0.3), solution.eg(other, 0.3)),
            (solution.pamr(x, 0.5), solution.pamr(other, 0.5)),
        ):
            np.testing.assert_array_equal(b[: day + 1], c[: day + 1])


# The environment ---------------------------------------------------------------------------------


def test_gymnasium_accepts_the_environment(small):
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(TradingEnv(small.close, blocks_of(small.values, 13), fee=0.001))
    # The one thing it says is that an environment without a name in gymnasium's list cannot be made by name.
    assert all("not having a spec" in str(w.message) for w in caught)


def test_an_episode_ends_as_a_truncation_at_the_end_of_its_period(small):
    env = TradingEnv(small.close, blocks_of(small.values, 13), start=20, stop=31)
    _, info = env.reset()
    days = [info["day"]]
    for _ in range(10):
        _, _, terminated, truncated, info = env.step((1, 0.1))
        days.append(info["day"])
        assert not terminated and truncated == (info["day"] == 30)
    assert days == list(range(20, 31))


def test_books_balance_over_many_random_orders(small):
    """Without fees and with prices standing still, no order changes the value; with fees each order costs f times its size."""
    prices = np.full((80, 3), [2.0, 5.0, 11.0])
    for fee in (0.0, 0.03):
        env, rng = TradingEnv(prices, blocks_of(small.values, 13), fee=fee), np.random.default_rng(0)
        _, info = env.reset()
        over = False
        while not over:
            w, (a, sigma) = info["amounts"], (int(rng.integers(7)), rng.uniform())
            p = np.array([1.0, 2.0, 5.0, 11.0])
            size = 0.0 if a == 0 else sigma * (w[0] if a <= 3 else w[a - 3] * p[a - 3])
            before = info["value"]
            *_, over, info = env.step((a, sigma))
            assert info["value"] == pytest.approx(before - fee * size, abs=1e-12)
            assert (info["amounts"] >= 0).all()


def test_the_reward_is_clipped_and_its_two_readings_differ_by_what_was_held(small):
    for against in (True, False):
        env = TradingEnv(small.close, blocks_of(small.values, 13), scale=1e9, against_holding=against)
        env.reset()
        rewards = [env.step((1, 0.5))[1] for _ in range(8)]
        assert set(np.abs(rewards)) == {1.0}
    hold = TradingEnv(small.close, blocks_of(small.values, 13))
    hold.reset()
    hold.step((1, 0.9))
    assert [hold.step((0, 0.5))[1] for _ in range(20)] == [0.0] * 20


@pytest.mark.parametrize(
    "change, says",
    [
        (dict(fee=1.0), "fee"), (dict(start=3), "no day to trade"), (dict(stop=99), "no day to trade"),
        (dict(prices=np.ones((70, 3))), "blocks, not"), (dict(prices=np.zeros((80, 3))), "not positive"),
        (dict(prices=np.ones(80)), r"\(T, m\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_traded_is_an_error(small, change, says):
    given = dict(prices=small.close, blocks=blocks_of(small.values, 13)) | change
    with pytest.raises(ValueError, match=says):
        TradingEnv(**given)


def test_an_impossible_order_is_an_error(small):
    env = TradingEnv(small.close, blocks_of(small.values, 13))
    env.reset()
    for action in ((7, 0.5), (-1, 0.5), (1, 1.5), (1, np.nan)):
        with pytest.raises(ValueError, match="is not"):
            env.step(action)


def test_a_late_listing_is_no_price_for_the_agent(small):
    values = small.values.copy()
    values[:30, 1] = np.nan
    env = TradingEnv(values[:, :, market.CLOSE], blocks_of(values, 13))
    phi, _ = env.reset()
    assert (phi[:, 1] == 0.5).all()
    assert (
        env.step((2, 1.0))[4]["refused"] and env.step((5, 1.0))[4]["refused"] and not env.step((1, 1.0))[4]["refused"]
    )


def test_the_given_blocks_and_the_exercise_agree(solution, small):
    values = small.values.copy()
    values[:30, 1] = np.nan
    np.testing.assert_allclose(solution.history_blocks(values, 13), blocks_of(values, 13), atol=1e-12)


# The markets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [market.course_market, market.noise_market, market.planted_market])
def test_a_market_is_one_and_the_same_for_a_seed_and_its_candles_are_possible(make):
    a, b, c = make(T=200, seed=0), make(T=200, seed=0), make(T=200, seed=1)
    np.testing.assert_array_equal(a.values, b.values)
    assert (a.values != c.values).mean() > 0.9
    o, h, lo, cl = (a.values[:, :, k] for k in range(4))
    assert (lo <= np.minimum(o, cl)).all() and (np.maximum(o, cl) <= h).all() and (lo > 0).all()
    assert (a.values[:, :, market.TAKER_BASE] < a.values[:, :, market.VOLUME]).all()
    np.testing.assert_allclose(o[1:], cl[:-1])


def test_the_course_market_has_what_it_promises():
    returns = np.concatenate([np.diff(np.log(market.course_market(seed=s).close), axis=0) for s in range(5)])
    correlation = np.corrcoef(returns.T)[np.triu_indices(4, 1)]
    assert ((correlation > 0.5) & (correlation < 0.72)).all()
    size = np.abs(returns).mean(axis=1)
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.12  # wild days come together


def test_noise_is_a_fair_game():
    x = np.concatenate([c[1:] / c[:-1] for c in (market.noise_market(seed=s).close for s in range(10))])
    error = x.std() / np.sqrt(x.size)
    assert abs(x.mean() - 1) < 3 * error
    r = np.log(x[:, 0])
    assert abs(np.corrcoef(r[1:], r[:-1])[0, 1]) < 0.03


def test_the_planted_signal_foretells_the_next_day_and_nothing_else_does():
    table = market.planted_market(seed=0)
    share = table.values[:, :, market.TAKER_BASE] / table.values[:, :, market.VOLUME]
    r = np.diff(np.log(table.close), axis=0)
    assert np.corrcoef(share[:-1].ravel(), r.ravel())[0, 1] > 0.3
    noise = market.noise_market(seed=0)
    share = noise.values[:, :, market.TAKER_BASE] / noise.values[:, :, market.VOLUME]
    assert abs(np.corrcoef(share[:-1].ravel(), np.diff(np.log(noise.close), axis=0).ravel())[0, 1]) < 0.05


def test_shuffling_keeps_days_and_loses_their_order(solution):
    table = market.course_market(T=400, seed=0)
    mixed = market.shuffled(table, seed=1)

    def days(t):
        before = np.concatenate([t.values[:1, :, 0], t.close[:-1]])
        return t.close / before

    np.testing.assert_allclose(np.sort(days(mixed), axis=0), np.sort(days(table), axis=0))
    np.testing.assert_allclose(mixed.close[-1], table.close[-1])
    assert (days(mixed) != days(table)).any()
    # the lesson's third question
    for fee_free in (
        lambda x: solution.ubah(x, 0)[-1],
        lambda x: np.prod(x.mean(axis=1)),
    ):
        assert fee_free(days(mixed)) == pytest.approx(fee_free(days(table)))
    with pytest.raises(ValueError, match="missing values"):
        market.shuffled(market.Table(table.times, np.where(table.values > 100, np.nan, table.values), table.names))


# The agent ---------------------------------------------------------------------------------------


def small_agent(target="statewise", seed=0, steps=140, **more):
    table = market.planted_market(T=90, m=3, seed=1)
    blocks = blocks_of(table.values, 13)
    env, valid = (TradingEnv(table.close, blocks, start=a, stop=b) for a, b in ((12, 70), (69, 90)))
    return agents.Agent(env, target, steps=steps, valid=valid, seed=seed, **more)


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(capsys):
    whole = small_agent().train()
    stopped = small_agent()

    def stop(agent):
        if agent.done == 60:
            raise KeyboardInterrupt

    stopped.train(show=stop, every=20)
    assert stopped.done == 60 and "What was learned is kept" in capsys.readouterr().out
    kept = {k: v.clone() for k, v in stopped.network.state_dict().items()}
    first = small_agent().network.state_dict()
    assert any((kept[k] != first[k]).any() for k in kept)
    stopped.train()
    assert stopped.done == 140
    np.testing.assert_array_equal(stopped.log, whole.log)
    for k, v in whole.network.state_dict().items():
        assert torch.equal(v, stopped.network.state_dict()[k])


def test_the_students_gradient_trains_like_torchs(solution):
    theirs, mine = small_agent("statewise").train(), small_agent(solution.sarsa_loss).train()
    np.testing.assert_allclose(np.array(mine.log), np.array(theirs.log), rtol=1e-3, atol=1e-4)


def test_targets_differ_and_an_unknown_one_is_an_error():
    Q = torch.tensor([[1.0, 2.0, -0.5], [0.0, 0.0, 0.0]])
    assert agents.policy_of(Q, "greedy", 1).tolist()[0] == [0, 1, 0]
    assert agents.policy_of(Q, "statewise", 0.25)[1].tolist() == pytest.approx([1 / 3] * 3)
    with pytest.raises(ValueError, match="greedy, fixed or statewise"):
        agents.policy_of(Q, "hot", 1)


def test_running_changes_nothing_that_was_learned():
    agent = small_agent().train()
    before = {k: v.clone() for k, v in agent.network.state_dict().items()}
    V, invested = agent.run(agent.valid, best=True)
    assert len(V) == len(invested) == 21 and V[0] == 1 and ((invested >= 0) & (invested <= 1)).all()
    for k, v in before.items():
        assert torch.equal(v, agent.network.state_dict()[k])


def test_the_network_treats_assets_alike():
    network = agents.QNetwork(30)
    phi = torch.rand(2, 30, 4, 9)
    order = [3, 1, 0, 2]
    Q, moved = network(phi), network(phi[:, :, order])
    torch.testing.assert_close(moved[:, 1:5], Q[:, 1:5][:, order])
    torch.testing.assert_close(moved[:, :1], Q[:, :1])
    with pytest.raises(ValueError, match="13 or more"):
        agents.QNetwork(12)


# The controls and the results as stored ----------------------------------------------------------


def test_the_test_for_chance_catches_a_cheat_and_lets_an_honest_one_pass():
    rng = np.random.default_rng(0)
    honest = [beyond_chance(rng.normal(0, 0.2, size=30))[0] for _ in range(200)]
    assert np.mean(honest) < 0.03
    assert beyond_chance(rng.normal(0.2, 0.2, size=30))[0]
    with pytest.raises(ValueError, match="too few"):
        beyond_chance([1.0] * 4)


@pytest.fixture(scope="module")
def found():
    return load_results()


def test_the_stored_agents_do_not_profit_from_noise_beyond_chance(found):
    fresh = np.concatenate(found["controls"]["noise: fresh profits"])
    assert fresh.size == 50 and not beyond_chance(fresh)[0]


def lead(found, key):
    agent, held = ([run["profit"] for run in found["controls"][k]] for k in (key, f"{key}: UBAH"))
    return np.log1p(agent) - np.log1p(held)


def test_the_stored_agents_find_the_planted_signal_on_every_seed(found):
    assert len(lead(found, "planted")) == 5 and (lead(found, "planted") > 0.2).all()
    assert beyond_chance(lead(found, "planted"))[0] and not beyond_chance(lead(found, "planted, change of value"))[0]


def test_the_prose_about_the_results_is_what_came_out(found):
    prose, control = " ".join((FOLDER / "lesson.md").read_text().split()), found["controls"]
    fresh = np.concatenate(control["noise: fresh profits"])
    assert f"mean profit was {fresh.mean():.3f}, half a standard error" in prose and 0.4 < beyond_chance(fresh)[1] < 0.6
    assert f"ended {max(r['profit'] for r in control['noise']):.0%}".replace("%", " percent up") in prose
    assert (lead(found, "shuffled") > 0).all() and "ahead of buy and hold on all five" in prose
    assert f"only {np.mean([r['invested'] for r in control['shuffled']]):.0%}".replace("%", " percent") in prose
    assert f"by a factor of {np.exp(lead(found, 'planted').mean()):.1f}" in prose
    mean = {f: {k: np.mean([r["profit"] for r in v]) for k, v in ms.items()} for f, ms in found["course"].items()}
    fall = {f: {k: np.mean([r["drawdown"] for r in v]) for k, v in ms.items()} for f, ms in found["course"].items()}
    leads = {f: [over_same_share(ms[k], ms["UBAH"]) for k in METHODS[4:]] for f, ms in found["course"].items()}
    assert all(run["profit"] < 0 for run in found["course"]["0.0"]["UBAH"])
    for fee, (low, high) in (("0.0", (3, 6)), ("0.001", (2, 4))):
        assert min(mean[fee][k] for k in METHODS[4:]) > max(mean[fee][k] for k in METHODS[:4])
        assert max(fall[fee][k] for k in METHODS[4:]) < min(fall[fee][k] for k in METHODS[:4])
        share = [np.mean([r["invested"] for r in found["course"][fee][k]]) for k in METHODS[4:]]
        assert 0.74 < min(share) and max(share) < 0.84  # "about a fifth of their value in base currency"
        assert (round(100 * min(x.mean() for x in leads[fee])), round(100 * max(x.mean() for x in leads[fee]))) == (
            low,
            high,
        )
        means = [mean[fee][k] for k in METHODS[4:]]
        spread = [np.std([r["profit"] for r in found["course"][fee][k]], ddof=1) for k in METHODS[4:]]
        assert max(means) - min(means) < min(spread)
    assert mean["0.001"]["PAMR"] < -0.5 < mean["0.0"]["PAMR"]


def test_the_results_are_complete(found):
    assert list(found["course"]) == ["0.0", "0.001"]
    for methods in found["course"].values():
        assert set(methods) == set(METHODS) and all(
            len(runs) == found["settings"]["seeds"] == 5 for runs in methods.values()
        )
    for a, b in zip(
        found["settings"]["periods"].values(), list(found["settings"]["periods"].values())[1:], strict=False
    ):
        assert a[1] == b[0] + 1  # in order of time: the last close of one is the first of the next


def test_the_stored_benchmarks_can_be_computed_again(solution, found):
    for seed in (0, 3):
        table = market.course_market(seed=seed)
        x = table.close[1200:1500] / table.close[1199:1499]
        for fee, methods in found["course"].items():
            V = {"UBAH": solution.ubah(x, float(fee)), "PAMR": solution.follow(solution.pamr(x, 0.5), x, float(fee))}
            for name, curve in V.items():
                for key, mine in zip(("profit", "sharpe", "drawdown"), solution.metrics(curve), strict=True):
                    assert methods[name][seed][key] == pytest.approx(mine, abs=1e-5)


# What the prose says -----------------------------------------------------------------------------


def test_the_prose_states_the_numbers_that_the_cells_print():
    text = printed(executed(FOLDER / "lesson.ipynb"))
    prose = (FOLDER / "lesson.md").read_text()
    assert "buy A with ratio 0.5110: spend 204.41, fee 2.04" in text and "204.41" in prose
    assert "assets exchanged, values exchanged: True" in text
    assert re.search(r"honest: .* beyond chance: False", text) and re.search(r"cheat: .* beyond chance: True", text)
    assert (
        "value 1000.00 -> 997.96" in text
        and "-> 1007.03 at the next close" in text
        and "holding would give 1003.00" in text
    )
    assert "holding gains 3.00, with the order it is 7.03" in prose
    rows = re.findall(r"mean value +(\S+) +ratios differ by (\S+)\n.* for the reward alone: (\d+) of (\d+) days", text)
    assert len(rows) == 4 and all(same == days and float(apart) < 1e-14 for _, apart, same, days in rows)
    assert len({level for level, *_ in rows}) == 4
    seen = {k: re.search(rf"{k}: .* is (\S+), then (\S+)", text) for k in ("window only", "whole table")}
    assert seen["window only"][1] == seen["window only"][2] and seen["whole table"][1] != seen["whole table"][2]


def test_the_temperatures_of_the_stepper():
    policy = pictures.policy
    q = np.array([1.0, 2.0, -0.5])
    for shift, expected in ((0, [0.031, 0.968, 0.000]), (5, [0.299, 0.594, 0.107]), (50, [0.337, 0.364, 0.299])):
        np.testing.assert_allclose(policy(q + shift, 0.25), expected, atol=6e-4)
    np.testing.assert_allclose(policy(10 * q, 0.25), policy(q, 0.25))
    np.testing.assert_allclose(policy(0 * q, 0.25), 1 / 3)


def test_the_first_quick_question():
    spent = 400 * np.exp(1.4) / np.exp([0.3, 1.4, 0.1, -0.5, -0.2]).sum()
    gain = 0.97 * spent * 1.03 - spent
    assert spent == pytest.approx(204.41, abs=0.005) and gain / 1000 * 100 == pytest.approx(-0.018, abs=0.0005)


def test_the_checks_have_the_edge_cases_that_matter():
    exercises = load_checks(FOLDER).exercises
    assert len(exercises) == 9
    flat = [edge["m"] for edge, _ in exercises["pamr"].kinds if edge.get("flat")]
    assert flat == [4, 3, 5, 6] and any(not edge.get("late", True) for edge, _ in exercises["history_blocks"].kinds)


@pytest.mark.slow
def test_the_students_agent_finds_the_signal_and_not_the_noise():
    text = printed(executed_solution(Unit(ROOT, UNIT)))
    agent, held = (float(re.search(rf"{who}: +profit (\S+)", text)[1]) for who in ("agent", "buy and hold"))
    assert np.log1p(agent) - np.log1p(held) > 0.25
    assert "beyond chance: False" in text
    for name in ("UBAH", "UCRP", "EG", "PAMR", "DQN, greedy", "DQN, state-wise"):
        assert re.search(rf"^{name} +\S+ +\S+ +\S+$", text, re.M)


def test_where_the_agent_sees_what_it_holds_discount_and_target_policy_matter():
    """What the lesson says of its small world: who trades from which drift on, and who earns less than the greedy target."""
    np.testing.assert_allclose(world.MOVES.sum(axis=1), 1)
    solved = {
        name: world.values(kind, gamma, tau)
        for name, kind, gamma, tau in (
            ("greedy", "greedy", 0.98, None), ("myopic", "greedy", 0.0, None), ("fixed", "fixed", 0.98, 0.25),
            ("hot", "fixed", 0.98, 1.0), ("state-wise", "statewise", 0.98, 0.25), ("hot state-wise", "statewise", 0.98, 1.0),
        )
    }  # fmt: skip
    best = {name: Q.argmax(axis=2) for name, Q in solved.items()}
    for name in ("myopic", "hot state-wise"):  # never trades: what is held is held
        assert (best[name] == [0, 1]).all()
    assert (best["fixed"] == best["greedy"]).all()
    buys = {name: world.DRIFTS[best[name][:, 0].argmax()] for name in ("greedy", "state-wise", "hot")}
    assert [round(buys[name], 1) for name in buys] == [0.1, 0.2, 0.3]
    earned = {name: world.profits(Q) for name, Q in solved.items()}
    for name in earned:
        assert earned[name].mean() <= earned["greedy"].mean()
    behind = earned["greedy"] - earned["state-wise"]
    assert 0 < behind.mean() < 2 * behind.std() / 50**0.5
    behind = earned["greedy"] - earned["hot"]
    assert behind.mean() > 3 * behind.std() / 50**0.5
