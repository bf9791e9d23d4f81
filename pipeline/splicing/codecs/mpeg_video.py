"""MPEG-1 and MPEG-2: every keyframe has a sequence header, and most groups of pictures are open.

New pictures begin with a closed group and the film's own sequence header. The leading pictures of the open group at
which the film's own pictures resume depend on the new picture before and on that group's keyframe: they are encoded as
B pictures between these two, so the keyframe and all that follows stay as they are.

Source: ISO/IEC 13818-2, 6.3.8 (closed and open groups) and 6.3.11 (quantiser matrices). B pictures can have a
quantiser of their own, a factor of the others', by libavcodec's `b_qfactor`; their references are coded as finely as
the encoder can.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from av.video.frame import VideoFrame

from ...core.times import timecode_of_day, timecode_to_frames
from ...core.values import VideoStream
from ...media.mpeg_headers import (
    GROUP,
    GROUP_BYTES,
    GROUP_MARKS,
    MATRICES,
    PICTURE,
    START,
    extensions,
    first_field,
    gop_timecode_bits,
    group_timecode,
    is_progressive_sequence,
    place_in_group,
    sequence_header,
    units,
)
from ...media.not_applicable import NotApplicable
from ..encoders import EncoderSettings, choose_encoder, intra_only
from ..pictures.fields import field_order
from .family import MatchedEncoder, RandomAccess, SourceVideo, encode_packets, unchanged_packet
from .quantiser import FINEST_MPEG_QUALITY, with_mpeg_quality

_PICTURE_BYTES, _INTRA = 6, 1
"""What is read of a picture's header, and its type."""
_MOST_LEADING = 16
"""Of B pictures in a row, which the encoder takes."""
_BITS_BEFORE_MATRICES = 62
"""Of a sequence header, after its start code."""
_INTRA_MATRIX = bytes.fromhex(
    "0810101310131616161616161a181a1b1b1b1a1a1a1a1b1b1b1d1d1d2222221d"
    "1d1d1b1b1d1d2020222225262523232223262628282830302e2e38383a454553"
)
"""The default one, in zigzag order; the default for other pictures is 16 throughout."""


class MpegVideo:
    """The family of MPEG-1 and MPEG-2."""

    reads_keyframes = True

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return OPEN_GROUP for an intra picture with a sequence header, whose matrices count for what follows."""
        picture = next((unit for code, unit in units(packet) if code == PICTURE), b"")
        if len(picture) < _PICTURE_BYTES or picture[5] >> 3 & 7 != _INTRA or not sequence_header(packet):
            return RandomAccess.NONE
        has_matrices = next(extensions(packet, MATRICES), None) is not None
        return RandomAccess.NONE if has_matrices else RandomAccess.OPEN_GROUP

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return the sequence header of a keyframe's packet, and then which of its fields is first."""
        header = sequence_header(packet)
        return (header + bytes([first_field(packet)]),) if header else ()

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return the different sequence headers of the film."""
        return frozenset(in_band)

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Choose libavcodec's own encoder, whose pictures get the film's sequence header."""
        video = source.video
        headers = {described[:-1] for described in source.in_band}
        if len(headers) != 1:
            raise NotApplicable("the film's keyframes have different sequence headers")
        (header,) = headers
        if not has_usual_matrices(header):
            raise NotApplicable("the film has quantiser matrices of its own")
        settings = choose_encoder(video, 0, field_order=field_order(source.frame))
        if source.intra_only:
            settings = intra_only(settings)
        if not settings.same_codec or settings.pix_fmt != video.pix_fmt:
            raise NotApplicable(f"no encoder here writes this {video.codec}")
        flags = settings.options.get("flags", "")
        if "ildct" not in flags and is_progressive_sequence(header) is False:
            settings = replace(settings, options={**settings.options, "flags": f"{flags}+ildct"})
        return MatchedEncoder(
            settings,
            source.config,
            _Converter(header, source.packet_bytes),
            unchanged_packet,
            encode_leading=encode_leading,
            with_timecode_of=with_timecode_of,
        )


def has_usual_matrices(header: bytes) -> bool:
    """Return whether a sequence header leaves both quantiser matrices at their defaults, or repeats these."""
    fields = header[4:140].ljust(136, b"\0")
    bits, place = int.from_bytes(fields, "big"), len(fields) * 8 - _BITS_BEFORE_MATRICES

    def take(count: int) -> int:
        nonlocal place
        place -= count
        return bits >> place & (1 << count) - 1

    for usual in (_INTRA_MATRIX, bytes([16]) * 64):
        if take(1) and take(64 * 8).to_bytes(64, "big") != usual:
            return False
    return True


def with_timecode_of(packet: bytes, keyframe: bytes, later: int, rate: Fraction) -> bytes:
    """Return a new keyframe's packet whose group has the timecode that it would have had in the film.

    Args:
        packet: of the new keyframe.
        keyframe: the first bytes of one of the film.
        later: by how many pictures the new one is shown later.
        rate: frames per second.
    """
    group = next((unit for code, unit in units(keyframe) if code == GROUP), b"")
    place = packet.find(START + bytes([GROUP])) + len(START) + 1
    if len(group) < GROUP_BYTES or place <= len(START):
        return packet
    timecode = group_timecode(group)
    with suppress(ValueError):
        frames = timecode_to_frames(timecode, rate) + later + place_in_group(keyframe)
        timecode = timecode_of_day(max(0, frames), rate, drop=timecode.drop)
    marks = int.from_bytes(packet[place : place + 4], "big") & (1 << GROUP_MARKS) - 1
    written = gop_timecode_bits(timecode) << GROUP_MARKS | marks
    return packet[:place] + written.to_bytes(4, "big") + packet[place + 4 :]


class _Converter:
    """Puts the film's sequence header into an encoder's keyframes, and fills up packets where all have one size.

    So those of D-10 (IMX) do. Zeros may follow any picture.
    """

    def __init__(self, header: bytes, packet_bytes: int) -> None:
        self._header, self._packet_bytes = header, packet_bytes

    def __call__(self, packet: bytes, key: bool) -> bytes:
        """Convert a packet."""
        if key:
            packet = self._header + packet[packet.index(START + bytes([GROUP])) :]
        return packet.ljust(self._packet_bytes, b"\0")


def encode_leading(
    before: VideoFrame,
    leading: Sequence[VideoFrame],
    keyframe: VideoFrame,
    keyframe_head: bytes,
    video: VideoStream,
    settings: EncoderSettings,
) -> list[bytes]:
    """Encode leading pictures as B pictures between the picture before them and the keyframe that they lead.

    Arguments and errors are those of `EncodeLeading`.
    """
    if len(leading) > _MOST_LEADING:
        raise NotApplicable(f"{len(leading)} leading pictures, but the encoder takes {_MOST_LEADING} in a row")
    quality = float(settings.options.get("lmin", FINEST_MPEG_QUALITY))
    factor = f"{quality / FINEST_MPEG_QUALITY:.4f}"
    finest = with_mpeg_quality(settings, FINEST_MPEG_QUALITY)
    options = {"bf": str(len(leading)), "b_qfactor": factor, "b_qoffset": "0", "b_strategy": "0"}
    pictures = ((frame, number) for number, frame in enumerate((before, *leading, keyframe)))
    packets = encode_packets(pictures, video, replace(finest, options={**finest.options, **options}))
    by_place = {packet.number: packet.data for packet in packets}
    first = place_in_group(keyframe_head) - len(leading)
    return [_renumbered(by_place[place + 1], (first + place) % 1024) for place in range(len(leading))]


def _renumbered(packet: bytes, number: int) -> bytes:
    """Return a packet whose picture has this number in its group."""
    place = packet.index(START + bytes([PICTURE])) + 4
    return packet[:place] + bytes([number >> 2, (number & 3) << 6 | packet[place + 1] & 63]) + packet[place + 2 :]
