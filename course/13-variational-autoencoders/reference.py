"""Unit 13: torch's answers to the problems of checks.py: `torch.distributions` for the values, autograd for the gradients.

The hidden layer that mlp_backward is given is made up, so autograd is made to run at it: the sum before the tanh gets the
value that belongs to it, and keeps its derivatives.
"""

import numpy as np
import torch
from checks import GAUSSIAN, NAMES, means
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from byhand.in_torch import leaves, numbers


def network(x, W1, b1, W2, b2):
    h = torch.tanh(torch.nn.functional.linear(x, W1, b1))
    return h, torch.nn.functional.linear(h, W2, b2)


def mlp(dy, x, h, W1, W2):
    x, W1, b1, W2, b2 = leaves(x, W1, np.zeros(len(W1)), W2, np.zeros(len(W2)))
    a = torch.nn.functional.linear(x, W1, b1)
    a = a + (torch.atanh(torch.tensor(h)) - a).detach()
    torch.nn.functional.linear(torch.tanh(a), W2, b2).backward(torch.tensor(dy))
    return numbers(dx=x.grad, dW1=W1.grad, db1=b1.grad, dW2=W2.grad, db2=b2.grad)


def autoencoder(x, **p):
    p = dict(zip(p, leaves(*p.values()), strict=True))
    x = torch.tensor(x)
    _, z = network(x, p["W1"], p["b1"], p["W2"], p["b2"])
    _, x_hat = network(z, p["V1"], p["c1"], p["V2"], p["c2"])
    J = torch.nn.functional.mse_loss(x_hat, x, reduction="sum") / len(x)
    J.backward()
    return numbers(J=J, **{f"d{name}": p[name].grad for name in NAMES})


def posterior(mu, lv):
    return Independent(Normal(mu, torch.exp(lv / 2)), 1)


def prior(mu):
    return Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)


def kl(mu, lv):
    mu, lv = leaves(mu, lv)
    kl = kl_divergence(posterior(mu, lv), prior(mu))
    kl.sum().backward()
    return numbers(kl=kl, dmu=mu.grad, dlv=lv.grad)


def reparameterise(mu, lv, eps):
    # The inverse is what torch knows: eps is how many standard deviations z lies above the mean.
    lower = torch.special.ndtr(torch.tensor(eps))
    z = Normal(torch.tensor(mu), torch.exp(torch.tensor(lv) / 2)).icdf(lower)
    return numbers(z=z)


def reparameterise_backward(dz, lv, eps):
    mu, lv = leaves(np.zeros_like(lv), lv)
    z = mu + torch.exp(lv / 2) * torch.tensor(eps)
    z.backward(torch.tensor(dz))
    return numbers(dmu=mu.grad, dlv=lv.grad)


def on_paper():
    """The worked example with other numbers: x = 1, w = 2, s = 1, and q with mean 1 and standard deviation 0.5."""
    x, w, s, mean, sigma = (torch.tensor(v, dtype=torch.float64) for v in (1.0, 2.0, 1.0, 1.0, 0.5))
    q, p = Normal(mean, sigma), Normal(torch.zeros_like(mean), torch.ones_like(mean))
    rec = Normal(w * mean, s).log_prob(x) - (w * sigma) ** 2 / (2 * s**2)
    kl = kl_divergence(q, p)
    log_p = Normal(torch.zeros_like(mean), torch.sqrt(w**2 + s**2)).log_prob(x)
    return {k: np.round(v, 2) for k, v in numbers(rec=rec, kl=kl, gap=log_p - (rec - kl)).items()}


def score(f, lv, eps, baseline=0.0):
    mu, lv = leaves(np.zeros_like(lv), lv)
    z = (mu + torch.exp(lv / 2) * torch.tensor(eps)).detach()
    (torch.tensor(f - baseline) * posterior(mu, lv).log_prob(z)).mean(dim=0).sum().backward()
    return numbers(dmu=mu.grad, dlv=lv.grad)


def minus_log_likelihood(x, o, sigma):
    decoder = Bernoulli(logits=o) if sigma is None else Normal(o, sigma)
    return -decoder.log_prob(x).sum(dim=-1)


def reconstruction(x, o, sigma):
    found = {}
    for kind, s in (("bernoulli", None), ("gaussian", sigma)):
        [logits] = leaves(o if s is None else means(o))
        nll = minus_log_likelihood(torch.tensor(x), logits, s)
        nll.sum().backward()
        found |= {f"nll_{kind}": nll.detach().numpy(), f"do_{kind}": logits.grad.numpy()}
    return found


def vae_once(x, eps, sigma, beta, **p):
    p = dict(zip(p, leaves(*p.values()), strict=True))
    x = torch.tensor(x)
    _, code = network(x, p["W1"], p["b1"], p["W2"], p["b2"])
    mu, lv = code.chunk(2, dim=1)
    z = mu + torch.exp(lv / 2) * torch.tensor(eps)
    _, o = network(z, p["V1"], p["c1"], p["V2"], p["c2"])
    R = minus_log_likelihood(x, o, sigma).mean()
    KL = kl_divergence(posterior(mu, lv), prior(mu)).mean()
    J = R + beta * KL
    J.backward()
    return numbers(J=J, R=R, KL=KL, **{f"d{name}": p[name].grad for name in NAMES})


def vae(sigma, **args):
    found, second = vae_once(sigma=None, **args), vae_once(sigma=sigma, **args)
    return found | {f"{name}_gaussian": second[name] for name in GAUSSIAN}


def bound(x, eps, **p):
    p = dict(zip(p, leaves(*p.values()), strict=True))
    x, eps = torch.tensor(x), torch.tensor(eps)
    _, code = network(x, p["W1"], p["b1"], p["W2"], p["b2"])
    mu, lv = code.chunk(2, dim=1)
    q = posterior(mu, lv)
    z = mu + torch.exp(lv / 2) * eps
    _, o = network(z, p["V1"], p["c1"], p["V2"], p["c2"])
    log_w = -minus_log_likelihood(x, o, None) + prior(mu).log_prob(z) - q.log_prob(z)
    return numbers(elbo=log_w.mean(dim=0), bound=torch.logsumexp(log_w, dim=0) - np.log(len(eps)))


REFERENCES = {
    "mlp_backward": mlp,
    "autoencoder": autoencoder,
    "on_paper": on_paper,
    "gaussian_kl": kl,
    "reparameterise": reparameterise,
    "reparameterise_backward": reparameterise_backward,
    "score_gradient": score,
    "reconstruction": reconstruction,
    "vae": vae,
    "importance_bound": bound,
}
