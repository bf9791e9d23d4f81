"""Composite what a take changed, and nothing else, onto the source's own pictures.

A change is where the take differs from what was sent by more than its own coding noise (change.py). There the
difference, without the noise, is added to the source's picture, so that what the provider's 8-bit copy lost (bit depth,
grain, high dynamic range) stays, and every pixel outside is the source's. Only the box around a change is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..splicing.pictures.planes import Plane, resize_mask
from .cells import Box, Mask, bounding_box, box_blur, widened
from .change import Change
from .levels import LevelTransfer

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
        difference *= np.maximum(_scaled(inside, cells, shape, box), beyond)
        difference += old
        after.append(np.clip(np.rint(difference, out=difference), 0, 255).astype(own.dtype))
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
    for base, box, old, new in zip(plate, patch.boxes, before, after, strict=True):
        shape = (base.shape[0], base.shape[1])
        change = new.astype(np.float32)
        change -= old
        change *= _scaled(mask, patch.cells, shape, box)
        change += base[box]
        base[box] = np.clip(np.rint(change, out=change), 0, transfer.top).astype(base.dtype)


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


def _scaled(mask: Mask, cells: Box, shape: tuple[int, int], box: Box) -> Mask:
    """Return a mask scaled to a box of a plane, as scaling the complete mask gives it."""
    factor = _factor(mask, shape)
    if not factor:
        return resize_mask(mask, shape)[box]
    # The margin of 2 cells is why this sees the same neighbours as the complete mask.
    return resize_mask(np.ascontiguousarray(mask[cells]), (box[0].stop - box[0].start, box[1].stop - box[1].start))
