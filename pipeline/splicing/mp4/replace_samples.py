"""New samples for a track, and what the track's tables say of them.

New samples keep the source's dts slots. `rewrite.py` and `in_place.py` decide where their bytes go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..not_applicable import NotApplicable
from . import sample_tables
from .boxes import Box
from .sample_tables import Ints

STALE_TABLES = (b"sdtp", b"stps", b"sbgp", b"sgpd", b"cslg", b"subs", b"stz2")
"""They describe single pictures, which no longer holds; players do without them."""


@dataclass(frozen=True)
class NewSamples:
    """Encoded pictures or sound for the samples [first, end), in decoding order, stored in `file`."""

    first: int
    end: int
    track_number: int
    """Among the tracks of its kind, from 0."""
    file: Path
    offsets: Ints
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: np.ndarray[tuple[int], np.dtype[np.bool_]]
    stsd: bytes = b""
    """The complete body of the new `stsd`; for pictures only."""
    handler: bytes = b"vide"
    """The handler of their track."""


def group_by_track(tracks: Sequence[Box], new: Sequence[NewSamples]) -> dict[int, list[int]]:
    """Group new samples by their tracks: map the index of each track to the indices of its items in `new`.

    Raises:
        NotApplicable: a track does not exist.
    """
    groups: dict[int, list[int]] = {}
    for index, samples in enumerate(new):
        groups.setdefault(_track_index(tracks, samples.handler, samples.track_number), []).append(index)
    return groups


def find_track(moov: Box, handler: bytes, number: int = 0) -> Box:
    """Return the track number `number` (from 0) among those with a handler (`vide`, `soun`).

    Raises:
        NotApplicable: the track does not exist.
    """
    tracks = moov.all(b"trak")
    return tracks[_track_index(tracks, handler, number)]


def _track_index(tracks: Sequence[Box], handler: bytes, number: int) -> int:
    matches = [index for index, track in enumerate(tracks) if sample_tables.handler(track) == handler]
    if number >= len(matches):
        raise NotApplicable(f"the file has no {handler.decode('latin-1')} track number {number + 1}")
    return matches[number]


def require_self_contained(tracks: Sequence[Box]) -> None:
    """Check that all samples are in this file: every data reference has the flag for that.

    Raises:
        NotApplicable: a track's samples are in another file.
    """
    for track in tracks:
        dref = track.find(b"mdia", b"minf", b"dinf", b"dref")
        if dref is not None and len(dref.body) >= 20 and not dref.body[19] & 1:
            raise NotApplicable("a track's samples are in another file")


def write_samples(table: Box, old: sample_tables.Samples, new: Sequence[NewSamples]) -> None:
    """Write sizes, times, sync marks and description of the new samples, but not their positions."""
    sizes, composition, sync = old.sizes.copy(), old.composition.copy(), old.sync.copy()
    for samples in new:
        span = slice(samples.first, samples.end)
        sizes[span], composition[span], sync[span] = samples.sizes, samples.composition, samples.sync
    sample_tables.write_sizes(table, sizes)
    if new[0].handler == b"vide":
        table.put(b"stsd", new[-1].stsd)
        sample_tables.write_composition(table, composition)
        sample_tables.write_sync(table, sync)
        table.drop(*STALE_TABLES)
