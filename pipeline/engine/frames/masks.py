"""Boxes and soft-edged masks, and blending a layer into a picture through a mask."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..arrays import Field, Image, Points

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, ends excluded."""


def box_around(places_px: Points, margin_px: float, shape: tuple[int, ...]) -> Box | None:
    """Return the box around places plus a margin, clipped to a picture of this shape; None if a side is under 4 px."""
    low = np.maximum(0, np.floor(places_px.min(0) - margin_px)).astype(int)
    high = np.minimum([shape[1], shape[0]], np.ceil(places_px.max(0) + margin_px) + 1).astype(int)
    left, top, right, bottom = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    return (left, top, right, bottom) if right - left >= 4 and bottom - top >= 4 else None


def soft_mask(contour_px: Points, box: Box, blur_px: float) -> Field:
    """Return a mask over a box, (height, width): 1 inside the contour, 0 outside, with a blurred edge."""
    import cv2

    left, top, right, bottom = box
    mask = np.zeros((bottom - top, right - left), np.uint8)
    fixed = np.round((contour_px - np.array([left, top])) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
    soft: Field = cv2.GaussianBlur(mask, (0, 0), max(0.6, blur_px)).astype(np.float32) / 255
    return soft


def blend_layer(picture: Image, box: Box, layer: Image | Field, mask: Field) -> None:
    """Blend a layer of the box's size into a picture, in place."""
    left, top, right, bottom = box
    under = picture[top:bottom, left:right]
    share = mask[..., None]
    mixed = under * (1 - share) + layer * share
    picture[top:bottom, left:right] = np.where(share > 0, np.clip(np.round(mixed), 0, 255), under).astype(np.uint8)
