"""VP8, VP9 and AV1: every keyframe stands for itself, and tells all that a decoder must know.

Source  RFC 6386, 9.1; the VP9 bitstream specification, 7.2; the AV1 bitstream specification, 7.5 (a sequence header
        stands before each keyframe) and 5.3.2 (units); the AV1 binding to MP4 (no temporal delimiters).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..encoders import Choice, choose
from ..not_applicable import Unsuited
from .coding import opened
from .family import Coder, Resume, Stored, as_coded, same

_SEQUENCE, _DELIMITER = 1, 2
_CONFIG_HEAD_BYTES = 4


class Vpx:
    """The family of VP8 and VP9."""

    looks_into = False

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """At every keyframe."""
        return Resume.PLAIN

    def coder(self, stored: Stored) -> Coder:
        """Choose libvpx; it shows one picture per packet."""
        choice = _in_format(stored, choose(stored.video, 0))
        return Coder(choice, stored.config, as_coded, same)


class Av1:
    """The family of AV1."""

    looks_into = True

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """At a keyframe that brings its sequence header."""
        return Resume.PLAIN if any(kind == _SEQUENCE for kind, _ in units(packet)) else Resume.NO

    def coder(self, stored: Stored) -> Coder:
        """Choose SVT-AV1; its keyframes bring their own sequence header."""
        choice = _in_format(stored, choose(stored.video, 0))
        told = sequence_header(bytes(opened(stored.video, choice).extradata or b""))
        own = sequence_header(stored.config[_CONFIG_HEAD_BYTES:]) or sequence_header(stored.first)
        return Coder(choice, stored.config, without_delimiters, same, twin=bool(told) and told == own)


def _in_format(stored: Stored, choice: Choice) -> Choice:
    if stored.video.interlaced or choice.pix_fmt != stored.video.pix_fmt or not choice.same_codec:
        raise Unsuited(f"no encoder here writes this {stored.video.codec}")
    return choice


def units(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the units (OBUs) of an AV1 packet with their kinds, headers included."""
    at = 0
    while at < len(packet):
        head, start = packet[at], at
        at += 2 if head & 4 else 1
        size = len(packet) - at
        if head & 2:
            size, at = _leb128(packet, at)
        at += size
        yield head >> 3 & 15, packet[start:at]


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        byte = data[at + place] if at + place < len(data) else 0
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            return value, at + place + 1
    return value, at + 8


def sequence_header(data: bytes) -> bytes:
    """Give the sequence header of a packet or of a configuration; empty where there is none."""
    return next((unit for kind, unit in units(data) if kind == _SEQUENCE), b"")


def without_delimiters(packet: bytes, key: bool) -> bytes:
    """Drop temporal delimiters, which containers do not store."""
    return b"".join(unit for kind, unit in units(packet) if kind != _DELIMITER)
