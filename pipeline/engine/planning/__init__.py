"""Between the passes: which face, which frames and how strongly, and a pose for each frame."""
