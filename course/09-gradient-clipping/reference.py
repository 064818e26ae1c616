"""Unit 09: the right answers to the problems of checks.py, most of them torch's. No grading process that runs your code has them."""

import numpy as np
import torch
from torch.autograd.functional import jacobian

from checks import blocks_of


def tensors(*arrays):
    return [torch.tensor(a, dtype=torch.float64) for a in arrays]


def one_jacobian(h, W, h_prev, rest):
    W, h_prev, rest = tensors(W, h_prev, rest)
    each = [jacobian(lambda s, r=r: torch.tanh(r + W @ s), s) for s, r in zip(h_prev, rest, strict=True)]
    return dict(J=torch.stack(each).numpy())


def products(h, W, h0, rest):
    h, W, rest = tensors(h, W, rest)
    T, N, H = h.shape
    P = torch.empty(T, N, H, H, dtype=torch.float64)
    for t in range(T):
        for n in range(N):

            def to_the_end(s, t=t, n=n):
                for later in rest[t + 1 :, n]:
                    s = torch.tanh(later + W @ s)
                return 1.0 * s

            P[t, n] = jacobian(to_the_end, h[t, n])
    return dict(P=P.numpy())


def spectrum(W, gamma, T):
    [W] = tensors(W)
    sigma = torch.linalg.matrix_norm(W, 2)
    powers = [torch.linalg.matrix_norm(torch.linalg.matrix_power(W, d), 2) for d in range(T + 1)]
    return dict(
        rho=torch.linalg.eigvals(W).abs().max().numpy(),
        sigma=sigma.numpy(),
        norms=torch.stack(powers).numpy(),
        bound=torch.cumprod(torch.cat([torch.ones(1), (gamma * sigma).expand(T)]).double(), 0).numpy(),
    )


def chain(g, jacobians):
    g, jacobians = tensors(g, jacobians)
    states = [torch.zeros_like(g, requires_grad=True)]
    for J_t in jacobians:
        states.append((J_t @ states[-1][:, :, None])[:, :, 0])
        states[-1].retain_grad()
    states[-1].backward(g)
    return dict(norms=torch.stack([s.grad.norm(dim=1) for s in reversed(states)]).numpy())


def step_in_slots(p, rest, c_direct, c_peep, y):
    """c(t), with the old cell given twice: to the path that the forget gate multiplies, and to the peepholes."""
    z = torch.tanh(rest["z"] + p["Rz"] @ y)
    i = torch.sigmoid(rest["i"] + p["Ri"] @ y + p["pi"] * c_peep)
    f = torch.sigmoid(rest["f"] + p["Rf"] @ y + p["pf"] * c_peep)
    return z * i + c_direct * f


def each_sequence(before, now, p, o_before, rest):
    p = {k: torch.tensor(v) for k, v in p.items()}
    for n in range(len(before["c"])):
        yield (
            p,
            {k: torch.tensor(v[n]) for k, v in rest.items()},
            *tensors(before["c"][n], before["y"][n], o_before[n]),
        )


def cell_terms(**args):
    found = []
    for p, rest, c, y, o_before in each_sequence(**args):

        def total(s, p=p, rest=rest, o_before=o_before):
            return step_in_slots(p, rest, s, s, torch.tanh(s) * torch.sigmoid(o_before + p["po"] * s))

        slots = jacobian(lambda a, b, y, p=p, rest=rest: step_in_slots(p, rest, a, b, y), (c, c, y))
        found.append([*slots, jacobian(total, c)])
    names = ("direct", "peepholes", "from_y", "total")
    return {k: torch.stack(v).numpy() for k, v in zip(names, zip(*found, strict=True), strict=True)}


def joint(**args):
    found = []
    for p, rest, c, y, _ in each_sequence(**args):
        H = len(c)

        def step(s, p=p, rest=rest, H=H):
            new = step_in_slots(p, rest, s[:H], s[:H], s[H:])
            o = torch.sigmoid(rest["o"] + p["Ro"] @ s[H:] + p["po"] * new)
            return torch.cat([new, torch.tanh(new) * o])

        found.append(jacobian(step, torch.cat([c, y])))
    return blocks_of(torch.stack(found).numpy(), len(c))


def with_grads(grads):
    leaves = {name: torch.zeros(np.shape(g), dtype=torch.float64, requires_grad=True) for name, g in grads.items()}
    for name, leaf in leaves.items():
        leaf.grad = torch.tensor(grads[name])
    return leaves


def by_value(grads, limit):
    leaves = with_grads(grads)
    torch.nn.utils.clip_grad_value_(leaves.values(), limit)
    return {name: leaf.grad.numpy() for name, leaf in leaves.items()}


def by_norm(grads, small, max_norm):
    results = {}
    for label, given in (("", grads), ("small ", small)):
        leaves = with_grads(given)
        norm = torch.nn.utils.clip_grad_norm_(leaves.values(), max_norm)
        results |= {f"{label}{name}": leaf.grad.numpy() for name, leaf in leaves.items()}
        results[f"{label}norm"] = norm.numpy()
    return results


REFERENCES = {
    "rnn_jacobian": one_jacobian,
    "jacobian_product": products,
    "growth": spectrum,
    "norms_by_distance": chain,
    "cell_jacobian": cell_terms,
    "state_jacobian": joint,
    "clip_by_value": by_value,
    "clip_by_norm": by_norm,
}
