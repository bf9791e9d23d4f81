"""What is compared of a film: its streams, their metadata, and all packets; about 20 bytes of memory per packet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import Any

import av

from ...core.cancellation import stoppable
from ...media.frames.film_readers import open_input
from ...media.nal_units import FieldPairs
from ..matroska import read_crops, written_by
from .indexed_packets import StreamPackets, read_indexed
from .packet_comparison import PacketCollector, Packets

NO_COLOR = (0, 2, 2, 2)
"""Unspecified: 0 for the range, 2 for the others."""
_IGNORED_TAGS = frozenset({"encoder", "ENCODER", "creation_time", "vendor_id", "handler_name", "major_brand"})
_IGNORED_PREFIXES = ("_STATISTICS", "BPS", "NUMBER_OF", "minor_version", "compatible_brands")


@dataclass(frozen=True)
class StreamContents:
    """One stream: its metadata and its packets."""

    kind: str
    codec: str
    tags: dict[str, str]
    time_base: Fraction
    packets: Packets = field(repr=False)
    flags: int = 0
    """The disposition: whether players choose the stream by default, and what it is for."""
    duration_s: Fraction = Fraction(0)
    """What the packets' durations add up to, as a reader gives them."""
    color: tuple[int, int, int, int] = NO_COLOR
    """Range, primaries, transfer and matrix, as numbers of H.273."""
    sample_aspect: Fraction = Fraction(0)
    """The shape of the pixels, as the container says it, or else the codec; 0 if neither does."""


@dataclass(frozen=True)
class FilmContents:
    """Everything that is compared of one file."""

    streams: list[StreamContents]
    tags: dict[str, str]
    chapters: list[tuple[Any, Any, str]]
    picture: int
    """The index of the picture among the streams."""
    stored_duration_s: Fraction | None = None
    """The duration that the file stores; None if a reader makes it up."""
    written_by: tuple[str, ...] = ()
    """The applications that wrote a Matroska file."""
    crops: tuple[tuple[int, ...], ...] = ()
    """What a Matroska file lets players cut off the pictures of each track."""
    hidden: int = 0
    """Number of pictures that an edit list hides; they are not among the packets here."""
    guesses_times: bool = False
    """Whether the file does not store the times of all packets, and a reader guesses them."""


def read_contents(path: Path, picture_index: int) -> FilmContents:
    """Read what is compared of a file: the index of an MP4 or MOV whose packets are as it says, or else each packet."""
    with open_input(path) as container, path.open("rb", buffering=0) as raw:
        is_mp4 = "mov" in container.format.name.split(",")
        packets = read_indexed(container, path, raw, picture_index) if is_mp4 else None
        if packets is not None:
            return _contents(container, path, picture_index, packets)
    with open_input(path) as container, path.open("rb", buffering=0) as raw:
        packets = _read_packets(container, path, raw if is_mp4 else None, picture_index)
        return _contents(container, path, picture_index, packets)


def _read_packets(container: Any, path: Path, raw: FileIO | None, picture_index: int) -> list[StreamPackets]:
    """Read every packet once; `raw` is the film if its packets may be stored as they are read."""
    collectors = [PacketCollector(path, raw) for _ in container.streams]
    hidden, durations = 0, [0] * len(container.streams)
    fields = FieldPairs(container.streams[picture_index])
    for packet in stoppable(container.demux()):
        index = packet.stream_index
        if index == picture_index:
            if packet.size and fields.is_second(packet):
                continue  # a frame in two packets counts as one: the result may store it in one
            if packet.is_discard:
                hidden += 1  # which of them a reader gives depends on the keyframes
                continue
        if packet.dts is not None or packet.pts is not None:
            collectors[index].add(packet)
            durations[index] += packet.duration or 0
    return [
        StreamPackets(collector.packets(), duration, hidden if index == picture_index else 0)
        for index, (collector, duration) in enumerate(zip(collectors, durations, strict=True))
    ]


def _contents(container: Any, path: Path, picture_index: int, packets: Sequence[StreamPackets]) -> FilmContents:
    streams = [_stream_contents(*pair) for pair in zip(container.streams, packets, strict=True)]
    chapters = [
        (chapter["start"] * base, chapter["end"] * base, chapter["metadata"].get("title", ""))
        for chapter in container.chapters()
        if (base := chapter["time_base"] or Fraction(1))
    ]
    is_matroska = "matroska" in container.format.name
    stored_s = Fraction(container.duration, av.time_base) if is_matroska and container.duration else None
    return FilmContents(
        streams,
        _compared_tags(container.metadata),
        chapters,
        picture_index,
        stored_s,
        written_by(path) if is_matroska else (),
        read_crops(path) if is_matroska else (),
        packets[picture_index].hidden,
        container.format.name == "mpeg",
    )


def _stream_contents(stream: Any, packets: StreamPackets) -> StreamContents:
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    base, tags = Fraction(stream.time_base or 0), _compared_tags(stream.metadata)
    flags = int(stream.disposition)
    aspect = Fraction(stream.sample_aspect_ratio or 0) if stream.type == "video" else Fraction(0)
    return StreamContents(
        stream.type, codec, tags, base, packets.packets, flags, packets.duration * base, _color(stream), aspect
    )


def _color(stream: Any) -> tuple[int, int, int, int]:
    if stream.type != "video":
        return NO_COLOR
    context = stream.codec_context
    return int(context.color_range), int(context.color_primaries), int(context.color_trc), int(context.colorspace)


def _compared_tags(tags: dict[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in tags.items() if key not in _IGNORED_TAGS and not key.startswith(_IGNORED_PREFIXES)
    }
