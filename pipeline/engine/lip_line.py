"""The line where lips meet that were apart in the picture: what was between them must not shine through.

Bending squeezes an open mouth's teeth into a hair's breadth, which is still a bright thread on a shut mouth.
"""

from __future__ import annotations

import numpy as np

from .arrays import Image
from .layer import box_around, lay_over
from .points import LOWER_LIP, UPPER_LIP
from .warp import Warped

WIDTH = 0.018
"""In units."""
DARKER = 0.97
"""The line is a little darker than the lips are."""


def seal(warped: Warped, unit_px: float, strength: float) -> None:
    """Paint the line of shut lips in the lips' own colour, in place; `strength` is 0 to 1."""
    import cv2

    upper, lower = warped.places_px[UPPER_LIP], warped.places_px[LOWER_LIP]
    line = (upper[3] + lower[3]) / 2
    box = box_around(line, 2 * WIDTH * unit_px + 3, warped.picture.shape)
    if box is None or strength <= 0:
        return
    drawn = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    fixed = np.round((line - np.array(box[:2])) * 16).astype(np.int32)
    cv2.polylines(drawn, [fixed], False, 255, max(1, round(WIDTH * unit_px)), cv2.LINE_AA, 4)
    mask = cv2.GaussianBlur(drawn, (0, 0), max(0.7, 0.008 * unit_px)).astype(np.float32) / 255
    # The colour along the line is that of the lip beside it, column by column.
    colours = (_at(warped.picture, upper[2]) + _at(warped.picture, lower[2])) / 2 * DARKER
    across = np.arange(box[0], box[2])
    order = np.argsort(line[:, 0], kind="stable")
    layer = np.stack([np.interp(across, line[order, 0], colours[order, band]) for band in range(3)], -1)
    lay_over(
        warped.picture, box, np.broadcast_to(layer, (*mask.shape, 3)).astype(np.float32), mask * np.float32(strength)
    )


def _at(picture: Image, places_px: np.ndarray) -> np.ndarray:
    columns = np.clip(np.round(places_px[:, 0]).astype(int), 0, picture.shape[1] - 1)
    rows = np.clip(np.round(places_px[:, 1]).astype(int), 0, picture.shape[0] - 1)
    return picture[rows, columns].astype(np.float64)
