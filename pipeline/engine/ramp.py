"""How an edit comes in and goes out: smooth ramps, so that no frame pops."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .arrays import Curve

RAMP_S = Fraction(1, 4)


def share(value: float, between: tuple[float, float]) -> float:
    """Tell how far a value has come between two, 0 to 1."""
    return float(np.clip((value - between[0]) / (between[1] - between[0]), 0, 1))


def smoothstep(share: Curve) -> Curve:
    """Ease 0..1 with flat ends: 3s² - 2s³; values outside are clipped."""
    inside = np.clip(share, 0.0, 1.0)
    eased: Curve = inside * inside * (3 - 2 * inside)
    return eased


def ramps(active: NDArray[np.bool_], fps: Fraction, ramp_s: Fraction = RAMP_S, *, to_ends: bool = True) -> Curve:
    """Weigh each frame: 0 where inactive, rising to 1 over `ramp_s` from each border.

    The border itself counts as weight 0, so the first active frame moves by one step of the ramp.

    Args:
        active: one truth per frame.
        fps: frames per second.
        ramp_s: how long a ramp is, in seconds.
        to_ends: whether the ends of the row are borders too.
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


def reached(frames: int, fps: Fraction) -> float:
    """Give how far the ramps of a span of so many frames let it come, 0 to 1."""
    return float(ramps(np.ones(frames, bool), fps).max())
