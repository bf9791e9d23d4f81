"""MoviePy functions that users bring along."""
