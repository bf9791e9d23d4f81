"""The colour of the performer's own teeth, looked for once in a clip, for the frames that do not show them.

A few frames with an open mouth are read, in their order, and the one that shows most teeth tells their colour.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Image
from ..pose.head_frame import FaceFrame, MouthShape
from ..pose.landmark_indices import INNER_LIPS, OVAL
from ..pose.pose import Colour
from ..render.clip_frames import Frames
from ..render.frame_colour import even_box, to_rgb
from ..render.layer import box_around, soft_mask
from ..render.light import LUMA, light_on
from ..take_plan import Direction

LOOKED_AT = 4
"""How many frames are read at most."""
OPEN, FRONTAL_DEG = (0.09, 0.34), 24.0
"""Gaps, in units, and turns of the head at which teeth are looked for."""
NEEDS, HAS = 0.02, 0.08
"""A pose that opens the mouth by more than this needs teeth; a frame whose own gap is larger than this has them."""
TOOTHLIKE, PALE = 0.62, 0.27
"""Of white, a tooth is this bright, at least; and this little coloured, at most."""
SHOWS = 0.10
"""The share of an opening that must be teeth."""
SHADED = 0.88
"""What the lips' shadow leaves of the light on the best lit teeth."""
LIKELY = (0.6, 1.3)


def with_own_enamel(frames: Frames, direction: Direction) -> Direction:
    """Give the direction with the clip's own tooth colour in its poses; the same where none need or none show any."""
    if not any(_needs(direction, number) for number in range(len(direction.poses))):
        return direction
    found = [_look(frames, direction, number) for number in _candidates(direction)]
    teeth, colour = max(found, default=(0.0, (0.0, 0.0, 0.0)))
    if teeth < SHOWS:
        return direction
    poses = tuple(None if pose is None else replace(pose, enamel=colour) for pose in direction.poses)
    return replace(direction, poses=poses)


def tooth_colour(picture: Image, face: FaceFrame) -> tuple[float, Colour]:
    """Tell which share of a mouth shows teeth, and their colour as shares of white; (0, 0 0 0) where none are seen.

    `picture` is (height, width, 3) RGB; the face may be cut off, its mouth may not.
    """
    contour = face.points_px[INNER_LIPS, :2]
    box = box_around(contour, 0, picture.shape)
    if box is None:
        return 0.0, (0.0, 0.0, 0.0)
    inside = picture[box[1] : box[3], box[0] : box[2]][soft_mask(contour, box, 0) > 0.9]
    # Against white, so that the light's own colour is no colour of the tooth.
    shares = inside / np.maximum(light_on(picture, face).white, 1)
    luma, colour = shares @ LUMA, np.ptp(shares, axis=1) / np.maximum(shares.max(1, initial=0.0), 1e-6)
    tooth = (luma > TOOTHLIKE) & (colour < PALE)
    if tooth.sum() < 12:
        return 0.0, (0.0, 0.0, 0.0)
    best = shares[tooth & (luma >= np.percentile(luma[tooth], 70))].mean(0) / SHADED
    red, green, blue = (float(share) for share in np.clip(best, *LIKELY))
    return float(tooth.mean()), (red, green, blue)


def _needs(direction: Direction, number: int) -> bool:
    pose, points = direction.poses[number], direction.line[direction.plan.frames[number]]
    if pose is None or points is None or pose.gap <= NEEDS:
        return False
    return MouthShape.of(FaceFrame(points)).gap < HAS


def _candidates(direction: Direction) -> list[int]:
    """Give frames whose mouth stands open, spread over the clip, in their order."""
    shown = set(direction.plan.frames)
    usable = []
    for number, points in enumerate(direction.line):
        if points is None or number not in shown or direction.hidden[number] is not None:
            continue
        face = FaceFrame(points)
        if OPEN[0] <= MouthShape.of(face).gap <= OPEN[1] and abs(face.yaw_deg) <= FRONTAL_DEG:
            usable.append(number)
    step = max(1, -(-len(usable) // LOOKED_AT))
    return usable[step // 2 :: step]


def _look(frames: Frames, direction: Direction, number: int) -> tuple[float, Colour]:
    points, look = direction.line[number], frames.look
    assert points is not None
    face = FaceFrame(points)
    box = box_around(face.points_px[OVAL, :2], 0.1 * face.unit_px, (look.height, look.width))
    if box is None:
        return 0.0, (0.0, 0.0, 0.0)
    box = even_box(box, look)
    return tooth_colour(to_rgb(frames.picture(number), box, look), face.shifted(box[0], box[1]))
