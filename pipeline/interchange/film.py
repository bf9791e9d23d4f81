"""What has to be known of a film to tell which entries of a list are of it; its packets are not read.

Takes   a local path, or an address of which only the name is known; a start timecode that counts before its own.
Gives   `Film`.
Raises  BadInput where the file is no film; PresetError where the start timecode is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import av

from ..core.errors import PresetError
from ..core.times import Timecode, counting_rate, parse_time, timecode_of_day, timecode_to_frames
from ..media.frame_rate import common_rate
from ..media.opening import main_picture, opened
from ..media.start_timecode import start_timecode


@dataclass(frozen=True)
class Film:
    """The media that edits are for."""

    name: str
    """Its file's name."""
    folder: str = ""
    """The name of the folder that it lies in; empty for an address."""
    reel: str = ""
    """The reel that its timecode track names."""
    rate: Fraction | None = None
    """Frames per second by which its labels count."""
    start: Timecode | None = None
    """The label of its first frame."""
    frames: int = 0
    """How many it has, as its container tells; 0 where that is not known."""

    @property
    def stem(self) -> str:
        """Its name without the suffix."""
        return PurePosixPath(self.name).stem

    def range_text(self) -> str:
        """Say where it starts and ends, on each clock that it has."""
        if not self.frames or self.rate is None:
            return "has a length that is not known"
        lasts = f"{self.frames} frames at {float(self.rate):g}/s"
        if self.start is None:
            return f"has no start timecode and lasts {lasts}"
        return f"runs from {self.start} to {self.label(self.frames)}, {lasts}"

    def label(self, frame: int) -> Timecode:
        """Give the label of a frame, counted on over midnight; it must have a start timecode and a rate."""
        if self.start is None or self.rate is None:
            raise ValueError(f"{self.name} has no start timecode")
        rate = counting_rate(self.rate, self.start.drop)
        return timecode_of_day(timecode_to_frames(self.start, rate) + frame, rate, drop=self.start.drop)


def look(path: Path, start_tc: str = "", rate: Fraction | None = None) -> Film:
    """Look at a local film."""
    with opened(path) as container:
        main = main_picture(container)
        found = rate or _rate(main)
        label = _label(start_tc, found)
        if label is None:
            label = _read_label(start_timecode(container, main, _first_frame(container, main)), found)
        return Film(path.name, path.absolute().parent.name, _reel(container), found, label, _frames(container, main))


def named(address: str, start_tc: str = "", rate: Fraction | None = None) -> Film:
    """Give what is known of a film that has not been fetched."""
    return Film(PurePosixPath(unquote(urlsplit(address).path)).name or "video", rate=rate, start=_label(start_tc, rate))


def _label(text: str, rate: Fraction | None) -> Timecode | None:
    """Read what a user says; a label that the rate does not have is refused with its neighbours."""
    if not text:
        return None
    try:
        found = parse_time(text)
        if isinstance(found, Timecode) and rate is not None:
            timecode_to_frames(found, counting_rate(rate, found.drop))
    except ValueError as error:
        raise PresetError(f"start_tc: {error}") from error
    if not isinstance(found, Timecode):
        raise PresetError(f"start_tc: {text!r} is no timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
    return found


def _read_label(text: str, rate: Fraction | None) -> Timecode | None:
    """Read what a film says; what cannot be read counts as nothing."""
    try:
        found = parse_time(text.strip().replace(".", ";").replace(",", ";"))
        if isinstance(found, Timecode):
            timecode_to_frames(found, counting_rate(rate or Fraction(60), found.drop))
    except ValueError:
        return None
    return found if isinstance(found, Timecode) else None


def _rate(stream: Any) -> Fraction | None:
    """Take the rate that the container tells, as the one in use that is nearest."""
    told = stream and (stream.guessed_rate or stream.average_rate)
    if not told:
        return None
    return common_rate(Fraction(told))


def _frames(container: Any, stream: Any) -> int:
    if stream is None:
        return 0
    if stream.frames:
        return int(stream.frames)
    lasts_s = Fraction(stream.duration or 0) * Fraction(stream.time_base) or Fraction(container.duration or 0) / 10**6
    rate = stream.average_rate or stream.guessed_rate
    return round(lasts_s * rate) if rate else 0


def _first_frame(container: Any, stream: Any) -> Any:
    if stream is None:
        return None
    try:
        return next(iter(container.decode(stream)), None)
    except av.FFmpegError:
        return None


def _reel(container: Any) -> str:
    told = (stream.metadata.get("reel_name") for stream in container.streams)
    return str(next((name for name in told if name), ""))
