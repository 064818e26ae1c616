"""Unit 10: the problems that the exercises are checked on. The right answers, torch's, stand in reference.py.

Random numbers are arguments of your functions, so that your draws compare with torch's. What a check must see, such as a
draw that lies exactly on a border, stands in fixed entries. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# kl_categorical ----------------------------------------------------------------------------------


def make_categorical(rng, N, K, sharp=1.5, zeros=True, tiny=0.0):
    p, q = (np.exp(sharp * rng.normal(size=(N, K))) for _ in range(2))
    if tiny:
        p[:, 0], q[:, 0], q[:, 1], p[:, 1] = 1.0, tiny, 1.0, tiny  # each is nearly impossible for the other
        zeros = False
    elif K > 1:
        q[0, 0] = 1e-30  # so that a number that is added to q, or a bound for it, shows whatever is drawn
    if zeros and K > 1:
        p[np.arange(N), rng.randint(1, K, size=N)] = 0.0  # an outcome that p never shows; q is positive everywhere
    return dict(p=p / p.sum(axis=1, keepdims=True), q=q / q.sum(axis=1, keepdims=True))


# kl_gaussians ------------------------------------------------------------------------------------


def make_gaussians(rng, N, S, scale=1.0, same=False):
    mu_p, mu_q = 2 * scale * rng.normal(size=(2, N))
    sigma_p, sigma_q = scale * np.exp(0.7 * rng.normal(size=(2, N)))
    if same:
        mu_q, sigma_q = mu_p.copy(), sigma_p.copy()
    return dict(mu_p=mu_p, sigma_p=sigma_p, mu_q=mu_q, sigma_q=sigma_q, eps=rng.normal(size=(S, N)))


# categorical_nll ---------------------------------------------------------------------------------


def make_logits(rng, N, K, shift, apart=0.0):
    o = rng.normal(size=K) + shift  # exp(900) overflows; the softmax of such scores does not
    x = rng.randint(K, size=N)
    x[x == K - 1] = 0  # the last outcome never occurs
    if apart:
        o[0], x[0], x[-1] = o.max() - apart, 0, 1 % K  # seen, and its probability is too small for a float
    return dict(o=o, x=x)


def size_of_logits(o, x):
    """J is a difference of logits, which may cancel."""
    return dict(J=np.abs(o).max())


# gaussian_nll ------------------------------------------------------------------------------------


def make_gaussian_fit(rng, N, D, spread=0.6, far=0.0):
    return dict(
        mu=rng.normal(size=D), log_sigma=spread * rng.normal(size=D), x=1 + far + 1.7 * rng.normal(size=(N, D))
    )  # fmt: skip


# sample_mixture ----------------------------------------------------------------------------------


def make_sampling(rng, N, K, D, tenths=False):
    # Sixty-fourths are exact in binary, and so are their sums: a draw can hit the border between two components.
    pi = (1 + rng.multinomial(64 - K, np.arange(1, K + 1) / (K * (K + 1) / 2))) / 64  # far from all alike
    theta, u, v = rng.uniform(0.05, 0.95, size=(K, D)), rng.uniform(size=N), rng.uniform(size=(N, D))
    u[0] = pi[0] if K > 1 else 0.0
    v[0, 0] = theta[min(1, K - 1), 0]  # a draw that hits the probability of its pixel exactly
    if tenths:
        pi[:], u[0] = 1 / K, np.nextafter(1.0, 0.0)  # ten times 0.1 adds up to this number, not to 1
    return dict(pi=pi, theta=theta, u=u, v=v)


# mixture_log_likelihood --------------------------------------------------------------------------


def make_mixture(rng, N, K, D, sharp=2.0, tiny=0.0):
    pi = np.exp(0.8 * rng.normal(size=K))
    base = sharp * rng.normal(size=D)
    # The components differ little in each pixel, so that no image is certain of its component.
    theta = 1 / (1 + np.exp(-base - 3 * rng.normal(size=(K, D)) / np.sqrt(D)))
    x = rng.randint(2, size=(N, D)).astype(float)
    x[0] = base > 0  # a likely image; the others are far less so
    if tiny:
        theta[:, 0], x[0, 0] = tiny * np.arange(1, K + 1), 1.0  # nearly impossible for all components, and seen
    return dict(x=x, pi=pi / pi.sum(), theta=theta)


# log_marginal ------------------------------------------------------------------------------------


def make_marginal(rng, S, N, D, scale=1.0, far=0.0):
    x, w, b = rng.randint(2, size=(N, D)).astype(float), scale * 2 * rng.normal(size=D) / np.sqrt(D), rng.normal(size=D)
    if far:
        b[0], x[0, 0], x[1:, 0] = far, 1.0, 0.0  # image 0 is as expected there, the others are e^far times less likely
    return dict(
        x=x, w=w, b=b, mu=rng.normal(size=N), sigma=np.exp(0.4 * rng.normal(size=N)), eps=rng.normal(size=(S, N)),
    )  # fmt: skip


# em_step -----------------------------------------------------------------------------------------


def make_em(rng, N, K, D, alpha, sharp=1.0):
    return dict(**make_mixture(rng, N, K, D, sharp), alpha=alpha)


EXERCISES = {
    "kl_categorical": Exercise(
        make_categorical, ["kl"], dict(N=4, K=5),
        [
            EdgeCase(dict(N=1), "with one pair"), EdgeCase(dict(K=1), "with one outcome"), EdgeCase(dict(K=2, zeros=False), "with two outcomes, all possible"),
            EdgeCase(dict(zeros=False), "where p has no zeros"), dict(sharp=2.5), dict(N=30, K=12),
            EdgeCase(
                dict(tiny=1e-200), "where an entry of q is 1e-200",
                "A tiny number that is added to a probability, or a bound below which it may not fall, changes the result where the "
                "probability itself is tinier. Only p can be exactly 0 here, and for it the term is 0.",
            ),
        ],
    ),
    "kl_gaussians": Exercise(
        make_gaussians, ["exact", "estimate", "error"], dict(N=9, S=50),
        [
            EdgeCase(dict(N=1), "with one pair"), EdgeCase(dict(S=1), "with one sample"), EdgeCase(dict(same=True), "where p and q are equal"),
            dict(scale=1e-3), dict(scale=100.0), dict(S=2000),
        ],
    ),
    "categorical_nll": Exercise(
        make_logits, ["J", "do"], dict(N=12, K=4, shift=900.0),
        [
            EdgeCase(dict(N=1), "with one example"), EdgeCase(dict(K=2), "with two outcomes"), EdgeCase(dict(K=1), "with one outcome"), dict(shift=0.0),
            EdgeCase(dict(shift=-2000.0), needed=True), dict(N=500, K=30),
            EdgeCase(
                dict(shift=0.0, apart=800.0), "where an outcome that was seen has a logit 800 below another",
                "The probability of that outcome is too small for a float: it is 0 there, and its logarithm is lost. The logarithm of a softmax can be had without "
                "the softmax.",
            ),
            EdgeCase(
                dict(shift=0.0, apart=1e15), "where an outcome that was seen has a logit a million billions below another",
                "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.",
                needed=True,
            ),
        ],
        scales=size_of_logits,
    ),
    "gaussian_nll": Exercise(
        make_gaussian_fit, ["J", "dmu", "dlog_sigma"], dict(N=7, D=3),
        [EdgeCase(dict(N=1), "with one example"), EdgeCase(dict(D=1), "with one dimension"), dict(spread=0.0), dict(spread=4.0), dict(N=300, D=5),
         EdgeCase(dict(far=1e7), "where the data are ten million away", "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True)],
        groups=[("dmu", "dlog_sigma")],
    ),
    "sample_mixture": Exercise(
        make_sampling, ["z", "x"], dict(N=12, K=4, D=6),
        [
            EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(K=1), "with one component"), EdgeCase(dict(D=1), "with one pixel"), dict(N=200, K=9, D=3),
            EdgeCase(
                dict(K=10, tenths=True), "where u lies above the sum of all pi, a hair below 1",
                "Ten times 0.1 adds up to a little less than 1 in floating point, and u lies above it: no sum is greater than u, and yet one component must be drawn.",
            ),
        ],
    ),
    "mixture_log_likelihood": Exercise(
        make_mixture, ["log_p", "r"], dict(N=5, K=3, D=1200),
        [
            EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(K=1), "with one component"), EdgeCase(dict(D=1), "with one pixel"), dict(D=4, sharp=0.0),
            dict(D=4, sharp=3.0), dict(K=20, D=2000),
            EdgeCase(
                dict(D=6, tiny=1e-30), "where a black pixel has a probability near 1e-30",
                "A probability may be as small as 1e-30. A tiny number added to it, or a bound below which it may not fall, is far larger than that.",
            ),
        ],
    ),
    "log_marginal": Exercise(
        make_marginal, ["log_p", "error"], dict(S=40, N=3, D=1500),
        [
            EdgeCase(dict(S=1), "with one sample"), EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(D=1), "with one pixel"), dict(D=6),
            dict(D=6, scale=0.0), dict(D=6, S=1000),
            EdgeCase(
                dict(D=6, far=1000.0), "with a logit of 1000, so that one image is 1000 nats less likely than another",
                "A logit of 1000 brings a pixel's probability nearer to 0 or 1 than a float or any bound can tell, exp(1000) is more than a float holds, and one image "
                "is 1000 nats less likely than another. Which of the three meets your code?",
            ),
        ],
    ),
    "em_step": Exercise(
        make_em, ["log_p", "pi", "theta"], dict(N=9, K=3, D=6, alpha=0.5),
        [
            EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(K=1), "with one component"), EdgeCase(dict(D=1), "with one pixel"), dict(D=1500),
            dict(alpha=0.01), dict(alpha=20.0), dict(N=200, K=5),
        ],
        groups=[("log_p", "theta")],  # exercise 6 delivers log_p
    ),
}  # fmt: skip
