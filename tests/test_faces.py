"""The made-up people: the same ones from every call, in other pictures."""

import numpy as np

from byhand.faces import SIDE, TRAITS, faces


def test_faces_are_the_same_people_in_other_pictures():
    a, b, others = faces(4, 3, seed=0), faces(4, 3, seed=1), faces(4, 3, seed=0, first=4)
    assert a.images.shape == (12, SIDE, SIDE) and a.who.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert 0 <= a.images.min() and a.images.max() <= 1
    assert np.array_equal(a.images, faces(4, 3, seed=0).images)
    assert not np.array_equal(a.images, b.images) and not np.array_equal(a.images, others.images)
    # The same person from another call: the mean of many pictures is nearer to the person than to another one.
    many, again = faces(6, 60, seed=2), faces(6, 60, seed=3)
    means, others = (f.images.reshape(6, 60, -1).mean(axis=1) for f in (many, again))
    nearest = ((means[:, None] - others[None]) ** 2).sum(axis=-1).argmin(axis=1)
    assert nearest.tolist() == list(range(6))
    assert len(TRAITS) == 15
