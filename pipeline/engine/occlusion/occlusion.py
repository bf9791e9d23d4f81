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

from ..arrays import Curve, Image, Points
from ..geometry.head_frame import FaceFrame
from ..geometry.landmark_indices import SKIN_COUNT
from . import texels
from .appearance import Texels, learn, strange, widest

Mask = NDArray[np.bool_]
"""One truth for each texel."""
FEWEST_FRAMES, FEWEST_TEXELS = 8, 60
"""With fewer frames of a face, or with less of it in sight, nothing is usual."""
COVERED_AT = 0.5
"""From this score on a texel is covered."""
SURE = (1.1, 1.3)
"""Between these scores, of the quarter that differs most, what covers goes from nearly skin to something else."""
LEAST = 0.012
"""A smaller share of the face is a nostril, a spot of light."""
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
    unsure: Curve
    """Which share of it may be a part of something larger: what covers there looks nearly like skin, as a hand does."""
    masks: tuple[Mask | None, ...]
    """For each frame with something covered, which texels are, (texels,)."""


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
    pairs = {
        number: (one.texels, face)
        for number, (one, face) in enumerate(zip(glances, faces, strict=True))
        if one is not None and face is not None
    }
    shares, unsure, masks = np.zeros(len(glances)), np.zeros(len(glances)), list[Mask | None]([None] * len(glances))
    if len(pairs) < FEWEST_FRAMES:
        return Cover(shares, unsure, tuple(masks))
    local = _typical([face for _, face in pairs.values()])
    if texels.skin(local).sum() < FEWEST_TEXELS:
        return Cover(shares, unsure, tuple(masks))
    looks = [look for look, _ in pairs.values()]
    usual = learn(looks, local)
    steady = _steady(strange(looks, usual), fps)
    whole, lower, mouth = _zones(local)
    looked_at = _nearest_looked_at(usual.skin, local)
    for number, scores in zip(pairs, steady, strict=True):
        hidden = _closed(scores > COVERED_AT)
        if whole @ hidden > LEAST:
            shares[number] = max(float(lower @ hidden), float(mouth @ hidden))
            apart = float(np.quantile(scores[hidden & usual.skin], 0.75))
            unsure[number] = shares[number] * float(np.clip((SURE[1] - apart) / (SURE[1] - SURE[0]), 0, 1))
            masks[number] = hidden[looked_at]
    return Cover(shares, unsure, tuple(masks))


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


def _nearest_looked_at(skin: NDArray[np.bool_], local: Points) -> NDArray[np.int64]:
    """Give for each texel the nearest one that is looked at: what covers it covers its neighbour too."""
    places, own = texels.spread(local), np.flatnonzero(skin)
    apart = ((places[:, None] - places[own][None]) ** 2).sum(-1)
    return np.where(skin, np.arange(len(places)), own[np.argmin(apart, axis=1)])


def _zones(local: Points) -> list[Curve]:
    """Give the weights of the texels of the face, of its lower part, and of the mouth's room; each sums to 1."""
    places, rows = texels.spread(local), texels.triangles()
    a, b, c = (local[rows[:, corner], :2] for corner in range(3))
    areas = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    weights = np.zeros(len(places))
    np.add.at(weights, rows.ravel(), np.repeat(areas / 6, 3))
    weights[SKIN_COUNT : SKIN_COUNT + len(rows)] = areas / 2
    weights *= texels.skin(local)
    half, top, bottom = MOUTH
    across, along = places.T
    mouth = (np.abs(across) < half) & (along > top) & (along < bottom)
    zones = [weights * zone for zone in (np.ones(len(places)), along > LOWER_FROM, mouth)]
    return [zone / max(1e-9, float(zone.sum())) for zone in zones]
