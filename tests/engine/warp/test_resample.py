"""Resampling: exact where nothing moves, and as sharp in luma as the long kernel alone."""

from __future__ import annotations

import numpy as np

from react1.pipeline.engine.warp.warp import resample


def test_unmoved_pixels_and_whole_pixel_moves_are_exact(portrait) -> None:
    """Every byte is equal without a move, and for a move by whole pixels."""
    picture = portrait.picture
    rows, columns = np.mgrid[0 : picture.shape[0] - 4, 0 : picture.shape[1] - 3].astype(np.float32)

    assert np.array_equal(resample(picture, columns, rows), picture[:-4, :-3])
    assert np.array_equal(resample(picture, columns + 3, rows + 4), picture[4:, 3:])


def test_luma_is_read_by_the_long_kernel(portrait) -> None:
    """Between pixels, luma is within 2.5 steps of Lanczos on every channel, 0.4 on average; linear reading is not."""
    import cv2

    picture = portrait.picture
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    across, along = columns + 0.5 + 0.3 * np.sin(rows / 40), rows + 0.4

    read = resample(picture, across, along)

    def luma_error(kernel: int) -> np.ndarray:
        other = cv2.remap(picture, across, along, kernel, borderMode=cv2.BORDER_REPLICATE)
        return np.abs((read.astype(float) - other) @ np.array([0.2126, 0.7152, 0.0722]))

    inside = np.s_[60:-60, 160:-160]
    assert luma_error(cv2.INTER_LANCZOS4)[inside].max() < 2.5
    assert luma_error(cv2.INTER_LANCZOS4)[inside].mean() < 0.4 < luma_error(cv2.INTER_LINEAR)[inside].mean()
