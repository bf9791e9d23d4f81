"""Texels: the colours of a face, sampled at the same positions of the mesh in every frame.

A texel lies on a landmark, in the center of a triangle, or between the lips, so it stays on its piece of skin while the
head turns and the mouth talks. An occluder shows up in its colour.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Image, Points
from ..geometry import mesh
from ..geometry.head_frame import FaceFrame
from ..geometry.mesh import EYES, LIPS, LOWER_LIP, OVAL, SKIN_COUNT, UPPER_LIP

UNIT_PX = 32
"""Scale at which a face is sampled; one texel covers about 1/16 unit."""
EYE_MARGIN = (0.12, 0.14)
"""Margin in units around an eye in which texels are ignored, because lids and lashes move."""
BORDER_UNITS = 0.08
"""Texels nearer to the border of the face are ignored, because hair and background move."""


@lru_cache
def triangles() -> NDArray[np.int64]:
    """Return the triangles whose centers are texels, (count, 3)."""
    rows = mesh.face_triangles()
    return rows[(rows < SKIN_COUNT).all(1)]


@lru_cache
def count() -> int:
    """Return the number of texels: landmarks, then triangles, then the row between the lips."""
    return SKIN_COUNT + len(triangles()) + int(UPPER_LIP.shape[1]) - 2


def positions(points: Points) -> Points:
    """Return the positions of the texels for those of the landmarks, (478, 2 or more) → (texels, 2)."""
    skin_points = points[:SKIN_COUNT, :2]
    between = (skin_points[UPPER_LIP[3, 1:-1]] + skin_points[LOWER_LIP[3, 1:-1]]) / 2
    return np.concatenate([skin_points, skin_points[triangles()].mean(1), between])


@lru_cache
def neighbors() -> NDArray[np.int64]:
    """Return each texel's neighbours on the mesh, itself first, repeated to fill the row, (texels, longest row)."""
    neighbor_lists: list[list[int]] = [[number] for number in range(count())]

    def connect(a: int, b: int) -> None:
        if b not in neighbor_lists[a]:
            neighbor_lists[a].append(b)
            neighbor_lists[b].append(a)

    for number, row in enumerate(triangles().tolist(), SKIN_COUNT):
        for a, b in zip(row, row[1:] + row[:1], strict=True):
            connect(a, number)
            connect(a, b)
    first = SKIN_COUNT + len(triangles())
    for number, (upper, lower) in enumerate(zip(UPPER_LIP[3, 1:-1], LOWER_LIP[3, 1:-1], strict=True), first):
        connect(number, int(upper))
        connect(number, int(lower))
    longest = max(len(row) for row in neighbor_lists)
    return np.array([(row * longest)[:longest] if len(row) > 1 else row * longest for row in neighbor_lists])


@lru_cache
def lip_texels() -> NDArray[np.bool_]:
    """Return which texels lie on the lips or between them."""
    lips = np.isin(np.arange(count()), LIPS)
    first = SKIN_COUNT + len(triangles())
    lips[SKIN_COUNT:first] = np.isin(triangles(), LIPS).sum(1) >= 2
    lips[first:] = True
    return lips


def skin_texels(local: Points) -> NDArray[np.bool_]:
    """Return which texels are evaluated: those away from the eyes and from the border of the face.

    Args:
        local: the face's landmarks in the head's own frame, (478, 3) units.
    """
    import cv2

    texel_positions = positions(local)
    is_evaluated = np.ones(len(texel_positions), bool)
    for eye in EYES.values():
        opening = local[eye.contour, :2]
        radius = np.ptp(opening, axis=0) / 2 + np.array(EYE_MARGIN)
        is_evaluated &= (((texel_positions - opening.mean(0)) / radius) ** 2).sum(1) > 1.3
    oval = local[OVAL, :2].astype(np.float32).reshape(-1, 1, 2)
    inside = [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in texel_positions]
    return is_evaluated & (np.array(inside) > BORDER_UNITS)


def sample(picture: Image, face: FaceFrame) -> NDArray[np.uint8]:
    """Sample the texels of a face: red, green, blue and edge strength, (texels, 4) uint8."""
    import cv2

    texel_positions, scale = positions(face.points_px), UNIT_PX / face.unit_px
    margin = 0.15 * face.unit_px
    high = np.minimum(picture.shape[1::-1], np.ceil(np.nan_to_num(texel_positions.max(0)) + margin)).astype(int)
    low = np.maximum(0, np.floor(np.nan_to_num(texel_positions.min(0)) - margin)).astype(int)
    if (high - low < 4).any():
        return np.zeros((count(), 4), np.uint8)
    size = np.maximum(4, np.round((high - low) * scale)).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0]]
    small = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edge = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4
    layers = np.dstack([small.astype(np.float32), edge])
    at = ((texel_positions - low) * (size / (high - low)) - 0.5).astype(np.float32)[:, None]
    sampled = cv2.remap(layers, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    rounded: NDArray[np.uint8] = np.clip(np.round(sampled), 0, 255).astype(np.uint8)
    return rounded
