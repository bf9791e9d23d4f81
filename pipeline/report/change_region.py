"""The part of the picture that takes change, so that a face in a wide shot is visible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .stills import Picture

_BLOCK_PX = 4
_CHANGED = 5.0
"""Mean difference (of 255) from which a block counts as changed: above coding noise."""
_MARGIN = 0.45
"""Margin on each side, as a share of the size of the change."""
_MIN_SIDE = 0.18
"""The smallest side of the region, as a share of the picture's."""
_MAX_AREA = 0.6
"""If the region is larger than this share of the picture, the full picture is shown."""


@dataclass(frozen=True)
class Region:
    """A rectangle in shares of the picture's width and height; `right` and `bottom` are exclusive."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def cut(self, picture: Picture) -> Picture:
        """Return this region of a picture, with even sides."""
        height, width = picture.shape[:2]
        left, top = round(self.left * width), round(self.top * height)
        region_width = max(2, round((self.right - self.left) * width) // 2 * 2)
        region_height = max(2, round((self.bottom - self.top) * height) // 2 * 2)
        return np.ascontiguousarray(picture[top : top + region_height, left : left + region_width])

    @property
    def is_full(self) -> bool:
        """Whether it is the full picture."""
        return self == Region()


def changed_region(before: Sequence[Picture], after: Iterable[Sequence[Picture]]) -> Region:
    """Return the region around all differences between the source's pictures and each take's at the same moments."""
    changed = np.zeros([side // _BLOCK_PX for side in before[0].shape[:2]], bool) if before else np.zeros((0, 0), bool)
    for pictures in after:
        for old, new in zip(before, pictures, strict=False):
            changed |= _block_means(np.abs(old.astype(np.int16) - new)) > _CHANGED
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return Region()
    top, bottom = _widen(rows, changed.shape[0])
    left, right = _widen(columns, changed.shape[1])
    return Region() if (right - left) * (bottom - top) > _MAX_AREA else Region(left, top, right, bottom)


def _block_means(difference: NDArray[np.int16]) -> NDArray[np.float64]:
    rows, columns = (side // _BLOCK_PX for side in difference.shape[:2])
    cropped = difference[: rows * _BLOCK_PX, : columns * _BLOCK_PX].max(axis=2)
    means: NDArray[np.float64] = cropped.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).mean(axis=(1, 3))
    return means


def _widen(blocks: NDArray[np.intp], count: int) -> tuple[float, float]:
    """Return [start, end) of the changed blocks with the margin, in shares of `count` blocks."""
    start, end = float(blocks[0]) / count, float(blocks[-1] + 1) / count
    middle, half = (start + end) / 2, max(_MIN_SIDE / 2, (end - start) * (0.5 + _MARGIN))
    return max(0.0, middle - half), min(1.0, middle + half)
