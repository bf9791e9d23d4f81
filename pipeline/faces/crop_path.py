"""Plan the crop that follows a face as a camera would: at rest while it moves little, else no faster than needed.

Pure functions of the positions of a face. Each shot has one size of the crop, so that it does not zoom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import InputMediaError
from ..engine.arrays import Curve

PADDING = 2.2
"""The side of the crop in face heights."""
LEAST_PADDING = 1.1
"""With less around it, a face would be cut off."""
SMALL_SHARE = 0.2
"""A face lower than this share of the picture is sent as a crop."""
LEAST_EYES_PX = 12.0
"""A face with less between the eyes has too few pixels, however far it is enlarged."""
LEAST_LINES = 720
"""A crop is enlarged to this many lines at least."""
_SLACK = 0.25
"""How far the face may be from the middle of the crop before the crop moves, in face heights."""
_SMOOTH_S = 0.3
"""Standard deviation of the Gaussian that rounds the corners of the path."""
_HEIGHT_PERCENTILE = 95
_STEP = 64
"""Positions are whole multiples of 1 / 64 px, so that they are exact in JSON."""


@dataclass(frozen=True)
class FacePath:
    """The middle and the height of a face in each frame of a shot, px; None where it is not seen."""

    middles: tuple[tuple[float, float] | None, ...]
    heights: tuple[float, ...]
    """Of the frames that show it."""


def crop_side(path: FacePath, picture_px: tuple[int, int], where: str) -> float:
    """Return the side of the crop of one shot in px of the picture.

    Raises:
        InputMediaError: the crop would not fit into the picture.
    """
    height = float(np.percentile(path.heights, _HEIGHT_PERCENTILE))
    short = min(picture_px)
    if LEAST_PADDING * height > short:
        raise InputMediaError(
            f"{where}: the face is {height:.0f} px high, and a crop around it needs {LEAST_PADDING * height:.0f} px, "
            f"more than the {picture_px[0]}x{picture_px[1]} of the picture; set crop: off"
        )
    return min(PADDING * height, float(short))


def follow(path: FacePath, side: float, picture_px: tuple[int, int], fps: float) -> list[tuple[float, float]]:
    """Return left and top of the crop in each frame of a shot, inside the picture, px."""
    height = float(np.percentile(path.heights, _HEIGHT_PERCENTILE))
    most = max(1.0, (side - LEAST_PADDING * height) / 2)
    corners = []
    for axis, length in enumerate(picture_px):
        face = _filled([None if at is None else at[axis] for at in path.middles])
        centers = camera_path(face, min(_SLACK * height, most), most, fps)
        low = np.clip(centers - side / 2, 0.0, max(0.0, length - side))
        corners.append(np.round(low * _STEP) / _STEP)
    return [(float(left), float(top)) for left, top in zip(*corners, strict=True)]


def sent_side(sides: Sequence[float]) -> int:
    """Return the side of what is sent, px: even, 720 at least, and no smaller than any of the crops."""
    return max(LEAST_LINES, int(np.ceil(max(sides) / 2)) * 2)


def _filled(values: Sequence[float | None]) -> Curve:
    """Interpolate where the face is not seen."""
    seen = [number for number, value in enumerate(values) if value is not None]
    known = [value for value in values if value is not None]
    filled: Curve = np.interp(np.arange(len(values)), seen, known)
    return filled


def camera_path(face: Curve, slack: float, most: float, fps: float) -> Curve:
    """Return the calmest path that stays within `slack` of a face's, with rounded corners, and never more than `most`.

    It is the taut string in the tube around the face's path: straight between the corners, and constant where that is
    possible.
    """
    string = _taut_string(face - slack, face + slack)
    if len(string) < 2:
        return string
    width = max(0.5, _SMOOTH_S * fps)
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(string, reach, mode="reflect", reflect_type="odd")
    smoothed: Curve = np.convolve(padded, kernel / kernel.sum(), "valid")
    within: Curve = np.clip(smoothed, face - most, face + most)
    return within


def _taut_string(low: Curve, high: Curve) -> Curve:
    """Return the shortest path with free ends through the tube [low, high]."""
    path = np.empty(len(low))
    start, value = 0, _first_value(low, high)
    path[0] = value
    while start < len(low) - 1:
        stop, target = _next_corner(low, high, start, value)
        path[start : stop + 1] = np.linspace(value, target, stop - start + 1)
        start, value = stop, target
    return path


def _first_value(low: Curve, high: Curve) -> float:
    """Return the value at which a constant path stays in the tube for longest."""
    floor, ceiling = float(low[0]), float(high[0])
    for bottom, top in zip(low[1:], high[1:], strict=True):
        if max(floor, bottom) > min(ceiling, top):
            return ceiling if bottom > ceiling else floor
        floor, ceiling = max(floor, float(bottom)), min(ceiling, float(top))
    return (floor + ceiling) / 2


def _next_corner(low: Curve, high: Curve, start: int, value: float) -> tuple[int, float]:
    """Return where the straight path from a point must bend next, and its value there."""
    steps = np.arange(1, len(low) - start)
    least, most = -np.inf, np.inf
    least_at = most_at = start + 1
    for step in steps.tolist():
        bottom, top = (low[start + step] - value) / step, (high[start + step] - value) / step
        if bottom > most:
            return most_at, float(high[most_at])
        if top < least:
            return least_at, float(low[least_at])
        if bottom >= least:
            least, least_at = bottom, start + step
        if top <= most:
            most, most_at = top, start + step
    slope = float(np.clip(0.0, least, most))
    return len(low) - 1, value + slope * len(steps)
