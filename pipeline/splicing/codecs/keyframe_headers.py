"""What keyframes say of their pictures in codecs without parameter sets: MPEG-1, MPEG-2, VP8 and VP9.

Where these headers change inside a film, it may be joined from films that are described otherwise. Each function
returns the fields that describe pictures, to be compared; none if a packet has no such header.

Source: ISO/IEC 13818-2, 6.2.2 and 6.2.3.1; RFC 6386, 9.1; the VP9 bitstream specification, 6.2.
"""

from __future__ import annotations

from ...media.nal_units import split_start_codes

Headers = tuple[bytes, ...]
_SEQUENCE, _EXTENSION = 0xB3, 0xB5
_SEQUENCE_EXTENSION, _SEQUENCE_DISPLAY, _PICTURE_CODING = 1, 2, 8
_WHOLE_FRAME, _TOP_FIRST, _BOTTOM_FIRST = 3, 1, 2
"""Of `picture_structure`: the values of single fields stand for the order of the fields here, too."""
_VP8_START, _VP9_SYNC = b"\x9d\x01\x2a", b"\x49\x83\x42"
_SRGB = 7
"""The color space of VP9 that has no range."""


def mpeg_headers(packet: bytes) -> Headers:
    """Return the size, pixel shape, rate, profile, sampling, colors and field order of MPEG-1 or MPEG-2."""
    headers: list[bytes] = []
    for unit in split_start_codes(packet):
        if unit[:1] == bytes([_SEQUENCE]):
            headers = [unit[1:5]]
        elif headers and unit[:1] == bytes([_EXTENSION]):
            kind = _bits(unit, 8, 4)
            if kind == _SEQUENCE_EXTENSION:
                headers.append(bytes([*unit[1:3], _bits(unit, 24, 3)]))  # up to the bit rate
            elif kind == _SEQUENCE_DISPLAY:
                headers.append(unit[1:])
            elif kind == _PICTURE_CODING:
                headers.append(bytes([_field_order(unit)]))
    return tuple(headers)


def _field_order(unit: bytes) -> int:
    """Return which field of a picture is first by its coding extension; 0 for a progressive picture."""
    structure, top_first, is_progressive = _bits(unit, 30, 2), _bits(unit, 32, 1), _bits(unit, 40, 1)
    if structure != _WHOLE_FRAME:
        return structure
    return 0 if is_progressive else _TOP_FIRST if top_first else _BOTTOM_FIRST


def vp8_headers(packet: bytes) -> Headers:
    """Return the size and scale of a keyframe of VP8."""
    return (packet[6:10],) if packet[3:6] == _VP8_START else ()


def vp9_headers(packet: bytes) -> Headers:
    """Return the profile, bit depth, colors and size of a keyframe of VP9."""
    profile = _bits(packet, 3, 1) << 1 | _bits(packet, 2, 1)
    start = 9 if profile == 3 else 8  # a reserved bit
    if _bits(packet, start, 24) != int.from_bytes(_VP9_SYNC, "big"):
        return ()
    depth_bits, is_odd = int(profile >= 2), profile % 2
    colors = start + 24 + depth_bits
    color_bits = 3 + (is_odd if _bits(packet, colors, 3) == _SRGB else 1 + 3 * is_odd)
    fields = _bits(packet, start + 24, depth_bits + color_bits + 32)
    return (bytes([profile]), fields.to_bytes(8, "big"))


def _bits(data: bytes, start: int, count: int) -> int:
    """Return a field of `count` bits; what lies past the end is 0."""
    first, after = start // 8, (start + count + 7) // 8
    value = int.from_bytes(data[first:after].ljust(after - first, b"\0"), "big")
    return value >> (after * 8 - start - count) & (1 << count) - 1
