"""Check that an original shows what its proxy shows, with the same framing and at the same time.

A grade, burnt-in text and compression hardly change the similarity; another crop, bars, a zoom, or a timecode that is
one frame off change it a lot. On real footage cells of equal pictures correlate to at least 0.98, and to at most 0.87
if one picture is enlarged by 4 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...conform.frame_pairs import shrink_frames
from ...core.errors import InputMediaError
from ...core.values import Media
from ...media.frames.decode import exact_frames
from ...media.probe import probe_path, require_video
from .originals import frame_offset

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
