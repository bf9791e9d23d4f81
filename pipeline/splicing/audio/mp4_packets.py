"""Code the packets of new lines for the dialogue track of an MP4 or MOV; surgery.py puts them among the film's own.

AAC, AC-3 and E-AC-3: only the packets of the lines and one before them are coded anew, every other one is copied. PCM
is written over in place (pcm.py), Matroska and transport streams have streamed.py, and for anything else that one
track is coded anew as a whole (whole_track.py).
Raises  Unsuited where the packets cannot be matched; the whole-track way is then taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from ...core.values import AudioStream, Media
from ..mp4 import sample_tables
from ..mp4.boxes import read_moov
from ..mp4.replace_samples import NewSamples, find_track
from ..not_applicable import NotApplicable
from ..pictures.frames import IGNORE_EDIT_LIST
from .lines import Line, Sound, lay
from .packet_encoder import FRAMES, encoded
from .reencode_track import decoded

_MARGIN = 1
"""A packet is heard over its own samples and the next one's: so one before a line is new, and none behind it."""
WARM_UP = 4


def new_packets(film: Path, media: Media, lines: Sequence[Line], scratch: Path) -> list[NewSamples]:
    """Code new packets for the lines (in samples of the shown clock) into `scratch`."""
    audio = media.audio[0]
    step = FRAMES.get(audio.codec)
    if step is None:
        raise NotApplicable(f"{audio.codec} sound is not replaced packet by packet")
    _, moov = read_moov(film)
    track = find_track(moov, b"soun", 0)
    found = sample_tables.read_sample_table(track)
    scale = int.from_bytes(_timescale(track.at(b"mdia", b"mdhd").body), "big")
    if scale != audio.sample_rate_hz or bool((np.diff(found.dts) != step).any()):
        raise NotApplicable(f"the sound's packets are not on a grid of {step} samples")
    shift = _shift(film, audio, found)
    stored = [line.moved(shift) for line in lines]
    with scratch.open("wb") as out:
        return [_coded(film, audio, found, group, scratch, out) for group in groups(stored, step)]


def _timescale(mdhd: bytes) -> bytes:
    return mdhd[20:24] if mdhd[0] == 1 else mdhd[12:16]


def _shift(film: Path, audio: AudioStream, found: sample_tables.Samples) -> int:
    """Give what the edit list adds to the track's own clock, in samples."""
    with av.open(f"file:{film}") as container:
        for packet in container.demux(container.streams[audio.index]):
            places = np.flatnonzero(found.offsets == (-1 if packet.pos is None else packet.pos))
            if len(places) and packet.pts is not None:
                return int(packet.pts - found.dts[places[0]])
    raise NotApplicable("the sound's packets cannot be matched to the file")


def groups(lines: Sequence[Line], step: int) -> list[list[Line]]:
    """Put lines together whose packets, margins included, would touch."""
    reach = (2 * _MARGIN + 2) * step
    groups: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.start):
        if groups and line.start - groups[-1][-1].end < reach:
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def window(starts: NDArray[np.int64], group: Sequence[Line]) -> tuple[int, int, int, int]:
    """Give which packets are decoded and coded again, `[low, high)`, and which of them are new, `[first, end)`.

    `starts` tells at which sample each packet is heard, on the clock of the lines.
    """
    first = max(int(np.searchsorted(starts, group[0].start, side="right")) - 1 - _MARGIN, 0)
    end = min(int(np.searchsorted(starts, group[-1].end)), len(starts))
    return max(first - WARM_UP, 0), first, end, min(end + WARM_UP, len(starts))


def _coded(
    film: Path, audio: AudioStream, found: sample_tables.Samples, group: list[Line], scratch: Path, out: BinaryIO
) -> NewSamples:
    low, first, end, high = window(found.dts, group)
    begin, step = int(found.dts[low]), FRAMES[audio.codec]
    stretch = _stretch(film, audio, begin, int(found.dts[high - 1]) + step)
    for line in group:
        lay(stretch, begin, line, audio.sample_rate_hz, audio.layout)
    fresh = encoded(film, audio, stretch, begin)
    sizes, offsets = [], []
    for place in range(first, end):
        data = fresh.get(int(found.dts[place]))
        if data is None:
            raise NotApplicable("the encoder left out a packet of the line")
        offsets.append(out.tell())
        sizes.append(len(data))
        out.write(data)
    count = end - first
    return NewSamples(
        first=first,
        end=end,
        place=0,
        file=scratch,
        offsets=np.array(offsets, np.int64),
        sizes=np.array(sizes, np.int64),
        composition=np.zeros(count, np.int64),
        sync=np.ones(count, bool),
        kind=b"soun",
    )


def _stretch(film: Path, audio: AudioStream, begin: int, end: int) -> Sound:
    """Decode the samples [begin, end) of the track's own clock."""
    stretch = np.zeros((audio.channels, end - begin), np.float32)
    for at, part in decoded(film, audio, begin, IGNORE_EDIT_LIST):
        if at >= end:
            break
        low, high = max(at, begin), min(at + part.shape[1], end)
        if low < high:
            stretch[:, low - begin : high - begin] = part[:, low - at : high - at]
    return stretch
