"""Write a fragmented MP4 with some of its samples replaced, so that it stays fragmented.

Only the fragments with new samples are built again; all other boxes are copied, and what points to them is moved along.

Source: ISO/IEC 14496-12, 8.8 (`tfhd`, `trun`, `tfra`), 8.16.3 (`sidx`).
"""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box, TopBox
from ...media.not_applicable import NotApplicable
from .fragments import (
    BASE_OFFSET,
    COMPOSITION,
    DATA_OFFSET,
    DURATION,
    FLAGS,
    MOOF_IS_BASE,
    SIZE,
    Fragment,
    FragmentedFilm,
    Run,
)
from .replace_samples import (
    STALE_TABLES,
    ByteRanges,
    NewSamples,
    copy_complete_range,
    group_by_track,
    require_self_contained,
    write_all,
)

_SYNC_FLAGS, _OTHER_FLAGS = 0x02000000, 0x01010000
"""Sample flags of new samples: depends on no other; depends on others and is no sync sample."""
_MAX_BOX_BYTES = 0xFFFFFFF0


@dataclass(frozen=True)
class _Piece:
    """A top-level box of the output."""

    old_offset: int
    size_bytes: int
    build: Callable[[int, dict[int, int]], bytes] | None = None
    """Returns its bytes by its position and the new positions of old boxes; None for a copy of the old bytes."""
    data: ByteRanges | None = None
    """What follows the built bytes; counted in `size_bytes`."""


def rewrite_fragments(source: Path, output: Path, film: FragmentedFilm, new: Sequence[NewSamples]) -> None:
    """Write `output`: the source with new samples in the dts slots of the old ones.

    The ranges of `new` must not overlap. New samples of one track share one sample description, that of the last.

    Raises:
        NotApplicable: the file cannot be rewritten in this way.
    """
    tracks = film.moov.all(b"trak")
    require_self_contained(tracks)
    by_index = group_by_track(tracks, new)
    by_track = {sample_tables.track_id(tracks[index]): numbers for index, numbers in by_index.items()}
    for track in tracks:
        numbers = by_track.get(sample_tables.track_id(track))
        if numbers and new[numbers[-1]].stsd:
            sample_tables.stbl(track).put(b"stsd", new[numbers[-1]].stsd)
    pieces = _pieces(source, film, by_track, new)
    starts = list(itertools.accumulate((piece.size_bytes for piece in pieces), initial=0))
    moved = dict(zip((piece.old_offset for piece in pieces), starts, strict=False))
    moved[source.stat().st_size] = starts[-1]
    with contextlib.ExitStack() as stack, output.open("wb", buffering=0) as out:
        paths = (source, *(samples.file for samples in new))
        files = [stack.enter_context(path.open("rb", buffering=0)) for path in paths]
        for piece, start in zip(pieces, starts, strict=False):
            if piece.build is None:
                copy_complete_range(files[0], out, piece.old_offset, piece.size_bytes)
                continue
            write_all(out, piece.build(start, moved))
            if piece.data is not None:
                piece.data.copy(files, out)


def _pieces(
    source: Path, film: FragmentedFilm, by_track: dict[int, list[int]], new: Sequence[NewSamples]
) -> list[_Piece]:
    """Return all boxes of the output in order."""
    fragments = {fragment.top.offset: fragment for fragment in film.fragments}
    counts = dict.fromkeys(by_track, 0)
    pieces: list[_Piece] = []
    built: ByteRanges | None = None
    with source.open("rb") as stream:
        for top in film.top_boxes:
            if top.kind == b"moov":
                moov = film.moov.to_bytes()
                pieces.append(_Piece(top.offset, len(moov), _constant(moov)))
            elif top.kind == b"moof":
                moof, built = _fragment_pieces(fragments[top.offset], by_track, new, counts)
                pieces.append(moof)
            elif top.kind == b"mdat" and built is not None:
                _require_own_data(top, film.fragments)
                head = _mdat_head(built)
                pieces.append(_Piece(top.offset, len(head) + _total(built), _constant(head), built))
                built = None
            elif top.kind in (b"sidx", b"mfra"):
                stream.seek(top.offset)
                data = stream.read(top.size_bytes)
                move = _moved_sidx if top.kind == b"sidx" else _moved_mfra
                pieces.append(_Piece(top.offset, top.size_bytes, partial(move, data, top.offset)))
            else:
                if built is not None:
                    raise NotApplicable("a fragment's data does not follow it")
                pieces.append(_Piece(top.offset, top.size_bytes))
    return pieces


def _require_own_data(mdat: TopBox, fragments: Sequence[Fragment]) -> None:
    """Check that only one fragment has samples in an `mdat`.

    Raises:
        NotApplicable: several have.
    """
    inside = range(mdat.offset, mdat.offset + mdat.size_bytes)
    owners = {
        fragment.top.offset
        for fragment in fragments
        if any(run.offset in inside for run in fragment.runs if run.sizes.any())
    }
    if len(owners) > 1:
        raise NotApplicable("several fragments share one box of data")


def _constant(data: bytes) -> Callable[[int, dict[int, int]], bytes]:
    return lambda _at, _moved: data


def _total(ranges: ByteRanges) -> int:
    return int(ranges.size_bytes.sum())


def _mdat_head(data: ByteRanges) -> bytes:
    size = _total(data) + 8
    if size > _MAX_BOX_BYTES:
        return struct.pack(">I4sQ", 1, b"mdat", size + 8)
    return struct.pack(">I4s", size, b"mdat")


def _fragment_pieces(
    fragment: Fragment, by_track: dict[int, list[int]], new: Sequence[NewSamples], counts: dict[int, int]
) -> tuple[_Piece, ByteRanges | None]:
    """Return the new `moof`, and the data of its `mdat` if that changes; advance the samples counted per track."""
    replaced: dict[int, _NewRun] = {}
    for number, run in enumerate(fragment.runs):
        if run.track_id in by_track:
            first = counts[run.track_id]
            counts[run.track_id] += len(run.sizes)
            changed = _replace(run, first, [(place + 1, new[place]) for place in by_track[run.track_id]])
            if changed is not None:
                replaced[number] = changed
    top, moof = fragment.top, fragment.box
    if not replaced:
        if not any(_has_base(traf) for traf in moof.all(b"traf")):
            return _Piece(top.offset, top.size_bytes), None
        return _Piece(top.offset, top.size_bytes, lambda at, _: _moved_moof(moof, at - top.offset)), None
    order = sorted(range(len(fragment.runs)), key=lambda number: fragment.runs[number].offset)
    ranges = [replaced[number].data if number in replaced else _own_data(fragment.runs[number]) for number in order]
    sizes = [_total(item) for item in ranges]
    places = dict(zip(order, itertools.accumulate(sizes, initial=0), strict=False))
    data = ByteRanges(*(np.concatenate(column) for column in zip(*(item.columns for item in ranges), strict=True)))
    size = len(_new_moof(fragment, replaced, places, 0, 0))
    head = size + len(_mdat_head(data))
    piece = _Piece(top.offset, size, lambda at, _: _new_moof(fragment, replaced, places, head, at))
    return piece, data.joined()


@dataclass(frozen=True)
class _NewRun:
    """A run with some new samples."""

    trun: bytes
    """The body of its box without the data offset."""
    data: ByteRanges


_TRUN_HEAD_BYTES = 8
"""Flags and number of samples; the data offset follows."""


def _replace(run: Run, first: int, new: Sequence[tuple[int, NewSamples]]) -> _NewRun | None:
    """Return a run, whose first sample has the number `first`, with the new samples in it; None if there are none."""
    count = len(run.sizes)
    sizes, flags, composition = run.sizes.copy(), run.flags.copy(), run.composition.copy()
    data = _own_data(run, each=True)
    changed = False
    for file, samples in new:
        start, end = max(samples.first, first), min(samples.end, first + count)
        if start >= end:
            continue
        changed = True
        here, there = slice(start - first, end - first), slice(start - samples.first, end - samples.first)
        sizes[here] = samples.sizes[there]
        data.file[here], data.offset[here], data.size_bytes[here] = file, samples.offsets[there], samples.sizes[there]
        if samples.handler == b"vide":
            composition[here] = samples.composition[there]
            flags[here] = np.where(samples.sync[there], _SYNC_FLAGS, _OTHER_FLAGS)
    if not changed:
        return None
    columns: list[NDArray[np.int64]] = [run.durations, sizes, flags]
    present = DATA_OFFSET | DURATION | SIZE | FLAGS
    if composition.any():
        columns.append(composition & 0xFFFFFFFF)
        present |= COMPOSITION
    version = 1 << 24 if int(composition.min(initial=0)) < 0 else 0
    head = struct.pack(">II", version | present, count)
    return _NewRun(head + np.stack(columns, 1).astype(">u4").tobytes(), data)


def _own_data(run: Run, *, each: bool = False) -> ByteRanges:
    """Return where a run's bytes are in the source; `each` sample for itself, or all in one range."""
    if not each:
        return ByteRanges(np.zeros(1, np.int64), np.array([run.offset]), np.array([int(run.sizes.sum())]))
    offsets = run.offset + sample_tables.starts_of(run.sizes)
    return ByteRanges(np.zeros(len(offsets), np.int64), offsets, run.sizes.copy())


def _new_moof(fragment: Fragment, replaced: dict[int, _NewRun], places: dict[int, int], head: int, at: int) -> bytes:
    """Return a `moof` at byte `at`, whose data begins `head` bytes after its start."""
    children = [
        Box(child.kind, child.body, [Box(part.kind, part.body) for part in child.children])
        for child in fragment.box.children
    ]
    for number, run in enumerate(fragment.runs):
        trun = children[run.traf].children[run.place]
        offset = struct.pack(">i", head + places[number])
        if number in replaced:
            body = replaced[number].trun
            trun.body = body[:_TRUN_HEAD_BYTES] + offset + body[_TRUN_HEAD_BYTES:]
            continue
        (flags,) = struct.unpack_from(">I", trun.body)
        rest = trun.body[_TRUN_HEAD_BYTES + (4 if flags & DATA_OFFSET else 0) :]
        trun.body = struct.pack(">I", flags | DATA_OFFSET) + trun.body[4:_TRUN_HEAD_BYTES] + offset + rest
    touched = {fragment.runs[number].traf for number in replaced}
    for place, child in enumerate(children):
        if child.kind != b"traf":
            continue
        tfhd = child.require(b"tfhd")
        (flags,) = struct.unpack_from(">I", tfhd.body)
        if flags & BASE_OFFSET:
            tfhd.body = tfhd.body[:8] + struct.pack(">Q", at) + tfhd.body[16:]
        else:
            tfhd.body = struct.pack(">I", flags | MOOF_IS_BASE) + tfhd.body[4:]
        if place in touched:
            child.drop(*STALE_TABLES)
    return Box(b"moof", children=children).to_bytes()


def _has_base(traf: Box) -> bool:
    return bool(struct.unpack_from(">I", traf.require(b"tfhd").body)[0] & BASE_OFFSET)


def _moved_moof(moof: Box, by: int) -> bytes:
    """Return a `moof` whose absolute data offsets are moved."""
    for traf in moof.all(b"traf"):
        if _has_base(traf):
            tfhd = traf.require(b"tfhd")
            (base,) = struct.unpack_from(">Q", tfhd.body, 8)
            tfhd.body = tfhd.body[:8] + struct.pack(">Q", base + by) + tfhd.body[16:]
    return moof.to_bytes()


def _moved_sidx(data: bytes, old: int, at: int, moved: dict[int, int]) -> bytes:
    """Return a segment index with the new sizes of what it refers to."""
    wide = data[8] == 1
    place = 8 + 4 + 8 + (8 if wide else 4)
    code = ">Q" if wide else ">I"
    (first,) = struct.unpack_from(code, data, place)
    result = bytearray(data)
    old_start = old + len(data) + first
    struct.pack_into(code, result, place, _moved(old_start, moved) - at - len(data))
    place += 8 if wide else 4
    (count,) = struct.unpack_from(">H", data, place + 2)
    for row in range(place + 4, place + 4 + count * 12, 12):
        (size,) = struct.unpack_from(">I", data, row)
        new_size = _moved(old_start + (size & 0x7FFFFFFF), moved) - _moved(old_start, moved)
        struct.pack_into(">I", result, row, size & 0x80000000 | new_size)
        old_start += size & 0x7FFFFFFF
    return bytes(result)


def _moved_mfra(data: bytes, _old: int, _at: int, moved: dict[int, int]) -> bytes:
    """Return the random access index with the new positions of the fragments."""
    result = bytearray(data)
    place = 8
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"tfra":
            wide = data[place + 8] == 1
            _, lengths, count = struct.unpack_from(">III", data, place + 12)
            step = (16 if wide else 8) + sum((lengths >> shift & 3) + 1 for shift in (4, 2, 0))
            for row in range(place + 24, place + 24 + count * step, step):
                code, target = (">Q", row + 8) if wide else (">I", row + 4)
                (offset,) = struct.unpack_from(code, data, target)
                struct.pack_into(code, result, target, _moved(offset, moved))
        place += max(size, 8)
    return bytes(result)


def _moved(offset: int, moved: dict[int, int]) -> int:
    if offset not in moved:
        raise NotApplicable("an index of the file points between its boxes")
    return moved[offset]
