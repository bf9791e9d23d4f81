"""Content-addressed files, results by key, and why a key missed."""
