"""Colour and level shifts: of a take against what was sent, and of what was sent against the source.

All measured on what should be the same: robust straight lines per plane, and for high dynamic range a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .planes import Plane

_ROUNDS = 4
_SAMPLE = 20_000


@dataclass(frozen=True)
class Line:
    """`y = gain * x + offset`."""

    gain: float = 1.0
    offset: float = 0.0

    @property
    def trivial(self) -> bool:
        """Whether it changes nothing that is seen: less than half a level of 255."""
        return abs(self.gain - 1) < 0.004 and abs(self.offset) < 0.5

    def undo(self, plane: Plane) -> Plane:
        """Bring 8-bit values `y` back to `x`."""
        table = np.clip(np.rint((np.arange(256) - self.offset) / self.gain), 0, 255).astype(np.uint8)
        return np.asarray(table[plane])


def fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """Fit a line through what most points agree on; points that do not fit are left out round by round."""
    keep = np.ones(len(x), bool)
    shift = float(np.median(y - x)) if len(x) else 0.0
    line = Line(1.0, shift)
    for _ in range(_ROUNDS):
        distance = np.abs(line.gain * x + line.offset - y)
        keep = distance <= max(float(np.quantile(distance, 0.6)), 0.5)
        gain, offset = _straight(x[keep], y[keep])
        line = Line(gain, offset)
    return line


def _straight(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    spread = float(x.var())
    if spread < 4:
        # A flat picture says nothing of a gain.
        return 1.0, float(np.mean(y - x)) if len(x) else 0.0
    gain = float(((x - x.mean()) * (y - y.mean())).mean()) / spread
    gain = min(max(gain, 0.25), 4.0)
    return gain, float(y.mean() - gain * x.mean())


def sampled(plane: Plane) -> NDArray[np.float64]:
    """Give evenly spread pixels of a plane, at most about 20,000, as floats."""
    step = max(1, int(np.sqrt(plane.size / _SAMPLE)))
    return plane[step // 2 :: step, step // 2 :: step].ravel().astype(np.float64)


def curve(x: NDArray[np.float64], y: NDArray[np.float64], top: int) -> NDArray[np.float32]:
    """Give a rising table from x to y, `(top + 1,)`: medians of 48 bins, joined by straight lines."""
    edges = np.linspace(x.min(), x.max() + 1e-6, 49)
    places = np.digitize(x, edges) - 1
    points = [(float(np.median(x[places == b])), float(np.median(y[places == b]))) for b in np.unique(places)]
    xs, ys = np.array(points).T
    return np.interp(np.arange(top + 1), xs, np.maximum.accumulate(ys)).astype(np.float32)
