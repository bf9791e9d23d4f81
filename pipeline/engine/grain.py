"""Grain that sampling between pixels takes away, given back.

A pixel that is read between four others is a mean of them, and a mean has less grain than they had; it is least at
half a pixel. Left so, skin that moves would look smoother than skin that stays. So the finest detail of each pixel is
raised by what its place between the pixels cost it; where nothing moved, nothing is raised, nor in pictures without
grain: in compressed ones there is hardly any, and what is finest there flickers.
"""

from __future__ import annotations

import numpy as np

from .arrays import Field, Image

GIVEN_BACK = 0.28
"""How much the finest detail is raised at half a pixel in both directions."""
FINEST_PX, FAINT = 0.7, 4.0
"""Detail finer than a Gaussian of this deviation is raised, and of it no more than 4 steps of 255: grain, not edges."""
GRAINY = (1.2, 1.6)
"""Between these means of the finest detail, in steps of 255, a picture comes to count as one with grain."""


def give_back_grain(drawn: Image, field: Field) -> Image:
    """Give the picture with its grain as strong as the source's.

    Args:
        drawn: (height, width, 3) RGB, sampled at its own places plus the field.
        field: (height, width, 2) px.
    """
    import cv2

    finest = cv2.subtract(drawn, cv2.GaussianBlur(drawn, (0, 0), FINEST_PX), dtype=cv2.CV_32F)
    np.clip(finest, -FAINT, FAINT, out=finest)
    grain = (float(np.abs(finest[::2, ::2]).mean()) - GRAINY[0]) / (GRAINY[1] - GRAINY[0])
    if grain <= 0:
        return drawn
    between = field - np.floor(field)
    lost = 4 * between * (1 - between)
    raised = (0.5 * GIVEN_BACK * min(1.0, grain)) * (lost[..., 0] + lost[..., 1])
    back: Image = cv2.add(drawn, finest * raised[..., None], dtype=cv2.CV_8U)
    return back
