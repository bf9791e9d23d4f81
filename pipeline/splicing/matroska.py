"""Put back what ffmpeg's Matroska muxer writes in its own way: durations, tag names, and the applications.

It writes durations to a millisecond, tag names in capitals, and its own name. Durations and tags have as many bytes as
before, so they are changed in place. The names of the applications take the space that it leaves before `Info`.

Source: RFC 8794 (EBML; 11.3.1 for CRC-32), RFC 9559 (Matroska): identifiers, and the layout of `SeekHead`, `Info`,
`Tracks` and `Tags`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MATROSKA_SUFFIXES = (".mkv", ".webm")
_SEGMENT = 0x18538067
_INFO, _TRACKS, _TAGS, _CLUSTER = 0x1549A966, 0x1654AE6B, 0x1254C367, 0x1F43B675
_DURATION, _SCALE = 0x4489, 0x2AD7B1
_TRACK, _TRACK_UID = 0xAE, 0x73C5
_VIDEO, _CROPS = 0xE0, (0x54BB, 0x54CC, 0x54AA, 0x54DD)
"""What a player cuts off: at the top, at the left, at the bottom, at the right."""
_TAG, _TARGETS, _TARGET_UID, _SIMPLE, _NAME, _TEXT = 0x7373, 0x63C0, 0x63C5, 0x67C8, 0x45A3, 0x4487
_APPS = (0x4D80, 0x5741)
"""The application that muxed the file, and the one that it was made for."""
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_VOID, _CRC = 0xEC, 0xBF
_SIZE_BITS_PER_BYTE = 7
_FLOATS = {4: ">f", 8: ">d"}
"""By the number of bytes."""
_DEFAULT_SCALE_NS = 1_000_000


@dataclass(frozen=True)
class _Element:
    """An element: its id, and where its body is in the file."""

    id: int
    start: int
    end: int
    head: int
    """Where the id begins."""


@dataclass
class _Description:
    """What a file says of itself."""

    duration: _Element | None = None
    ticks: float | None = None
    """The duration, in units of `scale_ns`."""
    scale_ns: int = _DEFAULT_SCALE_NS
    uids: list[int] = field(default_factory=list)
    crops: list[tuple[int, ...]] = field(default_factory=list)
    """How many pixels players cut off each track's pictures; see `_CROPS`."""
    tags: dict[tuple[int, str], tuple[_Element, str, _Element, bytes]] = field(default_factory=dict)
    """By the number of the track (-1 for the file) and the name in capitals: name and text, and where they are."""
    apps: dict[int, bytes] = field(default_factory=dict)
    """By the id of the element."""
    segment: _Element | None = None
    parts: list[_Element] = field(default_factory=list)
    """The elements of the segment."""


def keep_description(source: Path, output: Path) -> None:
    """Copy durations, tag names and applications to a Matroska file from the one that it was made from.

    Both have the same tracks in the same order, and pictures and sound at the same times.
    """
    with source.open("rb") as stream:
        was = _read(stream, source.stat().st_size)
    with output.open("r+b") as stream:
        now = _read(stream, output.stat().st_size)
        if was.ticks is not None and now.duration is not None:
            value = was.ticks * was.scale_ns / now.scale_ns
            code = _FLOATS[now.duration.end - now.duration.start]
            _write(stream, now.duration, struct.pack(code, value))
        for key, (name_place, name, text_place, _) in now.tags.items():
            if key not in was.tags:
                continue
            _, own_name, _, own_text = was.tags[key]
            if own_name != name:
                _write(stream, name_place, own_name.encode())
            if key[1] == "DURATION":
                _write(stream, text_place, own_text.rstrip(b"\0"))
        _replace_apps(stream, now, was.apps)
        for part in now.parts:
            if part.id in (_TAGS, _SEEK_HEAD):
                _renew_checksum(stream, part)


def written_by(path: Path) -> tuple[str, ...]:
    """Return the names of the applications that wrote a file; empty for files that are not Matroska."""
    with path.open("rb") as stream:
        apps = _read(stream, path.stat().st_size).apps
    return tuple(apps[app].rstrip(b"\0").decode("utf-8", "replace") for app in _APPS if app in apps)


def read_crops(path: Path) -> tuple[tuple[int, ...], ...]:
    """Return how many pixels of each track a Matroska file lets players cut off: top, left, bottom, right."""
    with path.open("rb") as stream:
        return tuple(_read(stream, path.stat().st_size).crops)


def _replace_apps(stream: BinaryIO, file: _Description, apps: dict[int, bytes]) -> None:
    """Write `Info` with other applications, and in any case its checksum; a name too long for the space is left out."""
    number = next((number for number, part in enumerate(file.parts) if part.id == _INFO), None)
    if number is None or file.segment is None:
        return
    info, before = file.parts[number], file.parts[number - 1] if number else None
    has_space = before is not None and before.id == _VOID and before.end == info.head
    start = before.head if before is not None and has_space else info.head
    items = _children(stream, info)
    bodies = {item.id: _body(stream, item) for item in items if item.id != _CRC}
    bodies |= {app: text for app, text in apps.items() if app in bodies}
    has_checksum = any(item.id == _CRC for item in items)
    spare = info.end - start - len(_info(bodies, has_checksum=has_checksum))
    if spare > 0 and (spare == 1 or not has_space) and _APPS[1] in bodies:
        bodies[_APPS[1]] += bytes(spare)  # a text may end with zeros
    new = _info(bodies, has_checksum=has_checksum)
    spare = info.end - start - len(new)
    if spare < 0 or spare == 1 or (spare and not has_space):
        _renew_checksum(stream, info)
        return
    stream.seek(start)
    stream.write((_void(spare) if spare else b"") + new)
    _move_info(stream, file, start + spare)


def _info(bodies: dict[int, bytes], *, has_checksum: bool) -> bytes:
    body = b"".join(_element(number, data) for number, data in bodies.items())
    checksum = _element(_CRC, zlib.crc32(body).to_bytes(4, "little")) if has_checksum else b""
    return _element(_INFO, checksum + body)


def _element(number: int, body: bytes, size_bytes: int | None = None) -> bytes:
    """Return an element; its size takes one byte or four, unless `size_bytes` says how many."""
    size_bytes = size_bytes or (1 if len(body) < 0x7F else 4)
    size = (1 << _SIZE_BITS_PER_BYTE * size_bytes) | len(body)
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + size.to_bytes(size_bytes, "big") + body


def _void(size: int) -> bytes:
    """Return an element without meaning, of `size` bytes in all: at least two."""
    size_bytes = 1 if size < 0x7F + 2 else 4
    return _element(_VOID, bytes(size - 1 - size_bytes), size_bytes)


def _move_info(stream: BinaryIO, file: _Description, head: int) -> None:
    """Write where `Info` begins now into the index of the segment's elements."""
    assert file.segment is not None
    for seek_head in (part for part in file.parts if part.id == _SEEK_HEAD):
        for seek in (item for item in _children(stream, seek_head) if item.id == _SEEK):
            parts = {part.id: part for part in _children(stream, seek)}
            if _SEEK_ID in parts and _SEEK_POSITION in parts and _number(stream, parts[_SEEK_ID]) == _INFO:
                place = parts[_SEEK_POSITION]
                stream.seek(place.start)
                stream.write((head - file.segment.start).to_bytes(place.end - place.start, "big"))


def _renew_checksum(stream: BinaryIO, element: _Element) -> None:
    """Compute the checksum of an element again, if it begins with one."""
    first = next(iter(_children(stream, element)), None)
    if first is not None and first.id == _CRC and first.end - first.start == 4:
        stream.seek(first.end)
        checksum = zlib.crc32(stream.read(element.end - first.end))
        stream.seek(first.start)
        stream.write(checksum.to_bytes(4, "little"))


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
        result.segment = top
        for part in _elements(stream, top.start, top.end):
            if part.id != _CLUSTER:
                result.parts.append(part)
            if part.id == _INFO:
                _read_info(stream, part, result)
            elif part.id == _TRACKS:
                result.uids += _track_uids(stream, part)
                result.crops += _track_crops(stream, part)
            elif part.id == _TAGS:
                for tag in _children(stream, part):
                    _read_tag(stream, tag, result)
    return result


def _track_uids(stream: BinaryIO, tracks: _Element) -> list[int]:
    children = [_children(stream, track) for track in _children(stream, tracks) if track.id == _TRACK]
    return [_number(stream, item) for items in children for item in items if item.id == _TRACK_UID]


def _track_crops(stream: BinaryIO, tracks: _Element) -> Iterator[tuple[int, ...]]:
    for track in (item for item in _children(stream, tracks) if item.id == _TRACK):
        video = next((item for item in _children(stream, track) if item.id == _VIDEO), None)
        items = _children(stream, video) if video is not None else []
        sides = {item.id: _number(stream, item) for item in items if item.id in _CROPS}
        yield tuple(sides.get(side, 0) for side in _CROPS)


def _read_info(stream: BinaryIO, info: _Element, result: _Description) -> None:
    for item in _children(stream, info):
        if item.id == _SCALE:
            result.scale_ns = _number(stream, item)
        elif item.id in _APPS:
            result.apps[item.id] = _body(stream, item)
        elif item.id == _DURATION:
            data = _body(stream, item)
            if len(data) in _FLOATS:  # it may be empty, too
                result.duration = item
                (result.ticks,) = struct.unpack(_FLOATS[len(data)], data)


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
        bits = _SIZE_BITS_PER_BYTE * size_bytes
        size = coded & (1 << bits) - 1
        body = start + id_bytes + size_bytes
        stop = end if size == (1 << bits) - 1 else min(body + size, end)
        yield _Element(int.from_bytes(head[:id_bytes], "big"), body, stop, start)
        start = stop
