"""Join and convert NAL units, the parts of H.264 and HEVC packets; `media/nal_units.py` splits and reads them.

MP4, MOV and Matroska store each unit after its length, transport streams after a start code.

Source: ITU-T H.264 and H.265, annex B and 7.3.1 (emulation prevention); ISO/IEC 14496-15 (lengths).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ...media.nal_units import LENGTH_BYTES, split_start_codes

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
