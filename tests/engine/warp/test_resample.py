"""Resampling: exact where nothing moves, and as sharp in luma as the long kernel alone."""

from __future__ import annotations

import numpy as np

from react1.pipeline.engine.warp.resampling import resample, restore_detail


def test_unmoved_pixels_and_whole_pixel_moves_are_exact(portrait) -> None:
    """Every byte is equal without a move, and for a move by whole pixels."""
    picture = portrait.picture
    rows, columns = np.mgrid[0 : picture.shape[0] - 4, 0 : picture.shape[1] - 3].astype(np.float32)

    assert np.array_equal(resample(picture, columns, rows), picture[:-4, :-3])
    assert np.array_equal(resample(picture, columns + 3, rows + 4), picture[4:, 3:])


def test_luma_is_read_by_the_long_kernel(portrait) -> None:
    """Between pixels, luma is as sharp as by Lanczos to 6 %, and within 3 steps, 0.4 on average; linear is not."""
    import cv2

    picture = portrait.picture
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    # OpenCV rounds places to 1/32 px, which shifts strong edges.
    across, along = (np.round(32 * places) / 32 for places in (columns + 0.5 + 0.3 * np.sin(rows / 40), rows + 0.4))

    read = resample(picture, across, along)

    weights, inside = np.array([0.2126, 0.7152, 0.0722]), np.s_[60:-60, 160:-160]
    lanczos, linear = (
        cv2.remap(picture, across, along, kernel, borderMode=cv2.BORDER_REPLICATE)
        for kernel in (cv2.INTER_LANCZOS4, cv2.INTER_LINEAR)
    )
    error, linear_error = (np.abs((read.astype(float) - other) @ weights)[inside] for other in (lanczos, linear))
    assert error.max() < 3
    assert error.mean() < 0.4 < linear_error.mean()
    sharpness, wanted = (cv2.Laplacian(other @ weights, cv2.CV_64F)[inside].var() for other in (read, lanczos))
    assert abs(sharpness / wanted - 1) < 0.06


def _sharpness(picture) -> float:
    import cv2

    inside = np.s_[60:-60, 60:-60]
    return float(cv2.Laplacian(picture @ np.array([0.2126, 0.7152, 0.0722]), cv2.CV_64F)[inside].var())


def test_detail_survives_a_reading_between_pixels(portrait) -> None:
    """Read halfway between its pixels, a picture keeps its sharpness to 10 %, be it fine, grainy or soft."""
    import cv2

    fine = cv2.resize(portrait.picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(1).normal(0, 4, fine.shape)
    grainy = np.clip(fine + noise, 0, 255).astype(np.uint8)
    for picture in (fine, grainy, portrait.picture):
        rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
        field = np.full((*picture.shape[:2], 2), 0.5, np.float32)

        read = resample(picture, columns + 0.5, rows + 0.5)
        detailed = restore_detail(read, picture, field)

        assert abs(_sharpness(detailed) / _sharpness(picture) - 1) < 0.10
        assert _sharpness(detailed) >= _sharpness(read)
        still = restore_detail(picture, picture, np.zeros_like(field))
        assert np.array_equal(still, picture)


def test_spread_skin_keeps_detail(portrait) -> None:
    """Where a field spreads a picture to 1.4 times its height, detail is raised; where it squeezes it, it is not."""
    import cv2

    picture = cv2.resize(portrait.picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    sharper = []
    for growth in (1.4, 0.8):
        along = rows / growth
        field = np.stack([np.zeros_like(rows), along - rows], -1)
        read = resample(picture, columns, along)
        sharper.append(_sharpness(restore_detail(read, picture, field)) / _sharpness(read))
    assert sharper[0] > 1.15
    assert sharper[0] > sharper[1] + 0.1
