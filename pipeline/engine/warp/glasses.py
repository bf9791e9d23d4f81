"""Glasses are rigid: where a picture shows a frame, the skin under it is held, so that the frame does not bend.

Skin moves by tenths of the distance between the eyes, and a rim that moved with it would be seen bent at once. The lids
behind the lenses still move, and so do brows above the rim and the mouth.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..arrays import Curve, Field, Image, Points, fraction_between, quantile, smoothstep
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import EYES, SKIN_COUNT

PATCH_STEPS = 60
"""Samples per unit in the patch in which a frame is looked for."""
PATCH = (-1.0, 1.0, -0.35, 0.85)
"""Left, right, top and bottom of the patch, in units from the point between the eyes."""
BRIDGE = (-0.09, 0.09, -0.20, 0.25)
RIMS = ((-0.62, -0.38, 0.16, 0.48), (0.38, 0.62, 0.16, 0.48))
"""Where a frame crosses the nose, and where its rims pass under the eyes; skin has no dark lines in all three."""
LINE_UNITS = 0.13
"""The thickest line that counts as a frame."""
DARK = (0.16, 0.28)
"""Between these depths, as shares of the skin's luma, a line starts to count as a frame."""
HELD_X, HELD_TOP, HELD_BOTTOM = (0.95, 1.10), (-0.24, -0.36), (0.36, 0.50)
"""Skin is held up to the first value, and free from the second one."""
RING_HELD = 0.7
"""The share of their motion that the folds of the lids lose."""


def glasses_share(picture: Image, frame: FaceFrame) -> float:
    """Return how surely a picture, (height, width, 3) RGB, shows the frame of glasses on a face, 0 to 1.

    Only frames that are darker than skin are seen.
    """
    import cv2

    x, y = _patch()
    (right_x, right_y), (down_x, down_y) = frame.plane_px.astype(np.float32)
    left_px, top_px = frame.origin_px[:2].astype(np.float32)
    across, along = left_px + x * right_x + y * down_x, top_px + x * right_y + y * down_y
    top = PATCH[2]
    seen = cv2.remap(picture, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    luma = cv2.GaussianBlur(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), (0, 0), 0.8).astype(np.float32)
    skin = max(16.0, quantile(luma[round((0.60 - top) * PATCH_STEPS) :], 0.5))
    bridge, *rims = (_line_depth(luma, place) / skin for place in (BRIDGE, *RIMS))
    return min(fraction_between(bridge, DARK), fraction_between(min(rims), DARK))


@lru_cache(maxsize=1)
def _patch() -> tuple[Field, Field]:
    """Return the places right of and below the point between the eyes that are sampled, in units."""
    left, right, top, bottom = PATCH
    y, x = np.mgrid[top : bottom : 1 / PATCH_STEPS, left : right : 1 / PATCH_STEPS].astype(np.float32)
    return x, y


def _line_depth(luma: Field, place: tuple[float, float, float, float]) -> float:
    """Return how much darker than its surroundings the darkest horizontal line of a place is, at most columns."""
    import cv2

    left, right, top, bottom = place
    rows = slice(round((top - PATCH[2]) * PATCH_STEPS), round((bottom - PATCH[2]) * PATCH_STEPS))
    columns = slice(round((left - PATCH[0]) * PATCH_STEPS), round((right - PATCH[0]) * PATCH_STEPS))
    kernel = np.ones((round(LINE_UNITS * PATCH_STEPS), 1), np.uint8)
    depth = cv2.morphologyEx(np.ascontiguousarray(luma[rows, columns]), cv2.MORPH_BLACKHAT, kernel)
    return quantile(depth.max(0), 0.5)


def hold_glasses(moves: Points, frame: FaceFrame, share: float) -> Points:
    """Return the displacements, (478, 3) in units, with the skin under glasses held by a share of 0 to 1."""
    if share <= 0:
        return moves
    local = frame.local
    held: Curve = (
        _within(np.abs(local[:, 0]), HELD_X) * _within(-local[:, 1], (-HELD_TOP[0], -HELD_TOP[1]))
    ) * _within(local[:, 1], HELD_BOTTOM)
    for eye in EYES.values():
        held[eye.contour] = 0.0
        held[eye.upper_ring] *= RING_HELD
        held[eye.lower_ring] *= RING_HELD
    held[SKIN_COUNT:] = 0.0
    return np.asarray(moves * (1 - share * held)[:, None])


def _within(value: Curve, limits: tuple[float, float]) -> Curve:
    return 1 - smoothstep((value - limits[0]) / (limits[1] - limits[0]))
