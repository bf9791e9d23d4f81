"""The voice that the model hears for a segment, at 48 kHz, mono or stereo.

It is the film's own sound, or the edit's new line between the film's own sound of the handles. It is exactly as long as
the segment's picture, since that is what the film will play: a new line begins at the in point of the edit, is cut at
the out point, and a shorter one is followed by silence. A segment that is one part of an edit gets its own stretch of
the line, and in its handles what the neighbouring parts have of it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...core.errors import InputMediaError
from ...core.file import File
from ...core.nodes.node import NodeContext
from ...core.values import Segment
from ..probe import probe, require_video
from ..trim import container_time_s
from . import samples as sound
from .samples import Samples

RATE_HZ = 48_000
_LENGTH_TOLERANCE_S = 0.02
"""Half a frame: a smaller difference is not reported."""


def segment_voice(context: NodeContext, segment: Segment, track: int) -> tuple[Samples | None, str]:
    """Return the voice of a segment, None if there is no sound, and a note if a new line is not as long as its span.

    Raises:
        InputMediaError: the track does not exist, or the new line has no sound.
    """
    line = segment.edit.audio
    own = original_audio(context, segment, track)
    if line is None:
        return own, ""
    if not isinstance(line, File):
        raise InputMediaError(f"segment {segment.name}: its audio {line!r} was not fetched")
    return _insert_line(segment, own, _read_line(context, segment, line))


def picture_sample_count(segment: Segment) -> int:
    """Return how many samples last as long as the segment's picture."""
    video = require_video(segment.media)
    ticks = video.timestamps.end - int(video.timestamps.array[0])
    return round(ticks * video.time_base * RATE_HZ)


def original_audio(context: NodeContext, segment: Segment, track: int) -> Samples | None:
    """Read the film's own sound of a segment, handles included, as long as the picture; None if there is none.

    It is read from the source if the segment's file has no sound, as after `transcode`.
    """
    count = picture_sample_count(segment)
    if segment.media.audio:
        path, tracks = context.path(segment.media.file), segment.media.audio
        start_s, end_s = Fraction(0), Fraction(count, RATE_HZ)
    else:
        video = require_video(segment.source)
        path, tracks = context.path(segment.source.file), segment.source.audio
        start_s, end_s = container_time_s(video, segment.first_frame), container_time_s(video, segment.last_frame)
    if not tracks:
        return None
    if track >= len(tracks):
        raise InputMediaError(f"the film has {len(tracks)} sound track(s), numbered from 0; there is no track {track}")
    samples, rate_hz = sound.read_span(path, tracks[track].index, start_s, end_s)
    return sound.fit_length(sound.resample(samples, rate_hz, RATE_HZ, tracks[track].layout), count)


def _read_line(context: NodeContext, segment: Segment, file: File) -> Samples:
    path = context.path(file)
    if not probe(path, file, f"the audio of segment {segment.name}").audio:
        raise InputMediaError(f"the audio of segment {segment.name} has no sound track")
    return sound.read_all(path, RATE_HZ)


def _insert_line(segment: Segment, own: Samples | None, line: Samples) -> tuple[Samples, str]:
    """Insert a new line at the in point, between the handles' own sound; return also a note if it does not fit."""
    count = picture_sample_count(segment)
    begin, end = edit_sample_range(segment)
    low, high = max(begin, 0), min(end, count)
    channels = max(line.shape[0], own.shape[0] if own is not None else 1)
    handles = _to_channels(own, channels) if own is not None else np.zeros((channels, count), np.float32)
    inserted = _to_channels(sound.fit_length(line[:, low - begin :], high - low), channels)
    voice = np.concatenate([handles[:, :low], inserted, handles[:, high:]], axis=1)
    is_first = segment.start_frame == segment.edit_span[0]
    return voice, _length_note((line.shape[1] - (end - begin)) / RATE_HZ) if is_first else ""


def _length_note(over_s: float) -> str:
    if abs(over_s) < _LENGTH_TOLERANCE_S:
        return ""
    if over_s > 0:
        return f"the new line is {over_s:.2f} s longer than its span: its end is cut off"
    return f"the new line is {-over_s:.2f} s shorter than its span: silence follows it"


def edit_sample_range(segment: Segment) -> tuple[int, int]:
    """Return the samples [begin, end) of the clip in which its edit lies; those of other parts lie outside the clip."""
    video, (start, until) = require_video(segment.source), segment.edit_span
    first_s, start_s, end_s = (container_time_s(video, frame) for frame in (segment.first_frame, start, until))
    count = picture_sample_count(segment)
    begin = min(round((start_s - first_s) * RATE_HZ), count)
    if until == segment.last_frame:  # the clip's own end, which a change of rate may have moved
        return begin, count
    return begin, round((end_s - first_s) * RATE_HZ)


def _to_channels(samples: Samples, channels: int) -> Samples:
    return samples if samples.shape[0] == channels else np.repeat(samples[:1], channels, axis=0)
