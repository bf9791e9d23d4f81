"""The box tree of MP4 and MOV: read it, change a few boxes, write it back byte for byte.

Source  ISO/IEC 14496-12, 4.2 (a box is a 32-bit size, a four-letter kind, a body; size 1 means a 64-bit size
        follows, size 0 means to the end).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..not_applicable import Unsuited, Untabled

FOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf"})
_HEAD_BYTES = 8


@dataclass
class Box:
    """One box: `children` where it is a folder, else its raw `body`."""

    kind: bytes
    body: bytes = b""
    children: list[Box] = field(default_factory=list)

    def all(self, kind: bytes) -> list[Box]:
        """Give the direct children of one kind."""
        return [child for child in self.children if child.kind == kind]

    def find(self, *path: bytes) -> Box | None:
        """Follow a path of kinds down the first matches."""
        box: Box | None = self
        for kind in path:
            box = next(iter(box.all(kind)), None) if box is not None else None
        return box

    def at(self, *path: bytes) -> Box:
        """Follow a path of kinds that must exist.

        Raises:
            Unsuited: the box is not there.
        """
        box = self.find(*path)
        if box is None:
            raise Unsuited(f"the file has no box {b'/'.join(path).decode('latin-1')}")
        return box

    def put(self, kind: bytes, body: bytes) -> None:
        """Replace the body of the first child of a kind, or add one."""
        child = self.find(kind)
        if child is None:
            self.children.append(Box(kind, body))
        else:
            child.body = body

    def drop(self, *kinds: bytes) -> None:
        """Remove all direct children of these kinds."""
        self.children = [child for child in self.children if child.kind not in kinds]

    def write(self) -> bytes:
        """Spell the box with its header."""
        body = b"".join(child.write() for child in self.children) if self.kind in FOLDERS else self.body
        return struct.pack(">I4s", len(body) + _HEAD_BYTES, self.kind) + body


def parse(data: bytes) -> list[Box]:
    """Read a run of boxes; folders are opened, everything else stays raw."""
    boxes = []
    for kind, start, end in _spans(data):
        body = data[start:end]
        boxes.append(Box(kind, children=parse(body)) if kind in FOLDERS else Box(kind, body))
    return boxes


def _spans(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at + _HEAD_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = _HEAD_BYTES
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:
            size = len(data) - at
        if size < head or at + size > len(data):
            raise Unsuited(f"the box {kind.decode('latin-1')!r} does not fit into its parent")
        yield kind, at + head, at + size
        at += size


@dataclass(frozen=True)
class TopBox:
    """Where a top-level box lies in the file, its header included."""

    kind: bytes
    offset: int
    size_bytes: int
    head_bytes: int


def top_boxes(stream: BinaryIO, file_bytes: int) -> list[TopBox]:
    """List the top-level boxes without reading what is in them; a broken last one ends at the file's end."""
    boxes, at = [], 0
    while at + _HEAD_BYTES <= file_bytes:
        stream.seek(at)
        head = stream.read(16)
        size, kind = struct.unpack_from(">I4s", head)
        head_bytes = _HEAD_BYTES
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
            head_bytes = 16
        elif size == 0:
            size = file_bytes - at
        if size < head_bytes:
            raise Unsuited(f"the file has a broken box at byte {at}")
        boxes.append(TopBox(kind, at, min(size, file_bytes - at), head_bytes))
        at += size
    return boxes


def read_moov(path: Path) -> tuple[list[TopBox], Box]:
    """Read the map of a file and its `moov`.

    Raises:
        Untabled: it is no MP4, or a fragmented one.
    """
    with path.open("rb") as stream:
        tops = top_boxes(stream, path.stat().st_size)
        moovs = [top for top in tops if top.kind == b"moov"]
        if len(moovs) != 1 or any(top.kind == b"moof" for top in tops):
            raise Untabled("the file is fragmented, or has no single index")
        stream.seek(moovs[0].offset)
        (moov,) = parse(stream.read(moovs[0].size_bytes))
    return tops, moov
