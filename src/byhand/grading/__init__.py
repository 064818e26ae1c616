"""Grading a whole class: a made-up one to try it on, and what a class has not understood."""
