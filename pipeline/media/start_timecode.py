"""The start timecode of a film: the label of its first shown frame.

Takes   an open container, its picture, and the first frame that was decoded.
Gives   a label such as `01:00:00;00`, or nothing.
Source  QuickTime's tmcd track and MXF's material package, as ffmpeg tells them; ISO/IEC 13818-2, 6.3.8, for the
        time code of an MPEG-2 group of pictures; SMPTE ST 12-1 binary groups, as H.264 and HEVC carry them in an SEI.

Transport and program streams have no field for it: there it is in the pictures. MPEG-2 encoders that know no time
code write 00:00:00:00, so that a picture's label counts only where it is another.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

from ..core.times import Timecode


def start_timecode(container: Any, main: Any, frame: Any) -> str:
    """Find the label of the first frame: on the picture, on a timecode track, on the file, or in the first frame."""
    holders = [*([main] if main is not None else []), *container.streams, container]
    tagged = (value for holder in holders for key, value in holder.metadata.items() if key.lower() == "timecode")
    return next((str(value) for value in tagged if value), "") or _of_frame(frame, main)


def _of_frame(frame: Any, main: Any) -> str:
    if frame is None:
        return ""
    sides = {side.type.name: bytes(side) for side in frame.side_data}
    rate = Fraction(main.guessed_rate or main.average_rate or 25)
    if len(binary := sides.get("S12M_TIMECODE", b"")) >= 8 and struct.unpack("=I", binary[:4])[0]:
        return _unless_zero(of_binary(struct.unpack("=I", binary[4:8])[0], rate))
    if len(binary := sides.get("GOP_TIMECODE", b"")) >= 8:
        return _unless_zero(of_group(struct.unpack("=q", binary[:8])[0]))
    return ""


def of_group(code: int) -> Timecode:
    """Read the 25 bits of an MPEG-2 group of pictures."""
    drop = bool(code >> 24 & 1)
    return Timecode(code >> 19 & 0x1F, code >> 13 & 0x3F, code >> 6 & 0x3F, code & 0x3F, drop=drop)


def of_binary(code: int, rate: Fraction) -> Timecode:
    """Read the 32 bits of SMPTE ST 12-1; above 30 frames/s they count pairs, and a field bit tells which of the two."""
    frames = _decimal(code >> 24 & 0x3F)
    if rate >= 50:
        frames = 2 * frames + (code >> (7 if rate == 50 else 23) & 1)
    hours, minutes, seconds = _decimal(code & 0x3F), _decimal(code >> 8 & 0x7F), _decimal(code >> 16 & 0x7F)
    return Timecode(hours, minutes, seconds, frames, drop=bool(code >> 30 & 1))


def _decimal(coded: int) -> int:
    return (coded >> 4) * 10 + (coded & 0xF)


def _unless_zero(label: Timecode) -> str:
    return str(label) if (label.hours, label.minutes, label.seconds, label.frames) != (0, 0, 0, 0) else ""
