"""Check whether a returned clip still fits its place: frames, rate, timecode, size, pictures and lag.

The clip is compared with the clip that was delivered, or with a span of the film.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...conform.align import MIN_SIMILARITY, Alignment, align
from ...conform.frame_pairs import shrink_frames
from ...core.errors import InputMediaError, ProviderError
from ...core.times import frames_per_day, timecode_of_day
from ...core.values import Media, VideoStream
from ...media.frames.decode import exact_frames
from ...media.probe import require_video
from ...media.timing.clock import timecode_clock


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    fits: bool
    wanted: str
    found: str


@dataclass(frozen=True)
class Place:
    """The reference of a returned clip: frames [first, end) of the film or of the delivered clip."""

    path: Path
    media: Media
    first: int
    end: int


def entire_clip(path: Path, media: Media) -> Place:
    """Return a complete clip as the reference."""
    return Place(path, media, 0, require_video(media).frame_count)


def place_on_film(path: Path, film: Media, returned: Media) -> Place:
    """Find the place of a clip on a film by its timecode and length.

    Raises:
        InputMediaError: it has no timecode, or lies outside the film.
    """
    if not returned.start_timecode:
        raise InputMediaError(
            "the returned clip has no timecode to find its place by; give the delivered clip with --clip"
        )
    rate, drop, start = timecode_clock(film)
    first = (_label(returned) - start) % frames_per_day(rate, drop=drop)
    count = require_video(returned).frame_count
    if not 0 <= first <= first + count <= require_video(film).frame_count:
        raise InputMediaError(
            f"the returned clip starts at {returned.start_timecode}, which with {count} frames lies outside the film, "
            f"which starts at {film.start_timecode or '00:00:00:00'} and has {require_video(film).frame_count} frames"
        )
    return Place(path, film, first, first + count)


def check_returned(path: Path, returned: Media, place: Place, name: str) -> list[Finding]:
    """Compare a returned clip with its reference.

    Raises:
        InputMediaError: one of them cannot be read.
    """
    actual, wanted = require_video(returned), require_video(place.media)
    rate, drop, start = timecode_clock(place.media)
    label = str(timecode_of_day(start + place.first, rate, drop=drop))
    findings = [
        _equal("frames", place.end - place.first, actual.frame_count),
        _equal("rate", wanted.rate, actual.rate),
        _equal("size", "{}x{}".format(*wanted.shown_size_px), "{}x{}".format(*actual.shown_size_px)),
    ]
    if place.media.start_timecode or returned.start_timecode:
        findings.append(_equal("timecode", label, returned.start_timecode or "none"))
    return findings + _compare_pictures(path, actual, place, wanted, name)


def _compare_pictures(path: Path, actual: VideoStream, place: Place, wanted: VideoStream, name: str) -> list[Finding]:
    expected_luma = shrink_frames(frame for _, frame in exact_frames(place.path, wanted, place.first, place.end))[:, 0]
    actual_luma = shrink_frames(frame for _, frame in exact_frames(path, actual, 0, actual.frame_count))[:, 0]
    try:
        alignment = align(expected_luma, actual_luma, wanted.rate, actual.rate, name)
    except ProviderError as error:
        return [Finding("pictures", fits=False, wanted="those of the segment", found=error.message)]
    return [
        Finding(
            "pictures",
            alignment.similarity >= MIN_SIMILARITY,
            f"similarity of {MIN_SIMILARITY}",
            f"{alignment.similarity:.2f}",
        ),
        _equal("lag", "0 frames", f"{alignment.lag_frames:+d} frames" if alignment.lag_frames else "0 frames"),
        *_frame_counts(alignment),
    ]


def _frame_counts(alignment: Alignment) -> list[Finding]:
    counts = {"missing": alignment.missing, "surplus": alignment.surplus, "doubled": alignment.doubled}
    return [_equal(name, 0, count) for name, count in counts.items() if count]


def _equal(name: str, wanted: object, found: object) -> Finding:
    return Finding(name, wanted == found, str(wanted), str(found))


def _label(media: Media) -> int:
    return timecode_clock(media)[2]
