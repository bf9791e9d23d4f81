"""Files that get their final name only when they are whole."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import StorageFailed

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_counter = itertools.count()


def is_full(error: BaseException) -> bool:
    """Tell whether an error, or what it was raised from, says that a disk is full."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, OSError) and told.errno in _FULL:
            return True
        told = told.__cause__
    return False


def full(place: Path) -> str:
    """Say that the disk that holds a place is full."""
    return f"the disk that holds {place} is full; free some space and run again: what is finished is kept"


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn what an operating system says of a disk into one clear line.

    Raises:
        StorageFailed: the disk is full, or the place cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFailed(full(place)) from error
        if error.errno in _REFUSED:
            raise StorageFailed(f"{place} cannot be written to ({error.strerror}); choose another folder") from error
        raise StorageFailed(f"{place}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def temporary_name(path: Path) -> Path:
    """Name a hidden neighbour of a file that nobody else uses."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{next(_counter)}.part")


def publish(made: Path, final: Path) -> None:
    """Give a finished file its final name: content first, then the name, then the folder."""
    with storage_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        sync_file(made)
        made.replace(final)
        sync_folder(final.parent)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a small file so that readers see the old text or the new one, never a part; `private`: the user's own."""
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = temporary_name(path)
        try:
            part.touch(0o600 if private else 0o666)
            part.write_text(text, encoding="utf-8")
            publish(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_new(path: Path, text: str, *, private: bool = False) -> None:
    """Write a small file that nobody has written before: whole under its name, or not there at all.

    Of several writers one succeeds, on this machine or over a network file system. A `private` file is the user's own.

    Raises:
        FileExistsError: somebody else was first.
        StorageFailed: the disk will not have it.
    """
    part = temporary_name(path)
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.touch(0o600 if private else 0o666)
            part.write_text(text, encoding="utf-8")
            sync_file(part)
            taken = not _named_anew(part, path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)
    if taken:
        raise FileExistsError(path)


def _named_anew(part: Path, path: Path) -> bool:
    """Give a finished file a name that is free; tell whether it was."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in _FULL:
            raise
        return _copied_anew(part, path)  # a file system without links
    return True


def _copied_anew(part: Path, path: Path) -> bool:
    try:
        with path.open("xb") as stream:
            path.chmod(part.stat().st_mode & 0o777)
            stream.write(part.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        return False
    return True
