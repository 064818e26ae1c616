"""Scenes of coloured shapes on a grid, drawn from a seed, with a description of each: pictures of which every word can be checked.

A scene is a square grid of cells. In some cells there is a thing: a shape with a colour and a size. Two pictures of the same
description differ in place within the cell, exact size, exact colour, background and noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SHAPES = ("circle", "square", "triangle", "cross", "ring", "heart", "star")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SIZES = ("small", "large")
PLACES = {2: (("top", "bottom"), ("left", "right")), 3: (("top", "middle", "bottom"), ("left", "centre", "right"))}
CELL = 8  # pixels
RGB = np.array(
    [[0.85, 0.1, 0.15], [0.1, 0.65, 0.2], [0.15, 0.3, 0.9], [0.95, 0.85, 0.1], [0.55, 0.15, 0.65], [1.0, 0.5, 0.05]]
)
RADIUS = np.array([0.6, 0.9])  # of a small thing and of a large one, in units of half a cell


class Scenes(NamedTuple):
    """n scenes on a grid of `grid` by `grid` cells, with up to T things each.

    images                (n, grid * CELL, grid * CELL, 3), red, green and blue from 0 to 1
    shape, colour, size   (n, T) numbers, indices into SHAPES, COLOURS and SIZES; -1 where a scene has fewer than T things
    cell                  (n, T) the thing's cell, row * grid + column; in rising order within a scene; -1 where there is no thing
    """

    images: np.ndarray
    shape: np.ndarray
    colour: np.ndarray
    size: np.ndarray
    cell: np.ndarray
    grid: int


def scenes(
    n: int, seed: int, grid: int = 2, things: tuple[int, int] = (1, 1), pairs: np.ndarray | None = None
) -> Scenes:
    """n scenes, each with a number of things between things[0] and things[1], in different cells.

    pairs  (7, 6) weights, none negative: how often shape s comes in colour c, pairs[s, c]. Without it, each of the first five
           shapes comes equally often in each of the six colours.

    Raises ValueError where the grid has no room for so many things, or the weights are not such a table.
    """
    least, most = things
    if not 1 <= least <= most <= grid**2:
        raise ValueError(f"a grid of {grid} by {grid} has room for 1 to {grid**2} things, not for {least} to {most}")
    if pairs is None:
        pairs = np.ones((len(SHAPES), len(COLOURS))) * (np.arange(len(SHAPES)) < 5)[:, None]
    weights = np.asarray(pairs, dtype=float)
    if weights.shape != (len(SHAPES), len(COLOURS)) or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(f"pairs must be {len(SHAPES)} by {len(COLOURS)} weights, none negative and not all 0")
    rng = np.random.RandomState(seed)
    count = rng.randint(least, most + 1, size=n)
    absent = np.arange(most) >= count[:, None]
    cell = np.argsort(rng.uniform(size=(n, grid**2)), axis=1)[:, :most]
    cell = np.sort(np.where(absent, grid**2, cell), axis=1)
    pair = rng.choice(weights.size, size=(n, most), p=weights.ravel() / weights.sum())
    shape, colour = np.divmod(pair, len(COLOURS))
    size = rng.randint(len(SIZES), size=(n, most))
    shape, colour, size, cell = (np.where(absent, -1, part) for part in (shape, colour, size, cell))
    return Scenes(draw(shape, colour, size, cell, grid, rng), shape, colour, size, cell, grid)


def draw(shape, colour, size, cell, grid: int, rng: np.random.RandomState) -> np.ndarray:
    """The pictures of scenes that are described by four arrays (n, T), as in `Scenes`: an array (n, grid * CELL, grid * CELL, 3)."""
    shape, colour, size, cell = (np.asarray(part) for part in (shape, colour, size, cell))
    n, side = len(shape), grid * CELL
    images = np.full((n, grid, CELL, grid, CELL, 3), 0.9) + rng.uniform(-0.06, 0.06, size=(n, 1, 1, 1, 1, 3))
    scene, thing = np.nonzero(shape >= 0)
    kind, hue = shape[scene, thing], colour[scene, thing]
    radius = RADIUS[size[scene, thing]] + rng.uniform(-0.06, 0.06, size=len(kind))
    room = 1 - np.minimum(radius, 1)
    centre = rng.uniform(-1, 1, size=(2, len(kind))) * room
    y, x = np.meshgrid(*[(np.arange(CELL) + 0.5) / CELL * 2 - 1] * 2, indexing="ij")
    x, y = ((axis - c[:, None, None]) / radius[:, None, None] for axis, c in ((x, centre[0]), (y, centre[1])))
    cover = np.empty(x.shape)
    for k, distance in enumerate(OUTLINES):
        mine = kind == k
        cover[mine] = np.clip(0.5 - distance(x[mine], y[mine]) * radius[mine, None, None] * CELL / 2, 0, 1)
    paint = np.clip(RGB[hue] + rng.uniform(-0.08, 0.08, size=(len(hue), 3)), 0, 1)
    row, column = np.divmod(cell[scene, thing], grid)
    patch = images[scene, row, :, column]
    images[scene, row, :, column] = patch + cover[..., None] * (paint[:, None, None] - patch)
    images = images.reshape(n, side, side, 3)
    return np.clip(images + 0.04 * rng.normal(size=images.shape), 0, 1)


def place(cell: int, grid: int) -> str:
    """The words for a cell of a grid of 2 or 3: "top left", "middle right"."""
    rows, columns = PLACES[grid]
    row, column = divmod(int(cell), grid)
    return f"{rows[row]} {columns[column]}"


def captions(drawn: Scenes) -> list[str]:
    """A sentence for each scene: "a small red circle top left", or several such, joined by "and"."""
    parts = zip(*(part.tolist() for part in (drawn.size, drawn.colour, drawn.shape, drawn.cell)), strict=True)
    return [
        " and ".join(
            f"a {SIZES[s]} {COLOURS[c]} {SHAPES[k]} {place(cell, drawn.grid)}"
            for s, c, k, cell in zip(*scene, strict=True)
            if k >= 0
        )
        for scene in parts
    ]


# Signed distances, negative inside, of shapes with radius about 1; x to the right and y down.


def circle(x, y):
    return np.hypot(x, y) - 0.95


def square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.8


def triangle(x, y):
    return np.maximum(0.87 * np.abs(x) - 0.5 * y - 0.45, y - 0.8)


def cross(x, y):
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - 0.3, y - 1), np.maximum(y - 0.3, x - 1))


def ring(x, y):
    return np.abs(np.hypot(x, y) - 0.7) - 0.25


def heart(x, y):
    x = np.abs(x)
    return np.minimum(np.hypot(x - 0.45, y + 0.35) - 0.52, np.maximum(0.7 * x + 0.7 * y - 0.68, -y - 0.35))


def star(x, y):
    """Five points: in each fifth, the line from a point to the hollow beside it."""
    angle = np.arctan2(x, -y)
    angle = np.abs((angle + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
    r = np.hypot(x, y)
    return 0.55 * (r * np.cos(angle) - 1) + 0.835 * r * np.sin(angle)


OUTLINES = (circle, square, triangle, cross, ring, heart, star)
