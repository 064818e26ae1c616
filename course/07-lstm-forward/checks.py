"""Unit 07: the problems that the exercises are checked on. The right answers to them stand in `reference.py`.

The cells that you build in the last two exercises are played here, one sequence after the other step by step.
"""

import numpy as np

from byhand.checking import EdgeCase, Exercise

# All sizes differ, T is at least 3 and N at least 2, states and peepholes are not zero: nothing wrong can hide.
SIZES = dict(T=5, N=3, D=4, H=6)
EDGES = [
    EdgeCase(dict(T=1), "with one time step"), EdgeCase(dict(N=1), "with one sequence in the batch"), EdgeCase(dict(H=1), "with one cell"),
    EdgeCase(dict(D=1), "with one input"), EdgeCase(dict(T=9, N=2, D=3, H=8), "with more steps and cells"),
    EdgeCase(dict(scale=0.0), "with all weights zero"), EdgeCase(dict(scale=200.0), "with large weights"),
    EdgeCase(dict(peep=0.0), "with all peepholes zero"),
]  # fmt: skip
GATES = "zifo"
NAMES = ["z", "i", "f", "o", "c", "y"]


def parameters(rng, D, H, scale=1.0, peep=1.0, peepholes=True):
    """The parameters as a dict, with `peepholes` those of three gates too."""
    p = {f"W{k}": scale * rng.normal(size=(H, D)) / np.sqrt(D) for k in GATES}
    p |= {f"R{k}": scale * rng.normal(size=(H, H)) / np.sqrt(H) for k in GATES}
    p |= {f"b{k}": scale * rng.normal(size=H) / 2 for k in GATES}
    return p | ({f"p{k}": peep * scale * rng.normal(size=H) for k in "ifo"} if peepholes else {})


# sigmoid -----------------------------------------------------------------------------------------

STRAINED = [0.0, 7.0, -7.0, 9.0, -9.0, 15.0, -15.0, 1000.0, -1000.0]  # no float holds e^1000


def make_sigmoid(rng, N, H, shift=0.0):
    a = 3 * rng.normal(size=(N, H)) + shift
    a.flat[: min(len(STRAINED), a.size)] = STRAINED[: a.size]
    return dict(a=a)


# lstm_step, peephole_step, lstm_forward ----------------------------------------------------------


def wide_open(p, scale):
    """One input gate has a sum near 800, one output gate a sum near -800: where e^a is formed, it must not overflow.

    With large weights one forget gate and one output gate have such a sum too, whatever is drawn.
    """
    p["bi"][0], p["bo"][-1] = 800.0, -800.0
    p["bf"][0] += 5000.0 * (scale > 1)
    p["bo"][0] += 5000.0 * (scale > 1)
    return p


def make_step(rng, N, D, H, scale=1.0, peep=1.0, peepholes=False):
    p = wide_open(parameters(rng, D, H, scale, peep, peepholes), scale)
    return dict(
        x=rng.normal(size=(N, D)), y_prev=np.tanh(rng.normal(size=(N, H))), c_prev=rng.normal(size=(N, H)), params=p
    )


def make_peephole_step(rng, N, D, H, scale=1.0, peep=1.0):
    return make_step(rng, N, D, H, scale, peep, peepholes=True)


def make_forward(rng, T, N, D, H, scale=1.0, peep=1.0):
    return dict(
        x=rng.normal(size=(T, N, D)), y0=np.tanh(rng.normal(size=(N, H))), c0=rng.normal(size=(N, H)),
        params=wide_open(parameters(rng, D, H, scale, peep), scale),
    )  # fmt: skip


# from_torch --------------------------------------------------------------------------------------

TORCH = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
KEYS = [f"{m}{k}" for m in "WRb" for k in GATES]


def make_from_torch(rng, D, H):
    shapes = ((4 * H, D), (4 * H, H), (4 * H,), (4 * H,))
    return {name: rng.normal(size=shape) for name, shape in zip(TORCH, shapes, strict=True)}


# count_parameters --------------------------------------------------------------------------------


def make_count(rng, D, H):
    return dict(D=D, H=H)


# One cell, to be played --------------------------------------------------------------------------

THRESHOLD = 0.4  # an output above it is read as +1, one below minus it as -1, one between as nothing
SILENT = 0.1  # the counter's output is silent below it


def by_hand(params, name, D):
    """The parameters of one cell as arrays, whatever numpy array or list they came in."""
    shapes = {f"W{k}": (1, D) for k in GATES} | {f"R{k}": (1, 1) for k in GATES} | {f"b{k}": (1,) for k in GATES}
    shapes |= {f"p{k}": (1,) for k in "ifo"}
    for key, shape in shapes.items():
        if not isinstance(params, dict) or key not in params:
            raise ValueError(f"{name} should return a dict with {', '.join(shapes)}; {key} is missing")
        if np.shape(params[key]) != shape:
            inputs = "one input" if D == 1 else f"D = {D} inputs"
            raise ValueError(
                f"{key} has shape {np.shape(params[key])}, expected {shape}: there are {inputs} and H = 1 cell"
            )
    return {key: np.asarray(params[key], dtype=float) for key in shapes}


def follow(p, x, y, c, wire=True):
    """Output and cell (T, N) of one cell over the inputs x (T, N, D); without `wire` it does not hear its own output."""

    def squash(total):
        return (1 + np.tanh(total / 2)) / 2

    outputs, cells = [], []
    for given in x:
        sums = {k: given @ p[f"W{k}"][0] + p[f"R{k}"][0, 0] * y * wire + p[f"b{k}"] for k in GATES}
        written = np.tanh(sums["z"]) * squash(sums["i"] + p["pi"] * c)
        c = written + c * squash(sums["f"] + p["pf"] * c)
        y = np.tanh(c) * squash(sums["o"] + p["po"] * c)
        outputs.append(y)
        cells.append(c)
    return np.array(outputs), np.array(cells)


# latch -------------------------------------------------------------------------------------------


def make_latch(rng, n, T, N):
    """Feature 0: the bit, or noise when nothing is to be written. Feature 1: 1 when the bit is to be written, else 0.

    The first bits are +1 and -1 in turn, each noisy step has noise of the other sign somewhere, and a bit is written at
    least once in half a half-life.
    """
    x = rng.uniform(-1, 1, size=(T, N, 2))
    x[..., 1] = rng.uniform(size=(T, N)) < 0.12
    x[2 % T :: max(1, n // 2), :, 1] = 1
    bits = 2.0 * rng.randint(2, size=(T, N)) - 1
    bits[2 % T] = np.resize([1.0, -1.0], N)
    x[5:9, :, 1] = [[0], [1], [1], [0]]  # two bits in a row, the same and the other one
    bits[6], bits[7] = bits[2 % T], -bits[2 % T]
    x[..., 0] = np.where(x[..., 1] == 1, bits, x[..., 0])
    x[8, :, 0] = 0.9 * bits[2 % T]
    return dict(n=n, x=x)


def play_latch(latch, n, x):
    """What the cell holds and what can be read from its outputs, each as +1, -1 or 0, and what is left of c = 1 after n steps."""
    params = latch(n)
    if params is None:
        return None
    p = by_hand(params, "latch", D=2)
    none = np.zeros(x.shape[1])
    y, c = follow(p, x, none, none)
    _, left = follow(p, np.zeros((n, 1, 2)), np.zeros(1), np.ones(1))
    held, read = ((value > THRESHOLD).astype(float) - (value < -THRESHOLD) for value in (c, y))
    return held, read, left[-1, 0]


# counter -----------------------------------------------------------------------------------------


def make_counter(rng, n, T, N):
    """Pulses, 1 or 0. Sequence 0: at every step. 1: none. 2: exactly n, a pause, then more. The others at random."""
    x = (rng.uniform(size=(T, N, 1)) < 0.5).astype(float)
    x[:, 0] = 1.0
    if N > 1:
        x[:, 1] = 0.0
    if N > 2:
        x[:, 2, 0] = 0.0
        x[1 : 1 + n, 2, 0] = x[4 + n :, 2, 0] = 1.0
    return dict(n=n, x=x)


def play_counter(counter, n, x):
    """Whether the output strikes (1), is silent (0) or neither, and what the cell holds, with one decimal."""
    params = counter(n)
    if params is None:
        return None
    none = np.zeros(x.shape[1])
    y, c = follow(by_hand(params, "counter", D=1), x, none, none, wire=False)
    read = np.where(y > THRESHOLD, 1.0, np.where(np.abs(y) < SILENT, 0.0, 0.5))
    return read, np.round(c, 1)


def pick(*names):
    return {name: SIZES[name] for name in names}


def edges(*names):
    return [e for e in EDGES if set(e.sizes) <= set(names)]


SQUARE = EdgeCase(dict(D=4, H=4), "with as many cells as inputs")
EXERCISES = {
    "sigmoid": Exercise(
        make=make_sigmoid, results=["s"], sizes=pick("N", "H"),
        edges=[EdgeCase(dict(shift=700.0), "with large sums"), EdgeCase(dict(N=1, H=12), "with a single row")], elementwise=("s",),
    ),
    "lstm_step": Exercise(
        make=make_step, results=NAMES, sizes=pick("N", "D", "H"), edges=edges("N", "D", "H", "scale"), as_dict=True,
    ),
    "from_torch": Exercise(
        make=make_from_torch, results=KEYS, sizes=pick("D", "H"),
        edges=[EdgeCase(dict(H=1), "with one cell"), EdgeCase(dict(D=1), "with one input"), SQUARE, EdgeCase(dict(D=9, H=2), "with more inputs than rows")],
        as_dict=True, groups=[[k for k in KEYS if k[0] in "WR"], [k for k in KEYS if k[0] == "b"]],
    ),
    "peephole_step": Exercise(
        make=make_peephole_step, results=NAMES, sizes=pick("N", "D", "H"), edges=edges("N", "D", "H", "scale", "peep"),
        as_dict=True,
    ),
    "lstm_forward": Exercise(
        make=make_forward, results=NAMES, sizes=SIZES, edges=EDGES, as_dict=True, forward=NAMES,
        groups=[["z", "i", "f", "o"]],  # peephole_step delivers them
    ),
    "count_parameters": Exercise(
        make=make_count, results=["torch", "peephole"], sizes=pick("D", "H"),
        edges=[dict(D=1, H=1), dict(D=28, H=128), dict(D=300, H=7)], as_dict=True,
    ),
    "latch": Exercise(
        make=make_latch, results=["held", "read", "kept"], sizes=dict(n=100, T=60, N=4),
        edges=[
            EdgeCase(dict(n=1000), "with a half-life of 1000 steps"), EdgeCase(dict(n=12), "with a half-life of 12 steps"),
            EdgeCase(dict(n=3000, T=40), "with a half-life of 3000 steps"), EdgeCase(dict(N=1), "with one sequence"),
            EdgeCase(dict(T=120), "over 120 steps"),
        ],
        call=play_latch, forward=["held", "read"], groups=[["held", "read"]], judge="the reference",
    ),
    "counter": Exercise(
        make=make_counter, results=["read", "count"], sizes=dict(n=10, T=60, N=4),
        edges=[
            EdgeCase(dict(n=1), "when every pulse strikes"), EdgeCase(dict(n=2), "when every second pulse strikes"),
            EdgeCase(dict(n=7, T=200), "over 200 steps"),
        ],
        call=play_counter, forward=["read", "count"], judge="the reference",
    ),
}  # fmt: skip
