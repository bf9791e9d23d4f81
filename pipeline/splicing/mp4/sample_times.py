"""The source's own grid of pictures: decode slots, shown times, and how the two are numbered.

A reader that honours the edit list shows fewer pictures than the file stores. `hidden` counts the stored
pictures before the first shown one, so that shown frame i is stored picture `hidden + i` in showing order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ..not_applicable import Unsuited
from ..pictures.frames import AS_STORED
from . import sample_tables
from .boxes import Box, read_moov
from .rewrite import track_of
from .sample_tables import Ints, Samples


@dataclass(frozen=True)
class Grid:
    """The pictures of a film as its tables or its packets tell them."""

    samples: Samples
    shown: Ints
    """pts of all stored pictures, rising, on the track's own clock."""
    hidden: int
    """Stored pictures before the first shown one."""
    track: Box | None
    """The track's boxes; None where the film has none."""
    place: int
    """Its place among the file's picture tracks."""
    shift: int
    """What is added to a stored picture's time by a reader that honours the edit list."""
    reader_shift: int
    """The same for a reader that is told to ignore it."""

    @property
    def rank(self) -> Ints:
        """For each sample in decoding order, its place in showing order."""
        return np.searchsorted(self.shown, self.samples.pts).astype(np.int64)

    @property
    def reorder(self) -> int:
        """How many places a picture may be decoded before it is shown, on these slots: 0, 1 or 2."""
        slots = self.samples.dts + min(0, int(self.samples.composition.min()))
        for places in (2, 1):
            if len(slots) > places and bool((self.shown[:-places] >= slots[places:]).all()):
                return places
        return 0


def read_grid(path: Path, shown_times: Ints, place: int = 0) -> Grid:
    """Read the grid of an MP4 and find the shown frames (`shown_times`, in the track's units) in it.

    Raises:
        Unsuited: not an MP4 that can be rewritten, or an edit list that does more than shift and trim.
    """
    _, moov = read_moov(path)
    track = track_of(moov, b"vide", place)
    del moov  # the other tracks' tables are large in a long film, and opening it takes as much again
    found = sample_tables.samples(track)
    if not found.count:
        raise Unsuited("the picture track is empty")
    shown = np.sort(found.pts)
    if len(shown) > 1 and int(np.diff(shown).min()) <= 0:
        raise Unsuited("two pictures share one time")
    shift = _shift(path, place, found, {})
    hidden = _hidden(shown, shown_times - shift)
    return Grid(found, shown, hidden, track, place, shift, _shift(path, place, found, AS_STORED))


def _shift(path: Path, place: int, found: Samples, options: dict[str, str]) -> int:
    """Give what a reader adds to a stored time, from a packet that is known by where it lies in the file.

    The spacing of the times cannot tell: at a constant rate every shift by whole frames fits.
    """
    with av.open(f"file:{path}", options=options) as container:
        for packet in container.demux(container.streams.video[place]):
            places = np.flatnonzero(found.offsets == (-1 if packet.pos is None else packet.pos))
            if len(places) and packet.size and packet.pts is not None:
                return int(packet.pts - found.pts[places[0]])
    raise Unsuited("the picture's packets cannot be matched to the file")


def _hidden(stored: Ints, shown: Ints) -> int:
    """Count the stored pictures before the first shown one; both times are on the track's own clock."""
    before = int(np.searchsorted(stored, shown[0]))
    if not np.array_equal(stored[before : before + len(shown)], shown):
        raise Unsuited("the edit list plays the stored pictures in more than one piece")
    return before


def composition_on_slots(grid: Grid, first: int, ranks: Ints) -> Ints:
    """Give pts minus dts for new pictures at the slots from `first`, which show the places `ranks`.

    Raises:
        Unsuited: a picture would be shown before it is decoded.
    """
    slots = grid.samples.dts[first : first + len(ranks)]
    shifts = grid.shown[ranks] - slots
    if len(shifts) and int(shifts.min()) < min(0, int(grid.samples.composition.min())):
        raise Unsuited("the encoder reorders more than the source does")
    return shifts.astype(np.int64)
