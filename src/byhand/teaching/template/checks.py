"""Unit NUMBER: what the exercises ask. Needs numpy alone; the right answers stand in `reference.py`."""

from byhand.checking import EdgeCase, Exercise


def make_line(rng, N, far=0.0):
    return dict(x=rng.normal(size=N), y=rng.normal(size=N) + far, a=float(rng.normal()), b=float(rng.normal()))


EXERCISES = {
    "line_loss": Exercise(
        make_line, ["J", "da", "db"], dict(N=5),
        [
            EdgeCase(dict(N=1), "with one example"),
            EdgeCase(
                dict(far=1e7), "where the targets are ten million away",
                "The loss is huge beside what one parameter changes of it, so differences of two losses have no digits left. The chain "
                "rule has no such trouble.",
                needed=True,
            ),
        ],
    ),
}  # fmt: skip
