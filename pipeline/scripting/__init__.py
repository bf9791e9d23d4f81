"""Users' MoviePy functions as steps, and from which files they may come."""
