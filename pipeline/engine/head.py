"""The rigid part: a head that leans and nods with the emotion, about a point below the chin."""

from __future__ import annotations

import math

import numpy as np

from .arrays import Points
from .emotions import HeadMove
from .frame import FaceFrame
from .points import CHIN, FOREHEAD


def rigid_moves_px(frame: FaceFrame, head: HeadMove, places_px: Points) -> Points:
    """Give the move of places of the image, (count, 2), that a head's move carries along."""
    top, chin = frame.points_px[FOREHEAD, :2], frame.points_px[CHIN, :2]
    pivot = chin + (chin - top) * 0.35
    angle = math.radians(head.roll_deg)
    turn = (1 + head.growth) * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    slide = np.array([head.right, head.down]) @ frame.plane_px
    moves: Points = (places_px - pivot) @ turn.T + pivot + slide - places_px
    return moves


def collar_share(frame: FaceFrame, places_px: Points) -> Points:
    """Tell how much places around the head follow it, (count, 1): hair wholly, shoulders not at all."""
    below = frame.to_local(places_px)[:, 1:2] - 1.9
    share: Points = np.clip(1.1 - np.maximum(0, below) / 0.5, 0, 1)
    return share
