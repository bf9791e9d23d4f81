"""The dark behind the teeth, with the inside of the lower lip and the tongue, and the light that falls into a mouth.

Lengths are in units; drawn colours are shares of what a white surface beside the cheek would show.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Field, fraction_between, smoothstep
from ..frames.shot_light import LUMA
from .opening import Opening

REDDENS = np.array([0.80, 1.05, 1.15], np.float32)
"""Exponents of the light's falloff: between lips and gums it loses more green and blue."""
DEEP, FLESH = np.array((0.125, 0.051, 0.046)), np.array((0.70, 0.53, 0.51))
"""The dark behind the teeth as shares of white, and the inside of the lower lip as shares of the lip's colour."""
WALL_HEIGHT, WALL_FADES, DEEPENS = (0.22, 0.13), 0.38, (0.10, 0.28)
"""Within this distance of the lower lip its inside is seen, in units: a low opening below the teeth is not black. In a
mouth that opens by more than the last values it is less, and its light fades by this share: there the dark is deep."""
CAVITY_LIGHT = 0.6
"""Exponent of the light's falloff: pictures show the inside of a mouth brighter than it is."""
TONGUE = np.array((0.70, 0.36, 0.35))
LIP_REDNESS = (0.0, 0.35)
"""How far red lips differ from green ones, as a share of luma, in a picture without colours and in a usual one: what is
drawn has the colours of the shot, which may be pale."""
TONGUE_FROM, TONGUE_FULL = 0.07, 0.16
"""Between these openings the tongue fades in."""
LIP_SHADOW = 0.050
"""How far the upper lip's shadow reaches down."""
SHADED_SHARE = 0.55
"""It covers at most this share of a low opening: light comes in from below."""
DIM = (0.02, 0.14)
SLIT_LIGHT = 0.72
"""The light rises between these openings, from this share in a slit to 1."""
REDDENS_STEPS = 2048
"""Steps of light between 0 and 1."""
_REDDENED = (np.linspace(0, 1, REDDENS_STEPS + 1) ** REDDENS[:, None]).astype(np.float32)


def draw_dark(
    opening: Opening, gap: float, opened: float, white: Curve, lip: Curve, unit_px: float
) -> tuple[Field, Field]:
    """Draw an interior without teeth: (3, height, width) in 0..255, and the share of the light at each place.

    Args:
        opening: where.
        gap: the opening of the lips, in units.
        opened: how much of it is not in the picture, in units.
        white: the colour of something white in this light, (3,).
        lip: the colour of the lips, (3,).
        unit_px: the unit in pixels.
    """
    planes = _draw_cavity(opening, gap, opened, white, lip, unit_px)
    fallen = _light_falloff(opening, gap, unit_px)
    light_share = CAVITY_LIGHT + (1 - CAVITY_LIGHT) * fraction_between(opened, DEEPENS)
    planes *= reddened(fallen ** np.float32(light_share))
    return planes, fallen


def _draw_cavity(opening: Opening, gap: float, opened: float, white: Curve, lip: Curve, unit_px: float) -> Field:
    """Draw the dark, the inside of the lower lip and the tongue, as if all had full light."""
    across, deepens = np.abs(opening.across), fraction_between(opened, DEEPENS)
    reach = WALL_HEIGHT[0] + (WALL_HEIGHT[1] - WALL_HEIGHT[0]) * deepens
    above_lip = ((1 - opening.share) * opening.height_px).astype(np.float64) / (reach * unit_px)
    wall = (smoothstep(1 - above_lip) * (1 - WALL_FADES * deepens)).astype(np.float32)
    deep, tongue = (color_of_shot(color, lip, white) * white for color in (DEEP, TONGUE))
    flesh = FLESH * lip
    drawn = np.asarray(of_planes(deep) + of_planes(flesh - deep) * wall, np.float32)
    height = float(np.clip((gap - TONGUE_FROM) / (TONGUE_FULL - TONGUE_FROM), 0, 1))
    if height == 0:
        return drawn
    top = 0.58 + 0.30 * across**2
    body = np.clip((opening.share - top) / 0.16, 0, 1) * np.clip((0.74 - across) / 0.20, 0, 1)
    furrow = 1 - 0.12 * np.exp(-((opening.across / 0.05) ** 2))
    light = 0.52 + 0.48 * np.clip((opening.share - top) / 0.45, 0, 1)
    cover = (0.92 * height * body).astype(np.float32)
    return np.asarray(drawn * (1 - cover) + of_planes(tongue) * (furrow * light * cover).astype(np.float32))


def color_of_shot(color: Curve, lip: Curve, white: Curve) -> Curve:
    """Return a colour of the mouth's inside, a share of white, (3,), as pale as the lips are in this shot."""
    seen = lip / np.maximum(white, 1.0)
    vivid = fraction_between(float((seen[0] - seen[1]) / max(1e-3, float(seen @ LUMA))), LIP_REDNESS)
    grey = float(color @ LUMA)
    return np.asarray(grey + vivid * (color - grey))


def _light_falloff(opening: Opening, gap: float, unit_px: float) -> Field:
    """Return the light at each place, 0 to 1: less under the upper lip, in the corners, and in a slit."""
    reach_px = np.minimum(LIP_SHADOW * unit_px, SHADED_SHARE * opening.height_px)
    under_lip = np.clip(opening.below_top_px / np.maximum(reach_px, 1e-3), 0, 1)
    above_lip = np.clip((1 - opening.share) * opening.height_px / (0.022 * unit_px), 0, 1)
    corner = np.clip(1.06 - np.abs(opening.across), 0, 1)
    fallen = (
        (0.55 + 0.45 * under_lip**0.8) * (0.85 + 0.15 * above_lip) * (0.30 + 0.70 * np.clip(corner / 0.62, 0, 1) ** 0.8)
    )
    return np.asarray(light_entering(gap) * fallen, np.float32)


def light_entering(gap: float) -> float:
    """Return the share of the light that an opening of this gap lets in."""
    return SLIT_LIGHT + (1 - SLIT_LIGHT) * fraction_between(gap, DIM)


def reddened(light: Field) -> Field:
    """Return the red, green and blue that are left of light which falls off to shares of 0 to 1, (3, height, width)."""
    left: Field = np.take(_REDDENED, np.rint(light * np.float32(REDDENS_STEPS)).astype(np.intp), axis=1, mode="clip")
    return left


def of_planes(color: Curve) -> Field:
    """Return a colour, (3,), so that planes of red, green and blue, (3, height, width), can be multiplied by it."""
    return color.astype(np.float32)[:, None, None]
