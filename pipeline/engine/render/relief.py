"""Shade what bulges and what sinks when muscles act: broad and soft, where `shade` draws the lines between them.

A cheek that is pushed up catches more of the light from above; where a nose wrinkles, its root is in shadow. A smile
that goes takes the light off the cheeks' bulge, and the furrow under it out of the shadow. Each place multiplies the
picture, so that it follows the light of the shot, its colours and its grain, and shows nothing finer than a tenth of
the distance between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Box, Curve, Field, Ids, Points, box_around, shares_between
from ..geometry.head_frame import FaceFrame, foreshortening
from ..geometry.mesh import EYES, LIPS, SIDES
from ..pose.pose import Pose
from ..warp.warp import Warped
from .skin_light import relight


@dataclass(frozen=True)
class Bulge:
    """A place on each side of the face that gets brighter, or darker, as skin bulges or sinks there."""

    weights: dict[str, float]
    """Action unit → share of its light that it gains at amplitude 1; negative where it loses light."""
    at: tuple[float, float]
    """(outward, down) from the point between the eyes, in units."""
    spread: tuple[float, float]
    """Standard deviations across and down, in units."""
    only_at_rest: bool = False
    """Only in a pose that does nothing but relax the face: other expressions light these places in their own way."""


RELIEF = (
    Bulge({"AU9": -0.10}, (0.0, 0.27), (0.10, 0.09)),
    Bulge({"AU9": -0.024}, (0.14, -0.42), (0.18, 0.12)),
    Bulge({"AU10": -0.125}, (0.30, 0.42), (0.12, 0.09)),
    Bulge({"AU10": -0.08}, (0.45, 0.60), (0.14, 0.12)),
    Bulge({"AU11": -0.05}, (0.34, 0.80), (0.07, 0.17)),
    Bulge({"AU6": 0.045}, (0.54, 0.38), (0.15, 0.11)),
    Bulge({"AU24": -0.12}, (0.68, 0.44), (0.14, 0.10)),
    Bulge({"AU24": -0.07}, (0.18, 0.68), (0.08, 0.08)),
    Bulge({"AU0": -0.15}, (0.60, 0.48), (0.20, 0.13), only_at_rest=True),
    Bulge({"AU0": 0.165}, (0.54, 0.78), (0.12, 0.11), only_at_rest=True),
    Bulge({"AU0": -0.135}, (0.40, 1.20), (0.11, 0.11), only_at_rest=True),
    Bulge({"AU0": -0.105}, (0.18, 0.84), (0.07, 0.07), only_at_rest=True),
)
MOST = 0.22
"""No place gains or loses more than this share of its light."""
CELL_UNITS = 0.05
"""The shading is smooth, so it is computed on a grid of this step."""
SOFT_UNITS = 0.02
"""The deviation of the blur at the borders of eyes and lips."""
FINE_UNITS, WIDE_UNITS = 0.05, 0.32
"""The deviations of the blurs that give the light of a place and that of the skin around it."""
BEYOND_AT_REST, BEYOND = (0.025, 0.025), (0.16, 0.06)
"""By these shares of its light a place may get darker, and brighter, than the skin around it: in a face that relaxes,
and in one that acts."""
CLIPPED = (238.0, 252.0)
"""Between these values of its brightest channel skin loses its colour to the light; darkened, it would be grey."""
LEAST = 0.004


def shade_relief(warped: Warped, frame: FaceFrame, pose: Pose, slopes: Curve) -> None:
    """Brighten and darken the places that the units of a pose make bulge and sink, in place.

    `slopes` are those of `skin_slopes`.
    """
    import cv2

    if pose.mode == "lips":
        return
    acting = [
        (bulge, sum(share * pose.amplitude(name) for name, share in bulge.weights.items()))
        for bulge in RELIEF
        if pose.at_rest or not bulge.only_at_rest
    ]
    acting = [(bulge, share) for bulge, share in acting if abs(share) > LEAST]
    if not acting:
        return
    unit = frame.unit_px
    origin = frame.origin_px[:2] - np.array(warped.box[:2], np.float64)
    right, down = frame.plane_px
    reach = [
        origin
        + side * right * (bulge.at[0] + 3 * bulge.spread[0] * out)
        + down * (bulge.at[1] + 3 * bulge.spread[1] * low)
        for bulge, _ in acting
        for side in SIDES
        for out in (-1, 1)
        for low in (-1, 1)
    ]
    box = box_around(np.array(reach), 2, warped.picture.shape)
    if box is None:
        return
    left, top, right_px, bottom = box
    # The border of the skin is soft, so it is found in a smaller picture.
    shrink = 2 if SOFT_UNITS * unit >= 2 else 1
    small = (max(1, (right_px - left) // shrink), max(1, (bottom - top) // shrink))
    beyond = BEYOND_AT_REST if pose.at_rest else BEYOND
    light = _within_range(_light(acting, frame, origin, box), warped, box, unit, beyond)
    light = cv2.resize(light, small, interpolation=cv2.INTER_LINEAR)
    light *= _skin(warped, box, unit, small)
    light = cv2.resize(light, (right_px - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    relight(warped.picture[top:bottom, left:right_px], light, slopes)


def _light(acting: list[tuple[Bulge, float]], frame: FaceFrame, origin: Points, box: Box) -> Field:
    """Return the share of light gained over a box, on a coarse grid."""
    step = max(1.0, CELL_UNITS * frame.unit_px)
    columns, rows = (max(2, round((box[end] - box[end - 2]) / step)) for end in (2, 3))
    x = box[0] + (np.arange(columns) + 0.5) * (box[2] - box[0]) / columns - 0.5
    y = box[1] + (np.arange(rows) + 0.5) * (box[3] - box[1]) / rows - 0.5
    places = np.stack(np.meshgrid(x, y), -1) - origin
    across, along = np.moveaxis(places @ np.linalg.pinv(frame.plane_px), -1, 0)
    gained = np.zeros((rows, columns))
    for bulge, share in acting:
        for side in SIDES if bulge.at[0] else (1,):
            seen = float(foreshortening(frame, np.array([side]))[0])
            distance = ((across - side * bulge.at[0]) / bulge.spread[0]) ** 2
            distance += ((along - bulge.at[1]) / bulge.spread[1]) ** 2
            gained += share * seen * np.exp(-0.5 * distance)
    return np.asarray(np.clip(gained, -MOST, MOST), np.float32)


def _within_range(light: Field, warped: Warped, box: Box, unit_px: float, beyond: tuple[float, float]) -> Field:
    """Limit the light of a coarse grid so that no place gets brighter, or darker, than the skin around it by far."""
    import cv2

    rows, columns = light.shape
    part = warped.picture[box[1] : box[3], box[0] : box[2]]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    luma = np.maximum(grey.astype(np.float32), 2.0)
    mask = _skin(warped, box, unit_px, (columns, rows)) + np.float32(1e-3)
    cells = columns / (box[2] - box[0]) * unit_px
    fine, wide = (
        cv2.GaussianBlur(luma * mask, (0, 0), units * cells) / cv2.GaussianBlur(mask, (0, 0), units * cells)
        for units in (FINE_UNITS, WIDE_UNITS)
    )
    above = np.log(fine / wide)
    darkest, brightest = np.maximum(above + beyond[0], 0), np.maximum(beyond[1] - above, 0)
    if beyond is BEYOND_AT_REST:
        darkest *= 1 - shares_between(small.max(2).astype(np.float32), CLIPPED)
    limited = np.clip(light, -darkest, brightest)
    smooth: Field = cv2.GaussianBlur(limited, (0, 0), FINE_UNITS * cells)
    return smooth


def _skin(warped: Warped, box: Box, unit_px: float, size: tuple[int, int]) -> Field:
    """Return 1 on the skin of a box and 0 on eyes and lips, with soft borders, scaled to a size of (columns, rows)."""
    import cv2

    mask = np.full(size[::-1], 255, np.uint8)
    corner, scale = np.array(box[:2]), np.array(size) / (box[2] - box[0], box[3] - box[1])

    def fixed(places_px: Points) -> Ids:
        return np.asarray(np.round(((places_px - corner + 0.5) * scale - 0.5) * 16).astype(np.int32))

    for contour in [eye.contour for eye in EYES.values()]:
        cv2.fillPoly(mask, [fixed(warped.places_px[contour])], 0, cv2.LINE_AA, 4)
    cv2.fillConvexPoly(mask, cv2.convexHull(fixed(warped.places_px[LIPS])), 0, cv2.LINE_AA, 4)
    sigma_px = max(0.7, SOFT_UNITS * unit_px * float(scale[0]))
    soft: Field = cv2.GaussianBlur(mask, (0, 0), sigma_px).astype(np.float32) / 255
    return soft
