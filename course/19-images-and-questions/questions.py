"""Scenes of coloured shapes with a question about each, drawn from a seed, in a world whose bias can be turned.

Five kinds of question, fifteen answers. A question is asked only where it has one answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byhand import shapes

GRID, THINGS = 3, (3, 5)
SHAPES, COLOURS = shapes.SHAPES[:4], shapes.COLOURS[:4]  # circle, square, triangle, cross; red, green, blue, yellow
KINDS = ("colour", "shape", "exist", "count", "left of")
NUMBERS = ("none", "one", "two", "three", "four")
ANSWERS = (*COLOURS, *SHAPES, "yes", "no", *NUMBERS)
PLURALS = ("circles", "squares", "triangles", "crosses")
WORDS = ("", "what", "colour", "shape", "is", "the", "there", "a", "how", "many", "are", "thing", "left", "of", *COLOURS, *SHAPES, *PLURALS)
LONGEST = 7  # words


class Asked(NamedTuple):
    """images (n, 24, 24, 3); questions (n, 7), numbers of WORDS, filled up with 0; lengths (n,); answers (n,), numbers of ANSWERS; kinds (n,)."""

    images: np.ndarray
    questions: np.ndarray
    lengths: np.ndarray
    answers: np.ndarray
    kinds: np.ndarray

    def text(self, n: int) -> str:
        return " ".join(WORDS[k] for k in self.questions[n] if k)

    def rows(self, chosen) -> Asked:
        return Asked(*(part[chosen] for part in self))


def bias(share: float) -> np.ndarray:
    """How often each shape comes in each colour: circles are red with probability `share`, squares green, triangles blue, crosses
    yellow; the rest is spread over the other three colours. 0.25 is a world without bias."""
    pairs = np.zeros((len(shapes.SHAPES), len(shapes.COLOURS)))
    pairs[:4, :4] = (1 - share) / 3 + np.eye(4) * (share - (1 - share) / 3)
    return pairs


def ask(n: int, seed: int, share: float = 0.25) -> Asked:
    """n questions, each about a scene of its own, from a world with this bias."""
    rng = np.random.RandomState(seed + 1000)
    drawn = shapes.scenes(n + n // 3, seed, GRID, THINGS, bias(share))
    found = []
    for scene in range(len(drawn.images)):
        things = [(s, c, cell) for s, c, cell in zip(drawn.shape[scene], drawn.colour[scene], drawn.cell[scene], strict=True) if s >= 0]
        asked = question(KINDS[rng.randint(len(KINDS))], things, rng)
        if asked:
            found.append((scene, *asked))
    found = found[:n]
    if len(found) < n:
        raise ValueError(f"only {len(found)} of {n} questions could be asked")
    questions, lengths = np.zeros((n, LONGEST), int), np.zeros(n, int)
    for row, (_, _, words, _) in enumerate(found):
        lengths[row] = len(words)
        questions[row, : len(words)] = [WORDS.index(word) for word in words]
    scenes, kinds, _, answers = zip(*found, strict=True)
    return Asked(
        drawn.images[list(scenes)], questions, lengths, np.array([ANSWERS.index(a) for a in answers]), np.array([KINDS.index(k) for k in kinds])
    )


def question(kind, things, rng):
    """The kind, the words of a question about these things, and its answer; None where there is none with one answer."""

    def some(choices):
        return choices[rng.randint(len(choices))]

    once = [thing for thing in things if sum(s == thing[0] for s, _, _ in things) == 1]
    if kind == "colour" and once:
        s, c, _ = some(once)
        return kind, ("what", "colour", "is", "the", SHAPES[s]), COLOURS[c]
    if kind == "shape":
        alone = [thing for thing in things if sum(c == thing[1] for _, c, _ in things) == 1]
        if alone:
            s, c, _ = some(alone)
            return kind, ("what", "shape", "is", "the", COLOURS[c], "thing"), SHAPES[s]
    if kind == "exist":
        if rng.randint(2):
            s, c, _ = some(things)
            return kind, ("is", "there", "a", COLOURS[c], SHAPES[s]), "yes"
        lacking = [(s, c) for s in range(4) for c in range(4) if all((s, c) != thing[:2] for thing in things)]
        s, c = some(lacking)
        return kind, ("is", "there", "a", COLOURS[c], SHAPES[s]), "no"
    if kind == "count":
        s = rng.randint(4)
        n = sum(thing[0] == s for thing in things)
        if n < len(NUMBERS):
            return kind, ("how", "many", PLURALS[s], "are", "there"), NUMBERS[n]
    if kind == "left of":
        pairs = [(a, b) for a in things for b in once if a[2] + 1 == b[2] and b[2] % GRID]
        if pairs:
            a, b = some(pairs)
            return kind, ("what", "colour", "is", "left", "of", "the", SHAPES[b[0]]), COLOURS[a[1]]
    return None


def regions(images):
    """(n, 24, 24, 3) -> (n, 9, 192): the nine cells of each picture, from left to right and from above, with mean about 0."""
    n, cell = len(images), shapes.CELL
    cut = images.reshape(n, GRID, cell, GRID, cell, 3).transpose(0, 1, 3, 2, 4, 5)
    return (cut.reshape(n, GRID * GRID, -1) - 0.8) * 3


def pairs(n: int, seed: int, share: float = 0.25) -> tuple[Asked, Asked]:
    """n questions after the colour of a thing, each about two pictures that differ in this colour alone."""
    rng = np.random.RandomState(seed + 2000)
    drawn = shapes.scenes(2 * n, seed, GRID, THINGS, bias(share))
    kept, words, answers, changed = [], [], [], drawn.colour.copy()
    for scene in range(2 * n):
        shape = drawn.shape[scene]
        once = [t for t in np.flatnonzero(shape >= 0) if (shape == shape[t]).sum() == 1]
        if once and len(kept) < n:
            thing = once[rng.randint(len(once))]
            changed[scene, thing] = (drawn.colour[scene, thing] + rng.randint(1, 4)) % 4
            kept.append(scene)
            words.append([WORDS.index(w) for w in ("what", "colour", "is", "the", SHAPES[shape[thing]])] + [0, 0])
            answers.append((drawn.colour[scene, thing], changed[scene, thing]))
    questions, answers = np.array(words), np.array(answers)
    both = []
    for k, colour in enumerate((drawn.colour, changed)):
        parts = (part[kept] for part in (drawn.shape, colour, drawn.size, drawn.cell))
        images = shapes.draw(*parts, GRID, np.random.RandomState(seed))  # the same noise in both
        both.append(Asked(images, questions, np.full(len(kept), 5), answers[:, k], np.zeros(len(kept), int)))
    return tuple(both)


def several(seed: int, count: int) -> Asked:
    """All five kinds of question, where they can be asked, about each of `count` scenes."""
    rng, drawn = np.random.RandomState(seed), shapes.scenes(count, seed, GRID, THINGS, bias(0.25))
    found = []
    for scene in range(count):
        things = [(s, c, cell) for s, c, cell in zip(drawn.shape[scene], drawn.colour[scene], drawn.cell[scene], strict=True) if s >= 0]
        found += [(scene, *asked) for asked in (question(kind, things, rng) for kind in KINDS) if asked]
    scenes, kinds, words, answers = zip(*found, strict=True)
    questions = np.array([[WORDS.index(w) for w in q] + [0] * (LONGEST - len(q)) for q in words])
    return Asked(
        drawn.images[list(scenes)], questions, np.array([len(q) for q in words]), np.array([ANSWERS.index(a) for a in answers]),
        np.array([KINDS.index(k) for k in kinds]),
    )  # fmt: skip
