"""Edit a copy of an MP4 or MOV where it lies: only the new pictures and a new index are written.

Takes   a copy of the source, which is written to, and new pictures for runs of samples of one of its tracks.
Gives   the film under the same name. What was replaced is zeros then: nothing of it can be read from the file.
Raises  Unsuited with the reason, before anything is written, where the file cannot be edited in this way.

The file is a film at every moment, with one index. At its end comes a `free` box that holds the new pictures and the
new `moov`. When these are on the disk, the head of the old `moov` is written over, with 8 bytes (16 beyond 4 GiB): as
the head of one box that ends where the contents of `free` begin. So the old index goes and the new one comes in one
write. Only after that the old pictures are cleared.

Source  ISO/IEC 14496-12, 4.2, 8.1.1, 8.1.2 (a box, `mdat`, `free`) and 8.7.5 (chunk offsets count from the file's
        start, so it does not matter in which box the bytes lie that they lead to).
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from ...media.copying import clear_span
from ..not_applicable import Unsuited
from . import sample_tables
from .boxes import Box, TopBox, read_moov
from .byte_ranges import Runs, write_all
from .replace_samples import NewSamples, by_track, put_samples, refuse_elsewhere
from .sample_tables import Ints

_WIDE = 0xFFFFFFFF
_NOT_CARRIED = frozenset({b"mdat", b"free", b"skip", b"wide"})


@dataclass(frozen=True)
class InPlace:
    """What was written into the copy."""

    written_bytes: int
    """At its end: the new pictures, the new index, and their heads."""
    cleared_bytes: int
    """Of pictures that were replaced."""
    index_moved: bool
    """The index stood before the pictures, and stands after them now: a player must fetch the end first."""


def edit_in_place(copy: Path, new: Sequence[NewSamples]) -> InPlace:
    """Put the new samples of tracks into `copy`; they keep their dts slots. Killed anywhere, it is a whole film.

    The runs of `new` do not overlap, and those of one track share one sample entry: that of the last counts.
    """
    tops, moov = read_moov(copy)
    tracks = moov.all(b"trak")
    refuse_elsewhere(tracks)
    owned = by_track(tracks, new)
    place = next(number for number, top in enumerate(tops) if top.kind == b"moov")
    with contextlib.ExitStack() as stack, copy.open("r+b", buffering=0) as film:
        files = [stack.enter_context(one.file.open("rb", buffering=0)) for one in new]
        if _ends_with_file(film, tops[place]):
            raise Unsuited("the film's index has no size of its own")
        plan = _plan(owned, tracks, new, copy.stat().st_size)
        after = [top for top in tops[place + 1 :] if top.kind not in _NOT_CARRIED]
        index = moov.write() + b"".join(_read(film, top) for top in after)
        written = _append(film, plan, files, index)
        between = any(top.kind == b"mdat" for top in tops[place + 1 :])
        _flip(film, tops[place], plan.head_end, b"mdat" if between else b"free")
        for offset, size_bytes in plan.old:
            clear_span(film, offset, size_bytes)
        os.fsync(film.fileno())
    moved = between and not any(top.kind == b"mdat" for top in tops[:place])
    return InPlace(written, sum(size_bytes for _, size_bytes in plan.old), moved)


@dataclass(frozen=True)
class _Plan:
    """Where the new bytes go, and which old ones nobody needs any more."""

    runs: Runs
    body_bytes: int
    head_end: int
    """Where the contents of the `free` box begin."""
    old: list[tuple[int, int]]
    """(offset, size) of spans that are cleared."""


def _plan(owned: Mapping[int, list[int]], tracks: Sequence[Box], new: Sequence[NewSamples], end: int) -> _Plan:
    """Write the tables of the tracks for a film whose new samples come after byte `end`."""
    lengths = np.concatenate([one.sizes for one in new])
    runs = Runs(
        np.repeat(np.arange(len(new)), [len(one.sizes) for one in new]),
        np.concatenate([one.offsets for one in new]),
        lengths,
    )
    # Both boxes have heads of 16 bytes, so that no size can change them.
    starts = end + 32 + np.cumsum([0, *(int(one.sizes.sum()) for one in new)])
    held = [sample_tables.samples(track) for track in tracks]
    spent = [np.zeros(one.count, bool) for one in held]
    for place, numbers in owned.items():
        mine, old = [new[number] for number in numbers], held[place]
        offsets = old.offsets.copy()
        for number, one in zip(numbers, mine, strict=True):
            offsets[one.first : one.end] = starts[number] + sample_tables.starts_of(one.sizes)
            spent[place][one.first : one.end] = True
        table = sample_tables.stbl(tracks[place])
        put_samples(table, old, mine)
        sample_tables.put_chunks(table, _chunks(sample_tables.chunks(tracks[place]), offsets, mine))
    gone = [(one.offsets[lost], one.sizes[lost]) for one, lost in zip(held, spent, strict=True)]
    needed = [(one.offsets[~lost], one.sizes[~lost]) for one, lost in zip(held, spent, strict=True)]
    cleared = _only(np.concatenate([at for at, _ in gone]), np.concatenate([size for _, size in gone]), needed)
    return _Plan(runs.joined(), int(lengths.sum()), end + 16, cleared)


def _chunks(held: sample_tables.Chunks, offsets: Ints, new: Sequence[NewSamples]) -> sample_tables.Chunks:
    """Part the chunks where the new samples begin and end; a chunk of old ones stays where it is."""
    filled = held.samples > 0
    borders = [edge for one in new for edge in (one.first, one.end) if edge < len(offsets)]
    first = np.unique(np.concatenate([held.first[filled], borders]).astype(np.int64))
    entries = held.entries[filled][np.searchsorted(held.first[filled], first, side="right") - 1]
    return sample_tables.Chunks(offsets[first], np.diff(np.append(first, len(offsets))), entries)


def _only(offsets: Ints, sizes: Ints, needed: Sequence[tuple[Ints, Ints]]) -> list[tuple[int, int]]:
    """Give the spans that no needed sample shares, as (offset, size); a file may keep one sample for two."""
    order = np.argsort(offsets, kind="stable")
    spans = Runs(np.zeros(len(order), np.int64), offsets[order], sizes[order]).joined()
    lowest, highest = int(offsets.min(initial=0)), int((offsets + sizes).max(initial=0))
    near = [(at < highest) & (at + size > lowest) for at, size in needed]
    starts = np.concatenate([at[close] for (at, _), close in zip(needed, near, strict=True)])
    ends = starts + np.concatenate([size[close] for (_, size), close in zip(needed, near, strict=True)])
    found: list[tuple[int, int]] = []
    for start, end in zip(spans.offset.tolist(), (spans.offset + spans.size_bytes).tolist(), strict=True):
        shared = np.flatnonzero((starts < end) & (ends > start))
        at = start
        for low, high in sorted(zip(starts[shared].tolist(), ends[shared].tolist(), strict=True)):
            found += [(at, low - at)] if low > at else []
            at = max(at, high)
        found += [(at, end - at)] if end > at else []
    return found


def _ends_with_file(film: FileIO, top: TopBox) -> bool:
    film.seek(top.offset)
    return film.read(4) == bytes(4)


def _read(film: FileIO, top: TopBox) -> bytes:
    film.seek(top.offset)
    return film.read(top.size_bytes)


def _append(film: FileIO, plan: _Plan, files: Sequence[FileIO], index: bytes) -> int:
    """Write the `free` box with all that is new, and see it on the disk; give how long it is."""
    body = plan.body_bytes + 16
    film.seek(0, os.SEEK_END)
    write_all(film, _head(b"free", 16 + body + len(index)) + _head(b"mdat", body))
    plan.runs.copy(files, film)
    write_all(film, index)
    os.fsync(film.fileno())
    return 16 + body + len(index)


def _head(kind: bytes, size_bytes: int) -> bytes:
    return struct.pack(">I4sQ", 1, kind, size_bytes)


def _flip(film: FileIO, old: TopBox, end: int, kind: bytes) -> None:
    """Make one box of the old index and all that follows it up to byte `end`, in one write, and see it on the disk."""
    size_bytes = end - old.offset
    head = struct.pack(">I4s", size_bytes, kind) if size_bytes <= _WIDE else _head(kind, size_bytes)
    film.seek(old.offset)
    write_all(film, head)
    os.fsync(film.fileno())
