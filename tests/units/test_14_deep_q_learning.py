"""Unit 14: every equation of the lesson, computed as it stands there and compared with torch; the agents' results."""

import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.checking.exercise import load_checks
from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "14-deep-q-learning"
S, A, GAMMA = 6, 3, 0.9


@pytest.fixture(scope="module")
def world():
    """A random world whose states 0 and 1 are terminal: P (S, A, S), R (S, A)."""
    rng = np.random.RandomState(14)
    P = rng.uniform(size=(S, A, S)) ** 3
    P /= P.sum(axis=-1, keepdims=True)
    R = rng.normal(size=(S, A))
    P[:2], R[:2] = 0.0, 0.0
    return P, R, rng


@pytest.fixture(scope="module")
def answers():
    unit = Unit(ROOT, UNIT)
    return Answers(read_source(unit.exercises).notebook, unit.course).function("q_loss").__globals__


def evaluated(P, R, policy):
    """Q of a policy (S, A) by torch's solver: the unknowns are all pairs of state and action."""
    move = np.einsum("sax,xb->saxb", P, policy).reshape(S * A, S * A)
    return (
        torch.linalg.solve(torch.eye(S * A).double() - GAMMA * torch.tensor(move), torch.tensor(R.ravel()))
        .numpy()
        .reshape(S, A)
    )


def best_of_all(P, R):
    """Q* as the largest of the values of all 3^4 deterministic policies of the four states that go on."""
    tables = []
    for number in range(A ** (S - 2)):
        choice = [0, 0, *(number // A**k % A for k in range(S - 2))]
        tables.append(evaluated(P, R, np.eye(A)[choice]))
    return np.max(tables, axis=0)


def the_return(world):
    r = world[2].normal(size=7)
    G = 0.0
    for reward in r[::-1]:
        G = reward + GAMMA * G
    assert_close(G, (torch.tensor(r) * GAMMA ** torch.arange(7).double()).sum())


def bellman_pi(world):
    P, R, rng = world
    policy = rng.dirichlet(np.ones(A), size=S)
    Q = evaluated(P, R, policy)
    assert_close(Q, R + GAMMA * P @ (policy * Q).sum(axis=1))
    # The same values from the definition: expected rewards, discounted, step after step.
    total, ahead = np.zeros((S, A)), np.eye(S * A).reshape(S, A, S, A)
    for t in range(400):
        total += GAMMA**t * np.einsum("saxb,xb->sa", ahead, R)
        ahead = np.einsum("saxb,xby,yc->sayc", ahead, P, policy)
    np.testing.assert_allclose(total, Q, rtol=1e-9, atol=1e-12)


def bellman_star(world):
    P, R, _ = world
    Q = best_of_all(P, R)
    assert_close(Q, R + GAMMA * P @ Q.max(axis=1))


def sweep(world):
    P, R, _ = world
    Q = np.zeros((S, A))
    for _ in range(400):
        Q = R + GAMMA * P @ Q.max(axis=1)
    np.testing.assert_allclose(Q, best_of_all(P, R), rtol=1e-9, atol=1e-12)


def q_update(world):
    """A step of gradient descent on half the squared error, the target held fixed."""
    rng = world[2]
    Q, s, a, r, s_next, alpha = rng.normal(size=(S, A)), 3, 1, 0.7, 4, 0.3
    table = torch.tensor(Q, requires_grad=True)
    y = r + GAMMA * table[s_next].max().detach()
    ((table[s, a] - y) ** 2 / 2).backward()
    new = Q.copy()
    new[s, a] += alpha * (r + GAMMA * Q[s_next].max() - Q[s, a])
    assert_close(new, (table - alpha * table.grad).detach())


@pytest.fixture(scope="module")
def batch():
    rng, N = np.random.RandomState(5), 40
    q, q_next, online = (torch.tensor(rng.normal(size=(N, A)) * 2, requires_grad=True) for _ in range(3))
    r, a, ended = (
        torch.tensor(rng.normal(size=N)),
        torch.tensor(rng.randint(A, size=N)),
        torch.tensor(rng.uniform(size=N) < 0.3),
    )
    return q, q_next, online, r, a, ended


def target(batch):
    _, q_next, _, r, _, ended = batch
    theirs = r + GAMMA * (1 - ended.double()) * q_next.max(dim=1).values
    mine = [r[n] if ended[n] else r[n] + GAMMA * max(q_next[n]) for n in range(len(r))]
    assert_close(torch.stack(mine).detach(), theirs.detach())


def huber(delta):
    return np.where(np.abs(delta) <= 1, delta**2 / 2, np.abs(delta) - 0.5)


def loss(batch):
    q, q_next, _, r, a, ended = batch
    y = (r + GAMMA * torch.where(ended, 0.0, q_next.max(dim=1).values)).detach()
    delta = (q[torch.arange(len(a)), a] - y).detach().numpy()
    assert (np.abs(delta) > 1).any() and (np.abs(delta) < 1).any()
    J = F.huber_loss(q.gather(1, a[:, None])[:, 0], y)
    assert_close(huber(delta).mean(), J.detach())
    return q, a, delta, J


def gradient(batch):
    q, a, delta, J = loss(batch)
    [theirs] = torch.autograd.grad(J, q)
    N = len(a)
    mine = [[np.clip(delta[n], -1, 1) / N if k == a[n] else 0.0 for k in range(A)] for n in range(N)]
    assert_close(np.array(mine), theirs)


def truncated(world):
    """A state with reward 1 that leads to itself; at every 500th step on average the next value is left out."""
    gamma, share = 0.99, 1 / 500
    move = torch.tensor([[1 - share]], dtype=torch.float64)
    merged = torch.linalg.solve(torch.eye(1).double() - gamma * move, torch.ones(1).double())
    assert_close(np.array([1 / (1 - gamma * 499 / 500)]), merged)
    assert round(merged.item(), 1) == 83.5 and round(1 / (1 - gamma)) == 100


def huber_and_slope(world):
    delta = torch.linspace(-3, 3, 41, dtype=torch.float64, requires_grad=True)
    theirs = F.huber_loss(delta, torch.zeros_like(delta), reduction="sum")
    theirs.backward()
    d = delta.detach().numpy()
    assert_close(huber(d).sum(), theirs.detach())
    assert_close(np.minimum(np.maximum(d, -1), 1), delta.grad)


def double(batch):
    _, q_next, online, r, _, _ = batch
    theirs = r + GAMMA * (F.one_hot(online.argmax(dim=1), A) * q_next).sum(dim=1)
    mine = [r[n] + GAMMA * q_next[n, int(online[n].argmax())] for n in range(len(r))]
    assert_close(torch.stack(mine).detach(), theirs.detach())


ON_WORLD = {
    "eq-dqn-return": the_return, "eq-dqn-bellman-pi": bellman_pi, "eq-dqn-bellman-star": bellman_star, "eq-dqn-sweep": sweep,
    "eq-dqn-q-update": q_update, "eq-dqn-truncated": truncated, "eq-dqn-huber": huber_and_slope,
}  # fmt: skip
ON_BATCH = {"eq-dqn-target": target, "eq-dqn-loss": loss, "eq-dqn-gradient": gradient, "eq-dqn-double": double}
EQUATIONS = ON_WORLD | ON_BATCH


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, world, batch):
    EQUATIONS[label](world if label in ON_WORLD else batch)


def test_every_batch_of_the_checks_holds_both_kinds_of_ending_and_both_at_once():
    """Flags that are all False, or never both True, would let a mistake about the end of an episode pass."""
    checks = load_checks(ROOT / "course" / UNIT)
    for seed in range(50):
        batch = checks["dqn_targets"].make(np.random.RandomState(seed), N=9, A=3, gamma=0.9)
        terminated, truncated = batch["terminated"], batch["truncated"]
        assert terminated.any() and truncated.any() and (terminated & truncated).any()
        assert (terminated & ~truncated).any() and (truncated & ~terminated).any()
        assert not (terminated | truncated).all()


def test_five_agents_balance_the_pole():
    """As benchmarks/cartpole.py found it; the lesson shows these numbers and says what follows here."""
    found = json.loads((ROOT / "course" / UNIT / "cartpole.json").read_text())
    whole, still, fresh = (found["runs"][name] for name in ("whole", "no target network", "no replay"))
    assert sum(run["last"] >= 400 for run in whole) == 5 and sum(run["seconds"] for run in whole) < 180
    assert len(found["untouched seeds"]) == 12 and min(found["untouched seeds"].values()) >= 400
    at = {t: t // found["every"] - 1 for t in (4000, 8000)}

    def largest_loss(run):
        curve = np.array(run["curve"][at[4000] :])
        return 1 - (curve / np.maximum.accumulate(curve)).min()

    assert all(largest_loss(run) < 0.2 for run in whole)
    early = [np.array(run["curve"][: at[4000]]) for run in whole]  # "Before that, when all are near 20, two do."
    assert sum((curve / np.maximum.accumulate(curve)).min() < 0.8 for curve in early) == 2
    assert sum(run["last"] >= 400 for run in still) == 4 == sum(run["curve"][at[8000]] < 18 for run in still)
    assert sum(largest_loss(run) > 0.5 for run in still) == 4
    back = [run for run in fresh if largest_loss(run) > 1 / 3]
    assert len(back) == 3 and all(240 < run["last"] < 360 for run in back)
    assert sum(run["last"] >= 400 for run in fresh) == 2


@pytest.mark.slow
def test_a_stored_run_can_be_made_again(answers, monkeypatch):
    """On any processor: it begins as the file says, and balances the pole. Later, rounding decides between equals."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from cartpole import LAST, means

    found = json.loads((ROOT / "course" / UNIT / "cartpole.json").read_text())
    stored = found["runs"]["whole"][0]
    _, episodes = answers["train"](stored["seed"], found["steps"])
    assert means(episodes)[:2] == stored["curve"][:2]
    assert episodes[-LAST:, 1].mean() >= 400


def test_an_agent_that_acts_at_random_gets_about_22(answers):
    import gymnasium

    env, rng, totals = gymnasium.make("CartPole-v1"), np.random.RandomState(0), []
    env.reset(seed=0)
    for _ in range(200):
        steps, over = 0, False
        while not over:
            _, _, terminated, truncated, _ = env.step(rng.randint(2))
            steps, over = steps + 1, terminated or truncated
        totals.append(steps)
        env.reset()
    assert 20 < np.mean(totals) < 25


def test_the_same_seed_gives_the_same_life(answers):
    lives = [answers["train"](seed=3, steps=2500) for _ in range(2)]
    np.testing.assert_array_equal(lives[0][1], lives[1][1])
    for name, value in lives[0][0].p.items():
        np.testing.assert_array_equal(value, lives[1][0].p[name])
        assert value.dtype == np.float64


def test_the_cut_keeps_the_gradient_out_of_the_target():
    """What the stepper shows: with the target detached, nothing arrives at the target network."""
    checks, reference = module(UNIT, "checks"), module(UNIT, "reference")
    args = checks.make_loss(np.random.RandomState(0), N=9, D=4, H=5, A=3)
    p, old = args.pop("p"), args.pop("p_target")
    gamma = args.pop("gamma")
    net, frozen = reference.network(p), reference.network(old)
    reference.loss_of(net, frozen, args, gamma).backward()
    assert all(x.grad is None for x in frozen.parameters())
    assert all(x.grad is not None for x in net.parameters())


@pytest.fixture(scope="module")
def lesson():
    return executed(ROOT / "course" / UNIT / "lesson.ipynb")


@pytest.mark.slow
def test_the_prose_states_the_numbers_that_the_lesson_prints(lesson):
    text = printed(lesson)
    sweeps = re.findall(r"sweep \d:(.*)", text)
    assert sweeps[3] == sweeps[4] != sweeps[2]  # "after four sweeps nothing changes any more"
    assert [float(v) for v in sweeps[4].split()] == [0.729, 0.81, 0.729, 0.9, 0.81, 1.0]
    walks = [[float(v) for v in line.split()] for line in re.findall(r"walk \d:(.*)", text)]
    assert walks[0] == [0.0, 0.0, 0.5] and walks[1] == [0.0, 0.225, 0.75] and walks[2][0] > 0
    assert "y = 1.4073   delta = -1.6130   J = 1.1130" in text
    dW2 = re.search(r"dW2 (.*)", text)[1]
    assert f"detached:     {dW2}" in text  # "the one that you have just computed by hand"
    without, with_some = ([float(v) for v in re.search(rf"epsilon {e}: (.*)", text)[1].split()] for e in ("0.0", "0.3"))
    assert min(without) < 0.1 and max(without) - min(without) > 0.2 and all(abs(v - 0.38) < 0.15 for v in with_some)
    bias, cured = re.findall(r"(?:estimate|another): +([+-][\d.]+)", text)
    assert float(bias) > 1.5 and abs(float(cured)) < 0.02


@pytest.mark.slow
def test_the_map_of_the_lake_is_learned_as_its_stepper_says():
    pictures = module(UNIT, "pictures")
    tables = pictures.learn(30_000, (91, 92, 160, 170, 171, 500, 30_000))
    Q = {episode: table for episode, (table, _) in tables.items()}
    assert not Q[91].any() and np.count_nonzero(Q[92]) == 1
    assert np.count_nonzero(Q[160].max(axis=1)) == 3
    assert Q[170][0].max() == 0 < Q[171][0].max()
    P, R, terminal = np.zeros((16, 4, 16)), np.zeros((16, 4)), np.zeros(16, dtype=bool)
    for s, row in pictures.lake().unwrapped.P.items():
        for a, outcomes in row.items():
            for p, s_next, r, ended in outcomes:
                P[s, a, s_next] += p
                R[s, a] += p * r
                terminal[s_next] |= ended
    exact = module(UNIT, "reference").optimal(P, R, terminal, pictures.GAMMA, 0)["Q"]
    assert np.abs(exact.max(axis=1) - Q[30_000].max(axis=1)).max() < 0.05  # the best of each square
    assert round(exact[0].max(), 2) == 0.38


@pytest.mark.slow
def test_the_students_agent_balances_the_pole():
    text = printed(executed_solution(Unit(ROOT, UNIT)))
    first, last = (int(v) for v in re.search(r"first 20: (\d+), of the last 20: (\d+)", text).groups())
    assert first < 60 and last >= 400
    right, of = (int(v) for v in re.search(r"best action right in (\d+) of (\d+) squares", text).groups())
    assert right >= of - 1 == 10
