"""Encode the packets of new lines for the dialogue track of an MP4 or MOV; mp4/rewrite.py inserts them.

AAC, AC-3 and E-AC-3: only the packets of the lines and one before them are encoded, all others are copied. PCM is
overwritten in place (pcm_in_place.py); stream_packets.py handles Matroska and transport streams; for anything else the
track is re-encoded as a whole (reencode_track.py).
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
from ..mp4.fragments import read_index
from ..mp4.replace_samples import NewSamples, find_track
from ..mp4.sample_times import IGNORE_EDIT_LIST
from ..not_applicable import NotApplicable
from .lines import DialogueLine, Sound, mix_into
from .packet_encoder import SAMPLES_PER_PACKET, encode
from .reencode_track import decode_audio

_MARGIN_PACKETS = 1
"""A packet is heard over its own samples and the next one's, so one before a line is new and none after it."""
WARM_UP_PACKETS = 4


def encode_packets(film: Path, media: Media, lines: Sequence[DialogueLine], scratch: Path) -> list[NewSamples]:
    """Encode new packets for the lines (in samples of the shown clock) into `scratch`.

    Raises:
        NotApplicable: the packets cannot be replaced one by one.
    """
    audio = media.audio[0]
    step = SAMPLES_PER_PACKET.get(audio.codec)
    if step is None:
        raise NotApplicable(f"{audio.codec} sound is not replaced packet by packet")
    moov, read_samples = read_index(film)
    track = find_track(moov, b"soun", 0)
    samples = read_samples(track)
    scale = int.from_bytes(_timescale(track.require(b"mdia", b"mdhd").body), "big")
    if scale != audio.sample_rate_hz or bool((np.diff(samples.dts) != step).any()):
        raise NotApplicable(f"the sound's packets are not on a grid of {step} samples")
    shift = _edit_list_offset(film, audio, samples)
    stored = [line.shifted(shift) for line in lines]
    with scratch.open("wb") as out:
        return [_encode_group(film, audio, samples, group, scratch, out) for group in group_lines(stored, step)]


def _timescale(mdhd: bytes) -> bytes:
    return mdhd[20:24] if mdhd[0] == 1 else mdhd[12:16]


def _edit_list_offset(film: Path, audio: AudioStream, samples: sample_tables.Samples) -> int:
    """Return the offset of the edit list to the track's own clock, in samples."""
    with av.open(f"file:{film}") as container:
        for packet in container.demux(container.streams[audio.index]):
            places = np.flatnonzero(samples.offsets == (-1 if packet.pos is None else packet.pos))
            if len(places) and packet.pts is not None:
                return int(packet.pts - samples.dts[places[0]])
    raise NotApplicable("the sound's packets cannot be matched to the file")


def group_lines(lines: Sequence[DialogueLine], step: int) -> list[list[DialogueLine]]:
    """Group lines whose packets, margins included, would touch."""
    reach = (2 * _MARGIN_PACKETS + 2) * step
    groups: list[list[DialogueLine]] = []
    for line in sorted(lines, key=lambda line: line.start):
        if groups and line.start - groups[-1][-1].end < reach:
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def packet_window(starts: NDArray[np.int64], group: Sequence[DialogueLine]) -> tuple[int, int, int, int]:
    """Return (low, first, end, high): packets [low, high) are decoded and encoded, and [first, end) of them are used.

    `starts` is the sample at which each packet is heard, on the clock of the lines.
    """
    first = max(int(np.searchsorted(starts, group[0].start, side="right")) - 1 - _MARGIN_PACKETS, 0)
    end = min(int(np.searchsorted(starts, group[-1].end)), len(starts))
    return max(first - WARM_UP_PACKETS, 0), first, end, min(end + WARM_UP_PACKETS, len(starts))


def _encode_group(
    film: Path,
    audio: AudioStream,
    samples: sample_tables.Samples,
    group: list[DialogueLine],
    scratch: Path,
    out: BinaryIO,
) -> NewSamples:
    low, first, end, high = packet_window(samples.dts, group)
    begin, step = int(samples.dts[low]), SAMPLES_PER_PACKET[audio.codec]
    stretch = _decode_stretch(film, audio, begin, int(samples.dts[high - 1]) + step)
    for line in group:
        mix_into(stretch, begin, line, audio.sample_rate_hz, audio.layout)
    fresh = encode(film, audio, stretch, begin)
    sizes, offsets = [], []
    for place in range(first, end):
        data = fresh.get(int(samples.dts[place]))
        if data is None:
            raise NotApplicable("the encoder left out a packet of the line")
        offsets.append(out.tell())
        sizes.append(len(data))
        out.write(data)
    count = end - first
    return NewSamples(
        first=first,
        end=end,
        track_number=0,
        file=scratch,
        offsets=np.array(offsets, np.int64),
        sizes=np.array(sizes, np.int64),
        composition=np.zeros(count, np.int64),
        sync=np.ones(count, bool),
        handler=b"soun",
    )


def _decode_stretch(film: Path, audio: AudioStream, begin: int, end: int) -> Sound:
    """Decode the samples [begin, end) of the track's own clock."""
    stretch = np.zeros((audio.channels, end - begin), np.float32)
    for at, part in decode_audio(film, audio, begin, IGNORE_EDIT_LIST):
        if at >= end:
            break
        low, high = max(at, begin), min(at + part.shape[1], end)
        if low < high:
            stretch[:, low - begin : high - begin] = part[:, low - at : high - at]
    return stretch
