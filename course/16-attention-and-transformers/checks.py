"""Unit 16: the problems that the exercises are checked on. torch's answers to them stand in `reference.py`.

Saved values of a forward pass are made up here. The weights P of attention are any numbers whose rows sum to 1, with zeros
among them, and the normalised rows of a layer norm are any rows with mean 0: a backward pass works with them as they are.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise
from byhand.on_paper import two_decimals

# All sizes differ, also those that follow from others (D / A, the places that are kept), and none is 2, a factor of many
# formulas: a mistake in one of them must not look like a mistake in another.
SIZES = dict(N=8, A=3, Tq=4, Tk=6, d=5, e=7)
ONE_ROW = EdgeCase(dict(N=1), "with one sequence in the batch")
ONE_HEAD = EdgeCase(dict(A=1), "with one head")
ONE_STEP = EdgeCase(dict(T=1), "with one place")
HEADS = dict(N=6, T=5, D=12, A=3)
BLOCK = dict(**HEADS, F=14)
GPT = dict(N=5, T=6, D=12, A=3, F=13, V=11, Tmax=8)

ATTENTION = ["Wq", "Wk", "Wv", "Wo"]
PARAMETERS = [*ATTENTION, "W1", "c1", "W2", "c2", "gamma1", "beta1", "gamma2", "beta2"]
SHAPES = dict(
    Wq=("D", "D"), Wk=("D", "D"), Wv=("D", "D"), Wo=("D", "D"), W1=("F", "D"), c1=("F",), W2=("D", "F"), c2=("D",),
    gamma1=("D",), beta1=("D",), gamma2=("D",), beta2=("D",), E=("V", "D"), Pos=("Tmax", "D"), gamma=("D",), beta=("D",),
)  # fmt: skip


def gradients(names, suffix=""):
    return [f"d{name}{suffix}" for name in names]


# On paper --------------------------------------------------------------------------------------------------------------


def make_on_paper(rng):
    return {}


# attention -------------------------------------------------------------------------------------------------------------


def make_mask(rng, kind, N, Tq, Tk):
    """True where a query may look at a key; every query has a key. None where there is no mask."""
    if kind == "causal":
        return np.tril(np.ones((Tq, Tk), dtype=bool), Tk - Tq)
    if kind == "padding":
        return np.arange(Tk) < np.maximum(Tk - np.arange(N) - 1, 1)[:, None, None, None]
    if kind == "one key each":
        return np.arange(Tk) == (2 * np.arange(Tq) % Tk)[:, None]
    if kind == "some":
        mask = rng.uniform(size=(N, 1, Tq, Tk)) < 0.6
        mask[..., 1], mask[:, :, 0, 0], mask[..., -1, -1] = True, False, False
        mask[0, 0, 1] = np.arange(Tk) == 1
        return mask
    return None


def make_attention(rng, N, A, Tq, Tk, d, e, mask="some", scale=1.0, near=0.0, loud=False):
    Q, K, V = (
        scale * rng.normal(size=(N, A, Tq, d)),
        scale * rng.normal(size=(N, A, Tk, d)),
        rng.normal(size=(N, A, Tk, e)),
    )
    if near:  # every row has scores near a large number of its own
        Q[..., 0], K[..., 0] = near * (1 - np.arange(Tq)) * np.sqrt(d), 1.0
    mask = make_mask(rng, mask, N, Tq, Tk)
    if loud:  # the key with by far the largest scores is one at which nobody may look
        K[..., -1, :], Q[..., 0] = 3000 * np.eye(d)[0], 1.0
        mask[..., -1] = False
    return dict(Q=Q, K=K, V=V, mask=mask)


def made_up_weights(rng, shape):
    """Rows that sum to 1, with zeros: nobody's softmax."""
    P = rng.uniform(0.05, 1.0, size=shape) ** 2
    P[..., 1::3] = 0.0
    P[..., 0, 1:] = 0.0  # the first query has one key
    return P / P.sum(axis=-1, keepdims=True)


def make_attention_backward(rng, N, A, Tq, Tk, d, e, scale=1.0):
    args = make_attention(rng, N, A, Tq, Tk, d, e, None, scale)
    return dict(
        dY=rng.normal(size=(N, A, Tq, e)), Q=args["Q"], K=args["K"], V=args["V"], P=made_up_weights(rng, (N, A, Tq, Tk))
    )


def scales_of_attention(dY, Q, K, V, P):
    """With one key nothing can be chosen and dQ and dK are exactly 0."""
    dP = np.abs(dY @ V.swapaxes(-1, -2)).max()
    return dict(dQ=dP * np.abs(K).max(), dK=dP * np.abs(Q).max())


# layer norm ------------------------------------------------------------------------------------------------------------


def make_norm(rng, N, T, D, scale=1.0, mean=0.0, axes=3):
    x = mean + scale * rng.normal(size=(N, T, D))
    x[0, 0] = 3.0  # a constant row
    if axes == 2:
        x = x[:, 0]
    elif axes == 4:
        x = np.stack([x, 2 * x + 1])
    return dict(x=x, gamma=1 + rng.normal(size=D), beta=rng.normal(size=D))


def made_up_norm(rng, shape):
    """Normalised rows and their factors r: means 0, mean squares anywhere below 1, as with any ε."""
    xhat = rng.normal(size=shape)
    xhat -= xhat.mean(axis=-1, keepdims=True)
    size = np.sqrt((xhat**2).mean(axis=-1, keepdims=True))
    xhat *= np.sqrt(rng.uniform(0.2, 0.9, size=size.shape)) / np.where(size > 0, size, 1.0)
    return xhat, rng.uniform(0.3, 3.0, size=size.shape)


def make_norm_backward(rng, N, T, D, axes=3):
    shape = {2: (N, D), 3: (N, T, D), 4: (2, N, T, D)}[axes]
    xhat, r = made_up_norm(rng, shape)
    return dict(dy=rng.normal(size=shape), gamma=1 + rng.normal(size=D), xhat=xhat, r=r)


def scales_of_norm(dy, gamma, xhat, r):
    """Of a single number nothing is left after the mean is taken away, and dx is exactly 0."""
    return dict(dx=np.abs(gamma * dy * r).max(), dgamma=np.abs(dy).max(), dbeta=np.abs(dy).max())


# heads and block -------------------------------------------------------------------------------------------------------


def parameters(rng, names, scale=1.0, **sizes):
    p = {}
    for name in names:
        shape = tuple(sizes[letter] for letter in SHAPES[name])
        spread = scale / np.sqrt(shape[1]) if len(shape) == 2 else scale / 2
        p[name] = (1.0 if name.startswith("gamma") else 0.0) + spread * rng.normal(size=shape)
    return p


def split(Z, A):
    N, T, D = Z.shape
    return np.ascontiguousarray(Z.reshape(N, T, A, D // A).swapaxes(1, 2))


def make_multi_head(rng, N, T, D, A, mask="causal", scale=1.0):
    X = rng.normal(size=(N, T, D))
    return dict(X=X, p=parameters(rng, ATTENTION, scale, D=D), A=A, mask=make_mask(rng, mask, N, T, T))


def made_up_heads(rng, X, p, A):
    """What a forward pass over the heads keeps, with made-up weights P."""
    Q, K, V = (split(X @ p[name].T, A) for name in ("Wq", "Wk", "Wv"))
    P = made_up_weights(rng, (*Q.shape[:3], X.shape[1]))
    Y = np.ascontiguousarray((P @ V).swapaxes(1, 2)).reshape(X.shape)
    return dict(O=Y @ p["Wo"].T, X=X, Q=Q, K=K, V=V, P=P, Y=Y)


def make_multi_head_backward(rng, N, T, D, A, scale=1.0):
    X, p = rng.normal(size=(N, T, D)), parameters(rng, ATTENTION, scale, D=D)
    return dict(dO=rng.normal(size=(N, T, D)), run=made_up_heads(rng, X, p, A), p=p, A=A)


def scales_of_heads(dO, run, p, A):
    """With one place dQ and dK are exactly 0, and so are the gradients of their weights."""
    size = np.abs(dO).max() * np.abs(run["X"]).max()
    return dict(dWq=size, dWk=size)


def make_block_backward(rng, N, T, D, A, F, scale=1.0):
    """Both layer norms and the weights of all heads are made up; what follows from them is computed."""
    p = parameters(rng, PARAMETERS, scale, D=D, F=F)
    xhat1, r1 = made_up_norm(rng, (N, T, D))
    xhat2, r2 = made_up_norm(rng, (N, T, D))
    att = made_up_heads(rng, p["gamma1"] * xhat1 + p["beta1"], p, A)
    Z = p["gamma2"] * xhat2 + p["beta2"]
    h = np.maximum(Z @ p["W1"].T + p["c1"], 0.0)
    Y = rng.normal(size=(N, T, D))
    run = dict(Y=Y, xhat1=xhat1, r1=r1, att=att, xhat2=xhat2, r2=r2, Z=Z, h=h)
    return dict(dY=rng.normal(size=(N, T, D)), run=run, p=p, A=A)


def scales_of_block(dY, run, p, A):
    size = np.abs(dY).max() * np.abs(run["att"]["X"]).max()
    return dict(dWq=size, dWk=size)


# the whole model -------------------------------------------------------------------------------------------------------


def model(rng, D, F, V, Tmax, scale=1.0):
    p = parameters(rng, ["E", "Pos", "gamma", "beta"], scale, D=D, V=V, Tmax=Tmax)
    return p | {"blocks": [parameters(rng, PARAMETERS, scale, D=D, F=F) for _ in range(2)]}


def make_gpt(rng, N, T, D, A, F, V, Tmax, keep="some", scale=1.0, loud=1.0, far=0.0):
    ids = rng.randint(1, V, size=(N, T))  # token 0 never occurs
    ids[0, :2] = ids[-1, -1] = 2  # token 2 occurs again and again
    kept = np.zeros((N, T), dtype=bool)
    if keep == "some":
        kept[:, -1] = kept[0, 0] = kept[0, T // 2] = True
    elif keep == "all":
        kept[:] = True
    else:
        kept[-1, T // 2] = True
    p = model(rng, D, F, V, Tmax, scale)
    p["gamma"] *= loud
    p["beta"] += far * (np.arange(D) % 3 - 1.0)
    return dict(ids=ids, targets=rng.randint(V, size=(N, T)), keep=kept, p=p, A=A)


BLOCKS = [gradients(PARAMETERS, n) for n in (1, 2)]
KEYS = ["logits", "J", "dE", "dPos", "dgamma", "dbeta"]


def use_gpt(answer, ids, targets, keep, p, A):
    """The results by name, the blocks' gradients with the block's number behind; and sees[t, s]: 1 where the logits at place t
    change when token s does."""
    returned = answer(ids, targets, keep, p, A)
    if returned is None:
        return None
    missing = [key for key in [*KEYS, "blocks"] if not isinstance(returned, dict) or key not in returned]
    if missing:
        raise TypeError(
            f"your function should return a dict with {', '.join([*KEYS, 'blocks'])}; missing: {', '.join(missing)}"
        )
    found = {key: returned[key] for key in KEYS}
    for number, grads in enumerate(returned["blocks"], 1):
        found |= {f"{name}{number}": grads[name] for name in gradients(PARAMETERS) if name in grads}
    logits, T = np.asarray(returned["logits"], dtype=float), ids.shape[1]
    sees = np.zeros((T, T))
    for s in range(T):
        other = ids.copy()
        other[:, s] = (other[:, s] + 1) % len(p["E"])
        change = np.abs(np.asarray(answer(other, targets, keep, p, A)["logits"], dtype=float) - logits)
        sees[:, s] = change.max(axis=(0, 2)) > 1e-11 * max(1.0, np.abs(logits).max())
    return found | {"sees": sees}


def make_step(rng, N, t, D, A, F, V, Tmax):
    cache = [tuple(rng.normal(size=(2, N, A, t, D // A))) for _ in range(2)]
    token = rng.randint(V, size=N)
    return dict(token=token, t=t, cache=cache, p=model(rng, D, F, V, Tmax), A=A)


def use_step(answer, token, t, cache, p, A):
    returned = answer(token, t, cache, p, A)
    if returned is None:
        return None
    logits, new = returned
    return dict(logits=logits) | {
        f"{kind}{n}": value for n, pair in enumerate(new, 1) for kind, value in zip("KV", pair, strict=True)
    }


def make_nucleus(rng, N, V, tau, mass, near=0.0, ties=False, u=None):
    logits = 2 * rng.normal(size=(N, V)) + near * np.where(np.arange(N) % 2, 1, -1)[:, None]
    if ties:  # the tokens 1, 3, 5 share nearly all of the mass, and half of it ends in the second of them
        logits[:, 1:6:2] = 15.0
    drawn = rng.uniform(0.01, 0.99, size=N)
    if N > 2:
        drawn[:3] = 0.999, 0.001, 0.9
    return dict(logits=logits, tau=tau, mass=mass, u=drawn if u is None else np.full(N, u))


OVERFLOW = "An exponential of a score near 1000 is infinite. Can the same weights be had from smaller numbers?"

EXERCISES = {
    "on_paper": Exercise(make=make_on_paper, results=["p", "dS", "dq"], sizes={}, call=two_decimals),
    "attention": Exercise(
        make=make_attention, results=["Y", "P"], sizes=SIZES,
        edges=[
            EdgeCase(dict(mask=None), "without a mask"), EdgeCase(dict(mask="causal", Tk=4), "with a causal mask"),
            EdgeCase(dict(mask="padding"), "with a padding mask"), EdgeCase(dict(mask="one key each"), "where each query has one key"),
            EdgeCase(dict(Tk=1, mask=None), "with one key"), EdgeCase(dict(Tq=1, mask="causal"), "with one query"), EdgeCase(dict(d=1), "with d = 1"),
            ONE_ROW, ONE_HEAD, EdgeCase(dict(scale=10.0), "with scores a hundred times as large"),
            EdgeCase(dict(near=1000.0), "where each row has scores near a number of its own, up to 2000", OVERFLOW),
            EdgeCase(dict(loud=True), "where a masked key has by far the largest score", "A key that nobody may look at must not matter for anything, not even for a maximum."),
        ],
    ),
    "attention_backward": Exercise(
        make=make_attention_backward, results=["dQ", "dK", "dV"], sizes=SIZES,
        edges=[
            EdgeCase(dict(Tk=1), "with one key"), EdgeCase(dict(Tq=1), "with one query"), EdgeCase(dict(d=1), "with d = 1"), ONE_ROW, ONE_HEAD,
            EdgeCase(dict(scale=10.0), "with scores a hundred times as large"), EdgeCase(dict(N=1, A=2, Tq=30, Tk=40, d=8, e=6), "with 30 queries and 40 keys"),
        ],
        scales=scales_of_attention,
    ),
    "layer_norm": Exercise(
        make=make_norm, results=["y", "xhat", "r"], sizes=dict(N=4, T=3, D=5),
        edges=[
            EdgeCase(dict(scale=1e-3), "with rows a thousand times as small"), EdgeCase(dict(mean=1e6), "with means near a million"),
            EdgeCase(dict(D=1), "with D = 1"), EdgeCase(dict(axes=2), "on an array of two axes"), EdgeCase(dict(axes=4), "on an array of four axes"),
        ],
        groups=[["xhat", "r"]],
    ),
    "layer_norm_backward": Exercise(
        make=make_norm_backward, results=["dx", "dgamma", "dbeta"], sizes=dict(N=4, T=3, D=5),
        edges=[
            EdgeCase(dict(D=1), "with D = 1"), EdgeCase(dict(axes=2), "on an array of two axes"), EdgeCase(dict(axes=4), "on an array of four axes"),
            EdgeCase(dict(N=1, T=1), "with a single row"), EdgeCase(dict(N=4, T=5, D=30), "with 20 rows of 30 entries"),
        ],
        scales=scales_of_norm, groups=[["dgamma", "dbeta"]],
    ),
    "multi_head": Exercise(
        make=make_multi_head, results=["O", "X", "Q", "K", "V", "P", "Y"], sizes=HEADS,
        edges=[
            EdgeCase(dict(mask=None), "without a mask"), EdgeCase(dict(mask="padding"), "with a padding mask"), ONE_HEAD,
            EdgeCase(dict(A=12), "with a head for each entry"), ONE_STEP, ONE_ROW,
        ],
        as_dict=True, groups=[["X", "Q", "K", "V"], ["P", "Y"]],
    ),
    "multi_head_backward": Exercise(
        make=make_multi_head_backward, results=["dX", *gradients(ATTENTION)], sizes=HEADS,
        edges=[ONE_HEAD, EdgeCase(dict(A=12), "with a head for each entry"), ONE_STEP, ONE_ROW, EdgeCase(dict(N=3, T=15, D=24, A=4), "with 15 places")],
        as_dict=True, scales=scales_of_heads, groups=[["dWq", "dWk", "dWv"]],
    ),
    "block_backward": Exercise(
        make=make_block_backward, results=["dX", *gradients(PARAMETERS)], sizes=BLOCK,
        edges=[ONE_HEAD, ONE_STEP, ONE_ROW, EdgeCase(dict(F=1), "with one hidden neuron"), EdgeCase(dict(N=3, T=20, D=24, A=4, F=50), "with 20 places")],
        as_dict=True, scales=scales_of_block,
        groups=[gradients(["W1", "c1", "W2", "c2"]), gradients(["gamma2", "beta2"]), gradients(ATTENTION), gradients(["gamma1", "beta1"])],
    ),
    "gpt": Exercise(
        make=make_gpt, results=[*KEYS, "sees", *BLOCKS[0], *BLOCKS[1]], sizes=GPT,
        edges=[
            ONE_STEP, ONE_ROW, ONE_HEAD, EdgeCase(dict(keep="one"), "where the loss looks at one place"), EdgeCase(dict(keep="all"), "where the loss looks at all places"),
            EdgeCase(dict(T=8), "where the sequence is as long as there are positions"),
            EdgeCase(dict(loud=1000.0), "with logits near 1000", "An exponential of a logit near 1000 is infinite, and the logarithm of a probability that has become 0 too."),
            EdgeCase(dict(N=4, T=12, D=24, F=40, V=37, Tmax=16), "with 12 places"),
            EdgeCase(
                dict(far=3e6), "with logits in the millions",
                "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True,
            ),
        ],
        call=use_gpt, as_dict=True, groups=[["logits", "J"], ["dgamma", "dbeta"], *BLOCKS],
    ),
    "step": Exercise(
        make=make_step, results=["logits", "K1", "V1", "K2", "V2"], sizes=dict(N=6, t=5, D=12, A=3, F=14, V=11, Tmax=8),
        edges=[
            EdgeCase(dict(t=0), "at the first place, with an empty cache"), EdgeCase(dict(t=7), "at the last place"), ONE_ROW, ONE_HEAD,
        ],
        call=use_step, as_dict=True, groups=[["K1", "V1"], ["K2", "V2"]],
    ),
    "nucleus": Exercise(
        make=make_nucleus, results=["token"], sizes=dict(N=40, V=11, tau=0.8, mass=0.9),
        edges=[
            EdgeCase(dict(mass=1.0, N=200), "with mass = 1, where every token stays"), EdgeCase(dict(mass=1e-9), "with next to no mass, where one token stays"),
            EdgeCase(dict(tau=1e-3), "with a temperature of 0.001", OVERFLOW), dict(tau=2.0), EdgeCase(dict(near=1000.0), "with logits near 1000", OVERFLOW),
            EdgeCase(dict(V=7, ties=True, mass=0.5, tau=1.0), "where tokens are equally probable"), EdgeCase(dict(V=1), "with one token"), ONE_ROW, EdgeCase(dict(u=0.0), "with u = 0"),
        ],
    ),
}  # fmt: skip
