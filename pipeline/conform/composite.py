"""Composite what a take changed, and nothing else, onto the source's own pictures.

A change is where the take differs from what was sent by more than its own coding noise, on a grid of 4x4 pixels. There
the difference, without the noise, is added to the source's picture, so that what the provider's 8-bit copy lost (bit
depth, grain, high dynamic range) stays, and every pixel outside is the source's. Only the box around a change is
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..splicing.pictures.planes import Plane, resize_mask
from .cells import (
    CELL_PX,
    Box,
    CellDifferences,
    Cells,
    Mask,
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
from .levels import LevelTransfer

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
    planes = [
        cell_differences(own, part, size, with_largest=number == 0)
        for number, (own, part, size) in enumerate(zip(sent, taken, sizes, strict=True))
    ]
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


EDGE_CELLS = 1
"""How far the inner edge of a change is blended."""


@dataclass(frozen=True)
class Patch:
    """The box around a change, in each plane: what was sent there, and the take's, without its coding noise."""

    cells: Box
    """The box on the grid of the mask."""
    boxes: tuple[Box, ...]
    """The box in each plane."""
    sent: tuple[Plane, ...]
    taken: tuple[Plane, ...]

    @property
    def size_bytes(self) -> int:
        """The memory that its pixels take."""
        return sum(part.nbytes for part in (*self.sent, *self.taken))


def changed_patch(sent: Sequence[Plane], taken: Sequence[Plane], change: Change) -> Patch:
    """Return a frame's patch, copied from the planes of what was sent and of the take.

    Inside the change everything is the take's. Towards its edge, and in the feather around it, a difference up to the
    noise is dropped, and one of twice the noise is kept.
    """
    cells = widened(bounding_box(change.mask), 2, change.mask.shape)
    inside = np.ones_like(change.mask) if change.full else _inside(change, cells)
    boxes, before, after = [], [], []
    scaled = _ScaledMasks(inside, cells)
    for own, part in zip(sent, taken, strict=True):
        shape = (own.shape[0], own.shape[1])
        box = _box_in_plane(change.mask, cells, shape)
        old = own[box].copy()
        boxes.append(box)
        before.append(old)
        if change.full:
            after.append(part[box].copy())
            continue
        difference = part[box].astype(np.float32)
        difference -= old
        beyond = np.abs(difference)
        beyond -= change.noise
        beyond /= np.float32(max(change.noise, 1e-3))
        np.clip(beyond, 0, 1, out=beyond)
        difference *= np.maximum(scaled.to(shape, box), beyond, out=beyond)
        difference += old
        np.clip(np.rint(difference, out=difference), 0, 255, out=difference)
        after.append(difference.astype(own.dtype))
    return Patch(cells, tuple(boxes), tuple(before), tuple(after))


def _inside(change: Change, cells: Box) -> Mask:
    """Return 1 inside a change, falling to 0 at its edge."""
    inside = np.zeros_like(change.mask)
    around = widened(cells, EDGE_CELLS, change.mask.shape)
    inside[around] = np.clip(2 * box_blur(change.solid[around].astype(np.float32), EDGE_CELLS) - 1, 0, 1)
    return inside


def without_noise(sent: list[Plane], taken: list[Plane], change: Change) -> list[Plane]:
    """Return the take's planes, but those of what was sent wherever the two differ by coding noise only."""
    if change.full:
        return taken
    patch = changed_patch(sent, taken, change)
    cleaned = [own.copy() for own in sent]
    for plane, box, part in zip(cleaned, patch.boxes, patch.taken, strict=True):
        plane[box] = part
    return cleaned


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


def patch_within(sent: Sequence[Plane], taken: Sequence[Plane], mask: Mask) -> Patch:
    """Return the box around a mask in pictures of the source's own format."""
    cells = widened(bounding_box(mask), 2, mask.shape)
    boxes = tuple(_box_in_plane(mask, cells, (own.shape[0], own.shape[1])) for own in sent)
    before, after = (tuple(part[box] for part, box in zip(parts, boxes, strict=True)) for parts in (sent, taken))
    return Patch(cells, boxes, before, after)


def composite(plate: Sequence[Plane], patch: Patch, mask: Mask, transfer: LevelTransfer) -> None:
    """Add the masked difference of a patch, in the plate's levels, to the plate, whose planes are written to."""
    before, after = transfer.to_source(patch.sent), transfer.to_source(patch.taken)
    scaled = _ScaledMasks(mask, patch.cells)
    for base, box, old, new in zip(plate, patch.boxes, before, after, strict=True):
        shape = (base.shape[0], base.shape[1])
        change = new.astype(np.float32)
        change -= old
        change *= scaled.to(shape, box)
        change += base[box]
        np.clip(np.rint(change, out=change), 0, transfer.top, out=change)
        base[box] = change


def _factor(mask: Mask, shape: tuple[int, int]) -> int:
    """Return how many pixels of a plane a cell of a mask is wide and high; 0 if cells do not fill the plane."""
    factor = shape[0] // mask.shape[0]
    return factor if (mask.shape[0] * factor, mask.shape[1] * factor) == shape else 0


def _box_in_plane(mask: Mask, cells: Box, shape: tuple[int, int]) -> Box:
    """Return the box of a plane outside of which a mask, which lies in `cells` with a margin of 2, is 0."""
    factor = _factor(mask, shape)
    if not factor:
        return bounding_box(resize_mask(mask, shape))
    rows, columns = (slice(side.start * factor, side.stop * factor) for side in cells)
    return rows, columns


class _ScaledMasks:
    """A mask in the sizes of the planes; both planes of chroma have the same."""

    def __init__(self, mask: Mask, cells: Box) -> None:
        """Take a mask that is 0 outside of `cells`, less a margin of 2."""
        self._mask, self._cells = mask, cells
        self._known: dict[tuple[int, int], Mask] = {}

    def to(self, shape: tuple[int, int], box: Box) -> Mask:
        """Return the mask scaled to a box of a plane, as scaling the complete mask gives it; never write to it."""
        if shape not in self._known:
            self._known[shape] = _scaled(self._mask, self._cells, shape, box)
        return self._known[shape]


def _scaled(mask: Mask, cells: Box, shape: tuple[int, int], box: Box) -> Mask:
    """Return a mask scaled to a box of a plane, as scaling the complete mask gives it."""
    factor = _factor(mask, shape)
    if not factor:
        return resize_mask(mask, shape)[box]
    # The margin of 2 cells is why this sees the same neighbours as the complete mask.
    return resize_mask(np.ascontiguousarray(mask[cells]), (box[0].stop - box[0].start, box[1].stop - box[1].start))
