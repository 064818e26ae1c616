"""Strips of letters, drawn by this course from a seed with matplotlib's own fonts, and the distortions that CAPTCHAs use.

The unit reads these and no others. `strips` draws them, `KINDS` names the distortions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 20, 80  # pixels
LETTERS = "abcdefhkmnprtuwxy347"  # twenty that are not easily mistaken for each other
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold")
UNSEEN = ("DejaVuSans-Oblique", "cmr10", "STIXGeneral")
VARIANTS = 60  # of each letter, in a bank
SCALE = 3  # letters are drawn this much larger, turned, and made small again

# What is different from clean strips: gaps between letters, noise, the largest turn in degrees and slant, a line, dots, a wave, fonts.
CLEAN = dict(gap=(1, 4), noise=0.08, turn=8, slant=0.0, line=False, dots=0, wave=0.0, fonts=FONTS)
KINDS = {
    "clean": {},
    "40 dots": dict(dots=40),
    "noise 0.3": dict(noise=0.3),
    "a line across": dict(line=True),
    "turned and slanted": dict(turn=20, slant=0.35),
    "touching": dict(gap=(-2, 1)),
    "wave": dict(wave=2.0),
    "fonts never seen": dict(fonts=UNSEEN),
    "all together": dict(gap=(-2, 1), turn=20, slant=0.35, line=True, dots=40),
}


class Strips(NamedTuple):
    """images (n, 20, 80), ink from 0 to 1; labels (n, 5), numbers from 1 on, filled up with 0; lengths (n,), 4 or 5."""

    images: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray

    def words(self) -> list[str]:
        return [word(row[:length]) for row, length in zip(self.labels, self.lengths, strict=True)]


def word(label) -> str:
    """The letters of a label: 1 is the first of LETTERS."""
    return "".join(LETTERS[k - 1] for k in label)


@cache
def bank(turn: float, slant: float, fonts: tuple[str, ...], seed: int) -> list[list[np.ndarray]]:
    """For each letter, VARIANTS drawings of it (20, width), cut to their ink."""
    rng, folder = np.random.RandomState(seed), Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    loaded = {}

    def draw(letter, number):
        name, size = fonts[number % len(fonts)], SCALE * rng.randint(14, 17)
        if (name, size) not in loaded:
            loaded[name, size] = ImageFont.truetype(str(folder / f"{name}.ttf"), size)
        side = SCALE * 32
        big = Image.new("L", (side, side))
        ImageDraw.Draw(big).text((side / 2, 22 * SCALE), letter, font=loaded[name, size], fill=255, anchor="ms")
        angle, s = rng.uniform(-turn, turn), rng.uniform(-slant, slant)
        big = big.transform(big.size, Image.Transform.AFFINE, (1, s, -s * side / 2, 0, 1, 0), Image.Resampling.BILINEAR)
        big = big.rotate(angle, Image.Resampling.BILINEAR)
        small = np.asarray(big.resize((32, 32), Image.Resampling.BOX)) / 255
        top = np.clip(np.flatnonzero(small.sum(axis=1) > 0.3).mean().astype(int) - HEIGHT // 2, 0, 12)
        small = small[top : top + HEIGHT]
        columns = np.flatnonzero(small.max(axis=0) > 0.25)
        return small[:, columns[0] : columns[-1] + 1]

    return [[draw(letter, number) for number in range(VARIANTS)] for letter in LETTERS]


def strips(n: int, seed: int, kind: str | dict = "clean", fresh: bool = False) -> Strips:
    """`n` strips of 4 or 5 letters of one kind. Raises ValueError for a kind that is not among KINDS.

    kind   a name, or a dict of what is different from CLEAN
    fresh  take drawings of the letters that no strip to learn from has: what a test is made of
    """
    if isinstance(kind, str) and kind not in KINDS:
        raise ValueError(f"There are no strips of the kind {kind!r}; there are {', '.join(KINDS)}.")
    how, rng = {**CLEAN, **(KINDS[kind] if isinstance(kind, str) else kind)}, np.random.RandomState(seed)
    glyphs = bank(how["turn"], how["slant"], how["fonts"], 21 if fresh else 20)
    images, labels, lengths = np.zeros((n, HEIGHT, WIDTH)), np.zeros((n, 5), int), rng.randint(4, 6, size=n)
    for image, label, length in zip(images, labels, lengths, strict=True):
        while True:
            chosen = rng.randint(len(LETTERS), size=length)
            parts = [glyphs[k][rng.randint(VARIANTS)] for k in chosen]
            gaps = rng.randint(how["gap"][0], how["gap"][1] + 1, size=length - 1)
            room = WIDTH - 2 - sum(part.shape[1] for part in parts) - gaps.sum()
            if room >= 0:
                break
        label[:length] = chosen + 1
        x = 1 + rng.randint(room + 1)
        for part, gap in zip(parts, [*gaps, 0], strict=True):
            place = image[:, x : x + part.shape[1]]
            np.maximum(place, np.roll(part, rng.randint(-1, 2), axis=0), out=place)
            x += part.shape[1] + gap
    distort(images, how, rng)
    return Strips(images, labels, lengths)


def distort(images: np.ndarray, how: dict, rng: np.random.RandomState) -> None:
    """Waves, lines, dots and noise, in place."""
    n, column = len(images), np.arange(WIDTH)
    if how["wave"]:
        period, start = rng.uniform(20, 40, size=(n, 1)), rng.uniform(0, 2 * np.pi, size=(n, 1))
        shift = np.rint(how["wave"] * np.sin(2 * np.pi * column / period + start)).astype(int)
        rows = (np.arange(HEIGHT)[None, :, None] + shift[:, None, :]) % HEIGHT
        images[:] = np.take_along_axis(images, rows, axis=1)
    if how["line"]:
        left, right = rng.uniform(4, HEIGHT - 5, size=(2, n, 1))
        y = np.rint(left + (right - left) * column / (WIDTH - 1)).astype(int)
        images[np.arange(n)[:, None], y, column] = 1.0
    if how["dots"]:
        for image in images:
            image[rng.randint(HEIGHT, size=how["dots"]), rng.randint(WIDTH, size=how["dots"])] = 1.0
    images += how["noise"] * rng.normal(size=images.shape)
    np.clip(images, 0, 1, out=images)
