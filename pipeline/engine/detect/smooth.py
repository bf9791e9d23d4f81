"""Reduce landmark jitter without adding lag.

The filter is by Casiez, Roussel & Vogel, "1€ Filter: a simple speed-based low-pass filter", CHI 2012. The complete clip
is known, so it runs forwards and backwards, and the average cancels the lag.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import Points
from ..geometry.head_frame import FaceFrame, MouthShape

EASED_S = 0.25
"""Standard deviation of the Gaussian that smooths values over time."""
MIN_CUTOFF_HZ, SPEED_FACTOR, SPEED_CUTOFF_HZ = 2.5, 6.0, 1.0
"""Cutoff at rest in Hz, cutoff added per unit/s of speed, and cutoff of the speed itself."""


def smooth_track(track: Sequence[Points | None], fps: float) -> list[Points | None]:
    """Smooth a face's landmarks, (478, 3) px each; runs between frames without the face are smoothed separately."""
    smoothed: list[Points | None] = list(track)
    start = 0
    while start < len(track):
        stop = start
        while stop < len(track) and track[stop] is not None:
            stop += 1
        run = [points for points in track[start:stop] if points is not None]
        if run:
            forwards = _one_euro(run, fps)
            backwards = _one_euro(run[::-1], fps)[::-1]
            smoothed[start:stop] = [(a + b) / 2 for a, b in zip(forwards, backwards, strict=True)]
        start = stop + 1
    return smoothed


def _one_euro(run: Sequence[Points], fps: float) -> list[Points]:
    def gain(cutoff_hz: Points) -> Points:
        return 1 / (1 + fps / (2 * math.pi * cutoff_hz))

    position, speed = run[0], np.zeros_like(run[0])
    filtered = [position]
    for points in run[1:]:
        unit_px = FaceFrame(points).unit_px
        now = (points - position) * fps / unit_px
        speed = speed + gain(np.full_like(now, SPEED_CUTOFF_HZ)) * (now - speed)
        position = position + gain(MIN_CUTOFF_HZ + SPEED_FACTOR * np.abs(speed)) * (points - position)
        filtered.append(position)
    return filtered


def resting_shapes(shapes: Sequence[MouthShape | None], fps: float) -> list[MouthShape | None]:
    """Return the mouth shape without speech per frame: mean lift and width, and the 20th percentile gap, over 1.2 s.

    A talking mouth closes often and a grin does not, so the low percentile separates them. A percentile steps when a
    frame enters or leaves the window, so all three are smoothed.
    """
    half = max(1, round(0.6 * fps))
    resting: list[tuple[float, ...] | None] = []
    for number, shape in enumerate(shapes):
        window = [other for other in shapes[max(0, number - half) : number + half + 1] if other is not None]
        if shape is None or not window:
            resting.append(None)
            continue
        table = np.array([(other.lift, other.width, other.gap) for other in window])
        lift, width = table[:, :2].mean(0)
        resting.append((float(lift), float(width), float(np.percentile(table[:, 2], 20))))
    return [None if row is None else MouthShape(*row) for row in ease(resting, fps)]


def ease(rows: Sequence[tuple[float, ...] | None], fps: float) -> list[tuple[float, ...] | None]:
    """Smooth values over time with a Gaussian; frames without values stay empty and have no weight."""
    present = np.array([row is not None for row in rows], np.float64)
    if not present.any():
        return list(rows)
    width = next(len(row) for row in rows if row is not None)
    table = np.array([row if row is not None else (0.0,) * width for row in rows])
    reach = max(1, round(3 * EASED_S * fps))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (EASED_S * fps)) ** 2)
    weights = np.convolve(present, kernel)[reach : reach + len(rows)]
    summed = np.stack([np.convolve(column, kernel)[reach : reach + len(rows)] for column in table.T], 1)
    means = summed / np.maximum(weights, 1e-9)[:, None]
    return [tuple(mean.tolist()) if row is not None else None for row, mean in zip(rows, means, strict=True)]
