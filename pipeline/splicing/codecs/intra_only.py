"""Codecs in which every packet can be decoded alone: ProRes, MJPEG, DNxHD, FFV1 and others.

Only the edited frames are re-encoded, except where FFV1 has rare keyframes. If a codec has a decoder configuration,
the encoder's must equal the film's; some codecs also require that all packets have one size.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from ...core.values import VideoStream
from ..encoders import EncoderSettings, choose_encoder, pixel_formats
from ..not_applicable import NotApplicable
from ..pictures.fields import field_order
from .family import MatchedEncoder, RandomAccess, SourceVideo, as_encoded, unchanged_packet
from .video_encoder import open_encoder

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
_FFV1_SLICES = ("4", "6", "9", "12", "16", "24", "30")
_FIXED_SIZE = frozenset({"v210", "rawvideo", "dnxhd"})
"""All packets have the same size."""


class IntraOnly:
    """The family of codecs without references between pictures."""

    reads_keyframes = False

    def random_access(self, packet: bytes, *, annexb: bool) -> RandomAccess:
        """Return CLEAN for every packet."""
        return RandomAccess.CLEAN

    def parameter_sets(self, packet: bytes, *, annexb: bool) -> tuple[bytes, ...]:
        """Return nothing: every picture carries its own description."""
        return ()

    def match_encoder(self, source: SourceVideo) -> MatchedEncoder:
        """Choose the encoder of the same name, and compare its configuration with the film's."""
        video = source.video
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
        return choose_encoder(video, 0, field_order=field_order(source.frame))
    if video.interlaced:
        raise NotApplicable(f"interlaced {video.codec} is not matched by the encoder")
    settings = EncoderSettings(ENCODERS[video.codec], video.pix_fmt)
    if video.codec == "dnxhd":
        return replace(settings, options=_dnxhd_options(video), bit_rate=_bit_rate(source))
    return settings


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


def _dnxhd_options(video: VideoStream) -> dict[str, str]:
    name = video.profile.lower().replace(" ", "_")
    return {"profile": name} if name.startswith("dnxhr") else {}


def _bit_rate(source: SourceVideo) -> int:
    rate = Fraction(source.video.rate)
    return round(len(source.first_packet) * 8 * rate / 1_000_000) * 1_000_000


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
