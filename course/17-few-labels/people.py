"""Faces as points on a sphere: training with triplets of your own, and measuring on people who were not there.

`mine` is a dict, or the notebook's `globals()`, with `triplet_loss`, `semi_hard` and `unit_backward` of the exercises.
"""

import numpy as np
from nets import Adam, backward, first_net, forward, unit

from byhand.faces import faces

WIDTHS, MARGIN, STEPS, RATE = (400, 128, 64, 16), 0.3, 600, 2e-3
PEOPLE, PICTURES = 12, 4  # in a batch


def data(seed):
    """60 people with 20 pictures each to learn from, 20 others with 11 to test; from all the mean picture is subtracted."""
    known, others = faces(60, 20, seed=seed), faces(20, 11, seed=seed + 50, first=60)
    mean = known.images.mean(axis=0)
    return *((f.images - mean).reshape(len(f.who), -1) for f in (known, others)), known.who, others.who


def distances(A, B):
    """Squared distances of all rows of A from all rows of B."""
    return np.maximum((A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T, 0)


def pairs_of(who):
    same = who[:, None] == who
    return same, np.argwhere(same & ~np.eye(len(who), dtype=bool))


def random_negatives(U, who, margin, rng):
    same, pairs = pairs_of(who)
    return np.c_[pairs, [rng.choice(np.flatnonzero(~same[a])) for a, _ in pairs]]


def hardest(U, who, margin, rng):
    same, pairs = pairs_of(who)
    return np.c_[pairs, np.where(same, np.inf, distances(U, U)).argmin(axis=1)[pairs[:, 0]]]


def train(mine, x, who, seed, mining, watch=None, steps=STEPS, bar=iter):
    """Train an embedding with triplets.

    mining  mining(U, who, margin, rng): the triplets of a batch, (M, 3)
    watch   watch(step, net), called before each step and after the last

    Returns the net, and for each step the loss and the share of triplets with a loss above 0.
    """
    rng, p = np.random.RandomState(seed), first_net(WIDTHS, seed)
    adam, of, curve = Adam(p, RATE, steps), [np.flatnonzero(who == k) for k in range(who.max() + 1)], []
    for step in bar(range(steps)):
        if watch:
            watch(step, p)
        part = np.concatenate([rng.choice(of[k], PICTURES, replace=False) for k in rng.permutation(len(of))[:PEOPLE]])
        Z, kept = forward(x[part], p)
        U, n = unit(Z)
        triplets = mining(U, who[part], MARGIN, rng)
        a, b, c = U[triplets.T]
        J, da, dp, dn = mine["triplet_loss"](a, b, c, MARGIN)
        dU = np.zeros_like(U)
        for column, d in zip(triplets.T, (da, dp, dn), strict=True):
            np.add.at(dU, column, d)
        adam.step(backward(mine["unit_backward"](dU, U, n), kept, p)[0])
        active = (((a - b) ** 2).sum(axis=1) - ((a - c) ** 2).sum(axis=1) + MARGIN > 0).mean()
        curve.append((float(J), float(active)))
    if watch:
        watch(steps, p)
    return p, np.array(curve)


def embed(x, p):
    return unit(forward(x, p)[0])[0]


def of_pairs(U, who):
    """The squared distances of all pairs: of one person, and of two."""
    i, j = np.triu_indices(len(U), 1)
    d = distances(U, U)[i, j]
    return d[who[i] == who[j]], d[who[i] != who[j]]


def equal_error(same, other):
    """The threshold at which as many pairs of one person are refused as pairs of two are accepted, and that share."""
    thresholds = np.unique(np.concatenate([same, other]))
    refused = 1 - np.searchsorted(np.sort(same), thresholds, side="right") / len(same)
    accepted = np.searchsorted(np.sort(other), thresholds, side="right") / len(other)
    best = np.abs(refused - accepted).argmin()
    return float(thresholds[best]), float((refused[best] + accepted[best]) / 2)


def gallery(U, who):
    """One picture of each person for the gallery, the first, and all others to ask about."""
    first = np.r_[True, who[1:] != who[:-1]]
    return U[first], who[first], U[~first], who[~first]


def identification(U, who):
    """How often the nearest picture of the gallery is of the right person."""
    G, names, Q, truth = gallery(U, who)
    return float((names[distances(Q, G).argmin(axis=1)] == truth).mean())
