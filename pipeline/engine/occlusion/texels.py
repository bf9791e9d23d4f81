"""The look of a face, sampled at the same places of the mesh in every frame: texels.

A texel lies on a landmark, in the middle of a triangle, or between the lips, so it stays on its piece of skin while the
head turns and the mouth talks. What is seen there is what lies in front.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Image, Points
from ..geometry import mesh
from ..geometry.head_frame import FaceFrame
from ..geometry.landmark_indices import EYES, LIPS, LOWER_LIP, OVAL, SKIN_COUNT, UPPER_LIP

UNIT_PX = 32
"""A face is looked at in this size: one texel covers about 1/16 unit."""
EYE_ROOM = (0.12, 0.14)
"""How far, in units, around an eye's opening texels are not looked at: lids and lashes come and go."""
BORDER_UNITS = 0.08
"""Nearer than this to the border of the face, hair and background come and go."""


@lru_cache
def triangles() -> NDArray[np.int64]:
    """Give the triangles whose middles are texels, (count, 3)."""
    rows = mesh.face_triangles()
    return rows[(rows < SKIN_COUNT).all(1)]


@lru_cache
def count() -> int:
    """Tell how many texels there are: landmarks, then triangles, then the row between the lips."""
    return SKIN_COUNT + len(triangles()) + int(UPPER_LIP.shape[1]) - 2


def spread(points: Points) -> Points:
    """Give the places of the texels for the places of the landmarks, (478, 2 or more) → (texels, 2)."""
    skin = points[:SKIN_COUNT, :2]
    between = (skin[UPPER_LIP[3, 1:-1]] + skin[LOWER_LIP[3, 1:-1]]) / 2
    return np.concatenate([skin, skin[triangles()].mean(1), between])


@lru_cache
def near() -> NDArray[np.int64]:
    """Give each texel's neighbours on the mesh, itself first and repeated to fill the row, (texels, most)."""
    around: list[list[int]] = [[number] for number in range(count())]

    def join(a: int, b: int) -> None:
        if b not in around[a]:
            around[a].append(b)
            around[b].append(a)

    for number, row in enumerate(triangles().tolist(), SKIN_COUNT):
        for a, b in zip(row, row[1:] + row[:1], strict=True):
            join(a, number)
            join(a, b)
    first = SKIN_COUNT + len(triangles())
    for number, (upper, lower) in enumerate(zip(UPPER_LIP[3, 1:-1], LOWER_LIP[3, 1:-1], strict=True), first):
        join(number, int(upper))
        join(number, int(lower))
    most = max(len(row) for row in around)
    return np.array([(row * most)[:most] if len(row) > 1 else row * most for row in around])


@lru_cache
def on_lips() -> NDArray[np.bool_]:
    """Tell which texels lie on the lips or between them."""
    lips = np.isin(np.arange(count()), LIPS)
    first = SKIN_COUNT + len(triangles())
    lips[SKIN_COUNT:first] = np.isin(triangles(), LIPS).sum(1) >= 2
    lips[first:] = True
    return lips


def skin(local: Points) -> NDArray[np.bool_]:
    """Tell which texels are looked at: away from the eyes and from the border of the face.

    Args:
        local: the face's landmarks in the head's own frame, (478, 3) units.
    """
    import cv2

    places = spread(local)
    kept = np.ones(len(places), bool)
    for eye in EYES.values():
        opening = local[eye.contour, :2]
        context = np.ptp(opening, axis=0) / 2 + np.array(EYE_ROOM)
        kept &= (((places - opening.mean(0)) / context) ** 2).sum(1) > 1.3
    oval = local[OVAL, :2].astype(np.float32).reshape(-1, 1, 2)
    inside = [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in places]
    return kept & (np.array(inside) > BORDER_UNITS)


def sample(picture: Image, face: FaceFrame) -> NDArray[np.uint8]:
    """Take the texels of a face: red, green, blue, and how much of an edge is there; (texels, 4)."""
    import cv2

    places, scale = spread(face.points_px), UNIT_PX / face.unit_px
    margin = 0.15 * face.unit_px
    high = np.minimum(picture.shape[1::-1], np.ceil(np.nan_to_num(places.max(0)) + margin)).astype(int)
    low = np.maximum(0, np.floor(np.nan_to_num(places.min(0)) - margin)).astype(int)
    if (high - low < 4).any():
        return np.zeros((count(), 4), np.uint8)
    size = np.maximum(4, np.round((high - low) * scale)).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0]]
    small = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edge = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4
    layers = np.dstack([small.astype(np.float32), edge])
    at = ((places - low) * (size / (high - low)) - 0.5).astype(np.float32)[:, None]
    taken = cv2.remap(layers, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    rounded: NDArray[np.uint8] = np.clip(np.round(taken), 0, 255).astype(np.uint8)
    return rounded
