"""What is seen between the lips: teeth and dark, where bending the picture can only stretch the lips.

The performer's own teeth are used where the picture shows any: they belong to the skull, so they stay while the lips
move. Where it shows none and the mouth opens, a plain band of teeth is drawn under the upper lip.
"""

from __future__ import annotations

import numpy as np

from .arrays import Field, Image
from .frame import FaceFrame, MouthShape
from .layer import box_around, lay_over, soft_mask
from .opening import Opening, opening_in, opening_of
from .points import CHEEK, INNER_LIPS, NOSE_BRIDGE, NOSE_ROOT, SKIN_COUNT
from .pose import Pose
from .warp import Warped

CAVITY_RGB, TONGUE_RGB, TOOTH_RGB = (58, 20, 20), (140, 66, 64), (222, 212, 198)
"""Under a light that shows a cheek at luma 170."""
OPENS_AT = (0.012, 0.042)
"""Between these gaps the interior fades in, in units."""
SHOWS_AT = (0.030, 0.080)
"""Between these gaps of the source its own interior is trusted to show teeth."""


def fill_mouth(original: Image, warped: Warped, frame: FaceFrame, pose: Pose) -> None:
    """Paint the interior of an open mouth into the bent picture, in place."""
    if pose.gap < OPENS_AT[0]:
        return
    blur_px = max(0.8, frame.unit_px * 0.010)
    contour = warped.places_px[INNER_LIPS]
    box = box_around(contour, blur_px * 3 + 2, warped.picture.shape)
    if box is None:
        return
    opening = opening_of(warped.places_px, box)
    own = float(np.clip((MouthShape.of(frame).gap - SHOWS_AT[0]) / (SHOWS_AT[1] - SHOWS_AT[0]), 0, 1))
    inside = _cavity(opening, pose.gap, _light(warped))
    teeth = _drawn_teeth(opening, pose.gap, frame.unit_px) * (1 - own)
    inside = _mix(inside, _tooth_colour(opening, frame.unit_px) * _light(warped), teeth)
    if own > 0:
        inside = _mix(inside, *_own_interior(original, warped, frame, opening, blur_px, own))
    inside *= (0.62 + 0.38 * np.clip(opening.below_top_px / (0.035 * frame.unit_px), 0, 1))[..., None]
    shown = float(np.clip((pose.gap - OPENS_AT[0]) / (OPENS_AT[1] - OPENS_AT[0]), 0, 1))
    lay_over(warped.picture, box, inside, soft_mask(contour, box, blur_px) * np.float32(shown))


def _light(warped: Warped) -> float:
    """Tell how bright the face is lit, by its cheek."""
    column, row = np.round(warped.places_px[CHEEK]).astype(int)
    around = warped.picture[max(0, row - 2) : max(0, row) + 3, max(0, column - 2) : max(0, column) + 3]
    if not around.size:
        return 1.0
    luma = around.reshape(-1, 3).astype(np.float64).mean(0) @ np.array([0.299, 0.587, 0.114])
    return float(np.clip(luma / 170, 0.25, 1.25))


def _cavity(opening: Opening, gap: float, light: float) -> Field:
    dark = np.array(CAVITY_RGB, np.float32) * light * (0.45 + 0.55 * opening.share)[..., None]
    tongue = np.clip((opening.share - 0.62) / 0.25, 0, 1) * np.clip(1.1 - np.abs(opening.across) * 1.5, 0, 1)
    tongue = tongue * np.float32(0.75 * np.clip((gap - 0.10) / 0.12, 0, 1))
    return _mix(dark, np.array(TONGUE_RGB, np.float32) * light, tongue)


def _drawn_teeth(opening: Opening, gap: float, unit_px: float) -> Field:
    """Give the cover of a band of upper teeth: shorter to the sides, gone beyond the canines."""
    side = np.clip(np.abs(opening.across), 0, 1)
    length_px = min(0.10, 0.42 * gap) * unit_px * np.sqrt(1 - side**2) * (1 - 0.15 * side)
    edge = np.clip((length_px - opening.below_top_px) / (0.022 * unit_px), 0, 1)
    fade = np.clip((0.86 - side) / 0.25, 0, 1)
    cover: Field = (edge * fade * np.clip((gap - 0.05) / 0.05, 0, 1)).astype(np.float32)
    return cover


def _tooth_colour(opening: Opening, unit_px: float) -> Field:
    side = np.abs(opening.across)
    place = opening.across * opening.half_px / unit_px / 0.115 + 0.5
    gaps = 1 - 0.10 * np.exp(-((np.abs(place % 1 - 0.5) / 0.07) ** 2))
    shade = (0.55 + 0.45 * np.clip(opening.below_top_px / (0.05 * unit_px), 0, 1)) * (1 - 0.60 * side**2) * gaps
    colour: Field = (np.array(TOOTH_RGB, np.float32) * 0.80 * np.clip(shade, 0, 1)[..., None]).astype(np.float32)
    return colour


def _own_interior(
    original: Image, warped: Warped, frame: FaceFrame, opening: Opening, blur_px: float, own: float
) -> tuple[Field, Field]:
    """Give the source's own interior where it belongs now, and its cover.

    Its middle is held to the skull, as teeth are; towards the corners it follows the upper lip, since a smile bares
    more of it there, and held still it would leave dark wedges.
    """
    import cv2

    corner = np.array(warped.box[:2], np.float64)
    source = opening_in(frame.points_px[:SKIN_COUNT, :2], opening.grid(corner))
    from_px = opening.same_place(source, corner, warped.moves_px[[NOSE_ROOT, NOSE_BRIDGE, 6]].mean(0))
    contour = frame.points_px[INNER_LIPS, :2]
    reach = box_around(contour, blur_px * 4 + 4, original.shape)
    if reach is None:
        return np.zeros((*opening.share.shape, 3), np.float32), np.zeros_like(opening.share)
    part = original[reach[1] : reach[3], reach[0] : reach[2]]
    mask = soft_mask(contour, reach, blur_px * 1.2) * np.float32(own)
    from_x, from_y = (np.ascontiguousarray(from_px[..., axis] - reach[axis]).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(np.ascontiguousarray(part), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover: Field = cv2.remap(mask, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return seen.astype(np.float32), cover


def _mix(under: Field, over: Field, cover: Field) -> Field:
    share = cover[..., None]
    mixed: Field = (under * (1 - share) + over * share).astype(np.float32)
    return mixed
