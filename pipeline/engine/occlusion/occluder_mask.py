"""Restore what lies in front of a face in the edited picture, with a soft border along its edges.

The mask is aligned to the edges of the picture by a guided filter: He, Sun & Tang, "Guided Image Filtering", IEEE TPAMI
35(6), 2013.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import Field, Image
from ..geometry.head_frame import FaceFrame
from . import texels

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
