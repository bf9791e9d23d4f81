"""Picture timing of H.264: which field is first, and messages: clock timestamps of the film, delays of the encoder.

A message has the delays of a buffer model, how the picture is shown, and up to three clock timestamps. Which of these
there are, and how long they are, is said by the sequence parameter set of the picture.

Source: ITU-T H.264, D.1.3 and D.2.3; 7.3.3 (slice header) and 8.2.1 (order counts of fields).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from ...media.nal_units import BitReader, has_start_codes, sei_payload, split_start_codes
from ...media.not_applicable import NotApplicable
from .h264_headers import (
    IDR,
    PPS,
    SEI,
    SLICE,
    SPS,
    AvcConfig,
    PictureParameters,
    SequenceParameters,
    TimingLayout,
    parse_avcc,
    read_pps,
    read_sps,
    timing_layout,
)

PICTURE_TIMING = 1
_SLICES, _SLICE_HEAD_BYTES = (SLICE, IDR), 40
_CLOCKS = (1, 1, 1, 2, 2, 3, 3, 2, 3)
"""Number of clock timestamps, by how the picture is shown (table D-1)."""
_TOP, _BOTTOM, _TOP_FIRST, _BOTTOM_FIRST = 1, 2, 3, 4
_FIRST_FIELDS = {_TOP_FIRST: _TOP, 5: _TOP, _BOTTOM_FIRST: _BOTTOM, 6: _BOTTOM}
"""By how a frame is shown; 5 and 6 repeat its first field."""
_STRUCTURE_BITS, _KEPT_OFFSET_BITS = 4, 32


class PictureTimings:
    """Reads and writes the clock timestamps of packets, which come in decoding order."""

    def __init__(self, config: bytes) -> None:
        self._layouts: dict[int, TimingLayout | None] = {}
        self._sequences: dict[int, int] = {}
        """The ids of sequence parameter sets, by those of picture parameter sets."""
        with suppress(NotApplicable):
            sets = parse_avcc(config) if config and not has_start_codes(config) else None
            self._learn((*sets.sps, *sets.pps) if sets else split_start_codes(config))

    def _learn(self, units: Iterable[bytes]) -> None:
        for unit in units:
            kind = unit[0] & 31 if unit else 0
            if kind == SPS:
                self._layouts[BitReader(unit, 4).ue()] = timing_layout(unit)
            elif kind == PPS:
                bits = BitReader(unit, 1)
                self._sequences[bits.ue()] = bits.ue()

    def layout(self, units: Iterable[bytes]) -> TimingLayout | None:
        """Return the layout for the picture in the units of a packet; None if its parameter sets are not understood."""
        units = tuple(units)
        self._learn(units)
        for unit in units:
            if unit and unit[0] & 31 in _SLICES:
                bits = BitReader(unit[:_SLICE_HEAD_BYTES], 1)
                bits.ue(), bits.ue()
                return self._layouts.get(self._sequences.get(bits.ue(), -1))
        return None


def first_field(units: Sequence[bytes], film: AvcConfig) -> int:
    """Return which field of a keyframe is shown first: 1 the top one, 2 the bottom one, 0 if its headers do not tell.

    Args:
        units: the first ones of its packet.
        film: the parameter sets of the film and of the packet.
    """
    unit = next((unit for unit in units if unit and unit[0] & 31 in _SLICES), b"")
    if not unit:
        return 0
    bits = BitReader(unit[:_SLICE_HEAD_BYTES], 1)
    bits.ue()  # the first macroblock, and the kind of slice
    bits.ue()
    picture, sequence = _active_sets(film, bits.ue())
    if picture is None or sequence is None or not sequence.fields:
        return 0
    bits.u(2 * sequence.separate_planes + sequence.frame_number_bits)
    if bits.u():
        return _BOTTOM if bits.u() else _TOP
    if unit[0] & 31 == IDR:
        bits.ue()
    bits.u(sequence.order_bits)
    bottom_later_by = bits.se() if picture.bottom_order and sequence.order_bits else 0
    if bottom_later_by:
        return _TOP if bottom_later_by > 0 else _BOTTOM
    timings = (sei_payload(unit, PICTURE_TIMING) for unit in units if unit and unit[0] & 31 == SEI)
    text = _bits(next(filter(None, timings), b""))[sequence.timing.delay_bits :][:_STRUCTURE_BITS]
    return _FIRST_FIELDS.get(int(text, 2), 0) if text and sequence.timing.has_clocks else 0


def _active_sets(film: AvcConfig, number: int) -> tuple[PictureParameters | None, SequenceParameters | None]:
    """Return the picture parameter set with this id, and its sequence parameter set; None if not understood."""
    pictures = (read_pps(pps) for pps in reversed(film.pps))
    picture = next((item for item in pictures if item is not None and item.number == number), None)
    sequences = (read_sps(sps) for sps in reversed(film.sps))
    wanted = picture.sequence if picture is not None else -1
    return picture, next((item for item in sequences if item is not None and item.number == wanted), None)


def read_clocks(payloads: list[bytes], layout: TimingLayout) -> bytes:
    """Return how a frame is shown and its clock timestamps, in one form for all layouts; empty without a timestamp.

    Args:
        payloads: the picture timing messages of a packet: of a frame, or of its two fields.
        layout: of the messages.
    """
    fields = [
        text
        for payload in payloads
        if (text := _recoded(_bits(payload)[layout.delay_bits :], layout.offset_bits, _KEPT_OFFSET_BITS))
    ]
    if not layout.has_clocks or not fields:
        return b""
    text = fields[0]
    structure = int(text[:_STRUCTURE_BITS], 2)
    if structure in (_TOP, _BOTTOM):
        # New pictures are frames.
        second = fields[1][_STRUCTURE_BITS:] if len(fields) > 1 else "0"
        shown = _TOP_FIRST if structure == _TOP else _BOTTOM_FIRST
        text = f"{shown:0{_STRUCTURE_BITS}b}{text[_STRUCTURE_BITS:]}{second}"
    return text.encode("ascii") if "1" in text[_STRUCTURE_BITS:] else b""


def write_clocks(clocks: bytes, own: bytes, layout: TimingLayout) -> bytes | None:
    """Return a picture timing message with the clock timestamps of `read_clocks`; None if it cannot hold them.

    Args:
        clocks: what the message is to say.
        own: the encoder's message for the picture, for its delays; empty if it wrote none.
        layout: of the encoder's messages.
    """
    delays = _bits(own)[: layout.delay_bits]
    text = _recoded(clocks.decode("ascii"), _KEPT_OFFSET_BITS, layout.offset_bits)
    if not layout.has_clocks or len(delays) < layout.delay_bits or text is None:
        return None
    text = delays + text
    if len(text) % 8:
        text = text + "1" + "0" * (-(len(text) + 1) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _bits(payload: bytes) -> str:
    return f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}" if payload else ""


def _recoded(bits: str, offset_bits: int, new_offset_bits: int) -> str | None:
    """Return the rest of a message after its delays with time offsets of another length; None if it is cut off."""
    position = 0

    def take(count: int) -> str:
        nonlocal position
        position += count
        if position > len(bits):
            raise NotApplicable("a picture timing message is cut off")
        return bits[position - count : position]

    with suppress(NotApplicable):
        result = take(_STRUCTURE_BITS)
        structure = int(result, 2)
        for _ in range(_CLOCKS[structure] if structure < len(_CLOCKS) else 0):
            result += (has_clock := take(1))
            if has_clock == "1":
                result += _clock(take) + _resized(take(offset_bits), new_offset_bits)
        return result
    return None


def _clock(take: Callable[[int], str]) -> str:
    """Take the fields of a clock timestamp up to its time offset."""
    head = take(2 + 1 + 5)
    full, rest = take(1), take(1 + 1 + 8)
    if full == "1":
        return head + full + rest + take(6 + 6 + 5)
    text = head + full + rest
    for length in (6, 6, 5):
        text += (more := take(1))
        if more == "0":
            break
        text += take(length)
    return text


def _resized(offset: str, bits: int) -> str:
    """Return a signed number in another number of bits."""
    value = int(offset, 2) - (1 << len(offset) if offset[0] == "1" else 0) if offset else 0
    if bits and -(1 << bits - 1) <= value < 1 << bits - 1:
        return f"{value % (1 << bits):0{bits}b}"
    if value:
        raise NotApplicable("the time offset is too large")
    return ""
