"""Pixels read at other places: exact where nothing moves, and as sharp in the light as the long kernel alone."""

from __future__ import annotations

import numpy as np

from react1.pipeline.engine.warp.warp import resample


def test_a_pixel_at_its_own_place_is_itself(portrait) -> None:
    """No move, and a move by whole pixels: every byte."""
    picture = portrait.picture
    rows, columns = np.mgrid[0 : picture.shape[0] - 4, 0 : picture.shape[1] - 3].astype(np.float32)

    assert np.array_equal(resample(picture, columns, rows), picture[:-4, :-3])
    assert np.array_equal(resample(picture, columns + 3, rows + 4), picture[4:, 3:])


def test_light_is_read_by_the_long_kernel(portrait) -> None:
    """At odd places of a face: luma within 2.5 steps of Lanczos on every channel, 0.4 in the mean; linear is not."""
    import cv2

    picture = portrait.picture
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    across, along = columns + 0.5 + 0.3 * np.sin(rows / 40), rows + 0.4

    read = resample(picture, across, along)

    def off(kernel: int) -> np.ndarray:
        other = cv2.remap(picture, across, along, kernel, borderMode=cv2.BORDER_REPLICATE)
        return np.abs((read.astype(float) - other) @ np.array([0.2126, 0.7152, 0.0722]))

    inside = np.s_[60:-60, 160:-160]
    assert off(cv2.INTER_LANCZOS4)[inside].max() < 2.5
    assert off(cv2.INTER_LANCZOS4)[inside].mean() < 0.4 < off(cv2.INTER_LINEAR)[inside].mean()
