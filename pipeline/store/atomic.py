"""Atomic file writes: a file gets its final name only when it is complete.

And advisory file locks, released by the system when the process exits, across containers: flock, on Windows
LockFileEx.

The lock is filelock's, but on a descriptor of our own: its FileLock class may remove the file on release, and cannot
tell that the file was removed and created again by another process between opening and locking it.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from ..core.cancellation import raise_if_stopped
from ..core.errors import StorageFailed

_RETRY_S = 0.1
"""How often a wait for a lock that can be stopped looks at it."""


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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock_descriptor(descriptor, blocking=True)
    except BaseException:
        os.close(descriptor)
        raise
    return FileLock(descriptor)


def acquire_stoppable(path: Path, on_wait: Callable[[], None]) -> FileLock:
    """Lock a file as `acquire` does, where others hold the lock for long: the wait ends when the run is stopped.

    Args:
        path: the file.
        on_wait: called once if another process holds the lock.

    Raises:
        OSError: the file cannot be created.
        StorageFailed: the file system does not support locks.
        Interrupted: the run was stopped.
    """
    lock = try_acquire(path)
    if lock is None:
        on_wait()
    while lock is None:
        raise_if_stopped()
        time.sleep(_RETRY_S)
        lock = try_acquire(path)
    return lock


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


_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_REFUSED = {
    **dict.fromkeys(_DENIED, "check who may use this path"),
    errno.ENAMETOOLONG: "choose a shorter one",
    errno.ELOOP: "its links lead in a circle",
}
_STEM_BYTES = 100
"""A name has at most 255 bytes, and a letter up to four."""
_counter = itertools.count()
_process = secrets.token_hex(4)
"""Distinguishes this process from others with its id: those of other containers and machines."""


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error, or one of its causes, means that a disk is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        cause = cause.__cause__
    return False


def refusal_by_system(error: BaseException) -> str | None:
    """Return one line for an error, or one of its causes, with which the system refuses a path; None for others."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _REFUSED and cause.filename is not None:
            return f"{os.fsdecode(cause.filename)}: {cause.strerror}; {_REFUSED[cause.errno]}"
        if isinstance(cause, OSError) and cause.errno == errno.EFBIG:
            return "a file is larger than its disk, or a limit of this process (ulimit -f), allows; use another --home"
        cause = cause.__cause__
    return None


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
    stem = os.fsencode(path.name)[:_STEM_BYTES].decode("utf-8", "ignore")
    return path.with_name(f".{stem}.{_process}-{os.getpid()}-{next(_counter)}.part")


def publish(part: Path, final: Path) -> None:
    """Move a finished file to its final path, flushing the content first, then the name."""
    with storage_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        sync_file(part)
        part.replace(final)
        sync_folder(final.parent)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    r"""Write a small file atomically; readers see the old text or the new one.

    Bytes of a file name that are no UTF-8 become \udcXX, which in JSON is the same name again.

    Args:
        path: the file.
        text: its content.
        private: only the user may read it.
    """
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = temporary_path(path)
        try:
            part.touch(0o600 if private else 0o666)
            part.write_text(text, encoding="utf-8", errors="backslashreplace")
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
    write_new_lines(path, (text,), private=private)


def write_new_lines(path: Path, lines: Iterable[str], *, private: bool = False) -> None:
    """Write a file as `write_new` does, from parts that need not fit into memory.

    Raises:
        FileExistsError: the file exists.
        StorageFailed: it cannot be written.
    """
    part = temporary_path(path)
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.touch(0o600 if private else 0o666)
            with part.open("w", encoding="utf-8", newline="\n") as stream:
                stream.writelines(lines)
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
