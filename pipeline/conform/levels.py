"""Colour and level shifts: of a take against what was sent, and of what was sent against the source.

All measured on what should be the same: robust straight lines per plane, and for high dynamic range a curve.

How levels of what was sent become levels of the source: for SDR nearly one to one, for HDR a curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..splicing.pictures.planes import Plane

_POINTS = 4000
_TRIES = 200
_FAR = 12
"""Levels that two points must lie apart to tell a gain."""
_TOLERANCE = 1.5
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
        if self == Line():
            return plane
        table = np.clip(np.rint((np.arange(256) - self.offset) / self.gain), 0, 255).astype(np.uint8)
        return np.asarray(table[plane])


def fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """Fit the line on which most points agree (to within 1.5 levels); what a take changed lies elsewhere.

    Source: RANSAC (Fischler and Bolles, 1981), with pairs drawn by a fixed seed.
    """
    if len(x) < 2:
        return Line()
    dice = np.random.default_rng(0)
    some = dice.integers(0, len(x), min(len(x), _POINTS))
    px, py = x[some], y[some]
    pairs = dice.integers(0, len(px), (_TRIES, 2))
    best, agree = Line(), _agreeing(Line(), px, py)
    enough = float(agree.sum()) * 1.02 + 1
    for a, b in pairs.tolist():
        line = _through(px[a], py[a], px[b], py[b])
        near = _agreeing(line, px, py)
        if near.sum() > enough:
            best, agree, enough = line, near, float(near.sum())
    gain, offset = _straight(px[agree], py[agree]) if agree.any() else (best.gain, best.offset)
    return Line(gain, offset)


def _through(x0: float, y0: float, x1: float, y1: float) -> Line:
    """Give the line through two points; points of one level tell an offset only."""
    if abs(x1 - x0) < _FAR:
        return Line(1.0, ((y0 - x0) + (y1 - x1)) / 2)
    gain = min(max((y1 - y0) / (x1 - x0), 0.25), 4.0)
    return Line(gain, y0 - gain * x0)


def _agreeing(line: Line, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(line.gain * x + line.offset - y) <= _TOLERANCE


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


_NEARLY_ONE = 0.03


class Transfer:
    """Measured on pairs of pictures that show the same."""

    def __init__(self, source: VideoStream, pix_fmt: str) -> None:
        self.top = (1 << source.bit_depth) - 1 if "p1" in pix_fmt or source.bit_depth > 8 else 255
        self._hdr = source.is_hdr
        self._gains = [1.0, 1.0, 1.0]
        self._curve: Any = None
        self.ready = False

    def fit(self, own: list[Plane], was: list[Plane]) -> None:
        """Measure on one pair of pictures that show the same."""
        self.ready = True
        for i, (plate, copy) in enumerate(zip(own, was, strict=True)):
            y, x = sampled(plate), sampled(copy)
            if i == 0 and self._hdr:
                self._curve = curve(x, y, self.top)
                continue
            gain = fit(x, y).gain
            self._gains[i] = gain if abs(gain - 1) > _NEARLY_ONE else 1.0

    def to_source(self, parts: list[Plane]) -> list[Plane]:
        """Bring planes to the source's levels; only differences between two results mean anything."""
        made: list[Plane] = []
        for i, part in enumerate(parts):
            if i == 0 and self._curve is not None:
                made.append(self._curve[np.minimum(part, self.top)])
            else:
                made.append(part.astype(np.float32) * self._gains[i])
        return made
