"""Putting takes back into a film without touching the rest of it."""
