"""Which mistakes are of one kind, whatever the exercise: the same misunderstanding comes back in another unit under another name."""

from __future__ import annotations

import re

# By the words of a listed mistake's id, or of a derived one's hint; the first that fits counts. It goes by words alone, so
# it is a help for the eye and not a measurement. Kinds that every class has in every unit, a term left out say, tell nothing.
FAMILIES = (
    ("a special case: one example, one step, nothing", r"^edge-"),
    (
        "numbers too large or too small for a float",
        r"overflow|underflow|maximum|log(arithm)? of the prob|clipped|(small|little|tiny) .*(number|logarithm)|a little in",
    ),
    ("a transpose", r"transpos"),
    ("a mask", r"mask"),
    ("the slope of an activation", r"slope|not squared|without the square"),
    ("a bias", r"\bbias"),
    ("an argument that was overwritten", r"overwritten|in place|argument changed"),
    ("a mean for a sum, or a sum for a mean", r"\bmeans?\b|averag|\bsum(med)?\b|of the sum|not divided"),
    ("a sign", r"\bsign\b|uphill|\bminus\b|subtracted"),
    (
        "a time step off by one",
        r"same step|new state|old state|one step|first step|\bh0\b|step too|starts? from|reversed|carried|forward in time|minus one|next step|time step",
    ),
    ("something counted twice, or once too often", r"twice|counted"),
)


def family(mistake: str, hint: str = "") -> str:
    """The kind of a mistake by its id; "" where no word tells."""
    said = (
        hint
        if mistake.startswith(("derived-", "terms"))
        else mistake.replace("-", " ")
        if not mistake.startswith("edge-")
        else mistake
    )
    return next((name for name, words in FAMILIES if re.search(words, said, re.I)), "")
