"""The metadata of a film's pictures, read from its packets for the new pictures of the same times.

`SourceMetadata` reads along an encoder, `NewMetadata` puts what it gives into the new packets. `unkept_metadata` and
`lost_in_complete` name what new pictures cannot have, before anything is encoded.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from ...core.values import Media, VideoStream
from ...media.frames.decode import open_packets
from ...media.mp4.sample_tables import Ints
from ...media.nal_units import FieldPairs
from ..container import is_mp4
from ..encoders import EncoderSettings
from ..pictures.fields import lost_metadata
from .picture_metadata import DOLBY_VISION, Message, MetadataCodec, MetadataKind, metadata_codec

DOLBY_VISION_CONFIGURATION = "what the container says of Dolby Vision"
Row = tuple[int | None, tuple[Message, ...]]
"""The time of a picture in ticks of the stream, and its messages."""


def metadata_rows(
    path: Path, stream_index: int, start_pts: int | None = None, options: Mapping[str, str] | None = None
) -> Generator[Row, None, None]:
    """Yield the metadata of pictures in decoding order, from the keyframe at or before a time; none of some codecs.

    Two packets that hold the fields of one frame are read as one.
    """
    with open_packets(path, stream_index, "AUTO", start_pts, options) as (container, packets):
        stream = container.streams[stream_index]
        codec = metadata_codec(stream.codec_context.codec.canonical_name, bytes(stream.codec_context.extradata or b""))
        if codec is not None:
            for pts, packet in _frames(packets, FieldPairs(stream)):
                yield pts, codec.read(packet)


def _frames(packets: Iterable[Any], pairs: FieldPairs) -> Iterator[tuple[int | None, bytes]]:
    """Yield the time and the bytes of each frame."""
    waiting: tuple[int | None, bytes] | None = None
    for packet in packets:
        if not packet.size:
            continue
        if pairs.is_second(packet) and waiting is not None:
            yield waiting[0], waiting[1] + bytes(packet)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = packet.pts, bytes(packet)
    if waiting is not None:
        yield waiting


class SourceMetadata:
    """The metadata of the film's pictures of a range, asked for in the order in which new packets come.

    It reads on as far as it must, so it holds what few pictures have.
    """

    def __init__(self, rows: Iterator[Row], times: Ints) -> None:
        """Prepare a range; `times` are those of its pictures, ascending."""
        self._rows, self._numbers = rows, {pts: number for number, pts in enumerate(times.tolist())}
        self._ready: dict[int, tuple[tuple[Message, ...], tuple[Message, ...]]] = {}
        self._in_force: dict[MetadataKind, tuple[Message, ...]] = {}

    def at(self, number: int, *, key: bool) -> tuple[Message, ...]:
        """Return the messages for a new picture; a keyframe gets what is in force, too: earlier messages end there."""
        while number not in self._ready:
            row = next(self._rows, None)
            if row is None:
                return ()
            self._see(*row)
        own, in_force = self._ready.pop(number)
        kinds = {message.kind for message in own}
        return (*own, *(message for message in in_force if message.kind not in kinds)) if key else own

    def _see(self, pts: int | None, messages: Sequence[Message]) -> None:
        valid = tuple(message for message in messages if message.is_valid)
        for kind in {message.kind for message in valid if message.kind.persists}:
            self._in_force[kind] = tuple(message for message in valid if message.kind is kind)
        number = self._numbers.get(pts) if pts is not None else None
        if number is not None:
            self._ready[number] = valid, tuple(message for each in self._in_force.values() for message in each)


@contextmanager
def source_metadata(
    source: Path,
    stream_index: int,
    times: Ints,
    options: Mapping[str, str] | None = None,
    *,
    from_start: bool = False,
) -> Iterator[SourceMetadata]:
    """Read the metadata of pictures with these ascending times; `from_start` if they are all of the film's."""
    with closing(metadata_rows(source, stream_index, None if from_start else int(times[0]), options)) as rows:
        yield SourceMetadata(rows, times)


class NewMetadata:
    """Puts the metadata of the film's pictures into the new packets of a range."""

    def __init__(self, codec: MetadataCodec | None, source: SourceMetadata) -> None:
        self._codec, self._source = codec, source

    def put(self, packet: bytes, number: int, *, key: bool) -> bytes:
        """Return a new packet with the metadata of the picture with this number in the range."""
        return packet if self._codec is None else self._codec.write(packet, self._source.at(number, key=key))


def unkept_metadata(
    source: Path, video: VideoStream, spans: Sequence[Ints], options: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Name the metadata of pictures that new ones of the same codec cannot have, by the packets alone.

    Args:
        source: the film.
        video: its picture.
        spans: the ascending times of the pictures of each range.
        options: of ffmpeg's demuxer.
    """
    # Only HEVC's may differ from picture to picture; in H.264 the parameter sets decide.
    spans = spans if video.codec == "hevc" else [times[:1] for times in spans[:1]]
    labels: dict[str, None] = {}
    for times in spans:
        with closing(metadata_rows(source, video.index, int(times[0]), options)) as rows:
            due = set(times.tolist())
            for pts, messages in rows:
                if pts in due:
                    labels.update((message.kind.label, None) for message in messages if not message.is_valid)
                    due.remove(pts)
                    if not due:
                        break
    return tuple(labels)


def lost_in_complete(source: Path, media: Media, frame: VideoFrame, settings: EncoderSettings) -> tuple[str, ...]:
    """Name the metadata that pictures lose if all are encoded again; `frame` is the first, decoded."""
    video = media.video
    assert video is not None
    if metadata_codec(video.codec, b"") is None:
        return lost_metadata(frame)
    if settings.same_codec and video.codec != "hevc":
        return unkept_metadata(source, video, [video.timestamps.array])
    with closing(metadata_rows(source, video.index)) as rows:
        kinds = dict.fromkeys((message.kind, message.is_valid) for _, messages in rows for message in messages)
    labels = {kind.label: None for kind, is_valid in kinds if not is_valid or not settings.same_codec}
    if settings.same_codec and (DOLBY_VISION, True) in kinds and not is_mp4(media):
        labels[DOLBY_VISION_CONFIGURATION] = None
    return tuple(labels)
