"""From a proxy to its camera original: found by reel, name, timecode, rate and length.

Raises  BadInput that names what was looked at, and what does not agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from ...core.errors import InputMediaError, React1Error
from ...core.times import frames_per_day
from ...core.values import Media, Take
from ...media.clock import label_clock
from ...media.probe import probe_outside, require_video

SUFFIXES = frozenset({".mov", ".mp4", ".mxf", ".mkv", ".m4v", ".avi", ".ts", ".mts", ".m2ts", ".webm"})
MOST_FILES, TOLD = 500, 5


def find_original(proxy_path: Path, folder: Path) -> Path:
    """Find the one film of a folder, or of the folders in it, that a proxy was made from.

    A film of the proxy's reel or name is looked at first; only where there is none, all of them are.

    Raises:
        BadInput: there is none, or more than one; what was looked at is told with the reason.
    """
    proxy, reel = probe_outside(proxy_path), reel_of(proxy_path)
    named: dict[int, list[Path]] = {}
    for path in _films(folder, proxy_path):
        named.setdefault(_shared_name(proxy_path, reel, path), []).append(path)
    refused: list[str] = []
    for _, group in sorted(named.items(), reverse=True):
        fitting = [path for path in group if _fits(proxy, path, refused)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            listed = ", ".join(path.name for path in fitting[:TOLD])
            raise InputMediaError(
                f"{len(fitting)} films in {folder} fit {proxy_path.name}: {listed}; leave one of them there"
            )
    told = "; ".join(refused[:TOLD]) + (f"; and {len(refused) - TOLD} more" if len(refused) > TOLD else "")
    raise InputMediaError(f"no film in {folder} is the original of {proxy_path.name}: {told or 'it holds no films'}")


def shift_between(proxy: Media, original: Media) -> int:
    """Give by how many frames the original begins before its proxy.

    Raises:
        BadInput: they differ in rate, or the original does not hold all frames of the proxy.
    """
    few, many = require_video(proxy), require_video(original)
    if few.rate != many.rate or few.constant_rate != many.constant_rate:
        raise InputMediaError(f"the original runs at {many.rate} frames/s, its proxy at {few.rate}")
    shift = 0
    if proxy.start_timecode and original.start_timecode:
        rate, drop, start = label_clock(original)
        shift = (label_clock(proxy)[2] - start) % frames_per_day(rate, drop=drop)
    elif few.frame_count != many.frame_count:
        raise InputMediaError(
            f"the original has {many.frame_count} frames, its proxy {few.frame_count}, and no timecode to tell by"
        )
    if not 0 <= shift <= many.frame_count - few.frame_count:
        raise InputMediaError(
            f"the original, {many.frame_count} frames from {original.start_timecode or 'no timecode'}, does not hold "
            f"its proxy, {few.frame_count} frames from {proxy.start_timecode or 'no timecode'}"
        )
    return shift


def placed_on(film: Media, take: Take) -> Take:
    """Give a take whose segment lies on a film; what was sent, and what came back, stays."""
    segment = take.segment
    shift = shift_between(segment.source, film)
    whole = [None if place is None else place + shift for place in (segment.edit_start_frame, segment.edit_end_frame)]
    moved = segment.model_copy(
        update={
            "source": film,
            "start_frame": segment.start_frame + shift,
            "end_frame": segment.end_frame + shift,
            "frames": tuple(frame + shift for frame in segment.frames),
            "edit_start_frame": whole[0],
            "edit_end_frame": whole[1],
        }
    )
    return take.model_copy(update={"segment": moved})


def _films(folder: Path, proxy: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InputMediaError(f"--online {folder} is not a folder; name the one that holds the camera originals")
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file())
    for number, path in enumerate(path for path in found if not path.samefile(proxy)):
        if number == MOST_FILES:
            raise InputMediaError(f"{folder} holds more than {MOST_FILES} films; name the folder of the shoot")
        yield path


def _shared_name(proxy: Path, reel: str, path: Path) -> int:
    """Give how much of a proxy's name a film's own name, or the reel that it names itself by, begins; 0 for nothing."""
    ours, theirs = proxy.stem.lower(), path.stem.lower()
    if ours.startswith(theirs) and not ours[len(theirs) : len(theirs) + 1].isalnum():
        return len(theirs)
    return 1 if reel and reel_of(path) == reel else 0


def reel_of(path: Path) -> str:
    """Find the reel that a film names itself by in its tags; empty where it names none, or cannot be read."""
    try:
        with av.open(str(path)) as container:
            tags = [held.metadata.get("reel_name", "") for held in (container, *container.streams)]
    except (av.error.FFmpegError, OSError):
        return ""
    return next((tag for tag in tags if tag), "")


def _fits(proxy: Media, path: Path, refused: list[str]) -> bool:
    try:
        shift_between(proxy, probe_outside(path))
    except React1Error as error:
        refused.append(f"{path.name}: {error}")
        return False
    return True
