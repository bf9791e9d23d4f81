"""How skin gets darker and brighter: its colour gets stronger in shadow and weaker in light.

Light on skin is partly the lamp's own, reflected at the surface, and partly what skin scattered. In shadow less of the
first is left, so red falls less than luma, and blue more. How much depends on how coloured the skin is in this light:
on 46 faces the slopes of log red, green and blue over log luma are close to 1 - log(mean channel / mean luma), on dark
skin as on light skin, and exactly 1 in a black-and-white picture. A face that is lit unevenly shows its slopes itself;
they are steeper where the light is clipped. Darkened by fixed shares, light skin looks bruised.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Field, Image
from ..frames.shot_light import LUMA
from ..warp.warp import Warped

SKIN_PLACES = np.array(
    [205, 425, 50, 280, 36, 266, 101, 330, 118, 347, 187, 411, 207, 427, 206, 426, 142, 371, 126, 355, 100, 329, 4, 151]
)
"""Landmarks on bare skin: cheeks, sides of the nose, its tip and the forehead."""
LEAST_SLOPE, MOST_SLOPE = 0.35, 2.0
EVEN = 0.004
"""At this variance of log luma over the face, measured and expected slopes count the same."""
UNCHANGED = 200
"""Light is multiplied in steps of this part, up to 255 of them: brighter by at most 0.27."""


def skin_slopes(warped: Warped) -> Curve:
    """Return by how much red, green and blue of this skin change, as shares of the change of luma, (3,)."""
    height, width = warped.picture.shape[:2]
    columns, rows = np.round(warped.places_px[SKIN_PLACES].T).astype(int)
    inside = (columns >= 1) & (columns < width - 1) & (rows >= 1) & (rows < height - 1)
    if not inside.any():
        return np.ones(3)
    offsets = np.array([-1, 0, 1])
    patches = warped.picture[rows[inside, None, None] + offsets[:, None], columns[inside, None, None] + offsets]
    colors = np.log(np.maximum(patches.mean((1, 2)), 2.0))
    luma = np.log(np.exp(colors) @ LUMA)
    expected = 1 - (colors.mean(0) - luma.mean())
    away = luma - luma.mean()
    fitted = (away @ (colors - colors.mean(0)) + EVEN * len(luma) * expected) / (away @ away + EVEN * len(luma))
    slopes: Curve = np.clip(fitted, LEAST_SLOPE, MOST_SLOPE)
    return slopes


def relight(part: Image, light: Field, slopes: Curve) -> None:
    """Multiply a part of a picture by 1 + light, in place, as skin of these slopes changes; in bytes.

    A change of less than half a step, as fine as those of the picture, changes nothing.
    """
    import cv2

    factors = [_factor(light, float(slope)) for slope in slopes]
    cv2.multiply(part, cv2.merge(factors), dst=part, scale=1 / UNCHANGED)


def _factor(light: Field, slope: float) -> Image:
    import cv2

    factor: Image = cv2.convertScaleAbs(light, alpha=slope * UNCHANGED, beta=UNCHANGED)
    return factor
