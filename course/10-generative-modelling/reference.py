"""Unit 10: the right answers: divergences and densities of `torch.distributions`, gradients and responsibilities of autograd."""

import numpy as np
import torch
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal, kl_divergence
from torch.nn.functional import kl_div

from byhand.checking import Terms
from byhand.in_torch import leaves, numbers, tensors


def categorical(p, q):
    p, q = tensors(p, q)
    return numbers(kl=kl_div(q.log(), p, reduction="none").sum(dim=1))  # Categorical would keep q above 1e-16


def gaussians(mu_p, sigma_p, mu_q, sigma_q, eps):
    mu_p, sigma_p, mu_q, sigma_q, eps = tensors(mu_p, sigma_p, mu_q, sigma_q, eps)
    p, q = Normal(mu_p, sigma_p), Normal(mu_q, sigma_q)
    x = mu_p + sigma_p * eps
    log_ratio = p.log_prob(x) - q.log_prob(x)
    error = log_ratio.std(dim=0, correction=0) / len(eps) ** 0.5
    return numbers(exact=kl_divergence(p, q), estimate=log_ratio.mean(dim=0), error=error)


def gaussian_terms(mu_p, sigma_p, mu_q, sigma_q, eps):
    """The closed formula, term by term; foreign are those of the other direction."""

    def parts(mu_a, sigma_a, mu_b, sigma_b, a, b):
        return {
            f"log(sigma_{b} / sigma_{a})": np.log(sigma_b / sigma_a),
            f"sigma_{a}² / (2 sigma_{b}²)": sigma_a**2 / (2 * sigma_b**2),
            f"(mu_p - mu_q)² / (2 sigma_{b}²)": (mu_a - mu_b) ** 2 / (2 * sigma_b**2),
        }

    own = parts(mu_p, sigma_p, mu_q, sigma_q, "p", "q")
    other = parts(mu_q, sigma_q, mu_p, sigma_p, "q", "p")
    return dict(exact=Terms({**own, "-1/2": np.full(len(mu_p), -0.5)}, foreign={k: v for k, v in other.items() if "²" in k}))


def categorical_fit(o, x):
    [o] = leaves(o)
    J = -Categorical(logits=o).log_prob(torch.tensor(x)).mean()
    J.backward()
    return numbers(J=J, do=o.grad)


def gaussian_fit(mu, log_sigma, x):
    mu, log_sigma = leaves(mu, log_sigma)
    J = -Independent(Normal(mu, log_sigma.exp()), 1).log_prob(torch.tensor(x)).mean()
    J.backward()
    return numbers(J=J, dmu=mu.grad, dlog_sigma=log_sigma.grad)


def sampled(pi, theta, u, v):
    pi, theta, u, v = tensors(pi, theta, u, v)
    z = torch.searchsorted(pi.cumsum(0), u, right=True).clamp(max=len(pi) - 1)
    return numbers(z=z, x=(v < theta[z]).double())


def mixture(x, pi, theta):
    x, pi, theta = tensors(x, pi, theta)
    log_p = MixtureSameFamily(Categorical(logits=pi.log()), Independent(Bernoulli(logits=theta.logit()), 1)).log_prob(x)
    return numbers(log_p=log_p, r=responsibilities(x, pi, theta))


def responsibilities(x, pi, theta):
    """The gradient of log sum_k exp(score) with respect to the scores is the posterior of k."""
    scores = pi.log() + Independent(Bernoulli(logits=theta.logit()), 1).log_prob(x[:, None])
    scores.requires_grad_()
    scores.logsumexp(dim=1).sum().backward()
    return scores.grad


def marginal(x, w, b, mu, sigma, eps):
    x, w, b, mu, sigma, eps = tensors(x, w, b, mu, sigma, eps)
    q = Normal(mu, sigma)
    z = mu + sigma * eps
    decoder = Independent(Bernoulli(logits=z[:, :, None] * w + b), 1)
    log_w = Normal(0.0, 1.0).log_prob(z) + decoder.log_prob(x) - q.log_prob(z)
    log_p = log_w.logsumexp(dim=0) - np.log(len(eps))
    ratio = (log_w - log_p).exp()  # each weight divided by the mean weight
    return numbers(log_p=log_p, error=ratio.std(dim=0, correction=0) / len(eps) ** 0.5)


def one_em_step(x, pi, theta, alpha):
    r = torch.tensor(mixture(x, pi, theta)["r"])
    log_p = torch.tensor(mixture(x, pi, theta)["log_p"])
    x = torch.tensor(x)
    black = torch.einsum("nk,nd->kd", r, x) + alpha
    white = torch.einsum("nk,nd->kd", r, 1 - x) + alpha
    share = r.sum(dim=0) + alpha
    return numbers(log_p=log_p.mean(), pi=share / share.sum(), theta=black / (black + white))


REFERENCES = {
    "kl_categorical": categorical,
    "kl_gaussians": gaussians,
    "categorical_nll": categorical_fit,
    "gaussian_nll": gaussian_fit,
    "sample_mixture": sampled,
    "mixture_log_likelihood": mixture,
    "log_marginal": marginal,
    "em_step": one_em_step,
}

TERMS = {"kl_gaussians": gaussian_terms}
