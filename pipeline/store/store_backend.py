"""Where content and results are: blobs by digest, and small records that one of several writers may create or change.

A backend may be shared by machines, so each write is atomic, and nothing depends on a path or a clock of one machine.
`react1.testing.StoreTests` is the conformance suite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..core.file import File


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
