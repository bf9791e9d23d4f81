"""What the mouth's action units do to the eleven columns of the lips, and what the mouth's own shape leaves of it.

Source  The pulls are those of action_units.py. How much room a mouth's own smile or frown leaves was set by eye.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Curve, Points
from ..pose.action_units import ACTION_UNITS, Pull
from ..pose.head_frame import MouthShape
from ..pose.pose import Pose

REST_LIFT, REST_WIDTH = (-0.07, -0.03), (0.70, 0.84)
"""Mouths at rest: how high their corners stand over the middle, and how wide they are, in units."""
NARROWS = 0.30
"""What a mouth that is calmed gives up of a width beyond that, on each side."""


def smile_room(shape: MouthShape, calm: float) -> tuple[float, float]:
    """Tell how much more a mouth can smile, up and sideways: little where it smiles already, about 1 at rest."""
    lift = float(np.clip((0.25 - shape.lift * (1 - calm)) / 0.22, 0.12, 1.3))
    width = float(np.clip((1.20 - shape.width) / 0.32, 0.10, 1.1))
    return lift, width


def frown_room(shape: MouthShape, calm: float) -> float:
    """Tell how much further the corners of a mouth can go down: little where they hang already, about 1 at rest."""
    droop = -(shape.lift - calm * _beyond(shape.lift, REST_LIFT))
    return float(np.clip((0.19 - droop) / 0.16, 0.15, 1.1))


def tightening(pose: Pose) -> float:
    """Tell how far the lips' outer borders come to the line of the mouth, as a share of their thickness."""
    return sum(amount * pull.tighten for amount, pull in _pulls(pose))


def lip_shape(pose: Pose, across: Curve, share: Curve) -> tuple[Points, Points]:
    """Give the moves of the columns of the upper and of the lower lip, (11, 2) in units each, without opening.

    Args:
        pose: the amplitudes, and the mouth at rest.
        across: where each column stands, -1 to 1 from corner to corner.
        share: what each column takes of its move (turned.py).
    """
    side = np.abs(across)
    middles = {"bow": 1 - side**2, "flat": 1 - side**6}
    out, down, upper_down, lower_down = (np.zeros_like(across) for _ in range(4))
    for amount, pull in _pulls(pose):
        out += amount * pull.corner_out
        down += amount * pull.corner_down * side**pull.corner_power
        upper_down += amount * pull.upper_down * middles[pull.middle]
        lower_down += amount * pull.lower_down * middles[pull.middle]
    narrow = min(1.0, max(0.6, pose.rest.width / REST_WIDTH[1]))
    down = narrow * down + pose.calm * _beyond(pose.rest.lift, REST_LIFT) * side**1.7
    out += -NARROWS * pose.calm * max(0.0, _beyond(pose.rest.width, REST_WIDTH)) + pose.widen / 2
    upper = np.stack([out * across, down + upper_down], 1) * share[:, None]
    lower = np.stack([out * across, down + lower_down], 1) * share[:, None]
    return upper, lower


def _pulls(pose: Pose) -> list[tuple[float, Pull]]:
    """Give the pulls of a pose with their amplitudes, after what the mouth's own shape leaves of them."""
    pulls = []
    for name, amount in pose.units.items():
        pull = ACTION_UNITS[name].pull
        if pull is None:
            continue
        if name == "AU12":
            up, out = smile_room(pose.rest, pose.calm)
            pull = replace(pull, corner_out=pull.corner_out * out, corner_down=pull.corner_down * up)
        if name == "AU15":
            context = frown_room(pose.rest, pose.calm) * (1 - 0.20 * min(1.0, pose.gap / 0.20))
            pull = replace(pull, corner_down=pull.corner_down * context)
        pulls.append((amount, pull))
    return pulls


def _beyond(value: float, span: tuple[float, float]) -> float:
    """Tell how far a value lies outside a span: 0 inside, below 0 under it."""
    return value - min(max(value, span[0]), span[1])
