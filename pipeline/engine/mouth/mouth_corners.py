"""The corners of a smile: a dark line runs on from them into the cheek, and stays there when the mouth gets narrower.

The landmarks end before it does. Where a pose takes a smile away, what is darker than the skin around it is therefore
raised to that skin before the picture is bent, in a small place beside each corner.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Image, blend_layer, box_around, soft_mask
from ..geometry.head_frame import FaceFrame, MouthShape
from ..geometry.mesh import UPPER_LIP
from ..pose.pose import Pose

STARTS, RUNS_ON, HALF_HEIGHT = 0.14, 0.17, 0.050
"""The place at a corner: how far it reaches into an open mouth and into the cheek, and its half height, in units."""
OPEN_GAP = 0.06
"""From this gap on, in units, a mouth is open. Between closed lips the dark line is their own: without it they would
end short of their corners, on one side most of all in a turned head."""
LINE_UNITS = 0.075
"""Lines up to this width are raised, in units."""
SOFT_UNITS = 0.020


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
