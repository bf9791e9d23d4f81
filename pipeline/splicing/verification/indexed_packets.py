"""The packets of an MP4 or MOV by the index that the library keeps of it, instead of one by one.

The library's own index has the position, size, decode time and marks of every packet as its reader applies the edit
list; presentation times come from the film's table of composition offsets, in which the same packets are found again
first. The first and the last packets of every stream are read besides, and must be those of the index. A film whose
packets differ from its index (a parser joins or splits them, or an edit list plays several pieces) has to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ...core.cancellation import raise_if_stopped, stoppable
from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box, read_moov
from ...media.mp4.sample_tables import Ints
from ...media.nal_units import FieldPairs
from ...media.not_applicable import NotApplicable
from .packet_comparison import Bools, Column, Packets

_KEY, _DISCARD = 1, 2
"""Of an index entry's flags, which are two bits."""
_ENTRY = np.dtype([("offset", np.int64), ("dts", np.int64), ("size", np.int64), ("flags", np.int8)])
_HEAD_PACKETS, _END_PACKETS = 200, 1000
"""Read from the start of the film, and from the last keyframe of each stream to its end, at most."""


@dataclass(frozen=True)
class StreamPackets:
    """The packets that a reader gives of one stream, apart from hidden pictures."""

    packets: Packets
    duration: int
    """What the packets' durations add up to, in ticks."""
    hidden: int
    """Number of pictures that the edit list hides."""


def read_indexed(container: Any, path: Path, raw: FileIO, picture: int) -> list[StreamPackets] | None:
    """Return the streams of a film by its index, or None if its packets have to be read.

    Args:
        container: the film, opened and not read yet.
        path: the film.
        raw: the film, unbuffered.
        picture: the index of the picture among the streams; its hidden pictures are left out.
    """
    if FieldPairs(container.streams[picture]).possible:
        return None
    try:
        tracks = {sample_tables.track_id(track): track for track in read_moov(path)[1].all(b"trak")}
        rows = [_read_rows(stream, tracks.pop(stream.id, None)) for stream in container.streams]
        _compare(islice(container.demux(), _HEAD_PACKETS), rows, raw)
        for stream, row in zip(container.streams, rows, strict=True):
            for place in (0, -1):
                if len(row) and not row.seen[place]:
                    container.seek(int(row.entries["dts"][place]), stream=stream, backward=True)
                    _compare(islice(container.demux(stream), _END_PACKETS), rows, raw)
        if not all(row.ends_seen for row in rows):
            return None
    except (NotApplicable, _NotAsIndexed, av.FFmpegError):
        return None
    return [row.finish(path, is_picture=number == picture) for number, row in enumerate(rows)]


def _compare(packets: Iterable[Any], rows: Sequence[_Rows], raw: FileIO) -> None:
    """Compare packets with the index, and with what is stored where it says they are."""
    for packet in stoppable(packets):
        if packet.dts is None and packet.pts is None:
            continue  # the end
        rows[packet.stream_index].compare(packet)
        raw.seek(packet.pos)
        if raw.read(packet.size) != bytes(packet):
            raise _NotAsIndexed


class _NotAsIndexed(Exception):
    """A packet differs from its entry in the index."""


class _Rows:
    """The index of one stream."""

    def __init__(self, entries: NDArray[Any], composition: Ints | None) -> None:
        self.entries, self._composition = entries, composition
        self.seen = np.zeros(len(entries), bool)
        self._shift: int | None = None
        self._last_duration = 0

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def ends_seen(self) -> bool:
        """Whether the first and the last packet were read."""
        return not len(self) or bool(self.seen[0] and self.seen[-1])

    def compare(self, packet: Any) -> None:
        """Compare a packet with its entry; the first one shows what the reader adds to presentation times.

        Raises:
            _NotAsIndexed: they differ.
        """
        times = self.entries["dts"]
        known = None not in (packet.pts, packet.dts, packet.pos)
        place = int(np.searchsorted(times, packet.dts)) if known else len(self)
        if place == len(self):
            raise _NotAsIndexed
        offset = packet.pts - packet.dts - (0 if self._composition is None else int(self._composition[place]))
        self._shift = offset if self._shift is None else self._shift
        is_last = place + 1 == len(self)
        duration = packet.duration or 0
        *numbers, flags = self.entries[place].tolist()
        # Keyframes need not be as marked: a parser may know better.
        if [packet.pos, packet.dts, packet.size] != numbers or packet.is_discard != bool(flags & _DISCARD):
            raise _NotAsIndexed
        if offset != self._shift or (not is_last and packet.dts + duration != times[place + 1]):
            raise _NotAsIndexed
        self._last_duration = duration if is_last else self._last_duration
        self.seen[place] = True

    def finish(self, path: Path, *, is_picture: bool) -> StreamPackets:
        """Return the stream."""
        entries, pts = self.entries, self.entries["dts"].copy()
        pts += self._shift or 0
        if self._composition is not None:
            pts += self._composition
        hidden = (entries["flags"] & _DISCARD != 0) & is_picture
        shown = ~hidden
        steps = np.diff(entries["dts"], append=entries["dts"][-1:] + self._last_duration)
        times, sizes, offsets = (Column.of(entries[name][shown]) for name in ("dts", "size", "offset"))
        keys: Bools = (entries["flags"][shown] & _KEY) != 0
        packets = Packets(path, Column.of(pts[shown]), times, sizes, offsets, keys=keys)
        return StreamPackets(packets, int(steps[shown].sum()), int(hidden.sum()))


def _read_rows(stream: Any, track: Box | None) -> _Rows:
    """Read a stream's index, and check that the film's own table has the same samples.

    Raises:
        NotApplicable: the table is broken.
        _NotAsIndexed: the two differ.
    """
    raise_if_stopped()
    index = stream.index_entries
    # A reader skips the titles of chapters.
    count = 0 if stream.discard == av.stream.Discard.all else len(index)
    numbers = ((item.pos, item.timestamp, item.size, item.flags & (_KEY | _DISCARD)) for item in islice(index, count))
    entries = np.fromiter(numbers, _ENTRY, count)
    if not count:
        return _Rows(entries, None)
    if track is None or int(entries["size"].min()) <= 0 or (np.diff(entries["dts"]) <= 0).any():
        raise _NotAsIndexed
    if sample_tables.stbl(track).find(b"ctts") is None and stream.type != "video":
        return _Rows(entries, None)
    samples = sample_tables.read_sample_table(track)
    first = int(np.argmax(samples.offsets == entries["offset"][0]))
    span = slice(first, first + count)
    pairs = [
        (samples.offsets[span], entries["offset"]),
        (samples.sizes[span], entries["size"]),
        (np.diff(samples.dts[span]), np.diff(entries["dts"])),
        (samples.keyframes[span], entries["flags"] & _KEY != 0),
    ]
    if not all(np.array_equal(table, known) for table, known in pairs):
        raise _NotAsIndexed
    return _Rows(entries, samples.composition[span])
