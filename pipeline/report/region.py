"""The part of the picture that takes change: what a contact sheet shows, so that a face in a wide shot is seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .stills import Picture

_BLOCK_PX = 4
_CHANGED = 5.0
"""Mean difference of a block, of 255, from which it counts: above what coding alone does."""
_AROUND = 0.45
"""What is shown beyond the change on each side, as a share of its size."""
_LEAST = 0.18
"""The smallest side of the part, as a share of the picture's."""
_WORTH = 0.6
"""A part that is larger than this share of the picture is shown whole."""


@dataclass(frozen=True)
class Region:
    """A rectangle in shares of the picture's width and height; `right` and `bottom` are not included."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def cut(self, picture: Picture) -> Picture:
        """Give this part of a picture, with even sides."""
        height, width = picture.shape[:2]
        left, top = round(self.left * width), round(self.top * height)
        wide = max(2, round((self.right - self.left) * width) // 2 * 2)
        high = max(2, round((self.bottom - self.top) * height) // 2 * 2)
        return np.ascontiguousarray(picture[top : top + high, left : left + wide])

    @property
    def whole(self) -> bool:
        """Whether it is the whole picture."""
        return self == Region()


def region_of(before: Sequence[Picture], after: Iterable[Sequence[Picture]]) -> Region:
    """Give the part around all that differs between pictures and those of each take at the same moments."""
    changed = np.zeros([side // _BLOCK_PX for side in before[0].shape[:2]], bool) if before else np.zeros((0, 0), bool)
    for pictures in after:
        for old, new in zip(before, pictures, strict=False):
            changed |= _blocks(np.abs(old.astype(np.int16) - new)) > _CHANGED
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return Region()
    top, bottom = _widened(rows, changed.shape[0])
    left, right = _widened(columns, changed.shape[1])
    found = Region(left, top, right, bottom)
    return Region() if (right - left) * (bottom - top) > _WORTH else found


def _blocks(difference: NDArray[np.int16]) -> NDArray[np.float64]:
    high, wide = (side // _BLOCK_PX for side in difference.shape[:2])
    whole = difference[: high * _BLOCK_PX, : wide * _BLOCK_PX].max(axis=2)
    means: NDArray[np.float64] = whole.reshape(high, _BLOCK_PX, wide, _BLOCK_PX).mean(axis=(1, 3))
    return means


def _widened(blocks: NDArray[np.intp], count: int) -> tuple[float, float]:
    """Give [start, end) in shares of the whole, with room around."""
    start, end = float(blocks[0]) / count, float(blocks[-1] + 1) / count
    middle, half = (start + end) / 2, max(_LEAST / 2, (end - start) * (0.5 + _AROUND))
    return max(0.0, middle - half), min(1.0, middle + half)
