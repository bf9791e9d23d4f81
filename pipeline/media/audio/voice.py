"""The voice that the model hears for a segment.

Takes   a segment and the number of the dialogue track.
Gives   `(channels, samples) float32` at 48 kHz, mono or stereo: the film's own sound, or the edit's new line between
        the handles' own sound; None where there is no sound at all.
Raises  BadInput when the track does not exist, or the new line holds no sound.

The voice is exactly as long as the segment's picture, since that is what the film will play: a new line begins at the
in point of the edit, what is beyond its out point is not heard, and a shorter one is followed by silence. A segment
that is one part of an edit gets its own stretch of the line, and in its handles what the neighbouring parts have of it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...core.errors import InputMediaError
from ...core.file import File
from ...core.node import NodeContext
from ...core.values import Segment
from ..probe import probe, require_video
from ..trim import tick_s
from . import samples as sound
from .samples import Samples

RATE_HZ = 48_000
_MEANT_TO_FIT_S = 0.02
"""Half a frame: an editor who cuts a line to its span is not told of less."""


def voice_of(context: NodeContext, segment: Segment, track: int) -> tuple[Samples | None, str]:
    """Gather the voice of a segment, and what is to be said of a new line that is not as long as its span."""
    line = segment.edit.audio
    own = own_sound(context, segment, track)
    if line is None:
        return own, ""
    if not isinstance(line, File):
        raise InputMediaError(f"segment {segment.name}: its audio {line!r} was not fetched")
    return _with_line(segment, own, _line(context, segment, line))


def picture_samples(segment: Segment) -> int:
    """Give how many samples last as long as the segment's picture."""
    video = require_video(segment.media)
    ticks = video.timestamps.end - int(video.timestamps.array[0])
    return round(ticks * video.time_base * RATE_HZ)


def own_sound(context: NodeContext, segment: Segment, track: int) -> Samples | None:
    """Read the film's own sound of a segment, handles included, as long as the picture; None where there is none.

    A segment whose file has lost its sound (the provider's form has none) is read from the source.
    """
    count = picture_samples(segment)
    if segment.media.audio:
        path, tracks = context.path(segment.media.file), segment.media.audio
        start_s, end_s = Fraction(0), Fraction(count, RATE_HZ)
    else:
        video = require_video(segment.source)
        path, tracks = context.path(segment.source.file), segment.source.audio
        start_s, end_s = tick_s(video, segment.first_frame), tick_s(video, segment.last_frame)
    if not tracks:
        return None
    if track >= len(tracks):
        raise InputMediaError(
            f"the film has {len(tracks)} sound track(s), numbered from 0; track {track} was asked for"
        )
    samples, rate_hz = sound.read_span(path, tracks[track].index, start_s, end_s)
    return sound.fit(sound.remix(samples, rate_hz, RATE_HZ, tracks[track].layout), count)


def _line(context: NodeContext, segment: Segment, file: File) -> Samples:
    path = context.path(file)
    if not probe(path, file, f"the audio of segment {segment.name}").audio:
        raise InputMediaError(f"the audio of segment {segment.name} holds no sound track")
    return sound.read_all(path, RATE_HZ)


def _with_line(segment: Segment, own: Samples | None, line: Samples) -> tuple[Samples, str]:
    """Put a new line at the in point, between the film's own sound of the handles; say by how much it does not fit."""
    count = picture_samples(segment)
    begin, end = edit_samples(segment)
    low, high = max(begin, 0), min(end, count)
    channels = max(line.shape[0], own.shape[0] if own is not None else 1)
    around = _spread(own, channels) if own is not None else np.zeros((channels, count), np.float32)
    heard = _spread(sound.fit(line[:, low - begin :], high - low), channels)
    voice = np.concatenate([around[:, :low], heard, around[:, high:]], axis=1)
    is_first = segment.start_frame == segment.edit_span[0]
    return voice, _remark((line.shape[1] - (end - begin)) / RATE_HZ) if is_first else ""


def _remark(over_s: float) -> str:
    if abs(over_s) < _MEANT_TO_FIT_S:
        return ""
    if over_s > 0:
        return f"the new line is {over_s:.2f} s longer than its span: its end is not heard"
    return f"the new line is {-over_s:.2f} s shorter than its span: silence follows it"


def edit_samples(segment: Segment) -> tuple[int, int]:
    """Give the samples [begin, end) of the clip in which its edit lies; those of other parts lie outside the clip."""
    video, (start, until) = require_video(segment.source), segment.edit_span
    first_s, start_s, end_s = (tick_s(video, frame) for frame in (segment.first_frame, start, until))
    count = picture_samples(segment)
    begin = min(round((start_s - first_s) * RATE_HZ), count)
    if until == segment.last_frame:  # the clip's own end, which another rate may have moved
        return begin, count
    return begin, round((end_s - first_s) * RATE_HZ)


def _spread(samples: Samples, channels: int) -> Samples:
    return samples if samples.shape[0] == channels else np.repeat(samples[:1], channels, axis=0)
