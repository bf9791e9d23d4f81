"""Foreshortening: on a turned head the far side of the face moves less in the image than the near side."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Curve
from ..geometry.head_frame import FaceFrame
from ..ramp import smoothstep

DEPTH = 0.55
"""How far the middle of the face stands in front of its sides, as a share of their distance."""
LEAST = 0.30
BLEND_UNITS = 0.25
"""Within this distance of the middle line the shares of the two sides blend."""


def foreshortening(frame: FaceFrame, across: Curve) -> Curve:
    """Return the share of a displacement that places of the face take, by their place across in units.

    It is 1 on the near side; on the far side it is the visible share of that side's width: 0.75 at a yaw of 20 degrees,
    0.41 at 40 degrees. With the full displacement a corner of the mouth on the narrow side would look askew.
    """
    yaw = math.radians(abs(frame.yaw_deg))
    far = max(LEAST, math.cos(yaw) - DEPTH * math.sin(yaw))
    towards_far = math.copysign(1.0, frame.yaw_deg) * across
    share: Curve = 1 - (1 - far) * smoothstep(0.5 + 0.5 * np.asarray(towards_far) / BLEND_UNITS)
    return share
