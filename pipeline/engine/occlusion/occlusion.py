"""Find which part of a face is covered by hands, microphones or cups, in every frame.

Landmarks do not show it, because they are also placed on an occluder. So the appearance of every texel is compared with
the usual appearance of the face in the shot. What is always there, like glasses, a beard or a fringe, is not an
occluder.

What lies in front of a face is restored in the edited picture with a soft border. The mask is aligned to the edges of
the picture by a guided filter: He, Sun & Tang, "Guided Image Filtering", IEEE TPAMI 35(6), 2013.

It depends on the face in a clip, not on the expression, so it is kept between takes of the clip: as plain arrays (npz
without pickle), exact to the bit. A file that is damaged or has another format is ignored.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import NPZ_ERRORS, Curve, Field, Image, Points
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import SKIN_COUNT
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
        faces: its landmarks, (478, 3) px; None if it was not detected, except in gaps that were filled.
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
    steady = _median_filter(outlier_score(samples, model, float(fps)), fps)
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
    # A face is often lost because of what covers it: where it was not detected, what covers it before and after counts.
    known = list(pairs)
    for frame in (frame for frame, face in enumerate(faces) if face is not None and frame not in pairs):
        after = bisect(known, frame)
        sides = known[max(0, after - 1) : after + 1]
        covered[frame], uncertain[frame] = covered[sides].max(), uncertain[sides].max()
        hidden_masks = [mask for side in sides if (mask := masks[side]) is not None]
        masks[frame] = np.logical_or.reduce(hidden_masks) if hidden_masks else None
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


CELLS = 32
"""Cells of the mask's grid per unit."""
NEAR_CELLS, FAR_CELLS, FAR_WEIGHT = 1.6, 6.0, 1e-3
"""Standard deviation of a texel's influence; standard deviation and weight where no texel is near."""
GUIDE_CELLS, GUIDE_EPS = 4, 0.0012
"""Half the side of the guided filter's window, and its regularization in squares of the grey range."""
LOW, HIGH = 0.30, 0.60
"""Between these values the mask rises from 0 to 1."""
MARGIN_UNITS = 0.05
"""Margin around an occluder, because the edit would distort its rim."""


def restore_occluder(before: Image, after: Image, face: FaceFrame, hidden: NDArray[np.bool_]) -> Image:
    """Return the edited picture with the original pixels where something covers the face.

    Args:
        before: the original, (height, width, 3) RGB.
        after: the edited picture; neither is modified.
        face: the face, in pixels of these pictures.
        hidden: the covered texels.
    """
    mask = occluder_mask(before, face, hidden)
    restored = after.copy()
    border = (mask > 0) & (mask < 1)
    weights = mask[border][:, None]
    restored[border] = np.clip(np.round(before[border] * weights + after[border] * (1 - weights)), 0, 255)
    full = mask >= 1
    restored[full] = before[full]
    return restored


def occluder_mask(picture: Image, face: FaceFrame, hidden: NDArray[np.bool_]) -> Field:
    """Return the weight of the original picture, 0 to 1, (height, width)."""
    import cv2

    height, width = picture.shape[:2]
    step = max(1.0, face.unit_px / CELLS)
    size = (max(8, round(width / step)), max(8, round(height / step)))
    coarse = _coarse_mask(face, hidden, (width, height), size)
    grey = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    fine = _guided(grey.astype(np.float32) / 255, coarse)
    margin = max(1, round(MARGIN_UNITS * face.unit_px / step))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    wide = cv2.dilate(np.clip((fine - LOW) / (HIGH - LOW), 0, 1), kernel)
    soft = np.clip(cv2.GaussianBlur(wide, (0, 0), 0.7 * margin) * 1.1 - 0.05, 0, 1)
    mask: Field = np.clip(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    return mask


def _coarse_mask(
    face: FaceFrame, hidden: NDArray[np.bool_], picture_size: tuple[int, int], size: tuple[int, int]
) -> Field:
    """Spread the texels over a grid, (rows, columns)."""
    import cv2

    positions = (texels.positions(face.points_px) + 0.5) * np.array(size) / np.array(picture_size)
    columns, rows = np.floor(positions).astype(int).T
    inside = (columns >= 0) & (columns < size[0]) & (rows >= 0) & (rows < size[1])
    layers = np.zeros((size[1], size[0], 2), np.float32)
    np.add.at(layers[..., 0], (rows[inside], columns[inside]), hidden[inside].astype(np.float32))
    np.add.at(layers[..., 1], (rows[inside], columns[inside]), 1.0)
    spread = cv2.GaussianBlur(layers, (0, 0), NEAR_CELLS) + FAR_WEIGHT * cv2.GaussianBlur(layers, (0, 0), FAR_CELLS)
    coarse: Field = spread[..., 0] / np.maximum(spread[..., 1], 1e-9)
    return coarse


def _guided(guide: Field, mask: Field) -> Field:
    import cv2

    def mean(values: NDArray[np.floating]) -> Field:
        side = 2 * GUIDE_CELLS + 1
        averaged: Field = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
        return averaged

    middle, level = mean(guide), mean(mask)
    slope = (mean(guide * mask) - middle * level) / (mean(guide * guide) - middle * middle + GUIDE_EPS)
    fine: Field = mean(slope) * guide + mean(level - slope * middle)
    return fine


SUFFIX = ".npz"
KeepOcclusion: TypeAlias = Callable[[str, int, Callable[[], Occlusion]], Occlusion]
"""Returns what was found before under this name in so many frames, or finds it; no expression changes what it is."""


def occlusion_name(faces: Sequence[Points | None], fps: Fraction) -> str:
    """Return a digest of where a face is in the frames of a shot, for a clip whose detections are known."""
    digest = hashlib.sha256(f"{fps} {len(faces)}".encode())
    for number, points in enumerate(faces):
        if points is not None:
            digest.update(str(number).encode() + np.ascontiguousarray(points).tobytes())
    return digest.hexdigest()


def write_occlusion(path: Path, occlusion: Occlusion) -> None:
    """Write an occlusion; the file name must end with `SUFFIX`."""
    frames = [number for number, mask in enumerate(occlusion.masks) if mask is not None]
    masks = [mask for mask in occlusion.masks if mask is not None]
    texels = len(masks[0]) if masks else 0
    with path.open("wb") as stream:
        np.savez_compressed(
            stream,
            covered=occlusion.covered,
            uncertain=occlusion.uncertain,
            frames=np.array(frames, np.int32),
            texels=np.array(texels),
            masks=np.packbits(np.array(masks, bool).reshape(len(masks), texels), axis=1),
        )


def read_occlusion(path: Path, count: int) -> Occlusion | None:
    """Read the occlusion of `count` frames; None if the file is damaged or not written by `write_occlusion`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            covered, uncertain = stored["covered"], stored["uncertain"]
            frames, texels = stored["frames"].tolist(), int(stored["texels"])
            masks = np.unpackbits(stored["masks"], axis=1, count=texels).astype(bool)
    except NPZ_ERRORS:
        return None
    if covered.shape != (count,) or uncertain.shape != (count,) or len(frames) != len(masks):
        return None
    by_frame = dict(zip(frames, masks, strict=True))
    return Occlusion(covered, uncertain, tuple(by_frame.get(number) for number in range(count)))
