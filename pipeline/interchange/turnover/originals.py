"""Find the camera original of a proxy by reel, name, timecode, rate and length.

An original must show what its proxy shows, with the same framing and at the same time. A grade, burnt-in text and
compression hardly change the similarity; another crop, bars, a zoom, or a timecode that is one frame off change it a
lot. On real footage cells of equal pictures correlate to at least 0.98, and to at most 0.87 if one picture is enlarged
by 4 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ...conform.frame_pairs import shrink_frames
from ...core.errors import InputMediaError, React1Error
from ...core.times import frames_per_day
from ...core.values import Media, Segment, Take
from ...media.frames.decode import exact_frames
from ...media.frames.film_readers import open_input
from ...media.probe import probe_path, require_video
from ...media.timing.clock import timecode_clock

SAMPLES, MIN_SIMILARITY = 5, 0.9
"""Number of compared pictures, and the least median correlation of the luma in their cells."""
_CELL_PX = (9, 12)
_MIN_CELLS = 6
_FLAT_STD = 3.0
"""Cells with a smaller standard deviation of luma (0 to 255) are ignored."""
WINDOWS, WINDOW_FRAMES, MIN_WINDOW_FRAMES, REACH_FRAMES = 3, 40, 8, 12
"""Number and lengths of the stretches that are compared in time, and the largest lag that can be measured."""
_MAX_COST_RATIO, _MAX_COST_RATIO_ALONE, _MIN_GAIN = 0.93, 0.7, 0.02
"""A lag is clear below the first ratio of its cost to that of no lag; in a single window below the second."""
_MOVING_SHARE = 4

Luma = NDArray[np.uint8]


def check_original(proxy_path: Path, path: Path) -> None:
    """Refuse an original whose clock or pictures do not match its proxy, before anything is uploaded or paid for.

    Raises:
        InputMediaError: the message gives the mismatch.
    """
    proxy, original = probe_path(proxy_path), probe_path(path)
    check_same_pictures(proxy_path, proxy, path, original, frame_offset(proxy, original))


def check_same_pictures(proxy_path: Path, proxy: Media, path: Path, original: Media, shift: int) -> None:
    """Refuse an original whose pictures differ from its proxy's; it begins `shift` frames before its proxy.

    Raises:
        InputMediaError: a picture differs, or the same pictures are at another time.
    """
    count = require_video(proxy).frame_count
    for frame in sorted({(2 * number + 1) * count // (2 * SAMPLES) for number in range(SAMPLES)}):
        similarity = picture_similarity(
            _luma(proxy_path, proxy, frame, 1)[0], _luma(path, original, frame + shift, 1)[0]
        )
        if similarity < MIN_SIMILARITY:
            shapes = "; ".join("{}x{}".format(*require_video(media).shown_size_px) for media in (original, proxy))
            raise InputMediaError(
                f"frame {frame + shift} of the original does not show what frame {frame} of its proxy shows "
                f"(similarity {similarity:.2f}, at least {MIN_SIMILARITY} is needed; sizes {shapes}); give the right "
                "original, or a proxy of its full picture"
            )
    lags = time_lags(proxy_path, proxy, path, original, shift)
    if any(lags):
        raise InputMediaError(
            f"the original shows its proxy's pictures {_describe_lags(lags)} than their clocks say (proxy "
            f"{proxy.start_timecode or 'without timecode'}, original {original.start_timecode or 'without timecode'}); "
            + ("make the proxy again" if len(set(lags)) > 1 else "fix the timecode of the proxy and run again")
        )


def _describe_lags(lags: Sequence[int]) -> str:
    """Return lags in frames as words; several ones are a drift, from the beginning to the end."""
    distinct = list(dict.fromkeys(lags))
    words = [f"{abs(late)} frame{'s'[: abs(late) > 1]} {'later' if late > 0 else 'earlier'}" for late in distinct]
    if len(distinct) == 1:
        return words[0]
    return f"{words[0]} at its beginning, {words[-1]} at its end"


def picture_similarity(proxy: Luma, original: Luma) -> float:
    """Return the median correlation of the cells of two small pictures, at most 1; `(height, width) uint8`."""
    tall, wide = _CELL_PX
    correlations = [
        _correlation(proxy[y : y + tall, x : x + wide], original[y : y + tall, x : x + wide])
        for y in range(0, original.shape[0], tall)
        for x in range(0, original.shape[1], wide)
        if original[y : y + tall, x : x + wide].std() > _FLAT_STD
    ]
    if len(correlations) >= _MIN_CELLS:
        return float(np.median(correlations))
    return 1.0 if max(proxy.std(), original.std()) < 1 else _correlation(proxy, original)


def time_lags(proxy_path: Path, proxy: Media, path: Path, original: Media, shift: int) -> list[int]:
    """Return how many frames later than expected the original shows the proxy's pictures, window by window.

    0 is returned where that is unclear. The windows lie so far from the ends of both films that every lag fits; where
    they agree on a lag together, it is that of all windows.
    """
    count, original_count = require_video(proxy).frame_count, require_video(original).frame_count
    reach = max(0, min(REACH_FRAMES, (count - MIN_WINDOW_FRAMES) // 2))
    length = min(WINDOW_FRAMES, max(MIN_WINDOW_FRAMES, (count - 2 * reach) // 2), count)
    last = count - reach - length
    costs: list[dict[int, float]] = []
    for start in sorted({reach + (last - reach) * part // (WINDOWS - 1) for part in range(WINDOWS)}):
        low = max(start + shift - reach, 0)
        high = min(start + shift + length + reach, original_count)
        proxy_luma, luma = _luma(proxy_path, proxy, start, length), _luma(path, original, low, high - low)
        moving = _moving_pixels(proxy_luma)
        costs.append(
            {
                low + at - start - shift: _cost(proxy_luma, luma[at : at + length], moving)
                for at in range(len(luma) - length + 1)
            }
        )
    shared = set.intersection(*(set(window) for window in costs))
    means = {late: float(np.mean([window[late] for window in costs])) for late in shared}
    common = _clear_lag(means, _MAX_COST_RATIO)
    alone = [_clear_lag(window, _MAX_COST_RATIO_ALONE) for window in costs]
    return alone if len(set(alone)) > 1 else [common]


def _clear_lag(costs: Mapping[int, float], max_ratio: float) -> int:
    """Return the lag with the least cost; 0 unless it is clearly better than none."""
    best = min(costs, key=lambda late: (costs[late], abs(late)))
    return best if costs[best] < max_ratio * costs[0] and costs[0] - costs[best] > _MIN_GAIN else 0


def _luma(path: Path, media: Media, first: int, count: int) -> Luma:
    shown = shrink_frames(frame for _, frame in exact_frames(path, require_video(media), first, first + count))
    luma: Luma = shown[:, 0]
    return luma


def _moving_pixels(shown: Luma) -> NDArray[np.int64]:
    """Return the indices of the pixels that change most; still pixels carry no timing."""
    motion = np.abs(np.diff(shown.astype(np.int16), axis=0)).sum(0).ravel()
    return np.argsort(motion)[-(motion.size // _MOVING_SHARE) :]


def _cost(proxy_luma: Luma, luma: Luma, moving: NDArray[np.int64]) -> float:
    """Return the median difference of pixels over time, without their constant difference, such as a grade."""
    pair = [shown.reshape(len(shown), -1)[:, moving].astype(np.float32) for shown in (proxy_luma, luma)]
    difference = pair[0] - pair[1]
    return float(np.median(np.abs(difference - difference.mean(0)).mean(0)))


def _correlation(first: Luma, second: Luma) -> float:
    if first.std() < 1 or second.std() < 1:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


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
        raise InputMediaError(f"{folder} is not a folder; give the folder of the camera originals")
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
        with open_input(path) as container:
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
