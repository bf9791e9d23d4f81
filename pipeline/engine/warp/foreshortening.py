"""A head that is turned: the far side of the face is seen at a slant, and takes less of a move than the near one."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Curve
from ..pose.head_frame import FaceFrame
from ..ramp import smoothstep

DEPTH = 0.55
"""How far the middle of the face stands before its sides, as a share of their distance."""
LEAST = 0.30
BLEND_UNITS = 0.25
"""Within this distance of the middle line the shares of the two sides pass into each other."""


def far_share(frame: FaceFrame, across: Curve) -> Curve:
    """Tell what share of a move places of the face take, by their place across in units: 1 on the near side.

    On the far side it is the share of that side's width that is still seen: at a yaw of 20 degrees 0.75, at 40 degrees
    0.41. Seen so narrow, a corner of the mouth that went its whole way would stand askew.
    """
    yaw = math.radians(abs(frame.yaw_deg))
    far = max(LEAST, math.cos(yaw) - DEPTH * math.sin(yaw))
    towards_far = math.copysign(1.0, frame.yaw_deg) * across
    share: Curve = 1 - (1 - far) * smoothstep(0.5 + 0.5 * np.asarray(towards_far) / BLEND_UNITS)
    return share
