"""Times as users write them: timecode, clock time, seconds or frames; exact, never float.

`HH:MM:SS:FF` (`;FF` for drop-frame, in Premiere `HH;MM;SS;FF`), `HH:MM:SS.mmm`, seconds, and frames such as `310f`
become `Timecode`, `Seconds` or `Frames`; media/timing/clock.py maps them to a film. Drop-frame as in SMPTE ST 12-1: the
frame numbers 0 and 1 (0 to 3 at 59.94) are skipped in every minute except each tenth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .errors import shorten

FORMS = "HH:MM:SS:FF, HH:MM:SS.mmm, seconds such as 12.4, or frames such as 310f"
_CLOCK = re.compile(r"(?a)(\d{1,3}):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?")
_TIMECODE = re.compile(r"(?a)(\d{1,2})([:;])([0-5]\d)\2([0-5]\d)[:;](\d{2,3})")
_SECONDS = re.compile(r"(?a)\d{1,9}(?:\.\d{1,9})?")
_FRAMES = re.compile(r"(?a)(\d{1,9})f")
DAY_HOURS = 24
DROP_FRAME_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))


IntOrArray = TypeVar("IntOrArray", int, Any)
"""An int, or an array of int64."""


@dataclass(frozen=True)
class Timecode:
    """A SMPTE timecode label of a frame."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    drop: bool = False

    def __str__(self) -> str:
        separator = ";" if self.drop else ":"
        return f"{self.hours:02}:{self.minutes:02}:{self.seconds:02}{separator}{self.frames:02}"


@dataclass(frozen=True)
class Seconds:
    """Seconds from the start, which players show as zero."""

    value: Fraction

    def __str__(self) -> str:
        return clock_text(self.value)


@dataclass(frozen=True)
class Frames:
    """Frames from the first displayed frame, which is frame 0."""

    count: int

    def __str__(self) -> str:
        return f"{self.count}f"


Moment = Timecode | Seconds | Frames


Instant = tuple[int | Fraction, ...]
"""A key that orders moments of one unit."""


def order_key(moment: Moment) -> Instant:
    """Return a key that orders moments of one unit; timecode labels rise with their frames."""
    if isinstance(moment, Timecode):
        return (moment.hours, moment.minutes, moment.seconds, moment.frames)
    return (moment.count,) if isinstance(moment, Frames) else (moment.value,)


def parse_time(value: Any) -> Moment:
    """Parse a time; numbers are seconds, a float to the nanosecond.

    Raises:
        ValueError: the value is not a time; the message lists the accepted forms.
    """
    if isinstance(value, (Timecode, Seconds, Frames)):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise ValueError(f"{shorten(repr(value))} is not a time; write {FORMS}")
    text = str(value).strip()
    if match := _TIMECODE.fullmatch(text):
        hours, _, minutes, seconds, frames = match.groups()
        if int(hours) >= DAY_HOURS:
            raise ValueError(f"timecode {text} has hour {hours}; the last hour of a day is 23")
        return Timecode(int(hours), int(minutes), int(seconds), int(frames), drop=";" in text)
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds, fraction_digits = match.groups()
        seconds_count = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        return Seconds(seconds_count + Fraction(f"0.{fraction_digits or 0}"))
    if match := _FRAMES.fullmatch(text):
        return Frames(int(match[1]))
    if isinstance(value, Fraction) and value >= 0:
        return Seconds(value)
    if _SECONDS.fullmatch(text):
        return Seconds(Fraction(text))
    if isinstance(value, float) and 0 <= value < 10**9:  # has more digits, as what was computed, or an exponent
        return Seconds(Fraction(f"{value:.9f}"))
    raise ValueError(f"{shorten(repr(text))} is not a time; write {FORMS}")


Time = Annotated[
    Moment,
    BeforeValidator(parse_time),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "description": f"a time: {FORMS}"}),
]
"""A field for a time."""


def frames_text(start: int, end: int) -> str:
    """Return the frames [start, end) as people count them, such as `frames 50–109`."""
    return f"frame {start}" if end - start == 1 else f"frames {start}–{end - 1}"


def clock_text(seconds: Fraction) -> str:
    """Format exact seconds as `HH:MM:SS.mmm`, with up to nine digits if needed."""
    whole_seconds, nanoseconds = divmod(round(abs(seconds) * 10**9), 10**9)
    digits = f"{nanoseconds:09}".rstrip("0").ljust(3, "0")
    sign = "-" if seconds < 0 else ""
    return f"{sign}{whole_seconds // 3600:02}:{whole_seconds // 60 % 60:02}:{whole_seconds % 60:02}.{digits}"


def nominal_rate(rate: Fraction) -> int:
    """Return the frames per second that a timecode counts: 30 for 29.97, 24 for 23.976."""
    return max(1, round(rate))


def counting_rate(rate: Fraction, drop: bool) -> Fraction:
    """Return the rate for counting labels: drop-frame counts as 29.97 or 59.94, also for a film at 30 or 60."""
    nominal = nominal_rate(rate)
    return Fraction(nominal * 1000, 1001) if drop and nominal in (30, 60) else rate


def timecode_to_frames(code: Timecode, rate: Fraction) -> int:
    """Return the number of frames from 00:00:00:00 to a label.

    Raises:
        ValueError: the label does not exist at this rate; the message has its neighbours.
    """
    nominal = nominal_rate(rate)
    if code.drop and rate not in DROP_FRAME_RATES:
        raise ValueError(f"timecode {code} is drop-frame, which exists only at 29.97 and 59.94 fps")
    second = (code.hours * 60 + code.minutes) * 60 + code.seconds
    if code.frames >= nominal:
        before, after = _neighbours((second + 1) * nominal, rate, drop=code.drop)
        problem = f"timecode {code} has frame {code.frames}, but a second has only {nominal} frames"
        raise ValueError(f"{problem}; its neighbours are {before} and {after}")
    number = second * nominal + code.frames
    if code.drop and is_dropped(number, nominal):
        before, after = _neighbours(number - code.frames, rate, drop=True)
        raise ValueError(f"timecode {code} does not exist in drop-frame; its neighbours are {before} and {after}")
    count: int = frame_of_label_number(number, nominal, drop=code.drop)
    return count


def frames_to_timecode(count: int, rate: Fraction, *, drop: bool = False) -> Timecode:
    """Return the label of the frame that is `count` frames after 00:00:00:00; hours may exceed 23."""
    nominal = nominal_rate(rate)
    seconds, frames = divmod(label_number(count, nominal, drop=drop), nominal)
    return Timecode(seconds // 3600, seconds // 60 % 60, seconds % 60, frames, drop=drop)


def frames_per_day(rate: Fraction, *, drop: bool = False) -> int:
    """Return the number of labels in a day, after which they start again at zero."""
    nominal = nominal_rate(rate)
    count: int = frame_of_label_number(DAY_HOURS * 3600 * nominal, nominal, drop=drop)
    return count


def timecode_of_day(count: int, rate: Fraction, *, drop: bool = False) -> Timecode:
    """Return the label of the frame that is `count` frames after some midnight, modulo 24 hours."""
    return frames_to_timecode(count % frames_per_day(rate, drop=drop), rate, drop=drop)


def label_number(count: IntOrArray, nominal: int, *, drop: bool) -> IntOrArray:
    """Return the number of the label of frame `count`: its position among all labels, with the dropped ones.

    Works on ints and arrays of int64; `nominal` is the frames per second that a timecode counts.
    """
    if not drop:
        return count
    dropped = nominal // 15
    tens, rest = divmod(count, nominal * 600 - dropped * 9)
    # The first minute of ten has all labels; each of the other nine is shorter by the dropped ones.
    minutes = (rest - dropped) // (nominal * 60 - dropped) + (rest < dropped)
    return count + dropped * (9 * tens + minutes)


def frame_of_label_number(number: IntOrArray, nominal: int, *, drop: bool) -> IntOrArray:
    """Return the frame of a label number; the inverse of `label_number`."""
    if not drop:
        return number
    minutes = number // (nominal * 60)
    return number - nominal // 15 * (minutes - minutes // 10)


def is_dropped(number: IntOrArray, nominal: int) -> Any:
    """Return whether drop-frame skips a label number; an array of bool for an array."""
    minutes, rest = divmod(number, nominal * 60)
    return (rest < nominal // 15) & (minutes % 10 != 0)


def _neighbours(number: int, rate: Fraction, *, drop: bool) -> tuple[Timecode, Timecode]:
    """Return the last label before a label number and the first one from it on."""
    nominal = nominal_rate(rate)
    while drop and is_dropped(number, nominal):
        number += 1
    after = frame_of_label_number(number, nominal, drop=drop)
    return frames_to_timecode(after - 1, rate, drop=drop), frames_to_timecode(after, rate, drop=drop)
