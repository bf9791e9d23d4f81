"""Model the usual appearance of a face, and score texels that look different.

A texel belongs to the face if it looks like one of a few exemplars (the most similar frames), or like its own recent
past while it belonged to the face. So changing light, a turning head and a beard are learnt; a hand from the side is
not, because only texels classified as face update the model.

The sample consensus is that of Barnich & Van Droogenbroeck, "ViBe: A Universal Background Subtraction Algorithm for
Video Sequences", IEEE TIP 20(6), 2011, without its randomness. Light is normalized by a plane fitted to the logarithms
of the ratios of the better part of the texels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import left_after_frame
from . import texels

Texels = NDArray[np.float32]
"""One or three values per texel: (texels,) or (texels, 3)."""

_Scalar = TypeVar("_Scalar", np.float32, np.bool_)

SAMPLED_FRAMES, SIMILAR_SHARE, ROUNDS, EXEMPLARS = 60, 0.3, 4, 8
"""Frames that are compared, the most similar fraction of them, iterations, and the number of exemplars."""
LIGHTNESS_LIMIT, CHROMA_LIMIT = 13.0, 7.0
LIPS_LIGHTNESS_LIMIT, LIPS_CHROMA_LIMIT = 22.0, 13.0
"""CIELAB distances beyond which a texel is not the face; lips vary more because they get wet, stretch and open."""
EDGE_TOLERANCE, EDGE_LIMIT = 5.0, 12.0
"""Edge growth in grey levels per texel that is ignored, and the growth above it that scores 1."""
LIPS_MIN_CHROMA, LIPS_LOST_SHARE, LIPS_LOST_SCORE = 7.0, 0.5, 1.2
"""Lips that differ from skin by at least this chroma are covered if less than this fraction of it is left."""
UPDATE_BELOW, UPDATE_RATE, EDGE_DECAY = 0.55, 0.5, 0.97
"""Texels below this score update the model; the update rate and the decay of an edge per frame, at 25 frames/s."""
_FLOOR, _MAX_LOG_GAIN = 8.0, 0.7


@dataclass(frozen=True, eq=False)
class AppearanceModel:
    """The usual appearance of a face."""

    rgb: Texels
    lab: Texels
    """The exemplars, (exemplars, texels, 3)."""
    edges: Texels
    start: int
    """Index of the most typical frame."""
    skin: NDArray[np.bool_]
    """Texels that are evaluated."""
    plane: Texels
    """1, x and y of each texel, to fit the light."""


def fit(frames: Sequence[NDArray[np.uint8]], local: NDArray[np.float64]) -> AppearanceModel:
    """Fit the model to the most similar frames; at most 60 frames are compared.

    Args:
        frames: texels of each frame with the face, (texels, 4).
        local: typical landmarks of the face in its own frame, (478, 3) units.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), SAMPLED_FRAMES)).round().astype(int))
    sampled = np.stack([frames[index] for index in chosen]).astype(np.float32)
    skin = texels.skin_texels(local)
    positions = texels.positions(local)
    plane = np.column_stack([np.ones(len(positions)), positions]).astype(np.float32)
    similar = np.arange(len(sampled))
    for _ in range(ROUNDS):
        rgb = np.median(sampled[similar, :, :3], axis=0)
        lab = np.stack([to_lab(_normalize_light(frame[:, :3], rgb, skin, plane)) for frame in sampled])
        distance = np.abs(lab - np.median(lab[similar], axis=0))
        score = np.maximum(
            distance[..., 0] / LIGHTNESS_LIMIT, np.hypot(distance[..., 1], distance[..., 2]) / CHROMA_LIMIT
        )
        frame_scores = np.clip(score, 0, 2)[:, skin].mean(1)
        before, count = similar, max(min(3, len(sampled)), int(len(sampled) * SIMILAR_SHARE))
        similar = np.sort(np.argsort(frame_scores, kind="stable")[:count])
        if np.array_equal(similar, before):
            break  # every further round would give the same
    exemplars = similar[np.unique(np.linspace(0, len(similar) - 1, min(len(similar), EXEMPLARS)).round().astype(int))]
    return AppearanceModel(
        rgb, lab[exemplars], sampled[exemplars, :, 3].max(0), int(chosen[np.argmin(frame_scores)]), skin, plane
    )


def outlier_score(frames: Sequence[NDArray[np.uint8]], model: AppearanceModel, fps: float) -> NDArray[np.float32]:
    """Return the outlier score of each texel in each frame, 0 the face, from 1 on something else; (frames, texels)."""
    scores = np.zeros((len(frames), len(model.rgb)), np.float32)
    for order in (range(model.start, len(frames)), range(model.start, -1, -1)):
        _score_in_order(frames, model, order, fps, scores)
    return scores


def _score_in_order(
    frames: Sequence[NDArray[np.uint8]],
    model: AppearanceModel,
    order: Iterable[int],
    fps: float,
    scores: NDArray[np.float32],
) -> None:
    lips = texels.lip_texels()
    skin_tone = np.median(model.lab[:, model.skin & ~lips].reshape(-1, 3), axis=0)
    recent, edges = model.lab.mean(0), model.edges
    update_rate, edge_decay = 1 - left_after_frame(1 - UPDATE_RATE, fps), left_after_frame(EDGE_DECAY, fps)
    lightness_limit = np.where(lips, LIPS_LIGHTNESS_LIMIT, LIGHTNESS_LIMIT)
    chroma_limit = np.where(lips, LIPS_CHROMA_LIMIT, CHROMA_LIMIT)
    for number in order:
        frame = frames[number].astype(np.float32)
        lab = to_lab(_normalize_light(frame[:, :3], model.rgb, model.skin, model.plane))
        distance = np.abs(np.concatenate([model.lab, recent[None]]) - lab)
        chroma = np.hypot(distance[..., 1], distance[..., 2])
        score = np.maximum(distance[..., 0] / lightness_limit, chroma / chroma_limit).min(0)
        edge_growth = (frame[:, 3] - max_of_neighbors(max_of_neighbors(edges)) - EDGE_TOLERANCE) / EDGE_LIMIT
        score = np.where(
            lips, np.maximum(score, _lost_lips(lab, model, skin_tone)), np.maximum(score, np.clip(edge_growth, 0, 1.5))
        )
        score = mean_of_neighbors(mean_of_neighbors(np.where(model.skin, np.clip(score, 0, 2), 0)))
        scores[number] = score
        is_face = max_of_neighbors(score) < UPDATE_BELOW
        recent = np.where(is_face[:, None], recent + update_rate * (lab - recent), recent)
        edges = np.where(is_face, np.maximum(edge_decay * edges, frame[:, 3]), edges)


def _lost_lips(lab: Texels, model: AppearanceModel, skin_tone: Texels) -> Texels:
    """Score lips that have become as pale as skin, as under a hand of the face's own colour."""
    usual = np.hypot(*(model.lab.mean(0) - skin_tone)[:, 1:].T)
    current = np.hypot(*(lab - skin_tone)[:, 1:].T)
    scores: Texels = np.where((usual > LIPS_MIN_CHROMA) & (current < LIPS_LOST_SHARE * usual), LIPS_LOST_SCORE, 0)
    return scores


def _normalize_light(rgb: Texels, reference: Texels, skin: NDArray[np.bool_], plane: Texels) -> Texels:
    """Match the light of a frame to a reference: a plane per channel, fitted to the texels that follow one."""
    fitted = np.flatnonzero(skin)[::3]
    ratio = np.log((reference[fitted] + _FLOOR) / (rgb[fitted] + _FLOOR)).astype(np.float64)
    positions = plane[fitted].astype(np.float64)
    used = np.ones(len(ratio), bool)
    for _ in range(3):
        rows = positions[used]
        slopes = np.linalg.solve(rows.T @ rows + 1e-6 * np.eye(3), rows.T @ ratio[used])
        misses = np.abs(ratio - positions @ slopes)
        residual = np.maximum(np.maximum(misses[:, 0], misses[:, 1]), misses[:, 2])
        used = residual <= np.partition(residual, int(0.6 * len(residual)))[int(0.6 * len(residual))]
    light = plane @ slopes
    normalized: Texels = ((rgb + _FLOOR) * np.exp(np.clip(light, -_MAX_LOG_GAIN, _MAX_LOG_GAIN)) - _FLOOR).astype(
        np.float32
    )
    return normalized


def to_lab(rgb: Texels) -> Texels:
    """Convert RGB of 0..255, (texels, 3), to CIELAB."""
    import cv2

    scaled = np.clip(rgb, 0, 255).astype(np.float32)[None] / 255
    lab: Texels = cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab)[0]
    return lab


def mean_of_neighbors(values: Texels) -> Texels:
    """Return the mean of each texel and its neighbours on the mesh."""
    mean: Texels = values[texels.neighbors()].mean(1)
    return mean


def max_of_neighbors(values: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return the maximum of each texel and its neighbours."""
    maximum: NDArray[_Scalar] = values[texels.neighbors()].max(1)
    return maximum
