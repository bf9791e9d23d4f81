"""MPEG-1 and MPEG-2: every keyframe has a sequence header, and most groups of pictures are open.

New pictures begin with a closed group and the film's own sequence header. The leading pictures of the open group at
which the film's own pictures resume depend on the new picture before and on that group's keyframe: they are encoded as
B pictures between these two, so the keyframe and all that follows stay as they are.

Source: ISO/IEC 11172-2 and 13818-2, 6.2.2 (sequence header, extensions), 6.2.2.6 (group of pictures), 6.2.3 (picture
header), 6.3.11 (quantiser matrices). B pictures can have a quantiser of their own, a factor of the others', by
libavcodec's `b_qfactor`; their references are coded as finely as the encoder can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from av.video.frame import VideoFrame

from ...core.times import Timecode, timecode_of_day, timecode_to_frames
from ...core.values import VideoStream
from ...media.not_applicable import NotApplicable
from ...media.probe import gop_timecode_bits, parse_gop_timecode
from ..encoders import EncoderSettings, choose_encoder
from ..pictures.fields import field_order
from .family import MatchedEncoder, RandomAccess, SourceVideo, encode_packets, unchanged_packet
from .quantiser import FINEST_MPEG_QUALITY, with_mpeg_quality

CODECS = ("mpeg1video", "mpeg2video")
"""By ffmpeg's names."""
_START = b"\0\0\1"
_PICTURE, _FIRST_SLICE, _LAST_SLICE, SEQUENCE, EXTENSION, _GROUP = 0x00, 0x01, 0xAF, 0xB3, 0xB5, 0xB8
"""Numbers of start codes."""
SEQUENCE_EXTENSION, _MATRICES, _PICTURE_CODING = 1, 3, 8
"""Kinds of extensions."""
_CODING_EXTENSION_BYTES, _TOP_FIRST, _BOTTOM_FIRST, _WHOLE_FRAME = 9, 1, 2, 3
_PICTURE_BYTES, _INTRA = 6, 1
"""What is read of a picture's header, and its type."""
_GROUP_BYTES, _GROUP_MARKS = 8, 7
"""A group's header, and its bits after the timecode: whether it is closed, and whether it was cut."""
_MOST_LEADING = 16
"""Of B pictures in a row, which the encoder takes."""
_BITS_BEFORE_MATRICES = 62
"""Of a sequence header, after its start code."""
_INTRA_MATRIX = bytes.fromhex(
    "0810101310131616161616161a181a1b1b1b1a1a1a1a1b1b1b1d1d1d2222221d"
    "1d1d1b1b1d1d2020222225262523232223262628282830302e2e38383a454553"
)
"""The default one, in zigzag order; the default for other pictures is 16 throughout."""


def units(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what a packet has before its first slice: the number of each start code, and the bytes from it on."""
    start = packet.find(_START)
    while 0 <= start < len(packet) - 3:
        code = packet[start + 3]
        if _FIRST_SLICE <= code <= _LAST_SLICE:
            return
        end = packet.find(_START, start + 3)
        yield code, packet[start : end if end >= 0 else len(packet)]
        start = end


def sequence_parts(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the sequence header of a packet and its extensions, each with its start code."""
    begun = False
    for code, unit in units(packet):
        if code in (_PICTURE, _GROUP):
            return
        begun = begun or code == SEQUENCE
        if begun and code in (SEQUENCE, EXTENSION):
            yield code, unit


def sequence_header(packet: bytes) -> bytes:
    """Return the sequence header of a packet with its extensions; empty if there is none."""
    return b"".join(unit for _, unit in sequence_parts(packet))


def _first_field(packet: bytes) -> int:
    """Return which field of a packet's picture is first by its coding extension; 0 for a progressive picture.

    The values are those of `picture_structure` for a picture of one field.
    """
    extensions = (unit for code, unit in units(packet) if code == EXTENSION and len(unit) >= _CODING_EXTENSION_BYTES)
    coding = next((unit for unit in extensions if unit[4] >> 4 == _PICTURE_CODING), None)
    if coding is None:
        return 0
    structure = coding[6] & 3
    if structure != _WHOLE_FRAME:
        return structure
    return 0 if coding[8] & 128 else _TOP_FIRST if coding[7] & 128 else _BOTTOM_FIRST


def temporal_reference(picture: bytes) -> int:
    """Return at which place of its group a picture is shown."""
    return picture[4] << 2 | picture[5] >> 6


class MpegVideo:
    """The family of MPEG-1 and MPEG-2."""

    reads_keyframes = True

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return OPEN_GROUP for an intra picture with a sequence header, whose matrices count for what follows."""
        picture = next((unit for code, unit in units(packet) if code == _PICTURE), b"")
        if len(picture) < _PICTURE_BYTES or picture[5] >> 3 & 7 != _INTRA or not sequence_header(packet):
            return RandomAccess.NONE
        extensions = (unit[4] >> 4 for code, unit in units(packet) if code == EXTENSION and len(unit) > 4)
        return RandomAccess.NONE if _MATRICES in extensions else RandomAccess.OPEN_GROUP

    def parameter_sets(self, packet: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return the sequence header of a keyframe's packet, and then which of its fields is first."""
        header = sequence_header(packet)
        return (header + bytes([_first_field(packet)]),) if header else ()

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
            settings = replace(settings, options={**settings.options, "g": "1"})
        if not settings.same_codec or settings.pix_fmt != video.pix_fmt:
            raise NotApplicable(f"no encoder here writes this {video.codec}")
        flags = settings.options.get("flags", "")
        if "ildct" not in flags and not _is_progressive(header):
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


def _is_progressive(header: bytes) -> bool:
    """Return whether a sequence header says that there are no fields, as MPEG-1 never has."""
    extensions = [unit for code, unit in units(header) if code == EXTENSION and unit[4] >> 4 == SEQUENCE_EXTENSION]
    return not extensions or bool(extensions[0][5] & 8)


def with_timecode_of(packet: bytes, keyframe: bytes, later: int, rate: Fraction) -> bytes:
    """Return a new keyframe's packet whose group has the timecode that it would have had in the film.

    Args:
        packet: of the new keyframe.
        keyframe: the first bytes of one of the film.
        later: by how many pictures the new one is shown later.
        rate: frames per second.
    """
    group = next((unit for code, unit in units(keyframe) if code == _GROUP), b"")
    place = packet.find(_START + bytes([_GROUP])) + len(_START) + 1
    if len(group) < _GROUP_BYTES or place <= len(_START):
        return packet
    timecode = group_timecode(group)
    with suppress(ValueError):
        frames = timecode_to_frames(timecode, rate) + later + place_in_group(keyframe)
        timecode = timecode_of_day(max(0, frames), rate, drop=timecode.drop)
    marks = int.from_bytes(packet[place : place + 4], "big") & (1 << _GROUP_MARKS) - 1
    written = gop_timecode_bits(timecode) << _GROUP_MARKS | marks
    return packet[:place] + written.to_bytes(4, "big") + packet[place + 4 :]


def group_timecode(group: bytes) -> Timecode:
    """Return the timecode in the header of a group."""
    return parse_gop_timecode(int.from_bytes(group[4:8], "big") >> _GROUP_MARKS)


def place_in_group(keyframe: bytes) -> int:
    """Return at which place of its group a keyframe is shown."""
    return next((temporal_reference(unit) for code, unit in units(keyframe) if code == _PICTURE), 0)


class _Converter:
    """Puts the film's sequence header into an encoder's keyframes, and fills up packets where all have one size.

    So those of D-10 (IMX) do. Zeros may follow any picture.
    """

    def __init__(self, header: bytes, packet_bytes: int) -> None:
        self._header, self._packet_bytes = header, packet_bytes

    def __call__(self, packet: bytes, key: bool) -> bytes:
        """Convert a packet."""
        if key:
            packet = self._header + packet[packet.index(_START + bytes([_GROUP])) :]
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
    place = packet.index(_START + bytes([_PICTURE])) + 4
    return packet[:place] + bytes([number >> 2, (number & 3) << 6 | packet[place + 1] & 63]) + packet[place + 2 :]
