"""What is visible between the lips, where bending the picture can only stretch the lips.

An opening mouth is filled. The performer's own teeth are used if the picture shows any: they belong to the skull, so
they stay while the lips move. Otherwise teeth, gums and a tongue are drawn, with the light, the blur and the grain of
the shot.

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
    colors_at,
    fraction_between,
    quantile,
    shares_between,
    soft_mask,
)
from ..frames.shot_light import LUMA, Light, match_shot, measure_light
from ..geometry.head_frame import FaceFrame, MouthShape, resting_lip
from ..geometry.mesh import CHIN, INNER_LIPS, LOWER_LIP, SKIN_COUNT, UPPER_LIP
from ..pose.pose import Pose
from ..warp.warp import Warped, rigid_moves_px
from .cavity import color_of_shot, draw_dark, light_entering, of_planes, reddened
from .opening import Opening, opening_in_box, opening_on_grid
from .own_interior import own_interior
from .own_rows import OwnRows, at, find_rows
from .teeth import EDGE_BELOW_LIP, LOWER, OVERLAP, UPPER, TeethRow, draw_teeth, edge_at

TOOTH = np.array([1.21, 1.12, 1.02])
"""The colour of enamel, as shares of white: teeth are mostly a little brighter than the skin beside them."""
DARK_FACE, DARK_GAINS = 150.0, 1.25
"""From this luma of white down, the teeth of a darker face are brighter against it, by this factor at most."""
GUM = np.array((0.66, 0.38, 0.37))
"""Its colour, as shares of white."""
TEETH_LIGHT = 0.45
"""Exponent of the light's falloff: pictures show teeth much brighter than it says."""
NEW_SHADOW, NEW_SHADOW_UNITS = 0.72, 0.045
"""The light of the performer's own interior directly under the upper lip, as a share of full light, and how far down it
is less than full, in units."""
ROUND_HIDES, LOWER_DIMMER = 0.06, 0.88
"""How far protruding lips hide the lower teeth, in units; the share of the light that lower teeth get."""
OPENS_AT = (0.012, 0.042)
"""Between these gaps the interior fades in, in units."""
SLIT = (0.012, 0.055)
"""Between these heights, in units, an opening starts to show its interior: in a slit and in the corners lips touch."""
FULL_MOVE = 0.04
"""Lips that move by less than this, in units, keep part of the picture's own interior."""
SHOWS_AT = (0.030, 0.080)
"""Between these gaps of the source the confidence that its interior shows teeth rises to 1."""
TELLS_AT = (0.14, 0.22)
"""From such gaps on an interior without teeth is a mouth that shows none, and not a line between lips."""
EITHER = (0.25, 0.75)
"""Between these confidences own and drawn teeth are mixed, which looks like neither."""
ALIGNS = (0.0, 0.5)
"""Between these shares of own teeth the drawn ones come to end where those end: in a dissolve, the part of a longer row
that the other lacks would be a grey band."""
WIDENS = (0.03, 0.10)
"""A mouth that opens by more than this, in units, shows more than its source did."""
SOURCE_JAW = 0.75
"""Share of a gap in the source that is due to its jaw."""
TOOTH_CHROMA = (0.32, 0.48)
"""Between these saturations it starts to count as lip or gum."""
TOOTHLIKE = (0.55, 0.85)
"""Between these shares of a tooth's expected brightness, the brightest part of a mouth starts to count as a tooth."""


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
    usual = _usual_tooth_color(light) if pose.tooth_color is None else pose.tooth_color * light.white
    expected = np.clip(usual, 0, 250)
    visible, toothlike = _visible_tooth_color(original, frame, expected, own)
    # Where the clip shows their colour, teeth have it in every frame, whatever this one shows between the lips.
    tooth = visible if pose.tooth_color is None else expected
    # A low interior without teeth is a strip of gum if it is stretched; a mouth that opens gets drawn teeth.
    bare = (1 - toothlike) * (1 - fraction_between(gap, TELLS_AT))
    own = fraction_between(own * (1 - bare * fraction_between(pose.gap - gap, WIDENS)), EITHER) * pose.own_teeth
    lip = colors_at(original, frame.points_px[LOWER_LIP[1, 3:8], :2]).mean(0)
    # Gum that a lip bares lies beside it: it is as bright as the lip rather than as pale skin.
    gum = (color_of_shot(GUM, lip, light.white) * light.white + lip) / 2
    dark, fallen = draw_dark(place.opening, pose.gap, pose.gap - gap, light.white, lip, frame.unit_px)
    layers, edge = [], _resting_edge(frame, pose)
    if own > 0:
        source = opening_on_grid(frame.points_px[:SKIN_COUNT, :2], place.skull)
        rows = find_rows(original, source, expected, frame)
        seen, cover = own_interior(original, source, place.opening, place.skull, frame, rows, gum, light.blur_px)
        seen *= _light_left(source, place.opening, frame, pose.gap)
        # A drawn row under the performer's own teeth would be a second one: what is beyond them is the dark alone.
        layers.append(blend(match_shot(_merged(dark), light), seen, cover))
        edge += rows.has_upper * fraction_between(own, ALIGNS) * (_own_edge(frame, source, rows) - edge)
    if own < 1:
        _add_teeth(dark, fallen, place, frame, pose, gum, tooth, edge)
        layers.append(match_shot(_merged(dark), light))
    # A dissolve: teeth half drawn over the dark, and the own ones half over those, would be grey.
    inside = layers[0] if len(layers) == 1 else layers[1] + np.float32(own) * (layers[0] - layers[1])
    shown *= _changed(warped, frame)
    soft_px = max(0.8 * light.blur_px, 0.008 * frame.unit_px)
    slit = shares_between(place.opening.height_px / frame.unit_px, SLIT)
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


def _usual_tooth_color(light: Light) -> Curve:
    """Return the colour of teeth that no picture shows, (3,)."""
    gain = np.clip(DARK_FACE / max(1.0, float(light.white @ LUMA)), 1.0, DARK_GAINS**2) ** 0.5
    return np.asarray(TOOTH * light.white * gain)


def _light_left(source: Opening, opening: Opening, frame: FaceFrame, gap: float) -> Field:
    """Return the share of its light that the source's interior keeps, (height, width, 1): a low opening lets less in.

    The interior itself contains the shadow of the upper lip's old place: what lay in it gets no second one.
    """
    entering = light_entering(gap)
    dimmer = np.sqrt(entering / max(entering, light_entering(MouthShape.of(frame).gap)))
    reach_px = NEW_SHADOW_UNITS * frame.unit_px
    new, old = (
        NEW_SHADOW + (1 - NEW_SHADOW) * np.clip(mouth.below_top_px / reach_px, 0, 1) for mouth in (opening, source)
    )
    return np.asarray(dimmer * np.minimum(1, new / old), np.float32)[..., None]


def _resting_edge(frame: FaceFrame, pose: Pose) -> float:
    """Return how far the edge of usual front teeth lies below the base of the nose, in units."""
    return (pose.resting_lip if pose.resting_lip is not None else resting_lip(frame)) + EDGE_BELOW_LIP


def _own_edge(frame: FaceFrame, source: Opening, rows: OwnRows) -> float:
    """Return the edge at which drawn front teeth end where the picture's own ones do, in units."""
    top, bottom = (float(np.interp(0, *border)) for border in (source.upper, source.lower))
    end = top + float(at(rows.upper, np.zeros(1))[0]) * (bottom - top)
    return edge_at(UPPER, frame, source.middle + end * source.axes[:, 1])


def _add_teeth(
    planes: Field,
    fallen: Field,
    place: _Place,
    frame: FaceFrame,
    pose: Pose,
    gum: Curve,
    tooth: Curve,
    edge: float,
) -> None:
    """Draw both rows of teeth over an interior, (3, height, width), in place.

    Args:
        planes: the interior without teeth.
        fallen: the share of the light at each place.
        place: where.
        frame: the face in the picture.
        pose: its pose.
        gum: the colour of gum in this light, (3,).
        tooth: the colour of teeth in it, (3,).
        edge: how far the edge of the upper front teeth lies below the base of the nose, in units.
    """
    lower_edge = _resting_edge(frame, pose) - OVERLAP + place.jaw + ROUND_HIDES * pose.spoken.round
    lit = fallen ** np.float32(TEETH_LIGHT)
    _add_row(planes, draw_teeth(LOWER, frame, lower_edge, place.skull), LOWER_DIMMER * tooth, gum, lit)
    _add_row(planes, draw_teeth(UPPER, frame, edge, place.skull), tooth, gum, lit)


def _merged(planes: Field) -> Field:
    """Return planes of red, green and blue, (3, height, width), as a picture, (height, width, 3)."""
    import cv2

    return np.asarray(cv2.merge(list(planes)), np.float32)


def _add_row(planes: Field, row: TeethRow, tooth_color: Curve, gum: Curve, lit: Field) -> None:
    """Draw a row over planes of red, green and blue, (3, height, width), in place: its gum first, then its teeth.

    Args:
        planes: what is behind it.
        row: the row.
        tooth_color: (3,).
        gum: its colour, (3,).
        lit: the share of the light at each place.
    """
    bare = 1 - row.cover
    own = row.gum * bare
    planes *= (1 - row.gum) * bare
    planes += reddened(row.shade * lit) * (of_planes(gum) * own + of_planes(tooth_color) * row.cover)


def blend(under: Field, over: Field, cover: Field) -> Field:
    """Blend a picture over another with the opacity `cover`, (height, width)."""
    import cv2

    mixed: Field = np.subtract(over, under, dtype=np.float32)
    mixed *= cv2.merge([cover, cover, cover])
    mixed += under
    return mixed


def _visible_tooth_color(original: Image, frame: FaceFrame, expected: Curve, own: float) -> tuple[Curve, float]:
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
