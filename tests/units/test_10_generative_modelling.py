"""Unit 10: its equations computed, the numbers in its prose, and what the student's mixture learns about digits."""

import re
from itertools import product

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed
from torch.distributions import Bernoulli, Categorical, Independent, Normal, kl_divergence

from byhand.course import Unit
from byhand.digits import binary_digits
from byhand.teaching.execute import executed, executed_solution
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

UNIT = "10-generative-modelling"
P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.25, 0.5, 0.25])
STARS = np.array([0, 0, 1, 0, 2, 1, 0, 2, 1, 0])


def kl(p, q):
    return (p * np.log(p / q)).sum()


def machine(theta):
    return np.array([(1 - theta) ** 2, 2 * theta * (1 - theta), theta**2])


def small_world():
    world = np.array(list(product((0, 1), repeat=9)))
    bars = np.array(
        [np.outer(a, b).ravel() for i in range(3) for a, b in ((np.eye(3)[i], np.ones(3)), (np.ones(3), np.eye(3)[i]))]
    )
    return world, bars


# The equations -----------------------------------------------------------------------------------


def goal():
    """The frequencies come as near to the truth as one likes."""
    rng = np.random.default_rng(0)
    gaps = [kl(P, np.bincount(rng.choice(3, size=N, p=P), minlength=3) / N) for N in (100, 100_000)]
    assert 0 < gaps[1] < gaps[0] and gaps[1] < 1e-4


def the_world():
    world, bars = small_world()
    m = (world[:, None] != bars).sum(axis=2)
    p = (0.05**m * 0.95 ** (9 - m)).sum(axis=1) / 6
    given = Independent(Bernoulli(torch.tensor(0.05 + 0.9 * bars)), 1)
    torch_p = given.log_prob(torch.tensor(world[:, None] * 1.0)).exp().mean(dim=1).numpy()
    assert_close(p, torch_p)
    assert abs(p.sum() - 1) < 1e-12 and len(p) == 512


def independent():
    theta = np.random.default_rng(0).uniform(size=9)
    world, _ = small_world()
    p = (theta**world * (1 - theta) ** (1 - world)).prod(axis=1)
    assert_close(np.log(p), Independent(Bernoulli(torch.tensor(theta)), 1).log_prob(torch.tensor(world * 1.0)).numpy())
    assert abs(p.sum() - 1) < 1e-12


def the_kl():
    theirs = kl_divergence(Categorical(torch.tensor(P)), Categorical(torch.tensor(Q))).item()
    assert_close(kl(P, Q), theirs)
    assert_close((P * (np.log(P) - np.log(Q))).sum(), theirs)


def the_numbers():
    assert np.round(P * np.log(P / Q), 4).tolist() == [0.3466, -0.1532, -0.0446] and round(kl(P, Q), 4) == 0.1487
    assert np.round(Q * np.log(Q / P), 4).tolist() == [-0.1733, 0.2554, 0.0558] and round(kl(Q, P), 4) == 0.1379


def positive():
    rng = np.random.default_rng(0)
    for _ in range(100):
        p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
        p[0], p[1] = 0, p[0] + p[1]
        seen = p > 0
        left, middle = (p * np.log(q / np.where(seen, p, 1)))[seen].sum(), (p[seen] * (q[seen] / p[seen] - 1)).sum()
        assert left <= middle <= 1e-15
    assert kl(P, P) == 0
    # And the triangle inequality does not hold: a detour can be shorter.
    a, b, c = (np.array([v, 1 - v]) for v in (0.5, 0.2, 0.05))
    assert kl(a, c) > kl(a, b) + kl(b, c)


def jensen_shannon():
    m = (P + Q) / 2
    js = (kl(P, m) + kl(Q, m)) / 2
    assert 0 < js < np.log(2) and js == (kl(Q, m) + kl(P, m)) / 2
    apart = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]
    assert_close(np.mean([-np.log(p @ (apart[0] + apart[1]) / 2) for p in apart]), np.log(2))


def split():
    assert_close(kl(P, Q), (P * np.log(P)).sum() - (P * np.log(Q)).sum())


def likelihood():
    """The theta that minimises the KL from the frequencies is the one that maximises the likelihood."""
    grid = np.linspace(0.01, 0.99, 99)
    frequencies = np.bincount(STARS) / 10
    divergence = [kl(frequencies, machine(t)) for t in grid]
    mean_log = [np.log(machine(t))[STARS].mean() for t in grid]
    assert np.argmin(divergence) == np.argmax(mean_log) and grid[np.argmin(divergence)] == pytest.approx(0.35)


def entropy_plus_kl():
    for theta in (0.2, 0.5, 0.35):
        J = -np.log(machine(theta))[STARS].mean()
        assert_close(J, -(P * np.log(machine(theta))).sum())
        assert_close(J, -(P * np.log(P)).sum() + kl(P, machine(theta)))


def gradient():
    for a in (-1.0, 0.0, 0.4):
        leaf = torch.tensor(a, dtype=torch.float64, requires_grad=True)
        t = torch.sigmoid(leaf)
        p = torch.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2])
        (-torch.log(p)[STARS].mean()).backward()
        assert_close(2 / (1 + np.exp(-a)) - STARS.mean(), leaf.grad.item())


def directions():
    for p, q in ((P, Q), (Q, P)):
        assert_close((p * (np.log(p) - np.log(q))).sum(), kl(p, q))


def moments():
    """No other Gaussian has a smaller forward KL than the one with the target's mean and variance."""
    pic = module(UNIT, "pictures")
    p, grid = pic.clumps(3.0), pic.GRID
    mu = (p * grid).sum() / p.sum()
    sigma = np.sqrt((p * (grid - mu) ** 2).sum() / p.sum())
    best = pic.kl(p, pic.normal(mu, sigma))
    assert all(pic.kl(p, pic.normal(mu + d, sigma * s)) > best for d, s in ((0.1, 1), (-0.1, 1), (0, 1.05), (0, 0.95)))
    found = pic.fit(p, (1.0, 0.0), reverse=False)
    np.testing.assert_allclose([found[0], np.exp(found[1])], [mu, sigma], atol=1e-4)


def generator():
    """g(z) = a + b z, fitted to N(2, 9) by descending the KL, becomes 2 + 3 z."""
    ab = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    for _ in range(2000):
        d = kl_divergence(Normal(torch.tensor(2.0).double(), torch.tensor(3.0).double()), Normal(ab[0], ab[1].abs()))
        [g] = torch.autograd.grad(d, ab)
        ab = (ab - 0.5 * g).detach().requires_grad_()
    np.testing.assert_allclose(ab.detach().numpy(), [2, 3], atol=1e-6)


def marginal():
    """On a fine grid of z the integral is the density of x."""
    z = np.linspace(-10, 10, 20001)
    for x in (3.0, -1.0):
        integral = (normal(x, 2 * z, 0.5) * normal(z, 0, 1)).sum() * (z[1] - z[0])
        assert_close(integral, normal(x, 0, np.sqrt(4.25)))


def decoders():
    rng = np.random.default_rng(0)
    x, g, sigma = rng.normal(size=6), rng.normal(size=6), 0.1
    mine = -((x - g) ** 2).sum() / (2 * sigma**2) - 3 * np.log(2 * np.pi * sigma**2)
    assert_close(mine, Normal(torch.tensor(g), sigma).log_prob(torch.tensor(x)).sum().item())
    assert normal(0.0, 0.0, sigma) > 1  # a density may exceed 1
    x, g = rng.integers(2, size=6) * 1.0, rng.uniform(size=6)
    mine = (x * np.log(g) + (1 - x) * np.log(1 - g)).sum()
    assert_close(mine, Bernoulli(torch.tensor(g)).log_prob(torch.tensor(x)).sum().item())


def monte_carlo():
    z = np.random.default_rng(0).normal(size=1_000_000)
    estimate, exact = normal(3.0, 2 * z, 0.5).mean(), normal(3.0, 0, np.sqrt(4.25))
    assert abs(estimate / exact - 1) < 4 * 2.7 / 1000


def exact():
    theirs = Normal(0.0, torch.tensor(4.25, dtype=torch.float64).sqrt()).log_prob(torch.tensor(3.0)).item()
    assert_close(np.log(normal(3.0, 0, np.sqrt(2**2 + 0.5**2))), theirs)
    assert round(theirs, 4) == -2.7012


def weights(mu, sigma, z):
    return normal(3.0, 2 * z, 0.5) * normal(z, 0, 1) / normal(z, mu, sigma)


def importance():
    truth = normal(3.0, 0, np.sqrt(4.25))
    for mu, sigma in ((0.0, 1.0), (1.4, 0.3)):
        z = np.linspace(mu - 8 * sigma, mu + 8 * sigma, 40001)
        assert_close((weights(mu, sigma, z) * normal(z, mu, sigma)).sum() * (z[1] - z[0]), truth)
    posterior = 1 / np.sqrt(1 + 4 / 0.25)  # with it, all weights are the same: the third question
    np.testing.assert_allclose(weights(2 * 3 / 4.25, posterior, np.array([1.0, 1.3, 2.0])), truth, rtol=1e-12)


def relative_variance(mu, sigma):
    z = np.linspace(mu - 8 * sigma, mu + 8 * sigma, 40001)
    q, w = normal(z, mu, sigma) * (z[1] - z[0]), weights(mu, sigma, z)
    return (q * w**2).sum() / (q * w).sum() ** 2 - 1


def variance():
    rng = np.random.default_rng(0)
    S, runs = 50, 20_000
    for mu, sigma in ((0.0, 1.0), (1.4, 0.3)):
        means = weights(mu, sigma, mu + sigma * rng.normal(size=(S, runs))).mean(axis=0)
        measured = means.var() / normal(3.0, 0, np.sqrt(4.25)) ** 2
        assert measured == pytest.approx(relative_variance(mu, sigma) / S, rel=0.05)
    assert 90 < relative_variance(0.0, 1.0) / relative_variance(1.4, 0.3) < 120  # "a factor of about a hundred"


def mixture():
    """Bayes' rule for the three pixels of the text, against torch."""
    pi, theta, x = np.array([0.5, 0.5]), np.array([[0.8, 0.8, 0.2], [0.5, 0.5, 0.5]]), np.array([1.0, 1.0, 0.0])
    given = np.where(x == 1, theta, 1 - theta).prod(axis=1)
    assert np.round(given, 3).tolist() == [0.512, 0.125] and round(pi @ given, 4) == 0.3185
    r = pi * given / (pi @ given)
    assert round(r[0], 3) == 0.804
    scores = (
        torch.tensor(pi).log() + Independent(Bernoulli(torch.tensor(theta)), 1).log_prob(torch.tensor(x))
    ).requires_grad_()
    scores.logsumexp(0).backward()  # the gradient of log p(x) with respect to the scores
    assert_close(r, scores.grad.numpy())


def bound():
    """Below log p(x) for every q, by the KL from q to the responsibilities."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        pi, given, q = rng.dirichlet(np.ones(4)), rng.uniform(size=4), rng.dirichlet(np.ones(4))
        p = pi @ given
        lower = (q * np.log(pi * given / q)).sum()
        assert lower <= np.log(p)
        assert_close(np.log(p) - lower, kl(q, pi * given / p))


def em():
    """The soft counts maximise the sum, and a step that does it never lowers the likelihood."""
    rng = np.random.default_rng(0)
    x, pi, theta = rng.integers(2, size=(40, 5)), np.array([0.3, 0.7]), rng.uniform(0.2, 0.8, size=(2, 5))

    def joint(pi, theta):
        return np.log(pi) + x @ np.log(theta).T + (1 - x) @ np.log(1 - theta).T

    last = -np.inf
    for _ in range(10):
        old = joint(pi, theta)
        log_p = np.logaddexp(*old.T)
        assert log_p.sum() >= last
        last, r = log_p.sum(), np.exp(old - log_p[:, None])
        pi, theta = r.mean(axis=0), r.T @ x / r.sum(axis=0)[:, None]
        for nudge in (-0.01, 0.01):
            assert (r * joint(pi + [nudge, -nudge], theta)).sum() < (r * joint(pi, theta)).sum()
            assert (r * joint(pi, theta + nudge)).sum() < (r * joint(pi, theta)).sum()


def log_sum_exp():
    exponents = np.array([-1000.0, -1001.0, -1003.0])
    mine = exponents.max() + np.log(np.exp(exponents - exponents.max()).sum())
    assert_close(mine, torch.tensor(exponents).logsumexp(0).item())


def jensen():
    z = np.random.default_rng(0).normal(size=(10, 100_000))
    means = normal(3.0, 2 * z, 0.5).mean(axis=0)
    assert np.log(means).mean() < np.log(means.mean()) - 0.5


def flow():
    """An invertible affine map with a triangular matrix: the change of variables gives the Gaussian that it should."""
    rng = np.random.default_rng(0)
    L, shift, x = np.tril(rng.normal(size=(3, 3))), rng.normal(size=3), rng.normal(size=3)
    z = np.linalg.solve(L, x - shift)
    mine = np.log(normal(z, 0, 1)).sum() - np.log(abs(np.linalg.det(L)))
    theirs = torch.distributions.MultivariateNormal(torch.tensor(shift), torch.tensor(L @ L.T)).log_prob(
        torch.tensor(x)
    )
    assert_close(mine, theirs.item())


def uniform():
    assert round(64 * np.log(2), 2) == 44.36


EQUATIONS = {
    "eq-gen-goal": goal, "eq-gen-world": the_world, "eq-gen-independent": independent, "eq-gen-kl": the_kl,
    "eq-gen-numbers": the_numbers, "eq-gen-positive": positive, "eq-gen-js": jensen_shannon, "eq-gen-split": split,
    "eq-gen-ml": likelihood, "eq-gen-nll": entropy_plus_kl, "eq-gen-grad": gradient, "eq-gen-directions": directions,
    "eq-gen-moments": moments, "eq-gen-generator": generator, "eq-gen-mixture": mixture, "eq-gen-bound": bound, "eq-gen-em": em, "eq-gen-marginal": marginal, "eq-gen-decoders": decoders,
    "eq-gen-mc": monte_carlo, "eq-gen-exact": exact, "eq-gen-is": importance, "eq-gen-variance": variance,
    "eq-gen-lse": log_sum_exp, "eq-gen-jensen": jensen, "eq-gen-flow": flow, "eq-gen-uniform": uniform,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label):
    EQUATIONS[label]()


# What the drawings and the prose say ---------------------------------------------------------------


def test_what_the_stepper_says_about_the_directions():
    """Up to distance 3 the reverse fit covers both clumps, from 4 on it sits on one; two Gaussians drop a mode at 7."""
    pic = module(UNIT, "pictures")
    for distance in (0.0, 2.0, 3.0, 4.0, 5.0):
        p = pic.clumps(distance)
        mu, log_sigma = pic.fit(p, (-0.4 * distance, 0.0), reverse=True)
        forward = np.sqrt((p * pic.GRID**2).sum() / p.sum())  # the clumps' common mean is 0
        if distance <= 3:
            assert abs(mu) < 0.2 and np.exp(log_sigma) < forward + 1e-3
        else:
            assert abs(mu + 0.4 * distance) < 0.05 and np.exp(log_sigma) < 0.85 and forward > 2
    p = pic.clumps(5.0)
    left, right = (pic.kl(pic.mixture_of(pic.fit(p, (at, 0.0), reverse=True)), p) for at in (-2.0, 3.0))
    assert left < right and left < np.log(1 / 0.6) + 1e-6
    p, lost = pic.clumps(7.0), np.array([0.0, 0.0, -3.3, -2.3, -0.5, -0.5])
    assert pic.kl(p, pic.mixture_of(pic.fit(p, lost, reverse=False))) < 1e-6
    assert pic.kl(pic.mixture_of(pic.fit(p, lost, reverse=True)), p) > 0.5


def test_what_the_sliders_are_said_to_show():
    """Up to distance 3 all starts end in one fit, at 3.5 in three, at 5 in one of the two clumps."""
    pic = module(UNIT, "pictures")

    def fits(distance):
        p = pic.clumps(distance)
        return {round(pic.fit(p, (start, 0.3), reverse=True)[0], 1) for start in (-6, -3, -1, 0, 1, 3, 6)}

    assert len(fits(3.0)) == 1 and len(fits(3.5)) == 3 and fits(5.0) == {-2.0, 3.0}


def test_leaving_out_a_region_costs_what_the_lesson_says():
    p = np.array([0.1, 0.3, 0.2, 0.4])
    q = np.append(p[:3] / 0.6, 0.0)
    assert_close((q[:3] * np.log(q[:3] / p[:3])).sum(), -np.log(1 - 0.4))
    assert round(-np.log(1 - 0.4), 2) == 0.51


def test_the_posterior_and_the_proposal_that_is_too_narrow():
    """p(x | z) p(z) at x = 3 is a Gaussian in z; and from 0.171 downwards the second moment of the weights grows without limit."""
    z = np.linspace(-4, 6, 200_001)
    mass = normal(3.0, 2 * z, 0.5) * normal(z, 0, 1)
    mean = (mass * z).sum() / mass.sum()
    assert mean == pytest.approx(24 / 17) and round(mean, 2) == 1.41
    assert (
        np.sqrt((mass * (z - mean) ** 2).sum() / mass.sum()) == pytest.approx(17**-0.5) and round(17**-0.5, 3) == 0.243
    )
    assert round(17**-0.5 / 2**0.5, 3) == 0.171

    def second_moment(sigma, reach):
        z = np.linspace(1.4 - reach, 1.4 + reach, 100_001)
        return (weights(1.4, sigma, z) ** 2 * normal(z, 1.4, sigma)).sum() * (z[1] - z[0])

    assert second_moment(0.2, 3) == pytest.approx(second_moment(0.2, 2), rel=1e-6)
    assert second_moment(0.15, 3) > 10 * second_moment(0.15, 2)


def test_one_weight_reports_an_error_below_one_however_wrong_it_is():
    for S in (2, 10, 100):
        w = np.full(S, 1e-300)
        w[0] = 1.0
        assert w.std() / (np.sqrt(S) * w.mean()) == pytest.approx(np.sqrt((S - 1) / S))


def test_two_components_claim_rows_and_columns():
    pic = module(UNIT, "pictures")
    world = (np.arange(512)[:, None] >> np.arange(9)) % 2
    start = 0.5 + 0.04 * np.random.default_rng(3).normal(size=(2, 9))
    frames = pic.claims_stepper(world[[56, 58, 120, 24, 146, 210, 147, 18]], start).frames
    claimed = [
        float(v)
        for v in re.search(r"Component 1 claims of the images ([\d., ]+)\.", str(frames[-1].drawing))[1].split(", ")
    ]
    assert min(claimed[:4]) > 0.95 and max(claimed[4:]) < 0.05
    log_p = [float(v) for v in re.findall(r"log p\(x_n\) = (-[\d.]+)", " ".join(str(f.equation) for f in frames))]
    assert log_p == sorted(log_p) and len(log_p) == 5


def test_each_leaf_of_the_family_tree_is_a_link():
    pic = module(UNIT, "pictures")
    tree, links = pic.family_tree(), pic.TREATED
    assert sorted(re.findall(r'<a href="([^"]+)"', tree)) == sorted(links.values())
    assert tree.count("<a ") == tree.count("</a>") == len(links) and 'role="group"' in tree


def test_the_prose_states_the_numbers_of_the_lesson():
    lesson = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    pixels, table = (float(v) for v in re.findall(r"from the world to .* (\d\.\d{4})", lesson))
    assert f"{table - pixels:.2f} of {table:.2f}" == "0.41 of 2.70"
    assert "KL(p, q) = 0.1487   torch 0.1487" in lesson and "exact log p(x) = -2.7012" in lesson
    assert "theta 0.3500   J 1.0869" in lesson and "25.29 nats per test image" in lesson
    for mine, theirs in re.findall(r"dJ/da (\S+)   torch (\S+)", lesson):
        assert mine == theirs
    far = re.search(r"exact (\S+); median of the runs (\S+)\n.*median (\S+), largest (\S+)", lesson)
    exact, estimate, error, largest = map(float, far.groups())
    assert exact - estimate > np.log(1e11) and error > 0.99 and largest < 1
    weighed = [float(v) for v in re.findall(r"p\(x\|z\) = (\S+)", lesson)]
    mean = float(re.search(r"mean (\S+)   its logarithm", lesson)[1])
    assert max(weighed) > 0.99 * sum(weighed) and 1.5 < mean / np.exp(-2.7012) < 2.2  # "nearly twice as high"
    rows = np.array(re.findall(r"^ *(\d+) +(\d\.\d{3}) +([+-]\d\.\d{3})$", lesson, re.M), float)
    assert rows[0, 0] == 10 and rows[0, 2] < -0.5 and np.all(abs(rows[:, 1] - 1) < 0.15) and abs(rows[-1, 2]) < 0.01


def test_the_models_that_other_units_compare_with():
    """Functions of the solution: independent pixels are the mixture with one component, and EM never gets worse."""
    unit = Unit(ROOT, UNIT)
    answers = Answers(read_source(unit.exercises).notebook, unit.course)
    independent, fit, nll, em = (
        answers.function(n) for n in ("fit_independent_pixels", "fit_mixture", "nll", "em_step")
    )
    digits = binary_digits()
    train, test = digits.train.reshape(-1, 64), digits.test.reshape(-1, 64)
    for mine, theirs in zip(fit(train, 1, seed=0, steps=3), independent(train), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    assert round(nll(test, *independent(train)), 2) == 25.29
    alpha, model, last = 0.1, fit(train, 5, seed=0, steps=0), -np.inf
    for _ in range(15):
        pi, theta = model
        log_p, *model = em(train, *model, alpha)
        imagined = alpha * (np.log(pi).sum() + np.log(theta).sum() + np.log(1 - theta).sum())
        assert len(train) * log_p + imagined > last
        last = len(train) * log_p + imagined


@pytest.mark.slow
def test_the_students_mixture_learns_the_digits():
    text = printed(executed_solution(Unit(ROOT, UNIT)))
    rows = {
        int(k): [float(v) for v in re.findall(r"([\d.]+) ±", row)]
        for k, row in re.findall(r"^K = +(\d+) (.*)$", text, re.M)
    }
    assert rows[1] == [25.12, 24.88, 25.29]
    test = [rows[k][2] for k in (1, 10, 20, 40, 80)]
    assert test == sorted(test, reverse=True) and 17.5 < test[-1] < 18.6
    assert rows[80][1] == min(valid for _, valid, _ in rows.values())
    assert re.search(r"sum over all 512 images: (1\.0+\d?|0\.9{10}\d*)$", text, re.M)
    errors = {(n, int(S)): float(e) for n, S, e in re.findall(r"^(\w+) +S = +(\d+) .*error ([\d.]+)$", text, re.M)}
    assert errors["fitted", 1000] < errors["prior", 1000] / 10


def normal(x, mu, sigma):
    return np.exp(-0.5 * ((x - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
