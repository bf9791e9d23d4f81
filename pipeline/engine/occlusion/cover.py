"""Keep what lies in front of a face: there the picture stays as it was, with a soft border along its own edges.

Source  the mask is drawn to the picture's edges by the guided filter: He, Sun & Tang, "Guided Image Filtering",
        IEEE TPAMI 35(6), 2013.
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
"""How far a texel speaks for the pixels around it, and how far and how softly where there is none."""
GUIDE_CELLS, GUIDE_EPS = 4, 0.0012
"""The guided filter's window (half its side) and what counts as an edge, in squares of the grey range."""
LOW, HIGH = 0.30, 0.60
"""Between these the mask rises from nothing to all."""
ROOM_UNITS = 0.05
"""So much more is kept around what covers: the edit would drag its rim along."""


def keep_covered(before: Image, after: Image, face: FaceFrame, hidden: NDArray[np.bool_]) -> Image:
    """Give the edited picture with what is in front of the face as it was.

    Args:
        before: (height, width, 3) RGB, as it was.
        after: the same with the face changed; neither is changed here.
        face: the face, in pixels of these pictures.
        hidden: which of its texels are covered.
    """
    share = cover_share(before, face, hidden)
    kept = after.copy()
    rim = (share > 0) & (share < 1)
    part = share[rim][:, None]
    kept[rim] = np.clip(np.round(before[rim] * part + after[rim] * (1 - part)), 0, 255)
    whole = share >= 1
    kept[whole] = before[whole]
    return kept


def cover_share(picture: Image, face: FaceFrame, hidden: NDArray[np.bool_]) -> Field:
    """Give how much of each pixel is to be kept, 0 to 1, (height, width)."""
    import cv2

    height, width = picture.shape[:2]
    step = max(1.0, face.unit_px / CELLS)
    size = (max(8, round(width / step)), max(8, round(height / step)))
    rough = _rough(face, hidden, (width, height), size)
    grey = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    fine = _guided(grey.astype(np.float32) / 255, rough)
    context = max(1, round(ROOM_UNITS * face.unit_px / step))
    ring = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * context + 1, 2 * context + 1))
    wide = cv2.dilate(np.clip((fine - LOW) / (HIGH - LOW), 0, 1), ring)
    soft = np.clip(cv2.GaussianBlur(wide, (0, 0), 0.7 * context) * 1.1 - 0.05, 0, 1)
    share: Field = np.clip(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    return share


def _rough(face: FaceFrame, hidden: NDArray[np.bool_], whole: tuple[int, int], size: tuple[int, int]) -> Field:
    """Spread the texels' truths over a grid, (rows, columns)."""
    import cv2

    places = (texels.spread(face.points_px) + 0.5) * np.array(size) / np.array(whole)
    columns, rows = np.floor(places).astype(int).T
    inside = (columns >= 0) & (columns < size[0]) & (rows >= 0) & (rows < size[1])
    layers = np.zeros((size[1], size[0], 2), np.float32)
    np.add.at(layers[..., 0], (rows[inside], columns[inside]), hidden[inside].astype(np.float32))
    np.add.at(layers[..., 1], (rows[inside], columns[inside]), 1.0)
    spoken = cv2.GaussianBlur(layers, (0, 0), NEAR_CELLS) + FAR_WEIGHT * cv2.GaussianBlur(layers, (0, 0), FAR_CELLS)
    rough: Field = spoken[..., 0] / np.maximum(spoken[..., 1], 1e-9)
    return rough


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
