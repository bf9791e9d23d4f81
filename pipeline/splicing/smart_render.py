"""The packet-exact way: only the pictures of the edits and of their partial GOPs are coded.

Takes   the index of a source's packets and the takes' frames.
Gives   the new packets of each window; boxed.py and streamed.py put them among the film's own.
Raises  Unsuited with the reason where it cannot be done; film.py then takes the next way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ..core.values import VideoStream
from .codecs.coding import code
from .codecs.family import Coder, Stored
from .codecs.known_codecs import family_of
from .mp4 import sample_tables
from .mp4.sample_tables import Ints
from .mp4.sample_times import Grid, composition_on_slots
from .not_applicable import Unsuited
from .packet_index import Index
from .pictures import frames, hdr
from .pictures.frames import Insert
from .reencode import single_entry
from .reencode_ranges import Window, windows


@dataclass(frozen=True)
class Piece:
    """The new packets of one window, in decoding order, one after the other in a file."""

    window: Window
    file: Path
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """What is to be coded, and by whom."""

    windows: tuple[Window, ...]
    coder: Coder
    lost: tuple[str, ...] = ()
    """What travels with the film's pictures and will not with the new ones."""


def plan(source: Path, video: VideoStream, index: Index, inserts: Sequence[Insert]) -> Plan:
    """Choose the encoder and the windows."""
    if index.grid.track is not None:
        single_entry(sample_tables.stbl(index.grid.track).at(b"stsd").body)
    family = family_of(video.codec)
    with closing(frames.decoded(source, video.index)) as plates:
        frame = next(plates, None)
    if frame is None:
        raise Unsuited("the picture stream gives no frames")
    coder = family.coder(Stored(video, index.config, index.annexb, index.first, index.grid.reorder, frame))
    found = windows(index.grid, inserts, index.resumptions(family))
    whole = len(found) == 1 and found[0].first == 0 and found[0].end == index.grid.samples.count
    if whole and len({frame for one in inserts for frame in range(one.start, one.end)}) < video.frame_count:
        raise Unsuited("no keyframe lies outside the edit and its partial GOP: nothing could be copied")
    return Plan(tuple(found), coder, hdr.lost_with(coder.choice, frame))


def coded(
    source: Path,
    video: VideoStream,
    index: Index,
    planned: Plan,
    new: Callable[[str], Path],
    each: Callable[[int], None],
) -> list[Piece]:
    """Code the windows into files from `new`; `each` is told how many pictures are coded."""
    done, pieces = 0, []
    for window in planned.windows:
        file, sizes, numbers, sync = new("window.bin"), [], [], []
        with file.open("wb") as out:
            for packet in code(_pictures(source, video, index.grid, window), video, planned.coder.choice):
                data = planned.coder.spell(packet.data, packet.key)
                out.write(data)
                sizes.append(len(data))
                numbers.append(packet.number)
                sync.append(packet.key)
                done += 1
                each(done)
        if sorted(numbers) != list(range(window.end - window.first)):
            raise Unsuited(f"{window.end - window.first} pictures of a window are stored, but {len(numbers)} are coded")
        ranks = window.first + np.array(numbers, np.int64)
        composition = composition_on_slots(index.grid, window.first, ranks)
        pieces.append(Piece(window, file, np.array(sizes, np.int64), composition, np.array(sync, bool)))
    return pieces


def _pictures(source: Path, video: VideoStream, grid: Grid, window: Window) -> Iterator[tuple[VideoFrame, int]]:
    """Give the pictures of a window, the takes' in their places, numbered from its first."""
    for shown, frame in frames.merged(_plates(source, video, grid, window), window.inserts, window.first - grid.hidden):
        yield frame, shown + grid.hidden - window.first


def _plates(source: Path, video: VideoStream, grid: Grid, window: Window) -> Iterator[VideoFrame]:
    wanted = grid.shown[window.first : window.end]
    start = int(wanted[0]) + grid.reader_shift
    due = iter((wanted + grid.reader_shift).tolist())
    expected = next(due)
    options = frames.AS_STORED if grid.track is not None else None
    for frame in frames.decoded(source, video.index, options=options, start_pts=start):
        if frame.pts is None or frame.pts < start:
            continue
        if frame.pts != expected:
            raise Unsuited(f"the picture at {frame.pts} was expected at {expected}")
        yield frame
        following = next(due, None)
        if following is None:
            return
        expected = following
