"""A motion-compensated mix of two pictures: both are moved towards each other along the optical flow, then mixed.

Takes   planes of one size, 8 bits or more; OpenCV, which the extra `local` brings.
Gives   planes in the same format. Where both pictures are equal, and well away from where they differ, so is the mix.
Raises  MissingExtra where OpenCV is not installed.
Source  Kroeger et al., Fast Optical Flow using Dense Inverse Search (2016), as OpenCV has it; the frame between two is
        reached by moving each along its share of the flow, as frame interpolation does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import MissingExtra
from .planes import Plane

INSTALL = "`seam: morph` needs OpenCV, of the extra 'local': pip install 'react1-nodes[local]'; or use `seam: dissolve`"
_REACH_PX = 24
"""How far around a difference pictures may move."""
_LEAST_SIDE_PX = 16
"""Below this there is nothing that a flow could be found on."""


def require() -> None:
    """Make sure that pictures can be morphed.

    Raises:
        MissingExtra: OpenCV is not installed; the message says what to install.
    """
    _opencv()


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra(INSTALL) from error
    return cv2


def morphed(below: list[Plane], above: list[Plane], share: int, of: int, bits: int = 8) -> list[Plane]:
    """Give the picture `share / of` of the way from one to the other; `bits` per level."""
    cv2 = _opencv()
    moved = _flow(cv2, below[0], above[0], bits)
    weight = share / of
    made: list[Plane] = []
    for one, other in zip(below, above, strict=True):
        along, down = _scaled(cv2, moved, one.shape)
        here = _moved(cv2, one, -weight * along, -weight * down)
        there = _moved(cv2, other, (1 - weight) * along, (1 - weight) * down)
        mix = np.floor((1 - weight) * here + weight * there + 0.5)
        made.append(mix.clip(0, (1 << bits) - 1).astype(one.dtype))
    return made


def _flow(cv2: Any, below: Plane, above: Plane, bits: int) -> NDArray[np.float32]:
    """Give where each pixel of one luma lies in the other, `(height, width, 2)`; none away from all differences."""
    if min(below.shape) < _LEAST_SIDE_PX:
        return np.zeros((*below.shape, 2), np.float32)
    one, other = (np.ascontiguousarray(part >> (bits - 8)).astype(np.uint8) for part in (below, above))
    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, other, None)
    apart = (below != above).astype(np.float32)
    near = cv2.boxFilter(cv2.dilate(apart, np.ones((_REACH_PX + 1, _REACH_PX + 1))), -1, (_REACH_PX + 1, _REACH_PX + 1))
    made: NDArray[np.float32] = found * near[..., None]
    return made


def _scaled(
    cv2: Any, moved: NDArray[np.float32], shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bring a flow to the size of a plane, its lengths included."""
    (height, width), (rows, columns) = shape, moved.shape[:2]
    if (rows, columns) == (height, width):
        return moved[..., 0], moved[..., 1]
    small = cv2.resize(moved, (width, height), interpolation=cv2.INTER_AREA)
    return small[..., 0] * np.float32(width / columns), small[..., 1] * np.float32(height / rows)


def _moved(cv2: Any, plane: Plane, along: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read a plane at places that lie `along` and `down` of each pixel."""
    height, width = plane.shape
    x = np.arange(width, dtype=np.float32)[None] + along
    y = np.arange(height, dtype=np.float32)[:, None] + down
    drawn: NDArray[np.float32] = cv2.remap(
        plane.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return drawn
