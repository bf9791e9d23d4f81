"""React-1 at sync.so."""
