"""H.264 headers, as far as a splice needs them: parameter sets, avcC, slice types, and x264's note of its options.

Source: ITU-T H.264, 7.3.2.1 and 7.3.2.2 (parameter sets), 7.4.1 (unit types), E.1 (VUI); ISO/IEC 14496-15, 5.3.3.1
(avcC). x264 writes its options into an SEI message of the first picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from ...media.nal_units import BitReader, sei_payload, split_start_codes, split_units
from ...media.not_applicable import NotApplicable

SLICE, IDR, SEI, SPS, PPS = 1, 5, 6, 7, 8
_FRAME_PACKING = 45
BROKEN_SETS = "the parameter sets of the picture are broken"
_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 138, 139, 134, 135, 244})
"""Profiles whose SPS has chroma format and bit depth."""
_X264_NOTE = re.compile(rb"x264 - core \d+.*?options: ([ -~]+)", re.DOTALL)
_EXTENDED_ASPECT = 255
_MOST_COUNTER_BITS, _MOST_BUFFERS = 16, 32
"""The most that frame numbers and order counts may have (7.4.2.1.1), and the most buffer models (E.2.2)."""


@dataclass(frozen=True)
class AvcConfig:
    """An avcC: everything that a decoder knows before the first picture."""

    head: bytes
    """Version, profile, compatibility, level and length size, 5 bytes; empty if the parameter sets are in band."""
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    tail: bytes = b""
    """Chroma format and bit depth of the High profiles; may be empty."""

    def with_sets(self, sps: Iterable[bytes], pps: Iterable[bytes]) -> AvcConfig:
        """Add parameter sets that are not in the configuration yet."""
        new_sps = tuple(unit for unit in sps if unit not in self.sps)
        new_pps = tuple(unit for unit in pps if unit not in self.pps)
        return replace(self, sps=self.sps + new_sps, pps=self.pps + new_pps)

    def with_units(self, units: Iterable[bytes]) -> AvcConfig:
        """Add the parameter sets among NAL units."""
        known = tuple(dict.fromkeys(units))
        return self.with_sets(*([unit for unit in known if unit[0] & 31 == kind] for kind in (SPS, PPS)))

    def to_bytes(self) -> bytes:
        """Return the body of the avcC box."""
        return (
            self.head
            + bytes([0xE0 | len(self.sps)])
            + b"".join(len(unit).to_bytes(2, "big") + unit for unit in self.sps)
            + bytes([len(self.pps)])
            + b"".join(len(unit).to_bytes(2, "big") + unit for unit in self.pps)
            + self.tail
        )


def parse_avcc(body: bytes) -> AvcConfig:
    """Parse an avcC.

    Raises:
        NotApplicable: it is broken, or NAL lengths are not four bytes.
    """
    if len(body) < 7 or body[4] & 3 != 3:
        raise NotApplicable("NAL units are not stored with four-byte lengths")
    sps, end = _parse_sets(body, 6, body[5] & 31)
    pps, end = _parse_sets(body, end + 1, int.from_bytes(body[end : end + 1]))
    return AvcConfig(body[:5], sps, pps, body[end:])


def parse_in_band(stream: bytes) -> AvcConfig:
    """Collect the parameter sets of a byte stream.

    Raises:
        NotApplicable: it has none.
    """
    units = list(dict.fromkeys(unit for unit in split_start_codes(stream) if unit))
    sps, pps = (tuple(unit for unit in units if unit[0] & 31 == kind) for kind in (SPS, PPS))
    if not sps or not pps:
        raise NotApplicable("the film does not begin with parameter sets")
    return AvcConfig(b"", sps, pps)


def _parse_sets(body: bytes, start: int, count: int) -> tuple[tuple[bytes, ...], int]:
    """Return `count` units that each follow a 16-bit length, and the position after them."""
    sets, position = [], start
    for _ in range(count):
        size = int.from_bytes(body[position : position + 2], "big")
        sets.append(body[position + 2 : position + 2 + size])
        position += 2 + size
    if position > len(body):
        raise NotApplicable(BROKEN_SETS)
    return tuple(sets), position


def used_ids(config: AvcConfig) -> set[int]:
    """Return the ids of all parameter sets."""
    return {BitReader(unit, 4).ue() for unit in config.sps} | {BitReader(unit, 1).ue() for unit in config.pps}


def first_slice_type(packet: bytes, *, annexb: bool = False) -> int:
    """Return the unit type of a packet's first slice: SLICE, IDR, or 0 if there is none."""
    for unit in split_units(packet, annexb=annexb):
        if unit and unit[0] & 31 in (SLICE, IDR):
            return unit[0] & 31
    return 0


def frame_packing(packet: bytes, *, annexb: bool) -> int | None:
    """Return how the two views of the pictures are packed, by H.264's number (D.1.26); None if they have one."""
    for unit in split_units(packet, annexb=annexb):
        message = sei_payload(unit, _FRAME_PACKING) if unit and unit[0] & 31 == SEI else b""
        if message:
            bits = BitReader(b"\0" + message, 1)
            bits.ue()
            return bits.u(7) if not bits.u() else None
    return None


def parse_x264_note(packet: bytes) -> dict[str, str]:
    """Parse the options that x264 noted in the first packet; empty if there is no note."""
    match = _X264_NOTE.search(packet)
    if match is None:
        return {}
    pairs = (word.partition("=") for word in match[1].decode("ascii").split())
    return {key: value for key, _, value in pairs}


@dataclass(frozen=True)
class SequenceParameters:
    """The fields of an SPS that a matching encoder must repeat, and those that slice headers depend on."""

    profile: int
    level: int
    number: int
    """Its id."""
    chroma_format: int
    """1 for 4:2:0; 0 has no chroma."""
    separate_planes: bool
    """Whether the planes of 4:4:4 are coded as pictures of their own."""
    luma_bits: int
    frame_number_bits: int
    order_bits: int
    """Bits of the picture order count; 0 if it is not sent, as pictures are shown in decoding order."""
    gaps: bool
    """Whether frame numbers may be left out."""
    macroblocks: int
    """Of a frame, or of a field if there are any."""
    reordered: int | None
    """Maximum number of pictures that are held back for reordering; None if unspecified."""
    has_aspect: bool
    chroma_location: int
    """Where chroma lies (chroma_sample_loc_type, of top fields); 0, at the left, if that is not said."""
    tick: Fraction | None
    """Seconds per tick of the pictures' clock; None if there is none."""
    fixed_rate: bool
    fields: bool
    """Whether pictures may be coded as two fields."""
    buffers: tuple[tuple[int, int], ...]
    """The rate in bits/s and the size in bits of each buffer model."""
    timing: TimingLayout
    """The fields of picture timing messages."""


@dataclass(frozen=True)
class TimingLayout:
    """Which fields picture timing messages have (D.1.3)."""

    delay_bits: int = 0
    """Of the delays of a buffer model, which come first."""
    offset_bits: int = 24
    """Of the time offset of each clock timestamp."""
    has_clocks: bool = False
    """Whether they say how a picture is shown, with clock timestamps."""


def parse_sps(sps: bytes) -> SequenceParameters:
    """Parse a sequence parameter set.

    Raises:
        NotApplicable: it has scaling matrices, pic_order_cnt_type 1, or a number that it cannot have.
    """
    sequence, has_scaling = _parse_sps(sps)
    if has_scaling:
        raise NotApplicable("the SPS has scaling matrices")
    return sequence


@lru_cache
def read_sps(sps: bytes) -> SequenceParameters | None:
    """Return the fields of a sequence parameter set, scaling matrices or not; None if it is not understood."""
    with suppress(NotApplicable):
        return _parse_sps(sps)[0]
    return None


def timing_layout(sps: bytes) -> TimingLayout | None:
    """Return the fields of picture timing messages; None if the sequence parameter set is not understood."""
    sequence = read_sps(sps)
    return sequence.timing if sequence is not None else None


def _parse_sps(sps: bytes) -> tuple[SequenceParameters, bool]:
    """Parse a sequence parameter set; also return whether it has scaling matrices."""
    bits = BitReader(sps, 1)
    profile, _, level, number = bits.u(8), bits.u(8), bits.u(8), bits.ue()
    chroma_format, separate_planes, luma_bits, has_scaling = 1, False, 8, False
    if profile in _HIGH_PROFILES:
        chroma_format = bits.ue()
        separate_planes = chroma_format == 3 and bool(bits.u())
        luma_bits += bits.ue()
        bits.ue(), bits.u()
        has_scaling = bool(bits.u())
        if has_scaling:
            _skip_scaling_lists(bits, 12 if chroma_format == 3 else 8)
    frame_number_bits = _limited(bits.ue() + 4, _MOST_COUNTER_BITS)
    order_type = bits.ue()
    if order_type == 1:
        raise NotApplicable("unsupported pic_order_cnt_type 1")
    order_bits = _limited(bits.ue() + 4, _MOST_COUNTER_BITS) if order_type == 0 else 0
    bits.ue()
    gaps = bool(bits.u())
    macroblocks = (bits.ue() + 1) * (bits.ue() + 1)
    fields = not bits.u()
    if fields:
        bits.u()
    bits.u()
    if bits.u():
        [bits.ue() for _ in range(4)]
    nothing = (None, False, 0, None, False, (), TimingLayout())
    reordered, aspect, chroma_location, tick, fixed, buffers, timing = _parse_vui(bits) if bits.u() else nothing
    sequence = SequenceParameters(
        profile=profile,
        level=level,
        number=number,
        chroma_format=chroma_format,
        separate_planes=separate_planes,
        luma_bits=luma_bits,
        frame_number_bits=frame_number_bits,
        order_bits=order_bits,
        gaps=gaps,
        macroblocks=macroblocks,
        reordered=reordered,
        has_aspect=aspect,
        chroma_location=chroma_location,
        tick=tick,
        fixed_rate=fixed,
        fields=fields,
        buffers=buffers,
        timing=timing,
    )
    return sequence, has_scaling


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    """Skip scaling lists (7.3.2.1.1.1): the first six have 16 numbers, the others 64."""
    for number in range(count):
        last = following = 8
        for _ in range((16 if number < 6 else 64) if bits.u() else 0):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def _limited(value: int, most: int) -> int:
    """Return a number of a parameter set; a damaged one may be any, and would be read or counted for minutes."""
    if value > most:
        raise NotApplicable(BROKEN_SETS)
    return value


def skip_to_chroma_location(bits: BitReader) -> bool:
    """Skip the start of a VUI, which is the same in H.264 and HEVC; return whether it has an aspect ratio."""
    aspect = bool(bits.u())
    if aspect and bits.u(8) == _EXTENDED_ASPECT:
        bits.u(32)
    if bits.u():
        bits.u()
    if bits.u():
        bits.u(4)
        if bits.u():
            bits.u(24)
    return aspect


_Vui = tuple[int | None, bool, int, Fraction | None, bool, tuple[tuple[int, int], ...], TimingLayout]


def _parse_vui(bits: BitReader) -> _Vui:
    """Return max_num_reorder_frames, and the fields of `SequenceParameters` from the aspect ratio to the timing."""
    aspect = skip_to_chroma_location(bits)
    chroma_location = 0
    if bits.u():
        chroma_location, _ = bits.ue(), bits.ue()
    tick, fixed = None, False
    if bits.u():
        units_in_tick, scale, fixed = bits.u(32), bits.u(32), bool(bits.u())
        tick = Fraction(2 * units_in_tick, scale) if scale else None
    (nal_hrd, nal_timing), (vcl_hrd, vcl_timing) = _parse_hrd(bits), _parse_hrd(bits)
    if nal_hrd or vcl_hrd:
        bits.u()
    timing = replace(nal_timing if nal_hrd else vcl_timing, has_clocks=bool(bits.u()))
    if not bits.u():
        return None, aspect, chroma_location, tick, fixed, nal_hrd, timing
    bits.u(), bits.ue(), bits.ue(), bits.ue(), bits.ue()
    return bits.ue(), aspect, chroma_location, tick, fixed, nal_hrd, timing


def _parse_hrd(bits: BitReader) -> tuple[tuple[tuple[int, int], ...], TimingLayout]:
    """Return the rate in bits/s and the size in bits of each buffer, and the layout; empty without HRD parameters."""
    if not bits.u():
        return (), TimingLayout()
    count, rate_scale, size_scale = _limited(bits.ue() + 1, _MOST_BUFFERS), bits.u(4), bits.u(4)
    buffers = []
    for _ in range(count):
        buffers.append((bits.ue() + 1 << 6 + rate_scale, bits.ue() + 1 << 4 + size_scale))
        bits.u()
    bits.u(5)
    delay_bits = bits.u(5) + 1 + bits.u(5) + 1
    return tuple(buffers), TimingLayout(delay_bits, bits.u(5))


@dataclass(frozen=True)
class PictureParameters:
    """The fields of a PPS that a matching encoder must repeat, and those that slice headers depend on."""

    number: int
    """Its id."""
    sequence: int
    """The id of its SPS."""
    cabac: bool
    bottom_order: bool
    """Whether slices have the order count of the bottom field."""
    references: int
    """The usual number of references in the first list."""
    references_backward: int
    """The same of the second list."""
    weighted: bool
    weighted_bi: int
    quantiser: int
    """The initial quantiser of slices."""
    deblocking_control: bool
    """Whether slices have settings of the deblocking filter."""
    constrained_intra: bool
    redundant_pictures: bool
    """Whether pictures may be coded twice."""
    transform_8x8: bool


@lru_cache
def read_pps(pps: bytes) -> PictureParameters | None:
    """Return the fields of a picture parameter set; None if it is not understood."""
    with suppress(NotApplicable):
        return parse_pps(pps)
    return None


def parse_pps(pps: bytes) -> PictureParameters:
    """Parse a picture parameter set.

    Raises:
        NotApplicable: pictures have slice groups.
    """
    bits = BitReader(pps, 1)
    number, sequence = bits.ue(), bits.ue()
    cabac, bottom_order = bool(bits.u()), bool(bits.u())
    if bits.ue():
        raise NotApplicable("the pictures have slice groups")
    references, references_backward = bits.ue() + 1, bits.ue() + 1
    weighted, weighted_bi = bool(bits.u()), bits.u(2)
    quantiser = bits.se() + 26
    bits.se()
    bits.se()  # chroma_qp_index_offset: the encoder's is searched
    deblocking_control, constrained_intra, redundant_pictures = (bool(bits.u()) for _ in range(3))
    return PictureParameters(
        number=number,
        sequence=sequence,
        cabac=cabac,
        bottom_order=bottom_order,
        references=references,
        references_backward=references_backward,
        weighted=weighted,
        weighted_bi=weighted_bi,
        quantiser=quantiser,
        deblocking_control=deblocking_control,
        constrained_intra=constrained_intra,
        redundant_pictures=redundant_pictures,
        transform_8x8=bool(bits.u()),
    )
