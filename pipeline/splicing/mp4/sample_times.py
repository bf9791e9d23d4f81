"""The decode slots and presentation times of a film's pictures, and how stored and shown pictures are numbered.

A reader that applies the edit list shows fewer pictures than the file stores. `hidden` counts the stored pictures
before the first shown one, so shown frame i is stored picture `hidden + i` in presentation order.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...media.frames.film_readers import open_mp4_packets
from ...media.mp4.boxes import Box, parse_boxes
from ...media.mp4.sample_tables import Ints, Samples
from ...media.not_applicable import NotApplicable
from .fragments import fragment_starts, read_index, read_samples
from .replace_samples import find_track, find_track_number

IGNORE_EDIT_LIST = {"ignore_editlist": "1"}
"""Demuxer options that give every stored picture of an MP4, on the track's own clock."""


@dataclass(frozen=True)
class FrameGrid:
    """The pictures of a film by its sample tables or packets."""

    samples: Samples
    shown: Ints
    """pts of all stored pictures, ascending, on the track's own clock."""
    hidden: int
    """Stored pictures before the first shown one."""
    track: Box | None
    """The track's boxes; None if the film has none."""
    track_number: int
    """Among the file's picture tracks, from 0."""
    shift: int
    """What a reader that applies the edit list adds to a stored time."""
    stored_shift: int
    """The same for a reader that ignores the edit list."""
    fragment_keyframes: tuple[int, ...] = ()
    """The keyframes with which fragments begin: players that fetch one fragment alone begin to decode there."""

    @property
    def demuxer_options(self) -> dict[str, str] | None:
        """Options with which a reader gives every stored picture, at the times of `stored_times`."""
        return IGNORE_EDIT_LIST if self.track is not None else None

    def stored_times(self, first: int = 0, end: int | None = None) -> Ints:
        """Return the times of the pictures [first, end), in presentation order, for a reader with `demuxer_options`."""
        return self.shown[first:end] + self.stored_shift

    @property
    def rank(self) -> Ints:
        """For each sample in decoding order, its position in presentation order."""
        return np.searchsorted(self.shown, self.samples.pts).astype(np.int64)

    @property
    def slots(self) -> Ints:
        """The earliest time at which each decode slot's picture may be shown; one may lie behind its decode time."""
        return self.samples.dts + min(0, int(self.samples.composition.min()))

    def reorder(self, first: int, end: int) -> int:
        """Return by how many positions new pictures [first, end) may be decoded before they are shown: 0, 1 or 2.

        Only these pictures' own slots decide: a film that is joined from several may reorder more elsewhere, or less.

        Raises:
            NotApplicable: even pictures that are decoded as they are shown would be decoded too late.
        """
        for positions in (2, 1, 0):
            if self._allows(first, end, positions):
                return positions
        raise NotApplicable("some pictures are decoded only after the time at which they are shown")

    @property
    def film_reorder(self) -> int:
        """By how many positions pictures may be decoded before they are shown, anywhere in the film: 0, 1 or 2."""
        return next((positions for positions in (2, 1) if self._allows(0, self.samples.count, positions)), 0)

    def _allows(self, first: int, end: int, positions: int) -> bool:
        shown, slots = self.shown[first:end], self.slots[first:end]
        latest = np.minimum(np.arange(len(slots)) + positions, len(slots) - 1)
        return bool((shown >= slots[latest]).all())


def read_frame_grid(path: Path, shown_times: Ints, stream_index: int) -> FrameGrid:
    """Read the grid of an MP4's picture stream and find the shown frames (`shown_times`, in its units) in it.

    Raises:
        NotApplicable: not an MP4 that can be rewritten, or an edit list that does more than shift and trim.
    """
    moov, fragmented = read_index(path)
    with open_mp4_packets(path) as container:
        number = find_track_number(moov, b"vide", container.streams[stream_index].id)
    track = find_track(moov, b"vide", number)
    if not is_one_piece(moov, track):
        raise NotApplicable("the edit list plays the stored pictures in more than one piece")
    del moov  # the other tracks' tables are large in a long film, and opening it takes as much again
    samples = read_samples(fragmented, track)
    if not samples.count:
        raise NotApplicable("the picture track is empty")
    shown = np.sort(samples.pts)
    if len(shown) > 1 and int(np.diff(shown).min()) <= 0:
        raise NotApplicable("two pictures have the same time")
    shift = _reader_shift(path, stream_index, samples, {})
    hidden = _count_hidden(shown, shown_times - shift)
    stored_shift = _reader_shift(path, stream_index, samples, IGNORE_EDIT_LIST)
    keyframes = tuple(start for start in fragment_starts(fragmented, track) if samples.sync[start])
    return FrameGrid(samples, shown, hidden, track, number, shift, stored_shift, keyframes)


def is_one_piece(moov: Box, track: Box) -> bool:
    """Return whether an edit list plays one stretch of the track, perhaps in entries that continue each other.

    Their times cannot tell: two pieces may follow each other as regularly as the pictures of one.
    """
    edts = track.find(b"edts")
    elst = next((box.body for box in parse_boxes(edts.body) if box.kind == b"elst"), b"") if edts is not None else b""
    wide = elst[:1] == b"\x01"
    row = struct.Struct(">Qqi" if wide else ">Iii")
    entries = [row.unpack_from(elst, at)[:2] for at in range(8, len(elst) - row.size + 1, row.size)]
    while entries and entries[0][1] == -1:
        entries.pop(0)
    film_scale, scale = (_time_scale(box) for box in (moov.require(b"mvhd"), track.require(b"mdia", b"mdhd")))
    for (duration, start), (_, following) in itertools.pairwise(entries):
        if following == -1 or abs((following - start) * film_scale - duration * scale) > max(film_scale, scale):
            return False
    return True


def _time_scale(header: Box) -> int:
    """Return the ticks per second of an `mvhd` or `mdhd`."""
    scale: int = struct.unpack_from(">I", header.body, 20 if header.body[:1] == b"\x01" else 12)[0]
    return scale


def _reader_shift(path: Path, stream_index: int, samples: Samples, options: dict[str, str]) -> int:
    """Return what a reader adds to stored times, from a packet that is identified by its position in the file.

    The spacing of the times cannot tell: at a constant rate every shift by a number of frames fits.
    """
    with open_mp4_packets(path, options) as container:
        for packet in container.demux(container.streams[stream_index]):
            matches = np.flatnonzero(samples.offsets == (-1 if packet.pos is None else packet.pos))
            if len(matches) and packet.size and packet.pts is not None:
                return int(packet.pts - samples.pts[matches[0]])
    raise NotApplicable("the picture's packets cannot be matched to the file")


def _count_hidden(stored: Ints, shown: Ints) -> int:
    """Count the stored pictures before the first shown one; both times are on the track's own clock."""
    before = int(np.searchsorted(stored, shown[0]))
    if not np.array_equal(stored[before : before + len(shown)], shown):
        raise NotApplicable("the edit list plays the stored pictures in more than one piece")
    return before


def composition_offsets(grid: FrameGrid, slots: Ints, ranks: Ints) -> Ints:
    """Return pts minus dts for new pictures in these slots, at the positions `ranks` in presentation order.

    Raises:
        NotApplicable: a picture would be shown before it is decoded.
    """
    offsets = grid.shown[ranks] - grid.samples.dts[slots]
    if len(offsets) and int(offsets.min()) < min(0, int(grid.samples.composition.min())):
        raise NotApplicable("the encoder reorders pictures more than the source does")
    return offsets.astype(np.int64)
