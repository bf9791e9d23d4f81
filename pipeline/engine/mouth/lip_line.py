"""Lips that shut over what was open in the picture: its interior is painted over before the picture is bent.

Bending squeezes an open mouth's teeth into a hair's breadth, which is still a bright thread on a shut mouth.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Image, Points
from ..pose.head_frame import FaceFrame, MouthShape
from ..pose.landmark_indices import INNER_LIPS, LOWER_LIP, UPPER_LIP
from ..pose.pose import Pose
from ..ramp import share
from ..render.layer import box_around, lay_over, soft_mask

LEAKS, SHUTS = (0.010, 0.030), (0.015, 0.040)
"""A source open by this much leaves a thread on lips that shut to below this, in units."""
SHRINKS = (0.2, 0.6)
"""Between these losses of a gap, as a share of it, it comes to be painted over: one that stays keeps what is in it."""
GROWN = 0.016
"""The lips' wet borders are painted over too, by so many units."""
DARKER = 0.85


def without_interior(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Give the picture with lip where an open mouth's interior was, if the pose shuts it; else the picture itself."""
    gap = MouthShape.of(frame).gap
    shrinks = share(1 - pose.gap / max(gap, 1e-6), SHRINKS)
    strength = share(gap, LEAKS) * (1 - share(pose.gap, SHUTS)) * shrinks
    upper, lower = frame.points_px[UPPER_LIP, :2], frame.points_px[LOWER_LIP, :2]
    contour = _grown(frame.points_px[INNER_LIPS, :2], GROWN * frame.unit_px)
    box = box_around(contour, 0.03 * frame.unit_px + 3, picture.shape)
    if strength <= 0 or box is None:
        return picture
    # Column by column the colour is that of the lips above and below.
    colours = DARKER * (_at(picture, upper[1]) + _at(picture, lower[1])) / 2
    across = np.arange(box[0], box[2])
    middle = (upper[3] + lower[3])[:, 0] / 2
    order = np.argsort(middle, kind="stable")
    row = np.stack([np.interp(across, middle[order], colours[order, band]) for band in range(3)], -1)
    layer = np.broadcast_to(row, (box[3] - box[1], *row.shape)).astype(np.float32)
    painted = picture.copy()
    lay_over(painted, box, layer, soft_mask(contour, box, 0.008 * frame.unit_px) * np.float32(strength))
    return painted


def _grown(contour: Points, by_px: float) -> Points:
    away = contour - contour.mean(0)
    return np.asarray(contour + away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6) * by_px)


def _at(picture: Image, places_px: Points) -> Points:
    columns = np.clip(np.round(places_px[:, 0]).astype(int), 0, picture.shape[1] - 1)
    rows = np.clip(np.round(places_px[:, 1]).astype(int), 0, picture.shape[0] - 1)
    return np.asarray(picture[rows, columns], np.float64)
