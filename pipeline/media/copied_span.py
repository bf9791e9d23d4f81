"""Cut a span out of an H.264 MP4 or MOV by copying packets: nothing is encoded, and the file is as small as the film's.

The packets begin with an IDR picture, and an edit list hides what is shown before the first frame and after the last.
Readers that decode the file get the frames of the span alone, as coded, since nothing refers to what is left out.

Source: ISO/IEC 14496-12 8.6.6 (edit lists); ISO/IEC 14496-10 7.4.1.2.4 (an IDR picture ends all references).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av

from ..core.cancellation import stoppable
from ..core.values import Media
from .frames.decode import open_media
from .nal_units import split_units

_SUFFIXES = (".mp4", ".mov", ".m4v")
_IDR = 5
_MOST_HIDDEN = 300
"""Packets before the span; with more, what is saved in bytes is paid in decoding."""
_FINEST_TICKS = (1 << 31) - 1


def copy_span(
    path: Path, source: Media, span: tuple[int, int], tracks: Sequence[Path], target: Path, timescale: int
) -> bool:
    """Write the frames [start, end) of a film, and its sound, to a MOV; return whether that is possible.

    Args:
        path: the film.
        source: its probe.
        span: the frames.
        tracks: the sound, already cut, one WAV per track.
        target: the new file.
        timescale: ticks per second of its picture.
    """
    video = source.video
    if video is None or video.codec != "h264" or path.suffix.lower() not in _SUFFIXES:
        return False
    times = video.timestamps.array
    first, last = int(times[span[0]]), int(times[span[1] - 1])
    try:
        with open_media(path) as container:
            packets = _packets_of_span(container, container.streams[video.index], first, last)
            if packets is None:
                return False
            movie_ticks = _write(container.streams[video.index], packets, first, tracks, target, timescale)
    except (av.FFmpegError, ValueError):
        return False
    end = int(times[span[1]]) if span[1] < len(times) else video.timestamps.end
    shown = (end - first) * video.time_base
    return _end_edit(target, round(shown * movie_ticks)) if movie_ticks else False


def _packets_of_span(container: Any, stream: Any, first: int, last: int) -> list[Any] | None:
    """Return the packets from the last IDR picture up to `first` on, as far as those up to `last` need."""
    container.seek(first, stream=stream, backward=True)
    packets: list[Any] = []
    needed = 0
    for packet in stoppable(container.demux(stream)):
        if packet.pts is None or packet.dts is None or not packet.size:
            continue
        if packet.is_keyframe and packet.pts <= first:
            packets, needed = [], 0
        if not packets and not _is_idr(packet):
            return None
        packets.append(packet)
        if first <= packet.pts <= last:
            needed = len(packets)
        if not needed and len(packets) > _MOST_HIDDEN:
            return None
        if packet.dts > last:
            break
    return packets[:needed] if needed and packets[0].pts <= first else None


def _is_idr(packet: Any) -> bool:
    return packet.is_keyframe and any(
        unit and unit[0] & 31 == _IDR for unit in split_units(bytes(packet), annexb=False)
    )


def _write(stream: Any, packets: list[Any], first: int, tracks: Sequence[Path], target: Path, timescale: int) -> int:
    """Write the file; return the ticks per second of the movie, or 0 if no number of them is exact."""
    sounds = [av.open(str(track)) for track in tracks]
    try:
        rates = [sound.streams.audio[0].rate for sound in sounds]
        movie_ticks = math.lcm(timescale, *rates)
        if movie_ticks > _FINEST_TICKS:
            return 0
        options = {
            "fflags": "+bitexact",
            "avoid_negative_ts": "disabled",
            "movie_timescale": str(movie_ticks),
            "video_track_timescale": str(timescale),
        }
        with av.open(str(target), "w", format="mov", options=options) as out:
            picture = out.add_stream_from_template(stream, opaque=True)
            picture.time_base = stream.time_base
            copies = [out.add_stream_from_template(sound.streams.audio[0], opaque=True) for sound in sounds]
            for packet in packets:
                packet.pts -= first
                packet.dts -= first
                packet.stream = picture
                out.mux(packet)
            for sound, copy in zip(sounds, copies, strict=True):
                for packet in stoppable(sound.demux(sound.streams.audio[0])):
                    if packet.size:
                        packet.stream = copy
                        out.mux(packet)
    finally:
        for sound in sounds:
            sound.close()
    return movie_ticks


def _end_edit(target: Path, ticks: int) -> bool:
    """Let the edit of the first track, which is the picture's, last so many ticks; return whether there is one."""
    data = bytearray(target.read_bytes())
    index = data.rfind(b"moov")
    place = data.rfind(b"elst", index, data.find(b"mdhd", index))
    if place < 0:
        return False
    version, count = data[place + 4], int.from_bytes(data[place + 8 : place + 12], "big")
    if count != 1:
        return False
    width = 8 if version else 4
    data[place + 12 : place + 12 + width] = ticks.to_bytes(width, "big")
    target.write_bytes(data)
    return True
