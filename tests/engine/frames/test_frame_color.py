"""Colours of a frame, by its own matrix and range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame

from react1.pipeline.engine.frames.clip_frames import VideoFormat, planes_of
from react1.pipeline.engine.frames.frame_color import frame_rgb, to_rgb

SIDE = 64


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
