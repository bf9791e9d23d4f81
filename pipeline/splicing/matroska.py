"""Put back what ffmpeg's Matroska muxer writes in its own way: durations to a millisecond, and tag names in capitals.

Both have the same number of bytes as before, so they are changed in place. What the muxer says of itself stays its own.

Source: RFC 8794 (EBML), RFC 9559 (Matroska): identifiers and the layout of `Info`, `Tracks` and `Tags`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MATROSKA_SUFFIXES = (".mkv", ".webm")
_SEGMENT = 0x18538067
_INFO, _TRACKS, _TAGS = 0x1549A966, 0x1654AE6B, 0x1254C367
_DURATION, _SCALE = 0x4489, 0x2AD7B1
_TRACK, _TRACK_UID = 0xAE, 0x73C5
_TAG, _TARGETS, _TARGET_UID, _SIMPLE, _NAME, _TEXT = 0x7373, 0x63C0, 0x63C5, 0x67C8, 0x45A3, 0x4487
_UNKNOWN_SIZE_BITS = 7
_DEFAULT_SCALE_NS = 1_000_000


@dataclass(frozen=True)
class _Element:
    """An element: its id, and where its body is in the file."""

    id: int
    start: int
    end: int


@dataclass
class _Description:
    """What a file says of itself."""

    duration: _Element | None = None
    ticks: float | None = None
    """The duration, in units of `scale_ns`."""
    scale_ns: int = _DEFAULT_SCALE_NS
    uids: list[int] = field(default_factory=list)
    tags: dict[tuple[int, str], tuple[_Element, str, _Element, bytes]] = field(default_factory=dict)
    """By the number of the track (-1 for the file) and the name in capitals: name and text, and where they are."""


def keep_description(source: Path, output: Path) -> None:
    """Copy durations and tag names to a Matroska file from the one that it was made from.

    Both have the same tracks in the same order, and pictures and sound at the same times.
    """
    with source.open("rb") as stream:
        was = _read(stream, source.stat().st_size)
    with output.open("r+b") as stream:
        now = _read(stream, output.stat().st_size)
        if was.ticks is not None and now.duration is not None:
            value = was.ticks * was.scale_ns / now.scale_ns
            code = ">d" if now.duration.end - now.duration.start == 8 else ">f"
            _write(stream, now.duration, struct.pack(code, value))
        for key, (name_place, name, text_place, _) in now.tags.items():
            if key not in was.tags:
                continue
            _, own_name, _, own_text = was.tags[key]
            if own_name != name:
                _write(stream, name_place, own_name.encode())
            if key[1] == "DURATION":
                _write(stream, text_place, own_text.rstrip(b"\0"))


def _write(stream: BinaryIO, place: _Element, data: bytes) -> None:
    size = place.end - place.start
    if len(data) <= size:
        stream.seek(place.start)
        stream.write(data.ljust(size, b"\0"))


def _read(stream: BinaryIO, file_bytes: int) -> _Description:
    result = _Description()
    for top in _elements(stream, 0, file_bytes):
        if top.id != _SEGMENT:
            continue
        for part in _elements(stream, top.start, top.end):
            if part.id == _INFO:
                _read_info(stream, part, result)
            elif part.id == _TRACKS:
                for track in _elements(stream, part.start, part.end):
                    if track.id == _TRACK:
                        result.uids += [
                            _number(stream, item) for item in _children(stream, track) if item.id == _TRACK_UID
                        ]
            elif part.id == _TAGS:
                for tag in _children(stream, part):
                    _read_tag(stream, tag, result)
    return result


def _read_info(stream: BinaryIO, info: _Element, result: _Description) -> None:
    for item in _children(stream, info):
        if item.id == _SCALE:
            result.scale_ns = _number(stream, item)
        elif item.id == _DURATION:
            result.duration = item
            data = _body(stream, item)
            (result.ticks,) = struct.unpack(">d" if len(data) == 8 else ">f", data)


def _read_tag(stream: BinaryIO, tag: _Element, result: _Description) -> None:
    track = -1
    for item in _children(stream, tag):
        if item.id == _TARGETS:
            uids = [_number(stream, target) for target in _children(stream, item) if target.id == _TARGET_UID]
            track = result.uids.index(uids[0]) if uids and uids[0] in result.uids else -1
        elif item.id == _SIMPLE:
            parts = {part.id: part for part in _children(stream, item)}
            if _NAME in parts and _TEXT in parts:
                name = _body(stream, parts[_NAME]).rstrip(b"\0").decode("utf-8", "replace")
                text = _body(stream, parts[_TEXT])
                result.tags[track, name.upper()] = (parts[_NAME], name, parts[_TEXT], text)


def _children(stream: BinaryIO, parent: _Element) -> list[_Element]:
    return list(_elements(stream, parent.start, parent.end))


def _body(stream: BinaryIO, element: _Element) -> bytes:
    stream.seek(element.start)
    return stream.read(element.end - element.start)


def _number(stream: BinaryIO, element: _Element) -> int:
    return int.from_bytes(_body(stream, element), "big")


def _elements(stream: BinaryIO, start: int, end: int) -> Iterator[_Element]:
    """Yield the elements between two positions; one of unknown size, as in a live recording, ends with its parent."""
    while start + 2 <= end:
        stream.seek(start)
        head = stream.read(12)
        id_bytes = 9 - head[0].bit_length()
        if not head[0] or len(head) <= id_bytes or not head[id_bytes]:
            return
        size_bytes = 9 - head[id_bytes].bit_length()
        coded = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big")
        bits = _UNKNOWN_SIZE_BITS * size_bytes
        size = coded & (1 << bits) - 1
        body = start + id_bytes + size_bytes
        stop = end if size == (1 << bits) - 1 else min(body + size, end)
        yield _Element(int.from_bytes(head[:id_bytes], "big"), body, stop)
        start = stop
