"""Write an MP4 or MOV with some of its pictures or sound replaced, without a muxer.

All other tracks' bytes, edit lists, matrices, chapters, tags and data tracks stay as they are. A film of hours has more
than a million samples, so each is a number in an array, never an object, and bytes are copied in a few long ranges.
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

from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box, TopBox, read_moov
from ...media.mp4.sample_tables import Ints
from ...media.not_applicable import NoSampleTable, NotApplicable
from ...media.tools.file_copy import copy_file
from .fragments import read_fragments
from .in_place import edit_in_place
from .replace_samples import (
    ByteRanges,
    NewSamples,
    copy_complete_range,
    group_by_track,
    require_self_contained,
    write_all,
    write_samples,
)
from .rewrite_fragments import rewrite_fragments

_NOT_COPIED = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide"})
_CHUNKS_PER_BLOCK = 1 << 17
"""Chunks are laid out in blocks of this size, so that intermediate arrays do not grow with the film."""
_UNKNOWN = np.iinfo(np.int64).max
_MAX_NARROW_BYTES = 0xFFFF0000
"""Films up to this size get chunk offsets of 32 bits."""


def write_film(source: Path, output: Path, new: Sequence[NewSamples], *, in_place: bool = False) -> dict[str, Any]:
    """Write `output` by `rewrite`, or as a copy that is edited in place; return metrics of the in-place edit.

    A film that cannot be edited in place is rewritten, and `in_place_reason` tells why.
    """
    if not in_place:
        rewrite(source, output, new)
        return {}
    copied = copy_file(source, output)
    try:
        result = edit_in_place(output, new)
    except NotApplicable as reason:
        rewrite(source, output, new)
        return {"in_place": False, "in_place_reason": str(reason)}
    return {"in_place": True, "copied": copied, **asdict(result)}


def rewrite(source: Path, output: Path, new: Sequence[NewSamples]) -> None:
    """Write `output`: the source with new samples in the dts slots of the old ones.

    The ranges of `new` must not overlap. New samples of one track share one sample description, that of the last.

    Raises:
        NotApplicable: the file cannot be rewritten in this way.
    """
    try:
        top_boxes, moov = read_moov(source)
    except NoSampleTable:
        rewrite_fragments(source, output, read_fragments(source), new)
        return
    tracks = moov.all(b"trak")
    require_self_contained(tracks)
    by_track = group_by_track(tracks, new)
    old = {index: sample_tables.read_sample_table(tracks[index]) for index in by_track}
    layout, sizes, ranges = _lay_out(top_boxes, tracks, old, by_track, new)
    for index, numbers in by_track.items():
        write_samples(sample_tables.stbl(tracks[index]), old[index], [new[number] for number in numbers])
    index_first = _moov_first(top_boxes)
    head = [box for box in top_boxes if box.kind not in _NOT_COPIED]
    body_bytes = int(sizes.sum())
    wide = source.stat().st_size + body_bytes > _MAX_NARROW_BYTES
    moov_bytes = len(_write_offsets(tracks, layout, sizes, moov, 0, wide=wide))
    start = sum(box.size_bytes for box in head) + (moov_bytes if index_first else 0) + 16
    moov_data = _write_offsets(tracks, layout, sizes, moov, start, wide=wide)
    with contextlib.ExitStack() as stack, output.open("wb", buffering=0) as out:
        paths = (source, *(samples.file for samples in new))
        files = [stack.enter_context(path.open("rb", buffering=0)) for path in paths]
        for box in head:
            copy_complete_range(files[0], out, box.offset, box.size_bytes)
        write_all(out, (moov_data if index_first else b"") + struct.pack(">I4sQ", 1, b"mdat", body_bytes + 16))
        ranges.copy(files, out)
        write_all(out, b"" if index_first else moov_data)


def _moov_first(top_boxes: list[TopBox]) -> bool:
    order = [box.kind for box in top_boxes if box.kind in (b"moov", b"mdat")]
    return order[:1] == [b"moov"]


@dataclass(frozen=True)
class _Layout:
    """All chunks of a film in the order of the source's bytes."""

    track: NDArray[np.int16]
    chunk: NDArray[np.int32]
    counts: tuple[int, ...]
    """The number of chunks of each track."""


@dataclass(frozen=True)
class _SourceChunks:
    """All chunks of a film, and where they are in the source."""

    layout: _Layout
    offset: Ints
    size_bytes: Ints
    """A chunk of sound ends where the next chunk begins: the sizes of its samples are not always in bytes."""
    tables: Mapping[int, sample_tables.Chunks]
    """The chunk tables of the tracks that get new samples."""


def _lay_out(
    top_boxes: list[TopBox],
    tracks: list[Box],
    old: Mapping[int, sample_tables.Samples],
    by_track: Mapping[int, list[int]],
    new: Sequence[NewSamples],
) -> tuple[_Layout, Ints, ByteRanges]:
    """Return the order of the chunks, their new sizes, and all bytes; the old positions are freed."""
    chunks = _source_chunks(top_boxes, tracks, by_track)
    return (chunks.layout, *_new_chunks(chunks, old, by_track, new))


def _source_chunks(top_boxes: list[TopBox], tracks: list[Box], by_track: Mapping[int, list[int]]) -> _SourceChunks:
    tables, offsets = {}, []
    for index, box in enumerate(tracks):
        table = sample_tables.read_chunks(box)
        offsets.append(table.offsets)
        if index in by_track:
            tables[index] = table
    counts = tuple(len(column) for column in offsets)
    offset = np.concatenate(offsets)
    del offsets, table  # in a film of hours each is tens of megabytes
    track = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
    chunk = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
    order = np.argsort(offset, kind="stable")
    offset, track, chunk = offset[order], track[order], chunk[order]
    del order
    return _SourceChunks(_Layout(track, chunk, counts), offset, _chunk_sizes(top_boxes, offset), tables)


def _chunk_sizes(top_boxes: list[TopBox], offset: Ints) -> Ints:
    """Return the sizes of chunks that begin at ascending offsets; some offsets may be equal."""
    sizes = np.append(offset[1:], _UNKNOWN)
    sizes[sizes == offset] = _UNKNOWN
    np.minimum.accumulate(sizes[::-1], out=sizes[::-1])
    ends = np.array([*sorted(box.offset + box.size_bytes for box in top_boxes), _UNKNOWN], np.int64)
    edges = [0, *np.searchsorted(offset, ends[:-1], side="left").tolist(), len(offset)]
    for end, low, high in zip(ends.tolist(), edges, edges[1:], strict=False):
        np.minimum(sizes[low:high], end, out=sizes[low:high])
    unknown = sizes == _UNKNOWN
    sizes -= offset
    sizes[unknown] = 0
    return sizes


def _new_chunks(
    chunks: _SourceChunks,
    old: Mapping[int, sample_tables.Samples],
    by_track: Mapping[int, list[int]],
    new: Sequence[NewSamples],
) -> tuple[Ints, ByteRanges]:
    """Return the new size of each chunk and where its bytes are; tracks with new samples go sample by sample."""
    positions = {
        index: ByteRanges(np.zeros(samples.count, np.int64), samples.offsets.copy(), samples.sizes.copy())
        for index, samples in old.items()
    }
    for index, numbers in by_track.items():
        for number in numbers:
            samples, position = new[number], positions[index]
            span = slice(samples.first, samples.end)
            position.file[span] = number + 1
            position.offset[span], position.size_bytes[span] = samples.offsets, samples.sizes
    sizes, blocks = chunks.size_bytes, []
    for start in range(0, len(sizes), _CHUNKS_PER_BLOCK):
        block = slice(start, start + _CHUNKS_PER_BLOCK)
        sizes[block], ranges = _block_ranges(chunks, block, positions)
        blocks.append(ranges.joined())
    columns = zip(*(ranges.columns for ranges in blocks), strict=True)
    return sizes, ByteRanges(*(np.concatenate(column) for column in columns)).joined()


def _block_ranges(chunks: _SourceChunks, block: slice, positions: Mapping[int, ByteRanges]) -> tuple[Ints, ByteRanges]:
    """Return sizes and ranges of a block of chunks; `positions` has the samples of the tracks with new ones."""
    track, chunk = chunks.layout.track[block], chunks.layout.chunk[block]
    parts = np.ones(len(track), np.int64)
    for index in positions:
        parts[track == index] = chunks.tables[index].samples[chunk[track == index]]
    starts, total = sample_tables.starts_of(parts), int(parts.sum())
    ranges = ByteRanges(np.zeros(total, np.int64), np.zeros(total, np.int64), np.zeros(total, np.int64))
    copied = ~np.isin(track, list(positions))
    ranges.offset[starts[copied]] = chunks.offset[block][copied]
    ranges.size_bytes[starts[copied]] = chunks.size_bytes[block][copied]
    for index, position in positions.items():
        own = track == index
        counts, first = parts[own], chunks.tables[index].first[chunk[own]]
        within = np.arange(int(counts.sum())) - np.repeat(sample_tables.starts_of(counts), counts)
        places, samples = np.repeat(starts[own], counts) + within, np.repeat(first, counts) + within
        for target, values in zip(ranges.columns, position.columns, strict=True):
            target[places] = values[samples]
    ends = np.append(0, np.cumsum(ranges.size_bytes))
    return ends[starts + parts] - ends[starts], ranges


def _write_offsets(tracks: list[Box], layout: _Layout, sizes: Ints, moov: Box, start: int, *, wide: bool) -> bytes:
    """Write the chunk offsets if the first chunk begins at byte `start`; return the `moov` as bytes."""
    positions = start + sample_tables.starts_of(sizes)
    for index, track in enumerate(tracks):
        own = layout.track == index
        offsets = np.zeros(layout.counts[index], np.int64)
        offsets[layout.chunk[own]] = positions[own]
        sample_tables.write_chunk_offsets(sample_tables.stbl(track), offsets, wide=wide)
    del positions, offsets, own  # before the moov is built, which is large
    return moov.to_bytes()
