"""HEVC: decoding resumes at IDR pictures and at CRA pictures that are marked as a broken link.

The new pictures come from the source's twin where x265 noted its options. Else their parameter sets stand in the
packets, and the packet at which the film goes on brings the film's own sets back.

Source  ITU-T H.265, 7.3.1.2 and table 7-1 (unit types), 8.1.3 (what is decoded after a broken link); ISO/IEC
        14496-15, 8.3.3.1 (hvcC). x265 writes its options into an SEI message.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from ...kinds import VideoStream
from ..boxes import Unsuited
from ..encoders import Choice, pixel_formats
from ..hdr import with_static
from .coding import opened
from .family import Coder, Resume, Stored
from .nal import Bits, behind_codes, joined, units

_IDR, _CRA, _BROKEN_LINK = (16, 17, 18, 19, 20), 21, 18
"""BLA and IDR pictures stand for themselves; a CRA becomes a BLA without leading pictures."""
_SPS, _BEFORE_LEVEL_BITS = 33, 8 + 88
_SETS, _SEI, _AUD, _FIRST_NOT_PICTURE = (32, 33, 34), (39,), 35, 32
_HEAD_BYTES = 22
_NOTE = re.compile(rb"x265 \(build \d+\).*?options: ([ -~]+)", re.DOTALL)
_SAME = (
    *("bframes", "b-pyramid", "ref", "ctu", "min-cu-size", "max-tu-size", "tu-intra-depth", "tu-inter-depth", "sao"),
    *("selective-sao", "amp", "weightp", "weightb", "signhide", "tskip", "strong-intra-smoothing", "temporal-mvp"),
    *("deblock", "wpp", "cbqpoffs", "crqpoffs", "lossless", "cu-lossless", "level-idc", "high-tier", "limit-refs"),
    *("rect", "max-merge", "constrained-intra", "log2-max-poc-lsb", "temporal-layers", "qg-size"),
    *("vui-timing-info", "vui-hrd-info"),
)
"""What x265 writes into its parameter sets, by the names of its note."""
_PRESET, _PRESETS = "fast", ("medium", "fast", "faster", "veryfast", "superfast", "ultrafast", "slow", "slower")
_FINER_STEPS, _FINE = 4, 12
_MOST_KBPS = {30: 128, 60: 1500, 63: 3000, 90: 6000, 93: 10000, 120: 12000, 123: 20000, 150: 25000, 153: 40000}
"""By the level that a sequence set tells (30 times its number): x265 chooses a level by the rate that it may reach."""


class Hevc:
    """The family of HEVC."""

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """Tell by the kind of the first picture unit."""
        kind = _kind(next(_pictures(packet, annexb=annexb), b"\x00\x00"))
        if kind in _IDR:
            return Resume.PLAIN
        return Resume.BROKEN_LINK if kind == _CRA else Resume.NO

    def coder(self, stored: Stored) -> Coder:
        """Take the source's twin, else an x265 whose parameter sets stand in its packets."""
        video, annexb = stored.video, stored.annexb
        if video.interlaced or video.pix_fmt not in pixel_formats("libx265"):
            raise Unsuited("interlaced pictures or this pixel format cannot be matched by the encoder")
        own = _config_sets(stored)
        match = twin(video, own, _noted(stored.first + stored.config))
        choice = with_static(match or _stranger(video, stored.reorder), stored.frame)
        front = _headers(video, choice, _SEI if match is not None and not annexb else (*_SETS, *_SEI))
        in_band = match is None and not annexb
        return Coder(
            choice,
            _left_open(stored.config) if in_band else stored.config,
            _Speller(front, annexb=annexb),
            _Resumer(own if match is None else (), annexb=annexb),
            twin=match is not None,
            in_band=in_band,
        )


def _kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _pictures(packet: bytes, *, annexb: bool) -> Iterator[bytes]:
    return (unit for unit in units(packet, annexb=annexb) if len(unit) > 1 and _kind(unit) < _FIRST_NOT_PICTURE)


def _config_sets(stored: Stored) -> tuple[bytes, ...]:
    found = behind_codes(stored.config) if stored.annexb else _stored_sets(stored.config)
    sets = tuple(dict.fromkeys(unit for unit in found if unit and _kind(unit) in _SETS))
    if len(sets) < len(_SETS):
        raise Unsuited("the film does not tell the parameter sets of its pictures beforehand")
    return sets


def _stored_sets(config: bytes) -> Iterator[bytes]:
    """Give the units of an hvcC."""
    if len(config) <= _HEAD_BYTES or config[21] & 3 != 3:
        raise Unsuited("the pictures are not stored with four-byte lengths")
    at = _HEAD_BYTES + 1
    for _ in range(config[_HEAD_BYTES]):
        count, at = int.from_bytes(config[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size, at = int.from_bytes(config[at : at + 2], "big"), at + 2
            yield config[at : at + size]
            at += size


def _noted(data: bytes) -> dict[str, str]:
    """Read the options that x265 noted; empty where it did not. A bare word is an option that is on."""
    found = _NOTE.search(data)
    if found is None:
        return {}
    noted = {}
    for word in found[1].decode("ascii").split():
        name, sign, value = word.partition("=")
        noted[name.removeprefix("no-")] = value if sign else str(int(not name.startswith("no-")))
    return noted


def twin(video: VideoStream, own: tuple[bytes, ...], noted: dict[str, str]) -> Choice | None:
    """Search an x265 that writes the source's own parameter sets; None where there is none."""
    params = {name: value.replace(":", ",") for name, value in noted.items() if name in _SAME}
    if noted.get("aq-mode") == noted.get("cutree") == "0":
        params["aq-mode"] = "0"  # else the pictures' sets tell of quantisers that change within a picture
    fine = max(float(noted["crf"]) - _FINER_STEPS, 0) if noted.get("rc") == "crf" else _FINE
    aspects = (True, False) if video.sample_aspect == 1 else (True,)
    presets = (_PRESET,) if noted else _PRESETS
    clocks = (None, video.time_base)
    for preset, aspect, clock, rate in itertools.product(presets, aspects, clocks, ({}, _rate(own))):
        choice = _choice(video, f"{fine:g}", params | rate)
        options = {**choice.options, "preset": preset}
        choice = replace(choice, options=options, says_aspect=aspect, clock=clock)
        if set(parameter_sets(video, choice)) == set(own):
            return choice
    return None


def _rate(own: tuple[bytes, ...]) -> dict[str, str]:
    """Give the bounds on the rate by which x265 arrives at the film's level."""
    bits = Bits(next(unit for unit in own if _kind(unit) == _SPS), 2)
    bits.u(_BEFORE_LEVEL_BITS)
    most = str(_MOST_KBPS.get(bits.u(8), 0))
    return {"vbv-maxrate": most, "vbv-bufsize": most}


def _stranger(video: VideoStream, reorder: int) -> Choice:
    params = {"bframes": "3" if reorder else "0", "b-pyramid": "1" if reorder > 1 else "0"}
    return _choice(video, str(_FINE), params)


def _choice(video: VideoStream, crf: str, params: dict[str, str]) -> Choice:
    fixed = {"log-level": "none", "open-gop": "0", "repeat-headers": "0", "info": "0", "cutree": "0"}
    spelt = ":".join(f"{key}={value}" for key, value in {**params, **fixed}.items())
    return Choice("libx265", video.pix_fmt, {"preset": _PRESET, "crf": crf, "x265-params": spelt})


def parameter_sets(video: VideoStream, choice: Choice) -> tuple[bytes, ...]:
    """Open an encoder to see the parameter sets that it would write."""
    return _headers(video, choice, _SETS)


def _headers(video: VideoStream, choice: Choice, kinds: tuple[int, ...]) -> tuple[bytes, ...]:
    found = behind_codes(bytes(opened(video, choice).extradata or b""))
    return tuple(unit for unit in found if unit and _kind(unit) in kinds)


def _left_open(config: bytes) -> bytes:
    """Say in an hvcC that its parameter sets are not all that the film uses."""
    made, at = bytearray(config), _HEAD_BYTES + 1
    for _ in range(config[_HEAD_BYTES]):
        made[at] &= 0x7F
        count, at = int.from_bytes(config[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            at += 2 + int.from_bytes(config[at : at + 2], "big")
    return bytes(made)


class _Speller:
    """Spells an encoder's packets, keyframes with what belongs in front of them."""

    def __init__(self, front: tuple[bytes, ...], *, annexb: bool) -> None:
        self._front, self._annexb = front, annexb

    def __call__(self, packet: bytes, key: bool) -> bytes:
        return joined([*(self._front if key else ()), *behind_codes(packet)], annexb=self._annexb)


class _Resumer:
    """Spells the film's packet that comes after new pictures."""

    def __init__(self, sets: tuple[bytes, ...], *, annexb: bool) -> None:
        self._sets, self._annexb = sets, annexb

    def __call__(self, packet: bytes) -> bytes:
        found = list(units(packet, annexb=self._annexb))
        if not self._annexb or not any(_kind(unit) in _SETS for unit in found):
            after = 1 if found and _kind(found[0]) == _AUD else 0
            found[after:after] = self._sets
        if not any(_kind(unit) == _CRA for unit in found):
            return joined(found, annexb=self._annexb) if self._sets else packet
        return joined(map(_linked, found), annexb=self._annexb)


def _linked(unit: bytes) -> bytes:
    """Mark the units of a CRA picture as a broken link; the rest of the header stays."""
    if _kind(unit) != _CRA:
        return unit
    return bytes([unit[0] & 0x81 | _BROKEN_LINK << 1]) + unit[1:]
