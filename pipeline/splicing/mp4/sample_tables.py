"""The sample tables of one MP4 track, as arrays.

Source  ISO/IEC 14496-12, 8.6 and 8.7: stts and ctts (times), stss (sync samples), stsz (sizes), stsc and
        stco/co64 (which chunk holds which sample, and where).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..not_applicable import Unsuited
from .boxes import Box

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Chunks:
    """Where the chunks of a track lie, and how many samples each holds."""

    offsets: Ints
    samples: NDArray[np.int32]
    entries: NDArray[np.int32]
    """By which sample description each is read, counted from 1."""

    @property
    def first(self) -> Ints:
        """The first sample of each chunk."""
        return starts_of(self.samples)


@dataclass(frozen=True)
class Samples:
    """The samples of a track in decoding order; times in units of the track's own clock."""

    sizes: Ints
    offsets: Ints
    dts: Ints
    composition: Ints
    """pts minus dts."""
    sync: NDArray[np.bool_]

    @property
    def pts(self) -> Ints:
        """When each sample is shown, before the edit list."""
        return self.dts + self.composition

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.sizes)


def starts_of(sizes: NDArray[np.integer[Any]]) -> Ints:
    """Give where each begins of things that lie one after the other."""
    starts: Ints = np.cumsum(sizes, dtype=np.int64) - sizes
    return starts


def handler(track: Box) -> bytes:
    """Give what a track carries: `vide`, `soun`, `text`, `tmcd` and so on."""
    return track.at(b"mdia", b"hdlr").body[8:12]


def stbl(track: Box) -> Box:
    """Give the folder of a track's sample tables."""
    return track.at(b"mdia", b"minf", b"stbl")


def chunks(track: Box) -> Chunks:
    """Read where the chunks lie."""
    table = stbl(track)
    narrow, wide = table.find(b"stco"), table.find(b"co64")
    if narrow is None and wide is None:
        raise Unsuited("a track has no chunk offsets")
    offsets = _plain(narrow.body, ">u4") if narrow is not None else _plain(wide.body if wide else b"", ">u8")
    rows = _rows(table.at(b"stsc").body, 3, ">u4")
    if len(offsets) and (not len(rows) or rows[0, 0] != 1):
        raise Unsuited("a track's chunk table is broken")
    runs = np.maximum(np.diff(np.append(rows[:, 0], len(offsets) + 1)), 0)
    samples, entries = (np.repeat(rows[:, column].astype(np.int32), runs)[: len(offsets)] for column in (1, 2))
    return Chunks(offsets, samples, entries)


def samples(track: Box) -> Samples:
    """Read all samples of a track.

    Raises:
        Unsuited: the tables contradict each other.
    """
    table = stbl(track)
    sizes = _sizes(table)
    held = chunks(track)
    count = len(sizes)
    if int(held.samples.sum()) != count:
        raise Unsuited("a track's tables do not agree on how many samples there are")
    before = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    filled = held.samples > 0
    starts = np.repeat((held.offsets - before[held.first.clip(0, count)])[filled], held.samples[filled])
    steps = _unrolled(table.at(b"stts").body, ">u4")
    composition = table.find(b"ctts")
    shifts = _unrolled(composition.body, ">i4") if composition is not None else np.zeros(count, np.int64)
    if len(steps) < count or len(shifts) < count:
        raise Unsuited("a track's time tables are too short")
    sync = np.ones(count, bool)
    marks = table.find(b"stss")
    if marks is not None:
        sync[:] = False
        numbers = _plain(marks.body, ">u4")
        if len(numbers) and (int(numbers.min()) < 1 or int(numbers.max()) > count):
            raise Unsuited("a track's keyframe table names pictures that it does not have")
        sync[numbers - 1] = True
    dts = np.concatenate([[0], np.cumsum(steps[: count - 1])]).astype(np.int64)[:count]
    return Samples(sizes, starts + before[:count], dts, shifts[:count], sync)


def _sizes(table: Box) -> Ints:
    body = table.at(b"stsz").body
    one, count = struct.unpack_from(">II", body, 4)
    if one:
        return np.full(count, one, np.int64)
    return np.frombuffer(body, ">u4", count, 12).astype(np.int64)


def _plain(body: bytes, form: str) -> Ints:
    return _numbers(body, form, 1)


def _numbers(body: bytes, form: str, width: int) -> Ints:
    """Read a table of rows.

    Raises:
        Unsuited: it is shorter than it says.
    """
    try:
        (count,) = struct.unpack_from(">I", body, 4)
        return np.frombuffer(body, form, count * width, 8).astype(np.int64)
    except (struct.error, ValueError) as error:
        raise Unsuited("a track's tables are cut short") from error


def _rows(body: bytes, width: int, form: str) -> Ints:
    return _numbers(body, form, width).reshape(-1, width)


def _unrolled(body: bytes, form: str) -> Ints:
    rows = _rows(body, 2, ">u4")
    values = np.frombuffer(body, form, rows.size, 8).reshape(-1, 2)[:, 1].astype(np.int64)
    return np.repeat(values, rows[:, 0])


def put_sizes(table: Box, sizes: Ints) -> None:
    """Write `stsz`."""
    table.put(b"stsz", struct.pack(">III", 0, 0, len(sizes)) + sizes.astype(">u4").tobytes())


def put_sync(table: Box, sync: NDArray[np.bool_]) -> None:
    """Write `stss`; it is left out where every sample is one."""
    if bool(sync.all()):
        table.drop(b"stss")
        return
    marks = np.flatnonzero(sync) + 1
    table.put(b"stss", struct.pack(">II", 0, len(marks)) + marks.astype(">u4").tobytes())


def put_composition(table: Box, shifts: Ints) -> None:
    """Write `ctts`, signed (version 1) only where a shift is negative."""
    if not shifts.any():
        table.drop(b"ctts")
        return
    starts = np.flatnonzero(np.concatenate([[True], shifts[1:] != shifts[:-1]]))
    runs = np.diff(np.append(starts, len(shifts)))
    rows = np.stack([runs, shifts[starts]], 1).astype(">i4").tobytes()
    version = 1 << 24 if int(shifts.min()) < 0 else 0
    table.put(b"ctts", struct.pack(">II", version, len(starts)) + rows)


def put_chunks(table: Box, held: Chunks) -> None:
    """Write which chunks there are: `stsc`, and `co64` where one lies beyond 32 bits, else `stco`."""
    rows = np.stack([held.samples, held.entries], 1)
    starts = np.flatnonzero(np.append(True, (rows[1:] != rows[:-1]).any(1)))
    told = np.column_stack([starts + 1, rows[starts]]).astype(">u4")
    table.put(b"stsc", struct.pack(">II", 0, len(starts)) + told.tobytes())
    put_offsets(table, held.offsets, wide=bool((held.offsets > 0xFFFFFFFF).any()))


def put_offsets(table: Box, offsets: Ints, *, wide: bool) -> None:
    """Write `co64` where `wide`, else `stco`."""
    table.drop(b"stco", b"co64")
    form = ">u8" if wide else ">u4"
    body = struct.pack(">II", 0, len(offsets)) + offsets.astype(form).tobytes()
    table.put(b"co64" if wide else b"stco", body)
