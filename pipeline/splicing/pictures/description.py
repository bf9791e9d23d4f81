"""What a film's pictures say of themselves, which may change within a film: format, size, colors, shape, fields.

A film that is joined from several by stream copy says one thing in its container, and another at some keyframe. New
pictures must say what the pictures say that they replace: a player follows the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from ...core.errors import InputMediaError
from ...core.values import VideoStream
from ...media.frames.color import PRIMARIES, RANGES, SPACES, TRANSFERS, is_rgb
from ...media.frames.decode import ENCODE_AGAIN, packets_from
from ...media.frames.film_readers import open_input
from ...media.not_applicable import NotApplicable
from .fields import field_order


@dataclass(frozen=True)
class PictureDescription:
    """What a decoded keyframe says; "" and None stand for what it leaves open."""

    pix_fmt: str
    size: str
    color_range: str
    color_primaries: str
    color_transfer: str
    color_space: str
    sample_aspect: Fraction | None
    field_order: str = ""

    def applied_to(self, video: VideoStream) -> VideoStream:
        """Return the stream with what the keyframe says in place of what the container does."""
        names = ["color_primaries", "color_transfer", "sample_aspect"]
        if not is_rgb(video.pix_fmt):
            names += ["color_range", "color_space"]
        values = {name: getattr(self, name) for name in names}
        return video.model_copy(update={name: value for name, value in values.items() if value})

    def difference(self, other: PictureDescription, names: Iterable[str] = (), *, strict: bool = False) -> str:
        """Return in which of the fields another keyframe differs, as words; "" if in none.

        One that leaves a field open agrees with any other, but for `strict` with limited range and square pixels only.
        Progressive pictures have no field order, and may lie among interlaced ones.
        """
        for name in names or _LABELS:
            pair = getattr(self, name), getattr(other, name)
            if strict and name != "field_order":
                pair = pair[0] or _ASSUMED.get(name, _UNSPECIFIED), pair[1] or _ASSUMED.get(name, _UNSPECIFIED)
            if all(pair) and pair[0] != pair[1]:
                return f"{_LABELS[name]} ({pair[0]}, then {pair[1]})"
        return ""


_LABELS = {
    "pix_fmt": "pixel format",
    "size": "picture size",
    "color_range": "color range",
    "color_primaries": "color primaries",
    "color_transfer": "transfer function",
    "color_space": "color matrix",
    "sample_aspect": "pixel shape",
    "field_order": "field order",
}
"""What the fields are called in messages."""
_UNSPECIFIED = "unspecified"
_ASSUMED = {"color_range": "tv", "sample_aspect": Fraction(1)}
"""What a player takes an open field for, whatever the film."""
_COLORS = tuple(name for name in _LABELS if name.startswith("color"))


def read_description(
    source: Path, stream_index: int, pts: int, options: Mapping[str, str] | None = None
) -> PictureDescription | None:
    """Decode the keyframe at or before a time, in ticks of the stream; None if it cannot be decoded alone."""
    # A reader of its own: a decoder that has seen other pictures keeps what they said where these say nothing.
    with suppress(av.FFmpegError), open_input(source, options) as container:
        stream: Any = container.streams[stream_index]
        packet = _keyframe(packets_from(container, stream, pts) or container.demux(stream), pts)
        # Its own packet alone: what follows may describe itself otherwise.
        for frame in [*packet.decode(), *stream.codec_context.decode(None)] if packet is not None else ():
            order = field_order(frame) if frame.interlaced_frame else ""
            return replace(_description(frame, stream.codec_context.sample_aspect_ratio or None), field_order=order)
    return None


def _keyframe(packets: Iterable[Any], pts: int) -> Any:
    """Return the last keyframe's packet that is shown no later than a time, or else the first packet."""
    keyframe = None
    for packet in packets:
        if keyframe is not None and packet.dts is not None and packet.dts > pts:
            break
        is_key = packet.is_keyframe and packet.pts is not None and packet.pts <= pts
        keyframe = packet if keyframe is None or is_key else keyframe
    return keyframe


def _description(frame: VideoFrame, sample_aspect: Fraction | None = None) -> PictureDescription:
    return PictureDescription(
        frame.format.name,
        f"{frame.width}x{frame.height}",
        RANGES.get(int(frame.color_range), ""),
        PRIMARIES.get(int(frame.color_primaries), ""),
        TRANSFERS.get(int(frame.color_trc), ""),
        SPACES.get(int(frame.colorspace), ""),
        sample_aspect,
    )


_OF_FILM = ("pix_fmt", "size", "color_range", "field_order")
"""Takes are made and interlaced pictures are coded as the film begins."""


def as_described(
    source: Path, video: VideoStream, times: Sequence[int], options: Mapping[str, str] | None = None
) -> VideoStream:
    """Return the film's picture as its keyframes describe it where it is edited.

    Args:
        source: the film.
        video: its picture, as the container and the first frame describe it.
        times: of its first frame, and of frames where new pictures are coded.
        options: of ffmpeg's demuxer.

    Raises:
        NotApplicable: they differ from each other, or from the first in what takes depend on.
    """
    by_time = {pts: read_description(source, video.index, pts, options) for pts in dict.fromkeys(times)}
    first, *others = (by_time[pts] for pts in times)
    edited = [description for description in others if description is not None] or ([first] if first else [])
    changes = [first.difference(each, _OF_FILM) for each in edited] if first is not None else []
    changes += [edited[0].difference(each, strict=True) for each in edited[1:]]
    if change := next(filter(None, changes), ""):
        raise NotApplicable(f"the pictures of the film change their {change}")
    return edited[0].applied_to(video) if edited else video


def changed_color(expected: VideoFrame, actual: VideoFrame) -> str:
    """Name what a picture says otherwise of its colors than another; "" if nothing, or one of them leaves it open."""
    if is_rgb(expected.format.name) != is_rgb(actual.format.name):
        return ""  # its range and its matrix must
    return _description(expected).difference(_description(actual), _COLORS)


def require_one_description(source: Path, video: VideoStream, frames: Iterable[int]) -> None:
    """Check that the film's pictures at these frames say the same as its first: a complete re-encode has one answer.

    Raises:
        InputMediaError: they do not.
    """
    times = video.timestamps.array
    first = read_description(source, video.index, int(times[0]))
    for frame in frames if first is not None else ():
        there = read_description(source, video.index, int(times[frame]))
        if first is not None and there is not None and (change := first.difference(there, strict=True)):
            raise InputMediaError(
                f"the pictures of the film change their {change} before frame {frame}, and re-encoded completely they "
                f"would all be shown alike; encode it again first, in one format ({ENCODE_AGAIN})"
            )
