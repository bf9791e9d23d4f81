"""The executor contract and the local executor."""
