"""Which samples of a track are replaced by what, and what the track's tables say of them then.

Takes   the tables of a track, and new samples that keep the source's slots.
Gives   the same tables with other sizes, shifts and sync marks; where the bytes lie is surgery.py's and in_place.py's.
Raises  Unsuited with the reason where a track cannot be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..not_applicable import Unsuited
from . import sample_tables
from .boxes import Box
from .sample_tables import Ints

STALE = (b"sdtp", b"stps", b"sbgp", b"sgpd", b"cslg", b"subs", b"stz2")
"""What these say of single pictures no longer holds; players do without them."""


@dataclass(frozen=True)
class NewSamples:
    """Coded pictures or sound for the samples [first, end), in decoding order; they lie in `file`."""

    first: int
    end: int
    place: int
    """The track's place among those of its kind."""
    file: Path
    offsets: Ints
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: np.ndarray[tuple[int], np.dtype[np.bool_]]
    entry: bytes = b""
    """The whole body of the new `stsd`, of pictures."""
    kind: bytes = b"vide"
    """The handler of their track."""


def by_track(tracks: Sequence[Box], new: Sequence[NewSamples]) -> dict[int, list[int]]:
    """Sort new samples by their tracks: for the place of each track, the places of its own in `new`.

    Raises:
        Unsuited: there is no such track.
    """
    found: dict[int, list[int]] = {}
    for number, one in enumerate(new):
        found.setdefault(_place(tracks, one.kind, one.place), []).append(number)
    return found


def track_of(moov: Box, kind: bytes, place: int = 0) -> Box:
    """Give one of the tracks of a kind (`vide`, `soun`), by its place among them."""
    tracks = moov.all(b"trak")
    return tracks[_place(tracks, kind, place)]


def _place(tracks: Sequence[Box], kind: bytes, number: int) -> int:
    alike = [place for place, track in enumerate(tracks) if sample_tables.handler(track) == kind]
    if number >= len(alike):
        raise Unsuited(f"the file has no {kind.decode('latin-1')} track number {number + 1}")
    return alike[number]


def refuse_elsewhere(tracks: Sequence[Box]) -> None:
    """Refuse a film whose samples lie in another file: a data reference lacks the flag that says `in this file`.

    Raises:
        Unsuited: one does.
    """
    for track in tracks:
        dref = track.find(b"mdia", b"minf", b"dinf", b"dref")
        if dref is not None and len(dref.body) >= 20 and not dref.body[19] & 1:
            raise Unsuited("a track's samples lie in another file")


def put_samples(table: Box, old: sample_tables.Samples, new: Sequence[NewSamples]) -> Ints:
    """Write what the tables say of the new samples, but not where they lie; give the sizes of all."""
    sizes, shifts, sync = old.sizes.copy(), old.composition.copy(), old.sync.copy()
    for one in new:
        span = slice(one.first, one.end)
        sizes[span], shifts[span], sync[span] = one.sizes, one.composition, one.sync
    sample_tables.put_sizes(table, sizes)
    if new[0].kind == b"vide":
        table.put(b"stsd", new[-1].entry)
        sample_tables.put_composition(table, shifts)
        sample_tables.put_sync(table, sync)
        table.drop(*STALE)
    return sizes
