"""The sample description (`stsd`) of a picture track: size, shape and color boxes, and the decoder configuration."""

from __future__ import annotations

from ..not_applicable import NotApplicable
from .boxes import Box, parse_boxes

_HEAD_BYTES = 8 + 78
"""Of a visual sample entry, box header included; its child boxes follow."""
_CONFIGS = frozenset({b"avcC", b"hvcC", b"vpcC", b"av1C", b"esds", b"glbl"})
_STALE = _CONFIGS | {b"btrt", b"dvcC", b"dvvC", b"dvwC", b"lhvC"}
_INTERCHANGEABLE = ((b"avc1", b"avc3"), (b"hvc1", b"hev1"))


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
    boxes, changed = parse_boxes(entry[_HEAD_BYTES:]), 0
    for box in boxes:
        if box.body == old_config:
            box.body, changed = new_config, changed + 1
    if changed != 1:
        raise NotApplicable("the sample description does not contain the decoder configuration")
    body = entry[8:_HEAD_BYTES] + b"".join(box.to_bytes() for box in boxes)
    return stsd[:8] + Box(entry[4:8], body).to_bytes()


def merge_entries(source: bytes, encoded: bytes) -> bytes:
    """Merge two `stsd` bodies: size, shape and color boxes of the source, decoder configuration of the encoder."""
    source_entry, encoded_entry = single_entry(source), single_entry(encoded)
    codec = source_entry[4:8] if _same_codec(source_entry, encoded_entry) else encoded_entry[4:8]
    shape = [box for box in parse_boxes(source_entry[_HEAD_BYTES:]) if box.kind not in _STALE]
    config = [box for box in parse_boxes(encoded_entry[_HEAD_BYTES:]) if box.kind in _CONFIGS]
    body = source_entry[8:_HEAD_BYTES] + b"".join(box.to_bytes() for box in config + shape)
    return source[:8] + Box(codec, body).to_bytes()


def _same_codec(source_entry: bytes, encoded_entry: bytes) -> bool:
    """Return whether two entries name one codec; Dolby Vision's own names give way to HEVC's."""
    source, encoded = source_entry[4:8], encoded_entry[4:8]
    return source == encoded or any(source in names and encoded in names for names in _INTERCHANGEABLE)
