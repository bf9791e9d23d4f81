"""The lips: eleven columns from corner to corner, four rings each, moved by the mouth's units and by speech.

Each column of the upper and of the lower lip moves as one; what opens the mouth is shared between the two lips, and
the larger share of the lower one is the jaw's.
Source  Which unit moves what: Ekman & Friesen, FACS (1978). The sizes were set by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Curve, Points
from ..pose.head_frame import FaceFrame, MouthShape
from ..pose.landmark_indices import LOWER_LIP, UPPER_LIP
from ..pose.pose import Pose
from .foreshortening import far_share
from .lip_units import lip_shape, tightening
from .spoken_lips import lift, thinning


@dataclass(frozen=True)
class LipMoves:
    """Moves of the lips' columns in units, and what follows from them."""

    upper: Points
    """(11, 2)."""
    lower: Points
    """(11, 2)."""
    tighten: tuple[float, float]
    """How far the outer borders of the upper and the lower lip come to the line of the mouth, as a share of the lip's
    thickness (AU23, AU24, speech)."""
    jaw: float
    """How far the chin goes down, in units."""


def move_lips(frame: FaceFrame, pose: Pose) -> LipMoves:
    """Work out how the columns of the lips move for a pose."""
    across = _across(frame)
    upper, lower = lip_shape(pose, across, far_share(frame, frame.local[UPPER_LIP[0], 0]))
    now = MouthShape.of(frame)
    opening = _opening_moves(frame, pose, across, now.gap, lower[:, 1] - upper[:, 1])
    more = pose.gap - now.gap
    share = 0.15 + 0.12 * min(1.0, pose.unit("AU26")) if more >= 0 else 0.40
    upper[:, 1] -= share * opening
    lower[:, 1] += (1 - share) * opening
    narrow = across * (0.06 + 0.25 * min(1.0, pose.unit("AU18"))) * max(0.0, more)
    upper[:, 0] -= narrow
    lower[:, 0] -= narrow
    raised = lift(pose.spoken, across, share)
    by_jaw = more - pose.spoken.parted
    jaw = 0.85 * (1 - share) * by_jaw if by_jaw >= 0 else 0.35 * by_jaw
    thinner = tightening(pose)
    upper_thinner, lower_thinner = (thinner + spoken for spoken in thinning(pose.spoken))
    return LipMoves(upper + raised, lower + raised, (upper_thinner, lower_thinner), jaw)


def lip_points(frame: FaceFrame, moves: LipMoves) -> Points:
    """Spread the columns' moves over the rings of both lips, (478, 3) in units; other points stay."""
    local, spread = frame.local, np.zeros_like(frame.local)
    rounding = 1 - np.abs(_across(frame)) ** 4
    for ring, share in enumerate((1.0, 0.66, 0.33, 0.0)):
        upper, lower = UPPER_LIP[ring], LOWER_LIP[ring]
        spread[upper, :2], spread[lower, :2] = moves.upper, moves.lower
        thinner = share * rounding
        spread[upper, 1] += moves.tighten[0] * thinner * (local[UPPER_LIP[3], 1] - local[UPPER_LIP[0], 1])
        spread[lower, 1] -= moves.tighten[1] * thinner * (local[LOWER_LIP[0], 1] - local[LOWER_LIP[3], 1])
    for end in (0, -1):
        spread[UPPER_LIP[:, end], :2] = (moves.upper[end] + moves.lower[end]) / 2
    return spread


def _across(frame: FaceFrame) -> Curve:
    columns = frame.local[UPPER_LIP[0], 0]
    middle, half = (columns[0] + columns[-1]) / 2, max(1e-6, float(columns[-1] - columns[0]) / 2)
    across: Curve = np.clip((columns - middle) / half, -1, 1)
    return across


def _opening_moves(frame: FaceFrame, pose: Pose, across: Curve, gap: float, opened: Curve) -> Curve:
    """Give what each column still lacks of the opening that is wanted, after `opened` by the units."""
    columns = np.maximum(0.0, frame.local[LOWER_LIP[3], 1] - frame.local[UPPER_LIP[3], 1])
    if pose.gap < gap:
        wanted = columns * (pose.gap / max(gap, 1e-6))
    else:
        wanted = columns + (pose.gap - gap) * np.sqrt(np.clip(1 - across**2, 0, 1))
    lacking: Curve = np.maximum(wanted, 0.0) - (columns + opened)
    return lacking
