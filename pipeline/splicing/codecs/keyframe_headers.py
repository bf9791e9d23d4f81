"""What keyframes say of their pictures in codecs without parameter sets: VP8 and VP9.

Where these headers change inside a film, it may be joined from films that are described otherwise. Each function
returns the fields that describe pictures, to be compared; none if a packet has no such header.

Source: RFC 6386, 9.1; the VP9 bitstream specification, 6.2.
"""

from __future__ import annotations

Headers = tuple[bytes, ...]
_VP8_START, _VP9_SYNC = b"\x9d\x01\x2a", b"\x49\x83\x42"
_SRGB = 7
"""The color space of VP9 that has no range."""


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
