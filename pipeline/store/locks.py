"""Who is alive: a lock on a file, which the system takes back when its process is gone, in whatever container.

Where the system has no such locks (Windows), what is held is taken to be held for an hour.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_STALE_S = 3600


class Held:
    """A lock that lasts as long as this object is open."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def close(self) -> None:
        """Give the lock back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def hold(place: Path) -> Held | None:
    """Take the lock of a file, made if need be; None where another process holds it, or has just removed it."""
    handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    if _take(handle) and _is_at(handle, place):
        return Held(handle)
    os.close(handle)
    return None


def is_held(place: Path) -> bool:
    """Tell whether a process that is alive holds the lock of a file."""
    try:
        handle = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return not _take(handle)
    finally:
        os.close(handle)


def _is_at(handle: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except FileNotFoundError:
        return False


def _take(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:
        return time.time() - os.fstat(handle).st_mtime > _STALE_S
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
