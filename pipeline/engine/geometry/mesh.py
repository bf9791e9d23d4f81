"""The 478 points of MediaPipe's FaceMesh with irises, by their indices, and the mesh of triangles between them.

Left and right are those of the image: side -1 is the image's left. Rows run from the image's left to its right.
Source: mediapipe/modules/face_geometry/data/canonical_face_model_uv_visualization.png.

The triangles of the skin lie in `face_triangles.txt`. FaceMesh lists edges, not triangles: they are the triples of
points that are joined pairwise, except two triples beside the nostrils that enclose other triangles. The eyes get a fan
around the iris, so that the eyeball moves as one. The opening of the mouth stays a hole, and a fixed ring around the
face ties it to the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..arrays import Ids

COUNT = 478
SKIN_COUNT = 468
"""The points of the face's surface; the ten after them are the irises."""
SIDES = (-1, 1)

UPPER_LIP: Ids = np.array(
    [
        [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
        [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
        [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
        [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
    ]
)
"""(4 rings, 11 columns), from the outer border to the inner one; both ends are the corners."""
LOWER_LIP: Ids = np.array(
    [
        [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
        [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
        [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
        [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
    ]
)
LIPS: Ids = np.unique(np.concatenate([UPPER_LIP.ravel(), LOWER_LIP.ravel()]))
INNER_LIPS: Ids = np.concatenate([UPPER_LIP[3], LOWER_LIP[3][::-1][1:-1]])
"""The contour of the mouth's opening."""

FOREHEAD, CHIN, NOSE_BASE, NOSE_BRIDGE, NOSE_ROOT = 10, 152, 2, 197, 168
CHEEKS = (205, 425)
"""The middle of each cheek."""

OVAL: Ids = np.array(
    [
        [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288],
        [397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136],
        [172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109],
    ]
).ravel()
"""The border of the face, clockwise from the top."""


@dataclass(frozen=True)
class Eye:
    """One eye: corners, lids (seven points each, from the image's left), and the second ring around it."""

    outer: int
    inner: int
    upper: Ids
    lower: Ids
    upper_ring: Ids
    lower_ring: Ids
    iris: int

    @property
    def contour(self) -> Ids:
        """The contour of the opening."""
        return np.concatenate([[self.outer], self.upper, [self.inner], self.lower[::-1]])


EYES: dict[int, Eye] = {
    -1: Eye(
        33,
        133,
        np.array([246, 161, 160, 159, 158, 157, 173]),
        np.array([7, 163, 144, 145, 153, 154, 155]),
        np.array([247, 30, 29, 27, 28, 56, 190]),
        np.array([25, 110, 24, 23, 22, 26, 112]),
        468,
    ),
    1: Eye(
        263,
        362,
        np.array([466, 388, 387, 386, 385, 384, 398]),
        np.array([249, 390, 373, 374, 380, 381, 382]),
        np.array([467, 260, 259, 257, 258, 286, 414]),
        np.array([255, 339, 254, 253, 252, 256, 341]),
        473,
    ),
}
EYE_POINTS: Ids = np.unique(np.concatenate([eye.contour for eye in EYES.values()] + [np.arange(SKIN_COUNT, COUNT)]))

ANCHORS: dict[str, dict[int, tuple[int, ...]]] = {
    "inner brow": {-1: (107, 55), 1: (336, 285)},
    "mid brow": {-1: (105, 52), 1: (334, 282)},
    "outer brow": {-1: (70, 46), 1: (300, 276)},
    "nostril": {-1: (129,), 1: (358,)},
    "mouth corner": {-1: (61,), 1: (291,)},
    "eye corner": {-1: (33,), 1: (263,)},
    "brow root": {-1: (55,), 1: (285,)},
}
"""Places that action units and folds are attached to: the mean of these points, for each side."""


IRISES = (SKIN_COUNT, SKIN_COUNT + 1)
"""Vertices of the two iris centres, after the points of the surface."""
FIRST_RING = SKIN_COUNT + 2
SECOND_RING = FIRST_RING + len(OVAL)


@lru_cache
def face_triangles() -> Ids:
    """Return the triangles of the face and its eyes, (count, 3)."""
    rows = np.loadtxt(Path(__file__).with_name("face_triangles.txt"), int).tolist()
    for iris, eye in zip(IRISES, EYES.values(), strict=True):
        contour = eye.contour
        rows += [[int(a), int(b), iris] for a, b in zip(contour, np.roll(contour, -1), strict=True)]
    return np.array(rows)


@lru_cache
def face_with_ring() -> Ids:
    """Return the face with the ring that ties it down; the vertices are points, irises, first ring."""
    return np.concatenate([face_triangles(), _band(OVAL, np.arange(FIRST_RING, SECOND_RING))])


@lru_cache
def head_with_rings() -> Ids:
    """Return the face with two rings, for a moving head; the outer ring is fixed."""
    first, second = np.arange(FIRST_RING, SECOND_RING), np.arange(SECOND_RING, SECOND_RING + len(OVAL))
    return np.concatenate([face_with_ring(), _band(first, second)])


@lru_cache
def lip_triangles() -> Ids:
    """Return the triangles that touch a lip."""
    rows = face_triangles()
    return rows[np.isin(rows, LIPS).any(1)]


def _band(inner: Ids, outer: Ids) -> Ids:
    inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
    return np.concatenate([np.stack([inner, inner_next, outer], 1), np.stack([inner_next, outer_next, outer], 1)])
