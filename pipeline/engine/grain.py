"""Grain that sampling between pixels takes away, given back.

A pixel that is read between four others is a mean of them, and a mean has less grain than they had; it is least at
half a pixel. Left so, skin that moves would look smoother than skin that stays. So the finest detail of each pixel is
raised by what its place between the pixels cost it; where nothing moved, nothing is raised.
"""

from __future__ import annotations

import numpy as np

from .arrays import Field, Image

GIVEN_BACK = 0.28
"""How much the finest detail is raised at half a pixel in both directions."""
FINEST_PX, FAINT = 0.7, 4.0
"""Detail finer than a Gaussian of this deviation is raised, and of it no more than 4 steps of 255: grain, not edges."""


def give_back_grain(drawn: Image, field: Field) -> Image:
    """Give the picture with its grain as strong as the source's.

    Args:
        drawn: (height, width, 3) RGB, sampled at its own places plus the field.
        field: (height, width, 2) px.
    """
    import cv2

    between = field - np.floor(field)
    lost = 4 * between * (1 - between)
    raised = (0.5 * GIVEN_BACK) * (lost[..., 0] + lost[..., 1])
    finest = cv2.subtract(drawn, cv2.GaussianBlur(drawn, (0, 0), FINEST_PX), dtype=cv2.CV_32F)
    np.clip(finest, -FAINT, FAINT, out=finest)
    back: Image = cv2.add(drawn, finest * raised[..., None], dtype=cv2.CV_8U)
    return back
