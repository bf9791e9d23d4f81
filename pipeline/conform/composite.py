"""Composite what a take changed, and nothing else, onto the source's own pictures.

A change is where the take differs from what was sent by more than its own coding noise, found on a grid of 4x4 pixels
and feathered. There the difference, without the noise, is added to the source's picture, so that what the provider's
8-bit copy lost (bit depth, grain, high dynamic range) stays, and every pixel outside is the source's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
FULL_FRAME_SHARE = 0.9
"""Above this share of changed cells the full frame is used."""
SEED_FACTOR, MIN_SHIFT = 1.5, 1.5
"""Where a change begins, cells differ by this multiple of the limit, and their mean by this many levels of 255."""
GROW_CELLS, EDGE_CELLS = 10, 1
"""How far a change may grow from where it begins, and how far its inner edge is blended."""
NOISE_MARGIN = 1.25
"""The largest difference beside a change may exceed the largest one far from it by this factor."""
_MEDIAN_CELLS = 10_000
NOISE_DISTANCE_CELLS, MIN_NOISE_SHARE = 10, 0.03
"""Coding noise is measured this far from every change, on at least this share of the picture."""


@dataclass(frozen=True)
class Change:
    """What a take changed in one frame, beyond its own coding noise."""

    mask: Mask
    """Cells of 4x4 pixels, 0 to 1: what changed, widened and feathered."""
    solid: NDArray[np.bool_]
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
    level, shift = box_blur(_plane_sums(sent, taken, _mean_difference), 1), _plane_sums(sent, taken, _mean_shift)
    limit = max(min_difference, 3 * _median(level) + 1)
    seeds = _without_specks((level > SEED_FACTOR * limit) & (shift > max(MIN_SHIFT, 4 * _median(shift))))
    if not seeds.any():
        return Change(np.zeros_like(level), seeds, 0.0)
    far = ~dilate(seeds, NOISE_DISTANCE_CELLS)
    knows_noise = float(far.mean()) >= MIN_NOISE_SHARE
    if knows_noise:
        limit = max(limit, float(np.quantile(level[far], 0.999)))
    grown = _without_specks(level > limit)
    solid = seeds | (grown & dilate(seeds, GROW_CELLS))
    noise = _pixel_noise(sent[0], taken[0], far) if knows_noise else 0.0
    if allow_full and float(solid.mean()) > FULL_FRAME_SHARE:
        return Change(np.ones_like(level), np.ones_like(solid), 0.0, full=True)
    wide = dilate(solid, WIDEN_CELLS + 1)
    return Change(box_blur(box_blur(wide.astype(np.float32), FEATHER_CELLS), 1), solid, noise)


def without_noise(sent: list[Plane], taken: list[Plane], change: Change) -> list[Plane]:
    """Return the take's planes, but those of what was sent wherever the two differ by coding noise only.

    Inside the change everything is the take's. Towards its edge, and in the feather around it, a difference up to the
    noise is dropped, and one of twice the noise is kept.
    """
    if change.full:
        return taken
    inside = np.clip(2 * box_blur(change.solid.astype(np.float32), EDGE_CELLS) - 1, 0, 1)
    cleaned = []
    for own, part in zip(sent, taken, strict=True):
        shape = (own.shape[0], own.shape[1])
        box, weight = _scale_within(inside, shape, change.mask)
        difference = part[box].astype(np.float32) - own[box]
        beyond = np.clip((np.abs(difference) - change.noise) / max(change.noise, 1e-3), 0, 1)
        cleaned_difference = np.maximum(weight, beyond) * difference
        plane = own.copy()
        plane[box] = np.clip(np.rint(own[box] + cleaned_difference), 0, 255).astype(own.dtype)
        cleaned.append(plane)
    return cleaned


def _plane_sums(sent: list[Plane], taken: list[Plane], measure: Callable[[Plane, Plane, int], Mask]) -> Mask:
    """Return a measure of both pictures per cell, summed over luma and chroma."""
    cells = measure(sent[0], taken[0], CELL_PX)
    for before, after in zip(sent[1:], taken[1:], strict=True):
        chroma = measure(before, after, max(1, CELL_PX * before.shape[1] // sent[0].shape[1]))
        rows, columns = min(cells.shape[0], chroma.shape[0]), min(cells.shape[1], chroma.shape[1])
        cells[:rows, :columns] += chroma[:rows, :columns]
    return cells


def _mean_difference(before: Plane, after: Plane, size: int) -> Mask:
    return _cell_means(_absolute_difference(after, before), size)


def _mean_shift(before: Plane, after: Plane, size: int) -> Mask:
    """Return by how much the mean over 3x3 cells differs, without the difference of the whole picture."""
    shift = box_blur(_cell_means(after, size) - _cell_means(before, size), 1)
    distance: Mask = np.abs(shift - np.float32(_median(shift)))
    return distance


def _median(cells: Mask) -> float:
    """Return the median of evenly spaced cells, at least about 10,000 of them."""
    step = max(1, int(np.sqrt(cells.size / _MEDIAN_CELLS)))
    return float(np.median(cells[::step, ::step]))


def _pixel_noise(sent: Plane, taken: Plane, far: NDArray[np.bool_]) -> float:
    """Return what no pixel of the cells `far` differs by, with a margin, in levels."""
    difference = _absolute_difference(taken, sent)
    rows, columns = (side // CELL_PX for side in difference.shape)
    in_rows = difference[: rows * CELL_PX, : columns * CELL_PX].reshape(rows, CELL_PX, -1).max(1)
    highest = np.maximum.reduce([in_rows[:, at::CELL_PX] for at in range(CELL_PX)])[far[:rows, :columns]]
    return NOISE_MARGIN * float(highest.max()) if highest.size else 0.0


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
    averaged: Mask = _cell_sums(np.ascontiguousarray(padded), size).astype(np.float32) / np.float32(size * size)
    return averaged


def _cell_sums(plane: NDArray[np.uint8], size: int) -> Any:
    """Add up blocks of `size` pixels, which fill the plane."""
    rows = (plane.shape[0] // size, size, -1)
    if size == 4:
        # Four pixels of a line as one integer, then as two sums of two pixels each, of 16 bits.
        fours = plane.view(np.uint32)
        pairs = (fours & 0x00FF00FF) + ((fours >> 8) & 0x00FF00FF)
        lines = pairs.reshape(rows).sum(1, dtype=np.uint32)
        return (lines & 0xFFFF) + (lines >> 16)
    if size == 2:
        twos = plane.view(np.uint16)
        return ((twos & 0x00FF) + (twos >> 8)).reshape(rows).sum(1, dtype=np.uint16)
    columns = plane.reshape(rows).sum(1, dtype=np.uint32)
    return columns.reshape(len(columns), -1, size).sum(2, dtype=np.uint32)


def box_blur(part: Mask, radius: int) -> Mask:
    """Average each cell with its neighbours up to `radius` away, edges repeated."""
    blurred: Mask = _window_sums(part, radius).astype(np.float32) / np.float32((2 * radius + 1) ** 2)
    return blurred


def _window_sums(part: NDArray[Any], radius: int) -> NDArray[Any]:
    """Add up each cell and its neighbours up to `radius` away, edges repeated, in the type of the cells."""
    height, width = part.shape
    rows = part.take(np.clip(np.arange(-radius, height + radius), 0, height - 1), 0)
    down = rows[:height].copy()
    for at in range(1, 2 * radius + 1):
        down += rows[at : at + height]
    columns = down.take(np.clip(np.arange(-radius, width + radius), 0, width - 1), 1)
    sums = columns[:, :width].copy()
    for at in range(1, 2 * radius + 1):
        sums += columns[:, at : at + width]
    return sums


def dilate(cells: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return the cells that have a set one up to `radius` away, in rows and in columns."""
    wide = cells
    for _ in range(2):
        source, wide = wide, wide.copy()
        for shift in range(1, min(radius, len(source) - 1) + 1):
            wide[shift:] |= source[:-shift]
            wide[:-shift] |= source[shift:]
        wide = np.ascontiguousarray(wide.T)
    return wide


def _without_specks(changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the cells of which most of the 3x3 neighbourhood changed."""
    return changed & (_window_sums(changed.view(np.uint8), 1) > 4)


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
    scaled = [_scale_within(mask, (base.shape[0], base.shape[1]), mask) for base in plate]
    boxes, weights = [box for box, _ in scaled], [weight for _, weight in scaled]
    before, after = (
        transfer.to_source([part[box] for part, box in zip(parts, boxes, strict=True)]) for parts in (sent, taken)
    )
    composited = []
    for base, weight, box, old, new in zip(plate, weights, boxes, before, after, strict=True):
        plane = base.copy()
        change = (new.astype(np.float32) - old) * weight
        plane[box] = np.clip(np.rint(base[box] + change), 0, transfer.top).astype(base.dtype)
        composited.append(plane)
    return composited


def _scale_within(part: Mask, shape: tuple[int, int], mask: Mask) -> tuple[tuple[slice, slice], Mask]:
    """Return the box of a plane outside of which `mask` is 0, and a part of the same size scaled to the box."""
    factor = shape[0] // mask.shape[0]
    cells = _bounding_box(mask)
    if (mask.shape[0] * factor, mask.shape[1] * factor) != shape:
        box = _bounding_box(resize_mask(mask, shape))
        return box, resize_mask(part, shape)[box]
    # Two cells more, so that scaling sees the same neighbours as in the complete mask.
    rows, columns = (
        slice(max(side.start - 2, 0), min(side.stop + 2, size)) for side, size in zip(cells, mask.shape, strict=True)
    )
    height, width = (rows.stop - rows.start) * factor, (columns.stop - columns.start) * factor
    box = slice(rows.start * factor, rows.stop * factor), slice(columns.start * factor, columns.stop * factor)
    return box, resize_mask(np.ascontiguousarray(part[rows, columns]), (height, width))


def _bounding_box(weight: Mask) -> tuple[slice, slice]:
    """Return the rows and columns outside of which all weights are 0."""
    rows, columns = np.flatnonzero(weight.any(1)), np.flatnonzero(weight.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
