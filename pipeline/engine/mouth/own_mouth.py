"""The performer's own mouth: its interior where the picture shows one, and the colour of its teeth."""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Field, Image, Points
from ..pose.head_frame import FaceFrame, MouthShape
from ..pose.landmark_indices import INNER_LIPS, LOWER_LIP, SKIN_COUNT, UPPER_LIP
from ..ramp import share
from ..render.layer import box_around, soft_mask
from ..render.light import LUMA
from .mouth_interior import entering
from .mouth_opening import Opening, opening_in

LIP_LEFT_OUT = 0.14
"""So much of the source's opening, above the lower lip, is taken for the lip's own wet border."""
TOOTHLIKE = (0.55, 0.85)
"""Between these shares of the brightness expected of a tooth, what is brightest in a mouth is taken for one."""


def own_enamel(original: Image, frame: FaceFrame, expected: Curve, own: float) -> Curve:
    """Give the colour of a front tooth, (3,) RGB: the performer's own where it is seen, else what is expected.

    Args:
        original: (height, width, 3) RGB.
        frame: the face in it.
        expected: what the light would make of a tooth.
        own: how far the picture is trusted to show teeth, 0 to 1.
    """
    contour = frame.points_px[INNER_LIPS, :2]
    box = box_around(contour, 0, original.shape)
    if own <= 0 or box is None:
        return expected
    seen = original[box[1] : box[3], box[0] : box[2]][soft_mask(contour, box, 0) > 0.9].astype(np.float64)
    if len(seen) < 12:
        return expected
    luma = seen @ LUMA
    brightest: Curve = seen[luma >= np.percentile(luma, 75)].mean(0)
    like = own * share(float(brightest @ LUMA) / max(1.0, float(expected @ LUMA)), TOOTHLIKE)
    return np.asarray(expected * (1 - like) + brightest * like)


def own_interior(
    original: Image, opening: Opening, skull: Points, frame: FaceFrame, own: float, gap: float
) -> tuple[Field, Field]:
    """Give the source's own interior where it belongs now, (height, width, 3), and its cover, (height, width).

    Its middle is held to the skull, as teeth are; towards the corners it follows the upper lip, since a smile bares
    more of it there, and held still it would leave dark wedges. An opening that gets smaller lets less light in.
    """
    import cv2

    blur_px = max(0.8, frame.unit_px * 0.010)
    source = opening_in(frame.points_px[:SKIN_COUNT, :2], skull)
    from_px = opening.same_place(source, skull)
    contour = _without_the_lip(frame)
    reach = box_around(contour, blur_px * 4 + 4, original.shape)
    if reach is None:
        return np.zeros((*opening.share.shape, 3), np.float32), np.zeros_like(opening.share)
    part = original[reach[1] : reach[3], reach[0] : reach[2]]
    mask = soft_mask(contour, reach, blur_px * 1.2) * np.float32(own)
    from_x, from_y = (np.ascontiguousarray(from_px[..., axis] - reach[axis]).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(np.ascontiguousarray(part), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover: Field = cv2.remap(mask, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    dimmer = np.sqrt(entering(gap) / max(entering(gap), entering(MouthShape.of(frame).gap)))
    return seen.astype(np.float32) * (dimmer * _newly_shaded(opening, frame.unit_px))[..., None], cover


def _newly_shaded(opening: Opening, unit_px: float) -> Field:
    """Give the shadow that the upper lip throws where it is now; the own interior carries that of where it was."""
    return np.asarray(0.72 + 0.28 * np.clip(opening.below_top_px / (0.030 * unit_px), 0, 1), np.float32)


def _without_the_lip(frame: FaceFrame) -> Points:
    """Give the contour of the opening, without a strip above the lower lip: it would be carried along as a thread."""
    contour = frame.points_px[INNER_LIPS, :2].copy()
    upper, lower = (frame.points_px[lip[3, 1:-1], :2] for lip in (UPPER_LIP, LOWER_LIP))
    contour[UPPER_LIP.shape[1] :] += LIP_LEFT_OUT * (upper - lower)[::-1]
    return contour
