"""How far a pose can reach in a picture: the part of it that is read and written."""

from __future__ import annotations

import numpy as np

from .frame import FaceFrame
from .frames import Look
from .layer import Box, box_around
from .points import OVAL
from .pose import Pose
from .warp import FACE_RING, OUTER_RING

MARGIN_UNITS = 0.6
"""Pixels may be fetched from this far outside."""


def reach_box(face: FaceFrame, pose: Pose, look: Look) -> Box | None:
    """Give the box of a face with all that its pose can move; None where none of it is in the picture."""
    oval = face.points_px[OVAL, :2]
    centre = (oval.min(0) + oval.max(0)) / 2
    ring = centre + (oval - centre) * (OUTER_RING if pose.mode == "head" else FACE_RING)
    if not np.isfinite(ring).all():
        return None
    return box_around(ring, MARGIN_UNITS * face.unit_px, (look.height, look.width))
