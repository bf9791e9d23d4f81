"""Smart rendering: re-encode only the pictures of the edits and of their partial GOPs, packet by packet.

`plan_render` chooses the encoder and the re-encode ranges, `encode_ranges` encodes them. `place_in_slots` puts the
packets into the slots of an MP4 or MOV; for other containers, `packet_writer.py` writes them among the film's own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from ..media.not_applicable import NotApplicable
from ..media.timing.clock import timecode_rate
from .codecs.family import EncodedPacket, MatchedEncoder, SourceVideo, decode_packets, encode_packets
from .codecs.kept_metadata import NewMetadata, source_metadata, unkept_metadata
from .codecs.picture_metadata import metadata_codec
from .codecs.quantiser import coarser
from .encoders import EncoderSettings, encoder_rate
from .mp4.replace_samples import NewSamples
from .mp4.sample_times import FrameGrid, composition_offsets
from .packet_index import PacketIndex, codec_family
from .pictures.description import as_described
from .pictures.fields import lost_metadata, require_known_colors
from .pictures.frames import Insert, count_frames, with_inserts
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
    options = index.grid.demuxer_options
    video = as_described(source, video, times, options)
    reorder = min(index.grid.reorder(item.first, item.end) for item in ranges)
    film_reorder = min(index.grid.film_reorder, reorder)
    sizes = index.grid.samples.sizes
    encoder = family.match_encoder(
        SourceVideo(
            video,
            index.config,
            index.annexb,
            index.first_packet,
            reorder,
            film_reorder,
            frame,
            packet_bytes=int(sizes[0]) if sizes.min() == sizes.max() else 0,
            in_band=keyframes.sets,
            intra_only=bool(index.grid.samples.sync.all()),
        )
    )
    complete = len(ranges) == 1 and ranges[0].first == 0 and ranges[0].end == index.grid.samples.count
    if complete and count_frames((insert.start, insert.end) for insert in inserts) < video.frame_count:
        raise NotApplicable("no keyframe lies outside the edit and its partial GOP: nothing could be copied")
    if metadata_codec(video.codec, index.config) is None:
        lost = lost_metadata(frame)
    else:
        spans = [index.grid.stored_times(item.first, item.end) for item in ranges]
        lost = unkept_metadata(source, video, spans, options)
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
    times, options = index.grid.stored_times(item.first, item.end), index.grid.demuxer_options
    with file.open("wb") as out, source_metadata(source, video.index, times, options) as source_messages:
        metadata = NewMetadata(metadata_codec(video.codec, plan.encoder.config), source_messages)
        keyframes = {sample - item.first for sample in index.grid.fragment_keyframes if item.first < sample < item.end}
        for packet in _encode(source, video, index, plan, number, keyframes):
            data = plan.encoder.convert_packet(packet.data, packet.key)
            if packet.key and plan.encoder.with_timecode_of is not None:
                sample, later = index.keyframe_before(item.first + packet.number)
                rate = encoder_rate(plan.encoder.settings, timecode_rate(video))
                data = plan.encoder.with_timecode_of(data, index.keyframe_head(sample), later, rate)
            data = metadata.put(data, packet.number, key=packet.key)
            out.write(data)
            sizes.append(len(data))
            numbers.append(packet.number)
            sync.append(packet.key)
            note_picture()
    return_freed_memory()
    if sorted(numbers) != list(range(item.end - item.first)):
        raise NotApplicable(f"a range stores {item.end - item.first} pictures, but {len(numbers)} were encoded")
    composition = composition_offsets(index.grid, item.slots, item.first + np.array(numbers, np.int64))
    return EncodedRange(item, file, np.array(sizes, np.int64), composition, np.array(sync, bool))


def _encode(
    source: Path, video: VideoStream, index: PacketIndex, plan: RenderPlan, number: int, keyframes: Collection[int]
) -> Iterator[EncodedPacket]:
    """Encode the pictures of a range; those that lead the group after it come last."""
    item, settings, encode_leading = plan.ranges[number], plan.settings(number), plan.encoder.encode_leading
    if not item.leading or encode_leading is None:
        pictures = _pictures(source, video, index.grid, item, item.first, item.end)
        yield from encode_packets(pictures, video, settings, keyframes)
        return
    own, key_packets = item.end - item.leading - item.first, list[bytes]()
    pictures = _pictures(source, video, index.grid, item, item.first - (not own), item.end + 1)
    for packet in encode_packets(itertools.islice(pictures, own), video, settings, keyframes):
        if packet.key:
            key_packets.clear()
        key_packets.append(packet.data)
        yield packet
    before = list(decode_packets(key_packets, video.codec, None))[-1] if own else next(pictures)[0]
    *leading, keyframe = (frame for frame, _ in pictures)
    head = index.keyframe_head(item.end - item.leading)
    for place, data in enumerate(encode_leading(before, leading, keyframe, head, video, settings)):
        yield EncodedPacket(own + place, False, data)


def picture_bytes(video: VideoStream) -> float:
    """Return about how much memory a decoded picture takes, in bytes, as 4:2:0."""
    return video.width_px * video.height_px * (3 if video.bit_depth > 8 else 1.5)


def worker_count(video: VideoStream, encoder: str) -> int:
    """Return how many ranges of a film are worked on at a time: one per core, if their pictures fit into memory."""
    if encoder in _USE_ALL_CORES:
        return 1
    return max(1, min(usable_cores(), int(_RANGES_BYTES // (picture_bytes(video) * _PICTURES_PER_RANGE))))


def _pictures(
    source: Path, video: VideoStream, grid: FrameGrid, item: ReencodeRange, first: int, end: int
) -> Iterator[tuple[VideoFrame, int]]:
    """Yield the pictures [first, end), with the takes of a range blended in, numbered from the range's first."""
    frames = _source_frames(source, video, grid, first, end)
    for index, frame in with_inserts(frames, item.inserts, first - grid.hidden):
        yield frame, index + grid.hidden - item.first


def _source_frames(source: Path, video: VideoStream, grid: FrameGrid, first: int, end: int) -> Iterator[VideoFrame]:
    times = grid.stored_times(first, end)
    start = int(times[0])
    remaining = iter(times.tolist())
    expected = next(remaining)
    for frame in decode_frames(source, video.index, options=grid.demuxer_options, start_pts=start):
        if frame.pts is None or frame.pts < start:
            continue
        if frame.pts != expected:
            raise NotApplicable(NOT_DECODED)
        yield frame
        following = next(remaining, None)
        if following is None:
            return
        expected = following


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
    samples: list[NewSamples] = []
    for new in encoded:
        item = _with_relinked(source, index.grid, encoder, new)
        offsets, leading = sample_tables.starts_of(item.sizes), len(item.sizes) - item.range.leading
        parts = [(item.range.first, slice(0, leading)), (item.range.end - item.range.leading + 1, slice(leading, None))]
        samples += [
            NewSamples(
                first=first,
                end=first + len(offsets[part]),
                track_number=index.grid.track_number,
                file=item.file,
                offsets=offsets[part],
                sizes=item.sizes[part],
                composition=item.composition[part],
                sync=item.sync[part],
                stsd=new_stsd,
            )
            for first, part in parts
            if len(offsets[part])
        ]
    return samples


def _with_relinked(source: Path, grid: FrameGrid, encoder: MatchedEncoder, encoded: EncodedRange) -> EncodedRange:
    """Append the relinked packet to the new ones, if there is one."""
    sample = encoded.range.relinked
    if sample is None:
        return encoded
    with source.open("rb") as stream:
        stream.seek(int(grid.samples.offsets[sample]))
        data = encoder.relink_packet(stream.read(int(grid.samples.sizes[sample])))
    with encoded.file.open("ab") as out:
        out.write(data)
    offset = composition_offsets(grid, np.array([encoded.range.end]), grid.rank[[sample]])
    return replace(
        encoded,
        sizes=np.append(encoded.sizes, len(data)),
        composition=np.append(encoded.composition, offset),
        sync=np.append(encoded.sync, True),
    )
