"""Made-up faces: people who do not exist, drawn from a seed, each in as many pictures as are asked for.

A person is 15 numbers. A picture of that person has its own turn, size, place, light from one side, expression and noise, so
that two pictures of one person can differ by more, pixel by pixel, than pictures of two people.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIDE = 20  # pixels
# Each between 0 and 1.
TRAITS = (
    "width", "jaw", "eye height", "eye distance", "eye size", "brow height", "brow slant", "brow strength",
    "nose length", "mouth height", "mouth width", "skin", "hair", "beard", "glasses",
)  # fmt: skip
SOFT = 0.06  # how wide an edge is, in units of half a picture


class Faces(NamedTuple):
    """images (people * pictures, 20, 20), from 0 (black) to 1; who (people * pictures,), the number of the person."""

    images: np.ndarray
    who: np.ndarray


def faces(people: int, pictures: int, seed: int, first: int = 0) -> Faces:
    """Pictures of made-up people, person by person.

    people, pictures  how many people, and how many pictures of each
    seed              other seeds give other pictures of the same people
    first             the number of the first person: people with other numbers are other people, whatever the seed
    """
    traits = np.stack([np.random.RandomState(10_000 + first + n).uniform(size=len(TRAITS)) for n in range(people)])
    who = np.repeat(np.arange(people), pictures)
    return Faces(draw(traits[who], np.random.RandomState(seed)), who)


def draw(traits: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """One picture for each row of traits (n, 15): an array (n, 20, 20)."""
    n = len(traits)
    t = {name: traits[:, k, None, None] for k, name in enumerate(TRAITS)}

    def each(low, high):
        return rng.uniform(low, high, size=(n, 1, 1))

    # Coordinates in the face: x to the right and y down, from -1 to 1, turned, scaled and shifted for each picture.
    y, x = (axis[None] for axis in np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij"))
    turn, size, right, down = each(-0.2, 0.2), each(0.85, 1.15), each(-0.13, 0.13), each(-0.13, 0.13)
    x, y = (x - right) / size, (y - down) / size
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    smile, raised, squint = each(-0.12, 0.12), each(-0.05, 0.05), each(0.7, 1.1)

    def inside(distance):
        """1 where the signed distance is negative, 0 where it is positive, soft between."""
        return 1 / (1 + np.exp(np.clip(distance / SOFT * 4, -40, 40)))

    def ellipse(cx, cy, rx, ry):
        return (np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + 1e-9) - 1) * np.minimum(rx, ry)

    def paint(picture, shape, shade, strength: float | np.ndarray = 1.0):
        part = strength * inside(shape)
        return picture * (1 - part) + shade * part

    wide = 0.5 + 0.22 * t["width"]
    wide = wide - 0.3 * (1 - t["jaw"]) * np.clip(y, 0, 1)
    skin = 0.55 + 0.4 * t["skin"]
    hair = 0.05 + 0.85 * t["hair"] ** 1.5
    picture = np.full((n, SIDE, SIDE), 0.75)
    picture = paint(picture, ellipse(0, -0.12, wide + 0.1, 0.86), hair)
    picture = paint(picture, ellipse(0, 0.08, wide, 0.78), skin)
    picture = paint(picture, np.maximum(ellipse(0, 0.08, wide, 0.78), 0.42 - y), hair, 0.8 * (t["beard"] > 0.6))
    eye_y, apart = -0.2 + 0.22 * t["eye height"], 0.2 + 0.16 * t["eye distance"]
    radius = 0.07 + 0.07 * t["eye size"]
    brow_y = eye_y - 0.17 - 0.14 * t["brow height"] + raised
    for side in (-1, 1):
        picture = paint(picture, ellipse(side * apart, eye_y, radius + 0.05, radius * squint), 0.97)
        picture = paint(picture, ellipse(side * apart, eye_y, 0.06, 0.06 * squint), 0.05)
        slant = (t["brow slant"] - 0.5) * 0.7 * side * (x - side * apart)
        strength = 0.04 + 0.06 * t["brow strength"]
        picture = paint(
            picture, np.maximum(np.abs(y - brow_y - slant) - strength, np.abs(x - side * apart) - 0.17), hair * 0.7
        )
        ring = np.abs(ellipse(side * apart, eye_y, 0.22, 0.2)) - 0.03
        picture = paint(picture, ring, 0.1, 1.0 * (t["glasses"] > 0.65))
    nose = eye_y + 0.2 + 0.22 * t["nose length"]
    picture = paint(
        picture, np.maximum(np.abs(x) - 0.045, np.abs(y - (eye_y + nose) / 2) - (nose - eye_y) / 2), skin * 0.78
    )
    mouth_y, mouth = 0.42 + 0.16 * t["mouth height"], 0.14 + 0.18 * t["mouth width"]
    bow = smile * (1 - (x / mouth) ** 2)
    picture = paint(picture, np.maximum(np.abs(y - mouth_y - bow) - 0.05, np.abs(x) - mouth), 0.25)
    light = 1 + each(-0.35, 0.35) * x + each(-0.2, 0.2) * y
    picture = picture * light * each(0.75, 1.2) + 0.05 * rng.normal(size=picture.shape)
    return np.clip(picture, 0, 1)
