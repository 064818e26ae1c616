"""Unit 17: the right answers to the problems of `checks.py`, one function for each exercise, by its name: torch, or plain loops."""

import numpy as np
import torch
import torch.nn.functional as F

from byhand.checking.terms import Terms
from byhand.in_torch import numbers


def leaf(array):
    return torch.tensor(np.asarray(array, dtype=float), requires_grad=True)


def fixed(array):
    return torch.tensor(np.asarray(array, dtype=float))


def length_one(Z):
    return F.normalize(Z, dim=1, eps=0.0)


def unit_backward(dU, U, n):
    Z = leaf(np.asarray(U) * np.asarray(n)[:, None])
    length_one(Z).backward(fixed(dU))
    return numbers(dZ=Z.grad)


def triplet_loss(a, p, n, margin):
    a, p, n = leaf(a), leaf(p), leaf(n)
    J = torch.relu(((a - p) ** 2).sum(dim=1) - ((a - n) ** 2).sum(dim=1) + margin).mean()
    J.backward()
    return numbers(J=J, da=a.grad, dp=p.grad, dn=n.grad)


def squared(u, v):
    return sum((x - y) ** 2 for x, y in zip(u, v, strict=True))


def semi_hard(U, labels, margin):
    found, everybody = [], range(len(U))
    for a in everybody:
        for p in everybody:
            if a == p or labels[a] != labels[p]:
                continue
            d = {n: squared(U[a], U[n]) for n in everybody if labels[n] != labels[a]}
            near = squared(U[a], U[p])
            ring = {n: v for n, v in d.items() if near < v < near + margin}
            found.append((a, p, min(ring, key=ring.get) if ring else max(d, key=d.get)))
    return dict(triplets=np.array(found, dtype=float).reshape(-1, 3))


def identify(G, names, Q, threshold):
    who = []
    for q in Q:
        d = [squared(q, g) for g in G]
        nearest = d.index(min(d))
        who.append(names[nearest] if d[nearest] < threshold else -1)
    return dict(who=np.array(who, dtype=float))


def nt_xent_of(U, tau):
    M = len(U)
    S = (U @ U.T / tau).masked_fill(torch.eye(M, dtype=torch.bool), -torch.inf)
    return F.cross_entropy(S, torch.tensor([(i + M // 2) % M for i in range(M)]))


def nt_xent(U, tau):
    U = leaf(U)
    J = nt_xent_of(U, tau)
    J.backward()
    return numbers(J=J, dU=U.grad)


def pseudo_loss(weak, strong, threshold):
    strong = leaf(strong)
    certain, answer = torch.softmax(fixed(weak), dim=1).max(dim=1)
    J = (F.cross_entropy(strong, answer, reduction="none") * (certain >= threshold)).mean()
    J.backward()
    return numbers(J=J, dstrong=strong.grad)


def joint_loss(X, y, views, p, tau, lam):
    p = {name: leaf(value) for name, value in p.items()}

    def encode(x):
        return torch.relu(F.linear(fixed(x), p["W"], p["b"]))

    labelled = F.cross_entropy(F.linear(encode(X), p["V"], p["c"]), torch.tensor(np.asarray(y)))
    J = labelled + lam * nt_xent_of(length_one(F.linear(encode(views), p["P"])), tau)
    J.backward()
    return numbers(J=J, **{"d" + name: value.grad for name, value in p.items()})


def info_nce(A, B, log_s):
    A, B, log_s = leaf(A), leaf(B), leaf(log_s)
    S = torch.exp(log_s) * length_one(A) @ length_one(B).T
    diagonal = torch.arange(len(A))
    J = (F.cross_entropy(S, diagonal) + F.cross_entropy(S.T, diagonal)) / 2
    J.backward()
    return numbers(J=J, dA=A.grad, dB=B.grad, dlog_s=log_s.grad)


def invert(A, ids, new, p, others, log_s):
    E = leaf(p["E"])
    h = torch.relu(F.linear(E[torch.tensor(np.asarray(ids))].mean(dim=1), fixed(p["W1"]), fixed(p["b1"])))
    b = length_one(F.linear(h, fixed(p["W2"]), fixed(p["b2"])))
    a = length_one(fixed(A))
    S = np.exp(log_s) * torch.cat([(a * b).sum(dim=1, keepdim=True), a @ length_one(fixed(others)).T], dim=1)
    J = F.cross_entropy(S, torch.zeros(len(a), dtype=torch.long))
    J.backward()
    return numbers(J=J, drow=E.grad[new])


REFERENCES = {
    "unit_backward": unit_backward,
    "triplet_loss": triplet_loss,
    "semi_hard": semi_hard,
    "identify": identify,
    "nt_xent": nt_xent,
    "pseudo_loss": pseudo_loss,
    "joint_loss": joint_loss,
    "info_nce": info_nce,
    "invert": invert,
}


def terms_of_unit(dU, U, n):
    """dZ is the gradient at U, divided by the length, and the part along U, cut off."""
    n = np.asarray(n)[:, None]
    along = np.sum(np.asarray(dU) * U, axis=1, keepdims=True) * U
    return {"dZ": Terms({"∂J/∂u / n": dU / n, "the part along u, cut off": -along / n})}


def terms_of_views(U, tau):
    """dU collects from the row in which each asks, and from the column in which the others ask for it."""
    U = np.asarray(U)
    S = leaf(U @ U.T / tau)
    M = len(U)
    masked = S.masked_fill(torch.eye(M, dtype=torch.bool), -torch.inf)
    F.cross_entropy(masked, torch.tensor([(i + M // 2) % M for i in range(M)])).backward()
    dS = S.grad.numpy()
    return {
        "dU": Terms(
            {"what a row gets where it asks": dS @ U / tau, "what it gets where others ask for it": dS.T @ U / tau}
        )
    }


TERMS = {"unit_backward": terms_of_unit, "nt_xent": terms_of_views}
