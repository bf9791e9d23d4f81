"""What is seen between the lips: teeth and dark, where bending the picture can only stretch the lips.

The performer's own teeth are used where the picture shows any: they belong to the skull, so they stay while the lips
move. Where it shows none and the mouth opens, teeth, gums and a tongue are drawn, in the light, the blur and the grain
of the shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Field, Image, Points
from ..pose.head_frame import FaceFrame, MouthShape
from ..pose.landmark_indices import CHIN, INNER_LIPS, UPPER_LIP
from ..pose.pose import Pose
from ..ramp import share
from ..render.layer import Box, box_around, lay_over, soft_mask
from ..render.light import Light, light_on, like_the_shot
from ..warp.head import rigid_moves_px
from ..warp.warp import Warped
from .mouth_interior import GUM, cavity, falling_light, mix
from .mouth_opening import Opening, opening_of
from .own_mouth import own_enamel, own_interior
from .teeth import EDGE_BELOW_LIP, LOWER, OVERLAP, UPPER, Row, lip_at_rest, row_of

TOOTH = np.array([1.19, 1.05, 0.92])
"""Enamel, as shares of white."""
ROUND_HIDES, LOWER_DIMMER = 0.06, 0.88
"""How far lips that come forward hide the lower teeth, in units; how much of the light lower teeth get."""
REDDENS = np.array([0.80, 1.05, 1.15])
"""Light that fell off among lips and gums has lost more of its green and blue."""
OPENS_AT = (0.012, 0.042)
"""Between these gaps the interior fades in, in units."""
SLIT = (0.012, 0.055)
"""Between these heights, in units, an opening shows what lies in it: in a slit, and in the corners, lips touch."""
STAYS = 0.04
"""Lips that move by less than this, in units, keep something of what the picture shows between them."""
SHOWS_AT = (0.030, 0.080)
"""Between these gaps of the source its own interior is trusted to show teeth."""
SOURCE_JAW = 0.75
"""How much of a gap in the source its jaw made."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a mouth is being filled."""

    box: Box
    opening: Opening
    skull: Points
    """(height, width, 2) px of the original picture: what the skull had at each pixel of the box."""
    jaw: float
    """How far the jaw hangs, in units."""


def fill_mouth(original: Image, warped: Warped, frame: FaceFrame, pose: Pose) -> None:
    """Paint the interior of an open mouth into the bent picture, in place."""
    own, shown = share(MouthShape.of(frame).gap, SHOWS_AT), share(pose.gap, OPENS_AT)
    if shown <= 0:
        return
    contour = warped.places_px[INNER_LIPS]
    box = box_around(contour, frame.unit_px * 0.04 + 4, warped.picture.shape)
    if box is None:
        return
    place, light = _place(box, warped, frame, pose), light_on(original, frame)
    usual = TOOTH if pose.enamel is None else np.array(pose.enamel)
    tooth = np.clip(usual * light.white, 0, 250)
    inside = _drawn(place, frame, pose, light, own_enamel(original, frame, tooth, own))
    if own > 0:
        inside = mix(inside, *own_interior(original, place.opening, place.skull, frame, own, pose.gap))
    shown *= _changed(warped, frame)
    soft_px = max(0.6 * light.blur_px, 0.006 * frame.unit_px)
    slit = np.clip((place.opening.height_px / frame.unit_px - SLIT[0]) / (SLIT[1] - SLIT[0]), 0, 1)
    mask = soft_mask(contour, box, soft_px) * (slit * shown).astype(np.float32)
    lay_over(warped.picture, box, inside, mask)


def _changed(warped: Warped, frame: FaceFrame) -> float:
    """Tell how much of the interior is new, 0 to 1: between lips that hardly move the picture's own is left."""
    return min(1.0, float(np.abs(warped.moves_px[INNER_LIPS]).max()) / (STAYS * frame.unit_px))


def _place(box: Box, warped: Warped, frame: FaceFrame, pose: Pose) -> _Place:
    opening = opening_of(warped.places_px, box)
    there = opening.grid(np.array(warped.box[:2], np.float64))
    skull, carried = there, np.zeros(2)
    if pose.mode == "head":
        # The head's move is known forwards; two steps back from where it leads are exact to a hundredth of a pixel.
        depth = float(frame.local[UPPER_LIP[3, 5], 2])
        for _ in range(2):
            skull = there - _carried(frame, pose, skull.reshape(-1, 2), depth).reshape(there.shape)
        carried = _carried(frame, pose, frame.points_px[[CHIN], :2], float(frame.local[CHIN, 2]))[0]
    down = frame.plane_px[1]
    drop = float((warped.moves_px[CHIN] - carried) @ down / max(1e-6, float(down @ down)))
    return _Place(box, opening, skull, max(0.0, drop + SOURCE_JAW * MouthShape.of(frame).gap))


def _carried(frame: FaceFrame, pose: Pose, places_px: Points, depth: float) -> Points:
    return rigid_moves_px(frame, pose.head, places_px, np.full(len(places_px), depth))


def _drawn(place: _Place, frame: FaceFrame, pose: Pose, light: Light, enamel: Curve) -> Field:
    """Draw an interior that the picture never showed, (height, width, 3) in 0..255."""
    rest = pose.lip_at_rest if pose.lip_at_rest is not None else lip_at_rest(frame)
    edge = rest + EDGE_BELOW_LIP
    lower_edge = edge - OVERLAP + place.jaw + ROUND_HIDES * pose.spoken.round
    picture, gum = (cavity(place.opening, pose.gap) * light.white).astype(np.float32), GUM * light.white
    picture = _with_row(picture, row_of(LOWER, frame, lower_edge, place.skull), LOWER_DIMMER * enamel, gum)
    picture = _with_row(picture, row_of(UPPER, frame, edge, place.skull), enamel, gum)
    picture = picture * falling_light(place.opening, pose.gap, frame.unit_px)[..., None] ** REDDENS
    return like_the_shot(picture.astype(np.float32), light)


def _with_row(picture: Field, row: Row, enamel: Curve, gum: Curve) -> Field:
    picture = mix(picture, (gum * row.shade[..., None] ** REDDENS).astype(np.float32), row.gum)
    return mix(picture, (enamel * row.shade[..., None] ** REDDENS).astype(np.float32), row.cover)
