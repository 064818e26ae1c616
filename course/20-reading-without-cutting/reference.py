"""Unit 20: the right answers to the problems of `checks.py`: torch's CTC, and plain loops where torch has nothing."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from checks import NO_WAY, NOWHERE, PAPER, PAPER_LABEL, PAPER_STEP, PARAMETERS, finite, walks

from byhand.checking.terms import Terms
from byhand.in_torch import numbers


def leaf(array):
    return torch.tensor(np.asarray(array, dtype=float), requires_grad=True)


def fixed(array):
    return torch.tensor(np.asarray(array, dtype=float))


def at(computed, saved):
    """What was computed, with the value that was saved."""
    return computed + (saved - computed).detach()


# Cutting


def segments(image, threshold):
    found, left = [], None
    for x in range(image.shape[1] + 1):
        inked = x < image.shape[1] and sum(image[:, x]) > threshold
        if inked and left is None:
            left = x
        if not inked and left is not None:
            found, left = [*found, (left, x)], None
    return dict(segments=np.array(found, dtype=float).reshape(-1, 2))


# CTC


def losses(lp, labels, lengths):
    """torch's loss of each label, and the gradient of their sum at the logits, where lp = log softmax of them."""
    lp = fixed(lp)
    logits = lp.clone().requires_grad_()
    steps = torch.full((lp.shape[1],), lp.shape[0], dtype=torch.long)
    J = F.ctc_loss(
        torch.log_softmax(logits, dim=-1), torch.tensor(labels), steps, torch.tensor(lengths), reduction="none", zero_infinity=True
    )
    J.sum().backward()
    each = F.ctc_loss(lp, torch.tensor(labels), steps, torch.tensor(lengths), reduction="none")
    return numbers(each=each, J=J.sum(), dlogits=logits.grad)


def on_paper():
    lp, label = np.log(PAPER)[:, None], np.array([PAPER_LABEL])
    found = losses(lp, label, np.array([2]))
    do = found["dlogits"][PAPER_STEP, 0]
    return dict(p=np.round(np.exp(-found["J"]), 3), occ=np.round(PAPER[PAPER_STEP] - do, 3), do=np.round(do, 3))


def ctc_alpha(lp, labels, lengths):
    alpha = np.full((*lp.shape[:2], 2 * labels.shape[1] + 1), NOWHERE)
    for n, length in enumerate(lengths):
        found = walks(lp[:, n], labels[n, :length])
        alpha[:, n, : found.shape[1]] = finite(found, NOWHERE, -np.inf)
    return dict(alpha=alpha, nll=finite(losses(lp, labels, lengths)["each"], NO_WAY, np.inf))


def ctc_occupancy(lp, labels, lengths, alpha, nll):
    """β is the α of the reversed label over the reversed steps; the occupancy is what torch's gradient lacks to the softmax."""
    beta = np.full(alpha.shape, NOWHERE)
    for n, length in enumerate(lengths):
        found = walks(lp[::-1, n], labels[n, :length][::-1])[::-1, ::-1]
        beta[:, n, : found.shape[1]] = finite(found, NOWHERE, -np.inf)
    occ = np.exp(lp) - losses(lp, labels, lengths)["dlogits"]
    occ[:, np.isinf(nll)] = 0
    return dict(beta=beta, occ=occ)


def ctc_loss(logits, labels, lengths):
    logits = leaf(logits)
    steps = torch.full((logits.shape[1],), logits.shape[0], dtype=torch.long)
    J = F.ctc_loss(
        torch.log_softmax(logits, dim=-1), torch.tensor(labels), steps, torch.tensor(lengths), reduction="sum", zero_infinity=True
    )
    J.backward()
    return numbers(J=J, dlogits=logits.grad)


def terms_of_loss(logits, labels, lengths):
    p = torch.softmax(fixed(logits), dim=-1).numpy()
    d = ctc_loss(logits, labels, lengths)["dlogits"]
    fits = np.abs(d).sum(axis=(0, 2)) > 0
    p = p * fits[:, None]
    return {"dlogits": Terms({"the softmax": p, "the occupancy, with a minus": d - p})}


# Beam search


def beam(lp, width):
    kept = {(): (0.0, -np.inf)}
    for row in lp:
        new = {}
        for (prefix, (blank, letter)), k in itertools.product(kept.items(), range(len(row))):
            if k == 0:
                grown = [(prefix, 0, np.logaddexp(blank, letter))]
            elif prefix and prefix[-1] == k:
                grown = [(prefix, 1, letter), ((*prefix, k), 1, blank)]
            else:
                grown = [((*prefix, k), 1, np.logaddexp(blank, letter))]
            for name, place, log_p in grown:
                old = list(new.get(name, (-np.inf, -np.inf)))
                old[place] = np.logaddexp(old[place], log_p + row[k])
                new[name] = tuple(old)
        kept = dict(sorted(new.items(), key=lambda item: -np.logaddexp(*item[1]))[:width])
    best, ends = next(iter(kept.items()))
    return dict(label=np.array(best, dtype=float), logp=np.array(np.logaddexp(*ends)))


# The reader's way back


def reader_backward(dlogits, kept, p, H, W):
    N, width, half = dlogits.shape[1], p["W1"].shape[1] // H, p["W1"].shape[1] // H // 2
    x, p = leaf(np.zeros((N, H, W))), {name: leaf(value) for name, value in p.items()}
    kept = {name: fixed(value) for name, value in kept.items()}
    padded = F.pad(x, (half, half))
    windows = padded.unfold(2, width, 2).permute(2, 0, 1, 3).reshape(-1, N, H * width)
    h1 = torch.relu(kept["h1"].where(kept["h1"] > 0, torch.tensor(-1.0).double()) + zero(F.linear(at(windows, kept["windows"]), p["W1"], p["b1"])))
    context = p["W2"].shape[1] // h1.shape[2]
    around = F.pad(h1, (0, 0, 0, 0, context // 2, context // 2))
    wide1 = torch.cat([around[j : j + len(h1)] for j in range(context)], dim=2)
    h2 = torch.relu(kept["h2"].where(kept["h2"] > 0, torch.tensor(-1.0).double()) + zero(F.linear(wide1, p["W2"], p["b2"])))
    F.linear(h2, p["W3"], p["b3"]).backward(fixed(dlogits))
    return numbers(dx=x.grad, **{f"d{name}": p[name].grad for name in PARAMETERS})


def zero(a):
    """0, with the gradient of a."""
    return a - a.detach()


REFERENCES = {
    "segments": segments, "on_paper": on_paper, "ctc_alpha": ctc_alpha, "ctc_occupancy": ctc_occupancy, "ctc_loss": ctc_loss,
    "beam": beam, "reader_backward": reader_backward,
}  # fmt: skip
TERMS = {"ctc_loss": terms_of_loss}
