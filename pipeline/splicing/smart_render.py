"""The packet-exact way: only the pictures of the edits and of their partial GOPs are coded.

Takes   the index of a source's packets and the takes' frames.
Gives   the new packets of each window; boxed.py and streamed.py put them among the film's own.
Raises  Unsuited with the reason where it cannot be done; film.py then takes the next way.

Write an exactly spliced MP4 or MOV: the new packets go into the tables of the source's own boxes.
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
from ..media.decode import decode_frames
from .codecs import hdr
from .codecs.family import MatchedEncoder, SourceVideo
from .codecs.known_codecs import codec_family
from .codecs.packet_encoder import encode_packets
from .mp4 import sample_tables
from .mp4.boxes import Box, parse_boxes
from .mp4.replace_samples import NewSamples
from .mp4.sample_tables import Ints
from .mp4.sample_times import FrameGrid, composition_offsets
from .not_applicable import NotApplicable
from .packet_index import PacketIndex
from .pictures import frames
from .pictures.frames import Insert
from .reencode import ENTRY_HEAD_BYTES, single_entry
from .reencode_ranges import ReencodeRange, plan_ranges


@dataclass(frozen=True)
class EncodedRange:
    """The new packets of one window, in decoding order, one after the other in a file."""

    window: ReencodeRange
    file: Path
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: NDArray[np.bool_]


@dataclass(frozen=True)
class RenderPlan:
    """What is to be coded, and by whom."""

    windows: tuple[ReencodeRange, ...]
    coder: MatchedEncoder
    lost: tuple[str, ...] = ()
    """What travels with the film's pictures and will not with the new ones."""


def plan_render(source: Path, video: VideoStream, index: PacketIndex, inserts: Sequence[Insert]) -> RenderPlan:
    """Choose the encoder and the windows."""
    if index.grid.track is not None:
        single_entry(sample_tables.stbl(index.grid.track).at(b"stsd").body)
    family = codec_family(video.codec)
    with closing(decode_frames(source, video.index)) as plates:
        frame = next(plates, None)
    if frame is None:
        raise NotApplicable("the picture stream gives no frames")
    coder = family.coder(SourceVideo(video, index.config, index.annexb, index.first, index.grid.reorder, frame))
    found = plan_ranges(index.grid, inserts, index.resumptions(family))
    whole = len(found) == 1 and found[0].first == 0 and found[0].end == index.grid.samples.count
    if whole and len({frame for one in inserts for frame in range(one.start, one.end)}) < video.frame_count:
        raise NotApplicable("no keyframe lies outside the edit and its partial GOP: nothing could be copied")
    return RenderPlan(tuple(found), coder, hdr.lost_hdr(coder.choice, frame))


def encode_ranges(
    source: Path,
    video: VideoStream,
    index: PacketIndex,
    planned: RenderPlan,
    new: Callable[[str], Path],
    each: Callable[[int], None],
) -> list[EncodedRange]:
    """Code the windows into files from `new`; `each` is told how many pictures are coded."""
    done, pieces = 0, []
    for window in planned.windows:
        file, sizes, numbers, sync = new("window.bin"), [], [], []
        with file.open("wb") as out:
            for packet in encode_packets(_pictures(source, video, index.grid, window), video, planned.coder.choice):
                data = planned.coder.spell(packet.data, packet.key)
                out.write(data)
                sizes.append(len(data))
                numbers.append(packet.number)
                sync.append(packet.key)
                done += 1
                each(done)
        if sorted(numbers) != list(range(window.end - window.first)):
            raise NotApplicable(f"{window.end - window.first} pictures of a window are stored, but {len(numbers)} are coded")
        ranks = window.first + np.array(numbers, np.int64)
        composition = composition_offsets(index.grid, window.first, ranks)
        pieces.append(EncodedRange(window, file, np.array(sizes, np.int64), composition, np.array(sync, bool)))
    return pieces


def _pictures(source: Path, video: VideoStream, grid: FrameGrid, window: ReencodeRange) -> Iterator[tuple[VideoFrame, int]]:
    """Give the pictures of a window, the takes' in their places, numbered from its first."""
    for shown, frame in frames.with_inserts(_plates(source, video, grid, window), window.inserts, window.first - grid.hidden):
        yield frame, shown + grid.hidden - window.first


def _plates(source: Path, video: VideoStream, grid: FrameGrid, window: ReencodeRange) -> Iterator[VideoFrame]:
    wanted = grid.shown[window.first : window.end]
    start = int(wanted[0]) + grid.reader_shift
    due = iter((wanted + grid.reader_shift).tolist())
    expected = next(due)
    options = frames.IGNORE_EDIT_LIST if grid.track is not None else None
    for frame in decode_frames(source, video.index, options=options, start_pts=start):
        if frame.pts is None or frame.pts < start:
            continue
        if frame.pts != expected:
            raise NotApplicable(f"the picture at {frame.pts} was expected at {expected}")
        yield frame
        following = next(due, None)
        if following is None:
            return
        expected = following


def place_in_slots(source: Path, index: PacketIndex, coder: MatchedEncoder, pieces: Sequence[EncodedRange]) -> list[NewSamples]:
    """Fit the pieces onto the source's sample slots; a packet that is stored otherwise joins its window's file."""
    entry = _entry(index, coder)
    return [_placed(source, index.grid, coder, piece, entry) for piece in pieces]


def _placed(source: Path, grid: FrameGrid, coder: MatchedEncoder, piece: EncodedRange, entry: bytes) -> NewSamples:
    window = piece.window
    sizes, composition, sync = piece.sizes, piece.composition, piece.sync
    if window.patched is not None:
        rank = int(grid.rank[window.patched])
        data = coder.resume(_read(source, grid, window.patched))
        with piece.file.open("ab") as out:
            out.write(data)
        sizes = np.append(sizes, len(data))
        composition = np.append(composition, composition_offsets(grid, window.end, np.array([rank])))
        sync = np.append(sync, True)
    return NewSamples(
        first=window.first,
        end=window.stored_end,
        place=grid.place,
        file=piece.file,
        offsets=sample_tables.starts_of(sizes),
        sizes=sizes,
        composition=composition,
        sync=sync,
        entry=entry,
    )


def _read(source: Path, grid: FrameGrid, sample: int) -> bytes:
    with source.open("rb") as stream:
        stream.seek(int(grid.samples.offsets[sample]))
        return stream.read(int(grid.samples.sizes[sample]))


def _entry(index: PacketIndex, coder: MatchedEncoder) -> bytes:
    """Give the body of `stsd`: the source's own, but for a configuration that the coder changed."""
    assert index.grid.track is not None
    stsd = sample_tables.stbl(index.grid.track).at(b"stsd").body
    was = single_entry(stsd)
    if coder.config == index.config:
        return stsd
    boxes, changed = parse_boxes(was[ENTRY_HEAD_BYTES:]), 0
    for box in boxes:
        if box.body == index.config:
            box.body, changed = coder.config, changed + 1
    if changed != 1:
        raise NotApplicable("the picture's configuration does not stand in its sample entry")
    body = was[8:ENTRY_HEAD_BYTES] + b"".join(box.write() for box in boxes)
    return stsd[:8] + Box(was[4:8], body).write()
