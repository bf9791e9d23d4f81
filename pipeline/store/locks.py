"""Advisory file locks, released by the system when the process exits, across containers: flock, on Windows LockFileEx.

The lock is filelock's, but on a descriptor of our own: its FileLock class may remove the file on release, and cannot
tell that the file was removed and created again by another process between opening and locking it.
"""

from __future__ import annotations

import os
from pathlib import Path

from filelock import lock_descriptor

from .atomic import storage_errors


class FileLock:
    """A lock that is held until this object is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def try_acquire(path: Path) -> FileLock | None:
    """Lock a file, which is created if needed; return None if another process holds it or has just removed the file.

    Raises:
        OSError: the file cannot be created.
        StorageFailed: the file system does not support locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with storage_errors(path):
            acquired = lock_descriptor(descriptor, blocking=False) and _is_same_file(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    if acquired:
        return FileLock(descriptor)
    os.close(descriptor)
    return None


def acquire(path: Path) -> FileLock:
    """Lock a file, which is created if needed and never removed; wait until no other process holds it.

    Raises:
        OSError: the file cannot be created, or the file system does not support locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        lock_descriptor(descriptor, blocking=True)
    except BaseException:
        os.close(descriptor)
        raise
    return FileLock(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether a live process holds the lock of a file; True if that cannot be determined."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return not lock_descriptor(descriptor, blocking=False)
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
