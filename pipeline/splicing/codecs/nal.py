"""NAL units, the parts of H.264 and HEVC packets, and the bit fields in them.

MP4, MOV and Matroska store each unit after its length, transport streams after a start code.

Source: ITU-T H.264 and H.265, annex B and 7.3.1 (emulation prevention); ISO/IEC 14496-15 (lengths).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_START_CODE = re.compile(rb"\x00\x00\x01")
_LENGTH_BYTES = 4


def split_units(packet: bytes, *, annexb: bool) -> Iterator[bytes]:
    """Yield the units of a packet; a unit that is cut off is yielded as far as it goes."""
    return iter(split_start_codes(packet)) if annexb else _split_lengths(packet)


def split_start_codes(stream: bytes) -> list[bytes]:
    """Split a byte stream at its start codes."""
    starts = [match.end() for match in _START_CODE.finditer(stream)]
    ends = [*(start - 3 for start in starts[1:]), len(stream)]
    return [stream[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True)]


def _split_lengths(packet: bytes) -> Iterator[bytes]:
    position = 0
    while position + _LENGTH_BYTES < len(packet):
        size = int.from_bytes(packet[position : position + _LENGTH_BYTES], "big")
        position += _LENGTH_BYTES
        yield packet[position : position + size]
        position += size


def join_units(units: Iterable[bytes], *, annexb: bool) -> bytes:
    """Join units to a packet."""
    if annexb:
        return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in units)


def unescape(unit: bytes) -> bytes:
    """Remove emulation prevention bytes, which keep start codes from appearing inside a unit."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def escape(data: bytes) -> bytes:
    """Insert emulation prevention bytes."""
    escaped, zeros = bytearray(), 0
    for byte in data:
        if zeros == 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)


class PacketConverter:
    """Converts an encoder's packets to the form of a film; keyframes get the units `front` before their own."""

    def __init__(
        self, *, annexb: bool, front: Iterable[bytes] = (), convert_unit: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._annexb, self._front, self._convert_unit = annexb, tuple(front), convert_unit

    def __call__(self, packet: bytes, key: bool) -> bytes:
        """Convert a packet whose units follow start codes; `convert_unit` changes each unit first."""
        units = split_start_codes(packet)
        units = [self._convert_unit(unit) for unit in units] if self._convert_unit is not None else units
        return join_units([*(self._front if key else ()), *units], annexb=self._annexb)


class BitReader:
    """Reads the fields of a unit after its header of `skip` bytes; past the last field all bits are 0."""

    def __init__(self, unit: bytes, skip: int) -> None:
        # The last 1 only marks the end.
        self._bits = "".join(f"{byte:08b}" for byte in unescape(unit[skip:])).rstrip("0")[:-1]
        self._position = 0

    def u(self, count: int = 1) -> int:
        """Read an unsigned field of `count` bits."""
        self._position += count
        return int(self._bits[self._position - count : self._position].ljust(count, "0") or "0", 2)

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb code."""
        zeros = 0
        while zeros < 32 and not self.u():
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Read a signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)
