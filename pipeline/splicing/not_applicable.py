"""Why a way of writing a film cannot be taken."""

from __future__ import annotations


class Unsuited(Exception):
    """A film that one way of writing cannot carry: a reason to take another, never an error that a user sees."""


class Untabled(Unsuited):
    """A file without one index of all its samples."""
