"""Displacement of all landmarks for a pose: brows, lids, cheeks, nose, lips, and the skin that the lips pull along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Curve, Points, fraction_between, smoothstep
from ..geometry.head_frame import FaceFrame, foreshortening
from ..geometry.mesh import (
    ANCHORS,
    CHIN,
    COUNT,
    EYE_POINTS,
    EYES,
    LIPS,
    LOWER_LIP,
    NOSE_BASE,
    SIDES,
    SKIN_COUNT,
    UPPER_LIP,
)
from ..pose.action_units import ACTION_UNITS, MOUTH_UNITS, Lids
from ..pose.pose import Pose
from .lips import LipMoves, lip_points, move_lips, smile_headroom

CHIN_LESS = 0.25
"""In the region `lips` the chin moves less by this share, so that nothing below the face changes."""
OPEN_EYE = 0.11
"""From this opening on, in units, a lid takes all of AU5; a shut lid takes nothing."""

CLOSING_HOLDS, CLOSING = 0.5, (0.0, 0.30)
"""The share by which a lower lid falls less under an upper lid that comes down, from nothing to all of it between these
shares of the eye: the picture shows no eye behind the lower lid, and an iris stretched instead is not round."""


LASHES_STRETCH = 0.25
"""How much higher, as a share of its height, the skin between an upper lid and its crease may get: lashes lie on it,
which would stand up as spikes. What brows and lids pull apart further is stretched above the crease, on smooth skin."""


def landmark_moves(frame: FaceFrame, pose: Pose) -> Points:
    """Return the displacement of each landmark for a pose, (478, 3) in the head's frame and unit.

    In the region `lips` nothing above the base of the nose moves, and nothing further than 0.38 units beside the
    mouth; the jaw follows the lips.
    """
    pose = _within_region(pose)
    lips = move_lips(frame, pose)
    moves = push_skin(frame, pose, smile_headroom(pose.rest, pose.calm)[0]) + lip_points(frame, lips)
    moves[:, :2] += _skin_follows(frame, lips)
    if pose.mode == "lips":
        return moves * _mouth_region(frame)[:, None]
    moves += move_lids(frame, pose)
    _hold_lashes(frame, moves)
    return moves


def _hold_lashes(frame: FaceFrame, moves: Points) -> None:
    """Let the crease of an upper lid follow it, in place, where the skin between them would be stretched too far."""
    for eye in EYES.values():
        height = np.maximum(0, frame.local[eye.upper, 1] - frame.local[eye.upper_ring, 1])
        higher = moves[eye.upper, 1] - moves[eye.upper_ring, 1]
        moves[eye.upper_ring, 1] += np.maximum(0, higher - LASHES_STRETCH * height)


def _within_region(pose: Pose) -> Pose:
    if pose.mode != "lips":
        return pose
    units = {name: amount for name, amount in pose.units.items() if name in MOUTH_UNITS}
    return replace(pose, units=units)


def _skin_follows(frame: FaceFrame, lips: LipMoves) -> Points:
    """Return how the skin around the mouth follows the lips, and how chin and jaw line follow the jaw."""
    local = frame.local
    across, along = local[:, 0], local[:, 1]
    columns = local[UPPER_LIP[0], 0]
    middle, half = (columns[0] + columns[-1]) / 2, (columns[-1] - columns[0]) / 2
    upper_edge = np.interp(across, columns, local[UPPER_LIP[0], 1])
    lower_edge = np.interp(across, columns, local[LOWER_LIP[0], 1])
    lateral = (np.maximum(0, np.abs(across - middle) - half) / 0.20) ** 2
    is_upper = along <= (upper_edge + lower_edge) / 2
    near_upper = is_upper * np.exp(-((np.maximum(0, upper_edge - along) / 0.22) ** 2) - lateral)
    near_lower = ~is_upper * np.exp(-((np.maximum(0, along - lower_edge) / 0.28) ** 2) - lateral)
    moves = (
        _interpolated(across, columns, lips.upper) * near_upper[:, None]
        + _interpolated(across, columns, lips.lower) * near_lower[:, None]
    )
    mouth_line = (local[UPPER_LIP[0, 0], 1] + local[UPPER_LIP[0, -1], 1]) / 2
    on_jaw = np.where(
        is_upper, 0, np.clip((along - mouth_line) / 0.35, 0, 1) * np.exp(-(((across - middle) / 0.70) ** 4))
    )
    moves[:, 1] += on_jaw * lips.jaw * (1 - near_lower)
    moves[LIPS], moves[EYE_POINTS] = 0.0, 0.0
    return np.asarray(moves)


def _interpolated(across: Curve, columns: Curve, values: Points) -> Points:
    return np.stack([np.interp(across, columns, values[:, 0]), np.interp(across, columns, values[:, 1])], 1)


def _mouth_region(frame: FaceFrame) -> Curve:
    local = frame.local
    left, right = local[UPPER_LIP[0, 0], 0], local[UPPER_LIP[0, -1], 0]
    lateral = np.maximum(0, np.abs(local[:, 0] - (left + right) / 2) - (right - left) / 2) / 0.25
    above = np.maximum(0, local[NOSE_BASE, 1] + 0.08 - local[:, 1]) / 0.08
    below = np.clip((local[:, 1] - local[LOWER_LIP[0, 5], 1]) / 0.5, 0, 1)
    region: Curve = np.clip(1.25 - np.hypot(lateral, above), 0, 1) * (1 - CHIN_LESS * below)
    return region


def push_skin(frame: FaceFrame, pose: Pose, smile: float) -> Points:
    """Return the displacements of brows, cheeks, nose and chin, (478, 3) in units.

    Args:
        frame: the face.
        pose: the amplitudes.
        smile: share of AU12 that this face can take before it looks torn, 0 to about 1 (`smile_headroom`).
    """
    moves = np.zeros_like(frame.local)
    anchors = _anchors(frame)
    for kind, skin in (("brow", _brow_skin(frame)), ("cheek", _cheek_skin())):
        rows = [
            (
                *np.add(anchors[push.at][side], (side * push.offset[0], push.offset[1])),
                *push.spread,
                strength * side * push.outward,
                strength * push.down,
            )
            for name, amplitude in pose.units.items()
            for strength in [amplitude * (smile if name == "AU12" else 1.0)]
            for push in ACTION_UNITS[name].pushes
            if push.skin == kind
            for side in ((1,) if push.once else SIDES)
        ]
        if rows:
            moves[:, :2] += skin[:, None] * _pushed(frame.local, np.array(rows))
    moves[:, :2] *= foreshortening(frame, frame.local[:, 0])[:, None]
    return moves


def _pushed(local: Points, pushes: Points) -> Points:
    """Return the sum of pushes on landmarks, (478, 2).

    Args:
        local: the landmarks in units, (478, 3).
        pushes: (count, 6): where each is strongest, how far it spreads, and its displacement right and down.
    """
    at_x, at_y, spread_x, spread_y = pushes[:, :4].T[..., None]
    weights = np.exp(-0.5 * (((local[:, 0] - at_x) / spread_x) ** 2 + ((local[:, 1] - at_y) / spread_y) ** 2))
    moves: Points = weights.T @ pushes[:, 4:]
    return moves


_ANCHOR_POINTS = np.array([[ids[side][0], ids[side][-1]] for ids in ANCHORS.values() for side in SIDES])
"""The points of the anchors, one or two each, by anchor and side."""


def _anchors(frame: FaceFrame) -> dict[str, dict[int, tuple[float, float]]]:
    """Return where pushes start, by their `at` and side, in units."""
    places = iter(frame.local[_ANCHOR_POINTS, :2].mean(1).tolist())
    anchors = {name: {side: tuple(next(places)) for side in SIDES} for name in ANCHORS}
    chin = 0.0, float(frame.local[CHIN, 1])
    return anchors | {"face": dict.fromkeys(SIDES, (0.0, 0.0)), "chin": dict.fromkeys(SIDES, chin)}


def move_lids(frame: FaceFrame, pose: Pose) -> Points:
    """Return the displacements of the eyelids, (478, 3) in units: an elliptic profile from corner to corner."""
    moves = np.zeros_like(frame.local)
    lids = combined_lids(pose)
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


def combined_lids(pose: Pose) -> Lids:
    """Return the sum of what the units of a pose do to the lids; together they shut at most 93 % of an eye."""
    acting = [(amount, ACTION_UNITS[name].lids or Lids()) for name, amount in pose.units.items()]
    upper_down = min(0.55, sum(amount * lids.upper_down for amount, lids in acting))
    lower_up = min(0.38, sum(amount * lids.lower_up for amount, lids in acting))
    if lower_up < 0:
        lower_up *= 1 - CLOSING_HOLDS * fraction_between(upper_down, CLOSING)
    return Lids(
        upper_down,
        lower_up,
        sum(amount * lids.widen for amount, lids in acting),
    )


def _open_share(opening: float) -> float:
    return float(smoothstep(np.asarray(opening / OPEN_EYE)))


def _lid_profile(local: Points, outer: int, inner: int, across: Curve) -> Curve:
    middle = (local[outer, 0] + local[inner, 0]) / 2
    half = max(1e-6, abs(float(local[inner, 0] - local[outer, 0])) / 2)
    profile: Curve = np.sqrt(np.clip(1 - ((across - middle) / half) ** 2, 0, 1))
    return profile


def _brow_skin(frame: FaceFrame) -> Curve:
    skin = np.ones(len(frame.local))
    for eye in EYES.values():
        skin[eye.upper], skin[eye.upper_ring] = 0.20, 0.60
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
