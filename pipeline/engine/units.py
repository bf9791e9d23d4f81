"""Brows, lids, cheeks and nose: action units as soft bumps that push the skin.

A bump is a Gaussian around a place of the face; it moves what lies under it. The mouth's units are in lips.py.
Source  Which unit moves what, and which way: Ekman & Friesen, FACS (1978). The sizes were set by eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .arrays import Curve, Points
from .frame import FaceFrame
from .points import ANCHORS, CHIN, COUNT, EYE_POINTS, EYES, LIPS, SIDES, SKIN_COUNT
from .pose import Pose


@dataclass(frozen=True)
class Bump:
    """One push. Lengths in units; `outward` is away from the middle of the face, `down` towards the chin."""

    unit: str
    at: str
    """An anchor of points.py, or "face" for the point between the eyes."""
    offset: tuple[float, float]
    """(outward, down) from the anchor."""
    spread: tuple[float, float]
    """Standard deviations across and down."""
    outward: float
    down: float
    skin: Literal["brow", "cheek"]
    """`brow`: fades to nothing below the eyes, lids follow in part. `cheek`: all but lids, eyes and lips."""


BUMPS = (
    Bump("AU1", "inner brow", (0, -0.05), (0.17, 0.24), 0, -0.150, "brow"),
    Bump("AU2", "outer brow", (0, -0.05), (0.24, 0.24), 0, -0.125, "brow"),
    Bump("AU2", "mid brow", (0, -0.05), (0.20, 0.24), 0, -0.050, "brow"),
    Bump("AU4", "inner brow", (0, 0), (0.20, 0.20), -0.055, 0.115, "brow"),
    Bump("AU4", "mid brow", (0, 0), (0.18, 0.18), 0, 0.045, "brow"),
    Bump("AU9", "inner brow", (0, 0), (0.15, 0.15), -0.030, 0.050, "brow"),
    Bump("AU9", "nostril", (0, 0), (0.16, 0.20), 0, -0.085, "cheek"),
    Bump("AU6", "face", (0.55, 0.58), (0.26, 0.20), 0.020, -0.075, "cheek"),
    Bump("AU11", "face", (0.35, 0.75), (0.15, 0.15), 0, -0.030, "cheek"),
    Bump("AU10", "face", (0.30, 0.82), (0.16, 0.16), 0, -0.045, "cheek"),
    Bump("AU12", "face", (0.52, 0.80), (0.20, 0.22), 0.035, -0.055, "cheek"),
)
NOSE_WRINKLE = Bump("AU9", "face", (0, 0.45), (0.12, 0.25), 0, -0.030, "cheek")
CHIN_RAISE = Bump("AU17", "face", (0, -0.25), (0.25, 0.18), 0, -0.045, "cheek")
"""Its offset is from the tip of the chin."""


def push_skin(frame: FaceFrame, pose: Pose, smile_room: float) -> Points:
    """Give the moves of brows, cheeks, nose and chin, (478, 3) in units.

    Args:
        frame: the face.
        pose: the amplitudes.
        smile_room: how much of AU12 this face can take before it looks torn, 0 to about 1 (lips.py).
    """
    moves = np.zeros_like(frame.local)
    skins = {"brow": _brow_skin(frame), "cheek": _cheek_skin()}
    for side in SIDES:
        for bump in BUMPS:
            amplitude = pose.unit(bump.unit) * (smile_room if bump.unit == "AU12" else 1.0)
            _push(moves, frame, bump, side, amplitude * skins[bump.skin])
    for bump, base in ((NOSE_WRINKLE, (0.0, 0.0)), (CHIN_RAISE, (0.0, float(frame.local[CHIN, 1])))):
        _push(moves, frame, bump, 1, pose.unit(bump.unit) * skins[bump.skin], base)
    return moves


def move_lids(frame: FaceFrame, pose: Pose) -> Points:
    """Give the moves of the eyelids, (478, 3) in units: an elliptic profile from corner to corner."""
    moves = np.zeros_like(frame.local)
    for eye in EYES.values():
        local = frame.local
        opening = abs(float(local[eye.lower[3], 1] - local[eye.upper[3], 1]))
        closing = 0.22 * pose.unit("AU7") + 0.50 * pose.unit("AU43") + 0.08 * pose.unit("AU6")
        upper = opening * closing - 0.055 * pose.unit("AU5")
        lower = 0.012 * pose.unit("AU5") - opening * (0.20 * pose.unit("AU7") + 0.22 * pose.unit("AU6"))
        for ids, down in (
            (eye.upper, upper),
            (eye.upper_ring, 0.6 * upper),
            (eye.lower, lower),
            (eye.lower_ring, 0.8 * lower),
        ):
            moves[ids, 1] += down * _lid_profile(local, eye.outer, eye.inner, local[ids, 0])
    return moves


def lids_close(pose: Pose) -> bool:
    """Tell whether the lids come nearer to each other, so that they slide over the eyeball."""
    return pose.unit("AU7") + pose.unit("AU43") + 0.3 * pose.unit("AU6") > pose.unit("AU5")


def _lid_profile(local: Points, outer: int, inner: int, across: Curve) -> Curve:
    middle = (local[outer, 0] + local[inner, 0]) / 2
    half = max(1e-6, abs(float(local[inner, 0] - local[outer, 0])) / 2)
    profile: Curve = np.sqrt(np.clip(1 - ((across - middle) / half) ** 2, 0, 1))
    return profile


def _push(
    moves: Points, frame: FaceFrame, bump: Bump, side: int, amplitude: Curve, base: tuple[float, float] | None = None
) -> None:
    local = frame.local
    if base is None:
        base = (0.0, 0.0) if bump.at == "face" else tuple(local[list(ANCHORS[bump.at][side])].mean(0)[:2])
    across = (local[:, 0] - base[0] - side * bump.offset[0]) / bump.spread[0]
    along = (local[:, 1] - base[1] - bump.offset[1]) / bump.spread[1]
    weight = amplitude * np.exp(-0.5 * (across**2 + along**2))
    moves[:, 0] += side * bump.outward * weight
    moves[:, 1] += bump.down * weight


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
