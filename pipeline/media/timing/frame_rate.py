"""Frame rates: detect a rate from timestamps, choose a provider's rate, and map frames onto an even grid.

Frames are mapped by the midpoint rule: a new frame shows what the film shows in the middle of the new frame's time, so
that timestamps just beside the grid (29.97 on 30) do not stutter, as in ffmpeg's `fps` filter with `round=near`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROVIDER_RATES = (Fraction(24), Fraction(25), Fraction(30))
"""The constant rates that providers take."""


def nearest_rate(rate: Fraction) -> Fraction:
    """Return 24, 25 or 30: the rate to which a film at `rate` converts with the fewest uneven steps.

    A multiple goes to its divisor (50 to 25, 59.94 to 30), a fraction to its multiple (12.5 to 25).
    """

    def cost(offered: Fraction) -> tuple[float, int, Fraction]:
        ratio = max(rate / offered, offered / rate)
        multiple = max(1, round(ratio))
        return round(abs(float(ratio / multiple) - 1), 2), multiple, -offered

    return min(PROVIDER_RATES, key=cost)


def frame_count_at(duration_s: Fraction, rate: Fraction) -> int:
    """Return the number of frames at `rate` that is nearest to a duration; at least one."""
    return max(1, (2 * duration_s * rate + 1).__floor__() // 2)


def frames_on_grid(times: NDArray[np.int64], time_base: Fraction, rate: Fraction, count: int) -> list[int]:
    """Return, for each of `count` frames at `rate`, the index of the frame that it shows.

    Args:
        times: presentation times in ticks, rising from 0.
        time_base: seconds per tick.
        rate: frames per second of the grid.
        count: number of new frames.
    """
    import numpy as np

    per_tick = rate * time_base
    rounded = (2 * times * per_tick.numerator + per_tick.denominator) // (2 * per_tick.denominator)
    return [max(0, int(place) - 1) for place in np.searchsorted(rounded, np.arange(count), side="right")]


COMMON_RATES = tuple(
    Fraction(*pair)
    for pair in (
        (24, 1), (25, 1), (30, 1), (24000, 1001), (30000, 1001), (48, 1), (50, 1), (60, 1), (60000, 1001),
        (12, 1), (15, 1), (10, 1), (8, 1), (16, 1), (18, 1), (20, 1), (90, 1), (100, 1), (120, 1),
        (15000, 1001), (12000, 1001), (48000, 1001), (120000, 1001), (240, 1),
    )
)  # fmt: skip
"""Rates that cameras and editors use."""


def common_rate(rate: Fraction) -> Fraction:
    """Return the common rate that a rounded one means, such as 30000/1001 for 29.97 frames/s; else the same rate."""
    nearest = min(COMMON_RATES, key=lambda common: abs(common - rate))
    return nearest if abs(nearest / rate - 1) < Fraction(1, 2000) else rate


def detect_rate(times: NDArray[np.int64], time_base: Fraction, last_duration: int) -> tuple[Fraction, bool]:
    """Return the frame rate, and whether it is constant.

    Constant means that every frame is within one tick of an even grid: Matroska rounds to milliseconds, phones
    to 1/600 s. A rate in common use that fits is preferred, because rounded ticks fit more than one.
    Otherwise the rate is the average over the whole stream.

    Args:
        times: presentation times of all shown frames, rising, in ticks.
        time_base: seconds per tick.
        last_duration: ticks for which the last frame is shown.
    """
    span = int(times[-1] - times[0])
    if len(times) < 2 or span <= 0:
        return (1 / (last_duration * time_base) if last_duration > 0 else Fraction(25)), True
    mean = Fraction(len(times) - 1) / (span * time_base)
    for rate in sorted(COMMON_RATES, key=lambda common: abs(common - mean)):
        if abs(rate / mean - 1) > Fraction(1, 20):
            break
        if fits_grid(times, time_base, rate):
            return rate, True
    if fits_grid(times, time_base, mean):
        return mean, True
    return Fraction(len(times)) / ((span + max(last_duration, 0)) * time_base), False


def fits_grid(times: NDArray[np.int64], time_base: Fraction, rate: Fraction) -> bool:
    """Check whether each time is within one tick of an even grid at `rate` from the first."""
    import numpy as np

    ticks = 1 / (rate * time_base)
    steps = np.arange(len(times), dtype=np.int64)
    expected = steps * ticks.numerator // ticks.denominator
    off = (times - times[0]) - expected
    return bool(off.min() >= -1 and off.max() <= 1)
