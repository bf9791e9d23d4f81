"""Brows, lids, cheeks and nose: the action units' pushes and lids, acted out on one face."""

from __future__ import annotations

import numpy as np

from ..arrays import Curve, Points
from ..pose.action_units import ACTION_UNITS, Lids, Push
from ..pose.head_frame import FaceFrame
from ..pose.landmark_indices import ANCHORS, CHIN, COUNT, EYE_POINTS, EYES, LIPS, SIDES, SKIN_COUNT
from ..pose.pose import Pose
from ..ramp import smoothstep
from .foreshortening import far_share

OPEN_EYE = 0.11
"""From this opening on, in units, a lid is given all of AU5; a shut one is given nothing."""


def push_skin(frame: FaceFrame, pose: Pose, smile_room: float) -> Points:
    """Give the moves of brows, cheeks, nose and chin, (478, 3) in units.

    Args:
        frame: the face.
        pose: the amplitudes.
        smile_room: how much of AU12 this face can take before it looks torn, 0 to about 1 (lip_units.py).
    """
    moves = np.zeros_like(frame.local)
    skins = {"brow": _brow_skin(frame), "cheek": _cheek_skin()}
    for name, amplitude in pose.units.items():
        played = amplitude * (smile_room if name == "AU12" else 1.0)
        for push in ACTION_UNITS[name].pushes:
            for side in (1,) if push.once else SIDES:
                _push(moves, frame, push, side, played * skins[push.skin])
    moves[:, :2] *= far_share(frame, frame.local[:, 0])[:, None]
    return moves


def move_lids(frame: FaceFrame, pose: Pose) -> Points:
    """Give the moves of the eyelids, (478, 3) in units: an elliptic profile from corner to corner."""
    moves = np.zeros_like(frame.local)
    lids = lids_of(pose)
    for eye in EYES.values():
        local = frame.local
        opening = abs(float(local[eye.lower[3], 1] - local[eye.upper[3], 1]))
        upper = opening * lids.upper_down - lids.widen * _open_share(opening)
        lower = -opening * lids.lower_up
        for ids, down in (
            (eye.upper, upper),
            (eye.upper_ring, 0.6 * upper),
            (eye.lower, lower),
            (eye.lower_ring, 0.8 * lower),
        ):
            moves[ids, 1] += down * _lid_profile(local, eye.outer, eye.inner, local[ids, 0])
    return moves


def lids_of(pose: Pose) -> Lids:
    """Add up what the units of a pose do to the lids; together they shut an eye by three quarters at most."""
    acting = [(amount, ACTION_UNITS[name].lids or Lids()) for name, amount in pose.units.items()]
    return Lids(
        min(0.55, sum(amount * lids.upper_down for amount, lids in acting)),
        min(0.30, sum(amount * lids.lower_up for amount, lids in acting)),
        sum(amount * lids.widen for amount, lids in acting),
    )


def _open_share(opening: float) -> float:
    return float(smoothstep(np.asarray(opening / OPEN_EYE)))


def _lid_profile(local: Points, outer: int, inner: int, across: Curve) -> Curve:
    middle = (local[outer, 0] + local[inner, 0]) / 2
    half = max(1e-6, abs(float(local[inner, 0] - local[outer, 0])) / 2)
    profile: Curve = np.sqrt(np.clip(1 - ((across - middle) / half) ** 2, 0, 1))
    return profile


def _push(moves: Points, frame: FaceFrame, push: Push, side: int, amplitude: Curve) -> None:
    local = frame.local
    base_x, base_y = _base(frame, push, side)
    across = (local[:, 0] - base_x - side * push.offset[0]) / push.spread[0]
    along = (local[:, 1] - base_y - push.offset[1]) / push.spread[1]
    weight = amplitude * np.exp(-0.5 * (across**2 + along**2))
    moves[:, 0] += side * push.outward * weight
    moves[:, 1] += push.down * weight


def _base(frame: FaceFrame, push: Push, side: int) -> tuple[float, float]:
    if push.at == "face":
        return 0.0, 0.0
    if push.at == "chin":
        return 0.0, float(frame.local[CHIN, 1])
    x, y = frame.local[list(ANCHORS[push.at][side])].mean(0)[:2]
    return float(x), float(y)


def _brow_skin(frame: FaceFrame) -> Curve:
    skin = np.ones(len(frame.local))
    for eye in EYES.values():
        skin[eye.upper], skin[eye.upper_ring] = 0.12, 0.45
        skin[eye.lower], skin[eye.lower_ring] = 0.0, 0.0
        skin[[eye.outer, eye.inner]] = 0.0
    skin[LIPS], skin[SKIN_COUNT:] = 0.0, 0.0
    return skin * np.clip((0.10 - frame.local[:, 1]) / 0.12, 0, 1)


def _cheek_skin() -> Curve:
    skin = np.ones(COUNT)
    skin[EYE_POINTS], skin[LIPS] = 0.0, 0.0
    for eye in EYES.values():
        skin[eye.upper_ring] = 0.0
    return skin
