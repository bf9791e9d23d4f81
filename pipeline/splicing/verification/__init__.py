"""Checks that a spliced film must pass before it is delivered."""
