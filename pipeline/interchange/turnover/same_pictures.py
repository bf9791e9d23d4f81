"""Whether an original shows what its proxy shows, in the same place of the picture and at the same time.

Raises  BadInput that names the frame, and what does not agree.

Grades, letters that are burnt in, and coding change little of this; another crop, bars, a zoom, and a timecode that is
one frame off change much. On real footage cells agree to 0.98 and more where the pictures do, and to 0.87 at most where
one of them is enlarged by 4 %.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...conform.frame_reader import small
from ...core.errors import InputMediaError
from ...core.values import Media
from ...media.decode import frames
from ...media.probe import probe_outside, require_video
from .originals import shift_between

SAMPLES, LEAST_LIKENESS = 5, 0.9
"""Pictures that are compared, and how well the brightness within most of their cells must go together."""
_CELL_PX = (9, 12)
_FEWEST_CELLS = 6
_EVEN = 3.0
"""Cells whose brightness spreads less, of 255, tell nothing."""
WINDOWS, WINDOW_FRAMES, REACH_FRAMES = 3, 40, 15
"""Where the time is looked at, how long, and how far a clock may be off to be told by how much."""
_CLEARLY, _LEAST_GAIN = 0.93, 0.02
_MOVING_SHARE = 4

Shown = NDArray[np.uint8]


def check_pair(proxy_path: Path, path: Path) -> None:
    """Refuse an original by its clock and its pictures, before anything is sent or paid for.

    Raises:
        BadInput: the message says what does not agree.
    """
    proxy, original = probe_outside(proxy_path), probe_outside(path)
    check_pictures(proxy_path, proxy, path, original, shift_between(proxy, original))


def check_pictures(proxy_path: Path, proxy: Media, path: Path, original: Media, shift: int) -> None:
    """Refuse an original whose pictures are not its proxy's; it begins `shift` frames before its proxy.

    Raises:
        BadInput: a picture differs, or the same pictures come at another time.
    """
    count = require_video(proxy).frame_count
    for frame in sorted({(2 * number + 1) * count // (2 * SAMPLES) for number in range(SAMPLES)}):
        alike = likeness(_luma(proxy_path, proxy, frame, 1)[0], _luma(path, original, frame + shift, 1)[0])
        if alike < LEAST_LIKENESS:
            shapes = "; ".join("{}x{}".format(*require_video(one).shown_size_px) for one in (original, proxy))
            raise InputMediaError(
                f"frame {frame + shift} of the original does not show what frame {frame} of its proxy shows "
                f"(likeness {alike:.2f}, at least {LEAST_LIKENESS} is needed; sizes {shapes}); give the right "
                "original, or a proxy of its whole picture"
            )
    if late := lag(proxy_path, proxy, path, original, shift):
        told = f"{abs(late)} frame{'s'[: abs(late) > 1]} {'later' if late > 0 else 'earlier'}"
        raise InputMediaError(
            f"the original shows its proxy's pictures {told} than "
            f"their clocks say (proxy {proxy.start_timecode or 'without timecode'}, original "
            f"{original.start_timecode or 'without timecode'}); mend the timecode of the proxy, and run it anew"
        )


def likeness(proxy: Shown, original: Shown) -> float:
    """Give how well most cells of two small pictures go together, at most 1; `(height, width) uint8`."""
    tall, wide = _CELL_PX
    found = [
        _correlation(proxy[y : y + tall, x : x + wide], original[y : y + tall, x : x + wide])
        for y in range(0, original.shape[0], tall)
        for x in range(0, original.shape[1], wide)
        if original[y : y + tall, x : x + wide].std() > _EVEN
    ]
    if len(found) >= _FEWEST_CELLS:
        return float(np.median(found))
    return 1.0 if max(proxy.std(), original.std()) < 1 else _correlation(proxy, original)


def lag(proxy_path: Path, proxy: Media, path: Path, original: Media, shift: int) -> int:
    """Give how many frames later than expected the original shows the proxy's pictures; 0 where nothing tells."""
    count, whole = require_video(proxy).frame_count, require_video(original).frame_count
    long = min(WINDOW_FRAMES, count)
    costs: dict[int, list[float]] = {}
    for start in sorted({(count - long) * part // (WINDOWS - 1) for part in range(WINDOWS)}):
        low = max(start + shift - REACH_FRAMES, 0)
        high = min(start + shift + long + REACH_FRAMES, whole)
        ours, theirs = _luma(proxy_path, proxy, start, long), _luma(path, original, low, high - low)
        moving = _moving(ours)
        for at in range(len(theirs) - long + 1):
            late = low + at - start - shift
            costs.setdefault(late, []).append(_cost(ours, theirs[at : at + long], moving))
    means = {late: float(np.mean(found)) for late, found in costs.items() if len(found) == len(costs[0])}
    best = min(means, key=lambda late: (means[late], abs(late)))
    clearly = means[best] < _CLEARLY * means[0] and means[0] - means[best] > _LEAST_GAIN
    return best if clearly else 0


def _luma(path: Path, media: Media, first: int, count: int) -> Shown:
    shown = small(found for _, found in frames(path, require_video(media), first, first + count))
    luma: Shown = shown[:, 0]
    return luma


def _moving(shown: Shown) -> NDArray[np.int64]:
    """Give the places of the pixels that move most: still ones tell nothing of time."""
    motion = np.abs(np.diff(shown.astype(np.int16), axis=0)).sum(0).ravel()
    return np.argsort(motion)[-(motion.size // _MOVING_SHARE) :]


def _cost(ours: Shown, theirs: Shown, moving: NDArray[np.int64]) -> float:
    """Give how far pixels are apart over time, whatever stands still between the two, such as a grade, left out."""
    pair = [shown.reshape(len(shown), -1)[:, moving].astype(np.float32) for shown in (ours, theirs)]
    difference = pair[0] - pair[1]
    return float(np.median(np.abs(difference - difference.mean(0)).mean(0)))


def _correlation(one: Shown, other: Shown) -> float:
    if one.std() < 1 or other.std() < 1:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
