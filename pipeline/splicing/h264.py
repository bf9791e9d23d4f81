"""H.264 headers as far as a splice needs them: parameter sets, avcC, picture kinds, x264's own note.

Source  ITU-T H.264, 7.3 and 9.1 (NAL units, ue(v)); ISO/IEC 14496-15, 5.3.3.1 (avcC). x264 writes its options into
        an SEI message of the first picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .boxes import Unsuited

SLICE, IDR, SPS, PPS = 1, 5, 7, 8
_START = re.compile(rb"\x00\x00\x01")
_NOTE = re.compile(rb"x264 - core \d+.*?options: ([ -~]+)", re.DOTALL)


@dataclass(frozen=True)
class Config:
    """An avcC: everything that a decoder knows before the first picture."""

    head: bytes
    """Version, profile, compatibility, level and the length size, 5 bytes."""
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    tail: bytes
    """Chroma format and bit depth of the High profiles; may be empty."""

    def with_sets(self, sps: Iterable[bytes], pps: Iterable[bytes]) -> Config:
        """Add parameter sets that are not there yet."""
        more_sps = tuple(one for one in sps if one not in self.sps)
        more_pps = tuple(one for one in pps if one not in self.pps)
        return replace(self, sps=self.sps + more_sps, pps=self.pps + more_pps)

    def write(self) -> bytes:
        """Spell the avcC."""
        return (
            self.head
            + bytes([0xE0 | len(self.sps)])
            + b"".join(len(one).to_bytes(2, "big") + one for one in self.sps)
            + bytes([len(self.pps)])
            + b"".join(len(one).to_bytes(2, "big") + one for one in self.pps)
            + self.tail
        )


def read_config(body: bytes) -> Config:
    """Read an avcC.

    Raises:
        Unsuited: it is broken, or lengths are not four bytes.
    """
    if len(body) < 7 or body[4] & 3 != 3:
        raise Unsuited("the pictures are not stored with four-byte lengths")
    sps, at = _sets(body, 6, body[5] & 31)
    pps, at = _sets(body, at + 1, body[at])
    return Config(body[:5], sps, pps, body[at:])


def _sets(body: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        size = int.from_bytes(body[at : at + 2], "big")
        found.append(body[at + 2 : at + 2 + size])
        at += 2 + size
    if at > len(body):
        raise Unsuited("the parameter sets of the picture are broken")
    return tuple(found), at


def used_ids(config: Config) -> set[int]:
    """Give all numbers that the parameter sets go by."""
    return {_number(one, 4) for one in config.sps} | {_number(one, 1) for one in config.pps}


def _number(nal: bytes, start: int) -> int:
    """Read the first ue(v) from byte `start`."""
    bits = "".join(f"{byte:08b}" for byte in nal[start : start + 8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1


def annexb(stream: bytes) -> list[bytes]:
    """Split a byte stream at its start codes."""
    starts = [match.end() for match in _START.finditer(stream)]
    ends = [*(start - 3 for start in starts[1:]), len(stream)]
    return [stream[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True)]


def picture_kind(sample: bytes) -> int:
    """Give the NAL type of a sample's first slice: 5 for IDR, 1 otherwise, 0 where there is none."""
    at = 0
    while at + 5 <= len(sample):
        kind = sample[at + 4] & 31
        if kind in (SLICE, 2, IDR):
            return kind
        at += 4 + int.from_bytes(sample[at : at + 4], "big")
    return 0


def x264_options(sample: bytes) -> dict[str, str]:
    """Read the options that x264 noted in its first picture; empty where another encoder made it."""
    match = _NOTE.search(sample)
    if match is None:
        return {}
    pairs = (word.partition("=") for word in match[1].decode("ascii").split())
    return {key: value for key, sign, value in pairs if sign}
