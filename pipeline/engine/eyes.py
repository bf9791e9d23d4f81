"""Lids that close slide over an eyeball that stays: the eye as it was, seen through the new opening."""

from __future__ import annotations

from .arrays import Image
from .layer import box_around, lay_over, soft_mask
from .points import EYES
from .pose import Pose
from .units import OPEN_EYE, lids_of
from .warp import Warped


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
