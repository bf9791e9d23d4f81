"""Where MoviePy works: films as its clips, and functions that users bring along."""
