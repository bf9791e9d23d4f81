"""Find which of the regions that a take changed is the face: the largest change, tracked through time.

It compares matched thumbnails of what was sent and of the take, `(frames, 3, height, width) uint8`. A change is a
connected region. Brows and mouth of one face are joined: they are above each other, nearer than they are large
together, while people are side by side. Regions that overlap from one frame to the next are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .cells import Cells, Mask, box_blur

Labels = NDArray[np.int32]

_MIN_DIFFERENCE = 3.0
_MIN_SHARE_OF_STRONGEST = 0.12
"""A change much weaker than the strongest is drift of the picture, not a face."""
_REACH_S = 0.2
"""A face that does not change for less than this is still tracked."""
_JOIN_DOWN, _JOIN_ACROSS = 1.0, 0.5
"""Half the distance at which regions are still one face, as shares of the side of all that changed."""
_MAX_JOIN_CELLS = 10
_MARGIN_CELLS = 2
"""Added around the change, so that its soft edge is not cut off."""
_REPORTED_SHARE = 0.02
"""A change below this share of the largest is not reported."""


@dataclass(frozen=True)
class TrackedRegion:
    """The largest change and how many others there are."""

    mask: NDArray[np.float32]
    """`(frames, height, width)`, 0 to 1, soft in space and time."""
    other_count: int


def track_largest_change(
    sent: NDArray[np.uint8], taken: NDArray[np.uint8], rate: Fraction, cell_aspect: float = 1.0
) -> TrackedRegion:
    """Track the largest change through a take.

    Args:
        sent: thumbnails of what was sent.
        taken: those of the take.
        rate: frames per second.
        cell_aspect: the pixel aspect ratio of the thumbnails.
    """
    weights = np.stack([_change_weights(before, after) for before, after in zip(sent, taken, strict=True)])
    strongest = float(np.percentile(weights.reshape(len(weights), -1).max(1), 90)) if len(weights) else 0.0
    solid = weights > max(_MIN_DIFFERENCE, _MIN_SHARE_OF_STRONGEST * strongest)
    side = _typical_side(solid)
    reaches = _JOIN_DOWN * side * cell_aspect**0.5, _JOIN_ACROSS * side / cell_aspect**0.5
    down, across = (int(np.clip(round(reach), 1, _MAX_JOIN_CELLS)) for reach in reaches)
    wide = _dilate(_dilate(_dilate(solid, 1, down), 2, across), 0, max(1, round(_REACH_S * rate)))
    regions = _link_regions(np.stack([label_regions(frame) for frame in wide]))
    sums = np.bincount(regions.ravel(), weights=np.where(solid, weights, 0).ravel())
    sums[0] = 0
    if not sums.any():
        return TrackedRegion(np.zeros(solid.shape, np.float32), 0)
    largest = int(sums.argmax())
    other_count = int((sums > _REPORTED_SHARE * sums[largest]).sum()) - 1
    return TrackedRegion(_soften(regions == largest), other_count)


def _change_weights(sent: NDArray[np.uint8], taken: NDArray[np.uint8]) -> Mask:
    """Return the difference of each pixel from what was sent, above twice the median of the picture."""
    difference = np.abs(taken.astype(np.int16) - sent).sum(0).astype(np.float32)
    level = box_blur(difference, 1)
    above: Mask = np.maximum(level - 2 * np.median(level), 0).astype(np.float32)
    return above


def _typical_side(solid: Cells) -> float:
    """Return the side of a square as large as what changes in a frame, in cells."""
    sizes = solid.sum((1, 2))
    return float(np.sqrt(np.median(sizes[sizes > 0]))) if sizes.any() else 0.0


def _dilate(volume: Cells, axis: int, reach: int) -> Cells:
    """Dilate along an axis."""
    dilated = volume.copy()
    source, target = np.moveaxis(volume, axis, 0), np.moveaxis(dilated, axis, 0)
    for shift in range(1, min(reach, len(source) - 1) + 1):
        target[shift:] |= source[:-shift]
        target[:-shift] |= source[shift:]
    return dilated


def label_regions(cells: Cells) -> Labels:
    """Number the connected regions (8 neighbours) of one frame from 1; 0 is outside."""
    marks: Labels = np.where(cells, np.arange(1, cells.size + 1, dtype=np.int32).reshape(cells.shape), 0)
    while True:
        before, padded = marks, np.pad(marks, 1)
        height, width = cells.shape
        around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        marks = np.where(cells, np.maximum.reduce(around), 0).astype(np.int32)
        if np.array_equal(marks, before):
            break
    return np.unique(marks, return_inverse=True)[1].reshape(cells.shape).astype(np.int32) + (0 if 0 in marks else 1)


def _link_regions(regions: Labels) -> Labels:
    """Number regions through all frames: those that overlap from frame to frame get one number."""
    counts = regions.reshape(len(regions), -1).max(1)
    bases = np.concatenate([[0], np.cumsum(counts)[:-1]])
    numbers = np.where(regions > 0, regions + bases[:, None, None], 0).astype(np.int32)
    owner = np.arange(int(numbers.max(initial=0)) + 1, dtype=np.int32)

    def root(region: int) -> int:
        while owner[region] != region:
            region = int(owner[region])
        return region

    for earlier, later in pairwise(numbers):
        both = (earlier > 0) & (later > 0)
        for first, second in np.unique(np.stack([earlier[both], later[both]], axis=1), axis=0).tolist():
            owner[root(second)] = root(first)
    owner = np.array([root(region) for region in range(len(owner))], np.int32)
    return np.asarray(owner[numbers])


def _soften(volume: Cells) -> NDArray[np.float32]:
    """Blur in space and in time, so that the edge is not visible and does not flicker."""
    soft = np.stack(
        [
            box_blur(frame.astype(np.float32), 1)
            for frame in _dilate(_dilate(volume, 1, _MARGIN_CELLS), 2, _MARGIN_CELLS)
        ]
    )
    total = np.zeros_like(soft)
    for shift in range(-2, 3):
        places = np.clip(np.arange(len(soft)) + shift, 0, len(soft) - 1)
        total += soft[places]
    return np.asarray(total / 5, np.float32)
