"""Open encoders and run them without a container, so that each packet can be stored where it belongs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from ...core.cancellation import stoppable
from ...core.values import VideoStream
from ...media.frames.reformat import reformat
from ...media.timing.clock import timecode_rate
from ..encoders import EncoderSettings, configure_encoder, encoder_rate
from ..not_applicable import NotApplicable


@dataclass(frozen=True)
class EncodedPacket:
    """One packet with the number of the picture in it."""

    number: int
    key: bool
    data: bytes


def open_encoder(video: VideoStream, settings: EncoderSettings) -> VideoCodecContext:
    """Open an encoder that writes its parameter sets to `extradata`, not into packets.

    Raises:
        NotApplicable: the encoder refuses the settings.
    """
    context = CodecContext.create(settings.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    configure_encoder(context, video, settings)
    # Not the average: a few dropped frames would make 58 of 59.94 in the headers.
    context.framerate = encoder_rate(settings, timecode_rate(video))
    context.time_base = settings.time_base or 1 / Fraction(context.framerate)
    context.flags |= Flags.global_header
    try:
        context.open()
    except av.FFmpegError as error:
        raise NotApplicable(f"the encoder {settings.encoder} does not take these pictures: {error.strerror}") from error
    return context


def encode_packets(
    frames: Iterable[tuple[VideoFrame, int]], video: VideoStream, settings: EncoderSettings
) -> Iterator[EncodedPacket]:
    """Encode numbered frames; yield the packets in decoding order.

    Raises:
        NotApplicable: the encoder gives a packet for no picture.
    """
    context = open_encoder(video, settings)
    # Every number gets its own tick, whatever the encoder's time base is.
    ticks = max(1, round(1 / (Fraction(context.framerate) * Fraction(context.time_base))))
    for source, number in stoppable(frames):
        frame = reformat(source, pix_fmt=settings.pix_fmt)
        frame.pts, frame.time_base, frame.pict_type = number * ticks, context.time_base, PictureType.NONE
        yield from _packets(context, frame, ticks)
    yield from _packets(context, None, ticks)


def _packets(context: VideoCodecContext, frame: VideoFrame | None, ticks: int) -> Iterator[EncodedPacket]:
    for packet in context.encode(frame):
        if packet.pts is None or packet.pts % ticks:
            raise NotApplicable("the encoder wrote a packet that belongs to no picture")
        yield EncodedPacket(packet.pts // ticks, packet.is_keyframe, bytes(packet))
