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
    # Relative to the third corner, two products give a value.
    vertex = values[triangles].astype(np.float32)
    steps = np.concatenate([vertex[:, :2] - vertex[:, 2:], vertex[:, 2:]], 1).reshape(-1, 6)
    first_x, first_y, second_x, second_y, third_x, third_y = _gathered(steps.T, index)
    field = np.zeros((rows * columns, 2), np.float32)
    field[painted, 0] = first * first_x + second * second_x + third_x
    field[painted, 1] = first * first_y + second * second_y + third_y
    return field.reshape(rows, columns, 2), (owner >= 0).reshape(rows, columns)


def signed_areas(triangles: Ids, places: Points) -> NDArray[np.float64]:
    """Return twice the area of each triangle; its sign changes if the triangle is mirrored."""
    a, b, c = places[triangles[:, 0]], places[triangles[:, 1]], places[triangles[:, 2]]
    areas: NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return areas


def _owners(corners: Field, rows: int, columns: int) -> Ids:
    """Return for each cell, row by row, the last triangle that touches it; -1 where none does."""
    y = corners[..., 1]
    tops, bottoms = _cell(y.min(1), rows), _cell(y.max(1), rows)
    of_row, down = _ranges(tops, bottoms, np.arange(len(corners)))
    low, high = _extent(corners, of_row, down.astype(np.float32))
    inside = np.flatnonzero((high >= -0.5) & (low < columns - 0.5))
    start = down[inside] * columns
    triangle, cell = _ranges(start + _cell(low[inside], columns), start + _cell(high[inside], columns), of_row[inside])
    owner = np.full(rows * columns, -1, np.int64)
    owner[cell] = triangle
    return owner


def _cell(place: Field, count: int) -> Ids:
    """Return the nearest cells to places, inside the field."""
    nearest = np.minimum(np.maximum(place + np.float32(0.5), 0), count - 1)  # not negative, so it is cut off below
    cells: Ids = nearest.astype(np.int64)
    return cells


def _ranges(first: Ids, last: Ids, names: Ids) -> tuple[Ids, Ids]:
    """Return the numbers from `first` to `last`, one range after the other; before them, the name of each range."""
    lengths = last - first + 1
    ends = np.cumsum(lengths)
    numbers = np.arange(int(ends[-1]) if len(ends) else 0)
    numbers += np.repeat(first - ends + lengths, lengths)
    return np.repeat(names, lengths), numbers


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
    x, y = np.ascontiguousarray(corners.transpose(2, 1, 0))  # by edge, from each corner to the next
    end_x, end_y = x[[1, 2, 0]], y[[1, 2, 0]]
    height = end_y - y
    slope = (end_x - x) / np.where(np.abs(height) < _LEVEL, np.float32(_LEVEL), height)
    flat = np.where(np.abs(slope) < 1, np.float32(0), np.float32(0.5))
    edges = np.concatenate([np.minimum(y, end_y), np.maximum(y, end_y), flat, slope, x - slope * y])
    least, most, reach, along, zero = _gathered(edges, of_row).reshape(5, 3, -1)
    misses = (down + np.float32(0.5) < least) | (down - np.float32(0.5) > most)
    above = np.minimum(np.maximum(down - reach, least), most) * along
    below = np.minimum(np.maximum(down + reach, least), most) * along
    low, high = np.minimum(above, below) + zero, np.maximum(above, below) + zero
    low[misses], high[misses] = np.inf, -np.inf
    return low.min(0), high.max(0)


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
