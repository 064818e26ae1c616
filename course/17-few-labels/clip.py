"""Pictures of coloured shapes and their captions in one space, and one new word for it.

`mine` is a dict, or the notebook's `globals()`, with `info_nce` and `invert` of the exercises.
"""

import numpy as np
from nets import Adam, backward, first_net, forward, unit

from byhand.shapes import COLOURS, PLACES, SHAPES, SIZES, scenes

KNOWN = 5  # shapes in the training pictures; the heart and the star are not among them
UNSEEN = [(s, (s + 1) % len(COLOURS)) for s in range(KNOWN)]  # pairs of shape and colour that no training picture shows
NEW = "<new>"
WORDS = ["a", *SIZES, *COLOURS, *SHAPES[:KNOWN], *PLACES[2][0], *PLACES[2][1], NEW]
WIDTH, STEPS, RATE, BATCH = 32, 3000, 2e-3, 32


def pairs(shapes=range(KNOWN), unseen=False):
    """The weights of `byhand.shapes.scenes`: which shapes, and whether only the unseen pairs or all but these."""
    table = np.zeros((len(SHAPES), len(COLOURS)))
    table[list(shapes)] = 1
    for pair in UNSEEN:
        table[pair] = 0
    if unseen:
        table[:] = 0
        table[tuple(np.transpose(UNSEEN))] = 1
    return table


def ids(text):
    return [WORDS.index(word) for word in text.split()]


def bag(texts):
    """The share of each word in each text: (N, V), so that bag @ E is the mean of the words' rows."""
    found = np.zeros((len(texts), len(WORDS)))
    for row, text in zip(found, texts, strict=True):
        for k in ids(text):
            row[k] += 1 / len(text.split())
    return found


def caption(drawn, n, rng):
    """A caption of scene n, in which each word but the shape may be left out."""
    row, column = divmod(int(drawn.cell[n, 0]), 2)
    words = [
        SIZES[drawn.size[n, 0]],
        COLOURS[drawn.colour[n, 0]],
        SHAPES[drawn.shape[n, 0]],
        PLACES[2][0][row],
        PLACES[2][1][column],
    ]
    return " ".join(["a", *(w for k, w in enumerate(words) if k == 2 or rng.uniform() > 0.3)])


def rows(drawn):
    return drawn.images.reshape(len(drawn.images), -1) - 0.8


def first(seed):
    """The two encoders: a net for pictures, and a table of words with a net behind it; and the logarithm of the scale."""
    rng = np.random.RandomState(seed + 1)
    image, text = first_net((768, 128, 96, WIDTH), seed), first_net((WIDTH, 96, WIDTH), seed + 2)
    return dict(image=image, text=text, E=rng.normal(size=(len(WORDS), WIDTH)), log_s=np.log(1 / 0.07))


def train(mine, seed, pictures=6000, steps=STEPS, bar=iter):
    """Train both encoders on pictures and captions. Returns the net; and for each step the loss and the scale."""
    rng, net, curve = np.random.RandomState(seed), first(seed), []
    drawn = scenes(pictures, seed, pairs=pairs())
    x = rows(drawn)
    adams = {name: Adam(net[name], RATE, steps) for name in ("image", "text")}
    table = {"E": net["E"], "log_s": net["log_s"]}
    adams["table"] = Adam(table, RATE, steps)
    for _ in bar(range(steps)):
        part, texts = [], []
        while len(texts) < BATCH:  # 32 different captions
            n = rng.randint(pictures)
            said = caption(drawn, n, rng)
            if said not in texts:
                part.append(n)
                texts.append(said)
        A, kept_a = forward(x[part], net["image"])
        shares = bag(texts)
        B, kept_b = forward(shares @ table["E"], net["text"])
        J, dA, dB, dlog_s = mine["info_nce"](A, B, float(table["log_s"]))
        adams["image"].step(backward(dA, kept_a, net["image"])[0])
        grads, dmean = backward(dB, kept_b, net["text"])
        adams["text"].step(grads)
        adams["table"].step({"E": shares.T @ dmean, "log_s": dlog_s})
        table["log_s"] = min(table["log_s"], np.log(100))
        curve.append((float(J), float(np.exp(table["log_s"]))))
    return net | table, np.array(curve)


def of_images(x, net):
    return unit(forward(x, net["image"])[0])[0]


def of_texts(texts, net):
    return unit(forward(bag(texts) @ net["E"], net["text"])[0])[0]


def prompts(word, colour=None):
    """Everything that can be said of a thing, in all sizes and places, and all colours where none is given."""
    hues = COLOURS if colour is None else [colour]
    return [
        f"a {size} {hue} {word} {row} {column}"
        for size in SIZES
        for hue in hues
        for row in PLACES[2][0]
        for column in PLACES[2][1]
    ]


def classes(net, words, colour=None):
    """A vector of unit length for each word: the mean of its prompts' vectors."""
    return unit(np.stack([of_texts(prompts(word, colour), net).mean(axis=0) for word in words]))[0]


def shape_accuracy(drawn, net, words=SHAPES[:KNOWN]):
    """Zero-shot: how often the nearest word is the shape. A word that is not in SHAPES stands for anything else."""
    found = (of_images(rows(drawn), net) @ classes(net, words).T).argmax(axis=1)
    return float(np.mean([words[k] == SHAPES[s] for k, s in zip(found, drawn.shape[:, 0], strict=True)]))


def pair_accuracy(drawn, net):
    """Zero-shot: how often the nearest of the 30 pairs of colour and shape is the right one."""
    table = np.concatenate([classes(net, SHAPES[:KNOWN], colour) for colour in COLOURS])
    colour, shape = np.divmod((of_images(rows(drawn), net) @ table.T).argmax(axis=1), KNOWN)
    return float(((colour == drawn.colour[:, 0]) & (shape == drawn.shape[:, 0])).mean())


TEMPLATES = ["a {size} {colour} <new>", "a {colour} <new> {row}", "a {size} <new> {column}"]


def learn_word(mine, net, drawn, seed=0, steps=300, rate=0.02, bar=iter):
    """Textual inversion: everything is frozen, and the row of <new> in the table learns from the pictures of `drawn`.

    Each step says of each picture what is true of it, with <new> for the shape. The other texts are of the known shapes.
    Returns a net that has another row in its table and is the same elsewhere.
    """
    rng, new = np.random.RandomState(seed), WORDS.index(NEW)
    E = net["E"].copy()
    shapes_rows = [WORDS.index(word) for word in SHAPES[:KNOWN]]
    E[new] = E[shapes_rows].mean(axis=0)
    A, row = of_images(rows(drawn), net), {"row": E[new]}
    others = of_texts([text for word in SHAPES[:KNOWN] for text in prompts(word)], net)
    adam = Adam(row, rate, steps)
    for _ in bar(range(steps)):
        E[new] = row["row"]
        template = TEMPLATES[rng.randint(len(TEMPLATES))]
        said = [template.format(size=SIZES[drawn.size[n, 0]], colour=COLOURS[drawn.colour[n, 0]], row=PLACES[2][0][drawn.cell[n, 0] // 2],
                                column=PLACES[2][1][drawn.cell[n, 0] % 2]) for n in range(len(A))]  # fmt: skip
        _, drow = mine["invert"](
            A, np.array([ids(text) for text in said]), new, {"E": E, **net["text"]}, others, float(net["log_s"])
        )
        adam.step({"row": drow})
    E[new] = row["row"]
    return {**net, "E": E}
