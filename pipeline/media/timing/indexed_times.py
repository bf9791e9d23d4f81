"""The frame times of a long MP4 or MOV by its index, instead of packet by packet.

The library's own index has the decode time, size and marks of every packet as its reader applies the edit list;
presentation times come from the film's table of composition offsets, after sizes and decode times have shown that both
list the same packets. The first packets and those from the last keyframe on are read besides, and must be as indexed. A
film with anything unusual (fragments, an edit list that leaves packets out, a parser that joins or splits them) has to
be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.cancellation import raise_if_stopped, stoppable
from ...core.errors import InputMediaError
from ..frames.film_readers import open_media
from ..mp4.boxes import read_moov
from ..mp4.sample_tables import Ints, read_sample_table, track_id
from ..nal_units import FieldPairs
from ..not_applicable import NotApplicable

MIN_PACKETS = 2000
"""A film with fewer is read as fast."""
_ONE_PICTURE_EACH = frozenset({"av1", "dnxhd", "h264", "hevc", "mjpeg", "mpeg4", "prores", "vp9"})
"""Codecs whose packets are the samples of the file: no parser joins or splits them, and none hides a picture."""
_DISCARD = 2
"""Of an index entry's flags."""
_HEAD_PACKETS, _END_PACKETS = 200, 1000
_ENTRY = np.dtype([("dts", np.int64), ("size", np.int64), ("flags", np.int8)])


@dataclass(frozen=True)
class IndexedTimes:
    """What the packets of the picture would tell."""

    shown: Ints
    """The times of all shown pictures in decoding order, in ticks of the stream."""
    last_duration: int
    """How long the packet of the last shown one says that it is shown, in ticks."""


def read_indexed_times(path: Path, stream: Any) -> IndexedTimes | None:
    """Return the times of a picture stream by the index, or None if its packets have to be read.

    Args:
        path: the film.
        stream: the picture, of a reader that is not used here.
    """
    index, context = stream.index_entries, stream.codec_context
    known = context is not None and context.name in _ONE_PICTURE_EACH and "mov" in stream.container.format.name
    if not known or len(index) < max(MIN_PACKETS, 1) or FieldPairs(stream).possible:
        return None
    raise_if_stopped()
    entries = np.fromiter(((item.timestamp, item.size, item.flags) for item in index), _ENTRY, len(index))
    composition = _composition(path, stream.id, entries)
    if composition is None:
        return None
    try:
        return _compared(path, stream.index, entries, composition)
    except (_NotAsIndexed, InputMediaError):  # damage, too, is for who reads all packets
        return None


class _NotAsIndexed(Exception):
    """A packet differs from its entry in the index."""


def _compared(path: Path, stream_index: int, entries: NDArray[Any], composition: Ints) -> IndexedTimes:
    """Compare the packets at both ends with the index.

    Raises:
        _NotAsIndexed: they differ.
        InputMediaError: the film is damaged.
    """
    durations: dict[int, int] = {}
    shifts: set[int] = set()

    def compare(packets: Iterable[Any]) -> bool:
        """Compare packets with their entries; return whether they go on to the end of the film."""
        for packet in stoppable(packets):
            if not packet.size:
                return len(entries) - 1 in durations
            number = _number(packet, entries)
            shifts.add(packet.pts - packet.dts - int(composition[number]))
            if len(shifts) > 1:
                raise _NotAsIndexed
            durations[number] = packet.duration or 0
        return False

    with open_media(path) as container:
        stream = container.streams[stream_index]
        compare(islice(container.demux(stream), _HEAD_PACKETS))
        container.seek(int(entries["dts"][-1]), stream=stream, backward=True)
        if not compare(islice(container.demux(stream), _END_PACKETS)):
            raise _NotAsIndexed
    shown = entries["flags"] & _DISCARD == 0
    times = entries["dts"] + composition + (shifts.pop() if shifts else 0)
    last = int(np.argmax(np.where(shown, times, np.iinfo(np.int64).min)))
    if last not in durations or 0 not in durations or not shown[last]:
        raise _NotAsIndexed
    return IndexedTimes(times[shown], durations[last])


def _number(packet: Any, entries: NDArray[Any]) -> int:
    """Return the number of a packet, which must be as its entry says."""
    if packet.pts is None or packet.dts is None or packet.has_sidedata("encryption_info"):
        raise _NotAsIndexed
    number = int(np.searchsorted(entries["dts"], packet.dts))
    if number == len(entries):
        raise _NotAsIndexed
    dts, size, flags = entries[number].tolist()
    if (packet.dts, packet.size, packet.is_discard) != (dts, size, bool(flags & _DISCARD)):
        raise _NotAsIndexed
    return number


def _composition(path: Path, track_number: int, entries: NDArray[Any]) -> Ints | None:
    """Return the composition offset of each packet; None if the film's tables do not list the same packets."""
    if (np.diff(entries["dts"]) <= 0).any() or int(entries["size"].min()) <= 0:
        return None
    try:
        tracks = {track_id(track): track for track in read_moov(path)[1].all(b"trak")}
        samples = read_sample_table(tracks[track_number])
    except (KeyError, NotApplicable):
        return None
    same_sizes = np.array_equal(samples.sizes, entries["size"])
    same_steps = np.array_equal(np.diff(samples.dts), np.diff(entries["dts"]))
    return samples.composition if same_sizes and same_steps else None
