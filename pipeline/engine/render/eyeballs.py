"""Eyeballs stay while lids move: closing lids slide over the eye, rising lids uncover more of it.

The picture has nothing to show under a lid that rises; bent, it would stretch the lid's shadow into a dark hole. What
is uncovered continues the eye instead: an iris is round, so it has the colours that it shows elsewhere as far from its
centre, and beside it there is sclera, in the colour that this eye shows at its sides, darker under the lid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import (
    Curve,
    Field,
    Ids,
    Image,
    Points,
    blend_layer,
    box_around,
    fraction_between,
    quantile,
    smoothstep,
    soft_mask,
)
from ..frames.shot_light import LUMA, measure_white
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import EYES, Eye
from ..pose.pose import Pose
from ..warp.landmark_moves import OPEN_EYE, combined_lids
from ..warp.warp import Warped

BLUR_UNITS = 0.012
STILL_ENDS = 2.0
"""Where a lower lid falls, the still eye ends so far above its old place, as a multiple of the blur of its edge."""
LASHES_UNITS = 0.016
"""The border of a lid is dark; it moves with the lid and is not painted over."""
LID_SHADOW_UNITS = 0.040
"""The lid darkens the eye this far below its border; there the eye is not copied but continued."""
SHADOW = 0.42
"""How much darker the eye is directly under the lid."""
FULL_RISE = 0.030
"""From this rise on, in units, the shadow under the lid is left out in full."""
LEAST_RISE = 0.006
"""Lids that rise by less than this, in units, uncover nothing that is visible."""
SHADED_WHITE = 0.62
"""The least colour of the white of an eye, as a share of white beside the cheek."""
MOST_COLORED, LID_COLORED, LIFTED = 0.20, (0.20, 0.40), 0.25
"""How far red, green and blue of a white differ, as shares of luma, before it loses colour to the light's tint; between
which values they are those of lids; and how much brighter than the least one a white is then."""
WHITE_ON_SKIN = 1.15
"""It is at most so much brighter than the skin around the eye, by its brighter places: lids may be painted."""
RINGS, RINGS_REACH, RING_LEAST_PX = 8, 1.3, 2
"""Rings of an iris whose colours are measured, up to this many radii, and the least pixels that tell one."""
MATT = (0.2, 0.5)
"""The pixels that give a ring its colour, as shares of all from the darkest on."""
FIBRES = 14.0
"""How far the fibres of an iris may differ from its rings, in steps of 255."""
LID_SHADOW_SKIPPED, LOWER_LID_UNITS = 0.030, 0.012
"""What is so near to a lid, in units, tells no colours of the eye."""
IRIS_EDGE = 0.16
"""Width of the border between iris and sclera, as a share of the iris's radius."""


def restore_eyeballs(original: Image, warped: Warped, frame: FaceFrame, pose: Pose) -> None:
    """Blend the eyes of the picture into the bent one, in place, where lids close or rise.

    A head that moves as a whole carries closing lids with it, so those are left as bent.
    """
    if pose.mode == "lips":
        return
    lids = combined_lids(pose)
    if lids.upper_down * OPEN_EYE > lids.widen:
        if pose.mode == "face":
            _show_still_eyes(original, warped, frame)
        return
    if lids.widen > 0:
        # Squinting eyes show lids beside the iris; white is then as dark as it mostly is under lids in this light.
        white = measure_white(original, frame)
        for eye in EYES.values():
            _uncover(original, warped, frame, eye, _least_white(original, frame, eye, white))


def _show_still_eyes(original: Image, warped: Warped, frame: FaceFrame) -> None:
    left, top, right, bottom = warped.box
    still = original[top:bottom, left:right]
    blur_px = frame.unit_px * BLUR_UNITS
    down = frame.plane_px[1] / max(1e-6, float(np.linalg.norm(frame.plane_px[1])))
    for eye in EYES.values():
        contour = warped.places_px[eye.contour]
        # Above a lower lid that falls, as when a smile goes, the still picture shows that lid and its lashes once more.
        fallen = np.maximum(warped.moves_px[eye.lower] @ down, 0)
        above = fallen + np.minimum(fallen, STILL_ENDS * blur_px)
        contour[-len(eye.lower) :] -= above[::-1, None] * down
        box = box_around(contour, blur_px * 3 + 2, still.shape)
        if box is not None:
            layer = still[box[1] : box[3], box[0] : box[2]]
            blend_layer(warped.picture, box, layer, soft_mask(contour, box, blur_px))


def _least_white(original: Image, frame: FaceFrame, eye: Eye, white: Curve) -> Curve:
    """Return the least colour of the white of an eye, (3,): in a shadow, such as that of the brow, it does not glow.

    Args:
        original: (height, width, 3) RGB.
        frame: the face in it.
        eye: one of its eyes.
        white: the colour of something white beside the cheek, (3,).
    """
    height, width = original.shape[:2]
    columns, rows = np.round(frame.points_px[np.concatenate([eye.lower_ring, eye.upper_ring]), :2].T).astype(int)
    around = original[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] @ LUMA
    most = WHITE_ON_SKIN * quantile(around, 0.75) / max(1.0, float(white @ LUMA))
    return np.asarray(min(SHADED_WHITE, most) * white)


def _uncover(original: Image, warped: Warped, frame: FaceFrame, eye: Eye, least_white: Curve) -> None:
    """Draw one eye through the opening of its risen lids."""
    import cv2

    unit = frame.unit_px
    corner = np.array(warped.box[:2], np.float64)
    before = frame.points_px[:, :2] - corner
    corners = [eye.outer, eye.inner]
    carried = warped.places_px[corners].mean(0) - before[corners].mean(0)
    axes = _axes(before, eye)
    rise = float(((before[eye.upper] + carried - warped.places_px[eye.upper]) @ axes[:, 1]).max())
    contour = warped.places_px[eye.contour].copy()
    contour[1 : 1 + len(eye.upper)] += axes[:, 1] * min(LASHES_UNITS * unit, 0.5 * rise)
    box = box_around(contour, 0.05 * unit + 3, warped.picture.shape)
    if rise < LEAST_RISE * unit or box is None:
        return
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float64), np.arange(top, bottom, dtype=np.float64))
    iris = before[eye.iris]
    place = (np.stack([x, y], -1) - carried - iris) @ axes
    across, down = place[..., 0], place[..., 1]
    upper = _border((before[[eye.outer, *eye.upper, eye.inner]] - iris) @ axes, across)
    lower = _border((before[[eye.outer, *eye.lower, eye.inner]] - iris) @ axes, across)
    risen = _border((warped.places_px[[eye.outer, *eye.upper, eye.inner]] - carried - iris) @ axes, across)
    # Towards the corners lids hardly rise; what is there, such as the red of the inner corner, stays.
    margin = LID_SHADOW_UNITS * unit * np.clip((upper - risen) / (FULL_RISE * unit), 0, 1)
    still = np.ascontiguousarray(original)
    own = np.stack([across, down], -1) @ axes.T + iris + corner
    copied = cv2.remap(still, *_maps(own), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    radius = _iris_radius(before, eye)
    visible = (down > upper + LID_SHADOW_SKIPPED * unit) & (down < lower - LOWER_LID_UNITS * unit)
    rings = _ring_colors(copied, across, down, visible, radius)
    # Its fibres, mirrored at its centre, as far as the lower lid lets them be seen; not what the eye reflects.
    mirrored = np.stack([across, -down], -1) @ axes.T + iris + corner
    seen = cv2.remap(still, *_maps(mirrored), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    fibres = np.clip(seen - rings, -FIBRES, FIBRES)
    fibres *= smoothstep((lower - LOWER_LID_UNITS * unit + down) / (LOWER_LID_UNITS * unit))[..., None]
    away = np.hypot(across, down)
    in_iris = 1 - smoothstep((away / radius - (1 - IRIS_EDGE)) / (2 * IRIS_EDGE))
    white = _lit_white(_sclera(copied, across, down, upper, lower, radius, unit), least_white)
    drawn = (rings + fibres) * in_iris[..., None] + white * (1 - in_iris[..., None])
    shade = 1 - SHADOW * np.clip(1 - (down - risen) / (1.6 * LID_SHADOW_UNITS * unit), 0, 1) ** 1.5
    drawn = drawn * shade[..., None]
    shows = smoothstep((down - upper - 0.35 * margin) / np.maximum(1e-3, margin))[..., None]
    layer = (copied * shows + drawn * (1 - shows)).astype(np.float32)
    blend_layer(warped.picture, box, layer, soft_mask(contour, box, BLUR_UNITS * unit))


def _ring_colors(copied: Field, across: Field, down: Field, visible: NDArray[np.bool_], radius: float) -> Field:
    """Return the colour of an iris at every pixel's distance from its centre, (height, width, 3).

    It is what is visible at this distance, on the left and on the right.
    """
    ring = np.hypot(across, down) * (RINGS / radius)
    visible = visible & (ring < RINGS * RINGS_REACH)
    sides = [
        _matt_colors(ring[near].astype(int), copied[near]) for near in (visible & (across < 0), visible & (across >= 0))
    ]
    best = max(sides, key=lambda side: len(side[0]))
    if 2 * len(best[0]) < RINGS:  # hardly any of the eye is open
        return np.broadcast_to(copied[visible].mean(0) if visible.any() else copied.mean((0, 1)), copied.shape)
    sides = [side if 2 * len(side[0]) > len(best[0]) else best for side in sides]
    left, right = (
        np.stack([np.interp(ring - 0.5, shown, colors[:, channel]) for channel in range(3)], -1)
        for shown, colors in sides
    )
    share = np.asarray(smoothstep(0.5 + np.asarray(across, np.float64) / (2 * radius)))[..., None]
    return np.asarray(left * (1 - share) + right * share, np.float32)


def _matt_colors(numbers: Ids, pixels: Field) -> tuple[Ids, Points]:
    """Return the rings of which enough is visible, and their colours, (count, 3): of neither lashes nor reflections.

    Args:
        numbers: the ring of each pixel.
        pixels: (pixels, 3).
    """
    order = np.lexsort((pixels @ LUMA, numbers))
    shown, first, count = np.unique(numbers[order], return_index=True, return_counts=True)
    enough = count >= RING_LEAST_PX
    shown, first, count = shown[enough], first[enough], count[enough]
    start, end = first + (count * MATT[0]).astype(int), first + np.ceil(count * MATT[1]).astype(int)
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(pixels[order], axis=0, dtype=np.float64)])
    return shown, (sums[end] - sums[start]) / (end - start)[:, None]


def _axes(points: Points, eye: Eye) -> Points:
    """Return the directions along the corners of an eye and down from them, as columns of unit length."""
    right = points[eye.inner] - points[eye.outer]
    right = right if right[0] > 0 else -right
    right = right / max(1e-6, float(np.linalg.norm(right)))
    return np.stack([right, [-right[1], right[0]]], 1)


def _border(places: Points, across: Field) -> Field:
    order = np.argsort(places[:, 0], kind="stable")
    return np.asarray(np.interp(across, places[order, 0], places[order, 1]), np.float64)


def _maps(places: Points) -> tuple[Field, Field]:
    return tuple(np.ascontiguousarray(places[..., axis]).astype(np.float32) for axis in (0, 1))  # type: ignore[return-value]


def _iris_radius(points: Points, eye: Eye) -> float:
    around = points[eye.iris + 1 : eye.iris + 5]
    return max(1.0, float(np.linalg.norm(around - points[eye.iris], axis=1).max()))


def _sclera(copied: Field, across: Field, down: Field, upper: Field, lower: Field, radius: float, unit: float) -> Curve:
    """Return the colour of the white of this eye, (3,): of the brighter half of what lies beside the iris."""
    inside = (down > upper + 0.02 * unit) & (down < lower - 0.012 * unit) & (np.abs(across) > 1.1 * radius)
    pixels = copied[inside]
    if len(pixels) < 8:
        pixels = copied[(down > upper) & (down < lower)]
    if len(pixels) < 4:
        return np.asarray(copied.reshape(-1, 3).mean(0), np.float64)
    luma = pixels @ LUMA
    color: Curve = 0.96 * pixels[luma >= quantile(luma, 0.5)].mean(0)
    return color


def _lit_white(own: Curve, least: Curve) -> Curve:
    """Return the white of an eye, (3,), at least as bright as the white of `least`.

    The more it is raised, the more of the light's tint it gets, up to a half: grey beside skin would look blue. Where
    hardly any white is open, `own` is that of the lids: it gets more of that tint than skin has.
    """
    luma, floor = max(1.0, float(own @ LUMA)), max(1.0, float(least @ LUMA))
    share = fraction_between(floor / luma, (1.0, 2.0)) / 2
    colored = float(np.ptp(own / luma / np.maximum(least / floor, 0.1)))
    if colored > MOST_COLORED:
        share = max(share, min(0.5, 1 - MOST_COLORED / colored))
        floor *= 1 + LIFTED * fraction_between(colored, LID_COLORED)
    tint = (own / luma) ** (1 - share) * np.maximum(least / floor, 0.1) ** share
    return np.asarray(max(luma, floor) * tint / max(1e-6, float(tint @ LUMA)))
