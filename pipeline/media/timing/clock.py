"""Convert between timecodes, seconds and frame indices on a film's own clock.

Timecodes are SMPTE ST 12-1, drop-frame or not; a QuickTime tmcd track labels the first frame of the picture. The end
of the film counts as the frame after the last one, `frame_count`.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np

from ...core.errors import InputMediaError
from ...core.times import (
    Frames,
    Moment,
    Seconds,
    Timecode,
    clock_text,
    counting_rate,
    parse_time,
    timecode_of_day,
    timecode_to_frames,
)
from ...core.values import Media, VideoStream
from ..probe import require_video
from .frame_rate import COMMON_RATES

ROUNDING_TOLERANCE_S = Fraction(1, 2000)
"""Half a millisecond: clock times are written rounded to milliseconds."""
_AUDIO_TAIL_S = 1
"""Audio often lasts a little longer than the picture and players show its end, so it is accepted as an out point."""
_TIMECODE = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def frame_at(media: Media, moment: Moment) -> int:
    """Return the index of the frame shown at a moment, 0 to `frame_count`, which stands for the end.

    Seconds count from what a player calls zero. A moment before a picture that starts late gives its first frame.

    Raises:
        InputMediaError: the moment lies outside the film, or its clock does not have that timecode.
    """
    video = require_video(media)
    if isinstance(moment, Frames):
        if moment.count > video.frame_count:
            raise _outside_error(media, moment)
        return moment.count
    at_s = moment.value if isinstance(moment, Seconds) else _timecode_time_s(media, video, moment)
    return _frame_shown_at(media, video, at_s, moment)


def frame_tolerance_s(video: VideoStream) -> Fraction:
    """Return how much before a frame a time may lie and still mean that frame, in seconds.

    Half a tick is added where the container rounds the frames' times, as Matroska does at 29.97. It does not where the
    spacing is the same throughout, nor where it counts frames: half a tick of AVI would be half a frame.
    """
    rounds = len(video.timestamps.runs) > 1 and video.timestamps.smallest_step > 1
    return ROUNDING_TOLERANCE_S + (video.time_base / 2 if rounds else 0)


def frame_time_s(media: Media, frame: int) -> Fraction:
    """Return when a frame begins to be shown, in seconds from what a player calls zero; `frame_count` gives the end."""
    video = require_video(media)
    stamps = video.timestamps
    tick = stamps.end if frame >= stamps.count else int(stamps.array[frame])
    return tick * video.time_base - media.start_s


def describe_range(media: Media) -> str:
    """Return the film's range as text, on each clock that it has."""
    video = require_video(media)
    first_s = max(frame_time_s(media, 0), Fraction(0))
    text = f"{clock_text(first_s)} to {clock_text(frame_time_s(media, video.frame_count))}, {video.frame_count} frames"
    start, end = frame_timecode(media, 0), frame_timecode(media, video.frame_count)
    return text if start is None else f"{text}, timecode {start} to {end}"


def describe_frame(media: Media, frame: int) -> str:
    """Return when a frame begins as text, in ms, on each clock that the film has; `frame_count` gives the end."""
    text = clock_text(Fraction(round(max(frame_time_s(media, frame), Fraction(0)) * 1000), 1000))
    timecode = frame_timecode(media, frame)
    return text if timecode is None else f"{text}, timecode {timecode}"


def frame_timecode(media: Media, frame: int) -> Timecode | None:
    """Return the label of a frame, which begins again at midnight; None if the film has no timecode of its rate."""
    start = _start_timecode(media)
    if start is None:
        return None
    rate = _count_rate(require_video(media), start.drop)
    return timecode_of_day(timecode_to_frames(start, rate) + frame, rate, drop=start.drop)


def timecode_rate(video: VideoStream) -> Fraction:
    """Return the rate that timecodes count by: the frame rate, or the most frequent one if it varies."""
    if video.constant_rate or video.frame_count < 2:
        return video.rate
    steps, counts = np.unique(np.diff(video.timestamps.array), return_counts=True)
    most_frequent = 1 / (int(steps[counts.argmax()]) * video.time_base)
    return min(COMMON_RATES, key=lambda common: abs(common - most_frequent))


def timecode_clock(media: Media) -> tuple[Fraction, bool, int]:
    """Return (frames per second, whether drop-frame, frame number of the start timecode).

    A film without a timecode starts at 00:00:00:00, non-drop.
    """
    video, start = require_video(media), _start_timecode(media)
    if start is None:
        return timecode_rate(video), False, 0
    rate = _count_rate(video, start.drop)
    return rate, start.drop, timecode_to_frames(start, rate)


def label_clock(media: Media) -> tuple[Fraction, bool, int]:
    """Return (frames per second, whether drop-frame, number of the first frame's label) for pages that label frames.

    A label of a film without a timecode is a time of the player's clock, as everywhere, so the first frame of a picture
    that starts late is not 00:00:00:00.
    """
    rate, drop, number = timecode_clock(media)
    if _start_timecode(media) is None:
        late_s = max(frame_time_s(media, 0) - ROUNDING_TOLERANCE_S, Fraction(0))
        number = math.ceil(late_s * rate)
    return rate, drop, number


def with_start_timecode(media: Media, start_tc: str | None) -> Media:
    """Return a film with this start timecode instead of its own; None keeps its own.

    Raises:
        InputMediaError: it is not a timecode, or the film's rate does not have it; the message names those beside it.
    """
    if start_tc is None:
        return media
    try:
        timecode = parse_time(start_tc)
        if not isinstance(timecode, Timecode):
            raise ValueError(f"{start_tc!r} is not a timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
        if media.video is not None:
            timecode_to_frames(timecode, _count_rate(media.video, timecode.drop))
    except ValueError as error:
        raise InputMediaError(f"start_tc: {error}") from error
    return media.model_copy(update={"start_timecode": str(timecode)})


def _frame_shown_at(media: Media, video: VideoStream, at_s: Fraction, moment: Moment) -> int:
    ends_s = frame_time_s(media, video.frame_count)
    if at_s > max(ends_s, min(media.duration_s, ends_s + _AUDIO_TAIL_S)) + ROUNDING_TOLERANCE_S:
        raise _outside_error(media, moment)
    if at_s >= ends_s - ROUNDING_TOLERANCE_S:
        return video.frame_count
    reached_s = at_s + frame_tolerance_s(video)
    tick = (reached_s + media.start_s) / video.time_base
    reached = int(np.searchsorted(video.timestamps.array, tick.numerator // tick.denominator, side="right"))
    return max(reached - 1, 0)


def _timecode_time_s(media: Media, video: VideoStream, timecode: Timecode) -> Fraction:
    """Return the time of a timecode, in seconds from what a player calls zero."""
    start = _start_timecode(media)
    if timecode.drop and start is not None and not start.drop:
        raise InputMediaError(f"timecode {timecode} is drop-frame, but the film's clock is not: it starts at {start}")
    drop = start.drop if start is not None else timecode.drop
    rate = _count_rate(video, drop)
    try:
        count = timecode_to_frames(_with_drop(timecode, drop), rate)
        if start is None:
            return count / timecode_rate(video)
        count -= timecode_to_frames(start, rate)
    except ValueError as error:
        raise InputMediaError(str(error)) from error
    if count < 0:  # the film runs over midnight
        count += timecode_to_frames(_with_drop(Timecode(24, 0, 0, 0), drop), rate)
        if count > video.frame_count:
            raise _outside_error(media, timecode)
    if video.constant_rate:
        if count > video.frame_count:
            raise _outside_error(media, timecode)
        return frame_time_s(media, count)
    return frame_time_s(media, 0) + count / timecode_rate(video)


def _with_drop(timecode: Timecode, drop: bool) -> Timecode:
    return Timecode(timecode.hours, timecode.minutes, timecode.seconds, timecode.frames, drop=drop)


def _count_rate(video: VideoStream, drop: bool) -> Fraction:
    """Return the rate to count timecodes by; drop-frame counts as at 29.97 or 59.94 even on a film at 30 or 60."""
    return counting_rate(timecode_rate(video), drop)


def _start_timecode(media: Media) -> Timecode | None:
    """Parse the film's start timecode; None if it has none that can be parsed."""
    match = _TIMECODE.fullmatch(media.start_timecode.strip())
    if match is None or media.video is None:
        return None
    hours, minutes, seconds, separator, frames = match.groups()
    timecode = Timecode(int(hours), int(minutes), int(seconds), int(frames), drop=separator in ";.,")
    try:
        timecode_to_frames(timecode, _count_rate(media.video, timecode.drop))
    except ValueError:
        return None
    return timecode


def _outside_error(media: Media, moment: Moment) -> InputMediaError:
    return InputMediaError(f"{moment} is outside the film, which runs from {describe_range(media)}")
