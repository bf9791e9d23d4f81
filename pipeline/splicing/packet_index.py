"""The index of a film's picture packets: their times, and the first bytes of keyframes.

MP4 and MOV are indexed by their sample tables, and only keyframes are read; all other films are read once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np

from ..core.cancellation import stoppable
from ..core.values import Media, VideoStream
from ..media.frames.film_readers import open_input, open_mp4_packets
from ..media.mp4.sample_tables import Ints, Samples
from ..media.nal_units import has_start_codes
from ..media.not_applicable import NoSampleTable, NotApplicable
from .codecs.family import CodecFamily, RandomAccess
from .codecs.h264 import H264
from .codecs.hevc import Hevc
from .codecs.keyframe_headers import vp8_headers, vp9_headers
from .codecs.mpeg_video import MpegVideo
from .codecs.standalone_codecs import ENCODERS, Av1, ClosedGop, IntraOnly
from .container import copy_refusal, is_mp4, other_clock_tolerance_s
from .mp4.sample_times import FrameGrid, read_frame_grid
from .reencode_ranges import RandomAccessPoint, count_leading

_FAMILIES: dict[str, CodecFamily] = {
    "h264": H264(),
    "hevc": Hevc(),
    "vp8": ClosedGop(vp8_headers),
    "vp9": ClosedGop(vp9_headers),
    "av1": Av1(),
    "mpeg1video": MpegVideo(),
    "mpeg2video": MpegVideo(),
    **dict.fromkeys(ENCODERS, IntraOnly()),
}


def codec_family(codec: str) -> CodecFamily:
    """Return the family of a codec by ffmpeg's name.

    Raises:
        NotApplicable: the codec cannot be spliced packet by packet.
    """
    if codec not in _FAMILIES:
        raise NotApplicable(f"{codec} cannot be spliced packet by packet")
    return _FAMILIES[codec]


_HEAD_BYTES, _LONG_HEAD_BYTES = 4096, 16_384
_SAMPLES_IN_AVI = {"mp2": 1152, "mp3": 1152, "ac3": 1536}
"""In a packet of coded sound."""
_LOW_RATE_HZ = 32_000
"""Below it packets of MP3 have half of the samples (ISO/IEC 13818-3)."""
_USUAL_DELAY = 2
"""Frames of delay with which every encoder here can reorder, where the container does not store decode times."""


@dataclass(frozen=True)
class PacketIndex:
    """What a splice needs to know of the film's picture packets."""

    grid: FrameGrid
    config: bytes
    """The container's decoder configuration."""
    keyframe_head: Callable[[int], bytes]
    """Returns the first bytes of a keyframe's packet."""
    first_packet: bytes
    has_decode_times: bool = True
    """Whether a reader finds a decode time for every picture, in order; else they are made up here."""

    @property
    def annexb(self) -> bool:
        """Whether NAL units follow start codes instead of lengths."""
        return has_start_codes(self.config)

    def keyframe_before(self, place: int) -> tuple[int, int]:
        """Return the last keyframe that is shown at or before a place, and by how many pictures earlier.

        Before the first one, this is returned, and the number is negative.
        """
        samples = np.flatnonzero(self.grid.samples.keyframes)
        places = np.searchsorted(self.grid.shown, self.grid.samples.pts[samples])
        number = max(0, int(np.searchsorted(places, place, side="right")) - 1)
        return int(samples[number]), place - int(places[number])

    def read_keyframes(self, family: CodecFamily) -> Keyframes:
        """Read what the film's keyframes say before their pictures."""
        points, sets = [], dict[int, tuple[bytes, ...]]()
        for sample in np.flatnonzero(self.grid.samples.keyframes).tolist():
            head = self.keyframe_head(sample) if family.reads_keyframes else b""
            sets[sample] = family.parameter_sets(head, self.config, annexb=self.annexb)
            access = family.random_access(head, annexb=self.annexb)
            leads = access in (RandomAccess.BROKEN_LINK, RandomAccess.OPEN_GROUP)
            leading = count_leading(self.grid.samples.pts, sample) if leads else 0
            if access is not RandomAccess.NONE and leading is not None:
                points.append(RandomAccessPoint(sample, leading, access is RandomAccess.BROKEN_LINK))
        places = np.searchsorted(self.grid.shown, self.grid.samples.pts[list(_changes(sets.items()))])
        return Keyframes(points, tuple(dict.fromkeys(itertools.chain(*sets.values()))), places.tolist())


@dataclass(frozen=True)
class Keyframes:
    """What the packets of a film's keyframes say."""

    points: list[RandomAccessPoint]
    """The pictures at which decoding can resume."""
    sets: tuple[bytes, ...]
    """The different parameter sets in the packets, or in codecs without them what describes the pictures."""
    changed: list[int]
    """The places, in showing order, of those that have other sets than the keyframe before: the film may be joined."""


def _changes(keyframes: Iterable[tuple[int, tuple[bytes, ...]]]) -> Iterator[int]:
    """Yield the keyframes that have other parameter sets than the last one that has any."""
    previous: tuple[bytes, ...] = ()
    for keyframe, sets in keyframes:
        if sets and sets != previous:
            if previous:
                yield keyframe
            previous = sets


def described_anew(source: Path, media: Media) -> Iterator[int]:
    """Yield the shown frames whose packets describe the pictures otherwise than the ones before, where packets tell.

    Nothing is decoded, and a film that cannot be indexed is read as well as others.
    """
    assert media.video is not None
    video, family = media.video, _FAMILIES.get(media.video.codec)
    if family is None or not family.reads_keyframes:
        return
    config = _decoder_config(source, video)
    sets_of = partial(family.parameter_sets, config=config, annexb=has_start_codes(config))
    times: Ints = video.timestamps.array
    for pts in _changes((pts, sets_of(head)) for pts, head in _keyframe_heads(source, media)):
        frame = int(np.searchsorted(times, pts))
        if frame < len(times):
            yield frame


def _decoder_config(source: Path, video: VideoStream) -> bytes:
    with open_input(source) as container:
        return bytes(container.streams[video.index].codec_context.extradata or b"")


def _keyframe_heads(source: Path, media: Media) -> Iterator[tuple[int, bytes]]:
    """Yield the time and the first bytes of the packet of each keyframe, in decoding order."""
    assert media.video is not None
    if is_mp4(media):
        with suppress(NoSampleTable, NotApplicable):
            index = index_mp4(
                source, media.video, read_frame_grid(source, media.video.timestamps.array, media.video.index)
            )
            grid = index.grid
            for sample in np.flatnonzero(grid.samples.keyframes).tolist():
                yield int(grid.samples.pts[sample]) + grid.shift, index.keyframe_head(sample)
            return
    with open_input(source) as container:
        for packet in stoppable(container.demux(container.streams[media.video.index])):
            if packet.is_keyframe and packet.pts is not None:
                yield packet.pts, bytes(memoryview(packet)[:_LONG_HEAD_BYTES])


def index_film(source: Path, media: Media) -> PacketIndex:
    """Index a film by its sample tables if it has any, else by reading its packets.

    Raises:
        NotApplicable: the packets cannot be told apart by their times.
    """
    assert media.video is not None
    if refusal := copy_refusal(media):
        raise NotApplicable(refusal)
    if is_mp4(media):
        with suppress(NoSampleTable):
            times: Ints = media.video.timestamps.array
            return index_mp4(source, media.video, read_frame_grid(source, times, media.video.index))
    if media.container == "avi":
        _require_even_sound(source, media)
    return index_stream(source, media.video)


def _require_even_sound(source: Path, media: Media) -> None:
    """Check that ffmpeg's muxer for AVI, which counts packets of coded sound, will give them the times that they have.

    Raises:
        NotApplicable: they are counted otherwise, such as in bytes of a variable bit rate.
    """
    tracks = [track for track in media.audio if track.codec in _SAMPLES_IN_AVI]
    if not tracks:
        return
    packets: dict[int, list[tuple[int, int]]] = {track.index: [] for track in tracks}
    with open_input(source) as container:
        ticks_s = {index: Fraction(container.streams[index].time_base or 1) for index in packets}
        for packet in stoppable(container.demux([container.streams[index] for index in packets])):
            if packet.size and packet.pts is not None:
                packets[packet.stream_index].append((packet.pts, packet.size))
    for track in tracks:
        pts, sizes = np.array(packets[track.index] or [(0, 0)], np.int64).T
        has_half = track.codec == "mp3" and track.sample_rate_hz < _LOW_RATE_HZ
        packet_s = Fraction(_SAMPLES_IN_AVI[track.codec] // (1 + has_half), track.sample_rate_hz)
        tick_s = ticks_s[track.index]
        off_s = np.abs((pts - pts[0]) * float(tick_s) - np.arange(len(pts)) * float(packet_s)).max()
        is_even = off_s <= float(other_clock_tolerance_s(tick_s))
        if not is_even or (track.codec == "mp2" and len(set(sizes.tolist())) > 1):
            raise NotApplicable(f"the muxer for AVI gives other times to the packets of this {track.codec} sound")


def index_mp4(source: Path, video: VideoStream, grid: FrameGrid) -> PacketIndex:
    """Index an MP4 or MOV whose grid is known."""
    offsets, sizes = grid.samples.offsets, grid.samples.sizes

    def read(sample: int, max_bytes: int) -> bytes:
        with source.open("rb") as stream:
            stream.seek(int(offsets[sample]))
            return stream.read(min(int(sizes[sample]), max_bytes))

    with open_mp4_packets(source) as container:
        config = bytes(container.streams[video.index].codec_context.extradata or b"")
    first_packet = read(0, int(sizes[0]))
    head_bytes = _head_bytes(video, config, first_packet)
    return PacketIndex(grid, config, lambda sample: read(sample, head_bytes), first_packet)


def _head_bytes(video: VideoStream, config: bytes, first_packet: bytes) -> int:
    """Return how much of a keyframe's packet shows its kind: the notes of encoders may come before its picture."""
    family, annexb = _FAMILIES.get(video.codec), has_start_codes(config)
    if family is None or not family.reads_keyframes:
        return _HEAD_BYTES
    access = (family.random_access(packet, annexb=annexb) for packet in (first_packet[:_HEAD_BYTES], first_packet))
    return _HEAD_BYTES if next(access) is next(access) else _LONG_HEAD_BYTES


def index_stream(source: Path, video: VideoStream) -> PacketIndex:
    """Index any other film by reading its packets."""
    reads_keyframes, heads = codec_family(video.codec).reads_keyframes, dict[int, bytes]()
    rows: list[tuple[int, int | None, int, bool]] = []
    first_packet, head_bytes = b"", _HEAD_BYTES
    with open_input(source) as container:
        stream = container.streams[video.index]
        config = bytes(stream.codec_context.extradata or b"")
        assert isinstance(stream, av.VideoStream)
        format_name = container.format.name
        if format_name == "avi" and stream.codec_context.has_b_frames:
            raise NotApplicable("AVI does not store the times of reordered pictures")
        for packet in stoppable(container.demux(stream)):
            if not packet.size:
                continue
            if packet.pts is None:
                raise NotApplicable("some packets of the picture have no time")
            if not rows:
                first_packet = bytes(packet)
                head_bytes = _head_bytes(video, config, first_packet)
            if packet.is_keyframe and reads_keyframes:
                heads[len(rows)] = bytes(packet)[:head_bytes]
            if not rows and packet.has_sidedata("matroska_block_additional"):
                raise NotApplicable("the pictures have a separate alpha channel, which no encoder here writes")
            rows.append((packet.pts, packet.dts, packet.size, packet.is_keyframe))
    if not rows:
        raise NotApplicable("the picture has no packets")
    grid = _stream_grid(rows, video, least_step=int(format_name != "flv"))
    has_decode_times = grid.samples.dts.tolist() == [row[1] for row in rows]
    return PacketIndex(grid, config, heads.__getitem__, first_packet, has_decode_times)


def _stream_grid(rows: list[tuple[int, int | None, int, bool]], video: VideoStream, least_step: int) -> FrameGrid:
    """Build the grid from (pts, dts, size, keyframe) of each packet.

    Decode times that a muxer takes increase by `least_step`: in FLV the first ones may all be 0.
    """
    pts = np.array([row[0] for row in rows], np.int64)
    shown = np.sort(pts)
    if len(shown) > 1 and int(np.diff(shown).min()) <= 0:
        raise NotApplicable("two pictures have the same time")
    if len(shown) > video.frame_count and video.interlaced:
        raise NotApplicable("each field of a picture is stored in a packet of its own (field pictures, as in AVCHD)")
    if len(shown) != video.frame_count:
        raise NotApplicable(f"{len(shown)} packets hold {video.frame_count} pictures")
    dts = _decode_slots(pts, shown, [row[1] for row in rows], least_step)
    samples = Samples(
        sizes=np.array([row[2] for row in rows], np.int64),
        offsets=np.full(len(rows), -1, np.int64),
        dts=dts,
        composition=pts - dts,
        sync=np.array([row[3] for row in rows], bool),
    )
    return FrameGrid(samples, shown, hidden=0, track=None, track_number=0, shift=0, stored_shift=0)


def _decode_slots(pts: np.ndarray, shown: np.ndarray, known: list[int | None], least_step: int) -> np.ndarray:
    """Return the decode times; if the container has none, the shown times, early enough for the reordering.

    Of a film that is joined from several, a reader may not find the first ones, or may find some that no muxer takes.
    """
    step = int(np.median(np.diff(shown))) if len(shown) > 1 else 1
    unknown = next((place for place, dts in enumerate(known) if dts is not None), len(known))
    if None not in known[unknown:] and unknown < len(known):
        last = np.array(known[unknown:], np.int64)
        slots = np.concatenate([last[0] - step * np.arange(unknown, 0, -1), last])
        if bool((slots <= pts).all()) and bool((np.diff(slots) >= least_step).all()):
            return slots
    delay = int(np.max(np.arange(len(pts)) - np.searchsorted(shown, pts), initial=0))
    delay = max(delay, _USUAL_DELAY) if delay else 0
    return np.concatenate([shown[0] - step * np.arange(delay, 0, -1), shown])[: len(pts)].astype(np.int64)
