"""New samples for a track, and what the track's tables say of them.

New samples keep the source's dts slots. `rewrite.py` and `in_place.py` decide where their bytes go.

Byte ranges of several files are arrays, and are copied into one file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box
from ...media.mp4.sample_tables import Ints
from ...media.not_applicable import NotApplicable
from ...media.tools.file_copy import copy_range


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


UNREAD_TABLES = (b"csgp", b"subs", b"stz2")
"""They describe single pictures in ways that are not written here; players do without them."""
STALE_TABLES = (*UNREAD_TABLES, b"sdtp", b"stps", b"sbgp", b"sgpd", b"cslg")
"""The same, and those that describe pictures of a fragment that is built again."""


@dataclass(frozen=True)
class NewSamples:
    """Encoded pictures or sound for the samples [first, end), in decoding order, stored in `file`."""

    first: int
    end: int
    track_number: int
    """Among the tracks of its kind, from 0."""
    file: Path
    offsets: Ints
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: np.ndarray[tuple[int], np.dtype[np.bool_]]
    stsd: bytes = b""
    """The complete body of the new `stsd`; for pictures only."""
    handler: bytes = b"vide"
    """The handler of their track."""


def group_by_track(tracks: Sequence[Box], new: Sequence[NewSamples]) -> dict[int, list[int]]:
    """Group new samples by their tracks: map the index of each track to the indices of its items in `new`.

    Raises:
        NotApplicable: a track does not exist.
    """
    groups: dict[int, list[int]] = {}
    for index, samples in enumerate(new):
        groups.setdefault(_track_index(tracks, samples.handler, samples.track_number), []).append(index)
    return groups


def find_track(moov: Box, handler: bytes, number: int = 0) -> Box:
    """Return the track number `number` (from 0) among those with a handler (`vide`, `soun`).

    Raises:
        NotApplicable: the track does not exist.
    """
    tracks = moov.all(b"trak")
    return tracks[_track_index(tracks, handler, number)]


def find_track_number(moov: Box, handler: bytes, track_id: int) -> int:
    """Return the number, among the tracks with a handler, of the one with this id.

    The number of a stream among those of its kind may be another: readers give covers, which have no track, as
    pictures, too.

    Raises:
        NotApplicable: there is none.
    """
    tracks = [track for track in moov.all(b"trak") if sample_tables.handler(track) == handler]
    ids = [sample_tables.track_id(track) for track in tracks]
    if track_id not in ids:
        raise NotApplicable(f"the file has no {handler.decode('latin-1')} track with the id {track_id}")
    return ids.index(track_id)


def _track_index(tracks: Sequence[Box], handler: bytes, number: int) -> int:
    matches = [index for index, track in enumerate(tracks) if sample_tables.handler(track) == handler]
    if number >= len(matches):
        raise NotApplicable(f"the file has no {handler.decode('latin-1')} track number {number + 1}")
    return matches[number]


def require_self_contained(tracks: Sequence[Box]) -> None:
    """Check that all samples are in this file: every data reference has the flag for that.

    Raises:
        NotApplicable: a track's samples are in another file.
    """
    for track in tracks:
        dref = track.find(b"mdia", b"minf", b"dinf", b"dref")
        if dref is not None and len(dref.body) >= 20 and not dref.body[19] & 1:
            raise NotApplicable("a track's samples are in another file")


def write_samples(table: Box, old: sample_tables.Samples, new: Sequence[NewSamples]) -> None:
    """Write sizes, times, sync marks and description of the new samples, but not their positions."""
    sizes, composition, sync = old.sizes.copy(), old.composition.copy(), old.sync.copy()
    is_new = np.zeros(old.count, bool)
    for samples in new:
        span = slice(samples.first, samples.end)
        sizes[span], composition[span], sync[span] = samples.sizes, samples.composition, samples.sync
        is_new[span] = True
    sample_tables.write_sizes(table, sizes)
    if new[0].handler == b"vide":
        table.put(b"stsd", new[-1].stsd)
        sample_tables.write_composition(table, composition)
        sample_tables.write_sync(table, sync)
        sample_tables.write_picture_tables(table, is_new, composition)
        table.drop(*UNREAD_TABLES)
