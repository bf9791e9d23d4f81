"""Steps that run the user's MoviePy functions, and the list of files that may be run."""
