"""What is seen between the lips: teeth and dark, where bending the picture can only stretch the lips.

The performer's own teeth are used where the picture shows any: they belong to the skull, so they stay while the lips
move. Where it shows none and the mouth opens, teeth, gums and a tongue are drawn, in the light, the blur and the grain
of the shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Field, Image, Points
from .cavity import GUM, cavity, falling_light, mix
from .frame import FaceFrame, MouthShape
from .head import rigid_moves_px
from .layer import Box, box_around, lay_over, soft_mask
from .light import Light, light_on, like_the_shot
from .opening import Opening, opening_in, opening_of
from .points import CHIN, INNER_LIPS, SKIN_COUNT, UPPER_LIP
from .pose import Pose
from .teeth import EDGE_BELOW_LIP, LOWER, OVERLAP, UPPER, Row, lip_at_rest, row_of
from .warp import Warped

TOOTH = np.array([0.93, 0.87, 0.77])
"""Enamel, as shares of white."""
OPENS_AT = (0.012, 0.042)
"""Between these gaps the interior fades in, in units."""
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
    if pose.gap < OPENS_AT[0]:
        return
    contour = warped.places_px[INNER_LIPS]
    box = box_around(contour, frame.unit_px * 0.04 + 4, warped.picture.shape)
    if box is None:
        return
    place, light = _place(box, warped, frame, pose), light_on(original, frame)
    own = float(np.clip((MouthShape.of(frame).gap - SHOWS_AT[0]) / (SHOWS_AT[1] - SHOWS_AT[0]), 0, 1))
    inside = _drawn(place, frame, pose, light)
    if own > 0:
        inside = mix(inside, *_own_interior(original, place, frame, own))
    shown = float(np.clip((pose.gap - OPENS_AT[0]) / (OPENS_AT[1] - OPENS_AT[0]), 0, 1)) * _changed(warped, frame)
    soft_px = max(light.blur_px, 0.006 * frame.unit_px)
    lay_over(warped.picture, box, inside, soft_mask(contour, box, soft_px) * np.float32(shown))


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


def _drawn(place: _Place, frame: FaceFrame, pose: Pose, light: Light) -> Field:
    """Draw an interior that the picture never showed, (height, width, 3) in 0..255."""
    rest = pose.lip_at_rest if pose.lip_at_rest is not None else lip_at_rest(frame)
    edge = rest + EDGE_BELOW_LIP
    picture = cavity(place.opening, pose.gap, frame.unit_px)
    picture = _with_row(picture, row_of(LOWER, frame, edge - OVERLAP + place.jaw, place.skull), 0.86)
    picture = _with_row(picture, row_of(UPPER, frame, edge, place.skull), 1.0)
    picture *= falling_light(place.opening, pose.gap, frame.unit_px)[..., None]
    return like_the_shot((picture * light.white).astype(np.float32), light)


def _with_row(picture: Field, row: Row, lightness: float) -> Field:
    picture = mix(picture, (GUM * row.shade[..., None]).astype(np.float32), row.gum)
    return mix(picture, (TOOTH * lightness * row.shade[..., None]).astype(np.float32), row.cover)


def _own_interior(original: Image, place: _Place, frame: FaceFrame, own: float) -> tuple[Field, Field]:
    """Give the source's own interior where it belongs now, and its cover.

    Its middle is held to the skull, as teeth are; towards the corners it follows the upper lip, since a smile bares
    more of it there, and held still it would leave dark wedges.
    """
    import cv2

    opening, blur_px = place.opening, max(0.8, frame.unit_px * 0.010)
    source = opening_in(frame.points_px[:SKIN_COUNT, :2], place.skull)
    from_px = opening.same_place(source, place.skull)
    contour = frame.points_px[INNER_LIPS, :2]
    reach = box_around(contour, blur_px * 4 + 4, original.shape)
    if reach is None:
        return np.zeros((*opening.share.shape, 3), np.float32), np.zeros_like(opening.share)
    part = original[reach[1] : reach[3], reach[0] : reach[2]]
    mask = soft_mask(contour, reach, blur_px * 1.2) * np.float32(own)
    from_x, from_y = (np.ascontiguousarray(from_px[..., axis] - reach[axis]).astype(np.float32) for axis in (0, 1))
    seen = cv2.remap(np.ascontiguousarray(part), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover: Field = cv2.remap(mask, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return seen.astype(np.float32) * _newly_shaded(opening, frame.unit_px)[..., None], cover


def _newly_shaded(opening: Opening, unit_px: float) -> Field:
    """Give the shadow that the upper lip throws where it is now; the own interior carries that of where it was."""
    return np.asarray(0.62 + 0.38 * np.clip(opening.below_top_px / (0.035 * unit_px), 0, 1), np.float32)
