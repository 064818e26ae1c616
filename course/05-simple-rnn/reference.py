"""Unit 05: the right answers to the problems of checks.py, all of them torch's. No grading process that runs your code has them.

Where a backward pass is given saved values, torch is led to them: `led(h, saved)` is the saved value, with h's derivatives.
"""

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot

from byhand.checking import Terms
from byhand.in_torch import leaves, numbers


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


def rnn_step(x, h_prev, U, W, b):
    cell = torch.nn.RNNCell(U.shape[1], U.shape[0], dtype=torch.float64)
    values = {"weight_ih": U, "weight_hh": W, "bias_ih": b, "bias_hh": np.zeros_like(b)}
    cell.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    return numbers(h=cell(*leaves(x, h_prev)))


def rnn_forward(**args):
    h, o, _ = run(**dict(zip(args, leaves(*args.values()), strict=True)))
    return numbers(h=h, o=o)


def loss(o, y):
    [o] = leaves(o)
    J = cross_entropy(o.flatten(0, 1), torch.tensor(y).flatten())
    J.backward()
    return numbers(J=J, do=o.grad)


# The way back ------------------------------------------------------------------------------------


def tanh_at(a, saved):
    """tanh of a, taken where it has the saved value."""
    return torch.tanh(a + (torch.arctanh(torch.tensor(saved)) - a).detach())


def on_paper():
    """The small network of exercise 4, part one."""
    a, h, J = [], [torch.tensor(0.5, dtype=torch.float64)], 0.0
    W = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    for x, y in ((1.0, 1), (-0.5, 0)):
        a.append(0.1 + W * h[-1] + 0.6 * x)
        h.append(torch.tanh(a[-1]))
        J = J + cross_entropy(torch.stack([h[-1], -h[-1]]), torch.tensor(y)) / 2
    found = dict(zip(("da2", "dh1", "dW"), torch.autograd.grad(J, (a[1], h[1], W)), strict=True))
    return {name: np.round(value, 2) for name, value in numbers(**found).items()}


def rnn_step_backward(dh, x, h_prev, h, U, W):
    x, h_prev, U, W, b = leaves(x, h_prev, U, W, np.zeros(len(W)))
    tanh_at(b + h_prev @ W.T + x @ U.T, h).backward(torch.tensor(dh))
    return numbers(dx=x.grad, dh_prev=h_prev.grad, dU=U.grad, dW=W.grad, db=b.grad)


def rnn_backward(do, x, h0, h, U, W, V):
    x, h0, U, W, V, b, c = leaves(x, h0, U, W, V, np.zeros(len(W)), np.zeros(len(V)))
    states = [h0]
    for t in range(len(x)):
        states.append(tanh_at(b + states[t] @ W.T + x[t] @ U.T, h[t]))
    (c + torch.stack(states[1:]) @ V.T).backward(torch.tensor(do))
    return numbers(**{f"d{name}": p.grad for name, p in dict(U=U, W=W, V=V, b=b, c=c, h0=h0).items()})


def truncated_bptt(x, y, h0, U, W, V, b, c, k):
    T, N = y.shape
    x, h, U, W, V, b, c = leaves(x, h0, U, W, V, b, c)
    total = 0.0
    grads = dict.fromkeys("UWVbc", 0.0)
    for start in range(0, T, k):
        states, o, p = run(x[start : start + k], h.detach(), U, W, V, b, c)
        target = torch.tensor(y[start : start + k]).flatten()
        J = cross_entropy(o.flatten(0, 1), target, reduction="sum") / (T * N)
        J.backward()
        total, h = total + J, states[-1]
        grads = {name: grads[name] + p[name].grad for name in grads}
    return numbers(J=total, **{f"d{name}": g for name, g in grads.items()})


def leaky_backward(dh, x, h0, h, g, U, W, alpha):
    x, h0, U, W, b = leaves(x, h0, U, W, np.zeros(len(W)))
    states = [h0]
    for t in range(len(x)):
        states.append((1 - alpha) * states[t] + alpha * tanh_at(b + states[t] @ W.T + x[t] @ U.T, g[t]))
        states[-1].retain_grad()
    states[-1].backward(torch.tensor(dh))
    sizes = torch.stack([torch.linalg.norm(state.grad) for state in states[1:]])
    return numbers(dU=U.grad, dW=W.grad, db=b.grad, dh0=h0.grad, sizes=sizes)


def sample(first, r, temperature, U, W, V, b, c):
    U, W, V, b, c = leaves(U, W, V, b, c)
    h, k, drawn = torch.zeros(1, len(W), dtype=torch.float64), first, []
    for u in r:
        x = one_hot(torch.tensor([k]), U.shape[1]).double()
        states, o, _ = run(x[None], h, U, W, V, b, c)
        h = states[-1]
        p = torch.softmax(o[-1, 0] / temperature, dim=0)
        k = min(int((p.cumsum(0) <= u).sum()), len(p) - 1)
        drawn.append(k)
    return dict(indices=np.array(drawn, dtype=int))


REFERENCES = {
    "rnn_step": rnn_step,
    "rnn_forward": rnn_forward,
    "cross_entropy": loss,
    "on_paper": on_paper,
    "rnn_step_backward": rnn_step_backward,
    "rnn_backward": rnn_backward,
    "truncated_bptt": truncated_bptt,
    "sample": sample,
    "leaky_backward": leaky_backward,
}


# Sums, by their terms ----------------------------------------------------------------------------


def step_terms(x, h_prev, U, W, b):
    parts = {"b": b, "W h⁽ᵗ⁻¹⁾": h_prev @ W.T, "U x⁽ᵗ⁾": x @ U.T}
    return {"h": Terms(parts, through=np.arctanh, foreign={"W applied without its transpose": h_prev @ W})}


TERMS = {"rnn_step": step_terms}
