"""Replace coded pictures and sound in an MP4 or MOV without a muxer.

Takes   the source and new pictures or sound for runs of samples of its tracks.
Gives   a new file: every other track's bytes, edit lists, matrices, chapters, tags and data tracks as they were.
Raises  Unsuited with the reason where the file cannot be rewritten in this way.

A film of hours has a million samples and more: what is said of each is a number in an array, never an object, and
what is copied is joined into few long runs.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...media.copying import copy_file
from ..not_applicable import Unsuited
from . import sample_tables
from .boxes import Box, TopBox, read_moov
from .byte_ranges import Runs, copy_run, write_all
from .in_place import InPlace, edit_in_place
from .replace_samples import NewSamples, by_track, put_samples, refuse_elsewhere, track_of
from .sample_tables import Ints

__all__ = ["InPlace", "NewSamples", "carry", "edit_in_place", "rewrite", "track_of"]

_LEFT_OUT = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide"})
_AT_ONCE = 1 << 17
"""How many chunks are laid out at once, so that what is worked out of each does not grow with the film."""
_NEVER = np.iinfo(np.int64).max
_NARROW_BYTES = 0xFFFF0000
"""A film that is no longer than this has chunk offsets of 32 bits."""


def rewrite(source: Path, made: Path, new: Sequence[NewSamples]) -> None:
    """Write `made`: the source with the new samples of its tracks; they keep their dts slots.

    The runs of `new` do not overlap, and those of one track share one sample entry: that of the last counts.
    """
    tops, moov = read_moov(source)
    tracks = moov.all(b"trak")
    refuse_elsewhere(tracks)
    owned = by_track(tracks, new)
    old = {place: sample_tables.samples(tracks[place]) for place in owned}
    laid, sizes, runs = _laid(tops, tracks, old, owned, new)
    for place, mine in owned.items():
        put_samples(sample_tables.stbl(tracks[place]), old[place], [new[number] for number in mine])
    before = _moov_first(tops)
    head = [top for top in tops if top.kind not in _LEFT_OUT]
    body_bytes = int(sizes.sum())
    wide = source.stat().st_size + body_bytes > _NARROW_BYTES
    index_bytes = len(_place(tracks, laid, sizes, moov, 0, wide=wide))
    start = sum(top.size_bytes for top in head) + (index_bytes if before else 0) + 16
    index = _place(tracks, laid, sizes, moov, start, wide=wide)
    with contextlib.ExitStack() as stack, made.open("wb", buffering=0) as out:
        files = [stack.enter_context(path.open("rb", buffering=0)) for path in (source, *(one.file for one in new))]
        for top in head:
            copy_run(files[0], out, top.offset, top.size_bytes)
        write_all(out, (index if before else b"") + struct.pack(">I4sQ", 1, b"mdat", body_bytes + 16))
        runs.copy(files, out)
        write_all(out, b"" if before else index)


def carry(source: Path, made: Path, new: Sequence[NewSamples], *, in_place: bool = False) -> dict[str, Any]:
    """Write `made` by `rewrite`, or as a copy that is edited in place; give figures of the second.

    A film that cannot be edited in place is rewritten, and `in_place_reason` says why.
    """
    if not in_place:
        rewrite(source, made, new)
        return {}
    copied = copy_file(source, made)
    try:
        told = edit_in_place(made, new)
    except Unsuited as unsuited:
        rewrite(source, made, new)
        return {"in_place": False, "in_place_reason": str(unsuited)}
    return {"in_place": True, "copied": copied, **asdict(told)}


def _moov_first(tops: list[TopBox]) -> bool:
    order = [top.kind for top in tops if top.kind in (b"moov", b"mdat")]
    return order[:1] == [b"moov"]


@dataclass(frozen=True)
class _Laid:
    """All chunks of a film in the order of the source's bytes."""

    track: NDArray[np.int16]
    chunk: NDArray[np.int32]
    counts: tuple[int, ...]
    """How many each track has."""


@dataclass(frozen=True)
class _Chunks:
    """The same, and where they lie."""

    laid: _Laid
    offset: Ints
    size_bytes: Ints
    """A chunk of sound ends where the next chunk begins: its samples' sizes are not always told in bytes."""
    held: Mapping[int, sample_tables.Chunks]
    """What the tables tell of them, of the tracks that get new samples."""


def _laid(
    tops: list[TopBox],
    tracks: list[Box],
    old: Mapping[int, sample_tables.Samples],
    owned: Mapping[int, list[int]],
    new: Sequence[NewSamples],
) -> tuple[_Laid, Ints, Runs]:
    """Give the order of the chunks, how long each becomes, and all bytes; where they lay is let go of."""
    chunks = _chunks(tops, tracks, owned)
    return (chunks.laid, *_bytes_of(chunks, old, owned, new))


def _chunks(tops: list[TopBox], tracks: list[Box], owned: Mapping[int, list[int]]) -> _Chunks:
    held, offsets = {}, []
    for place, one in enumerate(tracks):
        told = sample_tables.chunks(one)
        offsets.append(told.offsets)
        if place in owned:
            held[place] = told
    counts = tuple(len(one) for one in offsets)
    offset = np.concatenate(offsets)
    del offsets, told
    track = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
    chunk = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
    order = np.argsort(offset, kind="stable")
    offset, track, chunk = offset[order], track[order], chunk[order]
    del order
    return _Chunks(_Laid(track, chunk, counts), offset, _sizes(tops, offset), held)


def _sizes(tops: list[TopBox], offset: Ints) -> Ints:
    """Give how long the chunks are that begin at rising offsets, some of them maybe at the same."""
    sizes = np.append(offset[1:], _NEVER)
    sizes[sizes == offset] = _NEVER
    np.minimum.accumulate(sizes[::-1], out=sizes[::-1])
    ends = np.array([*sorted(top.offset + top.size_bytes for top in tops), _NEVER], np.int64)
    edges = [0, *np.searchsorted(offset, ends[:-1], side="left").tolist(), len(offset)]
    for end, low, high in zip(ends.tolist(), edges, edges[1:], strict=False):
        np.minimum(sizes[low:high], end, out=sizes[low:high])
    never = sizes == _NEVER
    sizes -= offset
    sizes[never] = 0
    return sizes


def _bytes_of(
    chunks: _Chunks, old: Mapping[int, sample_tables.Samples], owned: Mapping[int, list[int]], new: Sequence[NewSamples]
) -> tuple[Ints, Runs]:
    """Give how long each chunk becomes, and where its bytes lie; those of tracks with new samples go one by one."""
    where = {own: Runs(np.zeros(one.count, np.int64), one.offsets.copy(), one.sizes.copy()) for own, one in old.items()}
    for own, numbers in owned.items():
        for number in numbers:
            one, told = new[number], where[own]
            span = slice(one.first, one.end)
            told.file[span], told.offset[span], told.size_bytes[span] = number + 1, one.offsets, one.sizes
    lengths, found = chunks.size_bytes, []
    for start in range(0, len(lengths), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        lengths[some], runs = _some_bytes(chunks, some, where)
        found.append(runs.joined())
    columns = zip(*(runs.columns for runs in found), strict=True)
    return lengths, Runs(*(np.concatenate(column) for column in columns)).joined()


def _some_bytes(chunks: _Chunks, some: slice, where: Mapping[int, Runs]) -> tuple[Ints, Runs]:
    """Do it for some of the chunks; `where` tells of the samples of some tracks in which file each lies."""
    track, chunk = chunks.laid.track[some], chunks.laid.chunk[some]
    parts = np.ones(len(track), np.int64)
    for own in where:
        parts[track == own] = chunks.held[own].samples[chunk[track == own]]
    starts, total = sample_tables.starts_of(parts), int(parts.sum())
    runs = Runs(np.zeros(total, np.int64), np.zeros(total, np.int64), np.zeros(total, np.int64))
    whole = ~np.isin(track, list(where))
    runs.offset[starts[whole]] = chunks.offset[some][whole]
    runs.size_bytes[starts[whole]] = chunks.size_bytes[some][whole]
    for own, told in where.items():
        mine = track == own
        counts, first = parts[mine], chunks.held[own].first[chunk[mine]]
        within = np.arange(int(counts.sum())) - np.repeat(sample_tables.starts_of(counts), counts)
        at, samples = np.repeat(starts[mine], counts) + within, np.repeat(first, counts) + within
        for column, given in zip(runs.columns, told.columns, strict=True):
            column[at] = given[samples]
    ends = np.append(0, np.cumsum(runs.size_bytes))
    return ends[starts + parts] - ends[starts], runs


def _place(tracks: list[Box], laid: _Laid, sizes: Ints, moov: Box, start: int, *, wide: bool) -> bytes:
    """Write where every chunk lies when the first begins at byte `start`; give the spelt `moov`."""
    at = start + sample_tables.starts_of(sizes)
    for number, track in enumerate(tracks):
        mine = laid.track == number
        offsets = np.zeros(laid.counts[number], np.int64)
        offsets[laid.chunk[mine]] = at[mine]
        sample_tables.put_offsets(sample_tables.stbl(track), offsets, wide=wide)
    del at, offsets, mine
    return moov.write()
