"""Rasterize a mesh of triangles: values of its vertices become a field over the cells of a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Field, Ids, Points


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
    corners = places[triangles].astype(np.float32)
    visible = (
        (corners.max(1) > -1).all(1) & (corners[:, :, 0].min(1) < columns + 1) & (corners[:, :, 1].min(1) < rows + 1)
    )
    triangles, corners = triangles[visible], corners[visible]
    owner = _owners(corners, rows, columns)
    painted = np.flatnonzero(owner >= 0)
    index = owner[painted]
    first, second = _weights(corners, index, painted % columns, painted // columns)
    third = 1 - first - second
    vertex = values[triangles].astype(np.float32)
    field = np.zeros((rows * columns, 2), np.float32)
    for axis in (0, 1):
        a, b, c = _gathered(vertex[..., axis].T, index)
        field[painted, axis] = first * a + second * b + third * c
    return field.reshape(rows, columns, 2), (owner >= 0).reshape(rows, columns)


def signed_areas(triangles: Ids, places: Points) -> NDArray[np.float64]:
    """Return twice the area of each triangle; its sign changes if the triangle is mirrored."""
    a, b, c = places[triangles[:, 0]], places[triangles[:, 1]], places[triangles[:, 2]]
    areas: NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return areas


def _owners(corners: Field, rows: int, columns: int) -> Ids:
    """Return for each cell, row by row, the last triangle that touches it; -1 where none does."""
    tops, bottoms = _cell(corners[..., 1].min(1), rows), _cell(corners[..., 1].max(1), rows)
    of_row, down = _ranges(tops, bottoms)
    low, high = _extent(corners, of_row, down.astype(np.float32))
    inside = np.flatnonzero((high >= -0.5) & (low < columns - 0.5))
    of_span, right = _ranges(_cell(low[inside], columns), _cell(high[inside], columns))
    owner = np.full(rows * columns, -1, np.int64)
    starts, owners = _gathered(np.stack([down * columns, of_row])[:, inside], of_span)
    owner[starts + right] = owners
    return owner


def _cell(place: Field, count: int) -> Ids:
    """Return the nearest cells to places, inside the field."""
    cells: Ids = np.clip(np.floor(place + np.float32(0.5)), 0, count - 1).astype(np.int64)
    return cells


def _ranges(first: Ids, last: Ids) -> tuple[Ids, Ids]:
    """Return the numbers from `first` to `last`, one range after the other, and the index of each one's range."""
    lengths = last - first + 1
    of_range = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return of_range, np.arange(len(of_range)) + np.take(first - starts, of_range)


def _gathered(rows: NDArray[Any], index: Ids) -> NDArray[Any]:
    """Return the columns of an array at an index."""
    return np.take(rows, index, axis=1, mode="clip")


def _extent(corners: Field, of_row: Ids, down: Field) -> tuple[Field, Field]:
    """Return the least and the largest x of triangles in rows; infinite where they are not touched.

    An edge that is flatter than 45 degrees reaches half a row up and down, as a line of one cell's width does.

    Args:
        corners: of all triangles, (count, 3, 2).
        of_row: the triangle of each row.
        down: the y of each row.
    """
    low, high = np.full(len(down), np.inf, np.float32), np.full(len(down), -np.inf, np.float32)
    above, below = down - np.float32(0.5), down + np.float32(0.5)
    for corner in range(3):
        start, end = corners[:, corner], corners[:, (corner + 1) % 3]
        height = end[:, 1] - start[:, 1]
        slope = (end[:, 0] - start[:, 0]) / np.where(np.abs(height) < _LEVEL, np.float32(_LEVEL), height)
        least, most = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        flat = np.where(np.abs(slope) < 1, np.float32(0), np.float32(0.5))
        least, most, reach, along, zero = _gathered(
            np.stack([least, most, flat, slope, start[:, 0] - slope * start[:, 1]]), of_row
        )
        misses = (below < least) | (above > most)
        for at in (down - reach, down + reach):
            place = np.minimum(np.maximum(at, least, out=at), most, out=at)
            place *= along
            place += zero
            np.minimum(low, np.where(misses, np.inf, place), out=low)
            np.maximum(high, np.where(misses, -np.inf, place), out=high)
    return low, high


_LEVEL = 1e-6
"""An edge of less height, in cells, is level."""


def _weights(corners: Field, index: Ids, right: Ids, down: Ids) -> tuple[Field, Field]:
    """Return the first two barycentric weights of each painted cell, clipped to the triangle."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
    area = np.where(np.abs(area) < 1e-6, np.float32(1e-6), area)
    slopes = np.stack([b[:, 1] - c[:, 1], c[:, 0] - b[:, 0], c[:, 1] - a[:, 1], a[:, 0] - c[:, 0]]) / area
    first_x, first_y, second_x, second_y, left, top = _gathered(np.concatenate([slopes, c.T]), index)
    x, y = right.astype(np.float32) - left, down.astype(np.float32) - top
    first = np.clip(first_x * x + first_y * y, 0, 1)
    second = np.clip(second_x * x + second_y * y, 0, 1)
    return first, np.minimum(second, 1 - first)
