"""Does a clip that came back from elsewhere still fit its place: frames, rate, timecode, size, pictures, lag?

Takes   the returned clip, and what it is held against: the clip that was handed over, or a span of the film.
Gives   one finding per thing looked at.
Raises  BadInput when one of them cannot be read, or nothing tells where the clip belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...conform.align import LEAST_LIKENESS, Alignment, align
from ...conform.frame_reader import small
from ...core.errors import InputMediaError, ProviderError
from ...core.times import frames_per_day, timecode_of_day
from ...core.values import Media, VideoStream
from ...media.clock import label_clock
from ...media.decode import frames
from ...media.probe import require_video


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fits: bool
    wanted: str
    found: str


@dataclass(frozen=True)
class Place:
    """What a returned clip is held against: frames [first, end) of a film or of the clip that was handed over."""

    path: Path
    media: Media
    first: int
    end: int


def whole(path: Path, media: Media) -> Place:
    """Hold a clip against all of another one."""
    return Place(path, media, 0, require_video(media).frame_count)


def on_film(path: Path, film: Media, returned: Media) -> Place:
    """Find where a clip belongs on a film by its timecode and its length.

    Raises:
        BadInput: it has no timecode, or lies outside the film.
    """
    if not returned.start_timecode:
        raise InputMediaError(
            "the returned clip has no timecode to find its place by; give the clip it was with --clip"
        )
    rate, drop, start = label_clock(film)
    first = (_label(returned) - start) % frames_per_day(rate, drop=drop)
    count = require_video(returned).frame_count
    if not 0 <= first <= first + count <= require_video(film).frame_count:
        raise InputMediaError(
            f"the returned clip starts at {returned.start_timecode}, which with {count} frames lies outside the film, "
            f"which starts at {film.start_timecode or '00:00:00:00'} and has {require_video(film).frame_count} frames"
        )
    return Place(path, film, first, first + count)


def check(path: Path, returned: Media, place: Place, name: str) -> list[Finding]:
    """Look at a returned clip."""
    given, wanted = require_video(returned), require_video(place.media)
    rate, drop, start = label_clock(place.media)
    label = str(timecode_of_day(start + place.first, rate, drop=drop))
    findings = [
        _same("frames", place.end - place.first, given.frame_count),
        _same("rate", wanted.rate, given.rate),
        _same("size", "{}x{}".format(*wanted.shown_size_px), "{}x{}".format(*given.shown_size_px)),
    ]
    if place.media.start_timecode or returned.start_timecode:
        findings.append(_same("timecode", label, returned.start_timecode or "none"))
    return findings + _of_pictures(path, given, place, wanted, name)


def _of_pictures(path: Path, given: VideoStream, place: Place, wanted: VideoStream, name: str) -> list[Finding]:
    theirs = small(frame for _, frame in frames(place.path, wanted, place.first, place.end))[:, 0]
    ours = small(frame for _, frame in frames(path, given, 0, given.frame_count))[:, 0]
    try:
        found = align(theirs, ours, wanted.rate, given.rate, name)
    except ProviderError as error:
        return [Finding("pictures", fits=False, wanted="those of the segment", found=error.message)]
    return [
        Finding("pictures", found.likeness >= LEAST_LIKENESS, f"likeness of {LEAST_LIKENESS}", f"{found.likeness:.2f}"),
        _same("lag", "0 frames", f"{found.lag_frames:+d} frames" if found.lag_frames else "0 frames"),
        *_uneven(found),
    ]


def _uneven(found: Alignment) -> list[Finding]:
    named = {"missing": found.missing, "surplus": found.surplus, "doubled": found.doubled}
    return [_same(name, 0, amount) for name, amount in named.items() if amount]


def _same(name: str, wanted: object, found: object) -> Finding:
    return Finding(name, wanted == found, str(wanted), str(found))


def _label(media: Media) -> int:
    return label_clock(media)[2]
