"""Backprop by Hand: check your gradients against torch, and step through their derivation."""
