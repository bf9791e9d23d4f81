"""The packet-exact way for H.264 in MP4 and MOV: only the pictures of the edits and their partial GOPs are coded.

Takes   a source, its grid and the takes' frames.
Gives   a file in which every other packet is the source's own, at the same times.
Raises  Unsuited with the reason where it cannot be done; film.py then takes the next way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from ..kinds import VideoStream
from . import frames, h264, tables
from .boxes import Box, Unsuited, parse
from .encoders import pixel_formats
from .frames import Insert
from .grid import Grid
from .h264 import Config
from .reencode import ENTRY_HEAD_BYTES, encode, new_samples, single_entry
from .surgery import NewSamples, rewrite
from .tables import Ints
from .twin import stranger, twin
from .windows import Window, windows


@dataclass(frozen=True)
class Exact:
    """A spliced film and how it came about."""

    path: Path
    windows: tuple[Window, ...]
    twin: bool


def splice(
    source: Path,
    video: VideoStream,
    grid: Grid,
    inserts: Sequence[Insert],
    made: Path,
    new: Callable[[str], Path],
    each: Callable[[int], None],
) -> Exact:
    """Write the film to `made`, scratch files to places from `new`; `each` is told how many pictures are coded."""
    if video.codec != "h264":
        raise Unsuited(f"{video.codec} is not spliced packet by packet yet")
    if video.interlaced or video.pix_fmt not in pixel_formats("libx264"):
        raise Unsuited("interlaced pictures or this pixel format cannot be matched by the encoder")
    config = h264.read_config(_avcc(grid).body)
    found = windows(grid, inserts, _idr_samples(source, grid))
    if found[0].first == 0 and found[-1].end == grid.samples.count and len(found) == 1:
        raise Unsuited("no keyframe lies outside the edit and its partial GOP: nothing could be copied")
    noted = h264.x264_options(_read(source, grid, 0))
    match = twin(video, config, noted, grid.reorder)
    choice = match or stranger(video, config, grid.reorder)
    pieces = []
    for number, window in enumerate(found):
        coded = new(f"window{number}.mp4")
        count = encode(_pictures(source, video, grid, window), coded, video, choice, each)
        if count != window.end - window.first:
            raise Unsuited(f"{window.end - window.first} pictures of a window are stored, but {count} decode")
        pieces.append(new_samples(grid, coded, window.first, window.first))
    rewrite(source, made, [_with_config(grid, config, piece) for piece in pieces])
    return Exact(made, tuple(found), match is not None)


def _avcc(grid: Grid) -> Box:
    entry = single_entry(tables.stbl(grid.track).at(b"stsd").body)
    if entry[4:8] not in (b"avc1", b"avc3"):
        raise Unsuited("the picture's sample entry is not avc1")
    for box in parse(entry[ENTRY_HEAD_BYTES:]):
        if box.kind == b"avcC":
            return box
    raise Unsuited("the picture has no avcC")


def _with_config(grid: Grid, config: Config, piece: NewSamples) -> NewSamples:
    """Give the source's sample entry with the piece's parameter sets beside its own."""
    came = next(box for box in parse(single_entry(piece.entry)[ENTRY_HEAD_BYTES:]) if box.kind == b"avcC")
    own = h264.read_config(came.body)
    both = config.with_sets(own.sps, own.pps)
    if len(both.sps) > len(config.sps) and h264.used_ids(own) & h264.used_ids(config):
        raise Unsuited("the encoder's parameter sets clash with the film's")
    stsd = tables.stbl(grid.track).at(b"stsd").body
    was = single_entry(stsd)
    boxes = [Box(b"avcC", both.write()) if box.kind == b"avcC" else box for box in parse(was[ENTRY_HEAD_BYTES:])]
    body = was[8:ENTRY_HEAD_BYTES] + b"".join(box.write() for box in boxes)
    return piece.with_entry(stsd[:8] + Box(was[4:8], body).write())


def _idr_samples(source: Path, grid: Grid) -> Ints:
    marked = np.flatnonzero(grid.samples.sync)
    with source.open("rb") as stream:
        kinds = []
        for place in marked:
            stream.seek(int(grid.samples.offsets[place]))
            kinds.append(h264.picture_kind(stream.read(int(min(grid.samples.sizes[place], 4096)))))
    found: Ints = marked[np.array(kinds) == h264.IDR].astype(np.int64)
    return found


def _read(source: Path, grid: Grid, place: int) -> bytes:
    with source.open("rb") as stream:
        stream.seek(int(grid.samples.offsets[place]))
        return stream.read(int(grid.samples.sizes[place]))


def _pictures(source: Path, video: VideoStream, grid: Grid, window: Window) -> Iterator[tuple[VideoFrame, int]]:
    """Give the pictures of a window, the takes' in their places, numbered from its first."""
    for shown, frame in frames.merged(_plates(source, video, grid, window), window.inserts, window.first - grid.hidden):
        yield frame, shown + grid.hidden - window.first


def _plates(source: Path, video: VideoStream, grid: Grid, window: Window) -> Iterator[VideoFrame]:
    wanted = grid.shown[window.first : window.end]
    start = int(wanted[0]) + grid.reader_shift
    due = iter((wanted + grid.reader_shift).tolist())
    expected = next(due)
    for frame in frames.decoded(source, video.index, options=frames.AS_STORED, start_pts=start):
        if frame.pts is None or frame.pts < start:
            continue
        if frame.pts != expected:
            raise Unsuited(f"the picture at {frame.pts} was expected at {expected}")
        yield frame
        following = next(due, None)
        if following is None:
            return
        expected = following
