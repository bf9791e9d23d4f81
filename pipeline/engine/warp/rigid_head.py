"""Rigid head motion: the head leans, nods and turns about a point in the neck, in parallel projection.

The depth of the landmarks is used: in a turn the nose moves further than the ears, which a flat shift would not show.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Curve, Points
from ..geometry.head_frame import FaceFrame
from ..pose.emotions import HeadMove

PIVOT = (0.0, 2.3, 0.9)
"""The centre of rotation: right, down and behind the point between the eyes, in units."""


def rigid_moves_px(frame: FaceFrame, head: HeadMove, places_px: Points, depth: Curve | float = 0.0) -> Points:
    """Return how far places of the image move with the head, (count, 2) px.

    Args:
        frame: the face.
        head: the motion.
        places_px: the places, (count, 2).
        depth: how far each lies behind the point between the eyes, in units.
    """
    flat = frame.to_local(places_px)
    local = np.column_stack([flat, np.broadcast_to(depth, len(flat))]) - PIVOT
    moved = (1 + head.growth) * local @ _rotation(head).T
    moved[:, :2] += (head.right, head.down)
    moves: Points = frame.to_image_px(moved - local)
    return moves


def collar_share(frame: FaceFrame, places_px: Points) -> Points:
    """Return how much places around the head follow it, (count, 1): 1 for hair, 0 for shoulders."""
    below = frame.to_local(places_px)[:, 1:2] - 1.9
    share: Points = np.clip(1.1 - np.maximum(0, below) / 0.5, 0, 1)
    return share


def _rotation(head: HeadMove) -> Points:
    """Return the rotation in the head's frame (right, down, away): roll after yaw after pitch, (3, 3)."""
    roll, pitch, yaw = (math.radians(angle) for angle in (head.roll_deg, head.pitch_deg, head.yaw_deg))
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    turn = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    lean = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    rotation: Points = lean @ turn @ nod
    return rotation
