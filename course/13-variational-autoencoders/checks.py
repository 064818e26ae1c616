"""Unit 13: the problems that the exercises are checked on. The right answers, torch's, stand in reference.py.

The hidden layer that a backward pass is given is made up. Entries in which a careless formula fails, such as logits of 800,
stand in every problem. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise
from byhand.on_paper import two_decimals

# N, D, H and L differ, so that a wrong transpose or a mean over the wrong axis cannot hide.
SIZES = dict(N=4, D=6, H=5, L=3)
ONE_IMAGE, ONE_PIXEL = EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(D=1), "with one pixel")
ONE_HIDDEN, ONE_LATENT = EdgeCase(dict(H=1), "with one hidden unit"), EdgeCase(dict(L=1), "with one latent variable")
NO_WEIGHTS = EdgeCase(dict(scale=0.0), "with all weights and biases zero")
NETWORKS = [ONE_IMAGE, ONE_PIXEL, ONE_HIDDEN, ONE_LATENT, dict(N=3, D=9, H=4, L=5), NO_WEIGHTS, dict(scale=3.0)]
LATENT = [ONE_IMAGE, ONE_LATENT, EdgeCase(dict(scale=0.0), "where q is the prior"), dict(scale=5.0), dict(N=9, L=6)]
FAR = EdgeCase(
    dict(far=1e6), "where a bias of the decoder is a million",
    "The loss is huge beside a change of any one parameter, so differences of two losses have no digits left. The chain rule has no "
    "such trouble.",
    needed=True,
)  # fmt: skip
NAMES = ("W1", "b1", "W2", "b2", "V1", "c1", "V2", "c2")
ENCODER, DECODER = (tuple(f"d{name}" for name in half) for half in (NAMES[:4], NAMES[4:]))


def parameters(rng, D, H, code, L, scale):
    """An encoder from D to `code` numbers and a decoder from L to D, each with H hidden units."""
    shapes = dict(W1=(H, D), b1=(H,), W2=(code, H), b2=(code,), V1=(H, L), c1=(H,), V2=(D, H), c2=(D,))
    return {k: scale * rng.normal(size=s) / np.sqrt(s[1] if len(s) == 2 else 2) for k, s in shapes.items()}


def images(rng, N, D):
    return rng.randint(2, size=(N, D)).astype(float)


# mlp_backward ------------------------------------------------------------------------------------


def make_mlp(rng, N, D, H, L, scale=1.0):
    """The hidden layer is made up: no input leads to it."""
    p = parameters(rng, D, H, L, 1, scale)
    h = rng.uniform(-0.95, 0.95, size=(N, H))
    h[0, 0] = 0.0
    return dict(dy=rng.normal(size=(N, L)), x=rng.normal(size=(N, D)), h=h, W1=p["W1"], W2=p["W2"])


# autoencoder -------------------------------------------------------------------------------------


def make_autoencoder(rng, N, D, H, L, scale=1.0, far=0.0):
    p = parameters(rng, D, H, L, L, scale)
    p["c2"][0] += far
    return dict(x=rng.uniform(size=(N, D)), **p)


# on_paper ----------------------------------------------------------------------------------------


def make_on_paper(rng):
    return {}


# gaussian_kl -------------------------------------------------------------------------------------


def make_kl(rng, N, L, scale=1.0, far=0.0):
    mu, lv = scale * rng.normal(size=(N, L)), scale * rng.normal(size=(N, L))
    lv[0, 0], lv[-1, -1] = 1.5 * scale, -1.2 * scale  # either side of the prior's variance
    mu[:, 0] += far
    return dict(mu=mu, lv=lv)


# reparameterise, reparameterise_backward ---------------------------------------------------------


def make_reparameterise(rng, N, L, scale=1.0, K=None):
    """With K, all arrays have one more axis in front."""
    shape = (N, L) if K is None else (K, N, L)
    return dict(mu=scale * rng.normal(size=shape), lv=scale * rng.normal(size=shape), eps=rng.normal(size=shape))


def make_reparameterise_backward(rng, N, L, scale=1.0):
    return dict(dz=rng.normal(size=(N, L)), lv=scale * rng.normal(size=(N, L)), eps=rng.normal(size=(N, L)))


# score_gradient ----------------------------------------------------------------------------------


def make_score(rng, K, N, L, scale=1.0, baseline="of each image"):
    """The values of f are made up: no decoder gives them."""
    f, eps = 3 + rng.normal(size=(K, N)), rng.normal(size=(K, N, L))
    lv = scale * rng.normal(size=(N, L))
    lv[0, 0], lv[-1, -1] = 1.5 * scale, -1.2 * scale
    given = {"of each image": dict(baseline=2 + rng.normal(size=N)), "a number": dict(baseline=2.5), "none": {}}
    return dict(f=f, lv=lv, eps=eps, **given[baseline])


# reconstruction ----------------------------------------------------------------------------------

# Logits and pixels that do not agree with them, where a formula through the probability loses digits; and one that does.
STRAINED = [(8.0, 0.0), (-8.0, 1.0), (15.0, 0.0), (-15.0, 1.0), (40.0, 0.0), (-40.0, 1.0), (0.0, 1.0), (40.0, 1.0)]


def make_reconstruction(rng, N, D, sigma, large=800.0):
    o, x = 2 * rng.normal(size=(N, D)), images(rng, N, D)
    if N > 2:  # the first and the last image are for the large logits
        for (n, d), values in zip(np.ndindex(N - 2, D), STRAINED, strict=False):
            o[1 + n, d], x[1 + n, d] = values
    o[0, 0], x[0, 0] = large, 0.0  # exp(800) overflows; the logarithm of the probability is -800, and no more than that
    if o.size > 1:
        o[-1, -1], x[-1, -1] = -large, 1.0
    return dict(x=x, o=o, sigma=sigma)


def means(o):
    """Of the logits, what the Gaussian decoder is tried on: without the huge ones, beside which all else would be small."""
    return np.clip(o, -4, 4)


def both_reconstructions(answer, x, o, sigma):
    first, second = answer(x, o, None), answer(x, means(o), sigma)
    for found in (first, second):
        if found is None:
            return None
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError("the function should return two arrays, nll and do")
    return (*first, *second)


# vae ---------------------------------------------------------------------------------------------


def make_vae(rng, N, D, H, L, sigma, beta, scale=1.0, far=0.0):
    p = parameters(rng, D, H, 2 * L, L, scale)
    p["c2"][0] += far
    x = images(rng, N, D)
    x[0, 0] = 0.0
    return dict(x=x, eps=rng.normal(size=(N, L)), **p, sigma=sigma, beta=beta)


GAUSSIAN = ("J", "dW2", "dV2")  # what is compared of the Gaussian decoder, besides everything of the Bernoulli decoder


def both_decoders(answer, x, eps, W1, b1, W2, b2, V1, c1, V2, c2, sigma, beta):
    args = (x, eps, W1, b1, W2, b2, V1, c1, V2, c2)
    found, second = answer(*args, None, beta), answer(*args, sigma, beta)
    if found is None or second is None:
        return None
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


EXERCISES = {
    "mlp_backward": Exercise(make_mlp, ["dx", "dW1", "db1", "dW2", "db2"], SIZES, NETWORKS),
    "autoencoder": Exercise(
        make_autoencoder, ["J", *ENCODER, *DECODER], SIZES, [*NETWORKS, FAR], as_dict=True,
        groups=[ENCODER, DECODER],  # what mlp_backward delivers is one quantity
    ),
    "on_paper": Exercise(make_on_paper, ["rec", "kl", "gap"], {}, call=two_decimals),
    "gaussian_kl": Exercise(
        make_kl, ["kl", "dmu", "dlv"], dict(N=4, L=3),
        [*LATENT, EdgeCase(dict(far=1e15), "where a mean is a million billions away from 0", FAR.hint.replace("any one parameter", "any one entry"), needed=True)],
    ),
    "reparameterise": Exercise(
        make_reparameterise, ["z"], dict(N=4, L=3),
        [
            *LATENT,
            EdgeCase(
                dict(K=5), "with K samples for each image, in arrays (K, N, L)",
                "The docstring promises (..., L), any number of axes in front, and exercise 8 will want three.",
            ),
        ],
    ),
    "reparameterise_backward": Exercise(
        make_reparameterise_backward, ["dmu", "dlv"], dict(N=4, L=3), LATENT, groups=[("dmu", "dlv")],
    ),
    "score_gradient": Exercise(
        make_score, ["dmu", "dlv"], dict(K=6, N=4, L=3),
        [
            EdgeCase(dict(K=1), "with one sample"), ONE_IMAGE, ONE_LATENT, EdgeCase(dict(scale=0.0), "where every variance is 1"),
            EdgeCase(dict(baseline="a number"), "with a number as baseline"), EdgeCase(dict(baseline="none"), "without a baseline"),
            EdgeCase(dict(K=4, N=4, L=4), "with as many samples as images and latent variables"), dict(scale=3.0),
        ],
    ),
    "reconstruction": Exercise(
        make_reconstruction, ["nll_bernoulli", "do_bernoulli", "nll_gaussian", "do_gaussian"],
        dict(N=4, D=6, sigma=0.6),
        [
            ONE_IMAGE, ONE_PIXEL, dict(sigma=2.0), dict(sigma=1.0), dict(N=7, D=9),
            EdgeCase(dict(large=0.0), "without the large logits"),
            EdgeCase(dict(large=1e15), "with logits of a million billions", FAR.hint.replace("any one parameter", "any one logit"), needed=True),
        ],
        call=both_reconstructions, elementwise=["nll_bernoulli"],
    ),
    "vae": Exercise(
        make_vae, ["J", "R", "KL", *ENCODER, *DECODER, *(f"{n}_gaussian" for n in GAUSSIAN)],
        dict(SIZES, sigma=0.5, beta=0.7), [dict(beta=0.0), dict(beta=1.0, sigma=2.0), *NETWORKS, FAR],
        call=both_decoders, as_dict=True,
        groups=[("J", "R", "KL"), ENCODER, DECODER, tuple(f"{n}_gaussian" for n in GAUSSIAN)],
    ),
    "importance_bound": Exercise(
        make_bound, ["elbo", "bound"], dict(K=7, **SIZES),
        [
            EdgeCase(dict(K=1), "with one sample"), dict(K=60), EdgeCase(dict(far=0.0), "where no image is improbable"),
            ONE_IMAGE, ONE_HIDDEN, ONE_LATENT, NO_WEIGHTS, dict(scale=2.0),
        ],
    ),
}  # fmt: skip
