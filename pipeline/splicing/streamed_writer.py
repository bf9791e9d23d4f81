"""Write an exactly spliced film that has no sample tables: its picture packets, the new ones among them.

Gives   a file of the pictures alone, in the film's own kind of container; remux.py puts it beside the other streams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from ..core.values import VideoStream
from .codecs.family import Coder
from .not_applicable import Unsuited
from .packet_index import Index
from .reencode import said_of
from .smart_render import Piece

_BITEXACT = {"fflags": "+bitexact"}
_FORMATS = {
    ".mkv": ("matroska", {}),
    ".webm": ("matroska", {}),
    ".ts": ("mpegts", {"mpegts_copyts": "1"}),
    ".mp4": ("mp4", {}),
    ".mov": ("mov", {}),
    ".avi": ("avi", {}),
    ".flv": ("flv", {}),
    ".nut": ("nut", {}),
    ".mxf": ("mxf", {}),
}
"""What the pictures alone are written as, by the film's suffix."""
_SAME = {".m2ts": ".ts", ".mts": ".ts", ".m2t": ".ts", ".m4v": ".mp4"}


def write(source: Path, made: Path, video: VideoStream, index: Index, coder: Coder, pieces: Sequence[Piece]) -> None:
    """Write the pictures of the film into `made`."""
    name, options = _format(made.suffix)
    try:
        with (
            av.open(f"file:{source}") as given,
            av.open(str(made), "w", format=name, options={**_BITEXACT, **options}) as out,
        ):
            stream = given.streams[video.index]
            copy = _copied(out, stream, coder.config if coder.config != index.config else None)
            lasts = _durations(index, video)
            for packet in _packets(given, stream, index, coder, pieces):
                packet.stream = copy
                packet.duration = packet.duration or lasts[packet.pts]
                out.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise Unsuited(f"{name} does not take these pictures packet by packet: {said_of(error)}") from error


def _copied(out: Any, stream: Any, config: bytes | None) -> Any:
    # Only a stream that is opened as an encoder's lets its configuration be changed.
    copy = out.add_stream_from_template(stream, opaque=config is None)
    if config is not None:
        copy.codec_context.extradata = config
    copy.time_base = stream.time_base
    return copy


def _durations(index: Index, video: VideoStream) -> dict[int | None, int]:
    """Tell by its time how long each picture is shown: a muxer may leave out a last one that is not told."""
    shown = index.grid.shown.tolist()
    ends = [*shown[1:], shown[-1] + video.timestamps.last_duration]
    return {start: end - start for start, end in zip(shown, ends, strict=True)}


def _format(suffix: str) -> tuple[str, dict[str, str]]:
    known = _FORMATS.get(_SAME.get(suffix, suffix))
    if known is None:
        raise Unsuited(f"{suffix} files are not spliced packet by packet")
    return known


def _packets(given: Any, stream: Any, index: Index, coder: Coder, pieces: Sequence[Piece]) -> Iterator[Packet[Any]]:
    left, slots, base = list(pieces), index.grid.samples.dts, stream.time_base
    held: Packet[Any] | None = None
    place = -1
    for packet in given.demux(stream):
        if not packet.size:
            continue
        place += 1
        if left and place == left[0].window.first:
            yield from _new(left[0], slots, base)
        if not left or place < left[0].window.first:
            yield packet
            continue
        window = left[0].window
        if place == window.patched:
            held = _patched(packet, coder, int(slots[window.end]))
        if place == window.stored_end - 1:
            left.pop(0)
            if held is not None:
                yield held
                held = None


def _new(piece: Piece, slots: Any, base: Any) -> Iterator[Packet[Any]]:
    with piece.file.open("rb") as stream:
        for at, size in enumerate(piece.sizes.tolist()):
            packet: Packet[Any] = Packet(stream.read(size))
            packet.dts = int(slots[piece.window.first + at])
            packet.pts = packet.dts + int(piece.composition[at])
            packet.time_base, packet.is_keyframe = base, bool(piece.sync[at])
            yield packet


def _patched(packet: Packet[Any], coder: Coder, slot: int) -> Packet[Any]:
    made: Packet[Any] = Packet(coder.resume(bytes(packet)))
    made.pts, made.dts, made.time_base, made.is_keyframe = packet.pts, slot, packet.time_base, True
    return made
