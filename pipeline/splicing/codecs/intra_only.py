"""Codecs whose every packet stands for itself: ProRes, MJPEG, DNxHD, FFV1 and their like.

Nothing beside the edited frames is coded anew, but where FFV1 has rare keyframes. Where a codec has a configuration of
its own, the encoder's must be the film's; and some carry in each packet what must be alike throughout.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

from ...core.values import VideoStream
from ..encoders import Choice, choose, pixel_formats
from ..not_applicable import Unsuited
from ..pictures.fields import fields
from .coding import opened
from .family import Coder, Resume, Stored, as_coded, same

ENCODERS = {
    "prores": "prores_ks",
    **{
        name: name
        for name in (
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
    },
}
"""By the names that ffmpeg gives the codecs."""
_OWN_CHOICE = frozenset({"prores", "mjpeg"})
_FFV1_SLICES = ("4", "6", "9", "12", "16", "24", "30")
_SIZED = frozenset({"v210", "rawvideo", "dnxhd"})
"""Each packet is as long as every other one."""


class Lone:
    """The family of codecs without references."""

    looks_into = False

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """Everywhere."""
        return Resume.PLAIN

    def coder(self, stored: Stored) -> Coder:
        """Choose the encoder of the same name, and see that it says what the film says."""
        video = stored.video
        choice = _choice(stored)
        formats = pixel_formats(choice.encoder)
        if not choice.same_codec or (formats and choice.pix_fmt not in formats):
            raise Unsuited(f"{choice.encoder} does not write {video.pix_fmt}")
        if video.codec == "ffv1":
            choice = _ffv1(stored, choice)
        told = bytes(opened(video, choice).extradata or b"")
        if video.codec not in _OWN_CHOICE and told and told != stored.config:
            raise Unsuited(f"the film's {video.codec} is configured otherwise than the encoder's")
        size = len(stored.first) if video.codec in _SIZED else 0
        return Coder(choice, stored.config, _Sized(video.codec, size) if size else as_coded, same)


def _choice(stored: Stored) -> Choice:
    video = stored.video
    if video.codec in _OWN_CHOICE:
        return choose(video, 0, fields=fields(stored.frame))
    if video.interlaced:
        raise Unsuited(f"interlaced {video.codec} is not matched by the encoder")
    choice = Choice(ENCODERS[video.codec], video.pix_fmt)
    if video.codec == "dnxhd":
        return replace(choice, options=_dnx(video), bit_rate=_rate(stored))
    return choice


def _ffv1(stored: Stored, choice: Choice) -> Choice:
    """Search the options that give the film's configuration; an old film has none, and tells all in its keyframes."""
    if not stored.config:
        return replace(choice, options={"level": "1", "g": "1"})
    values = itertools.product(("1", "12"), _FFV1_SLICES, ("0", "1", "2"), ("0", "1"), ("1", "0"))
    for g, slices, coder, context, crc in values:
        options = {"level": "3", "g": g, "slices": slices, "coder": coder, "context": context, "slicecrc": crc}
        made = replace(choice, options=options)
        with suppress(Unsuited):
            if bytes(opened(stored.video, made).extradata or b"") == stored.config:
                return made
    return choice


def _dnx(video: VideoStream) -> dict[str, str]:
    name = video.profile.lower().replace(" ", "_")
    return {"profile": name} if name.startswith("dnxhr") else {}


def _rate(stored: Stored) -> int:
    rate = Fraction(stored.video.rate)
    return round(len(stored.first) * 8 * rate / 1_000_000) * 1_000_000


class _Sized:
    """Refuses a packet that is longer or shorter than the film's."""

    def __init__(self, codec: str, size_bytes: int) -> None:
        self._codec, self._size_bytes = codec, size_bytes

    def __call__(self, packet: bytes, key: bool) -> bytes:
        if len(packet) != self._size_bytes:
            raise Unsuited(
                f"the film's {self._codec} packets have {self._size_bytes} bytes, the encoder's {len(packet)}"
            )
        return packet
