"""Fit levels: of a take against what was sent, and of what was sent against the source.

They are measured on what should be the same: robust straight lines per plane, and for high dynamic range a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.format import VideoFormat
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..splicing.pictures.planes import Plane

_MAX_POINTS = 4000
_TRIES = 200
_MIN_DISTANCE = 12
"""Levels between two points below which they determine an offset only."""
_TOLERANCE = 1.5
_SAMPLE_COUNT = 20_000


@dataclass(frozen=True)
class LinearMap:
    """`y = gain * x + offset`."""

    gain: float = 1.0
    offset: float = 0.0

    @property
    def is_trivial(self) -> bool:
        """Whether it changes nothing visible: less than half a level of 255."""
        return abs(self.gain - 1) < 0.004 and abs(self.offset) < 0.5

    def undo(self, plane: Plane) -> Plane:
        """Map 8-bit values `y` back to `x`."""
        if self == LinearMap():
            return plane
        table = np.clip(np.rint((np.arange(256) - self.offset) / self.gain), 0, 255).astype(np.uint8)
        return np.asarray(table[plane])


def fit_linear(x: NDArray[np.float64], y: NDArray[np.float64]) -> LinearMap:
    """Fit the line on which most points agree within 1.5 levels; what a take changed are outliers.

    Source: RANSAC (Fischler and Bolles, 1981), with pairs drawn by a fixed seed.
    """
    if len(x) < 2:
        return LinearMap()
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(x), min(len(x), _MAX_POINTS))
    px, py = x[chosen], y[chosen]
    tries = random.integers(0, len(px), (_TRIES, 2))
    best, inliers = LinearMap(), _inliers(LinearMap(), px, py)
    threshold = float(inliers.sum()) * 1.02 + 1
    # Where nearly all points agree already, no line can be better by enough.
    for a, b in tries.tolist() if threshold < len(px) else ():
        line = _through(px[a], py[a], px[b], py[b])
        agreeing = _inliers(line, px, py)
        if agreeing.sum() > threshold:
            best, inliers, threshold = line, agreeing, float(agreeing.sum())
    gain, offset = _least_squares(px[inliers], py[inliers]) if inliers.any() else (best.gain, best.offset)
    return LinearMap(gain, offset)


def _through(x0: float, y0: float, x1: float, y1: float) -> LinearMap:
    """Return the line through two points; an offset only if their levels are nearly the same."""
    if abs(x1 - x0) < _MIN_DISTANCE:
        return LinearMap(1.0, ((y0 - x0) + (y1 - x1)) / 2)
    gain = min(max((y1 - y0) / (x1 - x0), 0.25), 4.0)
    return LinearMap(gain, y0 - gain * x0)


def _inliers(line: LinearMap, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(line.gain * x + line.offset - y) <= _TOLERANCE


def _least_squares(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    spread = float(x.var())
    if spread < 4:
        # A flat picture does not determine a gain.
        return 1.0, float(np.mean(y - x)) if len(x) else 0.0
    gain = float(((x - x.mean()) * (y - y.mean())).mean()) / spread
    gain = min(max(gain, 0.25), 4.0)
    return gain, float(y.mean() - gain * x.mean())


def sample_pixels(plane: Plane) -> Plane:
    """Return a copy of evenly spaced pixels of a plane, some 20,000."""
    step = max(1, int(np.sqrt(plane.size / _SAMPLE_COUNT)))
    return plane[step // 2 :: step, step // 2 :: step].flatten()


def fit_curve(x: NDArray[np.float64], y: NDArray[np.float64], top: int) -> NDArray[np.float32]:
    """Return a monotonic table from x to y, `(top + 1,)`: medians of 48 bins, joined by straight lines."""
    edges = np.linspace(x.min(), x.max() + 1e-6, 49)
    bins = np.digitize(x, edges) - 1
    points = [(float(np.median(x[bins == b])), float(np.median(y[bins == b]))) for b in np.unique(bins)]
    xs, ys = np.array(points).T
    return np.interp(np.arange(top + 1), xs, np.maximum.accumulate(ys)).astype(np.float32)


_MIN_GAIN_CHANGE = 0.03


class LevelTransfer:
    """Maps levels of what was sent to levels of the source: for SDR nearly one to one, for HDR by a curve."""

    def __init__(self, source: VideoStream, pix_fmt: str) -> None:
        self.top = (1 << VideoFormat(pix_fmt, 16, 16).components[0].bits) - 1
        self._hdr = source.is_hdr
        self._gains = [1.0, 1.0, 1.0]
        self._curve: Any = None
        self.ready = False

    def fit(self, plate: Sequence[Plane], sent: Sequence[Plane]) -> None:
        """Measure on a pair of pictures that show the same, by the samples of their planes."""
        self.ready = True
        for i, (source, copy) in enumerate(zip(plate, sent, strict=True)):
            y, x = source.astype(np.float64), copy.astype(np.float64)
            if i == 0 and self._hdr:
                self._curve = fit_curve(x, y, self.top)
                continue
            gain = fit_linear(x, y).gain
            self._gains[i] = gain if abs(gain - 1) > _MIN_GAIN_CHANGE else 1.0

    def to_source(self, planes: Sequence[Plane]) -> list[Plane]:
        """Map planes to the source's levels; only differences between two results are meaningful."""
        mapped: list[Plane] = []
        for i, plane in enumerate(planes):
            if i == 0 and self._curve is not None:
                mapped.append(self._curve[np.minimum(plane, self.top)])
            elif self._gains[i] == 1:
                mapped.append(plane)
            else:
                mapped.append(plane.astype(np.float32) * self._gains[i])
        return mapped
