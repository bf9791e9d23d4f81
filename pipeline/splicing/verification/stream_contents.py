"""What is compared of a film: its streams, what they say of themselves, and every packet.

Takes   a path.
Gives   `Contents`; memory grows by about 20 bytes a packet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from .packet_comparison import Collector, Packets

NO_COLOUR = (0, 2, 2, 2)
"""Nothing is said: 0 of the range, 2 of the others."""
_UNTOLD = frozenset({"encoder", "ENCODER", "creation_time", "DURATION", "vendor_id", "handler_name", "major_brand"})
_UNTOLD_PREFIXES = ("_STATISTICS", "BPS", "NUMBER_OF", "minor_version", "compatible_brands")


@dataclass(frozen=True)
class Track:
    """One stream: what it says of itself, and its packets."""

    kind: str
    codec: str
    tags: dict[str, str]
    time_base: Fraction
    packets: Packets = field(repr=False)
    flags: int = 0
    """The disposition: whether players choose the stream by themselves, and what it is for."""
    colour: tuple[int, int, int, int] = NO_COLOUR
    """Range, primaries, transfer and matrix, as numbers of H.273."""


@dataclass(frozen=True)
class Contents:
    """All that is compared of one file."""

    tracks: list[Track]
    tags: dict[str, str]
    chapters: list[tuple[Any, Any, str]]
    picture: int
    """The index of the picture among the streams."""
    hidden: int = 0
    """How many pictures an edit list hides; they are not among the packets here."""


def read(path: Path, picture_index: int) -> Contents:
    """Read every packet of a file once."""
    with av.open(f"file:{path}") as container, path.open("rb", buffering=0) as raw:
        plain = raw if "mov" in container.format.name.split(",") else None
        collectors = [Collector(path, plain) for _ in container.streams]
        hidden = 0
        for packet in container.demux():
            if packet.stream.index == picture_index and packet.is_discard:
                hidden += 1  # which of them a reader gives hangs on where keyframes are
                continue
            if packet.dts is not None or packet.pts is not None:
                collectors[packet.stream.index].add(packet)
        tracks = [_track(stream, one.packets()) for stream, one in zip(container.streams, collectors, strict=True)]
        chapters = [
            (one["start"] * base, one["end"] * base, one["metadata"].get("title", ""))
            for one in container.chapters()
            if (base := one["time_base"] or Fraction(1))
        ]
        return Contents(tracks, _told(container.metadata), chapters, picture_index, hidden)


def _track(stream: Any, packets: Packets) -> Track:
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    base = Fraction(stream.time_base or 0)
    return Track(stream.type, codec, _told(stream.metadata), base, packets, int(stream.disposition), _colour(stream))


def _colour(stream: Any) -> tuple[int, int, int, int]:
    if stream.type != "video":
        return NO_COLOUR
    context = stream.codec_context
    return int(context.color_range), int(context.color_primaries), int(context.color_trc), int(context.colorspace)


def _told(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in _UNTOLD and not key.startswith(_UNTOLD_PREFIXES)}
