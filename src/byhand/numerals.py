"""Numbers as pictures and captions write them."""

from __future__ import annotations


def numeral(number: float, form: str = ".4f") -> str:
    """A number for a drawing, with a real minus sign."""
    return f"{number:{form}}".replace("-", "−")


def factor(number: float, form: str = ".4f") -> str:
    """A number as a factor in LaTeX: in brackets where it is negative."""
    return rf"\left({number:{form}}\right)" if number < 0 else f"{number:{form}}"
