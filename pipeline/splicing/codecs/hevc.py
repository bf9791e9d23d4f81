"""HEVC: decoding resumes at IDR pictures and at CRA pictures that are marked as a broken link.

The new pictures come from the source's twin where there is one. Else their parameter sets go by numbers that the film
does not use, and stand beside the film's own.

Source  ITU-T H.265, 7.3.1.2 and table 7-1 (unit types), 8.1.3 (what is decoded after a broken link); ISO/IEC
        14496-15, 8.3.3.1 (hvcC). x265 writes its options into an SEI message.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from ...core.values import VideoStream
from ..encoders import Choice, pixel_formats
from ..not_applicable import Unsuited
from ..pictures.hdr import with_static
from .coding import opened
from .family import Coder, Resume, Stored
from .nal import Bits, Speller, behind_codes, escaped, joined, plain, units

_IDR, _CRA, _BROKEN_LINK = (16, 17, 18, 19, 20), 21, 18
"""BLA and IDR pictures stand for themselves; a CRA becomes a BLA without leading pictures."""
_FIRST_KEY, _LAST_KEY, _FIRST_NOT_PICTURE = 16, 23, 32
_VPS, _SPS, _PPS, _SEI = 32, 33, 34, 39
_SETS = (_VPS, _SPS, _PPS)
_BEFORE_LEVEL_BITS = 8 + 88
_BEFORE_NUMBER_BITS = _BEFORE_LEVEL_BITS + 8
_FREE_VPS, _FREE_CODE, _FREE_BITS = 14, 0b000010000, 9
"""The number 15 of a sequence or picture set, as it is coded."""
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
_PRESET, _PRESETS = "veryfast", ("medium", "fast", "faster", "veryfast", "superfast", "ultrafast", "slow", "slower")
_FINER_STEPS, _FINE = 4, 12
_MOST_KBPS = {30: 128, 60: 1500, 63: 3000, 90: 6000, 93: 10000, 120: 12000, 123: 20000, 150: 25000, 153: 40000}
"""By the level that a sequence set tells (30 times its number): x265 chooses a level by the rate that it may reach."""


class Hevc:
    """The family of HEVC."""

    looks_into = True

    def resumes(self, packet: bytes, *, annexb: bool) -> Resume:
        """Tell by the kind of the first picture unit."""
        kind = _kind(next(_pictures(packet, annexb=annexb), b"\x00\x00"))
        if kind in _IDR:
            return Resume.PLAIN
        return Resume.BROKEN_LINK if kind == _CRA else Resume.NO

    def coder(self, stored: Stored) -> Coder:
        """Take the source's twin, else an x265 whose parameter sets go by numbers that the film does not use."""
        video, annexb = stored.video, stored.annexb
        if video.interlaced or video.pix_fmt not in pixel_formats("libx265"):
            raise Unsuited("interlaced pictures or this pixel format cannot be matched by the encoder")
        own = _config_sets(stored)
        match = twin(video, own, _noted(stored.first + stored.config))
        choice = with_static(match or _stranger(video, stored.reorder), stored.frame)
        sets, told = parameter_sets(video, choice), _headers(video, choice, (_SEI,))
        config = stored.config
        if match is None:
            sets = renumbered_sets(sets, own)
            config = config if annexb else _with_sets(config, tuple(one for one in sets if one not in own))
        front = (*sets, *told) if annexb else told
        speller = Speller(annexb=annexb, front=front, each=_renumbered if match is None else None)
        return Coder(choice, config, speller, _Resumer(annexb=annexb), twin=match is not None)


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


def _with_sets(config: bytes, sets: tuple[bytes, ...]) -> bytes:
    """Add parameter sets to an hvcC, each to the array of its kind."""
    made, at = bytearray(config[: _HEAD_BYTES + 1]), _HEAD_BYTES + 1
    for _ in range(config[_HEAD_BYTES]):
        start, count, at = at, int.from_bytes(config[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            at += 2 + int.from_bytes(config[at : at + 2], "big")
        more = [unit for unit in sets if _kind(unit) == config[start] & 63]
        made += config[start : start + 1] + (count + len(more)).to_bytes(2, "big") + config[start + 3 : at]
        made += b"".join(len(unit).to_bytes(2, "big") + unit for unit in more)
    return bytes(made) + config[at:]


def renumbered_sets(sets: tuple[bytes, ...], own: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Give x265's parameter sets the numbers that are free; an earlier splice may have brought the very same ones.

    Raises:
        Unsuited: the film uses them for others.
    """
    film = {(_kind(unit), _number(unit)): unit for unit in own}
    made = tuple(_renumbered(unit) for unit in sets)
    if any(film.get((_kind(unit), _number(unit)), unit) != unit for unit in made):
        raise Unsuited("the film uses the numbers that the encoder's parameter sets would go by")
    return made


def _number(unit: bytes) -> int:
    bits = Bits(unit, 2)
    if _kind(unit) == _VPS:
        return bits.u(4)
    bits.u(_BEFORE_NUMBER_BITS if _kind(unit) == _SPS else 0)
    return bits.ue()


def _renumbered(unit: bytes) -> bytes:
    """Give a set or a slice of x265, where every number is 0, the free numbers."""
    kind, data = _kind(unit), plain(unit)
    if kind == _VPS:
        data = data[:2] + bytes([data[2] & 15 | _FREE_VPS << 4]) + data[3:]
    elif kind == _SPS:
        data = data[:2] + bytes([data[2] & 15 | _FREE_VPS << 4]) + data[3:]
        data = _lengthened(data, 16 + _BEFORE_NUMBER_BITS)
    elif kind == _PPS:
        data = _lengthened(_lengthened(data, 16), 16 + _FREE_BITS)
    elif kind < _FIRST_NOT_PICTURE:
        data = _lengthened(data, 16 + (2 if _FIRST_KEY <= kind <= _LAST_KEY else 1))
    return escaped(data)


def _lengthened(data: bytes, bit: int) -> bytes:
    """Put the free number where the one-bit code of 0 stands: eight bits more, so all that follows keeps its place."""
    place, ahead = divmod(bit, 8)
    byte, after = data[place], 7 - ahead
    wide = (byte >> 8 - ahead) << _FREE_BITS + after | _FREE_CODE << after | byte & (1 << after) - 1
    return data[:place] + wide.to_bytes(2, "big") + data[place + 1 :]


class _Resumer:
    """Spells the film's packet that comes after new pictures."""

    def __init__(self, *, annexb: bool) -> None:
        self._annexb = annexb

    def __call__(self, packet: bytes) -> bytes:
        return joined(map(_linked, units(packet, annexb=self._annexb)), annexb=self._annexb)


def _linked(unit: bytes) -> bytes:
    """Mark the units of a CRA picture as a broken link; the rest of the header stays."""
    if _kind(unit) != _CRA:
        return unit
    return bytes([unit[0] & 0x81 | _BROKEN_LINK << 1]) + unit[1:]
