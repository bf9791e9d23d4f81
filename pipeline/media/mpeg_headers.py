"""Headers in packets of MPEG-1 and MPEG-2: sequences, groups of pictures, pictures.

Source: ISO/IEC 11172-2 and 13818-2, 6.2.2 (sequence header, extensions), 6.2.2.6 (group of pictures), 6.2.3 (picture
header), 6.2.3.1 (picture coding extension).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.times import Timecode

MPEG_CODECS = ("mpeg1video", "mpeg2video")
"""By ffmpeg's names, which are those of its encoders, too."""
START = b"\0\0\1"
PICTURE, FIRST_SLICE, LAST_SLICE, USER_DATA, SEQUENCE, EXTENSION, GROUP = 0x00, 0x01, 0xAF, 0xB2, 0xB3, 0xB5, 0xB8
"""Numbers of start codes."""
SEQUENCE_EXTENSION, MATRICES, PICTURE_CODING = 1, 3, 8
"""Kinds of extensions."""
_CODING_BYTES = 9
"""What is read of an extension, from its start code on."""
_TOP_FIELD, _BOTTOM_FIELD, _FRAME = 1, 2, 3
"""Values of `picture_structure`."""
_TOP_FIELD_FIRST, _REPEAT_FIRST_FIELD, _PROGRESSIVE_FRAME = 0x80, 0x02, 0x80
"""Bits of a picture coding extension: two of its byte 7, and one of its byte 8."""
_PROGRESSIVE_SEQUENCE = 0x08
"""A bit of byte 5 of a sequence extension."""
GROUP_BYTES, GROUP_MARKS = 8, 7
"""A group's header, and its bits after the timecode: whether it is closed, and whether it was cut."""


def units(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what a packet has besides slices: the number of each start code, and the bytes from it on."""
    start = packet.find(START)
    while 0 <= start < len(packet) - 3:
        end = packet.find(START, start + 3)
        code = packet[start + 3]
        if not FIRST_SLICE <= code <= LAST_SLICE:
            yield code, packet[start : end if end >= 0 else len(packet)]
        start = end


def extensions(packet: bytes, kind: int) -> Iterator[bytes]:
    """Yield the extensions of a kind in a packet, from their start codes on, at least 9 bytes each."""
    for code, unit in units(packet):
        if code == EXTENSION and len(unit) > len(START) + 1 and unit[4] >> 4 == kind:
            yield unit.ljust(_CODING_BYTES, b"\0")


def sequence_parts(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the sequence header of a packet and its extensions, as `units` does."""
    begun = False
    for code, unit in units(packet):
        if code in (PICTURE, GROUP):
            return
        begun = begun or code == SEQUENCE
        if begun and code in (SEQUENCE, EXTENSION):
            yield code, unit


def sequence_header(packet: bytes) -> bytes:
    """Return the sequence header of a packet with its extensions; empty if there is none."""
    return b"".join(unit for _, unit in sequence_parts(packet))


def is_progressive_sequence(packet: bytes) -> bool | None:
    """Return whether the sequence header in a packet says that there are no fields; None if it does not say it."""
    extension = next(extensions(packet, SEQUENCE_EXTENSION), None)
    return None if extension is None else bool(extension[5] & _PROGRESSIVE_SEQUENCE)


def first_field(packet: bytes) -> int:
    """Return which field of a packet's first picture is first; 0 for a progressive picture.

    The values are those of `picture_structure` for a picture of one field.
    """
    coding = next(extensions(packet, PICTURE_CODING), None)
    if coding is None:
        return 0
    structure = coding[6] & 3
    if structure != _FRAME:
        return structure
    if coding[8] & _PROGRESSIVE_FRAME:
        return 0
    return _TOP_FIELD if coding[7] & _TOP_FIELD_FIRST else _BOTTOM_FIELD


def field_marks(coding: bytes) -> int:
    """Return the marks of a progressive frame that tell how long it is shown, as they stand in byte 7; else 0.

    They are top_field_first and repeat_first_field; `coding` is a picture coding extension from its start code on.
    """
    return coding[7] & (_TOP_FIELD_FIRST | _REPEAT_FIRST_FIELD) if coding[8] & _PROGRESSIVE_FRAME else 0


def with_field_marks(packet: bytes, marks: int) -> bytes:
    """Return a packet with marks of `field_marks` in the coding extension of its first progressive frame."""
    for coding in extensions(packet, PICTURE_CODING):
        if coding[8] & _PROGRESSIVE_FRAME:
            place = packet.index(coding[:7]) + 7
            return packet[:place] + bytes([packet[place] | marks]) + packet[place + 1 :]
    return packet


def temporal_reference(picture: bytes) -> int:
    """Return at which place of its group a picture is shown; `picture` is its header from the start code on."""
    return picture[4] << 2 | picture[5] >> 6


def place_in_group(packet: bytes) -> int:
    """Return at which place of its group the first picture of a packet is shown."""
    return next((temporal_reference(unit) for code, unit in units(packet) if code == PICTURE), 0)


def group_timecode(group: bytes) -> Timecode:
    """Return the timecode in the header of a group."""
    return parse_gop_timecode(int.from_bytes(group[4:8], "big") >> GROUP_MARKS)


def parse_gop_timecode(code: int) -> Timecode:
    """Parse the 25 bits of the timecode of a group of pictures."""
    drop = bool(code >> 24 & 1)
    return Timecode(code >> 19 & 0x1F, code >> 13 & 0x3F, code >> 6 & 0x3F, code & 0x3F, drop=drop)


def gop_timecode_bits(code: Timecode) -> int:
    """Return the 25 bits of the timecode of a group of pictures; the marker between minutes and seconds is set."""
    return code.drop << 24 | code.hours << 19 | code.minutes << 13 | 1 << 12 | code.seconds << 6 | code.frames
