"""Where content and results are: blobs by digest, and small records that one of several writers may create or change.

A backend may be shared by machines, so each write is atomic, and nothing depends on a path or a clock of one machine.
`react1.testing.StoreTests` is the conformance suite. Here are the contract and the backend in a folder, which may be on
a network file system; object_store.py is the one in a bucket.

    objects/ab/ab12….mp4     content, read-only
    results/cd/cd34….json    a record `results/cd34…`
    records.lock             held while a record is compared and replaced, or removed

Every file is written, flushed and renamed, so two writers of the same content do no harm.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..core.file import File
from ..media.tools.file_copy import reflink
from .atomic import acquire, publish, storage_errors, temporary_path, write_new, write_text


@dataclass(frozen=True)
class StoredRecord:
    """The text of a record, and the version that `Records.replace` compares."""

    text: str
    version: str


class Blobs(Protocol):
    """Content by its SHA-256."""

    def path(self, file: File) -> Path | None:
        """Return a path from which content can be read, never written; None if the content is not stored.

        Raises:
            StorageFailed: the backend cannot be read, or its content is damaged.
        """

    def has(self, file: File) -> bool:
        """Return whether the complete content is stored, by its size."""

    def add(self, file: File, path: Path, *, move: bool) -> None:
        """Store the content of a finished local file; with `move`, the file is moved or removed.

        Raises:
            StorageFailed: the disk is full, or the backend refuses.
        """

    def remove(self, file: File) -> None:
        """Remove content, if it is stored."""


class Records(Protocol):
    """Small texts by name, such as `results/ab12…`; names are made of letters, digits, `-` and `/`."""

    def read(self, name: str) -> StoredRecord | None:
        """Return a record; None if there is none."""

    def create(self, name: str, text: str) -> bool:
        """Create a record; return False if it exists. Of several writers exactly one succeeds."""

    def replace(self, name: str, text: str, version: str) -> bool:
        """Change a record; return False if its version is another one by now, or if it is gone."""

    def remove(self, name: str) -> None:
        """Remove a record, if it exists."""

    def touch(self, name: str) -> None:
        """Mark a record as used, where the backend keeps the time of the last use."""

    def names(self, folder: str) -> Iterator[str]:
        """Yield the names of the records in a folder, in any order."""


@dataclass(frozen=True)
class Backend:
    """A place for blobs and records."""

    place: str
    """The folder or the URL, for messages."""
    blobs: Blobs
    records: Records
    shared: bool
    """Whether other machines may use it too."""


def directory_backend(root: Path, *, shared: bool) -> Backend:
    """Return the backend in a folder, which is created by the first write."""
    return Backend(str(root), DirectoryBlobs(root), DirectoryRecords(root), shared)


_CONTENT_PATH = re.compile(r".*/objects/([0-9a-f]{2})/\1[0-9a-f]{62}(\.[^/]*)?", re.DOTALL)


def is_content_path(path: Path) -> bool:
    """Return whether a file is content in a folder of a store: never written, and its time is that of its last use."""
    return _CONTENT_PATH.fullmatch(path.as_posix()) is not None


class DirectoryBlobs:
    """Content in files that are named by their digest."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def object_path(self, file: File) -> Path:
        """Return where content is, or would be."""
        return self.root / "objects" / file.digest[:2] / f"{file.digest}{file.suffix}"

    def path(self, file: File) -> Path | None:
        """Return the file of some content; None if it is not stored."""
        stored = self.object_path(file)
        return stored if stored.is_file() else None

    def has(self, file: File) -> bool:
        """Return whether the complete content is stored."""
        try:
            return self.object_path(file).stat().st_size == file.size_bytes
        except OSError:
            return False

    def add(self, file: File, path: Path, *, move: bool) -> None:
        """Store a finished file; content that is stored already is marked as used, so that `prune` keeps it."""
        final = self.object_path(file)
        with storage_errors(self.root):
            if self.has(file) and mark_used(final):
                if move:
                    path.unlink()
                return
            part = path
            if not move or not _same_disk(path, final.parent):
                part = _copy_beside(path, final)
                if move:
                    path.unlink()
            part.chmod(0o444)
            try:
                publish(part, final)
            finally:
                if part != path:
                    part.unlink(missing_ok=True)

    def remove(self, file: File) -> None:
        """Remove content."""
        self.object_path(file).unlink(missing_ok=True)


_UNCHANGEABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
"""Content of another user in a shared folder, or on a disk that is mounted read-only."""


def mark_used(path: Path) -> bool:
    """Set the time of content to now, so that `prune` keeps it; return False if it has just been pruned."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno not in _UNCHANGEABLE:
            raise
    return True


def _same_disk(path: Path, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    return path.stat().st_dev == folder.stat().st_dev


def _copy_beside(path: Path, final: Path) -> Path:
    final.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_path(final)
    try:
        if not reflink(path, part):
            shutil.copyfile(path, part)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


class DirectoryRecords:
    """Records as files; a version is the digest of the text."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def file(self, name: str) -> Path:
        """Return the file of a record."""
        folder, _, key = name.partition("/")
        return self._root / folder / key[:2] / f"{key}.json"

    def read(self, name: str) -> StoredRecord | None:
        """Return a record; None if there is none, or it is not text."""
        try:
            text = self.file(name).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        return StoredRecord(text, _version(text))

    def create(self, name: str, text: str) -> bool:
        """Create a record; return False if it exists."""
        try:
            write_new(self.file(name), text)
        except FileExistsError:
            return False
        return True

    def replace(self, name: str, text: str, version: str) -> bool:
        """Change a record under the lock of the folder, if its version is still the expected one."""
        with self._locked():
            stored = self.read(name)
            if stored is None or stored.version != version:
                return False
            write_text(self.file(name), text)
            return True

    def remove(self, name: str) -> None:
        """Remove a record under the lock, so that a change of it is not made after its removal."""
        if self.file(name).exists():
            with self._locked():
                self.file(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with storage_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            lock = acquire(self._root / "records.lock")
        with contextlib.closing(lock):
            yield

    def touch(self, name: str) -> None:
        """Set the time of a record to now."""
        with contextlib.suppress(OSError):
            os.utime(self.file(name))

    def names(self, folder: str) -> Iterator[str]:
        """Yield the names of the records in a folder."""
        for path in (self._root / folder).glob("*/*.json"):
            yield f"{folder}/{path.stem}"


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
