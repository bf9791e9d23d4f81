"""Composite what a take changed, and nothing else, onto the source's own pictures.

A change is where the take differs from what was sent by more than its own coding noise, found on a grid of 4x4 pixels
and feathered. There the difference, without the noise, is added to the source's picture, so that what the provider's
8-bit copy lost (bit depth, grain, high dynamic range) stays, and every pixel outside is the source's.
"""

from __future__ import annotations

from collections.abc import Callable
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
FULL_FRAME_SHARE = 0.9
"""Above this share of changed cells the full frame is used."""
SEED_FACTOR, MIN_SHIFT = 1.5, 1.5
"""Where a change begins, cells differ by this multiple of the limit, and their mean by this many levels of 255."""
GROW_CELLS, EDGE_CELLS = 10, 1
"""How far a change may grow from where it begins, and how far its inner edge is blended."""
NOISE_MARGIN = 1.25
"""The largest difference beside a change may exceed the largest one far from it by this factor."""
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
    limit = max(min_difference, 3 * float(np.median(level)) + 1)
    seeds = _without_specks((level > SEED_FACTOR * limit) & (shift > max(MIN_SHIFT, 4 * float(np.median(shift)))))
    if not seeds.any():
        return Change(np.zeros_like(level), seeds, 0.0)
    far = box_blur(seeds.astype(np.float32), NOISE_DISTANCE_CELLS) < 1e-6
    knows_noise = float(far.mean()) >= MIN_NOISE_SHARE
    if knows_noise:
        limit = max(limit, float(np.quantile(level[far], 0.999)))
    grown = _without_specks(level > limit)
    solid = seeds | (grown & (box_blur(seeds.astype(np.float32), GROW_CELLS) > 1e-6))
    noise = _pixel_noise(sent[0], taken[0], far) if knows_noise else 0.0
    if allow_full and float(solid.mean()) > FULL_FRAME_SHARE:
        return Change(np.ones_like(level), np.ones_like(solid), 0.0, full=True)
    wide = box_blur(solid.astype(np.float32), WIDEN_CELLS + 1) > 1e-4
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
        box = _bounding_box(resize_mask(change.mask, shape))
        difference = part[box].astype(np.float32) - own[box]
        beyond = np.clip((np.abs(difference) - change.noise) / max(change.noise, 1e-3), 0, 1)
        cleaned_difference = np.maximum(resize_mask(inside, shape)[box], beyond) * difference
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
    distance: Mask = np.abs(shift - np.float32(np.median(shift)))
    return distance


def _pixel_noise(sent: Plane, taken: Plane, far: NDArray[np.bool_]) -> float:
    """Return what no pixel of the cells `far` differs by, with a margin, in levels."""
    difference = _absolute_difference(taken, sent)
    rows, columns = (side // CELL_PX for side in difference.shape)
    blocks = difference[: rows * CELL_PX, : columns * CELL_PX].reshape(rows, CELL_PX, columns, CELL_PX)
    highest = blocks.max((1, 3))[far[:rows, :columns]]
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
