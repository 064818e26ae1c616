"""Unit 05: the problems that the exercises are checked on, and torch's answers to them.

Your answers are compared with `torch.nn.RNN`, `torch.nn.Linear` and `torch.nn.functional.cross_entropy`, and your
gradients with what torch's autograd gives for them. Reading this file is allowed; it holds no answer in numpy.
"""

import numpy as np
import torch
from torch.nn.functional import cross_entropy as torch_cross_entropy

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


def loss(o, y):
    [o] = tensors(o)
    J = torch_cross_entropy(o.flatten(0, 1), torch.tensor(y).flatten())
    J.backward()
    return numbers(J=J, do=o.grad)


# rnn_step_backward -------------------------------------------------------------------------------


def make_step_backward(rng, N, D, H, scale=1.0):
    args = make_step(rng, N, D, H, scale)
    h = step(**args)["h"]
    return dict(
        dh=rng.normal(size=(N, H)), x=args["x"], h_prev=args["h_prev"], h=h, U=args["U"], W=args["W"], b=args["b"]
    )


def step_backward(dh, x, h_prev, h, U, W, b):
    x, h_prev = tensors(x, h_prev)
    cell = cell_with(U, W, b)
    cell(x, h_prev).backward(torch.tensor(dh))
    return numbers(dx=x.grad, dh_prev=h_prev.grad, dU=cell.weight_ih.grad, dW=cell.weight_hh.grad, db=cell.bias_ih.grad)


# rnn_backward ------------------------------------------------------------------------------------


def make_backward(rng, T, N, D, H, O, scale=1.0):
    args = make_forward(rng, T, N, D, H, O, scale)
    h = forward(**args)["h"]
    return dict(
        do=rng.normal(size=(T, N, O)), x=args["x"], h0=args["h0"], h=h,
        U=args["U"], W=args["W"], V=args["V"], b=args["b"],
    )  # fmt: skip


def backward(do, x, h0, h, U, W, V, b):
    x, h0, U, W, V, b, c = tensors(x, h0, U, W, V, b, np.zeros(len(V)))
    _, o, p = run(x, h0, U, W, V, b, c)
    o.backward(torch.tensor(do))
    return numbers(**{f"d{k}": p[k].grad for k in "UWVbc"}, dh0=h0.grad)


# truncated_bptt ----------------------------------------------------------------------------------


def make_truncated(rng, T, N, D, H, O, k, scale=1.0):
    args = make_forward(rng, T, N, D, H, O, scale)
    y = rng.randint(O, size=(T, N))
    return dict(x=args.pop("x"), y=y, h0=args.pop("h0"), **args, k=k)


def truncated(x, y, h0, U, W, V, b, c, k):
    T, N = y.shape
    x, h, U, W, V, b, c = tensors(x, h0, U, W, V, b, c)
    total = 0.0
    grads = {name: 0.0 for name in "UWVbc"}
    for start in range(0, T, k):
        states, o, p = run(x[start : start + k], h.detach(), U, W, V, b, c)
        target = torch.tensor(y[start : start + k]).flatten()
        J = torch_cross_entropy(o.flatten(0, 1), target, reduction="sum") / (T * N)
        J.backward()
        total, h = total + J, states[-1]
        grads = {name: grads[name] + p[name].grad for name in grads}
    return numbers(J=total, **{f"d{name}": g for name, g in grads.items()})


# sample ------------------------------------------------------------------------------------------


def make_sample(rng, n, D, H, temperature, scale=2.0):
    p = parameters(rng, D, H, D, scale)
    return dict(first=int(rng.randint(D)), r=rng.uniform(size=n), temperature=temperature, **p)


def draw(first, r, temperature, U, W, V, b, c):
    U, W, V, b, c = tensors(U, W, V, b, c)
    h, k, drawn = torch.zeros(1, len(W), dtype=torch.float64), first, []
    for u in r:
        x = torch.nn.functional.one_hot(torch.tensor([k]), U.shape[1]).double()
        states, o, _ = run(x[None], h, U, W, V, b, c)
        h = states[-1]
        p = torch.softmax(o[-1, 0] / temperature, dim=0)
        k = min(int((p.cumsum(0) <= u).sum()), len(p) - 1)
        drawn.append(k)
    return dict(indices=np.array(drawn, dtype=int))


def pick(*names):
    return {name: SIZES[name] for name in names}


def edges(*names):
    return [e for e in EDGES if set(e) <= {*names, "scale"}]


EXERCISES = {
    "rnn_step": Exercise(make_step, step, ["h"], pick("N", "D", "H"), edges("N", "D", "H")),
    "rnn_forward": Exercise(make_forward, forward, ["h", "o"], SIZES, EDGES, forward=["h", "o"]),
    "cross_entropy": Exercise(
        make_loss, loss, ["J", "do"], pick("T", "N", "O"),
        [dict(T=1), dict(N=1), dict(O=1), dict(O=7), dict(shift=-5000.0)], forward=["do"],
    ),
    "rnn_step_backward": Exercise(
        make_step_backward, step_backward, ["dx", "dh_prev", "dU", "dW", "db"],
        pick("N", "D", "H"), edges("N", "D", "H"), withheld=["b"],
    ),
    "rnn_backward": Exercise(
        make_backward, backward, ["dU", "dW", "dV", "db", "dc", "dh0"], SIZES, EDGES, withheld=["b"], as_dict=True,
    ),
    "truncated_bptt": Exercise(
        make_truncated, truncated, ["J", "dU", "dW", "dV", "db", "dc"], dict(SIZES, T=7, k=3),
        [dict(k=1), dict(k=7), dict(k=50), dict(T=6), *EDGES], as_dict=True,
    ),
    "sample": Exercise(
        make_sample, draw, ["indices"], dict(n=40, D=7, H=5, temperature=0.7),
        [dict(n=1), dict(temperature=2.0), dict(temperature=0.02), dict(D=1), dict(scale=0.0)], forward=["indices"],
    ),
}  # fmt: skip
