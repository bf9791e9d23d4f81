"""The interior of a mouth: the source's own where the picture shows one, else a drawn cavity with a tongue.

Lengths are in units; drawn colours are shares of what a white surface beside the cheek would show.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Field, Image, Points
from ..frames.masks import box_around, soft_mask
from ..frames.shot_light import LUMA
from ..geometry.head_frame import FaceFrame, MouthShape
from ..geometry.landmark_indices import INNER_LIPS, LOWER_LIP, SKIN_COUNT, UPPER_LIP
from ..ramp import fraction_between
from .mouth_opening import Opening, opening_on_grid

DEEP, FLESH = np.array((0.12, 0.045, 0.045)), np.array((0.30, 0.12, 0.12))
TONGUE, GUM = np.array((0.62, 0.32, 0.31)), np.array((0.66, 0.38, 0.37))
TONGUE_FROM, TONGUE_FULL = 0.07, 0.16
"""Between these openings the tongue fades in."""
LIP_SHADOW = 0.050
"""How far the upper lip's shadow reaches down."""
SHADED_SHARE = 0.55
"""It covers at most this share of a low opening: light comes in from below."""
DIM = (0.02, 0.14)
SLIT_LIGHT = 0.72
"""The light rises between these openings, from this share in a slit to 1."""
WET_BORDER = 0.14
"""This share of the source's opening, above the lower lip, is left out as the lip's wet border."""
TOOTHLIKE = (0.55, 0.85)
"""Between these shares of a tooth's expected brightness, the brightest part of a mouth starts to count as a tooth."""


def blend(under: Field, over: Field | Curve, cover: Field) -> Field:
    """Blend a colour, or a picture, over another with the opacity `cover`, (height, width)."""
    share = cover[..., None]
    mixed: Field = (under * (1 - share) + over * share).astype(np.float32)
    return mixed


def draw_cavity(opening: Opening, gap: float) -> Field:
    """Draw the dark and the tongue behind the teeth, (height, width, 3) as shares of white."""
    share, across = opening.share[..., None], np.abs(opening.across)
    wall = np.clip((share - 0.45) / 0.55, 0, 1) ** 2 * 0.55
    drawn = DEEP * (1 - wall) + FLESH * wall
    height = float(np.clip((gap - TONGUE_FROM) / (TONGUE_FULL - TONGUE_FROM), 0, 1))
    top = 0.58 + 0.30 * across**2
    body = np.clip((opening.share - top) / 0.16, 0, 1) * np.clip((0.74 - across) / 0.20, 0, 1)
    furrow = 1 - 0.12 * np.exp(-((opening.across / 0.05) ** 2))
    light = 0.52 + 0.48 * np.clip((opening.share - top) / 0.45, 0, 1)
    tongue = TONGUE * (furrow * light)[..., None]
    return blend(drawn.astype(np.float32), tongue.astype(np.float32), (0.92 * height * body).astype(np.float32))


def light_falloff(opening: Opening, gap: float, unit_px: float) -> Field:
    """Return the light at each place, 0 to 1: less under the upper lip, in the corners, and in a slit."""
    reach_px = np.minimum(LIP_SHADOW * unit_px, SHADED_SHARE * opening.height_px)
    under_lip = np.clip(opening.below_top_px / np.maximum(reach_px, 1e-3), 0, 1)
    above_lip = np.clip((1 - opening.share) * opening.height_px / (0.022 * unit_px), 0, 1)
    corner = np.clip(1.06 - np.abs(opening.across), 0, 1)
    fallen = (
        (0.55 + 0.45 * under_lip**0.8) * (0.72 + 0.28 * above_lip) * (0.30 + 0.70 * np.clip(corner / 0.62, 0, 1) ** 0.8)
    )
    return np.asarray(light_entering(gap) * fallen, np.float32)


def light_entering(gap: float) -> float:
    """Return the share of the light that an opening of this gap lets in."""
    return SLIT_LIGHT + (1 - SLIT_LIGHT) * float(np.clip((gap - DIM[0]) / (DIM[1] - DIM[0]), 0, 1))


def visible_tooth_color(original: Image, frame: FaceFrame, expected: Curve, own: float) -> Curve:
    """Return the colour of a front tooth, (3,) RGB: the performer's own if visible, else the expected one.

    Args:
        original: (height, width, 3) RGB.
        frame: the face in it.
        expected: the colour of a usual tooth in this light.
        own: confidence that the picture shows teeth, 0 to 1.
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
    like = own * fraction_between(float(brightest @ LUMA) / max(1.0, float(expected @ LUMA)), TOOTHLIKE)
    return np.asarray(expected * (1 - like) + brightest * like)


def source_interior(
    original: Image, opening: Opening, skull: Points, frame: FaceFrame, own: float, gap: float
) -> tuple[Field, Field]:
    """Return the source's own interior in its new place, (height, width, 3), and its opacity, (height, width).

    Its middle is fixed to the skull, as teeth are; towards the corners it follows the upper lip, because a smile bares
    more of it there and would otherwise leave dark wedges. A smaller opening lets less light in.
    """
    import cv2

    blur_px = max(0.8, frame.unit_px * 0.010)
    source = opening_on_grid(frame.points_px[:SKIN_COUNT, :2], skull)
    from_px = opening.same_place(source, skull)
    contour = _interior_contour(frame)
    reach = box_around(contour, blur_px * 4 + 4, original.shape)
    if reach is None:
        return np.zeros((*opening.share.shape, 3), np.float32), np.zeros_like(opening.share)
    part = original[reach[1] : reach[3], reach[0] : reach[2]]
    mask = soft_mask(contour, reach, blur_px * 1.2) * np.float32(own)
    from_x, from_y = (np.ascontiguousarray(from_px[..., axis] - reach[axis]).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(np.ascontiguousarray(part), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover: Field = cv2.remap(mask, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    dimmer = np.sqrt(light_entering(gap) / max(light_entering(gap), light_entering(MouthShape.of(frame).gap)))
    return seen.astype(np.float32) * (dimmer * _lip_shadow(opening, frame.unit_px))[..., None], cover


def _lip_shadow(opening: Opening, unit_px: float) -> Field:
    """Return the shadow of the upper lip in its new place; the interior itself contains the shadow of the old place."""
    return np.asarray(0.72 + 0.28 * np.clip(opening.below_top_px / (0.030 * unit_px), 0, 1), np.float32)


def _interior_contour(frame: FaceFrame) -> Points:
    """Return the contour of the opening without a strip above the lower lip, which would become a bright thread."""
    contour = frame.points_px[INNER_LIPS, :2].copy()
    upper, lower = (frame.points_px[lip[3, 1:-1], :2] for lip in (UPPER_LIP, LOWER_LIP))
    contour[UPPER_LIP.shape[1] :] += WET_BORDER * (upper - lower)[::-1]
    return contour
