"""Edit a copy of an MP4 or MOV in place: only the new samples and a new index are written.

The file is a complete film at every moment, with one index. A `free` box with the new samples and the new `moov` is
appended. When these are on the disk, the header of the old `moov` is overwritten, in one write of 8 bytes (16 beyond
4 GiB), with the header of a box that ends where the contents of `free` begin. That write removes the old index and
exposes the new one. The replaced samples are then overwritten with zeros, so the file keeps nothing of them.

Source: ISO/IEC 14496-12, 4.2, 8.1.1, 8.1.2 (a box, `mdat`, `free`) and 8.7.5 (chunk offsets count from the start of
the file, so it does not matter which box contains the bytes).
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

from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box, TopBox, read_moov
from ...media.mp4.sample_tables import Ints
from ...media.not_applicable import NotApplicable
from ...media.tools.file_copy import zero_range
from .replace_samples import ByteRanges, NewSamples, group_by_track, require_self_contained, write_all, write_samples

_MAX_32_BIT = 0xFFFFFFFF
_DROPPED = frozenset({b"mdat", b"free", b"skip", b"wide"})
"""Boxes after the old `moov` that are not repeated after the new one."""


@dataclass(frozen=True)
class InPlaceResult:
    """What was written into the copy."""

    written_bytes: int
    """Appended: the new samples, the new index, and their headers."""
    cleared_bytes: int
    """Of samples that were replaced."""
    index_moved: bool
    """Whether the index was before the samples and is now after them: a player must fetch the end first."""


def edit_in_place(copy: Path, new: Sequence[NewSamples]) -> InPlaceResult:
    """Write new samples into `copy`, in the old dts slots. If the process is killed at any point, the film is complete.

    The ranges of `new` must not overlap. New samples of one track share one sample description, that of the last.

    Raises:
        NotApplicable: the file cannot be edited in place; nothing is written.
    """
    top_boxes, moov = read_moov(copy)
    tracks = moov.all(b"trak")
    require_self_contained(tracks)
    by_track = group_by_track(tracks, new)
    moov_index = next(index for index, box in enumerate(top_boxes) if box.kind == b"moov")
    old_moov, after_moov = top_boxes[moov_index], top_boxes[moov_index + 1 :]
    with contextlib.ExitStack() as stack, copy.open("r+b", buffering=0) as film:
        files = [stack.enter_context(samples.file.open("rb", buffering=0)) for samples in new]
        if _extends_to_end(film, old_moov):
            raise NotApplicable("the film's index box has no size")
        plan = _plan(by_track, tracks, new, copy.stat().st_size)
        others = [box for box in after_moov if box.kind not in _DROPPED]
        index = moov.to_bytes() + b"".join(_read(film, box) for box in others)
        written_bytes = _append(film, plan, files, index)
        samples_follow = any(box.kind == b"mdat" for box in after_moov)
        _switch_index(film, old_moov, plan.head_end, b"mdat" if samples_follow else b"free")
        for offset, size_bytes in plan.old:
            zero_range(film, offset, size_bytes)
        os.fsync(film.fileno())
    index_moved = samples_follow and not any(box.kind == b"mdat" for box in top_boxes[:moov_index])
    return InPlaceResult(written_bytes, sum(size_bytes for _, size_bytes in plan.old), index_moved)


@dataclass(frozen=True)
class _Plan:
    """Where the new bytes go, and which old bytes are no longer needed."""

    ranges: ByteRanges
    body_bytes: int
    head_end: int
    """Where the contents of the `free` box begin."""
    old: list[tuple[int, int]]
    """(offset, size) of ranges to clear."""


def _plan(by_track: Mapping[int, list[int]], tracks: Sequence[Box], new: Sequence[NewSamples], end: int) -> _Plan:
    """Write the tables of the tracks for a film whose new samples follow byte `end`."""
    sizes = np.concatenate([samples.sizes for samples in new])
    ranges = ByteRanges(
        np.repeat(np.arange(len(new)), [len(samples.sizes) for samples in new]),
        np.concatenate([samples.offsets for samples in new]),
        sizes,
    )
    # Both boxes have headers of 16 bytes, whatever their sizes.
    starts = end + 32 + np.cumsum([0, *(int(samples.sizes.sum()) for samples in new)])
    old = [sample_tables.read_sample_table(track) for track in tracks]
    replaced = [np.zeros(samples.count, bool) for samples in old]
    for index, numbers in by_track.items():
        offsets = old[index].offsets.copy()
        for number in numbers:
            samples = new[number]
            offsets[samples.first : samples.end] = starts[number] + sample_tables.starts_of(samples.sizes)
            replaced[index][samples.first : samples.end] = True
        table, replacements = sample_tables.stbl(tracks[index]), [new[number] for number in numbers]
        write_samples(table, old[index], replacements)
        sample_tables.write_chunks(
            table, _split_chunks(sample_tables.read_chunks(tracks[index]), offsets, replacements)
        )
    gone = [(samples.offsets[mask], samples.sizes[mask]) for samples, mask in zip(old, replaced, strict=True)]
    needed = [(samples.offsets[~mask], samples.sizes[~mask]) for samples, mask in zip(old, replaced, strict=True)]
    gone_offsets, gone_sizes = (np.concatenate(columns) for columns in zip(*gone, strict=True))
    cleared = _unshared_ranges(gone_offsets, gone_sizes, needed)
    return _Plan(ranges.joined(), int(sizes.sum()), end + 16, cleared)


def _split_chunks(chunks: sample_tables.Chunks, offsets: Ints, new: Sequence[NewSamples]) -> sample_tables.Chunks:
    """Split the chunks where the new samples begin and end; chunks of old samples stay where they are."""
    filled = chunks.samples > 0
    borders = [border for samples in new for border in (samples.first, samples.end) if border < len(offsets)]
    first = np.unique(np.concatenate([chunks.first[filled], borders]).astype(np.int64))
    entries = chunks.entries[filled][np.searchsorted(chunks.first[filled], first, side="right") - 1]
    return sample_tables.Chunks(offsets[first], np.diff(np.append(first, len(offsets))), entries)


def _unshared_ranges(offsets: Ints, sizes: Ints, needed: Sequence[tuple[Ints, Ints]]) -> list[tuple[int, int]]:
    """Return the parts (offset, size) that no needed sample overlaps; two samples may share bytes of a file."""
    order = np.argsort(offsets, kind="stable")
    ranges = ByteRanges(np.zeros(len(order), np.int64), offsets[order], sizes[order]).joined()
    lowest, highest = int(offsets.min(initial=0)), int((offsets + sizes).max(initial=0))
    near = [(start < highest) & (start + size > lowest) for start, size in needed]
    starts = np.concatenate([start[mask] for (start, _), mask in zip(needed, near, strict=True)])
    ends = starts + np.concatenate([size[mask] for (_, size), mask in zip(needed, near, strict=True)])
    unshared: list[tuple[int, int]] = []
    for start, end in zip(ranges.offset.tolist(), (ranges.offset + ranges.size_bytes).tolist(), strict=True):
        shared = np.flatnonzero((starts < end) & (ends > start))
        position = start
        for low, high in sorted(zip(starts[shared].tolist(), ends[shared].tolist(), strict=True)):
            unshared += [(position, low - position)] if low > position else []
            position = max(position, high)
        unshared += [(position, end - position)] if end > position else []
    return unshared


def _extends_to_end(film: FileIO, box: TopBox) -> bool:
    """Return whether a box has size 0: it extends to the end of the file, so nothing can follow it."""
    film.seek(box.offset)
    return film.read(4) == bytes(4)


def _read(film: FileIO, box: TopBox) -> bytes:
    film.seek(box.offset)
    return film.read(box.size_bytes)


def _append(film: FileIO, plan: _Plan, files: Sequence[FileIO], index: bytes) -> int:
    """Append the `free` box with everything new and flush it to the disk; return its size in bytes."""
    body = plan.body_bytes + 16
    film.seek(0, os.SEEK_END)
    write_all(film, _head(b"free", 16 + body + len(index)) + _head(b"mdat", body))
    plan.ranges.copy(files, film)
    write_all(film, index)
    os.fsync(film.fileno())
    return 16 + body + len(index)


def _head(kind: bytes, size_bytes: int) -> bytes:
    return struct.pack(">I4sQ", 1, kind, size_bytes)


def _switch_index(film: FileIO, old: TopBox, end: int, kind: bytes) -> None:
    """Turn the old index and everything up to byte `end` into one box, in one write, and flush it to the disk."""
    size_bytes = end - old.offset
    head = struct.pack(">I4s", size_bytes, kind) if size_bytes <= _MAX_32_BIT else _head(kind, size_bytes)
    film.seek(old.offset)
    write_all(film, head)
    os.fsync(film.fileno())
