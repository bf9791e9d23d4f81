"""Which of the places that a take changed is the face: the change that weighs most, followed through time.

Takes   small pictures of what was sent and of the take, as they belong together, `(frames, 3, height, width) uint8`.
Gives   for each frame where changes may be kept, 0 to 1, soft in space and time; and how many other places changed.

A change is a connected region. Brows and mouth of one face are joined: they lie above each other, nearer than they are
large together, while people stand side by side. Followed is what overlaps from one frame to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .composite import Mask, box_blur

Cells = NDArray[np.bool_]
Labels = NDArray[np.int32]

_LEAST_DIFFERENCE = 3.0
_OF_STRONGEST = 0.12
"""A change much weaker than the strongest is drift of the picture, not a face."""
_REACH_FRAMES = 5
"""A face that is at rest for less than this is still followed."""
_JOIN_DOWN, _JOIN_ACROSS = 1.0, 0.5
"""How far regions may lie apart and still be one face, half of it, as shares of the side of all that changed."""
_MOST_JOIN_CELLS = 10
_MARGIN_CELLS = 2
"""What is kept around the change, so that its soft edge is not cut off."""
_TOLD_SHARE = 0.02
"""What weighs less than this of the biggest change is not worth a word."""


@dataclass(frozen=True)
class Tracked:
    """Where the biggest change lies, `(frames, height, width) float32`, and how many others there are."""

    where: NDArray[np.float32]
    others: int


def tracked(sent: NDArray[np.uint8], taken: NDArray[np.uint8], cell_aspect: float = 1.0) -> Tracked:
    """Follow the biggest change through a take; `cell_aspect` is how wide a small pixel is beside its height."""
    weights = np.stack([_change(one, other) for one, other in zip(sent, taken, strict=True)])
    strongest = float(np.percentile(weights.reshape(len(weights), -1).max(1), 90)) if len(weights) else 0.0
    solid = weights > max(_LEAST_DIFFERENCE, _OF_STRONGEST * strongest)
    side = _side(solid)
    reaches = _JOIN_DOWN * side * cell_aspect**0.5, _JOIN_ACROSS * side / cell_aspect**0.5
    down, across = (int(np.clip(round(reach), 1, _MOST_JOIN_CELLS)) for reach in reaches)
    wide = _lasting(_spread(_spread(solid, 1, down), 2, across))
    regions = _followed(np.stack([labelled(frame) for frame in wide]))
    sums = np.bincount(regions.ravel(), weights=np.where(solid, weights, 0).ravel())
    sums[0] = 0
    if not sums.any():
        return Tracked(np.zeros(solid.shape, np.float32), 0)
    biggest = int(sums.argmax())
    others = int((sums > _TOLD_SHARE * sums[biggest]).sum()) - 1
    return Tracked(_softened(regions == biggest), others)


def _change(sent: NDArray[np.uint8], taken: NDArray[np.uint8]) -> Mask:
    """Give how far each small pixel is from what was sent, above what the whole picture is."""
    apart = np.abs(taken.astype(np.int16) - sent).sum(0).astype(np.float32)
    level = box_blur(apart, 1)
    above: Mask = np.maximum(level - 2 * np.median(level), 0).astype(np.float32)
    return above


def _side(solid: Cells) -> float:
    """Give the side of a square as large as what changes in a frame, in cells."""
    sizes = solid.sum((1, 2))
    return float(np.sqrt(np.median(sizes[sizes > 0]))) if sizes.any() else 0.0


def _spread(volume: Cells, axis: int, reach: int) -> Cells:
    """Let each cell have what its neighbours along an axis have."""
    made = volume.copy()
    source, target = np.moveaxis(volume, axis, 0), np.moveaxis(made, axis, 0)
    for shift in range(1, min(reach, len(source) - 1) + 1):
        target[shift:] |= source[:-shift]
        target[:-shift] |= source[shift:]
    return made


def _lasting(volume: Cells) -> Cells:
    """Let each frame have what its neighbours in time have."""
    return _spread(volume, 0, _REACH_FRAMES)


def labelled(cells: Cells) -> Labels:
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


def _followed(regions: Labels) -> Labels:
    """Give regions that overlap from frame to frame one number through all frames."""
    counts = regions.reshape(len(regions), -1).max(1)
    bases = np.concatenate([[0], np.cumsum(counts)[:-1]])
    numbers = np.where(regions > 0, regions + bases[:, None, None], 0).astype(np.int32)
    owner = np.arange(int(numbers.max(initial=0)) + 1, dtype=np.int32)

    def root(one: int) -> int:
        while owner[one] != one:
            one = int(owner[one])
        return one

    for earlier, later in pairwise(numbers):
        both = (earlier > 0) & (later > 0)
        for one, other in np.unique(np.stack([earlier[both], later[both]], axis=1), axis=0).tolist():
            owner[root(other)] = root(one)
    owner = np.array([root(one) for one in range(len(owner))], np.int32)
    return np.asarray(owner[numbers])


def _softened(volume: Cells) -> NDArray[np.float32]:
    """Fade in space and in time, so that the edge neither shows nor flickers."""
    soft = np.stack(
        [
            box_blur(frame.astype(np.float32), 1)
            for frame in _spread(_spread(volume, 1, _MARGIN_CELLS), 2, _MARGIN_CELLS)
        ]
    )
    total = np.zeros_like(soft)
    for shift in range(-2, 3):
        places = np.clip(np.arange(len(soft)) + shift, 0, len(soft) - 1)
        total += soft[places]
    return np.asarray(total / 5, np.float32)
