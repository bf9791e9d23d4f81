"""Measurements on a take's pixels, independent of the engine's own methods: patches, flow, sharpness, flicker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Luma = NDArray[np.float32]
PATCHES = {
    "inner brow": (55, 285),
    "outer brow": (46, 276),
    "mouth corner": (61, 291),
    "nostril": (129, 358),
    "upper lip": (37, 267),
    "chin": (152,),
}
"""Patches of skin to find again, by landmarks of the source; left and right are averaged."""
FINER = 3
PATCH_UNITS, REACH_UNITS = 0.20, 0.34
SAME_FLOW_PX = 0.5
NOSE_BASE, LIPS, MOUTH_UNITS = 2, [61, 291, 0, 17], 0.15
FLOW_REACHES_UNITS = 0.12
"""How far optical flow smears moving into still parts."""


def luma(picture: Rgb) -> Luma:
    """Return the luma of a picture, 0 to 255."""
    weighed: Luma = (picture @ np.array([0.2126, 0.7152, 0.0722])).astype(np.float32)
    return weighed


@dataclass(frozen=True)
class Face:
    """The place of a face in a source picture."""

    points: NDArray[np.float64]
    """(478, 2) px."""

    @property
    def unit(self) -> float:
        """The distance between the eyes, px."""
        return float(np.linalg.norm(self._eyes[1] - self._eyes[0]))

    @property
    def _eyes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.points[[33, 133]].mean(0), self.points[[263, 362]].mean(0)

    @property
    def up(self) -> NDArray[np.float64]:
        """The direction of the forehead."""
        right = (self._eyes[1] - self._eyes[0]) / self.unit
        return np.array([right[1], -right[0]])

    def around(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Return the part of a picture of this shape that shows the head and little else."""
        middle = (self.points.min(0) + self.points.max(0)) / 2 + 0.15 * self.unit * self.up
        low = np.maximum(0, middle - 1.75 * self.unit).astype(int)
        high = np.minimum([shape[1], shape[0]], middle + 1.75 * self.unit).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])

    def box(self) -> tuple[slice, slice]:
        """Return the part of the picture that the face fills."""
        low, high = self.points.min(0).astype(int), self.points.max(0).astype(int)
        return slice(max(0, low[1]), high[1]), slice(max(0, low[0]), high[0])


def rise(before: Luma, after: Luma, face: Face, patch: str) -> float:
    """Return how far skin rose, in eye distances: a patch of the source is located in the take.

    Source: normalised cross-correlation (J. P. Lewis, "Fast Normalized Cross-Correlation", 1995), a third of a pixel.
    """
    return float(
        np.mean([_displacement(before, after, face, face.points[index]) @ face.up for index in PATCHES[patch]])
    )


def _displacement(before: Luma, after: Luma, face: Face, at: NDArray[np.float64]) -> NDArray[np.float64]:
    import cv2

    half, reach = (max(3, round(units * face.unit)) for units in (PATCH_UNITS, REACH_UNITS))
    column, row = np.round(at).astype(int)
    wide = cv2.copyMakeBorder(before, *[half + reach] * 4, cv2.BORDER_REPLICATE)
    wide_after = cv2.copyMakeBorder(after, *[half + reach] * 4, cv2.BORDER_REPLICATE)
    row, column = row + half + reach, column + half + reach
    patch = wide[row - half : row + half + 1, column - half : column + half + 1]
    around = wide_after[row - half - reach : row + half + reach + 1, column - half - reach : column + half + reach + 1]
    patch, around = (
        cv2.resize(part, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC) for part in (patch, around)
    )
    score = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    best = np.unravel_index(int(score.argmax()), score.shape)
    return (np.array([best[1], best[0]]) / FINER - reach) / face.unit


def stray_share(before: Luma, after: Luma, face: Face, mode: str) -> float:
    """Return the share of pixels outside a region that move by half a pixel or more, by optical flow.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as OpenCV has it.
    """
    import cv2

    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        before.round().astype(np.uint8), after.round().astype(np.uint8), None
    )
    outside = _outside(before.shape, face, mode)
    changed = cv2.GaussianBlur(np.abs(after - before), (0, 0), 1.5) > 1.5
    return float(((np.hypot(flow[..., 0], flow[..., 1]) > SAME_FLOW_PX) & changed)[outside].mean())


def _outside(shape: tuple[int, ...], face: Face, mode: str) -> NDArray[np.bool_]:
    row, column = np.indices(shape)
    up = ((np.stack([column, row], -1) - face.points[NOSE_BASE]) @ face.up) / face.unit
    if mode == "lips":
        return np.asarray(up > FLOW_REACHES_UNITS)
    low, high = face.points.min(0), face.points.max(0)
    middle, half = (low + high) / 2, (high - low) / 2 * 1.45
    return np.asarray((np.abs(column - middle[0]) > half[0]) | (np.abs(row - middle[1]) > half[1]))


def sharpness(picture: Luma, face: Face) -> float:
    """Return the variance of the Laplacian in the face without its mouth."""
    import cv2

    edges = cv2.Laplacian(np.ascontiguousarray(picture), cv2.CV_32F)
    skin = np.zeros(picture.shape, bool)
    skin[face.box()] = True
    low, high = face.points[LIPS].min(0) - MOUTH_UNITS * face.unit, face.points[LIPS].max(0) + MOUTH_UNITS * face.unit
    skin[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = False
    return float(edges[skin].var())


def flicker(pictures: list[Luma], face: Face) -> float:
    """Return the mean second difference in time in the face, in steps of 255."""
    stack = np.stack([picture[face.box()] for picture in pictures])
    return float(np.abs(stack[:-2] - 2 * stack[1:-1] + stack[2:]).mean())
