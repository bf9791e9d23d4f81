"""Put what a take changed, and nothing else, into the source's own pictures.

The mask is where the take differs from what was sent by more than codec noise: blurred, thresholded, cleaned,
widened and feathered on a grid of 4x4 pixels. Inside it the difference is added to the source's picture, so that
what the provider's 8-bit copy lost (bit depth, grain, high dynamic range) stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..splicing.pictures.planes import Plane, resize_mask
from .levels import Transfer

Mask = NDArray[np.float32]

CELL_PX = 4
LEAST_DIFFERENCE = 2.5
"""Levels of 255 that a cell must differ by, above the noise of the picture."""
WIDEN_CELLS = 3
FEATHER_CELLS = 3
WHOLE_SHARE = 0.6
"""Above this share of touched cells the whole frame is taken."""


def difference_mask(
    sent: list[Plane], taken: list[Plane], *, least: float = LEAST_DIFFERENCE, whole: bool = True
) -> Mask:
    """Find what changed between two 8-bit pictures of one size; cells of 4x4 pixels, values 0 to 1.

    With `whole`, a frame that changed nearly everywhere is taken as it is.
    """
    cells = _cells(_apart(taken[0], sent[0]))
    for one, other in zip(sent[1:], taken[1:], strict=True):
        colour = _cells(_apart(other, one), max(1, CELL_PX * one.shape[1] // sent[0].shape[1]))
        rows, columns = min(cells.shape[0], colour.shape[0]), min(cells.shape[1], colour.shape[1])
        cells[:rows, :columns] += colour[:rows, :columns]
    level = box_blur(cells, 1)
    floor = float(np.median(level))
    changed = level > max(least, 3 * floor + 1)
    solid = _eroded(changed)
    if not solid.any():
        return np.zeros_like(cells)
    wide = box_blur(solid.astype(np.float32), WIDEN_CELLS + 1) > 1e-4
    if whole and float(wide.mean()) > WHOLE_SHARE:
        return np.ones_like(cells)
    return box_blur(box_blur(wide.astype(np.float32), FEATHER_CELLS), 1)


def _apart(one: Plane, other: Plane) -> NDArray[np.uint8]:
    """Give how far two 8-bit planes are apart, without leaving 8 bits."""
    distance: NDArray[np.uint8] = np.maximum(one, other) - np.minimum(one, other)
    return distance


def _cells(plane: NDArray[np.uint8], size: int = CELL_PX) -> Mask:
    """Average blocks of `size` pixels; what is left over at the right and below joins the last block by padding."""
    height, width = plane.shape
    padded = (
        np.pad(plane, ((0, -height % size), (0, -width % size)), mode="edge")
        if height % size or width % size
        else plane
    )
    # Whole rows are added first: many times as fast as a mean over both axes, and as exact.
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


def _eroded(changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks: a cell stays where most of its 3x3 neighbourhood changed."""
    return changed & (box_blur(changed.astype(np.float32), 1) > 0.5)


@dataclass
class Steady:
    """Keeps a mask from flickering: what was touched fades over a few frames."""

    fade: float = 0.6
    last: Mask | None = field(default=None)

    def over(self, mask: Mask) -> Mask:
        """Join a frame's mask with the fading ones before it."""
        if self.last is not None and self.last.shape == mask.shape:
            faded = self.last * self.fade
            mask = np.maximum(mask, np.where(faded > 0.02, faded, 0)).astype(np.float32)
        self.last = mask
        return mask


def composite(plate: list[Plane], sent: list[Plane], taken: list[Plane], mask: Mask, transfer: Transfer) -> list[Plane]:
    """Add the masked difference, in the plate's levels, to the plate; all planes of one size and depth."""
    weights = [resize_mask(mask, (base.shape[0], base.shape[1])) for base in plate]
    boxes = [_box(weight) for weight in weights]
    before, after = (
        transfer.to_source([part[box] for part, box in zip(parts, boxes, strict=True)]) for parts in (sent, taken)
    )
    made = []
    for base, weight, box, one, other in zip(plate, weights, boxes, before, after, strict=True):
        whole = base.copy()
        change = (other.astype(np.float32) - one) * weight[box]
        whole[box] = np.clip(np.rint(base[box] + change), 0, transfer.top).astype(base.dtype)
        made.append(whole)
    return made


def _box(weight: Mask) -> tuple[slice, slice]:
    """Give the rows and columns outside of which nothing weighs."""
    rows, columns = np.flatnonzero(weight.any(1)), np.flatnonzero(weight.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
