"""What the mouth's action units do to the eleven columns of the lips, and what the mouth's own shape leaves of it.

Source  Which unit moves what: Ekman & Friesen, FACS (1978). The sizes were set by eye.
"""

from __future__ import annotations

import numpy as np

from .arrays import Curve, Points
from .frame import MouthShape
from .pose import Pose

REST_LIFT, REST_WIDTH = -0.03, 0.80
"""A mouth at rest: corners a little below the middle, and this wide, in units."""


def smile_room(shape: MouthShape, calm: float) -> tuple[float, float]:
    """Tell how much more a mouth can smile, up and sideways: little where it smiles already, about 1 at rest."""
    lift = float(np.clip((0.25 - shape.lift * (1 - calm)) / 0.24, 0.12, 1.1))
    width = float(np.clip((1.20 - shape.width) / 0.32, 0.10, 1.1))
    return lift, width


def lip_shape(pose: Pose, across: Curve) -> tuple[Points, Points]:
    """Give the moves of the columns of the upper and of the lower lip, (11, 2) in units each, without opening."""
    unit = pose.unit
    room_up, room_out = smile_room(pose.rest, pose.calm)
    corner_down = (
        pose.calm * (pose.rest.lift - REST_LIFT)
        - 0.130 * room_up * unit("AU12")
        + 0.110 * unit("AU15") * (1 - 0.45 * min(1.0, pose.gap / 0.20))
    )
    corner_out = (
        -0.3 * pose.calm * (pose.rest.width - REST_WIDTH)
        + 0.085 * room_out * unit("AU12")
        + 0.075 * unit("AU20")
        - 0.010 * unit("AU15")
        - 0.035 * unit("AU23")
        - 0.085 * unit("AU18")
        + pose.widen / 2
    )
    to_corner = np.abs(across) ** 1.7
    bow = 1 - across**2
    both = np.stack([corner_out * across, corner_down * to_corner], 1)
    upper, lower = both.copy(), both.copy()
    upper[:, 1] += 0.012 * unit("AU12") * (1 - to_corner)
    upper[:, 1] -= 0.085 * unit("AU10") * (1 - np.abs(across) ** 3) * (0.75 + 0.25 * np.clip(2 * np.abs(across), 0, 1))
    upper[:, 1] -= (0.020 * unit("AU9") + 0.030 * unit("AU17")) * bow
    lower[:, 1] += 0.030 * unit("AU12") * (1 - to_corner)
    lower[:, 1] -= 0.060 * unit("AU17") * bow
    return upper, lower
