"""The opening of a mouth, as coordinates of the pixels in it.

They are how far across, and how far below the upper lip, a pixel lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Box, Curve, Field, Points
from ..geometry.mesh import LOWER_LIP, UPPER_LIP


@dataclass(frozen=True, eq=False)
class Opening:
    """The opening of a mouth over a grid of pixels."""

    places: Points
    """The places of the pixels, (height, width, 2)."""
    middle: Points
    """Halfway between the inner corners, (2,)."""
    axes: Points
    """Columns: along the corners, and down from them; (2, 2) of unit length."""
    half_px: float
    """Half the distance between the corners."""
    across: Field
    """-1 and 1 at the corners; beyond them outside."""
    below_top_px: Field
    """Distance below the upper lip's border."""
    share: Field
    """0 at the upper lip's border, 1 at the lower lip's."""
    height_px: Field
    """Distance between the borders of both lips, there."""
    upper: tuple[Curve, Curve]
    """The upper lip's border: across, and down in px from the line of the corners."""
    lower: tuple[Curve, Curve]
    """The lower lip's border."""

    def grid(self, offset_px: Points) -> Points:
        """Return the pixels in a picture whose origin lies `offset_px` before this one's."""
        return self.places + offset_px


def opening_in_box(places_px: Points, box: Box) -> Opening:
    """Measure the mouth of landmarks, (468, 2) px, over the pixels of a box."""
    x, y = np.meshgrid(np.arange(box[0], box[2], dtype=np.float32), np.arange(box[1], box[3], dtype=np.float32))
    return opening_on_grid(places_px, np.stack([x, y], -1))


def opening_on_grid(places_px: Points, grid: Points) -> Opening:
    """Measure the mouth of landmarks, (468, 2) px, over a grid of pixels, (height, width, 2)."""
    upper, lower = places_px[UPPER_LIP[3]], places_px[LOWER_LIP[3]]
    width_px = max(1e-6, float(np.linalg.norm(upper[-1] - upper[0])))
    right = (upper[-1] - upper[0]) / width_px
    axes = np.stack([right, [-right[1], right[0]]], 1)
    middle = (upper[0] + upper[-1]) / 2
    across, down = along_axes(grid, middle, axes)
    across /= width_px / 2
    top_line, bottom_line = (_border((border - middle) @ axes, width_px / 2) for border in (upper, lower))
    top, bottom = np.interp(across, *top_line), np.interp(across, *bottom_line)
    below = down - top
    return Opening(
        places=grid,
        middle=middle,
        axes=axes,
        half_px=width_px / 2,
        across=across.astype(np.float32),
        below_top_px=below.astype(np.float32),
        share=np.clip(below / np.maximum(bottom - top, 1e-3), 0, 1).astype(np.float32),
        height_px=np.maximum(bottom - top, 1e-3).astype(np.float32),
        upper=top_line,
        lower=bottom_line,
    )


def along_axes(places: Points, origin: Points, axes: Points) -> Points:
    """Return places, (height, width, 2), from an origin along two axes, a matrix's columns: (2, height, width)."""
    along: Points = axes.T @ (places.reshape(-1, 2) - origin).T
    return along.reshape(2, *places.shape[:2])


def _border(border: Points, half_px: float) -> tuple[Curve, Curve]:
    order = np.argsort(border[:, 0], kind="stable")
    return border[order, 0] / half_px, border[order, 1]
