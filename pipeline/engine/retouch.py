"""One face in one picture: move, bend, fill, shade. The pure core of the engine."""

from __future__ import annotations

from .arrays import Image
from .eyes import keep_eyeballs
from .frame import FaceFrame
from .lip_line import without_interior
from .mouth import fill_mouth
from .moves import landmark_moves
from .pose import Pose
from .shade import shade_folds
from .warp import warp


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
    return changed
