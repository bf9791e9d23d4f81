"""The 478 landmarks of the face in a region, with lips, eyes and irises refined where the network looks twice.

The network has two parts. The first finds the coarse mesh, a map of features, and whether there is a face at all. The
map is then sampled around the lips and each eye, and the second part refines their points. What lies between the parts
are three operators that LiteRT does not have, so that the network of MediaPipe is stored in two files and they are
written here. Paper: Grishchenko et al., Attention Mesh, https://arxiv.org/abs/2006.10962.

x and y of a refined point replace the mesh's, z stays the mesh's, and an iris has the mean depth of the rim of its eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Ids, Image, Points
from ..geometry.mesh import COUNT, EYES, LOWER_LIP, SKIN_COUNT, UPPER_LIP
from .network import Network, Tensor
from .region import Region

INPUT_PX = 192
PRESENCE = 0.5
"""The least confidence that the region shows a face."""
_MAP_SCALE = 4
"""Pixels of the input for each cell of the feature map."""
_GRID = 16
"""Samples along each side of a refined part."""
_PART_MARGIN = 1.5
"""The side of a refined part, as a multiple of the box around its points."""
_RIM_COUNT = 16
"""The first points of an eye are its rim along the lids."""

LIP_ORDER: Ids = np.concatenate([np.r_[LOWER_LIP[ring], UPPER_LIP[ring][1:-1]] for ring in (0, 3, 1, 2)])
"""(80,) landmarks in the order of the network's lips."""
# fmt: off
LEFT_EYE_ORDER: Ids = np.array([
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190,
    226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
    35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
])
"""(71,) landmarks of the eye at the image's left: the rim, the rings of skin, then the brow."""
RIGHT_EYE_ORDER: Ids = np.array([
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
    359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414,
    446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413,
    265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417,
])
# fmt: on


@dataclass(frozen=True)
class _Part:
    """A part of the face that is looked at twice."""

    order: Ids
    """Its landmarks in the network's order."""
    left: int
    right: int
    """The landmarks that are level in the sampled part."""


_LIPS = _Part(LIP_ORDER, int(LIP_ORDER[0]), int(UPPER_LIP[0, -1]))
_LEFT_EYE = _Part(LEFT_EYE_ORDER, EYES[-1].outer, EYES[-1].inner)
_RIGHT_EYE = _Part(RIGHT_EYE_ORDER, EYES[1].inner, EYES[1].outer)
_PARTS = (_LIPS, _LEFT_EYE, _RIGHT_EYE)


class FaceMesh:
    """The landmark network."""

    def __init__(self) -> None:
        self._mesh = Network("face_mesh")
        self._refinement = Network("lips_and_eyes")

    def find(self, picture: Image, region: Region) -> Points | None:
        """Return the landmarks of the face in a region, (478, 3) px of the picture; None if it shows no face."""
        cut = region.cut(picture, INPUT_PX, repeat_border=True)
        coarse, features, presence = self._mesh.run(cut * np.float32(1 / 255))
        if 1 / (1 + math.exp(-float(presence.ravel()[0]))) <= PRESENCE:
            return None
        points = np.empty((COUNT, 3))
        points[:SKIN_COUNT] = coarse.reshape(SKIN_COUNT, 3)
        self._refine(points, features[0])
        return region.to_picture(points / INPUT_PX)

    def _refine(self, points: Points, features: Tensor) -> None:
        """Replace the coarse points of the lips and eyes, px of the input, and add the irises."""
        places = [_place(points[part.order, :2], points[[part.left, part.right], :2]) for part in _PARTS]
        samples = [_sample(features, place) for place in places]
        lips, left_eye, left_iris, right_eye, right_iris = self._refinement.run(*samples)
        on_lips, on_left, on_right = places
        irises = np.arange(SKIN_COUNT, COUNT).reshape(2, -1)
        for order, refined, place in (
            (LIP_ORDER, lips, on_lips),
            (LEFT_EYE_ORDER, left_eye, on_left),
            (RIGHT_EYE_ORDER, right_eye, on_right),
            (irises[0], left_iris, on_left),
            (irises[1], right_iris, on_right),
        ):
            points[order, :2] = refined[0] @ place[:, :2].T + place[:, 2] * _MAP_SCALE
        for iris, rim in zip(irises, (LEFT_EYE_ORDER, RIGHT_EYE_ORDER), strict=True):
            points[iris, 2] = points[rim[:_RIM_COUNT], 2].mean()


def _place(points: Points, level: Points) -> Points:
    """Return where a part lies: the (2, 3) matrix from samples to cells of the feature map.

    Args:
        points: (count, 2) coarse points of the part, px of the input.
        level: (2, 2) its left and right point.
    """
    dx, dy = level[1] - level[0]
    angle = math.atan2(dy, dx)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    upright = points @ turn / _MAP_SCALE
    low, high = upright.min(0), upright.max(0)
    linear = turn * (_PART_MARGIN * (high - low) / _GRID)
    shift = turn @ ((low + high) / 2) - linear @ np.full(2, _GRID / 2)
    return np.column_stack([linear, shift])


def _sample(features: Tensor, place: Points) -> Tensor:
    """Return the feature map at the samples of a part, interpolated; 0 outside the map."""
    along = np.arange(_GRID) + 0.5
    samples = np.stack(np.meshgrid(along, along), -1).reshape(-1, 2)
    x, y = (samples @ place[:, :2].T + place[:, 2] - 0.5).T
    height, width = features.shape[:2]
    is_inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    column, row = np.clip(np.floor(x), 0, width - 2).astype(int), np.clip(np.floor(y), 0, height - 2).astype(int)
    right, lower = (x - column)[:, None].astype(np.float32), (y - row)[:, None].astype(np.float32)
    upper = (1 - right) * features[row, column] + right * features[row, column + 1]
    below = (1 - right) * features[row + 1, column] + right * features[row + 1, column + 1]
    sampled: Tensor = ((1 - lower) * upper + lower * below) * is_inside[:, None].astype(np.float32)
    return sampled
