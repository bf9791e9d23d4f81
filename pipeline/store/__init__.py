"""The content-addressed store: files by digest, results by key, locks, exports."""
