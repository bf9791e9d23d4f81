"""Composite what a take changed, and nothing else, onto the source's own pictures.

The mask is where the take differs from what was sent by more than codec noise: blurred, thresholded, cleaned, widened
and feathered on a grid of 4x4 pixels. Inside it the difference is added to the source's picture, so that what the
provider's 8-bit copy lost (bit depth, grain, high dynamic range) stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..splicing.pictures.planes import Plane, resize_mask
from .levels import LevelTransfer

Mask = NDArray[np.float32]

CELL_PX = 4
MIN_DIFFERENCE = 2.5
"""Levels of 255 that a cell must differ by, above the noise of the picture."""
WIDEN_CELLS = 3
FEATHER_CELLS = 3
FULL_FRAME_SHARE = 0.6
"""Above this share of changed cells the full frame is used."""


def difference_mask(
    sent: list[Plane], taken: list[Plane], *, min_difference: float = MIN_DIFFERENCE, allow_full: bool = True
) -> Mask:
    """Return what changed between two 8-bit pictures of one size; cells of 4x4 pixels, values 0 to 1.

    With `allow_full`, the mask of a frame that changed nearly everywhere is 1 everywhere.
    """
    cells = _cell_means(_absolute_difference(taken[0], sent[0]))
    for before, after in zip(sent[1:], taken[1:], strict=True):
        chroma = _cell_means(_absolute_difference(after, before), max(1, CELL_PX * before.shape[1] // sent[0].shape[1]))
        rows, columns = min(cells.shape[0], chroma.shape[0]), min(cells.shape[1], chroma.shape[1])
        cells[:rows, :columns] += chroma[:rows, :columns]
    level = box_blur(cells, 1)
    median_level = float(np.median(level))
    changed = level > max(min_difference, 3 * median_level + 1)
    solid = _without_specks(changed)
    if not solid.any():
        return np.zeros_like(cells)
    wide = box_blur(solid.astype(np.float32), WIDEN_CELLS + 1) > 1e-4
    if allow_full and float(wide.mean()) > FULL_FRAME_SHARE:
        return np.ones_like(cells)
    return box_blur(box_blur(wide.astype(np.float32), FEATHER_CELLS), 1)


def _absolute_difference(first: Plane, second: Plane) -> NDArray[np.uint8]:
    """Return the absolute difference of two 8-bit planes, computed in 8 bits."""
    difference: NDArray[np.uint8] = np.maximum(first, second) - np.minimum(first, second)
    return difference


def _cell_means(plane: NDArray[np.uint8], size: int = CELL_PX) -> Mask:
    """Average blocks of `size` pixels; incomplete blocks at the right and bottom are padded."""
    height, width = plane.shape
    padded = (
        np.pad(plane, ((0, -height % size), (0, -width % size)), mode="edge")
        if height % size or width % size
        else plane
    )
    # Adding complete rows first is many times as fast as a mean over both axes, and as exact.
    rows = padded[0::size].astype(np.uint16)
    for at in range(1, size):
        rows += padded[at::size]
    total = sum((rows[:, at::size] for at in range(1, size)), rows[:, 0::size])
    averaged: Mask = total.astype(np.float32) / np.float32(size * size)
    return averaged


def box_blur(part: Mask, radius: int) -> Mask:
    """Average each cell with its neighbours up to `radius` away, edges repeated."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(part, pad, mode="edge"), axis=axis, dtype=np.float64)
        span = 2 * radius + 1
        high = np.take(total, range(span, total.shape[axis]), axis=axis)
        low = np.take(total, range(total.shape[axis] - span), axis=axis)
        part = ((high - low) / span).astype(np.float32)
    return part


def _without_specks(changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the cells of which most of the 3x3 neighbourhood changed."""
    return changed & (box_blur(changed.astype(np.float32), 1) > 0.5)


@dataclass
class MaskSmoother:
    """Keeps a mask from flickering: what was changed fades over a few frames."""

    fade: float = 0.6
    previous: Mask | None = field(default=None)

    def smooth(self, mask: Mask) -> Mask:
        """Return a frame's mask joined with the fading ones before it."""
        if self.previous is not None and self.previous.shape == mask.shape:
            faded = self.previous * self.fade
            mask = np.maximum(mask, np.where(faded > 0.02, faded, 0)).astype(np.float32)
        self.previous = mask
        return mask


def composite(
    plate: list[Plane], sent: list[Plane], taken: list[Plane], mask: Mask, transfer: LevelTransfer
) -> list[Plane]:
    """Add the masked difference, in the plate's levels, to the plate; all planes of one size and depth."""
    weights = [resize_mask(mask, (base.shape[0], base.shape[1])) for base in plate]
    boxes = [_bounding_box(weight) for weight in weights]
    before, after = (
        transfer.to_source([part[box] for part, box in zip(parts, boxes, strict=True)]) for parts in (sent, taken)
    )
    composited = []
    for base, weight, box, old, new in zip(plate, weights, boxes, before, after, strict=True):
        plane = base.copy()
        change = (new.astype(np.float32) - old) * weight[box]
        plane[box] = np.clip(np.rint(base[box] + change), 0, transfer.top).astype(base.dtype)
        composited.append(plane)
    return composited


def _bounding_box(weight: Mask) -> tuple[slice, slice]:
    """Return the rows and columns outside of which all weights are 0."""
    rows, columns = np.flatnonzero(weight.any(1)), np.flatnonzero(weight.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
