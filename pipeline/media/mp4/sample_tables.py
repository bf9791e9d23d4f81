"""The sample tables of one MP4 track, as arrays.

Source: ISO/IEC 14496-12, 8.6 and 8.7: stts and ctts (times), stss (sync samples), stsz (sizes), stsc and stco/co64
(which chunk holds which sample, and where), 8.6.4 (sdtp), 8.6.1.4 (cslg), 8.9.2 (sbgp); QuickTime File Format (stps).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..not_applicable import NotApplicable
from .boxes import Box

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Chunks:
    """The chunks of a track: where they are, and how many samples each has."""

    offsets: Ints
    samples: NDArray[np.int32]
    entries: NDArray[np.int32]
    """The sample description of each, counted from 1."""

    @property
    def first(self) -> Ints:
        """The first sample of each chunk."""
        return starts_of(self.samples)


@dataclass(frozen=True)
class Samples:
    """The samples of a track in decoding order; times in units of the track's time scale."""

    sizes: Ints
    offsets: Ints
    dts: Ints
    composition: Ints
    """pts minus dts."""
    sync: NDArray[np.bool_]
    partial_sync: NDArray[np.bool_] | None = None
    """Keyframes of open groups of pictures, which MOV marks otherwise; None without any."""

    @property
    def keyframes(self) -> NDArray[np.bool_]:
        """The samples at which a reader begins to decode."""
        return self.sync if self.partial_sync is None else self.sync | self.partial_sync

    @property
    def pts(self) -> Ints:
        """The presentation time of each sample, before the edit list."""
        return self.dts + self.composition

    @property
    def count(self) -> int:
        """The number of samples."""
        return len(self.sizes)


def starts_of(sizes: NDArray[np.integer[Any]]) -> Ints:
    """Return the start of each item if items of these sizes follow each other from 0."""
    starts: Ints = np.cumsum(sizes, dtype=np.int64) - sizes
    return starts


def track_id(track: Box) -> int:
    """Return the id of a track."""
    body = track.require(b"tkhd").body
    return int.from_bytes(body[20:24] if body[0] == 1 else body[12:16], "big")


def handler(track: Box) -> bytes:
    """Return what a track carries: `vide`, `soun`, `text`, `tmcd` and so on."""
    return track.require(b"mdia", b"hdlr").body[8:12]


def stbl(track: Box) -> Box:
    """Return the box that contains a track's sample tables."""
    return track.require(b"mdia", b"minf", b"stbl")


def read_chunks(track: Box) -> Chunks:
    """Read the chunk table of a track.

    Raises:
        NotApplicable: the table is missing or broken.
    """
    table = stbl(track)
    narrow, wide = table.find(b"stco"), table.find(b"co64")
    if narrow is None and wide is None:
        raise NotApplicable("a track has no chunk offsets")
    offsets = _column(narrow.body, ">u4") if narrow is not None else _column(wide.body if wide else b"", ">u8")
    rows = _rows(table.require(b"stsc").body, 3, ">u4")
    if len(offsets) and (not len(rows) or rows[0, 0] != 1):
        raise NotApplicable("a track's chunk table is broken")
    runs = np.maximum(np.diff(np.append(rows[:, 0], len(offsets) + 1)), 0)
    samples, entries = (np.repeat(rows[:, column].astype(np.int32), runs)[: len(offsets)] for column in (1, 2))
    return Chunks(offsets, samples, entries)


def read_sample_table(track: Box) -> Samples:
    """Read all samples of a track.

    Raises:
        NotApplicable: the tables contradict each other.
    """
    table = stbl(track)
    sizes = _sizes(table)
    chunks = read_chunks(track)
    count = len(sizes)
    if int(chunks.samples.sum()) != count:
        raise NotApplicable("a track's tables disagree on the number of samples")
    before = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    filled = chunks.samples > 0
    starts = np.repeat((chunks.offsets - before[chunks.first.clip(0, count)])[filled], chunks.samples[filled])
    durations = _expand_runs(table.require(b"stts").body, ">u4")
    ctts = table.find(b"ctts")
    composition = _expand_runs(ctts.body, ">i4") if ctts is not None else np.zeros(count, np.int64)
    if len(durations) < count or len(composition) < count:
        raise NotApplicable("a track's time tables are too short")
    marked, partial_sync = (_marked(table, kind, count) for kind in (b"stss", b"stps"))
    sync = np.ones(count, bool) if marked is None else marked
    dts = np.concatenate([[0], np.cumsum(durations[: count - 1])]).astype(np.int64)[:count]
    return Samples(sizes, starts + before[:count], dts, composition[:count], sync, partial_sync)


def _marked(table: Box, kind: bytes, count: int) -> NDArray[np.bool_] | None:
    """Return which samples a table of their numbers has; None without this table."""
    box = table.find(kind)
    if box is None:
        return None
    numbers = _column(box.body, ">u4")
    if len(numbers) and (int(numbers.min()) < 1 or int(numbers.max()) > count):
        raise NotApplicable("a track's keyframe table names samples that do not exist")
    marked = np.zeros(count, bool)
    marked[numbers - 1] = True
    return marked


def _sizes(table: Box) -> Ints:
    body = table.require(b"stsz").body
    common_size = int.from_bytes(body[4:8], "big")
    if common_size:
        return np.full(int.from_bytes(body[8:12], "big"), common_size, np.int64)
    return _column(body[4:], ">u4")


def _column(body: bytes, dtype: str) -> Ints:
    return _numbers(body, dtype, 1)


def _rows(body: bytes, width: int, dtype: str) -> Ints:
    return _numbers(body, dtype, width).reshape(-1, width)


def _numbers(body: bytes, dtype: str, width: int) -> Ints:
    """Read a table of rows.

    Raises:
        NotApplicable: it is shorter than its count says.
    """
    try:
        (count,) = struct.unpack_from(">I", body, 4)
        return np.frombuffer(body, dtype, count * width, 8).astype(np.int64)
    except (struct.error, ValueError) as error:
        raise NotApplicable("a track's tables are cut short") from error


def _expand_runs(body: bytes, dtype: str) -> Ints:
    rows = _rows(body, 2, ">u4")
    values = np.frombuffer(body, dtype, rows.size, 8).reshape(-1, 2)[:, 1].astype(np.int64)
    return np.repeat(values, rows[:, 0])


def write_sizes(table: Box, sizes: Ints) -> None:
    """Write `stsz`."""
    table.put(b"stsz", struct.pack(">III", 0, 0, len(sizes)) + sizes.astype(">u4").tobytes())


def write_sync(table: Box, sync: NDArray[np.bool_]) -> None:
    """Write `stss`; remove it if every sample is a sync sample."""
    if bool(sync.all()):
        table.drop(b"stss")
        return
    numbers = np.flatnonzero(sync) + 1
    table.put(b"stss", struct.pack(">II", 0, len(numbers)) + numbers.astype(">u4").tobytes())


def write_composition(table: Box, composition: Ints) -> None:
    """Write `ctts`, signed (version 1) only if an offset is negative; remove it if all are 0."""
    if not composition.any():
        table.drop(b"ctts")
        return
    starts = np.flatnonzero(np.concatenate([[True], composition[1:] != composition[:-1]]))
    runs = np.diff(np.append(starts, len(composition)))
    rows = np.stack([runs, composition[starts]], 1).astype(">i4").tobytes()
    version = 1 << 24 if int(composition.min()) < 0 else 0
    table.put(b"ctts", struct.pack(">II", version, len(starts)) + rows)


def write_picture_tables(table: Box, is_new: NDArray[np.bool_], composition: Ints) -> None:
    """Write what the tables say of single pictures again: nothing of new ones, and the same as before of all others.

    So players still know which of the film's own pictures they may leave out, or begin at.

    Args:
        table: the `stbl` of a track.
        is_new: which of its samples are.
        composition: pts minus dts of each sample.
    """
    writers: dict[bytes, Callable[[bytes], bytes]] = {
        b"sdtp": lambda body: _without_marks(body, is_new),
        b"stps": lambda body: _without_numbers(body, is_new),
        b"sbgp": lambda body: _without_groups(body, is_new),
        b"cslg": lambda body: _composition_range(body, composition),
    }
    for box in [child for child in table.children if child.kind in writers]:
        try:
            box.body = writers[box.kind](box.body)
        except NotApplicable:  # what contradicts the other tables is left out
            table.children.remove(box)


_FULL_HEAD_BYTES = 4
"""Version and flags."""


def _without_marks(body: bytes, is_new: NDArray[np.bool_]) -> bytes:
    """Return a table of what depends on each sample (`sdtp`) that leaves it open of new ones."""
    if len(body) != _FULL_HEAD_BYTES + len(is_new):
        raise NotApplicable("a track's tables disagree on the number of samples")
    marks = np.frombuffer(body, np.uint8, offset=_FULL_HEAD_BYTES)
    return body[:_FULL_HEAD_BYTES] + np.where(is_new, 0, marks).astype(np.uint8).tobytes()


def _without_numbers(body: bytes, is_new: NDArray[np.bool_]) -> bytes:
    """Return a table of partial keyframes (`stps`) without new samples."""
    numbers = _column(body, ">u4")
    numbers = numbers[(numbers >= 1) & (numbers <= len(is_new))]
    numbers = numbers[~is_new[numbers - 1]]
    return body[:_FULL_HEAD_BYTES] + struct.pack(">I", len(numbers)) + numbers.astype(">u4").tobytes()


def _without_groups(body: bytes, is_new: NDArray[np.bool_]) -> bytes:
    """Return a table of sample groups (`sbgp`) in which new samples are in none."""
    head = body[: 12 if body[:1] == b"\x01" else 8]
    rows = _rows(bytes(4) + body[len(head) :], 2, ">u4")
    ends = np.minimum(np.cumsum(rows[:, 0]), len(is_new))
    groups = np.repeat(rows[:, 1], np.diff(ends, prepend=0))
    groups = np.where(is_new, 0, np.pad(groups, (0, len(is_new) - len(groups))))
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    runs = np.stack([np.diff(np.append(starts, len(groups))), groups[starts]], 1)
    return head + struct.pack(">I", len(runs)) + runs.astype(">u4").tobytes()


def _composition_range(body: bytes, composition: Ints) -> bytes:
    """Return a `cslg` with the least and the greatest of all offsets, and a shift that makes none negative."""
    row = struct.Struct(">5q" if body[:1] == b"\x01" else ">5i")
    if len(body) < _FULL_HEAD_BYTES + row.size:
        raise NotApplicable("a track's tables are cut short")
    shift, _, _, start, end = row.unpack_from(body, _FULL_HEAD_BYTES)
    least, greatest = int(composition.min()), int(composition.max())
    return body[:_FULL_HEAD_BYTES] + row.pack(max(shift, -least), least, greatest, start, end)


def write_chunks(table: Box, chunks: Chunks) -> None:
    """Write `stsc`, and `co64` if an offset needs more than 32 bits, else `stco`."""
    rows = np.stack([chunks.samples, chunks.entries], 1)
    starts = np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]).any(1)))
    stsc = np.column_stack([starts + 1, rows[starts]]).astype(">u4")
    table.put(b"stsc", struct.pack(">II", 0, len(starts)) + stsc.tobytes())
    write_chunk_offsets(table, chunks.offsets, wide=bool((chunks.offsets > 0xFFFFFFFF).any()))


def write_chunk_offsets(table: Box, offsets: Ints, *, wide: bool) -> None:
    """Write `co64` if `wide`, else `stco`."""
    table.drop(b"stco", b"co64")
    dtype = ">u8" if wide else ">u4"
    body = struct.pack(">II", 0, len(offsets)) + offsets.astype(dtype).tobytes()
    table.put(b"co64" if wide else b"stco", body)
