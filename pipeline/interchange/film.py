"""Read what is needed to match a film with the entries of a list, from its header and first frame.

Of a URL only the name is known. A start timecode from the user takes precedence over the film's own.
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
from ..media.frames.decode import main_video_stream, open_media
from ..media.probe import start_timecode
from ..media.timing.frame_rate import common_rate


@dataclass(frozen=True)
class Film:
    """The media that the edits are for."""

    name: str
    """File name."""
    folder: str = ""
    """Name of its folder; empty for a URL."""
    reel: str = ""
    """Reel name of its timecode track."""
    rate: Fraction | None = None
    """Frames per second of its labels."""
    start: Timecode | None = None
    """Label of its first frame."""
    frames: int = 0
    """Number of frames according to the container; 0 if unknown."""

    @property
    def stem(self) -> str:
        """Return the file name without its suffix."""
        return PurePosixPath(self.name).stem

    def range_text(self) -> str:
        """Describe start, end and length on the film's clock."""
        if not self.frames or self.rate is None:
            return "has an unknown length"
        length = f"{self.frames} frames at {float(self.rate):g}/s"
        if self.start is None:
            return f"has no start timecode and lasts {length}"
        return f"runs from {self.start} to {self.label(self.frames)}, {length}"

    def label(self, frame: int) -> Timecode:
        """Return the label of a frame, wrapping at midnight; the film must have a start timecode and a rate."""
        if self.start is None or self.rate is None:
            raise ValueError(f"{self.name} has no start timecode")
        rate = counting_rate(self.rate, self.start.drop)
        return timecode_of_day(timecode_to_frames(self.start, rate) + frame, rate, drop=self.start.drop)


def read_film(path: Path, start_tc: str = "", rate: Fraction | None = None) -> Film:
    """Read a local film.

    Raises:
        InputMediaError: the file is not a film.
        PresetError: `start_tc` is not a timecode.
    """
    with open_media(path) as container:
        stream = main_video_stream(container)
        rate = rate or _rate(stream)
        start = _user_label(start_tc, rate)
        if start is None:
            start = _film_label(start_timecode(container, stream, _first_frame(container, stream)), rate)
        return Film(path.name, path.absolute().parent.name, _reel(container), rate, start, _frames(container, stream))


def film_from_url(url: str, start_tc: str = "", rate: Fraction | None = None) -> Film:
    """Build the film of a URL that has not been fetched."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "video"
    return Film(name, rate=rate, start=_user_label(start_tc, rate))


def _user_label(text: str, rate: Fraction | None) -> Timecode | None:
    """Parse a start timecode from the user; a label that the rate does not have is refused with its neighbours."""
    if not text:
        return None
    try:
        label = parse_time(text)
        if isinstance(label, Timecode) and rate is not None:
            timecode_to_frames(label, counting_rate(rate, label.drop))
    except ValueError as error:
        raise PresetError(f"start_tc: {error}") from error
    if not isinstance(label, Timecode):
        raise PresetError(f"start_tc: {text!r} is not a timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
    return label


def _film_label(text: str, rate: Fraction | None) -> Timecode | None:
    """Parse a film's own start timecode; return None if it cannot be parsed."""
    try:
        label = parse_time(text.strip().replace(".", ";").replace(",", ";"))
        if isinstance(label, Timecode):
            timecode_to_frames(label, counting_rate(rate or Fraction(60), label.drop))
    except ValueError:
        return None
    return label if isinstance(label, Timecode) else None


def _rate(stream: Any) -> Fraction | None:
    """Return the container's frame rate, rounded to the nearest rate in use."""
    rate = stream and (stream.guessed_rate or stream.average_rate)
    return common_rate(Fraction(rate)) if rate else None


def _frames(container: Any, stream: Any) -> int:
    if stream is None:
        return 0
    if stream.frames:
        return int(stream.frames)
    duration_s = Fraction(stream.duration or 0) * Fraction(stream.time_base)
    duration_s = duration_s or Fraction(container.duration or 0) / 10**6
    rate = stream.average_rate or stream.guessed_rate
    return round(duration_s * rate) if rate else 0


def _first_frame(container: Any, stream: Any) -> Any:
    if stream is None:
        return None
    try:
        return next(iter(container.decode(stream)), None)
    except av.FFmpegError:
        return None


def _reel(container: Any) -> str:
    names = (stream.metadata.get("reel_name") for stream in container.streams)
    return str(next((name for name in names if name), ""))
