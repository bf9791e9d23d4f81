"""React-1 at Segmind."""
