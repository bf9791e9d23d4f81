"""Put a film of any timing on an even grid, and know which frame each new one shows.

Source  the midpoint rule: a new frame shows what the film shows in the middle of the new frame's time, so that
        timestamps that sit just beside the grid (29.97 on 30) do not stutter. ffmpeg's `fps` filter does the same
        with `round=near`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

OFFERED = (Fraction(24), Fraction(25), Fraction(30))
"""The constant rates that providers take."""


def nearest_rate(rate: Fraction) -> Fraction:
    """Choose 24, 25 or 30: the one that a film at `rate` meets with the fewest uneven steps.

    A film at a multiple goes to its divisor (50 to 25, 59.94 to 30), one at a fraction to its multiple (12.5 to 25).
    """

    def cost(offered: Fraction) -> tuple[float, int, Fraction]:
        ratio = max(rate / offered, offered / rate)
        whole = max(1, round(ratio))
        return round(abs(float(ratio / whole) - 1), 2), whole, -offered

    return min(OFFERED, key=cost)


def new_count(duration_s: Fraction, rate: Fraction) -> int:
    """Give how many frames at `rate` are nearest to a duration; at least one."""
    return max(1, (2 * duration_s * rate + 1).__floor__() // 2)


def shown_frames(times: NDArray[np.int64], time_base: Fraction, rate: Fraction, count: int) -> list[int]:
    """Give, for each of `count` frames at `rate`, the index of the frame that it shows.

    Args:
        times: presentation times in ticks, rising from 0.
        time_base: seconds per tick.
        rate: frames per second of the grid.
        count: how many new frames.
    """
    per_tick = rate * time_base
    rounded = (2 * times * per_tick.numerator + per_tick.denominator) // (2 * per_tick.denominator)
    return [max(0, int(place) - 1) for place in np.searchsorted(rounded, np.arange(count), side="right")]
