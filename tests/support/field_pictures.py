"""H.264 in field pictures, as AVCHD cameras write it: each frame is two packets, written bit by bit.

No encoder here writes them. Every macroblock is I_PCM, so the samples are those of the numbered pictures, to the bit.

Source: ITU-T H.264, 7.3.2.1, 7.3.2.2, 7.3.3 (headers), 7.3.5 (macroblocks).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import odd
from numbered_clips import draw_frame

from react1.pipeline.media.nal_units import escape

_I_PCM, _MAIN_PROFILE, _LEVEL_3 = 25, 77, 30
_MB = 16
FIELDS_PER_S = 50


class _Bits:
    """Collects bits."""

    def __init__(self) -> None:
        self._text = ""

    def u(self, value: int, count: int = 1) -> _Bits:
        """Append an unsigned field."""
        self._text += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> _Bits:
        """Append unsigned Exp-Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self._text += "0" * (len(code) - 1) + code
        return self

    def samples(self, data: bytes) -> _Bits:
        """Append bytes at the next full byte."""
        self._text += "0" * (-len(self._text) % 8) + "".join(f"{byte:08b}" for byte in data)
        return self

    def unit(self, head: int) -> bytes:
        """Return a NAL unit after a start code."""
        text = self._text + "1"
        text += "0" * (-len(text) % 8)
        body = int(text, 2).to_bytes(len(text) // 8, "big")
        return b"\0\0\0\1" + bytes([head]) + escape(body)


def write_field_pictures(folder: Path, frames: int = 13, size: tuple[int, int] = (96, 64)) -> Path:
    """Write numbered frames, top field first, to `fields.mts`: two packets a frame."""
    width, height = size
    raw = folder / "fields.h264"
    raw.write_bytes(b"".join(_frame(number, width, height) for number in range(frames)))
    path = folder / "fields.mts"
    times = f"setts=ts=(1.4+N/{FIELDS_PER_S})/TB"
    odd.ffmpeg("-f", "h264", "-i", raw, "-c", "copy", "-bsf:v", times, "-f", "mpegts", "-mpegts_copyts", 1, path)
    return path


def _frame(number: int, width: int, height: int) -> bytes:
    luma = draw_frame(number, (width, height))
    return b"".join(_field(luma[bottom::2], number, bottom) for bottom in (0, 1))


def _field(luma: np.ndarray, number: int, bottom: int) -> bytes:
    sets = b"" if bottom else _sequence_set(luma.shape[1] // _MB, luma.shape[0] // _MB) + _picture_set()
    bits = _Bits().ue(0, 7, 0).u(0, 4).u(1).u(bottom)
    if bottom:
        bits.u(0)
    else:
        bits.ue(number % 2).u(0).u(0)
    bits.ue(0)
    chroma = bytes([128]) * (2 * (_MB // 2) ** 2)
    for row in range(0, luma.shape[0], _MB):
        for column in range(0, luma.shape[1], _MB):
            bits.ue(_I_PCM).samples(luma[row : row + _MB, column : column + _MB].tobytes() + chroma)
    delimiter = b"\0\0\0\1\x09\x10"
    return delimiter + sets + bits.unit(0x61 if bottom else 0x65)


def _sequence_set(columns: int, rows: int) -> bytes:
    """Return an SPS for pictures of `rows` pairs of macroblock rows."""
    bits = _Bits().u(_MAIN_PROFILE, 8).u(0, 8).u(_LEVEL_3, 8).ue(0, 0, 2, 1).u(0).ue(columns - 1, rows - 1)
    return bits.u(0).u(0).u(1).u(0).u(0).unit(0x67)


def _picture_set() -> bytes:
    return _Bits().ue(0, 0).u(0).u(0).ue(0, 0, 0).u(0).u(0, 2).ue(0, 0, 0).u(0).u(0).u(0).unit(0x68)
