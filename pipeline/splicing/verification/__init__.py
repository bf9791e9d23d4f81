"""Checks that a spliced film passes before it gets its name."""
