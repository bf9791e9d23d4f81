"""Runs of bytes that are copied from several files into one.

Takes   arrays that say of every piece in which file it lies, where, and how long it is.
Gives   the same bytes as few long runs, and the copying of them.
Raises  Unsuited where a file ends before its index says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO

import numpy as np

from ...media.copying import copy_span
from ..not_applicable import Unsuited
from .sample_tables import Ints


@dataclass(frozen=True)
class Runs:
    """Bytes to copy one after the other."""

    file: Ints
    """Which of several files."""
    offset: Ints
    size_bytes: Ints

    def joined(self) -> Runs:
        """Join what follows each other in one file; nothing stays of empty runs."""
        held = np.flatnonzero(self.size_bytes)
        if not len(held):
            return Runs(self.file[held], self.offset[held], self.size_bytes[held])
        file, offset, size = self.file[held], self.offset[held], self.size_bytes[held]
        apart = (file[1:] != file[:-1]) | (offset[:-1] + size[:-1] != offset[1:])
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
        return Runs(file[starts], offset[starts], np.add.reduceat(size, starts))

    def copy(self, files: Sequence[FileIO], out: FileIO) -> None:
        """Write all of them at the place of `out`."""
        for file, offset, size_bytes in zip(*(one.tolist() for one in self.columns), strict=True):
            copy_run(files[file], out, offset, size_bytes)

    @property
    def columns(self) -> tuple[Ints, Ints, Ints]:
        """All three: file, offset, size."""
        return self.file, self.offset, self.size_bytes


def copy_run(source: FileIO, out: FileIO, offset: int, size_bytes: int) -> None:
    """Copy a span of a file to the place of another.

    Raises:
        Unsuited: the span ends after the file.
    """
    if copy_span(source, out, offset, size_bytes) < size_bytes:
        raise Unsuited("the file ends before its index says")


def write_all(out: FileIO, data: bytes) -> None:
    """Write bytes to a file that has no buffer, which may take them in parts."""
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]
