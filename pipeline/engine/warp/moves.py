"""From a pose to the moves of all landmarks: skin, lids, lips, and the skin that the lips pull along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Curve, Points
from ..pose.action_units import MOUTH_UNITS
from ..pose.head_frame import FaceFrame
from ..pose.landmark_indices import EYE_POINTS, LIPS, LOWER_LIP, NOSE_BASE, UPPER_LIP
from ..pose.pose import Pose
from .lip_units import smile_room
from .lips import LipMoves, lip_points, move_lips
from .units import move_lids, push_skin


def landmark_moves(frame: FaceFrame, pose: Pose) -> Points:
    """Give the move of each landmark for a pose, (478, 3) in the head's frame and unit.

    In the region `lips` nothing above the base of the nose moves, and nothing further than 0.38 units beside the
    mouth; the jaw does follow the lips.
    """
    pose = _within_region(pose)
    lips = move_lips(frame, pose)
    moves = push_skin(frame, pose, smile_room(pose.rest, pose.calm)[0]) + lip_points(frame, lips)
    moves[:, :2] += _skin_follows(frame, lips)
    if pose.mode == "lips":
        return moves * _mouth_region(frame)[:, None]
    return moves + move_lids(frame, pose)


def _within_region(pose: Pose) -> Pose:
    if pose.mode != "lips":
        return pose
    units = {name: amount for name, amount in pose.units.items() if name in MOUTH_UNITS}
    return replace(pose, units=units)


def _skin_follows(frame: FaceFrame, lips: LipMoves) -> Points:
    """Drag the skin around the mouth along, and let the chin and the jaw's line follow the jaw."""
    local = frame.local
    across, along = local[:, 0], local[:, 1]
    columns = local[UPPER_LIP[0], 0]
    middle, half = (columns[0] + columns[-1]) / 2, (columns[-1] - columns[0]) / 2
    upper_edge = np.interp(across, columns, local[UPPER_LIP[0], 1])
    lower_edge = np.interp(across, columns, local[LOWER_LIP[0], 1])
    beside = (np.maximum(0, np.abs(across - middle) - half) / 0.20) ** 2
    is_upper = along <= (upper_edge + lower_edge) / 2
    near_upper = is_upper * np.exp(-((np.maximum(0, upper_edge - along) / 0.22) ** 2) - beside)
    near_lower = ~is_upper * np.exp(-((np.maximum(0, along - lower_edge) / 0.28) ** 2) - beside)
    moves = (
        _at(across, columns, lips.upper) * near_upper[:, None] + _at(across, columns, lips.lower) * near_lower[:, None]
    )
    mouth_line = (local[UPPER_LIP[0, 0], 1] + local[UPPER_LIP[0, -1], 1]) / 2
    on_jaw = np.where(
        is_upper, 0, np.clip((along - mouth_line) / 0.35, 0, 1) * np.exp(-(((across - middle) / 0.70) ** 4))
    )
    moves[:, 1] += on_jaw * lips.jaw * (1 - near_lower)
    moves[LIPS], moves[EYE_POINTS] = 0.0, 0.0
    return np.asarray(moves)


def _at(across: Curve, columns: Curve, values: Points) -> Points:
    return np.stack([np.interp(across, columns, values[:, 0]), np.interp(across, columns, values[:, 1])], 1)


def _mouth_region(frame: FaceFrame) -> Curve:
    local = frame.local
    left, right = local[UPPER_LIP[0, 0], 0], local[UPPER_LIP[0, -1], 0]
    beside = np.maximum(0, np.abs(local[:, 0] - (left + right) / 2) - (right - left) / 2) / 0.30
    above = np.maximum(0, local[NOSE_BASE, 1] + 0.08 - local[:, 1]) / 0.08
    region: Curve = np.clip(1.25 - np.hypot(beside, above), 0, 1)
    return region
