"""Backprop by Hand: check your gradients against torch, and step through their derivation."""

from byhand.checking import check

__all__ = ["check"]
