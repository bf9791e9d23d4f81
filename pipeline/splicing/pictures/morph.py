"""A motion-compensated mix of two pictures: both are moved towards each other along the optical flow, then mixed.

Planes of one size, 8 bits or more, give planes of the same format. Where both pictures are equal, and well away from
their differences, the mix is equal to both. OpenCV comes with the extra `local`.

Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search (2016), as in OpenCV. Each picture is moved along
its share of the flow, as frame interpolation does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import MissingExtra
from .planes import Plane

INSTALL_HINT = (
    "`seam: morph` needs OpenCV, of the extra 'local': pip install 'react1-nodes[local]'; or use `seam: dissolve`"
)
_REACH_PX = 24
"""How far around a difference pictures may move."""
_MIN_SIDE_PX = 16
"""Smaller pictures have no flow that could be found."""


def require_opencv() -> None:
    """Check that pictures can be morphed.

    Raises:
        MissingExtra: OpenCV is not installed; the message says what to install.
    """
    _opencv()


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return cv2


def morph(below: list[Plane], above: list[Plane], numerator: int, denominator: int, bits: int = 8) -> list[Plane]:
    """Return the picture at the given fraction of the way from `below` to `above`; `bits` per level.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    cv2 = _opencv()
    flow = _flow(cv2, below[0], above[0], bits)
    weight = numerator / denominator
    mix: list[Plane] = []
    for low, high in zip(below, above, strict=True):
        dx, dy = _scale_flow(cv2, flow, low.shape)
        moved_low = _move(cv2, low, -weight * dx, -weight * dy)
        moved_high = _move(cv2, high, (1 - weight) * dx, (1 - weight) * dy)
        plane = np.floor((1 - weight) * moved_low + weight * moved_high + 0.5)
        mix.append(plane.clip(0, (1 << bits) - 1).astype(low.dtype))
    return mix


def _flow(cv2: Any, below: Plane, above: Plane, bits: int) -> NDArray[np.float32]:
    """Return the flow from one luma plane to the other, `(height, width, 2)` px; 0 away from all differences."""
    if min(below.shape) < _MIN_SIDE_PX:
        return np.zeros((*below.shape, 2), np.float32)
    low, high = (np.ascontiguousarray(plane >> (bits - 8)).astype(np.uint8) for plane in (below, above))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(low, high, None)
    size = (_REACH_PX + 1, _REACH_PX + 1)
    near = cv2.boxFilter(cv2.dilate((below != above).astype(np.float32), np.ones(size)), -1, size)
    limited: NDArray[np.float32] = flow * near[..., None]
    return limited


def _scale_flow(
    cv2: Any, flow: NDArray[np.float32], shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale a flow, including its lengths, to the size of a plane; return its x and y."""
    (height, width), (rows, columns) = shape, flow.shape[:2]
    if (rows, columns) == (height, width):
        return flow[..., 0], flow[..., 1]
    small = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
    return small[..., 0] * np.float32(width / columns), small[..., 1] * np.float32(height / rows)


def _move(cv2: Any, plane: Plane, dx: NDArray[np.float32], dy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sample a plane at an offset of each pixel."""
    height, width = plane.shape
    x = np.arange(width, dtype=np.float32)[None] + dx
    y = np.arange(height, dtype=np.float32)[:, None] + dy
    moved: NDArray[np.float32] = cv2.remap(
        plane.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved
