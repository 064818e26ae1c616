"""Unit 13: every equation of the lesson, computed in numpy as it stands there and compared with torch or with integration."""

import json
import re

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, printed
from torch.distributions import Bernoulli, Normal, kl_divergence

from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution

UNIT = "13-variational-autoencoders"
D, L = 5, 2


@pytest.fixture(scope="module")
def r():
    """A small decoder and one image, and an encoder's answer that is not the posterior; columns as in the lesson."""
    rng = np.random.default_rng(13)
    return {
        "V": rng.normal(size=(D, L)), "c": rng.normal(size=D), "x": rng.integers(2, size=D).astype(float),
        "mu": np.array([0.5, -0.4]), "lv": np.array([-0.6, 0.2]), "eps": rng.normal(size=L),
    }  # fmt: skip


GRID = np.stack(np.meshgrid(*[np.linspace(-9, 9, 361)] * L), axis=-1).reshape(-1, L)
CELL = (18 / 360) ** L


def normal(z, mean, var):
    """The density of a diagonal Gaussian at each row of z."""
    return np.exp(-0.5 * ((z - mean) ** 2 / var).sum(-1)) / np.sqrt(np.prod(2 * np.pi * var * np.ones(z.shape[-1])))


def likelihood(r, z=GRID):
    """p(x|z) of the nonlinear Bernoulli decoder at each row of z."""
    p = 1 / (1 + np.exp(-(np.tanh(z @ r["V"].T) * 2 + r["c"])))
    return np.prod(np.where(r["x"] == 1, p, 1 - p), axis=-1)


def on_grid(r):
    """The densities at the grid points: likelihood, prior, q, and the posterior; and p(x)."""
    lik, prior, q = likelihood(r), normal(GRID, 0, np.ones(L)), normal(GRID, r["mu"], np.exp(r["lv"]))
    evidence = (lik * prior).sum() * CELL
    return lik, prior, q, lik * prior / evidence, evidence


def divergence(q, p):
    return (q * (np.log(q) - np.log(p))).sum() * CELL


def marginal(r):
    """The integral is what ancestral sampling gives on average."""
    z = np.random.default_rng(0).normal(size=(400_000, L))
    assert abs(likelihood(r, z).mean() / on_grid(r)[-1] - 1) < 0.01


def ae(r):
    x, x_hat = torch.tensor(r["x"]), torch.tensor(r["c"], requires_grad=True)
    J = ((x - x_hat) ** 2).sum()
    J.backward()
    assert_close(np.linalg.norm(r["x"] - r["c"]) ** 2, J.item())
    assert_close(2 * (r["c"] - r["x"]), x_hat.grad.numpy())


def decoder(distribution, value, slope, r):
    o = torch.tensor(3 * r["c"], requires_grad=True)
    nll = -distribution(o).log_prob(torch.tensor(r["x"])).sum()
    nll.backward()
    assert_close(value, nll.item())
    assert_close(slope, o.grad.numpy())


def bernoulli(r):
    o, x = 3 * r["c"], r["x"]
    decoder(lambda o: Bernoulli(logits=o), (np.log(1 + np.exp(o)) - x * o).sum(), 1 / (1 + np.exp(-o)) - x, r)


def gaussian(r):
    o, x, s = 3 * r["c"], r["x"], 0.7
    value = ((x - o) ** 2).sum() / (2 * s**2) + D / 2 * np.log(2 * np.pi * s**2)
    decoder(lambda o: Normal(o, s), value, (o - x) / s**2, r)


def linear(r):
    x, w, s = 1.3, 0.7, 0.6
    z = np.linspace(-12, 12, 20_001)[:, None]
    joint = normal(np.array([[x]]) - w * z, 0, np.array([s**2])) * normal(z, 0, np.ones(1))
    step = 24 / 20_000
    total = w**2 + s**2
    assert_close(normal(np.array([[x]]), 0, np.array([total]))[0], joint.sum() * step)
    posterior = normal(z, w * x / total, np.array([s**2 / total]))
    np.testing.assert_allclose(posterior, joint / (joint.sum() * step), atol=1e-12)


def answer(r):
    sigma = torch.exp(torch.tensor(r["lv"]) / 2)
    theirs = Normal(torch.tensor(r["mu"]), sigma).log_prob(torch.tensor(GRID)).sum(-1).exp()
    assert_close(normal(GRID, r["mu"], np.exp(r["lv"])), theirs.numpy())


def derivation(r):
    lik, prior, q, posterior, evidence = on_grid(r)
    first = (q * np.log(lik * prior / posterior * (q / q))).sum() * CELL
    last = (q * np.log(lik)).sum() * CELL - divergence(q, prior) + divergence(q, posterior)
    np.testing.assert_allclose([first, last], np.log(evidence), rtol=1e-9)


def elbo_of(r):
    lik, prior, q, _, _ = on_grid(r)
    return (q * np.log(lik)).sum() * CELL - divergence(q, prior)


def elbo(r):
    """The reparameterised estimate agrees with the integral."""
    eps = np.random.default_rng(1).normal(size=(400_000, L))
    z = r["mu"] + np.exp(r["lv"] / 2) * eps
    q = Normal(torch.tensor(r["mu"]), torch.exp(torch.tensor(r["lv"]) / 2))
    kl = kl_divergence(q, Normal(torch.zeros(L), torch.ones(L))).sum().item()
    assert abs(np.log(likelihood(r, z)).mean() - kl - elbo_of(r)) < 0.01


def gap(r):
    _, _, q, posterior, evidence = on_grid(r)
    np.testing.assert_allclose(np.log(evidence) - elbo_of(r), divergence(q, posterior), rtol=1e-8)
    assert divergence(q, posterior) > 0.01


def kl(r):
    mu, var, z = r["mu"], np.exp(r["lv"]), GRID
    q = normal(z, mu, var)
    first = 0.5 * ((q[:, None] * (z**2 - (z - mu) ** 2 / var - np.log(var))).sum(0) * CELL).sum()
    second = 0.5 * (mu**2 + var - 1 - np.log(var)).sum()
    theirs = kl_divergence(Normal(torch.tensor(mu), torch.tensor(var) ** 0.5), Normal(torch.zeros(L), torch.ones(L)))
    assert_close(second, theirs.sum().item())
    np.testing.assert_allclose(first, second, rtol=1e-9)


def reparam(r):
    z = r["mu"] + np.exp(r["lv"] / 2) * np.random.default_rng(2).normal(size=(400_000, L))
    np.testing.assert_allclose(z.mean(0), r["mu"], atol=0.01)
    np.testing.assert_allclose(z.var(0), np.exp(r["lv"]), rtol=0.01)


def reparam_back(r):
    mu, lv = leaves(r["mu"], r["lv"])
    z = mu + torch.exp(lv / 2) * torch.tensor(r["eps"])
    z.retain_grad()
    o = torch.tanh(torch.tensor(r["V"]) @ z) * 2 + torch.tensor(r["c"])
    R = -Bernoulli(logits=o).log_prob(torch.tensor(r["x"])).sum()
    (R + 0.5 * (mu**2 + torch.exp(lv) - 1 - lv).sum()).backward()
    dR = z.grad.numpy()
    assert_close(dR + r["mu"], mu.grad.numpy())
    assert_close(dR * 0.5 * np.exp(r["lv"] / 2) * r["eps"] + 0.5 * (np.exp(r["lv"]) - 1), lv.grad.numpy())


def score(r):
    """Both forms give the derivative of the expectation; checked by integration against a difference quotient."""
    mu, sigma, z = 0.6, 0.8, np.linspace(-9, 9, 4001)
    step = 18 / 4000

    def f(z):
        return -0.5 * np.log(2 * np.pi) - (2 - z) ** 2 / 2

    def q(mean):
        return np.exp(-((z - mean) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi) / sigma

    numeric = ((q(mu + 1e-5) - q(mu - 1e-5)) / 2e-5 * f(z)).sum() * step
    first = (q(mu) * f(z) * (z - mu) / sigma**2).sum() * step
    second = (q(mu) * f(z) * ((z - mu) / sigma) / sigma).sum() * step
    np.testing.assert_allclose([numeric, first, second], 1.4, rtol=1e-6)


def objective(r):
    """Minus the sum of the ELBOs and N times the mean of R + KL are the same function."""
    lik, prior, q, _, _ = on_grid(r)
    R, KL = -(q * np.log(lik)).sum() * CELL, divergence(q, prior)
    np.testing.assert_allclose(elbo_of(r), -(R + KL), rtol=1e-12)


def weights(r):
    """The mean weight is p(x); the bounds rise with K and stay below log p(x)."""
    rng, evidence = np.random.default_rng(3), on_grid(r)[-1]
    z = r["mu"] + np.exp(r["lv"] / 2) * rng.normal(size=(4000, 64, L))
    w = likelihood(r, z) * normal(z, 0, np.ones(L)) / normal(z, r["mu"], np.exp(r["lv"]))
    assert abs(w.mean() / evidence - 1) < 0.01
    bounds = [np.log(w.reshape(-1, K).mean(1)).mean() for K in (1, 4, 16, 64)]
    assert bounds == sorted(bounds) and bounds[-1] < np.log(evidence) + 0.005
    assert abs(bounds[0] - elbo_of(r)) < 0.01 and np.log(evidence) - bounds[-1] < 0.1


def jensen(r):
    """The expectation of the logarithm of a mean weight is below the logarithm of its expectation, which is p(x)."""
    _, prior, q, _, evidence = on_grid(r)
    w = likelihood(r) * prior / q
    np.testing.assert_allclose((q * w).sum() * CELL, evidence, rtol=1e-6)
    elbo = (q * np.log(w)).sum() * CELL
    np.testing.assert_allclose(elbo, elbo_of(r), rtol=1e-6)
    two = np.log((w[None, ::40] + w[::40, None]) / 2) * q[None, ::40] * q[::40, None]
    two = two.sum() / q[::40].sum() ** 2
    assert elbo < two < np.log(evidence)


def mean(r):
    """At one place, the output that maximises the weighted log-likelihood is the weighted mean, for both decoders."""
    rng = np.random.default_rng(4)
    x, share = rng.integers(2, size=(9, D)).astype(float), rng.uniform(size=9)
    best = (share[:, None] * x).sum(0) / share.sum()
    for log_prob in (
        lambda m: Bernoulli(probs=m).log_prob(torch.tensor(x)),
        lambda m: Normal(m, 0.4).log_prob(torch.tensor(x)),
    ):
        m = torch.tensor(best, requires_grad=True)
        (torch.tensor(share)[:, None] * log_prob(m)).sum().backward()
        np.testing.assert_allclose(m.grad.numpy(), 0, atol=1e-12)


def beta(r):
    S, kl, sigma = 3.7, 1.9, 0.3
    assert_close(S + kl, 2 * sigma**2 * (S / (2 * sigma**2) + 1 / (2 * sigma**2) * kl))
    assert round(1 / (2 * 0.3**2), 1) == 5.6 and round(64 / (2 * 0.3**2)) == 356  # the table below it


EQUATIONS = {
    "eq-vae-marginal": marginal, "eq-vae-ae": ae, "eq-vae-bernoulli": bernoulli, "eq-vae-gaussian": gaussian,
    "eq-vae-linear": linear, "eq-vae-q": answer, "eq-vae-derivation": derivation, "eq-vae-elbo": elbo, "eq-vae-gap": gap,
    "eq-vae-kl": kl, "eq-vae-reparam": reparam, "eq-vae-reparam-back": reparam_back,
    "eq-vae-score": score, "eq-vae-objective": objective, "eq-vae-weights": weights, "eq-vae-jensen": jensen, "eq-vae-mean": mean, "eq-vae-beta": beta,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, r):
    EQUATIONS[label](r)


@pytest.fixture(scope="module")
def lesson():
    return executed(ROOT / "course" / UNIT / "lesson.ipynb")


def test_the_prose_states_the_numbers_of_the_worked_example(lesson):
    out = printed(lesson)
    assert "reconstruction -2.2189   KL from the prior 0.2231\nKL from the posterior 0.1766\n" in out
    assert "together -2.2655   log p(x) -2.2655" in out
    assert "dx_hat -1.00  dw -1.00  dz -1.00\ndmu -0.40  dlv -0.38  da -0.80  db -0.38" in out
    a, b, w = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, np.log(0.64), 1.0))
    for eps, wanted in ((0.5, (-0.8, -0.38, -1.0)), (-0.5, (-2.4, 0.18, -0.36))):  # the second: quick question 2
        z = 2 * a + torch.exp(b / 2) * eps
        J = (2 - w * z) ** 2 / 2 + 0.5 * ((2 * a) ** 2 + torch.exp(b) - 1 - b)
        np.testing.assert_allclose([g.item() for g in torch.autograd.grad(J, (a, b, w))], wanted, atol=1e-12)


def test_the_stepper_keeps_the_number_until_something_is_left_out(lesson):
    html = next(
        o.data["text/html"]
        for c in lesson.cells
        if c.cell_type == "code"
        for o in c.outputs
        if "bh bh-stepper" in o.get("data", {}).get("text/html", "")
    )
    assert html.count("−2.2655") >= 9 and "−2.4421" in html
    assert not re.search(r"\bnan\b", html.lower())


def number(pattern, text):
    return float(re.search(pattern, text)[1])


def test_the_gap_is_seen(lesson):
    """The bounds rise with K and stay below the exact value; the score function spreads more."""
    out = printed(lesson)
    bounds = [float(v) for v in re.findall(r"K = +\d+: (-[\d.]+)", out)]
    exact = number(r"exact: +(-[\d.]+)", out)
    assert len(bounds) == 6 and bounds == sorted(bounds) and bounds[-1] < exact < bounds[0] + 3
    assert exact - bounds[0] > 3 * (exact - bounds[-1])
    spread = [
        number(rf"{name} +mean 1.4\d+ +standard deviation ([\d.]+)", out)
        for name in ("reparameterised", "score function", "score, centred")
    ]
    assert spread[0] < 0.81 < spread[2] < spread[1] and 25 < (spread[1] / spread[0]) ** 2 < 31  # "about 28 times"


def test_the_decoder_answers_with_the_mean_and_a_large_weight_lets_it_collapse(lesson):
    out = printed(lesson)
    assert number(r"weighted mean: ([\d.]+)", out) < number(r"nearest image: +([\d.]+)", out) / 2
    rows = re.findall(r"beta +([\d.]+): +R +([\d.]+) +KL +([\d.]+) +R \+ KL ([\d.]+) +active (\d)", out)
    assert [row[0] for row in rows] == ["0.1", "1", "2", "64"]
    totals, active = [float(row[3]) for row in rows], [int(row[4]) for row in rows]
    assert min(totals) == totals[1] and active[0] == 8 and active == sorted(active, reverse=True) and active[3] == 0
    assert rows[3][2] == "0.00"
    independent = number(r"independent pixels +([\d.]+)", out)
    assert abs(totals[3] - independent) < 0.3  # a collapsed VAE is a model with independent pixels


def test_the_eight_latent_variables_stand_beside_the_other_models(lesson):
    """The prose: the bound is at least as good as the best of unit 12, the ELBO alone is behind the FVSBN."""
    out = printed(lesson)
    loose, tight = (number(rf"8 latent, K = {K} +([\d.]+)", out) for K in (1, 300))
    table = json.loads((ROOT / "course" / "12-pixel-models" / "likelihoods.json").read_text())
    quoted = {name: f"{np.mean(found['test']):.2f}" for name, found in table.items() if name != "independent pixels"}
    text = (ROOT / "course" / UNIT / "lesson.md").read_text()
    assert [name for name, mean in quoted.items() if f"{name} {mean}" not in text] == []
    assert tight < 17.83 < 18.46 < loose and loose - tight > 1


@pytest.mark.slow
def test_the_students_vae_learns_the_digits_and_its_bound_climbs_to_the_exact_value():
    out = printed(executed_solution(Unit(ROOT, UNIT)))
    rows = re.findall(r"L = (\d), seed \d: ELBO (-[\d.]+), bound with K = 100 (-[\d.]+)", out)
    assert len(rows) == 4
    for latent, elbo, bound in rows:
        least = (-20.7, -20.0) if latent == "2" else (-19.0, -18.1)
        assert least[0] < float(elbo) < float(bound) and least[1] < float(bound)
    bounds = [float(v) for v in re.findall(r"bound with K = +\d+: (-[\d.]+)", out)]
    exact = number(r"exact log-likelihood: (-[\d.]+)", out)
    assert bounds == sorted(bounds) and bounds[-1] < exact and exact - bounds[-1] < 0.5


def leaves(*arrays):
    return [torch.tensor(a, requires_grad=True) for a in arrays]
