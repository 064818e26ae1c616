"""Unit 11: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.distributions.Bernoulli`, with torch layers whose weights are masked, and your
gradients with what torch's autograd gives for them. Whether a network leaks is read off its Jacobian. Reading this file
is allowed; it holds no answer in numpy.
"""

from itertools import pairwise

import numpy as np
import torch
from torch.autograd.functional import jacobian
from torch.nn.functional import linear

from byhand.checking import Exercise

EDGES = [dict(N=1), dict(D=1), dict(D=2), dict(N=5, D=9), dict(scale=0.0), dict(scale=6.0)]


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def pixels(rng, N, D):
    return rng.randint(2, size=(N, D)).astype(float)


# bernoulli_nll -----------------------------------------------------------------------------------


def make_nll(rng, N, D, largest=1000.0):
    o, x = 2 * rng.normal(size=(N, D)), pixels(rng, N, D)
    o[0, 0], o[-1, -1] = largest, -largest  # exp(1000) overflows; the loss of these scores does not
    x[0, 0] = x[-1, -1] = 1.0
    return dict(o=o, x=x)


# fvsbn -------------------------------------------------------------------------------------------


def make_fvsbn(rng, N, D, scale=1.0):
    """W is full, so that a mask that is missing or not strict shows."""
    return dict(x=pixels(rng, N, D), W=scale * rng.normal(size=(D, D)), b=scale * rng.normal(size=D))


# total_probability -------------------------------------------------------------------------------


def make_total(rng, D, scale=1.0):
    """Two models as functions from images to scores: one that is autoregressive, and one that looks at its own pixel."""
    W, b = scale * rng.normal(size=(D, D)), scale * rng.normal(size=D)
    order = rng.permutation(D)
    W = np.tril(W, -1)[order][:, order]
    leaky = W + np.diag(scale * (1 + rng.uniform(size=D)))
    return dict(scores=model(W, b), leaky=model(leaky, b), D=D, W=W, W_leaky=leaky, b=b)


def model(W, b):
    return lambda x: linear(torch.as_tensor(np.asarray(x, float)), torch.tensor(W), torch.tensor(b)).numpy()


def every_image(D):
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * D).reshape(-1, D)


def total(scores, leaky, D, W, W_leaky, b):
    x, results = every_image(D), {}
    for mark, weight in (("", W), ("leaky ", W_leaky)):
        p = torch.distributions.Bernoulli(logits=linear(x, *map(torch.tensor, (weight, b)))).log_prob(x).sum(1).exp()
        results |= {f"{mark}p": p, f"{mark}total": p.sum()}
    return numbers(images=x, **results)


def in_order(answer, scores, leaky, D):
    """The answer for both models, its images put in one order, since any order is right."""
    results = {}
    for mark, function in (("", scores), ("leaky ", leaky)):
        returned = answer(function, D)
        if returned is None:
            return None
        if not isinstance(returned, (tuple, list)) or len(returned) != 3:
            raise TypeError("total_probability should return three things: images, p, total")
        images, p, total = returned
        if np.shape(images) == (2**D, D) and np.shape(p) == (2**D,):
            images = np.asarray(images, float)  # True and False are as good as 1 and 0
            order = np.lexsort(images.T[::-1])
            images, p = images[order], np.asarray(p)[order]
            if (different := len(np.unique(images, axis=0))) < 2**D:
                raise ValueError(f"of the {2**D} images in the list only {different} are different")
        results |= {f"{mark}p": p, f"{mark}total": total}
        results.setdefault("images", images)
    return results


# nade_forward, nade_backward ---------------------------------------------------------------------


def make_nade(rng, N, D, H, scale=1.0):
    return dict(
        x=pixels(rng, N, D), W=scale * rng.normal(size=(H, D)), V=scale * rng.normal(size=(D, H)),
        b=scale * rng.normal(size=D), c=scale * rng.normal(size=H),
    )  # fmt: skip


def nade(x, W, V, b, c):
    """One hidden layer for each pixel, each fed with the pixels before it alone."""
    D = len(b)
    before = torch.ones(D, D, dtype=torch.float64).tril(-1)  # row d: the pixels that pixel d may see
    h = torch.stack([torch.sigmoid(linear(x * before[d], W, c)) for d in range(D)])
    o = torch.stack([linear(h[d], V[d][None], b[d][None])[:, 0] for d in range(D)], dim=1)
    return o, h


def nade_scores(x, W, V, b, c):
    o, h = nade(*tensors(x, W, V, b, c))
    return numbers(o=o, h=h) | {"cost": np.array(1.0)}


def make_nade_backward(rng, N, D, H, scale=1.0):
    args = make_nade(rng, N, D, H, scale)
    h = nade_scores(**args)["h"]
    return dict(do=rng.normal(size=(N, D)), x=args["x"], h=h, V=args["V"], W=args["W"], b=args["b"], c=args["c"])


class Counted(np.ndarray):
    """An array that counts the arithmetic done with it, and with what is made from it. It computes as any other does."""

    work = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            options["out"] = tuple(plain(o) for o in out)
        result = getattr(ufunc, method)(*map(plain, inputs), **options)
        if ufunc is np.matmul:
            Counted.work += np.size(result) * np.shape(inputs[0])[-1]
        else:
            Counted.work += max(np.size(v) for v in (*inputs, result))
        return out[0] if out is not None else counted(result)

    def __array_function__(self, function, types, args, options):
        args, options = plain(args), plain(options)
        result = function(*args, **options)
        Counted.work += work_of(function, args, result)
        return counted(result)


def plain(value):
    if isinstance(value, Counted):
        return value.view(np.ndarray)
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def counted(value):
    if isinstance(value, (tuple, list)):
        return type(value)(map(counted, value))
    return value.view(Counted) if isinstance(value, np.ndarray) and value.ndim else value


def work_of(function, args, result):
    """Multiplications of the functions that sum over products; of all others the number of results."""
    sizes = [np.size(a) for a in args if isinstance(a, np.ndarray)]
    if function is np.einsum and isinstance(args[0], str):
        letters = args[0].replace(" ", "").split("->")[0].split(",")
        if "." not in args[0]:
            return np.prod(
                list(
                    {
                        k: n
                        for t, a in zip(letters, args[1:], strict=False)
                        for k, n in zip(t, np.shape(a), strict=False)
                    }.values()
                )
            )
    if function in (np.dot, np.inner, np.tensordot, np.outer) and len(sizes) > 1:
        return int(np.sqrt(float(sizes[0]) * sizes[1] * max(np.size(result), 1)))  # (mk · kn · mn)^½ = mkn
    return max([np.size(result), *sizes], default=0)


def cost(run, N, D, H):
    """1 where the arithmetic of `run` grows as D does; where it grows as D² does, how many times too much it is."""
    Counted.work = 0
    try:
        run()
    except Exception:  # what an answer does that a counting array cannot do is not held against it
        return 1.0
    return max(1.0, Counted.work / (40 * N * D * H))


COSTLY = dict(N=2, D=400, H=3)


def forward_and_cost(answer, x, W, V, b, c):
    returned = answer(x, W, V, b, c)
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        if returned is None:
            return None
        raise TypeError("nade_forward should return two things: o, h")
    big = make_nade(np.random.RandomState(1), **COSTLY)
    big["W"] = big["W"].view(Counted)
    return dict(o=returned[0], h=returned[1], cost=cost(lambda: answer(*big.values()), **COSTLY))


def backward_and_cost(answer, do, x, h, V):
    returned = answer(do, x, h, V)
    if not isinstance(returned, dict):
        return returned
    rng, N, D, H = np.random.RandomState(1), *COSTLY.values()
    big = [
        rng.normal(size=(N, D)),
        pixels(rng, N, D),
        rng.uniform(size=(D, N, H)).view(Counted),
        rng.normal(size=(D, H)),
    ]
    return dict(returned, cost=cost(lambda: answer(*big), **COSTLY))


# made_masks --------------------------------------------------------------------------------------


def make_degrees(rng, D, H1, H2):
    """The pixels in a random order, and hidden units whose degrees are random too."""
    m0 = 1 + rng.permutation(D)
    return dict(m0=m0, m1=1 + rng.randint(max(D - 1, 1), size=H1), m2=1 + rng.randint(max(D - 1, 1), size=H2))


def network(masks, D, H1, H2):
    """Scores and Jacobian of a network with these masks and random weights."""
    rng = np.random.RandomState(3)
    shapes = dict(W1=(H1, D), W2=(H2, H1), V=(D, H2), A=(D, D))
    p = {
        k: torch.tensor(rng.normal(size=shape)) * torch.as_tensor(np.array(masks[k], float))
        for k, shape in shapes.items()
    }
    b = [torch.tensor(rng.normal(size=n)) for n in (H1, H2, D)]

    def scores(x):
        h = torch.tanh(linear(torch.tanh(linear(x, p["W1"], b[0])), p["W2"], b[1]))
        return linear(h, p["V"], b[2]) + linear(x, p["A"])

    return scores


def consequences(masks, D, H1, H2):
    """Which output depends on which pixel, by the Jacobian; and the sum of the probabilities of all images."""
    scores, x = network(masks, D, H1, H2), every_image(D)
    J = jacobian(scores, torch.full((D,), 0.5, dtype=torch.float64))
    log_p = torch.distributions.Bernoulli(logits=scores(x)).log_prob(x).sum(1)
    return dict(sees=(J != 0).double().numpy(), total=log_p.exp().sum().numpy())


def masks(m0, m1, m2):
    pixel, first, second = (torch.tensor(m) for m in (m0, m1, m2))
    hidden = [
        torch.ge(*torch.meshgrid(after, before, indexing="ij")).double()
        for before, after in pairwise((pixel, first, second))
    ]
    output = [torch.gt(*torch.meshgrid(pixel, before, indexing="ij")).double() for before in (second, pixel)]
    found = numbers(W1=hidden[0], W2=hidden[1], V=output[0], A=output[1])
    return found | consequences(found, *map(len, (m0, m1, m2)))


def with_consequences(answer, m0, m1, m2):
    """The masks, and what a network with them does. A leak is named."""
    returned = answer(m0, m1, m2)
    if not isinstance(returned, dict) or not set(returned) >= set("VA") | {"W1", "W2"}:
        return returned
    D, H1, H2 = map(len, (m0, m1, m2))
    returned = {k: 1.0 * v if isinstance(v, np.ndarray) else v for k, v in returned.items()}  # True is as good as 1.0
    for name, shape in dict(W1=(H1, D), W2=(H2, H1), V=(D, H2), A=(D, D)).items():
        if np.shape(returned[name]) != shape:
            raise ValueError(f"the mask {name} has shape {np.shape(returned[name])}, its weight {shape}")
    found = consequences(returned, D, H1, H2)
    tell(leaks(found["sees"], m0))
    return {**returned, **found}


def leaks(sees, m0):
    """A sentence for each output that depends on a pixel that does not come before it; pixels count from 1."""
    return [f"output {d + 1} depends on pixel {e + 1}" for d, e in np.argwhere(sees) if m0[e] >= m0[d]]


def tell(sentences):
    """Say in the notebook what the table's numbers cannot."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if sentences and get_ipython() is not None:
        print("A leak: " + ", ".join(sentences[:6]) + (", and more." if len(sentences) > 6 else "."))


# made_forward, made_backward ---------------------------------------------------------------------


def make_made(rng, N, D, H1, H2, scale=1.0):
    def normal(*shape):
        return scale * rng.normal(size=shape)

    m = make_degrees(rng, D, H1, H2)
    params = dict(
        W1=normal(H1, D), b1=normal(H1), W2=normal(H2, H1) / np.sqrt(H1), b2=normal(H2), V=normal(D, H2), A=normal(D, D), c=normal(D),
    )  # fmt: skip
    found = masks(**m)
    return dict(x=pixels(rng, N, D), params=params, masks={k: found[k] for k in ("W1", "W2", "V", "A")})


def made(x, params, masks):
    p = dict(zip(params, tensors(*params.values()), strict=True))
    weight = {k: p[k] * torch.tensor(m) for k, m in masks.items()}
    x = torch.tensor(x)
    h1 = torch.tanh(linear(x, weight["W1"], p["b1"]))
    h2 = torch.tanh(linear(h1, weight["W2"], p["b2"]))
    return linear(h2, weight["V"], p["c"]) + linear(x, weight["A"]), h1, h2, p


def made_scores(x, params, masks):
    o, h1, h2, _ = made(x, params, masks)
    return numbers(o=o, h1=h1, h2=h2)


def make_made_backward(rng, N, D, H1, H2, scale=1.0):
    args = make_made(rng, N, D, H1, H2, scale)
    found = made_scores(**args)
    return dict(
        do=rng.normal(size=(N, D)),
        x=args["x"],
        h1=found["h1"],
        h2=found["h2"],
        params=args["params"],
        masks=args["masks"],
    )


# draw --------------------------------------------------------------------------------------------


def make_draw(rng, N, D, share=0.3, scale=1.5):
    """A model in a random order, images to begin with, and which of their pixels are known."""
    order = rng.permutation(D)
    W, b = scale * rng.normal(size=(D, D)), scale * rng.normal(size=D)
    place = np.argsort(order)
    W = np.tril(W, -1)[place][:, place]
    return dict(
        scores=model(W, b), order=order, r=rng.uniform(size=(N, D)), x=pixels(rng, N, D), known=rng.uniform(size=D) < share,
        W=W, b=b,
    )  # fmt: skip


SIZES = dict(N=3, D=5)
NADE, MADE = dict(N=3, D=5, H=4), dict(N=3, D=6, H1=7, H2=5)
WIDTHS = [dict(H=1), dict(H=9)], [dict(H1=1), dict(H2=1), dict(H1=12, H2=10)]
GRADIENTS = ["dW1", "db1", "dW2", "db2", "dV", "dA", "dc"]

EXERCISES = {
    "bernoulli_nll": Exercise(
        make_nll, ["J", "do"], SIZES, [dict(N=1), dict(D=1), dict(N=7, D=2), dict(largest=0.0), dict(largest=1e8)],
    ),
    "fvsbn": Exercise(make_fvsbn, ["o", "J", "dW", "db"], SIZES, EDGES, as_dict=True),
    "total_probability": Exercise(
        make_total, ["images", "p", "total", "leaky p", "leaky total"], dict(D=4),
        [dict(D=1), dict(D=2), dict(D=10), dict(scale=0.0), dict(scale=5.0)],
        withheld=["W", "W_leaky", "b"], call=in_order, as_dict=True, torch=True,
    ),
    "nade_forward": Exercise(
        make_nade, ["o", "h", "cost"], NADE, [*EDGES, *WIDTHS[0]], forward=["h"], call=forward_and_cost, as_dict=True,
    ),
    "nade_backward": Exercise(
        make_nade_backward, ["dW", "dV", "db", "dc", "cost"], NADE, [*EDGES, *WIDTHS[0]],
        withheld=["W", "b", "c"], call=backward_and_cost, as_dict=True,
    ),
    "made_masks": Exercise(
        make_degrees, ["W1", "W2", "V", "A", "sees", "total"], dict(D=6, H1=7, H2=5),
        [dict(D=1), dict(D=2), dict(D=8, H1=10, H2=12), *WIDTHS[1][:2]], call=with_consequences, as_dict=True, torch=True,
    ),
    "made_forward": Exercise(make_made, ["o", "h1", "h2"], MADE, [*EDGES, *WIDTHS[1]]),
    "made_backward": Exercise(
        make_made_backward, GRADIENTS, MADE, [*EDGES, *WIDTHS[1]], as_dict=True,
    ),
    "draw": Exercise(
        make_draw, ["x"], dict(N=6, D=9),
        [dict(N=1), dict(D=1), dict(share=0.0), dict(share=1.0), dict(scale=0.0), dict(scale=20.0)], withheld=["W", "b"], torch=True,
    ),
}  # fmt: skip
