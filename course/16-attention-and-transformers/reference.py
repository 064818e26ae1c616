"""Unit 16: torch's answers to the problems of `checks.py`, one function for each exercise, by its name.

Saved values that a problem hands out are made up, so autograd is made to run at these values: `at` gives a tensor the saved
value and leaves its derivatives alone.
"""

import numpy as np
import torch
import torch.nn.functional as F

from byhand.checking.terms import Terms
from byhand.in_torch import numbers


def leaf(array):
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


def fixed(array):
    return torch.tensor(np.asarray(array), dtype=torch.float64)


def grads_of(p, suffix=""):
    return {f"d{name}{suffix}": value.grad.numpy().copy() for name, value in p.items()}


def at(tensor, saved):
    return tensor + (fixed(saved) - tensor).detach()


def at_weights(S, P):
    """The scores with the values of which the softmax is P: log P, and minus infinity where P is 0."""
    return S + (torch.log(fixed(P)) - S).detach()


# On paper: a query, three keys and values, and what arrives at y.
PAPER = dict(q=[1, -2], K=[[0, 1], [2, 0], [1, 1]], V=[[1, 2], [-2, 0], [0, 2]], dy=[2, 3])


def on_paper():
    q, K, V, dy = (leaf(PAPER[name]) for name in ("q", "K", "V", "dy"))
    S = K @ q / 2**0.5
    S.retain_grad()
    p = torch.softmax(S, dim=0)
    (dy.detach() @ (p @ V)).backward()
    return {name: np.round(value, 2) for name, value in numbers(p=p, dS=S.grad, dq=q.grad).items()}


def attention(Q, K, V, mask):
    Q, K, V, mask = fixed(Q), fixed(K), fixed(V), None if mask is None else torch.tensor(mask)
    S = Q @ K.transpose(-1, -2) / Q.shape[-1] ** 0.5
    P = torch.softmax(S if mask is None else S.masked_fill(~mask, -torch.inf), dim=-1)
    return numbers(Y=F.scaled_dot_product_attention(Q, K, V, attn_mask=mask), P=P)


def attention_backward(dY, Q, K, V, P):
    Q, K, V = leaf(Q), leaf(K), leaf(V)
    S = at_weights(Q @ K.transpose(-1, -2) / Q.shape[-1] ** 0.5, P)
    (torch.softmax(S, dim=-1) @ V).backward(fixed(dY))
    return numbers(dQ=Q.grad, dK=K.grad, dV=V.grad)


def layer_norm(x, gamma, beta):
    x = fixed(x)
    y = F.layer_norm(x, x.shape[-1:], fixed(gamma), fixed(beta))
    centred = x - x.mean(dim=-1, keepdim=True)
    r = torch.rsqrt((centred**2).mean(dim=-1, keepdim=True) + 1e-5)
    return numbers(y=y, xhat=centred * r, r=r)


def normed(x, xhat, r):
    """The normalised rows of x, which has the value xhat / r, with the ε that each row then needs for its r."""
    xhat, r = fixed(xhat), fixed(r)
    eps = (1 - (xhat**2).mean(dim=-1, keepdim=True)) / r**2
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred * torch.rsqrt((centred**2).mean(dim=-1, keepdim=True) + eps)


def layer_norm_backward(dy, gamma, xhat, r):
    x, gamma, beta = leaf(xhat / r), leaf(gamma), leaf(np.zeros_like(gamma))
    (gamma * normed(x, xhat, r) + beta).backward(fixed(dy))
    return numbers(dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad)


def split(Z, A):
    return Z.unflatten(-1, (A, -1)).transpose(1, 2)


def merge(Y):
    return Y.transpose(1, 2).flatten(2)


def heads(X, p, A, P=None, mask=None):
    """What multi_head keeps, by name; with the saved weights `P` where they are given."""
    Q, K, V = (split(F.linear(X, p[name]), A) for name in ("Wq", "Wk", "Wv"))
    S = Q @ K.transpose(-1, -2) / Q.shape[-1] ** 0.5
    if P is not None:
        S = at_weights(S, P)
    elif mask is not None:
        S = S.masked_fill(~mask, -torch.inf)
    P = torch.softmax(S, dim=-1)
    Y = merge(P @ V)
    return dict(O=F.linear(Y, p["Wo"]), X=X, Q=Q, K=K, V=V, P=P, Y=Y)


def multi_head(X, p, A, mask):
    return numbers(
        **heads(fixed(X), {k: fixed(v) for k, v in p.items()}, A, mask=None if mask is None else torch.tensor(mask))
    )


def multi_head_backward(dO, run, p, A):
    X, p = leaf(run["X"]), {name: leaf(value) for name, value in p.items()}
    heads(X, p, A, run["P"])["O"].backward(fixed(dO))
    return numbers(dX=X.grad) | grads_of(p)


def block_backward(dY, run, p, A):
    X, p = leaf(run["xhat1"] / run["r1"]), {name: leaf(value) for name, value in p.items()}
    U = p["gamma1"] * normed(X, run["xhat1"], run["r1"]) + p["beta1"]
    H = at(X + heads(U, p, A, run["att"]["P"])["O"], run["xhat2"] / run["r2"])
    Z = p["gamma2"] * normed(H, run["xhat2"], run["r2"]) + p["beta2"]
    Y = H + F.linear(torch.relu(F.linear(Z, p["W1"], p["c1"])), p["W2"], p["c2"])
    Y.backward(fixed(dY))
    return numbers(dX=X.grad) | grads_of(p)


def norm(X, p, n=""):
    return F.layer_norm(X, X.shape[-1:], p[f"gamma{n}"], p[f"beta{n}"])


def mlp(Z, p):
    return F.linear(torch.relu(F.linear(Z, p["W1"], p["c1"])), p["W2"], p["c2"])


def logits_of(ids, p, A):
    X = p["E"][ids] + p["Pos"][: ids.shape[1]]
    for b in p["blocks"]:
        U = norm(X, b, 1)
        Q, K, V = (split(F.linear(U, b[name]), A) for name in ("Wq", "Wk", "Wv"))
        X = X + F.linear(merge(F.scaled_dot_product_attention(Q, K, V, is_causal=True)), b["Wo"])
        X = X + mlp(norm(X, b, 2), b)
    return F.linear(norm(X, p), p["E"])


def leaves(p):
    plain = {name: leaf(value) for name, value in p.items() if name != "blocks"}
    return plain | {"blocks": [{name: leaf(value) for name, value in b.items()} for b in p["blocks"]]}


def gpt(ids, targets, keep, p, A):
    p, ids, keep = leaves(p), torch.tensor(ids), torch.tensor(keep)
    logits = logits_of(ids, p, A)
    J = F.cross_entropy(logits[keep], torch.tensor(targets)[keep])
    J.backward()
    found = numbers(logits=logits, J=J, sees=torch.ones(2 * ids.shape[1:], dtype=torch.float64).tril())
    blocks = p.pop("blocks")
    for number, b in enumerate(blocks, 1):
        found |= grads_of(b, number)
    return found | grads_of(p)


def step(token, t, cache, p, A):
    p = leaves(p)
    X = (p["E"][torch.tensor(token)] + p["Pos"][t])[:, None]
    found = {}
    for number, (b, (K, V)) in enumerate(zip(p["blocks"], cache, strict=True), 1):
        U = norm(X, b, 1)
        q, k, v = (split(F.linear(U, b[name]), A) for name in ("Wq", "Wk", "Wv"))
        K, V = torch.cat([fixed(K), k], dim=2), torch.cat([fixed(V), v], dim=2)
        X = X + F.linear(merge(F.scaled_dot_product_attention(q, K, V)), b["Wo"])
        X = X + mlp(norm(X, b, 2), b)
        found |= {f"K{number}": K, f"V{number}": V}
    return numbers(logits=F.linear(norm(X, p), p["E"])[:, 0], **found)


def nucleus(logits, tau, mass, u):
    p, order = torch.sort(torch.softmax(fixed(logits) / tau, dim=-1), dim=-1, descending=True, stable=True)
    p = torch.where(torch.cumsum(p, dim=-1) - p < mass, p, 0.0)
    cdf = torch.cumsum(p, dim=-1)
    place = (cdf <= fixed(u)[:, None] * cdf[:, -1:]).sum(dim=-1)
    return numbers(token=torch.gather(order, 1, place[:, None])[:, 0])


# The terms of the sums -------------------------------------------------------------------------------------------------


def terms_of_norm(dy, gamma, xhat, r):
    g = gamma * dy
    parts = {
        "along the straight arrow": r * g,
        "through the mean": -r * g.mean(axis=-1, keepdims=True),
        "through the variance": -r * xhat * (g * xhat).mean(axis=-1, keepdims=True),
    }
    foreign = {
        "through the variance, with its mean over all rows": -r * xhat * (g * xhat).mean(),
        "through the mean, over all rows": -r * g.mean(),
        "through the variance, with a sum for the mean": -r
        * xhat
        * (g * xhat).sum(axis=-1, keepdims=True)
        * (xhat.shape[-1] > 1),
    }
    return {"dx": Terms(parts, foreign=foreign)}


def terms_of_heads(dO, run, p, A):
    p, found = {name: fixed(value) for name, value in p.items()}, {}
    for name in ("Wq", "Wk", "Wv"):
        X = leaf(run["X"])  # it may move as one of the three, and stands still as the others
        Q, K, V = (split(F.linear(X if key == name else X.detach(), p[key]), A) for key in ("Wq", "Wk", "Wv"))
        S = at_weights(Q @ K.transpose(-1, -2) / Q.shape[-1] ** 0.5, run["P"])
        F.linear(merge(torch.softmax(S, dim=-1) @ V), p["Wo"]).backward(fixed(dO))
        found[name] = X.grad.numpy()
    says = {"Wq": "as one that asks", "Wk": "as one that is asked", "Wv": "as one that is read"}
    return {"dX": Terms({f"that each word gets {says[name]}": part for name, part in found.items()})}


REFERENCES = {
    "on_paper": on_paper, "attention": attention, "attention_backward": attention_backward, "layer_norm": layer_norm,
    "layer_norm_backward": layer_norm_backward, "multi_head": multi_head, "multi_head_backward": multi_head_backward,
    "block_backward": block_backward, "gpt": gpt, "step": step, "nucleus": nucleus,
}  # fmt: skip
TERMS = {"layer_norm_backward": terms_of_norm, "multi_head_backward": terms_of_heads}
