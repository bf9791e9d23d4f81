"""The packets of a stream as arrays, and whether those of two films hold the same bytes.

Takes   packets in the order in which a reader gives them.
Gives   their times and sizes, and where their bytes lie in the file or else a digest of each: 16 to 28 bytes a packet.

Where the packets stand in both files as they are read (MP4 and MOV), the files are compared block by block, in runs
that follow each other in both; else digests are compared.

Long rows of numbers of which each is near the one before: times, sizes, and places in a file.

Takes   numbers block by block.
Gives   `Column`: their steps in 32 bits, or in 64 where one does not fit; the numbers themselves when asked for.
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

from ..mp4.sample_tables import Ints

UNTIMED = int(np.iinfo(np.int64).min)
"""The time of a packet that has none."""
_DIGEST_BYTES = 16
_BLOCK_BYTES = 1 << 20
_STRETCH_BYTES, _STRETCH_PACKETS = 256 << 20, 1 << 18
"""How much of a film is sorted at once: what is said of its packets is held several times meanwhile."""
_BLOCK_NUMBERS = 4 << 13

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Packets:
    """The packets of one stream; times in units of its time base."""

    path: Path
    shown: Column
    decoded: Column
    lengths: Column
    begins: Column | None = None
    """Where in the file each begins; None where a reader joins or changes what stands there."""
    digests: NDArray[np.uint8] | None = None
    """`(packets, 16) uint8`, where there are no places."""

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def pts(self) -> Ints:
        """When each is shown."""
        return self.shown.values

    @property
    def dts(self) -> Ints:
        """When each is decoded."""
        return self.decoded.values

    @property
    def sizes(self) -> Ints:
        """How many bytes each has."""
        return self.lengths.values

    @property
    def placed(self) -> bool:
        """Whether it is known where in the file they lie."""
        return self.begins is not None

    @property
    def places(self) -> Ints:
        """Where in the file each begins."""
        assert self.begins is not None
        return self.begins.values


class Collector:
    """Gathers the packets of one stream while a film is read."""

    def __init__(self, path: Path, raw: FileIO | None) -> None:
        self._path, self._raw = path, raw
        self._numbers = array("q")
        self._columns = [Packer() for _ in range(4)]
        self._digests = bytearray()
        self._placed: bool | None = None if raw is not None else False

    def add(self, packet: Any) -> None:
        """Note the next packet; the first tells whether packets stand in the file as they are read."""
        if self._placed is None:
            self._placed = self._stands(packet)
        told = (packet.pts, packet.dts, packet.size, packet.pos)
        self._numbers.extend([UNTIMED if number is None else number for number in told])
        if len(self._numbers) >= _BLOCK_NUMBERS:
            self._pack()
        if not self._placed:
            self._digests += hashlib.blake2b(bytes(packet), digest_size=_DIGEST_BYTES).digest()

    def packets(self) -> Packets:
        """Give what was gathered, and let go of it."""
        self._pack()
        shown, decoded, lengths, begins = (packer.column() for packer in self._columns)
        digests = np.frombuffer(self._digests, np.uint8).reshape(-1, _DIGEST_BYTES)
        self._digests = bytearray()
        if self._placed:
            return Packets(self._path, shown, decoded, lengths, begins)
        return Packets(self._path, shown, decoded, lengths, None, digests)

    def _pack(self) -> None:
        rows = np.frombuffer(self._numbers, np.int64).reshape(-1, 4)
        for packer, numbers in zip(self._columns, rows.T, strict=True):
            packer.add(numbers.copy())
        self._numbers = array("q")

    def _stands(self, packet: Any) -> bool:
        if self._raw is None or packet.pos is None:
            return False
        self._raw.seek(packet.pos)
        return self._raw.read(packet.size) == bytes(packet)


def same_bytes(pairs: Sequence[tuple[Packets, Packets, Bools]]) -> list[Bools]:
    """Tell packet by packet whether two streams hold the same; what is not asked for (the mask) passes.

    The streams of a pair are equally long; all first ones belong to one file, all second ones to another.
    """
    found = [~asked | (one.sizes == other.sizes) for one, other, asked in pairs]
    placed: list[int] = []
    for number, (one, other, asked) in enumerate(pairs):
        if one.placed and other.placed:
            placed.append(number)
        else:
            found[number] &= ~asked | (_digests(one) == _digests(other)).all(1)
    _compare_placed([pairs[number] for number in placed], [found[number] for number in placed])
    return found


def _digests(packets: Packets) -> NDArray[np.uint8]:
    if packets.digests is not None:
        return packets.digests
    made = bytearray()
    with packets.path.open("rb", buffering=0) as raw:
        for place, size in zip(packets.places.tolist(), packets.sizes.tolist(), strict=True):
            made += hashlib.blake2b(_read(raw, place, size), digest_size=_DIGEST_BYTES).digest()
    return np.frombuffer(made, np.uint8).reshape(-1, _DIGEST_BYTES)


def _compare_placed(pairs: Sequence[tuple[Packets, Packets, Bools]], found: Sequence[Bools]) -> None:
    """Read both files side by side, a stretch of the first at a time, and mark in `found` what differs."""
    if not pairs:
        return
    end = 1 + max(int(one.places.max(initial=0)) for one, _, _ in pairs)
    each = max(1, min(_STRETCH_BYTES, end * _STRETCH_PACKETS // max(sum(len(one) for one, _, _ in pairs), 1)))
    with pairs[0][0].path.open("rb", buffering=0) as was, pairs[0][1].path.open("rb", buffering=0) as came:
        for start in range(0, end, each):
            _compare_stretch(was, came, pairs, found, range(start, start + each))


def _compare_stretch(
    was: FileIO, came: FileIO, pairs: Sequence[tuple[Packets, Packets, Bools]], found: Sequence[Bools], stretch: range
) -> None:
    which, one, other, size = [], [], [], []
    for (first, second, asked), same in zip(pairs, found, strict=True):
        places = first.places
        at = np.flatnonzero((places >= stretch.start) & (places < stretch.stop) & asked & same)
        which.append(at)
        one.append(places[at])
        other.append(second.places[at])
        size.append(first.sizes[at])
    verdicts = _verdicts(was, came, np.concatenate(one), np.concatenate(other), np.concatenate(size))
    for same, at, part in zip(found, which, np.split(verdicts, np.cumsum([len(at) for at in which])[:-1]), strict=True):
        same[at] = part


def _verdicts(was: FileIO, came: FileIO, one: Ints, other: Ints, size: Ints) -> Bools:
    """Tell which spans of two files are the same, run by run; only a run that differs is looked at span by span."""
    same = np.ones(len(one), bool)
    order = np.argsort(one, kind="stable")
    for run in _runs(one[order], other[order], size[order]):
        some = order[run]
        if _equal(was, came, int(one[some[0]]), int(other[some[0]]), int(size[some].sum())):
            continue
        for at in some.tolist():
            same[at] = _equal(was, came, int(one[at]), int(other[at]), int(size[at]))
    return same


def _runs(one: Ints, other: Ints, size: Ints) -> list[slice]:
    """Part packets into runs that follow each other in both files and are not much longer than a block."""
    if not len(one):
        return []
    apart = (one[:-1] + size[:-1] != one[1:]) | (other[:-1] + size[:-1] != other[1:])
    block = (np.cumsum(size) - size) // _BLOCK_BYTES
    starts = np.flatnonzero(np.append(True, apart | (block[1:] != block[:-1]))).tolist()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(one)], strict=True)]


def _equal(was: FileIO, came: FileIO, one: int, other: int, size_bytes: int) -> bool:
    return len(given := _read(was, one, size_bytes)) == size_bytes and given == _read(came, other, size_bytes)


def _read(raw: FileIO, place: int, size_bytes: int) -> bytes:
    raw.seek(place)
    return raw.read(size_bytes)


def same_times(one: Ints, one_base: Fraction, other: Ints, other_base: Fraction, within_s: Fraction) -> Bools:
    """Tell element by element whether two times are no further apart than `within_s`; no time is like no time."""
    blank = one == UNTIMED
    known = ~blank & (other != UNTIMED)
    found: Bools = blank & (other == UNTIMED)
    if one_base == other_base:
        limit = int(within_s / one_base) if one_base else 0
        found[known] = np.abs(one[known] - other[known]) <= limit
        return found
    pairs = zip(one[known].tolist(), other[known].tolist(), strict=True)
    found[known] = [abs(a * one_base - b * other_base) <= within_s for a, b in pairs]
    return found


_NARROW = np.iinfo(np.int32)


@dataclass(frozen=True)
class Column:
    """A row of numbers; 4 bytes each where they are near each other."""

    first: int
    steps: NDArray[np.integer[Any]]
    """From each to the next; the first is 0."""

    @staticmethod
    def of(values: Ints) -> Column:
        """Pack numbers that are all at hand."""
        packer = Packer()
        packer.add(values)
        return packer.column()

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def values(self) -> Ints:
        """Work the numbers out; whoever asks holds them."""
        made = np.cumsum(self.steps, dtype=np.int64)
        made += self.first
        return made


class Packer:
    """Packs a column whose numbers come block by block."""

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
        # What does not fit 64 bits wraps around, and wraps back when the steps are added up.
        before = np.concatenate([np.array([self._last], np.int64), values[:-1]])
        steps = values - before
        self._last = int(values[-1])
        fits = int(steps.min()) >= _NARROW.min and int(steps.max()) <= _NARROW.max
        self._blocks.append(steps.astype(np.int32) if fits else steps)

    def column(self) -> Column:
        """Give all of them, and let go of the blocks."""
        blocks, self._blocks = self._blocks, []
        steps = np.concatenate(blocks) if blocks else np.zeros(0, np.int32)
        return Column(self._first or 0, steps)
