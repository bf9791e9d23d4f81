"""Atomic file writes: a file gets its final name only when it is complete."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import StorageFailed

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_counter = itertools.count()


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error, or one of its causes, means that a disk is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        cause = cause.__cause__
    return False


def disk_full_message(path: Path) -> str:
    """Return the message for a full disk that holds `path`."""
    return f"the disk that holds {path} is full; free some space and run again: finished work is kept"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Convert an OSError about `path` to a StorageFailed with one clear line.

    Raises:
        StorageFailed: the disk is full, or the path is not writable.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise StorageFailed(disk_full_message(path)) from error
        if error.errno in _DENIED:
            raise StorageFailed(f"{path} is not writable ({error.strerror}); choose another folder") from error
        raise StorageFailed(f"{path}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, if the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_file(path: Path) -> None:
    """Flush the content of a file to disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def temporary_path(path: Path) -> Path:
    """Return a hidden path next to `path` that no other process or call uses."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{next(_counter)}.part")


def publish(part: Path, final: Path) -> None:
    """Move a finished file to its final path, flushing the content first, then the name."""
    with storage_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        sync_file(part)
        part.replace(final)
        sync_folder(final.parent)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a small file atomically; readers see the old text or the new one. `private`: only the user may read it."""
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = temporary_path(path)
        try:
            part.touch(0o600 if private else 0o666)
            part.write_text(text, encoding="utf-8")
            publish(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_new(path: Path, text: str, *, private: bool = False) -> None:
    """Write a small file that must not exist yet, atomically.

    One of several writers succeeds, also over a network file system. `private`: only the user may read it.

    Raises:
        FileExistsError: the file exists.
        StorageFailed: it cannot be written.
    """
    part = temporary_path(path)
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.touch(0o600 if private else 0o666)
            part.write_text(text, encoding="utf-8")
            sync_file(part)
            created = _link_new(part, path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)
    if not created:
        raise FileExistsError(path)


def _link_new(part: Path, path: Path) -> bool:
    """Link a finished file to a path; return False if the path exists."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in _FULL:
            raise
        return _copy_new(part, path)  # a file system without hard links
    return True


def _copy_new(part: Path, path: Path) -> bool:
    try:
        with path.open("xb") as stream:
            path.chmod(part.stat().st_mode & 0o777)
            stream.write(part.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        return False
    return True
