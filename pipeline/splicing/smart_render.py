"""Smart rendering: re-encode only the pictures of the edits and of their partial GOPs, packet by packet.

`plan_render` chooses the encoder and the re-encode ranges, `encode_ranges` encodes them. `place_in_slots` puts the
packets into the slots of an MP4 or MOV; for other containers, `remux.py` writes them among the film's own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from ..core.freed_memory import return_freed_memory
from ..core.side_by_side import run_side_by_side, usable_cores
from ..core.values import VideoStream
from ..media.frames.decode import decode_frames
from ..media.mp4 import sample_tables
from ..media.mp4.boxes import replace_config, single_entry
from ..media.mp4.sample_tables import Ints
from ..media.not_applicable import NotApplicable
from .codecs.family import MatchedEncoder, SourceVideo, encode_packets
from .codecs.kept_metadata import NewMetadata, source_metadata, unkept_metadata
from .codecs.picture_metadata import metadata_codec
from .encoders import EncoderSettings
from .mp4.replace_samples import NewSamples
from .mp4.sample_times import IGNORE_EDIT_LIST, FrameGrid, composition_offsets
from .packet_index import PacketIndex, codec_family
from .pictures.description import as_described
from .pictures.fields import lost_metadata, require_known_colors
from .pictures.frames import Insert, count_frames, with_inserts
from .quantiser import coarser
from .reencode_ranges import EncodedRange, ReencodeRange, keyframe_times, plan_ranges

_USE_ALL_CORES = frozenset({"libx265", "libsvtav1"})
"""Encoders that do, whatever number of threads they are told."""
_RANGES_BYTES, _PICTURES_PER_RANGE = 200_000_000, 40
"""Of all ranges that are worked on, and about as many as the decoders and the encoder of one hold at a time."""
NOT_DECODED = "stored pictures at an edit do not decode at the times of their packets"


@dataclass(frozen=True)
class RenderPlan:
    """What is re-encoded, and by which encoder."""

    ranges: tuple[ReencodeRange, ...]
    encoder: MatchedEncoder
    video: VideoStream
    """The film's picture as the keyframes of the ranges describe it."""
    lost: tuple[str, ...] = ()
    """Metadata of the film's pictures that the new ones will not have."""
    coarser_steps: tuple[float, ...] = ()
    """How coarse each range is (see `coarser`); 0 stands for the encoder's own settings, empty for all of these."""
    thorough: frozenset[int] = frozenset()
    """The numbers of the ranges for which the encoder takes more time."""
    least_steps: Mapping[int, float] = field(default_factory=dict)
    """How coarse ranges must be at least, by their numbers, to stay within the bits that the film declares."""
    limited_by: tuple[str, ...] = ()
    """What declares them."""
    unlimited: frozenset[int] = frozenset()
    """The numbers of the ranges that cannot show what they should within these bits."""

    @property
    def encoded_frames(self) -> int:
        """The number of pictures that are re-encoded."""
        return sum(item.end - item.first for item in self.ranges)

    def settings(self, number: int) -> EncoderSettings:
        """Return the encoder's settings for the range with this number."""
        steps = self.coarser_steps[number] if self.coarser_steps else 0.0
        if not steps:
            return self.encoder.settings
        return coarser(self.encoder.settings, steps, thorough=number in self.thorough)

    def with_steps(self, steps: Mapping[int, float]) -> RenderPlan:
        """Return the plan with other steps for the ranges with these numbers; 0 means the encoder's own settings.

        They are coded thoroughly: what came out too coarse must not become larger than it has to. Ranges that become
        finer than the film's declared bits allow are not limited any more.
        """
        every = tuple(steps.get(number, before) for number, before in enumerate(self.coarser_steps))
        unlimited = self.unlimited | {number for number, new in steps.items() if new < self.least_steps.get(number, 0)}
        least_steps = {number: least for number, least in self.least_steps.items() if number not in unlimited}
        thorough = self.thorough | steps.keys()
        return replace(self, coarser_steps=every, thorough=thorough, least_steps=least_steps, unlimited=unlimited)


def plan_render(source: Path, video: VideoStream, index: PacketIndex, inserts: Sequence[Insert]) -> RenderPlan:
    """Choose the encoder and the re-encode ranges.

    Raises:
        NotApplicable: no encoder matches the film, or nothing could be copied.
        InputMediaError: nothing here knows the colors of its pictures.
    """
    if index.grid.track is not None:
        single_entry(sample_tables.stbl(index.grid.track).require(b"stsd").body)
    family = codec_family(video.codec)
    with closing(decode_frames(source, video.index)) as frames:
        frame = next(frames, None)
    if frame is None:
        raise NotApplicable("the picture stream has no frames")
    require_known_colors(frame)
    keyframes = index.read_keyframes(family)
    ranges = plan_ranges(index.grid, inserts, keyframes.points)
    changes = len(family.sequence_sets(index.config, keyframes.sets, annexb=index.annexb)) != 1
    times = keyframe_times(index.grid, ranges if changes else (), keyframes.changed)
    options = _demuxer_options(index.grid)
    video = as_described(source, video, times, options)
    reorder = min(index.grid.reorder(item.first, item.end) for item in ranges)
    film_reorder = min(index.grid.film_reorder, reorder)
    encoder = family.match_encoder(
        SourceVideo(video, index.config, index.annexb, index.first_packet, reorder, film_reorder, frame, keyframes.sets)
    )
    complete = len(ranges) == 1 and ranges[0].first == 0 and ranges[0].end == index.grid.samples.count
    if complete and count_frames((insert.start, insert.end) for insert in inserts) < video.frame_count:
        raise NotApplicable("no keyframe lies outside the edit and its partial GOP: nothing could be copied")
    if metadata_codec(video.codec, index.config) is None:
        lost = lost_metadata(frame)
    else:
        lost = unkept_metadata(source, video, [_stored_times(index.grid, item) for item in ranges], options)
    return RenderPlan(tuple(ranges), encoder, video, (*encoder.lost, *lost))


def encode_ranges(
    source: Path,
    video: VideoStream,
    index: PacketIndex,
    plan: RenderPlan,
    temp_path: Callable[[str], Path],
    progress: Callable[[int], None],
    ready_ranges: Mapping[int, EncodedRange] | None = None,
) -> list[EncodedRange]:
    """Encode the ranges into files from `temp_path`; `progress` gets the number of pictures encoded so far.

    Ranges are encoded side by side; their bytes do not depend on how many are. `ready_ranges` has ranges, by their
    numbers, that are encoded already.

    Raises:
        NotApplicable: the source does not decode as indexed, or the encoder does not write one packet per picture.
    """
    encoded = dict(ready_ranges or {})
    missing = [number for number in range(len(plan.ranges)) if number not in encoded]
    count, lock = itertools.count(1), threading.Lock()

    def note_picture() -> None:
        with lock:
            progress(next(count))

    calls = [
        partial(_encode_range, source, video, index, plan, number, temp_path("range.bin"), note_picture)
        for number in missing
    ]
    workers = worker_count(video, plan.encoder.settings.encoder)
    encoded.update(zip(missing, run_side_by_side(calls, workers), strict=True))
    return [encoded[number] for number in range(len(plan.ranges))]


def _encode_range(
    source: Path,
    video: VideoStream,
    index: PacketIndex,
    plan: RenderPlan,
    number: int,
    file: Path,
    note_picture: Callable[[], None],
) -> EncodedRange:
    item = plan.ranges[number]
    sizes, numbers, sync = list[int](), list[int](), list[bool]()
    times, options = _stored_times(index.grid, item), _demuxer_options(index.grid)
    with file.open("wb") as out, source_metadata(source, video.index, times, options) as source_messages:
        metadata = NewMetadata(metadata_codec(video.codec, plan.encoder.config), source_messages)
        pictures = _pictures(source, video, index.grid, item)
        keyframes = {sample - item.first for sample in index.grid.fragment_keyframes if item.first < sample < item.end}
        for packet in encode_packets(pictures, video, plan.settings(number), keyframes):
            data = plan.encoder.convert_packet(packet.data, packet.key)
            data = metadata.put(data, packet.number, key=packet.key)
            out.write(data)
            sizes.append(len(data))
            numbers.append(packet.number)
            sync.append(packet.key)
            note_picture()
    return_freed_memory()
    if sorted(numbers) != list(range(item.end - item.first)):
        raise NotApplicable(f"a range stores {item.end - item.first} pictures, but {len(numbers)} were encoded")
    composition = composition_offsets(index.grid, item.first, item.first + np.array(numbers, np.int64))
    return EncodedRange(item, file, np.array(sizes, np.int64), composition, np.array(sync, bool))


def worker_count(video: VideoStream, encoder: str) -> int:
    """Return how many ranges of a film are worked on at a time: one per core, if their pictures fit into memory."""
    if encoder in _USE_ALL_CORES:
        return 1
    picture_bytes = video.width_px * video.height_px * (3 if video.bit_depth > 8 else 1.5)
    return max(1, min(usable_cores(), int(_RANGES_BYTES // (picture_bytes * _PICTURES_PER_RANGE))))


def _pictures(
    source: Path, video: VideoStream, grid: FrameGrid, item: ReencodeRange
) -> Iterator[tuple[VideoFrame, int]]:
    """Yield the pictures of a range, with the takes blended in, numbered from its first."""
    frames = _source_frames(source, video, grid, item)
    for index, frame in with_inserts(frames, item.inserts, item.first - grid.hidden):
        yield frame, index + grid.hidden - item.first


def _source_frames(source: Path, video: VideoStream, grid: FrameGrid, item: ReencodeRange) -> Iterator[VideoFrame]:
    times = _stored_times(grid, item)
    start = int(times[0])
    remaining = iter(times.tolist())
    expected = next(remaining)
    for frame in decode_frames(source, video.index, options=_demuxer_options(grid), start_pts=start):
        if frame.pts is None or frame.pts < start:
            continue
        if frame.pts != expected:
            raise NotApplicable(NOT_DECODED)
        yield frame
        following = next(remaining, None)
        if following is None:
            return
        expected = following


def _stored_times(grid: FrameGrid, item: ReencodeRange) -> Ints:
    """Return the times of a range's pictures, as a reader with `_demuxer_options` gives them."""
    return grid.shown[item.first : item.end] + grid.stored_shift


def _demuxer_options(grid: FrameGrid) -> dict[str, str] | None:
    return IGNORE_EDIT_LIST if grid.track is not None else None


def place_in_slots(
    source: Path, index: PacketIndex, encoder: MatchedEncoder, encoded: Sequence[EncodedRange]
) -> list[NewSamples]:
    """Place the ranges in the sample slots of an MP4 or MOV; a relinked packet is appended to its range's file.

    Raises:
        NotApplicable: the new configuration does not fit into the sample description.
    """
    assert index.grid.track is not None
    stsd = sample_tables.stbl(index.grid.track).require(b"stsd").body
    new_stsd = replace_config(stsd, index.config, encoder.config)
    return [_new_samples(source, index.grid, encoder, item, new_stsd) for item in encoded]


def _new_samples(
    source: Path, grid: FrameGrid, encoder: MatchedEncoder, encoded: EncodedRange, stsd: bytes
) -> NewSamples:
    item = encoded.range
    sizes, composition, sync = encoded.sizes, encoded.composition, encoded.sync
    if item.relinked is not None:
        rank = int(grid.rank[item.relinked])
        data = encoder.relink_packet(_read_sample(source, grid, item.relinked))
        with encoded.file.open("ab") as out:
            out.write(data)
        sizes = np.append(sizes, len(data))
        composition = np.append(composition, composition_offsets(grid, item.end, np.array([rank])))
        sync = np.append(sync, True)
    return NewSamples(
        first=item.first,
        end=item.copied_from,
        track_number=grid.track_number,
        file=encoded.file,
        offsets=sample_tables.starts_of(sizes),
        sizes=sizes,
        composition=composition,
        sync=sync,
        stsd=stsd,
    )


def _read_sample(source: Path, grid: FrameGrid, sample: int) -> bytes:
    with source.open("rb") as stream:
        stream.seek(int(grid.samples.offsets[sample]))
        return stream.read(int(grid.samples.sizes[sample]))
