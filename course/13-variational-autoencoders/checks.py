"""Unit 13: the problems that the exercises are checked on, and torch's answers to them.

Your values are compared with `torch.distributions`, and your gradients with what torch's autograd gives for the same
noise. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise

# N, D, H and L differ, so that a wrong transpose or a mean over the wrong axis cannot hide.
SIZES = dict(N=4, D=6, H=5, L=3)
EDGES = [dict(N=1), dict(D=1), dict(H=1), dict(L=1), dict(N=3, D=9, H=4, L=5), dict(scale=0.0), dict(scale=3.0)]
NAMES = ("W1", "b1", "W2", "b2", "V1", "c1", "V2", "c2")


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


def parameters(rng, D, H, code, L, scale):
    """An encoder from D to `code` numbers and a decoder from L to D, each with H hidden units."""
    shapes = dict(W1=(H, D), b1=(H,), W2=(code, H), b2=(code,), V1=(H, L), c1=(H,), V2=(D, H), c2=(D,))
    return {k: scale * rng.normal(size=s) / np.sqrt(s[1] if len(s) == 2 else 2) for k, s in shapes.items()}


def network(x, W1, b1, W2, b2):
    h = torch.tanh(torch.nn.functional.linear(x, W1, b1))
    return h, torch.nn.functional.linear(h, W2, b2)


def images(rng, N, D):
    return rng.randint(2, size=(N, D)).astype(float)


# mlp_backward ------------------------------------------------------------------------------------


def make_mlp(rng, N, D, H, L, scale=1.0):
    p = parameters(rng, D, H, L, 1, scale)
    x = rng.normal(size=(N, D))
    h, _ = network(*tensors(x, p["W1"], p["b1"], p["W2"], p["b2"]))
    return dict(
        dy=rng.normal(size=(N, L)), x=x, h=h.detach().numpy(), W1=p["W1"], W2=p["W2"], b1=p["b1"], b2=p["b2"],
    )  # fmt: skip


# autoencoder -------------------------------------------------------------------------------------


def make_autoencoder(rng, N, D, H, L, scale=1.0):
    return dict(x=rng.uniform(size=(N, D)), **parameters(rng, D, H, L, L, scale))


# gaussian_kl -------------------------------------------------------------------------------------


def make_kl(rng, N, L, scale=1.0):
    return dict(mu=scale * rng.normal(size=(N, L)), lv=scale * rng.normal(size=(N, L)))


# reparameterise, reparameterise_backward ---------------------------------------------------------


def make_reparameterise(rng, N, L, scale=1.0):
    return dict(**make_kl(rng, N, L, scale), eps=rng.normal(size=(N, L)))


def make_reparameterise_backward(rng, N, L, scale=1.0):
    args = make_reparameterise(rng, N, L, scale)
    return dict(dz=rng.normal(size=(N, L)), lv=args["lv"], eps=args["eps"], mu=args["mu"])


# reconstruction ----------------------------------------------------------------------------------


def make_reconstruction(rng, N, D, sigma, large=800.0):
    o = 2 * rng.normal(size=(N, D))
    x = images(rng, N, D)
    o[0, 0], x[0, 0] = large, 0.0  # exp(800) overflows; the logarithm of the probability is -800, and no more than that
    o[-1, -1], x[-1, -1] = -large, 0.0
    return dict(x=x, o=o, sigma=sigma)


def means(o):
    """Of the logits, what the Gaussian decoder is tried on: without the huge ones, beside which all else would be small."""
    return np.clip(o, -4, 4)


def both_reconstructions(answer, x, o, sigma):
    first, second = answer(x, o, None), answer(x, means(o), sigma)
    for found in (first, second):
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError("the function should return two arrays, nll and do")
    return (*first, *second)


# vae ---------------------------------------------------------------------------------------------


def make_vae(rng, N, D, H, L, sigma, beta, scale=1.0):
    p = parameters(rng, D, H, 2 * L, L, scale)
    return dict(x=images(rng, N, D), eps=rng.normal(size=(N, L)), **p, sigma=sigma, beta=beta)


GAUSSIAN = ("J", "dW2", "dV2")  # what is compared of the Gaussian decoder, besides everything of the Bernoulli decoder


def both_decoders(answer, x, eps, W1, b1, W2, b2, V1, c1, V2, c2, sigma, beta):
    args = (x, eps, W1, b1, W2, b2, V1, c1, V2, c2)
    found, second = answer(*args, None, beta), answer(*args, sigma, beta)
    if not (isinstance(found, dict) and isinstance(second, dict)):
        raise TypeError(
            f"the function should return a dict with the keys J, R, KL, {', '.join(f'd{n}' for n in NAMES)}"
        )
    return {**found, **{f"{name}_gaussian": second[name] for name in GAUSSIAN if name in second}}


# importance_bound --------------------------------------------------------------------------------


def make_bound(rng, K, N, D, H, L, scale=1.0, far=900.0):
    p = parameters(rng, D, H, 2 * L, L, scale)
    x = images(rng, N, D)
    p["c2"][0] += far  # one pixel that the decoder holds for nearly certain, and that is off in one image
    x[:, 0], x[0, 0] = 1.0, 0.0
    return dict(x=x, eps=rng.normal(size=(K, N, L)), **p)


def edges(*names):
    return [e for e in EDGES if set(e) <= {*names, "scale"}]


EXERCISES = {
    "mlp_backward": Exercise(
        make_mlp, ["dx", "dW1", "db1", "dW2", "db2"], SIZES, EDGES, withheld=["b1", "b2"],
    ),
    "autoencoder": Exercise(
        make_autoencoder, ["J", *(f"d{n}" for n in NAMES)], SIZES, EDGES, as_dict=True,
    ),
    "gaussian_kl": Exercise(
        make_kl, ["kl", "dmu", "dlv"], dict(N=4, L=3),
        [dict(N=1), dict(L=1), dict(scale=0.0), dict(scale=5.0), dict(N=9, L=6)],
    ),
    "reparameterise": Exercise(
        make_reparameterise, ["z"], dict(N=4, L=3),
        [dict(N=1), dict(L=1), dict(scale=0.0), dict(scale=3.0), dict(N=9, L=6)],
    ),
    "reparameterise_backward": Exercise(
        make_reparameterise_backward, ["dmu", "dlv"], dict(N=4, L=3),
        [dict(N=1), dict(L=1), dict(scale=0.0), dict(scale=5.0), dict(N=9, L=6)], withheld=["mu"],
    ),
    "reconstruction": Exercise(
        make_reconstruction, ["nll_bernoulli", "do_bernoulli", "nll_gaussian", "do_gaussian"],
        dict(N=4, D=6, sigma=0.5), [dict(N=1), dict(D=1), dict(sigma=2.0), dict(large=0.0), dict(N=7, D=9)],
        call=both_reconstructions,
    ),
    "vae": Exercise(
        make_vae, ["J", "R", "KL", *(f"d{n}" for n in NAMES), *(f"{n}_gaussian" for n in GAUSSIAN)],
        dict(SIZES, sigma=0.5, beta=0.7), [dict(beta=0.0), dict(beta=1.0, sigma=2.0), *EDGES],
        call=both_decoders, as_dict=True,
    ),
    "importance_bound": Exercise(
        make_bound, ["elbo", "bound"], dict(K=7, **SIZES),
        [dict(K=1), dict(K=60), dict(far=0.0), dict(N=1), dict(H=1), dict(L=1), dict(scale=0.0), dict(scale=2.0)],
    ),
}  # fmt: skip
