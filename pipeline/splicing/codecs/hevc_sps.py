"""Read a sequence parameter set (SPS) of HEVC: where chroma lies is said in the usability information at its end.

Source: ITU-T H.265, 7.3.2.2 (SPS), 7.3.3 (profile, tier and level), 7.3.4 (scaling lists), 7.3.7 (short-term reference
picture sets), E.2.1 (VUI).
"""

from __future__ import annotations

from collections.abc import Iterable

from ...media.nal_units import BitReader, hevc_unit_type
from .h264_headers import skip_to_chroma_location

SPS = 33
"""The type of its unit (nal_unit_type)."""
_CHROMA_444 = 3
_MOST_SETS, _MOST_PICTURES, _MOST_LONG_TERM, _MOST_LOCATIONS = 64, 16, 32, 5
_MOST_ORDER_BITS = 16
_PROFILE_BITS, _LEVEL_BITS = 88, 8


class _NotUnderstood(Exception):
    """A field has a value that it cannot have."""


def first_chroma_location(units: Iterable[bytes]) -> int | None:
    """Return the `chroma_location` of the first SPS among units; None also if there is none."""
    return next((chroma_location(unit) for unit in units if unit and hevc_unit_type(unit) == SPS), None)


def skip_to_picture_order(bits: BitReader) -> int:
    """Skip an SPS up to log2_max_pic_order_cnt_lsb_minus4; return how many layers lie below the highest."""
    bits.u(4)
    layers = bits.u(3)
    bits.u()
    _skip_levels(bits, layers)
    bits.ue()
    if bits.ue() == _CHROMA_444:
        bits.u()
    bits.ue(), bits.ue()
    if bits.u():
        [bits.ue() for _ in range(4)]
    bits.ue(), bits.ue()
    return layers


def chroma_location(sps: bytes) -> int | None:
    """Return chroma_sample_loc_type_top_field, 0 to 5; None if the SPS does not say it, or is not understood."""
    bits = BitReader(sps, 2)
    try:
        location = _read(bits)
    except _NotUnderstood:
        return None
    return None if bits.ended else location


def _read(bits: BitReader) -> int | None:
    layers = skip_to_picture_order(bits)
    order_bits = _limited(bits.ue() + 4, _MOST_ORDER_BITS)
    for _ in range(layers + 1 if bits.u() else 1):
        bits.ue(), bits.ue(), bits.ue()
    [bits.ue() for _ in range(6)]
    if bits.u() and bits.u():
        _skip_scaling_lists(bits)
    bits.u(2)
    if bits.u():
        bits.u(8), bits.ue(), bits.ue(), bits.u()
    _skip_reference_sets(bits)
    if bits.u():
        for _ in range(_limited(bits.ue(), _MOST_LONG_TERM)):
            bits.u(order_bits + 1)
    bits.u(2)
    return _read_vui(bits) if bits.u() else None


def _read_vui(bits: BitReader) -> int | None:
    skip_to_chroma_location(bits)
    return _limited(bits.ue(), _MOST_LOCATIONS) if bits.u() else None


def _limited(value: int, most: int) -> int:
    if value > most:
        raise _NotUnderstood
    return value


def _skip_levels(bits: BitReader, layers: int) -> None:
    """Skip profile, tier and level, of all layers below the highest, too."""
    bits.u(_PROFILE_BITS + _LEVEL_BITS)
    present = [(bits.u(), bits.u()) for _ in range(layers)]
    if layers:
        bits.u(2 * (8 - layers))
    for profile, level in present:
        bits.u(_PROFILE_BITS * profile + _LEVEL_BITS * level)


def _skip_scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.u():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            [bits.se() for _ in range(min(64, 1 << (4 + 2 * size)))]


def _skip_reference_sets(bits: BitReader) -> None:
    counts: list[int] = []
    for number in range(_limited(bits.ue(), _MOST_SETS)):
        if number and bits.u():
            bits.u(), bits.ue()
            # A picture is of the set if it is used, or if it is not but a second bit keeps it.
            counts.append(sum(bits.u() or bits.u() for _ in range(counts[-1] + 1)))
            continue
        pictures = _limited(bits.ue(), _MOST_PICTURES) + _limited(bits.ue(), _MOST_PICTURES)
        for _ in range(pictures):
            bits.ue(), bits.u()
        counts.append(pictures)
