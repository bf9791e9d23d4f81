"""Grids of cells: sums of pixels, blurs and dilations, exact in integers and the same on every machine.

A cell is a block of 4x4 pixels of the luma, and of what lies under it in the chroma. Planes are read in bands that fit
into a processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
Mask = NDArray[np.float32]
Cells = NDArray[np.bool_]
Sums = NDArray[np.int32]
Box = tuple[slice, slice]

CELL_PX = 4
_BAND_BYTES = 1 << 17


@dataclass(frozen=True)
class CellDifferences:
    """By how much the pixels of two 8-bit planes differ, per cell of `size` pixels a side."""

    absolute: Sums
    """Sums of the absolute differences."""
    signed: Sums
    """Sums of the second plane minus the first."""
    largest: NDArray[np.uint8]
    """The largest absolute difference of a pixel; without cells if that is not measured."""


def cell_differences(first: Plane, second: Plane, size: int = CELL_PX, *, with_largest: bool = True) -> CellDifferences:
    """Compare two 8-bit planes cell by cell; incomplete cells at the right and bottom are padded with their edges."""
    height, width = first.shape
    rows, columns = -(-height // size), -(-width // size)
    absolute, signed = np.empty((rows, columns), np.int32), np.empty((rows, columns), np.int32)
    largest = np.empty((rows, columns) if with_largest else (0, 0), np.uint8)
    band = max(1, _BAND_BYTES // max(width * size, 1))
    lower, upper = (np.empty((band * size, columns * size), np.uint8) for _ in range(2))
    for top in range(0, rows, band):
        count = min(band, rows - top)
        part = slice(top * size, min((top + count) * size, height))
        filled = part.stop - part.start
        below, above = lower[: count * size], upper[: count * size]
        np.maximum(first[part], second[part], out=above[:filled, :width])
        np.subtract(above[:filled, :width], second[part], out=below[:filled, :width])
        np.subtract(above[:filled, :width], first[part], out=above[:filled, :width])
        for side in (below, above):
            side[:filled, width:] = side[:filled, width - 1 : width]
            side[filled:] = side[filled - 1]
        less, more = cell_sums(below, size), cell_sums(above, size)
        cells = slice(top, top + count)
        np.add(more, less, out=absolute[cells])
        np.subtract(more, less, out=signed[cells])
        if not with_largest:
            continue
        np.maximum(below, above, out=above)
        lines = np.maximum.reduce(above.reshape(count, size, -1), axis=1)
        largest[cells] = np.maximum.reduce([lines[:, at::size] for at in range(size)])
    return CellDifferences(absolute, signed, largest)


def cell_sums(plane: NDArray[np.uint8], size: int = CELL_PX) -> Sums:
    """Add up blocks of `size` pixels, which fill the plane."""
    rows = (plane.shape[0] // size, size, -1)
    if size == 4:
        # Four pixels of a line as one integer, then as two sums of two pixels each, of 16 bits.
        fours = plane.view(np.uint32)
        pairs = fours & 0x00FF00FF
        pairs += (fours >> 8) & 0x00FF00FF
        lines = _sum_of_lines(pairs.reshape(rows))
        block_sums: Sums = ((lines & 0xFFFF) + (lines >> 16)).view(np.int32)
        return block_sums
    if size == 2:
        twos = plane.view(np.uint16)
        return _sum_of_lines(((twos & 0x00FF) + (twos >> 8)).reshape(rows)).astype(np.int32)
    columns = plane.reshape(rows).sum(1, dtype=np.int32)
    other_sums: Sums = columns.reshape(len(columns), -1, size).sum(2, dtype=np.int32)
    return other_sums


def _sum_of_lines(blocks: NDArray[Any]) -> NDArray[Any]:
    total: NDArray[Any] = blocks[:, 0] + blocks[:, 1]
    for line in range(2, blocks.shape[1]):
        total += blocks[:, line]
    return total


def box_blur(part: Mask, radius: int) -> Mask:
    """Average each cell with its neighbours up to `radius` away, edges repeated."""
    blurred: Mask = window_sums(part, radius).astype(np.float32)
    blurred /= np.float32((2 * radius + 1) ** 2)
    return blurred


def window_sums(part: NDArray[Any], radius: int) -> NDArray[Any]:
    """Add up each cell and its neighbours up to `radius` away, edges repeated, in the type of the cells."""
    height, width = part.shape
    rows = np.empty((height + 2 * radius, width), part.dtype)
    rows[radius : radius + height] = part
    rows[:radius], rows[radius + height :] = part[:1], part[-1:]
    columns = np.empty((height, width + 2 * radius), part.dtype)
    down = columns[:, radius : radius + width]
    down[...] = rows[:height]
    for at in range(1, 2 * radius + 1):
        down += rows[at : at + height]
    columns[:, :radius], columns[:, radius + width :] = down[:, :1], down[:, -1:]
    sums = columns[:, :width].copy()
    for at in range(1, 2 * radius + 1):
        sums += columns[:, at : at + width]
    return sums


def dilate(cells: Cells, radius: int) -> Cells:
    """Return the cells that have a set one up to `radius` away, in rows and in columns."""
    wide, reach = cells.copy(), 0
    while reach < radius:
        # What reaches `reach` cells, shifted by up to one more than that, reaches twice as far without a gap.
        step = min(reach + 1, radius - reach)
        for axis in (0, 1):
            before = wide.copy()
            if step < cells.shape[axis]:
                low, high = (_along(axis, part) for part in (slice(None, -step), slice(step, None)))
                wide[high] |= before[low]
                wide[low] |= before[high]
        reach += step
    return wide


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (part,) if axis == 0 else (slice(None), part)


def quantile(values: Mask, share: float) -> float:
    """Return a quantile of numbers, interpolated; what `np.quantile` gives, without its overhead.

    NumPy finds one place with vector instructions; for two of them it takes eight times as long.
    """
    at = share * (len(values) - 1)
    below = int(at)
    parted = np.partition(values, below)
    low, beyond = float(parted[below]), parted[below + 1 :]
    high = float(beyond.min()) if len(beyond) else low
    return low + (high - low) * (at - below)


def without_specks(changed: Cells) -> Cells:
    """Keep the cells of which most of the 3x3 neighbourhood changed."""
    return changed & (window_sums(changed.view(np.uint8), 1) > 4)


def bounding_box(cells: NDArray[Any]) -> Box:
    """Return the rows and columns outside of which all cells are 0."""
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def widened(box: Box, margin: int, shape: tuple[int, int]) -> Box:
    """Return a box with a margin, within a grid."""
    rows, columns = (
        slice(max(side.start - margin, 0), min(side.stop + margin, size)) for side, size in zip(box, shape, strict=True)
    )
    return rows, columns
