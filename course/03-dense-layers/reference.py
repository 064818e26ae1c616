"""Unit 03: the right answers to the problems of checks.py, all of them torch's. No grading process that runs your code has them."""

import torch
from checks import GRADIENTS, KINDS, PARAMETERS
from torch.nn.functional import cross_entropy as torch_cross_entropy

from byhand.checking import Terms
from byhand.in_torch import leaves, numbers

TORCH = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "linear": lambda a: a}
# The sum that belongs to a saved output. Where the ReLU has put out 0, any negative sum will do.
INVERSE = {"sigmoid": torch.logit, "tanh": torch.arctanh, "relu": lambda h: torch.where(h > 0, h, -1.0), "linear": lambda h: h}


def linear_with(W, b):
    layer = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(W)), layer.bias.copy_(torch.tensor(b))
    return layer


def at_saved(a, h, kind):
    """The activation of the sums `a`, run where its output is the saved h: torch's way back then has h's slopes."""
    return TORCH[kind](a + (INVERSE[kind](torch.tensor(h)) - a).detach())


def send_back(output, gradient):
    """Backward from `output`, at which `gradient` arrives. (The first use of output.backward(gradient) imports for a second.)"""
    (output * torch.tensor(gradient)).sum().backward()


def activate(a):
    return numbers(**{kind: TORCH[kind](torch.tensor(a)) for kind in KINDS})


def activate_backward(dh, **saved):
    gradients = {}
    for kind in KINDS:
        [a] = leaves(INVERSE[kind](torch.tensor(saved[f"h_{kind}"])).numpy())
        send_back(TORCH[kind](a), dh)
        gradients[kind] = a.grad
    return numbers(**gradients)


def dense_backward(dh, x, h, W, kind, b):
    layer, [leaf] = linear_with(W, b), leaves(x)
    send_back(at_saved(layer(leaf), h, kind), dh)
    return numbers(dx=leaf.grad, dW=layer.weight.grad, db=layer.bias.grad)


def skip_backward(dy, x, h, W1, W2, kind):
    [leaf, W1, W2, b1, b2] = leaves(x, W1, W2, 0 * W1[:, 0], 0 * W2[:, 0])
    hidden = at_saved(leaf @ W1.T + b1, h, kind)
    send_back(leaf + hidden @ W2.T + b2, dy)
    return numbers(dx=leaf.grad, dW1=W1.grad, db1=b1.grad, dW2=W2.grad, db2=b2.grad)


def terms_of_skip(dy, x, h, W1, W2, kind):
    through = skip_backward(dy, x, h, W1, W2, kind)["dx"] - dy
    return {"dx": Terms({"of the straight way": dy, "of the way through the two layers": through}, foreign={"x itself": x})}


def softmax_cross_entropy(o, y, smoothing):
    [o] = leaves(o)
    J = torch_cross_entropy(o, torch.tensor(y), label_smoothing=smoothing)
    J.backward()
    return numbers(J=J, do=o.grad)


def run(x, y, params, kind, masks=(1.0, 1.0)):
    """torch's three layers; returns scores, loss and the layers, whose gradients are filled in."""
    layers = [linear_with(params[f"W{n}"], params[f"b{n}"]) for n in (1, 2, 3)]
    h = torch.tensor(x)
    for layer, mask in zip(layers, masks, strict=False):
        h = TORCH[kind](layer(h)) * mask
    o = layers[2](h)
    J = torch_cross_entropy(o, torch.tensor(y))
    J.backward()
    return o, J, layers


def network(x, y, params, kind):
    o, J, layers = run(x, y, params, kind)
    grads = [g for layer in layers for g in (layer.weight.grad, layer.bias.grad)]
    return numbers(o=o, J=J, **dict(zip(GRADIENTS, grads, strict=True)))


def torch_dropout(h, r, p, training=True):
    """torch.nn.functional.dropout with our own random numbers: kept units are scaled in training, nothing happens in
    evaluation."""
    if not training:
        return torch.nn.functional.dropout(h, p, training=False)
    return torch.where(torch.tensor(r) < p, 0.0, h / (1 - p))


def dropout(h, r, p):
    results = {}
    for mode, training in (("train", True), ("eval", False)):
        [leaf] = leaves(h)
        out = torch_dropout(leaf, r, p, training)
        out.sum().backward()
        results |= {f"out_{mode}": out, f"mask_{mode}": leaf.grad}
    return numbers(**results)


def train_step(x, y, params, kind, r1, r2, p, rate):
    masks = [torch_dropout(torch.ones(r.shape, dtype=torch.float64), r, p) for r in (r1, r2)]
    _, J, layers = run(x, y, params, kind, masks)
    # By hand what torch.optim.SGD does, since the first use of torch.optim takes more than a second.
    stepped = [leaf - rate * leaf.grad for layer in layers for leaf in (layer.weight, layer.bias)]
    return numbers(J=J, **dict(zip(PARAMETERS, stepped, strict=True)))


REFERENCES = {
    "activate": activate,
    "activate_backward": activate_backward,
    "dense_backward": dense_backward,
    "softmax_cross_entropy": softmax_cross_entropy,
    "network": network,
    "skip_backward": skip_backward,
    "dropout": dropout,
    "train_step": train_step,
}
TERMS = {"skip_backward": terms_of_skip}
