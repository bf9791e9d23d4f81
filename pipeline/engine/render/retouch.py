"""One face in one picture: move, bend, fill, shade. The pure core of the engine.

Lids that close slide over an eyeball that stays: the eye as it was, seen through the new opening.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Image
from ..mouth.lip_line import without_interior
from ..mouth.mouth import fill_mouth
from ..pose.head_frame import FaceFrame
from ..pose.landmark_indices import EYES, NOSE_BASE
from ..pose.pose import Pose
from ..ramp import smoothstep
from ..warp.moves import landmark_moves
from ..warp.units import OPEN_EYE, lids_of
from ..warp.warp import Warped, warp
from .layer import Box, box_around, lay_over, soft_mask
from .shade import shade_folds

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


def keep_eyeballs(original: Image, warped: Warped, unit_px: float, pose: Pose) -> None:
    """Lay the unbent eyes into the bent picture, in place; only where lids close and the head stays."""
    if pose.mode != "face" or not _lids_close(pose):
        return
    left, top, right, bottom = warped.box
    still = original[top:bottom, left:right]
    blur_px = unit_px * 0.012
    for eye in EYES.values():
        contour = warped.places_px[eye.contour]
        box = box_around(contour, blur_px * 3 + 2, still.shape)
        if box is not None:
            layer = still[box[1] : box[3], box[0] : box[2]]
            lay_over(warped.picture, box, layer, soft_mask(contour, box, blur_px))


def _lids_close(pose: Pose) -> bool:
    lids = lids_of(pose)
    return lids.upper_down * OPEN_EYE > lids.widen
