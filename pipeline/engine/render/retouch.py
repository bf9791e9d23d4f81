"""Re-express one face in one picture: move landmarks, bend, fill the mouth, shade. The pure core of the engine."""

from __future__ import annotations

import numpy as np

from ..arrays import Image
from ..frames.masks import Box, blend_layer, box_around, soft_mask
from ..geometry.head_frame import FaceFrame
from ..geometry.landmark_indices import EYES, NOSE_BASE
from ..mouth.mouth import fill_mouth, hide_interior
from ..pose.pose import Pose
from ..ramp import smoothstep
from ..warp.landmark_moves import OPEN_EYE, combined_lids, landmark_moves
from ..warp.warp import Warped, warp
from .shade import shade_folds

SETS_IN_UNITS = 0.10
"""The edit region `lips` fades in over this distance below the base of the nose, in units."""


def retouch(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Return a picture in which the face has the pose; the input is not changed.

    Args:
        picture: (height, width, 3) uint8 RGB.
        frame: the face, in pixels of this picture.
        pose: the pose; at weight 0 the input itself is returned.
    """
    if pose.weight <= 0:
        return picture
    warped = warp(hide_interior(picture, frame, pose), frame, landmark_moves(frame, pose), pose)
    if warped is None:
        return picture
    restore_eyeballs(picture, warped, frame.unit_px, pose)
    fill_mouth(picture, warped, frame, pose)
    shade_folds(warped, frame, pose)
    left, top, right, bottom = warped.box
    changed = picture.copy()
    changed[top:bottom, left:right] = warped.picture
    if pose.mode == "lips":
        restore_above_nose(picture, changed, frame, warped.box)
    return changed


def restore_above_nose(picture: Image, changed: Image, frame: FaceFrame, box: Box) -> None:
    """Restore everything above the base of the nose, in place, to the byte; below it the change fades in."""
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float64), np.arange(top, bottom, dtype=np.float64))
    base = frame.to_local(frame.points_px[[NOSE_BASE], :2])[0, 1]
    below = frame.to_local(np.stack([x, y], -1).reshape(-1, 2))[:, 1].reshape(x.shape) - base
    share = smoothstep(below / SETS_IN_UNITS)[..., None]
    before, after = picture[top:bottom, left:right], changed[top:bottom, left:right]
    mixed = np.round(before * (1 - share) + after * share).astype(np.uint8)
    changed[top:bottom, left:right] = np.where(share >= 1, after, mixed)


def restore_eyeballs(original: Image, warped: Warped, unit_px: float, pose: Pose) -> None:
    """Blend the unbent eyes into the bent picture, in place, if lids close and the head is still.

    Closing lids slide over an eyeball that stays: the original eye, seen through the new opening.
    """
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
            blend_layer(warped.picture, box, layer, soft_mask(contour, box, blur_px))


def _lids_close(pose: Pose) -> bool:
    lids = combined_lids(pose)
    return lids.upper_down * OPEN_EYE > lids.widen
