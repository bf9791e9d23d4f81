"""Find which part of a face is covered by hands, microphones or cups, in every frame.

Landmarks do not show it, because they are also placed on an occluder. So the appearance of every texel is compared with
the usual appearance of the face in the shot. What is always there, like glasses, a beard or a fringe, is not an
occluder.
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
from .appearance import Texels, fit, max_of_neighbors, outlier_score

Mask = NDArray[np.bool_]
"""One boolean per texel."""
MIN_FRAMES, MIN_TEXELS = 8, 60
"""With fewer frames or visible texels of a face no occlusion is detected."""
COVERED_AT = 0.5
"""A texel above this score is covered."""
CERTAIN = (1.1, 1.3)
"""Between these upper quartile scores an occluder changes from nearly like skin to clearly different."""
MIN_SHARE = 0.012
"""A smaller share of the face is a nostril or a spot of light."""
STEADY_S = Fraction(4, 25)
"""Occlusion of a texel for less than half of this is ignored as flicker."""
LOWER_FROM, MOUTH = 0.35, (0.55, 0.82, 1.42)
"""Start of the lower face below the eyes; half the width, the top and the bottom of the mouth region; in units."""


@dataclass(frozen=True, eq=False)
class FaceTexels:
    """The texels of a face in one frame: red, green, blue and edge, (texels, 4) uint8."""

    values: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Occlusion:
    """The occlusion of a face in a shot."""

    covered: Curve
    """Per frame, the covered share of the lower face or of the mouth, whichever is larger; 0 without a face."""
    uncertain: Curve
    """Per frame, the covered share that looks nearly like skin, as a hand does; the occluder may be larger."""
    masks: tuple[Mask | None, ...]
    """Per frame the covered texels, (texels,); None if there are none."""


def sample_face(picture: Image, face: FaceFrame) -> FaceTexels:
    """Sample the texels of a face in a picture."""
    return FaceTexels(texels.sample(picture, face))


def find_occlusion(
    texels_per_frame: Sequence[FaceTexels | None], faces: Sequence[Points | None], fps: Fraction
) -> Occlusion:
    """Find what covers a face in a shot.

    Args:
        texels_per_frame: the texels of the face in each frame; None if it was not detected.
        faces: its landmarks, (478, 3) px; None if it was not detected.
        fps: frames per second.
    """
    pairs = {
        frame: (face_texels.values, face)
        for frame, (face_texels, face) in enumerate(zip(texels_per_frame, faces, strict=True))
        if face_texels is not None and face is not None
    }
    covered, uncertain, masks = (
        np.zeros(len(texels_per_frame)),
        np.zeros(len(texels_per_frame)),
        list[Mask | None]([None] * len(texels_per_frame)),
    )
    if len(pairs) < MIN_FRAMES:
        return Occlusion(covered, uncertain, tuple(masks))
    local = _typical_landmarks([face for _, face in pairs.values()])
    if texels.skin_texels(local).sum() < MIN_TEXELS:
        return Occlusion(covered, uncertain, tuple(masks))
    samples = [values for values, _ in pairs.values()]
    model = fit(samples, local)
    steady = _median_filter(outlier_score(samples, model), fps)
    full, lower, mouth = _zones(local)
    nearest_skin = _nearest_skin(model.skin, local)
    for frame, scores in zip(pairs, steady, strict=True):
        hidden = _closed(scores > COVERED_AT)
        if full @ hidden > MIN_SHARE:
            covered[frame] = max(float(lower @ hidden), float(mouth @ hidden))
            quartile = float(np.quantile(scores[hidden & model.skin], 0.75))
            uncertain[frame] = covered[frame] * float(
                np.clip((CERTAIN[1] - quartile) / (CERTAIN[1] - CERTAIN[0]), 0, 1)
            )
            masks[frame] = hidden[nearest_skin]
    return Occlusion(covered, uncertain, tuple(masks))


def _typical_landmarks(faces: Sequence[Points]) -> Points:
    chosen = np.unique(np.linspace(0, len(faces) - 1, min(len(faces), 25)).round().astype(int))
    typical: Points = np.median(np.stack([FaceFrame(faces[number]).local for number in chosen]), axis=0)
    return typical


def _median_filter(scores: Texels, fps: Fraction) -> Texels:
    """Return the median of each texel over `STEADY_S`, so that a mask neither flickers nor runs ahead."""
    half = max(1, round(STEADY_S * fps / 2))
    padded = np.pad(scores, ((half, half), (0, 0)), mode="edge")
    medians = [np.median(padded[number : number + 2 * half + 1], axis=0) for number in range(len(scores))]
    return np.stack(medians).astype(np.float32)


def _closed(hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the area between covered texels, such as the flat of a finger between its edges."""
    grown = max_of_neighbors(max_of_neighbors(hidden))
    closed: NDArray[np.bool_] = ~max_of_neighbors(max_of_neighbors(~grown))
    return closed


def _nearest_skin(skin: NDArray[np.bool_], local: Points) -> NDArray[np.int64]:
    """Return for each texel the nearest evaluated one, whose occlusion it takes over."""
    positions, evaluated = texels.positions(local), np.flatnonzero(skin)
    distances = ((positions[:, None] - positions[evaluated][None]) ** 2).sum(-1)
    return np.where(skin, np.arange(len(positions)), evaluated[np.argmin(distances, axis=1)])


def _zones(local: Points) -> list[Curve]:
    """Return the texel weights of the face, of its lower part and of the mouth region; each sums to 1."""
    positions, rows = texels.positions(local), texels.triangles()
    a, b, c = (local[rows[:, corner], :2] for corner in range(3))
    areas = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    weights = np.zeros(len(positions))
    np.add.at(weights, rows.ravel(), np.repeat(areas / 6, 3))
    weights[SKIN_COUNT : SKIN_COUNT + len(rows)] = areas / 2
    weights *= texels.skin_texels(local)
    half, top, bottom = MOUTH
    x, y = positions.T
    mouth = (np.abs(x) < half) & (y > top) & (y < bottom)
    zones = [weights * zone for zone in (np.ones(len(positions)), y > LOWER_FROM, mouth)]
    return [zone / max(1e-9, float(zone.sum())) for zone in zones]
