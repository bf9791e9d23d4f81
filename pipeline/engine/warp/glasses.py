"""Glasses are rigid: where a picture shows a frame, the skin under it is held, so that the frame does not bend.

Skin moves by tenths of the distance between the eyes, and a rim that moved with it would be seen bent at once. The lids
behind clear lenses still move, and so do brows above the rim and the mouth. Dark lenses hide the eyes: there lids stay.

A frame is a thin line that crosses the nose without a gap, darker or brighter than skin, together with one more of its
lines: under an eye or on its way to an ear. docs/engine.md says which glasses are seen by this, and which are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays import Curve, Field, Image, Points, fraction_between, quantile, smoothstep
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import EYES, NOSE_ROOT, SIDES, SKIN_COUNT

PATCH_STEPS = 60
"""Samples per unit in the patch in which a frame is looked for."""
PATCH = (-1.08, 1.08, -0.35, 0.85)
"""Left, right, top and bottom of the patch, in units from the point between the eyes. It is curved around the head."""
EYE_CORNERS_AT, MOST_CURVED = 0.75, 1.3
"""Where the corners of the eyes lie across, in units, and how much further back than they the patch ends."""
SKIN_FROM = 0.60
"""Below this height it shows skin."""
BRIDGE = (-0.15, 0.15, -0.15, 0.25)
"""Where a frame crosses the nose. Higher up there are the creases of the brows."""
GO_ON = ((-0.65, -0.35, 0.14, 0.50), (0.35, 0.65, 0.14, 0.50), (-1.05, -0.72, -0.30, 0.25), (0.72, 1.05, -0.30, 0.25))
"""Where rims pass under the eyes, and where the sides of the frame leave for the ears."""
LINE_STEPS = 5
"""What is thinner than this is a line."""
CLEAR = 0.25
"""A line counts as this deep at most, as a share of the skin's luma: no short dark piece makes up for a gap."""
CROSSES, GOES_ON = (0.084, 0.098), (0.085, 0.120)
"""Between these mean depths a line across the nose, and one more line, start to count as a frame."""
UNDER_EYES, DARK_LENS = ((-0.65, -0.35, 0.08, 0.20), (0.35, 0.65, 0.08, 0.20)), (0.28, 0.40)
"""Skin under both eyes that is darker than these shares of the cheeks lies behind dark lenses."""
HELD_X, HELD_TOP, HELD_BOTTOM = (0.95, 1.10), (-0.27, -0.38), (0.36, 0.50)
"""Skin is held up to the first value, and free from the second one."""
RIMS_LOWER, BESIDE_NOSE = 0.14, (0.12, 0.30)
"""Between these places across, rims begin to reach lower than the frame does on the nose, by the first value."""
BROWS_UNITS = 0.15
"""Dark lenses cover the brows too: behind them skin is held up to so much further."""
RING_HELD = 0.95
"""The share of their motion that the folds of the lids lose."""


@dataclass(frozen=True)
class Glasses:
    """How surely a picture shows glasses on a face, 0 to 1."""

    share: float
    """With any lenses."""
    dark: float = 0.0
    """With lenses that hide the eyes."""


def find_glasses(picture: Image, frame: FaceFrame) -> Glasses:
    """Return how surely a picture, (height, width, 3) RGB, shows glasses on a face."""
    import cv2

    across, along = _patch_px(frame)
    seen = cv2.remap(picture, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    luma = cv2.GaussianBlur(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), (0, 0), 0.8).astype(np.float32)
    below = luma[round((SKIN_FROM - PATCH[2]) * PATCH_STEPS) :]
    skin = max(16.0, quantile(below[:, below.shape[1] // 4 : -below.shape[1] // 4], 0.5))
    under = max(quantile(luma[_place(place)], 0.5) for place in UNDER_EYES)
    dark = 1 - fraction_between(under / skin, DARK_LENS)
    share = fraction_between(_line_depth(luma, skin, BRIDGE), CROSSES)
    if share > 0:
        share = min(share, fraction_between(max(_line_depth(luma, skin, place) for place in GO_ON), GOES_ON))
    return Glasses(max(share, dark), dark)


def _patch_px(frame: FaceFrame) -> tuple[Field, Field]:
    """Return the pixels that are sampled, x and y: of a surface that is as far forward as the lenses of glasses."""
    x, y = _patch()
    front, sides = frame.local[NOSE_ROOT, 2], np.mean([frame.local[EYES[side].outer, 2] for side in SIDES])
    right, down, forward = (frame.axes[:, :2] * frame.unit_px).astype(np.float32)
    depth = front + (sides - front) * np.minimum(MOST_CURVED, (x[:1] / EYE_CORNERS_AT) ** 2)
    left_px, top_px = frame.origin_px[:2].astype(np.float32)
    across = left_px + (x[:1] * right[0] + depth * forward[0]) + y[:, :1] * down[0]
    along = top_px + (x[:1] * right[1] + depth * forward[1]) + y[:, :1] * down[1]
    return across.astype(np.float32), along.astype(np.float32)


@lru_cache(maxsize=1)
def _patch() -> tuple[Field, Field]:
    """Return the places right of and below the point between the eyes that are sampled, in units."""
    left, right, top, bottom = PATCH
    y, x = np.mgrid[top : bottom : 1 / PATCH_STEPS, left : right : 1 / PATCH_STEPS].astype(np.float32)
    return x, y


def _place(place: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """Return the rows and columns of a place of the patch."""
    left, right, top, bottom = place
    rows = slice(round((top - PATCH[2]) * PATCH_STEPS), round((bottom - PATCH[2]) * PATCH_STEPS))
    return rows, slice(round((left - PATCH[0]) * PATCH_STEPS), round((right - PATCH[0]) * PATCH_STEPS))


def _line_depth(luma: Field, skin: float, place: tuple[float, float, float, float]) -> float:
    """Return how much darker, or brighter, than what is above and below it a line of the patch is, on average.

    It is the clearest one that crosses the place, (left, right, top, bottom), from side to side, rising or falling. The
    depth is a share of the luma of `skin`.
    """
    import cv2

    rows, columns = _place(place)
    margin = min(rows.start, LINE_STEPS - 1)  # a border that is cut off would look like a line
    part = np.ascontiguousarray(luma[rows.start - margin : rows.stop + margin, columns])
    kernel = np.ones((LINE_STEPS, 1), np.uint8)
    lines = [cv2.morphologyEx(part, how, kernel) for how in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)]
    depths = np.minimum(np.stack(lines, 1)[margin : len(part) - margin] / skin, CLEAR)
    steps = np.ascontiguousarray(depths.transpose(2, 1, 0))
    around = np.full((2, steps.shape[2] + 2), -1.0, np.float32)
    best, above, below = around[:, 1:-1], around[:, :-2], around[:, 2:]
    best[:] = steps[0]
    for step in steps[1:]:
        best[:] = np.maximum(np.maximum(above, below), best) + step
    return float(best.max()) / len(steps)


def hold_glasses(moves: Points, frame: FaceFrame, glasses: Glasses) -> Points:
    """Return the displacements, (478, 3) in units, with the skin under glasses held."""
    if glasses.share <= 0:
        return moves
    local = frame.local
    across, down = np.abs(local[:, 0]), local[:, 1]
    lower = RIMS_LOWER * (1 - _within(across, BESIDE_NOSE))
    held: Curve = _within(across, HELD_X) * _within(-down - BROWS_UNITS * glasses.dark, (-HELD_TOP[0], -HELD_TOP[1]))
    held *= _within(down - lower, HELD_BOTTOM)
    for eye in EYES.values():
        held[eye.contour] = 0.0
        held[eye.upper_ring] *= RING_HELD
        held[eye.lower_ring] *= RING_HELD
    held[SKIN_COUNT:] = 0.0
    held *= glasses.share
    for eye in EYES.values():  # nobody sees what lids behind dark lenses do
        behind = np.concatenate([eye.contour, eye.upper_ring, eye.lower_ring])
        held[behind] = np.maximum(held[behind], glasses.dark)
    return np.asarray(moves * (1 - held)[:, None])


def _within(value: Curve, limits: tuple[float, float]) -> Curve:
    return 1 - smoothstep((value - limits[0]) / (limits[1] - limits[0]))
