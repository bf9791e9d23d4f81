"""VP8, VP9 and AV1: every keyframe starts a closed GOP and carries everything that a decoder must know.

Source: RFC 6386, 9.1; the VP9 bitstream specification, 7.2; the AV1 bitstream specification, 7.5 (a sequence header
precedes each keyframe) and 5.3.2 (units); the AV1 binding to MP4 (no temporal delimiters).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..encoders import EncoderSettings, choose_encoder
from ..not_applicable import NotApplicable
from .family import MatchedEncoder, RandomAccess, SourceVideo, as_encoded, unchanged_packet
from .video_encoder import open_encoder

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER = 1, 2
_AV1C_HEAD_BYTES = 4


class ClosedGop:
    """The family of VP8 and VP9."""

    reads_keyframes = False

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return CLEAN for every keyframe."""
        return RandomAccess.CLEAN

    def parameter_sets(self, packet: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return nothing: a keyframe has it all in its header."""
        return ()

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Choose libvpx, which shows one picture per packet."""
        settings = _require_same_format(source, choose_encoder(source.video, 0))
        return MatchedEncoder(settings, source.config, as_encoded, unchanged_packet)


class Av1:
    """The family of AV1."""

    reads_keyframes = True

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return CLEAN for a keyframe with a sequence header."""
        has_header = any(kind == _SEQUENCE_HEADER for kind, _ in split_obus(packet))
        return RandomAccess.CLEAN if has_header else RandomAccess.NONE

    def parameter_sets(self, packet: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return nothing: a sequence header counts until the next one, whatever is in it."""
        return ()

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Choose SVT-AV1, whose keyframes have their own sequence header."""
        settings = _require_same_format(source, choose_encoder(source.video, 0))
        encoder_header = sequence_header(bytes(open_encoder(source.video, settings).extradata or b""))
        film_header = sequence_header(source.config[_AV1C_HEAD_BYTES:]) or sequence_header(source.first_packet)
        same_config = bool(encoder_header) and encoder_header == film_header
        return MatchedEncoder(
            settings, source.config, strip_temporal_delimiters, unchanged_packet, same_config=same_config
        )


def _require_same_format(source: SourceVideo, settings: EncoderSettings) -> EncoderSettings:
    if source.video.interlaced or settings.pix_fmt != source.video.pix_fmt or not settings.same_codec:
        raise NotApplicable(f"no encoder here writes this {source.video.codec}")
    return settings


def split_obus(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the units (OBUs) of an AV1 packet as (type, bytes with header)."""
    position = 0
    while position < len(packet):
        head, start = packet[position], position
        position += 2 if head & 4 else 1
        size = len(packet) - position
        if head & 2:
            size, position = _leb128(packet, position)
        position += size
        yield head >> 3 & 15, packet[start:position]


def _leb128(data: bytes, start: int) -> tuple[int, int]:
    """Return a LEB128 number and the position after it."""
    value = 0
    for place in range(8):
        byte = data[start + place] if start + place < len(data) else 0
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            return value, start + place + 1
    return value, start + 8


def sequence_header(data: bytes) -> bytes:
    """Return the sequence header of a packet or a configuration; empty if there is none."""
    return next((unit for kind, unit in split_obus(data) if kind == _SEQUENCE_HEADER), b"")


def strip_temporal_delimiters(packet: bytes, key: bool) -> bytes:
    """Remove temporal delimiters, which containers do not store."""
    return b"".join(unit for kind, unit in split_obus(packet) if kind != _TEMPORAL_DELIMITER)
