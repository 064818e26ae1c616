"""The teaching side: building notebooks, verifying checks, the book. Students import nothing from here."""
