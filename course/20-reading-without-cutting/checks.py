"""Unit 20: the problems that the exercises are checked on. Needs numpy alone; the right answers stand in `reference.py`.

Where the right answer is infinite (no walk leads there; the label does not fit), the comparison is between finite numbers that no
right answer can be: log-probabilities are never above 0, and a loss is never below it.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

NOWHERE, NO_WAY = 1.0, -1.0  # what stands for a log-probability of -inf, and for a loss of inf
SAYS_INFINITE = "torch (1 stands for -inf, -1 for inf)"  # so whoever has -1e30 for log 0 reads what is right there


# Cutting ---------------------------------------------------------------------------------------------------------------


def make_segments(rng, H, W, parts=((1, 4), (5, 9), (11, 12)), ink=1.0):
    """An image with ink in the columns of `parts`, and less than the threshold elsewhere."""
    image = rng.uniform(0, 0.1, size=(H, W))
    for left, right in parts:
        image[:, left:right] += ink * rng.uniform(0.2, 1, size=(H, right - left))
    image[0, 0] = 0.9  # one dark pixel that is no letter
    threshold = 0.1 * H + 0.9
    if free := [x for x in range(1, W) if not any(left <= x < right for left, right in parts)]:
        image[:, free[-1]] = 0.0
        image[0, free[-1]] = threshold  # not more, in whatever order the column is added up
    return dict(image=image, threshold=threshold)


def pairs(answer, *args):
    """The segments as an (n, 2) array, also where there are none."""
    returned = answer(*args)
    try:
        return np.array([[int(a), int(b)] for a, b in returned], dtype=float).reshape(-1, 2)
    except (TypeError, ValueError):
        return returned


# On paper --------------------------------------------------------------------------------------------------------------

PAPER = np.array([[0.4, 0.5, 0.1], [0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.5, 0.4, 0.1]])  # blank, a, b
PAPER_LABEL, PAPER_STEP = [1, 1], 1  # "aa", and the second step, counted from 0


def make_on_paper(rng):
    return {}


def three_decimals(answer):
    """The numbers that were typed in, so far as a calculator with four decimals gets them right."""
    returned = answer()
    try:
        return tuple(np.round(np.asarray(numbers, dtype=float), 3) for numbers in returned)
    except (TypeError, ValueError):
        return returned


# CTC -------------------------------------------------------------------------------------------------------------------

WORDS = ((1, 2, 3, 4), (2, 2, 1), (3,), (1, 1, 1, 1), ())
# The longest label has 4 letters, so S = 9 symbols: all of these differ.
CTC = dict(T=11, N=5, K=8)


def make_labels(rng, N, K, words):
    """Labels (N, L), filled up with 0, and their lengths; the letters of `words` exchanged by a permutation."""
    letters = np.append(0, 1 + rng.permutation(K - 1))
    lengths = np.array([len(word) for word in words[:N]])
    labels = np.zeros((N, lengths.max()), dtype=int)
    for row, word in zip(labels, words, strict=False):
        row[: len(word)] = letters[list(word)]
    return labels, lengths


def log_softmax(o):
    o = o - o.max(axis=-1, keepdims=True)
    return o - np.log(np.exp(o).sum(axis=-1, keepdims=True))


def make_alpha(rng, T, N, K, words=WORDS, scale=1.5):
    labels, lengths = make_labels(rng, N, K, words)
    return dict(lp=log_softmax(scale * rng.normal(size=(T, N, K))), labels=labels, lengths=lengths)


def make_occupancy(rng, T, N, K, words=WORDS, scale=1.5):
    """The forward pass's α and loss come with it, by plain loops."""
    args = make_alpha(rng, T, N, K, words, scale)
    S = 2 * args["labels"].shape[1] + 1
    alpha, nll = np.full((T, N, S), -np.inf), np.full(N, np.inf)
    for n in range(N):
        label = args["labels"][n, : args["lengths"][n]]
        found = walks(args["lp"][:, n], label)
        alpha[:, n, : found.shape[1]] = found
        nll[n] = -np.logaddexp.reduce(found[-1, -2:])
    return dict(args, alpha=alpha, nll=nll)


def walks(lp, label):
    """α of one label, in loops: for each step and symbol, log of the sum over all walks that lead there."""
    row = [0]
    for letter in label:
        row += [letter, 0]
    alpha = np.full((len(lp), len(row)), -np.inf)
    for t in range(len(lp)):
        for s, k in enumerate(row):
            if t == 0:
                before = 0.0 if s < 2 else -np.inf
            else:
                before = np.logaddexp(alpha[t - 1, s], alpha[t - 1, s - 1] if s > 0 else -np.inf)
                if s > 1 and k != 0 and k != row[s - 2]:
                    before = np.logaddexp(before, alpha[t - 1, s - 2])
            alpha[t, s] = before + lp[t, k]
    return alpha


def make_ctc_loss(rng, T, N, K, words=WORDS, scale=1.5, far=0.0):
    labels, lengths = make_labels(rng, N, K, words)
    logits = scale * rng.normal(size=(T, N, K))
    unused = [k for k in range(1, K) if k not in labels]
    if far:  # at one step the network is sure of a letter that no label has
        logits[2, :, unused[0]] += far
        if () in words:  # at every step even, where no letter is to be read; whole numbers of which only one walk adds any up: no digit is lost
            empty = words.index(())
            logits[:, empty] = np.rint(logits[:, empty])
            logits[:, empty, unused[0]] += 2.0**48
    return dict(logits=logits, labels=labels, lengths=lengths)


def behind_the_end(lengths, S):
    """Where (N, S) a symbol lies behind the last blank of its label."""
    return np.arange(S) > 2 * np.asarray(lengths)[:, None]


def finite(array, stand_in, infinity):
    return np.where(array == infinity, stand_in, array)


def without_infinities(answer, *args):
    """The call with finite numbers for infinite ones, and for what lies behind the end of a label, where anything may stand."""
    returned, lengths = answer(*args), args[2]
    if not (isinstance(returned, (tuple, list)) and len(returned) == 2):
        return returned
    try:
        walked, other = (np.array(part, dtype=float) for part in returned)
    except (TypeError, ValueError):
        return returned
    walked = finite(walked, NOWHERE, -np.inf)
    if walked.ndim == 3 and walked.shape[1] == len(lengths):
        walked = np.where(behind_the_end(lengths, walked.shape[2]), NOWHERE, walked)
    return walked, finite(other, NO_WAY, np.inf)


HARDLY = EdgeCase(dict(T=7), "with just enough steps for the doubled letters")
TOO_SHORT = EdgeCase(dict(T=6), "where one label does not fit into the steps")
ONE_STEP = EdgeCase(dict(T=1, words=((1, 2), (3,), (2, 2), (), (4,))), "with one step")
LONG = EdgeCase(dict(T=150, N=2, scale=40.0), "with 150 steps and improbable labels")
ALONE = EdgeCase(dict(N=1), "with one label in the batch")
NO_LETTERS = EdgeCase(dict(N=2, words=((), ())), "with labels that have no letters at all")


# Beam search -----------------------------------------------------------------------------------------------------------


BEAM = 317  # the seed of the scores


def make_beam(rng, T, K, width, kind="any"):
    """The same scores whatever the seed, but for a thousandth: which prefixes a mistake mixes up must not be a matter of luck."""
    fixed, little = np.random.RandomState(BEAM), 0.001 * rng.normal(size=(T, K))
    lp = log_softmax(1.2 * fixed.normal(size=(T, K)) + little)
    if kind == "greedy fails":  # each step's best is the blank, and the letter is the best label
        p = np.full((T, K), 0.01)
        p[:, 1] = 0.43 + little[:, 1]
        p[:, 0] = 1 - p[:, 1:].sum(axis=1)
        lp = np.log(p)
    if kind == "doubled":  # a, blank, a is likely: the label has a letter twice
        p = np.full((T, K), 0.1 / (K - 1)) + 0.01 * fixed.uniform(size=(T, K)) + 0.1 * little
        p[np.arange(T), [1, 0, 1, 0, 2][:T]] = 0.9
        lp = np.log(p / p.sum(axis=1, keepdims=True))
    if kind == "silent":
        lp[:, 0] += 6
        lp = log_softmax(lp)
    if kind == "long":
        lp = log_softmax(30 * fixed.normal(size=(T, K)) + little)
    if kind == "left out":  # the network is sure of one class more, which the caller does not want
        o = 1.2 * fixed.normal(size=(T, K)) + little
        lp = log_softmax(np.column_stack([o, np.full(T, 20.0)]))[:, :K]
    return dict(lp=lp, width=width)


# The reader's way back -------------------------------------------------------------------------------------------------

# T is 7.
READER = dict(N=4, H=8, W=13, width=5, hidden=6, context=3, wide=9, K=10)


def make_reader_backward(rng, N, H, W, width, hidden, context, wide, K):
    T = -(-W // 2)
    p = {"W1": rng.normal(size=(hidden, H * width)), "b1": rng.normal(size=hidden)}
    p |= {"W2": rng.normal(size=(wide, context * hidden)), "b2": rng.normal(size=wide)}
    p |= {"W3": rng.normal(size=(K, wide)), "b3": rng.normal(size=K)}
    h1, h2 = (np.maximum(rng.normal(size=(T, N, size)), 0) for size in (hidden, wide))
    half = context // 2
    wide1 = np.zeros((T, N, context * hidden))
    for t in range(T):
        for j in range(context):
            if 0 <= t + j - half < T:
                wide1[t, :, j * hidden : (j + 1) * hidden] = h1[t + j - half]
    kept = dict(windows=rng.normal(size=(T, N, H * width)), h1=h1, wide1=wide1, h2=h2)
    return dict(dlogits=rng.normal(size=(T, N, K)), kept=kept, p=p, H=H, W=W)


PARAMETERS = [f"{name}{k}" for k in (1, 2, 3) for name in ("W", "b")]

EXERCISES = {
    "segments": Exercise(
        make=make_segments, results=["segments"], sizes=dict(H=6, W=14), call=pairs, judge="the reference",
        edges=[
            EdgeCase(dict(parts=()), "without a letter"), EdgeCase(dict(parts=((0, 3), (10, 14))), "with letters at both edges"),
            EdgeCase(dict(parts=((0, 14),)), "where the ink goes from edge to edge"), EdgeCase(dict(parts=((2, 3), (4, 5))), "with letters of one column"),
            EdgeCase(dict(parts=((2, 6), (6, 11))), "where two letters touch"),
        ],
    ),
    "on_paper": Exercise(make=make_on_paper, results=["p", "occ", "do"], sizes={}, call=three_decimals, judge="the reference"),
    "ctc_alpha": Exercise(
        make=make_alpha, results=["alpha", "nll"], sizes=CTC, forward=["alpha"], elementwise=("alpha", "nll"),
        call=without_infinities, edges=[HARDLY, TOO_SHORT, ONE_STEP, LONG, ALONE, NO_LETTERS], judge=SAYS_INFINITE,
    ),
    "ctc_occupancy": Exercise(
        make=make_occupancy, results=["beta", "occ"], sizes=CTC, backward=["beta"],
        call=without_infinities, edges=[HARDLY, TOO_SHORT, ONE_STEP, LONG, ALONE, NO_LETTERS], judge=SAYS_INFINITE,
    ),
    "ctc_loss": Exercise(
        make=make_ctc_loss, results=["J", "dlogits"], sizes=CTC,
        edges=[
            HARDLY, TOO_SHORT, ONE_STEP, LONG, ALONE, NO_LETTERS,
            EdgeCase(dict(far=1e6), "where the network is sure of a wrong letter", "The loss is huge beside what one logit changes of it, so "
                 "differences of two losses have no digits left. Occupancies have no such trouble.", needed=True),
        ],
    ),
    "beam": Exercise(
        make=make_beam, results=["label", "logp"], sizes=dict(T=5, K=4, width=3), judge="the reference", elementwise=("logp",),
        edges=[
            EdgeCase(dict(width=1), "with a beam of one"), EdgeCase(dict(width=200), "with room for every prefix"),
            EdgeCase(dict(kind="greedy fails", width=6), "where the blank is the most probable at each step"),
            EdgeCase(dict(kind="doubled", width=6), "where a letter comes twice"),
            EdgeCase(dict(kind="silent"), "where there is next to nothing to read"), EdgeCase(dict(T=1), "with one step"),
            EdgeCase(dict(T=60, K=2, kind="long"), "with 60 steps and one letter"),
            EdgeCase(
                dict(T=60, K=2, kind="left out"), "with 60 steps of which the most probable class is left out",
                "Of the classes that are left the probabilities are so small that after 60 steps that of every prefix is less than a float can "
                "hold, and becomes 0, unless it is kept as a logarithm all the way.",
            ),
        ],
        groups=[["label", "logp"]],
    ),
    "reader_backward": Exercise(
        make=make_reader_backward, results=["dx", *(f"d{name}" for name in PARAMETERS)], sizes=READER, as_dict=True,
        edges=[
            EdgeCase(dict(W=14), "with an even number of columns"), EdgeCase(dict(W=1), "with one column"),
            EdgeCase(dict(width=3, context=5), "with other windows"), EdgeCase(dict(width=1, context=1), "with windows of one column and no neighbours"),
            EdgeCase(dict(N=1), "with one strip"),
        ],
        groups=[["dW3", "db3"], ["dW2", "db2"], ["dW1", "db1"]],
    ),
}  # fmt: skip
