"""Unit 05: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.nn.RNN`, `torch.nn.Linear` and `torch.nn.functional.cross_entropy`, and your
gradients with what torch's autograd gives for them. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch

from byhand.checking import Exercise

# D, H and O differ, T is at least 3 and N at least 2, so that a wrong transpose, time step or mean cannot hide.
SIZES = dict(T=5, N=3, D=4, H=6, O=2)
EDGES = [dict(T=1), dict(N=1), dict(H=1), dict(D=1), dict(T=9, N=2, D=3, H=8, O=5), dict(scale=0.0), dict(scale=6.0)]


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]


def numbers(**results):
    return {name: value.detach().numpy() for name, value in results.items()}


def parameters(rng, D, H, O, scale):
    return dict(
        U=scale * rng.normal(size=(H, D)) / np.sqrt(D),
        W=scale * rng.normal(size=(H, H)) / np.sqrt(H),
        V=scale * rng.normal(size=(O, H)) / np.sqrt(H),
        b=scale * rng.normal(size=H) / 2,
        c=scale * rng.normal(size=O) / 2,
    )


def run(x, h0, U, W, V, b, c):
    """torch's own RNN and a linear layer. Returns h (T, N, H), o (T, N, O) and the parameters as torch names them."""
    H, D = U.shape
    rnn = torch.nn.RNN(D, H, dtype=torch.float64)
    linear = torch.nn.Linear(H, len(V), dtype=torch.float64)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(U), rnn.weight_hh_l0.copy_(W)
        rnn.bias_ih_l0.copy_(b), rnn.bias_hh_l0.zero_()
        linear.weight.copy_(V), linear.bias.copy_(c)
    h, _ = rnn(x, h0[None])
    where = dict(U=rnn.weight_ih_l0, W=rnn.weight_hh_l0, V=linear.weight, b=rnn.bias_ih_l0, c=linear.bias)
    return h, linear(h), where


# rnn_step ----------------------------------------------------------------------------------------


def make_step(rng, N, D, H, scale=1.0):
    p = parameters(rng, D, H, 1, scale)
    return dict(x=rng.normal(size=(N, D)), h_prev=np.tanh(rng.normal(size=(N, H))), U=p["U"], W=p["W"], b=p["b"])


def cell_with(U, W, b):
    cell = torch.nn.RNNCell(U.shape[1], U.shape[0], dtype=torch.float64)
    values = {"weight_ih": U, "weight_hh": W, "bias_ih": b, "bias_hh": np.zeros_like(b)}
    cell.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    return cell


def step(x, h_prev, U, W, b):
    x, h_prev = tensors(x, h_prev)
    return numbers(h=cell_with(U, W, b)(x, h_prev))


# rnn_forward -------------------------------------------------------------------------------------


def make_forward(rng, T, N, D, H, O, scale=1.0):
    p = parameters(rng, D, H, O, scale)
    return dict(x=rng.normal(size=(T, N, D)), h0=np.tanh(rng.normal(size=(N, H))), **p)


def forward(**args):
    args = dict(zip(args, tensors(*args.values()), strict=True))
    h, o, _ = run(**args)
    return numbers(h=h, o=o)


# cross_entropy -----------------------------------------------------------------------------------


def make_loss(rng, T, N, O, shift=0.0):
    o = 2 * rng.normal(size=(T, N, O))
    o[0, 0] += 1000.0  # exp(1000) overflows; the softmax of these scores does not
    o[-1, -1] -= 1000.0
    return dict(o=o + shift, y=rng.randint(O, size=(T, N)))


# rnn_step_backward -------------------------------------------------------------------------------


def make_step_backward(rng, N, D, H, scale=1.0):
    args = make_step(rng, N, D, H, scale)
    h = step(**args)["h"]
    return dict(
        dh=rng.normal(size=(N, H)), x=args["x"], h_prev=args["h_prev"], h=h, U=args["U"], W=args["W"], b=args["b"]
    )


# rnn_backward ------------------------------------------------------------------------------------


def make_backward(rng, T, N, D, H, O, scale=1.0):
    args = make_forward(rng, T, N, D, H, O, scale)
    h = forward(**args)["h"]
    return dict(
        do=rng.normal(size=(T, N, O)), x=args["x"], h0=args["h0"], h=h,
        U=args["U"], W=args["W"], V=args["V"], b=args["b"],
    )  # fmt: skip


# truncated_bptt ----------------------------------------------------------------------------------


def make_truncated(rng, T, N, D, H, O, k, scale=1.0):
    args = make_forward(rng, T, N, D, H, O, scale)
    y = rng.randint(O, size=(T, N))
    return dict(x=args.pop("x"), y=y, h0=args.pop("h0"), **args, k=k)


# sample ------------------------------------------------------------------------------------------


def make_sample(rng, n, D, H, temperature, scale=2.0):
    p = parameters(rng, D, H, D, scale)
    return dict(first=int(rng.randint(D)), r=rng.uniform(size=n), temperature=temperature, **p)


def pick(*names):
    return {name: SIZES[name] for name in names}


def edges(*names):
    return [e for e in EDGES if set(e) <= {*names, "scale"}]


EXERCISES = {
    "rnn_step": Exercise(make_step, ["h"], pick("N", "D", "H"), edges("N", "D", "H")),
    "rnn_forward": Exercise(make_forward, ["h", "o"], SIZES, EDGES, forward=["h", "o"]),
    "cross_entropy": Exercise(
        make_loss, ["J", "do"], pick("T", "N", "O"),
        [dict(T=1), dict(N=1), dict(O=1), dict(O=7), dict(shift=-5000.0)], forward=["do"],
    ),
    "rnn_step_backward": Exercise(
        make_step_backward, ["dx", "dh_prev", "dU", "dW", "db"],
        pick("N", "D", "H"), edges("N", "D", "H"), withheld=["b"],
    ),
    "rnn_backward": Exercise(
        make_backward, ["dU", "dW", "dV", "db", "dc", "dh0"], SIZES, EDGES, withheld=["b"], as_dict=True,
    ),
    "truncated_bptt": Exercise(
        make_truncated, ["J", "dU", "dW", "dV", "db", "dc"], dict(SIZES, T=7, k=3),
        [dict(k=1), dict(k=7), dict(k=50), dict(T=6), *EDGES], as_dict=True,
    ),
    "sample": Exercise(
        make_sample, ["indices"], dict(n=40, D=7, H=5, temperature=0.7),
        [dict(n=1), dict(temperature=2.0), dict(temperature=0.02), dict(D=1), dict(scale=0.0)], forward=["indices"],
    ),
}  # fmt: skip
