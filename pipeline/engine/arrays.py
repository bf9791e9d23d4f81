"""Type aliases of the arrays that the engine passes around, and the smooth ramps by which an edit starts and ends."""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RAMP_S = Fraction(1, 4)


def fraction_between(value: float, between: tuple[float, float]) -> float:
    """Return the position of a value between two others, clipped to 0..1."""
    return float(np.clip((value - between[0]) / (between[1] - between[0]), 0, 1))


def smoothstep(share: Curve) -> Curve:
    """Return 3s² - 2s³, which has flat ends; values outside 0..1 are clipped."""
    inside = np.clip(share, 0.0, 1.0)
    eased: Curve = inside * inside * (3 - 2 * inside)
    return eased


def ramp_weights(active: NDArray[np.bool_], fps: Fraction, ramp_s: Fraction = RAMP_S, *, to_ends: bool = True) -> Curve:
    """Return a weight per frame: 0 where inactive, rising to 1 over `ramp_s` from each border.

    The border itself has weight 0, so the first active frame is one step up the ramp.

    Args:
        active: one bool per frame.
        fps: frames per second.
        ramp_s: length of a ramp in seconds.
        to_ends: whether the first and the last frame are next to a border too.
    """
    length = max(1, round(ramp_s * fps))
    inactive = np.flatnonzero(~active)
    if to_ends:
        inactive = np.concatenate([[-1], inactive, [len(active)]])
    if not len(inactive):
        return np.ones(len(active))
    places = np.arange(len(active))
    after = np.searchsorted(inactive, places)
    before = inactive[np.maximum(after - 1, 0)]
    following = inactive[np.minimum(after, len(inactive) - 1)]
    distance = np.minimum(np.abs(places - before), np.abs(following - places)).astype(np.float64)
    return np.where(active, smoothstep(np.minimum(distance, length) / length), 0.0)


def peak_weight(frames: int, fps: Fraction) -> float:
    """Return the highest weight, 0 to 1, that the ramps allow in a span of this many frames."""
    return float(ramp_weights(np.ones(frames, bool), fps).max())


Points: TypeAlias = NDArray[np.float64]
"""Landmarks or displacements: (count, 2) or (count, 3)."""
Image: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) RGB."""
Plane: TypeAlias = NDArray[np.uint8]
"""(height, width), one channel."""
Field: TypeAlias = NDArray[np.float32]
"""Per-pixel numbers: (height, width) or (height, width, 2)."""
Ids: TypeAlias = NDArray[np.int64]
"""Indices of landmarks or vertices."""
Curve: TypeAlias = NDArray[np.float64]
"""One number per frame."""
