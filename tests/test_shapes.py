"""Scenes of coloured shapes: drawn as they are described, the same from the same seed."""

import numpy as np
import pytest

from byhand.shapes import CELL, COLOURS, OUTLINES, RGB, SHAPES, SIZES, captions, draw, place, scenes


def test_scenes_are_drawn_from_a_seed():
    a, b = scenes(50, seed=3, grid=3, things=(2, 5)), scenes(50, seed=3, grid=3, things=(2, 5))
    assert a.images.shape == (50, 3 * CELL, 3 * CELL, 3) and 0 <= a.images.min() and a.images.max() <= 1
    assert all(np.array_equal(x, y) for x, y in zip(a[:5], b[:5], strict=True))
    assert not np.array_equal(a.images, scenes(50, seed=4, grid=3, things=(2, 5)).images)


def test_a_description_fits_its_picture():
    drawn = scenes(300, seed=0, grid=3, things=(1, 4))
    there = drawn.shape >= 0
    assert {1, 2, 3, 4} == set(there.sum(axis=1).tolist())
    for part in (drawn.colour, drawn.size, drawn.cell):
        assert np.array_equal(part >= 0, there)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() and (np.diff(row[row >= 0]) > 0).all() for row in drawn.cell)
    # Where a cell has a large circle or square, its middle has the colour; a cell without a thing is nearly the background.
    cells = drawn.images.reshape(300, 3, CELL, 3, CELL, 3).transpose(0, 1, 3, 2, 4, 5).reshape(300, 9, CELL, CELL, 3)
    middle = cells[:, :, 3:5, 3:5].mean(axis=(2, 3))
    n, t = np.nonzero((drawn.size == 1) & (drawn.shape >= 0) & (drawn.shape < 2))
    seen = middle[n, drawn.cell[n, t]]
    assert np.array_equal(((seen[:, None] - RGB) ** 2).sum(axis=2).argmin(axis=1), drawn.colour[n, t])
    empty = np.ones((300, 9), dtype=bool)
    n, t = np.nonzero(there)
    empty[n, drawn.cell[n, t]] = False
    assert cells[empty].min() > 0.6 and cells[~empty].min(axis=(1, 2, 3)).max() < 0.6


def test_a_large_thing_covers_more_than_a_small_one_and_stays_in_its_cell():
    for kind in range(len(SHAPES)):
        one = np.full((40, 1), kind)
        small, large = (
            draw(one, one * 0, one * 0 + size, one * 0 + 3, 2, np.random.RandomState(0)) for size in range(len(SIZES))
        )
        ink = [(picture[:, :, :, 1] < 0.5).sum(axis=(1, 2)) for picture in (small, large)]
        assert ink[0].min() > 0 and ink[0].mean() < ink[1].mean()
        assert (large[:, :CELL, :, 1] > 0.6).all() and (large[:, :, :CELL, 1] > 0.6).all()
    assert len(OUTLINES) == len(SHAPES)


def test_pairs_say_which_shapes_come_in_which_colours():
    pairs = np.zeros((len(SHAPES), len(COLOURS)))
    pairs[5, 2], pairs[6, 0] = 3, 1
    drawn = scenes(400, seed=0, pairs=pairs)
    assert set(zip(drawn.shape[:, 0].tolist(), drawn.colour[:, 0].tolist(), strict=True)) == {(5, 2), (6, 0)}
    assert 0.68 < (drawn.shape == 5).mean() < 0.82
    assert set(scenes(400, seed=0).shape[:, 0].tolist()) == set(range(5))


def test_captions_say_what_is_there():
    drawn = scenes(20, seed=1, grid=3, things=(1, 3))
    for n, caption in enumerate(captions(drawn)):
        for k, part in enumerate(caption.split(" and ")):
            size, colour, shape, cell = (getattr(drawn, name)[n, k] for name in ("size", "colour", "shape", "cell"))
            assert part == f"a {SIZES[size]} {COLOURS[colour]} {SHAPES[shape]} {place(cell, 3)}"
    assert [place(cell, 2) for cell in range(4)] == ["top left", "top right", "bottom left", "bottom right"]
    assert place(4, 3) == "middle centre"


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="room for 1 to 4"):
        scenes(1, seed=0, things=(1, 5))
    with pytest.raises(ValueError, match="7 by 6 weights"):
        scenes(1, seed=0, pairs=np.ones((2, 2)))
