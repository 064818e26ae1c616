"""Unit 19: torch's answers to the problems of `checks.py`, and plain loops where torch has nothing."""

from collections import Counter
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from checks import FUSION_GRADIENTS, SIDE

from byhand.checking.terms import Terms
from byhand.in_torch import numbers


def leaf(array):
    return torch.tensor(np.asarray(array, dtype=float), requires_grad=True)


def fixed(array):
    return torch.tensor(np.asarray(array, dtype=float))


def at(computed, saved):
    """What was computed, with the value that was saved."""
    return computed + (saved - computed).detach()


# A baseline


def most_common(questions, answers, new, K):
    def winner(counted):
        return min(range(K), key=lambda k: (-counted[k], k))

    asked, everything = {}, Counter(answers.tolist())
    for question, answer in zip(questions.tolist(), answers.tolist(), strict=True):
        asked.setdefault(tuple(question), Counter())[answer] += 1
    return dict(answer=np.array([winner(asked.get(tuple(question), everything)) for question in new.tolist()], dtype=float))


# The question


def question_state(ids, lengths, p):
    """The last state of torch's LSTM on packed questions; and, from its states, those before each step."""
    p = {name: fixed(value) for name, value in p.items()}
    x = F.embedding(torch.tensor(ids), p["E"])
    lstm = torch.nn.LSTM(x.shape[2], p["R"].shape[1]).double()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    weights = {"weight_ih_l0": p["W"], "weight_hh_l0": p["R"], "bias_ih_l0": p["b"], "bias_hh_l0": torch.zeros_like(p["b"])}
    states, (h, _) = torch.func.functional_call(lstm, weights, (packed,))
    states, _ = torch.nn.utils.rnn.pad_packed_sequence(states, total_length=len(ids))
    on = torch.arange(len(ids))[:, None] < torch.tensor(lengths)
    before = torch.cat([torch.zeros_like(states[:1]), states[:-1]]) * on[:, :, None]
    return numbers(y=h[0], h_before=before)


def question_backward(dy, ids, lengths, tape, p):
    p, ids = {name: leaf(value) for name, value in p.items()}, torch.tensor(ids)
    h = c = torch.zeros(dy.shape, dtype=torch.float64)
    for t, kept in enumerate(tape):
        x, h_in, c_in, *gates, s = map(fixed, kept)
        h_in, c_in = at(h, h_in), at(c, c_in)
        a = F.linear(at(p["E"][ids[t]], x), p["W"], p["b"]) + F.linear(h_in, p["R"])
        i, f, z, o = (g(at(part, inverse(v))) for part, v, g, inverse in zip(a.chunk(4, dim=1), gates, GATES, INVERSES, strict=True))
        c_new = f * c_in + i * z
        h_new = o * torch.tanh(at(c_new, torch.atanh(s)))
        on = torch.tensor(t < lengths)[:, None]
        h, c = torch.where(on, h_new, h), torch.where(on, c_new, c)
    h.backward(fixed(dy))
    return numbers(**{f"d{name}": value.grad for name, value in p.items()})


GATES = (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid)
INVERSES = (torch.logit, torch.logit, torch.atanh, torch.logit)


# Fusion


def fusion(q, v, p, kind):
    q, v, p = fixed(q), fixed(v), {name: fixed(value) for name, value in p.items()}
    if kind == SIDE:
        f = torch.relu(F.linear(torch.cat([q, v], dim=1), p["W"], p["b"]))
        return numbers(f=f, kept_f=f, kept_a=torch.tensor(0.0), kept_c=torch.tensor(0.0))
    a, c = torch.tanh(F.linear(q, p["Wq"])), torch.tanh(F.linear(v, p["Wv"]))
    return numbers(f=a * c, kept_f=a * c, kept_a=a, kept_c=c)


def fusion_backward(df, q, v, kept, p, kind):
    q, v, p = leaf(q), leaf(v), {name: leaf(value) for name, value in p.items()}
    if kind == SIDE:
        kept_a = np.where(kept["f"] > 0, kept["f"], -1.0)
        f = torch.relu(at(F.linear(torch.cat([q, v], dim=1), p["W"], p["b"]), fixed(kept_a)))
    else:
        a = torch.tanh(at(F.linear(q, p["Wq"]), torch.atanh(fixed(kept["a"]))))
        f = a * torch.tanh(at(F.linear(v, p["Wv"]), torch.atanh(fixed(kept["c"]))))
    f.backward(fixed(df))
    found = numbers(dq=q.grad, dv=v.grad, **{f"d{name}": value.grad for name, value in p.items()})
    return dict.fromkeys(FUSION_GRADIENTS, np.array(0.0)) | found


# Attention over regions


def region_attention(q, v, p):
    q, v, p = fixed(q), fixed(v), {name: fixed(value) for name, value in p.items()}
    t = torch.tanh(F.linear(v, p["Wa"]) + F.linear(q, p["Ua"])[:, None])
    P = torch.softmax(t @ p["w"], dim=1)
    return numbers(g=torch.einsum("nm,nmi->ni", P, v), P=P, t=t)


def regions_at(dg, q, v, t, P, p, scores=True, values=True):
    """The gradients at the saved t and P; through the scores alone, or through the mean alone, where asked."""
    q, v, p = leaf(q), leaf(v), {name: leaf(value) for name, value in p.items()}
    found = torch.tanh(at(F.linear(v if scores else v.detach(), p["Wa"]) + F.linear(q, p["Ua"])[:, None], torch.atanh(fixed(t))))
    weights = softmax_at(found @ p["w"], fixed(P))
    (weights[:, :, None] * (v if values else v.detach())).sum(dim=1).backward(fixed(dg))
    return q, v, p


def softmax_at(scores, P):
    """The softmax of scores that would give P."""
    return torch.softmax(at(scores, torch.log(P)), dim=1) if (P > 0).all() else Zeros.apply(scores, P)


class Zeros(torch.autograd.Function):
    """A softmax that gave P, with zeros in it: its Jacobian is diag(P) - P P'."""

    @staticmethod
    def forward(ctx, scores, P):
        ctx.save_for_backward(P)
        return P.clone()

    @staticmethod
    def backward(ctx, dP):
        (P,) = ctx.saved_tensors
        jacobian = torch.diag_embed(P) - P[:, :, None] * P[:, None]
        return torch.einsum("nkm,nm->nk", jacobian, dP), None


def region_attention_backward(dg, q, v, t, P, p):
    q, v, p = regions_at(dg, q, v, t, P, p)
    return numbers(dq=q.grad, dv=v.grad, **{f"d{name}": value.grad for name, value in p.items()})


def terms_of_regions(dg, q, v, t, P, p):
    by_scores = regions_at(dg, q, v, t, P, p, values=False)[1].grad.numpy()
    by_mean = regions_at(dg, q, v, t, P, p, scores=False)[1].grad.numpy()
    return {"dv": Terms({"what comes through the weighted mean": by_mean, "what comes through the scores": by_scores})}


# Ten people


def soft_score(counts):
    """By trying: for each answer, the mean over the ten ways to leave one person out."""
    official = np.zeros(counts.shape)
    for n, row in enumerate(counts):
        people = [k for k, count in enumerate(row) for _ in range(count)]
        for nine in combinations(people, 9):
            for k in range(len(row)):
                official[n, k] += min(nine.count(k) / 3, 1) / 10
    return dict(target=np.minimum(counts / 3, 1), official=official)


def soft_loss(o, target):
    o = leaf(o)
    J = F.binary_cross_entropy_with_logits(o, fixed(target), reduction="none").sum(dim=1).mean()
    J.backward()
    return numbers(J=J, do=o.grad)


REFERENCES = {
    "most_common": most_common, "question_state": question_state, "question_backward": question_backward, "fusion": fusion,
    "fusion_backward": fusion_backward, "region_attention": region_attention,
    "region_attention_backward": region_attention_backward, "soft_score": soft_score, "soft_loss": soft_loss,
}  # fmt: skip
TERMS = {"region_attention_backward": terms_of_regions}
