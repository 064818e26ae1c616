"""Unit 04: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with what torch does for the same task: `Tensor.unfold`, `one_hot`, `pad_sequence`, `mse_loss`
with autograd, `torch.nn.RNN` with `torch.nn.Linear`, packed sequences. Reading this file is allowed; it holds no answer
in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise




class Cell:
    """A given cell: `h = cell(x, h)`, with x (N, D) and h (N, H). What is inside is the business of unit 05."""

    def __init__(self, rng, D, H, scale=1.0):
        self.D, self.H = D, H
        self.rnn = torch.nn.RNN(D, H, dtype=torch.float64)
        values = {
            "weight_ih_l0": scale * rng.normal(size=(H, D)) / np.sqrt(D),
            "weight_hh_l0": scale * rng.normal(size=(H, H)) / np.sqrt(H),
            "bias_ih_l0": scale * rng.normal(size=H) / 2,
            "bias_hh_l0": np.zeros(H),
        }
        self.rnn.load_state_dict({name: torch.tensor(value) for name, value in values.items()})

    def __call__(self, x, h):
        """One step for a batch. Raises ValueError where the shapes are not those of this cell."""
        x, h = np.asarray(x, dtype=np.float64), np.asarray(h, dtype=np.float64)
        for name, array, last in (("x", x, self.D), ("h", h, self.H)):
            if array.ndim != 2 or array.shape[1] != last:
                raise ValueError(f"cell(x, h) got {name} of shape {array.shape}; this cell wants (N, {last})")
        if len(x) != len(h):
            raise ValueError(f"cell(x, h) got {len(x)} rows in x and {len(h)} in h; both have one row per sequence")
        with torch.no_grad():
            return self.rnn(torch.tensor(x[None]), torch.tensor(h[None]))[1][0].numpy()


# windows -----------------------------------------------------------------------------------------


def make_windows(rng, M, T, D, horizon, stride, gaps=True):
    series = rng.normal(size=(M, D))
    if gaps:
        out = rng.randint(M // 4, M // 3)
        series[out : out + 2] = np.nan  # an outage
        series[rng.randint(3 * M // 5, 2 * M // 3), -1] = np.nan  # one instrument alone
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
    letters = list("tesanrodhilumcgw ")
    rng.shuffle(letters)
    alphabet = "".join(letters[:D])
    text = [alphabet[k] for k in rng.randint(D, size=T)]
    if strangers:
        text[rng.randint(T)] = "é"
    return dict(text="".join(text), alphabet=alphabet)


# pad and masked_mse ------------------------------------------------------------------------------


def random_lengths(rng, T, N):
    """N lengths from 1 to T; the longest is T and does not come first where it can be helped."""
    lengths = rng.randint(1, max(T, 2), size=N)
    lengths[N // 2] = T
    return lengths


def make_pad(rng, T, N, D):
    sequences = [rng.normal(size=(length, D)) for length in random_lengths(rng, T, N)]
    sequences[N // 2][T // 2] = 0.0  # a real vector that is zero, not padding
    return dict(sequences=sequences)


def call_pad(answer, sequences):
    returned = answer(sequences)
    if isinstance(returned, (tuple, list)) and len(returned) == 2:
        x, mask = returned
        if isinstance(mask, np.ndarray) and mask.dtype == bool:  # as good as ones and zeros
            mask = mask.astype(float)
        return x, mask
    return returned


def make_mse(rng, T, N, O, garbage=np.nan):
    lengths = random_lengths(rng, T, N)
    mask = (np.arange(T)[:, None] < lengths).astype(float)
    y_hat, y = rng.normal(size=(T, N, O)), rng.normal(size=(T, N, O))
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


def make_one(rng, T, N, D, H, O, scale=1.0):
    args = make_many(rng, T, N, D, H, O, scale)
    return dict(cell=args.pop("cell"), x=args.pop("x"), lengths=random_lengths(rng, T, N), **args)


def make_generate(rng, n, N, D, H, scale=1.0):
    return dict(
        cell=Cell(rng, D, H, scale), x1=rng.normal(size=(N, D)), h0=rng.normal(size=(N, H)), **readout(rng, H, D), n=n
    )


def make_translate(rng, T, N, D, H, O, n, scale=1.0):
    encoder, decoder = Cell(rng, D, H, scale), Cell(rng, O, H, scale)
    return dict(
        encoder=encoder, decoder=decoder, x=rng.normal(size=(T, N, D)), lengths=random_lengths(rng, T, N),
        h0=rng.normal(size=(N, H)), start=rng.normal(size=(N, O)), **readout(rng, H, O), n=n,
    )  # fmt: skip


# ctc_collapse ------------------------------------------------------------------------------------


def make_path(rng, L, labels, blank, ends="labels"):
    """L labels, each one or more times, with blanks between some of them and between any two that are equal.

    ends  what the path begins and ends with: "labels", "blanks", or "only blanks" for a path that holds nothing else
    """
    others = [k for k in range(labels + 1) if k != blank]
    word = [others[k] for k in rng.randint(labels, size=L)]
    if L > 3:
        word[2] = word[1]  # a double letter, with a blank between
        word[3] = next(k for k in others if k != word[2] or labels == 1)
    path = []
    for before, label in zip([None, *word], word, strict=False):
        if before == label or (before is not None and rng.uniform() < 0.4):
            path += [blank] * rng.randint(1, 3)
        path += [label] * rng.randint(1, 4)
    if ends == "blanks":
        path = [blank, *path, blank, blank]
    return dict(path=np.full(len(path), blank) if ends == "only blanks" else np.array(path), blank=blank)


def call_collapse(answer, path, blank):
    returned = answer(path, blank)
    return np.array(returned, dtype=int) if isinstance(returned, list) else returned


# bidirectional -----------------------------------------------------------------------------------


def make_both(rng, T, N, D, H, scale=1.0):
    return dict(
        forward=Cell(rng, D, H, scale), backward=Cell(rng, D, H, scale), x=rng.normal(size=(T, N, D)),
        lengths=random_lengths(rng, T, N), h0_forward=rng.normal(size=(N, H)), h0_backward=rng.normal(size=(N, H)),
    )  # fmt: skip


SIZES = dict(T=5, N=3, D=4, H=6, O=2)
EDGES = [dict(T=1), dict(N=1), dict(H=1), dict(D=1), dict(T=9, N=2, D=3, H=8), dict(scale=0.0), dict(scale=6.0)]


def pick(*names, **more):
    return {name: SIZES[name] for name in names} | more


def edges(*names):
    return [e for e in EDGES if set(e) <= {*names, "scale"}]


EXERCISES = {
    "windows": Exercise(
        make_windows, ["x", "y"], dict(M=40, T=5, D=3, horizon=3, stride=2),
        [dict(T=1), dict(D=1), dict(stride=1), dict(stride=7), dict(horizon=1), dict(gaps=False), dict(M=8, gaps=False)],
        call=call_windows,
    ),
    "one_hot": Exercise(
        make_text, ["x"], dict(T=9, D=6),
        [dict(T=1), dict(T=1, strangers=False), dict(D=1), dict(strangers=False), dict(T=60, D=17)],
    ),
    "pad": Exercise(
        make_pad, ["x", "mask"], pick("T", "D", N=4),
        [dict(T=1), dict(N=1), dict(D=1), dict(N=9, T=12)], call=call_pad,
    ),
    "masked_mse": Exercise(
        make_mse, ["J", "dy_hat"], pick("T", "O", N=4),
        [dict(T=1), dict(N=1), dict(O=1), dict(garbage=1e9), dict(garbage=np.inf), dict(garbage=0.0)],
    ),
    "many_to_many": Exercise(make_many, ["h", "o"], SIZES, EDGES, forward=["h", "o"], torch=True),
    "many_to_one": Exercise(make_one, ["o"], SIZES, EDGES, torch=True),
    "one_to_many": Exercise(
        make_generate, ["y"], pick("N", "D", "H", n=5), [dict(n=1), *edges("N", "D", "H")], forward=["y"], torch=True,
    ),
    "encoder_decoder": Exercise(
        make_translate, ["y"], dict(SIZES, n=4), [dict(n=1), dict(n=8), *EDGES], forward=["y"], torch=True,
    ),
    "ctc_collapse": Exercise(
        make_path, ["labels"], dict(L=7, labels=4, blank=0),
        [dict(L=1), dict(labels=1), dict(blank=3), dict(ends="blanks"), dict(ends="only blanks"), dict(L=40)],
        call=call_collapse,
    ),
    "bidirectional": Exercise(
        make_both, ["h"], pick("T", "N", "D", "H"), edges("T", "N", "D", "H"), torch=True,
    ),
}  # fmt: skip
