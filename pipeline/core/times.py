"""Moments as users write them: timecode, clock time, seconds, frames; exact, never float.

Takes   `HH:MM:SS:FF` (`;FF` drop-frame), `HH:MM:SS.mmm`, seconds, or frames `310f`.
Gives   `Timecode`, `Seconds` or `Frames`; what they mean on a film is told by media/clock.py.
Raises  ValueError with the value and the forms that are understood.
Source  SMPTE ST 12-1: drop-frame skips the numbers 0 and 1 (0 to 3 at 59.94) of every minute but each tenth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

FORMS = "HH:MM:SS:FF, HH:MM:SS.mmm, seconds such as 12.4, or frames such as 310f"
_CLOCK = re.compile(r"(?a)(\d{1,3}):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?")
_TIMECODE = re.compile(r"(?a)(\d{1,2}):([0-5]\d):([0-5]\d)([:;])(\d{2,3})")
_SECONDS = re.compile(r"(?a)\d{1,9}(?:\.\d{1,9})?")
_FRAMES = re.compile(r"(?a)(\d{1,9})f")
DAY_HOURS = 24
DROP_FRAME_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))


Whole = TypeVar("Whole", int, Any)
"""An int, or an array of them."""


@dataclass(frozen=True)
class Timecode:
    """A SMPTE label: it names a frame by the clock that the film shows."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    drop: bool = False

    def __str__(self) -> str:
        mark = ";" if self.drop else ":"
        return f"{self.hours:02}:{self.minutes:02}:{self.seconds:02}{mark}{self.frames:02}"


@dataclass(frozen=True)
class Seconds:
    """Seconds from the moment that a player calls zero."""

    value: Fraction

    def __str__(self) -> str:
        return clock_text(self.value)


@dataclass(frozen=True)
class Frames:
    """Frames from the first shown frame, which is frame 0."""

    count: int

    def __str__(self) -> str:
        return f"{self.count}f"


Moment = Timecode | Seconds | Frames


def parse_time(value: Any) -> Moment:
    """Read a moment; numbers are seconds."""
    if isinstance(value, (Timecode, Seconds, Frames)):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise ValueError(f"{value!r} is not a time; write {FORMS}")
    text = str(value).strip()
    if match := _TIMECODE.fullmatch(text):
        hours, minutes, seconds, mark, frames = match.groups()
        if int(hours) >= DAY_HOURS:
            raise ValueError(f"timecode {text} has hour {hours}, but a day of timecode ends with 23")
        return Timecode(int(hours), int(minutes), int(seconds), int(frames), drop=mark == ";")
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds, part = match.groups()
        whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        return Seconds(whole + Fraction(f"0.{part or 0}"))
    if match := _FRAMES.fullmatch(text):
        return Frames(int(match[1]))
    if isinstance(value, Fraction) and value >= 0:
        return Seconds(value)
    if _SECONDS.fullmatch(text):
        return Seconds(Fraction(text))
    raise ValueError(f"{text!r} is not a time; write {FORMS}")


Time = Annotated[
    Moment,
    BeforeValidator(parse_time),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "description": f"a time: {FORMS}"}),
]
"""A field that holds a moment."""


def clock_text(seconds: Fraction) -> str:
    """Spell exact seconds as `HH:MM:SS.mmm`, with as many more digits as it takes, at most nine."""
    nanos = round(seconds * 10**9)
    whole, part = divmod(nanos, 10**9)
    digits = f"{part:09}".rstrip("0").ljust(3, "0")
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{digits}"


def nominal_rate(rate: Fraction) -> int:
    """Give the frames that a timecode counts per second: 30 for 29.97, 24 for 23.976."""
    return max(1, round(rate))


def counting_rate(rate: Fraction, drop: bool) -> Fraction:
    """Give the rate to count labels by: a drop-frame clock counts as at 29.97 or 59.94, on a film at 30 or 60 too."""
    nominal = nominal_rate(rate)
    return Fraction(nominal * 1000, 1001) if drop and nominal in (30, 60) else rate


def timecode_to_frames(code: Timecode, rate: Fraction) -> int:
    """Count the frames from 00:00:00:00 to a label.

    Raises:
        ValueError: the label does not exist at this rate; its neighbours are named.
    """
    nominal = nominal_rate(rate)
    if code.drop and rate not in DROP_FRAME_RATES:
        raise ValueError(f"timecode {code} is drop-frame, which exists at 29.97 and 59.94 frames/s only")
    second = (code.hours * 60 + code.minutes) * 60 + code.seconds
    if code.frames >= nominal:
        before, after = _neighbours((second + 1) * nominal, rate, drop=code.drop)
        told = f"timecode {code} has frame {code.frames}, but a second has only {nominal} frames"
        raise ValueError(f"{told}; its neighbours are {before} and {after}")
    number = second * nominal + code.frames
    if code.drop and is_dropped(number, nominal):
        before, after = _neighbours(number - code.frames, rate, drop=True)
        raise ValueError(f"timecode {code} does not exist in drop-frame; its neighbours are {before} and {after}")
    count: int = counted(number, nominal, drop=code.drop)
    return count


def frames_to_timecode(count: int, rate: Fraction, *, drop: bool = False) -> Timecode:
    """Label the frame that is `count` frames after 00:00:00:00; hours run on past 24."""
    nominal = nominal_rate(rate)
    seconds, frames = divmod(numbered(count, nominal, drop=drop), nominal)
    return Timecode(seconds // 3600, seconds // 60 % 60, seconds % 60, frames, drop=drop)


def frames_per_day(rate: Fraction, *, drop: bool = False) -> int:
    """Count the labels of a day, after which they begin anew."""
    nominal = nominal_rate(rate)
    count: int = counted(DAY_HOURS * 3600 * nominal, nominal, drop=drop)
    return count


def timecode_of_day(count: int, rate: Fraction, *, drop: bool = False) -> Timecode:
    """Label the frame that is `count` frames after some midnight; labels begin anew after 24 hours."""
    return frames_to_timecode(count % frames_per_day(rate, drop=drop), rate, drop=drop)


def numbered(count: Whole, nominal: int, *, drop: bool) -> Whole:
    """Give the number that the label of frame `count` spells, with the numbers that drop-frame skips counted too.

    Ints or arrays of int64; `nominal` is the frames that a timecode counts per second.
    """
    if not drop:
        return count
    dropped = nominal // 15
    tens, rest = divmod(count, nominal * 600 - dropped * 9)
    # The first minute of ten is whole; of the others each is shorter by what it drops.
    minutes = (rest - dropped) // (nominal * 60 - dropped) + (rest < dropped)
    return count + dropped * (9 * tens + minutes)


def counted(number: Whole, nominal: int, *, drop: bool) -> Whole:
    """Give the frame whose label spells `number`: the way back from `numbered`."""
    if not drop:
        return number
    minutes = number // (nominal * 60)
    return number - nominal // 15 * (minutes - minutes // 10)


def is_dropped(number: Whole, nominal: int) -> Any:
    """Tell whether drop-frame skips a number; an array of bool for an array."""
    minutes, rest = divmod(number, nominal * 60)
    return (rest < nominal // 15) & (minutes % 10 != 0)


def _neighbours(number: int, rate: Fraction, *, drop: bool) -> tuple[Timecode, Timecode]:
    """Give the last label before a number and the first one from it on."""
    nominal = nominal_rate(rate)
    while drop and is_dropped(number, nominal):
        number += 1
    after = counted(number, nominal, drop=drop)
    return frames_to_timecode(after - 1, rate, drop=drop), frames_to_timecode(after, rate, drop=drop)
