"""Unit 10: the problems that the exercises are checked on, and torch's answers to them.

Divergences and densities are compared with `torch.distributions`, gradients and responsibilities with torch's autograd.
Random numbers are arguments of your functions, so that your draws compare with torch's. Reading this file is allowed; it
holds no answer in numpy.
"""

import numpy as np
import torch
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from byhand.checking import Exercise


def tensors(*arrays, grad=False):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=grad) for a in arrays]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


# kl_categorical ----------------------------------------------------------------------------------


def make_categorical(rng, N, K, sharp=1.5, zeros=True):
    p, q = (np.exp(sharp * rng.normal(size=(N, K))) for _ in range(2))
    if zeros and K > 1:
        p[np.arange(N), rng.randint(K, size=N)] = 0.0  # an outcome that p never shows; q is positive everywhere
    return dict(p=p / p.sum(axis=1, keepdims=True), q=q / q.sum(axis=1, keepdims=True))


def categorical(p, q):
    p, q = tensors(p, q)
    return numbers(kl=kl_divergence(Categorical(probs=p), Categorical(probs=q)))


# kl_gaussians ------------------------------------------------------------------------------------


def make_gaussians(rng, N, S, scale=1.0, same=False):
    mu_p, mu_q = 2 * scale * rng.normal(size=(2, N))
    sigma_p, sigma_q = scale * np.exp(0.7 * rng.normal(size=(2, N)))
    if same:
        mu_q, sigma_q = mu_p.copy(), sigma_p.copy()
    return dict(mu_p=mu_p, sigma_p=sigma_p, mu_q=mu_q, sigma_q=sigma_q, eps=rng.normal(size=(S, N)))


def gaussians(mu_p, sigma_p, mu_q, sigma_q, eps):
    mu_p, sigma_p, mu_q, sigma_q, eps = tensors(mu_p, sigma_p, mu_q, sigma_q, eps)
    p, q = Normal(mu_p, sigma_p), Normal(mu_q, sigma_q)
    x = mu_p + sigma_p * eps
    log_ratio = p.log_prob(x) - q.log_prob(x)
    error = log_ratio.std(dim=0, correction=0) / len(eps) ** 0.5
    return numbers(exact=kl_divergence(p, q), estimate=log_ratio.mean(dim=0), error=error)


# categorical_nll ---------------------------------------------------------------------------------


def make_logits(rng, N, K, shift):
    o = rng.normal(size=K) + shift  # exp(900) overflows; the softmax of such scores does not
    x = rng.randint(K, size=N)
    x[x == K - 1] = 0  # the last outcome never occurs
    return dict(o=o, x=x)


def categorical_fit(o, x):
    [o] = tensors(o, grad=True)
    J = -Categorical(logits=o).log_prob(torch.tensor(x)).mean()
    J.backward()
    return numbers(J=J, do=o.grad)


# gaussian_nll ------------------------------------------------------------------------------------


def make_gaussian_fit(rng, N, D, spread=0.6):
    return dict(
        mu=rng.normal(size=D), log_sigma=spread * rng.normal(size=D), x=1 + 1.7 * rng.normal(size=(N, D))
    )  # fmt: skip


def gaussian_fit(mu, log_sigma, x):
    mu, log_sigma = tensors(mu, log_sigma, grad=True)
    J = -Independent(Normal(mu, log_sigma.exp()), 1).log_prob(torch.tensor(x)).mean()
    J.backward()
    return numbers(J=J, dmu=mu.grad, dlog_sigma=log_sigma.grad)


# sample_mixture ----------------------------------------------------------------------------------


def make_sampling(rng, N, K, D):
    # Sixty-fourths are exact in binary, and so are their sums: a draw can hit the border between two components.
    pi = (1 + rng.multinomial(64 - K, np.full(K, 1 / K))) / 64
    u = rng.uniform(size=N)
    u[0] = pi[0] if K > 1 else 0.0
    return dict(pi=pi, theta=rng.uniform(0.05, 0.95, size=(K, D)), u=u, v=rng.uniform(size=(N, D)))


def sampled(pi, theta, u, v):
    pi, theta, u, v = tensors(pi, theta, u, v)
    z = torch.searchsorted(pi.cumsum(0), u, right=True)
    return numbers(z=z, x=(v < theta[z]).double())


# mixture_log_likelihood --------------------------------------------------------------------------


def make_mixture(rng, N, K, D, sharp=2.0):
    pi = np.exp(0.8 * rng.normal(size=K))
    base = sharp * rng.normal(size=D)
    # The components differ little in each pixel, so that no image is certain of its component.
    theta = 1 / (1 + np.exp(-base - 3 * rng.normal(size=(K, D)) / np.sqrt(D)))
    x = rng.randint(2, size=(N, D)).astype(float)
    x[0] = base > 0  # a likely image; the others are far less so
    return dict(x=x, pi=pi / pi.sum(), theta=theta)


def mixture(x, pi, theta):
    x, pi, theta = tensors(x, pi, theta)
    log_p = MixtureSameFamily(Categorical(pi), Independent(Bernoulli(theta), 1)).log_prob(x)
    return numbers(log_p=log_p, r=responsibilities(x, pi, theta))


def responsibilities(x, pi, theta):
    """The gradient of log sum_k exp(score) with respect to the scores is the posterior of k."""
    scores = pi.log() + Independent(Bernoulli(theta), 1).log_prob(x[:, None])
    scores.requires_grad_()
    scores.logsumexp(dim=1).sum().backward()
    return scores.grad


# log_marginal ------------------------------------------------------------------------------------


def make_marginal(rng, S, N, D, scale=1.0):
    return dict(
        x=rng.randint(2, size=(N, D)).astype(float), w=scale * 2 * rng.normal(size=D) / np.sqrt(D), b=rng.normal(size=D),
        mu=rng.normal(size=N), sigma=np.exp(0.4 * rng.normal(size=N)), eps=rng.normal(size=(S, N)),
    )  # fmt: skip


def marginal(x, w, b, mu, sigma, eps):
    x, w, b, mu, sigma, eps = tensors(x, w, b, mu, sigma, eps)
    q = Normal(mu, sigma)
    z = mu + sigma * eps
    decoder = Independent(Bernoulli(logits=z[:, :, None] * w + b), 1)
    log_w = Normal(0.0, 1.0).log_prob(z) + decoder.log_prob(x) - q.log_prob(z)
    log_p = log_w.logsumexp(dim=0) - np.log(len(eps))
    ratio = (log_w - log_p).exp()  # each weight divided by the mean weight
    return numbers(log_p=log_p, error=ratio.std(dim=0, correction=0) / len(eps) ** 0.5)


# em_step -----------------------------------------------------------------------------------------


def make_em(rng, N, K, D, alpha, sharp=1.0):
    return dict(**make_mixture(rng, N, K, D, sharp), alpha=alpha)


def one_em_step(x, pi, theta, alpha):
    r = torch.tensor(mixture(x, pi, theta)["r"])
    log_p = torch.tensor(mixture(x, pi, theta)["log_p"])
    x = torch.tensor(x)
    black = torch.einsum("nk,nd->kd", r, x) + alpha
    white = torch.einsum("nk,nd->kd", r, 1 - x) + alpha
    share = r.sum(dim=0) + alpha
    return numbers(log_p=log_p.mean(), pi=share / share.sum(), theta=black / (black + white))


EXERCISES = {
    "kl_categorical": Exercise(
        make_categorical, categorical, ["kl"], dict(N=4, K=5),
        [dict(N=1), dict(K=1), dict(K=2, zeros=False), dict(zeros=False), dict(sharp=5.0), dict(N=30, K=12)],
    ),
    "kl_gaussians": Exercise(
        make_gaussians, gaussians, ["exact", "estimate", "error"], dict(N=4, S=50),
        [dict(N=1), dict(S=1), dict(same=True), dict(scale=1e-3), dict(scale=100.0), dict(S=2000)],
    ),
    "categorical_nll": Exercise(
        make_logits, categorical_fit, ["J", "do"], dict(N=12, K=4, shift=900.0),
        [dict(N=1), dict(K=2), dict(K=1), dict(shift=0.0), dict(shift=-2000.0), dict(N=500, K=30)],
    ),
    "gaussian_nll": Exercise(
        make_gaussian_fit, gaussian_fit, ["J", "dmu", "dlog_sigma"], dict(N=7, D=3),
        [dict(N=1), dict(D=1), dict(spread=0.0), dict(spread=4.0), dict(N=300, D=5)],
    ),
    "sample_mixture": Exercise(
        make_sampling, sampled, ["z", "x"], dict(N=12, K=4, D=6), [dict(N=1), dict(K=1), dict(D=1), dict(N=200, K=9, D=3)],
    ),
    "mixture_log_likelihood": Exercise(
        make_mixture, mixture, ["log_p", "r"], dict(N=5, K=3, D=1200),
        [dict(N=1), dict(K=1), dict(D=1), dict(D=4, sharp=0.0), dict(D=4, sharp=5.0), dict(K=20, D=2000)],
    ),
    "log_marginal": Exercise(
        make_marginal, marginal, ["log_p", "error"], dict(S=40, N=3, D=1500),
        [dict(S=1), dict(N=1), dict(D=1), dict(D=6), dict(D=6, scale=0.0), dict(D=6, S=1000)],
    ),
    "em_step": Exercise(
        make_em, one_em_step, ["log_p", "pi", "theta"], dict(N=9, K=3, D=6, alpha=0.5),
        [dict(N=1), dict(K=1), dict(D=1), dict(D=1500), dict(alpha=0.01), dict(alpha=20.0), dict(N=200, K=5)],
    ),
}  # fmt: skip
