"""Compare two pictures as an eye does: distances of colors in CIE L*a*b*, of pictures of at most 480 pixels a side.

Source: IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*, D65, the 2° observer); the distance is CIE76, the Euclidean one.
Films of high dynamic range are read as if they were sRGB: their distances are approximate.
"""

from __future__ import annotations

from functools import cache
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
MAX_ROUGH_ERROR = 0.15
"""How much a distance by a table of roots may be wrong: half a step of the table at its steepest, twice for a* and b*,
in both colors, is 0.13."""
_BAND_PIXELS = 1 << 13
"""Colors are compared in bands that stay in a processor's cache."""


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
        return lightness_from_rgb(_at(self.source, pixels))

    def output_lightness(self, pixels: Any) -> Lab:
        """Return L* of the output at these pixels."""
        return lightness_from_rgb(_at(self.output, pixels))


def _at(colors: Rgb, pixels: Any) -> Rgb:
    """Return the colors at indices, or where a mask is set; `take` is four times as fast as an index."""
    return colors.take(np.flatnonzero(pixels) if pixels.dtype == bool else pixels, axis=0)


def _visibly_different(first: Rgb, second: Rgb) -> Mask:
    """Return which pixels, `(count, 3)`, are more than a just noticeable difference apart."""
    steps = np.maximum(first, second) - np.minimum(first, second)
    candidates = np.flatnonzero((steps[:, 0] | steps[:, 1] | steps[:, 2]) > MAX_UNSEEN_STEPS)
    changed = np.zeros(len(first), bool)
    for start in range(0, len(candidates), _BAND_PIXELS):
        band = candidates[start : start + _BAND_PIXELS]
        changed[band] = _farther_than_noticeable(first.take(band, axis=0), second.take(band, axis=0))
    return changed


def _farther_than_noticeable(first: Rgb, second: Rgb) -> Mask:
    """Compare the distances of pixels with the limit: roughly, and exactly where that is too near to tell."""
    rough = rough_squared_distances(first, second)
    farther: Mask = rough > np.float32((NOTICEABLE_DELTA_E + MAX_ROUGH_ERROR) ** 2)
    unclear = np.flatnonzero(~farther & (rough > np.float32((NOTICEABLE_DELTA_E - MAX_ROUGH_ERROR) ** 2)))
    before, after = (_lab_planes(colors.take(unclear, axis=0)) for colors in (first, second))
    before -= after
    farther[unclear] = np.square(before, out=before).sum(0) > np.float32(NOTICEABLE_DELTA_E**2)
    return farther


_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(1)
_KNEE, _SLOPE = 216 / 24389, 24389 / 27
_ROOT_STEPS = 65_535


def _linear_table() -> NDArray[np.float32]:
    steps = np.arange(256) / 255
    return np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_table()
_MATRIX = (_TO_XYZ / _WHITE[:, None]).astype(np.float32)
_MATRIX_OF_STEPS = _MATRIX * np.float32(_ROOT_STEPS)


def small_rgb(frame: Any, video: VideoStream) -> Rgb:
    """Convert a frame as coded, shrunk to at most 480 pixels a side, to `(height, width, 3) uint8` sRGB."""
    scale = min(1.0, MAX_SIDE_PX / max(frame.width, frame.height))
    if scale < 1:
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        frame = reformat(frame, width, height, interpolation="AREA")
    return rgb(frame, video)


def lab_from_rgb(pixels: Rgb) -> Lab:
    """Convert sRGB, `(…, 3) uint8`, to L*a*b*, `(…, 3) float32`."""
    return np.ascontiguousarray(_lab_planes(pixels.reshape(-1, 3)).T).reshape(pixels.shape)


def _lab_planes(pixels: Rgb) -> Lab:
    """Convert sRGB, `(count, 3) uint8`, to L*, a* and b*, `(3, count) float32`."""
    planes = _cube_root(_MATRIX @ _LINEAR.take(np.ascontiguousarray(pixels.T)))
    x, y, z = planes
    x -= y
    np.subtract(y, z, out=z)
    y *= 116
    y -= 16
    x *= 500
    z *= 200
    return planes[[1, 0, 2]]


def rough_squared_distances(first: Rgb, second: Rgb) -> Lab:
    """Return nearly the squared CIE76 distances of sRGB, `(count, 3) uint8`, in a fraction of the time."""
    difference: Lab = _rough_roots(first) - _rough_roots(second)
    x, y, z = difference
    x -= y
    z -= y
    x *= 500
    y *= 116
    z *= 200
    difference *= difference
    squares: Lab = difference.sum(0)
    return squares


def _rough_roots(pixels: Rgb) -> Lab:
    """Return nearly the compressed tristimulus values of sRGB, `(3, count)`, by a table."""
    steps = _MATRIX_OF_STEPS @ _LINEAR.take(pixels.T)
    steps += np.float32(0.5)
    roots: Lab = _root_table().take(steps.astype(np.intp))
    return roots


@cache
def _root_table() -> NDArray[np.float32]:
    """Return the compressed tristimulus value of each of `_ROOT_STEPS` steps."""
    return _cube_root(np.arange(_ROOT_STEPS + 2, dtype=np.float32) / np.float32(_ROOT_STEPS))


def lightness_from_rgb(pixels: Rgb) -> Lab:
    """Convert sRGB, `(…, 3) uint8`, to L*, `(…) float32`."""
    lightness: Lab = 116 * _cube_root(_LINEAR.take(pixels) @ _MATRIX[1]) - 16
    return lightness


def _cube_root(xyz: Lab) -> Lab:
    """Return the compressed tristimulus values of CIE 15: a cube root with a straight foot."""
    roots = np.cbrt(xyz)
    dark = xyz <= _KNEE
    if dark.any():
        roots[dark] = (_SLOPE * xyz[dark] + 16) / 116
    return roots


def delta_e(first: Lab, second: Lab) -> NDArray[np.float32]:
    """Return the CIE76 distance of each pixel."""
    distance: NDArray[np.float32] = np.sqrt(np.square(first - second).sum(-1))
    return distance
