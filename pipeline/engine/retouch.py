"""One face in one picture: move, bend, fill, shade. The pure core of the engine."""

from __future__ import annotations

import numpy as np

from .arrays import Image
from .eyes import keep_eyeballs
from .frame import FaceFrame
from .layer import Box
from .lip_line import without_interior
from .mouth import fill_mouth
from .moves import landmark_moves
from .points import NOSE_BASE
from .pose import Pose
from .ramp import smoothstep
from .shade import shade_folds
from .warp import warp

SETS_IN_UNITS = 0.10
"""From the base of the nose so far down, in units, the edit region `lips` comes to its strength."""


def retouch(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Give a picture in which the face has the pose; the given one is not changed.

    Args:
        picture: (height, width, 3) uint8 RGB.
        frame: the face, in pixels of this picture.
        pose: what it is to do; at weight 0 the picture comes back as it is.
    """
    if pose.weight <= 0:
        return picture
    warped = warp(without_interior(picture, frame, pose), frame, landmark_moves(frame, pose), pose)
    if warped is None:
        return picture
    keep_eyeballs(picture, warped, frame.unit_px, pose)
    fill_mouth(picture, warped, frame, pose)
    shade_folds(warped, frame, pose)
    left, top, right, bottom = warped.box
    changed = picture.copy()
    changed[top:bottom, left:right] = warped.picture
    if pose.mode == "lips":
        keep_above_nose(picture, changed, frame, warped.box)
    return changed


def keep_above_nose(picture: Image, changed: Image, frame: FaceFrame, box: Box) -> None:
    """Give what lies above the base of the nose back to the byte, in place; below it the change sets in softly."""
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float64), np.arange(top, bottom, dtype=np.float64))
    base = frame.to_local(frame.points_px[[NOSE_BASE], :2])[0, 1]
    below = frame.to_local(np.stack([x, y], -1).reshape(-1, 2))[:, 1].reshape(x.shape) - base
    share = smoothstep(below / SETS_IN_UNITS)[..., None]
    before, after = picture[top:bottom, left:right], changed[top:bottom, left:right]
    mixed = np.round(before * (1 - share) + after * share).astype(np.uint8)
    changed[top:bottom, left:right] = np.where(share >= 1, after, mixed)
