"""Colours of a frame, by its own matrix and range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame

from react1.pipeline.core.values import VideoStream
from react1.pipeline.engine.frames.clip_frames import Picture, VideoFormat, planes_of
from react1.pipeline.engine.frames.frame_color import frame_rgb, to_rgb
from react1.pipeline.media.frames.color import full_color

SIDE = 64


@pytest.mark.parametrize("size", [(720, 576), (1024, 576), (1280, 536), (640, 640), (1920, 1080), (576, 1024)])
def test_a_clip_without_a_matrix_has_that_of_its_size(size: tuple[int, int]) -> None:
    """The engine guesses as the rest of the package does."""
    unset = dict.fromkeys(("color_space", "color_primaries", "color_transfer", "color_range"), "")
    stream = VideoStream.model_construct(width_px=size[0], height_px=size[1], pix_fmt="yuv420p", **unset)
    number = {"bt709": 1, "smpte170m": 6}[full_color(stream).space]
    luma, blue, red = (np.full((side, side), value, np.uint8) for side, value in ((2, 120), (1, 80), (1, 180)))
    picture = Picture(luma, blue, red)

    unknown, known = (
        to_rgb(picture, (0, 0, 2, 2), VideoFormat(*size, Fraction(25), matrix, 1, 1, 1)) for matrix in (2, number)
    )

    assert (unknown == known).all()


@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 9, 10])
@pytest.mark.parametrize("range_", [0, 1, 2])
def test_both_conversions_of_a_frame_agree(matrix: int, range_: int) -> None:
    """A colour is the same within two steps by both; by another matrix it is not."""
    frame = VideoFrame(SIDE, SIDE, "yuv420p")
    for plane, value in zip(frame.planes, (120, 80, 180), strict=True):
        np.frombuffer(memoryview(plane), np.uint8)[:] = value
    tags = {"primaries": 1, "transfer": 1, "range": range_}
    own, other = (VideoFormat(SIDE, SIDE, Fraction(25), number, **tags) for number in (matrix, 6 if matrix == 1 else 1))

    read = frame_rgb(frame, own).astype(int)

    own_error, other_error = (
        np.abs(read - to_rgb(planes_of(frame), (0, 0, SIDE, SIDE), by)).max() for by in (own, other)
    )
    assert own_error <= 2 < other_error
