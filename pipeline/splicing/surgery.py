"""Replace coded pictures in an MP4 or MOV without a muxer.

Takes   the source and new pictures for one run of samples of its picture track.
Gives   a new file: every other track's bytes, edit lists, matrices, chapters, tags and data tracks as they were.
Raises  Unsuited with the reason where the file cannot be rewritten in this way.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from . import tables
from .boxes import Box, TopBox, Unsuited, read_moov
from .tables import Ints

_COPY_BYTES = 1 << 20
_LEFT_OUT = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide"})


@dataclass(frozen=True)
class NewSamples:
    """Coded pictures for the samples [first, end), in decoding order; they lie in `file`."""

    first: int
    end: int
    place: int
    """The picture's place among the picture tracks."""
    file: Path
    offsets: Ints
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: np.ndarray[tuple[int], np.dtype[np.bool_]]
    entry: bytes
    """The whole body of the new `stsd`."""

    def with_entry(self, entry: bytes) -> NewSamples:
        """Give the same pictures under another `stsd`."""
        return replace(self, entry=entry)


@dataclass(frozen=True)
class _Extent:
    """Bytes to copy: from the source, or from the file of new pictures."""

    file: int
    """0 is the source, 1 and on are the files of new pictures."""
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class _Piece:
    """One chunk of the film: which track and chunk it belongs to, and its bytes."""

    track: int
    chunk: int
    extents: tuple[_Extent, ...]

    @property
    def size_bytes(self) -> int:
        return sum(extent.size_bytes for extent in self.extents)


def track_of(moov: Box, kind: bytes, place: int = 0) -> Box:
    """Give one of the tracks of a kind (`vide`, `soun`), by its place among them."""
    found = [track for track in moov.all(b"trak") if tables.handler(track) == kind]
    if place >= len(found):
        raise Unsuited(f"the file has no {kind.decode('latin-1')} track number {place + 1}")
    return found[place]


def rewrite(source: Path, made: Path, new: Sequence[NewSamples], *, kind: bytes = b"vide") -> None:
    """Write `made`: the source with the new samples of one track; they keep their dts slots.

    The runs of `new` do not overlap, belong to one track, and share one sample entry: that of the last counts.
    """
    tops, moov = read_moov(source)
    tracks = moov.all(b"trak")
    if any(_elsewhere(track) for track in tracks):
        raise Unsuited("a track's samples lie in another file")
    own = track_of(moov, kind, new[0].place)
    picture = next(place for place, track in enumerate(tracks) if track is own)
    old = tables.samples(own)
    pieces = _pieces(tops, tracks, picture, old, new)
    _put_samples(tables.stbl(own), old, new, kind)
    before = _moov_first(tops)
    head = [top for top in tops if top.kind not in _LEFT_OUT]
    body_bytes = sum(piece.size_bytes for piece in pieces)
    wide = source.stat().st_size + body_bytes > 0xFFFF0000
    index = _place(tracks, pieces, moov, 0, wide=wide)
    start = sum(top.size_bytes for top in head) + (len(index) if before else 0) + 16
    index = _place(tracks, pieces, moov, start, wide=wide)
    with contextlib.ExitStack() as stack, made.open("wb") as out:
        files = [stack.enter_context(path.open("rb")) for path in (source, *(one.file for one in new))]
        for top in head:
            _copy(files[0], out, top.offset, top.size_bytes)
        if before:
            out.write(index)
        out.write(struct.pack(">I4sQ", 1, b"mdat", body_bytes + 16))
        for extent in _joined(pieces):
            _copy(files[extent.file], out, extent.offset, extent.size_bytes)
        if not before:
            out.write(index)


def _elsewhere(track: Box) -> bool:
    """Tell whether a data reference lacks the flag that says `in this file`."""
    dref = track.find(b"mdia", b"minf", b"dinf", b"dref")
    if dref is None or len(dref.body) < 20:
        return False
    return not dref.body[19] & 1


def _moov_first(tops: list[TopBox]) -> bool:
    order = [top.kind for top in tops if top.kind in (b"moov", b"mdat")]
    return order[:1] == [b"moov"]


def _pieces(
    tops: list[TopBox], tracks: list[Box], picture: int, old: tables.Samples, new: Sequence[NewSamples]
) -> list[_Piece]:
    """List all chunks in the order of the source's bytes; a chunk of sound ends where the next chunk begins."""
    held = [tables.chunks(track) for track in tracks]
    rows = [(int(at), track, chunk) for track, one in enumerate(held) for chunk, at in enumerate(one.offsets)]
    rows.sort()
    ends = sorted({at for at, _, _ in rows} | {top.offset + top.size_bytes for top in tops})
    after = {at: int(ends[i + 1]) if i + 1 < len(ends) else at for i, at in enumerate(ends)}
    first, extents = held[picture].first, _picture_extents(old, new)
    pieces = []
    for at, track, chunk in rows:
        if track == picture:
            start = int(first[chunk])
            own = tuple(extents[start : start + int(held[picture].samples[chunk])])
        else:
            own = (_Extent(0, at, after[at] - at),)
        pieces.append(_Piece(track, chunk, own))
    return pieces


def _picture_extents(old: tables.Samples, new: Sequence[NewSamples]) -> list[_Extent]:
    """Say for every picture where its bytes lie."""
    extents = [_Extent(0, at, size) for at, size in zip(old.offsets.tolist(), old.sizes.tolist(), strict=True)]
    for number, one in enumerate(new, 1):
        extents[one.first : one.end] = [
            _Extent(number, at, size) for at, size in zip(one.offsets.tolist(), one.sizes.tolist(), strict=True)
        ]
    return extents


def _put_samples(table: Box, old: tables.Samples, new: Sequence[NewSamples], kind: bytes) -> None:
    sizes, shifts, sync = old.sizes.copy(), old.composition.copy(), old.sync.copy()
    for one in new:
        span = slice(one.first, one.end)
        sizes[span], shifts[span], sync[span] = one.sizes, one.composition, one.sync
    tables.put_sizes(table, sizes)
    if kind != b"vide":
        return
    table.put(b"stsd", new[-1].entry)
    tables.put_composition(table, shifts)
    tables.put_sync(table, sync)
    # What these say of single samples no longer holds; players do without them.
    table.drop(b"sdtp", b"stps", b"sbgp", b"sgpd", b"cslg", b"subs", b"stz2")


def _place(tracks: list[Box], pieces: list[_Piece], moov: Box, start: int, *, wide: bool) -> bytes:
    """Write where every chunk lies when the first begins at byte `start`; give the spelt `moov`."""
    offsets = [np.zeros(len(tables.chunks(track).offsets), np.int64) for track in tracks]
    at = start
    for piece in pieces:
        offsets[piece.track][piece.chunk] = at
        at += piece.size_bytes
    for track, own in zip(tracks, offsets, strict=True):
        tables.put_offsets(tables.stbl(track), own, wide=wide)
    return moov.write()


def _joined(pieces: list[_Piece]) -> Iterator[_Extent]:
    """Join extents that follow each other, so that a long run is one copy."""
    run: _Extent | None = None
    for extent in (extent for piece in pieces for extent in piece.extents):
        if run is not None and run.file == extent.file and run.offset + run.size_bytes == extent.offset:
            run = _Extent(run.file, run.offset, run.size_bytes + extent.size_bytes)
            continue
        if run is not None:
            yield run
        run = extent
    if run is not None:
        yield run


def _copy(source: BinaryIO, out: BinaryIO, offset: int, size_bytes: int) -> None:
    source.seek(offset)
    left = size_bytes
    while left:
        block = source.read(min(left, _COPY_BYTES))
        if not block:
            raise Unsuited("the file ends before its index says")
        out.write(block)
        left -= len(block)
