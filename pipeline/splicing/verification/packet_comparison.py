"""The packets of a stream as arrays, and whether those of two films have the same bytes.

Of each packet the times, the size, and the position in the file or else a digest are kept: 16 to 28 bytes. If the
packets are stored in both files as they are read (MP4 and MOV), the files are compared block by block, in runs of
packets that follow each other in both; else digests are compared.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...media.mp4.sample_tables import Ints

NO_TIME = int(np.iinfo(np.int64).min)
"""The time of a packet without one."""
_DIGEST_BYTES = 16
_BLOCK_BYTES = 1 << 20
_STRETCH_BYTES, _STRETCH_PACKETS = 256 << 20, 1 << 18
"""How much of a film is sorted at once: several copies of its packets' numbers exist meanwhile."""
_BLOCK_NUMBERS = 4 << 13
_INT32 = np.iinfo(np.int32)

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """A column of numbers that change little from one to the next, in 4 bytes each if the differences fit."""

    first: int
    steps: NDArray[np.integer[Any]]
    """From each to the next; the first is 0."""

    @staticmethod
    def of(values: Ints) -> Column:
        """Pack an array."""
        packer = ColumnPacker()
        packer.add(values)
        return packer.column()

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def values(self) -> Ints:
        """The numbers, computed at each access."""
        values = np.cumsum(self.steps, dtype=np.int64)
        values += self.first
        return values


class ColumnPacker:
    """Packs a column block by block."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.integer[Any]]] = []
        self._first: int | None = None
        self._last = 0

    def add(self, values: Ints) -> None:
        """Append numbers."""
        if not len(values):
            return
        if self._first is None:
            self._first = self._last = int(values[0])
        # A difference that does not fit 64 bits wraps around, and wraps back when the steps are added up.
        before = np.concatenate([np.array([self._last], np.int64), values[:-1]])
        steps = values - before
        self._last = int(values[-1])
        fits = int(steps.min()) >= _INT32.min and int(steps.max()) <= _INT32.max
        self._blocks.append(steps.astype(np.int32) if fits else steps)

    def column(self) -> Column:
        """Return the column, and free the blocks."""
        blocks, self._blocks = self._blocks, []
        steps = np.concatenate(blocks) if blocks else np.zeros(0, np.int32)
        return Column(self._first or 0, steps)


@dataclass(frozen=True)
class Packets:
    """The packets of one stream in the order in which they are read; times in units of its time base."""

    path: Path
    pts_column: Column
    dts_column: Column
    size_column: Column
    offset_column: Column | None = None
    """Positions in the file; None if a reader joins or changes what is stored."""
    digests: NDArray[np.uint8] | None = None
    """`(packets, 16) uint8`, if there are no positions."""
    keys: Bools | None = None
    """Whether each is marked as a keyframe, if the film was read by its index."""

    def __len__(self) -> int:
        return len(self.pts_column)

    @property
    def pts(self) -> Ints:
        """The presentation time of each."""
        return self.pts_column.values

    @property
    def dts(self) -> Ints:
        """The decode time of each."""
        return self.dts_column.values

    @property
    def sizes(self) -> Ints:
        """The size of each in bytes."""
        return self.size_column.values

    @property
    def has_offsets(self) -> bool:
        """Whether the packets' positions in the file are known."""
        return self.offset_column is not None

    @property
    def offsets(self) -> Ints:
        """The position of each in the file."""
        assert self.offset_column is not None
        return self.offset_column.values


class PacketCollector:
    """Collects the packets of one stream while a film is read."""

    def __init__(self, path: Path, raw: FileIO | None) -> None:
        self._path, self._raw = path, raw
        self._numbers = array("q")
        self._packers = [ColumnPacker() for _ in range(4)]
        self._digests = bytearray()
        self._has_offsets: bool | None = None if raw is not None else False

    def add(self, packet: Any) -> None:
        """Add the next packet; the first decides whether packets are stored in the file as they are read."""
        if self._has_offsets is None:
            self._has_offsets = self._is_stored_as_read(packet)
        numbers: tuple[Any, ...] = (packet.pts, packet.dts, packet.size, packet.pos)
        if None in numbers:
            numbers = tuple([NO_TIME if number is None else number for number in numbers])
        self._numbers.extend(numbers)
        if len(self._numbers) >= _BLOCK_NUMBERS:
            self._pack()
        if not self._has_offsets:
            self._digests += hashlib.blake2b(bytes(packet), digest_size=_DIGEST_BYTES).digest()

    def packets(self) -> Packets:
        """Return the packets, and free what was collected."""
        self._pack()
        pts, dts, sizes, offsets = (packer.column() for packer in self._packers)
        digests = np.frombuffer(self._digests, np.uint8).reshape(-1, _DIGEST_BYTES)
        self._digests = bytearray()
        if self._has_offsets:
            return Packets(self._path, pts, dts, sizes, offsets)
        return Packets(self._path, pts, dts, sizes, None, digests)

    def _pack(self) -> None:
        rows = np.frombuffer(self._numbers, np.int64).reshape(-1, 4)
        for packer, numbers in zip(self._packers, rows.T, strict=True):
            packer.add(numbers.copy())
        self._numbers = array("q")

    def _is_stored_as_read(self, packet: Any) -> bool:
        if self._raw is None or packet.pos is None:
            return False
        self._raw.seek(packet.pos)
        return self._raw.read(packet.size) == bytes(packet)


def same_bytes(pairs: Sequence[tuple[Packets, Packets, Bools]]) -> list[Bools]:
    """Compare the bytes and marks of pairs of streams packet by packet; packets outside the mask count as equal.

    The streams of a pair have the same length; all first ones belong to one file, all second ones to another.
    """
    results = [~mask | _alike(first, second) for first, second, mask in pairs]
    by_offset: list[int] = []
    for number, (first, second, mask) in enumerate(pairs):
        if first.has_offsets and second.has_offsets:
            by_offset.append(number)
        else:
            results[number] &= ~mask | (_digests(first) == _digests(second)).all(1)
    _compare_by_offset([pairs[number] for number in by_offset], [results[number] for number in by_offset])
    return results


def _alike(first: Packets, second: Packets) -> Bools:
    """Compare sizes, and the marks of keyframes where both films' are known."""
    alike: Bools = first.sizes == second.sizes
    return alike if first.keys is None or second.keys is None else alike & (first.keys == second.keys)


def _digests(packets: Packets) -> NDArray[np.uint8]:
    if packets.digests is not None:
        return packets.digests
    digests = bytearray()
    with packets.path.open("rb", buffering=0) as raw:
        for offset, size in zip(packets.offsets.tolist(), packets.sizes.tolist(), strict=True):
            digests += hashlib.blake2b(_read(raw, offset, size), digest_size=_DIGEST_BYTES).digest()
    return np.frombuffer(digests, np.uint8).reshape(-1, _DIGEST_BYTES)


def _compare_by_offset(pairs: Sequence[tuple[Packets, Packets, Bools]], results: Sequence[Bools]) -> None:
    """Read both files side by side, a stretch of the first at a time, and clear in `results` what differs."""
    if not pairs:
        return
    end = 1 + max(int(first.offsets.max(initial=0)) for first, _, _ in pairs)
    total = max(sum(len(first) for first, _, _ in pairs), 1)
    stretch_bytes = max(1, min(_STRETCH_BYTES, end * _STRETCH_PACKETS // total))
    with pairs[0][0].path.open("rb", buffering=0) as source, pairs[0][1].path.open("rb", buffering=0) as output:
        for start in range(0, end, stretch_bytes):
            _compare_stretch(source, output, pairs, results, range(start, start + stretch_bytes))


def _compare_stretch(
    source: FileIO,
    output: FileIO,
    pairs: Sequence[tuple[Packets, Packets, Bools]],
    results: Sequence[Bools],
    stretch: range,
) -> None:
    selections, first_offsets, second_offsets, sizes = [], [], [], []
    for (first, second, mask), result in zip(pairs, results, strict=True):
        offsets = first.offsets
        selected = np.flatnonzero((offsets >= stretch.start) & (offsets < stretch.stop) & mask & result)
        selections.append(selected)
        first_offsets.append(offsets[selected])
        second_offsets.append(second.offsets[selected])
        sizes.append(first.sizes[selected])
    columns = (np.concatenate(arrays) for arrays in (first_offsets, second_offsets, sizes))
    equal = _compare_ranges(source, output, *columns)
    parts = np.split(equal, np.cumsum([len(selected) for selected in selections])[:-1])
    for result, selected, part in zip(results, selections, parts, strict=True):
        result[selected] = part


def _compare_ranges(source: FileIO, output: FileIO, first: Ints, second: Ints, size: Ints) -> Bools:
    """Compare ranges of two files, run by run; only a run that differs is compared range by range."""
    equal = np.ones(len(first), bool)
    order = np.argsort(first, kind="stable")
    for run in _runs(first[order], second[order], size[order]):
        members = order[run]
        if _equal(source, output, int(first[members[0]]), int(second[members[0]]), int(size[members].sum())):
            continue
        for member in members.tolist():
            equal[member] = _equal(source, output, int(first[member]), int(second[member]), int(size[member]))
    return equal


def _runs(first: Ints, second: Ints, size: Ints) -> list[slice]:
    """Split packets into runs that follow each other in both files and are not much longer than a block."""
    if not len(first):
        return []
    gap = (first[:-1] + size[:-1] != first[1:]) | (second[:-1] + size[:-1] != second[1:])
    block = (np.cumsum(size) - size) // _BLOCK_BYTES
    starts = np.flatnonzero(np.append(True, gap | (block[1:] != block[:-1]))).tolist()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(first)], strict=True)]


def _equal(source: FileIO, output: FileIO, first: int, second: int, size_bytes: int) -> bool:
    data = _read(source, first, size_bytes)
    return len(data) == size_bytes and data == _read(output, second, size_bytes)


def _read(raw: FileIO, offset: int, size_bytes: int) -> bytes:
    raw.seek(offset)
    return raw.read(size_bytes)


def same_times(first: Ints, first_base: Fraction, second: Ints, second_base: Fraction, within_s: Fraction) -> Bools:
    """Compare times element by element, to within `within_s`; two missing times are equal."""
    missing = first == NO_TIME
    known = ~missing & (second != NO_TIME)
    equal: Bools = missing & (second == NO_TIME)
    if first_base == second_base:
        limit = int(within_s / first_base) if first_base else 0
        equal[known] = np.abs(first[known] - second[known]) <= limit
        return equal
    pairs = zip(first[known].tolist(), second[known].tolist(), strict=True)
    equal[known] = [abs(a * first_base - b * second_base) <= within_s for a, b in pairs]
    return equal
