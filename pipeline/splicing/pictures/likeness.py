"""How alike two pictures are: PSNR and structural similarity (SSIM) of their luma.

Source: Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004); windows of 8x8
pixels every 4, as in ffmpeg's filter `ssim` and in x264.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

BEST_PSNR_DB = 99.0
_BLOCK_PX, _WINDOW_PX = 4, 64
Luma = NDArray[np.uint8] | NDArray[np.uint16]


def psnr_db(expected: Luma, actual: Luma, depth: int) -> float:
    """Return the PSNR in dB of two planes of `depth` bits, `(height, width)`; BEST_PSNR_DB if they are the same."""
    difference = (expected.astype(np.int32) - actual).astype(np.float32)
    mean_square = float(np.mean(difference * difference))
    peak = (1 << depth) - 1
    return min(BEST_PSNR_DB, 10 * float(np.log10(peak * peak / mean_square))) if mean_square else BEST_PSNR_DB


def ssim(expected: Luma, actual: Luma, depth: int) -> float:
    """Return the mean structural similarity of two planes of `depth` bits, `(height, width)`, each at least 8x8."""
    first, second = (plane.astype(np.uint32) for plane in (expected, actual))
    sum_a, sum_b, sum_ab = _windows(first), _windows(second), _windows(first * second)
    sum_squares = _windows(first * first + second * second)
    means = sum_a * sum_b
    squares = sum_a * sum_a + sum_b * sum_b
    variances, covariance = sum_squares * _WINDOW_PX - squares, sum_ab * _WINDOW_PX - means
    peak = (1 << depth) - 1
    c1, c2 = (0.01 * peak * _WINDOW_PX) ** 2, (0.03 * peak) ** 2 * _WINDOW_PX * (_WINDOW_PX - 1)
    values = (2 * means + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return float(values.mean())


def _windows(plane: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the sums of all windows of 8x8 pixels, every 4 pixels; exact up to 12 bits."""
    height, width = (side // _BLOCK_PX * _BLOCK_PX for side in plane.shape)
    lines = plane[:height, :width].reshape(height // _BLOCK_PX, _BLOCK_PX, width).sum(axis=1, dtype=np.uint32)
    blocks = sum((lines[:, column::_BLOCK_PX] for column in range(1, _BLOCK_PX)), lines[:, ::_BLOCK_PX])
    rows = blocks[:-1] + blocks[1:]
    sums: NDArray[np.float64] = (rows[:, :-1] + rows[:, 1:]).astype(np.float64)
    return sums


def luma_plane(frame: VideoFrame) -> Luma:
    """Return the visible part of a picture's first plane."""
    plane: Any = frame.planes[0]
    depth = max(component.bits for component in frame.format.components)
    kind = np.uint8 if depth == 8 else np.uint16
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // np.dtype(kind).itemsize)
    visible: Any = rows[:, : frame.width]
    return cast("Luma", visible)
