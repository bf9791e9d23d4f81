"""What lies behind the teeth: dark, and a tongue; and how light falls off towards the back and the corners.

Lengths are in units, colours are shares of what a white thing beside the cheek would show.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Field
from .mouth_opening import Opening

DEEP, FLESH = np.array((0.12, 0.045, 0.045)), np.array((0.30, 0.12, 0.12))
TONGUE, GUM = np.array((0.62, 0.32, 0.31)), np.array((0.66, 0.38, 0.37))
TONGUE_FROM, TONGUE_FULL = 0.07, 0.16
"""Between these openings the tongue comes to be seen."""
LIP_SHADOW = 0.050
"""How far the upper lip's shadow reaches down,"""
SHADED_SHARE = 0.55
"""and so much of a lower opening at most: light comes in from below."""
DIM = (0.02, 0.14)
SLIT = 0.72
"""Between these openings light comes in; so much comes in by a slit."""


def mix(under: Field, over: Field | Curve, cover: Field) -> Field:
    """Lay a colour, or a picture, over another where `cover`, (height, width), is 1."""
    share = cover[..., None]
    mixed: Field = (under * (1 - share) + over * share).astype(np.float32)
    return mixed


def cavity(opening: Opening, gap: float) -> Field:
    """Draw the dark and the tongue, (height, width, 3)."""
    share, across = opening.share[..., None], np.abs(opening.across)
    wall = np.clip((share - 0.45) / 0.55, 0, 1) ** 2 * 0.55
    drawn = DEEP * (1 - wall) + FLESH * wall
    height = float(np.clip((gap - TONGUE_FROM) / (TONGUE_FULL - TONGUE_FROM), 0, 1))
    top = 0.58 + 0.30 * across**2
    body = np.clip((opening.share - top) / 0.16, 0, 1) * np.clip((0.74 - across) / 0.20, 0, 1)
    furrow = 1 - 0.12 * np.exp(-((opening.across / 0.05) ** 2))
    light = 0.52 + 0.48 * np.clip((opening.share - top) / 0.45, 0, 1)
    tongue = TONGUE * (furrow * light)[..., None]
    return mix(drawn.astype(np.float32), tongue.astype(np.float32), (0.92 * height * body).astype(np.float32))


def falling_light(opening: Opening, gap: float, unit_px: float) -> Field:
    """Give how much light reaches each place, 0 to 1: less under the upper lip, in the corners, and in a slit."""
    reach_px = np.minimum(LIP_SHADOW * unit_px, SHADED_SHARE * opening.height_px)
    under_lip = np.clip(opening.below_top_px / np.maximum(reach_px, 1e-3), 0, 1)
    above_lip = np.clip((1 - opening.share) * opening.height_px / (0.022 * unit_px), 0, 1)
    corner = np.clip(1.06 - np.abs(opening.across), 0, 1)
    fallen = (
        (0.55 + 0.45 * under_lip**0.8) * (0.72 + 0.28 * above_lip) * (0.30 + 0.70 * np.clip(corner / 0.62, 0, 1) ** 0.8)
    )
    return np.asarray(entering(gap) * fallen, np.float32)


def entering(gap: float) -> float:
    """Give the share of the light that an opening of so many units lets in."""
    return SLIT + (1 - SLIT) * float(np.clip((gap - DIM[0]) / (DIM[1] - DIM[0]), 0, 1))
