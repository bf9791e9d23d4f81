"""Byte ranges of several files, as arrays, and copying them into one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO

import numpy as np

from ...media.tools.file_copy import copy_range
from ..not_applicable import NotApplicable
from .sample_tables import Ints


@dataclass(frozen=True)
class ByteRanges:
    """Ranges to copy one after the other."""

    file: Ints
    """The number of the file that each range is in."""
    offset: Ints
    size_bytes: Ints

    def joined(self) -> ByteRanges:
        """Join ranges that follow each other in one file; drop empty ranges."""
        filled = np.flatnonzero(self.size_bytes)
        if not len(filled):
            return ByteRanges(self.file[filled], self.offset[filled], self.size_bytes[filled])
        file, offset, size = self.file[filled], self.offset[filled], self.size_bytes[filled]
        gap = (file[1:] != file[:-1]) | (offset[:-1] + size[:-1] != offset[1:])
        starts = np.concatenate([[0], np.flatnonzero(gap) + 1])
        return ByteRanges(file[starts], offset[starts], np.add.reduceat(size, starts))

    def copy(self, files: Sequence[FileIO], out: FileIO) -> None:
        """Write all ranges at the position of `out`.

        Raises:
            NotApplicable: a range extends beyond its file.
        """
        for file, offset, size_bytes in zip(*(column.tolist() for column in self.columns), strict=True):
            copy_complete_range(files[file], out, offset, size_bytes)

    @property
    def columns(self) -> tuple[Ints, Ints, Ints]:
        """File, offset and size."""
        return self.file, self.offset, self.size_bytes


def copy_complete_range(source: FileIO, out: FileIO, offset: int, size_bytes: int) -> None:
    """Copy a range of a file to the position of another.

    Raises:
        NotApplicable: the range extends beyond the file.
    """
    if copy_range(source, out, offset, size_bytes) < size_bytes:
        raise NotApplicable("the file is shorter than its index says")


def write_all(out: FileIO, data: bytes) -> None:
    """Write bytes to an unbuffered file, which may accept them in parts."""
    remaining = memoryview(data)
    while remaining:
        remaining = remaining[out.write(remaining) :]
