"""Quiet the landmarks' jitter without making them late.

Source  Casiez, Roussel & Vogel, "1€ Filter: a simple speed-based low-pass filter", CHI 2012. The whole clip is known,
        so it is run forwards and backwards and the two are averaged: what one delays, the other advances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import Points
from ..geometry.head_frame import FaceFrame, MouthShape

EASED_S = 0.25
"""Deviation of the Gaussian that eases what was found around a frame."""
MIN_CUTOFF_HZ, SPEED_FACTOR, SPEED_CUTOFF_HZ = 2.5, 6.0, 1.0
"""At rest a point is smoothed with the first; each unit per second of speed adds the second to it."""


def smooth_track(track: Sequence[Points | None], fps: float) -> list[Points | None]:
    """Smooth a face's landmarks, (478, 3) px each; every run between frames without the face by itself."""
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
    def share(cutoff_hz: Points) -> Points:
        return 1 / (1 + fps / (2 * math.pi * cutoff_hz))

    place, speed = run[0], np.zeros_like(run[0])
    out = [place]
    for points in run[1:]:
        unit_px = FaceFrame(points).unit_px
        now = (points - place) * fps / unit_px
        speed = speed + share(np.full_like(now, SPEED_CUTOFF_HZ)) * (now - speed)
        place = place + share(MIN_CUTOFF_HZ + SPEED_FACTOR * np.abs(speed)) * (points - place)
        out.append(place)
    return out


def resting_shapes(shapes: Sequence[MouthShape | None], fps: float) -> list[MouthShape | None]:
    """Give the mouth without its speech around each frame: mean lift and width of 1.2 s, and the least of the gaps.

    The gap is the 20th percentile: a mouth that talks shuts often, a grin does not. A percentile steps where a frame
    comes in or drops out, so all three are eased.
    """
    half = max(1, round(0.6 * fps))
    resting: list[tuple[float, ...] | None] = []
    for number, shape in enumerate(shapes):
        near = [other for other in shapes[max(0, number - half) : number + half + 1] if other is not None]
        if shape is None or not near:
            resting.append(None)
            continue
        table = np.array([(other.lift, other.width, other.gap) for other in near])
        lift, width = table[:, :2].mean(0)
        resting.append((float(lift), float(width), float(np.percentile(table[:, 2], 20))))
    return [None if row is None else MouthShape(*row) for row in eased(resting, fps)]


def eased(rows: Sequence[tuple[float, ...] | None], fps: float) -> list[tuple[float, ...] | None]:
    """Smooth numbers in time by a Gaussian; frames without any stay so, and count for nothing."""
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
