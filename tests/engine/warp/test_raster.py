"""Rasterizing a mesh into a field."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")
from react1.pipeline.engine.warp.raster import paint_mesh, signed_areas


def test_a_linear_field_is_painted_exactly() -> None:
    """Values that are linear in the place stay linear inside two triangles, and are zero outside."""
    places = np.array([[2.0, 2.0], [22.0, 2.0], [22.0, 14.0], [2.0, 14.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    values = places @ np.array([[0.5, 0.0], [0.25, -1.0]])

    field, covered = paint_mesh(triangles, places, values, (20, 30))

    row, column = 5, 18
    assert np.allclose(field[row, column], [0.5 * column + 0.25 * row, -row], atol=1e-4)
    assert covered[5, 18]
    assert not covered[18, 28]
    assert (field[~covered] == 0).all()


def test_the_last_triangle_wins() -> None:
    """Where two triangles overlap, the later one is painted."""
    places = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]] * 2)
    values = np.array([[1.0, 0.0]] * 3 + [[2.0, 0.0]] * 3)

    field, _ = paint_mesh(np.array([[0, 1, 2], [3, 4, 5]]), places, values, (20, 20))

    assert field[4, 4, 0] == 2


def test_a_degenerate_triangle_gives_no_wild_values() -> None:
    """For coincident or collinear corners the painted values stay between the corners' values."""
    places = np.array([[5.0, 5.0], [5.0, 5.0], [5.0, 5.0], [1.0, 9.0], [9.0, 9.0], [5.0, 9.0]])
    values = np.full((6, 2), 3.0)

    field, _ = paint_mesh(np.array([[0, 1, 2], [3, 4, 5]]), places, values, (12, 12))

    assert np.isfinite(field).all()
    assert field.max() <= 3.0 + 1e-6


def test_a_mirrored_triangle_has_a_negative_area() -> None:
    """The double area is 1 for half a unit square and -1 for its mirror image."""
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    assert signed_areas(np.array([[0, 1, 2], [0, 2, 1]]), places).tolist() == [1, -1]
