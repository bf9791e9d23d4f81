"""Use a part of a take: move the face part of the way, rather than mixing two pictures of it.

At strength s the picture that was sent is moved by s of the optical flow to the take, the take by the rest of the flow
back, and the two, which then lie upon one another, are blended. A mouth at 0.5 is half open and sharp, never a double
exposure. Fine detail is blended so that it keeps its variance: two grains that are only averaged would cancel.

Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search (2016), as in OpenCV, of the extra `local`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MissingExtra
from ..splicing.pictures.planes import Plane
from .composite import Mask

Field = NDArray[np.float32]
INSTALL_HINT = (
    "a `strength` between 0 and 1 needs OpenCV, of the extra 'local': pip install 'react1-nodes[local]'; or set it to 1"
)
_MARGIN_PX = 48
"""Around what changed, so that the flow has a border to hold on to."""
_LEAST_SIDE_PX = 32
_FINE_PX = 2.0
"""Standard deviation of the Gaussian between what is coarse and what is fine."""
_LOCAL_PX = 6.0
"""Over this neighbourhood it is measured how alike the details of two pictures are."""


def require_opencv() -> Any:
    """Return OpenCV.

    Raises:
        MissingExtra: it is not installed; the message says what to install.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return cv2


def partial_take(sent: list[Plane], taken: list[Plane], mask: Mask, strength: float) -> list[Plane]:
    """Return the picture at a share of the way from what was sent to the take, 8-bit 4:2:0.

    Args:
        sent: the planes that were sent.
        taken: the planes of the take, corrected; of the same sizes.
        mask: which part of the take is used; nothing is moved away from it.
        strength: 0 to 1; 0 returns what was sent and 1 the take, unchanged.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    if strength >= 1 or strength <= 0:
        return taken if strength >= 1 else sent
    cv2 = require_opencv()
    box = _even_box(mask, sent[0].shape)
    if box is None:
        return sent
    top, bottom, left, right = box
    areas = [np.s_[top:bottom, left:right], *[np.s_[top // 2 : bottom // 2, left // 2 : right // 2]] * 2]
    below, above = ([plane[area] for plane, area in zip(parts, areas, strict=True)] for parts in (sent, taken))
    there, back = _flow(cv2, below[0], above[0]), _flow(cv2, above[0], below[0])
    blended = []
    for plane, area, low, high in zip(sent, areas, below, above, strict=True):
        moved_low = _move(cv2, low, _at_share(cv2, there, strength, low.shape))
        moved_high = _move(cv2, high, _at_share(cv2, back, 1 - strength, low.shape))
        result = np.array(plane)
        result[area] = np.clip(np.rint(_blend(cv2, moved_low, moved_high, strength)), 0, 255).astype(np.uint8)
        blended.append(result)
    return blended


def _even_box(mask: Mask, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return top, bottom, left and right of what changed and a margin, in px, with even borders."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    down, across = shape[0] / mask.shape[0], shape[1] / mask.shape[1]
    top, bottom = int(rows[0] * down) - _MARGIN_PX, int(np.ceil((rows[-1] + 1) * down)) + _MARGIN_PX
    left, right = int(columns[0] * across) - _MARGIN_PX, int(np.ceil((columns[-1] + 1) * across)) + _MARGIN_PX
    height, width = shape[0] - shape[0] % 2, shape[1] - shape[1] % 2
    top, left = max(0, top) // 2 * 2, max(0, left) // 2 * 2
    bottom, right = min(height, -(-bottom // 2) * 2), min(width, -(-right // 2) * 2)
    return (top, bottom, left, right) if min(bottom - top, right - left) >= _LEAST_SIDE_PX else (0, height, 0, width)


def _flow(cv2: Any, first: Plane, second: Plane) -> Field:
    """Return how far each pixel of the first luma moves to the second, `(height, width, 2)` px."""
    if min(first.shape) < _LEAST_SIDE_PX // 2:
        return np.zeros((*first.shape, 2), np.float32)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: Field = search.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), None)
    return flow


def _at_share(cv2: Any, flow: Field, share: float, shape: tuple[int, ...]) -> Field:
    """Return, for each pixel of the picture in between, where it comes from: the flow that arrives there, reversed.

    The flow is given at the pixels where it starts; a few steps of a fixed point find the one that arrives.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    arriving = flow
    for _ in range(4):
        at_x, at_y = x - share * arriving[..., 0], y - share * arriving[..., 1]
        arriving = cv2.remap(flow, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    offset: Field = -share * arriving
    if shape != (height, width):
        small = cv2.resize(offset, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
        offset = small * np.array([shape[1] / width, shape[0] / height], np.float32)
    return offset


def _move(cv2: Any, plane: Plane, offset: Field) -> Field:
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]].astype(np.float32)
    moved: Field = cv2.remap(
        plane.astype(np.float32),
        x + offset[..., 0],
        y + offset[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved


def _blend(cv2: Any, low: Field, high: Field, strength: float) -> Field:
    """Blend two pictures that lie upon one another; fine detail keeps the variance that it has in them."""
    coarse = [cv2.GaussianBlur(part, (0, 0), _FINE_PX) for part in (low, high)]
    fine = [part - blurred for part, blurred in zip((low, high), coarse, strict=True)]
    weights = 1 - strength, strength
    mixed = weights[0] * fine[0] + weights[1] * fine[1]
    power = [cv2.GaussianBlur(part * part, (0, 0), _LOCAL_PX) for part in (*fine, mixed)]
    wanted = weights[0] * power[0] + weights[1] * power[1]
    gain = np.sqrt((wanted + 0.25) / (power[2] + 0.25))
    blended: Field = weights[0] * coarse[0] + weights[1] * coarse[1] + mixed * np.clip(gain, 1.0, 1.5)
    return blended
