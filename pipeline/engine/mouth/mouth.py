"""What is visible between the lips, where bending the picture can only stretch the lips.

An opening mouth is filled. The performer's own teeth are used if the picture shows any: they belong to the skull, so
they stay while the lips move. Otherwise teeth, gums and a tongue are drawn, with the light, the blur and the grain of
the shot.

A closing mouth is painted over before the picture is bent: bending squeezes the teeth of an open mouth into a hair's
breadth, which is still a bright thread on a shut mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Field, Image, Points
from ..frames.masks import Box, blend_layer, box_around, soft_mask
from ..frames.shot_light import Light, match_shot, measure_light
from ..geometry.head_frame import FaceFrame, MouthShape
from ..geometry.landmark_indices import CHIN, INNER_LIPS, LOWER_LIP, UPPER_LIP
from ..pose.pose import Pose
from ..ramp import fraction_between
from ..warp.rigid_head import rigid_moves_px
from ..warp.warp import Warped
from .mouth_interior import GUM, blend, draw_cavity, light_falloff, source_interior, visible_tooth_color
from .mouth_opening import Opening, opening_in_box
from .teeth import EDGE_BELOW_LIP, LOWER, OVERLAP, UPPER, TeethRow, draw_teeth, resting_lip

TOOTH = np.array([1.19, 1.05, 0.92])
"""The colour of enamel, as shares of white."""
ROUND_HIDES, LOWER_DIMMER = 0.06, 0.88
"""How far protruding lips hide the lower teeth, in units; the share of the light that lower teeth get."""
REDDENS = np.array([0.80, 1.05, 1.15])
"""Exponents of the light's falloff: between lips and gums it loses more green and blue."""
OPENS_AT = (0.012, 0.042)
"""Between these gaps the interior fades in, in units."""
SLIT = (0.012, 0.055)
"""Between these heights, in units, an opening starts to show its interior: in a slit and in the corners lips touch."""
FULL_MOVE = 0.04
"""Lips that move by less than this, in units, keep part of the picture's own interior."""
SHOWS_AT = (0.030, 0.080)
"""Between these gaps of the source the confidence that its interior shows teeth rises to 1."""
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
    own, shown = fraction_between(MouthShape.of(frame).gap, SHOWS_AT), fraction_between(pose.gap, OPENS_AT)
    if shown <= 0:
        return
    contour = warped.places_px[INNER_LIPS]
    box = box_around(contour, frame.unit_px * 0.04 + 4, warped.picture.shape)
    if box is None:
        return
    place, light = _place(box, warped, frame, pose), measure_light(original, frame)
    usual = TOOTH if pose.tooth_color is None else np.array(pose.tooth_color)
    tooth = np.clip(usual * light.white, 0, 250)
    inside = _draw_interior(place, frame, pose, light, visible_tooth_color(original, frame, tooth, own))
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
    rest = pose.resting_lip if pose.resting_lip is not None else resting_lip(frame)
    edge = rest + EDGE_BELOW_LIP
    lower_edge = edge - OVERLAP + place.jaw + ROUND_HIDES * pose.spoken.round
    picture, gum = (draw_cavity(place.opening, pose.gap) * light.white).astype(np.float32), GUM * light.white
    picture = _with_row(picture, draw_teeth(LOWER, frame, lower_edge, place.skull), LOWER_DIMMER * tooth_color, gum)
    picture = _with_row(picture, draw_teeth(UPPER, frame, edge, place.skull), tooth_color, gum)
    picture = picture * light_falloff(place.opening, pose.gap, frame.unit_px)[..., None] ** REDDENS
    return match_shot(picture.astype(np.float32), light)


def _with_row(picture: Field, row: TeethRow, tooth_color: Curve, gum: Curve) -> Field:
    picture = blend(picture, (gum * row.shade[..., None] ** REDDENS).astype(np.float32), row.gum)
    return blend(picture, (tooth_color * row.shade[..., None] ** REDDENS).astype(np.float32), row.cover)


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
