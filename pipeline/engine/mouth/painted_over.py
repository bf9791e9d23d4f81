"""What is painted over before a picture is bent: the inside of a mouth that shuts, the corners of a smile that goes.

Bending squeezes the teeth of an open mouth into a hair's breadth, which is still a bright thread on a shut mouth.

From the corners of a smile a dark line runs on into the cheek, and stays there when the mouth gets narrower. The
landmarks end before it does. Where a pose takes a smile away, what is darker than the skin around it is therefore
raised to that skin, in a small place beside each corner.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Image, Points, blend_layer, box_around, colors_at, shares_between, soft_mask
from ..geometry.head_frame import FaceFrame, MouthShape
from ..geometry.mesh import INNER_LIPS, LOWER_LIP, UPPER_LIP
from ..pose.pose import Pose
from ..warp.lips import move_lips

LEAKS, SHUTS = (0.010, 0.030), (0.015, 0.040)
"""A source with the first gap leaves a thread on lips that close to below the second, in units."""
SHRINKS = (0.2, 0.6)
"""Painting over starts between these relative losses of a gap: a gap that stays keeps its content."""
WET_BORDER = 0.016
"""Width of the lips' wet borders that are painted over too, in units."""
DARKER = 0.85
"""The share of the lips' light that is painted between them."""
STARTS, RUNS_ON, HALF_HEIGHT = 0.14, 0.17, 0.050
"""The place at a corner: how far it reaches into an open mouth and into the cheek, and its half height, in units."""
OPEN_GAP = 0.06
"""From this gap on, in units, a mouth is open. Between closed lips the dark line is their own: without it they would
end short of their corners, on one side most of all in a turned head."""
LINE_UNITS = 0.075
"""Lines up to this width are raised, in units."""
SOFT_UNITS = 0.020
"""Softness of the edge of the place at a corner, in units."""


def hide_interior(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Return the picture with lip in place of what is between lips that the pose shuts; the input itself if none does.

    The middle of a mouth may stay open while its ends shut: what is dark there would become a hole in the lips.
    """
    strength = _shutting(frame, pose)
    if not strength.any():
        return picture
    contour = _expanded(frame.points_px[INNER_LIPS, :2], WET_BORDER * frame.unit_px)
    box = box_around(contour, 0.03 * frame.unit_px + 3, picture.shape)
    if box is None:
        return picture
    upper, lower = frame.points_px[UPPER_LIP, :2], frame.points_px[LOWER_LIP, :2]
    # Column by column, the colour is the mean of the lips above and below.
    colors = DARKER * (colors_at(picture, upper[1]) + colors_at(picture, lower[1])) / 2
    colors[:2], colors[-2:] = colors[2], colors[-3]  # the ends themselves lie in the shadow of a smile
    middle = (upper[3] + lower[3])[:, 0] / 2
    order = np.argsort(middle, kind="stable")
    across = np.arange(box[0], box[2])
    row = np.stack([np.interp(across, middle[order], colors[order, band]) for band in range(3)], -1)
    share = np.interp(across, middle[order], strength[order]).astype(np.float32)
    layer = np.broadcast_to(row, (box[3] - box[1], *row.shape)).astype(np.float32)
    painted = picture.copy()
    blend_layer(painted, box, layer, soft_mask(contour, box, 0.008 * frame.unit_px) * share)
    return painted


def _shutting(frame: FaceFrame, pose: Pose) -> Curve:
    """Return how far each column of the lips is shut by the pose, 0 to 1, (11,)."""
    columns = np.maximum(0.0, frame.local[LOWER_LIP[3], 1] - frame.local[UPPER_LIP[3], 1])
    if columns.max() <= LEAKS[0]:  # nothing shows between these lips
        return np.zeros(len(columns))
    lips = move_lips(frame, pose)
    left = np.maximum(0.0, columns + lips.lower[:, 1] - lips.upper[:, 1])
    shrinks = 1 - left / np.maximum(columns, 1e-6)
    shut: Curve = shares_between(shrinks, SHRINKS) * shares_between(columns, LEAKS) * (1 - shares_between(left, SHUTS))
    shut[0], shut[-1] = shut[1], shut[-2]
    return shut


def _expanded(contour: Points, by_px: float) -> Points:
    away = contour - contour.mean(0)
    return np.asarray(contour + away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6) * by_px)


def hide_corners(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Return the picture without the lines that run on from the corners of a smile that the pose takes away.

    Args:
        picture: (height, width, 3) RGB; not changed.
        frame: the face in it.
        pose: AU0 tells how much of a smile goes.
    """
    import cv2

    strength = min(1.0, pose.amplitude("AU0"))
    if strength <= 0.02 or pose.mode == "lips":
        return picture
    unit = frame.unit_px
    line = max(1, round(LINE_UNITS * unit / 2))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * line + 1, 2 * line + 1))
    down = frame.plane_px[1]
    starts = STARTS * min(1.0, MouthShape.of(frame).gap / OPEN_GAP)
    painted = picture.copy()
    for end, inner in ((0, 1), (-1, -2)):
        corner = frame.points_px[UPPER_LIP[0, end], :2]
        out = corner - frame.points_px[UPPER_LIP[3, inner], :2]
        out = out / max(1e-6, float(np.linalg.norm(out))) * unit
        tip, half = corner + RUNS_ON * out, HALF_HEIGHT * down
        back = corner - starts * out
        contour = np.array([back - half, corner - half, tip - half * 1.2, tip + half * 0.6, corner + half, back + half])
        box = box_around(contour, 3 * SOFT_UNITS * unit + line + 2, picture.shape)
        if box is None:
            continue
        part = np.ascontiguousarray(picture[box[1] : box[3], box[0] : box[2]])
        skin = cv2.GaussianBlur(cv2.morphologyEx(part, cv2.MORPH_CLOSE, ball), (0, 0), 0.5 + 0.25 * line)
        layer = np.maximum(part, skin).astype(np.float32)
        blend_layer(painted, box, layer, soft_mask(contour, box, SOFT_UNITS * unit) * np.float32(strength))
    return painted
