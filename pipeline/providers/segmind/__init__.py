"""React-1 on Segmind."""
