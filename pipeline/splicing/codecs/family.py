"""What the packet-by-packet strategy needs to know of a codec.

A family tells at which packets a decoder can resume after pictures that it has not seen before, and finds an encoder
whose packets can be stored among the film's own.

Encoders run without a container, so that each packet can be stored where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Protocol

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from ...core.cancellation import stoppable
from ...core.values import VideoStream
from ...media.frames.decode import reformat
from ...media.not_applicable import NotApplicable
from ...media.timing.clock import timecode_rate
from ..encoders import EncoderSettings, configure_encoder, encoder_rate, normal_priority, with_keyframes


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
        with normal_priority():
            context.open()
    except av.FFmpegError as error:
        raise NotApplicable(f"the encoder {settings.encoder} does not take these pictures: {error.strerror}") from error
    return context


def encode_packets(
    frames: Iterable[tuple[VideoFrame, int]],
    video: VideoStream,
    settings: EncoderSettings,
    keyframes: Collection[int] = (),
) -> Iterator[EncodedPacket]:
    """Encode numbered frames, those of `keyframes` as such; yield the packets in decoding order.

    Raises:
        NotApplicable: the encoder gives a packet for no picture.
    """
    settings = with_keyframes(settings) if keyframes else settings
    yield from encode_opened(open_encoder(video, settings), frames, settings.pix_fmt, keyframes)


def encode_opened(
    context: VideoCodecContext,
    frames: Iterable[tuple[VideoFrame, int]],
    pix_fmt: str,
    keyframes: Collection[int] = (),
) -> Iterator[EncodedPacket]:
    """Encode numbered frames by an open encoder that has encoded nothing; yield the packets in decoding order.

    Raises:
        NotApplicable: the encoder gives a packet for no picture.
    """
    # Every number gets its own tick, whatever the encoder's time base is.
    ticks = max(1, round(1 / (Fraction(context.framerate) * Fraction(context.time_base))))
    for source, number in stoppable(frames):
        frame = reformat(source, pix_fmt=pix_fmt)
        frame.pts, frame.time_base = number * ticks, context.time_base
        frame.pict_type = PictureType.I if number in keyframes else PictureType.NONE
        yield from _packets(context, frame, ticks)
    yield from _packets(context, None, ticks)


def _packets(context: VideoCodecContext, frame: VideoFrame | None, ticks: int) -> Iterator[EncodedPacket]:
    for packet in context.encode(frame):
        if packet.pts is None or packet.pts % ticks:
            raise NotApplicable("the encoder wrote a packet that belongs to no picture")
        yield EncodedPacket(packet.pts // ticks, packet.is_keyframe, bytes(packet))


def decode_packets(packets: Sequence[bytes], codec: str, header: bytes | None) -> Iterator[VideoFrame]:
    """Yield the pictures of an encoder's packets, which are in decoding order, as they are shown."""
    decoder = CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = header
    for data in packets:
        yield from decoder.decode(av.Packet(data))
    yield from decoder.decode(None)


class RandomAccess(Enum):
    """Whether a decoder can resume at a packet."""

    NONE = "none"
    CLEAN = "clean"
    """Neither the picture nor those after it depend on earlier ones."""
    BROKEN_LINK = "broken link"
    """It can, but leading pictures (decoded after it, shown before it) depend on earlier ones; the packet is marked."""
    OPEN_GROUP = "open group"
    """The same, but leading pictures can be encoded again between the picture before them and this one."""


@dataclass(frozen=True)
class SourceVideo:
    """What is known of a film's pictures before one is encoded."""

    video: VideoStream
    config: bytes
    """The container's decoder configuration (avcC, hvcC, av1C and so on); may be empty."""
    annexb: bool
    """Whether NAL units follow start codes instead of lengths."""
    first_packet: bytes
    """Encoders leave their options there."""
    reorder: int
    """By how many positions the pictures that are encoded may be decoded before they are shown: 0, 1 or 2."""
    film_reorder: int
    """The same for all pictures of the film: what an encoder does that does not have the film's parameter sets."""
    frame: VideoFrame
    """The first picture, decoded: for its side data and field order."""
    packet_bytes: int = 0
    """The size of all packets; 0 if they differ."""
    in_band: tuple[bytes, ...] = ()
    """The parameter sets of all keyframes' packets; those of a joined film may have one id and differ."""
    intra_only: bool = False
    """Whether all pictures of the film are keyframes, as editing codecs of cameras have them."""


class EncodeLeading(Protocol):
    """Encodes the leading pictures of a group whose keyframe stays as it is."""

    def __call__(
        self,
        before: VideoFrame,
        leading: Sequence[VideoFrame],
        keyframe: VideoFrame,
        keyframe_head: bytes,
        video: VideoStream,
        settings: EncoderSettings,
    ) -> list[bytes]:
        """Return their packets, as they are shown.

        Args:
            before: the reference that is shown before them, as it is decoded.
            leading: the pictures.
            keyframe: the reference that is shown after them, as it is decoded.
            keyframe_head: the first bytes of its packet: the pictures are numbered by it.
            video: the film's pictures.
            settings: of the other new pictures.

        Raises:
            NotApplicable: there are more than the encoder takes.
        """


@dataclass(frozen=True)
class MatchedEncoder:
    """An encoder for the new pictures, and how packets are stored among the film's own."""

    settings: EncoderSettings
    config: bytes
    """The decoder configuration for the container: the film's own if nothing changes."""
    convert_packet: Callable[[bytes, bool], bytes]
    """Convert an encoder's packet (and whether it is a keyframe) to the form in which the film stores packets."""
    relink_packet: Callable[[bytes], bytes]
    """Convert a packet of the film at which decoding resumes after new pictures."""
    same_config: bool = True
    """Whether the decoder configuration is the same throughout the film."""
    lost: tuple[str, ...] = ()
    """What the film's packets have that the encoder's will not."""
    encode_leading: EncodeLeading | None = None
    with_timecode_of: Callable[[bytes, bytes, int, Fraction], bytes] | None = None
    """Set the timecode in a new keyframe's packet by the film's own keyframe before it; see `mpeg_video.py`."""


class CodecFamily(Protocol):
    """One codec."""

    reads_keyframes: bool
    """Whether keyframes differ in kind, so that the first bytes of each must be read."""

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return whether decoding can resume at a packet that its container marks as a keyframe."""

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return what a keyframe's packet says of its pictures: its parameter sets, or such fields of its headers.

        `config` is the container's decoder configuration.
        """

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return the different sets of the film that describe its pictures; none if each keyframe describes itself."""

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Find an encoder whose packets can be stored among the film's own.

        Raises:
            NotApplicable: there is none.
        """


def unchanged_packet(packet: bytes) -> bytes:
    """Return a packet of the film unchanged."""
    return packet


def as_encoded(packet: bytes, key: bool) -> bytes:
    """Return an encoder's packet unchanged."""
    return packet
