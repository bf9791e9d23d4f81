"""NAL units, the pieces of H.264 and HEVC packets, and the bits inside them.

MP4, MOV and Matroska store each unit behind its length, transport streams behind a start code.
Source  ITU-T H.264 and H.265, annex B and 7.3.1 (emulation prevention); ISO/IEC 14496-15 (lengths).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_START = re.compile(rb"\x00\x00\x01")
_LENGTH_BYTES = 4


def units(packet: bytes, *, annexb: bool) -> Iterator[bytes]:
    """Give the units of a packet; one that is cut off is given as far as it goes."""
    return iter(behind_codes(packet)) if annexb else _behind_lengths(packet)


def behind_codes(stream: bytes) -> list[bytes]:
    """Split a byte stream at its start codes."""
    starts = [match.end() for match in _START.finditer(stream)]
    ends = [*(start - 3 for start in starts[1:]), len(stream)]
    return [stream[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True)]


def _behind_lengths(packet: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH_BYTES < len(packet):
        size = int.from_bytes(packet[at : at + _LENGTH_BYTES], "big")
        at += _LENGTH_BYTES
        yield packet[at : at + size]
        at += size


def joined(found: Iterable[bytes], *, annexb: bool) -> bytes:
    """Spell units as a packet."""
    if annexb:
        return b"".join(b"\x00\x00\x00\x01" + unit for unit in found)
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in found)


def plain(unit: bytes) -> bytes:
    """Take out the bytes that keep start codes from appearing inside a unit."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def escaped(data: bytes) -> bytes:
    """Put them back."""
    made, zeros = bytearray(), 0
    for byte in data:
        if zeros == 2 and byte <= 3:
            made.append(3)
            zeros = 0
        made.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(made)


class Speller:
    """Spells an encoder's packets as a film stores them, keyframes with `front` before their own units."""

    def __init__(
        self, *, annexb: bool, front: Iterable[bytes] = (), each: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._annexb, self._front, self._each = annexb, tuple(front), each

    def __call__(self, packet: bytes, key: bool) -> bytes:
        """Spell a packet, whose units stand behind start codes; each unit goes through `each` first."""
        own = behind_codes(packet)
        own = [self._each(unit) for unit in own] if self._each is not None else own
        return joined([*(self._front if key else ()), *own], annexb=self._annexb)


class Bits:
    """Reads the fields of a unit after its header of `skip` bytes; past its last field all bits are 0."""

    def __init__(self, unit: bytes, skip: int) -> None:
        # The last 1 only marks the end.
        self._bits = "".join(f"{byte:08b}" for byte in plain(unit[skip:])).rstrip("0")[:-1]
        self._at = 0

    def u(self, count: int = 1) -> int:
        """Read an unsigned field of `count` bits."""
        self._at += count
        return int(self._bits[self._at - count : self._at].ljust(count, "0") or "0", 2)

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
