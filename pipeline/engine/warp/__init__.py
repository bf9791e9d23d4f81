"""From a pose to a displacement of every pixel."""
