"""Tell from the headers of H.264 slices which pictures a decoder gives, without decoding them.

A decoder conceals what is damaged inside a slice: it gives a picture for every packet whose slice headers it can read.
So headers tell when each picture comes, at a tenth of a decode's cost. They are read completely, and must hold what a
decoder demands; numbers and order counts must continue. Whatever is unusual (fields, slice groups, gaps in the
numbers, other parameter sets on the way) is left to a decoder.

Source: ITU-T H.264, 7.3.3 (slice header), 7.4.3 (frame numbers), 8.2.1 (order counts), C.4.5 (which picture is output);
what is refused in a header is libavcodec's `h264_slice.c`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...media.mp4.sample_tables import Ints
from ...media.nal_units import LENGTH_BYTES, BitReader
from ...media.not_applicable import NotApplicable
from .h264_headers import (
    IDR,
    PPS,
    SEI,
    SLICE,
    SPS,
    PictureParameters,
    SequenceParameters,
    parse_avcc,
    parse_pps,
    parse_sps,
)

_DELIMITER, _FILLER = 9, 12
_P, _B, _I = 0, 1, 2
_HEADER_BYTES = 96
"""Read of a slice: more than a header with a table of weights has."""
_MAX_REFERENCES, _MAX_COMMANDS = 16, 66


class _Unclear(Exception):
    """Only a decoder can tell what comes."""


def pictures_come(config: bytes, packets: Iterable[Any], times: Ints) -> bool:
    """Return whether headers show that a decoder gives a picture at each of these times, and no other between them.

    False means that only decoding can tell.

    Args:
        config: the film's avcC.
        packets: `av.Packet` in decoding order, from a keyframe that is shown no later than the first of the times.
        times: ascending, in ticks of the stream.
    """
    try:
        order = _OutputOrder(config)
        last, remaining = int(times[-1]), len(times)
        for packet in packets:
            if not packet.size:
                break  # the end
            if packet.pts is None or packet.is_discard or (packet.dts is None and not remaining):
                return False
            if not remaining and packet.dts > last:
                break
            order.add(bytes(packet), packet.pts)
            remaining -= int(times[0]) <= packet.pts <= last
        shown = [pts for pts in order.shown() if pts >= times[0]]
    except (_Unclear, NotApplicable):
        return False
    expected: list[int] = times.tolist()
    return shown[: len(times)] == expected


@dataclass(frozen=True)
class _Slice:
    """What all slices of a picture have in common, and the first macroblock of this one."""

    first: int
    is_idr: bool
    is_reference: bool
    frame_number: int
    order: int
    """The order count as it is sent."""
    bottom_delta: int


class _OutputOrder:
    """The pictures of a stream in the order in which a decoder gives them."""

    def __init__(self, config: bytes) -> None:
        sets = parse_avcc(config)
        if len(sets.sps) != 1:
            raise _Unclear
        self._known = {*sets.sps, *sets.pps}
        self._sequence = parse_sps(sets.sps[0])
        self._pictures = {picture.number: picture for picture in map(parse_pps, sets.pps)}
        redundant = any(item.redundant_pictures or item.sequence != self._sequence.number for item in self._all_sets)
        if self._sequence.fields or self._sequence.gaps or self._sequence.separate_planes or redundant:
            raise _Unclear
        self._done: list[int] = []
        """The times of pictures before the last IDR, as they are shown."""
        self._period: list[tuple[int, int]] = []
        """(order count, time) of those since, as they are decoded."""
        self._number = 0
        self._order = 0
        """Of the last picture that others may refer to."""

    @property
    def _all_sets(self) -> Iterable[PictureParameters]:
        return self._pictures.values()

    def add(self, packet: bytes, pts: int) -> None:
        """Add the next packet.

        Raises:
            _Unclear: it is not one complete picture that follows the one before it.
        """
        slices = [_SliceHeader(self._sequence, self._pictures, unit).read() for unit in self._slices(packet)]
        firsts = [item.first for item in slices]
        if not slices or firsts[0] or firsts != sorted(set(firsts)):
            raise _Unclear
        head = slices[0]
        if any((item.__dict__ | {"first": 0}) != head.__dict__ for item in slices[1:]):
            raise _Unclear
        self._follow(head, pts)

    def shown(self) -> list[int]:
        """Return the times of the pictures as they are shown."""
        return self._done + self._in_order()

    def _slices(self, packet: bytes) -> list[bytes]:
        """Return the starts of a packet's slices."""
        slices, position = [], 0
        while position < len(packet):
            start = position + LENGTH_BYTES
            position = start + int.from_bytes(packet[position:start], "big")
            kind = packet[start] & 31 if start < position <= len(packet) and not packet[start] & 128 else 0
            if kind in (SLICE, IDR):
                slices.append(packet[start : min(start + _HEADER_BYTES, position)])
            elif kind in (SPS, PPS):
                if packet[start:position] not in self._known or slices:
                    raise _Unclear
            elif kind not in (SEI, _DELIMITER, _FILLER):
                raise _Unclear
        return slices

    def _follow(self, head: _Slice, pts: int) -> None:
        """Number a picture after the one before it (8.2.1)."""
        expected = 0 if head.is_idr else (self._number + 1) % (1 << self._sequence.frame_number_bits)
        if head.frame_number != expected or not (head.is_idr or self._period):
            raise _Unclear
        if head.is_idr:
            self._done += self._in_order()
            self._period, self._order = [], 0
        if self._sequence.order_bits:
            half = 1 << (self._sequence.order_bits - 1)
            order = self._order + (head.order - self._order + half - 1) % (2 * half) - half + 1
            self._order = order if head.is_reference else self._order
        else:
            order = len(self._period)
        # Numbers restart from the last picture that others may refer to; the one after that shares its number.
        self._number = head.frame_number if head.is_reference else self._number
        self._period.append((order + min(head.bottom_delta, 0), pts))

    def _in_order(self) -> list[int]:
        """Return the times of the pictures since the last IDR by their order counts.

        Raises:
            _Unclear: a decoder may have to give a picture before it has the one that is shown earlier.
        """
        orders = [order for order, _ in self._period]
        ranks = {order: rank for rank, order in enumerate(sorted(orders))}
        held_back = max((place - ranks[order] for place, order in enumerate(orders)), default=0)
        if len(ranks) != len(orders) or held_back > (self._sequence.reordered or 0):
            raise _Unclear
        return [pts for _, pts in sorted(self._period)]


class _SliceHeader:
    """Reads one slice header to its end (7.3.3)."""

    def __init__(self, sequence: SequenceParameters, pictures: dict[int, PictureParameters], unit: bytes) -> None:
        self._sequence, self._pictures = sequence, pictures
        self._is_idr, self._is_reference = unit[0] & 31 == IDR, bool(unit[0] & 0x60)
        self._bits = BitReader(unit, 1)

    def read(self) -> _Slice:
        """Return what tells pictures apart.

        Raises:
            _Unclear: a decoder would refuse the header, or it is unusual.
        """
        bits, sequence = self._bits, self._sequence
        first, kind = bits.ue(), bits.ue()
        picture = self._pictures.get(bits.ue())
        _require(picture is not None and first < sequence.macroblocks and kind <= 9)
        assert picture is not None
        kind %= 5
        _require(kind == _I if self._is_idr else kind in (_P, _B, _I))
        frame_number = bits.u(sequence.frame_number_bits)
        if self._is_idr:
            _require(bits.ue() <= 0xFFFF and self._is_reference)
        order = bits.u(sequence.order_bits) if sequence.order_bits else 0
        bottom_delta = bits.se() if sequence.order_bits and picture.bottom_order else 0
        self._read_references(picture, kind)
        if self._is_reference:
            self._read_marking()
        if picture.cabac and kind != _I:
            _require(bits.ue() <= 2)
        depth = 6 * (sequence.luma_bits - 8)
        _require(-depth <= picture.quantiser + bits.se() <= 51)
        if picture.deblocking_control:
            mode = bits.ue()
            _require(mode == 1 or (mode <= 2 and all(abs(bits.se()) <= 6 for _ in range(2))))
        _require(not bits.ended)
        return _Slice(first, self._is_idr, self._is_reference, frame_number, order, bottom_delta)

    def _read_references(self, picture: PictureParameters, kind: int) -> None:
        """Read the lists of references, and their weights."""
        bits = self._bits
        if kind == _I:
            return
        if kind == _B:
            bits.u()
        counts = [picture.references, picture.references_backward][: 1 + (kind == _B)]
        if bits.u():
            counts = [bits.ue() + 1 for _ in counts]
        _require(max(counts) <= _MAX_REFERENCES)
        for count in counts:
            if not bits.u():
                continue
            for place in range(count + 1):
                if (change := bits.ue()) == 3:
                    break
                # Long-term pictures are unusual.
                _require(change <= 1 and place < count and bits.ue() < 1 << self._sequence.frame_number_bits)
        if picture.weighted if kind == _P else picture.weighted_bi == 1:
            self._read_weights(counts)

    def _read_weights(self, counts: list[int]) -> None:
        bits, planes = self._bits, 1 if self._sequence.chroma_format == 0 else 2
        for _ in range(planes):
            _require(bits.ue() <= 7)
        for _ in range(sum(counts)):
            for plane in range(planes):
                if bits.u():
                    _require(all(-128 <= bits.se() <= 127 for _ in range(2 * (1 + plane))))

    def _read_marking(self) -> None:
        """Read which pictures others no longer refer to."""
        bits = self._bits
        if self._is_idr:
            _require(not bits.u() and not bits.u())  # pictures before it are not given, or it is a long-term one
        elif bits.u():
            for _ in range(_MAX_COMMANDS):
                command = bits.ue()
                if command == 0:
                    return
                _require(command == 1 and bits.ue() < 1 << self._sequence.frame_number_bits)
            raise _Unclear


def _require(condition: bool) -> None:
    if not condition:
        raise _Unclear
