"""Compare two pictures as an eye does: distances of colors in CIE L*a*b*, of pictures of at most 480 pixels a side.

Source: IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*, D65, the 2° observer); the distance is CIE76, the Euclidean one.
Films of high dynamic range are read as if they were sRGB: their distances are approximate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.values import VideoStream
from ...media.frames.decode import reformat, rgb

Lab = NDArray[np.float32]
Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

NOTICEABLE_DELTA_E = 2.3
MAX_UNSEEN_STEPS = 1
"""Pixels whose red, green and blue differ by no more than this, of 255, are at most 1.94 apart."""
MAX_SIDE_PX = 480


class FramePair:
    """The same frame of both films, shrunk, as sRGB.

    Colors are converted to CIE L*a*b* only where they are compared, which is a small part of most pictures.
    """

    def __init__(self, index: int, source: Rgb, output: Rgb) -> None:
        """Compare two pictures, `(height, width, 3) uint8`."""
        self.index = index
        self.source, self.output = source.reshape(-1, 3), output.reshape(-1, 3)
        self.changed = _visibly_different(self.source, self.output)
        """The pixels that differ visibly, `(height * width,)`."""

    def source_lightness(self, pixels: Any) -> Lab:
        """Return L* of the source at these pixels."""
        return lightness_from_rgb(self.source[pixels])

    def output_lightness(self, pixels: Any) -> Lab:
        """Return L* of the output at these pixels."""
        return lightness_from_rgb(self.output[pixels])


def _visibly_different(first: Rgb, second: Rgb) -> Mask:
    """Return which pixels, `(count, 3)`, are more than a just noticeable difference apart."""
    steps = np.maximum(first, second) - np.minimum(first, second)
    candidates = np.flatnonzero((steps[:, 0] | steps[:, 1] | steps[:, 2]) > MAX_UNSEEN_STEPS)
    changed = np.zeros(len(first), bool)
    changed[candidates] = (
        delta_e(lab_from_rgb(first[candidates]), lab_from_rgb(second[candidates])) > NOTICEABLE_DELTA_E
    )
    return changed


_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
_KNEE, _SLOPE = 216 / 24389, 24389 / 27


def _linear_table() -> NDArray[np.float32]:
    steps = np.arange(256) / 255
    return np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_table()
_MATRIX = (_TO_XYZ / _WHITE[:, None]).astype(np.float32)


def small_rgb(frame: Any, video: VideoStream) -> Rgb:
    """Convert a frame as coded, shrunk to at most 480 pixels a side, to `(height, width, 3) uint8` sRGB."""
    scale = min(1.0, MAX_SIDE_PX / max(frame.width, frame.height))
    if scale < 1:
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        frame = reformat(frame, width, height, interpolation="AREA")
    return rgb(frame, video)


def lab_from_rgb(pixels: Rgb) -> Lab:
    """Convert sRGB, `(…, 3) uint8`, to L*a*b*, `(…, 3) float32`."""
    f = _cube_root(_LINEAR[pixels] @ _MATRIX.T)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    result: Lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return result


def lightness_from_rgb(pixels: Rgb) -> Lab:
    """Convert sRGB, `(…, 3) uint8`, to L*, `(…) float32`."""
    lightness: Lab = 116 * _cube_root(_LINEAR[pixels] @ _MATRIX[1]) - 16
    return lightness


def _cube_root(xyz: Lab) -> Lab:
    """Return the compressed tristimulus values of CIE 15: a cube root with a straight foot."""
    return np.where(xyz > _KNEE, np.cbrt(xyz), (_SLOPE * xyz + 16) / 116).astype(np.float32)


def delta_e(first: Lab, second: Lab) -> NDArray[np.float32]:
    """Return the CIE76 distance of each pixel."""
    distance: NDArray[np.float32] = np.sqrt(np.square(first - second).sum(-1))
    return distance
