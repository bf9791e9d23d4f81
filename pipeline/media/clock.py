"""From what a user writes to a frame, on the film's own clock.

Takes   a `Media` and a moment: timecode, seconds or frames.
Gives   the index of the frame that is shown then; the end of the film gives the frame count.
Raises  BadInput for a moment outside the film, or a timecode that its clock does not have.
Source  SMPTE ST 12-1 for drop-frame; QuickTime's tmcd track labels the first frame of the picture.
"""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np

from ..core.errors import InputMediaError
from ..core.times import (
    Frames,
    Moment,
    Seconds,
    Timecode,
    clock_text,
    counting_rate,
    frames_to_timecode,
    timecode_to_frames,
)
from ..core.values import Media, VideoStream
from .frame_rate import COMMON
from .probe import require_video

TOLERANCE_S = Fraction(1, 2000)
"""Half a millisecond: clock times are written rounded to milliseconds. Half a tick comes on top, for containers
whose own times are rounded."""
_SOUND_TAIL_S = 1
"""Sound often lasts a little longer than the picture, and players show its end: it may be written as an out point."""
_LABEL = re.compile(r"(\d{2,3}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def frame_at(media: Media, moment: Moment) -> int:
    """Give the index of the frame shown at a moment, 0 to `frame_count`, which stands for the end.

    Seconds count from what a player calls zero; before a picture that starts late, its first frame is meant.

    Raises:
        BadInput: the moment lies outside the film, or is no timecode of its clock.
    """
    video = require_video(media)
    if isinstance(moment, Frames):
        if moment.count > video.frame_count:
            raise _outside(media, moment)
        return moment.count
    at_s = moment.value if isinstance(moment, Seconds) else _label_s(media, video, moment)
    return _shown_at(media, video, at_s, moment)


def frame_s(media: Media, frame: int) -> Fraction:
    """Give the time at which a frame begins to be shown, in seconds from what a player calls zero.

    The frame count itself gives the end of the picture.
    """
    video = require_video(media)
    stamps = video.timestamps
    tick = stamps.end if frame >= stamps.count else int(stamps.array[frame])
    return tick * video.time_base - media.start_s


def range_text(media: Media) -> str:
    """Say from when to when the film runs, on each clock that it has."""
    video = require_video(media)
    first_s = max(frame_s(media, 0), Fraction(0))
    text = f"{clock_text(first_s)} to {clock_text(frame_s(media, video.frame_count))}, {video.frame_count} frames"
    start = _start_label(media)
    if start is None:
        return text
    rate = _counting_rate(video, start.drop)
    first = timecode_to_frames(start, rate)
    last = frames_to_timecode(first + video.frame_count, rate, drop=start.drop)
    return f"{text}, timecode {start} to {last}"


def place_text(media: Media, frame: int) -> str:
    """Say to the millisecond when a frame begins, on each clock that the film has; the frame count gives the end."""
    text = clock_text(Fraction(round(max(frame_s(media, frame), Fraction(0)) * 1000), 1000))
    start = _start_label(media)
    if start is None:
        return text
    rate = _counting_rate(require_video(media), start.drop)
    label = frames_to_timecode(timecode_to_frames(start, rate) + frame, rate, drop=start.drop)
    return f"{text}, timecode {label}"


def label_rate(video: VideoStream) -> Fraction:
    """Give the rate that timecodes count by: the frame rate, or the most frequent one where it varies."""
    if video.constant_rate or video.frame_count < 2:
        return video.rate
    steps, counts = np.unique(np.diff(video.timestamps.array), return_counts=True)
    usual = 1 / (int(steps[counts.argmax()]) * video.time_base)
    return min(COMMON, key=lambda common: abs(common - usual))


def label_clock(media: Media) -> tuple[Fraction, bool, int]:
    """Give how the film's labels count: frames per second, whether drop-frame, and the count of its first frame.

    A film without a timecode starts at 00:00:00:00, which is never drop-frame.
    """
    video, start = require_video(media), _start_label(media)
    if start is None:
        return label_rate(video), False, 0
    rate = _counting_rate(video, start.drop)
    return rate, start.drop, timecode_to_frames(start, rate)


def require_label(media: Media, label: Timecode) -> None:
    """Refuse a label that a film's rate does not have.

    Raises:
        BadInput: the message names the labels beside it.
    """
    try:
        timecode_to_frames(label, _counting_rate(require_video(media), label.drop))
    except ValueError as error:
        raise InputMediaError(f"start_tc: {error}") from error


def _shown_at(media: Media, video: VideoStream, at_s: Fraction, moment: Moment) -> int:
    ends_s = frame_s(media, video.frame_count)
    if at_s > max(ends_s, min(media.duration_s, ends_s + _SOUND_TAIL_S)) + TOLERANCE_S:
        raise _outside(media, moment)
    if at_s >= ends_s - TOLERANCE_S:
        return video.frame_count
    reached_s = at_s + TOLERANCE_S + video.time_base / 2
    tick = (reached_s + media.start_s) / video.time_base
    reached = int(np.searchsorted(video.timestamps.array, tick.numerator // tick.denominator, side="right"))
    return max(reached - 1, 0)


def _label_s(media: Media, video: VideoStream, label: Timecode) -> Fraction:
    """Give the clock time of a label, in seconds from what a player calls zero."""
    start = _start_label(media)
    if label.drop and start is not None and not start.drop:
        raise InputMediaError(f"timecode {label} is drop-frame, but the film's clock is not: it starts at {start}")
    drop = start.drop if start is not None else label.drop
    rate = _counting_rate(video, drop)
    try:
        count = timecode_to_frames(_flavoured(label, drop), rate)
        if start is None:
            return count / label_rate(video)
        count -= timecode_to_frames(start, rate)
    except ValueError as error:
        raise InputMediaError(str(error)) from error
    if count < 0:  # a film may run over midnight
        count += timecode_to_frames(_flavoured(Timecode(24, 0, 0, 0), drop), rate)
        if count > video.frame_count:
            raise _outside(media, label)
    if video.constant_rate:
        if count > video.frame_count:
            raise _outside(media, label)
        return frame_s(media, count)
    return frame_s(media, 0) + count / label_rate(video)


def _flavoured(label: Timecode, drop: bool) -> Timecode:
    return Timecode(label.hours, label.minutes, label.seconds, label.frames, drop=drop)


def _counting_rate(video: VideoStream, drop: bool) -> Fraction:
    """Give the rate to count labels by; a drop-frame clock counts as at 29.97 or 59.94 even on a film at 30 or 60."""
    return counting_rate(label_rate(video), drop)


def _start_label(media: Media) -> Timecode | None:
    """Read the film's start timecode; None where it has none that can be read."""
    match = _LABEL.fullmatch(media.start_timecode.strip())
    if match is None or media.video is None:
        return None
    hours, minutes, seconds, mark, frames = match.groups()
    label = Timecode(int(hours), int(minutes), int(seconds), int(frames), drop=mark in ";.,")
    try:
        timecode_to_frames(label, _counting_rate(media.video, label.drop))
    except ValueError:
        return None
    return label


def _outside(media: Media, moment: Moment) -> InputMediaError:
    return InputMediaError(f"{moment} is outside the film, which runs from {range_text(media)}")
