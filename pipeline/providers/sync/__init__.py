"""React-1 on sync.so."""
