"""What a film's headers declare of its bits: the limits of its level, of its buffer models, and of its container.

A stream keeps to a rate and a buffer if pictures that are decoded within any stretch of time have no more bits than
the rate gives in that time and the buffer holds. The level also limits the bits of a single picture.

Source: ITU-T H.264, tables A-1 and A-2, A.3.1 and A.3.3 (MinCR), E.1.2 (HRD); ITU-T H.265, tables A.8 and A.9; ISO/IEC
13818-2, 6.3.3 and 6.3.5 (bit_rate and vbv_buffer_size, with their extensions); ISO/IEC 14496-12, 8.5.2.2 (`btrt`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from ...media.mp4.boxes import ENTRY_HEAD_BYTES, parse_boxes, single_entry
from ...media.mpeg_headers import MPEG_CODECS, SEQUENCE_EXTENSION, extensions, sequence_header
from ...media.nal_units import split_start_codes, unescape
from ...media.not_applicable import NotApplicable
from . import h264_headers
from .hevc import hvcc_units


@dataclass(frozen=True)
class DeclaredRate:
    """A limit on the bits of a film's pictures."""

    source: str
    """What declares it, for messages: `level 3.1`."""
    bits_per_s: int
    buffer_bits: int
    picture_bytes_per_s: float = 0.0
    """A picture may have so many bytes for each second until the next is decoded; 0 for no such limit."""


_H264_LEVELS = {
    9: (1485, 128, 350, 2),
    10: (1485, 64, 175, 2),
    11: (3000, 192, 500, 2),
    12: (6000, 384, 1000, 2),
    13: (11880, 768, 2000, 2),
    20: (11880, 2000, 2000, 2),
    21: (19800, 4000, 4000, 2),
    22: (20250, 4000, 4000, 2),
    30: (40500, 10000, 10000, 2),
    31: (108000, 14000, 14000, 4),
    32: (216000, 20000, 20000, 4),
    40: (245760, 20000, 25000, 4),
    41: (245760, 50000, 62500, 2),
    42: (522240, 50000, 62500, 2),
    50: (589824, 135000, 135000, 2),
    51: (983040, 240000, 240000, 2),
    52: (2073600, 240000, 240000, 2),
    60: (4177920, 240000, 240000, 2),
    61: (8355840, 480000, 480000, 2),
    62: (16711680, 800000, 800000, 2),
}
"""By level_idc: macroblocks per second, rate and buffer in units of a profile's factor, least compression."""
_H264_FACTORS = {66: 1200, 77: 1200, 88: 1200, 100: 1500, 110: 3600, 122: 4800, 244: 4800}
"""Bits per unit, headers included, by profile_idc."""
_H264_EIGHT_BIT = frozenset({66, 77, 88, 100})
"""Profiles of 384 bytes per macroblock, to which the least compression refers."""
_MACROBLOCK_BYTES = 384
_LEVEL_1B, _LEVEL_11, _CONSTRAINT_SET_3 = 9, 11, 0x10

HEVC_LEVELS = {
    30: (350, 350, 128, 128),
    60: (1500, 1500, 1500, 1500),
    63: (3000, 3000, 3000, 3000),
    90: (6000, 6000, 6000, 6000),
    93: (10000, 10000, 10000, 10000),
    120: (12000, 30000, 12000, 30000),
    123: (20000, 50000, 20000, 50000),
    150: (25000, 100000, 25000, 100000),
    153: (40000, 160000, 40000, 160000),
    156: (60000, 240000, 60000, 240000),
    180: (60000, 240000, 60000, 240000),
    183: (120000, 480000, 120000, 480000),
    186: (240000, 800000, 240000, 800000),
}
"""By level_idc: buffer in the main and the high tier, rate in the main and the high tier, in units of 1100 bits."""
_HEVC_FACTOR, _HEVC_MAIN_PROFILES, _HEVC_SPS, _LEVEL_AT = 1100, (1, 2, 3), 33, 14
_H264_HEAD_BYTES = 4
_MPEG_HEAD_BYTES, _ANY_MPEG_RATE = 12, (1 << 18) - 1


def declared_rates(codec: str, config: bytes, *, annexb: bool, stsd: bytes = b"") -> tuple[DeclaredRate, ...]:
    """Return what a film declares.

    Args:
        codec: ffmpeg's name.
        config: the decoder configuration of the stream; of MPEG-1 and MPEG-2 the first packet.
        annexb: whether its units follow start codes.
        stsd: the body of the sample description of an MP4 or MOV.
    """
    read_units, read_rates = _CODECS.get(codec, (None, None))
    rates: list[DeclaredRate] = []
    if codec in MPEG_CODECS:
        rates += mpeg_rates(config)
    elif read_units is not None and read_rates is not None:
        with suppress(NotApplicable):
            for unit in split_start_codes(config) if annexb else read_units(config):
                rates += read_rates(unit)
    return tuple(dict.fromkeys((*rates, *container_rates(stsd))))


def h264_rates(sps: bytes) -> list[DeclaredRate]:
    """Return the limits of an SPS: of its level, and of its buffer models; none for another unit."""
    if len(sps) < _H264_HEAD_BYTES or sps[0] & 31 != h264_headers.SPS:
        return []
    profile, constraints, level = sps[1], sps[2], sps[3]
    if level == _LEVEL_11 and constraints & _CONSTRAINT_SET_3 and profile in (66, 77, 88):
        level = _LEVEL_1B
    rates = []
    if level in _H264_LEVELS and profile in _H264_FACTORS:
        macroblocks, rate, buffer, compression = _H264_LEVELS[level]
        factor, name = _H264_FACTORS[profile], "1b" if level == _LEVEL_1B else f"{level // 10}.{level % 10}"
        picture = _MACROBLOCK_BYTES * macroblocks / compression if profile in _H264_EIGHT_BIT else 0.0
        rates.append(DeclaredRate(f"level {name}", rate * factor, buffer * factor, picture))
    try:
        models = h264_headers.parse_sps(sps).buffers
    except NotApplicable:
        models = ()
    return [*rates, *(DeclaredRate("the film's buffer model", rate, buffer) for rate, buffer in models)]


def hevc_rates(sps: bytes) -> list[DeclaredRate]:
    """Return the limits of the level and tier of an SPS of a Main profile; none for another unit."""
    data = unescape(sps)
    if len(data) <= _LEVEL_AT or data[0] >> 1 & 63 != _HEVC_SPS:
        return []
    high_tier, profile, level = data[3] >> 5 & 1, data[3] & 31, data[_LEVEL_AT]
    if level not in HEVC_LEVELS or profile not in _HEVC_MAIN_PROFILES:
        return []
    buffers, limits = HEVC_LEVELS[level][:2], HEVC_LEVELS[level][2:]
    name = f"level {level // 30}.{level % 30 // 3}{', high tier' if high_tier else ''}"
    return [DeclaredRate(name, limits[high_tier] * _HEVC_FACTOR, buffers[high_tier] * _HEVC_FACTOR)]


def mpeg_rates(keyframe: bytes) -> list[DeclaredRate]:
    """Return the rate and the buffer that the sequence header in a packet of MPEG-1 or MPEG-2 declares."""
    header = sequence_header(keyframe)
    if len(header) < _MPEG_HEAD_BYTES:
        return []
    numbers = int.from_bytes(header[8:12], "big")
    rate, buffer = numbers >> 14, numbers >> 3 & 1023
    for extension in extensions(header, SEQUENCE_EXTENSION):
        rate |= (int.from_bytes(extension[6:8], "big") >> 1 & 4095) << 18
        buffer |= extension[8] << 10
    if rate == _ANY_MPEG_RATE or not rate or not buffer:
        return []
    return [DeclaredRate("the film's buffer model", 400 * rate, 16_384 * buffer)]


def container_rates(stsd: bytes) -> list[DeclaredRate]:
    """Return the rate and the buffer that an MP4 or MOV declares; without a buffer, muxers write the mean rate."""
    try:
        entry = single_entry(stsd) if stsd else b""
        boxes = parse_boxes(entry[ENTRY_HEAD_BYTES:])
    except (NotApplicable, struct.error):
        return []
    rates = []
    for box in boxes:
        if box.kind == b"btrt" and len(box.body) >= 12:
            buffer_bytes, highest, _ = struct.unpack_from(">III", box.body)
            if buffer_bytes and highest:
                rates.append(DeclaredRate("the film's container", highest, 8 * buffer_bytes))
    return rates


_CODECS: dict[str, tuple[Callable[[bytes], Iterable[bytes]], Callable[[bytes], list[DeclaredRate]]]] = {
    "h264": (lambda config: h264_headers.parse_avcc(config).sps, h264_rates),
    "hevc": (hvcc_units, hevc_rates),
}
"""By ffmpeg's name: how to list the units of a decoder configuration, and how to read the limits of each."""
