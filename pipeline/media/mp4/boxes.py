"""The box tree of MP4 and MOV: read it, change a few boxes, write the others back byte for byte.

Source: ISO/IEC 14496-12, 4.2. A box is a 32-bit size, a four-letter kind and a body; size 1 means that a 64-bit size
follows, size 0 that the box extends to the end of the file.

The sample description (`stsd`) of a picture track is read here too: size, shape and color boxes, and the decoder
configuration.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..not_applicable import NoSampleTable, NotApplicable

ENTRY_HEAD_BYTES = 8 + 78
"""Of a visual sample entry, box header included; its child boxes follow."""
_CONFIGS = frozenset({b"avcC", b"hvcC", b"vpcC", b"av1C", b"esds", b"glbl"})
_STALE = _CONFIGS | {b"btrt", b"lhvC"}
_DOLBY_VISION = frozenset({b"dvcC", b"dvvC", b"dvwC"})
_PALETTE_DEPTHS = frozenset(bytes([0, bits]) for bits in (1, 2, 4, 8))
"""Bits of a pixel in QuickTime's sample description, if these are the index of a color."""
_INTERCHANGEABLE = ((b"avc1", b"avc3"), (b"hvc1", b"hev1"))
_OF_DOLBY_VISION = {b"dvh1": b"hvc1", b"dvhe": b"hev1", b"dva1": b"avc1", b"dvav": b"avc3", b"dav1": b"av01"}
"""The names of entries whose codec's own name tells nothing of Dolby Vision."""


def single_entry(stsd: bytes) -> bytes:
    """Return the one sample entry of a track.

    Raises:
        NotApplicable: there are several entries, or the pictures are encrypted.
    """
    if int.from_bytes(stsd[4:8], "big") != 1:
        raise NotApplicable("the picture track has more than one sample description")
    size = int.from_bytes(stsd[8:12], "big")
    if stsd[12:16] == b"encv":
        raise NotApplicable("the pictures are encrypted")
    return stsd[8 : 8 + size]


def replace_config(stsd: bytes, old_config: bytes, new_config: bytes) -> bytes:
    """Return an `stsd` body in which the box with `old_config` has `new_config`.

    Raises:
        NotApplicable: no box, or more than one, has `old_config`.
    """
    entry = single_entry(stsd)
    if new_config == old_config:
        return stsd
    boxes, changed = parse_boxes(entry[ENTRY_HEAD_BYTES:]), 0
    for box in boxes:
        if box.body == old_config:
            box.body, changed = new_config, changed + 1
    if changed != 1:
        raise NotApplicable("the sample description does not contain the decoder configuration")
    body = entry[8:ENTRY_HEAD_BYTES] + b"".join(box.to_bytes() for box in boxes)
    return stsd[:8] + Box(entry[4:8], body).to_bytes()


def merge_entries(source: bytes, encoded: bytes) -> bytes:
    """Merge two `stsd` bodies: size, shape and color boxes of the source, decoder configuration of the encoder.

    Colors without a matrix, of a film in red, green and blue, are the encoder's, whose pictures may have one.

    Raises:
        NotApplicable: the source's entry cannot describe pictures of another codec.
    """
    source_entry, encoded_entry = single_entry(source), single_entry(encoded)
    depth, color_table = source_entry[ENTRY_HEAD_BYTES - 4 : ENTRY_HEAD_BYTES - 2], source_entry[ENTRY_HEAD_BYTES - 2 :]
    if depth in _PALETTE_DEPTHS and color_table[:2] == bytes(2):
        raise NotApplicable("the sample description has a color table")
    codec = source_entry[4:8] if _same_codec(source_entry, encoded_entry) else encoded_entry[4:8]
    shape = [
        box
        for box in parse_boxes(source_entry[ENTRY_HEAD_BYTES:])
        if box.kind not in _STALE
        and (box.kind not in _DOLBY_VISION or _describes(box, source_entry[4:8], encoded_entry[4:8]))
    ]
    encoded_boxes = parse_boxes(encoded_entry[ENTRY_HEAD_BYTES:])
    config = [box for box in encoded_boxes if box.kind in _CONFIGS]
    if any(_has_no_matrix(box) for box in shape):
        shape = [box for box in shape if box.kind != b"colr"] + [box for box in encoded_boxes if box.kind == b"colr"]
    body = source_entry[8:ENTRY_HEAD_BYTES] + b"".join(box.to_bytes() for box in config + shape)
    return source[:8] + Box(codec, body).to_bytes()


def _has_no_matrix(box: Box) -> bool:
    return box.kind == b"colr" and box.body[:4] in (b"nclc", b"nclx") and box.body[8:10] == bytes(2)


def _describes(dolby_vision: Box, source: bytes, encoded: bytes) -> bool:
    """Return whether Dolby Vision's own description holds for new pictures: those of the codec, in one layer.

    Source: Dolby Vision Streams Within the ISO Base Media File Format, 3.2 (el_present_flag).
    """
    source = _OF_DOLBY_VISION.get(source, source)
    same_codec = source == encoded or any({source, encoded} <= {*names} for names in _INTERCHANGEABLE)
    return same_codec and not int.from_bytes(dolby_vision.body[3:4], "big") & 2


def _same_codec(source_entry: bytes, encoded_entry: bytes) -> bool:
    """Return whether two entries name one codec; Dolby Vision's own names give way to HEVC's."""
    source, encoded = source_entry[4:8], encoded_entry[4:8]
    return source == encoded or any(source in names and encoded in names for names in _INTERCHANGEABLE)


CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"moof", b"traf"})
"""The kinds of boxes that are parsed into children."""
_HEAD_BYTES = 8


@dataclass
class Box:
    """One box: `children` if it is a container, else its raw `body`."""

    kind: bytes
    body: bytes = b""
    children: list[Box] = field(default_factory=list)

    def all(self, kind: bytes) -> list[Box]:
        """Return the direct children of one kind."""
        return [child for child in self.children if child.kind == kind]

    def find(self, *path: bytes) -> Box | None:
        """Follow a path of kinds, always into the first match; return None where it ends."""
        box: Box | None = self
        for kind in path:
            box = next(iter(box.all(kind)), None) if box is not None else None
        return box

    def require(self, *path: bytes) -> Box:
        """Follow a path of kinds that must exist.

        Raises:
            NotApplicable: the box does not exist.
        """
        box = self.find(*path)
        if box is None:
            raise NotApplicable(f"the file has no box {b'/'.join(path).decode('latin-1')}")
        return box

    def put(self, kind: bytes, body: bytes) -> None:
        """Replace the body of the first child of a kind, or append a new child."""
        child = self.find(kind)
        if child is None:
            self.children.append(Box(kind, body))
        else:
            child.body = body

    def drop(self, *kinds: bytes) -> None:
        """Remove all direct children of these kinds."""
        self.children = [child for child in self.children if child.kind not in kinds]

    def to_bytes(self) -> bytes:
        """Return the box with its header."""
        body = b"".join(child.to_bytes() for child in self.children) if self.kind in CONTAINERS else self.body
        return struct.pack(">I4s", len(body) + _HEAD_BYTES, self.kind) + body


def parse_boxes(data: bytes) -> list[Box]:
    """Parse consecutive boxes; containers get children, everything else stays raw."""
    boxes = []
    for kind, start, end in _box_spans(data):
        body = data[start:end]
        boxes.append(Box(kind, children=parse_boxes(body)) if kind in CONTAINERS else Box(kind, body))
    return boxes


def _box_spans(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) of each body."""
    offset = 0
    while offset + _HEAD_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        head = _HEAD_BYTES
        if size == 1 and offset + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, offset + 8)
            head = 16
        elif size == 0:
            size = len(data) - offset
        if size < head or offset + size > len(data):
            raise NotApplicable(f"the box {kind.decode('latin-1')!r} does not fit into its parent")
        yield kind, offset + head, offset + size
        offset += size


@dataclass(frozen=True)
class TopBox:
    """The position of a top-level box in the file, including its header."""

    kind: bytes
    offset: int
    size_bytes: int
    head_bytes: int


def read_top_boxes(stream: BinaryIO, file_bytes: int) -> list[TopBox]:
    """List the top-level boxes without reading their bodies; a last box that is cut off ends with the file."""
    boxes, offset = [], 0
    while offset + _HEAD_BYTES <= file_bytes:
        stream.seek(offset)
        head = stream.read(16)
        size, kind = struct.unpack_from(">I4s", head)
        head_bytes = _HEAD_BYTES
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
            head_bytes = 16
        elif size == 0:
            size = file_bytes - offset
        if size < head_bytes:
            raise NotApplicable(f"the file has a broken box at byte {offset}")
        boxes.append(TopBox(kind, offset, min(size, file_bytes - offset), head_bytes))
        offset += size
    return boxes


def read_moov(path: Path) -> tuple[list[TopBox], Box]:
    """Read the top-level boxes of a file, and parse its `moov`.

    Raises:
        NoSampleTable: it is not an MP4, or it is fragmented.
    """
    with path.open("rb") as stream:
        top_boxes = read_top_boxes(stream, path.stat().st_size)
        moovs = [box for box in top_boxes if box.kind == b"moov"]
        if len(moovs) != 1 or any(box.kind == b"moof" for box in top_boxes):
            raise NoSampleTable("the file is fragmented, or has no single index")
        stream.seek(moovs[0].offset)
        (moov,) = parse_boxes(stream.read(moovs[0].size_bytes))
    return top_boxes, moov
