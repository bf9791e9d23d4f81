"""The way that always works: the whole picture stream is encoded again, visually lossless.

Takes   the source, the takes' frames, and an encoder choice.
Gives   a file of coded pictures alone; what carries it into the film is surgery.py or remux.py.
Raises  Unsuited where the pictures do not come out one for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame

from ..core.values import VideoStream
from .encoders import Choice, coded_rate, dress
from .mp4 import sample_tables
from .mp4.boxes import Box, parse, read_moov
from .mp4.rewrite import NewSamples, track_of
from .mp4.sample_tables import Ints
from .mp4.sample_times import Grid, composition_on_slots
from .not_applicable import Unsuited

ENTRY_HEAD_BYTES = 8 + 78
_BITEXACT = {"fflags": "+bitexact"}
"""Matroska would get random numbers for its tracks."""
_CONFIGS = frozenset({b"avcC", b"hvcC", b"vpcC", b"av1C", b"esds", b"glbl"})
_STALE = _CONFIGS | {b"btrt", b"dvcC", b"dvvC", b"dvwC", b"lhvC"}


def encode(
    frames: Iterable[tuple[VideoFrame, int]],
    made: Path,
    video: VideoStream,
    choice: Choice,
    each: Callable[[int], None],
    times: Ints | None = None,
) -> int:
    """Encode numbered frames into `made`; give how many there were.

    Every encoder gets an even clock, because some know only certain rates; `times` (units of the stream's time
    base, one per number) puts packets of an encoder that does not reorder on their true times.
    """
    try:
        return _encoded(frames, made, video, choice, each, times)
    except (av.FFmpegError, ValueError) as error:
        raise Unsuited(f"{choice.encoder} does not take these pictures: {said_of(error)}") from error


def said_of(error: Exception) -> str:
    """Give what went wrong without the name of the file, which is ours and gone soon."""
    return (isinstance(error, av.FFmpegError) and error.strerror) or str(error)


def _encoded(
    frames: Iterable[tuple[VideoFrame, int]],
    made: Path,
    video: VideoStream,
    choice: Choice,
    each: Callable[[int], None],
    times: Ints | None,
) -> int:
    count, rate = 0, coded_rate(choice, video.rate)
    with av.open(str(made), "w", options=_BITEXACT) as out:
        stream = out.add_stream(choice.encoder, rate=rate)
        assert isinstance(stream, av.VideoStream)
        dress(stream, video, choice)
        if times is not None:
            stream.time_base = video.time_base
        for given, number in frames:
            frame = given if given.format.name == choice.pix_fmt else given.reformat(format=choice.pix_fmt)
            frame.pts, frame.time_base, frame.pict_type = number, 1 / rate, PictureType.NONE
            for packet in stream.encode(frame):
                out.mux(_timed(packet, video, times))
            count += 1
            each(count)
        if not count:
            raise Unsuited("the picture stream gives no frames")
        for packet in stream.encode(None):
            out.mux(_timed(packet, video, times))
    return count


def _timed(packet: Any, video: VideoStream, times: Ints | None) -> Any:
    if times is not None and packet.pts is not None:
        number = packet.pts
        after = (
            int(times[number + 1]) if number + 1 < len(times) else int(times[number]) + video.timestamps.last_duration
        )
        packet.pts = packet.dts = int(times[number])
        packet.duration = after - packet.pts
        packet.time_base = video.time_base
    return packet


def new_samples(grid: Grid, coded: Path) -> NewSamples:
    """Fit coded pictures (an MP4 or MOV of one track) onto the source's slots.

    Raises:
        Unsuited: they are not one for one, or would be shown before they are decoded.
    """
    if grid.track is None:
        raise Unsuited("the film has no sample tables")
    _, moov = read_moov(coded)
    track = track_of(moov, b"vide")
    found = sample_tables.samples(track)
    if found.count > grid.samples.count:
        raise Unsuited("the encoder gave more pictures than the source has")
    ranks = np.searchsorted(np.sort(found.pts), found.pts)
    return NewSamples(
        first=0,
        end=found.count,
        place=grid.place,
        file=coded,
        offsets=found.offsets,
        sizes=found.sizes,
        composition=composition_on_slots(grid, 0, ranks),
        sync=found.sync,
        entry=entry(sample_tables.stbl(grid.track).at(b"stsd").body, sample_tables.stbl(track).at(b"stsd").body),
    )


def entry(old: bytes, new: bytes) -> bytes:
    """Join two `stsd` bodies: the source's size, shape and colour boxes, the encoder's configuration."""
    was, came = single_entry(old), single_entry(new)
    codec = was[4:8] if _same_codec(was, came) else came[4:8]
    kept = [box for box in parse(was[ENTRY_HEAD_BYTES:]) if box.kind not in _STALE]
    config = [box for box in parse(came[ENTRY_HEAD_BYTES:]) if box.kind in _CONFIGS]
    body = was[8:ENTRY_HEAD_BYTES] + b"".join(box.write() for box in config + kept)
    return old[:8] + Box(codec, body).write()


def single_entry(stsd: bytes) -> bytes:
    """Give the one sample entry of a track.

    Raises:
        Unsuited: there are several, or the pictures are encrypted.
    """
    if int.from_bytes(stsd[4:8], "big") != 1:
        raise Unsuited("the picture track has more than one sample description")
    size = int.from_bytes(stsd[8:12], "big")
    if stsd[12:16] == b"encv":
        raise Unsuited("the pictures are encrypted")
    return stsd[8 : 8 + size]


def _same_codec(was: bytes, came: bytes) -> bool:
    """Tell whether two entries name one codec; Dolby Vision's own names give way to HEVC's."""
    families = ((b"avc1", b"avc3"), (b"hvc1", b"hev1"), (b"ap4h", b"ap4x", b"apch", b"apcn", b"apcs", b"apco"))
    one, other = was[4:8], came[4:8]
    if one[:2] == b"ap":
        return one == other
    return one == other or any(one in family and other in family for family in families)
