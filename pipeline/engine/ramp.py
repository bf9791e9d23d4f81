"""How an edit comes in and goes out: smooth ramps, so that no frame pops."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .arrays import Curve

RAMP_S = Fraction(1, 4)


def smoothstep(share: Curve) -> Curve:
    """Ease 0..1 with flat ends: 3s² - 2s³; values outside are clipped."""
    inside = np.clip(share, 0.0, 1.0)
    eased: Curve = inside * inside * (3 - 2 * inside)
    return eased


def ramps(active: NDArray[np.bool_], fps: Fraction, ramp_s: Fraction = RAMP_S) -> Curve:
    """Weigh each frame: 0 where inactive, rising to 1 over `ramp_s` from each border, the ends of the clip included.

    The border itself counts as weight 0, so the first active frame moves by one step of the ramp.
    """
    length = max(1, round(ramp_s * fps))
    padded = np.concatenate([[False], active, [False]])
    inactive = np.flatnonzero(~padded)
    places = np.arange(1, len(active) + 1)
    after = np.searchsorted(inactive, places)
    before = inactive[np.maximum(after - 1, 0)]
    following = inactive[np.minimum(after, len(inactive) - 1)]
    distance = np.minimum(places - before, following - places).astype(np.float64)
    return np.where(active, smoothstep(np.minimum(distance, length) / length), 0.0)
