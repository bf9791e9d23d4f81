"""Find what a take changed in a frame, beyond its own coding noise, on a grid of 4x4 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cells import (
    CELL_PX,
    CellDifferences,
    Cells,
    Mask,
    Plane,
    Sums,
    bounding_box,
    box_blur,
    cell_differences,
    dilate,
    quantile,
    widened,
    window_sums,
    without_specks,
)

MIN_DIFFERENCE = 2.5
"""Levels of 255 that a cell must differ by, above the noise of the picture."""
WIDEN_CELLS = 3
FEATHER_CELLS = 3
FULL_FRAME_SHARE = 0.9
"""Above this share of changed cells the full frame is used."""
SEED_FACTOR, MIN_SHIFT = 1.5, 1.5
"""Where a change begins, cells differ by this multiple of the limit, and their mean by this many levels of 255."""
REACH_CELLS = 10
"""How far a change may grow from where it begins; coding noise is measured beyond that."""
MIN_NOISE_SHARE = 0.03
"""Coding noise is measured on at least this share of the picture."""
NOISE_MARGIN = 1.25
"""The largest difference beside a change may exceed the largest one far from it by this factor."""
_MEDIAN_CELLS = 10_000


@dataclass(frozen=True)
class Change:
    """What a take changed in one frame, beyond its own coding noise."""

    mask: Mask
    """Cells of 4x4 pixels, 0 to 1: what changed, widened and feathered."""
    solid: Cells
    """The cells that changed, not widened."""
    noise: float
    """Levels of 255 up to which a pixel of the unchanged picture differs."""
    full: bool = False
    """Whether nearly everything changed, so that the full frame is used."""


def find_change(
    sent: list[Plane], taken: list[Plane], *, min_difference: float = MIN_DIFFERENCE, allow_full: bool = True
) -> Change:
    """Return what changed between two 8-bit pictures of one size.

    Coding noise is strong where the picture is, but its mean over a few cells is near zero; a change has a mean too. A
    region begins at cells whose mean differs, and grows over cells that differ by more than anything far from it does.
    With `allow_full`, the mask of a frame that changed nearly everywhere is 1 everywhere.
    """
    sizes = [max(1, CELL_PX * own.shape[1] // sent[0].shape[1]) for own in sent]
    planes = [cell_differences(own, part, size) for own, part, size in zip(sent, taken, sizes, strict=True)]
    level, shift = _level(planes, sizes), _shift(planes, sizes)
    limit = max(min_difference, 3 * _median(level) + 1)
    seeds = without_specks((level > SEED_FACTOR * limit) & (shift > max(MIN_SHIFT, 4 * _median(shift))))
    if not seeds.any():
        return Change(np.zeros_like(level), seeds, 0.0)
    near = dilate(seeds, REACH_CELLS)
    far, noise = ~near, 0.0
    if float(far.mean()) >= MIN_NOISE_SHARE:
        limit = max(limit, quantile(level[far], 0.999))
        noise = NOISE_MARGIN * float(planes[0].largest[far].max())
    box = widened(bounding_box(near), 1, level.shape)
    solid = seeds.copy()
    solid[box] |= without_specks(level[box] > limit) & near[box]
    if allow_full and float(solid.mean()) > FULL_FRAME_SHARE:
        return Change(np.ones_like(level), np.ones_like(solid), 0.0, full=True)
    return Change(_feathered(solid), solid, noise)


def _feathered(solid: Cells) -> Mask:
    """Widen and soften what changed."""
    mask = np.zeros(solid.shape, np.float32)
    reach = WIDEN_CELLS + 1
    box = widened(bounding_box(solid), reach + FEATHER_CELLS + 2, solid.shape)
    wide = dilate(solid[box], reach).view(np.uint8)
    soft = window_sums(wide, FEATHER_CELLS).astype(np.float32) / np.float32((2 * FEATHER_CELLS + 1) ** 2)
    mask[box] = box_blur(soft, 1)
    return mask


def _level(planes: Sequence[CellDifferences], sizes: Sequence[int]) -> Mask:
    """Return by how much the pixels of 3x3 cells differ in the mean, summed over luma and chroma."""
    total = planes[0].absolute.copy()
    for plane, size in zip(planes[1:], sizes[1:], strict=True):
        _add_within(total, plane.absolute * (sizes[0] ** 2 // size**2))
    return _mean_of_windows(total, sizes[0])


def _shift(planes: Sequence[CellDifferences], sizes: Sequence[int]) -> Mask:
    """Return by how much the mean of 3x3 cells differs, less that of the picture, summed over luma and chroma."""
    total: Mask | None = None
    for plane, size in zip(planes, sizes, strict=True):
        shift = _mean_of_windows(plane.signed, size)
        shift -= np.float32(_median(shift))
        np.abs(shift, out=shift)
        if total is None:
            total = shift
        else:
            _add_within(total, shift)
    assert total is not None
    return total


def _mean_of_windows(sums: Sums, size: int) -> Mask:
    means: Mask = window_sums(sums, 1).astype(np.float32)
    means /= np.float32(9 * size**2)
    return means


def _add_within(total: Plane, part: Plane) -> None:
    """Add cells of chroma to those of luma; of an odd size there may be one more or less."""
    rows, columns = min(total.shape[0], part.shape[0]), min(total.shape[1], part.shape[1])
    total[:rows, :columns] += part[:rows, :columns]


def _median(cells: Mask) -> float:
    """Return the median of evenly spaced cells, at least about 10,000 of them."""
    step = max(1, int(np.sqrt(cells.size / _MEDIAN_CELLS)))
    return quantile(cells[::step, ::step].ravel(), 0.5)
