"""Unit 17: the problems that the exercises are checked on. The right answers to them stand in `reference.py`."""

import numpy as np

from byhand.checking import EdgeCase, Exercise

ONE_ROW = EdgeCase(dict(N=1), "with a single row")
LOUD = "An exponential of a large score is infinite, and the logarithm of a probability that has become 0 too. Subtract the largest score of a row first."
DIFFERENCES = "The loss is huge beside what one entry changes of it, so differences of two losses have no digits left. The chain rule has no such trouble."
MANY = "So many entries that a forward pass for each of them takes too long. One pass back gives all of them."


def lengths(rng, n, low=0.4, high=2.5):
    """Lengths of n rows that are not 1, the first short and the last long."""
    found = rng.uniform(low, high, size=n)
    found[0], found[-1] = low, high
    return found


def directions(rng, n, E):
    U = rng.normal(size=(n, E))
    return U / np.sqrt((U**2).sum(axis=1, keepdims=True))


# Unit length ------------------------------------------------------------------------------------------------------------


def make_unit(rng, N, E, size=1.0, along=False):
    U, n = directions(rng, N, E), size * lengths(rng, N)
    dU = rng.normal(size=(N, E)) + 0.5
    if along:
        dU[-1] = 3 * U[-1]
    return dict(dU=dU, U=U, n=n)


def scales_of_unit(dU, U, n):
    return {"dZ": float(np.abs(dU).max() / np.min(n))}


# Triplets ---------------------------------------------------------------------------------------------------------------


def make_triplets(rng, N, E, margin=0.75, active="some", equal=False):
    """`active` of the N triplets have a loss: "none", "all", or "some"; of these the last one's is exactly 0."""
    a = rng.normal(size=(N, E))
    p, n = a + 0.6 * directions(rng, N, E), a + 2.0 * directions(rng, N, E)
    near = {"none": [], "all": range(N), "some": [0, 2, 3]}[active]
    for i in (i for i in near if i < N):
        distance = 0.2 if i % 4 else 0.7  # nearer than the positive, or farther by less than the margin
        n[i] = a[i] + distance * (n[i] - a[i]) / 2
    if active == "some" and N > 1:
        a[-1], p[-1], n[-1] = 0.0, 0.0, 0.0
        p[-1, 0], n[-1, 1] = 0.5, 1.0  # 1/4 - 1 + margin; the distances have exact roots, so it is 0 however it is computed
    if equal:
        a[:], p[:], n[:] = a[0], a[0], a[0]
    return dict(a=a, p=p, n=n, margin=margin)


def scales_of_triplets(a, p, n, margin):
    size = float(max(np.abs(v).max() for v in (a, p, n)))
    return {"J": abs(margin) + size**2, "da": size / len(a), "dp": size / len(a), "dn": size / len(a)}


# Mining -----------------------------------------------------------------------------------------------------------------

# Twelve points with whole numbers, four people; with a margin of 2.5 each wrong rule chooses otherwise for some pair.
POINTS = np.array(
    [[-1, -2, -1], [0, 0, 1], [1, 3, 0], [0, 1, -2], [-2, -1, -2], [2, 0, -1],
     [3, 1, 3], [3, 0, 3], [-2, 0, -1], [3, -1, 0], [0, -1, -2], [2, 1, -2]]
)  # fmt: skip
WHO = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
# Orders of the points in which the first picture of a ring is not always the nearest, nor the last of equals the first.
ORDERS = np.array(
    [[2, 3, 4, 10, 1, 6, 0, 7, 11, 9, 8, 5], [1, 7, 0, 3, 8, 10, 5, 11, 4, 2, 9, 6], [11, 5, 3, 10, 6, 0, 8, 1, 9, 7, 4, 2],
     [2, 10, 4, 0, 9, 11, 1, 5, 6, 3, 7, 8], [7, 9, 8, 6, 2, 1, 3, 5, 0, 4, 10, 11], [5, 4, 8, 3, 6, 0, 1, 10, 11, 7, 2, 9],
     [10, 8, 1, 11, 2, 7, 0, 6, 3, 9, 5, 4], [2, 5, 4, 9, 11, 6, 1, 7, 8, 0, 10, 3]]
)  # fmt: skip


def make_mining(rng, points=12, people=4, margin=2.5):
    """The points in one of the orders, turned, mirrored and moved: their distances stay as they are."""
    order, axes = ORDERS[rng.randint(len(ORDERS))], rng.permutation(3)
    order = order[order < points]
    U = (POINTS * rng.choice([-1, 1], size=3))[order][:, axes] + rng.randint(-3, 4, size=3)
    labels = np.minimum(WHO, people - 1) if people < 12 else np.arange(12)
    return dict(U=U.astype(float), labels=rng.permutation(12)[labels[order]], margin=margin)


def as_rows(answer, *args):
    """Triplets as rows, also where there are none."""
    found = answer(*args)
    return np.zeros((0, 3)) if found is None or np.size(found) == 0 else found


# Identification ---------------------------------------------------------------------------------------------------------


def make_identify(rng, K, M, threshold=0.9):
    """The gallery lies on the corners of a cube, two for each person. The new faces are near a corner or far away, in turns; the second
    is so far from its corner that its distance is above the threshold, and the square of it below; the fifth so far that the square is
    above it, and a third of the square below."""
    corners = rng.permutation(np.array(list(np.ndindex(2, 2, 2)), dtype=float))[:K]
    G, names = 4 * corners + rng.uniform(0.5, 2, size=3), rng.permutation(8)[:K] // 2
    far = np.array([0.5, 0.93, 3.0, 0.6, 1.2, 0.2])[np.arange(M) % 6]
    Q = G[np.arange(M) % K] + far[:, None] * np.sign(2 * corners - 1)[np.arange(M) % K] / np.sqrt(3)
    return dict(G=G, names=names, Q=Q, threshold=threshold)


# NT-Xent ----------------------------------------------------------------------------------------------------------------


def make_views(rng, N, E, tau=0.3, size=1.0, equal=False):
    U = directions(rng, 2 * N, E) * size * lengths(rng, 2 * N, 0.7, 1.3)[:, None]
    if equal:
        U[:] = U[0]
    return dict(U=U, tau=tau)


def scales_of_views(U, tau):
    return {"J": 1.0, "dU": float(np.abs(U).max() / tau / len(U))}


# Pseudo-labels ----------------------------------------------------------------------------------------------------------


def make_pseudo(rng, N, K, threshold=0.8, sure="some", loud=0.0, far=0.0):
    """Of `some` images five of nine are sure, among them the first; the strong views say otherwise in part."""
    weak, strong = 0.2 * rng.normal(size=(N, K)), 2 * rng.normal(size=(N, K))
    best = rng.randint(K, size=N)
    best[0], best[-1] = 0, K - 1
    which = {"some": np.arange(N) % 2 == 0, "none": np.zeros(N, bool), "all": np.ones(N, bool)}[sure]
    weak[which, best[which]] += np.log(K) + 3.0
    weak += np.where(which & (np.arange(N) > 0), -8.0, 2.0)[:, None]  # changes no probability: most that are sure have the lower logits
    strong[~which] *= 4  # the net is sure of strong views of whose weak ones it is not
    weak += loud * (1 + np.arange(N))[:, None]
    strong -= loud * (1 + np.arange(N))[:, None]
    if far:
        strong[0, 0] = -far
    return dict(weak=weak, strong=strong, threshold=threshold)


def scales_of_pseudo(weak, strong, threshold):
    return {"J": 1.0, "dstrong": 1 / len(strong)}


# Labelled and unlabelled together ---------------------------------------------------------------------------------------


def make_joint(rng, N, M, D, H, K, E, tau=0.3, lam=0.7, silent=False):
    p = dict(
        W=rng.normal(size=(H, D)),
        b=0.5 * rng.normal(size=H),
        V=rng.normal(size=(K, H)),
        c=rng.normal(size=K),
        P=rng.normal(size=(E, H)),
    )
    p["W"][0] *= 0.1
    p["b"][0] = 2.0  # a neuron that is active for all: no embedding has length 0
    if silent:
        p["b"][1] = -30.0
    y, X, views = rng.randint(K, size=N), rng.normal(size=(N, D)), rng.normal(size=(2 * M, D))
    y[0] = K - 1
    X[-1], views[-1], p["b"][2] = 0.0, 0.0, 0.0  # one sum before the ReLU is exactly 0, in either batch
    return dict(X=X, y=y, views=views, p=p, tau=tau, lam=lam)


GRADIENTS = ["dW", "db", "dV", "dc", "dP"]


def scales_of_joint(X, y, views, p, tau, lam):
    return {"dP": 1e-3, "dW": 1e-3, "db": 1e-3}


# Pictures and texts -----------------------------------------------------------------------------------------------------


def make_pairs(rng, N, E, s=3.0, size=1.0, equal=False):
    A, B = (directions(rng, N, E) * size * lengths(rng, N)[:, None] for _ in range(2))
    if equal:
        A[:], B[:] = A[0], A[0]
    return dict(A=A, B=B, log_s=float(np.log(s)))


def scales_of_pairs(A, B, log_s):
    s = np.exp(log_s)
    shortest = min(float(np.sqrt((v**2).sum(axis=1)).min()) for v in (A, B))
    return {"J": 1.0, "dA": s / shortest / len(A), "dB": s / shortest / len(A), "dlog_s": s}


# One new word -----------------------------------------------------------------------------------------------------------


def make_invert(rng, N, L, V, D, H, E, K, s=2.5, new=4, absent=False):
    A, others = (directions(rng, k, E) * lengths(rng, k)[:, None] for k in (N, K))
    p = dict(
        E=rng.normal(size=(V, D)),
        W1=rng.normal(size=(H, D)),
        b1=rng.normal(size=H),
        W2=rng.normal(size=(E, H)),
        b2=rng.normal(size=E),
    )
    old = np.array([k for k in range(V) if k != new])
    ids = old[rng.randint(len(old), size=(N, L))]
    if not absent:
        ids[np.arange(N), np.arange(N) % L] = new
        ids[0, : min(3, L)] = new  # three times in the first prompt
        if N > 2:
            ids[1] = old[0]  # and not at all in the second
    p["W1"][0] *= 0.1
    p["b1"][0] = 2.0
    return dict(A=A, ids=ids, new=new, p=p, others=others, log_s=float(np.log(s)))


def scales_of_invert(A, ids, new, p, others, log_s):
    return {"drow": 1e-3}


# Also K + 1 texts, and the 6 places of the new word, are numbers of their own.
INVERT = dict(N=5, L=4, V=10, D=11, H=7, E=3, K=8)

EXERCISES = {
    "unit_backward": Exercise(
        make=make_unit, results=["dZ"], sizes=dict(N=5, E=4),
        edges=[
            ONE_ROW, EdgeCase(dict(E=1), "with one number in a row"), EdgeCase(dict(size=1e-3), "with short rows"), EdgeCase(dict(size=1e3), "with long rows"),
            EdgeCase(dict(along=True), "where the gradient points along a row"), EdgeCase(dict(N=4), "with as many rows as columns"),
        ],
        scales=scales_of_unit,
    ),
    "triplet_loss": Exercise(
        make=make_triplets, results=["J", "da", "dp", "dn"], sizes=dict(N=7, E=3),
        edges=[
            ONE_ROW, EdgeCase(dict(active="none"), "where no triplet has a loss"), EdgeCase(dict(active="all"), "where all triplets have one"),
            EdgeCase(dict(equal=True), "where all points are the same"), EdgeCase(dict(E=2), "in the plane"),
            EdgeCase(dict(active="all", N=3, E=3), "with as many triplets as numbers in a row"),
            EdgeCase(dict(margin=1e15, active="all"), "with a margin of a million billions", DIFFERENCES, needed=True),
        ],
        scales=scales_of_triplets,
    ),
    "semi_hard": Exercise(
        make=make_mining, results=["triplets"], sizes=dict(points=12, people=4), call=as_rows, judge="the reference",
        edges=[
            EdgeCase(dict(margin=0.5), "with a narrow ring"), EdgeCase(dict(margin=2.0), "where some lie on the outer edge of a ring"), EdgeCase(dict(margin=1e6), "with a ring without end"),
            EdgeCase(dict(people=2), "with two people"), EdgeCase(dict(points=10, people=4), "with a person who has one picture"),
            EdgeCase(dict(points=7, people=12), "where everybody has one picture"),
        ],
    ),
    "identify": Exercise(
        make=make_identify, results=["who"], sizes=dict(K=8, M=6), judge="the reference",
        edges=[
            EdgeCase(dict(M=1), "with one new face"), EdgeCase(dict(K=1), "with one picture in the gallery"), EdgeCase(dict(threshold=1e9), "with a threshold that lets everybody in"),
            EdgeCase(dict(threshold=1e-9), "with a threshold that lets nobody in"), EdgeCase(dict(K=6), "with as many in the gallery as before it"),
        ],
    ),
    "nt_xent": Exercise(
        make=make_views, results=["J", "dU"], sizes=dict(N=5, E=3), scales=scales_of_views,
        edges=[
            EdgeCase(dict(N=1), "with one image"), EdgeCase(dict(equal=True), "where all rows are the same"), EdgeCase(dict(tau=0.05), "with a temperature of 0.05"),
            EdgeCase(dict(tau=1.0), "with a temperature of 1"), EdgeCase(dict(tau=1e-3), "with scores near 1000", LOUD),
            EdgeCase(dict(N=50, E=40), "with a hundred views", MANY, needed=True),
        ],
    ),
    "pseudo_loss": Exercise(
        make=make_pseudo, results=["J", "dstrong"], sizes=dict(N=9, K=4), scales=scales_of_pseudo,
        edges=[
            EdgeCase(dict(sure="none"), "where no image is sure"), EdgeCase(dict(sure="all"), "where all images are sure"), ONE_ROW,
            EdgeCase(dict(loud=1000.0), "with logits in the thousands", LOUD), EdgeCase(dict(N=6, K=6), "with as many classes as images"),
            EdgeCase(dict(far=1e15), "where a right class has a logit of minus a million billions", DIFFERENCES, needed=True),
        ],
    ),
    "joint_loss": Exercise(
        make=make_joint, results=["J", *GRADIENTS], sizes=dict(N=5, M=3, D=9, H=7, K=4, E=8), scales=scales_of_joint, as_dict=True,
        edges=[
            EdgeCase(dict(lam=0.0), "with lam = 0"), EdgeCase(dict(lam=1.0), "with lam = 1"), EdgeCase(dict(N=1), "with one labelled image"),
            EdgeCase(dict(M=1), "with one image without a label"), EdgeCase(dict(silent=True), "with a neuron that is silent for all"),
            EdgeCase(dict(tau=0.1), "with a temperature of 0.1"), EdgeCase(dict(N=20, M=15, D=60, H=80, E=16), "with larger arrays", MANY, needed=True),
        ],
        groups=[["J", "dV", "dc"], ["dW", "db"]],
    ),
    "info_nce": Exercise(
        make=make_pairs, results=["J", "dA", "dB", "dlog_s"], sizes=dict(N=5, E=4), scales=scales_of_pairs,
        edges=[
            EdgeCase(dict(N=1), "with one pair"), EdgeCase(dict(s=100.0), "with a scale of 100"), EdgeCase(dict(s=1.0), "with a scale of 1"),
            EdgeCase(dict(equal=True), "where all rows are the same"), EdgeCase(dict(size=1e-3), "with short rows"), EdgeCase(dict(E=1), "with one number in a row"),
            EdgeCase(dict(N=4), "with as many pairs as numbers in a row"), EdgeCase(dict(s=2000.0), "with a scale of 2000", LOUD),
            EdgeCase(dict(N=50, E=40), "with fifty pairs", MANY, needed=True),
        ],
    ),
    "invert": Exercise(
        make=make_invert, results=["J", "drow"], sizes=INVERT, scales=scales_of_invert,
        edges=[
            EdgeCase(dict(N=1), "with one picture"), EdgeCase(dict(L=1), "with prompts of one word"), EdgeCase(dict(K=1), "with one other text"),
            EdgeCase(dict(absent=True), "where the new word stands nowhere"), EdgeCase(dict(new=0), "where the new word has the number 0"),
            EdgeCase(dict(s=100.0), "with a scale of 100"), EdgeCase(dict(s=1.0), "with a scale of 1"),
            EdgeCase(dict(N=4), "with as many pictures as words in a prompt"), EdgeCase(dict(N=20, D=2000, H=100, V=12, E=16), "with rows of 2000 numbers", MANY, needed=True),
        ],
    ),
}  # fmt: skip
