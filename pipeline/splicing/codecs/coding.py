"""Open encoders and run them without a container, so that each packet can be put where it belongs.

Gives   `Coded`: the packets in decoding order, each with the number of the picture that it holds.
Raises  Unsuited where the encoder refuses, or gives a packet for no picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from ...core.values import VideoStream
from ..encoders import Choice, coded_rate, dress_context
from ..not_applicable import Unsuited


@dataclass(frozen=True)
class Coded:
    """One packet."""

    number: int
    key: bool
    data: bytes


def opened(video: VideoStream, choice: Choice) -> VideoCodecContext:
    """Open an encoder; its parameter sets stand in `extradata` and not in its packets."""
    context = CodecContext.create(choice.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    dress_context(context, video, choice)
    context.framerate = coded_rate(choice, video.rate)
    context.time_base = choice.clock or 1 / Fraction(context.framerate)
    context.flags |= Flags.global_header
    try:
        context.open()
    except av.FFmpegError as error:
        raise Unsuited(f"the encoder {choice.encoder} does not take these pictures: {error.strerror}") from error
    return context


def code(frames: Iterable[tuple[VideoFrame, int]], video: VideoStream, choice: Choice) -> Iterator[Coded]:
    """Encode numbered frames."""
    context = opened(video, choice)
    # Every number gets its own tick, whatever the encoder's clock is.
    ticks = max(1, round(1 / (Fraction(context.framerate) * Fraction(context.time_base))))
    for given, number in frames:
        frame = given if given.format.name == choice.pix_fmt else given.reformat(format=choice.pix_fmt)
        frame.pts, frame.time_base, frame.pict_type = number * ticks, context.time_base, PictureType.NONE
        yield from _packets(context, frame, ticks)
    yield from _packets(context, None, ticks)


def _packets(context: VideoCodecContext, frame: VideoFrame | None, ticks: int) -> Iterator[Coded]:
    for packet in context.encode(frame):
        if packet.pts is None or packet.pts % ticks:
            raise Unsuited("the encoder gave a packet that belongs to no picture")
        yield Coded(packet.pts // ticks, packet.is_keyframe, bytes(packet))
