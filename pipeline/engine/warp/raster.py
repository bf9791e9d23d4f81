"""Rasterize a triangle mesh into a field of interpolated values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Field, Ids, Points

_SUBPIXEL_BITS = 4


def paint_mesh(
    triangles: Ids, places: Points, values: Points, cells: tuple[int, int]
) -> tuple[Field, NDArray[np.bool_]]:
    """Interpolate values over a mesh; where triangles overlap, the last one in the list wins.

    Args:
        triangles: (count, 3) vertex indices.
        places: (vertices, 2) x and y in cells; the centre of the first cell is (0, 0).
        values: (vertices, 2).
        cells: rows and columns of the field.

    Returns:
        The field, (rows, columns, 2), zero outside the triangles; and a mask of the triangles, (rows, columns).
    """
    rows, columns = cells
    corners = places[triangles]
    visible = (
        (corners.max(1) > -1).all(1) & (corners[:, :, 0].min(1) < columns + 1) & (corners[:, :, 1].min(1) < rows + 1)
    )
    triangles, corners = triangles[visible], corners[visible]
    owner = _owners(corners, rows, columns)
    down, right = np.nonzero(owner >= 0)
    index = owner[down, right]
    first, second = _weights(corners, index, right, down)
    third = 1 - first - second
    vertex = values[triangles]
    field = np.zeros((rows, columns, 2), np.float32)
    field[down, right] = (
        first[:, None] * vertex[index, 0] + second[:, None] * vertex[index, 1] + third[:, None] * vertex[index, 2]
    )
    return field, owner >= 0


def signed_areas(triangles: Ids, places: Points) -> NDArray[np.float64]:
    """Return twice the area of each triangle; its sign changes if the triangle is mirrored."""
    a, b, c = places[triangles[:, 0]], places[triangles[:, 1]], places[triangles[:, 2]]
    areas: NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return areas


def _owners(corners: Points, rows: int, columns: int) -> NDArray[np.int32]:
    import cv2

    owner = np.full((rows, columns), -1, np.int32)
    fixed = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for number, corner in enumerate(fixed):
        cv2.fillConvexPoly(owner, corner, number, cv2.LINE_8, _SUBPIXEL_BITS)
    return owner


def _weights(corners: Points, index: NDArray[Any], right: NDArray[Any], down: NDArray[Any]) -> tuple[Points, Points]:
    """Return the first two barycentric weights of each painted cell, clipped to the triangle."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)
    slopes = np.stack([b[:, 1] - c[:, 1], c[:, 0] - b[:, 0], c[:, 1] - a[:, 1], a[:, 0] - c[:, 0]], 1) / area[:, None]
    x, y, slope = right - c[index, 0], down - c[index, 1], slopes[index]
    first = np.clip(slope[:, 0] * x + slope[:, 1] * y, 0, 1)
    second = np.clip(slope[:, 2] * x + slope[:, 3] * y, 0, 1)
    return first, np.minimum(second, 1 - first)
