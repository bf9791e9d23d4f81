"""What lies in front of a face: hands, microphones, cups. Which part of it is covered, in every frame.

The landmarks do not tell: they are found on an occluder as well. So the look of every texel is compared with the usual
look of this face in this shot. What is always there, like glasses, a beard or a fringe, is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from . import texels
from .arrays import Curve, Image, Points
from .frame import FaceFrame
from .points import SKIN_COUNT
from .usual import Texels, learn, strange, widest

FEWEST_FRAMES = 8
"""With fewer frames of a face nothing is usual."""
COVERED_AT = 0.5
STEADY_S = Fraction(4, 25)
"""What covers a texel for less than half of this is a flicker."""
LOWER_FROM, MOUTH = 0.35, (0.55, 0.82, 1.42)
"""Where the lower face begins below the eyes, and half the width, the top and the bottom of the mouth's room; units."""


@dataclass(frozen=True, eq=False)
class Glance:
    """A face's texels in one frame: red, green, blue and edge, (texels, 4) uint8."""

    texels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Cover:
    """What covers a face through a shot."""

    shares: Curve
    """For each frame, which share of the lower face, or of the mouth if that is more, is covered; 0 without a face."""
    masks: tuple[NDArray[np.uint8] | None, ...]
    """For each frame with something covered, 0 to 255 for each texel."""


def glance(picture: Image, face: FaceFrame) -> Glance:
    """Look at a face in a picture that both are given in."""
    return Glance(texels.sample(picture, face))


def cover(glances: Sequence[Glance | None], faces: Sequence[Points | None], fps: Fraction) -> Cover:
    """Find what covers a face.

    Args:
        glances: of the face, for each frame of one shot; None where it was not seen.
        faces: its landmarks, (478, 3) px, likewise.
        fps: frames per second.
    """
    seen = [number for number, one in enumerate(glances) if one is not None and faces[number] is not None]
    shares, masks = np.zeros(len(glances)), [None] * len(glances)
    if len(seen) < FEWEST_FRAMES:
        return Cover(shares, tuple(masks))
    local = _typical([faces[number] for number in seen])
    looks = [glances[number].texels for number in seen]
    steady = _steady(strange(looks, learn(looks, local)), fps)
    lower, mouth = _zones(local)
    for number, scores in zip(seen, steady, strict=True):
        hidden = _closed(scores > COVERED_AT)
        if hidden.any():
            shares[number] = max(float(lower @ hidden), float(mouth @ hidden))
            masks[number] = np.where(hidden, 255, np.clip(scores / COVERED_AT, 0, 0.5) * 255).astype(np.uint8)
    return Cover(shares, tuple(masks))


def _typical(faces: Sequence[Points]) -> Points:
    chosen = np.unique(np.linspace(0, len(faces) - 1, min(len(faces), 25)).round().astype(int))
    typical: Points = np.median(np.stack([FaceFrame(faces[number]).local for number in chosen]), axis=0)
    return typical


def _steady(scores: Texels, fps: Fraction) -> Texels:
    """Take the median of each texel over a short while, so that a mask neither flickers nor hurries ahead."""
    half = max(1, round(STEADY_S * fps / 2))
    padded = np.pad(scores, ((half, half), (0, 0)), mode="edge")
    steady = [np.median(padded[number : number + 2 * half + 1], axis=0) for number in range(len(scores))]
    return np.stack(steady).astype(np.float32)


def _closed(hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what lies between covered texels, such as the flat of a finger between its edges."""
    grown = widest(widest(hidden))
    closed: NDArray[np.bool_] = ~widest(widest(~grown))
    return closed


def _zones(local: Points) -> tuple[Curve, Curve]:
    """Give the weights of the texels of the lower face, and of the mouth's room; each sums to 1."""
    places, rows = texels.spread(local), texels.triangles()
    a, b, c = (local[rows[:, corner], :2] for corner in range(3))
    areas = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    weights = np.zeros(len(places))
    np.add.at(weights, rows.ravel(), np.repeat(areas / 6, 3))
    weights[SKIN_COUNT : SKIN_COUNT + len(rows)] = areas / 2
    weights *= texels.skin(local)
    half, top, bottom = MOUTH
    zones = []
    for zone in (
        places[:, 1] > LOWER_FROM,
        (np.abs(places[:, 0]) < half) & (places[:, 1] > top) & (places[:, 1] < bottom),
    ):
        inside = weights * zone
        zones.append(inside / max(1e-9, float(inside.sum())))
    return zones[0], zones[1]
