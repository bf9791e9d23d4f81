"""H.264 headers as far as a splice needs them: parameter sets, avcC, picture kinds, x264's own note.

Source  ITU-T H.264, 7.3.2.1 and 7.3.2.2 (parameter sets), 7.4.1 (unit types), E.1 (VUI); ISO/IEC 14496-15, 5.3.3.1
        (avcC). x264 writes its options into an SEI message of the first picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from ..not_applicable import Unsuited
from .nal import Bits, behind_codes, units

SLICE, IDR, SPS, PPS, AUD = 1, 5, 7, 8, 9
_HIGH = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 138, 139, 134, 135, 244})
"""Profiles whose sequence sets tell chroma format and bit depth."""
_NOTE = re.compile(rb"x264 - core \d+.*?options: ([ -~]+)", re.DOTALL)
_ANY_ASPECT = 255


@dataclass(frozen=True)
class Config:
    """An avcC: everything that a decoder knows before the first picture."""

    head: bytes
    """Version, profile, compatibility, level and the length size, 5 bytes; empty where the sets stand in band."""
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    tail: bytes = b""
    """Chroma format and bit depth of the High profiles; may be empty."""

    def with_sets(self, sps: Iterable[bytes], pps: Iterable[bytes]) -> Config:
        """Add parameter sets that are not there yet."""
        more_sps = tuple(one for one in sps if one not in self.sps)
        more_pps = tuple(one for one in pps if one not in self.pps)
        return replace(self, sps=self.sps + more_sps, pps=self.pps + more_pps)

    def write(self) -> bytes:
        """Spell the avcC."""
        return (
            self.head
            + bytes([0xE0 | len(self.sps)])
            + b"".join(len(one).to_bytes(2, "big") + one for one in self.sps)
            + bytes([len(self.pps)])
            + b"".join(len(one).to_bytes(2, "big") + one for one in self.pps)
            + self.tail
        )


def read_config(body: bytes) -> Config:
    """Read an avcC.

    Raises:
        Unsuited: it is broken, or lengths are not four bytes.
    """
    if len(body) < 7 or body[4] & 3 != 3:
        raise Unsuited("the pictures are not stored with four-byte lengths")
    sps, at = _sets(body, 6, body[5] & 31)
    pps, at = _sets(body, at + 1, body[at])
    return Config(body[:5], sps, pps, body[at:])


def in_band_config(stream: bytes) -> Config:
    """Gather the parameter sets of a byte stream."""
    found = list(dict.fromkeys(unit for unit in behind_codes(stream) if unit))
    sps, pps = (tuple(unit for unit in found if unit[0] & 31 == kind) for kind in (SPS, PPS))
    if not sps or not pps:
        raise Unsuited("the film begins without the parameter sets of its pictures")
    return Config(b"", sps, pps)


def _sets(body: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        size = int.from_bytes(body[at : at + 2], "big")
        found.append(body[at + 2 : at + 2 + size])
        at += 2 + size
    if at > len(body):
        raise Unsuited("the parameter sets of the picture are broken")
    return tuple(found), at


def used_ids(config: Config) -> set[int]:
    """Give all numbers that the parameter sets go by."""
    return {Bits(one, 4).ue() for one in config.sps} | {Bits(one, 1).ue() for one in config.pps}


def picture_kind(packet: bytes, *, annexb: bool = False) -> int:
    """Give the kind of a packet's first picture slice: SLICE, IDR, or 0 where there is none."""
    for unit in units(packet, annexb=annexb):
        if unit and unit[0] & 31 in (SLICE, IDR):
            return unit[0] & 31
    return 0


def x264_options(packet: bytes) -> dict[str, str]:
    """Read the options that x264 noted in the first packet; empty where it did not."""
    found = _NOTE.search(packet)
    if found is None:
        return {}
    pairs = (word.partition("=") for word in found[1].decode("ascii").split())
    return {key: value for key, _, value in pairs}


@dataclass(frozen=True)
class Sequence:
    """What a sequence parameter set says that an encoder must say again."""

    profile: int
    level: int
    order_bits: int
    """Bits of the picture order count; 0 where it is not sent."""
    reordered: int | None
    """How many pictures are held back for reordering at most; None where it is left open."""
    tells_aspect: bool
    tick: Fraction | None
    """Seconds per tick of the pictures' clock; None where it has none."""
    fixed_rate: bool
    fields: bool
    """Whether pictures may be coded as two fields."""


def read_sequence(sps: bytes) -> Sequence:
    """Read a sequence parameter set.

    Raises:
        Unsuited: it has scaling matrices of its own, or order counts of a kind that is hardly used.
    """
    bits = Bits(sps, 1)
    profile, _, level, _ = bits.u(8), bits.u(8), bits.u(8), bits.ue()
    if profile in _HIGH:
        if bits.ue() == 3:
            bits.u()
        bits.ue(), bits.ue(), bits.u()
        if bits.u():
            raise Unsuited("the pictures have scaling matrices of their own")
    bits.ue()
    kind = bits.ue()
    if kind == 1:
        raise Unsuited("the pictures' order is told in a way that no encoder here writes")
    order_bits = bits.ue() + 4 if kind == 0 else 0
    bits.ue(), bits.u(), bits.ue(), bits.ue()
    fields = not bits.u()
    if fields:
        bits.u()
    bits.u()
    if bits.u():
        [bits.ue() for _ in range(4)]
    reordered, aspect, tick, fixed = _usability(bits) if bits.u() else (None, False, None, False)
    return Sequence(profile, level, order_bits, reordered, aspect, tick, fixed, fields)


def _usability(bits: Bits) -> tuple[int | None, bool, Fraction | None, bool]:
    """Read the VUI: reordering, whether the pixels' shape is told, the clock, and whether its rate is fixed."""
    aspect = bool(bits.u())
    if aspect and bits.u(8) == _ANY_ASPECT:
        bits.u(32)
    if bits.u():
        bits.u()
    if bits.u():
        bits.u(4)
        if bits.u():
            bits.u(24)
    if bits.u():
        bits.ue(), bits.ue()
    tick, fixed = None, False
    if bits.u():
        units_in_tick, scale, fixed = bits.u(32), bits.u(32), bool(bits.u())
        tick = Fraction(2 * units_in_tick, scale) if scale else None
    told, also_told = _buffering(bits), _buffering(bits)
    if told or also_told:
        bits.u()
    bits.u()
    if not bits.u():
        return None, aspect, tick, fixed
    bits.u(), bits.ue(), bits.ue(), bits.ue(), bits.ue()
    return bits.ue(), aspect, tick, fixed


def _buffering(bits: Bits) -> bool:
    """Skip what is told of buffering, if anything is; tell whether it was."""
    if not bits.u():
        return False
    count = bits.ue() + 1
    bits.u(8)
    for _ in range(count):
        bits.ue(), bits.ue(), bits.u()
    bits.u(20)
    return True


@dataclass(frozen=True)
class Picture:
    """What a picture parameter set says that an encoder must say again."""

    cabac: bool
    references: int
    weighted: bool
    weighted_bi: int
    quantiser: int
    """The quantiser that slices count from."""
    chroma_offset: int
    constrained_intra: bool
    transform_8x8: bool


def read_picture(pps: bytes) -> Picture:
    """Read a picture parameter set.

    Raises:
        Unsuited: pictures are cut into groups of slices.
    """
    bits = Bits(pps, 1)
    bits.ue(), bits.ue()
    cabac = bool(bits.u())
    bits.u()
    if bits.ue():
        raise Unsuited("the pictures are cut into groups of slices")
    references = bits.ue() + 1
    bits.ue()
    weighted, weighted_bi = bool(bits.u()), bits.u(2)
    quantiser = bits.se() + 26
    bits.se()
    chroma, _, constrained, _ = bits.se(), bits.u(), bool(bits.u()), bits.u()
    return Picture(cabac, references, weighted, weighted_bi, quantiser, chroma, constrained, bool(bits.u()))
