"""Unit 10: the problems that the exercises are checked on, and torch's answers to them.

Divergences and densities are compared with `torch.distributions`, gradients and responsibilities with torch's autograd.
Random numbers are arguments of your functions, so that your draws compare with torch's. Reading this file is allowed; it
holds no answer in numpy.
"""

import numpy as np

from byhand.checking import Exercise


# kl_categorical ----------------------------------------------------------------------------------


def make_categorical(rng, N, K, sharp=1.5, zeros=True):
    p, q = (np.exp(sharp * rng.normal(size=(N, K))) for _ in range(2))
    if zeros and K > 1:
        p[np.arange(N), rng.randint(K, size=N)] = 0.0  # an outcome that p never shows; q is positive everywhere
    return dict(p=p / p.sum(axis=1, keepdims=True), q=q / q.sum(axis=1, keepdims=True))


# kl_gaussians ------------------------------------------------------------------------------------


def make_gaussians(rng, N, S, scale=1.0, same=False):
    mu_p, mu_q = 2 * scale * rng.normal(size=(2, N))
    sigma_p, sigma_q = scale * np.exp(0.7 * rng.normal(size=(2, N)))
    if same:
        mu_q, sigma_q = mu_p.copy(), sigma_p.copy()
    return dict(mu_p=mu_p, sigma_p=sigma_p, mu_q=mu_q, sigma_q=sigma_q, eps=rng.normal(size=(S, N)))


# categorical_nll ---------------------------------------------------------------------------------


def make_logits(rng, N, K, shift):
    o = rng.normal(size=K) + shift  # exp(900) overflows; the softmax of such scores does not
    x = rng.randint(K, size=N)
    x[x == K - 1] = 0  # the last outcome never occurs
    return dict(o=o, x=x)


# gaussian_nll ------------------------------------------------------------------------------------


def make_gaussian_fit(rng, N, D, spread=0.6):
    return dict(
        mu=rng.normal(size=D), log_sigma=spread * rng.normal(size=D), x=1 + 1.7 * rng.normal(size=(N, D))
    )  # fmt: skip


# sample_mixture ----------------------------------------------------------------------------------


def make_sampling(rng, N, K, D):
    # Sixty-fourths are exact in binary, and so are their sums: a draw can hit the border between two components.
    pi = (1 + rng.multinomial(64 - K, np.full(K, 1 / K))) / 64
    u = rng.uniform(size=N)
    u[0] = pi[0] if K > 1 else 0.0
    return dict(pi=pi, theta=rng.uniform(0.05, 0.95, size=(K, D)), u=u, v=rng.uniform(size=(N, D)))


# mixture_log_likelihood --------------------------------------------------------------------------


def make_mixture(rng, N, K, D, sharp=2.0):
    pi = np.exp(0.8 * rng.normal(size=K))
    base = sharp * rng.normal(size=D)
    # The components differ little in each pixel, so that no image is certain of its component.
    theta = 1 / (1 + np.exp(-base - 3 * rng.normal(size=(K, D)) / np.sqrt(D)))
    x = rng.randint(2, size=(N, D)).astype(float)
    x[0] = base > 0  # a likely image; the others are far less so
    return dict(x=x, pi=pi / pi.sum(), theta=theta)


# log_marginal ------------------------------------------------------------------------------------


def make_marginal(rng, S, N, D, scale=1.0):
    return dict(
        x=rng.randint(2, size=(N, D)).astype(float), w=scale * 2 * rng.normal(size=D) / np.sqrt(D), b=rng.normal(size=D),
        mu=rng.normal(size=N), sigma=np.exp(0.4 * rng.normal(size=N)), eps=rng.normal(size=(S, N)),
    )  # fmt: skip


# em_step -----------------------------------------------------------------------------------------


def make_em(rng, N, K, D, alpha, sharp=1.0):
    return dict(**make_mixture(rng, N, K, D, sharp), alpha=alpha)


EXERCISES = {
    "kl_categorical": Exercise(
        make_categorical, ["kl"], dict(N=4, K=5),
        [dict(N=1), dict(K=1), dict(K=2, zeros=False), dict(zeros=False), dict(sharp=5.0), dict(N=30, K=12)],
    ),
    "kl_gaussians": Exercise(
        make_gaussians, ["exact", "estimate", "error"], dict(N=4, S=50),
        [dict(N=1), dict(S=1), dict(same=True), dict(scale=1e-3), dict(scale=100.0), dict(S=2000)],
    ),
    "categorical_nll": Exercise(
        make_logits, ["J", "do"], dict(N=12, K=4, shift=900.0),
        [dict(N=1), dict(K=2), dict(K=1), dict(shift=0.0), dict(shift=-2000.0), dict(N=500, K=30)],
    ),
    "gaussian_nll": Exercise(
        make_gaussian_fit, ["J", "dmu", "dlog_sigma"], dict(N=7, D=3),
        [dict(N=1), dict(D=1), dict(spread=0.0), dict(spread=4.0), dict(N=300, D=5)],
    ),
    "sample_mixture": Exercise(
        make_sampling, ["z", "x"], dict(N=12, K=4, D=6), [dict(N=1), dict(K=1), dict(D=1), dict(N=200, K=9, D=3)],
    ),
    "mixture_log_likelihood": Exercise(
        make_mixture, ["log_p", "r"], dict(N=5, K=3, D=1200),
        [dict(N=1), dict(K=1), dict(D=1), dict(D=4, sharp=0.0), dict(D=4, sharp=5.0), dict(K=20, D=2000)],
    ),
    "log_marginal": Exercise(
        make_marginal, ["log_p", "error"], dict(S=40, N=3, D=1500),
        [dict(S=1), dict(N=1), dict(D=1), dict(D=6), dict(D=6, scale=0.0), dict(D=6, S=1000)],
    ),
    "em_step": Exercise(
        make_em, ["log_p", "pi", "theta"], dict(N=9, K=3, D=6, alpha=0.5),
        [dict(N=1), dict(K=1), dict(D=1), dict(D=1500), dict(alpha=0.01), dict(alpha=20.0), dict(N=200, K=5)],
    ),
}  # fmt: skip
