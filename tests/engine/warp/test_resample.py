"""Resampling: exact where nothing moves, and as sharp in luma as the long kernel alone."""

from __future__ import annotations

import numpy as np

from react1.pipeline.engine.warp.resampling import resample


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


def test_bands_and_still_pixels_change_nothing(portrait, monkeypatch) -> None:
    """A part that is read in bands, and copied where nothing moves, has the bytes of one that is read at once."""
    from react1.pipeline.engine.warp import resampling

    picture, (left, top), (rows, columns) = portrait.picture, (90, 60), (201, 150)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    field = np.stack([3.3 * np.sin(y / 17), -2.6 * np.cos(x / 13)], -1)
    field[:, :31] = field[:70] = 0
    at_once = resample(picture, x + left + field[..., 0], y + top + field[..., 1])

    for band in (16, 1000):
        monkeypatch.setattr(resampling, "BAND_PX", band)
        assert np.array_equal(resampling.bend(picture, field, (left, top)), at_once)


def test_a_part_at_the_border_repeats_it(portrait) -> None:
    """What is read from outside of the picture is its border, as of a picture that is read at once."""
    from react1.pipeline.engine.warp.resampling import bend

    picture = portrait.picture[:80, :90]
    y, x = np.mgrid[0:80, 0:90].astype(np.float32)
    field = np.full((80, 90, 2), -7.25, np.float32)

    assert np.array_equal(bend(picture, field, (0, 0)), resample(picture, x - 7.25, y - 7.25))


def test_stretched_detail_is_as_strong_as_before_and_grain_is_not_raised() -> None:
    """A texture stretched by 1.25 gets a tenth sharper or more; faint grain and what is pushed together stay."""
    import cv2

    from react1.pipeline.engine.warp.resampling import measure_stretch, restore_detail

    noise = np.random.default_rng(7).normal(0, 1, (160, 200))
    x, y = np.meshgrid(np.arange(200, dtype=np.float32), np.arange(160, dtype=np.float32))
    field = np.stack([-0.2 * (x - 100), 0 * y], -1)
    for strength, more in ((18.0, 1.1), (0.8, 1.0)):
        texture = np.clip(128 + strength * cv2.GaussianBlur(noise, (0, 0), 0.8) / 0.35, 0, 255).astype(np.uint8)
        drawn = resample(cv2.merge([texture] * 3), x + field[..., 0], y)

        restored = restore_detail(drawn, measure_stretch(field, 4.0).gain)

        before, after = (cv2.Laplacian(picture[..., 1], cv2.CV_32F).var() for picture in (drawn, restored))
        assert after >= more * before
        assert np.array_equal(restored, drawn) == (more == 1.0)
        assert np.array_equal(restore_detail(drawn, measure_stretch(-field, 4.0).gain), drawn)


def test_a_line_stays_a_line_where_the_skin_around_it_is_pushed_together() -> None:
    """A slanting line of one pixel is about as dark in every column where more than two rows lie in one, no dashes."""
    from react1.pipeline.engine.warp.resampling import average_squeezed, bend, measure_stretch

    picture = np.full((240, 160, 3), 200, np.uint8)
    for column in range(160):
        picture[100 + column // 4, column] = 20
    rows = np.mgrid[0:100, 0:160][0].astype(np.float32)
    for times in (2.7, 2.85, 3.0):
        field = np.stack([0 * rows, (times - 1) * (rows - 50) + 70], -1)
        once = bend(picture, field, (0, 0))
        drawn = once.copy()

        average_squeezed(drawn, picture, field, (0, 0), measure_stretch(field, 4.0).squeezed)

        dashes, line = ((200 - read[..., 1].astype(int)).sum(0)[8:-8] for read in (once, drawn))
        assert dashes.min() <= 0 < 180 <= dashes.max()
        assert line.min() >= 0.75 * line.max() > 40


def test_what_is_hardly_pushed_together_is_read_once(portrait) -> None:
    """Not a byte changes where a pixel shows 1.3 of the source."""
    from react1.pipeline.engine.warp.resampling import average_squeezed, bend, measure_stretch

    rows, columns = np.mgrid[0:200, 0:200].astype(np.float32)
    field = np.stack([0.3 * (columns - 100), 0.3 * (rows - 100)], -1)
    drawn = bend(portrait.picture, field, (120, 80))
    once = drawn.copy()

    average_squeezed(drawn, portrait.picture, field, (120, 80), measure_stretch(field, 4.0).squeezed)

    assert np.array_equal(drawn, once)
