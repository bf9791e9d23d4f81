"""Metadata of single pictures in packets of H.264, HEVC, MPEG-2 and AV1: read from a film's, and put into new ones.

No encoder here writes them: dynamic HDR (HDR10+, HDR Vivid, Dolby Vision), the viewing environment, timecodes, and
where the active picture lies. They describe the picture, not how it is coded, so they hold for a new one as well. What
a message says of the coding (buffering periods, delays, hashes, recovery points) is never copied.

Payloads keep their bytes. Only the picture timing message of H.264 is put together: its delays are the encoder's, its
clock timestamps the film's.

Source: ITU-T H.265, 7.3.5 and annex D (SEI), H.264, 7.3.2.3.1 and D.1.3 (picture timing); SMPTE ST 2094-40, ATSC A/53
part 4, and T/UWA 005.1 (what begins messages by ITU-T T.35); ETSI TS 101 154, annex B (active format in MPEG-2); the
AV1 specification, 5.8. Dolby's own unit is the last of an access unit but for those that end a sequence.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol

from ...media.mpeg_headers import (
    EXTENSION,
    PICTURE_CODING,
    START,
    USER_DATA,
    extensions,
    field_marks,
    is_progressive_sequence,
    units,
    with_field_marks,
)
from ...media.nal_units import (
    escape,
    has_start_codes,
    hevc_unit_type,
    join_units,
    sei_messages,
    sei_payload,
    split_units,
)
from ..pictures.fields import PICTURE_METADATA
from .h264_timing import PICTURE_TIMING, PictureTimings, read_clocks, write_clocks
from .standalone_codecs import leb128, metadata_obu, obu_payload, split_obus


@dataclass(frozen=True)
class MetadataKind:
    """A kind of metadata."""

    label: str
    """For messages."""
    persists: bool = False
    """Whether it holds for later pictures, too, up to the next message of the kind or the next keyframe."""


@dataclass(frozen=True)
class Message:
    """One message of a picture."""

    kind: MetadataKind
    code: int
    """The type of the SEI message, NAL unit, user data or OBU."""
    data: bytes
    """Its payload without emulation prevention; a complete unit as it is stored, where `code` is that of a unit."""
    place: Literal["before", "after", "end"] = "before"
    """Of the coded picture: before it, after it, or at the end of the packet."""
    is_valid: bool = True
    """Whether it means something with a new picture."""


class MetadataCodec(Protocol):
    """Reads and writes the metadata of one codec's packets, which come in decoding order."""

    def read(self, packet: bytes) -> tuple[Message, ...]:
        """Return the messages of a packet."""

    def write(self, packet: bytes, messages: Sequence[Message]) -> bytes:
        """Return an encoder's packet with these messages; they replace those of the same kinds."""


_HDR10_PLUS = MetadataKind(PICTURE_METADATA["DYNAMIC_HDR_PLUS"], persists=True)
_VIVID = MetadataKind(PICTURE_METADATA["DYNAMIC_HDR_VIVID"], persists=True)
DOLBY_VISION = MetadataKind(PICTURE_METADATA["DOVI_RPU_BUFFER"])
_TWO_LAYERS = MetadataKind(
    f"{DOLBY_VISION.label} (of two layers, as in profile 7: the second refines the film's own pictures only)"
)
_TIMECODE = MetadataKind(PICTURE_METADATA["S12M_TIMECODE"])
_ACTIVE_FORMAT = MetadataKind(PICTURE_METADATA["AFD"])
_BARS = MetadataKind("the bar data inside the pictures")
_REPEATED_FIELDS = MetadataKind("repeated fields (2:3 pulldown)")
_TRANSFER = MetadataKind("the alternative transfer function", persists=True)
_AMBIENT = MetadataKind(PICTURE_METADATA["AMBIENT_VIEWING_ENVIRONMENT"], persists=True)
_VOLUME = MetadataKind("the color volume of the content", persists=True)
_MASTERING, _LIGHT_LEVELS = (
    MetadataKind(f"the {name}", persists=True) for name in ("mastering display", "light levels")
)

_BY_PREFIX = {
    b"\xb5\x00\x3c\x00\x01": _HDR10_PLUS,
    b"\x26\x00\x04\x00\x05": _VIVID,
    b"\xb5\x00\x3b\x00\x00\x08\x00": DOLBY_VISION,
    b"\xb5\x00\x31DTG1": _ACTIVE_FORMAT,
    b"\xb5\x00\x31GA94\x06": _BARS,
}
"""How messages by ITU-T T.35 begin. Captions (user data type 3 of GA94) are the encoders' own work."""
_T35 = 4
_FIRST_MPEG2_SLICE = re.compile(rb"\x00\x00\x01[\x01-\xaf]")
_OF_HEVC = {136: _TIMECODE, 147: _TRANSFER, 148: _AMBIENT, 149: _VOLUME}
"""SEI messages by their types. HEVC's encoder gets the static HDR description as options."""
_OF_H264 = {137: _MASTERING, 144: _LIGHT_LEVELS, 147: _TRANSFER, 148: _AMBIENT, 149: _VOLUME}


def _kind_of(code: int, payload: bytes, kinds: dict[int, MetadataKind]) -> MetadataKind | None:
    if code != _T35:
        return kinds.get(code)
    return next((kind for prefix, kind in _BY_PREFIX.items() if payload.startswith(prefix)), None)


def _sei_unit(head: bytes, message: Message) -> bytes:
    count, rest = divmod(len(message.data), 255)
    return escape(head + bytes([message.code, *[255] * count, rest]) + message.data + b"\x80")


def _unique(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages without those that are said twice, as for both fields of a frame."""
    return tuple(dict.fromkeys(messages))


@dataclass(frozen=True)
class _UnitTypes:
    """The NAL units of a codec."""

    head_bytes: int
    pictures: frozenset[int]
    sei: dict[int, Literal["before", "after"]]
    ends: frozenset[int]
    """Units that end a sequence or the stream."""
    rpu: int
    """Dolby Vision's unit."""
    second_layer: int
    """Of Dolby Vision."""


_HEVC_UNITS = _UnitTypes(2, frozenset(range(32)), {39: "before", 40: "after"}, frozenset({36, 37}), 62, 63)
_H264_UNITS = _UnitTypes(1, frozenset({1, 5}), {6: "before"}, frozenset({10, 11}), 28, 30)


class _NalMetadata:
    """SEI messages, and Dolby Vision's unit, of the base layer."""

    def __init__(self, types: _UnitTypes, kinds: dict[int, MetadataKind], *, annexb: bool) -> None:
        self._types, self._kinds, self._annexb = types, kinds, annexb

    def read(self, packet: bytes) -> tuple[Message, ...]:
        """Return the messages of a packet."""
        return _unique(self._messages([unit for unit in split_units(packet, annexb=self._annexb) if len(unit) > 2]))

    def _messages(self, units: Sequence[bytes]) -> Iterator[Message]:
        types = [self._type(unit) for unit in units]
        has_two = self._types.second_layer in types
        for unit, unit_type in zip(units, types, strict=True):
            if unit_type in self._types.sei:
                for code, payload in sei_messages(unit, self._types.head_bytes):
                    kind = _kind_of(code, payload, self._kinds)
                    if kind is not None:
                        yield Message(kind, code, payload, self._types.sei[unit_type])
            elif unit_type == self._types.rpu:
                yield Message(_TWO_LAYERS if has_two else DOLBY_VISION, unit_type, unit, "end", is_valid=not has_two)

    def _type(self, unit: bytes) -> int:
        """Return the type of a unit; -1 for one of another layer."""
        if self._types.head_bytes == 1:
            return unit[0] & 31
        return -1 if unit[0] & 1 or unit[1] >> 3 else hevc_unit_type(unit)

    def write(self, packet: bytes, messages: Sequence[Message]) -> bytes:
        """Return an encoder's packet with these messages; they replace those of the same kinds."""
        if not messages:
            return packet
        codes = {(message.code, message.kind) for message in messages}
        units = [unit for unit in split_units(packet, annexb=self._annexb) if unit and not self._repeats(unit, codes)]
        types = [self._type(unit) for unit in units]
        pictures = [place for place, unit_type in enumerate(types) if unit_type in self._types.pictures]
        if not pictures:
            return packet
        first, after = pictures[0], pictures[-1] + 1
        end = next((place for place in range(after, len(units)) if types[place] in self._types.ends), len(units))
        new = self._new_units(messages, units[first])
        units = [
            *units[:first],
            *new["before"],
            *units[first:after],
            *new["after"],
            *units[after:end],
            *new["end"],
            *units[end:],
        ]
        return join_units(units, annexb=self._annexb)

    def _repeats(self, unit: bytes, codes: Container[tuple[int, MetadataKind | None]]) -> bool:
        """Return whether all that an encoder's unit says is said by messages of the film."""
        if self._type(unit) not in self._types.sei:
            return False
        own = [
            (code, _kind_of(code, payload, self._kinds)) for code, payload in sei_messages(unit, self._types.head_bytes)
        ]
        return bool(own) and all(each in codes for each in own)

    def _new_units(self, messages: Sequence[Message], picture: bytes) -> dict[str, list[bytes]]:
        new: dict[str, list[bytes]] = {"before": [], "after": [], "end": []}
        sei_types = {place: unit_type for unit_type, place in self._types.sei.items()}
        for message in messages:
            if message.place == "end":
                new["end"].append(message.data)
                continue
            sei_type = sei_types[message.place]
            head = bytes([sei_type]) if self._types.head_bytes == 1 else bytes([sei_type << 1, picture[1] & 7])
            new[message.place].append(_sei_unit(head, message))
        return new


class _H264Metadata(_NalMetadata):
    """The same with the clock timestamps of picture timing messages."""

    def __init__(self, config: bytes) -> None:
        super().__init__(_H264_UNITS, {**_OF_H264, PICTURE_TIMING: _TIMECODE}, annexb=has_start_codes(config))
        self._timings = PictureTimings(config)

    def _messages(self, units: Sequence[bytes]) -> Iterator[Message]:
        messages = list(super()._messages(units))
        payloads = [message.data for message in messages if message.kind is _TIMECODE]
        yield from (message for message in messages if message.kind is not _TIMECODE)
        layout = self._timings.layout(units)
        if not payloads:
            return
        if layout is None:
            yield Message(_TIMECODE, PICTURE_TIMING, b"", is_valid=False)
        elif clocks := read_clocks(payloads, layout):
            yield Message(_TIMECODE, PICTURE_TIMING, clocks)

    def write(self, packet: bytes, messages: Sequence[Message]) -> bytes:
        """Return an encoder's packet with these messages; they replace those of the same kinds."""
        units = [unit for unit in split_units(packet, annexb=self._annexb) if unit]
        layout = self._timings.layout(units)
        own = b"".join(sei_payload(unit, PICTURE_TIMING) for unit in units if unit[0] & 31 in self._types.sei)
        written = []
        for message in messages:
            payload = message.data
            if message.kind is _TIMECODE:
                clocks = write_clocks(payload, own, layout) if layout is not None else None
                if clocks is None:
                    continue
                payload = clocks
            written.append(replace(message, data=payload))
        return super().write(packet, written)


class _Mpeg2Metadata:
    """User data of a picture, and which of its fields is repeated. A packet is a frame, perhaps as two pictures.

    The fields of a progressive frame are marks in its coding extension (13818-2, 6.2.3.1 and 6.3.10), which the encoder
    leaves empty. What they mean depends on the sequence: in a progressive one the complete frame is repeated.
    """

    _KINDS: ClassVar = {b"DTG1": _ACTIVE_FORMAT, b"GA94\x06": _BARS}

    def __init__(self) -> None:
        self._is_progressive = False

    def read(self, packet: bytes) -> tuple[Message, ...]:
        """Return the messages of a packet."""
        self._see_sequence(packet)
        return _unique((*self._user_data(packet), *self._marks(packet)))

    def _see_sequence(self, packet: bytes) -> None:
        is_progressive = is_progressive_sequence(packet)
        if is_progressive is not None:
            self._is_progressive = is_progressive

    def _user_data(self, packet: bytes) -> Iterator[Message]:
        for unit in (unit[len(START) :].rstrip(b"\0") for code, unit in units(packet) if code == USER_DATA):
            for prefix, kind in self._KINDS.items():
                if unit.startswith(prefix, 1):
                    yield Message(kind, USER_DATA, unit)

    def _marks(self, packet: bytes) -> Iterator[Message]:
        for coding in extensions(packet, PICTURE_CODING):
            if marks := field_marks(coding):
                yield Message(_REPEATED_FIELDS, EXTENSION, bytes([marks, self._is_progressive]))

    def write(self, packet: bytes, messages: Sequence[Message]) -> bytes:
        """Return an encoder's packet with these messages before its first slice.

        One that is filled up with zeros stays as long.
        """
        self._see_sequence(packet)
        first = _FIRST_MPEG2_SLICE.search(packet)
        if first is None or not messages:
            return packet
        head, rest = packet[: first.start()], packet[first.start() :]
        for marks, is_progressive in (message.data for message in messages if message.kind is _REPEATED_FIELDS):
            if is_progressive == self._is_progressive:
                head = with_field_marks(head, marks)
        new = b"".join(START + message.data for message in messages if message.code == USER_DATA)
        filled = len(rest) - len(rest.rstrip(b"\0"))
        return head + new + rest[: len(rest) - min(filled, len(new))]


class _Av1Metadata:
    """Metadata units (OBUs): messages by ITU-T T.35, the static HDR description, and timecodes."""

    _METADATA, _FRAMES, _T35_TYPE = 5, (3, 6), 4
    _KINDS: ClassVar = {1: _LIGHT_LEVELS, 2: _MASTERING, 5: _TIMECODE}

    def read(self, packet: bytes) -> tuple[Message, ...]:
        """Return the messages of a packet."""
        return _unique(self._messages(packet))

    def _messages(self, packet: bytes) -> Iterator[Message]:
        for unit_type, unit in split_obus(packet):
            if unit_type == self._METADATA and (kind := self._kind(payload := obu_payload(unit))):
                yield Message(kind, unit_type, payload)

    def _kind(self, payload: bytes) -> MetadataKind | None:
        code, start = leb128(payload, 0)
        return _kind_of(_T35, payload[start:], {}) if code == self._T35_TYPE else self._KINDS.get(code)

    def write(self, packet: bytes, messages: Sequence[Message]) -> bytes:
        """Return an encoder's packet with these messages before its frame; they replace those of the same kinds."""
        if not messages:
            return packet
        kinds, new = {message.kind for message in messages}, [metadata_obu(message.data) for message in messages]
        units: list[bytes] = []
        for unit_type, unit in split_obus(packet):
            if unit_type in self._FRAMES and new:
                units, new = [*units, *new], []
            if unit_type != self._METADATA or self._kind(obu_payload(unit)) not in kinds:
                units.append(unit)
        return b"".join(units)


def metadata_codec(codec: str, config: bytes) -> MetadataCodec | None:
    """Return what reads and writes the metadata of packets; None if nothing does.

    Args:
        codec: by ffmpeg's name.
        config: the decoder configuration; NAL units follow start codes if it does.
    """
    if codec == "h264":
        return _H264Metadata(config)
    if codec == "hevc":
        return _NalMetadata(_HEVC_UNITS, _OF_HEVC, annexb=has_start_codes(config))
    if codec == "mpeg2video":
        return _Mpeg2Metadata()
    return _Av1Metadata() if codec == "av1" else None
