"""Codecs whose keyframes need nothing else: intra-only ones such as ProRes, MJPEG, DNxHD and FFV1; VP8, VP9 and AV1.

Of intra-only codecs only the edited frames are re-encoded, except where FFV1 has rare keyframes. If a codec has a
decoder configuration, the encoder's must equal the film's; some codecs also require that all packets have one size.

In VP8, VP9 and AV1 every keyframe starts a closed GOP and carries everything that a decoder must know. Source: RFC
6386, 9.1; the VP9 bitstream specification, 7.2; the AV1 bitstream specification, 7.5 (a sequence header precedes each
keyframe) and 5.3.2 (units); the AV1 binding to MP4 (no temporal delimiters).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import av

from ...core.values import VideoStream
from ...media.not_applicable import NotApplicable
from ..encoders import EncoderSettings, choose_encoder, pixel_formats
from ..pictures.fields import field_order
from .chroma_location import film_chroma_location, with_chroma_location
from .family import MatchedEncoder, RandomAccess, SourceVideo, as_encoded, open_encoder, unchanged_packet
from .keyframe_headers import Headers

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER, _METADATA = 1, 2, 5
_AV1C_HEAD_BYTES = 4


class ClosedGop:
    """The family of VP8 and VP9."""

    reads_keyframes = True

    def __init__(self, headers: Callable[[bytes], Headers]) -> None:
        self._headers = headers

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return CLEAN for every keyframe."""
        return RandomAccess.CLEAN

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return what the keyframe's header says of its pictures."""
        return self._headers(packet)

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return nothing: keyframes describe themselves."""
        return frozenset()

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

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return the sequence header; it counts until the next one."""
        header = sequence_header(packet)
        return (header,) if header else ()

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return nothing: keyframes describe themselves."""
        return frozenset()

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Choose SVT-AV1, whose keyframes have their own sequence header."""
        settings = _require_same_format(source, choose_encoder(source.video, 0))
        settings = with_chroma_location(settings, film_chroma_location("av1", source.config))
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
            size, position = leb128(packet, position)
        position += size
        yield head >> 3 & 15, packet[start:position]


def leb128(data: bytes, start: int) -> tuple[int, int]:
    """Return a LEB128 number and the position after it."""
    value = 0
    for place in range(8):
        byte = data[start + place] if start + place < len(data) else 0
        value |= (byte & 127) << 7 * place
        if not byte & 128:
            return value, start + place + 1
    return value, start + 8


def obu_payload(unit: bytes) -> bytes:
    """Return a unit without its header."""
    start = 2 if unit[0] & 4 else 1
    if unit[0] & 2:
        _, start = leb128(unit, start)
    return unit[start:]


def metadata_obu(payload: bytes) -> bytes:
    """Return a metadata unit with its size."""
    size, sizes = len(payload), bytearray()
    while size > 127:
        sizes.append(size & 127 | 128)
        size >>= 7
    return bytes([_METADATA << 3 | 2, *sizes, size]) + payload


def sequence_header(data: bytes) -> bytes:
    """Return the sequence header of a packet or a configuration; empty if there is none."""
    return next((unit for kind, unit in split_obus(data) if kind == _SEQUENCE_HEADER), b"")


def strip_temporal_delimiters(packet: bytes, key: bool) -> bytes:
    """Remove temporal delimiters, which containers do not store."""
    return b"".join(unit for kind, unit in split_obus(packet) if kind != _TEMPORAL_DELIMITER)


_SAME_NAME = (
    "mjpeg",
    "dnxhd",
    "ffv1",
    "huffyuv",
    "ffvhuff",
    "utvideo",
    "magicyuv",
    "v210",
    "png",
    "cfhd",
    "jpeg2000",
    "rawvideo",
)
ENCODERS = {"prores": "prores_ks", **{name: name for name in _SAME_NAME}}
"""By ffmpeg's names of the codecs."""
_USUAL_SETTINGS = frozenset({"prores", "mjpeg"})
"""Encoded as in a complete re-encode."""
_ALPHA_TYPE_AT = 8 + 17
"""Bytes into a packet of ProRes: its size and `icpf` take 8."""
_FFV1_SLICES = ("4", "6", "9", "12", "16", "24", "30")
_FIXED_SIZE = frozenset({"v210", "rawvideo", "dnxhd"})
"""All packets have the same size."""
_NOMINAL_SHARE = 15
"""The nominal bit rate of a DNxHD compression differs from the real one by less than this part of it."""


class IntraOnly:
    """The family of codecs without references between pictures."""

    reads_keyframes = False

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return CLEAN for every packet."""
        return RandomAccess.CLEAN

    def parameter_sets(self, packet: bytes, config: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return nothing: every picture carries its own description."""
        return ()

    def sequence_sets(self, config: bytes, in_band: Sequence[bytes], *, annexb: bool) -> frozenset[bytes]:
        """Return nothing: keyframes describe themselves."""
        return frozenset()

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Choose the encoder of the same name, and compare its configuration with the film's."""
        video = source.video
        if av.VideoFormat(video.pix_fmt, 16, 16).has_palette:
            raise NotApplicable("the pictures have palettes, which hold no other colors")
        settings = _settings(source)
        formats = pixel_formats(settings.encoder)
        if not settings.same_codec or (formats and settings.pix_fmt not in formats):
            raise NotApplicable(f"{settings.encoder} does not write {video.pix_fmt}")
        if video.codec == "ffv1":
            settings = _match_ffv1(source, settings)
        config = bytes(open_encoder(video, settings).extradata or b"")
        if video.codec not in _USUAL_SETTINGS and config and config != source.config:
            raise NotApplicable(f"the film's {video.codec} configuration differs from the encoder's")
        size = len(source.first_packet) if video.codec in _FIXED_SIZE else 0
        convert = _RequireSize(video.codec, size) if size else as_encoded
        return MatchedEncoder(settings, source.config, convert, unchanged_packet)


def _settings(source: SourceVideo) -> EncoderSettings:
    video = source.video
    if video.codec in _USUAL_SETTINGS:
        settings = choose_encoder(video, 0, field_order=field_order(source.frame))
        return _with_alpha_depth(settings, source.first_packet) if video.codec == "prores" else settings
    if video.interlaced and video.codec != "dnxhd":
        raise NotApplicable(f"interlaced {video.codec} is not matched by the encoder")
    settings = EncoderSettings(ENCODERS[video.codec], video.pix_fmt)
    if video.codec == "dnxhd":
        return _match_dnxhd(source, replace(settings, options=_dnxhd_options(video)))
    return settings


def _with_alpha_depth(settings: EncoderSettings, packet: bytes) -> EncoderSettings:
    """Store the alpha of ProRes in as many bits as the film does: in others, 8 bits come back changed.

    Source: SMPTE RDD 36, 5.1.1 (frame header: `alpha_channel_type` is 1 for 8 bits, 2 for 16).
    """
    depth = {1: "8", 2: "16"}.get(packet[_ALPHA_TYPE_AT] & 15 if len(packet) > _ALPHA_TYPE_AT else 0)
    return replace(settings, options={**settings.options, "alpha_bits": depth}) if depth else settings


def _match_ffv1(source: SourceVideo, settings: EncoderSettings) -> EncoderSettings:
    """Search the options that write the film's configuration; version 1 has none, it is in the keyframes."""
    if not source.config:
        return replace(settings, options={"level": "1", "g": "1"})
    values = itertools.product(("1", "12"), _FFV1_SLICES, ("0", "1", "2"), ("0", "1"), ("1", "0"))
    for g, slices, coder, context, crc in values:
        options = {"level": "3", "g": g, "slices": slices, "coder": coder, "context": context, "slicecrc": crc}
        candidate = replace(settings, options=options)
        with suppress(NotApplicable):
            if bytes(open_encoder(source.video, candidate).extradata or b"") == source.config:
                return candidate
    return settings


def _match_dnxhd(source: SourceVideo, settings: EncoderSettings) -> EncoderSettings:
    """Choose the bit rate by which the encoder knows the film's compression: one of a few nominal rates, if any.

    The nominal rate is that of another frame rate as a rule: 115 Mbit/s stand for 116.3 at 23.976 frames/s. Each is
    unique among the compressions of its picture size, whose packets have a fixed size.
    """
    measured = _megabits(source)
    if settings.options.get("profile", "").startswith("dnxhr"):
        return replace(settings, bit_rate=measured * 1_000_000)
    for distance in range(1 + measured // _NOMINAL_SHARE):
        for megabits in dict.fromkeys((measured - distance, measured + distance)):
            candidate = replace(settings, bit_rate=megabits * 1_000_000)
            with suppress(NotApplicable):
                open_encoder(source.video, candidate)
                return candidate
    raise NotApplicable(f"no encoder here writes this dnxhd of {measured} Mbit/s")


def _dnxhd_options(video: VideoStream) -> dict[str, str]:
    """Return the profile of DNxHR, and the flag for fields, whose order the encoder reads from each frame."""
    name = video.profile.lower().replace(" ", "_")
    fields = {"flags": "+ildct"} if video.interlaced else {}
    return {"profile": name, **fields} if name.startswith("dnxhr") else fields


def _megabits(source: SourceVideo) -> int:
    rate = Fraction(source.video.rate)
    return round(len(source.first_packet) * 8 * rate / 1_000_000)


class _RequireSize:
    """Returns an encoder's packet unchanged, or refuses one whose size differs from the film's packets."""

    def __init__(self, codec: str, size_bytes: int) -> None:
        self._codec, self._size_bytes = codec, size_bytes

    def __call__(self, packet: bytes, key: bool) -> bytes:
        if len(packet) != self._size_bytes:
            raise NotApplicable(
                f"the film's {self._codec} packets have {self._size_bytes} bytes, the encoder's {len(packet)}"
            )
        return packet
