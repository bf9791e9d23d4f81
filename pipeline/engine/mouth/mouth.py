"""What is visible between the lips, where bending the picture can only stretch the lips.

An opening mouth is filled. The performer's own teeth are used if the picture shows any: they belong to the skull, so
they stay while the lips move. Otherwise teeth, gums and a tongue are drawn, with the light, the blur and the grain of
the shot.

A closing mouth is painted over before the picture is bent: bending squeezes the teeth of an open mouth into a hair's
breadth, which is still a bright thread on a shut mouth.

Lengths are in units; drawn colours are shares of what a white surface beside the cheek would show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import (
    Box,
    Curve,
    Field,
    Image,
    Points,
    blend_layer,
    box_around,
    fraction_between,
    quantile,
    soft_mask,
)
from ..frames.shot_light import LUMA, Light, match_shot, measure_light
from ..geometry.head_frame import FaceFrame, MouthShape
from ..geometry.mesh import CHIN, INNER_LIPS, LOWER_LIP, SKIN_COUNT, UPPER_LIP
from ..pose.pose import Pose
from ..warp.warp import Warped, rigid_moves_px
from .opening import Opening, opening_in_box, opening_on_grid
from .teeth import EDGE_BELOW_LIP, LOWER, OVERLAP, UPPER, TeethRow, draw_teeth, resting_lip

TOOTH = np.array([1.19, 1.05, 0.92])
"""The colour of enamel, as shares of white."""
ROUND_HIDES, LOWER_DIMMER = 0.06, 0.88
"""How far protruding lips hide the lower teeth, in units; the share of the light that lower teeth get."""
REDDENS = np.array([0.80, 1.05, 1.15], np.float32)
"""Exponents of the light's falloff: between lips and gums it loses more green and blue."""
OPENS_AT = (0.012, 0.042)
"""Between these gaps the interior fades in, in units."""
SLIT = (0.012, 0.055)
"""Between these heights, in units, an opening starts to show its interior: in a slit and in the corners lips touch."""
FULL_MOVE = 0.04
"""Lips that move by less than this, in units, keep part of the picture's own interior."""
SHOWS_AT = (0.030, 0.080)
"""Between these gaps of the source the confidence that its interior shows teeth rises to 1."""
WIDENS = (0.03, 0.10)
"""A mouth that opens by more than this, in units, shows more than its source did."""
SOURCE_JAW = 0.75
"""Share of a gap in the source that is due to its jaw."""
LEAKS, SHUTS = (0.010, 0.030), (0.015, 0.040)
"""A source with the first gap leaves a thread on lips that close to below the second, in units."""
SHRINKS = (0.2, 0.6)
"""Painting over starts between these relative losses of a gap: a gap that stays keeps its content."""
WET_BORDER = 0.016
"""Width of the lips' wet borders that are painted over too, in units."""
DARKER = 0.85


@dataclass(frozen=True, eq=False)
class _Place:
    """The place of a mouth that is filled."""

    box: Box
    opening: Opening
    skull: Points
    """(height, width, 2) px in the original picture: the place of the skull at each pixel of the box."""
    jaw: float
    """How far the jaw is open, in units."""


def fill_mouth(original: Image, warped: Warped, frame: FaceFrame, pose: Pose) -> None:
    """Paint the interior of an open mouth into the bent picture, in place."""
    gap = MouthShape.of(frame).gap
    own, shown = fraction_between(gap, SHOWS_AT), fraction_between(pose.gap, OPENS_AT)
    if shown <= 0:
        return
    contour = warped.places_px[INNER_LIPS]
    box = box_around(contour, frame.unit_px * 0.04 + 4, warped.picture.shape)
    if box is None:
        return
    place, light = _place(box, warped, frame, pose), measure_light(original, frame)
    usual = TOOTH if pose.tooth_color is None else np.array(pose.tooth_color)
    tooth = np.clip(usual * light.white, 0, 250)
    color, toothlike = visible_tooth_color(original, frame, tooth, own)
    inside = _draw_interior(place, frame, pose, light, color)
    # An interior without teeth is a dark slab or a strip of gum if it is stretched; a mouth that opens gets drawn ones.
    own *= 1 - (1 - toothlike) * fraction_between(pose.gap - gap, WIDENS)
    if own > 0:
        inside = blend(inside, *source_interior(original, place.opening, place.skull, frame, own, pose.gap))
    shown *= _changed(warped, frame)
    soft_px = max(0.6 * light.blur_px, 0.006 * frame.unit_px)
    slit = np.clip((place.opening.height_px / frame.unit_px - SLIT[0]) / (SLIT[1] - SLIT[0]), 0, 1)
    mask = soft_mask(contour, box, soft_px) * (slit * shown).astype(np.float32)
    blend_layer(warped.picture, box, inside, mask)


def _changed(warped: Warped, frame: FaceFrame) -> float:
    """Return the share of the interior that is replaced, 0 to 1: lips that hardly move keep the picture's own."""
    return min(1.0, float(np.abs(warped.moves_px[INNER_LIPS]).max()) / (FULL_MOVE * frame.unit_px))


def _place(box: Box, warped: Warped, frame: FaceFrame, pose: Pose) -> _Place:
    opening = opening_in_box(warped.places_px, box)
    target = opening.grid(np.array(warped.box[:2], np.float64))
    skull, carried = target, np.zeros(2)
    if pose.mode == "head":
        # The head motion is only known forwards; two fixed-point steps invert it to a hundredth of a pixel.
        depth = float(frame.local[UPPER_LIP[3, 5], 2])
        for _ in range(2):
            skull = target - _carried(frame, pose, skull.reshape(-1, 2), depth).reshape(target.shape)
        carried = _carried(frame, pose, frame.points_px[[CHIN], :2], float(frame.local[CHIN, 2]))[0]
    down = frame.plane_px[1]
    drop = float((warped.moves_px[CHIN] - carried) @ down / max(1e-6, float(down @ down)))
    return _Place(box, opening, skull, max(0.0, drop + SOURCE_JAW * MouthShape.of(frame).gap))


def _carried(frame: FaceFrame, pose: Pose, places_px: Points, depth: float) -> Points:
    return rigid_moves_px(frame, pose.head, places_px, np.full(len(places_px), depth))


def _draw_interior(place: _Place, frame: FaceFrame, pose: Pose, light: Light, tooth_color: Curve) -> Field:
    """Draw an interior that the picture does not show, (height, width, 3) in 0..255."""
    import cv2

    rest = pose.resting_lip if pose.resting_lip is not None else resting_lip(frame)
    edge = rest + EDGE_BELOW_LIP
    lower_edge = edge - OVERLAP + place.jaw + ROUND_HIDES * pose.spoken.round
    planes = draw_cavity(place.opening, pose.gap)
    planes *= _of_planes(light.white)
    gum = GUM * light.white
    _add_row(planes, draw_teeth(LOWER, frame, lower_edge, place.skull), LOWER_DIMMER * tooth_color, gum)
    _add_row(planes, draw_teeth(UPPER, frame, edge, place.skull), tooth_color, gum)
    planes *= reddened(light_falloff(place.opening, pose.gap, frame.unit_px))
    return match_shot(np.asarray(cv2.merge(list(planes)), np.float32), light)


def _add_row(planes: Field, row: TeethRow, tooth_color: Curve, gum: Curve) -> None:
    """Draw a row over planes of red, green and blue, (3, height, width), in place: its gum first, then its teeth."""
    bare = 1 - row.cover
    planes *= (1 - row.gum) * bare
    planes += reddened(row.shade) * (_of_planes(gum) * (row.gum * bare) + _of_planes(tooth_color) * row.cover)


def _of_planes(color: Curve) -> Field:
    """Return a colour, (3,), so that planes of red, green and blue, (3, height, width), can be multiplied by it."""
    return color.astype(np.float32)[:, None, None]


def hide_interior(picture: Image, frame: FaceFrame, pose: Pose) -> Image:
    """Return the picture with lip in place of an open mouth's interior if the pose shuts it; else the input itself."""
    gap = MouthShape.of(frame).gap
    shrinks = fraction_between(1 - pose.gap / max(gap, 1e-6), SHRINKS)
    strength = fraction_between(gap, LEAKS) * (1 - fraction_between(pose.gap, SHUTS)) * shrinks
    upper, lower = frame.points_px[UPPER_LIP, :2], frame.points_px[LOWER_LIP, :2]
    contour = _expanded(frame.points_px[INNER_LIPS, :2], WET_BORDER * frame.unit_px)
    box = box_around(contour, 0.03 * frame.unit_px + 3, picture.shape)
    if strength <= 0 or box is None:
        return picture
    # Column by column, the colour is the mean of the lips above and below.
    colors = DARKER * (_colors_at(picture, upper[1]) + _colors_at(picture, lower[1])) / 2
    across = np.arange(box[0], box[2])
    middle = (upper[3] + lower[3])[:, 0] / 2
    order = np.argsort(middle, kind="stable")
    row = np.stack([np.interp(across, middle[order], colors[order, band]) for band in range(3)], -1)
    layer = np.broadcast_to(row, (box[3] - box[1], *row.shape)).astype(np.float32)
    painted = picture.copy()
    blend_layer(painted, box, layer, soft_mask(contour, box, 0.008 * frame.unit_px) * np.float32(strength))
    return painted


def _expanded(contour: Points, by_px: float) -> Points:
    away = contour - contour.mean(0)
    return np.asarray(contour + away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6) * by_px)


def _colors_at(picture: Image, places_px: Points) -> Points:
    columns = np.clip(np.round(places_px[:, 0]).astype(int), 0, picture.shape[1] - 1)
    rows = np.clip(np.round(places_px[:, 1]).astype(int), 0, picture.shape[0] - 1)
    return np.asarray(picture[rows, columns], np.float64)


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
WET_LIP_SHARE = 0.14
"""This share of the source's opening, above the lower lip, is left out as the lip's wet border."""
TOOTH_CHROMA = (0.32, 0.48)
"""Between these saturations it starts to count as lip or gum."""
TOOTHLIKE = (0.55, 0.85)
"""Between these shares of a tooth's expected brightness, the brightest part of a mouth starts to count as a tooth."""


def blend(under: Field, over: Field, cover: Field) -> Field:
    """Blend a picture over another with the opacity `cover`, (height, width)."""
    import cv2

    mixed: Field = np.subtract(over, under, dtype=np.float32)
    mixed *= cv2.merge([cover, cover, cover])
    mixed += under
    return mixed


REDDENS_STEPS = 2048
"""Steps of light between 0 and 1."""
_REDDENED = (np.linspace(0, 1, REDDENS_STEPS + 1) ** REDDENS[:, None]).astype(np.float32)


def reddened(light: Field) -> Field:
    """Return the red, green and blue that are left of light which falls off to shares of 0 to 1, (3, height, width)."""
    left: Field = np.take(_REDDENED, np.rint(light * np.float32(REDDENS_STEPS)).astype(np.intp), axis=1, mode="clip")
    return left


def draw_cavity(opening: Opening, gap: float) -> Field:
    """Draw the dark and the tongue behind the teeth, (3, height, width) as shares of white."""
    across = np.abs(opening.across)
    wall = np.clip((opening.share - 0.45) / 0.55, 0, 1) ** 2 * np.float32(0.55)
    drawn: Field = _of_planes(DEEP) + _of_planes(FLESH - DEEP) * wall
    height = float(np.clip((gap - TONGUE_FROM) / (TONGUE_FULL - TONGUE_FROM), 0, 1))
    if height == 0:
        return drawn
    top = 0.58 + 0.30 * across**2
    body = np.clip((opening.share - top) / 0.16, 0, 1) * np.clip((0.74 - across) / 0.20, 0, 1)
    furrow = 1 - 0.12 * np.exp(-((opening.across / 0.05) ** 2))
    light = 0.52 + 0.48 * np.clip((opening.share - top) / 0.45, 0, 1)
    cover = (0.92 * height * body).astype(np.float32)
    return np.asarray(drawn * (1 - cover) + _of_planes(TONGUE) * (furrow * light * cover).astype(np.float32))


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


def visible_tooth_color(original: Image, frame: FaceFrame, expected: Curve, own: float) -> tuple[Curve, float]:
    """Return the colour of a front tooth, (3,) RGB, and how surely the picture shows teeth, 0 to 1.

    It is the performer's own colour if teeth are visible, else the expected one.

    Args:
        original: (height, width, 3) RGB.
        frame: the face in it.
        expected: the colour of a usual tooth in this light.
        own: confidence that the picture shows teeth, 0 to 1.
    """
    contour = frame.points_px[INNER_LIPS, :2]
    box = box_around(contour, 0, original.shape)
    if own <= 0 or box is None:
        return expected, 0.0
    seen = original[box[1] : box[3], box[0] : box[2]][soft_mask(contour, box, 0) > 0.9].astype(np.float64)
    if len(seen) < 12:
        return expected, 0.0
    luma = seen @ LUMA
    brightest: Curve = seen[luma >= quantile(luma, 0.75)].mean(0)
    bright = fraction_between(float(brightest @ LUMA) / max(1.0, float(expected @ LUMA)), TOOTHLIKE)
    pale = 1 - fraction_between(float(np.ptp(brightest) / max(1.0, brightest.max())), TOOTH_CHROMA)
    like = own * bright
    return np.asarray(expected * (1 - like) + brightest * like), bright * pale


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
    contour[UPPER_LIP.shape[1] :] += WET_LIP_SHARE * (upper - lower)[::-1]
    return contour
