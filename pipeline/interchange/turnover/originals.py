"""Find the camera original of a proxy by reel, name, timecode, rate and length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from ...core.errors import InputMediaError, React1Error
from ...core.times import frames_per_day
from ...core.values import Media, Segment, Take
from ...media.probe import probe_path, require_video
from ...media.timing.clock import timecode_clock

SUFFIXES = frozenset({".mov", ".mp4", ".mxf", ".mkv", ".m4v", ".avi", ".ts", ".mts", ".m2ts", ".webm"})
MAX_FILES, MAX_LISTED = 500, 5


def find_original(proxy_path: Path, folder: Path) -> Path:
    """Find the one film in a folder or its subfolders that a proxy was made from.

    Films with the proxy's reel or name are tried first; the others only if none of these fits.

    Raises:
        InputMediaError: no film fits, or more than one; the message lists the films and the reasons.
    """
    proxy, reel = probe_path(proxy_path), read_reel(proxy_path)
    by_shared_name: dict[int, list[Path]] = {}
    for path in _films(folder, proxy_path):
        by_shared_name.setdefault(_shared_name(proxy_path, reel, path), []).append(path)
    refused: list[str] = []
    for _, group in sorted(by_shared_name.items(), reverse=True):
        fitting = [path for path in group if _fits(proxy, path, refused)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            listed = ", ".join(path.name for path in fitting[:MAX_LISTED])
            raise InputMediaError(f"{len(fitting)} films in {folder} fit {proxy_path.name}: {listed}; keep one of them")
    reasons = "; ".join(refused[:MAX_LISTED]) + (
        f"; and {len(refused) - MAX_LISTED} more" if len(refused) > MAX_LISTED else ""
    )
    raise InputMediaError(
        f"no film in {folder} is the original of {proxy_path.name}: {reasons or 'the folder contains no films'}"
    )


def frame_offset(proxy: Media, original: Media) -> int:
    """Return how many frames the original begins before its proxy.

    Raises:
        InputMediaError: the rates differ, or the original does not contain all frames of the proxy.
    """
    small, full = require_video(proxy), require_video(original)
    if small.rate != full.rate or small.constant_rate != full.constant_rate:
        raise InputMediaError(f"the original runs at {full.rate} frames/s, its proxy at {small.rate}")
    shift = 0
    if proxy.start_timecode and original.start_timecode:
        rate, drop, start = timecode_clock(original)
        shift = (timecode_clock(proxy)[2] - start) % frames_per_day(rate, drop=drop)
    elif small.frame_count != full.frame_count:
        raise InputMediaError(
            f"the original has {full.frame_count} frames, its proxy {small.frame_count}, and no timecode to place it by"
        )
    if not 0 <= shift <= full.frame_count - small.frame_count:
        raise InputMediaError(
            f"the original, {full.frame_count} frames from {original.start_timecode or 'no timecode'}, does not "
            f"contain its proxy, {small.frame_count} frames from {proxy.start_timecode or 'no timecode'}"
        )
    return shift


def move_to_film(film: Media, take: Take) -> Take:
    """Return a take whose segment refers to a film; the media that was sent and returned is unchanged."""
    return take.model_copy(update={"segment": move_segment(film, take.segment)})


def move_segment(film: Media, segment: Segment) -> Segment:
    """Return a segment that refers to a film; the media that was cut from the proxy is unchanged."""
    shift = frame_offset(segment.source, film)
    edit_span = [
        None if frame is None else frame + shift for frame in (segment.edit_start_frame, segment.edit_end_frame)
    ]
    return segment.model_copy(
        update={
            "source": film,
            "start_frame": segment.start_frame + shift,
            "end_frame": segment.end_frame + shift,
            "frames": tuple(frame + shift for frame in segment.frames),
            "edit_start_frame": edit_span[0],
            "edit_end_frame": edit_span[1],
        }
    )


def _films(folder: Path, proxy: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InputMediaError(f"--online {folder} is not a folder; give the folder of the camera originals")
    films = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file())
    for number, path in enumerate(path for path in films if not path.samefile(proxy)):
        if number == MAX_FILES:
            raise InputMediaError(f"{folder} contains more than {MAX_FILES} films; give the folder of the shoot")
        yield path


def _shared_name(proxy: Path, reel: str, path: Path) -> int:
    """Return the length of the film's name if the proxy's name begins with it, 1 if only their reels match, else 0."""
    proxy_name, name = proxy.stem.lower(), path.stem.lower()
    if proxy_name.startswith(name) and not proxy_name[len(name) : len(name) + 1].isalnum():
        return len(name)
    return 1 if reel and read_reel(path) == reel else 0


def read_reel(path: Path) -> str:
    """Return the reel name in a film's tags; empty if it has none or cannot be read."""
    try:
        with av.open(str(path)) as container:
            tags = [owner.metadata.get("reel_name", "") for owner in (container, *container.streams)]
    except (av.error.FFmpegError, OSError):
        return ""
    return next((tag for tag in tags if tag), "")


def _fits(proxy: Media, path: Path, refused: list[str]) -> bool:
    try:
        frame_offset(proxy, probe_path(path))
    except React1Error as error:
        refused.append(f"{path.name}: {error}")
        return False
    return True
