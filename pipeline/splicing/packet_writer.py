"""Write new packets among a film's own into a file with the pictures alone, in the film's own kind of container.

For films that are not rewritten box by box; `remux.py` adds the other streams.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from ..core.cancellation import stoppable
from ..core.values import VideoStream
from ..media.frames.film_readers import open_input
from ..media.not_applicable import NotApplicable, refused_as
from .codecs.family import MatchedEncoder
from .packet_index import PacketIndex
from .reencode_ranges import EncodedRange

_BITEXACT = {"fflags": "+bitexact"}
_DOLBY_VISION = {"strict": "unofficial"}
"""Without it the muxer leaves out what the container says of Dolby Vision."""
_FORMATS = {
    ".mkv": ("matroska", {}),
    ".webm": ("matroska", {}),
    ".ts": ("mpegts", {"mpegts_copyts": "1"}),
    ".mp4": ("mp4", _DOLBY_VISION),
    ".mov": ("mov", _DOLBY_VISION),
    ".avi": ("avi", {}),
    ".flv": ("flv", {}),
    ".nut": ("nut", {}),
    ".mxf": ("mxf", {}),
}
"""The muxer and its options, by the film's suffix."""
_TAGGED = frozenset({"avi", "matroska", "nut"})
"""Formats whose tag of a codec may tell the pixel format, too."""
_SAME_FORMAT = {".m2ts": ".ts", ".mts": ".ts", ".m2t": ".ts", ".m4v": ".mp4"}


def write_packets(
    source: Path,
    output: Path,
    video: VideoStream,
    index: PacketIndex,
    encoder: MatchedEncoder,
    encoded: Sequence[EncodedRange],
) -> None:
    """Write the pictures of the film into `output`.

    Raises:
        NotApplicable: the muxer does not take these packets.
    """
    name, options = _format(output.suffix)
    with (
        refused_as(f"{name} does not take these pictures packet by packet"),
        open_input(source) as container,
        av.open(str(output), "w", format=name, options={**_BITEXACT, **options}) as out,
    ):
        stream = container.streams[video.index]
        target = _add_stream(out, stream, encoder.config if encoder.config != index.config else None)
        if name in _TAGGED:
            target.codec_context.codec_tag = stream.codec_context.codec_tag
        durations = _durations(index, video)
        for packet in _packets(container, stream, index, encoder, encoded):
            packet.stream = target
            packet.duration = packet.duration or durations[packet.pts]
            out.mux(packet)


def _add_stream(out: Any, stream: Any, new_config: bytes | None) -> Any:
    # The configuration can be changed only in a stream that is opened as an encoder's.
    target = out.add_stream_from_template(stream, opaque=new_config is None)
    if new_config is not None:
        target.codec_context.extradata = new_config
    target.time_base = stream.time_base
    return target


def _durations(index: PacketIndex, video: VideoStream) -> dict[int | None, int]:
    """Map the time of each picture to its duration; a muxer may leave out a last picture without one."""
    shown = index.grid.shown.tolist()
    ends = [*shown[1:], shown[-1] + video.timestamps.last_duration]
    return {start: end - start for start, end in zip(shown, ends, strict=True)}


def _format(suffix: str) -> tuple[str, dict[str, str]]:
    known = _FORMATS.get(_SAME_FORMAT.get(suffix, suffix))
    if known is None:
        raise NotApplicable(f"{suffix} files cannot be spliced packet by packet")
    return known


def _packets(
    container: Any, stream: Any, index: PacketIndex, encoder: MatchedEncoder, encoded: Sequence[EncodedRange]
) -> Iterator[Packet[Any]]:
    """Yield all packets in decoding order; those of the ranges are the new ones."""
    remaining, slots, time_base = list(encoded), index.grid.samples.dts, stream.time_base
    relinked: Packet[Any] | None = None
    new: Iterator[Packet[Any]] = iter(())
    sample = -1
    for packet in stoppable(container.demux(stream)):
        if not packet.size:
            continue
        sample += 1
        packet.dts = int(slots[sample])
        if not remaining or sample < remaining[0].range.first:
            yield packet
            continue
        item = remaining[0].range
        if sample == item.first:
            new = _new_packets(remaining[0], slots, time_base)
            yield from itertools.islice(new, item.end - item.leading - item.first)
        if sample == item.keyframe:
            yield packet
            yield from new
        if sample == item.relinked:
            relinked = _relink(packet, encoder, int(slots[item.end]))
        if sample == item.copied_from - 1:
            remaining.pop(0)
            if relinked is not None:
                yield relinked
                relinked = None


def _new_packets(encoded: EncodedRange, slots: Any, time_base: Any) -> Iterator[Packet[Any]]:
    with encoded.file.open("rb") as stream:
        for number, (slot, size) in enumerate(zip(encoded.range.slots.tolist(), encoded.sizes.tolist(), strict=True)):
            packet: Packet[Any] = Packet(stream.read(size))
            packet.dts = int(slots[slot])
            packet.pts = packet.dts + int(encoded.composition[number])
            packet.time_base, packet.is_keyframe = time_base, bool(encoded.sync[number])
            yield packet


def _relink(packet: Packet[Any], encoder: MatchedEncoder, slot: int) -> Packet[Any]:
    relinked: Packet[Any] = Packet(encoder.relink_packet(bytes(packet)))
    relinked.pts, relinked.dts, relinked.time_base, relinked.is_keyframe = packet.pts, slot, packet.time_base, True
    return relinked
