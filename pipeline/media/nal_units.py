"""NAL units, the parts of H.264 and HEVC packets, the bit fields in them, and field pictures of H.264.

MP4, MOV and Matroska store each unit after its length, transport streams after a start code. AVCHD cameras store each
field of an interlaced picture as a packet of its own: two packets are one frame then.

Source: ITU-T H.264 and H.265, annex B and 7.3.1 (emulation prevention); ISO/IEC 14496-15 (lengths); H.264, 7.3.2.1.1
(SPS), 7.3.3 (slice header), 7.4.1.2.4 (which two fields are a frame).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_NEEDS_PREVENTION = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def join_units(units: Iterable[bytes], *, annexb: bool) -> bytes:
    """Join units to a packet."""
    if annexb:
        return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)
    return b"".join(len(unit).to_bytes(LENGTH_BYTES, "big") + unit for unit in units)


def escape(data: bytes) -> bytes:
    """Insert emulation prevention bytes."""
    return _NEEDS_PREVENTION.sub(b"\x00\x00\x03", data)


class PacketConverter:
    """Converts an encoder's packets to the form of a film.

    Keyframes get the units `front` before their own; of other packets `is_stale` tells which units are left out.
    """

    def __init__(
        self,
        *,
        annexb: bool,
        front: Iterable[bytes] = (),
        convert_unit: Callable[[bytes], bytes] | None = None,
        is_stale: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._annexb, self._front, self._convert_unit, self._is_stale = annexb, tuple(front), convert_unit, is_stale

    def __call__(self, packet: bytes, key: bool) -> bytes:
        """Convert a packet whose units follow start codes; `convert_unit` changes each unit first."""
        units = split_start_codes(packet)
        if self._is_stale is not None and not key:
            units = [unit for unit in units if not self._is_stale(unit)]
        units = [self._convert_unit(unit) for unit in units] if self._convert_unit is not None else units
        return join_units([*(self._front if key else ()), *units], annexb=self._annexb)


_START_CODE = re.compile(rb"\x00\x00\x01")
LENGTH_BYTES = 4

_SLICES, _SEI, _SPS = (1, 5), 6, 7
_RECOVERY_POINT = 6
"""The type of the message (ITU-T H.264, D.1.8)."""
_FIRST_NOT_HEVC_PICTURE = 32
_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 138, 139, 134, 135, 244})
"""Profiles whose SPS has chroma format and bit depth."""
_HEAD_BYTES, _SLICE_HEAD_BYTES = 4096, 40
_MOST_NUMBER_BITS = 16
"""Of a slice's frame number (ITU-T H.264, 7.4.2.1.1)."""


def split_units(packet: bytes, *, annexb: bool) -> Iterator[bytes]:
    """Yield the units of a packet; a unit that is cut off is yielded as far as it goes."""
    return iter(split_start_codes(packet)) if annexb else _split_lengths(packet)


def has_start_codes(config: bytes) -> bool:
    """Return whether a decoder configuration is a byte stream, as that of films with start codes is."""
    return config[:3] == b"\0\0\1" or config[:4] == b"\0\0\0\1"


def hevc_unit_type(unit: bytes) -> int:
    """Return the type of a unit of HEVC (ITU-T H.265, table 7-1)."""
    return unit[0] >> 1 & 63


def hevc_picture_type(packet: bytes, *, annexb: bool) -> int:
    """Return the type of the first picture unit of an HEVC packet; -1 without one."""
    types = (hevc_unit_type(unit) for unit in split_units(packet, annexb=annexb) if len(unit) > 1)
    return next((kind for kind in types if kind < _FIRST_NOT_HEVC_PICTURE), -1)


def split_start_codes(stream: bytes) -> list[bytes]:
    """Split a byte stream at its start codes."""
    starts = [match.end() for match in _START_CODE.finditer(stream)]
    ends = [*(start - 3 for start in starts[1:]), len(stream)][: len(starts)]
    return [stream[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True)]


def _split_lengths(packet: bytes) -> Iterator[bytes]:
    position = 0
    while position + LENGTH_BYTES < len(packet):
        size = int.from_bytes(packet[position : position + LENGTH_BYTES], "big")
        position += LENGTH_BYTES
        yield packet[position : position + size]
        position += size


def unescape(unit: bytes) -> bytes:
    """Remove emulation prevention bytes, which keep start codes from appearing inside a unit."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Reads the fields of a unit after its header of `skip` bytes; past the last field all bits are 0."""

    def __init__(self, unit: bytes, skip: int) -> None:
        # The last 1 only marks the end.
        data = unescape(unit[skip:])
        self._bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}".rstrip("0")[:-1] if data else ""
        self._position = 0

    @property
    def ended(self) -> bool:
        """Whether fields were read past the end."""
        return self._position > len(self._bits)

    def u(self, count: int = 1) -> int:
        """Read an unsigned field of `count` bits."""
        self._position += count
        return int(self._bits[self._position - count : self._position].ljust(count, "0") or "0", 2)

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb code."""
        end = self._bits.find("1", self._position, self._position + 32)
        zeros = end - self._position if end >= 0 else 32
        self._position += zeros + (end >= 0)
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Read a signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def refreshes_gradually(packet: Any, *, annexb: bool) -> bool:
    """Return whether an H.264 packet only begins a refresh, as encoders without keyframes write it in their place.

    A decoder that begins there has complete pictures so many frames later as the recovery point says.
    """
    for unit in split_units(bytes(memoryview(packet)[:_HEAD_BYTES]), annexb=annexb):
        kind = unit[0] & 31 if unit else 0
        if kind in _SLICES:
            return False
        if kind == _SEI and (recovery := sei_payload(unit, _RECOVERY_POINT)):
            return BitReader(b"\0" + recovery, 1).ue() > 0
    return False


def sei_payload(unit: bytes, kind: int) -> bytes:
    """Return the payload of the first message of a kind in an SEI unit of H.264; empty if there is none."""
    return next((payload for code, payload in sei_messages(unit, 1) if code == kind), b"")


def sei_messages(unit: bytes, skip: int) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the payload of each message after an SEI unit's header of `skip` bytes (H.264, 7.3.2.3.1)."""
    data, position = unescape(unit[skip:]), 0
    while position + 2 < len(data):
        numbers = []
        for _ in range(2):
            number = 0
            while position < len(data) and data[position] == 0xFF:
                number, position = number + 0xFF, position + 1
            numbers.append(number + int.from_bytes(data[position : position + 1], "big"))
            position += 1
        yield numbers[0], data[position : position + numbers[1]]
        position += numbers[1]


class FieldPairs:
    """Find the packets of an H.264 stream that are the second field of a frame; they come in order."""

    def __init__(self, stream: Any) -> None:
        config = bytes(stream.codec_context.extradata or b"") if stream.codec_context is not None else b""
        self._annexb = has_start_codes(config)
        sps = _first_sps(config, annexb=self._annexb) if stream.codec_context.name == "h264" else b""
        self._number_bits = _frame_number_bits(sps) if sps else 0
        self._first: tuple[int, int] | None = None

    @property
    def possible(self) -> bool:
        """Whether the stream may have field pictures at all."""
        return bool(self._number_bits)

    def is_second(self, packet: Any) -> bool:
        """Return whether a packet holds the second field of the frame that the packet before it begins."""
        if not self._number_bits:
            return False
        field = self._field(bytes(memoryview(packet)[:_HEAD_BYTES]))
        if field is not None and self._first is not None and field == (self._first[0], 1 - self._first[1]):
            self._first = None
            return True
        self._first = field
        return False

    def _field(self, head: bytes) -> tuple[int, int] | None:
        """Return (frame number, whether it is the bottom field) of a packet's first slice; None for a frame."""
        for unit in split_units(head, annexb=self._annexb):
            if unit and unit[0] & 31 in _SLICES:
                bits = BitReader(unit[:_SLICE_HEAD_BYTES], 1)
                bits.ue(), bits.ue(), bits.ue()
                number = bits.u(self._number_bits)
                return (number, bits.u()) if bits.u() else None
        return None


def _first_sps(config: bytes, *, annexb: bool) -> bytes:
    if annexb:
        return next((unit for unit in split_start_codes(config) if unit and unit[0] & 31 == _SPS), b"")
    return config[8 : 8 + int.from_bytes(config[6:8], "big")] if len(config) > 8 and config[5] & 31 else b""


def _frame_number_bits(sps: bytes) -> int:
    """Return the bits of a slice's frame number, or 0 if there are no field pictures, or the SPS is not understood."""
    bits = BitReader(sps, 1)
    profile, _, _, _ = bits.u(8), bits.u(8), bits.u(8), bits.ue()
    if profile in _HIGH_PROFILES:
        if bits.ue() == 3 and bits.u():
            return 0
        bits.ue(), bits.ue(), bits.u()
        if bits.u():
            return 0
    number_bits = bits.ue() + 4
    order_type = bits.ue()
    if order_type == 1 or number_bits > _MOST_NUMBER_BITS:
        return 0
    if order_type == 0:
        bits.ue()
    bits.ue(), bits.u(), bits.ue(), bits.ue()
    return 0 if bits.u() else number_bits
