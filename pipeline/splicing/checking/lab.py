"""Pictures as CIE L*a*b*, small enough to compare many of them, and how far apart two are.

Source  IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*, D65, the 2° observer); the distance is CIE76, the Euclidean one.
        Films of high dynamic range are read as though they were sRGB: their distances are approximate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kinds import VideoStream
from ...media.decode import rgb

Lab = NDArray[np.float32]
Mask = NDArray[np.bool_]

LONGEST_SIDE_PX = 480
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
_KNEE, _SLOPE = 216 / 24389, 24389 / 27


def _linear() -> NDArray[np.float32]:
    steps = np.arange(256) / 255
    return np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear()
_MATRIX = (_TO_XYZ / _WHITE[:, None]).astype(np.float32)


def lab(frame: Any, video: VideoStream) -> Lab:
    """Give a frame as coded, shrunk to at most 480 pixels a side, `(height, width, 3) float32`."""
    scale = min(1.0, LONGEST_SIDE_PX / max(frame.width, frame.height))
    if scale < 1:
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        frame = frame.reformat(width, height, interpolation="AREA")
    return of_rgb(rgb(frame, video))


def of_rgb(picture: NDArray[np.uint8]) -> Lab:
    """Convert `(height, width, 3) uint8` sRGB."""
    xyz = _LINEAR[picture] @ _MATRIX.T
    f = np.where(xyz > _KNEE, np.cbrt(xyz), (_SLOPE * xyz + 16) / 116).astype(np.float32)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    made: Lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return made


def delta_e(one: Lab, other: Lab) -> NDArray[np.float32]:
    """Give the CIE76 distance of each pixel."""
    found: NDArray[np.float32] = np.sqrt(np.square(one - other).sum(-1))
    return found


def mean_in(values: NDArray[np.float32], where: Mask) -> float:
    """Give the mean over a region; 0 where it is empty."""
    return float(values[where].mean()) if where.any() else 0.0
