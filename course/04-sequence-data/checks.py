"""Unit 04: the problems that the exercises are checked on.

Your answers are compared with what torch does for the same task: `Tensor.unfold`, `one_hot`, `pad_sequence`, `mse_loss` and other
sums with autograd, `torch.nn.RNN` with `torch.nn.Linear`, packed sequences. Reading this file is allowed; it holds no answer.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise


class Cell:
    """A given cell: `h = cell(x, h)`, with x (N, D) and h (N, H). What is inside is the business of unit 05."""

    def __init__(self, rng, D, H, scale=1.0):
        self.D, self.H = D, H
        self.U = scale * rng.normal(size=(H, D)) / np.sqrt(D)
        self.W = scale * rng.normal(size=(H, H)) / np.sqrt(H)
        self.b = scale * rng.normal(size=H) / 2

    def __call__(self, x, h):
        """One step for a batch. Raises ValueError where the shapes are not those of this cell."""
        x, h = np.asarray(x, dtype=np.float64), np.asarray(h, dtype=np.float64)
        for name, array, last in (("x", x, self.D), ("h", h, self.H)):
            if array.ndim != 2 or array.shape[1] != last:
                raise ValueError(f"cell(x, h) got {name} of shape {array.shape}; this cell wants (N, {last})")
        if len(x) != len(h):
            raise ValueError(f"cell(x, h) got {len(x)} rows in x and {len(h)} in h; both have one row per sequence")
        return np.tanh(x @ self.U.T + h @ self.W.T + self.b)


# windows -----------------------------------------------------------------------------------------


def make_windows(rng, M, T, D, horizon, stride, gaps=True):
    series = rng.normal(size=(M, D))
    if gaps:
        out = rng.randint(M // 4, M // 3)
        series[out : out + 2] = np.nan  # an outage
        series[M - 4, -1] = np.nan  # one instrument alone, where it is in windows and beside a target
        series[2 * (M // 3), 0] = np.nan  # and the one whose readings are targets
    return dict(series=series, T=T, horizon=horizon, stride=stride)


def call_windows(answer, series, T, horizon, stride):
    returned = answer(series, T, horizon, stride)
    if isinstance(returned, (tuple, list)) and len(returned) == 2 and isinstance(returned[0], np.ndarray):
        _its_own(returned[0], series)
    return returned


def _its_own(x, series):
    """Raise where x shares its numbers with the series, or its windows share numbers with each other."""
    trouble = "x is a view: its windows share their numbers, so that a change in one of them would show up elsewhere"
    if np.may_share_memory(x, series) or not x.flags.writeable:
        raise ValueError(trouble)
    if x.size and x.dtype.kind == "f":
        before = x.copy()
        x[0] += 1
        if not np.array_equal(x[1:], before[1:], equal_nan=True):
            raise ValueError(trouble)
        x[0] = before[0]


# one_hot -----------------------------------------------------------------------------------------


def make_text(rng, T, D, strangers=True):
    letters = list("tesanrodhilumcgw")
    rng.shuffle(letters)
    letters = [letters[0], letters[0].upper(), " ", *letters[1:]]  # a letter and its capital: two characters
    alphabet = "".join(letters[:D])
    text = [alphabet[k] for k in rng.randint(D, size=T)]
    if strangers:
        text[rng.randint(T)] = "é"
        if T > 3:
            at = rng.permutation(T)[:3]
            text[at[0]], text[at[1]], text[at[2]] = alphabet[0], alphabet[min(1, D - 1)], letters[3].upper()
    return dict(text="".join(text), alphabet=alphabet)


# pad and masked_mse ------------------------------------------------------------------------------


def random_lengths(rng, T, N):
    """N lengths from 1 to T; the longest is T and does not come first, one is 1, where it can be had."""
    lengths = rng.randint(1, T + 1, size=N)
    lengths[0], lengths[N // 2] = 1, T
    return lengths


def make_pad(rng, T, N, D):
    lengths = random_lengths(rng, T, N)
    if T > 2 and N > 2:  # neither from the shortest to the longest nor the other way round
        lengths[0], lengths[-1] = T - 1, 1
    sequences = [rng.normal(size=(length, D)) for length in lengths]
    sequences[N // 2][T // 2] = 0.0  # real vectors that are zero, not padding
    sequences[N // 2][-1] = 0.0
    return dict(sequences=sequences)


def make_mse(rng, T, N, O, garbage=np.nan, far=0.0):
    lengths = random_lengths(rng, T, N)
    lengths[-1] = T  # so that more than half of the steps are real
    mask = (np.arange(T)[:, None] < lengths).astype(float)
    y_hat, y = rng.normal(size=(2, T, N, O))
    y += far
    y_hat[0, 0, 0] = y[0, 0, 0]  # one prediction that is right
    y_hat[mask == 0] += 5.0  # whatever the network says there
    y[mask == 0] = garbage  # and nobody knows the truth
    return dict(y_hat=y_hat, y=y, mask=mask)


# The kinds of tasks ------------------------------------------------------------------------------


def readout(rng, H, O, scale=1.0):
    return dict(V=scale * rng.normal(size=(O, H)) / np.sqrt(H), c=scale * rng.normal(size=O) / 2)


def make_many(rng, T, N, D, H, O, scale=1.0):
    return dict(
        cell=Cell(rng, D, H, scale), x=rng.normal(size=(T, N, D)), h0=rng.normal(size=(N, H)), **readout(rng, H, O)
    )


def make_one(rng, T, N, D, H, O, scale=1.0, behind=None):
    args = make_many(rng, T, N, D, H, O, scale)
    lengths = random_lengths(rng, T, N)
    x = args.pop("x")
    if behind is not None:
        x[np.arange(T)[:, None] >= lengths] = behind
    return dict(cell=args.pop("cell"), x=x, lengths=lengths, **args)


def make_generate(rng, n, N, D, H, scale=1.0):
    return dict(
        cell=Cell(rng, D, H, scale), x1=rng.normal(size=(N, D)), h0=rng.normal(size=(N, H)), **readout(rng, H, D), n=n
    )


def make_translate(rng, T, N, D, H, O, n, scale=1.0, behind=None):
    args = make_one(rng, T, N, D, H, O, scale, behind)
    decoder = Cell(rng, O, H, scale)
    return dict(
        encoder=args["cell"], decoder=decoder, x=args["x"], lengths=args["lengths"],
        h0=args["h0"], start=rng.normal(size=(N, O)), V=args["V"], c=args["c"], n=n,
    )  # fmt: skip


# CTC ---------------------------------------------------------------------------------------------


LEADING = {"a leading 0": 0, "a leading -1": -1}  # labels that stand for "nothing came before" in some answers


def make_path(rng, kind, blank=0):
    """A path of labels from 0 to 4, and -1. Where the letters are not given, `rng` says which label is which."""
    a, b, c = rng.permutation([k for k in range(1, 5) if k != blank])[:3]
    if kind in LEADING:
        a = LEADING[kind]
    elif blank:
        c = 0  # a label like any other; that a path begins with it is a kind of its own
    path = {
        "ordinary": [a, a, a, blank, a, b, b, blank, blank, b, c, c, a, b, blank],
        "leading blanks": [blank, blank, a, a, b],
        "a leading 0": [a, a, b, blank, b, b, c],
        "a leading -1": [a, a, b, blank, b, b, c],
        "equal ends": [a, b, b, blank, c, a],
        "no blanks": [b, a, a, c, c, c, b],
        "only blanks": [blank] * 4,
        "one label": [a],
        "one blank": [blank],
    }.get(kind)
    return dict(path=np.array(path if path else [1, *rng.randint(5, size=58), 2]), blank=blank)


def call_collapse(answer, path, blank):
    """A tuple of labels is an array of them, also where it holds a single one."""
    labels = answer(path, blank)
    return list(labels) if isinstance(labels, tuple) else labels


def make_word(rng, T, K, word, blank):
    """Probabilities (T, K), rows that add up to 1; `word` holds places among the labels that are not blank."""
    labels = np.array([k for k in range(K) if k != blank])
    y_hat = rng.uniform(0.1, 1, size=(T, K))
    return dict(y_hat=y_hat / y_hat.sum(axis=1, keepdims=True), word=labels[list(word)].astype(int), blank=blank)


def make_word_backward(rng, T, K, word, blank):
    args = make_word(rng, T, K, word, blank)
    return dict(**args, alpha=rng.uniform(size=(T, 2 * len(word) + 1)))


# bidirectional -----------------------------------------------------------------------------------


def make_both(rng, T, N, D, H, scale=1.0, behind=None):
    args = make_one(rng, T, N, D, H, 1, scale, behind)
    return dict(
        forward=args["cell"], backward=Cell(rng, D, H, scale), x=args["x"], lengths=args["lengths"],
        h0_forward=args["h0"], h0_backward=rng.normal(size=(N, H)),
    )  # fmt: skip


SIZES = dict(T=5, N=3, D=4, H=6, O=2)
EDGES = [
    EdgeCase(dict(T=1), "with sequences of one step"), EdgeCase(dict(N=1), "with one sequence in the batch"),
    EdgeCase(dict(H=1), "with one hidden unit"), EdgeCase(dict(D=1), "with one input"),
    EdgeCase(dict(T=9, N=2, D=3, H=8), "with nine steps and other sizes"), EdgeCase(dict(scale=0.0), "where all parameters are zero"),
    EdgeCase(dict(scale=6.0), "where the parameters are large"),
]  # fmt: skip
BEHIND = EdgeCase(
    dict(behind=np.nan), "where nan stands behind the end of a sequence",
    "What stands behind the end of a sequence means nothing, and it can be nan. Multiplying by 0 does not remove a nan: choose what is real.",
)  # fmt: skip
# Words by the places of their letters. T = 6 steps hold three letters and a blank.
WORDS = [
    EdgeCase(dict(word=(1, 1)), "with a word of two equal letters"), EdgeCase(dict(word=(0, 0, 2)), "with a double letter at the beginning"),
    EdgeCase(dict(word=(2,)), "with a word of one letter"), EdgeCase(dict(word=()), "with the empty word"),
    EdgeCase(dict(word=(0, 1), blank=2), "where the blank is label 2"), EdgeCase(dict(T=3), "with as many steps as letters"),
    EdgeCase(dict(T=1, word=(1,)), "with one step"), EdgeCase(dict(T=30, word=(0, 1, 1, 2, 0, 1, 0)), "with thirty steps",
         "There are more than 10^18 paths of thirty steps: listing them never ends."),
]  # fmt: skip


def pick(*names, **more):
    return {name: SIZES[name] for name in names} | more


def edges(*names):
    return [e for e in EDGES if set(e.sizes) <= {*names, "scale"}]


GARBAGE = "What stands behind the end of a sequence means nothing, whatever it is. The mask alone says what is real."

EXERCISES = {
    "windows": Exercise(
        make_windows, ["x", "y"], dict(M=44, T=5, D=3, horizon=6, stride=2),
        [
            EdgeCase(dict(T=1), "with windows of one reading"), EdgeCase(dict(D=1), "with one feature"), EdgeCase(dict(stride=1), "with the stride 1"),
            EdgeCase(dict(stride=7), "with a stride longer than a window"), EdgeCase(dict(horizon=1), "with the horizon 1"),
            EdgeCase(dict(gaps=False), "without gaps"), EdgeCase(dict(M=11, gaps=False), "with a series for one window"),
            EdgeCase(dict(M=8, gaps=False), "with a series too short for a window",
                 "Where no window fits, x has the shape (T, 0, D) and y the shape (0,)."),
        ], call=call_windows,
    ),
    "one_hot": Exercise(
        make_text, ["x"], dict(T=9, D=6),
        [
            EdgeCase(dict(T=1), "with a text of one unknown character"), EdgeCase(dict(T=1, strangers=False), "with a text of one character"),
            EdgeCase(dict(D=1), "with an alphabet of one character"), EdgeCase(dict(strangers=False), "without unknown characters"),
            EdgeCase(dict(T=60, D=17), "with a longer text"),
            EdgeCase(dict(T=0, strangers=False), "with an empty text", "A text without a character gives an array without a row, of shape (0, D)."),
        ],
    ),
    "pad": Exercise(
        make_pad, ["x", "mask"], pick("T", "D", N=3),
        [
            EdgeCase(dict(T=1), "with sequences of one step"), EdgeCase(dict(N=1), "with one sequence"), EdgeCase(dict(D=1), "with one feature"),
            EdgeCase(dict(N=9, T=12), "with nine sequences"),
        ],
    ),
    "masked_mse": Exercise(
        make_mse, ["J", "dy_hat"], pick("T", N=4, O=3),
        [
            EdgeCase(dict(T=1), "with sequences of one step"), EdgeCase(dict(N=1), "with one sequence"), EdgeCase(dict(O=1), "with one number a step"),
            EdgeCase(dict(garbage=1e9), "where large numbers stand behind the end", GARBAGE), EdgeCase(dict(garbage=np.inf), "where inf stands behind the end", GARBAGE),
            EdgeCase(dict(garbage=0.0), "where zeros stand behind the end", GARBAGE),
            EdgeCase(dict(far=1e7), "where the targets are ten million away",
                 "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain rule has no such trouble.", needed=True),
        ],
    ),
    "many_to_many": Exercise(make_many, ["h", "o"], SIZES, EDGES, forward=["h", "o"]),
    "many_to_one": Exercise(make_one, ["o"], SIZES, [*EDGES, BEHIND]),
    "one_to_many": Exercise(
        make_generate, ["y"], pick("N", "D", "H", n=5), [EdgeCase(dict(n=1), "with one output"), *edges("N", "D", "H")], forward=["y"],
    ),
    "encoder_decoder": Exercise(
        make_translate, ["y"], dict(SIZES, n=7),
        [EdgeCase(dict(n=1), "with one output"), EdgeCase(dict(n=8), "with eight outputs"), *EDGES, BEHIND], forward=["y"],
    ),
    "ctc_collapse": Exercise(
        make_path, ["labels"], dict(kind="ordinary"),
        [
            EdgeCase(dict(kind="a leading 0", blank=3), "where the blank is not 0 and the path begins with the label 0",
                 "No label is a safe stand-in for what comes before the first step, except the blank itself."),
            EdgeCase(dict(kind="a leading -1", blank=2), "where the path begins with the label -1",
                 "Labels are integers, and -1 is one. No label is a safe stand-in for what comes before the first step, except the blank itself."),
            EdgeCase(dict(kind="equal ends"), "where the path begins and ends with the same label",
                 "At t = 0 the index t - 1 is -1, and in Python that is the last step."),
            EdgeCase(dict(kind="leading blanks"), "where the path begins with blanks"), EdgeCase(dict(kind="no blanks"), "without blanks"), EdgeCase(dict(kind="only blanks"), "with nothing but blanks"),
            EdgeCase(dict(kind="one label"), "with one label"), EdgeCase(dict(kind="one blank"), "with one blank"),
            EdgeCase(dict(kind="ordinary", blank=4), "where the blank is the last label"), EdgeCase(dict(kind="any"), "with a long path"),
        ], call=call_collapse,
    ),
    "ctc_probability": Exercise(make_word, ["p", "alpha"], dict(T=6, K=4, word=(0, 1, 1), blank=0), WORDS, forward=["alpha"], elementwise=("p",)),
    "ctc_backward": Exercise(make_word_backward, ["dy_hat"], dict(T=6, K=4, word=(0, 1, 1), blank=0), WORDS, backward=["dy_hat"]),
    "bidirectional": Exercise(
        make_both, ["h"], pick("T", "N", "D", "H"), [*edges("T", "N", "D", "H"), BEHIND],
    ),
}  # fmt: skip
