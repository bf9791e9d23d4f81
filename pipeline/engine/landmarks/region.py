"""Squares of a picture that a network looks at: where they lie, what they show, and how far they overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..arrays import Image, Points
from .network import Tensor

SAME_FACE_OVERLAP = 0.5
"""Two regions whose intersection is more than this share of their union show one face."""
_GRID_PER_PX = 32
_MARGIN = 1.5
"""The side of a face's region, as a multiple of the longer side of the box around its points."""


@dataclass(frozen=True)
class Region:
    """A square in pixels of the picture; it may reach beyond the picture."""

    x: float
    y: float
    """The centre."""
    side: float
    angle: float = 0.0
    """Radians, clockwise in the picture."""

    def cut(self, picture: Image, size_px: int, *, repeat_border: bool) -> Tensor:
        """Return the region upright as (size_px, size_px, 3), 0 to 255; outside the picture black or its border.

        Samples lie on a grid of 1/32 px, as in the OpenCV of mediapipe, with whose landmarks these then agree.
        """
        import cv2

        step = self.side / size_px * _GRID_PER_PX
        cos, sin = step * math.cos(self.angle), step * math.sin(self.angle)
        along = np.arange(size_px) - size_px / 2
        x = np.rint(cos * along - sin * along[:, None] + self.x * _GRID_PER_PX).astype(np.int32)
        y = np.rint(sin * along + cos * along[:, None] + self.y * _GRID_PER_PX).astype(np.int32)
        pixels = np.stack([x // _GRID_PER_PX, y // _GRID_PER_PX], -1).astype(np.int16)
        between = (y % _GRID_PER_PX * _GRID_PER_PX + x % _GRID_PER_PX).astype(np.uint16)
        border = cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT
        cut: Tensor = cv2.remap(picture, pixels, between, cv2.INTER_LINEAR, borderMode=border).astype(np.float32)
        return cut

    def to_picture(self, points: Points) -> Points:
        """Return points of the region, 0 to 1 along each side, in pixels of the picture; depth is scaled alike."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        centred = (points - np.array([0.5, 0.5, 0.0])[: points.shape[-1]]) * self.side
        placed: Points = centred.copy()
        placed[..., 0] = cos * centred[..., 0] - sin * centred[..., 1] + self.x
        placed[..., 1] = sin * centred[..., 0] + cos * centred[..., 1] + self.y
        return placed

    def overlap(self, other: Region) -> float:
        """Return the intersection of two regions as a share of their union, as if neither were turned."""
        width = min(self.x + self.side / 2, other.x + other.side / 2) - max(
            self.x - self.side / 2, other.x - other.side / 2
        )
        height = min(self.y + self.side / 2, other.y + other.side / 2) - max(
            self.y - self.side / 2, other.y - other.side / 2
        )
        shared = max(0.0, width) * max(0.0, height)
        return shared / (self.side**2 + other.side**2 - shared)


def whole_picture(picture: Image) -> Region:
    """Return the least square around a picture."""
    height, width = picture.shape[:2]
    return Region(width / 2, height / 2, max(width, height))


def region_around(corners: Points, first_eye: Points, second_eye: Points) -> Region:
    """Return the region of the face in a box, turned so that the eyes are level.

    Args:
        corners: (count, 2) px; the box is the least upright one around them.
        first_eye: place of the eye at the image's left, px.
        second_eye: place of the other eye, px.
    """
    low, high = corners.min(0), corners.max(0)
    x, y = (low + high) / 2
    dx, dy = (second_eye - first_eye)[:2]
    return Region(float(x), float(y), _MARGIN * float((high - low).max()), math.atan2(dy, dx))


def distinct(regions: Iterable[Region]) -> list[Region]:
    """Return the regions of different faces; of several for one face, the last one stays."""
    different: list[Region] = []
    for region in regions:
        different = [other for other in different if region.overlap(other) <= SAME_FACE_OVERLAP]
        different.append(region)
    return different
